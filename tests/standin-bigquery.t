#!/bin/sh
# The BigQuery stand-in where the official client does not go: the token endpoints, resumable uploads, the clock and the
# injected failures.
. "${0%/*}/lib.sh"
[ -z "$SAN" ] || skip_all 'it runs nothing that is built'

CTL=$top/tests/ctl.js
SCOPE=https://www.googleapis.com/auth/bigquery
JOBS=/upload/bigquery/v2/projects/test-project/jobs
TABLE=/bigquery/v2/projects/test-project/datasets/logs/tables

standin bigquery --key-file key.json --dataset logs:asia-east1 --token ready --expire 1000

# ask METHOD PATH [FILE] [HEADER...]: the whole answer in $out, its status in $code
ask() {
	ask_method=$1 ask_path=$2 ask_file=$3
	shift 3
	case $ask_path in http*) ;; *) ask_path=$URL$ask_path ;; esac
	ask_n=$#
	while [ $ask_n -gt 0 ]; do
		set -- "$@" -H "$1"; shift; ask_n=$((ask_n - 1))
	done
	node "$CTL" -i "$@" "$ask_method" "$ask_path" ${ask_file:+"$ask_file"} >"$out" 2>"$err"
	code=$(head -n 1 "$out")
}
api() { ask "$1" "$2" "${3-}" 'Authorization: Bearer ready'; }
body() { sed '1,/^$/d' "$out"; }
field() { body | json_all "rows.length ? $1 : ''" | sed 's/^$/-/'; }
header() { sed -n "s/^$1: //p" "$out" | head -n 1; }
control() { post "/_test/$1" "$2" >/dev/null; }

# ---- tokens ----

# assertion CLAIMS [HEADER] [KEY]: a form with a JWT; CLAIMS is a JavaScript object that changes the good ones
assertion() {
	node -e '
		const crypto = require("crypto"), key = JSON.parse(require("fs").readFileSync(process.argv[2]));
		const now = Math.floor(Date.now() / 1000), b64 = (x) => Buffer.from(x).toString("base64").replace(/=/g, "")
			.replace(/[+]/g, "-").replace(/[/]/g, "_");
		const claims = Object.assign({iss: key.client_email, scope: "'$SCOPE'", aud: key.token_uri,
			iat: now - 10, exp: now + 3500}, eval("(" + process.argv[1] + ")"));
		const text = b64(JSON.stringify({alg: "RS256", typ: "JWT", kid: key.private_key_id})) + "." + b64(JSON.stringify(claims));
		const jwt = text + "." + b64(crypto.createSign("RSA-SHA256").update(text).sign(key.private_key));
		console.log(process.argv[3] || "grant_type=" + encodeURIComponent("urn:ietf:params:oauth:grant-type:jwt-bearer") + "&assertion=" + jwt);
		if (process.argv[3]) console.log(jwt);' "$1" key.json ${2+"$2"}
}
FORM='Content-Type: application/x-www-form-urlencoded'
token() { assertion "$1" | tr -d '\n' >form; ask POST /token form "$FORM"; }
refused() { is "token: $1" "$code $(field rows[0].error)" "$2"; }

is 'the key file is private' "$(stat -c %a key.json)" 600
token '{}'
is 'token: the signed assertion is taken' "$code $(field 'rows[0].token_type + rows[0].expires_in')" '200 Bearer999'
field 'rows[0].access_token' >token
token '{aud: "https://oauth2.googleapis.com/token"}'
is 'token: so is the audience of the official clients' "$code" 200
token '{aud: "https://example.com/"}'; refused 'another audience is not' '400 invalid_grant'
token '{iss: "other@example.com"}'; refused 'nor another account' '400 invalid_grant'
token '{exp: now - 1}'; refused 'nor what has expired' '400 invalid_grant'
token '{iat: now + 100}'; refused 'nor what is from the future' '400 invalid_grant'
token '{exp: now + 3700}'; refused 'nor what lives longer than an hour' '400 invalid_grant'
token '{scope: "https://example.com/scope"}'; refused 'an unknown scope' '400 invalid_scope'
token '{}'; sed 's/....$/AAAA/' form >bad; ask POST /token bad "$FORM"; refused 'a broken signature' '400 invalid_grant'
ask POST /token form; refused 'a form that is not called one' '400 invalid_request'

