#!/bin/sh
# bq-load, load jobs, against the stand-in: each row exactly once whatever breaks, bad rows by their lines, what is said.
# What breaks on the way is in bq-load-faults.t; streaming and how tables are made are in bq-load-stream.t.
. "${0%/*}/lib.sh"

standin bigquery --key-file "$T/key.json" --dataset botrun:asia-east1 --token ready
BIGQUERY_ENDPOINT=$URL; export BIGQUERY_ENDPOINT
faults() { post /_test/faults "$1" >/dev/null; }
config() { post /_test/config "$1" >/dev/null; }
rows() { get "/_test/rows?table=botrun.$1"; }
ids() { rows "$1" | json r.id | tr '\n' ' '; }

ok 'no credentials: status 2' status 2 env NO_GCE_CHECK=true bq-load -t botrun.t
GOOGLE_APPLICATION_CREDENTIALS=$T/key.json; export GOOGLE_APPLICATION_CREDENTIALS

# A table of its own for each test: tables NAME...
tables() {
	for tap_v; do
		node "$top/tests/ctl.js" -H 'Authorization: Bearer ready' POST "$URL/bigquery/v2/projects/test-project/datasets/botrun/tables" - >/dev/null <<-END
			{"tableReference":{"projectId":"test-project","datasetId":"botrun","tableId":"$tap_v"},"schema":{"fields":[
			{"name":"id","type":"INTEGER"},{"name":"name","type":"STRING"},{"name":"n","type":"NUMERIC"},{"name":"at","type":"TIMESTAMP"},
			{"name":"j","type":"JSON"}]}}
		END
	done
}
gen() { awk -v from="$1" -v to="$2" 'BEGIN { for (i = from; i <= to; i++) printf "{\"id\":%d,\"name\":\"row %d\"}\n", i, i }'; }

# ---- usage ----

for args in '' '-t a.b --method pigeon' '-t a.b --write over' '-t a.b --job-id a/b' '-t a.b --method stream --job-id x' \
	'-t a.b --method stream --write truncate' '-t a.b --method stream --create' '-t a.b --method stream --create --schema auto' \
	'-t a.b --schema x' '-t a.b --partition x' '-t a.b --cluster x' '-t a.b -w truncate --cluster x' '-t a.b --job-size 0' '-t a.b --job-size 4G' '-t table' '-t a.b.c.d'; do
	# shellcheck disable=SC2086
	ok "misuse: bq-load $args" status 2 bq-load $args </dev/null
done
gen 1 3 >three
ok 'no such table: status 2' status 2 bq-load -t botrun.none three
is '... said, with a hint' "$(cat "$err")" 'bq-load: there is no table test-project.botrun.none; --create makes it'
ok 'no such dataset: status 2' status 2 bq-load -t none.none three
config '{"denied":["admin"]}'
ok 'no permission: status 2' status 2 bq-load -t botrun.t three
like "... in the service's words" "$err" '^bq-load: accessDenied: .*\(HTTP 403\)$'
config '{"denied":[]}'
tables t
ok 'a table elsewhere: status 2' status 2 bq-load -l europe-west1 -t botrun.t three
like '... said' "$err" '^bq-load: --location: the dataset botrun is in asia-east1$'
ok 'an input that is not there: status 3' status 3 bq-load -t botrun.t three missing
like '... said' "$err" '^bq-load: missing: No such file or directory; nothing was loaded$'
is '... and nothing is loaded' "$(rows t)" ''
ok 'also when it is streamed: status 3' status 3 bq-load -m stream -t botrun.t three missing
like '... but what came before is' "$err" '^bq-load: missing: No such file or directory; stopped after 3 rows; run again to go on$'
is '... indeed' "$(rows t | wc -l)" 3
tables t0
ok 'rejected lines that cannot be kept: status 2' status 2 bq-load -t botrun.t --rejects /none/x three

# ---- what is loaded ----

