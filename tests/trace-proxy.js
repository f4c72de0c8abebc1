'use strict';
/*
 * trace-proxy.js - the recording proxy, byte by byte: a client and a server of bare sockets, trace-serve between them, and what it
 * has recorded.  Nothing here depends on how fast anything is: who waits, waits for an event.
 *
 *   node tests/trace-proxy.js BUILD-DIR [SAN]     in an empty directory; prints TAP
 */
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const http2 = require('http2');
const net = require('net');
const path = require('path');
const zlib = require('zlib');
const {spawn, spawnSync} = require('child_process');

const [B, SAN] = process.argv.slice(2);
const TOOL = path.join(B, 'trace-serve');
const PATIENCE = 60000;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

function patient(promise, what) {
	let timer;
	return Promise.race([promise, new Promise((_, no) => { timer = setTimeout(() => no(new Error('waited in vain for ' + what)), PATIENCE); })])
		.finally(() => clearTimeout(timer));
}

async function until(what, fn) {
	for (const end = Date.now() + PATIENCE; ;) {
		const v = await fn();
		if (v)
			return v;
		if (Date.now() > end)
			throw new Error('waited in vain for ' + what);
		await sleep(20);
	}
}

/* ---- bytes of HTTP ---- */

/* Reads a socket as it comes: head(), and body pieces. */
class Wire {
	constructor(socket) {
		this.socket = socket;
		this.got = Buffer.alloc(0);
		this.ended = false;
		this.wake = [];
		const moved = () => this.wake.splice(0).forEach((f) => f());
		socket.on('data', (d) => { this.got = Buffer.concat([this.got, d]); moved(); });
		socket.on('close', () => { this.ended = true; moved(); });
		socket.on('end', () => { this.ended = true; moved(); });
		socket.on('error', () => {});
	}
	async until(ready, what) {
		await patient((async () => {
			while (!ready() && !this.ended)
				await new Promise((r) => this.wake.push(r));
		})(), what);
		return ready();
	}
	async take(n, what) {
		if (!await this.until(() => this.got.length >= n, what))
			throw new Error('the connection ended before ' + what);
		const b = this.got.slice(0, n);
		this.got = this.got.slice(n);
		return b;
	}
	async line(what) {
		await this.until(() => this.got.includes('\r\n'), what);
		const at = this.got.indexOf('\r\n');
		if (at < 0)
			throw new Error('the connection ended before ' + what);
		return (await this.take(at + 2, what)).slice(0, at).toString('latin1');
	}
	async head(what) {
		const first = await this.line(what);
		const lines = [];
		for (let l; (l = await this.line(what)) !== '';)
			lines.push(l);
		return {first, lines, get: (name) => {
			const l = lines.filter((x) => x.toLowerCase().startsWith(name.toLowerCase() + ':'));
			return l.length === 0 ? undefined : l.map((x) => x.slice(name.length + 1).trim()).join(', ');
		}};
	}
	/* One chunk; null at the last. */
	async chunk() {
		const n = parseInt(await this.line('a chunk'), 16);
		if (n === 0) {
			while (await this.line('the end of the chunks') !== '')
				;
			return null;
		}
		const b = await this.take(n, 'a chunk');
		await this.line('the end of a chunk');
		return b;
	}
	async body(head, bodiless) {
		if (bodiless)
			return Buffer.alloc(0);
		if (/chunked/i.test(head.get('Transfer-Encoding') || '')) {
			const all = [];
			for (let c; (c = await this.chunk()) !== null;)
				all.push(c);
			return Buffer.concat(all);
		}
		if (head.get('Content-Length') !== undefined)
			return this.take(Number(head.get('Content-Length')), 'a body');
		await this.until(() => false, 'the end of the connection');
		return this.take(this.got.length, 'a body');
	}
}

/* ---- the server behind the proxy ---- */

const upstream = {connections: 0, requests: [], handler: null};

upstream.server = net.createServer((socket) => {
	const wire = new Wire(socket);
	upstream.connections++;
	socket.setMaxListeners(0);
	(async () => {
		while (await wire.until(() => wire.got.length > 0, 'a request').catch(() => false)) {
			const head = await wire.head('the head of a request');
			const body = head.get('Content-Length') !== undefined || head.get('Transfer-Encoding') !== undefined ? await wire.body(head) : Buffer.alloc(0);
			const [method, target] = head.first.split(' ');
			const rq = {head, method, target, body, socket, closed: new Promise((r) => socket.on('close', r))};
			upstream.requests.push(rq);
			await upstream.handler(rq);
		}
	})().catch((e) => { if (!/ended before/.test(e.message)) process.stdout.write('# upstream: ' + e.stack.replace(/\n/g, '\n# ') + '\n'); socket.destroy(); });
});

const reply = (first, lines, body) => Buffer.concat([Buffer.from(first + '\r\n' + lines.map((l) => l + '\r\n').join('') + '\r\n', 'latin1'), Buffer.from(body || '')]);
const ok = (body, lines) => (rq) => rq.socket.write(reply('HTTP/1.1 200 OK', ['Content-Length: ' + Buffer.byteLength(body)].concat(lines || ['Content-Type: application/json']), body));
const COMPLETION = JSON.stringify({id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'm', choices: [{index: 0, message: {role: 'assistant', content: 'hi'}, finish_reason: 'stop'}]});
const delta = (text, finish) => 'data: ' + JSON.stringify({id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{index: 0, delta: text === null ? {} : {content: text}, finish_reason: finish || null}]}) + '\n\n';
const chunked = (b) => Buffer.concat([Buffer.from(Buffer.byteLength(b).toString(16) + '\r\n'), Buffer.from(b), Buffer.from('\r\n')]);
const SSE = ['Content-Type: text/event-stream', 'Transfer-Encoding: chunked'];

/* ---- trace-serve ---- */

let count = 0;
const running = new Set();

/* Starts one: {url, port, child, db, said()}. */
async function serve(more, env) {
	const db = 't' + ++count + '.db';
	const child = spawn(TOOL, ['--listen', '127.0.0.1:0', '--db', db, '--proxy', upstream.url + '/v1'].concat(more || []),
	    {stdio: ['ignore', 'pipe', 'pipe'], env: Object.assign({}, process.env, env)});
	const s = {child, db, text: '', out: '', said: () => s.text};
	running.add(child);
	s.end = new Promise((r) => child.on('exit', (code, signal) => { running.delete(child); r(signal || code); }));
	child.stderr.on('data', (d) => { s.text += d; });
	child.stdout.on('data', (d) => { s.out += d; });
	await until('trace-serve to listen', () => /listening on/.test(s.text) || child.exitCode !== null);
	s.port = Number((/listening on \S+:(\d+)/.exec(s.text) || [])[1]);
	assert.ok(s.port, s.text);
	return s;
}

function connect(s) {
	const socket = net.connect(s.port, s.host || '127.0.0.1');
	return new Wire(socket);
}

