'use strict';
/*
 * server.js URL PART [ARG] - what trace-serve makes of clients that are odd, rude, slow or many; for tests/server.t.
 *
 * Prints "ok NAME", or "no NAME<TAB>what came instead", for each promise, and "end".  Requests are bytes on a socket, so that nothing
 * corrects them.
 */
const net = require('net');
const zlib = require('zlib');

const url = new URL(process.argv[2]);
const PATIENCE = 60000;

function say(name, ok, instead) {
	console.log(ok ? 'ok ' + name : 'no ' + name + '\t' + JSON.stringify(instead));
}

/* What comes for these bytes, until the server ends the connection; with until, until that comes. */
function raw(bytes, until) {
	return new Promise((resolve) => {
		const s = net.connect(url.port, url.hostname);
		let text = '';
		const end = () => { s.destroy(); resolve(text); };
		s.setTimeout(PATIENCE, () => { text += '(time-out)'; end(); });
		s.on('data', (d) => { text += d.toString('latin1'); if (until && text.includes(until)) end(); });
		s.on('error', end);
		s.on('end', end);
		s.on('connect', () => s.write(bytes));
	});
}

/* headers replace those that there are; null: leave it out. */
function request(method, path, headers, body) {
	const h = Object.assign({Host: url.host, Connection: 'close'}, body === undefined ? {} : {'Content-Length': Buffer.byteLength(body)}, headers);
	const head = method + ' ' + path + ' HTTP/1.1\r\n' + Object.keys(h).filter((k) => h[k] !== null).map((k) => k + ': ' + h[k] + '\r\n').join('') + '\r\n';
	return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body === undefined ? '' : body)]);
}

function parse(text) {
	const at = text.indexOf('\r\n\r\n'), lines = text.slice(0, at).split('\r\n'), headers = {};
	for (const l of lines.slice(1))
		headers[l.slice(0, l.indexOf(':')).toLowerCase()] = l.slice(l.indexOf(':') + 2);
	return {status: Number((lines[0] || '').split(' ')[1]), headers, body: text.slice(at + 4), text};
}
const ask = async (...a) => parse(await raw(request(...a)));
const alive = async () => (await ask('GET', '/api/health')).status === 200;

async function expect(name, want, ...a) {
	const r = await ask(...a);
	say(name + ': ' + want, r.status === want, r.text.slice(0, 300));
	return r;
}

