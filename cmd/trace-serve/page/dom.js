// dom.js - elements, built from text only: nothing that comes from a trace is ever parsed as markup.

import {t} from './texts.js';

// el('button', {class: 'x', onclick: fn, title: 't'}, 'text', node, ...)
export function el(tag, props, ...kids) {
	const e = document.createElement(tag);

	for (const [k, v] of Object.entries(props || {})) {
		if (v === undefined || v === null || v === false)
			continue;
		if (k.startsWith('on'))
			e.addEventListener(k.slice(2), v);
		else if (k === 'value' || k === 'disabled' || k === 'checked' || k === 'hidden')
			e[k] = v;
		else
			e.setAttribute(k, v === true ? '' : String(v));
	}
	e.append(...kids.flat().filter((kid) => kid !== null && kid !== undefined && kid !== false));
	return e;
}

const SVG = 'http://www.w3.org/2000/svg';

export function svg(tag, props, ...kids) {
	const e = document.createElementNS(SVG, tag);

	for (const [k, v] of Object.entries(props || {})) {
		if (k.startsWith('on'))
			e.addEventListener(k.slice(2), v);
		else
			e.setAttribute(k, String(v));
	}
	e.append(...kids);
	return e;
}

export const $ = (selector) => document.querySelector(selector);

export function button(key, onclick, props) {
	return el('button', Object.assign({type: 'button', onclick}, props), t(key));
}

// ---- long texts ----

const SHORT = 2000, PIECE = 16384;

// Cut at line ends where there are some.
function pieces(text) {
	const out = [];

	for (let at = 0; at < text.length;) {
		let end = Math.min(text.length, at + PIECE);
		if (end < text.length) {
			const line = text.lastIndexOf('\n', end);
			if (line > at)
				end = line + 1;
			else if (text.charCodeAt(end - 1) >= 0xd800 && text.charCodeAt(end - 1) < 0xdc00)
				end--;
		}
		out.push(text.slice(at, end));
		at = end;
	}
	return out;
}

// The browser lays out only the pieces that are in sight.
function piece(text) {
	const lines = text.split('\n').reduce((n, line) => n + 1 + Math.floor(line.length / 90), 0);
	const e = el('div', {class: 'piece'}, text.endsWith('\n') ? text.slice(0, -1) : text);

	e.style.containIntrinsicSize = `auto ${Math.round(lines * 20)}px`;
	return e;
}

// A text; when it is long, its beginning, and the rest when asked for.
export function longText(text, props) {
	const box = el('div', Object.assign({class: 'text'}, props));

	if (text.length <= SHORT * 1.5) {
		box.textContent = text;
		return box;
	}
	const show = (whole) => {
		const toggle = button(whole ? 'showLess' : 'showAll', () => show(!whole), {class: 'more'});
		if (!whole)
			toggle.append(` (${size(text.length)})`);
		if (whole)
			box.replaceChildren(...pieces(text).map(piece), toggle);
		else
			box.replaceChildren(el('div', {}, text.slice(0, SHORT) + '…'), toggle);
	};
	show(false);
	return box;
}

// ---- numbers and times ----

export function size(n) {
	if (n < 1000)
		return String(n);
	if (n < 999500)
		return `${(n / 1000).toFixed(n < 9950 ? 1 : 0)} K`;
	return `${(n / 1e6).toFixed(1)} M`;
}

export const count = (n) => Number(n).toLocaleString(document.documentElement.lang);

export function duration(ms) {
	if (ms === null || ms === undefined || ms < 0)
		return '';
	if (ms < 1000)
		return `${Math.round(ms)} ms`;
	if (ms < 59950)
		return `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s`;
	return `${Math.floor(ms / 60000)} min ${Math.round(ms % 60000 / 1000)} s`;
}

export function time(text, whole) {
	const d = new Date(text);

	if (Number.isNaN(d.getTime()))
		return text || '';
	const today = new Date().toDateString() === d.toDateString();
	const clock = {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'};
	return d.toLocaleString(document.documentElement.lang, whole ? {dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23'} :
		today ? clock : {year: '2-digit', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});
}

// ---- messages at the foot of the page ----

// Shows a message for a while; action: [text, function].  Returns what takes it away.
export function toast(message, action, ms) {
	const box = el('div', {class: 'toast', role: 'status'}, el('span', {}, message));
	const away = () => { clearTimeout(timer); box.remove(); };
	const timer = setTimeout(away, ms || 5000);

	if (action)
		box.append(el('button', {type: 'button', onclick: () => { away(); action[1](); }}, action[0]));
	$('#toasts').append(box);
	return away;
}

export async function copy(text) {
	try {
		await navigator.clipboard.writeText(text);
	} catch {
		// Without a secure context there is no clipboard of that kind.
		const area = el('textarea', {class: 'offscreen', value: text});
		document.body.append(area);
		area.select();
		document.execCommand('copy');
		area.remove();
	}
	toast(t('copied'), null, 1500);
}

// A dialog that goes away with Esc or its button; made anew each time.
export function dialog(name, title, ...kids) {
	const d = el('dialog', {class: `dialog ${name}`, 'aria-label': title},
		el('header', {}, el('h2', {}, title), el('button', {type: 'button', class: 'close', 'aria-label': t('close'), title: t('close'),
			onclick: () => d.close()}, '✕')), ...kids);

	d.addEventListener('close', () => d.remove());
	document.body.append(d);
	d.showModal();
	return d;
}

// Tabs: [[key, function that gives the content], ...].  Returns their bar and body, the key that is chosen now, and choose(key).
export function tabs(list, chosen, onchoose) {
	const bar = el('div', {class: 'tabs', role: 'tablist'}), body = el('div', {class: 'tabbody', role: 'tabpanel'});
	const set = {bar, body, now: undefined, choose: (key) => {
		const [, make] = list.find(([k]) => k === key) || list[0];
		set.now = key;
		for (const b of bar.children)
			b.setAttribute('aria-selected', String(b.dataset.key === key));
		body.replaceChildren(make());
		if (onchoose)
			onchoose(key);
	}};

	for (const [key] of list)
		bar.append(el('button', {type: 'button', role: 'tab', 'data-key': key, onclick: () => set.choose(key)}, t(key)));
	set.choose(list.some(([k]) => k === chosen) ? chosen : list[0][0]);
	return set;
}
