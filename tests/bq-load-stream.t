#!/bin/sh
# bq-load --method stream, and the tables that --create makes, against the stand-in.
. "${0%/*}/lib.sh"

standin bigquery --key-file "$T/key.json" --dataset botrun:asia-east1 --token ready
BIGQUERY_ENDPOINT=$URL GOOGLE_APPLICATION_CREDENTIALS=$T/key.json
export BIGQUERY_ENDPOINT GOOGLE_APPLICATION_CREDENTIALS
api=/bigquery/v2/projects/test-project
insert="POST $api/datasets/*/tables/*/insertAll"
cat >call.js <<'JS'
const [url, method, path, body] = process.argv.slice(2);
const headers = {'Content-Type': 'application/json', Authorization: 'Bearer ready'};
require('http').request(url + path, {method, headers}, (r) => r.on('end', () => console.log()).pipe(process.stdout)).end(body);
JS
call() { node call.js "$URL" "$@"; }
load() { bq-load --method stream "$@"; }
table() { call GET "$api/datasets/${1%.*}/tables/${1#*.}"; }
rows() { get "/_test/rows?table=$1"; }
n_rows() { rows "$1" | wc -l | tr -d ' '; }
faults() { post /_test/faults "$1" >/dev/null; }
config() { post /_test/config "$1" >/dev/null; }
# The requests of insertAll since the log was emptied: EXPR for each r.
forget() { post /_test/log '' >/dev/null; }
requests() { get /_test/log | json_all "rows[0].filter((r) => r.path.endsWith('insertAll')).map((r) => $1).join(' ')"; }
seq_rows() { awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) printf "{\"id\":%d,\"name\":\"row %d\"}\n", i, i }'; }

cat >schema.json <<'JSON'
[
  {"name": "id", "type": "INT64", "mode": "REQUIRED", "description": "a \"number\",\tits own"},
  {"name": "name", "type": "STRING"},
  {"name": "at", "type": "TIMESTAMP"}
]
JSON
echo '{"id":1,"name":"a","at":"2024-01-02T03:04:05Z"}' >one

# ---- tables ----
ok 'no table: status 2' status 2 load --table botrun.t one
like '... and a hint' "$err" '^bq-load: there is no table test-project\.botrun\.t; --create makes it$'
ok 'a table is created' status 0 load --create --schema schema.json --partition at --cluster 'name, id' --table botrun.t one
table botrun.t >made
is '... with its columns' "$(json 'r.schema.fields.map((f) => f.name + ":" + f.type + ":" + f.mode).join(" ")' <made)" \
	'id:INTEGER:REQUIRED name:STRING:NULLABLE at:TIMESTAMP:NULLABLE'
is '... their descriptions' "$(json 'r.schema.fields[0].description' <made)" "a \"number\",	its own"
is '... its partitions' "$(json r.timePartitioning <made)" '{"type":"DAY","field":"at"}'
is '... its order' "$(json r.clustering <made)" '{"fields":["name","id"]}'
is '... and the row' "$(rows botrun.t)" '{"id":1,"name":"a","at":"2024-01-02T03:04:05Z"}'
echo '{"id":2}' >two
ok 'one that is there is left as it is' status 0 load --create --schema schema.json --cluster at --table botrun.t two
is '... but for the row' "$(n_rows botrun.t) $(table botrun.t | json r.clustering)" '2 {"fields":["name","id"]}'

ok 'a dataset is created too' status 0 load --create --schema schema.json --location europe-west1 --table made.t one
is '... where it is to be' "$(call GET $api/datasets/made | json r.location)" europe-west1
faults "[{\"route\":\"POST $api/datasets\",\"act\":\"reset-after\"},{\"route\":\"POST $api/datasets/*/tables\",\"act\":\"reset-after\"}]"
ok 'the answers to both creations are lost' status 0 load --create --schema schema.json --table lost.t one
is '... and the table takes the row' "$(n_rows lost.t)" 1
gone='{"error":{"code":404,"message":"Not found: Table x","errors":[{"reason":"notFound"}]}}'
faults "[{\"route\":\"GET $api/datasets/lost/tables/t\",\"act\":\"status\",\"status\":404,\"body\":$gone}]"
ok 'another creates it at that moment' status 0 load --create --schema schema.json --table lost.t two
is '... which is fine' "$(n_rows lost.t)" 2
faults "[{\"route\":\"GET $api/datasets/lost/tables/t\",\"act\":\"status\",\"status\":404,\"body\":\"<html>\"}]"
ok 'a page that is not of the service is no missing table' status 2 load --table lost.t one
like '... but said' "$err" "not BigQuery's form of an answer: <html> \(HTTP 404\)"

