#!/bin/bash
# run.sh - compare dedup and msg-extract with what people use today, in one run; prints Markdown.
#
#   B=build SIZE=300M SLICE=30M ROUNDS=3 MARCH=native tests/bench/run.sh
#
# Every command reads the same generated runs from the page cache and writes to /dev/null.  The rounds
# take the commands in turn (every other round backwards) and the best time counts.  Slow tools get the
# first SLICE of the data; throughput is what is compared.  Only ratios of one run mean something.
# shellcheck disable=SC2016
set -euo pipefail

B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
SIZE=${SIZE:-300M} SLICE=${SLICE:-30M} ROUNDS=${ROUNDS:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/llmutils-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
export LC_ALL=C PATH="$B:$PATH"

"$B/gen" runs "$SIZE" >"$work/big"
"$B/gen" runs "$SLICE" >"$work/slice"
missing=

declare -a names inputs commands
declare -A best peak
add() {	# NAME big|slice COMMAND
	names+=("$1") inputs+=("$2") commands+=("$3")
}
have() { command -v "$1" >/dev/null || { missing="$missing $1"; return 1; }; }

measure() {	# INDEX
	local i=$1 from to ms
	from=$EPOCHREALTIME
	/usr/bin/time -f %M -o "$work/peak" bash -c "exec ${commands[i]}" <"$work/${inputs[i]}" >/dev/null
	to=$EPOCHREALTIME
	ms=$(((${to/[.,]/} - ${from/[.,]/}) / 10))	# hundredths of milliseconds
	if [ -z "${best[$i]:-}" ] || [ "$ms" -lt "${best[$i]}" ]; then best[$i]=$ms; fi
	peak[$i]=$(tail -n 1 "$work/peak")
}

# Rounds, then the table; ratios are to the first command.
report() {	# TITLE
	local i round n=${#names[@]}
	for ((round = 0; round < ROUNDS; round++)); do
		for ((i = 0; i < n; i++)); do
			measure $((round % 2 ? n - 1 - i : i))
		done
	done
	printf '\n| %s | GB/s | time, in units of the first | peak memory, MB |\n|---|---|---|---|\n' "$1"
	for ((i = 0; i < n; i++)); do
		awk -v name="${names[i]}" -v bytes="$(stat -c %s "$work/${inputs[i]}")" -v t="${best[$i]}" -v kb="${peak[$i]}" \
		    -v bytes0="$(stat -c %s "$work/${inputs[0]}")" -v t0="${best[0]}" 'BEGIN {
			printf "| %s | %.3g | %.3g | %.0f |\n", name, bytes / t / 1e4, t / bytes * bytes0 / t0, kb / 1024
		}'
	done
	names=() inputs=() commands=() best=() peak=()
}

anchor=
if have c++ && c++ -O3 -march="${MARCH:-native}" -o "$work/anchor" anchor.cc -lsimdjson 2>/dev/null; then
	anchor=$work/anchor
else
	missing="$missing libsimdjson"
fi

cat >"$work/dedup.py" <<'END'
import json, sys
seen = set()
for line in sys.stdin.buffer:
    key = json.loads(line)["id"]
    if key not in seen:
        seen.add(key)
        sys.stdout.buffer.write(line)
END
seen='foreach inputs as $r ({}; if .seen[$r.id] then .new = false else .seen[$r.id] = true | .new = true end; if .new then $r else empty end)'

printf 'Runs, %s (%s lines); jq, gojq and Python on the first %s. Best of %s.\n' "$SIZE" "$(wc -l <"$work/big")" "$SLICE" "$ROUNDS"
add '`dedup -k id --jobs 1`' big 'dedup -k id --jobs 1'
add '`dedup -k id --jobs 2`' big 'dedup -k id --jobs 2'
[ -z "$anchor" ] || add 'C++ simdjson on demand (validates little)' big "$anchor dedup"
add '`wc -l`' big 'wc -l'
! have mawk || add 'mawk, a regex on `"id"` (validates nothing)' big "mawk 'match(\$0, /\"id\": ?\"[^\"]*\"/) && !seen[substr(\$0, RSTART, RLENGTH)]++'"
! have python3 || add 'Python, a set' slice "python3 $work/dedup.py"
! have jq || add 'jq `foreach inputs`' slice "jq -cn '$seen'"
! have gojq || add 'gojq `foreach inputs`' slice "gojq -cn '$seen'"
report 'dedup by id'

last='{run_id: .id, timestamp: .start_time, input: ([.inputs.messages[]? | select(.role? == "user" or .type? == "human") | .content] | last)}'
add '`msg-extract --jobs 1`' big 'msg-extract --jobs 1'
add '`msg-extract --jobs 2`' big 'msg-extract --jobs 2'
[ -z "$anchor" ] || add 'C++ simdjson on demand (validates little, one shape)' big "$anchor last"
add '`wc -l`' big 'wc -l'
! have python3 || add 'Python (`last_user.py`)' slice "python3 $PWD/../data/last_user.py"
! have jq || add 'jq (one shape)' slice "jq -c '$last'"
! have gojq || add 'gojq (one shape)' slice "gojq -c '$last'"
report 'last user message'

[ -z "$missing" ] || printf '\nNot installed, so left out:%s.\n' "$(tr ' ' '\n' <<<"$missing" | sort -u | tr '\n' ' ' | sed 's/ $//; s/^/ /')"
