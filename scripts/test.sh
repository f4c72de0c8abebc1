#!/usr/bin/env bash
# test.sh [--all|--fast] - the tests: builds with gcc and clang, static checks, fuzzing, sanitizers, and at last one prove
# over the shell tests, the unit tests and the services' official clients against the stand-ins.
#
#   --all       also those that take long: the stand-ins by themselves, a fault at each call, crowds of writers, growth
#   --fast      only build and test: no clang, static checks, fuzzing, sanitizers and official clients
#   -h, --help  show this help
#
# Installs what is missing (scripts/install-deps.sh test).  Works below $B (default: build); takes up to ten
# minutes on two cores.  Environment: FUZZ_SECONDS for each fuzz target (default 0: its corpus only); with CI set,
# official clients that cannot be installed are a failure, else they are skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

B=${B:-build}
jobs=$(nproc 2>/dev/null || echo 2)
provers=$((jobs * 2 + 1))	# tests mostly wait
fast='' all=''
failed=()

usage() {
	sed -n '2,/^set -/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

# Run one step, in quiet; a failure is shown, and the next steps still run.
step() {
	local name=$1 from=$SECONDS log

	shift
	log=$(mktemp)
	if "$@" >"$log" 2>&1; then
		printf 'ok    %-44s %4d s\n' "$name" $((SECONDS - from))
		grep -E '(^|: )(skipped|note)\b|: skipped' "$log" | sed 's/^/      /' | head -n 10 || :
	else
		printf 'FAIL  %-44s %4d s\n' "$name" $((SECONDS - from))
		tail -n 60 "$log" | sed 's/^/      /'
		failed+=("$name")
	fi
	rm -f "$log"
}

build_gcc() {
	make -s -j"$jobs" B="$B/gcc" CC=gcc WERROR=-Werror PROVE=true check	# with all that the tests need
}

# clang's build is the one that the sanitizers and the fuzzers run.
build_clang() {
	make -s -j"$jobs" B="$B" WERROR=-Werror PROVE=true check-san
}

fuzz() {
	make -s -j"$jobs" B="$B" WERROR=-Werror fuzz FUZZ_SECONDS="${FUZZ_SECONDS:-0}"
}

# The official clients want a newer Node.js than the stand-ins do, and the network once.
sdk_tests=()
official_clients() {
	local log

	if (($(node -p 'process.versions.node.split(".")[0]') < 18)); then
		echo "tests/sdk: skipped: Node.js $(node -v) is older than the official clients take"
	elif [[ -d tests/sdk/node_modules/langsmith && -d tests/sdk/node_modules/@larksuiteoapi && -d tests/sdk/node_modules/@google-cloud &&
	    -d tests/sdk/node_modules/openai ]]; then
		return 0
	elif ! command -v npm >/dev/null; then
		echo 'tests/sdk: skipped: there is no npm'
	elif ! log=$(cd tests/sdk && npm ci --no-audit --no-fund --ignore-scripts 2>&1); then
		printf '%s\n' "$log" | tail -n 5
		echo 'tests/sdk: skipped: npm cannot fetch the official clients'
	else
		return 0
	fi
	return 1
}

# What drives the browser in tests/page.t, which is skipped without it.
browser_driver() {
	[[ ! -d tests/page/node_modules/playwright-core ]] && command -v npm >/dev/null || return 0
	(cd tests/page && npm ci --no-audit --no-fund --ignore-scripts >/dev/null 2>&1) || echo 'tests/page: skipped: npm cannot fetch playwright-core'
}

case ${1-} in
--all) all=1 ;;
--fast) fast=1 ;;
'') ;;
-h | --help)
	usage
	exit
	;;
*)
	usage >&2
	exit 2
	;;
esac

scripts/install-deps.sh test
step 'build with gcc -Werror' build_gcc
if [[ -z $fast ]]; then
	step 'build with clang -Werror and sanitizers' build_clang
	step 'static checks (scripts/lint.sh --fast)' scripts/lint.sh --fast
	step "fuzz targets, ${FUZZ_SECONDS:-0} s beyond their corpora" fuzz
	browser_driver
	step 'tests under the sanitizers (make check-san)' make -s -j"$jobs" B="$B" WERROR=-Werror JOBS="$provers" check-san
	if log=$(official_clients); then
		sdk_tests=(tests/sdk/*.tap.js)
	else
		printf '%s\n' "$log"
		[[ -z ${CI-} ]] || failed+=('official clients')
	fi
fi

printf '      %-44s %4d s\n' 'all that' "$SECONDS"

# The last lines are prove's count, unless something before it failed.  The longest tests begin first.
long=' bench etl-scale faults growth ls-fetch-sim rec-write-faults recorder standin-bigquery standin-feishu '
tests=()
for f in tests/{etl,page,fs-auth,services,sql-load,trace-proxy,rec-cat}.t tests/*.t; do
	name=$(basename "$f" .t)
	[[ " ${tests[*]} " == *" $f "* || (-z $all && $long == *" $name "*) ]] || tests+=("$f")
done
units=()
for f in tests/unit/*.c; do
	units+=("$B/gcc/unit/$(basename "$f" .c)")
done
make -s B="$B/gcc" CC=gcc WERROR=-Werror JOBS="$provers" TESTS="$(printf '%s ' "${tests[@]}" "${units[@]}" "${sdk_tests[@]}")" check || failed+=(prove)
if ((${#failed[@]} > 0)); then
	printf 'FAILED: %s\n' "${failed[*]}"
	exit 1
fi