const part = {
	async hosts() {
		for (const h of ['localhost', 'LocalHost:1', '127.0.0.1', '127.0.0.1:80', '127.8.9.10', '[::1]', '[::1]:80'])
			await expect('Host ' + h, 200, 'GET', '/api/sessions', {Host: h});
		for (const h of ['evil.example', '127.0.0.1.evil.example', '127.evil.example', 'localhost.evil.example', 'localhost:80.evil.example',
			'evil.example:80', 'x@localhost', 'localhost@evil.example', '10.0.0.1', '0.0.0.0', '[::]', '[::1].evil.example', '[::1', '', '127.1', '2130706433'])
			await expect('Host ' + h, 403, 'GET', '/api/sessions', {Host: h});
		await expect('no Host', 400, 'GET', '/api/sessions', {Host: null});
		await expect('... the page, too', 403, 'GET', '/', {Host: 'evil.example'});
		const r = await expect('... a trace, too', 403, 'POST', '/api/trace', {Host: 'evil.example'}, '{"request":{}}');
		say('... in the envelope', /^\{"success":false,"message":"Host/.test(r.body), r.body);
	},

	async origins() {
		for (const o of ['http://localhost', 'http://localhost:3000', 'https://127.0.0.1:5173', 'http://[::1]:80']) {
			const r = await expect('Origin ' + o, 200, 'GET', '/api/sessions', {Origin: o});
			say('... may read', r.headers['access-control-allow-origin'] === o && r.headers.vary === 'Origin', r.headers);
		}
		for (const o of ['http://evil.example', 'null', '', 'http://localhost.evil.example', 'http://127.0.0.1.evil.example', 'http://localhost:80@evil.example',
			'http://evil.example/://localhost', 'evil', '://', 'http://127.0.0.1:80.evil.example'])
			for (const method of ['GET', 'DELETE']) {
				const r = await expect(method + ' from ' + o, 403, method, '/api/sessions/x', {Origin: o});
				if (r.headers['access-control-allow-origin'] !== undefined)
					say('... may not read', false, r.headers);
			}
		await expect('a form of another page', 403, 'POST', '/api/trace', {Origin: 'http://evil.example', 'Content-Type': 'text/plain'}, '{"request":{}}');
		await expect('a form without an Origin: its type', 415, 'POST', '/api/trace', {'Content-Type': 'application/x-www-form-urlencoded'}, 'a=b');
		let r = await expect('a preflight', 204, 'OPTIONS', '/api/trace', {Origin: 'http://localhost:3000', 'Access-Control-Request-Method': 'POST'});
		say('... allows', /POST/.test(r.headers['access-control-allow-methods']) && /Content-Type/.test(r.headers['access-control-allow-headers']), r.headers);
		r = await expect('a preflight from elsewhere', 403, 'OPTIONS', '/api/trace', {Origin: 'http://evil.example', 'Access-Control-Request-Method': 'POST'});
		say('... allows nothing', r.headers['access-control-allow-methods'] === undefined, r.headers);
		r = await ask('GET', '/api/sessions');
		say('answers are not sniffed, and not kept', r.headers['x-content-type-options'] === 'nosniff' && r.headers['cache-control'] === 'no-store', r.headers);
	},

	async odd() {
		await expect('an unknown path', 404, 'GET', '/api/nothing');
		await expect('... two slashes', 404, 'GET', '//api/sessions');
		await expect('... dots', 404, 'GET', '/api/../api/sessions');
		await expect('... a NUL', 404, 'GET', '/api/records/%00');
		await expect('... no UTF-8', 404, 'GET', '/api/records/%ff%c3');
		await expect('... broken escapes', 404, 'GET', '/api/records/%zz%');
		await expect('... an empty segment', 404, 'GET', '/api/records/');
		await expect('... ten thousand characters', 404, 'GET', '/api/records/' + 'x'.repeat(10000));
		for (const q of ['page=%zz&size=%', 'page=-1', 'page=99999999999999999999', 'size=1e3', 'page', '&&&=&', 'page=1&page=2', '%70age=1', 'page=%00', 'page=+1', '?'])
			await expect('the query ' + q, 200, 'GET', '/api/sessions?' + q);
		for (const m of ['FOO', 'TRACE', 'PUT', 'PATCH', 'x'])
			await expect(m, 405, m, '/api/trace');
		say('HEAD has no body', /^HTTP\/1.1 200 [^]*\r\n\r\n$/.test(await raw(request('HEAD', '/api/sessions'))), '');
		const r = parse(await raw(request('GET', '/api/health', {Connection: null}).toString().replace('HTTP/1.1', 'HTTP/1.0')));
		say('HTTP/1.0', r.status === 200, r.text);
		const three = Buffer.concat([0, 1].map(() => request('POST', '/api/trace', {Connection: null, 'Content-Type': 'application/json'}, '{"request":{"a":1}}'))
			.concat(request('GET', '/api/sessions')));
		say('pipelined', (await raw(three)).split('HTTP/1.1 200 ').length === 4, '');
		for (const [name, head] of [['two lengths', 'Content-Length: 2\r\nContent-Length: 40\r\n'], ['a length in two', 'Content-Length: 2, 40\r\n'],
			['a negative length', 'Content-Length: -2\r\n'], ['a length with a sign', 'Content-Length: +2\r\n'], ['an unknown coding', 'Transfer-Encoding: gzip, x\r\n'],
			['a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n'],
			['a space before the colon of a coding', 'Content-Length: 2\r\nTransfer-Encoding : chunked\r\n'],
			['the same length twice', 'Content-Length: 2\r\nContent-Length: 2\r\n'],
			['two hosts', 'Content-Length: 2\r\nHost: evil.example\r\n'],
			['two origins', 'Content-Length: 2\r\nOrigin: http://localhost\r\nOrigin: http://evil.example\r\n'],
			['a name with a blank', 'Content-Length: 2\r\nX A: b\r\n'], ['a line end within a value', 'Content-Length: 2\r\nX-A: b\rX-B: c\r\n'],
			['a space before the colon', 'Content-Length : 2\r\n'], ['a continued line', 'Content-Length:\r\n 2\r\n']]) {
			const t = await raw('POST /api/trace HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n' + head + '\r\n{}' + 'GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n');
			say(name + ': refused', t.startsWith('HTTP/1.1 400') && !t.includes('HTTP/1.1 2'), t.slice(0, 300));
		}
		const chunked = 'POST /api/trace HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
		say('chunks with extensions and trailers', parse(await raw(chunked + '5;x=y\r\n{"req\r\n0e\r\nuest":{"b":2}}\r\n0\r\nX: y\r\n\r\n')).status === 200, '');
		for (const [name, body] of [['no number', 'xyz\r\n'], ['an endless number', '0'.repeat(100000)], ['no line end', '2\r\n{}xx'], ['too large', 'fffffffffffffffff\r\n']])
			say('a chunk with ' + name + ' is refused', !/HTTP\/1.1 2/.test(await raw(chunked + body + '\r\n0\r\n\r\n')), '');
		say('it answers', await alive(), '');
	},

	/* --max-body 1M */
	async bodies() {
		const big = Buffer.alloc(1 << 20, ' '), json = {'Content-Type': 'application/json'};
		big.write('{"request":{}}');
		await expect('a body of exactly the limit', 200, 'POST', '/api/trace', json, big);
		await expect('... and one byte more', 413, 'POST', '/api/trace', json, Buffer.concat([big, Buffer.from(' ')]));
		await expect('an announced terabyte', 413, 'POST', '/api/trace', {'Content-Length': '1099511627776'});
		const gz = Object.assign({'Content-Encoding': 'gzip'}, json);
		await expect('packed', 200, 'POST', '/api/trace', gz, zlib.gzipSync(big));
		await expect('packed, one byte more', 413, 'POST', '/api/trace', gz, zlib.gzipSync(Buffer.concat([big, Buffer.from(' ')])));
		const bomb = zlib.gzipSync(Buffer.alloc(500 << 20));
		const bombs = await Promise.all(Array.from({length: 20}, () => ask('POST', '/api/trace', gz, bomb)));
		say('twenty bombs at a time: 413', bombs.every((r) => r.status === 413), bombs.map((r) => r.text.slice(0, 100)));
		await expect('packed twice', 400, 'POST', '/api/trace', gz, zlib.gzipSync(zlib.gzipSync(big)));
		await expect('cut', 400, 'POST', '/api/trace', gz, zlib.gzipSync(big).subarray(0, 500));
		await expect('another coding', 415, 'POST', '/api/trace', {'Content-Encoding': 'br'}, 'x');
		await expect('deep nesting', 400, 'POST', '/api/trace', json, '{"request":' + '['.repeat(100000) + ']'.repeat(100000) + '}');
		await expect('no UTF-8', 400, 'POST', '/api/trace', json, Buffer.from('{"request":"\xff"}', 'latin1'));
		const t = await raw('POST /api/trace HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 14\r\n\r\n', '100 Continue');
		say('who asks first is told to go on', /^HTTP\/1.1 100 Continue\r\n\r\n/.test(t), t);
	},

	async tokens(token) {
		const bearer = (t) => ({Authorization: 'Bearer ' + t});
		await expect('no token', 401, 'GET', '/api/sessions');
		await expect('... to delete', 401, 'DELETE', '/api/sessions/x');
		await expect('... to send', 401, 'POST', '/api/trace', {}, '{"request":{}}');
		for (const t of ['', token.slice(1), token.slice(0, -1), token + 'x', token + token, token.toUpperCase(), ' '])
			await expect('the token ' + JSON.stringify(t), 401, 'GET', '/api/sessions', bearer(t));
		await expect('another scheme', 401, 'GET', '/api/sessions', {Authorization: 'Basic ' + token});
		await expect('the token alone', 401, 'GET', '/api/sessions', {Authorization: token});
		await expect('the token in the query', 401, 'GET', '/api/sessions?token=' + token);
		await expect('the token', 200, 'GET', '/api/sessions', bearer(token));
		await expect('... scheme in lower case', 200, 'GET', '/api/sessions', {Authorization: 'bearer ' + token});
		await expect('the health', 200, 'GET', '/health');
		const r = await expect('a wrong one', 401, 'GET', '/api/sessions', bearer('x'.repeat(20)));
		say('... the token is not told', !r.text.includes(token), r.text);
		await expect('an unknown path', 401, 'GET', '/api/nothing');
	},

	/* It listens on all addresses. */
	async beyond(token) {
		const auth = {Authorization: 'Bearer ' + token};
		await expect('any name', 200, 'GET', '/api/sessions', Object.assign({Host: 'traces.example'}, auth));
		await expect('its own page', 200, 'GET', '/api/sessions', Object.assign({Host: 'traces.example:80', Origin: 'http://traces.example:80'}, auth));
		await expect('another page', 403, 'GET', '/api/sessions', Object.assign({Host: 'traces.example', Origin: 'http://evil.example'}, auth));
		await expect('no token', 401, 'GET', '/api/sessions', {Host: 'traces.example'});
	},

	/* Clients that never finish; others are served meanwhile. */
	async slow() {
		const heads = ['', 'G', 'GET /api/health HTTP/1.1\r\nHo', 'POST /api/trace HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{',
			'POST /api/trace HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"r'];
		const sockets = Array.from({length: 500}, (x, i) => {
			const s = net.connect(url.port, url.hostname);
			s.on('error', () => {});
			s.write(heads[i % heads.length]);
			return s;
		});
		const trickle = setInterval(() => sockets.forEach((s) => s.write('x')), 50);
		let answered = 0;
		for (let i = 0; i < 100; i++)
			answered += await alive();
		clearInterval(trickle);
		say('500 slow clients: all others are answered', answered === 100, answered);
		sockets.forEach((s) => s.destroy());
	},

	/* ARG connections that are idle or half way. */
	async many(arg) {
		const sockets = [], n = Number(arg);
		let open = 0, closed = 0;
		for (let i = 0; i < n; i++) {
			await new Promise((resolve) => {
				const s = net.connect(url.port, url.hostname);
				s.setTimeout(PATIENCE, () => s.destroy());
				s.on('connect', () => { open++; if (i % 2) s.write('GET / HT'); resolve(); });
				s.on('error', resolve);
				s.on('close', () => { closed++; resolve(); });
				sockets.push(s);
			});
			if (i % 1000 === 999)
				say('after ' + (i + 1) + ' connections it answers', await alive(), '');
		}
		say(n + ' connections were taken', open === n, [open, closed]);
		let answered = 0;
		for (let i = 0; i < 50; i++)
			answered += await alive();
		say('... and it answers others', answered === 50, answered);
		sockets.forEach((s) => s.destroy());
		say('... and when they are gone', await alive(), '');
	},
};

part[process.argv[3]](process.argv[4]).then(() => console.log('end'));