cat >values <<'END'
{"id":9007199254740991,"name":"資料 \u8cc7 \"q\" \\ \n\t","n":"12345678901234567890123456789.123456789","at":"2026-11-21T01:02:03.123456+08:00","j":{"a":[1,1.0,null]}}
{"ID":2,"Name":null,"n":1.50,"at":"2026-11-21 01:02:03 UTC","j":"text"}
{}
{"id":"4","name":"\u0000\u001f"}
END
ok 'rows' status 0 bq-load -v -t botrun.t0 values
like '... are counted' "$err" '^bq-load: read=4 loaded=4 rejected=0 jobs=1 seconds='
rows t0 >have
cat >want <<'END'
{"id":9007199254740991,"name":"資料 資 \"q\" \\ \n\t","n":"12345678901234567890123456789.123456789","at":"2026-11-20T17:02:03.123456Z","j":{"a":[1,1,null]}}
{"id":2,"name":null,"n":"1.5","at":"2026-11-21T01:02:03Z","j":"text"}
{"id":null,"name":null,"n":null,"at":null,"j":null}
{"id":4,"name":"\u0000\u001f","n":null,"at":null,"j":null}
END
json '[r.id, r.name, r.n === null ? null : String(r.n), r.at, r.j]' <want >want.rows
json '[r.id, r.name, r.n === null ? null : String(r.n), r.at, r.j]' <have >have.rows
same '... and have their values' have.rows want.rows
is 'a run without news is silent' "$(gen 90 91 | bq-load -t botrun.t0 2>&1)" ''
tables crlf
{ printf '\357\273\277{"id":1}\r\n\r\n \t\n'; printf ' {"id":2} \n{"id":3}'; } >odd
ok 'a BOM, CRLF, empty lines, no last newline' status 0 bq-load -t botrun.crlf odd
is '... are rows' "$(ids crlf)" '1 2 3 '
tables text
printf '{"id":1,"name":"%s"}\n{"id":2,"name":"a\\ud800"}\n{"id":3,"name":"\303\050"}\n{"id":4}\n' "$(printf '\360\237\230\200')" >text
ok 'odd text: status 1' status 1 bq-load -t botrun.text --rejects bad text
is '... with the good rows loaded' "$(ids text)" '1 4 '
like '... a lone surrogate is for the service to judge' "$err" '^bq-load: text:2: '
like '... invalid UTF-8 is not sent' "$err" '^bq-load: text:3:[0-9]*: not UTF-8$'
sed -n '2p; 3p' text | sort >want; LC_ALL=C sort bad >have
same '... and what is rejected is kept as it was' have want
tables wide
node -e 'for (let i = 1; i < 4; i++) console.log(JSON.stringify({id: i, name: "x".repeat(10 << 20)}))' >wide.rows
ok 'values of 10 MB' status 0 bq-load -t botrun.wide wide.rows
is '... are loaded' "$(rows wide | json '[r.id, r.name.length]' | tr '\n' ' ')" '[1,10485760] [2,10485760] [3,10485760] '
ok 'a line beyond --max-line: status 1' status 1 bq-load -t botrun.wide --max-line 1M wide.rows
tables env
ok 'the dataset of the environment' status 0 env BOTRUN_LOG_DATASET_NAME=botrun bq-load -t env three
is '... is used' "$(ids env)" '1 2 3 '
ok 'a project by name' status 0 bq-load -p test-project -t test-project.botrun.env -l ASIA-EAST1 three
ok 'nothing' status 0 bq-load -v -t botrun.env /dev/null
like '... needs no job' "$err" ' read=0 loaded=0 rejected=0 jobs=0 '

# ---- each row once ----

