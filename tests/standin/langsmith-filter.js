'use strict';
/*
 * langsmith-filter.js - the filter language of LangSmith's run queries.
 *
 * A filter is one call: comparator(field, value), or and(...) / or(...) of
 * calls.  Comparators: eq neq gt gte lt lte has search in like; there is no
 * "not".  Strings stand in "..." or '...', times are quoted ISO strings,
 * numbers, true, false and null are bare, lists are ["a","b"].
 *
 * Metadata, input, output and feedback are asked for by a key clause and a
 * value clause under one and(): both have to hold for the same pair.
 */

class FilterError extends Error {}

const FAMILIES = ['metadata', 'input', 'output', 'feedback'];

const FIELDS = {
	id: 'uuid', trace_id: 'uuid',
	name: 'string', run_type: 'string', status: 'string', thread_id: 'string',
	error: 'text',
	start_time: 'time', end_time: 'time',
	latency: 'duration',
	total_tokens: 'number', prompt_tokens: 'number', completion_tokens: 'number',
	total_cost: 'number', prompt_cost: 'number', completion_cost: 'number',
	is_root: 'bool',
	tags: 'list',
	metadata_key: 'pair', metadata_value: 'pair',
	input_key: 'pair', input_value: 'pair',
	output_key: 'pair', output_value: 'pair',
	feedback_key: 'pair', feedback_score: 'pair',
};

const ORDERED = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte'];
const COMPARATORS = {
	uuid: ['eq', 'neq', 'in'],
	string: ['eq', 'neq', 'in', 'like', 'search'],
	text: ['eq', 'neq', 'like', 'search'],
	time: ORDERED, duration: ORDERED, number: ORDERED,
	bool: ['eq', 'neq'],
	list: ['has'],
	pair: ORDERED.concat(['in', 'like', 'search']),
};
const ALL = ORDERED.concat(['has', 'search', 'in', 'like']);
const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;
const UNIT_SECONDS = {us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86400};

/* ---- text to tree ---- */