/* Sends a request; the answer's head, and body. */
async function call(s, method, target, lines, body, wire) {
	const w = wire || connect(s);
	const length = body === undefined ? [] : ['Content-Length: ' + Buffer.byteLength(body)];
	w.socket.write(reply(method + ' ' + target + ' HTTP/1.1', ['Host: 127.0.0.1:' + s.port].concat(length, lines || []), body));
	const head = await w.head('an answer');
	const status = Number(head.first.split(' ')[1]);
	const got = await w.body(head, method === 'HEAD' || status === 204 || status === 304);
	if (!wire)
		w.socket.destroy();
	return {head, status, body: got, text: got.toString()};
}

const JSON_TYPE = 'Content-Type: application/json';
const chat = (s, more, lines) => call(s, 'POST', '/v1/chat/completions', [JSON_TYPE].concat(lines || []), JSON.stringify(Object.assign({model: 'm', messages: [{role: 'user', content: 'x'}]}, more)));

const api = async (s, where) => JSON.parse((await call(s, 'GET', '/api' + where)).text);

/* The records of a session, once there are n, and (but for early) none is pending. */
async function records(s, session, n, early) {
	const all = await until(n + ' records of ' + session, async () => {
		const {data} = await api(s, '/sessions/' + encodeURIComponent(session) + '/records?size=1000');
		return data.data.length >= n && (early || data.data.every((r) => r.status !== 'pending')) && data.data;
	});
	assert.strictEqual(all.length, n);
	return all.map((r) => Object.assign(r, {meta: JSON.parse(r.metadata)}));
}

/* Opens a call that has not been answered: {wire, rq}. */
async function open(s, session, more) {
	const wire = connect(s);
	const body = JSON.stringify(Object.assign({model: 'm', messages: [{role: 'user', content: 'x'}], user: session}, more));
	const asked = new Promise((r) => { upstream.handler = r; });
	wire.socket.write(reply('POST /v1/chat/completions HTTP/1.1', ['Host: 127.0.0.1:' + s.port, JSON_TYPE, 'Content-Length: ' + Buffer.byteLength(body)], body));
	return {wire, rq: await patient(asked, 'the request at the server')};
}

/* ---- the tests ---- */

const tests = [];
const test = (name, fn) => tests.push([name, fn]);

test('method, path, query and body go through as they are', async (s) => {
	const body = crypto.randomBytes(3000);
	const targets = [['POST', '/v1/a%2Fb//c?x=%20&y=+&z', body], ['PUT', '/v1/files/1', '{ "a" :1.10 }\n'], ['PATCH', '/v1/x', ''], ['DELETE', '/v1/x/../y', undefined],
	    ['GET', '/v1/models', undefined], ['OPTIONS', '/v1/models', undefined], ['GET', '/v1/with-a-body', 'x'], ['QUERY', '/v1/~', '\0\r\n\xff']];
	upstream.handler = ok('[]');
	for (const [method, target, b] of targets) {
		upstream.requests = [];
		assert.strictEqual((await call(s, method, target, [], b)).status, 200);
		const [rq] = upstream.requests;
		assert.deepStrictEqual([rq.method, rq.target, rq.body.toString('hex')], [method, target, Buffer.from(b === undefined ? '' : b).toString('hex')]);
		assert.strictEqual(rq.head.get('Content-Length'), b === undefined ? undefined : String(Buffer.byteLength(b)), method);
	}
});

test('headers go through, but for those of one connection, and ours; none is added', async (s) => {
	const through = ['Authorization: Bearer sk-a', 'api-key: b', 'X-Twice: 1', 'X-Twice: 2', 'X-Empty:', 'User-Agent: me/1', 'OpenAI-Beta: assistants=v2', 'Cookie: a=b',
	    'X-Stainless-Lang: js', 'Accept: */*', 'Content-Type: application/json', 'x-utf8: \xe5\x8f\xb0'];
	const not = ['Connection: X-Gone, keep-alive', 'X-Gone: 1', 'Keep-Alive: timeout=5', 'Proxy-Authorization: Basic eA==', 'Proxy-Connection: close', 'TE: trailers', 'Trailer: x',
	    'Upgrade: h2c', 'X-Session-Id: hs', 'X-Turn-Number: 3', 'X-Trace-Token: t'];
	upstream.requests = [];
	upstream.handler = ok('{}');
	await call(s, 'POST', '/v1/x', through.concat(not), '{}');
	const sorted = (l) => l.map((x) => x.replace(/^[^:]*/, (n) => n.toLowerCase()).trim()).sort();
	assert.deepStrictEqual(sorted(upstream.requests[0].head.lines), sorted(through.concat(['Host: ' + upstream.url.slice(7), 'Content-Length: 2'])));
	upstream.requests = [];
	await call(s, 'POST', '/v1/x', [], '{}');
	assert.deepStrictEqual(sorted(upstream.requests[0].head.lines), sorted(['Host: ' + upstream.url.slice(7), 'Content-Length: 2']));
});

test('status, headers and bytes of the answer come as they are, errors too', async (s) => {
	const lines = ['X-Request-Id: r1', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'Content-Type: application/problem+json', 'Retry-After: 7', 'WWW-Authenticate: Bearer',
	    'Access-Control-Allow-Origin: *', 'X-Content-Type-Options: maybe', 'Cache-Control: private', 'Date: Thu, 01 Jan 1970 00:00:00 GMT', 'Server: nginx', 'Vary: A'];
	const hop = ['Connection: X-Hop', 'X-Hop: 1', 'Keep-Alive: timeout=5', 'Proxy-Authenticate: Basic', 'Upgrade: h2c'];
	for (const status of [200, 201, 302, 400, 401, 403, 404, 409, 418, 422, 429, 500, 503, 529]) {
		const body = '{"error" : {"message":"\u00fc"}}\r\n' + status;
		upstream.handler = (rq) => rq.socket.write(reply('HTTP/1.1 ' + status + ' Whatever', lines.concat(hop, ['Location: http://127.0.0.1:1/', 'Content-Length: ' + Buffer.byteLength(body)]), body));
		const a = await call(s, 'POST', '/v1/x', [], '{}');
		assert.strictEqual(a.status, status);
		assert.strictEqual(a.text, body);
		assert.deepStrictEqual(a.head.lines.slice().sort(), lines.concat(['Location: http://127.0.0.1:1/', 'Content-Length: ' + Buffer.byteLength(body)]).sort());
	}
});

