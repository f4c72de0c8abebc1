'use strict';
/*
 * bigquery-auth.js - the tokens of the BigQuery stand-in: the OAuth token endpoint (a service account's signed
 * assertion, a user's refresh token), the security token service and the impersonation of a service account, an OIDC
 * provider for the subject tokens, the metadata server, and the check of a call's Authorization header.
 */
const crypto = require('crypto');
const {Fail} = require('./bigquery-schema');
const {HttpError} = require('./common');

const SCOPE = 'https://www.googleapis.com/auth/';
const CLOUD = SCOPE + 'cloud-platform';
const TOKEN_URI = 'https://oauth2.googleapis.com/token';
const EMAIL = 'etl@test-project.iam.gserviceaccount.com';
const KEY_ID = '0123456789abcdef0123456789abcdef01234567';
const AUDIENCE = '//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/provider';
const USER = {client_id: 'client.apps.googleusercontent.com', client_secret: 'client-secret', refresh_token: '1//refresh-token'};
const OIDC_REQUEST_TOKEN = 'oidc-request-token';
const GRANT = 'urn:ietf:params:oauth:grant-type:';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const MAX_LIFETIME = 3600;
const SUBJECT_LIFETIME = 300;
const RENEW_LEFT = 300;
const TIMEFRAME = 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. ' +
	'Check your iat and exp values in the JWT claim.';

const SCOPES = {
	admin: [SCOPE + 'bigquery', CLOUD],
	insert: [SCOPE + 'bigquery', CLOUD, SCOPE + 'bigquery.insertdata'],
};
const KNOWN_SCOPES = SCOPES.insert.concat(SCOPE + 'cloud-platform.read-only', SCOPE + 'bigquery.readonly', SCOPE + 'iam',
	SCOPE + 'drive', SCOPE + 'drive.readonly', SCOPE + 'devstorage.read_write', SCOPE + 'userinfo.email');

function oauthError(status, error, description) {
	return new HttpError(status, {error, error_description: description});
}

