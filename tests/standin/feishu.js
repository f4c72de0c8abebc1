'use strict';
/*
 * feishu.js - a local stand-in of the Feishu (Lark) open platform, as strict as
 * the service: tokens, the login of a user (OAuth), wiki nodes, Bitable v1, Sheets v2 and v3.
 * It is both hosts: the API's (FEISHU_ENDPOINT) and the login's (FEISHU_ACCOUNTS_ENDPOINT).
 *
 *   node tests/standin/feishu.js [--OPTION VALUE ...]
 *
 * --port 0               0 picks one
 * --app-id cli_test      --app-secret secret
 * --user-token ''        a user_access_token that is good from the start, has no end and all scopes
 * --expire 7200          seconds that a tenant_access_token lives
 * --base bascnTest       --table tblTest   --wiki wikTest (a node that is the base)
 * --columns run_id:1,timestamp:5,input:1   name:type[:ui_type] of the table; the first is primary
 * --sheet shtTest        the spreadsheet, with the one empty sheet "sheet1"; --sheet-wiki wikSheet (a node that is it)
 * --max-batch 1000       records of a create or update
 * --max-cell 100000      characters of a text cell
 * --max-rows 0           records of a table (0: no limit)
 * --max-body 0           bytes of a write's body (0: no limit)
 * --max-records 0        bytes of a page of records, above it 1254030 (0: no limit)
 * --max-values 10485760  bytes of an answer of Sheets, above it 90221
 * --token-memory 0       seconds after which a client_token is forgotten (0: never)
 * --page-expire 0        seconds after which a page_token is stale, 1254002 (0: never)
 * --lat 0                milliseconds that a write takes;  --latency 0   ... that every call takes
 * --rate 0               requests a second of each call (0: no limit)
 * --tz +08:00            time zone of the documents
 * --segment 2000         text longer than this is read in several segments
 * --save ''              a file that keeps the state over a restart (not the spreadsheets and wiki nodes)
 *
 * The login: GET /open-apis/authen/v1/authorize, POST /oauth/v3/token and /open-apis/authen/v2/oauth/token,
 * POST /oauth/v1/device_authorization, GET /open-apis/authen/v1/user_info, and the calls of authen/v1 before them.
 * --user-expire 7200     seconds of a user_access_token;  --refresh-expire 604800   ... of a refresh token
 * --consent-expire 31536000   seconds after the user's consent when no refresh helps any more (20037)
 * --refresh-grace 0      seconds that a spent refresh token is answered again with the same new pair (0: 20073 at once)
 * --code-expire 300      --device-expire 240   --device-interval 5
 * --redirect 'http://127.0.0.1:*,http://localhost:*'   the registered redirect addresses; ":*" is any port and path
 * --token-size 1200      about so many characters of a token
 *
 * Control calls, beside those of common.js ("{...}" is a JSON body; where it names a table, the first one is the default):
 *   POST /_test/reset      all as at the start (not the faults and the log)
 *   GET  /_test/config     what follows, as it is now
 *   POST /_test/config     the options as {expire, max_batch, max_cell, max_rows, max_body, max_records, max_values,
 *                          token_memory, page_expire, lat, latency, rate, tz, segment, user_expire, refresh_expire,
 *                          consent_expire, refresh_grace, code_expire, device_expire, device_interval, token_size}; and
 *                          {collaborator, user_collaborator: false -> 91403, 131006, 1310213; app_enabled: false -> 10014;
 *                          quota_left: N calls until 99991403 (null: no quota), missing_scopes: [scope] that the app has
 *                          not (99991672; in a login 20027), base_missing: code of an unknown base, files: [file_token],
 *                          people: {"ou_1": {"name": ""}} what a person's value has other than usual (null: not there)};
 *                          of the login {consent: "grant", "deny" or "page" (an HTML page, nothing happens),
 *                          device: "wait" (for /_test/device), "deny", or N polls that are pending, then it is approved;
 *                          slow_down: N polls that are answered so; refresh_enabled: false -> 20074; reuse_code: 20073 or
 *                          20064; token_refusal: a code with which the token calls refuse (null: they do not)};
 *                          of Sheets {short_rows: false -> the empty cells at the end of a row are null, not left out;
 *                          clip: true -> a range beyond the grid is cut, not refused with 90204}
 *                          and what is done at once: {revoke: true (all tenant tokens die), revoke_users: true (access
 *                          tokens: 99991668), expire_users: true (99991677), revoke_refresh: true (refresh tokens: 20064),
 *                          forget: true (all client_tokens), stale_pages: true (the page_tokens given so far: 1254002),
 *                          advance: seconds of the clock}; and {later: {calls: N, of: "search", config: {...}}}: any of
 *                          this when N calls (of that name, see the counts of calls; or of any) have gone by, before the
 *                          next one: what happens in the middle of a run, at the same place each time
 *   POST /_test/advance    {seconds} moves the service's clock
 *   GET  /_test/stats      counts, see newStats(); among them exchanges (of a code), refreshes (that gave a pair),
 *                          refresh_requests, reuses (of a spent refresh token), device_polls, calls {name: n}
 *   POST /_test/login      {scope, open_id, expires_in, refresh_expires_in} what the token call answers after a login,
 *                          without one: to fill a store; scope is "a b c", by default all with offline_access
 *   POST /_test/device     {approve: true or false, user_code} what the user does with a device login (the last one)
 *   POST /_test/nodes      {token, obj_type, obj_token, title, denied: true -> 131006} adds a wiki node
 *   GET  /_test/rows       [?table=ID] the records as NDJSON: record_id and the values as plain text
 *   POST /_test/rows       [?table=ID] adds records: a JSON array, {rows: [...]} or NDJSON; a row is {name: value}, or
 *                          {fields, cells, raw, raw_list, raw_text, record_id, created}: cells are kept as they are (computed
 *                          fields, an option that is no more); raw {name: value} is read exactly so by search and batch_get,
 *                          and by list and get where raw_list has nothing else; raw_text {name: text} is put into the
 *                          answer byte by byte: {"n": "1.0E15"}
 *   POST /_test/tables     {table_id, name, fields: [{field_name, type, ui_type, property}], views} adds a table, with
 *                          fields of any type, checked by nobody; answers table_id
 *   POST /_test/fields     {table, field_name, type, ui_type, property} adds such a field
 *   POST /_test/fill       {table, count, cells: {name: value}} adds count records; in strings {i} becomes the number of the
 *                          record, from 0, and {"from": a, "step": b} becomes a + b*i.  For 100,000 of them.
 *   POST /_test/views      {table, view_name, view_id, filter} adds a view that shows only some records; answers its view_id
 *   POST /_test/sheets     {spreadsheet, sheet_id, title, hidden, resource_type, row_count, column_count, frozen_row_count,
 *                          rows: [[cell, ...], ...], merges: ["A1:B2"], fill: {count, cells: [cell, ...]}} adds or replaces a
 *                          sheet (a spreadsheet that is not there is made); after the rows come fill.count rows made when
 *                          they are read, cells as in /_test/fill.  A cell: null, a string, number or boolean; rich text
 *                          as the service writes it, [{"type": "text", ...}, ...] or {"type": ...}; or {value, formula,
 *                          formatted, date: true} for what valueRenderOption and dateTimeRenderOption make of it
 *
 * A service is a module that gives routes and, where it has a state, reset(),
 * apply(op) and snapshot() for the journal; see createPlatform for what it gets.
 */
