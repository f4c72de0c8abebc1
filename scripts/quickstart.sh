#!/usr/bin/env bash
# quickstart.sh [--etl] - build llmutils and see the main job at work: LangSmith runs into a Feishu Bitable, exactly once.
#
#   --etl        see another job: operation logs into SQLite, daily usage out of it
#   -h, --help   show this help
#
# Installs what is missing (scripts/install-deps.sh), builds below $B (default: build), and syncs sample runs from a
# local stand-in of LangSmith into a local stand-in of Feishu.  Needs no account, and no network once all is installed.
# Everything is in a temporary directory and gone at the end.  Ends with status 1 if a number is not as it should be.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

job=sync
case ${1-} in
'') ;;
--etl) job=etl ;;
-h | --help)
	sed -n '2,/^set -/s/^# \{0,1\}//p' scripts/quickstart.sh
	exit 0
	;;
*)
	echo "quickstart: unknown option or operand $1; try 'quickstart.sh --help'" >&2
	exit 2
	;;
esac
B=${B:-build}
here=$PWD
demo='' pids=()
bold='' dim='' plain=''
if [[ -t 1 ]]; then
	bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
fi
cleanup() {
	((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || :
	[[ -z $demo ]] || rm -rf "$demo"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

title() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

wrong() {
	printf 'quickstart: not as it should be: %s\n' "$*" >&2
	exit 1
}

control() {	# METHOD URL [BODY]
	if (($# > 2)); then
		printf '%s' "$3" | node tests/ctl.js "$1" "$2" -
	else
		node tests/ctl.js "$1" "$2"
	fi
}

# Start a stand-in; sets url.
standin() {
	local name=$1

	shift
	: >"$demo/$name.log"
	node "tests/standin/$name.js" "$@" >"$demo/$name.log" 2>&1 &
	pids+=($!)
	for _ in {1..200}; do
		url=$(sed -n 's/.*listening on //p' "$demo/$name.log")
		[[ -z $url ]] || return 0
		sleep 0.05
	done
	cat "$demo/$name.log" >&2
	wrong "the stand-in $name does not start"
}

# A root run of so many seconds ago; without an end it is still at work.
run_of() {	# NUMBER SECONDS TEXT [pending]
	node -e '
		const [n, ago, text, pending] = process.argv.slice(1);
		const id = "00000000-0000-4000-8000-" + n.padStart(12, "0");
		const at = (ms) => new Date(Date.now() - ago * 1000 + ms).toISOString().slice(0, 23) + "000";
		console.log(JSON.stringify({id, trace_id: id, parent_run_id: null, name: "chat", run_type: "chain",
			status: pending ? "pending" : "success", start_time: at(0), end_time: pending ? null : at(1500),
			inputs: {messages: [{role: "user", content: text}]}}));' "$@"
}

# One sync, shown as typed; sets summary.
sync_once() {
	local st=0

	printf '%s$ scripts/sync.sh%s\n' "$dim" "$plain"
	(cd "$demo/sync" && LLMUTILS_BIN=$bin "$here/scripts/sync.sh") 2>"$demo/said" || st=$?
	cat "$demo/said"
	[[ $st == 0 ]] || wrong "sync.sh ended with status $st"
	summary=$(tail -n 1 "$demo/said")
}

expect() {	# NAME NUMBER
	[[ " $summary " == *" $1=$2 "* ]] || wrong "$1 is not $2"
}

# ---- operation logs ----

# One step of the ETL, shown as typed.  What it prints on standard output is in $demo/out.
etl() {
	local want=$1 st=0

	shift
	printf '%s$ scripts/etl.sh %s%s%s\n' "$dim" "$*" "$([[ $1 != write ]] || echo ' <entries.ndjson')" "$plain"
	(cd "$demo/etl" && LLMUTILS_BIN=$bin "$here/scripts/etl.sh" "$@") >"$demo/out" 2>"$demo/said" || st=$?
	cat "$demo/out" "$demo/said"
	[[ $st == "$want" ]] || wrong "etl.sh ended with status $st"
	summary="$(tail -n 1 "$demo/said") "
}

show_etl() {
	local entries=$here/tests/data/entries.ndjson

	demo=$(mktemp -d)
	mkdir "$demo/etl"
	title '2. Ten entries of an operation log: two of them are wrong, one has hostile names'
	sed 's/"domain_name.*"user_name/... "user_name/; s/"source_ip.*"action_details/... "action_details/; s/,"model.*/ ...}/' "$entries"
	title '3. write: they are checked, counted and stored; no configuration, so into SQLite'
	etl 1 write --department test_org --rejects wrong.ndjson <"$entries"
	expect loaded 8
	expect rejected 2
	title '4. Written again, nothing comes twice'
	etl 1 write -q --department test_org --rejects wrong.ndjson <"$entries"
	expect loaded 0
	title '5. summary: each day of Taipei, in one transaction'
	etl 0 summary --department test_org --from 2021-01-01 --to 2021-01-03
	expect rows 5
	title '6. read'
	etl 0 read --department test_org --from 2021-01-01 --to 2021-01-03
	cat >"$demo/want" <<-'END'
		{"date":"2021-01-01","department":"test_org","user_name":"user_1","ch_characters":9,"en_characters":2}
		{"date":"2021-01-02","department":"test_org","user_name":"Zoë","ch_characters":3,"en_characters":3}
		{"date":"2021-01-02","department":"test_org","user_name":"user_1","ch_characters":4,"en_characters":7}
		{"date":"2021-01-02","department":"test_org","user_name":"王小明","ch_characters":3,"en_characters":9}
		{"date":"2021-01-03","department":"test_org","user_name":"o'Neil; DROP TABLE test_org_logs;--","ch_characters":6,"en_characters":3}
	END
	cmp "$demo/out" "$demo/want" || wrong 'the rows are not those that these entries make'
	title '7. report, as a table and as a chart'
	etl 0 report --from 2021-01-01 --to 2021-01-03 --svg usage.svg
	grep -q '^total  *test_org  *25  *24  *49$' "$demo/out" || wrong 'the totals are not those of the rows'
	[[ -s $demo/etl/usage.svg ]] || wrong 'there is no chart'
	title 'All as promised.  For your own logs:'
	cat <<-END
		  1. cd to a directory for the database, and run
		     $here/scripts/etl.sh write --department NAME <ENTRIES
		  2. PostgreSQL: --db postgres://..., or PG_HOST, PG_DATABASE, ...; BigQuery: --bigquery PROJECT.DATASET
		  3. Encryption: BOTRUN_LOG_AES_KEY, 32 bytes in base64
		  4. Every night, from cron:  etl.sh summary -q --department NAME
		man llmutils-etl, or man man/llmutils-etl.7, has the details.
	END
}

# ---- build ----

title '1. Build'
scripts/install-deps.sh build
make -s -j"$(nproc)" B="$B"
bin=$(cd "$B" && pwd)
printf '%s: ' "$B"
case $job in
sync) tools=(ls-fetch msg-extract dedup bt-push bt-prune) ;;
etl) tools=(log-check cc-count seal sql-load sql-query bq-load bq-query) ;;
esac
(cd "$bin" && ls "${tools[@]}") | tr '\n' ' '
printf '\n'

# ---- two services ----

# Settings of the person who runs this have no business here.
for v in $(compgen -e | grep -E '^(LANGSMITH|LANGCHAIN|LS|FEISHU|LLMUTILS|SYNC|APP|BASE|TABLE|BOTRUN_LOG|PG)_|^RETENTION_DAYS$|_(proxy|PROXY)$' || :); do
	unset "$v"
done

if [[ $job == etl ]]; then
	show_etl
	exit 0
fi

title '2. Two local services with sample data'
demo=$(mktemp -d)
mkdir "$demo/sync"
end=$(date -u -d '10 minutes ago' +%Y-%m-%dT%H:%M:%SZ)
node tests/data/make-runs.js --end "$end" >"$demo/runs.ndjson"
node tests/data/make-runs.js --end "$end" --expected >"$demo/expected.ndjson"
run_of 1 300 'Are you still thinking? 还在想吗？' pending >>"$demo/runs.ndjson"
standin langsmith --data "$demo/runs.ndjson"
langsmith=$url
standin feishu
feishu=$url
printf 'LangSmith at %s: %d runs in every message shape, one of them with a message of 5 MB\n' "$langsmith" "$(wc -l <"$demo/runs.ndjson")"
printf 'Feishu at    %s: an empty table with the columns run_id, timestamp, input\n' "$feishu"
cat >"$demo/sync/.env" <<END
LANGSMITH_API_KEY=lsv2_pt_test
LANGSMITH_PROJECT=my-app
LANGSMITH_ENDPOINT=$langsmith
FEISHU_APP_ID=cli_test
FEISHU_APP_SECRET=secret
FEISHU_BASE_ID=bascnTest
FEISHU_TABLE_ID=tblTest
FEISHU_ENDPOINT=$feishu
END
chmod 600 "$demo/sync/.env"
printf '%s$ cat .env%s\n' "$dim" "$plain"
cat "$demo/sync/.env"

# ---- syncs ----

# What has to come: the last user message of every root run that has ended, or began too long ago ever to end.
want=$(node -e '
	const lines = (f) => require("fs").readFileSync(f, "utf8").split("\n").filter(Boolean).map((l) => JSON.parse(l));
	const began = (r) => Date.parse(/Z$|[+-]\d\d:?\d\d$/.test(r.start_time) ? r.start_time : r.start_time + "Z");
	const ids = new Set(lines(process.argv[1]).filter((r) => !r.parent_run_id && (r.end_time || began(r) < Date.now() - 864e5)).map((r) => r.id));
	console.log(lines(process.argv[2]).filter((r) => ids.has(r.run_id) && r.input !== null).length);
	' "$demo/runs.ndjson" "$demo/expected.ndjson")

title '3. The first sync takes all history'
sync_once
expect pushed "$want"
expect rejected 0

title '4. The second has nothing to push'
sync_once
expect pushed 0
[[ $(control GET "$feishu/_test/rows" | wc -l) == "$want" ]] || wrong 'rows came twice'

title '5. One run is new, one arrives late, and one that had not ended has ended'
{
	run_of 1 300 'Are you still thinking? 还在想吗？'
	run_of 2 90 'A new question: what is the weather in Shanghai?'
	run_of 3 2400 '这条消息晚到了四十分钟。'
} >"$demo/more"
control POST "$langsmith/_test/runs" "$(cat "$demo/more")" >/dev/null
sync_once
expect pushed 3

title '6. What is in the table now (the first rows, and the three that came last)'
control GET "$feishu/_test/rows" >"$demo/rows"
node -e '
	const rows = require("fs").readFileSync(process.argv[1], "utf8").split("\n").filter(Boolean).map((l) => JSON.parse(l));
	const width = Math.max(60, Number(process.argv[2]) || 100);
	const wide = (c) => /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u.test(c);
	const cut = (s, n) => {
		let out = "", w = 0;
		for (const c of s.slice(0, 500).replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\ufeff]+/g, " ")) {
			w += wide(c) ? 2 : 1;
			if (w > n - 1)
				return out + "…";
			out += c;
		}
		return out;
	};
	const time = (ms) => new Date(Number(ms)).toISOString().slice(0, 19) + "Z";
	const id = width < 100 ? 12 : 36;
	const line = (a, b, c) => console.log(a.slice(-id).padEnd(id + 2) + b.padEnd(22) + cut(c, width - id - 25));
	line("run_id", "timestamp", "input");
	line("-".repeat(id), "-".repeat(20), "-".repeat(width - id - 26));
	rows.slice(0, 10).forEach((r) => line(r.run_id, time(r.timestamp), r.input));
	console.log("...");
	rows.slice(-3).forEach((r) => line(r.run_id, time(r.timestamp), r.input));
	const ids = new Set(rows.map((r) => r.run_id));
	console.log("\n" + rows.length + " records, " + ids.size + " different run_ids");
	process.exitCode = rows.length === ids.size && rows.length === Number(process.argv[3]) ? 0 : 1;
	' "$demo/rows" "$(tput cols 2>/dev/null || echo 100)" $((want + 3)) || wrong 'the table does not hold each message once'
printf '%s$ wc -l local_records.ndjson   # the ledger: a line for the table, and one a record%s\n' "$dim" "$plain"
(cd "$demo/sync" && wc -l local_records.ndjson)

title 'All as promised.  For the real services:'
cat <<END
  1. Feishu: an app in the developer console with the scopes that README.md lists, published, and added
     to the base as a document app; a table with the columns run_id (text), timestamp (date), input (text).
  2. A directory with a .env as above (without the two ENDPOINT lines), chmod 600.
  3. cd there, and run $here/scripts/sync.sh
  4. When it does what you want, from cron:  */30 * * * * $here/scripts/sync.sh -q --dir DIRECTORY
README.md has the details, and a GitHub workflow that does the same.
END
