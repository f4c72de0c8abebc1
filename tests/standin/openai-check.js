'use strict';
/*
 * openai-check.js - what the OpenAI API demands of a request, and its words when it is refused.
 */
const {HttpError} = require('./common.js');

function fail(status, message, param, code, type) {
	throw new HttpError(status, {error: {
		message, type: type || 'invalid_request_error', param: param === undefined ? null : param, code: code === undefined ? null : code,
	}});
}

const KINDS = {
	string: 'a string', number: 'a decimal', integer: 'an integer', boolean: 'a boolean', object: 'an object', array: 'an array',
};

function kindOf(v) {
	if (v === null)
		return 'null';
	if (Array.isArray(v))
		return 'an array';
	if (typeof v === 'number')
		return Number.isInteger(v) ? 'an integer' : 'a decimal';
	return KINDS[typeof v];
}

function isA(v, kind) {
	if (kind === 'integer')
		return Number.isInteger(v);
	if (kind === 'array')
		return Array.isArray(v);
	if (kind === 'object')
		return v !== null && typeof v === 'object' && !Array.isArray(v);
	return typeof v === kind;
}

function wantType(v, kinds, param) {
	if (!kinds.some((k) => isA(v, k)))
		fail(400, 'Invalid type for \'' + param + '\': expected ' + (kinds.length > 1 ? 'one of ' : '') +
		    kinds.map((k) => KINDS[k]).join(' or ') + ', but got ' + kindOf(v) + ' instead.', param, 'invalid_type');
}

function wantRange(v, kind, min, max, param) {
	const what = kind === 'integer' ? 'integer' : 'decimal';
	if (v < min)
		fail(400, 'Invalid \'' + param + '\': ' + what + ' below minimum value. Expected a value >= ' + min + ', but got ' + v + ' instead.',
		    param, what + '_below_min_value');
	if (v > max)
		fail(400, 'Invalid \'' + param + '\': ' + what + ' above maximum value. Expected a value <= ' + max + ', but got ' + v + ' instead.',
		    param, what + '_above_max_value');
}

function wantOne(v, allowed, param) {
	if (!allowed.includes(v))
		fail(400, 'Invalid value: \'' + v + '\'. Supported values are: ' + allowed.map((a) => '\'' + a + '\'').join(', ') + '.', param, 'invalid_value');
}

function want(body, param) {
	if (body[param] === undefined || body[param] === null)
		fail(400, 'Missing required parameter: \'' + param + '\'.', param, 'missing_required_parameter');
}

/* {name: [kinds, min, max]} or {name: [kinds]}; null is as good as absent. */
function wantParams(body, known, lenient) {
	for (const name of Object.keys(body)) {
		const rule = known[name];
		if (!rule && lenient)
			continue;
		if (!rule)
			fail(400, 'Unrecognized request argument supplied: ' + name);
		if (body[name] === null)
			continue;
		wantType(body[name], rule[0], name);
		if (rule.length > 1)
			wantRange(body[name], rule[0][0], rule[1], rule[2], name);
	}
}

/* The JSON object of a POST. */
function objectOf(req) {
	const type = req.headers['content-type'] || '';
	if (!/^application\/json\b/i.test(type))
		fail(400, 'Unsupported content type: \'' + type + '\'. This API method only accepts \'application/json\' requests, but you specified the header ' +
		    '\'Content-Type: ' + type + '\'. Please try again with a supported content type.', null, 'unsupported_content_type');
	if (!isA(req.json, 'object'))
		fail(400, 'We could not parse the JSON body of your request. (HINT: This likely means you aren\'t using your HTTP library correctly. ' +
		    'The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble figuring out how to fix this, ' +
		    'please contact us through our help center at help.openai.com.)');
	return req.json;
}

function modelOf(body, models) {
	if (typeof body.model !== 'string' || body.model === '')
		fail(400, 'you must provide a model parameter');
	if (!models.includes(body.model))
		fail(404, 'The model `' + body.model + '` does not exist or you do not have access to it.', null, 'model_not_found');
	return body.model;
}

module.exports = {fail, isA, want, wantType, wantOne, wantParams, objectOf, modelOf};
