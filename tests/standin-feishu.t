#!/bin/sh
# The Feishu stand-in where the official client and the writing tools do not go: the login, what is read of cells of
# every type, spreadsheets, and the control calls.
. "${0%/*}/lib.sh"
[ -z "$SAN" ] || skip_all 'it runs nothing that is built'

CTL=$top/tests/ctl.js
FORM='Content-Type: application/x-www-form-urlencoded'
BACK=http://127.0.0.1:8099/back
APP='client_id=cli_test&client_secret=secret'
BASE=/open-apis/bitable/v1/apps/bascnTest/tables
BOOK=/open-apis/sheets/v2/spreadsheets/shtTest

standin feishu --user-token u-ready --device-interval 60

# ask METHOD PATH [FILE] [HEADER...]: the whole answer in $out, its status in $code
ask() {
	ask_method=$1 ask_path=$2 ask_file=$3
	shift 3
	ask_n=$#
	while [ $ask_n -gt 0 ]; do
		set -- "$@" -H "$1"; shift; ask_n=$((ask_n - 1))
	done
	node "$CTL" -i "$@" "$ask_method" "$URL$ask_path" ${ask_file:+"$ask_file"} >"$out" 2>"$err"
	code=$(head -n 1 "$out")
}
api() { ask "$1" "$2" "${3-}" 'Authorization: Bearer u-ready'; }
as() { ask GET "$2" '' "Authorization: Bearer $(cat "$1")"; }
body() { sed '1,/^$/d' "$out"; }
# field EXPR: of the answer a and its data d
field() { body | json_all "((a, d) => $1)(rows[0] || {}, (rows[0] || {}).data || {})" | sed 's/^$/-/'; }
header() { sed -n "s/^$1: //p" "$out" | head -n 1; }
control() { post "/_test/$1" "$2" >/dev/null; }
form() { printf %s "$1" >form; ask POST "${2-/oauth/v3/token}" form "$FORM"; }
refused() { is "$1" "$code $(field 'a.code + " " + a.error')" "$2"; }

# ---- the page, and the code ----

verifier=abcdefghijklmnopqrstuvwxyz0123456789-._~ABCDEFGH
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' | tr -d =)
page() { ask GET "/open-apis/authen/v1/authorize?client_id=cli_test&response_type=code&redirect_uri=$BACK&$1" ''; }
READ=base:record:retrieve
new_code() { page "state=s%26t&scope=offline_access%20$READ${1+&$1}"; auth=$(header location | sed 's/.*[?&]code=//; s/&.*//'); }
exchange() { form "grant_type=authorization_code&$APP&redirect_uri=$BACK&code=$auth${1+&$1}" ${2+"$2"}; }

