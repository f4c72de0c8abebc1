#!/bin/sh
# ls-fetch: answers in forms that the stand-in does not give, a clock that was wrong, and odd jq programs beside it.
. "${0%/*}/lib.sh"

LANGSMITH_API_KEY=key LANGSMITH_PROJECT=p
export LANGSMITH_API_KEY LANGSMITH_PROJECT LANGSMITH_ENDPOINT

# A server of one case: "nested" (v1, inputs before id), "empty" (v2, an empty page and a cursor).
cat >server.js <<'E'
'use strict';
const http = require('http');
const mode = process.argv[2], now = Date.now();
const iso = (s) => new Date(now - s * 1e3).toISOString();
const id = (n) => '00000000-0000-4000-8000-00000000000' + n;
const run = (n, s, inputs) => ({name: 'r', inputs, id: id(n), status: 'success', start_time: iso(s), end_time: iso(s - 1)});
const within = (r, from, to) => Date.parse(r.start_time) >= from && Date.parse(r.start_time) < to;
const answer = {
	nested: (q, o) => {
		if (q.url.includes('v2'))
			return [404, {detail: 'Not Found'}];
		const long = run(1, 3000, {messages: [{role: 'user', id: id(2), content: 'x'.repeat(6000)}]});
		const from = Date.parse(o.start_time), to = Date.parse(/"([^"]+)"/.exec(o.filter)[1]);
		return [200, {runs: [long, run(2, 3600, {input: 'two'})].filter((r) => within(r, from, to)), cursors: {next: null}}];
	},
	empty: (q, o) => {
		const r = run(1, 3000, {input: 'x'});
		if (!within(r, Date.parse(o.min_start_time), Date.parse(o.max_start_time)))
			return [200, {items: [], has_more: false}];
		return [200, o.cursor || o.page_size === 1 ? {items: [r], has_more: false} : {items: [], next_cursor: 'c1', has_more: true}];
	},
}[mode];
http.createServer((q, a) => {
	let body = '';
	q.on('data', (d) => body += d);
	q.on('end', () => {
		const [status, o] = q.method === 'GET' ? [200, [{id: '8a1c0000-0000-4000-8000-000000000000', name: 'p'}]] : answer(q, JSON.parse(body));
		a.writeHead(status, {'Content-Type': 'application/json'});
		a.end(JSON.stringify(o));
	});
}).listen(0, '127.0.0.1', function () { console.log('http://127.0.0.1:' + this.address().port); });
E
serve() {
	: >port
	node server.js "$1" >port & tap_pids="$tap_pids $!"
	within 10 test -s port
	LANGSMITH_ENDPOINT=$(cat port)
}

serve nested
run ls-fetch --since 1d --max-line 4K
is 'a run that is too long: status 1' $st 1
is 'an id in its inputs is not its own: the run of that id comes' "$(json r.id <out)" 00000000-0000-4000-8000-000000000002
serve empty
ok 'an empty v2 page that says there is more' status 0 ls-fetch --since 1d
is 'is not the end' "$(wc -l <out)" 1

# --- a clock that was ahead
if [ -n "$SAN" ]; then
	skip 4 'the shim cannot be loaded before a sanitizer'
else
	standin langsmith --key key --project p
	LANGSMITH_ENDPOINT=$URL
	now=$(($(date +%s) * 1000))
	LD_PRELOAD=$B/clock.so CLOCK_MS=$((now + 864000000)) ls-fetch -q --state s >/dev/null && mv s.next s
	post /_test/runs "{\"id\":\"11111111-1111-4111-8111-111111111111\",\"name\":\"r\",\"run_type\":\"chain\",\"status\":\"success\",
		\"start_time\":\"$(date -u -d '-1 hour' +%Y-%m-%dT%H:%M:%S)\",\"end_time\":\"$(date -u -d '-1 hour' +%Y-%m-%dT%H:%M:%S)\",\"inputs\":{}}" >/dev/null
	ok 'a state from the future' status 0 ls-fetch --state s
	like 'is told' err 'in the future'
	is 'and runs come again' "$(wc -l <out)" 1
	# Only its sweep is of that clock: --until kept the rest in the past.
	LD_PRELOAD=$B/clock.so CLOCK_MS=$((now + 864000000)) ls-fetch -q --state s2 --until "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >/dev/null && mv s2.next s2
	post /_test/runs "{\"id\":\"22222222-2222-4222-8222-222222222222\",\"name\":\"r\",\"run_type\":\"chain\",\"status\":\"success\",
		\"start_time\":\"$(date -u -d '-20 hours' +%Y-%m-%dT%H:%M:%S)\",\"end_time\":null,\"inputs\":{}}" >/dev/null
	ls-fetch --state s2 >out
	is 'a sweep from the future is none' "$(grep -c 22222222-2222-4222-8222-222222222222 out)" 1
fi

# --- times
for bad in soonish 2026-13-01 '' -1h; do
	ok "--since '$bad' is misuse" status 2 ls-fetch --since "$bad"
	is '... told in two lines' "$(cat err)" "ls-fetch: --since: '$bad' is not a time (such as 2026-06-19T13:00:00Z, 2026-06-19, or 2h ago as 2h)
ls-fetch: try 'ls-fetch --help'"
done

# --- settings
settings() { env LANGSMITH_ENDPOINT=http://127.0.0.1:1 "$@" ls-fetch; }
ok 'an endpoint without a host is misuse' status 2 settings LANGSMITH_ENDPOINT=https://
is '... told' "$(cat err)" 'ls-fetch: the endpoint has no host'
ok 'a project without a name is misuse' status 2 ls-fetch -p ''
is '... told' "$(sed 1q err)" 'ls-fetch: --project: the name is empty'
ok 'a key with a blank in it is misuse' status 2 settings LANGSMITH_API_KEY='ge heim'
is '... told, but not the key' "$(cat err)" 'ls-fetch: the API key holds blanks or control characters'
ok 'a workspace with a line end in it is misuse' status 2 settings LANGSMITH_WORKSPACE_ID='w
X-Evil: 1'
is '... told' "$(cat err)" 'ls-fetch: the workspace id holds blanks or control characters'

# --- jq programs
echo '{"id":"1","inputs":{}}' >in
ok 'import of a module that is not there: status 2' status 2 msg-extract -e 'import "a" as a; .' in
ok 'a program that halts rejects the record: status 1' status 1 msg-extract -e halt_error in
done_testing
