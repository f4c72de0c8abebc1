'use strict';
/*
 * common.js - what the stand-ins share: an HTTP server on loopback, a fault
 * plan, a request log and the control calls by which a test steers them.
 *
 * Node built-ins only, and no syntax newer than Node 12 (Ubuntu 22.04).
 *
 * Start:   node tests/standin/NAME.js [--port N] [--NAME VALUE ...]
 *          prints "NAME: listening on http://127.0.0.1:PORT" on stdout.
 *
 * Control calls, never part of the service:
 *   POST /_test/faults   a JSON array; each fault is consumed as it fires
 *   GET  /_test/faults   the faults that have not fired yet
 *   GET  /_test/log      the requests so far: [{n,method,path,query,status,fault,body,at}]
 *   POST /_test/log      forgets them
 *   others as the stand-in defines them (control: {"POST /_test/x": handler})
 *
 * A fault: {"route":"POST /open-apis/.../batch_create", "nth":2, "times":1,
 *           "act":..., ...}.  route is "METHOD prefix", "METHOD" may be "*", and
 * the prefix may hold "*" for one path segment.  nth counts the matching
 * requests from the moment the plan was posted, the first is 1; times (default
 * 1, 0 = for ever) is how many in a row fail.
 *   act "status"     answers status, headers, body; the service does nothing
 *   act "after"      the service does its work, then status, headers, body are
 *                    answered instead of its own answer
 *   act "reset"      the connection is reset before anything is done
 *   act "reset-after"  the work is done, then the connection is reset
 *   act "hang"       no answer ever; nothing is done
 *   act "hang-after" no answer ever; the work is done
 *   act "truncate"   the work is done; half of the body, then a reset
 *   act "truncate-gzip"  the work is done; a gzip body that stops half-way,
 *                    with the transfer properly ended
 *   act "garbage"    the work is done; status 200 and a body that is not JSON
 *   act "delay"      ms milliseconds later, as always
 */
const http = require('http');
const zlib = require('zlib');

function matches(fault, method, path) {
	const sp = fault.route.indexOf(' ');
	const m = fault.route.slice(0, sp);
	if (m !== '*' && m !== method)
		return false;
	const want = fault.route.slice(sp + 1).split('/');
	const have = path.split('/');
	if (want.length > have.length)
		return false;
	return want.every((w, i) => w === '*' || w === have[i]);
}

class HttpError extends Error {
	/* Thrown by a handler: the answer is status, body (an object or a string), headers. */
	constructor(status, body, headers) {
		super('HTTP ' + status);
		this.status = status;
		this.body = body;
		this.headers = headers || {};
	}
}

/*
 * serve({name, routes, control, notFound, port, headers, prepare, gzip, started})
 *
 * routes and control: {"METHOD /path/:param/x": handler}.  A handler gets
 * {method, path, params, query (URLSearchParams), headers, body (Buffer), json}
 * and returns, or resolves to, {status, body, headers}; a body that is an
 * object is sent as JSON.  Instead of a body, stream(out) may be a function that sends it piece by piece:
 * await out.write(text), while !out.gone (the client has left); out.cut() resets the connection.
 * json is undefined when the body is empty, and null
 * with jsonError set when it does not parse.
 * notFound(req) answers what no route matches; headers(req) gives headers that
 * every answer carries.  Optional: prepare(req) may change method and body before anything
 * looks at them, gzip(req) says whether an answer may be compressed (default: by
 * Accept-Encoding), gzipStream(req) the same of streams (default: no), latency() is how many milliseconds later each call
 * of a route is carried out, started(url) runs before the address is printed.
 * Returns a promise of {url, server, close}.
 */
