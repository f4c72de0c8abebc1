// tree.js - JSON as a tree that opens where one looks.  Its numbers, keys and strings are the bytes that came.

import {children, node, value} from './json.js';
import {button, count, el, longText} from './dom.js';

const AT_ONCE = 100, OPEN_LENGTH = 60, OPEN_DEPTH = 4, MOST_OPEN = 2000;

const preview = (n, kids) => n.kind === 'array' ? `[${count(kids)}]` : `{${count(kids)}}`;

function leaf(text, n) {
	if (n.kind === 'string')
		return longText(value(text, n), {class: 'json string text'});
	return el('span', {class: `json ${n.kind}`}, text.slice(n.start, n.end).slice(0, 1000));
}

function branch(text, n, depth, budget) {
	const all = children(text, n);
	const list = el('ul', {});
	const summary = el('summary', {}, n.key !== undefined ? el('span', {class: 'key'}, n.key) : null,
		el('span', {class: 'fold'}, preview(n, all.length)));
	const box = el('details', {}, summary, list);
	let shown = 0;
	const more = () => {
		list.querySelector(':scope > .more')?.remove();
		for (const end = Math.min(all.length, shown + AT_ONCE); shown < end; shown++)
			list.append(el('li', {}, view(text, all[shown], depth + 1, budget)));
		if (shown < all.length)
			list.append(button('moreRows', more, {class: 'more'}));
	};

	if (n.kind === 'array')
		all.forEach((kid, i) => { kid.key = String(i); });
	box.addEventListener('toggle', () => { if (box.open && shown === 0) more(); });
	box.fill = () => { if (shown === 0) more(); };
	if (depth < OPEN_DEPTH && all.length <= OPEN_LENGTH && budget.left > 0) {
		budget.left -= all.length;
		box.open = true;
		more();
	}
	return box;
}

function view(text, n, depth, budget) {
	if (n.kind === 'object' || n.kind === 'array')
		return branch(text, n, depth, budget);
	return el('div', {class: 'leaf'}, n.key !== undefined ? el('span', {class: 'key'}, n.key) : null, leaf(text, n));
}

// text is valid JSON.
export function tree(text) {
	return el('div', {class: 'tree'}, view(text, node(text), 0, {left: 300}));
}

export function setAll(box, open) {
	let left = MOST_OPEN;
	const walk = (e) => {
		for (const d of e.querySelectorAll('details')) {
			if (left-- <= 0)
				return;
			if (open && d.fill)
				d.fill();
			d.open = open || d.parentElement === box.querySelector('.tree');
		}
	};

	for (let before = -1, now = 0; open && now !== before && left > 0;) {	// what opens has more to open
		before = now;
		walk(box);
		now = box.querySelectorAll('details').length;
	}
	if (!open)
		walk(box);
}
