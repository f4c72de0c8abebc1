#!/bin/sh
# recording.t - what the READMEs show of a terminal is what the tools write on one; see recording.py.
. "${0%/*}/lib.sh"

python3 -c 'import pty' 2>/dev/null || skip_all 'Python with its pty module is not installed'
for t in ls-fetch msg-extract dedup bt-push bt-prune log-check cc-count sql-load sql-query rec-write rec-stat clock.so; do
	[ -e "$B/$t" ] || skip_all "$t is not built"
done

# What takes real time is N; so are the figures of a progress line, of which each form is left once.
masked() {
	sed -E 's/^ *[0-9.]+ s  (.*)/  N s  \1/; /^  N s  /{ s/[0-9]+/N/g; s/\[[# ]*\]/[##]/; }; s/(seconds)=[0-9.]+/\1=N/' "$1" | uniq
}

ok 'a terminal is recorded' status 0 python3 "$top/tests/recording.py"
masked "$out" >now
like 'and shows progress' now '^  N s  ls-fetch: N runs, N/s \[##] N%, N s left$'
for f in README.md README.zh-CN.md; do
	awk '/^<!-- recording -->$/ { inside = 1 } inside; inside && /^```$/ && n++ { exit }' "$top/$f" >block
	masked block >want
	same "$f shows it (else: make check, then tests/recording.py $f)" now want
done

done_testing
