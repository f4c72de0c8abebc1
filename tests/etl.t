#!/bin/sh
# etl.t - scripts/etl.sh: entries into SQLite, PostgreSQL and BigQuery, daily usage out of them, the same from all three.
. "${0%/*}/lib.sh"
. "$top/tests/postgres.sh"

etl=$top/scripts/etl.sh
TMPDIR=$T
export TMPDIR LLMUTILS_BIN="$B"
for t in log-check cc-count cc-sum seal sql-load sql-query bq-load bq-query; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done
# entry TIME USER DETAILS(JSON) [MEMBERS]
entry() {
	printf '{"timestamp":"%s","domain_name":"botrun.ai","user_department":"x","user_name":"%s","source_ip":"::1","session_id":"s","action_type":"a","developer":"d","action_details":%s%s}\n' \
		"$1" "$2" "$3" "${4-}"
}
cat >example <<'END'
{"timestamp":"2021-01-01T00:00:00Z","domain_name":"botrun.ai","user_department":"test_org","user_name":"user_1","source_ip":"127.0.0.1","session_id":"session_1","action_type":"交談","developer":"JcXGTcW","action_details":"~!@#$%^&*()_+台灣No.1","model":"gpt-4o","botrun":"波程.botrun","user_agent":"user_agent","resource_id":"resource_1"}
END

# ---- with nothing set at all: SQLite in the current directory ----

mkdir plain && cd plain || exit 1
bare() { env -i PATH="$PATH" HOME="$T" TMPDIR="$T" LLMUTILS_BIN="$B" "$etl" "$@"; }
ok 'with no configuration at all: write' status 0 bare write --department test_org <../example
like '... ends with the counts' "$err" '^etl: read=1 loaded=1 rejected=0 seconds=[0-9]+\.[0-9]$'
like '... and says that there is no key' "$err" '^etl: no BOTRUN_LOG_AES_KEY is set: action_details are stored readable$'
ok '... summary' status 0 bare summary --department test_org --date 2021-01-01
is '... ends with the counts' "$(sed 's/[0-9.]*$//' "$err")" 'etl: days=1 rows=1 seconds='
ok '... read' status 0 bare read --department test_org --date 2021-01-01
is '... gives what it should' "$(cat "$out" "$err")" '{"date":"2021-01-01","department":"test_org","user_name":"user_1","ch_characters":2,"en_characters":2}'
cp "$out" "$T/example.rows"
is '... from a database that nobody else reads' "$(stat -c %a llmutils.db)" 600
is '... and nothing else is left behind' "$(ls -A | tr '\n' ' ')$(ls -d "$T"/tmp.* 2>/dev/null)" 'llmutils.db '
bare read --department test_org --date 2021-01-01 >appended
echo more >>appended
is 'output goes where it is wanted, also into a file' "$(wc -l <appended)" 2
cd ..

# ---- the three engines ----

engines=sqlite
pg_start && engines="$engines postgres"
standin bigquery --key-file "$T/key.json" --token ready
BIGQUERY_ENDPOINT=$URL GOOGLE_APPLICATION_CREDENTIALS=$T/key.json NO_GCE_CHECK=true
export BIGQUERY_ENDPOINT GOOGLE_APPLICATION_CREDENTIALS NO_GCE_CHECK
engines="$engines bigquery"

# on ENGINE: etl and sql work with it from now on
on() {
	engine=$1
	case $1 in
	sqlite) database="--db sqlite:$T/all.db" DB=sqlite:$T/all.db ;;
	postgres) database="--db $PGURI" DB=$PGURI ;;
	bigquery) database='--bigquery test-project.botrun' ;;
	esac
}
# shellcheck disable=SC2086
etl() {
	etl_action=$1
	shift
	"$etl" "$etl_action" $database "$@"
}
# sql TEXT - TEXT has TABLE(x) for the table x
sql() {
	if [ "$engine" = bigquery ]; then
		bq-query -q -p test-project -l asia-east1 "$(printf '%s' "$1" | sed 's/TABLE(\([^)]*\))/`test-project.botrun.\1`/g')"
	else
		sql-query -q -d "$DB" "$(printf '%s' "$1" | sed 's/TABLE(\([^)]*\))/"\1"/g')"
	fi
}
# spy TOOL - stdin is a script in its place; never through the link that stands there.  unspy TOOL - the tool again
mkdir spy
spy() { rm -f "$T/spy/$1"; cat >"$T/spy/$1"; chmod +x "$T/spy/$1"; }
unspy() { for t; do ln -sf "$B/$t" "$T/spy/$t"; done; }
unspy log-check cc-count seal sql-load sql-query bq-load bq-query
etl_read() { etl read --department "$1" --from "${2:-2000-01-01}" --to "${3:-2029-12-31}"; }

