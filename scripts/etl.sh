#!/usr/bin/env bash
# etl.sh write   [-qv] [--department D] [--again[=NAME]] [--rejects FILE] [--rule R] [--tz Z] [database] <ENTRIES
# etl.sh summary [-qv] [--department D] [--date DAY | --from DAY --to DAY] [--tz Z] [database]
# etl.sh read    [-qv] [--department D] [--date DAY | --from DAY --to DAY] [--tz Z] [database]
# etl.sh report  [-qv] [--department D]... [--date DAY | --from DAY --to DAY] [--svg FILE] [--tz Z] [database]
#     - operation logs into a database, their characters counted, and daily usage out of it; see llmutils-etl(7).
#
#   --again[=NAME]    write: load these entries once more, as the load NAME
#   --bigquery P.D    the database: project and dataset of BigQuery
#   --date DAY        one day, such as 2026-11-20, today or yesterday (the default; of a report, the last 30 days)
#   --db DSN          the database: sqlite:PATH or postgres://...
#   --department D    the department, whose entries are in the table D_logs (default: $BOTRUN_LOG_DEPARTMENT)
#   --from DAY        the first day
#   --location L      write: where BigQuery creates a dataset that is missing (default asia-east1)
#   -q, --quiet       no messages unless something is wrong
#   --rejects FILE    write: append the entries that are rejected to FILE
#   --rule R          write: what is counted as Chinese and English, han or botrun (default han)
#   --svg FILE        report: draw it into FILE, too
#   --to DAY          the last day
#   --tz Z            the zone of the days (default Asia/Taipei); write: of times that have none (default UTC)
#   -v, --verbose     show what the tools do
#   -h, --help        show this help
#
# The database is that of --db or --bigquery, else of LLMUTILS_DB, of BOTRUN_LOG_PROJECT_ID and BOTRUN_LOG_DATASET_NAME, of
# PG_HOST, PG_DATABASE ..., or sqlite:llmutils.db.  Settings may be in a file .env in the current directory (KEY=VALUE lines).
#
# Exit status: 0 all done; 1 done, but some entries were rejected; 2 wrong usage or configuration, nothing was done; 3 gave up,
# run again to resume; 128+N by signal N.
# shellcheck disable=SC2034,SC2154,SC2317	# workflow.sh uses and sets variables; the stages are called by name
# shellcheck disable=SC2094	# a file without a name is opened for writing and reading
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"	# as in: sh etl.sh
set -euo pipefail

workflow=etl
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
quiet='' verbose='' action='' departments=() date='' from='' to='' zone='' dsn='' dataset='' location=''
again='' rejects='' rule='' svg='' engine='' project=''
rows=0 days=() mask=$(umask)	# of the caller; workflow.sh has another
. "$here/workflow.sh"
shopt -u checkwinsize	# COLUMNS is the caller's

# ---- options ----

parse_options() {
	case ${1-} in
	write | summary | read | report)
		action=$1
		shift
		;;
	esac
	while (($# > 0)); do
		case $1 in
		-[hqv]?*)
			set -- "${1:0:2}" "-${1:2}" "${@:2}"
			continue
			;;
		--again) again=$(date -u +%Y%m%dT%H%M%S)-$$ ;;
		--again=?*) again=${1#*=} ;;
		--*=*)
			set -- "${1%%=*}" "${1#*=}" "${@:2}"
			take_value "$@"
			shift
			;;
		-q | --quiet) quiet=1 ;;
		-v | --verbose) verbose=1 ;;
		-h | --help)
			usage
			exit 0
			;;
		--*)
			take_value "$@"
			shift
			;;
		*) misuse "unknown option or operand $1" ;;
		esac
		shift
	done
	check_options
}

take_value() {	# NAME VALUE
	case $1 in
	--bigquery | --date | --db | --department | --from | --location | --rejects | --rule | --svg | --to | --tz) ;;
	*) misuse "unknown option or operand $1" ;;
	esac
	[[ -n ${2-} ]] || misuse "$1: wants a value"
	case $1 in
	--bigquery) dataset=$2 ;;
	--db) dsn=$2 ;;
	--department) departments+=("$2") ;;
	--tz) zone=$2 ;;
	*) declare -g "${1#--}=$2" ;;
	esac
}

# An option that the action has not.
only() {	# OPTION VALUE ACTION...
	[[ -z $2 || " ${*:3} " == *" $action "* ]] || misuse "$1: not an option of $action"
}

