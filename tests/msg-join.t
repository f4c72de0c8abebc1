#!/bin/sh
# msg-join(1): messages with the interactions that made them; whatever happens to the tree, the messages pass.
. "${0%/*}/lib.sh"

# rec ID MESSAGE PROMPT [MEMBERS]: a record's line, one second after the one before
n=0
rec() {
	n=$((n + 1))
	printf '{"id":"%s","timestamp":"2025-12-07T12:%02d:%02d","session_id":1,"message_id":%s,"provider":"claude","model":"m1","prompt":"%s"%s}\n' \
		"$1" $((n / 60)) $((n % 60)) "$2" "$3" "${4:+,$4}"
}
stage() { printf '"success":true,"metadata":{"stage":"%s"}' "$1"; }
today=tree/by_date/2025-12-07_all_interactions.json
tree() { rm -rf tree && mkdir -p tree/by_date tree/archive; }
# joined [OPTION...]: the prompts of the messages of in, "-" where there is none
joined() { run msg-join --dir tree "$@" in; prompts=$(json 'r.llm_interaction ? String(r.llm_interaction.original_prompt) : "-"' <"$out" | tr '\n' ' '); }

# ---- what is added ----

tree
cat >$today <<'END'
{"id":"3a17b8cf-500d-4f38-a231-aaf01244fa37","timestamp":"2025-12-07T12:24:08.275173","session_id":1,"message_id":12,"role_name":"产品专员","step_id":1,"round_index":1,"provider":"claude","model":"claude-3-5-sonnet-20241022","prompt":"完整的\u539f始提示词\/内容...","response":"完整的LLM响应内容...","success":true,"error_message":null,"performance_metrics":{"response_time_ms":28909,"prompt_length": 451, "x":1e400},"metadata":{"stage":"completed","finalized":true}}
{"id":"b","timestamp":"2025-12-07T12:24:09","message_id":13,"prompt":null,"success":true}
END
printf '%s\n' '{"content":"别的","id":11,"n":1.0}' '{ "id": 12, "content" : "\ud800 \u0041", "n":1e400 } ' '{"id":13,"llm_interaction":{"old":true},"z":0}' '{}' >in
ok 'messages' status 0 msg-join --dir tree in
cat >want <<'END'
{"content":"别的","id":11,"n":1.0}
{ "id": 12, "content" : "\ud800 \u0041", "n":1e400 ,"llm_interaction":{"original_prompt":"完整的\u539f始提示词\/内容...","provider":"claude","model":"claude-3-5-sonnet-20241022","performance_metrics":{"response_time_ms":28909,"prompt_length": 451, "x":1e400},"timestamp":"2025-12-07T12:24:08.275173"}} 
{"id":13,"llm_interaction":{"original_prompt":null,"provider":null,"model":null,"performance_metrics":null,"timestamp":"2025-12-07T12:24:09"},"z":0}
{}
END
same '... get the five values as the record spells them; all else keeps its bytes and its place' "$out" want
is '... without a word' "$(cat "$err")" ''
cp "$out" once
ok 'joined again' status 0 msg-join --dir tree once
same '... they are the same' "$out" once
run sh -c 'msg-join --dir tree <in'
same 'from standard input' "$out" want
ok 'several files' status 0 msg-join --dir tree in - in </dev/null
cat want want >want2
same '... in their order' "$out" want2
ok 'the tree of the environment' status 0 env LLM_RECORDS_BASE_DIR=tree msg-join in
same '... is that one' "$out" want
ok '--jobs' status 0 msg-join --dir tree --jobs 3 in
same '... changes nothing' "$out" want
printf '{"id":13}\r\n\n{"id":14}' >crlf
run msg-join --dir tree crlf
is 'line ends stay, empty lines go' "$(sed 's/,"llm_interaction":{[^}]*}//' "$out" | od -c | sed 's/^[0-9]* *//' | tr -d ' \n')" '{"id":13}\r\n{"id":14}\n'

# ---- which record ----

tree
{ rec a 1 one; rec b '"2"' two; rec c 3.0 three; rec d -4 minus; rec e 9223372036854775807 big; rec f null none
	rec g '"x"' letter; rec h 1e1 ten; rec i '"\u0035"' five; rec k 9223372036854775808 bigger; rec l 6.5 half; rec m '""' empty; } >$today
for i in 1 '"1"' 1.0 '"001"' 2 3 '"3.00"' -4 '"-4"' 9223372036854775807 5 '"\u0032"'; do echo "{\"id\":$i}"; done >in
joined
is 'ids match as integers, however they are written' "$prompts" 'one one one one two three three minus minus big five two '
for i in 4 9223372036854775808 9223372036854775806 '"x"' 10 1e0 1.5 6 '""' '" 1"' '"1."' '"+1"' null true '[1]' '{"id":1}'; do echo "{\"id\":$i}"; done >in
joined -v
is '... and nothing else does' "$(echo "$prompts" | tr -d ' -')" ''
same '... such messages pass' "$out" in
is '... which is no error' $st 0
like '... and is counted' "$err" '^msg-join: read=16 joined=0 without_id=12 rejected=0 seconds='

