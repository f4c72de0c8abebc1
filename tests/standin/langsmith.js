'use strict';
/*
 * langsmith.js - a local stand-in of LangSmith: projects, the run queries v1
 * and v2 over the same stored runs, single runs, apart-stored inputs, ingest.
 *
 *   node tests/standin/langsmith.js [--port 0] [--key lsv2_pt_test]
 *	[--workspace UUID]	the key is organisation-wide and needs X-Tenant-Id
 *	[--v2 on|off|405]	off: the v2 paths answer 404, as old self-hosted servers do
 *	[--v1 on|off]		off: the v1 query answers 501, as servers with the new store only
 *	[--now T]		the service's clock, fixed: epoch milliseconds or RFC 3339
 *	[--project my-app] [--data FILE]	v1-shaped runs, NDJSON, loaded into the project
 *	[--tiers on|off]	the rate tiers, answered with 429
 *	[--order desc|asc]	of pages where the query names none
 *	[--latency MS]		each call is carried out so much later
 *	[--gzip on|off]		off spares the CPU in load tests
 *	[--synthetic N] [--synthetic-bytes B] [--synthetic-days D]
 *				the project holds N generated runs of about B bytes instead
 *
 * Control calls, beside those of common.js:
 *   GET  /_test/runs	what is stored, as loaded (NDJSON)
 *   POST /_test/runs	NDJSON or an array of v1-shaped runs, upserted by id.  Members for the stand-in:
 *			_project (a name, made if new), _arrive (a time: invisible before), _arrive_query
 *			(visible from that query on, the first is 1), _s3_inputs, _s3_outputs (kept apart in v1)
 *   POST /_test/reset	runs, projects and config as started
 *   GET  /_test/config	POST /_test/config  {...} merges; the keys are those of defaultConfig()
 *   GET  /_test/stats	{queries, runs, projects}
 */
const crypto = require('crypto');
const fs = require('fs');
const zlib = require('zlib');
const {serve, parseArgs, HttpError} = require('./common.js');
const filters = require('./langsmith-filter.js');
const R = require('./langsmith-runs.js');

const args = parseArgs({port: 0, key: 'lsv2_pt_test', workspace: '', v1: 'on', v2: 'on', now: '', data: '', project: 'my-app',
	tiers: 'off', order: 'desc', gzip: 'on', synthetic: 0, 'synthetic-bytes': 10240, 'synthetic-days': 30, latency: 0});

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const TENANT = args.workspace || '2f0e6d3c-0000-4000-8000-000000000001';
const DAY_US = 86400e6;
const SECRET = crypto.randomBytes(16);
const RUN_TYPES = ['tool', 'chain', 'llm', 'retriever', 'embedding', 'prompt', 'parser'];

function defaultConfig() {
	return {
		now: args.now,			/* '' is the real clock */
		key: args.key,
		workspace: args.workspace,
		v1: args.v1,
		v2: args.v2,
		order: args.order,
		gzip: args.gzip,
		pretty: false,			/* indented answers: newlines inside runs */
		/* limits */
		tiers: args.tiers,
		tier_scale: 1,			/* of the tiers' seconds: 0.1 makes 10 s one second */
		latency: args.latency,
		retry_after: null,		/* a Retry-After for the tiers' 429 */
		max_page_bytes: 0,		/* a larger answer is a 500 out of memory; 0: none */
		/* paging */
		repeat_cursor: false,		/* a cursor is answered with itself, for ever */
		stale_cursors: false,		/* true: all handed out so far, or a list of them, are refused */
		no_cursor_on_full_page: false,
		empty_tail: false,		/* the last page has a cursor, to an empty one */
		page_cap: 0,			/* runs a page, however many are asked for; 0: none */
		cursor_strict: false,		/* another limit is another body too */
		/* what the documents leave open */
		start_inclusive: true,		/* v1 start_time, v2 min_start_time */
		v2_max_inclusive: true,
		end_time_on: 'end_time',	/* the column that v1 end_time bounds, or 'start_time' */
		foreign_session: 404,		/* v1 query in an unknown project; 200: no runs */
		v1_times: 'naive',		/* or 'z', 'offset' */
		v2_nulls: false,		/* a selected member without value is null instead of absent */
		ignore_select: false,		/* v1 sends everything, as old servers */
		/* storage */
		s3_expire: 3600,		/* seconds that a signed URL lives; 0: born dead */
		retention_days: 0,		/* runs older than that are gone; 0: none */
		ingest_delay_ms: 0,		/* real time from ingest to visible */
		ingest_window: true,		/* start_time within 24 h of now */
	};
}

/* ---- state ---- */

let config, store, projects, synthetic, queries, calls, cursorEpoch, staleCursors;

function reset() {
	config = defaultConfig();
	store = new R.Store();
	projects = new Map();
	queries = 0;
	calls = {};
	cursorEpoch = 0;
	staleCursors = new Set();
	synthetic = null;
	const first = project(args.project);
	if (args.synthetic)
		synthetic = new R.Synthetic(first.id, args.synthetic, args['synthetic-bytes'], args['synthetic-days'], nowUs());
	if (args.data)
		load(fs.readFileSync(args.data).toString('latin1'));
}

function clockUs(value) {
	if (value === '' || value === null)
		return Date.now() * 1000;
	if (/^\d+$/.test(String(value)))
		return Number(value) * 1000;
	const us = R.parseTime(String(value));
	if (us === null)
		throw new Error('not a time: ' + value);
	return us;
}

const nowUs = () => clockUs(config.now);

/* The same name has the same id in every stand-in, so a state file outlives a restart. */
function uuidOf(text) {
	const h = crypto.createHash('md5').update(text).digest('hex');
	return [h.slice(0, 8), h.slice(8, 12), '4' + h.slice(13, 16), '8' + h.slice(17, 20), h.slice(20)].join('-');
}

