'use strict';
/*
 * lark.tap.js - drives the Feishu stand-in with Feishu's official client, through
 * the calls that the Feishu tools make, and the client's own logins.  What the client cannot use, or what
 * comes in another shape than its types say, is a bug of the stand-in.
 *
 * Prints TAP: prove -e node tests/sdk/lark.tap.js
 */
const assert = require('assert');
const crypto = require('crypto');
const http = require('http');
const lark = require('@larksuiteoapi/node-sdk');
const {start, control, runTests, bailOut} = require('./standin.js');

const TABLE = {app_token: 'bascnTest', table_id: 'tblTest'};
const NOON = 1700020800000;	/* 2023-11-15 12:00 at +08:00 */
const DAY_MS = 86400000;

/* ---- the client and what surrounds it ---- */

const silent = {fatal() {}, error() {}, warn() {}, info() {}, debug() {}, trace() {}};

/* Each client has a cache of its own: the default one is shared by all of an app id. */
function client(url, more) {
	const values = new Map();
	const cache = {
		get: async (key) => values.get(key),
		set: async (key, value) => Boolean(values.set(key, value)),
	};
	return new lark.Client(Object.assign({appId: 'cli_test', appSecret: 'secret', domain: url, oauthBaseUrl: url, logger: silent, cache}, more));
}

/* Runs fn, which must be refused; returns {status, code, msg} of the answer. */
async function refusal(fn) {
	let answer;
	try {
		answer = await fn();
	} catch (e) {
		if (!e.response)
			throw e;
		return {status: e.response.status, code: e.response.data.code, data: e.response.data, headers: e.response.headers};
	}
	return {status: 200, code: answer.code, data: answer};
}

function good(answer) {
	assert.strictEqual(answer.code, 0, JSON.stringify(answer));
	assert.strictEqual(answer.msg, 'success');
	return answer.data;
}

const row = (i) => ({fields: {run_id: 'run-' + i, timestamp: NOON + i, input: 'text ' + i}});
const rows = (from, n) => Array.from({length: n}, (_, i) => row(from + i));
const isId = (s, prefix) => typeof s === 'string' && s.startsWith(prefix) && s.length > prefix.length;
const textOf = (cell) => cell.map((s) => s.text).join('');

/* ---- the tests: [promise, function(context)] ---- */

const tests = [];
const test = (name, fn) => tests.push([name, fn]);

test('the client gets a tenant token by itself, once for many calls', async (t) => {
	good(await t.lark.bitable.v1.app.get({path: {app_token: TABLE.app_token}}));
	good(await t.lark.bitable.v1.app.get({path: {app_token: TABLE.app_token}}));
	assert.strictEqual((await control(t.url, 'GET', '/_test/stats')).token_requests, 1);
});

test('base info names the base', async (t) => {
	const {app} = good(await t.lark.bitable.v1.app.get({path: {app_token: TABLE.app_token}}));
	assert.strictEqual(app.app_token, TABLE.app_token);
	assert.strictEqual(typeof app.name, 'string');
	assert.strictEqual(typeof app.revision, 'number');
});

test('a wiki node leads to the base', async (t) => {
	const {node} = good(await t.lark.wiki.v2.space.getNode({params: {token: 'wikTest'}}));
	assert.strictEqual(node.obj_type, 'bitable');
	assert.strictEqual(node.obj_token, TABLE.app_token);
	assert.strictEqual(typeof node.space_id, 'string');
});

test('tables are listed', async (t) => {
	const data = good(await t.lark.bitable.v1.appTable.list({path: {app_token: TABLE.app_token}, params: {page_size: 100}}));
	assert.deepStrictEqual(data.items.map((x) => x.table_id), [TABLE.table_id]);
	assert.strictEqual(data.has_more, false);
	assert.strictEqual(data.total, 1);
});

