'use strict';
/*
 * bigquery.js - a local stand-in of Google BigQuery v2 and of the services that give its tokens, as strict as they are.
 *
 *   node tests/standin/bigquery.js [--OPTION VALUE ...]
 *
 * --port 0               0 picks one
 * --project test-project the one project
 * --dataset ''           NAME[:LOCATION], a dataset that is there from the start
 * --key-file ''          where to write the key of a service account, mode 0600; its token_uri is this server's
 * --auth required        "none": calls need no token, as an emulator
 * --token ''             an access token that is good from the start and does not expire
 * --expire 3600          seconds that an access token lives
 * --pending-ms 0         --running-ms 0    how long a job is PENDING, then RUNNING; a load answers RUNNING first in any case
 * --stream-delay 0       seconds after the creation of a table for which insertAll answers 404
 * --insert-memory 60     seconds for which an insertId is remembered
 * --buffer 5400          seconds that a streamed row stays in the streaming buffer
 * --page-bytes 10485760  bytes of a page of results
 * --table-rate 0         updates of a table within ten seconds (0: no limit; the service has about 5)
 *
 * Paths are served with and without /bigquery/v2; X-HTTP-Method-Override and gzip request bodies are taken.  The token
 * endpoints are POST /token (service account, user), POST /v1/token (STS), POST /v1/projects/-/serviceAccounts/...
 * (impersonation), GET /oidc/token (subject tokens) and /computeMetadata/v1 (metadata server).
 * What it has not: CSV, source URIs, partition decorators, legacy SQL, sessions, joins; these are refused.  The SQL is
 * in bigquery-parse.js, autodetection in bigquery-schema.js.
 *
 * Control calls, beside those of common.js ("{...}" is a JSON body):
 *   POST /_test/reset        all as at the start (not the tokens, the faults and the log)
 *   GET  /_test/config       what follows, as it is now
 *   POST /_test/config       {expire, pending_ms, running_ms, stream_delay, insert_memory, buffer, page_bytes, table_rate}
 *                            as the options; and {max_wait_ms: longest that a query's answer is held back,
 *                            accept: [bytes kept of each next chunk; 0 loses it], dead_sessions: 404|410,
 *                            fail_jobs: [{reason, message}] ends of the next load jobs, row_errors: [{index, reason}] of the
 *                            next insertAll, denied: ["admin", "insert", "impersonate"], metadata: false,
 *                            revoked_user: true, revoke: true (all tokens die now)}
 *   POST /_test/advance      {seconds} moves the service's clock
 *   GET  /_test/stats        counts: token_requests, token_grants, chunks, streamed, deduplicated, calls
 *   GET  /_test/credentials  [?type=service_account|authorized_user|external_account] a credential file
 *   GET  /_test/rows         ?table=DATASET.TABLE the rows as NDJSON, timestamps in RFC 3339
 *   POST /_test/rows         ?table=DATASET.TABLE adds rows: NDJSON
 *   GET  /_test/jobs         the jobs, oldest first
 */
const fs = require('fs');
const zlib = require('zlib');
const {serve, parseArgs, HttpError} = require('./common');
const {Fail} = require('./bigquery-schema');
const {createAuth} = require('./bigquery-auth');
const {createTables} = require('./bigquery-tables');
const {createJobs} = require('./bigquery-jobs');
const {createLoad} = require('./bigquery-load');
const {createUploads} = require('./bigquery-upload');
const {createStream} = require('./bigquery-stream');
const {createQueries} = require('./bigquery-query');

const SECOND_MS = 1000;
const PREFIX = '/bigquery/v2';

function newConfig(args) {
	return {
		expire: args.expire, pending_ms: args['pending-ms'], running_ms: args['running-ms'], stream_delay: args['stream-delay'],
		insert_memory: args['insert-memory'], buffer: args.buffer, page_bytes: args['page-bytes'], table_rate: args['table-rate'],
		max_wait_ms: 10000, accept: [], dead_sessions: 0, fail_jobs: [], row_errors: [], denied: [], metadata: true, revoked_user: false,
	};
}

const newStats = () => ({token_requests: 0, token_grants: 0, chunks: 0, streamed: 0, deduplicated: 0, calls: 0});

/* What the parts share: {args, config, stats, url, now(), api(scopes, handler)}. */
function createPlatform(args) {
	const platform = {args, config: newConfig(args), stats: newStats(), offset: 0, url: ''};

	platform.now = () => Date.now() + platform.offset;

	/* Wraps the handler of a call: token, scope and project first; its result is the body, or an answer with headers. */
	platform.api = (kind, handler) => async (req) => {
		platform.stats.calls++;
		req.identity = platform.auth.identify(req, kind);
		if (req.params.p !== platform.args.project || platform.config.denied.includes(kind))
			throw new Fail('accessDenied', 'Access Denied: Project ' + req.params.p + ': User does not have permission in project ' + req.params.p + '.');
		if (req.json === null && !req.path.includes('/upload/'))
			throw new Fail('parseError', 'Parse Error');
		platform.jobs.settle();
		const out = await handler(req);
		if (out === undefined)
			return {status: 204};
		return out.headers ? out : {status: 200, body: out};
	};
	return platform;
}

