'use strict';
/*
 * bigquery-upload.js - the two ways by which the bytes of a load job come to the BigQuery stand-in: multipart in one
 * request, and a resumable session of chunks.
 */
const crypto = require('crypto');
const {Fail} = require('./bigquery-schema');
const {HttpError} = require('./common');

const UNIT = 262144;
const WEEK_MS = 7 * 86400000;

function parseJson(text) {
	try {
		return JSON.parse(text);
	} catch (e) {
		throw new Fail('parseError', 'Parse Error');
	}
}

const plainError = (status, text) => new HttpError(status, text, {'Content-Type': 'text/plain; charset=utf-8'});

/* The two parts of a multipart/related body: [{headers, body}]. */
function parts(req) {
	const m = /^multipart\/related\s*;(?:.*;)?\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(req.headers['content-type'] || '');
	if (!m)
		throw new Fail('badRequest', 'Content-Type must be multipart/related with a boundary');
	const boundary = Buffer.from('--' + (m[1] || m[2]));
	const refuse = () => { throw new Fail('badRequest', 'Malformed multipart body.'); };
	const found = [];
	let at = req.body.indexOf(boundary);
	while (at >= 0) {
		const start = at + boundary.length;
		const mark = req.body.toString('latin1', start, start + 2);
		if (mark === '--')
			return found.length === 2 ? found : refuse();
		const head = req.body.indexOf('\r\n\r\n', start);
		const end = req.body.indexOf(Buffer.concat([Buffer.from('\r\n'), boundary]), start);
		if (mark !== '\r\n' || head < 0 || end < head + 2)
			refuse();
		found.push({headers: req.body.toString('latin1', start, head).toLowerCase(), body: req.body.slice(head + 4, Math.max(end, head + 4))});
		at = end + 2;
	}
	return refuse();
}

/* {from, to, total} of "bytes A-B/T"; from is undefined in a question, total in an open end. */
function contentRange(req) {
	const m = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(req.headers['content-range'] || '');
	if (!m)
		return null;
	const number = (s) => (s === undefined || s === '*' ? undefined : Number(s));
	return {from: number(m[1]), to: number(m[2]), total: number(m[3])};
}

