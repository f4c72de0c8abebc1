'use strict';
/*
 * bigquery-stream.js - insertAll of the BigQuery stand-in: rows checked one by one, stopped by a bad one, remembered by
 * their insertId for a while.
 */
const {Fail, known, STATUS} = require('./bigquery-schema');
const {HttpError} = require('./common');
const {stringify, plain, Members} = require('./bigquery-json');
const {RowError, row, line} = require('./bigquery-values');

const MAX_BODY = 10485760;
const TOO_LARGE = 2 * MAX_BODY;
const MAX_ROW = 5242880;
const MAX_ROWS = 50000;
const MAX_INSERT_ID = 128;
const MAX_TRACE_ID = 36;

function createStream(platform, tables) {
	const {config, stats} = platform;

	function checkSize(req) {
		if (req.body.length > TOO_LARGE)
			throw new HttpError(413, '<html><title>413 Request Entity Too Large</title></html>', {'Content-Type': 'text/html'});
		if (req.body.length > MAX_BODY)
			throw new HttpError(400, {error: {code: 400, message: 'Request payload size exceeds the limit: ' + MAX_BODY + ' bytes.', status: STATUS[400],
				errors: [{message: 'Request payload size exceeds the limit: ' + MAX_BODY + ' bytes.', domain: 'global', reason: 'badRequest'}]}});
	}

	function membersOf(req) {
		try {
			return line(req.body.toString('utf8')).list;
		} catch (e) {
			if (!(e instanceof RowError))
				throw e;
			throw new Fail('parseError', 'Parse Error');
		}
	}

	/* The body with the rows as parsed members, whose numbers keep their digits. */
	function bodyOf(req) {
		const members = membersOf(req);
		const rows = (members.find(([k]) => k === 'rows') || [])[1];
		const body = plain(new Members(members.filter(([k]) => k !== 'rows')));
		known(body, ['kind', 'skipInvalidRows', 'ignoreUnknownValues', 'templateSuffix', 'traceId'], 'tabledata.insertAll');
		if (!Array.isArray(rows) || !rows.length)
			throw new Fail('invalid', 'No rows present in the request.');
		if (rows.length > MAX_ROWS)
			throw new Fail('invalid', 'too many rows present in the request, limit: ' + MAX_ROWS + ' row count: ' + rows.length + '.');
		if (body.traceId !== undefined && body.traceId.length > MAX_TRACE_ID)
			throw new Fail('invalid', 'traceId is longer than ' + MAX_TRACE_ID + ' characters');
		return Object.assign(body, {rows: rows.map(entry)});
	}

	function entry(r) {
		if (!(r instanceof Members) || r.list.some(([k]) => k !== 'insertId' && k !== 'json'))
			throw new Fail('badRequest', 'Invalid JSON payload received at \'rows\'.');
		const get = (name) => (r.list.find(([k]) => k === name) || [])[1];
		const insertId = get('insertId');
		if (insertId !== undefined && (typeof insertId !== 'string' || insertId.length > MAX_INSERT_ID))
			throw new Fail('invalid', 'The insertId is longer than ' + MAX_INSERT_ID + ' characters');
		return {insertId: insertId || null, json: get('json')};
	}

	/* The table itself, or the one that its template makes. */
	function target(req, suffix) {
		const base = tables.table(req.params.d, req.params.t);
		const t = suffix ? base.dataset.tables.get(base.id + suffix) || tables.create(base.dataset, base.id + suffix, base) : base;
		if (platform.now() < t.created + config.stream_delay * 1000)
			throw new Fail('notFound', 'Not found: Table ' + t.name);
		return t;
	}

	function convert(t, r, o) {
		const bytes = r.json instanceof Members ? Buffer.byteLength(stringify(r.json)) : 0;
		if (bytes > MAX_ROW)
			throw new RowError('', 'Maximum allowed row size exceeded. Allowed: ' + MAX_ROW + ' Row Size: ' + bytes);
		return {values: row(t.fields, r.json, o), at: platform.now(), bytes};
	}

	const problem = (index, reason, e) => ({index, errors: [{reason, location: e ? e.location : '', debugInfo: '', message: e ? e.message : ''}]});

	function remembered(t, id) {
		const at = id === null ? undefined : t.inserted.get(id);
		return at !== undefined && at > platform.now() - config.insert_memory * 1000;
	}

	function insertAll(req) {
		checkSize(req);
		const body = bodyOf(req);
		const t = target(req, body.templateSuffix);
		const o = {stream: true, ignoreUnknown: body.ignoreUnknownValues === true};
		const errors = [];
		const good = [];
		body.rows.forEach((r, i) => {
			const forced = config.row_errors.find((x) => x.index === i);
			try {
				if (forced)
					throw new RowError('', forced.message || '');
				good.push({i, id: r.insertId, row: convert(t, r, o)});
			} catch (e) {
				if (!(e instanceof RowError))
					throw e;
				errors.push(problem(i, forced ? forced.reason : 'invalid', e));
			}
		});
		config.row_errors = [];
		const stopped = errors.length && body.skipInvalidRows !== true ? good.map((g) => problem(g.i, 'stopped')) : [];
		if (!stopped.length)
			store(t, good);
		const all = errors.concat(stopped);
		return Object.assign({kind: 'bigquery#tableDataInsertAllResponse'}, all.length ? {insertErrors: all} : {});
	}

	function store(t, good) {
		const fresh = good.filter((g) => {
			const again = remembered(t, g.id);
			if (g.id !== null)
				t.inserted.set(g.id, platform.now());
			return !again;
		});
		stats.streamed += fresh.length;
		stats.deduplicated += good.length - fresh.length;
		t.rows = t.rows.concat(fresh.map((g) => g.row));
	}

	return {routes: {'POST /projects/:p/datasets/:d/tables/:t/insertAll': platform.api('insert', insertAll)}};
}

module.exports = {createStream};
