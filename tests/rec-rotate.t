#!/bin/sh
# rec-rotate(1): large files go to the archive and are compressed there, old ones go away, nothing else is touched.
. "${0%/*}/lib.sh"

day() { date -d "$1 days ago" +%F; }
# rows FROM TO: records of some 500 bytes, words of two scripts, common and rare ones
rows() {
	node -e '
		const [from, to] = process.argv.slice(1).map(Number);
		let s = 7, out = "";
		const next = (n) => (s = (s * 1103515245 + 12345) % 2147483648, Math.floor(s / 65536) % n);
		const word = (len, first, of) => Array.from({ length: len }, () => String.fromCharCode(first + next(of))).join("");
		const words = [];
		for (let i = 0; i < 3000; i++)
			words.push(word(1 + next(3), 0x4e00, 700), " " + word(2 + next(8), 97, 26));
		for (let i = 0; i < to; i++) {
			let text = "";
			for (let k = 0; k < 60; k++)
				text += words[Math.min(next(6000), next(6000), next(6000))];
			if (i >= from)
				out += JSON.stringify({ id: "id-" + i, session_id: 7, role_name: "产品专员", prompt: text, success: true, n: next(30000) }) + "\n";
		}
		process.stdout.write(out);' "$1" "$2"
}
listing() { (cd "$1" && find . -printf '%p %y %s %m %T@ %l\n' | sort); }
# What readers see: live files, and each part of the archive once.
contents() {
	find "$1/by_date" "$1/by_session" "$1/errors" -type f -exec cat {} +
	for f in "$1"/archive/*.json "$1"/archive/*.json.gz; do
		case $f in
		*\**) ;;
		*.gz) gzip -dc "$f" ;;
		*) [ -e "$f.gz" ] || cat "$f" ;;
		esac
	done
}
new_tree() { rm -rf "$1"; mkdir -p "$1/by_date" "$1/by_session" "$1/errors"; }
TODAY=$(day 0)

# ---- usage ----

ok 'no tree: nothing to do' status 0 rec-rotate --dir none
is '... said' "$(cat "$err" "$out")" 'rec-rotate: none: there is no such tree: nothing to do'
ok '... and none is made' test ! -e none
: >file
ok 'a tree that is a file is status 3' status 3 rec-rotate --dir file
ok 'an operand is status 2' status 2 rec-rotate tree
for o in --session-days --error-days --archive-days --max-size --jobs; do
	ok "$o 0 is status 2" status 2 rec-rotate $o 0
done
for v in 0 -1 lots 100MM 1.5G '9999999T' ' '; do
	want=2
	[ "$v" != ' ' ] || want=0	# blank is unset
	ok "LLM_RECORDS_MAX_FILE_SIZE='$v' is status $want" status $want env LLM_RECORDS_MAX_FILE_SIZE="$v" rec-rotate --dir none
	ok "LLM_RECORDS_RETENTION_DAYS='$v' is status $want" status $want env LLM_RECORDS_RETENTION_DAYS="$v" rec-rotate --dir none
done
ok '... the variable is named' status 2 env LLM_RECORDS_MAX_FILE_SIZE=lots rec-rotate
like '... ' "$err" "^rec-rotate: LLM_RECORDS_MAX_FILE_SIZE: 'lots' is not a size"

# ---- rotate and compress ----

new_tree t
mkdir t/by_session/session_7 t/by_session/session_8
rows 0 8000 >big
name=2025-12-07_all_interactions
cp big t/by_date/$name.json
touch -d '2025-12-08 01:02:03.456' t/by_date/$name.json
head -n 3000 big >t/by_session/session_7/$TODAY.json
head -n 10 big >t/by_session/session_8/$TODAY.json
head -n 2500 big >t/errors/${TODAY}_errors.json
contents t | sort >want
listing t >before
run rec-rotate --dir t --max-size 1M --dry-run
listing t >after
same '--dry-run changes nothing' after before
is '... and is status 0' "$st $(cat "$err")" '0 '
is '... and tells what would be done' "$(json '`${r.action} ${r.path.replace(/_\d{8}T.*Z/, "_STAMP")} ${r.dry_run} ${"compressed_bytes" in r}`' <"$out" | grep -v compress)" \
	"rotate by_date/$name.json true false
rotate by_session/session_7/$TODAY.json true false
rotate errors/${TODAY}_errors.json true false"
is '... each with its compression' "$(grep -c '"action":"compress"' "$out")" 3

ok 'rotate' status 0 rec-rotate --dir t --max-size 1M --session-days 9999 -v --jobs 2
cp "$out" actions
like '-v: the summary' "$err" '^rec-rotate: rotated=3 compressed=3 expired=0 bytes=[0-9]+ compressed_bytes=[0-9]+ seconds='
gz=$(echo t/archive/${name}_*.json.gz)
ok 'the archive has the name and the moment' sh -c 'echo "$1" | grep -Eq "^t/archive/${0}_[0-9]{8}T[0-9]{6}\.[0-9]{6}Z\.json\.gz\$"' $name "$gz"
ok '... of a session with its folder' test -e t/archive/session_7_"${TODAY}"_*.json.gz
ok '... of errors' test -e t/archive/"${TODAY}"_errors_*.json.gz
is 'nothing else is there' "$(find t/archive -type f ! -name '*.gz' | wc -l)" 1
ok '... but the lock' test -e t/archive/.lock
zcat "$gz" >got
same 'zcat gives the same bytes' got big
ok 'gzip -t is content' gzip -t t/archive/*.gz
is 'for the owner only' "$(stat -c '%a' t/archive "$gz" t/archive/.lock | tr '\n' ' ')" '700 600 600 '
is 'the time is kept' "$(stat -c %Y "$gz")" "$(date -d '2025-12-08 01:02:03' +%s)"
contents t | sort >got
same 'every line is there once' got want
ok 'small files stay' test -s t/by_session/session_8/"$TODAY".json
ok 'an empty session folder goes' test ! -e t/by_session/session_7
is 'the actions' "$(json '`${r.action} ${r.path.replace(/_\d{8}T.*Z/, "_STAMP")} ${r.to.replace(/_\d{8}T.*Z/, "_STAMP")} ${"dry_run" in r}`' <actions)" \
	"rotate by_date/$name.json archive/${name}_STAMP.json false
rotate by_session/session_7/$TODAY.json archive/session_7_${TODAY}_STAMP.json false
rotate errors/${TODAY}_errors.json archive/${TODAY}_errors_STAMP.json false
compress archive/${name}_STAMP.json archive/${name}_STAMP.json.gz false
compress archive/session_7_${TODAY}_STAMP.json archive/session_7_${TODAY}_STAMP.json.gz false
compress archive/${TODAY}_errors_STAMP.json archive/${TODAY}_errors_STAMP.json.gz false"
is '... with sizes' "$(json_all 'rows.map((r) => r.bytes + ":" + (r.compressed_bytes || 0)).join(" ")' <actions | cut -d ' ' -f 1,4)" \
	"$(stat -c %s big):0 $(stat -c %s big):$(stat -c %s "$gz")"
ratio=$(awk -v a="$(stat -c %s "$gz")" -v b="$(gzip -6 -c big | wc -c)" 'BEGIN { printf "%.4f", a / b }')
echo "# size: $ratio of gzip -6"
ok 'as small as gzip -6 within 1 %' awk -v r="$ratio" 'BEGIN { exit !(r <= 1.01) }'
cp -p "$gz" two.gz
listing t >before
ok 'again: nothing to do' status 0 rec-rotate --dir t --max-size 1M --session-days 9999
is '...' "$(cat "$out" "$err")" ''
listing t | grep -v '^\. d\|by_session d' >after
grep -v '^\. d\|by_session d' before >before2
same '... nothing changes' after before2
for j in 1 4; do
	new_tree j
	cp -p big j/by_date/$name.json
	rec-rotate --dir j --max-size 1M --jobs $j --session-days 9999 >/dev/null
	same "--jobs $j: the same bytes" "$(echo j/archive/*.gz)" two.gz
done
# Many files at once: small ones, an empty one, one of several blocks, one that is compressed already, and one that cannot be.
new_tree many
mkdir many/archive
for i in 1 2 3 4 5 6 7 8 9; do
	head -n $((i * 150)) big >many/archive/2025-12-0${i}_errors_20260102T030405.000006Z.json
done
: >many/archive/2025-12-03_errors_20260102T030405.000006Z.json
cat big big big big >many/archive/2025-12-04_errors_20260102T030405.000006Z.json
gzip -c many/archive/2025-12-06_errors_20260102T030405.000006Z.json >many/archive/2025-12-06_errors_20260102T030405.000006Z.json.gz
echo other | gzip -c >many/archive/2025-12-07_errors_20260102T030405.000006Z.json.gz
for left in .compress.tmp .compress.1.tmp .compress.127.tmp; do echo half >many/archive/$left; done
contents many | sort >want
for j in 1 2 5; do
	rm -rf j; cp -a many j
	ok "many files, --jobs $j: one does not fit" status 3 rec-rotate --dir j --session-days 9999 --error-days 9999 --jobs $j
	cat "$out" "$err" >told.$j
	(cd j && find . -type f -exec sha256sum {} + | sort -k 2) >sums.$j
	contents j | sort >got
	same '... every line is there' got want
done
is '... all but that are told' "$(grep -c '"action":"compress"' told.1) $(grep -c '"action":"discard"' told.1) $(grep -c 'does not hold' told.1)" '8 3 1'
is '... what half was made is gone' "$(find j/archive -name '*.tmp')" ''
same '... two threads: the same, told in the same order' told.2 told.1
same '... five' told.5 told.1
same '... the same files from two' sums.2 sums.1
same '... and five' sums.5 sums.1

new_tree t
rows 0 10 >t/by_date/$name.json
size=$(stat -c %s t/by_date/$name.json)
ok 'a file of --max-size stays' env LLM_RECORDS_MAX_FILE_SIZE="$size" LLM_RECORDS_BASE_DIR=t LLM_RECORDS_RETENTION_DAYS=9999 rec-rotate
ok '...' test -e t/by_date/$name.json
ok 'a larger one does not (variables)' env LLM_RECORDS_MAX_FILE_SIZE=$((size - 1)) LLM_RECORDS_BASE_DIR=t LLM_RECORDS_RETENTION_DAYS=9999 rec-rotate
ok '...' test ! -e t/by_date/$name.json

# a torn last line
new_tree t
rows 0 5 >t/by_date/$name.json
printf '{"id":"torn' >>t/by_date/$name.json
rows 0 5 >want; echo '{"id":"torn' >>want
run rec-rotate --dir t --max-size 1 --session-days 9999
zcat t/archive/*.gz >got
same 'a torn last line gets its newline' got want
is '... which counts' "$(json 'r.bytes' <"$out" | sort -u)" "$(stat -c %s want)"

# stamps
new_tree t
mkdir t/archive
echo '{"id":"old"}' | gzip >t/archive/${name}_29991231T235959.999999Z.json.gz
echo '{"id":"other"}' | gzip >t/archive/2025-12-08_all_interactions_30001231T235959.999999Z.json.gz
rows 0 2 >t/by_date/$name.json
ok 'a clock that was set back' status 0 rec-rotate --dir t --max-size 1 --session-days 9999
ok '... the new part is later' test -e t/archive/${name}_30000101T000000.000000Z.json.gz
rows 2 3 >t/by_date/$name.json
ok '... and the next one' status 0 rec-rotate --dir t --max-size 1 --session-days 9999
ok '...' test -e t/archive/${name}_30000101T000000.000001Z.json.gz
echo '{"id":"old"}' | gzip >t/archive/${name}_99991231T235959.999999Z.json.gz
rows 2 3 >t/by_date/$name.json
rows 2 3 >t/by_date/2025-12-09_all_interactions.json
ok 'the end of time is status 3' status 3 rec-rotate --dir t --max-size 1 --session-days 9999
like '... said' "$err" "^rec-rotate: t/by_date/$name.json: a part of it in the archive is from the end of time"
ok '... the file stays' test -e t/by_date/$name.json
ok '... the others go on' test ! -e t/by_date/2025-12-09_all_interactions.json

# ---- what a kill left, and strangers ----

new_tree t
mkdir t/archive t/archive/dir.tmp
base=t/archive/session_a_2026-01-01_20260102T030405.000006Z.json
rows 0 3000 >$base; gzip -c $base >$base.gz
alone=t/archive/2026-01-01_errors_20260102T030405.000006Z.json
rows 0 20 >$alone
empty=t/archive/2026-01-02_errors_20260102T030405.000006Z.json
: >$empty
echo half >t/archive/.compress.tmp
bad=t/archive/session_b_2026-01-01_20260102T030405.000006Z.json
rows 0 20 >$bad; rows 0 19 | gzip -c >$bad.gz
cut=t/archive/session_c_2026-01-01_20260102T030405.000006Z.json
rows 0 20 >$cut; gzip -c $cut | head -c 500 >$cut.gz
more=t/archive/session_d_2026-01-01_20260102T030405.000006Z.json
rows 0 20 >$more; rows 0 21 | gzip -c >$more.gz
for f in notes.txt notes.json other.tmp .hidden session_x_2026-01-01.json 2026-13-01_errors_20260102T030405.000006Z.json x.json.gz; do
	echo stranger >"t/archive/$f"
done
mkdir t/archive/session_e_2026-01-01_20260102T030405.000006Z.json
echo outside >outside
ln -s "$T/outside" t/archive/session_f_2026-01-01_20260102T030405.000006Z.json
mkfifo t/archive/session_g_2026-01-01_20260102T030405.000006Z.json
others() { listing t | grep -e '/archive/\(notes\|other\|.hidden\|session_[b-g]\|session_x\|2026-13\|x.json\|dir.tmp\)'; }
others >before
run rec-rotate --dir t --dry-run --session-days 9999
is 'what a kill left: it is told what would be done' "$(json '`${r.action} ${r.path}`' <"$out" | sort)" \
	"compress ${alone#t/}
compress ${empty#t/}
compress ${base#t/}
discard archive/.compress.tmp"
ok '... nothing is done' test -e t/archive/.compress.tmp -a -e $base -a -e $alone
ok 'what a kill left: what does not fit is status 3' status 3 rec-rotate --dir t --session-days 9999
sed 's/_2026.*: /: /' "$err" >messages
is '... named' "$(cat messages)" "rec-rotate: t/archive/session_b: it does not hold what the file without .gz does; remove the one that is wrong
rec-rotate: t/archive/session_c: it does not hold what the file without .gz does; remove the one that is wrong
rec-rotate: t/archive/session_d: it does not hold what the file without .gz does; remove the one that is wrong"
is '... the rest is finished' "$(json '`${r.action} ${r.path}`' <"$out" | sort)" \
	"compress ${alone#t/}
compress ${empty#t/}
compress ${base#t/}
discard archive/.compress.tmp"
ok '... the half file is gone' test ! -e t/archive/.compress.tmp
ok '... the original is gone whose compressed form was there' test ! -e $base -a -s $base.gz
ok '... the one that stood alone is compressed' test ! -e $alone -a -s $alone.gz
rows 0 20 >want; zcat $alone.gz >got
same '...' got want
is '... an empty one, too' "$(zcat $empty.gz | wc -c) $(test -e $empty; echo $?)" '0 1'
others >after
same 'strangers, links and both of what does not fit stay as they are' after before
is '...' "$(cat outside)" outside

# symbolic links
new_tree t
mkdir -p far/session_1 far/archive
rows 0 10 >far/2020-01-01_all_interactions.json
rows 0 10 >far/session_1/2020-01-01.json
touch -d '2020-01-02' far/*.json far/*/*.json
ln -s "$T/far/2020-01-01_all_interactions.json" t/by_date/2020-01-01_all_interactions.json
ln -s "$T/far/session_1" t/by_session/session_1
ln -s none t/by_session/session_2
ln -s "$T/far/session_1/2020-01-01.json" t/errors/2020-01-01_errors.json
mkfifo t/errors/2020-01-02_errors.json
mkdir t/errors/2020-01-03_errors.json
listing far >before; listing t | grep -v -e archive -e '^\. d' >before2
ok 'symbolic links and devices are passed over' status 0 timeout 20 rec-rotate --dir t --max-size 1 --force
is '... in silence' "$(cat "$out" "$err")" ''
listing far >after; listing t | grep -v -e archive -e '^\. d' >after2
same '... not followed' after before
same '... not removed' after2 before2
rm -rf t/archive; ln -s "$T/far/archive" t/archive
ok 'an archive that is a link is status 3' status 3 rec-rotate --dir t --max-size 1
like '... said' "$err" 'rec-rotate: t/archive: not a folder \(symbolic links are not followed\)'

# ---- expire ----

new_tree t
mkdir t/by_session/session_1 t/by_session/session_2 t/by_session/session_3 t/by_session/other t/real_time
echo '{}' >t/real_time/latest.json
touch -d '2019-01-01' t/real_time/latest.json t/by_session/other
for n in 29 30 31 90 91; do
	for f in t/by_date/$(day $n)_all_interactions.json t/by_session/session_1/$(day $n).json t/errors/$(day $n)_errors.json; do
		rows 0 2 >"$f"
		touch -d '2 days ago' "$f"
	done
done
rows 0 2 >t/by_session/session_2/"$(day 400)".json
touch -d '2 days ago' t/by_session/session_2/*
rows 0 2 >t/by_date/2999-01-01_all_interactions.json
rows 0 2 >t/by_date/notes.json
rows 0 2 >t/by_date/2020-02-30_all_interactions.json
rows 0 2 >t/by_session/session_1/2020-01-01.json.bak
touch -d 2019-01-01 t/by_date/2999* t/by_date/notes.json t/by_date/2020* t/by_session/session_1/*.bak
rows 0 2 >t/by_date/"$(day 200)"_all_interactions.json
touch -d '23 hours ago' t/by_date/"$(day 200)"_all_interactions.json
rows 0 2 >t/by_date/"$(day 201)"_all_interactions.json
touch -d '25 hours ago' t/by_date/"$(day 201)"_all_interactions.json
rows 0 2 >t/by_date/"$(day 202)"_all_interactions.json
touch -d 'next year' t/by_date/"$(day 202)"_all_interactions.json
mkdir t/archive
rows 0 2 | gzip >t/archive/2001-01-01_errors_20010102T030405.000006Z.json.gz
touch -d 2001-01-02 t/archive/*
want="expire by_date/$(day 201)_all_interactions.json 201
expire by_date/$(day 91)_all_interactions.json 91
expire by_session/session_1/$(day 91).json 91
expire by_session/session_2/$(day 400).json 400
expire errors/$(day 31)_errors.json 31
expire errors/$(day 90)_errors.json 90
expire errors/$(day 91)_errors.json 91"
listing t >before
run rec-rotate --dir t --dry-run
is 'expire: a dry run' "$(json '`${r.action} ${r.path} ${r.age_days}`' <"$out" | sort)" "$(echo "$want" | sort)"
listing t >after
same '... changes nothing' after before
rows 0 2 >two
(cd t && find . -type f ! -name .lock | sort) >files
ok 'expire' status 0 rec-rotate --dir t -v
is '... by the day in the name: more than 90 days, errors 30' "$(json '`${r.action} ${r.path} ${r.age_days}`' <"$out" | sort)" "$(echo "$want" | sort)"
is '... with the day and the size' "$(json '`${r.path.includes(r.day)} ${r.bytes}`' <"$out" | sort -u)" "true $(stat -c %s two)"
(cd t && find . -type f ! -name .lock | sort) >left
is '... these are gone and no others' "$(comm -23 files left | wc -l) $(comm -13 files left | wc -l)" '7 0'
is '... what was written to within 24 hours is kept' "$(grep -c 'kept: written to within' "$err")" 2
ok '... an empty session folder goes, other folders stay' test ! -e t/by_session/session_2 -a ! -e t/by_session/session_3 -a -d t/by_session/other -a -d t/by_session/session_1
ok '--force' status 0 rec-rotate --dir t --force
is '... takes those that were written to as well' "$(json '`${r.action} ${r.age_days}`' <"$out" | sort)" 'expire 200
expire 202'
ok '... days to come stay' test -e t/by_date/2999-01-01_all_interactions.json
ok '... archives stay' test -e t/archive/2001*
ok '--session-days, --error-days' status 0 rec-rotate --dir t --session-days 89 --error-days 29
is '...' "$(json '`${r.action} ${r.path} ${r.age_days}`' <"$out" | sort)" "$(echo "expire by_date/$(day 90)_all_interactions.json 90
expire by_session/session_1/$(day 90).json 90
expire errors/$(day 30)_errors.json 30" | sort)"
ok 'LLM_RECORDS_RETENTION_DAYS' status 0 env LLM_RECORDS_RETENTION_DAYS=29 rec-rotate --dir t
is '... is for sessions and days' "$(json 'r.age_days' <"$out" | sort -u | tr '\n' ' ')" '30 31 '
archived=t/archive/$(day 11)_errors_20010102T030405.000006Z.json.gz
rows 0 2 | gzip >"$archived"
archived=t/archive/$(day 10)_errors_20010102T030405.000006Z.json.gz
rows 0 2 | gzip >"$archived"
ok '--archive-days' status 0 rec-rotate --dir t --archive-days 10
is '... removes by the day in the name' "$(json '`${r.action} ${r.age_days < 12} ${r.path}`' <"$out" | sort)" "$(echo "expire false archive/2001-01-01_errors_20010102T030405.000006Z.json.gz
expire true archive/$(day 11)_errors_20010102T030405.000006Z.json.gz" | sort)"
ok '... the others stay' test -e "$archived"
new_tree t
rows 0 2 >t/by_date/"$(day 40)"_all_interactions.json
touch -d '3 days ago' t/by_date/*
rec-rotate --dir t --max-size 1 --archive-days 10 --dry-run >would
run rec-rotate --dir t --max-size 1 --archive-days 10
is '... what is rotated only now, too' "$(json r.action <"$out" | tr '\n' ' ')" 'rotate compress expire '
is '... as --dry-run says' "$(json '`${r.action} ${r.age_days}`' <would)" "$(json '`${r.action} ${r.age_days}`' <"$out")"
# today is a local day
new_tree t
rows 0 1 >t/errors/"$(TZ=UTC-14 date -d '30 days ago' +%F)"_errors.json
touch -d '3 days ago' t/errors/*
run env TZ=UTC+12 rec-rotate --dir t --error-days 29
is 'today is a day of the zone: where it is still yesterday' "$(wc -l <"$out")" 0
run env TZ=UTC-14 rec-rotate --dir t --error-days 29
is '... where it is tomorrow already' "$(wc -l <"$out")" 1
# what is too large to expire is archived
new_tree t
rows 0 10 >t/by_date/2020-01-01_all_interactions.json
touch -d 2020-01-02 t/by_date/*
run rec-rotate --dir t --max-size 1K --dry-run
is 'what is large is archived, however old' "$(json 'r.action' <"$out" | tr '\n' ' ')" 'rotate compress '
run rec-rotate --dir t --max-size 1K
is '...' "$(json 'r.action' <"$out" | tr '\n' ' ')" 'rotate compress '

# ---- others at the same time ----

new_tree t
mkdir t/archive
cp big t/by_date/$name.json
: >t/archive/.lock
mkfifo hold
flock t/archive/.lock sh -c 'echo locked >held; cat hold' >/dev/null & holder=$!
tap_pids="$tap_pids $holder"
ok 'the lock is held' within 10 test -s held
rec-rotate --dir t --max-size 1M >first.out 2>first.err & one=$!
ok 'a second one waits' within 10 grep -q 'another rec-rotate is at work: waiting' first.err
kill -TERM $one; wait $one 2>/dev/null; st=$?
is '... until a signal comes' $st 143
same '... with everything as it was' t/by_date/$name.json big
rec-rotate --dir t --max-size 1M --session-days 9999 >first.out 2>first.err & one=$!
rec-rotate --dir t --max-size 1M --session-days 9999 >second.out 2>second.err & two=$!
ok 'two wait' within 10 grep -q waiting second.err
ok '...' within 10 grep -q waiting first.err
ok 'a dry run does not' status 0 timeout 10 rec-rotate --dir t --dry-run
: >hold
wait $holder $one; a=$?
wait $two; b=$?
is '... then both end well' "$a $b" '0 0'
is '... one has done it' "$(cat first.out second.out | json 'r.action' | tr '\n' ' ')" 'rotate compress '
zcat t/archive/*.gz >got
same '... whole' got big

new_tree t
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cat big; done >t/by_date/$name.json
cp t/by_date/$name.json want
rec-rotate --dir t --max-size 1M --jobs 1 --session-days 9999 >"$out" 2>"$err" & one=$!
ok 'a signal while it compresses' within 20 sh -c '[ "$(stat -c %s t/archive/.compress.tmp 2>/dev/null || echo 0)" -gt 0 ]'
kill -TERM $one; wait $one 2>/dev/null; st=$?
is '... ends it by that signal' $st 143
is '... the half file is gone, the original stays' "$(ls -A t/archive | sed 's/.*json$/json/' | sort | tr '\n' ' ')" '.lock json '
same '... whole' "$(echo t/archive/*.json)" want
ok '... and the next one goes on' status 0 rec-rotate --dir t --max-size 1M --session-days 9999
zcat t/archive/*.gz >got
same '...' got want

# writers that take the lock, look again, and write (tree.h); they go on until there were rotations enough
new_tree t
cat >writer.sh <<'END'
i=0
while [ $i -lt 150 ] || { [ ! -e enough ] && [ $i -lt 20000 ]; }; do
	exec 9>>"$2"
	flock 9
	if [ "$(stat -Lc %i /proc/$$/fd/9)" = "$(stat -c %i "$2" 2>/dev/null)" ]; then
		echo "{\"id\":\"$1-$i\",\"prompt\":\"some text that fills the file\"}" >&9
		echo "$1-$i"
		i=$((i + 1))
	fi
	exec 9>&-
done >"written.$1"
END
for w in 1 2 3; do
	sh writer.sh $w "t/by_date/${TODAY}_all_interactions.json" & eval "w$w=\$!"
done
n=0
while kill -0 "$w1" 2>/dev/null || kill -0 "$w2" 2>/dev/null || kill -0 "$w3" 2>/dev/null; do
	rec-rotate --dir t --max-size 1K >>rotated 2>>rotated.err || echo failed >>rotated.err
	n=$((n + 1))
	[ "$(grep -c '"action":"rotate"' rotated)" -le 5 ] || : >enough
done
wait
sort written.* >want
contents t | json 'r.id' | sort >got
same 'writers at work: every line is there once' got want
rotations=$(grep -c '"action":"rotate"' rotated)
ok '... in many parts' test "$rotations" -gt 5
is '... nothing is said' "$(cat rotated.err)" ''
echo "# $n runs, $rotations rotations"

# ---- stdout, another file system ----

new_tree t
rows 0 3000 >t/by_date/$name.json
cp t/by_date/$name.json want
ok 'a full stdout is status 3' status 3 sh -c 'rec-rotate --dir t --max-size 1M --session-days 9999 >/dev/full'
ok '... the next one finishes' status 0 rec-rotate --dir t --max-size 1M --session-days 9999
zcat t/archive/*.gz >got
same '...' got want
new_tree t
mkdir t/archive
rows 0 10 >t/by_date/$name.json
if unshare -rm sh -c 'mount -t tmpfs none t/archive' 2>/dev/null; then
	ok 'an archive on another file system is status 3' status 3 unshare -rm sh -c \
		'mount -t tmpfs none t/archive && rec-rotate --dir t --max-size 1 --session-days 9999'
	like '... said' "$err" "by_date/$name.json: the archive is on another file system"
	ok '... the file stays' test -s t/by_date/$name.json
else
	skip 3 'nothing can be mounted here'
fi

done_testing
