#!/bin/sh
# etl-hostile.t - hostile values and names through log-check | cc-count | sql-load, into SQLite and PostgreSQL: loaded exactly, or
# rejected by name.
. "${0%/*}/lib.sh"
. "$top/tests/postgres.sh"
for t in log-check cc-count sql-load sql-query; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done

q() { sql-query -d "$DB" "$@"; }
etl() { log-check --rejects rej.check 2>check.err | cc-count | sql-load -d "$DB" -t "$@" --rejects rej.load 2>load.err; }

# Entries with hostile text in each field, all with the same members in the same order and spelled as sql-query does, so that
# what comes back is what went in, byte for byte.
cat >make.js <<'END_JS'
"use strict";
const evil = [
	"'; DROP TABLE \"logs\"; --", "\" OR 1=1 --", "$1 $$ $x$ :name ?1 @v %s %n {} ${x}", "\\", "\\\\N", "\\.", "\\N", "NULL", "null", "{\"a\":1}", "[1,", "a\tb\nc\rd\be\ff",
	"\u0001\u001b[31m\u007f\u0080\u009f", "\u202eevil\u2066", "\ufeffbom", "\ufffe\uffff", "\u{10ffff}", "e\u0301\u200d", "𠮷👩🏽‍💻", "'".repeat(1000), "--", "/* */ ;", "x'00'",
	"infinity", "NaN", "1e400", "0x1F", "-0", "9223372036854775808", "2026-02-30", "true", "%00", "&lt;script&gt;", "COPY t FROM PROGRAM 'id'", "pg_sleep(9)",
];
const fields = ["domain_name", "user_department", "user_name", "source_ip", "session_id", "action_type", "developer", "action_details", "model", "botrun", "user_agent", "resource_id"];
evil.forEach((text, i) => {
	const r = { timestamp: "2026-06-19T13:22:24.56Z" };
	for (const f of fields) r[f] = f == "source_ip" ? "10.0.0.1" : f == "session_id" ? `${i}` : text.trim() == "" ? "x" : text;
	console.log(JSON.stringify(r));
});
END_JS
node make.js >evil
entry() {	# MEMBERS: an entry with these at its end
	printf '{"timestamp":"2026-06-19T13:22:24Z","domain_name":"d","user_department":"o","user_name":"u","source_ip":"::1","session_id":"s","action_type":"a","developer":"x"%s}\n' "$1"
}
# What comes back of an entry: what went in, and the counts.
back() {	# TABLE COLUMNS
	q "SELECT $2 FROM \"$(printf '%s' "$1" | sed 's/"/""/g')\""
}