test('answers without a body, HEAD, an interim answer, a connection of its own', async (s) => {
	const w = connect(s);
	upstream.handler = (rq) => rq.socket.write(reply('HTTP/1.1 204 No Content', ['X-A: 1']));
	assert.strictEqual((await call(s, 'DELETE', '/v1/x', [], undefined, w)).head.get('X-A'), '1');
	upstream.handler = (rq) => rq.socket.write(reply('HTTP/1.1 304 Not Modified', ['ETag: "e"']));
	assert.strictEqual((await call(s, 'GET', '/v1/x', ['If-None-Match: "e"'], undefined, w)).status, 304);
	upstream.handler = (rq) => rq.socket.write(reply('HTTP/1.1 200 OK', ['Content-Length: 1234', 'X-A: 2']));
	assert.strictEqual((await call(s, 'HEAD', '/v1/x', [], undefined, w)).head.get('Content-Length'), '1234');
	upstream.handler = (rq) => rq.socket.write(Buffer.concat([reply('HTTP/1.1 103 Early Hints', ['Link: </x>']), reply('HTTP/1.1 200 OK', ['Content-Length: 2', 'X-A: 3'], 'ab')]));
	const a = await call(s, 'GET', '/v1/x', [], undefined, w);
	assert.deepStrictEqual([a.status, a.text, a.head.get('X-A'), a.head.get('Link')], [200, 'ab', '3', undefined]);
	upstream.handler = (rq) => rq.socket.end(reply('HTTP/1.0 200 OK', ['X-A: 4'], 'until the end'));
	assert.strictEqual((await call(s, 'GET', '/v1/x', [], undefined, w)).text, 'until the end');
	upstream.handler = (rq) => rq.socket.write(Buffer.concat([reply('HTTP/1.1 200 OK', ['Transfer-Encoding: chunked', 'Trailer: X-T']), chunked('abc'), Buffer.from('0\r\nX-T: 1\r\n\r\n')]));
	assert.strictEqual((await call(s, 'GET', '/v1/x', [], undefined, w)).text, 'abc');
	upstream.handler = ok('', []);
	assert.strictEqual((await call(s, 'POST', '/v1/x', [], '', w)).head.get('Content-Length'), '0');
	w.socket.destroy();
});

test('the head comes before the body does, and each piece before the next one is sent', async (s) => {
	const {wire, rq} = await open(s, 'piece', {stream: true});
	rq.socket.write(reply('HTTP/1.1 200 OK', SSE));
	const head = await wire.head('the head, of which no body has been sent');
	assert.ok(/chunked/.test(head.get('Transfer-Encoding')));
	for (const text of ['a', '\u53f0', 'c']) {
		rq.socket.write(chunked(delta(text)));
		assert.strictEqual((await wire.chunk()).toString(), delta(text));
	}
	rq.socket.write(chunked(delta(null, 'stop') + 'data: [DONE]\n\n') + '0\r\n\r\n');
	assert.strictEqual((await wire.chunk()).toString(), delta(null, 'stop') + 'data: [DONE]\n\n');
	assert.strictEqual(await wire.chunk(), null);
	wire.socket.destroy();
	const [r] = await records(s, 'piece', 1);
	assert.strictEqual(JSON.parse(r.response).choices[0].message.content, 'a\u53f0c');
	assert.strictEqual(r.status, 'success');
});

test('20 MB in both directions', async (s) => {
	const big = crypto.randomBytes(SAN ? 2e6 : 2e7);
	upstream.requests = [];
	upstream.handler = ok(big, ['Content-Type: application/octet-stream']);
	const a = await call(s, 'POST', '/v1/files', ['Content-Type: application/octet-stream', 'X-Session-Id: big'], big);
	assert.ok(a.body.equals(big) && upstream.requests[0].body.equals(big));
	const [r] = await records(s, 'big', 1);
	assert.deepStrictEqual([JSON.parse(r.request), JSON.parse(r.response)], [{content_type: 'application/octet-stream', bytes: big.length}, {content_type: 'application/octet-stream', bytes: big.length}]);
});

test('a body in chunks, and one that waits for 100 Continue', async (s) => {
	const body = JSON.stringify({model: 'm', user: 'chunks'});
	upstream.handler = ok(COMPLETION);
	let w = connect(s);
	upstream.requests = [];
	w.socket.write(reply('POST /v1/chat/completions HTTP/1.1', ['Host: localhost', JSON_TYPE, 'Transfer-Encoding: chunked']));
	for (const c of body)
		w.socket.write(chunked(c));
	w.socket.write('0\r\n\r\n');
	assert.strictEqual((await w.body(await w.head('an answer'))).toString(), COMPLETION);
	assert.strictEqual(upstream.requests[0].body.toString(), body);
	w.socket.destroy();
	w = connect(s);
	w.socket.write(reply('POST /v1/chat/completions HTTP/1.1', ['Host: localhost', JSON_TYPE, 'Expect: 100-continue', 'Content-Length: ' + body.length]));
	assert.ok(/ 100 /.test((await w.head('100')).first));
	w.socket.write(body);
	assert.strictEqual((await w.body(await w.head('an answer'))).toString(), COMPLETION);
	assert.strictEqual(upstream.requests[1].head.get('Expect'), undefined);
	w.socket.destroy();
	await records(s, 'chunks', 2);
});

test('compressed bodies stay as they are, and are recorded plain', async (s) => {
	const body = JSON.stringify({model: 'm', user: 'gz', messages: []});
	const codings = [['gzip', zlib.gzipSync(COMPLETION)], ['deflate', zlib.deflateSync(COMPLETION)], ['deflate', zlib.deflateRawSync(COMPLETION)], ['x-gzip', zlib.gzipSync(COMPLETION)]];
	for (const [coding, bytes] of codings) {
		upstream.requests = [];
		upstream.handler = ok(bytes, [JSON_TYPE, 'Content-Encoding: ' + coding]);
		const a = await call(s, 'POST', '/v1/chat/completions', [JSON_TYPE, 'Content-Encoding: gzip'], zlib.gzipSync(body));
		assert.ok(a.body.equals(bytes));
		assert.strictEqual(a.head.get('Content-Encoding'), coding);
		assert.strictEqual(upstream.requests[0].head.get('Content-Encoding'), 'gzip');
		assert.strictEqual(zlib.gunzipSync(upstream.requests[0].body).toString(), body);
	}
	for (const r of await records(s, 'gz', codings.length))
		assert.deepStrictEqual([r.request, r.response, r.status], [body, COMPLETION, 'success']);
});

test('only codings are asked for that can be recorded; another one passes all the same', async (s) => {
	for (const [offer, want] of [['gzip, deflate, br, zstd', 'gzip, deflate'], ['br', 'identity'], ['br;q=1.0, gzip;q=0.5, *;q=0', 'gzip;q=0.5'], ['', 'identity'], [undefined, undefined]]) {
		upstream.requests = [];
		upstream.handler = ok('{}');
		await call(s, 'GET', '/v1/models', offer === undefined ? [] : ['Accept-Encoding: ' + offer]);
		assert.strictEqual(upstream.requests[0].head.get('Accept-Encoding'), want);
	}
	const bytes = zlib.brotliCompressSync(COMPLETION);
	upstream.handler = ok(bytes, [JSON_TYPE, 'Content-Encoding: br']);
	assert.ok((await chat(s, {user: 'br'})).body.equals(bytes));
	const [r] = await records(s, 'br', 1);
	assert.deepStrictEqual([r.status, r.response, /not known/.test(r.meta.response_not_kept)], ['success', '', true]);
});

