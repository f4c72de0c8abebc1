'use strict';
/*
 * langsmith.tap.js - the LangSmith stand-in under the official client.  What the
 * client cannot use is a bug of the stand-in.
 *
 *   cd tests/sdk && npm ci && prove -e node langsmith.tap.js
 */
const util = require('util');
const {start} = require('./standin.js');

/* A key or endpoint of the person who runs this must not leak into the client. */
Object.keys(process.env).filter((k) => /^(LANGSMITH|LANGCHAIN)_/.test(k)).forEach((k) => { delete process.env[k]; });
process.env.LANGSMITH_CONFIG_FILE = '/nonexistent';
process.removeAllListeners('warning');	/* the v1 methods are deprecated, which is known */
process.on('warning', () => {});

let langsmith;
try {
	langsmith = require('langsmith');
} catch (e) {
	process.stdout.write('1..0 # SKIP langsmith is not installed: run npm ci in tests/sdk\n');
	process.exit(0);
}

const KEY = 'lsv2_pt_test';
const NOW = '2026-07-10T00:00:00Z';
let count = 0;
let failed = 0;

function ok(name, pass, diag) {
	count++;
	process.stdout.write((pass ? 'ok ' : 'not ok ') + count + ' - ' + name + '\n');
	if (!pass) {
		failed++;
		process.stdout.write(String(diag).replace(/^/gm, '# ') + '\n');
	}
}

const same = (name, got, want) => ok(name, util.isDeepStrictEqual(got, want), 'got ' + util.inspect(got) + '\nwant ' + util.inspect(want));

async function refused(name, promise, pattern) {
	try {
		ok(name, false, 'no error: ' + util.inspect(await promise()));
	} catch (e) {
		ok(name, pattern.test(e.message), e.message);
	}
}

async function all(iterable) {
	const out = [];
	for await (const x of iterable)
		out.push(x);
	return out;
}

const control = (url, what, body) => fetch(url + '/_test/' + what, {method: body === undefined ? 'GET' : 'POST', body}).then((r) => r.json());
const runId = (n) => '00000000-0000-4000-8000-' + String(n).padStart(12, '0');

/* 250 roots, two an hour from 2026-07-01, and a child of the first. */
function fixture() {
	const runs = [];
	for (let i = 0; i < 250; i++) {
		const t = new Date(Date.UTC(2026, 6, 1) + Math.floor(i / 2) * 3600e3).toISOString().slice(0, 19);
		runs.push({id: runId(i), name: 'run ' + i, run_type: i % 5 ? 'chain' : 'llm', start_time: t + (i % 2 ? '.000250' : ''),
			end_time: i % 50 === 49 ? null : t.slice(0, 17) + '09', error: i % 7 === 6 ? 'boom' : null,
			tags: i % 2 ? ['beta'] : [], extra: {metadata: {user_id: String(i % 4)}}, total_cost: '0.25',
			inputs: {messages: [{role: 'user', content: 'question ' + i}]}, outputs: {output: 'answer ' + i}});
	}
	runs.push({id: runId(900), trace_id: runId(0), parent_run_id: runId(0), name: 'child', run_type: 'tool',
		dotted_order: '20260701T000000000000Z' + runId(0) + '.20260701T000001000000Z' + runId(900),
		start_time: '2026-07-01T00:00:01', end_time: '2026-07-01T00:00:02', inputs: {input: 'x'}});
	return runs.map((r) => JSON.stringify(r)).join('\n');
}

const newClient = (url, more) => new langsmith.Client(Object.assign({apiUrl: url, apiKey: KEY, callerOptions: {maxRetries: 0},
	timeout_ms: 10000}, more));

async function projectsTests(url, client) {
	const p = await client.readProject({projectName: 'my-app'});
	same('a project is found by its name', p.name, 'my-app');
	same('and by its id', (await client.readProject({projectId: p.id})).name, 'my-app');
	ok('hasProject knows it', await client.hasProject({projectName: 'my-app'}), 'false');
	await refused('an unknown name is no project', () => client.readProject({projectName: 'nope'}), /not found/);
	await refused('an unknown id is a 404', () => client.readProject({projectId: runId(1)}), /404/);
	same('projects are listed', (await all(client.listProjects())).map((x) => x.name), ['my-app']);
	same('by a part of the name', (await all(client.listProjects({nameContains: 'APP'}))).length, 1);
	return p;
}