new_code "code_challenge=$challenge&code_challenge_method=S256"
is 'the page sends the user back, with the state' "$code $(header location | sed 's/code=[^&]*/code=/')" "302 $BACK?code=&state=s%26t"
ok '... and a long code' test ${#auth} -ge 64
exchange; refused 'a code needs the verifier of its challenge' '400 20049 invalid_grant'
exchange "code_verifier=$verifier-"; refused '... and the right one' '400 20049 invalid_grant'
form "grant_type=authorization_code&$APP&redirect_uri=$BACK/&code=$auth"; refused 'another redirect address' '400 20071 invalid_grant'
exchange "code_verifier=$verifier&scope=wiki:wiki"; refused 'a scope that was not granted' '400 20068 invalid_scope'
exchange "code_verifier=$verifier"
is 'the code gives a pair' "$code $(field '[a.code, a.expires_in, a.refresh_token_expires_in, a.token_type, a.scope].join()')" \
	"200 0,7200,604800,Bearer,offline_access $READ"
is 'the answer has no envelope, and long tokens' "$(field 'typeof a.data + a.access_token.length')" undefined1200
field a.access_token >access; field a.refresh_token >refresh
exchange "code_verifier=$verifier"; refused 'a code works once' '400 20065 invalid_grant'
new_code; exchange "code_verifier=$verifier"; refused 'v3 refuses a verifier without a challenge' '400 20049 invalid_grant'
exchange "code_verifier=$verifier" /open-apis/authen/v2/oauth/token; is '... v2 does not' "$code" 200
field a.refresh_token >refresh2
new_code; control advance '{"seconds": 301}'; exchange; refused 'a code lives for five minutes' '400 20004 invalid_grant'
auth=x; exchange; refused 'an unknown code' '400 20003 invalid_grant'
page scope=base:nothing; is 'a scope that does not exist' "$code $(body | grep -c 20043)" '400 1'
control config '{"missing_scopes": ["wiki:wiki"]}'
page scope=wiki:wiki; is 'a scope that the app has not' "$code $(body | grep -c 20027)" '400 1'
control config '{"missing_scopes": [], "consent": "page"}'
page scope=wiki:wiki; is 'the user thinks about it' "$code" 200
control config '{"consent": "deny"}'
page state=1; is 'the user says no' "$(header location)" "$BACK?error=access_denied&state=1"
control config '{"consent": "grant"}'
ask GET '/open-apis/authen/v1/authorize?client_id=cli_test&response_type=code&redirect_uri=http://127.0.0.1.example.com:80/' ''
is 'an address that is not registered' "$code $(body | grep -c 20029)" '400 1'

# ---- refresh ----

renew() { form "grant_type=refresh_token&$APP&refresh_token=$(cat "$1")" ${2+"$2"}; }
as access "$BASE/tblTest/fields"; is 'a scope for records does not open the fields' "$code $(field a.code)" '400 99991679'
is '... which names the scopes, and the page where they are granted' \
	"$(field 'a.error.permission_violations.some((v) => v.subject === "base:field:read") + " " + a.error.helps[0].url')" \
	'true https://open.feishu.cn/app/cli_test/auth?q=bitable:app,base:field:read,bitable:app:readonly&op_from=openapi&token_type=user'
as access "$BASE/tblTest/records"; is 'but the records' "$code $(field a.code)" '200 0'
cp refresh spent; renew refresh
is 'refresh gives another pair' "$code $(field 'a.code + a.scope')" "200 0offline_access $READ"
field a.access_token >access2; field a.refresh_token >refresh
as access "$BASE/tblTest/records"; is 'the access token before it stays good' "$(field a.code)" 0
renew spent; refused 'the refresh token before it is spent' '400 20073 invalid_grant'
is 'it is counted' "$(get /_test/stats | json '[r.exchanges, r.refreshes, r.refresh_requests, r.reuses].join()')" 2,1,2,1
control config '{"refresh_grace": 3600}'
renew spent; is 'within a grace it gives the same pair' "$(field a.refresh_token)" "$(cat refresh)"
control config '{"refresh_grace": 0}'
renew refresh2 /open-apis/authen/v2/oauth/token; is 'v2 takes a token of v2' "$code" 200
field a.refresh_token >refresh2
renew refresh /open-apis/authen/v2/oauth/token; refused 'v2 takes no token of v3' '400 20026 invalid_grant'
renew refresh2; is 'v3 takes both' "$code" 200
control faults '[{"route": "POST /oauth/v3/token", "act": "reset-after"}]'
cp refresh lost; renew lost; is 'the answer is lost' "$code" ''
renew lost; refused '... but the token is spent' '400 20073 invalid_grant'

login() { post /_test/login "$1" >login; json r.access_token <login >access; json r.refresh_token <login >refresh; }
login '{"expires_in": 600, "refresh_expires_in": 6000}'
as access /open-apis/authen/v1/user_info
is 'a test logs in by one call; who is it?' "$(field '[d.open_id, d.name, d.tenant_key].join()')" \
	'ou_user,Test User,tenant1'
control advance '{"seconds": 601}'
as access "$BASE"; is 'an access token ends' "$code $(field a.code)" '400 99991677'
renew refresh; is '... its refresh token is good' "$code" 200
field a.refresh_token >refresh
control config '{"refresh_enabled": false}'; renew refresh; refused 'the switch of the console' '400 20074 unauthorized_client'
control config '{"refresh_enabled": true, "token_refusal": 20072}'; renew refresh; refused 'the service is down' \
	'503 20072 temporarily_unavailable'
control config '{"token_refusal": null}'
control advance '{"seconds": 604801}'; renew refresh; refused 'a refresh token ends' '400 20037 invalid_grant'
login '{}'; control config '{"revoke_refresh": true}'; renew refresh; refused 'a revoked one' '400 20064 invalid_grant'
as access "$BASE"; is '... the access token lives on' "$(field a.code)" 0
control config '{"revoke_users": true}'; as access "$BASE"; is '... until it is revoked, too' "$(field a.code)" 99991668
control config '{"consent_expire": 1000}'; login '{}'
is 'no refresh token outlives the consent' "$(json r.refresh_token_expires_in <login)" 1000
control config '{"consent_expire": 31536000}'
login '{"scope": "wiki:wiki"}'; is 'no refresh token without offline_access' "$(json 'typeof r.refresh_token' <login)" undefined

form "grant_type=password&$APP"; refused 'another grant' '400 20036 unsupported_grant_type'
form 'grant_type=refresh_token&client_id=cli_test&client_secret=x&refresh_token=x'; refused 'another secret' '400 20002 invalid_client'
form 'grant_type=refresh_token&client_id=cli_x&client_secret=x&refresh_token=x'; refused 'another app' '400 20048 invalid_client'
form "grant_type=refresh_token&$APP"; refused 'no token' '400 20001 invalid_request'
printf %s "grant_type=refresh_token&$APP&refresh_token=x" >form
ask POST /oauth/v3/token form 'Authorization: Basic Y2xpX3Rlc3Q6c2VjcmV0' "$FORM"
refused 'the secret in two places' '400 20070 invalid_request'
ask POST /oauth/v3/token form 'Content-Type: text/plain'; refused 'no form' '400 20063 invalid_request'
login '{}'
echo '{"grant_type": "refresh_token", "client_id": "cli_test", "client_secret": "secret", "refresh_token": "'"$(cat refresh)"'"}' >json
ask POST /oauth/v3/token json; is 'JSON will do' "$code" 200

# ---- device code ----

poll() { form "grant_type=urn:ietf:params:oauth:grant-type:device_code&$APP&device_code=$device"; }
polled() { is "$1" "$code $(field a.error)" "$2"; }
begin() { form "$APP&scope=offline_access%20$READ" /oauth/v1/device_authorization; device=$(field a.device_code); }
begin
is 'a device code' "$code $(field '[a.expires_in, a.interval, /code=....-....$/.test(a.verification_uri_complete)].join()')" \
	'200 240,60,true'
poll; polled 'the user has done nothing' '400 authorization_pending'
poll; polled 'too soon' '400 slow_down'
control device '{"approve": true}'; control advance '{"seconds": 65}'
poll; is 'the user approves' "$code $(field a.scope)" \
	"200 offline_access $READ $(json r.scope <login | tr ' ' '\n' | grep -vx -e offline_access -e $READ | tr '\n' ' ' | sed 's/ $//')"
poll; polled 'once' '400 invalid_grant'
begin; control config '{"device": 1}'; poll; polled 'approved after one poll' '400 authorization_pending'
control advance '{"seconds": 60}'; poll; is '... it is' "$code" 200
begin; control config '{"device": "deny"}'; poll; polled 'the user says no' '400 access_denied'
begin; control config '{"device": "wait", "slow_down": 1}'; poll; polled 'slow down' '400 slow_down'
control advance '{"seconds": 240}'; poll; polled 'too late' '400 expired_token'

control reset '{}'

# ---- the wiki ----

wiki() { api GET "/open-apis/wiki/v2/spaces/get_node?token=$1"; field 'a.code + (d.node ? d.node.obj_type + " " + d.node.obj_token : "")'; }
is 'a node that is a base' "$(wiki wikTest)" '0bitable bascnTest'
is 'a node that is a spreadsheet' "$(wiki wikSheet)" '0sheet shtTest'
control nodes '{"token": "wikDoc", "obj_type": "docx", "obj_token": "doxTest"}'
is 'a node that is neither' "$(wiki wikDoc)" '0docx doxTest'
control nodes '{"token": "wikNo", "obj_type": "docx", "obj_token": "doxNo", "denied": true}'
is 'a node that the user may not read' "$(wiki wikNo)" 131006
is 'no node' "$(wiki wikOther)" 131005
control config '{"user_collaborator": false}'
is 'nor any without access' "$(wiki wikTest)" 131006
control config '{"user_collaborator": true}'

# ---- cells as they are read ----

control tables '{"table_id": "tblAll", "name": "all", "fields": [
	{"field_name": "text"}, {"field_name": "n", "type": 2, "ui_type": "Number"},
	{"field_name": "who", "type": 11, "ui_type": "User"}, {"field_name": "day", "type": 5}, {"field_name": "file", "type": 17},
	{"field_name": "f", "type": 20, "ui_type": "Formula"}, {"field_name": "look", "type": 19}, {"field_name": "where", "type": 22},
	{"field_name": "made", "type": 1001}, {"field_name": "by", "type": 1003}, {"field_name": "no", "type": 1005},
	{"field_name": "button", "type": 3001, "ui_type": "Button"}]}'
