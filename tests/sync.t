#!/bin/sh
# sync.t - scripts/sync.sh end to end against both stand-ins: exactly once, whatever happens.
. "${0%/*}/lib.sh"

sync=$top/scripts/sync.sh
TMPDIR=$T	# what is killed leaves something behind
export TMPDIR
for t in ls-fetch bt-push bt-prune; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done

# ---- the services, the runs, the expected table ----

end=$(node -p 'new Date(Date.now() - 6e5).toISOString()')
node "$top/tests/data/make-runs.js" --end "$end" --big 0 >runs.ndjson
node "$top/tests/data/make-runs.js" --end "$end" --big 0 --expected >expected.ndjson

# check.js RUNS EXPECTED <ROWS - what the table lacks, has twice, or has wrong; prints nothing when all is right.
# Expected are the roots that have ended, or began more than a day ago and never will.
cat >check.js <<'END'
const fs = require('fs');
const lines = (f) => fs.readFileSync(f, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
const text = (s) => Buffer.from(s).toString();	/* a lone surrogate is U+FFFD */
const [runs, expected] = process.argv.slice(2);
const zoned = (t) => Date.parse(/Z$|[+-]\d\d:?\d\d$/.test(t) ? t : t + 'Z');
const want = new Map(lines(expected).filter((e) => e.input !== null).map((e) => [e.run_id, text(e.input)]));
for (const r of lines(runs)) {
	if (r.parent_run_id || (!r.end_time && zoned(r.start_time) > Date.now() - 864e5))
		want.delete(r.id);
}
const seen = new Set();
for (const row of lines(0)) {
	if (!want.has(row.run_id))
		console.log('not expected: ' + row.run_id);
	else if (want.get(row.run_id) !== text(row.input))
		console.log('another text: ' + row.run_id + ': ' + JSON.stringify(row.input).slice(0, 60));
	if (seen.has(row.run_id))
		console.log('twice: ' + row.run_id);
	seen.add(row.run_id);
}
for (const id of want.keys()) {
	if (!seen.has(id))
		console.log('missing: ' + id);
}
END

# make_run ID SECONDS_AGO TEXT [pending] - a root run.
make_run() {
	t=$(node -p "new Date(Date.now() - $2 * 1000).toISOString().slice(0, 23)")
	printf '{"id":"00000000-0000-4000-8000-%012d","trace_id":"00000000-0000-4000-8000-%012d","name":"r","run_type":"chain",' "$1" "$1"
	printf '"start_time":"%s000","parent_run_id":null,"inputs":{"messages":[{"role":"user","content":"%s"}]},' "$t" "$3"
	case ${4-} in
	pending) printf '"status":"pending","end_time":null}\n' ;;
	*) printf '"status":"success","end_time":"%s500"}\n' "$t" ;;
	esac
}

ls_get() { URL=$LS get "$1"; }
ls_post() { URL=$LS post "$1" "$2" >/dev/null; }
fs_get() { URL=$FS get "$1"; }
fs_post() { URL=$FS post "$1" "$2" >/dev/null; }
rows() { fs_get /_test/rows; }
n_rows() { rows | wc -l | tr -d ' '; }
load() { node "$top/tests/ctl.js" POST "$LS/_test/runs" - >/dev/null; }
texts() { rows | json r.input | sort | tr '\n' ' ' | sed 's/ $//'; }
state_has() { grep -q "$1" state.json; }

write_env() {
	cat >.env <<END
# the settings of this test
LANGSMITH_API_KEY=lsv2_pt_test
  export LANGSMITH_PROJECT='my-app'
LANGSMITH_ENDPOINT = "$LS"

FEISHU_APP_ID=cli_test # a comment
FEISHU_APP_SECRET=secret
FEISHU_BASE_ID=bascnTest
FEISHU_TABLE_ID=tblTest
FEISHU_ENDPOINT=$FS
END
	chmod 600 .env
}

