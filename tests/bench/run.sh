#!/bin/bash
# run.sh - measure the tools beside what people use today, and beside cat and wc, in one run: Markdown on stdout, bench.json and bench.svg in OUT.
#
#   B=build OUT=build/bench SIZE=100M PART=30M SLICE=10M SLIVER=300K PACK=46M ROUNDS=5 MARCH=native tests/bench/run.sh [GROUP...]
#
# Groups: dedup last count count-records sum gzip gunzip write pipes start (default: all, within two minutes on two cores).
#
# Every command of a group first answers the same question about the same small file: one that answers differently ends the run.  Then all read the
# same generated data from the page cache and write to /dev/null, in turn; only ratios of one run mean something.  DuckDB gets the first PART, slow
# tools SLICE, the slowest SLIVER: throughput is what is compared.  The recorder's archive has PACK.  Peers that are missing are named
# and left out: jq, gojq, mlr, mawk, python3, pigz, libdeflate-gzip, C++ with libsimdjson, DuckDB (npm ci in tests/bench/node).
#
# Beside it, to be run by hand: sql.sh (PostgreSQL and SQLite), serve.sh (trace-serve), growth.sh (10, 100, 1000 times the records),
# services.sh (the services' stand-ins and official clients).
# shellcheck disable=SC2016,SC2034,SC2154,SC2317,SC2329	# lib.sh shares its variables, calls before and after; $in is for the commands
set -euo pipefail
B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
. ./lib.sh
SIZE=${SIZE:-100M} PART=${PART:-30M} SLICE=${SLICE:-10M} SLIVER=${SLIVER:-300K} PACK=${PACK:-46M}
have node || die 'node is not installed: it compares answers and draws'

# ---- data, made when it is first needed ----

data() {	# KIND SIZE, or counted SIZE: log entries with their counts
	[ ! -f "$work/$1-$2" ] || return 0
	case $1 in
	counted) data logs "$2" && cc-count <"$work/logs-$2" ;;
	*) gen "$1" "$2" ;;
	esac >"$work/$1-$2"
}
sizes() {	# KIND
	local size
	for size in "$SIZE" "$PART" "$SLICE" "$SLIVER"; do data "$1" "$size"; done
	big=$1-$SIZE part=$1-$PART slice=$1-$SLICE sliver=$1-$SLIVER
}

# ---- peers ----

anchor=$B/anchor
if have c++ && { [ "$anchor" -nt anchor.cc ] || c++ -O3 -march="${MARCH:-native}" -o "$anchor" anchor.cc -lsimdjson 2>/dev/null; }; then
	simdjson() { add "C++ simdjson ($1)" "$big" "$anchor $2" "${3:-}"; }	# WHAT-IT-LACKS ARGUMENTS [FILTER]
else
	missing="$missing libsimdjson"
	simdjson() { :; }
fi
python=
! have python3 || python=$(python3 -c 'import sys; print(sys.executable)')	# not what may stand before it in PATH, a script perhaps
duckdb=
if node duckdb.js 2>/dev/null; then duckdb='node duckdb.js'; else missing="$missing DuckDB"; fi
limits() {
	add '`wc -l`' "$big" 'wc -l' -
	add '`cat`' "$big" cat -
}

# ---- groups ----

group_dedup() {
	sizes runs
	answer "$sliver" 'node answer.js'
	add '`dedup -k id --jobs 1`' "$big" 'dedup -k id --jobs 1'
	add '`dedup -k id --jobs 2`' "$big" 'dedup -k id --jobs 2'
	simdjson 'validates little' dedup
	! have mawk || add 'mawk, a regex on `"id"` (validates nothing)' "$big" \
	    "mawk 'match(\$0, /\"id\": ?\"[^\"]*\"/) && !seen[substr(\$0, RSTART, RLENGTH)]++'"
	limits
	[ -z "$python" ] || add 'Python, a set' "$slice" "$python peers/dedup.py"
	add 'Node, a Set' "$slice" 'node peers/dedup.js'
	[ -z "$duckdb" ] || add 'DuckDB `DISTINCT ON`, 2 threads' "$part" "$duckdb peers/dedup.sql"
	! have jq || add 'jq `foreach inputs`' "$slice" 'jq -cn -f peers/dedup.jq'
	! have gojq || add 'gojq `foreach inputs`' "$slice" 'gojq -cn -f peers/dedup.jq'
	! have mlr || add 'Miller `head -n 1 -g id`' "$slice" 'mlr --ijsonl --ojsonl head -n 1 -g id'
	report 'dedup by id'
}

