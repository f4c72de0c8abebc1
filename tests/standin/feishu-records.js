'use strict';
/* feishu-records.js - the records of the Feishu stand-in's tables: writing, search, and the historic reads. */
const F = require('./feishu-fields');
const {changed, metaOp, rowsOp} = require('./feishu-base');
const {compileFilter, compileSort} = require('./feishu-filter');
const {boolParam, userIdType, bodyObject, needArray, needFields, needRecordId, optionalBool} = require('./feishu-params');
const {Fail, isObject, isString} = F;

const RECORD_PAGE_MAX = 500;
const MAX_GET = 100;
const MAX_DELETE = 500;
const MAX_FIELD_NAMES = 200;
const DAY_MS = 86400000;

function tzMs(text) {
	const m = /^([+-])(\d\d):(\d\d)$/.exec(text);
	if (!m)
		throw new Error('time zone like +08:00 expected: ' + text);
	return (m[1] === '-' ? -1 : 1) * (Number(m[2]) * 60 + Number(m[3])) * 60000;
}

function createRecords(platform, base) {
	const {args, config, stats} = platform;
	const {tables, findTable, findView, findRecord, page, write} = base;

	/* ---- writing ---- */

	/* Converts the fields of many records; where one is refused, options added on the way are taken back. */
	function convertAll(table, req, list) {
		const grown = new Map();	/* select field -> options before */
		const ctx = {
			maxCell: config.max_cell,
			userIdType: userIdType(req),
			newId: platform.newId,
			addsOption: (field) => grown.has(field) || grown.set(field, field.property.options.length),
			hasFile: (token) => config.files.includes(token),
			hasRecord: (tableId, id) => tables.has(tableId) && tables.get(tableId).records.has(id),
		};
		try {
			return {cells: list.map((fields) => convert(table, fields, ctx)), ops: grown.size ? [metaOp(table)] : []};
		} catch (e) {
			grown.forEach((length, field) => F.dropOptions(field, length));
			throw e;
		}
	}

	/* [field_id, cell] pairs; a cell that is undefined empties. */
	function convert(table, fields, ctx) {
		return Object.keys(fields).map((name) => {
			const field = table.field(name);
			if (!field)
				throw new Fail(1254045, 'FieldNameNotFound', {message: 'Field ' + name + ' not found'});
			return [field.field_id, F.toCell(field, fields[name], ctx)];
		});
	}

	function insert(table, req, list) {
		if (config.max_rows > 0 && table.records.size + list.length > config.max_rows)
			throw new Fail(1254103, 'RecordExceedLimit');
		const {cells, ops} = convertAll(table, req, list);
		const now = platform.now();
		const who = req.identity.id;
		const rows = cells.map((pairs, i) => ({
			id: platform.newId('rec'), cells: changed({}, pairs), created: now, modified: now, creator: who, modifier: who, auto: table.nextAuto + i,
		}));
		rows.forEach((r) => table.put(r));
		stats.created += rows.length;
		return {ids: rows.map((r) => r.id), ops: ops.concat(rowsOp(table, rows))};
	}

	/* A cell that is written is read as all others again. */
	function withoutRaw(record, pairs) {
		const empty = pairs.map(([id]) => [id, undefined]);
		return record.raw ? {raw: changed(record.raw, empty), raw_list: changed(record.raw_list, empty)} : null;
	}

	/* list: [{record_id, fields}]; two entries for one record apply in turn. */
	function update(table, req, list) {
		list.forEach((r) => findRecord(table, r.record_id));
		const {cells, ops} = convertAll(table, req, list.map((r) => r.fields));
		const rows = list.map((r, i) => {
			const old = table.records.get(r.record_id);
			const cell = changed(old.cells, cells[i]);
			const row = Object.assign({}, old, {cells: cell, modified: platform.now(), modifier: req.identity.id}, withoutRaw(old, cells[i]));
			table.put(row);
			return row;
		});
		stats.updated += rows.length;
		return {ids: rows.map((r) => r.id), ops: ops.concat(rowsOp(table, rows))};
	}

	function remove(table, ids) {
		ids.forEach((id) => findRecord(table, id));
		table.drop(ids);
		stats.deleted += new Set(ids).size;
		return {ids, ops: [{op: 'drop', t: table.meta.id, ids}]};
	}

	/* A write's echo: the values as they were written, not as they are read. */
	function echo(id, fields) {
		const out = {};
		for (const name of Object.keys(fields)) {
			if (fields[name] !== null)
				out[name] = fields[name];
		}
		return {fields: out, id, record_id: id};
	}

	function checkMax(list, max) {
		if (list.length > max)
			throw new Fail(1254104, 'RecordAddOnceExceedLimit');
	}

	function createRecord(req) {
		boolParam(req, 'ignore_consistency_check');
		const fields = needFields(bodyObject(req), '');
		return write(req, 'create', (t) => insert(t, req, [fields]), (t, ids) => ({record: echo(ids[0], fields)}));
	}

	function batchCreate(req) {
		boolParam(req, 'ignore_consistency_check');
		const list = needArray(bodyObject(req), 'records').map((r, i) => needFields(r, 'records[' + i + '].'));
		checkMax(list, config.max_batch);
		return write(req, 'batch_create', (t) => insert(t, req, list), (t, ids) => ({records: ids.map((id, i) => echo(id, list[i]))}));
	}

	function updateRecord(req) {
		const fields = needFields(bodyObject(req), '');
		const list = [{record_id: req.params.record, fields}];
		return write(req, 'update', (t) => update(t, req, list), (t, ids) => ({record: echo(ids[0], fields)}));
	}

	function batchUpdate(req) {
		const list = needArray(bodyObject(req), 'records').map((r, i) => {
			const fields = needFields(r, 'records[' + i + '].');
			return {record_id: needRecordId(r.record_id, 'records[' + i + '].record_id'), fields};
		});
		checkMax(list, config.max_batch);
		return write(req, 'batch_update', (t) => update(t, req, list), (t, ids) => ({records: ids.map((id, i) => echo(id, list[i].fields))}));
	}

	function deleteRecord(req) {
		return write(req, 'delete', (t) => remove(t, [req.params.record]), (t, ids) => ({deleted: true, record_id: ids[0]}));
	}

	function batchDelete(req) {
		const ids = needArray(bodyObject(req), 'records').map((id, i) => needRecordId(id, 'records[' + i + ']'));
		checkMax(ids, MAX_DELETE);
		return write(req, 'batch_delete', (t) => remove(t, ids), () => ({records: ids.map((id) => ({deleted: true, record_id: id}))}));
	}

	/* ---- reading records ---- */

	/* How the cells are shown to the caller. */
	function reader(req, shape, more) {
		const scope = 'contact:user.base:readonly';
		const {scopes} = req.identity;
		const names = !config.missing_scopes.includes(scope) && (!scopes || scopes.includes(scope));
		return Object.assign({shape, segment: config.segment, people: config.people, names}, more);
	}

	function selectedFields(table, names) {
		if (names === undefined || names === null || (Array.isArray(names) && names.length === 0))
			return table.meta.fields;
		if (!Array.isArray(names) || names.length > MAX_FIELD_NAMES || !names.every((n) => isString(n) && table.field(n)))
			throw new Fail(1254024, 'InvalidFieldNames');
		return table.meta.fields.filter((f) => names.includes(f.field_name));
	}

	function automatic(record, opts) {
		return {
			created_by: F.user(record.creator, opts), created_time: record.created,
			last_modified_by: F.user(record.modifier, opts), last_modified_time: record.modified,
		};
	}

	function recordShape(record, fields, opts) {
		const out = {};
		for (const field of fields) {
			const value = opts.shape(field, record, opts);
			if (value !== undefined)
				out[field.field_name] = value;
		}
		return Object.assign({fields: out, record_id: record.id}, opts.withId ? {id: record.id} : null, opts.automatic ? automatic(record, opts) : null);
	}

	/* One page of records: what {filter, sort, view_id} select, each as opts.shape shows it. */
	function records(req, table, query, fields, opts) {
		const env = {now: platform.now(), tz: tzMs(config.tz)};
		const byName = (name) => table.field(name);
		let test = compileFilter(query.filter, byName, env);
		const compare = compileSort(query.sort, byName);
		const view = test || compare ? null : findView(table, query.view_id);
		if (view)
			test = compileFilter(view.filter, byName, env);
		const key = JSON.stringify([req.path, req.method, query]);
		const day = Math.floor((env.now + env.tz) / DAY_MS);	/* Today is another day tomorrow */
		const out = page(req, table.select(day + key, test, compare), RECORD_PAGE_MAX, key);
		out.items = out.items.map((r) => recordShape(r, fields, opts));
		if (config.max_records > 0 && Buffer.byteLength(JSON.stringify(out.items)) > config.max_records)
			throw new Fail(1254030, 'TooLargeResponse');
		return out;
	}

	function search(req) {
		const table = findTable(req);
		const body = bodyObject(req);
		userIdType(req);
		const fields = selectedFields(table, body.field_names);
		const opts = reader(req, F.searchShape, {automatic: optionalBool(body, 'automatic_fields')});
		return records(req, table, {view_id: body.view_id, filter: body.filter, sort: body.sort}, fields, opts);
	}

	function batchGet(req) {
		const table = findTable(req);
		const body = bodyObject(req);
		const ids = needArray(body, 'record_ids').map((id) => needRecordId(id, 'record_ids'));
		checkMax(ids, MAX_GET);
		const opts = reader(req, F.searchShape, {automatic: optionalBool(body, 'automatic_fields')});
		const present = ids.filter((id) => table.records.has(id));
		return {
			records: present.map((id) => recordShape(table.records.get(id), table.meta.fields, opts)),
			forbidden_record_ids: [],
			absent_record_ids: ids.filter((id) => !table.records.has(id)),
		};
	}

	/* ---- the historic calls ---- */

	function jsonParam(req, name, fail) {
		const v = req.query.get(name);
		if (v === null || v === '')
			return undefined;
		try {
			return JSON.parse(v);
		} catch (e) {
			throw fail;
		}
	}

	/* Of the formula language only CurrentValue.[name]="text" is understood. */
	function formulaFilter(text) {
		if (!text)
			return undefined;
		const m = /^\s*CurrentValue\.\[([^\]]+)\]\s*=\s*"([^"]*)"\s*$/.exec(text);
		if (!m)
			throw new Fail(1254018, 'InvalidFilter');
		return {conjunction: 'and', conditions: [{field_name: m[1], operator: m[2] ? 'is' : 'isEmpty', value: m[2] ? [m[2]] : []}]};
	}

	function formulaSort(list) {
		if (list === undefined)
			return undefined;
		if (!Array.isArray(list) || !list.every((s) => isString(s) && /^.+ (ASC|DESC)$/.test(s)))
			throw new Fail(1254016, 'InvalidSort');
		return list.map((s) => ({field_name: s.replace(/ (ASC|DESC)$/, ''), desc: s.endsWith(' DESC')}));
	}

	function listOpts(req) {
		userIdType(req);
		boolParam(req, 'display_formula_ref');
		return reader(req, F.listShape, {
			withId: true, textAsArray: boolParam(req, 'text_field_as_array'), automatic: boolParam(req, 'automatic_fields'),
		});
	}

	function listRecords(req) {
		const table = findTable(req);
		const fields = selectedFields(table, jsonParam(req, 'field_names', new Fail(1254024, 'InvalidFieldNames')));
		const query = {
			view_id: req.query.get('view_id'),
			filter: formulaFilter(req.query.get('filter')),
			sort: formulaSort(jsonParam(req, 'sort', new Fail(1254016, 'InvalidSort'))),
		};
		return records(req, table, query, fields, listOpts(req));
	}

	function getRecord(req) {
		const table = findTable(req);
		return {record: recordShape(findRecord(table, req.params.record), table.meta.fields, listOpts(req))};
	}

	/* ---- control calls ---- */

	const controlTable = (req) => tables.get(req.query.get('table') || args.table);

	function dumpRows(req) {
		const table = controlTable(req);
		const lines = table.all().map((r) => Buffer.from(JSON.stringify(table.meta.fields.reduce((out, f) => {
			const text = F.plain(f, r);
			return text === undefined ? out : Object.assign(out, {[f.field_name]: text});
		}, {record_id: r.id})) + '\n'));
		return {status: 200, headers: {'Content-Type': 'application/x-ndjson'}, body: Buffer.concat(lines)};
	}

	function givenRows(req) {
		if (req.json && !Array.isArray(req.json))
			return req.json.rows || [req.json];
		return req.json || req.body.toString('utf8').split('\n').filter((l) => l.trim()).map((l) => JSON.parse(l));
	}

	function addRows(req) {
		const table = controlTable(req);
		const given = givenRows(req).map((r) => (['fields', 'cells', 'raw', 'raw_text'].some((k) => isObject(r[k])) ? r : {fields: r}));
		let done;
		try {
			done = insert(table, Object.assign({identity: {id: 'ou_owner'}}, req), given.map((r) => r.fields || {}));
		} catch (e) {
			return {status: 400, body: {code: e.code, msg: e.msg, error: e.extra || String(e)}};
		}
		const rows = done.ids.map((id, i) => adorn(table, table.records.get(id), given[i]));
		stats.created -= rows.length;
		platform.commit([metaOp(table), rowsOp(table, rows)]);
		return {status: 200, body: {record_ids: rows.map((r) => r.id)}};
	}

	function rawOf(table, given) {
		if (!given.raw && !given.raw_list && !given.raw_text)
			return null;
		const byId = (set, make) => Object.keys(set || {}).map((name) => [table.field(name).field_id, make(set[name])]);
		return {
			raw: changed({}, byId(given.raw, (v) => v).concat(byId(given.raw_text, (text) => F.VERBATIM + text))),
			raw_list: changed({}, byId(given.raw_list, (v) => v)),
		};
	}

	/* What only a test can give a record: its id, its age, cells of computed fields. */
	function adorn(table, record, given) {
		const cells = Object.assign({}, record.cells);
		Object.keys(given.cells || {}).forEach((name) => { cells[table.field(name).field_id] = given.cells[name]; });
		if (given.record_id)
			table.drop([record.id]);
		const created = given.created || record.created;
		const row = Object.assign({}, record, {id: given.record_id || record.id, cells, created, modified: created}, rawOf(table, given));
		table.put(row);
		return row;
	}

	return {
		createRecord, batchCreate, updateRecord, batchUpdate, deleteRecord, batchDelete,
		search, batchGet, listRecords, getRecord, dumpRows, addRows,
	};
}

module.exports = {createRecords};
