// answer.js [FIELD...] - what a tool answered, spelled in one way: the records of stdin (JSON lines, arrays of them, or DuckDB's column "json"), each
// as the values of these fields, or as a whole with its keys in order; the lines sorted
"use strict";
const fields = process.argv.slice(2);
const ordered = (v) => v === null || typeof v !== "object" ? v : Array.isArray(v) ? v.map(ordered) :
	Object.fromEntries(Object.keys(v).sort().map((k) => [k, ordered(v[k])]));
const out = [];

for (const line of require("fs").readFileSync(0, "utf8").split("\n")) {
	if (!line.trim()) continue;
	for (const r of [JSON.parse(line)].flat())
		out.push(JSON.stringify(fields.length ? fields.map((f) => r[f]) : ordered(r.json ?? r)));
}
for (const line of out.sort()) console.log(line);
