'use strict';
/*
 * ls-fetch-sim.js - months of syncs in virtual time, against a stand-in of its own.
 *
 *   node ls-fetch-sim.js SEED URL CLOCK.so [LS-FETCH OPTION...]
 *
 * Runs arrive up to 24 h after their start, which is what the service allows; most end soon, some
 * after days, some never.  Syncs come hours or days apart, with any page size, half of them in
 * pieces of --limit; between the pieces time passes and cursors go stale; now and then the pipe
 * behind ls-fetch fails, so that the state is not taken, and its rows are or are not.  All of it
 * follows from SEED.
 *
 * In the working directory it leaves state, taken.ndjson (the rows that the pipe took, in order) and made.ndjson:
 * {id, start, arrive, end, in_time} of each run that there was; in_time: it ended within --give-up.
 * Prints one line of figures.
 */
const {spawn} = require('child_process');
const fs = require('fs');
const http = require('http');

const [seed, base, clock, ...options] = process.argv.slice(2);
const MIN = 60e3, HOUR = 60 * MIN, DAY = 24 * HOUR;
const SYNCS = 48;

/* mulberry32: the same numbers everywhere. */
let a = Math.imul(Number(seed), 2654435761) >>> 0;
function random() {
	a = (a + 0x6d2b79f5) >>> 0;
	let t = Math.imul(a ^ (a >>> 15), 1 | a);
	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const chance = (p) => random() < p;
const iso = (ms) => new Date(ms).toISOString();

function control(path, body) {
	return new Promise((done, fail) => {
		const req = http.request(new URL(path, base), {method: 'POST', headers: {'Content-Type': 'application/json'}}, (res) => {
			res.resume();
			res.on('end', () => res.statusCode < 300 ? done() : fail(new Error(path + ': ' + res.statusCode)));
		});
		req.on('error', fail);
		req.end(body);
	});
}
const config = (c) => control('/_test/config', JSON.stringify(c));

/* ---- the world ---- */

let now = Date.parse('2026-06-01T00:00:00Z');
const runs = [];

function make(start) {
	const arrive = start + (chance(0.7) ? below(30e3) : chance(0.5) ? below(2 * HOUR) : chance(0.5) ? below(23.9 * HOUR) : 23.9 * HOUR);
	const end = chance(0.02) ? Infinity : start + (chance(0.8) ? below(20e3) : below(60 * HOUR));
	const run = {id: '00000000-0000-4000-8000-' + runs.length.toString(16).padStart(12, '0'), start, arrive, end, shown: ''};
	runs.push(run);
	return run;
}

/* Old runs, more of them of late, which have all arrived and ended before the first sync. */
function history(n) {
	for (let i = 0; i < n; i++) {
		const run = make(now - Math.floor(random() * random() * 200 * DAY));
		run.arrive = Math.min(run.arrive, now - 1);
		run.end = run.end === Infinity ? run.end : Math.min(run.end, now - 1);
	}
}

/* Show the service what has happened until now. */
async function publish() {
	const news = [];
	for (const run of runs) {
		const status = run.end <= now ? 'success' : 'pending';
		if (run.arrive > now || run.shown === status)
			continue;
		run.shown = status;
		news.push(JSON.stringify({id: run.id, name: 'run', run_type: 'llm', start_time: iso(run.start).slice(0, -1) + '777',
		    end_time: status === 'success' ? iso(run.end) : null, status, inputs: {input: 'text'}}));
	}
	if (news.length)
		await control('/_test/runs', news.join('\n'));
	await config({now: iso(now)});
}

/* ---- syncs ---- */

let child = null, calls = 0;
process.on('SIGTERM', () => {
	if (child)
		child.kill('SIGKILL');
	process.exit(143);
});

function fetch(args) {
	return new Promise((done, fail) => {
		let out = '', err = '';
		calls++;
		child = spawn('ls-fetch', args, {stdio: ['ignore', 'pipe', 'pipe'],
		    env: Object.assign({}, process.env, {LD_PRELOAD: clock, CLOCK_MS: String(now)})});
		child.stdout.setEncoding('utf8').on('data', (s) => { out += s; });
		child.stderr.setEncoding('utf8').on('data', (s) => { err += s; });
		child.on('error', fail);
		child.on('close', (status) => {
			child = null;
			if (status === 0)
				done(out);
			else
				fail(new Error('status ' + status + ' at ' + iso(now) + ': ' + err));
		});
	});
}

/* One sync, in as many pieces as it takes. */
async function sync(api, most) {
	for (let piece = 0; piece < 200; piece++) {
		const limit = chance(0.5) ? 1 + below(most) : 0;
		await publish();
		const out = await fetch(['--api', api, '--state', 'state', '--page-size', String(1 + below(60)), '-q',
		    ...(limit ? ['--limit', String(limit)] : []), ...options]);
		if (limit && out.split('\n').length - 1 > limit)
			throw new Error('more than --limit ' + limit + ' at ' + iso(now));
		const failed = chance(0.15);
		if (!failed || chance(0.5))
			fs.appendFileSync('taken.ndjson', out);
		if (failed) {
			now += below(MIN);
			continue;
		}
		fs.renameSync('state.next', 'state');
		if (chance(0.15))
			await config({stale_cursors: true});
		now += Math.floor(random() * random() * 2 * HOUR * (chance(0.2) ? 5 : 1) / (limit ? 2 : 1));
		if (JSON.parse(fs.readFileSync('state')).complete)
			return;
	}
	throw new Error('a sync that does not end, at ' + iso(now));
}

async function main() {
	const api = ['v1', 'v2', 'auto'][Number(seed) % 3];
	const patience = chance(0.5) ? 1 : 3;

	options.unshift('--give-up', patience + 'd');

	await config({order: chance(0.5) ? 'asc' : 'desc', start_inclusive: chance(0.5), v2_max_inclusive: chance(0.5)});
	history(200);
	fs.writeFileSync('taken.ndjson', '');
	for (let i = 0; i < SYNCS; i++) {
		await sync(api, i === 0 ? 50 : 8);
		const gap = below(chance(0.1) ? 3 * DAY : 8 * HOUR);
		for (let n = below(8); n > 0; n--)
			make(now + below(gap));
		now += gap;
	}
	/* Until all has arrived, has ended, or is given up. */
	for (let i = 0; i < 4; i++) {
		now += 26 * HOUR;
		await sync(api, 50);
	}
	fs.writeFileSync('made.ndjson', runs.map((r) => JSON.stringify({id: r.id, start: r.start, arrive: r.arrive,
	    end: r.end === Infinity ? null : r.end, in_time: r.end - r.start <= patience * DAY}) + '\n').join(''));
	console.log('api=' + api + ' give-up=' + patience + 'd runs=' + runs.length + ' calls=' + calls);
}

main().catch((e) => {
	process.stderr.write('ls-fetch-sim: seed ' + seed + ': ' + e.message + '\n');
	process.exitCode = 1;
});