/* Each path also under the prefix. */
function bothPaths(routes) {
	const out = {};
	Object.keys(routes).forEach((key) => {
		out[key] = routes[key];
		if (key.includes(' /projects/'))
			out[key.replace(' /', ' ' + PREFIX + '/')] = routes[key];
	});
	return out;
}

function prepare(req) {
	const method = req.headers['x-http-method-override'];
	if (method && req.method === 'POST')
		req.method = method.toUpperCase();
	if (!/^gzip$/i.test(req.headers['content-encoding'] || ''))
		return;
	try {
		req.body = zlib.gunzipSync(req.body);
	} catch (e) {
		/* What is no gzip is no JSON either, and refused as that. */
	}
}

/* ---- control calls ---- */

function configure(platform, change) {
	const unknown = Object.keys(change).filter((k) => !(k in platform.config) && k !== 'revoke');
	if (unknown.length)
		return {status: 400, body: {error: 'unknown: ' + unknown.join(' ')}};
	Object.keys(change).filter((k) => k !== 'revoke').forEach((k) => { platform.config[k] = change[k]; });
	if (change.revoke)
		platform.auth.revoke();
	return {status: 200, body: platform.config};
}

function firstDataset(platform) {
	const [id, location] = platform.args.dataset.split(':');
	if (id)
		platform.tables.datasets.set(id, {id, location: location || 'US', tables: new Map(), created: platform.now()});
}

function reset(platform, services) {
	Object.assign(platform.config, newConfig(platform.args));
	Object.assign(platform.stats, newStats());
	platform.offset = 0;
	services.forEach((s) => s.reset && s.reset());
	firstDataset(platform);
	return {status: 200, body: {}};
}

function controls(platform, services) {
	const all = Object.assign({
		'POST /_test/reset': () => reset(platform, services),
		'GET /_test/config': () => ({status: 200, body: platform.config}),
		'POST /_test/config': (req) => configure(platform, req.json),
		'POST /_test/advance': (req) => {
			platform.offset += req.json.seconds * SECOND_MS;
			return {status: 200, body: {now: platform.now()}};
		},
		'GET /_test/stats': () => ({status: 200, body: platform.stats}),
		'GET /_test/credentials': (req) => ({status: 200, body: platform.auth.credentials(req.query.get('type'))}),
	}, ...services.map((s) => s.control || {}));
	Object.keys(all).forEach((key) => {
		const fn = all[key];
		all[key] = async (req) => {
			platform.jobs.settle();
			try {
				return await fn(req);
			} catch (e) {
				if (!(e instanceof HttpError))
					throw e;
				return {status: e.status, body: e.body};
			}
		};
	});
	return all;
}

function notFound(req) {
	const message = 'Not Found: ' + req.method + ' ' + req.path;
	return {status: 404, body: {error: {code: 404, message, errors: [{message, domain: 'global', reason: 'notFound'}], status: 'NOT_FOUND'}}};
}

function main() {
	const args = parseArgs({
		port: 0, project: 'test-project', dataset: '', 'key-file': '', auth: 'required', token: '', expire: 3600, 'pending-ms': 0, 'running-ms': 0,
		'stream-delay': 0, 'insert-memory': 60, buffer: 5400, 'page-bytes': 10485760, 'table-rate': 0,
	});
	const platform = createPlatform(args);
	platform.auth = createAuth(platform);
	platform.jobs = createJobs(platform);
	platform.tables = createTables(platform);
	const load = createLoad(platform, platform.tables, platform.jobs);
	const services = [
		platform.auth, platform.tables, platform.jobs, createUploads(platform, load), createStream(platform, platform.tables),
		createQueries(platform, platform.tables, platform.jobs),
	];
	firstDataset(platform);
	serve({
		name: 'bigquery',
		port: args.port,
		routes: bothPaths(Object.assign({}, ...services.map((s) => s.routes))),
		control: controls(platform, services),
		prepare,
		gzip: (req) => /\bgzip\b/.test(req.headers['accept-encoding'] || '') && /gzip/i.test(req.headers['user-agent'] || ''),
		notFound,
		started: (url) => {
			platform.url = url;
			if (!args['key-file'])
				return;
			fs.writeFileSync(args['key-file'], JSON.stringify(platform.auth.credentials('service_account'), null, 2) + '\n', {mode: 0o600});
			fs.chmodSync(args['key-file'], 0o600);
		},
	});
}

main();
