#!/bin/sh
# bt-fetch: the records of a Bitable as rows, against the stand-in of Feishu; and back through bt-push.
. "${0%/*}/lib.sh"

FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret-of-the-app
standin feishu --app-secret "$FEISHU_APP_SECRET"
FEISHU_ENDPOINT=$URL
export FEISHU_APP_ID FEISHU_APP_SECRET FEISHU_ENDPOINT
faults() { post /_test/faults "$1" >/dev/null; }
config() { post /_test/config "$1" >/dev/null; }
search='POST /open-apis/bitable/v1/apps/bascnTest/tables/tblTest/records/search'
base='https://example.feishu.cn/base/bascnTest'

post /_test/rows '[{"run_id":"r1","timestamp":1795168800123,"input":"one"},{"run_id":"r2","timestamp":-1,"input":"two\nlines"},{"run_id":"r3"}]' >/dev/null

# ---- the plain job
run bt-fetch "$base?table=tblTest&view=vewOther"
is 'an address as copied from the browser: it ends well' "$st $(cat err)" '0 '
cat >want <<'E2'
true {"run_id":"r1","timestamp":"2026-11-20T10:00:00.123Z","input":"one"}
true {"run_id":"r2","timestamp":"1969-12-31T23:59:59.999Z","input":"two\nlines"}
true {"run_id":"r3","timestamp":null,"input":null}
E2
json '/^rec/.test(r.record_id) + " " + (delete r.record_id, JSON.stringify(r))' <out >got
same 'rows of plain values; an empty cell is null' got want
is 'the record id stands first, then the fields in their order' "$(json 'Object.keys(r).join()' <out | sort -u)" \
	record_id,run_id,timestamp,input
cp out all
for source in "https://example.feishu.cn/wiki/wikTest?table=tblTest" "bascnTest --table tblTest" "bascnTest -t Table\ 1" \
    "wikTest --table tblTest" "$base?table=blkOther --table=tblTest" bascnTest "$base/" wikTest; do
	eval "set -- $(printf '%s' "$source" | sed 's/[?&]/\\&/g')"
	run bt-fetch "$@"
	same "the same from: $source" out all
done
ok 'the table from the environment' status 0 env FEISHU_BASE_ID=bascnTest FEISHU_TABLE_ID=tblTest bt-fetch
same "gives the same" out all
ok 'its table does not count for another address' status 0 env FEISHU_BASE_ID=x FEISHU_TABLE_ID=tblNone bt-fetch bascnTest
run bt-fetch -v bascnTest
like 'the summary' err 'written=3 tables=1 pages=1 requests=[0-9]+ seconds='
unlike 'the secret is not told, even with -v' err secret-of
ok 'a full disk is status 3' sh -c 'bt-fetch bascnTest >/dev/full 2>err; [ $? = 3 ]'
is 'a closed pipe ends it quietly' "$(bt-fetch bascnTest 2>err | true; cat err)" ''

# ---- which fields and records
run bt-fetch bascnTest --fields input,run_id
is '--fields: these, in this order' "$(json 'Object.keys(r).join() + r.input' <out | head -n 1)" record_id,input,run_idone
run bt-fetch bascnTest -f input -f run_id,input
is 'also one by one' "$(json 'Object.keys(r).join()' <out | sort -u)" record_id,input,run_id
post /_test/log '' >/dev/null
ok '--raw' status 0 bt-fetch bascnTest --raw --fields input
is 'the JSON of the service' "$(json 'Object.keys(r) + JSON.stringify(r.fields)' <out | head -n 2 | tail -n 1)" \
	'record_id,fields{"input":[{"type":"text","text":"two\nlines"}]}'
is 'only the fields asked for are sent' "$(get /_test/log | json_all 'rows[0].filter((c) => c.path.endsWith("search")).map((c) => c.body)')" \
	'[{"field_names":["input"]}]'
run bt-fetch bascnTest --filter '{"conjunction":"and","conditions":[
	{"field_name":"run_id","operator":"is","value":["r2"]}]}'
is '--filter, also on several lines' "$st $(json r.run_id <out)" '0 r2'
view=$(post /_test/views '{"view_name":"only r3","filter":{"conjunction":"and","conditions":[{"field_name":"run_id","operator":"is","value":["r3"]}]}}' | json r.view_id)
run bt-fetch bascnTest --view "$view"
is '--view by its id' "$st $(json r.run_id <out)" '0 r3'
run bt-fetch bascnTest --view 'only r3'
is '--view by its name' "$st $(json r.run_id <out)" '0 r3'
is 'a view may hide fields, so they are asked for by name' "$(get /_test/log | json_all 'rows[0].filter((c) => c.path.endsWith("search")).pop().body.field_names')" \
	'["run_id","timestamp","input"]'
