#!/bin/sh
# rec-cat(1): the tree as one stream: merged, selected, compressed, damaged, while others write and rotate.
. "${0%/*}/lib.sh"

# day D: the live file of a day.  part D STAMP: the name of a rotated one.  rec ID TIME [MEMBERS]: a line.
day() { echo "tree/by_date/$1_all_interactions.json"; }
part() { echo "tree/archive/$1_all_interactions_$2.json"; }
rec() { printf '{"id":"%s","timestamp":"%s"%s}\n' "$1" "$2" "${3:+,$3}"; }
stage() { rec "$1" "$2" "${4:+$4,}\"metadata\":{\"stage\":\"$3\"}"; }
new_tree() { rm -rf tree; mkdir -p tree/by_date tree/by_session tree/errors tree/archive; }
ids() { json r.id | tr '\n' ' ' | sed 's/ $//'; }
# shows NAME IDS OPTIONS...: these records come out, and nothing is complained of
shows() {
	name=$1 want=$2; shift 2
	run rec-cat --dir tree "$@"
	is "$name" "$st $(ids <"$out") $(cat "$err")" "0 $want "
}
misuse() { ok "$1 is status 2" status 2 rec-cat --dir tree $2; like '... said' "$err" "$3"; }

# ---- usage ----

ok 'a tree that does not exist is status 2' status 2 rec-cat --dir no/tree
is '... said' "$(cat "$err")" 'rec-cat: no/tree: No such file or directory; name the tree with --dir or LLM_RECORDS_BASE_DIR'
ok '... the one of the environment, too' env LLM_RECORDS_BASE_DIR=other sh -c 'rec-cat 2>&1 | grep "^rec-cat: other: "'
ok '... the default' sh -c 'rec-cat 2>&1 | grep "^rec-cat: logs/llm_interactions: "'
for t in rec-cat rec-stat rec-rotate rec-write msg-join; do
	ok "$t: an empty --dir, as of a variable that is not set, is status 2" status 2 "$t" --dir '' </dev/null
	is '... said' "$(head -n 1 "$err")" "$t: --dir: wants a value"
done
mkdir tree
shows 'an empty tree has nothing' ''
shows '... no session' '' --session 7
shows '... no errors' '' --errors
shows '... and nothing new' '' --latest 3
new_tree
misuse 'an operand' file "unexpected operand 'file'"
misuse 'a date that there is not' '--date 2025-02-29' "^rec-cat: --date: '2025-02-29' is not a day"
misuse 'a time for a day' '--from 2025-02-28T10:00' "^rec-cat: --from: "
misuse '--date with --days' '--date today --days 2' 'exclude each other'
misuse '--days with --to' '--to today --days 2' 'exclude each other'
misuse '--date with --from' '--from today --date today' 'exclude each other'
misuse '--from after --to' '--from 2025-12-08 --to 2025-12-07' 'is later than'
misuse '--merge with --stages' '--merge --stages' 'exclude each other'
misuse '--merge with --follow' '--merge --follow' 'cannot --merge'
misuse 'no jq program' '--where .[' '^rec-cat: --where: .*syntax error'

# ---- a record, and its stages ----

cat >one <<'EOT'
{"id":"3a17b8cf-500d-4f38-a231-aaf01244fa37","timestamp":"2025-12-07T12:24:08.275173","session_id":1,"message_id":12,"role_name":"产品专员","step_id":1,"round_index":1,"provider":"claude","model":"claude-3-5-sonnet-20241022","prompt":"完整的原始提示词内容...","response":"完整的LLM响应内容...","success":true,"error_message":null,"performance_metrics":{"response_time_ms":28909,"prompt_length":451,"response_length":2387,"history_messages_count":0},"metadata":{"stage":"completed","task_type":"ask_question","session_topic":"选择一款泛血管介入产品...","api_response_time":null,"model_used":"claude-3-5-sonnet-20241022","finalized":true}}
EOT
cp one "$(day 2025-12-07)"
ok 'the record of the original: --stages' status 0 rec-cat --dir tree --stages
same '... byte for byte' "$out" one
ok '... merged' status 0 rec-cat --dir tree --merge
same '... byte for byte' "$out" one
printf ' %s \r\n\n' "$(cat one)" >"$(day 2025-12-07)"
printf '{"n":1.0, "n":1e400,\t"id" : 123456789012345678901,"s":"\\ud800"}' >>"$(day 2025-12-07)"
run rec-cat --dir tree
{ cat one; printf '{"n":1.0, "n":1e400,\t"id" : 123456789012345678901,"s":"\\ud800"}\n'; } >want
same 'odd spelling survives; the end of a file ends a line' "$out" want