function tokens(text) {
	const re = /\s*(?:([A-Za-z_][A-Za-z0-9_]*)|("(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*')|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([(),[\]]))/y;
	const out = [];
	while (!/^\s*$/.test(text.slice(re.lastIndex))) {
		const at = re.lastIndex;
		const m = re.exec(text);
		if (!m)
			throw new FilterError('Unexpected character at position ' + at);
		if (m[1] !== undefined)
			out.push({kind: 'word', v: m[1], at});
		else if (m[2] !== undefined)
			out.push({kind: 'string', v: unquote(m[2]), at});
		else if (m[3] !== undefined)
			out.push({kind: 'number', v: Number(m[3]), at});
		else
			out.push({kind: m[4], at});
	}
	return out;
}

function unquote(s) {
	const named = {n: '\n', t: '\t', r: '\r', b: '\b', f: '\f'};
	return s.slice(1, -1).replace(/\\(u[0-9a-fA-F]{4}|[^])/g, (all, c) =>
	    c.length === 5 ? String.fromCharCode(parseInt(c.slice(1), 16)) : named[c] || c);
}

class Parser {
	constructor(text, opts) {
		this.toks = tokens(text);
		this.pos = 0;
		this.opts = opts;
	}

	next(kind) {
		const t = this.toks[this.pos];
		if (!t || (kind && t.kind !== kind))
			throw new FilterError('Expected ' + (kind || 'a token') + ' at ' + (t ? 'position ' + t.at : 'the end'));
		this.pos++;
		return t;
	}

	peek(kind) {
		const t = this.toks[this.pos];
		return t !== undefined && t.kind === kind;
	}

	filter() {
		const tree = this.call();
		if (this.pos !== this.toks.length)
			throw new FilterError('Unexpected text after the filter at position ' + this.toks[this.pos].at);
		return tree;
	}

	call() {
		const op = this.next('word').v;
		if (op !== 'and' && op !== 'or' && ALL.indexOf(op) < 0)
			throw new FilterError('Invalid operator: "' + op + '"');
		this.next('(');
		const args = [];
		while (!this.peek(')')) {
			args.push(op === 'and' || op === 'or' ? this.call() : this.operand());
			if (!this.peek(')'))
				this.next(',');
		}
		this.next(')');
		if (op === 'and' || op === 'or') {
			if (args.length === 0)
				throw new FilterError('Invalid argument count: "' + op + '" requires arguments, got 0');
			return {op, args};
		}
		return this.comparison(op, args);
	}

	operand() {
		if (this.peek('[')) {
			this.next();
			const list = [];
			while (!this.peek(']')) {
				list.push(this.operand());
				if (!this.peek(']'))
					this.next(',');
			}
			this.next(']');
			return {kind: 'list', v: list};
		}
		const t = this.next();
		if (t.kind === 'word') {
			if (t.v === 'true' || t.v === 'false')
				return {kind: 'bool', v: t.v === 'true'};
			return t.v === 'null' ? {kind: 'null', v: null} : t;
		}
		if (t.kind !== 'string' && t.kind !== 'number')
			throw new FilterError('Unexpected "' + t.kind + '" at position ' + t.at);
		return t;
	}

	comparison(op, args) {
		if (op === 'search' && args.length === 1) {
			if (args[0].kind !== 'string')
				throw new FilterError('"search" requires a string');
			return {op, field: null, value: args[0].v};
		}
		if (op === 'search' && !this.opts.fieldSearch)
			throw new FilterError('Invalid argument count: "search" requires 1 arguments, got ' + args.length);
		if (args.length !== 2)
			throw new FilterError('Invalid argument count: "' + op + '" requires 2 arguments, got ' + args.length);
		const field = args[0].v;
		if (args[0].kind !== 'word' || FIELDS[field] === undefined)
			throw new FilterError('Invalid attribute: "' + field + '"');
		const kind = FIELDS[field];
		if (COMPARATORS[kind].indexOf(op) < 0)
			throw new FilterError('Invalid comparator "' + op + '" for attribute "' + field + '"');
		return {op, field, value: this.value(op, field, kind, args[1])};
	}

	value(op, field, kind, arg) {
		const bad = () => new FilterError('Invalid value for attribute "' + field + '"');
		if (op === 'in') {
			if (arg.kind !== 'list')
				throw new FilterError('"in" requires a list');
			return arg.v.map((a) => this.scalar(field, kind, a, bad));
		}
		if (op === 'like' || op === 'search' || op === 'has') {
			if (arg.kind !== 'string')
				throw bad();
			return arg.v;
		}
		return this.scalar(field, kind, arg, bad);
	}

	scalar(field, kind, arg, bad) {
		if (arg.kind === 'list' || arg.kind === 'word')
			throw bad();
		if (arg.kind === 'null')
			return null;
		switch (kind) {
		case 'uuid':
			if (arg.kind !== 'string' || !UUID.test(arg.v))
				throw bad();
			return arg.v.toLowerCase();
		case 'string':
		case 'text':
			if (arg.kind !== 'string')
				throw bad();
			return arg.v;
		case 'time': {
			const us = arg.kind === 'string' ? this.opts.parseTime(arg.v) : null;
			if (us === null)
				throw bad();
			return us;
		}
		case 'duration': {
			const m = arg.kind === 'string' && /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$/.exec(arg.v);
			if (arg.kind !== 'number' && !m)
				throw bad();
			return m ? Number(m[1]) * UNIT_SECONDS[m[2]] : arg.v;
		}
		case 'number':
			if (arg.kind !== 'number')
				throw bad();
			return arg.v;
		case 'bool':
			if (arg.kind !== 'bool')
				throw bad();
			return arg.v;
		default:
			return arg.v;
		}
	}
}

/*
 * parse(text, {parseTime, fieldSearch}) gives a tree for test() or throws a
 * FilterError.  parseTime(text) is microseconds or null; fieldSearch says
 * whether search(field, text) is known beside search(text).
 */
function parse(text, opts) {
	return new Parser(text, opts).filter();
}

/* ---- a tree and a run to true or false ---- */

function likePattern(pattern) {
	const quoted = pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
	return new RegExp('^' + quoted.replace(/%/g, '[^]*').replace(/_/g, '[^]') + '$');
}

function compare(op, have, want) {
	switch (op) {
	case 'eq':
		return have === want;
	case 'neq':
		return have !== want;
	case 'in':
		return want.indexOf(have) >= 0;
	case 'like':
		return typeof have === 'string' && likePattern(want).test(have);
	case 'search':
		return typeof have === 'string' && have.toLowerCase().indexOf(want.toLowerCase()) >= 0;
	case 'has':
		return Array.isArray(have) && have.indexOf(want) >= 0;
	default:
	}
	if (have === null || want === null)
		return false;
	return op === 'gt' ? have > want : op === 'gte' ? have >= want : op === 'lt' ? have < want : have <= want;
}

/* Values of pairs are kept as text, save scores; 42 and "42" ask for the same. */
function comparePair(c, pair) {
	const isKey = /_key$/.test(c.field);
	const have = isKey ? pair.key : pair.value;
	const text = (v) => (v === null || typeof v === 'string' ? v : JSON.stringify(v));
	if (['gt', 'gte', 'lt', 'lte'].indexOf(c.op) >= 0 || (typeof have === 'number' && typeof c.value === 'number'))
		return compare(c.op, Number(have), Number(c.value));
	return compare(c.op, text(have), Array.isArray(c.value) ? c.value.map(text) : text(c.value));
}

function familyOf(node) {
	const f = node.field && FIELDS[node.field] === 'pair' ? node.field.split('_')[0] : null;
	return f;
}

const flatten = (node) => (node.op === 'and' ? [].concat(...node.args.map(flatten)) : [node]);

function testAll(nodes, run) {
	if (!nodes.filter((n) => familyOf(n) === null).every((n) => test(n, run)))
		return false;
	return FAMILIES.every((family) => {
		const clauses = nodes.filter((n) => familyOf(n) === family);
		return clauses.length === 0 || run.pairs(family).some((p) => clauses.every((c) => comparePair(c, p)));
	});
}

/*
 * test(tree, run): run.scalar(field) is the value of a field (times in
 * microseconds, latency in seconds), run.pairs(family) a list of {key, value},
 * run.text() everything that a full-text search sees.
 */
function test(node, run) {
	if (node.op === 'and')
		return testAll(flatten(node), run);
	if (node.op === 'or')
		return node.args.some((a) => test(a, run));
	if (familyOf(node) !== null)
		return testAll([node], run);
	const have = node.op === 'search' && node.field === null ? run.text() : run.scalar(node.field);
	return compare(node.op, have === undefined ? null : have, node.value);
}

/* The inclusive bounds in microseconds that a filter certainly puts on start_time; they spare a scan. */
function timeBounds(node) {
	const b = {min: -Infinity, max: Infinity};
	flatten(node).filter((n) => n.field === 'start_time' && n.value !== null).forEach((n) => {
		if (n.op === 'gte' || n.op === 'gt' || n.op === 'eq')
			b.min = Math.max(b.min, n.value);
		if (n.op === 'lte' || n.op === 'lt' || n.op === 'eq')
			b.max = Math.min(b.max, n.value);
	});
	return b;
}

module.exports = {parse, test, timeBounds, FilterError};
