#!/bin/sh
# sql-query.t - SQL on SQLite and PostgreSQL: exact types, bound parameters, several statements, memory.
. "${0%/*}/lib.sh"
. "$top/tests/postgres.sh"
[ -x "$B/sql-query" ] || skip_all 'sql-query is not built'

q() { sql-query -d "$DB" "$@"; }
lines() { tr '\n' ' ' | sed 's/ $//'; }

both() {	# ENGINE
	e=$1
	huge='CAST(1e300 AS float)' want=1e+300
	[ -z "$VALGRIND" ] || huge=2.0 want=2.0	# it computes long doubles, which SQLite's library spells with, in 64 bits
	is "$e: integers of 64 bits, doubles, null" "$(q "SELECT 9223372036854775807 AS a, -9223372036854775807 AS b, CAST(1 AS float) AS c,
		CAST(0.1 AS float) AS d, $huge AS e, NULL AS f")" \
		"{\"a\":9223372036854775807,\"b\":-9223372036854775807,\"c\":1.0,\"d\":0.1,\"e\":$want,\"f\":null}"
	is "$e: a name that comes again gets a number" "$(q 'SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a')" '{"a":1,"a_2":2,"a_2_2":3,"a_3":4}'
	is "$e: odd names" "$(q 'SELECT 1 AS "a""b\", 2 AS "台"')" '{"a\"b\\":1,"台":2}'
	is "$e: no rows" "$(q 'SELECT 1 AS a WHERE 1 = 0')" ''
	is "$e: the columns of one statement are not those of the next" "$(q "SELECT 1 AS a; SELECT 2 AS b, 3 AS c; -- the end;" | lines)" \
		'{"a":1} {"b":2,"c":3}'
	evil="x'); DROP TABLE t; --"
	is "$e: parameters are values" "$(q -p "v=$evil" -p empty= -p a=b=c 'SELECT :v AS v, :empty AS e, :a AS a, :v AS w')" \
		"{\"v\":\"$evil\",\"e\":\"\",\"a\":\"b=c\",\"w\":\"$evil\"}"
	is "$e: not in quotes and comments" "$(q "SELECT ':v' AS \"a:v\" /* :v */ -- :v
		, ':' || ':x;' AS b")" '{"a:v":":v","b":"::x;"}'
	is "$e: a column tells a parameter its type" "$(q -p n=2 'SELECT * FROM (SELECT 1 AS n UNION SELECT 2) AS s WHERE n = CAST(:n AS integer)')" '{"n":2}'
	ok "$e: a parameter without a value is wrong usage" status 2 q 'SELECT :nope'
	like "$e: and is named" "$err" 'no value for :nope'
	ok "$e: so is what is no SQL" status 2 q 'SELEC 1'
	ok "$e: and a table that is not there" status 2 q 'SELECT * FROM nope'
	printf 'CREATE TABLE f (a integer);\nINSERT INTO f VALUES (1), (2);\nSELECT sum(a) AS s FROM f' >f.sql
	is "$e: -f runs all statements" "$(q -f f.sql)" '{"s":3}'
	is "$e: also from stdin" "$(echo 'SELECT count(*) AS n FROM f' | q -f -)" '{"n":2}'
	ok "$e: a script that fails" status 3 sh -c 'echo "SELECT 1 AS one; BEGIN; DELETE FROM f; SELECT * FROM nope" | sql-query -d "$0" -f -' "$DB"
	is "$e: leaves no half of its transaction" "$(cat "$out" && q 'SELECT count(*) AS n FROM f')" '{"one":1}
{"n":2}'
	ok "$e: what is wrong behind a statement that changed something is no usage error" status 3 q 'INSERT INTO f VALUES (3); SELEC'
	ok "$e: unless the change is undone" status 2 q 'BEGIN; INSERT INTO f VALUES (4); SELEC'
	is "$e: ... as it is" "$(q 'SELECT max(a) AS m FROM f')" '{"m":3}'
	q 'DELETE FROM f WHERE a = 3'
	ok "$e: /dev/full" status 3 sh -c 'sql-query -d "$0" "SELECT 1" >/dev/full' "$DB"
	n='WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT i, '"'0123456789012345678901234567890123456789'"' AS x FROM n'
	q "$n" | head -n 1 >first
	is "$e: a reader that goes away" "$(cat first)" '{"i":1,"x":"0123456789012345678901234567890123456789"}'
	if [ -z "$SAN" ] && [ -x /usr/bin/time ]; then
		/usr/bin/time -f %M -o peak sql-query -d "$DB" "$n" >rows
		is "$e: rows are streamed: $(tail -n 1 peak) KB for 20 MB" "$(wc -l <rows) $(($(tail -n 1 peak) < 30000))" '300000 1'
	else
		skip 1 'no measure of memory here'
	fi
	sed 's/DEPARTMENT/衛生_x/g' "$top/scripts/sql/logs.$2.sql" >ddl.sql
	ok "$e: the tables of scripts/sql" status 0 q -f ddl.sql
	cat >entry <<'END'
{"timestamp":"2021-01-01T00:00:00Z","domain_name":"botrun.ai","user_department":"test_org","user_name":"user_1","source_ip":"127.0.0.1","session_id":"session_1","action_type":"交談","action_details":"~!@#$%^&*()_+台灣No.1","model":"gpt-4o","botrun":"波程.botrun","user_agent":"user_agent","resource_id":"resource_1","developer":"JcXGTcW","ch_characters":2,"en_characters":17,"total_characters":19}
END
	ok "$e: take an entry" status 0 sql-load -d "$DB" -t 衛生_x_logs entry
	q 'SELECT "timestamp",domain_name,user_department,user_name,source_ip,session_id,action_type,action_details,model,botrun,user_agent,resource_id,developer,ch_characters,en_characters,total_characters FROM "衛生_x_logs"' >got
	same "$e: and give it back" got entry
	like "$e: with the time of its creation" "$(q 'SELECT create_timestamp AS t FROM "衛生_x_logs"' >ct; echo ct)" '"t":"20[0-9-]*T[0-9:.]*Z"'
	echo '{"date":"2021-01-01","department":"x","user_name":"u","ch_characters":3000000000,"en_characters":0}' >usage
	ok "$e: daily usage" sh -c 'for i in 1 2; do sql-load -d "$0" -t daily_character_usage -k date,department,user_name --on-conflict update usage || exit; done' "$DB"
	q 'SELECT * FROM daily_character_usage' >got
	same "$e: daily usage comes back once" got usage
}

