'use strict';
/*
 * bigquery-values.js - one row of JSON against a table's schema, by the rules of a load job or of insertAll, and
 * stored values on their way out.
 *
 * Stored: INTEGER a BigInt, FLOAT a number, BOOLEAN a boolean, TIMESTAMP a BigInt of microseconds, all other scalars
 * their canonical text (BYTES base64, JSON its text, NUMERIC decimal), RECORD {name: value}, REPEATED an array.
 *
 * A load job is the stricter: a number is no STRING there.  insertAll converts numbers and booleans to STRING, and
 * takes a JSON column only as a string.  An integer that is a JSON number beyond +-(2^53-1) loses digits in both.
 */
const {Num, Members, JsonError, parse, stringify} = require('./bigquery-json');
const {find} = require('./bigquery-schema');
const time = require('./bigquery-time');

const INT64_MAX = 9223372036854775807n;
const INTEGER = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;
const SCALE = {NUMERIC: 9, BIGNUMERIC: 38};
const WHOLE = {NUMERIC: 29, BIGNUMERIC: 38};
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/* {location, message} of one bad value. */
class RowError extends Error {
	constructor(location, message) {
		super(message);
		this.location = location;
	}
}

const shown = (v) => (typeof v === 'string' ? v : v === null ? 'NULL' : stringify(v));

function described(v) {
	if (typeof v === 'string')
		return "'string_value: " + JSON.stringify(v) + "' ";
	return v instanceof Num ? "'number_value: " + v.text + "' " : '';
}

/* "12.50" -> "12.5"; null where it does not fit the type. */
function decimal(text, type) {
	const m = DECIMAL.exec(text);
	if (!m)
		return null;
	const exponent = Number(m[3] || 0);
	let digits = m[1] + (m[2] || '');
	let point = m[1].length + exponent;
	if (point < 0) {
		digits = '0'.repeat(-point) + digits;
		point = 0;
	}
	digits = digits.padEnd(point, '0');
	const whole = digits.slice(0, point).replace(/^0+/, '');
	const part = digits.slice(point).replace(/0+$/, '');
	if (whole.length > WHOLE[type] || part.length > SCALE[type])
		return null;
	const body = (whole || '0') + (part ? '.' + part : '');
	return (text[0] === '-' && body !== '0' ? '-' : '') + body;
}

function integer(v) {
	if (typeof v === 'string')
		return INTEGER.test(v) ? BigInt(v.replace('+', '')) : null;
	if (!(v instanceof Num))
		return null;
	const n = Number(v.text);
	return Number.isInteger(n) ? BigInt(n) : null;
}

function float(v) {
	const text = v instanceof Num ? v.text : v;
	if (typeof text !== 'string')
		return null;
	if (/^[+-]?(inf(inity)?|nan)$/i.test(text) && !(v instanceof Num))
		return /nan/i.test(text) ? NaN : text[0] === '-' ? -Infinity : Infinity;
	const n = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : NaN;
	return Number.isFinite(n) ? n : null;
}

function boolean(v) {
	if (typeof v === 'boolean')
		return v;
	const text = v instanceof Num ? v.text : v;
	if (typeof text !== 'string' || !/^(true|t|yes|y|1|false|f|no|n|0)$/i.test(text))
		return null;
	return /^(true|t|yes|y|1)$/i.test(text);
}

const epochSeconds = (text) => (/^-?\d{1,11}(\.\d{1,6})?$/.test(text) ? BigInt(Math.round(Number(text) * 1e6)) : null);
const textual = (fn) => (v) => (typeof v === 'string' ? fn(v) : null);

const CONVERT = {
	INTEGER: (v) => {
		const n = integer(v);
		return n === null || n > INT64_MAX || n < -INT64_MAX - 1n ? null : n;
	},
	FLOAT: float,
	NUMERIC: (v) => decimal(v instanceof Num ? v.text : typeof v === 'string' ? v : '', 'NUMERIC'),
	BIGNUMERIC: (v) => decimal(v instanceof Num ? v.text : typeof v === 'string' ? v : '', 'BIGNUMERIC'),
	BOOLEAN: boolean,
	TIMESTAMP: (v, o) => (v instanceof Num ? epochSeconds(v.text) : typeof v === 'string' ? time.parseTimestamp(v, o.zone) : null),
	DATE: textual(time.parseDate),
	TIME: textual(time.parseTime),
	DATETIME: textual(time.parseDatetime),
	BYTES: textual((s) => (BASE64.test(s) ? Buffer.from(s, 'base64').toString('base64') : null)),
	STRING: (v, o) => (typeof v === 'string' ? v : !o.stream || v instanceof Members || Array.isArray(v) ? null : stringify(v)),
	JSON: (v, o) => {
		if (!o.stream)
			return stringify(v);
		try {
			return typeof v === 'string' ? stringify(parse(v)) : null;
		} catch (e) {
			return null;
		}
	},
};

