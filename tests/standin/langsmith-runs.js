'use strict';
/*
 * langsmith-runs.js - the runs that the LangSmith stand-in keeps: raw JSON,
 * times, the store, generated runs, and the shapes of v1 and v2 answers.
 *
 * A run is kept as the raw text of its members, one character for each byte
 * (latin1), and answers are spliced from that text.  So 12345678901234567890,
 * 1.0, 1e400, \u4e2d and a lone \ud800 leave exactly as they came.
 */
const crypto = require('crypto');

/* ---- raw JSON ---- */

const decode = (raw) => JSON.parse(Buffer.from(raw, 'latin1').toString('utf8'));
const encode = (value) => Buffer.from(JSON.stringify(value), 'utf8').toString('latin1');

class RawError extends Error {}

function skipSpace(s, i) {
	while (i < s.length && (s[i] === ' ' || s[i] === '\n' || s[i] === '\r' || s[i] === '\t'))
		i++;
	return i;
}

function skipString(s, i) {
	for (let at = i + 1; ;) {
		const q = s.indexOf('"', at);
		if (q < 0)
			throw new RawError('unterminated string at ' + i);
		let n = 0;
		while (s[q - 1 - n] === '\\')
			n++;
		if (n % 2 === 0)
			return q + 1;
		at = q + 1;
	}
}

/* The end of the value that begins at i. */
function skipValue(s, i) {
	if (s[i] === '"')
		return skipString(s, i);
	if (s[i] !== '{' && s[i] !== '[') {
		const m = /[^\s,:[\]{}"]+/y;
		m.lastIndex = i;
		if (!m.test(s))
			throw new RawError('no value at ' + i);
		return m.lastIndex;
	}
	const mark = /["{}[\]]/g;
	mark.lastIndex = i;
	for (let depth = 0; ;) {
		const m = mark.exec(s);
		if (!m)
			throw new RawError('unbalanced brackets at ' + i);
		if (m[0] === '"')
			mark.lastIndex = skipString(s, m.index);
		else
			depth += m[0] === '{' || m[0] === '[' ? 1 : -1;
		if (depth === 0)
			return mark.lastIndex;
	}
}

/* [[key, raw value], ...] of an object's text; the keys are decoded. */
function members(raw) {
	const out = [];
	let i = skipSpace(raw, 0);
	if (raw[i] !== '{')
		throw new RawError('not an object');
	for (i = skipSpace(raw, i + 1); raw[i] !== '}';) {
		const k = skipString(raw, i);
		const key = decode(raw.slice(i, k));
		i = skipSpace(raw, k);
		if (raw[i] !== ':')
			throw new RawError('no colon at ' + i);
		i = skipSpace(raw, i + 1);
		const v = skipValue(raw, i);
		out.push([key, raw.slice(i, v)]);
		i = skipSpace(raw, v);
		if (raw[i] === ',')
			i = skipSpace(raw, i + 1);
		else if (raw[i] !== '}')
			throw new RawError('no comma at ' + i);
	}
	return out;
}

/* The raw elements of an array, or of a sequence of values (NDJSON). */
function elements(raw) {
	const out = [];
	let i = skipSpace(raw, 0);
	const array = raw[i] === '[';
	for (i = skipSpace(raw, array ? i + 1 : i); i < raw.length && raw[i] !== ']';) {
		const v = skipValue(raw, i);
		out.push(raw.slice(i, v));
		i = skipSpace(raw, v);
		if (array && raw[i] === ',')
			i = skipSpace(raw, i + 1);
	}
	return out;
}

/* The last member of that name, as everywhere in the project. */
function member(raw, name) {
	let found;
	if (raw !== undefined && raw[0] === '{')
		members(raw).forEach((m) => { if (m[0] === name) found = m[1]; });
	return found;
}

/* The same JSON over many lines; scalars stay as they are. */
function indent(raw) {
	let out = '', depth = 0;
	const line = () => { out += '\n' + '  '.repeat(depth); };
	for (let i = skipSpace(raw, 0); i < raw.length; i = skipSpace(raw, i)) {
		const c = raw[i];
		if ((c === '{' || c === '[') && /[}\]]/.test(raw[skipSpace(raw, i + 1)])) {
			out += c + raw[skipSpace(raw, i + 1)];
			i = skipSpace(raw, i + 1) + 1;
		} else if (c === '{' || c === '[') {
			out += c; depth++; line(); i++;
		} else if (c === '}' || c === ']') {
			depth--; line(); out += c; i++;
		} else if (c === ',') {
			out += c; line(); i++;
		} else if (c === ':') {
			out += ': '; i++;
		} else {
			const end = skipValue(raw, i);
			out += raw.slice(i, end);
			i = end;
		}
	}
	return out + '\n';
}

