// chart.js - latency as bars and tokens as a line, of the newest records of a session.

import {count, duration, el, svg} from './dom.js';
import {t} from './texts.js';

const HEIGHT = 56, MOST = 100;

const tokensOf = (r) => (r.input_tokens ?? 0) + (r.output_tokens ?? 0);

function label(r) {
	return [t('turn', {n: r.turn_number}), t(r.status), duration(r.latency_ms), tokensOf(r) > 0 ? `${count(tokensOf(r))} ${t('tokens')}` : '']
		.filter((s) => s !== '').join(' · ');
}

// rows in their order; onpick(row)
export function drawChart(box, rows, chosen, onpick) {
	const shown = rows.slice(-MOST), width = Math.max(120, box.clientWidth || 300), step = Math.min(16, width / Math.max(1, shown.length));
	const slowest = Math.max(1, ...shown.map((r) => r.latency_ms ?? 0)), most = Math.max(1, ...shown.map(tokensOf));
	const y = (share) => HEIGHT - 4 - share * (HEIGHT - 10);
	const picture = svg('svg', {viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img',
		'aria-label': `${t('latency')} ≤ ${duration(slowest)}, ${t('tokens')} ≤ ${count(most)}`});

	for (const [i, r] of shown.entries()) {
		const top = y((r.latency_ms ?? 0) / slowest);
		const bar = svg('g', {class: `bar ${r.status}${r.id === chosen ? ' chosen' : ''}`, onclick: () => onpick(r)});
		const title = svg('title');
		title.textContent = label(r);
		bar.append(title, svg('rect', {class: 'hit', x: i * step, y: 0, width: step, height: HEIGHT}),
			svg('rect', {class: 'value', x: i * step + step * 0.15, y: Math.min(top, HEIGHT - 6), width: step * 0.7,
				height: Math.max(2, HEIGHT - 4 - top), rx: Math.min(2, step / 5)}));
		picture.append(bar);
	}
	picture.append(svg('polyline', {class: 'tokens', points: shown.map((r, i) => `${(i + 0.5) * step},${y(tokensOf(r) / most)}`).join(' ')}));
	box.replaceChildren(picture, el('div', {class: 'legend', 'aria-hidden': 'true'}, t('legend')));
	box.hidden = shown.length < 2;
}

export function median(values) {
	const v = values.filter((x) => x !== null && x !== undefined).sort((a, b) => a - b);

	return v.length === 0 ? null : v.length % 2 === 1 ? v[(v.length - 1) / 2] : (v[v.length / 2 - 1] + v[v.length / 2]) / 2;
}
