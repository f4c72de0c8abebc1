#!/bin/sh
# What must not grow with the input does not: instructions a file, and peak memory, where a thousand times the data is expected.
. "${0%/*}/lib.sh"

[ -z "$SAN" ] || skip_all 'a sanitizer needs memory and time of its own'
[ -x /usr/bin/time ] || skip_all '/usr/bin/time is not installed'
peak() { /usr/bin/time -f %M -o peak "$@" && tail -n 1 peak; }	# KB

# --- an archive of many days: each file costs the same
archive() {	# DAYS: of one session
	mkdir -p "tree$1/archive"
	awk -v n="$1" -v archive="tree$1/archive" 'BEGIN {
		for (i = 0; i < n; i++) {
			day = sprintf("20%02d-%02d-%02d", i / 336 + 10, i / 28 % 12 + 1, i % 28 + 1)
			file = archive "/session_7_" day "_20500101T000000.000000Z.json"
			printf "{\"id\":\"%d\",\"timestamp\":\"%sT10:00:00Z\",\"session_id\":7}\n", i, day >file
			close(file)
		}
	}'
	rec-cat --dir "tree$1" --session 7 | wc -l
}
is 'an archive of 100 days' "$(archive 100)" 100
is 'an archive of 1000 days' "$(archive 1000)" 1000
is 'they come in order' "$(rec-cat --dir tree1000 --session 7 | json r.id | tr '\n' ' ')" "$(seq 0 999 | tr '\n' ' ')"
if command -v valgrind >/dev/null; then
	instructions() {	# DAYS
		valgrind --tool=callgrind --callgrind-out-file=/dev/null rec-cat --jobs 1 --dir "tree$1" --session 7 2>&1 >/dev/null |
			sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
	}
	few=$(instructions 100) many=$(instructions 1000)
	ok "ten times the files: at most 12 times the instructions ($few, $many)" test "$many" -lt $((few * 12))
else
	skip 1 'valgrind is not installed'
fi

# --- dedup: known keys
keys() { awk -v from="$1" -v n="$2" 'BEGIN { for (i = from; i < from + n; i++) printf "{\"id\":\"%08x-9e1c-4a77-b5f0\"}\n", i }'; }
keys 0 1100000 >old
keys 1050000 100000 >in
keys 1100000 50000 >new
dedup -k id --store store old >/dev/null
kb=$(peak dedup -k id --store store /dev/null)
ok "1.1 million keys of a store: the table is made at once, 64 MB (peak $kb KB)" test "$kb" -lt 80000
for jobs in 1 2 3; do
	dedup -k id --seen old --jobs $jobs in >out
	same "--seen of many blocks, jobs $jobs" out new
	cp store store$jobs
	dedup -k id --store store$jobs --jobs $jobs in >out
	same "--store, jobs $jobs" out new
done
kb=$(peak dedup -k id --seen old /dev/null)
ok "--seen of 1.1 million keys (peak $kb KB)" test "$kb" -lt 120000

# --- a ledger whose last line has no newline: only that line is looked at
awk 'BEGIN { for (i = 0; i < 300000; i++) print "{\"run_id\":\"r\",\"record_id\":\"rec000000000001\",\"timestamp\":\"2026-10-01T00:00:00.123Z\"}" }' >ledger
printf '{"run_id":"s","record_id":"rec000000000002"}' >>ledger
FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret FEISHU_BASE_ID=bascnTest FEISHU_TABLE_ID=tblTest FEISHU_ENDPOINT=http://127.0.0.1:1
export FEISHU_APP_ID FEISHU_APP_SECRET FEISHU_BASE_ID FEISHU_TABLE_ID FEISHU_ENDPOINT
kb=$(peak bt-push --ledger ledger /dev/null)
ok "a ledger of 25 MB (peak $kb KB)" test "$kb" -lt 24000
is 'its last line is whole now' "$(tail -n 1 ledger)" '{"run_id":"s","record_id":"rec000000000002"}'
printf '{"run_id":"t","reco' >>ledger
ok 'one that was cut short goes' status 0 bt-push --ledger ledger /dev/null
is 'and those before it stay' "$(wc -l <ledger) $(tail -n 1 ledger)" '300001 {"run_id":"s","record_id":"rec000000000002"}'
echo '{"run_id":"s"}' >in
ok 'their keys are known' status 0 bt-push -v --ledger ledger in
like 'all of them' err 'duplicates=1 '
run bt-prune --dry-run --ledger ledger --older-than 1s
is 'bt-prune --dry-run shows each' "$(wc -l <out)" 300000
done_testing
