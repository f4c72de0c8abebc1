#!/bin/sh
# install-deps.sh [build|test|deb|list] - install what is missing to build (or also to test or package) llmutils.
#
#   build   compiler, libraries and Node.js (the stand-ins of quickstart.sh); the default
#   test    the same, and what scripts/test.sh runs
#   deb     as build, and what make deb runs
#   list    install nothing: print the packages that the program is built from, there or not, one a line
#
# For Debian 12+ and Ubuntu 22.04+.  Where nothing is missing it does nothing, needs neither root nor a
# network and prints nothing.  Else it installs with apt-get, as root or through sudo; without either
# it names the packages and ends with status 1.
set -eu

usage() {
	sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"
}

missing=
all=

add() {
	case " $missing " in
	*" $1 "*) ;;
	*) missing="$missing $1" ;;
	esac
}

# What counts is what can be used, not which package brought it: a compiler or Node.js may come from elsewhere.
present() {	# CMD...
	[ -z "$all" ] && "$@" >/dev/null 2>&1
}

command_from() {	# COMMAND PACKAGE
	present command -v "$1" || add "$2"
}

installed() {	# PACKAGE
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

header_from() {	# HEADER PACKAGE
	present test -e "/usr/include/$1" || present test -e "/usr/local/include/$1" || present installed "$2" || add "$2"
}

library_from() {	# PKG-CONFIG-NAME PACKAGE
	present pkg-config --exists "$1" || add "$2"
}

need_build() {
	command_from gcc gcc
	command_from make make
	command_from bash bash
	command_from flock util-linux
	command_from node nodejs
	[ -d /etc/ssl/certs ] || add ca-certificates
	header_from stdio.h libc6-dev
	need_libraries
}

need_libraries() {
	command_from pkg-config pkg-config
	header_from jq.h libjq-dev		# jq 1.6 has no .pc file
	library_from libcurl libcurl4-openssl-dev
	library_from zlib zlib1g-dev
	library_from libcrypto libssl-dev
	library_from sqlite3 libsqlite3-dev
	library_from libpq libpq-dev
	library_from libmicrohttpd libmicrohttpd-dev
	header_from libdeflate.h libdeflate-dev
}

need_test() {
	command_from prove perl
	command_from curl curl
	command_from git git
	command_from mandoc mandoc
	command_from shellcheck shellcheck
	command_from cppcheck cppcheck
	command_from clang clang
	command_from npm npm
	command_from zsh zsh
	command_from valgrind valgrind
	command_from python3 python3
	python3 -c 'import yaml' 2>/dev/null || add python3-yaml
	command_from ps procps
	[ -x /usr/bin/time ] || add time
	header_from cmocka.h libcmocka-dev
	need_browser
	[ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || add postgresql
	[ -e /usr/share/unicode/Scripts.txt ] || add unicode-data
}

need_deb() {
	present installed build-essential || add build-essential	# as dpkg-buildpackage sees it
	command_from dh debhelper
	command_from lintian lintian
	header_from cmocka.h libcmocka-dev
}

# For the page of trace-serve.  Ubuntu's package is a snap in disguise, which does not run everywhere: there the test is skipped.
need_browser() {
	for c in chromium chromium-browser google-chrome; do
		! command -v "$c" >/dev/null 2>&1 || return 0
	done
	grep -qs '^ID=ubuntu' /etc/os-release || add chromium
}

# The sanitizers' and libFuzzer's run-time library: part of libclang-common-N-dev in Ubuntu 22.04, a package of its own later.
need_clang_rt() {
	dir=$(clang -print-resource-dir 2>/dev/null) || return 0
	for a in "$dir"/lib/*/libclang_rt.fuzzer*.a; do
		[ ! -e "$a" ] || return 0
	done
	major=${dir##*/}
	package=libclang-rt-${major%%.*}-dev
	apt-cache show "$package" >/dev/null 2>&1 || package=libclang-common-${major%%.*}-dev
	add "$package"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# Quiet, unless it fails.
apt_get() {
	log=$(mktemp)
	if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq "$@" >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		echo "install-deps.sh: apt-get $1 failed; install by hand:$missing" >&2
		exit 1
	fi
	rm -f "$log"
}

updated=
install_missing() {
	[ -n "$missing" ] || return 0
	if ! command -v apt-get >/dev/null; then
		echo "install-deps.sh: no apt-get here; install what Debian calls:$missing" >&2
		exit 1
	fi
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		echo "install-deps.sh: not root, and there is no sudo; as root: apt-get install$missing" >&2
		exit 1
	fi
	echo "install-deps.sh: installing$missing" >&2
	[ -n "$updated" ] || apt_get update
	updated=1
	# shellcheck disable=SC2086	# a list of words
	apt_get install --no-install-recommends $missing
	missing=
}

case ${1-build} in
build)
	need_build
	install_missing
	;;
test)
	need_build
	need_test
	install_missing
	need_clang_rt
	install_missing
	;;
deb)
	need_build
	need_deb
	install_missing
	;;
list)
	all=1
	need_libraries
	# shellcheck disable=SC2086	# a list of words
	printf '%s\n' $missing
	;;
-h | --help)
	usage
	;;
*)
	usage >&2
	exit 2
	;;
esac
