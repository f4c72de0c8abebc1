#!/bin/sh
# rec-write(1): what it fills in, where it writes, what it passes on.  Faults are in rec-write-faults.t.
. "${0%/*}/lib.sh"

DAY=2025-12-07
rec() { printf '{"id":"%s","timestamp":"%sT10:00:00","session_id":%s,"success":true}\n' "$1" "${3:-$DAY}" "${2:-1}"; }
seq_rec() { awk -v n="$1" -v d=$DAY 'BEGIN { for (i = 1; i <= n; i++) printf "{\"id\":\"%d\",\"timestamp\":\"%sT10:00:00\"}\n", i, d }'; }
ids() { json r.id | tr '\n' ' '; }
tree() { (cd "$1" && find . -type f ! -name .lock | sed 's|^\./||' | sort | tr '\n' ' '); }
by_date() { cat "$1"/by_date/*.json; }
# feed CMD...: like run, also at the end of a pipe; the status is then $(fed)
feed() { run "$@"; echo $st >.tap/fed; }
fed() { cat .tap/fed; }
one() {	# NAME RECORD FILES: the files that a record goes to
	rm -rf t
	printf '%s\n' "$2" | feed rec-write --dir t
	is "$1" "$(fed) $(tree t)" "0 $3real_time/latest.json "
}

# ---- bytes ----

cat >example <<'END'
{"id":"3a17b8cf-500d-4f38-a231-aaf01244fa37","timestamp":"2025-12-07T12:24:08.275173","session_id":1,"message_id":12,"role_name":"产品专员","step_id":1,"round_index":1,"provider":"claude","model":"claude-3-5-sonnet-20241022","prompt":"完整的原始提示词内容...","response":"完整的LLM响应内容...","success":true,"error_message":null,"performance_metrics":{"response_time_ms":28909,"prompt_length":451,"response_length":2387,"history_messages_count":0},"metadata":{"stage":"completed","task_type":"ask_question","session_topic":"选择一款泛血管介入产品...","api_response_time":null,"model_used":"claude-3-5-sonnet-20241022","finalized":true}}
END
ok 'a record with id and timestamp' status 0 rec-write --dir t -v example
is 'the summary of -v' "$(sed 's/seconds=.*//' "$err")" \
	'rec-write: read=1 written=1 filled=0 errors=0 rejected=0 lost=0 repaired=0 '
is 'the files that it goes to' "$(tree t)" \
	"by_date/${DAY}_all_interactions.json by_session/session_1/$DAY.json real_time/latest.json "
for f in "$out" t/by_date/* t/by_session/session_1/* t/real_time/latest.json; do
	same "unchanged, byte for byte: ${f#"$T/"}" "$f" example
done
rm -rf t
{ printf '\357\273\277\r\n \t'; sed 's/$/ \r/' example; printf '\n\n'; tr -d '\n' <example; } | feed rec-write --dir t
cat example example >want
same 'what stands around a record is not part of it' t/by_date/${DAY}_all_interactions.json want
same '...' "$out" want
rm -rf t
odd='{"id" : 9007199254740993 , "timestamp":"2025-12-07 23:59:59Z","x":1.0,"x":1e400,"\u0073":"\ud800", "nested":{"id":null}}'
printf '%s\n' "$odd" | feed rec-write --dir t
is 'the spelling of numbers, escapes, double names stay' "$(cat "$out")" "$odd"

# ---- filling ----

uuid='[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
now="$(TZ=CST-8 date +%Y-%m-%d)T[0-9:]{8}\\.[0-9]{6}\\+08:00"
fill() {	# NAME RECORD WANTED-ERE
	rm -rf t
	printf '%s\n' "$2" | feed env TZ=CST-8 rec-write --dir t
	like "$1" "$out" "$3"
	cat t/by_date/*.json >have
	same '... and so it is written' have "$out"
}
fill 'id and timestamp are added' '{"a":1}' "^\\{\"a\":1,\"id\":\"$uuid\",\"timestamp\":\"$now\"\\}\$"
fill 'to an empty object too' '{}' "^\\{\"id\":\"$uuid\",\"timestamp\":\"$now\"\\}\$"
fill 'null is missing, and is replaced where it stands' '{"timestamp":null,"id": null ,"z":[]}' \
	"^\\{\"timestamp\":\"$now\",\"id\": \"$uuid\" ,\"z\":\\[\\]\\}\$"
fill 'so is an empty string' '{"id":"","timestamp":"","z":1.50}' "^\\{\"id\":\"$uuid\",\"timestamp\":\"$now\",\"z\":1\\.50\\}\$"
fill 'an id that is there stays' '{"id":"mine"}' "^\\{\"id\":\"mine\",\"timestamp\":\"$now\"\\}\$"
fill 'a timestamp that is there stays' '{"timestamp":"2020-01-02T03:04:05"}' "^\\{\"timestamp\":\"2020-01-02T03:04:05\",\"id\":\"$uuid\"\\}\$"
printf '{}\n' | feed env TZ=UTC0 rec-write --dir t
like 'in UTC the zone is Z' "$out" '"timestamp":"[0-9]{4}-[0-9-]{5}T[0-9:]{8}\.[0-9]{6}Z"\}$'
is 'the summary counts them' "$(printf '{}\n{"id":1}\n{"id":1,"timestamp":"2020-01-01"}\n' | rec-write -v --dir t 2>&1 >/dev/null |
	grep -o 'filled=.')" filled=2
i=0; while [ $i -lt 500 ]; do echo '{}'; i=$((i + 1)); done | feed rec-write --dir t
is 'ids differ' "$(json r.id <"$out" | sort -u | wc -l | tr -d ' ')" 500

# ---- rejects ----

cat >bad <<'END'
{"id":"1","timestamp":"2025-12-07T10:00:00"}
{"id":["x"]}
{"timestamp":"yesterday"}
{"timestamp":1733567048}
{"session_id":{"a":1}}
nonsense
{"id":"2","timestamp":"2025-12-07T10:00:00"}
END
rm -rf t
ok 'what is no record is rejected' status 1 rec-write --dir t --rejects rej bad
sed -n '1p;7p' bad >want
same '... the others pass' "$out" want
by_date t >have
same '... and are written' have want
sed -n '2,6p' bad >want
same '... --rejects keeps them' rej want
cat >want <<'END'
rec-write: bad:2: id is neither a string nor a number
rec-write: bad:3: timestamp is not a time, such as "2025-12-07T12:24:08.275173"
rec-write: bad:4: timestamp is not a time, such as "2025-12-07T12:24:08.275173"
rec-write: bad:5: session_id is neither a string nor a number
rec-write: bad:6:1: not JSON
END
same '... and they are named' "$err" want
rm -rf t
ok '--strict stops at the first' status 1 rec-write --dir t --strict bad
is '... what came before is written and passed on' "$(ids <"$out")/$(by_date t | ids)" '1 /1 '
rm -rf t
{ rec 1; printf '{"id":"long","x":"%s"}\n' "$(head -c 3000 /dev/zero | tr '\0' x)"; rec 2; } | feed rec-write --dir t --max-line 1K
is '--max-line' "$(fed) $(ids <"$out")$(by_date t | ids)" '1 1 2 1 2 '

# ---- where it goes ----

at=',"timestamp":"2025-12-07T10:00:00"'
d=by_date/${DAY}_all_interactions.json e=errors/${DAY}_errors.json
one 'without a session' "{\"id\":1$at}" "$d "
one 'a session that is null' "{\"id\":1,\"session_id\":null$at}" "$d "
one 'a session that is empty text' "{\"id\":1,\"session_id\":\"\"$at}" "$d by_session/session_/$DAY.json "
one 'a number as session' "{\"id\":1,\"session_id\":42$at}" "$d by_session/session_42/$DAY.json "
one 'text as session' "{\"id\":1,\"session_id\":\"中-文_1.2\"$at}" "$d by_session/session_中-文_1.2/$DAY.json "
one 'success false is an error' "{\"id\":1,\"success\":false$at}" "$d $e "
one 'an error message, too' "{\"id\":1,\"success\":true,\"error_message\":\"x\"$at}" "$d $e "
one 'an empty one is none' "{\"id\":1,\"error_message\":\"\"$at}" "$d "
one 'in progress is no error' "{\"id\":1,\"success\":false,\"metadata\":{\"stage\":\"started\"}$at}" "$d "
one 'the day is the one that is written' '{"id":1,"timestamp":"2024-02-29T23:59:59.999999-11:00"}' 'by_date/2024-02-29_all_interactions.json '
rm -rf t
for day in 2025-01-03 2025-01-01 2025-01-02; do for s in 1 2; do rec $s$day $s $day; done; done | feed rec-write --dir t
is 'days and sessions have their files' "$(tree t | tr ' ' '\n' | grep -c 2025-)" 9
is '...' "$(ids <t/by_session/session_2/2025-01-01.json)" '22025-01-01 '

# ---- session ids from outside ----

mkdir deep
x1000=$(head -c 1000 /dev/zero | tr '\0' x)
z200=$(head -c 200 /dev/zero | tr '\0' '/')
cat >hostile <<END
"../x"
"../../../../tmp/x"
"a/b"
"a_b"
"a%2Fb"
"a%252Fb"
"/etc/passwd"
"."
".."
"..."
""
" "
"\u0000"
"x\u0000y"
"x"
"\n"
"\\\\"
"-rf"
"~"
"*"
"${x1000}1"
"${x1000}2"
"${x1000}"
"${z200}1"
"${z200}2"
"session"
"Session"
"session_"
"\ufeff"
"\u00e9"
"e\u0301"
7
-7
7.0
7e0
END
n=0; while IFS= read -r s; do n=$((n + 1)); rec $n "$s"; done <hostile >hostile.in
ok 'hostile session ids' status 0 rec-write --dir deep/er/tree hostile.in
same '... pass' "$out" hostile.in
(cd deep/er/tree && find . -mindepth 1 ! -name .lock | grep -Ev \
	"^\./(by_date|by_session|real_time|by_date/[^/]*\.json|real_time/latest\.json|by_session/session_[^/]*(/$DAY\.json)?)\$") >strange
is '... stay inside the tree' "$(cat strange; find deep ! -path 'deep/er/tree/*' | tr '\n' ' ')" 'deep deep/er deep/er/tree '
find deep/er/tree/by_session -type f >files
is '... and each has a file' "$(wc -l <files | tr -d ' ')" "$(wc -l <hostile | tr -d ' ')"
is '... of its own' "$(while IFS= read -r f; do wc -l <"$f"; done <files | sort -u | tr -d ' ')" 1
rm -rf t
{ rec 1 '"a\/b"'; rec 2 '"a/b"'; rec 3 '"\u0061\u002fb"'; rec 4 '"\u4e2d"'; rec 5 '"中"'; rec 6 '"8"'; rec 7 8; } | feed rec-write --dir t
is 'one id in several spellings is one session' "$(for f in t/by_session/*/*; do ids <"$f"; done)" '6 7 1 2 3 4 5 '

