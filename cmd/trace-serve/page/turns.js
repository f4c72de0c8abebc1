// turns.js - the middle pane: the records of a session (by turn), or all (newest first), as far as the search lets them.

import {$, count, duration, el, size, time, toast} from './dom.js';
import {drawChart, median} from './chart.js';
import {get, query, seg} from './api.js';
import {isDeleted, remove} from './trash.js';
import {List} from './list.js';
import {Rows} from './rows.js';
import {titles} from './sessions.js';
import {t} from './texts.js';

const HEIGHT = 60, PAGE = 100, MANY = 50;

export const recordPath = (id) => `/api/records/${seg(id)}`;

export class Turns {
	// onpick(row or null), session(id): what is known of it
	constructor({onpick, session, ongone}) {
		Object.assign(this, {onpick, session, ongone, scope: null, filter: {}, chosen: null, unseen: 0, generation: 0});
		this.list = new List($('#turns'), HEIGHT, (e, i) => this.render(e, i), (i) => this.pick(i));
		$('#turns').addEventListener('scroll', () => this.seen(), {passive: true});
		$('#newrows').addEventListener('click', () => {
			this.list.offset = this.scope === null ? 0 : this.list.full;
			this.seen();
		});
		new ResizeObserver(() => this.drawChart()).observe($('#chart'));
	}

	get path() { return this.scope === null ? '/api/records' : `/api/sessions/${seg(this.scope)}/records`; }
	get params() { return {brief: 1, ...this.filter}; }
	get filtered() { return Object.values(this.filter).some((v) => v !== ''); }

	// Shows another session, or another search in it.
	async show(scope, filter) {
		const mine = ++this.generation;

		this.rows?.stop();
		Object.assign(this, {scope, filter, unseen: 0});
		this.rows = new Rows(this.path, this.params, () => { if (mine === this.generation) this.draw(); },
			(e) => toast(t('loadFailed', {m: e.message})));
		this.list.clear();
		this.list.setTotal(0);
		this.list.offset = 0;
		this.loading = true;
		this.draw();
		const first = await this.rows.load(1);
		if (mine !== this.generation)
			return;
		this.loading = false;
		if (first !== null)
			await Promise.all(this.newestPages(first.total).map((page) => this.rows.load(page)));
		if (mine === this.generation)
			this.draw();
	}

	// Those that the chart shows.
	newestPages(total) {
		const last = Math.max(1, Math.ceil(total / PAGE));

		return this.scope === null ? [1] : total % PAGE === 0 || last === 1 ? [last] : [last - 1, last];
	}

	draw() {
		this.list.setTotal(this.rows.total);
		this.list.chosen = this.chosen === null ? -1 : this.rows.place(this.chosen);
		this.list.refresh();
		$('#turnsnone').hidden = this.rows.total > 0;
		$('#turnsnone').textContent = t(this.loading ? 'searching' : this.filtered ? 'none' : 'empty');
		$('#partial').hidden = !this.rows.partial;
		this.drawHead();
		this.drawChart();
		this.seen();
	}

	// The newest rows that are known, in order.
	recent() {
		return this.scope === null ? this.rows.slice(0, Math.min(PAGE, this.rows.total)).reverse() :
			this.rows.slice(Math.max(0, this.rows.total - PAGE), this.rows.total);
	}

	drawHead() {
		const s = this.scope === null ? undefined : this.session(this.scope), recent = this.recent(), middle = median(recent.map((r) => r.latency_ms));
		const few = this.rows.total > recent.length ? `, ${t('lastTurns', {n: recent.length})}` : '';
		const parts = [this.rows.total === 1 ? t('record') : t('records', {n: count(this.rows.total)})];

		if (s !== undefined && !this.filtered) {
			if (s.error_count > 0)
				parts.push(t('errors', {n: count(s.error_count)}));
			if (s.input_tokens !== null || s.output_tokens !== null)
				parts.push(`${size(s.input_tokens ?? 0)} → ${size(s.output_tokens ?? 0)} ${t('tokens')}`);
		}
		if (middle !== null)
			parts.push(`${t('latency')} ${duration(middle)} (${t('median')}${few})`);
		$('#turnstitle').textContent = this.scope === null ? t('all') : s === undefined ? this.scope : titles(s)[0];
		$('#turnsfigures').textContent = parts.join(' · ');
	}

	drawChart() {
		if (this.rows !== undefined)
			drawChart($('#chart'), this.recent(), this.chosen, (r) => this.choose(r, true));
	}

	render(e, i) {
		const r = this.rows.row(i);

		if (r === undefined) {	// it comes; until then what was there before stays
			if (e.firstChild === null)
				e.append(el('span', {class: 'none'}, '…'));
			return;
		}
		const path = recordPath(r.id), tokens = (r.input_tokens ?? 0) + (r.output_tokens ?? 0);
		e.dataset.id = r.id;
		if (isDeleted(path)) {
			e.classList.add('gone');
			e.replaceChildren(el('div', {class: 'line1'}, t('deletedRow')));
			return;
		}
		e.replaceChildren(
			el('div', {class: 'line1'}, el('span', {class: 'turn'}, `#${r.turn_number}`),
				r.parent_id ? el('span', {class: 'badge replayed'}, t('replayOf')) : null,
				el('span', {class: 'preview'}, r.preview || r.error_msg || t('untitled'))),
			el('div', {class: 'line2'}, el('span', {class: `badge ${r.status}`}, t(r.status)), el('span', {class: 'grow model'}, r.model),
				tokens > 0 ? el('span', {title: t('tokens')}, `${size(tokens)} t`) : null, el('span', {title: t('latency')}, duration(r.latency_ms)),
				el('time', {class: 'dim'}, time(r.created_at))));
	}

