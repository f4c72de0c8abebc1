#!/bin/sh
# seal: what is sealed comes back byte for byte, opens nowhere else, and tells nothing.
. "${0%/*}/lib.sh"

unset BOTRUN_LOG_AES_KEY BOTRUN_LOG_AES_KEY_FILE BOTRUN_LOG_AES_KEYS_OLD BOTRUN_LOG_AES_KEYS_OLD_FILE KMS_ENDPOINT

new_key() { head -c 32 /dev/urandom | base64; }
lines() { wc -l <"$1" | tr -d ' '; }
# The form of sealed values, nothing else, replaced by S.
mask() { sed -E 's,"v1:[0-9a-f]{16}:[A-Za-z0-9+/]+={0\,2}","S",g' "$1"; }

cat >crypt.js <<'EOT'
// crypt.js seal|open|cbc|flip: the form by another program; records on stdin, the field t, bound to session_id
const crypto = require('crypto');
const key = Buffer.from(process.env.BOTRUN_LOG_AES_KEY || '', 'base64');
const kid = crypto.createHash('sha256').update(key).digest('hex').slice(0, 16);
const aad = (parts) => Buffer.concat(parts.map((p) => {
	const b = Buffer.from(p), n = Buffer.alloc(8);
	n.writeBigUInt64BE(BigInt(b.length));
	return Buffer.concat([n, b]);
}));
const seal = (text, session) => {
	const nonce = crypto.randomBytes(12), c = crypto.createCipheriv('aes-256-gcm', key, nonce);
	c.setAAD(aad(['v1', kid, 't', session]));
	return `v1:${kid}:` + Buffer.concat([nonce, c.update(text), c.final(), c.getAuthTag()]).toString('base64');
};
const open = (value, session) => {
	const [version, id, text] = value.split(':'), data = Buffer.from(text, 'base64');
	const d = crypto.createDecipheriv('aes-256-gcm', key, data.slice(0, 12));
	d.setAAD(aad([version, id, 't', session]));
	d.setAuthTag(data.slice(-16));
	return Buffer.concat([d.update(data.slice(12, -16)), d.final()]).toString();
};
const cbc = (text, k) => {
	const iv = crypto.randomBytes(16), c = crypto.createCipheriv(`aes-${8 * k.length}-cbc`, k, iv);
	return Buffer.concat([iv, c.update(text), c.final()]).toString('base64');
};
const what = process.argv[2];
for (const line of require('fs').readFileSync(0, 'utf8').split('\n').filter((l) => l)) {
	const r = JSON.parse(line);
	if (what === 'seal')
		r.t = seal(JSON.stringify(r.t), r.session_id);
	else if (what === 'open')
		r.t = JSON.parse(open(r.t, r.session_id));
	else if (what === 'cbc')
		r.t = cbc(r.t, key);
	else if (what === 'raw')
		r.t = seal(r.t, r.session_id);
	else {	// flip: a line for each bit of the value
		for (let bit = 0; bit < 8 * r.t.length; bit++) {
			const b = Buffer.from(r.t);
			b[bit >> 3] ^= 1 << (bit & 7);
			if (b.every((c) => c < 128))
				console.log(JSON.stringify(Object.assign({}, r, {t: b.toString()})));
		}
		continue;
	}
	console.log(JSON.stringify(r));
}
EOT
crypt() { node crypt.js "$1"; }

# ---- keys and usage

ok 'no field is status 2' status 2 seal </dev/null
like '... said' "$err" '^seal: no field: name one with -f'
ok 'no key is status 2' status 2 seal -f t </dev/null
like '... and how to make one is told' "$err" '^seal: BOTRUN_LOG_AES_KEY is not set; make a key with: head -c 32 /dev/urandom [|] base64$'
ok '... also for reading' status 2 seal -d -f t </dev/null
ok 'a bad path is status 2' status 2 seal -f 'a..b' </dev/null
ok 'a field in another is status 2' status 2 seal -f a -f a.b </dev/null
like '... said' "$err" "^seal: -f: 'a' and 'a.b' may be one value"
ok 'an element that may be the same is status 2' status 2 seal -f 'a[0]' -f 'a[-1]' </dev/null
ok '--aad that is sealed itself is status 2' status 2 seal -f session_id </dev/null
like '... said' "$err" "^seal: --aad: 'session_id' would itself be sealed"
ok 'a key that is no base64 is status 2' status 2 env BOTRUN_LOG_AES_KEY='open sesame' seal -f t </dev/null
unlike '... and is not told' "$err" 'sesame'
ok 'a key of 31 bytes is status 2' status 2 env BOTRUN_LOG_AES_KEY="$(head -c 31 /dev/urandom | base64)" seal -f t </dev/null
ok 'a key of 16 bytes does not write' status 2 env BOTRUN_LOG_AES_KEY="$(head -c 16 /dev/urandom | base64)" seal -f t </dev/null
ok 'old keys do not write' status 2 env BOTRUN_LOG_AES_KEYS_OLD="$(new_key)" seal -f t </dev/null
ok 'a key file that is not there is status 2' status 2 env BOTRUN_LOG_AES_KEY_FILE=no-such seal -f t </dev/null
like '... named' "$err" '^seal: BOTRUN_LOG_AES_KEY_FILE: no-such: No such file'

