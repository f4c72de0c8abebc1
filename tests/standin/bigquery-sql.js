'use strict';
/*
 * bigquery-sql.js - runs the statements of bigquery-parse.js on the stand-in's tables.  Every expression is compiled
 * to {t, get(env)} first, where t is its SQL type (null for NULL), so that a wrong type or an unknown column is
 * refused as the service refuses it, also by a dry run and on an empty table.
 *
 * An env is a list of the sources' rows ({column: value}); of a group it is {keys, aggs}.
 */
const {Fail, ALIASES, same, normalSchema} = require('./bigquery-schema');
const {decimal} = require('./bigquery-values');
const {parse} = require('./bigquery-parse');
const time = require('./bigquery-time');

const SQL_NAME = {INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL', RECORD: 'STRUCT', INT: 'INT64'};
const NUMBERS = ['INT64', 'NUMERIC', 'BIGNUMERIC', 'FLOAT64'];
const ORDERED = NUMBERS.concat('STRING', 'BOOL', 'DATE', 'DATETIME', 'TIME', 'TIMESTAMP', 'BYTES');
const SCALE = 38;
const DAY_MICROS = 86400000000n;
const UNITS = {MICROSECOND: 1n, MILLISECOND: 1000n, SECOND: 1000000n, MINUTE: 60000000n, HOUR: 3600000000n, DAY: DAY_MICROS};

const sqlType = (type) => SQL_NAME[type] || type;
const bad = (message, where) => new Fail('invalidQuery', message + (where ? ' at ' + where : ''), {location: 'query', locationType: 'parameter'});

/* ---- values ---- */

/* A decimal's text as an integer of 10^-38. */
function scaled(text) {
	const [whole, part] = text.replace('-', '').split('.');
	const n = BigInt(whole + (part || '').padEnd(SCALE, '0'));
	return text[0] === '-' ? -n : n;
}

function unscaled(n) {
	const digits = String(n < 0n ? -n : n).padStart(SCALE + 1, '0');
	return decimal((n < 0n ? '-' : '') + digits.slice(0, -SCALE) + '.' + digits.slice(-SCALE), 'BIGNUMERIC');
}

const isDecimal = (t) => t === 'NUMERIC' || t === 'BIGNUMERIC';

/* What < and === order rightly: STRING by code points, BYTES by bytes. */
function orderable(t, v) {
	if (isDecimal(t))
		return scaled(v);
	if (t === 'BYTES')
		return Buffer.from(v, 'base64').toString('hex');
	return t === 'STRING' ? Buffer.from(v).toString('hex') : v;
}

function compareValues(t, a, b) {
	const x = orderable(t, a);
	const y = orderable(t, b);
	return x < y ? -1 : x > y ? 1 : 0;
}

/* NULLs first, as the service sorts. */
function compareNullable(t, a, b) {
	if (a === null || b === null)
		return (a === null ? 0 : 1) - (b === null ? 0 : 1);
	return compareValues(t, a, b);
}

function checkInt(n) {
	if (n > 9223372036854775807n || n < -9223372036854775808n)
		throw bad('int64 overflow');
	return n;
}

const READ = {
	DATE: time.parseDate, TIMESTAMP: (s) => time.parseTimestamp(s), DATETIME: time.parseDatetime, TIME: time.parseTime,
	NUMERIC: (s) => decimal(s, 'NUMERIC'), BIGNUMERIC: (s) => decimal(s, 'BIGNUMERIC'),
	INT64: (s) => (/^[+-]?\d+$/.test(s) ? BigInt(s.replace('+', '')) : null),
	FLOAT64: (s) => (/^(nan|[+-]?inf(inity)?)$/i.test(s) ? (/nan/i.test(s) ? NaN : s[0] === '-' ? -Infinity : Infinity) :
		s.trim() !== '' && Number.isFinite(Number(s)) ? Number(s) : null),
	BOOL: (s) => (/^true$/i.test(s) ? true : /^false$/i.test(s) ? false : null),
	STRING: (s) => s, BYTES: (s) => s, JSON: (s) => s,
};

function read(t, text) {
	const v = READ[t](text);
	if (v === null)
		throw bad('Could not cast literal ' + JSON.stringify(text) + ' to type ' + t);
	return v;
}

/* ---- compilation of expressions ---- */

const constant = (t, v) => ({t, get: () => v, literal: true, v});

/* c as type t, where the service converts by itself; otherwise refuse() is thrown. */
function coerce(c, t, refuse) {
	if (c.t === t || c.t === null)
		return Object.assign({}, c, {t});
	const lift = (fn) => Object.assign({}, c, {t, get: (env) => { const v = c.get(env); return v === null ? null : fn(v); }});
	if (c.t === 'INT64' && t === 'FLOAT64')
		return lift(Number);
	if (c.t === 'INT64' && isDecimal(t))
		return lift(String);
	if (c.t === 'NUMERIC' && t === 'BIGNUMERIC')
		return lift((v) => v);
	if (isDecimal(c.t) && t === 'FLOAT64')
		return lift(Number);
	if (c.literal && c.t === 'STRING' && ['DATE', 'TIMESTAMP', 'DATETIME', 'TIME'].includes(t))
		return constant(t, c.v === null ? null : read(t, c.v));
	throw refuse();
}

function cast(c, t) {
	return {t, get: (env) => {
		const v = c.get(env);
		if (v === null || c.t === t)
			return v;
		if (t === 'STRING')
			return c.t === 'TIMESTAMP' ? time.formatTimestamp(v).replace('T', ' ').replace('Z', '+00') : String(v);
		if (c.t === 'TIMESTAMP' && t === 'DATE')
			return time.dateIn(v, 'UTC');
		if (c.t === 'DATE' && t === 'TIMESTAMP')
			return time.startOfDate(v, 'UTC');
		if (c.t === 'FLOAT64' && t === 'INT64')
			return checkInt(BigInt(Math.round(v)));
		return read(t, String(v));
	}};
}

function bothTypes(a, b, refuse) {
	for (const t of a.t === null ? [b.t] : [a.t, b.t].concat(NUMBERS)) {
		if (t === null)
			continue;
		try {
			return [coerce(a, t, refuse), coerce(b, t, refuse)];
		} catch (e) {
			if (!(e instanceof Fail))
				throw e;
		}
	}
	if (a.t === null && b.t === null)
		return [a, b];
	throw refuse();
}

const signature = (name, args) => bad('No matching signature for ' + name + ' for argument types: ' + args.map((a) => a.t || 'NULL').join(', '));
const strict = (t, args, fn) => ({t, get: (env) => {
	const values = args.map((a) => a.get(env));
	return values.includes(null) ? null : fn(...values);
}});

const COMPARE = {
	'=': (c) => c === 0, '!=': (c) => c !== 0, '<': (c) => c < 0, '<=': (c) => c <= 0, '>': (c) => c > 0, '>=': (c) => c >= 0,
};

function compare(op, args) {
	const refuse = () => signature('operator ' + op, args);
	const [a, b] = bothTypes(args[0], args[1], refuse);
	if (a.t !== null && !ORDERED.includes(a.t))
		throw refuse();
	return strict('BOOL', [a, b], (x, y) => (Number.isNaN(x) || Number.isNaN(y) ? op === '!=' : COMPARE[op](compareValues(a.t, x, y))));
}

function logic(op, args) {
	const [a, b] = args.map((x) => coerce(x, 'BOOL', () => signature('operator ' + op, args)));
	const decides = op === 'OR';
	return {t: 'BOOL', get: (env) => {
		const x = a.get(env);
		if (x === decides)
			return x;
		const y = b.get(env);
		return y === decides ? y : x === null || y === null ? null : !decides;
	}};
}

const ARITH = {'+': (x, y) => x + y, '-': (x, y) => x - y, '*': (x, y) => x * y};

function arith(op, args) {
	const refuse = () => signature('operator ' + op, args);
	if (args[0].t === 'DATE' && args[1].t === 'INT64' && op !== '*' && op !== '/')
		return strict('DATE', args, (d, n) => time.addDays(d, op === '+' ? Number(n) : -Number(n)));
	if (!args.every((a) => a.t === null || NUMBERS.includes(a.t)))
		throw refuse();
	if (op === '/') {
		return strict('FLOAT64', args.map((a) => coerce(a, 'FLOAT64', refuse)), (x, y) => {
			if (y === 0)
				throw bad('division by zero: ' + x + ' / ' + y);
			return x / y;
		});
	}
	const [a, b] = bothTypes(args[0], args[1], refuse);
	const fn = ARITH[op];
	if (a.t === 'INT64')
		return strict('INT64', [a, b], (x, y) => checkInt(fn(x, y)));
	if (isDecimal(a.t))
		return strict(a.t, [a, b], (x, y) => unscaled(op === '*' ? scaled(x) * scaled(y) / 10n ** BigInt(SCALE) : fn(scaled(x), scaled(y))));
	return strict(a.t, [a, b], fn);
}

function like(args) {
	const [a, b] = args.map((x) => coerce(x, 'STRING', () => signature('operator LIKE', args)));
	return strict('BOOL', [a, b], (s, pattern) => {
		const re = pattern.replace(/\\?[^]/g, (c) => (c === '%' ? '[^]*' : c === '_' ? '[^]' : c.slice(-1).replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')));
		return new RegExp('^(?:' + re + ')$', 'u').test(s);
	});
}

/* ---- functions ---- */

function zoneOf(c) {
	return c ? coerce(c, 'STRING', () => bad('Invalid time zone')) : constant('STRING', 'UTC');
}

function inZone(t, arg, zone, fn) {
	return strict(t, [arg, zoneOf(zone)], (v, z) => {
		const r = fn(v, z);
		if (r === null)
			throw bad('Invalid time zone: ' + z);
		return r;
	});
}

function shift(name, args, interval, sign) {
	const days = interval && interval.unit === 'DAY';
	const n = interval && coerce(interval.n, 'INT64', () => signature(name, args));
	if (n && days && args[0].t === 'DATE')
		return strict('DATE', [args[0], n], (d, by) => time.addDays(d, sign * Number(by)));
	if (n && UNITS[interval.unit] && args[0].t === 'TIMESTAMP' && name.startsWith('TIMESTAMP'))
		return strict('TIMESTAMP', [args[0], n], (v, by) => v + BigInt(sign) * by * UNITS[interval.unit]);
	throw signature('function ' + name, args);
}

function coalesce(name, args) {
	const t = (args.find((a) => a.t !== null) || args[0]).t;
	const all = args.map((a) => coerce(a, t, () => signature('function ' + name, args)));
	return {t, get: (env) => {
		for (const a of all) {
			const v = a.get(env);
			if (v !== null)
				return v;
		}
		return null;
	}};
}

const texts = (name, args, t, fn) => strict(t, args.map((a) => coerce(a, 'STRING', () => signature('function ' + name, args))), fn);

const FUNCTIONS = {
	DATE: (args) => {
		if (args[0].t === 'TIMESTAMP' && args.length < 3)
			return inZone('DATE', args[0], args[1], time.dateIn);
		if (args[0].t === 'DATETIME' && args.length === 1)
			return strict('DATE', args, (v) => v.slice(0, 10));
		throw signature('function DATE', args);
	},
	TIMESTAMP: (args) => {
		if (args[0].t === 'DATE')
			return inZone('TIMESTAMP', args[0], args[1], time.startOfDate);
		if (args[0].t === 'STRING')
			return inZone('TIMESTAMP', args[0], args[1], (s, zone) => {
				const v = time.parseTimestamp(s, zone);
				if (v === null)
					throw bad('Invalid timestamp: ' + JSON.stringify(s));
				return v;
			});
		if (args[0].t === 'TIMESTAMP')
			return args[0];
		throw signature('function TIMESTAMP', args);
	},
	DATE_ADD: (args, interval) => shift('DATE_ADD', args, interval, 1),
	DATE_SUB: (args, interval) => shift('DATE_SUB', args, interval, -1),
	TIMESTAMP_ADD: (args, interval) => shift('TIMESTAMP_ADD', args, interval, 1),
	TIMESTAMP_SUB: (args, interval) => shift('TIMESTAMP_SUB', args, interval, -1),
	COALESCE: (args) => coalesce('COALESCE', args),
	IFNULL: (args) => coalesce('IFNULL', args),
	LOWER: (args) => texts('LOWER', args, 'STRING', (s) => s.toLowerCase()),
	UPPER: (args) => texts('UPPER', args, 'STRING', (s) => s.toUpperCase()),
	LENGTH: (args) => texts('LENGTH', args, 'INT64', (s) => BigInt(Array.from(s).length)),
	CONCAT: (args) => texts('CONCAT', args, 'STRING', (...all) => all.join('')),
	CURRENT_TIMESTAMP: (args, interval, scope) => constant('TIMESTAMP', BigInt(scope.now) * 1000n),
	CURRENT_DATE: (args, interval, scope) => inZone('DATE', constant('TIMESTAMP', BigInt(scope.now) * 1000n), args[0], time.dateIn),
};

/* name -> (argument type) -> {t, fold(values that are not null)} */
const AGGREGATES = {
	COUNT: () => ({t: 'INT64', fold: (values) => BigInt(values.length)}),
	COUNTIF: (t) => ({t: 'INT64', fold: (values) => BigInt(values.filter(Boolean).length), ok: t === 'BOOL'}),
	SUM: (t) => ({t, ok: NUMBERS.includes(t), fold: (values) => {
		if (!values.length)
			return null;
		if (isDecimal(t))
			return unscaled(values.reduce((a, v) => a + scaled(v), 0n));
		return t === 'INT64' ? checkInt(values.reduce((a, v) => a + v, 0n)) : values.reduce((a, v) => a + v, 0);
	}}),
	AVG: (t) => ({t: 'FLOAT64', ok: NUMBERS.includes(t), fold: (values) => (
		values.length ? values.reduce((a, v) => a + Number(v), 0) / values.length : null)}),
	MIN: (t) => ({t, ok: ORDERED.includes(t), fold: (values) => values.reduce((a, v) => (a === null || compareValues(t, v, a) < 0 ? v : a), null)}),
	MAX: (t) => ({t, ok: ORDERED.includes(t), fold: (values) => values.reduce((a, v) => (a === null || compareValues(t, v, a) > 0 ? v : a), null)}),
	ANY_VALUE: (t) => ({t, fold: (values) => (values.length ? values[0] : null)}),
};

function resolve(e, scope) {
	const [first, second] = e.path;
	if (e.path.length === 2) {
		const i = scope.sources.findIndex((s) => s.alias !== null && same(s.alias, first));
		const c = i >= 0 && scope.sources[i].columns.find((x) => same(x.name, second));
		if (i >= 0 && !c)
			throw bad('Name ' + second + ' not found inside ' + first, e.where);
		if (c)
			return {source: i, column: c};
	}
	const found = [];
	scope.sources.forEach((s, i) => {
		s.columns.filter((c) => e.path.length === 1 && same(c.name, first)).forEach((column) => found.push({source: i, column}));
	});
	if (found.length > 1)
		throw bad('Column name ' + first + ' is ambiguous', e.where);
	if (!found.length)
		throw bad('Unrecognized name: ' + first, e.where);
	return found[0];
}

/* A text that is the same for equal expressions. */
function keyOf(e, scope) {
	if (e.kind === 'path') {
		const r = resolve(e, scope);
		return r.source + '.' + r.column.name;
	}
	const self = [e.kind, e.name, e.op, e.type, e.value, e.index, e.no, e.unit, e.star, e.distinct];
	return JSON.stringify(self.concat((e.args || []).map((a) => keyOf(a, scope))));
}

const isAggregate = (e) => e.kind === 'call' && e.name in AGGREGATES;
const hasAggregate = (e) => isAggregate(e) || (e.args || []).some(hasAggregate);

function aggregate(e, scope) {
	const inner = Object.assign({}, scope, {grouped: null, inAggregate: true});
	if (scope.inAggregate)
		throw bad('Aggregations of aggregations are not allowed');
	const arg = e.star ? constant('INT64', 1n) : e.args.length === 1 ? compile(e.args[0], inner) : null;
	const spec = arg && AGGREGATES[e.name](arg.t);
	if (!spec || spec.ok === false)
		throw signature('aggregate function ' + e.name, e.args.map((a) => compile(a, inner)));
	const slot = scope.grouped.aggs.push((envs) => {
		const values = envs.map((env) => arg.get(env)).filter((v) => v !== null);
		return spec.fold(e.distinct ? Array.from(new Map(values.map((v) => [String(v), v])).values()) : values);
	}) - 1;
	return {t: spec.t, get: (env) => env.aggs[slot]};
}

function call(e, scope) {
	if (isAggregate(e)) {
		if (!scope.grouped)
			throw bad('Aggregate function ' + e.name + ' not allowed here');
		return aggregate(e, scope);
	}
	if (!(e.name in FUNCTIONS))
		throw bad('Function not found: ' + e.name);
	const last = e.args[e.args.length - 1];
	const interval = last && last.kind === 'interval' ? {unit: last.unit, n: compile(last.args[0], scope)} : null;
	const args = e.args.filter((a) => a.kind !== 'interval').map((a) => compile(a, scope));
	if (!args.length && !e.name.startsWith('CURRENT_'))
		throw signature('function ' + e.name, args);
	return FUNCTIONS[e.name](args, interval, scope);
}

function path(e, scope) {
	const r = resolve(e, scope);
	if (scope.grouped)
		throw bad('SELECT list expression references column ' + r.column.name + ' which is neither grouped nor aggregated', e.where);
	return {t: r.column.t, field: r.column.field, get: (env) => { const row = env[r.source]; return row === null ? null : row[r.column.name]; }};
}

function compile(e, scope) {
	if (scope.grouped && e.kind !== 'literal' && e.kind !== 'param' && !hasAggregate(e)) {
		const i = scope.grouped.keys.findIndex((k) => k.key === keyOf(e, scope));
		if (i >= 0)
			return {t: scope.grouped.keys[i].t, field: scope.grouped.keys[i].field, get: (env) => env.keys[i]};
	}
	const args = () => e.args.map((a) => compile(a, scope));
	switch (e.kind) {
	case 'literal':
		return constant(e.type, e.type === 'INT64' ? checkInt(BigInt(e.value)) : e.type === 'FLOAT64' ? Number(e.value) : e.value);
	case 'typed':
		return constant(e.type, read(e.type, e.value));
	case 'param':
		return parameter(e, scope);
	case 'path':
		return path(e, scope);
	case 'logic':
		return logic(e.op, args());
	case 'not':
		return strict('BOOL', args().map((a, i, all) => coerce(a, 'BOOL', () => signature('operator NOT', all))), (v) => !v);
	case 'isnull': {
		const [a] = args();
		return {t: 'BOOL', get: (env) => (a.get(env) === null) !== e.no};
	}
	case 'compare':
		return compare(e.op, args());
	case 'in': {
		const [first, ...rest] = args();
		return rest.map((r) => compare('=', [first, r])).reduce((a, b) => logic('OR', [a, b]));
	}
	case 'inarray': {
		const [a, list] = args();
		if (!list.element || list.element !== a.t)
			throw signature('operator IN UNNEST', [a, list]);
		return strict('BOOL', [a, list], (v, all) => all.some((x) => x !== null && compareValues(a.t, x, v) === 0));
	}
	case 'like':
		return like(args());
	case 'arith':
		return arith(e.op, args());
	case 'concat':
		return texts('||', args(), 'STRING', (a, b) => a + b);
	case 'negate':
		return arith('-', [constant('INT64', 0n)].concat(args()));
	case 'cast':
		return cast(args()[0], sqlType(e.type));
	case 'call':
		return call(e, scope);
	default:
		throw bad('The stand-in does not run ' + e.kind + ' here');
	}
}

function parameter(e, scope) {
	const p = e.name === undefined ? scope.params.list[e.index] : scope.params.named.get(e.name.toLowerCase());
	if (!p)
		throw bad(e.name === undefined ? 'Query parameter number ' + (e.index + 1) + ' is not defined' : "Query parameter '" + e.name + "' not found");
	return p.element ? {t: 'ARRAY', element: p.element, get: () => p.v} : constant(p.t, p.v);
}

/* ---- parameters of a request ---- */

function parameterValue(type, value) {
	const t = sqlType(String(type && type.type).toUpperCase());
	const v = value || {};
	if (t === 'ARRAY') {
		const element = sqlType(String(type.arrayType && type.arrayType.type).toUpperCase());
		return {element, v: (v.arrayValues || []).map((x) => parameterValue(type.arrayType, x).v)};
	}
	if (!(t in READ))
		throw new Fail('invalid', 'Invalid query parameter type: ' + (type && type.type));
	if (v.value === undefined || v.value === null)
		return {t, v: null};
	if (typeof v.value === 'object')
		throw new Fail('invalid', 'Invalid value for a query parameter: every value is a string');
	const out = READ[t](String(v.value));	/* the official Node client sends numbers, too */
	if (out === null)
		throw new Fail('invalid', 'Invalid value for type ' + t + ' in query parameter: ' + v.value);
	return {t, v: out};
}

function parameters(mode, list) {
	const out = {named: new Map(), list: []};
	(list || []).forEach((p) => {
		const value = parameterValue(p.parameterType, p.parameterValue);
		if (mode === 'POSITIONAL')
			out.list.push(value);
		else if (!p.name)
			throw new Fail('invalid', 'Named parameters need a name');
		else
			out.named.set(p.name.toLowerCase(), value);
	});
	return out;
}

/* ---- statements ---- */

class Session {
	/* store: {lookup(parts) -> table, make(parts, spec), write(table, rows), buffered(table) -> rows, now}; dry: compile only. */
	constructor(store, params, dry) {
		this.store = store;
		this.params = params;
		this.dry = dry;
		this.saved = null;
		this.result = null;
	}

	scope(sources) {
		return {sources, params: this.params, grouped: null, now: this.store.now};
	}

	/* A table as a source: its columns and rows. */
	tableSource(parts, alias) {
		const table = this.store.lookup(parts);
		return {alias, table, columns: table.fields.map((f) => ({name: f.name, t: f.mode === 'REPEATED' ? 'ARRAY' : sqlType(f.type), field: f})),
			rows: () => table.rows.map((r) => r.values)};
	}

	source(s) {
		if (!s)
			return {alias: null, columns: [], rows: () => [{}]};
		if (s.table)
			return this.tableSource(s.table, s.alias);
		const sub = this.select(s.select);
		return {alias: s.alias, columns: sub.columns, rows: sub.rows};
	}

	condition(e, scope, what) {
		return coerce(compile(e, scope), 'BOOL', () => bad(what + ' should return type BOOL'));
	}

	/* The select list without stars: [{expr, name}]. */
	items(select, source) {
		let anonymous = 0;
		const out = [];
		select.items.forEach((item) => {
			if (item.star)
				source.columns.forEach((c) => out.push({name: c.name, expr: {kind: 'path', path: [c.name], where: ''}}));
			else
				out.push({expr: item.expr, name: item.name === null ? 'f' + anonymous++ + '_' : item.name});
		});
		out.forEach((item, i) => {
			if (out.findIndex((x) => same(x.name, item.name)) !== i)
				throw bad('Duplicate column names in the result are not supported. Found duplicate(s): ' + item.name);
		});
		return out;
	}

	/* What an ORDER BY or GROUP BY item means: a number or an alias of the list, else itself. */
	listed(e, items, source) {
		if (e.kind === 'literal' && e.type === 'INT64') {
			const item = items[Number(e.value) - 1];
			if (!item)
				throw bad('Column number ' + e.value + ' is out of range');
			return item.expr;
		}
		const item = e.kind === 'path' && e.path.length === 1 && items.find((x) => same(x.name, e.path[0]));
		if (!item)
			return e;
		const itself = item.expr.kind === 'path' && same(item.name, item.expr.path[item.expr.path.length - 1]);
		if (source !== null && !itself && source.columns.some((c) => same(c.name, item.name)))
			throw bad('Column name ' + e.path[0] + ' is ambiguous: a column and an alias', e.where);
		return item.expr;
	}

	/* {columns, rows()} of a SELECT. */
	select(s) {
		const source = this.source(s.from);
		const scope = this.scope([source]);
		const items = this.items(s, source);
		const where = s.where && this.condition(s.where, scope, 'WHERE clause');
		const all = items.map((i) => i.expr).concat(s.having || [], s.order.map((o) => o.expr));
		const grouped = s.group.length > 0 || all.some(hasAggregate);
		const groupBy = s.group.map((e) => this.listed(e, items, source)).map((e) => Object.assign({key: keyOf(e, scope)}, compile(e, scope)));
		if (grouped)
			scope.grouped = {keys: groupBy, aggs: []};
		const columns = items.map((i) => Object.assign(compile(i.expr, scope), {name: i.name}));
		const having = s.having && this.condition(s.having, scope, 'HAVING clause');
		const order = s.order.map((o) => Object.assign(compile(this.listed(o.expr, items, null), scope), {down: o.down}));
		const limit = s.limit && Number(compile(s.limit, this.scope([])).get());
		const offset = s.offset ? Number(compile(s.offset, this.scope([])).get()) : 0;

		const rows = () => {
			let envs = source.rows().map((r) => [r]).filter((env) => !where || where.get(env) === true);
			if (grouped)
				envs = groups(envs, groupBy, scope.grouped.aggs);
			if (having)
				envs = envs.filter((env) => having.get(env) === true);
			let out = envs.map((env) => ({keys: order.map((o) => o.get(env)), values: project(columns, env)}));
			out.sort((a, b) => order.reduce((c, o, i) => c || (o.down ? -1 : 1) * compareNullable(o.t, a.keys[i], b.keys[i]), 0));
			if (s.distinct)
				out = distinct(out);
			return out.slice(offset, limit === null ? undefined : offset + limit).map((r) => r.values);
		};
		return {columns: columns.map((c) => ({name: c.name, t: c.t || 'INT64', field: c.field})), rows};
	}

	/* Compiles {column: expression} for a table; gives a function of env that makes the changed values. */
	assign(source, list, scope) {
		const compiled = list.map(({column, expr}) => {
			const c = source.columns.find((x) => same(x.name, column));
			if (!c)
				throw bad('Column ' + column + ' is not present in table ' + source.table.name);
			const e = compile(expr, scope);
			return {c, e: coerce(e, c.t, () => bad('Value of type ' + e.t + ' cannot be assigned to ' + c.name + ', which has type ' + c.t))};
		});
		return (env, old) => {
			const values = Object.assign({}, old);
			compiled.forEach(({c, e}) => { values[c.name] = e.get(env); });
			source.columns.forEach((c) => {
				if (values[c.name] === undefined)
					values[c.name] = c.field.mode === 'REPEATED' ? [] : null;
				if (values[c.name] === null && c.field.mode === 'REQUIRED')
					throw bad('Required field ' + c.name + ' cannot be null');
			});
			return values;
		};
	}

	inserter(source, columns, exprs, scope) {
		if (columns.length !== exprs.length)
			throw bad('Inserted row has wrong column count; Has ' + exprs.length + ', expected ' + columns.length);
		return this.assign(source, columns.map((column, i) => ({column, expr: exprs[i]})), scope);
	}

	write(source, rows, stats, touched, kind) {
		const buffer = new Set(this.store.buffered(source.table));
		if (touched.some((r) => buffer.has(r)))
			throw bad((kind === 'MERGE' ? 'UPDATE/MERGE' : 'UPDATE or DELETE') + ' statement over table ' + source.table.name.replace(':', '.') +
				' would affect rows in the streaming buffer, which is not supported');
		if (stats.insertedRowCount || touched.length)
			this.store.write(source.table, rows);
		this.result = {kind, columns: null, rows: [], stats};
	}

	stored(values) {
		return {values, at: 0, bytes: JSON.stringify(values, (k, v) => (typeof v === 'bigint' ? String(v) : v)).length};
	}

	insert(s) {
		const target = this.tableSource(s.table, null);
		let made;
		if (s.rows) {
			const list = s.rows.map((exprs) => this.inserter(target, s.columns, exprs, this.scope([])));
			made = () => list.map((fn) => fn([], {}));
		} else {
			const sub = this.select(s.select);
			const exprs = sub.columns.map((c) => ({kind: 'path', path: [c.name], where: ''}));
			const fn = this.inserter(target, s.columns, exprs, this.scope([{alias: null, columns: sub.columns}]));
			made = () => sub.rows().map((r) => fn([r], {}));
		}
		return () => {
			const rows = made().map((v) => this.stored(v));
			this.write(target, target.table.rows.concat(rows), {insertedRowCount: rows.length}, [], 'INSERT');
		};
	}

	remove(s) {
		const target = this.tableSource(s.table, s.alias);
		const where = this.condition(s.where, this.scope([target]), 'WHERE clause');
		return () => {
			const gone = target.table.rows.filter((r) => where.get([r.values]) === true);
			this.write(target, target.table.rows.filter((r) => !gone.includes(r)), {deletedRowCount: gone.length}, gone, 'DELETE');
		};
	}

	updateRows(s) {
		const target = this.tableSource(s.table, s.alias);
		const scope = this.scope([target]);
		const where = this.condition(s.where, scope, 'WHERE clause');
		const change = this.assign(target, s.set, scope);
		return () => {
			const touched = target.table.rows.filter((r) => where.get([r.values]) === true);
			const rows = target.table.rows.map((r) => (touched.includes(r) ? this.stored(change([r.values], r.values)) : r));
			this.write(target, rows, {updatedRowCount: touched.length}, touched, 'UPDATE');
		};
	}

	merge(s) {
		const target = this.tableSource(s.table, s.alias);
		const source = this.source(s.using);
		const both = this.scope([target, source]);
		const on = this.condition(s.on, both, 'ON clause');
		const clauses = s.clauses.map((c) => {
			const scope = c.when === 'matched' ? both : this.scope(c.when === 'source' ? [target] : [{alias: null, columns: []}, source]);
			return {
				when: c.when, and: c.and && this.condition(c.and, scope, 'AND condition'),
				change: c.when === 'target' ? this.inserter(target, c.columns, c.values, scope) : c.set ? this.assign(target, c.set, scope) : null,
			};
		});
		const choose = (when, env) => clauses.find((c) => c.when === when && (!c.and || c.and.get(env) === true));
		return () => {
			const stats = {insertedRowCount: 0, updatedRowCount: 0, deletedRowCount: 0};
			const sources = source.rows();
			const used = new Set();
			const touched = [];
			const kept = [];
			target.table.rows.forEach((r) => {
				const matches = sources.filter((x) => on.get([r.values, x]) === true);
				matches.forEach((x) => used.add(x));
				const hits = matches.map((x) => ({env: [r.values, x], c: choose('matched', [r.values, x])})).filter((h) => h.c);
				if (!matches.length)
					hits.push(...[{env: [r.values], c: choose('source', [r.values])}].filter((h) => h.c));
				if (hits.length > 1)
					throw bad('UPDATE/MERGE must match at most one source row for each target row');
				if (!hits.length) {
					kept.push(r);
					return;
				}
				touched.push(r);
				if (hits[0].c.change)
					kept.push(this.stored(hits[0].c.change(hits[0].env, r.values)));
				stats[hits[0].c.change ? 'updatedRowCount' : 'deletedRowCount']++;
			});
			sources.filter((x) => !used.has(x)).forEach((x) => {
				const c = choose('target', [null, x]);
				if (!c)
					return;
				kept.push(this.stored(c.change([null, x], {})));
				stats.insertedRowCount++;
			});
			this.write(target, kept, stats, touched, 'MERGE');
		};
	}

	create(s) {
		const fields = normalSchema({fields: s.fields.map((f) => Object.assign({}, f, {type: f.type === 'INT' ? 'INT64' : f.type}))});
		return () => {
			this.store.make(s.table, s.absent, {
				fields, timePartitioning: s.partition ? {type: 'DAY', field: s.partition} : undefined, clustering: s.cluster ? {fields: s.cluster} : undefined,
			});
			this.result = {kind: 'CREATE_TABLE', columns: null, rows: [], stats: null};
		};
	}

	transaction(kind) {
		return () => {
			if (kind === 'BEGIN_TRANSACTION') {
				if (this.saved)
					throw bad('Cannot start a transaction while another one is open');
				this.saved = this.store.snapshot();
			} else if (!this.saved) {
				throw bad('Cannot ' + kind.split('_')[0] + ' without an open transaction');
			} else {
				if (kind === 'ROLLBACK_TRANSACTION')
					this.saved();
				this.saved = null;
			}
			this.result = {kind, columns: null, rows: [], stats: null};
		};
	}

	/* Compiles a statement; what comes back runs it. */
	prepare(s) {
		switch (s.kind) {
		case 'SELECT': {
			const q = this.select(s.select);
			return Object.assign(() => { this.result = {kind: 'SELECT', columns: q.columns, rows: q.rows(), stats: null}; }, {columns: q.columns});
		}
		case 'INSERT':
			return this.insert(s);
		case 'DELETE':
			return this.remove(s);
		case 'UPDATE':
			return this.updateRows(s);
		case 'MERGE':
			return this.merge(s);
		case 'CREATE_TABLE':
			return this.create(s);
		default:
			return this.transaction(s.kind);
		}
	}

	/* An error, or an end without COMMIT, takes an open transaction back. */
	run(statements) {
		let last = null;
		try {
			statements.forEach((s) => {
				last = this.prepare(s);
				if (!this.dry)
					last();
			});
		} finally {
			if (this.saved)
				this.saved();
		}
		const kind = statements.length > 1 ? 'SCRIPT' : statements[0].kind;
		return this.dry ? {kind, columns: last.columns || null, rows: [], stats: null} : Object.assign({}, this.result, {kind});
	}
}

function project(columns, env) {
	const values = {};
	columns.forEach((c) => { values[c.name] = c.get(env); });
	return values;
}

const tuple = (values) => JSON.stringify(values, (k, v) => (typeof v === 'bigint' ? v + 'n' : v));

function groups(envs, keys, aggs) {
	const found = new Map();
	envs.forEach((env) => {
		const values = keys.map((k) => k.get(env));
		const id = tuple(values);
		if (!found.has(id))
			found.set(id, {keys: values, envs: []});
		found.get(id).envs.push(env);
	});
	if (!keys.length && !found.size)
		found.set('', {keys: [], envs: []});
	return Array.from(found.values()).map((g) => ({keys: g.keys, aggs: aggs.map((fn) => fn(g.envs))}));
}

function distinct(rows) {
	const seen = new Set();
	return rows.filter((r) => !seen.has(tuple(r.values)) && seen.add(tuple(r.values)));
}

/* A result's column as a schema field. */
function fieldOf(c) {
	if (c.field && (c.field.mode === 'REPEATED' || c.field.type === 'RECORD'))
		return Object.assign({}, c.field, {name: c.name});
	return {name: c.name, type: ALIASES[c.t] || c.t, mode: 'NULLABLE'};
}

/* {kind, fields or null, rows (values by name), stats or null}; throws a Fail. */
function runScript(sql, params, store, dry) {
	const statements = parse(sql);
	if (!statements.length)
		throw bad('Syntax error: Unexpected end of script');
	const r = new Session(store, params, dry).run(statements);
	return {kind: r.kind, fields: r.columns && r.columns.map(fieldOf), rows: r.rows, stats: r.stats};
}

module.exports = {runScript, parameters, parse};
