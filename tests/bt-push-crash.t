#!/bin/sh
# bt-push: every row exactly once, whatever dies when.
#
# The shim tests/fault.c kills bt-push at its n-th write, fsync, send, receive, rename: before the
# request, after the service has committed and before the answer is read, between answer and
# ledger, in the middle of a ledger line.  Then it runs again without the shim.
. "${0%/*}/lib.sh"

FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret FEISHU_BASE_ID=bascnTest FEISHU_TABLE_ID=tblTest
standin feishu
FEISHU_ENDPOINT=$URL
export FEISHU_APP_ID FEISHU_APP_SECRET FEISHU_BASE_ID FEISHU_TABLE_ID FEISHU_ENDPOINT
rows() { get /_test/rows; }
stat_of() { get /_test/stats | json "r.$1"; }
gen() {	# PREFIX N: rows
	row=1
	while [ $row -le "$2" ]; do
		echo "{\"run_id\":\"$1-$row\",\"timestamp\":\"2026-11-20T10:00:00Z\",\"input\":\"text $1 $row\"}"
		row=$((row + 1))
	done
}
# once PREFIX N LEDGER: the table has PREFIX-1..N once each, the ledger their record ids and nothing unsettled
once() {
	rows | json_all "rows.filter((r) => r.run_id.startsWith('$1-')).map((r) => r.run_id + ' ' + r.record_id).sort().join('\\n')" >have
	json_all "rows.filter((r) => r.record_id).map((r) => r.run_id + ' ' + r.record_id).sort().join('\\n')" <"$3" >told
	[ "$(grep -c . have)" = "$2" ] && [ -z "$(cut -d' ' -f1 have | uniq -d)" ] && cmp have told && ! grep -q intent "$3"
}
faults() { post /_test/faults "$1" >/dev/null; }
create='POST /open-apis/bitable/v1/apps/bascnTest/tables/tblTest/records/batch_create'

# --- killed at every point
if [ -n "$SAN" ]; then
	skip 3 'the shim cannot be loaded before a sanitizer'
else
	gen probe 6 >in
	LD_PRELOAD=$B/fault.so FAULT_AT=0 FAULT_LOG=calls bt-push --ledger l.probe --batch 2 in >/dev/null
	calls=$(cat calls)
	ok 'the run makes calls enough to kill it in' test "$calls" -ge 25
	n=0 killed=0
	while [ $n -lt "$calls" ]; do
		n=$((n + 1))
		gen "k$n" 6 >in
		LD_PRELOAD=$B/fault.so FAULT_AT=$n FAULT_ACT=kill bt-push --ledger "l.$n" --batch 2 in >/dev/null 2>err
		[ $? = 137 ] && killed=$((killed + 1))
		bt-push --ledger "l.$n" --batch 2 in >/dev/null 2>err || { echo "# after a kill at $n:"; cat err; }
	done
	ok 'it was killed at each of them' test "$killed" -ge $((calls - 2))
	rows | json r.run_id | sort >have
	i=0; while [ $i -lt $n ]; do i=$((i + 1)); gen "k$i" 6; done | json r.run_id | sort >want
	gen probe 6 | json r.run_id | sort | cat - want | sort >want2
	same "all rows of $n killed runs stand there once" have want2
	bad=; i=0
	while [ $i -lt $n ]; do i=$((i + 1)); [ "$(grep -c '"record_id"' "l.$i")" = 6 ] && ! grep -q intent "l.$i" || bad="$bad $i"; done
	is 'each ledger has six receipts and nothing open' "$bad" ''
fi

# --- the service fails
n=0
while IFS='|' read -r what times fault; do
	n=$((n + 1))
	gen "f$n" 5 >in
	faults "[$fault]"
	run bt-push -v --ledger "l.f$n" --batch 2 --timeout 1s in
	is "$what: the run comes through" $st "$times"
	[ "$st" = 0 ] || { faults '[]'; run bt-push -v --ledger "l.f$n" --batch 2 in; }
	ok "$what: every row once" once "f$n" 5 "l.f$n"