echo '{"fields":[{"name":"a-b","type":"STRING"}]}' >bad-name.json
ok 'a column that the service refuses: status 2' status 2 load --create --schema bad-name.json --table botrun.bad one
like "... in the service's words" "$err" '^bq-load: invalid: Invalid field name "a-b"\. .* \(HTTP 400\)$'
ok 'a partition that is no time: status 2' status 2 load --create --schema schema.json --partition id --table botrun.bad one
like '... said' "$err" 'unsupported type or mode: INTEGER'
ok '... and nothing was made' status 2 load --table botrun.bad one
i=0
for text in '' '{' '{}' '[]' '[1]' '[{"type":"STRING"}]' '[{"name":"a"}]' '[{"name":"","type":"X"}]' '{"fields":{}}' '[{"name":"a","type":"RECORD","fields":[]}]' \
	'[{"name":"a","type":"STRING"}] []'; do
	i=$((i + 1))
	printf '%s' "$text" >bad.json
	ok "no schema: $text" status 2 load --create --schema bad.json --table botrun.bad one
	like '... said' "$err" '^bq-load: --schema: bad.json: '
done
ok 'no such schema: status 2' status 2 load --create --schema missing --table botrun.bad one
like '... said' "$err" '^bq-load: --schema: missing: No such file'
printf '\357\273\277{"fields":\r\n[{"name":"id","type":"INTEGER"}]}\r\n' >bom.json
echo '{"id":5}' >five
ok 'a schema with a BOM and CRLF' status 0 load --create --schema bom.json --table botrun.bom five
for name in '' . t. .t 'a b.t' 'x.y/z.t' 'botrun.t$' 'botrun.t;x' 'pro ject.botrun.t' "botrun.t'"; do
	ok "no table: '$name'" status 2 load --table "$name" one
done
ok 'a name without a dataset: status 2' status 2 load --table t one
like '... said' "$err" "^bq-load: --table: 't' is not \[PROJECT\.\]DATASET\.TABLE: no dataset$"
ok '... is in that of the environment' status 0 env BOTRUN_LOG_DATASET_NAME=botrun bq-load --method stream --table t one
ok 'a project of its own' status 0 load --table test-project.botrun.t one
ok '... written with a colon' status 0 load --table test-project:botrun.t one
ok '... of others: status 2' status 2 load --table other.botrun.t one
like '... said' "$err" 'accessDenied: .*Project other'
forget
ok 'a partition of a table' status 2 load --table 'botrun.t$20240102' one
is '... is that of the table' "$(get /_test/log | json_all 'rows[0].slice(-2).map((r) => r.path.replace(/.*datasets/, "")).join(" ")')" \
	'/botrun/tables/t /botrun/tables/t%2420240102/insertAll'
ok 'a table with a name that must be encoded' status 0 load --create --schema schema.json --table 'botrun.表 x-1' one
call GET "$api/datasets/botrun/tables/%E8%A1%A8%20x-1/data" >data
is '... takes the row' "$(json r.totalRows <data)" 1
for args in '--schema auto' '' '--schema schema.json --cluster a,b,c,d,e' '--schema schema.json --cluster a,,b' '--schema schema.json --cluster a,'; do
	# shellcheck disable=SC2086
	ok "misuse: --create $args" status 2 load --create $args --table botrun.bad one
done
for args in '--write truncate' '--job-id x'; do
	# shellcheck disable=SC2086
	ok "misuse: $args" status 2 load $args --table botrun.t one
done

