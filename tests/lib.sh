# shellcheck shell=sh disable=SC2034
# lib.sh - TAP for the shell tests; a test begins with   . "${0%/*}/lib.sh"
#
# The test then stands in an empty directory of its own ($T), which is removed at
# the end; the tools are first in PATH; settings of the person who runs it are gone.
# $top is the source tree, $B the build directory, SAN is set in a sanitizer build
# (skip what is about memory or time there), VALGRIND under that.  Every failed test says what ran and what came out.
#
#   ok NAME CMD...         CMD succeeds          is NAME GOT WANT       two strings
#   status N CMD...        exact exit status; for use with ok.  Death by a signal is 128+n
#   run CMD...             leaves files out and err, and st; always succeeds
#   same NAME FILE WANT    equal bytes           like, unlike NAME FILE ERE
#   within SECONDS CMD...  CMD succeeds before long, asked again and again; for use with ok
#   skip N REASON          skip_all REASON       done_testing, at the end
#   json EXPR              a JavaScript expression for each record r (its index i) of stdin
#   json_all EXPR          ... once, for all of them in rows.  Strings are printed bare
#   standin NAME ARGS...   start tests/standin/NAME.js: sets URL and STANDIN; several may run
#   standin_stop           stop the last one, or those named by their STANDIN
#   get PATH, post PATH BODY   a request to $URL, for the control calls; the answer on stdout

top=$(cd "${0%/*}" && while [ ! -f tests/lib.sh ] && [ "$PWD" != / ]; do cd ..; done && pwd) || exit 1
B=${B:-$top/build}
case $B in /*) ;; *) B=$PWD/$B ;; esac
case $B in */san*) SAN=1 ;; *) SAN= ;; esac
case $B in */san-valgrind) VALGRIND=1 ;; *) VALGRIND= ;; esac
for tap_v in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
	case $tap_v in
	LANGSMITH_* | LANGCHAIN_* | LS_* | FEISHU_* | LARK_* | LLM_* | LLMUTILS_* | OPENAI_* | GOOGLE_* | BIGQUERY_* | BOTRUN_* | KMS_*) ;;
	GCLOUD_* | GCE_* | CLOUDSDK_* | NO_GCE_CHECK | METADATA_SERVER_DETECTION) ;;
	APP_ID* | APP_SECRET* | BASE_ID* | TABLE_ID* | SERVER_PORT | PG* | XDG_* | *_proxy | *_PROXY | LD_PRELOAD | MAKEFLAGS | MAKELEVEL) ;;
	*) continue ;;
	esac
	unset "$tap_v"
done
T=$(mktemp -d "${TMPDIR:-/tmp}/llmutils.XXXXXX") || exit 1
mkdir "$T/.tap" && cd "$T" || exit 1
# --help and misuse end the process from inside opt_parse, which owns its tables then.
echo 'leak:opt_parse' >.tap/lsan && export LSAN_OPTIONS="suppressions=$T/.tap/lsan:print_suppressions=0:exitcode=99"
PATH=$B:$PATH HOME=$T LC_ALL=C TZ=UTC
export PATH HOME LC_ALL TZ B
tap_n=0 tap_failed=0 tap_pids='' tap_standins=0 STANDIN='' URL='' st=0 out=$T/out err=$T/err

