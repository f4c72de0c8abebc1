#!/bin/sh
# run.sh [FUZZER] - run the fuzzers of the build $B (or that one) for FUZZ_SECONDS each on a copy of its corpus, as many
# at a time as there are CPUs; make fuzz calls it.  0 seconds: the corpus only.  Ends with status 1 if one found something, and says where the input is.
set -eu

cd "$(dirname "$0")"
: "${B:?the build directory}" "${FUZZ_SECONDS:=30}"

if [ $# = 0 ]; then
	find "$B/fuzz" -name 'fuzz_*' -type f -print0 | xargs -0 -n 1 -P "$(nproc 2>/dev/null || echo 2)" ./run.sh
	exit
fi

name=${1##*/fuzz_}
work=$(mktemp -d "${TMPDIR:-/tmp}/llmutils-fuzz.XXXXXX")
mkdir -p "$work/corpus" "$work/found"
[ ! -d "corpus/$name" ] || cp "corpus/$name"/* "$work/corpus"
# Its own words, and the dictionaries that it says it goes with.
# shellcheck disable=SC2046 # names without blanks
(cd dict && cat "$name.dict" $(sed -n 's/^# with //p' "$name.dict")) >"$work/dict"
bound=-max_total_time=$FUZZ_SECONDS
[ "$FUZZ_SECONDS" != 0 ] || bound=-runs=0
if "$1" "$bound" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -dict="$work/dict" \
    -artifact_prefix="$work/found/" "$work/corpus" >"$work/log" 2>&1; then
	printf 'fuzz: %s: %s s, %s\n' "$name" "$FUZZ_SECONDS" "$(sed -n 's/^stat::number_of_executed_units: */inputs: /p' "$work/log")"
	rm -rf "$work"
else
	tail -n 40 "$work/log"
	printf 'fuzz: %s: FAILED; inputs: %s, log: %s\n' "$name" "$(ls -d "$work/found"/* 2>/dev/null || echo none)" "$work/log"
	exit 1
fi
