// lines.js - for the peers in Node: each line of stdin; what is put() goes to stdout in large pieces
"use strict";
const fs = require("fs");
let out = [], size = 0;

const flush = () => { fs.writeSync(1, out.join("")); out = []; size = 0; };
exports.put = (line) => {
	out.push(line, "\n");
	if ((size += line.length) > 65536) flush();
};
exports.lines = (take, end) => require("readline").createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", take)
	.on("close", () => { if (end) end(); flush(); });
