// recorder.js DIR WRITERS EACH - many rec-write on one tree, killed now and then and begun again behind what they had passed on,
// while rec-rotate rotates (and is killed too) and rec-cat reads.  Ends with status 0 when all was passed on.
'use strict';
const { spawn } = require('child_process');
const fs = require('fs');

const [dir, writers, each] = [process.argv[2], +process.argv[3], +process.argv[4]];
const killed = { writers: 0, rotations: 0 };
let reads = 0, writing = writers, seed = 42;

const chance = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;	// repeats; what the processes make of it does not
const fail = (why) => { console.error(why); process.exit(1); };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const record = (w, n) => {
	const prompt = '问'.repeat(chance(200) === 0 ? 20000 : 1 + chance(200));
	const time = new Date(Date.UTC(2025, 11, 6 + chance(3), 10) + (w * each + n) * 300).toISOString();
	return JSON.stringify({
		id: `${w}-${n}`, timestamp: time, session_id: `s${chance(3)}`,
		prompt, sum: prompt.length, success: chance(10) !== 0,
	}) + '\n';
};

// Run to the end, or to a kill after some time.  Resolves to { killed, status, out, err }.
const run = (name, args, input, killAfter) => new Promise((done) => {
	const p = spawn(name, ['--dir', dir, ...args]), out = [];
	let err = '', timer = null, dead = false;

	p.stdout.on('data', (d) => out.push(d));
	p.stderr.on('data', (d) => { err += d; });
	p.stdin.on('error', () => {});	// it was killed
	if (killAfter) timer = setTimeout(() => { dead = true; p.kill('SIGKILL'); }, killAfter);
	p.on('close', (status) => {
		clearTimeout(timer);
		done({ killed: dead && status === null, status, out: Buffer.concat(out), err });
	});
	p.stdin.end(input);
});

const lines = (b) => { let n = 0; for (const c of b) n += c === 10; return n; };

async function writer(w) {
	const all = Array.from({ length: each }, (_, n) => record(w, n));
	let passed = 0;

	while (passed < each) {
		const fsync = w === 0 && passed === 0 ? 'always' : w === 1 ? 'never' : 'flush';
		const r = await run('rec-write', ['--fsync', fsync], all.slice(passed).join(''), passed < each / 2 ? 100 + chance(1500) : 0);
		const n = lines(r.out);

		if (r.out.slice(0, r.out.lastIndexOf(10) + 1).toString() !== all.slice(passed, passed + n).join(''))
			fail(`writer ${w}: passed on something else`);
		if (!r.killed && (r.status !== 0 || passed + n !== each)) fail(`writer ${w}: status ${r.status}, ${passed + n} of ${each}: ${r.err}`);
		killed.writers += r.killed;
		passed += n;
	}
	writing--;
}

async function rotator(kill) {
	while (writing > 0) {
		const r = await run('rec-rotate', ['--max-size', '1M', '--session-days', '100000', '--error-days', '100000'], '', kill ? 1 + chance(killed.rotations ? 400 : 30) : 0);
		if (!r.killed && r.status !== 0) fail(`rec-rotate: status ${r.status}: ${r.err}`);
		killed.rotations += r.killed;
		await pause(chance(200));
	}
}

// What is read in the midst of it are whole records, each once.
async function reader() {
	while (writing > 0) {
		const r = await run('rec-cat', ['--stages'], '', 0), seen = new Set();
		if (r.status !== 0 && r.status !== 1) fail(`rec-cat: status ${r.status}: ${r.err}`);
		for (const l of r.out.toString().split('\n')) {
			if (l === '') continue;
			const { id, prompt, sum } = JSON.parse(l);
			if (prompt.length !== sum) fail(`rec-cat: half a record ${id}`);
			seen.add(id);
		}
		reads++;
		await pause(1000);
	}
}

(async () => {
	await Promise.all([...Array(writers).keys()].map(writer).concat([rotator(true), rotator(false), reader()]));
	console.log(`writers killed: ${killed.writers}, rotations killed: ${killed.rotations}, read in between: ${reads}`);
	console.log(`parts in the archive: ${fs.readdirSync(`${dir}/archive`).length}`);
})();