# The answers are compared where there is one shape of messages: most peers know no other.
group_last() {
	sizes runs
	node -e 'for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
		const m = JSON.parse(line).inputs?.messages;
		if (Array.isArray(m) && m.every((x) => typeof x.content === "string") && m.some((x) => x.role === "user" || x.type === "human")) console.log(line);
	}' <"$work/$slice" >"$work/one-shape"
	answer one-shape 'node answer.js run_id input'
	add '`msg-extract --jobs 1`' "$big" 'msg-extract --jobs 1'
	add '`msg-extract --jobs 2`' "$big" 'msg-extract --jobs 2'
	simdjson 'one shape, validates little' last
	limits
	[ -z "$duckdb" ] || add 'DuckDB (one shape), 2 threads' "$part" "$duckdb peers/last.sql"
	[ -z "$python" ] || add 'Python (`tests/data/last_user.py`)' "$slice" "$python ../data/last_user.py"
	add 'Node (one shape)' "$slice" 'node peers/last.js'
	! have jq || add 'jq (one shape)' "$slice" 'jq -c -f peers/last.jq'
	! have gojq || add 'gojq (one shape)' "$slice" 'gojq -c -f peers/last.jq'
	! have mlr || add 'Miller (one shape)' "$slice" 'mlr --ijsonl --ojsonl put -f peers/last.mlr'
	report 'last user message'
}

count() {	# KIND FIELD
	sizes "$1"
	answer "$sliver" "node answer.js $2 ch_characters en_characters total_characters"
	add '`cc-count --jobs 1`' "$big" "cc-count -f $2 --jobs 1"
	add '`cc-count --jobs 2`' "$big" "cc-count -f $2 --jobs 2"
	simdjson 'validates little' "count $2"
	limits
	[ -z "$duckdb" ] || add 'DuckDB `\p{Han}`, 2 threads' "$part" "$duckdb peers/count.sql $2"
	add 'Node `\p{Script=Han}`' "$slice" "node peers/count.js $2"
	[ -z "$python" ] || add 'Python `re`' "$slice" "$python peers/count.py $2"
	! have mlr || add 'Miller `gsub`' "$sliver" "mlr --ijsonl --ojsonl put -s field=$2 -f peers/count.mlr"
	! have gojq || add 'gojq `scan`' "$sliver" "gojq -c --arg field $2 -f peers/count.jq"
	! have jq || add 'jq `scan`' "$sliver" "jq -c --arg field $2 -f peers/count.jq"
	report "count characters, $3"
}
group_count() { count logs action_details 'log entries'; }
group_count-records() { count records prompt 'interactions'; }

