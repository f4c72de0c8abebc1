'use strict';
/*
 * bigquery-schema.js - errors in the service's shape, and schemas: their check, comparison, update and autodetection.
 *
 * A field is {name, type, mode, fields, description}; type is the name that the service's answers use (INTEGER, not
 * INT64).
 */
const {HttpError} = require('./common');
const {Num, Members} = require('./bigquery-json');
const time = require('./bigquery-time');

const STATUS = {
	400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 409: 'ALREADY_EXISTS',
	412: 'FAILED_PRECONDITION', 500: 'INTERNAL', 501: 'UNIMPLEMENTED', 503: 'UNAVAILABLE',
};
const HTTP = {
	invalid: 400, invalidQuery: 400, badRequest: 400, parseError: 400, required: 400, notFound: 404, duplicate: 409, accessDenied: 403,
	rateLimitExceeded: 403, quotaExceeded: 403, conditionNotMet: 412, notImplemented: 501, stopped: 400, backendError: 503, internalError: 500,
};

/* Thrown by a handler, or caught where it ends a job: {reason, message, location}. */
class Fail extends HttpError {
	constructor(reason, message, more) {
		const status = HTTP[reason] || 400;
		const error = Object.assign({message, domain: 'global', reason}, more);
		super(status, {error: {code: status, message, errors: [error], status: STATUS[status]}});
		this.reason = reason;
		this.text = message;
		this.location = more && more.location;
	}

	/* As in a job's status. */
	proto() {
		return Object.assign({reason: this.reason}, this.location ? {location: this.location} : {}, {message: this.text});
	}
}

const ALIASES = {INT64: 'INTEGER', FLOAT64: 'FLOAT', BOOL: 'BOOLEAN', STRUCT: 'RECORD', DECIMAL: 'NUMERIC', BIGDECIMAL: 'BIGNUMERIC'};
const TYPES = ['STRING', 'BYTES', 'INTEGER', 'FLOAT', 'NUMERIC', 'BIGNUMERIC', 'BOOLEAN', 'TIMESTAMP', 'DATE', 'TIME', 'DATETIME', 'JSON', 'RECORD'];
const MODES = ['NULLABLE', 'REQUIRED', 'REPEATED'];
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,299}$/;
const RESERVED = /^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER)/i;
const FIELD_MEMBERS = ['name', 'type', 'mode', 'fields', 'description', 'policyTags', 'maxLength', 'precision', 'scale', 'defaultValueExpression'];
const MAX_DEPTH = 15;
const MAX_COLUMNS = 10000;
const SAMPLE_ROWS = 500;
const PARTITIONS = ['HOUR', 'DAY', 'MONTH', 'YEAR'];
const CLUSTERED = ['STRING', 'INTEGER', 'NUMERIC', 'BIGNUMERIC', 'BOOLEAN', 'TIMESTAMP', 'DATE', 'DATETIME'];

const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
const same = (a, b) => a.toLowerCase() === b.toLowerCase();
const find = (fields, name) => fields.find((f) => same(f.name, name));

/* A member of a request's body that the service does not know is an error there, too. */
function known(object, names, where) {
	if (!isObject(object))
		throw new Fail('invalid', 'Invalid value at \'' + where + '\'');
	Object.keys(object).forEach((k) => {
		if (!names.includes(k))
			throw new Fail('badRequest', 'Invalid JSON payload received. Unknown name "' + k + '" at \'' + where + '\': Cannot find field.');
	});
}

function normalField(f, depth) {
	known(f, FIELD_MEMBERS, 'schema.fields');
	if (typeof f.name !== 'string' || !NAME.test(f.name) || RESERVED.test(f.name))
		throw new Fail('invalid', 'Invalid field name "' + f.name + '". Fields must contain only letters, numbers, and underscores, ' +
			'start with a letter or underscore, and be at most 300 characters long.');
	const upper = String(f.type).toUpperCase();
	const type = ALIASES[upper] || upper;
	if (!TYPES.includes(type))
		throw new Fail('invalid', 'Invalid value for type: ' + f.type + ' is not a valid value');
	const mode = String(f.mode || 'NULLABLE').toUpperCase();
	if (!MODES.includes(mode))
		throw new Fail('invalid', 'Invalid value for mode: ' + f.mode + ' is not a valid value');
	if ((type === 'RECORD') !== (Array.isArray(f.fields) && f.fields.length > 0))
		throw new Fail('invalid', 'Field ' + f.name + (type === 'RECORD' ? ' is type RECORD but has no schema' : ' has fields but is not a RECORD'));
	if (depth > MAX_DEPTH)
		throw new Fail('invalid', 'Field ' + f.name + ' is nested more than ' + MAX_DEPTH + ' levels deep');
	return Object.assign({name: f.name, type, mode}, type === 'RECORD' ? {fields: normalFields(f.fields, depth + 1)} : {},
		f.description === undefined ? {} : {description: f.description});
}

function normalFields(fields, depth) {
	const out = fields.map((f) => normalField(f, depth));
	const seen = new Set();
	out.forEach((f) => {
		if (seen.has(f.name.toLowerCase()))
			throw new Fail('invalid', 'Field ' + f.name + ' already exists in schema');
		seen.add(f.name.toLowerCase());
	});
	return out;
}

