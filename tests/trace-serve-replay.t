#!/bin/sh
# trace-serve(1): replays of records and debugging sessions, against the OpenAI stand-in.
. "${0%/*}/lib.sh"

KEY=sk-test-0123456789
standin openai --key $KEY --models gpt-4o,gpt-4o-mini; AI=$URL OPENAI=$STANDIN
cat >providers.json <<EOF
{"openai": {"name": "OpenAI", "base_url": "$AI/v1", "api_key": "$KEY", "models": ["gpt-4o", "gpt-4o-mini"]},
 "Wrong": {"name": "Wrong Key", "base_url": "$AI/v1/", "api_key_env": "WRONG_KEY"},
 "gone": {"base_url": "http://127.0.0.1:9/v1"}}
EOF
chmod 600 providers.json

# serve ARGS...: sets URL and pid
serve() {
	: >log
	"$@" -l 127.0.0.1:0 -d t.db 2>log >copies & pid=$!
	tap_pids="$tap_pids $pid"
	within 20 grep -q 'listening on' log || { cat log; echo 'Bail out! trace-serve does not start'; exit 1; }
	URL=$(sed -n 's/.*listening on //p' log)
}
stop() { kill $pid; wait $pid 2>/dev/null; st=$?; }
ai() { printf '%s' "$2" | node "$top/tests/ctl.js" POST "$AI$1" - >/dev/null; }
sent() { node "$top/tests/ctl.js" GET "$AI/_test/requests" | json_all "rows[0].map((q) => $1).join('\n')"; }
# call METHOD PATH [BODY]: the status in st, the body in out
call() {
	if [ $# = 3 ]; then
		printf '%s' "$3" | node "$top/tests/ctl.js" -i "$1" "$URL$2" - >raw 2>"$err"
	else
		node "$top/tests/ctl.js" -i "$1" "$URL$2" >raw 2>"$err"
	fi
	st=$(head -n 1 raw)
	sed '1,/^$/d' raw >"$out"
}
replay() { call POST "/api/records/$1/replay" "$2"; }
field() { json "$1" <"$out"; }
answer='JSON.parse(r.data.response).choices[0].message.content'

serve env WRONG_KEY=sk-wrong-0123456789 trace-serve --providers providers.json --replay-timeout 4s --tee

# ---- providers ----

is 'the providers, in the order of the file, without keys' "$(get /api/providers)" \
	'{"success":true,"data":[{"name":"OpenAI","type":"openai","enabled":true,"models":[{"name":"gpt-4o","model":"gpt-4o","enabled":true},{"name":"gpt-4o-mini","model":"gpt-4o-mini","enabled":true}]},{"name":"Wrong Key","type":"wrong","enabled":true,"models":[]},{"name":"gone","type":"gone","enabled":true,"models":[]}]}'

# ---- a record again ----

REQUEST='{"model":"gpt-4o" , "messages":[{"role":"user","content":"h\u00e9 <&>"}],"seed":9007199254740993}'
A=$(post /api/trace "{\"session_id\":\"s1\",\"turn_number\":4,\"request\":$REQUEST,\"response\":{\"old\":1}}" | json r.data.id)
call POST "/api/records/$A/replay"
is 'without a body the record is replayed as it is' "$st $(field "$answer")" '200 You said: hé <&>'
is '... byte for byte' "$(sent q.body)" "$REQUEST"
is '... as a record of the session and turn, linked to it' \
	"$(field '[r.data.session_id, r.data.turn_number, r.data.status, r.data.error_msg, r.data.parent_id, r.data.provider, r.data.model]')" \
	"[\"s1\",4,\"success\",\"\",\"$A\",\"openai\",\"gpt-4o\"]"
is '... with its own id and time' "$(field "r.data.id !== '$A' && r.data.id.length === 36 && Date.parse(r.data.created_at) > 1e12")" true
is '... with what is known of the call' "$(field '[r.data.http_status, r.data.latency_ms >= r.data.first_byte_ms, r.data.output_tokens > 0]')" '[200,true,true]'
is '... and its request as it was sent' "$(field r.data.request)" "$REQUEST"
is 'it is in the session now' "$(get /api/sessions/s1/records | json '[r.data.total, r.data.data[1].parent_id]')" "[2,\"$A\"]"
within 10 grep -q '"parent_id"' copies
is '... and in --tee' "$(tail -n 1 copies | json '[r.parent_id, r.request.seed > 1, r.success]')" "[\"$A\",true,true]"

replay "$A" '{"request":"{\"model\":\"gpt-4o\", \"messages\":[{\"role\":\"user\",\"content\":\"as text\"}]}"}'
is 'an edited request as text (the first version)' "$st $(field "$answer") $(sent q.body | tail -n 1)" \
	'200 You said: as text {"model":"gpt-4o", "messages":[{"role":"user","content":"as text"}]}'
replay "$A" '{"session_id":"s2","turn_number":9,"request":{"model":"gpt-4o","messages":[{"role":"user","content":"object"}],"temperature":0.70},"provider":"OPENAI","model":"gpt-4o-mini","temperature":2,"max_tokens":1}'
is 'as an object, with session, turn, provider and model (the later one)' \
	"$st $(field "[$answer, r.data.session_id, r.data.turn_number, r.data.model]")" '200 ["You said: object","s2",9,"gpt-4o-mini"]'
is '... the model is the only thing that changed' "$(sent q.body | tail -n 1)" \
	'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"object"}],"temperature":0.70}'
replay "$A" '{"request":{
	"model":"gpt-4o",
	"messages":[{"role":"user","content":"lines"}]}}'
