#!/bin/sh
# sql-load.t - rows into SQLite and PostgreSQL: types, keys, refused rows, hostile values, crashes.
. "${0%/*}/lib.sh"
. "$top/tests/postgres.sh"
[ -x "$B/sql-load" ] && [ -x "$B/sql-query" ] || skip_all 'sql-load is not built'

q() { sql-query -d "$DB" "$@"; }
lines() { tr '\n' ' ' | sed 's/ $//'; }

# ---- what holds on both engines ----

both() {	# ENGINE
	e=$1
	cat >in <<'END'
{"id":1,"t":"2021-01-01T08:00:00.500+08:00","s":"a\tb\\\n\"\r'","b":true,"j":{"x": [1,"y"]},"r":0.1,"n":123456789012345678901234567890,"z":null}
{"id":9223372036854775807,"t":"2021-01-01T00:00:00Z","s":"台灣","b":false,"j":[1.0],"r":2,"n":1,"z":null}
END
	ok "$e: --create infers the types, and loads" status 0 sql-load -v -d "$DB" -t t --create in
	like "$e: -v ends with a summary" "$err" '^sql-load: read=2 loaded=2 duplicates=0 rejected=0 batches=1 seconds='
	q 'SELECT * FROM t ORDER BY id' >got
	cat >want <<'END'
{"id":1,"t":"2021-01-01T00:00:00.5Z","s":"a\tb\\\n\"\r'","b":true,"j":{"x": [1,"y"]},"r":0.1,"n":123456789012345678901234567890,"z":null}
{"id":9223372036854775807,"t":"2021-01-01T00:00:00Z","s":"台灣","b":false,"j":[1.0],"r":2.0,"n":1,"z":null}
END
	same "$e: and they come back exactly" got want

	ok "$e: without --create a table must be there" status 2 sql-load -d "$DB" -t nope in
	like "$e: and is named" "$err" "no table 'nope'"
	ok "$e: an empty input is no error" status 0 sql-load -d "$DB" -t t /dev/null

	cat >bad <<'END'
{"id":1.5}
{"id":123456789012345678901}
{"id":"x"}
{"id":3,"t":"yesterday"}
{"id":4,"b":"maybe"}
{"id":5,"r":1e400}
{"id":6,"r":9007199254740993}
{"id":7,"n":"many"}
{"id":8,"odd":1}
{"id":"9","s":12345678901234567890123}
not json
{"id":10.0,"s":true}
END
	rm -f rej
	ok "$e: what does not fit is rejected, the rest is loaded" status 1 sql-load -d "$DB" -t t --rejects rej bad
	is "$e: each by line, column and reason" "$(cat "$err")" "sql-load: bad:11:1: not JSON
sql-load: bad:1: column 'id': 1.5 is not an integer
sql-load: bad:2: column 'id': 123456789012345678901 does not fit into 64 bits
sql-load: bad:3: column 'id': \"x\" is not an integer
sql-load: bad:4: column 't': \"yesterday\" is not a time of RFC 3339
sql-load: bad:5: column 'b': \"maybe\" is not a boolean
sql-load: bad:6: column 'r': 1e400 does not fit into a double
sql-load: bad:7: column 'r': 9007199254740993 does not fit into a double
sql-load: bad:8: column 'n': \"many\" is not a number
sql-load: bad:9: the table has no column 'odd'"
	is "$e: and kept" "$(sort rej)" "$(sed '10d;12d' bad | sort)"
	is "$e: text takes anything, an integer its text and 10.0" "$(q "SELECT id, s FROM t WHERE id IN (9, 10) ORDER BY id" | lines)" \
		'{"id":9,"s":"12345678901234567890123"} {"id":10,"s":"true"}'
	ok "$e: --ignore-unknown leaves members out" sh -c 'echo "{\"id\":8,\"odd\":1}" | sql-load -d "$0" -t t --ignore-unknown' "$DB"
	is "$e: and loads the row" "$(q 'SELECT count(*) AS n FROM t WHERE id = 8')" '{"n":1}'

	printf '{"id":%s}\n' -9223372036854775808 -1 0 999999999999999999 1000000000000000000 9223372036854775807 >ends
	ok "$e: integers to both ends" status 0 sql-load -d "$DB" -t ends --create ends
	q 'SELECT id FROM ends ORDER BY id' >got
	same "$e: come back" got ends
	printf '{"id":%s}\n' 9223372036854775808 -9223372036854775809 >over
	ok "$e: and not beyond them" status 1 sql-load -d "$DB" -t ends over
	is "$e: ... both" "$(grep -c 'does not fit into 64 bits' "$err")" 2
	seq 1 20 | awk '{ print "{\"id\":" ($1 == 7 ? "\"x\"" : $1) "}" }' >strict
	ok "$e: --strict stops at the first bad row" status 1 sql-load -d "$DB" -t strict --create --types id=integer --strict strict
	is "$e: with what stood before it loaded" "$(q 'SELECT count(*) AS n, max(id) AS m FROM strict')" '{"n":6,"m":6}'

	printf '{"id":30}\n{"id":30}\n{"id":31,"d":"x"}\n{"id":"x"}\n' >strict
	q "CREATE TABLE strict2 (id integer PRIMARY KEY, d text DEFAULT 'y')"
	ok "$e: --strict and a row that the database refuses" status 1 sql-load -d "$DB" -t strict2 --strict strict
	is "$e: nothing behind it is loaded, or named" "$(q 'SELECT * FROM strict2') $(wc -l <"$err")" '{"id":30,"d":"y"} 1'

	# Keys.
	printf '{"k":"a","v":1}\n{"k":"b","v":1}\n{"k":"a","v":2}\n' >keyed
	ok "$e: the default refuses a key that is there" status 1 sql-load -d "$DB" -t keyed --create -k k keyed
	like "$e: in the words of the database" "$err" '^sql-load: keyed:3: .*(UNIQUE constraint failed: keyed.k|duplicate key value violates .*\(k\)=\(a\))'
	is "$e: the first one stays" "$(q 'SELECT * FROM keyed ORDER BY k' | lines)" '{"k":"a","v":1} {"k":"b","v":1}'
	printf '{"k":"a","v":3}\n{"k":"c","v":4}\n{"k":"a","v":5}\n{"v":6}\n{"k":null,"v":7}\n' >keyed
	ok "$e: update takes the last of a batch" status 1 sql-load -v -d "$DB" -t keyed -k k --on-conflict update keyed
	like "$e: a row without its key is rejected" "$err" "keyed:5: no value for 'k', which is of the key"
	is "$e: updated" "$(q 'SELECT * FROM keyed ORDER BY k' | lines)" '{"k":"a","v":5} {"k":"b","v":1} {"k":"c","v":4}'
	printf '{"k":"a","v":8}\n{"k":"d","v":9}\n{"k":"d","v":10}\n' >keyed
	ok "$e: ignore leaves what is there" status 0 sql-load -v -d "$DB" -t keyed -k k --on-conflict ignore keyed
	like "$e: and counts it" "$err" 'read=3 loaded=1 duplicates=2 rejected=0'
	is "$e: ignored, of a batch the first counts" "$(q "SELECT * FROM keyed WHERE k IN ('a','d') ORDER BY k" | lines)" '{"k":"a","v":5} {"k":"d","v":9}'
	ok "$e: a key that is no key is wrong usage" status 2 sql-load -d "$DB" -t keyed -k v --on-conflict update keyed
	ok "$e: a key that is no column, too" status 2 sql-load -d "$DB" -t keyed -k x keyed

	printf '{"t":"2021-01-01T00:00:00Z","u":"0001-01-01T00:00:00Z"}\n{"t":"0001-01-01T00:00:00+08:00","u":"9999-12-31T23:59:59-01:00"}\n' >never
	ok "$e: a time that is none in UTC is a text for --create" status 0 sql-load -d "$DB" -t never --create never
	q 'SELECT * FROM never ORDER BY t DESC' >got
	same "$e: ... and stays as it is" got never
	node -e 'for (const n of [20000, 40000]) console.log(JSON.stringify(Object.fromEntries(Array.from({ length: n }, (_, i) => ["c" + i, 1]))))' >members
	ok "$e: --create does not go through more columns than any table can have" status 2 sql-load -d "$DB" -t members --create members
	is "$e: ... which it says" "$(cat "$err")" 'sql-load: --create: the rows have more members than a table can have columns'

	# Rows that only the database can judge, among many.
	q 'CREATE TABLE checked (id integer PRIMARY KEY, v integer CHECK (v < 1000), d text DEFAULT '"'none'"')'
	seq 1 5000 | awk '{ print "{\"id\":" $1 ",\"v\":" ($1 % 997 == 0 ? 1000 : 1) "}" }' >many
	for how in fail update; do
		rm -f rej
		ok "$e, $how: the rows that the database refuses are found" status 1 sql-load -v -d "$DB" -t checked -k id --on-conflict $how --rejects rej many
		is "$e, $how: named by their lines" "$(sed -n 's/.*many:\([0-9]*\): .*[Cc][Hh][Ee][Cc][Kk].*/\1/p' "$err" | lines)" '997 1994 2991 3988 4985'
		is "$e, $how: kept" "$(wc -l <rej)" 5
		like "$e, $how: in one transaction" "$err" 'batches=1 '
		is "$e, $how: and all others are there" "$(q 'SELECT count(*) AS n, sum(v) AS s FROM checked')" '{"n":4995,"s":4995}'
		q 'DELETE FROM checked'
	done
	seq 1 300 | awk '{ print "{\"id\":" $1 ",\"v\":1000}" }' >all
	ok "$e: nothing but bad rows" status 1 sql-load -d "$DB" -t checked all
	like "$e: are counted" "$err" '290 more lines were rejected, 300 in all'
	printf '{"id":1}\n{"id":2,"d":"x"}\n{"id":3,"d":null}\n{"id":4}\n' >defaults
	ok "$e: a default stands in for a missing member" status 0 sql-load -d "$DB" -t checked defaults
	is "$e: not for null" "$(q 'SELECT d FROM checked ORDER BY id' | lines)" '{"d":"none"} {"d":"x"} {"d":null} {"d":"none"}'

	# Names and values that bite.
	printf '{"select":1,"a\\"b; DROP TABLE t; --":"\047); DROP TABLE t; --","$1":":x","列":"\\\\N","":2}\n' >odd
	[ "$e" = SQLite ] || sed -i 's/,"":2//' odd
	ok "$e: odd names and values" status 0 sql-load -d "$DB" -t 'order "by" '"'"'; DROP TABLE t' --create odd
	q 'SELECT * FROM "order ""by"" '"'"'; DROP TABLE t"' >got
	same "$e: come back as they went in" got odd
	printf '\\.\n{"s":"\\\\."}\n{"s":"\\t\\\\N\\\\t\\b\\u0001"}\n{"s":"\377"}\n{"s":"end"}\n' >copy
	ok "$e: what COPY has a meaning for, and bad UTF-8" status 1 sql-load -d "$DB" -t copy --create copy
	is "$e: loaded or named" "$(q 'SELECT s FROM copy' | lines)$(cat "$err")" \
		'{"s":"\\."} {"s":"\t\\N\\t\b\u0001"} {"s":"end"}sql-load: copy:1:1: not JSON
sql-load: copy:4:7: not UTF-8'
	node -e 'console.log(JSON.stringify({s: "台".repeat(3500000) + "\n"}))' >big
	digits=$(printf '%0400d' 7 | tr 0 9)
	echo "{\"id\":2000,\"n\":$digits}" >digits
	ok "$e: a number of 400 digits" status 0 sql-load -d "$DB" -t t digits
	q 'SELECT id, n FROM t WHERE id = 2000' >got
	same "$e: comes back" got digits
	ok "$e: 10 MB of text" status 0 sql-load -d "$DB" -t big --create big
	q 'SELECT s FROM big' >got
	same "$e: come back" got big

	# Named loads.
	seq 1 550 | awk '{ print "{\"id\":" $1 "}" }' >part1
	seq 551 1000 | awk '{ print "{\"id\":" $1 "}" }' >part2
	cat part1 part2 >whole
	named() { sql-load -d "$DB" -t named --create --load-id "it's \"one\"" "$@"; }
	count() { q "SELECT count(*) AS n, count(DISTINCT id) AS d FROM ${1:-named}"; }
	ok "$e: --load-id, the first part" status 0 named -b 100 --tee part1
	same "$e: is loaded" "$out" part1
	ok "$e: and the whole, in other batches" status 0 named -b 77 --tee whole
	same "$e: only the rest of it is" "$out" part2
	is "$e: and that is said" "$(cat "$err")" "sql-load: the load 'it's \"one\"': 550 rows were loaded before, 0 rejected"
	is "$e: nothing missing, nothing twice" "$(count)" '{"n":1000,"d":1000}'
	ok "$e: once more" status 0 named -v part1 part2
	is "$e: nothing is loaded" "$(sed 's/ seconds.*//' "$err")" "sql-load: the load 'it's \"one\"': 1000 rows were loaded before, 0 rejected
sql-load: read=0 loaded=0 duplicates=0 rejected=0 batches=0"
	ok "$e: -q says nothing of it" status 0 named -q whole
	is "$e: ... nothing" "$(cat "$err")" ''
	ok "$e: with --on-conflict, too" status 0 sql-load -d "$DB" -t keyed -k k --on-conflict ignore --load-id k keyed
	ok "$e: and again" status 0 sql-load -v -d "$DB" -t keyed -k k --on-conflict ignore --load-id k keyed
	like "$e: nothing" "$err" 'read=0 '
	is "$e: the mark" "$(q "SELECT load_id, records, rows_loaded FROM llmutils_marks WHERE load_id <> 'k'")" '{"load_id":"it'\''s \"one\"","records":1000,"rows_loaded":1000}'
	ok "$e: another table is another load" status 0 sql-load -q -d "$DB" -t named2 --create --load-id "it's \"one\"" whole
	ok "$e: another id, too" status 0 sql-load -q -d "$DB" -t named2 --load-id two part1
	is "$e: both loaded" "$(count named2)" '{"n":1550,"d":1000}'
	ok "$e: an input that has become shorter is refused" status 2 named part1
	like "$e: that is said" "$err" 'has got to record 1000 before, but the input has only 550: this is not the same input'
	ok "$e: no input at all, too" status 2 named /dev/null
	q 'DROP TABLE named2'
	ok "$e: a table that is gone is not taken for loaded" status 2 sql-load -q -d "$DB" -t named2 --create --load-id two part1
	like "$e: it is named" "$err" "the table 'named2' of the load 'two' is gone"

	# Rejected lines count, and are named once; a batch of one row ends between any two of them.
	long=$(printf 'x%.0s' $(seq 200))
	printf '{"id":1}\nbad\n\n{"id":"x"}\n{"id":2}\n"%s"\n\n{"id":3}\n{"id":4}' "$long" >mixed
	for n in 1 2 3; do
		rm -f rej
		q 'DROP TABLE IF EXISTS mixed; CREATE TABLE mixed (id integer PRIMARY KEY)'
		for lines in 1 5 8; do
			head -n $lines mixed | sql-load -d "$DB" -t mixed --load-id m$n -b $n --max-line 100 --rejects rej
		done 2>all.err
		is "$e: an input that grows, batches of $n: what is bad is named once" "$(grep -v loaded all.err)" "sql-load: stdin:2:1: not JSON
