'use strict';
/*
 * feishu.js - a local stand-in of the Feishu (Lark) open platform, as strict as
 * the service: tokens, wiki nodes and Bitable v1.
 *
 *   node tests/standin/feishu.js [--OPTION VALUE ...]
 *
 * --port 0               0 picks one
 * --app-id cli_test      --app-secret secret
 * --user-token ''        a user_access_token that is good from the start
 * --expire 7200          seconds that a tenant_access_token lives
 * --base bascnTest       --table tblTest   --wiki wikTest (a node that is the base)
 * --columns run_id:1,timestamp:5,input:1   name:type[:ui_type] of the table; the first is primary
 * --max-batch 1000       records of a create or update
 * --max-cell 100000      characters of a text cell
 * --max-rows 0           records of a table (0: no limit)
 * --max-body 0           bytes of a write's body (0: no limit)
 * --token-memory 0       seconds after which a client_token is forgotten (0: never)
 * --lat 0                milliseconds that a write takes
 * --rate 0               requests a second of each call (0: no limit)
 * --tz +08:00            time zone of the documents
 * --segment 2000         text longer than this is read in several segments
 * --save ''              a file that keeps the state over a restart
 *
 * Control calls, beside those of common.js ("{...}" is a JSON body):
 *   POST /_test/reset      all as at the start (not the faults and the log)
 *   GET  /_test/config     what follows, as it is now
 *   POST /_test/config     {expire, max_batch, max_cell, max_rows, max_body, token_memory, lat, rate, tz, segment}
 *                          as the options; and {collaborator, user_collaborator: false -> 91403, app_enabled: false ->
 *                          10014, quota_left: N calls until 99991403 (null: no quota), missing_scopes: [scope],
 *                          base_missing: code of an unknown base, files: [file_token], revoke: true (all tenant tokens
 *                          die now), revoke_users: true (99991668), expire_users: true (99991677), forget: true (all
 *                          client_tokens)}
 *   POST /_test/advance    {seconds} moves the service's clock
 *   GET  /_test/stats      counts, see newStats()
 *   GET  /_test/rows       [?table=ID] the records as NDJSON: record_id and the values as plain text
 *   POST /_test/rows       [?table=ID] adds records: a JSON array, {rows: [...]} or NDJSON; a row is {name: value}, or
 *                          {fields, cells, record_id, created} where cells are kept as they are (computed fields)
 *   POST /_test/views      {table, view_name, filter} adds a view that shows only some records; answers its view_id
 *
 * A service is a module that gives routes and, where it has a state, reset(),
 * apply(op) and snapshot() for the journal; see createPlatform for what it gets.
 */
const crypto = require('crypto');
const {serve, parseArgs} = require('./common');
const {Fail} = require('./feishu-fields');
const {Journal} = require('./feishu-journal');
const {createAuth} = require('./feishu-auth');
const {createWiki} = require('./feishu-wiki');
const {createBitable} = require('./feishu-bitable');

const SECOND_MS = 1000;

/* Codes that do not come with HTTP 200. */
const STATUS = {
	10001: 400, 9499: 400, 91402: 404, 91403: 403, 131002: 400, 131005: 400, 131006: 400,
	1254011: 400, 1254015: 400, 1254024: 400, 1254036: 400, 1254037: 400, 1254607: 400, 1254608: 403, 1255006: 400, 1255040: 504,
	99991400: 429,
};

function statusOf(code) {
	if (STATUS[code])
		return STATUS[code];
	if (code >= 1254080 && code <= 1254095)
		return 400;
	return code >= 99990000 ? 400 : 200;
}

function newStats() {
	return {
		token_requests: 0, token_grants: 0, calls: {}, writes: {}, created: 0, updated: 0, deleted: 0,
		in_flight: 0, max_concurrent_writes: 0, conflicts: 0, replays: 0, rate_limited: 0,
	};
}

function newConfig(args) {
	return {
		expire: args.expire, max_batch: args['max-batch'], max_cell: args['max-cell'], max_rows: args['max-rows'], max_body: args['max-body'],
		token_memory: args['token-memory'], lat: args.lat, rate: args.rate, tz: args.tz, segment: args.segment,
		collaborator: true, user_collaborator: true, app_enabled: true, quota_left: null, missing_scopes: [], base_missing: 1254040, files: [],
	};
}

function logId(req) {
	if (!req.logId)
		req.logId = new Date().toISOString().replace(/\D/g, '').slice(0, 14) + crypto.randomBytes(9).toString('hex').toUpperCase();
	return req.logId;
}

