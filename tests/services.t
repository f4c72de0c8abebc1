#!/bin/sh
# services.t - reading from a service while the rows are taken slowly: the next page is asked for before this one is written, no more
# is asked for than that, and nothing is lost; the service's rate is kept.
#
# The consumer is a pipe that nobody reads for now; what was asked for meanwhile is in the stand-in's log.
. "${0%/*}/lib.sh"

LANGSMITH_API_KEY=lsv2_pt_test LANGSMITH_PROJECT=my-app FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret
export LANGSMITH_API_KEY LANGSMITH_PROJECT FEISHU_APP_ID FEISHU_APP_SECRET
asked() { get /_test/log | json_all "rows[0].filter((r) => r.path.includes('$1')).length"; }
has_asked() { [ "$(asked "$1")" -ge "$2" ]; }
# The count of calls, once it has not changed for a second.
settled() {
	s_was=-1
	while [ "$(asked "$1")" != "$s_was" ]; do s_was=$(asked "$1"); sleep 1; done
	echo "$s_was"
}
# stuck CMD...: run it before a pipe that nobody reads; file descriptor 3 is its other end, $pid the process
stuck() {
	rm -f pipe && mkfifo pipe
	"$@" >pipe 2>err & pid=$! tap_pids="$tap_pids $pid"
	exec 3<pipe
}
# Read it all into the file out.
unstick() { cat <&3 >out; exec 3<&-; wait $pid; st=$?; }

# ---- ls-fetch: 20 pages of 0.7 MB
standin langsmith --synthetic 2000 --synthetic-bytes 7000 --synthetic-days 6
LANGSMITH_ENDPOINT=$URL
export LANGSMITH_ENDPOINT
for api in v1 v2; do
	post /_test/log '' >/dev/null
	stuck ls-fetch --api $api --since 7d
	ok "$api: nobody reads, and the second page is asked for" within 10 has_asked runs/query 2
	ok "$api: but not what memory would have to hold" test "$(settled runs/query)" -le 5
	unstick
	is "$api: then it comes to its end" "$st $(cat err)" '0 '
	is "$api: with each run once, in the order of the pages" "$(json r.id <out | sort -u | wc -l | tr -d ' ') $(json r.start_time <out | sort -rc && echo sorted)" \
		'2000 sorted'
done

post /_test/log '' >/dev/null
stuck ls-fetch --since 7d --state state
within 10 has_asked runs/query 2
settled runs/query >/dev/null
kill -TERM $pid
unstick
is 'a signal while nobody reads: the next page does not count as had' "$st $(ls state* 2>/dev/null)" '143 '
ok 'a run with the state' status 0 ls-fetch --since 7d --state state
is 'has all' "$(json r.id <out | sort -u | wc -l | tr -d ' ')" 2000
stuck ls-fetch --since 7d
within 10 has_asked runs/query 2
exec 3<&-
wait $pid; st=$?
is 'a closed pipe ends it quietly' "$st $(cat err)" '141 '
standin_stop

# ---- bt-fetch: 10 pages of 0.6 MB
standin feishu
FEISHU_ENDPOINT=$URL
export FEISHU_ENDPOINT
post /_test/fill "{\"table\":\"tblTest\",\"count\":5000,\"cells\":{\"run_id\":\"r{i}\",\"input\":\"$(head -c 1200 /dev/zero | tr '\0' x)\"}}" >/dev/null
stuck bt-fetch bascnTest
ok 'bt-fetch: nobody reads, and the second page is asked for' within 10 has_asked records/search 2
ok 'but not what memory would have to hold' test "$(settled records/search)" -le 5
unstick
is 'then it comes to its end' "$st $(cat err)" '0 '
is 'with each record once, in order' "$(json 'r.run_id === "r" + i' <out | sort | uniq -c | tr -d ' ')" 5000true
post /_test/config '{"rate":25}' >/dev/null
before=$(get /_test/stats | json r.rate_limited)
ok 'more pages than the service takes in a second' status 0 bt-fetch --page-size 100 bascnTest
is 'are asked for as slowly as it documents' "$(get /_test/stats | json r.rate_limited)" "$before"
post /_test/config '{"rate":0}' >/dev/null

# ---- sheet-fetch
post /_test/sheets "{\"sheet_id\":\"sheet1\",\"title\":\"S\",\"rows\":[[\"id\",\"text\"]],\"fill\":{\"count\":20000,\"cells\":[\"r{i}\",\"$(head -c 300 /dev/zero | tr '\0' x)\"]}}" >/dev/null
stuck sheet-fetch shtTest
ok 'sheet-fetch: nobody reads, and the second block is asked for' within 10 has_asked /values/ 2
ok 'but not what memory would have to hold' test "$(settled /values/)" -le 4
unstick
is 'then it comes to its end' "$st $(cat err)" '0 '
is 'with each row once, in order' "$(json 'r.id === "r" + i' <out | sort | uniq -c | tr -d ' ')" 20000true

done_testing
