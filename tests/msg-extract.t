#!/bin/sh
# msg-extract(1): the last user message, in every shape that runs have.
. "${0%/*}/lib.sh"

data=$top/tests/data
# row NAME WANT RUN OPTIONS...: the row that comes out; run: members of a run, or all of it
row() {
	name=$1 want=$2; printf '%s\n' "$3" >input; shift 3
	run msg-extract "$@" input
	is "$name" "$(cat "$out")${st#0}" "$want"
}
in_row() { name=$1 want=$2 inputs=$3; shift 3; row "$name" "{\"run_id\":\"r\",\"timestamp\":null,\"input\":$want}" "{\"id\":\"r\",\"inputs\":$inputs}" "$@"; }
out_row() { name=$1 want=$2 o=$3; shift 3; row "$name" "{\"run_id\":\"r\",\"timestamp\":null,\"input\":$want}" "{\"id\":\"r\",\"outputs\":$o}" --from outputs "$@"; }
without_time() { sed 's/^\({"run_id":"[^"]*"\),"timestamp":[^,]*,/\1,/'; }
by_value() { json '[r.run_id, r.input]' | sed 's/\\ud[89a-f][0-9a-f][0-9a-f]/\xef\xbf\xbd/g'; }	# what stands alone becomes U+FFFD

# all shapes, byte for byte
ok 'the sample runs' status 0 msg-extract --keep-empty "$data/runs.ndjson"
without_time <"$out" >got
same '... give the expected bytes' got "$data/runs.expected.ndjson"
ok 'without --keep-empty' status 0 msg-extract -v "$data/runs.ndjson"
without_time <"$out" >got
grep -v '"input":null}$' "$data/runs.expected.ndjson" >want
same '... runs without a message are left out' got want
total=$(grep -c . "$data/runs.ndjson") written=$(grep -c . want)
like '... and counted' "$err" "read=$total written=$written skipped=$((total - written)) rejected=0 "

real=$top/../shared/data
if [ -f "$real/langsmith_runs.ndjson" ]; then
	ok 'real runs' status 0 msg-extract --keep-empty "$real/langsmith_runs.ndjson"
	json '[r.id, r.expected]' <"$real/expected_last_user.ndjson" >want
	json r.id <"$real/expected_last_user.ndjson" | grep -F -f - "$out" | by_value >got
	same '... as read off by hand' got want
else
	skip 2 'real runs are not here'
fi

if command -v python3 >/dev/null; then
	"$B/gen" runs 4M >gen4
	node "$data/make-runs.js" --big 0 --end 2027-01-01T00:00:00Z >>gen4
	python3 "$data/last_user.py" gen4 | by_value >want
	run msg-extract --keep-empty gen4
	by_value <"$out" >got
	same 'the oracle agrees on generated runs' got want
else
	skip 1 'python3 is not installed'
fi

# rows
row 'the row' '{"run_id":"a","timestamp":"2026-06-19T13:22:24.560Z","input":"hi"}' \
    '{"inputs":{"input":"hi"},"start_time":"2026-06-19T13:22:24.560Z","id":"a","x":1}'
row 'a time without a zone is UTC and says so' '{"run_id":"a","timestamp":"2026-06-19T13:22:24.560123Z","input":"hi"}' \
    '{"id":"a","start_time":"2026-06-19T13:22:24.560123","inputs":{"input":"hi"}}'
row 'a zone stays' '{"run_id":"a","timestamp":"2026-06-19T13:22:24+08:00","input":"hi"}' \
    '{"id":"a","start_time":"2026-06-19T13:22:24+08:00","inputs":{"input":"hi"}}'
row 'a blank for the T' '{"run_id":"a","timestamp":"2026-06-19 13:22:24Z","input":"hi"}' \
    '{"id":"a","start_time":"2026-06-19 13:22:24","inputs":{"input":"hi"}}'