for e in $engines; do
	on "$e"
	ok "$e: write" status 0 etl write --department test_org <example
	ok "$e: summary" status 0 etl summary --department test_org --date 2021-01-01
	ok "$e: read" status 0 etl read --department test_org --date 2021-01-01
	same "$e: the rows are those of every engine, byte for byte" "$out" example.rows
	ok "$e: write again" status 0 etl write --department test_org <example
	like "$e: ... says that it was loaded" "$err" ': .*rows were loaded.*before'
	is "$e: ... adds nothing" "$(sql 'SELECT count(*) AS n FROM TABLE(test_org_logs)')" '{"n":1}'
	ok "$e: --again" status 0 etl write --again --department test_org <example
	is "$e: ... adds it once more" "$(sql 'SELECT count(*) AS n FROM TABLE(test_org_logs)')" '{"n":2}'
	ok "$e: --again=NAME" status 0 etl write --again=third --department test_org <example
	ok "$e: ... and once more with the same name" status 0 etl write --again=third --department test_org <example
	is "$e: ... adds it once" "$(sql 'SELECT count(*) AS n FROM TABLE(test_org_logs)')" '{"n":3}'
	etl summary -q --department test_org --date 2021-01-01
	etl_read test_org >got
	is "$e: and the day is replaced" "$(json 'r.ch_characters' <got)" 6

	if [ "$e" != bigquery ]; then	# as bq-load.t has it
		etl write -q --department dropped <example
		sql 'DROP TABLE TABLE(dropped_logs)'
		ok "$e: a table that was dropped is not made anew without its entries" status 2 etl write --department dropped <example
		like "$e: ... which is said" "$err" "^sql-load: the table 'dropped_logs' of the load 'etl_dropped_[0-9a-f]*' is gone; "
		ok "$e: ... but with --again" status 0 etl write --again --department dropped <example
		is "$e: ... they are loaded" "$(sql 'SELECT count(*) AS n FROM TABLE(dropped_logs)')" '{"n":1}'
	fi

	# Values that are hostile to SQL, JSON and terminals; text that is missing, null, empty or no text.
	{
		entry 2021-03-01T01:00:00Z "o'x; DROP TABLE t;--" '"中a"'
		entry 2021-03-01T02:00:00.5Z '\\\" <b>&amp; \ttab 😀' '"中a"'
		entry 2021-03-01T03:00:00+08:00 'Ω資訊' 'null'
		entry 2021-03-01T04:00:00Z 'ab' '""'
		entry 2021-03-01T05:00:00Z 'aB' '"中\u4e2d"'
		entry 2021-03-01T05:30:00Z '' '"x"'
		entry 2021-03-01T05:40:00Z 'number' 12
		echo '{"timestamp":"2021-03-01T06:00:00Z","domain_name":"botrun.ai","user_department":"x","user_name":"B","source_ip":"::1","session_id":"s","action_type":"a","developer":"d"}'
		echo 'not JSON'
	} >odd
	rm -f rejects
	ok "$e: some entries are wrong: status 1" status 1 etl write --department odd --rejects rejects <odd
	like "$e: ... they are counted" "$err" ' loaded=6 rejected=3 '
	like "$e: ... named" "$err" '^log-check: .*:6: user_name: empty$'
	is "$e: ... and kept" "$(sort rejects)" "$(sed -n '6,7p; 9p' odd | sort)"
	ok "$e: the others are summed" status 0 etl summary --department odd --date 2021-03-01
	etl_read odd >"odd.$e"
	is "$e: by user, in the order of the code points" "$(json '[r.user_name, r.ch_characters, r.en_characters].join(" ")' <"odd.$e")" 'B 0 0
\" <b>&amp; 	tab 😀 1 1
aB 2 0
ab 0 0
o'"'"'x; DROP TABLE t;-- 1 1
Ω資訊 0 0'
	same "$e: the same bytes as from SQLite" "odd.$e" odd.sqlite

	# An interrupted or failed preparation must not look like the end of the entries.
	printf '#!/bin/sh\n"%s/cc-count" "$@" | head -n 2; exit 3\n' "$B" | spy cc-count
	ok "$e: a tool fails: status 3" env LLMUTILS_BIN="$T/spy" sh -c '"$0" write --department broken '"$database"' <odd; [ $? = 3 ]' "$etl"
	ok "$e: ... nothing is loaded, no table made" sh -c '! "$0" read '"$database"' --department broken --date 2021-03-01 | grep .' "$etl"
	ok "$e: ... and then all is" status 1 etl write -q --department broken <odd
	is "$e: ... each once" "$(sql 'SELECT count(*) AS n FROM TABLE(broken_logs)')" '{"n":6}'
done

# ---- the faults of botrun-log ----