new_tree
{
	stage a 2025-12-07T23:59:58 started '"prompt":"p","response":"","success":false'
	stage a 2025-12-07T23:59:59 finalized '"message_id":12'
	stage b 2025-12-07T10:00:00 started '"prompt":"q"'
} >"$(day 2025-12-07)"
{
	stage a 2025-12-08T00:00:03 completed '"response":"r","success":true'
	rec c 2025-12-08T09:00:00
} >"$(day 2025-12-08)"
merged='{"id":"a","timestamp":"2025-12-07T23:59:58","prompt":"p","response":"r","success":true,"metadata":{"stage":"finalized"},"message_id":12}'
run rec-cat --dir tree
{ stage b 2025-12-07T10:00:00 started '"prompt":"q"'; echo "$merged"; rec c 2025-12-08T09:00:00; } >want
same 'stages in any order, across midnight' "$out" want
run rec-cat --dir tree --date 2025-12-07
{ stage b 2025-12-07T10:00:00 started '"prompt":"q"'; echo "$merged"; } >want
same '... the record belongs to its first day' "$out" want
shows '... and not to the other' c --date 2025-12-08
shows '--stages: each line of the day' 'b a a' --date 2025-12-07 --stages
shows '...' 'a c' --date 2025-12-08 --stages

# Lines that share no id: the newest record before, with the same call, that has not got so far.
call() { printf '{"timestamp":"2025-12-07T%s","session_id":1,"role_name":"x","step_id":1,"round_index":%s,"prompt":"p"%s,"metadata":{"stage":"%s"}}\n' "$1" "$2" "${4:+,$4}" "$3"; }
new_tree
{
	call 10:00:00 1 started '"n":1'; call 10:00:01 2 started '"n":2'; call 10:00:02 1 started '"n":3'
	call 10:00:03 1 completed '"id":"z"'; call 10:00:04 2 finalized '"message_id":5'; call 10:00:05 1 finalized '"message_id":6'
	call 10:00:06 1 completed '"m":1'; call 10:00:07 9 completed '"m":2'
} >"$(day 2025-12-07)"
run rec-cat --dir tree
is 'lines without a shared id: by call' "$(json '[r.n, r.id, r.message_id, r.m, r.metadata.stage].join()' <"$out" | tr '\n' ' ')" \
	'1,,,1,completed 2,,5,,finalized 3,z,6,,finalized ,,,2,completed '

# ---- what is chosen ----

new_tree
today=$(date +%Y-%m-%d) yesterday=$(date -d '12:00 yesterday' +%Y-%m-%d) before=$(date -d '12:00 2 days ago' +%Y-%m-%d)
for d in $before $yesterday $today; do
	for n in 1 2 3; do rec "$d/$n" "${d}T0$n:00:00" "\"session_id\":$n,\"n\":$n,\"o\":{\"t\":$n}"; done >"$(day "$d")"
