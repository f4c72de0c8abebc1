#!/bin/sh
# trace-serve(1) as a process: its options, its database, --tee, kills, full disks, its end.  What the API answers is in trace-api.t.
. "${0%/*}/lib.sh"
[ -x "$B/sql-query" ] && [ -x "$B/rec-write" ] && [ -x "$B/rec-cat" ] || skip_all 'the other tools are not built'

# serve ARGS...: start it, in the background; sets pid and URL, its stdout is in tee
serve() {
	rm -f log
	"$@" >>tee 2>log & pid=$!
	tap_pids="$tap_pids $pid"
	within 20 grep -qs 'listening on' log || { cat log; echo 'Bail out! trace-serve does not start'; exit 1; }
	URL=$(sed -n 's/.*listening on //p' log)
}
stop() { kill "${1:--TERM}" $pid; wait $pid 2>/dev/null; st=$?; }
q() { sql-query -d "sqlite:$1" "$2"; }
load() { timeout 60 node "$top/tests/trace-load.js" "$@" "$URL"; }
trace() { post /api/trace "$1" | json r.data.id; }
# Each acknowledged id of $2 is a record of $1, and the database is whole.
holds() {
	q "$1" 'SELECT id FROM records' | sed 's/^{"id":"\(.*\)"}$/\1/' | sort >ids
	sort "$2" | comm -23 - ids >lost
	echo "lost $(wc -l <lost), $(q "$1" 'PRAGMA integrity_check' | sed 's/^{"integrity_check":"\(.*\)"}$/\1/')"
}

# ---- options ----

for args in '--listen 192.0.2.1:8080' '--listen :0' '--listen 0.0.0.0:0' \
	'--token-file nothing' '--max-body 0' operand; do
	# shellcheck disable=SC2086
	run timeout 20 trace-serve $args
	is "$args: misuse" $st 2
	is '... in one line, or two' "$(($(wc -l <"$err") < 3))" 1
done
for where in 8080 127.0.0.1 127.0.0.1:x 127.0.0.1:65536 localhost:; do
	run timeout 20 trace-serve -l "$where"
	is "-l $where: misuse, told as such" "$st $(cat "$err")" "2 trace-serve: '$where' is not ADDRESS:PORT"
done
is '... and nothing was done' "$(echo traces.db*)" 'traces.db*'
ok 'a directory that is not there' status 3 timeout 20 trace-serve -l 127.0.0.1:0 -d no/where.db
like '... is told' "$err" '^trace-serve: no/where.db: No such file or directory$'
echo 'this is no database at all, but some text' >text.db
ok 'a file that is something else' status 3 timeout 20 trace-serve -l 127.0.0.1:0 -d text.db
like '... is told' "$err" '^trace-serve: text.db: file is not a database$'
is '... and left alone' "$(cat text.db)" 'this is no database at all, but some text'
serve env SERVER_PORT=0 trace-serve
like 'SERVER_PORT is the port' log '^trace-serve: listening on http://127.0.0.1:[1-9][0-9]*$'
ok 'traces.db is the database' test -s traces.db
run timeout 20 trace-serve -d other.db -l "${URL#http://}"
is 'a port that is taken' "$st $(cat "$err")" "3 trace-serve: ${URL#http://}: Address already in use"
stop
is 'SIGTERM ends it' "$st $(echo traces.db*)" '143 traces.db'
serve trace-serve -l 127.0.0.1:0 -d :memory:
id=$(trace '{"request":1}')
ok 'a name that SQLite would take for no file' test -n "$id"
is '... is one' "$(get "/api/records/$id" | json r.data.request)" 1
stop
is '... that keeps what it is given' "$(q "$PWD/:memory:" 'SELECT id FROM records' | json r.id)" "$id"
serve trace-serve -v -l 127.0.0.1:0; stop -HUP
is 'so does SIGHUP' "$st" 129
like '... -v ends with a summary' log '^trace-serve: stored=0 failed=0 seconds=[0-9.]+$'

# ---- the original's databases ----

