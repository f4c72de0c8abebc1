// replay.js - edit a request, send it again, and see what is different.
//
// The request is changed as text, so what was not edited is sent as it was recorded.  Very long strings are folded while one
// edits (a text field of some megabytes is no fun) and put back before sending.

import {compareRecords, compareView, pretty} from './compare.js';
import {at, children, foldStrings, format, problem, setMember, splice, unfoldStrings, value} from './json.js';
import {button, dialog, el, tabs, toast} from './dom.js';
import {call, get, patient, seg} from './api.js';
import {t} from './texts.js';

// Strings that are longer are folded; where there are many of them, shorter ones, too.
const LONGEST = [20000, 2000, 300], EDITED = 400000;
const AT_ONCE = 40;	// messages
const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'];

// A parameter for its field: a string without its quotes, all else as it stands there.
export const shown = (text, n) => n.kind === 'string' ? value(text, n) : text.slice(n.start, n.end);

// ---- the editor: a text with ways to change it ----

class Request {
	constructor(recorded) {
		this.recorded = recorded;
		this.before = problem(recorded) === null ? format(recorded) : recorded;
		for (const longest of LONGEST) {
			Object.assign(this, foldStrings(this.before, longest));
			if (this.text.length < EDITED)
				break;
		}
		this.untouched = this.text;
	}

	isFolded(n) { return this.kept.has(this.text.slice(n.start, n.end)); }
	unfold(n) {
		const mark = this.text.slice(n.start, n.end), whole = this.kept.get(mark);
		this.text = this.text.split(mark).join(whole);
		this.untouched = this.untouched.split(mark).join(whole);
		this.kept.delete(mark);
	}

	problem() { return problem(this.text); }
	set(path, raw) {
		const n = at(this.text, ...path);
		this.text = splice(this.text, n.start, n.end, raw);
	}

	setParam(key, raw) { this.text = setMember(this.text, key, raw); }
	param(key) {
		const n = this.problem() === null ? at(this.text, key) : undefined;
		return n === undefined ? undefined : shown(this.text, n);
	}

	get whole() { return unfoldStrings(this.text, this.kept); }
	// What is sent: byte for byte as recorded, if nobody changed it.
	get body() { return this.text === this.untouched ? this.recorded : this.whole; }
}

function textField(request, path, label, again) {
	const n = at(request.text, ...path), text = value(request.text, n), folded = request.isFolded(n);
	const area = el('textarea', {'aria-label': label, rows: Math.min(16, text.split('\n').length + Math.floor(text.length / 80) + 1),
		spellcheck: 'false', oninput: () => request.set(path, JSON.stringify(area.value))});

	area.value = text;
	area.disabled = folded;
	return el('div', {}, area, folded ? el('p', {class: 'none'}, `${t('putBack')} `, button('editWhole', () => {
		request.unfold(at(request.text, ...path));
		again();
	})) : null);
}

function contentFields(request, path, m, again) {
	const content = at(request.text, ...path, 'content');

	if (content === undefined)
		return [el('p', {class: 'none'}, t('notText'))];
	if (content.kind === 'string')
		return [textField(request, [...path, 'content'], m, again)];
	if (content.kind !== 'array')
		return [el('p', {class: 'none'}, t('notText'))];
	return children(request.text, content).map((part, i) => {
		const where = [...path, 'content', i, 'text'], text = part.kind === 'object' ? at(request.text, ...where) : undefined;
		return text !== undefined && text.kind === 'string' ? textField(request, where, m, again) : el('p', {class: 'none'}, t('notText'));
	});
}

function messageField(request, i, again) {
	const path = ['messages', i], role = at(request.text, ...path, 'role');
	const name = role !== undefined && role.kind === 'string' ? value(request.text, role) : '';
	const choice = el('select', {'aria-label': t('role'), onchange: () => request.set([...path, 'role'], JSON.stringify(choice.value))},
		...[...new Set([name, ...ROLES])].filter((r) => r !== '').map((r) => el('option', {value: r}, r)));

	choice.value = name;
	choice.disabled = role === undefined;
	return el('div', {class: `editmessage ${name}`}, el('div', {class: 'tools'}, choice,
		button('remove', () => { removeItem(request, i); again(); })), ...contentFields(request, path, name, again));
}

function removeItem(request, i) {
	const raw = children(request.text, at(request.text, 'messages')).map((n) => request.text.slice(n.start, n.end));

	raw.splice(i, 1);
	request.set(['messages'], `[\n\t\t${raw.join(',\n\t\t')}\n\t]`);
}

function addItem(request) {
	const list = at(request.text, 'messages'), last = children(request.text, list).pop();

	request.text = splice(request.text, last === undefined ? list.start + 1 : last.end, last === undefined ? list.start + 1 : last.end,
		`${last === undefined ? '' : ',\n\t\t'}{"role": "user", "content": ""}`);
}

function hasMessages(request) {
	const list = request.problem() === null ? at(request.text, 'messages') : undefined;

	return list !== undefined && list.kind === 'array' && children(request.text, list).every((m) => m.kind === 'object');
}

