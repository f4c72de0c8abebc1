#!/bin/sh
# ls-fetch against the stand-in: what is fetched, once and completely, with both query APIs.
. "${0%/*}/lib.sh"

# runs N FIRST STEP [JSON]: N root runs, the first FIRST seconds ago, each STEP seconds later; JSON is
# merged into each.  The id tells api and number: a test knows what it wants.
cat >gen.js <<'EOT'
const [n, first, step, extra, tag] = process.argv.slice(2);
const more = JSON.parse(extra || '{}');
const hex = (x, w) => x.toString(16).padStart(w, '0');
for (let i = 0; i < n; i++) {
	const t = Date.now() - first * 1000 + i * step * 1000;
	const start = new Date(t).toISOString().replace('Z', hex(i % 1000, 3).replace(/[a-f]/g, '7'));
	console.log(JSON.stringify(Object.assign({id: '00000000-0000-4000-8000-' + hex(parseInt(tag || '1', 16), 4) + hex(i, 8), name: 'r' + i,
	    run_type: 'chain', start_time: start, end_time: new Date(t + 500).toISOString().replace('Z', '000'),
	    inputs: {input: 'text ' + i}}, more)));
}
EOT
gen() { node gen.js "$@"; }
load() { node "$top/tests/ctl.js" POST "$URL/_test/runs" - >/dev/null; }
config() { post /_test/config "$1" >/dev/null; }
ids() { json 'r.id' <"${1:-$out}" | sort; }
count() { wc -l <"${1:-$out}" | tr -d ' '; }
commit() { mv state.next state; }
fetch() { run ls-fetch --api "$api" "$@"; }
sync() { run ls-fetch --api "$api" --state state "$@"; }
# ago SECONDS: a time as the state has it
ago() { node -e 'console.log(new Date(Date.now() - process.argv[1] * 1000).toISOString())' "$1"; }
# back MEMBER SECONDS: set a time of the state
back() { sed "s/\"$1\":\"[^\"]*\"/\"$1\":\"$(ago "$2")\"/" state >state.new && mv state.new state; }
member() { json "r.$1" <"$2"; }

standin langsmith
LANGSMITH_API_KEY=lsv2_pt_test LANGSMITH_ENDPOINT=$URL LANGSMITH_PROJECT=my-app
export LANGSMITH_API_KEY LANGSMITH_ENDPOINT LANGSMITH_PROJECT

