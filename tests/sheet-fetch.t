#!/bin/sh
# sheet-fetch: what stands in a spreadsheet, row by row, comes out as records.
. "${0%/*}/lib.sh"

FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret
standin feishu
FEISHU_ENDPOINT=$URL
export FEISHU_APP_ID FEISHU_APP_SECRET FEISHU_ENDPOINT
query='GET /open-apis/sheets/v3/spreadsheets/shtTest/sheets/query'
values='GET /open-apis/sheets/v2/spreadsheets/shtTest/values'
fresh() { post /_test/reset '{}' >/dev/null; post /_test/faults '[]' >/dev/null; post /_test/log '' >/dev/null; }
sheet() { post /_test/sheets "$1" >/dev/null; }
faults() { post /_test/faults "$1" >/dev/null; }
config() { post /_test/config "$1" >/dev/null; }
calls() { get /_test/log | json_all "rows[0].filter((r) => r.path.includes('$1')).length"; }
# The rows of the one sheet, as JSON, give these lines.
gives() {	# NAME ROWS WANT OPTIONS...
	gives_name=$1 gives_want=$3
	sheet "{\"sheet_id\":\"sheet1\",\"title\":\"S\",\"rows\":$2${merges:+,\"merges\":$merges}}"
	shift 3
	run sheet-fetch "$@" shtTest
	is "$gives_name" "$st $(tr '\n' ' ' <out)$(cat err)" "0 $gives_want"
}

# ---- the header ----

gives 'keys are the names in the first row' '[["name","age"],["a",1],["b",2]]' '{"name":"a","age":1} {"name":"b","age":2} '
gives 'an empty cell is null' '[["a","b","c"],[1],[null,2]]' '{"a":1,"b":null,"c":null} {"a":null,"b":2,"c":null} '
gives 'a column without a name has its letter, and is there only where it has a value' \
	'[["a",null,""],[1,2,null],[3,null,4]]' '{"a":1,"B":2} {"a":3,"C":4} '
gives 'names that come again are numbered' '[["a","a","b","a"],[1,2,3,4]]' '{"a":1,"a_2":2,"b":3,"a_3":4} '
gives 'never onto a name that is there' '[["a","a","a_2","a"],[1,2,3,4]]' '{"a":1,"a_3":2,"a_2":3,"a_4":4} '
names=$(node -p 'JSON.stringify([Array(13000).fill("x"), Array(13000).fill(1)])')
sheet "{\"sheet_id\":\"sheet1\",\"title\":\"S\",\"rows\":$names}"
ok 'also thousands of times, at a cost that does not grow with them' sh -c 'ulimit -t 10; sheet-fetch shtTest >out'
is '...' "$(grep -o '"x[^,]*' out | tail -n 1)" '"x_13000":1}'
gives 'nor does a letter' '[["B",null,"a"],[1,2,3]]' '{"B":1,"B_2":2,"a":3} '
gives 'the names are trimmed, and on one line' '[["  Full\n name ","\t"],[1,2]]' '{"Full name":1,"B":2} '
gives 'rich text, numbers and booleans are names too' \
	'[[[{"type":"text","text":"or"},{"type":"url","text":"der","link":"https://x"}],2026,true],[1,2,3]]' '{"order":1,"2026":2,"true":3} '
gives 'a name is escaped' '[["a\"b\\"],[1]]' '{"a\"b\\":1} '
gives '--header 2: what is above is no record' '[["Staff of 2026"],["name"],["x"]]' '{"name":"x"} ' --header 2
gives '--header 0: letters' '[["name","x"],[1,2]]' '{"A":"name","B":"x"} {"A":1,"B":2} ' -H 0
gives 'an empty header is one of letters' '[[],["x","y"]]' '{"A":"x","B":"y"} '
gives 'a header only: no records' '[["a","b"]]' ''
gives 'nothing at all: no records' '[]' ''
gives 'empty rows are none' '[["a","b"],[null,null],[1],["",""],[],[2]]' '{"a":1,"b":null} {"a":2,"b":null} '
gives '--row-number' '[["a"],[1],[],[2]]' '{"_row":2,"a":1} {"_row":4,"a":2} ' --row-number
gives 'a column of that name keeps out of its way' '[["_row"],[1]]' '{"_row":2,"_row_2":1} ' -n
gives 'and has it where nobody asks for it' '[["_row"],[1]]' '{"_row":1} '

