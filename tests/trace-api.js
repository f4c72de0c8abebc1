'use strict';
/*
 * trace-api.js URL - ask a running trace-serve (1 MB of --max-body, so that the tests are quick) all that its API answers.
 *
 * Prints a line for each promise, "ok NAME" or "no NAME <tab> what was there instead"; trace-api.t makes TAP of them.
 */
const assert = require('assert');
const http = require('http');
const zlib = require('zlib');

const base = new URL(process.argv[2]);
const agent = new http.Agent({keepAlive: true, maxSockets: 64});

/* body: a string or Buffer as it is, else JSON of it; pieces: sent in chunks, without a length. */
function ask(method, path, body, more) {
	const o = more || {};
	const headers = Object.assign(body === undefined && !o.pieces ? {} : {'Content-Type': 'application/json'}, o.headers);
	Object.keys(headers).forEach((k) => headers[k] === null && delete headers[k]);
	return new Promise((resolve, reject) => {
		const req = http.request({host: base.hostname, port: base.port, method, path, headers, agent}, (res) => {
			const chunks = [];
			res.on('data', (c) => chunks.push(c));
			res.on('end', () => {
				const text = Buffer.concat(chunks).toString();
				let json;
				try { json = JSON.parse(text); } catch (e) { json = undefined; }
				resolve({status: res.statusCode, headers: res.headers, text, json, data: json && json.data});
			});
		});
		req.on('error', reject);
		if (o.pieces) {
			o.pieces.forEach((p) => req.write(p));
			req.end();
		} else {
			req.end(body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
		}
	});
}
const get = (path, more) => ask('GET', path, undefined, more);
const put = (trace, more) => ask('POST', '/api/trace', trace, more);
const records = async (session, query) => (await get('/api/sessions/' + encodeURIComponent(session) + '/records' + (query || ''))).data;

function is(name, got, want) {
	try {
		assert.deepStrictEqual(got, want);
		console.log('ok ' + name);
	} catch (e) {
		console.log('no ' + name + '\tgot ' + JSON.stringify(got) + ', not ' + JSON.stringify(want));
	}
}
const ok = (name, cond, got) => console.log(cond ? 'ok ' + name : 'no ' + name + '\t' + JSON.stringify(got));

/* The original's client, word for word. */
const chat = (text) => ({model: 'gpt-4o', messages: [{role: 'user', content: text}]});
const answer = (text) => ({choices: [{message: {role: 'assistant', content: text}}], usage: {prompt_tokens: 11, completion_tokens: 7}});

async function receiving() {
	let r = await put({session_id: 's1', turn_number: 1, request: chat('hi'), response: answer('hello'), status: 'success'});
	is('a trace: status', r.status, 200);
	is('... the original\'s envelope', [r.json.success, r.json.message], [true, 'Trace data saved successfully']);
	is('... and where it is', [r.data.session_id, r.data.turn_number, typeof r.data.id], ['s1', 1, 'string']);
	const id = r.data.id;

	r = (await records('s1')).data[0];
	is('its record has the original\'s members', ['id', 'session_id', 'turn_number', 'request', 'response', 'status', 'error_msg', 'metadata']
		.map((k) => r[k]), [id, 's1', 1, JSON.stringify(chat('hi')), JSON.stringify(answer('hello')), 'success', '', '']);
	ok('... and a time with its zone', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+08:00$/.test(r.created_at), r.created_at);
	is('... what is in the texts, too', [r.model, r.input_tokens, r.output_tokens, r.preview], ['gpt-4o', 11, 7, 'hi']);
	is('a record alone is the same', (await get('/api/records/' + id)).data, r);
	r = (await get('/api/sessions/s1')).data;
	ok('the session has the original\'s name', /^对话-\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(r.name), r.name);
	ok('... and its time', r.created_at.slice(0, 19).replace('T', ' ') === r.name.slice(3) && r.created_at.endsWith('+08:00'), r);

	is('no response, no metadata: empty texts', await (async () => {
		await put({session_id: 's2', turn_number: 1, request: {}, response: null, status: 'pending', metadata: null});
		const x = (await records('s2')).data[0];
		return [x.request, x.response, x.metadata, x.error_msg];
	})(), ['{}', '', '', '']);
	for (const [name, value] of [['absent', undefined], ['empty', ''], ['null', null]]) {
		r = await put({session_id: value, request: 1});
		ok('session_id ' + name + ': a new one', r.status === 200 && /^[0-9a-f-]{36}$/.test(r.data.session_id) && r.data.turn_number === 1, r.text);
		is('... that is there', (await get('/api/sessions/' + r.data.session_id)).status, 200);
	}
	is('turn_number absent, null, 0: the next one; given: that one', await (async () => {
		const turns = [];
		for (const turn of [undefined, null, 0, 10, undefined, 3, 0, -5, undefined])
			turns.push((await put({session_id: 'turns', turn_number: turn, request: 1})).data.turn_number);
		return turns;
	})(), [1, 2, 3, 10, 11, 3, 12, -5, 13]);
	is('status absent: success, or error where there is a message', await (async () => {
		await put({session_id: 'st', request: 1});
		await put({session_id: 'st', request: 1, error_message: 'rate limit'});
		return (await records('st')).data.map((x) => x.status + ':' + x.error_msg);
	})(), ['success:', 'error:rate limit']);
	is('64 at a time count one session up', await (async () => {
		const turns = await Promise.all(Array.from({length: 320}, async () => (await put({session_id: 'many', request: 1})).data.turn_number));
		return turns.sort((a, b) => a - b).every((t, i) => t === i + 1);
	})(), true);
}

async function bytes() {
	const odd = '{ "n" : 9007199254740993 , "d":1.10,"e":1e400,"z":-0, "k":1,"k":2, "s":"\\u4f60\\ud800\\/", "\\u0061":[ ] }';
	const pretty = '{\n  "messages": [\r\n\t{ "role": "user",\n "content": "a\\nb" }\n  ]\n}';
	const deep = '['.repeat(500) + ']'.repeat(500);
	const texts = [odd, pretty, deep, '"text"', '0', 'false', '[]', '[1, 2]', '"<script>\\u003c&</script>\u2028é𝄞"'];
	for (const t of texts) {
		const r = await put('{"session_id":"b", "request":' + t + ',\n"response":' + t + ' ,"metadata": ' + t + '}');
		const x = r.status === 200 ? (await get('/api/records/' + r.data.id)).data : r;
		is('byte for byte: ' + t.slice(0, 30).replace(/\s/g, ' '), [x.request, x.response, x.metadata], [t, t, t]);
	}
	const r = await put('\n{"request":1,"request":2,"session_id":"b"}\r\n\n');
	is('of two members of a name the last one counts; blanks around are fine', (await get('/api/records/' + r.data.id)).data.request, '2');
}

async function refusing() {
	const bad = [
		['nothing', ''], ['no JSON', 'x'], ['half of it', '{"request":{}'], ['an array', '[]'], ['two values', '{"request":1} {}'],
		['two lines', '{"request":1}\n{"request":1}'], ['no request', '{"session_id":"x"}'], ['null as request', '{"request":null}'],
		['a string as turn', '{"request":1,"turn_number":"1"}'], ['half a turn', '{"request":1,"turn_number":1.5}'],
		['a number as session', '{"request":1,"session_id":7}'], ['an unknown status', '{"request":1,"status":"done"}'],
		['a NUL in the session', '{"request":1,"session_id":"a\\u0000b"}'], ['a long session', '{"request":1,"session_id":"' + 'x'.repeat(1100) + '"}'],
		['no UTF-8', Buffer.from('7b2272657175657374223a22ff227d', 'hex')], ['a newline in a string', '{"request":"a\nb"}'],
		['too deep', '{"request":' + '['.repeat(2000) + ']'.repeat(2000) + '}'], ['an object as message', '{"request":1,"error_message":{}}'],
	];
	for (const [name, body] of bad) {
		const r = await put(body);
		ok(name + ' is 400', r.status === 400 && r.json.success === false && /^Invalid request format: /.test(r.json.message), r.text);
	}
	for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
		const r = await put('{"request":1}', {headers: {'Content-Type': type}});
		ok('type ' + type + ' is 415', r.status === 415 && r.json.success === false, r.text);
	}
	for (const type of [null, 'application/json; charset=utf-8', 'Application/JSON', 'application/vnd.x+json'])
		is('type ' + type + ' is fine', (await put('{"request":1}', {headers: {'Content-Type': type}})).status, 200);
}