row 'what is no time passes' '{"run_id":"a","timestamp":"soon","input":"hi"}' '{"id":"a","start_time":"soon","inputs":{"input":"hi"}}'
row 'a date is no instant and passes' '{"run_id":"a","timestamp":"2026-06-19","input":"hi"}' '{"id":"a","start_time":"2026-06-19","inputs":{"input":"hi"}}'
row 'a number is no time' '{"run_id":"a","timestamp":null,"input":"hi"}' '{"id":"a","start_time":1781875344,"inputs":{"input":"hi"}}'
row 'a numeric id keeps its digits' '{"run_id":12345678901234567890,"timestamp":null,"input":"hi"}' '{"id":12345678901234567890,"inputs":{"input":"hi"}}'
row 'run_id where id is missing' '{"run_id":"b","timestamp":null,"input":"hi"}' '{"run_id":"b","inputs":{"input":"hi"}}'
printf '%s\n' '{"inputs":{"input":"hi"}}' '{"id":null,"inputs":{}}' >input
ok 'without an id it is no run' status 1 msg-extract input
like '... said' "$err" '^msg-extract: input:1: no id: not a run$'
for i in null '"x"' '[]' '{}' 1; do
	row "inputs $i: no message" '' "{\"id\":\"r\",\"inputs\":$i}"
	in_row "inputs $i: --keep-empty" null "$i" --keep-empty
done
row 'no inputs at all' '' '{"id":"r"}'

# whose
M='{"messages":[{"role":"system","content":"s"},{"role":"developer","content":"d"},{"role":"user","content":"u1"},{"role":"assistant","content":"a"},{"role":"user","content":"u2"},{"role":"tool","content":"t"}]}'
in_row 'the last user message' '"u2"' "$M"
for r in 'system s' 'developer d' 'assistant a' 'tool t'; do in_row "--role ${r% *}" "\"${r#* }\"" "$M" --role "${r% *}"; done
row '--all: a row each, with the place in the list' '{"run_id":"r","timestamp":null,"input":"u1","index":2}
{"run_id":"r","timestamp":null,"input":"u2","index":4}' "{\"id\":\"r\",\"inputs\":$M}" --all
in_row '--all of a plain field' '"q","index":0' '{"question":"q"}' --all
row '--all --keep-empty' '{"run_id":"r","timestamp":null,"input":null}' '{"id":"r","inputs":{}}' --all --keep-empty
in_row 'LangChain constructors' '"lc"' '{"messages":[[{"lc":1,"type":"constructor","id":["langchain","schema","messages","HumanMessage"],"kwargs":{"content":"lc"}}]]}'
in_row 'parts are joined by newlines' '"one\ntwo"' '{"messages":[{"role":"user","content":[{"type":"text","text":"one"},{"type":"image_url","image_url":{}},{"type":"text","text":"two"}]}]}'
in_row 'images only: the message before' '"q"' '{"messages":[{"role":"user","content":"q"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}'
in_row 'escapes keep their spelling' '"\u4F60\/ \ud83d\ude00 \ud800"' '{"messages":[{"role":"user","content":"\u4F60\/ \ud83d\ude00 \ud800"}]}'
in_row 'a list spelled in a string' '"say \"hi\"\n"' '{"input":"[{\"role\":\"user\",\"content\":\"say \\\"hi\\\"\\n\"}]"}'

# outputs
out_row 'outputs: OpenAI choices' '"hello"' '{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}' --role assistant
out_row 'outputs: LangChain generations' '"gen"' '{"generations":[[{"text":"gen","type":"ChatGeneration","message":{"lc":1,"type":"constructor","id":["langchain","schema","messages","AIMessage"],"kwargs":{"content":"gen"}}}]]}' --role assistant
out_row 'outputs: generations of a plain model' '"plain"' '{"generations":[[{"text":"plain","generation_info":null}]]}' --role assistant
out_row 'outputs: Responses items' '"resp"' '{"output":[{"type":"reasoning","summary":[]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"resp","annotations":[]}]}]}' --role assistant
out_row 'outputs: messages' '"m"' '{"messages":[{"type":"human","content":"q"},{"type":"ai","content":"m"}]}' --role assistant
out_row 'outputs: a string' '"s"' '{"output":"s"}' --role assistant
out_row 'outputs: an answer' '"s"' '{"answer":"s"}' --role assistant
row 'outputs: the user says nothing in a plain field' '' '{"id":"r","outputs":{"output":"s"}}' --from outputs
out_row 'outputs: the user in messages' '"q"' '{"messages":[{"type":"human","content":"q"},{"type":"ai","content":"m"}]}'