(umask 077; new_key >key)
BOTRUN_LOG_AES_KEY=$(cat key)
export BOTRUN_LOG_AES_KEY
echo '{"t":"x"}' >one
with_file() { env -u BOTRUN_LOG_AES_KEY BOTRUN_LOG_AES_KEY_FILE=key seal -f t one; }
ok 'the key from a file' status 0 with_file
is '... quietly' "$(cat "$err")" ''
cp "$out" one.sealed
chmod 644 key
ok 'a key file that others can read' status 0 with_file
like '... is warned of' "$err" '^seal: BOTRUN_LOG_AES_KEY_FILE: key: others can read it; chmod 600$'
url_key() { env BOTRUN_LOG_AES_KEY="$(tr '+/' '-_' <key | tr -d '=')" seal -d -f t one.sealed; }
ok 'the same key as base64url without padding' status 0 url_key
same '... opens' "$out" one

# ---- there and back

cat >all.ndjson <<'EOT'
{"session_id":"s1","t":"~!@#$%^&*()_+台灣No.1"}
{"session_id":"s2", "t" : "\u0000\u4e2d\/\ud800 \ud83d\ude00" , "id":12345678901234567890}
{"t":"","session_id":null}
{"t":1.0}
{"t":1e400,"session_id":7}
{"session_id":"\u0073","t":{"a":[1, 2.50,{"b":null}]},"n":"t"}
{"t":[true , false]}
{"t":false,"session_id":{"odd":1}}
{"t":"second","session_id":"x","session_id":"y"}
{"t":"v1: notes of a release"}
{"t":"v1:0123456789abcdef:AAAA"}
EOT
printf '{"t":"crlf"}\r\n\n{"t":"no newline"}' >>all.ndjson
ok 'values of all kinds are sealed' status 0 seal -f t -v all.ndjson
cp "$out" sealed
like '... and counted' "$err" '^seal: read=13 sealed=13 older=0 left=0 rejected=0 '
is '... each into the form' "$(mask sealed | json 'r.t' | sort -u)" S
mask sealed >masked
is '... with the rest as it was' "$(sed -n 2p masked)" '{"session_id":"s2", "t" : "S" , "id":12345678901234567890}'
unlike '... nothing of the text is left' sealed '台灣|notes|second|crlf'
ok 'they are opened' status 0 seal -d -f t -v sealed
{ sed '/^$/d' all.ndjson; echo; } >want
same '... byte for byte' "$out" want
like '... and counted' "$err" '^seal: read=13 opened=13 older=0 left=0 rejected=0 '
run seal -f t all.ndjson
is 'each time with other nonces' "$(sort -u sealed "$out" | wc -l)" 26

printf '%s\n' '{"a":1}' '{"t":null,"a":2}' '{"t":null}' >none
ok 'null and no value at all' status 0 seal -f t none
same '... stay' "$out" none
ok '... also when opened' status 0 seal -d -f t none
same '... as they are' "$out" none

ok 'sealing twice' status 0 seal -f t -v sealed
same '... changes nothing' "$out" sealed
like '... is counted' "$err" ' sealed=0 older=0 left=13 '
sed 's/"v1:/"\\u0076\\u0031:/; s,/,\\/,g' sealed >escaped
ok '... however it is escaped' status 0 seal -f t escaped
same '... it stays' "$out" escaped

