#!/bin/sh
# bt-prune: old rows leave the table and the ledger, and nothing else does.
. "${0%/*}/lib.sh"

FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret FEISHU_BASE_ID=bascnTest FEISHU_TABLE_ID=tblTest
standin feishu
FEISHU_ENDPOINT=$URL
export FEISHU_APP_ID FEISHU_APP_SECRET FEISHU_BASE_ID FEISHU_TABLE_ID FEISHU_ENDPOINT
rows() { get /_test/rows | json r.run_id | sort | tr '\n' ' '; }
ago() { date -u -d "@$(($(date +%s) - $1))" +%Y-%m-%dT%H:%M:%S; }	# SECONDS
faults() { post /_test/faults "$1" >/dev/null; }
delete='POST /open-apis/bitable/v1/apps/bascnTest/tables/tblTest/records/batch_delete'
day=86400
fill() {
	post /_test/reset '{}' >/dev/null; rm -f ledger
	{
		echo "{\"run_id\":\"old1\",\"timestamp\":\"$(ago $((15 * day)))Z\"}"
		echo "{\"run_id\":\"old2\",\"timestamp\":\"$(ago $((14 * day + 5))).999\"}"
		echo "{\"run_id\":\"edge\",\"timestamp\":\"$(ago $((14 * day - 60)))Z\"}"
		echo "{\"run_id\":\"new\",\"timestamp\":\"$(ago 60)Z\"}"
		echo '{"run_id":"undated","input":"x"}'
	} >in
	bt-push --ledger ledger in >/dev/null
	post /_test/rows '[{"run_id":"theirs","timestamp":0}]' >/dev/null
}

fill
run bt-prune -v --dry-run --ledger ledger --older-than 14d
like 'a dry run counts, changes nothing,' err 'read=5 pruned=0 kept=5 requests=0 '
is 'shows what is old' "$(json r.run_id <out | tr '\n' ' ')" 'old1 old2 '
is 'and removes nothing' "$(rows)" 'edge new old1 old2 theirs undated '
run bt-prune -v --ledger ledger --older-than 14d
is 'it ends well' $st 0
is 'the removed rows are printed' "$(json r.run_id <out | tr '\n' ' ')" 'old1 old2 '
is 'they are gone from the table, others are not touched' "$(rows)" 'edge new theirs undated '
is 'and from the ledger' "$(grep record_id ledger | json r.run_id | tr '\n' ' ')" 'edge new undated '
like 'a row without a time stays, and is told' err '1 rows have no timestamp'
like 'the summary' err 'read=5 pruned=2 kept=3'
post /_test/log '' >/dev/null
ok 'nothing old: nothing is asked of the service' status 0 bt-prune -v --ledger ledger --older-than 14d
is 'not one call' "$(get /_test/log | json_all 'rows[0].length')" 0
ok 'a pruned row may come again' status 0 bt-push --ledger ledger in
is 'and is pushed' "$(rows)" 'edge new old1 old2 theirs undated '

while IFS='|' read -r what fault; do
	fill
	faults "[$fault]"
	run bt-prune --ledger ledger --older-than 14d --timeout 1s
	is "$what: it comes through" $st 0
	is "$what: gone once, from both" "$(rows)$(grep -c record_id ledger)" 'edge new theirs undated 3'
	is "$what: both are printed" "$(json r.run_id <out | sort | tr '\n' ' ')" 'old1 old2 '