done
of() { for i in $2; do printf '%s/%s ' "$1" "$i"; done; }
trim() { echo "$*" | sed 's/ *$//'; }
t=$(of "$today" '1 2 3') y=$(of "$yesterday" '1 2 3') b=$(of "$before" '1 2 3')
shows 'all, in order' "$(trim "$b$y$t")"
shows '--date today' "$(trim "$t")" --date today
shows '--date yesterday' "$(trim "$y")" --date yesterday
shows '--date D' "$(trim "$b")" --date "$before"
shows '--days 1' "$(trim "$t")" --days 1
shows '--days 2' "$(trim "$y$t")" --days 2
shows '--from' "$(trim "$y$t")" --from yesterday
shows '--to' "$(trim "$b$y")" --to yesterday
shows '--from --to' "$(trim "$y")" --from "$yesterday" --to yesterday
shows 'a day without records' '' --date 2001-01-01
for n in 1 2 3 4 5 6 7 8 9 20; do
	shows "--latest $n" "$(trim "$(echo "$b$y$t" | tr ' ' '\n' | grep . | tail -n $n | tr '\n' ' ')")" --latest $n
done
shows '--latest with a range' "$yesterday/2 $yesterday/3" --latest 2 --to yesterday
shows '--where' "$before/2 $yesterday/2 $today/2" --where '.n == 2'
shows '--where: null is no' '' --where '.none'
shows '... nor no result' '' --where 'empty'
shows '... 0 and "" and "false" are yes' "$(trim "$b$y$t")" --where '0'
shows '...' "$(trim "$b$y$t")" --where '"false"'
shows '--latest of those that match' "$yesterday/3 $today/3" --where '.o.t > 2' --latest 2
for j in 1 4; do
	ok '--where that fails is status 1' status 1 rec-cat --dir tree --jobs $j --where 'if .n == 2 then .n.x else true end' -v
	is '... the others are written' "$(ids <"$out")" "$(trim "$(echo "$b$y$t" | sed 's|[^ ]*/2 ||g')")"
	is '... the failures named and counted' "$(sed 's/seconds=.*//' "$err")" \
		"rec-cat: --where: record \"$before/2\": jq: Cannot index number with string \"x\"
rec-cat: --where: record \"$yesterday/2\": jq: Cannot index number with string \"x\"
rec-cat: --where: record \"$today/2\": jq: Cannot index number with string \"x\"
rec-cat: read=9 written=6 rejected=3 "
done

# sessions and errors
mkdir tree/by_session/session_7 tree/by_session/session_%2E%2E%2Fx tree/by_session/session_8
{ stage s1 2025-12-07T10:00:00 started; stage s1 2025-12-07T10:00:01 completed '"success":false'; } >tree/by_session/session_7/2025-12-07.json
{ rec s2 2025-12-08T10:00:00 '"success":true'; rec s3 2025-12-08T10:00:01 '"success":true,"error_message":"x"'; } >tree/by_session/session_7/2025-12-08.json
{ stage s4 2025-12-08T11:00:00 started '"success":false'; } | gzip >tree/archive/session_7_2025-12-08_20251209T000000.000000Z.json.gz
{ rec other 2025-12-08T11:00:00; } | gzip >tree/archive/session_7_8_2025-12-08_20251209T000000.000000Z.json.gz
rec x1 2025-12-08T10:00:00 >tree/by_session/session_8/2025-12-08.json
cp tree/by_session/session_8/2025-12-08.json 'tree/by_session/session_..%2Fx/2025-12-08.json' 2>/dev/null ||
	{ mkdir 'tree/by_session/session_..%2Fx' && cp tree/by_session/session_8/2025-12-08.json 'tree/by_session/session_..%2Fx/'; }
shows '--session' 's1 s2 s3 s4' --session 7
shows '... and a day' 's2 s3 s4' --session 7 --date 2025-12-08
shows '... each line' 's1 s1' --session 7 --to 2025-12-07 --stages
shows '... an odd name' x1 --session ../x
shows '... none like it' '' --session 77
shows '--session --errors: what failed in the end' 's1 s3' --session 7 --errors
shows '... by lines' 's1 s3' --session 7 --errors --stages
{ rec e1 2025-12-07T10:00:00; } >tree/errors/2025-12-07_errors.json
{ rec e2 "${today}T10:00:00"; } >"tree/errors/${today}_errors.json"
{ rec e0 2025-11-07T10:00:00; } | gzip >tree/archive/2025-11-07_errors_20251109T000000.000000Z.json.gz
shows '--errors' 'e0 e1 e2' --errors --to "$today"
shows '... of the last days' e2 --errors --days 30