# nested, several, odd names
echo '{"id":"r","a":{"b":["x", {"c":"y"}]},"odd key":"z","t":"w"}' >deep
ok 'several fields, nested ones too' status 0 seal --aad id -f t -f '["odd key"]' -f '.a.b[1].c' -f 'a.b[0]' deep
is '... are sealed in their places' "$(mask "$out")" '{"id":"r","a":{"b":["S", {"c":"S"}]},"odd key":"S","t":"S"}'
cp "$out" deep.sealed
ok '... opened, the paths spelled otherwise' status 0 seal -d --aad .id -f '["t"]' -f '.["odd key"]' -f '["a"].b[0]' \
	-f 'a["b"][1]["c"]' deep.sealed
same '... byte for byte' "$out" deep
ok 'some of them' status 0 seal -d --aad id -f t deep.sealed
is '... leave the others sealed' "$(mask "$out")" '{"id":"r","a":{"b":["S", {"c":"S"}]},"odd key":"S","t":"w"}'

# one of two would stay plain, and readers differ in which they take
cat >twice <<'EOT'
{"t":"geheim","t":"x"}
{"t":"geheim","\u0074":null}
{"a":{"b":[{"c":"geheim","n":1,"c":"y"}]}}
{"a":{"b":[{"c":"geheim"}]},"a":5}
EOT
ok 'a field that stands twice' status 1 seal -f t -f 'a.b[0].c' --rejects rejects twice
is '... is not sealed' "$(cat "$out")" ''
is '... named' "$(cat "$err")" 'seal: twice:1: t: more than once in the record
seal: twice:2: t: more than once in the record
seal: twice:3: a.b[0].c: more than once in the record
seal: twice:4: a.b[0].c: more than once in the record'
same '... and kept' rejects twice
rm rejects
echo '{"t":"x","a":{"t":1,"b":[{"d":1,"d":2}]},"u":1,"u":2}' >once
ok '... others may' status 0 seal -f t -f 'a.b[0].c' once
seal -f t one | sed 's/{/{"t":"forged",/' >forged
ok 'nor opened beside a plain one' status 1 seal -d -f t forged
is '... which would seem to be opened' "$(cat "$out")" ''

# ---- bound to record, field and key

rejected() {	# NAME REASON ARGS... : the record is rejected for the reason, and comes out nowhere but in the rejects
	name=$1 why=$2; shift 2
	ok "$name: rejected" status 1 "$@"
	like '... with the reason' "$err" "$why"
	is '... and nothing comes out' "$(cat "$out")" ''
}
echo '{"session_id":"s1","t":"geheim"}' | seal -f t >v
id=$(sed -E 's/.*v1:([0-9a-f]{16}):.*/\1/' v)
is 'the id of a key' "$id" "$(base64 -d key | sha256sum | cut -c 1-16)"
changed="^seal: moved:1: t: sealed with key $id, but changed, or in another field or record\$"
sed 's/"s1"/"s2"/' v >moved
rejected 'in another session' "$changed" seal -d -f t moved
sed 's/"session_id":"s1",//' v >moved
rejected 'in no session' "$changed" seal -d -f t moved
sed 's/"t"/"u"/' v >moved
rejected 'in another field' "^seal: moved:1: u: sealed with key $id, but changed" seal -d -f u moved
cp v moved
rejected 'other --aad' "$changed" seal -d -f t --aad '' moved
rejected 'more --aad' "$changed" seal -d -f t --aad session_id --aad id moved
rm -f rejects
ok 'with --rejects' status 1 seal -d -f t --aad '' --rejects rejects moved
same '... the record is kept as it is' rejects v
printf '%s\n' '{"session_id":7,"t":"x"}' '{"session_id":"a\u0062","t":"x"}' '{"session_id":null,"t":"x"}' | seal -f t |
	sed 's/:7,/:"7",/; s/"session_id":null,//; s/u0062/u0062/; s/a.u0062/ab/' >respelled
ok 'what it is bound to is text: other spellings' status 0 seal -d -f t respelled
is '... open' "$(lines "$out")" 3
echo '{"a":"1","b":"2","t":"x"}' | seal -f t --aad a --aad b >two
ok 'two --aad' status 0 seal -d -f t --aad a --aad b two
ok '... in another order do not open' status 1 seal -d -f t --aad b --aad a two
echo '{"a":"1","t":"x"}' | seal -f t --aad '' >unbound
ok 'bound to nothing' status 0 seal -d -f t --aad '' unbound