test('a client that leaves before the answer: the server is told', async (s) => {
	const {wire, rq} = await open(s, 'left1');
	wire.socket.destroy();
	await patient(rq.closed, 'the end of the connection to the server');
	const [r] = await records(s, 'left1', 1);
	assert.deepStrictEqual([r.status, r.error_msg, r.response], ['error', 'the client left before the answer was complete', '']);
});

test('a client that leaves a stream: the server is told, what came is kept', async (s) => {
	const {wire, rq} = await open(s, 'left2', {stream: true});
	rq.socket.write(Buffer.concat([reply('HTTP/1.1 200 OK', SSE), chunked(delta('so ')), chunked(delta('far'))]));
	await wire.until(() => wire.got.includes('far'), 'the pieces');
	wire.socket.destroy();
	await patient(rq.closed, 'the end of the connection to the server');
	const [r] = await records(s, 'left2', 1);
	assert.deepStrictEqual([r.status, r.error_msg], ['error', 'the client left before the answer was complete']);
	assert.strictEqual(JSON.parse(r.response).choices[0].message.content, 'so far');
});

test('a client that leaves once it has the [DONE] of a stream has all of the answer', async (s) => {
	const {wire, rq} = await open(s, 'left3', {stream: true});
	rq.socket.write(Buffer.concat([reply('HTTP/1.1 200 OK', SSE), chunked(delta('all', 'stop') + 'data: [DONE]\n\n')]));
	await wire.until(() => wire.got.includes('[DONE]'), 'the end of the events');
	wire.socket.destroy();
	await patient(rq.closed, 'the end of the connection to the server');
	const [r] = await records(s, 'left3', 1);
	assert.deepStrictEqual([r.status, r.error_msg, JSON.parse(r.response).choices[0].message.content], ['success', '', 'all']);
});

test('a server that dies in a stream: the client sees it, what came is kept', async (s) => {
	const {wire, rq} = await open(s, 'died', {stream: true});
	rq.socket.write(Buffer.concat([reply('HTTP/1.1 200 OK', SSE), chunked(delta('so far'))]));
	await wire.until(() => wire.got.includes('so far'), 'the piece');
	rq.socket.destroy();
	await wire.head('the head');
	assert.strictEqual((await wire.chunk()).toString(), delta('so far'));
	await assert.rejects(wire.chunk());
	const [r] = await records(s, 'died', 1);
	assert.strictEqual(r.status, 'error');
	assert.ok(r.error_msg.startsWith('127.0.0.1: '), r.error_msg);
	assert.strictEqual(JSON.parse(r.response).choices[0].message.content, 'so far');
});

test('a stream that ends without [DONE], with an error, or with nothing', async (s) => {
	for (const [session, body, words] of [['cut', delta('so far'), /cut/], ['sent', delta('so') + 'data: {"error":{"message":"overloaded"}}\n\n', /overloaded/], ['empty', '', /empty/]]) {
		upstream.handler = ok(body, ['Content-Type: text/event-stream']);
		assert.strictEqual((await chat(s, {user: session, stream: true})).text, body);
		const [r] = await records(s, session, 1);
		assert.strictEqual(r.status, 'error');
		assert.ok(words.test(r.error_msg), r.error_msg);
	}
});

test('a body that is shorter than promised', async (s) => {
	const {wire, rq} = await open(s, 'short');
	rq.socket.end(reply('HTTP/1.1 200 OK', [JSON_TYPE, 'Content-Length: 100'], '{"half":'));
	const head = await wire.head('the head');
	assert.strictEqual(head.get('Content-Length'), '100');
	await wire.until(() => false, 'the end');
	assert.strictEqual(wire.got.toString(), '{"half":');
	const [r] = await records(s, 'short', 1);
	assert.deepStrictEqual([r.status, r.response], ['error', '"{\\"half\\":"']);
});

test('no answer is 502, in the words of such servers; a POST is never sent twice', async (s) => {
	upstream.handler = ok(COMPLETION);
	await chat(s, {user: 'lost'});		/* so that there is a connection to be used again */
	upstream.requests = [];
	upstream.handler = (rq) => rq.socket.destroy();
	const a = await chat(s, {user: 'lost'});
	assert.strictEqual(a.status, 502);
	assert.deepStrictEqual([JSON.parse(a.text).error.type, JSON.parse(a.text).error.code], ['proxy_error', 'upstream_failed']);
	assert.strictEqual(upstream.requests.length, 1);
	const [, r] = await records(s, 'lost', 2);
	assert.ok(r.status === 'error' && r.error_msg !== '' && r.response === '');
	assert.strictEqual(r.meta.http_status, undefined);
});

test('a server that is not there, or no HTTP server', async () => {
	const closed = net.createServer();
	await new Promise((r) => closed.listen(0, '127.0.0.1', r));
	const port = closed.address().port;
	await new Promise((r) => closed.close(r));
	const s = await serve(['--proxy', 'http://127.0.0.1:' + port + '/v1/']);
	assert.strictEqual((await chat(s, {user: 'nobody'})).status, 502);
	const [r] = await records(s, 'nobody', 1);
	assert.ok(/[Cc]onnect/.test(r.error_msg), r.error_msg);
	s.child.kill();
	await s.end;
	const t = await serve();
	upstream.handler = (rq) => rq.socket.end('SSH-2.0-OpenSSH\r\n');
	assert.strictEqual((await chat(t, {user: 'ssh'})).status, 502);
	t.child.kill();
	await t.end;
});

test('keys and cookies are in no record', async () => {
	const s = await serve();
	const secrets = ['sk-SECRET-one-23456789', 'SECRET@two!23456#89', 'SECRET-three-23456789', 'SECRET-four-23456789', 'SECRET-five-23456789', 'SECRET-six-23456789'];
	const lines = ['Authorization: Bearer ' + secrets[0], 'api-key: ' + secrets[1], 'X-Api-Key: ' + secrets[2], 'Cookie: c=' + secrets[3], JSON_TYPE, 'X-Session-Id: secret'];
	const body = JSON.stringify({error: {message: 'Incorrect API key provided: ' + secrets[0] + ', ' + secrets[1] + secrets[2]}});
	upstream.handler = (rq) => rq.socket.write(reply('HTTP/1.1 401 No', ['Set-Cookie: d=' + secrets[4], JSON_TYPE, 'Content-Length: ' + body.length], body));
	const a = await call(s, 'POST', '/v1/chat/completions?key=' + secrets[5], lines, JSON.stringify({note: 'my key is ' + secrets[0]}));
	assert.strictEqual(a.text, body);
	const [r] = await records(s, 'secret', 1);
	assert.strictEqual(JSON.parse(r.response).error.message, 'Incorrect API key provided: ' + '*'.repeat(22) + ', ' + '*'.repeat(40));
	s.child.kill();
	await s.end;
	const bytes = Buffer.concat(fs.readdirSync('.').filter((f) => f.startsWith(s.db)).map((f) => fs.readFileSync(f))).toString('latin1') + s.said() + s.out;
	assert.ok(bytes.includes('my key is'));
	for (const x of secrets)
		assert.ok(!bytes.includes(x) && !bytes.includes(x.slice(2)), x);
});

