#!/bin/sh
# etl-scale.t - the daily usage of many entries, summed by cc-sum, by SQLite, by PostgreSQL and by a separate program that reads the
# raw entries and counts by its own means: all four agree to the last character, and so does what the day's summary (scripts/sql) leaves.
#
# LLMUTILS_SCALE: entries, default 50000; 1000000 take about a minute.
scale=${LLMUTILS_SCALE:-}
. "${0%/*}/lib.sh"
. "$top/tests/postgres.sh"
for t in log-check cc-count cc-sum sql-load sql-query; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done
scale=${scale:-$([ -n "$SAN" ] && echo 5000 || echo 50000)}

# Entries of three weeks in many zones, 12 departments, 700 users; some are not as log-check wants them.  Always the same.
cat >entries.js <<'END_JS'
"use strict";
const fs = require("fs"), n = Number(process.argv[2]);
let seed = 42;
const rnd = (k) => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0, Math.floor(seed / 4294967296 * k));
const two = (v) => String(v).padStart(2, "0");
const words = ["請問", "这份报告", "台灣No.1", "Hello, world", " ~!@#$%^&*()_+", "\\u4e2d\\u6587", "\\ud83d\\ude00", "👩🏽‍💻", "𠮷野家", "\\ud842\\udfb7", "〇々", "ｱｶﾞ、。",
	"\\n\\t\\\"", "naïve Ünï", "〆ㄅㄆ", "е́Ж", "SELECT 1;", "ⅫⅠ", "\\u0041\\u00e9", "豈", "丽", "1234567890", "x", "\\u0000", "⺀⼀", "a\\/b"];
const departments = ["test_org", "資訊處", "资讯处", "R&D \\\"x\\\"", "O'Brien's", "d;DROP TABLE t", "Ünit", "\\u8cc7\\u8a0a\\u8655", " lead", "A", "a", "市場"];
const zones = ["Z", "Z", "Z", "+08:00", "-05:00", "+05:30", "-11:00", "+14:00"];
let out = [];
for (let i = 0; i < n; i++) {
	let text = "";
	for (let k = rnd(12); k >= 0; k--) text += words[rnd(words.length)];
	const time = `2026-06-${two(1 + rnd(21))}T${two(rnd(24))}:${two(rnd(60))}:${two(rnd(60))}${rnd(2) ? "." + rnd(1000000) : ""}${zones[rnd(zones.length)]}`;
	const bad = rnd(500);
	out.push(`{"timestamp":"${bad == 1 ? "soon" : time}","domain_name":"example.com","user_department":"${departments[rnd(departments.length)]}",`
		+ `"user_name":"${bad == 2 ? " " : "user_" + (rnd(4) ? rnd(30) : rnd(700))}","source_ip":"10.0.${rnd(256)}.${rnd(256)}","session_id":"s${i}",`
		+ `"action_type":"交談","developer":"x"${rnd(50) ? `,"action_details":${rnd(50) ? `"${text}"` : "null"}` : ""}}`);
	if (out.length == 10000 || i == n - 1) fs.writeSync(1, out.join("\n") + "\n"), out = [];
}
END_JS
# The check: code points by the language's own tables, days by its own arithmetic.  It decides itself which entries count.
cat >check.js <<'END_JS'
"use strict";
const groups = new Map();
let good = 0;
const han = /\p{Script=Han}/gu, english = /[A-Za-z]/g, point = /[\s\S]/gu;
const times = (text, re) => (text.match(re) || []).length;
require("readline").createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", (line) => {
	const r = JSON.parse(line), ms = Date.parse(r.timestamp);
	if (Number.isNaN(ms) || r.user_name.trim() == "") return;
	good++;
	const text = r.action_details ?? "";
	const key = JSON.stringify([new Date(ms + 8 * 3600e3).toISOString().slice(0, 10), r.user_department, r.user_name]);
	const g = groups.get(key) || [0, 0, 0];
	groups.set(key, g);
	g[0] += times(text, han);
	g[1] += times(text, english);
	g[2] += times(text, point);
}).on("close", () => {
	const rows = [...groups].map(([k, g]) => [JSON.parse(k), g]);
	rows.sort(([a], [b]) => { for (let i = 0; ; i++) { const c = Buffer.compare(Buffer.from(a[i]), Buffer.from(b[i])); if (c || i == 2) return c; } });
	const names = ["date", "department", "user_name", "ch_characters", "en_characters", "total_characters"];
	const users = new Map();	// by day and user, in all departments: what the summary of the one table has
	for (const [[day, , user], [ch, en]] of rows) {
		const u = users.get(`${day} ${user}`) || [day, user, 0, 0];
		users.set(`${day} ${user}`, [day, user, u[2] + ch, u[3] + en]);
	}
	require("fs").writeFileSync("users", [...users.values()].map((u) => `{"date":"${u[0]}","user_name":"${u[1]}","ch_characters":${u[2]},"en_characters":${u[3]}}\n`).sort().join(""));
	require("fs").writeFileSync("days", [...new Set(rows.map(([k]) => k[0]))].map((d) => [d, 0, 864e5].map((v, i, a) =>
		i ? new Date(Date.parse(`${d}T00:00:00+08:00`) + v).toISOString().replace(".000", "") : v).join(" ") + "\n").join(""));
	process.stdout.write(rows.map(([k, g]) => JSON.stringify(Object.fromEntries([...k, ...g].map((v, i) => [names[i], v]))) + "\n").join(""));
	require("fs").writeFileSync("good", String(good));
});
END_JS

