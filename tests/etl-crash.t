#!/bin/sh
# etl-crash.t - a named load (sql-load --load-id) that is killed, cut off or has no room, and is run again: nothing missing, nothing
# twice, in SQLite and in PostgreSQL.  Its tables have no key that would hide a row that is there twice.
. "${0%/*}/lib.sh"
. "$top/tests/postgres.sh"
for t in log-check cc-count seal sql-load sql-query; do
	[ -x "$B/$t" ] || skip_all "$t is not built"
done

q() { sql-query -d "$DB" "$@"; }
# 1200 rows, every 97th of them of the wrong type.
seq 1 1200 | awk '{ print $1 % 97 ? "{\"id\":" $1 ",\"s\":\"row " $1 "\"}" : "{\"id\":\"none " $1 "\"}" }' >rows
grep none rows >bad.want
whole=$(grep -v none rows | json_all 'JSON.stringify({n: rows.length, d: new Set(rows.map((r) => r.id)).size, s: rows.reduce((s, r) => s + r.id, 0)})')
fresh() {	# an empty table, and no mark
	rm -f rej
	q 'DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS llmutils_marks; CREATE TABLE t (id bigint, s text)'
}
load() { sql-load -q -d "$DB" -t t --load-id rows --rejects rej "$@" rows; }
found() { q 'SELECT count(*) AS n, count(DISTINCT id) AS d, sum(id) AS s FROM t'; }
# What is wrong after a load that went wrong and one more, with other batches: printed, or nothing.
again() {	# WHAT STATUS-OF-THE-FIRST
	load -b 131 2>again.err
	again_st=$?
	[ "$again_st $(found)" = "1 $whole" ] || echo "$1: $2, $again_st $(found) $(head -n 1 again.err)"
	sort -u rej | cmp -s - bad.sorted || echo "$1: rejected lines are missing"
}
sort bad.want >bad.sorted

# How a signal, a full disk and a lost connection end the first run.
is_one_of() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; }

# ---- faults of the n-th call ----

# Fail about COUNT of the calls, one in each load, and load again.
faults() {	# NAME ACT STATUSES COUNT CALLS OPTIONS...
	f_name=$1 f_act=$2 f_want=$3 f_count=$4 f_calls=$5 f_hit=0; shift 5
	fresh
	(FAULT_CALLS=$f_calls FAULT_AT=0 FAULT_LOG=calls LD_PRELOAD=$B/fault.so load -b 100 "$@") 2>/dev/null
	is "$f_name: without a fault" "$? $(found)" "1 $whole"
	f_n=$(cat calls) f_at=1
	: >wrong
	while [ $f_at -le "$f_n" ]; do
		fresh
		(FAULT_CALLS=$f_calls FAULT_AT=$f_at FAULT_ACT=$f_act LD_PRELOAD=$B/fault.so load -b 100 "$@") >/dev/null 2>fault.err
		f_st=$?
		is_one_of $f_st "$f_want" || echo "$f_at: status $f_st $(head -n 1 fault.err)" >>wrong
		[ $f_st = 1 ] || f_hit=$((f_hit + 1))
		again $f_at $f_st >>wrong
		f_at=$((f_at + 1 + f_n / f_count))
	done
	is "$f_name, at many of its $f_n calls, and again: nothing missing, nothing twice" "$(cat wrong)" ''
	ok "... and many of these loads did end early ($f_hit)" test $f_hit -ge $((f_count / 3))
}

# Killed at the n-th call, again and again, until it has come through.
killed_on() {	# NAME CALLS
	fresh
	(FAULT_CALLS=$2 FAULT_AT=0 FAULT_LOG=calls LD_PRELOAD=$B/fault.so load -b 50) 2>/dev/null
	k_at=$(($(cat calls) / 3)) k_n=0 k_st=137
	fresh
	while [ $k_st = 137 ] && [ $k_n -lt 60 ]; do
		(FAULT_CALLS=$2 FAULT_AT=$k_at FAULT_ACT=kill LD_PRELOAD=$B/fault.so load -b 50) 2>/dev/null
		k_st=$?
		k_n=$((k_n + 1))
	done
	is "$1: killed again and again, until it has come through" "$k_st $(found) $((k_n > 2))" "1 $whole 1"
	sort -u rej | cmp -s - bad.sorted
	is '... what was rejected is kept' $? 0
}