# ---- cells ----

cell() { gives "$1" "[[\"v\"],[$2]]" "{\"v\":$3} "; }	# NAME CELL WANT
cell 'text' '"x y"' '"x y"'
cell 'text with lines, quotes and what is not ASCII' '"a\n\"中\"\u0001"' '"a\n\"中\"\u0001"'
cell 'a number' '-12.75' '-12.75'
cell '1e15' 1e15 1000000000000000
cell 'booleans' false false
cell 'an error is its text' '"#REF!"' '"#REF!"'
cell "a formula's value" '{"value":3,"formula":"=1+2","formatted":"3.00"}' 3
cell "a formula's text" '{"value":"ab","formula":"=A1&B1"}' '"ab"'
cell 'a number as it is, not as it is shown' '{"value":0.256,"formatted":"25.6%"}' 0.256
cell 'a date as it is shown' '{"value":45000.5,"formatted":"2023/03/15 12:00","date":true}' '"2023/03/15 12:00"'
cell 'rich text is joined' '[{"type":"text","text":"a","segmentStyle":{"bold":true}},{"type":"text","text":" b\n"},{"type":"text","text":"c"}]' '"a b\nc"'
cell 'a link is its text' '[{"type":"url","text":"Feishu","link":"https://feishu.cn","cellPosition":null}]' '"Feishu"'
cell 'also without a list around it' '{"type":"url","text":"Feishu","link":"https://feishu.cn"}' '"Feishu"'
cell 'a link without a text is its address' '[{"type":"url","text":"","link":"https://feishu.cn"}]' '"https://feishu.cn"'
cell 'a mention in a text' '[{"type":"text","text":"ask "},{"type":"mention","text":"@张三","textType":"fileType","token":"ou_1"}]' '"ask @张三"'
cell 'an image is its token' '[{"type":"embed-image","fileToken":"boxcn1","width":10}]' '"boxcn1"'
cell 'a choice is a list' '{"type":"multipleValue","values":["a","b"]}' '["a","b"]'
cell 'of one too' '[{"type":"multipleValue","values":["a"]}]' '["a"]'
cell 'within a text it is joined' '[{"type":"text","text":"x: "},{"type":"multipleValue","values":["a",1]}]' '"x: a, 1"'
cell 'what nobody knows passes' '[{"type":"chart","id":7}]' '[{"type":"chart","id":7}]'
cell 'also within a text' '[{"type":"text","text":"a"},{"type":"new"}]' '[{"type":"text","text":"a"},{"type":"new"}]'
gives 'rich text without text is empty' '[["v","w"],[[{"type":"text","text":""}],1]]' '{"v":null,"w":1} '
gives '--links: addresses' '[["v"],[[{"type":"text","text":"see "},{"type":"url","text":"T","link":"https://t"}]]]' '{"v":"see https://t"} ' --links

dates='[["d","e","n"],[{"value":45000.5,"formatted":"2023/03/15","date":true},{"value":1,"formatted":"1899/12/31","date":true},3],["later",null,45000.5]]'
gives '--dates: times of the columns that it names' "$dates" \
	'{"d":"2023-03-15T12:00:00.000Z","e":"1899-12-31T00:00:00.000Z","n":3} {"d":"later","e":null,"n":45000.5} ' --dates d,B