control 'rows?table=tblAll' '{"rows": [
	{"record_id": "recAll", "fields": {"text": "see https://example.com/ now", "n": 1.5, "day": -86400000,
	"who": [{"id": "ou_someone"}], "where": "1.5,2"},
	"cells": {"f": {"type": 1, "value": [{"type": "text", "text": "#REF!"}]}, "look": {"type": 2, "value": [1, 2]},
	"file": [{"file_token": "boxA", "name": "a.txt", "size": 3}]}},
	{"record_id": "recRaw", "raw": {"text": "bare", "who": [{"id": "ou_x"}], "button": {"any": null}, "day": null},
	"raw_list": {"text": "listed"}, "raw_text": {"n": "1.0E15"}}]}'
control config '{"people": {"ou_someone": {"name": null, "email": "a@b"}}}'
echo '{}' >all.json
api POST "$BASE/tblAll/records/search" all.json; body >search
# cells FILE RECORD FIELDS: the cells of a record, in a row
cells() { json "'$3'.split(' ').map((f) => JSON.stringify(r.data.items.find((i) => i.record_id === '$2').fields[f])).join(' ')" <"$1"; }
is 'text is segments, addresses apart' "$(cells search recAll text)" \
	'[{"type":"text","text":"see "},{"type":"url","text":"https://example.com/","link":"https://example.com/"},{"type":"text","text":" now"}]'
