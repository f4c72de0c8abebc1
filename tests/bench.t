#!/bin/sh
# The bench on very little data: its table, bench.json and chart, peers that are missing, peers that answer differently.
. "${0%/*}/lib.sh"

[ -x "$B/measure" ] || skip_all 'measure is not built'
SIZE=200K PART=100K SLICE=100K SLIVER=60K PACK=100K ROUNDS=2 OUT=$T/o
export SIZE PART SLICE SLIVER PACK ROUNDS OUT
bench=$top/tests/bench/run.sh

# Every command but two (c++ would build a peer: that takes long).
mkdir bin fake
printf '%s\n' "$PATH" | tr : '\n' | while read -r d; do ln -s "$d"/* bin 2>/dev/null; done
rm -f bin/gojq bin/c++
PATH=$B:$T/bin

ok 'two groups' status 0 "$bench" dedup gzip
cp out table
like 'a table' table '^\| dedup by id \| GB/s \| time, in units of the first \(min to max\) \| CPU, s/GB \| peak memory, MB \|$'
like 'the first row is the unit' table '^\| `dedup -k id --jobs 1` \| [0-9.]+ \| 1 \| [0-9.]+ \| [0-9.]+ \|$'
like 'the others have ratios' table '^\| `dedup -k id --jobs 2` \| [0-9.]+ \| [0-9.]+ \([0-9.]+ to [0-9.]+\) \| [0-9.]+ \| [0-9.]+ \|$'
like 'a group has a column more' table '^\| `gzip -6` \| .* \| 1[0-9]\.[0-9]+ \|$'
like 'what is missing is named' table '^Not installed, so left out: .*gojq.*libsimdjson'
unlike 'and left out' table '^\| (gojq|C\+\+)'

summary='const b = JSON.parse(require("fs").readFileSync(process.argv[1])), up = (s) => 0 < s.min && s.min <= s.median && s.median <= s.max;
	console.log(Object.keys(b.machine).join(), [...new Set(b.rows.map((r) => r.group))].join(),
		b.rows.filter((r) => r.kind === "ours").map((r) => r.name).join(), b.rows.filter((r) => r.kind === "limit").map((r) => r.name).join(),
		b.rows.every((r) => r.rounds === 2 && up(r.wall_us) && up(r.ratio) && r.bytes > 60000 && r.cpu_us > 0 && r.peak_kb > 500 && r.rate > 0));'
want="cpu,cores,memory_gb,kernel,compiler dedup by id,rotate and compress \
\`dedup -k id --jobs 1\`,\`dedup -k id --jobs 2\`,\`rec-rotate --jobs 2\` (verified and synced),\`rec-rotate --jobs 1\` \`wc -l\`,\`cat\` true"
is 'bench.json' "$(node -e "$summary" o/bench.json)" "$want"

balance='const s = require("fs").readFileSync(process.argv[1], "utf8"), open = [];
	for (const [, end, name, , alone] of s.matchAll(/<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>/g))
		if (end) { if (open.pop() !== name) throw new Error(name); } else if (!alone) open.push(name);
	const text = s.replace(/<\/?[a-z]+(?: [a-zA-Z:-]+="[^"<]*")*\/?>/g, "").replace(/&(amp|lt|gt);/g, "");
	console.log(open.length, /[<&]/.test(text), (s.match(/<rect class="ours" x="320"/g) || []).length, /prefers-color-scheme: dark/.test(s), /make bench/.test(s));'
is 'the chart: well-formed, with a bar for each' "$(node -e "$balance" o/bench.svg)" '0 false 4 true true'

sed 's/\("group":"rotate and compress".*"rounds":\)2/\17/' o/bench.json >changed && mv changed o/bench.json
ok 'one group again' status 0 "$bench" gzip
is 'takes the place of what was there' "$(node -e "$summary" o/bench.json)" "$want"

printf '#!/bin/sh\nhead -n 1\n' >fake/jq
chmod +x fake/jq
PATH=$T/fake:$PATH
cp o/bench.json before
ok 'another answer ends it' status 1 "$bench" dedup
like 'both are named' err '^run.sh: dedup by id: different answers: `dedup -k id --jobs 1` and jq `foreach inputs`$'
same 'nothing was measured' o/bench.json before
printf '#!/bin/sh\nexit 5\n' >fake/jq
ok 'so does a failure' status 1 "$bench" dedup
like 'it is named' err '^run.sh: dedup by id: failed: jq `foreach inputs`$'
ok 'no such group' status 1 "$bench" dedupe
like 'is said' err '^run.sh: no group dedupe$'
done_testing