ask GET "$TABLE" '' "Authorization: Bearer $(cat token)"
is 'the token opens the API' "$code" 200
assertion '{sub: key.client_email, aud: "https://bigquery.googleapis.com/", scope: undefined}' self | tail -n 1 >jwt
ask GET "$TABLE" '' "Authorization: Bearer $(cat jwt)"
is 'so does a self-signed JWT' "$code" 200
ask GET "$TABLE" ''
is 'no token is 401' "$code $(field rows[0].error.errors[0].reason)" '401 required'
control advance '{"seconds": 1001}'
ask GET "$TABLE" '' "Authorization: Bearer $(cat token)"
is 'an expired one, too' "$code $(field rows[0].error.status)" '401 UNAUTHENTICATED'
control advance '{"seconds": -1001}'
token '{scope: "'$SCOPE'.insertdata"}'; field 'rows[0].access_token' >token
ask GET "$TABLE" '' "Authorization: Bearer $(cat token)"
is 'a scope for insertAll is not enough for tables' "$code" 403

get '/_test/credentials?type=authorized_user' >user.json
json '"grant_type=refresh_token&client_id=" + r.client_id + "&client_secret=" + r.client_secret +
	"&refresh_token=" + encodeURIComponent(r.refresh_token)' <user.json | tr -d '\n' >form
ask POST /token form "$FORM"
is "user: the refresh token gives a token" "$code $(field 'typeof rows[0].scope')" '200 string'
control config '{"revoked_user": true}'
ask POST /token form "$FORM"; refused 'a revoked user' '400 invalid_grant'
sed 's/client-secret/wrong/' form >bad; ask POST /token bad "$FORM"; refused 'a wrong client secret' '401 invalid_client'

get '/_test/credentials?type=external_account' >wif.json
ask GET "$(json r.credential_source.url <wif.json)" '' 'Authorization: Bearer oidc-request-token'
field rows[0].value >subject
sts() {
	json 'Object.entries({grant_type: "urn:ietf:params:oauth:grant-type:token-exchange", audience: r.audience,
		scope: "https://www.googleapis.com/auth/cloud-platform",
		requested_token_type: "urn:ietf:params:oauth:token-type:access_token", subject_token_type: r.subject_token_type,
		subject_token: "'"$(cat subject)"'"}).map(([k, v]) => k + "=" + encodeURIComponent(v)).join("&")' <wif.json | tr -d '\n' >form
	ask POST /v1/token "${1-form}" "$FORM"
}
sts; field rows[0].access_token >token
is 'workload identity: the subject token is exchanged' "$code" 200
echo '{"scope":["'$SCOPE'"],"lifetime":"600s"}' >imp
ask POST "$(json r.service_account_impersonation_url <wif.json)" imp "Authorization: Bearer $(cat token)"
is '... and that for one of the service account' "$code $(field 'rows[0].expireTime.length')" '200 20'
field rows[0].accessToken >token
ask GET "$TABLE" '' "Authorization: Bearer $(cat token)"
is '... which opens the API' "$code" 200
sed 's/audience=[^&]*/audience=x/' form >bad; sts bad; refused 'another pool' '400 invalid_target'
control advance '{"seconds": 400}'
sts; refused 'a subject token that is too old' '400 invalid_grant'
control advance '{"seconds": -400}'

META=/computeMetadata/v1/instance/service-accounts/default/token
ask GET $META '' 'Metadata-Flavor: Google'
is 'metadata: a token, and the flavour in the answer' "$code $(header metadata-flavor) $(field 'typeof rows[0].access_token')" '200 Google string'
field rows[0].access_token >token
ask GET $META '' 'Metadata-Flavor: Google'
is 'metadata: the same token again' "$(field rows[0].access_token)" "$(cat token)"
ask GET $META ''
is 'metadata: nothing without the header' "$code" 403

# ---- resumable uploads ----

job() {
	cat <<-END
	{"jobReference":{"projectId":"test-project","jobId":"$1"},"configuration":{"load":{"sourceFormat":"NEWLINE_DELIMITED_JSON",
	"destinationTable":{"projectId":"test-project","datasetId":"logs","tableId":"t"},
	"schema":{"fields":[{"name":"n","type":"INTEGER"},{"name":"s","type":"STRING"}]}}}}
	END
}
begin() {
	job "$1" >job.json
	ask POST "$JOBS?uploadType=resumable" job.json 'Authorization: Bearer ready' 'X-Upload-Content-Type: application/octet-stream'
	session=$(header location)
}
put() { ask PUT "$session" "$2" "Content-Range: bytes $1"; }
count() { if get '/_test/rows?table=logs.t' >rows 2>/dev/null; then wc -l <rows; else echo 0; fi; }

