#!/bin/sh
# dedup(1): the first one wins, the order stays, keys are kept between runs.
. "${0%/*}/lib.sh"

seq_rec() { awk -v a="$1" -v b="$2" 'BEGIN { for (i = a; i <= b; i++) printf "{\"id\":\"%d\",\"n\":%d}\n", i, i }'; }
keys_in() { echo $((($(wc -c <"$1") - 32) / 16)); }
lines() { wc -l <"$1" | tr -d ' '; }
# check NAME WANTED-NUMBERS-OF-LINES INPUT OPTIONS...: which lines of the input come out
check() {
	name=$1 want=$2; printf '%s\n' "$3" >input; shift 3
	run dedup "$@" input
	for i in $want; do sed -n "${i}p" input; done >want
	same "$name" "$out" want
	[ $st = 0 ] || is "$name: status" $st 0
}

ok 'no key is status 2' status 2 dedup </dev/null
like '... said' "$err" 'no key: name one with -k'
ok 'a bad path is status 2' status 2 dedup -k 'a..b' </dev/null
like '... said' "$err" "^dedup: -k: 'a..b' is not a path: a name is missing\$"

runs=$top/tests/data/runs.ndjson
ok 'runs without duplicates' status 0 dedup -k id "$runs"
same '... pass byte for byte' "$out" "$runs"
cat "$runs" "$runs" | run dedup -k id --jobs 1
same '... once' "$out" "$runs"

check 'the first one wins, the order stays' '1 2 5' '{"id":"b","n":1}
{"id":"a","n":2}
{"id":"b","n":3}
{"id":"a","n":4}
{"id":"c","n":5}' -k id
check 'a key counts by type and spelling of numbers' '1 2 3 4 5 6' '{"id":1}
{"id":"1"}
{"id":1.0}
{"id":null}
{"id":"null"}
{"id":true}' -k id
check 'a string counts by what it spells' '1 3' '{"id":"A\/中"}
{"id":"\u0041/\u4e2d"}
{"id":"\u0041/"}' -k id
check '64-bit numbers keep their digits' '1 2' '{"id":9007199254740992}
{"id":9007199254740993}
{"id":9007199254740992}' -k id
check 'several keys make one' '1 2 3' '{"a":1,"b":2}
{"a":2,"b":1}
{"a":1,"b":1}
{"b":2,"a":1}' -k a -k b
check 'their borders count' '1 2' '{"a":"x","b":"yz"}
{"a":"xy","b":"z"}' -k a -k b
check 'nested paths' '1 3' '{"a":{"b":[{"c":1},2]}}
{"a":{"b":[{"c":1},3]}}
{"a":{"b":[{"c":2}]}}' -k '.a.b[0].c'
check 'odd names and indexes from the end' '1 2' '{"odd key":[1,2]}
{"odd key":[1,3]}
{"odd key":[7,3]}' -k '["odd key"][-1]'
check 'whole objects' '1 2' '{"o":{"x":1}}
{"o":{"x":2}}
{"o":{"x":1}}' -k o
check 'of equal names the last counts' '1' '{"id":1,"id":2}
{"id":2}
{"id":3,"\u0069d":2}' -k id

printf '%s\n' '{"id":1}' '{"x":1}' '{"a":{"id":2}}' >no-key
ok 'a record without the key is rejected' status 1 dedup -k id -k a.b no-key
is '... and named' "$(head -n 1 "$err")" 'dedup: no-key:1: no value at id or a.b'
run dedup -k id -v no-key
is '-v: the summary' "$(sed 's/seconds=.*//' "$err" | tail -n 1)" 'dedup: read=3 written=1 duplicates=0 rejected=2 '

# --dups
seq_rec 1 3 >a; seq_rec 2 5 >b; rm -f dups
ok '--dups' status 0 dedup -k id --dups dups a b
{ seq_rec 2 3; } >want
same '... has what was dropped' dups want
ok '... again' status 0 dedup -k id --dups dups a a
{ seq_rec 2 3; seq_rec 1 3; } >want
same '... is appended to' dups want
ok '--dups into a missing directory is status 2' status 2 dedup -k id --dups no/such a
ok '--dups into a full disk is status 3' status 3 dedup -k id --dups /dev/full a a
printf '{"id":' >dups
ok '--dups: a last line that was cut' status 0 dedup -k id --dups dups a a
{ echo '{"id":'; cat a; } >want
same '... gets its newline' dups want
cat a a >own; cp own own.was
for in in own '<own'; do	# it would never end; the limit ends it
	ok "--dups into the input ($in) is status 2" status 2 sh -c "ulimit -f 100; dedup -k id --dups own $in"
	is '... said' "$(cat "$err")" 'dedup: --dups: own is read as well; name another file'
	same '... and it is left as it is' own own.was
done

# --seen
ok '--seen: a missing file is an empty one' status 0 dedup -k id --seen missing a
same '...' "$out" a
ok '... and stays missing' test ! -e missing
printf '%s\n' '{"intent":"abc","rows":[1]}' '{"id":"2","record_id":"rec1"}' '' '{"id":"3"}' >ledger
printf '{"id":"1","recor' >>ledger
cp ledger ledger.was
ok '--seen: lines without the key and a torn last line do not matter' status 0 dedup -k id --seen ledger a b
seq_rec 1 5 | grep -v '"[23]"' >want
same '... what is there is dropped' "$out" want
same '... the file is left as it is' ledger ledger.was
ok '--seen: several' status 0 dedup -k id --seen ledger --seen a b
seq_rec 4 5 >want
same '...' "$out" want
cp a own
ok '--seen: what is appended to' status 0 sh -c 'dedup -k id --seen own b >>own'
seq_rec 1 5 >want
same '...' own want
ok '--seen - is status 2' status 2 dedup -k id --seen - a
ok '--seen: what cannot be read is status 3' status 3 dedup -k id --seen . a
is '... and nothing is written' "$(cat "$out")" ''
ln -s loop loop
ok '--seen: nor can a link to itself' status 3 dedup -k id --seen loop a

