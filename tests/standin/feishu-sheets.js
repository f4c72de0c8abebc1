'use strict';
/*
 * feishu-sheets.js - the spreadsheets of the Feishu stand-in: what sheets there are (v3, and the
 * older metainfo of v2), and the values of ranges (v2).
 *
 * A sheet holds the rows that a test gave it; rows of a "fill" are made when they are read, so
 * that a sheet of 100,000 rows costs nothing.  A cell is what the service would answer, or
 * {value, formula, formatted, date} where that depends on how the caller wants it rendered.
 */
const {Fail, isObject, isString} = require('./feishu-fields');
const {instance} = require('./feishu-fixture');

const OPEN_COLUMNS = 100;	/* a range without an end row gives no more */
const VALUE_OPTIONS = ['', 'ToString', 'FormattedValue', 'UnformattedValue', 'Formula'];
const DATE_OPTIONS = ['', 'FormattedString'];
const ID_TYPES = ['', 'lark_id', 'open_id', 'union_id', 'user_id'];
const isEmpty = (cell) => cell === null || cell === undefined || cell === '';
const isModel = (cell) => isObject(cell) && cell.type === undefined;

/* ---- A1 ---- */

/* "AB" -> 27 */
function columnIndex(letters) {
	let n = 0;
	for (const c of letters.toUpperCase())
		n = n * 26 + c.charCodeAt(0) - 64;
	return n - 1;
}

function columnName(index) {
	let name = '';
	for (let n = index + 1; n > 0; n = Math.floor((n - 1) / 26))
		name = String.fromCharCode(65 + (n - 1) % 26) + name;
	return name;
}

/*
 * "A1:B5", "A:B", "A2:C" as {r0, c0, r1, c1}, from 0 and inclusive; r1 is undefined where
 * there is no end row.  null for anything else, a single cell too.
 */
function parseArea(text) {
	const m = /^([A-Za-z]{1,3})([1-9]\d{0,7})?:([A-Za-z]{1,3})([1-9]\d{0,7})?$/.exec(text);
	if (!m || (m[4] && !m[2]))
		return null;
	const area = {r0: m[2] ? m[2] - 1 : 0, c0: columnIndex(m[1]), r1: m[4] ? m[4] - 1 : undefined, c1: columnIndex(m[3])};
	return area.c1 < area.c0 || area.r1 < area.r0 ? null : area;
}

/* ---- a sheet ---- */

class Sheet {
	constructor(spec) {
		Object.assign(this, {title: 'Sheet', hidden: false, resource_type: 'sheet', frozen_row_count: 0, frozen_column_count: 0}, spec);
		this.rows = spec.rows || [];
		this.fill = spec.fill || {count: 0, cells: []};
		this.areas = (spec.merges || []).map((text) => parseArea(text));
		const widths = this.rows.map((r) => r.length);
		this.used = {rows: this.rows.length + this.fill.count, columns: widths.reduce((a, b) => Math.max(a, b), this.fill.cells.length)};
		this.row_count = spec.row_count || Math.max(200, this.used.rows);
		this.column_count = spec.column_count || Math.max(20, this.used.columns);
	}

	/* The cells of a row, also those that a merge hides. */
	cells(r) {
		if (r < this.rows.length)
			return this.rows[r];
		return r < this.used.rows ? this.fill.cells.map((c) => instance(c, r - this.rows.length)) : [];
	}

	/* A row of the answer; of a merged area only the first cell has a value. */
	row(r, c0, c1, show) {
		const cells = this.cells(r);
		const merges = this.areas.filter((m) => r >= m.r0 && r <= m.r1);
		const out = [];
		for (let c = c0; c <= c1; c++) {
			const hidden = merges.some((m) => c >= m.c0 && c <= m.c1 && (r !== m.r0 || c !== m.c0));
			out.push(hidden || isEmpty(cells[c]) ? null : show(cells[c]));
		}
		return out;
	}
}

/* ---- how a cell is rendered ---- */

function textOf(cell) {
	if (Array.isArray(cell))
		return cell.map(textOf).join('');
	if (!isObject(cell))
		return String(cell);
	return cell.type === 'multipleValue' ? cell.values.join(',') : cell.text || '';
}

function renderModel(cell, value, date) {
	if (cell.formula !== undefined && (value === '' || value === 'Formula'))
		return cell.formula;
	if (cell.date)
		return date === 'FormattedString' ? cell.formatted : cell.value;
	return value === 'FormattedValue' && cell.formatted !== undefined ? cell.formatted : cell.value;
}