node -e 'for (let n = 0; n < 6000; n++) console.log(JSON.stringify({n, s: "x".repeat(80)}));' >data
size=$(wc -c <data)
U=262144
head -c $U data >c1; tail -c +$((U + 1)) data | head -c $U >c2; tail -c +$((2 * U + 1)) data >c3; : >none
rest=$((2 * U))-$((size - 1))

begin one
is 'resumable: a session address' "$code $(printf %s "$session" | grep -c 'upload_id=')" '200 1'
put "0-$((U - 1))/*" c1; is 'a chunk of an open end is taken' "$code $(header range)" "308 bytes=0-$((U - 1))"
put "*/*" none; is 'asked, it says so again' "$code $(header range)" "308 bytes=0-$((U - 1))"
head -c 1000 c2 >short; put "$U-$((U + 999))/*" short; is 'no part of 256 KiB' "$code" 400
put "$((2 * U))-$((3 * U - 1))/*" c2; is 'no gap' "$code" 400
put "$U-$((2 * U - 1))/*" c1; put "$rest/$size" c3
is 'the last chunk makes the job' "$code $(field rows[0].status.state) $(field rows[0].jobReference.location)" '200 RUNNING asia-east1'
put "*/$size" none; is 'asked later, the job again' "$code $(field rows[0].jobReference.jobId)" '200 one'
api GET '/bigquery/v2/projects/test-project/jobs/one'; is 'outside US and EU a job needs its location' "$code" 404
api GET '/bigquery/v2/projects/test-project/jobs/one?location=asia-east1'
is 'a chunk with wrong bytes fails the whole load' "$(field rows[0].status.errorResult.reason) $(count)" 'invalid 0'

begin one; put "0-$((size - 1))/$size" data
is 'the id of the failed job is taken for ever' "$code $(field rows[0].error.errors[0].reason)" '409 duplicate'

control config '{"accept": [262144, 0]}'
begin two
put "0-$((2 * U - 1))/*" c1; is 'a body that is not the range is refused' "$code" 400
cat c1 c2 >c12
put "0-$((2 * U - 1))/$size" c12; is 'less is kept than was sent' "$code $(header range)" "308 bytes=0-$((U - 1))"
put "$U-$((2 * U - 1))/$size" c2; is 'a chunk is lost' "$(header range)" "bytes=0-$((U - 1))"
put "$U-$((2 * U - 1))/$size" c2; put "*/$((size + 1))" none; is 'another total is refused' "$code" 400
control faults '[{"route": "PUT /upload/bigquery/v2/projects/*/jobs", "act": "reset-after"}]'
put "$rest/$size" c3; is 'the answer to the last chunk is lost' "$code" ''
put "*/$size" none; is '... but the job is there, once' "$code $(field rows[0].jobReference.jobId) $(count)" '200 two 6000'

gzip -c data >data.gz; zsize=$(wc -c <data.gz)
begin three; put "0-$((zsize - 1))/$zsize" data.gz; is 'gzip' "$code $(count)" '200 12000'
head -c $((2 * U)) data >even
begin open; put "0-$((U - 1))/*" c1; put "$U-$((2 * U - 1))/*" c2
is 'a chunk of an open end is never the last' "$code $(header range)" "308 bytes=0-$((2 * U - 1))"
put "*/$U" none; is 'a total below what is there is refused' "$code" 400
put "*/$((3 * U))" none; is 'a total is kept' "$code $(header range)" "308 bytes=0-$((2 * U - 1))"
put "$((2 * U))-$((4 * U - 1))/*" even; is '... and nothing behind it is taken' "$code" 400
begin open; put "0-$((2 * U - 1))/*" even; put "*/$((2 * U))" none; is 'the total alone makes the job' "$code $(field rows[0].jobReference.jobId)" '200 open'
begin four; put "*/0" none; is 'nothing at all is a job of no rows' "$code $(count)" '200 12000'
begin five; put "0-$((U - 1))/*" c1; control config '{"dead_sessions": 410}'; put "*/*" none
is 'a dead session is gone' "$code" 410
control config '{"dead_sessions": 0}'
session="$URL$JOBS?uploadType=resumable&upload_id=unknown"; put "*/*" none; is 'an unknown one is not found' "$code" 404
begin six; ask DELETE "$session" ''; is 'a session is cancelled' "$code" 499
sed 's/"INTEGER"/"INTEGRE"/' job.json >bad.json
ask POST "$JOBS?uploadType=resumable" bad.json 'Authorization: Bearer ready'
is 'a bad job is refused before any data' "$code $(field rows[0].error.errors[0].reason)" '400 invalid'