tables again
gen 1 50 >fifty
ok 'a first run' status 0 bq-load -t botrun.again fifty
is '... says nothing' "$(cat "$err")" ''
ok 'the same rows again' status 0 bq-load -v -t botrun.again fifty
like '... were loaded before' "$err" '^bq-load: these rows were loaded by job bqload_[0-9a-f]{64}_0 before$'
like '... and count as loaded' "$err" ' read=50 loaded=50 '
unlike '... without sending them' "$err" 'PUT'
is '... and stand there once' "$(rows again | wc -l)" 50
ok 'by a pipe, with --create, too' sh -c 'cat fifty | bq-load --create -t botrun.again'
is '... once' "$(rows again | wc -l)" 50
ok 'other rows' status 0 bq-load -t botrun.again three
is '... are added' "$(rows again | wc -l)" 53
ok 'the same on purpose' status 0 bq-load --job-id second-time -t botrun.again three
is '... are added' "$(rows again | wc -l)" 56
ok 'once' status 0 bq-load --job-id second-time -t botrun.again three
is '... for each id' "$(rows again | wc -l)" 56
drop() {
	node "$top/tests/ctl.js" -H 'Authorization: Bearer ready' DELETE "$URL/bigquery/v2/projects/test-project/datasets/botrun/tables/$1" >/dev/null
	post /_test/advance '{"seconds":60}' >/dev/null
}
echo '[{"name":"id","type":"INTEGER"},{"name":"name","type":"STRING"}]' >two.schema
for schema in auto two.schema; do
	ok "a table that is made by a run ($schema)" status 0 bq-load --create -s $schema -t botrun.dropped three
	drop dropped
	ok '... and dropped, is not taken for loaded' status 2 bq-load -q --create -s $schema -t botrun.dropped three
	like '... which is said' "$err" '^bq-load: job bqload_[0-9a-f]*_0 has loaded these rows before, but the table botrun.dropped is gone; to load them again give another --job-id$'
	ok '... again, by another id' status 0 bq-load --create -s $schema --job-id "new-${schema%.*}" -t botrun.dropped three
	is '... they are loaded' "$(ids dropped)" '1 2 3 '
	drop dropped
done
config '{"pending_ms":1500}'
bq-load --create -t botrun.moment three 2>first.err & one=$!
within 20 sh -c "node '$top/tests/ctl.js' GET '$URL/_test/jobs' | grep -q '\"moment\"'" || :
ok 'a table that another run makes at the same time' status 0 bq-load --create -t botrun.moment three
wait $one
is '... is not gone; both end well, and it has the rows once' "$? $(ids moment)" '0 1 2 3 '
config '{"pending_ms":0}'
ok 'an id with other rows: status 1' status 1 bq-load --job-id second-time -t botrun.again fifty
like '... is told' "$err" '^bq-load: job second-time has loaded 3 rows, of 50; the others were rejected then, or were not the same$'
ok 'an id of another table: status 2' status 2 bq-load --job-id second-time -t botrun.env three
is '... said' "$(cat "$err")" 'bq-load: --job-id: job second-time has not loaded into the table botrun.env'
tables other
ok 'the same rows into another table' status 0 bq-load -t botrun.other fifty
is '... are another load' "$(rows other | wc -l)" 50
tables both
gen 1 400 >many
bq-load -q -t botrun.both many 2>one.err & one=$!
bq-load -q -t botrun.both many 2>two.err; two=$?
wait $one
is 'two runs at a time: both succeed' "$? $two" '0 0'
is '... each row once' "$(rows both | wc -l)" 400

# ---- --write truncate ----

tables over
gen 1 3 >a
gen 11 14 >b
for f in a b a; do ok "replaced by $f" status 0 bq-load -w truncate -t botrun.over $f; done
is 'A, B, A is A' "$(ids over)" '1 2 3 '
is '... with the columns as they were' "$(rows over | json 'Object.keys(r).join()' | sort -u)" 'id,name,n,at,j'
gen 1 100 >a
ok 'more than one job cannot replace: status 2' status 2 bq-load -w truncate --job-size 1K -t botrun.over a
like '... said' "$err" '^bq-load: --write truncate takes one job, of 1024 bytes, and there are more; nothing was loaded$'
is '... and nothing is touched' "$(ids over)" '1 2 3 '
echo '{"id":"x"}' >bad.row
ok 'no good row: status 1' status 1 bq-load -w truncate -t botrun.over bad.row
like '... said' "$err" '^bq-load: no row is good; the table keeps its rows$'
echo nonsense >bad.row
ok 'nor one that is JSON: status 1' status 1 bq-load -w truncate -t botrun.over bad.row
is '... keeps the table' "$(ids over)" '1 2 3 '
ok 'no row at all' status 0 bq-load -w truncate -t botrun.over /dev/null
is '... empties it' "$(ids over)" ''

