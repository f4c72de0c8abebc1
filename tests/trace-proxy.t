#!/bin/sh
# trace-serve --proxy between a client and a server that both count every byte; see trace-proxy.js.
. "${0%/*}/lib.sh"

node "$top/tests/trace-proxy.js" "$B" "$SAN" &
tap_pids="$tap_pids $!"
wait $!
exit $?
