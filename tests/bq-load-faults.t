#!/bin/sh
# bq-load, load jobs, when things break: uploads in pieces, lost answers, dead sessions, full disks, and death at any instant.
. "${0%/*}/lib.sh"

standin bigquery --key-file "$T/key.json" --dataset botrun:asia-east1 --token ready
BIGQUERY_ENDPOINT=$URL GOOGLE_APPLICATION_CREDENTIALS=$T/key.json; export BIGQUERY_ENDPOINT GOOGLE_APPLICATION_CREDENTIALS
faults() { post /_test/faults "$1" >/dev/null; }
config() { post /_test/config "$1" >/dev/null; }
stat_of() { get /_test/stats | json "r.$1"; }
rows() { get "/_test/rows?table=botrun.$1"; }
ids() { rows "$1" | json r.id | tr '\n' ' '; }
upload='PUT /upload/bigquery/v2/projects/*/jobs'

# A table of its own for each test: tables NAME...
echo '[{"name":"id","type":"INTEGER"},{"name":"name","type":"STRING"}]' >schema
tables() {
	for tap_v; do bq-load -q --create --schema schema -t "botrun.$tap_v" /dev/null; done
}
gen() { awk -v from="$1" -v to="$2" 'BEGIN { for (i = from; i <= to; i++) printf "{\"id\":%d,\"name\":\"row %d\"}\n", i, i }'; }
gen 1 3 >three
gen 1 50 >fifty
printf '{"id":1}\n{"id":"x"}\n{"id":"y"}\n' >two.bad

# ---- uploads ----

# Of four pieces, since random text cannot be compressed much.
node -e 'for (let i = 1; i <= 300; i++) console.log(JSON.stringify({id: i, name: require("crypto").randomBytes(30000).toString("base64")}))' >big
n=0
# once NAME OPTIONS...: all rows of big are loaded, each once
once() {
	n=$((n + 1))
	tables "big$n"
	tap_what=$1; shift
	ok "$tap_what" status 0 bq-load -v "$@" -t "botrun.big$n" big
	is '... each row once' "$(bq-query -q -l asia-east1 "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM botrun.big$n")" '{"n":300,"ids":300}'
}
before=$(stat_of chunks)
once 'a large upload'
is '... in pieces' "$(($(stat_of chunks) - before))" 4
unlike '... whose address is not told' "$err" 'upload_id=|uploadType=resumable&'
while IFS='|' read -r what fault; do
	faults "[{\"route\":\"$upload\",$fault}]"
	once "$what"
	is '... after the fault' "$(get /_test/faults)" '[]'