# fresh NAME - an empty working directory, an empty table, no runs; any more arguments start other stand-ins.
fresh() {
	mkdir "$T/$1" && cd "$T/$1" || exit 1
	ls_post /_test/reset '{}'
	ls_post /_test/faults '[]'
	fs_post /_test/reset '{}'
	fs_post /_test/config '{"quota_left":null,"lat":0}'
	fs_post /_test/faults '[]'
	write_env
	unset LLMUTILS_BIN
	LLMUTILS_BIN=$B
	export LLMUTILS_BIN
}

# Tools that do not try for minutes: the same ones behind an option.
impatient() {
	mkdir -p "$T/impatient"
	for t in ls-fetch msg-extract dedup bt-push bt-prune; do
		case $t in
		ls-fetch | bt-*) printf '#!/bin/sh\nexec "%s/%s" --max-retries 1 "$@"\n' "$B" "$t" >"$T/impatient/$t" ;;
		*) ln -sf "$B/$t" "$T/impatient/$t" ;;
		esac
	done
	chmod +x "$T/impatient"/*
	LLMUTILS_BIN=$T/impatient
}

standin langsmith
LS=$URL
standin feishu
FS=$URL
summary='^sync: fetched=[0-9]+ extracted=[0-9]+ duplicates=[0-9]+ pushed=[0-9]+ pruned=[0-9]+ rejected=[0-9]+ seconds=[0-9]+\.[0-9]$'

# ---- the plain case ----

fresh plain
load <"$T/runs.ndjson"
ok 'the first sync succeeds' status 0 "$sync"
rows | node "$T/check.js" "$T/runs.ndjson" "$T/expected.ndjson" >diff
is 'the table has the last user message of every run' "$(cat diff)" ''
like 'the last line is the summary' "$err" "$summary"
is 'it is the only line, on stderr' "$(wc -l <"$err" | tr -d ' ') $(wc -c <"$out" | tr -d ' ')" '1 0'
n=$(n_rows)
like 'the summary has the true number' "$err" " pushed=$n "
ok 'the state is complete' state_has '"complete":true'
is 'the ledger is for the owner only' "$(stat -c %a local_records.ndjson)" 600
ok 'nothing is left over' test ! -e state.json.next -a ! -e rejects.ndjson

cp state.json before
fs_post /_test/log '{}'
ok 'a second sync succeeds' status 0 "$sync"
like 'and pushes nothing' "$err" ' pushed=0 pruned=0 rejected=0 '
is 'the table is as it was' "$(n_rows)" "$n"
is 'nothing was written to Feishu' "$(fs_get /_test/log | json_all 'rows[0].filter((r) => /batch_/.test(r.path)).length')" 0

make_run 1 90 new | load
ok 'a sync after a new run' status 0 "$sync"
like 'pushes one' "$err" ' pushed=1 '
make_run 2 2400 late | load
ok 'a sync after a run that came late' status 0 "$sync"
like 'pushes one, too' "$err" ' pushed=1 '
make_run 3 120 'has not ended' pending | load
ok 'a sync with a run that has not ended' status 0 "$sync"
like 'pushes nothing of it' "$err" ' pushed=0 '
make_run 3 120 'has ended' | load
ok 'a sync after its end' status 0 "$sync"
like 'pushes it' "$err" ' pushed=1 '
rows | json 'r.run_id.startsWith("00000000") ? r.input : undefined' >got
is 'each of them is there once, in order of arrival' "$(tr '\n' ',' <got)" 'new,late,has ended,'
ok 'one more sync' status 0 "$sync"
is 'changes nothing' "$(n_rows)" $((n + 3))

mv state.json lost
ok 'a lost state costs nothing but time' status 0 "$sync"
is 'no row comes twice' "$(n_rows)" $((n + 3))

# A lost ledger: each row is written into its own record once more.
rows=$(n_rows)
mv local_records.ndjson lost
ok 'a state without its ledger: status 2' status 2 "$sync"
like 'with the way out' "$err" 'run with --rebuild'
is 'and nothing was pushed' "$(n_rows)" "$rows"
ok 'a lost ledger is rebuilt from the table' status 0 "$sync" --rebuild
is 'no row comes twice in that, and each has its receipt' "$(n_rows) $(grep -c record_id local_records.ndjson)" "$rows $rows"
is 'the receipts are those that were lost' "$(grep record_id local_records.ndjson | json 'r.run_id + r.record_id' | sort | cksum)" \
	"$(grep record_id lost | json 'r.run_id + r.record_id' | sort | cksum)"
rm state.json
ok 'the next sync, of all history' status 0 "$sync"
like 'has nothing to push' "$err" ' pushed=0 '
rm local_records.ndjson
fs_post /_test/faults '[{"route":"POST /open-apis/bitable/v1/apps/bascnTest/tables/tblTest/records/batch_update","times":0,"act":"status","status":403,"body":{"code":1254302,"msg":"no permission"}}]'
ok 'a rebuilding that fails: status not 0' sh -c '! "$0" --rebuild' "$sync"
ok 'leaves no ledger that looks whole' test ! -e local_records.ndjson
fs_post /_test/faults '[]'
ok 'and can be repeated' status 0 "$sync" --rebuild
is 'to the same end' "$(n_rows) $(grep -c record_id local_records.ndjson)" "$rows $rows"

# ---- quiet and verbose, other servers ----

ok '-q succeeds' status 0 "$sync" -q
is '-q says nothing' "$(cat "$out" "$err")" ''
ls_post /_test/config '{"v2":"off"}'
rm state.json local_records.ndjson
fs_post /_test/reset '{}'
ok '-q of a first sync in small passes, from a server with the old API only' status 0 env SYNC_PASS=50 "$sync" -q
is 'says nothing either' "$(cat "$out" "$err")" ''
is 'and has pushed all' "$(n_rows)" $((n + 3))
ls_post /_test/config '{"v2":"on"}'
ok '-v succeeds' status 0 "$sync" -v
like '-v shows the requests' "$err" '^ls-fetch: POST .*/runs/query: 200'
like "and the tools' summaries" "$err" '^dedup: read='
unlike 'but no secret' "$err" 'lsv2_pt_test|secret'
is 'and the summary last' "$(tail -n 1 "$err" | grep -Ec "$summary")" 1
ok '-q and -v exclude each other' status 2 "$sync" -q -v
ok 'an unknown option is misuse' status 2 "$sync" --frobnicate
ok 'a directory that is not there is misuse' status 2 "$sync" --dir nowhere
cd / || exit 1
ok '--dir names the directory' status 0 "$sync" --dir "$T/plain"
cd "$T/plain" || exit 1