test('a table is created with its fields', async (t) => {
	const fields = [{field_name: 'key', type: 1}, {field_name: 'n', type: 2}];
	const data = good(await t.lark.bitable.v1.appTable.create({
		path: {app_token: TABLE.app_token}, data: {table: {name: 'Second', default_view_name: 'All', fields}},
	}));
	assert.ok(isId(data.table_id, 'tbl') && isId(data.default_view_id, 'vew'));
	assert.strictEqual(data.field_id_list.length, 2);
});

test('the iterator of the client walks the pages of the tables', async (t) => {
	const names = [];
	for await (const page of await t.lark.bitable.v1.appTable.listWithIterator({path: {app_token: TABLE.app_token}, params: {page_size: 1}}))
		names.push(...page.items.map((x) => x.name));
	assert.deepStrictEqual(names, ['Table 1', 'Second']);
});

test('fields are listed with type, ui_type and primary', async (t) => {
	const data = good(await t.lark.bitable.v1.appTableField.list({path: TABLE, params: {page_size: 100}}));
	assert.deepStrictEqual(data.items.map((f) => [f.field_name, f.type, f.ui_type, f.is_primary]),
		[['run_id', 1, 'Text', true], ['timestamp', 5, 'DateTime', false], ['input', 1, 'Text', false]]);
	assert.ok(data.items.every((f) => isId(f.field_id, 'fld')));
});

test('a field is created, and updated as a whole', async (t) => {
	const created = good(await t.lark.bitable.v1.appTableField.create({
		path: TABLE, data: {field_name: ' model ', type: 3, property: {options: [{name: 'a'}]}},
	})).field;
	assert.strictEqual(created.field_name, 'model');
	assert.ok(isId(created.property.options[0].id, 'opt'));
	const options = created.property.options.concat({name: 'b'});
	const updated = good(await t.lark.bitable.v1.appTableField.update({
		path: Object.assign({field_id: created.field_id}, TABLE), data: {field_name: 'model', type: 3, property: {options}},
	})).field;
	assert.deepStrictEqual(updated.property.options.map((o) => o.name), ['a', 'b']);
});

test('views are listed', async (t) => {
	const data = good(await t.lark.bitable.v1.appTableView.list({path: TABLE, params: {page_size: 100}}));
	assert.ok(isId(data.items[0].view_id, 'vew'));
});

test('an empty property is refused', async (t) => {
	const no = await refusal(() => t.lark.bitable.v1.appTableField.create({path: TABLE, data: {field_name: 'u', type: 15, property: {}}}));
	assert.strictEqual(no.code, 1254087);
	assert.strictEqual(no.status, 400);
});

test('a batch is created in order, with ids and the fields as written', async (t) => {
	t.token = crypto.randomUUID ? crypto.randomUUID() : '6f1c2b7e-3f0a-4c1d-9a55-0123456789ab';
	t.batch = rows(0, 3);
	const {records} = good(await t.lark.bitable.v1.appTableRecord.batchCreate({path: TABLE, params: {client_token: t.token}, data: {records: t.batch}}));
	assert.deepStrictEqual(records.map((r) => r.fields), t.batch.map((r) => r.fields));
	assert.ok(records.every((r) => isId(r.record_id, 'rec')));
	t.ids = records.map((r) => r.record_id);
});

test('the same client_token gives the same ids and writes nothing', async (t) => {
	const {records} = good(await t.lark.bitable.v1.appTableRecord.batchCreate({path: TABLE, params: {client_token: t.token}, data: {records: t.batch}}));
	assert.deepStrictEqual(records.map((r) => r.record_id), t.ids);
	const stats = await control(t.url, 'GET', '/_test/stats');
	assert.strictEqual(stats.rows, 3);
	assert.strictEqual(stats.replays, 1);
});

test('the same client_token with other rows is a conflict', async (t) => {
	const no = await refusal(() => t.lark.bitable.v1.appTableRecord.batchCreate({path: TABLE, params: {client_token: t.token}, data: {records: rows(9, 1)}}));
	assert.deepStrictEqual([no.status, no.code], [400, 1255006]);
});

