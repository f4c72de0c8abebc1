#!/bin/sh
# faults.t - the n-th allocation, write, fsync, rename or connection of a tool fails: it never crashes or hangs, says so or does its work all
# the same, and the next run ends well, with nothing missing, doubled or half-written.
#
# Some calls of each kind are tried; all of them with LLMUTILS_FULL=1, which takes minutes.  How each tool ends when it is killed is in tests of its own.
full=${LLMUTILS_FULL-}
. "${0%/*}/lib.sh"

[ -z "$SAN" ] || skip_all 'the shim cannot be loaded before a sanitizer'
[ -e "$B/fault.so" ] || skip_all 'fault.so is not built'

# Which of N calls: all, or the first few and some behind them.
points() {	# N
	if [ -n "$full" ] || [ "$1" -le 4 ]; then
		seq 1 "$1"
	else
		printf '%s\n' 2 $(($1 / 3)) $(($1 * 3 / 5)) "$1" | sort -nu
	fi
}

# with CALLS N ACT CMD... <in: CMD in w with a fault; out there goes on
with() {
	fault_calls=$1 fault_at=$2 fault_act=$3
	shift 3
	(cd w && timeout 30 env LD_PRELOAD="$B/fault.so" FAULT_CALLS="$fault_calls" FAULT_AT="$fault_at" FAULT_ACT="$fault_act" FAULT_LOG="$T/count" \
		"$@" <"$T/in" >>out 2>err)
}

# What is wrong with the run that has ended with this status, or nothing.
wrong() {	# STATUS TOOL
	case $1 in
	0) look >have; cmp -s have want || echo 'status 0, but not all is there' ;;
	[123]) grep -Eq "^($2|llmutils): " w/err || echo "status $1 without a word: $(head -n 1 w/err)" ;;
	*) echo "status $1: $(tail -n 1 w/err)" ;;
	esac
}

