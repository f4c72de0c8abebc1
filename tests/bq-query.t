#!/bin/sh
# bq-query against the stand-in: credentials, pages, types, parameters, what the service says.
. "${0%/*}/lib.sh"

standin bigquery --key-file "$T/key.json" --dataset botrun:asia-east1 --token ready
BIGQUERY_ENDPOINT=$URL; export BIGQUERY_ENDPOINT
q() { bq-query -l asia-east1 "$@"; }

ok 'no credentials: status 2' status 2 env NO_GCE_CHECK=true bq-query 'SELECT 1'
like '... said' "$err" '^bq-query: no credentials: set GOOGLE_APPLICATION_CREDENTIALS'
ok 'no project: status 2' status 2 env GOOGLE_OAUTH_ACCESS_TOKEN=x bq-query 'SELECT 1'
like '... said' "$err" '^bq-query: no project: name one with --project or GOOGLE_CLOUD_PROJECT$'
GOOGLE_APPLICATION_CREDENTIALS=$T/key.json; export GOOGLE_APPLICATION_CREDENTIALS

table='{"tableReference":{"projectId":"test-project","datasetId":"botrun","tableId":"t"},"schema":{"fields":[
	{"name":"id","type":"INTEGER"},{"name":"name","type":"STRING"},{"name":"at","type":"TIMESTAMP"},{"name":"n","type":"NUMERIC"},
	{"name":"f","type":"FLOAT"},{"name":"ok","type":"BOOLEAN"},{"name":"day","type":"DATE"},{"name":"j","type":"JSON"}]}}'
cat >make.js <<'JS'
const http = require('http');
const [url, path, token, body] = process.argv.slice(2);
const req = http.request(url + path, {method: 'POST', headers: {'Content-Type': 'application/json', Authorization: 'Bearer ' + token}}, (r) => {
	r.resume(); r.on('end', () => process.exit(r.statusCode < 300 ? 0 : 1));
});
req.end(body);
JS
ok 'a table to ask' node make.js "$URL" /bigquery/v2/projects/test-project/datasets/botrun/tables ready "$table"
awk 'BEGIN { for (i = 0; i < 25; i++) printf "{\"id\":%d,\"name\":\"資 %d\",\"at\":\"2024-01-%02dT16:30:00.12Z\",\"n\":\"%d.5\",\"f\":0.1,\"ok\":%s,\"day\":\"2024-01-%02d\",\"j\":{\"a\":[%d]}}\n", i, i, i + 1, i, i % 2 ? "true" : "false", i + 1, i }' >rows
ok '... with rows' post '/_test/rows?table=botrun.t' "$(cat rows)"

ok 'a query' status 0 q 'SELECT id, name FROM botrun.t ORDER BY id LIMIT 2'
is '... its rows' "$(cat "$out")" '{"id":0,"name":"資 0"}
{"id":1,"name":"資 1"}'
ok 'every type' status 0 q "SELECT * FROM botrun.t WHERE id = 3"
is '... exactly' "$(cat "$out")" '{"id":3,"name":"資 3","at":"2024-01-04T16:30:00.12Z","n":3.5,"f":0.1,"ok":true,"day":"2024-01-04","j":{"a":[3]}}'
ok 'page by page' status 0 q --page-size 4 -v 'SELECT id FROM botrun.t ORDER BY id'
is '... all rows, in order' "$(json r.id <"$out" | tr '\n' ' ')" '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 '
like '... in several requests' "$err" '^bq-query: rows=25 requests=7 '
ok 'parameters' status 0 q --param id:INT64=7 --param "name=資 7" 'SELECT id FROM botrun.t WHERE id = @id AND name = @name'
is '... are bound' "$(cat "$out")" '{"id":7}'
ok 'hostile ones too' status 0 q --param "name=' OR 1=1 --" 'SELECT id FROM botrun.t WHERE name = @name'
is '... as values' "$(cat "$out")" ''
echo 'SELECT COUNT(*) AS n FROM botrun.t' >sql
ok 'SQL from a file' status 0 q -f sql
is '... runs' "$(cat "$out")" '{"n":25}'
q -f - <sql >fromin
same 'and from standard input' fromin "$out"
# Node's pipes are sockets, as those of sshd may be.
node -e 'process.stdout.write(require("child_process").spawnSync("bq-query", ["-l", "asia-east1", "-f", "-"], { input: process.argv[1] }).stdout)' \
	"$(cat sql)" >fromin
same '... a socket, too' fromin "$out"
post /_test/config '{"max_wait_ms":0,"running_ms":300}' >/dev/null
ok 'a query that takes its time' status 0 q 'SELECT COUNT(*) AS n FROM botrun.t'
is '... is waited for' "$(cat "$out")" '{"n":25}'
post /_test/config '{"max_wait_ms":10000,"running_ms":0}' >/dev/null

ok 'a change' status 0 q "UPDATE botrun.t SET name = 'x' WHERE id < 3"
like '... says how many' "$err" '^bq-query: 3 rows changed$'
is '... and writes nothing' "$(cat "$out")" ''

ok 'a mistake: status 2' status 2 q 'SELECT nothing FROM botrun.t'
like "... in the service's words" "$err" '^bq-query: invalidQuery: .*\(HTTP 400\)$'
ok '... behind another statement, which may have run: status 3' status 3 q 'SELECT 1; SELECT nothing FROM botrun.t'
ok 'no such table: status 2' status 2 q 'SELECT id FROM botrun.missing'
like '... said' "$err" '^bq-query: notFound: '
ok 'a column twice: status 2' status 2 q 'SELECT id, name AS id FROM botrun.t'
like '... said' "$err" 'Duplicate column|two columns are named "id"'
for args in '' '-f sql SELECT' '--param x SELECT' '--page-size 0 x' '-f missing'; do
	# shellcheck disable=SC2086
	ok "misuse: bq-query $args" status 2 q $args
