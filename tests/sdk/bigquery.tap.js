'use strict';
/*
 * bigquery.tap.js - drives the BigQuery stand-in with Google's official client: a service account's key file, datasets
 * and tables, insertAll, load jobs and queries.  What the client cannot use, or what comes in another shape than its
 * types say, is a bug of the stand-in.
 *
 * Prints TAP: prove -e node tests/sdk/bigquery.tap.js
 */
const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const zlib = require('zlib');
const {BigQuery} = require('@google-cloud/bigquery');
const {GoogleAuth} = require('google-auth-library');
const {start, controlText: control, runTests, bailOut} = require('./standin.js');

const PROJECT = 'test-project';
const SCOPES = ['https://www.googleapis.com/auth/bigquery'];
const SCHEMA = [
	{name: 'timestamp', type: 'TIMESTAMP', mode: 'REQUIRED'}, {name: 'user_name', type: 'STRING', mode: 'REQUIRED'},
	{name: 'n', type: 'INTEGER'}, {name: 'cost', type: 'FLOAT'}, {name: 'price', type: 'NUMERIC'}, {name: 'ok', type: 'BOOLEAN'},
	{name: 'due', type: 'DATE'}, {name: 'raw', type: 'BYTES'}, {name: 'extra', type: 'JSON'}, {name: 'tags', type: 'STRING', mode: 'REPEATED'},
	{name: 'where', type: 'RECORD', fields: [{name: 'city', type: 'STRING'}, {name: 'at', type: 'DATETIME'}]},
];

/* ---- the client and what surrounds it ---- */

async function rowsOf(t, table) {
	return (await control(t.url, 'GET', '/_test/rows?table=logs.' + table)).split('\n').filter(Boolean).map((l) => JSON.parse(l));
}

const configure = (t, change) => control(t.url, 'POST', '/_test/config', change);

/* The client asks Google's token host whatever the key file says; only the host is changed on the way. */
function client(t, keyFile) {
	const fetchImplementation = (where, options) => fetch(String(where).replace('https://oauth2.googleapis.com', t.url), options);
	const clientOptions = {transporterOptions: {fetchImplementation}};
	const authClient = new GoogleAuth({keyFile: keyFile || t.keyFile, projectId: PROJECT, scopes: SCOPES, clientOptions});
	return new BigQuery({projectId: PROJECT, apiEndpoint: t.url, authClient, autoRetry: false});
}

/* The error of a promise that must fail. */
async function refusal(promise) {
	try {
		await promise;
	} catch (e) {
		return e;
	}
	throw new assert.AssertionError({message: 'nothing was refused'});
}

function file(t, name, data) {
	const where = path.join(t.dir, name);
	fs.writeFileSync(where, data);
	return where;
}

const ndjson = (rows) => rows.map((r) => JSON.stringify(r) + '\n').join('');
const logRow = (i, more) => Object.assign({timestamp: '2024-01-0' + (i % 9 + 1) + 'T20:00:00Z', user_name: 'u' + i, n: i}, more);
const load = (t, table, where, more) => t.logs.table(table).load(where, Object.assign({sourceFormat: 'NEWLINE_DELIMITED_JSON'}, more));

/* ---- the tests: [name, function(context)] ---- */

const tests = [];
const test = (name, fn) => tests.push([name, fn]);

test('the key file is for its owner only', async (t) => {
	assert.strictEqual(fs.statSync(t.keyFile).mode & 0o777, 0o600);
});

test('a dataset is made with the token that the key file gives', async (t) => {
	const [dataset, body] = await t.bq.createDataset('logs', {location: 'asia-east1'});
	assert.strictEqual(dataset.id, 'logs');
	assert.strictEqual(body.location, 'asia-east1');
	assert.strictEqual(JSON.parse(await control(t.url, 'GET', '/_test/stats')).token_grants, 1);
	t.logs = t.bq.dataset('logs', {location: 'asia-east1'});
});

test('a key that was not the account\'s gives no token', async (t) => {
	const key = JSON.parse(fs.readFileSync(t.keyFile));
	key.private_key = require('crypto').generateKeyPairSync('rsa', {modulusLength: 2048}).privateKey.export({type: 'pkcs8', format: 'pem'});
	const e = await refusal(client(t, file(t, 'other.json', JSON.stringify(key))).getDatasets());
	assert.match(e.message, /invalid_grant: Invalid JWT Signature/);
});