test('a key whose first letters are the end of an escape, or of a character, leaves JSON as it is', async (s) => {
	upstream.handler = ok('{"note":"\\nSECRET-key, \\\\nSECRET-key, \\u00e9SECRET-key, nSECRET-key"}');
	await chat(s, {user: 'escape'}, ['Authorization: Bearer nSECRET-key', 'api-key: u00e9SECRET-key', 'X-Api-Key: \xa9SECRET-key']);
	await chat(s, {user: 'escape', note: '\u00e9SECRET-key'}, ['X-Api-Key: \xa9SECRET-key']);
	const [a, b] = await records(s, 'escape', 2);
	assert.strictEqual(a.response, '{"note":"\\nSECRET-key, \\\\***********, \\u00e9SECRET-key, ***********"}');
	assert.strictEqual(JSON.parse(b.request).note, '\u00e9SECRET-key');
});

test('the session: a header, the metadata, the user, or one for each client and day; and the turn', async (s) => {
	upstream.handler = ok(COMPLETION);
	await chat(s, {user: 'u9', metadata: {session_id: 'm9', turn_number: '4'}}, ['X-Session-Id: h9', 'X-Turn-Number: 12']);
	await chat(s, {user: 'u9', metadata: {session_id: 'm9 "\u53f0"', turn_number: '4'}});
	await chat(s, {user: 'u9', metadata: {a: 'b'}});
	await chat(s, {user: 'u9'});
	await chat(s, {user: ''});
	await chat(s, {user: 5, metadata: [1]});
	assert.strictEqual((await records(s, 'h9', 1))[0].turn_number, 12);
	assert.strictEqual((await records(s, 'm9 "\u53f0"', 1))[0].turn_number, 4);
	assert.deepStrictEqual((await records(s, 'u9', 2)).map((r) => r.turn_number), [1, 2]);
	const day = (await api(s, '/sessions?size=1000')).data.data.map((x) => x.id).filter((x) => /^proxy-127\.0\.0\.1-\d{4}-\d\d-\d\d$/.test(x));
	assert.ok(day.length > 0);
});

test('what is kept beside the texts', async (s) => {
	upstream.handler = (rq) => setTimeout(() => rq.socket.write(reply('HTTP/1.1 200 OK', ['x-request-id: req_77', JSON_TYPE, 'Content-Length: ' + COMPLETION.length], COMPLETION)), 30);
	await chat(s, {user: 'meta'}, ['x-stainless-retry-count: 2']);
	const [r] = await records(s, 'meta', 1);
	assert.deepStrictEqual([r.meta.source, r.meta.path, r.meta.request_id, r.meta.retry_count, r.meta.http_status], ['proxy', '/v1/chat/completions', 'req_77', 2, 200]);
	assert.ok(r.meta.first_byte_ms >= 29 && r.meta.latency_ms >= r.meta.first_byte_ms, r.metadata);
	assert.deepStrictEqual([r.http_status, r.model, r.provider], [200, 'm', '127.0.0.1']);
});

test('requests are kept byte for byte; what is no JSON is kept as text', async (s) => {
	const odd = '{ "model" : "m",\n "user":"odd", "n": 100000000000000000001, "x": 1.10, "e": "\\u53f0\\/", "n": 2 }';
	const nice = '{\n  "id": "x",\n  "n": 1e400\n}';
	upstream.handler = ok(nice);
	await call(s, 'POST', '/v1/chat/completions', [JSON_TYPE], odd + '\n');
	const [r] = await records(s, 'odd', 1);
	assert.deepStrictEqual([r.request, r.response], [odd, nice]);
	upstream.handler = ok('<h1>no</h1>', ['Content-Type: text/html']);
	await call(s, 'POST', '/v1/chat/completions', [JSON_TYPE, 'X-Session-Id: text'], '{"model":');
	const [t] = await records(s, 'text', 1);
	assert.deepStrictEqual([t.request, t.response], ['"{\\"model\\":"', '"<h1>no</h1>"']);
});

test('calls that ask nothing of a model are not recorded', async (s) => {
	const before = (await api(s, '/records?size=1')).data.total;
	upstream.handler = ok('{"data":[]}');
	await call(s, 'GET', '/v1/models');
	await call(s, 'DELETE', '/v1/files/1');
	await chat(s, {user: 'behind'});
	await records(s, 'behind', 1);
	assert.strictEqual((await api(s, '/records?size=1')).data.total, before + 1);
});

test('connections to the server are used again', async (s) => {
	upstream.handler = ok(COMPLETION);
	await chat(s, {user: 'again'});
	const before = upstream.connections;
	for (let i = 0; i < 20; i++)
		await chat(s, {user: 'again'});
	/* The answer is with the client a moment before the connection is free again. */
	assert.ok(upstream.connections - before <= 5, String(upstream.connections - before));
});

test('turns are counted in the order of the calls, however long a record takes', async (s) => {
	upstream.handler = ok(COMPLETION);
	const long = 'x'.repeat(SAN ? 1e6 : 1e7);
	for (let i = 0; i < 3; i++) {
		await chat(s, {user: 'order', n: 2 * i, messages: [{role: 'user', content: long}]});
		await chat(s, {user: 'order', n: 2 * i + 1});
	}
	assert.deepStrictEqual((await records(s, 'order', 6)).map((r) => r.request === '' ? r.turn_number - 1 : JSON.parse(r.request).n), [0, 1, 2, 3, 4, 5]);
});

test('a slow client slows the server; of a very large answer only the size is kept', async (s) => {
	const block = Buffer.alloc(1 << 20, '[1] ');
	const blocks = SAN ? 70 : 100;
	let sent = 0;
	upstream.handler = async (rq) => {
		rq.socket.write(reply('HTTP/1.1 200 OK', [JSON_TYPE, 'Content-Length: ' + blocks * block.length]));
		for (; sent < blocks; sent++)
			if (!rq.socket.write(block))
				await new Promise((r) => rq.socket.once('drain', r));
	};
	const w = connect(s);
	w.socket.pause();
	const body = JSON.stringify({user: 'slow'});
	w.socket.write(reply('POST /v1/chat/completions HTTP/1.1', ['Host: localhost', JSON_TYPE, 'Content-Length: ' + body.length], body));
	await until('the server to stand still', async () => {
		const before = sent;
		await sleep(500);
		return before > 0 && sent === before;
	});
	assert.ok(sent < blocks * 0.6, sent + ' MiB were taken');
	let got = 0;
	w.socket.removeAllListeners('data');
	w.socket.on('data', (d) => { got += d.length; });
	w.socket.resume();
	await until('all of it', () => got > blocks * block.length);
	w.socket.destroy();
	const [r] = await records(s, 'slow', 1);
	assert.deepStrictEqual([r.status, r.response], ['success', '{"content_type":"application/json","bytes":' + blocks * block.length + '}']);
	assert.strictEqual(r.meta.response_not_kept, 'the body is too large');
});