# --keep
row '--keep splices and keeps bytes' '{ "id" : "a", "n":12345678901234567890, "f":1.0, "e":1e400,"inputs":{"input":"hi"},"x":"\u0041","input":"hi"}' \
    ' { "id" : "a", "n":12345678901234567890, "f":1.0, "e":1e400,"inputs":{"input":"hi"},"x":"\u0041"} ' --keep
row '--keep replaces an input that is there' '{"id":"a","input":"hi","inputs":{"input":"hi"},"z":1}' '{"id":"a","input":{"old":1},"inputs":{"input":"hi"},"z":1}' --keep
row '--keep --keep-empty' '{"id":"a","inputs":null,"input":null}' '{"id":"a","inputs":null}' --keep --keep-empty
row '--keep --all' '{"id":"a","inputs":{"messages":[["user","x"],["user","y"]]},"input":"x","index":0}
{"id":"a","inputs":{"messages":[["user","x"],["user","y"]]},"input":"y","index":1}' '{"id":"a","inputs":{"messages":[["user","x"],["user","y"]]}}' --keep --all
row '--keep --all where an index is there already' '{"id":"a","index":0,"inputs":{"messages":[["user","x"]]},"input":"x"}' \
    '{"id":"a","index":"old","inputs":{"messages":[["user","x"]]}}' --keep --all

# -e
if msg-extract -e . </dev/null >/dev/null 2>&1; then
	row '-e: a string' '{"run_id":"a","timestamp":null,"input":"x\ny\"中"}' '{"id":"a","t":"x\ny\"\u4e2d"}' -e .t
	row '-e: null is no message' '' '{"id":"a","t":null}' -e .t
	row '-e: nor is nothing' '' '{"id":"a"}' -e empty
	row '-e --keep-empty' '{"run_id":"a","timestamp":null,"input":null}' '{"id":"a"}' -e .t --keep-empty
	row '-e --keep keeps a 64-bit number' '{"id":12345678901234567890,"t":"x","f":1.0,"input":"x"}' '{"id":12345678901234567890,"t":"x","f":1.0}' -e .t --keep
	row '-e: the first result' '{"run_id":"a","timestamp":null,"input":"p"}' '{"id":"a","l":["p","q"]}' -e '.l[]'
	printf '%s\n' '{"id":"a","t":5}' '{"id":"b","t":"ok"}' '{"id":"c","t":{}}' '{"id":"d","t":[1]}' >input
	ok '-e: what is no string is rejected' status 1 msg-extract -e .t input
	is '... and said' "$(cat "$err")" 'msg-extract: input:1: the expression gave 5, not a string
msg-extract: input:3: the expression gave {}, not a string
msg-extract: input:4: the expression gave [1], not a string'
	is '... the others pass' "$(cat "$out")" '{"run_id":"b","timestamp":null,"input":"ok"}'
	ok '-e: an error of the program rejects' status 1 msg-extract -e '.t.x' input
	like '... and is said' "$err" 'input:2: jq: Cannot index string'
	for bad in '.a |' 'nope' '{'; do
		ok "-e '$bad' is status 2" status 2 msg-extract -e "$bad" input
		is '... before anything is written' "$(cat "$out")" ''
	done
	ok '-e and --all exclude each other' status 2 msg-extract -e .t --all input
	msg-extract -e '.inputs.messages? | arrays | .[-1].content? | strings' "$data/runs.ndjson" --jobs 1 >one 2>one.err
	msg-extract -e '.inputs.messages? | arrays | .[-1].content? | strings' "$data/runs.ndjson" --jobs 3 >three 2>three.err
	ok '-e: there is something' test -s one
	same '-e: --jobs 3: the same output' three one
	same '-e: --jobs 3: the same messages' three.err one.err
	if LD_DEBUG=libs msg-extract -e .t input 2>&1 | grep -q libjq; then
		ok 'without -e libjq is not loaded' sh -c '! LD_DEBUG=libs msg-extract input 2>&1 | grep libjq'
	else
		skip 1 'the loader does not tell what it loads'
	fi
else
	skip 24 'libjq is not installed'
fi
done_testing
