'use strict';
/*
 * feishu-fields.js - what the Feishu stand-in knows about the types of a
 * Bitable field: which values a write may bring, how a cell is kept, and the
 * shapes in which search, the historic list and a test read it back.
 *
 * A cell is kept as: string (1, 3, 13, 22), array of strings (4), number (2, 5),
 * boolean (7), array of {id} (11, 23), {text,link} (15), array of {file_token}
 * (17), array of record ids (18, 21).  Cells of computed types (19, 20 and any
 * unknown one) hold what a test put there, as the service would answer it.  An
 * empty cell is not kept at all.  A record may have values that are answered
 * instead: raw {field_id: value}, and raw_list for the historic calls.
 */

const VERBATIM = '\u0001json:';	/* begins a string whose rest is put into the answer as it is */

class Fail extends Error {
	/* A service answer that is no success: code, msg, and what else stands in "error". */
	constructor(code, msg, extra) {
		super(code + ' ' + msg);
		this.code = code;
		this.msg = msg;
		this.extra = extra || {};
	}
}

/*
 * type: {ui, prop, conv}: the ui_types it allows (the first is the default), the
 * code and name of a wrong property, the code and name of a wrong value.
 */
const TYPES = {
	1: {ui: ['Text', 'Barcode', 'Email'], prop: [1254080, 'TextFieldPropertyError'], conv: [1254060, 'TextFieldConvFail']},
	2: {ui: ['Number', 'Progress', 'Currency', 'Rating'], prop: [1254081, 'NumberFieldPropertyError'], conv: [1254061, 'NumberFieldConvFail']},
	3: {ui: ['SingleSelect'], prop: [1254082, 'SingleSelectFieldPropertyError'], conv: [1254062, 'SingleSelectFieldConvFail']},
	4: {ui: ['MultiSelect'], prop: [1254083, 'MultiSelectFieldPropertyError'], conv: [1254063, 'MultiSelectFieldConvFail']},
	5: {ui: ['DateTime'], prop: [1254084, 'DateTimeFieldPropertyError'], conv: [1254064, 'DatetimeFieldConvFail']},
	7: {ui: ['Checkbox'], prop: [1254085, 'CheckboxFieldPropertyError'], conv: [1254065, 'CheckboxFieldConvFail']},
	11: {ui: ['User'], prop: [1254086, 'UserFieldPropertyError'], conv: [1254066, 'UserFieldConvFail']},
	13: {ui: ['Phone'], prop: [1254001, 'WrongRequestBody'], conv: [1254072, 'PhoneFieldConvFail']},
	15: {ui: ['Url'], prop: [1254087, 'URLFieldPropertyError'], conv: [1254068, 'URLFieldConvFail']},
	17: {ui: ['Attachment'], prop: [1254088, 'AttachmentFieldPropertyError'], conv: [1254069, 'AttachFieldConvFail']},
	18: {ui: ['SingleLink'], prop: [1254089, 'LinkFieldPropertyError'], conv: [1254067, 'LinkFieldConvFail']},
	19: {ui: ['Lookup'], prop: [1254090, 'LookUpFieldPropertyError']},
	20: {ui: ['Formula'], prop: [1254091, 'FormulaFieldPropertyError']},
	21: {ui: ['DuplexLink'], prop: [1254089, 'LinkFieldPropertyError'], conv: [1254074, 'DuplexLinkFieldConvFail']},
	22: {ui: ['Location'], prop: [1254001, 'WrongRequestBody'], conv: [1254015, 'Field types do not match.']},
	23: {ui: ['GroupChat'], prop: [1254001, 'WrongRequestBody'], conv: [1254015, 'Field types do not match.']},
	1001: {ui: ['CreatedTime'], prop: [1254084, 'DateTimeFieldPropertyError']},
	1002: {ui: ['ModifiedTime'], prop: [1254084, 'DateTimeFieldPropertyError']},
	1003: {ui: ['CreatedUser'], prop: [1254086, 'UserFieldPropertyError']},
	1004: {ui: ['ModifiedUser'], prop: [1254086, 'UserFieldPropertyError']},
	1005: {ui: ['AutoNumber'], prop: [1254001, 'WrongRequestBody']},
};
const PRIMARY = [1, 2, 5, 13, 15, 20, 22];
const DATE_FORMATS = ['yyyy/MM/dd', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd', 'MM-dd', 'MM/dd/yyyy', 'dd/MM/yyyy'];
const MAX_OPTIONS = 5000;
const MAX_MANY = 1000;
const MAX_LINKS = 500;
const MAX_FILES = 100;
const MAX_GROUPS = 10;
const MAX_PHONE = 64;
const MAX_DATE_MS = 8640000000000000;	/* the end of what a date can hold */

const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
const isString = (v) => typeof v === 'string';

function badParam(field, value, description) {
	return new Fail(99992402, 'field validation failed', {field_violations: [{field, value: value === undefined ? '' : String(value), description}]});
}

function isReadOnly(field) {
	return !TYPES[field.type] || !TYPES[field.type].conv;
}

/* ---- writing ---- */

function convFail(field) {
	return new Fail(TYPES[field.type].conv[0], TYPES[field.type].conv[1], {message: 'Invalid value of field ' + field.field_name});
}

function arrayOf(field, value, max, good) {
	if (!Array.isArray(value) || value.length > max || !value.every(good))
		throw convFail(field);
	return value;
}

function checkText(field, value, ctx) {
	if (!isString(value))
		throw convFail(field);
	/* Characters, not UTF-16 units; the units bound the characters, so most texts need no count. */
	if (value.length > ctx.maxCell && Array.from(value).length > ctx.maxCell)
		throw new Fail(1254130, 'TooLargeCell', {message: 'Too large cell of field ' + field.field_name});
	return value;
}

/* The names of a select's options; a select may have thousands, so they are not collected for each cell. */
const nameCache = new WeakMap();

function optionNames(field) {
	let names = nameCache.get(field);
	if (!names) {
		names = new Set(field.property.options.map((o) => o.name));
		nameCache.set(field, names);
	}
	return names;
}

function addOption(field, name, ctx) {
	const options = field.property.options;
	if (options.length >= MAX_OPTIONS)
		throw convFail(field);
	ctx.addsOption(field);
	options.push({id: ctx.newId('opt'), name, color: options.length % 55});
	nameCache.delete(field);
}

/* Takes the options back that a refused batch has added. */
function dropOptions(field, length) {
	field.property.options.length = length;
	nameCache.delete(field);
}

function checkSingleSelect(field, value, ctx) {
	if (!isString(value))
		throw convFail(field);
	if (value !== '' && !optionNames(field).has(value))
		addOption(field, value, ctx);
	return value;
}

/* A new name that stands twice in one cell becomes two options: so does the service. */
function checkMultiSelect(field, value, ctx) {
	arrayOf(field, value, MAX_MANY, (v) => isString(v) && v !== '');
	const known = optionNames(field);
	const kept = [];
	for (const name of value) {
		if (!known.has(name))
			addOption(field, name, ctx);
		else if (kept.includes(name))
			continue;
		kept.push(name);
	}
	return kept;
}

function checkDate(field, value) {
	if (!Number.isInteger(value) || Math.abs(value) > MAX_DATE_MS)
		throw convFail(field);
	return value;
}

const USER_PREFIX = {open_id: 'ou_', union_id: 'on_', user_id: ''};

function checkUsers(field, value, ctx) {
	const prefix = USER_PREFIX[ctx.userIdType || 'open_id'];
	const good = (v) => isObject(v) && isString(v.id) && v.id !== '' && v.id.startsWith(prefix);
	return arrayOf(field, value, MAX_MANY, good).map((v) => ({id: v.id}));
}

function checkUrl(field, value) {
	if (!isObject(value) || !isString(value.link) || (value.text !== undefined && !isString(value.text)))
		throw convFail(field);
	return {text: value.text === undefined ? value.link : value.text, link: value.link};
}

function checkFiles(field, value, ctx) {
	arrayOf(field, value, MAX_FILES, (v) => isObject(v) && isString(v.file_token));
	if (!value.every((v) => ctx.hasFile(v.file_token)))
		throw new Fail(1254303, 'The attachment does not belong to this bitable');
	return value.map((v) => ({file_token: v.file_token}));
}

function checkLinks(field, value, ctx) {
	const target = field.property.table_id;
	arrayOf(field, value, MAX_LINKS, (v) => isString(v) && ctx.hasRecord(target, v));
	return value.slice();
}

function checkGroups(field, value) {
	const good = (v) => isObject(v) && isString(v.id) && v.id.startsWith('oc_');
	return arrayOf(field, value, MAX_GROUPS, good).map((v) => ({id: v.id}));
}

function checkWith(test) {
	return (field, value) => {
		if (!test(value))
			throw convFail(field);
		return value;
	};
}

const WRITERS = {
	1: checkText,
	2: checkWith((v) => typeof v === 'number' && Number.isFinite(v)),
	3: checkSingleSelect,
	4: checkMultiSelect,
	5: checkDate,
	7: checkWith((v) => typeof v === 'boolean'),
	11: checkUsers,
	13: checkWith((v) => isString(v) && v.length <= MAX_PHONE && /^\+?\d*$/.test(v)),
	15: checkUrl,
	17: checkFiles,
	18: checkLinks,
	21: checkLinks,
	22: checkWith((v) => isString(v) && /^-?\d+(\.\d+)?,-?\d+(\.\d+)?$/.test(v)),
	23: checkGroups,
};

function isEmpty(cell) {
	return cell === undefined || cell === null || cell === '' || (Array.isArray(cell) && cell.length === 0);
}

/*
 * The cell that a written value becomes; undefined empties it.  ctx: {maxCell,
 * userIdType, newId(prefix), addsOption(field) before one is added, hasFile(token),
 * hasRecord(tableId, recordId)}.
 */
function toCell(field, value, ctx) {
	if (isReadOnly(field))
		throw new Fail(1254045, 'FieldNameNotFound', {message: 'Field ' + field.field_name + ' is read-only'});
	if (value === null)
		return undefined;
	const cell = WRITERS[field.type](field, value, ctx);
	return isEmpty(cell) ? undefined : cell;
}

/* ---- reading ---- */

/* opts: {people: {id: what is other than usual}, names: false where the caller may not read them}. */
function user(id, opts) {
	if (opts.names === false)
		return {id};
	const out = Object.assign({id, name: 'User ' + id.slice(-6), en_name: 'User ' + id.slice(-6), email: '', avatar_url: ''}, opts.people[id]);
	Object.keys(out).filter((k) => out[k] === null).forEach((k) => delete out[k]);
	return out;
}

/* The text cut every max units, never inside a surrogate pair. */
function cut(text, max) {
	const parts = [];
	let from = 0;
	while (from < text.length) {
		let to = Math.min(from + max, text.length);
		if (to < text.length && to - from > 1 && /[\uD800-\uDBFF]/.test(text[to - 1]))
			to--;
		parts.push(text.slice(from, to));
		from = to;
	}
	return parts;
}

/* Addresses come back as segments of their own, and long text in pieces, so that a reader has to join. */
function segments(text, max) {
	const out = [];
	for (const part of text.split(/(https?:\/\/[^\s]+)/)) {
		if (/^https?:\/\//.test(part))
			out.push({type: 'url', text: part, link: part});
		else
			cut(part, max).forEach((t) => out.push({type: 'text', text: t}));
	}
	return out;
}

function location(cell) {
	return {location: cell, name: cell, address: '', full_address: cell, pname: '', cityname: '', adname: ''};
}

function files(cell) {
	const where = 'https://open.feishu.cn/open-apis/drive/v1/medias/';
	return cell.map((f) => Object.assign({
		file_token: f.file_token, name: f.file_token + '.bin', size: 0, type: 'application/octet-stream',
		url: where + f.file_token + '/download', tmp_url: where + 'batch_get_tmp_download_url?file_tokens=' + f.file_token,
	}, f));
}

function computed(field, record) {
	switch (field.type) {
	case 1001:
		return record.created;
	case 1002:
		return record.modified;
	case 1003:
		return record.creator;
	case 1004:
		return record.modifier;
	case 1005:
		return String(record.auto);
	default:
		return record.cells[field.field_id];
	}
}

/* What a test wants to be answered for this cell, or undefined. */
function rawShape(field, record, historic) {
	const sets = [historic ? record.raw_list : undefined, record.raw];
	const found = sets.find((s) => s && field.field_id in s);
	return found && found[field.field_id];
}

/* The value as records/search and batch_get answer it; undefined for an empty cell. */
function searchShape(field, record, opts) {
	const raw = rawShape(field, record, false);
	if (raw !== undefined)
		return raw;
	const cell = computed(field, record);
	if (isEmpty(cell))
		return undefined;
	switch (field.type) {
	case 1:
		if (field.ui_type === 'Email')
			return [{type: 'url', text: cell, link: 'mailto:' + cell}];
		return field.ui_type === 'Barcode' ? [{type: 'text', text: cell}] : segments(cell, opts.segment);
	case 11:
		return cell.map((u) => user(u.id, opts));
	case 17:
		return files(cell);
	case 18:
	case 21:
		return {link_record_ids: cell};
	case 22:
		return location(cell);
	case 23:
		return cell.map((g) => ({id: g.id, name: 'Group ' + g.id.slice(-6), avatar_url: ''}));
	case 1003:
	case 1004:
		return [user(cell, opts)];
	default:
		return cell;
	}
}

/* The value as the historic list and get answer it: text and numbers as strings. */
function listShape(field, record, opts) {
	const raw = rawShape(field, record, true);
	if (raw !== undefined)
		return raw;
	const cell = computed(field, record);
	if (isEmpty(cell))
		return undefined;
	switch (field.type) {
	case 1:
		return opts.textAsArray ? segments(cell, opts.segment) : cell;
	case 2:
		return String(cell);
	case 18:
	case 21:
		return [{record_ids: cell, table_id: field.property.table_id, text: cell.join(','), text_arr: cell, type: 'text'}];
	case 19:
	case 20:
		return plain(field, record);
	case 1003:
	case 1004:
		return user(cell, opts);
	default:
		return searchShape(field, record, opts);
	}
}

function plainItem(v) {
	if (!isObject(v))
		return String(v);
	return v.text || v.id || v.file_token || JSON.stringify(v);
}

/* The value as text, for tests and for comparing. */
function plain(field, record) {
	const cell = computed(field, record);
	if (isEmpty(cell))
		return undefined;
	if (Array.isArray(cell))
		return cell.map(plainItem).join(',');
	if (isObject(cell) && Array.isArray(cell.value))
		return cell.value.map(plainItem).join(',');
	return plainItem(cell);
}

/* ---- definitions ---- */

function checkOptions(type, options, known) {
	const wrong = new Fail(TYPES[type].prop[0], TYPES[type].prop[1]);
	if (!Array.isArray(options) || options.length > MAX_OPTIONS)
		throw wrong;
	const names = new Set();
	for (const o of options) {
		if (!isObject(o) || !isString(o.name) || o.name === '' || names.has(o.name))
			throw wrong;
		if (o.id !== undefined && !known.has(o.id))
			throw wrong;
		if (o.color !== undefined && (!Number.isInteger(o.color) || o.color < 0 || o.color > 54))
			throw wrong;
		names.add(o.name);
	}
}

const PROPERTY_KEYS = {
	2: ['formatter', 'currency_code', 'min', 'max', 'range_customize', 'rating'],
	3: ['options'],
	4: ['options'],
	5: ['date_formatter', 'auto_fill'],
	11: ['multiple'],
	18: ['table_id', 'multiple'],
	20: ['formula_expression'],
	21: ['table_id', 'multiple', 'back_field_name'],
	22: ['location'],
	23: ['multiple'],
	1001: ['date_formatter'],
	1002: ['date_formatter'],
	1005: ['auto_serial'],
};

function checkProperty(type, property, known, hasTable) {
	const wrong = new Fail(TYPES[type].prop[0], TYPES[type].prop[1]);
	const keys = PROPERTY_KEYS[type] || [];
	const isLink = type === 18 || type === 21;
	if (property === undefined || property === null) {
		if (isLink)
			throw wrong;
		return;
	}
	if (!isObject(property) || Object.keys(property).length === 0 || !Object.keys(property).every((k) => keys.includes(k)))
		throw wrong;
	if (property.options !== undefined)
		checkOptions(type, property.options, known);
	if (property.date_formatter !== undefined && !DATE_FORMATS.includes(property.date_formatter))
		throw wrong;
	if (isLink && !hasTable(property.table_id))
		throw wrong;
}

function defaultProperty(type, property, newId) {
	const given = property || {};
	switch (type) {
	case 2:
		return Object.assign({formatter: '0.0'}, given);
	case 3:
	case 4:
		return {options: (given.options || []).map((o, i) => ({id: o.id || newId('opt'), name: o.name, color: o.color === undefined ? i % 55 : o.color}))};
	case 5:
		return Object.assign({auto_fill: false, date_formatter: 'yyyy/MM/dd'}, given);
	case 11:
	case 23:
		return Object.assign({multiple: true}, given);
	case 1001:
	case 1002:
		return Object.assign({date_formatter: 'yyyy/MM/dd'}, given);
	default:
		return Object.keys(given).length ? given : null;
	}
}

function checkDescription(description) {
	if (description === undefined || description === null)
		return '';
	if (!isObject(description) || (description.text !== undefined && !isString(description.text)))
		throw new Fail(1254001, 'WrongRequestBody');
	return description.text || '';
}

/*
 * A field as the body of create field, update field or create table defines it.
 * old is the field that is replaced, if any; hasTable(id) checks a link's target.
 */
function define(body, opts) {
	const old = opts.old;
	if (!isObject(body))
		throw new Fail(1254001, 'WrongRequestBody');
	if (body.field_name === undefined)
		throw badParam('field_name', '', 'field_name is required');
	if (body.type === undefined)
		throw badParam('type', '', 'type is required');
	if (!isString(body.field_name) || body.field_name.trim() === '')
		throw new Fail(1254001, 'WrongRequestBody');
	const type = TYPES[body.type];
	if (!Number.isInteger(body.type) || !type)
		throw badParam('type', body.type, 'the type is not one of ' + Object.keys(TYPES).join(','));
	if (body.type === 19 || (body.type === 20 && body.property && body.property.formula_expression))
		throw new Fail(type.prop[0], type.prop[1]);
	if (body.ui_type !== undefined && !type.ui.includes(body.ui_type))
		throw badParam('ui_type', body.ui_type, 'the ui_type does not belong to the type');
	const known = new Set(old && old.property && old.property.options ? old.property.options.map((o) => o.id) : []);
	checkProperty(body.type, body.property, known, opts.hasTable);
	return {
		field_id: old ? old.field_id : opts.newId('fld'),
		field_name: body.field_name.trim(),
		type: body.type,
		ui_type: body.ui_type || type.ui[0],
		is_primary: old ? old.is_primary : false,
		description: checkDescription(body.description),
		property: defaultProperty(body.type, body.property, opts.newId),
	};
}

/* The field as list fields and the echo of its creation answer it. */
function fieldShape(field, asArray) {
	const out = {
		field_id: field.field_id,
		field_name: field.field_name,
		is_hidden: false,
		is_primary: field.is_primary,
		property: field.property,
		type: field.type,
		ui_type: field.ui_type,
	};
	if (field.description)
		out.description = asArray ? [{type: 'text', text: field.description}] : field.description;
	return out;
}

module.exports = {
	Fail, VERBATIM, TYPES, PRIMARY, badParam, isObject, isString, isEmpty, computed,
	toCell, searchShape, listShape, plain, define, fieldShape, dropOptions, user,
};