/* What the services share: {args, config, stats, auth, now(), newId(prefix), commit(ops), api(name, scopes, handler)}. */
function createPlatform(args) {
	const platform = {args, config: newConfig(args), stats: newStats(), offset: 0};
	const journal = new Journal(args.save);
	const windows = new Map();	/* call -> {start, n}: requests in the current second */

	platform.journal = journal;
	platform.commit = (ops) => journal.append(ops);
	platform.now = () => Date.now() + platform.offset;

	platform.newId = (prefix) => {
		const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
		return prefix + Array.from(crypto.randomBytes(10), (b) => letters[b % letters.length]).join('');
	};

	function rateHeaders(name) {
		const w = windows.get(name);
		if (!platform.config.rate || !w)
			return {};
		const reset = Math.max(0, w.start + SECOND_MS - Date.now()) / SECOND_MS;
		return {'x-ogw-ratelimit-limit': String(platform.config.rate), 'x-ogw-ratelimit-reset': reset.toFixed(2)};
	}

	function checkRate(name) {
		if (!platform.config.rate)
			return;
		let w = windows.get(name);
		if (!w || Date.now() - w.start >= SECOND_MS) {
			w = {start: Date.now(), n: 0};
			windows.set(name, w);
		}
		if (++w.n > platform.config.rate) {
			platform.stats.rate_limited++;
			throw new Fail(99991400, 'request trigger frequency limit');
		}
	}

	function checkQuota() {
		if (platform.config.quota_left === null)
			return;
		if (platform.config.quota_left <= 0)
			throw new Fail(99991403, "This month's API call quota has been exceeded");
		platform.config.quota_left--;
	}

	/* The app has every scope but the missing ones, and one of scopes suffices. */
	function checkScopes(scopes, identity) {
		if (!scopes.every((s) => platform.config.missing_scopes.includes(s)))
			return;
		const violations = scopes.map((subject) => ({type: 'action_scope_required', subject}));
		const code = identity.kind === 'user' ? 99991679 : 99991672;
		throw new Fail(code, 'Access denied. One of the following scopes is required: [' + scopes.join(', ') + ']', {permission_violations: violations});
	}

	function failure(req, name, e) {
		const error = Object.assign({
			log_id: logId(req),
			troubleshooter: 'Troubleshooting suggestions: https://open.feishu.cn/search?from=openapi&log_id=' + logId(req) + '&code=' + e.code,
		}, e.extra);
		return {status: statusOf(e.code), headers: rateHeaders(name), body: {code: e.code, msg: e.msg, data: {}, error}};
	}

	function checkContentType(req) {
		if (req.body.length && req.method !== 'GET' && !/^application\/json\b/i.test(req.headers['content-type'] || ''))
			throw new Fail(9499, 'Bad Request: the content type is not application/json');
	}

	/*
	 * Wraps the handler of a business call: token, rate, quota and scope first, then
	 * handler(req) with req.identity set, whose result becomes "data".
	 */
	platform.api = (name, scopes, handler) => async (req) => {
		platform.stats.calls[name] = (platform.stats.calls[name] || 0) + 1;
		try {
			req.identity = platform.auth.identify(req);
			checkRate(name);
			checkQuota();
			checkScopes(scopes, req.identity);
			checkContentType(req);
			const data = await handler(req);
			return {status: 200, headers: rateHeaders(name), body: {code: 0, msg: 'success', data}};
		} catch (e) {
			if (!(e instanceof Fail))
				throw e;
			return failure(req, name, e);
		}
	};
	return platform;
}

/* ---- control calls ---- */

const ACTIONS = ['revoke', 'revoke_users', 'expire_users', 'forget'];

function configure(platform, bitable, change) {
	const unknown = Object.keys(change).filter((k) => !(k in platform.config) && !ACTIONS.includes(k));
	if (unknown.length)
		return {status: 400, body: {error: 'unknown: ' + unknown.join(' ')}};
	for (const key of Object.keys(change)) {
		if (!ACTIONS.includes(key))
			platform.config[key] = change[key];
	}
	if (change.revoke)
		platform.auth.revokeTenant();
	if (change.revoke_users)
		platform.auth.revokeUsers();
	if (change.expire_users)
		platform.auth.expireUsers();
	if (change.forget)
		bitable.forget();
	return {status: 200, body: platform.config};
}

function advance(platform, body) {
	platform.offset += body.seconds * SECOND_MS;
	platform.commit([{op: 'clock', offset: platform.offset}]);
	return {status: 200, body: {now: platform.now()}};
}

function reset(platform, services) {
	Object.assign(platform.config, newConfig(platform.args));
	Object.assign(platform.stats, newStats());
	platform.offset = 0;
	services.forEach((s) => s.reset && s.reset());
	save(platform, services);
	return {status: 200, body: {}};
}

function controls(platform, bitable, services) {
	return Object.assign({
		'POST /_test/reset': () => reset(platform, services),
		'GET /_test/config': () => ({status: 200, body: platform.config}),
		'POST /_test/config': (req) => configure(platform, bitable, req.json),
		'POST /_test/advance': (req) => advance(platform, req.json),
		'GET /_test/stats': () => ({status: 200, body: Object.assign({}, platform.stats, bitable.counts())}),
	}, ...services.map((s) => s.control || {}));
}

/* ---- state over a restart ---- */

function save(platform, services) {
	function* lines() {
		yield [{op: 'clock', offset: platform.offset}];
		for (const s of services) {
			if (s.snapshot)
				yield* s.snapshot();
		}
	}
	platform.journal.rewrite(lines());
}

function restore(platform, services) {
	platform.journal.load((op) => {
		if (op.op === 'clock')
			platform.offset = op.offset;
		services.forEach((s) => s.apply && s.apply(op));
	});
	save(platform, services);
}

function main() {
	const args = parseArgs({
		port: 0, 'app-id': 'cli_test', 'app-secret': 'secret', 'user-token': '', expire: 7200,
		base: 'bascnTest', table: 'tblTest', wiki: 'wikTest', columns: 'run_id:1,timestamp:5,input:1',
		'max-batch': 1000, 'max-cell': 100000, 'max-rows': 0, 'max-body': 0, 'token-memory': 0,
		lat: 0, rate: 0, tz: '+08:00', segment: 2000, save: '',
	});
	const platform = createPlatform(args);
	platform.auth = createAuth(platform);
	const bitable = createBitable(platform);
	const services = [platform.auth, createWiki(platform), bitable];
	restore(platform, services);
	serve({
		name: 'feishu',
		port: args.port,
		routes: Object.assign({}, ...services.map((s) => s.routes)),
		control: controls(platform, bitable, services),
		headers: (req) => ({'X-Tt-Logid': logId(req)}),
		notFound: () => ({status: 404, headers: {'Content-Type': 'text/plain'}, body: '404 page not found'}),
	});
}

main();
