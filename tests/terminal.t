#!/bin/sh
# What the tools of a pipeline show together on one terminal.
. "${0%/*}/lib.sh"

script -qec true /dev/null >/dev/null 2>&1 </dev/null || skip_all 'there is no script(1)'

# Records that come one by one, for more than a second.
cat >feed <<'END'
i=0
while [ $i -lt 15 ]; do
	echo "{\"run_id\":\"$i\",\"text\":\"t\"}"
	i=$((i + 1))
	sleep 0.1
done
END
# Runs it on a terminal; leaves what that shows in the file shown, and in lines what was drawn over, too, each on a line of its own.
on_terminal() {
	SHELL=/bin/sh script -qec "$1" /dev/null </dev/null >shown
	tr '\r' '\n' <shown | sed 's/^.\[K//' >lines
}

on_terminal 'sh feed | dedup -k run_id | cc-count -f text >rows'
is 'a pipeline works on' "$(wc -l <rows | tr -d ' ')" 15
like '... and shows its progress' lines '^[a-z-]+: [0-9]+ records, [0-9]+/s'
sed -n 's/^\([a-z-]*\): [0-9]* records, .*/\1/p' lines | uniq >names
ok '... of one tool until it has ended, then of another' test -s names -a -z "$(sort names | uniq -d)"

on_terminal 'sh feed | dedup -k run_id | { cat; echo "{"; } | cc-count -f text >rows'
like "a message wipes the line, also another tool's" lines '^cc-count: stdin:16:'

on_terminal 'sh feed | dedup -k run_id | cc-count -f text'
is 'records on the terminal: no line between them' "$(tr -d '\r' <shown | grep -c '^{"run_id".*}$') $(wc -l <shown | tr -d ' ')" '15 15'
on_terminal 'sh feed | dedup -q -k run_id | cc-count -q -f text >rows'
is '-q: none' "$(cat shown)" ''

# ---- what is asked for there ----

node -e '
	const {privateKey} = require("crypto").generateKeyPairSync("rsa", {modulusLength: 2048, publicKeyEncoding: {type: "spki", format: "pem"},
		privateKeyEncoding: {type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x"}});
	console.log(JSON.stringify({type: "service_account", client_email: "a@b.c", private_key: privateKey}));' >key.json
export GOOGLE_APPLICATION_CREDENTIALS="$T/key.json" GOOGLE_CLOUD_PROJECT=p BIGQUERY_ENDPOINT=http://127.0.0.1:9
on_terminal 'timeout 10 bq-query "SELECT 1"; echo $?'
is "nobody is asked for a key's pass phrase" "$(grep -v '^$' lines)" "bq-query: $T/key.json: its private_key is no RSA key, or has a pass phrase
2"

done_testing