for api in v1 v2; do
	post /_test/reset '' >/dev/null
	rm -f state state.next

	# --- history
	gen 250 8640000 34000 | tee want | load			# 100 days
	gen 3 4000000 0 '{"end_time":"2026-01-01T00:00:00"}' 2 >>want
	sed -n '251,$p' want | load				# the same start time
	gen 5 5000 1 '{"parent_run_id":"00000000-0000-4000-8000-000100000001","trace_id":"00000000-0000-4000-8000-000100000001"}' 3 | load
	ok "$api: a first fetch takes all history" status 0 ls-fetch --api "$api" -v --state state
	ids want >want.ids; ids >got.ids
	same "$api: every root run once" got.ids want.ids
	like "$api: -v ends with a summary" "$err" '^ls-fetch: read=253 written=253 pending=0 rejected=0 requests=[0-9]+ seconds='
	ok "$api: the state is complete" grep -q '"complete":true' state.next
	ok "$api: the state itself is left alone" test ! -e state
	first=$(json_all 'rows.findIndex((r) => r.name === "r0") < rows.findIndex((r) => r.name === "r249")' <"$out")
	is "$api: older windows come first" "$first" true
	commit
	fetch --all-runs
	is "$api: --all-runs takes child runs, too" "$(count)" 258
	fetch --filter 'eq(name, "r7")'
	is "$api: --filter" "$(json r.name <"$out")" r7
	fetch --filter 'eq(name, "r7' -q
	is "$api: a bad filter is misuse" "$st $(count)" '2 0'
	like "$api: and the service's words are told" "$err" 'query .*400.*filter'
	fetch --run-type llm
	is "$api: --run-type" "$st $(count)" '0 0'
	fetch --page-size 7
	is "$api: small pages" "$(count)" 253
	fetch --since 30d --until 20d
	ids >got.ids
	node gen.js 250 8640000 34000 | json 'Date.now() - Date.parse(r.start_time + "Z") > 20 * 864e5 && Date.now() - Date.parse(r.start_time + "Z") <= 30 * 864e5 ? r.id : undefined' | sort >want.ids
	same "$api: --since and --until" got.ids want.ids

	# --- incremental
	sync
	is "$api: nothing new" "$st $(count)" '0 0'
	commit
	gen 2 600 60 '{}' 4 | load
	sync
	is "$api: new runs come" "$(count)" 2
	commit
	gen 1 3000 1 '{}' 5 | load
	sync --settle 0s
	is "$api: a run that arrives late comes with the overlap" "$(ids | grep -c 00050000)" 1
	commit
	gen 1 72000 1 '{}' 6 | load				# 20 h late
	sync
	is "$api: a later one does not" "$(ids | grep -c 00060000)" 0
	back swept 90000
	sync
	is "$api: but the daily sweep finds it" "$(ids | grep -c 00060000)" 1
	commit
	cp state kept
	back swept 172800
	gen 1 108000 1 '{}' b | load				# 30 h ago, after that sweep
	sync --until 40d
	is "$api: what --until ends before the last sync" "$st $(count)" '0 0'
	commit
	sync
	is "$api: is no sweep" "$(ids | grep -c 000b0000)" 1
	mv kept state
	ok "$api: the sweep is dated by its start" test "$(member swept state)" '>' "$(ago 60)"
	sync --since 12m
	is "$api: --since is a floor under the overlap" "$(count)" 2

	# --- adjacent windows, whatever bounds are inclusive
	gen 40 1000000 0.001 '{}' 7 | load			# runs a millisecond apart
	mid=$(gen 40 1000000 0.001 '{}' 7 | sed -n 20p | json 'r.start_time.slice(0, 23) + "Z"')
	for incl in true false; do
		config "{\"start_inclusive\":$incl,\"v2_max_inclusive\":$incl}"
		fetch --since 20d --until "$mid"; ids | grep 00070000 >a
		fetch --since "$mid" --until 5d; ids | grep 00070000 >b
		sort -u a b >ab
		is "$api: adjacent windows share nothing and lose nothing (inclusive: $incl)" "$(cat a b | wc -l | tr -d ' ') $(count ab)" '40 40'
	done
	config '{"start_inclusive":true,"v2_max_inclusive":true}'

	# --- runs that have not ended
	post /_test/reset '' >/dev/null; rm -f state state.next
	gen 3 7200 60 '{"status":"pending","end_time":null,"outputs":null}' 8 | load
	gen 2 7000 60 '{}' 9 | load
	sync
	is "$api: runs that have not ended are not emitted" "$st $(ids | tr '\n' ' ')" "0 $(gen 2 0 0 '{}' 9 | ids /dev/stdin | tr '\n' ' ')"
	is "$api: but kept in the state" "$(member pending.length state.next)" 3
	fetch
	like "$api: without a state it is said" "$err" '3 runs have not ended'
	commit; back watermark 60				# not by the overlap: only by their ids
	gen 1 7200 60 '{"status":"success"}' 8 | load
	sync --overlap 1s -v
	is "$api: one that has ended comes, found by its id" "$(json r.id <"$out")" 00000000-0000-4000-8000-000800000000
	is "$api: the others stay" "$(member pending.length state.next)" 2
	commit
	sync --overlap 3h
	is "$api: seen in a window again, it is not kept twice" "$(member pending.length state.next)" 2
	sync --overlap 3h --give-up 1h
	is "$api: --give-up emits them as they are" "$(ids | grep -c 00080000) $(member pending.length state.next)" '3 0'
	is "$api: once, though the look-up and the window both see them" "$(ids | uniq -d | wc -l | tr -d ' ')" 0
	commit
	post /_test/reset '' >/dev/null
	gen 40 50000 100 '{"status":"pending","end_time":null}' 8 | load
	sync --overlap 1d; commit
	config '{"no_cursor_on_full_page":true}'
	post /_test/faults "[{\"route\":\"POST /api/$api/runs/query\",\"times\":3,\"act\":\"status\",\"status\":500}]" >/dev/null
	sync --overlap 1s
	is "$api: a look-up whose list is cut forgets none" "$st $(member pending.length state.next)" '0 40'
	config '{"no_cursor_on_full_page":false}'
	commit; sync --overlap 1d; commit
	gen 1 50000 100 "{\"status\":\"success\",\"inputs\":{\"input\":\"$(head -c 5000 /dev/zero | tr '\0' x)\"}}" 8 | load
	sync --max-line 4K --overlap 1d
	is "$api: one that has ended and is too long is rejected, once" "$st $(member pending.length state.next) $(cat "$err")" \
		'1 39 ls-fetch: run 00000000-0000-4000-8000-000800000000: it is longer than --max-line'
	commit
	post /_test/reset '' >/dev/null
	sync
	like "$api: a pending run that is gone is told" "$err" 'does not know it any more'
	is "$api: and dropped" "$st $(member pending.length state.next)" '0 0'

	# --- limit
	post /_test/reset '' >/dev/null; rm -f state state.next
	gen 130 3000000 20000 | tee want | load
	gen 40 500000 0 '{}' 2 >x; load <x; cat x >>want	# 40 at one time
	ids want >want.ids
	fetch --limit 5
	is "$api: --limit is a total" "$st $(count)" '0 5'
	: >all; n=0
	while n=$((n + 1)); [ $n -le 20 ]; do
		sync --limit 30 -q
		cat "$out" >>all
		[ "$st" = 0 ] && [ "$(count)" -le 30 ] || break
		[ $n != 1 ] || ok "$api: cut by --limit, the state is not complete" grep -q '"complete":false' state.next
		commit
		! grep -q '"complete":true' state || break
	done
	ids all >got.ids
	same "$api: pieces of --limit make the whole, each run once" got.ids want.ids
	is "$api: in the least number of pieces" "$n" 6
	rm state; : >all; n=0
	while n=$((n + 1)); [ $n -le 60 ]; do
		sync --limit 50 --page-size 20 -q
		cat "$out" >>all
		[ "$st" = 0 ] && [ "$(count)" -le 50 ] || break
		commit
		config '{"stale_cursors":true}'
		! grep -q '"complete":true' state || break
	done
	ids all | uniq >got.ids
	same "$api: also when every saved cursor is refused" got.ids want.ids
	rm state
	sync --limit 30; commit
	back saved 7200
	post /_test/log '' >/dev/null
	sync
	is "$api: an old cursor is not used" "$(get /_test/log | json_all 'rows[0].filter((r) => r.body)[0].body.cursor === undefined')" true

	rm state
	sync --limit 30; cat "$out" >all; commit
	sync --until 20d
	is "$api: what --until leaves out of a plan" "$st $(json 'Date.parse(r.start_time.replace("Z", "") + "Z") < Date.now() - 20 * 864e5' <"$out" | sort -u)" '0 true'
	cat "$out" >>all; commit
	sync; cat "$out" >>all
	rm state
	ids all | uniq >got.ids
	same "$api: comes later" got.ids want.ids

	# --- spread over years
	post /_test/reset '' >/dev/null; rm -f state state.next
	gen 4 90000000 28000000 | tee want | load		# nearly a year apart
	sync -v
	ids want >want.ids; ids >got.ids
	same "$api: lone runs in years are found" got.ids want.ids
	ok "$api: without asking for every week" test "$(sed -n 's/.*requests=\([0-9]*\).*/\1/p' "$err")" -lt 70
	commit
	sync -v
	ok "$api: a sync without news is few requests" test "$(sed -n 's/.*requests=\([0-9]*\).*/\1/p' "$err")" -le 2

	# --- odd answers
	post /_test/reset '' >/dev/null; rm -f state state.next
	printf '%s\n' '{"id":"00000000-0000-4000-8000-00aa00000001","name":"a \"b\" ]} \\","run_type":"llm","start_time":"2026-05-05T00:00:00","end_time":"2026-05-05T00:00:01","inputs":{"n":9007199254740993,"f":1.0,"x":"\ud800 {[","e":1e400}}' | load
	config '{"pretty":true}'
	fetch
	is "$api: an indented answer is one line a run" "$(count)" 1
	like "$api: numbers and escapes pass as they are" "$out" '9007199254740993.*1\.0.*"\\ud800 \{\[".*1e400'
	config '{"pretty":false,"empty_tail":true}'
	fetch
	is "$api: an empty last page is fine" "$st $(count)" '0 1'
	config '{"empty_tail":false}'
	gen 30 800000 1000 | tee want | load
	config '{"page_cap":7}'
	fetch
	is "$api: a short page is not the last" "$st $(count)" '0 31'
	config '{"page_cap":0,"repeat_cursor":true}'
	fetch --page-size 5 --since 20d
	is "$api: a cursor that repeats is status 3" "$st" 3
	like "$api: and told" "$err" 'same cursor'
	config '{"repeat_cursor":false,"no_cursor_on_full_page":true}'
	fetch --page-size 10 --since 20d
	ids want >want.ids; ids >got.ids
	same "$api: a full page without a cursor is followed up" got.ids want.ids
	like "$api: and told, when there was more" "$err" 'ended a list of runs early'
	config '{"no_cursor_on_full_page":false}'
	fetch --page-size 10 --since 20d
	is "$api: not when a page is full by chance" "$(count) $(cat "$err")" '30 '

	# --- max-line
	gen 3 700000 60 "{\"inputs\":{\"input\":\"$(head -c 5000 /dev/zero | tr '\0' x)\"}}" c | load
	fetch --max-line 4K --since 20d
	is "$api: a run beyond --max-line is rejected, the others come" "$st $(count)" '1 30'
	like "$api: by its name" "$err" 'run 00000000-0000-4000-8000-000c00000000: .*--max-line'