test('a client_token must be a UUID of version 4', async (t) => {
	const no = await refusal(() => t.lark.bitable.v1.appTableRecord.batchCreate({
		path: TABLE, params: {client_token: '6f1c2b7e-3f0a-1c1d-9a55-0123456789ab'}, data: {records: rows(9, 1)},
	}));
	assert.deepStrictEqual([no.status, no.code], [400, 1254037]);
});

test('a failure carries a log id, the same in body and header', async (t) => {
	const no = await refusal(() => t.lark.bitable.v1.appTableRecord.batchCreate({path: TABLE, params: {client_token: 'x'}, data: {records: rows(9, 1)}}));
	assert.ok(no.data.error.log_id);
	assert.strictEqual(no.headers['x-tt-logid'], no.data.error.log_id);
});

test('one record is created and updated', async (t) => {
	const {record} = good(await t.lark.bitable.v1.appTableRecord.create({path: TABLE, data: row(3)}));
	assert.ok(isId(record.record_id, 'rec'));
	t.ids.push(record.record_id);
	const updated = good(await t.lark.bitable.v1.appTableRecord.update({
		path: Object.assign({record_id: record.record_id}, TABLE), data: {fields: {input: 'changed'}},
	})).record;
	assert.deepStrictEqual([updated.record_id, updated.fields], [record.record_id, {input: 'changed'}]);
});

test('a batch with one bad row writes nothing', async (t) => {
	const bad = rows(20, 3);
	bad[1].fields.timestamp = '2024-01-01';
	const no = await refusal(() => t.lark.bitable.v1.appTableRecord.batchCreate({path: TABLE, data: {records: bad}}));
	assert.deepStrictEqual([no.status, no.code], [200, 1254064]);
	assert.strictEqual((await control(t.url, 'GET', '/_test/stats')).rows, 4);
});

test('an unknown column is refused', async (t) => {
	const no = await refusal(() => t.lark.bitable.v1.appTableRecord.batchCreate({path: TABLE, data: {records: [{fields: {nope: 'x'}}]}}));
	assert.strictEqual(no.code, 1254045);
});

test('a batch above the limit is refused', async (t) => {
	const no = await refusal(() => t.lark.bitable.v1.appTableRecord.batchCreate({path: TABLE, data: {records: rows(0, 1001)}}));
	assert.strictEqual(no.code, 1254104);
});

test('search answers text as segments and dates in milliseconds', async (t) => {
	const data = good(await t.lark.bitable.v1.appTableRecord.search({path: TABLE, params: {page_size: 500}, data: {automatic_fields: true}}));
	assert.strictEqual(data.total, 4);
	assert.strictEqual(data.has_more, false);
	const first = data.items[0];
	assert.strictEqual(first.record_id, t.ids[0]);
	assert.strictEqual(textOf(first.fields.run_id), 'run-0');
	assert.strictEqual(first.fields.timestamp, NOON);
	assert.ok(!('model' in first.fields), 'empty cells are left out');
	assert.strictEqual(typeof first.created_time, 'number');
	assert.ok(first.created_by.id);
});

test('search pages with an opaque token', async (t) => {
	const got = [];
	let token;
	do {
		const params = Object.assign({page_size: 3}, token ? {page_token: token} : {});
		const data = good(await t.lark.bitable.v1.appTableRecord.search({path: TABLE, params, data: {field_names: ['run_id']}}));
		got.push(...data.items.map((r) => r.record_id));
		token = data.has_more ? data.page_token : undefined;
	} while (token);
	assert.deepStrictEqual(got, t.ids);
});

test('the iterator of the client walks the pages of a search', async (t) => {
	const got = [];
	for await (const page of await t.lark.bitable.v1.appTableRecord.searchWithIterator({path: TABLE, params: {page_size: 1}, data: {}}))
		got.push(...page.items.map((r) => r.record_id));
	assert.deepStrictEqual(got, t.ids);
});

