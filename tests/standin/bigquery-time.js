'use strict';
/*
 * bigquery-time.js - dates and times as the service reads and writes them.  A TIMESTAMP is a BigInt of microseconds
 * since the epoch; DATE, TIME and DATETIME are their canonical text.
 */

const TIMESTAMP = new RegExp('^(\\d{4})([-/])(\\d{1,2})\\2(\\d{1,2})' +
	'(?:[Tt ](\\d{1,2}):(\\d{1,2})(?::(\\d{1,2})(?:\\.(\\d{0,6}))?)?)?' +
	'(?: ?(Z|z|UTC|[+-]\\d{1,2}(?::\\d{2})?)| ([A-Za-z_]+(?:/[A-Za-z_+-]+)+))?$');
const DATE = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
const TIME = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,6}))?$/;
const MINUTE_MS = 60000;
const DAY_MS = 86400000;
const LAST_MICROS = 253402300799999999n;
const FIRST_MICROS = -62135596800000000n;

const pad = (n, width) => String(n).padStart(width || 2, '0');

/* The UTC milliseconds of a civil date, or null where there is no such day. */
function dayMs(y, m, d) {
	const t = new Date(0);
	t.setUTCFullYear(y, m - 1, d);
	return y >= 1 && t.getUTCMonth() === m - 1 && t.getUTCDate() === Number(d) ? t.getTime() : null;
}

/* The offset of an IANA zone or of +HH[:MM] at a time, in milliseconds; null for an unknown zone. */
function zoneOffset(zone, ms) {
	const fixed = /^([+-])(\d{1,2})(?::(\d{2}))?$/.exec(zone);
	if (fixed)
		return (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3] || 0)) * MINUTE_MS;
	if (/^(Z|UTC)$/i.test(zone))
		return 0;
	try {
		const parts = {};
		new Intl.DateTimeFormat('en-US', {
			timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
		}).formatToParts(new Date(ms)).forEach((p) => { parts[p.type] = Number(p.value); });
		return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour % 24, parts.minute, parts.second) - Math.floor(ms / 1000) * 1000;
	} catch (e) {
		return null;
	}
}

/* The UTC milliseconds of a wall clock's milliseconds in a zone. */
function fromLocal(ms, zone) {
	const first = zoneOffset(zone, ms);
	return first === null ? null : ms - zoneOffset(zone, ms - first);
}

function clock(h, m, s) {
	return h < 24 && m < 60 && s < 60 ? (h * 3600 + m * 60 + s) * 1000 : null;
}

const fraction = (digits) => BigInt((digits || '').padEnd(6, '0'));

/* Microseconds, or null when the text is no timestamp; at most six digits of a second. */
function parseTimestamp(text, zone) {
	const m = TIMESTAMP.exec(text);
	if (!m)
		return null;
	const day = dayMs(Number(m[1]), Number(m[3]), Number(m[4]));
	const time = clock(Number(m[5] || 0), Number(m[6] || 0), Number(m[7] || 0));
	if (day === null || time === null)
		return null;
	const ms = fromLocal(day + time, m[9] || m[10] || zone || 'UTC');
	const micros = ms === null ? null : BigInt(ms) * 1000n + fraction(m[8]);
	return micros === null || micros < FIRST_MICROS || micros > LAST_MICROS ? null : micros;
}

function parseDate(text) {
	const m = DATE.exec(text);
	if (!m || dayMs(Number(m[1]), Number(m[2]), Number(m[3])) === null)
		return null;
	return m[1] + '-' + pad(m[2]) + '-' + pad(m[3]);
}

function parseTime(text) {
	const m = TIME.exec(text);
	if (!m || clock(Number(m[1]), Number(m[2]), Number(m[3])) === null)
		return null;
	const micros = Number((m[4] || '').padEnd(6, '0'));
	return pad(m[1]) + ':' + pad(m[2]) + ':' + pad(m[3]) + (micros ? '.' + pad(micros, 6) : '');
}

function parseDatetime(text) {
	const m = /^(\d{4}-\d{1,2}-\d{1,2})(?:[Tt ](.*))?$/.exec(text);
	const date = m && parseDate(m[1]);
	const time = m && parseTime(m[2] === undefined ? '00:00:00' : m[2]);
	return date && time ? date + 'T' + time : null;
}

function divide(micros, unit) {
	const rest = ((micros % unit) + unit) % unit;
	return [(micros - rest) / unit, rest];
}

/* RFC 3339 in UTC, with no more digits than there are. */
function formatTimestamp(micros) {
	const [seconds, rest] = divide(micros, 1000000n);
	const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
	return text + (rest ? '.' + pad(rest, 6).replace(/0+$/, '') : '') + 'Z';
}

/* Seconds as a floating point number in the service's spelling: 1.7041266E9. */
function formatFloatSeconds(micros) {
	const n = Number(micros) / 1e6;
	const abs = Math.abs(n);
	if (abs >= 1e-3 && abs < 1e7 || n === 0)
		return Number.isInteger(n) ? n + '.0' : String(n);
	const [digits, exponent] = n.toExponential().split('e');
	return (digits.includes('.') ? digits : digits + '.0') + 'E' + Number(exponent);
}

const dateOfMs = (ms) => new Date(ms).toISOString().slice(0, 10);
const msOfDate = (date) => Date.parse(date + 'T00:00:00Z');

/* DATE(timestamp, zone): the civil day there; null for an unknown zone. */
function dateIn(micros, zone) {
	const ms = Number(divide(micros, 1000n)[0]);
	const offset = zoneOffset(zone, ms);
	return offset === null ? null : dateOfMs(ms + offset);
}

/* TIMESTAMP(date, zone): when the day begins there. */
function startOfDate(date, zone) {
	const ms = fromLocal(msOfDate(date), zone);
	return ms === null ? null : BigInt(ms) * 1000n;
}

const addDays = (date, n) => dateOfMs(msOfDate(date) + n * DAY_MS);

module.exports = {
	parseTimestamp, parseDate, parseTime, parseDatetime, formatTimestamp, formatFloatSeconds, dateIn, startOfDate, addDays,
};
