/*
 * conn.h - a connection to the database of traces: its settings, schema and prepared statements.  For lib/trace only.
 *
 * The schema is that of LLM Trace; columns and indexes are added to it.  Original rows get the values of the added columns when the
 * database is opened.
 *
 * https://sqlite.org/wal.html, https://sqlite.org/lang_altertable.html
 */
#ifndef TRACE_CONN_H
#define TRACE_CONN_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "json/scan.h"

struct conn {
	sqlite3 *db;
	struct prepared {
		const char *sql;	/* static text, compared by place */
		sqlite3_stmt *stmt;
	} *prepared;			/* owned */
	size_t	 n, cap;
	const struct search *search;	/* what trace_has() looks for; NULL: nothing */
	struct conn *next;
};

/* Opens what is there.  False: the reason was appended to error, and there is nothing to close. */
bool	conn_open(struct conn *c, const char *path, struct buf *error);
void	conn_close(struct conn *c);
/* Creates or completes the schema. */
bool	conn_migrate(struct conn *c, struct buf *error);

/* The statement of this static text, reset; NULL: it cannot be prepared. */
sqlite3_stmt *conn_prepare(struct conn *c, const char *sql);
bool	conn_exec(struct conn *c, const char *sql);
/* Runs a statement that gives no rows, or one that does not matter. */
bool	conn_run(sqlite3_stmt *s);
/* The database's words. */
void	conn_error(struct conn *c, struct buf *error);

/* Text; borrowed until the statement has run. */
void	bind_span(sqlite3_stmt *s, int at, struct span v);
/* The same, NULL where it is empty; and a number, NULL where it is negative. */
void	bind_known(sqlite3_stmt *s, int at, struct span v);
void	bind_count(sqlite3_stmt *s, int at, int64_t n);
/* A column's bytes, until the statement is stepped on; NULL is empty. */
struct span column_span(sqlite3_stmt *s, int at);

/* A moment as the original stored it ("2025-08-29 16:36:53.458410+08:00"); and such a text as RFC 3339, a JSON string. */
void	put_stored_time(int64_t us, struct buf *out);
void	put_time(struct span stored, struct buf *out);

#endif