gives '--tz: the clock of the sheet' "$dates" \
	'{"d":"2023-03-15T04:00:00.000Z","e":1,"n":3} {"d":"later","e":null,"n":45000.5} ' --dates d --tz +08:00
run sheet-fetch --dates d,when shtTest
is '--dates: a column that is not there is misuse' "$st $(cat out)" '2 '
like 'and is named' err "no column 'when'"

# ---- merged cells ----

merges='["A2:A4","B2:C2"]'
gives 'each cell of a merge has its value' '[["g","x","y"],["m",1,null],[null,2,3],[null,4,5],[null,6,7]]' \
	'{"g":"m","x":1,"y":1} {"g":"m","x":2,"y":3} {"g":"m","x":4,"y":5} {"g":null,"x":6,"y":7} '
merges='["A2:B3"]'
gives 'a merge over two rows is one record' '[["g","x"],["m",null],[null,null],["n",1]]' '{"g":"m","x":"m"} {"g":"n","x":1} '
merges='["A2:C4"]'
gives 'its ends belong to it, however large it is' '[["g","x","y","z"],["m",null,null,1],[null,null,null,2],[null,null,null,3],["n",null,null,4]]' \
	'{"g":"m","x":"m","y":"m","z":1} {"g":"m","x":"m","y":"m","z":2} {"g":"m","x":"m","y":"m","z":3} {"g":"n","x":null,"y":null,"z":4} '
merges='["A1:B1"]'
gives 'merged headers' '[["g",null,"z"],[1,2,3]]' '{"g":1,"g_2":2,"z":3} '
merges='["A1:B2"]'
gives 'a header within a merge' '[["t",null,"u"],[null,null,null],[1,2,3]]' '{"t":1,"t_2":2,"C":3} ' -H 2
merges='["A1:B2","A3:A4"]'
gives 'a merge that begins before the range is not known there' '[["t",null],[],["a",1],[null,2],[null,3]]' \
	'{"B":1} {"B":2} {"B":3} ' -H 0 -r B3:B5
merges=''
fresh

# ---- which sheet, which part ----

sheet '{"sheet_id":"sheet1","title":"Staff","rows":[["a"],[1]]}'
sheet '{"sheet_id":"s2","title":"Orders","rows":[["b"],[2]]}'
sheet '{"sheet_id":"s3","title":"Base","resource_type":"bitable"}'
sheet '{"sheet_id":"s4","title":"Old \"ones\"","hidden":true,"rows":[["a","_sheet"],[3,"x"]]}'
run sheet-fetch shtTest
is 'no sheet named: the first' "$st $(cat out)" '0 {"a":1}'
like 'and the others are told' err "'Staff'; .*Orders, Old"
ok '-q: in silence' status 0 sheet-fetch -q shtTest
is 'indeed' "$(cat err)" ''
for s in s2 Orders; do
	run sheet-fetch --sheet $s shtTest
	is "--sheet $s" "$st $(cat out err)" '0 {"b":2}'
done
run sheet-fetch --all-sheets shtTest
is '--all-sheets: each row with its sheet' "$st $(tr '\n' ' ' <out)" \
	'0 {"_sheet":"Staff","a":1} {"_sheet":"Orders","b":2} {"_sheet":"Old \"ones\"","a":3,"_sheet_2":"x"} '
like 'a base in the place of a sheet is left out, and told' err "'Base' is a bitable, .*left out"
run sheet-fetch -aq --dates b shtTest
is '--dates may name what some sheet has' "$st $(grep Orders out) $(cat err)" '0 {"_sheet":"Orders","b":"1900-01-01T00:00:00.000Z"} '
ok 'and of what none has' status 0 sheet-fetch -aq --dates a,nothing shtTest
like 'is told' err "no sheet has a column 'nothing'"
run sheet-fetch -s nowhere shtTest
is 'a sheet that is not there: status 2' "$st $(cat out)" '2 '
like 'with the names there are' err 'Staff, Orders, Old'
ok 'a sheet that is a base' status 2 sheet-fetch -s Base shtTest
like 'is told to be one' err 'is a bitable, which has no cells'
for a in 'https://x.feishu.cn/sheets/shtTest?sheet=s2' 'https://sheets.acme.com/sheets/shtTest/?from=x&sheet=s2#here' \
    'https://x.larksuite.com/wiki/wikSheet?sheet=s2'; do
	run sheet-fetch "$a"
	is "the address $a" "$st $(cat out err)" '0 {"b":2}'