# ---- rows ----
new() { call POST "$api/datasets/botrun/tables" "{\"tableReference\":{\"tableId\":\"$1\"},\"schema\":{\"fields\":[$2]}}" >/dev/null; }
columns='{"name":"id","type":"INTEGER"},{"name":"name","type":"STRING"}'
new many "$columns"
seq_rows 1203 >many
forget
ok 'many rows' status 0 load -v --table botrun.many many
like '... summary' "$err" '^bq-load: read=1203 loaded=1203 rejected=0 requests=[0-9]+ seconds='
is '... 500 in a request' "$(requests r.status)" '200 200 200'
rows botrun.many >got
same '... all there' got many
seq_rows 3 | sed '2s/.*//; s/$/\r/' >crlf
{ printf '\357\273\277'; cat crlf; printf '{"id":4,\t"name" : "\\u8cc7"}'; } >odd
new odd "$columns"
ok 'BOM, CRLF, an empty line, no newline at the end' status 0 load --table botrun.odd odd
is '... are rows all the same' "$(rows botrun.odd | json r.id | tr '\n' ' ')" '1 3 4 '
ok 'nothing is nothing' status 0 load -v --table botrun.odd /dev/null
like '... said' "$err" ' read=0 loaded=0 rejected=0 '

# The values leave as they came.
new odd2 '{"name":"n","type":"STRING"},{"name":"s","type":"STRING"}'
printf '%s\n' '{"n":12345678901234567890.10,"s":"\u8cc7\/\u0000"}' '{"s":"x" , "n":1e400}' >spelled
ok 'odd spellings' status 0 load --table botrun.odd2 spelled
is '... stay' "$(rows botrun.odd2 | json 'r.n' | tr '\n' ' ')" '12345678901234567890.10 1e400 '

# ---- columns of JSON ----
new json '{"name":"id","type":"INTEGER"},{"name":"Doc","type":"JSON"},{"name":"docs","type":"JSON","mode":"REPEATED"},{"name":"rec","type":"RECORD","mode":"REPEATED",
	"fields":[{"name":"k","type":"STRING"},{"name":"j","type":"JSON"}]},{"name":"r1","type":"STRUCT","fields":[{"name":"in","type":"RECORD","fields":[{"name":"j","type":"JSON"}]}]}'
cat >json <<'JSON'
{"id":1,"Doc":{"a":[1.0,"\"x\\"],"b":null},"docs":[1,"two",{"three":3}],"rec":[{"k":"v","j":[]},{"j":true}],"r1":{"in":{"j":"t"}}}
{"id":2,"dOC":"text","docs":[],"rec":[],"r1":null}
{"id":3,"\u0044oc":12345678901234567890,"r1":{"in":null}}
{"id":4,"Doc":null}
JSON
ok 'columns of JSON' status 0 load --table botrun.json json
is '... are sent as text' "$(rows botrun.json | sed 1q)" \
	'{"id":1,"Doc":{"a":[1.0,"\"x\\"],"b":null},"docs":[1,"two",{"three":3}],"rec":[{"k":"v","j":[]},{"k":null,"j":true}],"r1":{"in":{"j":"t"}}}'
is '... a string is a JSON string' "$(rows botrun.json | sed -n 2p)" '{"id":2,"Doc":"text","docs":[],"rec":[],"r1":null}'
is '... by any spelling of the name' "$(rows botrun.json | sed -n 3p | cut -c 1-37)" '{"id":3,"Doc":12345678901234567890,"d'
is '... null is none' "$(rows botrun.json | sed -n 4p | json r.Doc)" null
# Any value comes out as it does from a load job.
cat >gen.js <<'JS'
let s = 1;
const under = (n) => (s = s * 1103515245 + 12345 & 0x7fffffff, (s >> 8) % n);
const pick = (...list) => list[under(list.length)];
const times = (n, f) => Array.from({length: n}, f);
const space = () => pick('', '', '', ' ', '\t');
const list = (f) => '[' + times(under(4), () => space() + f() + space()).join() + ']';
const spelled = (n) => pick(n, n.toUpperCase(), n.toLowerCase(), n.replace(/^./, (c) => '\\u00' + c.charCodeAt(0).toString(16)));
const plain = ['true', 'false', '-0.0', '1e400', '12345678901234567890', '"a\\"b\\\\"', '"資\\u8cc7\\ud83d\\ude00"', '"\\u0000\\t"', '"{[,:"'];
const some = (d) => (d > 3 || under(2) ? pick(...plain) : under(2) ? list(() => value(d + 1)) : object(d + 1));
const value = (d) => (under(5) ? some(d) : 'null');
const object = (d) => '{' + times(under(4), (_, i) => space() + '"k' + i + '"' + space() + ':' + value(d)).join() + '}';
times(400, (_, i) => console.log(space() + '{' + space() + ['"id":' + i,
	'"' + spelled('Doc') + '"' + space() + ':' + value(0), '"' + spelled('docs') + '":' + list(() => some(0)),
	'"' + spelled('rec') + '":' + list(() => '{"k":"x","' + spelled('j') + '":' + value(0) + '}'),
	'"' + spelled('r1') + '":' + pick('null', '{}', '{"in":null}', '{"in":{"' + spelled('j') + '":' + value(0) + '}}'),
].sort(() => under(3) - 1).join(space() + ',') + '}'));
JS
node gen.js >any
call GET "$api/datasets/botrun/tables/json" >like
for name in any1 any2; do
	call POST "$api/datasets/botrun/tables" "$(json "{tableReference: {tableId: '$name'}, schema: r.schema}" <like)" >/dev/null
