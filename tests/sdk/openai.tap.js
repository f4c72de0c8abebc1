'use strict';
/*
 * openai.tap.js - drives the OpenAI stand-in with OpenAI's official client.  What the client cannot use, or what
 * comes in another shape than its types say, is a bug of the stand-in.
 *
 * Prints TAP: prove -e node tests/sdk/openai.tap.js
 */
const assert = require('assert');
const OpenAI = require('openai');
const {start, control, runTests, bailOut} = require('./standin.js');

const USER = [{role: 'user', content: 'hello 台灣'}];
const TOOL = {type: 'function', function: {name: 'look', description: 'Looks', parameters: {type: 'object', properties: {text: {type: 'string'}}}}};

const client = (url, more) => new OpenAI(Object.assign({apiKey: 'sk-test', baseURL: url + '/v1', maxRetries: 0, logLevel: 'off'}, more));

/* Runs fn, which must be refused by the service; returns the client's error. */
async function refusal(fn) {
	try {
		await fn();
	} catch (e) {
		if (!(e instanceof OpenAI.APIError))
			throw e;
		return e;
	}
	throw new Error('not refused');
}

async function collect(stream) {
	const all = [];
	for await (const x of stream)
		all.push(x);
	return all;
}

const chat = (t, more) => t.openai.chat.completions.create(Object.assign({model: 'gpt-4o', messages: USER}, more));
const joined = (chunks, index) => chunks.flatMap((c) => c.choices).filter((c) => c.index === (index || 0)).map((c) => c.delta.content || '').join('');

/* ---- the tests: [promise, function(context)] ---- */

const tests = [];
const test = (name, fn) => tests.push([name, fn]);

test('models are listed, and one is told', async (t) => {
	const all = await collect(t.openai.models.list());
	assert.ok(all.some((m) => m.id === 'gpt-4o' && m.object === 'model'));
	assert.strictEqual((await t.openai.models.retrieve('gpt-4o-mini')).id, 'gpt-4o-mini');
	assert.ok(await refusal(() => t.openai.models.retrieve('none')) instanceof OpenAI.NotFoundError);
});

