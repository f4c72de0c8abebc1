#!/bin/sh
# trace-replay(1): records in, new records out, against the OpenAI stand-in.
. "${0%/*}/lib.sh"

KEY=sk-test-0123456789
standin openai --key $KEY; OPENAI=$STANDIN
export OPENAI_API_KEY=$KEY OPENAI_BASE_URL="$URL/v1"
replay() { timeout 60 trace-replay "$@"; }
config() { post /_test/config "$1" >/dev/null; }
faults() { post /_test/faults "$1" >/dev/null; }
sent() { get /_test/requests | json_all "rows[0].map((q) => $1).join('\n')"; }
forget() { post /_test/requests '' >/dev/null; }
ask() { printf '{"id":"%s","request":{"model":"gpt-4o","messages":[{"role":"user","content":"%s"}]}}\n' "$1" "$2"; }
said='r.response.choices[0].message.content'

# ---- the forms of records ----

cat >forms <<'EOF'
{"id":"api","session_id":"s 1","turn_number":3,"request":"{\"model\":\"gpt-4o\",\n\"messages\":[{\"role\":\"user\",\"content\":\"api\"}]}","response":"","status":"pending","error_msg":""}
{"id":"tee","session_id":7,"turn_number":4,"request":{"model":"gpt-4o","messages":[{"role":"user","content":"tee"}]},"response":{"x":1},"success":true}
{"model":"gpt-4o","messages":[{"role":"user","content":"plain"}]}
{"id":5,"session_id":"s5","role_name":"r","model":"gpt-4o","prompt":"recorder","response":"x","success":true}
{"id":"list","model":"gpt-4o","prompt":"[{\"role\":\"system\",\"content\":\"x\"},{\"role\":\"user\",\"content\":\"list\"}]"}
{"id":"whole","model":"none","prompt":" {\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"whole\"}]} "}
EOF
ok 'all forms of records are replayed' status 0 replay forms
cp "$out" first
is '... in their order' "$(json "$said" <"$out" | tr '\n' ' ')" \
	'You said: api You said: tee You said: plain You said: recorder You said: list You said: whole '
is '... with session and turn' "$(json '[r.session_id, r.turn_number]' <"$out" | tr '\n' ' ')" \
	'["s 1",3] ["7",4] [null,null] ["s5",null] [null,null] [null,null] '
is '... and the record that they repeat' "$(json 'String(r.parent_id)' <"$out" | tr '\n' ' ')" 'api tee undefined 5 list whole '
is '... each with an id of its own' "$(json r.id <"$out" | sort -u | grep -cE '^[0-9a-f-]{36}$')" 6
is '... and what is known of the call' \
	"$(head -n 1 first | json '[r.provider, r.model, r.status, r.success, r.http_status, r.performance_metrics.response_time_ms >= r.performance_metrics.first_byte_ms, r.response.usage.total_tokens > 0]')" \
	'["openai","gpt-4o","success",true,200,true,true]'
is '... the request as it was' "$(json 'r.request.messages.length' <"$out" | tr '\n' ' ')" '1 1 1 1 2 1 '
is 'on one line, though it came on two' "$(wc -l <first)" 6
ok 'what comes out can go in again' status 0 replay first
is '... as a replay of the replay' "$(json r.parent_id <"$out")" "$(json r.id <first)"
if [ -x "$B/rec-write" ]; then
	ok 'rec-write takes it' status 0 timeout 20 rec-write -d tree first
else
	skip 1 'rec-write is not built'
fi
echo '{"model":"gpt-4o","input":"hello"}' | replay >out1
is 'a request of the responses API goes there' "$(json 'r.response.output[0].content[0].text' <out1) $(sent q.path | tail -n 1)" 'You said: hello /v1/responses'

# ---- streams, tools, bytes ----

ask t hello | replay -s stream=true -s 'stream_options={"include_usage":true}' >streamed
is 'a stream is put together' "$(json "[$said, r.response.object, r.response.choices[0].finish_reason, r.response.usage.total_tokens > 0]" <streamed)" \
	'["You said: hello","chat.completion","stop",true]'
config '{"stream":{"eol":"\r\n","comments":true,"bytes":3}}'
ask t '台灣 🎈' | replay -s stream=true -s n=2 >streamed
is '... also one that comes in small pieces' "$(json 'r.response.choices.map((c) => c.message.content)' <streamed)" '["You said: 台灣 🎈","You said: 台灣 🎈"]'
ask t hello | replay -s stream=true -s 'tools=[{"type":"function","function":{"name":"f"}}]' >streamed
is '... with tool calls' "$(json '[r.response.choices[0].finish_reason, r.response.choices[0].message.tool_calls[0].function]' <streamed)" \
	'["tool_calls",{"name":"f","arguments":"{\"text\":\"hello\"}"}]'