const crypto = require('crypto');
const {serve, parseArgs} = require('./common');
const {Fail, VERBATIM} = require('./feishu-fields');
const {Journal} = require('./feishu-journal');
const {createAuth} = require('./feishu-auth');
const {createOauth} = require('./feishu-oauth');
const {createWiki} = require('./feishu-wiki');
const {createBitable} = require('./feishu-bitable');
const {createSheets} = require('./feishu-sheets');

const SECOND_MS = 1000;
const RATE_LIMITED = 99991400;
const VERBATIM_TEXT = /"\\u0001json:(?:[^"\\]|\\.)*"/g;	/* a string that begins with VERBATIM, in JSON */

/* Codes that do not come with HTTP 200. */
const STATUS = {
	10001: 400, 9499: 400, 90202: 400, 90204: 400, 90214: 400, 90215: 400, 90221: 400, 1310213: 400, 1310214: 400, 1310215: 400,
	91402: 404, 91403: 403, 131002: 400, 131005: 400, 131006: 400,
	1254011: 400, 1254015: 400, 1254024: 400, 1254036: 400, 1254037: 400, 1254607: 400, 1254608: 403, 1255006: 400, 1255040: 504,
	99991400: 429,
};

/* The older calls of Sheets answer too many requests with 400. */
function statusOf(code, name) {
	if (code === RATE_LIMITED && name.startsWith('sheets_v2'))
		return 400;
	if (STATUS[code])
		return STATUS[code];
	if (code >= 1254080 && code <= 1254095)
		return 400;
	return code >= 99990000 ? 400 : 200;
}

function newStats() {
	return {
		token_requests: 0, token_grants: 0, calls: {}, writes: {}, created: 0, updated: 0, deleted: 0,
		exchanges: 0, refreshes: 0, refresh_requests: 0, reuses: 0, device_requests: 0, device_polls: 0,
		in_flight: 0, max_concurrent_writes: 0, conflicts: 0, replays: 0, rate_limited: 0,
	};
}

