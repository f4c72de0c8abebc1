#!/bin/sh
# bt-push: rows into a Bitable table, against the stand-in of Feishu.
. "${0%/*}/lib.sh"

FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret-of-the-app FEISHU_BASE_ID=bascnTest FEISHU_TABLE_ID=tblTest
export FEISHU_APP_ID FEISHU_APP_SECRET FEISHU_BASE_ID FEISHU_TABLE_ID
feishu() {
	standin feishu --app-secret secret-of-the-app "$@"
	FEISHU_ENDPOINT=$URL
	export FEISHU_ENDPOINT
}
rows() { get /_test/rows; }
keys() { rows | json 'r.run_id' | sort; }
gen() {	# FROM TO: rows
	row=$1
	while [ "$row" -le "$2" ]; do
		echo "{\"run_id\":\"r$row\",\"timestamp\":\"2026-11-20T10:00:00.123Z\",\"input\":\"text $row\"}"
		row=$((row + 1))
	done
}

feishu
# --- the plain job
gen 1 5 >in
run bt-push --ledger ledger in
is 'pushes' $st 0
is 'each row goes on with its record_id' "$(json 'r.run_id + " " + /^rec/.test(r.record_id)' <out | tr '\n' ,)" \
	'r1 true,r2 true,r3 true,r4 true,r5 true,'
is 'the table has them in order' "$(rows | json 'r.run_id + ":" + r.input' | tr '\n' ,)" \
	'r1:text 1,r2:text 2,r3:text 3,r4:text 4,r5:text 5,'
is 'times are kept to the millisecond' "$(rows | json_all 'rows[0].timestamp')" 1795168800123
is 'the ledger has a receipt for each and no contents' "$(grep -c record_id ledger) $(grep -c 'text 1' ledger)" '5 0'
is 'record ids of the ledger are those of the table' \
	"$(json 'r.record_id' <ledger | sort | tr '\n' ,)" "$(rows | json 'r.record_id' | sort | tr '\n' ,)"
is 'the ledger is for its owner only' "$(stat -c %a ledger)" 600
ok 'a second run pushes nothing' status 0 bt-push -v --ledger ledger in
like 'and says so' err 'read=5 pushed=0 updated=0 duplicates=5 rejected=0 .* requests=0'
is 'and leaves the table alone' "$(rows | wc -l)" 5
gen 4 7 >more
ok 'only what is new goes' status 0 bt-push --ledger ledger more
is 'r1 to r7 stand there once' "$(keys | tr '\n' ,)" r1,r2,r3,r4,r5,r6,r7,
{ gen 8 9; gen 8 9; } >twice
ok 'a key twice in the input goes once' status 0 bt-push --ledger ledger twice
is 'r8 and r9 once' "$(keys | wc -l)" 9
ok 'an empty input is fine' status 0 bt-push --ledger ledger /dev/null
unlike 'the secret is not told, even with -v' err secret-of

# --- settings
ok 'missing credentials: status 2' env -u FEISHU_APP_SECRET sh -c 'bt-push in 2>err; [ $? = 2 ]'
like 'named' err 'FEISHU_APP_SECRET is not set'
printf 'secret-of-the-app\n' >secret
ok 'the secret from a file' env -u FEISHU_APP_SECRET FEISHU_APP_SECRET_FILE=secret bt-push --ledger ledger in
ok 'a missing secret file: status 2' env -u FEISHU_APP_SECRET FEISHU_APP_SECRET_FILE=nofile sh -c 'bt-push in 2>err; [ $? = 2 ]'
like 'named too' err 'FEISHU_APP_SECRET_FILE: nofile: No such file'
ok 'a wrong secret: status 2' env FEISHU_APP_SECRET=wrong-one sh -c 'bt-push in 2>err; [ $? = 2 ]'
like 'with code, log id and advice' err 'code 10015 .*log id [0-9A-Za-z]+.*FEISHU_APP_SECRET'
unlike 'and without the secret' err wrong-one
gen 10 10 >one
ok 'the old names of the variables' env -u FEISHU_APP_ID -u FEISHU_APP_SECRET -u FEISHU_BASE_ID -u FEISHU_TABLE_ID \
	APP_ID=cli_test APP_SECRET=secret-of-the-app BASE_ID=bascnTest TABLE_ID=tblTest bt-push --ledger ledger one
