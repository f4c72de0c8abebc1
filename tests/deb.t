#!/bin/sh
# deb.t - the Debian package: built with debhelper, lintian finds nothing, it holds what make install installs, and that runs.
#
# LLMUTILS_FULL=1 builds it as make deb does, twice; LLMUTILS_DEB=1 puts those tools into it that are built; else there is no test here.
# LLMUTILS_DEBOOTSTRAP=1 also installs it in a clean root, which needs root and a mirror.
full=${LLMUTILS_FULL-} wanted=${LLMUTILS_FULL-}${LLMUTILS_DEB-} clean_root=${LLMUTILS_DEBOOTSTRAP-}
. "${0%/*}/lib.sh"

[ -n "$wanted" ] || skip_all 'LLMUTILS_DEB=1 runs it'
for c in dpkg-buildpackage dh; do
	command -v $c >/dev/null || skip_all "$c is not installed (scripts/install-deps.sh deb)"
done
[ -z "$SAN" ] || skip_all 'nobody packages a sanitizer build'
tools=$(cd "$top/cmd" && for f in *; do echo "${f%.c}"; done)
for t in $tools; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done

mkdir src
(cd "$top" && tar -c --exclude=node_modules .ci .github .gitignore ./*.md LICENSE Makefile cmd lib man scripts tests) | tar -x -C src
version=$(make -s -C src version)
export SOURCE_DATE_EPOCH=1767225600 LC_ALL=C.UTF-8

if [ -n "$full" ]; then
	ok 'make deb' status 0 make -s -C src B="$T/build" dist deb
	mv build first
	ok 'once more' status 0 make -s -C src B="$T/build" dist deb
	for f in first/deb/*.deb first/deb/*.dsc first/deb/*.debian.tar.xz first/deb/*.orig.tar.gz; do
		same "${f##*/} is the same" "build/${f#first/}" "$f"
	done
else
	make -s -C src B="$T/build" dist
	ok 'the package is built' status 0 env DEB_BUILT="$B" src/scripts/deb.sh "$T/build/llmutils-$version.tar.gz" "$T/build/deb"
fi
cat "$out" "$err" >said
deb=$(echo "$T"/build/deb/llmutils_*.deb)
if command -v lintian >/dev/null; then
	is 'and lintian says nothing' "$(grep -E '^[EWI]: ' said)" ''
else
	skip 1 'lintian is not installed'
fi
unlike 'nor does what builds it' build/deb/log '(^|: )warning: '
mkdir kept
: >kept/file
ok 'a tarball that is not there' status 1 src/scripts/deb.sh "$T/nope.tar.gz" "$T/kept"
ok 'leaves the folder as it is' test -e kept/file

# ---- what is in it ----

is 'the version is the one of the Makefile' "$(dpkg-deb -f "$deb" Version)" "$version-1"
dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/^ *//; s/ .*//' >depends
for d in libc6 libcurl libjq1 libmicrohttpd libpq5 libsqlite3-0 libssl zlib1g; do
	like "it depends on $d" depends "^$d"
done
dpkg-deb -x "$deb" root
make -s -C "$top" -o all B="$B" DESTDIR="$T/want" PREFIX=/usr install
(cd want && find . ! -type d | sort) >installed
(cd root && find . ! -type d ! -path './usr/share/doc/*' ! -path './usr/share/lintian/*' | sed 's|\(/man[17]/.*\)\.gz$|\1|' | sort) >packaged
same 'it holds what make install installs' packaged installed
is 'with the same modes' "$(cd root/usr && stat -c '%n %a' bin/* libexec/llmutils/* share/llmutils/sql/*)" "$(cd want/usr && stat -c '%n %a' bin/* libexec/llmutils/* share/llmutils/sql/*)"
is 'and its papers' "$(cd root/usr/share/doc/llmutils && ls | tr '\n' ' ')" 'README.md.gz README.zh-CN.md.gz changelog.Debian.gz changelog.gz copyright '
is 'it runs nothing when it is installed' "$(dpkg-deb -e "$deb" DEBIAN && ls DEBIAN | tr '\n' ' ')" 'control md5sums '
gzip -dc root/usr/share/doc/llmutils/changelog.Debian.gz >changelog
is 'every change is in its log' "$(grep -c '^  \* ' changelog)" "$(grep -c '^- ' "$top/CHANGELOG.md")"
if command -v dpkg-parsechangelog >/dev/null; then
	run dpkg-parsechangelog -l changelog -S Version
	is 'which Debian can read' "$st $(cat "$out" "$err")" "0 $version-1"
fi
ok 'the licence is the whole one' sh -c 'tail -n 3 "$0" | tr -d "\n" | grep -q SOFTWARE && grep -q "^ Permission is hereby" "$0"' root/usr/share/doc/llmutils/copyright

# ---- the versions of the log ----

cat >src/CHANGELOG.md <<'END'
# Changelog

Some words.

## [Unreleased]: 9.1

### Fixed

- `dedup`: something
  that needs two lines.

## [9.0] - 2026-02-03

- all of it
END
export DEB_MAINTAINER='Some Body <some@body.org>'
scripts=src/scripts
sed -i 's/^VERSION .*/VERSION = 9.1/' src/Makefile
run make -s -C src B="$T/b9" dist
# Only what comes before the build.
mkdir stub
printf '#!/bin/sh\ncp debian/changelog debian/control "%s"\nexit 1\n' "$T" >stub/dpkg-buildpackage
chmod +x stub/dpkg-buildpackage
PATH=$T/stub:$PATH run $scripts/deb.sh b9/llmutils-9.1.tar.gz b9/deb
cat >want.log <<'END'
llmutils (9.1-1) unstable; urgency=medium

  * dedup: something that needs two lines.

 -- Some Body <some@body.org>  Thu, 01 Jan 2026 00:00:00 +0000

llmutils (9.0-1) unstable; urgency=medium

  * all of it

 -- Some Body <some@body.org>  Tue, 03 Feb 2026 00:00:00 +0000

END
same 'released and not' changelog want.log
is 'a build that fails is status 1' $st 1
like 'the maintainer may be another' control '^Maintainer: Some Body <some@body.org>$'
for l in $("$top/scripts/install-deps.sh" list); do
	grep -q "^ $l,$" control || echo "$l"
done >missing
is 'it is built from the libraries of install-deps.sh' "$(cat missing)" ''
sed -i 's/9\.1/9.2/' src/CHANGELOG.md
run make -s -C src B="$T/b9" dist
run $scripts/deb.sh b9/llmutils-9.1.tar.gz b9/deb
is 'a log that does not know the version is refused' "$st $(cat "$err")" '1 deb.sh: CHANGELOG.md: the newest version is not 9.1'
unset DEB_MAINTAINER

# ---- what is in it runs ----

tool() { env -i PATH="$T/root/usr/bin:/usr/bin:/bin" HOME="$T" "$@"; }
for t in $tools; do
	[ "$(tool "$t" --version)" = "$t (llmutils) $version" ] || echo "$t"
done >wrong
is 'every tool starts' "$(cat wrong)" ''
tool sh -c 'msg-extract "$1/runs.ndjson" | dedup -k input' - "$top/tests/data" >filtered
msg-extract "$top/tests/data/runs.ndjson" | dedup -k input >plain
same 'a pipe of them works' filtered plain
mkdir work && cd work || exit 1
ok 'etl.sh finds its tools and its SQL' sh -c 'env -i PATH=/usr/bin:/bin "$0/etl.sh" write --department test_org <"$1"; [ $? -le 1 ] && env -i PATH=/usr/bin:/bin "$0/etl.sh" summary --department test_org --date 2021-01-01' \
	"$T/root/usr/libexec/llmutils" "$top/tests/data/entries.ndjson"
cd "$T" || exit 1

if [ -n "$clean_root" ]; then
	ok 'in a clean root it installs, runs and leaves nothing' status 0 "$top/scripts/clean-root.sh" "$deb"
	sed 's/^/# /' "$out"
fi

done_testing
