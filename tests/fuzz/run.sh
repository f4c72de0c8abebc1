#!/bin/sh
# run.sh - run every fuzzer of the build $B for FUZZ_SECONDS on a copy of its corpus; make fuzz calls it.
# Ends with status 1 if one found something, and says where the input is.
set -eu

cd "$(dirname "$0")"
: "${B:?the build directory}" "${FUZZ_SECONDS:=30}"
work=$(mktemp -d "${TMPDIR:-/tmp}/llmutils-fuzz.XXXXXX")
found=

for fuzzer in "$B"/fuzz/fuzz_*; do
	[ -x "$fuzzer" ] || continue
	name=${fuzzer##*/fuzz_}
	mkdir -p "$work/$name/corpus" "$work/$name/found"
	[ ! -d "corpus/$name" ] || cp "corpus/$name"/* "$work/$name/corpus"
	printf 'fuzz: %s: %s s\n' "$name" "$FUZZ_SECONDS"
	if "$fuzzer" -max_total_time="$FUZZ_SECONDS" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix="$work/$name/found/" "$work/$name/corpus" >"$work/$name/log" 2>&1; then
		grep 'number_of_executed_units' "$work/$name/log" || true
		rm -rf "${work:?}/$name"
	else
		tail -n 40 "$work/$name/log"
		printf 'fuzz: %s: FAILED; inputs: %s, log: %s\n' "$name" "$(ls -d "$work/$name/found"/* 2>/dev/null || echo none)" "$work/$name/log"
		found="$found $name"
	fi
done
[ -z "$found" ] || exit 1
rm -rf "$work"