async function bodies() {
	const big = (n) => '{"session_id":"big","request":"' + 'x'.repeat(n - '{"session_id":"big","request":""}'.length) + '"}';
	const most = 1 << 20;
	/* The answer may come before the whole body has been sent, and be lost with it when the connection is reset. */
	const refused = async (body, more) => {
		for (let i = 0; ; i++)
			try { return await put(body, more); } catch (e) { if (i === 20 || !/EPIPE|ECONNRESET/.test(e.code)) throw e; }
	};
	let r = await put(big(most));
	is('a body as large as may be', r.status, 200);
	is('... comes back', (await get('/api/records/' + r.data.id)).data.request.length, most - '{"session_id":"big","request":}'.length);
	r = await refused(big(most + 1));
	ok('a byte more is 413', r.status === 413 && r.json.success === false, r.text);
	const piece = (n) => ['{"session_id":"chunked","request":"'].concat(Array(n).fill('y'.repeat(1000)), '"}');
	is('in chunks, without a length', (await put(undefined, {pieces: piece(900)})).status, 200);
	is('... which is all there', (await records('chunked')).data[0].request.length, 900002);
	is('... too many are 413', (await refused(undefined, {pieces: piece(1100)})).status, 413);
	const gzip = (text) => put(zlib.gzipSync(text), {headers: {'Content-Encoding': 'gzip'}});
	r = await gzip('{"session_id":"zipped","request":"z"}');
	is('gzip', [r.status, (await records('zipped')).data[0].request], [200, '"z"']);
	is('gzip that becomes too large is 413', (await gzip(big(most + 1))).status, 413);
	is('no gzip after all is 400', (await put('{"request":1}', {headers: {'Content-Encoding': 'gzip'}})).status, 400);
	is('half of a gzip is 400', (await put(zlib.gzipSync(big(9999)).slice(0, 40), {headers: {'Content-Encoding': 'gzip'}})).status, 400);
	is('another coding is 415', (await put('{"request":1}', {headers: {'Content-Encoding': 'br'}})).status, 415);
}

