'use strict';
/*
 * bigquery-load.js - load jobs of the BigQuery stand-in: the check of the configuration when the job is made, and the
 * load itself, all or nothing, when its time has come.
 */
const zlib = require('zlib');
const {Fail, known, isObject, normalSchema, checkPartitioning, checkClustering, detect, update} = require('./bigquery-schema');
const {RowError, row, line} = require('./bigquery-values');

/* The official Node client puts a location here, too; the service ignores it. */
const MEMBERS = ['location', 'destinationTable', 'sourceFormat', 'schema', 'autodetect', 'writeDisposition', 'createDisposition', 'maxBadRecords',
	'ignoreUnknownValues', 'schemaUpdateOptions', 'timePartitioning', 'clustering', 'timeZone', 'encoding', 'destinationTableProperties'];
const WRITES = ['WRITE_APPEND', 'WRITE_TRUNCATE', 'WRITE_TRUNCATE_DATA', 'WRITE_EMPTY'];
const CREATES = ['CREATE_IF_NEEDED', 'CREATE_NEVER'];
const UPDATES = ['ALLOW_FIELD_ADDITION', 'ALLOW_FIELD_RELAXATION'];
const MAX_ROW = 100 * 1024 * 1024;
const READING = 'Error while reading data, error message: ';

function oneOf(value, names, what) {
	if (value !== undefined && !names.includes(value))
		throw new Fail('invalid', 'Invalid value for ' + what + ': ' + value + ' is not a valid value');
}

function inflate(media) {
	if (media.length < 2 || media[0] !== 0x1f || media[1] !== 0x8b)
		return media;
	try {
		return zlib.gunzipSync(media);
	} catch (e) {
		throw new Fail('invalid', READING + 'Failed to decompress gzip input: ' + e.message);
	}
}

/* The lines that are not blank: [{at, text}], at the byte where each begins. */
function lines(data) {
	const out = [];
	for (let at = 0; at < data.length;) {
		const nl = data.indexOf(10, at);
		const end = nl < 0 ? data.length : nl;
		const text = data.toString('utf8', at, end);
		if (text.trim() || text.includes('\ufeff'))
			out.push({at, text, bytes: end - at});
		at = end + 1;
	}
	return out;
}

/* What reads the rows; counts and keeps the bad ones, and gives up above the limit. */
class Reader {
	constructor(max) {
		this.max = max;
		this.errors = [];
		this.seen = 0;
	}

	read(input, fn) {
		this.seen++;
		try {
			if (input.bytes > MAX_ROW)
				throw new RowError('', 'Row size is larger than: ' + MAX_ROW);
			return fn(input);
		} catch (e) {
			if (!(e instanceof RowError))
				throw e;
			this.errors.push({reason: 'invalid', message: READING + 'JSON parsing error in row starting at position ' + input.at + ': ' + e.message});
			if (this.errors.length > this.max)
				throw this.tooMany();
			return null;
		}
	}

	tooMany() {
		const counts = 'Rows: ' + this.seen + '; errors: ' + this.errors.length;
		const fail = new Fail('invalid', READING + 'JSON table encountered too many errors, giving up. ' + counts +
			'. Please look into the errors[] collection for more details.');
		const more = READING + 'JSON processing encountered too many errors, giving up. ' + counts + '; max bad: ' + this.max + '; error percent: 0';
		fail.errors = [{reason: 'invalid', message: more}].concat(this.errors);
		return fail;
	}
}