done

# Tokens: one is enough, and is renewed when the service says so.
before=$(get /_test/stats | json r.token_grants)
ok 'with a key file' status 0 q 'SELECT 1 AS one'
is '... one token is asked for' "$(($(get /_test/stats | json r.token_grants) - before))" 1
post /_test/config '{"expire":1}' >/dev/null
ok 'tokens that live for a second' status 0 q --page-size 4 'SELECT id FROM botrun.t ORDER BY id'
is '... are renewed' "$(wc -l <"$out")" 25
post /_test/config '{"expire":3600}' >/dev/null
get '/_test/credentials?type=authorized_user' >user.json
get '/_test/credentials?type=external_account' >workload.json
for file in user workload; do
	GOOGLE_APPLICATION_CREDENTIALS=$T/$file.json
	ok "credentials: $file" status 0 q -p test-project 'SELECT 1 AS one'
done
GOOGLE_APPLICATION_CREDENTIALS=$T/key.json
ok 'a token of the environment' env GOOGLE_OAUTH_ACCESS_TOKEN=ready bq-query -l asia-east1 -p test-project 'SELECT 1 AS one'
ok '... that is not good: status 2' status 2 env GOOGLE_OAUTH_ACCESS_TOKEN=bad bq-query -l asia-east1 -p test-project 'SELECT 1 AS one'
unlike '... and not shown' "$err" 'bad'

# Faults: what may pass is asked again, and a change is not made twice.
post /_test/faults '[{"route":"POST /bigquery/v2/projects/test-project/queries","times":2,"act":"status","status":503}]' >/dev/null
ok 'busy twice: asked again' status 0 q -v 'SELECT 1 AS one'
like '... which takes a while' "$err" ' requests=1 '
is '... and three requests' "$(get /_test/faults)" '[]'
# BigQuery's reason says more than its status: some of 403 and 400 pass, access that is denied does not.
for reason in rateLimitExceeded jobRateLimitExceeded backendError; do
	post /_test/faults "[{\"route\":\"POST /bigquery/v2/projects/test-project/queries\",\"act\":\"status\",\"status\":403,
		\"body\":{\"error\":{\"code\":403,\"message\":\"m\",\"errors\":[{\"reason\":\"$reason\"}]}}}]" >/dev/null
	ok "403 $reason: asked again" status 0 q 'SELECT 1 AS one'
	is '... after the fault' "$(cat "$out") $(get /_test/faults)" '{"one":1} []'
done
post /_test/faults '[{"route":"POST /bigquery/v2/projects/test-project/queries","times":2,"act":"status","status":403,
	"body":{"error":{"code":403,"message":"not for you","errors":[{"reason":"accessDenied"}]}}}]' >/dev/null
ok '403 accessDenied: not asked again' status 2 q 'SELECT 1 AS one'
like "... the service's words" "$err" 'accessDenied.*not for you|not for you.*accessDenied'
is '... after one request' "$(get /_test/faults | json_all 'rows[0][0].fired')" 1
post /_test/faults '[]' >/dev/null
post /_test/faults '[{"route":"POST /bigquery/v2/projects/test-project/queries","act":"reset-after"}]' >/dev/null
ok 'the answer to a change is lost: it is asked for again' status 0 q "UPDATE botrun.t SET id = id + 100 WHERE id = 24"
q 'SELECT id FROM botrun.t WHERE id > 23' >changed
is '... and made once' "$(cat changed)" '{"id":124}'
# A service that forgets rows, that says them again, and that is never done and never waits.
cat >odd.js <<'JS'
let n = 0;
require('http').createServer((q, r) => {
	const mode = q.url.split('/')[4];
	let o = {jobComplete: true, jobReference: {jobId: 'j'}, schema: {fields: [{name: 'a', type: 'INTEGER'}]}, rows: [{f: [{v: '1'}]}], totalRows: '2'};
	if (mode == 'again') o.pageToken = 'x';
	if (mode == 'never') o = {jobComplete: false, jobReference: {jobId: 'j'}}, n++;
	r.end(mode == 'asked' ? String(n) : JSON.stringify(o));
}).listen(0, '127.0.0.1', function () { console.log('http://127.0.0.1:' + this.address().port); });
JS
node odd.js >odd & tap_pids="$tap_pids $!"
within 20 test -s odd
odd() { timeout "$2" env BIGQUERY_ENDPOINT="$(cat odd)" bq-query -p "$1" 'SELECT a FROM t'; }
ok 'fewer rows than there are: status 3' status 3 odd short 30
like '... said' "$err" '^bq-query: .* 1 rows, of 2$'
ok 'more rows than there are: status 3' status 3 odd again 30
like '... said' "$err" '^bq-query: .* 3 rows, of 2$'
ok 'one that is never done' status 124 odd never 3
n=$(node "$top/tests/ctl.js" GET "$(cat odd)/bigquery/v2/projects/asked/")
ok "... is not asked all the time: $n times" test "$n" -lt 40 -a \( "$n" -gt 2 -o -n "$VALGRIND" \)

unlike 'no secret in any message' "$err" 'PRIVATE|ya29|eyJ'

done_testing
