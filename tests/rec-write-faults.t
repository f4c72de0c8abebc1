#!/bin/sh
# rec-write(1) when disks fill, fail or are slow, and when it is killed: what was passed on is in the tree, and
# nothing is there by half.
. "${0%/*}/lib.sh"

DAY=2025-12-07
D=by_date/${DAY}_all_interactions.json
rec() { printf '{"id":"%s","timestamp":"%sT10:00:00","session_id":%s,"success":%s}\n' "$1" "$DAY" $(($1 % 2)) "${2:-true}"; }
recs() { i=$1; while [ "$i" -le "$2" ]; do if [ $((i % 3)) = 0 ]; then rec "$i" false; else rec "$i"; fi; i=$((i + 1)); done; }
ids() { json r.id | tr '\n' ' '; }
feed() { run "$@"; echo $st >.tap/fed; }	# like run, also at the end of a pipe; the status is then $(fed)
fed() { cat .tap/fed; }
seed() { rm -rf t; recs 1 2 | rec-write -q --dir t >/dev/null; }	# a tree with two records
recs 1 2 >two; recs 3 8 >in; cat two in >all
# The tree holds these records, each once in by_date and by_session, its errors, and no empty file.
holds() {
	cat t/by_date/* | cmp - "$1" || return 1
	sort "$1" >sorted
	cat t/by_session/*/* | sort | cmp - sorted || return 1
	grep false "$1" >errors || :
	cat t/errors/* 2>/dev/null | cmp - errors || return 1
	[ -z "$(find t -type f -empty ! -name .lock)" ] || { echo 'an empty file'; return 1; }
}
# Every line of FILE is in the tree, and the tree's lines are records of the input or stand alone as torn.
covers() {
	cat t/by_date/* | sort -u >have
	sort -u "$1" | comm -23 - have >missing
	[ ! -s missing ] || { echo "passed on, not in the tree: $(cat missing)"; return 1; }
}
W="rec-write -q --dir t --buffer 2"

if [ -n "$SAN" ]; then
	skip 29 'the shim cannot be loaded before a sanitizer'
else
	fault() { LD_PRELOAD=$B/fault.so FAULT_AT=$1 FAULT_ACT=$2 FAULT_CALLS=$3 FAULT_LOG=calls; export LD_PRELOAD FAULT_AT FAULT_ACT FAULT_CALLS FAULT_LOG; shift 3; "$@"; }
	count() { (fault 0 none "$@" >passed 2>err); cat calls; }	# CALLS CMD...: how many there are

	# Three batches of two records, to up to four files each.
	for how in 'ENOSPC writev flush' 'ENOSPC writev always' 'EIO fsync always'; do
		# shellcheck disable=SC2086
		set -- $how
		seed; n=$(count $2 $W --fsync $3 --latest 0 in); i=0 bad=
		while [ $i -lt "$n" ]; do
			i=$((i + 1)); seed
			(fault $i $1 $2 $W --fsync $3 --latest 0 in >passed 2>err); st=$?
			[ $st = 3 ] || bad="$bad $i:status-$st"
			[ "$(grep -c "^rec-write: t.*: \(No space left on device: free some space and run again\|Input/output error\)" err)" = 1 ] ||
				bad="$bad $i:$(cat err)"
			grep -q '^rec-write: 2 records were not recorded; those on stdout are$' err || bad="$bad $i:count"
			cmp -s passed in && bad="$bad $i:all-passed"
			cat two passed >want; holds want || bad="$bad $i:tree"
			tail -n +$(($(wc -l <passed) + 1)) in | $W >/dev/null 2>&1; holds all || bad="$bad $i:resumed"
		done
		is "$how: at each of $n calls: status 3, the batch is cut back and not passed on, the rest can follow" "$bad" ''
		ok '... they were many' test "$n" -ge 9
	done
	# The other writes are stdout's and those of latest.json.
	seed; n=$(count write,rename $W in); i=0 bad=
	while [ $i -lt "$n" ]; do
		i=$((i + 1)); seed
		(fault $i ENOSPC write,rename $W in >passed 2>err); st=$?
		[ $st = 3 ] || bad="$bad $i:status-$st"
		grep -q '^rec-write: \(stdout\|t/real_time/latest.json\): No space left on device' err || bad="$bad $i:$(cat err)"
		covers passed || bad="$bad $i:tree"
		json r.id <t/real_time/latest.json >/dev/null || bad="$bad $i:latest"
	done
	is "ENOSPC in each of $n other calls: status 3, what was passed on is in the tree" "$bad" ''
	seed; n=$(count fsync $W --fsync flush --latest 0 in); i=0 bad=
	while [ $i -lt "$n" ]; do
		i=$((i + 1)); seed
		(fault $i EIO fsync $W --fsync flush --latest 0 in >passed 2>err); st=$?
		[ $st = 3 ] || bad="$bad $i:status-$st"
		grep -q 'records were passed on, but may not be on disk$' err || bad="$bad $i:$(cat err)"
		covers passed || bad="$bad $i:tree"
	done
	is "--fsync flush: each of $n failing syncs is told, with status 3" "$bad" ''
	ok '...' test "$n" -ge 3

	# Signals and short writes.
	seed; bad=; n=$(count writev,write,fsync $W in); i=0
	while [ $i -lt "$n" ]; do
		i=$((i + 1)); seed
		(fault $i EINTR writev,write,fsync $W in >passed 2>err) || bad="$bad $i:status"
		cmp -s passed in && holds all || bad="$bad $i"
	done
	is "EINTR in each of $n calls changes nothing" "$bad" ''
	seed
	(fault 1 short writev,write $W in >passed 2>err); st=$?
	is 'writes of one byte each: status' "$st $(cat err)" '0 '
	same '... all is passed on' passed in
	ok '... all is in the tree' holds all
	ok '... that were many' test "$(cat calls)" -ge 1000

	# Killed at every point.
	bad=''
	for how in flush always never; do
		seed; n=$(count writev,write,fsync,rename,ftruncate $W --fsync $how in); i=0 killed=0
		while [ $i -lt "$n" ]; do
			i=$((i + 1)); seed
			(fault $i kill writev,write,fsync,rename,ftruncate $W --fsync $how in >passed 2>err; exit $?) 2>/dev/null; st=$?
			[ $st = 137 ] && killed=$((killed + 1))
			sed -n '$!p' passed >lines; tail -n 1 passed | grep '}$' >>lines
			covers lines || bad="$bad $how-$i:lost"
			json r.id <t/real_time/latest.json >/dev/null || bad="$bad $how-$i:latest"
			$W in >passed 2>err || bad="$bad $how-$i:after"
			covers all || bad="$bad $how-$i:rest"
			for f in t/by_date/* t/by_session/*/* t/errors/*; do
				[ ! -e "$f" ] || grep -vxF -f all "$f" | grep '}$' && bad="$bad $how-$i:glued"
			done
		done
		is "--fsync $how: killed at each of $n calls, what was passed on is in the tree" "$bad" ''
		ok '... it was killed' test $killed -ge $((n * 3 / 4))
	done

	# How often is it synced?
	recs 1 250 >many
	is '--fsync never does not' "$(rm -rf t; mkdir t; count fsync rec-write --dir t --fsync never many)" 0
	rm -rf t; n=$(count fsync rec-write --dir t --fsync always --buffer 1 --latest 0 many)
	ok "--fsync always --buffer 1: each record in its files ($n)" test "$n" -ge $((250 * 2 + 83))
	rm -rf t; n=$(count fsync rec-write --dir t --fsync always --latest 0 many)
	ok "--fsync always: each batch in its files ($n)" test "$n" -ge $((3 * 4)) -a "$n" -lt 60
	rec 1 >one; rm -rf t; mkdir -p t/a; n=$(count fsync rec-write --dir t/a --fsync always --latest 0 one); rm -rf t
	is '... and those in which a new tree stands' "$(count fsync rec-write --dir t/a --fsync always --latest 0 one)" $((n + 2))
	mkfifo pipe
	# A file that another one made anew, perhaps not synced, may have the number of one that was removed.
	echo '{"id":1,"timestamp":"2025-12-07T00:00:00Z"}' >one
	rm -rf t calls; (fault 0 none fsync rec-write --dir t --fsync always --latest 0 <pipe >passed) & pid=$!
	exec 3>pipe
	cat one >&3; within 5 test -s passed
	number() { stat -c %i t/by_date/*; }
	was=$(number) i=0
	rm t/by_date/*
	until rec-write -q --dir t --fsync never --latest 0 one >passed; [ "$(number)" = "$was" ] || [ $i = 20 ]; do mv t/by_date/* other.$i; i=$((i + 1)); done
	: >passed; cat one >&3; exec 3>&-
	wait $pid
	if [ "$(number)" = "$was" ]; then
		is '... a new file with an old number, its folders too' "$(cat calls)" 7	# the tree's, twice the file's and two folders'
	else
		skip 1 'numbers are not used again here'
	fi
	rm -rf t; mkdir t; (fault 1 kill fsync rec-write --dir t --flush-every 1s --latest 0 <pipe >passed 2>err) 2>/dev/null & pid=$!
	exec 3>pipe
	rec 1 >&3
	within 5 test -s passed
	ok '--fsync flush: a record that was passed on is not synced yet' kill -0 $pid
	wait $pid 2>/dev/null; is '... after --flush-every it is, though the input pauses' $? 137
	exec 3>&-
	rm -rf t; mkdir t; (fault 1 kill fsync rec-write --dir t --buffer 3 --latest 0 <pipe >passed 2>err) 2>/dev/null & pid=$!
	exec 3>pipe
	for i in 1 2; do rec $i >&3; within 5 grep -q "\"$i\"" passed; done
	ok '... nor are two, one after the other' kill -0 $pid
	rec 3 >&3
	wait $pid 2>/dev/null; is '... after --buffer records it is' $? 137
	exec 3>&-
fi

# kill -9 at any moment, with several at work
recs 1 3000 >many
rm -rf t; bad=
for delay in 0.02 0.05 0.03 0.08 0.04 0.06 0.1 0.07; do
	for w in 1 2; do
		sed "s/\"id\":\"/&$delay-$w-/" many >many.$w
		rec-write -q --dir t --buffer 20 --fsync never many.$w >passed.$w 2>/dev/null &
		eval "p$w=$!"
	done
	sleep $delay; kill -9 $p1 $p2 2>/dev/null; wait $p1 $p2 2>/dev/null
	for w in 1 2; do
		sed -n '$!p' passed.$w >lines; tail -n 1 passed.$w | grep '}$' >>lines
		covers lines || bad="$bad $delay-$w"
	done
	[ ! -e t/real_time/latest.json ] || json r.id <t/real_time/latest.json >/dev/null || bad="$bad $delay:latest"
done
is 'kill -9 in mid-work: what was passed on is in the tree' "$bad" ''
rec 1 | feed rec-write -q --dir t
cat t/by_date/* | node -e '
	let bad = 0;
	for (const l of require("fs").readFileSync(0, "utf8").trim().split("\n")) try { JSON.parse(l); } catch (e) { bad++; }
	console.log(bad);' >n
ok "... torn lines stand alone ($(cat n))" test "$(cat n)" -le 16

# A file that may not grow: like a full disk, without rights.
rm -rf t
(ulimit -f 40; rec-write --dir t many >passed 2>err); st=$?
is 'a limit of the file size: status 3' $st 3
like '... said' err "^rec-write: t/by_.*: File too large"
ok '... some was passed on' test -s passed
cmp -s passed many; ok '... not all' test $? = 1
ok '... and that is in the tree' holds passed

# Full for real.
if mkdir small && mount -t tmpfs -o size=200k none small 2>/dev/null; then
	rm -rf t; mkdir small/t; ln -s small/t t
	run rec-write --dir t many
	is 'a full disk: status 3' $st 3
	like '... said' "$err" "^rec-write: t/.*: No space left on device: free some space and run again\$"
	cp "$out" passed
	ok '... what was passed on is in the tree, nothing else' holds passed
	rm -rf small/t; mkdir small/t; head -c 150000 /dev/zero >small/ballast; mkfifo slow
	rec-write --best-effort -v --dir t --buffer 50 <slow >passed 2>err & pid=$!
	exec 3>slow
	recs 1 1000 >&3
	within 10 sh -c '[ $(wc -l <passed) = 1000 ]'
	is '--best-effort: the records are passed on' "$(wc -l <passed | tr -d ' ')" 1000
	is '... the failure is told once' "$(grep -c 'No space left on device: going on without$' err) $(wc -l <err | tr -d ' ')" '1 1'
	rm small/ballast; sleep 1.1; recs 1001 1050 >&3; within 10 sh -c '[ $(wc -l <passed) = 1050 ]'
	exec 3>&-
	wait $pid; is '... status 1' $? 1
	is '... writing works again' "$(grep -c '^rec-write: t: writing works again$' err)" 1
	cat t/by_date/* | tail -n 50 >have; recs 1001 1050 >want
	same '... and so it does' have want
	lost=$((1050 - $(cat t/by_date/* | wc -l)))
	like '... the loss is counted' err "^rec-write: $lost records were not recorded, only passed on\$"
	like '... in the summary too' err "written=$((1050 - lost)) .* lost=$lost "
	ok "... it was some ($lost)" test $lost -gt 100 -a $lost -lt 1000
	mount -o remount,ro small
	rec 1 | feed rec-write --dir t
	is 'a read-only disk: status 3' "$(fed) $(cat "$out")" '3 '
	like '... said' "$err" 'Read-only file system: make it writable for this user and run again$'
	umount small; rm t
else
	skip 15 'mounting a small file system needs rights'
fi

# --best-effort without a tree
rm -rf t; echo file >t
run rec-write --dir t/in in
is 'a tree that cannot be made: status 3' "$st $(cat "$out")" '3 '
like '... said' "$err" '^rec-write: t/in: Not a directory'
run rec-write --best-effort --dir t/in in
is '... with --best-effort status 1' $st 1
same '... and all is passed on' "$out" in
is '... said' "$(cat "$err")" 'rec-write: t/in: Not a directory: going on without
rec-write: 6 records were not recorded, only passed on'
mkfifo go; rec-write --best-effort --dir t/in <go >passed 2>err & pid=$!
exec 3>go
rec 1 >&3; within 5 grep -q '"1"' passed
rm t; rec 2 >&3; within 5 grep -q '"2"' passed
exec 3>&-
wait $pid; is '... it is made when it can be' "$? $(ids <t/in/$D)" '1 2 '

# While it fails it waits as quietly as ever.
rm -rf t; rec-write --best-effort --dir t <go >passed 2>err & pid=$!
exec 3>go
rec 1 >&3; within 5 grep -q '"1"' passed; rec 2 >&3; within 5 grep -q '"2"' passed
mv t/$D kept; mkdir t/$D; rec 3 >&3; within 5 grep -q '"3"' passed
sleep 1.2
ok '... without using the processor' test "$(cut -d' ' -f14 /proc/$pid/stat)" -lt 30
rmdir t/$D; rec 4 >&3; within 5 grep -q '"4"' passed
exec 3>&-
wait $pid; is '... and then goes on' "$? $(ids <kept)$(ids <t/$D)$(ids <t/real_time/latest.json)" '1 1 2 4 1 2 4 '

# Locks, rotation
rm -rf t; rec 1 | rec-write -q --dir t >/dev/null
(exec 9<t/$D; flock 9; : >locked; sleep 1.5) & holder=$!
within 5 test -e locked
rec-write --dir t two >passed 2>err & pid=$!
sleep 0.4
is 'another holds a file: it waits' "$(cat passed)" ''
kill -TERM $pid; wait $pid; st=$?
wait $holder
is '... SIGTERM meanwhile: what was read is still written' "$st $(ids <t/$D)$(ids <passed)" '143 1 1 2 1 2 '
rm locked; (exec 9<t/$D; flock 9; : >locked; exec sleep 20) & holder=$!
within 5 test -e locked
rec-write --dir t in >passed 2>err & pid=$!
sleep 0.4; kill -TERM $pid; sleep 0.2; kill -TERM $pid; wait $pid; st=$?
kill $holder; wait $holder 2>/dev/null
is '... a second one gives up' "$st $(ids <t/$D)$(cat passed)" '143 1 1 2 '
like '... said' err '^rec-write: 6 records were not recorded; those on stdout are$'
rec-write --dir t <go >passed 2>err & pid=$!
exec 3>go
rec 5 >&3; within 5 grep -q '"5"' passed
mv t/$D rotated; mv t/by_session/session_1 gone
rec 7 >&3; within 5 grep -q '"7"' passed
exec 3>&-
wait $pid; is 'a file that is moved away is made anew' "$? $(ids <rotated)/ $(ids <t/$D)$(cat t/by_session/session_1/* | ids)$(cat err)" '0 1 1 2 5 / 7 7 '

# The whole tree is removed under a writer
rec-write --dir t <go >passed 2>err & pid=$!
exec 3>go
rec 1 >&3; within 5 grep -q '"1"' passed
rm -rf t; (rec 2 >&3); exec 3>&-
wait $pid; is 'a tree that is gone is an error' "$? $(ids <passed)" '3 1 '
like '... said' err '^rec-write: t/.*: No such file or directory'
done_testing
