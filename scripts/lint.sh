#!/bin/sh
# lint.sh [--fast] - static checks of all that is in the tree: shell, man pages, JavaScript, C.
#
#   --fast  only what takes seconds: shell, man pages, JavaScript; C only by the compilers' warnings, which are errors in CI
#
# Prints findings only, and ends with status 1 if there are any.  A checker that is not installed is skipped
# with a note; scripts/install-deps.sh test installs them (clang-tidy is used where it is there).
# shellcheck disable=SC2317,SC2329	# the checks are called by name
set -u
cd "$(dirname "$0")/.." || exit 2

failed=0
fast=${1-}
jobs=$(nproc 2>/dev/null || echo 2)
includes="-Ilib -Icmd -D_GNU_SOURCE $(pkg-config --cflags libpq 2>/dev/null)"

have() {
	command -v "$1" >/dev/null 2>&1 && return
	echo "lint: $1 is not installed: skipped" >&2
	return 1
}

# Run a check; what it prints is a finding, and shown under its name.
check() {
	name=$1
	shift
	log=$("$@" 2>&1)
	st=$?
	log=$(printf '%s' "$log" | head -n 80)
	[ "$st" != 0 ] || [ -n "$log" ] || return 0
	printf 'lint: %s:\n%s\n' "$name" "$log" >&2
	failed=1
}

# CMD... FILE for each file name of stdin, several at a time.
each() {
	xargs -P "$jobs" -n 1 "$@"
}

c_files() {
	find lib cmd -name '*.c'
}

check_shell() {
	find scripts tests .ci -name node_modules -prune -o -type f \( -name '*.sh' -o -path .ci/run -o -path tests/run \) -print |
		each shellcheck -e SC1090,SC1091
}

# lib.sh sets variables that the tests use (2154); quoted code is for another shell (2016); file names are our own.
check_tests() {
	find tests -maxdepth 1 -name '*.t' | each shellcheck -s sh -S warning -e SC1090,SC1091,SC2030,SC2031,SC2038,SC2154,SC2238
}

check_man() {
	find man -name '*.[1-9]' -exec mandoc -Tlint -W warning {} +
}

check_js() {
	find tests -name node_modules -prune -o -name '*.js' -print | each node --check
	for f in cmd/trace-serve/page/*.js; do	# modules for browsers, which Node.js does not see by their names
		node --check --input-type=module <"$f" 2>&1 | sed "s|^\[stdin\]|$f|"
	done
}

# arrayIndexThenCheck is off: for (; s[i] != 0 && i < sizeof copy; ...) reads s, and bounds copy.
check_cppcheck() {
	cppcheck -q -j "$jobs" --std=c11 -Ilib -Icmd -D_GNU_SOURCE --enable=warning,performance,portability \
		--inline-suppr --suppress=missingIncludeSystem --suppress=arrayIndexThenCheck --error-exitcode=1 lib cmd
}

# use-of-uninitialized-value is off: gcc takes the scanner's bit stack for uninitialised.
check_gcc() {
	# shellcheck disable=SC2086	# a list of words
	c_files | each gcc -std=c11 $includes -DVERSION='""' -O1 -fanalyzer -Wno-analyzer-use-of-uninitialized-value -c -o /dev/null
}

# Its notes (the way to a finding) are left out; run it by hand for them.
# shellcheck disable=SC2016	# $0 is for the inner shell
check_tidy() {
	export includes
	c_files | each sh -c 'clang-tidy --quiet "$0" -- -std=c11 $includes -DVERSION=\"\" 2>/dev/null | grep -E "(error|warning):"; :'
}

if have shellcheck; then
	check shellcheck check_shell
	check "shellcheck of the tests" check_tests
fi
have mandoc && check 'mandoc -Tlint' check_man
have node && check 'node --check' check_js
if [ "$fast" != --fast ]; then
	have cppcheck && check cppcheck check_cppcheck
	have gcc && check 'gcc -fanalyzer' check_gcc
	have clang-tidy && check clang-tidy check_tidy
fi
exit $failed
