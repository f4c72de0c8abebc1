'use strict';
/*
 * ctl.js - one HTTP request from a shell test:  node ctl.js [-i] [-H 'NAME: VALUE']... METHOD URL [FILE|-]
 *
 * The body is FILE's, or stdin's for "-".  Prints the answer's body; the exit status
 * is 0 for a 2xx answer, else 1 with the status on stderr.  -i prints the status and the
 * headers first, with names in lower case, and an empty line.
 */
const fs = require('fs');
const http = require('http');

const args = process.argv.slice(2);
const more = {};
let show = false;
while (args[0] && args[0][0] === '-') {
	const option = args.shift();
	if (option === '-i') {
		show = true;
	} else {
		const [name, ...value] = args.shift().split(': ');
		more[name] = value.join(': ');
	}
}
const [method, url, file] = args;
const body = file === undefined ? undefined : fs.readFileSync(file === '-' ? 0 : file);
const headers = Object.assign(body && body.length ? {'Content-Type': 'application/json', 'Content-Length': body.length} : {}, more);
const req = http.request(url, {method, headers}, (res) => {
	if (show)
		process.stdout.write(res.statusCode + '\n' + Object.keys(res.headers).map((k) => k + ': ' + res.headers[k] + '\n').join('') + '\n');
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
