#!/bin/sh
# rec-rotate(1) killed or failing at every step: each line stays, once, and the next run finishes.
. "${0%/*}/lib.sh"

[ -f "$B/fault.so" ] || skip_all 'fault.so is not built'
[ -z "$SAN" ] || skip_all 'a shim cannot be loaded before a sanitizer'

name=2025-12-07_all_interactions
today=$(date +%F)
old=$(date -d '100 days ago' +%F)
# What readers see (tree.h): live files, and each part of the archive once.
contents() {
	find "$1/by_date" "$1/by_session" -type f -exec awk 1 {} +
	for f in "$1"/archive/*.json "$1"/archive/*.json.gz; do
		case $f in
		*\**) ;;
		*.gz) gzip -dc "$f" ;;
		*) [ -e "$f.gz" ] || cat "$f" ;;
		esac
	done
}
# What may not be lost; the old session's file may go at any time.
kept() { contents "$1" | grep -v old- | sort; }
rotate() { rec-rotate --dir t --max-size 100K --session-days 90 --jobs "$jobs"; }
left_over() { find t/archive ! -name '*.json.gz' ! -name .lock -type f; ls -A t/by_session; }

mkdir -p base/by_date base/by_session/session_1 base/by_session/session_2 base/archive
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "{\"id\":\"a-%d\",\"prompt\":\"some text, and a number: %d\"}\n", i, i * 7919 % 10007 }' >base/by_date/$name.json
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "{\"id\":\"b-%d\",\"prompt\":\"some text, and a number: %d\"}\n", i, i * 7919 % 10007 }' >base/by_session/session_1/"$today".json
printf '{"id":"torn"' >>base/by_session/session_1/"$today".json
echo '{"id":"old-1"}' >base/by_session/session_2/"$old".json
touch -d '3 days ago' base/by_session/session_2/"$old".json
awk 'BEGIN { for (i = 0; i < 100; i++) printf "{\"id\":\"c-%d\"}\n", i }' >base/archive/2025-12-01_errors_20251202T030405.000006Z.json
echo half >base/archive/.compress.tmp
kept base >want

jobs=1
rm -rf t; cp -rp base t
ok 'without a fault' status 0 env FAULT_AT=0 FAULT_LOG="$T/log" LD_PRELOAD="$B/fault.so" rec-rotate --dir t --max-size 100K --jobs 1
calls=$(cat log)
kept t >got
same '... every line is there' got want
is '... nothing is left over' "$(left_over)" ''
ok '... there are many steps' test "$calls" -ge 25
echo "# $calls calls"

# try ACT AT: one run with the fault, one without
try() {
	rm -rf t; cp -rp base t
	FAULT_AT=$2 FAULT_ACT=$1 LD_PRELOAD=$B/fault.so rotate >first 2>first.err; st=$?
	kept t >between
	if ! cmp -s between want; then echo "$1 at $2: after the first run: $(diff between want | head -n 5)"; fi
	case $1 in
	kill) [ $st = 137 ] || echo "$1 at $2: status $st" ;;
	EINTR | short) [ $st = 0 ] || echo "$1 at $2: status $st: $(cat first.err)" ;;
	*)
		[ $st = 3 ] || echo "$1 at $2: status $st"
		grep -q . first.err || echo "$1 at $2: no message" ;;
	esac
	rotate >second 2>second.err || echo "$1 at $2: the second run has status $?: $(cat second.err)"
	kept t >got
	if ! cmp -s got want; then echo "$1 at $2: after the second run: $(diff got want | head -n 5)"; fi
	[ -z "$(left_over)" ] || echo "$1 at $2: left over: $(left_over | head -n 3)"
	[ "$(contents t | grep -c old-)" = 0 ] || echo "$1 at $2: the old file is there"
}
for act in kill ENOSPC EIO EINTR; do
	: >trouble
	i=1 step=1
	case $act in EIO | EINTR) step=3 ;; esac	# these go the way of ENOSPC
	while [ $i -le "$calls" ]; do
		try $act $i >>trouble 2>>killed
		i=$((i + step))
	done
	is "$act at $calls calls: every line once, then all is done" "$(head -n 10 trouble)" ''
done
# A disk that does not keep what is written to it: nothing is given up for that.
jobs=1
: >trouble
caught=0
for i in 1 2 3 4 5 6 7 8 9; do
	rm -rf t; cp -rp base t
	FAULT_AT=$i FAULT_ACT=corrupt FAULT_CALLS=write LD_PRELOAD=$B/fault.so rotate >first 2>first.err; st=$?
	kept t >between
	cmp -s between want || echo "write $i: something is lost" >>trouble
	case $st in
	0) ;;
	3)
		caught=$((caught + 1))
		grep -q 'rec-rotate: t/archive/.*json: what was written does not read back$' first.err || cat first.err >>trouble
		[ ! -e t/archive/.compress.tmp ] || echo "write $i: the bad file is left" >>trouble ;;
	*) echo "write $i: status $st" >>trouble ;;
	esac
done
is 'what does not read back replaces nothing' "$(cat trouble)" ''
is '... each of the three pieces of gzip data was looked at' $caught 3

# Several blocks, each a member, by two threads; how many calls there are then depends on chance.
awk 'BEGIN { for (i = 20000; i < 90000; i++) printf "{\"id\":\"a-%d\",\"prompt\":\"some text, and a number: %d\"}\n", i, i * 7919 % 10007 }' >>base/by_date/$name.json
kept base >want
jobs=2
: >trouble
for i in 21 22 23 24 25 26 27 28; do
	try kill $i >>trouble 2>>killed
	try ENOSPC $i >>trouble 2>>killed
done
is 'several blocks and two threads' "$(head -n 10 trouble)" ''

done_testing
