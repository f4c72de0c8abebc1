'use strict';
/*
 * feishu-filter.js - the filter and sort of records/search in the Feishu
 * stand-in: their limits, which operator goes with which type, and what they
 * select.  A filter is checked and turned into one predicate before any row
 * is looked at.
 */
const {Fail, badParam, computed, plain, isEmpty, isObject, isString} = require('./feishu-fields');

const MAX_CONDITIONS = 50;
const MAX_FILTER = 2000;
const MAX_SORT = 1000;
const MAX_VALUES = 10;
const DAY_MS = 86400000;

const EMPTINESS = ['isEmpty', 'isNotEmpty'];
const EQUALITY = ['is', 'isNot'].concat(EMPTINESS);
const TEXT_OPS = EQUALITY.concat(['contains', 'doesNotContain']);
const NUMBER_OPS = EQUALITY.concat(['isGreater', 'isGreaterEqual', 'isLess', 'isLessEqual']);
const DATE_OPS = ['is', 'isGreater', 'isLess'].concat(EMPTINESS);
const OPERATORS = {
	1: TEXT_OPS, 2: NUMBER_OPS, 3: TEXT_OPS, 4: TEXT_OPS, 5: DATE_OPS, 7: ['is'], 11: TEXT_OPS, 13: TEXT_OPS, 15: TEXT_OPS,
	17: EMPTINESS, 18: TEXT_OPS, 21: TEXT_OPS, 22: TEXT_OPS, 23: TEXT_OPS,
	1001: DATE_OPS, 1002: DATE_OPS, 1003: TEXT_OPS, 1004: TEXT_OPS, 1005: TEXT_OPS,
};

const invalid = (message) => new Fail(1254018, 'InvalidFilter', {message});

/* ---- dates ---- */

/* Midnight of the day of ms, tz milliseconds east of Greenwich. */
const midnight = (ms, tz) => Math.floor((ms + tz) / DAY_MS) * DAY_MS - tz;

function monthStart(ms, tz, add) {
	const d = new Date(ms + tz);
	return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + add, 1) - tz;
}

/* [from, to) of a named span; to the service a week begins on Monday. */
function span(name, now, tz) {
	const today = midnight(now, tz);
	const monday = today - ((new Date(today + tz).getUTCDay() + 6) % 7) * DAY_MS;
	switch (name) {
	case 'Today':
		return [today, today + DAY_MS];
	case 'Tomorrow':
		return [today + DAY_MS, today + 2 * DAY_MS];
	case 'Yesterday':
		return [today - DAY_MS, today];
	case 'CurrentWeek':
		return [monday, monday + 7 * DAY_MS];
	case 'LastWeek':
		return [monday - 7 * DAY_MS, monday];
	case 'CurrentMonth':
		return [monthStart(now, tz, 0), monthStart(now, tz, 1)];
	case 'LastMonth':
		return [monthStart(now, tz, -1), monthStart(now, tz, 0)];
	case 'TheLastWeek':
		return [today - 6 * DAY_MS, today + DAY_MS];
	case 'TheNextWeek':
		return [today, today + 7 * DAY_MS];
	case 'TheLastMonth':
		return [today - 29 * DAY_MS, today + DAY_MS];
	case 'TheNextMonth':
		return [today, today + 30 * DAY_MS];
	default:
		return null;
	}
}

function dateSpan(operator, value, env) {
	if (value[0] === 'ExactDate') {
		if (value.length !== 2 || !/^-?\d{1,16}$/.test(value[1]))
			throw invalid('ExactDate needs a timestamp in milliseconds');
		const day = midnight(Number(value[1]), env.tz);	/* hours and minutes are lost, as at the service */
		return [day, day + DAY_MS];
	}
	const found = span(value[0], env.now, env.tz);
	if (!found || value.length !== 1)
		throw invalid('unknown date value ' + value[0]);
	if (operator !== 'is' && !['Today', 'Tomorrow', 'Yesterday'].includes(value[0]))
		throw invalid(value[0] + ' goes with is only');
	return found;
}

function dateTest(operator, value, env) {
	const [from, to] = dateSpan(operator, value, env);
	if (operator === 'is')
		return (cell) => cell >= from && cell < to;
	return operator === 'isGreater' ? (cell) => cell > from : (cell) => cell < from;
}

/* ---- the other types ---- */

function numberTest(operator, value) {
	const n = Number(value[0]);
	if (value.length !== 1 || value[0].trim() === '' || !Number.isFinite(n))
		throw invalid('not a number: ' + value[0]);
	return {
		is: (c) => c === n, isNot: (c) => c !== n, isGreater: (c) => c > n, isGreaterEqual: (c) => c >= n,
		isLess: (c) => c < n, isLessEqual: (c) => c <= n,
	}[operator];
}

function checkboxTest(value) {
	if (value.length !== 1 || !['true', 'false'].includes(value[0]))
		throw invalid('a checkbox is true or false');
	return (cell) => (cell === true) === (value[0] === 'true');
}

const asList = (cell) => (Array.isArray(cell) ? cell.map((c) => (isObject(c) ? c.id || c.file_token : c)) : [cell]);

/* Cells with several values: is = the same set, contains = at least one in common. */
function listTest(operator, value) {
	const has = (cell) => asList(cell).some((c) => value.includes(c));
	const same = (cell) => {
		const list = asList(cell);
		return list.length === value.length && list.every((c) => value.includes(c));
	};
	return {is: same, isNot: (c) => !same(c), contains: has, doesNotContain: (c) => !has(c)}[operator];
}

function textTest(operator, value) {
	if (value.length !== 1)
		throw invalid('one value expected');
	const want = value[0];
	return {
		is: (t) => t === want, isNot: (t) => t !== want,
		contains: (t) => t.includes(want), doesNotContain: (t) => !t.includes(want),
	}[operator];
}

