#!/bin/sh
# install.t - make install and uninstall mirror each other, what is installed works, completions complete; the tarball is the same again.
. "${0%/*}/lib.sh"

tools=$(cd "$top/cmd" && for f in *; do echo "${f%.c}"; done)
for t in $tools; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done

# The build directory is there and up to date; a sanitizer's flags must not lead to a new build.
install() { make -s -C "$top" -o all B="$B" DESTDIR="$T/root" PREFIX=/usr "$@"; }
tree() { (cd "$T/root" && find . ! -type d | sort); }

mkdir -p root/usr/bin root/usr/share/man/man1
echo other >root/usr/bin/other
echo other >root/usr/share/man/man1/other.1
tree >before
ok 'make install' status 0 install install
tree >installed
for t in $tools; do
	ok "$t is installed" test -x root/usr/bin/$t
	ok "its page is" test -s root/usr/share/man/man1/$t.1
	ok "its completion is" grep -q "complete -F .* $t\b" root/usr/share/bash-completion/completions/$t
done
ok 'the section 7 pages are' test -s root/usr/share/man/man7/llmutils.7 -a -s root/usr/share/man/man7/llmutils-sync.7
for f in "$top"/man/*.7; do
	ok "${f##*/} is" test -s "root/usr/share/man/man7/${f##*/}"
done
is 'the jobs are, and what they are made of' "$(cd root/usr/libexec/llmutils && stat -c '%n %a' -- * | tr '\n' ' ')" \
	'archive.sh 755 cache.sh 755 etl.sh 755 report.awk 644 sync.sh 755 workflow.sh 644 '
is 'each job of the tree is' "$(cd "$top/scripts" && grep -l '/workflow\.sh"$' -- *.sh | tr '\n' ' ')" 'archive.sh cache.sh etl.sh sync.sh '
is 'SQL is' "$(ls root/usr/share/llmutils/sql)" "$(ls "$top/scripts/sql")"
is 'and the example' "$(cd root/usr/share/llmutils && ls)" "$(printf 'cache.conf.example\nsql')"
is 'nothing else is' "$(sed 's|^\./||' installed | grep -v -e '^usr/bin/' -e '^usr/share/man/man[17]/' -e '^usr/share/bash-completion/completions/' \
	-e '^usr/share/zsh/site-functions/_llmutils$' -e '^usr/libexec/llmutils/' -e '^usr/share/llmutils/')" ''
is 'nor a tool, page or completion that is none' "$(ls root/usr/bin root/usr/share/man/man1 | sed '/:$/d; /^$/d; s/\.1$//' | sort -u | grep -v '^other$')" \
	"$(echo "$tools" | sort)"
is 'in a package, all is for everybody to read' "$(find root ! -type l ! -perm -a=r)" ''
# Whatever a page or a README says is at /usr/local/..., share/llmutils/... or libexec/llmutils/....
grep -hoE '\b(share|libexec)/llmutils/[A-Za-z0-9_./-]+' "$top"/man/*.[17] "$top"/README*.md "$top"/scripts/*.sh | sed 's/[.,]$//' | sort -u >documented
ok 'installed files are documented' test -s documented
while read -r f; do
	[ -e "root/usr/$f" ] || echo "$f"
done <documented >missing
is 'and all that are documented are installed' "$(cat missing)" ''
mkdir work
cd work || exit 1
run env -i PATH=/usr/bin:/bin "$T/root/usr/libexec/llmutils/sync.sh"
is 'the installed job finds the installed tools' "$st $(grep -c '^ls-fetch: no API key' "$err")" '2 1'
ok 'the installed etl.sh finds its SQL' sh -c 'env -i PATH=/usr/bin:/bin "$0/etl.sh" write --department test_org <"$1"; [ $? = 1 ] && env -i PATH=/usr/bin:/bin "$0/etl.sh" summary --department test_org --date 2021-01-01' \
	"$T/root/usr/libexec/llmutils" "$top/tests/data/entries.ndjson"
cd "$T" || exit 1
ok 'once more' status 0 install install
tree >again
same 'installs the same' again installed
ok 'make uninstall' status 0 install uninstall
tree >after
same 'leaves only what was there before' after before
is 'and no folder of its own' "$(find root -name 'llmutils*')" ''
ok 'make uninstall where nothing is' status 0 install uninstall

# ---- the version ----

version=$(make -s -C "$top" version)
for t in $tools; do
	[ "$("$B/$t" --version | sed 's/.* //')" = "$version" ] || echo "$t"
done >wrong
is 'every tool has the version of the Makefile' "$(cat wrong)" ''
is 'CHANGELOG.md has it first' "$(sed -n 's/^## \[Unreleased\]: *\([0-9.]*\).*/\1/p; s/^## \[\([0-9][0-9.]*\)\].*/\1/p' "$top/CHANGELOG.md" | head -n 1)" "$version"

# ---- the tarball ----

# What is here, without what git knows.
tree_of() { (cd "$top" && tar -c --exclude=node_modules .ci .github .gitignore ./*.md LICENSE Makefile cmd lib man scripts tests) | tar -x -C "$1"; }
mkdir src build
tree_of src
dist() { make -s -C "$1" B="$T/build/$2" dist; }
export SOURCE_DATE_EPOCH=1767225600
name=llmutils-$version
ok 'make dist' status 0 dist src 1
touch src/Makefile
chmod g+w,o-r src/README.md
ok 'once more, later, under another umask' status 0 sh -c 'umask 077 && make -s -C src B="$0/build/2" dist' "$T"
same 'gives the same bytes' build/2/$name.tar.gz build/1/$name.tar.gz
unset SOURCE_DATE_EPOCH
mkdir unpacked
tar -xzf build/1/$name.tar.gz -C unpacked
is 'all is in one folder' "$(ls -A unpacked)" "$name"
is 'with nothing of a build, of git or of a person' "$(ls -A unpacked/$name | sort | tr '\n' ' ')" \
	"$(cd src && ls -A | sort | tr '\n' ' ')"
is 'owned by nobody here' "$(tar -tvzf build/1/$name.tar.gz --numeric-owner | awk '{ print $2 }' | sort -u)" 0/0
ok 'what is unpacked' status 0 dist unpacked/$name 3
same 'makes itself again' build/3/$name.tar.gz build/1/$name.tar.gz
ok 'it can be built without git: make knows how' status 0 make -s -n -C unpacked/$name B="$T/build/4" all
ok 'and a tool of it is' status 0 make -s -C unpacked/$name B="$T/build/4" CFLAGS='-O0 -Wno-cpp' "$T/build/4/log-check"
is 'which has the version' "$(build/4/log-check --version)" "log-check (llmutils) $version"
if command -v git >/dev/null; then
	(cd unpacked/$name && git init -q && git config user.name t && git config user.email t@t && git add -A && git commit -q -m one)
	echo secret >unpacked/$name/notes
	ok 'in a repository' status 0 dist unpacked/$name 5
	is 'it has what git tracks' "$(tar -tzf build/5/$name.tar.gz)" "$(tar -tzf build/1/$name.tar.gz)"
	is 'at the time of the commit' "$(tar -tvzf build/5/$name.tar.gz --full-time | awk '{ print $4, $5 }' | sort -u)" \
		"$(date -u -d "@$(git -C unpacked/$name log -1 --format=%ct)" '+%Y-%m-%d %H:%M:%S')"
	git clone -q unpacked/$name clone
	ok 'in a clone' status 0 dist clone 6
	same 'it is the same' build/6/$name.tar.gz build/5/$name.tar.gz
	echo >>clone/LICENSE
	run dist clone 7
	is 'a change that is not committed is told' "$st $(cat "$err")" '0 dist.sh: note: there are changes that are not committed'
else
	skip 6 'git is not installed'
fi

# ---- completions ----

ok 'completions are made' status 0 env B="$B" "$top/scripts/completions.sh" "$T/c"
ok 'bash takes them' bash -n c/llmutils.bash
# complete_bash WORD... - what the last word can become
complete_bash() {
	bash -c '
		source "$0"
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_llmutils "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' c/llmutils.bash "$@" | sort | tr '\n' ' '
}
is 'an option' "$(complete_bash dedup --see)" '--seen= '
is 'the choices of one' "$(complete_bash msg-extract --role = a)" 'assistant '
is 'with a blank instead of =' "$(complete_bash ls-fetch --api v)" 'v1 v2 '
: >ledger.ndjson
is 'a file for an option' "$(complete_bash bt-push --ledger = ledg)" 'ledger.ndjson '
is 'a file to read' "$(complete_bash dedup -k id ledg)" 'ledger.ndjson '
mkdir ledgers
is 'a folder where one is wanted' "$(complete_bash rec-cat --dir = ledg) $(complete_bash msg-join -d ledg)" 'ledgers  ledgers '
is 'nothing where anything may stand' "$(complete_bash dedup -k '')" ' '
for t in $tools; do
	for o in $("$t" --help | sed -n 's/^  \(-.,\|   \) --\([a-z-]*\).*/\2/p'); do
		complete_bash "$t" "--$o" | grep -q -e "--$o" || echo "$t --$o"
	done
done >missing
is 'every option of every tool' "$(cat missing)" ''
if command -v zsh >/dev/null; then
	ok 'zsh takes them' zsh -n c/_llmutils
	# shellcheck disable=SC2016
	is 'for every tool' "$(zsh -fc 'fpath=($PWD/c $fpath); autoload -Uz compinit; compinit -u -d $PWD/dump; for t; do print -n ${_comps[$t]}\ ; done' zsh $tools)" \
		"$(for t in $tools; do printf '_llmutils '; done)"
else
	skip 2 'zsh is not installed'
fi

done_testing
