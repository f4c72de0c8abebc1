'use strict';
/*
 * bigquery-parse.js - the grammar of the SQL that the stand-in runs: text -> statements.  What it does not know is
 * refused with invalidQuery, never guessed.
 *
 *   SELECT [DISTINCT] items FROM table|(SELECT) [AS a] [WHERE] [GROUP BY] [HAVING] [ORDER BY] [LIMIT [OFFSET]]
 *   INSERT [INTO] t (cols) VALUES (...), ... | SELECT ...        DELETE [FROM] t [AS a] WHERE ...
 *   UPDATE t [AS a] SET c = e, ... WHERE ...                     MERGE [INTO] t [AS a] USING ... ON ... WHEN ...
 *   CREATE TABLE [IF NOT EXISTS] t (col TYPE [NOT NULL], ...) [PARTITION BY DATE(c)|c] [CLUSTER BY c, ...]
 *   BEGIN [TRANSACTION]    COMMIT [TRANSACTION]    ROLLBACK [TRANSACTION]
 */
const {Fail} = require('./bigquery-schema');

const TOKEN = new RegExp([
	'(?<space>\\s+|--[^\\n]*|#[^\\n]*|/\\*[^]*?\\*/)', '(?<number>\\d+(?:\\.\\d*)?(?:[eE][+-]?\\d+)?)', '(?<name>[A-Za-z_][A-Za-z0-9_]*)',
	'`(?<quoted>[^`\\n]+)`', "'(?<single>(?:[^'\\\\\\n]|\\\\.)*)'", '"(?<double>(?:[^"\\\\\\n]|\\\\.)*)"', '@(?<param>[A-Za-z_][A-Za-z0-9_]*)',
	'(?<op><=|>=|<>|!=|\\|\\||[-+*/=<>(),.;?])',
].join('|'), 'y');
const RESERVED = new Set(('ALL AND ANY AS ASC BETWEEN BY CASE CAST CREATE CURRENT DESC DISTINCT ELSE END EXCEPT EXISTS FALSE FROM FULL GROUP ' +
	'HAVING IF IN INNER INTERSECT INTERVAL INTO IS JOIN LEFT LIKE LIMIT MERGE NOT NULL ON OR ORDER OVER PARTITION RIGHT SELECT SET THEN TRUE UNION ' +
	'UNNEST USING WHEN WHERE WINDOW WITH').split(' '));
const ESCAPES = {n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v', a: '\x07', '\\': '\\', "'": "'", '"': '"', '`': '`', '?': '?'};
const TYPES = ['INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC', 'STRING', 'BOOL', 'TIMESTAMP', 'DATE', 'DATETIME', 'TIME', 'BYTES', 'JSON',
	'INTEGER', 'FLOAT', 'BOOLEAN', 'INT'];

function unescape(s) {
	return s.replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/g, (m, c) => {
		if (c.length > 1)
			return String.fromCharCode(parseInt(c.slice(1), 16));
		if (!(c in ESCAPES))
			throw new Fail('invalidQuery', 'Syntax error: Illegal escape sequence: \\' + c);
		return ESCAPES[c];
	});
}

function place(sql, at) {
	const before = sql.slice(0, at).split('\n');
	return '[' + before.length + ':' + (before[before.length - 1].length + 1) + ']';
}

function syntax(message, where) {
	return new Fail('invalidQuery', 'Syntax error: ' + message + ' at ' + where, {location: 'query', locationType: 'parameter'});
}

function tokens(sql) {
	const out = [];
	for (let at = 0; at < sql.length;) {
		TOKEN.lastIndex = at;
		const m = TOKEN.exec(sql);
		if (!m)
			throw syntax('Illegal input character ' + JSON.stringify(sql[at]), place(sql, at));
		const kind = Object.keys(m.groups).find((k) => m.groups[k] !== undefined);
		const raw = m.groups[kind];
		if (kind === 'single' || kind === 'double')
			out.push({kind: 'string', text: unescape(raw), where: place(sql, at)});
		else if (kind !== 'space')
			out.push({kind, text: raw, where: place(sql, at)});
		at = TOKEN.lastIndex;
	}
	out.push({kind: 'end', text: 'end of input', where: place(sql, sql.length)});
	return out;
}

class Parser {
	constructor(sql) {
		this.list = tokens(sql);
		this.at = 0;
		this.positional = 0;
	}

