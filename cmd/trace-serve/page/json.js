// json.js - JSON as text: looked at, formatted and changed without a number, key or escape ever being written anew.
//
// A node is {start, end, kind} of a text, and key in an object; kinds are object, array, string, number, literal.  The text is
// valid JSON (check it first).  Children are found when they are asked for, so a large text costs little until it is opened.

const BLANK = /[ \t\r\n]*/y, SCALAR = /[^,\]} \t\r\n]*/y, MARK = /["[\]{}]/g;
const KINDS = {'{': 'object', '[': 'array', '"': 'string', t: 'literal', f: 'literal', n: 'literal'};

function blank(text, i) {
	BLANK.lastIndex = i;
	BLANK.exec(text);
	return BLANK.lastIndex;
}

function stringEnd(text, i) {
	for (let at = i + 1; ; at++) {
		at = text.indexOf('"', at);
		if (at < 0)
			return text.length;
		let slashes = 0;
		while (text.charCodeAt(at - 1 - slashes) === 92)
			slashes++;
		if (slashes % 2 === 0)
			return at + 1;
	}
}

function containerEnd(text, i) {
	let depth = 0;

	MARK.lastIndex = i;
	for (let m; (m = MARK.exec(text)) !== null;) {
		const c = m[0];
		if (c === '"')
			MARK.lastIndex = stringEnd(text, m.index);
		else if (c === '{' || c === '[')
			depth++;
		else if (--depth === 0)
			return m.index + 1;
	}
	return text.length;
}

export function node(text, i = 0) {
	const start = blank(text, i), kind = KINDS[text[start]] || 'number';

	if (kind === 'string')
		return {start, end: stringEnd(text, start), kind};
	if (kind === 'object' || kind === 'array')
		return {start, end: containerEnd(text, start), kind};
	SCALAR.lastIndex = start;
	SCALAR.exec(text);
	return {start, end: SCALAR.lastIndex, kind};
}

export function children(text, parent) {
	const out = [];

	for (let i = blank(text, parent.start + 1); i < parent.end - 1;) {
		let key, from = i;
		if (parent.kind === 'object') {
			const end = stringEnd(text, i);
			key = JSON.parse(text.slice(i, end));
			i = blank(text, end) + 1;
		}
		const n = node(text, i);
		n.key = key;
		n.from = from;
		out.push(n);
		i = blank(text, n.end);
		if (text[i] === ',')
			i = blank(text, i + 1);
	}
	return out;
}

export const value = (text, n) => JSON.parse(text.slice(n.start, n.end));

// Of equal keys the last one counts.
export function member(text, parent, key) {
	return parent.kind === 'object' ? children(text, parent).filter((n) => n.key === key).pop() : undefined;
}

export function at(text, ...path) {
	let n = node(text);

	for (const step of path) {
		n = typeof step === 'number' ? n.kind === 'array' ? children(text, n)[step] : undefined : member(text, n, step);
		if (n === undefined)
			return undefined;
	}
	return n;
}

export const splice = (text, start, end, by) => text.slice(0, start) + by + text.slice(end);

// Sets (raw JSON text) or removes (undefined) a member of the outermost object.
export function setMember(text, key, raw) {
	const top = node(text), n = member(text, top, key);

	if (n !== undefined && raw !== undefined)
		return splice(text, n.start, n.end, raw);
	if (n === undefined && raw === undefined)
		return text;
	if (n === undefined) {
		const last = children(text, top).pop();
		return last === undefined ? `{${JSON.stringify(key)}:${raw}}` :
			splice(text, last.end, last.end, `, ${JSON.stringify(key)}: ${raw}`);
	}
	const all = children(text, top), i = all.findIndex((k) => k.start === n.start);
	if (i > 0)
		return splice(text, all[i - 1].end, n.end, '');
	return splice(text, n.from, all.length > 1 ? all[1].from : n.end, '');
}

// What is wrong with it, or null.
export function problem(text) {
	try {
		JSON.parse(text);
		return null;
	} catch (e) {
		return e.message;
	}
}

// One line for each value; the values themselves stay as they are.
export function format(text) {
	const out = [], TOKEN = /[ \t\r\n]+|"|[[{]|[\]}]|[,:]|[^ \t\r\n"[\]{},:]+/g;
	let depth = 0, empty = false;
	const line = () => out.push('\n', '\t'.repeat(depth));

	for (let m; (m = TOKEN.exec(text)) !== null;) {
		const c = m[0];
		if (c.charCodeAt(0) <= 32)
			continue;
		if (c === '}' || c === ']') {
			depth--;
			if (!empty)
				line();
			empty = false;
			out.push(c);
			continue;
		}
		if (empty)
			line();
		empty = c === '{' || c === '[';
		if (empty) {
			out.push(c);
			depth++;
		} else if (c === '"') {
			const end = stringEnd(text, m.index);
			out.push(text.slice(m.index, end));
			TOKEN.lastIndex = end;
		} else if (c === ',') {
			out.push(c);
			line();
		} else {
			out.push(c === ':' ? ': ' : c);
		}
	}
	return out.join('');
}

// Strings of more than most characters become marks; kept has what each stands for.  unfoldStrings undoes it.
export function foldStrings(text, most) {
	const kept = new Map(), STRING = /"/g, out = [];
	let open = '⟦', done = 0;

	while (text.includes(open))
		open += '⟦';
	for (let m; (m = STRING.exec(text)) !== null;) {
		const n = node(text, m.index);
		if (n.end - n.start > most) {
			const mark = `"${open}${kept.size + 1}: ${n.end - n.start}⟧"`;
			kept.set(mark, text.slice(n.start, n.end));
			out.push(text.slice(done, n.start), mark);
			done = n.end;
		}
		STRING.lastIndex = n.end;
	}
	out.push(text.slice(done));
	return {text: out.join(''), kept};
}

export function unfoldStrings(text, kept) {
	return kept.size === 0 ? text : text.replace(/"⟦+\d+: \d+⟧"/g, (mark) => kept.get(mark) ?? mark);
}
