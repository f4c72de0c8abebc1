# jq -cn
foreach inputs as $r ({seen: {}}; .new = (.seen[$r.id] | not) | .seen[$r.id] = true; if .new then $r else empty end)