DB=sqlite:$T/x.db
if [ -e "$B/fault.so" ] && [ -z "$SAN" ]; then
	faults 'SQLite: kill -9' kill '137' 40 pwrite,ftruncate,fsync
	faults 'SQLite: a full disk' ENOSPC '1 3' 40 pwrite
	faults 'SQLite: a disk that fails' EIO '1 3' 40 pwrite,fsync
	killed_on SQLite pwrite,fsync
else
	skip 11 'fault.so does not go with sanitizers'
fi

# ---- the whole pipe ----

# 6000 entries that can be told apart; some of them bad in log-check's eyes, some in the table's.
gen logs 4M | head -n 6000 | awk '{ sub(/"session_id":"[^"]*"/, "\"session_id\":\"s" NR "\""); if (NR % 501 == 0) sub(/"source_ip":"/, "&x"); print }' >entries
good=$(log-check -q entries 2>/dev/null | wc -l | tr -d ' ')
BOTRUN_LOG_AES_KEY=$(head -c 32 /dev/urandom | base64)
export BOTRUN_LOG_AES_KEY
# The bytes of each run differ: its time, and what is sealed.
log_pipe() {	# BATCH; entries on stdin
	log-check -q --stamp create_timestamp 2>/dev/null | cc-count | seal -f action_details |
		DB=$DB sh -c 'echo $$ >pid; exec sql-load -q -d "$DB" -t demo_logs --create --load-id day --types action_details=text -b "$0"' "$1"
}
mark() { q 'SELECT records FROM llmutils_marks' 2>/dev/null | tr -dc 0-9; }
passed() { [ "$(mark)0" -ge "${1}0" ]; }
# The pipe gets the beginning of the log, more of it each time, and is killed while it loads that.
pipe_killed() {	# NAME
	q 'DROP TABLE IF EXISTS demo_logs; DROP TABLE IF EXISTS llmutils_marks'
	rm -f feed; mkfifo feed
	for n in 1 2 3 4 5 6 7 8; do
		rm -f pid
		log_pipe $((n * 7 + 20)) <feed >/dev/null 2>&1 & p=$!
		exec 7>feed
		head -n $((n * 700)) entries >&7
		within 20 passed $((n * 700 - 600 + n))
		sleep "0.0$n"
		kill -9 "$(cat pid)" || echo '# the load has ended by itself'
		exec 7>&-
		wait $p
	done 2>/dev/null
	# Not the load is killed, but what it reads from: it ends well, with what there was.
	rm -f feed2; mkfifo feed2
	log_pipe 100 <feed2 & p=$!
	exec 7>feed2
	head -n 5800 entries >&7
	exec 7>&-
	wait $p
	is "$1: an input that ends too soon" $? 0
	log_pipe 500 <entries
	is "$1: log-check | cc-count | seal | sql-load, killed again and again: nothing missing, nothing twice" \
		"$? $(q 'SELECT count(*) AS n, count(DISTINCT session_id) AS d FROM demo_logs')" "0 {\"n\":$good,\"d\":$good}"
	is '... it went on, each time' "$(q 'SELECT count(DISTINCT create_timestamp) AS n FROM demo_logs')" '{"n":10}'
	is '... and every count is right' "$(q 'SELECT sum(ch_characters) AS c, sum(en_characters) AS e FROM demo_logs')" \
		"$(log-check -q entries 2>/dev/null | cc-count | json_all '({c: rows.reduce((s, r) => s + r.ch_characters, 0), e: rows.reduce((s, r) => s + r.en_characters, 0)})')"
}
pipe_killed SQLite

# ---- PostgreSQL ----

if ! pg_start; then
	skip 1 "$PG_MISSING"
	done_testing
fi
DB=$PGURI
psql_up() { q 'SELECT 1' >/dev/null 2>&1; }

if [ -e "$B/fault.so" ] && [ -z "$SAN" ]; then
	# A kill at recv comes when the server has done what it was asked for: its answer is lost.
	faults 'PostgreSQL: kill -9' kill '1 137' 40 send,recv
	faults 'PostgreSQL: kill -9 of a load by key' kill '1 137' 20 send,recv --key id --on-conflict fail
	killed_on PostgreSQL send,recv