/* Options that a test may change while the stand-in runs; in the configuration with "_" for "-". */
const CHANGEABLE = [
	'expire', 'max-batch', 'max-cell', 'max-rows', 'max-body', 'max-records', 'max-values', 'token-memory', 'page-expire', 'lat', 'latency',
	'rate', 'tz', 'segment', 'user-expire', 'refresh-expire', 'consent-expire', 'refresh-grace', 'code-expire', 'device-expire',
	'device-interval', 'token-size',
];

function newConfig(args) {
	const options = {};
	CHANGEABLE.forEach((name) => { options[name.replace(/-/g, '_')] = args[name]; });
	return Object.assign(options, {
		collaborator: true, user_collaborator: true, app_enabled: true, quota_left: null, missing_scopes: [], base_missing: 1254040, files: [],
		people: {}, consent: 'grant', device: 'wait', slow_down: 0, refresh_enabled: true, reuse_code: 20073, token_refusal: null,
		short_rows: true, clip: false,
	});
}

function logId(req) {
	if (!req.logId)
		req.logId = new Date().toISOString().replace(/\D/g, '').slice(0, 14) + crypto.randomBytes(9).toString('hex').toUpperCase();
	return req.logId;
}

/*
 * What the services share: {args, config, stats, auth, now(), newId(prefix), commit(ops), api(name, scopes, handler)},
 * and for calls with an envelope of their own countCall(name), delay(), checkRate(name), failure(req, name, e); scopes has all that
 * the calls need, pages is the generation of the page_tokens that are good.
 */
function createPlatform(args) {
	const platform = {args, config: newConfig(args), stats: newStats(), offset: 0, scopes: new Set(), pages: 0, later: []};
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

	platform.checkRate = function checkRate(name) {
		if (!platform.config.rate)
			return;
		let w = windows.get(name);
		if (!w || Date.now() - w.start >= SECOND_MS) {
			w = {start: Date.now(), n: 0};
			windows.set(name, w);
		}
		if (++w.n > platform.config.rate) {
			platform.stats.rate_limited++;
			throw new Fail(RATE_LIMITED, 'request trigger frequency limit');
		}
	};

	platform.delay = async () => {
		if (platform.config.latency > 0)
			await new Promise((resolve) => setTimeout(resolve, platform.config.latency));
	};

	function checkQuota() {
		if (platform.config.quota_left === null)
			return;
		if (platform.config.quota_left <= 0)
			throw new Fail(99991403, "This month's API call quota has been exceeded");
		platform.config.quota_left--;
	}

	/* A test may have planned a change for when so many calls have gone by. */
	platform.countCall = function countCall(name) {
		const due = platform.later.filter((plan) => (!plan.of || plan.of === name) && plan.left-- <= 0);
		platform.later = platform.later.filter((plan) => !due.includes(plan));
		due.forEach((plan) => platform.configure(plan.config));
	};

	/* The words of the service, with the page where the scope is granted. */
	function scopeFailure(scopes, kind) {
		const list = '[' + scopes.join(', ') + ']';
		const url = 'https://open.feishu.cn/app/' + args['app-id'] + '/auth?q=' + scopes.join(',') + '&op_from=openapi&token_type=' + kind;
		const extra = {
			permission_violations: scopes.map((subject) => ({type: 'action_scope_required', subject})),
			helps: [{url, description: 'Learn more about scopes and how to add them: ' + list}],
		};
		if (kind === 'tenant')
			return new Fail(99991672, 'Access denied. One of the following scopes is required: ' + list +
				'.应用尚未开通所需的应用身份权限：' + list + '，点击链接申请并开通任一权限即可：' + url, extra);
		return new Fail(99991679, 'Unauthorized. You do not have permission to perform the requested operation on the resource. ' +
			'Please request user re-authorization and try again. required one of these privileges under the user identity: ' + list +
			'.应用未获取所需的用户授权：' + list, extra);
	}

	/* The app has every scope but the missing ones, a user those that the login granted, and one of scopes suffices. */
	function checkScopes(scopes, identity) {
		const good = (s) => !platform.config.missing_scopes.includes(s) && (!identity.scopes || identity.scopes.includes(s));
		if (scopes.length && !scopes.some(good))
			throw scopeFailure(scopes, identity.kind);
	}

	platform.failure = function failure(req, name, e) {
		const error = Object.assign({
			log_id: logId(req),
			troubleshooter: 'Troubleshooting suggestions: https://open.feishu.cn/search?from=openapi&log_id=' + logId(req) + '&code=' + e.code,
		}, e.extra);
		return {status: statusOf(e.code, name), headers: rateHeaders(name), body: {code: e.code, msg: e.msg, data: {}, error}};
	};

	/* Values that a test wants to be spelled its way are put in last; see raw_text of /_test/rows. */
	function withVerbatim(body) {
		return Buffer.from(JSON.stringify(body).replace(VERBATIM_TEXT, (m) => JSON.parse(m).slice(VERBATIM.length)));
	}

	function checkContentType(req) {
		if (req.body.length && req.method !== 'GET' && !/^application\/json\b/i.test(req.headers['content-type'] || ''))
			throw new Fail(9499, 'Bad Request: the content type is not application/json');
	}

	/*
	 * Wraps the handler of a business call: token, rate, quota and scope first, then
	 * handler(req) with req.identity set, whose result becomes "data".
	 */
	platform.api = (name, scopes, handler) => {
		scopes.forEach((s) => platform.scopes.add(s));
		return async (req) => {
			platform.stats.calls[name] = (platform.stats.calls[name] || 0) + 1;
			try {
				platform.countCall(name);
				await platform.delay();
				req.identity = platform.auth.identify(req);
				platform.checkRate(name);
				checkQuota();
				checkScopes(scopes, req.identity);
				checkContentType(req);
				const data = await handler(req);
				const headers = Object.assign({'Content-Type': 'application/json; charset=utf-8'}, rateHeaders(name));
				return {status: 200, headers, body: withVerbatim({code: 0, msg: 'success', data})};
			} catch (e) {
				if (!(e instanceof Fail))
					throw e;
				return platform.failure(req, name, e);
			}
		};
	};
	return platform;
}

