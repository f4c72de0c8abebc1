'use strict';
/*
 * openai-chat.js - POST /v1/chat/completions of the OpenAI stand-in.
 */
const crypto = require('crypto');
const {fail, isA, want, wantType, wantOne, wantParams, objectOf, modelOf} = require('./openai-check.js');

const PARAMS = {
	model: [['string']], messages: [['array']], audio: [['object']], frequency_penalty: [['number'], -2, 2], function_call: [['string', 'object']],
	functions: [['array']], logit_bias: [['object']], logprobs: [['boolean']], max_completion_tokens: [['integer'], 1, 1e9],
	max_tokens: [['integer'], 1, 1e9], metadata: [['object']], modalities: [['array']], n: [['integer'], 1, 128],
	parallel_tool_calls: [['boolean']], prediction: [['object']], presence_penalty: [['number'], -2, 2], prompt_cache_key: [['string']],
	prompt_cache_retention: [['string']], reasoning_effort: [['string']], response_format: [['object']], safety_identifier: [['string']],
	seed: [['integer']], service_tier: [['string']], stop: [['string', 'array']], store: [['boolean']], stream: [['boolean']],
	stream_options: [['object']], temperature: [['number'], 0, 2], tool_choice: [['string', 'object']], tools: [['array']],
	top_logprobs: [['integer'], 0, 20], top_p: [['number'], 0, 1], user: [['string']], verbosity: [['string']], web_search_options: [['object']],
};
const ROLES = ['system', 'assistant', 'user', 'function', 'tool', 'developer'];
const PARTS = {user: ['text', 'image_url', 'input_audio', 'file'], assistant: ['text', 'refusal']};

const words = (text) => text.match(/[\s\S]{1,4}/gu) || [];	/* its tokens */
const newId = (prefix, n) => prefix + crypto.randomBytes(n).toString('base64').replace(/[+/=]/g, 'A').slice(0, n);

/* ---- the request ---- */

function checkContent(m, at) {
	const c = m.content;
	if (c === undefined || c === null) {
		if (m.role !== 'assistant' || (!m.tool_calls && !m.function_call && !m.refusal && !m.audio))
			fail(400, 'Invalid value for \'content\': expected a string, got null.', at + '.content');
		return;
	}
	wantType(c, ['string', 'array'], at + '.content');
	if (typeof c === 'string')
		return;
	const allowed = PARTS[m.role] || ['text'];
	c.forEach((part, i) => {
		const where = at + '.content[' + i + ']';
		wantType(part, ['object'], where);
		wantOne(part.type, allowed, where + '.type');
		if (part.type === 'text')
			wantType(part.text, ['string'], where + '.text');
		if (part.type === 'image_url' && (!isA(part.image_url, 'object') || typeof part.image_url.url !== 'string'))
			fail(400, 'Missing required parameter: \'' + where + '.image_url.url\'.', where + '.image_url.url', 'missing_required_parameter');
	});
}

function checkToolCalls(m, at) {
	wantType(m.tool_calls, ['array'], at + '.tool_calls');
	if (m.tool_calls.length === 0)
		fail(400, 'Invalid \'' + at + '.tool_calls\': empty array. Expected an array with minimum length 1, but got an empty array instead.',
		    at + '.tool_calls', 'empty_array');
	m.tool_calls.forEach((c, i) => {
		const where = at + '.tool_calls[' + i + ']';
		wantType(c, ['object'], where);
		wantType(c.id, ['string'], where + '.id');
		wantOne(c.type, ['function', 'custom'], where + '.type');
		if (c.type === 'function') {
			wantType(c.function, ['object'], where + '.function');
			wantType(c.function.name, ['string'], where + '.function.name');
			wantType(c.function.arguments, ['string'], where + '.function.arguments');
		}
	});
}

