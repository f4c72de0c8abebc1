"use strict";
const { lines, put } = require("./lines.js");
const seen = new Set();

lines((line) => {
	const { id } = JSON.parse(line);
	if (seen.has(id)) return;
	seen.add(id);
	put(line);
});