sql-load: stdin:4: column 'id': \"x\" is not an integer
sql-load: stdin:6: longer than --max-line"
		is "$e: and kept once" "$(cat rej)" "$(sed -n '2p;4p;6p' mixed)"
		is "$e: and loaded once" "$(q 'SELECT count(*) AS n, sum(id) AS s FROM mixed')" '{"n":3,"s":6}'
		head -c -3 mixed | sql-load -q -d "$DB" -t mixed --load-id m$n --max-line 100 2>/dev/null
		is "$e: half a line at the end is rejected" $? 1
		ok "$e: and loaded when it is whole; the status stays that of the whole load" status 1 \
			sql-load -d "$DB" -t mixed --load-id m$n --max-line 100 mixed
		is "$e: the note counts what was rejected" "$(cat "$err")" "sql-load: the load 'm$n': 3 rows were loaded before, 3 rejected"
		is "$e: nothing missing" "$(q 'SELECT count(*) AS n, sum(id) AS s FROM mixed')" '{"n":4,"s":10}'
	done

	# --strict comes back to the row that stopped it: not JSON, not of the type, refused by the database.
	for bad in 'bad' '{"id":"x"}' '{"id":2}'; do
		for n in 1 2 100; do
			q 'DELETE FROM mixed'
			{ printf '{"id":1}\n{"id":2}\n'; printf '%s\n' "$bad"; printf '{"id":3}\n'; } >strict
			id="$bad $n"
			ok "$e: --strict, $bad, batches of $n" status 1 sql-load -d "$DB" -t mixed --strict --load-id "$id" -b $n strict
			ok "$e: stops there again" status 1 sql-load -d "$DB" -t mixed --strict --load-id "$id" -b $n strict
			like "$e: and names it again" "$err" 'strict:3:'
			sed -i '3s/.*/{"id":4}/' strict
			ok "$e: and goes on from there" status 0 sql-load -d "$DB" -t mixed --strict --load-id "$id" -b $n strict
			is "$e: with nothing missing" "$(q 'SELECT count(*) AS n, sum(id) AS s FROM mixed')" '{"n":4,"s":10}'
		done
	done

	# Rows that fill other columns go in transactions of their own.
	q "CREATE TABLE filled (id integer, d text DEFAULT 'y', e text DEFAULT 'z')"
	awk 'BEGIN { for (i = 1; i <= 300; i++) print i % 7 == 0 ? "{\"id\":\"x\"}" : i % 3 == 0 ? "{\"id\":" i ",\"d\":\"d\"}" : i % 5 == 0 ? "{\"id\":" i ",\"e\":\"e\"}" : "{\"id\":" i "}" }' >filled
	for n in 50 123 300; do head -n $n filled | sql-load -q -d "$DB" -t filled --load-id f -b 31; done 2>/dev/null
	is "$e: columns that differ" "$(q 'SELECT count(*) AS n, count(DISTINCT id) AS d FROM filled')" '{"n":258,"d":258}'

	# A file that cannot be read: those behind it would have other numbers.
	q 'DELETE FROM mixed'
	ok "$e: a file that is not there ends the run" status 3 sql-load -d "$DB" -t mixed --load-id files part1 nope part2
	is "$e: with what stood before it loaded" "$(count mixed)" '{"n":550,"d":550}'
	ok "$e: a directory, too" status 3 sql-load -d "$DB" -t mixed --load-id files part1 . part2
	ok "$e: then it goes on" status 0 sql-load -d "$DB" -t mixed --load-id files part1 part2
	is "$e: with nothing missing" "$(count mixed)" '{"n":1000,"d":1000}'

	# Two runs of one id: the later one goes on.
	q 'CREATE TABLE twice (id integer)'
	mkfifo "two$e"
	sql-load -d "$DB" -t twice --load-id two -b 100 <"two$e" >/dev/null 2>first.err & pid=$!
	tap_pids="$tap_pids $pid"
	exec 7>"two$e"
	cat part1 >&7
	begun() { [ "$(count twice)" = '{"n":500,"d":500}' ]; }
	ok "$e: two runs of one load: the first begins" within 20 begun
	ok "$e: the second goes on behind it" status 0 sql-load -d "$DB" -t twice --load-id two -b 70 whole
	cat part2 >&7 2>/dev/null
	exec 7>&-
	wait $pid
	is "$e: the first ends with status 3" $? 3
	like "$e: and says why" first.err "^sql-load: another run of the load 'two' has begun; it goes on, this one ends; stopped after 500 rows; run again to go on"
	is "$e: nothing missing, nothing twice" "$(count twice)" '{"n":1000,"d":1000}'
	q 'DELETE FROM twice'
	pids=
	for n in 1 2 3 4; do
		sql-load -q -d "$DB" -t twice --load-id four -b $((n * 3)) whole >/dev/null 2>&1 & pids="$pids $!"
	done
	for pid in $pids; do wait "$pid"; echo $?; done >statuses
	ok "$e: four at once: one goes on" grep -q 0 statuses
	is "$e: the others end with status 3, or after it" "$(grep -v -e 0 -e 3 statuses)" ''
	is "$e: nothing missing, nothing twice" "$(count twice)" '{"n":1000,"d":1000}'

	# Interrupted input, --tee, --linger.
	ok "$e: --tee writes the rows on" sh -c 'printf "{\"id\":\"x\"}\n{\"id\": 77}\n" | sql-load -q -d "$0" -t strict --tee >tee; test "$(cat tee)" = "{\"id\": 77}"' "$DB"
	mkfifo "fifo$e"
	sql-load -d "$DB" -t strict --linger 100ms <"fifo$e" &
	pid=$! tap_pids="$tap_pids $pid"
	exec 7>"fifo$e"
	echo '{"id":1234567}' >&7
	has() { [ "$(q 'SELECT count(*) AS n FROM strict WHERE id = 1234567')" = '{"n":1}' ]; }
	ok "$e: --linger loads what waits" within 20 has
	kill -TERM $pid
	exec 7>&-
	wait $pid 2>/dev/null
	is "$e: a signal ends it" $? 143
	ok "$e: /dev/full is status 3" status 3 sh -c 'sql-load -q -d "$0" -t strict --tee >/dev/full <"$1"' "$DB" want_id
}
echo '{"id":4242}' >want_id