/* ---- time: microseconds since the epoch, exact below 2^53 ---- */

function parseTime(text) {
	const m = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?$/i.exec(text);
	if (!m)
		return null;
	const n = m.slice(1, 7).map((x) => Number(x || 0));
	if (n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31 || n[3] > 23 || n[4] > 59 || n[5] > 60)
		return null;
	let ms = Date.UTC(n[0], n[1] - 1, n[2], n[3], n[4], n[5]);
	if (m[8] && m[8].toUpperCase() !== 'Z') {
		const off = Number(m[8].slice(1, 3)) * 60 + Number(m[8].slice(-2));
		ms -= (m[8][0] === '-' ? -1 : 1) * off * 60000;
	}
	return ms * 1000 + Number(((m[7] || '') + '000000').slice(0, 6));
}

/* A time as clients ingest it: text, or a number of milliseconds. */
function rawTime(raw) {
	if (raw === undefined || raw === 'null')
		return null;
	return raw[0] === '"' ? parseTime(decode(raw)) : Math.round(Number(raw) * 1000);
}

function isoParts(us) {
	const ms = Math.floor(us / 1000);
	return {day: new Date(ms).toISOString(), frac: us - Math.floor(us / 1e6) * 1e6};
}

/* As v1 writes times: naive, UTC, the fraction only where there is one. */
function formatV1(us, style) {
	const p = isoParts(us);
	const zone = {naive: '', z: 'Z', offset: '+00:00'}[style || 'naive'];
	return p.day.slice(0, 19) + (p.frac ? '.' + String(p.frac).padStart(6, '0') : '') + zone;
}

const formatV2 = (us) => isoParts(us).day;

function formatDotted(us) {
	const p = isoParts(us);
	return p.day.slice(0, 19).replace(/[-:]/g, '') + String(p.frac).padStart(6, '0') + 'Z';
}

/* ---- one run ---- */

const isNull = (raw) => raw === undefined || raw === 'null';

/* All leaves of a value as {key: "messages.content", value}; array places do not count in the key. */
function leaves(value, key, out) {
	if (Array.isArray(value))
		value.forEach((v) => leaves(v, key, out));
	else if (value !== null && typeof value === 'object')
		Object.keys(value).forEach((k) => leaves(value[k], key ? key + '.' + k : k, out));
	else
		out.push({key, value});
	return out;
}

class Run {
	/* fields: a Map of member name to raw text; opts: s3 (a list of fields), arrive (us), arriveQuery, partial. */
	constructor(projectId, fields, opts) {
		this.fields = fields;
		this.projectId = projectId;
		this.opts = opts || {};
		this.id = String(this.value('id')).toLowerCase();
		this.startUs = rawTime(fields.get('start_time'));
		this.endUs = rawTime(fields.get('end_time'));
		this.traceId = String(this.value('trace_id') || this.id).toLowerCase();
	}

	raw(name) {
		return this.fields.get(name);
	}

	value(name) {
		const raw = this.fields.get(name);
		return raw === undefined ? null : decode(raw);
	}

	get dottedOrder() {
		return this.value('dotted_order') || formatDotted(this.startUs || 0) + this.id;
	}

	/* Ancestors, root first. */
	get parentIds() {
		if (!isNull(this.raw('parent_run_ids')))
			return this.value('parent_run_ids');
		const pieces = this.dottedOrder.split('.').map((p) => p.slice(-36)).slice(0, -1);
		return pieces.length || isNull(this.raw('parent_run_id')) ? pieces : [this.value('parent_run_id')];
	}

	get parentId() {
		const ids = this.parentIds;
		return isNull(this.raw('parent_run_id')) ? (ids.length ? ids[ids.length - 1] : null) : this.value('parent_run_id');
	}

	get isRoot() {
		return this.parentId === null;
	}

	get status() {
		if (!isNull(this.raw('status')))
			return this.value('status');
		return !isNull(this.raw('error')) ? 'error' : this.endUs === null ? 'pending' : 'success';
	}

	get metadata() {
		return member(this.raw('extra'), 'metadata');
	}

	get threadId() {
		const meta = this.metadata === undefined ? {} : decode(this.metadata) || {};
		return this.value('thread_id') || meta.session_id || meta.conversation_id || meta.thread_id || null;
	}