function serve(opts) {
	const compiled = Object.keys(opts.routes).map((key) => {
		const sp = key.indexOf(' ');
		return {method: key.slice(0, sp), parts: key.slice(sp + 1).split('/'), fn: opts.routes[key]};
	});
	let faults = [];
	let log = [];
	let n = 0;

	const control = Object.assign({
		'POST /_test/faults': (req) => {
			faults = req.json.map((f) => Object.assign({nth: 1, times: 1, seen: 0, fired: 0}, f));
			return {status: 200, body: {faults: faults.length}};
		},
		'GET /_test/faults': () => ({status: 200, body: faults}),
		'GET /_test/log': () => ({status: 200, body: log}),
		'POST /_test/log': () => { log = []; return {status: 200, body: {}}; },
	}, opts.control || {});

	function route(method, path) {
		const have = path.split('/');
		for (const r of compiled) {
			if (r.method !== method || r.parts.length !== have.length)
				continue;
			const params = {};
			if (r.parts.every((p, i) => {
				if (p[0] !== ':')
					return p === have[i];
				params[p.slice(1)] = decodeURIComponent(have[i]);
				return true;
			}))
				return {fn: r.fn, params};
		}
		return null;
	}

	/* Every matching fault counts the request, also while another one fires; what was due then fires next. */
	function takeFault(method, path) {
		const hit = faults.filter((f) => matches(f, method, path));
		hit.forEach((f) => f.seen++);
		const f = hit.find((g) => g.seen >= g.nth);
		if (!f)
			return null;
		if (++f.fired === f.times)
			faults = faults.filter((g) => g !== f);
		return f;
	}

	const mayGzip = opts.gzip || ((req) => /\bgzip\b/.test(req.headers['accept-encoding'] || ''));

	function encode(req, answer) {
		const headers = Object.assign({}, opts.headers ? opts.headers(req) : {}, answer.headers || {});
		let body = answer.body === undefined ? '' : answer.body;
		if (typeof body === 'object' && !Buffer.isBuffer(body)) {
			body = JSON.stringify(body);
			if (!headers['Content-Type'])
				headers['Content-Type'] = 'application/json; charset=utf-8';
		}
		body = Buffer.isBuffer(body) ? body : Buffer.from(body);
		if (mayGzip(req) && body.length > 512) {
			body = zlib.gzipSync(body);
			headers['Content-Encoding'] = 'gzip';
		}
		return {status: answer.status || 200, headers, body};
	}

	function send(res, a) {
		a.headers['Content-Length'] = a.body.length;
		res.writeHead(a.status, a.headers);
		res.end(a.body);
	}

	/* A body of unknown length, each piece sent at once. */
	async function sendStream(req, res, a) {
		const headers = Object.assign({}, opts.headers ? opts.headers(req) : {}, a.headers || {});
		const gz = opts.gzipStream && opts.gzipStream(req) ? zlib.createGzip({flush: zlib.constants.Z_SYNC_FLUSH}) : null;
		if (gz) {
			headers['Content-Encoding'] = 'gzip';
			gz.pipe(res);
		}
		const to = gz || res;
		const out = {
			gone: false,
			write: (text) => new Promise((resolve) => out.gone ? resolve() : to.write(text, () => resolve())),
			cut: () => { out.gone = true; reset(res); },
		};
		res.on('close', () => { out.gone = true; to.destroy(); });
		res.writeHead(a.status || 200, headers);
		res.flushHeaders();
		await a.stream(out);
		if (!out.gone)
			to.end();
	}

	/* The same in one piece, for faults that need to know how long it is. */
	async function gather(a) {
		const pieces = [];
		if (!a.stream)
			return a;
		await a.stream({gone: false, write: async (text) => pieces.push(Buffer.from(text)), cut() {}});
		return {status: a.status, headers: a.headers, body: Buffer.concat(pieces)};
	}

	const reset = (res) => res.socket && (res.socket.resetAndDestroy ? res.socket.resetAndDestroy() : res.socket.destroy());

	async function handle(req, res, entry) {
		const found = route(req.method, req.path);
		const fault = takeFault(req.method, req.path);
		const late = opts.latency ? opts.latency() : 0;
		if (late > 0)
			await new Promise((r) => setTimeout(r, late));
		const run = async () => {
			try {
				return await (found ? found.fn(Object.assign(req, {params: found.params})) : opts.notFound(req));
			} catch (e) {
				if (!(e instanceof HttpError))
					throw e;
				return {status: e.status, body: e.body, headers: e.headers};
			}
		};
		if (!fault) {
			const answer = await run();
			if (answer.stream) {
				entry.status = answer.status || 200;
				return sendStream(req, res, answer);
			}
			const a = encode(req, answer);
			entry.status = a.status;
			return send(res, a);
		}
		entry.fault = fault.act;
		const canned = () => encode(req, {status: fault.status, headers: Object.assign({}, fault.headers), body: fault.body});
		switch (fault.act) {
		case 'status':
			entry.status = fault.status;
			return send(res, canned());
		case 'after':
			await run();
			entry.status = fault.status;
			return send(res, canned());
		case 'reset':
			return reset(res);
		case 'reset-after':
			await run();
			return reset(res);
		case 'hang':
			return undefined;
		case 'hang-after':
			await run();
			return undefined;
		case 'truncate': {
			const a = encode(req, await gather(await run()));
			a.headers['Content-Length'] = a.body.length;
			res.writeHead(a.status, a.headers);
			res.write(a.body.slice(0, a.body.length >> 1), () => setTimeout(() => reset(res), 20));
			return undefined;
		}
		case 'truncate-gzip': {
			const plain = encode(Object.assign({}, req, {headers: {}}), await gather(await run()));
			const z = zlib.gzipSync(plain.body);
			plain.body = z.slice(0, z.length >> 1);
			plain.headers['Content-Encoding'] = 'gzip';
			return send(res, plain);
		}
		case 'garbage':
			await run();
			return send(res, {status: 200, headers: {'Content-Type': 'text/html'}, body: Buffer.from('<html>proxy</html>')});
		case 'delay': {
			await new Promise((r) => setTimeout(r, fault.ms));
			const answer = await run();
			return answer.stream ? sendStream(req, res, answer) : send(res, encode(req, answer));
		}
		default:
			throw new Error('unknown act ' + fault.act);
		}
	}

	const server = http.createServer((req, res) => {
		const chunks = [];
		req.on('data', (c) => chunks.push(c));
		req.on('error', () => {});
		res.on('error', () => {});
		req.on('end', () => {
			const u = new URL(req.url, 'http://127.0.0.1');
			const r = {method: req.method, path: u.pathname, query: u.searchParams, headers: req.headers, body: Buffer.concat(chunks), json: undefined};
			if (opts.prepare)
				opts.prepare(r);
			const body = r.body;
			if (body.length) {
				try {
					r.json = JSON.parse(body.toString('utf8'));
				} catch (e) {
					r.json = null;
					r.jsonError = e.message;
				}
			}
			const fail = (e) => {
				process.stderr.write(opts.name + ': ' + (e.stack || e) + '\n');
				if (!res.headersSent)
					send(res, {status: 500, headers: {}, body: Buffer.from(String(e.stack || e))});
			};
			const ctl = control[r.method + ' ' + u.pathname];
			if (ctl) {
				Promise.resolve().then(() => ctl(r)).then((a) => send(res, encode(r, a))).catch(fail);
				return;
			}
			const entry = {n: ++n, method: r.method, path: r.path, query: u.search, status: 0,
			    body: body.length < 65536 && r.json !== null ? r.json : undefined, at: Date.now()};
			log.push(entry);
			handle(r, res, entry).catch(fail);
		});
	});
	server.keepAliveTimeout = 30000;

	return new Promise((resolve) => {
		server.listen(opts.port || 0, '127.0.0.1', () => {
			const url = 'http://127.0.0.1:' + server.address().port;
			if (opts.started)
				opts.started(url);
			process.stdout.write(opts.name + ': listening on ' + url + '\n');
			resolve({url, server, close: () => server.close()});
		});
	});
}

/* --name value pairs of the command line, with defaults; an unknown name ends the program. */
function parseArgs(defaults) {
	const args = Object.assign({}, defaults);
	const argv = process.argv.slice(2);
	for (let i = 0; i < argv.length; i += 2) {
		const name = argv[i].replace(/^--/, '');
		if (!(name in defaults) || i + 1 >= argv.length) {
			process.stderr.write('unknown option ' + argv[i] + '; known: ' + Object.keys(defaults).join(' ') + '\n');
			process.exit(2);
		}
		args[name] = typeof defaults[name] === 'number' ? Number(argv[i + 1]) : argv[i + 1];
	}
	return args;
}

module.exports = {serve, parseArgs, HttpError};
