'use strict';
/*
 * feishu-oauth.js - the login of the Feishu stand-in: the page that asks the user, the token
 * call with its code, refresh and device grants, the calls of authen/v1 that were before them,
 * and who the user is.
 *
 * A refresh token works once; what it gave is remembered so that its second use is told from an
 * unknown one.  The access token before it stays good until its own end.
 */
const crypto = require('crypto');
const {Fail, isObject, isString} = require('./feishu-fields');
const {DeviceLogins} = require('./feishu-device');

const SECOND_MS = 1000;
const V1_REFRESH_S = 30 * 86400;
const MAX_SCOPES = 200;
const EXTRA_SCOPES = [
	'offline_access', 'auth:user.id:read', 'contact:user.base:readonly', 'contact:user.email:readonly',
	'contact:user.employee_id:readonly', 'drive:drive', 'drive:drive:readonly',
];
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/* code: [the error's name, the words, HTTP status if not 400] */
const REFUSALS = {
	20001: ['invalid_request', 'The request is missing a required parameter.'],
	20002: ['invalid_client', 'The client secret is invalid.'],
	20003: ['invalid_grant', 'The authorization code is not found. Please note that an authorization code can only be used once.'],
	20004: ['invalid_grant', 'The authorization code has expired. Please request a new one.'],
	20008: ['invalid_grant', 'The user does not exist.'],
	20009: ['invalid_client', 'The specified app is not installed.'],
	20010: ['invalid_grant', 'The user does not have permission to use this app.'],
	20024: ['invalid_grant', 'The provided authorization code or refresh token does not match the provided client ID.'],
	20026: ['invalid_grant', 'The refresh token passed is invalid. Please check the value.'],
	20036: ['unsupported_grant_type', 'The specified grant_type is not supported.'],
	20037: ['invalid_grant', 'The refresh token passed has expired. Please generate a new one.'],
	20048: ['invalid_client', 'The specified app does not exist.'],
	20049: ['invalid_grant', 'PKCE code challenge failed.'],
	20050: ['server_error', 'An unexpected server error occurred. Please retry your request.', 500],
	20063: ['invalid_request', 'The request is malformed. Please check your request.'],
	20064: ['invalid_grant', 'The refresh token has been revoked. Please note that a refresh token can only be used once.'],
	20065: ['invalid_grant', 'The authorization code has been used. Please note that an authorization code can only be used once.'],
	20066: ['invalid_grant', 'The user status is invalid.'],
	20067: ['invalid_scope', 'The provided scope list contains duplicate scopes. Please ensure all scopes are unique.'],
	20068: ['invalid_scope', 'The provided scope list contains scopes that are not permitted.'],
	20069: ['invalid_client', 'The specified app is not enabled.'],
	20070: ['invalid_request', 'Multiple authentication methods were provided. Please only use one to proceed.'],
	20071: ['invalid_grant', 'The provided redirect URI does not match the one used during authorization.'],
	20072: ['temporarily_unavailable', 'The server is temporarily unavailable. Please retry your request.', 503],
	20073: ['invalid_grant', 'The refresh token has been used. Please note that a refresh token can only be used once.'],
	20074: ['unauthorized_client', 'The client is not allowed to refresh token.'],
	21000: ['access_denied', 'The access is denied by the access policy.'],
};

class Refusal extends Error {
	/* The token call refuses: code, or the error's name alone where it has no code. */
	constructor(code, name) {
		super('refused: ' + (code || name));
		const known = REFUSALS[code] || [name || 'invalid_request', name || 'refused'];
		this.status = known[2] || 400;
		this.code = code;
		this.words = {error: known[0], error_description: known[1]};
	}
}

const s256 = (text) => crypto.createHash('sha256').update(text).digest('base64')
	.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const scopeList = (text) => (text || '').split(' ').filter((s) => s);

function html(status, text) {
	return {status, headers: {'Content-Type': 'text/html; charset=utf-8'}, body: '<!doctype html><title>Feishu</title><p>' + text + '</p>\n'};
}