test('search filters by text and sorts', async (t) => {
	const conditions = ['run-1', 'run-2'].map((k) => ({field_name: 'run_id', operator: 'is', value: [k]}));
	const data = good(await t.lark.bitable.v1.appTableRecord.search({
		path: TABLE, data: {filter: {conjunction: 'or', conditions}, sort: [{field_name: 'timestamp', desc: true}]},
	}));
	assert.deepStrictEqual(data.items.map((r) => r.record_id), [t.ids[2], t.ids[1]]);
});

test('a date filter is rounded down to midnight', async (t) => {
	const before = (ms) => ({filter: {conjunction: 'and', conditions: [{field_name: 'timestamp', operator: 'isLess', value: ['ExactDate', String(ms)]}]}});
	const same = good(await t.lark.bitable.v1.appTableRecord.search({path: TABLE, data: before(NOON + 3600000)}));
	assert.strictEqual(same.total, 0);
	const next = good(await t.lark.bitable.v1.appTableRecord.search({path: TABLE, data: before(NOON + DAY_MS)}));
	assert.strictEqual(next.total, 4);
});

test('a filter that the service cannot do is refused', async (t) => {
	const conditions = [{field_name: 'timestamp', operator: 'isLessEqual', value: ['ExactDate', String(NOON)]}];
	const no = await refusal(() => t.lark.bitable.v1.appTableRecord.search({path: TABLE, data: {filter: {conjunction: 'and', conditions}}}));
	assert.strictEqual(no.code, 1254018);
});

test('the historic list answers text as strings', async (t) => {
	const data = good(await t.lark.bitable.v1.appTableRecord.list({path: TABLE, params: {page_size: 1}}));
	assert.strictEqual(data.items[0].fields.run_id, 'run-0');
	assert.strictEqual(data.has_more, true);
});

test('batch get tells which ids are absent', async (t) => {
	const data = good(await t.lark.bitable.v1.appTableRecord.batchGet({path: TABLE, data: {record_ids: [t.ids[0], 'recAbsent']}}));
	assert.deepStrictEqual(data.records.map((r) => r.record_id), [t.ids[0]]);
	assert.deepStrictEqual(data.absent_record_ids, ['recAbsent']);
	assert.deepStrictEqual(data.forbidden_record_ids, []);
});

test('batch update changes only the given fields; null empties', async (t) => {
	const records = [{record_id: t.ids[0], fields: {input: 'new'}}, {record_id: t.ids[1], fields: {input: null}}];
	good(await t.lark.bitable.v1.appTableRecord.batchUpdate({path: TABLE, data: {records}}));
	const got = good(await t.lark.bitable.v1.appTableRecord.batchGet({path: TABLE, data: {record_ids: t.ids.slice(0, 2)}})).records;
	assert.strictEqual(textOf(got[0].fields.input), 'new');
	assert.strictEqual(textOf(got[0].fields.run_id), 'run-0');
	assert.ok(!('input' in got[1].fields));
});

test('batch delete with an unknown id deletes nothing', async (t) => {
	const no = await refusal(() => t.lark.bitable.v1.appTableRecord.batchDelete({path: TABLE, data: {records: [t.ids[0], 'recAbsent']}}));
	assert.strictEqual(no.code, 1254043);
	assert.strictEqual((await control(t.url, 'GET', '/_test/stats')).rows, 4);
});

test('batch delete confirms each id', async (t) => {
	const {records} = good(await t.lark.bitable.v1.appTableRecord.batchDelete({path: TABLE, data: {records: t.ids.slice(0, 2)}}));
	assert.deepStrictEqual(records, t.ids.slice(0, 2).map((id) => ({deleted: true, record_id: id})));
	const one = good(await t.lark.bitable.v1.appTableRecord.delete({path: Object.assign({record_id: t.ids[2]}, TABLE)}));
	assert.strictEqual(one.deleted, true);
});