# sweep CMD...: prepare() makes w anew; look() prints what there is in the end, the same however often it was run.
sweep() {
	for fault in malloc:ENOMEM write,writev,pwrite:ENOSPC fsync,fdatasync:EIO rename:EIO connect:ECONNREFUSED; do
		what=${fault%:*} act=${fault#*:}
		rm -rf w && mkdir w && prepare
		with "$what" 0 '' "$@"
		first=$?
		look >want
		n=$(cat count)
		if [ "$n" = 0 ] && [ $first = 0 ]; then
			continue
		fi
		is "$1: alone" "$first $([ -s want ] && echo something)" '0 something'
		for at in $(points "$n"); do
			rm -rf w && mkdir w && prepare
			with "$what" "$at" "$act" "$@"
			wrong $? "$1" | sed "s/^/at $at of $n: /"
			: >"$T/count"
			(cd w && "$@" <"$T/in" >>out 2>err) || echo "at $at of $n: the next run: status $?: $(head -n 1 w/err)"
			look >have
			cmp -s have want || echo "at $at of $n: the next run has left something else: $(diff want have | head -n 3 | tr '\n' ' ')"
		done >bad
		is "$1: $what" "$(head -n 5 bad)" ''
	done
}
prepare() { :; }
look() { sort -u w/out; }

# ---- filters ----

runs=$top/tests/data/runs.ndjson
head -n 40 "$runs" >in
sweep dedup -k id
sweep dedup -k id --store keys
sweep msg-extract
for i in 1 2 3; do
	echo "{\"timestamp\":\"2024-06-01T00:00:0${i}Z\",\"domain_name\":\"d\",\"user_department\":\"x\",\"user_name\":\"u$i\",\"source_ip\":\"::1\",\"session_id\":\"s\",\"action_type\":\"a\",\"developer\":\"d\",\"action_details\":\"字 a\"}"
done >in
sweep log-check
sweep cc-count

BOTRUN_LOG_AES_KEY=$(head -c 32 /dev/zero | base64)
export BOTRUN_LOG_AES_KEY
look() { seal -d -f user_name w/out | sort -u; }
sweep seal -f user_name
look() { sort -u w/out; }
cc-count <in >counted && cp counted in
sweep cc-sum

# ---- databases ----

look() { sql-query -d sqlite:w/db 'SELECT * FROM rows ORDER BY 1'; }
sweep sql-load -d sqlite:db --create -t rows --key user_name --on-conflict ignore
sql-load -d sqlite:full.db --create -t rows <in
prepare() { cp full.db w; }
look() { sort -u w/out; }
sweep sql-query -d sqlite:full.db 'SELECT * FROM rows'
prepare() { :; }

# ---- the recorder ----

for i in 1 2 3; do
	echo "{\"id\":\"$i\",\"timestamp\":\"2024-06-01T00:00:0$i\",\"session_id\":$i,\"message_id\":$i,\"prompt\":\"p\",\"response\":\"r\",\"success\":true}"
done >in
look() { rec-cat --dir w/tree --stages | sort -u; }
sweep rec-write --dir tree
rec-write --dir tree <in >/dev/null
prepare() { cp -r tree w; }
sweep rec-rotate --dir tree --max-size 10 --session-days 100000
look() { sort -u w/out; }
sweep rec-cat --dir tree
sweep rec-stat --dir tree --format json --progress never
echo '{"id":2}' >in
sweep msg-join --dir tree

# ---- services ----

prepare() { :; }
standin langsmith
node "$top/tests/ctl.js" POST "$URL/_test/runs" "$runs" >/dev/null
export LANGSMITH_API_KEY=lsv2_pt_test LANGSMITH_PROJECT=my-app LANGSMITH_ENDPOINT="$URL"
sweep ls-fetch --state state

standin feishu
export FEISHU_APP_ID=cli_test FEISHU_APP_SECRET=secret FEISHU_BASE_ID=bascnTest FEISHU_TABLE_ID=tblTest FEISHU_ENDPOINT="$URL"
for i in 0 1 2; do
	echo "{\"run_id\":\"r$i\",\"timestamp\":\"$((2000 + i * 40))-06-01T00:00:00Z\",\"input\":\"text $i\"}"
done >in
prepare() { post /_test/reset '{}' >/dev/null; }
look() { get /_test/rows | json '[r.run_id, r.timestamp, r.input]' | sort; }
sweep bt-push --ledger ledger
prepare() { post /_test/reset '{}' >/dev/null; bt-push --ledger w/ledger <in >/dev/null; }
sweep bt-prune --ledger ledger --older-than 14d
look() { json '[r.run_id, r.timestamp, r.input]' <w/out | sort -u; }
prepare() { :; }
sweep bt-fetch
post /_test/sheets '{"sheet_id":"sheet1","title":"S","rows":[["name","age"],["a",1],["b",2]]}' >/dev/null
look() { sort -u w/out; }
sweep sheet-fetch shtTest

standin bigquery --dataset botrun --token ready
export BIGQUERY_ENDPOINT="$URL" GOOGLE_OAUTH_ACCESS_TOKEN=ready GOOGLE_CLOUD_PROJECT=test-project
prepare() { post /_test/reset '{}' >/dev/null; }
look() { get '/_test/rows?table=botrun.rows' | json r.run_id | sort; }
sweep bq-load -t botrun.rows --create --schema auto
look() { sort -u w/out; }
prepare() { :; }
sweep bq-query 'SELECT run_id FROM botrun.rows'

standin openai
export OPENAI_API_KEY=sk-test OPENAI_BASE_URL="$URL/v1"
for i in 1 2; do
	echo "{\"id\":\"$i\",\"request\":{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"$i\"}]}}"
done >in
look() { json 'r.response && r.response.choices[0].message.content' <w/out | grep said | sort -u; }
sweep trace-replay

done_testing