for e in $engines; do
	on "$e"

	what="$e: fault 'the day is that of UTC, or of no zone, while yesterday is that of Taipei'"
	{
		entry 2024-05-09T15:59:59.999999Z before '"一"'
		entry 2024-05-09T16:00:00Z first '"一二"'
		entry 2024-05-10T00:00:00.001+08:00 first '"一"'
		entry 2024-05-10T15:59:59.999Z last '"一二三四"'
		entry 2024-05-10T16:00:00Z after '"一"'
	} | etl write -q --department zone 2>/dev/null
	ok "$what: a day of Taipei" status 0 etl summary --department zone --date 2024-05-10
	is "$what" "$(etl_read zone | json 'r.user_name + r.ch_characters' | tr '\n' ' ')" 'first3 last4 '
	etl summary -q --department zone --date 2024-05-10 --tz UTC
	is "$what: a day of UTC" "$(etl_read zone | json 'r.user_name + r.ch_characters' | tr '\n' ' ')" 'after1 last4 '
	etl summary -q --department zone --date 2024-05-09 --tz -08:00
	is "$what: a day of an offset" "$(etl_read zone 2024-05-09 2024-05-09 | json 'r.user_name + r.ch_characters' | tr '\n' ' ')" 'before1 first3 '
	day=$(TZ=Asia/Taipei date -d '12:00 yesterday' +%F)
	entry "${day}T00:00:00+08:00" a '"一"' | etl write -q --department yesterday 2>/dev/null
	etl summary -q --department yesterday
	# The date may have changed since.
	is "$what: the default is yesterday in Taipei" "$(etl_read yesterday "$day" "$day" | json r.date)$([ "$(TZ=Asia/Taipei date -d '12:00 yesterday' +%F)" = "$day" ] || echo "$day")" "$day"

	what="$e: fault 'create_timestamp is a wall clock without a zone'"
	sql 'SELECT create_timestamp AS t FROM TABLE(zone_logs)' >got
	is "$what" "$(json 'Math.abs(Date.parse(r.t) - Date.now()) < 36e5 && r.t.endsWith("Z")' <got | sort -u)" true

	what="$e: fault 'a crash between delete and insert loses the day'"
	etl summary -q --department zone --date 2024-05-10
	etl_read zone >before
	case $e in
	sqlite) calls=write,pwrite,fsync ;;
	*) calls=send,recv ;;
	esac
	n=0 killed=0 lost=0
	while [ $n -lt 40 ]; do
		n=$((n + 1))
		for t in sql-query bq-query; do
			printf '#!/bin/sh\ncase " $* " in *from*) LD_PRELOAD=%s FAULT_CALLS=%s FAULT_AT=%s FAULT_ACT=kill; export LD_PRELOAD FAULT_CALLS FAULT_AT FAULT_ACT ;; esac\nexec %s "$@"\n' \
				"$B/fault.so" $calls $n "$B/$t" | spy $t
		done
		unspy cc-count
		[ -z "$SAN" ] && [ -e "$B/fault.so" ] || break
		# shellcheck disable=SC2086
		LLMUTILS_BIN=$T/spy "$etl" summary $database --department zone --date 2024-05-10 2>"$T/killed" && break
		killed=$((killed + 1))
		etl_read zone >after
		cmp -s before after || lost=$((lost + 1))
	done
	unspy sql-query bq-query
	if [ -z "$SAN" ] && [ -e "$B/fault.so" ]; then
		ok "$what: killed at $killed calls" test $killed -ge 2
		is "$what" $lost 0
	else
		skip 2 'the shim does not go with a sanitizer, or is not built'
	fi
	etl summary -q --department zone --date 2024-05-10
	etl_read zone >after
	same "$what: and the next run is right" after before

	what="$e: fault 'no key, so races double the day'"
	for i in 1 2 3 4; do etl summary --department zone --date 2024-05-10 2>"race.$i" & eval "race_$i=$!"; done
	raced=
	# shellcheck disable=SC2154
	for i in $race_1 $race_2 $race_3 $race_4; do wait "$i"; raced=$raced$?; done
	is "$what: all of them end well" "$raced" 0000
	etl_read zone >after
	same "$what" after before

	what="$e: fault 'users who have vanished stay'"
	sql "DELETE FROM TABLE(zone_logs) WHERE user_name = 'last'" 2>/dev/null
	etl summary -q --department zone --date 2024-05-10
	is "$what" "$(etl_read zone 2024-05-10 2024-05-10 | json r.user_name)" first

	what="$e: fault 'SQL built by pasting'"
	etl_read test_org >before
	for d in "2021-01-01' OR '1'='1" '2021-02-30' '2021-1-1' "x'; DROP TABLE test_org_logs;--" '0000-01-01' '1'; do
		ok "$what: the date $d is refused" status 2 etl summary --department test_org --date "$d"
	done
	is "$what: a department in a question" "$(etl_read "test_org' OR '1'='1")" ''
	etl_read test_org >after
	same "$what: nothing has changed" after before

	what="$e: fault 'one call a row, no insertId'"
	awk 'BEGIN { for (i = 0; i < 2000; i++) printf "{\"timestamp\":\"2024-06-01T00:00:%02dZ\",\"domain_name\":\"d\",\"user_department\":\"x\",\"user_name\":\"u%d\",\"source_ip\":\"::1\",\"session_id\":\"s\",\"action_type\":\"a\",\"developer\":\"d\",\"action_details\":\"字%d\"}\n", i % 60, i % 7, i }' >many
	calls_before=$(get /_test/stats | json r.calls)
	ok "$what: 2000 entries" status 0 etl write -q --department many <many
	[ "$e" != bigquery ] || ok "$what: in few calls" test $(($(get /_test/stats | json r.calls) - calls_before)) -lt 20
	etl write -q --department many <many
	is "$what: written twice, there once" "$(sql 'SELECT count(*) AS n FROM TABLE(many_logs)')" '{"n":2000}'

	what="$e: fault 'INT overflow and VARCHAR(255)'"
	long=$(printf '%0300d' 0)
	entry 2024-07-01T00:00:00Z "$long" '"x"' ",\"model\":\"$long\",\"input_tokens\":3000000000,\"output_cost\":0.25" | etl write -q --department big 2>/dev/null
	sql 'UPDATE TABLE(big_logs) SET ch_characters = 9000000000 WHERE ch_characters = 0' 2>/dev/null
	ok "$what: counts beyond 32 bits are summed" status 0 etl summary --department big --date 2024-07-01
	is "$what" "$(etl_read big | json 'r.user_name.length + " " + r.ch_characters')" '300 9000000000'

	what="$e: fault 'action_details of None raises'"
	is "$what" "$(sql "SELECT count(*) AS n FROM TABLE(odd_logs) WHERE action_details IS NULL AND total_characters = 0")" '{"n":2}'

	what="$e: fault 'empty action_details are stored unencrypted'"
	BOTRUN_LOG_AES_KEY=$(head -c 32 /dev/zero | base64)
	export BOTRUN_LOG_AES_KEY
	{
		entry 2024-08-01T00:00:00Z a '""'
		entry 2024-08-01T00:00:01Z b '"秘密"'
	} >secret
	ok "$what: with a key" status 0 etl write --department sealed <secret
	unlike "$what: nothing is said of stored readable" "$err" readable
	sql 'SELECT user_name, session_id, action_details, total_characters FROM TABLE(sealed_logs)' >got
	is "$what" "$(json '/^v1:/.test(r.action_details)' <got | sort -u)" true
	is "$what: the counts are those of the text" "$(json 'r.user_name + r.total_characters' <got | sort | tr '\n' ' ')" 'a0 b2 '
	is "$what: it opens" "$(seal -d -f action_details got | json 'r.user_name + r.action_details' | sort | tr '\n' ' ')" 'a b秘密 '

	what="$e: fault 'CBC without a MAC: a changed value opens'"
	# shellcheck disable=SC2016
	json '(r.action_details = r.action_details.replace(/.(.{8})$/, (m, rest) => (m[0] === "A" ? "B" : "A") + rest), r)' <got >changed
	ok "$what" status 1 seal -d -f action_details changed
	is "$what: nothing of it is written" "$(cat "$out")" ''
	BOTRUN_LOG_AES_KEY=short
	ok "$e: a key that is none: status 2" status 2 etl write --department unsealed <secret
	unset BOTRUN_LOG_AES_KEY
	ok "$e: ... nothing was done" sh -c '! "$0" summary '"$database"' --department unsealed --date 2024-08-01' "$etl"
	rm -f got