DB=sqlite:$T/x.db
both SQLite
q 'CREATE TABLE odd (id integer); CREATE TRIGGER odd3 BEFORE INSERT ON odd WHEN new.id = 3 BEGIN SELECT abs(-9223372036854775807 - 1); END'
seq 1 4 | sed 's/.*/{"id":&}/' >odd
ok 'SQLite: a load that fails on its way' status 3 sql-load -d "$DB" -t odd -b 1 odd
like '... does not tell to run it again where that doubles rows' "$err" '; stopped after 2 rows; without --load-id or --key, to run it again would load them twice$'
ok '... only where it has a name' status 3 sql-load -d "$DB" -t odd -b 1 --load-id odd odd
like '... which goes on' "$err" '; stopped after 2 rows; run again to go on$'

# ---- SQLite alone ----

is 'SQLite: a new database is for its owner' "$(stat -c %a x.db)" 600
is 'SQLite: and in WAL mode' "$(q 'PRAGMA journal_mode')" '{"journal_mode":"wal"}'
printf '{"s":"a\\u0000b","a\\u0000":null}\n' >nul
ok 'SQLite: \u0000 in a name is refused' status 2 sql-load -d "$DB" -t nul --create nul
printf '{"s":"a\\u0000b"}\n' >nul
ok 'SQLite: \u0000 in a text' status 0 sql-load -d "$DB" -t nul --create nul
is 'SQLite: is stored' "$(q 'SELECT s FROM nul')" '{"s":"a\u0000b"}'
run env LLMUTILS_DB="sqlite:$T/env.db" sql-load -t t --create in
ok 'LLMUTILS_DB names the database' test -s env.db
run sql-load -t t --create in
ok 'the default is sqlite:llmutils.db' test -s llmutils.db
ok 'another name is wrong usage' status 2 sql-load -d mysql://x -t t in
ok 'a directory that is not there, too' status 2 sql-load -d sqlite:no/x.db -t t in
echo 'no database at all, but long enough to be one' >text.db
ok 'a file that is something else, too' status 2 sql-load -d sqlite:text.db -t t in
for o in '' '-t t --on-conflict update' '-t t --types a=int' '-t t -b 0' '-t t --load-id=' "-t t --load-id=$(printf '\377')" "-t t --load-id=$(printf '%0257d' 1)"; do
	# shellcheck disable=SC2086
	ok "wrong usage: $o" status 2 sql-load $o in
