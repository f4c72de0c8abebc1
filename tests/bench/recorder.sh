#!/bin/bash
# recorder.sh - compare the recorder's tools with what people use today, in one run; prints Markdown.
#
#   B=build RECORDS=189M WRITTEN=20M SYNCED=2M ROUNDS=3 tests/bench/recorder.sh
#
# The default RECORDS are 16 files of 12.5 MB.  Writing gets the first WRITTEN of them (--fsync always the first SYNCED), jq
# two of the files.  The figures of writing depend on the disk below TMPDIR (/tmp).
# shellcheck disable=SC2016,SC2034,SC2154,SC2317	# lib.sh shares its variables and calls before and after
set -euo pipefail
B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
. ./lib.sh
RECORDS=${RECORDS:-189M} WRITTEN=${WRITTEN:-20M} SYNCED=${SYNCED:-2M}

"$B/gen" records "$RECORDS" >"$work/big"
"$B/gen" records "$WRITTEN" >"$work/written"
"$B/gen" records "$SYNCED" >"$work/synced"
printf 'Interactions, %s (%s records); best of %s, on %s.\n' "$RECORDS" "$(wc -l <"$work/big")" "$ROUNDS" "$(stat -f -c %T "$work")"

# ---- writing: each into an empty tree ----

before() {
	rm -rf "$work/out"
	mkdir "$work/out"
	sync -f "$work"
}
add '`rec-write --fsync flush` (default)' written "rec-write --dir $work/out"
add '`rec-write --fsync never`' written "rec-write --dir $work/out --fsync never"
add '`rec-write --fsync always`' synced "rec-write --dir $work/out --fsync always"
add '`tee -a` (one file, no tree)' written "tee -a $work/out/all"
! have python3 || add 'Python, the same tree, no fsync' written "python3 $PWD/recorder.py $work/out"
report 'record interactions' records/s

# ---- rotating: the same files each time ----

# Hard links, so that the files are on disk already and none is copied.
mkdir -p "$work/master/by_date"
awk -v dir="$work/master/by_date" 'match($0, /"timestamp":"/) { print >(dir "/" substr($0, RSTART + 13, 10) "_all_interactions.json") }' "$work/big"
rotatable() {
	rm -rf "$work/out"
	cp -al "$work/master" "$work/out"
	sync -f "$work"
}
before() { rotatable; }
packed() { find "$work/out" -name '*.gz' -printf '%s\n' | awk '{ n += $1 } END { print n }'; }
after() { extra[$1]=$(packed | awk -v n="$(stat -c %s "$work/big")" '{ printf "%.2f", 100 * $1 / n }'); }
files="$work/out/by_date/*"
rotate="rec-rotate -q --dir $work/out --max-size 1K --session-days 1000000"
add '`rec-rotate --jobs 2` (verified and synced)' big "$rotate --jobs 2"
add '`rec-rotate --jobs 1`' big "$rotate --jobs 1"
! have pigz || add '`pigz -p 2 -6`' big "pigz -f -p 2 -6 $files"
add '`gzip -6`' big "gzip -f -6 $files"
! have libdeflate-gzip || add '`libdeflate-gzip -6`, two processes' big "find $work/out/by_date -type f -print0 | xargs -0 -n 1 -P 2 libdeflate-gzip -f -6"
report 'rotate and compress' GB/s 'size, %'

# ---- reading: an archive ----

rotatable
$rotate >/dev/null
before() { :; }
after() { :; }
archive="$work/out/archive"
set -- "$archive"/*.gz
zcat "$1" "$2" >"$work/two"
add '`rec-cat --stages --jobs 2`' big "rec-cat --dir $work/out --stages --jobs 2"
add '`rec-cat --stages --jobs 1`' big "rec-cat --dir $work/out --stages --jobs 1"
add '`rec-cat --jobs 2`, folded' big "rec-cat --dir $work/out --jobs 2"
add '`rec-stat --jobs 2`' big "rec-stat --dir $work/out --jobs 2"
add '`zcat`' big "zcat $archive/*.gz"
! have libdeflate-gunzip || add '`libdeflate-gunzip`, two processes' big "find $archive -name '*.gz' -print0 | xargs -0 -n 1 -P 2 libdeflate-gunzip -c"
! have jq || add '`zcat \| jq -c .`' two "zcat $1 $2 | jq -c ."
report 'read a gzip archive'
report_missing