else
	skip 8 'fault.so does not go with sanitizers'
fi
pipe_killed PostgreSQL

# The answer to a COMMIT is lost, and the server with it, for this run; at each COMMIT there is.
: >wrong
for n in 1 2 3 12 13; do
	rm -rf px cut; mkdir px
	fresh
	[ $n = 1 ] || head -n $(((n - 1) * 100)) rows | sql-load -q -d "$DB" -t t --load-id rows --rejects rej -b 100 2>/dev/null
	node "$top/tests/pg-proxy.js" "$T/px/.s.PGSQL.5432" "$PG_DIR/.s.PGSQL.5432" once >px/log &
	pid=$! tap_pids="$tap_pids $!"
	within 20 grep -qs ready px/log || echo '# the proxy does not start'
	direct=$DB DB="postgres://tester@/postgres?host=$T/px"
	load -b 100 --max-retries 1 2>/dev/null
	st=$?
	DB=$direct
	[ $n = 13 ] || [ $st = 3 ] || echo "$n: status $st" >>wrong
	[ $n = 13 ] || [ -s cut ] || echo "$n: nothing was lost" >>wrong
	again $n $st >>wrong
	kill $pid; wait $pid 2>/dev/null
done
is 'a lost answer to COMMIT ends the run; and again: nothing missing, nothing twice' "$(cat wrong)" ''

# The server ends the connection, or stops, in mid-load; this run gives up.
fresh
mkfifo fifo
n=0
for how in terminate immediate fast terminate; do
	n=$((n + 1))
	load_fifo() { sql-load -q -d "$DB" -t t --load-id rows --rejects rej -b 50 --max-retries 0 <fifo; }
	load_fifo 2>/dev/null & pid=$!
	tap_pids="$tap_pids $pid"
	exec 7>fifo
	head -n $((n * 250)) rows >&7
	within 20 passed $((n * 250 - 50))
	if [ $how = terminate ]; then
		q "SELECT pg_terminate_backend(pid) AS t FROM pg_stat_activity WHERE application_name = 'sql-load'" >/dev/null
	else
		(cd / && pg_ctl -m $how stop && pg_up)
		within 20 psql_up
	fi
	tail -n +$((n * 250 + 1)) rows >&7
	exec 7>&-
	wait $pid
	echo "$how $?"
done >ended 2>/dev/null
is 'a server that ends the connection, or stops, ends the run' "$(tr '\n' ' ' <ended)" 'terminate 3 immediate 3 fast 3 terminate 3 '
is '... and again: nothing missing, nothing twice' "$(again server 3)" ''

# A full disk: of a file system of its own, if one can be mounted here.
full=$PG_DIR/full
mkdir "$full"
if mount -t tmpfs -o size=2m,mode=777 tmpfs "$full" 2>mount.err; then
	pg_unmount() { umount -l "$full"; pg_stop; tap_end; }
	trap pg_unmount EXIT
	mkdir "$full/space" && chown "$PG_USER" "$full/space"
	q "CREATE TABLESPACE small LOCATION '$full/space'" && q 'CREATE TABLE f (id bigint, s text) TABLESPACE small'
	seq 1 40000 | awk '{ print "{\"id\":" $1 ",\"s\":\"a row of some length, number " $1 "\"}" }' >many
	ok 'PostgreSQL: a full disk ends the load' status 3 sql-load -q -d "$DB" -t f --load-id full -b 500 many
	like '... in the words of the server' "$err" 'No space left on device'
	some() { q "SELECT count(*) AS n FROM f" | grep -q "[1-9]"; }
	ok '... with a part of it loaded' some
	ok '... and again, as long as it is full' status 3 sql-load -q -d "$DB" -t f --load-id full -b 500 many
	mount -o remount,size=64m "$full"
	ok '... when there is room, it goes on' status 0 sql-load -q -d "$DB" -t f --load-id full -b 700 many
	is '... nothing missing, nothing twice' "$(q 'SELECT count(*) AS n, count(DISTINCT id) AS d FROM f')" '{"n":40000,"d":40000}'
else
	skip 6 "no file system can be mounted: $(cat mount.err)"
fi
done_testing
