// pg-proxy.js LISTEN SERVER MODE - a proxy between two unix sockets that loses answers of PostgreSQL to every third COMMIT.
//
//   after   forwards the COMMIT and drops its answer
//   before  drops the COMMIT
//   late    drops the client's connection, and lets the COMMIT reach the server a second later
//   twice   drops the COMMIT, and the answer to the question that follows, whether it has happened
//   once    as after, but the first COMMIT, and from then on there is no server
//
// Each loss adds a byte to the file "cut"; "ready" on stdout: it listens.
"use strict";
const net = require("net"), fs = require("fs");
let [listen, to, mode] = process.argv.slice(2);
let n = 0, asks = false, gone = false;
const question = /INSERT INTO llmutils_loads|SET run = run/;
net.createServer((c) => {
	if (gone) return c.destroy();
	const s = net.connect(to);
	let dead = false;
	c.on("data", (d) => {
		if (dead) return;
		if (asks && question.test(d)) mode = "after", asks = false;
		else if (!d.includes("COMMIT") || (mode != "once" && n++ % 3 != 1)) return void s.write(d);
		fs.appendFileSync("cut", "x");
		dead = true;
		asks = mode == "twice";
		if (mode == "before" || asks) { s.destroy(); c.destroy(); return; }
		if (mode == "late") { c.destroy(); setTimeout(() => s.write(d), 1000); return; }
		gone = mode == "once";
		s.write(d);
		s.once("data", () => { c.destroy(); s.destroy(); });
	});
	s.on("data", (d) => { if (!dead) c.write(d); });
	for (const [a, b] of [[c, s], [s, c]]) {
		a.on("error", () => {});
		a.on("close", () => { if (!(dead && mode == "late")) b.destroy(); });
	}
}).listen(listen, () => console.log("ready"));
