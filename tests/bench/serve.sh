#!/bin/bash
# serve.sh - measure trace-serve in one run: durable traces/s against Node with SQLite, lists and searches in a large database,
# what the proxy costs a call, memory; prints Markdown.
#
#   B=build SECONDS_EACH=5 RECORDS=1000000 SOAK=0 tests/bench/serve.sh
#
# Clients, server and disk share the machine.  Databases are made below TMPDIR (/tmp), whose disk decides how fast a commit is.  SOAK: that many
# seconds of 200 traces/s and of questions in between, in which memory is watched.  tests/bench/node needs `npm install` where Node has no node:sqlite.
set -euo pipefail
B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
export LC_ALL=C PATH="$B:$PATH"
SECONDS_EACH=${SECONDS_EACH:-5} RECORDS=${RECORDS:-1000000} SOAK=${SOAK:-0} ROUNDS=${ROUNDS:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/llmutils-bench.XXXXXX")
pids=
trap '[ -z "$pids" ] || kill $pids 2>/dev/null || :; wait; rm -rf "$work"' EXIT

# start LOG COMMAND...: sets pid and port
start() {
	local log=$1 from=$EPOCHREALTIME
	shift
	: >"$log"	# here, not by the child, which may be late
	"$@" >>"$log" 2>&1 & pid=$!
	pids="$pids $pid"
	until port=$(sed -n 's/.*listening on .*[^0-9]\([0-9]*\)$/\1/p' "$log") && [ -n "$port" ]; do
		kill -0 $pid 2>/dev/null || { cat "$log" >&2; return 1; }
		sleep 0.02
	done
	took=$(awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
}
stop() {
	kill "$pid" 2>/dev/null || :
	wait "$pid" 2>/dev/null || :
	pids=${pids/ $pid/}
}
memory() { awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$pid/status"; }

# ---- traces ----

names=('trace-serve' 'Node, a commit for each' 'Node, commits together')
declare -A best
servers() {	# INDEX FILE
	case $1 in
	0) start "$work/log" trace-serve --listen 127.0.0.1:0 --db "$2" ;;
	1) start "$work/log" node node/serve.js "$2" each ;;
	2) start "$work/log" node node/serve.js "$2" together ;;
	esac
}
measure() {	# INDEX BYTES
	local line
	rm -f "$work"/db*
	servers "$1" "$work/db"
	line="$(load "$port" 64 "$SECONDS_EACH" POST /api/trace "$2") $(memory)"
	stop
	if [ -z "${best[$1]:-}" ] || [ "${line%% *}" -gt "${best[$1]%% *}" ]; then best[$1]=$line; fi
}
node=1
servers 1 "$work/try" || { node=; echo 'Node has no SQLite (npm install in tests/bench/node): left out.'; }
[ -z "$node" ] || stop
for bytes in 1024 20480; do
	for ((round = 0; round < ROUNDS; round++)); do
		for i in 0 ${node:+1 2}; do measure "$i" $bytes; done
	done
	printf '\n| 64 connections, traces of %s bytes | durable traces/s | of the first | p50 ms | p99 ms | failed | peak memory, MB |\n|---|---|---|---|---|---|---|\n' $bytes
	for i in 0 ${node:+1 2}; do
		read -r rate p50 p99 _ failed mb <<<"${best[$i]}"
		awk -v n="${names[$i]}" -v r="$rate" -v f="${best[0]%% *}" 'BEGIN { printf "| %s | %d | %.2f |", n, r, r / f }'
		printf ' %s | %s | %s | %s |\n' "$p50" "$p99" "$failed" "$mb"
	done
	best=()
done

# ---- a large database ----

rm -f "$work"/db*
from=$EPOCHREALTIME
fill "$work/db" "$RECORDS" 1000
printf '\n%s records (%s MB) filled in %s s; ' "$RECORDS" "$(($(stat -c %s "$work/db") >> 20))" "$(awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.0f", b - a }')"
start "$work/log" trace-serve --listen 127.0.0.1:0 --db "$work/db"
printf 'it listens %s s after its start.\n\n| one connection | p50 ms | p99 ms | max ms | failed |\n|---|---|---|---|---|\n' "$took"
some=$(node -e "require('http').get('http://127.0.0.1:$port/api/records?size=1', (r) => { let s = ''; r.on('data', (d) => s += d); r.on('end', () => console.log(JSON.parse(s).data.data[0].id)); })")
while read -r name path; do
	read -r _ p50 p99 max failed <<<"$(load "$port" 1 "$SECONDS_EACH" GET "$path")"
	printf '| %s | %s | %s | %s | %s |\n' "${name//_/ }" "$p50" "$p99" "$max" "$failed"
done <<END
sessions,_first_page /api/sessions?size=20
sessions,_last_page /api/sessions?size=20&page=50
a_session_of_500,_50_records /api/sessions/session-7/records?size=50
one_of_half_of_all,_50_records /api/sessions/session-1000/records?size=50
..._without_their_texts /api/sessions/session-1000/records?size=50&brief=1
..._its_last_page /api/sessions/session-1000/records?size=50&page=$((RECORDS / 100))
one_record /api/records/$some
what_is_new,_nothing /api/records?after=$RECORDS&brief=1
newest_errors /api/records?status=error&size=50
search,_a_word_that_is_in_all /api/records?q=question&size=50
search,_one_record /api/records?q=question%20$((RECORDS / 3))%20&size=50
search,_nothing /api/records?q=nowhere-to-be-found&size=50
END
printf '\nPeak memory: %s MB.\n' "$(memory)"

# ---- while all that is there: more traces, and memory over time ----

read -r rate p50 p99 max failed <<<"$(load "$port" 64 "$SECONDS_EACH" POST /api/trace 1024)"
printf '\nMore traces of 1 KB into it: %s/s, p50 %s ms, p99 %s ms.\n' "$rate" "$p50" "$p99"
if [ "$SOAK" != 0 ]; then
	printf '\nMemory under 200 traces/s of 4 KB, with lists and searches in between, MB:'
	for ((i = 0; i < 12; i++)); do
		load "$port" 8 $((SOAK / 12)) GET "/api/records?brief=1&size=50" 0 5 >/dev/null & lists=$!
		load "$port" 2 $((SOAK / 12)) GET "/api/records?q=question&size=50" 0 0.2 >/dev/null & searches=$!
		load "$port" 64 $((SOAK / 12)) POST /api/trace 4096 200 >"$work/soak"
		wait $lists $searches
		printf ' %s' "$(awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$pid/status")"
		[ "$(awk '{ print $5 }' "$work/soak")" = 0 ] || printf ' (failed: %s)' "$(awk '{ print $5 }' "$work/soak")"
	done
	printf ' (after %s s each).\n' $((SOAK / 12))
fi
stop

# ---- the proxy ----

start "$work/up" node node/serve.js upstream
upstream=$pid direct=$port
start "$work/log" trace-serve --listen 127.0.0.1:0 --db "$work/proxy" --proxy "http://127.0.0.1:$direct/v1"
printf '\n| calls, 1 KB there and 1 KB back | calls/s | p50 ms | p99 ms | failed |\n|---|---|---|---|---|\n'
for c in 1 16; do
	for to in "$direct direct" "$port through_the_proxy"; do
		read -r rate p50 p99 max failed <<<"$(load "${to%% *}" $c "$SECONDS_EACH" POST /v1/chat/completions 1024)"
		name=${to#* }
		printf '| %s connections, %s | %s | %s | %s | %s |\n' $c "${name//_/ }" "$rate" "$p50" "$p99" "$failed"
	done
done
stop
pid=$upstream
stop