q first.db "CREATE TABLE sessions(id varchar(255) PRIMARY KEY, name varchar(255) NOT NULL, created_at datetime);
	CREATE TABLE records(id varchar(255) PRIMARY KEY, session_id varchar(255) NOT NULL, turn_number integer NOT NULL, request text NOT NULL,
		response text, status varchar(50) NOT NULL, error_msg text, metadata text, created_at datetime);
	CREATE INDEX idx_records_session_id ON records(session_id); CREATE INDEX idx_records_created_at ON records(created_at);
	INSERT INTO sessions VALUES('old', '对话-2025-08-29 16:36:53', '2025-08-29 16:36:53.45841+08:00');
	INSERT INTO records VALUES('r1', 'old', 1, '{\"model\":\"gpt-4\",\"messages\":[{\"role\":\"user\",\"content\":\"早\"}]}',
		'{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}', 'success', '', '', '2025-08-29 16:36:53.45841+08:00');
	INSERT INTO records VALUES('r2', 'old', 2, 'not JSON', NULL, 'error', 'boom', NULL, '2025-08-29 16:37:00+08:00')" >/dev/null
q first.db 'SELECT * FROM records' >before
serve trace-serve -l 127.0.0.1:0 -d first.db
is 'a database of the original: its session' "$(get /api/sessions/old | json '[r.data.name, r.data.created_at, r.data.record_count]')" \
	'["对话-2025-08-29 16:36:53","2025-08-29T16:36:53.45841+08:00",2]'
get /api/sessions/old/records | json 'r.data.data.map((x) => [x.id, x.status, x.response, x.error_msg, x.metadata, x.created_at])' >got
cat >want <<'END'
[["r1","success","{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}","","","2025-08-29T16:36:53.45841+08:00"],\
["r2","error","","boom","","2025-08-29T16:37:00+08:00"]]
END
is '... its records' "$(cat got)" "$(sed -e :a -e '/\\$/N; s/\\\n//; ta' want)"
is '... with what it did not know' \
	"$(get /api/records/r1 | json '[r.data.model, r.data.preview, r.data.input_tokens, r.data.output_tokens]')" \
	'["gpt-4","早",3,4]'
is '... found by their time' "$(get '/api/records?from=2025-08-29T08:36:54Z&to=2025-08-30' | json 'r.data.data.map((x) => x.id)')" '["r2"]'
trace '{"session_id":"old","request":{"a":1}}' >/dev/null
is '... and new ones beside them' "$(get /api/sessions/old/records | json 'r.data.data.map((x) => x.turn_number)')" '[1,2,3]'
q first.db "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4500)
	INSERT INTO records(id, session_id, turn_number, request, status, changed) SELECT 'x' || i, 'large', i, '{}', 'success', i FROM n" >/dev/null
is 'a large session is deleted in parts, and all of it' "$(node "$top/tests/ctl.js" DELETE "$URL/api/sessions/large" | json r.success) $(get \
	'/api/sessions/large/records' | json r.data.total)" 'true 0'
stop
q first.db "SELECT id, session_id, turn_number, request, response, status, error_msg, metadata, created_at FROM records WHERE turn_number < 3" >after
same 'the original finds its rows as they were' after before
q first.db "INSERT INTO records(id, session_id, turn_number, request, status, created_at)
	VALUES('r9', 'old', 9, '{\"model\":\"m\"}', 'success', '2025-09-01 00:00:00Z'),
		('q\"x', 'old', 10, '{}', 'pending', '2025-09-01 00:00:01Z')" >/dev/null
serve trace-serve -l 127.0.0.1:0 -d first.db
is 'rows that the original adds later are found, too' "$(get '/api/records?model=m' | json 'r.data.data.map((x) => x.id)')" '["r9"]'
is '... and completed, whatever their ids' "$(trace '{"session_id":"old","turn_number":10,"request":1}')" 'q"x'
stop

# ---- --tee ----

rm -f tee; serve trace-serve -l 127.0.0.1:0 -d tee.db --tee
post /api/trace '{"session_id":"s","turn_number":1,"status":"pending","request":{"model":"m", "a":1.10},"metadata":{"user":"u"}}' >/dev/null
id=$(trace '{"session_id":"s","turn_number":1,"status":"success","request":{"model":"m", "a":1.10},
	"response":{
 "b": [ 1,
 2 ] },"metadata":{"user":"u","stage":"started"}}')