test('over TLS and HTTP/2, also as it comes; an unknown authority is refused', async () => {
	const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem', '-out', 'ca.pem',
	    '-days', '1', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']);
	if (made.status !== 0)
		return 'openssl makes no certificate';
	const seen = [];
	const server = http2.createSecureServer({key: fs.readFileSync('key.pem'), cert: fs.readFileSync('ca.pem')});
	server.on('stream', (stream, headers) => { stream.on('error', () => {}); seen.push({stream, headers}); });
	server.on('sessionError', () => {});
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	const to = ['--proxy', 'https://localhost:' + server.address().port + '/v1'];
	const wary = await serve(to);
	assert.strictEqual((await chat(wary, {user: 'tls'})).status, 502);
	assert.ok(/certificate/i.test((await records(wary, 'tls', 1))[0].error_msg));
	assert.strictEqual(seen.length, 0);
	wary.child.kill();
	await wary.end;
	const s = await serve(to, {LLMUTILS_CA_FILE: 'ca.pem'});
	const body = JSON.stringify({model: 'm', user: 'h2', stream: true});
	const wire = connect(s);
	wire.socket.write(reply('POST /v1/chat/completions HTTP/1.1', ['Host: 127.0.0.1:' + s.port, JSON_TYPE, 'Authorization: Bearer k', 'Content-Length: ' + body.length], body));
	const {stream, headers} = await until('the stream', () => seen[0]);
	assert.deepStrictEqual([headers[':path'], headers.authorization, headers['content-type']], ['/v1/chat/completions', 'Bearer k', 'application/json']);
	stream.respond({':status': 200, 'content-type': 'text/event-stream', 'x-request-id': 'r2'});
	assert.strictEqual((await wire.head('the head')).get('x-request-id'), 'r2');
	for (const text of ['a', 'b']) {
		stream.write(delta(text));
		assert.strictEqual((await wire.chunk()).toString(), delta(text));
	}
	const closed = new Promise((r) => stream.on('close', r));
	wire.socket.destroy();
	await patient(closed, 'the end of the stream');
	const [r] = await records(s, 'h2', 1);
	assert.deepStrictEqual([r.error_msg, JSON.parse(r.response).choices[0].message.content], ['the client left before the answer was complete', 'ab']);
	s.child.kill();
	await s.end;
	server.close();
	return undefined;
});

test('heads of 12 KiB; a body beyond --max-body is refused', async () => {
	const s = await serve(['--max-body', '1M']);
	const lines = Array.from({length: 12}, (_, i) => 'X-Large-' + i + ': ' + 'v'.repeat(1010));
	upstream.requests = [];
	upstream.handler = ok('{}', lines);
	const a = await call(s, 'POST', '/v1/x', lines, Buffer.alloc(1 << 20));
	assert.deepStrictEqual(a.head.lines.filter((l) => l.startsWith('X-Large')), lines);
	assert.deepStrictEqual(upstream.requests[0].head.lines.filter((l) => l.startsWith('X-Large')), lines);
	assert.strictEqual((await call(s, 'POST', '/v1/x', [], Buffer.alloc((1 << 20) + 1))).status, 413);
	assert.strictEqual(upstream.requests.length, 1);
	s.child.kill();
	await s.end;
});

test('--tee has the call, too', async () => {
	const s = await serve(['--tee']);
	upstream.handler = ok(JSON.stringify(JSON.parse(COMPLETION), null, 2));
	await chat(s, {user: 'tee'});
	const line = JSON.parse(await until('the line', () => /^(.*)\n/.test(s.out) && s.out.split('\n')[0]));
	assert.deepStrictEqual([line.session_id, line.turn_number, line.status, line.response.choices[0].message.content, line.metadata.source], ['tee', 1, 'success', 'hi', 'proxy']);
	s.child.kill();
	await s.end;
});

test('a stream of Anthropic\'s API', async (s) => {
	const event = (o) => 'event: ' + o.type + '\ndata: ' + JSON.stringify(o) + '\n\n';
	const body = event({type: 'message_start', message: {id: 'msg_1', type: 'message', role: 'assistant', model: 'claude', content: [], stop_reason: null, usage: {input_tokens: 3, output_tokens: 1}}}) +
	    event({type: 'content_block_start', index: 0, content_block: {type: 'text', text: ''}}) + event({type: 'ping'}) +
	    event({type: 'content_block_delta', index: 0, delta: {type: 'text_delta', text: 'Hel'}}) + event({type: 'content_block_delta', index: 0, delta: {type: 'text_delta', text: 'lo'}}) +
	    event({type: 'content_block_stop', index: 0}) + event({type: 'message_delta', delta: {stop_reason: 'end_turn'}, usage: {output_tokens: 9}}) + event({type: 'message_stop'});
	upstream.requests = [];
	upstream.handler = ok(body, ['Content-Type: text/event-stream; charset=utf-8', 'request-id: req_a']);
	const a = await call(s, 'POST', '/v1/messages', [JSON_TYPE, 'x-api-key: sk-ant-1', 'anthropic-version: 2023-06-01'], JSON.stringify({model: 'claude', max_tokens: 9, stream: true, metadata: {session_id: 'anthropic'}, messages: [{role: 'user', content: 'x'}]}));
	assert.strictEqual(a.text, body);
	assert.deepStrictEqual([upstream.requests[0].head.get('x-api-key'), upstream.requests[0].head.get('anthropic-version')], ['sk-ant-1', '2023-06-01']);
	const [r] = await records(s, 'anthropic', 1);
	const m = JSON.parse(r.response);
	assert.deepStrictEqual([r.status, m.content[0].text, m.stop_reason, m.usage.output_tokens, r.meta.request_id], ['success', 'Hello', 'end_turn', 9, 'req_a']);
});

test('a call that takes long is pending meanwhile, and becomes one record', async (s) => {
	const {wire, rq} = await open(s, 'long', {stream: true});
	rq.socket.write(Buffer.concat([reply('HTTP/1.1 200 OK', SSE), chunked(delta('so '))]));
	const [early] = await records(s, 'long', 1, true);
	assert.deepStrictEqual([early.status, early.turn_number, early.response, early.model], ['pending', 1, '', 'm']);
	rq.socket.write(Buffer.concat([chunked(delta('far', 'stop') + 'data: [DONE]\n\n'), Buffer.from('0\r\n\r\n')]));
	await wire.body(await wire.head('the head'));
	const [r] = await records(s, 'long', 1);
	assert.deepStrictEqual([r.id, r.status, r.turn_number, JSON.parse(r.response).choices[0].message.content], [early.id, 'success', 1, 'so far']);
	assert.deepStrictEqual([r.request, r.created_at, r.meta.http_status], [early.request, early.created_at, 200]);
	assert.ok(r.latency_ms >= 1000);
	wire.socket.destroy();
});

