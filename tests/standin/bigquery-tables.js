'use strict';
/*
 * bigquery-tables.js - the datasets and tables of the BigQuery stand-in, and the calls that make, read and change them.
 *
 * A table's rows are {values, at, bytes}; at is when insertAll took the row, 0 after a load or a statement.
 * table.rows is never changed in place, so a snapshot is a copy of the reference.
 */
const crypto = require('crypto');
const {Fail, known, normalSchema, checkPartitioning, checkClustering, update, isObject} = require('./bigquery-schema');
const {readableRow, wire, row, line} = require('./bigquery-values');

const DATASET_NAME = /^[A-Za-z0-9_]{1,1024}$/;
const TABLE_NAME = /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]{1,1024}$/u;
const TABLE_MEMBERS = ['kind', 'etag', 'id', 'selfLink', 'tableReference', 'friendlyName', 'description', 'labels', 'schema', 'timePartitioning',
	'clustering', 'expirationTime', 'requirePartitionFilter', 'location', 'numRows', 'numBytes', 'numLongTermBytes', 'creationTime',
	'lastModifiedTime', 'type', 'streamingBuffer'];
const DATASET_MEMBERS = ['kind', 'etag', 'id', 'selfLink', 'datasetReference', 'friendlyName', 'description', 'labels', 'location', 'access',
	'defaultTableExpirationMs', 'defaultPartitionExpirationMs', 'creationTime', 'lastModifiedTime'];

const etag = (x) => crypto.createHash('md5').update(JSON.stringify(x)).digest('base64');

/* Pages a list: {page, next}, by maxResults and a pageToken that is an offset. */
function page(list, query) {
	const from = Number(query.get('pageToken') || 0);
	const max = query.has('maxResults') ? Number(query.get('maxResults')) : 50;
	const next = from + max;
	return Object.assign({items: list.slice(from, next)}, next < list.length ? {next: String(next)} : {});
}

