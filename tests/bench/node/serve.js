'use strict';
/*
 * serve.js FILE each|together - what trace-serve is compared with: Node's http and SQLite (node:sqlite, or better-sqlite3), for POST
 * /api/trace as trace-serve does it: validated, its session made, its turn counted up, durable before the answer.
 * each: a commit for each request, as one writes it; together: one for all that came in a turn of the event loop.
 *
 * serve.js upstream - an OpenAI-compatible API that answers at once, for the overhead of a proxy.
 */
const http = require('http');
const {randomUUID} = require('crypto');

function listen(handler) {
	const server = http.createServer((req, res) => {
		const chunks = [];
		req.on('data', (c) => chunks.push(c));
		req.on('end', () => handler(Buffer.concat(chunks), (status, object) => {
			const body = JSON.stringify(object);
			res.writeHead(status, {'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body)});
			res.end(body);
		}));
	});
	server.keepAliveTimeout = 60000;
	server.listen(0, '127.0.0.1', () => console.log('listening on http://127.0.0.1:' + server.address().port));
}

if (process.argv[2] === 'upstream') {
	const answer = {id: 'chatcmpl-1', object: 'chat.completion', created: 1772012052, model: 'gpt-4o', choices: [{index: 0,
		message: {role: 'assistant', content: 'fine '.repeat(200)}, finish_reason: 'stop'}], usage: {prompt_tokens: 1, completion_tokens: 2, total_tokens: 3}};
	listen((body, done) => { JSON.parse(body); done(200, answer); });
	return;
}

let db;
try {
	const {DatabaseSync} = require('node:sqlite');
	db = new DatabaseSync(process.argv[2]);
} catch (e) {
	db = new (require('better-sqlite3'))(process.argv[2]);
}
db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
	CREATE TABLE IF NOT EXISTS sessions(id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at TEXT);
	CREATE TABLE IF NOT EXISTS records(id TEXT PRIMARY KEY, session_id TEXT NOT NULL, turn_number INTEGER NOT NULL, request TEXT NOT NULL,
		response TEXT, status TEXT NOT NULL, error_msg TEXT, metadata TEXT, created_at TEXT);
	CREATE INDEX IF NOT EXISTS by_turn ON records(session_id, turn_number, created_at);
	CREATE INDEX IF NOT EXISTS by_time ON records(created_at);`);
const session = db.prepare('INSERT OR IGNORE INTO sessions VALUES(?, ?, ?)');
const turn = db.prepare('SELECT coalesce(max(turn_number), 0) + 1 AS n FROM records WHERE session_id = ?');
const record = db.prepare('INSERT INTO records VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)');

function store(t) {
	const id = randomUUID(), now = new Date().toISOString(), sid = t.session_id || randomUUID();
	session.run(sid, 'session ' + now, now);
	const n = t.turn_number || turn.get(sid).n;
	record.run(id, sid, n, JSON.stringify(t.request), t.response ? JSON.stringify(t.response) : '', t.status || 'success', t.error_message || '',
		t.metadata ? JSON.stringify(t.metadata) : '', now);
	return {success: true, message: 'Trace data saved successfully', data: {id, session_id: sid, turn_number: n}};
}

let waiting = [];
function flush() {
	const batch = waiting;
	waiting = [];
	db.exec('BEGIN IMMEDIATE');
	const answers = batch.map(([t]) => store(t));
	db.exec('COMMIT');
	batch.forEach(([, done], i) => done(200, answers[i]));
}

listen((body, done) => {
	let t;
	try {
		t = JSON.parse(body);
	} catch (e) {
		return done(400, {success: false, message: e.message});
	}
	if (process.argv[3] === 'together') {
		if (waiting.push([t, done]) === 1)
			setImmediate(flush);
		return;
	}
	db.exec('BEGIN IMMEDIATE');
	const answer = store(t);
	db.exec('COMMIT');
	done(200, answer);
});
