#!/bin/sh
# ls-fetch over months of virtual time, see ls-fetch-sim.js; the shim tests/clock.c says what time it is.
#
# The promise, whatever arrives late and whatever fails in between:
#   - no run is missed;
#   - none is frozen as pending: the first copy of it that is taken is the ended one, since dedup lets no
#     second one pass (but for runs that have not ended within --give-up, which come as they are);
#   - none is asked for for ever;
#   - a run may come more than once, before dedup only.
# A seed that fails can be run alone:  sh tests/ls-fetch-sim.t SEED
. "${0%/*}/lib.sh"
[ -z "$SAN" ] || skip_all 'the shim cannot be loaded before a sanitizer'

LANGSMITH_API_KEY=lsv2_pt_test LANGSMITH_PROJECT=my-app
export LANGSMITH_API_KEY LANGSMITH_PROJECT
seeds=${*:-1 2 3 4 5 6}

# simulate DIR SEED OPTION...: in the background; its process is $!
simulate() {
	dir=$1 seed=$2; shift 2
	mkdir "$dir"
	standin langsmith
	(cd "$dir" && LANGSMITH_ENDPOINT=$URL exec node "$top/tests/ls-fetch-sim.js" "$seed" "$URL" "$B/clock.so" "$@" >figures 2>err) &
	tap_pids="$tap_pids $!"
}
# What came of DIR: missing and frozen are lists
judge() {
	dedup -k id "$1/taken.ndjson" >"$1/once"
	json r.id <"$1/once" | sort >"$1/got.ids"
	json r.id <"$1/made.ndjson" | sort >"$1/made.ids"
	comm -13 "$1/got.ids" "$1/made.ids" >"$1/missing"
	json 'r.in_time ? r.id : undefined' <"$1/made.ndjson" | sort >"$1/in-time"
	json '/pending/i.test(r.status) ? r.id : undefined' <"$1/once" | sort | comm -12 - "$1/in-time" >"$1/frozen"
}
# The first of a list, with what is known about them
tell() { head -n 3 "$1/$2" | while read -r id; do grep "$id" "$1/made.ndjson"; done; }

pids=
for seed in $seeds; do
	simulate "s$seed" "$seed"
	pids="$pids $!"
done
simulate hole 1 --overlap 1s --sweep 1s --give-up 1s
hole=$!
for seed in $seeds; do
	pid=${pids# } pid=${pid%% *} pids=${pids# "$pid"}
	wait "$pid"
	is "seed $seed: all syncs end well" "$? $(cat "s$seed/err")" '0 '
	if [ ! -e "s$seed/made.ndjson" ]; then
		skip 4 'the simulation did not come to its end'
		continue
	fi
	judge "s$seed"
	echo "# seed $seed: $(cat "s$seed/figures") taken=$(wc -l <"s$seed/taken.ndjson" | tr -d ' ')"
	is "seed $seed: no run is missed" "$(tell "s$seed" missing)" ''
	is "seed $seed: none is frozen as pending" "$(tell "s$seed" frozen)" ''
	is "seed $seed: dedup leaves each once" "$(cat "s$seed/made.ids")" "$(cat "s$seed/got.ids")"
	is "seed $seed: none is pending for ever" "$(json 'r.pending.length + " " + r.complete' <"s$seed/state")" '0 true'
done
wait $hole
judge hole
ok 'the simulation can tell: without overlap and sweep runs are missed' test -s hole/missing
ok 'and without patience they are frozen as pending' test -s hole/frozen

done_testing
