#include "store/pg_conn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/sig.h"

#define CONNECT_SECONDS	"10"
#define CANCEL_SECONDS	3
#define COMMIT_MS	1000	/* once a signal came: until the server is asked to hurry */

/* ---- connection ---- */

static void
on_notice(void *arg, const PGresult *r)
{
	const struct db *db = arg;
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	if (db->tell != NULL && text != NULL)
		db->tell(text);
}

void
pg_close(struct db *db)
{
	struct pg *pg = db->conn;

	if (pg == NULL)
		return;
	PQfinish(pg->c);
	buf_free(&pg->copy);
	free(pg);
	db->conn = NULL;
}

/*
 * libpq's complaint about a URI repeats it, with its password.  One with a bare @ or / in it is cut in the wrong place, and
 * the rest of it taken for a host or a port.
 */
static enum db_status
check_uri(struct db *db)
{
	char *why = NULL;
	PQconninfoOption *o = PQconninfoParse(db->dsn, &why);
	bool valid = o != NULL;

	PQfreemem(why);
	for (PQconninfoOption *i = o; valid && i->keyword != NULL; i++) {
		if (strcmp(i->keyword, "password") == 0 && i->val != NULL)
			db->password = true;
		else if (strcmp(i->keyword, "host") == 0 && i->val != NULL && i->val[0] != '/')
			valid = strchr(i->val + (i->val[0] == '@'), '@') == NULL;
		else if (strcmp(i->keyword, "port") == 0 && i->val != NULL)
			valid = i->val[strspn(i->val, "0123456789,")] == '\0';
	}
	PQconninfoFree(o);
	if (!valid)
		return db_error(db, DB_USAGE, "the database's address is not a valid PostgreSQL URI (it is not shown: it may hold a password)");
	return DB_OK;
}

/* Is a server there that does not want us?  Then asking again does not help. */
static enum db_status
connect_failed(struct db *db, PGconn *c, const char *const keys[], const char *const values[])
{
	enum db_status st = DB_AGAIN;
	const char *why = PQerrorMessage(c);

	switch (PQpingParams(keys, values, 1)) {
	case PQPING_OK:
		if (strstr(why, "too many") == NULL && strstr(why, "connection slots") == NULL && strstr(why, "the database system is") == NULL)
			st = DB_USAGE;
		break;
	case PQPING_NO_ATTEMPT:
		st = DB_USAGE;
		break;
	case PQPING_REJECT:
	case PQPING_NO_RESPONSE:
		break;
	}
	return db_error(db, st, "%s", why);
}

enum db_status
pg_open(struct db *db)
{
	/* What the URI says goes before what stands in front of it.  A server that vanished without a word is noticed in a minute. */
	static const char *const keys[] = {
		"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
		"fallback_application_name", "dbname", "client_encoding", NULL,
	};
	const char *values[] = {
		getenv("PGCONNECT_TIMEOUT") != NULL ? NULL : CONNECT_SECONDS, "30", "10", "3", "60000",
		msg_name(), db->dsn, "UTF8", NULL,
	};
	enum db_status st = check_uri(db);
	struct pg *pg;
	PGconn *c;

	if (st != DB_OK)
		return st;
	c = PQconnectdbParams(keys, values, 1);
	if (PQstatus(c) != CONNECTION_OK) {
		st = connect_failed(db, c, keys, values);
		PQfinish(c);
		return sig_caught() != 0 ? DB_STOPPED : st;
	}
	db->conn = pg = mem_zero(1, sizeof *pg);
	pg->c = c;
	PQsetNoticeReceiver(c, on_notice, db);
	st = pg_command(db, "SET TIME ZONE 'UTC'; SET DateStyle TO ISO; SET bytea_output TO hex; SET IntervalStyle TO postgres;"
	    "SET extra_float_digits TO 1; SET standard_conforming_strings TO on");
	if (st == DB_OK && PQsetnonblocking(c, 1) != 0)
		st = db_error(db, DB_AGAIN, "%s", PQerrorMessage(c));
	if (st != DB_OK)
		pg_close(db);
	return st;
}

enum db_status
pg_lost(struct db *db)
{
	struct pg *pg = db->conn;

	return db_error(db, DB_AGAIN, "%s", PQerrorMessage(pg->c));
}

/* Ask the server to end the statement.  One that is gone never answers, and PQcancel knows no limit of time: so a child asks. */
static void
cancel_statement(struct pg *pg)
{
	PGcancel *cancel = PQgetCancel(pg->c);
	char why[256];
	pid_t child;

	if (cancel != NULL && (child = fork()) == 0) {
		(void)signal(SIGALRM, SIG_DFL);
		(void)alarm(CANCEL_SECONDS);
		(void)PQcancel(cancel, why, sizeof why);
		_exit(0);
	} else if (cancel != NULL && child != -1) {
		while (waitpid(child, NULL, 0) == -1 && errno == EINTR)
			;
	}
	PQfreeCancel(cancel);
}

/* The connection is closed next; without this the server would notice that only with its next answer. */
static enum db_status
stopped(struct db *db)
{
	cancel_statement(db->conn);
	return db_error(db, DB_STOPPED, "interrupted");
}

