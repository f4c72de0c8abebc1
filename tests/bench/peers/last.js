"use strict";
const { lines, put } = require("./lines.js");

lines((line) => {
	const r = JSON.parse(line);
	if (!Array.isArray(r.inputs?.messages)) return;
	const m = r.inputs.messages.findLast((x) => x.role === "user" || x.type === "human");
	if (m) put(JSON.stringify({ run_id: r.id, timestamp: r.start_time, input: m.content }));
});
