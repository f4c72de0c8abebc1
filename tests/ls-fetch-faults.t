#!/bin/sh
# ls-fetch when things go wrong: nothing is lost, nothing is left half done, and it is said.
. "${0%/*}/lib.sh"

cat >gen.js <<'EOT'
const [n, first, step, extra] = process.argv.slice(2);
for (let i = 0; i < n; i++) {
	const t = Date.now() - first * 1000 + i * step * 1000;
	console.log(JSON.stringify(Object.assign({id: '00000000-0000-4000-8000-' + i.toString(16).padStart(12, '0'), name: 'r' + i, run_type: 'chain',
	    start_time: new Date(t).toISOString().slice(0, -1) + '123', end_time: new Date(t + 500).toISOString().slice(0, -1),
	    inputs: {input: ('text ' + i + ' ').repeat(200)}}, JSON.parse(extra || '{}'))));
}
EOT
load() { node "$top/tests/ctl.js" POST "$URL/_test/runs" - >/dev/null; }
config() { post /_test/config "$1" >/dev/null; }
faults() { post /_test/faults "$1" >/dev/null; }
ids() { json 'r.id' <"${1:-$out}" | sort; }
count() { wc -l <"${1:-$out}" | tr -d ' '; }
fetch() { run ls-fetch --api "$api" --since 6d --page-size 50 "$@"; }
query() { case $api in v1) echo 'POST /api/v1/runs/query' ;; v2) echo 'POST /api/v2/runs/query' ;; esac; }
ms() { node -p 'Date.now()'; }

# --- side by side
# A failed request waits before it is sent again, so the cases of one API wait beside those of the other: a job is
# a function that runs in the background, in a directory and with a stand-in of its own; join takes over its results.
job() {	# NAME FUNCTION ARGS...
	job_name=$1; shift
	mkdir "$job_name" "$job_name/.tap"
	standin langsmith
	(
		cd "$job_name" || exit
		# shellcheck disable=SC2034	# T is lib.sh's
		T=$PWD out=$PWD/out err=$PWD/err LANGSMITH_ENDPOINT=$URL tap_n=0 child=
		# Nothing is left behind, should the test be ended: the shell would let the tool go on.
		trap 'kill $child 2>/dev/null; exit 143' TERM
		run() { "$@" >"$out" 2>"$err" & child=$!; wait $child; st=$?; return 0; }
		load <../want
		"$@"
		: >ended
	) >"$job_name.tap" 2>&1 &
	tap_pids="$tap_pids $!" jobs="$jobs $job_name:$!"
}
join() {
	for j in $jobs; do
		wait "${j#*:}"
		j=${j%:*}
		awk -v n="$tap_n" '/^(not )?ok [0-9]/ { sub(/ok [0-9]+/, "ok " ++n) } { print }' "$j.tap"
		tap_n=$((tap_n + $(grep -Ec '^(not )?ok [0-9]' "$j.tap"))) tap_failed=$((tap_failed + $(grep -c '^not ok' "$j.tap")))
		ok "$j: to the end" test -e "$j/ended"
	done
}
jobs=

all_came() { ids >got.ids; same "$1" got.ids ../want.ids; }

