'use strict';
/*
 * feishu-base.js - the one base of the Feishu stand-in: its tables, how a call
 * finds them, pages, and what every write goes through.
 *
 * Writes of a table exclude each other (a second one meets 1254291), are all or
 * nothing, and remember their client_token.  The change is made after the
 * latency of the write, in one go, and journalled before it is answered.
 */
const crypto = require('crypto');
const F = require('./feishu-fields');
const {pageSize, needRecordId} = require('./feishu-params');
const {Fail, isString} = F;

const PAGE_MAX = 100;		/* of tables, fields and views */
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const SNAPSHOT_ROWS = 1000;	/* records per line of the journal */

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Table {
	constructor(meta) {
		this.setMeta(meta);
		this.records = new Map();
		this.order = null;	/* the records as an array, until one is removed */
		this.version = 0;	/* changes with every change of the records */
		this.found = null;	/* the last selection, for the pages that follow */
		this.nextAuto = 1;
		this.writing = false;
		this.inFlight = 0;
	}

	setMeta(meta) {
		this.meta = meta;
		this.byName = new Map(meta.fields.map((f) => [f.field_name, f]));
		this.version++;
	}

	field(name) {
		return this.byName.get(name);
	}

	put(record) {
		if (this.order && !this.records.has(record.id))
			this.order.push(record);
		else if (this.order && this.records.get(record.id) !== record)
			this.order = null;
		this.records.set(record.id, record);
		this.nextAuto = Math.max(this.nextAuto, record.auto + 1);
		this.version++;
	}

	drop(ids) {
		ids.forEach((id) => this.records.delete(id));
		this.order = null;
		this.version++;
	}

	all() {
		if (!this.order)
			this.order = Array.from(this.records.values());
		return this.order;
	}

	/* The records that pass test, sorted; kept under key so that each page does not select anew. */
	select(key, test, compare) {
		if (!test && !compare)
			return this.all();
		if (!this.found || this.found.key !== key || this.found.version !== this.version) {
			const rows = test ? this.all().filter(test) : this.all().slice();
			if (compare)
				rows.sort(compare);
			this.found = {key, version: this.version, rows};
		}
		return this.found.rows;
	}
}

/* The cells after [field_id, cell] pairs; a cell that is undefined empties. */
function changed(cells, pairs) {
	const out = Object.assign({}, cells);
	for (const [id, cell] of pairs) {
		if (cell === undefined)
			delete out[id];
		else
			out[id] = cell;
	}
	return out;
}

const metaOp = (table) => ({op: 'table', table: table.meta});
const rowsOp = (table, rows) => ({op: 'rows', t: table.meta.id, rows});

