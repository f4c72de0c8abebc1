# workflow.sh - what the workflows have in common.  It is sourced by them, and stands beside them.
#
# A workflow sets these before, here being its folder:  workflow=NAME quiet='' here=DIR
# shellcheck shell=bash disable=SC2034,SC2154	# both use the other's variables
set -euo pipefail
export LC_ALL=C
unset CDPATH	# else cd may go elsewhere, and prints where
umask 077

bin='' tmp='' group='' sleeper='' caught='' status=0
# What people may read and change stands beside the workflows in the checkout, and below share where they are installed.
data=$here
[[ -d $data/sql ]] || data=$here/../../share/llmutils
started=${EPOCHREALTIME/./}

# The comment at the top of the workflow.
usage() {
	sed -n '/^# shellcheck/q; 2,$s/^# \{0,1\}//p' "${BASH_SOURCE[-1]}"
}

warn() {
	printf '%s: %s\n' "$workflow" "$*" >&2
}

note() {
	[[ -n $quiet ]] || warn "$@"
}

misuse() {
	warn "$@"
	warn "try '$workflow.sh --help'"
	exit 2
}

# The tools of this checkout, of this installation, or on PATH.  Before .env is read: it names no programs.
find_tools() {	# TOOL...
	local d tool

	for d in "${LLMUTILS_BIN-}" "$here/../build" "$here/../../bin"; do
		if [[ -n $d && -x $d/$1 ]]; then
			bin=$(cd -- "$d" && pwd -P)/
			break
		fi
	done
	for tool; do
		command -v "$bin$tool" >/dev/null || {
			warn "$tool: not found; run make in the checkout, or name the tools' directory in LLMUTILS_BIN"
			exit 2
		}
	done
}

# ---- settings ----