done <<E
a reset after the service deleted|{"route":"$delete","act":"reset-after"}
a reset before|{"route":"$delete","act":"reset"}
no answer after the deletion|{"route":"$delete","act":"hang-after"}
504 after the deletion|{"route":"$delete","act":"after","status":504,"body":{"code":1255040,"msg":"x"}}
1254291|{"route":"$delete","act":"status","status":200,"body":{"code":1254291,"msg":"Write conflict"}}
E
fill
cp ledger full; bt-prune -q --ledger ledger --older-than 14d >/dev/null; cp full ledger
ok 'rows that are gone already (a crash before the ledger was written)' status 0 bt-prune --ledger ledger --older-than 14d
is 'leave the ledger' "$(grep -c record_id ledger)" 3
fill
faults "[{\"route\":\"$delete\",\"times\":0,\"act\":\"status\",\"status\":403,\"body\":{\"code\":1254302,\"msg\":\"no permission\"}}]"
run bt-prune --ledger ledger --older-than 14d
is 'no right to delete: status 3' $st 3
like 'with the reason' err 'code 1254302.*advanced permissions'
is 'and the ledger stays' "$(grep -c record_id ledger)" 5
faults '[]'
fill
i=0; while [ $i -lt 1200 ]; do i=$((i + 1)); echo "{\"run_id\":\"m$i\",\"timestamp\":\"2026-01-01T00:00:00Z\"}"; done >many
bt-push --ledger ledger many >/dev/null
ok 'more than one call may delete' status 0 bt-prune --ledger ledger --older-than 14d
is 'all of them' "$(rows)" 'edge new theirs undated '
fill
head -n 499 many | bt-push --ledger ledger >/dev/null		# with the two of fill: the 501st has a call of its own
{ head -n 1 ledger; grep m499 ledger; } >other
grep record_id ledger >unbound
bt-prune -q --ledger other --older-than 14d >/dev/null
ok 'records that are gone are no sign of another table where others were there' status 0 bt-prune --ledger unbound --older-than 14d
is 'all are gone, and printed' "$(rows)$(wc -l <out)" 'edge new theirs undated 501'
fill
{
	head -n 1 ledger
	grep old ledger | json_all 'JSON.stringify({intent: "11111111-1111-4111-8111-111111111111", at: new Date().toISOString(),
		rows: rows.map((r) => ({run_id: r.run_id, timestamp: r.timestamp})), records: rows.map((r) => ({fields: {run_id: r.run_id}}))})'
	grep record_id ledger
} >killed
run bt-prune --ledger killed --older-than 14d
ok 'after a kill of bt-push behind its last receipt' bt-push --ledger killed /dev/null
is 'what was pruned does not come again' "$(rows)$(grep -c record_id killed)" 'edge new theirs undated 3'
fill
faults "[{\"route\":\"$delete\",\"act\":\"reset-after\"},{\"route\":\"${delete%delete}get\",\"act\":\"hang\"}]"
post /_test/log '' >/dev/null
bt-prune -q --ledger ledger --older-than 14d >out 2>err & pid=$!
asked() { get /_test/log | grep -q batch_get; }
within 5 asked
kill -TERM $pid; wait $pid
is 'SIGTERM while it asks what is gone: 143, without a word' "$?$(cat err)" 143
is 'and the next run goes on' "$(bt-prune -q --ledger ledger --older-than 14d | wc -l)" 2
awk 'BEGIN { for (i = 0; i < 30000; i++) print "{\"run_id\":\"x" i "\",\"record_id\":\"recX\",\"timestamp\":\"2026-01-01T00:00:00Z\"}" }' >large
mkfifo pipe
bt-prune --dry-run --ledger large --older-than 14d >pipe 2>err & pid=$!
exec 3<pipe
head -n 1 <&3 >/dev/null
kill -TERM $pid
cat <&3 >/dev/null; exec 3<&-; wait $pid
is 'SIGTERM while it reads the ledger: 143, without a word' "$?$(cat err)" 143
ok 'misuse: no ledger' status 2 bt-prune --older-than 14d
ok 'misuse: no age' status 2 bt-prune --ledger ledger
ok 'misuse: no duration' status 2 bt-prune --ledger ledger --older-than soon
ok 'misuse: a number without its unit' status 2 bt-prune --ledger ledger --older-than 14
like 'with what was meant' err 'days are 14d'
ok 'misuse: everything' status 2 bt-prune --ledger ledger --older-than 0d
ok 'a ledger that is not there is nothing to prune' status 0 bt-prune --ledger nowhere --older-than 14d
ok 'and does not come into being' test ! -e nowhere
fill
if [ -z "$SAN" ]; then
	LD_PRELOAD=$B/fault.so FAULT_AT=0 FAULT_LOG=calls bt-prune -q --ledger ledger --older-than 14d >/dev/null
	calls=$(cat calls) n=0 bad=
	while [ $n -lt "$calls" ]; do
		n=$((n + 1)); fill
		LD_PRELOAD=$B/fault.so FAULT_AT=$n FAULT_ACT=kill bt-prune --ledger ledger --older-than 14d >/dev/null 2>err
		bt-prune --ledger ledger --older-than 14d >/dev/null 2>err || bad="$bad $n(status)"
		[ "$(rows)$(grep -c record_id ledger)" = 'edge new theirs undated 3' ] || bad="$bad $n"
	done
	is "killed at each of $calls calls and run again: table and ledger agree" "$bad" ''
else
	skip 1 'the shim cannot be loaded before a sanitizer'
fi
done_testing