make_run 4 90 dry | load
cp local_records.ndjson ledger
cp state.json state
ok '-n succeeds' status 0 "$sync" -n
is '-n changes nothing' "$(n_rows) $(cmp ledger local_records.ndjson && cmp state state.json && ls state.json.next 2>/dev/null)" "$((n + 3)) "

# ---- .env ----

fresh env
mkdir bin
for t in msg-extract dedup bt-push bt-prune; do ln -s "$B/$t" bin/$t; done
printf '#!/bin/sh\nenv >>"%s/seen"\nexec "%s/ls-fetch" "$@"\n' "$PWD" "$B" >bin/ls-fetch
chmod +x bin/ls-fetch
# shellcheck disable=SC2016
printf '%s\n' 'VA=$(touch pwned)' 'VB=`touch pwned2`' 'VC="$HOME; touch pwned3"' "VD='it is # not a comment'" 'VE=x;touch pwned4' \
	'export VF="two words"  ' 'PATH=/nowhere' 'LD_PRELOAD=/nowhere.so' 'BASH_ENV=x' 'IFS=x' 'not a line' '9Z=x' 'dir=/' \
	'bin=/' 'UID=5' 'VG=	blank # comment' 'VH=a#b' 'VN= # nothing' 'VO=#1' 'V P=x' 'WINS=file' 'VJ=' 'status=7' >>.env