test('a long call becomes its own record, whatever is pending in its session and turn besides', async (s) => {
	const {wire, rq} = await open(s, 'beside');
	const [early] = await records(s, 'beside', 1, true);
	const body = JSON.stringify({session_id: 'beside', turn_number: early.turn_number, request: {}, metadata: {}, status: 'pending'});
	assert.strictEqual((await call(s, 'POST', '/api/trace', [JSON_TYPE], body)).status, 200);
	rq.socket.write(reply('HTTP/1.1 200 OK', [JSON_TYPE, 'Content-Length: ' + COMPLETION.length], COMPLETION));
	await wire.body(await wire.head('the head'));
	wire.socket.destroy();
	const of = (rs) => rs.map((r) => [r.id === early.id, r.status, r.response]);
	await until('the record', async () => (await records(s, 'beside', 2, true)).some((r) => r.status === 'success'));
	assert.deepStrictEqual(of(await records(s, 'beside', 2, true)), [[true, 'success', COMPLETION], [false, 'pending', '']]);
});

test('a client that left before its turn: nothing is sent for it; and the page goes on meanwhile', async () => {
	const s = await serve();
	const held = [];
	upstream.requests = [];
	upstream.handler = (rq) => { held.push(rq); };
	const body = JSON.stringify({model: 'm'});
	const ask = () => {
		const w = connect(s);
		w.socket.write(reply('POST /v1/chat/completions HTTP/1.1', ['Host: localhost', JSON_TYPE, 'Content-Length: ' + body.length], body));
		return w;
	};
	const first = Array.from({length: 256}, ask);		/* as many as go on at a time */
	await until('the calls at the server', () => held.length === 256);
	const more = Array.from({length: 4}, ask);
	assert.strictEqual((await call(s, 'GET', '/api/records?q=x')).status, 200);
	more.forEach((w) => w.socket.destroy());
	await sleep(200);
	upstream.handler = (rq) => { held.push(rq); ok('{}')(rq); };
	held.slice().forEach(ok('{}'));
	await Promise.all(first.map(async (w) => { await w.head('an answer'); w.socket.destroy(); }));
	await until('the records', async () => (await api(s, '/records?size=1')).data.total === 260);
	assert.strictEqual(held.length, 256);
	s.child.kill();
	await s.end;
});

test('coded bodies that become very large, at the same time, take bounded memory', async () => {
	if (SAN)
		return 'a sanitizer takes more';
	const s = await serve();
	const bomb = zlib.gzipSync(Buffer.alloc(40 << 20, '"'));
	upstream.handler = ok('{}');
	await Promise.all(Array.from({length: 8}, () => call(s, 'POST', '/v1/x', ['Content-Type: text/plain', 'Content-Encoding: gzip', 'X-Session-Id: bomb'], bomb)));
	const rs = await records(s, 'bomb', 8);
	assert.ok(rs.every((r) => r.request === '{"content_type":"text/plain","bytes":' + (40 << 20) + '}'), rs[0].request.slice(0, 99));
	const most = Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/' + s.child.pid + '/status', 'latin1'))[1]) >> 10;
	assert.ok(most < 500, most + ' MiB');
	s.child.kill();
	await s.end;
	return undefined;
});

test('calls of a given turn, side by side and long: each is one record', async (s) => {
	const opened = [];
	for (const n of [0, 1, 2])
		opened.push(await open(s, 'turn', {n, metadata: {turn_number: '5'}}));
	await sleep(1300);
	for (const {wire, rq} of opened) {
		rq.socket.write(reply('HTTP/1.1 200 OK', [JSON_TYPE, 'Content-Length: ' + COMPLETION.length], COMPLETION));
		await wire.body(await wire.head('the head'));
		wire.socket.destroy();
	}
	assert.deepStrictEqual((await records(s, 'turn', 3)).map((r) => [r.status, r.turn_number]), [['success', 5], ['success', 5], ['success', 5]]);
});

test('a kill in the middle of a long call: it stays pending', async () => {
	const s = await serve();
	await open(s, 'killed');
	assert.strictEqual((await records(s, 'killed', 1, true))[0].status, 'pending');
	s.child.kill('SIGKILL');
	await s.end;
	const again = await serve(['--db', s.db]);
	assert.strictEqual((await records(again, 'killed', 1, true))[0].status, 'pending');
	again.child.kill();
	await again.end;
});

test('64 streams at a time', async (s) => {
	const rqs = [];
	upstream.handler = (rq) => { rqs.push(rq); if (rqs.length === 64) rqs.forEach((r) => r.socket.write(Buffer.concat([reply('HTTP/1.1 200 OK', SSE), chunked(delta(JSON.parse(r.body).n + '', 'stop') + 'data: [DONE]\n\n'), Buffer.from('0\r\n\r\n')]))); };
	const all = await Promise.all(Array.from({length: 64}, (_, i) => chat(s, {stream: true, user: 'many', n: i})));
	all.forEach((a, i) => assert.ok(a.text.startsWith(delta(String(i), 'stop'))));
	const rs = await records(s, 'many', 64);
	for (const r of rs)
		assert.strictEqual(JSON.parse(r.response).choices[0].message.content, String(JSON.parse(r.request).n));
	assert.deepStrictEqual(rs.map((r) => r.turn_number), rs.map((_, i) => i + 1));
});

test('pages of other sites may not call; other names of this machine neither', async (s) => {
	upstream.requests = [];
	upstream.handler = ok('{}');
	assert.strictEqual((await call(s, 'POST', '/v1/x', ['Origin: https://evil.example'], '{}')).status, 403);
	const w = connect(s);
	w.socket.write(reply('POST /v1/x HTTP/1.1', ['Host: evil.example', 'Content-Length: 2'], '{}'));
	assert.ok(/ 403 /.test((await w.head('an answer')).first));
	w.socket.destroy();
	assert.strictEqual(upstream.requests.length, 0);
	assert.strictEqual((await call(s, 'POST', '/v1/x', ['Origin: http://localhost:3000'], '{}')).status, 200);
});