# ---- modes and links ----

rm -rf t
(umask 0; rec 1 | rec-write --dir t/in/ >/dev/null)
is 'files are for their owner only' "$(find t/in -type f -exec stat -c %a {} + | sort -u)" 600
is 'folders too' "$(find t/in -type d -exec stat -c %a {} + | sort -u)" 700
mkdir outside; echo mine >outside/file
link() {	# NAME PATH TARGET: a symbolic link in the tree
	rm -rf t; mkdir -p "t/${2%/*}"; ln -s "$3" "t/$2"
	rec 1 | feed rec-write --dir t
	is "$1 is refused" "$(fed) $(cat "$out")" '3 '
	like '... and named' "$err" "^rec-write: t/.*: .*: the tree holds plain folders and files only; "
	is '... what it names is left alone' "$(cat outside/* | tr '\n' ' ')$(ls outside)" 'mine file'
}
link 'a link to a file' by_date/${DAY}_all_interactions.json "$T/outside/file"
link 'a link to nothing' by_date/${DAY}_all_interactions.json "$T/outside/new"
link 'a link to a folder' ./by_date "$T/outside"
link 'a session that is a link' by_session/session_1 "$T/outside"
rm -rf t; mkdir -p t/by_date; mkfifo t/by_date/${DAY}_all_interactions.json
rec 1 | feed rec-write --dir t
is 'a FIFO is refused' "$(fed) $(cat "$out")" '3 '
for l in latest.json .lock; do
	rm -rf t; mkdir -p t/real_time; ln -s "$T/outside/file" t/real_time/$l
	rec 1 | feed rec-write --dir t
	is "real_time/$l as a link: status 3" "$(fed)" 3
	is '... what it names is left alone' "$(cat outside/file)" mine