# ---- bad rows ----

tables bad
{
	printf '\357\273\277\r\n'
	printf '{"id":1}\r\n\n\nnonsense\n{"id":2}\n'		# 2 .. 6
	printf '{"id":"seven"}\r\n\n  {"id":3,"none":1}\n'	# 7 .. 9
	printf '{"id":4}\n{"at":"yesterday"}\n{"id":5}\n'	# 10 .. 12
} >mixed
printf '{"id":6}\n[]\n{"id":[1]}\n{"id":7}' >mixed2
ok 'bad rows: status 1' status 1 bq-load -v -t botrun.bad --rejects rejected mixed mixed2
is '... the good ones are loaded, in order' "$(ids bad)" '1 2 4 5 6 7 '
grep -Eo '^bq-load: mixed2?:[0-9]+' "$err" | sort >have
printf 'bq-load: %s\n' mixed2:2 mixed2:3 mixed:11 mixed:5 mixed:7 mixed:9 | sort >want
same '... the bad ones are named by their lines' have want
like "... with the service's words" "$err" '^bq-load: mixed:9: No such field: none'
unlike '... but not its positions' "$err" 'starting at position'
like '... and counted' "$err" ' read=10 loaded=6 rejected=6 jobs=1 '
{ printf 'nonsense\n[]\n'; printf '{"id":"seven"}\r\n'; printf '  {"id":3,"none":1}\n{"at":"yesterday"}\n{"id":[1]}\n'; } | sort >want
sort rejected >have
same '... and kept as they were' have want
rows bad >before
ok 'run again' status 1 bq-load -t botrun.bad mixed mixed2
like '... it says that some were rejected' "$err" 'has loaded 6 rows, of 10; the others were rejected then'
rows bad >have
same '... and loads nothing twice' have before

tables strict
ok '--strict: status 1' status 1 bq-load --strict -t botrun.strict mixed
is '... at a line that is none' "$(rows strict)$(grep -c . "$err")" 1
printf '{"id":1}\n{"id":"x"}\n{"id":"y"}\n' >two.bad
ok "--strict at the service's: status 1" status 1 bq-load --strict -v -t botrun.strict two.bad
like '... names the first' "$err" '^bq-load: two.bad:2: '
like '... and loads nothing' "$err" ' read=3 loaded=0 rejected=1 jobs=0 '
is '... indeed' "$(rows strict)" ''
awk 'BEGIN { for (i = 0; i < 1000; i++) printf "{\"id\":%d}\n{\"id\":\"bad %d\"}\n", i, i }' >thousand
ok '1000 bad rows: status 3' status 3 bq-load -t botrun.strict --rejects thousand.bad thousand
like '... said' "$err" '^bq-load: BigQuery refused rows of 20 jobs, .*; nothing was loaded$'
is '... nothing is' "$(rows strict)" ''
is '... and those that were named are kept' "$(head -n 2 thousand.bad)" '{"id":"bad 0"}
{"id":"bad 1"}'
ok 'only bad rows: status 1' status 1 bq-load -t botrun.strict bad.row two.bad
like '... each named' "$err" '^bq-load: two.bad:3: '
is '... and the good one loaded' "$(ids strict)" '1 '
# Lines that jump all the time: more than are held in memory.
tables jumps
awk 'BEGIN { for (i = 1; i <= 20000; i++) printf "{\"id\":%s}\n%s", i == 4096 || i == 4097 || i == 15000 || i == 20000 ? "\"x\"" : i, i % 2 ? "\n" : "" }' >jumps
ok '20000 lines with gaps: status 1' status 1 bq-load -t botrun.jumps jumps
grep -n '"x"' jumps | sed 's/\([0-9]*\).*/bq-load: jumps:\1/' >want
grep -Eo '^bq-load: jumps:[0-9]+' "$err" >have
same '... the bad ones by their lines' have want
is '... and the others loaded' "$(rows jumps | wc -l)" 19996

