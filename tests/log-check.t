#!/bin/sh
# log-check(1): entries that are as they should be pass, their times become UTC; the others are named, field by field.
. "${0%/*}/lib.sh"

example='{"timestamp":"2021-01-01T00:00:00Z","domain_name":"botrun.ai","user_department":"test_org","user_name":"user_1","source_ip":"127.0.0.1","session_id":"session_1","action_type":"交談","developer":"JcXGTcW","action_details":"~!@#$%^&*()_+台灣No.1","model":"gpt-4o","botrun":"波程.botrun","user_agent":"user_agent","resource_id":"resource_1"}'
printf '%s\n' "$example" >example
# entry FIELD JSON: the example with a field set to this; without JSON the field is removed
entry() {
	if [ $# = 1 ]; then
		sed "s/\"$1\":\"[^\"]*\",//" example
	else
		V=$2 awk -v f="\"$1\":" '{ i = index($0, f) + length(f); rest = substr($0, i + 1); j = index(rest, "\"")
			print substr($0, 1, i - 1) ENVIRON["V"] substr(rest, j + 1) }' example
	fi
}
# good NAME FIELD JSON: passes as it is;  bad NAME REASON FIELD [JSON]
good() { entry "$2" "$3" >input; run log-check input; same "$1" "$out" input; [ $st = 0 ] || is "$1: status" $st 0; }
bad() {
	bad_name=$1 bad_want=$2; shift 2
	entry "$@" >input
	ok "$bad_name" status 1 log-check --rejects rejected input
	is '... named' "$(cat "$err")" "log-check: input:1: $bad_want"
	is '... and not written' "$(cat "$out")" ''
	same '... but kept' rejected input
	rm -f rejected
}
# time NAME GIVEN WANTED OPTIONS...
time_is() {
	tm_name=$1 tm_given=$2 tm_want=$3; shift 3
	entry timestamp "\"$tm_given\"" >input
	entry timestamp "\"$tm_want\"" >want
	run log-check "$@" input
	same "$tm_name" "$out" want
}

ok 'the example of the issue passes' status 0 log-check example
same '... byte for byte' "$out" example
printf ' \t{"x" : 1e400,"timestamp"\t:"2021-01-01T08:00:00+08:00","n":9007199254740993 , "timestamp" : "2021-01-01T09:00:00+08:00",%s \r\n' \
	"$(cut -c 36- example | sed 's/^,*//')" >odd
sed 's/2021-01-01T09:00:00+08:00/2021-01-01T01:00:00Z/' odd >want
ok 'only the time stamp changes, the one that counts' status 0 log-check odd
same '... every other byte stays' "$out" want

for f in domain_name user_department user_name source_ip session_id action_type timestamp developer; do
	bad "$f: missing" "$f: missing" $f
	bad "$f: null" "$f: wrong type: not a string but null" $f null
	bad "$f: a number" "$f: wrong type: not a string but a number" $f 5
	bad "$f: empty" "$f: empty" $f '""'
	bad "$f: only white space" "$f: empty" $f '" \t\u3000　\u00a0\n"'
done
for f in action_details model botrun user_agent; do
	good "$f: null" $f null
	good "$f: empty" $f '""'
	bad "$f: an array" "$f: wrong type: not a string but an array" $f '["a"]'
	entry $f >input
	ok "$f: may be missing" status 0 log-check input
	same '...' "$out" input
done
bad 'resource_id: an object' 'resource_id: wrong type: not a string but an object' resource_id '{}'
bad 'model: a boolean' 'model: wrong type: not a string but a boolean' model false
good 'a name of white space and more' user_name '"　王 "'
good 'escapes stay as they are' user_name '"\u738b\/\ud800\u0000"'
good 'a name that begins as white space does' user_name '"\u3001"'

for a in 0.0.0.0 255.255.255.255 ::1 2001:db8::ff00:42:8329 ::ffff:192.0.2.1 fe80::1; do good "address $a" source_ip "\"$a\""; done
good 'address with escapes' source_ip '"\u0031.2.3.4"'
for a in localhost 1.2.3 1.2.3.256 1.2.3.04 1.2.3.4:80 '[::1]' 'fe80::1%eth0' 1::2::3 ' 1.2.3.4' '1.2.3.4\u0000' 10.0.0.0/8; do
	entry source_ip "\"$a\"" >input
	ok "address '$a' is refused" status 1 log-check input
	like '...' "$err" 'input:1: source_ip: not an IP address$'
done