config '{"stream":null}'

config '{"vendor":true}'
forget
printf '%s\n' '{"request":{"model":"gpt-4o" , "messages":[{"role":"user","content":"\u00e9<&>"}],"big":9007199254740993,"real":1.0,"huge":1e400}}' >odd
replay odd >"$out" && sent q.body >body
is 'a request is sent as it was recorded' "$(cat body)" '{"model":"gpt-4o" , "messages":[{"role":"user","content":"\u00e9<&>"}],"big":9007199254740993,"real":1.0,"huge":1e400}'
forget
replay -s temperature=0.50 -s user=me odd >"$out" && sent q.body >body
is '... and with --set as it was, but for that' "$(cat body)" \
	'{"model":"gpt-4o" , "messages":[{"role":"user","content":"\u00e9<&>"}],"big":9007199254740993,"real":1.0,"huge":1e400,"temperature":0.50,"user":"me"}'
config '{"vendor":false}'

# ---- edits ----

ask x hello >one
edited() { replay -n "$@" one; }
is '--set: a string' "$(edited -s model=m | json r.model)" m
is '... JSON' "$(edited -s 'stop=["a"]' -s 'x=null' -s y=1 -s z=1.5.2 | json '[r.stop, r.x, r.y, r.z]')" '[["a"],null,1,"1.5.2"]'
is '... an empty one, one with a quote, one with =' "$(edited -s a= -s 'b="' -s c=d=e | json '[r.a, r.b, r.c]')" '["","\"","d=e"]'
is '... twice: the last one counts' "$(edited -s a=1 -s a=2 | json r.a)" 2
is '-e: the result is the request' "$(edited -e '.model = "m" | .messages += [{role: "user", content: "more"}]' | json '[r.model, r.messages.length]')" '["m",2]'
is '... after --set' "$(edited -s model=a -e '.model += "b"' | json r.model)" ab
is '... members can go' "$(edited -e 'del(.messages)')" '{"model":"gpt-4o"}'
is '... what it does not touch keeps its bytes' "$(replay -n -e '.messages[0].content = "new" | .more = 1' odd)" \
	'{"model":"gpt-4o","messages":[{"role":"user","content":"new"}],"big":9007199254740993,"real":1.0,"huge":1e400,"more":1}'
is '... null leaves the record out' "$(replay -n -e 'if .messages[0].content == "hello" then empty else . end' one odd | wc -l)" 1
run replay -n -e .model one
is '... a string is refused' "$st $(cat "$err")" '1 trace-replay: one:1: the expression gave a string, not an object'
run replay -n -e '.model.x' one
is '... and what fails' "$st $(cut -c 1-25 "$err")" '1 trace-replay: one:1: jq: '
forget; edited >/dev/null
is '-n sends nothing' "$(get /_test/requests)" '[]'
is '... and needs no key' "$(env -u OPENAI_API_KEY -u OPENAI_BASE_URL trace-replay -n one | json r.model)" gpt-4o

# ---- lines that are no requests ----

cat >bad <<'EOF'
{"id":1,"x":2}
nothing
{"request":"{\"model\":"}
{"request":[1]}
{"request":"5"}
EOF
cat one >>bad
run replay --rejects rejected bad
is 'lines that have no request are rejected' "$st $(wc -l <rejected) $(wc -l <"$out")" '1 5 1'
like '... with the reason' "$err" '^trace-replay: bad:1: no request: there is neither request, messages, input nor prompt$'
like '... where text is no JSON' "$err" '^trace-replay: bad:3: the text in request is no JSON object$'
run replay --strict bad
is '--strict stops there' "$st $(wc -c <"$out") $(wc -l <"$err")" '1 0 1'

# ---- many at a time ----

forget
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ask "q$i" "wait $(((13 - i) * 20)) q$i"; done >many
replay -j 6 many >"$out"; st=$?
is '--jobs: the order is that of the input' "$st $(json r.parent_id <"$out" | tr '\n' ' ')" '0 q1 q2 q3 q4 q5 q6 q7 q8 q9 q10 q11 q12 '
mkfifo pipe live
replay -j 2 <pipe >live & pid=$!
tap_pids="$tap_pids $pid"
exec 8>pipe 9<live
ask one first >&8
read -r line <&9
is 'a pipe: the answer comes at once, though the pipe stays open' "$(printf '%s\n' "$line" | json "$said")" 'You said: first'
exec 8>&- 9<&-
wait $pid 2>/dev/null
forget
before=$(node -p 'Date.now()')
head -n 4 many | replay -s 'messages=[{"role":"user","content":"x"}]' --rps 5 >"$out"
took=$(($(node -p 'Date.now()') - before))
is '--rps: four requests, five a second, take 600 ms at least' "$((took >= 600)) $(wc -l <"$out")" '1 4'

