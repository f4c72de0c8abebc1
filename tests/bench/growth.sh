#!/bin/bash
# growth.sh - do time and memory per record stay the same with 10, 100 and 1000 times the records?  Prints Markdown.
#
#   B=build MOST=1000 ONLY=REGEX tests/bench/growth.sh
#
# Times are CPU time (user and system) of the cheapest of several runs, less what the same command takes without any records, for a record.  MOST: the largest factor; 100 needs
# a tenth of the time and disk (5 GB below TMPDIR, /tmp).  ONLY: the rows whose names match.
# shellcheck disable=SC2016	# commands are for a shell of their own
set -euo pipefail
B=$(cd "${B:-$(dirname "$0")/../../build}" && pwd)
cd "$(dirname "$0")"
export LC_ALL=C PATH="$B:$PATH"
MOST=${MOST:-1000} ONLY=${ONLY:-}
work=$(mktemp -d "${TMPDIR:-/tmp}/llmutils-bench.XXXXXX")
standin=
trap '[ -z "$standin" ] || kill $standin 2>/dev/null || :; rm -rf "$work"' EXIT

# ---- what is measured ----

# The first N lines of a stock, or nothing.
take() {	# STOCK N
	rm -f "$work/in"
	if [ "$2" = 0 ]; then : >"$work/in"; else head -n "$2" "$work/$1" >"$work/in"; fi
}

# CPU time of the cheapest run in half a second, in microseconds, and peak memory in KB.
measured() {	# COMMAND BEFORE
	local begin=$EPOCHREALTIME us kb status rounds=0
	cheapest='' peak=0
	until [ $rounds -ge 2 ] && { [ $rounds -ge 9 ] || [ $((${EPOCHREALTIME/[.,]/} - ${begin/[.,]/})) -gt 500000 ]; }; do
		eval "$2"
		read -r _ us kb status <<<"$(measure "$work/in" /dev/null bash -c "cd $work; exec $1")"
		[ "$status" = 0 ] || { echo "growth.sh: status $status: $1" >&2; exit 1; }
		rounds=$((rounds + 1))
		if [ -z "$cheapest" ] || [ "$us" -lt "$cheapest" ]; then cheapest=$us; fi
		if [ "$kb" -gt "$peak" ]; then peak=$kb; fi
	done
}

table() {	# TITLE UNIT
	printf '\n| %s | %s at 1x | ns each, 1x | 10x | 100x | 1000x | last to a hundredth | peak memory, MB, 1x | 10x | 100x | 1000x | bytes each |\n' "$1" "$2"
	printf '|---|---|---|---|---|---|---|---|---|---|---|---|\n'
}

# PREPARE is called with the number of records, also with 0; BEFORE before each run.
grow() {	# NAME BASE LARGEST PREPARE COMMAND [BEFORE]
	local factor start first times='' peaks=''
	if [[ ! $1 =~ $ONLY ]]; then return; fi
	$4 0
	measured "$5" "${6:-}"
	start=$cheapest first=$peak
	for factor in 1 10 100 1000; do
		if [ $factor -gt "$MOST" ] || [ $factor -gt "$3" ]; then times="$times -" peaks="$peaks -"; continue; fi
		$4 $(($2 * factor))
		measured "$5" "${6:-}"
		times="$times $(((cheapest - start) * 1000 / ($2 * factor)))" peaks="$peaks $peak"
	done
	awk -v name="$1" -v base="$2" -v times="$times" -v peaks="$peaks" -v first="$first" 'BEGIN {
		split(times, t, " "); split(peaks, p, " ")
		for (last = 4; last > 1 && t[last] == "-"; last--)
			;
		printf "| %s | %d | %s | %s | %s | %s | %s |", name, base, t[1], t[2], t[3], t[4], (last > 2 && t[last - 2] > 0 ? sprintf("%.2f", t[last] / t[last - 2]) : "-")
		for (i = 1; i <= 4; i++)
			printf p[i] == "-" ? " - |" : " %.1f |", p[i] / 1024
		printf " %.0f |\n", (p[last] - first) * 1024 / (base * 10 ^ (last - 1))
	}'
}

# A stock is made when it is first needed.
stock() {	# NAME COMMAND
	[ -f "$work/$1" ] || eval "$2" >"$work/$1"
}

# ---- filters ----

