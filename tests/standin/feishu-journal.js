'use strict';
/*
 * feishu-journal.js - keeps the state of the Feishu stand-in in a file, so that
 * it survives a kill at any instant.
 *
 * Each change is one line, a JSON array of the operations that belong together,
 * written before the answer is sent.  A line cut short by a kill was never
 * answered, and is dropped by the next start, which also writes the file anew
 * without its history.
 */
const fs = require('fs');

class Journal {
	constructor(file) {
		this.file = file;
		this.fd = -1;
	}

	/* Calls apply(op) for each operation of the file; says whether there were any. */
	load(apply) {
		if (!this.file || !fs.existsSync(this.file))
			return false;
		const buf = fs.readFileSync(this.file);	/* bytes: a big table is longer than a string may be */
		let from = 0;
		for (let nl = buf.indexOf(10); nl >= 0; nl = buf.indexOf(10, from)) {
			JSON.parse(buf.slice(from, nl).toString('utf8')).forEach(apply);
			from = nl + 1;
		}
		return from > 0;
	}

	append(ops) {
		if (this.fd >= 0 && ops.length)
			this.write(JSON.stringify(ops) + '\n');
	}

	write(text) {
		const bytes = Buffer.from(text);
		for (let done = 0; done < bytes.length;)
			done += fs.writeSync(this.fd, bytes, done);
	}

	/* Replaces the file by the lines that snapshot() yields, and stays open for append(). */
	rewrite(snapshot) {
		if (!this.file)
			return;
		if (this.fd >= 0)
			fs.closeSync(this.fd);
		this.fd = fs.openSync(this.file + '.new', 'w');
		for (const ops of snapshot)
			this.append(ops);
		fs.renameSync(this.file + '.new', this.file);
	}
}

module.exports = {Journal};
