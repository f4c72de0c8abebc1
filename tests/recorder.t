#!/bin/sh
# The recorder as a whole: writers, rotations, readers and kills at once; then every record that was passed on is
# there exactly once.
. "${0%/*}/lib.sh"

writers=8 each=${LLMUTILS_RECORDS:-4000}
[ -z "$SAN" ] || each=400
run timeout 400 node "$top/tests/recorder.js" "$T/tree" $writers $each
is 'writers, rotations and readers end as they should' "$st" 0
[ $st = 0 ] || sed 's/^/# /' "$err"
sed 's/^/# /' "$out"
like 'writers were killed on the way' "$out" 'writers killed: [1-9]'
like 'rotations were killed on the way' "$out" 'rotations killed: [1-9]'
like 'parts were rotated and compressed' "$out" 'parts in the archive: [1-9]'

ok 'what a killed rotation left is finished' status 0 rec-rotate --dir tree --max-size 1M
ok 'no leftovers in the archive' sh -c '! ls -A tree/archive | grep -v "^\.lock$" | grep -v "\.json\.gz$"'

# A line that was cut by a kill is told, and is no record.
rec-cat --dir tree >merged 2>torn
st=$?
ok 'rec-cat reads all of it' [ $st = 0 -o $st = 1 ]
unlike 'and has nothing to say but torn lines' torn -v ': (a string is not closed|not JSON|[^:]*not [^:]*|[^:]*ends[^:]*|[0-9]+ more.*)$'
ids() { sed -n 's/^{"id":"\([^"]*\)".*/\1/p' "$1" | sort; }
once() { echo "$(wc -l <"$1") $(ids "$1" | uniq | wc -l)"; }
is 'every record exactly once' "$(once merged)" "$((writers * each)) $((writers * each))"
is 'each is whole' "$(json 'r.sum === r.prompt.length ? undefined : r.id' <merged)" ''
is 'in the order of time' "$(json 'i && r.timestamp < rows[i - 1].timestamp ? r.id : undefined' <merged)" ''

for s in 0 1 2; do
	rec-cat --dir tree --session "s$s" 2>/dev/null
done >sessions
is 'the same by session' "$(once sessions)" "$((writers * each)) $((writers * each))"
rec-cat --dir tree --errors 2>/dev/null >errors
grep '"success":false' merged >failed
is 'and those that failed' "$(ids errors | cksum)" "$(ids failed | cksum)"

# Loading libcrypto would take longer than all else that a small run does.
for tool in rec-write rec-cat rec-stat rec-rotate msg-join; do
	ok "$tool links little" sh -c "! ldd '$B/$tool' | grep -E 'libcurl|libjq|libcrypto|libssl|libpq|sqlite'"
done

done_testing