done

# A trigger may undo the whole batch: then it is done again without the row that it did not want.
q "CREATE TABLE back (id integer); CREATE TRIGGER back3 BEFORE INSERT ON back WHEN new.id = 3 BEGIN SELECT RAISE(ROLLBACK, 'no threes'); END"
seq 1 5 | sed 's/.*/{"id":&}/' >back
ok 'a row whose trigger rolls back' status 1 sql-load -d "$DB" -t back back
is '... is named, and the others are loaded once' "$(cat "$err") $(q 'SELECT id FROM back' | lines)" \
	'sql-load: back:3: no threes {"id":1} {"id":2} {"id":4} {"id":5}'
q 'DELETE FROM back'
ok '... with --strict' status 1 sql-load -d "$DB" -t back --strict back
is '... those before it' "$(cat "$err") $(q 'SELECT id FROM back' | lines)" 'sql-load: back:3: no threes {"id":1} {"id":2}'

q 'CREATE TABLE bytes (id integer, b blob)'
printf '{"id":1,"b":"AP8="}\n{"id":2,"b":""}\n{"id":3,"b":"no base64"}\n{"id":4,"b":7}\n{"id":5,"b":"-_8"}\n' >bytes
ok 'bytes in base64, of both alphabets' status 1 sql-load -d "$DB" -t bytes bytes
is '... others are named' "$(cat "$err")" "sql-load: bytes:3: column 'b': \"no base64\" is not bytes in base64
sql-load: bytes:4: column 'b': 7 is not bytes in base64"
is '... are stored as bytes, and come back' "$(q 'SELECT id, b, hex(b) AS h, typeof(b) AS t FROM bytes' | lines)" \
	'{"id":1,"b":"AP8=","h":"00FF","t":"blob"} {"id":2,"b":"","h":"","t":"blob"} {"id":5,"b":"+/8=","h":"FBFF","t":"blob"}'

