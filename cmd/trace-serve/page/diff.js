// diff.js - what differs between two texts, line by line, and within a changed line by words (Myers' O(ND) algorithm, bounded).

// Differences that are looked for between lines, and words; beyond, the middle counts as changed altogether.
const MOST_LINES = 1500, MOST_WORDS = 200, LONG_LINE = 2000;

// Pairs [i, j] of equal items of a and b, in order.  Of each round d, x is kept for the diagonals -d..d.
function common(a, b, limit) {
	const n = a.length, m = b.length, most = Math.min(limit, n + m), off = most + 1, v = new Int32Array(2 * most + 3), rounds = [];

	for (let d = 0; d <= most; d++) {
		rounds.push(v.slice(off - d, off + d + 1));
		for (let k = -d; k <= d; k += 2) {
			let x = k === -d || (k !== d && v[off + k - 1] < v[off + k + 1]) ? v[off + k + 1] : v[off + k - 1] + 1;
			while (x < n && x - k < m && a[x] === b[x - k])
				x++;
			v[off + k] = x;
			if (x >= n && x - k >= m)
				return walkBack(n, m, rounds);
		}
	}
	return [];
}

function walkBack(n, m, rounds) {
	const pairs = [];
	let x = n, y = m;

	for (let d = rounds.length - 1; d > 0; d--) {
		const k = x - y, v = (at) => Math.abs(at) < d ? rounds[d][d + at] : -1;	// as round d found it
		const before = k === -d || (k !== d && v(k - 1) < v(k + 1)) ? k + 1 : k - 1, px = v(before), py = px - before;
		while (x > px && y > py)
			pairs.push([--x, --y]);
		x = px;
		y = py;
	}
	while (x > 0 && y > 0)
		pairs.push([--x, --y]);
	return pairs.reverse();
}

// Hunks {same: bool, a: [from, to), b: [from, to)} that cover both.
export function hunks(a, b, limit = MOST_LINES) {
	let head = 0, tail = 0;

	while (head < a.length && head < b.length && a[head] === b[head])
		head++;
	while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
		tail++;
	const pairs = common(a.slice(head, a.length - tail), b.slice(head, b.length - tail), limit).map(([i, j]) => [i + head, j + head]);
	const out = [];
	const add = (same, a0, a1, b0, b1) => {
		const last = out[out.length - 1];
		if (a0 === a1 && b0 === b1)
			return;
		if (last !== undefined && last.same === same)
			Object.assign(last, {a: [last.a[0], a1], b: [last.b[0], b1]});
		else
			out.push({same, a: [a0, a1], b: [b0, b1]});
	};

	let x = head, y = head;
	add(true, 0, head, 0, head);
	for (const [i, j] of pairs) {
		add(false, x, i, y, j);
		add(true, i, i + 1, j, j + 1);
		x = i + 1;
		y = j + 1;
	}
	add(false, x, a.length - tail, y, b.length - tail);
	add(true, a.length - tail, a.length, b.length - tail, b.length);
	return out;
}

const words = (line) => line.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}_]+|\s+|./gu) || [];

// Of two changed lines: [[text, changed?], ...] for each side.
export function within(a, b) {
	if (a.length + b.length > LONG_LINE)
		return around(a, b);
	const wa = words(a), wb = words(b), left = [], right = [];

	for (const h of hunks(wa, wb, MOST_WORDS)) {
		left.push([wa.slice(...h.a).join(''), !h.same]);
		right.push([wb.slice(...h.b).join(''), !h.same]);
	}
	return [left, right];
}

// Is this place within a character of two units?  Then the one in front of it.
const splits = (s, at) => at > 0 && /[\ud800-\udbff][\udc00-\udfff]/.test(s.slice(at - 1, at + 1));
const edge = (s, at) => splits(s, at) ? at - 1 : at;

// Long lines: only the part between the same beginning and the same end, and something around it.  Characters stay whole.
function around(a, b) {
	const NEAR = 200, LONGEST = 1500;
	let head = 0, tail = 0;

	while (head < a.length && head < b.length && a[head] === b[head])
		head++;
	while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
		tail++;
	if (splits(a, head) || splits(b, head))
		head--;
	if (splits(a, a.length - tail) || splits(b, b.length - tail))
		tail--;
	const side = (s) => {
		const from = edge(s, Math.max(0, head - NEAR)), to = edge(s, Math.min(s.length, s.length - tail + NEAR)), middle = s.slice(head, s.length - tail);
		return [[(from > 0 ? '…' : '') + s.slice(from, head), false],
			[middle.length > LONGEST ? `${middle.slice(0, edge(middle, LONGEST))}…` : middle, true],
			[s.slice(s.length - tail, to) + (to < s.length ? '…' : ''), false]];
	};
	return [side(a), side(b)];
}
