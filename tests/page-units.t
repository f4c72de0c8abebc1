#!/bin/sh
# What the page of trace-serve does with JSON and differences, without a browser.
. "${0%/*}/lib.sh"
command -v node >/dev/null || skip_all 'there is no Node.js'
node "$top/tests/page/units.js"
st=$?
exit $st