function project(name) {
	for (const p of projects.values()) {
		if (p.name === name)
			return p;
	}
	const p = {id: uuidOf('project ' + name), tenant_id: TENANT, name, start_time: R.formatV1(nowUs()), end_time: null,
		description: null, extra: {}, reference_dataset_id: null, trace_tier: 'shortlived', default_dataset_id: null,
		run_count: null, last_run_start_time: null};
	projects.set(p.id, p);
	return p;
}

/* Control data: v1-shaped runs with the stand-in's own members. */
function load(text) {
	const all = R.elements(text);
	all.forEach((raw) => {
		const fields = new Map(R.members(raw));
		const own = {};
		['_project', '_arrive', '_arrive_query', '_s3_inputs', '_s3_outputs'].forEach((k) => {
			if (fields.has(k))
				own[k] = R.decode(fields.get(k));
			fields.delete(k);
		});
		const run = new R.Run(project(own._project || args.project).id, fields, {
			s3: ['inputs', 'outputs'].filter((f) => own['_s3_' + f]),
			arriveUs: own._arrive === undefined ? null : clockUs(own._arrive),
			arriveQuery: own._arrive_query || 0,
		});
		if (!UUID.test(run.id) || run.startUs === null || Number.isNaN(run.startUs))
			throw new R.RawError('a run needs a uuid and a start_time: ' + raw.slice(0, 100));
		store.put(run);
	});
	return all.length;
}

function visible(run) {
	const o = run.opts;
	return !o.partial && (o.arriveUs === undefined || o.arriveUs === null || nowUs() >= o.arriveUs) &&
	    (o.arriveMs === undefined || Date.now() >= o.arriveMs) && queries >= (o.arriveQuery || 0) &&
	    (!config.retention_days || run.startUs >= nowUs() - config.retention_days * DAY_US);
}

function findRun(id) {
	const key = id.toLowerCase();
	const run = store.find(key) || (synthetic ? synthetic.find(key) : undefined);
	return run && visible(run) ? run : undefined;
}

const traceOf = (id) => (synthetic ? synthetic.trace(id) : []).concat(store.trace(id)).filter(visible);

/* ---- errors ---- */

const isV2 = (path) => /^(\/api)?\/v2\//.test(path);

/* RFC 7807; the service names the path without the gateway's /api. */
function problem(req, status, title, detail) {
	return new HttpError(status, JSON.stringify({type: 'about:blank', title, status, detail, instance: req.path.replace(/^\/api/, '')}),
	    {'Content-Type': 'application/problem+json'});
}

const detail = (status, text) => new HttpError(status, {detail: text});
const invalid = (loc, msg, type) => new HttpError(422, {detail: [{loc, msg, type}]});
const notFound = (req) => (isV2(req.path) ? problem(req, 404, 'Not Found', 'not found') : detail(404, 'Not Found'));

/* ---- keys, tenants, rates ---- */

function authorize(req) {
	const tenant = req.headers['x-tenant-id'];
	if (req.headers['x-api-key'] !== config.key) {
		throw isV2(req.path) ? problem(req, 401, 'Unauthorized', 'Invalid token') : detail(401, 'Invalid token');
	}
	if (config.workspace && !tenant)
		throw new HttpError(403, {error: 'org_scoped_key_requires_workspace'});
	if (tenant && tenant.toLowerCase() !== (config.workspace || TENANT).toLowerCase())
		throw new HttpError(403, {error: 'Forbidden'});
	meter('key', 1000, 10);
}

/* A sliding window for each tier; a refused call does not count. */
function meter(tier, count, seconds) {
	if (config.tiers !== 'on')
		return;
	const since = Date.now() - seconds * 1000 * config.tier_scale;
	const seen = (calls[tier] || []).filter((t) => t > since);
	calls[tier] = seen;
	if (seen.length >= count) {
		const headers = config.retry_after === null ? {} : {'Retry-After': String(config.retry_after)};
		throw new HttpError(429, {detail: 'Rate limit exceeded, slow down (' + tier + ')'}, headers);
	}
	seen.push(Date.now());
}

/* The tier follows the window that the body's fields name, not what the filter says. */
function meterV1(b) {
	meter('query', 15, 10);
	const end = b.end_time ? R.parseTime(b.end_time) : nowUs();
	const recent = Boolean(b.start_time) && end - R.parseTime(b.start_time) <= 7 * DAY_US;
	const heavy = Boolean(b.search_filter || b.use_experimental_search) || (b.select || []).indexOf('child_run_ids') >= 0;
	if (heavy)
		meter(recent ? 'search' : 'search-old', recent ? 3 : 1, 10);
	else
		meter(recent ? 'query-recent' : 'query-old', recent ? 10 : 3, 10);
}

/* ---- bodies ---- */

/* A check gives null when the value is right, else [message, type]. */
const is = {
	bool: (v) => (typeof v === 'boolean' ? null : ['Input should be a valid boolean', 'bool_type']),
	string: (v) => (typeof v === 'string' ? null : ['Input should be a valid string', 'string_type']),
	uuid: (v) => (typeof v === 'string' && UUID.test(v) ? null : ['Input should be a valid UUID', 'uuid_parsing']),
	time: (v) => (typeof v === 'string' && R.parseTime(v) !== null ? null : ['Input should be a valid datetime', 'datetime_from_date_parsing']),
	zoned: (v) => (typeof v === 'string' && /(Z|[+-]\d\d:\d\d)$/.test(v) && R.parseTime(v) !== null ? null :
	    ['must be an RFC 3339 date-time', 'datetime']),
	integer: (min, max) => (v) => {
		if (typeof v !== 'number' || !Number.isInteger(v))
			return ['Input should be a valid integer', 'int_type'];
		if (v < min)
			return ['Input should be greater than or equal to ' + min, 'greater_than_equal'];
		return v > max ? ['Input should be less than or equal to ' + max, 'less_than_equal'] : null;
	},
	oneOf: (list) => (v) => (typeof v === 'string' && list.indexOf(v) >= 0 ? null :
	    ['Input should be ' + list.map((x) => "'" + x + "'").join(', '), 'enum']),
	list: (check) => (v) => {
		if (!Array.isArray(v))
			return ['Input should be a valid list', 'list_type'];
		const bad = [];
		v.forEach((x, i) => { const e = check(x); if (e) bad.push([i].concat(e)); });
		return bad.length ? {items: bad} : null;
	},
};