	/* For the filter language. */
	scalar(field) {
		switch (field) {
		case 'id': return this.id;
		case 'trace_id': return this.traceId;
		case 'start_time': return this.startUs;
		case 'end_time': return this.endUs;
		case 'latency': return this.endUs === null ? null : (this.endUs - this.startUs) / 1e6;
		case 'status': return this.status;
		case 'is_root': return this.isRoot;
		case 'thread_id': return this.threadId;
		case 'run_type': return this.value('run_type') || 'chain';
		case 'total_tokens': case 'prompt_tokens': case 'completion_tokens':
			return this.value(field) || 0;
		case 'total_cost': case 'prompt_cost': case 'completion_cost':
			return isNull(this.raw(field)) ? null : Number(this.value(field));
		default: return this.value(field);
		}
	}

	pairs(family) {
		if (family === 'metadata')
			return this.metadata === undefined ? [] : leaves(decode(this.metadata), '', []);
		if (family === 'feedback') {
			const stats = this.value('feedback_stats') || {};
			return Object.keys(stats).map((key) => ({key, value: stats[key].avg === undefined ? null : stats[key].avg}));
		}
		return leaves(this.value(family + 's'), '', []);
	}

	text() {
		const parts = ['name', 'error', 'inputs', 'outputs', 'tags'].map((f) => this.value(f));
		return leaves(parts, '', []).map((l) => String(l.value)).join('\n');
	}
}

/* ---- the store: runs in the order of (start time, id) ---- */

const before = (us, id, us2, id2) => us < us2 || (us === us2 && id < id2);