is 'a number, a date before 1970' "$(cells search recAll "n day")" '1.5 -86400000'
is 'a person without a name' "$(cells search recAll who)" '[{"id":"ou_someone","en_name":"User omeone","email":"a@b","avatar_url":""}]'
is 'a formula with an error' "$(cells search recAll f)" '{"type":1,"value":[{"type":"text","text":"#REF!"}]}'
is 'a lookup' "$(cells search recAll look)" '{"type":2,"value":[1,2]}'
is 'a file' "$(cells search recAll file | json '[r[0].file_token, r[0].name, r[0].size, /boxA/.test(r[0].url)].join()')" boxA,a.txt,3,true
is 'a place' "$(cells search recAll where | json r.location)" 1.5,2
is 'an automatic number, and who made it' "$(cells search recAll no) $(cells search recAll by | json r[0].id)" '"1" ou_owner'
control fields '{"table": "tblAll", "field_name": "pick", "type": 3, "property": {"options": []}}'
control fields '{"table": "tblAll", "field_name": "groups", "type": 23}'
control fields '{"table": "tblAll", "field_name": "link", "type": 15}'
control fields '{"table": "tblAll", "field_name": "rows", "type": 18, "property": {"table_id": "tblTest"}}'
control 'rows?table=tblAll' '[{"record_id": "recOdd", "fields": {"text": "two\nlines"}, "created": 5,
	"cells": {"pick": "gone", "groups": [{"id": "oc_chat1"}],
	"link": {"text": "here", "link": "https://example.com/"}, "rows": ["recX"], "n": 1e15}}]'