# --last
seq_rec 1 4 >four
check '--last N forgets the oldest' '1 2 3 4 5 6' '{"id":1}
{"id":2}
{"id":3}
{"id":4}
{"id":1}
{"id":2}' -k id --last 3
check '--last N remembers N' '1 2 3' '{"id":1}
{"id":2}
{"id":3}
{"id":1}
{"id":3}
{"id":2}' -k id --last 3
if [ -z "$SAN" ] && [ -x /usr/bin/time ]; then
	seq_rec 1 400000 | /usr/bin/time -f %M -o peak dedup -k id --last 1000 >"$out"
	ok '--last N bounds the memory' test "$(tail -n 1 peak)" -lt 16000
	is '...' "$(lines "$out")" 400000
else
	skip 2 'memory is not measured here'
fi

# --store
ok '--store' status 0 dedup -k id --store keys a
same '...' "$out" a
is '... holds the keys' "$(keys_in keys)" 3
is '... for the owner only' "$(ls -l keys | cut -c 1-10)" '-rw-------'
ok '... between runs' status 0 dedup -k id --store keys a b
seq_rec 4 5 >want
same '...' "$out" want
is '... only new ones are appended' "$(keys_in keys)" 5
ok '... rejected lines are in nobody'\''s way' status 1 dedup -k id --store keys no-key b
printf torn >>keys
ok '--store: a torn end is cut off' status 0 dedup -k id --store keys b
is '...' "$(cat "$out")" ''
echo 'these are not keys, as anybody can see' >foreign
ok '--store: a foreign file is status 2' status 2 dedup -k id --store foreign a
is '... and left alone' "$(cat foreign)" 'these are not keys, as anybody can see'
for o in --dups --rejects; do
	ok "--store: the file of $o is status 2" status 2 dedup -k id --store both $o both a a no-key
	is '... said' "$(cat "$err")" 'dedup: --store: both is for the keys alone; append the records to another file'
	is '... no record is in it' "$(wc -c <both | tr -d ' ')" 32
	rm -f both
done
mkfifo in out.fifo
dedup -k id --store keys <in >slow.out & pid=$!
exec 3>in
seq_rec 11 11 >&3
within 10 test -s slow.out
ok '--store: two at a time is status 3' status 3 dedup -k id --store keys a
like '... said' "$err" 'another process uses it'

# SIGTERM: what was written is stored, the rest is not
seq_rec 12 13 >&3
within 10 grep -q 13 slow.out
kill -TERM $pid; wait $pid 2>/dev/null; st=$?
exec 3>&-
is '--store: SIGTERM is status 143' $st 143
seq_rec 11 13 >want
same '... the records are out' slow.out want
ok '... and stored' status 0 dedup -k id --store keys slow.out
is '...' "$(cat "$out")" ''

# kill -9 in the middle: no key is stored whose record was not written
rm -f keys
seq_rec 1 300000 >many
for n in 1 2 3; do
	dedup -k id --store keys --jobs $n many >out.fifo 2>/dev/null & pid=$!
	{ head -c ${n}500000 >got; sleep 0.1; kill -9 $pid; cat >>got; } <out.fifo
	wait $pid 2>/dev/null
	stored=$(keys_in keys) written=$(lines got)
	ok "kill -9 (jobs $n): keys stored: $stored, records written: $written" test "$stored" -le "$written" -a "$written" -lt 300000
	dedup -k id --store keys many >rest
	# The last line may be cut; its key must not be stored then.
	sed -n "1,${written}p" got | cat - rest | dedup -k id >all
	cmp -s all many; is '... nothing is lost' $? 0
	ok '... the file is whole' status 0 dedup -k id --store keys many
	is '...' "$(lines "$out")" 0
	rm -f keys
done
dedup -k id --store keys many 2>/dev/null | head -n 1 >/dev/null
dedup -k id --store keys many >rest
ok 'a closed pipe: what was not written is not stored' test "$(lines rest)" -gt 200000
rm -f keys
run dedup -k id --store keys many
ok 'a full disk of the output: nothing is stored' status 3 sh -c 'dedup -k id --store keys2 many >/dev/full'
is '...' "$(keys_in keys2)" 0
if mkdir -p small && mount -t tmpfs -o size=64k none small 2>/dev/null; then
	ok 'a full disk of the store is status 3' status 3 dedup -k id --store small/keys many
	like '... said' "$err" 'small/keys: No space left on device'
	ok '... the file is usable' status 3 dedup -k id --store small/keys many
	umount small
else
	skip 3 'mounting a small file system needs rights'
fi

# many keys: the set grows
awk 'BEGIN { for (i = 0; i < 300000; i++) printf "{\"id\":%d}\n", i % 100003 }' >grow
for j in 1 2; do
	run dedup -k id --jobs $j grow
	head -n 100003 grow >want
	same "100003 keys among 300000, --jobs $j" "$out" want
done
done_testing
