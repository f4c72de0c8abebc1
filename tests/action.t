#!/bin/sh
# action.t - the GitHub action, and the scheduled sync that uses it: run as GitHub's runner would, against the stand-ins.
# The tools are those that are built; with LLMUTILS_FULL=1 the action builds them itself.
full=${LLMUTILS_FULL-}
. "${0%/*}/lib.sh"

command -v git >/dev/null || skip_all 'git is not installed'
python3 -c 'import yaml' 2>/dev/null || skip_all "Python's yaml module is not installed"
for t in "$top"/cmd/*; do
	t=${t##*/}
	[ -x "$B/${t%.c}" ] || skip_all "${t%.c} is not built"
done

# ---- the repository on GitHub ----

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
mkdir first
(cd "$top" && tar -c --exclude=node_modules .ci .github .gitignore ./*.md LICENSE Makefile cmd lib man scripts tests) | tar -x -C first
git init -q --bare remote.git
git --git-dir=remote.git symbolic-ref HEAD refs/heads/main
(cd first && git init -q && git checkout -q -b main && git config user.name t && git config user.email t@t && git add -A && git commit -q -m code &&
	git push -q "$T/remote.git" main)

# ---- machines ----

# make, that is called by the action: nothing is newer than what is built.
mkdir bin
real=$(command -v make)
cat >bin/make <<END
#!/bin/sh
echo "\$*" >>"$T/makes"
[ -z "$full" ] || exec "$real" "\$@"
exec "$real" -o all "\$@" B="$B"
END
chmod +x bin/make
: >makes
PATH=$T/bin:$PATH

# on MACHINE FILE JOB CONTEXT - a job on a new machine; leaves steps, what the steps said in said, and st.
on() {
	mkdir -p "$T/$1/temp"
	git clone -q --depth=1 "file://$T/remote.git" "$T/$1/code"
	st=0
	(cd "$T/$1/code" && env -u B RUNNER_TEMP="$T/$1/temp" RUNNER_CACHE="$T/cache" python3 "$top/tests/runner.py" "$2" "$3" "$4" >"$T/steps" 2>"$T/said") || st=$?
}
# How the steps ended, in one line.
steps() { sed 's/^ *//' "$T/steps" | tr '\n' ',' | sed 's/,$//'; }
prefix_of() { echo "$T/$1/temp/llmutils"; }

# ---- the scheduled sync ----

end=$(node -p 'new Date(Date.now() - 6e5).toISOString()')
node "$top/tests/data/make-runs.js" --end "$end" --big 0 | head -n 40 >runs.ndjson
standin langsmith
LS=$URL
standin feishu
FS=$URL
node "$top/tests/ctl.js" POST "$LS/_test/runs" - <runs.ndjson >/dev/null
rows() { URL=$FS get /_test/rows | wc -l | tr -d ' '; }
kept() { git --git-dir="$T/remote.git" show "sync-data:$1"; }
flow=.github/workflows/sync_schedule.yml

cat >context.json <<END
{"vars": {"SYNC_ENABLED": "true", "LANGSMITH_PROJECT": "my-app", "LANGSMITH_ENDPOINT": "$LS", "FEISHU_ENDPOINT": "$FS",
 "FEISHU_BASE_ID": "bascnTest", "FEISHU_TABLE_ID": "tblTest"},
"secrets": {"LANGSMITH_API_KEY": "lsv2_pt_test", "FEISHU_APP_ID": "cli_test", "FEISHU_APP_SECRET": "secret"}}
END
sed 's/"SYNC_ENABLED": "true"/"SYNC_ENABLED": ""/' context.json >off.json

on off $flow sync "$T/off.json"
is 'where it is not switched on, the job does nothing' "$st $(cat steps)" '0 skipped'
on one $flow sync "$T/context.json"
is 'the job builds, syncs and keeps' "$st $(steps)" '0 actions/checkout@v4: success,state and ledger of the last sync: success,place: success,cache: success,install: success,run: success,sync: success,keep state and ledger: success'
n=$(rows)
ok 'the table has rows' test "$n" -gt 10
like 'the summary is in the log' said "^sync: fetched=[0-9]* .* pushed=$n "
unlike 'no secret is' said 'lsv2_pt_test|secret'
is 'the branch has state and ledger' "$(git --git-dir=remote.git ls-tree --name-only sync-data | tr '\n' ' ')" 'local_records.ndjson state.json '
ok 'with all rows' test "$(kept local_records.ndjson | grep -c '"record_id"')" -ge "$n"
ok 'it has been made' test -s makes
: >makes
on two $flow sync "$T/context.json"
is 'another machine goes on from there' "$st $(rows) $(grep -c ' pushed=0 ' said)" "0 $n 1"
is 'and builds nothing: the cache has the tools' "$(cat makes)" ''
URL=$FS post /_test/config '{"lat":0}' >/dev/null
sed 's/"lsv2_pt_test"/"wrong"/' context.json >wrong.json
on three $flow sync "$T/wrong.json"
is 'a key that is wrong fails the sync, and state and ledger are kept' "$st $(steps | sed 's/.*install/install/')" \
	'1 install: success,run: failure,sync: failure,keep state and ledger: success'

# ---- other workflows ----

# job NAME - a workflow with one job; its steps are on stdin.
job() {
	{
		printf 'jobs:\n  %s:\n    steps:\n' "$1"
		sed 's/^/      /'
	} >"$T/$1.yml"
	on "on-$1" "$T/$1.yml" "$1" "$T/none.json"
}
echo '{}' >none.json

job install <<'END'
- uses: ./.github/actions/llmutils
  id: box
  with: {cache: true}
- run: |
    command -v dedup
    echo '{"id":1}' | dedup -k id
    ls '${{ steps.box.outputs.prefix }}/libexec/llmutils'
END
is 'without a script the tools are installed' "$st $(steps)" \
	'0 place: success,cache: success,install: success,run: skipped,box: success,1: success'
like 'and on PATH in the next step' said "^$(prefix_of on-install)/bin/dedup$"
like 'which has the prefix, too' said '^archive\.sh$'

: >makes
job plain <<'END'
- uses: ./.github/actions/llmutils
  with: {script: archive, cache: false, directory: tests, arguments: '--dir "../my logs" --max-size 20K ''$(touch bad)'' '}
END
is 'an argument that the script does not know is misuse' "$st $(grep -c '^archive: .*\$(touch bad)' said)" '1 1'
ok 'and nothing in it is run' test ! -e on-plain/code/tests/bad
ok 'without the cache it is built' test -s makes
job archive <<'END'
- run: |
    mkdir -p 'my logs'
    echo '{"session_id":7,"message_id":12,"prompt":"Hi","response":"Ho","success":true}' >one
- uses: ./.github/actions/llmutils
- run: rec-write --dir 'my logs' one
- uses: ./.github/actions/llmutils
  with:
    script: archive
    directory: tests
    arguments: >-
      --dir "../my logs"
      --max-size 1
- run: find 'my logs' -name '*.gz'
END
is 'arguments with blanks' "$st" 0
like 'the script has done its work' said '^my logs/archive/.*\.json\.gz$'
like 'and says so' said '^archive: rotated='

job wrong <<'END'
- uses: ./.github/actions/llmutils
  with: {script: ../../../bin/dedup}
END
is 'another program is none of the scripts' "$st $(grep -c '^::error::llmutils: there is no script' said)" '1 1'
job quote <<'END'
- uses: ./.github/actions/llmutils
  with: {script: sync, arguments: '--dir "x'}
END
is 'a quote that does not end is an error' "$st $(steps | sed 's/.*install/install/')" '1 install: success,run: failure,./.github/actions/llmutils: failure'

done_testing