printf 'VK=crlf\r\nVL="crlf"\r\nVM=last' >>.env
WINS=environment
export WINS
LLMUTILS_BIN=$PWD/bin
run "$sync"
is 'nothing in .env is run' "$st $(find . -name 'pwned*')" '0 '
# shellcheck disable=SC2016
has() { grep -qxF -e "$1" seen; }
# shellcheck disable=SC2016
ok 'a value stands as it is' has 'VA=$(touch pwned)'
# shellcheck disable=SC2016
ok 'backquotes too' has 'VB=`touch pwned2`'
# shellcheck disable=SC2016
ok 'and what is in double quotes' has 'VC=$HOME; touch pwned3'
ok 'a # in quotes is no comment' has 'VD=it is # not a comment'
ok 'quotes are removed' has 'VF=two words'
ok 'a comment is removed' has 'VG=blank'
ok 'a # in a word stays' has 'VH=a#b'
ok 'a comment is no value' has 'VN='
ok 'a # at the beginning is a value' has 'VO=#1'
ok 'CRLF is accepted' has 'VK=crlf'
ok 'CRLF after quotes too' has 'VL=crlf'
ok 'the last line needs no newline' has 'VM=last'
ok 'the environment wins' has 'WINS=environment'
like 'a name has no blanks' "$err" '^sync: \.env:30: not KEY=VALUE'
is 'PATH, the loader and the shell stay' "$(grep -Ec '^(PATH=/nowhere|LD_PRELOAD=|BASH_ENV=|IFS=|dir=|bin=|status=)' seen)" 0
for v in PATH LD_PRELOAD BASH_ENV IFS dir bin UID status; do
	like "$v is refused with a warning" "$err" "^sync: \.env:[0-9]+: $v cannot be set here"
done
like 'a line that is no setting is named, but not shown' "$err" '^sync: \.env:21: not KEY=VALUE: ignored$'
unlike 'a warning shows no value' "$err" 'nowhere'
unlike '.env for the owner only is not worth a word' "$err" 'chmod'
chmod 644 .env
run "$sync"
like '.env that others may read is' "$err" '^sync: \.env: others may read.*chmod 600'
unset LANGSMITH_API_KEY WINS
sed -i '/LANGSMITH_API_KEY/d' .env
ok 'no key is status 2' status 2 "$sync"
like 'and says what to set' "$err" '^ls-fetch: .*LANGSMITH_API_KEY'
printf 'lsv2_pt_test\n' >key
printf '\nLANGSMITH_API_KEY_FILE=%s\n' "$PWD/key" >>.env
ok 'a key in a file' status 0 "$sync"
for v in RETENTION_DAYS=two SYNC_PASS=0 SYNC_PASS=x SYNC_TRUNCATE=-1 RETENTION_DAYS=99999999; do
	ok "$v is status 2" status 2 env "$v" "$sync"
	like 'and says so' "$err" "^sync: ${v%%=*}: "
done
LLMUTILS_BIN=$T/nowhere
PATH_=$PATH
PATH=/usr/bin:/bin
mkdir -p "$T/alone/scripts"
cp "$sync" "${sync%/*}/workflow.sh" "$T/alone/scripts/"
ok 'missing tools are status 2' status 2 "$T/alone/scripts/sync.sh"
like 'and say what to do' "$err" '^sync: ls-fetch: not found; run make'
PATH=$PATH_

# ---- failures ----

fresh feishu-fails
load <"$T/runs.ndjson"
fs_post /_test/config '{"quota_left":1}'
ok 'no quota in Feishu: status 3' status 3 "$sync" -q
like 'with the code' "$err" '99991403'
like 'and the summary, also with -q' "$err" "$summary"
ok 'the state does not move' test ! -e state.json
fs_post /_test/config '{"quota_left":null}'
ok 'the next sync succeeds' status 0 "$sync"
rows | node "$T/check.js" "$T/runs.ndjson" "$T/expected.ndjson" >diff
is 'each row is there once' "$(cat diff)" ''

