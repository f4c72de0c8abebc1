#!/bin/sh
# Memory does not grow with the input: 2 GB of runs through ls-fetch and msg-extract in less than 32 MB.
. "${0%/*}/lib.sh"

[ -z "$SAN" ] || skip_all 'a sanitizer needs memory of its own'
[ -x /usr/bin/time ] || skip_all '/usr/bin/time is not installed'

gen runs 2G | /usr/bin/time -f %M -o peak msg-extract >/dev/null
ok "msg-extract, 2 GB: peak $(tail -n 1 peak) KB" test "$(tail -n 1 peak)" -lt 32768
gen runs 2G | /usr/bin/time -f %M -o peak msg-extract --jobs 2 >/dev/null
ok "msg-extract with 2 jobs, 2 GB: peak $(tail -n 1 peak) KB" test "$(tail -n 1 peak)" -lt 32768

standin langsmith --gzip off --synthetic 290000 --synthetic-bytes 7400 --synthetic-days 5
LANGSMITH_ENDPOINT=$URL LANGSMITH_API_KEY=lsv2_pt_test LANGSMITH_PROJECT=my-app
export LANGSMITH_ENDPOINT LANGSMITH_API_KEY LANGSMITH_PROJECT
/usr/bin/time -f %M -o peak ls-fetch --page-size 1000 --settle 0s --state state.json --since 7d >runs 2>err & pid=$!
wait $pid; st=$?
is 'ls-fetch takes all of them' "$st $(wc -l <runs)" '0 290000'
ok "they are 2 GB ($(($(stat -c %s runs) >> 20)) MB)" test "$(stat -c %s runs)" -gt 2000000000
ok "ls-fetch: peak $(tail -n 1 peak) KB" test "$(tail -n 1 peak)" -lt 32768
done_testing
