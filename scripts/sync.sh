#!/usr/bin/env bash
# sync.sh [-nqv] [--dir DIR] - LangSmith runs into a Feishu Bitable table, exactly once; see llmutils-sync(7).
#
#   --create-fields   create the columns that the table lacks
#   --dir DIR         the working directory (default: the current one)
#   -n, --dry-run     one pass that changes neither the table nor a file
#   -q, --quiet       print nothing unless something is wrong
#   --rebuild         the ledger was lost: make it anew, by writing every row once more into its own record
#   -v, --verbose     show what the tools do
#   -h, --help        show this help
#
# The working directory holds .env (settings and keys, KEY=VALUE lines), state.json (how far LangSmith has been
# read), local_records.ndjson (the ledger: what has been pushed) and rejects.ndjson (lines that could not be taken).
# Delete state and ledger to start afresh.
#
# Exit status: 0 all done, or another sync is at work here; 1 some records were rejected; 2 wrong usage or
# configuration; 3 gave up, run again to resume; 128+N by signal N.
# shellcheck disable=SC2034,SC2154,SC2317	# workflow.sh uses and sets variables; the stages are called by name
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"	# as in: sh sync.sh
set -euo pipefail

workflow=sync
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
quiet='' verbose='' dry_run='' rebuild='' dir=.
fetch_options=() push_options=() keep_rejects=(--rejects rejects.ndjson)
pass=0 receipts_before=0
. "$here/workflow.sh"

parse_options() {
	while (($# > 0)); do
		case $1 in
		--create-fields) push_options+=(--create-fields) ;;
		--dir)
			(($# > 1)) || misuse '--dir: wants a value'
			dir=$2
			shift
			;;
		--dir=*) dir=${1#*=} ;;
		-[hnqv][hnqv]*)
			set -- "${1:0:2}" "-${1:2}" "${@:2}"
			continue
			;;
		-n | --dry-run) dry_run=1 ;;
		--rebuild) rebuild=1 ;;
		-q | --quiet) quiet=1 ;;
		-v | --verbose) verbose=1 ;;
		-h | --help)
			usage
			exit 0
			;;
		*) misuse "unknown option or operand $1" ;;
		esac
		shift
	done
	[[ -z $quiet || -z $verbose ]] || misuse '-q and -v exclude each other'
	[[ -z $rebuild || -z $dry_run ]] || misuse '--rebuild and --dry-run exclude each other'
	[[ -d $dir ]] || misuse "--dir: $dir: no such directory"
}

# ---- settings ----

# A whole number of the environment, or its default.
setting() {
	local v=${!1:-$2}

	[[ $v =~ ^[0-9]{1,9}$ ]] || {
		warn "$1: '$v' is not a whole number"
		return 1
	}
	printf '%d' "$((10#$v))"
}

read_settings() {
	retention=$(setting RETENTION_DAYS 14) || exit 2
	pass_size=$(setting SYNC_PASS 5000) || exit 2
	truncate=$(setting SYNC_TRUNCATE 100000) || exit 2
	((pass_size > 0)) || misuse 'SYNC_PASS: must be at least 1'
	((retention <= 36500)) || misuse 'RETENTION_DAYS: must be at most 36500'
	((truncate == 0)) || push_options+=(--truncate "$truncate")
	[[ -z $dry_run ]] || push_options+=(--dry-run) keep_rejects=()
}

# ---- running the tools ----

# The tools run with -v, for their summaries.  These of their messages they say only with -v ...
is_detail() {
	case $1 in
	*:\ read=* | *:\ GET\ * | *:\ POST\ * | *:\ PUT\ * | *:\ DELETE\ * | *:\ waiting\ [0-4].[0-9]\ s\ \(try\ *) ;;
	*:\ stopped\ at\ --limit\ * | *:\ no\ v2\ query\ API\ here:* | *:\ asking\ for\ less | *\ by\ halves) ;;
	*:\ the\ batch\ of\ an\ interrupted\ run\ was\ refused:*) ;;
	*) return 1 ;;
	esac
}

# ... and these not with -q.  What is in neither list is always shown.
is_note() {
	case $1 in
	*:\ waiting\ *\ s\ \(try\ * | bt-push:\ settled\ * | bt-push:*\ texts\ were\ cut\ * | bt-prune:*\ have\ no\ timestamp\ *) ;;
	ls-fetch:\ run\ *:\ it\ had\ not\ ended,*) ;;
	*) return 1 ;;
	esac
}

stages_prune() {
	"${bin}bt-prune" -v --ledger local_records.ndjson --older-than "${retention}d" ${dry_run:+--dry-run} 2>&3
	printf 'bt-prune %s\n' "$?" >"$tmp/status"
}

stages_rebuild() {
	"${bin}ls-fetch" -v "${fetch_options[@]}" 2>&3 |
		"${bin}msg-extract" -v 2>&3 |
		"${bin}bt-push" -v --upsert --ledger local_records.ndjson.new "${push_options[@]}" 2>&3
	put_statuses ls-fetch msg-extract bt-push "${PIPESTATUS[@]}"
}