ok 'a base address' bt-push --app 'https://x.feishu.cn/base/bascnTest?table=tblTest&view=vew1' --table 'Table 1' --ledger l2 one
gen 11 11 >one
ok 'a wiki address' env -u FEISHU_TABLE_ID bt-push --app 'https://x.feishu.cn/wiki/wikTest?table=tblTest' --ledger ledger one
second=$(post /_test/tables '{"name":"second","fields":[{"field_name":"run_id"},{"field_name":"timestamp","type":5},{"field_name":"input"}]}' | json r.table_id)
gen 13 13 >one
ok 'an address goes before the table of the environment' bt-push --app "https://x.feishu.cn/base/bascnTest?table=$second" one
is 'the row stands in its table' "$(keys | grep -c r13) $(get "/_test/rows?table=$second" | json r.run_id)" '0 r13'
gen 12 12 >one
ok 'a bare wiki token' bt-push --app wikTest --ledger ledger one
ok 'an unknown base: status 2' status 2 bt-push --app bascnOther one
like 'with advice' err 'FEISHU_BASE_ID'
ok 'an unknown table: status 2' status 2 bt-push --table Nope one
like 'naming those there are' err "no table 'Nope'; it has: Table 1"
ok 'not an address: status 2' status 2 bt-push --app 'https://x.feishu.cn/docx/abc' one
post /_test/config '{"collaborator":false}' >/dev/null
ok 'no right to the base: status 2' status 2 bt-push one
like 'says what to do' err 'code 91403.*add the app to the document'
post /_test/config '{"collaborator":true,"missing_scopes":["base:record:create","bitable:app"]}' >/dev/null
ok 'a scope is missing: status 2' status 2 bt-push one
like 'names it' err '99991672.*base:record:create'
post /_test/reset '{}' >/dev/null
ok 'a ledger of another table is refused' sh -c 'gen() { :; }; echo "{\"run_id\":\"q\"}" | bt-push --table tblTest --ledger ledger --app wikTest'
sed -i '1s/"table":"./"table":"0/' ledger; echo '{"run_id":"z"}' >one
ok 'by its first line' status 2 bt-push --ledger ledger one
like 'with a clear word' err 'belongs to another table'
echo '<<<<<<< HEAD' >bad; echo '{"run_id":"a","record_id":"rec1"}' >>bad
ok 'a ledger that is none is refused' status 2 bt-push --ledger bad one
like 'with the line' err 'bad:1: neither a receipt'
printf precious >bad
ok 'a file that is no ledger is refused' status 2 bt-push --ledger bad one
is 'and left as it is' "$(cat bad)" precious
cp one rowsfile
ok 'rows are no ledger either' status 2 bt-push --ledger rowsfile one
for text in '{"run_id":"one row"}' '{"run_id":"a"}\n{"run_id":"b"}' '{"run_id":"a"}\n{"run_id":"b","inp' '{"x":1}'; do
	printf %b "$text" >rowsfile
	cp rowsfile kept
	ok "nor without their last newline: $text" status 2 bt-push --ledger rowsfile one
	same 'and are left as they are' rowsfile kept
done
printf '{"run_id":"z","record_id":"rec1"}' >tail
ok 'a receipt without its newline counts' status 0 bt-push -v --ledger tail one
like 'as pushed' err duplicates=1
ok 'a key as a path' status 0 bt-push --ledger tail --key .run_id one
ok 'a key may not be a word of the ledger' status 2 bt-push --ledger tail --key intent one
ok 'a key must be one member' status 2 bt-push --ledger tail --key .a.b one
ok 'options that exclude each other' status 2 bt-push --update --upsert

