#!/bin/sh
# man.t - every tool has its page and its README entry, pages and --help tell of the same options, and the examples run.
. "${0%/*}/lib.sh"

tools=$(cd "$top/cmd" && for f in *; do echo "${f%.c}"; done)
for t in $tools; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done

# Options as "LETTER NAME" lines, "-" where there is no letter.  -h and -V are told in llmutils(7).
help_options() {
	"$1" --help | sed -n 's/^  -\(.\), --\([a-z-]*\).*/\1 \2/p; s/^      --\([a-z-]*\).*/- \1/p' | grep -v -e ' help$' -e ' version$' | sort
}
page_options() {
	sed -n 's/^\.It Fl \([A-Za-z]\) , Fl \\-\([a-z-]*\).*/\1 \2/p; s/^\.It Fl \\-\([a-z-]*\).*/- \1/p' "$1" |
		grep -v -e ' help$' -e ' version$' | sort
}

for t in $tools; do
	page=$top/man/$t.1
	ok "$t has a man page" test -s "$page"
	for f in README.md README.zh-CN.md; do
		ok "$t stands in $f" grep -q "^| .*\`$t\`" "$top/$f"
	done
	ok "$t stands in llmutils(7)" grep -q "^\.It Xr $t 1" "$top/man/llmutils.7"
	is "$t: page and --help have the same options" "$(page_options "$page")" "$(help_options "$t")"
	for s in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
		grep -q "^\.Sh $s" "$page" || echo "$s"
	done >missing
	is "$t: the page has all sections" "$(cat missing)" ''
done
help_text=$("$top/scripts/sync.sh" --help)
for o in create-fields dir dry-run quiet verbose help; do
	ok "llmutils-sync(7) and sync.sh --help tell of --$o" sh -c 'grep -q "^\.It Fl.* \\\\-$0" "$1" && printf "%s" "$2" | grep -q -e "--$0"' \
		"$o" "$top/man/llmutils-sync.7" "$help_text"
done

if command -v mandoc >/dev/null; then
	for page in "$top"/man/*.[1-9]; do
		is "${page##*/}: mandoc has nothing to say" "$(mandoc -Tlint -W warning "$page" 2>&1)" ''
	done
else
	skip 1 'mandoc is not installed'
fi

# ---- the examples ----

standin bigquery --token ready --dataset botrun
node "$top/tests/ctl.js" -H 'Authorization: Bearer ready' POST "$URL/bigquery/v2/projects/test-project/datasets/botrun/tables" - >/dev/null <<'END'
{"tableReference":{"projectId":"test-project","datasetId":"botrun","tableId":"test_org_logs"},"schema":{"fields":[
{"name":"timestamp","type":"TIMESTAMP"},{"name":"user_name","type":"STRING"},{"name":"total_characters","type":"INTEGER"}]}}
END
post '/_test/rows?table=botrun.test_org_logs' '{"timestamp":"2026-11-21T01:02:03Z","user_name":"user_1","total_characters":19}' >/dev/null
export BIGQUERY_ENDPOINT="$URL" GOOGLE_OAUTH_ACCESS_TOKEN=ready GOOGLE_CLOUD_PROJECT=test-project
standin langsmith
LS=$URL
standin feishu
FS=$URL
PATH=$PATH:$top/scripts
export LANGSMITH_API_KEY=lsv2_pt_test LANGSMITH_PROJECT=my-app LANGSMITH_ENDPOINT="$LS" FEISHU_APP_ID=cli_test \
	FEISHU_APP_SECRET=secret FEISHU_BASE_ID=bascnTest FEISHU_TABLE_ID=tblTest FEISHU_ENDPOINT="$FS" LLMUTILS_BIN="$B"
node "$top/tests/data/make-runs.js" --end "$(node -p 'new Date(Date.now() - 6e5).toISOString()')" --big 0 --no-lone >runs.ndjson
node "$top/tests/ctl.js" POST "$LS/_test/runs" runs.ndjson >/dev/null

# The displays of a page's EXAMPLES into 1.sh 2.sh ...; "not run" in a comment before one leaves it out.
examples() {
	awk '
		/^\.Sh / { inside = $2 == "EXAMPLES" }
		!inside { next }
		/^\.\\" not run/ { skip = 1 }
		/^\.Bd/ { n += !skip; text = !skip; skip = 0; next }
		/^\.Ed/ { text = 0 }
		text {
			gsub(/\\\(dq/, "\""); gsub(/\\\(aq/, "\047"); gsub(/\\-/, "-"); gsub(/\\&/, ""); gsub(/\\e/, "\\")
			print >(n ".sh")
		}' "$1"
}

for page in "$top"/man/*.[1-9]; do
	name=${page##*/}
	mkdir "$T/$name" && cd "$T/$name" || exit 1
	cp "$T/runs.ndjson" .
	URL=$FS post /_test/reset '{}' >/dev/null
	URL=$FS post /_test/sheets '{"sheet_id":"staff","title":"Staff","rows":[["name","since","status"],
		["a",{"value":45000.5,"formatted":"2023/03/15","date":true},"open"],["b",{"value":45001,"formatted":"2023/03/16","date":true},"closed"]]}' >/dev/null
	msg-extract runs.ndjson | bt-push -q --truncate 100000 --ledger local_records.ndjson >pushed
	examples "$page"
	case $name in
	*.1) is "$name has two examples that run, at least" "$(($(find . -name '*.sh' | wc -l) >= 2))" 1 ;;
	esac
	for example in [0-9]*.sh; do
		[ -e "$example" ] || continue
		what="$name: example ${example%.sh} runs: $(head -n 1 "$example" | cut -c 1-60)"
		if grep -q '\bjq ' "$example" && ! command -v jq >/dev/null; then
			skip 1 "$what (jq is not installed)"
			continue
		fi
		run bash -o pipefail "$example"
		# head ends a pipe early: then the tool before it ends by SIGPIPE, as it should
		[ $st != 141 ] || ! grep -q head "$example" || st=0
		ok "$what" sh -c 'cat "$1"; exit "$0"' "$st" "$err"
	done
done
cd "$T" || exit 1

# The first pipeline of the READMEs.
for f in README.md README.zh-CN.md; do
	awk '/^```sh/ { n++; next } /^```/ { if (n) exit } n' "$top/$f" | sed "s|build/|$B/|g" >first.sh
	ok "$f: the first pipeline runs" status 0 env -C "$top" bash "$T/first.sh"
	is 'and prints five rows' "$(grep -c '^{"run_id":' "$out") $(cat "$err")" '5 '
done

# Their days side by side: the parts, summed again, are the sums of all.
for i in 1 2 3; do
	echo "{\"session_id\":$i,\"prompt\":\"p\",\"response\":\"你好 hi\",\"provider\":\"x\",\"success\":true,\"timestamp\":\"2026-11-0${i}T01:00:00\"}"
done | rec-write >interactions
for f in README.md README.zh-CN.md; do
	sed -n "s/^  \(printf '%s.n' 2026-11-.*\)/\1/p" "$top/$f" >days.sh
	ok "$f: days side by side" status 0 bash days.sh
	is 'and their sum' "$(cat 2026-11-*.ndjson | cc-sum --by provider)" "$(cc-count -f response <interactions | cc-sum --by provider)"
	rm -f 2026-11-*.ndjson
done

done_testing
