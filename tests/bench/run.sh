#!/bin/bash
# run.sh - compare dedup and msg-extract with what people use today, in one run, then the recorder (recorder.sh);
# prints Markdown.
#
#   B=build SIZE=300M SLICE=30M ROUNDS=3 MARCH=native tests/bench/run.sh
#
# Every command reads the same generated runs from the page cache and writes to /dev/null.  The rounds
# take the commands in turn (every other round backwards) and the best time counts.  Slow tools get the
# first SLICE of the data; throughput is what is compared.  Only ratios of one run mean something.
# shellcheck disable=SC2016,SC2154	# $work is set in lib.sh
set -euo pipefail
B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
. ./lib.sh
SIZE=${SIZE:-300M} SLICE=${SLICE:-30M}

"$B/gen" runs "$SIZE" >"$work/big"
"$B/gen" runs "$SLICE" >"$work/slice"

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

report_missing
rm -rf "$work"
echo
exec ./recorder.sh
