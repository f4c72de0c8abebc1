#!/bin/sh
# archive.t - scripts/archive.sh with the recorder's tools: it rotates, expires and reports, whatever happens.
. "${0%/*}/lib.sh"

archive=$top/scripts/archive.sh
TMPDIR=$T	# what is killed leaves something behind
export TMPDIR
for t in rec-write rec-cat rec-rotate rec-stat msg-join; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done
export LLMUTILS_BIN="$B"

day() { date -d "$1 days ago" +%F; }
today=$(day 0) month=$(day 40) old=$(day 100)
# records N DAY SESSION SUCCESS - records of about 250 bytes
records() {
	awk -v n="$1" -v day="$2" -v session="$3" -v success="$4" 'BEGIN {
		for (i = 1; i <= n; i++)
			printf "{\"id\":\"%s-%s-%d\",\"timestamp\":\"%sT10:%02d:%02d\",\"session_id\":%s,\"prompt\":\"%0150d\",\"success\":%s}\n",
			    day, session, i, day, i / 60, i % 60, session, i, success
	}'
}
# fresh NAME - an empty directory with a tree: 1000 records of today, 10 that failed 40 days ago, 20 that are 100 days old
fresh() {
	mkdir "$T/$1" && cd "$T/$1" || exit 1
	{
		records 500 "$today" 1 true
		records 500 "$today" 2 true
		records 10 "$month" 1 false
		records 20 "$old" 3 true
	} >records
	rec-write -q <records >/dev/null
	# What is written to within a day is not expired.
	find logs -type f -exec touch -d '2 days ago' {} +
}
# What stands in the tree, to the byte and the second.
state() { find logs | sort | while read -r f; do stat -c '%n %s %y %i' "$f"; [ -d "$f" ] || cksum <"$f"; done; }
actions() { json 'r.action' <"$1" | sort | uniq -c | awk '{ printf "%s %s ", $2, $1 }'; }
tree=logs/llm_interactions
summary='^archive: rotated=[0-9]+ compressed=[0-9]+ expired=[0-9]+ freed=[0-9]+ total_interactions=[0-9]+ failed=[0-9]+ status=(healthy|degraded|unhealthy) seconds=[0-9]+\.[0-9]$'
! rec-stat --health --dir . | grep -q 'disk space' || skip_all 'the disk is nearly full, so no tree is healthy'

# ---- the plain case ----

fresh plain
state >before
ok '--dry-run succeeds' status 0 "$archive" -n --max-size 20K
state >after
same 'and changes nothing, to the byte and the second' after before
is 'it prints what would be done, as NDJSON' "$(actions "$out")" 'compress 3 expire 3 rotate 3 '
is 'marked as such' "$(json 'r.dry_run' <"$out" | sort -u)" true
like 'the last line counts it' "$err" '^archive: rotated=3 compressed=3 expired=3 freed='

