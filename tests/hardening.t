#!/bin/sh
# hardening.t - what the compiler and the linker were asked for is in the binaries.
. "${0%/*}/lib.sh"

command -v readelf >/dev/null || skip_all 'readelf is not installed'
[ -z "$SAN" ] || skip_all 'a sanitizer build is not hardened'
export LC_ALL=C

tools=$(cd "$top/cmd" && for f in *; do echo "${f%.c}"; done)
for t in $tools; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done

# lack READELF-OPTION ERE, have ... - which tools do
lack() {
	for t in $tools; do
		readelf -W "$1" "$B/$t" 2>/dev/null | grep -Eq -e "$2" || echo "$t"
	done
}
have() {
	for t in $tools; do
		! readelf -W "$1" "$B/$t" 2>/dev/null | grep -Eq -e "$2" || echo "$t"
	done
}

is 'position independent: the type' "$(lack -h '^ *Type: *DYN')" ''
is 'and the flag' "$(lack -d '\(FLAGS_1\).*\bPIE\b')" ''
is 'no text relocations' "$(have -d TEXTREL)" ''
is 'the relocations become read-only' "$(lack -l '^ *GNU_RELRO ')" ''
is 'all of them, since symbols are bound at the start' "$(lack -d '\(FLAGS_1\).*\bNOW\b')" ''
is 'no stack can be executed' "$(lack -l '^ *GNU_STACK .* RW +0x')" ''
is 'no segment can be both written and executed' "$(have -l '^ *LOAD .* (RWE|WE) ')" ''
is 'code is in pages of its own: no segment with it begins with the headers' "$(have -l '^ *LOAD +0x0+ .* R E ')" ''
is 'no path to libraries is built in' "$(have -d 'R(UN)?PATH')" ''
is 'stacks are guarded' "$(lack --dyn-syms '\b__stack_chk_fail\b')" ''
is 'functions of the C library check their buffers' "$(lack --dyn-syms '\b__[a-z]+_chk\b')" ''
is 'none that cannot be bounded is called' "$(have --dyn-syms ' (gets|strcpy|strcat|sprintf|vsprintf|mktemp|tmpnam|system|popen)(@|$)')" ''

# Every object of ours: the final flag is the conjunction over all that is linked, and distributions build some start-up files without it.
case $(uname -m) in
x86_64)
	find "$B/cmd" "$B/lib" -name '*.o' | while read -r o; do
		readelf -nW "$o" 2>/dev/null | grep -q 'x86 feature:.*IBT.*SHSTK' || echo "${o#"$B"/}"
	done >lacking
	is 'x86: branches land where they may (IBT), returns are checked (SHSTK)' "$(tr '\n' ' ' <lacking)" ''
	;;
aarch64)
	find "$B/cmd" "$B/lib" -name '*.o' | while read -r o; do
		readelf -nW "$o" 2>/dev/null | grep -q 'AArch64 feature:.*BTI.*PAC' || echo "${o#"$B"/}"
	done >lacking
	is 'arm64: branches land where they may (BTI), returns are signed (PAC)' "$(tr '\n' ' ' <lacking)" ''
	;;
*) skip 1 "nothing is promised for $(uname -m)" ;;
esac

# The Makefile asks for the highest level of FORTIFY that the library's headers take without a warning.
make -s -C "$top" -pn B="$T/none" version 2>/dev/null | sed -n 's/^FORTIFY := //p' >fortify
ok 'FORTIFY has a level' grep -qx '[23]' fortify

done_testing
