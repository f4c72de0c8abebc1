// sessions.js - the left pane: sessions, newest first, and the chats that were begun from them.

import {$, count, el, size, time, toast} from './dom.js';
import {get, seg} from './api.js';
import {isDeleted, remove} from './trash.js';
import {List} from './list.js';
import {Rows} from './rows.js';
import {t} from './texts.js';

const HEIGHT = 58;

export const sessionPath = (id) => `/api/sessions/${seg(id)}`;
const chatPath = (id) => `/api/replay-sessions/${seg(id)}`;

// A name that the server made up says less than an id that somebody chose.
const MADE_UP = /^对话-\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/, UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function titles(s) {
	if (!MADE_UP.test(s.name))
		return [s.name || s.id, s.id];
	return UUID.test(s.id) ? [time(s.created_at, true), s.id] : [s.id, time(s.created_at)];
}

// A small cross that deletes, or what undoes it.
function cross(key, onclick) {
	return el('button', {type: 'button', class: 'cross', tabindex: '-1', title: t(key), 'aria-label': t(key), onclick: (e) => {
		e.preventDefault();
		e.stopPropagation();
		onclick();
	}}, '✕');
}

export class Sessions {
	// onpick(id or null), onchat(chat), ongone(id)
	constructor({onpick, onchat, ongone}) {
		this.onpick = onpick;
		this.ongone = ongone;
		this.chosen = null;
		this.list = new List($('#sessions'), HEIGHT, (e, i) => this.render(e, i), (i) => this.pick(i));
		this.chats = new List($('#chats'), HEIGHT, (e, i) => this.renderChat(e, i), (i) => {
			const chat = this.chatRows.row(i);
			if (chat !== undefined && !isDeleted(chatPath(chat.id)))
				onchat(chat);
		});
		$('#alltraces').addEventListener('click', () => this.choose(null));
		this.rows = this.source('/api/sessions', () => this.draw());
		this.chatRows = this.source('/api/replay-sessions', () => this.drawChats());
	}

	source(path, changed) {
		return new Rows(path, {}, changed, (e) => toast(t('loadFailed', {m: e.message})));
	}

	async load() {
		await Promise.all([this.rows.load(1), this.chatRows.load(1)]);
	}

	draw() {
		this.list.setTotal(this.rows.total);
		this.list.chosen = this.chosen === null ? -1 : this.rows.place(this.chosen);
		this.list.refresh();
		$('#alltraces').setAttribute('aria-current', String(this.chosen === null));
	}

	drawChats() {
		this.chats.setTotal(this.chatRows.total);
		this.chats.refresh();
		$('#chatcount').textContent = this.chatRows.total > 0 ? count(this.chatRows.total) : '';
	}

	redraw() { this.draw(); this.drawChats(); }

	render(e, i) {
		const s = this.rows.row(i);

		if (s === undefined) {
			e.replaceChildren(el('span', {class: 'none'}, '…'));
			return;
		}
		e.title = `${s.name}\n${s.id}`;
		if (isDeleted(sessionPath(s.id)))
			e.classList.add('gone');
		const [title, below] = titles(s), tokens = (s.input_tokens ?? 0) + (s.output_tokens ?? 0);
		e.replaceChildren(el('div', {class: 'line1'}, el('span', {class: 'name'}, title), cross('delete', () => this.remove(s))),
			el('div', {class: 'line2'}, el('span', {class: 'grow id'}, below),
				s.error_count > 0 ? el('span', {class: 'badge error', title: t('errors', {n: s.error_count})}, size(s.error_count)) : null,
				el('span', {title: s.record_count === 1 ? t('record') : t('records', {n: s.record_count})}, size(s.record_count)),
				tokens > 0 ? el('span', {class: 'dim', title: t('tokens')}, `${size(tokens)} t`) : null));
	}

	renderChat(e, i) {
		const s = this.chatRows.row(i), path = s && chatPath(s.id);

		if (s === undefined)
			return;
		if (isDeleted(path))
			e.classList.add('gone');
		e.replaceChildren(el('div', {class: 'line1'}, el('span', {class: 'name'}, s.name), cross('delete', () => remove(path, t('deletedSession'), {
			changed: () => this.drawChats(),
			done: () => { this.chatRows.remove(s.id); this.drawChats(); },
			failed: (e2) => toast(e2.message)}))),
		el('div', {class: 'line2'}, el('span', {class: 'grow'}, t('turn', {n: s.start_turn_number})), el('span', {class: 'dim'}, time(s.created_at))));
	}

	remove(s) {
		remove(sessionPath(s.id), t('deletedSession'), {
			changed: () => this.draw(),
			done: () => { this.rows.remove(s.id); this.ongone(s.id); this.draw(); },
			failed: (e) => toast(e.message)});
	}

	pick(i) {
		const s = this.rows.row(i);

		if (s !== undefined && !isDeleted(sessionPath(s.id)))
			this.choose(s.id);
	}

	choose(id) {
		this.chosen = id;
		this.draw();
		if (id !== null && this.list.chosen >= 0)
			this.list.reveal(this.list.chosen);
		this.onpick(id);
	}

	// -1: above; all traces come before the first session
	step(by) {
		const at = this.chosen === null ? -1 : this.rows.place(this.chosen), i = Math.max(-1, Math.min(this.rows.total - 1, at + by));

		if (i === at)
			return;
		if (i < 0)
			this.choose(null);
		else
			this.pick(i);
	}

	find(id) { return this.rows.find(id); }

	// Their records changed, or they are new.
	async update(ids) {
		if (ids.length > 10) {
			this.rows.drop();
			await this.rows.load(1);
			return;
		}
		await Promise.all(ids.map(async (id) => {
			const s = await get(sessionPath(id)).catch(() => undefined), i = this.rows.place(id);
			if (s === undefined)
				return;
			if (i >= 0)
				this.rows.put(i, s);
			else if (Date.parse(s.created_at) >= Date.parse(this.rows.peek(0)?.created_at ?? 0))
				this.prepend(s);
		}));
		this.draw();
	}

	prepend(s) {
		const start = this.list.atStart, y = this.list.offset;

		this.rows.prepend([s]);
		this.list.setTotal(this.rows.total);
		if (!start)
			this.list.offset = y + HEIGHT;
	}

	added(chat) {
		this.chatRows.prepend([chat]);
		this.drawChats();
	}
}