const V1_BODY = {
	session: is.list(is.uuid), id: is.list(is.uuid), trace: is.uuid, parent_run: is.uuid, reference_example: is.list(is.uuid),
	is_root: is.bool, run_type: is.oneOf(RUN_TYPES), error: is.bool, start_time: is.time, end_time: is.time,
	filter: is.string, trace_filter: is.string, tree_filter: is.string, query: is.string, search_filter: is.string,
	use_experimental_search: is.bool, execution_order: is.integer(1, Infinity), select: is.list(is.oneOf(R.V1_SELECT)),
	limit: is.integer(1, Infinity), cursor: is.string, order: is.oneOf(['asc', 'desc']), skip_pagination: is.bool,
	skip_prev_cursor: is.bool,
	data_source_type: is.oneOf(['current', 'historical', 'lite', 'root_lite', 'runs_feedbacks_rmt_wide']),
};

const V2_BODY = {
	project_ids: is.list(is.uuid), reference_dataset_id: is.uuid, min_start_time: is.zoned, max_start_time: is.zoned,
	page_size: is.integer(1, 1000), cursor: is.string, filter: is.string, trace_filter: is.string, tree_filter: is.string,
	trace_id: is.uuid, ids: is.list(is.uuid), is_root: is.bool, run_type: is.oneOf(RUN_TYPES.map((t) => t.toUpperCase())),
	has_error: is.bool, reference_examples: is.list(is.uuid), selects: is.list(is.oneOf(R.V2_SELECT)),
	include_subtree_usage: is.bool,
};

/* [[path, message, type], ...] of all that is wrong with the body. */
function faultsOf(body, table) {
	const out = [];
	Object.keys(body).forEach((k) => {
		if (table[k] === undefined)
			return out.push([[k], 'Extra inputs are not permitted', 'extra_forbidden']);
		const e = body[k] === null ? null : table[k](body[k]);
		if (e && e.items)
			e.items.forEach((x) => out.push([[k, x[0]], x[1], x[2]]));
		else if (e)
			out.push([[k]].concat(e));
		return undefined;
	});
	return out;
}

function jsonObject(req) {
	const typed = /^application\/json\b/.test(req.headers['content-type'] || '');
	return typed && req.json !== null && typeof req.json === 'object' && !Array.isArray(req.json) ? req.json : null;
}

/* null counts as left out. */
function given(body) {
	const out = {};
	Object.keys(body).forEach((k) => { if (body[k] !== null) out[k] = body[k]; });
	return out;
}

function v1Body(req) {
	if (req.json === null)
		throw invalid(['body', 0], 'JSON decode error', 'json_invalid');
	const body = jsonObject(req);
	if (!body)
		throw invalid(['body'], 'Input should be a valid dictionary or object to extract fields from', 'model_attributes_type');
	const bad = faultsOf(body, V1_BODY);
	if (bad.length)
		throw new HttpError(422, {detail: bad.map((b) => ({loc: ['body'].concat(b[0]), msg: b[1], type: b[2]}))});
	const b = given(body);
	if (b.limit > 100)
		throw detail(400, 'Limit exceeds maximum allowed value of 100');
	if (!b.session && !b.id && !b.parent_run && !b.trace && !b.reference_example)
		throw detail(400, "At least one of 'session', 'id', 'parent_run', 'trace' or 'reference_example' must be specified");
	return b;
}

function v2Body(req) {
	const body = jsonObject(req);
	if (!body)
		throw problem(req, 400, 'Bad Request', 'invalid request: body is not a JSON object');
	if (body.ai_search !== undefined)
		throw problem(req, 406, 'Not Acceptable', 'ai_search requires Accept: text/event-stream');
	const bad = faultsOf(body, V2_BODY);
	if (bad.length)
		throw problem(req, 422, 'Unprocessable Entity', 'invalid request: ' + bad.map((b) => b[0].join('.') + ': ' + b[1]).join('; '));
	const b = given(body);
	if (Boolean(b.project_ids && b.project_ids.length) === Boolean(b.reference_dataset_id))
		throw problem(req, 400, 'Bad Request', 'invalid request: exactly one of project_ids and reference_dataset_id must be set');
	return b;
}

/* ---- cursors ---- */

function canonical(value) {
	if (value === null || typeof value !== 'object')
		return JSON.stringify(value);
	if (Array.isArray(value))
		return '[' + value.map(canonical).join(',') + ']';
	return '{' + Object.keys(value).sort().map((k) => JSON.stringify(k) + ':' + canonical(value[k])).join(',') + '}';
}

/* What a cursor is bound to.  A smaller page is how clients get past a time-out, so the limit is not part of it. */
function fingerprint(version, body) {
	const b = Object.assign({}, body);
	delete b.cursor;
	if (!config.cursor_strict) {
		delete b.limit;
		delete b.page_size;
	}
	return crypto.createHmac('sha256', SECRET).update(version + canonical(b)).digest('hex').slice(0, 16);
}

function makeCursor(version, body, run, bounds) {
	const c = {b: fingerprint(version, body), e: cursorEpoch, u: run.startUs, i: run.id, min: bounds.min, max: bounds.max};
	return Buffer.from(JSON.stringify(c)).toString('base64');
}

/* The cursor's content, or null for one that this query may not use. */
function readCursor(version, body) {
	let c;
	try {
		c = JSON.parse(Buffer.from(body.cursor, 'base64').toString());
	} catch (e) {
		return null;
	}
	const fresh = c && c.e === cursorEpoch && !staleCursors.has(body.cursor);
	return fresh && c.b === fingerprint(version, body) ? c : null;
}

/* ---- queries ---- */

