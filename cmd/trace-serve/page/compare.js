// compare.js - two texts side by side, with what differs marked and long equal parts folded.

import {hunks, within} from './diff.js';
import {count, dialog, duration, el, tabs} from './dom.js';
import {format, problem} from './json.js';
import {parse, plain, responseMessages} from './conversation.js';
import {t} from './texts.js';

const CONTEXT = 3, LONGEST_LINE = 1000, AT_ONCE = 600;

const clip = (line) => line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line;

function cell(side, number, content) {
	return [el('span', {class: 'number'}, number === null ? '' : String(number + 1)),
		el('span', {class: `line ${side}`}, ...content)];
}

const marked = (parts, tag) => parts.map(([text, changed]) => changed && text !== '' ? el(tag, {}, text) : text);

function equalRow(a, i, j) {
	const text = clip(a[i]);

	return el('div', {class: 'pair'}, ...cell('', i, [text]), ...cell('', j, [text]));
}

function changedRow(a, b, h, k) {
	const i = h.a[0] + k < h.a[1] ? h.a[0] + k : null, j = h.b[0] + k < h.b[1] ? h.b[0] + k : null;
	const [left, right] = i !== null && j !== null ? within(a[i], b[j]) :
		[[[i === null ? '' : clip(a[i]), true]], [[j === null ? '' : clip(b[j]), true]]];

	return el('div', {class: 'pair changed'}, ...cell(i === null ? 'none' : 'old', i, marked(left, 'del')),
		...cell(j === null ? 'none' : 'new', j, marked(right, 'ins')));
}

// The rows [from, to) behind a button, some at a time.
function folded(from, to, make, key) {
	const label = () => { fold.textContent = t(key, {n: count(to - from)}); };
	const fold = el('button', {type: 'button', class: 'equal', onclick: () => {
		const end = Math.min(to, from + AT_ONCE);
		fold.before(...Array.from({length: end - from}, (_, k) => make(from + k)));
		from = end;
		if (from >= to)
			fold.remove();
		else
			label();
	}});

	label();
	return fold;
}

function changedRows(a, b, h) {
	const n = Math.max(h.a[1] - h.a[0], h.b[1] - h.b[0]), make = (k) => changedRow(a, b, h, k), head = Math.min(n, AT_ONCE);
	const rows = Array.from({length: head}, (_, k) => make(k));

	return n > head ? [...rows, folded(head, n, make, 'changedLines')] : rows;
}

// Equal lines: some before and after a change, the others behind a button.
function equalRows(a, h, first, last) {
	const n = h.a[1] - h.a[0], head = first ? 0 : CONTEXT, tail = last ? 0 : CONTEXT, make = (k) => equalRow(a, h.a[0] + k, h.b[0] + k);
	const rows = (from, to) => Array.from({length: to - from}, (_, k) => make(from + k));

	if (n <= head + tail + 2)
		return rows(0, n);
	return [...rows(0, head), folded(head, n - tail, make, 'equalLines'), ...rows(n - tail, n)];
}

// Side by side: before left, after right.
export function compareView(before, after, names) {
	const a = before.split('\n'), b = after.split('\n'), all = hunks(a, b), changes = all.filter((h) => !h.same).length;
	const box = el('div', {class: 'compare'},
		el('div', {class: 'pair head'}, el('span', {class: 'number'}), el('span', {}, names[0]), el('span', {class: 'number'}), el('span', {}, names[1])));
	let rows = 0;

	if (changes === 0)
		box.append(el('p', {class: 'none'}, t('equal')));
	for (const [i, h] of all.entries()) {
		const more = h.same ? changes === 0 ? [] : equalRows(a, h, i === 0, i === all.length - 1) : changedRows(a, b, h);
		rows += more.length;
		if (rows > AT_ONCE * 4) {
			box.append(el('p', {class: 'none'}, '…'));
			break;
		}
		box.append(...more);
	}
	return box;
}

export const pretty = (text) => text !== '' && problem(text) === null ? format(text) : text;

// What an answer says: its words where it has some, else its JSON.
export function answerText(response) {
	const words = plain(responseMessages(parse(response)));

	return words !== '' ? words : pretty(response);
}

function figures(names, records) {
	const row = (key, of) => el('tr', {}, el('th', {scope: 'row'}, t(key)), ...records.map((r) => el('td', {}, of(r))));

	return el('table', {class: 'figures'}, el('tr', {}, el('td', {}), ...names.map((n) => el('th', {scope: 'col'}, n))),
		row('status', (r) => el('span', {class: `badge ${r.status}`}, t(r.status))),
		row('model', (r) => r.model || ''), row('duration', (r) => duration(r.latency_ms)),
		row('tokens', (r) => r.input_tokens === null ? '' : `${count(r.input_tokens)} → ${r.output_tokens === null ? '?' : count(r.output_tokens)}`));
}

// Two whole records, as tabs.
export function compareRecords(a, b, names) {
	const {bar, body} = tabs([
		['answers', () => compareView(a.error_msg && !a.response ? a.error_msg : answerText(a.response),
			b.error_msg && !b.response ? b.error_msg : answerText(b.response), names)],
		['requestDiff', () => compareView(pretty(a.request), pretty(b.request), names)],
		['response', () => compareView(pretty(a.response), pretty(b.response), names)],
	]);

	return el('div', {class: 'result'}, figures(names, [a, b]), bar, body);
}

export function compareDialog(a, b) {
	return dialog('wide', t('compareTitle'), el('div', {class: 'scroll'}, compareRecords(a, b, [t('original'), t('replayed')])));
}