tree
{ rec a 1 first; rec b 2 other; rec c 1 last; } >$today
printf '%s\n' '{"id":1}' '{"id":2}' '{"id":1}' '{"id":3}' >in
joined -v
is 'of several records the last counts; of several messages each is joined' "$prompts" 'last other last - '
like '-v: the summary' "$err" '^msg-join: read=4 joined=3 without_id=0 rejected=0 seconds=[0-9.]*$'
{ rec d 1 earlier | sed 's/T12:/T11:/'; } >>$today
joined
is '... the last by time' "$prompts" 'last other last - '

printf '%s\n' '{"id":7,"message":{"id":1}}' '{"message":{"id":"2"}}' '{"message":[]}' '{"id":1}' >in
joined --by message.id
is '--by' "$prompts" 'last other - - '
ok 'a bad path is status 2' status 2 msg-join --by 'a..b' --dir tree in
like '... said' "$err" "^msg-join: --by: 'a..b' is not a path: a name is missing\$"

# ---- stages ----

tree
n=0
{ rec a null hello "$(stage started)"; rec b null solo "$(stage completed)"; rec a null '' '"performance_metrics":{"response_time_ms":5},'"$(stage completed)"; } >$today
rec a 1 '' "$(stage finalized)" | gzip >tree/archive/2025-12-08_all_interactions_20251208T130000.000000Z.json.gz
printf '%s\n' '{"id":1}' >in
joined
is 'a record is what all its lines say, across files and days' "$(cat "$out")" \
	'{"id":1,"llm_interaction":{"original_prompt":"hello","provider":"claude","model":"m1","performance_metrics":{"response_time_ms":5},"timestamp":"2025-12-07T12:00:01"}}'
sed 's/"message_id":null/"message_id":8/' $today >new && mv new $today
printf '%s\n' '{"id":8}' '{"id":1}' >in
joined
is '... its message_id is that of the last stage' "$prompts" 'solo hello '
tree
{ rec a 1 old "$(stage completed)"; rec a 2 new "$(stage finalized)"; } >$today
printf '%s\n' '{"id":1}' '{"id":2}' >in
joined
is '... not an earlier one' "$prompts" '- new '

# ---- what goes wrong ----

tree
rec a 1 one >$today
printf '%s\n' '{"id":1}' '[1]' 'x' '{"id":2}' >in
ok 'messages that are no objects: status 1' status 1 msg-join --dir tree --rejects bad in
like '... named' "$err" '^msg-join: in:2:1: not an object'
printf '%s\n' '[1]' 'x' >want
same '... kept' bad want
is '... the others are joined' "$(sed 's/,"llm.*//' "$out" | tr '\n' ' ')" '{"id":1 {"id":2} '
ok '--strict stops there' status 1 msg-join --dir tree --strict in
is '... what came before is joined' "$(json 'r.llm_interaction.original_prompt' <"$out")" one
ok '--strict ends the list of files, too' status 1 msg-join --dir tree --strict in in
is '...' "$(wc -l <"$out" | tr -d ' ')" 1
ok '--max-line' status 1 msg-join --dir tree --max-line 7 in
like '... named' "$err" '^msg-join: in:1: longer than --max-line'
ok 'a missing file is status 3' status 3 msg-join --dir tree missing in
is '... the others are joined' "$(json 'r.llm_interaction ? 1 : 0' <"$out" | tr -d '\n')" 10
ok '--rejects into a missing directory is status 2' status 2 msg-join --dir tree --rejects no/such in
ok 'a full disk is status 3' status 3 sh -c 'msg-join --dir tree in >/dev/full'

printf '%s\n' '{"id":1}' '{"id":2,"x":1.0}' >in
ok 'a missing tree is status 0' status 0 msg-join --dir none in
same '... the messages pass' "$out" in
is '... with one warning' "$(cat "$err")" 'msg-join: none: No such file or directory: the messages pass as they are'
run msg-join --dir none -q in
is '... also with -q' "$(wc -l <"$err" | tr -d ' ')" 1
ok 'the default' status 0 msg-join in
like '... is that one' "$err" '^msg-join: logs/llm_interactions: '
ok 'what is no tree is status 3' status 3 msg-join --dir in in
same '... the messages pass' "$out" in
is '... with one warning' "$(cat "$err")" 'msg-join: in: Not a directory: the messages pass as they are'
mkdir empty
ok 'an empty tree is status 0' status 0 msg-join --dir empty in
same '... the messages pass' "$out" in
is '... without a word' "$(cat "$err")" ''
tree; rec a 1 one >$today; rm -rf tree/archive; echo x >tree/archive
ok 'a tree that cannot be read to its end is status 3' status 3 msg-join --dir tree in
same '... the messages pass' "$out" in
is '... with one warning' "$(wc -l <"$err" | tr -d ' ')" 1