function compile(text, version, refuse) {
	if (text === undefined)
		return null;
	try {
		return filters.parse(text, {parseTime: R.parseTime, fieldSearch: version === 'v1'});
	} catch (e) {
		if (e instanceof filters.FilterError)
			throw refuse('Failed to parse filter: ' + e.message);
		throw e;
	}
}

/* match(run) of the filters that both versions have. */
function filterTests(q) {
	const tests = [];
	if (q.filter)
		tests.push((r) => filters.test(q.filter, r));
	if (q.traceFilter)
		tests.push((r) => traceOf(r.traceId).some((t) => t.isRoot && filters.test(q.traceFilter, t)));
	if (q.treeFilter)
		tests.push((r) => traceOf(r.traceId).some((t) => filters.test(q.treeFilter, t)));
	if (q.isRoot !== undefined)
		tests.push((r) => r.isRoot === q.isRoot);
	if (q.runType !== undefined)
		tests.push((r) => r.scalar('run_type') === q.runType);
	if (q.error !== undefined)
		tests.push((r) => !R.isNull(r.raw('error')) === q.error);
	if (q.examples)
		tests.push((r) => q.examples.indexOf(r.value('reference_example_id')) >= 0);
	return tests;
}

/* Look-ups by id and whole traces name their runs; all else walks the index. */
function sourceOf(q) {
	const named = q.ids ? Array.from(new Set(q.ids.map((i) => i.toLowerCase()))).map(findRun).filter(Boolean) :
	    q.trace ? traceOf(q.trace.toLowerCase()) : null;
	if (named) {
		const s = new R.Store();
		named.forEach((r) => s.put(r));
		return s.source();
	}
	return synthetic && (!q.projects || q.projects.indexOf(synthetic.projectId) >= 0) ? synthetic : store.source();
}

/*
 * One page.  q: {version, body, ids, trace, projects, tests, bounds, order,
 * limit, after}; gives {runs, next}, next null where there is no more.
 */
function page(q) {
	const tests = q.tests.slice();
	if (q.projects)
		tests.unshift((r) => q.projects.indexOf(r.projectId) >= 0);
	const limit = config.page_cap ? Math.min(config.page_cap, q.limit) : q.limit;
	const found = R.scan(sourceOf(q), {min: q.bounds.min, max: q.bounds.max, order: q.order, limit, after: q.after,
		match: (r) => visible(r) && tests.every((t) => t(r))});
	const last = found.runs[found.runs.length - 1];
	let next = last && (found.more || config.empty_tail) ? makeCursor(q.version, q.body, last, q.fixed || {}) : null;
	if (next && config.no_cursor_on_full_page && found.runs.length === limit)
		next = null;
	if (config.repeat_cursor && q.body.cursor)
		next = q.body.cursor;
	return {runs: found.runs, next};
}

/* An answer of raw text; bytes, because the text is one character for each byte. */
function rawAnswer(req, text) {
	if (config.max_page_bytes && text.length > config.max_page_bytes)
		throw new HttpError(500, {status_code: 500, detail: 'Code: 241. DB::Exception: Memory limit (for query) exceeded'});
	if (config.gzip !== 'on')
		delete req.headers['accept-encoding'];
	return {status: 200, body: Buffer.from(config.pretty ? R.indent(text) : text, 'latin1'),
		headers: {'Content-Type': 'application/json'}};
}

function v1Context(req) {
	return {tenant: TENANT, timeStyle: config.v1_times, s3Url: (run, field) => signedUrl(req, run, field)};
}

function v1Query(req) {
	authorize(req);
	if (config.v1 === 'off')
		throw detail(501, 'Not Implemented');
	const b = v1Body(req);
	meterV1(b);
	queries++;
	const refuse = (text) => detail(400, text);
	const q = {version: 'v1', body: b, order: b.order || config.order, limit: b.limit || 100};
	const tree = compile(b.filter, 'v1', refuse);
	if (b.cursor !== undefined) {
		const c = readCursor('v1', b);
		if (!c)
			throw refuse('bad cursor');
		q.after = {us: c.u, id: c.i};
	}
	q.tests = filterTests({filter: tree, traceFilter: compile(b.trace_filter, 'v1', refuse), treeFilter: compile(b.tree_filter, 'v1', refuse),
		isRoot: b.is_root, runType: b.run_type, error: b.error, examples: b.reference_example});
	q.bounds = tree ? filters.timeBounds(tree) : {min: -Infinity, max: Infinity};
	v1Narrow(q, b);
	const found = page(q);
	const select = config.ignore_select ? null : b.select;
	const ctx = v1Context(req);
	const runs = found.runs.map((r) => R.v1Run(r, select, ctx));
	const parsed = b.query === undefined ? null : 'search(' + JSON.stringify(b.query) + ')';
	return rawAnswer(req, '{"runs":[' + runs.join(',') + '],"cursors":{"next":' + R.encode(found.next) +
	    ',"prev":null},"search_cursors":null,"parsed_query":' + R.encode(parsed) + '}');
}

/* Scope, time fields and the other members that only v1 has. */
function v1Narrow(q, b) {
	if (b.id) {
		/* Ids are looked up; every other condition is ignored. */
		Object.assign(q, {ids: b.id, tests: [], bounds: {min: -Infinity, max: Infinity}});
		return;
	}
	if (b.session && b.session.length) {
		/* Only the first of several projects is honoured. */
		q.projects = [b.session[0].toLowerCase()];
		if (!projects.has(q.projects[0]) && config.foreign_session !== 200)
			throw detail(config.foreign_session, 'Session not found');
	}
	if (b.trace)
		Object.assign(q, {trace: b.trace, limit: 25000});
	if (b.parent_run)
		q.tests.push((r) => r.parentId === b.parent_run.toLowerCase());
	if (b.execution_order !== undefined)
		q.tests.push((r) => (b.execution_order === 1 ? r.isRoot : r.value('execution_order') === b.execution_order));
	[b.query, b.search_filter].filter((t) => t !== undefined).forEach((t) => {
		q.tests.push((r) => r.text().toLowerCase().indexOf(t.toLowerCase()) >= 0);
	});
	if (b.start_time)
		q.bounds.min = Math.max(q.bounds.min, R.parseTime(b.start_time) + (config.start_inclusive ? 0 : 1));
	if (b.end_time && config.end_time_on === 'start_time')
		q.bounds.max = Math.min(q.bounds.max, R.parseTime(b.end_time));
	else if (b.end_time)
		q.tests.push((r) => r.endUs !== null && r.endUs <= R.parseTime(b.end_time));
}