# Where the service names what is no row.
tables nowhere
for where in 5 11 99999; do
	config "{\"fail_jobs\":[{\"reason\":\"invalid\",\"message\":\"JSON parsing error in row starting at position $where: odd\"}]}"
	ok "a bad row at byte $where: status 3" status 3 bq-load -t botrun.nowhere three
	like "... with the service's words" "$err" "^bq-load: BigQuery names a row at byte $where, .*: odd; nothing was loaded\$"
done
is '... and nothing is loaded' "$(rows nowhere)" ''

# ---- jobs that fail ----

tables fails
config '{"fail_jobs":[{"reason":"backendError"},{"reason":"internalError"}]}'
ok 'the service fails twice' status 0 bq-load -v -t botrun.fails three
like '... a new job is run' "$err" '^bq-load: job bqload_[0-9a-f]*_1: internalError: .*; trying again$'
is '... once' "$(ids fails)" '1 2 3 '
ok 'run again' status 0 bq-load -t botrun.fails three
like '... the job that ended well is found' "$err" 'loaded by job bqload_[0-9a-f]*_2 before'
is '... once' "$(ids fails)" '1 2 3 '
config '{"fail_jobs":[{"reason":"backendError"},{"reason":"backendError"},{"reason":"backendError"}]}'
ok 'it fails for too long: status 3' status 3 bq-load --max-retries 1 -t botrun.fails fifty
like '... said' "$err" '^bq-load: job bqload_[0-9a-f]*_1: backendError: .*; nothing was loaded$'
config '{"fail_jobs":[]}'
ok 'run again' status 0 bq-load -t botrun.fails fifty
is '... all are there' "$(rows fails | wc -l)" 53
config '{"fail_jobs":[{"reason":"quotaExceeded","message":"Quota exceeded: too many"}]}'
ok 'a quota: status 3, at once' status 3 bq-load --job-id q -t botrun.fails three
like '... said' "$err" '^bq-load: job q: quotaExceeded: Quota exceeded: too many; nothing was loaded$'
ok 'with the same id' status 0 bq-load --job-id q -t botrun.fails three
is '... the next one is run' "$(get /_test/jobs | json_all 'rows[0].map((j) => j.jobReference.jobId).filter((n) => /^q/.test(n)).join()')" 'q,q_1'
is '... and loads' "$(rows fails | wc -l)" 56
config '{"pending_ms":700,"running_ms":700}'
ok 'a job that takes its time' status 0 bq-load --job-id slow -t botrun.fails three
is '... is waited for' "$(rows fails | wc -l)" 59
config '{"pending_ms":0,"running_ms":600000}'
bq-load --job-id stop -t botrun.fails three 2>"$err" & one=$!
within 20 sh -c "node '$top/tests/ctl.js' GET '$URL/_test/jobs' | grep -q '\"stop\"'" || :
kill -TERM $one; wait $one 2>/dev/null
is 'a signal while it runs: 143' $? 143
like '... says what may happen' "$err" '^bq-load: job stop may still load its rows; run again to find out$'
config '{"running_ms":0}'
post /_test/advance '{"seconds":601}' >/dev/null
ok 'run again' status 0 bq-load --job-id stop -t botrun.fails three
like '... finds it' "$err" 'loaded by job stop before'
is '... once' "$(rows fails | wc -l)" 62
mkfifo slow
bq-load --job-id input -v -t botrun.fails slow 2>"$err" & one=$!
exec 9>slow
cat three >&9
within 20 grep -q tables/fails "$err"
kill -TERM $one; wait $one 2>/dev/null
is 'a signal while it reads: 143' $? 143
exec 9>&-
ok '... loads nothing' sh -c "! node '$top/tests/ctl.js' GET '$URL/_test/jobs' | grep -q '\"input\"'"