one_bad_answer() {	# API ACT...
	api=$1 q=$(query); shift
	for act; do
		faults "[{\"route\":\"$q\",\"nth\":2,\"act\":$act}]"
		fetch --timeout 1s -v
		all_came "$api: all runs, once, in spite of $act"
		is "$api: status 0 then" "$st $(get /_test/faults)" '0 []'
	done
}
# Pages cut one after the other, so that the page is made smaller with some of its runs out already.
smaller_pages() {	# API
	api=$1 q=$(query)
	faults "[{\"route\":\"$q\",\"nth\":2,\"times\":3,\"act\":\"truncate\"}]"
	fetch
	all_came "$api: all runs, once, when pages are cut again and again"
	post /_test/log '' >/dev/null
	faults "[{\"route\":\"$q\",\"nth\":2,\"times\":3,\"act\":\"status\",\"status\":500}]"
	fetch
	all_came "$api: all runs, once, when the store is out of memory"
	like "$api: smaller pages are asked for then" "$(get /_test/log >log; echo log)" '"(limit|page_size)":12[,}]'
}
strict_cursors() {
	api=v2
	config '{"cursor_strict":true}'
	faults "[{\"route\":\"$(query)\",\"nth\":2,\"times\":3,\"act\":\"status\",\"status\":500}]"
	fetch
	ids | uniq >got.ids
	same "$api: even if a cursor does not go with another page size" got.ids ../want.ids
}
down() {
	api=v2 q=$(query)
	faults "[{\"route\":\"$q\",\"nth\":2,\"times\":0,\"act\":\"status\",\"status\":503}]"
	ok "$api: a service that stays down is status 3" status 3 ls-fetch --api $api --since 6d --page-size 50 --state state --max-retries 2
	like "$api: and told" "$err" 'query .*503.*gave up after 3 tries'
	ok "$api: without a new state" test ! -e state.next
	faults "[{\"route\":\"$q\",\"times\":0,\"act\":\"garbage\"}]"
	ok "$api: a proxy's page for ever is status 3" status 3 ls-fetch --api $api --since 6d
	like "$api: and told" "$err" 'not the answer of this API'
}
too_many() {
	faults '[{"route":"POST /api/v1/runs/query","act":"status","status":429,"headers":{"Retry-After":"3600"}}]'
	ok 'a wait beyond --retry-time is not begun' status 3 ls-fetch --api v1 --since 6d --retry-time 1m
	# Without a time to wait: the tiers' 10 s.
	faults '[{"route":"POST /api/v1/runs/query","act":"status","status":429}]'
	t=$(ms)
	run ls-fetch --api v1 --since 6d
	ok '429 without Retry-After waits for 10 s' test $(($(ms) - t)) -ge 10000
	like 'and says so' "$err" '^ls-fetch: runs/query: 429: waiting 10.0 s \(try 2 of 9\)$'
	is 'then all is well' "$st $(count)" '0 160'
}

LANGSMITH_API_KEY=lsv2_pt_test LANGSMITH_PROJECT=my-app
export LANGSMITH_API_KEY LANGSMITH_PROJECT LANGSMITH_ENDPOINT
node gen.js 160 500000 10 >want
ids want >want.ids
job too-many too_many
# Both APIs share this code: all of it with one of them is enough.
job v1-answers one_bad_answer v1 '"reset"' '"reset-after"' '"truncate"' '"truncate-gzip"' '"garbage"' '"hang"' '"status","status":500' \
	'"status","status":408' '"status","status":503,"headers":{"Retry-After":"0"}' '"status","status":429,"headers":{"Retry-After":"1"}'
job v2-answers one_bad_answer v2 '"reset"' '"truncate"' '"status","status":503'
job v1-pages smaller_pages v1
job v2-pages smaller_pages v2
job v2-cursors strict_cursors
job v2-down down

standin langsmith
LANGSMITH_ENDPOINT=$URL
load <want

