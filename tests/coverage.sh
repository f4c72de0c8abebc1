#!/bin/sh
# coverage.sh [PERCENT] - how much of lib/ the tests have run, file by file, the least covered first; make coverage calls it.
# Ends with status 1 where that is less than PERCENT of the lines (default 90).  $B: a build with --coverage in which the tests were run.
set -eu

: "${B:?the build directory}"
cd "$(dirname "$0")/.."
find "$B/lib" -name '*.gcno' | sort | while read -r notes; do
	gcov -n -o "$notes" "${notes%.gcno}.c" 2>/dev/null
done | awk -v least="${1:-90}" '
	/^File / { file = substr($2, 2, length($2) - 2) }
	/^Lines executed:/ && file ~ /^lib\/.*\.(c|inc)$/ {
		split($2, part, /[:%]/)
		n = $NF
		lines[file] += n
		run[file] += n * part[2] / 100
		file = ""
	}
	END {
		for (f in lines) {
			all += lines[f]
			done += run[f]
			printf "%5.1f %% of %4d  %s\n", 100 * run[f] / lines[f], lines[f], f | "sort -n"
		}
		close("sort -n")
		if (all == 0) {
			print "coverage: no counts in this build"
			exit 1
		}
		printf "%5.1f %% of %d lines of lib/\n", 100 * done / all, all
		exit 100 * done / all < least
	}'