/* --v2 off or 405: the gateway in front knows nothing of v2. */
function v2Gate(req) {
	if (config.v2 === '405')
		throw detail(405, 'Method Not Allowed');
	if (config.v2 !== 'on')
		throw detail(404, 'Not Found');
	authorize(req);
}

function v2Bounds(req, b, cursor) {
	if (cursor)
		return {min: cursor.min, max: cursor.max};	/* the defaults of the first page hold */
	const max = b.max_start_time ? R.parseTime(b.max_start_time) : nowUs();
	const min = b.min_start_time ? R.parseTime(b.min_start_time) : nowUs() - DAY_US;
	if (min > max)
		throw problem(req, 400, 'Bad Request', 'invalid request: min_start_time must not be after max_start_time');
	if (max - min > 401 * DAY_US)
		throw problem(req, 400, 'Bad Request', 'invalid request: the span between min_start_time and max_start_time exceeds 401 days');
	return {min, max};
}

function v2Query(req) {
	v2Gate(req);
	const b = v2Body(req);
	meter('v2', 300, 10);
	queries++;
	const refuse = (text) => problem(req, 400, 'Bad Request', 'invalid request: ' + text);
	const q = {version: 'v2', body: b, order: config.order, limit: b.page_size || 100, ids: b.ids, trace: b.trace_id};
	q.projects = (b.project_ids || []).map((p) => p.toLowerCase());
	if (!q.projects.every((p) => projects.has(p)))
		throw problem(req, 404, 'Not Found', 'project not found');
	const tree = compile(b.filter, 'v2', refuse);
	let cursor = null;
	if (b.cursor !== undefined) {
		cursor = readCursor('v2', b);
		if (!cursor)
			throw refuse('bad cursor');
		q.after = {us: cursor.u, id: cursor.i};
	}
	q.fixed = v2Bounds(req, b, cursor);
	const narrow = tree ? filters.timeBounds(tree) : {min: -Infinity, max: Infinity};
	q.bounds = {min: Math.max(narrow.min, q.fixed.min + (config.start_inclusive ? 0 : 1)),
		max: Math.min(narrow.max, q.fixed.max - (config.v2_max_inclusive ? 0 : 1))};
	q.tests = filterTests({filter: tree, traceFilter: compile(b.trace_filter, 'v2', refuse), treeFilter: compile(b.tree_filter, 'v2', refuse),
		isRoot: b.is_root, runType: b.run_type && b.run_type.toLowerCase(), error: b.has_error, examples: b.reference_examples});
	const found = page(q);
	const ctx = {tenant: TENANT, nulls: config.v2_nulls};
	const items = found.runs.map((r) => R.v2Run(r, b.selects || ['ID'], ctx));
	return rawAnswer(req, '{"items":[' + items.join(',') + ']' + (found.next ? ',"next_cursor":' + R.encode(found.next) : '') +
	    ',"has_more":' + (found.next !== null) + '}');
}

/* ---- single runs ---- */

function uuidParam(req, name) {
	if (!UUID.test(req.params[name]))
		throw isV2(req.path) ? problem(req, 400, 'Bad Request', 'invalid request: ' + name + ' is not a UUID') :
		    invalid(['path', name], 'Input should be a valid UUID', 'uuid_parsing');
	return req.params[name].toLowerCase();
}

function v1Get(req) {
	authorize(req);
	meter('run', 30, 60);
	const run = findRun(uuidParam(req, 'run_id'));
	if (!run)
		throw detail(404, 'Run not found');
	const drop = req.query.get('exclude_serialized') === 'true' ? ['serialized'] : [];
	const text = R.v1Run(run, null, v1Context(req));
	return rawAnswer(req, drop.length ? without(text, drop) : text);
}

const without = (text, names) => '{' + R.members(text).filter((m) => names.indexOf(m[0]) < 0)
	.map((m) => R.encode(m[0]) + ':' + m[1]).join(',') + '}';

function v2Get(req) {
	v2Gate(req);
	meter('run', 30, 60);
	const id = uuidParam(req, 'run_id');
	const projectId = req.query.get('project_id');
	if (!projectId || !UUID.test(projectId))
		throw problem(req, 400, 'Bad Request', 'invalid request: project_id is required');
	const selects = req.query.getAll('selects').concat(req.query.getAll('selects[]'));
	const bad = selects.filter((s) => R.V2_SELECT.indexOf(s) < 0);
	if (bad.length)
		throw problem(req, 422, 'Unprocessable Entity', 'invalid request: selects: unknown value ' + bad[0]);
	const run = findRun(id);
	if (!run || run.projectId !== projectId.toLowerCase())
		throw problem(req, 404, 'Not Found', 'run not found');
	return rawAnswer(req, R.v2Run(run, selects.length ? selects : ['ID'], {tenant: TENANT, nulls: config.v2_nulls}));
}

/* ---- inputs that are stored apart ---- */

const sign = (key, exp) => crypto.createHmac('sha256', SECRET).update(key + ' ' + exp).digest('hex').slice(0, 32);

function signedUrl(req, run, field) {
	const key = run.id + '.' + field;
	const exp = Math.floor(nowUs() / 1e6) + config.s3_expire;
	return 'http://' + req.headers.host + '/_s3/' + key + '?sig=' + sign(key, exp) + '&exp=' + exp;
}

