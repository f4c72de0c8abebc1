#!/bin/sh
# workflows.t - the GitHub workflows: they parse, the schedule is the promised one, state and ledger are kept.
. "${0%/*}/lib.sh"

command -v git >/dev/null || skip_all 'git is not installed'
python3 -c 'import yaml' 2>/dev/null || skip_all "Python's yaml module is not installed"
flow=$top/.github/workflows/sync_schedule.yml

for f in "$top"/.github/workflows/*.yml; do
	ok "${f##*/} is YAML" python3 -c 'import sys, yaml; d = yaml.safe_load(open(sys.argv[1])); assert d["jobs"] and d[True]' "$f"
	unlike 'and prints no secret' "$f" '(echo|printf).*secrets\.'
done
ok 'the job runs only where it is switched on' grep -q "if: vars.SYNC_ENABLED == 'true'" "$flow"

# ---- the schedule ----

cat >schedule.js <<'END'
const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean);
const field = (text, min, max) => {
	const set = new Set();
	text.split(',').forEach((part) => {
		const [range, step] = part.split('/');
		const [from, to] = range === '*' ? [min, max] : range.split('-').map(Number);
		for (let i = from; i <= (to === undefined ? (step ? max : from) : to); i += Number(step || 1))
			set.add(i);
	});
	return set;
};
const crons = lines.map((l) => l.split(/\s+/)).map((f) => [field(f[0], 0, 59), field(f[1], 0, 23), field(f[4], 0, 6)]);
const MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
for (let t = Date.UTC(2026, 0, 5); t < Date.UTC(2026, 0, 19); t += MINUTE) {
	const utc = new Date(t), beijing = new Date(t + 8 * HOUR);
	const runs = crons.filter((c) => c[0].has(utc.getUTCMinutes()) && c[1].has(utc.getUTCHours()) && c[2].has(utc.getUTCDay())).length;
	const h = beijing.getUTCHours(), m = beijing.getUTCMinutes(), weekday = beijing.getUTCDay() % 6 !== 0;
	const office = weekday && h >= 9 && (h < 18 || (h === 18 && m === 0));
	const want = office ? m % 30 === 0 : h % 2 === 0 && m === 0;
	if (runs !== Number(want))
		console.log(beijing.toISOString() + ' in Beijing: ' + runs + ' instead of ' + Number(want));
}
END
sed -n "s/^ *- cron: '\([^']*\)'.*/\1/p" "$flow" | node schedule.js >wrong
is 'every half hour on weekdays from 9 to 18 in Beijing, else every two hours, each time once' "$(head -n 3 wrong)" ''

# ---- state and ledger over a repository ----

# step NAME - the shell commands of a step
step() {
	python3 -c 'import sys, yaml
d = yaml.safe_load(open(sys.argv[1]))
print(next(s["run"] for s in d["jobs"]["sync"]["steps"] if s.get("name") == sys.argv[2]))' "$flow" "$1"
}
step 'state and ledger of the last sync' >get.sh
step 'keep state and ledger' >keep.sh
export DATA_BRANCH=sync-data GIT_CONFIG_GLOBAL=/dev/null
git init -q --bare remote.git
git init -q -b main first
(cd first && git config user.name t && git config user.email t@t && echo code >code && git add code && git commit -q -m code &&
	git push -q "$T/remote.git" main)
git --git-dir=remote.git symbolic-ref HEAD refs/heads/main

# job NAME CONTENT - what a job does around the sync, on a machine of its own
job() {
	mkdir -p "$1" && git clone -q --depth=1 "file://$T/remote.git" "$1/code" &&
		(cd "$1/code" && bash -e "$T/get.sh" >/dev/null) && cat "$1/data/local_records.ndjson" 2>/dev/null
	echo "$2" >>"$1/data/local_records.ndjson"
	echo "{\"n\":\"$2\"}" >"$1/data/state.json"
	echo secret >"$1/data/.env"
}
keep() { (cd "$1/data" && bash -e "$T/keep.sh"); }
kept() { git --git-dir=remote.git show "sync-data:$1"; }

run job a one
is 'the first sync starts from nothing' "$(cat "$out")" ''
ok 'and is kept' status 0 keep a
is 'state and ledger, and nothing else' "$(git --git-dir=remote.git ls-tree --name-only sync-data | tr '\n' ' ')" 'local_records.ndjson state.json '
run job b two
is 'the second begins with them' "$(cat "$out")" one
ok 'and is kept, too' status 0 keep b
is 'ledger' "$(kept local_records.ndjson | tr '\n' ' ')" 'one two '
is 'and state' "$(kept state.json)" '{"n":"two"}'
run job c three
git clone -q -b sync-data remote.git race
(cd race && git config user.name t && git config user.email t@t && echo note >note && git add note && git commit -q -m note && git push -q)
ok 'somebody else has pushed meanwhile' status 0 keep c
is 'both are there' "$(kept note) $(kept local_records.ndjson | tr '\n' ' ')" 'note one two three '
run job d four
rm d/data/local_records.ndjson d/data/state.json
git -C d/data checkout -q .
ok 'nothing new is no commit' status 0 keep d
is 'really' "$(git --git-dir=remote.git rev-list --count sync-data)" 4
is 'main is as it was' "$(git --git-dir=remote.git rev-list --count main)" 1

done_testing