impatient
cp state.json before
make_run 1 90 one | load
fs_post /_test/faults '[{"route":"POST /open-apis/bitable/v1/apps/*/tables/*/records/batch_create","act":"reset-after","times":0}]'
ok 'Feishu answers no more, though it has written: status 3' status 3 "$sync"
same 'the state does not move' state.json before
fs_post /_test/faults '[]'
ok 'the next sync succeeds' status 0 "$sync"
make_run 1 90 one >>"$T/runs.ndjson"
echo '{"run_id":"00000000-0000-4000-8000-000000000001","input":"one"}' >>"$T/expected.ndjson"
rows | node "$T/check.js" "$T/runs.ndjson" "$T/expected.ndjson" >diff
is 'each row is there once' "$(cat diff)" ''

fresh langsmith-fails
impatient
load <"$T/runs.ndjson"
ls_post /_test/faults '[{"route":"POST /api/v2/runs/query","nth":3,"times":0,"act":"status","status":500,"body":{"detail":"no"}}]'
ok 'LangSmith fails in the middle: status 3' status 3 "$sync"
like 'it says who failed' "$err" '^sync: ls-fetch ended with status 3'
ok 'the state does not move' test ! -e state.json
ls_post /_test/faults '[]'
ok 'the next sync succeeds' status 0 "$sync"
rows | node "$T/check.js" "$T/runs.ndjson" "$T/expected.ndjson" >diff
is 'each row is there once' "$(cat diff)" ''

fresh wrong-key
load <"$T/runs.ndjson"
sed -i 's/lsv2_pt_test/lsv2_pt_wrong/' .env
ok 'a wrong key of LangSmith is status 2' status 2 "$sync"
unlike 'it is not shown' "$err" 'lsv2_pt_wrong'
write_env
sed -i 's/=secret/=wrong/' .env
ok 'a wrong secret of Feishu is status 2' status 2 "$sync"
like 'with the code' "$err" '10015'
ok 'nothing moves' test ! -e state.json

# A text cell has a bound; what is beyond is cut, or rejected where nothing may be cut.
fresh long-text
make_run 1 90 "$(node -p '"字".repeat(100001)')" | load
make_run 2 90 short | load
ok 'a text that is too long for a cell' status 0 "$sync"
is 'is cut' "$(rows | json r.input.length | sort -n | tr '\n' ' ')" '5 100000 '
like 'and told' "$err" '1 texts were cut'
rm state.json local_records.ndjson
fs_post /_test/reset '{}'
ok 'SYNC_TRUNCATE=0: it is rejected, status 1' status 1 env SYNC_TRUNCATE=0 "$sync"
like 'and counted' "$err" ' pushed=1 pruned=0 rejected=1 '
is 'the others are there' "$(texts)" short
is 'the row is kept aside' "$(json r.run_id <rejects.ndjson)" 00000000-0000-4000-8000-000000000001
ok 'the state moves on' state_has '"complete":true'

# ---- a history in passes ----

fresh passes
load <"$T/runs.ndjson"
SYNC_PASS=40
export SYNC_PASS
fs_post /_test/faults '[{"route":"POST /open-apis/bitable/v1/apps/*/tables/*/records/batch_create","nth":4,"act":"status","status":200,"body":{"code":1254301,"msg":"OperationTypeError"}}]'
run "$sync"
is 'a pass that fails ends the sync' "$((st >= 2))" 1
ok 'those before it are kept' state_has '"complete":false'
some=$(n_rows)
ok 'with their rows' test "$some" -gt 40
ok 'the next sync' status 0 "$sync"
like 'does only the rest' "$err" " pushed=$((n + 1 - some)) "
ok 'and completes' state_has '"complete":true'
rows | node "$T/check.js" "$T/runs.ndjson" "$T/expected.ndjson" >diff
is 'each row is there once' "$(cat diff)" ''
unset SYNC_PASS

fresh since
make_run 1 400000 old | load
make_run 2 4000 young | load
ok 'SYNC_SINCE bounds the first sync' status 0 env SYNC_SINCE=2d "$sync"
is 'to what is younger' "$(texts)" young

# ---- retention ----