# ---- the clock, failures, and what insertAll does with them ----

control config '{"pending_ms": 60000, "running_ms": 60000}'
begin slow; put "0-$((zsize - 1))/$zsize" data.gz
state() { api GET '/projects/test-project/jobs/slow?location=asia-east1'; field rows[0].status.state; }
is 'a job waits' "$(state)" PENDING
control advance '{"seconds": 61}'; is '... runs' "$(state) $(count)" 'RUNNING 12000'
control advance '{"seconds": 60}'; is '... and is done' "$(state) $(count)" 'DONE 18000'
control reset '{}'

echo '{"tableReference":{"datasetId":"logs","tableId":"s"},"schema":{"fields":[{"name":"n","type":"INT64","mode":"REQUIRED"}]}}' >table.json
control config '{"stream_delay": 30}'
api POST "$TABLE" table.json; is 'a table is made' "$code" 200
echo '{"rows":[{"insertId":"a","json":{"N":"1"}},{"insertId":"b","json":{"n":9007199254740991}}]}' >rows.json
api POST "$TABLE/s/insertAll" rows.json; is 'insertAll does not see it at once' "$code $(field rows[0].error.errors[0].reason)" '404 notFound'
control advance '{"seconds": 31}'
control faults '[{"route": "POST /bigquery/v2/projects/*/datasets/*/tables/*/insertAll", "act": "after", "status": 503}]'
api POST "$TABLE/s/insertAll" rows.json; is 'a time-out after the rows were stored' "$code" 503
api POST "$TABLE/s/insertAll" rows.json
is '... and again with the same ids: once in the table' "$code $(get '/_test/rows?table=logs.s' | json r.n | tr '\n' ' ')" '200 1 9007199254740991 '
control config '{"row_errors": [{"index": 1, "reason": "backendError"}]}'
sed 's/"a"/"c"/; s/"b"/"d"/' rows.json >more.json
api POST "$TABLE/s/insertAll" more.json
reasons() { field 'rows[0].insertErrors.map((e) => e.index + e.errors[0].reason).join()'; }
is 'a row that failed at the service, and one that it stopped' "$(reasons)" '1backendError,0stopped'
node -e 'console.log(JSON.stringify({rows: [{json: {n: 1, s: "x".repeat(10485760)}}]}))' >big.json
api POST "$TABLE/s/insertAll" big.json; is 'ten megabytes are too many' "$code $(field rows[0].error.errors[0].reason)" '400 badRequest'
gzip -c rows.json >rows.gz
ask POST "$TABLE/s/insertAll" rows.gz 'Authorization: Bearer ready' 'Content-Encoding: gzip' "Content-Length: $(wc -c <rows.gz)"
is 'a gzip request' "$code" 200

# values TYPE GOOD BAD WANT: by insertAll, which names every bad one; words are values, ~ is a space in one
control config '{"stream_delay": 0}'
values() {
	echo '{"tableReference":{"datasetId":"logs","tableId":"'"$1"'"},"schema":{"fields":[{"name":"v","type":"'"$1"'"}]}}' >t.json
	api POST "$TABLE" t.json
	printf '{"skipInvalidRows":true,"rows":[%s,%s]}' "$(wrap "$2")" "$(wrap "$3")" >v.json
	api POST "$TABLE/$1/insertAll" v.json
	is "values: $1" "$(get "/_test/rows?table=logs.$1" | sed 's/^{"v":\(.*\)}$/\1/' | tr -d '"' | tr '\n' ' ')$(field 'rows[0].insertErrors.length')" "$4"
}
wrap() { node -e 'console.log(process.argv[1].split(" ").map((v) => `{"json":{"V":${v.replace(/~/g, " ")}}}`).join())' "$1"; }
values INTEGER '1 "-2" "9223372036854775807" 9007199254740993 5.0' '1.5 "x" "9223372036854775808" true []' '1 -2 9223372036854775807 9007199254740992 5 5'
values FLOAT '1 "2.5" "NaN" "-Infinity"' '"x" true' '1 2.5 NaN -Infinity 2'
values NUMERIC '"1.50" 2 -0.000000001' '"0.0000000001" 1e30 "x"' '1.5 2 -0.000000001 3'
values BIGNUMERIC '"0.0000000001" 1e30' '1e39 "1,5"' '0.0000000001 1000000000000000000000000000000 2'
values BOOLEAN 'true "false" "1"' '2 "si"' 'true false true 2'
values TIMESTAMP '"2024-01-02T03:04:05+08:00" "2024/1/2~03:04:05.123456~UTC" "2024-01-02" 1.5' '"2024-01-02T03:04:05.1234567Z" "2024-02-30" "x"' \
	'2024-01-01T19:04:05Z 2024-01-02T03:04:05.123456Z 2024-01-02T00:00:00Z 1970-01-01T00:00:01.5Z 3'
