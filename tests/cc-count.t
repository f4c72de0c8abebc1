#!/bin/sh
# cc-count(1): Chinese, English and all characters of a field, by the script and as botrun-log counted them.
. "${0%/*}/lib.sh"

# counts NAME WANT RECORD OPTIONS...: the three counts of a record
counts() {
	name=$1 want=$2; printf '%s\n' "$3" >input; shift 3
	run cc-count "$@" input
	is "$name" "$(json '[r.ch_characters, r.en_characters, r.total_characters]' <"$out")${st#0}" "$want"
}
# line NAME WANT RECORD OPTIONS...: the whole line
line() {
	name=$1 want=$2; printf '%s\n' "$3" >input; shift 3
	run cc-count "$@" input
	is "$name" "$(cat "$out")${st#0}" "$want"
}

example='{"timestamp":"2021-01-01T00:00:00Z","domain_name":"botrun.ai","user_department":"test_org","user_name":"user_1","source_ip":"127.0.0.1","session_id":"session_1","action_type":"交談","developer":"JcXGTcW","action_details":"~!@#$%^&*()_+台灣No.1","model":"gpt-4o","botrun":"波程.botrun","user_agent":"user_agent","resource_id":"resource_1"}'
line 'an entry of botrun-log' "${example%?},\"ch_characters\":2,\"en_characters\":2,\"total_characters\":19}" "$example"
line '... by its rule' "${example%?},\"ch_characters\":2,\"en_characters\":17,\"total_characters\":19}" "$example" --rule botrun

# what is counted
counts 'letters are English, digits and punctuation are neither' '[0,5,12]' '{"action_details":"Hello, 42 ;["}'
counts 'Han: ideographs, the iteration mark, zero' '[4,0,4]' '{"action_details":"中𠮷々〇"}'
counts '... no punctuation, kana, Bopomofo, Hangul, full-width letters' '[0,0,9]' '{"action_details":"，。、「あアㄅ한Ａ"}'
counts '... no emoji, whatever it is made of' '[0,0,5]' '{"action_details":"👩🏽‍💻😀"}'
counts 'escapes are decoded first' '[2,1,7]' '{"action_details":"\u4e2d\u0041\n\"\\\ud83d\ude00\ud840\udc0b"}'
counts 'a lone surrogate is one character' '[0,1,4]' '{"action_details":"\ud800\udc00\ud800\ud800x"}'
counts 'a field that is missing counts nothing' '[0,0,0]' '{"x":"abc"}'
counts '... as does null' '[0,0,0]' '{"action_details":null}'
counts '... and a missing or null one by the rule of botrun' '[0,0,0]' '{"action_details":null,"z":1}' -r botrun -f action_details -f a.b
counts 'a number counts as it is written' '[0,1,6]' '{"action_details":1.50e2}'
counts 'an object counts as it is written, with its escapes' '[1,4,22]' '{"action_details":{"k": "中", "\u4e2d":1}}'
counts '... by the rule of botrun as that is' '[2,16,18]' '{"action_details":{"k":"中","\u4e2d":1}}' -r botrun
counts 'true counts four' '[0,4,4]' '{"action_details":true}' -r botrun
counts 'of equal keys the last counts' '[0,1,1]' '{"action_details":"abc","action_detail\u0073":"x"}'

# fields
two='{"q":"中","a":{"t":["x","yz"]},"n":null}'
counts 'another field' '[0,2,2]' "$two" -f 'a.t[-1]'
counts 'several are summed' '[1,3,4]' "$two" -f q -f '.a.t[0]' -f 'a["t"][1]' -f n -f none
counts 'a jq program' '[1,3,4]' "$two" -e '.q + (.a.t | add)'
counts '... its first result only' '[1,0,1]' "$two" -e '.q, .a.t[]'
counts '... none or null' '[0,0,0]' "$two" -e '.n, .q'
counts '... and empty' '[0,0,0]' "$two" -e empty
counts '... anything else counts as JSON' '[0,3,10]' "$two" -e .a.t
counts '... by the rule of botrun as that is written' '[0,11,11]' "$two" -e .a.t -r botrun
printf '{"q":1}\n{"q":"x"}\n' >input
ok 'a program that fails rejects the record' status 1 cc-count -e '.q | test("")' input
is '... the others pass' "$(cat "$out")" '{"q":"x","ch_characters":0,"en_characters":4,"total_characters":4}'
like '... with the words of jq' "$err" '^cc-count: input:1: jq: .*cannot be matched'
ok 'a program that does not compile is status 2' status 2 cc-count -e '.q |' input
ok '-e and -f exclude each other' status 2 cc-count -e .q -f q input
like '... said' "$err" '^cc-count: --field and --expr exclude each other$'
ok 'a bad path is status 2' status 2 cc-count -f 'a..b' input
like '... named' "$err" "^cc-count: -f: 'a..b' is not a path"
ok 'an unknown rule is status 2' status 2 cc-count --rule utf8 input

