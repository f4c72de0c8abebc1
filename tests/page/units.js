'use strict';
/*
 * units.js - the page's JSON and difference, without a browser: on random texts.  Prints TAP.
 */
const assert = require('assert');
const fs = require('fs');
const path = require('path');

const PAGE = path.join(__dirname, '..', '..', 'cmd', 'trace-serve', 'page');
/* The files are modules for browsers, to Node.js by name they are not. */
const load = (name) => import('data:text/javascript;base64,' + fs.readFileSync(path.join(PAGE, name)).toString('base64'));

let seed = 1;
const random = (n) => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return Math.floor(seed / 0x80000000 * n); };
const pick = (list) => list[random(list.length)];

const STRINGS = ['""', '"a"', '"\\""', '"\\\\"', '"a\\\\\\"b,]}"', '"{[\\u0041"', '"中文 \\n"', '"\\ud800"', `"${'x'.repeat(300)}"`];
const SCALARS = ['0', '-1.50', '12345678901234567890', '1e400', '1.0', 'true', 'false', 'null'];
const blank = () => pick(['', '', ' ', '\n', '\t ', '\r\n']);

function json(depth) {
	const kind = depth > 4 ? random(2) : random(4), items = () => Array.from({length: random(5)});

	if (kind === 0)
		return pick(SCALARS);
	if (kind === 1)
		return pick(STRINGS);
	if (kind === 2)
		return `[${blank()}${items().map(() => blank() + json(depth + 1) + blank()).join(',')}]`;
	return `{${blank()}${items().map(() => `${blank()}${pick(STRINGS)}${blank()}:${blank()}${json(depth + 1)}${blank()}`).join(',')}}`;
}

/* Its tokens, without what stands between them. */
const tokens = (text) => text.match(/"(?:[^"\\]|\\.)*"|[^\s"]/g).join('');