test('the dataset again is a duplicate; an unknown one is not found', async (t) => {
	const e = await refusal(t.bq.createDataset('logs'));
	assert.deepStrictEqual([e.code, e.errors[0].reason], [409, 'duplicate']);
	assert.deepStrictEqual([await t.bq.dataset('absent').exists(), await t.logs.exists()], [[false], [true]]);
	assert.deepStrictEqual((await t.bq.getDatasets())[0].map((d) => d.id), ['logs']);
});

test('a table is made with schema, partitioning and clustering', async (t) => {
	const options = {schema: SCHEMA, timePartitioning: {type: 'DAY', field: 'timestamp'}, clustering: {fields: ['user_name']}};
	const [table] = await t.logs.createTable('all', options);
	const [meta] = await table.getMetadata();
	assert.deepStrictEqual(meta.schema.fields.map((f) => f.type), SCHEMA.map((f) => f.type));
	assert.deepStrictEqual([meta.timePartitioning.field, meta.clustering.fields, meta.numRows, meta.location],
		['timestamp', ['user_name'], '0', 'asia-east1']);
	assert.strictEqual((await refusal(t.logs.createTable('all', options))).code, 409);
	assert.deepStrictEqual((await t.logs.getTables())[0].map((x) => x.id), ['all']);
});

test('a column is added by a patch of the complete list, and none is dropped', async (t) => {
	const [table] = await t.logs.createTable('grow', {schema: [{name: 'a', type: 'INT64', mode: 'REQUIRED'}]});
	const [meta] = await table.setMetadata({schema: [{name: 'a', type: 'INTEGER', mode: 'NULLABLE'}, {name: 'b', type: 'STRING'}]});
	assert.deepStrictEqual(meta.schema.fields.map((f) => f.name + ':' + f.mode), ['a:NULLABLE', 'b:NULLABLE']);
	assert.match((await refusal(table.setMetadata({schema: [{name: 'b', type: 'STRING'}]}))).message, /Field a is missing in new schema/);
	assert.match((await refusal(table.setMetadata({schema: [{name: 'a', type: 'STRING'}, {name: 'b', type: 'STRING'}]}))).message, /changed type/);
});

test('rows are inserted, and each type comes back as the client reads it', async (t) => {
	await t.logs.table('all').insert([logRow(1, {
		cost: 0.25, price: '12.50', ok: true, due: '2024-01-02', raw: Buffer.from('\u0000x').toString('base64'), extra: '{"a":[1]}', tags: ['x', 'y'],
		where: {city: '台北', at: '2024-01-02 03:04:05.5'}, n: '9007199254740993',
	})]);
	const [[r]] = await t.logs.table('all').query({query: 'SELECT * FROM `logs.all`', wrapIntegers: true});
	assert.strictEqual(r.timestamp.value, '2024-01-02T20:00:00.000Z');
	assert.deepStrictEqual([r.n.value, r.cost, Number(r.price), r.ok, r.due.value, r.raw.length],
		['9007199254740993', 0.25, 12.5, true, '2024-01-02', 2]);
	assert.deepStrictEqual([r.extra, r.tags, r.where.city, r.where.at.value], ['{"a":[1]}', ['x', 'y'], '台北', '2024-01-02T03:04:05.500000']);
});

test('a bad row stops the others; with skipInvalidRows they are stored', async (t) => {
	const rows = [logRow(2), {user_name: 'u', n: 1}, logRow(3, {colour: 'red'})];
	const e = await refusal(t.logs.table('all').insert(rows, {partialRetries: 0}));
	assert.strictEqual(e.name, 'PartialFailureError');
	assert.deepStrictEqual(e.response.insertErrors.map((x) => [x.index, x.errors[0].reason, x.errors[0].location]),
		[[1, 'invalid', 'timestamp'], [2, 'invalid', 'colour'], [0, 'stopped', '']]);
	assert.strictEqual((await rowsOf(t, 'all')).length, 1);
	const some = await refusal(t.logs.table('all').insert(rows, {skipInvalidRows: true, partialRetries: 0}));
	assert.deepStrictEqual(some.response.insertErrors.map((x) => x.index), [1, 2]);
	assert.deepStrictEqual((await rowsOf(t, 'all')).map((r) => r.user_name), ['u1', 'u2']);
});

test('an insertId is stored once', async (t) => {
	const raw = [{insertId: 'one', json: logRow(4)}];
	await t.logs.table('all').insert(raw, {raw: true});
	await t.logs.table('all').insert(raw, {raw: true});
	assert.strictEqual((await rowsOf(t, 'all')).length, 3);
	assert.strictEqual((await t.logs.table('all').getMetadata())[0].streamingBuffer.estimatedRows, '3');
});

