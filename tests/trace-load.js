'use strict';
/*
 * trace-load.js [-n POSTS] [-c CONNECTIONS] [-s SECONDS] URL - post traces until the server goes away, or so many, or so long.
 *
 * Prints the id of each that was acknowledged as a line of its own, and at the end "posts STATUS=COUNT ..." on stderr.
 */
const fs = require('fs');
const http = require('http');

const o = {n: Infinity, c: 16, s: Infinity};
const args = process.argv.slice(2);
while (args[0][0] === '-')
	o[args.shift()[1]] = Number(args.shift());
const base = new URL(args[0]);
const agent = new http.Agent({keepAlive: true, maxSockets: o.c});
const end = Date.now() + o.s * 1000;
const seen = {};
let sent = 0;

function post(i) {
	const body = JSON.stringify({session_id: 'load-' + i % 50, request: {model: 'm', messages: [{role: 'user', content: 'x'.repeat(i % 7 * 300)}]}});
	return new Promise((resolve) => {
		const req = http.request({host: base.hostname, port: base.port, method: 'POST', path: '/api/trace', agent,
			headers: {'Content-Type': 'application/json'}}, (res) => {
			const chunks = [];
			res.on('data', (c) => chunks.push(c));
			res.on('error', () => resolve(0));
			res.on('end', () => {
				if (res.statusCode === 200)
					fs.writeSync(1, JSON.parse(Buffer.concat(chunks)).data.id + '\n');
				resolve(res.statusCode);
			});
		});
		req.on('error', () => resolve(0));
		req.end(body);
	});
}

async function client() {
	for (;;) {
		if (sent >= o.n || Date.now() > end)
			return;
		const status = await post(sent++);
		seen[status] = (seen[status] || 0) + 1;
		if (status === 0)
			return;
	}
}

Promise.all(Array.from({length: o.c}, client)).then(() => {
	agent.destroy();
	console.error('posts ' + Object.keys(seen).map((k) => k + '=' + seen[k]).join(' '));
});