	get next() {
		return this.list[this.at];
	}

	unexpected(wanted) {
		const t = this.next;
		const got = t.kind === 'name' ? (RESERVED.has(t.text.toUpperCase()) ? 'keyword ' + t.text.toUpperCase() : 'identifier ' + JSON.stringify(t.text)) :
			t.kind === 'end' ? t.text : JSON.stringify(t.text);
		throw syntax((wanted ? 'Expected ' + wanted + ' but got ' : 'Unexpected ') + got, t.where);
	}

	/* Whether these words come next; they are taken. */
	words(text) {
		const list = text.split(' ');
		const here = this.list.slice(this.at, this.at + list.length);
		if (here.length < list.length || !here.every((t, i) => t.kind === 'name' && t.text.toUpperCase() === list[i]))
			return false;
		this.at += list.length;
		return true;
	}

	op(text) {
		if (this.next.kind !== 'op' || this.next.text !== text)
			return false;
		this.at++;
		return true;
	}

	need(text) {
		if (!(/^[A-Z]/.test(text) ? this.words(text) : this.op(text)))
			this.unexpected(/^[A-Z]/.test(text) ? 'keyword ' + text : JSON.stringify(text));
	}

	identifier() {
		const t = this.next;
		if (t.kind !== 'quoted' && (t.kind !== 'name' || RESERVED.has(t.text.toUpperCase())))
			this.unexpected('identifier');
		this.at++;
		return t.text;
	}

	many(fn) {
		const out = [fn()];
		while (this.op(','))
			out.push(fn());
		return out;
	}

	parens(fn) {
		this.need('(');
		const v = fn();
		this.need(')');
		return v;
	}

	/* a.b.c, or `a.b.c`; a dash may stand in a project's name. */
	tableName() {
		let parts = this.identifier().split('.');
		while (this.op('-'))
			parts.push(parts.pop() + '-' + (this.next.kind === 'number' ? this.list[this.at++].text : this.identifier()));
		while (this.op('.'))
			parts = parts.concat(this.identifier().split('.'));
		return parts;
	}

	alias(fallback) {
		const t = this.next;
		if (this.words('AS') || t.kind === 'quoted' || t.kind === 'name' && !RESERVED.has(t.text.toUpperCase()) && !/^(OFFSET|VALUES|WHEN)$/i.test(t.text))
			return this.identifier();
		return fallback;
	}

	/* ---- statements ---- */

	script() {
		const out = [];
		for (;;) {
			while (this.op(';'))
				;
			if (this.next.kind === 'end')
				return out;
			out.push(this.statement());
			if (this.next.kind !== 'end' && !this.op(';'))
				this.unexpected('end of input');
		}
	}

	statement() {
		const start = this.next;
		if (start.kind === 'name' && start.text.toUpperCase() === 'SELECT')
			return {kind: 'SELECT', select: this.select()};
		if (this.words('INSERT'))
			return this.insert();
		if (this.words('DELETE'))
			return this.remove();
		if (this.words('UPDATE'))
			return this.updateStatement();
		if (this.words('MERGE'))
			return this.merge();
		if (this.words('CREATE TABLE'))
			return this.create();
		for (const [word, kind] of [['BEGIN', 'BEGIN_TRANSACTION'], ['COMMIT', 'COMMIT_TRANSACTION'], ['ROLLBACK', 'ROLLBACK_TRANSACTION']]) {
			if (this.words(word)) {
				this.words('TRANSACTION');
				return {kind};
			}
		}
		return this.unexpected();
	}

	select() {
		this.need('SELECT');
		const s = {distinct: this.words('DISTINCT'), items: this.many(() => this.item()), from: null, group: [], order: []};
		if (this.words('FROM'))
			s.from = this.source();
		s.where = this.words('WHERE') ? this.expr() : null;
		if (this.words('GROUP BY'))
			s.group = this.many(() => this.expr());
		s.having = this.words('HAVING') ? this.expr() : null;
		if (this.words('ORDER BY'))
			s.order = this.many(() => ({expr: this.expr(), down: this.words('DESC') || (this.words('ASC'), false)}));
		s.limit = this.words('LIMIT') ? this.primary() : null;
		s.offset = s.limit && this.words('OFFSET') ? this.primary() : null;
		return s;
	}