# ---- rotated and compressed parts are one stream ----

new_tree
D=2025-12-07
rec a ${D}T01:00:00 | gzip >"$(part $D 20251207T020000.000000Z).gz"
{ rec c ${D}T03:00:00 | gzip; rec d ${D}T04:00:00 | gzip; } >"$(part $D 20251207T050000.000000Z).gz"
rec e ${D}T05:00:00 >"$(part $D 20251207T060000.000000Z)"
{ rec f ${D}T06:00:00; rec b ${D}T02:00:00; } >"$(day $D)"
shows 'live, rotated, gzip, several members: in the order of time' 'a b c d e f'
gzip -k "$(part $D 20251207T060000.000000Z)"
shows 'a part in both forms is one' 'a b c d e f'
rec z ${D}T01:00:00 >tree/archive/stranger.json
rec z ${D}T01:00:00 >"tree/archive/.$D.tmp"
rec z ${D}T01:00:00 >tree/by_date/notes.json
shows 'strangers are left alone' 'a b c d e f'

# ---- damage ----

new_tree
awk 'BEGIN { for (i = 100; i < 900; i++) printf "{\"id\":\"%d\",\"timestamp\":\"2025-12-07T01:00:00.%d\",\"x\":\"%d\"}\n", i, i, i * 7919 }' >many
gz=$(part $D 20251207T020000.000000Z).gz
gzip -c many | head -c 3000 >"$gz"
rec z ${D}T09:00:00 >"$(day $D)"
ok 'a cut gzip file: status 1' status 1 rec-cat --dir tree
n=$(wc -l <"$out")
is '... what is there is given, and the rest read' "$([ "$n" -gt 100 ] && [ "$n" -lt 800 ] && tail -n 1 "$out")" "$(rec z ${D}T09:00:00)"
head -n $((n - 1)) many >want; head -n $((n - 1)) "$out" >got
same '... nothing else' got want
like '... and told with file and line' "$err" "^rec-cat: $gz:$n: damaged at byte [0-9]+: "
printf 'no gzip at all' >"$gz"
ok 'no gzip at all' status 1 rec-cat --dir tree
is '... the rest is read' "$(ids <"$out")" z
like '... told' "$err" "^rec-cat: $gz:1: damaged at byte 0: "
{ head -n 400 many | gzip; head -n 500 many | tail -n 100 | gzip | sed 's/./X/40'; tail -n 400 many | gzip; } >"$gz" 2>/dev/null
run rec-cat --dir tree
is 'damage in the middle: what follows is found again' "$st $(tail -n 2 "$out" | ids)" '1 899 z'
new_tree
{ rec a ${D}T01:00:00; printf '{"id":"torn","timest\n'; rec b ${D}T02:00:00; printf '\000\001\377\376garbage\n[1]\n"x"\n{"id":"\377"}\n'; rec c ${D}T03:00:00
	printf '{"id":"torn at the end'; } >"$(day $D)"
