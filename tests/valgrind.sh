#!/bin/sh
# valgrind.sh TEST... - run tests with each tool and unit test of the build $B under valgrind; make check-valgrind calls it.
#
# Ends with status 1 where a test fails, or where any process, also one whose status no test looks at, used memory that is not its own or not
# set, lost some, or ended with more than two descriptors that it got at one place.  Each leaves a log in $B/san-valgrind/log.
set -eu

: "${B:?the build directory}"
v=$B/san-valgrind	# a name by which lib.sh leaves out what is about memory and time, or preloads
rm -rf "$v"
mkdir -p "$v/log" "$v/unit"
chmod 1777 "$v/log"	# some tests are another user for a while
for f in "$B"/* "$B"/unit/*; do
	name=${f#"$B/"}
	case $name in
	*.a | *.so | fill | gen | load | measure) ln -s "$f" "$v/$name"; continue ;;
	esac
	if [ ! -f "$f" ] || [ ! -x "$f" ]; then continue; fi
	cat >"$v/$name" <<-END
		#!/bin/sh
		exec valgrind --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --track-fds=yes --vgdb=no \\
			--log-file='$v/log/${f##*/}.%p' -- '$f' "\$@"
	END
	chmod +x "$v/$name"
done

st=0
B=$v ${PROVE:-prove} -j"${JOBS:-2}" --timer --exec tests/run "$@" || st=1
for log in "$v"/log/*; do
	awk '
		/ ERROR SUMMARY: / && $4 > 0 { bad = 1 }
		/== Open / { place = ""; next }
		/==    (at|by) 0x/ { sub(/.*0x[0-9A-F]*: /, ""); place = place " < " $0; next }
		/== $/ { if (place != "" && ++open[place] > 2) bad = 1; place = "" }	# a pipe is two
		END { exit bad }' "$log" || { echo "valgrind: see $log"; st=1; }
done
exit $st
