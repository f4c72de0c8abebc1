#!/bin/sh
# rec-stat(1): interactions, sessions, storage and response times of a tree; its health.
. "${0%/*}/lib.sh"

# line STAGE ID SESSION SUCCESS [MEMBERS]: a record's line, on 2025-12-0$day at 12:00 and the next second each
n=0 day=7
line() {
	n=$((n + 1))
	printf '{"id":"%s","timestamp":"2025-12-0%dT12:%02d:%02d.000001","session_id":%s,"success":%s,"metadata":{"stage":"%s"}%s}\n' \
		"$2" $day $((n / 60)) $((n % 60)) "$3" "$4" "$1" "${5:+,$5}"
}
of_day() { echo "tree/by_date/2025-12-0$1_all_interactions.json"; }
took() { printf '"performance_metrics":{"response_time_ms":%s}' "$1"; }
# counts: total successful failed interrupted sessions, as one text
counts() { json '[r.total_interactions, r.successful_interactions, r.failed_interactions, r.interrupted_interactions, r.total_sessions].join(" ")' <"$out"; }
tree() { rm -rf tree && mkdir -p tree/by_date tree/archive; }
# stat_of: of a tree with the lines of in
stat_of() { tree; cp in "$(of_day 7)"; run rec-stat --dir tree; }

# ---- usage ----

ok 'a missing tree is status 2' status 2 rec-stat --dir none
is '... named, and where to name another' "$(cat "$err")" \
	'rec-stat: none: No such file or directory; name the tree with --dir or LLM_RECORDS_BASE_DIR'
is '... nothing on stdout' "$(cat "$out")" ''
ok 'the tree of the environment' status 2 env LLM_RECORDS_BASE_DIR=elsewhere rec-stat
like '... is that one' "$err" '^rec-stat: elsewhere: No such'
ok 'the default' status 2 rec-stat
like '... is that one' "$err" '^rec-stat: logs/llm_interactions: No such'
echo x >file
ok 'a file for a tree is status 2' status 2 rec-stat --dir file
like '... said' "$err" '^rec-stat: file: Not a directory'
ok 'an operand is status 2' status 2 rec-stat tree
ok '--max-age without --health is status 2' status 2 rec-stat --max-age 1h --dir .
like '... said' "$err" '^rec-stat: --max-age is for --health'

# ---- nothing ----

mkdir tree
ok 'an empty tree' status 0 rec-stat --dir tree
cat >want <<'END'
{"total_interactions":0,"successful_interactions":0,"failed_interactions":0,"interrupted_interactions":0,"total_sessions":0,"first_day":null,"last_day":null,"response_time_ms":null,"storage_info":{"by_session":{"count":0,"size":0},"by_date":{"count":0,"size":0},"errors":{"count":0,"size":0},"real_time":{"count":0,"size":0},"archive":{"count":0,"size":0}},"unreadable_lines":0}
END
same '... is all zeros, and null for what is not' "$out" want
is '... without a word' "$(cat "$err")" ''

# ---- how an interaction went ----

