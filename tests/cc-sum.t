#!/bin/sh
# cc-sum(1): exact sums by day, department and user, or any keys; the same in little memory and with any number of threads.
. "${0%/*}/lib.sh"

# check NAME INPUT WANT OPTIONS...
check() {
	name=$1; printf '%s\n' "$2" >input; printf '%s\n' "$3" >want; shift 3
	run cc-sum "$@" input
	same "$name" "$out" want
	[ $st = 0 ] || is "$name: status" $st 0
}
misuse() { name=$1 why=$2; shift 2; ok "$name is status 2" status 2 cc-sum "$@" input; is '... said' "$(head -n 1 "$err")" "cc-sum: $why"; }

# keys and sums
check 'the defaults' '{"timestamp":"2024-01-02T00:00:00Z","user_department":"b","user_name":"x","ch_characters":1,"en_characters":2,"total_characters":4}
{"timestamp":"2024-01-01T16:00:00Z","user_department":"b","user_name":"x","ch_characters":10,"en_characters":20,"total_characters":40}
{"timestamp":"2024-01-01T15:59:59.999999Z","user_department":"b","user_name":"x","ch_characters":100}
{"timestamp":"2024-01-02T08:00:00+08:00","user_department":"a","user_name":"y","total_characters":null}' \
	'{"date":"2024-01-01","department":"b","user_name":"x","ch_characters":100,"en_characters":0,"total_characters":0}
{"date":"2024-01-02","department":"a","user_name":"y","ch_characters":0,"en_characters":0,"total_characters":0}
{"date":"2024-01-02","department":"b","user_name":"x","ch_characters":11,"en_characters":22,"total_characters":44}'
check 'only the count fields that are there' '{"a":1,"en_characters":5}
{"a":2,"ch_characters":null}' '{"a":1,"en_characters":5}
{"a":2,"en_characters":0}' --by a
check '... named ones always' '{"a":1,"en_characters":5}' '{"a":1,"ch_characters":0,"x":0}' --by a --sum ch_characters,x
check 'none of them' '{"a":1}' '{"a":1}' --by a
like '... is worth a word' "$err" '^cc-sum: none of ch_characters,en_characters,total_characters is there: count first'
check '--count' '{"a":1}
{"a":1}
{"a":0}' '{"a":0,"records":1}
{"a":1,"records":2}' --by a --sum '' -c
check 'everything is one group' '{"a":1}
{"a":2}' '{"a":3,"records":2}' --by '' --sum a --count
ok 'nothing in' status 0 cc-sum /dev/null
is '... nothing out' "$(wc -c <"$out" | tr -d ' ') $(cat "$err")" '0 '
check 'paths, odd names, renamed' '{"a":{"b":[1,{"c":"x"}]},"odd, =:key":2,"n":[5]}' '{"k":"x","odd, =:key":2,"a.b[0]":1,"中 x":5}' \
	--by 'k=a.b[1].c,["odd, =:key"],.a.b[0]' --sum '中 x=n[-1]'
check 'of equal names the last counts' '{"a":1,"n":1,"\u0061":2,"n":5}' '{"a":2,"n":5}' --by a --sum n

check 'escapes do not make groups' '{"k":"\u8cc7","n":1}
{"k":"資","n":2}
{"k":"a\/b","n":4}
{"k":"\u0061/b","n":8}' '{"k":"a/b","n":12}
{"k":"資","n":3}' --by k --sum n
check 'types do, in the order of jq' '{"k":{"a":1}}
{"k":"1"}
{"k":1}
{"k":[1]}
{"k":true}
{"k":null}
{"k":false}' '{"k":null}
{"k":false}
{"k":true}
{"k":1}
{"k":"1"}
{"k":[1]}
{"k":{"a":1}}' --by k --sum ''
check 'numbers sort as such, and keep their digits' '{"k":10}
{"k":9}
{"k":-1}
{"k":9007199254740993}
{"k":9007199254740992}
{"k":123456789012345678901234567890}
{"k":1e400}
{"k":1.0}
{"k":1}' '{"k":-1}
{"k":1}
{"k":1.0}
{"k":9}
{"k":10}
{"k":9007199254740992}
{"k":9007199254740993}
{"k":123456789012345678901234567890}
{"k":1e400}' --by k --sum ''
check 'NUL, beginnings and borders of keys' '{"a":"x\u0000","b":"y"}
{"a":"x","b":"\u0000y"}
{"a":"x","b":"y"}
{"a":"","b":"xy"}
{"a":"x\u0000","b":"y"}' '{"a":"","b":"xy","records":1}
{"a":"x","b":"\u0000y","records":1}
{"a":"x","b":"y","records":1}
{"a":"x\u0000","b":"y","records":2}' --by a,b --sum '' -c
check 'a lone surrogate is U+FFFD' '{"a":"\ud800x"}
{"a":"�x"}' '{"a":"�x","records":2}' --by a --sum '' -c