is 'a request on several lines' "$st $(field "$answer")" '200 You said: lines'
replay "$A" "{\"request\":{\"model\":\"gpt-4o\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"台灣\"}]}}"
is 'a stream is put together' "$st $(field "[$answer, JSON.parse(r.data.response).object]")" '200 ["You said: 台灣","chat.completion"]'
call POST '/api/records/none/replay' '{}'
is 'an unknown record' "$st $(field '[r.success, r.message]')" '404 [false,"Record not found"]'
for body in '{"request":5}' '{"request":"x"}' '{"request":"[1]"}' '{"model":1}' '{"provider":[]}' '{"session_id":1}' '{"turn_number":"x"}' '{' '[]'; do
	replay "$A" "$body"
	is "a bad body: $body" "$st $(field r.success)" '400 false'
done
n=$(get /api/records | json r.data.total)

# ---- what fails is stored, too ----

replay "$A" '{"model":"gpt-none"}'
is 'the service refuses: 502' "$st $(field '[r.success, r.message]')" \
	'502 [false,"Replay failed: HTTP 404: The model `gpt-none` does not exist or you do not have access to it."]'
is '... and a record' "$(field '[r.data.status, r.data.error_msg.slice(0, 8), JSON.parse(r.data.response).error.code, r.data.http_status, r.data.parent_id]')" \
	"[\"error\",\"HTTP 404\",\"model_not_found\",404,\"$A\"]"
replay "$A" '{"provider":"gone"}'
is 'no service there: 502' "$st $(field '[r.data.status, r.data.response, r.data.provider]')" '502 ["error","","gone"]'
ai /_test/faults '[{"route":"POST /v1/chat/completions","act":"hang"}]'
replay "$A" '{}'
is 'a service that is silent: 504' "$st $(field '[r.message, r.data.status]')" '504 ["Replay failed: it took longer than 4 s","error"]'
ai /_test/config '{"stream":{"pause_ms":50}}'
replay "$A" "{\"request\":{\"model\":\"gpt-4o\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"$(printf 'a long answer %0400d' 0)\"}]}}"
is 'a stream that takes too long: 504, with what came' "$st $(field "[r.data.status, $answer.startsWith('You')]")" '504 ["error",true]'
ai /_test/config '{"stream":{"pause_ms":0,"end":"cut"}}'
replay "$A" "{\"request\":{\"model\":\"gpt-4o\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}}"
is 'a stream that is cut: 502, with what came' "$st $(field "[r.data.status, $answer.startsWith('You')]")" '502 ["error",true]'
ai /_test/config '{"stream":null}'
replay "$A" '{"provider":"nobody"}'
is 'an unknown provider: 400' "$st $(field '[r.message, r.data.status]')" \
	'400 ["Replay failed: API key not configured for provider: nobody","error"]'
