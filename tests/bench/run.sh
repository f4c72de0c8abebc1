#!/bin/bash
# run.sh - compare dedup, msg-extract, cc-count and cc-sum with what people use today, in one run, then the recorder (recorder.sh);
# prints Markdown.
#
#   B=build SIZE=300M SLICE=30M SLIVER=3M ROUNDS=3 MARCH=native tests/bench/run.sh
#
# Every command reads the same generated runs (the last two: log entries) from the page cache and writes to /dev/null.  The rounds
# take the commands in turn (every other round backwards) and the best time counts.  Slow tools get the
# first SLICE of the data, the slowest the first SLIVER; throughput is what is compared.  Only ratios of one run mean something.
# shellcheck disable=SC2016,SC2154	# $work is set in lib.sh
set -euo pipefail
B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
. ./lib.sh
SIZE=${SIZE:-300M} SLICE=${SLICE:-30M} SLIVER=${SLIVER:-3M}

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

"$B/gen" logs "$SIZE" >"$work/logs"
"$B/gen" logs "$SLICE" >"$work/logs-slice"
"$B/gen" logs "$SLIVER" >"$work/logs-sliver"
cat >"$work/count.py" <<'END'
import json, re, sys
han = re.compile("[\u2e80-\u2e99\u2e9b-\u2ef3\u2f00-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufad9\U00020000-\U0003347f]")
en = re.compile("[A-Za-z]")
for line in sys.stdin.buffer:
    r = json.loads(line)
    t = r["action_details"]
    r.update(ch_characters=len(han.findall(t)), en_characters=len(en.findall(t)), total_characters=len(t))
    sys.stdout.write(json.dumps(r, ensure_ascii=False) + "\n")
END
cat >"$work/count.js" <<'END'
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
	const r = JSON.parse(line), t = r.action_details;
	r.ch_characters = (t.match(/\p{Script=Han}/gu) || []).length;
	r.en_characters = (t.match(/[A-Za-z]/g) || []).length;
	r.total_characters = [...t].length;
	process.stdout.write(JSON.stringify(r) + '\n');
});
END
count='.action_details as $t | . + {ch_characters: ([$t | scan("\\p{Han}")] | length), en_characters: ([$t | scan("[A-Za-z]")] | length), total_characters: ($t | length)}'
printf '\nLog entries, %s (%s lines); Python and Node on the first %s, jq and gojq on %s.\n' "$SIZE" "$(wc -l <"$work/logs")" "$SLICE" "$SLIVER"
add '`cc-count --jobs 1`' logs 'cc-count --jobs 1'
add '`cc-count --jobs 2`' logs 'cc-count --jobs 2'
add '`cc-count --rule botrun --jobs 1`' logs 'cc-count --rule botrun --jobs 1'
add '`wc -l`' logs 'wc -l'
! have python3 || add 'Python `re`' logs-slice "python3 $work/count.py"
! have node || add 'Node `\p{Script=Han}`' logs-slice "node $work/count.js"
! have jq || add 'jq `scan`' logs-sliver "jq -c '$count'"
! have gojq || add 'gojq `scan`' logs-sliver "gojq -c '$count'"
report 'count characters'

for f in logs logs-slice logs-sliver; do cc-count <"$work/$f" >"$work/counted" && mv "$work/counted" "$work/$f"; done
cat >"$work/usage.py" <<'END'
import collections, datetime, json, sys, zoneinfo
taipei = zoneinfo.ZoneInfo("Asia/Taipei")
groups = collections.defaultdict(lambda: [0, 0, 0])
for line in sys.stdin.buffer:
    r = json.loads(line)
    day = datetime.datetime.fromisoformat(r["timestamp"].replace("Z", "+00:00")).astimezone(taipei).date()
    s = groups[day, r["user_department"], r["user_name"]]
    s[0] += r["ch_characters"]; s[1] += r["en_characters"]; s[2] += r["total_characters"]
for k in sorted(groups):
    print(json.dumps([str(k[0]), *k[1:], *groups[k]], ensure_ascii=False))
END
cat >"$work/usage.sql" <<'END'
SELECT strftime(timezone('Asia/Taipei', timestamp::TIMESTAMPTZ), '%Y-%m-%d') AS date, user_department, user_name, sum(ch_characters),
    sum(en_characters), sum(total_characters) FROM read_json('/dev/stdin', format = 'newline_delimited') GROUP BY ALL ORDER BY ALL
END
usage='map({d: ((.timestamp | .[:19] + "Z" | fromdate) + 28800 | todate | .[:10]), user_department, user_name, ch_characters, en_characters, total_characters}) | group_by(.d, .user_department, .user_name)[] | .[0] + {ch: (map(.ch_characters) | add), en: (map(.en_characters) | add), total: (map(.total_characters) | add)}'
usage_mlr='$d = sec2gmtdate(strptime(sub($timestamp, "\..*Z", "Z"), "%Y-%m-%dT%H:%M:%SZ") + 28800)'
printf '\nThe same with their counts; Python, Miller, jq and gojq on the first %s.\n' "$SLICE"
add '`cc-sum --jobs 1`' logs 'cc-sum --jobs 1'
add '`cc-sum --jobs 2`' logs 'cc-sum --jobs 2'
[ -z "$anchor" ] || add 'C++ simdjson on demand (validates little, days of UTC)' logs "$anchor usage"
add '`wc -l`' logs 'wc -l'
! have duckdb || add 'DuckDB, 2 threads' logs "duckdb -json -c 'SET threads = 2' -f $work/usage.sql"
! have mlr || add 'Miller' logs-slice "mlr --json put '$usage_mlr' then stats1 -a sum -f ch_characters,en_characters,total_characters -g d,user_department,user_name"
! have python3 || add 'Python, a dict' logs-slice "python3 $work/usage.py"
! have jq || add 'jq `group_by`' logs-slice "jq -sc '$usage'"
! have gojq || add 'gojq `group_by`' logs-slice "gojq -sc '$usage'"
report 'sum by day, department and user'

report_missing
rm -rf "$work"
echo
./recorder.sh
echo
exec ./sql.sh