tree
{ rec a 1 one; echo torn; rec b 2 two; } >$today
ok 'unreadable lines of the tree are status 1' status 1 msg-join --dir tree --rejects bad2 in
is '... named' "$(cat "$err")" 'msg-join: tree/by_date/2025-12-07_all_interactions.json:2:1: not JSON'
is '... the others are joined' "$(json 'r.llm_interaction.original_prompt' <"$out" | tr '\n' ' ')" 'one two '
is '... they are no rejects of the messages' "$(cat bad2)" ''
ok '... but --strict is about the messages' status 1 msg-join --dir tree --strict in
is '...' "$(json 'r.llm_interaction.original_prompt' <"$out" | tr '\n' ' ')" 'one two '

ok 'no messages' status 0 msg-join --dir none </dev/null
is '... nothing comes, and the tree is not looked at' "$(cat "$out" "$err")" ''
printf '%s\n' '{"x":1}' '{"id":"abc"}' >in
ok 'no ids' status 0 msg-join --dir none in
is '... the tree is not looked at' "$(cat "$err")" ''
same '... the messages pass' "$out" in

# ---- many ----

tree
node -e '
	const fs = require("fs"), z = require("zlib").gzipSync, text = {};
	for (let i = 0; i < 6000; i++) {
		const day = "2025-12-" + String(1 + i % 20).padStart(2, "0");
		const r = { id: "r" + i, timestamp: day + "T10:00:00", session_id: 1, message_id: i % 3 ? i : null, prompt: "p" + i, success: true };
		(text[day] ??= []).push(JSON.stringify(r));
	}
	for (const day in text) {
		const half = text[day].length / 2;
		fs.writeFileSync(`tree/archive/${day}_all_interactions_20251231T000000.000000Z.json.gz`, z(text[day].slice(0, half).join("\n") + "\n"));
		fs.writeFileSync(`tree/by_date/${day}_all_interactions.json`, text[day].slice(half).join("\n") + "\n");
	}
	for (let i = 9000; i-- > 0; ) console.log(JSON.stringify({ id: i % 2 ? i : String(i), want: i < 6000 && i % 3 ? "p" + i : null }));' >in
ok 'many messages' status 0 msg-join --dir tree in
is '... each has its own' "$(json_all 'rows.filter((r) => (r.llm_interaction ? r.llm_interaction.original_prompt : null) === r.want).length' <"$out")" 9000
sed 's/,"llm_interaction".*/}/' "$out" >got
same '... in their order' got in

if [ -z "$SAN" ] && [ -x /usr/bin/time ]; then
	tree
	node -e '
		const fs = require("fs"), pad = "x".repeat(20000);
		for (let d = 1; d <= 30; d++) {
			const day = "2025-12-" + String(d).padStart(2, "0");
			let text = "";
			for (let i = 0; i < 100; i++)
				text += JSON.stringify({ id: day + i, timestamp: day + "T10:00:00", message_id: 1, prompt: day + i, response: pad }) + "\n";
			fs.writeFileSync(`tree/by_date/${day}_all_interactions.json`, text);
		}'
	echo '{"id":1}' >in
	/usr/bin/time -f %M -o peak msg-join --dir tree --jobs 1 in >"$out"
	is 'one message, 60 MB of records' "$(json 'r.llm_interaction.original_prompt' <"$out")" 2025-12-3099
	ok "... its memory is not that of the tree ($(tail -n 1 peak) KB)" test "$(tail -n 1 peak)" -lt 20000

	# Two large days need a file in TMPDIR; without one the walk ends there, behind the records of the first day.
	tree
	node -e '
		const fs = require("fs"), pad = "x".repeat(1 << 20);
		for (let d = 1; d <= 4; d++) {
			const day = "2025-12-0" + d;
			const line = (i) => JSON.stringify({ id: day + i, timestamp: day + "T10:00:00", message_id: d, prompt: "p", response: d > 2 ? pad : "" });
			fs.writeFileSync(`tree/by_date/${day}_all_interactions.json`, Array.from({ length: 40 }, (_, i) => line(i) + "\n").join(""));
		}'
	ok 'a walk that ends early is status 3' status 3 env TMPDIR=none msg-join --dir tree in
	same '... the messages pass, none half joined' "$out" in
	like '... said' "$err" '^msg-join: .*: No such file or directory: the messages pass as they are$'
else
	skip 5 'memory is not measured here'
fi
done_testing