	pick(i, show) {
		const r = this.rows.row(i);

		if (r !== undefined && !isDeleted(recordPath(r.id)))
			this.choose(r, show);
	}

	choose(r, show) {
		this.chosen = r === null ? null : r.id;
		this.list.choose(r === null ? -1 : this.rows.place(r.id), show);
		this.drawChart();
		this.onpick(r);
	}

	async step(by) {
		const at = this.chosen === null ? by > 0 ? -1 : this.rows.total : this.rows.place(this.chosen);
		let i = at;

		do
			i += Math.sign(by);
		while (this.rows.peek(i) !== undefined && isDeleted(recordPath(this.rows.peek(i).id)));
		i = Math.abs(by) === Infinity ? by > 0 ? this.rows.total - 1 : 0 : i;
		if (i < 0 || i >= this.rows.total)
			return;
		if (this.rows.peek(i) === undefined)
			await this.rows.load(Math.floor(i / PAGE) + 1);
		this.pick(i, true);
	}

	remove(row) {
		const path = recordPath(row.id);

		remove(path, t('deleted'), {
			changed: () => this.draw(),
			done: () => {
				this.rows.remove(row.id);
				if (this.chosen === row.id) {
					this.chosen = null;
					this.onpick(null);
				}
				this.draw();
				this.ongone(row.session_id);
			},
			failed: (e) => toast(e.message)});
	}

	// ---- what arrives ----

	// rows: changed since cursor, of any session, oldest change first
	async arrive(rows, cursor) {
		const mine = this.generation;
		let ours = rows.filter((r) => this.scope === null || r.session_id === this.scope);

		if (ours.length === 0)
			return;
		if (this.filtered) {	// what is found in texts, the server knows
			const found = await get(this.path + query({...this.params, after: cursor, size: 1000}));
			if (mine !== this.generation)
				return;
			ours = ours.filter((r) => this.rows.place(r.id) >= 0).concat(found.data);
		}
		const fresh = [];
		for (const r of ours) {
			const i = this.rows.place(r.id);
			if (i >= 0)
				this.rows.put(i, r);
			else if (!fresh.some((f) => f.id === r.id))
				fresh.push(r);
		}
		if (fresh.length > MANY)
			await this.renew();
		else if (fresh.length > 0)
			await this.add(fresh);
		this.draw();
	}

	// One reads on where one was; at the end of a list that grows there one stays at its end.
	async add(fresh) {
		const list = this.list, follow = this.scope === null ? list.atStart : list.atEnd, y = list.offset;

		if (this.scope === null) {
			this.rows.prepend(fresh.sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at)));
			list.setTotal(this.rows.total);
			if (!follow)
				list.offset = y + fresh.length * HEIGHT;
			this.unseen += fresh.length;
			return;
		}
		fresh.sort((a, b) => a.turn_number - b.turn_number || Date.parse(a.created_at) - Date.parse(b.created_at));
		const last = this.rows.peek(this.rows.total - 1);
		if (this.rows.total > 0 && (last === undefined || last.turn_number > fresh[0].turn_number)) {
			await this.renew();
			return;
		}
		fresh.forEach((r) => this.rows.append(r));
		list.setTotal(this.rows.total);
		if (follow)
			list.offset = list.full;
		this.unseen += fresh.length;
	}

	// Too much came, or between the rows that are there: what is in sight is fetched anew, then shown where it was.
	async renew() {
		const mine = this.generation, list = this.list, fetch = (page, size) => get(this.path + query({...this.params, page, size}));
		const {total} = await fetch(1, 1), more = total - this.rows.total, above = this.scope === null ? more : 0;
		const at = Math.floor(list.offset / HEIGHT), first = this.rows.peek(at), to = list.atStart && this.scope === null ? 0 : at + above;
		const newest = this.newestPages(total), sight = [to, to + 20, to + 120].map((k) => Math.floor(k / PAGE) + 1);
		const pages = [...new Set(sight.filter((page) => !newest.includes(page))), ...newest];	// the last one tells how many there are: none that is newer counts
		const data = await Promise.all(pages.map((page) => fetch(page, PAGE)));

		if (mine !== this.generation)
			return;
		const follow = this.scope === null ? list.atStart : list.atEnd, y = list.offset;	// one may have scrolled meanwhile
		this.rows.drop();
		pages.forEach((page, k) => this.rows.take(page, data[k]));
		this.unseen += Math.max(0, more);
		list.setTotal(this.rows.total);
		const now = first === undefined ? -1 : this.rows.place(first.id);
		list.offset = follow ? this.scope === null ? 0 : list.full : y + (now < 0 ? above : now - at) * HEIGHT;
		this.draw();
	}

	seen() {
		if (this.scope === null ? this.list.atStart : this.list.atEnd)
			this.unseen = 0;
		$('#newrows').hidden = this.unseen === 0;
		$('#newrows').textContent = t('new', {n: count(this.unseen)});
		$('#newrows').className = this.scope === null ? 'top' : 'bottom';
	}
}