ok 'torn lines and garbage: status 1' status 1 rec-cat --dir tree -v
is '... the rest is read' "$(ids <"$out")" 'a b c'
is '... each is told' "$(sed -n "s|^rec-cat: $(day $D):\([0-9:]*\): .*|\1|p" "$err" | tr '\n' ' ')" '2:21 4:1 5:1 6:1 7:8 9:23 '
like '... and counted' "$err" '^rec-cat: read=9 written=3 rejected=6 '
{ for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do echo "no $i"; done; rec d ${D}T04:00:00; } >"$(day $D)"
ok 'many bad lines' status 1 rec-cat --dir tree
is '... ten are named' "$(grep -c "^rec-cat: $(day $D):[0-9]" "$err")" 10
is '... and all counted' "$(tail -n 1 "$err")" 'rec-cat: 15 more lines were rejected, 25 in all'
ok '... told once, however far --latest goes back' status 1 rec-cat --dir tree --latest 50
is '...' "$(tail -n 1 "$err")" 'rec-cat: 15 more lines were rejected, 25 in all'
new_tree
ln -s /etc/passwd "$(day $D)"
ok 'a link is not followed' status 1 rec-cat --dir tree
is '... it is told' "$(cat "$out" "$err")" "rec-cat: $(day $D): Too many levels of symbolic links"
rm "$(day $D)"; rec a ${D}T01:00:00 >"$(day $D)"
ok 'a full disk is status 3' sh -c 'rec-cat --dir tree >/dev/full; [ $? = 3 ]'

# ---- as many threads as one likes ----

new_tree
awk 'BEGIN { srand(5); for (i = 0; i < 20000; i++) { d = 1 + int(rand() * 9); printf "{\"id\":\"%d\",\"timestamp\":\"2025-12-0%dT%02d:%02d:%02d\",\"n\":%d,\"metadata\":{\"stage\":\"%s\"}}\n",
	int(rand() * 1000) * 10 + d - (rand() < 0.3), d, rand() * 24, rand() * 60, rand() * 60, i, rand() < 0.5 ? "started" : "completed" >("by" d) } }'
