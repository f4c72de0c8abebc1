#!/bin/sh
# clean-root.sh PACKAGE.deb - install the package in a clean root, run what it brings, and remove it again.
#
# The root is a minimal system of this machine's own release, made by debootstrap; its packages come from MIRROR (default:
# debootstrap's), and so does what the package depends on.  With ROOT set to the folder of such a system that is used, and
# stays.  Needs root.  Prints what was checked; status 1: something is wrong.
set -eu

[ -f "${1-}" ] || {
	sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}
[ "$(id -u)" = 0 ] || {
	echo 'clean-root.sh: only root can make a root' >&2
	exit 2
}
here=$(cd "$(dirname "$0")/.." && pwd)
package=$1
tmp=$(mktemp -d)
root=${ROOT:-$tmp/root}
trap 'umount "$root/proc" 2>/dev/null || :; rm -rf --one-file-system "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)

fail() {
	echo "clean-root.sh: $*" >&2
	exit 1
}

# Quiet, unless it fails.
quietly() {
	"$@" >"$tmp/log" 2>&1 || {
		tail -n 30 "$tmp/log" >&2
		fail "$1 failed"
	}
}

inside() {
	chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

everything() {
	inside find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /var -o -path /root -o -path /tmp -o -path /etc/ld.so.cache \) -prune -o -print |
		LC_ALL=C sort
}

# shellcheck disable=SC2086	# no mirror is no argument
[ -n "${ROOT-}" ] || quietly debootstrap --variant=minbase "$suite" "$root" ${MIRROR-}
quietly mount -t proc proc "$root/proc"	# bash wants /dev/fd
echo "root: $suite, $(inside dpkg-query -f '.\n' -W | wc -l) packages"
quietly inside apt-get update
inside sh -c 'echo "APT::Install-Recommends 0;" >/etc/apt/apt.conf.d/90clean'
everything >"$tmp/before"

cp "$package" "$root/root/llmutils.deb"
cp "$here/tests/data/runs.ndjson" "$here/tests/data/entries.ndjson" "$root/root/"
quietly inside apt-get install -y /root/llmutils.deb
version=$(dpkg-deb -f "$package" Version)
echo "installed: llmutils $version"

tools=$(cd "$here/cmd" && for f in *; do echo "${f%.c}"; done)
for t in $tools; do
	said=$(inside "$t" --version 2>&1) || :
	[ "$said" = "$t (llmutils) ${version%-*}" ] || fail "$t --version: $said"
done
echo "tools: $(echo "$tools" | wc -l), all start"

n=$(inside sh -c 'msg-extract /root/runs.ndjson | dedup -k input | wc -l')
[ "$n" -gt 0 ] || fail 'the pipe of README.md gives nothing'
n=$(inside sh -c 'cc-count -e .user_name /root/entries.ndjson | wc -l')
[ "$n" -gt 0 ] || fail 'jq programs do not run'
echo 'filters: they filter, with jq programs, too'

inside sh -c 'cd /root && mkdir trial && cd trial && /usr/libexec/llmutils/etl.sh write --department test_org </root/entries.ndjson 2>said; [ $? -le 1 ] &&
	/usr/libexec/llmutils/etl.sh summary --department test_org --date 2021-01-01 2>>said &&
	/usr/libexec/llmutils/etl.sh report --from 2021-01-01 --to 2021-01-31 --department test_org >report 2>>said && [ -s report ]' ||
	fail "etl.sh: $(inside sh -c 'cat /root/trial/said')"
inside sh -c 'cd /root/trial && echo "{\"session_id\":7,\"prompt\":\"Hi\",\"response\":\"Ho\",\"success\":true}" | rec-write --dir logs >/dev/null &&
	/usr/libexec/llmutils/archive.sh --dir logs --max-size 1 2>said >/dev/null && zcat logs/archive/*.gz | grep -q Ho' ||
	fail "archive.sh: $(inside sh -c 'cat /root/trial/said')"
for s in sync cache; do
	inside "/usr/libexec/llmutils/$s.sh" --help >/dev/null || fail "$s.sh --help"
done
echo 'jobs: etl.sh and archive.sh do their work, sync.sh and cache.sh start'

quietly inside apt-get purge -y llmutils
quietly inside apt-get autoremove -y --purge
everything >"$tmp/after"
LC_ALL=C comm -13 "$tmp/before" "$tmp/after" | grep llmutils && fail 'not all is gone'
inside rm -rf /root/trial /root/llmutils.deb /root/runs.ndjson /root/entries.ndjson
echo 'removed: nothing of it is left'