fresh retention
make_run 1 1300000 old | load
make_run 2 1000000 'not so old' | load
make_run 3 500 young | load
ok 'the first sync takes all history' status 0 "$sync"
is 'old runs too' "$(texts)" 'not so old old young'
ok 'the next' status 0 "$sync"
like 'prunes what is older than 14 days' "$err" ' pushed=0 pruned=1 '
is 'from the table' "$(texts)" 'not so old young'
is 'and from the ledger' "$(grep -c 000000000001 local_records.ndjson)" 0
ok 'RETENTION_DAYS is the bound' status 0 env RETENTION_DAYS=2 "$sync"
is 'so that only the young one stays' "$(texts)" young
ok 'RETENTION_DAYS=0' status 0 env RETENTION_DAYS=0 "$sync"
is 'keeps all, and brings none back' "$(texts)" young
fs_post /_test/config '{"missing_scopes":["base:record:delete","bitable:app"]}'
make_run 4 90 newer | load
run env RETENTION_DAYS=1 "$sync"
is 'when there is nothing to prune, nobody asks for the right to' "$st $(texts)" '0 newer young'

# ---- the table is not as it should be ----

standin feishu --columns run_id:1,input:1
other=$FS FS=$URL
fresh columns
load <"$T/runs.ndjson"
ok 'a table without a column: status 2' status 2 "$sync"
like 'it is named' "$err" 'no field for .*timestamp'
like 'and what to do' "$err" '--create-fields'
ok 'nothing is pushed, nothing moves' test "$(n_rows)" = 0 -a ! -e state.json
ok '--create-fields makes it' status 0 "$sync" --create-fields
is 'and all rows are there' "$(n_rows)" $((n + 1))
FS=$other

# ---- one at a time ----

fresh lock
make_run 1 90 one | load
sh -c 'exec 9>.sync.lock; flock 9; exec sleep 60' &
holder=$!
within 5 sh -c '! flock -n .sync.lock true'
ok 'a second sync in the same directory ends at once, status 0' status 0 "$sync"
like 'and says why' "$err" '^sync: another sync is at work'
is 'it has done nothing' "$(n_rows)" 0
ok 'with -q' status 0 "$sync" -q
is 'not even that' "$(cat "$out" "$err")" ''
kill $holder
within 5 flock -n .sync.lock true
ok 'when the first has ended, the next does its work' status 0 "$sync"
is 'it does' "$(texts)" one

# ---- signals ----

# The process groups of a sync differ, but not its session.
start_sync() {
	setsid env --default-signal=INT sh -c 'echo $$ >pid; exec "$0" -q' "$sync" 2>log &
	shell=$!
	within 5 test -s pid
	pid=$(cat pid)
}
alive() { ps -o stat= -s "$pid" | grep -qv '^Z'; }
gone() { ! alive; }
asked() { fs_get /_test/log | grep -q batch_create; }

for sig in TERM INT; do
	fresh "signal-$sig"
	load <"$T/runs.ndjson"
	fs_post /_test/faults '[{"route":"POST /open-apis/bitable/v1/apps/*/tables/*/records/batch_create","act":"hang-after"}]'
	fs_post /_test/log '{}'
	start_sync
	within 10 asked
	kill -$sig "$pid"
	wait $shell 2>/dev/null
	is "SIG$sig ends the sync with its status" $? "$([ $sig = INT ] && echo 130 || echo 143)"
	ok 'and the whole pipeline' within 10 gone
	ok 'the state does not move' test ! -e state.json
	ok 'the next sync succeeds' status 0 "$sync"
	rows | node "$T/check.js" "$T/runs.ndjson" "$T/expected.ndjson" >diff
	is 'each row is there once' "$(cat diff)" ''
done

fresh signal-prune
make_run 1 90 one | load
run "$sync"
awk 'BEGIN { for (i = 0; i < 501; i++) print "{\"run_id\":\"o" i "\",\"record_id\":\"recO" i "\",\"timestamp\":\"2020-01-01T00:00:00Z\"}" }' >>local_records.ndjson
fs_post /_test/faults '[{"route":"POST /open-apis/bitable/v1/apps/*/tables/*/records/batch_delete","nth":2,"act":"hang"}]'
fs_post /_test/log '{}'
rm -f pid
start_sync
twice() { [ "$(fs_get /_test/log | grep -o batch_delete | wc -l)" = 2 ]; }
within 10 twice
kill -TERM "$pid"
wait $shell 2>/dev/null
like 'what was pruned before a signal is not taken off what was pushed' log ' pushed=0 pruned=500 '