# ---- errors ----

run replay -s model=none one
is 'a refused request is a record, too' "$st $(json '[r.status, r.success, r.http_status, r.error_message, r.response.error.code]' <"$out")" \
	'1 ["error",false,404,"HTTP 404: The model `none` does not exist or you do not have access to it.","model_not_found"]'
is '... and the others go on' "$(sed 's/gpt-4o/none/' one | cat - one | replay | json r.status | tr '\n' ' ')" 'error success '
for shape in text detail message; do
	config "{\"errors\":\"$shape\"}"
	is "an error with its words in $shape" "$(replay -s temperature=3 one | json r.error_message)" \
		"HTTP 400: Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead."
done
config '{"errors":"html"}'
is 'an error page is kept as text' "$(replay -s temperature=3 one | json '[r.error_message, r.response]')" '["HTTP 400","<html><body><h1>400</h1></body></html>"]'
config '{"errors":"empty"}'
is 'an empty error' "$(replay -s temperature=3 one | json '[r.error_message, r.response]')" '["HTTP 400",null]'
config '{"errors":"openai"}'
for end in error cut stop unfinished; do
	config "{\"stream\":{\"end\":\"$end\"}}"
	run replay --max-retries 1 --retry-time 5 -s stream=true one
	is "a stream that ends so: $end" "$st $(json '[r.status, r.error_message !== "", r.response.choices[0].message.content.startsWith("You s")]' <"$out")" '1 ["error",true,true]'
done
config '{"stream":null}'

faults '[{"route":"POST /v1/chat/completions","act":"status","status":429,"times":2,"headers":{"retry-after-ms":"20"},"body":{"error":{"message":"slow"}}},
	{"route":"POST /v1/chat/completions","act":"status","status":503,"body":"busy"},
	{"route":"POST /v1/chat/completions","act":"reset"}]'
run replay one
is '429, 503 and a reset are tried again' "$st $(json r.status <"$out")" '0 success'
faults '[{"route":"POST /v1/chat/completions","act":"status","status":503,"times":0,"body":"busy"}]'
run replay --max-retries 1 many
is 'a service that does not come back ends the run' "$st $(wc -c <"$out")" '3 0'
like '... with its words' "$err" '^trace-replay: OpenAI: HTTP 503: busy$'
like '... and what to do' "$err" '^trace-replay: stopped after 0 records; run again \(see --done\) to go on$'
faults '[]'
OPENAI_API_KEY=sk-wrong-0123456789 run replay -j 1 many
is 'a wrong key is status 2' "$st $(wc -c <"$out")" '2 0'
like '... said by the service' "$err" '^trace-replay: OpenAI: HTTP 401: Incorrect API key provided'
faults '[{"route":"POST /v1/chat/completions","act":"status","status":429,"times":0,"body":{"error":{"message":"pay","code":"insufficient_quota"}}}]'
run replay many
is 'what was paid for is used up: status 3, at once' "$st $(wc -c <"$out") $(head -n 1 "$err")" '3 0 trace-replay: OpenAI: HTTP 429: pay'
faults '[{"route":"POST /v1/chat/completions","act":"hang"}]'
run replay --timeout 300ms --max-retries 0 one
is 'a service that is silent' "$st $(head -n 1 "$err")" '3 trace-replay: OpenAI: nothing came for 0.3 s'
OPENAI_API_KEY=sk-wrong-0123456789 replay <pipe >"$out" 2>"$err" & pid=$!
exec 8>pipe; cat one >&8
wait $pid 2>/dev/null
is 'a run that is over does not wait for its input' "$? $(grep -c 401 "$err")" '2 1'
exec 8>&-

# ---- again, where it stopped ----

