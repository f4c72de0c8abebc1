/*
 * db.h - one interface to SQLite and PostgreSQL, as small as sql-load and sql-query need it.
 *
 * A connection is for one thread.  Everything that can fail returns a db_status and leaves one line in
 * db->error, without a password.  The name of a DSN: sqlite:PATH, or a URI of libpq (postgres:// or
 * postgresql://), whose PG* variables, password file and service file count as they do for psql.
 *
 * Loading is by the batch, in one transaction that is all or nothing, but for the rows that the database
 * refuses: those are found, told apart and left out.  After DB_AGAIN the batch may be repeated with
 * db_load on the same connection object: where an answer to COMMIT was lost, it first looks whether that
 * commit has happened.
 *
 * A load that has a name (db_claim) leaves a mark in the table llmutils_marks: how many records of its input have been dealt
 * with.  It moves in the transactions of the batches, so mark and rows cannot differ; and only for the run that claimed
 * the name last, so that two runs, or a run and what is left of an old connection, cannot load a row twice.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rnd.h"
#include "json/scan.h"

enum db_status {
	DB_OK,
	DB_REFUSED,	/* the database takes the statement, but not the data */
	DB_AGAIN,	/* connection lost, server restarting, lock not to be had: wait and repeat */
	DB_USAGE,	/* the set-up is wrong: no such table, no right, no such key */
	DB_FAILED,	/* no use in going on */
	DB_STOPPED,	/* a signal asks to stop (base/sig.h) */
};

/* What a column holds, as far as values are converted for it. */
enum db_kind {
	DB_INTEGER, DB_REAL, DB_NUMERIC, DB_TEXT, DB_BOOLEAN, DB_JSON, DB_TIME, DB_DATE, DB_BYTES,
	DB_ARRAY,	/* of PostgreSQL */
	DB_ANY,		/* the database judges */
};
#define DB_TYPES "integer|real|numeric|text|boolean|json|timestamptz|date|bytes"	/* in this order */

struct db_column {
	char	*name;		/* owned */
	size_t	 len;
	enum db_kind kind;
	bool	 has_default;	/* also serial and identity columns */
};

struct db_table {
	const char *name;	/* borrowed */
	struct db_column *column;	/* owned */
	size_t	 n, cap;
};

void	db_add_column(struct db_table *t, const char *name, size_t len, enum db_kind kind, bool has_default);
/* The place of a column, or -1. */
long	db_find_column(const struct db_table *t, const char *name, size_t len);
void	db_table_free(struct db_table *t);

/* A converted value. */
enum db_form { DB_NULL, DB_STRING, DB_INT, DB_FLOAT, DB_BLOB };
struct db_cell {
	enum db_form form;
	size_t	 at, len;	/* its text (of a DB_BLOB: its bytes) */
};

enum db_conflict { DB_CONFLICT_FAIL, DB_CONFLICT_IGNORE, DB_CONFLICT_UPDATE };

/* How far a named load has come: records of its input, and of these the rows that the table took. */
struct db_mark {
	uint64_t records, rows;
};

/* One batch; everything is borrowed. */
struct db_load {
	const struct db_table *table;
	const size_t *use;	/* the columns that it fills */
	size_t	 n_use;
	const size_t *key;	/* the columns that make a row unique; none needed for DB_CONFLICT_FAIL */
	size_t	 n_key;
	enum db_conflict conflict;
	const struct db_cell *cell;	/* n rows of n_use cells */
	const char *text;	/* what the cells point into */
	size_t	 n;
	bool	 strict;	/* stop at the first row that is refused */
	char	**why;		/* set to new text for the rows that are refused */
	/* Of a named load: */
	const uint64_t *number;	/* of each row: its place in the input, from 1 */
	uint64_t records;	/* as far has the input been dealt with when these rows have */
	void	(*settled)(void *arg, const struct db_load *l);	/* done and why are set; the commit comes next */
	void	*arg;
	/* Set: */
	size_t	 done;		/* rows that were dealt with; fewer than n only with strict */
	uint64_t changed;	/* rows written */
};

struct db_param {
	const char *name, *value;	/* borrowed */
};

struct db {
	const struct db_engine *engine;
	void	*conn;
	char	*dsn;		/* owned; may hold a password: not for messages */
	bool	 password;	/* it does */
	bool	 begun;		/* something was done by this run: loaded, or by a statement that no transaction can undo any more */
	bool	 unsure;	/* a commit was sent, its answer lost */
	int64_t	 fed_since;	/* when_mono(): rows of the next batch are waiting in a transaction; 0: there is none */
	char	 ticket[UUID_SIZE];	/* PostgreSQL: of the last batch, in llmutils_loads */
	const char *load_id;	/* NULL: the load has no name; borrowed */
	char	 run[UUID_SIZE];	/* this run, in llmutils_marks */
	bool	 claimed;	/* by this run, once */
	struct db_mark mark;	/* what is committed */
	struct db_mark next;	/* what will be */
	void	(*tell)(const char *text);
	struct buf error;
};