	item() {
		if (this.op('*'))
			return {star: true};
		const expr = this.expr();
		const last = expr.kind === 'path' ? expr.path[expr.path.length - 1] : null;
		return {expr, name: this.alias(last)};
	}

	source() {
		if (this.op('(')) {
			const select = this.select();
			this.need(')');
			return {select, alias: this.alias(null)};
		}
		const table = this.tableName();
		return {table, alias: this.alias(table[table.length - 1])};
	}

	insert() {
		this.words('INTO');
		const s = {kind: 'INSERT', table: this.tableName(), columns: null, rows: null, select: null};
		s.columns = this.parens(() => this.many(() => this.identifier()));
		if (this.words('VALUES'))
			s.rows = this.many(() => this.parens(() => this.many(() => this.expr())));
		else
			s.select = this.select();
		return s;
	}

	remove() {
		this.words('FROM');
		const table = this.tableName();
		const alias = this.alias(table[table.length - 1]);
		if (!this.words('WHERE'))
			throw syntax('DELETE must have a WHERE clause', this.next.where);
		return {kind: 'DELETE', table, alias, where: this.expr()};
	}

	assignments() {
		return this.many(() => {
			let column = this.identifier();
			if (this.op('.'))
				column = this.identifier();
			this.need('=');
			return {column, expr: this.expr()};
		});
	}

	updateStatement() {
		const table = this.tableName();
		const alias = this.alias(table[table.length - 1]);
		this.need('SET');
		const set = this.assignments();
		if (!this.words('WHERE'))
			throw syntax('UPDATE must have a WHERE clause', this.next.where);
		return {kind: 'UPDATE', table, alias, set, where: this.expr()};
	}

	merge() {
		this.words('INTO');
		const table = this.tableName();
		const s = {kind: 'MERGE', table, alias: this.alias(table[table.length - 1]), clauses: []};
		this.need('USING');
		s.using = this.source();
		this.need('ON');
		s.on = this.expr();
		while (this.words('WHEN'))
			s.clauses.push(this.clause());
		if (!s.clauses.length)
			this.unexpected('keyword WHEN');
		return s;
	}

	clause() {
		const c = {};
		if (this.words('MATCHED'))
			c.when = 'matched';
		else if (this.words('NOT MATCHED BY SOURCE'))
			c.when = 'source';
		else {
			this.need('NOT MATCHED');
			this.words('BY TARGET');
			c.when = 'target';
		}
		c.and = this.words('AND') ? this.expr() : null;
		this.need('THEN');
		if (c.when === 'target') {
			this.need('INSERT');
			c.columns = this.parens(() => this.many(() => this.identifier()));
			this.need('VALUES');
			c.values = this.parens(() => this.many(() => this.expr()));
		} else if (!this.words('DELETE')) {
			this.need('UPDATE SET');
			c.set = this.assignments();
		}
		return c;
	}

	create() {
		const s = {kind: 'CREATE_TABLE', absent: this.words('IF NOT EXISTS'), table: this.tableName(), cluster: null, partition: null};
		s.fields = this.parens(() => this.many(() => {
			const name = this.identifier();
			const type = this.typeName();
			return {name, type, mode: this.words('NOT NULL') ? 'REQUIRED' : 'NULLABLE'};
		}));
		if (this.words('PARTITION BY'))
			s.partition = this.words('DATE') ? this.parens(() => this.identifier()) : this.identifier();
		if (this.words('CLUSTER BY'))
			s.cluster = this.many(() => this.identifier());
		return s;
	}

	typeName() {
		const t = this.next;
		if (t.kind !== 'name' || !TYPES.includes(t.text.toUpperCase()))
			this.unexpected('a type');
		this.at++;
		return t.text.toUpperCase();
	}

	/* ---- expressions ---- */

	expr() {
		let left = this.and();
		while (this.words('OR'))
			left = {kind: 'logic', op: 'OR', args: [left, this.and()]};
		return left;
	}

	and() {
		let left = this.not();
		while (this.words('AND'))
			left = {kind: 'logic', op: 'AND', args: [left, this.not()]};
		return left;
	}

	not() {
		return this.words('NOT') ? {kind: 'not', args: [this.not()]} : this.comparison();
	}

