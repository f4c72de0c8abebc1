#!/bin/sh
# bt-push and bt-prune: the corners where a row could come twice, get lost, or be deleted wrongly.
. "${0%/*}/lib.sh"

FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret FEISHU_BASE_ID=bascnTest FEISHU_TABLE_ID=tblTest
export FEISHU_APP_ID FEISHU_APP_SECRET FEISHU_BASE_ID FEISHU_TABLE_ID FEISHU_ENDPOINT
start() {
	standin feishu "$@"
	FEISHU_ENDPOINT=$URL
}
gen() {	# PREFIX N: rows
	row=1
	while [ $row -le "$2" ]; do
		echo "{\"run_id\":\"$1-$row\",\"timestamp\":\"2026-11-20T10:00:00Z\",\"input\":\"text $1 $row\"}"
		row=$((row + 1))
	done
}
faults() { post /_test/faults "$1" >/dev/null; }
count() { get /_test/rows | grep -c "$1"; }	# ERE in the table's rows
table='/open-apis/bitable/v1/apps/bascnTest/tables/tblTest/records'
create="POST $table/batch_create" delete="POST $table/batch_delete"

start
# --- a batch that was written, and whose sending again is refused
for c in 1254103:200 1254302:403 1254607:400 1254045:200 91403:403 1254015:400; do
	code=${c%:*}
	gen "a$code" 3 >in
	faults "[{\"route\":\"$create\",\"times\":0,\"act\":\"reset-after\"}]"
	run bt-push --ledger "l.$code" --max-retries 0 in
	faults "[{\"route\":\"$create\",\"times\":3,\"act\":\"status\",\"status\":${c#*:},\"body\":{\"code\":$code,\"msg\":\"x\"}}]"
	run bt-push --ledger "l.$code" in
	faults '[]'
	run bt-push --ledger "l.$code" in
	is "written, lost, then refused with $code: every row once" "$(count "a$code-")" 3
done

# --- refusals that are not the rows' fault
gen b 2 >in
faults "[{\"route\":\"$create\",\"times\":0,\"act\":\"status\",\"status\":400,\"body\":{\"code\":1254607,\"msg\":\"Data not ready\"}}]"
ok 'a service that stays busy rejects no row: status 3' status 3 bt-push --ledger l.b --rejects rej in
ok 'none at all' test ! -s rej
faults '[]'
ok 'they go the next time' status 0 bt-push --ledger l.b in
gen c 4 >in
faults "[{\"route\":\"$create\",\"times\":1,\"act\":\"status\",\"status\":413,\"body\":\"too large\"}]"
ok 'a gateway that finds the batch too large gets smaller ones' status 0 bt-push --ledger l.c in
is 'all rows are there' "$(count '"c-')" 4