done
run sheet-fetch -s Staff 'https://x.feishu.cn/sheets/shtTest?sheet=s2'
is '--sheet wins over the address' "$(cat out)" '{"a":1}'
ok "a wiki page's token alone" status 0 sheet-fetch -s Staff wikSheet
is 'is found to be one' "$(cat out)" '{"a":1}'
ok 'the address of a base' status 2 sheet-fetch https://x.feishu.cn/base/bascnTest?table=tblTest
like 'says which tool reads it' err 'use bt-fetch'
ok 'a wiki page that is a base' status 2 sheet-fetch https://x.feishu.cn/wiki/wikTest
like 'says so too' err 'is a bitable, not a spreadsheet: use bt-fetch'
post /_test/nodes '{"token":"wikDoc","obj_type":"docx","obj_token":"docx1"}' >/dev/null
ok 'a wiki page that is a document' status 2 sheet-fetch https://x.feishu.cn/wiki/wikDoc
like 'says what it is' err 'is a docx, not a spreadsheet'
ok 'an unknown token' status 2 sheet-fetch shtNowhere
like "keeps the service's first words" err 'code 1310214'
ok 'no address' status 2 sheet-fetch https://x.feishu.cn/drive/home

sheet '{"sheet_id":"sheet1","title":"Staff","hidden":true,"rows":[["a"],[1]]}'
run sheet-fetch shtTest
is 'no sheet named: the first that is not hidden' "$st $(cat out)" '0 {"b":2}'

sheet '{"sheet_id":"sheet1","title":"S","row_count":6,"column_count":5,"rows":[["a","b","c"],[1,2,3],[4,5,6],[7,8,9]]}'
part() { run sheet-fetch -q -s S -r "$1" -H "$2" shtTest; is "--range $1 --header $2" "$st $(tr '\n' ' ' <out)" "0 $3"; }
part A1:B3 1 '{"a":1,"b":2} {"a":4,"b":5} '
part B:C 1 '{"b":2,"c":3} {"b":5,"c":6} {"b":8,"c":9} '
part b2:c3 0 '{"B":2,"C":3} {"B":5,"C":6} '
part A3:Z99 0 '{"A":4,"B":5,"C":6} {"A":7,"B":8,"C":9} '
part B2 0 '{"B":2} '
part 1:2 1 '{"a":1,"b":2,"c":3} '
part A2:B 1 '{"1":4,"2":5} {"1":7,"2":8} '
part A1:C4 3 '{"4":7,"5":8,"6":9} '
run sheet-fetch -q -s S -n -r A3:A4 -H 0 shtTest
is '--row-number is that of the sheet' "$(tr '\n' ' ' <out)" '{"_row":3,"A":4} {"_row":4,"A":7} '
ok 'a range beyond the sheet is misuse' status 2 sheet-fetch -s S -r A7:B9 shtTest
like 'and tells how large it is' err 'only 6 rows and 5 columns'
ok 'a header beyond it too' status 2 sheet-fetch -s S -H 7 shtTest
for bad in B2:A1 A9:B1 1:0 ABCD1 A1:B2:C3 A1! ''; do
	ok "no range: '$bad'" status 2 sheet-fetch -r "$bad" shtTest
done