async function keyTests(url) {
	await refused('a wrong key is a 401', () => newClient(url, {apiKey: 'wrong'}).readProject({projectName: 'my-app'}), /401.*Invalid token/);
	await refused('and for a query', () => all(newClient(url, {apiKey: 'wrong'}).listRuns({traceId: runId(0)})), /401.*Invalid token/);
	const workspace = '33333333-3333-4333-8333-333333333333';
	await control(url, 'config', JSON.stringify({workspace}));
	await refused('an organisation key needs a workspace', () => newClient(url).readProject({projectName: 'my-app'}), /org-scoped/);
	same('and works with one', (await newClient(url, {workspaceId: workspace}).readProject({projectName: 'my-app'})).name, 'my-app');
	await control(url, 'config', JSON.stringify({workspace: ''}));
}

async function v1Tests(url, client, project) {
	const list = (more) => all(client.listRuns(Object.assign({projectId: project.id}, more)));
	const roots = await list({isRoot: true});
	same('listRuns pages over more than a hundred roots', [roots.length, new Set(roots.map((r) => r.id)).size], [250, 250]);
	same('newest first', [roots[0].id, roots[249].id], [runId(249), runId(0)]);
	same('inputs come with them', roots[249].inputs.messages[0].content, 'question 0');
	same('a pending run has no end', [roots[0].status, roots[0].end_time === undefined || roots[0].end_time === null], ['pending', true]);
	same('oldest first on demand', (await list({isRoot: true, order: 'asc'}))[0].id, runId(0));
	same('a child is no root', (await list({isRoot: false})).map((r) => r.name), ['child']);
	same('by project name', (await all(client.listRuns({projectName: 'my-app', limit: 3}))).length, 3);
	same('from a start time on', (await list({startTime: new Date('2026-07-06T04:00:00Z')})).length, 2);
	same('by a filter', (await list({filter: 'and(gte(start_time, "2026-07-02T00:00:00Z"), lt(start_time, "2026-07-03T00:00:00Z"))'})).length, 48);
	same('by metadata', (await list({filter: 'and(eq(metadata_key, "user_id"), eq(metadata_value, "2"))'})).length, 62);
	same('by run type', (await list({runType: 'llm'})).length, 50);
	same('by error', (await list({error: true})).length, 35);
	same('by id, whatever else is said', (await all(client.listRuns({id: [runId(7), runId(8)], runType: 'tool'}))).length, 2);
	same('a whole trace', (await all(client.listRuns({traceId: runId(0)}))).map((r) => r.name).sort(), ['child', 'run 0']);
	same('children of a run', (await all(client.listRuns({parentRunId: runId(0)}))).map((r) => r.id), [runId(900)]);
	same('only the selected members', Object.keys((await list({select: ['id', 'name'], limit: 1}))[0]).filter((k) => !/_time$/.test(k)), ['id', 'name']);
	same('tree_filter looks at the whole tree', (await list({treeFilter: 'eq(name, "child")'})).map((r) => r.name), ['child', 'run 0']);
	await refused('an unknown select value is a 422', () => list({select: ['nope']}), /422.*enum/);
	await refused('a limit over 100 is a 400', () => list({limit: 101}), /400.*Limit exceeds/);
	await refused('a bad filter is a 400', () => list({filter: 'not(eq(name, "x"))'}), /400.*filter/);
	await refused('a query without scope is a 400', () => all(client.listRuns({isRoot: true})), /400.*At least one of/);
	const one = await client.readRun(runId(1));
	same('readRun', [one.name, one.session_id, one.trace_id, new Date(one.start_time).toISOString()],
	    ['run 1', project.id, runId(1), '2026-07-01T00:00:00.000Z']);
	same('readRun with its children', (await client.readRun(runId(0), {loadChildRuns: true})).child_runs.length, 1);
	await refused('an unknown run is a 404', () => client.readRun(runId(12345)), /404.*Run not found/);
}