both() {	# ENGINE
	e=$1
	ok "$e: SQL and worse in every field" etl logs --create --types session_id=integer,action_details=text,model=text <evil
	cc-count evil | sed 's/"session_id":"\([0-9]*\)"/"session_id":\1/' >want
	q 'SELECT * FROM logs ORDER BY session_id' >got
	same "$e: comes back as it went in" got want
	is "$e: nothing is rejected" "$(cat check.err load.err)" ''

	# Names.
	for name in 'logs"; DROP TABLE logs; --' "it's" 'public.logs' 'main.logs' 'select' 'order by' '表 📋' '"' "$(printf '%063d' 1)" '$1' '%s' '-' 'a\b'; do
		entry ',"action_details":"台灣"' | etl "$name" --create --load-id "$name'; DROP TABLE logs; --"
		is "$e: a table named $name" "$? $(back "$name" 'user_name,ch_characters')$(cat load.err)" '0 {"user_name":"u","ch_characters":2}'
		entry ',"action_details":"台灣"' | etl "$name" --load-id "$name'; DROP TABLE logs; --"
		like "$e: ... its load is known by its name" load.err ': 1 rows were loaded before, 0 rejected$'
	done
	is "$e: no table was dropped" "$(q 'SELECT count(*) AS n FROM logs')" "{\"n\":$(wc -l <evil | tr -d ' ')}"
	names='"select":1,"from":2,"user":3,"order":4,"table":5,"group":6,"primary":7,"default":8,"values":9,"conflict":10,"excluded":11,"rowid":12,"a\"b":13,"a.b":14," lead":15,"列":16,"x; --":17,"$1":18,":p":19,"'"'"'":20,"\\":21,"a\tb":22,"llmutils_marks":23,"📋":24'
	for how in '' '--key select' '--key select,a.b --on-conflict ignore' '--key a.b,列 --on-conflict update'; do
		q 'DROP TABLE IF EXISTS odd'
		# shellcheck disable=SC2086
		entry ",$names" | etl odd --create $how
		is "$e: members with odd names, $how" "$? $(back odd '*' | sed 's/.*"developer":"x",//')$(cat load.err)" "0 $names,\"ch_characters\":0,\"en_characters\":0,\"total_characters\":0}"
		# shellcheck disable=SC2086
		entry ",$names" | sed 's/"developer":"x"/"developer":"y"/' | etl odd $how
		got="$? $(q 'SELECT developer FROM odd ORDER BY 1' | tr -d '\n')"
		case $how in
		'') want='0 {"developer":"x"}{"developer":"y"}' ;;
		*ignore) want='0 {"developer":"x"}' ;;
		*update) want='0 {"developer":"y"}' ;;
		*) want='1 {"developer":"x"}' ;;
		esac
		is "$e: ... and once more" "$got" "$want"
	done
	entry ',"user\u005fname":"second","\u0061\u0063tion_details":"中","model":1,"model":"last"' | etl spelled --create
	is "$e: names spelled with escapes, and twice: the last one counts" "$? $(back spelled 'user_name,action_details,model,ch_characters')" \
		'0 {"user_name":"second","action_details":"中","model":"last","ch_characters":1}'

	# Numbers.
	numbers='"a":9223372036854775807,"b":-9223372036854775808,"c":9223372036854775808,"d":123456789012345678901234567890.12345678901234567890,"f":-0.1,"g":1e300'
	entry ",$numbers" | etl numbers --create --types d=numeric
	is "$e: numbers beyond 64 bits and a double" "$? $(back numbers 'a,b,c,d,f,g' | sed 's/1e+300/1e300/')" "0 {$numbers}"
	rm -f rej.load
	q 'CREATE TABLE narrow (session_id text, n bigint, r double precision, ch_characters integer CHECK (ch_characters < 3))'
	for v in '"n":9223372036854775808' '"n":1.5' '"n":1e30' '"n":"0x10"' '"n":true' '"n":{}' '"r":1e400' '"r":"1e5x"' '"r":9007199254740993' '"action_details":"一二三"' \
		'"n":9223372036854775807' '"n":-0' '"n":12.0' '"r":-1e-300'; do
		entry ",$v"
	done | etl narrow --ignore-unknown
	is "$e: what a column cannot hold" "$? $(q 'SELECT n, r FROM narrow ORDER BY n' | grep -v 'null,.*null' | sort)" '1 {"n":0,"r":null}
{"n":12,"r":null}
{"n":9223372036854775807,"r":null}
{"n":null,"r":-1e-300}'
	is "$e: ... is rejected by its name" "$(sed 's/.*stdin:\([0-9]*\): \(column [^:]*\)\{0,1\}.*/\1 \2/; s/\(10\) .*/\1 check/' load.err | tr '\n' ';')" \
		"1 column 'n';2 column 'n';3 column 'n';4 column 'n';5 column 'n';6 column 'n';7 column 'r';8 column 'r';9 column 'r';10 check;"
	is "$e: ... and kept" "$(wc -l <rej.load | tr -d ' ')" 10

	# Text that is none, or too much.
	{
		entry ',"action_details":"good 一"'
		entry ',"action_details":"bad \377"'
		entry ',"action_details":"cut \344\270"'
		entry ',"action_details":"half \355\240\200"'
		entry ',"user_name":"long \300\200"'
		entry ',"action_details":"lone \ud800 \udc00\ud800 一"'
		entry ',"action_details":"raw \001"'
	} | sed 's/\\\([0-7][0-7][0-7]\)/\n&\n/g' | node -e '
		const t = require("fs").readFileSync(0, "latin1").replace(/\n\\([0-7]{3})\n/g, (m, o) => String.fromCharCode(parseInt(o, 8)));
		process.stdout.write(Buffer.from(t, "latin1"));' >bytes
	rm -f rej.check
	etl bytes --create <bytes
	is "$e: bytes that are no UTF-8 do not pass log-check; a lone surrogate is U+FFFD" "$(q 'SELECT action_details, ch_characters, total_characters FROM bytes')" \
		'{"action_details":"good 一","ch_characters":1,"total_characters":6}
{"action_details":"lone � �� 一","ch_characters":1,"total_characters":11}'
	is "$e: ... they are named, and kept" "$(sed 's/log-check: stdin:\([0-9]*\):[0-9]*/\1/' check.err | tr '\n' ';') $(wc -l <rej.check)" \
		'2: not UTF-8;3: not UTF-8;4: not UTF-8;5: not UTF-8;7: a control character in a string; 5'
	node -e 'const n = 3500000; for (const t of ["台", "\\u53f0", "a\\n"]) process.stdout.write(process.argv[1].trim().replace("\"x\"}", () => `"x","action_details":"${t.repeat(n)}"}`) + "\n")' "$(entry)" >big
	ok "$e: three texts of 10 MB and more" etl big --create <big
	is "$e: ... are counted" "$(q 'SELECT ch_characters AS c, en_characters AS e, total_characters AS t FROM big ORDER BY 1, 2' | tr -d '\n')" \
		'{"c":0,"e":3500000,"t":7000000}{"c":3500000,"e":0,"t":3500000}{"c":3500000,"e":0,"t":3500000}'
	is "$e: ... and come back" "$(q 'SELECT action_details FROM big' | json 'require("crypto").createHash("sha256").update(r.action_details).digest("hex")' | sort)" \
		"$(json 'require("crypto").createHash("sha256").update(r.action_details).digest("hex")' <big | sort)"
	deep=$(printf '[%.0s' $(seq 900))1$(printf ']%.0s' $(seq 900))
	entry ",\"deep\":$deep" | etl deep --create
	is "$e: 900 levels" "$? $(back deep deep)" "0 {\"deep\":$deep}"
	entry ",\"deep\":$(printf '[%.0s' $(seq 1100))1$(printf ']%.0s' $(seq 1100))" | etl deep
	like "$e: 1100 are too many, which is said" check.err '^log-check: stdin:1:[0-9]+: .*deep'
	entry "$(node -e 'for (let i = 0; i < 3000; i++) process.stdout.write(`,"c${i}":1`)')" | etl wide --create
	is "$e: more columns than a table can have: wrong usage, at once" "$? $(grep -ci 'too many columns\|can have at most' load.err)" '2 1'
}

