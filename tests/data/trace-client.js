'use strict';
// Call a model, and tell trace-serve of it: "pending" before, "success" or "error" behind.
const TRACE = process.env.TRACE_URL || 'http://localhost:8080';
const API = process.env.OPENAI_BASE_URL || 'https://api.openai.com/v1';

async function post(url, body, headers) {
	const res = await fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json', ...headers}, body: JSON.stringify(body)});
	const json = await res.json();
	if (!res.ok)
		throw new Error(json.error ? json.error.message : json.message || 'HTTP ' + res.status);
	return json;
}

// Trouble with tracing is told, and breaks no call.  Answers where the trace is: {id, session_id, turn_number}.
const trace = (t) => post(TRACE + '/api/trace', t).then((r) => r.data, (e) => console.error('trace: ' + e.message));

async function chat(session_id, request) {
	const at = await trace({session_id, request, response: null, status: 'pending'}) || {session_id};
	try {
		const response = await post(API + '/chat/completions', request, {Authorization: 'Bearer ' + process.env.OPENAI_API_KEY});
		await trace({...at, request, response, status: 'success'});
		return response.choices[0].message.content;
	} catch (e) {
		await trace({...at, request, status: 'error', error_message: e.message});
		throw e;
	}
}

chat('demo-node', {model: 'gpt-4o', messages: [{role: 'user', content: process.argv[2] || 'Hello'}]})
	.then(console.log, (e) => { console.error(e.message); process.exitCode = 1; });
