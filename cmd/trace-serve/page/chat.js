// chat.js - go on with a conversation from one of its turns: each message asks the API again with all that was said before.

import {at, children, node, problem, setMember} from './json.js';
import {button, dialog, duration, el, toast} from './dom.js';
import {call, get, patient, seg} from './api.js';
import {getProviders, paramFields, shown} from './replay.js';
import {messageOf, messagesView, parse, plain, requestMessages, responseMessages} from './conversation.js';
import {t} from './texts.js';

const PARAMS = ['temperature', 'max_tokens', 'top_p', 'frequency_penalty', 'presence_penalty'];

// The messages of a request, as JSON texts.
function historyOf(request) {
	const list = problem(request) === null ? at(request, 'messages') : undefined;

	if (list !== undefined && list.kind === 'array')
		return children(request, list).map((n) => request.slice(n.start, n.end));
	return requestMessages(parse(request)).map((m) => JSON.stringify({role: m.role, content: plain([m])}));
}

// What goes back to the API of an answer: some refuse a message with more.
function answerOf(response) {
	const r = parse(response), m = r?.choices?.[0]?.message;

	if (m !== null && typeof m === 'object') {
		const kept = {role: m.role || 'assistant', content: m.content ?? null};
		if (Array.isArray(m.tool_calls) && m.tool_calls.length > 0)
			kept.tool_calls = m.tool_calls;
		return JSON.stringify(kept);
	}
	const words = plain(responseMessages(r));
	return words === '' ? undefined : JSON.stringify({role: 'assistant', content: words});
}

// Tool calls of the last answer that have no result yet.
function openCalls(history) {
	const said = history.map(parse), asked = said.findLastIndex((m) => Array.isArray(m?.tool_calls));
	const answered = new Set(said.slice(asked + 1).map((m) => m?.tool_call_id));

	return asked < 0 ? [] : said[asked].tool_calls.map((c) => c.id).filter((id) => !answered.has(id));
}

class Chat {
	// request: the recorded one, JSON text; response likewise
	constructor(session, turn, request, response) {
		const isChat = problem(request) === null && node(request).kind === 'object' && at(request, 'messages') !== undefined;

		Object.assign(this, {session, turn, base: isChat ? request : '{}', history: historyOf(request), problem: ''});
		if (!isChat && typeof parse(request)?.model === 'string')
			this.set('model', JSON.stringify(parse(request).model));
		const answer = answerOf(response);
		if (answer !== undefined)
			this.history.push(answer);
	}

	set(key, raw) { this.base = setMember(this.base, key, raw); }
	param(key) {
		const n = at(this.base, key);
		return n === undefined ? undefined : shown(this.base, n);
	}

	body(id, provider) {
		const request = setMember(this.base, 'messages', `[${this.history.join(',')}]`);
		const config = PARAMS.map((k) => [k, at(this.base, k)]).filter(([, n]) => n !== undefined)
			.map(([k, n]) => `${JSON.stringify(k)}:${this.base.slice(n.start, n.end)}`);
		const model = at(this.base, 'model');

		return `{"replay_session_id":${JSON.stringify(id)},"turn_number":${this.turn},"request":${request},"config":{${config}}` +
			`${provider === '' ? '' : `,"provider":${JSON.stringify(provider)}`}` +
			`${model === undefined ? '' : `,"model":${this.base.slice(model.start, model.end)}`}}`;
	}

	async ask(provider, signal) {
		this.session ??= await this.create();
		this.turn++;
		const r = await call('POST', '/api/replay-debug', {body: this.body(this.session.id, provider), signal: AbortSignal.any([signal, patient()])});
		const answer = answerOf(r.response);
		if (r.status === 'error' || answer === undefined)
			throw new Error(r.error_msg || t('noResponse'));
		this.history.push(answer);
		return r;
	}
}

// ---- the dialog ----

function open(chat, title, list, provider) {
	const log = el('div', {class: 'chatlog', tabindex: '0'}), hint = t('chatEmpty');
	const area = el('textarea', {class: 'compose', rows: 3, placeholder: hint, 'aria-label': hint});
	const role = el('select', {class: 'chatrole', 'aria-label': t('role')}, ...['user', 'system', 'tool'].map((r) => el('option', {value: r}, r)));
	const params = paramFields(list, provider, (k) => chat.param(k), (k, raw) => chat.set(k, raw));
	const retry = button('retry', () => ask(), {hidden: true}), stop = button('stop', () => asking?.abort(), {hidden: true});
	const go = button('send', () => send(), {class: 'primary send'});
	let asking, last;
	const draw = () => {
		const waits = chat.history.length > 0 && parse(chat.history.at(-1))?.role !== 'assistant';
		log.replaceChildren(messagesView(chat.history.map((raw) => messageOf(parse(raw)))));
		if (asking)
			log.append(el('p', {class: 'none waiting'}, t('sending')));
		else if (chat.problem !== '')
			log.append(el('div', {class: 'problem', role: 'alert'}, chat.problem));
		else if (last)
			log.append(el('p', {class: 'none'}, [duration(last)].join('')));
		retry.hidden = asking !== undefined || !waits || chat.problem === '';
		stop.hidden = asking === undefined;
		go.disabled = asking !== undefined;
		log.scrollTop = log.scrollHeight;
	};
	const ask = async () => {
		const begun = performance.now();
		asking = new AbortController();
		chat.problem = '';
		draw();
		try {
			await chat.ask(params.provider, asking.signal);
		} catch (e) {
			chat.problem = e.message;
		}
		last = performance.now() - begun;
		asking = undefined;
		role.value = openCalls(chat.history).length > 0 ? 'tool' : 'user';
		draw();
		area.focus();
	};
	const send = () => {
		const [id] = openCalls(chat.history);
		if (asking || area.value.trim() === '')
			return;
		chat.history.push(JSON.stringify(role.value === 'tool' ? {role: 'tool', tool_call_id: id ?? '', content: area.value} :
			{role: role.value, content: area.value}));
		area.value = '';
		if (openCalls(chat.history).length === 0)	// every call wants its result first
			ask();
		else
			draw();
	};
	const d = dialog('wide chat', title, list.length === 0 ? el('p', {class: 'problem'}, t('noProviders')) : null, params, log,
		el('div', {class: 'composer'}, role, area, el('div', {class: 'sendcolumn'}, go, retry, stop)));

	area.addEventListener('keydown', (e) => {
		if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
			e.preventDefault();
			send();
		}
	});
	role.value = openCalls(chat.history).length > 0 ? 'tool' : 'user';
	draw();
	area.focus();
	return d;
}

// From a turn; the debug session is created with the first message.  onsession(session): it was
export async function chatFrom(record, onsession) {
	const chat = new Chat(null, record.turn_number, record.request, record.response);

	chat.create = async () => {
		const s = await call('POST', '/api/replay-sessions', {body: JSON.stringify({original_session_id: record.session_id,
			start_turn_number: record.turn_number})});
		onsession(s);
		return s;
	};
	return open(chat, t('chatOf', {n: record.turn_number}), await getProviders(), record.provider);
}

// One that was begun before.
export async function chatAgain(session) {
	try {
		const page = await get(`/api/replay-sessions/${seg(session.id)}/records?size=1000`, {signal: patient()});
		const r = page.data.at(-1) || {request: '{"messages":[]}', response: '', turn_number: session.start_turn_number};
		return open(new Chat(session, r.turn_number, r.request, r.response), session.name, await getProviders(), r.provider);
	} catch (e) {
		toast(t('loadFailed', {m: e.message}));
		return null;
	}
}
