'use strict';
/*
 * ctl.js - one HTTP request from a shell test:  node ctl.js METHOD URL [FILE|-]
 *
 * The body is FILE's, or stdin's for "-".  Prints the answer's body; the exit status
 * is 0 for a 2xx answer, else 1 with the status on stderr.
 */
const fs = require('fs');
const http = require('http');

const [method, url, file] = process.argv.slice(2);
const body = file === undefined ? undefined : fs.readFileSync(file === '-' ? 0 : file);
const headers = body && body.length ? {'Content-Type': 'application/json', 'Content-Length': body.length} : {};
const req = http.request(url, {method, headers}, (res) => {
	res.pipe(process.stdout);
	res.on('end', () => {
		if (res.statusCode < 200 || res.statusCode > 299) {
			process.stderr.write('ctl: ' + method + ' ' + url + ': HTTP ' + res.statusCode + '\n');
			process.exitCode = 1;
		}
	});
});
req.on('error', (e) => {
	process.stderr.write('ctl: ' + method + ' ' + url + ': ' + e.message + '\n');
	process.exitCode = 1;
});
req.end(body);