function checkMessages(messages) {
	let open = [];		/* tool calls without an answer */
	if (messages.length === 0)
		fail(400, 'Invalid \'messages\': empty array. Expected an array with minimum length 1, but got an empty array instead.', 'messages', 'empty_array');
	const unanswered = () => {
		if (open.length > 0)
			fail(400, 'An assistant message with \'tool_calls\' must be followed by tool messages responding to each \'tool_call_id\'. ' +
			    'The following tool_call_ids did not have response messages: ' + open.join(', '), 'messages');
	};
	messages.forEach((m, i) => {
		const at = 'messages[' + i + ']';
		wantType(m, ['object'], at);
		if (m.role === undefined)
			fail(400, 'Missing required parameter: \'' + at + '.role\'.', at + '.role', 'missing_required_parameter');
		wantOne(m.role, ROLES, at + '.role');
		checkContent(m, at);
		if (m.role === 'tool') {
			if (!open.includes(m.tool_call_id))
				fail(400, 'Invalid parameter: messages with role \'tool\' must be a response to a preceeding message with \'tool_calls\'.',
				    at + '.role');
			open = open.filter((id) => id !== m.tool_call_id);
			return;
		}
		unanswered();
		if (m.role === 'assistant' && m.tool_calls !== undefined && m.tool_calls !== null) {
			checkToolCalls(m, at);
			open = m.tool_calls.map((c) => c.id);
		}
	});
	unanswered();
}

function checkTools(body) {
	if (body.tool_choice && !body.tools && body.tool_choice !== 'none')
		fail(400, 'Invalid value for \'tool_choice\': \'tool_choice\' is only allowed when \'tools\' are specified.', 'tool_choice');
	(body.tools || []).forEach((t, i) => {
		const at = 'tools[' + i + ']';
		wantType(t, ['object'], at);
		wantOne(t.type, ['function', 'custom'], at + '.type');
		if (t.type === 'function') {
			want(t, 'function');
			if (typeof t.function.name !== 'string' || !/^[a-zA-Z0-9_-]+$/.test(t.function.name))
				fail(400, 'Invalid \'' + at + '.function.name\': string does not match pattern. Expected a string that matches the pattern ' +
				    '\'^[a-zA-Z0-9_-]+$\'.', at + '.function.name', 'invalid_value');
		}
	});
	if (typeof body.tool_choice === 'string')
		wantOne(body.tool_choice, ['none', 'auto', 'required'], 'tool_choice');
}

function check(body, config) {
	modelOf(body, config.models);
	want(body, 'messages');
	wantParams(body, PARAMS, config.vendor);
	checkMessages(body.messages);
	checkTools(body);
	if (body.stream_options && !body.stream)
		fail(400, 'The \'stream_options\' parameter is only allowed when \'stream\' is enabled.', 'stream_options');
	if (body.top_logprobs && !body.logprobs)
		fail(400, 'The \'top_logprobs\' parameter is only allowed when \'logprobs\' is enabled.', 'top_logprobs');
	if (body.max_tokens && body.max_completion_tokens)
		fail(400, 'Setting \'max_tokens\' and \'max_completion_tokens\' at the same time is not supported.', 'max_tokens', 'invalid_parameter_combination');
	if (body.metadata)
		for (const k of Object.keys(body.metadata))
			wantType(body.metadata[k], ['string'], 'metadata.' + k);
	if (body.response_format)
		wantOne(body.response_format.type, ['text', 'json_object', 'json_schema'], 'response_format.type');
	if (body.response_format && body.response_format.type === 'json_object' && !/json/i.test(JSON.stringify(body.messages)))
		fail(400, '\'messages\' must contain the word \'json\' in some form, to use \'response_format\' of type \'json_object\'.', 'messages');
}

/* ---- the answer ---- */

function textOf(content) {
	return typeof content === 'string' ? content : (content || []).map((p) => p.text || '').join('');
}

/* What the model says: what the test has laid down, or the last message again. */
function say(body, config) {
	const laid = config.answers.shift();
	const last = body.messages[body.messages.length - 1];
	const tools = (body.tools || []).filter((t) => t.type === 'function');
	if (laid)
		return Object.assign({content: null}, laid);
	if (tools.length > 0 && last.role === 'user' && body.tool_choice !== 'none') {
		const named = isA(body.tool_choice, 'object') ? tools.filter((t) => t.function.name === body.tool_choice.function.name) : tools;
		const calls = body.parallel_tool_calls === false ? named.slice(0, 1) : named;
		return {content: null, tool_calls: calls.map((t) => ({name: t.function.name, arguments: JSON.stringify({text: textOf(last.content)})}))};
	}
	if (body.response_format && body.response_format.type !== 'text')
		return {content: JSON.stringify({echo: textOf(last.content)})};
	return {content: 'You said: ' + textOf(last.content)};
}