time_is 'UTC' 2021-01-01T00:00:00Z 2021-01-01T00:00:00Z
time_is 'a zone' 2021-01-01T08:00:00+08:00 2021-01-01T00:00:00Z
time_is 'a blank, a zone without a colon' '2020-12-31 20:30:00-0330' 2021-01-01T00:00:00Z
time_is 'milliseconds stay' 2021-01-01T08:00:00.250+08:00 2021-01-01T00:00:00.250Z
time_is 'microseconds stay' 2021-01-01T08:00:00.000001+08:00 2021-01-01T00:00:00.000001Z
time_is 'what is less is cut' 2021-12-31T23:59:59.9999999Z 2021-12-31T23:59:59.999999Z
time_is 'without seconds' 2021-01-01T00:00+00:00 2021-01-01T00:00:00Z
time_is 'a date' 2021-01-01 2021-01-01T00:00:00Z
time_is 'small letters' 2021-01-01t00:00:00z 2021-01-01T00:00:00Z
time_is 'a leap second' 2016-12-31T23:59:60Z 2017-01-01T00:00:00Z
time_is 'escapes' '2021-01-01\u005400:00:00\u005a' 2021-01-01T00:00:00Z
time_is 'without a zone: UTC' 2021-01-01T08:00:00.5 2021-01-01T08:00:00.5Z
export TZ=Asia/Taipei
time_is '... whatever TZ is' 2021-01-01T08:00:00 2021-01-01T08:00:00Z
export TZ=UTC
time_is '--tz' 2021-01-01T08:00:00.5 2021-01-01T00:00:00.5Z --tz Asia/Taipei
time_is '--tz: a time with a zone is not touched' 2021-01-01T08:00:00Z 2021-01-01T08:00:00Z --tz Asia/Taipei
time_is '--tz: an offset' 2021-01-01T08:00:00 2021-01-01T00:00:00Z --tz=+08:00
time_is '--tz: summer' 2024-07-01T00:00:00 2024-06-30T22:00:00Z --tz Europe/Berlin
time_is '--tz: winter' 2024-12-01T00:00:00 2024-11-30T23:00:00Z --tz Europe/Berlin
time_is '--tz: of a time that comes twice, the first' 2024-10-27T02:30:00 2024-10-27T00:30:00Z --tz Europe/Berlin
time_is '--tz: clocks that change at one minute past' 2003-10-26T00:00:59 2003-10-26T02:30:59Z --tz America/St_Johns
time_is '... and are changed' 2003-10-26T00:01:00 2003-10-26T03:31:00Z --tz America/St_Johns
time_is '... in spring' 2005-04-03T01:11:00 2005-04-03T03:41:00Z --tz America/St_Johns
time_is '... at a half minute' 1972-01-07T00:44:31 1972-01-07T00:44:31Z --tz Africa/Monrovia
time_is 'the first year' 0001-01-01T00:00:00Z 0001-01-01T00:00:00Z
time_is 'the last year' 9999-12-31T23:59:59.999999Z 9999-12-31T23:59:59.999999Z
for t in yesterday 1609459200 2021-02-29T00:00:00Z 2021-01-01T24:00:00Z 2021-1-1T00:00:00Z 20210101T000000Z 2021-01-01T00:00:00+8 \
	'2021-01-01T00:00:00Z ' 0001-01-01T00:00:00+00:01 9999-12-31T23:59:59-00:01 '2021-01-01T00:00:00Z\u0000' 2021-01-01T00:00:00.Z; do
	entry timestamp "\"$t\"" >input
	ok "time '$t' is refused" status 1 log-check input
	is '...' "$(cat "$err")" 'log-check: input:1: timestamp: not a time'
done
ok 'an unknown zone is status 2' status 2 log-check --tz Asia/Nowhere example
is '... said' "$(cat "$err")" 'log-check: --tz: Asia/Nowhere: no such time zone here'