done <<E
a reset before the request is done|0|{"route":"$create","nth":2,"act":"reset"}
a reset after the service committed|0|{"route":"$create","nth":2,"act":"reset-after"}
half an answer after the commit|0|{"route":"$create","nth":2,"act":"truncate"}
a torn gzip answer after the commit|0|{"route":"$create","nth":2,"act":"truncate-gzip"}
a proxy page instead of the answer|0|{"route":"$create","nth":2,"act":"garbage"}
no answer after the commit|0|{"route":"$create","nth":2,"act":"hang-after"}
HTTP 500|0|{"route":"$create","nth":1,"act":"status","status":500,"body":"oops"}
HTTP 504 and 1255040 after the commit|0|{"route":"$create","nth":1,"act":"after","status":504,"body":{"code":1255040,"msg":"timed out"}}
HTTP 429 with the rate headers|0|{"route":"$create","nth":1,"act":"status","status":429,"headers":{"x-ogw-ratelimit-limit":"50","x-ogw-ratelimit-reset":"0.2"},"body":{"code":99991400,"msg":"request trigger frequency limit"}}
1254290 too many requests|0|{"route":"$create","nth":1,"act":"status","status":200,"body":{"code":1254290,"msg":"TooManyRequest"}}
1254291 write conflict|0|{"route":"$create","nth":1,"act":"status","status":200,"body":{"code":1254291,"msg":"Write conflict"}}
1254607 data not ready, twice|0|{"route":"$create","nth":1,"times":2,"act":"status","status":400,"body":{"code":1254607,"msg":"Data not ready"}}
1254607 again and again: halved|0|{"route":"$create","nth":1,"times":3,"act":"status","status":400,"body":{"code":1254607,"msg":"Data not ready"}}
the token dies in mid-run|0|{"route":"$create","nth":2,"act":"status","status":400,"body":{"code":99991663,"msg":"Invalid access token for authorization"}}
1254608 after the commit: the table is asked|0|{"route":"$create","nth":2,"act":"after","status":403,"body":{"code":1254608,"msg":"same request"}}
1255006 and not written: the table is asked|0|{"route":"$create","nth":2,"act":"status","status":400,"body":{"code":1255006,"msg":"client token conflict"}}
E
gen q 5 >in
get /_test/log >/dev/null
faults "[{\"route\":\"$create\",\"nth\":2,\"times\":0,\"act\":\"status\",\"status\":400,\"body\":{\"code\":99991403,\"msg\":\"This month's API call quota has been exceeded\"}}]"
post /_test/log '' >/dev/null
run bt-push --ledger l.q --batch 2 in
is 'the monthly quota ends the run: status 3' $st 3
like 'with the code and advice' err 'code 99991403.*used up.*next month'
is 'and is never asked again' "$(get /_test/log | json_all 'rows[0].filter((x) => /batch_create/.test(x.path)).length')" 2
faults '[]'
ok 'run again next month' status 0 bt-push --ledger l.q --batch 2 in
ok 'every row once' once q 5 l.q
gen g 5 >in
faults "[{\"route\":\"$create\",\"nth\":2,\"times\":0,\"act\":\"after\",\"status\":504,\"body\":{\"code\":1255040,\"msg\":\"timed out\"}}]"
run bt-push --ledger l.g --batch 2 --max-retries 1 in
is 'a service that stays ill: status 3' $st 3
like 'which says that the outcome is unknown' err 'unknown whether the last batch was written.*l\.g'
faults '[]'
run bt-push --ledger l.g --batch 2 in
like 'the next run settles it' err 'settled 2 rows'
ok 'every row once' once g 5 l.g

gen h 5 >in
faults "[{\"route\":\"$create\",\"nth\":1,\"act\":\"reset-after\"},{\"route\":\"$create\",\"nth\":2,\"times\":3,\"act\":\"status\",\"status\":400,\"body\":{\"code\":1254607,\"msg\":\"Data not ready\"}}]"
run bt-push --ledger l.h in
is 'refused after a try whose outcome is unknown: not halved, status 3' $st 3
ok 'the next run settles it' status 0 bt-push --ledger l.h in
ok 'every row once' once h 5 l.h