trace '{"session_id":"s","request":1,"error_message":"bad \"thing\"","metadata":[1]}' >/dev/null
ok '--tee: what was acknowledged stands on stdout' within 5 sh -c '[ $(wc -l <tee) = 3 ]'
is '... one object a line' "$(json '[r.session_id, r.turn_number, r.status, r.success, r.metadata.stage]' <tee | tr '\n' ' ')" \
	'["s",1,"pending",false,"started"] ["s",1,"success",true,"completed"] ["s",2,"error",false,"completed"] '
like '... texts as they came' tee '"request":\{"model":"m", "a":1.10\},"response":\{  "b": \[ 1,  2 \] \}'
is '... pending and final are one record' "$(json 'i < 2 ? r.id : undefined' <tee | uniq)" "$id"
ok '... rec-write takes them' status 0 rec-write -q --dir tree tee
is '... and rec-cat makes them one' "$(rec-cat --dir tree | json '[r.turn_number, r.status, r.error_message, r.metadata.user]' | tr '\n' ' ')" \
	'[1,"success",null,"u"] [2,"error","bad \"thing\"",null] '
stop

mkfifo pipe
sh -c 'exec sleep 60' <pipe & reader=$!
tap_pids="$tap_pids $reader"
rm -f log; trace-serve -l 127.0.0.1:0 -d tee.db --tee >pipe 2>log & pid=$!
tap_pids="$tap_pids $pid"
within 20 grep -qs 'listening on' log; URL=$(sed -n 's/.*listening on //p' log)
load -n 400 >acked 2>said
is 'a reader that reads nothing stops nobody' "$(cat said)" 'posts 200=400'
kill $reader; wait $reader 2>/dev/null
load -n 10 >acked 2>said
is 'nor does one that has gone' "$(cat said)" 'posts 200=10'
ok '... which is told' within 5 grep -q '^trace-serve: stdout: Broken pipe: going on without --tee$' log
stop
is '... and nothing is lost' "$(q tee.db 'SELECT count(*) AS n FROM records')" '{"n":412}'

# ---- kills ----

rm -f k.db* acked; : >acked
more() { [ "$(wc -l <acked)" -gt "$1" ]; }
for delay in 0.1 0.5 0.3 0.8; do
	had=$(wc -l <acked)
	serve trace-serve -l 127.0.0.1:0 -d k.db
	load -c 32 >>acked 2>said & loader=$!
	within 20 more "$had"
	sleep $delay; stop -KILL; wait $loader
done
serve trace-serve -l 127.0.0.1:0 -d k.db
is "kill -9 under load: of $(wc -l <acked) acknowledged" "$(holds k.db acked)" 'lost 0, ok'
ok '... there were some' test "$(wc -l <acked)" -gt 10
is '... turns count on without holes and twins' "$(q k.db 'SELECT count(*) AS n FROM (SELECT session_id FROM records GROUP BY session_id
	HAVING count(*) != max(turn_number) OR count(DISTINCT turn_number) != count(*))')" '{"n":0}'
load -n 20 >more 2>/dev/null
load -c 32 >>more 2>said & loader=$!
sleep 0.5; stop; wait $loader
is "SIGTERM under load: of $(wc -l <more) acknowledged" "$st $(holds k.db more)" '143 lost 0, ok'
unlike '... and none failed' said ' 500='

if [ -z "$SAN" ]; then
	# Right before each write and sync of the database.
	for call in pwrite fdatasync; do
		bad=
		for n in 1 2 3 5 8 13 21 34 55 89 144; do
			rm -f f.db* acked log
			LD_PRELOAD=$B/fault.so FAULT_AT=$n FAULT_ACT=kill FAULT_CALLS=$call trace-serve -l 127.0.0.1:0 -d f.db >tee 2>log & pid=$!
			if within 20 sh -c 'grep -qs "listening on" log || ! kill -0 $0 2>/dev/null' $pid && grep -qs 'listening on' log; then
				URL=$(sed -n 's/.*listening on //p' log)
				load -n 60 -c 4 >acked 2>/dev/null
			else
				: >acked
			fi
			kill $pid 2>/dev/null; wait $pid 2>/dev/null
			serve trace-serve -l 127.0.0.1:0 -d f.db; stop
			[ "$(holds f.db acked)" = 'lost 0, ok' ] || bad="$bad $n"
		done
		is "killed at a $call: nothing that was acknowledged is lost" "$bad" ''

		# Errors of a disk: some posts fail with them, the server goes on.
		for act in ENOSPC EIO; do
			rm -f f.db* acked log
			serve env LD_PRELOAD="$B/fault.so" FAULT_AT=60 FAULT_FOR=30 FAULT_ACT=$act FAULT_CALLS=$call trace-serve -l 127.0.0.1:0 -d f.db
			load -n 300 -c 4 >acked 2>said
			like "$act of $call: some are refused" said ' 500=[0-9]+'
			ok '... those behind are not' test "$(grep -c . acked)" -gt 100
			stop
			is '... and all that were acknowledged are there' "$(holds f.db acked)" 'lost 0, ok'
		done
	done