values DATE '"2024-01-02"' '"2024/01/02" "2024-13-01" 1' '2024-01-02 3'
values TIME '"01:02:03.5"' '"25:00:00" "1:2"' '01:02:03.500000 2'
values DATETIME '"2024-01-02~03:04:05" "2024-01-02T03:04:05.5"' '"2024-01-02T03:04:05Z"' '2024-01-02T03:04:05 2024-01-02T03:04:05.500000 1'
values BYTES '"aGk="' '"a" "**" 1' 'aGk= 3'
values STRING '"x" 1 true' '{} []' 'x 1 true 2'
values JSON '"{\"a\":1}" "2"' '{} "{"' '{a:1} 2 2'

echo '{"description":"x"}' >patch.json
ask POST "$TABLE/s" patch.json 'Authorization: Bearer ready' 'X-HTTP-Method-Override: PATCH'
is 'PATCH as POST' "$code $(field rows[0].description)" '200 x'
ask POST "$TABLE/s" patch.json 'Authorization: Bearer ready' 'X-HTTP-Method-Override: PATCH' 'If-Match: other'
is 'an etag that does not match' "$code $(field rows[0].error.errors[0].reason)" '412 conditionNotMet'
echo '{"query":"SELECT 1"}' >q.json
api POST /projects/test-project/queries q.json; is 'legacy SQL is the default, and refused' "$code" 400
echo '{"query":"SELECT TIMESTAMP \"2024-01-01 16:30:00.5+00\" AS t","useLegacySql":false,"requestId":"r1"}' >q.json
api POST /projects/test-project/queries q.json; id=$(field rows[0].jobReference.jobId)
is 'timestamps are floating point seconds, unless asked otherwise' "$(field 'rows[0].rows[0].f[0].v')" 1.7041266005E9
api POST /projects/test-project/queries q.json; is 'the same requestId is the same job' "$(field rows[0].jobReference.jobId)" "$id"
api GET "/projects/test-project/queries/$id?formatOptions.useInt64Timestamp=true"
is 'integer microseconds' "$(field 'rows[0].rows[0].f[0].v')" 1704126600500000
echo '{"query":"SELECT DISTINCT n FROM test-project.logs.s WHERE n < @n ORDER BY n","useLegacySql":false,"parameterMode":"NAMED",
	"queryParameters":[{"name":"n","parameterType":{"type":"INT64"},"parameterValue":{"value":"9"}}]}' >q.json
api POST /projects/test-project/queries q.json; is 'a parameter' "$code $(field 'rows[0].rows.map((r) => r.f[0].v).join()')" '200 1'
sed 's/"value":"9"//' q.json >null.json
api POST /projects/test-project/queries null.json; is 'a parameter that is NULL' "$code $(field rows[0].totalRows)" '200 0'

control config '{"table_rate": 1}'
begin r1; put "0-$((zsize - 1))/$zsize" data.gz; begin r2; put "0-$((zsize - 1))/$zsize" data.gz
api GET '/projects/test-project/jobs/r2?location=asia-east1'
is 'too many updates of a table' "$(field 'rows[0].status.errorResult.reason + rows[0].status.errorResult.location')" rateLimitExceededtable.write
control config '{"denied": ["admin"]}'
api GET "$TABLE"; is 'no permission' "$code $(field rows[0].error.errors[0].reason)" '403 accessDenied'
is 'the requests are listed' "$(get /_test/log | json_all 'rows[0].some((r) => r.fault === "reset-after")')" true

done_testing
