// duckdb.js FILE.sql - run the last statement of a file in DuckDB by its official npm package, two threads, and print each row as JSON; for
// machines without the duckdb command.  DUCKDB is the directory where "npm install @duckdb/node-api" was run.
"use strict";
const { createRequire } = require("module");
const { DuckDBInstance } = createRequire(`${process.env.DUCKDB}/package.json`)("@duckdb/node-api");
(async () => {
	const db = await (await DuckDBInstance.create(":memory:", { threads: "2" })).connect();
	const result = await db.stream(require("fs").readFileSync(process.argv[2], "utf8"));
	for (let chunk; (chunk = await result.fetchChunk()) && chunk.rowCount > 0;)
		process.stdout.write(chunk.getRows().map((r) => JSON.stringify(r, (k, v) => (typeof v == "bigint" ? String(v) : v)) + "\n").join(""));
})();