# numbers
check '64 bits and more' '{"n":18446744073709551615,"m":-9223372036854775808}
{"n":18446744073709551615,"m":-9223372036854775808}
{"n":9999999999999999999999999999,"m":1}' '{"n":10000000036893488147419103229,"m":-18446744073709551615}' --by '' --sum n,m
check 'decimals are exact' '{"n":0.1}
{"n":0.2}
{"n":1e-30}
{"n":1.7999999999999998e-05}
{"n":-1e3}' '{"n":-999.699982000000000000001999999999}' --by '' --sum n
for v in '"5"' true '[1]' '{}' '""'; do
	printf '{"n":1}\n{"n":%s,"m":7}\n{"n":2}\n' "$v" >input
	ok "$v is no number: rejected" status 1 cc-sum --by '' --sum m,n --rejects rej input
	is '... named' "$(cat "$err")" 'cc-sum: input:2: n: not a number'
	is '... whole' "$(cat "$out")" '{"m":0,"n":3}'
	is '... kept' "$(cat rej)" "$(sed -n 2p input)"; rm rej
done
for v in 1e28 1e-37 1e400 0.1234567890123456789012345678901234567; do
	printf '{"n":%s}\n{"n":2}\n' "$v" >input
	ok "$v can't be added exactly: rejected" status 1 cc-sum --by '' --sum n input
	is '...' "$(cat "$out" "$err")" '{"n":2}
cc-sum: input:1: n: a number of too many digits to be added exactly'
done

# times
at() { printf '{"t":"%s"}\n' "$@"; }
hours='{"t":"2024-10-27T02:00:00+02:00","records":1}
{"t":"2024-10-27T02:00:00+01:00","records":2}'
check 'an hour that comes twice is two' "$(at 2024-10-27T00:30:00Z 2024-10-27T01:00:00Z 2024-10-27T01:59:59Z)" \
	"$(echo "$hours" | sort)" --by t:hour --tz Europe/Berlin --sum '' -c
check 'a day of 23 hours' "$(at 2024-03-30T22:59:59Z 2024-03-30T23:00:00Z 2024-03-31T21:59:59Z 2024-03-31T22:00:00Z)" '{"t":"2024-03-30","records":1}
{"t":"2024-03-31","records":2}
{"t":"2024-04-01","records":1}' --by t:day --tz Europe/Berlin --sum '' -c
check 'a month' "$(at 2024-01-31T15:59:59Z 2024-01-31T16:00:00Z)" '{"m":"2024-01"}
{"m":"2024-02"}' --by m=t:month --sum ''
check 'a time without a zone is UTC' "$(at 2024-01-31T16:00:00)" '{"t":"2024-02-01"}' --by t:day --sum ''
check 'a date is that day everywhere' "$(at 2024-01-31)" '{"t":"2024-01-31","m":"2024-01"}' --by t:day,m=t:month --tz America/New_York --sum ''
check 'years far away' "$(at 0001-01-01T00:00:00Z 9999-12-31T15:59:59Z 1890-01-01T00:00:00Z)" '{"t":"0001-01-01"}
{"t":"1890-01-01"}
{"t":"9999-12-31"}' --by t:day --sum ''
check 'an offset as zone' "$(at 2024-01-31T18:29:59Z 2024-01-31T18:30:00Z)" '{"t":"2024-01-31T23:00:00+05:30"}
{"t":"2024-02-01T00:00:00+05:30"}' --by t:hour --tz +05:30 --sum ''
check 'UTC' "$(at 2024-01-31T23:59:59Z)" '{"t":"2024-01-31T23:00:00Z"}' --by t:hour --tz UTC --sum ''
printf '%s\n' '{"t":5}' '{"t":"x"}' '{"t":null}' '{"u":1}' '{"t":"9999-12-31T16:00:00Z"}' '{"t":"2024-01-01"}' >input
ok 'what is no time is rejected' status 1 cc-sum --by t:hour input
is '... by name' "$(cat "$err")" 'cc-sum: input:1: t: not a time
cc-sum: input:2: t: not a time
cc-sum: input:3: t: not a time
cc-sum: input:4: t: no such value
cc-sum: input:5: t: not a time within the years 1 to 9999
cc-sum: input:6: t: a date without an hour'
is '... and nothing comes out' "$(cat "$out")" ''
echo '{"a":1}' >input
for z in Asia/Nowhere Asia ../Taipei +8 Taipei; do misuse "zone $z" "--tz: $z: no such time zone here" --tz $z; done

echo '{"a":1}' >input
ok 'without zone data, an unknown zone too' status 2 env TZDIR=/nowhere cc-sum input
ok '... but an offset is known' status 0 env TZDIR=/nowhere cc-sum --tz +08:00 --by a input
ok '... and where no time is cut, none is needed' status 0 env TZDIR=/nowhere cc-sum --by a input