for d in 1 2 3 4 5 6 7 8 9; do
	split -d -l 700 by$d piece.
	for p in piece.*; do mv "$p" "$(part 2025-12-0$d "20260101T0000${p#piece.}.000000Z")"; done
	gzip tree/archive/2025-12-0$d*.json
	tail -n 300 by$d >"$(day 2025-12-0$d)"
done
rec-cat --dir tree --jobs 1 >one.out
for j in 2 4 9; do
	run rec-cat --dir tree --jobs $j
	same "--jobs $j: the same output" "$out" one.out
done
is '... is in order' "$(json r.timestamp <one.out | sort -c 2>&1)" ''
rec-cat --dir tree --stages >"$out"
is '--stages has every line' "$(wc -l <"$out")" $((20000 + 2700))
rec-cat --dir tree --jobs 4 --latest 3000 >"$out"; tail -n 3000 one.out >want
same '--latest over days and parts' "$out" want
rec-cat --dir tree | head -n 1 >/dev/null; is 'a closed pipe is no news' "$(rec-cat --dir tree 2>&1 | head -n 1 | wc -l)" 1

new_tree
perl -e 'for $i (0 .. 299) { printf "{\"id\":%d,\"x\":\"%s\"}\n", $i, "x" x ($i % 7 == 3 ? 40000 : $i % 50) }' >"$(day $D)"
run rec-cat --dir tree
same 'short and long lines, in order' "$out" "$(day $D)"
run rec-cat --dir tree --latest 200
tail -n 200 "$(day $D)" >want
same '... and --latest' "$out" want
TMPDIR=$T/none; export TMPDIR
perl -e 'for $i (0 .. 1099) { printf "{\"id\":%d,\"x\":\"%s\"}\n", $i, "x" x 65000 }' >"$(day $D)"
if [ -z "$VALGRIND" ]; then
	ok 'text beyond the memory goes to TMPDIR, which must be there' status 3 rec-cat --dir tree
else
	skip 1 'valgrind has files of its own there'
fi
unset TMPDIR
run rec-cat --dir tree
same '... byte for byte' "$out" "$(day $D)"


new_tree
perl -e 'print "{\"session_id\":1,\"prompt\":\"", "x" x ((64 << 20) - 40), "\"}\n"' >long
rec-write --dir tree <long >filled
run rec-cat --dir tree
same 'the longest line that rec-write takes is read, with what it filled in' "$out" filled
new_tree
perl -e 'print "{\"a\":\"", "x" x (65 << 20), "\"}\n{\"id\":\"z\"}\n"' >"$(day $D)"
ok 'a longer one is not' status 1 rec-cat --dir tree
is '... it is told' "$(cat "$out" "$err")" "{\"id\":\"z\"}
rec-cat: $(day $D):1: longer than 64 MiB"

# ---- --follow ----

# follow OPTIONS: starts it; its output is in $fout.  seen IDS: waits until just these have come.
follow() { fout=$T/follow.out; : >"$fout"; rec-cat --dir tree --follow "$@" >"$fout" 2>"$T/follow.err" & fpid=$!; tap_pids="$tap_pids $fpid"; }
has() { [ "$(ids <"$fout" 2>/dev/null)" = "$1" ]; }
seen() { within 10 has "$2"; is "$1" "$(ids <"$fout")" "$2"; }
stop() { kill -"${1:-TERM}" $fpid; wait $fpid 2>/dev/null; fst=$?; tap_pids=${tap_pids% "$fpid"}; }
now() { date -u +%Y%m%dT%H%M%S.%6NZ; }
rotate() { mv "$(day "$1")" "$(part "$1" "$(now)")"; }

new_tree
for n in 1 2 3 4 5 6; do rec o$n 2025-12-06T0$n:00:00; done >"$(day 2025-12-06)"
for n in 1 2 3 4 5 6; do rec n$n ${D}T0$n:00:00; done >"$(day $D)"
follow
ten='o3 o4 o5 o6 n1 n2 n3 n4 n5 n6'
seen '--follow: the newest 10 first' "$ten"
stage n7 ${D}T07:00:00 started >>"$(day $D)"; stage n7 ${D}T07:00:01 completed >>"$(day $D)"
seen '... then each line as it is' "$ten n7 n7"
printf '{"id":"half"' >>"$(day $D)"; sleep 0.5
seen '... half a line waits' "$ten n7 n7"
printf ',"x":1}\n{"id":"h2"' >>"$(day $D)"
seen '... for the rest' "$ten n7 n7 half"
printf '}\n' >>"$(day $D)"; rotate $D; rec r1 ${D}T08:00:00 >"$(day $D)"
seen '... across rotation' "$ten n7 n7 half h2 r1"
kill -STOP $fpid
rec r2 ${D}T08:00:01 >>"$(day $D)"; rotate $D; rec r3 ${D}T08:00:02 >"$(day $D)"; rotate $D
rec r4 ${D}T08:00:03 >"$(day $D)"; rotate $D; gzip tree/archive/*; rec r5 ${D}T08:00:04 >"$(day $D)"
kill -CONT $fpid
seen '... several rotations, compressed, in between' "$ten n7 n7 half h2 r1 r2 r3 r4 r5"
rotate $D; sleep 0.5; kill -STOP $fpid; rec r6 ${D}T08:00:05 >"$(day $D)"; rotate $D; kill -CONT $fpid
seen '... a file that came and went' "$ten n7 n7 half h2 r1 r2 r3 r4 r5 r6"
rec late 2025-12-06T09:00:00 >>"$(day 2025-12-06)"
rec new 2025-12-08T00:00:00 >"$(day 2025-12-08)"
within 10 grep -q new "$fout"
is '... a day that was there, and a new one' "$(ids <"$fout" | sed "s/.* r6 //" | tr ' ' '\n' | sort | tr '\n' ' ')" 'late new '
rec older 2025-11-01T09:00:00 >"$(day 2025-11-01)"
within 10 grep -q older "$fout"; ok '... also a day that is new and long ago' grep -q older "$fout"
printf '{"bad\n' >>"$(day 2025-12-08)"; rec good 2025-12-08T00:00:01 >>"$(day 2025-12-08)"
within 10 grep -q good "$fout"
is '... a bad line is told by file and line' "$(cat "$T/follow.err")" "rec-cat: $(day 2025-12-08):2:6: a string is not closed"
ln -s /etc/passwd "$(day 2025-12-09)"; mkfifo "$(day 2025-12-10)"; sleep 0.6
is '... a link and a FIFO are told, once' "$(grep -v closed "$T/follow.err")" "rec-cat: $(day 2025-12-09): Too many levels of symbolic links
rec-cat: $(day 2025-12-10): Invalid argument"
rm "$(day 2025-12-09)"; rec mended 2025-12-09T00:00:00 >"$(day 2025-12-09)"
within 10 grep -q mended "$fout"
ok '... and a file in its place is read' grep -q mended "$fout"
perl -e 'use Fcntl ":flock"; open($f, ">>", shift) or die; flock($f, LOCK_EX); syswrite($f, qq({"id":"undone"}\n)); select(undef, undef, undef, 0.6);
	truncate($f, shift); close($f)' "$(day 2025-12-08)" "$(wc -c <"$(day 2025-12-08)")"
rec kept 2025-12-08T00:00:02 >>"$(day 2025-12-08)"
within 10 grep -q '"kept"' "$fout"
is '... what a writer takes back is not shown' "$(grep -c undone "$fout")" 0
stop TERM
is '... until a signal' $fst 143

new_tree
rec a ${D}T01:00:00 '"n":1' >"$(day $D)"; rec b 2025-12-08T01:00:00 '"n":1' >"$(day 2025-12-08)"
follow --from $D --to $D --where .n
seen '--follow --from --to: the range' a
rec c ${D}T02:00:00 '"n":1' >>"$(day $D)"; rec d 2025-12-08T02:00:00 '"n":1' >>"$(day 2025-12-08)"; rec e ${D}T02:00:00 >>"$(day $D)"; rec f ${D}T02:00:00 '"n":1' >>"$(day $D)"
seen '... and --where, of the new lines too' 'a c f'
stop
follow --latest 1 -v
seen '--follow --latest 1' d
rec g ${D}T03:00:00 >>"$(day $D)"
seen '... an older day, which was not read, grows' 'd g'
stop HUP
like '... -v ends with the summary' "$T/follow.err" '^rec-cat: read=[0-9]+ written=2 rejected=0 '
follow --session 9 --errors
sleep 0.3; mkdir tree/by_session/session_9
{ rec x 2025-12-09T01:00:00 '"success":true'; rec y 2025-12-09T01:00:01 '"success":false'; } >tree/by_session/session_9/2025-12-09.json
seen '--follow: a session that is new; its errors' y
stop
follow --errors
rec z 2025-12-09T01:00:00 >tree/errors/2025-12-09_errors.json
seen '--follow --errors' z
stop
# Parts that were rotated before: of a day that was read, and of one that was not.
new_tree
for d in 06 07; do
	rec old$d 2025-12-${d}T01:00:00 >"$(part 2025-12-$d 20251208T000000.000000Z)"
	rec live$d 2025-12-${d}T02:00:00 >"$(day 2025-12-$d)"
done
follow --latest 2
seen '--follow: a rotated part among the newest' 'old07 live07'
sleep 0.5
for d in 06 07; do
	rec more$d 2025-12-${d}T03:00:00 >>"$(day 2025-12-$d)"; rotate 2025-12-$d; rec next$d 2025-12-${d}T04:00:00 >"$(day 2025-12-$d)"
done
within 10 grep -q next06 "$fout"; within 10 grep -q next07 "$fout"; sleep 0.3
is '... and nothing twice when the next is rotated' "$(ids <"$fout" | tr ' ' '\n' | sort | tr '\n' ' ')" 'live07 more06 more07 next06 next07 old07 '
stop
mkfifo ends
rec-cat --dir tree --follow >ends 2>/dev/null & fpid=$!; head -n 1 ends >/dev/null
wait $fpid 2>/dev/null; is '--follow ends when nobody reads, also when nothing comes' $? 141

# ---- others write and rotate ----

# Appends lines as the recorder does, in two writes, under the lock.  FILE PREFIX COUNT ACKNOWLEDGED
cat >writer.pl <<'EOT'
use strict; use Fcntl qw(:flock); use Time::HiRes qw(usleep);
my ($path, $prefix, $count, $acked) = @ARGV;
open(my $log, '>', $acked) or die; $log->autoflush(1);
for my $i (1 .. 20 * $count) {
	last if $i > $count && -e 'enough';
	my $fh;
	for (;;) {
		open($fh, '>>', $path) or die; flock($fh, LOCK_EX) or die;
		my @name = stat($path); last if @name && $name[1] == (stat($fh))[1];
		close($fh);
	}
	my $line = sprintf("{\"id\":\"%s%d\",\"timestamp\":\"2025-12-07T%02d:%02d:%02d\"}\n", $prefix, $i, $i / 3600, $i / 60 % 60, $i % 60);
	syswrite($fh, $line, 20); usleep(100); syswrite($fh, $line, length($line), 20);
	close($fh); print $log "$prefix$i\n"; usleep(300);
}
EOT
: >enough	# without it they go on
use_writers() {
	: >w1; : >w2
	perl -MIO::Handle writer.pl "$(day $D)" a "$1" w1 & p1=$!
	perl -MIO::Handle writer.pl "$(day $D)" b "$1" w2 & p2=$!
	tap_pids="$tap_pids $p1 $p2"
}
# Rotates under the lock, and compresses what was rotated before.
rotate_locked() {
	flock "$(day $D)" mv "$(day $D)" "$(part $D "$(now)")" 2>/dev/null
	for f in tree/archive/*Z.json; do [ -e "$f" ] && gzip -c "$f" >tree/archive/.tmp && mv tree/archive/.tmp "$f.gz" && rm "$f"; done
}
writing() { kill -0 $p1 2>/dev/null || kill -0 $p2 2>/dev/null; }
lines_of() { json r.id <"$1" | sort; }

new_tree; : >"$(day $D)"
rm enough
use_writers 3000
rounds=0 failed='' rotations=0 rotator=''
while writing && [ $rounds -lt 200 ]; do
	sort w1 w2 >acked
	if ! status 0 rec-cat --dir tree --jobs $((rounds % 3 + 1)) >/dev/null || [ -s "$err" ]; then failed="$st $(cat "$err")"; break; fi
	lines_of "$out" >got || { failed='half a line'; break; }
	[ -z "$(comm -23 acked got)" ] || { failed="lost: $(comm -23 acked got | head -n 3)"; break; }
	[ -z "$(uniq -d got)" ] || { failed="twice: $(uniq -d got | head -n 3)"; break; }
	rounds=$((rounds + 1))
	[ $((rounds % 2)) != 1 ] || { rotate_locked & rotator=$!; rotations=$((rotations + 1)); }
	[ $((rounds % 2)) != 0 ] || wait $rotator
	[ $rounds -le 5 ] || : >enough
done
: >enough
wait $p1 $p2 $rotator
is "two writers, $rotations rotations, $rounds readers: whole lines, none lost, none twice" "$failed" ''
ok '... really at the same time' test $rounds -gt 5 -a $rotations -gt 1

new_tree; : >"$(day $D)"
use_writers 3000
sleep 0.2
for i in 1 2 3; do
	rec-cat --dir tree --follow --date $D >follow$i 2>follow$i.err & eval "f$i=\$!"; tap_pids="$tap_pids $!"
	sleep 0.$i; rotate_locked; rotate_locked
done
while writing; do rotate_locked; sleep 0.1; done
wait $p1 $p2
sort w1 w2 >acked
for i in 1 2 3; do
	whole() { lines_of follow$i >got; cmp -s got acked; }
	within 10 whole
	eval "kill \$f$i; wait \$f$i 2>/dev/null"
	ok "--follow begun among writers and rotations: each line once ($(wc -l <acked))" cmp got acked
	is '... without a word' "$(cat follow$i.err)" ''
done
done_testing
