'use strict';
/*
 * feishu-fixture.js - tables as a test of the Feishu stand-in wants them: fields of any type,
 * also those that no call creates, and very many records made from one.
 */
const {isObject, isString} = require('./feishu-fields');

const CHUNK = 1000;	/* records per line of the journal */
const DEFAULT_PROPERTY = {3: {options: []}, 4: {options: []}};

/* The value of number i of a template: {i} in its strings, {"from", "step"} as a number. */
function instance(template, i) {
	if (isString(template))
		return template.includes('{i}') ? template.split('{i}').join(String(i)) : template;
	if (Array.isArray(template))
		return template.map((t) => instance(t, i));
	if (!isObject(template))
		return template;
	if (typeof template.from === 'number' && typeof template.step === 'number')
		return template.from + template.step * i;
	const out = {};
	Object.keys(template).forEach((k) => { out[k] = instance(template[k], i); });
	return out;
}

function createFixture(platform, base, Table, ops) {
	const {args} = platform;
	const {tables} = base;
	const tableOf = (id) => tables.get(id || args.table);

	function newField(spec, isPrimary) {
		return {
			field_id: spec.field_id || platform.newId('fld'), field_name: spec.field_name, type: spec.type || 1, ui_type: spec.ui_type || 'Text',
			is_primary: isPrimary, description: spec.description || '', property: spec.property || DEFAULT_PROPERTY[spec.type] || null,
		};
	}

	function addTable(req) {
		const spec = req.json;
		const fields = (spec.fields || [{field_name: 'Text'}]).map((f, i) => newField(f, i === 0));
		const views = (spec.views || [{view_name: 'Grid View'}]).map((v) => Object.assign(base.newView(v.view_name, v.filter), v));
		const table = new Table({id: spec.table_id || platform.newId('tbl'), name: spec.name || 'Table', revision: 1, fields, views});
		tables.set(table.meta.id, table);
		platform.commit([ops.metaOp(table)]);
		return {status: 200, body: {table_id: table.meta.id}};
	}

	function addField(req) {
		const table = tableOf(req.json.table);
		const field = newField(req.json, false);
		table.setMeta(Object.assign({}, table.meta, {fields: table.meta.fields.concat(field)}));
		platform.commit([ops.metaOp(table)]);
		return {status: 200, body: {field_id: field.field_id}};
	}

	function fill(req) {
		const {count, cells} = req.json;
		const table = tableOf(req.json.table);
		const now = platform.now();
		const from = table.nextAuto;
		for (let i = 0; i < count;) {
			const rows = [];
			for (const end = Math.min(i + CHUNK, count); i < end; i++) {
				const made = {};
				Object.keys(cells).forEach((name) => { made[table.field(name).field_id] = instance(cells[name], i); });
				const id = 'recF' + String(from + i).padStart(9, '0');
				rows.push({id, cells: made, created: now, modified: now, creator: 'ou_owner', modifier: 'ou_owner', auto: from + i});
			}
			rows.forEach((r) => table.put(r));
			platform.commit([ops.rowsOp(table, rows)]);
		}
		return {status: 200, body: {rows: table.records.size}};
	}

	return {'POST /_test/tables': addTable, 'POST /_test/fields': addField, 'POST /_test/fill': fill};
}

module.exports = {createFixture, instance};