test('a second write on the table meets a conflict', async (t) => {
	await control(t.url, 'POST', '/_test/config', {lat: 200});
	const both = await Promise.all([row(30), row(31)].map((r) => t.lark.bitable.v1.appTableRecord.create({path: TABLE, data: r})));
	await control(t.url, 'POST', '/_test/config', {lat: 0});
	assert.deepStrictEqual(both.map((a) => a.code).sort(), [0, 1254291]);
	assert.strictEqual((await control(t.url, 'GET', '/_test/stats')).max_concurrent_writes, 2);
});

test('above the rate, 429 with the headers of the window', async (t) => {
	await control(t.url, 'POST', '/_test/config', {rate: 1});
	await refusal(() => t.lark.bitable.v1.app.get({path: {app_token: TABLE.app_token}}));
	const no = await refusal(() => t.lark.bitable.v1.app.get({path: {app_token: TABLE.app_token}}));
	await control(t.url, 'POST', '/_test/config', {rate: 0});
	assert.deepStrictEqual([no.status, no.code], [429, 99991400]);
	assert.strictEqual(no.headers['x-ogw-ratelimit-limit'], '1');
	assert.ok(Number(no.headers['x-ogw-ratelimit-reset']) <= 1);
});

test('an app that is no collaborator is refused', async (t) => {
	await control(t.url, 'POST', '/_test/config', {collaborator: false});
	const no = await refusal(() => t.lark.bitable.v1.appTable.list({path: {app_token: TABLE.app_token}}));
	await control(t.url, 'POST', '/_test/config', {collaborator: true});
	assert.strictEqual(no.code, 91403);
});

test('a user token that the caller passes is taken', async (t) => {
	good(await t.lark.bitable.v1.appTable.list({path: {app_token: TABLE.app_token}}, lark.withUserAccessToken('u-test')));
	const no = await refusal(() => t.lark.bitable.v1.appTable.list({path: {app_token: TABLE.app_token}}, lark.withUserAccessToken('u-other')));
	assert.strictEqual(no.code, 99991668);
});

test('a dead token is refused, and a new client gets another', async (t) => {
	await control(t.url, 'POST', '/_test/config', {revoke: true});
	const no = await refusal(() => t.lark.bitable.v1.appTable.list({path: {app_token: TABLE.app_token}}));
	assert.strictEqual(no.code, 99991663);
	good(await client(t.url).bitable.v1.appTable.list({path: {app_token: TABLE.app_token}}));
});

test('a wrong secret gives the client no token', async (t) => {
	const other = client(t.url, {appSecret: 'wrong'});
	await assert.rejects(() => other.bitable.v1.appTable.list({path: {app_token: TABLE.app_token}}), /10015/);
});

/* ---- the login of a user ---- */

const BACK = 'http://127.0.0.1:8099/back';

/* What the browser brings back from the page of the login: the code. */
function newCode(url, more) {
	const query = new URLSearchParams(Object.assign({
		client_id: 'cli_test', response_type: 'code', redirect_uri: BACK, state: 'x',
		scope: 'offline_access bitable:app sheets:spreadsheet:readonly',
	}, more));
	return new Promise((resolve, reject) => {
		http.get(url + '/open-apis/authen/v1/authorize?' + query, {agent: false}, (res) => {
			res.resume();
			resolve(new URL(res.headers.location).searchParams.get('code'));
		}).on('error', reject);
	});
}

const user = (token) => lark.withUserAccessToken(token);
const isLogin = (p) => p.tokenType === 'Bearer' && p.expiresIn === 7200 && p.refreshTokenExpiresIn === 604800;
const isPair = (p) => isId(p.access_token, 'u-') && isId(p.refresh_token, 'ur-') && p.token_type === 'Bearer' && p.expires_in === 7200;