api POST "$BASE/tblAll/records/search" all.json; body >odd
is 'lines, an option that is gone, a large number' "$(cells odd recOdd "text pick n made")" \
	'[{"type":"text","text":"two\nlines"}] "gone" 1000000000000000 5'
is 'groups, links with text, links to records' "$(cells odd recOdd "groups link rows")" \
	'[{"id":"oc_chat1","name":"Group _chat1","avatar_url":""}] {"text":"here","link":"https://example.com/"} {"link_record_ids":["recX"]}'
is 'cells as a test wants them' "$(cells search recRaw "text who button day")" '"bare" [{"id":"ou_x"}] {"any":null} null'
is 'a number byte by byte' "$(grep -c '"n":1.0E15[,}]' search)" 1
api GET "$BASE/tblAll/records?automatic_fields=true"; body >list
is 'the historic list: text and numbers are strings' "$(cells list recAll "text n f") $(cells list recAll by | json r.id)" \
	'"see https://example.com/ now" "1.5" "#REF!" ou_owner'
is '... and a test may want it otherwise' "$(cells list recRaw text)" '"listed"'
login "{\"scope\": \"$READ\"}"
as access "$BASE/tblAll/records"; body >list
is 'names need a scope of their own' "$(cells list recAll who)" '[{"id":"ou_someone"}]'
echo '{"fields": {"text": "written"}}' >put.json
api PUT "$BASE/tblAll/records/recRaw" put.json; api GET "$BASE/tblAll/records/recRaw"
is 'what is written is read as ever' "$(field d.record.fields.text)" written

# ---- pages, and very many records ----

control fill '{"count": 100000, "cells": {"run_id": "run {i}", "timestamp": {"from": 1700000000000, "step": 1000}, "input": "text"}}'
echo '{"field_names": ["run_id", "timestamp"]}' >names.json
api POST "$BASE/tblTest/records/search?page_size=500" names.json
is 'a hundred thousand records' "$(field '[d.total, d.items.length, d.has_more].join()')" 100000,500,true
is '... that differ' "$(field 'd.items[7].fields.run_id[0].text + d.items[7].fields.timestamp')" 'run 71700000007000'
field 'encodeURIComponent(d.page_token)' >page
next() {
	api POST "$BASE/tblTest/records/search?page_size=500&page_token=$(cat page)" names.json
	field 'a.code + " " + (d.items || []).length'
}
is 'the next page' "$(next)" '0 500'
control config '{"page_expire": 600}'; control advance '{"seconds": 601}'
is 'a page_token that is old' "$(next)" '1254002 0'
control config '{"page_expire": 0}'; is '... is good otherwise' "$(next)" '0 500'
control config '{"stale_pages": true}'; is '... or not' "$(next)" '1254002 0'
login '{}'
control config '{"later": {"calls": 2, "of": "list_tables", "config": {"advance": 7201}}}'
is 'a token ends in the middle of a run' \
	"$(for path in /tblTest/fields '' '' /tblTest/fields ''; do as access "$BASE$path"; field a.code; done | tr '\n' ' ')" '0 0 0 0 99991677 '
control config '{"max_records": 20000}'
api POST "$BASE/tblTest/records/search?page_size=500" names.json; is 'too large a page' "$(field a.code)" 1254030
control config '{"max_records": 0}'