function s3Get(req) {
	const refuse = (message) => new HttpError(403, '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>' +
	    message + '</Message></Error>', {'Content-Type': 'application/xml'});
	/* The URL is its own credential; the service's key has no business on another host. */
	if (req.headers['x-api-key'] !== undefined || req.headers.authorization !== undefined || req.headers['x-tenant-id'] !== undefined)
		throw refuse('Only one auth mechanism allowed');
	const key = req.params.key;
	const exp = req.query.get('exp');
	if (req.query.get('sig') !== sign(key, exp))
		throw refuse('The request signature we calculated does not match the signature you provided');
	if (Number(exp) * 1e6 <= nowUs())
		throw refuse('Request has expired');
	const dot = key.indexOf('.');
	const run = findRun(key.slice(0, dot));
	const raw = run && run.raw(key.slice(dot + 1));
	return {status: 200, body: Buffer.from(raw || 'null', 'latin1'), headers: {'Content-Type': 'application/json'}};
}

/* ---- projects ---- */

function queryInt(req, name, min, max, otherwise) {
	const text = req.query.get(name);
	if (text === null)
		return otherwise;
	const e = /^-?\d+$/.test(text) ? is.integer(min, max)(Number(text)) : ['Input should be a valid integer', 'int_parsing'];
	if (e)
		throw invalid(['query', name], e[0], e[1]);
	return Number(text);
}

function queryBool(req, name) {
	const text = req.query.get(name);
	if (text !== null && text !== 'true' && text !== 'false')
		throw invalid(['query', name], 'Input should be a valid boolean', 'bool_parsing');
	return text === null ? null : text === 'true';
}

function listSessions(req) {
	authorize(req);
	const limit = queryInt(req, 'limit', 1, 100, 100);
	const offset = queryInt(req, 'offset', 0, Infinity, 0);
	const ids = req.query.getAll('id');
	ids.forEach((id, i) => {
		if (!UUID.test(id))
			throw invalid(['query', 'id', i], 'Input should be a valid UUID', 'uuid_parsing');
	});
	queryBool(req, 'include_stats');
	queryBool(req, 'reference_free');
	const name = req.query.get('name');
	const part = req.query.get('name_contains');
	const list = Array.from(projects.values()).filter((p) => (name === null || p.name === name) &&
	    (part === null || p.name.toLowerCase().indexOf(part.toLowerCase()) >= 0) &&
	    (ids.length === 0 || ids.map((i) => i.toLowerCase()).indexOf(p.id) >= 0));
	const by = req.query.get('sort_by') === 'name' ? 'name' : 'start_time';
	const down = queryBool(req, 'sort_by_desc') === false ? 1 : -1;
	list.sort((a, b) => (a[by] < b[by] ? -down : a[by] > b[by] ? down : a.id < b.id ? -1 : 1));
	return rawAnswer(req, R.encode(list.slice(offset, offset + limit)));
}

function getSession(req) {
	authorize(req);
	const p = projects.get(uuidParam(req, 'session_id'));
	if (!p)
		throw detail(404, 'Session not found');
	return rawAnswer(req, R.encode(p));
}

function createSession(req) {
	authorize(req);
	const body = jsonObject(req);
	if (!body || typeof body.name !== 'string')
		throw invalid(['body', 'name'], 'Field required', 'missing');
	const exists = Array.from(projects.values()).some((p) => p.name === body.name);
	if (exists && req.query.get('upsert') !== 'true')
		throw detail(409, 'Session already exists.');
	return rawAnswer(req, R.encode(project(body.name)));
}

function info(req) {
	const flags = config.v2 === 'on' ? {sdb_query_enabled: true, ch_query_enabled: config.v1 === 'on'} : {};
	return rawAnswer(req, R.encode({version: config.v2 === 'on' ? '0.17.3' : '0.13.0', instance_flags: flags,
		batch_ingest_config: {use_multipart_endpoint: true, size_limit: 100, size_limit_bytes: 20971520,
			scale_up_qsize_trigger: 1000, scale_up_nthreads_limit: 16, scale_down_nempty_trigger: 4}}));
}

/* ---- ingest ---- */

const unprocessable = (text) => new HttpError(422, {error: 'Unprocessable entity: ' + text});

function ingestBody(req) {
	const coding = req.headers['content-encoding'];
	let body = req.body;
	if (coding === 'gzip') {
		try {
			body = zlib.gunzipSync(body);
		} catch (e) {
			throw detail(400, 'Invalid gzip body');
		}
	} else if (coding !== undefined && coding !== 'identity') {
		throw unprocessable('unknown content encoding ' + coding);	/* /info offers none */
	}
	if (body.length > 20971520)
		throw detail(413, 'Payload too large');
	return body;
}

function rawObject(text) {
	try {
		R.decode(text);
		return new Map(R.members(text));
	} catch (e) {
		throw unprocessable('invalid JSON');
	}
}

function requireFields(fields, names) {
	names.forEach((n) => {
		if (R.isNull(fields.get(n)))
			throw unprocessable('missing ' + n);
	});
	['id', 'trace_id', 'session_id', 'parent_run_id'].forEach((n) => {
		if (!R.isNull(fields.get(n)) && !UUID.test(R.decode(fields.get(n))))
			throw unprocessable(n + ' is not a UUID');
	});
}

function checkTimes(fields) {
	['start_time', 'end_time'].forEach((n) => {
		const us = R.rawTime(fields.get(n));
		if (us === null ? !R.isNull(fields.get(n)) : Number.isNaN(us))
			throw unprocessable(n + ' is not a time');
	});
	const start = R.rawTime(fields.get('start_time'));
	if (config.ingest_window && start !== null && Math.abs(start - nowUs()) > DAY_US)
		throw unprocessable('start_time must be within 24 hours of the current time');
}