check_options() {
	[[ -n $action ]] || misuse 'say what to do: write, summary, read or report'
	[[ -z $quiet || -z $verbose ]] || misuse '-q and -v exclude each other'
	[[ -z $dsn || -z $dataset ]] || misuse '--db and --bigquery exclude each other'
	[[ -z $date || -z $from$to ]] || misuse '--date excludes --from and --to'
	[[ -z $from$to || -n $from && -n $to ]] || misuse '--from and --to go together'
	only --again "$again" write
	only --rejects "$rejects" write
	only --rule "$rule" write
	only --location "$location" write
	only --svg "$svg" report
	only --date "$date" summary read report
	only --from "$from" summary read report
	[[ -z $rule || $rule == han || $rule == botrun ]] || misuse "--rule: '$rule' is neither han nor botrun"
}

# ---- the database ----

# --db or --bigquery, else what the settings name.  The tools have it from the environment, as it may hold a password.
find_database() {
	if [[ -z $dsn$dataset ]]; then
		if [[ -n ${LLMUTILS_DB-} ]]; then
			dsn=$LLMUTILS_DB
		elif [[ -n ${BOTRUN_LOG_PROJECT_ID-} && -n ${BOTRUN_LOG_DATASET_NAME-} ]]; then
			dataset=$BOTRUN_LOG_PROJECT_ID.$BOTRUN_LOG_DATASET_NAME
		elif postgres_settings; then
			dsn=postgres://
		else
			dsn=sqlite:llmutils.db
		fi
	fi
	case $dsn in
	'') use_bigquery ;;
	sqlite:?*) engine=sqlite ;;
	postgres://* | postgresql://*) engine=postgres ;;
	*) misuse 'the database is named as sqlite:PATH or postgres://...' ;;
	esac
	[[ -z $dsn ]] || export "LLMUTILS_DB=$dsn"
}

# PG_HOST or BOTRUN_LOG_PG_HOST and so on become PGHOST; false where none is set.
postgres_settings() {
	local name old found=1

	for name in HOST PORT DATABASE USER PASSWORD; do
		old=PG_$name
		[[ -n ${!old-} ]] || old=BOTRUN_LOG_PG_$name
		if [[ -n ${!old-} ]]; then
			export "PG$name=${!old}"
			found=0
		fi
	done
	return $found
}

use_bigquery() {
	engine=bigquery project=${dataset%.*}
	[[ $dataset =~ ^[a-z][a-z0-9.:-]*\.[A-Za-z0-9_]{1,1024}$ ]] || misuse "--bigquery: '$dataset' is not PROJECT.DATASET"
}

# ---- the department ----

# Whether a text is UTF-8 and wholly of such characters.
consists_of() {	# CLASS TEXT
	printf '%s' "$2" | LC_ALL=C.UTF-8 grep -Pqz "\\A[$1]+\\z" 2>/dev/null
}