# ---- spreadsheets ----

RICH='[{"type":"text","text":"to "},{"type":"url","text":"here","link":"https://example.com/","cellPosition":null}]'
MANY='{"type":"multipleValue","values":["p","q"]}' EMPTY='[null,null,null,null,null,null]'
control sheets '{"sheet_id": "one", "title": "One", "row_count": 10, "column_count": 6, "merges": ["A3:B4"],
	"rows": [["name", "n", "day", "sum"], ["a", {"value": 1234.5, "formatted": "1,234.50"},
	{"value": 45292.5, "formatted": "2024/01/01 12:00", "date": true}, {"formula": "=B2*2", "value": 2469}],
	["m", "hidden", null, {"formula": "=1/0", "value": "#DIV/0!"}], ["x", "y"], [],
	['"$RICH, true, $MANY"']]}'
values() { api GET "$BOOK/values/$1"; field 'a.code + " " + (d.valueRange ? JSON.stringify(d.valueRange.values) : a.msg)'; }
is 'one range, formulas as they are' "$(values 'one!A2:D3')" '0 [["a",1234.5,45292.5,"=B2*2"],["m",null,null,"=1/0"]]'
is 'computed and formatted' "$(values 'one!A2:D3?valueRenderOption=FormattedValue&dateTimeRenderOption=FormattedString')" \
	'0 [["a","1,234.50","2024/01/01 12:00",2469],["m",null,null,"#DIV/0!"]]'
is 'computed, days as days' "$(values 'one!B2:D2?valueRenderOption=UnformattedValue')" '0 [[1234.5,45292.5,2469]]'
is 'rich text' "$(values 'one!A6:C6')" \
	"0 [[$RICH,true,$MANY]]"
is '... as text' "$(values 'one!A6:C6?valueRenderOption=ToString')" '0 [["to here",true,"p,q"]]'
is 'a merge has its first cell only; empty ends are cut' "$(values 'one!A3:F10')" \
	"0 [[\"m\",null,null,\"=1/0\"],$EMPTY,$EMPTY,[$RICH,true,$MANY]]"
control config '{"short_rows": false}'; is 'rows of full length' "$(values 'one!D1:F1')" '0 [["sum",null,null]]'
control config '{"short_rows": true}'
is 'a whole sheet' "$(values 'one?valueRenderOption=ToString' >/dev/null; field d.valueRange.range)" 'one!A1:D6'
is 'columns' "$(values 'one!A:A?valueRenderOption=ToString')" '0 [["name"],["a"],["m"],[null],[null],["to here"]]'
is 'from a row on' "$(values 'one!A6:B')" \
	"0 [[$RICH,true]]"
is 'nothing there' "$(values 'one!E8:F9')" '0 []'
is 'a single cell is no range' "$(values 'one!A1')" '90202 wrong range=one!A1'
is 'nor is one backwards' "$(values 'one!B1:A1')" '90202 wrong range=one!B1:A1'
is 'an option that is none' "$(values 'one!A1:A1?valueRenderOption=Plain')" '90202 wrong valueRenderOption=Plain'
is 'no such sheet' "$(values 'two!A1:A1')" '90215 sheetId not found'
is 'beyond the grid' "$(values 'one!A1:G1')" '90204 range is out of the grid, range=one!A1:G1'
control config '{"clip": true}'; is '... cut to it' "$(values 'one!D1:Z999' | cut -c 1-12)" '0 [["sum"],['
control config '{"clip": false}'
api GET "$BOOK/values_batch_get?ranges=one!A1:B1,one!D1:D1"
is 'many ranges' "$(field 'd.totalCells + JSON.stringify(d.valueRanges.map((v) => [v.range, v.values]))')" \
	'3[["one!A1:B1",[["name","n"]]],["one!D1:D1",[["sum"]]]]'

