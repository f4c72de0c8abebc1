#!/bin/sh
# fs-auth: logins, their store and its renewal, and the tools that act as the user; against the stand-in of Feishu.
. "${0%/*}/lib.sh"

FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret-of-the-app FEISHU_BASE_ID=bascnTest FEISHU_TABLE_ID=tblTest
FEISHU_TOKEN_STORE=$T/state/feishu.json
export FEISHU_APP_ID FEISHU_APP_SECRET FEISHU_BASE_ID FEISHU_TABLE_ID FEISHU_TOKEN_STORE
standin feishu --app-secret secret-of-the-app
FEISHU_ENDPOINT=$URL
export FEISHU_ENDPOINT
DEFAULT=$T/.local/state/llmutils/feishu.json

config() { post /_test/config "$1" >/dev/null; }
# A number that the stand-in counts, a text that the store holds.  By sed: starting node takes longer than most that is tested here.
stat_of() { get /_test/stats | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }
of_store() { tr '\n' ' ' <"$FEISHU_TOKEN_STORE" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
fault() { post /_test/faults "$1" >/dev/null; }
forget_log() { post /_test/log '' >/dev/null; }
requests() { get /_test/log | grep -o '"path":"[^"]*"' | grep -c "$1"; }

# browse URL [stay]: a GET as a browser makes it, redirects followed: status and text of the last page, or (stay) where to.
cat >browse.js <<'E'
const http = require('http');
function go(to) {
	http.get(to, {family: 4, agent: false}, (r) => {
		if (r.statusCode >= 300 && r.statusCode < 400 && process.argv[3] !== 'stay')
			return go(r.headers.location);
		let text = '';
		r.on('data', (d) => { text += d; });
		r.on('end', () => console.log(r.statusCode + ' ' + (r.headers.location || text.trim())));
	}).on('error', (e) => { console.log('error ' + e.code); process.exitCode = 1; });
}
go(process.argv[2]);
E
browse() { node browse.js "$@"; }

# store [LEFT [LIFE [LOGIN]]]: a login with LEFT seconds to live of LIFE, given by the service, as fs-auth would have stored it.
after() { date -u -d "$1 seconds" +%FT%T.%3NZ; }
given() { printf '%s' "$reply" | sed "s/.*\"$1\":\(\"[^\"]*\"\).*/\1/"; }
store() {
	mkdir -p "${FEISHU_TOKEN_STORE%/*}"
	rm -f "$FEISHU_TOKEN_STORE"
	login='{}'
	[ $# -lt 3 ] || login=$3
	reply=$(post /_test/login "$login")
	(umask 077 && tr -d '\n' >"$FEISHU_TOKEN_STORE") <<E
{"version":1,"host":"$FEISHU_ENDPOINT","app_id":"cli_test","open_id":"ou_user","name":"Test User","scope":$(given scope),
"obtained":"$(after $((${1:-7200} - ${2:-7200})))","access_token":$(given access_token),"access_expires":"$(after "${1:-7200}")",
"refresh_token":$(given refresh_token),"refresh_expires":"$(after 600000)"}
E
}
edit_store() { sed -i "$1" "$FEISHU_TOKEN_STORE"; }
expire() { edit_store 's/"access_expires":"[^"]*"/"access_expires":"2020-01-01T00:00:00Z"/'; }
# Does the service take this token?
works() { FEISHU_USER_ACCESS_TOKEN=$1 sheet-fetch -q shtTest >works.out 2>&1; }

# begin ARGS...: start a login, and wait for its address in $address.  finish: its status in $st.
begin() {
	: >login.err
	fs-auth "$@" login >login.out 2>login.err </dev/null &
	login=$!
	tap_pids="$tap_pids $login"
	within 20 grep -q 'address.*' login.err
	address=$(sed -n 's/.*browser: //p' login.err)
	port=$(printf '%s' "$address" | sed 's/.*localhost%3A\([0-9]*\)%2F.*/\1/')
}
finish() { wait "$login" 2>/dev/null; st=$?; tap_pids=$(printf '%s' "$tap_pids" | sed "s/ $login\$//"); }
cancel() { kill "$login"; finish; }

# --- by the browser
unset FEISHU_TOKEN_STORE
begin --port 0
is 'the browser is told that it went well' "$(browse "$address")" '200 The login goes on in the terminal. You can close this page.'
finish
is 'login by the browser' "$st" 0
like 'says who' login.err 'logged in as Test User \(ou_user\)'
is 'nothing on stdout' "$(cat login.out)" ''
is 'the store is in the state directory, for its owner only' "$(stat -c %a "$DEFAULT") $(stat -c %a "${DEFAULT%/*}")" '600 700'
run fs-auth status
is 'status' "$st" 0
is 'tells who, for which app and host' "$(json 'r.logged_in + r.name + r.open_id + r.app_id + r.host' <out)" "trueTest Userou_usercli_test$URL"
is 'and which scopes' "$(json 'r.scopes.join()' <out)" 'bitable:app,sheets:spreadsheet:readonly,wiki:wiki:readonly,offline_access'
is 'and how long' "$(json '[(Date.parse(r.access_expires) - Date.now()) / 6e4, (Date.parse(r.refresh_expires) - Date.now()) / 864e5].map(Math.round).join()' <out)" 120,7
unlike 'and no token' out eyJ
run fs-auth token
is 'token prints one line' "$st $(wc -l <out)" '0 1'
ok 'that works' works "$(cat out)"
is 'no secret stood in a message' "$(grep -F -e "$(cat out)" -e secret-of login.err)" ''
is 'the code was exchanged once' "$(stat_of exchanges)" 1
is 'under a challenge that is a hash' "$(printf '%s' "$address" | grep -c 'code_challenge=[A-Za-z0-9_-]\{43\}&code_challenge_method=S256$')" 1
ok 'XDG_STATE_HOME moves the store' status 2 env XDG_STATE_HOME="$T/xdg" fs-auth status
is 'there' "$(json r.store <out)" "$T/xdg/llmutils/feishu.json"
ok 'a relative one is ignored' status 0 env XDG_STATE_HOME=xdg fs-auth status
ok 'FEISHU_TOKEN_STORE names it' status 2 env FEISHU_TOKEN_STORE="$T/other.json" fs-auth status
ok '--store wins' status 0 env FEISHU_TOKEN_STORE="$T/other.json" fs-auth --store "$DEFAULT" status
ok 'without HOME there is no place' status 2 env -u HOME fs-auth status
like 'which is said' err 'neither FEISHU_TOKEN_STORE nor HOME'
ok 'logout removes it' status 0 fs-auth logout
is 'all of it' "$(ls -A "${DEFAULT%/*}")" feishu.json.lock
ok 'again is fine' status 0 fs-auth logout
ok 'then nobody has logged in' status 2 fs-auth token
like 'which is said' err 'nobody has logged in: fs-auth login'
run fs-auth status
is 'status as a record, too' "$(json 'r.logged_in + ": " + r.reason' <out)" 'false: nobody has logged in: fs-auth login'
FEISHU_TOKEN_STORE=$T/state/feishu.json
export FEISHU_TOKEN_STORE

# --- what else may come to the port
begin --port 0 --scope 'bitable:app'
state=$(printf '%s' "$address" | sed 's/.*state=\([0-9a-f]*\).*/\1/')
cat >odd.js <<'E'
/* Connections that are no request: silent, cut, endless, binary; each must leave the listener to the next. */
const net = require('net');
const port = Number(process.argv[2]);
const texts = ['', 'GET', '\0\xff\0', 'POST /callback?code=x HTTP/1.1\r\n\r\n', 'GET /callback?' + 'a'.repeat(40000), '\r\n\r\n', 'GET /callback?code=%zz HTTP/1.1\r\n\r\n'];
let left = texts.length + 20;
const done = () => { if (--left === 0) process.exit(0); };
for (let i = 0; i < 20; i++)
	net.connect(port, '127.0.0.1').on('connect', done).on('error', () => {});	/* opened ahead, kept open */
for (const t of texts)
	net.connect(port, '127.0.0.1', function () { this.end(t, 'latin1'); }).on('close', done).on('error', () => {}).resume();
E
ok 'odd connections' timeout 60 node odd.js "$port"
for q in "code=evil&state=0$state" 'code=evil' "state=$state" "code=a&code=b&state=$state" "code=a&state=$state&state=$state" \
	"code=%0a&state=$state" "code=&state=$state"; do
	browse "http://127.0.0.1:$port/callback?$q"
done >answers
is 'requests without our state, or that are ambiguous, do not count' "$(grep -c '^404 ' answers)" 7
is 'nor does another path' "$(browse "http://127.0.0.1:$port/other?code=x&state=$state" | cut -c 1-3)" 404
browse "$address" >/dev/null
finish
is 'the login still succeeds' "$st" 0
is 'with the scopes asked for, and offline_access' "$(of_store scope | tr ' ' '\n' | grep -E 'bitable|offline' | sort | tr '\n' ,)" 'bitable:app,offline_access,'
config '{"consent":"deny"}'
begin -p 0
is 'a refusal' "$(browse "$address")" '200 The login was refused. You can close this page.'
finish
is 'ends the login with status 2' "$st" 2
like 'and is said' login.err 'refused in the browser: access_denied'
ok 'the old login is still there' status 0 fs-auth status
config '{"consent":"grant"}'
begin -p 0
cancel
is 'SIGTERM ends the waiting' "$st" 143
begin -p 0
ok 'a port in use: status 2' status 2 fs-auth login --port "$port"
like 'said' err "127.0.0.1:$port: Address already in use; take another --port"
cancel
config '{"missing_scopes":["bitable:app"]}'
begin -p 0
is 'a scope that the app has not is refused on the page' "$(browse "$address" | grep -c 20027)" 1
cancel
config '{"missing_scopes":[]}'
begin -p 0 --scope "$(i=0; while [ $i -lt 190 ]; do printf 'scope:number:%d:of:a:long:list ' $i; i=$((i + 1)); done)"
like 'an address with very many scopes is shown whole' login.err 'S256$'
cancel
ok 'no secret: status 2, before the browser is opened' status 2 env -u FEISHU_APP_SECRET fs-auth login -p 0
like 'said' err 'FEISHU_APP_SECRET is not set'
ok 'no app id' status 2 env -u FEISHU_APP_ID fs-auth login
ok 'an unknown command' status 2 fs-auth lgin
ok 'options that exclude each other' status 2 fs-auth -n --device login
mkdir ro
if [ "$(id -u)" != 0 ]; then
	chmod 500 ro
	ok 'a store that cannot be written: status 3, before the browser is opened' status 3 fs-auth --store ro/x/s.json login -p 0
else
	: >ro/x
	ok 'a store that cannot be written: status 3, before the browser is opened' status 3 fs-auth --store ro/x/s.json login -p 0
fi
like 'said' err 'ro/x/s.json: cannot be locked'

# --- pasted by hand
mkfifo paste
pasted() {	# SED: what becomes of the address that the browser ends at
	: >login.err
	fs-auth -n -q login <paste >login.out 2>login.err &
	login=$!
	exec 4>paste
	within 20 grep -q 'then paste' login.err
	address=$(sed -n 's/.*browser: //p' login.err)
	browse "$address" stay | sed 's/^302 //' | sed "$1" >&4
	exec 4>&-
	wait "$login"
	st=$?
}
rm -f "$FEISHU_TOKEN_STORE"
pasted 's/$//'
is 'the whole address' "$st $(fs-auth status | grep -o '"logged_in":[a-z]*')" '0 "logged_in":true'
rm "$FEISHU_TOKEN_STORE"
pasted 's/.*code=\([^&]*\).*/  \1 /'
is 'the code alone' "$st $(fs-auth status | grep -o '"logged_in":[a-z]*')" '0 "logged_in":true'
pasted 's/state=./state=x/'
is 'an address of another login' "$st" 2
like 'is refused' login.err 'neither a code nor the address of this login'
for bad in 's/.*//' 's/.*code=.*/hello world/' 's/.*/http:\/\/localhost:3000\//'; do
	pasted "$bad"
	printf '%s ' "$st" >>sts
done
is 'nothing, words, another address' "$(cat sts)" '2 2 2 '
fault '[{"route":"POST /oauth/v3/token","nth":1,"act":"status","status":400,"body":{"code":20049,"error":"invalid_grant"}}]'
rm "$FEISHU_TOKEN_STORE"
pasted 's/$//'
is 'a token endpoint that does not know PKCE: the old one does' "$st $(fs-auth status | grep -o '"logged_in":[a-z]*') $(requests 'authen/v2/oauth/token')" '0 "logged_in":true 1'
pasted 's/.*/wrong-code/'
is 'a code that the service does not know: status 2' "$st" 2
like 'with its words' login.err 'code 20003 .*log in again'
ok 'no input' status 2 fs-auth -n login </dev/null
head -c 100000 /dev/zero | tr '\0' a >long
ok 'an endless line' status 2 fs-auth -n login <long

# --- by another device
config '{"device":1,"device_interval":1}'
ok 'a device login, approved after a poll' status 0 fs-auth --device login
like 'shows the address and the code' err 'open this address on any device: http.* \(code '
ok 'it is stored' status 0 fs-auth status
config '{"device":"deny"}'
ok 'refused: status 2' status 2 fs-auth --device login
like 'said' err 'denied|refuse'
config '{"device":"wait","device_expire":1}'
ok 'never approved: status 2' status 2 fs-auth --device login
like 'said, too' err 'expired|begin again'
device='"route":"POST /oauth/v1/device_authorization","nth":1,"act":"status","status"'
answer='"code":0,"device_code":"x","verification_uri":"http://x","expires_in":1'
pending='{"route":"POST /oauth/v3/token","times":0,"act":"status","status":400,"body":{"error":"authorization_pending"}}'
fault "[{$device:200,\"body\":{$answer,\"interval\":999999999}}]"
ok 'a pause that is longer than the code lives' status 2 timeout 20 fs-auth --device login
forget_log
fault "[{$device:200,\"body\":{$answer,\"interval\":0}},$pending]"
ok 'no pause at all' status 2 fs-auth --device login
ok 'is none to ask without end in' test "$(requests oauth/v3)" -le 3
config '{"device":0,"device_expire":240}'
fault "[{$device:503,\"body\":{\"code\":29999,\"error\":\"server_error\"}}]"
ok 'a fault of the service with a code that nobody knows: it is tried again' status 0 fs-auth --device login
fault '[]'
post /_test/reset '{}' >/dev/null

# --- the token, and when it is renewed
store
ok 'a fresh token' status 0 fs-auth token
is 'is printed as it is' "$(cat out)" "$(of_store access_token)"
is 'without a call' "$(stat_of refresh_requests)" 0
ok 'without the credentials, even' status 0 env -u FEISHU_APP_SECRET -u FEISHU_APP_ID fs-auth token
store 200 7200
cp "$FEISHU_TOKEN_STORE" old.json
ok 'with three minutes left of two hours' status 0 fs-auth -v token
is 'it is renewed' "$(stat_of refreshes)" 1
unlike 'no token in the messages' err 'eyJ|secret'
is 'the new one is printed and stored' "$(cat out)" "$(of_store access_token)"
ok 'and works' works "$(cat out)"
is 'the old pair is gone' "$(grep -c -F -e "$(json r.refresh_token <old.json)" -e "$(json r.access_token <old.json)" "$FEISHU_TOKEN_STORE")" 0
is 'the intent, too' "$(of_store refresh_sent)" ''
is 'who it is stays' "$(of_store name)" 'Test User'
ok 'a login that says less of itself is no other' sh -c 'sed -i "s/\"open_id\":\"ou_user\",//" "$FEISHU_TOKEN_STORE"; fs-auth refresh'
store 30 60
post /_test/reset '{}' >/dev/null
ok 'half a minute of one' status 0 fs-auth token
is 'is long enough' "$(stat_of refreshes)" 0
store 10 60
ok 'ten seconds are not' status 0 fs-auth token
is 'it is renewed' "$(stat_of refreshes)" 1
store
edit_store 's/"obtained":"[^"]*"/"obtained":"2999-01-01T00:00:00Z"/; s/"access_expires":"[^"]*"/"access_expires":"2999-01-01T02:00:00Z"/'
ok 'a token from the future' status 0 fs-auth token
is 'is renewed' "$(stat_of refreshes)" 2
store
was=$(of_store access_token)
ok 'refresh renews a fresh one, too' status 0 fs-auth refresh
is 'really' "$(stat_of refreshes) $([ "$(of_store access_token)" = "$was" ] || echo new)" '3 new'
is 'printing nothing' "$(cat out)" ''
store -5
ok 'an expired one needs the secret' status 2 env -u FEISHU_APP_SECRET fs-auth token
like 'said' err 'FEISHU_APP_SECRET is not set'
ok 'a wrong secret' status 2 env FEISHU_APP_SECRET=wrong-one fs-auth token
like 'is said with its code' err 'code 20002 .*check FEISHU_APP_ID and FEISHU_APP_SECRET'
unlike 'without the secret' err wrong-one
ok 'neither harms the login' status 0 fs-auth token
ok 'another app'\''s login is not used' status 2 env FEISHU_APP_ID=cli_other fs-auth token
like 'said' err 'of another app'
ok 'nor another host'\''s' status 2 env FEISHU_ENDPOINT=https://open.example.com fs-auth token
like 'said, too' err 'for another host'
run env FEISHU_APP_ID=cli_other fs-auth status
like 'status tells that as well' err 'of another app than FEISHU_APP_ID'
run env FEISHU_USER_ACCESS_TOKEN=u-given fs-auth token
is 'FEISHU_USER_ACCESS_TOKEN wins' "$(cat out)" u-given
ok 'a full disk for stdout: status 3' sh -c 'fs-auth token >/dev/full 2>err; [ $? = 3 ]'
store -5
edit_store 's/"refresh_token":"[^"]*",//'
ok 'without a refresh token the login ends' status 2 fs-auth token
like 'said' err 'no refresh token \(scope offline_access\); log in again'
ok 'status knows' status 2 fs-auth status
forget_log
config '{"device":0,"device_interval":1}'
OLD=$URL/open-apis/authen/v2/oauth/token
ok 'a login at FEISHU_TOKEN_URL' status 0 env FEISHU_TOKEN_URL="$OLD" fs-auth --device login
ok 'is renewed there' status 0 env FEISHU_TOKEN_URL="$OLD" fs-auth refresh
is 'and only there' "$(requests 'authen/v2/oauth/token') $(requests 'oauth/v3')" '2 0'
gone='[{"route":"POST /oauth/v3/token","nth":1,"act":"status","status":404,"headers":{"Content-Type":"text/plain"},"body":"404 page not found"}]'
fault "$gone"
ok 'a host without the new token endpoint has the old one' status 0 fs-auth refresh
is 'which is found' "$(requests 'authen/v2/oauth/token') $(requests 'oauth/v3')" '3 1'
store -5
was=$(of_store refresh_token)
fault "$gone"
ok 'what the old one does not know: status 2' status 2 fs-auth token
is 'but the login is kept' "$(of_store refresh_token)" "$was"
ok 'the new one was away for a moment only' status 0 fs-auth token

# --- status for people
if command -v script >/dev/null && script -qec true /dev/null >/dev/null 2>&1; then
	store 7170
	edit_store 's/"Test User"/"T\\u001b[31m\\nx"/'
	script -qec 'fs-auth status' /dev/null </dev/null | tr -d '\r' >out
	is 'status on a terminal' "$(sed -n '1p; s/^\(token\) .*, 119 min left, /\1 /p; s/^\(refresh\) .*, /\1 /p' out | tr '\n' ' ')" \
		'user     T?[31m?x (ou_user) token renewed when it is needed refresh 6 days left '
	script -qec 'fs-auth --json status' /dev/null </dev/null | tr -d '\r' >out
	is 'with --json a record there, too' "$(json r.open_id <out)" ou_user
else
	skip 2 'no script(1), which makes a terminal'
fi

# --- twenty at once
before=$(stat_of refresh_requests)
store -5
i=0 pids=''
while [ $i -lt 20 ]; do
	fs-auth token >"tok$i" 2>"tok$i.err" &
	pids="$pids $!" i=$((i + 1))
done
sts=''
for p in $pids; do wait "$p"; sts=$sts$?; done
is 'twenty processes need a new token at once: all get one' "$sts" 00000000000000000000
is 'the same' "$(cat tok? tok?? | sort -u | wc -l)" 1
is 'by one call' "$(($(stat_of refresh_requests) - before))" 1

# --- a refresh that fails
post /_test/reset '{}' >/dev/null
store -5
fault '[{"route":"POST /oauth/v3/token","times":2,"act":"status","status":503,"body":{"code":20072,"error":"temporarily_unavailable"}}]'
ok 'the service'\''s fault' status 0 fs-auth token
is 'is tried again' "$(stat_of refreshes)" 1
store -5
was=$(of_store refresh_token)
fault '[{"route":"POST /oauth/v3/token","times":0,"act":"status","status":502,"body":"<html>"}]'
ok 'for ever: status 3' status 3 fs-auth --max-retries 1 token
like 'said' err 'HTTP 502'
is 'the refresh token is kept' "$(of_store refresh_token)" "$was"
like 'with the note that it was sent' "$FEISHU_TOKEN_STORE" refresh_sent
fault '[]'
ok 'the next run goes on with it' status 0 fs-auth token
store 200
was=$(of_store access_token)
fault '[{"route":"POST /oauth/v3/token","times":0,"act":"status","status":502,"body":"<html>"}]'
ok 'a token that is still good' status 0 fs-auth --max-retries 0 token
is 'is used till the end' "$(cat out)" "$was"
fault '[]'
config '{"token_refusal":20074}'
store -5
ok 'the app may not refresh: status 2' status 2 fs-auth token
like 'says where to allow it' err 'code 20074 .*developer console'
unlike 'it was not spent' "$FEISHU_TOKEN_STORE" refresh_sent
config '{"token_refusal":20037}'
ok 'a year is over: status 2' status 2 fs-auth token
like 'says to log in' err 'the login has ended: .*code 20037 .*log in again: fs-auth login'
config '{"token_refusal":null}'
forget_log
ok 'then nobody asks again' status 2 fs-auth token
is 'really' "$(requests token)" 0
like 'and the reason is known' err '20037'
run fs-auth status
is 'to status, too' "$(json 'r.logged_in + " " + /20037/.test(r.reason)' <out)" 'false true'
store -5
fault '[{"route":"POST /oauth/v3/token","nth":1,"act":"reset-after"}]'
ok 'an answer that got lost: the token is sent again, and was used' status 2 fs-auth token
like 'says to log in again, and why' err 'code 20073 .*log in again: fs-auth login \(a first answer got lost\)'
is 'after two calls' "$(stat_of reuses)" 1
config '{"refresh_grace":60}'
store -5
fault '[{"route":"POST /oauth/v3/token","nth":1,"act":"truncate"}]'
ok 'where the service answers a second time, nothing is lost' status 0 fs-auth token
ok 'the token works' works "$(cat out)"
config '{"refresh_grace":0}'
for code in 20073 20064; do
	config "{\"reuse_code\":$code}"
	store 250
	cp "$FEISHU_TOKEN_STORE" old.json
	fs-auth -q refresh
	cat old.json >"$FEISHU_TOKEN_STORE"
	ok "used by somebody else ($code): the old access token is used as long as it is good" status 0 fs-auth token
	is 'and the store knows' "$(of_store refresh_token)$(of_store lost | grep -c "$code")" 1
	expire
	ok 'then it says to log in' status 2 fs-auth token
	like 'again' err "$code.*log in again"
done

# --- signals do not tear a refresh apart
post /_test/reset '{}' >/dev/null
store -5
forget_log
fault '[{"route":"POST /oauth/v3/token","nth":1,"act":"delay","ms":1500}]'
asked() { [ "$(requests oauth/v3)" -gt 0 ]; }
fs-auth token >out 2>err &
p=$!
within 20 asked
fs-auth token >out2 2>err2 &
waiter=$!
sleep 0.3
kill -TERM $p $waiter
wait $waiter 2>/dev/null
is 'who waits for the lock can be stopped' $? 143
wait $p 2>/dev/null
is 'SIGTERM in a refresh' $? 143
is 'waits for the answer, which is stored' "$(stat_of refreshes) $(of_store refresh_sent)" '1 '
ok 'so nothing is lost' status 0 fs-auth token
is 'and no other call is made' "$(stat_of refresh_requests)" 1

# --- killed, and without room, at every point of a refresh
if [ -z "$SAN" ] && [ -e "$B/fault.so" ]; then
	post /_test/reset '{}' >/dev/null
	at() { n=$1 act=$2; shift 2; env LD_PRELOAD="$B/fault.so" FAULT_AT="$n" FAULT_ACT="$act" FAULT_LOG=points "$@"; }
	store -5
	at 0 none fs-auth token >/dev/null
	points=$(cat points)
	ok 'a refresh has points to fail at' test "$points" -ge 8
	went=0 again=0 odd='' i=1
	store
	while [ $i -le "$points" ]; do
		expire
		at $i kill fs-auth token >out 2>err
		[ $? = 137 ] || odd="$odd $i:alive"
		[ "$(stat -c %a "$FEISHU_TOKEN_STORE")" = 600 ] || odd="$odd $i:mode"
		run fs-auth token
		if [ "$st" = 0 ] && works "$(cat out)"; then
			went=$((went + 1))
		elif [ "$st" = 2 ] && grep -q 'the answer to a refresh (.*) got lost, and .*log in again' err; then
			again=$((again + 1))
			store
		else
			odd="$odd $i:$st"
		fi
		i=$((i + 1))
	done
	is "killed at each of $points points: the next run goes on, or says to log in" "$odd" ''
	ok "both happen ($went and $again times)" test $went -gt 0 -a $again -gt 0
	is 'what was half written does not stay' "$(find "${FEISHU_TOKEN_STORE%/*}" -name '.*' ! -name . -type f)" ''
	odd='' full=0 i=1
	store
	while [ $i -le "$points" ]; do
		expire
		at $i ENOSPC fs-auth token >out 2>err
		st=$?
		[ "$st" = 3 ] && full=$((full + 1))
		case $st in 0 | 3) ;; *) odd="$odd $i:$st" ;; esac
		grep -q eyJ err && odd="$odd $i:leak"
		run fs-auth token
		[ "$st" = 0 ] && works "$(cat out)" || odd="$odd $i:then$st"
		i=$((i + 1))
	done
	is 'one write that fails at any point: status 3 or no harm, and the login survives' "$odd" ''
	ok 'it was met' test $full -gt 0
	store -5
	at 1 short fs-auth token >out 2>err
	is 'short writes do no harm' "$? $(cat out)" "0 $(of_store access_token)"
else
	skip 7 'no fault injection in a sanitizer build'
fi

# --- stores as they should not be
post /_test/reset '{}' >/dev/null
store
cp "$FEISHU_TOKEN_STORE" good.json
cat >bad.txt <<'E'
nothing||no JSON object
half|{"version":1,"host":"h","app_id":|no JSON object
array|[1]|no JSON object
other|{"run_id":"1"}|no token store
version|{"version":2}|another version
version-text|{"version":"1"}|another version
no-host|{"version":1,"app_id":"a"}|which host
number|{"version":1,"host":"h","app_id":7}|not what it should be
list|{"version":1,"host":"h","app_id":"a","access_token":["x"]}|not what it should be
newline|{"version":1,"host":"h","app_id":"a","access_token":"x\r\nEvil: 1"}|not what it should be
nul|{"version":1,"host":"h","app_id":"a\u0000b"}|not what it should be
empty-token|{"version":1,"host":"h","app_id":"a","refresh_token":""}|not what it should be
time|{"version":1,"host":"h","app_id":"a","access_expires":"soon"}|not what it should be
time-number|{"version":1,"host":"h","app_id":"a","access_expires":12}|not what it should be
E
: >changed
while IFS='|' read -r name text want; do
	printf '%s' "$text" >"$FEISHU_TOKEN_STORE"
	cp "$FEISHU_TOKEN_STORE" before
	run fs-auth token
	is "a store that is wrong ($name): status 2, said why" "$st $(grep -c "$FEISHU_TOKEN_STORE: .*$want" err)" '2 1'
	for command in status refresh; do
		run fs-auth $command
		[ "$st" = 2 ] && cmp -s before "$FEISHU_TOKEN_STORE" || echo "$name $command" >>changed
	done
done <bad.txt
is 'status and refresh say so, too, and none was changed' "$(cat changed)" ''
refused() {	# WHAT WANTED-WORDS
	run fs-auth token
	is "$1: status 2" "$st $(grep -Ec "feishu.json: $2" err)" '2 1'
	run bt-push /dev/null
	is 'bt-push does not use it, nor the app instead' "$st $(grep -Ec "feishu.json: $2" err)" '2 1'
}
S=$FEISHU_TOKEN_STORE
cat good.json >"$S"
chmod 640 "$S"
refused 'a store that others can read' 'others can read it'
chmod 600 "$S"
{ cat good.json; head -c 1100000 /dev/zero | tr '\0' ' '; } >"$S"
refused 'a huge store' 'it is too large'
rm "$S"; mkdir "$S"
refused 'a directory' 'it is no regular file'
rmdir "$S"; mkfifo -m 600 "$S"
refused 'a fifo, which would hold it up' 'it is no regular file'
rm "$S"; ln -s feishu.json "$S"
refused 'a link to itself' 'Too many levels'
rm "$S"
if [ "$(id -u)" = 0 ]; then
	cat good.json >"$S"; chmod 600 "$S"; chown 65534 "$S"
	refused 'a store of somebody else' 'it belongs to another user'
	rm "$S"
else
	skip 2 'only root can give a file away'
fi
mkdir -p elsewhere
printf '%s' '{"version":1' >elsewhere/s.json
chmod 644 elsewhere/s.json
ln -s ../elsewhere/s.json "$S"
refused 'a link to a store that others can read' 'others can read it'
(umask 077; rm elsewhere/s.json; cat good.json >elsewhere/s.json)
ok 'a link to a good one' status 0 fs-auth refresh
is 'stays one; what it names is replaced' "$(readlink "$S") $(stat -c %a elsewhere/s.json) $(cmp -s good.json elsewhere/s.json || echo new)" '../elsewhere/s.json 600 new'
ok 'logout' status 0 fs-auth logout
is 'removes both' "$(ls elsewhere; ls "$S" 2>/dev/null)" s.json.lock
rm -f "$S"
store -5
mv "$S" elsewhere/s.json
ln -s ../elsewhere/s.json "$S"
forget_log
fault '[{"route":"POST /oauth/v3/token","nth":1,"act":"delay","ms":700}]'
fs-auth token >out1 2>err1 &
p=$!
within 20 asked
run fs-auth --store elsewhere/s.json token
wait $p
is 'two names of one store: both get the token' "$? $st $(cat out)" "0 0 $(cat out1)"
is 'by one call' "$(requests oauth/v3)" 1
rm "$S" elsewhere/s.json
if [ "$(id -u)" != 0 ]; then
	mkdir -p locked; chmod 0 locked
	ok 'a home that may not be entered: nobody has logged in' status 2 env FEISHU_TOKEN_STORE="$T/locked/x/feishu.json" FEISHU_AS=user bt-push in
	like 'there' err 'nobody has logged in'
	chmod 700 locked
else
	skip 2 'root may enter'
fi
rm -rf "${S%/*}"
ok 'no directory: nobody has logged in' status 2 fs-auth token
like 'said' err 'nobody has logged in'
config '{"device":0,"device_interval":1}'
umask 022
ok 'login makes it' status 0 fs-auth --device --store "$T/a/b/c/feishu.json" login
is 'for the owner only' "$(stat -c %a a a/b/c a/b/c/feishu.json | tr '\n' ' ')" '700 700 600 '
printf '{"version":9' >a/b/c/feishu.json
chmod 644 a/b/c/feishu.json
ok 'login replaces what is no store, for others to read' status 0 fs-auth --device --store "$T/a/b/c/feishu.json" login
is 'and closes it' "$(stat -c %a a/b/c/feishu.json)" 600
printf 'x' >a/b/c/feishu.json
ok 'logout removes it, whatever it holds' status 0 fs-auth --store a/b/c/feishu.json logout
is 'really' "$(ls a/b/c)" feishu.json.lock

# --- the tools act as the user
gen() {	# FROM TO: rows
	row=$1
	while [ "$row" -le "$2" ]; do
		echo "{\"run_id\":\"r$row\",\"timestamp\":\"2026-11-20T10:00:00.123Z\",\"input\":\"text $row\"}"
		row=$((row + 1))
	done
}
keys() { get /_test/rows | grep -o '"run_id":"[^"]*"' | sort -u | wc -l; }
all() { get /_test/rows | wc -l; }
as() { [ "$(stat_of token_requests)" = 0 ] && echo user || echo app; }
post /_test/reset '{}' >/dev/null
gen 1 2 >in
store
ok 'bt-push as the user who has logged in' status 0 bt-push --ledger l1 in
is 'really' "$(as) $(all)" 'user 2'
ok 'without the app'\''s credentials' status 0 env -u FEISHU_APP_ID -u FEISHU_APP_SECRET bt-push --ledger l1 in
ok 'FEISHU_AS=app' status 0 env FEISHU_AS=app bt-push --ledger l2 in
is 'is the app' "$(as) $(all)" 'app 4'
ok 'FEISHU_AS of another kind: status 2' status 2 env FEISHU_AS=root bt-push in
like 'said' err "FEISHU_AS: 'root' is not one of"
post /_test/reset '{}' >/dev/null
ok 'a login of another app: as the app' status 0 sh -c 'sed -i s/cli_test/cli_other/ "$FEISHU_TOKEN_STORE"; bt-push --ledger l3 in'
is 'it is' "$(as)" app
ok 'or not at all' status 2 env FEISHU_AS=user bt-push --ledger l4 in
like 'said' err 'of another app'
rm "$FEISHU_TOKEN_STORE"
ok 'nobody has logged in: FEISHU_AS=user' status 2 env FEISHU_AS=user bt-push --ledger l5 in
like 'says so' err 'nobody has logged in: fs-auth login'
post /_test/reset '{}' >/dev/null
store
cp "$FEISHU_TOKEN_STORE" mine.json
run env FEISHU_USER_ACCESS_TOKEN=u-unknown bt-push --ledger l6 in
is 'FEISHU_USER_ACCESS_TOKEN wins here, too' "$st $(grep -c '99991668.*FEISHU_USER_ACCESS_TOKEN is invalid or has expired' err)" '2 1'
config '{"missing_scopes":["base:record:create","bitable:app"]}'
ok 'a scope is missing: status 2' status 2 bt-push --ledger l7 in
like 'it is named' err 'code 99991679.*base:record:create'
like 'and the page where it is granted, and what to do then' err "granted at $URL/app/cli_test/auth, then by the user: fs-auth login --scope"
ok 'as the app, too' status 2 env FEISHU_AS=app bt-push --ledger l7 in
like 'with its own words' err "code 99991672.*base:record:create.*granted at $URL/app/cli_test/auth\$"
config '{"missing_scopes":[]}'

# The token dies in mid-run: the first rows are there, then it expires, then come the others.
middle() {	# CONFIG STORE-ARGS...
	change=$1
	shift
	post /_test/reset '{}' >/dev/null
	store "$@"
	rm -f ledger feed
	mkfifo feed
	# shellcheck disable=SC2086
	bt-push -q $retries --batch 5 --ledger ledger feed >out 2>err &
	p=$!
	exec 5>feed
	gen 1 5 >&5
	within 20 there 5
	config "$change"
	eval "$meanwhile"
	gen 6 30 >&5
	exec 5>&-
	wait $p
	st=$?
}
meanwhile='' retries=''
there() { [ "$(all)" -ge "$1" ]; }
middle '{"expire_users":true}'
is 'a token that expires in the middle of a run (99991677)' "$st" 0
is 'is renewed once' "$(stat_of refreshes) $(of_store refresh_sent)" '1 '
is 'each row is there once' "$(all) $(keys)" '30 30'
middle '{"revoke_users":true}'
is 'one that is not valid any more (99991668)' "$st $(stat_of refreshes) $(all) $(keys)" '0 1 30 30'
middle '{"expire_users":true,"revoke_refresh":true}'
is 'a login that has ended: status 3' "$st" 3
like 'says to log in' err 'the login has ended: .*20064.*log in again: fs-auth login'
is 'what was pushed is recorded' "$(all) $(grep -c record_id ledger)" '5 5'
store
gen 1 30 >in
ok 'after a new login the next run goes on' status 0 bt-push -q --ledger ledger in
is 'and each row is there once' "$(all) $(keys)" '30 30'
retries='--max-retries 1'
middle '{"expire_users":true,"token_refusal":20050}'
retries=''
is 'no new token to be had now: status 3' "$st" 3
like 'said' err 'code 20050'
config '{"token_refusal":null}'
ok 'the next run goes on' status 0 bt-push -q --ledger ledger in
is 'each row once' "$(all) $(keys)" '30 30'
meanwhile='edit_store s/ou_user/ou_other/'
middle '{"expire_users":true}'
is 'somebody else logs in meanwhile: the run does not go on as another' "$st $(stat_of refreshes) $(all)" '3 0 5'
like 'and says so' err 'somebody else has logged in meanwhile'
meanwhile='fs-auth -q logout'
middle '{"expire_users":true}'
is 'the user logs out meanwhile' "$st $(all) $(grep -c 'nobody is logged in any more: fs-auth login' err)" '3 5 1'
meanwhile=''
# It comes near its end in mid-run: the service never sees an expired one.
post /_test/reset '{}' >/dev/null
store 3 4 '{"expires_in":3}'
rm -f ledger feed
mkfifo feed
forget_log
bt-push -q --batch 5 --ledger ledger feed >out 2>err &
p=$!
exec 5>feed
gen 1 5 >&5
within 20 there 5
sleep 2.2
gen 6 10 >&5
exec 5>&-
wait $p
is 'a token that nears its end in the middle of a run is renewed before' \
	"$? $(stat_of refreshes) $(all) $(get /_test/log | json_all 'rows[0].filter((q) => q.status >= 400).length')" '0 1 10 0'
# Two tools and one store: the second finds what the first has got.
post /_test/reset '{}' >/dev/null
store -5
pids=''
for i in 1 2 3 4; do
	echo "{\"run_id\":\"p$i\"}" | bt-push -q --ledger "lp$i" >/dev/null 2>"lp$i.err" &
	pids="$pids $!"
done
sts=''
for p in $pids; do wait "$p"; sts=$sts$?; done
is 'four pushes at once with an expired token' "$sts $(keys)" '0000 4'
is 'make one refresh' "$(stat_of refresh_requests)" 1

done_testing