/* Called with each row of a result, an NDJSON line. */
typedef void db_sink(void *arg, const char *line, size_t len);

struct db_engine {
	enum db_status (*open)(struct db *db);
	void	(*close)(struct db *db);
	enum db_status (*describe)(struct db *db, struct db_table *t);
	enum db_status (*create)(struct db *db, const struct db_table *t, const size_t *key, size_t n_key);
	enum db_status (*claim)(struct db *db, const char *table);
	void	(*feed)(struct db *db, const struct db_load *l);	/* NULL: has no use for it */
	enum db_status (*load)(struct db *db, struct db_load *l);
	enum db_status (*end_loads)(struct db *db);
	enum db_status (*query)(struct db *db, const char *sql, const struct db_param *param, size_t n, db_sink *sink, void (*idle)(void *),
		    void *arg);
	size_t	name_max;	/* bytes of an identifier */
	bool	holds_nul;	/* text may hold U+0000 */
};
extern const struct db_engine db_sqlite, db_postgres;

/*
 * Takes note of the DSN, nothing is opened yet: the one given, or (NULL) that of LLMUTILS_DB, or sqlite:llmutils.db.  tell gets
 * what the database remarks; NULL: nobody listens.  DB_OK or DB_USAGE.
 */
enum db_status db_init(struct db *db, const char *dsn, void (*tell)(const char *text));
/* Connect, or connect anew after DB_AGAIN. */
enum db_status db_open(struct db *db);
void	db_free(struct db *db);

/* Fill t with the columns of the table t->name; none at all: there is no such table. */
enum db_status db_describe(struct db *db, struct db_table *t);
/* Create it, unless it is there. */
enum db_status db_create(struct db *db, const struct db_table *t, const size_t *key, size_t n_key);
/*
 * Name the loads into a table that are to come, and look how far that load has come, into db->mark.  From now on the batches of
 * other runs of this name are refused.
 */
enum db_status db_claim(struct db *db, const char *table, const char *id);
/*
 * The rows of a batch that have been gathered so far; the server can work on them while more come.  This is a hint: db_load gets them
 * all, and reports what went wrong.  But the transaction is open from here on, so db_load should follow soon (fed_since).
 */
void	db_feed(struct db *db, const struct db_load *l);
enum db_status db_load(struct db *db, struct db_load *l);
/* The last batch has been loaded: nothing more of this run is to be remembered. */
enum db_status db_end_loads(struct db *db);
/*
 * Run the statements of sql one after the other, each with the parameters that it names (:name), which
 * are bound, never spliced.  idle is called where the next row has to be waited for.
 */
enum db_status db_query(struct db *db, const char *sql, const struct db_param *param, size_t n, db_sink *sink, void (*idle)(void *),
	    void *arg);

/* For the engines. */

/* Nothing of this batch is loaded (any more). */
void	db_load_reset(struct db_load *l);
/* The rows of a named load have been tried: tell the caller, and put the mark that belongs into this transaction into db->next. */
void	db_settle(struct db *db, const struct db_load *l);
/* Another run has claimed the name. */
enum db_status db_lost_claim(struct db *db);
/* An identifier in double quotes. */
void	db_put_name(const char *name, size_t len, struct buf *out);
/* INSERT's tail: "ON CONFLICT (...) DO ...", or nothing. */
void	db_put_conflict(const struct db_load *l, struct buf *out);
/* The names of n columns, in commas. */
void	db_put_names(const struct db_table *t, const size_t *which, size_t n, struct buf *out);
/* A double's shortest text, as JSON: one that is no number is a string, and 1 is 1.0. */
void	db_put_double(double d, struct buf *out);
/* The text of a double of PostgreSQL, the same way. */
void	db_put_double_text(const char *s, size_t len, struct buf *out);
enum db_status db_error(struct db *db, enum db_status st, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The names of a result's columns with what stands before them, `{"first":`, `,"second":`; a name that comes again gets _2, _3 ... */
struct db_names {
	struct span *name;	/* owned, with their text */
	size_t	 n, cap;
};
void	db_names_add(struct db_names *names, const char *name);
void	db_names_free(struct db_names *names);

#endif