# --- fields
standin_stop
feishu --columns 'run_id:1,n:2,pick:3,tags:4,at:5,done:7,who:11,tel:13,web:15,place:22,calc:20,grp:23,phone two:13,made:1001'
cat >in <<'E'
{"run_id":"a","n":1.50,"pick":"x","tags":["u","v","u"],"at":"2026-01-02T03:04:05.678+08:00","done":true,"who":"ou_1","tel":"+8613","web":"https://e.x/","place":"1.5,2.5"}
{"run_id":"b","n":"-2e3","pick":["y"],"tags":"w","at":1767294245678,"done":"false","tel":86139,"web":{"text":"t","link":"https://e.x/2"}}
{"run_id":"c","n":9007199254740992,"pick":"","tags":[],"at":1767294245,"done":0,"web":"","who":["ou_1","ou_2"]}
{"run_id":{"x":[1,2.0]},"at":"2026-01-02","n":null}
{"run_id":12345678901234567890,"at":"2026-01-02 03:04:05"}
{"run_id":"\u4e2d\ud83d\ude00\"\\","n":7}
E
ok 'values of every kind' status 0 bt-push in
get /_test/rows >t
cat >want <<'E'
a|1.5|x|2026-01-01T19:04:05.678Z
b|-2000|y|2026-01-01T19:04:05.678Z
c|9007199254740992|-|2026-01-01T19:04:05.000Z
{"x":[1,2.0]}|-|-|2026-01-02T00:00:00.000Z
12345678901234567890|-|-|2026-01-02T03:04:05.000Z
中😀"\|7|-|-
E
json '[r.run_id, r.n === undefined ? "-" : r.n, r.pick || "-", r.at ? new Date(Number(r.at)).toISOString() : "-"].join("|")' <t >got
same 'arrive as they should' got want
get /_test/log | json_all 'rows[0].filter((x) => /batch_create/.test(x.path)).map((x) => x.body.records[0].fields)[0]' >got
like 'lists without repetitions, people as ids, links with text' got '"tags":\["u","v"\].*"who":\[\{"id":"ou_1"\}\].*"web":\{"text":"https://e.x/","link":"https://e.x/"\}'
node -e 'const tags = Array.from({length: 1001}, (_, i) => "t" + i), put = (t) => console.log(JSON.stringify({run_id: "many", tags: t}));
	put(tags); put([...tags.slice(1), ...tags.slice(1)]); put([1, "1", 1.0, "\u0001"]);' >many
run bt-push --dry-run many
is 'more values than a cell takes are rejected, repetitions do not count' \
	"$st $(json 'r.fields.tags.length + JSON.stringify(r.fields.tags.slice(-2))' <out | tr '\n' ' ')" '1 1000["t999","t1000"] 2["1","\u0001"] '
like 'and named' err "many:1: field 'tags': more values than the 1000"
n=0
while IFS='|' read -r field value why; do
	n=$((n + 1))
	echo "{\"run_id\":\"x$n\",\"$field\":$value}" >one
	run bt-push one
	is "$field $value is rejected" $st 1
	like "because $why" err "one:1: field '$field': .*$why"