# misuse
misuse 'a bad path' "--by: 'a..b' is not a path: a name is missing" --by a..b
misuse 'an empty key' "--by: '' is not a path: it is empty" --by a,
misuse 'an unknown cut' "--by: 'a:week' ends with ':week'; there are :day, :hour and :month" --by a:week
misuse 'a cut of a sum' "--sum: 'a:day' ends with ':day'; only keys have that" --sum a:day
misuse 'a missing name' "--by: '=a': a name is missing" --by =a
misuse 'two of a name' "two fields are called 'a': rename one, as in NAME=a" --by a --sum a
misuse '... also records' "two fields are called 'records': rename one, as in NAME=records" --by records --count
misuse 'too little memory' "--memory: 1000 is not in 1048576..1099511627776" --memory 1000

# nothing that looks complete and is not
printf '%s\n' '{"a":1}' '{' '{"a":2}' >input
ok 'a bad line' status 1 cc-sum --by a input
is '... is left out' "$(cat "$out")" '{"a":1}
{"a":2}'
ok '--strict stops' status 1 cc-sum --strict --by a input
is '... without sums' "$(cat "$out")" ''
like '... and says so' "$err" '^cc-sum: no sums are written: not everything was read$'
ok 'a file that cannot be read' status 3 cc-sum --by a input missing
is '... no sums either' "$(cat "$out")" ''
echo '{"a":1}' >input
ok 'a full disk is status 3' status 3 sh -c 'cc-sum --by a input >/dev/full'
run cc-sum --by a -v --sum '' input input
is '-v: the summary' "$(sed 's/seconds=.*//' "$err")" 'cc-sum: read=2 groups=1 rejected=0 spilled=0 '

# little memory: 60000 groups and keys of megabytes, in runs
awk 'BEGIN { for (i = 0; i < 150000; i++) printf "{\"k\":\"key number %d\",\"n\":%d,\"x\":0.5}\n", i * 7919 % 60000, i }' >many
run cc-sum --by k --sum n,x --count --jobs 1 -v many
cp "$out" whole
like '60000 groups fit' "$err" 'groups=60000 .*spilled=0 '
sort <whole >sorted
same '... sorted' whole sorted
for j in 1 3; do
	run cc-sum --by k --sum n,x --count --memory 1M --jobs $j -v many
	same "--memory 1M --jobs $j: the same" "$out" whole
	like '... through a file' "$err" 'groups=60000 .*spilled=[1-9]'
done
is '... which is gone' "$(find . -maxdepth 1 -name 'llmutils.*')" ''
head -n 8000 many >some
cc-sum --by k --sum n,x --count some >some.whole
mkdir tmp
if [ -z "$VALGRIND" ]; then
	ok 'no directory for it is status 3' status 3 env TMPDIR="$T/none" cc-sum --by k --memory 1M many
	like '... said' "$err" "^cc-sum: $T/none: No such file or directory$"
	is '... nothing written' "$(cat "$out")" ''
else
	skip 3 'valgrind has files of its own there'
fi
if mount -t tmpfs -o size=1m none tmp 2>/dev/null; then
	ok 'a full TMPDIR is status 3' status 3 env TMPDIR="$T/tmp" cc-sum --by k --memory 1M many
	like '... said' "$err" "^cc-sum: $T/tmp: No space left on device$"
	is '... nothing written' "$(cat "$out")" ''
	umount tmp
else
	skip 3 'mounting a small file system needs rights'
fi
if [ -z "$SAN" ] && [ -f "$B/fault.so" ]; then
	for act in short EINTR; do
		for n in 1 3; do
			FAULT_AT=$n FAULT_ACT=$act FAULT_CALLS=write LD_PRELOAD=$B/fault.so run cc-sum --by k --sum n,x -c --memory 1M --jobs 1 some
			same "$act writes from the ${n}th on do not matter" "$out" some.whole
		done
	done
	FAULT_AT=3 FAULT_ACT=ENOSPC FAULT_CALLS=write LD_PRELOAD=$B/fault.so run cc-sum --by k --sum n,x -c --memory 1M --jobs 1 some
	is 'a disk that fills up is status 3' "$st $(cat "$out")" '3 '
	like '... said' "$err" ': No space left on device$'
else
	skip 6 'no faults are made here'
fi
head -c 10000000 /dev/zero | tr '\0' x >x
for i in 1 2 3 2; do printf '{"k":"%s%s","n":%s}\n' "$(cat x)" $i $i; done >long
run cc-sum --by k --sum n long; cp "$out" whole
is 'keys of 10 MB' "$(sed 's/xx*/x/' whole)" '{"k":"x1","n":1}
{"k":"x2","n":4}
{"k":"x3","n":3}'
run cc-sum --by k --sum n --memory 1M long
same '... in runs' "$out" whole