done

# --- select
api=v1
fetch --select 'Inputs,project_id,LATENCY_SECONDS' --since 20d
is 'v1: --select takes v2 names' "$(head -n 1 "$out" | json 'Object.keys(r).join()')" 'id,status,start_time,end_time,inputs,session_id,inputs_s3_urls'
fetch --select id,nonsense
is 'v1: an unknown field is misuse' "$st" 2
like 'v1: and named' "$err" "does not know the field 'nonsense'"
api=v2
fetch --select inputs,session_id --since 20d
is 'v2: --select takes v1 names' "$(head -n 1 "$out" | json 'Object.keys(r).join()')" 'id,status,start_time,end_time,inputs,project_id'
fetch --select id,nonsense
is 'v2: an unknown field is misuse' "$st" 2
like 'v2: and named' "$err" "does not know the field 'NONSENSE'"
is 'the default selection is short' "$(fetch --since 20d; head -n 1 "$out" | json 'Object.keys(r).join()')" 'id,trace_id,name,run_type,status,start_time,end_time,inputs'

# --- which API
api=auto
post /_test/log '' >/dev/null
fetch --since 20d
is 'auto: v2 where there is v2' "$(get /_test/log | json_all 'rows[0].filter((r) => /v1.runs/.test(r.path)).length')" 0
for off in off 405; do
	config "{\"v2\":\"$off\"}"
	post /_test/log '' >/dev/null
	fetch --since 20d
	is "auto: v1 where v2 is $off" "$st $(count) $(get /_test/log | json_all 'rows[0].filter((r) => /v2.runs/.test(r.path)).length')" '0 33 1'
