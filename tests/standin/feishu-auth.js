'use strict';
/*
 * feishu-auth.js - the tokens of the Feishu stand-in: issue of the
 * tenant_access_token, and the check of the Authorization header of a call.
 *
 * A user's tokens live in auth.users (token -> {id, expires, scopes}), where a login
 * puts them; --user-token puts one there that does not expire and has all scopes.
 */
const crypto = require('crypto');
const {Fail, isObject, isString} = require('./feishu-fields');

const RENEW_LEFT_MS = 30 * 60 * 1000;	/* with less than this left, a new token is issued */
const NEED = 'Missing access token for authorization. Please make a request with token attached.';
const INVALID = 'Invalid access token for authorization. Please make a test attempt with the correct token.';

function createAuth(platform) {
	const {args, config, stats} = platform;
	let tenant = [];	/* {token, expires} of the app, oldest first */
	const users = new Map();

	function saved() {
		return {op: 'tenant', tokens: tenant};
	}

	function issue() {
		const token = {token: 't-g' + crypto.randomBytes(18).toString('hex'), expires: platform.now() + config.expire * 1000};
		tenant = tenant.filter((t) => t.expires > platform.now()).concat(token);
		stats.token_grants++;
		platform.commit([saved()]);
		return token;
	}

	/* This reply has no data member, and is HTTP 200 also when it refuses. */
	function refuse(code, msg) {
		return {status: 200, body: {code, msg}};
	}

	/* Of an app of one tenant the app_access_token is the same token. */
	function appToken(req) {
		const answer = tenantToken(req);
		if (answer.body.code === 0)
			answer.body.app_access_token = answer.body.tenant_access_token;
		return answer;
	}

	function tenantToken(req) {
		stats.token_requests++;
		const body = req.json;
		if (!isObject(body) || !isString(body.app_id) || !isString(body.app_secret) || !body.app_id || !body.app_secret)
			return refuse(10003, 'invalid param');
		if (body.app_id !== args['app-id'])
			return refuse(10003, 'invalid param');
		if (body.app_secret !== args['app-secret'])
			return refuse(10015, 'app secret invalid');
		if (!config.app_enabled)
			return refuse(10014, 'app is not usable');
		const last = tenant[tenant.length - 1];
		const token = last && last.expires - platform.now() >= RENEW_LEFT_MS ? last : issue();
		const expire = Math.ceil((token.expires - platform.now()) / 1000);
		return {status: 200, body: {code: 0, msg: 'ok', tenant_access_token: token.token, expire}};
	}

	function checkTenant(token) {
		const known = tenant.find((t) => t.token === token);
		if (!known || known.expires <= platform.now())
			throw new Fail(99991663, INVALID);
		return {kind: 'tenant', id: 'ou_' + args['app-id']};
	}

	function checkUser(token) {
		const known = users.get(token);
		if (!known)
			throw new Fail(99991668, INVALID);
		if (known.expires <= platform.now())
			throw new Fail(99991677, 'Authentication token expired');
		return {kind: 'user', id: known.id, scopes: known.scopes};
	}

	/* Who makes the call: {kind: "tenant" or "user", id, scopes}; scopes is undefined for all of them. */
	function identify(req) {
		const header = req.headers.authorization || '';
		if (!header.startsWith('Bearer ') || header.length === 'Bearer '.length)
			throw new Fail(99991661, NEED);
		const token = header.slice('Bearer '.length);
		if (users.has(token) || /^(u-|eyJ)[\w.-]+$/.test(token))
			return checkUser(token);
		if (!/^t-[\w.-]+$/.test(token))
			throw new Fail(99991671, 'Invalid access token for authorization. Please make sure the format of the token is correct.');
		return checkTenant(token);
	}

	function addUser(token, id, expires, scopes) {
		users.set(token, {id, expires, scopes});
	}

	/* The tokens of logins, to be kept over a restart. */
	function logins() {
		return [...users].filter(([token]) => token !== args['user-token']);
	}

	function setLogins(saved) {
		logins().forEach(([token]) => users.delete(token));
		saved.forEach(([token, user]) => users.set(token, user));
	}

	/* Back to the state of the start. */
	function reset() {
		tenant = [];
		users.clear();
		if (args['user-token'])
			addUser(args['user-token'], 'ou_user', Infinity);
	}

	function revokeTenant() {
		tenant = [];
		platform.commit([saved()]);
	}

	function expireUsers() {
		users.forEach((u) => { u.expires = platform.now(); });
	}

	reset();
	return {
		routes: {
			'POST /open-apis/auth/v3/tenant_access_token/internal': tenantToken,
			'POST /open-apis/auth/v3/app_access_token/internal': appToken,
		},
		identify, reset, users, addUser, logins, setLogins, revokeTenant, expireUsers,
		revokeUsers: () => users.clear(),
		apply: (op) => {
			if (op.op === 'tenant')
				tenant = op.tokens;
		},
		snapshot: () => [[saved()]],
	};
}

module.exports = {createAuth};
