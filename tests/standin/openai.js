'use strict';
/*
 * openai.js - a stand-in of the OpenAI API: chat completions, responses and models, plain and streamed.
 *
 *   node tests/standin/openai.js [--port 0] [--key sk-test] [--models gpt-4o,gpt-4o-mini]
 *
 * The model answers "You said: " and the last message; asked with tools, it calls each of them once with {"text":<the message>}.
 * A message that begins with "wait N " is answered N milliseconds later.
 *
 * Control calls, beside those of common.js:
 *   GET  /_test/requests	what came: [{method, path, query, headers, body (text), left}]; left: the client went away in a stream
 *   POST /_test/requests	forgets them
 *   GET  /_test/stats		{most}: requests that were answered at a time, at most; POST forgets it
 *   GET  /_test/config		POST /_test/config  {...} merges:
 *	answers		what the model says next, in order: [{content, refusal, reasoning_content, tool_calls: [{name, arguments}],
 *			finish_reason}]
 *	models		the models that there are
 *	rate		requests a second, above it 429 (0: no limit); window_ms: instead of a second
 *	vendor		true: a compatible server, that takes unknown parameters
 *	obfuscation	true: chunks carry it
 *	errors		how errors look: "openai", "text" {"error":"..."}, "detail", "message", "html", "empty"
 *	gzip_streams	true: streams are compressed, too, for clients that take it
 *	stream		{eol: "\n", pad: " " (behind "data:"), comments: true, bytes: N (a write has so many, 0: an event), pause_ms (before each
 *			write), first_ms (before the first), end: ...}; end is how a stream ends:
 *	  "done"	as it should		"none" without [DONE] or the last event
 *	  "unfinished"	without finish_reason and [DONE]
 *	  "error"	with an error in the middle	"cut" with a reset in the middle	"stop" properly, but in the middle
 *	  "failed", "incomplete"  a response that ends so
 *
 * https://platform.openai.com/docs/api-reference
 */
const {performance} = require('perf_hooks');
const {serve, parseArgs, HttpError} = require('./common.js');
const {fail} = require('./openai-check.js');
const {chat, newId, textOf} = require('./openai-chat.js');
const {responses, getResponse, lastText} = require('./openai-responses.js');

const args = parseArgs({port: 0, key: 'sk-test', models: 'gpt-4o,gpt-4o-mini,gpt-4.1,o3-mini'});
const STREAM = {eol: '\n', pad: ' ', comments: false, bytes: 0, pause_ms: 0, first_ms: 0, end: 'done'};
const config = {
	answers: [], models: args.models.split(','), snapshots: {'gpt-4o': 'gpt-4o-2024-08-06', 'gpt-4o-mini': 'gpt-4o-mini-2024-07-18'},
	rate: 0, window_ms: 1000, vendor: false, obfuscation: true, errors: 'openai', gzip_streams: false, stream: Object.assign({}, STREAM),
};
let requests = [];
let open = 0;
let most = 0;
let recent = [];	/* when requests came, for the rate */

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

/* ---- who asks, and how often ---- */

function authorise(req) {
	const got = req.headers.authorization;
	if (got === undefined)
		fail(401, 'You didn\'t provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. ' +
		    'Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you\'re accessing the API from your browser ' +
		    'and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.');
	if (got !== 'Bearer ' + args.key)
		fail(401, 'Incorrect API key provided: ' + got.replace(/^Bearer /, '').replace(/(?<=^.{8}).*(?=.{4}$)/, '*') +
		    '. You can find your API key at https://platform.openai.com/account/api-keys.', null, 'invalid_api_key');
}

function limit() {
	const now = Math.floor(performance.now());	/* a clock that nobody sets */
	recent = recent.filter((t) => t > now - config.window_ms);
	if (config.rate > 0 && recent.length >= config.rate) {
		const ms = recent[0] + config.window_ms - now + 1;
		throw new HttpError(429, {error: {message: 'Rate limit reached for requests. Limit: ' + config.rate + '. Please try again in ' + ms + 'ms. ' +
		    'Visit https://platform.openai.com/account/rate-limits to learn more.', type: 'requests', param: null, code: 'rate_limit_exceeded'}},
		{'retry-after-ms': String(ms), 'retry-after': String(Math.ceil(ms / 1000)), 'x-ratelimit-limit-requests': String(config.rate),
		    'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': ms + 'ms'});
	}
	recent.push(now);
}

/* Compatible servers have other errors. */
function disguise(e) {
	const message = e.body.error.message;
	const kinds = {
		text: {error: message}, detail: {detail: message}, message: {message},
		html: '<html><body><h1>' + e.status + '</h1></body></html>', empty: '',
	};
	if (config.errors === 'openai')
		return e;
	return new HttpError(e.status, kinds[config.errors], config.errors === 'html' ? {'Content-Type': 'text/html'} : {});
}

