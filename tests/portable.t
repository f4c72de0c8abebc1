#!/bin/sh
# portable.t - the pure filters, built for arm64 (run by qemu) or with musl, write the same bytes as this machine's.
#
# Only with LLMUTILS_FULL=1, since each build takes a while.
full=${LLMUTILS_FULL-}
. "${0%/*}/lib.sh"

[ -n "$full" ] || skip_all 'LLMUTILS_FULL=1 runs it'
[ -z "$SAN" ] || skip_all 'the same in each build'
for t in gen dedup msg-extract cc-count cc-sum log-check; do [ -x "$B/$t" ] || skip_all "$t is not built"; done

"$B/gen" runs 1M >runs
cat "$top/tests/data/runs.ndjson" >>runs
printf '{"id":1,"x":"\377"}\n{"id":2\n\n{"id":"\\u8cc7\\ud83d\\ude00","id":3}\r\n[1]\n{"id":1e400}' >>runs
"$B/gen" logs 1M >logs
cat "$top/tests/data/entries.ndjson" >>logs
printf '{"action_details":"\\u4e2d\\ud840\\udc00\\ud800 a\\"\\\\"}\n' >>logs
cc-count logs >counted

cat >commands <<'END'
dedup -k id runs
dedup -k inputs -k id --last 100 runs
msg-extract runs
msg-extract --all --keep runs
cc-count logs
cc-count --rule botrun logs
log-check logs
cc-sum --tz Asia/Taipei counted
cc-sum --tz Asia/Taipei --memory 64K counted
END
# What the filters of a folder write, their messages and statuses.
try() {	# FOLDER [RUNNER]
	while read -r t options; do
		for jobs in 1 3; do
			echo "== $t $options"
			# shellcheck disable=SC2086
			${2-} "$1/$t" --jobs $jobs $options
			echo "status $?"
		done
	done <commands 2>&1
}
try "$B" >want
ok 'there is something to compare' [ "$(wc -c <want)" -gt 10000000 ]

built() {	# NAME CC [RUNNER]
	if ! command -v "${2%% *}" >/dev/null || ! echo 'int main(void) { return 0; }' | $2 -static -xc -o probe - 2>/dev/null; then
		skip 2 "$1: $2 is not installed, or not for static programs"
		return
	fi
	if [ -n "${3-}" ] && ! command -v "$3" >/dev/null; then
		skip 2 "$1: $3 is not installed"
		return
	fi
	ok "$1: builds without a warning" make -s -j2 -C "$top" pure CC="$2" B="$T/$1" WERROR=-Werror
	try "$T/$1" "${3-}" >have
	ok "$1: writes the same bytes" cmp have want
}
built musl musl-gcc
built arm64 aarch64-linux-gnu-gcc qemu-aarch64-static

done_testing