run bt-fetch "$base?table=tblTest&view=$view"
is 'the view of an address does not shorten the table' "$(wc -l <out)" 3

# ---- nothing there
ok 'no such table' status 2 bt-fetch bascnTest --table Nope
like 'names those there are' err "no table 'Nope'; it has: Table 1"
ok 'no such table id' status 2 bt-fetch "$base?table=tblNope"
like 'names them, too' err "no table 'tblNope'; it has: Table 1"
ok 'no such view' status 2 bt-fetch bascnTest --view Nope
like 'names them' err "no view 'Nope'; it has: Grid View, only r3"
ok 'no such field' status 2 bt-fetch bascnTest --fields run_id,nope
like 'names them' err "no field 'nope'; it has: run_id, timestamp, input"
ok 'no such base' status 2 bt-fetch bascnOther
like 'with the code' err 'code 1254040'
ok 'an address of a spreadsheet' status 2 bt-fetch 'https://example.feishu.cn/sheets/shtTest?sheet=x'
like 'names the tool for it' err 'spreadsheet: use sheet-fetch'
for node in https://example.feishu.cn/wiki/wikSheet wikSheet; do
	ok "a wiki page that is a spreadsheet: $node" status 2 bt-fetch "$node"
	like 'is named as one' err 'wiki page is a sheet, not a Bitable: sheet-fetch reads it'
done
ok 'an address of something else' status 2 bt-fetch https://example.feishu.cn/docx/x
ok 'no base at all' status 2 bt-fetch
like 'says what to set' err FEISHU_BASE_ID
ok 'a filter that is no JSON' status 2 bt-fetch bascnTest --filter '{"a"'
like 'is named' err -- '--filter: not a JSON object'
ok 'nor an array' status 2 bt-fetch bascnTest --filter '[]'
ok 'a filter that the service refuses' status 2 bt-fetch bascnTest --filter '{"conjunction":"and","conditions":[{"field_name":"x","operator":"is","value":["1"]}]}'
like 'with its words' err 'Feishu code [0-9]+ '
is 'and no row' "$(wc -c <out)" 0
ok 'a view and a filter' status 2 bt-fetch bascnTest --view x --filter '{}'
ok 'all tables and one' status 2 bt-fetch bascnTest --all-tables --table x
ok 'two sources' status 2 bt-fetch a b
config '{"missing_scopes":["bitable:app","bitable:app:readonly","base:record:retrieve"]}'
ok 'a missing scope' status 2 bt-fetch bascnTest
like 'is named' err 'base:record:retrieve'
config '{"missing_scopes":[]}'

# ---- several tables
second=$(post /_test/tables '{"name":"Second \"2\"","fields":[{"field_name":"_table","type":1},{"field_name":"record_id","type":1},{"field_name":"record_id_2","type":2}]}' | json r.table_id)
post "/_test/rows?table=$second" '[{"_table":"mine","record_id":"theirs","record_id_2":7}]' >/dev/null
post /_test/tables '{"name":"empty","fields":[{"field_name":"a","type":1},{"field_name":"b, or c","type":2},{"field_name":"d","type":1}]}' >/dev/null
ok 'several tables and none named' status 2 bt-fetch bascnTest
like 'they are' err 'the base has 3 tables, choose by --table or take --all-tables: Table 1, Second "2", empty'
run bt-fetch "$base?table=tblTest" --all-tables -v
is 'all tables' "$st $(json 'r._table' <out | tr '\n' ,)" '0 Table 1,Table 1,Table 1,Second "2",'
like 'are counted' err 'written=4 tables=3'
is 'fields whose names are taken get others' "$(json '(delete r.record_id, JSON.stringify(r))' <out | tail -n 1)" \
	'{"_table":"Second \"2\"","_table_2":"mine","record_id_3":"theirs","record_id_2":7}'