done
run ls-fetch --api v2
is 'v2 by force fails where it is missing' "$st" 2
like 'and says what to try' "$err" 'api v1'
config '{"v2":"on"}'

# --- stored apart
api=v1
post /_test/reset '' >/dev/null; rm -f state state.next
gen 3 700000 60 '{"_s3_inputs":true,"inputs":{"messages":[{"role":"user","content":"apart"}]}}' d | load
gen 1 700000 60 '{"_s3_outputs":true,"outputs":{"o":1}}' e | load
fetch -v
is 'inputs that are stored apart are put in place' "$st $(json 'JSON.stringify(r.inputs)' <"$out" | grep -c apart)" '0 3'
unlike 'their address is not shown' "$err" 'sig=|_s3'
fetch --select inputs,outputs
is 'outputs, too, when they are asked for' "$(json 'r.outputs && r.outputs.o' <"$out" | grep -c 1)" 1
post /_test/faults '[{"route":"GET /_s3","act":"status","status":403}]' >/dev/null
sync
is 'an expired address is renewed once' "$st $(count)" '0 4'
config '{"s3_expire":0}'
sync
is 'a run whose inputs cannot be had is rejected' "$st $(count)" '1 1'
like 'and named' "$err" 'run .*000d00000000: its inputs, stored apart, cannot be fetched: status 403'
unlike 'without its address' "$err" 'sig='
is 'and kept for the next time' "$(member pending.length state.next)" 3
commit
config '{"s3_expire":3600}'
sync
is 'when it comes' "$st $(json 'JSON.stringify(r.inputs)' <"$out" | grep -c apart) $(member pending.length state.next)" '0 3 0'
# One of two gone for good
post /_test/reset '' >/dev/null; rm -f state state.next
gen 1 7000 0 '{"_s3_inputs":true,"_s3_outputs":true,"outputs":{"o":1}}' d | load
post /_test/faults '[{"route":"GET /_s3/00000000-0000-4000-8000-000d00000000.inputs","times":0,"act":"status","status":404}]' >/dev/null
sync --select inputs,outputs
is 'one value of two cannot be had: not written yet' "$st $(count)" '1 0'
commit; back since 7200
sync --select inputs,outputs --give-up 1h -v
is 'given up, it comes with the other' "$st $(json 'JSON.stringify([r.inputs, r.outputs])' <"$out")" '1 [null,{"o":1}]'
like 'and is told as one' "$err" 'read=[0-9]* written=1 pending=0 rejected=1 '
is 'no key goes to the storage' "$(get /_test/log | json_all 'rows[0].filter((r) => /_s3/.test(r.path) && r.status === 403).length > 0')" true

done_testing