/* The first place in src that is not before (us, id). */
function lowerBound(src, us, id) {
	let lo = 0, hi = src.length;
	while (lo < hi) {
		const mid = (lo + hi) >>> 1;
		if (before(src.startUs(mid), src.id(mid), us, id))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * Up to limit runs of src that match(run), of min <= start <= max, after the
 * run {us, id} where given; more says whether another one follows.
 */
function scan(src, q) {
	const runs = [];
	const asc = q.order === 'asc';
	let i;
	if (q.after)
		i = lowerBound(src, q.after.us, q.after.id + (asc ? '~' : '')) - (asc ? 0 : 1);
	else
		i = asc ? lowerBound(src, q.min, '') : lowerBound(src, q.max, '~') - 1;
	for (; i >= 0 && i < src.length; i += asc ? 1 : -1) {
		const us = src.startUs(i);
		if (asc ? us > q.max : us < q.min)
			break;
		if (us > q.max || us < q.min)
			continue;
		const run = src.run(i);
		if (!q.match(run))
			continue;
		if (runs.length === q.limit)
			return {runs, more: true};
		runs.push(run);
	}
	return {runs, more: false};
}

class Store {
	constructor() {
		this.runs = new Map();
		this.traces = new Map();
		this.sorted = null;
	}

	put(run) {
		const old = this.runs.get(run.id);
		if (old)
			this.traces.get(old.traceId).delete(run.id);
		this.runs.set(run.id, run);
		if (!this.traces.has(run.traceId))
			this.traces.set(run.traceId, new Map());
		this.traces.get(run.traceId).set(run.id, run);
		this.sorted = null;
	}

	find(id) {
		return this.runs.get(id);
	}

	trace(id) {
		return this.traces.has(id) ? Array.from(this.traces.get(id).values()) : [];
	}

	source() {
		if (this.sorted === null) {
			this.sorted = Array.from(this.runs.values()).filter((r) => r.startUs !== null);
			this.sorted.sort((a, b) => (before(a.startUs, a.id, b.startUs, b.id) ? -1 : 1));
		}
		const list = this.sorted;
		return {length: list.length, startUs: (i) => list[i].startUs, id: (i) => list[i].id, run: (i) => list[i]};
	}
}

/* ---- generated runs ---- */

const SENTENCE = Buffer.from('How do I reset my password? 请问如何重置密码？ ', 'utf8').toString('latin1');

/* count runs of about bytes bytes each over the days before endUs; each is made when it is asked for. */
class Synthetic {
	constructor(projectId, count, bytes, days, endUs) {
		this.projectId = projectId;
		this.length = count;
		this.bytes = bytes;
		this.step = Math.max(1, Math.floor(days * 86400e6 / Math.max(1, count)));
		this.firstUs = endUs - this.step * count;
		this.filler = SENTENCE.repeat(Math.ceil(bytes * 1.5 / SENTENCE.length) + 1);
	}

	startUs(i) {
		return this.firstUs + i * this.step;
	}

	id(i) {
		const h = crypto.createHash('md5').update('run ' + i).digest('hex');
		return h.slice(0, 8) + '-' + h.slice(8, 12) + '-4' + h.slice(13, 16) + '-8' + h.slice(17, 20) + '-' + i.toString(16).padStart(12, '0');
	}

	find(id) {
		const i = parseInt(id.slice(24), 16);
		return i < this.length && this.id(i) === id ? this.run(i) : undefined;
	}

	trace(id) {
		const run = this.find(id);
		return run ? [run] : [];
	}

	run(i) {
		const share = 0.5 + ((Math.imul(i + 1, 2654435761) >>> 0) % 1001) / 1000;
		const want = Math.max(0, Math.round(this.bytes * share) - 620);
		const text = this.filler.slice(0, Math.floor(want / SENTENCE.length) * SENTENCE.length);
		const fields = new Map();
		const start = this.startUs(i);
		fields.set('id', '"' + this.id(i) + '"');
		fields.set('name', '"synthetic"');
		fields.set('run_type', '"chain"');
		fields.set('start_time', '"' + formatV1(start) + '"');
		fields.set('end_time', '"' + formatV1(start + 1500000) + '"');
		fields.set('inputs', '{"messages":[{"role":"system","content":"You help."},{"role":"user","content":"question ' + i + ': ' + text + '"}]}');
		fields.set('outputs', '{"output":"answer ' + i + '"}');
		fields.set('extra', '{"metadata":{"n":' + i + '}}');
		return new Run(this.projectId, fields, {});
	}
}

/* ---- the shape of a v1 run ---- */

const V1_SELECT = ('id name run_type start_time end_time status error extra events inputs inputs_preview inputs_s3_urls ' +
    'inputs_or_signed_url outputs outputs_preview outputs_s3_urls outputs_or_signed_url s3_urls error_or_signed_url ' +
    'events_or_signed_url extra_or_signed_url serialized_or_signed_url serialized parent_run_id parent_run_ids child_run_ids ' +
    'manifest manifest_id manifest_s3_id session_id reference_example_id reference_dataset_id total_tokens prompt_tokens ' +
    'completion_tokens prompt_token_details completion_token_details total_cost prompt_cost completion_cost ' +
    'prompt_cost_details completion_cost_details price_model_id first_token_time trace_id dotted_order last_queued_at ' +
    'feedback_stats tags in_dataset app_path share_token trace_tier trace_first_received_at ttl_seconds trace_upgrade ' +
    'thread_id trace_min_max_start_time messages inserted_at').split(' ');

/* What comes when nothing is selected: all but what can only be asked for. */
const V1_DEFAULT = V1_SELECT.filter((f) => !/_or_signed_url$/.test(f) &&
    ['manifest', 'trace_min_max_start_time', 'messages', 'inserted_at'].indexOf(f) < 0)
	.concat(['trace_min_start_time', 'trace_max_start_time', 'direct_child_run_ids', 'execution_order']);

const V1_EMPTY = {total_tokens: '0', prompt_tokens: '0', completion_tokens: '0', trace_tier: '"shortlived"', ttl_seconds: '1209600',
	trace_upgrade: 'false', in_dataset: 'false', name: '"run"', run_type: '"chain"', execution_order: '1'};

/* ctx: {tenant, timeStyle, s3Url(run, field)} */
function v1Field(run, name, ctx) {
	const time = (us) => (us === null ? 'null' : '"' + formatV1(us, ctx.timeStyle) + '"');
	switch (name) {
	case 'start_time': return time(run.startUs);
	case 'end_time': return time(run.endUs);
	case 'first_token_time': return time(rawTime(run.raw(name)));
	case 'trace_min_start_time': case 'trace_max_start_time':
		return isNull(run.raw(name)) ? time(run.startUs) : run.raw(name);
	case 'status': return encode(run.status);
	case 'session_id': return encode(run.projectId);
	case 'trace_id': return encode(run.traceId);
	case 'dotted_order': return encode(run.dottedOrder);
	case 'parent_run_id': return encode(run.parentId);
	case 'parent_run_ids': return isNull(run.raw(name)) ? encode(run.parentIds) : run.raw(name);
	case 'thread_id': return encode(run.threadId);
	case 'app_path':
		return encode('/o/' + ctx.tenant + '/projects/p/' + run.projectId + '/r/' + run.id + '?trace_id=' + run.traceId +
		    '&start_time=' + formatV1(run.startUs));
	case 'inputs': case 'outputs':
		return isApart(run, name) || isNull(run.raw(name)) ? 'null' : run.raw(name);
	case 'inputs_s3_urls': case 'outputs_s3_urls': {
		const field = name.split('_')[0];
		if (!isApart(run, field))
			return run.raw(name) || 'null';
		return encode({ROOT: {presigned_url: ctx.s3Url(run, field), s3_url: 's3://runs/' + run.id + '/' + field}});
	}
	default:
		return isNull(run.raw(name)) ? V1_EMPTY[name] || 'null' : run.raw(name);
	}
}

const isApart = (run, field) => run.opts.s3 !== undefined && run.opts.s3.indexOf(field) >= 0;

function v1Run(run, select, ctx) {
	const names = new Set(select || V1_DEFAULT);
	/* A newer service sends members that nobody has heard of: a stored one is such a member. */
	if (!select)
		run.fields.forEach((v, k) => names.add(k));
	const parts = [];
	names.forEach((n) => parts.push(encode(n) + ':' + v1Field(run, n, ctx)));
	return '{' + parts.join(',') + '}';
}

/* ---- the shape of a v2 run ---- */

const V2_SELECT = ('ID NAME RUN_TYPE STATUS START_TIME END_TIME LATENCY_SECONDS FIRST_TOKEN_TIME ERROR ERROR_PREVIEW EXTRA METADATA ' +
    'EVENTS INPUTS INPUTS_PREVIEW OUTPUTS OUTPUTS_PREVIEW MANIFEST PARENT_RUN_IDS PROJECT_ID TRACE_ID THREAD_ID DOTTED_ORDER ' +
    'IS_ROOT REFERENCE_EXAMPLE_ID REFERENCE_DATASET_ID TOTAL_TOKENS PROMPT_TOKENS COMPLETION_TOKENS TOTAL_COST PROMPT_COST ' +
    'COMPLETION_COST PROMPT_TOKEN_DETAILS COMPLETION_TOKEN_DETAILS PROMPT_COST_DETAILS COMPLETION_COST_DETAILS PRICE_MODEL_ID ' +
    'TAGS APP_PATH ATTACHMENTS THREAD_EVALUATION_TIME IS_IN_DATASET LAST_QUEUED_AT SHARE_URL FEEDBACK_STATS LS_USER_ID').split(' ');

/* The raw value, or undefined where the run has none. */
function v2Field(run, name, ctx) {
	const own = (field) => (isNull(run.raw(field)) ? undefined : run.raw(field));
	const time = (us) => (us === null ? undefined : '"' + formatV2(us) + '"');
	switch (name) {
	case 'id': return encode(run.id);
	case 'name': return own(name) || '"run"';
	case 'run_type': return encode(run.scalar('run_type').toUpperCase());
	case 'status': return encode(run.status.toUpperCase());
	case 'start_time': return time(run.startUs);
	case 'end_time': return time(run.endUs) || 'null';
	case 'first_token_time': return time(rawTime(run.raw(name)));
	case 'latency_seconds': return run.endUs === null ? undefined : String((run.endUs - run.startUs) / 1e6);
	case 'error_preview': return own('error') && encode(run.value('error').slice(0, 100));
	case 'metadata': return run.metadata;
	case 'manifest': return own('serialized');
	case 'parent_run_ids': return isNull(run.raw(name)) ? encode(run.parentIds) : run.raw(name);
	case 'project_id': return encode(run.projectId);
	case 'trace_id': return encode(run.traceId);
	case 'thread_id': return run.threadId === null ? undefined : encode(run.threadId);
	case 'dotted_order': return encode(run.dottedOrder);
	case 'is_root': return String(run.isRoot);
	case 'total_tokens': case 'prompt_tokens': case 'completion_tokens': return own(name) || '0';
	case 'total_cost': case 'prompt_cost': case 'completion_cost': {
		const raw = own(name);
		return raw && raw[0] === '"' ? decode(raw) : raw;
	}
	case 'prompt_token_details': case 'completion_token_details': case 'prompt_cost_details': case 'completion_cost_details':
		return own(name) && '{"raw":' + own(name) + '}';
	case 'is_in_dataset': return own('in_dataset') || 'false';
	case 'share_url': return own('share_token') && encode('https://smith.langchain.com/public/' + run.value('share_token') + '/r');
	case 'app_path': return v1Field(run, name, ctx);
	default: return own(name);
	}
}

/* ctx: {tenant, nulls}; nulls writes null where the run has no value, instead of nothing. */
function v2Run(run, selects, ctx) {
	const parts = [];
	new Set(selects).forEach((s) => {
		const name = s.toLowerCase();
		const raw = v2Field(run, name, ctx);
		if (raw !== undefined || ctx.nulls)
			parts.push('"' + name + '":' + (raw === undefined ? 'null' : raw));
	});
	return '{' + parts.join(',') + '}';
}

module.exports = {decode, encode, elements, members, indent, RawError, parseTime, rawTime, formatV1, isNull,
	Run, Store, Synthetic, scan, v1Run, v2Run, V1_SELECT, V2_SELECT};