replay "$A" '{"provider":"wrong key"}'
is 'a wrong key: 502' "$st $(field r.data.http_status)" '502 401'
is 'all of them are records' "$(get /api/records | json r.data.total)" $((n + 7))
ai /_test/config "{\"answers\":[{\"content\":\"key $KEY\"}]}"
replay "$A" '{}'
is 'the key is nowhere' "$st $(cat "$out" log t.db* copies | grep -c -e $KEY -e sk-wrong-0123456789)" '200 0'

# ---- debugging sessions ----

for i in 1 2 3; do
	post /api/trace "{\"session_id\":\"talk\",\"turn_number\":$i,\"request\":{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"turn $i\"}]}}" >/dev/null
done
NAME=$(get /api/sessions/talk | json r.data.name)
call POST /api/replay-sessions '{"original_session_id":"talk","start_turn_number":2}'
D=$(field r.data.id)
is 'a debugging session begins' "$st $(field '[r.data.original_session_id, r.data.start_turn_number, r.data.status, r.data.name]')" \
	"200 [\"talk\",2,\"active\",\"调试-$NAME-轮次2\"]"
call POST /api/replay-sessions '{"original_session_id":"talk","start_turn_number":1,"name":"mine"}'
is '... or one with a name' "$st $(field r.data.name)" '200 mine'
is 'the newest is the first of the list' "$(get '/api/replay-sessions?size=1' | json '[r.data.data[0].name, r.data.total, r.data.total_pages]')" '["mine",2,2]'
is 'one of them' "$(get "/api/replay-sessions/$D" | json r.data.id)" "$D"
call POST /api/replay-sessions '{"original_session_id":"none","start_turn_number":1}'
is 'no such original' "$st" 404
for body in '{"start_turn_number":1}' '{"original_session_id":"talk"}' '{"original_session_id":"talk","start_turn_number":0}' \
	'{"original_session_id":"talk","start_turn_number":1,"name":5}' '{"original_session_id":5,"start_turn_number":1}'; do
	call POST /api/replay-sessions "$body"
	is "a bad body: $body" "$st" 400
done
call GET /api/replay-sessions/none
is 'one that is not there' "$st" 404

debug() { call POST /api/replay-debug "{\"replay_session_id\":\"$D\",$1}"; }
debug '"turn_number":2,"request":{"model":"gpt-4o","messages":[{"role":"user","content":"again"}],"temperature":1},"config":{"temperature":0.50,"max_tokens":20,"top_p":null}'
is 'a step' "$st $(field "[$answer, r.data.replay_session_id === '$D', r.data.turn_number, r.data.status, r.data.provider, r.data.model]")" \
	'200 ["You said: again",true,2,"success","openai","gpt-4o"]'
is '... its config takes the place of what the request says' "$(sent q.body | tail -n 1)" \
	'{"model":"gpt-4o","messages":[{"role":"user","content":"again"}],"temperature":0.50,"max_tokens":20}'
is '... and comes back as text' "$(field '[JSON.parse(r.data.config).temperature, JSON.parse(r.data.request).max_tokens, r.data.id.length, Date.parse(r.data.created_at) > 1e12]')" '[0.5,20,36,true]'
debug '"turn_number":2,"request":{"model":"gpt-4o","messages":[]},"config":{"x \"y\"":1,"\u006e":2}'
is '... whatever its names' "$(sent q.body | tail -n 1)" '{"model":"gpt-4o","messages":[],"x \"y\"":1,"n":2}'
debug '"turn_number":3,"request":"{\"messages\":[{\"role\":\"user\",\"content\":\"more\"}]}","model":"gpt-4o-mini","provider":"openai","config":"{\"max_tokens\":1}"'
is 'another, in texts' "$st $(field "[$answer, r.data.model]")" '200 ["You ","gpt-4o-mini"]'
debug '"turn_number":3,"request":{"messages":[]},"model":"gpt-4o"'
is 'one that fails is stored' "$st $(field '[r.data.status, r.data.replay_session_id.length, r.data.response.length > 10]')" '502 ["error",36,true]'
is 'the steps, by turn and time' "$(get "/api/replay-sessions/$D/records" | json '[r.data.total, r.data.data.map((x) => [x.turn_number, x.status])]')" \
	'[4,[[2,"success"],[2,"error"],[3,"success"],[3,"error"]]]'