check_department() {
	local name

	if [[ ${#departments[@]} == 0 && -n ${BOTRUN_LOG_DEPARTMENT-} && $action != report ]]; then
		departments=("$BOTRUN_LOG_DEPARTMENT")
	fi
	[[ $action == report || ${#departments[@]} == 1 ]] || misuse 'name one department with --department or BOTRUN_LOG_DEPARTMENT'
	for name in ${departments[@]+"${departments[@]}"}; do
		consists_of '\P{Cc}' "$name" || misuse '--department: holds control characters, or is not UTF-8'
		case $engine in
		postgres)
			((${#name} <= 58)) || misuse "--department: $name: ${#name} bytes; a table of PostgreSQL, NAME_logs, leaves 58 for it"
			;;
		bigquery)
			consists_of '\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}' "$name" ||
				misuse "--department: $name: BigQuery's tables have letters, digits, blanks, - and _ in their names only"
			((${#name} <= 1019)) || misuse '--department: longer than a table of BigQuery can be named'
			;;
		esac
	done
	department=${departments[0]-}
}

# ---- SQL ----

# A text with every WORD replaced.  Not by ${x//}, which knows a meaning of &.
replaced() {	# TEXT WORD VALUE
	local rest=$1 out=''

	while [[ $rest == *"$2"* ]]; do
		out+=${rest%%"$2"*}$3
		rest=${rest#*"$2"}
	done
	printf '%s' "$out$rest"
}

# A file of scripts/sql for this database and department, without its comments.  A name stands in quotes, and a quote in it
# twice; a name of BigQuery cannot hold any.
sql_of() {	# FILE
	local text index=${department}_logs_timestamp

	text=$(grep -v '^--' "$data/sql/$1")
	text=$(replaced "$text" DATASET "$dataset")
	# PostgreSQL cuts a name that is too long, and then takes one index for another.
	((${#index} <= 63)) || index=etl_$(printf '%s' "$department" | sha256sum | head -c 32)
	text=$(replaced "$text" DEPARTMENT_logs_timestamp "$(replaced "$index" '"' '""')")
	replaced "$text" DEPARTMENT "$(replaced "$department" '"' '""')"
}

# Run SQL with parameters, rows on standard output.
run_sql() {	# SQL NAME:TYPE=VALUE...
	local sql=$1 params=() p

	shift
	for p; do
		[[ $engine == bigquery ]] || p=${p%%:*}=${p#*=}
		params+=(--param "$p")
	done
	if [[ $engine == bigquery ]]; then
		"${bin}bq-query" "${loud[@]}" --project "$project" "${params[@]}" -f - <<<"$sql"
	else
		"${bin}sql-query" "${loud[@]}" "${params[@]}" -f - <<<"$sql"
	fi
}

# Run a function as a job that writes to FILE ('': standard output); false: it failed, or a signal came.
query() {	# FILE FUNCTION ARG...
	local st=0

	run_job one_stage "$@"
	[[ -z $caught ]] || return 1
	job_status || st=$?
	worse "$st"
	((st == 0))
}

one_stage() {	# FILE FUNCTION ARG...
	local st=0

	if [[ -n $1 ]]; then
		"${@:2}" >"$1" || st=$?
	else
		"${@:2}" || st=$?
	fi
	put_statuses "$engine" "$st"
}

# ---- tables ----

# Prints {"same":1} where the table is there, {"same":0} where only letters' case tells it from one that is: SQLite takes both for one.
look_for_table() {	# NAME
	case $engine in
	sqlite)
		run_sql "SELECT name = :name AS same FROM sqlite_master
			WHERE type IN ('table', 'view') AND name = :name COLLATE NOCASE" "name:STRING=$1"
		;;
	postgres) run_sql 'SELECT 1 AS same WHERE to_regclass(quote_ident(:name)) IS NOT NULL' "name:STRING=$1" ;;
	esac
}

has_table() {	# NAME
	query "$tmp/table" look_for_table "$1" || finish
	[[ $(<"$tmp/table") != *'"same":0'* ]] ||
		refuse "$1: SQLite has a table whose name differs in capital letters only, and takes both for one"
	[[ -s $tmp/table ]]
}

# Two that create it at once: the second waits, and finds it there.
create_in_turn() {	# SQL
	case $engine in
	sqlite) run_sql "BEGIN IMMEDIATE;$1;COMMIT" ;;
	postgres) run_sql "BEGIN;SELECT pg_advisory_xact_lock(7236837);$1;COMMIT" ;;
	esac
}

# Without the entries that were in it a table that was dropped is not made again: sql-load knows whether it has loaded them.
create_log_table() {
	! has_table "${department}_logs" || return 0
	query /dev/null load_nothing || finish
	query /dev/null create_in_turn "$(sql_of "logs.$engine.sql")" || finish
}

load_nothing() {
	"${bin}sql-load" "${loud[@]}" --create --table "${department}_logs" --load-id "$load" </dev/null
}

create_usage_table() {
	local sql

	if [[ $engine == bigquery ]]; then
		query /dev/null bigquery_table "${department}_logs" || finish
		query /dev/null bigquery_usage_table || finish
		return
	fi
	! has_table daily_character_usage || return 0
	sql=$(sed -n '/^CREATE TABLE IF NOT EXISTS daily_character_usage/,/^);/p' "$data/sql/logs.$engine.sql")
	query /dev/null create_in_turn "$sql" || finish
}

# Succeeds where the table is there; costs nothing.
bigquery_table() {	# NAME
	run_sql "SELECT 1 AS one FROM \`$dataset.$1\` LIMIT 0"
}

bigquery_usage_table() {
	bigquery_table daily_character_usage >/dev/null 2>&1 ||
		"${bin}bq-load" "${loud[@]}" --project "$project" --table "$dataset.daily_character_usage" --create \
			--schema "$data/sql/usage.bigquery.json" --cluster department,date </dev/null
}

# To name an SQLite database that is not there would create it.
expect_database() {
	[[ $engine != sqlite || -e ${dsn#sqlite:} ]] || refuse "${dsn#sqlite:}: there is no such database"
}

refuse() {
	warn "$@"
	status=2
	leave
}

# ---- write ----

# What the tools say for their summaries only, and what is not for -q.
is_detail() {
	case $1 in
	*:\ read=* | *:\ GET\ * | *:\ POST\ * | *:\ PUT\ * | bq-load:\ job\ *:\ *\ rows,\ *\ bytes) ;;
	*) return 1 ;;
	esac
}

is_note() {
	case $1 in
	*:\ waiting\ *\ s\ \(try\ * | *:\ trying\ again\ in\ * | *\ rows\ were\ loaded\ *) ;;
	*) return 1 ;;
	esac
}

# The entries have to be read twice: for the name of the load, and to be loaded.  They, and the rows that become of them,
# are kept in files without names, which nobody else can open, and which are gone when this has ended, however it ended.
keep_entries() {
	local reader st=0

	if ! { exec 5>"$tmp/entries" 6<"$tmp/entries" 7<"$tmp/entries" 4>"$tmp/rows" 8<"$tmp/rows"; }; then
		worse 3
		finish
	fi
	rm "$tmp/entries" "$tmp/rows"
	cat <&0 >&5 &
	reader=$!
	wait "$reader" || st=$?
	if [[ -n $caught ]]; then
		kill "$reader" 2>/dev/null || :
		leave
	fi
	exec 5>&-
	if ((st != 0)); then
		worse 3
		finish
	fi
}

# The same entries for the same table are the same load, whenever they come.
name_load() {
	local hash

	hash=$({
		sha256sum <&6 || exit
		printf '%s\n' "$engine" "$dataset" "$department" "$again"
	} | sha256sum) || {
		worse 3
		finish
	}
	load=etl_${hash%% *}
	[[ ! $department =~ ^[A-Za-z0-9_-]{1,100}$ ]] || load=etl_${department}_${hash%% *}
}

# A full disk is no record that was rejected.
pass() {
	cat || return 3
}

stages_prepare() {
	"${bin}log-check" -v --stamp create_timestamp ${zone:+--tz "$zone"} "${keep_rejects[@]}" <&7 2>&3 |
		"${bin}cc-count" -v --field action_details ${rule:+--rule "$rule"} "${keep_rejects[@]}" 2>&3 |
		"${seal[@]}" 2>&3 >&4
	put_statuses log-check cc-count seal "${PIPESTATUS[@]}"
}

# A dataset that is missing is created in Taiwan, where those of botrun-log are; one that is there stays where it is.
stages_load() {
	if [[ $engine == bigquery ]]; then
		[[ -n $location ]] || bigquery_table "${department}_logs" >/dev/null 2>&1 || location=asia-east1
		"${bin}bq-load" -v --project "$project" --table "$dataset.${department}_logs" --job-id "$load" \
			--create --schema "$data/sql/logs.bigquery.json" --partition timestamp --cluster user_name \
			${location:+--location "$location"} "${keep_rejects[@]}" <&8 2>&3
	else
		"${bin}sql-load" -v --table "${department}_logs" --load-id "$load" "${keep_rejects[@]}" <&8 2>&3
	fi
	put_statuses load "$?"
}

# A step of the work; false: no sense in going on.
step() {	# FUNCTION
	local st=0

	run "$1"
	[[ -z $caught ]] || return 1
	job_status || st=$?
	worse "$st"
	((st < 2))
}

write_entries() {
	keep_rejects=(${rejects:+--rejects "$rejects"})
	seal=("${bin}seal" -v --field action_details "${keep_rejects[@]}")
	if [[ -z ${BOTRUN_LOG_AES_KEY-}${BOTRUN_LOG_AES_KEY_FILE-} ]]; then
		note 'no BOTRUN_LOG_AES_KEY is set: action_details are stored readable'
		seal=(pass)
	fi
	: >"$tmp/counts"
	keep_entries
	name_load
	# All is checked, counted and sealed before anything is loaded: a tool that fails must not look like the end of the entries.
	if step stages_prepare; then
		exec 4>&-
		if (($(stat -c %s - <&8) > 0)); then
			[[ $engine == bigquery ]] || create_log_table
			step stages_load || :
		fi
	elif ((status == 2)) && [[ -z $caught ]]; then
		leave
	fi
	[[ -z $again ]] || ((status < 3)) || warn "to go on with this load, run it again with --again=$again"
	finish
}

# ---- days ----

# The zone as date(1) takes it.  It would take one that it does not know for UTC, so log-check is asked first.
find_zone() {
	zone=${zone:-Asia/Taipei}
	"${bin}log-check" -q --tz "$zone" </dev/null 2>"$tmp/zone" || misuse "--tz: $(sed 's/^log-check: //; s/--tz: //; q' "$tmp/zone")"
	if [[ $zone =~ ^([+-])([0-9]{2}):?([0-9]{2})?$ ]]; then
		# POSIX counts what is to be added for UTC.
		[[ ${BASH_REMATCH[1]} == + ]] && zone=- || zone=+
		zone="<local>$zone${BASH_REMATCH[2]}:${BASH_REMATCH[3]:-00}"
	elif [[ $zone == [Zz] ]]; then
		zone=UTC0
	fi
}

# A day as YYYY-MM-DD.
day_of() {	# OPTION TEXT
	local day=$2

	case $day in
	today) day=$today ;;
	yesterday) day=$(date -u -d "$today - 1 day" +%F) ;;
	esac
	[[ $day =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ && $day > 0001-01-01 && $day != 9999* && $(date -u -d "$day" +%F 2>/dev/null) == "$day" ]] ||
		misuse "--$1: '$2' is not a day, such as 2026-11-20, today or yesterday"
	printf '%s' "$day"
}

find_days() {
	local today

	today=$(TZ=$zone date +%F)
	if [[ -n $from ]]; then
		from=$(day_of from "$from") || exit
		to=$(day_of to "$to") || exit
	elif [[ -z $date && $action == report ]]; then
		from=$(date -u -d "$today - 29 days" +%F) to=$today
	else
		from=$(day_of date "${date:-yesterday}") || exit
		to=$from
	fi
	[[ ! $from > $to ]] || misuse "--from: $from is later than $to"
}

# days: all of them, and the one after; starts: the moments when they begin in the zone, as seconds since 1970.
list_days() {
	local first last i begins=() around=()

	first=$(date -u -d "$from" +%s) last=$(date -u -d "$to" +%s)
	mapfile -t days < <(seq -f '@%.0f' "$first" 86400 $((last + 86400)) | date -u -f - +%F)
	mapfile -t starts < <(printf '%s 00:00:00\n' "${days[@]}" | TZ=$zone date -f - +%s 2>/dev/null)
	((${#starts[@]} == ${#days[@]})) || starts=()
	# A day need not have a midnight, or has two.
	mapfile -t begins < <(printf '@%s\n' ${starts[@]+"${starts[@]}"} | TZ=$zone date -f - +%F 2>/dev/null)
	mapfile -t around < <(for i in ${starts[@]+"${starts[@]}"}; do echo "@$((i - 1))"; done | TZ=$zone date -f - +%F)
	for i in "${!days[@]}"; do
		[[ ${begins[i]-} == "${days[i]}" && ${around[i]-} < ${days[i]} ]] || starts[i]=$(start_of_day "${days[i]}")
	done
}

# The first second at which the zone's clocks show this day or a later one.
start_of_day() {
	local middle low high

	low=$(date -u -d "$1" +%s)
	high=$((low + 36 * 3600)) low=$((low - 36 * 3600))
	while ((high - low > 1)); do
		middle=$(((low + high) / 2))
		if [[ $(TZ=$zone date -d "@$middle" +%F) < $1 ]]; then
			low=$middle
		else
			high=$middle
		fi
	done
	printf '%d' "$high"
}

utc() {	# SECONDS
	date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ
}

# ---- summary ----

# One run at a time replaces days of an SQLite database; SQLite's own lock would be given up after seconds.  Where there are
# no locks of this kind, that has to do.
wait_for_turn() {
	[[ $engine == sqlite ]] || return 0
	if { exec 9<"${dsn#sqlite:}"; } 2>/dev/null; then
		query /dev/null take_turn || leave
	fi
}

take_turn() {
	flock 9 2>/dev/null || :
}

summarize() {
	local sql i

	expect_database
	[[ $engine == bigquery ]] || has_table "${department}_logs" || refuse "${department}_logs: there is no such table; write entries first"
	wait_for_turn
	create_usage_table
	sql=$(sql_of "summary.$engine.sql")
	list_days
	for ((i = 0; i + 1 < ${#days[@]}; i++)); do
		summarize_day "$sql" "${days[i]}" "$(utc "${starts[i]}")" "$(utc "${starts[i + 1]}")" || break
		rows=$((rows + $(member rows)))
		done_days=$((done_days + 1))
	done
	((status != 2 || done_days > 0)) || leave
	finish
}

# The number of rows that the day has now is in $tmp/rows.
summarize_day() {	# SQL DAY FROM TO
	local bounds=("date:DATE=$2" "department:STRING=$department" "from:TIMESTAMP=$3" "to:TIMESTAMP=$4") try

	query "$tmp/rows" run_sql "$1" "${bounds[@]}" || return 1
	[[ $engine == bigquery ]] || return 0
	for try in 1 2 3; do
		query "$tmp/rows" run_sql "$(sql_of check.bigquery.sql)" "${bounds[@]:0:2}" || return 1
		[[ $(member doubled) != 0 ]] || return 0
		note "$2: another run was at it, too: once more"
		query /dev/null run_sql "$1" "${bounds[@]}" || return 1
	done
}

# A number of the row in $tmp/rows.
member() {
	[[ $(<"$tmp/rows") =~ \"$1\":([0-9]+) ]] || return 1
	printf '%s' "${BASH_REMATCH[1]}"
}

# ---- read, report ----

read_rows() {
	expect_database
	query '' run_sql "$(sql_of "read.$engine.sql")" "department:STRING=$department" "first:DATE=$from" "last:DATE=$to" || :
	leave
}

report() {
	local sql width

	expect_database
	find_width
	sql=$(sql_of "report.$engine.sql")
	: >"$tmp/usage"
	for department in "${departments[@]:-}"; do
		query "$tmp/part" run_sql "$sql" "department:STRING=$department" "first:DATE=$from" "last:DATE=$to" || leave
		cat "$tmp/part" >>"$tmp/usage"
	done
	sort -u "$tmp/usage" >"$tmp/sorted"
	awk -v from="$from" -v to="$to" -v columns="$width" -f "$here/report.awk" "$tmp/sorted" || worse 3
	[[ -z $svg ]] || draw || worse 3
	leave
}

# Sets width, that of the terminal.
find_width() {
	width=${COLUMNS-}
	[[ -n $width || ! -t 1 ]] || { width=$(stty size <&3 2>/dev/null) || :; } 3>&1
	width=${width##* }
	[[ $width =~ ^[0-9]{1,4}$ ]] || width=100
	width=$((10#$width))
}

# The chart is made beside its place and replaces the old one as a whole.
draw() {
	local new

	if [[ -e $svg && ! -f $svg || $svg == /dev/* ]]; then
		warn "$svg: not a regular file"
		return 1
	fi
	new=$(mktemp "$(dirname -- "$svg")/.${svg##*/}.XXXXXX") || return 1
	if awk -v from="$from" -v to="$to" -v svg=1 -f "$here/report.awk" "$tmp/sorted" >"$new" &&
		chmod "$(printf '%o' $((0666 & ~mask)))" "$new" && sync "$new" && mv -fT -- "$new" "$svg"; then
		sync "$(dirname -- "$svg")" 2>/dev/null || :
		return 0
	fi
	rm -f -- "$new"
	return 1
}

# ---- the last line ----

finish() {
	if [[ -z $quiet || $status != 0 || -n $caught ]]; then
		if [[ $action == write ]]; then
			warn "read=$(total log-check read) loaded=$(($(total sql-load loaded) + $(total bq-load loaded)))" \
				"rejected=$(total '' rejected) seconds=$(elapsed)" || :
		else
			warn "days=$done_days rows=$rows seconds=$(elapsed)" || :
		fi
	fi
	leave
}

parse_options "$@"
find_tools log-check cc-count seal sql-load sql-query bq-load bq-query	# before .env, which names no programs
read_env
find_database
check_department
begin
loud=(-q)
[[ -z $verbose ]] || loud=(-v)
done_days=0
if [[ $action != write ]]; then
	find_zone
	find_days
fi
case $action in
write) write_entries ;;
summary) summarize ;;
read) read_rows ;;
report) report ;;
esac