test('the code of a login is exchanged, with PKCE', async (t) => {
	const verifier = 'v'.repeat(43);
	const challenge = crypto.createHash('sha256').update(verifier).digest('base64').replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
	const code = await newCode(t.url, {code_challenge: challenge, code_challenge_method: 'S256'});
	t.lark = client(t.url);	/* the tenant token of the one before is dead */
	t.login = await t.lark.accessToken.retrieveByAuthorizationCode({code, redirectUri: BACK, codeVerifier: verifier});
	assert.ok(isLogin(t.login), JSON.stringify(t.login));
});

test('the user is named', async (t) => {
	const data = good(await t.lark.authen.v1.userInfo.get({}, user(t.login.accessToken)));
	assert.ok(isId(data.open_id, 'ou_') && isId(data.union_id, 'on_') && data.name && data.tenant_key);
});

test('the token of the user reads records, and not what the login did not ask for', async (t) => {
	good(await t.lark.bitable.v1.appTableRecord.search({path: TABLE, data: {}}, user(t.login.accessToken)));
	const no = await refusal(() => t.lark.wiki.v2.space.getNode({params: {token: 'wikTest'}}, user(t.login.accessToken)));
	assert.deepStrictEqual([no.status, no.code], [400, 99991679]);
	assert.ok(no.data.error.permission_violations.some((v) => v.subject === 'wiki:node:read'));
});

test('a refresh token gives another pair, once', async (t) => {
	const next = await t.lark.accessToken.refresh({refreshToken: t.login.refreshToken});
	assert.ok(isLogin(next) && next.refreshToken !== t.login.refreshToken);
	await assert.rejects(() => t.lark.accessToken.refresh({refreshToken: t.login.refreshToken}),
		(e) => e.statusCode === 400 && e.code === 20073 && e.error === 'invalid_grant' && e.errorDescription !== '');
	t.login = next;
});

test('the historic calls exchange and refresh, too', async (t) => {
	const first = good(await t.lark.authen.v1.oidcAccessToken.create({data: {grant_type: 'authorization_code', code: await newCode(t.url)}}));
	assert.ok(isPair(first));
	const data = {grant_type: 'refresh_token', refresh_token: first.refresh_token};
	const refresh = () => t.lark.authen.v1.oidcRefreshAccessToken.create({data});
	const next = good(await refresh());
	good(await t.lark.bitable.v1.appTable.list({path: {app_token: TABLE.app_token}}, user(next.access_token)));
	assert.strictEqual((await refusal(refresh)).code, 20073);
});

test('so do those before them', async (t) => {
	const first = good(await t.lark.authen.v1.accessToken.create({data: {grant_type: 'authorization_code', code: await newCode(t.url)}}));
	assert.ok(isPair(first) && first.open_id === 'ou_user');
	const data = {grant_type: 'refresh_token', refresh_token: first.refresh_token};
	assert.ok(isPair(good(await t.lark.authen.v1.refreshAccessToken.create({data}))));
});

test('the client keeps the token of a user by itself', async (t) => {
	await t.lark.userAccessToken.initWithCode({me: await newCode(t.url)});
	const token = await t.lark.userAccessToken.get('me');
	good(await t.lark.bitable.v1.appTable.list({path: {app_token: TABLE.app_token}}, user(token)));
});

test('an access token ends, and a refresh helps', async (t) => {
	await control(t.url, 'POST', '/_test/advance', {seconds: 7201});
	const list = () => t.lark.bitable.v1.appTable.list({path: {app_token: TABLE.app_token}}, user(t.login.accessToken));
	assert.strictEqual((await refusal(list)).code, 99991677);
	t.login = await t.lark.accessToken.refresh({refreshToken: t.login.refreshToken});
	good(await list());
});

/* ---- spreadsheets, and many records ---- */

const BOOK = '/open-apis/sheets/v2/spreadsheets/shtTest';