bytes=$(($(stat -c %s $tree/by_date/"$today"_all_interactions.json) + $(stat -c %s $tree/by_session/session_[12]/"$today".json | paste -sd+)))
expired=$(($(stat -c %s $tree/by_date/"$old"_all_interactions.json) * 2 + $(stat -c %s $tree/errors/"$month"_errors.json)))
ok 'a run succeeds' status 0 "$archive" --max-size 20K
is 'standard output has the actions' "$(actions "$out")" 'compress 3 expire 3 rotate 3 '
is 'standard error has one line' "$(wc -l <"$err" | tr -d ' ')" 1
like 'which is the summary' "$err" "$summary"
like 'it has the counts' "$err" ' rotated=3 compressed=3 expired=3 '
packed=$(($(stat -c %s $tree/archive/*.gz | paste -sd+)))
like 'and the bytes that are free now' "$err" " freed=$((bytes - packed + expired)) "
like 'it has what is left' "$err" ' total_interactions=1010 failed=10 status=healthy '
is 'sessions and days of 100 days ago are gone' "$(find $tree -name "*$old*")" ''
is 'errors of 40 days ago too' "$(find $tree/errors -name '*.json')" ''
is 'but not the records of that day' "$(wc -l <$tree/by_date/"$month"_all_interactions.json)" 10
rec-cat --stages >have
grep -v "\"$old" records | sort >want
sort have >have.sorted
same 'what is not too old is there, byte for byte' have.sorted want
zcat $tree/archive/"$today"_all_interactions_*.json.gz >have
is 'the archive is gzip' "$(wc -l <have)" 1000
is 'nothing else is left behind' "$(ls -A | tr '\n' ' ')$(ls -d "$T"/tmp.* 2>/dev/null)" 'after before have have.sorted logs records want '

state | grep -v '\.lock' >before
ok 'a second run at once' status 0 "$archive" --max-size 20K
state | grep -v '\.lock' >after
same 'changes nothing' after before
is 'and prints no actions' "$(cat "$out")" ''
like 'it says so' "$err" '^archive: rotated=0 compressed=0 expired=0 freed=0 total_interactions=1010 failed=10 status=healthy '
ok '--archive-days, with nothing as old as that' status 0 "$archive" --archive-days 1
is 'keeps the archive' "$(find $tree/archive -name '*.gz' | wc -l | tr -d ' ')" 3

# ---- quiet and verbose ----

ok '-q succeeds' status 0 "$archive" -q
is '-q says nothing' "$(cat "$out" "$err")" ''
records 100 "$today" 4 true | rec-write -q >/dev/null
ok '-q with something to do' status 0 "$archive" -q --max-size 10K
is 'has the actions on standard output' "$(actions "$out")" 'compress 2 rotate 2 '
is 'and no message' "$(cat "$err")" ''
ok '-v succeeds' status 0 "$archive" -v
like '-v shows the statistics' "$err" '^\{"total_interactions":1110,'
like 'the health' "$err" '^\{"status":"healthy",'
like "the tools' summaries" "$err" '^rec-rotate: rotated=0 '
is 'and the summary last' "$(tail -n 1 "$err" | grep -Ec "$summary")" 1

# ---- usage and configuration ----

ok '--help' status 0 "$archive" --help
ok 'run by sh' status 0 sh "$archive" --help
like '... it is the same' "$out" '^archive\.sh '
unlike 'has nothing for shellcheck' "$out" shellcheck
for o in archive-days dir error-days force help jobs max-size dry-run quiet session-days verbose; do
	ok "llmutils-archive(7) and archive.sh --help tell of --$o" sh -c 'grep -q -e "--$0" "$1" && grep -q "^\.It Fl.* \\\\-$0" "$2"' \
		"$o" "$out" "$top/man/llmutils-archive.7"
done
for o in '-q -v' '-qv' --frobnicate operand '--dir' '--dir=' '-x' '--jobs' '--max-size x' '--session-days 0' '--archive-days=-1'; do
	# shellcheck disable=SC2086
	ok "'$o' is misuse" status 2 "$archive" $o
	unlike 'and nothing is done' "$err" '^archive: rotated='
	is 'nothing at all' "$(cat "$out")" ''
done
ok 'a tree that is not there is status 2' status 2 "$archive" --dir nowhere
like 'and it says how to name it' "$err" '^archive: nowhere: there is no such tree; name it with --dir or LLM_RECORDS_BASE_DIR'
ok 'it is not made' test ! -e nowhere
cd / || exit 1
ok '--dir names the tree' status 0 "$archive" --dir "$T/plain/$tree"
like 'and that is it' "$err" ' total_interactions=1110 '
cd "$T" || exit 1
ok 'so does -d' status 0 "$archive" -qd "plain/$tree"
mkdir -p alone/scripts
cp "$archive" "$top/scripts/workflow.sh" alone/scripts/
ok 'missing tools are status 2' status 2 env -u LLMUTILS_BIN PATH=/usr/bin:/bin alone/scripts/archive.sh
like 'and say what to do' "$err" '^archive: rec-rotate: not found; run make'
ln -s "$archive" link.sh
ok 'called by a symbolic link it finds what it needs' status 0 ./link.sh -d "plain/$tree"

# Tools that tell how they were called.
mkdir "$T/spy"
for t in rec-rotate rec-stat; do
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "%s $*" >>"$SPY"\nenv | grep ^LLM_RECORDS >>"$SPY"\nexec "%s/%s" "$@"\n' "$t" "$B" "$t" >"$T/spy/$t"
done
chmod +x "$T"/spy/*
spied() { rm -f "$T/spied"; status "${1}" env SPY="$T/spied" LLMUTILS_BIN="$T/spy" "$archive" $2; }
cd plain || exit 1
ok 'options are passed on' spied 0 '-fn -j2 --jobs 1 --max-size=5M --session-days 7 --error-days 3 --archive-days 365'
is 'to rec-rotate, as they are' "$(grep '^rec-rotate' "$T/spied")" \
	"rec-rotate --dir $tree -f -n -j 2 --jobs 1 --max-size=5M --session-days 7 --error-days 3 --archive-days 365"

# ---- .env ----

fresh env
mv logs/llm_interactions moved
# shellcheck disable=SC2016
printf '%s\n' 'LLM_RECORDS_BASE_DIR = "moved" # there' 'LLM_RECORDS_RETENTION_DAYS=200' 'LLM_RECORDS_MAX_FILE_SIZE=20K' \
	'X=$(touch pwned)' 'PATH=/nowhere' 'tree=/' >.env
chmod 600 .env
ok 'settings in .env' status 0 "$archive"
is 'name the tree and the bounds' "$(actions "$out")" 'compress 3 expire 1 rotate 3 '
is 'nothing in it is run' "$(find . -name 'pwned*')" ''
like 'what steers the shell is refused' "$err" '^archive: \.env:5: PATH cannot be set here: ignored'
ok 'the environment wins' status 2 env LLM_RECORDS_BASE_DIR=other "$archive"
like 'over .env' "$err" '^archive: other: there is no such tree'
ok 'an option wins over both' status 0 env LLM_RECORDS_BASE_DIR=other "$archive" -d moved --session-days 50
is 'over .env, too' "$(actions "$out")" 'expire 2 '
chmod 644 .env
run "$archive"
like '.env that others may read is worth a word' "$err" '^archive: \.env: others may read'

# ---- one at a time ----

fresh lock
# A rec-rotate that waits until it may go on.
mkdir bin
mkfifo gate
# shellcheck disable=SC2016
printf '#!/bin/sh\n: >started\nread -r go <gate\nexec "%s/rec-rotate" "$@"\n' "$B" >bin/rec-rotate
chmod +x bin/rec-rotate
ln -s "$B/rec-stat" bin/
LLMUTILS_BIN=$PWD/bin "$archive" --max-size 20K >first 2>first.err &
first=$!
ok 'while a run is at work' within 10 test -e started
ok 'a second one on the same tree ends at once, status 0' status 0 "$archive"
like 'and says why' "$err" "^archive: $tree: another archive.sh is at work there: nothing to do"
is 'it has done nothing' "$(cat "$out")$(find $tree/archive -name '*.json*' 2>/dev/null)" ''
ok 'by another name of the tree, too' status 0 "$archive" -q -d "$PWD/$tree/"
is 'with -q without a word' "$(cat "$out" "$err")" ''
ok '--dry-run, too' status 0 "$archive" -nq
echo go >gate
wait $first
is 'the first one does its work' "$? $(actions first)" '0 compress 3 expire 3 rotate 3 '
ok 'then the next may' status 0 "$archive"
like 'and has nothing left to do' "$err" 'rotated=0 compressed=0 expired=0 '

# ---- settings ----

fresh quoted
for v in "\"$tree\"" " '$tree'	" " $tree "; do
	ok "the tree's name is read as the tools do: $v" status 0 env LLM_RECORDS_BASE_DIR="$v" "$archive"
done

# ---- failures ----

fresh failing
mkdir $tree/archive 2>/dev/null
rmdir $tree/archive && : >$tree/archive
ok 'a rec-rotate that fails: status 3' status 3 "$archive" -q
like 'its message is shown' "$err" '^rec-rotate: .*archive: '
like 'it is named' "$err" '^archive: rec-rotate ended with status 3'
like 'the health is told all the same' "$err" '^archive: .*: unhealthy: "'
is 'and the last line, with -q too' "$(tail -n 1 "$err" | grep -c '^archive: rotated=0 .* status=unhealthy ')" 1
rm $tree/archive
ok 'when the cause is gone, the next run does it all' status 0 "$archive" --max-size 20K
is 'really' "$(actions "$out")" 'compress 3 expire 3 rotate 3 '

fake() {	# SCRIPT - a rec-rotate
	mkdir -p "$T/fake"
	ln -sf "$B/rec-stat" "$T/fake/"
	printf '#!/bin/sh\n%s\n' "$1" >"$T/fake/rec-rotate"
	chmod +x "$T/fake/rec-rotate"
}
# shellcheck disable=SC2016
fake 'echo "{\"action\":\"expire\",\"path\":\"x\",\"bytes\":77}"; kill -9 $$'
ok 'a rec-rotate that is killed: status 3' status 3 env LLMUTILS_BIN="$T/fake" "$archive" -q
like 'it is named' "$err" '^archive: rec-rotate ended with status 137'
like 'what it did is passed on and counted' "$err" ' expired=1 freed=77 total_interactions=1010 '
is 'on standard output too' "$(json r.bytes <"$out")" 77

: >$tree/archive/stranger.tmp
touch -d '3 days ago' $tree/archive/stranger.tmp
ok 'a tree that is not healthy: status 1' status 1 "$archive" -q
like 'with the problem' "$err" "^archive: $tree: degraded: \"archive: "
is 'and the summary' "$(tail -n 1 "$err" | grep -c 'status=degraded')" 1
rm $tree/archive/stranger.tmp
echo 'this is no record' >>$tree/by_date/"$month"_all_interactions.json
ok 'a line that cannot be read: status 1' status 1 "$archive" -q
like 'with file and line' "$err" "^rec-stat: .*${month}_all_interactions.json:11:"
like 'the others are counted' "$err" ' total_interactions=1010 '

fresh stdout
"$archive" --max-size 20K 2>"$err" | true
ok 'a reader that goes away' test "$(find $tree/archive -name '*.gz' | wc -l)" = 3
like 'does not keep it from its work' "$err" 'rotated=3 compressed=3 expired=3 .* status=healthy'
if [ -c /dev/full ]; then
	records 1000 "$today" 1 true | rec-write -q >/dev/null
	ok 'a full disk where the actions are logged: status 3' sh -c '"$0" --max-size 20K >/dev/full 2>err; [ $? = 3 ]' "$archive"
	like 'the work is done all the same' err 'rotated=2 compressed=2 '
	ok 'a full disk where messages go does not make a good run fail' sh -c '"$0" 2>/dev/full' "$archive"
else
	skip 3 'there is no /dev/full'
fi

# ---- signals ----

fresh signal
for sig in TERM INT; do
	# It ends by itself, as rec-rotate does, after what it is doing.
	# shellcheck disable=SC2016
	fake 'trap "echo {\\\"action\\\":\\\"expire\\\",\\\"bytes\\\":5}; exit 143" TERM; : >started; while :; do sleep 0.05; done'
	rm -f started pid
	setsid env --default-signal=INT LLMUTILS_BIN="$T/fake" sh -c 'echo $$ >pid; exec "$0" -q' "$archive" >acts 2>log &
	shell=$!
	within 10 test -e started
	kill -$sig "$(cat pid)"
	wait $shell 2>/dev/null
	is "SIG$sig ends it with its status" $? "$([ $sig = INT ] && echo 130 || echo 143)"
	is 'after rec-rotate has ended, whose last action is there' "$(actions acts)" 'expire 1 '
	like 'and counted' log '^archive: .* expired=1 freed=5 '
	ok 'nothing of it is left' within 5 sh -c '! ps -o stat= -s "$0" | grep -qv "^Z"' "$(cat pid)"
done
ok 'the next run goes on' status 0 "$archive" --max-size 20K
is 'with everything' "$(actions "$out")" 'compress 3 expire 3 rotate 3 '

# Every process is killed, at moments from the start to beyond the end; writers are at work.
fresh kill
while [ ! -e stop ]; do
	records 20 "$today" 5 true
	sleep 0.02
done | sed -u 's/"id":"[^"]*",//' | rec-write -q --flush-every 10ms >acked &
writer=$!
killed=0 i=0
while [ $i -lt 16 ] || { [ $killed -lt 3 ] && [ $i -lt 100 ]; }; do
	i=$((i + 1)) ms=$((1 + i * 7 % 83))
	setsid "$archive" --max-size 4K >/dev/null 2>&1 &	# no group's leader, so its process is the session's
	shell=$!
	sleep "$(printf '0.%03d' $ms)"
	until ! ps -o stat=,pid= -s $shell | grep -v '^Z' >left; do	# until none is left: one may have been born beside ps
		awk '{ print $2 }' left | xargs -r kill -9 2>/dev/null
	done
	wait $shell 2>/dev/null
	[ $? != 137 ] || killed=$((killed + 1))
done
: >stop
wait $writer
is 'the writer has written on' "$? $(($(wc -l <acked) > 100))" '0 1'
ok 'some were killed on the way' test $killed -ge 3
ok 'after that the next run succeeds' status 0 "$archive" --max-size 4K
sort records acked >want	# what is old but large is archived, not removed
rec-cat --stages | sort >have
same 'each record that was acknowledged is there once' have want
is 'nothing waits to be compressed' "$(find $tree/archive -name '*.json' -o -name '*.tmp')" ''

# ---- from cron ----

cd "$T" || exit 1
for t in $(cd "$top/cmd" && for f in *; do echo "${f%.c}"; done); do
	[ -x "$B/$t" ] || all=no
done
if [ -z "${all-}" ]; then
	ok 'it is installed' make -s -C "$top" -o all B="$B" DESTDIR="$T/root" PREFIX=/usr/local install
	fresh cron
	ok 'it runs in an empty environment' status 0 env -i PATH=/usr/bin:/bin "$T/root/usr/local/libexec/llmutils/archive.sh" --max-size 20K
	is 'and does its work with the installed tools' "$(actions "$out")" 'compress 3 expire 3 rotate 3 '
	for f in man/llmutils-archive.7 README.md README.zh-CN.md; do
		line=$(grep '^[0-9]* [0-9]* \* \* \* .*/archive\.sh' "$top/$f")
		fresh "cron-${f##*/}"
		command=$(printf '%s\n' "$line" | sed "s|^[0-9 *]*||; s|/srv/app|$PWD|g; s|/usr/local|$T/root/usr/local|")
		ok "the crontab line in $f runs as cron runs it" status 0 env -i PATH=/usr/bin:/bin HOME="$T" sh -c "$command"
		is 'without a word' "$(cat "$out" "$err")" ''
		is 'and logs what it has done' "$(actions archive.ndjson)" 'expire 3 '
	done
else
	skip 12 'not all tools are built'
fi

# ---- what the pages and the READMEs say ----

cd "$T" || exit 1
if command -v systemd-analyze >/dev/null; then
	# The displays that begin with [Unit]; the program has to be there.
	awk '/^\[Unit\]/ { n++; text = 1 } /^\.Ed/ { text = 0 } text { print >("llmutils-archive." (n == 1 ? "service" : "timer")) }' \
		"$top/man/llmutils-archive.7"
	sed -i "s|^ExecStart=.*/archive.sh|ExecStart=$archive|" llmutils-archive.service
	# It may find fault with other units of this machine.
	verify() { systemd-analyze verify "$T/llmutils-archive.service" "$T/llmutils-archive.timer" 2>&1 | grep llmutils-archive; }
	is 'systemd has nothing to say about the service and the timer' "$(verify)" ''
	cp llmutils-archive.service good
	sed 's/^Type=.*/Type=wrong/' good >llmutils-archive.service
	ok 'as it would of wrong ones' verify
	ok 'every night' systemd-analyze calendar "$(sed -n 's/^OnCalendar=//p' llmutils-archive.timer)"
else
	skip 3 'systemd is not here'
fi
for f in README.md README.zh-CN.md; do
	mkdir "$T/$f" && cd "$T/$f" || exit 1
	awk '/^```sh/ { n = 0; block = "" ; text = 1; next } /^```/ { if (block ~ /rec-write.*demo/) { printf "%s", block; exit } text = 0 }
		text { block = block $0 "\n" }' "$top/$f" >example
	is "$f: the example has five lines" "$(wc -l <example | tr -d ' ')" 5
	sed "s|build/demo|demo|g; s|build/|$B/|g; s|scripts/|$top/scripts/|g" example >example.sh
	ok 'it runs' status 0 bash -e -o pipefail example.sh
	like 'the record is passed on and read back' "$out" '"prompt":"Hi","response":"Ho"'
	like 'joined with its message' "$out" '^\{"id":12,.*"llm_interaction":\{"original_prompt":"Hi"'
	like 'counted' "$out" '^interactions +1$'
	like 'and archived' "$err" '^archive: rotated=2 compressed=2 .* total_interactions=1 failed=0 status=healthy'
done

done_testing