# --- who and where
run env LANGSMITH_API_KEY=lsv2_pt_wrongsecret ls-fetch -v
is 'a wrong key is status 2' "$st" 2
like 'and told' "$err" '401: Invalid token: check LANGSMITH_API_KEY'
unlike 'without the key, also with -v' "$err" wrongsecret
run env -u LANGSMITH_API_KEY ls-fetch
is 'no key is status 2' "$st" 2
printf ' "lsv2_pt_test"\n' >key
ok 'the key may come from a file' status 0 env -u LANGSMITH_API_KEY LANGSMITH_API_KEY_FILE=key ls-fetch --since 1h
ok 'the old name of the variable is known, and empty ones are none' status 0 env LANGSMITH_API_KEY= LS_API_KEY=lsv2_pt_test ls-fetch --since 1h
run ls-fetch -p 'my app/ü'
is 'an unknown project is status 2' "$st" 2
like 'and told, with those that there are' "$err" "no project 'my app/ü' \(there are: my-app\)"
run ls-fetch -p "$(printf 'a\033[2J\302\2332Jb\302\240')"
is 'no character of a message commands the terminal' "$(cut -d "'" -f 2 "$err")" "$(printf 'a?[2J??2Jb\302\240')"
faults '[{"route":"GET /api/v1/sessions","nth":2,"times":0,"act":"status","status":404}]'
run ls-fetch -p nix
is 'those that there are cannot be had: nothing is said about them' "$st $(cat "$err")" \
	"2 ls-fetch: there is no project 'nix' that this key may see; see --project"
faults '[{"route":"GET /api/v1/sessions","nth":2,"act":"hang"}]'
ls-fetch -p nix 2>"$err" &
pid=$! tap_pids="$tap_pids $!"
fired() { [ "$(get /_test/faults)" = '[]' ]; }
within 5 fired
kill -TERM $pid
wait $pid
is 'SIGTERM meanwhile is no misuse' "$? $(cat "$err")" '143 '
faults '[]'
id=$(ls-fetch -q --since 6d --limit 1 --select session_id --api v1 | json r.session_id)
ok 'a project by its id' status 0 ls-fetch -p "$id" --since 1h
ok 'an unknown id' status 2 ls-fetch -p 00000000-0000-4000-8000-000000000000 --since 1h
for e in "$URL/" "$URL/api/v1" " \"$URL/api\" "; do
	ok "the endpoint may be written $e" status 0 ls-fetch --since 1h --endpoint "$e"
done
ok 'an endpoint without a scheme is misuse' status 2 ls-fetch --endpoint api.smith.langchain.com
ok 'a service that is not there is status 3' status 3 ls-fetch --endpoint http://127.0.0.1:1 --max-retries 1
config '{"workspace":"9f0e6d3c-0000-4000-8000-000000000001"}'
run ls-fetch
is 'an organisation-wide key is status 2' "$st" 2
like 'and told what to set' "$err" 'set LANGSMITH_WORKSPACE_ID'
ok 'with the workspace it works' status 0 env LANGSMITH_WORKSPACE_ID=9f0e6d3c-0000-4000-8000-000000000001 ls-fetch --since 1h
config '{"workspace":""}'
faults '[{"route":"POST /api/v2/runs/query","nth":2,"act":"status","status":503}]'
ok 'giving up with runs that were rejected' status 3 ls-fetch --since 6d --page-size 50 --max-line 1K --max-retries 0
is 'ten of them are named, and how many there were' "$(grep -c 'longer than' "$err") $(tail -n 1 "$err")" \
	'10 ls-fetch: 50 runs in all could not be written as they should'
faults '[{"route":"POST /api/v2/runs/query","act":"status","status":403,"body":"<html>blocked</html>"}]'
ok 'a 403 of a firewall is status 3' status 3 ls-fetch --since 6d
like 'and told apart' "$err" '403: not JSON: a proxy or firewall'

# --- the state
rm -f state*
run ls-fetch --state state --since 6d; mv state.next state
for bad in '' '{' '[]' '{"version":2}' '{"version":1}' "$(sed 's/"watermark":"/"watermark":"x/' state)" "$(sed 's/"pending":\[/"pending":[1/' state)"; do
	printf '%s' "$bad" >broken
	run ls-fetch --state broken
	is "a state '$(printf %.20s "$bad")' is refused" "$st $(count) $(grep -c 'ls-fetch: broken: ' "$err")" '2 0 1'
done
ok 'the state of another filter is refused' status 2 ls-fetch --state state --filter 'eq(name, "x")'
like 'saying so' "$err" "made for 'root runs', not for 'root runs where eq"
printf '%s\n' '{"id":"00000000-0000-4000-8000-000000009999","_project":"other","name":"x","run_type":"llm","start_time":"2026-01-01T00:00:00"}' | load
ok 'the state of another project is refused' status 2 ls-fetch --state state -p other
like 'saying so' "$err" "belongs to the project 'my-app'"
ok 'a directory that is not there is status 2' status 2 ls-fetch --state no/state
sed 's/"watermark":"[^"]*"/"watermark":"2026-01-01T00:00:00.000Z"/' state >old
run ls-fetch --state old
like 'a watermark beyond retention is told' "$err" '2026-01-01.* 14 days only may be gone'
echo stale >state.next
run ls-fetch --state state --endpoint http://127.0.0.1:1 --max-retries 0
ok 'an old FILE.next is removed first' test ! -e state.next

# --- where it writes to
rm -f state*
if [ -w /dev/full ]; then
	sh -c 'ls-fetch --since 6d --state state >/dev/full' 2>"$err"
	is 'a full disk is status 3' $? 3
	like 'and told' "$err" 'stdout: No space left on device'
	ok 'without a new state' test ! -e state.next
fi
sh -c 'ls-fetch --since 6d --state state >&-' 2>"$err"
is 'a closed stdout is status 3' $? 3
ok 'without a new state' test ! -e state.next
{ ls-fetch --since 6d --state state --page-size 5; echo $? >pipe.st; } 2>"$err" | head -n 1 >/dev/null
is 'a closed pipe ends it' "$(cat pipe.st)" 141
ok 'quietly' test ! -s "$err"
ok 'without a new state' test ! -e state.next

if [ -n "$SAN" ]; then
	skip 2 'the shim cannot be loaded before a sanitizer'
else
	ok 'a directory that cannot be synced is status 3' status 3 env LD_PRELOAD="$B/fault.so" FAULT_CALLS=fsync FAULT_AT=2 FAULT_ACT=EIO \
		ls-fetch --since 6d --state state
	is 'told, and without a new state' "$(cat "$err") $(ls state* 2>/dev/null)" 'ls-fetch: state.next: Input/output error '
fi

# --- as it comes
faults '[{"route":"POST /api/v2/runs/query","nth":2,"act":"delay","ms":2000}]'
ls-fetch --since 6d --page-size 50 >slow &
pid=$! tap_pids="$tap_pids $!"
ok 'runs are written before the next page comes' within 1 sh -c '[ $(wc -l <slow) -ge 50 ]'
ok 'but not the rest' test "$(count slow)" -lt 160
wait $pid

# --- signals and kills
faults '[{"route":"POST /api/v2/runs/query","nth":2,"act":"hang"}]'
: >cut
ls-fetch --progress=always --since 6d --page-size 50 --state state >cut 2>"$err" &
pid=$! tap_pids="$tap_pids $!"
within 5 sh -c '[ $(wc -l <cut) -ge 50 ]'
kill -TERM $pid
wait $pid
is 'SIGTERM ends it at once' $? 143
is 'the line of --progress is wiped' "$(tail -c 4 "$err" | od -An -c | tr -d ' ')" '\r033[K'
is 'what had come is whole' "$(json r.id <cut | wc -l | tr -d ' ')" 50
ok 'and there is no new state' test ! -e state.next
faults '[]'
mkfifo fifo
ls-fetch --state fifo 2>"$err" &
pid=$! tap_pids="$tap_pids $!"
exec 4>fifo		# waits until it reads
kill -TERM $pid
wait $pid
is 'also while it reads its state' "$? $(cat "$err")" '143 '
exec 4>&-
: >all
for i in 1 2 3 4 5 6 7 8; do
	ls-fetch --since 6d --page-size 10 --limit 40 --state state >piece 2>/dev/null &
	pid=$!
	sleep "0.0$i"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	# What a consumer does: rows and state are taken when the pipe has succeeded.
	if [ -e state.next ]; then cat piece >>all; mv state.next state; fi
	ok "kill -9 after $i: no state is left half written" test "$(find . -maxdepth 1 -name state | xargs -r cat | wc -l)" -le 1
done
while ! grep -q '"complete":true' state 2>/dev/null; do
	run ls-fetch --since 6d --page-size 10 --limit 40 --state state
	[ "$st" = 0 ] || break
	cat "$out" >>all; mv state.next state
done
ids all | uniq >got.ids
same 'after many kills and a rerun nothing is missing' got.ids want.ids

# --- rate tiers of the service, scaled down
config '{"tiers":"on","tier_scale":0.02,"retry_after":0}'
run ls-fetch --api v1 --since 6d --page-size 20
ids >got.ids
same 'rate tiers only slow it down' got.ids want.ids

config '{"tiers":"off"}'

# --- LangChain's own hosts are asked slowly, and proxies are used
post /_test/log '' >/dev/null
run env http_proxy="$URL" ls-fetch --endpoint http://api.smith.langchain.com --api v2 --since 6d --page-size 50
is 'through a proxy' "$st $(count)" '0 160'
is 'three queries a second at the most' "$(get /_test/log | json_all 'rows[0].filter((r) => r.method === "POST").every((r, i, a) => i === 0 || r.at - a[i - 1].at >= 300)')" true

join
done_testing