done

# ---- days that are no 24 hours ----

# The entries stand all around the changes of the clocks; cc-sum knows the days of a zone by another way.
on sqlite
while read -r zone days; do
	for day in $days; do
		awk -v from="$(date -u -d "$day - 1 day" +%s)" 'BEGIN { for (i = 0; i < 288; i++) print "@" from + i * 900 + (i % 3) * 450 }' |
			date -u -f - +%FT%TZ
	done | while read -r t; do entry "$t" "u$((${#t} % 3))" '"中a"'; done >around
	cc-count around | cc-sum --tz "$zone" --by date=timestamp:day,user_name | json '[r.date, r.user_name, r.ch_characters].join(" ")' | sort >want
	rm -f all.db*
	etl write -q --department around <around 2>/dev/null
	for day in $days; do
		etl summary -q --department around --tz "$zone" --from "$(date -u -d "$day - 2 days" +%F)" --to "$(date -u -d "$day + 2 days" +%F)"
	done
	etl_read around | json '[r.date, r.user_name, r.ch_characters].join(" ")' | sort >got
	same "the days of $zone are those of cc-sum" got want
done <<'END'
America/New_York 2024-03-10 2024-11-03
Africa/Cairo 2024-04-26 2024-11-01
America/Havana 2024-03-10 2024-11-03
Pacific/Apia 2011-12-30
Asia/Taipei 2024-04-26
America/Sao_Paulo 2018-11-04 2018-02-18
Australia/Lord_Howe 2024-04-07 2024-10-06
END
for z in Nowhere/Town ../../etc/passwd '' +25:99; do
	ok "the zone '$z' is refused" status 2 etl summary --department around --date 2024-03-10 --tz "$z"
done
ok 'a range of days' status 0 etl summary --department around --from 2024-02-25 --to 2024-03-12
like '... is counted' "$err" '^etl: days=17 rows=[0-9]+ seconds='
ok 'a range that is none' status 2 etl summary --department around --from 2024-03-12 --to 2023-12-30
for d in today yesterday; do
	ok "--date $d" status 0 etl summary --department around --date $d
done

# ---- departments ----

for e in $engines; do
	on "$e"
	# "-" and blanks are in a name of each engine, quotes and the rest not in one of BigQuery.
	case $e in
	bigquery) names='衛生福利部|select|0 a-b c_d' refused="o'x|a.b|a\`b|x; DROP|\$(id)|x:y" ;;
	*) names="衛生福利部|select|0 a-b c_d|o'\"; DROP TABLE x;--|a.b %s %n \`id\`\$(id)&\\1" refused= ;;
	esac
	printf '%s' "$names" | tr '|' '\n' >names && echo >>names
	while read -r d; do
		if etl write -q --department "$d" <example 2>said && etl summary -q --department "$d" --date 2021-01-01 && etl_read "$d" >got; then
			is "$e: the department $d" "$(d=$d json 'r.department === process.env.d && r.ch_characters' <got)" 2
		else
			is "$e: the department $d" "$(cat said)" ''
		fi
	done <names
	{ printf '%s' "$refused" | tr '|' '\n'; echo; } | grep . >names
	while read -r d; do
		ok "$e: the department $d is refused" status 2 etl write --department "$d" <example
	done <names
	for d in "$(printf 'a\nb')" "$(printf 'a\tb')" "$(printf 'a\377')"; do
		ok "$e: a department with control characters, or not UTF-8, is refused" status 2 etl write --department "$d" <example
	done
	ok "$e: no entries were ever written" sh -c '! "$0" summary '"$database"' --department never --date 2021-01-01' "$etl"
	ok "$e: no department" status 2 etl write <example
	ok "$e: two departments" status 2 etl write --department a --department b <example
	ok "$e: it may come from the environment" env BOTRUN_LOG_DEPARTMENT=test_org "$etl" read $database --date 2021-01-01
done
case $engines in
*postgres*)
	on postgres
	fits=$(printf '%057d' 0)x
	ok 'PostgreSQL: a name of 58 bytes' status 0 etl write --department "$fits" <example
	ok 'PostgreSQL: another that begins the same' status 0 etl write --department "${fits%x}y" <example
	is '... each has its index' "$(sql "SELECT count(*) AS n FROM pg_indexes WHERE tablename LIKE '000%' AND indexdef LIKE '%(\"timestamp\")'")" '{"n":2}'
	ok 'PostgreSQL: one of 59 is refused' status 2 etl write --department "${fits}x" <example
	like '... clearly' "$err" ': 59 bytes; '
	;;
esac
on sqlite
ok 'SQLite: TEST_ORG would be the table of test_org' sh -c '"$0" write --db sqlite:case.db --department test_org <example && ! "$0" write --db sqlite:case.db --department TEST_ORG <example 2>said' "$etl"
like '... said' said 'differs in capital letters only'
ok '... and its summary that of test_org' status 2 "$etl" summary --db sqlite:case.db --department TEST_ORG --date 2021-01-01