function messagesEditor(request) {
	const box = el('div', {class: 'editmessages'});
	let shown = AT_ONCE;
	const draw = () => {
		if (!hasMessages(request)) {
			box.replaceChildren(el('p', {class: 'none'}, request.problem() === null ? t('notText') : t('notJson', {m: request.problem()})));
			return;
		}
		const n = children(request.text, at(request.text, 'messages')).length;
		const first = Math.max(0, n - shown), earlier = el('button', {type: 'button', class: 'more', onclick: () => {
			shown += AT_ONCE;
			draw();
		}}, t('earlier', {n: first}));
		box.replaceChildren(...first > 0 ? [earlier] : [], ...Array.from({length: n - first}, (_, i) => messageField(request, first + i, draw)),
			button('addMessage', () => {
				addItem(request);
				draw();
				[...box.querySelectorAll('textarea')].at(-1)?.focus();
			}));
	};

	draw();
	return box;
}

function jsonEditor(request, changed) {
	const note = el('p', {class: 'problem', hidden: true});
	const check = () => {
		const wrong = request.problem();
		note.hidden = wrong === null;
		note.textContent = wrong === null ? '' : t('notJson', {m: wrong});
		changed();
	};
	const area = el('textarea', {class: 'mono jsontext', spellcheck: 'false', 'aria-label': t('request'), oninput: () => {
		request.text = area.value;
		check();
	}});

	area.value = request.text;
	check();
	return el('div', {class: 'fill'}, area, note, request.kept.size > 0 ? el('p', {class: 'none'}, t('putBack')) : null);
}

// ---- model, provider and the usual parameters ----

let providers;

export async function getProviders() {
	providers ??= await get('/api/providers').catch(() => []);
	return providers.filter((p) => p.enabled !== false);
}

// onparam(key, raw JSON or undefined); param(key): the value now
export function paramFields(list, provider, param, onparam) {
	const known = el('datalist', {id: 'models'}), choice = el('select', {'aria-label': t('provider')});
	const number = (key) => {
		const e = el('input', {type: 'text', inputmode: 'decimal', size: 6, 'data-param': key, 'aria-label': key, onchange: () =>
			onparam(key, e.value.trim() !== '' && problem(e.value) === null && Number.isFinite(Number(e.value)) ? e.value.trim() : undefined)});
		return el('label', {}, `${key} `, e);
	};
	const model = el('input', {type: 'text', list: 'models', 'data-param': 'model', 'aria-label': t('model'),
		onchange: () => onparam('model', model.value === '' ? undefined : JSON.stringify(model.value))});
	const models = () => known.replaceChildren(...(list.find((p) => p.type === choice.value)?.models || [])
		.filter((m) => m.enabled !== false).map((m) => el('option', {value: m.model})));
	const box = el('div', {class: 'params'}, el('label', {}, `${t('provider')} `, choice), el('label', {}, `${t('model')} `, model, known),
		number('temperature'), number('max_tokens'), number('top_p'));

	choice.append(...list.map((p) => el('option', {value: p.type}, p.name)));
	choice.value = (list.find((p) => p.type === provider || p.name === provider) || list[0])?.type ?? '';
	choice.addEventListener('change', models);
	models();
	box.update = () => {
		for (const e of box.querySelectorAll('[data-param]'))
			e.value = param(e.dataset.param) ?? '';
	};
	Object.defineProperty(box, 'provider', {get: () => choice.value});
	box.update();
	return box;
}

// ---- the dialog ----

async function send(record, request, provider, signal) {
	const body = `{"request":${request.body}${provider === '' ? '' : `,"provider":${JSON.stringify(provider)}`}}`;

	return call('POST', `/api/records/${seg(record.id)}/replay`, {body, signal: AbortSignal.any([signal, patient()])});
}

// onresult(record): the new record
export async function replayDialog(record, onresult) {
	const list = await getProviders(), request = new Request(record.request === '' ? '{}' : record.request);
	const params = paramFields(list, record.provider, (key) => request.param(key), (key, raw) => {
		if (request.problem() === null) {
			request.setParam(key, raw);
			body.choose(body.now);
		}
	});
	let outcome, asking;
	const body = tabs([
		['messages', () => messagesEditor(request)],
		['json', () => jsonEditor(request, () => params.update())],
		['difference', () => compareView(request.before, pretty(request.whole), [t('original'), t('edited')])],
		['outcome', () => outcome || el('p', {class: 'none'}, asking ? t('sending') : '')],
	], hasMessages(request) ? 'messages' : 'json');
	const go = button('send', () => run(), {class: 'primary send'}), stop = button('stop', () => asking?.abort(), {hidden: true});
	const run = async () => {
		if (asking)
			return;
		if (request.problem() !== null) {
			body.choose('json');
			return;
		}
		asking = new AbortController();
		outcome = undefined;
		go.disabled = true;
		stop.hidden = false;
		body.choose('outcome');
		try {
			const r = await send(record, request, params.provider, asking.signal);
			outcome = compareRecords(record, r, [t('original'), t('replayed')]);
			onresult(r);
		} catch (e) {
			outcome = e.name === 'AbortError' ? undefined : el('div', {class: 'problem', role: 'alert'}, e.message);
		}
		asking = undefined;
		go.disabled = false;
		stop.hidden = true;
		if (d.isConnected)
			body.choose('outcome');
		else
			toast(t('replayed'));
	};
	const d = dialog('wide replay', `${t('replay')} · ${t('turn', {n: record.turn_number})}`,
		list.length === 0 ? el('p', {class: 'problem'}, t('noProviders')) : null, params,
		el('div', {class: 'tabline'}, body.bar, el('span', {class: 'grow'}), stop, go), body.body);

	d.addEventListener('keydown', (e) => {
		if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
			e.preventDefault();
			run();
		}
	});
	return d;
}