started=$(date +%s)
node entries.js "$scale" >entries
node check.js <entries >want & checker=$!
log-check -q entries 2>/dev/null | cc-count >counted
wait $checker
is "$scale entries: those that are as they should be" "$(wc -l <counted | tr -d ' ')" "$(cat good)"
ok '... and some are not' test "$(cat good)" -lt "$scale"
ok '... in many groups' test "$(wc -l <want)" -gt 1000

run cc-sum --tz Asia/Taipei --by date=timestamp:day,department=user_department,user_name counted
same 'cc-sum and the separate check agree to the last character' "$out" want
run sh -c 'log-check -q entries 2>/dev/null | cc-count | cc-sum --memory 1M --tz Asia/Taipei --by date=timestamp:day,department=user_department,user_name'
same '... in a pipe, and with what does not fit into memory on disk' "$out" want

# Loaded in three runs of one name, that end where they like, into the tables of scripts/sql.
load() {	# DSN ENGINE
	sed 's/DEPARTMENT/demo/g' "$top/scripts/sql/logs.$2.sql" >tables.sql
	sql-query -q -d "$1" -f tables.sql || return
	for part in $((scale / 3)) $((scale / 2)) "$scale"; do
		head -n "$part" counted | sql-load -q -d "$1" -t demo_logs --load-id scale || return
	done
}
sum() {	# DAY: the date in Taipei, as this engine has it
	echo "SELECT $1 AS \"date\", user_department AS department, user_name, sum(ch_characters) AS ch_characters, sum(en_characters) AS en_characters,
		sum(total_characters) AS total_characters FROM demo_logs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
}
summaries() {	# DSN ENGINE
	sed 's/DEPARTMENT/demo/g' "$top/scripts/sql/summary.$2.sql" >summary.sql
	while read -r day from to; do
		sql-query -q -d "$1" --param "date=$day" --param department=demo --param "from=$from" --param "to=$to" -f summary.sql || return
	done <days
}
engine() {	# NAME DSN ENGINE DAY
	load "$2" "$3"
	is "$1: loaded" "$? $(sql-query -d "$2" 'SELECT count(*) AS n, count(DISTINCT session_id) AS d FROM demo_logs')" "0 {\"n\":$(cat good),\"d\":$(cat good)}"
	run sql-query -d "$2" "$(sum "$4")"
	same "$1 and the separate check agree to the last character" "$out" want
	ok "$1: each day's summary" summaries "$2" "$3"
	sql-query -d "$2" 'SELECT "date", user_name, ch_characters, en_characters FROM daily_character_usage' | sort >got
	same '... agrees, too' got users
}
engine SQLite "sqlite:$T/scale.db" sqlite "date(\"timestamp\", '+8 hours')"
if pg_start; then
	sed -i 's/\\u0000//g' counted	# its texts cannot hold it; the counts stay
	engine PostgreSQL "$PGURI" postgres "CAST(\"timestamp\" AT TIME ZONE 'Asia/Taipei' AS date)"
else
	skip 4 "$PG_MISSING"
fi
echo "# $(($(date +%s) - started)) s"
done_testing