done
ln -s real linked; mkdir real
rec 1 | feed rec-write --dir linked
is 'the tree itself may be a link' "$(fed) $(by_date real | ids)" '0 1 '

# ---- the environment ----

rec 1 | feed env LLM_RECORDS_BASE_DIR=from/env rec-write
is 'LLM_RECORDS_BASE_DIR' "$(fed) $(by_date from/env | ids)" '0 1 '
rec 1 | feed env LLM_RECORDS_BASE_DIR=from/env rec-write --dir from/option
is '--dir goes before it' "$(fed) $(by_date from/option | ids)$(by_date from/env | ids)" '0 1 1 '
rec 1 | feed rec-write
is 'the default' "$(fed) $(by_date logs/llm_interactions | ids)" '0 1 '
rm -rf t
printf '\357\273\277not json\r\n\0\n{}' >raw
for v in false FALSE 0 no Off "'false'"; do
	run env LLM_RECORDS_ENABLED="$v" rec-write --dir t raw - raw <example
	cat raw example raw >want
	is "LLM_RECORDS_ENABLED=$v: status" $st 0
	same '... the input passes as it is' "$out" want
	ok '... there is no tree' test ! -e t
done
ok '... a file that is missing is status 3' status 3 env LLM_RECORDS_ENABLED=0 rec-write --dir t missing example
same '... the others pass' "$out" example
for v in true YES 1 on ''; do
	rm -rf t
	rec 1 | feed env LLM_RECORDS_ENABLED="$v" rec-write --dir t
	is "LLM_RECORDS_ENABLED=$v" "$(fed) $(by_date t | ids)" '0 1 '