function renderer(req) {
	const option = (name, known) => {
		const v = req.query.get(name) || '';
		if (!known.includes(v))
			throw new Fail(90202, 'wrong ' + name + '=' + v);
		return v;
	};
	const value = option('valueRenderOption', VALUE_OPTIONS);
	const date = option('dateTimeRenderOption', DATE_OPTIONS);
	option('user_id_type', ID_TYPES);
	return (cell) => {
		const shown = isModel(cell) ? renderModel(cell, value, date) : cell;
		return value === 'ToString' && typeof shown === 'object' && shown !== null ? textOf(shown) : shown;
	};
}

/* ---- the service ---- */

function createSheets(platform) {
	const {args, config} = platform;
	const books = new Map();	/* token -> {token, title, revision, sheets} */

	function reset() {
		books.clear();
		const sheets = [new Sheet({sheet_id: 'sheet1', title: 'Sheet1'})];
		books.set(args.sheet, {token: args.sheet, title: 'Test spreadsheet', revision: 1, sheets});
	}

	function findBook(req, codes) {
		const book = books.get(req.params.token);
		if (!book)
			throw new Fail(codes.missing, 'spreadsheet not found');
		if (!(req.identity.kind === 'user' ? config.user_collaborator : config.collaborator))
			throw new Fail(codes.denied, codes.denied === 91403 ? 'Forbidden' : 'Permission Fail');
		return book;
	}

	const V2 = {missing: 90214, denied: 91403};
	const V3 = {missing: 1310214, denied: 1310213};

	/* ---- what there is ---- */

	function info(req) {
		const book = findBook(req, V3);
		return {spreadsheet: {title: book.title, owner_id: 'ou_owner', token: book.token, url: 'https://example.feishu.cn/sheets/' + book.token}};
	}

	function shape(sheet, index) {
		const out = {sheet_id: sheet.sheet_id, title: sheet.title, index, hidden: sheet.hidden, resource_type: sheet.resource_type};
		if (sheet.resource_type !== 'sheet')
			return out;
		const {row_count, column_count, frozen_row_count, frozen_column_count} = sheet;
		out.grid_properties = {frozen_row_count, frozen_column_count, row_count, column_count};
		if (sheet.areas.length) {
			out.merges = sheet.areas.map((m) => ({
				start_row_index: m.r0, end_row_index: m.r1, start_column_index: m.c0, end_column_index: m.c1,
			}));
		}
		return out;
	}

	const query = (req) => ({sheets: findBook(req, V3).sheets.map(shape)});

	function oneSheet(req) {
		const book = findBook(req, V3);
		const at = book.sheets.findIndex((s) => s.sheet_id === req.params.sheet);
		if (at < 0)
			throw new Fail(1310215, 'Sheet Id Not Found');
		return {sheet: shape(book.sheets[at], at)};
	}

	function oldShape(sheet, index) {
		const out = {
			sheetId: sheet.sheet_id, title: sheet.title, index, rowCount: sheet.row_count, columnCount: sheet.column_count,
			frozenRowCount: sheet.frozen_row_count, frozenColCount: sheet.frozen_column_count,
		};
		if (sheet.resource_type !== 'sheet')
			out.blockInfo = {blockToken: args.base + '_' + args.table, blockType: sheet.resource_type.toUpperCase() + '_BLOCK'};
		if (sheet.areas.length) {
			out.merges = sheet.areas.map((m) => ({
				startRowIndex: m.r0, rowCount: m.r1 - m.r0 + 1, startColumnIndex: m.c0, columnCount: m.c1 - m.c0 + 1,
			}));
		}
		return out;
	}

	function metainfo(req) {
		const book = findBook(req, V2);
		return {
			spreadsheetToken: book.token, sheets: book.sheets.map(oldShape),
			properties: {title: book.title, ownerUser: 1, sheetCount: book.sheets.length, revision: book.revision},
		};
	}

	/* ---- ranges ---- */

	const outside = (text) => new Fail(90204, 'range is out of the grid, range=' + text);

	/* The area of a range in this sheet, within its grid. */
	function areaOf(sheet, text, area) {
		const size = {rows: sheet.row_count, columns: sheet.column_count};
		if (!config.clip && (area.c1 >= size.columns || area.r0 >= size.rows || area.r1 >= size.rows))
			throw outside(text);
		const c1 = Math.min(area.c1, size.columns - 1);
		if (area.r1 === undefined)
			return {r0: area.r0, c0: area.c0, r1: size.rows - 1, c1: Math.min(c1, area.c0 + OPEN_COLUMNS - 1)};
		return {r0: area.r0, c0: area.c0, r1: Math.min(area.r1, size.rows - 1), c1};
	}

	function wholeOf(sheet) {
		const {rows, columns} = sheet.used;
		return {r0: 0, c0: 0, r1: Math.max(rows, 1) - 1, c1: Math.min(Math.max(columns, 1), OPEN_COLUMNS) - 1};
	}

	/* {sheet, area} of "sheet1!A1:B5" or "sheet1". */
	function parseRange(book, text) {
		const [id, where, ...more] = text.split('!');
		if (text === '' || more.length)
			throw new Fail(90202, 'wrong range=' + text);
		const area = where === undefined ? undefined : parseArea(where);
		if (area === null)
			throw new Fail(90202, 'wrong range=' + text);
		const sheet = book.sheets.find((s) => s.sheet_id === id);
		if (!sheet || sheet.resource_type !== 'sheet')
			throw new Fail(90215, 'sheetId not found');
		return {sheet, area: area === undefined ? wholeOf(sheet) : areaOf(sheet, text, area)};
	}

	/* budget.left: bytes that the answer may still have. */
	function values(range, show, budget) {
		const {sheet, area} = range;
		const last = Math.min(area.r1, sheet.used.rows - 1);
		const out = [];
		let filled = 0;
		for (let r = area.r0; r <= last; r++) {
			const row = sheet.row(r, area.c0, area.c1, show);
			const end = row.reduce((n, cell, i) => (cell === null ? n : i + 1), 0);
			if (end)
				filled = out.length + 1;
			if (end && config.short_rows)
				row.length = end;
			budget.left -= Buffer.byteLength(JSON.stringify(row)) + 1;
			if (budget.left < 0)
				throw new Fail(90221, 'data exceeded ' + config.max_values + ' bytes');
			out.push(row);
		}
		out.length = filled;
		return out;
	}

	function valueRange(book, text, show, budget) {
		const range = parseRange(book, text);
		const {r0, c0, r1, c1} = range.area;
		const name = range.sheet.sheet_id + '!' + columnName(c0) + (r0 + 1) + ':' + columnName(c1) + (r1 + 1);
		return {majorDimension: 'ROWS', range: name, revision: book.revision, values: values(range, show, budget)};
	}

	function one(req) {
		const book = findBook(req, V2);
		const show = renderer(req);
		const found = valueRange(book, req.params.range, show, {left: config.max_values});
		return {revision: book.revision, spreadsheetToken: book.token, valueRange: found};
	}

	function batch(req) {
		const book = findBook(req, V2);
		const show = renderer(req);
		const budget = {left: config.max_values};
		const texts = req.query.getAll('ranges').join(',').split(',');
		const valueRanges = texts.map((t) => valueRange(book, t, show, budget));
		const totalCells = valueRanges.reduce((n, v) => n + v.values.reduce((m, row) => m + row.length, 0), 0);
		return {revision: book.revision, spreadsheetToken: book.token, totalCells, valueRanges};
	}

	/* ---- control ---- */

	function addSheet(req) {
		const spec = req.json;
		const token = spec.spreadsheet || args.sheet;
		if (!isString(spec.sheet_id) || (spec.merges || []).some((m) => !parseArea(m)))
			return {status: 400, body: {error: 'sheet_id and merges like A1:B2 expected'}};
		if (!books.has(token))
			books.set(token, {token, title: token, revision: 1, sheets: []});
		const book = books.get(token);
		const at = book.sheets.findIndex((s) => s.sheet_id === spec.sheet_id);
		book.sheets.splice(at < 0 ? book.sheets.length : at, at < 0 ? 0 : 1, new Sheet(spec));
		book.revision++;
		return {status: 200, body: {spreadsheet: token, sheet_id: spec.sheet_id}};
	}

	reset();
	const scopes = ['sheets:spreadsheet:readonly', 'sheets:spreadsheet', 'sheets:spreadsheet:read', 'drive:drive:readonly', 'drive:drive'];
	const routes = {};
	const add = (route, name, handler) => { routes['GET /open-apis/sheets/' + route] = platform.api('sheets_' + name, scopes, handler); };
	add('v3/spreadsheets/:token', 'v3_get', info);
	add('v3/spreadsheets/:token/sheets/query', 'v3_query', query);
	add('v3/spreadsheets/:token/sheets/:sheet', 'v3_sheet', oneSheet);
	add('v2/spreadsheets/:token/metainfo', 'v2_metainfo', metainfo);
	add('v2/spreadsheets/:token/values/:range', 'v2_values', one);
	add('v2/spreadsheets/:token/values_batch_get', 'v2_batch', batch);
	return {routes, control: {'POST /_test/sheets': addSheet}, reset};
}

module.exports = {createSheets};