crypt flip <v >flipped
ok 'any bit that is changed' status 1 seal -d -f t --rejects flips flipped
is '... opens nothing' "$(lines "$out")" 0
ok "... in hundreds of places" [ "$(grep -c . flips)" -gt 400 ]
same '... and each is kept' flips flipped
unlike '... without a word of the text' "$err" 'geheim'
ok '... nor with --allow-plain, but for the version' status 1 seal -d -f t --allow-plain flipped
is '... which makes it plain text' "$(json 'r.t.startsWith("v1:")' <"$out" | sort -u)" false
for cut in 1 2 20 40; do
	sed -E "s/.{$cut}\"}\$/\"}/" v >short
	ok "$cut bytes too short" status 1 seal -d -f t short
	is '... opens nothing' "$(cat "$out")" ''
done
printf '%s\n' '{"t":"v1:"}' '{"t":"v1:x:y"}' '{"t":"v1:0123456789ABCDEF:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}' >forms
rejected 'what only begins as the form' '^seal: forms:1: t: not of the form v1:ID:BASE64$' seal -d -f t --allow-plain forms

old=$BOTRUN_LOG_AES_KEY
BOTRUN_LOG_AES_KEY=$(new_key)
cp v moved
rejected 'an unknown key' "^seal: moved:1: t: sealed with key $id, which is not among the keys\$" seal -d -f t moved
rejected 'sealed with it, to be sealed again' "^seal: moved:1: t: looks sealed already, with key $id, but does not open\$" seal -f t moved
ok 'key rotation' status 0 env BOTRUN_LOG_AES_KEYS_OLD="$(new_key),$old" seal -d -f t moved
is '... the old one reads' "$(cat "$out")" '{"session_id":"s1","t":"geheim"}'
cp "$out" plain
env BOTRUN_LOG_AES_KEYS_OLD="$old" seal -f t plain >new
ok '... the new one writes' status 0 seal -d -f t new
BOTRUN_LOG_AES_KEY=$old
printf '%s\n' '{"session_id":"s1","t":"plain \u0061"}' '{"t":5}' >plain
rejected 'plain text' '^seal: plain:1: t: not sealed \(--allow-plain passes it\)$' seal -d -f t plain
ok 'with --allow-plain' status 0 seal -d -f t --allow-plain plain
same '... it passes' "$out" plain

# ---- other programs

BIG=$(awk 'BEGIN { for (i = 0; i < 3000; i++) printf "台灣%d ", i }')
printf '{"session_id":"s\\u00e9%s","t":"%s"}\n' 1 "$BIG" 2 'a\u0000\"b\\' 3 '' >texts
seal -f t texts >s1 && crypt open <s1 >o1
json 'r.t' <texts >want; json 'r.t' <o1 >got
same 'node:crypto opens what seal sealed' got want
crypt seal <texts >s2
ok 'seal opens what node:crypto sealed' status 0 seal -d -f t s2
json 'r.t' <"$out" >got
same '... to the same text' got want
sed 's,/,\\/,g' s2 >s3
ok 'slashes may be escaped, as PHP does it' status 0 seal -d -f t s3
echo '{"session_id":"s1","t":"not JSON {"}' | crypt raw >raw
rejected 'what was sealed is no JSON' "^seal: raw:1: t: sealed with key $id, but what was sealed is not JSON\$" seal -d -f t raw

awk '/^\.Ss The sealed form/ { on = 1 } on && /^\.Ed/ { exit } text { print } on && /^\.Bd/ { text = 1 }' "$top/man/seal.1" >example.py
is 'the example in the page has ten lines' "$(lines example.py)" 10
if python3 -c 'import cryptography' 2>/dev/null; then
	sed 's/"t":/"action_details":/' texts >named
	seal -f action_details named >sealed.named
	ok '... runs' status 0 env PYTHONIOENCODING=utf-8 python3 example.py <sealed.named
	sed 's/.*"action_details"://; s/}$//' named >want
	same '... and gives back the JSON text' "$out" want
else
	skip 2 'no cryptography for Python'
fi

# ---- the older form