test('a wiki node leads to a spreadsheet', async (t) => {
	const {node} = good(await client(t.url).wiki.v2.space.getNode({params: {token: 'wikSheet'}}));
	assert.deepStrictEqual([node.obj_type, node.obj_token], ['sheet', 'shtTest']);
});

test('the sheets of a spreadsheet', async (t) => {
	await control(t.url, 'POST', '/_test/sheets', {
		sheet_id: 'one', title: 'One', merges: ['A1:B2'], rows: [['a', 'b', 1], [], [{formula: '=C1*2', value: 2}]],
	});
	const path = {spreadsheet_token: 'shtTest'};
	const {sheets} = good(await t.lark.sheets.v3.spreadsheetSheet.query({path}, user(t.login.accessToken)));
	assert.deepStrictEqual(sheets.map((s) => [s.sheet_id, s.title, s.index, s.resource_type]),
		[['sheet1', 'Sheet1', 0, 'sheet'], ['one', 'One', 1, 'sheet']]);
	assert.deepStrictEqual(sheets[1].grid_properties, {frozen_row_count: 0, frozen_column_count: 0, row_count: 200, column_count: 20});
	assert.deepStrictEqual(sheets[1].merges, [{start_row_index: 0, end_row_index: 1, start_column_index: 0, end_column_index: 1}]);
	const one = {path: Object.assign({sheet_id: 'one'}, path)};
	const {sheet} = good(await t.lark.sheets.v3.spreadsheetSheet.get(one, user(t.login.accessToken)));
	assert.strictEqual(sheet.title, 'One');
	const {spreadsheet} = good(await t.lark.sheets.v3.spreadsheet.get({path}, user(t.login.accessToken)));
	assert.deepStrictEqual([spreadsheet.token, spreadsheet.title], ['shtTest', 'Test spreadsheet']);
});

test('the values of a range, and of many', async (t) => {
	const read = (url, params) => t.lark.request({method: 'GET', url, params}, user(t.login.accessToken));
	const {valueRange} = good(await read(BOOK + '/values/one!A1:C3'));
	assert.deepStrictEqual(valueRange.values, [['a', null, 1], [null, null, null], ['=C1*2']]);
	const many = good(await read(BOOK + '/values_batch_get', {ranges: 'one!A1:A1,one!A3:C3', valueRenderOption: 'UnformattedValue'}));
	assert.deepStrictEqual(many.valueRanges.map((v) => v.values), [[['a']], [[2]]]);
	assert.strictEqual((await refusal(() => read(BOOK + '/values/two!A1:A1'))).code, 90215);
});

test('the iterators walk a big table', async (t) => {
	const fields = [{field_name: 'key'}, {field_name: 'n', type: 2}];
	await control(t.url, 'POST', '/_test/tables', {table_id: 'tblBig', name: 'Big', fields});
	await control(t.url, 'POST', '/_test/fill', {table: 'tblBig', count: 1234, cells: {key: 'k{i}', n: {from: 0, step: 1}}});
	const path = {app_token: TABLE.app_token, table_id: 'tblBig'};
	const numbers = async (pages) => {
		const got = [];
		for await (const page of pages)
			got.push(...page.items.map((r) => Number(r.fields.n)));
		return got;
	};
	const want = Array.from({length: 1234}, (_, i) => i);
	const {appTableRecord} = t.lark.bitable.v1;
	const query = {path, params: {page_size: 500}, data: {}};
	assert.deepStrictEqual(await numbers(await appTableRecord.searchWithIterator(query, user(t.login.accessToken))), want);
	assert.deepStrictEqual(await numbers(await appTableRecord.listWithIterator(query, user(t.login.accessToken))), want);
});

async function main() {
	const {url, stop} = await start('feishu', ['--user-token', 'u-test']);
	const context = {url, lark: client(url)};
	await runTests(tests, context);
	stop();
}

main().catch(bailOut);
