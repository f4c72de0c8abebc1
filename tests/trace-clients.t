#!/bin/sh
# The README's clients of trace-serve(1), tests/data/trace-client.{sh,js}, as they stand there.
. "${0%/*}/lib.sh"

KEY=sk-test-0123456789
standin openai --key $KEY
export OPENAI_API_KEY=$KEY OPENAI_BASE_URL="$URL/v1"
trace-serve -l 127.0.0.1:0 2>log & server=$!
tap_pids="$tap_pids $server"
within 20 grep -qs 'listening on' log
URL=$(sed -n 's/.*listening on //p' log)
export TRACE_URL="$URL"
client() { timeout 60 node "$top/tests/data/trace-client.js" "$@"; }
records() { get "/api/sessions/$1/records" | json "r.data.data.map((x) => $2)"; }

if command -v curl >/dev/null; then
	is 'the one of curl is acknowledged' "$(timeout 60 "$top/tests/data/trace-client.sh" | json '[r.success, r.data.session_id, r.data.turn_number]')" \
		'[true,"demo-curl",1]'
	is '... and a record' "$(records demo-curl '[x.status, x.model, x.preview, x.input_tokens, x.output_tokens, x.latency_ms]')" \
		'[["success","gpt-4o","你好",9,3,840]]'
else
	skip 2 'there is no curl'
fi

is 'the one of Node gets its answer' "$(client Hi)" 'You said: Hi'
is '... and the two that it posts are one record' \
	"$(records demo-node '[x.turn_number, x.status, JSON.parse(x.response).choices[0].message.content, x.error_msg]')" \
	'[[1,"success","You said: Hi",""]]'
is 'the next call is the next turn' "$(client More; records demo-node 'x.turn_number')" 'You said: More
[1,2]'
OPENAI_API_KEY=sk-wrong-0123456789 run client
is 'a call that fails' "$st $(cut -c 1-26 "$err")" '1 Incorrect API key provided'
is '... is a record with the reason' "$(records demo-node '[x.turn_number, x.status, x.error_msg.slice(0, 26)]' | cut -c 1-400)" \
	'[[1,"success",""],[2,"success",""],[3,"error","Incorrect API key provided"]]'
kill $server; wait $server 2>/dev/null
run client Alone
is 'without the server the call goes on' "$st $(cat "$out")" '0 You said: Alone'
like '... and the trouble is told' "$err" '^trace: '

# The READMEs quote them.
cat >quoted.js <<'END'
const fs = require('fs'), [readme, file] = process.argv.slice(2).map((f) => fs.readFileSync(f, 'utf8'));
process.exitCode = readme.includes('\n' + file.replace(/^#!.*\n#.*\n/, '') + '```\n') ? 0 : 1;
END
for f in README.md README.zh-CN.md; do
	for client in trace-client.sh trace-client.js; do
		ok "$f has $client" node quoted.js "$top/$f" "$top/tests/data/$client"
	done
done

done_testing