if [ -z "$SAN" ] && [ -x /usr/bin/time ]; then
	awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "{\"k\":\"user %d\",\"n\":1}\n", i * 7919 % 1000000 }' >million
	for m in 1 16; do
		/usr/bin/time -f %M -o peak cc-sum --by k --sum n --memory ${m}M --jobs 1 million >"$out"
		ok "a million groups in $m MB: peak $(tail -n 1 peak) KB" test "$(tail -n 1 peak)" -lt $((m * 1024 + 6144))
		is '... all there' "$(grep -c '"n":1}$' "$out")" 1000000
	done
	LC_ALL=C sort -c "$out"; is '... sorted' $? 0
else
	skip 5 'memory is not measured here'
fi

# times of an hour that was seen before are not read anew, but those with an escape are
for z in UTC Asia/Taipei America/New_York Australia/Lord_Howe Asia/Kathmandu -03:30; do
	awk -v seed=7 'BEGIN {
		srand(seed)
		split("2026-11-01T0 2026-03-08T0 2026-04-04T1 2026-04-05T0 2026-10-03T1 2025-12-31T2 2026-01-01T0 2024-02-29T1 1970-01-01T0", day, " ")
		split("Z|Z|Z|+08:00|-05:00|+05:45|+0530|-03||z|X|,5Z|.5Z|5Z|+24:00", zone, "|")
		split(".5|.123456|.|,25|.000000001||||", fraction, "|")
		for (i = 0; i < 20000; i++)
			printf "%s%d:%d%d:%d%d%s%s\n", day[1 + int(rand() * 9)], rand() * 10, rand() * 6.02, rand() * 10, rand() * 6.05, rand() * 10,
			    fraction[1 + int(rand() * 9)], zone[1 + int(rand() * 15)]
	}' >times
	sed 's/.*/{"t":"&"}/' times >seen
	sed 's/^\(.\)\(.*\)/{"t":"\\u003\1\2"}/' times >anew
	for cut in day hour month; do
		cc-sum --tz $z --by d=t:$cut,x=t:hour --count --sum '' -q --rejects seen.bad seen >seen.out 2>seen.err
		cc-sum --tz $z --by d=t:$cut,x=t:hour --count --sum '' -q --rejects anew.bad --jobs 1 anew >anew.out 2>anew.err
		sed 's/\\u003//' anew.bad >anew.bad.plain
		same "20000 times by $cut in $z, seen before or not" seen.out anew.out
		same '... and those that are none' seen.bad anew.bad.plain
		rm -f seen.bad anew.bad
	done
done
ok '... many are good, many are not' test "$(wc -l <seen.out)" -gt 100 -a "$(wc -l <anew.bad.plain)" -gt 1000

# members in the order of the record before, and not
check 'members change places' '{"a":"x","n":1,"m":5}
{"n":2,"a":"x","m":5}
{"n":4,"a":"x","a":"y"}
{"a":"z","\u0061":"x","n":8}
{"a":"x","n":16,"m":{"n":7},"n":32}
{"a":"y","n":64,"m":5}
{"a":"y","o":3,"m":5}' '{"a":"x","n":43}
{"a":"y","n":68}' --by a --sum n

# against Python
if command -v python3 >/dev/null && python3 -c 'import zoneinfo; zoneinfo.ZoneInfo("Asia/Taipei")' 2>/dev/null; then
	n=20000; [ -z "$SAN" ] || n=5000
	python3 "$top/tests/data/usage.py" make $n 1 >entries
	# Threads that get no block share nothing with those that do: the file of the runs above all.
	head -n 5000 entries >few
	run cc-sum --by hour=timestamp:hour,department=user_department,user_name --jobs 1 few; cp "$out" want
	run cc-sum --by hour=timestamp:hour,department=user_department,user_name --memory 1M --jobs 8 few
	same 'more threads than blocks' "$out" want
	for z in Asia/Taipei America/New_York Australia/Lord_Howe; do
		for by in day hour; do
			[ "$z $by" != 'Asia/Taipei hour' ] || by=month
			python3 "$top/tests/data/usage.py" sum $by $z ch_characters en_characters <entries >want
			run cc-sum --tz $z --by $by=timestamp:$by,department=user_department,user_name entries
			same "$n entries by $by in $z, as Python sums them" "$out" want
			[ "$st $(wc -l <want)" != '0 0' ] || is '... status' $st 0
			run cc-sum --tz $z --by $by=timestamp:$by,department=user_department,user_name --memory 1M --jobs 2 entries
			same '... in runs' "$out" want
		done
	done
else
	skip 13 'python3 with zoneinfo is not installed'
fi
done_testing