const base64url = (b) => Buffer.from(b).toString('base64').replace(/=+$/, '').replace(/\+/g, '-').replace(/\//g, '_');
const fromBase64url = (s) => Buffer.from(s.replace(/-/g, '+').replace(/_/g, '/'), 'base64');

function form(req) {
	if (!/^application\/x-www-form-urlencoded\b/i.test(req.headers['content-type'] || ''))
		throw oauthError(400, 'invalid_request', 'Content-Type must be application/x-www-form-urlencoded');
	return new URLSearchParams(req.body.toString('utf8'));
}

function createAuth(platform) {
	const {args, config, stats} = platform;
	const keys = crypto.generateKeyPairSync('rsa', {
		modulusLength: 2048, publicKeyEncoding: {type: 'spki', format: 'pem'}, privateKeyEncoding: {type: 'pkcs8', format: 'pem'},
	});
	const tokens = new Map();	/* token -> {expires, scopes, who} */
	let metadataToken = null;
	const seconds = () => Math.floor(platform.now() / 1000);

	if (args.token)
		tokens.set(args.token, {expires: Infinity, scopes: SCOPES.admin, who: EMAIL});

	function grant(who, scopes, lifetime) {
		const token = 'ya29.' + base64url(crypto.randomBytes(60));
		const life = Math.min(lifetime || MAX_LIFETIME, config.expire);
		tokens.set(token, {expires: platform.now() + life * 1000, scopes, who});
		stats.token_grants++;
		return {token, life};
	}

	function checkScopes(text) {
		const scopes = (text || '').split(' ').filter(Boolean);
		if (!scopes.length || !scopes.every((s) => KNOWN_SCOPES.includes(s)))
			throw oauthError(400, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.');
		return scopes;
	}

	/* The claims of a JWT that the service account signed; throws refuse(description). */
	function verify(jwt, refuse) {
		const parts = jwt.split('.');
		let header;
		let claims;
		try {
			[header, claims] = parts.slice(0, 2).map((p) => JSON.parse(fromBase64url(p).toString('utf8')));
		} catch (e) {
			throw refuse('Bad Request');
		}
		if (parts.length !== 3 || !parts.every((p) => /^[A-Za-z0-9_-]+$/.test(p)) || header.alg !== 'RS256')
			throw refuse('Invalid JWT: must be a three-part base64url RS256 token');
		if (claims.iss !== EMAIL)
			throw refuse('Invalid grant: account not found');
		const good = crypto.createVerify('RSA-SHA256').update(parts[0] + '.' + parts[1]).verify(keys.publicKey, fromBase64url(parts[2]));
		if (!good || header.kid !== undefined && header.kid !== KEY_ID)
			throw refuse('Invalid JWT Signature.');
		if (!Number.isInteger(claims.iat) || !Number.isInteger(claims.exp) || claims.iat > seconds() || claims.exp <= seconds() ||
			claims.exp - claims.iat > MAX_LIFETIME)
			throw refuse(TIMEFRAME);
		return claims;
	}

	function jwtGrant(f) {
		const claims = verify(f.get('assertion') || '', (text) => oauthError(400, 'invalid_grant', text));
		if (claims.aud !== TOKEN_URI && claims.aud !== platform.url + '/token')
			throw oauthError(400, 'invalid_grant', 'Invalid JWT: Failed audience check.');
		if (claims.sub !== undefined && claims.sub !== EMAIL)
			throw oauthError(401, 'unauthorized_client', 'Client is unauthorized to retrieve access tokens using this method, ' +
				'or client not authorized for any of the scopes requested.');
		const {token, life} = grant(EMAIL, checkScopes(claims.scope));
		return {access_token: token, expires_in: life - 1, token_type: 'Bearer'};
	}

	function refreshGrant(f) {
		if (f.get('client_id') !== USER.client_id || f.get('client_secret') !== USER.client_secret)
			throw oauthError(401, 'invalid_client', 'The OAuth client was not found.');
		if (f.get('refresh_token') !== USER.refresh_token || config.revoked_user)
			throw oauthError(400, 'invalid_grant', 'Token has been expired or revoked.');
		const {token, life} = grant('user@example.com', SCOPES.admin);
		return {access_token: token, expires_in: life - 1, scope: SCOPES.admin.join(' '), token_type: 'Bearer'};
	}

	function tokenEndpoint(req) {
		stats.token_requests++;
		const f = form(req);
		switch (f.get('grant_type')) {
		case GRANT + 'jwt-bearer':
			return {body: jwtGrant(f)};
		case 'refresh_token':
			return {body: refreshGrant(f)};
		default:
			throw oauthError(400, 'unsupported_grant_type', 'Invalid grant_type: ' + f.get('grant_type'));
		}
	}

	/* ---- workload identity ---- */

	function subjectToken(req) {
		if (req.headers.authorization !== 'Bearer ' + OIDC_REQUEST_TOKEN)
			throw new HttpError(401, {message: 'not authorized'});
		const claims = {iss: 'https://token.example.com', sub: 'repo:o/r:ref:refs/heads/main', iat: seconds(), exp: seconds() + SUBJECT_LIFETIME};
		const body = [{alg: 'RS256', typ: 'JWT'}, claims].map((x) => base64url(JSON.stringify(x))).join('.');
		const signature = crypto.createSign('RSA-SHA256').update(body).sign(keys.privateKey);
		return {body: {value: body + '.' + base64url(signature)}};
	}

	function checkSubject(token) {
		const parts = (token || '').split('.');
		const refuse = (text) => oauthError(400, 'invalid_grant', text);
		if (parts.length !== 3 || !crypto.createVerify('RSA-SHA256').update(parts[0] + '.' + parts[1]).verify(keys.publicKey, fromBase64url(parts[2])))
			throw refuse('The subject token signature is invalid.');
		const claims = JSON.parse(fromBase64url(parts[1]).toString('utf8'));
		if (!claims.sub || claims.exp <= seconds())
			throw refuse('ID Token issued at ' + claims.iat + ' is stale to sign-in.');
	}

	function exchange(req) {
		stats.token_requests++;
		const f = form(req);
		if (f.get('grant_type') !== GRANT + 'token-exchange')
			throw oauthError(400, 'unsupported_grant_type', 'Invalid grant_type');
		if (f.get('requested_token_type') !== TYPE + 'access_token' || f.get('subject_token_type') !== TYPE + 'jwt')
			throw oauthError(400, 'invalid_request', 'Invalid requested_token_type or subject_token_type');
		if (f.get('audience') !== AUDIENCE)
			throw oauthError(400, 'invalid_target', 'The target service indicated by the "audience" parameters is invalid.');
		checkSubject(f.get('subject_token'));
		const {token, life} = grant('principal://' + AUDIENCE, checkScopes(f.get('scope')));
		return {body: {access_token: token, issued_token_type: TYPE + 'access_token', token_type: 'Bearer', expires_in: life - 1}};
	}

	function impersonate(req) {
		const m = /^(.+):generateAccessToken$/.exec(req.params.call);
		const identity = bearer(req, [CLOUD, SCOPE + 'iam']);
		if (!m || m[1] !== EMAIL || !identity.who.startsWith('principal:') || config.denied.includes('impersonate'))
			throw new Fail('accessDenied', "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).");
		const body = req.json || {};
		const lifetime = /^(\d+)s$/.exec(body.lifetime === undefined ? '3600s' : body.lifetime);
		if (!Array.isArray(body.scope) || !body.scope.length || !lifetime || Number(lifetime[1]) > MAX_LIFETIME || Number(lifetime[1]) < 1)
			throw new Fail('badRequest', 'Request contains an invalid argument.');
		const {token, life} = grant(EMAIL, checkScopes(body.scope.join(' ')), Number(lifetime[1]));
		return {body: {accessToken: token, expireTime: new Date(platform.now() + life * 1000).toISOString().slice(0, 19) + 'Z'}};
	}

	/* ---- metadata server ---- */

	const FLAVOR = {'Metadata-Flavor': 'Google', Server: 'Metadata Server for VM'};

	function metadata(fn) {
		return (req) => {
			if (!config.metadata)
				return {status: 404, body: 'not found'};
			if (req.headers['metadata-flavor'] !== 'Google' || req.headers['x-forwarded-for'])
				return {status: 403, headers: Object.assign({'Content-Type': 'text/html'}, FLAVOR), body: '<html>Forbidden</html>'};
			const body = fn(req);
			const type = typeof body === 'string' ? 'application/text' : 'application/json';
			return {status: 200, headers: Object.assign({'Content-Type': type}, FLAVOR), body};
		};
	}

	/* One token for all, until it has five minutes left. */
	function instanceToken(req) {
		const wanted = (req.query.get('scopes') || '').split(',').filter(Boolean);
		const scopes = wanted.length ? checkScopes(wanted.join(' ')) : SCOPES.admin;
		const held = metadataToken && tokens.get(metadataToken.token);
		if (!held || String(held.scopes) !== String(scopes) || held.expires - platform.now() < RENEW_LEFT * 1000)
			metadataToken = grant(EMAIL, scopes);
		const left = Math.floor((tokens.get(metadataToken.token).expires - platform.now()) / 1000);
		return {access_token: metadataToken.token, expires_in: left, token_type: 'Bearer'};
	}

	/* ---- a call's token ---- */

	function unauthenticated(missing) {
		const message = missing ? 'Request is missing required authentication credential. ' : 'Request had invalid authentication credentials. ';
		return new HttpError(401, {error: {
			code: 401, message: message + 'Expected OAuth 2 access token, login cookie or other valid authentication credential. ' +
				'See https://developers.google.com/identity/sign-in/web/devconsole-project.',
			errors: [{
				message: missing ? 'Login Required.' : 'Invalid Credentials', domain: 'global', reason: missing ? 'required' : 'authError',
				location: 'Authorization', locationType: 'header',
			}],
			status: 'UNAUTHENTICATED',
		}}, {'WWW-Authenticate': 'Bearer realm="https://accounts.google.com/"' + (missing ? '' : ', error="invalid_token"')});
	}

	/* A token that the service account signed itself. */
	function selfSigned(token) {
		const claims = verify(token, () => unauthenticated(false));
		if (claims.sub !== EMAIL || claims.scope === undefined && claims.aud !== 'https://bigquery.googleapis.com/')
			throw unauthenticated(false);
		return {scopes: claims.scope === undefined ? SCOPES.admin : claims.scope.split(' '), who: EMAIL};
	}

	function bearer(req, scopes) {
		const m = /^Bearer +([^ ]+)$/i.exec(req.headers.authorization || '');
		if (!m)
			throw unauthenticated(true);
		const held = tokens.get(m[1]);
		if (!held && m[1].split('.').length !== 3 || held && held.expires <= platform.now())
			throw unauthenticated(false);
		const identity = held || selfSigned(m[1]);
		if (!identity.scopes.some((s) => scopes.includes(s)))
			throw new HttpError(403, {error: {
				code: 403, message: 'Request had insufficient authentication scopes.', status: 'PERMISSION_DENIED',
				errors: [{message: 'Insufficient Permission', domain: 'global', reason: 'insufficientPermissions'}],
			}});
		return identity;
	}

	function identify(req, kind) {
		return args.auth === 'none' ? {who: 'anonymous'} : bearer(req, SCOPES[kind]);
	}

	/* ---- credential files ---- */

	function credentials(type) {
		switch (type) {
		case 'authorized_user':
			return Object.assign({type, token_uri: platform.url + '/token', quota_project_id: args.project}, USER);
		case 'external_account':
			return {
				type, audience: AUDIENCE, subject_token_type: TYPE + 'jwt', token_url: platform.url + '/v1/token',
				credential_source: {
					url: platform.url + '/oidc/token?audience=x', headers: {Authorization: 'Bearer ' + OIDC_REQUEST_TOKEN},
					format: {type: 'json', subject_token_field_name: 'value'},
				},
				service_account_impersonation_url: platform.url + '/v1/projects/-/serviceAccounts/' + EMAIL + ':generateAccessToken',
			};
		default:
			return {
				type: 'service_account', project_id: args.project, private_key_id: KEY_ID, private_key: keys.privateKey,
				client_email: EMAIL, client_id: '100000000000000000001', token_uri: platform.url + '/token',
			};
		}
	}

	return {
		identify, credentials,
		revoke: () => tokens.clear(),
		routes: {
			'POST /token': tokenEndpoint,
			'GET /oidc/token': subjectToken,
			'POST /v1/token': exchange,
			'POST /v1/projects/-/serviceAccounts/:call': impersonate,
			'GET /': metadata(() => 'computeMetadata/\n'),
			'GET /computeMetadata/v1/instance': metadata(() => 'service-accounts/\n'),
			'GET /computeMetadata/v1/instance/service-accounts/default/token': metadata(instanceToken),
			'GET /computeMetadata/v1/instance/service-accounts/default/email': metadata(() => EMAIL),
			'GET /computeMetadata/v1/project/project-id': metadata(() => args.project),
		},
	};
}

module.exports = {createAuth};
