#!/usr/bin/env bash
# cache.sh [-fqv] [--config FILE] [--once] [--interval D]
# cache.sh summary [--config FILE] [--format table|json]
#     - keep local copies of Feishu Bitables and spreadsheets; see llmutils-cache(7).
#
#   --config FILE     the sources (default: cache.conf); its folder is the working directory
#   -f, --force       fetch all of them now, fresh or not
#   --format F        of the summary: table, or json (an object a line); default: table on a terminal
#   --interval D      a copy is fetched again when it is so old (default 1h): 90s, 10m, 2h, 1d
#   --once            look once; without it cache.sh goes on until it is stopped
#   -q, --quiet       no messages unless something is wrong
#   -v, --verbose     show what the tools do
#   -h, --help        show this help
#
# A line of FILE is a source:  NAME ADDRESS bitable|sheet COPY [expect=ROWS] [table=T] [sheet=S]
# COPY is replaced in one step, by whole exports only.  Settings may be in a file .env there (KEY=VALUE lines).
#
# Exit status: 0 all done, or another cache.sh is at work on FILE; 1 done, but the rows are not as many as expected (summary:
# a copy is missing, failed or not as expected); 2 wrong usage or configuration; 3 a source failed, its old copy stays; 128+N
# by signal N.
# shellcheck disable=SC2034,SC2154,SC2317	# workflow.sh uses and sets variables; the stages are called by name
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"	# as in: sh cache.sh
set -euo pipefail

workflow=cache
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
quiet='' verbose='' config=cache.conf once='' force='' interval=1h format='' summary=''
. "$here/workflow.sh"

parse_options() {
	if [[ ${1-} == summary ]]; then
		summary=1
		shift
	fi
	while (($# > 0)); do
		case $1 in
		-[fhqv]?*)
			set -- "${1:0:2}" "-${1:2}" "${@:2}"
			continue
			;;
		--config=* | --format=* | --interval=*)
			set -- "${1%%=*}" "${1#*=}" "${@:2}"
			continue
			;;
		--config | --format | --interval)
			[[ -n ${2-} ]] || misuse "$1: wants a value"
			declare -g "${1#--}=$2"
			shift
			;;
		-f | --force) force=1 ;;
		--once) once=1 ;;
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
	[[ -z $summary || -z $once$force ]] || misuse 'summary only looks: --once and --force are for fetching'
	[[ -n $summary || -z $format ]] || misuse '--format: is for the summary'
	case $format in
	'') [[ -t 1 ]] && format=table || format=json ;;
	table | json) ;;
	*) misuse "--format: '$format' is neither table nor json" ;;
	esac
	if [[ ! $interval =~ ^([0-9]{1,6})([smhd])$ ]] || ((10#${BASH_REMATCH[1]} == 0)); then
		misuse "--interval: '$interval' is not a duration such as 90s, 10m, 2h or 1d"
	fi
	interval=$((10#${BASH_REMATCH[1]} * $(unit "${BASH_REMATCH[2]}")))
}

unit() {
	case $1 in
	s) echo 1 ;;
	m) echo 60 ;;
	h) echo 3600 ;;
	d) echo 86400 ;;
	esac
}

# ---- the sources ----

# Of each, in the order of the file; and by name what is known of its last fetch.
names=()
declare -A address kind copy path expect part tried failure