run sheet-fetch --raw -s S shtTest
is '--raw: the arrays, header and all' "$(tr '\n' ' ' <out)" '["a","b","c"] [1,2,3] [4,5,6] [7,8,9] '
ok 'misuse: no address' status 2 sheet-fetch
ok 'misuse: --sheet and --all-sheets' status 2 sheet-fetch -a -s x shtTest
ok 'misuse: --raw and what changes records' status 2 sheet-fetch --raw -a shtTest
ok 'misuse: a time zone that there is not' status 2 sheet-fetch --dates a --tz Mars shtTest
ok 'misuse: --tz alone' status 2 sheet-fetch --tz UTC shtTest

# ---- large sheets ----

fresh
sheet '{"sheet_id":"sheet1","title":"S","rows":[["id","g"]],"fill":{"count":12000,"cells":["r{i}","some text {i}"]},"merges":["B3:B11000"]}'
run sheet-fetch shtTest
is 'a sheet of many blocks' "$st $(wc -l <out) $(calls /values/ | awk '{ print ($1 > 2) }')" '0 12000 1'
is 'all of its rows, once' "$(json r.id <out | sort -u | wc -l)" 12000
is 'a merge reaches from block to block' "$(json r.g <out | sort | uniq -c | sort -rn | head -n 1 | awk '{ print $1, $2, $3, $4 }')" '10998 some text 1'
mv out whole
config '{"max_values":30000}'
post /_test/log '' >/dev/null
ok 'an answer that would be too large (90221)' status 0 sheet-fetch shtTest
same 'is asked for in parts' out whole
config '{"max_values":10}'
ok 'one row that is too large: status 3' status 3 sheet-fetch shtTest
like 'with what helps' err 'row 1 alone.*--range'
config '{"max_values":10485760}'
sheet '{"sheet_id":"sheet1","title":"S","row_count":6000,"column_count":120,"rows":[["a"]],"fill":{"count":1,"cells":[1]}}'
post /_test/log '' >/dev/null
run sheet-fetch --raw shtTest
is 'more than 100 columns' "$st $(head -n 1 out)" '0 ["a"]'
is 'and rows that are not there cost little' "$(calls /values/ | awk '{ print ($1 < 20) }')" 1
rows=$(node -p 'JSON.stringify(Array.from({length: 3000}, (_, i) => i % 1000 === 999 || i === 0 ? ["r" + i] : []))')
sheet "{\"sheet_id\":\"sheet1\",\"title\":\"S\",\"column_count\":5,\"rows\":$rows}"
run sheet-fetch --raw shtTest
is '--raw: empty rows between blocks count' "$(grep -n r out | tr '\n' ' ')" '1:["r0"] 1000:["r999"] 2000:["r1999"] 3000:["r2999"] '
run sheet-fetch -n -H 0 shtTest
is 'the numbers of rows are right there' "$(tr '\n' ' ' <out)" '{"_row":1,"A":"r0"} {"_row":1000,"A":"r999"} {"_row":2000,"A":"r1999"} {"_row":3000,"A":"r2999"} '

# ---- what goes wrong ----

fresh
sheet '{"sheet_id":"sheet1","title":"S","rows":[["id","g"]],"fill":{"count":12000,"cells":["r{i}","some text {i}"]}}'
while IFS='|' read -r what fault; do
	faults "[$fault]"
	run sheet-fetch --timeout 1s shtTest
	is "$what: it comes through" "$st $(wc -l <out)" '0 12000'
	[ -e first ] || cp out first
	same "$what: with the same rows" out first