async function v2Tests(url, client, project) {
	const window = {project_ids: [project.id], min_start_time: '2026-07-01T00:00:00Z', max_start_time: NOW};
	const query = (more) => all(client.runs.query(Object.assign({}, window, more)));
	const roots = await query({is_root: true, page_size: 60});
	same('v2 pages', [roots.length, new Set(roots.map((r) => r.id)).size], [250, 250]);
	same('v2 gives ids only where nothing is selected', Object.keys(roots[0]), ['id']);
	same('v2 asks for one day where no time is given', (await all(client.runs.query({project_ids: [project.id]}))).length, 0);
	const r = (await query({ids: [runId(1)], selects: ['ID', 'NAME', 'RUN_TYPE', 'STATUS', 'START_TIME', 'END_TIME', 'LATENCY_SECONDS',
		'INPUTS', 'METADATA', 'PROJECT_ID', 'PARENT_RUN_IDS', 'IS_ROOT', 'TOTAL_COST', 'ERROR']}))[0];
	same('v2 shows the same run', r, {id: runId(1), name: 'run 1', run_type: 'CHAIN', status: 'SUCCESS', start_time: '2026-07-01T00:00:00.000Z',
		end_time: '2026-07-01T00:00:09.000Z', latency_seconds: 8.99975, inputs: {messages: [{role: 'user', content: 'question 1'}]},
		metadata: {user_id: '1'}, project_id: project.id, parent_run_ids: [], is_root: true, total_cost: 0.25});
	same('v2 by run type and error', (await query({run_type: 'LLM', has_error: true})).length, 7);
	same('v2 by a filter', (await query({filter: 'has(tags, "beta")', page_size: 1000})).length, 125);
	same('v2 retrieve', (await client.runs.retrieve(runId(2), {project_id: project.id, selects: ['NAME', 'OUTPUTS']})).outputs, {output: 'answer 2'});
	await refused('v2 retrieve of an unknown run is a 404', () => client.runs.retrieve(runId(12345), {project_id: project.id}), /404/);
	await refused('v2 in an unknown project is a 404', () => all(client.runs.query({project_ids: [runId(5)]})), /404.*project not found/);
	await refused('v2 page_size over 1000', () => query({page_size: 1001}), /422/);
	await refused('v2 lower-case selects', () => query({selects: ['name']}), /422/);
	await refused('v2 over more than 401 days', () => query({min_start_time: '2025-01-01T00:00:00Z'}), /400.*401 days/);
	await refused('v2 knows no search in a field', () => query({filter: 'search(name, "x")'}), /400.*requires 1 arguments/);
	await refused('v2 with a wrong key', () => all(newClient(url, {apiKey: 'wrong'}).runs.query(window)), /401/);
	await control(url, 'config', '{"v2":"off"}');
	await refused('v2 is a 404 on an old server', () => query({}), /404/);
	await control(url, 'config', '{"v2":"on"}');
}

/* One run in two calls, one in a single call, one with a child; then what listRuns says. */
async function ingestTests(url, client, name) {
	const project = name.replace(/\W+/g, '-');
	const begin = Date.now() - 5000;
	const stamp = (ms) => new Date(ms).toISOString().replace(/[-:.]/g, '').slice(0, 18) + '000Z';
	const [first, second, child] = [langsmith.uuid7(), langsmith.uuid7(), langsmith.uuid7()];
	const order = stamp(begin) + first;
	const base = {project_name: project, run_type: 'chain', start_time: begin};

	await client.createRun(Object.assign({}, base, {id: first, trace_id: first, dotted_order: order, name: 'two calls', inputs: {input: 'hello 你好'},
		extra: {metadata: {thread_id: 't-1'}}}));
	await client.awaitPendingTraceBatches();
	const find = async () => all(client.listRuns({projectName: project, order: 'asc'}));
	let runs = await find();
	same(name + ': a created run is pending', runs.map((r) => [r.name, r.status, r.inputs.input]), [['two calls', 'pending', 'hello 你好']]);

	await client.createRun(Object.assign({}, base, {id: child, trace_id: first, parent_run_id: first, name: 'child', inputs: {},
		dotted_order: order + '.' + stamp(begin + 1) + child, start_time: begin + 1}));
	await client.updateRun(child, {trace_id: first, parent_run_id: first, dotted_order: order + '.' + stamp(begin + 1) + child,
		end_time: begin + 500, error: 'boom'});
	await client.updateRun(first, {trace_id: first, dotted_order: order, end_time: begin + 1000, outputs: {output: 'bye'}});
	await client.createRun(Object.assign({}, base, {id: second, trace_id: second, dotted_order: stamp(begin + 2) + second, name: 'one call',
		inputs: {input: 'x'}, outputs: {output: 'y'}, start_time: begin + 2, end_time: begin + 3}));
	await client.awaitPendingTraceBatches();
	runs = await find();
	same(name + ': and done after its update', runs.map((r) => [r.name, r.status]), [['two calls', 'success'], ['child', 'error'], ['one call', 'success']]);
	same(name + ': inputs, outputs and times are merged', [runs[0].inputs.input, runs[0].outputs.output, new Date(runs[0].end_time).getTime()],
	    ['hello 你好', 'bye', begin + 1000]);
	same(name + ': metadata arrives', runs[0].extra.metadata.thread_id, 't-1');
	same(name + ': the child hangs below its parent', [runs[1].parent_run_id, runs[1].trace_id], [first, first]);
}