group_sum() {
	local of=ch_characters,en_characters,total_characters
	sizes counted
	answer "$sliver" "node answer.js date department user_name ${of//,/ }"
	add '`cc-sum --jobs 1`' "$big" 'cc-sum --jobs 1'
	add '`cc-sum --jobs 2`' "$big" 'cc-sum --jobs 2'
	# It knows no zones, and has a way of its own to print groups: held against cc-sum in UTC.
	simdjson 'validates little, days of UTC' usage 'paste -d "\t" - - - - |
	    awk -F "\t" "{ gsub(/ /, \",\", \$4); printf \"[\\\"%s\\\",\\\"%s\\\",\\\"%s\\\",%s]\\n\", \$1, \$2, \$3, \$4 }" | sort |
	    cmp - <(cc-sum --tz UTC <"$in" | node answer.js date department user_name '"${of//,/ }"' | sort) && cat "$work/.answer.0"'
	limits
	[ -z "$duckdb" ] || add 'DuckDB, 2 threads' "$part" "$duckdb peers/sum.sql"
	add 'Node, a Map' "$slice" 'node peers/sum.js'
	[ -z "$python" ] || add 'Python, a dict' "$slice" "$python peers/sum.py"
	! have mlr || add 'Miller `stats1`' "$slice" "mlr --ijsonl --ojsonl put -f peers/sum.mlr then stats1 -a sum -f $of \
	    -g date,user_department,user_name then rename -r '^(.*)_sum\$,\1' then rename user_department,department"
	! have gojq || add 'gojq `group_by`' "$slice" 'gojq -sc -f peers/sum.jq'
	! have jq || add 'jq `group_by`' "$slice" 'jq -sc -f peers/sum.jq'
	report 'sum by day, department and user'
}

# ---- the recorder's tree, in $in.tree; tools that change it get hard links in $in.out ----

tree() {	# SIZE
	data records "$1"
	[ ! -d "$work/records-$1.tree" ] || return 0
	mkdir -p "$work/records-$1.tree/by_date"
	awk -v dir="$work/records-$1.tree/by_date/" 'match($0, /"timestamp":"/) {
		print >(dir substr($0, RSTART + 13, 10) "_all_interactions.json")
	}' "$work/records-$1"
	sync -f "$work"
}
copy_tree() {	# INPUT
	rm -rf "$1.out"
	cp -al "$1.tree" "$1.out"
	sync -f "$work"
}
lines='cat >/dev/null; find $in.out -name "*.gz" -exec zcat {} + | sort'
rotate='rec-rotate -q --dir $in.out --max-size 1 --session-days 1000000'
packed="records-$PACK"

group_gzip() {
	tree "$PACK"
	tree "$SLIVER"
	before() { copy_tree "$1"; }
	after() {
		extra[$1]=$(find "$2.out" -name '*.gz' -printf '%s\n' |
		    awk -v all="$(stat -c %s "$2")" '{ n += $1 } END { printf "%.2f", 100 * n / all }')
	}
	answer "records-$SLIVER" "$lines"
	add '`rec-rotate --jobs 2` (verified and synced)' "$packed" "$rotate --jobs 2"
	add '`rec-rotate --jobs 1`' "$packed" "$rotate --jobs 1"
	! have libdeflate-gzip || add '`libdeflate-gzip -6`, two processes' "$packed" \
	    'find $in.out/by_date -type f -print0 | xargs -0 -n 1 -P 2 libdeflate-gzip -f -6'
	! have pigz || add '`pigz -p 2 -6`' "$packed" 'pigz -f -p 2 -6 $in.out/by_date/*'
	add '`gzip -6`' "$packed" 'gzip -f -6 $in.out/by_date/*'
	report 'rotate and compress' GB/s 'size, %'
	before() { :; }
	after() { :; }
}

group_gunzip() {
	local size
	for size in "$PACK" "$SLIVER"; do
		tree "$size"
		copy_tree "$work/records-$size"
		in=$work/records-$size sh -c "$rotate" >/dev/null
	done
	answer "records-$SLIVER" 'node answer.js'
	add '`rec-cat --stages --jobs 2`' "$packed" 'rec-cat --dir $in.out --stages --jobs 2'
	add '`rec-cat --stages --jobs 1`' "$packed" 'rec-cat --dir $in.out --stages --jobs 1'
	add '`rec-cat --jobs 2`, folded' "$packed" 'rec-cat --dir $in.out --jobs 2'
	! have libdeflate-gunzip || add '`libdeflate-gunzip`, two processes' "$packed" \
	    'find $in.out/archive -name "*.gz" -print0 | xargs -0 -n 1 -P 2 libdeflate-gunzip -c'
	! have pigz || add '`pigz -dc`' "$packed" 'pigz -dc $in.out/archive/*.gz'
	add '`zcat`' "$packed" 'zcat $in.out/archive/*.gz'
	! have jq || add '`zcat \| jq -c .`' "$packed" 'zcat $in.out/archive/*.gz | jq -c .'
	add '`rec-stat --jobs 2`' "$packed" 'rec-stat --dir $in.out --jobs 2' -
	report 'read a gzip archive'
}