/* ---- streams ---- */

/* The bytes of an event. */
function eventText(e, s) {
	const eol = s.eol;
	return (s.comments ? ': keep-alive' + eol + eol : '') + (e.event ? 'event:' + s.pad + e.event + eol : '') + 'data:' + s.pad + e.data + eol + eol;
}

/* What is sent of all events, by how the stream is to end. */
function ending(events, s) {
	const half = events.slice(0, Math.ceil(events.length / 2));
	switch (s.end) {
	case 'none':
	case 'unfinished':
		return events.filter((e) => !e.last);
	case 'stop':
	case 'cut':
		return half;
	case 'error': {
		const error = {message: 'The server had an error while processing your request. Sorry about that!', type: 'server_error', param: null, code: null};
		const first = half[0] && half[0].event;
		return half.concat(first ? {event: 'error', data: JSON.stringify({type: 'error', code: 'server_error', message: error.message, param: null})} :
			{data: JSON.stringify({error})});
	}
	default:
		return events;
	}
}

function streamed(answer, entry) {
	const s = Object.assign({}, config.stream);
	return {
		status: 200, headers: {'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache'},
		stream: async (out) => {
			await sleep(s.first_ms);
			for (const e of ending(answer.events, s)) {
				const bytes = Buffer.from(eventText(e, s));
				const size = s.bytes || bytes.length;
				for (let i = 0; i < bytes.length && !out.gone; i += size) {
					if (s.pause_ms || i > 0)
						await sleep(s.pause_ms);
					await out.write(bytes.slice(i, i + size));
				}
				entry.sent = (entry.sent || 0) + 1;
				if (out.gone)
					break;
			}
			entry.left = out.gone;
			if (s.end === 'cut') {
				await sleep(20);
				out.cut();
			}
		},
	};
}

/* ---- routes ---- */

const waited = (text) => Number((/^wait (\d+) /.exec(text) || [0, 0])[1]);

function textOfRequest(json) {
	if (json && Array.isArray(json.messages) && json.messages.length > 0)
		return textOf((json.messages[json.messages.length - 1] || {}).content) || '';
	return json && json.input ? lastText(json.input) : '';
}

function api(fn) {
	return async (req) => {
		const entry = {method: req.method, path: req.path, query: String(req.query), headers: req.headers, body: req.body.toString('utf8')};
		requests.push(entry);
		most = Math.max(most, ++open);
		try {
			authorise(req);
			limit();
			const answer = await fn(req, config);
			await sleep(waited(textOfRequest(req.json)));
			if (answer.events)
				return streamed(answer, entry);
			return answer.object ? {status: 200, body: answer.object} : answer;
		} catch (e) {
			throw e instanceof HttpError ? disguise(e) : e;
		} finally {
			open--;
		}
	};
}

const modelObject = (id) => ({id, object: 'model', created: 1715367049, owned_by: 'system'});

function model(req) {
	if (!config.models.includes(req.params.m))
		fail(404, 'The model \'' + req.params.m + '\' does not exist', 'model', 'model_not_found');
	return {status: 200, body: modelObject(req.params.m)};
}

function merge(json) {
	const stream = Object.assign({}, json.stream === null ? STREAM : config.stream, json.stream);
	return Object.assign(config, json, {stream});
}

serve({
	name: 'openai', port: args.port,
	routes: {
		'POST /v1/chat/completions': api(chat),
		'POST /v1/responses': api(responses),
		'GET /v1/responses/:id': api((req) => getResponse(req.params.id)),
		'GET /v1/models': api(() => ({status: 200, body: {object: 'list', data: config.models.map(modelObject)}})),
		'GET /v1/models/:m': api(model),
	},
	notFound: api((req) => fail(404, 'Invalid URL (' + req.method + ' ' + req.path + ')')),
	gzipStream: (req) => config.gzip_streams && /\bgzip\b/.test(req.headers['accept-encoding'] || ''),
	headers: () => ({
		'x-request-id': newId('req_', 32), 'openai-version': '2020-10-01', 'openai-organization': 'org-standin', 'openai-processing-ms': '7',
		'strict-transport-security': 'max-age=31536000', 'Set-Cookie': '__cf_bm=standin-cookie; path=/; HttpOnly; Secure',
		'x-ratelimit-limit-requests': '10000', 'x-ratelimit-remaining-requests': '9999', 'x-ratelimit-reset-requests': '6ms',
	}),
	control: {
		'GET /_test/config': () => ({status: 200, body: config}),
		'POST /_test/config': (req) => ({status: 200, body: merge(req.json)}),
		'GET /_test/stats': () => ({status: 200, body: {most}}),
		'POST /_test/stats': () => { most = open; return {status: 200, body: {}}; },
		'GET /_test/requests': () => ({status: 200, body: requests}),
		'POST /_test/requests': () => { requests = []; return {status: 200, body: {}}; },
	},
});
