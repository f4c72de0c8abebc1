# shellcheck shell=bash
# lib.sh - what the benchmarks share: commands are added to a group, their answers are compared, they are measured in turn and shown as a table.
#
# ROUNDS: each command runs so often, every other round backwards (A B, B A).  $work is removed at the end; the inputs are files in it, read from
# the page cache; output goes to /dev/null.  What is measured goes to bench.json in $OUT, too, in the place of what was there for the same group.
set -euo pipefail
export LC_ALL=C PATH="$B:$PATH"
ROUNDS=${ROUNDS:-5} OUT=${OUT:-$B/bench}
case $OUT in /*) ;; *) OUT=$OLDPWD/$OUT ;; esac	# the scripts that read this have changed to its directory
mkdir -p "$OUT"
work=$(mktemp -d "${TMPDIR:-/tmp}/llmutils-bench.XXXXXX")
export work
trap 'rm -rf "$work"' EXIT
bench=$PWD

missing='' filter='' sample=''
declare -a names inputs commands filters
declare -A extra

# The input counts its bytes (and lines) also for a command that does not read it, but the same data elsewhere; $in is its path.
add() {	# NAME INPUT COMMAND [FILTER]
	names+=("$1") inputs+=("$2") commands+=("$3") filters+=("${4:-}")
}
have() { command -v "$1" >/dev/null || { missing="$missing $1"; return 1; }; }

# Before the next report each command gets SAMPLE, and what FILTER makes of its output must be what it makes of the first one's.  A command
# may have a FILTER of its own, or "-": it shows a limit, and has no answer.
answer() { sample=$1 filter=$2; }	# SAMPLE FILTER

# Called before and after each command, outside of its time.  after may set extra[INDEX], a further column.
before() { :; }	# INPUT
after() { :; }	# INDEX INPUT

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

check_answers() {	# TITLE
	local i by first=
	for i in "${!names[@]}"; do
		by=${filters[i]:-$filter}
		[ "$by" != - ] || continue
		before "$work/$sample"
		in=$work/$sample bash -o pipefail -c "{ ${commands[i]}; } <\"\$in\" | { $by; }" >"$work/.answer.$i" || die "$1: failed: ${names[i]}"
		[ -s "$work/.answer.$i" ] || die "$1: no answer: ${names[i]}"
		first=${first:-$i}
		cmp -s "$work/.answer.$first" "$work/.answer.$i" && continue
		{ diff "$work/.answer.$first" "$work/.answer.$i" || :; } | head -n 6 | cut -c 1-300 >&2
		die "$1: different answers: ${names[first]} and ${names[i]}"
	done
	rm -f "$work"/.answer.*
}

measure_one() {	# INDEX
	local input=$work/${inputs[$1]} took
	local -a words=(sh -c "exec ${commands[$1]}")
	[[ ${commands[$1]} =~ [^A-Za-z0-9_./=:,@%+\ -] ]] || read -ra words <<<"${commands[$1]}"	# without a shell, where none is needed
	before "$input"
	took=$(in=$input measure "$input" /dev/null "${words[@]}")
	[ "${took##* }" = 0 ] || die "status ${took##* }: ${names[$1]}"
	echo "$1 $took" >>"$work/.rounds"
	after "$1" "$input"
}

# Answers, rounds, then the table; ratios are to the first command, for equally much.  UNIT: GB/s, records/s, or ms a run.
report() {	# TITLE [UNIT [TITLE-OF-EXTRA]]
	local i round kind last word n=${#names[@]}
	[ -z "$filter" ] || check_answers "$1"
	: >"$work/.rounds"
	for ((round = 0; round < ROUNDS; round++)); do
		for ((i = 0; i < n; i++)); do
			measure_one $((round % 2 ? n - 1 - i : i))
		done
	done
	for ((i = 0; i < n; i++)); do
		kind=peer
		[ "${filters[i]}" != - ] || kind=limit
		last='|'
		for word in ${commands[i]}; do	# a tool of ours in the pipeline?
			[[ $last != '|' || $word == */* || ! -f $B/$word ]] || kind=ours
			last=$word
		done
		printf '%s\t%s\t%s\t%s\t%s\n' "${names[i]}" $kind "$(stat -c %s "$work/${inputs[i]}")" "$(wc -l <"$work/${inputs[i]}")" "${extra[$i]:-}"
	done >"$work/.rows"
	node "$bench/report.js" "$OUT/bench.json" "$work" "$1" "${2:-GB/s}" "${3:-}"
	names=() inputs=() commands=() filters=() extra=() filter=
}

report_missing() {
	[ -z "$missing" ] || printf '\nNot installed, so left out:%s.\n' "$(tr ' ' '\n' <<<"$missing" | sort -u | tr '\n' ' ' | sed 's/ $//; s/^/ /')"
}
