#!/bin/sh
# What all filters promise: llmutils(7).
. "${0%/*}/lib.sh"

FILTERS='dedup -k id
msg-extract
cc-count -f inputs.input
cc-count -r botrun -f inputs.input'

rec() { printf '{"id":"%s","inputs":{"input":"m"}}\n' "$1"; }
seq_rec() { awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) printf "{\"id\":\"%d\",\"inputs\":{\"input\":\"m\"}}\n", i }'; }
repeat() { head -c "$1" /dev/zero | tr '\0' "$2"; }		# BYTES CHARACTER
nested() { printf '{"id":"deep","a":'; repeat $(($1 - 1)) '['; repeat $(($1 - 1)) ']'; echo '}'; }
ids() { json 'r.id || r.run_id' | tr '\n' ' '; }
test_gone() { case $(cat "/proc/$1/stat" 2>/dev/null) in '' | *') Z '*) ;; *) return 1 ;; esac; }	# a zombie counts
peak() { /usr/bin/time -f %M -o peak "$@"; }			# in KB, to the file peak
small() { [ "$(tail -n 1 peak)" -lt "$1" ] || { echo "peak memory: $(cat peak) KB, not below $1"; return 1; }; }

all_bad() {	# lines that no filter takes, the reasons in bad.want
	printf '%s\n' 'x' '[1]' '{"id":1' '{"id":"1",}' '{"id":01}' '{"id":"\x"}' '{"id":"a	b"}' '{"id":"1"} {}'
	printf '{"id":"\0"}\n{"id":"\377"}\n{"id":"\355\240\200"}\n'
	cat >bad.want <<-'END'
	1:1: not JSON
	2:1: not an object
	3:8: the line ends too early
	4:11: a member's name is missing
	5:8: ',' or '}' is missing
	6:8: a bad escape in a string
	7:9: a control character in a string
	8:12: more text behind the end
	9:8: a control character in a string
	10:8: not UTF-8
	END
	echo '1 more lines were rejected, 11 in all' >>bad.want
}
all_bad >bad
seq_rec 5 >five
{ rec 1; cat bad; rec 2; } >mixed
nested 1024 >deep.1024
nested 1025 >deep.1025
nested 10000 >deep.10000
"$B/gen" runs 6M >gen6 2>/dev/null || exit 1
# Bad lines everywhere, so that blocks meet rejects in every order.
awk 'NR % 37 == 0 { print "{\"id\":" NR " oops" } NR % 91 == 0 { print "" } { print }' gen6 >many
[ -n "$SAN" ] || { printf '{"id":"big","inputs":{"input":"'; repeat 104857600 x; printf '"}}\n'; rec after; } >big
{ rec 1; rec 2; } >two

check_usage() {
	run "$tool" --help
	is "$tool: --help is status 0" $st 0
	like "$tool: --help shows the usage" "$out" "^usage: $tool"
	like "$tool: --help shows the exit status" "$out" '^Exit status: 0'
	ok "$tool: --help says nothing on stderr" test ! -s "$err"
	ok "$tool: --version" status 0 "$tool" -V
	like "$tool: --version" "$out" "^$tool \(llmutils\) [0-9]"
	for bad in --nonsense -Z '-q -v' '--jobs 0' '--jobs x' '--max-line 1Q' '--progress=maybe' '--rejects'; do
		# shellcheck disable=SC2086
		ok "$tool: $bad is status 2" status 2 $f $bad </dev/null
		like "$tool: $bad: a pointer to --help" "$err" "^$tool: try '$tool --help'\$"
		is "$tool: $bad: two lines, nothing on stdout" "$(wc -l <"$err" | tr -d ' ')$(cat "$out")" 2
	done
	ok "$tool: --rejects into a missing directory is status 2" status 2 $f --rejects no/such/file <five
	ok "$tool: --help into a full disk is status 3" status 3 sh -c "$tool --help >/dev/full"
}

