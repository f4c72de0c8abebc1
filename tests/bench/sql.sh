#!/bin/bash
# sql.sh - compare sql-load with psql's \copy of prepared CSV and with Python's sqlite3.executemany, in one run;
# prints Markdown.
#
#   B=build ROWS=500000 ROUNDS=3 tests/bench/sql.sh
#
# The server is a real one in a temporary directory, with fsync on, over a unix socket; the SQLite files are on the same disk.
# Each command starts with an empty table.  psql reads CSV that was made before and checks no JSON; the times are for equally many rows.
# shellcheck disable=SC2016,SC2154	# $work is set in lib.sh
set -euo pipefail
B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
. ./lib.sh
# shellcheck disable=SC2034	# for postgres.sh
T=$work PG_FSYNC=on
tap_end() { rm -rf "$work"; }
. ../postgres.sh
ROWS=${ROWS:-500000}

awk -v n="$ROWS" 'BEGIN { for (i = 1; i <= n; i++) printf "{\"timestamp\":\"2026-06-%02dT%02d:00:00Z\",\"user_department\":\"d%d\",\"user_name\":\"user_%d\",\"session_id\":\"s%d\",\"action_details\":\"text number %d, 中文\",\"ch_characters\":%d,\"en_characters\":%d}\n", i % 28 + 1, i % 24, i % 9, i % 999, i, i, i % 50, i % 500 }' >"$work/rows"
columns='"timestamp" timestamptz, user_department text, user_name text, session_id text, action_details text, ch_characters bigint, en_characters bigint'

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

before() {
	rm -f "$work"/t.db*
	sql-query -q -d "sqlite:$work/t.db" "CREATE TABLE t ($columns)"
	[ -z "${PGURI:-}" ] || sql-query -q -d "$PGURI" "DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS llmutils_marks; CREATE TABLE t ($columns)"
}

printf '%s rows; best of %s.\n' "$ROWS" "$ROUNDS"
add '`sql-load`, SQLite' rows "sql-load -q -d sqlite:$work/t.db -t t"
add '`sql-load --load-id`, SQLite' rows "sql-load -q -d sqlite:$work/t.db -t t --load-id x"
! have python3 || add 'Python, `json` and `sqlite3.executemany`' rows "python3 $work/many.py $work/t.db"
report 'into SQLite' records/s

if pg_start && have psql; then
	before
	sql-load -q -d "$PGURI" -t t "$work/rows"
	psql -qX -d "$PGURI" -c "\\copy t TO '$work/csv' CSV"
	add '`psql \copy` of prepared CSV' rows "psql -qX -d '$PGURI' -c '\\copy t FROM $work/csv CSV'"
	add '`sql-load`, PostgreSQL' rows "sql-load -q -d '$PGURI' -t t"
	add '`sql-load --load-id`, PostgreSQL' rows "sql-load -q -d '$PGURI' -t t --load-id x"
	report 'into PostgreSQL' records/s
else
	missing="$missing PostgreSQL"
fi
report_missing