async function pending() {
	const trace = (turn, status, more) => put(Object.assign({session_id: 'p', turn_number: turn, request: chat('q'), status}, more));
	const first = (await trace(1, 'pending', {metadata: {a: 1}})).data.id;
	const begun = (await records('p')).data[0];
	is('a pending trace is a record', [begun.status, begun.response, begun.latency_ms], ['pending', '', null]);
	const r = await trace(1, 'success', {response: answer('late')});
	is('its success is the same record', r.data.id, first);
	const p = await records('p');
	is('... the only one', [p.total, p.data[0].id, p.data[0].status, p.data[0].response], [1, first, 'success', JSON.stringify(answer('late'))]);
	is('... which keeps its time and what only the first one told', [p.data[0].created_at, p.data[0].metadata], [begun.created_at, '{"a":1}']);
	ok('... and knows how long it took', p.data[0].latency_ms >= 0 && p.data[0].latency_ms < 60000, p.data[0].latency_ms);
	await trace(2, 'pending');
	await trace(2, 'error', {error_message: 'boom', metadata: {latency_ms: 1234}});
	is('a pending one may fail', (await records('p')).data.slice(1).map((x) => [x.status, x.error_msg, x.latency_ms]), [['error', 'boom', 1234]]);
	await trace(2, 'success');
	is('what is final stays: another success is another record', (await records('p')).data.map((x) => x.turn_number + x.status),
		['1success', '2error', '2success']);
	await trace(3, 'pending');
	await trace(3, 'pending');
	await trace(3, 'success');
	is('of two pending ones the latest is completed', (await records('p')).data.slice(3).map((x) => x.status), ['pending', 'success']);
	await put({session_id: 'p2', request: 1, status: 'pending'});
	await put({session_id: 'p2', request: 1, status: 'success'});
	is('a turn that is counted up completes nothing', (await records('p2')).data.map((x) => x.turn_number + x.status), ['1pending', '2success']);
}

