# shellcheck shell=bash
# lib.sh - what the benchmarks share: commands are added to a list, then measured in turn, and shown as a table.
#
# ROUNDS: each command runs so often, every other round backwards, and its best time counts.  $work is removed at the
# end; the inputs are files in it, read from the page cache.
set -euo pipefail
export LC_ALL=C PATH="$B:$PATH"
ROUNDS=${ROUNDS:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/llmutils-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

missing=
declare -a names inputs commands
declare -A best peak extra

# The input counts its bytes (and lines) also for a command that does not read it, but the same data elsewhere.
add() {	# NAME INPUT COMMAND
	names+=("$1") inputs+=("$2") commands+=("$3")
}
have() { command -v "$1" >/dev/null || { missing="$missing $1"; return 1; }; }

# Called before and after each command, outside of its time.  after may set extra[INDEX], a further column.
before() { :; }
after() { :; }	# INDEX

measure() {	# INDEX
	local i=$1 from to ms
	before
	from=$EPOCHREALTIME
	/usr/bin/time -f %M -o "$work/peak" bash -c "exec ${commands[i]}" <"$work/${inputs[i]}" >/dev/null
	to=$EPOCHREALTIME
	ms=$(((${to/[.,]/} - ${from/[.,]/}) / 10))	# hundredths of milliseconds
	if [ -z "${best[$i]:-}" ] || [ "$ms" -lt "${best[$i]}" ]; then best[$i]=$ms; fi
	peak[$i]=$(tail -n 1 "$work/peak")
	after "$i"
}

# GB/s, or records/s
rate() {	# INDEX UNIT
	local amount scale=1e4
	amount=$(stat -c %s "$work/${inputs[$1]}")
	if [ "$2" = records/s ]; then amount=$(wc -l <"$work/${inputs[$1]}") scale=1e-5; fi
	awk -v n="$amount" -v t="${best[$1]}" -v scale="$scale" 'BEGIN { r = n / t / scale; printf r < 1000 ? "%.3g" : "%.0f", r }'
}

# Rounds, then the table; ratios are to the first command, for equally many bytes.
report() {	# TITLE [UNIT [TITLE-OF-EXTRA]]
	local i round n=${#names[@]} unit=${2:-GB/s}
	for ((round = 0; round < ROUNDS; round++)); do
		for ((i = 0; i < n; i++)); do
			measure $((round % 2 ? n - 1 - i : i))
		done
	done
	printf '\n| %s | %s | time, in units of the first | peak memory, MB |%s\n' "$1" "$unit" "${3:+ $3 |}"
	printf '|---|---|---|---|%s\n' "${3:+---|}"
	for ((i = 0; i < n; i++)); do
		awk -v name="${names[i]}" -v rate="$(rate $i "$unit")" -v bytes="$(stat -c %s "$work/${inputs[i]}")" -v t="${best[$i]}" \
		    -v kb="${peak[$i]}" -v bytes0="$(stat -c %s "$work/${inputs[0]}")" -v t0="${best[0]}" \
		    -v extra="${3:+ ${extra[$i]:-} |}" 'BEGIN {
			printf "| %s | %s | %.3g | %.0f |%s\n", name, rate, t / bytes * bytes0 / t0, kb / 1024, extra
		}'
	done
	names=() inputs=() commands=() best=() peak=() extra=()
}

report_missing() {
	[ -z "$missing" ] || printf '\nNot installed, so left out:%s.\n' "$(tr ' ' '\n' <<<"$missing" | sort -u | tr '\n' ' ' | sed 's/ $//; s/^/ /')"
}
