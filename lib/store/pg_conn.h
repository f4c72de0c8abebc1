/*
 * pg_conn.h - a connection to PostgreSQL: statements sent, answers waited for until a signal asks to stop, errors judged.
 *
 * Each function leaves the words of what went wrong in db->error, as db.h has it.  After an error the connection may be in any state;
 * closing it ends the transaction.
 */
#ifndef STORE_PG_CONN_H
#define STORE_PG_CONN_H

#include <libpq-fe.h>

#include "store/db.h"

/* What db->conn is. */
struct pg {
	PGconn	*c;
	bool	 unstoppable;	/* a COMMIT is under way: its answer is waited for, after a signal with less patience */
	size_t	 bad;		/* the row (from 0) of the COPY that the last error names, or SIZE_MAX */
	bool	 exists;	/* the last error: a thing of this name is there already */
	/* For who loads: */
	bool	 tickets;	/* llmutils_loads is there */
	bool	 claimed;	/* on this connection */
	bool	 begun;		/* the batch that is being gathered: its transaction */
	size_t	 fed;		/* its rows that were sent */
	enum db_status fed_status;
	struct buf copy;	/* what is sent next */
};

enum db_status pg_open(struct db *db);
void	pg_close(struct db *db);

/* One statement with n values, or (n = 0) several.  keep (may be NULL) gets the last result; the first error counts. */
enum db_status pg_run(struct db *db, const char *sql, const char *const *values, size_t n, PGresult **keep);
enum db_status pg_command(struct db *db, const char *sql);

/* The parts of it: send what libpq has; the next result, NULL behind the last; all of them, as pg_run does. */
enum db_status pg_flush(struct db *db);
enum db_status pg_next_result(struct db *db, PGresult **r);
enum db_status pg_finish(struct db *db, PGresult **keep);

bool	pg_is_error(const PGresult *r);
/* What kind of error it is. */
enum db_status pg_judge(struct db *db, const PGresult *r);
/* libpq itself has failed. */
enum db_status pg_lost(struct db *db);

#endif