done <<E
nothing wrong|{"route":"GET /nowhere","act":"reset"}
a reset|{"route":"$values","nth":2,"act":"reset"}
half an answer|{"route":"$values","nth":2,"act":"truncate"}
a rate limit, with status 400|{"route":"$values","nth":2,"act":"status","status":400,"headers":{"x-ogw-ratelimit-reset":"1"},"body":{"code":99991400,"msg":"x"}}
too many requests (90217)|{"route":"$values","nth":2,"act":"status","status":400,"body":{"code":90217,"msg":"too many request"}}
busy (90235)|{"route":"$values","nth":2,"act":"status","status":200,"body":{"code":90235,"msg":"busy"}}
503|{"route":"$values","nth":3,"act":"status","status":503,"body":"busy"}
an expired token|{"route":"$values","nth":2,"act":"status","status":400,"body":{"code":99991663,"msg":"x"}}
E
refused="{\"route\":\"$values\",\"nth\":3,\"act\":\"status\",\"status\":403,\"body\":{\"code\":91403,\"msg\":\"Forbidden\"}}"
faults "[$refused]"
run sheet-fetch shtTest
is 'a block that fails: status 3' $st 3
like 'it says how far it came' err "91403 Forbidden.*; $(wc -l <out) rows were written, which may not be all"
ok 'whole lines are written' test "$(tail -c 1 out | od -An -c | tr -d ' ')" = '\n'
faults "[{\"route\":\"$values\",\"nth\":1,\"act\":\"status\",\"status\":403,\"body\":{\"code\":91403,\"msg\":\"Forbidden\"}}]"
ok 'the first one refused: status 2' status 2 sheet-fetch shtTest
config '{"missing_scopes":["sheets:spreadsheet:readonly","sheets:spreadsheet","sheets:spreadsheet:read","drive:drive:readonly","drive:drive"]}'
ok 'a scope is missing: status 2' status 2 sheet-fetch shtTest
like 'and is named' err 'sheets:spreadsheet:readonly'
config '{"missing_scopes":[]}'
config '{"collaborator":false}'
ok 'no right to it: status 2' status 2 sheet-fetch shtTest
config '{"collaborator":true}'

moved='{"code":0,"data":{"sheets":[{"sheet_id":"sheet1","title":"S","resource_type":"sheet","grid_properties":{"row_count":12002,"column_count":20}}]}}'
faults "[{\"route\":\"$query\",\"nth\":2,\"act\":\"status\",\"status\":200,\"body\":$moved}]"
run sheet-fetch shtTest
is 'rows were put in while it was read: status 3' $st 3
like 'and why' err 'changed in size while it was read.*run again'
faults "[{\"route\":\"$query\",\"nth\":2,\"act\":\"status\",\"status\":200,\"body\":{\"code\":0,\"data\":{\"sheets\":[]}}}]"
ok 'the sheet is gone at the end: status 3' status 3 sheet-fetch shtTest
sheet '{"sheet_id":"s2","title":"Other","rows":[["b"],[2]]}'
faults "[{\"route\":\"$query\",\"nth\":2,\"act\":\"status\",\"status\":200,\"body\":$(printf '%s' "$moved" | sed s/12002/12001/)}]"
ok 'another sheet that is gone does not matter' status 0 sheet-fetch -s S shtTest
fresh
sheet '{"sheet_id":"sheet1","title":"S","rows":[["id","g"]],"fill":{"count":12000,"cells":["r{i}","some text {i}"]}}'
answer() { echo "{\"code\":0,\"data\":{\"valueRange\":{\"revision\":$1,\"values\":$2}}}"; }
faults "[{\"route\":\"$values\",\"nth\":4,\"act\":\"status\",\"status\":200,\"body\":$(answer 77 '[["x","y"]]')}]"
run sheet-fetch -q shtTest
is 'it was edited meanwhile: that is no error' $st 0
like 'but told, also with -q' err 'was edited while it was read: rows that were moved may be missing or stand twice'

while IFS='|' read -r what body; do
	faults "[{\"route\":\"$values\",\"times\":0,\"act\":\"status\",\"status\":200,\"body\":$body}]"
	run sheet-fetch --retry-time 1s shtTest
	is "an odd answer: $what" "$st $(cat out)" '3 '