# --stamp
# when TEXT: milliseconds since 1970
when() { node -p 'new Date(process.argv[1]).getTime()' "$1"; }
cat example odd >input
sed 's/"x" : 1e400,/"x" : 1e400,"create_timestamp": null ,/' odd >null
entry resource_id '"r","create_timestamp":"x"' >has
entry resource_id '"r","create_timestamp":0,"create_timesta\u006dp":null' >twice
cat null has twice >>input
from=$(node -p 'Date.now()')
ok '--stamp' status 0 log-check -v --stamp create_timestamp input
to=$(node -p 'Date.now()')
stamp=$(head -n 1 "$out" | json 'r.create_timestamp')
like 'a time of RFC 3339 to the millisecond, in UTC' "$out" '^[{].*"resource_id":"resource_1","create_timestamp":"20[0-9-]{8}T[0-9:]{8}[.][0-9]{3}Z"[}]$'
ok '... when the run began' test "$from" -le "$(when "$stamp")" -a "$(when "$stamp")" -le "$to"
{
	sed "s/}\$/,\"create_timestamp\":\"$stamp\"}/" example
	sed "s/2021-01-01T09:00:00+08:00/2021-01-01T01:00:00Z/; s/} /,\"create_timestamp\":\"$stamp\"} /" odd
	sed "s/2021-01-01T09:00:00+08:00/2021-01-01T01:00:00Z/; s/null/\"$stamp\"/" null
	cat has
	sed "s/null/\"$stamp\"/" twice
} >want
same '... in place of null or last, the same in each, every other byte stays; what is there stays' "$out" want
like '... and counted apart from the times' "$err" 'written=5 normalised=2 rejected=0'
ok '--stamp: an odd name' status 0 log-check --stamp 'a\ "b"' example
is '... is written as JSON' "$(json 'Object.keys(r)[13]' <"$out")" 'a\ "b"'
for f in timestamp model; do
	ok "--stamp: not $f, the entry's own" status 2 log-check --stamp $f example
done
ok '--stamp: not what is no UTF-8' status 2 log-check --stamp "$(printf 'a\377')" example
gen logs 3M >logs
run log-check --stamp t --jobs 3 logs
is '--stamp: the same time for all threads' "$(sed 's/.*"t"://' "$out" | sort -u | wc -l | tr -d ' ')" 1
is '... and all entries' "$(grep -c '"t":"[^"]*"}$' "$out")" "$(wc -l <logs | tr -d ' ')"

echo '{"timestamp":"x","user_name":" ","source_ip":"1","session_id":7,"action_type":"a","model":1}' >worst
ok 'one reason names all faults' status 1 log-check worst
is '... field by field' "$(cat "$err")" 'log-check: worst:1: timestamp: not a time; domain_name: missing; user_department: missing; user_name: empty; source_ip: not an IP address; session_id: wrong type: not a string but a number; developer: missing; model: wrong type: not a string but a number'
cat example worst odd >three
run log-check -v three
is '-v: the summary' "$(sed 's/seconds=.*//' "$err" | tail -n 1)" 'log-check: read=3 written=2 normalised=1 rejected=1 '
ok '--strict stops' status 1 log-check --strict three
is '... at the first' "$(wc -l <"$out" | tr -d ' ')" 1
ok 'a full disk is status 3' status 3 sh -c 'log-check example >/dev/full'

ok 'generated entries pass' status 0 log-check --jobs 1 logs
same '... as they are' "$out" logs
sed 's/Z"/+08:00"/; 5~7s/"source_ip":"/&x/' logs >zoned
run log-check -q --jobs 1 --rejects r1 zoned; mv "$out" one
run log-check -q --jobs 3 --rejects r3 zoned
same '--jobs does not matter' "$out" one
same '... nor for the rejects' r1 r3
is '... all are there' "$(cat one r1 | wc -l)" "$(wc -l <logs)"

# The example of the READMEs, in a directory of its own, as a new user has it who has made a key; BigQuery is for bq-load's tests.
for f in README.md README.zh-CN.md; do
	awk '/^```sh/ { block = ""; text = 1; next } /^```/ { if (block ~ /^log-check|[\n]log-check/) { printf "%s", block; exit } text = 0 }
		text && !/^bq-load / { block = block $0 "\n" }' "$top/$f" >example.sh
	mkdir "$f"
	cp example "$f/entries.ndjson"
	ok "$f: the example runs" status 0 env -C "$f" BOTRUN_LOG_AES_KEY="$(head -c 32 /dev/urandom | base64)" bash -e -o pipefail ../example.sh
	is '... with nothing to complain of' "$(cat "$err")" ''
	is '... sums the day, loads, and asks' "$(cat "$out")" '{"date":"2021-01-01","department":"test_org","user_name":"user_1","ch_characters":2,"en_characters":2,"total_characters":19}
{"user_name":"user_1","n":19}'
	is '... and what is in the database is sealed' "$(sql-query --db "sqlite:$f/logs.db" \
		"SELECT count(*) AS n FROM test_org_logs WHERE action_details LIKE 'v1:%'")" '{"n":1}'
done
done_testing
