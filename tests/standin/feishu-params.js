'use strict';
/* feishu-params.js - how the Feishu stand-in checks the query and the body of a Bitable call. */
const {Fail, badParam, isObject, isString} = require('./feishu-fields');

const PAGE_DEFAULT = 20;

function boolParam(req, name) {
	const v = req.query.get(name);
	if (v !== null && v !== '' && v !== 'true' && v !== 'false')
		throw badParam(name, v, name + ' is not a boolean');
	return v === 'true';
}

function userIdType(req) {
	const v = req.query.get('user_id_type') || 'open_id';
	if (!['open_id', 'union_id', 'user_id'].includes(v))
		throw badParam('user_id_type', v, 'user_id_type is not one of open_id,union_id,user_id');
	return v;
}

/* Too large a page is cut down to the maximum, silently. */
function pageSize(req, max) {
	const v = req.query.get('page_size');
	if (v === null || v === '')
		return PAGE_DEFAULT;
	if (!/^-?\d+$/.test(v))
		throw badParam('page_size', v, 'page_size is not an integer');
	if (Number(v) < 1)
		throw new Fail(1254011, 'InvalidPageSize');
	return Math.min(Number(v), max);
}

/* The JSON object in the body; no body counts as an empty one. */
function bodyObject(req) {
	if (req.json === null && req.jsonError)
		throw new Fail(1254000, 'WrongRequestJson', {message: req.jsonError});
	const body = req.json === undefined ? {} : req.json;
	if (!isObject(body))
		throw new Fail(1254001, 'WrongRequestBody');
	return body;
}

function needArray(body, name) {
	if (body[name] === undefined || body[name] === null)
		throw badParam(name, '', name + ' is required');
	if (!Array.isArray(body[name]))
		throw new Fail(1254001, 'WrongRequestBody', {message: name + ' is not an array'});
	if (body[name].length === 0)
		throw badParam(name, '', 'the min len of ' + name + ' is 1');
	return body[name];
}

function needFields(record, where) {
	if (!isObject(record))
		throw new Fail(1254001, 'WrongRequestBody');
	if (record.fields === undefined)
		throw badParam(where + 'fields', '', where + 'fields is required');
	if (!isObject(record.fields))
		throw new Fail(1254001, 'WrongRequestBody');
	return record.fields;
}

function needRecordId(id, where) {
	if (id === undefined || id === null)
		throw badParam(where, '', where + ' is required');
	if (!isString(id) || !/^rec\w+$/.test(id))
		throw new Fail(1254006, 'WrongRecordId');
	return id;
}

function optionalBool(body, name) {
	if (body[name] !== undefined && body[name] !== null && typeof body[name] !== 'boolean')
		throw badParam(name, body[name], name + ' is not a boolean');
	return body[name] === true;
}

module.exports = {boolParam, userIdType, pageSize, bodyObject, needArray, needFields, needRecordId, optionalBool};
