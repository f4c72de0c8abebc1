'use strict';
/*
 * standin.js - starts a stand-in of ../standin for the tests here, and asks it for what clients do not.
 */
const http = require('http');
const path = require('path');
const {spawn} = require('child_process');

/* Resolves to {url, stop}. */
function start(name, args) {
	return new Promise((resolve, reject) => {
		const file = path.join(__dirname, '..', 'standin', name + '.js');
		const child = spawn(process.execPath, [file].concat(args), {stdio: ['ignore', 'pipe', 'inherit']});
		const early = (code) => reject(new Error('the stand-in ended with ' + code));
		child.once('error', reject);
		child.once('exit', early);
		child.stdout.once('data', (line) => resolve({
			url: String(line).trim().split(' ').pop(),
			stop: () => { child.removeListener('exit', early); child.kill(); },
		}));
	});
}

/* A control call; resolves to the answer's text. */
function controlText(url, method, where, body) {
	return new Promise((resolve, reject) => {
		const req = http.request(url + where, {method, agent: false}, (res) => {
			const chunks = [];
			res.on('data', (c) => chunks.push(c));
			res.on('end', () => resolve(Buffer.concat(chunks).toString()));
		});
		req.on('error', reject);
		req.end(body === undefined ? undefined : JSON.stringify(body));
	});
}

/* The same; resolves to its JSON. */
const control = (url, method, where, body) => controlText(url, method, where, body).then(JSON.parse);

/* Runs tests, [promise, function(context)] each, in order, and prints TAP. */
async function runTests(tests, context) {
	process.stdout.write('1..' + tests.length + '\n');
	for (let i = 0; i < tests.length; i++) {
		const [name, fn] = tests[i];
		try {
			await fn(context);
			process.stdout.write('ok ' + (i + 1) + ' - ' + name + '\n');
		} catch (e) {
			process.exitCode = 1;
			process.stdout.write('not ok ' + (i + 1) + ' - ' + name + '\n' + String(e.stack || e).replace(/^/gm, '# ') + '\n');
		}
	}
}

function bailOut(e) {
	process.stdout.write('Bail out! ' + (e.message || e) + '\n');
	process.exitCode = 1;
}

module.exports = {start, control, controlText, runTests, bailOut};