done <<END
no range|{"code":0,"data":{}}
more cells than asked for|$(answer 1 "[[$(node -p 'new Array(30).fill(1).join()')]]")
more rows|$(answer 1 "[$(node -p 'new Array(6000).fill("[]").join()')]")
rows that are none|$(answer 1 '[{"a":1}]')
no JSON|"<html>"
END
faults "[{\"route\":\"$values\",\"times\":0,\"act\":\"status\",\"status\":200,\"body\":{\"code\":0,\"data\":{\"valueRange\":{\"values\":null}}}}]"
ok 'nothing there may be null' status 0 sheet-fetch shtTest
is 'and is nothing' "$(cat out)" ''
while IFS='|' read -r what body; do
	faults "[{\"route\":\"$query\",\"times\":0,\"act\":\"status\",\"status\":200,\"body\":$body}]"
	ok "an odd list: $what" status "${what%% *}" sheet-fetch --retry-time 1s shtTest
done <<'END'
3 no list|{"code":0,"data":{}}
3 a sheet without an id|{"code":0,"data":{"sheets":[{"title":"x"}]}}
3 a sheet without a size|{"code":0,"data":{"sheets":[{"sheet_id":"a","title":"x"}]}}
2 no sheets|{"code":0,"data":{"sheets":[]}}
0 a sheet without rows|{"code":0,"data":{"sheets":[{"sheet_id":"a","title":"x","grid_properties":{"row_count":0,"column_count":0}}]}}
END
faults '[]'
ok 'no credentials: status 2' status 2 env -u FEISHU_APP_SECRET sheet-fetch shtTest
like 'which' err FEISHU_APP_SECRET

ok 'a full disk is status 3' sh -c 'sheet-fetch -q shtTest >/dev/full 2>err; [ $? = 3 ]'
like 'and said' err 'No space left'
ok 'a closed pipe ends it quietly' sh -c '{ sheet-fetch shtTest 2>err; echo $? >st; } | head -n 1 >/dev/null; [ "$(cat st)" = 141 ] && [ ! -s err ]'
faults "[{\"route\":\"$values\",\"nth\":3,\"act\":\"hang\"}]"
sheet-fetch --progress=always shtTest >out 2>err & pid=$!
within 20 test -s out
kill -TERM $pid; wait $pid; st=$?
is 'a signal: 128 + n' $st 143
ok 'with whole lines' test "$(tail -c 1 out | od -An -c | tr -d ' ')" = '\n'
is 'and the line of the progress wiped' "$(tail -c 4 err)" "$(printf '\r\033[K')"
faults '[]'
run sheet-fetch -v shtTest
like 'the summary' err 'read=12001 written=12000 requests=[0-9]+ seconds='
unlike 'nothing secret is said with -v' err 'secret|Bearer'
run sheet-fetch --progress=always shtTest
like 'progress' err 'rows'

if [ -n "$SAN" ] || [ ! -x /usr/bin/time ]; then
	skip 4 'memory is not measured here'
else
	sheet '{"sheet_id":"sheet1","title":"S","rows":[["id","g","n"]],"fill":{"count":100000,"cells":["r{i}","某人的文字 {i}, and more of it, and more",{"from":1,"step":1}]}}'
	/usr/bin/time -f %M -o peak sheet-fetch shtTest >out
	is '100,000 rows' "$(wc -l <out)" 100000
	ok "in $(cat peak) KB" test "$(cat peak)" -lt 32768
	long=$(node -p '"x".repeat(8000)')
	sheet "{\"sheet_id\":\"sheet1\",\"title\":\"S\",\"rows\":[[\"id\",\"g\"]],\"fill\":{\"count\":6000,\"cells\":[\"r{i}\",\"$long\"]}}"
	/usr/bin/time -f %M -o peak sheet-fetch shtTest >out
	is '48 MB of long cells' "$(wc -l <out)" 6000
	ok "in $(cat peak) KB" test "$(cat peak)" -lt 32768
fi
done_testing