# where the counts go
line 'an empty record' '{"ch_characters":0,"en_characters":0,"total_characters":0}' '{}'
line 'all other bytes stay' ' { "id" : 9007199254740993, "f":1.0,"action_details":"\u4e2d" ,"ch_characters":1,"en_characters":0,"total_characters":1} 	' \
    ' { "id" : 9007199254740993, "f":1.0,"action_details":"\u4e2d" } 	'
line 'counts that are there are replaced where they stand' '{"total_characters":2,"ch_characters" : 1 ,"action_details":"中x","en_characters":1}' \
    '{"total_characters":"old","ch_characters" : [1,{"x":2}] ,"action_details":"中x","en_characters":null}'
line '... whatever their key looks like, and the others added' '{"\u0063h_characters":0,"action_details":"x","en_characters":1,"total_characters":1}' \
    '{"\u0063h_characters":77,"action_details":"x"}'
line '... the last of equal keys' '{"ch_characters":5,"ch_characters":1,"action_details":"中","en_characters":0,"total_characters":1}' \
    '{"ch_characters":5,"ch_characters":6,"action_details":"中"}'
line 'a count that is counted' '{"ch_characters":2,"en_characters":0,"total_characters":2}' '{"ch_characters":"中中"}' -f ch_characters
line 'a prefix' '{"a":"x","ch_characters":9,"a_ch_characters":0,"a_en_characters":1,"a_total_characters":1}' '{"a":"x","ch_characters":9}' -f a --prefix a_
line '... of any characters' '{"a":"x","\"中 ch_characters":0,"\"中 en_characters":1,"\"中 total_characters":1}' \
    '{"a":"x","\"中 ch_characters":7}' -f a --prefix '"中 '
ok '... that are UTF-8' status 2 cc-count --prefix "$(printf '\377')" input
cc-count "$top/tests/data/runs.ndjson" >once 2>/dev/null
cc-count once >twice 2>/dev/null
same 'counting twice changes nothing' twice once

# the JSON step of botrun-log; more in test_count and below
b() { counts "botrun: $1" "$2" "{\"action_details\":$3}" -r botrun; }
b 'blanks as Python puts them' '[0,19,19]' '" {\"a\":1,\"b\" :[{}]}\n"'
b 'a text that is not JSON counts as it stands' '[1,18,19]' '" {\"a\":1,\"b\" :[\n{}],"'
b 'escapes are written out' '[1,2,3]' '"\"\\u4e2d\""'
b 'a float' '[0,8,8]' '"1e5"'
b 'the last of equal keys' '[0,8,8]' '"{\"a\":\"中\",\"a\":1}"'
b 'JSON whose first characters are escaped' '[0,8,8]' '"\u007b\"a\":1}"'
b '... blanks too' '[0,6,6]' '"\u0020\t[1,2]\n"'
b 'a newline is Chinese' '[1,1,2]' '"a\n"'

# Python itself, on texts that are JSON, nearly JSON, or none
cat >oracle.py <<'END'
import json, random, re, struct, sys
random.seed(int(sys.argv[1]))

def text():
    return "".join(random.choice(["a", "Z", " ", "中", "é", "😀", "\x7f", "\ue000", "\\n", "\\\"", "\\\\", "\\/", "\\b", "\\u0000",
        "\\u001F", "\\u4e2d", "\\u0041", "\\u0022", "\\ud83d\\ude00", "\\uD83D", "\\ude00", "，", "\\u007f"])
        for _ in range(random.randrange(5)))

def number():
    kind = random.randrange(6)
    if kind == 0:
        return str(random.randrange(-10**random.randrange(1, 40), 10**random.randrange(1, 40)))
    if kind == 1:       # any double
        x = struct.unpack("<d", random.randbytes(8))[0]
        return "%.*e" % (random.randrange(20), x) if x == x and abs(x) != float("inf") else "-0"
    if kind == 2:       # around the powers of two and ten
        x = random.choice([2.0 ** random.randrange(-1074, 1024), float("1e%d" % random.randrange(-323, 309))])
        return random.choice([repr, "{:.17g}".format, "{:e}".format])(x)
    if kind == 3:
        return "%d.%d" % (random.randrange(-1000, 1000), random.randrange(10**random.randrange(1, 20)))
    if kind == 4:
        return "%de%s%d" % (random.randrange(-99, 100), random.choice(["", "+", "-"]), random.randrange(330))
    return random.choice(["0", "-0", "-0.0", "0e0", "1E5", "1e400", "-1e999", "NaN", "Infinity", "-Infinity", "1e16", "1e15", "123456789012345678.5"])

def blank():
    return random.choice(["", "", "", "", " ", "\n", "\t \r"])

