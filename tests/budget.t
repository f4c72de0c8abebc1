#!/bin/sh
# Instructions for each MB that the hot filters read, as valgrind counts them, against tests/budget: no more than 5 % over.
#
#   B=build sh tests/budget.t --update    put what is counted now into tests/budget
#
# What a run on nothing takes is subtracted, so start-up does not count.  The figures depend on the compiler and on what the CPU can do (valgrind
# has AVX2 at most); where none are known for these, there is nothing to compare with.
# shellcheck disable=SC2016	# $in is for eval
update=${1:-}
. "${0%/*}/lib.sh"

table=$top/tests/budget
[ -z "$SAN" ] || skip_all 'sanitizers have instructions of their own'
command -v valgrind >/dev/null || skip_all 'valgrind is not installed'
command -v readelf >/dev/null || skip_all 'readelf is not installed'
compiler=$(readelf --debug-dump=info --dwarf-depth=1 "$B/dedup" 2>/dev/null | sed -n '/DW_AT_producer.* -O2 /s/.*: GNU C11 \([0-9]*\)\..*/gcc-\1/p' | head -n 1)
[ -n "$compiler" ] || skip_all 'not built by gcc -O2 -g, as what the figures are for'
cpu=$(uname -m)
! grep -qsw avx2 /proc/cpuinfo || cpu=$cpu-avx2
key="$compiler $cpu"
[ -n "$update" ] || grep -q " $key\$" "$table" || skip_all "tests/budget has no figures for $key"

for kind in runs logs records; do "$B/gen" $kind 4M >$kind; done
cc-count --jobs 1 logs >counted
: >empty
day=2026-10-01
for data in records empty; do	# an archived day, and a session's live file
	mkdir -p $data.tree/by_date
	cp $data $data.tree/by_date/${day}_all_interactions.json
	rec-rotate -q --dir $data.tree --max-size 1K --session-days 1000000 >/dev/null
	mkdir -p $data.tree/by_session/session_1
	cp $data $data.tree/by_session/session_1/$day.json
done
BOTRUN_LOG_AES_KEY=$(printf '%032d' 0 | base64)
export BOTRUN_LOG_AES_KEY
seal -f action_details --aad '' --jobs 1 logs >sealed

instructions() {	# COMMAND, which is given $in
	eval "valgrind --tool=callgrind --callgrind-out-file=/dev/null $1" <"$in" 2>log >/dev/null || { cat log >&2; return 1; }
	sed -n 's/,//g; s/.* refs: *//p' log
}
# budget DATA COMMAND: a line of the table
budget() {
	in=empty; without=$(instructions "$2")
	in=$1; with=$(instructions "$2")
	name=$(printf '%s' "$2" | sed 's/ --jobs 1//; s/ *--dir [^ ]*//')
	got=$(((${with:-0} - ${without:-0}) * 1000 / ($(stat -c %s "$1") / 1000)))
	line="$got $1 | $name | $key"
	echo "$line" >>new
	[ -z "$update" ] || return 0
	want=$(awk -F ' [|] ' -v n="$name" -v k="$key" -v d="$1" '$2 == n && $3 == k && $1 ~ " " d "$" { print $1 + 0 }' "$table")
	ok "$name, $1: at most ${want:=0} and 5 %" test "$got" -gt 0 -a $((got * 100)) -le $((want * 105))
	case $((got * 100 > want * 105 ? 1 : got * 100 < want * 90 ? -1 : 0)) in
	1) echo "# $got; if that is worth it, the line in tests/budget: $line" ;;
	-1) echo "# only $got; put this line into tests/budget: $line" ;;
	esac
}

budget runs 'dedup -k id --jobs 1'
budget runs 'dedup -k trace_id -k id --jobs 1'
budget runs 'msg-extract --jobs 1'
budget logs 'cc-count --jobs 1'
budget logs 'cc-count --rule botrun --jobs 1'
budget counted 'cc-sum --jobs 1'
budget logs 'log-check --jobs 1'
budget logs 'seal -f action_details --aad "" --jobs 1'
budget sealed 'seal -d -f action_details --aad "" --jobs 1'
budget records 'rec-cat --stages --jobs 1 --dir $in.tree'
budget records 'rec-cat --jobs 1 --dir $in.tree'
budget records 'rec-cat --session 1 --jobs 1 --dir $in.tree'
budget records 'rec-stat --jobs 1 --dir $in.tree'

if [ -n "$update" ]; then
	{ sed '/^[^#]/d' "$table"; grep '^[0-9]' "$table" | grep -v " $key\$"; cat new; } 2>/dev/null >"$T/table"
	cp "$T/table" "$table"
	exit
fi
done_testing