function complaint(f, path, v) {
	const about = ' Field: ' + path + '; Value: ' + shown(v);
	if (f.type === 'TIMESTAMP')
		return "Couldn't convert value to timestamp: Could not parse '" + shown(v) + "' as a timestamp. Required format is " +
			'YYYY-MM-DD HH:MM[:SS[.SSSSSS]] or YYYY/MM/DD HH:MM[:SS[.SSSSSS]]' + about;
	if (['DATE', 'TIME', 'DATETIME'].includes(f.type))
		return 'Invalid ' + f.type.toLowerCase() + ": '" + shown(v) + "'" + about;
	return 'Could not convert value ' + described(v) + 'to ' + f.type.toLowerCase() + '.' + about;
}

/* One value that is not null. */
function convert(f, path, v, o) {
	if (f.type === 'RECORD') {
		if (!(v instanceof Members))
			throw new RowError(path, 'This field: ' + path + ' is not a record.');
		return record(f.fields, path + '.', v, o);
	}
	if (Array.isArray(v) && f.type !== 'JSON')
		throw new RowError(path, 'Array specified for non-repeated field: ' + path + '.');
	if (v instanceof Members && f.type !== 'JSON')
		throw new RowError(path, 'JSON object specified for non-record field: ' + path);
	const out = CONVERT[f.type](v, o);
	if (out === null)
		throw new RowError(path, complaint(f, path, v));
	return out;
}

function repeated(f, path, v, o) {
	if (!Array.isArray(v))
		throw new RowError(path, 'Repeated field must be imported as a JSON array. Field: ' + path + '.');
	return v.map((x) => {
		if (x === null)
			throw new RowError(path, 'Only optional fields can be set to NULL. Field: ' + path + '; Value: NULL');
		return convert(f, path, x, o);
	});
}

function member(f, path, v, o) {
	if (f.mode === 'REPEATED')
		return repeated(f, path, v, o);
	if (v !== null)
		return convert(f, path, v, o);
	if (f.mode === 'REQUIRED')
		throw new RowError(path, 'Only optional fields can be set to NULL. Field: ' + path + '; Value: NULL');
	return null;
}

/* o is {stream, ignoreUnknown, zone}. */
function record(fields, prefix, members, o) {
	const out = {};
	members.list.forEach(([key, value]) => {
		const f = find(fields, key);
		if (!f) {
			if (o.ignoreUnknown)
				return;
			throw new RowError(prefix + key, (o.stream ? 'no such field: ' : 'No such field: ') + prefix + key + '.');
		}
		if (f.name in out)
			throw new RowError(prefix + key, 'Duplicate(Case Insensitive) field names: ' + prefix + key + '.');
		out[f.name] = member(f, prefix + f.name, value, o);
	});
	fields.forEach((f) => {
		if (f.name in out)
			return;
		if (f.mode === 'REQUIRED')
			throw new RowError(prefix + f.name, 'Missing required field: ' + prefix + f.name + '.');
		out[f.name] = f.mode === 'REPEATED' ? [] : null;
	});
	return out;
}

function row(fields, value, o) {
	if (!(value instanceof Members))
		throw new RowError('', 'Failed to parse JSON: No object found');
	return record(fields, '', value, o);
}

/* The text of a JSON line -> Members; a RowError where it is none. */
function line(text) {
	let v;
	try {
		v = parse(text);
	} catch (e) {
		if (!(e instanceof JsonError))
			throw e;
		throw new RowError('', e.message);
	}
	if (!(v instanceof Members))
		throw new RowError('', 'Failed to parse JSON: No object found');
	return v;
}

/* ---- out ---- */

function floatText(n) {
	return Number.isNaN(n) ? 'NaN' : Number.isInteger(n) && Math.abs(n) < 1e15 ? n + '.0' : String(n);
}

/* format is "int64", "iso8601" or "float" (the default of the service). */
function scalar(type, v, format) {
	switch (type) {
	case 'TIMESTAMP':
		return format === 'int64' ? String(v) : format === 'iso8601' ? time.formatTimestamp(v) : time.formatFloatSeconds(v);
	case 'FLOAT':
		return floatText(v);
	default:
		return String(v);
	}
}

function cell(f, v, format) {
	if (f.mode === 'REPEATED')
		return {v: (v || []).map((x) => cell({type: f.type, fields: f.fields}, x, format))};
	if (v === null || v === undefined)
		return {v: null};
	return {v: f.type === 'RECORD' ? wire(f.fields, v, format) : scalar(f.type, v, format)};
}

/* {"f":[{"v":...}]} of a stored row. */
const wire = (fields, values, format) => ({f: fields.map((f) => cell(f, values[f.name], format))});

function readable(f, v) {
	if (v === null || v === undefined)
		return 'null';
	if (Array.isArray(v))
		return '[' + v.map((x) => readable(f, x)).join(',') + ']';
	if (f.type === 'RECORD')
		return readableRow(f.fields, v);
	if (f.type === 'JSON' || f.type === 'BOOLEAN' || f.type === 'INTEGER' || f.type === 'FLOAT' && Number.isFinite(v))
		return String(v);
	return JSON.stringify(f.type === 'TIMESTAMP' ? time.formatTimestamp(v) : String(v));
}

/* NDJSON for a test: numbers as numbers with all digits, timestamps in RFC 3339. */
const readableRow = (fields, values) => '{' + fields.map((f) => JSON.stringify(f.name) + ':' + readable(f, values[f.name])).join(',') + '}';

module.exports = {RowError, row, line, decimal, convert, wire, readableRow};