control sheets '{"sheet_id": "big", "title": "Big", "rows": [["id", "day", "text"]],
	"fill": {"count": 100000, "cells": ["id {i}", {"from": 1, "step": 0.5}, "text"]}}'
control sheets '{"sheet_id": "wide", "title": "Wide", "column_count": 150, "row_count": 3, "rows": [["a"]]}'
control sheets '{"sheet_id": "base", "title": "Base", "resource_type": "bitable"}'
api GET /open-apis/sheets/v3/spreadsheets/shtTest/sheets/query
is 'the sheets' "$(field 'd.sheets.map((s) => s.index + s.sheet_id + ((s.grid_properties || {}).row_count || s.resource_type)).join()')" \
	'0sheet1200,1one10,2big100001,3wide3,4basebitable'
is 'merges, ends included' "$(field 'JSON.stringify(d.sheets[1].merges)')" \
	'[{"start_row_index":2,"end_row_index":3,"start_column_index":0,"end_column_index":1}]'
api GET "$BOOK/metainfo"
is 'the older metainfo' "$(field 'd.properties.sheetCount + d.sheets[2].sheetId + d.sheets[4].blockInfo.blockToken')" 5bigbascnTest_tblTest
is 'a hundred thousand rows' "$(values 'big!A100001:C100001')" '0 [["id 99999",50000.5,"text"]]'
control config '{"max_values": 50000}'
is 'too much at once' "$(values 'big!A1:C5000')" '90221 data exceeded 50000 bytes'
control config '{"max_values": 10485760}'
is 'an open range gives a hundred columns' "$(values 'wide!A:ET' >/dev/null; field d.valueRange.range)" 'wide!A1:CV3'
is '... a closed one all' "$(values 'wide!A1:ET3' >/dev/null; field d.valueRange.range)" 'wide!A1:ET3'
is 'an embedded base has no cells' "$(values 'base!A1:A1')" '90215 sheetId not found'
api GET /open-apis/sheets/v2/spreadsheets/shtOther/values/one; is 'no spreadsheet, v2' "$code $(field a.code)" '400 90214'
api GET /open-apis/sheets/v3/spreadsheets/shtOther/sheets/query; is 'no spreadsheet, v3' "$code $(field a.code)" '400 1310214'
control config '{"user_collaborator": false}'
is 'no access, v2' "$(values one)" '91403 Forbidden'
api GET /open-apis/sheets/v3/spreadsheets/shtTest; is 'no access, v3' "$code $(field a.code)" '400 1310213'
control config '{"user_collaborator": true, "rate": 1}'
# often PATH: of many requests at once, the last that is refused
often() {
	node -e '
		const [url, path] = process.argv.slice(1);
		for (let i = 0; i < 30; i++) {
			require("http").get(url + path, {agent: false, headers: {Authorization: "Bearer u-ready"}}, (res) => {
				let text = "";
				res.on("data", (c) => { text += c; });
				res.on("end", () => JSON.parse(text).code && console.log(res.statusCode, JSON.parse(text).code, res.headers["x-ogw-ratelimit-limit"]));
			});
		}' "$URL" "$1" | tail -n 1
}
is 'too often is 400 here' "$(often "$BOOK/values/one")" '400 99991400 1'
is '... and 429 elsewhere' "$(often "$BASE")" '429 99991400 1'
control config '{"rate": 0, "latency": 300}'
began=$(date +%s%N); values one >/dev/null; ok 'an answer takes its time' test $(($(date +%s%N) - began)) -ge 300000000
control reset '{}'
is 'reset forgets the sheets' "$(values one)" '90215 sheetId not found'

# ---- over a restart ----

standin feishu --save saved
login '{}'
new_code
standin_stop "$STANDIN"; standin feishu --save saved
renew refresh; is 'a refresh token outlives a restart' "$code" 200
as access "$BASE"; is 'so does an access token' "$(field a.code)" 0
exchange; is '... and a code' "$code" 200

done_testing
