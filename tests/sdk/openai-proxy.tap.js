'use strict';
/*
 * openai-proxy.tap.js - the tests of openai.tap.js once more, with trace-serve --proxy between OpenAI's official client and
 * the stand-in: the client must not see any difference.  Then what was recorded must be what the client saw.
 *
 * Prints TAP: B=build prove -e node tests/sdk/openai-proxy.tap.js
 */
const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const {spawn} = require('child_process');
const {control} = require('./standin.js');
const {run, test, chat, collect} = require('./openai.tap.js');

const TOOL = (name) => ({type: 'function', function: {name, parameters: {type: 'object', properties: {}}}});
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'llmutils.'));
const KEY = 'sk-test';
let server;

function front(url) {
	const tool = path.join(process.env.B || path.join(__dirname, '..', '..', 'build'), 'trace-serve');
	server = spawn(tool, ['--listen', '127.0.0.1:0', '--db', path.join(dir, 't.db'), '--proxy', url + '/v1'], {stdio: ['ignore', 'ignore', 'pipe']});
	return new Promise((resolve, reject) => {
		let said = '';
		server.once('error', reject);
		server.once('exit', (code) => reject(new Error('trace-serve ended with ' + code)));
		server.stderr.on('data', (d) => {
			said += d;
			const m = /listening on (\S+)/.exec(said);
			if (m)
				resolve(m[1]);
		});
	});
}

const api = (t, where) => control(t.api, 'GET', '/api' + where);

/* The records of a session, once there are n of them. */
async function records(t, session, n) {
	for (let i = 0; ; i++) {
		const {data} = await api(t, '/sessions/' + session + '/records?size=1000');
		if ((data.data.length >= n && data.data.every((r) => r.status !== 'pending')) || i === 600) {
			assert.strictEqual(data.data.length, n);
			return data.data.map((r) => Object.assign(r, {request: JSON.parse(r.request), response: JSON.parse(r.response || 'null'), metadata: JSON.parse(r.metadata)}));
		}
		await new Promise((r) => setTimeout(r, 50));
	}
}

test('recorded: a plain answer, whole', async (t) => {
	const {data, request_id} = await chat(t, {user: 'p-plain'}).withResponse();
	const [r] = await records(t, 'p-plain', 1);
	assert.deepStrictEqual(r.response, data);
	assert.deepStrictEqual([r.status, r.error_msg, r.turn_number, r.metadata.request_id, r.metadata.http_status], ['success', '', 1, request_id, 200]);
	assert.strictEqual(r.request.user, 'p-plain');
});

test('recorded: a stream is what the client made of it', async (t) => {
	const messages = [{role: 'user', content: 'hello 台灣 "quoted" \\ \u{1f600}'}];
	const tools = [TOOL('look'), TOOL('other')];
	for (const more of [{}, {tools}, {n: 2}, {logprobs: true}]) {
		const whole = await t.openai.chat.completions.stream(Object.assign({model: 'gpt-4o', messages, user: 'p-stream',
			stream_options: {include_usage: true}}, more)).finalChatCompletion();
		const all = await records(t, 'p-stream', [{}, {tools}, {n: 2}, {logprobs: true}].findIndex((m) => JSON.stringify(m) === JSON.stringify(more)) + 1);
		const got = all[all.length - 1].response;
		assert.strictEqual(got.object, 'chat.completion');
		assert.deepStrictEqual([got.id, got.model, got.created, got.usage], [whole.id, whole.model, whole.created, whole.usage]);
		assert.strictEqual(got.choices.length, whole.choices.length);
		got.choices.forEach((c, i) => {
			const want = whole.choices[i];
			assert.deepStrictEqual([c.index, c.finish_reason, c.message.content || null], [want.index, want.finish_reason, want.message.content || null]);
			assert.deepStrictEqual((c.message.tool_calls || []).map((x) => [x.id, x.type, x.function.name, x.function.arguments]),
			    (want.message.tool_calls || []).map((x) => [x.id, x.type, x.function.name, x.function.arguments]));
			assert.deepStrictEqual(c.logprobs && c.logprobs.content, want.logprobs && want.logprobs.content);
		});
	}
});

test('recorded: a streamed response', async (t) => {
	const whole = await t.openai.responses.stream({model: 'gpt-4o', input: 'hello', metadata: {session_id: 'p-response', turn_number: '7'}}).finalResponse();
	const [r] = await records(t, 'p-response', 1);
	assert.deepStrictEqual([r.response.id, r.response.status, r.turn_number], [whole.id, 'completed', 7]);
	assert.strictEqual(r.response.output[0].content[0].text, whole.output_text);
});

test('recorded: an error, with its words', async (t) => {
	await chat(t, {user: 'p-error', temperature: 3}).catch(() => {});
	const [r] = await records(t, 'p-error', 1);
	assert.strictEqual(r.status, 'error');
	assert.ok(/temperature/.test(r.error_msg), r.error_msg);
	assert.strictEqual(r.response.error.param, 'temperature');
	assert.strictEqual(r.metadata.http_status, 400);
});

test('recorded: each try of the client', async (t) => {
	await control(t.url, 'POST', '/_test/faults', [{route: 'POST /v1/chat/completions', act: 'status', status: 429, times: 2,
		headers: {'retry-after-ms': '10'}, body: {error: {message: 'busy'}}}]);
	await t.openai.chat.completions.create({model: 'gpt-4o', messages: [{role: 'user', content: 'x'}], user: 'p-retry'}, {maxRetries: 2});
	const all = await records(t, 'p-retry', 3);
	assert.deepStrictEqual(all.map((r) => [r.status, r.error_msg, r.metadata.retry_count]), [['error', 'busy', undefined], ['error', 'busy', 1], ['success', '', 2]]);
});

test('recorded: a stream that the client leaves', async (t) => {
	await control(t.url, 'POST', '/_test/config', {stream: {pause_ms: 50}});
	for await (const chunk of await chat(t, {stream: true, user: 'p-left'}))
		if (chunk.choices[0].delta.content)
			break;
	const [r] = await records(t, 'p-left', 1);
	await control(t.url, 'POST', '/_test/config', {stream: null});
	assert.strictEqual(r.status, 'error');
	assert.ok(/client left/.test(r.error_msg), r.error_msg);
	assert.ok('You said: hello 台灣'.startsWith(r.response.choices[0].message.content) && r.response.choices[0].message.content !== '');
});

test('recorded: a compressed stream', async (t) => {
	await control(t.url, 'POST', '/_test/config', {gzip_streams: true});
	await collect(await chat(t, {stream: true, user: 'p-gzip'}));
	await control(t.url, 'POST', '/_test/config', {gzip_streams: false});
	const [r] = await records(t, 'p-gzip', 1);
	assert.strictEqual(r.response.choices[0].message.content, 'You said: hello 台灣');
});

test('no key and no cookie is in the database', async () => {
	const bytes = Buffer.concat(fs.readdirSync(dir).map((f) => fs.readFileSync(path.join(dir, f)))).toString('latin1');
	assert.ok(bytes.includes('p-plain') && !bytes.includes(KEY) && !bytes.includes('Bearer ') && !bytes.includes('standin-cookie'));
	assert.ok(!bytes.includes('sk-very-wrong-0123456789'));
});

run(front).then(() => new Promise((resolve) => {
	server.removeAllListeners('exit');
	server.once('exit', resolve);
	server.kill();
})).then(() => fs.rmSync(dir, {recursive: true}));