test('a chat completion has a message, a reason, usage and a request id', async (t) => {
	const {data, response, request_id} = await chat(t).withResponse();
	assert.strictEqual(data.object, 'chat.completion');
	assert.strictEqual(data.choices[0].message.content, 'You said: hello 台灣');
	assert.strictEqual(data.choices[0].finish_reason, 'stop');
	assert.strictEqual(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
	assert.ok(/^req_/.test(request_id) && /^chatcmpl-/.test(data.id));
	assert.strictEqual(response.headers.get('openai-version'), '2020-10-01');
});

test('a stream has the same text in pieces, and ends', async (t) => {
	const chunks = await collect(await chat(t, {stream: true, stream_options: {include_usage: true}}));
	assert.ok(chunks.length > 4);
	assert.strictEqual(joined(chunks), 'You said: hello 台灣');
	assert.strictEqual(chunks[0].choices[0].delta.role, 'assistant');
	assert.deepStrictEqual(chunks[chunks.length - 1].choices, []);
	assert.ok(chunks[chunks.length - 1].usage.total_tokens > 0);
	assert.deepStrictEqual(chunks.filter((c) => c.choices.length && c.choices[0].finish_reason).length, 1);
});

test('the client\'s own accumulator makes the same completion of a stream', async (t) => {
	const whole = await t.openai.chat.completions.stream({model: 'gpt-4o', messages: USER}).finalChatCompletion();
	assert.strictEqual(whole.choices[0].message.content, 'You said: hello 台灣');
	assert.strictEqual(whole.choices[0].finish_reason, 'stop');
});

test('bytes may be cut anywhere, lines end with CRLF, comments keep the stream alive', async (t) => {
	await control(t.url, 'POST', '/_test/config', {stream: {eol: '\r\n', comments: true, bytes: 7}});
	const chunks = await collect(await chat(t, {stream: true}));
	await control(t.url, 'POST', '/_test/config', {stream: null});
	assert.strictEqual(joined(chunks), 'You said: hello 台灣');
});

test('a compressed stream is one, too', async (t) => {
	await control(t.url, 'POST', '/_test/config', {gzip_streams: true});
	const {data, response} = await chat(t, {stream: true}).withResponse();
	const text = joined(await collect(data));
	await control(t.url, 'POST', '/_test/config', {gzip_streams: false});
	assert.strictEqual(text, 'You said: hello 台灣');
	assert.strictEqual(response.headers.get('content-encoding'), 'gzip');
});

test('n choices, plain and streamed', async (t) => {
	assert.deepStrictEqual((await chat(t, {n: 3})).choices.map((c) => c.index), [0, 1, 2]);
	const chunks = await collect(await chat(t, {n: 2, stream: true}));
	assert.strictEqual(joined(chunks, 1), 'You said: hello 台灣');
});

test('stop and max_tokens end a text', async (t) => {
	assert.strictEqual((await chat(t, {stop: [' hello']})).choices[0].message.content, 'You said:');
	const cut = (await chat(t, {max_completion_tokens: 2})).choices[0];
	assert.deepStrictEqual([cut.message.content, cut.finish_reason], ['You said', 'length']);
});

test('log probabilities, plain and streamed', async (t) => {
	const plain = await chat(t, {logprobs: true});
	assert.strictEqual(plain.choices[0].logprobs.content.map((x) => x.token).join(''), 'You said: hello 台灣');
	const whole = await t.openai.chat.completions.stream({model: 'gpt-4o', messages: USER, logprobs: true}).finalChatCompletion();
	assert.deepStrictEqual(whole.choices[0].logprobs.content, plain.choices[0].logprobs.content);
});

test('a tool is called, and its answer goes back', async (t) => {
	const first = await chat(t, {tools: [TOOL]});
	const [call] = first.choices[0].message.tool_calls;
	assert.strictEqual(first.choices[0].finish_reason, 'tool_calls');
	assert.deepStrictEqual([call.type, call.function.name, JSON.parse(call.function.arguments)], ['function', 'look', {text: 'hello 台灣'}]);
	const next = await chat(t, {tools: [TOOL], messages: USER.concat(first.choices[0].message, {role: 'tool', tool_call_id: call.id, content: 'seen'})});
	assert.strictEqual(next.choices[0].message.content, 'You said: seen');
});

test('two tools are called in a stream', async (t) => {
	const other = {type: 'function', function: {name: 'other', parameters: {type: 'object', properties: {}}}};
	const whole = await t.openai.chat.completions.stream({model: 'gpt-4o', messages: USER, tools: [TOOL, other]}).finalChatCompletion();
	assert.deepStrictEqual(whole.choices[0].message.tool_calls.map((c) => c.function.name), ['look', 'other']);
	assert.ok(whole.choices[0].message.tool_calls.every((c) => JSON.parse(c.function.arguments).text === 'hello 台灣'));
});

test('the client runs a tool by itself', async (t) => {
	const seen = [];
	const runner = t.openai.chat.completions.runTools({model: 'gpt-4o', messages: USER, stream: true, tools: [{type: 'function',
		function: {name: 'look', parse: JSON.parse, parameters: {type: 'object', properties: {}}, function: (a) => { seen.push(a.text); return 'seen'; }}}]});
	assert.strictEqual(await runner.finalContent(), 'You said: seen');
	assert.deepStrictEqual(seen, ['hello 台灣']);
});

test('a laid-down answer: refusal, reasoning, odd arguments', async (t) => {
	await control(t.url, 'POST', '/_test/config', {answers: [{refusal: 'I must not.'}, {content: 'x', reasoning_content: 'because'},
		{tool_calls: [{name: 'f', arguments: '{"a":'}]}]});
	assert.strictEqual((await chat(t)).choices[0].message.refusal, 'I must not.');
	assert.strictEqual((await chat(t)).choices[0].message.reasoning_content, 'because');
	assert.strictEqual((await chat(t)).choices[0].message.tool_calls[0].function.arguments, '{"a":');
});

test('JSON comes where it is asked for', async (t) => {
	const made = await t.openai.chat.completions.parse({model: 'gpt-4o', messages: USER, response_format: {type: 'json_schema',
		json_schema: {name: 'echo', strict: true, schema: {type: 'object', properties: {echo: {type: 'string'}}, required: ['echo'], additionalProperties: false}}}});
	assert.strictEqual(JSON.parse(made.choices[0].message.content).echo, 'hello 台灣');
});

const REFUSED = [
	['no model', {model: ''}, 400, null, null, /model parameter/],
	['an unknown model', {model: 'gpt-none'}, 404, 'model_not_found', null, /does not exist/],
	['no messages', {messages: undefined}, 400, 'missing_required_parameter', 'messages', /messages/],
	['empty messages', {messages: []}, 400, 'empty_array', 'messages', /empty array/],
	['an unknown role', {messages: [{role: 'robot', content: 'x'}]}, 400, 'invalid_value', 'messages[0].role', /Supported values/],
	['content of another type', {messages: [{role: 'user', content: 5}]}, 400, 'invalid_type', 'messages[0].content', /but got an integer/],
	['a tool message without a call', {messages: [{role: 'tool', tool_call_id: 'x', content: 'y'}]}, 400, null, 'messages[0].role', /preceeding/],
	['a call without an answer', {messages: [{role: 'assistant', tool_calls: [{id: 'c1', type: 'function', function: {name: 'f', arguments: ''}}]}]},
		400, null, 'messages', /did not have response messages: c1/],
	['temperature 3', {temperature: 3}, 400, 'decimal_above_max_value', 'temperature', /<= 2/],
	['temperature "1"', {temperature: '1'}, 400, 'invalid_type', 'temperature', /but got a string/],
	['an unknown parameter', {frobnicate: 1}, 400, null, null, /frobnicate/],
	['stream_options without stream', {stream_options: {include_usage: true}}, 400, null, 'stream_options', /only allowed/],
	['both limits', {max_tokens: 5, max_completion_tokens: 5}, 400, 'invalid_parameter_combination', 'max_tokens', /same time/],
	['tool_choice without tools', {tool_choice: 'auto'}, 400, null, 'tool_choice', /only allowed/],
	['top_logprobs without logprobs', {top_logprobs: 2}, 400, null, 'top_logprobs', /only allowed/],
	['json_object and no such word', {response_format: {type: 'json_object'}}, 400, null, 'messages', /json/],
];

for (const [name, more, status, code, param, words] of REFUSED)
	test('refused: ' + name, async (t) => {
		const e = await refusal(() => chat(t, more));
		assert.deepStrictEqual([e.status, e.code, e.param, e.type], [status, code, param, 'invalid_request_error']);
		assert.ok(words.test(e.message), e.message);
	});

test('a wrong key is refused, and not shown whole', async (t) => {
	const e = await refusal(() => client(t.api, {apiKey: 'sk-very-wrong-0123456789'}).models.list());
	assert.ok(e instanceof OpenAI.AuthenticationError);
	assert.strictEqual(e.code, 'invalid_api_key');
	assert.ok(!e.message.includes('very-wrong-0123456789'));
});

test('an unknown path is no route', async (t) => {
	const e = await refusal(() => t.openai.post('/frobnicate', {body: {}}));
	assert.ok(e instanceof OpenAI.NotFoundError && /Invalid URL \(POST \/v1\/frobnicate\)/.test(e.message));
});

test('429 is tried again by the client, when it is told to', async (t) => {
	const busy = {route: 'GET /v1/models', act: 'status', status: 429, times: 2, headers: {'retry-after-ms': '10'}, body: {error: {message: 'busy'}}};
	await control(t.url, 'POST', '/_test/faults', [busy]);
	await control(t.url, 'POST', '/_test/requests');
	await client(t.api, {maxRetries: 2}).models.list();
	const [seen] = await control(t.url, 'GET', '/_test/requests');
	assert.strictEqual(seen.headers['x-stainless-retry-count'], '2');
});

test('above the rate: 429, and how long to wait', async (t) => {
	await control(t.url, 'POST', '/_test/config', {rate: 1, window_ms: 60000});
	await chat(t).catch(() => {});
	const e = await refusal(() => chat(t));
	await control(t.url, 'POST', '/_test/config', {rate: 0});
	assert.ok(e instanceof OpenAI.RateLimitError && e.code === 'rate_limit_exceeded');
	assert.ok(Number(e.headers.get('retry-after-ms')) > 0 && Number(e.headers.get('retry-after')) > 0);
});

test('errors of other shapes are errors, too', async (t) => {
	for (const errors of ['text', 'detail', 'message', 'html', 'empty']) {
		await control(t.url, 'POST', '/_test/config', {errors});
		assert.strictEqual((await refusal(() => chat(t, {temperature: 3}))).status, 400);
	}
	await control(t.url, 'POST', '/_test/config', {errors: 'openai'});
});

test('500 from the fault plan', async (t) => {
	await control(t.url, 'POST', '/_test/faults', [{route: 'POST /v1/chat/completions', act: 'status', status: 500, body: {error: {message: 'boom'}}}]);
	assert.ok(await refusal(() => chat(t)) instanceof OpenAI.InternalServerError);
	assert.strictEqual((await chat(t)).object, 'chat.completion');
});

test('a stream that breaks: an error in it, a reset, a silent end', async (t) => {
	const end = (how) => control(t.url, 'POST', '/_test/config', {stream: {end: how}});
	const read = async () => collect(await chat(t, {stream: true}));
	await end('error');
	assert.ok(/had an error/.test((await refusal(read)).message));
	await end('cut');
	await assert.rejects(read);
	await end('stop');
	const half = await read();
	assert.ok(half.length > 0 && half.every((c) => c.choices[0].finish_reason === null));
	await control(t.url, 'POST', '/_test/config', {stream: null});
});

test('who leaves a stream is seen', async (t) => {
	await control(t.url, 'POST', '/_test/config', {stream: {pause_ms: 50}});
	await control(t.url, 'POST', '/_test/requests');
	for await (const chunk of await chat(t, {stream: true}))
		if (joined([chunk]) !== '')
			break;
	let seen = {};
	for (let i = 0; i < 100 && seen.left === undefined; i++) {
		await new Promise((r) => setTimeout(r, 20));
		[seen] = await control(t.url, 'GET', '/_test/requests');
	}
	await control(t.url, 'POST', '/_test/config', {stream: null});
	assert.strictEqual(seen.left, true);
	assert.ok(seen.sent < 8);
});

test('a compatible server takes what OpenAI does not know', async (t) => {
	await control(t.url, 'POST', '/_test/config', {vendor: true});
	await chat(t, {top_k: 5});
	await control(t.url, 'POST', '/_test/config', {vendor: false});
});

test('a response, plain, and again by its id', async (t) => {
	const r = await t.openai.responses.create({model: 'gpt-4o', input: 'hello', instructions: 'Be kind.'});
	assert.deepStrictEqual([r.object, r.status, r.output_text], ['response', 'completed', 'You said: hello']);
	assert.strictEqual((await t.openai.responses.retrieve(r.id)).id, r.id);
	const next = await t.openai.responses.create({model: 'gpt-4o', input: [{role: 'user', content: [{type: 'input_text', text: 'more'}]}], previous_response_id: r.id});
	assert.strictEqual(next.output_text, 'You said: more');
	assert.strictEqual((await refusal(() => t.openai.responses.create({model: 'gpt-4o', input: 'x', previous_response_id: 'resp_no'}))).code, 'previous_response_not_found');
});

test('a streamed response: the client puts the same together', async (t) => {
	const whole = await t.openai.responses.stream({model: 'gpt-4o', input: 'hello'}).finalResponse();
	assert.strictEqual(whole.output_text, 'You said: hello');
	const events = await collect(await t.openai.responses.create({model: 'gpt-4o', input: 'hello', stream: true}));
	assert.deepStrictEqual(events.map((e) => e.sequence_number), events.map((_, i) => i));
	assert.strictEqual(events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join(''), 'You said: hello');
	assert.strictEqual(events[events.length - 1].type, 'response.completed');
});

test('a response calls a function, streamed', async (t) => {
	const tools = [{type: 'function', name: 'look', strict: false, parameters: {type: 'object', properties: {}}}];
	const whole = await t.openai.responses.stream({model: 'gpt-4o', input: 'hello', tools}).finalResponse();
	assert.strictEqual(whole.output[0].type, 'function_call');
	assert.deepStrictEqual(JSON.parse(whole.output[0].arguments), {text: 'hello'});
});

test('responses that fail or stay incomplete say so', async (t) => {
	await control(t.url, 'POST', '/_test/config', {stream: {end: 'failed'}});
	assert.strictEqual((await t.openai.responses.create({model: 'gpt-4o', input: 'x'})).error.code, 'server_error');
	await control(t.url, 'POST', '/_test/config', {stream: {end: 'incomplete'}});
	const events = await collect(await t.openai.responses.create({model: 'gpt-4o', input: 'x', stream: true}));
	await control(t.url, 'POST', '/_test/config', {stream: null});
	assert.strictEqual(events[events.length - 1].response.incomplete_details.reason, 'max_output_tokens');
});

/* front(url): what stands between the client and the stand-in; resolves to its address. */
async function main(front) {
	const {url, stop} = await start('openai', []);
	try {
		const api = front ? await front(url) : url;
		await runTests(tests, {url, api, openai: client(api)});
	} finally {
		stop();
	}
}

const run = (front) => main(front).catch(bailOut);

if (require.main === module)
	run();
module.exports = {run, test, chat, collect};