function createBase(platform) {
	const {args, config, stats} = platform;
	const pageSecret = 'page of ' + args.base;	/* the same after a restart, so that a page_token survives it */
	const info = {app_token: args.base, name: 'Test base', revision: 1};
	const tables = new Map();
	const memos = new Map();	/* client_token -> {hash, ids, at} */

	function newView(name, filter) {
		return {view_id: platform.newId('vew'), view_name: name, view_type: 'grid', view_public_level: 'Public', filter};
	}

	function initialTable() {
		const fields = args.columns.split(',').map((spec, i) => {
			const [name, type, ui] = spec.split(':');
			const field = F.define({field_name: name, type: Number(type || 1), ui_type: ui}, {newId: platform.newId, hasTable: () => true});
			field.is_primary = i === 0;
			return field;
		});
		return new Table({id: args.table, name: 'Table 1', revision: 1, fields, views: [newView('Grid View')]});
	}

	function reset() {
		info.revision = 1;
		tables.clear();
		tables.set(args.table, initialTable());
		memos.clear();
	}

	/* ---- finding things ---- */

	function checkBase(req) {
		if (!/^\w{4,}$/.test(req.params.app))
			throw new Fail(1254003, 'WrongBaseToken');
		if (req.params.app !== info.app_token)
			throw new Fail(config.base_missing, config.base_missing === 91402 ? 'NOTEXIST' : 'BaseTokenNotFound');
		const allowed = req.identity.kind === 'user' ? config.user_collaborator : config.collaborator;
		if (!allowed)
			throw new Fail(91403, 'Forbidden');
	}

	function findTable(req) {
		checkBase(req);
		if (!/^tbl\w+$/.test(req.params.table))
			throw new Fail(1254004, 'WrongTableId');
		const table = tables.get(req.params.table);
		if (!table)
			throw new Fail(1254041, 'TableIdNotFound');
		return table;
	}

	function findView(table, id) {
		if (!id)
			return null;
		if (!isString(id) || !/^vew\w+$/.test(id))
			throw new Fail(1254005, 'WrongViewId');
		const view = table.meta.views.find((v) => v.view_id === id);
		if (!view)
			throw new Fail(1254042, 'ViewIdNotFound');
		return view;
	}

	function findRecord(table, id) {
		const record = table.records.get(needRecordId(id, 'record_id'));
		if (!record)
			throw new Fail(1254043, 'RecordIdNotFound');
		return record;
	}

	/* ---- pages ---- */

	/* place: "offset:generation:time of issue" */
	function sign(place, key) {
		return crypto.createHash('sha1').update(pageSecret + place + '\n' + key).digest('hex').slice(0, 16);
	}

	function isStale(generation, issued) {
		return Number(generation) !== platform.pages || (config.page_expire > 0 && platform.now() >= Number(issued) + config.page_expire * 1000);
	}

	function pageStart(token, key) {
		if (token === null || token === '')
			return 0;
		const [offset, generation, issued, mac] = Buffer.from(token, 'base64').toString('latin1').split(':');
		if (!/^\d+$/.test(offset) || mac !== sign([offset, generation, issued].join(':'), key) || isStale(generation, issued))
			throw new Fail(1254002, 'Fail', {message: 'invalid page_token'});
		return Number(offset);
	}

	/* A page is a place in the current order, so what is deleted before it shifts the rest. */
	function page(req, items, max, key) {
		const size = pageSize(req, max);
		const from = pageStart(req.query.get('page_token'), key);
		const to = from + size;
		const out = {items: items.slice(from, to), has_more: to < items.length, total: items.length};
		if (out.has_more) {
			const place = [to, platform.pages, platform.now()].join(':');
			out.page_token = Buffer.from(place + ':' + sign(place, key)).toString('base64');
		}
		return out;
	}

	function pageOf(req, items, shape) {
		const out = page(req, items, PAGE_MAX, req.path);
		out.items = out.items.map(shape);
		return out;
	}

	/* ---- writing ---- */

	function checkClientToken(req) {
		const token = req.query.get('client_token') || '';
		if (token && !UUID_V4.test(token))
			throw new Fail(1254037, 'Invalid client token, make sure that it complies with the specification.');
		return token;
	}

	/* The ids of the first time that this client_token came, or null. */
	function recall(token, hash) {
		const memo = memos.get(token);
		if (!memo || (config.token_memory > 0 && platform.now() - memo.at >= config.token_memory * 1000))
			return null;
		if (memo.hash !== hash)
			throw new Fail(1255006, 'Client token conflict, please generate a new client token and try again.');
		stats.replays++;
		return memo.ids;
	}

	function remember(token, hash, ids) {
		const memo = {hash, ids, at: platform.now()};
		memos.set(token, memo);
		return Object.assign({op: 'memo', token}, memo);
	}

	async function exclusively(table, work) {
		table.inFlight++;
		stats.in_flight++;
		stats.max_concurrent_writes = Math.max(stats.max_concurrent_writes, table.inFlight);
		try {
			if (table.writing) {
				stats.conflicts++;
				throw new Fail(1254291, 'Write conflict');
			}
			table.writing = true;
			try {
				if (config.lat > 0)
					await sleep(config.lat);
				return work();
			} finally {
				table.writing = false;
			}
		} finally {
			table.inFlight--;
			stats.in_flight--;
		}
	}

	/*
	 * One write: work(table) makes the change and returns {ids, ops}, the ids that a
	 * replay answers again and the journal's operations; answer(table, ids) is the
	 * reply, which a replay can build as well since its body is the same.
	 */
	async function write(req, name, work, answer) {
		const table = findTable(req);
		const token = checkClientToken(req);
		if (config.max_body > 0 && req.body.length > config.max_body)
			throw new Fail(1254002, 'Fail', {message: 'the request is too large'});
		return exclusively(table, () => {
			const hash = token ? crypto.createHash('sha256').update(req.method + req.path + JSON.stringify(req.json)).digest('hex') : '';
			let ids = token ? recall(token, hash) : null;
			if (!ids) {
				const done = work(table);
				ids = done.ids;
				if (token)
					done.ops.push(remember(token, hash, ids));
				info.revision++;
				stats.writes[name] = (stats.writes[name] || 0) + 1;
				platform.commit(done.ops);
			}
			return answer(table, ids);
		});
	}

	/* ---- state ---- */

	function apply(op) {
		switch (op.op) {
		case 'table':
			if (tables.has(op.table.id))
				tables.get(op.table.id).setMeta(op.table);
			else
				tables.set(op.table.id, new Table(op.table));
			break;
		case 'rows':
			op.rows.forEach((r) => tables.get(op.t).put(r));
			break;
		case 'drop':
			tables.get(op.t).drop(op.ids);
			break;
		case 'memo':
			memos.set(op.token, {hash: op.hash, ids: op.ids, at: op.at});
			break;
		default:
			break;	/* another service's */
		}
	}

	function* snapshot() {
		for (const table of tables.values()) {
			yield [metaOp(table)];
			const all = table.all();
			for (let i = 0; i < all.length; i += SNAPSHOT_ROWS)
				yield [rowsOp(table, all.slice(i, i + SNAPSHOT_ROWS))];
		}
		for (const [token, memo] of memos)
			yield [Object.assign({op: 'memo', token}, memo)];
	}

	function counts() {
		const byTable = {};
		tables.forEach((t, id) => { byTable[id] = t.records.size; });
		return {rows: tables.get(args.table).records.size, rows_by_table: byTable};
	}

	reset();
	return {
		info, tables, newView, checkBase, findTable, findView, findRecord, page, pageOf, write,
		reset, apply, snapshot, counts, forget: () => memos.clear(),
	};
}

module.exports = {Table, createBase, changed, metaOp, rowsOp};
