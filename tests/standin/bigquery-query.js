'use strict';
/*
 * bigquery-query.js - query jobs of the BigQuery stand-in: jobs.query, jobs.insert of a query, and the pages of results.
 */
const {Fail, known, isObject} = require('./bigquery-schema');
const {wire} = require('./bigquery-values');
const {runScript, parameters} = require('./bigquery-sql');

const COMMON = ['query', 'useLegacySql', 'parameterMode', 'queryParameters', 'defaultDataset', 'useQueryCache', 'maximumBytesBilled', 'createSession',
	'connectionProperties', 'continuous'];
const REQUEST = COMMON.concat('kind', 'maxResults', 'timeoutMs', 'dryRun', 'location', 'formatOptions', 'labels', 'requestId', 'jobCreationMode',
	'preserveNulls', 'jobTimeoutMs', 'reservation', 'writeIncrementalResults');
const CONFIGURATION = COMMON.concat('priority', 'createDisposition', 'writeDisposition', 'allowLargeResults');
const REQUEST_MEMORY_MS = 15 * 60000;
const DEFAULT_TIMEOUT_MS = 10000;
const POLL_MS = 10;
const DML = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'];

const truth = (v) => v === true || v === 'true';

function timestampFormat(int64, output) {
	if (output !== undefined && output !== null && !['FLOAT64', 'INT64', 'ISO8601_STRING', 'TIMESTAMP_OUTPUT_FORMAT_UNSPECIFIED'].includes(output))
		throw new Fail('invalid', 'Invalid value for timestampOutputFormat: ' + output);
	if (output === 'ISO8601_STRING')
		return 'iso8601';
	return truth(int64) || output === 'INT64' ? 'int64' : 'float';
}

