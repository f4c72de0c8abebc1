#!/bin/sh
# Memory does not grow with the input: 600 MB of runs (with LLMUTILS_FULL=1, 2 GB) through ls-fetch and msg-extract in less than 32 MB.
full=${LLMUTILS_FULL-}
. "${0%/*}/lib.sh"

[ -z "$SAN" ] || skip_all 'a sanitizer needs memory of its own'
[ -x /usr/bin/time ] || skip_all '/usr/bin/time is not installed'

mb=${full:+2000} mb=${mb:-600}
gen runs "${mb}M" | /usr/bin/time -f %M -o peak msg-extract >/dev/null
ok "msg-extract, $mb MB: peak $(tail -n 1 peak) KB" test "$(tail -n 1 peak)" -lt 32768
gen runs "${mb}M" | /usr/bin/time -f %M -o peak msg-extract --jobs 2 >/dev/null
ok "msg-extract with 2 jobs, $mb MB: peak $(tail -n 1 peak) KB" test "$(tail -n 1 peak)" -lt 32768

standin langsmith --gzip off --synthetic $((mb * 145)) --synthetic-bytes 7400 --synthetic-days 5
LANGSMITH_ENDPOINT=$URL LANGSMITH_API_KEY=lsv2_pt_test LANGSMITH_PROJECT=my-app
export LANGSMITH_ENDPOINT LANGSMITH_API_KEY LANGSMITH_PROJECT
/usr/bin/time -f %M -o peak ls-fetch --page-size 1000 --settle 0s --state state.json --since 7d >runs 2>err & pid=$!
wait $pid; st=$?
is 'ls-fetch takes all of them' "$st $(wc -l <runs)" "0 $((mb * 145))"
ok "they are $mb MB ($(($(stat -c %s runs) >> 20)) MB)" test "$(stat -c %s runs)" -gt "${mb}000000"
ok "ls-fetch: peak $(tail -n 1 peak) KB" test "$(tail -n 1 peak)" -lt 32768
done_testing