tap_end() {
	tap_st=$?
	trap '' HUP INT TERM
	# shellcheck disable=SC2086
	[ -z "$tap_pids" ] || kill $tap_pids 2>/dev/null
	[ $tap_failed = 0 ] || cat "$T"/.tap/*.err 2>/dev/null | sed 's/^/# stand-in: /'
	cd / && rm -rf "$T"
	exit $tap_st
}
trap tap_end EXIT
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM

tap_result() {	# STATUS NAME DETAILS...
	tap_n=$((tap_n + 1))
	if [ "$1" = 0 ]; then echo "ok $tap_n - $2"; return 0; fi
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_n - $2"
	shift 2
	printf '%s\n' "$@" | cut -c 1-400 | sed 's/^/# /'
}
ok() {
	tap_name=$1; shift
	"$@" >"$T/.tap/log" 2>&1; tap_st=$?
	tap_result $tap_st "$tap_name" "status $tap_st of: $*" "$(head -n 40 "$T/.tap/log" | tr -d '\000')"
}
is() { [ "$2" = "$3" ]; tap_result $? "$1" "got:  $2" "want: $3"; }
run() { "$@" >"$out" 2>"$err"; st=$?; return 0; }
status() {
	tap_want=$1; shift
	run "$@"
	[ $st = "$tap_want" ] && return 0
	echo "status $st, not $tap_want; stderr:"; head -n 20 "$err"
	return 1
}
same() { cmp "$2" "$3" >"$T/.tap/log" 2>&1; tap_result $? "$1" "$(cat "$T/.tap/log"; diff "$3" "$2" | head -n 10 | tr -d '\000')"; }
like() { grep -Eq -e "$3" "$2"; tap_result $? "$1" "no line like $3 in:" "$(head -n 20 "$2" | tr -d '\000')"; }
unlike() { ! grep -Eq -e "$3" "$2"; tap_result $? "$1" "there is a line like $3 in:" "$(grep -E -e "$3" "$2" | head -n 5)"; }
within() {
	tap_left=$(($1 * 20)); shift
	until "$@"; do
		tap_left=$((tap_left - 1))
		[ $tap_left -gt 0 ] || return 1
		sleep 0.05
	done
}
skip() { tap_i=0; while [ $tap_i -lt "$1" ]; do tap_i=$((tap_i + 1)) tap_n=$((tap_n + 1)); echo "ok $tap_n # skip $2"; done; }
skip_all() { echo "1..0 # skip $1"; exit 0; }
done_testing() { echo "1..$tap_n"; [ $tap_failed = 0 ]; exit; }

tap_js='const s = (v) => { if (v !== undefined) console.log(typeof v === "string" ? v : JSON.stringify(v)); };
	const rows = require("fs").readFileSync(0, "utf8").split("\n").filter((l) => l.trim()).map((l) => JSON.parse(l));'
json() { node -e "$tap_js rows.forEach((r, i) => s($1));"; }
json_all() { node -e "$tap_js s($1);"; }

standin() {
	tap_standins=$((tap_standins + 1)) tap_log=$T/.tap/standin$tap_standins tap_name=$1; shift
	: >"$tap_log"
	node "$top/tests/standin/$tap_name.js" "$@" >"$tap_log" 2>"$tap_log.err" &
	STANDIN=$! tap_pids="$tap_pids $!"
	if ! within 20 grep -q 'listening on' "$tap_log"; then
		echo "Bail out! the stand-in $tap_name does not start"; tap_failed=1; exit 1
	fi
	URL=$(sed -n 's/.*listening on //p' "$tap_log")
}
standin_stop() {
	# shellcheck disable=SC2048
	for tap_p in ${*:-$STANDIN}; do
		kill "$tap_p" 2>/dev/null; wait "$tap_p" 2>/dev/null
		tap_pids=$(printf '%s' "$tap_pids" | sed "s/ $tap_p\$//; s/ $tap_p / /")
	done
}
# curl starts in a tenth of Node's time.
if command -v curl >/dev/null; then
	tap_curl() { curl -sS --fail-with-body --noproxy '*' -H 'Expect:' "$@"; }
	get() { tap_curl "$URL$1"; }
	post() {
		tap_type='Content-Type: application/json'
		[ -n "$2" ] || tap_type='Content-Type:'
		printf '%s' "$2" | tap_curl -H "$tap_type" --data-binary @- "$URL$1"
	}
else
	get() { node "$top/tests/ctl.js" GET "$URL$1"; }
	post() { printf '%s' "$2" | node "$top/tests/ctl.js" POST "$URL$1" -; }
fi
