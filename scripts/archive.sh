#!/usr/bin/env bash
# archive.sh [-fhnqv] [options] - rotate, compress and expire the recorder's files, and report; see llmutils-archive(7).
#
#   --archive-days N  remove archived files that are older (default: never)
#   -d, --dir DIR     the tree (default: $LLM_RECORDS_BASE_DIR, else logs/llm_interactions)
#   -n, --dry-run     change nothing, print what would be done
#   --error-days N    remove files of errors that are older (default 30)
#   -f, --force       expire also what was written to within the last 24 hours
#   -j, --jobs N      threads (default: CPUs, at most 4)
#   --max-size SIZE   rotate larger files (default 100M)
#   -q, --quiet       no messages unless something is wrong
#   --session-days N  remove files of sessions and days that are older (default 90)
#   -v, --verbose     tell more, with all statistics
#   -h, --help        show this help
#
# Standard output has what was done, a JSON object a line.  Settings may be in a file .env in the current directory
# (KEY=VALUE lines).
#
# Exit status: 0 all done and the tree is healthy, or another archive.sh is at work on it; 1 done, but lines could not
# be read or the tree is not healthy; 2 wrong usage or configuration, or there is no such tree; 3 gave up on something,
# run again to resume; 128+N by signal N.
# shellcheck disable=SC2034,SC2154,SC2317	# workflow.sh uses and sets variables; the stages are called by name
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"	# as in: sh archive.sh
set -euo pipefail

workflow=archive
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
quiet='' verbose='' dir='' rotate_options=()
. "$here/workflow.sh"

parse_options() {
	local dir_given=''

	while (($# > 0)); do
		case $1 in
		-[fhnqv]?* | -[dj]?*)
			if [[ $1 == -[dj]* ]]; then
				set -- "${1:0:2}" "${1:2}" "${@:2}"
			else
				set -- "${1:0:2}" "-${1:2}" "${@:2}"
			fi
			continue
			;;
		--archive-days=* | --error-days=* | --jobs=* | --max-size=* | --session-days=*) rotate_options+=("$1") ;;
		--dir=*) dir_given=1 dir=${1#*=} ;;
		-d | --dir | -j | --jobs | --archive-days | --error-days | --max-size | --session-days)
			(($# > 1)) || misuse "$1: wants a value"
			case $1 in
			-d | --dir) dir_given=1 dir=$2 ;;
			*) rotate_options+=("$1" "$2") ;;
			esac
			shift
			;;
		-f | --force | -n | --dry-run) rotate_options+=("$1") ;;
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
	[[ -z $dir_given || -n $dir ]] || misuse '--dir: wants a value'
}

# A setting as the tools read it: without blanks, then quotes, around it.
trimmed() {
	local v=$1

	v=${v#"${v%%[![:space:]]*}"}
	v=${v%"${v##*[![:space:]]}"}
	case $v in
	\"*\" | \'*\') v=${v:1:-1} ;;
	esac
	printf '%s' "$v"
}

# ---- the stages ----

# The actions are passed on as they happen; who reads them may go away, and the work goes on.
stages_rotate() {
	"${bin}rec-rotate" "${common[@]}" "${rotate_options[@]}" | (
		trap '' INT TERM HUP	# until rec-rotate has ended
		tee -p "$tmp/actions" || exit 3
	)
	put_statuses rec-rotate tee "${PIPESTATUS[@]}"
}

stages_report() {
	local statistics=0 health=0

	"${bin}rec-stat" "${common[@]}" --format json >"$tmp/statistics" || statistics=$?
	"${bin}rec-stat" "${common[@]}" --format json --health >"$tmp/health" || health=$?
	put_statuses rec-stat rec-stat "$statistics" "$health"
}

# ---- the last line ----

# How many files have met this.
count() {
	grep -c "^{\"action\":\"$1\"," "$tmp/actions" || :
}

# Bytes that the tree has become smaller by.
freed() {
	awk '
		function member(name) {
			return match($0, "\"" name "\":[0-9]+") ? substr($0, RSTART + length(name) + 3) + 0 : -1
		}
		index($0, "{\"action\":\"expire\",") == 1 { n += member("bytes") }
		index($0, "{\"action\":\"compress\",") == 1 && member("compressed_bytes") >= 0 { n += member("bytes") - member("compressed_bytes") }
		END { printf "%.0f", n }' "$tmp/actions"
}

# A member of what rec-stat has told: field statistics|health NAME
field() {
	local json

	json=$(<"$tmp/$1")
	if [[ $json =~ \"$2\":\"?([a-z0-9]+) ]]; then
		printf '%s' "${BASH_REMATCH[1]}"
	else
		printf '?'
	fi
}

show_report() {
	local health

	[[ -z $verbose ]] || cat "$tmp/statistics" "$tmp/health" >&2 || :
	health=$(<"$tmp/health")
	[[ ! $health =~ \"problems\":\[(.+)\] ]] || warn "$tree: $(field health status): ${BASH_REMATCH[1]}"
}

finish() {
	if [[ -z $quiet || $status != 0 || -n $caught ]]; then
		warn "rotated=$(count rotate) compressed=$(count compress) expired=$(count expire) freed=$(freed)" \
			"total_interactions=$(field statistics total_interactions) failed=$(field statistics failed_interactions)" \
			"status=$(field health status) seconds=$(elapsed)" || :
	fi
	leave
}

# Run the stages of a job; false: there is no sense in going on.
job() {
	local st=0

	run_job "$1"
	[[ -z $caught ]] || return 1
	job_status || st=$?
	worse "$st"
	((st != 2))
}

parse_options "$@"
find_tools rec-rotate rec-stat	# before .env, which names no programs
read_env
tree=$(trimmed "${LLM_RECORDS_BASE_DIR-}")
tree=${dir:-${tree:-logs/llm_interactions}}
common=(--dir "$tree" ${quiet:+--quiet} ${verbose:+--verbose})

[[ -d $tree ]] || misuse "$tree: there is no such tree; name it with --dir or LLM_RECORDS_BASE_DIR"
if ! { exec 9<"$tree"; } 2>/dev/null; then
	warn "$tree: cannot be read by $(id -un 2>/dev/null || id -u)"
	exit 3
fi
# The lock is on the folder itself, so a dry run leaves nothing behind.  Where that cannot be (status other than 1, as on
# NFS), rec-rotate's own lock is enough to keep two from being at it.
lock=0
flock -n 9 2>/dev/null || lock=$?
if ((lock == 1)); then
	note "$tree: another archive.sh is at work there: nothing to do"
	exit 0
fi
begin
touch "$tmp"/{actions,statistics,health}
if job stages_rotate && job stages_report; then
	show_report
elif ((status == 2)) && [[ -z $caught ]]; then
	leave	# nothing was done
fi
finish