# A table that is wider than most rows has many cells in few bytes of input.
if [ -z "$SAN" ] && [ -x /usr/bin/time ]; then
	awk 'BEGIN { for (i = 0; i < 1500; i++) printf "%s\"c%d\":%d", i == 0 ? "{" : ",", i, i; print "}"; for (i = 0; i < 4000; i++) print "{\"c1\":1}" }' >wide
	/usr/bin/time -f %M -o peak sql-load -q -d sqlite:wide.db -t wide --create wide
	is "memory follows the cells of a batch, not those of all rows: $(tail -n 1 peak) KB" \
		"$(sql-query -d sqlite:wide.db 'SELECT count(*) AS n, sum(c1) AS s FROM wide') $(($(tail -n 1 peak) < 100000))" '{"n":4001,"s":4001} 1'
else
	skip 1 'no measure of memory here'
fi

# Two at once.
seq 1 20000 | awk '{ print "{\"id\":" $1 ",\"w\":1}" }' >one
seq 20001 40000 | awk '{ print "{\"id\":" $1 ",\"w\":2}" }' >two
run sql-load -d sqlite:both.db -t t --create -k id /dev/null
head -n 1 one | sql-load -d sqlite:both.db -t t --create -k id
sql-load -d sqlite:both.db -t t -b 100 -k id --on-conflict ignore one & p1=$!
sql-load -d sqlite:both.db -t t -b 100 -k id --on-conflict ignore two & p2=$!
wait $p1; s1=$?
wait $p2; s2=$?
is 'two loads into one file' "$s1 $s2 $(sql-query -d sqlite:both.db 'SELECT count(*) AS n FROM t')" '0 0 {"n":40000}'

# Crashes and full disks.
if [ -e "$B/fault.so" ] && [ -z "$SAN" ]; then
	seq 1 1000 | awk '{ print "{\"id\":" $1 ",\"x\":\"row " $1 "\"}" }' >rows
	load() { sql-load -q -d sqlite:f.db -t t --create -k id --on-conflict ignore -b 100 rows; }
	FAULT_CALLS=pwrite,ftruncate FAULT_AT=0 FAULT_LOG=calls LD_PRELOAD=$B/fault.so load
	calls=$(cat calls) wrong=''
	at=1
	while [ $at -le "$calls" ]; do
		rm -f f.db*
		(FAULT_CALLS=pwrite,ftruncate FAULT_AT=$at FAULT_ACT=kill LD_PRELOAD=$B/fault.so load) 2>/dev/null
		first=$?
		load
		got="$? $(sql-query -d sqlite:f.db 'SELECT count(*) AS n, sum(id) AS s FROM t')"
		[ "$first $got" = '137 0 {"n":1000,"s":500500}' ] || wrong="$wrong $at:$first:$got"
		at=$((at + 1 + calls / 20))
	done
	is "SQLite: kill -9 at many of $calls writes, and again: nothing missing, nothing twice" "$wrong" ''
	at=1 wrong='' full=0
	while [ $at -le "$calls" ]; do
		rm -f f.db*
		(FAULT_CALLS=pwrite FAULT_AT=$at FAULT_ACT=ENOSPC LD_PRELOAD=$B/fault.so load) 2>full
		first=$?
		load
		got="$? $(sql-query -d sqlite:f.db 'SELECT count(*) AS n, sum(id) AS s FROM t')"
		# The last writes are those of a checkpoint, which can wait.
		case "$first $got" in [03]' 0 {"n":1000,"s":500500}') ;; *) wrong="$wrong $at:$first:$got" ;; esac
		[ $first != 3 ] || full=$((full + 1))
		[ $first != 3 ] || grep -Eq 'full|I/O error' full || wrong="$wrong $at:$(cat full)"
		at=$((at + 1 + calls / 20))
	done
	is 'SQLite: a full disk at many writes, and again' "$wrong $((full > 4))" ' 1'
else
	skip 2 'fault.so does not go with sanitizers'
fi

# ---- PostgreSQL ----

if ! pg_start; then
	skip 1 "$PG_MISSING"
	done_testing
fi
DB=$PGURI
both PostgreSQL

printf '{"s":"a\\u0000b"}\n{"s":"c"}\n' >nul
ok 'PostgreSQL: \u0000 is rejected' status 1 sql-load -d "$DB" -t nul --create nul
like 'and named' "$err" "nul:1: column 's': .* has a .u0000, which PostgreSQL cannot store"
is 'and the rest is loaded' "$(q 'SELECT s FROM nul')" '{"s":"c"}'
long=$(printf 'x%.0s' $(seq 64))
echo "{\"$long\":1}" >long
run sql-load -d "$DB" -t long --create long
is 'a name of 64 bytes is refused, never cut' "$st $(grep -c 'longer than 63 bytes' "$err")" '2 1'
ok 'that of a table, too' status 2 sql-load -d "$DB" -t "$long" --create in
q 'CREATE TABLE types (id serial PRIMARY KEY, a int[], t text[], by bytea, u uuid, ts timestamp, d date, n numeric(5,2), v varchar(3), jb jsonb,
	g int GENERATED ALWAYS AS (1) STORED)'
