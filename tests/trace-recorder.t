#!/bin/sh
# trace-serve(1) --records: a recorder's tree over HTTP gives what rec-cat, rec-stat and rec-rotate give.
. "${0%/*}/lib.sh"
for tool in rec-write rec-cat rec-stat rec-rotate; do [ -x "$B/$tool" ] || skip_all "$tool is not built"; done

serve() {	# ARGS...: the service alone; sets pid and URL
	: >log
	"$@" >said 2>>log & pid=$!
	tap_pids="$tap_pids $pid"
	within 20 grep -q 'listening on' log || { cat log; echo 'Bail out! trace-serve does not start'; exit 1; }
	URL=$(sed -n 's/.*listening on //p' log)/api/llm-file-records
}
stop() { kill $pid; wait $pid 2>/dev/null; st=$?; }
delete() { node "$top/tests/ctl.js" DELETE "$URL$1"; }
code() { node "$top/tests/ctl.js" -i "$@" 2>/dev/null | head -n 1; }	# [ARGS] METHOD URL
# line STAGE ID SESSION SUCCESS SECOND [MEMBERS]
line() {
	printf '{"id":"%s","timestamp":"2025-12-0%dT12:00:%02d.000001","session_id":%s,"prompt":"p %s","success":%s,"metadata":{"stage":"%s"}%s}\n' \
		"$2" "$day" "$5" "$3" "$2" "$4" "$1" "${6:+,$6}"
}
day_ago() { node -p "new Date(Date.now() - $1 * 864e5).toISOString().slice(0, 10)"; }

# ---- no tree ----

serve trace-serve -l 127.0.0.1:0
is 'without --records: 404' "$(code GET "$URL/health") $(code GET "$URL/latest") $(code DELETE "$URL/cleanup")" '404 404 404'
like '... that says how' "$(get /statistics >no 2>/dev/null; echo no)" 'start trace-serve with --records DIR'
stop
serve trace-serve -l 127.0.0.1:0 --records none
is 'a tree that nobody has written to: unhealthy' "$(get /health | json '[r.success, r.data.status, r.data.base_dir, r.data.write_permissions].join(" ")')" \
	'true unhealthy none false'
is '... and empty' "$(get /latest)" '{"success":true,"data":{"interactions":[],"total":0,"unreadable_lines":0}}'
is '... for each session' "$(get /session/7 | json '[r.data.session_id, r.data.total, r.data.interactions.length].join(" ")')" '7 0 0'
is '... in figures' "$(get /statistics | json '[r.data.total_interactions, r.data.total_sessions, r.data.storage_info.archive.count].join(" ")')" '0 0 0'
is '... and has nothing to clean' "$(delete '/cleanup?force=true')" '{"success":true,"data":{"dry_run":false,"deleted":[],"count":0,"bytes":0,"failed":[]}}'
ok '... which made none' [ ! -e none ]
stop

# ---- records ----

day=6; { line started a 7 false 1; line completed a 7 true 2 '"response":"für 早","n":123456789012345678901.50'; line completed b '"x/../y"' false 3 '"error_message":"boom"'; } >in
day=7; { line started c 7 false 1; line completed d 8 true 2; line finalized d 8 true 4 '"message_id":5'; } >>in
rec-write --dir tree <in >written
echo 'this is no record' >>tree/by_date/2025-12-07_all_interactions.json
serve trace-serve -l 127.0.0.1:0 --records tree

get /health >h
is 'health: of this tree' "$(json '[r.data.status === "healthy" || r.data.status === "degraded", r.data.base_dir, r.data.write_permissions, r.data.disk_space_available > 0, r.data.buffered].join(" ")' <h)" \
	'true tree true true 0'
rec-stat --dir tree --format json >want 2>/dev/null
get /statistics | json 'Object.assign(r.data)' >got
same 'statistics: those of rec-stat' got want
rec-cat --dir tree --session 7 >want
get /session/7 >got
is 'a session: the records of rec-cat, oldest first, merged, byte for byte' \
	"$(cat got)" '{"success":true,"data":{"session_id":"7","interactions":['"$(paste -s -d, want)"'],"total":2,"unreadable_lines":0}}'