done <<'END'
the first piece is lost|"nth":1,"act":"reset"
the first piece is kept, its answer lost|"nth":1,"act":"reset-after"
the first piece is answered by 503|"nth":1,"act":"status","status":503
a piece on the way is lost|"nth":2,"act":"reset"
its answer is lost|"nth":2,"act":"reset-after"
its answer is nonsense|"nth":2,"act":"garbage"
the last piece is lost|"nth":4,"act":"reset"
the last answer is lost: the job runs|"nth":4,"act":"reset-after"
the last answer is 503: the job runs|"nth":4,"act":"after","status":503
the last answer is nonsense: the job runs|"nth":4,"act":"garbage"
the last answer is cut short: the job runs|"nth":4,"act":"truncate"
the session is gone|"nth":2,"act":"status","status":410,"body":"Gone"
END
faults "[{\"route\":\"POST /upload/bigquery/v2/projects/*/jobs\",\"act\":\"status\",\"status\":503},{\"route\":\"POST /upload/bigquery/v2/projects/*/jobs\",\"act\":\"reset-after\"}]"
once 'the session does not begin at once'
config '{"accept":[1000000,0,300000,3000000]}'
once 'less is kept than was sent'
is '... and all of the plan used' "$(get /_test/config | json 'r.accept.length')" 0
faults "[{\"route\":\"$upload\",\"nth\":2,\"act\":\"delay\",\"ms\":1200}]"
config '{"expire":1}'
before=$(stat_of token_grants)
once 'tokens that live for a second'
ok '... are renewed' test $(($(stat_of token_grants) - before)) -ge 2
config '{"expire":3600}'
faults "[{\"route\":\"$upload\",\"act\":\"status\",\"status\":401,\"body\":{\"error\":{\"code\":401,\"message\":\"no\"}}}]"
once 'a token that is not accepted'
faults "[{\"route\":\"$upload\",\"act\":\"status\",\"status\":503},
	{\"route\":\"$upload\",\"nth\":2,\"act\":\"status\",\"status\":401,\"body\":{\"error\":{\"code\":401,\"message\":\"no\"}}}]"
once 'the same in the question what came'
is '... after both faults' "$(get /_test/faults)" '[]'
faults "[{\"route\":\"$upload\",\"times\":0,\"act\":\"status\",\"status\":503}]"
tables never
ok 'an upload that never succeeds: status 3' status 3 bq-load --max-retries 1 -t botrun.never three
like '... said, with what may be' "$err" '^bq-load: .*\(HTTP 503\); job bqload_[0-9a-f]*_0 may still load its rows; run again to find out$'
faults '[]'
config '{"dead_sessions":404}'
ok 'sessions that are always gone: status 3' status 3 bq-load --max-retries 1 -t botrun.never three
config '{"dead_sessions":0,"accept":[0,0,0]}'
faults '[{"route":"POST /upload/bigquery/v2/projects/*/jobs","nth":2,"act":"status","status":503}]'
ok 'a service that keeps nothing: status 3' status 3 bq-load --max-retries 1 -t botrun.never three
like '... said' "$err" '^bq-load: upload: the service keeps nothing of what it is sent; job .* may still load its rows; run again to find out$'
ok 'an upload that does not begin: status 3' status 3 bq-load --max-retries 0 -t botrun.never three
like '... said' "$err" '^bq-load: .*\(HTTP 503\); nothing was loaded$'
config '{"accept":[]}'
ok 'at last' status 0 bq-load -t botrun.never three
is '... once' "$(ids never)" '1 2 3 '
faults '[{"route":"GET /bigquery/v2/projects/*/jobs","nth":2,"times":2,"act":"status","status":503}]'
ok 'the job cannot be asked for at once' status 0 bq-load -t botrun.never fifty
is '... is asked for again' "$(rows never | wc -l)" 53

# ---- the disk, and death ----

if [ -n "$SAN" ]; then
	skip 1 'the shim cannot be loaded before a sanitizer'
	done_testing
fi
tables disk
for act in short EINTR; do
	ok "writes that are $act" status 0 env LD_PRELOAD="$B/fault.so" FAULT_AT=1 FAULT_ACT=$act FAULT_CALLS=write bq-load --job-id $act -t botrun.disk fifty
done
is '... lose nothing' "$(rows disk | wc -l)" 100
for act in ENOSPC EIO; do
	ok "$act: status 3" status 3 env LD_PRELOAD="$B/fault.so" FAULT_AT=2 FAULT_ACT=$act FAULT_CALLS=write bq-load -t botrun.disk big
	like '... said' "$err" '^bq-load: /tmp: .*; nothing was loaded$'
done
# One write of the rows, and one of what is compressed of them; then of those that are not bad.
for at in 1 2 3 4; do
	ok "the disk is full at write $at, when bad rows are taken out: status 3" status 3 env LD_PRELOAD="$B/fault.so" FAULT_AT=$at FAULT_ACT=ENOSPC \
		FAULT_CALLS=write bq-load -t botrun.disk two.bad
	like '... said' "$err" '^bq-load: /tmp: No space left on device; nothing was loaded$'
done
is '... nothing is loaded' "$(rows disk | wc -l)" 100
ok 'no place for the rows: status 3' status 3 env TMPDIR=/none bq-load -t botrun.disk three
like '... said' "$err" '^bq-load: /none: No such file or directory; nothing was loaded$'

# The upload does not wait for the last row to be compressed: where the write of that fails, or is the last thing before death, what
# came before it has been sent.
tables counted open
LD_PRELOAD=$B/fault.so FAULT_AT=0 FAULT_LOG=writes FAULT_CALLS=write bq-load -t botrun.counted big
before=$(stat_of chunks)
ok 'the disk is full when the last row is compressed: status 3' status 3 env LD_PRELOAD="$B/fault.so" FAULT_AT="$(cat writes)" FAULT_ACT=ENOSPC \
	FAULT_CALLS=write bq-load --job-id open -t botrun.open big
is '... said' "$(cat "$err")" 'bq-load: /tmp: No space left on device; nothing was loaded'
is '... by then all pieces but the last one were sent' "$(($(stat_of chunks) - before))" 3
is '... and no job was made' "$(get /_test/jobs | grep -c '"open"')" 0
ok 'it is killed there: 137' status 137 env LD_PRELOAD="$B/fault.so" FAULT_AT="$(cat writes)" FAULT_ACT=kill FAULT_CALLS=write bq-load -t botrun.open big
faults "[{\"route\":\"$upload\",\"nth\":3,\"act\":\"hang\"}]"
bq-load -t botrun.open big & one=$!
ok 'half of it is sent' within 20 sh -c "[ \"\$(node '$top/tests/ctl.js' GET '$URL/_test/faults')\" = '[]' ]"
kill -KILL $one; wait $one 2>/dev/null
is '... and it is killed' $? 137
ok 'run again' status 0 bq-load -v -t botrun.open big
unlike '... neither has loaded anything' "$err" 'were loaded by job'
is '... each row is there once' "$(bq-query -q -l asia-east1 'SELECT count(*) AS n, count(DISTINCT id) AS ids FROM botrun.open')" '{"n":300,"ids":300}'

# The rows are on the disk, not in memory; the upload is refused, so that nothing else takes long.
if [ -x /usr/bin/time ]; then
	faults "[{\"route\":\"$upload\",\"times\":0,\"act\":\"status\",\"status\":403}]"
	"$B/gen" runs 200M | /usr/bin/time -f %M -o peak bq-load -t botrun.disk >/dev/null 2>&1
	ok "200 MB: peak $(tail -n 1 peak) KB" test "$(tail -n 1 peak)" -lt 32768
	faults '[]'
else
	skip 1 '/usr/bin/time is not installed'
fi

# Killed before, in and after each send and receive, then run again.
tables probe
printf '{"id":1}\n{"id":2}\n{"id":"x"}\n{"id":3}\n' >killed	# two jobs, of which the first one runs twice
LD_PRELOAD=$B/fault.so FAULT_AT=0 FAULT_LOG=calls FAULT_CALLS=send,recv bq-load -q --job-size 29 -t botrun.probe killed 2>/dev/null
calls=$(cat calls)
ok 'the run makes calls enough to kill it in' test "$calls" -ge 20
# shellcheck disable=SC2046
tables $(seq -f kill%.0f 1 "$calls")
kill_at() {
	LD_PRELOAD=$B/fault.so FAULT_AT=$1 FAULT_ACT=kill FAULT_CALLS=send,recv bq-load -q --job-size 29 -t "botrun.kill$1" killed 2>/dev/null
	[ $? = 137 ] && echo "$1" >"killed.$1"
	bq-load -q --job-size 29 -t "botrun.kill$1" killed 2>/dev/null
	[ $? = 1 ] && [ "$(bq-query -q -l asia-east1 "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM botrun.kill$1")" = '{"n":3,"ids":3}' ] || echo "$1" >"missed.$1"
}
kills=
for i in $(seq 1 "$calls"); do	# they mostly wait
	kill_at "$i" &
	kills="$kills $!"
	# shellcheck disable=SC2086
	[ $((i % 6)) != 0 ] || { wait $kills; kills=; }
done
# shellcheck disable=SC2086
wait $kills
ok 'it was killed in each of them' test "$(cat killed.* | wc -l)" -ge $((calls - 3))
is "each row is there once after another run, for $calls deaths" "$(cat missed.* 2>/dev/null)" ''

done_testing
