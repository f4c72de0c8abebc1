"use strict";
const { lines, put } = require("./lines.js");

lines((line) => {
	const r = JSON.parse(line), text = r[process.argv[2]];
	r.ch_characters = (text.match(/\p{Script=Han}/gu) || []).length;
	r.en_characters = (text.match(/[A-Za-z]/g) || []).length;
	r.total_characters = [...text].length;
	put(JSON.stringify(r));
});