/* {fields: [...]} of a request -> normal fields. */
function normalSchema(schema) {
	if (!isObject(schema) || schema.fields !== undefined && !Array.isArray(schema.fields))
		throw new Fail('invalid', 'Invalid schema');
	const fields = normalFields(schema.fields || [], 1);
	if (fields.length > MAX_COLUMNS)
		throw new Fail('invalid', 'Too many columns: limit is ' + MAX_COLUMNS);
	return fields;
}

function checkPartitioning(p, fields) {
	if (p === undefined || p === null)
		return undefined;
	known(p, ['type', 'field', 'expirationMs', 'requirePartitionFilter'], 'timePartitioning');
	if (!PARTITIONS.includes(p.type))
		throw new Fail('invalid', 'Invalid value for time partitioning type: ' + p.type);
	if (p.field === undefined)
		return p;
	const f = find(fields, p.field);
	if (!f)
		throw new Fail('invalid', 'The field specified for partitioning cannot be found in the schema: ' + p.field);
	if (!['DATE', 'TIMESTAMP', 'DATETIME'].includes(f.type) || f.mode === 'REPEATED' || f.type === 'DATE' && p.type === 'HOUR')
		throw new Fail('invalid', 'The field specified for partitioning has an unsupported type or mode: ' + f.type + ' ' + f.mode);
	return p;
}

function checkClustering(c, fields) {
	if (c === undefined || c === null)
		return undefined;
	known(c, ['fields'], 'clustering');
	if (!Array.isArray(c.fields) || c.fields.length < 1 || c.fields.length > 4)
		throw new Fail('invalid', 'Clustering takes 1 to 4 fields');
	c.fields.forEach((name) => {
		const f = find(fields, name);
		if (!f || !CLUSTERED.includes(f.type) || f.mode === 'REPEATED')
			throw new Fail('invalid', 'The field specified for clustering cannot be found in the schema, or cannot cluster: ' + name);
	});
	return c;
}

/*
 * The fields of a table after a change: what stands in the new list, where every old field must still be.  may is
 * {add, relax}: what is allowed; what names the table in messages.
 */
function update(old, wanted, may, what) {
	const refuse = (why) => { throw new Fail('invalid', 'Provided Schema does not match Table ' + what + '. ' + why); };
	old.forEach((f) => {
		const g = find(wanted, f.name);
		if (!g)
			refuse('Field ' + f.name + ' is missing in new schema');
		else if (g.type !== f.type)
			refuse('Field ' + f.name + ' has changed type from ' + f.type + ' to ' + g.type);
		else if (g.mode !== f.mode && !(may.relax && f.mode === 'REQUIRED' && g.mode === 'NULLABLE'))
			refuse('Field ' + f.name + ' has changed mode from ' + f.mode + ' to ' + g.mode);
	});
	wanted.forEach((g) => {
		if (find(old, g.name))
			return;
		if (!may.add)
			refuse('Cannot add fields (field: ' + g.name + ')');
		if (g.mode === 'REQUIRED')
			refuse('Cannot add required fields to an existing schema. (field: ' + g.name + ')');
	});
	const merged = old.map((f) => {
		const g = find(wanted, f.name);
		return Object.assign({}, f, g, {name: f.name}, f.type === 'RECORD' ? {fields: update(f.fields, g.fields, may, what)} : {});
	});
	return merged.concat(wanted.filter((g) => !find(old, g.name)));
}

/*
 * ---- autodetection ----
 * The first 500 rows decide: integers, floats, booleans; a string that reads as a timestamp or a date is one, every
 * other is a STRING; integers and floats together are FLOAT, other mixtures STRING.  Objects are RECORDs, arrays REPEATED.
 */

function typeOf(v) {
	if (v instanceof Num)
		return /^-?\d+$/.test(v.text) ? 'INTEGER' : 'FLOAT';
	if (typeof v === 'boolean')
		return 'BOOLEAN';
	if (v instanceof Members)
		return 'RECORD';
	if (time.parseDate(v) !== null)
		return 'DATE';
	return time.parseTimestamp(v) !== null ? 'TIMESTAMP' : 'STRING';
}

function widen(a, b) {
	if (a === undefined || a === b)
		return b;
	const both = [a, b].sort().join(' ');
	return both === 'FLOAT INTEGER' ? 'FLOAT' : both === 'DATE TIMESTAMP' ? 'TIMESTAMP' : 'STRING';
}

function observe(columns, members) {
	members.list.forEach(([key, value]) => {
		const column = columns.get(key.toLowerCase()) || {name: key, type: undefined, repeated: false, columns: new Map()};
		columns.set(key.toLowerCase(), column);
		if (Array.isArray(value))
			column.repeated = true;
		(Array.isArray(value) ? value : [value]).filter((v) => v !== null && !Array.isArray(v)).forEach((v) => {
			column.type = widen(column.type, typeOf(v));
			if (v instanceof Members)
				observe(column.columns, v);
		});
	});
}

function columnsToFields(columns) {
	return Array.from(columns.values()).map((c) => Object.assign({name: c.name, type: c.type || 'STRING', mode: c.repeated ? 'REPEATED' : 'NULLABLE'},
		c.type === 'RECORD' ? {fields: columnsToFields(c.columns)} : {}));
}

function detect(rows) {
	const columns = new Map();
	rows.slice(0, SAMPLE_ROWS).forEach((r) => observe(columns, r));
	return columnsToFields(columns);
}

module.exports = {Fail, ALIASES, STATUS, isObject, same, find, known, normalSchema, checkPartitioning, checkClustering, update, detect};