done
ok 'any values, streamed' status 0 load --table botrun.any1 any
ok '... and loaded by a job' status 0 bq-load --table botrun.any2 any
rows botrun.any1 >got
rows botrun.any2 >want
same '... make the same rows' got want
is '... all of them' "$(wc -l <got | tr -d ' ')" 400
cat >shapes <<'JSON'
{"id":5,"docs":{"a":1}}
{"id":6,"rec":{"j":1}}
{"id":7,"rec":[1],"Doc":[[]]}
{"id":8,"r1":[{"in":1}]}
{"id":9,"Doc":[null,{"Doc":1}],"docs":[[1],[]]}
JSON
ok 'shapes that do not fit: status 1' status 1 load --table botrun.json shapes
is '... are the only ones missing' "$(rows botrun.json | json r.id | tr '\n' ' ')" '1 2 3 4 9 '

# ---- bad rows ----
new bad "$columns"
cat >bad <<'JSON'
{"id":1}

{"id":"x"}
nonsense
{"id":4,"nme":1}
{"id":6}
JSON
ok 'bad rows: status 1' status 1 load -v --rejects kept --table botrun.bad bad
is '... by line' "$(grep -c '^bq-load: bad:' "$err")" 3
like '... the value' "$err" '^bq-load: bad:3: Could not convert value .* Field: id; Value: x$'
like '... the text' "$err" '^bq-load: bad:4:1: '
like '... the column' "$err" '^bq-load: bad:5: no such field: nme\.$'
like '... summary' "$err" ' read=4 loaded=2 rejected=3 '
is '... the others are there' "$(rows botrun.bad | json r.id | tr '\n' ' ')" '1 6 '
sort kept >sorted
printf '%s\n' '{"id":"x"}' '{"id":4,"nme":1}' nonsense | sort >want
same '... these are kept' sorted want
new strict "$columns"
{ seq_rows 700; echo '{"id":"x"}'; seq_rows 700; echo '{"id":"y"}'; } >stops
ok '--strict: status 1' status 1 load -v --strict --rejects first --table botrun.strict stops
is '... what stood before it is there' "$(rows botrun.strict | json r.id | tail -n 1) $(n_rows botrun.strict)" '700 700'
is '... it alone is kept' "$(cat first)" '{"id":"x"}'
new strict2 "$columns"
{ seq_rows 3; echo '{'; seq_rows 3; } >stops
ok '--strict, and a line that is no JSON: status 1' status 1 load --strict --table botrun.strict2 stops
is '... the same' "$(n_rows botrun.strict2)" 3
awk 'BEGIN { for (i = 1; i <= 1200; i++) printf "{\"id\":%s}\n", i % 3 ? i : "\"x\"" }' >third
new third "$columns"
ok 'every third row is bad: status 1' status 1 load -v --rejects thirds --table botrun.third third
is '... the others are there' "$(n_rows botrun.third)" 800
is '... and these kept' "$(grep -c x thirds) $(wc -l <thirds | tr -d ' ')" '400 400'
like '... ten are named' "$err" '^bq-load: 390 more lines were rejected, 400 in all$'