/* There is no provider here: every replay fails, and is stored. */
async function replays() {
	const again = async (id, body) => { const r = await ask('POST', '/api/records/' + id + '/replay', body); return [r.status, r.data && r.data.turn_number, r.json.message]; };
	const none = 'Replay failed: API key not configured for provider: none (OPENAI_API_KEY or --providers)';
	let id = (await put({session_id: 'again', turn_number: 1, request: chat('q'), status: 'pending'})).data.id;
	is('a replay is a record of the same turn', await again(id), [400, 1, none]);
	is('... and what it repeats is completed all the same', (await put({session_id: 'again', turn_number: 1, request: chat('q'), status: 'success'})).data.id, id);
	is('... of one that waits', (await records('again')).data.map((x) => [x.status, x.parent_id]), [['success', ''], ['error', id]]);
	for (const session of ['a\0b', 'x'.repeat(1100)])
		is('session_id of a replay: ' + session.length + ' characters', await again(id, {session_id: session}),
			[400, undefined, 'Invalid request format: session_id is too long, or has a NUL']);
	is('turn_number of a replay: a text', await again(id, {turn_number: 'x'}), [400, undefined, 'Invalid request format: turn_number is no integer']);
	id = (await put({session_id: 'again', turn_number: -5, request: chat('q')})).data.id;
	is('a negative turn can be replayed', await again(id), [400, -5, none]);
	id = (await put({session_id: 'again', turn_number: 7, request: 'text'})).data.id;
	is('a request that is no object cannot', await again(id), [400, undefined, 'Invalid request format: the record\'s request is no JSON object; give one']);
	is('... but with another one', await again(id, {request: {model: 'm', messages: []}}), [400, 7, none]);
}

async function pages() {
	for (let i = 0; i < 25; i++)
		await put({session_id: 'page-' + i, request: i});
	const sessions = async (q) => (await get('/api/sessions' + q)).data;
	const all = await sessions('?size=1000');
	is('size=1000: all of them', [all.data.length, all.size, all.page, all.total_pages], [all.total, 1000, 1, 1]);
	is('the newest session first', all.data.slice(0, 3).map((s) => s.id), ['page-24', 'page-23', 'page-22']);
	let p = await sessions('');
	is('20 sessions are a page', [p.data.length, p.size, p.page, p.total_pages], [20, 20, 1, Math.ceil(all.total / 20)]);
	p = await sessions('?page=2&size=7');
	is('the second one goes on', p.data.map((s) => s.id), all.data.slice(7, 14).map((s) => s.id));
	p = await sessions('?page=9999');
	is('a page past the end is empty', [p.data, p.total, p.page], [[], all.total, 9999]);
	for (const [q, page, size] of [['page=0', 1, 20], ['page=-1', 1, 20], ['page=x', 1, 20], ['page=', 1, 20], ['size=0', 1, 20], ['size=-1', 1, 20],
		['size=1001', 1, 20], ['size=9x', 1, 20], ['size=101', 1, 101], ['page=9999999999999999999999', 1, 20], ['size=1&page=2147483647', 2147483647, 1]]) {
		p = await sessions('?' + q);
		is('?' + q, [p.page, p.size], [page, size]);
	}
	p = await records('many');
	is('50 records are a page', [p.data.length, p.size, p.total, p.total_pages], [50, 50, 320, 7]);
	is('records by turn', (await records('many', '?size=100&page=3')).data.map((r) => r.turn_number), Array.from({length: 100}, (x, i) => 201 + i));
	for (let i = 0; i < 3; i++)
		await put({session_id: 'order', turn_number: 2, request: i});
	await put({session_id: 'order', turn_number: 1, request: 9});
	is('... then by time', (await records('order')).data.map((r) => r.request), ['9', '0', '1', '2']);
	p = await get('/api/sessions/nobody/records');
	is('an unknown session has an empty page', [p.status, p.data.data, p.data.total, p.data.total_pages], [200, [], 0, 0]);
	is('... and is none itself', (await get('/api/sessions/nobody')).status, 404);
	is('... nor is an unknown record one', (await get('/api/records/nobody')).status, 404);
	const odd = 'a/b?c&d%20+é中 "x"\'; --';
	await put({session_id: odd, request: 1});
	is('any text is a session\'s id', (await records(odd)).data[0].session_id, odd);
	p = (await get('/api/sessions/p')).data;
	for (const n of ['9223372036854775807', '99999999999999999999', '1000000000000', '5'])
		await put('{"session_id":"sums","request":1,"response":{"usage":{"prompt_tokens":' + n + '}},"metadata":{"latency_ms":' + n + '}}');
	const sums = (await get('/api/sessions/sums')).data;
	is('figures that cannot be are not summed up', sums && [sums.input_tokens, sums.latency_ms], [1000000000005, 1000000000005]);
	is('a session counts its records', [p.record_count, p.pending_count, p.error_count, p.last_turn], [5, 1, 1, 3]);
}