DB=sqlite:$T/x.db
both SQLite sqlite
is 'SQLite: storage classes' "$(q "SELECT 1 AS i, 1.0 AS r, 'a' || char(0) || 'b' AS t, x'0001ff' AS b, 1e999 AS inf, -0.0 AS z")" \
	'{"i":1,"r":1.0,"t":"a\u0000b","b":"AAH/","inf":"Infinity","z":-0.0}'
is 'SQLite: other signs of parameters are refused' "$(q 'SELECT ?' 2>&1; echo $?)" 'sql-query: parameter ?: write it as :name
2'
is 'SQLite: a database in memory leaves no file' "$(sql-query -d sqlite::memory: 'SELECT 1 AS a'; find . -name ':memory:*')" '{"a":1}'
ok 'no SQL is wrong usage' status 2 sql-query
ok 'so are two' status 2 sql-query -f f.sql 'SELECT 1'
ok 'and a parameter without =' status 2 sql-query -p x 'SELECT 1'
ok 'a file that is not there' status 2 sql-query -f nope.sql

if ! pg_start; then
	skip 1 "$PG_MISSING"
	done_testing
fi
DB=$PGURI
both PostgreSQL postgres
cat >want <<'END'
{"b":true,"n":12345678901234567890123.4500,"nan":"NaN","f":"-Infinity","f4":0.1,"y":"AAH/","d":"2021-01-01","z":"2020-12-31T16:00:00.000001Z","ts":"2021-01-01T00:00:00","inf":"infinity","j":{"a": 1.0, "k":"\u0000"},"jb":{"a": 1},"u":"00000000-0000-0000-0000-000000000001","i":"1 day"}
END
q "SELECT true b, 12345678901234567890123.4500 n, 'NaN'::numeric nan, '-Infinity'::float8 f, 0.1::float4 f4, '\x0001ff'::bytea y, '2021-01-01'::date d,
	'2021-01-01 00:00:00.000001+08'::timestamptz z, '2021-01-01'::timestamp ts, 'infinity'::timestamptz inf,
	'{\"a\": 1.0, \"k\":\"\\u0000\"}'::json j, '{\"a\":1}'::jsonb jb, '00000000-0000-0000-0000-000000000001'::uuid u, '1 day'::interval i" >got