test('a file is loaded by multipart, as plain text and as gzip', async (t) => {
	const data = ndjson([logRow(1), logRow(2)]);
	const [job] = await load(t, 'loaded', file(t, 'a.json', data), {schema: {fields: SCHEMA}});
	assert.strictEqual(job.status.state, 'DONE');
	assert.strictEqual(job.statistics.load.outputRows, '2');
	await load(t, 'loaded', file(t, 'a.json.gz', zlib.gzipSync(data)));
	assert.deepStrictEqual((await rowsOf(t, 'loaded')).map((r) => r.user_name), ['u1', 'u2', 'u1', 'u2']);
	assert.ok(JSON.parse(await control(t.url, 'GET', '/_test/log')).some((r) => r.query.includes('uploadType=multipart')));
});

test('a bad row fails the whole load and is named by its first byte', async (t) => {
	const first = JSON.stringify(logRow(5, {user_name: '王'})) + '\n';
	const e = await refusal(load(t, 'loaded', file(t, 'b.json', first + JSON.stringify(logRow(6, {n: 'six'})) + '\n'), {jobId: 'fails'}));
	const job = (await t.bq.job('fails', {location: 'asia-east1'}).getMetadata())[0];
	assert.match(job.status.errorResult.message, /JSON table encountered too many errors, giving up. Rows: 2; errors: 1/);
	assert.ok(job.status.errors.some((x) => x.message.includes('starting at position ' + Buffer.byteLength(first) + ': Could not convert value')));
	assert.ok(e.errors.length > 0);
	assert.strictEqual((await rowsOf(t, 'loaded')).length, 4);
});

test('a job id is used once, also by a job that failed; the wrong location knows no job', async (t) => {
	const e = await refusal(load(t, 'loaded', file(t, 'c.json', ndjson([logRow(7)])), {jobId: 'fails'}));
	assert.deepStrictEqual([e.code, e.errors[0].reason], [409, 'duplicate']);
	assert.strictEqual((await refusal(t.bq.job('fails', {location: 'US'}).getMetadata())).code, 404);
	assert.strictEqual((await refusal(t.bq.job('fails').getMetadata())).code, 404);
});

test('maxBadRecords drops bad rows and says so', async (t) => {
	const [job] = await load(t, 'loaded', file(t, 'd.json', 'no json\n' + ndjson([logRow(8)])), {maxBadRecords: 1});
	assert.deepStrictEqual([job.statistics.load.badRecords, job.statistics.load.outputRows, job.status.errors.length], ['1', '1', 1]);
});

test('dispositions: truncate, write only when empty, never create', async (t) => {
	await load(t, 'loaded', file(t, 'e.json', ndjson([logRow(9)])), {writeDisposition: 'WRITE_TRUNCATE'});
	assert.strictEqual((await rowsOf(t, 'loaded')).length, 1);
	const reason = async (table, more) => (await refusal(load(t, table, file(t, 'e.json', ndjson([logRow(9)])), more))).errors[0].reason;
	assert.strictEqual(await reason('loaded', {writeDisposition: 'WRITE_EMPTY'}), 'duplicate');
	assert.strictEqual(await reason('never', {createDisposition: 'CREATE_NEVER', schema: {fields: SCHEMA}}), 'notFound');
	assert.strictEqual(await reason('never', {}), 'invalid');
});

test('a schema is found by autodetect, and grows where that is allowed', async (t) => {
	const data = '{"a":1,"b":"2024-01-02","c":[{"d":true}]}\n{"a":1.5,"t":"2024-01-02T00:00:00Z","s":"x"}\n';
	await load(t, 'auto', file(t, 'f.json', data), {autodetect: true});
	const fields = (await t.logs.table('auto').getMetadata())[0].schema.fields;
	assert.deepStrictEqual(fields.map((f) => [f.name, f.type, f.mode].join(':')),
		['a:FLOAT:NULLABLE', 'b:DATE:NULLABLE', 'c:RECORD:REPEATED', 't:TIMESTAMP:NULLABLE', 's:STRING:NULLABLE']);
	const more = {autodetect: true, schemaUpdateOptions: ['ALLOW_FIELD_ADDITION']};
	const wider = file(t, 'g.json', '{"a":2,"new":7}\n');
	assert.match((await refusal(load(t, 'auto', wider, {autodetect: true}))).message, /Cannot add fields/);
	await load(t, 'auto', wider, more);
	assert.strictEqual((await rowsOf(t, 'auto'))[2].new, 7);
});

