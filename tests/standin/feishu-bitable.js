'use strict';
/*
 * feishu-bitable.js - Bitable v1 of the Feishu stand-in: the calls for the base,
 * its tables, fields and views, and the routes of all of them.
 */
const F = require('./feishu-fields');
const {Table, createBase, changed, metaOp, rowsOp} = require('./feishu-base');
const {createRecords} = require('./feishu-records');
const {createFixture} = require('./feishu-fixture');
const {boolParam, bodyObject, needArray} = require('./feishu-params');
const {Fail, badParam, isObject, isString} = F;

const MAX_TABLES = 100;
const MAX_FIELDS = 300;

function createBitable(platform) {
	const {args, stats} = platform;
	const base = createBase(platform);
	const records = createRecords(platform, base);
	const {tables, checkBase, findTable, findView, pageOf, write, newView} = base;

	function baseInfo(req) {
		checkBase(req);
		const {app_token, name, revision} = base.info;
		return {app: {app_token, name, revision, is_advanced: false, time_zone: 'Asia/Shanghai', formula_type: 1, advance_version: 'v1'}};
	}

	function listTables(req) {
		checkBase(req);
		return pageOf(req, Array.from(tables.values()), (t) => ({name: t.meta.name, revision: t.meta.revision, table_id: t.meta.id}));
	}

	function tableName(spec) {
		if (spec.name === undefined)
			throw badParam('table.name', '', 'table.name is required');
		if (!isString(spec.name) || spec.name.trim() === '' || /[/\\?*:[\]]/.test(spec.name))
			throw new Fail(1254001, 'WrongRequestBody', {message: 'the name of the table is not allowed'});
		return spec.name.trim();
	}

	function tableFields(spec) {
		const list = spec.fields === undefined || spec.fields === null ? [{field_name: 'Text', type: 1}] : needArray(spec, 'fields');
		const fields = list.map((f) => F.define(f, {newId: platform.newId, hasTable: (id) => tables.has(id)}));
		if (new Set(fields.map((f) => f.field_name)).size !== fields.length)
			throw new Fail(1254014, 'FieldNameDuplicated');
		if (fields.length > MAX_FIELDS)
			throw new Fail(1254105, 'FieldExceedLimit');
		if (!F.PRIMARY.includes(fields[0].type))
			throw new Fail(1254001, 'WrongRequestBody', {message: 'the first field cannot be the index field'});
		fields[0].is_primary = true;
		return fields;
	}

	function createTable(req) {
		checkBase(req);
		const body = bodyObject(req);
		if (!isObject(body.table))
			throw badParam('table', '', 'table is required');
		const name = tableName(body.table);
		if (Array.from(tables.values()).some((t) => t.meta.name === name))
			throw new Fail(1254013, 'TableNameDuplicated');
		if (tables.size >= MAX_TABLES)
			throw new Fail(1254100, 'TableExceedLimit');
		const view = newView(body.table.default_view_name || 'Grid View');
		const table = new Table({id: platform.newId('tbl'), name, revision: 1, fields: tableFields(body.table), views: [view]});
		tables.set(table.meta.id, table);
		stats.writes.create_table = (stats.writes.create_table || 0) + 1;
		platform.commit([metaOp(table)]);
		return {table_id: table.meta.id, default_view_id: view.view_id, field_id_list: table.meta.fields.map((f) => f.field_id)};
	}

	function listFields(req) {
		const table = findTable(req);
		findView(table, req.query.get('view_id'));
		const asArray = boolParam(req, 'text_field_as_array');
		return pageOf(req, table.meta.fields, (f) => F.fieldShape(f, asArray));
	}

	function defineField(table, body, old) {
		const field = F.define(body, {old, newId: platform.newId, hasTable: (id) => tables.has(id)});
		const same = table.field(field.field_name);
		if (same && same !== old)
			throw new Fail(1254014, 'FieldNameDuplicated');
		if (field.is_primary && !F.PRIMARY.includes(field.type))
			throw new Fail(1254001, 'WrongRequestBody', {message: 'the index field cannot have this type'});
		return field;
	}

	const fieldAnswer = (table, ids) => ({field: F.fieldShape(table.meta.fields.find((f) => f.field_id === ids[0]), false)});

	function setFields(table, fields) {
		table.setMeta(Object.assign({}, table.meta, {fields, revision: table.meta.revision + 1}));
	}

	function createField(req) {
		const body = bodyObject(req);
		return write(req, 'create_field', (table) => {
			const field = defineField(table, body, null);
			if (table.meta.fields.length >= MAX_FIELDS)
				throw new Fail(1254105, 'FieldExceedLimit');
			setFields(table, table.meta.fields.concat(field));
			return {ids: [field.field_id], ops: [metaOp(table)]};
		}, fieldAnswer);
	}

	/* The cell under the changed definition: options keep their cells by id, another type keeps only text. */
	function carried(old, field, record) {
		const cell = record.cells[old.field_id];
		if (cell === undefined)
			return undefined;
		if (field.type !== old.type)
			return field.type === 1 ? F.plain(old, record) : undefined;
		if (field.type !== 3 && field.type !== 4)
			return cell;
		const renamed = (name) => {
			const was = old.property.options.find((o) => o.name === name);
			const now = was && field.property.options.find((o) => o.id === was.id || o.name === name);
			return now ? now.name : undefined;
		};
		if (field.type === 3)
			return renamed(cell);
		const kept = cell.map(renamed).filter((n) => n !== undefined);
		return kept.length ? kept : undefined;
	}

	function updateField(req) {
		const body = bodyObject(req);
		const id = req.params.field;
		return write(req, 'update_field', (table) => {
			if (!/^fld\w+$/.test(id))
				throw new Fail(1254009, 'WrongFieldId');
			const old = table.meta.fields.find((f) => f.field_id === id);
			if (!old)
				throw new Fail(1254044, 'FieldIdNotFound');
			const field = defineField(table, body, old);
			const rows = table.all().filter((r) => r.cells[id] !== undefined)
				.map((r) => Object.assign({}, r, {cells: changed(r.cells, [[id, carried(old, field, r)]])}));
			rows.forEach((r) => table.put(r));
			setFields(table, table.meta.fields.map((f) => (f === old ? field : f)));
			return {ids: [id], ops: [metaOp(table), rowsOp(table, rows)]};
		}, fieldAnswer);
	}

	function listViews(req) {
		const table = findTable(req);
		return pageOf(req, table.meta.views, (v) => ({
			view_id: v.view_id, view_name: v.view_name, view_type: v.view_type, view_public_level: v.view_public_level,
		}));
	}

	function addView(req) {
		const table = tables.get(req.json.table || args.table);
		const view = Object.assign(newView(req.json.view_name || 'View', req.json.filter), req.json.view_id ? {view_id: req.json.view_id} : null);
		table.meta.views.push(view);
		platform.commit([metaOp(table)]);
		return {status: 200, body: {view_id: view.view_id}};
	}

	/* ---- routes ---- */

	const scope = (name) => ['bitable:app', 'base:' + name];
	const readScope = (name) => scope(name).concat('bitable:app:readonly');
	const B = '/open-apis/bitable/v1/apps/:app';
	const T = B + '/tables/:table';
	const routes = {};

	function add(route, name, scopes, handler) {
		routes[route] = platform.api(name, scopes, handler);
	}

	add('GET ' + B, 'base_info', readScope('app:read'), baseInfo);
	add('GET ' + B + '/tables', 'list_tables', readScope('table:read'), listTables);
	add('POST ' + B + '/tables', 'create_table', scope('table:create'), createTable);
	add('GET ' + T + '/fields', 'list_fields', readScope('field:read'), listFields);
	add('POST ' + T + '/fields', 'create_field', scope('field:create'), createField);
	add('PUT ' + T + '/fields/:field', 'update_field', scope('field:update'), updateField);
	add('GET ' + T + '/views', 'list_views', readScope('view:read'), listViews);
	add('POST ' + T + '/records/search', 'search', readScope('record:retrieve'), records.search);
	add('GET ' + T + '/records', 'list', readScope('record:retrieve'), records.listRecords);
	add('POST ' + T + '/records/batch_get', 'batch_get', readScope('record:read'), records.batchGet);
	add('GET ' + T + '/records/:record', 'get', readScope('record:read'), records.getRecord);
	add('POST ' + T + '/records', 'create', scope('record:create'), records.createRecord);
	add('POST ' + T + '/records/batch_create', 'batch_create', scope('record:create'), records.batchCreate);
	add('PUT ' + T + '/records/:record', 'update', scope('record:update'), records.updateRecord);
	add('POST ' + T + '/records/batch_update', 'batch_update', scope('record:update'), records.batchUpdate);
	add('DELETE ' + T + '/records/:record', 'delete', scope('record:delete'), records.deleteRecord);
	add('POST ' + T + '/records/batch_delete', 'batch_delete', scope('record:delete'), records.batchDelete);

	return Object.assign({}, base, {
		routes,
		control: Object.assign({
			'GET /_test/rows': records.dumpRows,
			'POST /_test/rows': records.addRows,
			'POST /_test/views': addView,
		}, createFixture(platform, base, Table, {metaOp, rowsOp})),
	});
}

module.exports = {createBitable};