# ---- which database ----

# Tools that tell how they were called.
mkdir see
for t in log-check cc-count seal sql-load sql-query bq-load bq-query; do
	printf '#!/bin/sh\necho "%s $*" >>"$SEEN"\nenv | grep -E "^(PG[A-Z]|LLMUTILS_DB)" | sort >>"$SEEN"\nexit 3\n' $t >see/$t
done
printf '#!/bin/sh\nexec "%s/log-check" "$@"\n' "$B" >see/log-check
chmod +x see/*
mkdir where && cd where || exit 1
seen() {	# SETTINGS... - what the first tool that asks a database gets
	rm -f "$T/seen"
	touch llmutils.db x.db
	env SEEN="$T/seen" LLMUTILS_BIN="$T/see" "$@" "$etl" read --department d --date 2021-01-01 $with >"$T/.tap/log" 2>&1
	grep -v '^GOOGLE_APP' "$T/seen" | tr '\n' ' ' | sed 's/ -q.*--param [^ ]*//; s/-f - //'
}
with=
case $(seen) in *'LLMUTILS_DB=sqlite:llmutils.db '*) ok 'no setting: sqlite:llmutils.db' true ;; *) ok 'no setting' false ;; esac
like 'LLMUTILS_DB' "$(seen LLMUTILS_DB=sqlite:x.db >/dev/null; echo "$T/seen")" '^LLMUTILS_DB=sqlite:x.db$'
seen BOTRUN_LOG_PROJECT_ID=p BOTRUN_LOG_DATASET_NAME=d PG_HOST=h >/dev/null
like 'BOTRUN_LOG_PROJECT_ID and BOTRUN_LOG_DATASET_NAME: BigQuery' "$T/seen" '^bq-query -q --project p '
seen PG_HOST=h PG_DATABASE=d BOTRUN_LOG_PG_USER=u PG_PASSWORD=geheim PG_PORT=7 >/dev/null
is 'PG_HOST and so on, BOTRUN_LOG_PG_USER: PostgreSQL' "$(grep -v ^sql-query "$T/seen" | tr '\n' ' ')" \
	'LLMUTILS_DB=postgres:// PGDATABASE=d PGHOST=h PGPASSWORD=geheim PGPORT=7 PGUSER=u '
unlike 'the password is in no argument' "$T/seen" '^sql-query.*geheim'
printf 'PG_HOST=h\nPG_PASSWORD="geheim"\nBOTRUN_LOG_DEPARTMENT=d\n' >.env && chmod 600 .env
seen >/dev/null
like 'they may be in .env' "$T/seen" '^PGPASSWORD=geheim$'
with='--db postgres://u:geheim@h/d'
seen >/dev/null
unlike 'nor that of --db' "$T/seen" '^sql-query.*geheim'
with='--db sqlite:x.db'
seen LLMUTILS_DB=postgres:///x BOTRUN_LOG_PROJECT_ID=p BOTRUN_LOG_DATASET_NAME=d >/dev/null
like '--db goes before all' "$T/seen" '^LLMUTILS_DB=sqlite:x.db$'
cd ..
if [ -n "${PGURI-}" ]; then
	ok 'and it works' env PG_HOST="$PG_DIR" PG_USER=tester PG_DATABASE=postgres "$etl" read --department test_org --date 2021-01-01
fi
ok 'a database that is not there is not made' status 2 "$etl" read --db sqlite:none.db --department d --date 2021-01-01
ok '... really' test ! -e none.db
for o in '--db mysql:x' '--db' '--db sqlite:' '--bigquery p' '--bigquery p.d;x' '--bigquery p.d --db sqlite:x' '--frobnicate' '-x' 'operand' \
	'--date 2021-01-01 --from 2021-01-01 --to 2021-01-02' '--from 2021-01-01' '--rule han' '--svg x' '--rejects x' '-q -v'; do
	# shellcheck disable=SC2086
	ok "read $o: misuse" status 2 "$etl" read --department d $o
done
ok 'no action: misuse' status 2 "$etl" --department d
ok 'write --rule x: misuse' status 2 "$etl" write --department d --rule x
on sqlite
rm -f all.db*
ok '--rule botrun' status 0 etl write -q --rule botrun --department rule <example
is '... counts as botrun-log did' "$(sql 'SELECT ch_characters, en_characters FROM TABLE(rule_logs)')" '{"ch_characters":2,"en_characters":17}'
ok 'no entries' sh -c '"$0" write --db sqlite:all.db --department empty </dev/null 2>&1 | grep "read=0 loaded=0 rejected=0"' "$etl"
entry 2021-01-01T08:00 u '"x"' | etl write -q --tz Asia/Taipei --department tz 2>/dev/null
is '--tz: what a time without a zone means' "$(sql 'SELECT "timestamp" AS t FROM TABLE(tz_logs)')" '{"t":"2021-01-01T00:00:00Z"}'

# ---- killed while writing ----

