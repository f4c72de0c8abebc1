# shellcheck shell=sh disable=SC2154,SC2034,SC2317
# postgres.sh - a real PostgreSQL for a test, sourced after lib.sh: pg_start, pg_stop.
#
# It lives in $T, runs as an unprivileged user (initdb refuses root), listens on a unix socket only, and is stopped when
# the test ends.  pg_start sets PGURI, or PG_MISSING to the reason why there is none.

pg_bin() {
	for pg_dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
		[ ! -x "$pg_dir/initdb" ] || { echo "$pg_dir"; return; }
	done
	pg_dir=$(command -v initdb) && dirname "$pg_dir"
}

# As the server's user; environment kept, no shell in between.
pg_as() {
	if [ "$(id -u)" != 0 ]; then
		"$@"
	else
		setpriv --reuid "$PG_USER" --regid "$PG_USER_GROUP" --clear-groups -- "$@"
	fi
}

pg_ctl() { pg_as "$PG_BIN/pg_ctl" -s -D "$PG_DIR/data" -l "$PG_DIR/log" "$@" >>"$PG_DIR/ctl" 2>&1 </dev/null 7>&-; }	# 7: a fifo of the test, which the server must not keep open
pg_up() { pg_ctl -w -t 60 -o "-c unix_socket_directories=$PG_DIR -c listen_addresses= -c fsync=${PG_FSYNC:-off}" start; }

pg_start() {
	PG_BIN=$(pg_bin) PG_USER=postgres PG_MISSING=
	[ -n "$PG_BIN" ] || { PG_MISSING='PostgreSQL (initdb) is not installed'; return 1; }
	id "$PG_USER" >/dev/null 2>&1 || PG_USER=nobody
	PG_USER_GROUP=$(id -g "$PG_USER")
	if [ "$(id -u)" = 0 ] && ! command -v setpriv >/dev/null; then
		PG_MISSING='setpriv is not installed'
		return 1
	fi
	# Not under $T, whose path may be too long for a socket, and which the server's user may not enter.
	PG_DIR=$(mktemp -d /tmp/pg.XXXXXX)
	[ "$(id -u)" != 0 ] || chown "$PG_USER" "$PG_DIR"
	trap 'pg_stop; tap_end' EXIT
	if ! (cd / && pg_as "$PG_BIN/initdb" -D "$PG_DIR/data" -U tester -A trust -E UTF8 --locale=C -N >"$T/initdb" 2>&1); then
		PG_MISSING="initdb fails: $(tail -n 1 "$T/initdb")"
		return 1
	fi
	(cd / && pg_up) || { PG_MISSING="the server does not start: $(tail -n 1 "$PG_DIR/log")"; return 1; }
	PGURI="postgres://tester@/postgres?host=$PG_DIR"
}

pg_stop() {
	[ -n "${PG_DIR:-}" ] || return 0
	[ ! -e "$PG_DIR/data/postmaster.pid" ] || (cd / && pg_ctl -m immediate stop)
	rm -rf "$PG_DIR"
	PG_DIR=
}