stages_pass() {
	"${bin}ls-fetch" -v --state state.json --limit "$pass_size" "${fetch_options[@]}" 2>&3 |
		"${bin}msg-extract" -v "${keep_rejects[@]}" 2>&3 |
		"${bin}dedup" -v -k run_id --seen local_records.ndjson "${keep_rejects[@]}" 2>&3 |
		"${bin}bt-push" -v --ledger local_records.ndjson "${keep_rejects[@]}" "${push_options[@]}" 2>&3
	put_statuses ls-fetch msg-extract dedup bt-push "${PIPESTATUS[@]}"
}

prune() {
	local st=0

	[[ $retention != 0 && -e local_records.ndjson ]] || return 0
	run stages_prune
	[[ -z $caught ]] || return 0
	job_status || st=$?
	worse "$st"
	((st != 2))	# what is wrong for one tool is wrong for the next; a service that failed may work again
}

# The rows of a lost ledger are in the table: each is written once more, and its receipt into a new ledger.
rebuild() {
	local st=0

	[[ -z ${SYNC_SINCE-} ]] || fetch_options=(--since "$SYNC_SINCE")
	rm -f local_records.ndjson.new
	run stages_rebuild
	[[ -z $caught ]] || return 0
	job_status || st=$?
	worse "$st"
	if ((st < 2)) && [[ -e local_records.ndjson.new ]]; then
		sync local_records.ndjson.new 2>/dev/null || :
		mv -f local_records.ndjson.new local_records.ndjson || worse 3
		sync . 2>/dev/null || :
	fi
}

complete() {
	[[ -e state.json ]] && grep -q '"complete": *true' state.json
}

# One bounded pass.  The state moves on only when all four stages have done their work.
one_pass() {
	local st=0

	pass=$((pass + 1))
	rm -f state.json.next
	run stages_pass
	[[ -z $caught ]] || return 1
	job_status || st=$?
	worse "$st"
	((st < 2)) || return 1
	if [[ -n $dry_run ]]; then
		rm -f state.json.next
		return 1
	fi
	if [[ ! -s state.json.next ]]; then
		warn 'ls-fetch wrote no state'
		worse 3
		return 1
	fi
	if ! grep -q '"complete": *true' state.json.next && cmp -s state.json state.json.next; then
		warn 'ls-fetch makes no progress: the state is the same after a pass'
		worse 3
		return 1
	fi
	# Without the flush a power cut could leave an empty name; a state that is too old only repeats work.
	sync state.json.next 2>/dev/null || :
	# As a condition of the caller this function runs without errexit.
	if ! mv -f state.json.next state.json; then
		worse 3
		return 1
	fi
	sync . 2>/dev/null || :
}

sync_passes() {
	if [[ ! -e state.json ]]; then
		[[ -z ${SYNC_SINCE-} ]] || fetch_options=(--since "$SYNC_SINCE")
	elif complete && ((retention > 0)); then
		fetch_options=(--since "${retention}d")	# what is older would be pruned at once
	fi
	one_pass || return 0
	fetch_options=()	# what has been begun is frozen in the state
	until complete; do
		[[ -n $quiet || ! -t 2 ]] || totals "pass $pass: " >&2
		one_pass || return 0
	done
}

# ---- the last line ----

# What has been pushed is told by the ledger, also after a failure.
receipts() {
	if [[ -e local_records.ndjson ]]; then
		grep -c '^{"run_id":"[^"]*","record_id":"' local_records.ndjson || :
	else
		echo 0
	fi
}

# A dry run changes no ledger: what bt-push would have sent is what it wrote.
pushed() {
	if [[ -n $dry_run ]]; then
		total dedup written
	else
		printf '%d' $(($(receipts) - receipts_before))
	fi
}

totals() {
	printf 'sync: %sfetched=%s extracted=%s duplicates=%s pushed=%s pruned=%s rejected=%s seconds=%s\n' "$1" \
		"$(total ls-fetch written)" "$(total msg-extract written)" "$(total '' duplicates)" "$(pushed)" \
		"$(total bt-prune pruned)" "$(total '' rejected)" "$(elapsed)"
}

finish() {
	if [[ -z $quiet || $status != 0 || -n $caught ]]; then
		totals '' >&2 || :
	fi
	[[ -n $dry_run || -s rejects.ndjson ]] || rm -f rejects.ndjson
	leave
}

parse_options "$@"
find_tools ls-fetch msg-extract dedup bt-push bt-prune	# LLMUTILS_BIN may be relative to where we were called
[[ $dir == /* ]] || dir=./$dir
cd -- "$dir" || exit 2
read_env
read_settings

if ! { exec 9>>.sync.lock; } 2>/dev/null; then
	warn "$PWD/.sync.lock: cannot be written"
	exit 3
fi
if ! flock -n 9; then
	note 'another sync is at work in this directory: nothing to do'
	exit 0
fi
begin
: >"$tmp/counts"
if [[ -z $rebuild && -s state.json && ! -e local_records.ndjson ]]; then
	misuse 'local_records.ndjson is missing but state.json is not: run with --rebuild, or remove state.json too to start afresh with an empty table'
fi
receipts_before=$(receipts)
if [[ -n $rebuild ]]; then
	rebuild
elif prune; then
	receipts_before=$(receipts)
	[[ -n $caught ]] || sync_passes
fi
finish