done
rm -rf t
ok 'LLM_RECORDS_ENABLED=maybe is status 2' status 2 env LLM_RECORDS_ENABLED=maybe rec-write --dir t example
like '... said' "$err" "^rec-write: LLM_RECORDS_ENABLED: 'maybe' is neither true nor false\$"
ok '... nothing is done' test ! -e t
for bad in '--fsync sometimes' '--buffer 0' '--latest -1' '--flush-every soon' '--nonsense'; do
	# shellcheck disable=SC2086
	ok "$bad is status 2" status 2 rec-write --dir t $bad example
done
ok '--help' status 0 rec-write --help
ok 'files and stdin' status 0 rec-write --dir t example - example <example
cat example example example >want
same '...' "$out" want
ok 'a file that is missing is status 3' status 3 rec-write --dir t missing example
same '... the others are recorded' "$out" example

# ---- streaming ----

rm -rf t; mkfifo in
rec-write --dir t --buffer 3 <in >passed 2>"$err" & pid=$!
exec 3>in
rec 1 >&3
ok 'a record is passed on at once' within 5 grep -q '"1"' passed
is '... and then it is in the tree' "$(by_date t | ids)$(ids <t/by_session/session_1/$DAY.json)" '1 1 '
ok '... in latest.json too' within 5 grep -q '"1"' t/real_time/latest.json
rec 2 >&3
ok '... the next, too' within 5 grep -q '"2"' passed
ok '... in latest.json a little later' within 5 grep -q '"2"' t/real_time/latest.json
rec 3 | tr -d '\n' >&3; sleep 0.2
is 'a line that has not ended waits' "$(by_date t | ids)" '1 2 '
kill -TERM $pid; wait $pid; st=$?
exec 3>&-
is 'SIGTERM is status 143' $st 143
is '... what was passed on is in the tree' "$(by_date t | ids)" "$(ids <passed)"
for sig in INT:2 HUP:1; do
	rm -rf t passed	# that of the signal before
	# A background job of a shell ignores SIGINT; env restores it.
	env --default-signal=INT rec-write --dir t <in >passed 2>"$err" & pid=$!
	exec 3>in
	seq_rec 50 >&3
	within 10 sh -c '[ "$(wc -l <passed)" = 50 ]'
	kill -${sig%:*} $pid; wait $pid; st=$?
	exec 3>&-
	is "SIG${sig%:*}: ends by it" $st $((128 + ${sig#*:}))
	is '... all is there' "$(by_date t | wc -l) $(wc -l <t/real_time/latest.json) $(cat "$err")" '50 50 '
done

# A batch is written as a whole, and passed on only then.
rm -rf t
seq_rec 250 >many
run rec-write --dir t --buffer 7 many
same '--buffer: the order stays' "$out" many
cat t/by_date/* >have
same '... in the tree too' have many
awk -v d=$DAY 'BEGIN { for (i = 1; i <= 500; i++) printf "{\"id\":%d,\"timestamp\":\"%sT10:00:00\",\"session_id\":%d}\n", i, d, i % 250 }' >wide
rm -rf t
run rec-write --dir t wide
same 'more files than a batch can hold' "$out" wide
is '...' "$st $(find t/by_session -type f | wc -l) $(cat t/by_session/*/* | wc -l)" '0 250 500'
run rec-write --dir t wide
is 'they are appended to' "$st $(find t/by_session -type f | wc -l) $(cat t/by_session/*/* | wc -l)" '0 250 1000'

ok 'a full disk of stdout is status 3' status 3 sh -c 'rec-write --dir full many >/dev/full'
like '... said' "$err" '^rec-write: stdout: No space left on device$'
if [ -z "$VALGRIND" ]; then
	ok 'a closed stdout is status 3' status 3 sh -c 'rec-write --dir full many >&-'
else
	skip 1 "valgrind's log takes its descriptor"
fi
cat many many many many many many many many >more; cat more more more more more more more more >many8
bash -c 'rec-write --dir full --fsync never many8 2>err.pipe | head -n 1 >first; exit ${PIPESTATUS[0]}'
is 'a closed pipe ends it by SIGPIPE, quietly' "$? $(cat err.pipe)" '141 '

# ---- latest.json ----

L=t/real_time/latest.json
rm -rf t; run rec-write --dir t many
tail -n 100 many >want
same 'latest.json has the newest 100' $L want
run rec-write --dir t --latest 3 example
{ tail -n 2 many; cat example; } >want
same '--latest 3' $L want
rec 9 | feed rec-write --dir t --latest 0
same '--latest 0 leaves it alone' $L want
for what in 'half a line' 'no newline' garbage; do
	case $what in half*) printf '{"id":\n' >$L ;; no*) printf '{"id":1}' >$L ;; garbage) head -c 5000 /dev/zero >$L ;; esac
	rec 9 | feed rec-write --dir t
	is "latest.json with $what is begun anew" "$(fed) $(ids <$L)" '0 9 '