keys() {	# N: 46 bytes each, all different
	stock keys.$((10000 * MOST)) "awk 'BEGIN { for (i = 0; i < $((10000 * MOST)); i++) printf \"{\\\"id\\\":\\\"%08x-9e1c-4a77-b5f0\\\",\\\"n\\\":1000}\\n\", i * 2654435761 % 4294967296 }'"
	take keys.$((10000 * MOST)) "$1"
}
few_keys() {
	stock few "awk 'BEGIN { for (i = 0; i < $((10000 * MOST)); i++) printf \"{\\\"id\\\":\\\"%08x-9e1c-4a77-b5f0\\\",\\\"n\\\":1000}\\n\", i * 7919 % 1000 }'"
	take few "$1"
}
known_keys() {	# as a file of known keys; the input is empty
	rm -f "$work/few"
	keys "$1"
	mv -f "$work/in" "$work/known"
	: >"$work/in"
}
seen_keys() {
	keys "$1"
	ln -f "$work/in" "$work/known"
}
stored_keys() {
	keys "$1"
	rm -f "$work/store"
	dedup -k id --store "$work/store" <"$work/in" >/dev/null
}
stored_only() {
	stored_keys "$1"
	: >"$work/in"
}
runs() {
	stock runs "{ gen runs $((3400 * MOST))K || :; } | head -n $((400 * MOST))"
	take runs "$1"
}
logs() {
	stock logs "{ gen logs $((1300 * MOST))K || :; } | head -n $((2000 * MOST)) | cc-count"
	take logs "$1"
}
groups() {
	stock groups "awk 'BEGIN { for (i = 0; i < $((1000 * MOST)); i++) printf \"{\\\"user\\\":\\\"user-%d\\\",\\\"n\\\":%d}\\n\", i * 7919 % $((1000 * MOST)), i }'"
	take groups "$1"
}
rows() {
	stock rows "awk 'BEGIN { for (i = 0; i < $((10000 * (MOST < 100 ? MOST : 100))); i++) printf \"{\\\"id\\\":%d,\\\"name\\\":\\\"user %d\\\",\\\"at\\\":\\\"2026-10-01T00:00:00Z\\\",\\\"n\\\":1.5}\\n\", i, i }'"
	take rows "$1"
}

printf 'Base times 1 to %s.\n' "$MOST"
table 'filters' records
grow 'dedup, all keys new' 10000 1000 keys 'dedup -k id'
grow 'dedup, 1,000 keys again and again' 10000 1000 few_keys 'dedup -k id'
grow 'dedup --seen, reading it' 10000 1000 known_keys 'dedup -k id --seen known'
grow 'dedup --seen, all are in it' 10000 1000 seen_keys 'dedup -k id --seen known'
rm -f "$work"/known
grow 'dedup --store, first run' 10000 1000 keys 'dedup -k id --store store' 'rm -f $work/store'
grow 'dedup --store, reading it' 10000 1000 stored_only 'dedup -k id --store store'
grow 'dedup --store, second run' 10000 1000 stored_keys 'dedup -k id --store store'
rm -f "$work"/keys* "$work"/store
grow 'msg-extract' 400 1000 runs 'msg-extract'
rm -f "$work"/runs
grow 'cc-count' 2000 1000 logs 'cc-count -f action_details'
grow 'cc-sum, 400 users a day' 2000 1000 logs 'cc-sum'
rm -f "$work"/logs
grow 'cc-sum, a group for each' 1000 1000 groups 'cc-sum --by user --sum n'
grow 'cc-sum --memory 64M, a group for each' 1000 1000 groups 'cc-sum --by user --sum n --memory 64M'
rm -f "$work"/groups
grow 'sql-load into SQLite' 10000 100 rows 'sql-load -q -d sqlite:db -t t --create --types id=integer,name=text,at=timestamptz,n=real' 'rm -f $work/db*'
grow 'sql-load into SQLite, with a key' 10000 100 rows 'sql-load -q -d sqlite:db -t t --create -k id --types id=integer,name=text,at=timestamptz,n=real' 'rm -f $work/db*'
rm -f "$work"/rows "$work"/db*

# ---- trees of the recorder ----