function createTables(platform) {
	const {args, config} = platform;
	const datasets = new Map();

	/* ---- look-ups ---- */

	function dataset(id) {
		const d = datasets.get(id);
		if (!d)
			throw new Fail('notFound', 'Not found: Dataset ' + args.project + ':' + id);
		return d;
	}

	function reference(d, id) {
		return {projectId: args.project, datasetId: d.id, tableId: id};
	}

	const nameOf = (d, id) => args.project + ':' + d.id + '.' + id;

	function table(datasetId, id) {
		const t = dataset(datasetId).tables.get(id);
		if (!t)
			throw new Fail('notFound', 'Not found: Table ' + nameOf(dataset(datasetId), id));
		return t;
	}

	/* ---- changes ---- */

	/* spec is {fields, timePartitioning, clustering, description, labels}, unchecked but for the fields. */
	function create(d, id, spec) {
		if (typeof id !== 'string' || !TABLE_NAME.test(id))
			throw new Fail('invalid', 'Invalid table ID "' + id + '".');
		if (d.tables.has(id))
			throw new Fail('duplicate', 'Already Exists: Table ' + nameOf(d, id));
		const t = {
			id, dataset: d, name: nameOf(d, id), fields: spec.fields, rows: [], inserted: new Map(), writes: [],
			timePartitioning: checkPartitioning(spec.timePartitioning, spec.fields), clustering: checkClustering(spec.clustering, spec.fields),
			description: spec.description, labels: spec.labels, created: platform.now(), modified: platform.now(),
		};
		d.tables.set(id, t);
		return t;
	}

	function setFields(t, wanted, may) {
		t.fields = update(t.fields, wanted, may, t.name);
		t.rows = t.rows.map((r) => Object.assign({}, r, {values: fill(t.fields, r.values)}));
		t.modified = platform.now();
	}

	function fill(fields, values) {
		const out = {};
		fields.forEach((f) => { out[f.name] = f.name in values ? values[f.name] : f.mode === 'REPEATED' ? [] : null; });
		return out;
	}

	/* Every write of a job or a statement counts against the rate of the table's updates. */
	function countWrite(t) {
		const now = platform.now();
		t.writes = t.writes.filter((at) => at > now - 10000).concat(now);
		if (config.table_rate && t.writes.length > config.table_rate)
			throw new Fail('rateLimitExceeded', 'Exceeded rate limits: too many table update operations for this table. ' +
				'For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas', {location: 'table.write'});
	}

	function setRows(t, rows) {
		t.rows = rows;
		t.modified = platform.now();
	}

	const buffered = (t) => t.rows.filter((r) => r.at > platform.now() - config.buffer * 1000);

	/* ---- resources ---- */

	const datasetLink = (d) => platform.url + '/bigquery/v2/projects/' + args.project + '/datasets/' + d.id;

	function datasetResource(d) {
		const body = {
			kind: 'bigquery#dataset', id: args.project + ':' + d.id, selfLink: datasetLink(d),
			datasetReference: {projectId: args.project, datasetId: d.id}, location: d.location, access: [],
			creationTime: String(d.created), lastModifiedTime: String(d.created),
		};
		['friendlyName', 'description', 'labels'].filter((k) => d[k] !== undefined).forEach((k) => { body[k] = d[k]; });
		return Object.assign({etag: etag(body)}, body);
	}

	function tableResource(t) {
		const stored = t.rows.filter((r) => !r.at || r.at <= platform.now() - config.buffer * 1000);
		const body = {
			kind: 'bigquery#table', id: t.name, selfLink: datasetLink(t.dataset) + '/tables/' + t.id,
			tableReference: reference(t.dataset, t.id), schema: {fields: t.fields}, numBytes: String(stored.reduce((n, r) => n + r.bytes, 0)),
			numLongTermBytes: '0', numRows: String(stored.length), creationTime: String(t.created), lastModifiedTime: String(t.modified),
			type: 'TABLE', location: t.dataset.location,
		};
		['timePartitioning', 'clustering', 'description', 'labels'].filter((k) => t[k] !== undefined).forEach((k) => { body[k] = t[k]; });
		const fresh = buffered(t);
		if (fresh.length)
			body.streamingBuffer = {
				estimatedRows: String(fresh.length), estimatedBytes: String(fresh.reduce((n, r) => n + r.bytes, 0)),
				oldestEntryTime: String(Math.min(...fresh.map((r) => r.at))),
			};
		return Object.assign({etag: etag([t.fields, t.created, t.modified, t.description, t.labels])}, body);
	}

	/* ---- calls ---- */

	function insertDataset(req) {
		const body = req.json;
		known(body, DATASET_MEMBERS, 'dataset');
		const ref = body.datasetReference;
		if (!isObject(ref) || !DATASET_NAME.test(ref.datasetId || ''))
			throw new Fail('invalid', 'Invalid dataset ID "' + (ref && ref.datasetId) + '". Dataset IDs must be alphanumeric (plus underscores) ' +
				'and must be at most 1024 characters long.');
		if (datasets.has(ref.datasetId))
			throw new Fail('duplicate', 'Already Exists: Dataset ' + args.project + ':' + ref.datasetId);
		const location = body.location || 'US';
		const d = Object.assign({}, body, {id: ref.datasetId, location, tables: new Map(), created: platform.now()});
		datasets.set(d.id, d);
		return datasetResource(d);
	}

	function listDatasets(req) {
		const p = page(Array.from(datasets.values()), req.query);
		return Object.assign({kind: 'bigquery#datasetList', etag: etag(p.items.map((d) => d.id))}, p.next ? {nextPageToken: p.next} : {}, {
			datasets: p.items.map((d) => {
				const r = datasetResource(d);
				return {kind: r.kind, id: r.id, datasetReference: r.datasetReference, location: r.location};
			}),
		});
	}

	function deleteDataset(req) {
		const d = dataset(req.params.d);
		if (d.tables.size && req.query.get('deleteContents') !== 'true')
			throw new Fail('invalid', 'Dataset ' + args.project + ':' + d.id + ' is still in use');
		datasets.delete(d.id);
		return undefined;
	}

	function insertTable(req) {
		const body = req.json;
		const d = dataset(req.params.d);
		known(body, TABLE_MEMBERS, 'table');
		if (!isObject(body.tableReference))
			throw new Fail('required', 'Required parameter is missing: tableReference');
		return tableResource(create(d, body.tableReference.tableId, Object.assign({}, body, {fields: normalSchema(body.schema || {fields: []})})));
	}

	function listTables(req) {
		const d = dataset(req.params.d);
		const p = page(Array.from(d.tables.values()), req.query);
		return Object.assign({kind: 'bigquery#tableList', etag: etag(p.items.map((t) => t.id))}, p.next ? {nextPageToken: p.next} : {}, {
			tables: p.items.map((t) => ({
				kind: 'bigquery#table', id: t.name, tableReference: reference(d, t.id), type: 'TABLE', creationTime: String(t.created),
			})),
			totalItems: d.tables.size,
		});
	}

	function checkEtag(req, current) {
		const wanted = req.headers['if-match'];
		if (wanted && wanted !== '*' && wanted.replace(/"/g, '') !== current)
			throw new Fail('conditionNotMet', 'Precondition Failed');
	}

	function patchTable(req) {
		const t = table(req.params.d, req.params.t);
		const body = req.json;
		known(body, TABLE_MEMBERS, 'table');
		checkEtag(req, tableResource(t).etag);
		if (body.timePartitioning !== undefined && (!t.timePartitioning || body.timePartitioning.field !== t.timePartitioning.field ||
			body.timePartitioning.type !== t.timePartitioning.type))
			throw new Fail('invalid', 'Cannot change partitioning spec for a table');
		if (body.schema !== undefined)
			setFields(t, normalSchema(body.schema), {add: true, relax: true});
		if (body.clustering !== undefined)
			t.clustering = checkClustering(body.clustering, t.fields);
		['description', 'labels', 'timePartitioning'].filter((k) => body[k] !== undefined).forEach((k) => { t[k] = body[k]; });
		return tableResource(t);
	}

	function deleteTable(req) {
		const t = table(req.params.d, req.params.t);
		t.dataset.tables.delete(t.id);
		return undefined;
	}

	function listData(req) {
		const t = table(req.params.d, req.params.t);
		const from = Number(req.query.get('pageToken') || req.query.get('startIndex') || 0);
		const to = req.query.has('maxResults') ? from + Number(req.query.get('maxResults')) : t.rows.length;
		const format = platform.timestampFormat(req.query);
		return Object.assign({kind: 'bigquery#tableDataList', etag: etag(t.rows.length), totalRows: String(t.rows.length)},
			to < t.rows.length ? {pageToken: String(to)} : {}, {rows: t.rows.slice(from, to).map((r) => wire(t.fields, r.values, format))});
	}

	/* ---- control ---- */

	function controlTable(req) {
		return table(...(req.query.get('table') || '').split('.'));
	}

	function rowsOut(req) {
		const t = controlTable(req);
		return {headers: {'Content-Type': 'application/x-ndjson'}, body: t.rows.map((r) => readableRow(t.fields, r.values) + '\n').join('')};
	}

	function rowsIn(req) {
		const t = controlTable(req);
		const lines = req.body.toString('utf8').split('\n').filter((l) => l.trim());
		setRows(t, t.rows.concat(lines.map((l) => ({values: row(t.fields, line(l), {}), at: 0, bytes: Buffer.byteLength(l)}))));
		return {body: {rows: t.rows.length}};
	}

	const BASE = '/projects/:p/datasets';
	const api = platform.api;
	return {
		dataset, table, create, setFields, setRows, fill, countWrite, buffered, datasets, reference,
		reset: () => datasets.clear(),
		routes: {
			['GET ' + BASE]: api('admin', listDatasets),
			['POST ' + BASE]: api('admin', insertDataset),
			['GET ' + BASE + '/:d']: api('admin', (req) => datasetResource(dataset(req.params.d))),
			['DELETE ' + BASE + '/:d']: api('admin', deleteDataset),
			['GET ' + BASE + '/:d/tables']: api('admin', listTables),
			['POST ' + BASE + '/:d/tables']: api('admin', insertTable),
			['GET ' + BASE + '/:d/tables/:t']: api('admin', (req) => tableResource(table(req.params.d, req.params.t))),
			['PATCH ' + BASE + '/:d/tables/:t']: api('admin', patchTable),
			['DELETE ' + BASE + '/:d/tables/:t']: api('admin', deleteTable),
			['GET ' + BASE + '/:d/tables/:t/data']: api('admin', listData),
		},
		control: {'GET /_test/rows': rowsOut, 'POST /_test/rows': rowsIn},
	};
}

module.exports = {createTables, etag};