function createLoad(platform, tables, jobs) {
	const {config} = platform;

	function check(load) {
		known(load, MEMBERS, 'job.configuration.load');
		const to = load.destinationTable;
		if (!isObject(to) || !to.datasetId || !to.tableId || to.projectId !== platform.args.project)
			throw new Fail('required', 'Load configuration must specify a destination table');
		if (load.sourceFormat !== 'NEWLINE_DELIMITED_JSON')
			throw new Fail('notImplemented', 'The stand-in loads NEWLINE_DELIMITED_JSON only (the default of the service is CSV)');
		oneOf(load.writeDisposition, WRITES, 'writeDisposition');
		oneOf(load.createDisposition, CREATES, 'createDisposition');
		oneOf(load.encoding, ['UTF-8'], 'encoding');
		if (load.schemaUpdateOptions !== undefined && !Array.isArray(load.schemaUpdateOptions))
			throw new Fail('invalid', 'Invalid value for schemaUpdateOptions');
		(load.schemaUpdateOptions || []).forEach((o) => oneOf(o, UPDATES, 'schemaUpdateOptions'));
		if (load.maxBadRecords !== undefined && !(Number.isInteger(load.maxBadRecords) && load.maxBadRecords >= 0))
			throw new Fail('invalid', 'Invalid value for maxBadRecords');
		if ((load.schemaUpdateOptions || []).length && ((load.writeDisposition || 'WRITE_APPEND') !== 'WRITE_APPEND' || !load.schema && !load.autodetect))
			throw new Fail('invalid', 'Schema update options should only be specified with WRITE_APPEND disposition, ' +
				'or with WRITE_TRUNCATE disposition on a table partition, and need a schema or autodetect.');
		if (/\$/.test(to.tableId))
			throw new Fail('notImplemented', 'The stand-in has no partition decorators');
		const fields = load.schema && normalSchema(load.schema);
		if (fields) {
			checkPartitioning(load.timePartitioning, fields);
			checkClustering(load.clustering, fields);
		}
		return tables.dataset(to.datasetId);
	}

	/* The table's present self, or null; what the dispositions forbid. */
	function destination(load) {
		const d = tables.dataset(load.destinationTable.datasetId);
		const t = d.tables.get(load.destinationTable.tableId);
		if (!t && load.createDisposition === 'CREATE_NEVER')
			tables.table(d.id, load.destinationTable.tableId);
		if (t && load.writeDisposition === 'WRITE_EMPTY' && t.rows.length)
			throw new Fail('duplicate', 'Already Exists: Table ' + t.name);
		return t || null;
	}

	function wantedFields(load, inputs, reader, table) {
		if (load.schema)
			return normalSchema(load.schema);
		if (load.autodetect) {
			const sample = inputs.map((i) => { try { return line(i.text); } catch (e) { return null; } }).filter(Boolean);
			const found = normalSchema({fields: detect(sample)});
			if (!found.length)
				throw new Fail('invalid', 'Failed to detect schema: no rows');
			if (!table)
				return found;
			const old = table.fields.map((f) => f.name.toLowerCase());
			return table.fields.concat(found.filter((f) => !old.includes(f.name.toLowerCase())));
		}
		if (!table)
			throw new Fail('invalid', 'No schema specified on job or table.');
		return table.fields;
	}

	/* The fields to read by; the table is not touched yet. */
	function plan(load, inputs, reader, table) {
		const fields = wantedFields(load, inputs, reader, table);
		if (!table || load.writeDisposition === 'WRITE_TRUNCATE' && load.schema)
			return fields;
		const options = load.schemaUpdateOptions || [];
		return update(table.fields, fields, {add: options.includes('ALLOW_FIELD_ADDITION'), relax: options.includes('ALLOW_FIELD_RELAXATION')}, table.name);
	}

	function commit(load, table, fields, rows) {
		const replace = (load.writeDisposition || '').startsWith('WRITE_TRUNCATE');
		const t = table || tables.create(tables.dataset(load.destinationTable.datasetId), load.destinationTable.tableId,
			{fields, timePartitioning: load.timePartitioning, clustering: load.clustering});
		tables.countWrite(t);
		t.fields = fields;
		const old = replace ? [] : t.rows.map((r) => Object.assign({}, r, {values: tables.fill(fields, r.values)}));
		tables.setRows(t, old.concat(rows));
	}

	function run(job) {
		const load = job.configuration.load;
		const data = inflate(job.media);
		const table = destination(load);
		const inputs = lines(data);
		const reader = new Reader(load.maxBadRecords || 0);
		const fields = plan(load, inputs, reader, table);
		const o = {stream: false, ignoreUnknown: load.ignoreUnknownValues === true, zone: load.timeZone};
		const rows = inputs.map((i) => reader.read(i, () => ({values: row(fields, line(i.text), o), at: 0, bytes: i.bytes}))).filter(Boolean);
		commit(load, table, fields, rows);
		job.errors = reader.errors.slice(0, 5);
		job.statistics = {load: {
			inputFiles: '1', inputFileBytes: String(job.media.length), outputRows: String(rows.length),
			outputBytes: String(rows.reduce((n, r) => n + r.bytes, 0)), badRecords: String(reader.errors.length),
		}};
		job.media = null;
	}

	/* A new load job of a request's body and the uploaded bytes. */
	function start(body, media, identity) {
		const [kind, load] = jobs.configurationOf(body);
		if (kind !== 'load')
			throw new Fail('invalid', 'Only load jobs take an upload');
		const d = check(load);
		const job = jobs.add(body.jobReference, d.location, identity, {
			type: 'LOAD', configuration: {load, labels: body.configuration.labels}, media, run, about: 'Dataset ' + platform.args.project + ':' + d.id,
		});
		if (config.fail_jobs.length) {
			const f = config.fail_jobs.shift();
			job.run = () => { throw new Fail(f.reason, f.message || 'An internal error occurred and the request could not be completed.'); };
		}
		return jobs.started(job);
	}

	return {start, check: (body) => check(jobs.configurationOf(body)[1])};
}

module.exports = {createLoad};
