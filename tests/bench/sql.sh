#!/bin/bash
# sql.sh - measure sql-load and sql-query beside the databases' own tools, in one run: Markdown on stdout, bench.json in OUT.
#
#   B=build OUT=build/bench ROWS=500000 ROUNDS=5 tests/bench/sql.sh
#
# Needs build/measure (make bench).  psql's \copy and .import of the sqlite3 shell read the same rows as CSV that was made before, and check no
# JSON; Python reads the rows as they are.  Each command starts with an empty table; first each loads a few rows, and the tables are compared, as
# are the rows that come out.  The server is a real one in a temporary directory, with fsync on, over a unix socket; the SQLite files are
# on the same disk.  A missing peer is named and left out.
# shellcheck disable=SC2016,SC2154,SC2317,SC2329	# lib.sh calls before; $work is set there, $in is for the commands
set -euo pipefail
B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
. ./lib.sh
# shellcheck disable=SC2034	# for postgres.sh
T=$work PG_FSYNC=on PGTZ=UTC
export PGTZ
tap_end() { rm -rf "$work"; }
. ../postgres.sh
ROWS=${ROWS:-500000}

awk -v n="$ROWS" 'BEGIN { for (i = 1; i <= n; i++) printf "{\"timestamp\":\"2026-06-%02dT%02d:00:00Z\",\"user_department\":\"d%d\",\"user_name\":\"user_%d\",\"session_id\":\"s%d\",\"action_details\":\"text number %d, 中文\",\"ch_characters\":%d,\"en_characters\":%d}\n", i % 28 + 1, i % 24, i % 9, i % 999, i, i, i % 50, i % 500 }' >"$work/many"
head -n 5000 "$work/many" >"$work/few"
columns='"timestamp" timestamptz, user_department text, user_name text, session_id text, action_details text, ch_characters bigint, en_characters bigint'
sqlite=sqlite:$work/t.db

cat >"$work/many.py" <<'END'
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA journal_mode=WAL")
names = ["timestamp", "user_department", "user_name", "session_id", "action_details", "ch_characters", "en_characters"]
sql = 'INSERT INTO t VALUES (%s)' % ",".join("?" * len(names))
batch = []
def flush():
    with db:
        db.executemany(sql, batch)
    batch.clear()
for line in sys.stdin.buffer:
    r = json.loads(line)
    batch.append([r.get(n) for n in names])
    if len(batch) == 10000:
        flush()
flush()
END

# The rows of CSV, or of NDJSON, as one form of it.
cat >"$work/rows.js" <<'END'
const text = require("fs").readFileSync(0, "utf8");
const field = /("(?:[^"]|"")*"|[^,\n]*)(,|\n|$)/g;
const csv = () => text.replace(field, (all, value, behind) => JSON.stringify(value.replace(/^"|"$/g, "").replace(/""/g, '"')) + behind).split("\n");
const lines = process.argv[2] == "csv" ? csv().slice(1, -1).map((l) => JSON.parse(`[${l}]`)) :
	text.trim().split("\n").map((l) => Object.values(JSON.parse(l)).map(String));
for (const v of lines) console.log(JSON.stringify(v.map((s) => s.replace(/^(....-..-..) (..:..:..)\+00$/, "$1T$2Z"))));
END

empty() {	# an empty table
	rm -f "$work"/t.db*
	sql-query -q -d "$sqlite" "CREATE TABLE t ($columns)"
	[ -z "${PGURI:-}" ] || sql-query -q -d "$PGURI" "DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS llmutils_marks; CREATE TABLE t ($columns)"
}
loaded() {	# DSN: the filter that shows what has been loaded
	printf "cat >'%s' && sql-query -q -d '%s' 'SELECT * FROM t ORDER BY ch_characters, session_id, action_details'" "$work/said" "$1"
}
before() { empty; }

printf '%s rows; best of %s.\n' "$ROWS" "$ROUNDS"
if have sqlite3; then
	for n in few many; do
		empty
		sql-load -q -d "$sqlite" -t t "$work/$n"
		sqlite3 "$work/t.db" '.mode csv' '.separator , "\n"' 'SELECT * FROM t' >"$work/$n.sqlite"
	done
	add '`sqlite3 .import` of prepared CSV' many "sqlite3 $work/t.db \".import --csv \$in.sqlite t\""
fi
answer few "$(loaded "$sqlite")"
add '`sql-load`, SQLite' many "sql-load -q -d $sqlite -t t"
add '`sql-load --load-id`, SQLite' many "sql-load -q -d $sqlite -t t --load-id x"
! have python3 || add 'Python, `json` and `sqlite3.executemany`' many "python3 $work/many.py $work/t.db"
report 'into SQLite' records/s

psql=
if pg_start; then
	! have psql || psql="psql -qX -d $PGURI"
	if [ -n "$psql" ]; then
		for n in few many; do
			empty
			sql-load -q -d "$PGURI" -t t "$work/$n"
			$psql -c "\\copy t TO '$work/$n.csv' CSV"
		done
		add '`psql \copy` of prepared CSV' many "$psql -c \"\\\\copy t FROM '\$in.csv' CSV\""
	fi
	answer few "$(loaded "$PGURI")"
	add '`sql-load`, PostgreSQL' many "sql-load -q -d $PGURI -t t"
	add '`sql-load --load-id`, PostgreSQL' many "sql-load -q -d $PGURI -t t --load-id x"
	report 'into PostgreSQL' records/s

	filled=
	before() {	# INPUT
		[ "$filled" != "$1" ] || return 0
		empty
		sql-load -q -d "$PGURI" -t t "$1"
		sql-query -q -d "$PGURI" 'VACUUM ANALYZE t'
		filled=$1
	}
	answer few "node $work/rows.js"
	[ -z "$psql" ] || add '`psql --csv`' many "$psql --csv -c 'SELECT * FROM t'" "node $work/rows.js csv"
	add '`sql-query`, PostgreSQL' many "sql-query -d $PGURI 'SELECT * FROM t'"
	report 'out of PostgreSQL' records/s
else
	missing="$missing PostgreSQL"
fi
report_missing