# The value of a .env line: between quotes as it stands, else without blanks around it and a comment after it.
env_value() {
	local v=${1#"${1%%[![:blank:]]*}"}

	case $v in
	\"*\"*) v=${v#\"} v=${v%%\"*} ;;
	\'*\'*) v=${v#\'} v=${v%%\'*} ;;
	*)
		v=${1%%[[:blank:]]#*}
		v=${v#"${v%%[![:blank:]]*}"}
		v=${v%"${v##*[![:blank:]]}"}
		;;
	esac
	printf '%s' "$v"
}

# Whether a line of .env may set NAME.  What steers the shell or the loader is not for a file of settings.
env_allowed() {
	case $1 in
	PATH | IFS | ENV | POSIXLY_CORRECT | CDPATH | OPENSSL_* | GCONV_PATH | SSLKEYLOGFILE | BASH* | SHELLOPTS | PS4 | LD_* | GLIBC_TUNABLES | LC_ALL | LLMUTILS_BIN) return 1 ;;
	esac
	# A shell variable that did not come from the environment is this script's own, or bash's.
	[[ ! -v $1 || ${!1@a} == *x* && ${!1@a} != *r* ]]
}

# KEY=VALUE lines; nothing in them is run or expanded.  A value that the environment already has wins.
read_env() {
	local line name n=0

	[[ -e .env ]] || return 0
	[[ -r .env && ! -d .env ]] || misuse '.env: cannot be read'
	[[ $(stat -L -c %A .env) == ????------ ]] || warn '.env: others may read the keys in it; run: chmod 600 .env'
	while IFS= read -r line || [[ -n $line ]]; do
		n=$((n + 1))
		line=${line#$'\xef\xbb\xbf'}
		line=${line%$'\r'}
		line=${line#"${line%%[![:blank:]]*}"}
		[[ -n $line && $line != \#* ]] || continue
		[[ $line != export[[:blank:]]* ]] || line=${line#export} line=${line#"${line%%[![:blank:]]*}"}
		name=${line%%=*}
		name=${name%"${name##*[![:blank:]]}"}
		if [[ $line != *=* || ! $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]]; then
			# Not shown: it may be half of a key.
			warn ".env:$n: not KEY=VALUE: ignored"
		elif ! env_allowed "$name"; then
			warn ".env:$n: $name cannot be set here: ignored"
		elif [[ -z ${!name-} ]]; then
			export "$name=$(env_value "${line#*=}")"
		fi
	done <.env
}

# ---- running the tools ----

# A job of its own process group, with the statuses of its stages in $tmp/status.  The lock is open in each of them:
# it is free when the last has ended, also when this script is killed.
run_job() {	# FUNCTION ARG...
	rm -f "$tmp/status"
	set -m
	(
		trap : INT TERM HUP	# the stages end by themselves; their statuses are wanted
		set +e
		"$@"
	) &
	group=$!
	set +m
	[[ -z $caught ]] || kill -s TERM -- "-$group"
	wait "$group" || :
	[[ -z $caught ]] || wait "$group" 2>/dev/null || :	# the signal ended only the first wait
	group=''
}

put_statuses() {	# NAME... STATUS...
	local i n=$(($# / 2))

	for ((i = 1; i <= n; i++)); do
		printf '%s %s\n' "${!i}" "${@:n+i:1}"
	done >"$tmp/status"
}

# What the job's stages say together: 0, 1, 2 or 3.
job_status() {
	local name st result=0 failed=''

	[[ -s $tmp/status ]] || result=3
	while read -r name st; do
		case $st in
		0 | 1) ((result >= st)) || result=$st ;;
		2) failed=2 ;;
		*) result=3 ;;
		esac
		# A broken pipe is not the cause, but the consequence of another stage's end.
		((st < 3 || st == 141)) || warn "$name ended with status $st"
	done <"$tmp/status"
	return "${failed:-$result}"
}

worse() {
	((status >= $1)) || status=$1
}

on_signal() {
	caught=$1
	[[ -z $group ]] || kill -s TERM -- "-$group" 2>/dev/null || :
	[[ -z $sleeper ]] || kill "$sleeper" 2>/dev/null || :
}

# ---- watching the tools ----

# The tools run with -v for their summaries, which are kept in $tmp/counts.  Of their messages the workflow's is_detail tells
# which are shown only with -v, and its is_note which are not shown with -q.
watch_messages() {
	local line

	trap '' INT TERM HUP	# until the last tool has ended
	while IFS= read -r line; do
		[[ ! $line =~ ^[a-z-]+:\ read=[0-9] ]] || printf '%s\n' "$line" >>"$tmp/counts"
		# What is said of a record is always shown; it may quote anything.
		if [[ -n $verbose || $line == [a-z]*:\ stdin:[0-9]* ]] || ! is_detail "$line" && { [[ -z $quiet ]] || ! is_note "$line"; }; then
			printf '%s\n' "$line" >&2 || :	# a log that is full must not end the tools
		fi
	done
}

watched() {
	{
		trap : INT TERM HUP	# a subshell has forgotten it
		"$@" 3>&1 >/dev/null
	} | watch_messages
}

run() {
	run_job watched "$@"
}

# The sum of KEY over the summaries of a tool (all tools: "").
total() {
	awk -v tool="$1:" -v key="$2" '
		tool == ":" || $1 == tool {
			for (i = 2; i <= NF; i++)
				if (split($i, kv, "=") == 2 && kv[1] == key)
					n += kv[2]
		}
		END { printf "%.0f", n }' "$tmp/counts"
}

# ---- beginning and end ----

# A folder for temporary files, and what ends the script.
begin() {
	local s

	tmp=$(mktemp -d) || exit 3
	trap 'rm -rf "$tmp"' EXIT
	for s in INT TERM HUP; do
		# shellcheck disable=SC2064	# this signal's name
		trap "on_signal $s" "$s"
	done
}

# "2.4"
elapsed() {
	local us=$((${EPOCHREALTIME/./} - started))

	printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

# With the status, or by the signal that came.
leave() {
	rm -rf "$tmp"
	trap - EXIT
	if [[ -n $caught ]]; then
		trap - "$caught"
		kill -s "$caught" $$
	fi
	exit "$status"
}