# Every process of the sync is killed, at moments from the start to beyond the end.
fresh kill
load <"$T/runs.ndjson"
fs_post /_test/config '{"lat":80}'
SYNC_PASS=15
export SYNC_PASS
for ms in 20 40 55 70 85 100 120 140 170 200 250 60 75 95 130 155; do
	rm -f pid
	start_sync
	sleep "$(printf '0.%03d' "$ms")"
	ps -o pid= -s "$pid" | xargs -r kill -9 2>/dev/null
	wait $shell 2>/dev/null
	within 10 gone
done
ok 'the kills came in the middle of the work' test "$(n_rows)" -lt $((n + 1))
fs_post /_test/config '{"lat":0}'
ok 'after sixteen kills the next sync succeeds' status 0 "$sync"
rows | node "$T/check.js" "$T/runs.ndjson" "$T/expected.ndjson" >diff
is 'each row is there once' "$(cat diff)" ''
ok 'the state is complete' state_has '"complete":true'
ok 'and the one after it' status 0 "$sync"
like 'has nothing to push' "$err" ' pushed=0 '
unset SYNC_PASS

# ---- surroundings that mislead ----

if [ -c /dev/full ]; then
	ok 'a log that is full does not make a good sync fail' sh -c '"$0" 2>/dev/full' "$sync"
fi
here=$PWD
mkdir -p "$T/elsewhere/${here##*/}"
ok 'CDPATH does not lead elsewhere' env CDPATH="$T/elsewhere" sh -c 'cd .. && "$0" -q --dir "$1"' "$sync" "${here##*/}"
ok 'really not' test ! -e "$T/elsewhere/${here##*/}/state.json"
ok 'an empty --dir is misuse' status 2 "$sync" --dir ''
mkdir "$T/nomv"
printf '#!/bin/sh\nexit 1\n' >"$T/nomv/mv"; chmod +x "$T/nomv/mv"
ok 'a state that cannot be moved: status 3' env PATH="$T/nomv:$PATH" sh -c '"$0" 2>err; [ $? = 3 ]' "$sync"
ln -s "$sync" "$T/link.sh"
ok 'called by a symbolic link it finds its tools' status 0 "$T/link.sh"

# ---- real runs ----

real=$top/../shared/data
if [ -e "$real/langsmith_runs.ndjson" ]; then
	fresh real
	# What LangSmith always gives is put where a download has left it out.
	cat >prepare.js <<'END'
const lines = (f) => require('fs').readFileSync(f, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
const [runs, expected, what] = process.argv.slice(2);
const known = new Map(lines(expected).map((e) => [e.id, e.expected]));
const iso = (t) => typeof t === 'string' ? t.replace(' ', 'T') : new Date(t || Date.now() - 6e4).toISOString().slice(0, 23);
for (const r of lines(runs).filter((l) => known.has(l.id))) {
	const run = Object.assign({name: 'r', run_type: 'chain', trace_id: r.id, status: 'success'}, r,
		{start_time: iso(r.start_time), end_time: iso(r.end_time), parent_run_id: null, session_id: undefined});
	console.log(JSON.stringify(what === 'runs' ? run : {run_id: r.id, input: known.get(r.id)}));
}
END
	node prepare.js "$real/langsmith_runs.ndjson" "$real/expected_last_user.ndjson" runs >runs
	node prepare.js "$real/langsmith_runs.ndjson" "$real/expected_last_user.ndjson" expected >expected
	load <runs
	ok 'real runs' status 0 "$sync"
	rows | node "$T/check.js" runs expected >diff
	is 'their last user messages are in the table' "$(n_rows) $(cat diff)" "$(grep -vc ':null' expected) "
else
	skip 2 'no real runs here'
fi

done_testing
