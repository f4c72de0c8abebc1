#!/bin/bash
# memory.sh - does memory grow with the input, and how long does a start take?
#
#   B=build SIZE=2G tests/bench/memory.sh
set -euo pipefail

B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
SIZE=${SIZE:-2G}
peak=$(mktemp)
trap 'rm -f "$peak"' EXIT
export LC_ALL=C PATH="$B:$PATH"

for size in 20M "$SIZE"; do
	for tool in 'msg-extract' 'msg-extract --jobs 2' 'dedup -k id'; do
		# shellcheck disable=SC2086
		"$B/gen" runs "$size" | /usr/bin/time -f %M -o "$peak" $tool >/dev/null
		printf '%s, %s: peak %s KB\n' "$tool" "$size" "$(tail -n 1 "$peak")"
	done
done

starts() {	# COMMAND: microseconds a start, the best of five rounds of 100
	local round i from to best=
	for ((round = 0; round < 5; round++)); do
		from=${EPOCHREALTIME/[.,]/}
		for ((i = 0; i < 100; i++)); do
			"$@" <<<'{"id":"1","inputs":{"input":"x"}}' >/dev/null
		done
		to=${EPOCHREALTIME/[.,]/}
		if [ -z "$best" ] || [ $((to - from)) -lt "$best" ]; then best=$((to - from)); fi
	done
	echo $((best / 100))
}
printf 'start: /bin/true %s us, dedup %s us, msg-extract %s us\n' "$(starts /bin/true)" "$(starts dedup -k id)" "$(starts msg-extract)"
