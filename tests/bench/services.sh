#!/bin/bash
# services.sh - ls-fetch and bt-fetch beside the services' official JavaScript clients, in one run, against the stand-ins, which answer
# each call after 0, 50 and 200 ms; prints Markdown.
#
#   B=build RUNS=2000 RECORDS=10000 LATENCIES='0 50 200' CONSUMER=10000000 ROUNDS=3 tests/bench/services.sh
#
# First both must have fetched the same ids.  Then each fetches in turn, to /dev/null, and to a consumer that reads CONSUMER bytes a
# second, where the next page should come while this one is read.  Best of ROUNDS.  The clients are those of tests/sdk (npm ci there).
set -euo pipefail
B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
export LC_ALL=C PATH="$B:$PATH"
RUNS=${RUNS:-2000} RECORDS=${RECORDS:-10000} LATENCIES=${LATENCIES:-0 50 200} CONSUMER=${CONSUMER:-10000000} ROUNDS=${ROUNDS:-3}
FIELDS=id,trace_id,name,run_type,status,start_time,end_time,error,inputs,inputs_s3_urls	# ls-fetch's own
work=$(mktemp -d "${TMPDIR:-/tmp}/llmutils-bench.XXXXXX")
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || :; rm -rf "$work"' EXIT
if ! [ -d ../sdk/node_modules/langsmith ] || ! [ -d ../sdk/node_modules/@larksuiteoapi ]; then
	echo 'services.sh: the clients are not installed: npm ci in tests/sdk' >&2
	exit 2
fi
for v in $(env | sed -n 's/^\(\(LANGSMITH\|LANGCHAIN\|LS\|FEISHU\|LARK\)_[A-Z_]*\)=.*/\1/p'); do unset "$v"; done
export LANGSMITH_API_KEY=lsv2_pt_test LANGSMITH_PROJECT=my-app LANGSMITH_CONFIG_FILE=/nonexistent
export FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret

start() {	# NAME OPTION...: sets pid and url
	local name=$1
	shift
	: >"$work/log"
	node "../standin/$name.js" "$@" >"$work/log" & pid=$!
	until url=$(sed -n 's/.*listening on //p' "$work/log") && [ -n "$url" ]; do
		kill -0 "$pid" || exit 1
		sleep 0.05
	done
	export LANGSMITH_ENDPOINT=$url FEISHU_ENDPOINT=$url
}
stop() {
	kill "$pid"
	wait "$pid" 2>/dev/null || :
	pid=
}
control() { curl -sS --fail --noproxy '*' -H 'Content-Type: application/json' -d "${2:-}" "$url/_test/$1"; }

client() {	# 0: the tool, 1: the official client; of $service
	case $service$1 in
	langsmith0) ls-fetch --api v1 --since 7d ;;
	langsmith1) node services.js langsmith "$url" "$FIELDS" ;;
	feishu0) bt-fetch bascnTest ;;
	feishu1) node services.js lark "$url" ;;
	esac
}
export -f client
export service url FIELDS
# shellcheck disable=SC2016
names_langsmith=('`ls-fetch`' '`langsmith` (npm)')
# shellcheck disable=SC2016
names_feishu=('`bt-fetch`' '`@larksuiteoapi/node-sdk`')

declare -A wall cpu peak slow requests
least() { awk -v a="${1:-}" -v b="$2" 'BEGIN { print a == "" || b < a ? b : a }'; }
measure() {	# 0 or 1
	local i=$1 e u s m
	control log >/dev/null
	/usr/bin/time -f '%e %U %S %M' -o "$work/time" bash -c "client $i" >/dev/null
	read -r e u s m <"$work/time"
	wall[$i]=$(least "${wall[$i]:-}" "$e")
	cpu[$i]=$(least "${cpu[$i]:-}" "$(awk -v u="$u" -v s="$s" 'BEGIN { print u + s }')")
	peak[$i]=$m
	requests[$i]=$(curl -sS --noproxy '*' "$url/_test/log" | node -e 'console.log(JSON.parse(require("fs").readFileSync(0)).length)')
	/usr/bin/time -f %e -o "$work/time" bash -c "client $i | node services.js slow $CONSUMER"
	slow[$i]=$(least "${slow[$i]:-}" "$(cat "$work/time")")
}

same_ids() {	# MEMBER
	local i
	for i in 0 1; do
		client $i | node -e 'require("readline").createInterface({input: process.stdin}).on("line", (l) => console.log(JSON.parse(l)[process.argv[1]]))' "$1" |
		    sort >"$work/ids$i"
	done
	cmp -s "$work/ids0" "$work/ids1" || { echo "services.sh: $service: not the same ids" >&2; exit 1; }
	n=$(wc -l <"$work/ids0")
}

rows() {	# LATENCY NAME NAME
	local i round
	wall=() cpu=() peak=() slow=() requests=()
	for ((round = 0; round < ROUNDS; round++)); do
		for i in 0 1; do measure $((round % 2 ? 1 - i : i)); done
	done
	for i in 0 1; do
		awk -v latency="$1" -v name="$([ $i = 0 ] && echo "$2" || echo "$3")" -v n="$n" -v wall="${wall[$i]}" -v wall0="${wall[0]}" -v cpu="${cpu[$i]}" \
		    -v kb="${peak[$i]}" -v slow="${slow[$i]}" -v requests="${requests[$i]}" 'BEGIN {
			printf "| %s | %s | %.2f | %.2f | %d | %.1f | %.0f | %.3f | %.0f | %.2f |\n", latency, name, wall, wall / wall0, requests,
			    requests / wall, n / wall, cpu / n * 1000, kb / 1024, slow
		}'
	done
}
head() {	# TITLE
	printf '\n%s\n\n| latency, ms | client | wall, s | of the tool | requests | requests/s | rows/s | CPU s per 1,000 rows | peak memory, MB | wall with a consumer of %s MB/s |\n' \
	    "$1" "$((CONSUMER / 1000000))"
	printf '|---|---|---|---|---|---|---|---|---|---|\n'
}

for service in langsmith feishu; do
	for latency in $LATENCIES; do
		if [ $service = langsmith ]; then
			start langsmith --gzip off --synthetic "$RUNS" --synthetic-days 6 --latency "$latency"
			same_ids id
			[ "$latency" != "${LATENCIES%% *}" ] || head "$n runs of 10 KB, 100 a request.  The target: at most 0.05 s of CPU per 1,000 runs, which is 5 % of a core at 1,000 runs/s."
			rows "$latency" "${names_langsmith[@]}"
		else
			start feishu --latency "$latency"
			control fill "{\"table\":\"tblTest\",\"count\":$RECORDS,\"cells\":{\"run_id\":\"run-{i}\",\"timestamp\":{\"from\":1795168800000,\"step\":1000},\"input\":\"$(printf '%01000d' 0)\"}}" >/dev/null
			same_ids record_id
			[ "$latency" != "${LATENCIES%% *}" ] || head "$n records of 1 KB, 500 a request.  The service takes 20 requests a second; bt-fetch sends no more."
			rows "$latency" "${names_feishu[@]}"
		fi
		stop
	done
done