const NEGATIVE = ['isNot', 'doesNotContain'];

/* A predicate over records for one condition; an empty cell satisfies only the negative operators. */
function cellTest(field, operator, value, env) {
	const over = (test) => (record) => {
		const cell = computed(field, record);
		return isEmpty(cell) ? NEGATIVE.includes(operator) : test(cell);
	};
	switch (field.type) {
	case 2:
		return over(numberTest(operator, value));
	case 5:
	case 1001:
	case 1002:
		return over(dateTest(operator, value, env));
	case 7: {
		const test = checkboxTest(value);
		return (record) => test(computed(field, record));
	}
	case 3:
	case 4:
	case 11:
	case 18:
	case 21:
	case 23:
	case 1003:
	case 1004:
		return over(listTest(operator, value));
	default: {
		const test = textTest(operator, value);
		return (record) => {
			const text = plain(field, record);
			return text === undefined ? NEGATIVE.includes(operator) : test(text);
		};
	}
	}
}

function checkCondition(c, fieldByName) {
	if (!isObject(c) || !isString(c.field_name) || !isString(c.operator))
		throw invalid('a condition needs field_name and operator');
	if (!Array.isArray(c.value))
		throw invalid('value must be an array, also for isEmpty');
	if (c.value.length > MAX_VALUES || !c.value.every(isString))
		throw invalid('value holds at most ' + MAX_VALUES + ' strings');
	const field = fieldByName(c.field_name);
	if (!field)
		throw invalid('no field ' + c.field_name);
	const operators = OPERATORS[field.type];
	if (!operators)
		throw invalid('fields of type ' + field.type + ' cannot be filtered');
	if (!operators.includes(c.operator))
		throw invalid('operator ' + c.operator + ' does not go with type ' + field.type);
	if (EMPTINESS.includes(c.operator) !== (c.value.length === 0))
		throw invalid(c.operator + ' with ' + c.value.length + ' values');
	return field;
}

function condition(c, fieldByName, env) {
	const field = checkCondition(c, fieldByName);
	if (c.operator === 'isEmpty')
		return (record) => isEmpty(computed(field, record));
	if (c.operator === 'isNotEmpty')
		return (record) => !isEmpty(computed(field, record));
	return cellTest(field, c.operator, c.value, env);
}

function combine(conjunction, tests) {
	if (tests.length === 0)
		return () => true;
	if (conjunction === 'and')
		return (record) => tests.every((t) => t(record));
	return (record) => tests.some((t) => t(record));
}

function group(g, fieldByName, env, depth) {
	if (!isObject(g))
		throw invalid('a group must be an object');
	if (!['and', 'or'].includes(g.conjunction))
		throw invalid('conjunction must be and or or');
	for (const key of ['conditions', 'children']) {
		if (g[key] !== undefined && g[key] !== null && !Array.isArray(g[key]))
			throw invalid(key + ' must be an array');
	}
	if (depth > 1 && g.children && g.children.length)
		throw invalid('one level of children only');
	const own = (g.conditions || []).map((c) => condition(c, fieldByName, env));
	const nested = (g.children || []).map((c) => group(c, fieldByName, env, depth + 1));
	return combine(g.conjunction, own.concat(nested));
}

function countConditions(g) {
	const nested = Array.isArray(g.children) ? g.children.filter(isObject) : [];
	return (Array.isArray(g.conditions) ? g.conditions.length : 0) + nested.reduce((n, c) => n + countConditions(c), 0);
}

const isBlank = (v) => v === undefined || v === null || (Array.isArray(v) ? v.length === 0 : isObject(v) && Object.keys(v).length === 0);

/*
 * The predicate of a filter, or null when there is none.  fieldByName(name)
 * finds a field, env is {now, tz} in milliseconds.
 */
function compileFilter(filter, fieldByName, env) {
	if (isBlank(filter))
		return null;
	if (!isObject(filter))
		throw new Fail(1254001, 'WrongRequestBody');
	if (JSON.stringify(filter).length > MAX_FILTER || countConditions(filter) > MAX_CONDITIONS)
		throw new Fail(1254107, 'FilterLengthExceedLimit');
	return countConditions(filter) === 0 ? null : group(filter, fieldByName, env, 1);
}

function sortKey(field, record) {
	const cell = computed(field, record);
	return typeof cell === 'number' ? cell : plain(field, record);
}

function compareKeys(a, b) {
	if (a === b)
		return 0;
	if (a === undefined)
		return -1;
	if (b === undefined)
		return 1;
	return a < b ? -1 : 1;
}

/* A comparison of records for a sort, or null when there is none. */
function compileSort(sort, fieldByName) {
	if (isBlank(sort))
		return null;
	if (!Array.isArray(sort))
		throw new Fail(1254001, 'WrongRequestBody');
	if (JSON.stringify(sort).length > MAX_SORT)
		throw new Fail(1254108, 'SortLengthExceedLimit');
	const keys = sort.map((s) => {
		const field = isObject(s) && isString(s.field_name) ? fieldByName(s.field_name) : null;
		if (!field)
			throw new Fail(1254016, 'InvalidSort');
		if (s.desc !== undefined && typeof s.desc !== 'boolean')
			throw badParam('sort.desc', s.desc, 'desc is a boolean');
		return {field, sign: s.desc ? -1 : 1};
	});
	return (a, b) => {
		for (const k of keys) {
			const order = compareKeys(sortKey(k.field, a), sortKey(k.field, b));
			if (order)
				return order * k.sign;
		}
		return 0;
	};
}

module.exports = {compileFilter, compileSort};
