// app.js - the page of trace-serve: sessions, their turns, and a record; what is on it and which key does what.

import {$, dialog, el, toast} from './dom.js';
import {get, patient, setToken, takeToken} from './api.js';
import {chatAgain, chatFrom} from './chat.js';
import {otherLanguage, setLanguage, t} from './texts.js';
import {compareDialog} from './compare.js';
import {recordPath, Turns} from './turns.js';
import {undoLast} from './trash.js';
import {replayDialog} from './replay.js';
import {Sessions} from './sessions.js';
import {showRecord} from './record.js';
import {Watch} from './watch.js';

const THEMES = {auto: 'themeAuto', light: 'themeLight', dark: 'themeDark'};
let sessions, turns, watch, record = null, shown = null, asked = null;

// ---- settings ----

const setting = {
	get(key, usual) {
		try {
			return localStorage.getItem(key) || usual;
		} catch {
			return usual;
		}
	},
	set(key, text) {
		try {
			localStorage.setItem(key, text);
		} catch { /* not kept, then */ }
	},
};

function setTheme(name) {
	document.documentElement.dataset.theme = name;
	$('#theme').title = t(THEMES[name]);
	$('#theme').textContent = {auto: '◐', light: '☀', dark: '☾'}[name];
	setting.set('theme', name);
}

function nextTheme() {
	const names = Object.keys(THEMES);

	setTheme(names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length]);
}

function switchLanguage(name) {
	setLanguage(name);
	setting.set('language', name);
	$('#language').textContent = t('lang');
	document.title = 'trace-serve';
	setTheme(document.documentElement.dataset.theme);
	if (sessions !== undefined) {
		sessions.redraw();
		turns.draw();
		drawRecord();
	}
}

// ---- the record ----

// On a narrow screen one pane is in sight.
const pane = (name) => { document.body.dataset.pane = name; };

function drawRecord() {
	const box = $('#record');

	if (record === null) {
		shown = null;
		box.replaceChildren(el('p', {class: 'none center'}, t('noRecord')));
		return;
	}
	shown = showRecord(box, record, {
		replay: () => replayDialog(record, () => watch.now()),
		chat: () => chatFrom(record, (s) => sessions.added(s)),
		compare: record.parent_id ? () => compareWithParent(record) : undefined,
		remove: () => removeRecord(record),
	});
}

async function compareWithParent(r) {
	try {
		compareDialog(await get(recordPath(r.parent_id), {signal: patient()}), r);
	} catch (e) {
		toast(t('loadFailed', {m: e.message}));
	}
}

function removeRecord(r) {
	turns.remove(r);
	turns.step(1);
}

async function loadRecord(row) {
	const mine = asked = {};

	address(row);
	if (row === null) {
		record = null;
		drawRecord();
		return;
	}
	pane('record');
	try {
		const r = await get(recordPath(row.id), {signal: patient()});
		if (mine !== asked)
			return;
		record = r;
		drawRecord();
		$('#record').scrollTop = 0;
	} catch (e) {
		if (mine === asked)
			toast(t('loadFailed', {m: e.message}));
	}
}

// The record that one reads was completed: it changes where it stands.
async function refreshRecord(row) {
	const mine = asked, r = await get(recordPath(row.id), {signal: patient()});

	if (mine !== asked || record === null || record.id !== r.id)
		return;
	record = r;
	shown.update(r);
}

// ---- sessions, search, what arrives ----

function filter() {
	return {q: $('#search').value.trim(), status: $('#status').value, model: $('#model').value.trim()};
}

function search() {
	turns.show(sessions.chosen, filter());
}

function pickSession(id) {
	if (record !== null && record.session_id !== id && id !== null) {
		turns.chosen = null;
		loadRecord(null);
	}
	turns.show(id, filter());
	address(record);
	pane('turns');
}

async function changed(rows, before) {
	await sessions.update([...new Set(rows.map((r) => r.session_id))]);
	await turns.arrive(rows, before);
	const mine = record === null ? undefined : rows.findLast((r) => r.id === record.id);
	if (mine !== undefined)
		await refreshRecord(mine);
}

async function flood() {
	sessions.rows.drop();
	await sessions.rows.load(1);
	await turns.renew();
	if (record !== null)
		await refreshRecord(record);
}

let silent = false;
function serverState(error) {
	if (error?.status === 401)
		askToken();
	silent = error !== null;
	$('#lost').hidden = !silent;
}

// The address names what is shown, so that it can be kept and sent.
function address(row) {
	const parts = [];

	if (sessions.chosen !== null)
		parts.push(`s=${encodeURIComponent(sessions.chosen)}`);
	if (row !== null)
		parts.push(`r=${encodeURIComponent(row.id)}`);
	history.replaceState(null, '', parts.length === 0 ? location.pathname : `#${parts.join('&')}`);
}