# At each of these instants the whole job dies; then it runs again.
awk 'BEGIN { for (i = 0; i < 30000; i++) printf "{\"timestamp\":\"2024-06-01T00:00:%02dZ\",\"domain_name\":\"d\",\"user_department\":\"x\",\"user_name\":\"u%d\",\"source_ip\":\"::1\",\"session_id\":\"s%d\",\"action_type\":\"a\",\"developer\":\"d\",\"action_details\":\"字%d\"}\n", i % 60, i % 7, i, i }' >large
for e in $engines; do
	on "$e"
	for after in 0.05 0.15 0.25 0.35 0.5; do
		setsid "$etl" write -q $database --department killed <large >/dev/null 2>&1 &
		pid=$!
		sleep $after
		# The session's processes: those of its jobs have process groups of their own.
		# shellcheck disable=SC2046
		kill -KILL $(ps -o pid= -s $pid) 2>/dev/null
		wait $pid 2>/dev/null
	done
	ok "$e: killed at five instants, and run again" status 0 etl write -q --department killed <large
	is "$e: ... each entry is there once" "$(sql 'SELECT count(*) AS n, count(DISTINCT session_id) AS sessions FROM TABLE(killed_logs)')" '{"n":30000,"sessions":30000}'
done
rm -rf "$T"/tmp.*

on sqlite
ok 'no room for the entries: status 3' sh -c 'ulimit -f 64; "$0" write --db sqlite:full.db --department full <large 2>/dev/null; [ $? = 3 ]' "$etl"
ok '... and nothing is loaded' test ! -e full.db

printf '#!/bin/sh\n[ "$(readlink /proc/self/fd/0 | grep -c entries)" = 0 ] || exit 1\nexec %s "$@"\n' "$(command -v sha256sum)" >"$T/spy/sha256sum"
chmod +x "$T/spy/sha256sum"
unspy sql-query bq-query
ok 'a load that cannot be named: status 3' env PATH="$T/spy:$PATH" sh -c '"$0" write --db sqlite:unnamed.db --department d <example 2>/dev/null; [ $? = 3 ]' "$etl"
ok '... and nothing is loaded' test ! -e unnamed.db
rm "$T/spy/sha256sum"
for what in 'a: read=99 rejected=55 loaded=44' 'a: GET b'; do
	entry 2021-01-01T00:00:00Z u '"x"' ",\"$what\":1" >quoting
	ok "a message that quotes '$what'" status 1 etl write --department quoting <quoting
	like '... is shown' "$err" "^sql-load: stdin:1: .*'$what'"
	like '... and not taken for the counts' "$err" '^etl: read=1 loaded=0 rejected=1 '
done

# ---- tables of botrun-log ----

case $engines in
*postgres*)
	on postgres
	cat >old.sql <<'END'
CREATE TABLE old_logs (id SERIAL PRIMARY KEY, "timestamp" TIMESTAMP NOT NULL, domain_name VARCHAR(255) NOT NULL, user_department VARCHAR(255) NOT NULL,
	user_name VARCHAR(255) NOT NULL, source_ip VARCHAR(255) NOT NULL, session_id VARCHAR(255) NOT NULL, action_type VARCHAR(255) NOT NULL,
	action_details TEXT, model VARCHAR(255), botrun VARCHAR(255), user_agent VARCHAR(255), resource_id VARCHAR(255), developer VARCHAR(255) NOT NULL,
	ch_characters INT NOT NULL, en_characters INT NOT NULL, total_characters INT NOT NULL, create_timestamp TIMESTAMP NOT NULL);
INSERT INTO old_logs ("timestamp", domain_name, user_department, user_name, source_ip, session_id, action_type, developer, ch_characters, en_characters,
	total_characters, create_timestamp) VALUES ('2024-05-09 16:00:00', 'd', 'x', 'old', '::1', 's', 'a', 'd', 5, 6, 11, '2024-05-10 00:00:00');
CREATE SCHEMA botrun;
CREATE TABLE botrun.daily_character_usage (date DATE NOT NULL, department VARCHAR(255) NOT NULL, user_name VARCHAR(255) NOT NULL,
	ch_characters INT NOT NULL, en_characters INT NOT NULL);
INSERT INTO botrun.daily_character_usage VALUES ('2024-05-10', 'old', 'old', 1, 1), ('2024-05-10', 'old', 'old', 1, 1);
END
	PGOPTIONS='-c search_path=botrun,public'
	export PGOPTIONS
	sql-query -q -d "$DB" -f old.sql
	{
		entry 2024-05-09T23:59:59+08:00 new '"中"'
		entry 2024-05-10T00:00:00+08:00 new '"中中"'
		entry 2024-05-10T00:00:00+08:00 "$(printf '%0300d' 0)" '"中"'
	} >entries
	ok "botrun-log's tables in PostgreSQL: a value is too long" status 1 etl write --department old <entries
	like '... in the words of the server' "$err" 'too long for type character varying\(255\)'
	ok '... summary' status 0 etl summary --department old --date 2024-05-10
	is '... the times are UTC, doubled rows go' "$(etl_read old | json '[r.user_name, r.ch_characters, r.en_characters].join(" ")' | tr '\n' ' ')" 'new 2 0 old 5 6 '
	for i in 1 2 3 4; do etl summary -q --department old --date 2024-05-10 2>/dev/null & eval "race_$i=$!"; done
	for i in $race_1 $race_2 $race_3 $race_4; do wait "$i"; done
	is '... and races do no harm without a key' "$(etl_read old | wc -l)" 2
	unset PGOPTIONS
	;;
esac