function checkOrder(fields) {
	if (R.isNull(fields.get('dotted_order')))
		return;
	const order = R.decode(fields.get('dotted_order'));
	const pieces = order.split('.');
	const ids = pieces.map((p) => p.slice(-36).toLowerCase());
	const id = R.decode(fields.get('id')).toLowerCase();
	const where = ' for run_id:' + id + ' dotted_order:' + order;
	if (!pieces.every((p) => /^\d{8}T\d{12}Z[0-9a-f-]{36}$/i.test(p)))
		throw detail(400, 'invalid dotted_order' + where);
	if (R.isNull(fields.get('parent_run_id')) && pieces.length > 1)
		throw detail(400, 'dotted_order must contain a single part for root runs' + where + ' parent_run_id:None');
	if (ids[ids.length - 1] !== id)
		throw detail(400, 'dotted_order must end with the run id' + where);
	if (!R.isNull(fields.get('trace_id')) && ids[0] !== R.decode(fields.get('trace_id')).toLowerCase())
		throw detail(400, 'dotted_order must begin with the trace id' + where);
}

function checkPost(fields, single) {
	requireFields(fields, ['id', 'name', 'run_type', 'start_time'].concat(single ? [] : ['trace_id', 'dotted_order']));
	if (R.isNull(fields.get('session_id')) && R.isNull(fields.get('session_name')) && !single)
		throw unprocessable('one of session_id and session_name is required');
	if (RUN_TYPES.indexOf(R.decode(fields.get('run_type'))) < 0)
		throw unprocessable('unknown run_type');
	checkTimes(fields);
	checkOrder(fields);
}

function checkPatch(fields) {
	requireFields(fields, ['id']);
	checkTimes(fields);
}

/*
 * The members of patch over those of post; null does not win.  Clients send
 * their run-time metadata again with every patch, so the objects named deep
 * are merged member by member, and metadata within them.
 */
function overlay(post, patch, deep) {
	const all = new Map(post);
	patch.forEach((v, k) => {
		const old = all.get(k);
		if (R.isNull(v) && all.has(k))
			return;
		if (deep.indexOf(k) >= 0 && old !== undefined && old[0] === '{' && v[0] === '{') {
			const both = overlay(new Map(R.members(old)), new Map(R.members(v)), ['metadata', 'runtime']);
			all.set(k, '{' + Array.from(both).map((m) => R.encode(m[0]) + ':' + m[1]).join(',') + '}');
		} else {
			all.set(k, v);
		}
	});
	return all;
}

/*
 * A patch wins over its post whichever came first, and a run shows up when it
 * has been posted.  The two halves are kept for that.
 */
function merge(kind, fields) {
	const id = R.decode(fields.get('id')).toLowerCase();
	const old = store.find(id);
	const halves = old && old.opts.halves ? old.opts.halves : {post: old ? old.fields : null, patch: new Map()};
	if (kind === 'post')
		halves.post = fields;
	else
		halves.patch = overlay(halves.patch, fields, ['extra']);
	const all = overlay(halves.post || new Map(), halves.patch, ['extra']);
	const projectId = old && !old.opts.partial ? old.projectId : projectOf(all);
	['session_name', 'session_id'].forEach((k) => all.delete(k));
	store.put(new R.Run(projectId, all, {halves, partial: halves.post === null,
		arriveMs: Date.now() + config.ingest_delay_ms}));
}

function projectOf(fields) {
	if (!R.isNull(fields.get('session_id'))) {
		const id = R.decode(fields.get('session_id')).toLowerCase();
		if (!projects.has(id))
			throw detail(404, 'Session not found');
		return id;
	}
	return project(R.isNull(fields.get('session_name')) ? 'default' : R.decode(fields.get('session_name'))).id;
}

/* All operations are checked before the first is done. */
function ingest(ops) {
	if (ops.length > 100)
		throw unprocessable('more than 100 operations');
	ops.forEach((op) => (op.kind === 'post' ? checkPost(op.fields, op.single) : checkPatch(op.fields)));
	ops.forEach((op) => merge(op.kind, op.fields));
	return {status: 202, body: {message: 'Runs batch ingested'}};
}

function postRun(req) {
	authorize(req);
	meter('POST /runs', 2000, 10);
	const fields = rawObject(ingestBody(req).toString('latin1'));
	if (R.isNull(fields.get('id')))
		fields.set('id', R.encode(uuidOf(String(Math.random()))));
	const old = store.find(String(R.decode(fields.get('id'))).toLowerCase());
	if (old && !old.opts.partial)
		throw detail(409, 'Run already exists');
	return ingest([{kind: 'post', fields, single: true}]);
}

function patchRun(req) {
	authorize(req);
	meter('PATCH /runs', 2000, 10);
	const fields = rawObject(ingestBody(req).toString('latin1'));
	fields.set('id', R.encode(uuidParam(req, 'run_id')));
	return ingest([{kind: 'patch', fields}]);
}

function postBatch(req) {
	authorize(req);
	meter('POST /runs/batch', 2000, 10);
	const body = rawObject(ingestBody(req).toString('latin1'));
	const ops = [];
	['post', 'patch'].forEach((kind) => {
		R.elements(body.get(kind) || '[]').forEach((raw) => ops.push({kind, fields: rawObject(raw)}));
	});
	return ingest(ops);
}

/* The parts of a multipart/form-data body: [{name, type, length, data}]. */
function multipart(body, contentType) {
	const m = /^multipart\/form-data;.*\bboundary="?([^";]+)"?/i.exec(contentType || '');
	if (!m)
		throw unprocessable('not multipart/form-data');
	const text = body.toString('latin1');
	const mark = '--' + m[1];
	const parts = [];
	let at = text.indexOf(mark);
	while (at >= 0 && text.slice(at + mark.length, at + mark.length + 2) === '\r\n') {
		const head = at + mark.length + 2;
		const blank = text.indexOf('\r\n\r\n', head);
		const end = text.indexOf('\r\n' + mark, blank + 2);
		if (blank < 0 || end < 0)
			throw unprocessable('unterminated part');
		parts.push(part(text.slice(head, blank), text.slice(blank + 4, Math.max(blank + 4, end))));
		at = end + 2;
	}
	if (at < 0 || text.slice(at + mark.length, at + mark.length + 2) !== '--')
		throw unprocessable('no closing boundary');
	return parts;
}