/* ---- control calls ---- */

/* What is done at once, when a configuration names it. */
function createActions(platform, bitable, oauth) {
	return {
		revoke: () => platform.auth.revokeTenant(),
		revoke_users: () => platform.auth.revokeUsers(),
		expire_users: () => platform.auth.expireUsers(),
		revoke_refresh: () => oauth.revokeRefresh(),
		forget: () => bitable.forget(),
		stale_pages: () => { platform.pages++; },
		advance: (seconds) => advance(platform, {seconds}),
		later: (plan) => platform.later.push({left: Number(plan.calls || 0), of: plan.of, config: plan.config}),
	};
}

function unknownKeys(platform, actions, change) {
	const planned = change.later ? unknownKeys(platform, actions, change.later.config) : [];
	return Object.keys(change).filter((k) => !(k in platform.config) && !(k in actions)).concat(planned);
}

function configure(platform, actions, change) {
	const unknown = unknownKeys(platform, actions, change);
	if (unknown.length)
		return {status: 400, body: {error: 'unknown: ' + unknown.join(' ')}};
	for (const key of Object.keys(change)) {
		if (!(key in actions))
			platform.config[key] = change[key];
		else if (change[key])
			actions[key](change[key]);
	}
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
	platform.later = [];
	services.forEach((s) => s.reset && s.reset());
	save(platform, services);
	return {status: 200, body: {}};
}

function controls(platform, bitable, oauth, services) {
	const actions = createActions(platform, bitable, oauth);
	platform.configure = (change) => configure(platform, actions, change);
	return Object.assign({
		'POST /_test/reset': () => reset(platform, services),
		'GET /_test/config': () => ({status: 200, body: platform.config}),
		'POST /_test/config': (req) => platform.configure(req.json),
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
		sheet: 'shtTest', 'sheet-wiki': 'wikSheet', 'max-batch': 1000, 'max-cell': 100000, 'max-rows': 0, 'max-body': 0,
		'max-records': 0, 'max-values': 10485760, 'token-memory': 0, 'page-expire': 0, lat: 0, latency: 0, rate: 0, tz: '+08:00',
		segment: 2000, save: '', 'user-expire': 7200, 'refresh-expire': 604800, 'consent-expire': 31536000, 'refresh-grace': 0,
		'code-expire': 300, 'device-expire': 240, 'device-interval': 5, redirect: 'http://127.0.0.1:*,http://localhost:*', 'token-size': 1200,
	});
	const platform = createPlatform(args);
	platform.auth = createAuth(platform);
	const bitable = createBitable(platform);
	const oauth = createOauth(platform);
	const services = [platform.auth, oauth, createWiki(platform), bitable, createSheets(platform)];
	restore(platform, services);
	serve({
		name: 'feishu',
		port: args.port,
		routes: Object.assign({}, ...services.map((s) => s.routes)),
		control: controls(platform, bitable, oauth, services),
		headers: (req) => ({'X-Tt-Logid': logId(req)}),
		notFound: () => ({status: 404, headers: {'Content-Type': 'text/plain'}, body: '404 page not found'}),
	});
}

main();