is '... of one day' "$(get '/session/7?date=2025-12-07' | json 'r.data.interactions.map((x) => x.id).join(" ")')" c
is '... of another' "$(get '/session/7?date=2025-12-08' | json r.data.total)" 0
is '... date=: any' "$(get '/session/7?date=' | json r.data.total)" 2
for d in 2025-13-01 today 2025-12-7 ../etc; do is "... date=$d: 400" "$(code GET "$URL/session/7?date=$d")" 400; done
is 'an id with slashes, encoded' "$(get /session/x%2F..%2Fy | json '[r.data.session_id, r.data.total, r.data.interactions[0].error_message].join(" ")')" 'x/../y 1 boom'
is 'no way out of the tree' "$(get /session/..%2F..%2Ftree%2Fby_session%2Fsession_7 | json r.data.total)" 0
is 'a slash that is not encoded: no such path' "$(code GET "$URL/session/a/b")" 404
rec-cat --dir tree 2>/dev/null | tac | paste -s -d, >want
is 'the latest: newest first' "$(get /latest)" '{"success":true,"data":{"interactions":['"$(cat want)"'],"total":4,"unreadable_lines":1}}'
is '... as many as are wanted, over days' "$(get '/latest?limit=3' | json 'r.data.interactions.map((x) => x.id).join(" ")')" 'd c b'
is '... 1' "$(get '/latest?limit=1' | json 'r.data.interactions.map((x) => x.id).join(" ")')" d
is '... a limit that is none is the default' "$(for l in 0 -1 1001 x ''; do get "/latest?limit=$l" | json r.data.total; done | paste -s -d' ')" '4 4 4 4 4'
is 'other methods: 405' "$(code POST "$URL/latest" /dev/null) $(code GET "$URL/cleanup") $(code DELETE "$URL/session/7")" '405 405 405'
like '... with what is allowed' "$(node "$top/tests/ctl.js" -i GET "$URL/cleanup" >no 2>/dev/null; echo no)" '^allow: DELETE$'
day=8; line completed e 7 true 1 | rec-write --dir tree >written
is 'what is written now is there' "$(get '/latest?limit=1' | json 'r.data.interactions[0].id')" e
rec-rotate -q --dir tree --max-size 1 --session-days 100000 --error-days 100000 >rotated
ok '(rotated)' test -s rotated
is '... also when it was rotated and compressed' "$(get /latest | json 'r.data.interactions.map((x) => x.id).join(" ")') $(get /session/7 | json r.data.total)" 'e d c b a 3'
mkfifo tree/by_date/2025-12-09_all_interactions.json
ln -s /etc tree/by_session/session_etc
is 'what is no file is not waited for' "$(get /latest | json r.data.total)" 5
is '... and a link not followed' "$(code GET "$URL/session/etc")" 500
rm tree/by_date/2025-12-09_all_interactions.json
for i in 1 2 3 4 5 6 7 8; do get /statistics >stat.$i 2>/dev/null & p="${p:-} $!"; done
# shellcheck disable=SC2086
wait $p
is 'many at a time' "$(for i in stat.?; do cat "$i"; echo; done | json r.data.total_interactions | sort | uniq -c | sed 's/^ *//')" '8 5'
stop
is 'SIGTERM ends it' $st 143

# ---- cleanup ----

old=$(day_ago 91) new=$(day_ago 89) older=$(day_ago 31)
fill() {
	rm -rf tree
	mkdir -p tree/by_date tree/by_session/session_1 tree/by_session/session_2 tree/errors tree/archive
	for f in by_date/"$old"_all_interactions by_date/"$new"_all_interactions by_session/session_1/"$old" by_session/session_2/"$new" errors/"$older"_errors; do
		echo '{"id":"x"}' >"tree/$f.json"
	done
	echo z >"tree/archive/${old}_all_interactions_20200101T000000.000000Z.json"
	echo keep >tree/by_date/strange.json
	find tree -type f -exec touch -d '3 days ago' {} +
	echo '{"id":"y"}' >"tree/by_date/$(day_ago 95)_all_interactions.json"	# written right now
}
files() { (cd tree && find . -type f ! -name '.*' | sort); }
fill; files >before
serve trace-serve -l 127.0.0.1:0 --records tree
for q in '' '?dry_run=true' '?dry_run=true&force=true' '?force=false' '?dry_run=false'; do
	delete "/cleanup$q" >got
	is "cleanup$q: tells" "$(json '[r.data.dry_run, r.data.count, r.data.bytes, r.data.deleted.length].join(" ")' <got)" 'true 3 33 3'
	files >after
	same '... and removes nothing' after before
done
is 'the paths, sizes and ages' "$(json 'r.data.deleted.map((d) => [d.path, d.size, d.age_days].join(" ")).sort().join("\n")' <got)" \
	"by_date/${old}_all_interactions.json 11 91
by_session/session_1/$old.json 11 91
errors/${older}_errors.json 11 31"
rec-rotate -q --dir tree --dry-run | json 'r.action === "expire" ? r.path : undefined' | sort >want
json 'r.data.deleted.map((d) => d.path).sort().join("\n")' <got >paths
same '... are those of rec-rotate --dry-run' paths want
is 'a flag that is neither' "$(code DELETE "$URL/cleanup?force=yes") $(code DELETE "$URL/cleanup?dry_run=2&force=true")" '400 400'
files >after; same '... removes nothing' after before
exec 9>tree/archive/.lock
flock 9
is 'while rec-rotate is at work: 409' "$(code DELETE "$URL/cleanup?force=true")" 409
files >after; same '... removes nothing' after before
exec 9>&-
delete '/cleanup?dry_run=false&force=true' >got
is 'force=true removes' "$(json '[r.data.dry_run, r.data.count, r.data.bytes].join(" ")' <got)" 'false 3 33'
grep -v -e "/by_date/$old" -e "/session_1/" -e /errors/ before >want
files >after; same '... these files alone' after want
ok '... and the empty folder' [ ! -e tree/by_session/session_1 ]
is '... then there are none' "$(delete '/cleanup?force=true' | json r.data.count)" 0
stop
fill
serve env LLM_RECORDS_RETENTION_DAYS=88 trace-serve -l 127.0.0.1:0 --records tree
is 'LLM_RECORDS_RETENTION_DAYS is the limit' "$(delete /cleanup | json r.data.count)" 5
stop
serve env LLM_RECORDS_RETENTION_DAYS=soon trace-serve -l 127.0.0.1:0 --records tree
is '... one that is none: 500, and nothing is removed' "$(code DELETE "$URL/cleanup?force=true") $(files | wc -l)" '500 8'
stop
fill
if [ -n "$SAN" ]; then
	skip 2 'the shim cannot be loaded before a sanitizer'
else
	serve env LD_PRELOAD="$B/fault.so" FAULT_CALLS=unlinkat FAULT_AT=1 FAULT_ACT=EIO trace-serve -l 127.0.0.1:0 --records tree
	is 'what cannot be removed is told' "$(delete '/cleanup?force=true' | json '[r.data.count, r.data.failed.map((f) => f.path + ": " + f.reason)].join(" ")')" \
		"2 by_date/${old}_all_interactions.json: Input/output error"
	ok '... and still there' [ -e "tree/by_date/${old}_all_interactions.json" ]
	stop
fi

done_testing