const tests = {
	'a formatted text has the same tokens': ({format}) => {
		for (let i = 0; i < 3000; i++) {
			const text = blank() + json(0) + blank();
			assert.strictEqual(tokens(format(text)), tokens(text));
			assert.strictEqual(format(format(text)), format(text));
		}
		assert.strictEqual(format('{"a":[1,{}],"b":[]}'), '{\n\t"a": [\n\t\t1,\n\t\t{}\n\t],\n\t"b": []\n}');
	},
	'children are found as a parser finds them': ({node, children, value, at}) => {
		const same = (text, n) => {
			const v = value(text, n), kids = n.kind === 'object' || n.kind === 'array' ? children(text, n) : [];
			if (n.kind === 'array')
				assert.strictEqual(kids.length, v.length);
			if (n.kind === 'object')
				assert.deepStrictEqual([...new Set(kids.map((k) => k.key))].sort(), Object.keys(v).sort());
			kids.forEach((k, i) => {
				if (n.kind === 'array')
					assert.deepStrictEqual(value(text, k), v[i]);
				same(text, k);
			});
		};
		for (let i = 0; i < 2000; i++) {
			const text = blank() + json(0) + blank();
			same(text, node(text));
		}
		assert.strictEqual(value('{"a":[0,{"b":7}],"a":[1,{"b":8}]}', at('{"a":[0,{"b":7}],"a":[1,{"b":8}]}', 'a', 1, 'b')), 8);
		assert.strictEqual(at('[1]', 'a'), undefined);
		assert.strictEqual(at('{"a":1}', 'a', 0), undefined);
	},
	'a member is set and removed, all else stays': ({setMember}) => {
		const text = '{ "n": 12345678901234567890, "model": "a" , "f":1.0 }';
		assert.strictEqual(setMember(text, 'model', '"b"'), '{ "n": 12345678901234567890, "model": "b" , "f":1.0 }');
		assert.strictEqual(setMember(text, 'x', '1'), '{ "n": 12345678901234567890, "model": "a" , "f":1.0, "x": 1 }');
		assert.strictEqual(setMember(text, 'x', undefined), text);
		assert.strictEqual(setMember(text, 'n', undefined), '{ "model": "a" , "f":1.0 }');
		assert.strictEqual(setMember('{"a":1}', 'a', undefined), '{}');
		assert.strictEqual(setMember('{}', 'a', '1'), '{"a":1}');
		for (const key of ['n', 'model', 'f']) {
			const want = JSON.parse(text);
			delete want[key];
			assert.deepStrictEqual(JSON.parse(setMember(text, key, undefined)), want);
		}
	},
	'long strings are folded and put back': ({foldStrings, unfoldStrings}) => {
		for (let i = 0; i < 1000; i++) {
			const text = json(0), {text: folded, kept} = foldStrings(text, 100);
			assert.strictEqual(unfoldStrings(folded, kept), text);
			JSON.parse(folded);
			assert.ok(!/x{200}/.test(folded));
		}
		const odd = `["⟦1: 302⟧","${'$&'.repeat(100)}","⟦⟦"]`, {text, kept} = foldStrings(odd, 100);
		assert.strictEqual(kept.size, 1);
		assert.strictEqual(unfoldStrings(text, kept), odd);
	},
	'a difference leads from one text to the other': ({}, {hunks}) => {
		for (let i = 0; i < 3000; i++) {
			const a = Array.from({length: random(12)}, () => pick('abc')), b = Array.from({length: random(12)}, () => pick('abc')), all = hunks(a, b);
			let x = 0, y = 0;
			for (const h of all) {
				assert.deepStrictEqual([h.a[0], h.b[0]], [x, y]);
				[x, y] = [h.a[1], h.b[1]];
				if (h.same)
					assert.deepStrictEqual(a.slice(...h.a), b.slice(...h.b));
			}
			assert.deepStrictEqual([x, y], [a.length, b.length]);
			assert.strictEqual(all.filter((h) => h.same).reduce((n, h) => n + h.a[1] - h.a[0], 0), longest(a, b));
		}
	},
	'within a line, the parts are the line': ({}, {within}) => {
		for (const [a, b] of [['a b c', 'a x c'], ['', 'x'], ['你好世界', '你好朋友'], ['x', 'x'], ['😀 a', '😁 a']]) {
			const [left, right] = within(a, b);
			assert.strictEqual(left.map(([s]) => s).join(''), a);
			assert.strictEqual(right.map(([s]) => s).join(''), b);
		}
		const [, right] = within(`${'y'.repeat(5e6)} old end`, `${'y'.repeat(5e6)} new end`);
		assert.ok(right.map(([s]) => s).join('').length < 1000);
		assert.strictEqual(right.filter(([, changed]) => changed).map(([s]) => s).join(''), 'new');
	},
	'nor does a part of a long line divide a character': ({}, {within}) => {
		const half = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/, emoji = (n, odd) => odd + '😀'.repeat(n);
		for (const odd of ['', 'x'])
			for (const [a, b] of [['😁', '😂'], ['😀', '\u{10600}'], ['😁'.repeat(1000), '😂x'.repeat(1000)], ['', 'x'], ['x', '😁']])
				for (const side of within(emoji(1200, odd) + a + emoji(1200, ''), emoji(1200, odd) + b + emoji(1200, '')))
					for (const [part] of side)
						assert.ok(!half.test(part), JSON.stringify(part).slice(0, 99));
	},
	'texts that have nothing in common end soon, too': ({}, {hunks}) => {
		const a = Array.from({length: 20000}, (_, i) => `a${i}`), b = Array.from({length: 20000}, (_, i) => `b${i}`), from = Date.now();
		assert.strictEqual(hunks(a, b).length, 1);
		assert.ok(Date.now() - from < 10000);
	},
};

function longest(a, b) {
	const row = new Array(b.length + 1).fill(0);

	for (const x of a)
		for (let j = 1, before = 0; j <= b.length; j++) {
			const above = row[j];
			row[j] = x === b[j - 1] ? before + 1 : Math.max(above, row[j - 1]);
			before = above;
		}
	return row[b.length];
}

(async () => {
	const modules = [await load('json.js'), await load('diff.js')];
	let n = 0, failed = 0;

	for (const [name, fn] of Object.entries(tests)) {
		try {
			fn(...modules);
			console.log(`ok ${++n} - ${name}`);
		} catch (e) {
			failed++;
			console.log(`not ok ${++n} - ${name}\n${e.stack.replace(/^/gm, '# ')}`);
		}
	}
	console.log(`1..${n}`);
	process.exit(failed > 0 ? 1 : 0);
})();