on bigquery
post '/_test/rows?table=botrun.daily_character_usage' '{"date":"2024-05-10","department":"zone","user_name":"first","ch_characters":1,"en_characters":1}
{"date":"2024-05-10","department":"zone","user_name":"first","ch_characters":1,"en_characters":1}' >/dev/null
etl summary -q --department zone --date 2024-05-10
is 'BigQuery: rows that a race has doubled are replaced' "$(etl_read zone 2024-05-10 2024-05-10 | json 'r.user_name + r.ch_characters')" first3
# An old table has fewer columns, and is where it is.
make_table() {
	node "$top/tests/ctl.js" -H 'Authorization: Bearer ready' POST "$URL/bigquery/v2/projects/test-project/datasets$1" - >/dev/null
}
echo '{"datasetReference":{"projectId":"test-project","datasetId":"old"},"location":"US"}' | make_table ''
make_table /old/tables <<'END'
{"tableReference":{"projectId":"test-project","datasetId":"old","tableId":"old_logs"},"timePartitioning":{"type":"DAY","field":"timestamp"},"schema":{"fields":[
{"name":"timestamp","type":"TIMESTAMP","mode":"REQUIRED"},{"name":"domain_name","type":"STRING","mode":"REQUIRED"},
{"name":"user_department","type":"STRING","mode":"REQUIRED"},{"name":"user_name","type":"STRING","mode":"REQUIRED"},
{"name":"source_ip","type":"STRING","mode":"REQUIRED"},{"name":"session_id","type":"STRING","mode":"REQUIRED"},
{"name":"action_type","type":"STRING","mode":"REQUIRED"},{"name":"action_details","type":"STRING"},{"name":"model","type":"STRING"},
{"name":"botrun","type":"STRING"},{"name":"user_agent","type":"STRING"},{"name":"resource_id","type":"STRING"},
{"name":"developer","type":"STRING","mode":"REQUIRED"},{"name":"ch_characters","type":"INTEGER","mode":"REQUIRED"},
{"name":"en_characters","type":"INTEGER","mode":"REQUIRED"},{"name":"total_characters","type":"INTEGER","mode":"REQUIRED"},
{"name":"create_timestamp","type":"TIMESTAMP","mode":"REQUIRED"}]}}
END
database='--bigquery test-project.old'
ok "botrun-log's table in BigQuery, in another place: write" status 0 etl write --department old <example
ok '... summary' status 0 etl summary --department old --date 2021-01-01
is '... read' "$(etl_read old | json r.ch_characters)" 2
ok 'a new table in a dataset that is not where --location says' status 2 etl write --department new <example
like '... is told where it is' "$err" 'the dataset old is in US'
ok '... and then made' status 0 etl write --department new --location US <example
database='--bigquery test-project.botrun'

# A bq-query that lets another one win the race, once.
spy bq-query <<END
#!/bin/sh
cat >"$T/spied.sql"
"$B/bq-query" "\$@" <"$T/spied.sql" || exit
grep -q MERGE "$T/spied.sql" && [ ! -e "$T/raced" ] || exit 0
touch "$T/raced"
node "$top/tests/ctl.js" POST "$URL/_test/rows?table=botrun.daily_character_usage" "$T/double" >/dev/null
END
etl_read zone 2024-05-10 2024-05-10 >double
ok 'BigQuery: another summary comes between' env LLMUTILS_BIN="$T/spy" "$etl" summary $database --department zone --date 2024-05-10
ok '... it did' test -e raced
is '... and nothing is doubled' "$(etl_read zone 2024-05-10 2024-05-10 | json 'r.user_name + r.ch_characters')" first3
printf '#!/bin/sh\ncase "$(cat)" in *daily*) echo $$ >"%s/probing"; exec sleep 60 ;; esac\n' "$T" | spy bq-query
LLMUTILS_BIN=$T/spy "$etl" summary $database --department zone --date 2024-05-10 2>said &
pid=$!
ok 'BigQuery: it looks for the table of the days' within 20 test -s probing
kill -TERM $pid
wait $pid
is '... a signal ends it' $? 143
ok '... and does not wait for the answer' sh -c '! kill -0 "$0" 2>/dev/null' "$(cat probing)"
unspy bq-query
bq-query -q -p test-project 'SELECT 1 AS one FROM `test-project.botrun.zone_logs` LIMIT 0' && get /_test/jobs >jobs
is 'BigQuery: the dataset is in Taiwan' "$(json_all 'rows[0].filter((j) => j.configuration.load && j.configuration.load.destinationTable.datasetId === "botrun").every((j) => j.jobReference.location === "asia-east1")' <jobs)" true

# ---- report ----

