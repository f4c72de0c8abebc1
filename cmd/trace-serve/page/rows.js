// rows.js - the rows behind a list: fetched page by page when they come into sight, kept, and changed by what arrives.

import {get, query} from './api.js';

const PAGE = 100, KEPT = 5000;

export class Rows {
	// path and params of the list; changed() is called when there is something new to show, failed(error) otherwise
	constructor(path, params, changed, failed) {
		Object.assign(this, {path, params, changed, failed});
		this.total = 0;
		this.stopped = new AbortController();
		this.drop();
	}

	stop() { this.stopped.abort(); }

	// What is in sight will be fetched anew.
	drop() {
		this.rows = new Map();	// of their places: few of a long list
		this.places = new Map();	// of their ids
		this.asked = new Map();	// page to its promise
	}

	// What is known of it; row: also fetches it.
	peek(i) { return this.rows.get(i); }
	row(i) {
		const row = this.rows.get(i);

		if (row === undefined && i < this.total)
			this.load(Math.floor(i / PAGE) + 1);
		return row;
	}

	place(id) { return this.places.get(id) ?? -1; }
	find(id) { return this.rows.get(this.place(id)); }
	// Those known of [from, to).
	slice(from, to) { return Array.from({length: Math.max(0, to - from)}, (_, k) => this.rows.get(from + k)).filter((r) => r !== undefined); }

	// Returns the page, or null.
	load(page) {
		if (!this.asked.has(page))
			this.asked.set(page, this.fetch(page));
		return this.asked.get(page);
	}

	async fetch(page) {
		const asked = this.asked;

		try {
			const data = await get(this.path + query({...this.params, page, size: PAGE}),
				{signal: AbortSignal.any([this.stopped.signal, AbortSignal.timeout(60000)])});
			if (asked !== this.asked)	// of rows that have moved since
				return null;
			this.take(page, data);
			this.asked.delete(page);
			this.changed();
			return data;
		} catch (e) {
			if (this.stopped.signal.aborted)
				return null;
			setTimeout(() => asked.delete(page), 2000);
			this.failed(e);
			return null;
		}
	}

	take(page, data) {
		const first = (page - 1) * PAGE;

		if (this.rows.size > KEPT) {	// a long way through a long list does not keep all of it
			const asked = this.asked;
			this.drop();
			this.asked = asked;
		}
		this.total = data.total;
		this.partial = data.partial === true;
		data.data.forEach((r, k) => this.put(first + k, r));
	}

	put(i, row) {
		const before = this.rows.get(i);

		if (before !== undefined && before.id !== row.id && this.places.get(before.id) === i)
			this.places.delete(before.id);
		this.rows.set(i, row);
		this.places.set(row.id, i);
		this.total = Math.max(this.total, i + 1);
	}

	append(row) { this.put(this.total, row); }

	// Their places become others.
	move(to) {
		const rows = [...this.rows];

		this.drop();
		for (const [i, row] of rows)
			if (to(i) >= 0) {
				this.rows.set(to(i), row);
				this.places.set(row.id, to(i));
			}
	}

	prepend(rows) {
		this.move((i) => i + rows.length);
		this.total += rows.length;
		rows.forEach((r, i) => this.put(i, r));
	}

	remove(id) {
		const at = this.place(id);

		if (at < 0)
			return;
		this.move((i) => i < at ? i : i === at ? -1 : i - 1);
		this.total--;
	}
}
