"use strict";
const { lines, put } = require("./lines.js");
const groups = new Map();

lines((line) => {
	const r = JSON.parse(line);
	const date = new Date(Date.parse(r.timestamp) + 8 * 3600e3).toISOString().slice(0, 10);	// Taipei
	const key = JSON.stringify([date, r.user_department, r.user_name]);
	let g = groups.get(key);
	if (!g) groups.set(key, g = { date, department: r.user_department, user_name: r.user_name, ch_characters: 0, en_characters: 0, total_characters: 0 });
	g.ch_characters += r.ch_characters;
	g.en_characters += r.en_characters;
	g.total_characters += r.total_characters;
}, () => [...groups.keys()].sort().forEach((k) => put(JSON.stringify(groups.get(k)))));
