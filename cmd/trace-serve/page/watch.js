// watch.js - asks what has changed since the last time, about every second.

import {get, query} from './api.js';

const EVERY = 1000, HIDDEN = 10000, MOST = 1000;

export class Watch {
	// onchange(rows, cursor before them), onflood(): too much changed to tell, onstate(error or null)
	constructor({onchange, onflood, onstate}) {
		Object.assign(this, {onchange, onflood, onstate, cursor: null});
		document.addEventListener('visibilitychange', () => { if (!document.hidden) this.now(); });
	}

	async start() {
		this.cursor = (await get('/api/records?brief=1&size=1')).cursor;
		this.later();
	}

	later() {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.now(), document.hidden ? HIDDEN : EVERY);
	}

	async now() {
		if (this.cursor === null || this.asking)
			return;
		this.asking = true;
		clearTimeout(this.timer);
		try {
			await this.ask();
			this.onstate(null);
		} catch (e) {
			this.onstate(e);
		}
		this.asking = false;
		this.later();
	}

	async ask() {
		const before = this.cursor, page = await get(`/api/records${query({brief: 1, size: MOST, after: before})}`, {signal: AbortSignal.timeout(20000)});

		if (page.data.length === 0)
			return;
		if (page.total > page.data.length) {
			this.cursor = (await get('/api/records?brief=1&size=1')).cursor;
			await this.onflood();
			return;
		}
		this.cursor = page.cursor;
		await this.onchange(page.data, before);
	}
}