# ---- options ----

ok '--progress=always' status 0 bq-load --progress=always --job-id shown -t botrun.fails fifty
like '... shows the rows' "$err" 'bq-load: [0-9]+ rows, '
ok '-q' status 0 bq-load -q --job-id shown -t botrun.fails fifty
is '... is silent' "$(cat "$err")" ''
faults '[{"route":"POST /upload/bigquery/v2/projects/*/jobs","times":0,"act":"status","status":503}]'
ok '--retry-time: status 3' status 3 timeout 60 bq-load --retry-time 0 --job-id late -t botrun.fails fifty
ok '--max-retries: status 3' status 3 timeout 60 bq-load --max-retries 0 --job-id late -t botrun.fails fifty
like '... said' "$err" '\(HTTP 503\); nothing was loaded$'
faults '[{"route":"POST /upload/bigquery/v2/projects/*/jobs","act":"status","status":403,"body":{"error":{"code":403,"message":"too much",
	"errors":[{"reason":"quotaExceeded"}]}}}]'
ok 'a quota for requests: status 3' status 3 bq-load --job-id late -t botrun.fails fifty
like '... said' "$err" '^bq-load: quotaExceeded: too much \(HTTP 403\); nothing was loaded$'
for hang in hang hang-after; do
	faults "[{\"route\":\"PUT /upload/bigquery/v2/projects/*/jobs\",\"act\":\"$hang\"}]"
	ok "--timeout, an upload that is not answered ($hang)" status 0 bq-load --timeout 2s --job-id $hang -t botrun.fails three
done
is '... is asked for, and loaded once' "$(rows fails | wc -l)" $((62 + 50 + 3 + 3))
printf '{"a\\u0000\\u001b[2J`;--":1}\n' >name
ok 'a hostile column: status 3' status 3 bq-load --create -t botrun.hostile name
like "... in the service's words" "$err" '^bq-load: job .*: invalid: Invalid field name "a.*; nothing was loaded$'
unlike '... without control bytes on the screen' "$err" '[[:cntrl:]]'
ok '... and no table is made' status 2 bq-load -t botrun.hostile name

# ---- several jobs ----

tables parts
gen 1 100 >hundred
ok 'more than a job takes' status 0 bq-load -v --job-size 1K -t botrun.parts hundred
like '... is cut' "$err" ' read=100 loaded=100 rejected=0 jobs=3 '
is '... in order' "$(ids parts)" "$(seq 1 100 | tr '\n' ' ')"
ok 'again' status 0 bq-load --job-size 1K -t botrun.parts hundred
is '... once' "$(rows parts | wc -l)" 100
tables parts2
config '{"fail_jobs":[{"reason":"backendError"},{"reason":"quotaExceeded"}]}'
ok 'a later one fails: status 3' status 3 bq-load --job-size 1K --job-id part -t botrun.parts2 hundred
like '... said' "$err" '^bq-load: job part_1: quotaExceeded: .*; nothing was loaded$'
faults "[{\"route\":\"PUT /upload/bigquery/v2/projects/*/jobs\",\"nth\":2,\"times\":0,\"act\":\"status\",\"status\":403}]"
ok 'a later one is refused: status 3' status 3 bq-load --job-size 1K --job-id part -t botrun.parts2 hundred
like '... said' "$err" '; stopped after [34][0-9] rows; run again to go on$'
faults '[]'
ok 'run again' status 0 bq-load --job-size 1K --job-id part -t botrun.parts2 hundred
is '... all are there' "$(ids parts2)" "$(seq 1 100 | tr '\n' ' ')"
is '... by ids of their own' "$(get /_test/jobs | json_all 'rows[0].map((j) => j.jobReference.jobId).filter((n) => /^part/.test(n)).join()')" 'part,part_1,part_2,part_b1,part_b2'