line completed a 1 true >in; stat_of
is 'one that succeeded' "$(counts) $st" '1 1 0 0 1 0'
line completed a 1 false >in; stat_of
is 'one that failed' "$(counts)" '1 0 1 0 1'
line completed a 1 true '"error_message":"cut off"' >in; stat_of
is 'one with an error message failed' "$(counts)" '1 0 1 0 1'
line completed a 1 true '"error_message":""' >in; stat_of
is '... an empty one is none' "$(counts)" '1 1 0 0 1'
line started a 1 false >in; stat_of
is 'one that was only started is neither: interrupted' "$(counts)" '1 0 0 1 1'
line completed a 1 null >in; stat_of
is 'one that ended, but not with success, failed' "$(counts)" '1 0 1 0 1'
{ line started a 1 false; line completed a 1 true; } >in; stat_of
is 'two stages are one interaction' "$(counts)" '1 1 0 0 1'
{ line started a 1 false; line completed a 1 true; line finalized a 1 null '"message_id":3'; } >in; stat_of
is 'three too; what the last does not say stays' "$(counts)" '1 1 0 0 1'
{ line finalized a 1 true; line completed a 1 false; line started a 1 false; } >in; stat_of
is 'the latest stage wins, whenever it came' "$(counts)" '1 1 0 0 1'
{ line completed a 1 false; line completed a 1 true; } >in; stat_of
is 'of one stage the later line' "$(counts)" '1 1 0 0 1'
{ line completed a 1 true; line completed a 1 false; } >in; stat_of
is '... either way' "$(counts)" '1 0 1 0 1'
{ line completed a 1 true; line completed a 1 true; line completed a 1 true; } >in; stat_of
is 'a line that was written again counts once' "$(counts)" '1 1 0 0 1'
{ line started a 1 false; line started b 1 false; line completed c 2 false; line completed d 3 true; line completed b 1 false; } >in; stat_of
is 'all of them side by side' "$(counts)" '4 1 2 1 3'
{ line started a 1 false '"prompt":"hi"' | sed 's/"id":"a",//'; line completed a 1 true '"prompt":"hi"' | sed 's/"id":"a",//'; } >in; stat_of
is 'stages without an id, of one call' "$(counts)" '1 1 0 0 1'

# ---- sessions ----

{ line completed a 1 true; line completed b '"1"' true; line completed c '"x"' true; line completed d '"\u0078"' true
	line completed e null true; line completed f '"x/../y"' true; } >in; stat_of
is 'sessions by what they spell; none is no session' "$(counts)" '6 6 0 0 3'

# ---- days, files, compressed and live ----

