#!/bin/sh
# install.t - make install and uninstall mirror each other, what is installed works, completions complete.
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
ok 'the job is' test -x root/usr/share/llmutils/sync.sh
mkdir work
cd work || exit 1
run env -i PATH=/usr/bin:/bin "$T/root/usr/share/llmutils/sync.sh"
is 'the installed job finds the installed tools' "$st $(grep -c '^ls-fetch: no API key' "$err")" '2 1'
ok 'the installed etl.sh finds its SQL' sh -c 'env -i PATH=/usr/bin:/bin "$0/etl.sh" write --department test_org <"$1"; [ $? = 1 ] && env -i PATH=/usr/bin:/bin "$0/etl.sh" summary --department test_org --date 2021-01-01' \
	"$T/root/usr/share/llmutils" "$top/tests/data/entries.ndjson"
cd "$T" || exit 1
ok 'once more' status 0 install install
tree >again
same 'installs the same' again installed
ok 'make uninstall' status 0 install uninstall
tree >after
same 'leaves only what was there before' after before

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