function escapeHtml(text) {
	return String(text).replace(/[&<>"]/g, (c) => '&#' + c.charCodeAt(0) + ';');
}

/* The parameters of a token call, as a form or as JSON. */
function params(req) {
	const type = (req.headers['content-type'] || '').split(';')[0].trim().toLowerCase();
	let all;
	if (type === 'application/x-www-form-urlencoded') {
		all = {};
		for (const [k, v] of new URLSearchParams(req.body.toString('utf8'))) {
			if (k in all)
				throw new Refusal(20063);
			all[k] = v;
		}
	} else if (type === 'application/json') {
		all = req.json;
	}
	if (!isObject(all) || !Object.keys(all).every((k) => isString(all[k])))
		throw new Refusal(20063);
	return all;
}

function createOauth(platform) {
	const {args, config, stats, auth} = platform;
	let codes, refreshTokens, grants;
	const devices = new DeviceLogins(platform, Refusal);

	function reset() {
		codes = new Map();		/* code -> {redirect, challenge, method, scopes, user, at, used} */
		refreshTokens = new Map();	/* token -> {version, login, expires, revoked, spent, reply} */
		grants = new Map();		/* open_id -> every scope that this user has granted */
		devices.clear();
	}

	function state() {
		return {
			op: 'oauth', codes: [...codes], refreshTokens: [...refreshTokens], grants: [...grants], devices: devices.state(),
			users: auth.logins(),
		};
	}

	function commit() {
		if (args.save)
			platform.commit([state()]);
	}

	function apply(op) {
		if (op.op !== 'oauth')
			return;
		codes = new Map(op.codes);
		refreshTokens = new Map(op.refreshTokens);
		grants = new Map(op.grants);
		devices.restore(op.devices);
		auth.setLogins(op.users);
	}

	/* ---- what a login gives ---- */

	const allScopes = () => [...new Set([...platform.scopes, ...EXTRA_SCOPES])].filter((s) => !config.missing_scopes.includes(s));

	function grant(user, scopes) {
		const all = [...new Set((grants.get(user) || []).concat(scopes))];
		grants.set(user, all);
		return all;
	}

	const randomText = (n) => crypto.randomBytes(n).toString('base64').replace(/[+/=]/g, '').slice(0, n);

	function newToken(version, prefix) {
		return version === 1 ? prefix + randomText(40) : 'eyJ' + randomText(Math.max(20, config.token_size) - 3);
	}

	/* login: {user, scopes, consented}; life: {access, refresh} in seconds. */
	function newPair(version, login, life) {
		const now = platform.now();
		const access = newToken(version, 'u-');
		auth.addUser(access, login.user, now + life.access * SECOND_MS, login.scopes);
		const reply = {access_token: access, expires_in: life.access, token_type: 'Bearer', scope: login.scopes.join(' ')};
		if (version > 1 && !login.scopes.includes('offline_access'))
			return reply;
		const expires = Math.min(now + life.refresh * SECOND_MS, login.consented + config.consent_expire * SECOND_MS);
		const token = newToken(version, 'ur-');
		refreshTokens.set(token, {version, login, expires, revoked: false, spent: null, reply: null});
		return Object.assign(reply, {refresh_token: token, refresh_token_expires_in: Math.ceil((expires - now) / SECOND_MS)});
	}

	const life = (version) => ({access: config.user_expire, refresh: version === 1 ? V1_REFRESH_S : config.refresh_expire});

	/* A request may ask for less than was granted. */
	function shrink(granted, text) {
		const asked = scopeList(text);
		if (!asked.length)
			return granted;
		if (new Set(asked).size !== asked.length)
			throw new Refusal(20067);
		if (!asked.every((s) => granted.includes(s)))
			throw new Refusal(20068);
		return asked;
	}

	/* ---- the grants ---- */

	function checkVerifier(version, code, verifier) {
		if (verifier !== undefined && !/^[\w.~-]{43,128}$/.test(verifier))
			throw new Refusal(20063);
		if (!code.challenge) {
			if (verifier !== undefined && version === 3)
				throw new Refusal(20049);
			return;
		}
		if (verifier === undefined || (code.method === 'S256' ? s256(verifier) : verifier) !== code.challenge)
			throw new Refusal(20049);
	}

	function byCode(version, p) {
		if (!p.code)
			throw new Refusal(20001);
		const code = codes.get(p.code);
		if (!code)
			throw new Refusal(20003);
		if (code.used)
			throw new Refusal(20065);
		if (platform.now() >= code.at + config.code_expire * SECOND_MS)
			throw new Refusal(20004);
		if (version > 1 && p.redirect_uri !== code.redirect)
			throw new Refusal(20071);
		if (version > 1)
			checkVerifier(version, code, p.code_verifier);
		const scopes = shrink(grants.get(code.user), p.scope);
		code.used = true;
		stats.exchanges++;
		return newPair(version, {user: code.user, scopes, consented: code.at}, life(version));
	}

	function spentAgain(known) {
		if (config.refresh_grace > 0 && platform.now() < known.spent + config.refresh_grace * SECOND_MS)
			return known.reply;
		stats.reuses++;
		throw new Refusal(config.reuse_code);
	}

	function byRefresh(version, p) {
		stats.refresh_requests++;
		if (!p.refresh_token)
			throw new Refusal(20001);
		if (!config.refresh_enabled)
			throw new Refusal(20074);
		const known = refreshTokens.get(p.refresh_token);
		if (!known || (version === 1) !== (known.version === 1) || known.version > version)
			throw new Refusal(20026);
		if (known.revoked)
			throw new Refusal(20064);
		if (known.spent !== null)
			return spentAgain(known);
		if (platform.now() >= known.expires)
			throw new Refusal(20037);
		const login = Object.assign({}, known.login, {scopes: shrink(known.login.scopes, p.scope)});
		known.reply = newPair(version, login, life(version));
		known.spent = platform.now();
		stats.refreshes++;
		return known.reply;
	}

	function byDevice(version, p) {
		const device = devices.poll(p.device_code);
		return newPair(version, {user: device.user, scopes: grant(device.user, device.scopes), consented: platform.now()}, life(version));
	}

	const GRANTS = {authorization_code: byCode, refresh_token: byRefresh, [DEVICE_GRANT]: byDevice};

	/* ---- the token call ---- */

	/* The app's id and secret, from the body or as HTTP Basic, but not both. */
	function client(req, p) {
		const basic = /^Basic +(\S+)$/i.exec(req.headers.authorization || '');
		if (!basic)
			return p;
		if (p.client_secret !== undefined)
			throw new Refusal(20070);
		const [id, ...secret] = Buffer.from(basic[1], 'base64').toString('utf8').split(':');
		return {client_id: id, client_secret: secret.join(':')};
	}

	function checkClient(req, p) {
		const c = client(req, p);
		if (!c.client_id || !c.client_secret)
			throw new Refusal(20001);
		if (c.client_id !== args['app-id'])
			throw new Refusal(20048);
		if (c.client_secret !== args['app-secret'])
			throw new Refusal(20002);
		if (!config.app_enabled)
			throw new Refusal(20069);
		if (config.token_refusal)
			throw new Refusal(config.token_refusal);
	}

	/* work(parameters) behind the checks that all calls of the login share; what it throws is the answer, too. */
	function loginCall(name, work) {
		return async (req) => {
			stats.calls[name] = (stats.calls[name] || 0) + 1;
			try {
				platform.countCall(name);
				await platform.delay();
				platform.checkRate(name);
				const p = params(req);
				checkClient(req, p);
				return {status: 200, body: work(p, req)};
			} catch (e) {
				if (e instanceof Fail)
					return platform.failure(req, name, e);
				if (!(e instanceof Refusal))
					throw e;
				return {status: e.status, body: Object.assign(e.code ? {code: e.code} : {}, e.words)};
			} finally {
				commit();
			}
		};
	}

	function tokenCall(version) {
		return loginCall('token', (p) => {
			if (!p.grant_type)
				throw new Refusal(20001);
			if (!Object.prototype.hasOwnProperty.call(GRANTS, p.grant_type))
				throw new Refusal(20036);
			return Object.assign({code: 0}, GRANTS[p.grant_type](version, p));
		});
	}

	function deviceAuthorization(p, req) {
		checkScopeNames(scopeList(p.scope));
		return devices.start(scopeList(p.scope), 'http://' + req.headers.host);
	}

	/* The historic calls: the app's token as bearer, and the answer in an envelope. */
	function v1Call(name, grantType, work, extra) {
		return platform.api(name, [], (req) => {
			if (req.identity.kind !== 'tenant')
				throw new Fail(99991664, 'app access token invalid');
			if (!isObject(req.json) || req.json.grant_type !== grantType)
				throw new Fail(20001, 'The grant_type is invalid');
			try {
				const reply = work(1, req.json);
				const out = {
					access_token: reply.access_token, token_type: 'Bearer', expires_in: reply.expires_in,
					refresh_token: reply.refresh_token, refresh_expires_in: reply.refresh_token_expires_in, scope: reply.scope,
				};
				return extra ? Object.assign(profile(auth.users.get(reply.access_token)), out) : out;
			} catch (e) {
				throw e instanceof Refusal ? new Fail(e.code, e.words.error_description) : e;
			} finally {
				commit();
			}
		});
	}

	/* ---- the page that asks the user ---- */

	function isRegistered(redirect) {
		return args.redirect.split(',').some((known) => {
			if (!known.endsWith(':*'))
				return redirect === known;
			const rest = redirect.startsWith(known.slice(0, -1)) ? redirect.slice(known.length - 1) : '';
			return /^\d{1,5}(\/|$)/.test(rest);
		});
	}

	function checkScopeNames(scopes) {
		const known = new Set([...platform.scopes, ...EXTRA_SCOPES]);
		if (scopes.length > MAX_SCOPES || scopes.some((s) => !known.has(s)))
			throw new Refusal(20043, 'invalid_scope');
		if (scopes.some((s) => config.missing_scopes.includes(s)))
			throw new Refusal(20027, 'invalid_scope');
	}

	function checkPage(q) {
		if (q.get('client_id') !== args['app-id'])
			throw new Refusal(20048);
		if (!isRegistered(q.get('redirect_uri') || ''))
			throw new Refusal(20029, 'invalid_request');
		if (q.get('response_type') !== 'code')
			throw new Refusal(20001);
		if (q.get('code_challenge_method') !== null && !['S256', 'plain'].includes(q.get('code_challenge_method')))
			throw new Refusal(20063);
		checkScopeNames(scopeList(q.get('scope')));
	}

	function newCode(q) {
		const code = randomText(64);
		grant('ou_user', scopeList(q.get('scope')));
		codes.set(code, {
			redirect: q.get('redirect_uri'), challenge: q.get('code_challenge') || '', method: q.get('code_challenge_method') || 'plain',
			user: 'ou_user', at: platform.now(), used: false,
		});
		commit();
		return code;
	}

	function authorize(req) {
		const q = req.query;
		stats.calls.authorize = (stats.calls.authorize || 0) + 1;
		try {
			checkPage(q);
		} catch (e) {
			if (!(e instanceof Refusal))
				throw e;
			return html(400, 'Error code: ' + e.code);
		}
		if (config.consent === 'page')
			return html(200, 'Log in to grant ' + escapeHtml(q.get('scope') || 'nothing'));
		const to = new URL(q.get('redirect_uri'));
		if (config.consent === 'deny')
			to.searchParams.append('error', 'access_denied');
		else
			to.searchParams.append('code', newCode(q));
		if (q.get('state') !== null)
			to.searchParams.append('state', q.get('state'));
		return {status: 302, headers: {Location: String(to)}, body: ''};
	}

	/* ---- who the user is ---- */

	function profile(user) {
		const only = (scope, more) => (!user.scopes || user.scopes.includes(scope) ? more : null);
		return Object.assign({
			name: 'Test User', en_name: 'Test User', avatar_url: '', avatar_thumb: '', avatar_middle: '', avatar_big: '',
			open_id: user.id, union_id: user.id.replace(/^ou_/, 'on_'), tenant_key: 'tenant1',
		}, only('contact:user.email:readonly', {email: 'user@example.com'}), only('contact:user.employee_id:readonly', {user_id: 'user1'}));
	}

	function userInfo(req) {
		if (req.identity.kind !== 'user')
			throw new Fail(99991663, 'Invalid access token for authorization. Please make a test attempt with the correct token.');
		return profile(req.identity);
	}

	/* ---- control calls ---- */

	function controlLogin(req) {
		const body = req.json || {};
		const user = body.open_id || 'ou_user';
		const scopes = body.scope === undefined ? allScopes() : scopeList(body.scope);
		grant(user, scopes);
		const reply = newPair(3, {user, scopes, consented: platform.now()}, {
			access: body.expires_in === undefined ? config.user_expire : body.expires_in,
			refresh: body.refresh_expires_in === undefined ? config.refresh_expire : body.refresh_expires_in,
		});
		commit();
		return {status: 200, body: Object.assign({code: 0}, reply)};
	}

	function controlDevice(req) {
		devices.decide(req.json.user_code, req.json.approve !== false);
		commit();
		return {status: 200, body: {}};
	}

	reset();
	const A = '/open-apis/authen/';
	return {
		routes: {
			['GET ' + A + 'v1/authorize']: authorize,
			'POST /oauth/v3/token': tokenCall(3),
			['POST ' + A + 'v2/oauth/token']: tokenCall(2),
			'POST /oauth/v1/device_authorization': loginCall('device_authorization', deviceAuthorization),
			'GET /oauth/v1/device/verify': () => html(200, 'Enter the code'),
			['GET ' + A + 'v1/user_info']: platform.api('user_info', [], userInfo),
			['POST ' + A + 'v1/oidc/access_token']: v1Call('oidc_access_token', 'authorization_code', byCode, false),
			['POST ' + A + 'v1/oidc/refresh_access_token']: v1Call('oidc_refresh', 'refresh_token', byRefresh, false),
			['POST ' + A + 'v1/access_token']: v1Call('v1_access_token', 'authorization_code', byCode, true),
			['POST ' + A + 'v1/refresh_access_token']: v1Call('v1_refresh', 'refresh_token', byRefresh, true),
		},
		control: {'POST /_test/login': controlLogin, 'POST /_test/device': controlDevice},
		reset, apply,
		snapshot: () => [[state()]],
		revokeRefresh: () => { refreshTokens.forEach((t) => { t.revoked = true; }); commit(); },
	};
}

module.exports = {createOauth};