function createUploads(platform, load) {
	const {config, stats} = platform;
	const sessions = new Map();	/* upload_id -> session */

	function multipart(req) {
		const [meta, media] = parts(req);
		if (!/content-type: *application\/json/.test(meta.headers))
			throw new Fail('badRequest', 'The first part must be application/json');
		return load.start(parseJson(meta.body.toString('utf8')), media.body, req.identity);
	}

	function open(req) {
		const body = parseJson(req.body.toString('utf8') || 'null');
		load.check(body);
		const id = crypto.randomBytes(48).toString('base64').replace(/[+/]/g, '_');
		const length = req.headers['x-upload-content-length'];
		sessions.set(id, {
			id, body, identity: req.identity, chunks: [], size: 0, total: length === undefined ? undefined : Number(length),
			expires: platform.now() + WEEK_MS, reply: null,
		});
		const where = platform.url + req.path + '?uploadType=resumable&upload_id=' + id;
		return {status: 200, headers: {Location: where, 'X-GUploader-UploadID': id}, body: ''};
	}

	function upload(req) {
		switch (req.query.get('uploadType')) {
		case 'multipart':
			return multipart(req);
		case 'resumable':
			return open(req);
		default:
			throw new Fail('badRequest', 'Unknown uploadType: ' + req.query.get('uploadType'));
		}
	}

	function sessionOf(req) {
		const s = sessions.get(req.query.get('upload_id'));
		if (!s)
			throw plainError(404, 'Not Found');
		if (s.cancelled)
			throw plainError(499, 'Client Closed Request');
		if (config.dead_sessions || s.expires <= platform.now())
			throw plainError(config.dead_sessions || 410, config.dead_sessions === 404 ? 'Not Found' : 'Gone');
		return s;
	}

	function incomplete(s) {
		const headers = {'X-GUploader-UploadID': s.id};
		if (s.size)
			headers.Range = 'bytes=0-' + (s.size - 1);
		return {status: 308, headers, body: ''};
	}

	/* What is kept of a chunk: all of it, unless the plan says less; never a part of the last 256 KiB unit. */
	function accept(s, bytes, last) {
		const keep = config.accept.length ? Math.min(config.accept.shift(), bytes.length) : bytes.length;
		const whole = keep === bytes.length && last ? keep : keep - keep % UNIT;
		s.chunks.push(bytes.slice(0, whole));
		s.size += whole;
	}

	function checkChunk(s, r, bytes) {
		if (bytes.length !== r.to - r.from + 1)
			throw plainError(400, 'Invalid request. There were ' + bytes.length + ' byte(s) in the request body. There should have been ' +
				(r.to - r.from + 1) + ' byte(s) based on the value in the Content-Range header.');
		if (r.to >= (r.total === undefined ? s.total : r.total))
			throw plainError(400, 'Invalid Content-Range: it ends behind the total');
		const last = r.total !== undefined && r.to === r.total - 1;
		if (!last && bytes.length % UNIT)
			throw plainError(400, 'Invalid request. The number of bytes uploaded is required to be equal or greater than ' + UNIT +
				', except for the final request (it\'s recommended to be the exact multiple of ' + UNIT + '). The received request contained ' +
				bytes.length + ' bytes, which does not meet this requirement.');
		if (r.from > s.size)
			throw plainError(400, 'Invalid request. According to the Content-Range header, the upload offset is ' + r.from +
				' byte(s), which exceeds already uploaded size of ' + s.size + ' byte(s).');
		return last;
	}

	function checkTotal(s, total) {
		if (total === undefined)
			return;
		if (s.total !== undefined && s.total !== total || total < s.size)
			throw plainError(400, 'Invalid request. The total of the Content-Range header, ' + total + ', does not match ' +
				(s.total === undefined ? 'the ' + s.size + ' byte(s) that were uploaded' : 'the total ' + s.total) + '.');
		s.total = total;
	}

	/* The job is made once, when the last byte is in; a job that is refused ends the session, too. */
	function complete(s) {
		if (s.total === undefined || s.size < s.total)
			return incomplete(s);
		if (!s.reply) {
			try {
				s.reply = {status: 200, body: load.start(s.body, Buffer.concat(s.chunks), s.identity)};
			} catch (e) {
				if (!(e instanceof HttpError))
					throw e;
				s.reply = {status: e.status, body: e.body};
			}
			s.chunks = [];
		}
		return s.reply;
	}

	function put(req) {
		const s = sessionOf(req);
		const r = contentRange(req);
		stats.chunks++;
		if (req.headers['content-length'] === undefined && !req.headers['transfer-encoding'])
			throw plainError(411, 'Length Required');
		if (!r)
			throw plainError(400, 'Failed to parse Content-Range header.');
		if (s.reply)
			return s.reply;
		if (r.from === undefined) {
			if (req.body.length)
				throw plainError(400, 'A status query has no body');
			if (r.total !== undefined)
				checkTotal(s, r.total);
			return complete(s);
		}
		const last = checkChunk(s, r, req.body);
		checkTotal(s, r.total);
		const known = s.size - r.from;
		if (known < req.body.length)
			accept(s, req.body.slice(known), last);
		return complete(s);
	}

	function cancel(req) {
		sessionOf(req).cancelled = true;
		return {status: 499, body: ''};
	}

	const routes = {};
	['/upload', '/bigquery/v2/upload', '/resumable/upload'].forEach((prefix) => {
		const path = prefix + '/bigquery/v2/projects/:p/jobs';
		routes['POST ' + path] = platform.api('admin', upload);
		routes['PUT ' + path] = put;
		routes['DELETE ' + path] = cancel;
	});
	return {routes, reset: () => sessions.clear()};
}

module.exports = {createUploads};