test('beyond this machine a call needs the token, which does not go on', async () => {
	fs.writeFileSync('token', 'a-token-of-some-length\n');
	const s = await serve(['--listen', '0.0.0.0:0', '--token-file', 'token']);
	upstream.requests = [];
	upstream.handler = ok('{}');
	assert.strictEqual((await chat(s, {}, ['Authorization: Bearer sk-x'])).status, 401);
	assert.strictEqual((await chat(s, {}, ['Authorization: Bearer a-token-of-some-length'])).status, 401);
	assert.strictEqual((await call(s, 'OPTIONS', '/v1/x')).status, 401);
	assert.strictEqual(upstream.requests.length, 0);
	assert.strictEqual((await chat(s, {}, ['Authorization: Bearer sk-x', 'X-Trace-Token: a-token-of-some-length'])).status, 200);
	assert.ok(!upstream.requests[0].head.lines.join('\n').includes('a-token'));
	s.child.kill();
	await s.end;
});

test('SIGTERM in the middle of a stream: it is recorded, and the end is soon', async () => {
	const s = await serve();
	const {wire, rq} = await open(s, 'term', {stream: true});
	rq.socket.write(Buffer.concat([reply('HTTP/1.1 200 OK', SSE), chunked(delta('so far'))]));
	await wire.until(() => wire.got.includes('so far'), 'the piece');
	s.child.kill();
	assert.strictEqual(await patient(s.end, 'the end of trace-serve'), 'SIGTERM');
	const again = await serve(['--db', s.db]);
	const [r] = await records(again, 'term', 1);
	assert.ok(/stopped/.test(r.error_msg), r.error_msg);
	assert.strictEqual(JSON.parse(r.response).choices[0].message.content, 'so far');
	again.child.kill();
	await again.end;
});

test('a full disk breaks no call, and is told; then it goes on', async () => {
	if (SAN)
		return 'the shim cannot be loaded before a sanitizer';
	let calls = 0;
	const s = await serve([], {LD_PRELOAD: path.join(B, 'fault.so'), FAULT_CALLS: 'pwrite', FAULT_AT: '60', FAULT_FOR: '5', FAULT_ACT: 'ENOSPC'});
	upstream.handler = ok(COMPLETION);
	for (; calls < 200 && !s.said().includes('not recorded'); calls++) {
		assert.strictEqual((await chat(s, {user: 'full'})).text, COMPLETION);
		await sleep(1);
	}
	await until('the complaint', () => /proxy: a call was not recorded: .*disk/.test(s.said()));
	await until('a record after that', async () => {
		await chat(s, {user: 'after'});
		calls++;
		return (await api(s, '/sessions/after/records')).data.total > 0;
	});
	s.child.kill();
	await s.end;
	const again = await serve(['--db', s.db]);
	const lost = calls - (await api(again, '/records?size=1')).data.total;
	assert.strictEqual(Number((/proxy: (\d+) calls? w\w+ not recorded in all/.exec(s.said()) || [])[1]), lost, s.said());
	again.child.kill();
	await again.end;
	return undefined;
});

test('a database that somebody holds delays no call', async () => {
	if (spawnSync('sqlite3', ['--version']).status !== 0)
		return 'sqlite3 is not installed';
	const s = await serve();
	upstream.handler = ok(COMPLETION);
	await chat(s, {user: 'held'});
	await records(s, 'held', 1);
	const holder = spawn('sqlite3', [s.db], {stdio: ['pipe', 'pipe', 'inherit']});
	holder.stdin.write('.timeout 10000\nBEGIN IMMEDIATE; SELECT 1;\n');
	await patient(new Promise((r) => holder.stdout.once('data', r)), 'the lock');
	for (let i = 0; i < 3; i++)
		assert.strictEqual((await chat(s, {user: 'held'})).text, COMPLETION);
	assert.strictEqual((await api(s, '/sessions/held/records')).data.total, 1);
	const {wire, rq} = await open(s, 'held');
	await sleep(1300);		/* its pending record waits, too */
	rq.socket.write(reply('HTTP/1.1 200 OK', [JSON_TYPE, 'Content-Length: ' + COMPLETION.length], COMPLETION));
	assert.strictEqual((await wire.body(await wire.head('the head'))).toString(), COMPLETION);
	wire.socket.destroy();
	holder.stdin.end('COMMIT;\n');
	assert.ok((await records(s, 'held', 5)).every((r) => r.status === 'success'));
	s.child.kill();
	await s.end;
	return undefined;
});

test('--proxy takes a base URL, and not that of trace-serve itself', async () => {
	for (const url of ['example.com', 'ftp://example.com/v1', 'https://user:pass@example.com/v1', 'https://example.com/v1?key=x', 'http://', 'https:///v1']) {
		const r = spawnSync(TOOL, ['--listen', '127.0.0.1:0', '--db', 'x.db', '--proxy', url], {encoding: 'utf8'});
		assert.strictEqual(r.status, 2, url);
		assert.ok(!r.stderr.includes('pass'));
	}
	const free = net.createServer();
	await new Promise((r) => free.listen(0, '127.0.0.1', r));
	const port = free.address().port;
	await new Promise((r) => free.close(r));
	const r = spawnSync(TOOL, ['--listen', '127.0.0.1:' + port, '--db', 'x.db', '--proxy', 'http://localhost:' + port + '/v1'], {encoding: 'utf8'});
	assert.strictEqual(r.status, 2, r.stderr);
	const s = await serve(['--listen', '127.0.0.1:' + port, '--proxy', 'http://local:' + port + '/v1']);	/* a name like ours */
	s.child.kill();
	await s.end;
});

/* A test that hangs fails. */
function ended(test) {
	let timer;

	return Promise.race([test, new Promise((_, no) => { timer = setTimeout(() => no(new Error('it does not end')), 2 * PATIENCE); })])
	    .finally(() => clearTimeout(timer));
}

async function main() {
	await new Promise((r) => upstream.server.listen(0, '127.0.0.1', r));
	upstream.url = 'http://127.0.0.1:' + upstream.server.address().port;
	const common = await serve();
	const only = process.env.ONLY ? tests.filter(([n]) => n.includes(process.env.ONLY)) : tests;
	let failed = 0;
	process.stdout.write('1..' + (only.length + 1) + '\n');
	for (let i = 0; i < only.length; i++) {
		const [name, fn] = only[i];
		try {
			const skipped = await ended(fn(common));
			process.stdout.write('ok ' + (i + 1) + (skipped ? ' # skip ' + skipped : ' - ' + name) + '\n');
		} catch (e) {
			failed++;
			process.stdout.write('not ok ' + (i + 1) + ' - ' + name + '\n' + String(e.stack || e).replace(/^/gm, '# ') + '\n');
		}
	}
	common.child.kill();
	const end = await common.end;
	process.stdout.write((end === 'SIGTERM' ? 'ok ' : 'not ok ') + (only.length + 1) + ' - the server of all these ends as it should\n' +
	    common.said().replace(/^/gm, '# ') + '\n');
	process.exit(failed || end !== 'SIGTERM' ? 1 : 0);
}

process.on('exit', () => running.forEach((c) => c.kill('SIGKILL')));
main().catch((e) => {
	process.stdout.write('Bail out! ' + (e.stack || e) + '\n');
	process.exit(1);
});