async function deleting() {
	const id = (await put({session_id: 'd', request: 1})).data.id;
	await put({session_id: 'd', request: 2});
	let r = await ask('DELETE', '/api/records/' + id);
	is('delete a record', [r.status, r.json.success, typeof r.json.message], [200, true, 'string']);
	is('... it is gone', (await get('/api/records/' + id)).status, 404);
	is('... the other one is not', (await records('d')).data.map((x) => x.request), ['2']);
	r = await ask('DELETE', '/api/records/' + id);
	is('... again is 404', [r.status, r.json.success], [404, false]);
	r = await ask('DELETE', '/api/sessions/d');
	is('delete a session', [r.status, (await get('/api/sessions/d')).status, (await records('d')).total], [200, 404, 0]);
	is('... again is 404', (await ask('DELETE', '/api/sessions/d')).status, 404);
}

async function searching() {
	const find = async (q) => (await get('/api/records?session_id=f&' + q)).data.data.map((r) => r.turn_number).sort();
	const t0 = (await put({session_id: 'f', request: chat('The Quick brown FOX')})).data;
	await put('{"session_id":"f","request":{"model":"m2","messages":[{"role":"user","content":"\\u4f60\\u597d, \\ud834\\udd1e"}]}}');
	await put({session_id: 'f', request: {model: 'm2'}, response: answer('你好 "quoted"'), metadata: {tag: 'blue-green'}});
	await put({session_id: 'f', request: {model: 'm3'}, error_message: 'Rate limit "reached"'});
	await put({session_id: 'f', request: {model: 'm3'}, status: 'pending'});
	is('search in requests, in any case', await find('q=quick+BROWN+fox'), [1]);
	is('... words in their order', await find('q=brown+quick'), []);
	is('... escaped or not', await find('q=' + encodeURIComponent('你好')), [2, 3]);
	is('... beyond the 16 bits, too', await find('q=' + encodeURIComponent('𝄞')), [2]);
	is('... in responses, with quotes', await find('q=' + encodeURIComponent('好 "QUOTED"')), [3]);
	is('... in metadata', await find('q=blue-green'), [3]);
	is('... in messages', await find('q=' + encodeURIComponent('limit "r')), [4]);
	is('by status', [await find('status=error'), await find('status=pending'), await find('status=success')], [[4], [5], [1, 2, 3]]);
	is('by model', [await find('model=m2'), await find('model=m')], [[2, 3], []]);
	is('by several', await find('model=m3&status=error&q=rate'), [4]);
	is('... with a text that is nowhere', await find('model=m3&status=error&q=quick'), []);
	const rec = (await get('/api/records/' + t0.id)).data;
	const at = encodeURIComponent(rec.created_at), all = [1, 2, 3, 4, 5];
	is('from a time', await find('from=' + at), all);
	is('to a time, which is not in it', await find('to=' + at), []);
	is('from a day, to a day', await find('from=2020-01-01&to=2099-12-31'), all);
	is('of the last hour; of another year', [await find('from=1h'), await find('to=2020-12-31')], [all, []]);
	for (const q of ['from=x', 'to=2020-13-01', 'after=x'])
		is(q + ' is 400', (await get('/api/records?' + q)).status, 400);
	const some = (await get('/api/records?size=3')).data;
	is('all records, the newest first', some.data.map((r) => r.session_id + r.turn_number), ['f5', 'f4', 'f3']);
	const total = (await get('/api/sessions?size=1000')).data.data.reduce((n, s) => n + s.record_count, 0);
	is('... and all of them are counted', some.total, total);
	const brief = (await get('/api/records?session_id=f&brief=1')).data.data[0];
	is('brief: sizes instead of texts', [brief.request, brief.response, brief.metadata, brief.request_size, brief.response_size],
		[undefined, undefined, undefined, rec.request.length, 0]);
	is('q that looks like SQL', await find('q=' + encodeURIComponent('\' OR 1=1 --')), []);
	is('... and one that looks like a pattern', [await find('q=%25'), await find('q=_uick')], [[], []]);
}