# --- an intent that is too old for its key, and a service that forgot it
for committed in yes no; do
	p=old$committed; gen $p 4 >in
	[ $committed = yes ] && act=reset-after || act=reset
	faults "[{\"route\":\"$create\",\"nth\":1,\"times\":0,\"act\":\"$act\"}]"
	run bt-push --ledger l.$p --max-retries 0 in
	is "committed $committed: status 3" $st 3
	faults '[]'
	sed -i 's/"at":"[^"]*"/"at":"2026-01-01T00:00:00.000Z"/' l.$p
	post /_test/config '{"forget":true}' >/dev/null
	ok "committed $committed: the table is asked" status 0 bt-push --ledger l.$p in
	ok "committed $committed: every row once" once $p 4 l.$p
done
# the young intent whose key the service has lost meanwhile is told by 1255006 or replayed; never sent anew
gen cl 4 >in
faults "[{\"route\":\"$create\",\"nth\":1,\"times\":0,\"act\":\"reset-after\"}]"
run bt-push --ledger l.cl --max-retries 0 in
faults '[]'
head -n 2 in >fewer
before=$(stat_of replays)
ok 'fewer rows come the next time' status 0 bt-push --ledger l.cl fewer
is 'the batch was settled as it had been sent' "$(stat_of replays)" $((before + 1))
ok 'every row once' once cl 4 l.cl

# --- two at once
gen two 60 >in
bt-push --ledger l.two --batch 5 in >o1 2>e1 & a=$!
bt-push --ledger l.two --batch 5 in >o2 2>e2 & b=$!
wait $a; sa=$?; wait $b; sb=$?
is 'two on one ledger: both end well' "$sa $sb" '0 0'
ok 'every row once' once two 60 l.two
is 'and never wrote at the same time' "$(stat_of max_concurrent_writes)" 1

# --- no room
if [ -z "$SAN" ]; then
	gen e 6 >in
	LD_PRELOAD=$B/fault.so FAULT_AT=0 FAULT_CALLS=write,fsync FAULT_LOG=calls bt-push --ledger l.e0 --batch 2 in >/dev/null
	calls=$(cat calls) n=0 worst=0
	while [ $n -lt "$calls" ]; do
		n=$((n + 1)); gen "e$n" 6 >in
		LD_PRELOAD=$B/fault.so FAULT_AT=$n FAULT_ACT=ENOSPC FAULT_CALLS=write,fsync \
			bt-push --ledger "l.e$n" --batch 2 in >/dev/null 2>err; s=$?
		[ $s = 3 ] && grep -q 'No space left' err || { echo "# at $n: status $s: $(cat err)"; worst=1; }
		bt-push --ledger "l.e$n" --batch 2 in >/dev/null 2>err || worst=1
		once "e$n" 6 "l.e$n" >/dev/null || { echo "# at $n: not once"; worst=1; }
	done
	is "a full disk at each of $calls writes: status 3, and the next run completes" $worst 0
else
	skip 1 'the shim cannot be loaded before a sanitizer'
fi
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=16k tmpfs small 2>/dev/null; then
	gen tm 400 >in
	run bt-push --ledger small/ledger --batch 50 in
	is 'a ledger on a full file system: status 3' $st 3
	like 'said so' err 'small/ledger: No space left on device'
	cp small/ledger l.tm; umount small
	ok 'moved to where there is room' status 0 bt-push --ledger l.tm --batch 50 in
	ok 'every row once' once tm 400 l.tm
else
	skip 4 'mounting needs root'
fi

# --- tokens that live two seconds
standin_stop
standin feishu --expire 2 --lat 150
FEISHU_ENDPOINT=$URL
gen ex 40 >in
ok 'tokens that expire in mid-run are renewed' status 0 bt-push --ledger l.ex --batch 2 in
ok 'more than one was needed' test "$(stat_of token_grants)" -gt 1
ok 'every row once' once ex 40 l.ex
done_testing