# A session, a day and ten records for a file; or all of one session.  rec-rotate would make the same of them, but syncs each file.
tree() {	# N [SESSION]
	local tree=$work/tree$archived.${2:-each}.$1
	rm -f "$work/tree" "$work/in"
	: >"$work/in"
	ln -s "$tree" "$work/tree"
	[ ! -d "$tree" ] || return 0
	mkdir -p "$tree/by_date" "$tree/by_session/session_${2:-0}" "$tree/archive"
	if [ $# = 1 ] && [ -z "$archived" ]; then seq -f "$tree/by_session/session_%.0f" "$1" | xargs -r mkdir -p; fi
	awk -v n="$1" -v session="${2:-}" -v archived="$archived" -v tree="$tree" 'BEGIN {
		text = sprintf("%0200d", 0)
		for (i = 0; i < n; i++) {
			s = session == "" ? i : session
			day = sprintf("20%02d-%02d-%02d", i / 336 + 10, i / 28 % 12 + 1, i % 28 + 1)
			stamp = "_20500101T000000." sprintf("%06d", i) "Z.json"
			by_session = tree (archived ? "/archive/session_" s "_" day stamp : "/by_session/session_" s "/" day ".json")
			by_date = tree (archived ? "/archive/" day "_all_interactions" stamp : "/by_date/" day "_all_interactions.json")
			for (k = 0; k < 10; k++) {
				line = sprintf("{\"id\":\"%d-%d\",\"timestamp\":\"%sT10:00:00.%06dZ\",\"session_id\":%d,\"prompt\":\"%s\",\"success\":true}",
				    i, k, day, k, s, text)
				print line >by_session
				print line >by_date
			}
			close(by_session)
			close(by_date)
		}
	}'
	if [ -n "$archived" ] && [ "$1" != 0 ]; then find "$tree/archive" -name '*.json' -print0 | xargs -0 gzip -1; fi
}
one_session() { tree "$1" 7; }

table 'trees of the recorder' 'files by session'
archived=
grow 'rec-cat --session' 100 100 tree 'rec-cat --dir tree --session 7'
grow 'rec-cat --session, of that session are all files' 100 100 one_session 'rec-cat --dir tree --session 7'
grow 'rec-stat' 100 100 tree 'rec-stat --dir tree'
archived=1
grow 'rec-cat --session, archived' 100 100 tree 'rec-cat --dir tree --session 7'
grow 'rec-cat --session, archived, of that session are all files' 100 100 one_session 'rec-cat --dir tree --session 7'
grow 'rec-cat, archived' 100 100 tree 'rec-cat --dir tree'
grow 'rec-cat --latest 10, archived' 100 100 tree 'rec-cat --dir tree --latest 10'
grow 'rec-stat, archived' 100 100 tree 'rec-stat --dir tree'
grow 'rec-stat --health, archived' 100 100 tree 'rec-stat --dir tree --health'
rm -rf "$work"/tree*

# ---- ledgers ----

ledger() {
	stock rows "awk 'BEGIN { for (i = 0; i < $((1000 * MOST)); i++) printf \"{\\\"run_id\\\":\\\"%08x-1c52-4a3b-9e1c-4a77b5f04a77\\\",\\\"record_id\\\":\\\"rec%08x\\\",\\\"timestamp\\\":\\\"2026-10-01T00:00:00.123Z\\\"}\\n\", i, i }'"
	rm -f "$work"/ledger*
	take rows "$1"
	mv "$work/in" "$work/ledger.old"
	cp "$work/ledger.old" "$work/ledger"
	: >"$work/in"
}
ledger_and_rows() {
	ledger "$1"
	cp "$work/ledger.old" "$work/in"
}
ledger_and_row() {
	ledger "$1"
	printf '{"run_id":"new","timestamp":"2026-10-01T00:00:00.123Z","input":"x"}\n' >"$work/in"
}

if command -v node >/dev/null; then
	node ../standin/feishu.js >"$work/standin" & standin=$!
	until grep -q 'listening on' "$work/standin"; do sleep 0.05; done
	FEISHU_ENDPOINT=$(sed -n 's/.*listening on //p' "$work/standin")
	export FEISHU_ENDPOINT FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret FEISHU_BASE_ID=bascnTest FEISHU_TABLE_ID=tblTest
	table 'ledgers' 'rows'
	grow 'bt-push, no input' 1000 1000 ledger 'bt-push --ledger ledger'
	grow 'bt-push, nothing new' 1000 1000 ledger_and_rows 'bt-push --ledger ledger'
	grow 'bt-push, one row is new' 1000 1000 ledger_and_row 'bt-push --ledger ledger' 'cp $work/ledger.old $work/ledger'
	grow 'bt-prune, nothing is old' 1000 1000 ledger 'bt-prune -q --ledger ledger --older-than 50000d'
	grow 'bt-prune --dry-run, all are old' 1000 1000 ledger 'bt-prune -q --ledger ledger --older-than 1s --dry-run'
fi