async function following() {
	const changes = async (cursor, more) => (await get('/api/records?brief=1&after=' + cursor + (more || ''))).data;
	let c = (await get('/api/records?size=1')).data.cursor;
	is('nothing new behind the cursor', [(await changes(c)).data, (await changes(c)).cursor], [[], c]);
	const old = (await records('p2')).data[0];
	await put({session_id: 'c', request: 1});
	await put({session_id: 'p2', turn_number: 1, request: 1, status: 'success'});
	await put({session_id: 'c', request: 2});
	let p = await changes(c);
	is('what came since, and what was completed, in its order', p.data.map((r) => r.session_id + r.turn_number), ['c1', 'p21', 'c2']);
	is('... which is the record that it was', p.data[1].id, old.id);
	is('... of one session alone', (await get('/api/sessions/c/records?after=' + c)).data.data.map((r) => r.turn_number), [1, 2]);
	const seen = [];
	do {
		p = await changes(c, '&size=1');
		seen.push(...p.data.map((r) => r.session_id + r.turn_number));
		c = p.cursor;
	} while (p.data.length);
	is('a small page goes on where it ended', seen, ['c1', 'p21', 'c2']);
	is('cursor of the last of them: nothing new', (await changes(c)).total, 0);
}

async function protocol() {
	is('health', [(await get('/health')).json, (await get('/api/health')).json], [{status: 'ok'}, {status: 'ok'}]);
	let r = await ask('OPTIONS', '/api/trace', undefined, {headers: {Origin: 'http://localhost:3000', 'Access-Control-Request-Method': 'POST'}});
	is('OPTIONS of a browser', [r.status, r.headers['access-control-allow-origin'], r.headers['access-control-allow-methods']],
		[204, 'http://localhost:3000', 'GET, POST, PUT, DELETE, OPTIONS']);
	ok('... its headers', /Content-Type/.test(r.headers['access-control-allow-headers']), r.headers);
	r = await get('/api/records/nobody', {headers: {Origin: 'http://127.0.0.1:5173'}});
	is('errors are for pages of this machine, too', [r.status, r.headers['access-control-allow-origin']], [404, 'http://127.0.0.1:5173']);
	for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', 'http://127.0.0.1.evil.example'])
		is('a page of ' + origin + ' may not post', (await put({request: 1}, {headers: {Origin: origin}})).status, 403);
	is('nor a name that leads here', (await get('/api/sessions', {headers: {Host: 'evil.example'}})).status, 403);
	r = await ask('PUT', '/api/trace', '{}');
	is('another method is 405', [r.status, r.headers.allow, r.json.success], [405, 'POST', false]);
	r = await ask('POST', '/api/records/x', '{}');
	is('... with all that may be', [r.status, r.headers.allow], [405, 'GET, DELETE']);
	r = await get('/api/nothing');
	is('an unknown path is 404', [r.status, r.json.success], [404, false]);
	r = await ask('HEAD', '/api/sessions');
	ok('HEAD has no body', r.status === 200 && r.text === '' && Number(r.headers['content-length']) > 0, [r.status, r.text, r.headers]);
	is('answers are JSON', (await get('/api/sessions')).headers['content-type'], 'application/json; charset=utf-8');
}

(async () => {
	for (const part of [receiving, bytes, refusing, bodies, pending, replays, pages, deleting, searching, following, protocol])
		await part().catch((e) => console.log('no ' + part.name + '\t' + e.stack.replace(/\n/g, ' ')));
	agent.destroy();
	console.log('end');
})();