	comparison() {
		const left = this.sum();
		if (this.words('IS')) {
			const no = this.words('NOT');
			this.need('NULL');
			return {kind: 'isnull', no, args: [left]};
		}
		const no = this.words('NOT');
		const wrap = (e) => (no ? {kind: 'not', args: [e]} : e);
		if (this.words('BETWEEN')) {
			const low = this.sum();
			this.need('AND');
			const side = (op, bound) => ({kind: 'compare', op, args: [left, bound]});
			return wrap({kind: 'logic', op: 'AND', args: [side('>=', low), side('<=', this.sum())]});
		}
		if (this.words('IN'))
			return wrap(this.words('UNNEST') ? {kind: 'inarray', args: [left, this.parens(() => this.expr())]} :
				{kind: 'in', args: [left].concat(this.parens(() => this.many(() => this.expr())))});
		if (this.words('LIKE'))
			return wrap({kind: 'like', args: [left, this.sum()]});
		if (no)
			this.unexpected('keyword BETWEEN');
		if (this.next.kind === 'op' && ['=', '<>', '!=', '<', '<=', '>', '>='].includes(this.next.text)) {
			const op = this.list[this.at++].text;
			return {kind: 'compare', op: op === '<>' ? '!=' : op, args: [left, this.sum()]};
		}
		return left;
	}

	binary(ops, lower) {
		let left = lower();
		while (this.next.kind === 'op' && ops.includes(this.next.text)) {
			const op = this.list[this.at++].text;
			left = {kind: op === '||' ? 'concat' : 'arith', op, args: [left, lower()]};
		}
		return left;
	}

	sum() {
		return this.binary(['+', '-'], () => this.binary(['*', '/', '||'], () => this.unary()));
	}

	unary() {
		return this.op('-') ? {kind: 'negate', args: [this.unary()]} : this.primary();
	}

	primary() {
		const t = this.next;
		const literal = (type, value) => { this.at++; return {kind: 'literal', type, value}; };
		switch (t.kind) {
		case 'number':
			return /^\d+$/.test(t.text) ? literal('INT64', t.text) : literal('FLOAT64', t.text);
		case 'string':
			return literal('STRING', t.text);
		case 'param':
			this.at++;
			return {kind: 'param', name: t.text};
		case 'op':
			if (t.text === '(')
				return this.parens(() => this.expr());
			if (this.op('?'))
				return {kind: 'param', index: this.positional++};
			return this.unexpected();
		case 'quoted':
		case 'name':
			return this.named();
		default:
			return this.unexpected();
		}
	}

	named() {
		const t = this.next;
		const upper = t.kind === 'name' ? t.text.toUpperCase() : '';
		const after = this.list[this.at + 1];
		if (upper === 'TRUE' || upper === 'FALSE' || upper === 'NULL') {
			this.at++;
			return upper === 'NULL' ? {kind: 'literal', type: null, value: null} : {kind: 'literal', type: 'BOOL', value: upper === 'TRUE'};
		}
		if (['DATE', 'TIMESTAMP', 'DATETIME', 'TIME', 'NUMERIC', 'BIGNUMERIC'].includes(upper) && after.kind === 'string') {
			this.at += 2;
			return {kind: 'typed', type: upper, value: after.text};
		}
		if (upper === 'CAST' && after.text === '(') {
			this.at++;
			return this.parens(() => {
				const arg = this.expr();
				this.need('AS');
				return {kind: 'cast', type: this.typeName(), args: [arg]};
			});
		}
		if (t.kind === 'name' && after.kind === 'op' && after.text === '(')
			return this.call(upper);
		const where = t.where;
		const path = [this.identifier()];
		while (this.op('.'))
			path.push(this.identifier());
		return {kind: 'path', path, where};
	}

	call(name) {
		this.at++;
		return this.parens(() => {
			if (name === 'COUNT' && this.op('*'))
				return {kind: 'call', name, star: true, args: []};
			if (this.next.text === ')')
				return {kind: 'call', name, args: []};
			const distinct = this.words('DISTINCT');
			return {kind: 'call', name, distinct, args: this.many(() => {
				if (!this.words('INTERVAL'))
					return this.expr();
				const n = this.unary();
				return {kind: 'interval', unit: this.identifier().toUpperCase(), args: [n]};
			})};
		});
	}
}

module.exports = {parse: (sql) => new Parser(sql).script()};