cat >types <<'END'
{"a":[1,null,3],"t":["x","a\"b\\",null,"NULL","{,}"],"by":"AAH/","u":"00000000-0000-0000-0000-000000000001","ts":"2021-01-01T00:00:00+08:00","d":"2021-01-01","n":1.50,"v":"abc","jb":{"b":1e2}}
{"u":"x"}
{"v":"abcd"}
{"n":1000}
{"by":"%"}
{"d":"today"}
{"jb":{"a":"\u0000"}}
{"g":1}
{"a":["x"]}
{"v":"end"}
END
ok 'types of PostgreSQL' status 1 sql-load -d "$DB" -t types types
is 'the server names what it refuses' "$(sed 's/.*types:\([0-9]*\): \(.\{24\}\).*/\1 \2/' "$err")" '2 invalid input syntax for
3 value too long for type 
4 numeric field overflow: 
5 column '"'by': \"%\" is not "'
6 column '"'d': \"today\" is n"'
7 unsupported Unicode esca
8 the table has no column 
9 invalid input syntax for'
q 'SELECT a,t,"by",u,ts,d,n,v,jb FROM types ORDER BY id' >got
cat >want <<'END'
{"a":[1,null,3],"t":["x","a\"b\\",null,"NULL","{,}"],"by":"AAH/","u":"00000000-0000-0000-0000-000000000001","ts":"2020-12-31T16:00:00","d":"2021-01-01","n":1.50,"v":"abc","jb":{"b": 100}}
{"a":null,"t":null,"by":null,"u":null,"ts":null,"d":null,"n":null,"v":"end","jb":null}
END
same 'types of PostgreSQL come back' got want
q "CREATE DOMAIN state AS text DEFAULT 'new'; CREATE DOMAIN substate AS state; CREATE TABLE domains (id int, s state, t substate)"
printf '{"id":1}\n{"id":2,"s":"old","t":null}\n' >domains
ok 'a default of a domain' status 0 sql-load -d "$DB" -t domains domains
is '... stands in for a missing member, too' "$(q 'SELECT s, t FROM domains ORDER BY id' | lines)" '{"s":"new","t":"new"} {"s":"old","t":null}'
q 'CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int, p int REFERENCES parent DEFERRABLE INITIALLY DEFERRED); INSERT INTO parent VALUES (1)'
q 'DELETE FROM llmutils_loads'
seq 1 500 | awk '{ print "{\"id\":" $1 ",\"p\":" ($1 == 300 ? 2 : 1) "}" }' >child
ok 'a deferred foreign key' status 1 sql-load -d "$DB" -t child child
like 'still finds its row' "$err" '^sql-load: child:300: .*foreign key'
is 'and loads the others' "$(q 'SELECT count(*) AS n FROM child')" '{"n":499}'
is 'no bookkeeping stays' "$(q 'SELECT count(*) AS n FROM llmutils_loads')" '{"n":0}'

# Another session makes the table at this very moment: its name is taken, or that of its type is.
echo '{"id":1}' >raced
for lock in 'LOCK TABLE pg_class IN SHARE MODE;' ''; do
	for what in raced llmutils_loads llmutils_marks; do
		q 'DROP TABLE IF EXISTS raced, llmutils_loads, llmutils_marks'
		case $what in
		raced) columns='(id bigint)' named='' ;;
		llmutils_loads) columns='(ticket uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())' named='' ;;
		llmutils_marks) columns='(load_id text, table_name text, run uuid NOT NULL UNIQUE, records bigint NOT NULL, rows_loaded bigint NOT NULL,
			at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (load_id, table_name))' named='--load-id raced' ;;
		esac
		[ $what = raced ] || q 'CREATE TABLE raced (id bigint)'
		q "BEGIN; $lock CREATE TABLE $what $columns; SELECT 1 AS made; DO 'BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted) LOOP
			PERFORM pg_sleep(0.01); END LOOP; END'; COMMIT" >racer & pid=$!
		made() { q "SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'" | grep -q 1; }
		within 20 made
		# shellcheck disable=SC2086
		ok "$what is made at the same time ${lock:+(its name)}" status 0 sql-load -v -d "$DB" -t raced --create $named raced
		like '... by another one' "$err" 'already exists.*trying again'
		wait $pid
		is '... and the row is loaded' "$(q 'SELECT * FROM raced')" '{"id":1}'
	done
done

q 'CREATE TABLE granted (id integer); CREATE ROLE guest LOGIN; GRANT SELECT, INSERT ON granted TO guest; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
	CREATE SCHEMA other; CREATE TABLE other.granted (id integer)'
q 'ALTER TABLE llmutils_marks RENAME TO hidden'
ok '--load-id without the right to create the table of marks' status 2 sql-load -d "$(echo "$DB" | sed 's/tester@/guest@/')" -t granted --load-id g part1
is '... says so' "$(cat "$err")" 'sql-load: llmutils_marks cannot be created or written: permission denied for schema public'
q 'ALTER TABLE hidden RENAME TO llmutils_marks'
ok '... without the right to write it' status 2 sql-load -d "$(echo "$DB" | sed 's/tester@/guest@/')" -t granted --load-id g part1
is '... too' "$(cat "$err")" 'sql-load: llmutils_marks cannot be created or written: permission denied for table llmutils_marks'
q 'GRANT SELECT, INSERT, UPDATE ON llmutils_marks TO guest'
ok '... and with it, nothing else is needed' status 0 sql-load -d "$(echo "$DB" | sed 's/tester@/guest@/')" -t granted --load-id g part1
ok 'a table of the same name in another schema is another load' status 0 env PGOPTIONS='-c search_path=other,public' sql-load -v -d "$DB" -t granted --load-id g part1
is '... loaded there' "$(q 'SELECT (SELECT count(*) FROM granted) AS a, (SELECT count(*) FROM other.granted) AS b')" '{"a":550,"b":550}'
ok "a load without a name, where llmutils_loads is another user's" status 0 sql-load -v -d "$(echo "$DB" | sed 's/tester@/guest@/')" -t granted part1
like '... does without it, and says so' "$err" '^sql-load: llmutils_loads cannot be created or written: '
is '... loaded' "$(q 'SELECT count(*) AS n FROM granted')" '{"n":1100}'

q 'CREATE TABLE fine (t timestamptz)'
echo '{"t":"2026-06-19T23:59:59.9999999Z"}' | sql-load -d "$DB" -t fine
is 'more digits of a second than there are do not make it the next day' "$(q 'SELECT * FROM fine')" '{"t":"2026-06-19T23:59:59.999999Z"}'

# Rows that the server gets while the batch is still being gathered (256 KiB of lines and more).
long=$(printf '%0100d' 0)
q "CREATE TABLE fed (id int PRIMARY KEY, v int CHECK (v < 1000), s text, d text DEFAULT 'none'); CREATE TABLE unfed (LIKE fed INCLUDING ALL)"
seq 1 9000 | awk -v s="$long" '{ id = $1; v = 1; d = "" }
	$1 % 2003 == 0 { v = 1000 } $1 % 2500 == 0 { id = 7 } $1 % 1777 == 0 { v = "\"x\"" } $1 == 6001 { print "{\"id\":" } $1 > 6500 && $1 < 6510 { d = ",\"d\":\"d\"" }
	{ print "{\"id\":" id ",\"v\":" v ",\"s\":\"" s "\\t台\\\\\"" d "}" }' >feed