on sqlite
rm -f all.db*
for d in 'A&B <"x">' 資訊處; do
	{
		for day in 01 02 05; do entry "2024-05-${day}T00:00:00Z" "u$day" "\"$(printf "%0$((${day#0} * 1000))d" 0 | sed 's/0/中a/g')\""; done
	} | etl write -q --department "$d" 2>/dev/null
	etl summary -q --department "$d" --from 2024-05-01 --to 2024-05-31
done
COLUMNS=80
export COLUMNS
ok 'report' status 0 etl report --from 2024-05-01 --to 2024-05-31 --svg chart.svg
cat >want <<'END'
date        department  Chinese  English   total
2024-05-01  A&B <"x">     1,000    1,000   2,000  ██████
2024-05-01  資訊處        1,000    1,000   2,000  ██████
2024-05-02  A&B <"x">     2,000    2,000   4,000  ████████████
2024-05-02  資訊處        2,000    2,000   4,000  ████████████
2024-05-05  A&B <"x">     5,000    5,000  10,000  ██████████████████████████████
2024-05-05  資訊處        5,000    5,000  10,000  ██████████████████████████████
total       A&B <"x">     8,000    8,000  16,000
            資訊處        8,000    8,000  16,000
total       all          16,000   16,000  32,000
END
same '... a table, aligned' "$out" want
ok '... of one department' status 0 etl report --from 2024-05-01 --to 2024-05-31 --department 資訊處
unlike '... has no other' "$out" 'A&B'
ok '... of two' status 0 etl report --from 2024-05-01 --to 2024-05-31 --department 資訊處 --department 'A&B <"x">'
same '... has both' "$out" want
COLUMNS=40
ok 'a narrow terminal' status 0 etl report --from 2024-05-01 --to 2024-05-31
unlike '... has no bars' "$out" '█'
ok 'nothing to report' status 0 etl report --date 2020-01-01
like '... is said' "$out" '^no usage from 2020-01-01 to 2020-01-01$'
ok 'the last 30 days are the default' status 0 etl report
like '... to today' "$out" "^no usage from $(TZ=Asia/Taipei date -d '29 days ago' +%F) to $(TZ=Asia/Taipei date +%F)\$"
if python3 -c 'import xml.dom' 2>/dev/null; then
	python3 - chart.svg >drawn <<'END'
import sys, xml.dom.minidom
d = xml.dom.minidom.parse(sys.argv[1])
text = [t.firstChild.data for t in d.getElementsByTagName('text')]
print(d.documentElement.namespaceURI, 'A&B <"x">' in text, '資訊處' in text, 'Chinese' in text, 'Characters a day, 2024-05-01 to 2024-05-31' in text)
bars = [(float(r.getAttribute('height')), r.getAttribute('class')) for g in d.getElementsByTagName('g') for r in g.getElementsByTagName('rect')]
print(len(bars), len(set(h for h, c in bars)), sorted(set(c for h, c in bars)))
END
	is 'the chart is XML with all names; a bar of two parts for each day' "$(cat drawn)" "http://www.w3.org/2000/svg True True True True
12 3 ['ch', 'en']"
else
	skip 1 'Python is not installed'
fi
for w in 'read --department 資訊處' report; do
	# shellcheck disable=SC2086
	ok "$w on a full disk: status 3" sh -c 'set -- $1 --from 2024-05-01 --to 2024-05-31; "$0" "$@" --db sqlite:all.db >/dev/full 2>/dev/null; [ $? = 3 ]' "$etl" "$w"
done
like '... for dark pages too' chart.svg 'prefers-color-scheme: dark'
is '... with the mode that the caller wants' "$(umask 027; rm -f chart.svg; etl report --from 2024-05-01 --to 2024-05-31 --svg chart.svg >/dev/null; stat -c %a chart.svg)" 640
mkdir -p folder
ok 'a folder in its place: status 3' status 3 etl report --date 2024-05-01 --svg folder
is '... nothing is in it' "$(ls -A folder)" ''
ok 'a chart that cannot be written: status 3' status 3 etl report --date 2024-05-01 --svg nowhere/chart.svg
is '... nothing is left beside' "$(find . -maxdepth 1 -name '.chart*')" ''
node -e '
	for (let i = 0; i < 800; i++) {
		const day = new Date(Date.UTC(2023, 0, 1) + i * 864e5).toISOString().slice(0, 10);
		console.log(JSON.stringify({date: day, department: "a\"b\\c\n\u0001\ud800😀" + "字".repeat(i % 40), ch_characters: 2 ** 52 + i, en_characters: i % 3 ? 0 : i}));
	}' | LC_ALL=C sort >usage
for a in awk mawk gawk busybox\ awk 'original-awk'; do
	command -v "${a%% *}" >/dev/null && $a 'BEGIN { exit 0 }' 2>/dev/null || continue
	$a -v from=2023-01-01 -v to=2025-03-10 -v columns=80 -f "$top/scripts/report.awk" usage >"table.${a%% *}" 2>&1
	$a -v from=2023-01-01 -v to=2025-03-10 -v svg=1 -f "$top/scripts/report.awk" usage >"svg.${a%% *}" 2>&1
	same "$a draws the same table" "table.${a%% *}" table.awk
	same "... and chart" "svg.${a%% *}" svg.awk
done
! command -v python3 >/dev/null || ok 'hostile names in the chart' python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse("svg.awk")'
is 'and in the table: nothing that moves the cursor' "$(tr -d '\n' <table.awk | tr -cd '\000-\037\177' | wc -c | tr -d ' ')" 0

# ---- the rest ----

ok '--help' status 0 "$etl" --help
unlike '... has nothing for shellcheck' "$out" shellcheck
for o in again bigquery date db department from location quiet rejects rule svg to tz verbose help; do
	ok "llmutils-etl(7) and --help tell of --$o" sh -c 'grep -q -e "--$0" "$1" && grep -q "^\.It Fl.* \\\\-$0" "$2"' "$o" "$out" "$top/man/llmutils-etl.7"
done
# The tools are there, and nothing is to be installed.
mkdir -p alone/tests stub
cp -r "$top/scripts" alone/
cp -r "$top/tests/data" alone/tests/
for f in alone/scripts/install-deps.sh stub/make; do printf '#!/bin/sh\n' >$f; chmod +x $f; done
ok 'quickstart.sh --etl sees all numbers as they should be' status 0 env -u LLMUTILS_BIN PATH="$T/stub:$PATH" BOTRUN_LOG_DEPARTMENT=x LLMUTILS_DB=sqlite:x \
	alone/scripts/quickstart.sh --etl
like '... to the end' "$out" '^All as promised'
ok 'run by sh' status 0 sh "$etl" --help
ln -s "$etl" link.sh
ok 'called by a link' status 0 ./link.sh read --db sqlite:all.db --department 資訊處 --date 2024-05-01
printf '#!/bin/sh\necho $$ >"%s/loading"\nexec sleep 60\n' "$T" | spy sql-load
unspy bq-query
LLMUTILS_BIN=$T/spy "$etl" write -q --db sqlite:all.db --department stop <example 2>said &
pid=$!
ok 'it is loading' within 20 test -s loading
kill -TERM $pid
wait $pid
is 'a signal ends it' $? 143
ok '... and its tools' sh -c '! kill -0 "$0" 2>/dev/null' "$(cat loading)"
is 'nothing is left in TMPDIR' "$(ls -d "$T"/tmp.* 2>/dev/null)" ''

done_testing