like 'which is said' err "the field 'record_id' is written as 'record_id_3'"
like 'of both' err "the field '_table' is written as '_table_2'"
run bt-fetch bascnTest -t 'Second "2"' -q
is 'a field _table has its name where it is not taken' "$(json 'Object.keys(r).join()' <out)" record_id,_table,record_id_3,record_id_2
is 'quietly with -q' "$(cat err)" ''
ok 'a field with a comma in its name' status 0 bt-fetch bascnTest -t empty -f d -f 'b, or c'
run bt-fetch bascnTest --all-tables --raw
is '--raw keeps the names' "$(json 'Object.keys(r) + JSON.stringify(r.fields)' <out | tail -n 1)" \
	'record_id,_table,fields{"_table":[{"type":"text","text":"mine"}],"record_id":[{"type":"text","text":"theirs"}],"record_id_2":7}'

# ---- every type of field, there and back
post /_test/reset '{}' >/dev/null
config '{"files":["box1","box2"],"people":{"ou_nobody":{"name":"","en_name":""}}}'
fields='[{"field_name":"text","type":1},{"field_name":"email","type":1,"ui_type":"Email"},{"field_name":"code","type":1,"ui_type":"Barcode"},
	{"field_name":"number","type":2},{"field_name":"pick","type":3},{"field_name":"tags","type":4},{"field_name":"day","type":5},
	{"field_name":"done","type":7},{"field_name":"who","type":11},{"field_name":"tel","type":13},{"field_name":"web","type":15},
	{"field_name":"file","type":17},{"field_name":"one way","type":18,"property":{"table_id":"tblTest"}},
	{"field_name":"both ways","type":21,"property":{"table_id":"tblTest"}},{"field_name":"place","type":22},{"field_name":"chat","type":23}'
