#!/bin/sh
# The page of trace-serve in a real browser: Debian's chromium, driven by playwright-core (tests/page).
# Screenshots are left in $B/page.
. "${0%/*}/lib.sh"
command -v node >/dev/null || skip_all 'there is no Node.js'
[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 18')" = true ] || skip_all "Node.js $(node -v) is older than playwright-core takes"
[ -d "$top/tests/page/node_modules/playwright-core" ] || skip_all 'playwright-core is not installed: npm ci in tests/page'
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)} || skip_all 'there is no chromium'
export CHROMIUM
mkdir -p "$B/page"

standin openai
node "$top/tests/page/page.js" "$B/trace-serve" "$URL" "$B/page"
st=$?
exit $st