# A row that the service cannot even parse is found by halves.
new parse "$columns"
{ seq_rows 300; echo '{"id":301,"name":"half \ud83d"}'; seq_rows 99; } >parse
forget
ok 'a lone surrogate: status 1' status 1 load --rejects surrogate --table botrun.parse parse
like '... its line' "$err" '^bq-load: parse:301: parseError: Parse Error \(HTTP 400\)$'
is '... the others are there' "$(n_rows botrun.parse)" 399
is '... it is kept' "$(cat surrogate)" '{"id":301,"name":"half \ud83d"}'
n=$(requests r.status | wc -w)
ok "... in few requests: $n" test "$n" -le 20
printf '{"id":1}\n{"id":2,"name":"\377"}\n{"id":3,"name":"\355\240\200"}\n' >utf8
new utf8 "$columns"
ok 'bad UTF-8: status 1' status 1 load --table botrun.utf8 utf8
is '... is not sent' "$(rows botrun.utf8)" '{"id":1,"name":null}'
refused='{"error":{"code":400,"message":"No","errors":[{"reason":"badRequest"}]}}'
faults "[{\"route\":\"$insert\",\"times\":0,\"act\":\"status\",\"status\":400,\"body\":$refused}]"
ok 'a service that refuses everything: status 3' status 3 load --table botrun.utf8 many
like '... ends it' "$err" '^bq-load: badRequest: No \(HTTP 400\); nothing was loaded$'
faults '[]'

# ---- large rows ----
big() { awk -v id="$1" -v n="$2" 'BEGIN { printf "{\"id\":%d,\"name\":\"", id; for (i = 0; i < n; i += 100) printf "%s", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; print "\"}" }'; }
new large "$columns"
for i in 1 2 3 4 5; do big $i 4000000; done >large
forget
ok 'large rows' status 0 load --table botrun.large large
is '... are spread over requests' "$(requests r.status)" '200 200 200'
is '... all there' "$(rows botrun.large | json 'r.id + ":" + r.name.length' | tr '\n' ' ')" '1:4000000 2:4000000 3:4000000 4:4000000 5:4000000 '
{ seq_rows 2; big 3 10600000; big 4 6000000; seq_rows 5 | tail -n 1; } >larger
new larger "$columns"
forget
ok 'rows that are too large: status 1' status 1 load --rejects big --table botrun.larger larger
like '... for a request' "$err" '^bq-load: larger:3: larger than a request of 10 MB; --method load takes it$'
like '... for the service' "$err" '^bq-load: larger:4: Maximum allowed row size exceeded'
is '... the others are there' "$(rows botrun.larger | json r.id | tr '\n' ' ')" '1 2 5 '
sed -n 3,4p larger >want
sort -n -k 1.7,1.7 big >sorted
same '... these are kept' sorted want
new less "$columns"
too='{"error":{"code":400,"message":"Request payload size exceeds the limit: 10485760 bytes.","errors":[{"reason":"badRequest"}]}}'
faults "[{\"route\":\"$insert\",\"act\":\"status\",\"status\":413,\"body\":\"<html>\"},{\"route\":\"$insert\",\"act\":\"status\",\"status\":400,\"body\":$too}]"
forget
ok 'requests that are too large' status 0 load --table botrun.less many
is '... are halved' "$(requests r.status)" '413 400 200 200 200 200 200'
is '... and no row is lost, none twice' "$(rows botrun.less | json r.id | sort -un | wc -l | tr -d ' ') $(n_rows botrun.less)" '1203 1203'
# What has to be quoted grows: the request is cut before it is sent.
new grows '{"name":"id","type":"INTEGER"},{"name":"j","type":"JSON"}'
awk 'BEGIN { for (i = 1; i <= 4; i++) { printf "{\"id\":%d,\"j\":[", i; for (k = 0; k < 500000; k++) printf "%s\"\"", k ? "," : ""; print "]}" } }' >grows
ok 'JSON that grows when it is quoted' status 0 load --table botrun.grows grows
is '... all there' "$(rows botrun.grows | json 'r.id + ":" + r.j.length' | tr '\n' ' ')" '1:500000 2:500000 3:500000 4:500000 '