faults '[{"route":"POST /v1/chat/completions","nth":6,"times":0,"act":"status","status":500,"body":{"error":{"message":"down"}}}]'
run replay -j 2 --max-retries 0 --done keys many
is '--done: the first run breaks off' "$st $(wc -l <"$out")" '3 5'
cp "$out" before
faults '[]'; forget
run replay -v -j 2 --done keys many
is '... the next one goes on' "$st $(cat before "$out" | json r.parent_id | sort -u | wc -l) $(wc -l <"$out")" '0 12 7'
like '... and counts what it left out' "$err" 'read=12 written=7 failed=0 skipped=5 rejected=0'
run replay --done keys many
is '... a third has nothing to do' "$st $(wc -c <"$out")" '0 0'
run replay --done keys one
is '... another record is another' "$st $(wc -l <"$out")" '0 1'
run replay -v -j 1 --done done4 one one
is 'a record that comes twice is sent once' "$st $(wc -l <"$out") $(grep -o 'skipped=.' "$err")" '0 1 skipped=1'
sed 's/"id":"x",//' one | tee plain | replay --done keys >"$out"
is 'a record without an id' "$(wc -l <"$out")" 1
run replay --done keys plain
is '... is known by itself' "$st $(wc -c <"$out")" '0 0'
run replay -s model=none --done done2 one
run replay --done done2 one
is 'what was refused is answered' "$st $(wc -c <"$out")" '0 0'
config '{"stream":{"end":"stop"}}'
run replay -s stream=true --done done3 one
config '{"stream":null}'
run replay --done done3 one
is 'what was cut is not' "$st $(wc -l <"$out")" '0 1'
trace-replay -j 2 --done keys9 many >killed & pid=$!
tap_pids="$tap_pids $pid"
within 20 sh -c 'grep -q q3 killed'
kill -9 $pid; wait $pid 2>/dev/null
run replay -j 2 --done keys9 many
is 'after kill -9 it goes on, too' "$st $(cat killed "$out" | json r.parent_id | sort -u | wc -l) $(($(wc -l <"$out") < 12))" '0 12 1'
echo 'something else' >foreign
ok 'a file of another kind is refused' status 2 replay --done foreign one
is '... and left alone' "$(cat foreign)" 'something else'

# ---- providers ----

cat >providers.json <<EOF
{"first": {"name": "First One", "base_url": "$URL/v1/", "api_key_env": "FIRST_KEY"},
 "second": {"base_url": "$URL/v1", "api_key": "$KEY", "models": ["gpt-4o"]}}
EOF
chmod 600 providers.json
export FIRST_KEY=$KEY
is 'a file of providers: the first one' "$(replay --providers providers.json one | json r.provider)" first
is '... by key, or name, any case' "$(replay --providers providers.json -p SECOND one | json r.provider)$(replay --providers providers.json -p 'first one' one | json r.provider)" secondfirst
run replay --providers providers.json -p third one
is '... one that is not there' "$st $(cat "$err")" '2 trace-replay: --provider: there is no third'
chmod 644 providers.json
run replay --providers providers.json one
is 'a file whose keys others can read is refused' "$st $(cat "$err")" '2 trace-replay: providers.json: others can read the keys in it: chmod 600 it'
is '--base-url' "$(OPENAI_BASE_URL=http://127.0.0.1:9/v1 replay --base-url "$URL/v1" one | json r.status)" success
printf '%s\n' "$KEY" >key
is 'the key from a file' "$(OPENAI_API_KEY='' OPENAI_API_KEY_FILE=key replay one | json r.status)" success
run env -u OPENAI_API_KEY -u OPENAI_BASE_URL timeout 20 trace-replay one
is 'no provider at all' "$st $(cat "$err")" '2 trace-replay: no provider: set OPENAI_API_KEY, or use --base-url or --providers'

# A service that repeats the key in its answers.
config "{\"answers\":[{\"content\":\"your key is $KEY\"}]}"
replay one >"$out"
unlike 'the key is in no record' "$out" "$KEY"
is '... stars are' "$(json "$said" <"$out")" 'your key is ******************'
faults "[{\"route\":\"POST /v1/chat/completions\",\"act\":\"status\",\"status\":400,\"body\":{\"error\":{\"message\":\"bad key $KEY\"}}}]"
run replay -v one
cat "$err" >>"$out"
unlike '... nor in an error or a message' "$out" "$KEY"

# ---- misuse, the end ----

for args in '--rps x' '--rps 0' '--rps -1' '-s model' '-s =x' '-e .[' '-j 0' '--base-url x' "--base-url $URL -p openai" '--providers no' '--done no/where'; do
	# shellcheck disable=SC2086
	run replay $args one
	is "$args: status 2" "$st $(wc -c <"$out")" '2 0'
done
ok 'a full disk is status 3' status 3 sh -c 'timeout 20 trace-replay one >/dev/full'
ok 'a file that is not there is status 3' status 3 replay none
run replay none one
is '... and the next one is read' "$st $(wc -l <"$out")" '3 1'
faults '[{"route":"POST /v1/chat/completions","act":"hang"}]'
trace-replay one >"$out" 2>"$err" & pid=$!
tap_pids="$tap_pids $pid"
within 10 sh -c "node '$top/tests/ctl.js' GET '$URL/_test/faults' | grep -qx '\[\]'"
kill $pid; wait $pid 2>/dev/null
is 'SIGTERM ends a call that hangs' "$? $(cat "$out" "$err")" '143 '
trace-replay one one one 2>"$err" | head -n 0
ok 'a closed pipe ends it quietly' test ! -s "$err"

standin_stop "$OPENAI"
run replay --max-retries 0 one
is 'no service at all' "$st $(wc -c <"$out")" '3 0'
done_testing
