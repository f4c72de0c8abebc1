// duckdb.js [FILE.sql [FIELD]] - run a statement in DuckDB by its official npm package (npm ci in node/), with two threads; it reads
// /dev/stdin and writes /dev/stdout itself.  FIELD takes the place of that word in the statement.  Without a file: is the package there?
"use strict";
const { DuckDBInstance } = require("./node/node_modules/@duckdb/node-api");
const [file, field] = process.argv.slice(2);

if (file)
	(async () => {
		const db = await (await DuckDBInstance.create(":memory:", { threads: "2" })).connect();
		await db.run(require("fs").readFileSync(file, "utf8").replaceAll("FIELD", field));
	})();
