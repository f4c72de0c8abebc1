#!/bin/sh
# cache.t - scripts/cache.sh: which copies it fetches, how it replaces them, and what it says of them.
. "${0%/*}/lib.sh"

cache=$top/scripts/cache.sh
TMPDIR=$T	# what is killed leaves something behind
export TMPDIR

# Tools that write what the test has laid down for an address, and tell how they were called.
mkdir spy from
for t in bt-fetch sheet-fetch; do
	cat >"spy/$t" <<END
#!/bin/sh
echo "$t \$*" >>"$T/spied"
for a; do address=\$a; done
. "$T/from/\$address"
END
done
chmod +x spy/*
export LLMUTILS_BIN="$T/spy"
# gives ADDRESS COMMANDS - what fetching it does
gives() { printf '%s\n' "$2" >"$T/from/$1"; }
# rows N [TABLE...] - commands that print so many rows of each table
rows() {
	rows_n=$1; shift
	[ $# -gt 0 ] || set -- ''
	for rows_t; do
		# shellcheck disable=SC2016
		printf 'i=0; while [ $i -lt %d ]; do i=$((i + 1)); echo "{\\"record_id\\":\\"rec$i\\",%s\\"n\\":$i}"; done\n' "$rows_n" \
			"${rows_t:+\\\"_table\\\":\\\"$rows_t\\\",}"
	done
}
spied() { cat "$T/spied" 2>/dev/null; rm -f "$T/spied"; }
fresh() { mkdir "$T/$1" && cd "$T/$1" && cat >cache.conf; }
states() { "$cache" summary --format json | json 'r.name + ":" + r.state' | tr '\n' ' '; }
aged() { touch -d "$1 ago" "$2"; }

# ---- the plain case ----

gives A "$(rows 2 缺陷 b)"
gives 'W?table=tbl1' "$(rows 3)"
gives S 'echo "{\"_sheet\":\"one\",\"x\":1}"; echo "{\"_sheet\":\"two \\\"2\\\"\",\"x\":1}"'
fresh plain <<'END'
# comment
  # another

hr A bitable bitable_cache/hr.ndjson expect=4
one W?table=tbl1 bitable one.ndjson
sheet	S	sheet	"spreadsheet_cache/a b.ndjson"	sheet=*
END
is 'nothing is there: missing' "$(states)" 'hr:missing one:missing sheet:missing '
ok 'one round' status 0 "$cache" --once
like '... is summed up' "$err" '^cache: fetched=3 fresh=0 failed=0 rows=9 seconds=[0-9]+\.[0-9]$'
is '... in one line' "$(wc -l <"$err" | tr -d ' ')" 1
is '... nothing is on standard output' "$(cat "$out")" ''
is 'each is fetched as its line says' "$(spied)" 'bt-fetch --all-tables A
bt-fetch W?table=tbl1
sheet-fetch --all-sheets S'
sh "$T/from/A" >want
same 'a copy is what the tool wrote' bitable_cache/hr.ndjson want
is 'nobody else may read it' "$(stat -c %a bitable_cache/hr.ndjson)" 600
is 'nothing is left behind' "$(ls -A)" '.cache.conf.lock
.cache.conf.status
bitable_cache
cache.conf
one.ndjson
spreadsheet_cache
want'
ok 'once more' status 0 "$cache" --once
is '... all are fresh' "$(spied)$(cat "$err")" ''
ok '... which -v tells' status 0 "$cache" --once -v
like '... so' "$err" '^cache: fetched=0 fresh=3 failed=0 rows=0 '
aged '61 minutes' one.ndjson
ok 'only a stale copy' status 0 "$cache" --once
is '... is fetched' "$(spied)" 'bt-fetch W?table=tbl1'
aged '61 minutes' one.ndjson
ok 'unless the interval is longer' status 0 "$cache" --once --interval=2h
is '... then none' "$(spied)" ''
touch -d 'next year' one.ndjson
ok 'a copy of the future' status 0 "$cache" --once
is '... is fetched' "$(spied)" 'bt-fetch W?table=tbl1'
ok '--force' status 0 "$cache" --once --force -q
is '... fetches all' "$(spied)" 'bt-fetch --all-tables --quiet A
bt-fetch --quiet W?table=tbl1
sheet-fetch --all-sheets --quiet S'
is '... and says nothing with -q' "$(cat "$err")" ''

cd "$T" || exit 1
ok 'the file of sources named' status 0 "$cache" --once --force --config plain/cache.conf
ok '... its directory is the working directory' test ! -e bitable_cache
spied >/dev/null

# ---- the summary ----

cd plain || exit 1
ok 'the summary' status 0 "$cache" summary --format json
is '... rows, tables, age, size and state of each' "$(json '[r.name,r.kind,r.file,r.state,r.rows,r.expected,r.tables,r.age_seconds < 60,r.bytes === require("fs").statSync(r.file).size,r.error]' <"$out")" \
	'["hr","bitable","bitable_cache/hr.ndjson","ok",4,4,2,true,true,null]
["one","bitable","one.ndjson","ok",3,null,1,true,true,null]
["sheet","sheet","spreadsheet_cache/a b.ndjson","ok",2,null,2,true,true,null]'
aged '125 minutes' one.ndjson
ok 'as a table' status 0 "$cache" summary --format=table
like '... with a head' "$out" '^NAME +ROWS +TABLES +AGE +SIZE +STATE$'
like '... and a line each' "$out" '^hr +4 +2 +[0-9]+s +[0-9]+  ok$'
like '... an age that one can read' "$out" '^one +3 +1 +2h 5m +[0-9]+  stale$'
is 'it fetches nothing' "$(spied)" ''

# ---- what goes wrong ----

gives A 'printf "{\"record_id\":\"half"; echo "bt-fetch: page 3: no answer	from \"Feishu\"" >&2; exit 3'
cp bitable_cache/hr.ndjson before
ok 'a source fails: status 3' status 3 "$cache" --once --force
like '... it is told' "$err" '^bt-fetch: page 3: no answer'
like '... with what that means' "$err" '^cache: hr: not fetched; the copy of 20[0-9-]+ [0-9:]+ stays$'
like '... and counted' "$err" '^cache: fetched=2 fresh=0 failed=1 rows=5 '
same '... the old copy stays' bitable_cache/hr.ndjson before
is '... half an export does not' "$(find . -name '*.new')" ''
is '... the others are fetched' "$(spied)" 'bt-fetch --all-tables A
bt-fetch W?table=tbl1
sheet-fetch --all-sheets S'
ok 'the summary says what was wrong, status 1' status 1 "$cache" summary --format json
is '... in the words of the tool' "$(json 'r.error' <"$out" | head -n 1)" 'bt-fetch: page 3: no answer from "Feishu"'
is '... as its state' "$(states)" 'hr:failed one:ok sheet:ok '
aged '61 minutes' bitable_cache/hr.ndjson
gives A "$(rows 2 a b)"
ok 'when it works again' status 0 "$cache" --once
is '... all is well' "$(states)" 'hr:ok one:ok sheet:ok '
spied >/dev/null

gives A "$(rows 1 a b)"
ok 'fewer rows than expected: status 1' status 1 "$cache" --once --force
like '... a warning' "$err" '^cache: hr: 2 rows, not 4 as expected$'
is '... the copy is new, and known as such' "$(states)" 'hr:unexpected one:ok sheet:ok '
gives A "$(rows 2 a b); exit 1"
ok 'a tool that warned: status 1' status 1 "$cache" --once --force
is '... its rows are taken' "$(states)" 'hr:ok one:ok sheet:ok '
for s in A 'W?table=tbl1' S; do
	cp "$T/from/$s" "$T/from/$s.good"
	gives "$s" 'echo "$0: no credentials" >&2; exit 2'
done
ok 'all of them misused: status 2' status 2 "$cache" --once --force
cp "$T/from/A.good" "$T/from/A"
ok 'only some: status 3, since the others were fetched' status 3 "$cache" --once --force
for s in A 'W?table=tbl1' S; do mv "$T/from/$s.good" "$T/from/$s"; done
mkdir -p block/x.ndjson
printf 'x A bitable block/x.ndjson\n' >block.conf
ok 'a copy that cannot be replaced' status 3 "$cache" --once --config block.conf
like '... is a failure' "$err" '^cache: x: not fetched; there is no copy yet$'
ok '... also in the summary' status 1 "$cache" summary --config block.conf --format json
is '... with what is wrong' "$(json 'r.state + ": " + r.error' <"$out")" 'failed: block/x.ndjson cannot be replaced'
gives MUTE 'echo "{}"'
printf 'm MUTE bitable mute.ndjson\n' >mute.conf
ok 'a copy to begin with' status 0 "$cache" --once --config mute.conf
gives MUTE 'exit 3'
ok 'a tool that fails without a word' status 3 "$cache" --once --force --config mute.conf
ok '... has failed, says the summary' status 1 "$cache" summary --config mute.conf --format json
is '... in words' "$(json 'r.state + ": " + r.error' <"$out")" 'failed: the tool ended without a word'
gives MUTE 'printf "\r\033[K5 rows\r\033[Kbt-fetch: no right\nbt-fetch: written=5 tables=1 \n" >&2; exit 3'
ok 'one that shows its progress, and sums up' status 3 "$cache" -v --once --force --config mute.conf
ok '... has failed' status 1 "$cache" summary --config mute.conf --format json
is '... for what it says in between' "$(json r.error <"$out")" 'bt-fetch: no right'
spied >/dev/null

# ---- one at a time, and killed ----

fresh two <<'END'
slow SLOW bitable slow.ndjson
END
gives SLOW "$(rows 5)"
ok 'a copy to begin with' status 0 "$cache" --once
cp slow.ndjson before
gives SLOW "$(rows 3); touch '$T/begun'; while [ ! -e '$T/go' ]; do sleep 0.1; done; $(rows 3)"
hold() {	# the next round holds at a half of the rows: sets pid
	rm -f "$T/begun"
	"$cache" --once --force >/dev/null 2>said &
	pid=$!
	within 20 test -e "$T/begun"
}
ok 'one at work' hold
ok 'a second one at once: status 0' status 0 "$cache" --once --force
like '... says why' "$err" '^cache: another cache.sh is at work on cache\.conf: nothing to do$'
same 'meanwhile the copy is the old one' slow.ndjson before
kill -TERM $pid
wait $pid
is 'SIGTERM: ends by it' $? 143
same '... the old copy stays' slow.ndjson before
is '... without the half' "$(find . -name '*.new')" ''
is '... no tool goes on' "$(pgrep -f "$T/spy" | wc -l | tr -d ' ')" 0
is '... which is no failure of the source' "$(states)" 'slow:ok '
ok 'killed' hold
kill -KILL $pid
wait $pid 2>/dev/null
pkill -KILL -f "$T/spy/bt-fetch" || :
same '... the old copy stays' slow.ndjson before
gives SLOW "$(rows 7)"
ok '... the next round' within 20 sh -c "'$cache' --once --force 2>/dev/null; [ \"\$(wc -l <slow.ndjson)\" = 7 ]"
is '... cleans up' "$(find . -name '*.new')" ''
spied >/dev/null

# ---- as a service ----

# reader FILE=LINES... - who reads the copies all the time; readers_end writes what had other numbers of lines to torn
reader() {
	node -e 'const fs = require("fs"), torn = new Set();
		setInterval(() => process.argv.slice(1).forEach((a) => {
			const [file, lines] = a.split("=");
			if (fs.existsSync(file) && fs.readFileSync(file, "utf8").split("\n").length - 1 !== Number(lines))
				torn.add(file);
		}), 10);
		process.on("SIGTERM", () => { fs.writeFileSync("torn", [...torn].join(" ")); process.exit(); });
		fs.writeFileSync("reading", "");' "$@" &
	reader=$!
	within 60 test -e reading
}
readers_end() { kill $reader; wait $reader; }
rounds_are() { [ "$(grep -c '^cache: fetched=' said)" -ge "$1" ]; }

fresh service <<'END'
a A bitable a.ndjson
b B bitable b.ndjson
END
gives A "n=\$(cat '$T/service/n' 2>/dev/null || echo 0); echo \$((n + 1)) >'$T/service/n'; $(rows 20); case \$n in 1 | 2) exit 3 ;; esac; $(rows 20)"
gives B "$(rows 40)"
"$cache" --interval 1s >/dev/null 2>said &
pid=$!
reader a.ndjson=40 b.ndjson=40
within 60 rounds_are 6
readers_end
ok 'it goes on, round after round' rounds_are 6
is 'copies are whole at any time, also when fetches fail' "$(cat torn)" ''
ok 'the failures are told' test "$(grep -c '^cache: a: not fetched; the copy of' said)" = 2
like '... each round ends with a line' said '^cache: fetched=[12] fresh=[01] failed=0 rows='
kill -TERM $pid
wait $pid
is 'SIGTERM ends it' $? 143
gives A 'exit 3'
run "$cache" --once --force
spied >/dev/null
"$cache" --interval 1h --force >/dev/null 2>said &
pid=$!
ok '--force: also what has just failed' within 20 grep -q 'bt-fetch.* A' "$T/spied"
kill -TERM $pid
wait $pid
is '... no tool is left' "$(pgrep -f "$T/spy" | wc -l | tr -d ' ')" 0
spied >/dev/null

# ---- with Feishu ----

for t in bt-fetch sheet-fetch sql-load sql-query; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done
export LLMUTILS_BIN="$B"
mkdir "$T/real" && cd "$T/real" || exit 1
standin feishu
printf 'FEISHU_APP_ID=cli_test\nFEISHU_APP_SECRET=secret\nFEISHU_ENDPOINT=%s\n' "$URL" >.env
chmod 600 .env
post /_test/tables '{"table_id":"tblIssues","name":"缺陷问题闭环表","fields":[{"field_name":"标题","type":1},{"field_name":"状态","type":3},{"field_name":"人天","type":2}]}' >/dev/null
post '/_test/rows?table=tblIssues' '[{"标题":"登录失败","状态":"处理中","人天":1.5},{"标题":"已修好","状态":"已关闭"},{"标题":"多行\n文字","状态":"新建"}]' >/dev/null
post /_test/rows '[{"run_id":"r1","input":"x"}]' >/dev/null
post /_test/sheets '{"sheet_id":"one","title":"One","rows":[["name","n"],["a",1],["b",2]]}' >/dev/null
cat >cache.conf <<'END'
hr_inventory         https://example.feishu.cn/base/bascnTest                 bitable  bitable_cache/hr_inventory.ndjson expect=4
new_bitable          https://example.feishu.cn/wiki/wikTest?table=tblIssues   bitable  bitable_cache/new_bitable.ndjson
spreadsheet_example  https://example.feishu.cn/sheets/shtTest                 sheet    spreadsheet_cache/spreadsheet_example.ndjson sheet=One
END
ok 'the tools themselves, with keys from .env' status 0 "$cache" --once
is '... every table of a base' "$(json 'r._table + ":" + JSON.stringify(r["标题"] || r.run_id)' <bitable_cache/hr_inventory.ndjson | sort | tr '\n' ' ')" \
	'Table 1:"r1" 缺陷问题闭环表:"多行\n文字" 缺陷问题闭环表:"已修好" 缺陷问题闭环表:"登录失败" '
is '... one table of another' "$(json 'r._table === undefined && r["状态"]' <bitable_cache/new_bitable.ndjson | tr '\n' ' ')" '处理中 已关闭 新建 '
is '... one sheet' "$(cat spreadsheet_cache/spreadsheet_example.ndjson)" '{"name":"a","n":1}
{"name":"b","n":2}'
is '... as many as there should be' "$(states)" 'hr_inventory:ok new_bitable:ok spreadsheet_example:ok '
for f in README.md README.zh-CN.md; do
	awk '/^```sh/ { text = 1; block = ""; next } /^```/ { if (block ~ /^jq .*缺陷/) { printf "%s", block; exit } text = 0 }
		text { block = block $0 "\n" }' "$top/$f" >pipes
	is "$f: two pipes over the cache" "$(grep -c '^jq' pipes)" 2
	if command -v jq >/dev/null; then
		rm -f llmutils.db
		ok '... run' status 0 bash -e -o pipefail pipes
		is '... the open items' "$(json 'r["标题"]' <"$out" | wc -l | tr -d ' ') $(grep -c 已关闭 "$out")" '3 0'
		is '... and the table in SQLite' "$(sql-query 'SELECT COUNT(*) AS n, SUM("人天") AS d FROM issues')" '{"n":3,"d":1.5}'
	else
		skip 3 'jq is not installed'
	fi
done

# Through several intervals, with faults in between: a reader sees whole copies only.
post /_test/faults '[{"route":"POST /open-apis/bitable/v1/apps/bascnTest/tables/tblIssues/records/search","nth":3,"act":"status","status":403,"body":{"code":1254302,"msg":"no permission"}},
	{"route":"POST /open-apis/bitable/v1/apps/bascnTest/tables/tblIssues/records/search","nth":4,"act":"truncate"},
	{"route":"GET /open-apis/sheets/v3/spreadsheets/shtTest/sheets/query","nth":2,"act":"status","status":403,"body":{"code":1310213,"msg":"no permission"}}]' >/dev/null
post /_test/log '' >/dev/null
"$cache" --interval 1s --force >/dev/null 2>said &
pid=$!
reader bitable_cache/hr_inventory.ndjson=4 bitable_cache/new_bitable.ndjson=3 spreadsheet_cache/spreadsheet_example.ndjson=2
within 60 rounds_are 6
readers_end
kill -TERM $pid
wait $pid
ok 'six rounds' rounds_are 6
is 'with a service that fails: copies are whole at any time' "$(cat torn)" ''
like '... though fetches have failed' said '^cache: (hr_inventory|new_bitable): not fetched; the copy of '
like '... of the spreadsheet too' said '^cache: spreadsheet_example: not fetched; the copy of '
like '... and the last rounds went well' said '^cache: fetched=3 fresh=0 failed=0 rows=9 '
is '... with no export half done left' "$(find . -name '*.new')" ''

# ---- usage and configuration ----

export LLMUTILS_BIN="$T/spy"
gives A "$(rows 2 a b)"
spied >/dev/null

cd "$T/plain" || exit 1
ok '--help' status 0 "$cache" --help
like '... is that' "$out" '^cache\.sh '
unlike '... has nothing for shellcheck' "$out" shellcheck
for o in config force format interval once quiet verbose; do
	ok "llmutils-cache(7) and --help tell of --$o" sh -c 'grep -q -e "--$0" "$1" && grep -q "^\.It Fl.* \\\\-$0" "$2"' \
		"$o" "$out" "$top/man/llmutils-cache.7"
done
for o in '-qv' --frobnicate operand --config --config= '--interval 0s' '--interval 1x' '--interval' 'summary --once' 'summary --force' \
	'--once --format json' 'summary --format xml' '--config nowhere' '--config .'; do
	# shellcheck disable=SC2086
	ok "'$o' is misuse" status 2 "$cache" $o
done
config() { printf '%s\n' "$1" >bad.conf; status 2 "$cache" --once --config bad.conf; }
for line in 'a A bitable' 'a A table f' 'a A bitable f expect=x' 'a A bitable f frob=1' 'a A bitable f sheet=x' 'a A sheet f table=x' 'a A bitable f table=' \
	'a A bitable .env' 'a A bitable ./bad.conf' 'a A bitable x.new' 'a A bitable .bad.conf.status' 'a A bitable "f' 'a -x bitable f' 'a A bitable -f' 'a A bitable f/' '# nothing'; do
	ok "the line '$line' is misuse" config "$line"
	like '... told by the file' "$err" '^cache: bad\.conf'
done
ok 'a name twice' config 'a A bitable f
a B bitable g'
like '... with its line' "$err" '^cache: bad\.conf:2: there is another source a$'
ok 'a copy twice' config 'a A bitable f
b B bitable ./d/../f'
like '... too' "$err" '^cache: bad\.conf:2: \./d/\.\./f is the copy of a already$'
ok 'a tab in a name' config '"a	b" A bitable f'
is 'nothing was fetched' "$(spied)" ''
printf '\357\273\277a A bitable crlf.ndjson\r\n' >dos.conf
ok 'a file from Windows' status 0 "$cache" --once --config dos.conf
ok '... names the same copy' test -s crlf.ndjson
# shellcheck disable=SC2016
printf '$(touch ran) A bitable f1\n`touch ran` A bitable f2\n"a b" A bitable f3 table="t $(touch ran)"\n' >odd.conf
ok 'odd names' status 2 "$cache" --once --config odd.conf
# shellcheck disable=SC2016
printf '`touch` A bitable f2\n"a b" A bitable f3 table="t $(touch ran)"\n' >odd.conf
ok '... are names' status 0 "$cache" --once --config odd.conf
ok '... and nothing else' test ! -e ran
is '... summed up as such' "$("$cache" summary --config odd.conf --format json | json r.name | tr '\n' ,)" '`touch`,a b,'
printf 'garbage\n\t\t\nhr\tx\ty\n' >.cache.conf.status
ok 'a status file of garbage' status 0 "$cache" summary --format json
is '... is none' "$(json r.state <"$out" | sort -u | tr '\n' ' ')" 'ok '
grep -v '^ *#' "$top/scripts/cache.conf.example" | grep -q . && echo active >active
ok 'the example has no active line' test ! -e active
sed -n 's/^# \([a-z_]* *https.*\)/\1/p' "$top/scripts/cache.conf.example" >example.conf
for a in $(awk '{ print $2 }' example.conf); do mkdir -p "$T/from/${a%/*}"; done
is '... but three sources' "$("$cache" summary --config example.conf --format json | json r.name | tr '\n' ' ')" 'hr_inventory new_bitable spreadsheet_example '

done_testing