check_records() {
	ok "$tool: an empty input is status 0" status 0 $f </dev/null
	ok "$tool: ... and no output at all" test ! -s "$out" -a ! -s "$err"
	ok "$tool: blank lines, CRLF, a BOM, no last newline" status 0 $f <<-END
	$(printf '\357\273\277{"id":"1","inputs":{"input":"m"}}\r\n\n \t\r\n%s\n\n\n%s' "$(rec 2)" "$(rec 3)")
	END
	is "$tool: ... all records come out" "$(ids <"$out")" '1 2 3 '
	rec 7 | tr -d '\n' >no-newline
	ok "$tool: a last line without its newline counts" status 0 $f no-newline
	is "$tool: ... and gets one" "$(wc -l <"$out" | tr -d ' ')" 1
	printf '\357\273\277' >bom
	ok "$tool: nothing but a BOM" status 0 $f bom
	ok "$tool: the last of equal keys counts" status 0 $f <<-'END'
	{"id":"no","id":"yes","inputs":{"input":"m"},"\u0069d":"last"}
	{"id":"yes","inputs":{"input":"m"}}
	{"id":"last","id":"first","inputs":{"input":"m"}}
	END
	is "$tool: ... however the key is spelled" "$(wc -l <"$out" | tr -d ' ')" 3
	ok "$tool: several files, - is stdin" status 0 $f five - no-newline <two
	ok "$tool: 1024 levels" status 0 $f deep.1024
	ok "$tool: 1025 levels are rejected" status 1 $f deep.1025
	like "$tool: ... with the place" "$err" "^$tool: deep.1025:1:1041: nested too deep\$"
	ok "$tool: 10000 levels are rejected" status 1 $f deep.10000
}

check_rejects() {
	rm -f r
	echo before >r
	ok "$tool: bad lines are status 1" status 1 $f --rejects r bad
	sed "s/^$tool: bad://; s/^$tool: //" "$err" >msgs
	same "$tool: each is named, FILE:LINE:COLUMN: reason; ten at most, then a summary" msgs bad.want
	{ echo before; cat bad; } >want
	same "$tool: --rejects appends the lines as they came" r want
	ok "$tool: good lines around bad ones" status 1 $f mixed
	is "$tool: ... pass" "$(ids <"$out")" '1 2 '
	ok "$tool: -q still names what is wrong" status 1 $f -q bad
	like "$tool: ..." "$err" 'bad:1:1'
	for j in 1 2; do
		ok "$tool: --strict --jobs $j is status 1" status 1 $f --strict --jobs $j mixed five
		is "$tool: ... stops at the first" "$(ids <"$out")" '1 '
		is "$tool: ... and names it alone" "$(cat "$err")" "$tool: mixed:2:1: not JSON"
	done
	ok "$tool: -v ends with a summary line" status 1 $f -v mixed
	is "$tool: ..." "$(tail -n 1 "$err" | grep -Ec "^$tool: read=2 written=2 .*rejected=11 seconds=[0-9.]+\$")" 1
	ok "$tool: --rejects into a full disk is status 3" status 3 $f --rejects /dev/full bad
	printf '{"id":"cut' >r
	ok "$tool: --rejects: a last line that was cut" status 1 $f --rejects r bad
	{ printf '{"id":"cut\n'; cat bad; } >want
	same "$tool: ... gets its newline" r want
}

# A file that is read and written at once would never end; where nothing stops it, the limit does.
check_own() {
	awk '{ print "bad" } END { for (i = 0; i < 20000; i++) print "bad" }' five >own
	cp own own.was
	for in in own '<own'; do
		ok "$tool: --rejects into the input ($in) is status 2" status 2 sh -c "ulimit -f 1000; $f --rejects own $in"
		is "$tool: ... said" "$(cat "$err")" "$tool: --rejects: own is read as well; name another file"
		same "$tool: ... and it is left as it is" own own.was
	done
	cp gen6 own
	ok "$tool: stdout into the input is status 2" status 2 sh -c "ulimit -f 20000; $f five own >>own"
	is "$tool: ... said" "$(cat "$err")" "$tool: own is also what is written to; write to another file"
	same "$tool: ... and it is left as it is" own gen6
	ok "$tool: also where stdin is it" status 2 sh -c "ulimit -f 20000; $f <own >>own"
	is "$tool: ... said" "$(cat "$err")" "$tool: stdin is also what is written to; write to another file"
}