function part(head, data) {
	const headers = {};
	head.split('\r\n').forEach((l) => { headers[l.slice(0, l.indexOf(':')).toLowerCase()] = l.slice(l.indexOf(':') + 1).trim(); });
	const name = /^form-data;\s*name="([^"]+)"/.exec(headers['content-disposition'] || '');
	if (!name)
		throw unprocessable('a part without a name');
	const type = headers['content-type'] || '';
	const length = headers['content-length'] || (/;\s*length=(\d+)/.exec(type) || [])[1];
	if (length === undefined || Number(length) !== data.length)
		throw unprocessable('part ' + name[1] + ': length ' + length + ', but ' + data.length + ' bytes');
	return {name: name[1], type: type.split(';')[0].trim(), data};
}

function postMultipart(req) {
	authorize(req);
	meter('POST /runs/multipart', 6000, 10);
	const ops = new Map();
	const later = [];
	multipart(ingestBody(req), req.headers['content-type']).forEach((p) => {
		const piece = p.name.split('.');
		if (piece[0] === 'attachment' || piece[0] === 'feedback')
			return;
		if ((piece[0] !== 'post' && piece[0] !== 'patch') || !UUID.test(piece[1]) || piece.length > 3)
			throw unprocessable('unknown part ' + p.name);
		if (p.type !== 'application/json')
			throw unprocessable('part ' + p.name + ' is not application/json');
		const key = piece[0] + '.' + piece[1].toLowerCase();
		if (piece.length === 2)
			ops.set(key, {kind: piece[0], fields: rawObject(p.data).set('id', R.encode(piece[1].toLowerCase()))});
		else if (['inputs', 'outputs', 'events', 'extra', 'error', 'serialized'].indexOf(piece[2]) < 0)
			throw unprocessable('unknown part ' + p.name);
		else
			later.push({key, field: piece[2], data: p.data});
	});
	/* The order of the parts is no promise, so the big fields wait for their run. */
	later.forEach((l) => {
		if (!ops.has(l.key))
			throw unprocessable('part ' + l.key + '.' + l.field + ' without ' + l.key);
		ops.get(l.key).fields.set(l.field, l.data.trim());
	});
	return ingest(Array.from(ops.values()));
}

/* ---- control ---- */

function setConfig(req) {
	const known = defaultConfig();
	const bad = Object.keys(req.json || {}).filter((k) => known[k] === undefined);
	if (req.json === null || bad.length)
		return {status: 400, body: {error: 'unknown config ' + bad.join(' ')}};
	const c = Object.assign({}, req.json);
	if (c.stale_cursors === true)
		cursorEpoch++;
	else if (Array.isArray(c.stale_cursors))
		c.stale_cursors.forEach((s) => staleCursors.add(s));
	delete c.stale_cursors;
	if (c.tiers !== undefined)
		calls = {};
	Object.assign(config, c);
	return {status: 200, body: config};
}

function loadRuns(req) {
	try {
		return {status: 200, body: {runs: load(req.body.toString('latin1'))}};
	} catch (e) {
		if (!(e instanceof R.RawError || e instanceof SyntaxError))
			throw e;
		return {status: 400, body: {error: e.message}};
	}
}

function dumpRuns() {
	const lines = Array.from(store.runs.values()).map((r) => '{"_project":' + R.encode((projects.get(r.projectId) || {}).name || null) +
	    Array.from(r.fields).map((f) => ',' + R.encode(f[0]) + ':' + f[1]).join('') + '}\n');
	return {status: 200, body: Buffer.from(lines.join(''), 'latin1'), headers: {'Content-Type': 'application/x-ndjson'}};
}

const control = {
	'GET /_test/runs': dumpRuns,
	'POST /_test/runs': loadRuns,
	'POST /_test/reset': () => { reset(); return {status: 200, body: {}}; },
	'GET /_test/config': () => ({status: 200, body: config}),
	'POST /_test/config': setConfig,
	'GET /_test/stats': () => ({status: 200, body: {queries, runs: store.runs.size + (synthetic ? synthetic.length : 0),
		projects: Array.from(projects.values()).map((p) => ({id: p.id, name: p.name}))}}),
};

/* ---- routes ---- */

const routes = {'GET /ok': () => ({status: 200, body: {ok: true}}), 'GET /_s3/:key': s3Get};

/* The v1 paths stand bare, as the SDKs write them, and under /api/v1, as the spec does. */
['', '/api/v1'].forEach((base) => Object.assign(routes, {
	['GET ' + base + '/info']: info,
	['GET ' + base + '/sessions']: listSessions,
	['POST ' + base + '/sessions']: createSession,
	['GET ' + base + '/sessions/:session_id']: getSession,
	['POST ' + base + '/runs/query']: v1Query,
	['POST ' + base + '/runs/batch']: postBatch,
	['POST ' + base + '/runs/multipart']: postMultipart,
	['POST ' + base + '/runs']: postRun,
	['GET ' + base + '/runs/:run_id']: v1Get,
	['PATCH ' + base + '/runs/:run_id']: patchRun,
}));
['/api/v2', '/v2'].forEach((base) => Object.assign(routes, {
	['POST ' + base + '/runs/query']: v2Query,
	['GET ' + base + '/runs/:run_id']: v2Get,
}));

/* A known path with another method is 405, as frameworks have it. */
function unrouted(req) {
	const have = req.path.split('/');
	const known = Object.keys(routes).some((r) => {
		const want = r.slice(r.indexOf(' ') + 1).split('/');
		return want.length === have.length && want.every((w, i) => w[0] === ':' || w === have[i]);
	});
	if (isV2(req.path) && config.v2 !== 'on')
		return v2Gate(req);
	throw known && !isV2(req.path) ? detail(405, 'Method Not Allowed') : notFound(req);
}

reset();
serve({name: 'langsmith', port: args.port, routes, control, notFound: unrouted, latency: () => config.latency});