# What is written depends on the disk below TMPDIR.
group_write() {
	data records "$SLICE"
	data records "$SLIVER"
	before() {
		rm -rf "$1.out"
		mkdir "$1.out"
		sync -f "$work"
	}
	answer "records-$SLIVER" 'cat >/dev/null; cat $in.out/by_date/* | node answer.js'
	add '`rec-write --fsync flush` (default)' "records-$SLICE" 'rec-write --dir $in.out'
	add '`rec-write --fsync never`' "records-$SLICE" 'rec-write --dir $in.out --fsync never'
	add '`rec-write --fsync always`' "records-$SLIVER" 'rec-write --dir $in.out --fsync always'
	[ -z "$python" ] || add 'Python, the same tree, no fsync' "records-$SLICE" "$python peers/record.py \$in.out"
	add '`tee -a` (one file, no tree)' "records-$SLICE" 'tee -a $in.out/all' -
	report "record interactions, on $(stat -f -c %T "$work")" records/s
	before() { :; }
}

group_pipes() {
	local tool
	data runs "$SIZE"
	data counted "$SIZE"
	add '`cat \| cat \| cat`' "runs-$SIZE" 'cat | cat | cat' -
	for tool in 'dedup -k id' msg-extract; do add "\`cat \\| $tool \\| cat\`" "runs-$SIZE" "cat | $tool | cat"; done
	for tool in cc-count cc-sum; do add "\`cat \\| $tool \\| cat\`" "counted-$SIZE" "cat | $tool | cat"; done
	report 'through pipes'
}

group_start() {
	local tool ROUNDS=$((ROUNDS * 8))
	printf '%s\n' '{"id":"1","action_details":"x","n":1,"inputs":{"messages":[{"role":"user","content":"x"}]}}' >"$work/one"
	add '`/bin/true`' one /bin/true -
	add '`dedup -k id`, one record' one 'dedup -k id'
	add '`msg-extract`, one record' one msg-extract
	add '`cc-count`, one record' one cc-count
	add '`cc-sum --by id --sum n`, one record' one 'cc-sum --by id --sum n'
	for tool in ../../cmd/*; do	# all of them
		tool=${tool##*/}
		[ ! -x "$B/${tool%.c}" ] || add "\`${tool%.c} --version\`" one "${tool%.c} --version"
	done
	! have jq || add '`jq .`, one record' one 'jq .'
	! have gojq || add '`gojq .`, one record' one 'gojq .'
	! have mlr || add '`mlr --json cat`, one record' one 'mlr --json cat'
	[ -z "$python" ] || add '`python3 -c "import json"`' one "$python -c 'import json'"
	add '`node -e 0`' one 'node -e 0'
	report 'start to finish' ms
}

[ $# -gt 0 ] || set -- dedup last count count-records sum gzip gunzip write pipes start
for group; do
	declare -F "group_$group" >/dev/null || die "no group $group"
done
printf 'Data: %s; %s for DuckDB, %s for slow tools, %s for the slowest; medians of %s rounds.\n' "$SIZE" "$PART" "$SLICE" "$SLIVER" "$ROUNDS"
for group; do "group_$group"; done
report_missing
node report.js --chart "$OUT/bench.json" >"$OUT/bench.svg"
printf '\nAs JSON and as a chart: %s %s\n' "$OUT/bench.json" "$OUT/bench.svg"
