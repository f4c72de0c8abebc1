#!/bin/sh
# trace-serve(1) as a server: whom it answers, and what it makes of clients that are odd, rude, slow or many (server.js).
. "${0%/*}/lib.sh"

serve() {	# ARGS...: sets pid and URL
	: >log
	"$@" >said 2>>log & pid=$!
	tap_pids="$tap_pids $pid"
	within 20 grep -q 'listening on' log || { cat log; echo 'Bail out! trace-serve does not start'; exit 1; }
	URL=$(sed -n 's/.*listening on //p' log | sed 's/0\.0\.0\.0/127.0.0.1/')
}
stop() { kill $pid; wait $pid 2>/dev/null; st=$?; }
# part NAME [ARG]: the promises of server.js, each a test of its own
part() {
	timeout 300 node "$top/tests/server.js" "$URL" "$@" >said 2>"$err"
	is "$1: to the end" "$(tail -n 1 said)$(cat "$err")" end
	grep -v '^end$' said >promises
	while IFS='	' read -r name instead; do
		case $name in
		'ok '*) tap_result 0 "$1: ${name#ok }" ;;
		*) tap_result 1 "$1: ${name#no }" "$instead" ;;
		esac
	done <promises
}
clean_end() {
	stop
	is "$1: SIGTERM ends it" "$st $(wc -l <log)" '143 1'
}

serve trace-serve -l 127.0.0.1:0 -d t.db --max-body 1M
part hosts
part origins
part odd
part bodies
part slow
[ -n "$SAN" ] || ok 'it has not grown' [ "$(awk '/VmHWM/ { print $2 }' /proc/$pid/status)" -lt 200000 ]
clean_end 'after all that'
is '... and the database is whole' "$(sql-query -d sqlite:t.db 'PRAGMA integrity_check' | json 'Object.values(r)[0]')" ok

token=0123456789abcdefghij
echo $token >token
serve trace-serve -l 127.0.0.1:0 -d t.db --token-file token
part tokens $token
clean_end tokens
serve trace-serve -l 0.0.0.0:0 -d t.db --token-file token
part beyond $token
clean_end beyond
# A name that begins like an address of this machine may be anybody's.
ok '127.NAME without a token: refused' status 2 timeout 20 trace-serve -l 127.example.invalid:0 -d t.db
like '... with a word on what is missing' "$err" --token-file

# shellcheck disable=SC3045	# all shells have -n
most=$(ulimit -Hn)
if [ "$most" != unlimited ] && [ "$most" -lt 11000 ]; then
	skip 1 "10,000 connections: at most $most files may be open"
else
	# shellcheck disable=SC3045
	ulimit -n "$most"
	serve trace-serve -l 127.0.0.1:0 -d t.db
	part many 10000
	[ -n "$SAN" ] || ok 'many: a connection costs little' [ "$(awk '/VmHWM/ { print $2 }' /proc/$pid/status)" -lt 300000 ]
	clean_end many
fi
# More than may be open: the longest idle ones make room.
serve sh -c 'ulimit -n 1100; exec trace-serve -l 127.0.0.1:0 -d t.db'
part many 3000
clean_end 'more than may be open'

done_testing