def value(depth):
    kind = random.randrange(10 if depth > 0 else 5)
    if kind < 2:
        return number()
    if kind < 4:
        return '"' + text() + '"'
    if kind == 4:
        return random.choice(["true", "false", "null", "[]", "{}", "{ }"])
    if kind < 7:
        return "[" + ",".join(blank() + value(depth - 1) + blank() for _ in range(random.randrange(5))) + "]"
    keys = [random.choice(['""', '"a"', '"\\u0061"', '"b"', '"\\ud800"', '"\\udfff"', '"' + text() + '"']) for _ in range(random.randrange(6))]
    return "{" + ",".join(blank() + k + blank() + ":" + blank() + value(depth - 1) + blank() for k in keys) + "}"

def spoil(s):
    at = random.randrange(len(s) + 1)
    return s[:at] + random.choice(["", ",", "\"", "\\", "x", "0", ".", "e", "{", "]", "\n", "\x01", "\u00a0", "\u2028", "\ufeff"]) + s[at + random.randrange(3):]

def count(s):
    try:
        s = json.dumps(json.loads(s), ensure_ascii=False)
    except (ValueError, RecursionError):
        pass
    en = sum(0x20 <= ord(c) <= 0x7e for c in s)
    return [len(s) - en, en, len(s)]

texts = ["1" * 4300, " " + "1" * 4301, " [-" + "7" * 4300 + "]", " " * 9 + "[" * 900 + "]" * 900, " " + "[" * 2000 + "]" * 2000, " " + '{"a":' * 1500 + "1" + "}" * 1500,
    "0." + "1" * 5000, "1" * 5000 + ".5", "{" + ",".join('"k%d": %d' % (i % 700, i) for i in range(2000)) + "}"]
texts += [repr(2.0 ** k) for k in range(-1074, 1024)] + ["%.17e" % 2.0 ** k for k in range(-1074, 1024)]
for i in range(int(sys.argv[2])):
    s = blank() + value(random.randrange(5)) + blank()
    texts.append(s if i % 3 else spoil(s))
with open("texts", "w") as f, open("want", "w") as w:
    for i, s in enumerate(texts):
        f.write(json.dumps({"i": i, "action_details": s}, ensure_ascii=i % 2 == 0) + "\n")
        w.write(json.dumps(count(s)) + "\n")
END
if command -v python3 >/dev/null && python3 -c 'import sys; sys.exit(not hasattr(sys, "get_int_max_str_digits"))'; then
	ok 'Python counts 20000 texts' python3 oracle.py 1 20000
	ok '... as does cc-count' status 0 cc-count --rule botrun texts
	json '[r.ch_characters, r.en_characters, r.total_characters]' <"$out" | sed 's/,/, /g' >got
	same '... and finds the same' got want
	cc-count texts | json r.total_characters >as_it_stands
	json 'r[2]' <want | paste - as_it_stands | awk '$1 != $2' >anew
	ok '... where thousands are written anew' test "$(wc -l <anew)" -gt 3000
else
	skip 4 'python3 with its limit for digits is not installed'
fi

# the ranges that the page tells, over all code points
cat >ranges.js <<'END'
const fs = require('fs'), page = fs.readFileSync(process.argv[2], 'utf8');
const inside = new Set();
for (const [, from, to] of page.matchAll(/^\.It ([0-9A-F]{4,5})(?:-([0-9A-F]{4,5}))? Ta /gm))
	for (let c = parseInt(from, 16); c <= parseInt(to || from, 16); c++) inside.add(c);
let han = '', others = '';
for (let c = 0; c < 0x110000; c++)
	if (inside.has(c)) han += String.fromCodePoint(c);
	else if (c < 0xd800 || c > 0xdfff) others += String.fromCodePoint(c);
for (const action_details of [han, others]) console.log(JSON.stringify({ want: [...action_details].length, action_details }));
END
node ranges.js "$top/man/cc-count.1" >ranges
is 'the page tells the ranges: Han is what stands in them, and nothing else' \
    "$(cc-count ranges | json '[r.total_characters === r.want, r.ch_characters === (i ? 0 : r.want), r.want > 9e4]' | tr '\n' ' ')" \
    '[true,true,true] [true,true,true] '

# another language on load data
"$B/gen" logs 3M >logs
cc-count --jobs 2 logs >counted
json '((t, of) => [...t].length === r.total_characters && of(/\p{Script=Han}/gu) === r.ch_characters && of(/[A-Za-z]/g) === r.en_characters ?
	undefined : r)(r.action_details, (re) => (r.action_details.match(re) || []).length)' <counted >differences 2>&1
is 'Node counts the same on load data' "$(head -n 3 differences)" ''
sed 's/,"ch_characters":[0-9]*,"en_characters":[0-9]*,"total_characters":[0-9]*}$/}/' counted >plain
same '... and nothing else changes' plain logs
cc-count --jobs 1 --rule botrun logs >one
cc-count --jobs 3 --rule botrun logs >three
same 'the threads do not matter' three one

ok 'the summary' status 0 cc-count -v logs
like '...' "$err" "^cc-count: read=$(wc -l <logs) written=$(wc -l <logs) rejected=0 seconds="

done_testing