# --- pruning
gen d 3 >in
run bt-push --ledger l.d in
faults "[{\"route\":\"$delete\",\"times\":0,\"act\":\"reset\"}]"
ok 'deletions that never work: status 3' status 3 bt-prune --ledger l.d --older-than 1s --max-retries 0
faults '[]'
is 'table and ledger keep the rows' "$(count '"d-') $(grep -c record_id l.d)" '3 3'
now=$(date +%s)
printf '{"run_id":"e1","timestamp":%s}\n{"run_id":"e2","timestamp":%s.5e3}\n{"run_id":"e3","timestamp":%s000}\n' "$now" "$now" "$now" >in
run bt-push --ledger l.e in
ok 'times as numbers are read as bt-push reads them' status 0 bt-prune --ledger l.e --older-than 14d
is 'nothing fresh is deleted' "$(grep -c record_id l.e)" 3
gen w 3 >in
run bt-push --ledger l.w in
grep record_id l.w >unbound
other=$(node -e '
	const http = require("http"), u = new URL(process.env.FEISHU_ENDPOINT);
	const call = (path, body, token, then) => http.request({host: u.hostname, port: u.port, method: "POST", path,
		headers: {"Content-Type": "application/json", Authorization: "Bearer " + token}}, (r) => {
		let t = ""; r.on("data", (d) => t += d); r.on("end", () => then(JSON.parse(t))); }).end(JSON.stringify(body));
	call("/open-apis/auth/v3/tenant_access_token/internal", {app_id: "cli_test", app_secret: "secret"}, "", (a) =>
		call("/open-apis/bitable/v1/apps/bascnTest/tables", {table: {name: "other", fields: [{field_name: "run_id", type: 1}]}},
			a.tenant_access_token, (t) => console.log(t.data.table_id)));')
ok 'a rebuilt ledger and the wrong table: status 2' status 2 bt-prune --ledger unbound --table "$other" --older-than 1s
is 'keeps its receipts' "$(grep -c record_id unbound)" 3
ok 'bt-push binds it' sh -c 'echo "{\"run_id\":\"w-new\"}" | bt-push --ledger unbound'
ok 'to its table' sh -c 'echo "{\"run_id\":\"w-new2\"}" | bt-push --ledger unbound --table "$0" 2>err; [ $? = 2 ]' "$other"

# --- odd ledgers
mkdir real; ln -s real/ledger link
gen g 2 >in
run bt-push --ledger link in
ok 'a symbolic link to the ledger stays one' test -L link
is 'and its target has the receipts, nothing else' "$(grep -c record_id real/ledger) $(wc -l <real/ledger)" '2 3'
gen i 2 >in
run bt-push in
json_all 'rows.map((r) => JSON.stringify({run_id: r.run_id, record_id: r.record_id, intent: "book"})).join("\n")' <out >l.i
ok 'receipts may have a column "intent"' status 0 bt-push --ledger l.i in
is 'and count' "$(count '"i-') $(grep -c book l.i)" '2 2'
echo '{"run_id":17,"input":"n"}' >in
run bt-push in
echo '{"run_id":"17","record_id":"recX"}' >l.n
run bt-push -v --ledger l.n in
like 'a key is the same as a number and as text' err 'pushed=0 .*duplicates=1'

head -n 1 real/ledger | sed 's/:1,/: 1,/' | tr -d '\n' >l.h
gen h 2 >in
run bt-push --ledger l.h in
ok 'nothing is glued to a first line of another spelling, without its newline' status 0 bt-push --ledger l.h in
is 'the rows are there once' "$(count '"h-') $(wc -l <l.h)" '2 3'
echo '{"intent":"?","rows":[],"records":[]}' >l.q
ok 'an intent that cannot be read is not passed over: status 2' status 2 bt-push --ledger l.q in
gen o 2 | sed 's/"input"/"id":"x","input"/' >in
post /_test/fields '{"field_name":"id","type":1}' >/dev/null
faults "[{\"route\":\"$create\",\"times\":0,\"act\":\"reset-after\"}]"
run bt-push --ledger l.o --max-retries 0 in
faults '[]'
ok 'nor one of rows that another key names: status 2' status 2 bt-push --ledger l.o --key input in
ok 'with their own key it is settled' status 0 bt-push --ledger l.o in
is 'and they are there once' "$(count '"o-')" 2
ok 'a ledger must be a file: status 2' status 2 bt-push --ledger /dev/null in
like 'and is told so' err 'not a regular file'

# --- stopping
{ gen j 3; echo bad; gen j2 1; } >in
ok '--strict: status 1' status 1 bt-push --strict --ledger l.j in
is 'the rows before the bad one are pushed, those behind it not' "$(count '"j-') $(count '"j2-')" '3 0'
{ gen s 2; printf '{"run_id":"s3","input":"%0100001d"}\n' 0; gen s4 2; } >in
ok '--strict and a row that the service refuses: status 1' status 1 bt-push --strict --ledger l.s --batch 4 in nowhere
is 'the rows before it are pushed, those behind it not, nor other files' "$(count '"s-') $(count '"s4-') $(grep -c nowhere err)" '2 0 0'
ok 'the next run goes on behind it' status 1 bt-push --ledger l.s in
is 'with all of them' "$(count '"s-') $(count '"s4-')" '2 2'
{ echo bad; echo '{"run_id":"k","nofield":1}'; } >in
run bt-push --rejects rej.k in
is 'rejected lines are kept when the run ends early' "$(cat rej.k)" bad
ends() {	# HOW STATUS ARGS...: with the line "bad" before its rows
	how=$1 want=$2; shift 2
	rm -f rej
	run bt-push -v --rejects rej "$@"
	is "$how: status, what was rejected, and the summary once, at the end" \
		"$st $(cat rej) $(grep -c ': read=' err) $(tail -n 1 err | grep -c ': read=.* rejected=1 ')" "$want bad 1 1"
}
gen y 1 >in
run bt-push --ledger l.y in
sed -i '1s/"table":"./"table":"0/' l.y
{ echo bad; gen end 2; } >in
ends 'a ledger of another table' 2 --ledger l.y in
ends 'a key that is no field' 2 --ledger l.z --key nofield in
faults "[{\"route\":\"$create\",\"times\":0,\"act\":\"reset\"}]"
ends 'no answer' 3 --max-retries 0 in
faults '[]'
{ echo bad; gen end2 2; echo '{"run_id":"end3"," note ":"x"}'; } >in
ends 'a field that cannot be had' 3 --create-fields in
is 'what stood before it is pushed' "$(count '"end2-')" 2
{ echo bad; gen end4 1; } >in
ok 'a full stdout: status 3' sh -c 'rm -f rej; bt-push --rejects rej in >/dev/full 2>err; [ $? = 3 ]'
is 'the rejected line is kept' "$(cat rej)" bad
if [ -z "$SAN" ]; then
	n=0 st=3
	while [ $n -lt 20 ] && [ $st != 1 ]; do
		n=$((n + 1)); { echo bad; gen "full$n" 2; } >in
		FAULT_AT=$n FAULT_ACT=ENOSPC FAULT_CALLS=fsync,rename LD_PRELOAD=$B/fault.so bt-push -v --ledger "l.full$n" --rejects "rej$n" in >out 2>err; st=$?
		[ $st = 3 ] && [ "$(grep -c ': read=' err)" != 1 ] && echo "# at $n: $(grep -c ': read=' err) summaries"
		[ "$(cat "rej$n")" = bad ] || { echo "# at $n: rejects: $(cat "rej$n")"; st=; break; }
	done
	is 'a full disk below the ledger, at each step: the rejected line is kept' "$st $((n > 6))" '1 1'
else
	skip 1 'the shim cannot be loaded before a sanitizer'
fi
gen r 2 >in
for what in "GET ${table%/records}/fields" 'POST /open-apis/auth/v3/tenant_access_token/internal'; do
	faults "[{\"route\":\"$what\",\"times\":0,\"act\":\"status\",\"status\":500,\"body\":\"ill\"}]"
	ok "no batch was sent: status 3 ($what)" status 3 bt-push --max-retries 0 in
	unlike 'and none is said to be in doubt' err unknown
done
faults '[]'
run bt-push in
cp out pushed
faults "[{\"route\":\"POST $table/batch_update\",\"times\":0,\"act\":\"reset-after\"}]"
run bt-push --update --max-retries 0 pushed
like 'an update in doubt can be repeated' err 'unknown whether .* run again: .*no harm'
faults '[]'
gen f 4 >in
mkfifo pipe
bt-push --ledger l.f --batch 2 <pipe >live 2>err & pid=$!
exec 3>pipe
cat in >&3
within 5 grep -q f-4 live
kill -TERM $pid; wait $pid 2>/dev/null
is 'SIGTERM after pushed batches: 143' $? 143
exec 3>&-
is 'the ledger is left clean' "$(grep -c record_id l.f) $(grep -c intent l.f)" '4 0'

# --- fields
printf '{"run_id":"l1"," note ":"hello"}\n' >in
ok 'a name that the service changes is told, not dropped' status 3 bt-push --create-fields in
like 'with the name' err "no field ' note ' even after creating it"
printf '{"run_id":"l3","dup":1,"dup":"text"}\n' >in
ok 'of two members of one name the last gives the type' status 0 bt-push --create-fields in
echo '{"brandnew":"x"}' >in
run bt-push --dry-run --create-fields in
is 'a dry run shows fields to come' "$(cat out)" '{"fields":{"brandnew":"x"}}'
echo '{"input":"no key"}' >in
ok 'and rejects a row that the ledger could not name' status 1 bt-push --dry-run --ledger l.none in
post /_test/fields '{"field_name":"n","type":2}' >/dev/null
echo '{"run_id":"cut","input":"longer than five","n":"none"}' >in
run bt-push -v --truncate 5 in
like 'a text of a row that is rejected is not counted as cut' err 'rejected=1 truncated=0 '
gen nnnnnnnnnn 2 >in
run bt-push --upsert --truncate 5 in; run bt-push --upsert --truncate 5 in
is '--truncate leaves the key alone' "$(count nnnnnnnnnn)" 2
for type in 2 5; do
	standin_stop; start --columns "run_id:$type,timestamp:5,input:1"
	[ $type = 2 ] && key=1.0 || key='"2026-11-20T10:00:00Z"'
	echo "{\"run_id\":$key,\"input\":\"x\"}" >in
	run bt-push --upsert in; run bt-push --upsert in
	is "--upsert finds a key in a field of type $type" "$(count record_id)" 1
done
standin_stop; start --columns 'run_id:1,timestamp:5,input:1,file:17'
{ gen file 1; echo '{"run_id":"file-2","file":"boxElsewhere"}'; gen file3 1; } >in
ok "a file of another base is its row's fault: status 1" status 1 bt-push --ledger l.file in
like 'named' err 'in:2: .*1254303'
is 'the other rows are pushed' "$(count '"file')" 2
standin_stop; start --columns 'name:1,run_id:20,input:1'
gen z 1 >in
ok 'a key that the table computes is refused' status 2 bt-push --upsert in
done_testing