done
echo '{"id":"left"}' >t/real_time/.latest.json.new
rec 10 | feed rec-write --dir t
is 'what a crash left beside it is no obstacle' "$(fed) $(ids <$L)$(ls t/real_time)" '0 9 10 latest.json'
awk -v d=$DAY 'BEGIN { for (l = "y"; length(l) < 400000; l = l l) { } for (i = 1; i <= 60; i++) printf "{\"id\":%d,\"timestamp\":\"%sT10:00:00\",\"x\":\"%s\"}\n", i, d, l }' >huge
run rec-write --dir t huge
is 'latest.json is at most 16 MiB' "$st $(($(wc -c <$L) > 16777216)) $(tail -n 1 $L | ids)$(head -n 1 $L | ids)" '0 0 60 30 '
rm -f huge

rm -rf t; rec 1 | rec-write -q --dir t >/dev/null; cp t/by_date/* before
ok 'a file of the tree is no input for it' status 3 timeout 20 rec-write --dir t t/by_date/*
same '... and has not grown' t/by_date/* before
like '... said' "$err" '^rec-write: t/by_date/.*: the input is a file of the tree that it goes to$'

rm -rf t; mkdir -p t/real_time; rec 0 >$L
node -e '
	const fs = require("fs");
	let reads = 0;
	for (; !fs.existsSync("written"); reads++) {
		const rows = fs.readFileSync("t/real_time/latest.json", "utf8");
		if (!rows.endsWith("\n") || rows.trim().split("\n").map((l) => JSON.parse(l)).length > 20)
			console.log("torn:", rows);
		if (reads === 0) fs.writeFileSync("looking", "");
	}
	console.error(reads);' >torn 2>reads & reader=$!
within 30 test -e looking
for w in a b c; do
	(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do for j in 1 2 3; do rec $w$i.$j; done | rec-write --dir t --latest 20; done >/dev/null) &
	eval "w_$w=$!"
done
wait $w_a $w_b $w_c
: >written; wait $reader
ok "a reader of latest.json looked often ($(tail -n 1 reads))" test "$(tail -n 1 reads)" -ge 20
is '... and it was whole each time' "$(cat torn)" ''
is '... it has the newest 20 of three writers' "$(wc -l <$L | tr -d ' ') $(ids <$L | tr ' ' '\n' | sort -u | grep -c .)" '20 20'
is '... nobody lost a line' "$(by_date t | json r.id | sort -u | wc -l | tr -d ' ')" 108

# ---- many at once ----

cat >writer.js <<'END'
const w = process.argv[2], n = +process.argv[3];
for (let i = 0; i < n; i++)
	console.log(JSON.stringify({ id: `${w}-${i}`, timestamp: `2025-12-0${1 + i % 2}T10:00:00`, session_id: i % 5,
		response: (w + i).repeat(i % 100 === 0 ? 40000 : i % 7 * 20).slice(0, 200000), success: i % 10 !== 0 }));
END
rm -rf t
pids=
for w in a b c d e f g h; do
	node writer.js $w 1000 | rec-write --dir t --buffer $((1 + $(printf '%d' "'$w") % 5 * 20)) >passed.$w 2>err.$w &
	pids="$pids $!"
done
bad=0; for p in $pids; do wait "$p" || bad=$((bad + 1)); done
is '8 writers x 1000 records: all end well' "$bad $(cat err.?)" '0 '
cat passed.? | sort >want
is '... all passed on' "$(wc -l <want | tr -d ' ')" 8000
for f in by_date by_session; do
	cat t/$f/*.json t/$f/*/*.json 2>/dev/null | sort >have
	same "... each exactly once in $f, none torn" have want