test('a job that ends in backendError writes nothing', async (t) => {
	await configure(t, {fail_jobs: [{reason: 'backendError'}]});
	const e = await refusal(load(t, 'auto', file(t, 'h.json', '{"a":3}\n')));
	assert.strictEqual(e.errors[0].reason, 'backendError');
	assert.strictEqual((await rowsOf(t, 'auto')).length, 3);
});

test('a query takes parameters of all kinds', async (t) => {
	const [rows] = await t.bq.query({
		query: 'SELECT user_name, DATE(timestamp, @tz) AS day FROM `test-project.logs.all` ' +
			'WHERE DATE(timestamp, @tz) BETWEEN @from AND @to AND n IN UNNEST(@list) ORDER BY user_name DESC',
		params: {tz: 'Asia/Taipei', from: BigQuery.date('2024-01-03'), to: BigQuery.date('2024-01-06'), list: [2, 4]}, location: 'asia-east1',
	});
	assert.deepStrictEqual(rows.map((r) => [r.user_name, r.day.value]), [['u4', '2024-01-06'], ['u2', '2024-01-04']]);
	const [positional] = await t.bq.query({query: 'SELECT ? AS a, ? AS b', params: [1, 'x']});
	assert.deepStrictEqual(positional, [{a: 1, b: 'x'}]);
});

test('results come in pages, by rows and by bytes', async (t) => {
	await load(t, 'many', file(t, 'i.json', ndjson(Array.from({length: 100}, (_, i) => ({i, s: 'x'.repeat(100)})))), {autodetect: true});
	const query = 'SELECT i, s FROM logs.many ORDER BY i';
	const pages = async () => JSON.parse(await control(t.url, 'GET', '/_test/log')).filter((r) => /\/queries/.test(r.path)).length;
	const [job] = await t.bq.createQueryJob({query, location: 'asia-east1'});
	const sizes = [];
	for (let next = {maxResults: 30, autoPaginate: false}, rows; next; sizes.push(rows.length))
		[rows, next] = await job.getQueryResults(next);
	assert.deepStrictEqual(sizes, [30, 30, 30, 10]);
	await configure(t, {page_bytes: 2000});
	const before = await pages();
	const [all] = await job.getQueryResults();
	await configure(t, {page_bytes: 10485760});
	assert.deepStrictEqual(all.map((r) => r.i), Array.from({length: 100}, (_, i) => i));
	assert.ok((await pages()) - before > 5);
});

test('a query that takes long is asked for again', async (t) => {
	await configure(t, {running_ms: 150, max_wait_ms: 20});
	const [rows] = await t.bq.query({query: 'SELECT COUNT(*) AS n FROM logs.many', location: 'asia-east1'});
	await configure(t, {running_ms: 0, max_wait_ms: 10000});
	assert.deepStrictEqual(rows, [{n: 100}]);
});

test('wrong SQL, a wrong type and an unknown table are refused', async (t) => {
	const reason = async (query) => { const e = await refusal(t.bq.query({query, location: 'asia-east1'})); return [e.code, e.errors[0].reason]; };
	assert.deepStrictEqual(await reason('SELEC 1'), [400, 'invalidQuery']);
	assert.deepStrictEqual(await reason('SELECT a FROM logs.many'), [400, 'invalidQuery']);
	assert.deepStrictEqual(await reason('SELECT i FROM logs.many WHERE i = "1"'), [400, 'invalidQuery']);
	assert.deepStrictEqual(await reason('SELECT i FROM logs.none'), [404, 'notFound']);
	assert.deepStrictEqual(await reason('TRUNCATE TABLE logs.many'), [400, 'invalidQuery']);
	assert.deepStrictEqual(await reason('DELETE FROM logs.all WHERE n = 2'), [400, 'invalidQuery']);
});

test('a dry run checks and gives the schema, and makes no job', async (t) => {
	const [job] = await t.bq.createQueryJob({query: 'SELECT i FROM logs.many', dryRun: true, location: 'asia-east1'});
	assert.strictEqual(job.metadata.status.state, 'DONE');
	assert.deepStrictEqual(job.metadata.statistics.query.schema.fields.map((f) => f.type), ['INTEGER']);
	assert.strictEqual((await refusal(t.bq.createQueryJob({query: 'SELECT x FROM logs.many', dryRun: true}))).code, 400);
});