check_bound() {
	long=$(repeat 30 x)
	line="{\"id\":\"$long\",\"inputs\":{\"input\":\"m\"}}"
	n=${#line}
	{ rec 1; echo "$line"; rec 2; } >lines
	ok "$tool: a line at the bound" status 0 $f --max-line $n lines
	is "$tool: ..." "$(wc -l <"$out" | tr -d ' ')" 3
	rm -f r
	ok "$tool: a line beyond the bound is rejected" status 1 $f --max-line $((n - 1)) --rejects r lines
	is "$tool: ... and named" "$(cat "$err")" "$tool: lines:2: longer than --max-line"
	is "$tool: ... and kept" "$(cat r)" "$line"
	is "$tool: ... the others pass" "$(ids <"$out")" '1 2 '
	# Longer than a block, without its newline at the end: it comes in pieces.
	{ rec 1; printf '{"id":"'; repeat 3000000 y; } >pieces
	rm -f r
	ok "$tool: a long line that the file ends in" status 1 $f --max-line 100K --rejects r pieces
	is "$tool: ... counts once" "$(cat "$err")" "$tool: pieces:2: longer than --max-line"
	{ tail -n 1 pieces; echo; } >want
	same "$tool: ... and is kept with a newline" r want
	{ cat pieces; echo '"}'; rec 2; } >pieces2
	rm -f r
	ok "$tool: --strict and a long line" status 1 $f --strict --max-line 100K --rejects r pieces2
	sed -n 2p pieces2 >want
	same "$tool: ... it is kept as a whole" r want
	is "$tool: ... and work ends there" "$(ids <"$out")" '1 '
	ok "$tool: without --strict" status 1 $f --max-line 100K --jobs 2 pieces2
	is "$tool: ... it goes on" "$(ids <"$out")" '1 2 '
}

check_big() {
	if [ -n "$SAN" ] || [ ! -x /usr/bin/time ]; then
		skip 7 'memory is not measured here'
		return
	fi
	ok "$tool: 100 MB in a line are beyond the default bound" status 1 peak $f big
	is "$tool: ... work goes on" "$(ids <"$out")" 'after '
	ok "$tool: ... in bounded memory" small 150000
	ok "$tool: --max-line 200M takes it" status 0 peak $f --max-line 200M --jobs 1 big
	is "$tool: ... all of it" "$(wc -l <"$out" | tr -d ' ') $(wc -c <"$out" | awk '{ print ($1 > 104857600) }')" '2 1'
	ok "$tool: ... in little more than the line or two" small 330000
	"$B/gen" runs 60M | peak $f >/dev/null
	ok "$tool: memory does not grow with the input" small 16000
}

check_jobs() {
	for j in 1 2 3 8; do
		rm -f rejects.$j
		run $f --jobs $j --rejects rejects.$j many
		mv "$out" out.$j; mv "$err" err.$j
		is "$tool: --jobs $j: status" $st 1
		[ $j = 1 ] && continue
		same "$tool: --jobs $j: the same output" out.$j out.1
		same "$tool: --jobs $j: the same messages" err.$j err.1
		same "$tool: --jobs $j: the same rejects" rejects.$j rejects.1
	done
	cat many | run $f
	same "$tool: through a pipe: the same output" "$out" out.1
	sed 's/many:/stdin:/' err.1 >want
	same "$tool: through a pipe: the same messages" "$err" want
}

check_files() {
	ok "$tool: a missing file is status 3" status 3 $f five missing no-newline
	is "$tool: ... said once" "$(cat "$err")" "$tool: missing: No such file or directory"
	is "$tool: ... the others are read" "$(ids <"$out")" '1 2 3 4 5 7 '
	ok "$tool: a directory as stdin is status 3" status 3 sh -c "$f <."
	like "$tool: ... said" "$err" "^$tool: stdin: Is a directory\$"
	ok "$tool: a closed stdin is status 3" status 3 sh -c "$f <&-"
	ok "$tool: a full disk is status 3" status 3 sh -c "$f five >/dev/full"
	like "$tool: ... said" "$err" "^$tool: stdout: No space left on device\$"
	ok "$tool: a closed stdout is status 3" status 3 sh -c "$f five >&-"
	ok "$tool: ... also with nothing to write" status 0 sh -c "$f </dev/null >&-"
	ok "$tool: a closed stderr harms nobody" status 1 sh -c "$f mixed 2>&-"
	is "$tool: ..." "$(ids <"$out")" '1 2 '
	# More than a pipe takes, or it may end before head does.
	{ $f gen6 gen6 gen6 gen6 2>sigpipe.err; echo $? >sigpipe.st; } | head -n 1 >/dev/null
	is "$tool: a closed pipe ends it by SIGPIPE" "$(cat sigpipe.st)" 141
	ok "$tool: ... quietly" test ! -s sigpipe.err
	if mkdir -p small && mount -t tmpfs -o size=64k none small 2>/dev/null; then
		ok "$tool: a disk that fills up is status 3" status 3 sh -c "$f gen6 >small/out"
		like "$tool: ... said" "$err" "^$tool: stdout: No space left on device\$"
		rm -f small/*
		ok "$tool: ... also for the rejects" status 3 $f --rejects small/r pieces2 --max-line 1K
		umount small
	else
		skip 3 'mounting a small file system needs rights'
	fi
}

check_stream() {
	rm -f in; mkfifo in
	rm -f stream.bad
	$f --rejects stream.bad <in >stream.out 2>stream.err & pid=$!
	exec 3>in
	rec 1 >&3
	ok "$tool: a record comes out while stdin stays open" within 10 grep -q '"1"' stream.out
	rec 2 | head -c 9 >&3
	sleep 0.1
	rec 2 | tail -c +10 >&3
	ok "$tool: ... also one that comes in pieces" within 10 grep -q '"2"' stream.out
	cat bad >&3
	within 10 grep -q stdin:12:8 stream.err
	ok "$tool: ... and what is rejected is in its file" within 10 cmp -s stream.bad bad
	kill -TERM $pid
	wait $pid 2>/dev/null; st=$?
	exec 3>&-
	is "$tool: SIGTERM is status 143" $st 143
	# The reader of the next line must not keep the others from the end.
	$f --strict --jobs 2 <in >stream.out 2>stream.err & pid=$!
	exec 3>in
	rec 1 >&3
	within 10 grep -q '"1"' stream.out
	echo bad >&3
	ok "$tool: --strict --jobs 2 ends while stdin stays open" within 10 test_gone $pid
	exec 3>&-
	wait $pid 2>/dev/null; st=$?
	is "$tool: ... with status 1" $st 1
}

check_start() {
	ok "$tool: links little" sh -c "! ldd '$B/$tool' | grep -E 'libcurl|libjq|libcrypto|libssl|libz|libpq|sqlite'"
}

# EINTR and short writes are dealt with in one place: what comes out is the same.
check_calls() {
	if [ -n "$SAN" ]; then skip 2 'the shim cannot be loaded before a sanitizer'; return; fi
	$f <"$top/tests/data/runs.ndjson" >whole
	for act in short EINTR; do
		LD_PRELOAD=$B/fault.so FAULT_AT=1 FAULT_ACT=$act FAULT_CALLS=write $f <"$top/tests/data/runs.ndjson" >parts 2>err
		same "$tool: $act writes lose nothing" parts whole
	done
}

IFS='
'
for f in $FILTERS; do
	IFS=' 	
'
	tool=${f%% *}
	if [ ! -x "$B/$tool" ]; then echo "Bail out! $B/$tool is not built"; exit 1; fi
	check_usage
	check_records
	check_rejects
	check_own
	check_bound
	check_big
	check_jobs
	check_files
	check_stream
	check_start
	check_calls
	IFS='
'
done
IFS=' 	
'
# Tools that gather records before they act.
cp bad own
for t in sql-load msg-join; do
	ok "$t: --rejects into the input is status 2" status 2 sh -c "ulimit -f 1000; $t $([ $t = msg-join ] || echo --table t --create) --rejects own own"
	is "$t: ... said" "$(cat "$err")" "$t: --rejects: own is read as well; name another file"
	same "$t: ... and it is left as it is" own bad
done
done_testing