is 'none of them is a record' "$(get /api/sessions/talk/records | json r.data.total)" 3
for body in '"turn_number":2' '"turn_number":0,"request":{}' '"request":{}' '"turn_number":1,"request":[]' '"turn_number":1,"request":{},"config":5'; do
	debug "$body"
	is "a bad body: $body" "$st" 400
done
debug "\"turn_number\":1,\"request\":{},\"config\":{\"k0\":0$(i=0; while [ $((i += 1)) -le 100 ]; do printf ',"k%d":0' $i; done)}"
is 'a config of more than 100 members' "$st $(field r.message)" '400 Invalid request format: config has more than 100 members'
call POST /api/replay-debug '{"replay_session_id":"none","turn_number":1,"request":{"model":"gpt-4o","messages":[]}}'
is 'an unknown debugging session' "$st" 404
call DELETE "/api/replay-sessions/$D"
is 'deleted' "$st $(field r.success)" '200 true'
call GET "/api/replay-sessions/$D"
is '... it is gone' "$st" 404
call DELETE "/api/replay-sessions/$D"
is '... and again' "$st" 200

# ---- the end, and other starts ----

ai /_test/faults '[{"route":"POST /v1/chat/completions","act":"hang"}]'
n=$(get /api/records | json r.data.total)
post "/api/records/$A/replay" '{}' >left 2>&1 & waiting=$!
within 10 sh -c "node '$top/tests/ctl.js' GET '$AI/_test/faults' | grep -qx '\[\]'"
stop
wait $waiting
is 'SIGTERM ends a replay that waits' "$st" 143
serve trace-serve
is '... and it is stored as one that failed' "$(get /api/records | json '[r.data.total, r.data.data[0].status]')" "[$((n + 1)),\"error\"]"
is 'without a provider there is none' "$(get /api/providers)" '{"success":true,"data":[]}'
replay "$A" '{}'
is '... and a replay says what to set' "$st $(field r.message)" \
	'400 Replay failed: API key not configured for provider: none (OPENAI_API_KEY or --providers)'
stop
serve env OPENAI_API_KEY=$KEY OPENAI_BASE_URL="$AI/v1/" trace-serve
is 'one of the environment' "$(get /api/providers | json 'r.data.map((x) => [x.name, x.type])')" '[["OpenAI","openai"]]'
replay "$A" '{}'
is '... takes replays' "$st" 200

# ---- many at a time ----

ai /_test/stats '{}'
node -e '
	const http = require("http");
	for (let i = 1; i < 9; i++) {
		const content = "wait 1000 " + i;
		http.request(process.argv[1], {method: "POST", agent: false, headers: {"Content-Type": "application/json"}}, (res) => {
			let text = "";
			res.on("data", (c) => { text += c; });
			res.on("end", () => console.log(text));
		}).end(JSON.stringify({request: {model: "gpt-4o", messages: [{role: "user", content}]}}));
	}' "$URL/api/records/$A/replay" >many & waiting=$!
ok 'while replays wait, the server answers' within 5 get /api/health
wait $waiting
is 'eight replays at a time' "$(json "$answer" <many | sort | tr '\n' '|')" \
	"$(for i in 1 2 3 4 5 6 7 8; do printf 'You said: wait 1000 %s|' $i; done)"
is '... side by side' "$(($(node "$top/tests/ctl.js" GET "$AI/_test/stats" | json r.most) > 4))" 1
stop
chmod 644 providers.json
run timeout 20 env WRONG_KEY=x trace-serve -l 127.0.0.1:0 --providers providers.json
is 'a providers file that others can read is refused' "$st $(cat "$err")" '2 trace-serve: providers.json: others can read the keys in it: chmod 600 it'
standin_stop "$OPENAI"
done_testing