const SUMMARY = `
MERGE INTO logs.daily AS t
USING (
  SELECT DATE(l.timestamp, 'Asia/Taipei') AS day, @dept AS department, l.user_name AS user_name, SUM(l.n) AS ch, COUNT(*) AS en
  FROM logs.loaded AS l
  WHERE DATE(l.timestamp, 'Asia/Taipei') BETWEEN DATE '2024-01-01' AND DATE '2024-01-31'
    AND l.timestamp >= TIMESTAMP '2023-12-31 16:00:00+00' AND l.timestamp < TIMESTAMP '2024-02-01'
  GROUP BY day, l.user_name
) AS s
ON t.date = s.day AND t.department = s.department AND t.user_name = s.user_name
WHEN MATCHED THEN UPDATE SET ch = s.ch, en = s.en
WHEN NOT MATCHED THEN INSERT (date, department, user_name, ch, en) VALUES (s.day, s.department, s.user_name, s.ch, s.en)`;

test('the daily summary merges, and merges again to the same', async (t) => {
	const create = 'CREATE TABLE IF NOT EXISTS logs.daily (date DATE NOT NULL, department STRING NOT NULL, user_name STRING NOT NULL, ch INT64, en INT64)';
	await t.bq.query({query: create, location: 'asia-east1'});
	await t.bq.query({query: create, location: 'asia-east1'});
	await load(t, 'loaded', file(t, 'j.json', ndjson([logRow(1), logRow(1), logRow(2)])), {writeDisposition: 'WRITE_TRUNCATE'});
	const counts = async () => {
		const [job] = await t.bq.createQueryJob({query: SUMMARY, params: {dept: 'rd'}, location: 'asia-east1'});
		await job.getQueryResults();
		const {statistics} = (await job.getMetadata())[0];
		assert.strictEqual(statistics.query.statementType, 'MERGE');
		return [statistics.query.dmlStats.insertedRowCount, statistics.query.dmlStats.updatedRowCount];
	};
	assert.deepStrictEqual([await counts(), await counts()], [['2', '0'], ['0', '2']]);
	assert.deepStrictEqual(await rowsOf(t, 'daily'), [{date: '2024-01-03', department: 'rd', user_name: 'u1', ch: 2, en: 2},
		{date: '2024-01-04', department: 'rd', user_name: 'u2', ch: 2, en: 1}]);
});

test('a merge deletes what its source has no longer, and wants one source row for each target row', async (t) => {
	await load(t, 'loaded', file(t, 'k.json', ndjson([logRow(1), logRow(3)])), {writeDisposition: 'WRITE_TRUNCATE'});
	const gone = "\nWHEN NOT MATCHED BY SOURCE AND t.date BETWEEN DATE '2024-01-01' AND DATE '2024-01-31' AND t.department = @dept THEN DELETE";
	await t.bq.query({query: SUMMARY + gone, params: {dept: 'rd'}, location: 'asia-east1'});
	assert.deepStrictEqual((await rowsOf(t, 'daily')).map((r) => [r.user_name, r.ch]), [['u1', 1], ['u3', 3]]);
	const twice = 'MERGE logs.daily t USING (SELECT n FROM logs.loaded) s ON t.ch > 0 WHEN MATCHED THEN UPDATE SET ch = s.n';
	assert.match((await refusal(t.bq.query({query: twice, location: 'asia-east1'}))).message, /at most one source row/);
});

test('a script replaces a day in one transaction, or not at all', async (t) => {
	const script = (value) => 'BEGIN TRANSACTION; DELETE FROM logs.daily WHERE date BETWEEN @from AND @to AND department = @dept; ' +
		'INSERT INTO logs.daily (date, department, user_name, ch, en) ' +
		'SELECT DATE(timestamp, "+08:00"), @dept, user_name, ' + value + ', 1 FROM logs.loaded ' +
		'WHERE user_name = "u1" GROUP BY 1, user_name; COMMIT TRANSACTION;';
	const run = (value) => t.bq.query({query: script(value), location: 'asia-east1',
		params: {from: BigQuery.date('2024-01-01'), to: BigQuery.date('2024-01-31'), dept: 'rd'}});
	await refusal(run('SUM(n) / 0'));
	assert.strictEqual((await rowsOf(t, 'daily')).length, 2);
	await run('10 * SUM(n)');
	assert.deepStrictEqual((await rowsOf(t, 'daily')).map((r) => [r.user_name, r.ch]), [['u1', 10]]);
});

test('a token that died is refused', async (t) => {
	await configure(t, {revoke: true});
	assert.strictEqual((await refusal(t.bq.getDatasets())).code, 401);
});

async function main() {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'bigquery-'));
	const keyFile = path.join(dir, 'key.json');
	const {url, stop} = await start('bigquery', ['--key-file', keyFile]);
	const context = {url, dir, keyFile};
	context.bq = client(context);
	await runTests(tests, context);
	stop();
	fs.rmSync(dir, {recursive: true});
}

main().catch(bailOut);
