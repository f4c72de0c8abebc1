#!/bin/sh
# deb.sh TARBALL DIR - build the Debian package and its source from dist.sh's TARBALL in DIR, which is made anew.
#
# The tarball's scripts/debian is put into the unpacked tree as debian, with what stands elsewhere filled in: the version, the
# changes (CHANGELOG.md), the libraries (install-deps.sh list) and the licence.  dpkg-buildpackage does the rest, in an environment of
# its own; at last lintian looks at the result, where it is installed.  The same tarball gives the same package.
#
# Needs what scripts/install-deps.sh deb installs.  Environment: DEB_MAINTAINER, "Name <address>"; DEB_BUILD_OPTIONS as in the Debian
# policy (nocheck, parallel=N); DEB_BUILT, a folder with the tools already built, to package them without compiling and testing.
set -eu

[ $# = 2 ] || {
	sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}
for c in dpkg-buildpackage dh; do
	command -v "$c" >/dev/null || {
		echo "deb.sh: $c: not found; run scripts/install-deps.sh deb" >&2
		exit 2
	}
done
maintainer=${DEB_MAINTAINER:-llmutils authors <llmutils@users.noreply.github.com>}
export LC_ALL=C.UTF-8 TZ=UTC

tarball=$(realpath -e "$1")
rm -rf "$2"
mkdir -p "$2"
dir=$(realpath "$2")
name=$(basename "$tarball" .tar.gz)	# llmutils-VERSION
version=${name#llmutils-}
cp "$tarball" "$dir/llmutils_$version.orig.tar.gz"
cd "$dir"
tar -xzf "$tarball"
cd "$name"
epoch=$(stat -c %Y CHANGELOG.md)
cp -R scripts/debian debian

# fill FILE NAME - the line @NAME@ of FILE, or the word in it, becomes what is on stdin.
fill() {
	cat >"$dir/text"
	awk -v word="@$2@" -v file="$dir/text" '
		$0 == word { while ((getline line < file) > 0) print line; next }
		i = index($0, word) { getline line < file; $0 = substr($0, 1, i - 1) line substr($0, i + length(word)) }
		{ print }' "$1" >"$1.new"
	mv "$1.new" "$1"
	rm "$dir/text"
}
printf '%s\n' "$maintainer" | fill debian/control MAINTAINER
scripts/install-deps.sh list | sed 's/.*/ &,/' | fill debian/control BUILD_DEPENDS
sed -n '/^Permission/,$p' LICENSE | sed 's/^$/./; s/^/ /' | fill debian/copyright LICENSE

# A section of CHANGELOG.md is "## [VERSION] - DATE", or "## [Unreleased]: VERSION", with items below it that begin with "- ".
awk -v maintainer="$maintainer" -v epoch="$epoch" -v version="$version" '
	function finish() {
		if (entry != "")
			printf "\n -- %s  %s\n\n", maintainer, date
	}
	function item(s, n, w, i, line) {
		gsub(/`/, "", s)
		n = split(s, w, " ")
		line = "  *"
		for (i = 1; i <= n; i++) {
			if (length(line " " w[i]) > 78 && line !~ /^ *\*?$/) {
				print line
				line = "   "
			}
			line = line " " w[i]
		}
		print line
	}
	function put() {
		if (text != "")
			item(text)
		text = ""
	}
	function rfc2822(seconds, cmd, s) {
		cmd = "date -u -R -d @" seconds
		cmd | getline s
		close(cmd)
		return s
	}
	function seconds(day, cmd, s) {
		cmd = "date -u +%s -d " day
		cmd | getline s
		close(cmd)
		return s
	}
	/^## \[/ {
		put()
		finish()
		entry = $0
		if (/^## \[Unreleased\]/)
			sub(/.*: */, "", entry)
		else {
			sub(/^## \[/, "", entry)
			sub(/\].*/, "", entry)
		}
		date = $NF ~ /^[0-9]+-[0-9]+-[0-9]+$/ ? rfc2822(seconds($NF)) : rfc2822(epoch)
		if (entry !~ /^[0-9][0-9.]*$/ || !n++ && entry != version) {
			print "deb.sh: CHANGELOG.md: the newest version is not " version >"/dev/stderr"
			exit 1
		}
		printf "llmutils (%s-1) unstable; urgency=medium\n\n", entry
		next
	}
	/^- / { put(); text = substr($0, 3); next }
	/^[ \t]+[^ \t]/ && text != "" { text = text " " $0; next }
	{ put() }
	END { put(); finish(); if (!n) exit 1 }' CHANGELOG.md >debian/changelog

# Neither the makes above this one nor the person who calls it set how the tools are built.
set --
for v in $(env | sed -n 's/^\(PATH\|HOME\|TMPDIR\|DEB_BUILD_OPTIONS\)=.*/\1/p'); do
	set -- "$@" "$v=$(printenv "$v")"
done
build='-us -uc'
if [ -n "${DEB_BUILT-}" ]; then
	set -- "$@" "BUILT=$DEB_BUILT" DEB_BUILD_OPTIONS='nocheck noautodbgsym'
	build="$build -b -nc -d"
fi
# shellcheck disable=SC2086	# a list of words
env -i "$@" LC_ALL="$LC_ALL" TZ="$TZ" SOURCE_DATE_EPOCH="$epoch" dpkg-buildpackage $build >"$dir/log" 2>&1 || {
	tail -n 40 "$dir/log" >&2
	echo "deb.sh: dpkg-buildpackage failed; see $dir/log" >&2
	exit 1
}
cd "$dir"
rm -rf "$name"
if command -v lintian >/dev/null; then
	# How old the standards are is a matter of this lintian's age.
	lintian --allow-root --profile debian --fail-on error,warning \
		--suppress-tags newer-standards-version,out-of-date-standards-version ./*.changes
else
	echo 'deb.sh: note: lintian is not installed: skipped' >&2
fi
ls -- *.deb
