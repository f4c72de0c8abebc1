// list.js - a list of which only the rows in sight exist.
//
// The rows are all of one height.  Browsers bound how high an element can be, so in a list of very many rows the scroll position
// stands for a share of the rows.

import {el} from './dom.js';

const TALLEST = 15e6, BEYOND = 6;

export class List {
	// render(element, i): fill a row; onpick(i): it was clicked or chosen by Enter
	constructor(box, height, render, onpick) {
		this.box = box;
		this.height = height;
		this.render = render;
		this.total = 0;
		this.chosen = -1;
		this.rows = new Map();
		this.spacer = el('div', {class: 'spacer'});
		this.box.replaceChildren(this.spacer);
		this.box.addEventListener('scroll', () => this.later(), {passive: true});
		this.box.addEventListener('click', (e) => {
			const row = e.target.closest('[role=option]');
			if (row !== null && !e.defaultPrevented)
				onpick(Number(row.dataset.i));
		});
		new ResizeObserver(() => this.later()).observe(box);
	}

	later() {
		if (this.waiting)
			return;
		this.waiting = true;
		requestAnimationFrame(() => { this.waiting = false; this.draw(); });
	}

	get full() { return this.total * this.height; }
	get tall() { return Math.min(this.full, TALLEST); }

	// The pixels of the full list above what is in sight.
	get offset() {
		const way = this.tall - this.box.clientHeight;
		return this.full === this.tall || way <= 0 ? this.box.scrollTop : this.box.scrollTop / way * (this.full - this.box.clientHeight);
	}

	set offset(y) {
		const way = this.full - this.box.clientHeight;
		this.box.scrollTop = this.full === this.tall || way <= 0 ? y : y / way * (this.tall - this.box.clientHeight);
	}

	get atEnd() { return this.offset + this.box.clientHeight >= this.full - this.height / 2; }
	get atStart() { return this.box.scrollTop < this.height / 2; }

	setTotal(n) {
		this.total = n;
		this.spacer.style.height = `${this.tall}px`;
	}

	// The rows in sight, and some more: [from, to)
	range() {
		const from = Math.floor(this.offset / this.height), n = Math.ceil(this.box.clientHeight / this.height) + 1;

		return [Math.max(0, from - BEYOND), Math.min(this.total, from + n + BEYOND)];
	}

	draw() {
		const [from, to] = this.range(), shift = this.offset - this.box.scrollTop;

		for (const [i, row] of this.rows)
			if (i < from || i >= to) {
				row.remove();
				this.rows.delete(i);
			}
		for (let i = from; i < to; i++) {
			let row = this.rows.get(i);
			if (row === undefined) {
				row = el('div', {role: 'option', 'data-i': i, id: `${this.box.id}-${i}`});
				this.rows.set(i, row);
				this.spacer.append(row);
				this.fill(row, i);
			}
			row.style.top = `${i * this.height - shift}px`;
		}
	}

	fill(row, i) {
		row.className = 'row';
		row.setAttribute('aria-selected', String(i === this.chosen));
		row.setAttribute('aria-posinset', i + 1);
		row.setAttribute('aria-setsize', this.total);
		this.render(row, i);
	}

	// What is shown is of another list.
	clear() {
		for (const row of this.rows.values())
			row.remove();
		this.rows.clear();
	}

	// Everything may have changed.
	refresh() {
		for (const [i, row] of this.rows)
			if (i < this.total)
				this.fill(row, i);
		this.draw();
	}

	choose(i, show) {
		this.chosen = i;
		for (const [j, row] of this.rows)
			row.setAttribute('aria-selected', String(j === i));
		this.box.setAttribute('aria-activedescendant', i < 0 ? '' : `${this.box.id}-${i}`);
		if (show && i >= 0)
			this.reveal(i);
	}

	reveal(i) {
		const top = i * this.height, y = this.offset;

		if (top < y)
			this.offset = top;
		else if (top + this.height > y + this.box.clientHeight)
			this.offset = top + this.height - this.box.clientHeight;
		this.draw();
	}
}