same 'PostgreSQL: types' got want
is 'PostgreSQL: arrays' "$(q "SELECT array[1,NULL,3] a, array['a','b\"c\\','NULL',NULL,'x,y','{}',''] t, array[[1.50,2],[3,4]] n, array[true] b, '{}'::int[] e,
	'[2:3]={1,2}'::int[] o, array['{\"k\":[1]}'::jsonb] j, array['2021-01-01Z'::timestamptz] z")" \
	'{"a":[1,null,3],"t":["a","b\"c\\","NULL",null,"x,y","{}",""],"n":[[1.50,2],[3,4]],"b":[true],"e":[],"o":[1,2],"j":[{"k": [1]}],"z":["2021-01-01T00:00:00Z"]}'
is 'PostgreSQL: json over several lines is one record' "$(q "SELECT '[1,
2]'::json AS j")" '{"j":[1, 2]}'
is 'PostgreSQL: bytes that were asked for in another form are a text' "$(q "SET bytea_output TO escape; SELECT '\x0061ff'::bytea AS b")" '{"b":"\\000a\\377"}'
is 'PostgreSQL: so is JSON that is not UTF-8, since somebody wanted it so' "$(q "SET client_encoding TO latin1; SELECT '[\"caf\\u00e9\"]'::jsonb AS j, '[1]'::jsonb AS k")" \
	'{"j":"[\"caf�\"]","k":[1]}'
is 'PostgreSQL: what is no parameter' "$(q -p v=1 "SELECT :v::int AS a, E'\\':v' AS b, \$\$;:v\$\$ AS c, \$t\$ \$\$ :v \$t\$ AS d, (array[1,2,3])[1 : 2] AS e, /* /* :v */ :v */ 'x''; :v' AS f")" \
	'{"a":1,"b":"'"'"':v","c":";:v","d":" $$ :v ","e":[1,2],"f":"x'"'"'; :v"}'
ok 'PostgreSQL: COPY is for psql' status 2 q 'COPY f TO STDOUT'
is 'PostgreSQL: a failure after rows is status 3' "$(q 'SELECT 1/(3-i) AS x FROM generate_series(1,3) i' 2>&1; echo $?)" '{"x":0}
{"x":1}
sql-query: division by zero
3'
sql-query -d "$DB" 'SELECT pg_sleep(60)' & pid=$!
sleeps() { q "SELECT count(*) AS n FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'" | grep -q "$1"; }
ok 'PostgreSQL: a long query' within 20 sleeps 1
kill -TERM $pid
wait $pid 2>/dev/null
is 'ends by a signal' $? 143
ok 'in the server, too' within 10 sleeps 0
sql-query -d "$DB" 'SELECT pg_sleep(60)' & pid=$!
within 20 sleeps 1
postmaster=$(head -n 1 "$PG_DIR/data/postmaster.pid")
kill -STOP "$postmaster"
kill -TERM $pid
gone() { ! kill -0 $pid 2>/dev/null; }
ok 'a server that no longer answers does not hold it' within 15 gone
kill -CONT "$postmaster"
wait $pid 2>/dev/null
is 'nor change its status' $? 143

done_testing