for how in fail ignore update; do
	rm -f rej.fed rej.unfed
	ok "$how: bad rows of a batch that was fed" status 1 sql-load -v -d "$DB" -t fed -k id --on-conflict $how --rejects rej.fed feed
	like '... in few transactions' "$err" 'batches=3 '
	run sql-load -d "$DB" -t unfed -k id --on-conflict $how --rejects rej.unfed -b 100 feed
	q 'SELECT * FROM fed ORDER BY id' >got
	q 'SELECT * FROM unfed ORDER BY id' >want
	same '... as in small batches: the rows' got want
	is '... of which there are many' "$(($(wc -l <got) > 8900))" 1
	sort rej.fed >got
	sort rej.unfed >want
	same '... and the rejects' got want
	q 'DELETE FROM fed; DELETE FROM unfed'
done
grep -v '"d":"d"' feed | head -n 4500 | grep -v -e '"v":1000' -e '"v":"x"' -e '"id":7,' >good
is 'rows to feed' "$(($(wc -c <good) > 500000))" 1
mkfifo fed.fifo
sql-load -d "$DB" -t fed --linger 1h <fed.fifo 2>fed.err & pid=$!
tap_pids="$tap_pids $pid"
exec 7>fed.fifo
cat good >&7
has() { [ "$(q 'SELECT count(*) AS n FROM fed')" = "{\"n\":$1}" ]; }
ok 'rows that the server has got do not wait for --linger' within 30 has "$(wc -l <good)"
sed 's/"id":/&10000/' good >&7
feeding() { q "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'sql-load' AND query LIKE '%COPY%FROM STDIN%'" | grep -q 1; }
if [ -z "$VALGRIND" ]; then
	within 30 feeding
	kill $pid
	exec 7>&-
	wait $pid 2>/dev/null
	is 'a signal while the batch is fed' "$? $(q 'SELECT count(*) AS n FROM llmutils_loads')" '143 {"n":0}'
	for name in '' '--load-id fed'; do
		q 'DELETE FROM fed'
		# shellcheck disable=SC2086
		sql-load -d "$DB" -t fed $name <fed.fifo 2>fed.err & pid=$!
		tap_pids="$tap_pids $pid"
		exec 7>fed.fifo
		cat good >&7
		within 30 feeding
		q "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sql-load'" >/dev/null
		sed 's/"id":/&10000/' good >&7
		exec 7>&-
		wait $pid
		is "a connection that is lost while the batch is fed $name" "$? $(q 'SELECT count(*) AS n FROM fed')" "0 {\"n\":$(($(wc -l <good) * 2))}"
		like '... is taken up again' fed.err 'trying again in'
	done
else
	kill $pid; exec 7>&-; wait $pid 2>/dev/null
	skip 5 "rows come too slowly for a batch to be caught"
fi
q 'ALTER TABLE fed RENAME TO fed2; CREATE VIEW fed AS SELECT * FROM fed2'
ok 'what is no table ends the load while it is fed' status 2 sql-load -d "$DB" -t fed good
like '... in the words of the server' "$err" 'cannot copy to view'

# A COMMIT that waits for a standby which does not come.
now_q() { PGOPTIONS='-c synchronous_commit=off' q "$@"; }
waits() { now_q "SELECT wait_event AS w FROM pg_stat_activity WHERE application_name = 'sql-load'" | grep -q SyncRep; }
ended() { ! kill -0 $pid 2>/dev/null; }
now_q "ALTER SYSTEM SET synchronous_standby_names = 'nobody'" && now_q 'SELECT pg_reload_conf() AS r' >/dev/null
now_q 'CREATE TABLE waited (id integer)'
standby() { now_q 'SHOW synchronous_standby_names' | grep -q nobody; }
within 20 standby
echo '{"id":1}' >one
sql-load -d "$DB" -t waited one 2>/dev/null & pid=$!
tap_pids="$tap_pids $pid"
ok 'a COMMIT that waits for ever' within 20 waits
kill $pid
ok '... does not keep a signal from ending the load' within 20 ended
ended || kill -9 $pid
wait $pid 2>/dev/null
is '... and what was committed is there' "$? $(now_q 'SELECT count(*) AS n FROM waited')" '143 {"n":1}'
now_q 'ALTER SYSTEM RESET synchronous_standby_names' && now_q 'SELECT pg_reload_conf() AS r' >/dev/null

ok 'a password in --db' status 0 sql-load -d "$(echo "$DB" | sed 's/tester@/tester:s3cret@/')" -t t --ignore-unknown /dev/null
is 'is warned of, and not shown' "$(grep -c 'password on the command line' "$err") $(grep -c s3cret "$err")" '1 0'
for uri in 'postgres://u:s3cret@[bad/x' 'postgres://u:s3cret@/x?host=/nowhere' "postgres://u:s3cret@/nope?host=$PG_DIR"; do
	run sql-load --max-retries 0 -d "$uri" -t t in
	is 'nor where it fails' "$(case $st in 2 | 3) echo ok ;; esac) $(grep -c s3cret "$err")" 'ok 0'
done
for uri in 'postgres://u:a@s3cret@h.invalid/x' 'postgres://u:s3cret/b@h.invalid/x' 'postgres://u:a/s3cret@h.invalid/x'; do
	run sql-load --max-retries 0 -d "$uri" -t t in
	is 'nor a piece of it, where its @ or / is not escaped' "$st $(grep -c s3cret "$err")" '2 0'
done