for n in 16 24 32; do
	k=$(head -c $n /dev/urandom | base64)
	json 'Object.assign(r, {n: 1.5})' <texts | env BOTRUN_LOG_AES_KEY="$k" node crypt.js cbc >cbc$n
	json 'r.t' <texts >want
	ok "AES-CBC with a key of $n bytes" status 0 env BOTRUN_LOG_AES_KEYS_OLD="$k" seal -d -v -f t cbc$n
	json 'r.t' <"$out" >got
	same '... is opened' got want
	like '... and counted' "$err" ' opened=0 older=3 left=0 '
done
older='^seal: cbc24:1: t: in the older form \(AES-CBC\), which none of the keys opens$'
rejected 'by another key' "$older" seal -d -f t cbc24
rejected '... also with --allow-plain' "$older" seal -d -f t --allow-plain cbc24
rejected '... or --no-legacy' '^seal: cbc24:1: t: not sealed' seal -d -f t --no-legacy cbc24
echo '{"t":""}' >empty
ok 'the empty text, which botrun-log left as it is' status 0 seal -d -f t empty
same '... passes' "$out" empty
ok '... but not with --no-legacy' status 1 seal -d -f t --no-legacy empty
cat >bad-cbc <<'EOT'
{"t":"MjM0NTY3ODk6Ozw9Pj9AQRMmYQN2vqavOXXvPnv/HTg="}
{"t":"MjM0NTY3ODk6Ozw9Pj9AQQt4sNJZOQfUQ2AQnQpMQgs="}
{"t":"MjM0NTY3ODk6Ozw9Pj9AQQPyWe3oku7wJb6nrWTYAV8="}
{"t":"MjM0NTY3ODk6Ozw9Pj9AQdnwwYIiUYMZz74pvfSjDp4="}
EOT
ok 'bad padding and bad UTF-8' status 1 env BOTRUN_LOG_AES_KEY=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= seal -d -f t bad-cbc
is '... are told alike' "$(sed 's/bad-cbc:[0-9]*//' "$err" | sort -u | wc -l) $(lines "$err")" '1 4'
is '... and open nothing' "$(cat "$out")" ''

# ---- hostile input, size, threads

printf '%s\n' '{"t":"ok"}' '{"t":"\xff"}' 'no json: geheim' '[1]' '{"t":"cut' '{"t":"ok"}' >bad
printf '{"t":"\377geheim"}\n' >>bad
ok 'invalid lines' status 1 seal -f t bad
is '... are passed over' "$(lines "$out")" 2
is '... and named' "$(grep -c '^seal: bad:' "$err")" 5
unlike '... without their text' "$err" geheim
ok '--strict' status 1 seal --strict -f t bad
is '... ends there' "$(lines "$out")" 1

node -e 'const t = "台灣\\u0000x".repeat(1e6); for (const s of [1, 2]) console.log(`{"session_id":"${s}","t":"${t}","u":[]}`)' >large
ok 'values of 14 MB' status 0 seal -f t -f u large
cp "$out" large.sealed
ok '... are opened' status 0 seal -d -f t -f u large.sealed
same '... byte for byte' "$out" large

node -e 'for (let i = 0; i < 20000; i++) console.log(JSON.stringify({session_id: "s" + i % 7, t: i % 11 ? "text " + i : null, n: i}))' >many
seal -j 1 -f t many >j1; seal -j 4 -f t many >j4
mask j1 >m1; mask j4 >m4
same '--jobs: the same but for the nonces' m4 m1
is '... which never repeat' "$(sed -nE 's/.*v1:[0-9a-f]+:(.{16}).*/\1/p' j1 j4 | sort -u | wc -l)" "$(cat j1 j4 | grep -c v1:)"
sed -n '5000,6000s/v1:/v1:0/; p' j1 >holes
seal -j 1 -d -f t --rejects r1 holes >o1 2>e1; seal -j 4 -d -f t --rejects r4 holes >o4 2>e4
same '... and when opened, bytes' o4 o1
same '... rejects' r4 r1
same '... and messages' e4 e1
ok 'a full disk is status 3' sh -c 'seal -f t many >/dev/full 2>/dev/null; [ $? = 3 ]'
seal -f t many 2>head.err | head -n 1 >/dev/null
is 'a closed pipe ends it quietly' "$(cat head.err)" ''
ok 'the key is in no message, also with -v' status 0 seal -v -f t many
unlike '... said' "$err" "$(cut -c 1-12 key | tr '+/' '..')"

# ---- Google KMS