DB=sqlite:$T/x.db
both SQLite
entry ',"A":1,"a":2' | etl cases --create
is 'SQLite: names that differ in case only cannot be columns of one table' "$? $(cat load.err)" '2 sql-load: duplicate column name: a'
entry ',"action_details":"\u0000中\u0000"' | etl nul --create
is 'SQLite: \u0000 is loaded' "$? $(q 'SELECT action_details, total_characters FROM nul')" '0 {"action_details":"\u0000中\u0000","total_characters":3}'
for name in sqlite_master sqlite_x; do
	entry ',"name":"x"' | etl $name --create --ignore-unknown
	is "SQLite: its own table $name is not written" "$? $(wc -l <load.err)" '2 1'
done

if ! pg_start; then
	skip 1 "$PG_MISSING"
	done_testing
fi
DB=$PGURI
both PostgreSQL
entry ',"A":1,"a":2' | etl cases --create
is 'PostgreSQL: names that differ in case only are two columns' "$? $(back cases '"A",a')" '0 {"A":1,"a":2}'
{ entry ',"action_details":"中\u0000"'; entry ',"model":"\u0000"'; entry ',"action_details":"good"'; } | etl nul --create
is 'PostgreSQL: \u0000 is rejected by its column' "$? $(q 'SELECT action_details FROM nul') $(sed 's/.*stdin:\([0-9]*: column [^:]*\).*/\1/' load.err | tr '\n' ' ')" \
	"1 {\"action_details\":\"good\"} 1: column 'action_details' 2: column 'model' "
for name in ctid xmin tableoid; do
	entry ",\"$name\":1" | etl system --create
	is "PostgreSQL: its own column $name is refused" "$? $(grep -c "$name" load.err)" '2 1'
done
entry ',"":1' | etl empty --create
is 'PostgreSQL: a column without a name, too' "$? $(grep -c 'zero-length' load.err)" '2 1'
q 'CREATE TABLE llmutils_staging (session_id text PRIMARY KEY)'
entry | etl llmutils_staging --ignore-unknown --key session_id --on-conflict ignore
is 'PostgreSQL: the name of the table that rows wait in, too: it would hide the other' "$? $(cat load.err)" \
	'2 sql-load: a table cannot be named llmutils_staging: rows wait in one of this name'
done_testing