function createQueries(platform, tables, jobs) {
	const {args, config} = platform;
	let requests = new Map();	/* requestId -> {job, at} */

	platform.timestampFormat = (query) => timestampFormat(query.get('formatOptions.useInt64Timestamp'),
		query.get('formatOptions.timestampOutputFormat'));

	/* ---- the tables as a statement sees them ---- */

	function target(parts, defaults) {
		const [table, dataset, project] = parts.slice().reverse();
		const d = dataset || defaults && defaults.datasetId;
		if (!d)
			throw new Fail('invalid', 'Table "' + table + '" must be qualified with a dataset (e.g. dataset.table).');
		if (project !== undefined && project !== args.project)
			throw new Fail('accessDenied', 'Access Denied: Table ' + project + ':' + d + '.' + table + ': User does not have permission to query table');
		return {d, table};
	}

	function store(defaults, location, seen) {
		const place = (d) => {
			const where = tables.dataset(d).location;
			if (seen)
				seen.push(where);
			if (location && where.toUpperCase() !== location.toUpperCase())
				throw new Fail('notFound', 'Not found: Dataset ' + args.project + ':' + d + ' was not found in location ' + location);
			return tables.dataset(d);
		};
		return {
			now: platform.now(),
			lookup(parts) {
				const t = target(parts, defaults);
				place(t.d);
				return tables.table(t.d, t.table);
			},
			make(parts, absent, spec) {
				const t = target(parts, defaults);
				const d = place(t.d);
				if (!absent || !d.tables.has(t.table))
					tables.create(d, t.table, spec);
			},
			write(t, rows) {
				tables.countWrite(t);
				tables.setRows(t, rows);
			},
			buffered: tables.buffered,
			snapshot() {
				const held = [];
				tables.datasets.forEach((d) => d.tables.forEach((t) => held.push([t, t.rows])));
				return () => held.forEach(([t, rows]) => tables.setRows(t, rows));
			},
		};
	}

	/* ---- jobs ---- */

	function check(q) {
		if (typeof q.query !== 'string' || !q.query.trim())
			throw new Fail('required', 'Required parameter is missing: query');
		if (q.useLegacySql !== false)
			throw new Fail('invalidQuery', 'The stand-in has no legacy SQL, which is the default: set useLegacySql to false');
		if (q.parameterMode !== undefined && !/^(named|positional)$/i.test(q.parameterMode))
			throw new Fail('invalid', 'Invalid value for parameterMode: ' + q.parameterMode);
		if (q.queryParameters !== undefined && !(Array.isArray(q.queryParameters) && q.queryParameters.every(isObject)))
			throw new Fail('invalid', 'Invalid value for queryParameters');
		if (q.queryParameters && q.queryParameters.length && !q.parameterMode)
			throw new Fail('invalid', 'Query parameters need a parameterMode');
	}

	/* Where the query's tables are; the run itself says what is wrong with it. */
	function locate(q, params) {
		const seen = [];
		try {
			runScript(q.query, params, store(q.defaultDataset, null, seen), true);
		} catch (e) {
			if (!(e instanceof Fail))
				throw e;
		}
		return seen[0];
	}

	function run(job) {
		const q = job.configuration.query;
		const r = runScript(q.query, job.params, store(q.defaultDataset, job.location), job.dryRun);
		job.statementType = r.kind;
		Object.assign(job, {fields: r.fields, rows: r.rows, dml: r.stats});
		const query = {statementType: r.kind, totalBytesProcessed: '0', totalBytesBilled: '0', cacheHit: false};
		if (r.stats)
			Object.assign(query, dmlOf(job));
		if (job.dryRun && r.fields)
			query.schema = {fields: r.fields};
		job.statistics = {query};
	}

	function dmlOf(job) {
		const stats = {};
		Object.keys(job.dml).forEach((k) => { stats[k] = String(job.dml[k]); });
		return {numDmlAffectedRows: String(Object.values(job.dml).reduce((a, n) => a + n, 0)), dmlStats: stats};
	}

	function make(q, reference, identity, more) {
		const params = parameters((q.parameterMode || '').toUpperCase(), q.queryParameters);
		const where = locate(q, params);
		const location = reference.location || where || 'US';
		const job = Object.assign({type: 'QUERY', configuration: {query: q}, params, run}, more);
		if (job.dryRun) {
			const now = platform.now();
			Object.assign(job, {id: 'dry_run', location, who: identity.who, created: now, starts: now, ended: now, done: true});
			run(job);
			return job;
		}
		return jobs.add(reference, location, identity, job);
	}

	/* ---- answers ---- */

	function pageOf(job, from, max, format) {
		const rows = [];
		let bytes = 0;
		for (let i = from; i < job.rows.length && rows.length < max; i++) {
			const row = wire(job.fields, job.rows[i], format);
			bytes += JSON.stringify(row).length;
			if (rows.length && bytes > config.page_bytes)
				break;
			rows.push(row);
		}
		const next = from + rows.length;
		return Object.assign(next < job.rows.length ? {pageToken: Buffer.from(job.id + '/' + next).toString('base64')} : {}, rows.length ? {rows} : {});
	}

	function offsetOf(job, token) {
		if (token === undefined || token === null)
			return 0;
		const m = /^(.*)\/(\d+)$/.exec(Buffer.from(token, 'base64').toString());
		if (!m || m[1] !== job.id)
			throw new Fail('invalid', 'Invalid page token');
		return Number(m[2]);
	}

	async function wait(job, timeoutMs) {
		const until = Date.now() + Math.min(timeoutMs, config.max_wait_ms);
		for (jobs.settle(); !job.done && Date.now() < until; jobs.settle())
			await new Promise((r) => setTimeout(r, POLL_MS));
		if (job.done && job.errorResult)
			throw new Fail(job.errorResult.reason, job.errorResult.message, {location: job.errorResult.location});
	}

	function number(v, fallback, what) {
		if (v === undefined || v === null || v === '')
			return fallback;
		if (!/^\d+$/.test(String(v)))
			throw new Fail('invalid', 'Invalid value for ' + what + ': ' + v);
		return Number(v);
	}

	function answer(kind, job, from, max, format) {
		const reference = {projectId: args.project, jobId: job.id, location: job.location};
		const base = Object.assign({kind}, job.dryRun ? {jobReference: {projectId: args.project, location: job.location}} : {jobReference: reference});
		if (!job.done)
			return Object.assign(base, {jobComplete: false});
		const result = job.fields ? Object.assign({schema: {fields: job.fields}, totalRows: String(job.rows.length)}, pageOf(job, from, max, format)) :
			DML.includes(job.statementType) ? {totalRows: '0'} : {};
		return Object.assign(base, {totalBytesProcessed: '0', jobComplete: true, cacheHit: false}, job.dml ? dmlOf(job) : {}, result);
	}

	/* ---- calls ---- */

	/* The same requestId within its memory is the same job. */
	function once(body, fn) {
		const id = body.requestId;
		if (id === undefined)
			return fn();
		if (typeof id !== 'string' || id.length > 36 || !/^[\x20-\x7e]+$/.test(id))
			throw new Fail('invalid', 'Invalid requestId: at most 36 ASCII characters');
		const held = requests.get(id);
		if (held && held.at > platform.now() - REQUEST_MEMORY_MS)
			return held.job;
		const job = fn();
		requests.set(id, {job, at: platform.now()});
		return job;
	}

	async function query(req) {
		const body = req.json;
		known(body, REQUEST, 'query_request');
		check(body);
		const o = body.formatOptions || {};
		known(o, ['useInt64Timestamp', 'timestampOutputFormat'], 'query_request.format_options');
		const format = timestampFormat(o.useInt64Timestamp, o.timestampOutputFormat);
		const max = number(body.maxResults, Infinity, 'maxResults');
		const kept = {};
		CONFIGURATION.filter((k) => body[k] !== undefined).forEach((k) => { kept[k] = body[k]; });
		const job = once(body, () => make(kept, {location: body.location}, req.identity, {dryRun: body.dryRun === true}));
		await wait(job, number(body.timeoutMs, DEFAULT_TIMEOUT_MS, 'timeoutMs'));
		return answer('bigquery#queryResponse', job, 0, max, format);
	}

	async function results(req) {
		const job = jobs.find(req.params.q, req.query.get('location'));
		if (job.type !== 'QUERY')
			throw new Fail('invalid', 'Job is not a query: ' + job.id);
		const format = platform.timestampFormat(req.query);
		await wait(job, number(req.query.get('timeoutMs'), DEFAULT_TIMEOUT_MS, 'timeoutMs'));
		const from = req.query.has('startIndex') ? number(req.query.get('startIndex'), 0, 'startIndex') : offsetOf(job, req.query.get('pageToken'));
		return answer('bigquery#getQueryResultsResponse', job, from, number(req.query.get('maxResults'), Infinity, 'maxResults'), format);
	}

	function insert(req) {
		const body = req.json;
		const [kind, q] = jobs.configurationOf(body);
		if (kind === 'load')
			throw new Fail('invalid', 'Load configuration must specify at least one source URI (the stand-in takes loads by upload only)');
		known(q, CONFIGURATION, 'job.configuration.query');
		check(q);
		const dryRun = body.configuration.dryRun === true;
		const job = make(q, isObject(body.jobReference) ? body.jobReference : {}, req.identity, {dryRun});
		return dryRun ? jobs.resource(job) : jobs.started(job);
	}

	return {
		reset: () => { requests = new Map(); },
		routes: {
			'POST /projects/:p/queries': platform.api('admin', query),
			'GET /projects/:p/queries/:q': platform.api('admin', results),
			'POST /projects/:p/jobs': platform.api('admin', insert),
		},
	};
}

module.exports = {createQueries};
