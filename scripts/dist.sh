#!/bin/sh
# dist.sh VERSION FILE - write the source tarball FILE (.tar.gz), with all in it below llmutils-VERSION/.
#
# It holds the files that git tracks, as they are here; in an unpacked tarball, which needs no git, all files.  The same
# files give the same bytes, on whatever machine and under whatever umask: names are sorted, owners are nobody, and
# the time of everything is SOURCE_DATE_EPOCH, or that of the commit, which an unpacked tarball still has.
set -eu

[ $# = 2 ] || {
	sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}
version=$1 file=$2
case $file in /*) ;; *) file=$PWD/$file ;; esac
cd "$(dirname "$0")/.."
export LC_ALL=C TZ=UTC

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if [ -e .git ]; then
	git ls-files -z >"$tmp/names"
	git diff --quiet HEAD || echo 'dist.sh: note: there are changes that are not committed' >&2
	epoch=${SOURCE_DATE_EPOCH-$(git log -1 --format=%ct)}
else
	# What the layout knows: no build, nor what a person keeps beside it.
	find .[!.]* ./* -maxdepth 0 \( -name .ci -o -name .github -o -name .gitignore -o -name '*.md' -o -name LICENSE -o -name Makefile \
		-o -name cmd -o -name lib -o -name man -o -name scripts -o -name tests \) -print0 |
		sed -z 's|^\./||' >"$tmp/tops"
	xargs -0 -I '{}' find '{}' -name node_modules -prune -o ! -type d -print0 <"$tmp/tops" >"$tmp/names"
	epoch=${SOURCE_DATE_EPOCH-$(stat -c %Y CHANGELOG.md)}
fi

sort -z "$tmp/names" >"$tmp/sorted"
tar --create --file="$tmp/tar" --format=ustar --null --no-recursion --files-from="$tmp/sorted" --transform="s|^|llmutils-$version/|" \
	--owner=0 --group=0 --numeric-owner --mode='a+rX,u+w,go-w' --mtime="@$epoch"
gzip -9n "$tmp/tar"
mkdir -p "$(dirname "$file")"
mv "$tmp/tar.gz" "$file"
chmod a+r "$file"