async function fromAddress() {
	const q = new URLSearchParams(location.hash.slice(1)), session = q.get('s'), id = q.get('r');

	sessions.choose(session);
	if (id !== null) {
		turns.chosen = id;
		await loadRecord({id});
	}
}

// ---- keys ----

const keys = {
	j: () => turns.step(1), ArrowDown: () => turns.step(1), k: () => turns.step(-1), ArrowUp: () => turns.step(-1),
	G: () => turns.step(Infinity), End: () => turns.step(Infinity), g: () => turns.step(-Infinity), Home: () => turns.step(-Infinity),
	'[': () => sessions.step(-1), ']': () => sessions.step(1),
	'/': () => $('#search').focus(),
	e: () => $('[data-act=replay]')?.click(), c: () => $('[data-act=chat]')?.click(), d: () => $('[data-act=delete]')?.click(),
	Delete: () => $('[data-act=delete]')?.click(), u: undoLast,
	1: () => shown?.choose(0), 2: () => shown?.choose(1), 3: () => shown?.choose(2), 4: () => shown?.choose(3),
	t: nextTheme, l: () => switchLanguage(otherLanguage()), '?': help,
	Escape: () => pane({record: 'turns', turns: 'sessions', sessions: 'sessions'}[document.body.dataset.pane]),
};

function onkey(e) {
	const typing = e.target.closest('input, textarea, select');

	if (document.querySelector('dialog[open]') !== null || e.ctrlKey || e.metaKey || e.altKey)
		return;
	if (typing !== null) {
		if (e.key === 'Escape')
			typing.blur();
		return;
	}
	if (e.key.startsWith('Arrow') && e.target.closest('#record, [role=tablist]') !== null)
		return;
	if (e.target.closest('#sessions') !== null && e.key.startsWith('Arrow')) {
		e.preventDefault();
		sessions.step(e.key === 'ArrowDown' ? 1 : -1);
		return;
	}
	if (keys[e.key] !== undefined) {
		e.preventDefault();
		keys[e.key]();
	}
}

function help() {
	const row = (names, key) => el('tr', {}, el('td', {}, ...names.split(' ').map((n) => el('kbd', {}, n))), el('td', {}, t(key)));

	dialog('help', t('help'), el('table', {}, row('j k ↓ ↑', 'keyMove'), row('g G', 'keyEnds'), row('[ ]', 'keySession'), row('1 2 3 4', 'keyTabs'),
		row('/', 'keySearch'), row('e c d u', 'keyActions'), row('Ctrl+Enter', 'keySend'), row('t l ?', 'keyTheme'), row('Esc', 'keyClose')));
}

// ---- start ----

function askToken() {
	if ($('dialog.token') !== null)
		return;
	const input = el('input', {type: 'password', autocomplete: 'off', 'aria-label': t('token'), class: 'tokeninput'});
	const d = dialog('token', t('token'), el('p', {}, t('tokenAsk')), input,
		el('button', {type: 'button', class: 'primary', onclick: () => enter()}, 'OK'));
	const enter = () => {
		setToken(input.value.trim());
		d.close();
		begin();
	};

	input.addEventListener('keydown', (e) => { if (e.key === 'Enter') enter(); });
}

function controls() {
	let timer;
	const soon = () => { clearTimeout(timer); timer = setTimeout(search, 300); };

	$('#search').addEventListener('input', soon);
	$('#model').addEventListener('input', soon);
	$('#status').addEventListener('change', search);
	$('#theme').addEventListener('click', nextTheme);
	$('#language').addEventListener('click', () => switchLanguage(otherLanguage()));
	$('#help').addEventListener('click', help);
	for (const b of document.querySelectorAll('[data-back]'))
		b.addEventListener('click', () => pane(b.dataset.back));
	document.addEventListener('keydown', onkey);
	addEventListener('hashchange', () => { takeToken(); fromAddress(); });
}

async function begin() {
	try {
		await watch.start();
		await sessions.load();
		serverState(null);
		await fromAddress();
		if (sessions.chosen === null && record === null)
			pane('sessions');
	} catch (e) {
		serverState(e);
		if (e.status !== 401)
			setTimeout(begin, 2000);
	}
}

takeToken();
document.documentElement.dataset.theme = setting.get('theme', 'auto');
switchLanguage(setting.get('language', navigator.language));
sessions = new Sessions({onpick: pickSession, onchat: chatAgain, ongone: (id) => { if (sessions.chosen === id) sessions.choose(null); }});
turns = new Turns({onpick: loadRecord, session: (id) => sessions.find(id), ongone: (id) => sessions.update([id])});
watch = new Watch({onchange: changed, onflood: flood, onstate: serverState});
controls();
drawRecord();
begin();