# ---- a service that fails ----
retry='--max-retries 8 --retry-time 60s'
new again "$columns"
forget
faults "[{\"route\":\"$insert\",\"act\":\"after\",\"status\":503},{\"route\":\"$insert\",\"nth\":2,\"act\":\"reset-after\"}]"
# shellcheck disable=SC2086
ok 'stored, but answered by 503, then by nothing' status 0 load $retry --table botrun.again many
is '... each row is there once' "$(n_rows botrun.again)" 1203
is '... by the same ids' "$(requests 'r.body.rows.map((x) => x.insertId).join()' | tr ' ' '\n' | sort | uniq -c | awk '{ print $1 }' | tr '\n' ' ')" '1 1 3 '
is '... which differ from row to row' "$(requests 'r.body.rows.map((x) => x.insertId).join(" ")' | tr ' ' '\n' | sort -u | wc -l | tr -d ' ')" 1203
ok '... and the run again within a minute' status 0 load --table botrun.again many
is '... adds nothing' "$(n_rows botrun.again)" 1203
new twice "$columns"
ok 'equal rows' status 0 load --table botrun.twice five five
is '... of two files are two' "$(n_rows botrun.twice)" 2
new rowwise "$columns"
seq_rows 4 >four
config '{"row_errors":[{"index":1,"reason":"timeout"},{"index":3,"reason":"backendError","message":"try again"}]}'
forget
ok 'rows that the service could not store' status 0 load --table botrun.rowwise four
is '... are sent again' "$(requests r.body.rows.length)" '4 2'
is '... by the same ids' "$(requests 'r.body.rows.map((x) => x.insertId).join(" ")' | tr ' ' '\n' | sort -u | wc -l | tr -d ' ')" 4
is '... once each' "$(rows botrun.rowwise | json r.id | sort | tr '\n' ' ')" '1 2 3 4 '
new mixed "$columns"
config '{"row_errors":[{"index":0,"reason":"timeout"},{"index":2,"reason":"invalid","message":"no good"},{"index":3,"reason":"internalError"}]}'
ok 'some that it could not store and a bad one: status 1' status 1 load --table botrun.mixed four
like '... which is named' "$err" '^bq-load: four:3: no good$'
is '... the others are there' "$(rows botrun.mixed | json r.id | sort | tr '\n' ' ')" '1 2 4 '
new mixed2 "$columns"
config '{"row_errors":[{"index":2,"reason":"timeout"}]}'
forget
ok '--strict: one that it could not store' status 0 load --strict --table botrun.mixed2 four
is '... keeps all out, which are sent again' "$(requests r.body.rows.length)" '4 4'
is '... once each, in order' "$(rows botrun.mixed2 | json r.id | tr '\n' ' ')" '1 2 3 4 '
new mixed3 "$columns"
config '{"row_errors":[{"index":0,"reason":"timeout"},{"index":2,"reason":"invalid","message":"no good"}]}'
ok '--strict: and a bad one: status 1' status 1 load --strict --table botrun.mixed3 four
is '... ends it there' "$(rows botrun.mixed3 | json r.id | tr '\n' ' ')" '1 2 '
config '{"row_errors":[{"index":1,"reason":"timeout"}]}'
ok '... not without end: status 3' status 3 load --max-retries 0 --table botrun.rowwise four
like '... said' "$err" '^bq-load: BigQuery did not take 1 rows: timeout; stopped at four:2: of the rows from there on some may be in the table$'
# shellcheck disable=SC2016
odd='{"insertErrors":[{"index":4,"errors":[{"reason":"invalid"}]}]}'
for answer in "$odd" '{"insertErrors":[{"errors":[]}]}' '{"insertErrors":[{"index":-1,"errors":[]}]}' '{"insertErrors":[{"index":0}]}' '{"insertErrors":5}'; do
	faults "[{\"route\":\"$insert\",\"act\":\"status\",\"status\":200,\"body\":$answer}]"
	ok "an answer that is none, $answer: status 3" status 3 load --table botrun.rowwise four
	like '... said' "$err" '^bq-load: an answer of BigQuery that names rows which were not sent; stopped at four:1: '
done
faults "[{\"route\":\"$insert\",\"act\":\"status\",\"status\":200,\"body\":{\"insertErrors\":[{\"index\":2,\"errors\":[]}]}}]"
ok 'an error without a reason' status 0 load --table botrun.rowwise four
faults "[{\"route\":\"$insert\",\"act\":\"garbage\"}]"
ok 'an answer that is not of the service: status 3' status 3 load --table botrun.rowwise four
faults "[{\"route\":\"$insert\",\"times\":0,\"act\":\"status\",\"status\":503}]"
ok 'no end of 503: status 3' status 3 load --max-retries 1 --table botrun.rowwise four
like '... said' "$err" 'HTTP 503\); stopped at four:1: of the rows from there on some may be in the table$'
faults "[{\"route\":\"$insert\",\"nth\":2,\"act\":\"status\",\"status\":403,\"body\":{\"error\":{\"code\":403,\"message\":\"Quota\",\"errors\":[{\"reason\":\"quotaExceeded\"}]}}}]"
ok 'no quota any more: status 3' status 3 load --table botrun.rowwise many
like '... said' "$err" '^bq-load: quotaExceeded: Quota \(HTTP 403\); stopped at many:501: '
faults '[]'
config '{"denied":["insert"]}'
ok 'no permission: status 2' status 2 load --table botrun.rowwise four
like "... in the service's words" "$err" '^bq-load: accessDenied: '
config '{"denied":[]}'
new expired "$columns"
config '{"expire":1}'
ok 'a token for each request' status 0 load --table botrun.expired many
config '{"expire":3600}'
is '... no row is lost' "$(n_rows botrun.expired)" 1203