# The blank-separated words of a line, where double quotes keep blanks: words.
split() {
	local rest=$1 word='^[[:blank:]]*(([^[:blank:]"]|"[^"]*")+)(.*)$'

	words=()
	while [[ $rest =~ $word ]]; do
		words+=("${BASH_REMATCH[1]//\"/}")
		rest=${BASH_REMATCH[3]}
	done
	[[ -z ${rest//[[:blank:]]/} ]]
}

take_source() {	# LINE NUMBER
	local where="$sources:$2" name word i real

	split "$1" || misuse "$where: a quote without its end"
	((${#words[@]} > 0)) || return 0
	((${#words[@]} >= 4)) || misuse "$where: not NAME ADDRESS bitable|sheet COPY"
	name=${words[0]}
	real=$(realpath -m -- "${words[3]}") || exit 3
	for i in "${names[@]}"; do
		[[ $i != "$name" ]] || misuse "$where: there is another source $name"
		[[ ${path[$i]} != "$real" ]] || misuse "$where: ${words[3]} is the copy of $i already"
	done
	[[ ${words[2]} == bitable || ${words[2]} == sheet ]] || misuse "$where: '${words[2]}' is neither bitable nor sheet"
	[[ ${words[1]} != -* && ${words[3]} != -* && ${words[3]} != */ ]] || misuse "$where: not NAME ADDRESS bitable|sheet COPY"
	[[ ! $name =~ [[:cntrl:]] ]] || misuse "$where: a name with a control character"
	case $real in
	*.new | "$PWD/.env" | "$PWD/$sources" | "$PWD/.$sources".*) misuse "$where: ${words[3]} cannot be a copy" ;;
	esac
	names+=("$name") path[$name]=$real
	address[$name]=${words[1]} kind[$name]=${words[2]} copy[$name]=${words[3]} expect[$name]='' part[$name]=''
	for word in "${words[@]:4}"; do
		case ${words[2]}:$word in
		*:expect=*)
			[[ ${word#*=} =~ ^[0-9]{1,12}$ ]] || misuse "$where: '$word' is not a number of rows"
			expect[$name]=$((10#${word#*=}))
			;;
		bitable:table=?* | sheet:sheet=?*) part[$name]=${word#*=} ;;
		*) misuse "$where: '$word' is not a setting of a ${words[2]}" ;;
		esac
	done
}

read_config() {
	local line n=0

	while IFS= read -r line || [[ -n $line ]]; do
		n=$((n + 1))
		line=${line#$'\xef\xbb\xbf'}
		line=${line%$'\r'}
		[[ $line =~ ^[[:blank:]]*# ]] || take_source "$line" "$n"
	done <"$1"
	((${#names[@]} > 0)) || misuse "$config: it names no source"
}

# How the last fetches ended: NAME, when, and what was wrong (nothing: all well), with tabs between.
read_status() {
	local name when why

	[[ -r ".$sources.status" ]] || return 0
	while IFS=$'\t' read -r name when why; do
		[[ -n $name && $when =~ ^[0-9]{1,18}$ ]] || continue
		tried[$name]=$when failure[$name]=$why
	done <".$sources.status"
}

write_status() {
	local name

	for name in "${names[@]}"; do
		[[ -z ${tried[$name]-} ]] || printf '%s\t%s\t%s\n' "$name" "${tried[$name]}" "${failure[$name]}"
	done >".$sources.status.new" && mv -f ".$sources.status.new" ".$sources.status"
}

# Seconds since the copy was fetched; nothing: there is none.
age() {
	local at

	[[ -f ${copy[$1]} ]] || return 0
	at=$(stat -L -c %Y -- "${copy[$1]}") || return 0
	echo $((EPOCHSECONDS - at))
}

# A copy of the future is none to rely on.
is_stale() {
	local old

	old=$(age "$1")
	[[ -z $old ]] || ((old < 0 || old >= interval))
}

# ---- fetching ----

# What the tool says is passed on as it comes, and kept for the summary.
stages_fetch() {	# NAME
	local tool=bt-fetch whole=--all-tables one=--table named='[?&]table=' options=()

	if [[ ${kind[$1]} == sheet ]]; then
		tool=sheet-fetch whole=--all-sheets one=--sheet named='[?&]sheet='
	fi
	if [[ ${part[$1]} == '*' ]] || [[ -z ${part[$1]} && ! ${address[$1]} =~ $named ]]; then
		options=("$whole")
	elif [[ -n ${part[$1]} ]]; then
		options=("$one" "${part[$1]}")
	fi
	[[ -z $quiet ]] || options+=(--quiet)
	[[ -z $verbose ]] || options+=(--verbose)
	[[ ! -t 2 || -n $quiet ]] || options+=(--progress=always)
	"$bin$tool" "${options[@]}" "${address[$1]}" 2>&1 >"${copy[$1]}.new" | (
		trap '' INT TERM HUP	# until the tool has ended
		tee -- "$tmp/said" >&2
	)
	put_statuses "$tool" "${PIPESTATUS[0]}"
}

# Replace the copy by what has been fetched.
put_in_place() {	# NAME
	local file=${copy[$1]}

	sync -- "$file.new" 2>/dev/null || :
	mv -fT -- "$file.new" "$file" || return 1
	sync -- "$(dirname -- "$file")" 2>/dev/null || :
}

# What is wrong with a fetch, in a line.
complain() {	# NAME WHY
	failure[$1]=${2##*$'\r'}
	failure[$1]=${failure[$1]#$'\e[K'}	# what the tool wiped its progress away with
	failure[$1]=${failure[$1]//[[:cntrl:]]/ }
	failure[$1]=${failure[$1]:-the tool ended without a word}	# none would mean that all is well
	if [[ -f ${copy[$1]} ]]; then
		warn "$1: not fetched; the copy of $(date -r "${copy[$1]}" '+%F %T') stays"
	else
		warn "$1: not fetched; there is no copy yet"
	fi
	n_failed=$((n_failed + 1))
}

fetch() {	# NAME
	local name=$1 file=${copy[$1]} st=0 why rows

	tried[$name]=$EPOCHSECONDS failure[$name]=''
	: >"$tmp/said"
	if ! mkdir -p -- "$(dirname -- "$file")" || ! : >"$file.new"; then
		complain "$name" "$file.new cannot be written"
		worse 3
		return
	fi
	run_job stages_fetch "$name"
	[[ -z $caught ]] || { rm -f -- "$file.new"; return; }
	job_status || st=$?
	if ((st > 1)) || ! put_in_place "$name"; then
		rm -f -- "$file.new"
		why="$file cannot be replaced"
		((st <= 1)) || why=$(sed -E '/: (read|written)=[0-9]+ /d' "$tmp/said" | tail -n 1)	# but the summary of -v
		complain "$name" "$why"
		((st == 2)) && n_misused=$((n_misused + 1))
		worse 3
		return
	fi
	worse "$st"
	rows=$(wc -l <"$file")
	n_fetched=$((n_fetched + 1)) n_rows=$((n_rows + rows))
	if [[ -n ${expect[$name]} ]] && ((rows != expect[$name])); then
		warn "$name: $rows rows, not ${expect[$name]} as expected"
		worse 1
	fi
}

# Fetch what is to be fetched.
pass() {
	local name

	n_fetched=0 n_failed=0 n_misused=0 n_fresh=0 n_rows=0
	for name in "${names[@]}"; do
		if [[ -n $force ]] || { is_stale "$name" && is_due "$name"; }; then
			fetch "$name"
			[[ -z $caught ]] || break
			write_status || worse 3
		else
			n_fresh=$((n_fresh + 1))
		fi
	done
	force=''
	# Nothing was done, and doing it again would not help.
	((n_misused < ${#names[@]})) || status=2
}

# A service tries a source that failed again after a tenth of the interval.
is_due() {
	[[ -n $once || -z ${failure[$1]-} ]] || ((EPOCHSECONDS - tried[$1] >= retry))
}

tell() {
	if [[ -n $caught || $status != 0 ]] || [[ -z $quiet && $((n_fetched + n_failed)) -gt 0 ]] || [[ -n $verbose ]]; then
		warn "fetched=$n_fetched fresh=$n_fresh failed=$n_failed rows=$n_rows seconds=$(elapsed)" || :
	fi
}

# Until something may be due, or a signal comes.
nap() {
	local name left soonest=$interval old

	for name in "${names[@]}"; do
		if [[ -n ${failure[$name]-} ]]; then
			left=$((tried[$name] + retry - EPOCHSECONDS))
		else
			old=$(age "$name")
			left=$((interval - ${old:-interval}))
		fi
		((left >= soonest)) || soonest=$left
	done
	((soonest > 0)) || soonest=1
	sleep "$soonest" &
	sleeper=$!
	[[ -n $caught ]] || wait $sleeper || :	# a signal that comes now ends it
	kill $sleeper 2>/dev/null || :
	wait $sleeper 2>/dev/null || :
	sleeper=''
}

serve() {
	retry=$((interval / 10 > 0 ? interval / 10 : 1))
	while [[ -z $caught ]]; do
		started=${EPOCHREALTIME/./} status=0
		pass
		tell
		[[ -n $caught ]] || nap
	done
}

# ---- the summary ----

json_string() {
	local s=${1//\\/\\\\}

	s=${s//\"/\\\"}
	printf '"%s"' "${s//[[:cntrl:]]/ }"
}

# "2h 5m"
spell_age() {
	local s=$1

	if ((s < 60)); then
		printf '%ds' "$s"
	elif ((s < 3600)); then
		printf '%dm' $((s / 60))
	elif ((s < 86400)); then
		printf '%dh %dm' $((s / 3600)) $((s % 3600 / 60))
	else
		printf '%dd %dh' $((s / 86400)) $((s % 86400 / 3600))
	fi
}

# How many tables (sheets) the rows are of: that of each stands in front of the row.
count_parts() {
	awk '
		match($0, /^\{("record_id":"[^"]*",)?"_(table|sheet)":"([^"\\]|\\.)*"/) {
			name = substr($0, 1, RLENGTH)
			sub(/^\{("record_id":"[^"]*",)?/, "", name)
			if (!(name in seen)) {
				seen[name] = 1
				n++
			}
		}
		END { print n ? n : (NR ? 1 : 0) }' "$1"
}

state_of() {	# NAME ROWS
	if [[ -n ${failure[$1]-} ]]; then
		echo failed
	elif [[ -z $2 ]]; then
		echo missing
	elif [[ -n ${expect[$1]} ]] && (($2 != expect[$1])); then
		echo unexpected
	elif is_stale "$1"; then
		echo stale
	else
		echo ok
	fi
}

summarise_one() {	# NAME
	local file=${copy[$1]} rows='' tables='' old='' bytes='' state

	if [[ -r $file && -f $file ]]; then
		rows=$(wc -l <"$file") bytes=$(stat -L -c %s -- "$file") old=$(age "$1") tables=$(count_parts "$file")
	fi
	state=$(state_of "$1" "$rows")
	[[ $state == ok || $state == stale ]] || worse 1
	if [[ $format == json ]]; then
		printf '{"name":%s,"kind":"%s","file":%s,"state":"%s","rows":%s,"expected":%s,"tables":%s,"age_seconds":%s,"bytes":%s,"error":%s}\n' \
			"$(json_string "$1")" "${kind[$1]}" "$(json_string "$file")" "$state" "${rows:-null}" "${expect[$1]:-null}" \
			"${tables:-null}" "${old:-null}" "${bytes:-null}" \
			"$([[ -n ${failure[$1]-} ]] && json_string "${failure[$1]}" || echo null)"
	else
		printf '%-24s %10s %7s %9s %10s  %s\n' "$1" "${rows:--}" "${tables:--}" "$([[ -n $old ]] && spell_age "$old" || echo -)" \
			"$([[ -n $bytes ]] && numfmt --to=iec "$bytes" || echo -)" "$state${failure[$1]:+: ${failure[$1]}}"
	fi
}

summarise() {
	local name

	[[ $format == json ]] || printf '%-24s %10s %7s %9s %10s  %s\n' NAME ROWS TABLES AGE SIZE STATE
	for name in "${names[@]}"; do
		summarise_one "$name"
	done
}

parse_options "$@"
[[ -r $config && ! -d $config ]] || misuse "$config: cannot be read; it names the sources, see llmutils-cache(7)"
[[ -n $summary ]] || find_tools bt-fetch sheet-fetch	# LLMUTILS_BIN may be relative to where we were called
exec 8<"$config"
sources=${config##*/}
cd -- "$(dirname -- "$config")" || exit 2
read_config /dev/fd/8
exec 8<&-
read_status
if [[ -n $summary ]]; then
	summarise
	exit "$status"
fi
read_env

if ! { exec 9>>".$sources.lock"; } 2>/dev/null; then
	warn "$PWD/.$sources.lock: cannot be written"
	exit 3
fi
if ! flock -n 9; then
	note "another cache.sh is at work on $sources: nothing to do"
	exit 0
fi
begin
retry=0
if [[ -n $once ]]; then
	pass
	tell
else
	serve
fi
leave