done <<'E'
n|"1,5"|not a number
n|true|not a number
n|9007199254740993|lose digits
n|12345678901234567890|lose digits
n|1e999|too large
at|"yesterday"|not a time
at|12|not a time
at|"2026-02-30"|not a time
done|"maybe"|not true or false
pick|["a","b"]|one option
tel|"12-3"|only digits
web|{"text":"x"}|no "link"
place|"here"|not a location
who|5|not an id
E
printf '%s\n' '{"run_id":"u","nope":1,"\u0071":2,"calc":3,"record_id":"recX"}' >one
ok 'unknown fields end the run: status 2' status 2 bt-push one
like 'all named' err "one:1: the table has no field for 'nope', 'q', 'calc' \(computed by the table\)$"
like 'with the ways out' err '--create-fields.*--ignore-unknown'
ok '--ignore-unknown leaves them out' status 0 bt-push --ignore-unknown one
ok 'nothing but unknown members: rejected' sh -c 'echo "{\"nope\":1}" | bt-push --ignore-unknown 2>err; [ $? = 1 ]'
printf '%s\n' '{"run_id":"v","num":1,"yes":true,"day":"2026-01-01T00:00:00Z","list":["p"],"link":{"text":"a","link":"https://b"},"\u540d":"x","none":null}' >one
ok '--create-fields creates them' status 0 bt-push --create-fields one
is 'of the types that suit' "$(get /_test/rows | json_all 'JSON.stringify(rows[rows.length - 1])' | sed 's/"record_id":"[^"]*",//; s/"made":"[^"]*",//')" \
	'{"run_id":"v","num":"1","yes":"true","day":"1767225600000","list":"p","link":"a","名":"x"}'
ok 'and meets them the next time' sh -c 'sed s/\"v\"/\"w\"/ one | bt-push --create-fields'

# --- too long, too many, bad rows
standin_stop
rm -f ledger
feishu --max-batch 100 --max-cell 50
{ gen 1 3; echo "{\"run_id\":\"long\",\"input\":\"$(printf '%060d' 0)\"}"; gen 4 6; } >in
ok 'a row that the service refuses is isolated' status 1 bt-push --ledger ledger --rejects rejected in
is 'the others are pushed' "$(keys | tr '\n' ,)" r1,r2,r3,r4,r5,r6,
like 'it is named with the words of the service' err 'in:4: Feishu code 1254130'
is 'and kept' "$(json r.run_id <rejected)" long
is 'the ledger does not have it' "$(grep -c long ledger)" 0
ok '--truncate cuts it' status 0 bt-push --ledger ledger --truncate 50 in
is 'to so many characters, the last an ellipsis' "$(rows | json_all '[...rows[6].input].length + rows[6].input.slice(-1)')" '50…'
like 'and says so' err '1 texts were cut to 50 characters'
printf '%s\n' '{"run_id":"esc","input":"\u4e2d\ud83d\ude00\u4e2d\ud83d\ude00\n中"}' >one
ok 'cuts between characters, not inside escapes' status 0 bt-push --ledger ledger --truncate 3 one
is 'surrogate pairs stay whole' "$(rows | json_all 'rows[7].input')" '中😀…'
gen 1 250 >in
ok 'more than a call may hold is halved' status 0 bt-push --ledger ledger --batch 200 in
is 'and all arrive once' "$(keys | grep -c '^r')" 250
is 'no rows twice' "$(keys | sort | uniq -d | wc -l)" 0
before=$(get /_test/stats | json 'r.calls.batch_create')
gen 1000 2999 | bt-push --ledger ledger >out 2>err
is 'by default far too many: 1000, 500, 250 and 125 rows are refused, and then all pass by 63 at most' \
	"$(get /_test/stats | json 'r.calls.batch_create') $(wc -l <out)" "$((before + 4 + 16 + 16)) 2000"
gen 300 349 >in
ok 'batches by bytes' status 0 bt-push --ledger ledger --batch-bytes 1024 in
ok 'more than one of them' test "$(get /_test/stats | json 'r.writes.batch_create')" -gt 5
before=$(get /_test/stats | json 'r.calls.batch_create')
node -e 'for (let i = 0; i < 70; i++) console.log(JSON.stringify({run_id: "w" + i, junk: "x".repeat(1 << 20)}))' |
	bt-push --ignore-unknown >out 2>err
is 'rows of more than 64 MB do not wait, however little of them goes into the table' \
	"$(get /_test/stats | json 'r.calls.batch_create') $(wc -l <out)" "$((before + 2)) 70"
ok '--strict stops at the first bad row' sh -c 'printf "x\n{\"run_id\":\"never\"}\n" | bt-push --strict --ledger ledger 2>err; [ $? = 1 ]'
unlike 'and pushes nothing behind it' ledger never
printf '{"run_id":"g1"}\nnot json\n{"run_id":"g2"\n\n{"input":"no key"}\n{"run_id":"g3"}' >in
ok 'bad lines are told, good ones pushed' status 1 bt-push --ledger ledger in
like 'with line and column' err 'in:2:1: not JSON'
like 'a row without its key is rejected' err 'in:5: no key'
is 'g1 and g3 are there' "$(keys | grep -c '^g')" 2

# --- hostile input
{
	printf '\357\273\277{"run_id":"h1","input":"bom"}\r\n'
	printf '{"run_id":"h2","input":"bad \377 utf-8"}\n'
	printf '{"run_id":"h3","input":"nul \000"}\n'
	printf '{"run_id":"h4","input":"first","input":"the last one counts"}\n'
	printf '{"run_id":"h5","input":'
	head -c 10000 /dev/zero | tr '\0' '['
	printf '\n{"run_id":"h6","in'
} >in
ok 'hostile lines are rejected, the others pushed' status 1 bt-push --ledger ledger --rejects hostile in
is 'h1 and h4 are there' "$(keys | grep '^h' | tr '\n' ,)" h1,h4,
is 'of two members of one name the last' "$(rows | json 'r.run_id === "h4" ? r.input : undefined')" 'the last one counts'
is 'each reason is told with its place' "$(sed 's/.*in:\([0-9]*:[0-9]*\): /\1 /' err | grep '^[0-9]' | tr '\n' ,)" \
	'2:29 not UTF-8,3:29 a control character in a string,5:1047 nested too deep,6:19 a string is not closed,'
is 'and the lines are kept as they came' "$(wc -l <hostile)" 4
{ gen 910 910; printf '{"run_id":"big","input":"'; head -c 100000000 /dev/zero | tr '\0' x; printf '"}\n'; gen 911 911; } >in
ok 'a line of 100 MB is rejected' status 1 bt-push --ledger ledger in
like 'as too long' err 'in:2: longer than --max-line'
is 'its neighbours are pushed' "$(keys | grep -c '^r91[01]')" 2
ok 'a directory is no input' status 3 bt-push --ledger ledger .
like 'and is told so' err 'Is a directory'
ok 'a file that is not there' status 3 bt-push --ledger ledger nowhere
like 'neither' err 'nowhere: No such file'

# --- a live pipe
mkfifo pipe
bt-push --ledger ledger --linger 300ms <pipe >live 2>err & pid=$!
exec 3>pipe
gen 901 901 >&3
ok 'an incomplete batch goes after --linger' within 5 grep -q r901 live
exec 3>&-
wait $pid
is 'and the end is clean' $? 0
bt-push --ledger ledger <pipe >live 2>err & pid=$!
exec 3>pipe
gen 902 902 >&3
sleep 0.3; kill -TERM $pid; wait $pid 2>/dev/null
is 'SIGTERM ends it with 143' $? 143
exec 3>&-

# --- update, upsert, dry run
standin_stop
feishu
gen 1 4 >in
run bt-push in
sed 's/text/new/' out | sed -n 2,3p >changed
ok '--update changes by record_id' status 0 bt-push --update changed
is 'those rows, in place' "$(rows | json r.input | tr '\n' ,)" 'text 1,new 2,new 3,text 4,'
echo '{"record_id":"recNONE","input":"x"}' >>changed
ok 'a record that is gone is rejected' status 1 bt-push --update changed
like 'with the code' err 'changed:3: .*1254043'
{ gen 4 6; gen 5 5 | sed 's/text/last/'; } | sed 's/text/up/' >in
ok '--upsert changes and creates' status 0 bt-push -v --upsert in
is 'the later row of a key wins' "$(rows | json r.input | tr '\n' ,)" 'text 1,new 2,new 3,up 4,last 5,up 6,'
like 'counted' err 'pushed=2 updated=2'
ok '--dry-run sends nothing' status 0 bt-push --dry-run --ledger none in
is 'and shows what it would' "$(head -n 1 out)" '{"fields":{"run_id":"r4","timestamp":1795168800123,"input":"up 4"}}'
is 'the table is as before' "$(rows | wc -l)" 6
ok 'and no ledger appears' test ! -e none

# --- the closed and the full
gen 21 22 >in
ok 'a full stdout is status 3' sh -c 'bt-push --ledger ledger2 in >/dev/full 2>err; [ $? = 3 ]'
is 'the rows are pushed and recorded all the same' "$(grep -c record_id ledger2)" 2
gen 23 24 >in
if [ -z "$VALGRIND" ]; then
	(bt-push --ledger ledger2 in >&- 2>err; echo $? >code)
	is 'a closed stdout is status 3' "$(cat code)" 3
else
	bt-push --ledger ledger2 in >out
	skip 1 "valgrind's log takes its descriptor"
fi
is 'and recorded' "$(grep -c record_id ledger2)" 4
mkfifo out2
(exec 4<out2; exec 4<&-) &
gen 25 26 >in
(bt-push --ledger ledger2 in >out2; echo $? >code) 2>/dev/null
is 'a reader that went is SIGPIPE' "$(cat code)" 141
is 'and recorded too' "$(grep -c record_id ledger2)" 6
done_testing