tree
day=7; { line started a 1 false; line completed b 1 true; } | gzip >tree/archive/2025-12-07_all_interactions_20251207T130000.000000Z.json.gz
line completed a 1 true >"$(of_day 7)"
day=8; line completed c 2 false >tree/archive/2025-12-08_all_interactions_20251208T130000.000000Z.json
line started d 2 false | sed 's/T12:/T23:/' >"$(of_day 8)"
day=9; line completed d 2 true | sed 's/T12:/T00:/' >"$(of_day 9)"
ok 'stages across files, rotated, compressed and live' status 0 rec-stat --dir tree
is '... are one interaction' "$(counts)" '4 3 1 0 2'
is 'the first and the last day: those on which interactions began' "$(json 'r.first_day + " " + r.last_day' <"$out")" '2025-12-07 2025-12-08'
mv "$out" want
ok '--jobs' status 0 rec-stat --dir tree --jobs 3
same '... changes nothing' "$out" want
ok '--verbose' status 0 rec-stat --dir tree -v
like '... ends with a summary' "$err" '^rec-stat: read=6 records=4 unreadable=0 bytes=[1-9][0-9]* seconds='
rm tree/by_date/*
gzip -c tree/archive/*.json >tree/archive/2025-12-08_all_interactions_20251208T130000.000000Z.json.gz
run rec-stat --dir tree
is 'a part of which both forms stand there counts once' "$(counts)" '3 1 1 1 2'

# ---- storage ----

tree
day=7; line completed a 1 false >"$(of_day 7)"
mkdir -p tree/by_session/session_1 tree/by_session/session_%2E%2E tree/errors tree/real_time
for f in by_session/session_1/2025-12-07.json by_session/session_1/2025-12-08.json by_session/session_%2E%2E/2025-12-07.json \
	errors/2025-12-07_errors.json real_time/latest.json; do
	line completed a 1 false >"tree/$f"
done
echo 12345 | gzip -n >tree/archive/session_1_2025-12-01_20251201T000000.000001Z.json.gz
: >tree/real_time/.lock; echo temporary >tree/real_time/.latest.json.aX1
ln -s /etc/passwd tree/errors/2025-12-06_errors.json
run rec-stat --dir tree
size() { cat "$@" | wc -c | tr -d ' '; }
s=$(size tree/by_session/*/*) d=$(size tree/by_date/*) e=$(size tree/errors/2025-12-07*) r=$(size tree/real_time/latest.json) a=$(size tree/archive/*)
is 'storage by kind: files and bytes; no locks, no links' "$(json 'r.storage_info' <"$out")" \
	"{\"by_session\":{\"count\":3,\"size\":$s},\"by_date\":{\"count\":1,\"size\":$d},\"errors\":{\"count\":1,\"size\":$e},\"real_time\":{\"count\":1,\"size\":$r},\"archive\":{\"count\":1,\"size\":$a}}"
is '... only the files by date are counted' "$(counts)" '1 0 1 0 1'

# ---- response times ----

{ line completed a 1 true; line completed b 1 true "$(took null)"; line completed c 1 true "$(took '"12"')"; line completed d 1 true "$(took 1e999)"; } >in; stat_of
is 'without response times: null' "$(json 'r.response_time_ms' <"$out")" null
line completed a 1 true "$(took 28909)" >in; stat_of
is 'of one' "$(json 'r.response_time_ms' <"$out")" '{"count":1,"p50":28909,"p90":28909,"p99":28909}'
{ line completed a 1 true "$(took 0.1)"; line completed b 1 true "$(took 0)"; line completed c 1 true; line completed d 1 true "$(took 16777215)"; } >in; stat_of
is 'of those that have one' "$(json 'r.response_time_ms' <"$out")" '{"count":3,"p50":0.1,"p90":16777215,"p99":16777215}'
for i in 70 10 60 20 50 30 40; do line completed $i 1 true "$(took $i)"; done >in; stat_of
is 'the nearest rank: 3.5, 6.3 and 6.93 of 7 are the 4th and the 7th' "$(json 'r.response_time_ms' <"$out")" '{"count":7,"p50":40,"p90":70,"p99":70}'
{ line started a 1 false "$(took 5)"; line finalized a 1 true; line completed a 1 true "$(took 7)"; line completed a 1 true "$(took 6)"; } >in; stat_of
is 'once for an interaction: that of the latest stage that has one' "$(json 'r.response_time_ms' <"$out")" '{"count":1,"p50":6,"p90":6,"p99":6}'
tree
node -e '
	let x = 12345, ms = [], text = ["", "", ""];
	for (let i = 0; i < 8007; i++) {
		x = (x * 1103515245 + 12345) % 2147483648;
		ms.push(x % 97 === 0 ? x % 4000000 : x % 30000);
		const time = `2025-12-07T${String(10 + Math.floor(i / 3600)).padStart(2, "0")}:${String(Math.floor(i / 60) % 60).padStart(2, "0")}:${String(i % 60).padStart(2, "0")}`;
		const r = { id: "r" + i, timestamp: time, session_id: i % 250, success: i % 10 !== 0, metadata: { stage: "completed" } };
		if (i % 40 === 39) text[0] += JSON.stringify({ ...r, id: "s" + i, success: false, metadata: { stage: "started" } }) + "\n";
		if (i % 5 === 0) text[0] += JSON.stringify({ ...r, success: false, metadata: { stage: "started" } }) + "\n";
		text[i % 3] += JSON.stringify({ ...r, performance_metrics: { response_time_ms: ms[i] } }) + "\n";
	}
	ms.sort((a, b) => a - b);
	const p = (n) => ms[Math.ceil(n / 100 * ms.length) - 1];
	const fs = require("fs"), z = require("zlib").gzipSync;
	fs.writeFileSync("tree/by_date/2025-12-07_all_interactions.json", text[2]);
	fs.writeFileSync("tree/archive/2025-12-07_all_interactions_20251207T110000.000000Z.json.gz", z(text[0]));
	fs.writeFileSync("tree/archive/2025-12-07_all_interactions_20251207T120000.000000Z.json", text[1]);
	console.log(JSON.stringify({ count: 8007, p50: p(50), p90: p(90), p99: p(99) }));' >want
run rec-stat --dir tree
json 'r.response_time_ms' <"$out" >got
same '8,007 response times: the percentiles' got want
is '... and the interactions, folded' "$(counts)" '8207 7206 801 200 250'

# ---- what cannot be read ----

{ line completed a 1 true; echo 'no JSON'; line completed b 1 true; printf '{"id":"\377"}\n{"id":'; } >in; stat_of
is 'bad lines: status 1, the others are counted' "$(counts) $st" '2 2 0 0 1 1'
is '... they are counted, too' "$(json 'r.unreadable_lines' <"$out")" 3
like '... and named' "$err" '^rec-stat: tree/by_date/2025-12-07_all_interactions\.json:2:1: '
like '... each' "$err" '^rec-stat: tree/by_date/2025-12-07_all_interactions\.json:4:8: not UTF-8'
like '... the torn one' "$err" '^rec-stat: tree/by_date/2025-12-07_all_interactions\.json:5:[0-9]*: '
{ i=0; while [ $i -lt 50 ]; do echo bad; i=$((i + 1)); done; line completed a 1 true; } >in; stat_of
is 'many: ten are named, then a summary' "$(grep -c ': not JSON' "$err") $(tail -n 1 "$err")" '10 rec-stat: 40 more lines were rejected, 50 in all'
is '... all are counted' "$(json 'r.unreadable_lines' <"$out") $(counts) $st" '50 1 1 0 0 1 1'
tree
{ line completed a 1 true; line completed b 1 true; } | gzip >whole.gz
head -c $(($(wc -c <whole.gz) - 12)) whole.gz >tree/archive/2025-12-07_all_interactions_20251207T110000.000000Z.json.gz
line completed c 1 true >"$(of_day 7)"
ok 'a damaged archive is status 1' status 1 rec-stat --dir tree
like '... named' "$err" '^rec-stat: tree/archive/2025-12-07_all_interactions_20251207T110000\.000000Z\.json\.gz:'
ok '... the rest is counted' test "$(json 'r.successful_interactions' <"$out")" -ge 1
mkdir tree/by_date/2025-12-05_all_interactions.json; ln -s /etc/passwd tree/archive/2025-12-06_all_interactions_20251207T110000.000000Z.json
ok 'a folder and a link for files do not stop it' status 1 rec-stat --dir tree
ok '... the rest is counted' test "$(json 'r.successful_interactions' <"$out")" -ge 1
unlike '... the link is not read' "$err" 'not JSON'

# ---- output ----

line completed a 1 true "$(took 120)" >in; stat_of
ok 'a table' status 0 rec-stat --dir tree --format table
cat >want <<END
interactions             1
  successful             1
  failed                 0
  interrupted            0
sessions                 1
first day       2025-12-07
last day        2025-12-07
response times           1
  p50                  120 ms
  p90                  120 ms
  p99                  120 ms
unreadable               0
storage              files  size
  by_session             0  0 B
  by_date                1  $(size tree/by_date/*) B
  errors                 0  0 B
  real_time              0  0 B
  archive                0  0 B
END
same '... has it all' "$out" want
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
	script -qec 'rec-stat --dir tree 2>/dev/null' /dev/null </dev/null | tr -d '\r' >got
	same 'on a terminal it is the default' got want
	script -qec 'rec-stat --dir tree --format json 2>/dev/null' /dev/null </dev/null >got
	like '... --format json is not' got '^\{"total_interactions":1,'
	script -qec 'rec-stat --dir tree --health 2>/dev/null' /dev/null </dev/null | tr -d '\r' >got
	like '... health, too' got '^status       '
else
	skip 3 'there is no script(1)'
fi
run rec-stat --dir tree
is 'one line' "$(wc -l <"$out" | tr -d ' ')" 1
ok 'a full disk is status 3' status 3 sh -c 'rec-stat --dir tree >/dev/full'
ok '... with --health, too' status 3 sh -c 'rec-stat --dir tree --health >/dev/full'
ok '--progress' status 0 rec-stat --dir tree --progress always

# ---- health ----

# A shim for the disk, so that the machine's own does not matter: FREE and SPACE are MiB.
cat >disk.c <<'END'
#include <stdlib.h>
#include <sys/statvfs.h>
int fstatvfs(int fd, struct statvfs *v) {
	(void)fd;
	*v = (struct statvfs){ .f_bsize = 4096, .f_frsize = 4096 };
	v->f_blocks = strtoul(getenv("SPACE"), NULL, 10) * 256;
	v->f_bavail = v->f_bfree = strtoul(getenv("FREE"), NULL, 10) * 256;
	return 0;
}
END
disk=
if [ -z "$SAN" ] && ${CC:-cc} -shared -fPIC -o disk.so disk.c 2>/dev/null; then disk=$T/disk.so; fi
# health STATUS [FREE SPACE] [OPTION...]: run it; with a disk of that size where it can be had
health() {
	want=$1; shift
	case ${1:-} in
	[0-9]*) f=$1 s=$2; shift 2 ;;
	*) f=50000 s=100000 ;;
	esac
	if [ -n "$disk" ]; then
		status "$want" env LD_PRELOAD="$disk" FREE=$f SPACE=$s rec-stat --dir tree --health "$@"
	else
		status "$want" rec-stat --dir tree --health "$@"
	fi
}
told() { json '[r.status, r.write_permissions, r.problems.join("|")].join(" ")' <"$out"; }
free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
if [ -z "$disk" ] && [ "$free" -lt 10 ]; then
	skip 1 'the disk is too full for the rest'
	done_testing
fi

ok 'a missing tree is unhealthy, status 1' status 1 rec-stat --dir none --health
is '... said' "$(cat "$out")" '{"status":"unhealthy","base_dir":"none","disk_space_available":null,"disk_space_total":null,"write_permissions":false,"last_record_age_seconds":null,"problems":["the tree cannot be opened: No such file or directory"]}'
is '... on stdout only' "$(cat "$err")" ''
ok 'so is a file' status 1 rec-stat --dir file --health
is '... said' "$(told)" 'unhealthy false the tree cannot be opened: Not a directory'
ok 'a missing tree as a table' status 1 rec-stat --dir none --health --format table
like '... says the same' "$out" '^problem      the tree cannot be opened: No such file'

rm -rf tree; mkdir tree
ok 'an empty tree is healthy' health 0
is '... said' "$(told) $(json 'r.last_record_age_seconds' <"$out")" 'healthy true  null'
is '... nothing is left in it' "$(ls -A tree)" ''
tree
line completed a 1 true >"$(of_day 7)"
ok 'a tree is healthy' health 0
is '... the last record came just now' "$(json 'r.last_record_age_seconds < 60' <"$out")" true
is '... the base is as given' "$(json 'r.base_dir' <"$out")" tree
ok '... as a table' health 0 --format table
is '... ' "$(sed -n '1,2p' "$out" | tr -s ' ' | tr '\n' ',')" 'status healthy,base dir tree,'
echo 'this is no record' >>"$(of_day 7)"
ok 'records are not read' health 0

touch -d '3 hours ago' "$(of_day 7)"
line completed b 1 true >"$(of_day 6)"; touch -d '4 hours ago' "$(of_day 6)"
ok 'an old record is healthy' health 0
is '... its age' "$(json 'Math.round(r.last_record_age_seconds / 60)' <"$out")" 180
ok '... but for --max-age: degraded, status 1' health 1 --max-age 2h
is '... said' "$(told)" 'degraded true the last record is older than it may be'
ok '... a longer one' health 0 --max-age 4h
mkdir tree/real_time; line completed b 1 true >tree/real_time/latest.json
ok '... after a rotation the latest records tell' health 0 --max-age 2h
touch -d 'tomorrow' tree/real_time/latest.json
ok 'a record from the future' health 0 --max-age 1s
is '... is 0 seconds old' "$(json 'r.last_record_age_seconds' <"$out")" 0
tree
ok 'no record and --max-age is degraded' health 1 --max-age 2h
is '... said' "$(told)" 'degraded true there are no records'

old=$(date -u -d '2 days ago' +%Y%m%dT%H%M%S).000000Z new=$(date -u -d '2 hours ago' +%Y%m%dT%H%M%S).000000Z
line completed a 1 true >tree/archive/2025-12-07_all_interactions_$new.json; touch -d '3 days ago' tree/archive/*
: >tree/archive/young.tmp; echo x >tree/archive/stranger; touch -d '3 days ago' tree/archive/stranger
gzip -c tree/archive/stranger >tree/archive/2025-12-07_all_interactions_$old.json.gz; touch -d '3 days ago' tree/archive/*.gz
ok 'what was rotated today, was compressed, or is not ours, is no problem' health 0
mv tree/archive/2025-12-07_all_interactions_$new.json tree/archive/session_1_2025-12-07_$old.json
ok 'a part that was never compressed is: degraded, status 1' health 1
is '... said' "$(told)" 'degraded true archive: files that have been waiting for rec-rotate for more than a day: 1'
touch -d '2 days ago' tree/archive/young.tmp
ok 'so is an old .tmp file' health 1
like '... counted' "$out" 'more than a day: 2"'

tree; rmdir tree/by_date; echo x >tree/by_date
ok 'a file in the place of a folder is unhealthy' health 1
is '... said' "$(told)" 'unhealthy false by_date cannot be written: Not a directory'
rm tree/by_date; ln -s /tmp tree/errors
ok 'so is a link' health 1
like '... said' "$out" '"write_permissions":false.*errors cannot be written'
rm tree/errors

if [ -n "$disk" ]; then
	ok 'less than 100 MiB free: unhealthy' health 1 99 1000
	is '... said' "$(told)" 'unhealthy true less than 100 MiB of disk space are free'
	is '... the bytes' "$(json 'r.disk_space_available + " " + r.disk_space_total' <"$out")" '103809024 1048576000'
	ok '100 MiB free of 1,000: healthy' health 0 100 1000
	ok '100 MiB free of 1,100: degraded' health 1 100 1100
	is '... said' "$(told)" 'degraded true less than a tenth of the disk space is free'
	ok '10 GiB free of 200: healthy' health 0 10240 204800
	ok 'a little less: degraded' health 1 10239 204800
	ok '... the worst counts' health 1 50 204800 --max-age 1s
	is '... all is told' "$(told)" 'unhealthy true less than 100 MiB of disk space are free|there are no records'
else
	skip 9 'there is no shim for the disk here'
fi
if mkdir small && mount -t tmpfs -o size=64m none small 2>/dev/null; then
	ok 'a small file system is unhealthy' status 1 rec-stat --dir small --health
	is '... its bytes' "$(json 'r.disk_space_total' <"$out")" 67108864
	mount -o remount,ro small
	ok 'one that is read-only, too' status 1 rec-stat --dir small --health
	like '... said' "$out" '"write_permissions":false.*the tree cannot be written: Read-only file system'
	umount small
else
	skip 4 'mounting a small file system needs rights'
fi
if [ "$(id -u)" != 0 ]; then
	chmod 500 tree/by_date 2>/dev/null || mkdir -m 500 tree/by_date
	ok 'a folder without write permission is unhealthy' health 1
	is '... said' "$(told)" 'unhealthy false by_date cannot be written: Permission denied'
elif setpriv --reuid 65534 --clear-groups test -x "$B/rec-stat" 2>/dev/null; then
	chmod 755 "$T"; tree
	ok 'a tree without write permission is unhealthy' status 1 setpriv --reuid 65534 --clear-groups rec-stat --dir tree --health
	like '... said' "$out" '"write_permissions":false.*by_date cannot be written: Permission denied'
else
	skip 2 'root may write everywhere'
fi

# ---- what this user may not read ----

# as_other CMD... - as a user who is not root
as_other() { if [ "$(id -u)" = 0 ]; then setpriv --reuid 65534 --clear-groups "$@"; else "$@"; fi; }
if as_other test -x "$B/rec-stat" 2>/dev/null; then
	tree; chmod 755 "$T"; mkdir -p tree/by_session/session_a; chmod 000 tree/by_session/session_a
	ok 'a session that may not be read is status 3' status 3 as_other rec-stat --dir tree
	is '... named' "$(cat "$err")" 'rec-stat: tree/by_session/session_a: Permission denied'
	ok '... to rec-cat, too' status 3 as_other rec-cat --dir tree --session a --latest 1
	is '... named' "$(cat "$err")" 'rec-cat: tree/by_session/session_a: Permission denied'
	chmod 000 tree
	for t in rec-stat rec-cat; do
		ok "$t: a tree that may not be read is status 3" status 3 as_other $t --dir tree
		is '... for that reason' "$(cat "$err")" "$t: tree: Permission denied"
	done
	chmod -R u+rwx tree
else
	skip 8 'there is no other user'
fi
done_testing