post /_test/tables "{\"table_id\":\"tblFrom\",\"name\":\"from\",\"fields\":$fields,
	{\"field_name\":\"formula\",\"type\":20},{\"field_name\":\"lookup\",\"type\":19},{\"field_name\":\"made\",\"type\":1001},
	{\"field_name\":\"maker\",\"type\":1003},{\"field_name\":\"nr\",\"type\":1005},{\"field_name\":\"stage\",\"type\":24}]}" >/dev/null
post /_test/tables "{\"table_id\":\"tblInto\",\"name\":\"into\",\"fields\":$fields]}" >/dev/null
rec=$(post /_test/rows '[{"run_id":"target"}]' | json r.record_ids[0])
cat >rows.json <<E2
[{"fields":{"text":"see https://x.example/a b\nand \"more\" 資料 \ud83d\ude00","email":"a@b.example","code":"0012","number":-0.5,"pick":"open",
"tags":["a","b, c"],"day":-2208988800001,"done":true,"who":[{"id":"ou_li"},{"id":"ou_nobody"}],"tel":"+8613800000000",
"web":{"text":"the x","link":"https://x.example"},"file":[{"file_token":"box1"},{"file_token":"box2"}],"one way":["$rec"],"both ways":["$rec"],
"place":"116.3,40.01","chat":[{"id":"oc_1"}]},
"cells":{"formula":{"type":2,"value":[{"type":"text","text":"#DIV/0!"}]},"lookup":{"type":5,"value":[0]},"stage":{"any":1}}},
{"fields":{"text":"numbers","number":1e15,"done":false,"web":{"text":"https://y","link":"https://y"},"day":0},
"cells":{"formula":{"type":1,"value":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}},"raw_text":{"number":"1.0E15"}},
{"fields":{"text":"large","number":12345678901234567000,"day":253402300799999,"pick":"","tags":[]}},
{"fields":{}}]
E2
post '/_test/rows?table=tblFrom' "$(cat rows.json)" | json_all 'rows[0].error || ""'
run bt-fetch bascnTest --table from
is 'every type is read' "$st $(cat err)" '0 '
cp out from
shown() { json "JSON.stringify(r['$1'])" <from | tr '\n' ' '; }
while IFS='|' read -r field want; do
	is "$field" "$(shown "$field")" "$want "
done <<E2
text|"see https://x.example/a b\nand \"more\" 資料 😀" "numbers" "large" null
email|"a@b.example" null null null
code|"0012" null null null
pick|"open" null null null
tags|["a","b, c"] null null null
day|"1899-12-31T23:59:59.999Z" "1970-01-01T00:00:00.000Z" "9999-12-31T23:59:59.999Z" null
done|true false false false
who|[{"id":"ou_li","name":"User ou_li"},{"id":"ou_nobody"}] null null null
tel|"+8613800000000" null null null
web|{"text":"the x","link":"https://x.example"} "https://y" null null
one way|["$rec"] null null null
both ways|["$rec"] null null null
place|{"location":"116.3,40.01","name":"116.3,40.01","full_address":"116.3,40.01"} null null null
chat|[{"id":"oc_1","name":"Group oc_1"}] null null null
formula|"#DIV/0!" "ab" null null
lookup|["1970-01-01T00:00:00.000Z"] null null null
nr|"1" "2" "3" "4"
stage|{"any":1} null null null
E2
is 'a file' "$(json 'r.file && JSON.stringify(r.file[0])' <from | head -n 1)" \
	'{"file_token":"box1","name":"box1.bin","size":0,"type":"application/octet-stream"}'
like 'a number is spelled as it came' from '"number":1.0E15,'
like 'with all its digits' from '"number":12345678901234567000,'
is 'times of the service' "$(json '/^"20.*Z"$/.test(JSON.stringify(r.made)) && r.maker[0].id' <from | sort -u)" ou_owner

cell_values() { get "/_test/rows?table=$1" | json '(["record_id", "formula", "lookup", "made", "maker", "nr", "stage"].forEach((f) => delete r[f]), r.done === "false" && delete r.done, JSON.stringify(r))'; }
run bt-push --app bascnTest --table into --ignore-unknown --key text from
is 'bt-push takes the rows; the empty one has nothing for it' "$st $(wc -l <out)" '0 4'
cell_values tblFrom >want
cell_values tblInto >got
same 'and the other table has the same in its cells' got want
bt-fetch bascnTest --table into >copy
is 'which is read as the same' "$(json '(delete r.record_id, JSON.stringify(r))' <copy)" \
	"$(json '(["record_id", "formula", "lookup", "made", "maker", "nr", "stage"].forEach((f) => delete r[f]), JSON.stringify(r))' <from | sed s/1.0E15/1000000000000000/)"
bt-push --app bascnTest --table into --update --key text copy >/dev/null 2>err
bt-fetch bascnTest --table into >again
same 'and written over itself changes nothing' again copy

# ---- a lost ledger
post /_test/reset '{}' >/dev/null
printf '{"run_id":"r%d","timestamp":"2026-11-20T10:00:00Z","input":"x"}\n' 1 2 3 >in
bt-push --app bascnTest --table tblTest in >/dev/null
bt-fetch bascnTest --fields run_id,timestamp | json '({run_id: r.run_id, record_id: r.record_id, timestamp: r.timestamp})' >ledger
ok 'is made from the table' status 0 bt-push -v --app bascnTest --table tblTest --ledger ledger in
like 'and bt-push goes by it' err 'read=3 pushed=0 updated=0 duplicates=3'

# ---- pages
post /_test/reset '{}' >/dev/null
post /_test/fill '{"count":1234,"cells":{"run_id":"r{i}","input":"text of number {i}, and a bit more of it"}}' >/dev/null
bt-fetch bascnTest | json r.run_id >all
is 'more than a page' "$(sort -u all | wc -l) $(head -n 1 all) $(tail -n 1 all)" '1234 r0 r1233'
complete() { json r.run_id <out >got && cmp got all && return; echo "status $st"; cat "$err"; return 1; }
run bt-fetch -v bascnTest --page-size 100
ok 'of any size' complete
like 'that many' err 'written=1234 tables=1 pages=13 requests='
config '{"max_records":20000}'
run bt-fetch -v bascnTest
ok 'pages that are too large for the service become smaller' complete
like 'and stay so' err 'written=1234 tables=1 pages=([89]|1[0-9]) '
config '{"max_records":0}'
while IFS='|' read -r what fault; do
	faults "[$fault]"
	run bt-fetch bascnTest --timeout 2s
	ok "in mid-run, $what: all rows" complete
	is "$what: status" "$st" 0
done <<E2
a reset|{"route":"$search","nth":2,"act":"reset-after"}
half an answer|{"route":"$search","nth":2,"act":"truncate"}
no answer|{"route":"$search","nth":2,"act":"hang"}
500|{"route":"$search","nth":2,"act":"status","status":500,"body":"oops"}
a page that is none|{"route":"$search","nth":2,"act":"garbage"}
too many requests|{"route":"$search","nth":2,"act":"status","status":429,"body":{"code":99991400,"msg":"limit"}}
an expired token|{"route":"$search","nth":2,"act":"status","status":400,"body":{"code":99991663,"msg":"Invalid access token"}}
1254002 some times|{"route":"$search","nth":2,"times":3,"act":"status","status":200,"body":{"code":1254002,"msg":"Fail"}}
1254030|{"route":"$search","nth":2,"act":"status","status":200,"body":{"code":1254030,"msg":"TooLargeResponse"}}
E2

# ---- as a user, whose token expires in the middle
FEISHU_TOKEN_STORE=$T/feishu.json
export FEISHU_TOKEN_STORE
config '{"device":0,"device_interval":1}'
ok 'a login' status 0 fs-auth --device login
post /_test/log '' >/dev/null
config '{"later":{"calls":25,"of":"search","config":{"advance":7201}}}'
run bt-fetch -v bascnTest --page-size 25
ok 'a token that expires behind half of 50 pages: all rows, once' complete
like '... in so many pages' err 'written=1234 tables=1 pages=50 requests='
get /_test/log >log
is '... by one refresh, as the user all the time' \
	"$st $(json_all '["oauth/v3/token", "tenant_access_token"].map((p) => rows[0].filter((c) => c.path.includes(p)).length).join()' <log)" '0 1,0'
is '... and one call that was sent again' \
	"$(json_all 'rows[0].filter((c) => c.path.endsWith("search")).map((c) => (c.status === 200 ? "." : c.status)).join("")' <log)" \
	.........................400.........................
config '{"user_collaborator":false}'
ok 'a document that the user may not read' status 2 bt-fetch bascnTest -t tblTest
like '... is told in other words than to an app' err '91403.*: the user has no right to it: whoever owns it must share it'
ok '... to which it may be added' status 0 bt-fetch --as app bascnTest -t tblTest
config '{"user_collaborator":true,"collaborator":false}'
ok '... as' status 2 bt-fetch --as app bascnTest -t tblTest
like '... it says' err '91403.*: add the app to the document'
config '{"collaborator":true}'
unset FEISHU_TOKEN_STORE
rm feishu.json

# ---- never a short export that looks complete
fails() {	# NAME FAULT MESSAGE ROWS
	faults "[$2]"
	run bt-fetch -v bascnTest --max-retries 1 --retry-time 1s --timeout 2s
	is "$1: status 3" "$st" 3
	is "$1: the summary is at the end" "$(tail -n 1 err | grep -c ": written=$4 ")" 1
	like "$1: the reason" err "$3"
	like "$1: the rows are told" err "stopped after $4 rows; the output is not complete"
	is "$1: they are whole" "$(json r.run_id <out | wc -l)" "$4"
	faults '[]'
}
page() {	# HAS_MORE TOKEN TOTAL ITEMS: an answer
	printf '"act":"status","status":200,"body":{"code":0,"msg":"success","data":{"has_more":%s,"page_token":"%s","total":%s,"items":[%s]}}' "$@"
}
record='{"record_id":"recX","fields":{"run_id":[{"type":"text","text":"x"}]}}'
fails 'no answer any more' "{\"route\":\"$search\",\"nth\":2,\"times\":0,\"act\":\"reset\"}" 'no answer from Feishu' 500
fails 'no right any more' "{\"route\":\"$search\",\"nth\":3,\"act\":\"status\",\"status\":403,\"body\":{\"code\":91403,\"msg\":\"Forbidden\"}}" 'code 91403' 1000
fails 'fewer than there are' "{\"route\":\"$search\",\"nth\":2,$(page false t 1234 "$record")}" 'gave 501 records of the 1234' 501
fails 'more than there are' "{\"route\":\"$search\",$(page false t 1 "$record,$record")}" 'gave 2 records of the 1 ' 2
fails 'no way to the next page' "{\"route\":\"$search\",\"nth\":2,$(page true '' 1234 "$record")}" 'no page_token' 500
fails 'around in circles' "{\"route\":\"$search\",\"nth\":2,\"times\":2,$(page true t 1234 "$record")}" 'no new page_token' 501
fails 'around in larger circles' "{\"route\":\"$search\",$(page true a 1 "$record")},{\"route\":\"$search\",\"nth\":2,$(page true b 1 "$record")},{\"route\":\"$search\",\"nth\":3,$(page false '' 3 "$record")}" \
	'gave 2 records of the 1 ' 2
token='POST /open-apis/auth/v3/tenant_access_token/internal'
for answer in '"tenant_access_token":"t-x\r\nEvil: 1","expire":7200' '"tenant_access_token":"","expire":7200' '"tenant_access_token":7'; do
	faults "[{\"route\":\"$token\",\"times\":0,\"act\":\"status\",\"status\":200,\"body\":{\"code\":0,$answer}}]"
	run bt-fetch bascnTest
	is "an app's token that is none (${#answer})" "$st $(grep -c "Feishu's answer holds no tenant_access_token" err)" '3 1'
done
for expire in 9223372036854775807 -9223372036854775807; do
	faults "[{\"route\":\"$token\",\"nth\":1,\"act\":\"status\",\"status\":200,\"body\":{\"code\":0,\"tenant_access_token\":\"t-x\",\"expire\":$expire}}]"
	ok "one that lives $expire seconds is replaced where the service does not take it" status 0 bt-fetch bascnTest
done
faults '[]'
fails 'a record without its id' "{\"route\":\"$search\",\"nth\":2,$(page true t 1234 '{"fields":{}}')}" 'a record without its id' 500
fails 'a record without its fields' "{\"route\":\"$search\",\"nth\":2,$(page true t 1234 '{"record_id":"recX"}')}" 'a record without its fields' 500
faults "[{\"route\":\"$search\",\"nth\":2,\"act\":\"delay\",\"ms\":0},{\"route\":\"$search\",$(page true x 3 "$record")},{\"route\":\"$search\",\"nth\":2,$(page false '' 4 "$record,$record,$record")}]"
run bt-fetch bascnTest
is 'a table that changes while it is read' "$st $(wc -l <out)" '0 4'
like 'is told' err 'changed while it was read, from 3 records to 4: some may be missing or stand twice'
faults "[{\"route\":\"$search\",$(page false '' 1 '{"record_id":"recX","fields":{"run_id":"x","new":[{"type":"text","text":"n"}],"record_id":1}}')}]"
run bt-fetch bascnTest
is 'a field that the list of fields lacks is written as it came' "$(cat out)" \
	'{"record_id":"recX","run_id":"x","timestamp":null,"input":null,"new":[{"type":"text","text":"n"}],"record_id_2":1}'
like 'and one whose name is taken is told' err "'record_id' is written as 'record_id_2'"
faults "[{\"route\":\"$search\",\"act\":\"status\",\"status\":500,\"body\":\"\"}]"
run bt-fetch bascnTest --max-retries 0
is 'nothing at all: status 3' "$st $(wc -c <out)" '3 0'
faults "[{\"route\":\"$search\",\"nth\":2,\"act\":\"hang\"}]"
bt-fetch bascnTest >out 2>err & pid=$!
ok 'rows stand in the output before the next page has come' within 20 sh -c '[ "$(wc -l <out)" = 500 ]'
kill $pid; wait $pid 2>/dev/null; st=$?
is 'a signal ends it, with whole lines' "$st $(json r.run_id <out | wc -l)" '143 500'
faults '[]'
run bt-fetch bascnTest --progress=always
like 'progress is told, with a bar since the total is known' err '500 records.* 4[01]%'

# ---- much
if [ -z "$SAN" ] && [ -x /usr/bin/time ]; then
	post /_test/reset '{}' >/dev/null
	post /_test/fill '{"count":100000,"cells":{"run_id":"r{i}","timestamp":{"from":1700000000000,"step":1000},"input":"a text of number {i}, about as long as most of them are, or a bit longer than that"}}' >/dev/null
	/usr/bin/time -f %M -o peak bt-fetch bascnTest >out 2>err & pid=$!
	wait $pid; st=$?
	is '100,000 records' "$st $(wc -l <out) $(tail -n 1 out | json r.timestamp)" '0 100000 2023-11-16T01:59:59.000Z'
	ok "in $(tail -n 1 peak) KB" test "$(tail -n 1 peak)" -lt 32768
	post /_test/reset '{}' >/dev/null
	post /_test/fill "{\"count\":3000,\"cells\":{\"run_id\":\"r{i}\",\"input\":\"$(head -c 30000 /dev/zero | tr '\0' x)\"}}" >/dev/null
	/usr/bin/time -f %M -o peak bt-fetch bascnTest >out 2>err; st=$?
	is 'wide records' "$st $(wc -l <out)" '0 3000'
	ok "in $(tail -n 1 peak) KB" test "$(tail -n 1 peak)" -lt 65536
else
	skip 4 'a sanitizer needs memory of its own'
fi
done_testing