/*
 * Wait for the socket and take what has come.  A COMMIT may wait for ever, for a lock or a standby; cancelled it still ends with
 * an answer, either way.
 */
static enum db_status
pump(struct db *db, short events)
{
	struct pg *pg = db->conn;
	struct pollfd fd[2] = { { .fd = PQsocket(pg->c), .events = events }, { .fd = sig_fd(), .events = POLLIN } };

	bool hurry = pg->unstoppable && sig_caught() != 0;
	int ready;

	if (fd[0].fd == -1)
		return pg_lost(db);
	ready = poll(fd, hurry ? 1 : 2, hurry ? COMMIT_MS : -1);
	if (ready == -1 && errno != EINTR)
		return db_error(db, DB_FAILED, "poll: %s", strerror(errno));
	if (ready == 0)
		cancel_statement(pg);
	if (sig_caught() != 0 && !pg->unstoppable)
		return stopped(db);
	return PQconsumeInput(pg->c) ? DB_OK : pg_lost(db);
}

enum db_status
pg_flush(struct db *db)
{
	struct pg *pg = db->conn;
	enum db_status st = DB_OK;
	int left;

	while (st == DB_OK && (left = PQflush(pg->c)) != 0)
		st = left == -1 ? pg_lost(db) : pump(db, POLLIN | POLLOUT);
	return st;
}

enum db_status
pg_next_result(struct db *db, PGresult **r)
{
	struct pg *pg = db->conn;
	enum db_status st = DB_OK;

	*r = NULL;
	while (st == DB_OK && PQisBusy(pg->c))
		st = pump(db, POLLIN);
	/* A broken connection gives its last words as a result. */
	if (st == DB_OK || st == DB_AGAIN)
		*r = PQgetResult(pg->c);
	return *r != NULL ? DB_OK : st;
}

/* ---- errors ---- */

static bool
is_one_of(const char *state, const char *list)
{
	size_t n;

	for (; *list != '\0'; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		if (strncmp(state, list, n) == 0)
			return true;
	}
	return false;
}

/*
 * "COPY t, line 3, column ...".  Only a hint: contents may look like this too, and the message may be translated; so a
 * row is tried alone before it counts as bad.
 */
static size_t
named_line(const char *context)
{
	const char *p = context == NULL ? NULL : strstr(context, "COPY ");
	unsigned long n;

	for (; p != NULL; p = strstr(p + 1, ", line "))
		if (sscanf(p, ", line %lu", &n) == 1 && n > 0)
			return n - 1;
	return SIZE_MAX;
}

enum db_status
pg_judge(struct db *db, const PGresult *r)
{
	struct pg *pg = db->conn;
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE), *what = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
	enum db_status st = DB_FAILED;

	pg->exists = state != NULL && is_one_of(state, "23505 42P07");
	pg->bad = named_line(PQresultErrorField(r, PG_DIAG_CONTEXT));
	if (state == NULL || what == NULL)
		return db_error(db, DB_AGAIN, "%s", PQresultErrorMessage(r));
	if (PQstatus(pg->c) == CONNECTION_BAD || is_one_of(state, "08 40001 40P01 55P03 57P 53300"))
		st = DB_AGAIN;
	else if (is_one_of(state, "21 22 23 27 38 39 44 54 P0"))
		st = DB_REFUSED;
	else if (is_one_of(state, "0A 25006 28 2B 3D 3F 42"))
		st = DB_USAGE;
	return db_error(db, st, "%s%s%s", what, detail == NULL ? "" : ": ", detail == NULL ? "" : detail);
}

bool
pg_is_error(const PGresult *r)
{
	ExecStatusType t = PQresultStatus(r);

	return t == PGRES_FATAL_ERROR || t == PGRES_BAD_RESPONSE || t == PGRES_NONFATAL_ERROR;
}

enum db_status
pg_finish(struct db *db, PGresult **keep)
{
	enum db_status st = DB_OK, more;
	PGresult *r, *last = NULL;

	while ((more = pg_next_result(db, &r)) == DB_OK && r != NULL) {
		if (pg_is_error(r) && st == DB_OK)
			st = pg_judge(db, r);
		PQclear(last);
		last = r;
	}
	if (st == DB_OK)
		st = more;
	if (keep != NULL && st == DB_OK)
		*keep = last;
	else
		PQclear(last);
	return st;
}

enum db_status
pg_run(struct db *db, const char *sql, const char *const *values, size_t n, PGresult **keep)
{
	struct pg *pg = db->conn;
	enum db_status st;
	int sent = n == 0 ? PQsendQuery(pg->c, sql) : PQsendQueryParams(pg->c, sql, (int)n, NULL, values, NULL, NULL, 0);

	if (!sent)
		return pg_lost(db);
	st = pg_flush(db);
	return st == DB_OK || st == DB_AGAIN ? pg_finish(db, keep) : st;
}

enum db_status
pg_command(struct db *db, const char *sql)
{
	return pg_run(db, sql, NULL, 0, NULL);
}