# ---- a new table ----
config '{"stream_delay":2}'
forget
ok 'a new table that streaming does not know yet' status 0 load --create --schema schema.json --table botrun.fresh one
is '... is asked until it does' "$(requests r.status | sed 's/^404 .*200$/waited/')" waited
is '... and has the row' "$(n_rows botrun.fresh)" 1
config '{"stream_delay":1000}'
ok 'one that never comes: status 2' status 2 load --retry-time 1s --table botrun.fresh one
ok '... or 3, after waiting' status 3 load --create --schema schema.json --retry-time 1s --table botrun.fresh one
like '... said' "$err" '^bq-load: notFound: Not found: Table .*; stopped at one:1: '
config '{"stream_delay":0}'

# ---- as they come ----
new live "$columns"
mkfifo pipe
bq-load --method stream --rejects live --table botrun.live <pipe 2>"$err" & pid=$!
exec 3>pipe
echo '{"id":1}' >&3
has() { [ "$(n_rows botrun.live)" = "$1" ]; }
ok 'a row that comes alone is sent' within 20 has 1
echo '{"id":2}' >&3
ok '... and the next' within 20 has 2
echo '{"id":"x"}' >&3
ok 'a bad one is kept at once' within 20 grep -qs x live
i=2
drips() {
	while [ $i -lt 60 ] && ! has_more; do
		i=$((i + 1))
		echo "{\"id\":$i}" >&3
		sleep 0.1
	done
	has_more
}
has_more() { [ $((i % 5)) = 0 ] && [ "$(n_rows botrun.live)" -gt 2 ]; }
ok 'rows that never pause do not wait for 500' drips
kill -TERM $pid
{ wait $pid; } 2>/dev/null; st=$?
exec 3>&-
is 'SIGTERM while waiting: 143' $st 143
faults "[{\"route\":\"$insert\",\"act\":\"hang-after\"}]"
forget
bq-load --method stream --table botrun.live four 2>"$err" & pid=$!
asked() { [ "$(requests r.n | wc -w)" = 1 ]; }
ok 'a service that does not answer' within 20 asked
kill -TERM $pid
{ wait $pid; } 2>/dev/null; st=$?
is '... and SIGTERM: 143' $st 143
like '... says where it stopped' "$err" '^bq-load: stopped at four:1: of the rows from there on some may be in the table$'
if [ -f "$B/fault.so" ] && [ -z "$SAN" ]; then
	new killed "$columns"
	seq_rows 2100 >lots
	killed=0
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
		run env LD_PRELOAD="$B/fault.so" FAULT_AT=$i FAULT_ACT=kill FAULT_CALLS=send,recv bq-load --method stream --table botrun.killed lots
		[ $st != 137 ] || killed=$((killed + 1))
	done
	ok "killed $killed times" test $killed -ge 10
	some=$(n_rows botrun.killed)
	ok "... with $some rows in the table" test "$some" -gt 0
	ok '... then run to the end' status 0 load --table botrun.killed lots
	is '... each row is there once' "$(rows botrun.killed | json r.id | sort -un | wc -l | tr -d ' ') $(n_rows botrun.killed)" '2100 2100'
	new eintr "$columns"
	for i in 1 2 3 4 5 6; do
		env LD_PRELOAD="$B/fault.so" FAULT_AT=$i FAULT_ACT=EINTR bq-load --method stream --table botrun.eintr lots || echo "$i"
	done >"$out" 2>&1
	is 'interrupted calls are no errors' "$(cat "$out") $(n_rows botrun.eintr)" ' 2100'
else
	skip 5 'no shim here'
fi
unlike 'no secret in any message' "$err" 'PRIVATE|ya29|eyJ'

done_testing
