#!/bin/sh
# layers.t - includes point one way, a service knows no other, the library neither prints nor ends the program, and every tool has all that belongs to it.
. "${0%/*}/lib.sh"

# What the files of a folder of lib/ may include, besides their own.
may_include() {
	case $1 in
	base) echo ;;
	json) echo base ;;
	text | crypt | ndjson | net) echo 'base json' ;;
	store) echo 'base json ndjson crypt' ;;
	langsmith | feishu | google | openai) echo 'base json text crypt ndjson net' ;;
	recorder | trace) echo 'base json text ndjson store' ;;
	*) echo none; return 1 ;;
	esac
}

# "FILE: INCLUDE" for each include of our own.
own_includes() { find "$1" -name "*.[ch]" -o -name "*.inc" | sort | xargs sed -n "s|^#include \"\(.*\)\".*|\1|p" /dev/null; }
wrong_includes() {	# FOLDER ALLOWED...
	folder=$1
	shift
	own_includes "$folder" | cut -d/ -f1 | sort -u | while read -r from; do
		case " $* " in *" $from "*) ;; *) grep -rln "^#include \"$from/" "$folder" | sed "s|\$| includes $from/|" ;; esac
	done
}

cd "$top" || exit 1
for d in lib/*/; do
	d=${d%/} name=${d#lib/}
	ok "$d has its place in the order" may_include "$name"
	# shellcheck disable=SC2046	# words
	is "$d includes only what is below it" "$(wrong_includes "$d" "$name" $(may_include "$name"))" ''
	for c in "$d"/*.c; do
		[ -e "${c%.c}.h" ] || [ -e "$d/inside.h" ] || case $c in lib/store/postgres.c | lib/store/sqlite.c) [ -e lib/store/db.h ] ;; *) false ;; esac || echo "$c"
	done >"$T/missing"
	is "$d: each file has its header" "$(cat "$T/missing")" ''
done
all=$(cd lib && echo *)
for d in cmd/*; do
	name=${d#cmd/}
	is "$d includes the library and its own" "$(wrong_includes "$d" $all "${name%.c}")" ''
done

# Only lib/base may end the program or write to standard output.  By design it does so for two more: ndjson/filter is what drives a
# filter, and a file of rejected records that cannot be written must end the tool, or they would be lost.
if command -v nm >/dev/null && [ -e "$B/lib.a" ]; then
	nm -A "$B/lib.a" 2>/dev/null | awk '
		$(NF - 1) == "U" {
			split($1, part, ":")
			print part[2], $NF
		}' | sort -u >"$T/wanted"
	for c in lib/base/*.c; do basename "$c" .c; done | sed 's/.*/^&\\.o /' >"$T/base"
	is 'no file of the library prints, reads arguments or ends the program' "$(grep -v -f "$T/base" "$T/wanted" |
		grep -v -e '^filter\.o \(die\|std_out\)$' -e '^reject\.o die$' |
		grep -E ' (__)?(v?printf|puts|putchar|putc|stdout|exit|quick_exit|abort|die|opt_parse|opt_misuse|std_[a-z_]*)(_chk)?(@.*)?$')" ''
	ok '... and the check sees what there is' grep -Eq '^(msg|opt)\.o exit' "$T/wanted"
else
	skip 2 'there is no nm, or no library in the build'
fi

for t in $(cd cmd && for f in *; do echo "${f%.c}"; done); do
	for f in "man/$t.1" tests; do
		case $f in
		tests) grep -lqw -e "$t" tests/*.t || echo 'a test' ;;
		*) [ -s "$f" ] || echo "$f" ;;
		esac
	done >"$T/missing"
	is "$t has its page and a test" "$(cat "$T/missing")" ''
done

done_testing