async function overtakingTests(url, client) {
	const id = langsmith.uuid7();
	const begin = Date.now() - 5000;
	const order = new Date(begin).toISOString().replace(/[-:.]/g, '').slice(0, 18) + '000Z' + id;
	const patch = {id, trace_id: id, dotted_order: order, end_time: begin + 10, outputs: {output: 'done'}};
	const post = {id, trace_id: id, dotted_order: order, name: 'late post', run_type: 'llm', start_time: begin, inputs: {input: 'x'}, session_name: 'overtaken'};
	await client.multipartIngestRuns({runUpdates: [patch]});
	await refused('a patch alone is no run yet', () => client.readRun(id), /404/);
	await client.multipartIngestRuns({runCreates: [post]});
	const run = await client.readRun(id);
	same('a patch may overtake its post', [run.name, run.status, run.outputs.output], ['late post', 'success', 'done']);
	await refused('the same run again is a 409', () => client.createRun({id, name: 'again', run_type: 'llm', inputs: {}, project_name: 'overtaken'}), /409/);
	const old = begin - 2 * 86400e3;
	const late = langsmith.uuid7();
	await refused('a run of the day before yesterday is refused', () => client.createRun({id: late, name: 'old', run_type: 'llm', inputs: {}, start_time: old,
		project_name: 'overtaken'}), /422.*24 hours/);
	await control(url, 'config', '{"ingest_window":false}');
	await client.createRun({id: late, name: 'old', run_type: 'llm', inputs: {}, start_time: old, project_name: 'overtaken'});
	await client.updateRun(late, {end_time: old + 1});
	same('POST and PATCH of single runs', (await client.readRun(late)).status, 'success');
}

/* A silent client loses runs with a mere warning, so warnings count as failures. */
function watchWarnings() {
	const seen = [];
	console.warn = (...a) => seen.push(util.format(...a));
	console.error = console.warn;
	return seen;
}

async function main() {
	const server = await start('langsmith', ['--now', NOW]);
	const live = await start('langsmith', []);
	try {
		const warnings = watchWarnings();
		same('runs are loaded', await control(server.url, 'runs', fixture()), {runs: 251});
		const client = newClient(server.url);
		const project = await projectsTests(server.url, client);
		await keyTests(server.url);
		await v1Tests(server.url, client, project);
		await v2Tests(server.url, client, project);
		await v1Tests(server.url, newClient(server.url + '/api/v1'), project);
		await ingestTests(live.url, newClient(live.url), 'multipart');
		await ingestTests(live.url, newClient(live.url, {autoBatchTracing: false}), 'single calls');
		await control(live.url, 'faults', JSON.stringify([{route: 'POST /runs/multipart', times: 0, act: 'status', status: 404, body: {}}]));
		await ingestTests(live.url, newClient(live.url), 'batch');
		await control(live.url, 'faults', '[]');
		await overtakingTests(live.url, newClient(live.url));
		same('the client warned of nothing', warnings.filter((w) => !/deprecated/i.test(w)), []);
	} finally {
		server.stop();
		live.stop();
	}
}

main().catch((e) => {
	failed++;
	process.stdout.write(String(e.stack).replace(/^/gm, '# ') + '\n');
}).then(() => {
	process.stdout.write('1..' + count + '\n');
	process.exit(failed ? 1 : 0);
});