/* One choice, as complete as it gets: {message pieces, finish_reason}. */
function choiceOf(body, said) {
	let text = said.content;
	let finish = said.finish_reason || (said.tool_calls ? 'tool_calls' : 'stop');
	const most = body.max_completion_tokens || body.max_tokens;
	for (const stop of [].concat(body.stop || [])) {
		const at = text === null ? -1 : text.indexOf(stop);
		if (at >= 0)
			text = text.slice(0, at);
	}
	if (most && text !== null && words(text).length > most) {
		text = words(text).slice(0, most).join('');
		finish = 'length';
	}
	return {
		text, finish, refusal: said.refusal === undefined ? null : said.refusal, reasoning: said.reasoning_content,
		calls: (said.tool_calls || []).map((c) => ({id: c.id || newId('call_', 24), type: 'function',
			function: {name: c.name, arguments: c.arguments}})),
	};
}

const logprob = (token) => ({token, logprob: -0.25, bytes: [...Buffer.from(token)], top_logprobs: []});

function usageOf(body, choices) {
	const prompt = words(JSON.stringify(body.messages)).length;
	const completion = choices.reduce((n, c) => n + words(c.text || '').length + words(c.calls.map((x) => x.function.arguments).join('')).length, 0);
	return {
		prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion,
		prompt_tokens_details: {cached_tokens: 0, audio_tokens: 0},
		completion_tokens_details: {reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0},
	};
}

function complete(body, choices, base) {
	return Object.assign({}, base, {
		object: 'chat.completion',
		choices: choices.map((c, index) => {
			const message = {role: 'assistant', content: c.text, refusal: c.refusal, annotations: []};
			if (c.reasoning !== undefined)
				message.reasoning_content = c.reasoning;
			if (c.calls.length > 0)
				message.tool_calls = c.calls;
			return {index, message, logprobs: body.logprobs ? {content: words(c.text || '').map(logprob), refusal: null} : null,
			    finish_reason: c.finish};
		}),
		usage: usageOf(body, choices), service_tier: 'default', system_fingerprint: 'fp_standin',
	});
}

/* The deltas of a choice, in order: [delta, logprobs]. */
function deltas(body, c) {
	const first = {role: 'assistant', content: c.calls.length > 0 ? null : '', refusal: null};
	const out = [[first, null]];
	for (const w of words(c.reasoning || ''))
		out.push([{reasoning_content: w}, null]);
	for (const w of words(c.refusal || ''))
		out.push([{refusal: w}, null]);
	for (const w of words(c.text || ''))
		out.push([{content: w}, body.logprobs ? {content: [logprob(w)], refusal: null} : null]);
	c.calls.forEach((call, index) => {
		out.push([{tool_calls: [{index, id: call.id, type: 'function', function: {name: call.function.name, arguments: ''}}]}, null]);
		for (const w of words(call.function.arguments))
			out.push([{tool_calls: [{index, function: {arguments: w}}]}, null]);
	});
	return out;
}

/* All chunks, as the service sends them; the choices take turns. */
function chunks(body, choices, base, config) {
	const usage = body.stream_options && body.stream_options.include_usage;
	const all = choices.map((c) => deltas(body, c));
	const out = [];
	const put = (list) => {
		const chunk = Object.assign({}, base, {object: 'chat.completion.chunk', service_tier: 'default', system_fingerprint: 'fp_standin', choices: list});
		if (usage)
			chunk.usage = null;
		if (config.obfuscation)
			chunk.obfuscation = crypto.randomBytes(1 + out.length % 7).toString('hex');
		out.push(chunk);
	};
	for (let i = 0; all.some((d) => i < d.length); i++)
		all.forEach((d, index) => {
			if (i < d.length)
				put([{index, delta: d[i][0], logprobs: d[i][1], finish_reason: null}]);
		});
	if (config.stream.end !== 'unfinished')
		choices.forEach((c, index) => put([{index, delta: {}, logprobs: null, finish_reason: c.finish}]));
	if (usage) {
		put([]);
		out[out.length - 1].usage = usageOf(body, choices);
	}
	return out;
}

/* Returns {object} or {events: [{data}]}, the last of them [DONE]. */
function chat(req, config) {
	const body = objectOf(req);
	check(body, config);
	const base = {id: newId('chatcmpl-', 29), object: '', created: Math.floor(Date.now() / 1000), model: config.snapshots[body.model] || body.model};
	const said = say(body, config);
	const choices = Array.from({length: body.n || 1}, () => choiceOf(body, said));
	if (!body.stream)
		return {object: complete(body, choices, base)};
	const events = chunks(body, choices, base, config).map((c) => ({data: JSON.stringify(c)}));
	return {events: events.concat({data: '[DONE]', last: true}), text: textOf(body.messages[body.messages.length - 1].content)};
}

module.exports = {chat, textOf, words, newId};