seq 1 900 | awk '{ print "{\"id\":" $1 "}" }' >rows
for how in 'after' 'before' 'late' 'twice' 'after --load-id' 'before --load-id' 'late --load-id' 'twice --load-id'; do
	mode=${how% *}
	[ "$mode" = "$how" ] && set -- || set -- --load-id "$mode"
	rm -rf px cut; mkdir px
	node "$top/tests/pg-proxy.js" "$T/px/.s.PGSQL.5432" "$PG_DIR/.s.PGSQL.5432" "$mode" >px/log &
	pid=$! tap_pids="$tap_pids $!"
	within 20 grep -qs ready px/log || echo '# the proxy does not start'
	q 'DROP TABLE IF EXISTS lost; CREATE TABLE lost (id int)'
	ok "an answer to COMMIT is lost ($how): the load goes on" status 0 sql-load -v -d "postgres://tester@/postgres?host=$T/px" -t lost -b 100 \
		"$@" rows
	[ "$mode" != late ] || sleep 1.5
	is "and repeats nothing, and loses nothing, $(wc -c <cut) times" "$(q 'SELECT count(*) AS n, count(DISTINCT id) AS d FROM lost') $(test -s cut && echo cut)" \
		'{"n":900,"d":900} cut'
	kill $pid; wait $pid 2>/dev/null
done

# The COMMIT is later still: it comes while the batch is being repeated, which then must not be committed as well.
rm -rf px cut; mkdir px
node "$top/tests/pg-proxy.js" "$T/px/.s.PGSQL.5432" "$PG_DIR/.s.PGSQL.5432" late >px/log &
pid=$! tap_pids="$tap_pids $!"
within 20 grep -qs ready px/log || echo '# the proxy does not start'
q "CREATE TABLE slow (id int); CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2.5); RETURN NULL; END';
	CREATE TRIGGER wait BEFORE INSERT ON slow FOR EACH STATEMENT EXECUTE FUNCTION wait()"
head -n 200 rows >few
ok 'a COMMIT comes while its batch is repeated' status 0 sql-load -v -d "postgres://tester@/postgres?host=$T/px" -t slow -b 100 --load-id slow few
is 'nothing missing, nothing twice' "$(q 'SELECT count(*) AS n, count(DISTINCT id) AS d FROM slow') $(test -s cut && echo cut)" '{"n":200,"d":200} cut'
is '... the mark says so' "$(q "SELECT records, rows_loaded FROM llmutils_marks WHERE load_id = 'slow'")" '{"records":200,"rows_loaded":200}'
kill $pid; wait $pid 2>/dev/null

# A run of a named load that has lost its connection does not take the name back from a later run.
q 'CREATE TABLE taken (id int)'
mkfifo taken.fifo
sql-load -d "$DB" -t taken --load-id taken -b 100 <taken.fifo 2>first.err & pid=$!
tap_pids="$tap_pids $pid"
exec 7>taken.fifo
head -n 300 rows >&7
begun() { [ "$(count taken)" = '{"n":300,"d":300}' ]; }
within 20 begun
q "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sql-load'" >/dev/null
ok 'a connection is lost, and a later run goes on' status 0 sql-load -q -d "$DB" -t taken --load-id taken rows
tail -n +301 rows >&7
exec 7>&-
wait $pid
is 'the run that lost it ends with status 3' "$? $(grep -c "another run of the load 'taken' has begun" first.err)" '3 1'
is 'nothing missing, nothing twice' "$(count taken)" '{"n":900,"d":900}'

# Rows that fill other columns go in a transaction of their own; here its row ends its own connection.
q "CREATE TABLE parts (id int, d int DEFAULT 7); CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
	CREATE TRIGGER die BEFORE INSERT ON parts FOR EACH ROW WHEN (new.id = 2) EXECUTE FUNCTION die()"
printf '{"id":1}\n{"id":"x"}\n{"id":2,"d":1}\n' >parts
ok 'a load ends between two transactions of a batch' status 3 sql-load --max-retries 0 --tee --rejects parts.rejects -d "$DB" -t parts parts
is 'what was committed was written on, what was refused rejected' "$(cat "$out"; q 'SELECT * FROM parts'; cat parts.rejects)" '{"id":1}
{"id":1,"d":7}
{"id":"x"}'

# The server dies and comes back in mid-load, again and again.
q 'CREATE TABLE restarted (id int)'
mkfifo fifo
sql-load -v -d "$DB" -t restarted -b 50 --max-retries 50 <fifo 2>restart & pid=$!
tap_pids="$tap_pids $pid"
exec 7>fifo
for i in 0 1 2; do
	seq $((i * 1000 + 1)) $((i * 1000 + 1000)) | awk '{ print "{\"id\":" $1 "}" }' >&7
	(cd / && pg_ctl -m immediate stop && pg_up)
done
exec 7>&-
wait $pid
is 'a server that restarts in mid-load' "$? $(q 'SELECT count(*) AS n, count(DISTINCT id) AS d FROM restarted')" '0 {"n":3000,"d":3000}'
like 'the load says that it waited' restart 'trying again in'

# kill -9 of the load itself.
q 'CREATE TABLE killed (id int PRIMARY KEY)'
seq 1 30000 | awk '{ print "{\"id\":" $1 "}" }' >rows
for i in 1 2 3 4 5 6; do
	sql-load -q -d "$DB" -t killed -b 100 -k id --on-conflict ignore rows & pid=$!
	sleep 0.0$i
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
done
ok 'kill -9 of the load, and once more' status 0 sql-load -d "$DB" -t killed -k id --on-conflict ignore rows
is 'nothing missing, nothing twice' "$(q 'SELECT count(*) AS n, sum(id) AS s FROM killed')" '{"n":30000,"s":450015000}'

# A lock that nobody gives back must not make a signal wait.
psql -qX -d "$DB" -c 'BEGIN; LOCK TABLE killed; SELECT pg_sleep(60)' >/dev/null 2>&1 & locker=$!
tap_pids="$tap_pids $locker"
locked() { q "SELECT count(*) AS n FROM pg_locks WHERE relation = 'killed'::regclass AND mode = 'AccessExclusiveLock' AND granted" | grep -q 1; }
if command -v psql >/dev/null && within 20 locked; then
	sql-load -q -d "$DB" -t killed -k id --on-conflict ignore rows & pid=$!
	waits() { q "SELECT count(*) AS n FROM pg_locks WHERE NOT granted" | grep -q '[1-9]'; }
	ok 'the load waits for a lock' within 20 waits
	kill -INT $pid 2>/dev/null; kill -TERM $pid
	wait $pid 2>/dev/null
	is 'a signal ends that' $? 143
else
	skip 2 'no psql'
fi
kill $locker 2>/dev/null

cd / && pg_ctl -m immediate stop
cd "$T" || exit 1
ok 'no server: status 3 when the tries are used up' status 3 sql-load --max-retries 1 -d "$DB" -t t in

done_testing