done
json_all 'new Set(rows.map((r) => r.id)).size' <want >n
is '... each is JSON, no id twice' "$(cat n)" 8000
is '... 800 errors' "$(cat t/errors/*.json | wc -l | tr -d ' ')" 800
for w in a h; do
	grep -h "\"id\":\"$w-" t/by_date/2025-12-01* >have; grep 2025-12-01T passed.$w >want
	same "... the order of a writer stays ($w)" have want
done
rm -f passed.? have want

# ---- a torn last line ----

rm -rf t; rec 1 1 | rec-write --dir t >/dev/null
rec 2 1 | tr -d '\n' >>t/by_date/${DAY}_all_interactions.json	# complete, the newline is missing
printf '{"id":"3","tim' >>t/by_session/session_1/$DAY.json
rec 4 | feed rec-write -v --dir t
is 'torn last lines are no error' "$(fed)" 0
rec 1 >want; rec 2 >>want; rec 4 >>want
same 'a complete one becomes the record that it is' t/by_date/${DAY}_all_interactions.json want
rec 1 >want; echo '{"id":"3","tim' >>want; rec 4 >>want
same 'a cut one stands alone' t/by_session/session_1/$DAY.json want
cat >want <<END
rec-write: t/by_date/${DAY}_all_interactions.json: completed a torn last line that a crash left
rec-write: t/by_session/session_1/$DAY.json: completed a torn last line that a crash left
END
grep torn "$err" >have
same '... said once for each file' have want
like '... and counted' "$err" 'repaired=2 '
rec 5 | feed rec-write --dir t
is '... and only then' "$(fed) $(cat "$err")" '0 '
done_testing