else
	skip 14 'no shims under sanitizers'
fi

# ---- full disks ----

mkdir small
if mount -t tmpfs -o size=3m none small 2>/dev/null; then
	serve trace-serve -l 127.0.0.1:0 -d small/f.db
	load -n 3000 >acked 2>said
	like 'a full disk: 500' said ' 500=[0-9]+'
	run post /api/trace '{"request":"'"$(printf '%0100000d' 0)"'"}'
	ok '... said in the envelope' grep -q '{"success":false,"message":"Failed to save trace data: database or disk is full"}' "$out"
	is '... reading goes on' "$(get /api/sessions | json r.success)" true
	mount -o remount,size=30m small
	is '... with some space it goes on' "$(post /api/trace '{"request":"'"$(printf '%0100000d' 0)"'"}' | json r.success)" true
	stop
	is '... and nothing is lost' "$(holds small/f.db acked)" 'lost 0, ok'
	umount small
else
	skip 5 'mounting a small file system needs rights'
fi
rm -f l.db log
(ulimit -f 2000; exec trace-serve -l 127.0.0.1:0 -d l.db) >tee 2>log & pid=$!
tap_pids="$tap_pids $pid"
within 20 grep -qs 'listening on' log; URL=$(sed -n 's/.*listening on //p' log)
load -n 3000 >acked 2>said
like 'a limit of the file size: 500' said ' 500=[0-9]+'
stop
is '... nothing is lost' "$st $(holds l.db acked)" '143 lost 0, ok'

# ---- much ----

serve trace-serve -l 127.0.0.1:0 -d big.db
node -e 'process.stdout.write(`{"session_id":"big","request":"${"x".repeat((64 << 20) - 33)}"}`)' >body
is 'a body of 64 MB' "$(wc -c <body) $(node "$top/tests/ctl.js" POST "$URL/api/trace" body | json r.success)" '67108864 true'
is '... comes back' "$(get /api/sessions/big/records | json 'r.data.data[0].request.length')" $(((64 << 20) - 31))
node -e 'process.stdout.write(`{"session_id":"loud","request":1,"error_message":"${"x".repeat(34 << 20)}"}`)' >said
for _ in 1 2 3; do node "$top/tests/ctl.js" POST "$URL/api/trace" said >/dev/null; done
is 'a list of long messages leaves out what is too much' "$(get '/api/sessions/loud/records?brief=1' |
	json 'r.data.data.map((x) => [x.turn_number, x.error_msg.length, x.omitted])')" '[[1,35651584,null],[2,35651584,null],[3,0,true]]'
echo >>body
run node "$top/tests/ctl.js" POST "$URL/api/trace" body
like '... a byte more is not taken' "$err" 'HTTP 413|EPIPE|ECONNRESET'
stop
if [ -x "$B/fill" ] && [ -z "$SAN" ]; then
	"$B/fill" many.db 30000 300 100
	begun=$(date +%s%3N)
	serve trace-serve -l 127.0.0.1:0 -d many.db
	ok "it starts at once with many records ($(($(date +%s%3N) - begun)) ms)" test $(($(date +%s%3N) - begun)) -lt 1000
	is '... the last page of a large session' "$(get '/api/sessions/session-100/records?size=1000&page=15&brief=1' |
		json '[r.data.total, r.data.data.length, r.data.data[999].turn_number]')" '[15000,1000,15000]'
	kill -9 $pid; wait $pid 2>/dev/null
else
	skip 2 'many records take long here'
fi

done_testing
