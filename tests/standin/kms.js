'use strict';
/*
 * kms.js - a local stand-in of Google Cloud KMS: encrypt and decrypt of symmetric keys, as strict as the service.
 *
 *   node tests/standin/kms.js [--port 0] [--token ya29.test]
 *	[--key projects/p/locations/l/keyRings/r/cryptoKeys/k]	the key that there is
 *
 * Control calls, beside those of common.js:
 *   GET  /_test/config	POST /_test/config  {...} merges:
 *	denied		true: 403 for each call
 *	disabled	true: 400 FAILED_PRECONDITION
 *	wrong		a list of members of the answer, "ciphertextCrc32c" or "verifiedPlaintextCrc32c" for example, that are
 *			not what they should be; wrong_times (0: for ever) is in how many answers
 *   POST /_test/rotate	a new version of the key encrypts from now on; the older ones go on decrypting
 */
const crypto = require('crypto');
const {serve, parseArgs, HttpError} = require('./common.js');

const args = parseArgs({port: 0, token: 'ya29.test', key: 'projects/p/locations/asia-east1/keyRings/r/cryptoKeys/k'});
const MOST = 65536;
const config = {denied: false, disabled: false, wrong: [], wrong_times: 0};
const versions = [crypto.randomBytes(32)];

function crc32c(buf) {
	let c = 0xffffffff;
	for (const byte of buf) {
		c ^= byte;
		for (let i = 0; i < 8; i++)
			c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
	}
	return String(~c >>> 0);
}

/* Google answers errors as indented JSON. */
function refuse(code, status, message) {
	throw new HttpError(code, JSON.stringify({error: {code, message, status}}, null, 2) + '\n',
	    {'Content-Type': 'application/json; charset=UTF-8'});
}

const invalid = (message) => refuse(400, 'INVALID_ARGUMENT', message);

/* The bytes of a member, its checksum verified when there is one.  Returns {bytes, verified}. */
function bytesOf(body, name, required) {
	const text = body[name];
	const sum = body[name + 'Crc32c'];
	if (text === undefined && required)
		invalid(name + ' is required');
	if (text !== undefined && (typeof text !== 'string' || Buffer.from(text, 'base64').toString('base64') !== text))
		invalid('Invalid value at \'' + name + '\' (TYPE_BYTES), Base64 decoding failed');
	const bytes = Buffer.from(text || '', 'base64');
	if (bytes.length > MOST)
		invalid(name + ' is too large');
	if (sum !== undefined && !/^\d{1,20}$/.test(sum))
		invalid('Invalid value at \'' + name + 'Crc32c.value\' (TYPE_INT64)');
	if (sum !== undefined && String(sum) !== crc32c(bytes))
		invalid('The checksum in field ' + name + 'Crc32c did not match the data in field ' + name + '.');
	return {bytes, verified: sum !== undefined};
}

function authorise(req) {
	if (req.headers.authorization !== 'Bearer ' + args.token)
		refuse(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
}

function check(req, known) {
	authorise(req);
	if (!/^application\/json\b/.test(req.headers['content-type'] || '') || !req.json || Array.isArray(req.json))
		invalid('Invalid JSON payload received.');
	for (const name of Object.keys(req.json))
		if (!known.includes(name))
			invalid('Invalid JSON payload received. Unknown name "' + name + '": Cannot find field.');
	const name = req.path.slice('/v1/'.length).replace(/:[a-z]+$/, '');
	if (config.denied)
		refuse(403, 'PERMISSION_DENIED',
		    'Permission \'cloudkms.cryptoKeyVersions.useTo\' denied on resource \'' + name + '\' (or it may not exist).');
	if (name !== args.key)
		refuse(404, 'NOT_FOUND', 'CryptoKey ' + name + ' not found.');
	if (config.disabled)
		refuse(400, 'FAILED_PRECONDITION', name + '/cryptoKeyVersions/1 is not enabled, current state is: DISABLED.');
}

/* Make the answer wrong where the test wants it. */
function spoil(answer) {
	const out = Object.assign({}, answer);
	for (const name of config.wrong) {
		if (!(name in out))
			continue;
		if (typeof out[name] === 'boolean')
			out[name] = !out[name];
		else if (/Crc32c$/.test(name))
			out[name] = String((Number(out[name]) + 1) % 4294967296);
		else if (name === 'name')
			out[name] = out[name].replace('/cryptoKeys/', '/cryptoKeys/x');
		else
			out[name] = Buffer.from(out[name], 'base64').map((b, i) => b ^ (i === 0)).toString('base64');
	}
	if (config.wrong_times > 0 && --config.wrong_times === 0)
		config.wrong = [];
	return out;
}

function encrypt(req) {
	check(req, ['plaintext', 'plaintextCrc32c', 'additionalAuthenticatedData', 'additionalAuthenticatedDataCrc32c']);
	const plain = bytesOf(req.json, 'plaintext', true);
	const aad = bytesOf(req.json, 'additionalAuthenticatedData', false);
	const version = versions.length;
	const nonce = crypto.randomBytes(12);
	const c = crypto.createCipheriv('aes-256-gcm', versions[version - 1], nonce);
	c.setAAD(aad.bytes);
	const text = Buffer.concat([Buffer.from([version]), nonce, c.update(plain.bytes), c.final(), c.getAuthTag()]);
	return {status: 200, body: spoil({
		name: args.key + '/cryptoKeyVersions/' + version, ciphertext: text.toString('base64'), ciphertextCrc32c: crc32c(text),
		verifiedPlaintextCrc32c: plain.verified, verifiedAdditionalAuthenticatedDataCrc32c: aad.verified, protectionLevel: 'SOFTWARE',
	})};
}

function decrypt(req) {
	check(req, ['ciphertext', 'ciphertextCrc32c', 'additionalAuthenticatedData', 'additionalAuthenticatedDataCrc32c']);
	const text = bytesOf(req.json, 'ciphertext', true).bytes;
	const aad = bytesOf(req.json, 'additionalAuthenticatedData', false).bytes;
	const key = versions[text[0] - 1];
	let plain;
	try {
		const d = crypto.createDecipheriv('aes-256-gcm', key, text.slice(1, 13));
		d.setAAD(aad);
		d.setAuthTag(text.slice(-16));
		plain = Buffer.concat([d.update(text.slice(13, -16)), d.final()]);
	} catch (e) {
		invalid('Decryption failed: verify that \'name\' refers to the correct CryptoKey.');
	}
	return {status: 200, body: spoil({plaintext: plain.toString('base64'), plaintextCrc32c: crc32c(plain),
		usedPrimary: text[0] === versions.length, protectionLevel: 'SOFTWARE'})};
}

const notFound = (req) => ({status: 404, headers: {'Content-Type': 'text/html'}, body: '<html>404 ' + req.path + '</html>'});

serve({
	name: 'kms', port: args.port, notFound,
	routes: {
		'POST /v1/projects/:p/locations/:l/keyRings/:r/cryptoKeys/:k': (req) => {
			const what = req.params.k.replace(/^[^:]*/, '');
			return what === ':encrypt' ? encrypt(req) : what === ':decrypt' ? decrypt(req) : notFound(req);
		},
	},
	control: {
		'GET /_test/config': () => ({status: 200, body: config}),
		'POST /_test/config': (req) => ({status: 200, body: Object.assign(config, req.json)}),
		'POST /_test/rotate': () => ({status: 200, body: {version: versions.push(crypto.randomBytes(32))}}),
	},
});