# ---- an emulator ----

standin bigquery --auth none --dataset botrun:US
ok 'an emulator needs no credentials' status 0 env -u GOOGLE_APPLICATION_CREDENTIALS NO_GCE_CHECK=true BIGQUERY_EMULATOR_HOST="$URL" \
	bq-load -p test-project --create -t botrun.t three
is '... and has the rows' "$(ids t)" '1 2 3 '

# ---- a service that gives odd answers ----

cat >odd.js <<'JS'
const job = (status) => JSON.stringify({jobReference: {jobId: 'j'}, status});
const failed = (errors) => job({state: 'DONE', errorResult: {reason: 'invalid', message: 'words'}, errors});
const at = (n) => ({message: 'row starting at position ' + n + ': x'});
const ends = {
	nojob: '{}', nostate: job({}), odd: job([]), stateless: job({state: 7}), result: job({state: 'DONE', errorResult: 'words'}),
	errors: failed('x'), items: failed([null, 7, 'x', [], {}, {message: 7}, at(''), at('-1'), at('99999999999999999999999'), at('1e3')]),
	details: failed([{message: 'words'}, {message: 'row 1: a'}, {message: 'row 1: a'}, {message: 'b'}, {message: 'c'}, {message: 'd'}]),
	deep: failed(JSON.parse('['.repeat(500) + ']'.repeat(500))),
};
const ranges = {far: 'bytes=0-99999', beyond: 'bytes=0-99999999', none: 'bytes=', word: 'all', minus: 'bytes=0--5'};
require('http').createServer((q, r) => {
	const mode = q.url.split('/projects/')[1].split('/')[0], here = 'http://127.0.0.1:' + q.socket.localPort + q.url;
	q.resume().on('end', () => {
		if (q.method == 'GET' && q.url.includes('/jobs/')) r.statusCode = 404;
		if (q.method == 'POST' && mode != 'nowhere') r.setHeader('Location', mode == 'file' ? 'file:///etc/passwd' : here);
		if (q.method == 'PUT' && ranges[mode]) { r.statusCode = 308; r.setHeader('Range', ranges[mode]); }
		r.end(q.method == 'PUT' ? ends[mode] || '' : q.method == 'POST' ? '' : '{}');
	});
}).listen(0, '127.0.0.1', function () { console.log('http://127.0.0.1:' + this.address().port); });
JS
node odd.js >odd.url & tap_pids="$tap_pids $!"
within 20 test -s odd.url
ODD=$(cat odd.url)
for mode in nowhere file far none word minus; do
	ok "an upload that is odd ($mode): status 3" status 3 env BIGQUERY_ENDPOINT="$ODD" bq-load --max-retries 1 -p $mode -t a.b three
	like '... said' "$err" "^bq-load: BigQuery's answer to an upload says not .*\$"
done
node -e 'console.log(JSON.stringify({id: 1, name: require("crypto").randomBytes(3 << 20).toString("base64")}))' >large
ok 'an upload of which more is there than was sent: status 3' status 3 env BIGQUERY_ENDPOINT="$ODD" bq-load -p beyond -t a.b large
is '... said' "$(cat "$err")" 'bq-load: upload: the service has more than it was sent; nothing was loaded'
for mode in nojob nostate odd stateless result errors items details deep; do
	ok "a job that is odd ($mode): status 3" status 3 env BIGQUERY_ENDPOINT="$ODD" bq-load --max-retries 1 -p $mode -t a.b three
	like '... said' "$err" '(does not say its state; job .* may still load its rows; run again to find out|: (invalid: words.*)?; nothing was loaded)$'
done
ok 'a failure with details: status 3' status 3 env BIGQUERY_ENDPOINT="$ODD" bq-load -p details -t a.b three
like '... told, some of them' "$err" ': invalid: words; row 1: a; b; c; nothing was loaded$'

done_testing