K=projects/p/locations/asia-east1/keyRings/r/cryptoKeys/k
ok '--kms without --keyring is status 2' status 2 seal -f t --kms $K </dev/null
ok '--keyring without --kms is status 2' status 2 seal -f t --keyring ring </dev/null
ok 'a name that is none is status 2' status 2 seal -f t --kms ../x --keyring ring </dev/null
unset BOTRUN_LOG_AES_KEY
ok 'no credentials are status 2' status 2 env NO_GCE_CHECK=true seal -f t --kms $K --keyring ring </dev/null
like '... said' "$err" '^seal: .*no credentials: set GOOGLE_APPLICATION_CREDENTIALS to a key file'
standin kms
export KMS_ENDPOINT="$URL" GOOGLE_OAUTH_ACCESS_TOKEN=ya29.test
config() { post /_test/config "$1" >/dev/null; }
faults() { post /_test/faults "$1" >/dev/null; }
calls() { get /_test/log | json_all 'rows[0].filter((e) => e.path.endsWith(process.env.WHAT)).length'; }
ks() { run seal -f t --kms $K --keyring ring "$@"; }
kd() { run seal -d -f t --keyring ring "$@"; }

ok '-d with a key ring that is not there is status 2' status 2 seal -d -f t --keyring ring v
ks many
is 'sealed by a data key that KMS wraps' $st 0
cp "$out" k1
is '... noted in the key ring' "$(json 'Object.keys(r).join() + " " + r.kek_name' <ring)" "kid,kek_name,wrapped_dek $K"
is '... which others cannot read' "$(stat -c %a ring)" 600
is '... and values name it' "$(sed -nE 's/.*"v1:([0-9a-f]+):.*/\1/p' k1 | sort -u)" "$(json 'r.kid' <ring)"
is '... in one request' "$(WHAT=:encrypt calls)" 1
get /_test/log | grep -q "$(json 'r.wrapped_dek' <ring)"
is '... the wrapped key is not the key' $? 1
post /_test/rotate '{}' >/dev/null
ks many; cp "$out" k2
is 'another run takes another key' "$(json 'r.kid' <ring | sort -u | wc -l)" 2
cat k1 k2 >k12; cat many many >want
kd --jobs 4 k12
is 'both are opened' $st 0
same '... byte for byte' "$out" want
is '... by one request a key' "$(WHAT=:decrypt calls)" 2
ok 'with the name of the key, too' status 0 seal -d -f t --kms $K --keyring ring k1
ok '... but not with another' status 1 seal -d -f t --kms ${K}2 --keyring ring k1
like '... whose keys are not used' "$err" 'which is not among the keys'
ks k1
same 'what a run before has sealed stays' "$out" k1
env BOTRUN_LOG_AES_KEY="$old" seal -f t one >mixed; head -n 3 k1 >>mixed
ok 'both kinds of keys together' status 0 env BOTRUN_LOG_AES_KEY="$old" seal -d -f t --keyring ring mixed

printf '{"kid":"0123' >>ring
ks one; cp "$out" k3
kd k3
same 'behind a torn line the next key is whole' "$out" one
like '... and the torn one is named' "$err" '^seal: ring:[0-9]+: passed over: not '
sed -E '/0123$/d' ring >r && cp r ring
awk 'NR == 2' k2 | sed "s/$(json 'r.kid' <ring | sed -n 2p)/$(json 'r.kid' <ring | sed -n 1p)/" >other
kd other
is 'a value under the id of another key is rejected' $st 1
node -e 'const fs = require("fs"), l = fs.readFileSync("ring", "utf8").trim().split("\n").map(JSON.parse);
	[l[0].wrapped_dek, l[1].wrapped_dek] = [l[1].wrapped_dek, l[0].wrapped_dek];
	fs.writeFileSync("swapped", l.map((r) => JSON.stringify(r) + "\n").join(""))'
ok 'wrapped keys that are exchanged do not unwrap' status 3 seal -d -f t --keyring swapped k1
like '... KMS refuses them' "$err" "^seal: KMS: $K: HTTP 400 INVALID_ARGUMENT: Decryption failed"
is '... and nothing comes out but what was before' "$(cat "$out")" "$(head -n 1 many)"

