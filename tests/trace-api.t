#!/bin/sh
# trace-serve(1): what its API takes and answers, promise by promise (trace-api.js).
. "${0%/*}/lib.sh"

TZ=Asia/Taipei trace-serve -l 127.0.0.1:0 -d t.db --max-body 1M 2>log & server=$!
tap_pids="$tap_pids $server"
ok 'it says where it listens' within 20 grep -qs 'listening on http://127.0.0.1:' log
URL=$(sed -n 's/.*listening on //p' log)

timeout 200 node "$top/tests/trace-api.js" "$URL" >said 2>"$err"
is 'the client goes to its end' "$(tail -n 1 said)$(cat "$err")" end
grep -v '^end$' said >promises
while IFS='	' read -r name instead; do
	case $name in
	'ok '*) tap_result 0 "${name#ok }" ;;
	*) tap_result 1 "${name#no }" "$instead" ;;
	esac
done <promises
kill $server; wait $server 2>/dev/null
is 'SIGTERM ends it' $? 143
is '... without a word' "$(wc -l <log)" 1
is '... and nothing but the database is left' "$(echo t.db*)" t.db
is 'which is for its owner only' "$(stat -c %a t.db)" 600

done_testing
