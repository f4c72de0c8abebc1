'use strict';
/*
 * bigquery-json.js - a JSON parser that keeps what JSON.parse loses and the service looks at: the spelling of a
 * number (Num), and a key that stands twice.  Objects become arrays of [key, value] in class Members.
 */

class Num {
	constructor(text) {
		this.text = text;
	}
}

class Members {
	constructor(list) {
		this.list = list;
	}
}

class JsonError extends Error {}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?:[^\ud800-\udbff]|^)[\udc00-\udfff]/;
const SPACE = /[ \t\r\n]*/y;
const MAX_DEPTH = 500;

function parse(text) {
	let at = 0;
	let depth = 0;

	function fail() {
		throw new JsonError(at >= text.length ? 'Parser terminated before end of string' : 'Unexpected token');
	}

	function match(re) {
		re.lastIndex = at;
		const m = re.exec(text);
		if (!m)
			fail();
		at = re.lastIndex;
		return m[0];
	}

	function take(c) {
		match(SPACE);
		if (text[at] !== c)
			return false;
		at++;
		return true;
	}

	/* A regular expression would run out of stack in a long string. */
	function stringEnd() {
		for (let i = at + 1; i < text.length; i++) {
			if (text[i] === '"')
				return i + 1;
			if (text[i] === '\\')
				i++;
		}
		at = text.length;
		return fail();
	}

	function string() {
		if (text[at] !== '"')
			fail();
		const end = stringEnd();
		let s;
		try {
			s = JSON.parse(text.slice(at, end));
		} catch (e) {
			fail();
		}
		at = end;
		if (LONE_SURROGATE.test(s))
			throw new JsonError('Invalid escape: a lone surrogate');
		return s;
	}

	function sequence(close, item) {
		const list = [];
		if (take(close))
			return list;
		do {
			match(SPACE);
			list.push(item());
		} while (take(','));
		if (!take(close))
			fail();
		return list;
	}

	function member() {
		const key = string();
		if (!take(':'))
			fail();
		return [key, value()];
	}

	function word(w, v) {
		if (text.substr(at, w.length) !== w)
			fail();
		at += w.length;
		return v;
	}

	function value() {
		match(SPACE);
		if (++depth > MAX_DEPTH)
			throw new JsonError('Too deeply nested');
		const v = one();
		depth--;
		return v;
	}

	function one() {
		switch (text[at]) {
		case '{':
			at++;
			return new Members(sequence('}', member));
		case '[':
			at++;
			return sequence(']', value);
		case '"':
			return string();
		case 't':
			return word('true', true);
		case 'f':
			return word('false', false);
		case 'n':
			return word('null', null);
		default:
			return new Num(match(NUMBER));
		}
	}

	const v = value();
	match(SPACE);
	if (at < text.length)
		throw new JsonError('Unexpected token');
	return v;
}

/* The text again, without spaces; numbers as they were spelled. */
function stringify(v) {
	if (v instanceof Num)
		return v.text;
	if (v instanceof Members)
		return '{' + v.list.map(([k, x]) => JSON.stringify(k) + ':' + stringify(x)).join(',') + '}';
	if (Array.isArray(v))
		return '[' + v.map(stringify).join(',') + ']';
	return JSON.stringify(v);
}

/* As JSON.parse would have it. */
const plain = (v) => JSON.parse(stringify(v));

module.exports = {parse, stringify, plain, Num, Members, JsonError};