lines_before=$(lines ring)
gives_up() {	# NAME ERE: sealing is status 3, opening too, with these words
	ks --max-retries 1 one
	is "$1: status" $st 3
	like '... with its words' "$err" "$2"
	is '... nothing is written' "$(cat "$out")$(lines ring)" "$lines_before"
	head -n 2 many | sed 's/^/{"a":1}\n/' >head
	kd --max-retries 1 k1
	is '... opening, too' $st 3
	like '... with its words' "$err" "$2"
}
config '{"denied":true}'
gives_up 'no permission' "^seal: KMS: $K: HTTP 403 PERMISSION_DENIED: Permission .cloudkms"
config '{"denied":false,"disabled":true}'
gives_up 'a disabled key' "^seal: KMS: $K: HTTP 400 FAILED_PRECONDITION: .*DISABLED"
config '{"disabled":false}'
unavailable='{"error":{"code":503,"message":"The service is currently unavailable.","status":"UNAVAILABLE"}}'
faults "[{\"route\":\"POST /v1\",\"act\":\"status\",\"status\":503,\"times\":0,\"body\":$unavailable}]"
gives_up 'not available' "^seal: KMS: $K: HTTP 503 UNAVAILABLE: The service is currently unavailable"
faults '[{"route":"POST /v1","act":"garbage","times":0}]'
gives_up 'an answer of something else' "^seal: KMS: $K: its answer is not JSON"
faults '[{"route":"POST /v1","act":"reset","times":0}]'
gives_up 'no answer' "^seal: KMS: $K: no answer"
faults '[]'
GOOGLE_OAUTH_ACCESS_TOKEN=ya29.wrong
gives_up 'a wrong token' "^seal: KMS: $K: HTTP 401 UNAUTHENTICATED"
unlike '... which is not told' "$err" 'ya29'
GOOGLE_OAUTH_ACCESS_TOKEN=ya29.test

for fault in '"act":"status","status":429,"body":{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}}' \
    '"act":"status","status":503' '"act":"reset-after"' '"act":"truncate"'; do
	faults "[{\"route\":\"POST /v1\",$fault}]"
	ks one; cp "$out" again
	is "once $(printf '%s' "$fault" | cut -d , -f 1,2): asked again" $st 0
done
kd again
same '... and it opens' "$out" one
# WHAT IS WRONG, IN WHICH ANSWER
for wrong in ciphertext:encrypt ciphertextCrc32c:encrypt verifiedPlaintextCrc32c:encrypt \
    verifiedAdditionalAuthenticatedDataCrc32c:encrypt name:encrypt plaintext:decrypt plaintextCrc32c:decrypt; do
	post /_test/log '' >/dev/null
	config "{\"wrong\":[\"${wrong%:*}\"],\"wrong_times\":1}"
	case $wrong in *encrypt) ks one ;; *) kd k3 ;; esac
	is "a wrong ${wrong%:*} once: asked again" "$st $(WHAT=:${wrong#*:} calls)" '0 2'
	config "{\"wrong\":[\"${wrong%:*}\"],\"wrong_times\":0}"
	case $wrong in *encrypt) ks --max-retries 1 one ;; *) kd --max-retries 1 k3 ;; esac
	is '... always: given up, with nothing written' "$st$(cat "$out")" 3
	like '... and said' "$err" "^seal: KMS: $K: (the checksum of its answer is wrong|it has not verified|it used another key)"
done
config '{"wrong":[]}'
ks -v one
unlike 'no secret in what -v tells' "$err" 'ya29|Bearer|wrapped_dek'
ok 'a key ring that is something else is status 2' status 2 seal -f t --kms $K --keyring one/x one
if [ -z "$SAN" ] && [ -e "$B/fault.so" ]; then
	for call in write fsync; do
		cp ring before
		ok "a key ring that cannot be written ($call) is status 3" status 3 env LD_PRELOAD="$B/fault.so" FAULT_CALLS=$call FAULT_AT=1 \
			FAULT_ACT=ENOSPC seal -f t --kms $K --keyring before one
		is '... said, before the first value' "$(cat "$out")$(grep -c '^seal: --keyring: before: No space left' "$err")" 1
	done
	env LD_PRELOAD="$B/fault.so" FAULT_CALLS=fsync FAULT_AT=0 FAULT_LOG=calls seal -f t --kms $K --keyring ring one >/dev/null
	is 'the key ring and its directory are synced' "$(cat calls)" 2
else
	skip 5 'fault injection does not go with sanitizers'
fi

done_testing
