#!/bin/bash
# etl.sh - cc-count and cc-sum beside C++ simdjson, DuckDB and Miller, in one run; prints Markdown.  Slower peers are in run.sh, loading
# in sql.sh.
#
#   B=build SIZE=500M SLICE=20M ROUNDS=3 MARCH=native DUCKDB=DIR tests/bench/etl.sh
#
# DUCKDB is where "npm install @duckdb/node-api" was run, where there is no duckdb command.  Every command reads the same generated log
# entries, or records, from the page cache and writes to /dev/null; Miller, and DuckDB's counts, take the first SLICE.
# shellcheck disable=SC2016,SC2154	# $work is set in lib.sh
set -euo pipefail
B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
. ./lib.sh
SIZE=${SIZE:-500M} SLICE=${SLICE:-20M}

c++ -O3 -march="${MARCH:-native}" -o "$work/anchor" anchor.cc -lsimdjson 2>/dev/null || missing="$missing libsimdjson"
duckdb=
if [ -n "${DUCKDB:-}" ]; then
	duckdb="env DUCKDB=$DUCKDB node $PWD/duckdb.js"
elif have duckdb; then
	duckdb="duckdb -json -c 'SET threads = 2' -f"
fi

# cc-count beside its peers, on FILE, whose FIELD is counted.
counts() {	# FILE FIELD
	cat >"$work/$1.sql" <<-SQL
		SELECT *, len(regexp_extract_all($2, '\p{Han}')) AS ch_characters, len(regexp_extract_all($2, '[A-Za-z]')) AS en_characters,
		    length($2) AS total_characters FROM read_json('/dev/stdin', format = 'newline_delimited')
	SQL
	add '`cc-count --jobs 1`' "$1" "cc-count -f $2 --jobs 1"
	add '`cc-count --jobs 2`' "$1" "cc-count -f $2 --jobs 2"
	[ ! -x "$work/anchor" ] || add 'C++ simdjson on demand (validates little)' "$1" "$work/anchor count $2"
	add '`wc -l`' "$1" 'wc -l'
	[ -z "$duckdb" ] || add 'DuckDB, 2 threads' "$1-slice" "$duckdb $work/$1.sql"
	report "count characters of $2, $1"
}

for kind in logs records; do
	"$B/gen" $kind "$SIZE" >"$work/$kind"
	"$B/gen" $kind "$SLICE" >"$work/$kind-slice"
done
printf 'Log entries and records, %s each (%s and %s lines); best of %s.\n' "$SIZE" "$(wc -l <"$work/logs")" "$(wc -l <"$work/records")" "$ROUNDS"
counts logs action_details
counts records prompt

for f in logs logs-slice; do cc-count <"$work/$f" >"$work/counted" && mv "$work/counted" "$work/$f"; done
cat >"$work/usage.sql" <<'SQL'
SELECT strftime(timezone('Asia/Taipei', timestamp::TIMESTAMPTZ), '%Y-%m-%d') AS date, user_department, user_name, sum(ch_characters),
    sum(en_characters), sum(total_characters) FROM read_json('/dev/stdin', format = 'newline_delimited') GROUP BY ALL ORDER BY ALL
SQL
usage_mlr='$d = sec2gmtdate(strptime(sub($timestamp, "\..*Z", "Z"), "%Y-%m-%dT%H:%M:%SZ") + 28800)'
add '`cc-sum --jobs 1`' logs 'cc-sum --jobs 1'
add '`cc-sum --jobs 2`' logs 'cc-sum --jobs 2'
[ ! -x "$work/anchor" ] || add 'C++ simdjson on demand (validates little, days of UTC)' logs "$work/anchor usage"
add '`wc -l`' logs 'wc -l'
[ -z "$duckdb" ] || add 'DuckDB, 2 threads' logs "$duckdb $work/usage.sql"
! have mlr || add 'Miller' logs-slice "mlr --json put '$usage_mlr' then stats1 -a sum -f ch_characters,en_characters,total_characters -g d,user_department,user_name"
report 'sum by day, department and user'
report_missing
