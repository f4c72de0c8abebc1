/* SQLite behind db.h: WAL, one writer at a time, rows that are refused drop out of their batch one by one. */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sig.h"
#include "base/when.h"
#include "crypt/base64.h"
#include "json/str.h"

#define BUSY_MS		10000		/* wait so long for another writer, then it is the caller's to wait */
#define STEPS		10000		/* of SQLite's machine between looks for a signal */

static enum db_status
failed(struct db *db)
{
	sqlite3 *c = db->conn;

	if (sig_caught() != 0)
		return db_error(db, DB_STOPPED, "interrupted");
	switch (sqlite3_errcode(c)) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return db_error(db, DB_AGAIN, "another process keeps the database locked");
	case SQLITE_ERROR:
	case SQLITE_RANGE:
	case SQLITE_READONLY:
	case SQLITE_NOTADB:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
	case SQLITE_PERM:
		return db_error(db, DB_USAGE, "%s", sqlite3_errmsg(c));
	default:
		break;
	}
	return db_error(db, DB_FAILED, "%s", sqlite3_errmsg(c));
}

/* How long another writer's lock has been waited for; a signal ends it. */
static int
on_busy(void *arg, int times)
{
	static const struct timespec nap = { 0, 10 * 1000 * 1000 };
	static int64_t since;

	(void)arg;
	if (times == 0)
		since = when_mono();
	if (sig_caught() != 0 || when_mono() - since > BUSY_MS)
		return 0;
	nanosleep(&nap, NULL);
	return 1;
}

static int
on_steps(void *arg)
{
	(void)arg;
	return sig_caught() != 0;
}

static void
sqlite_end(struct db *db)
{
	sqlite3_close(db->conn);
	db->conn = NULL;
}

/* A new database is for its owner only: logs may hold anything. */
static enum db_status
sqlite_begin(struct db *db)
{
	const char *path = db->dsn + strlen("sqlite:");
	bool in_memory = strcmp(path, ":memory:") == 0;
	int fd = in_memory ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	sqlite3 *c;
	enum db_status st = DB_OK;

	if (fd != -1)
		(void)close(fd);
	else if (!in_memory && errno != EEXIST)
		return db_error(db, DB_USAGE, "%s: %s", path, strerror(errno));
	if (sqlite3_open_v2(path, &c, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		st = db_error(db, DB_USAGE, "%s: %s", path, c == NULL ? "no memory" : sqlite3_errmsg(c));
		sqlite3_close(c);
		return st;
	}
	db->conn = c;
	sqlite3_extended_result_codes(c, 0);
	sqlite3_busy_handler(c, on_busy, NULL);
	sqlite3_progress_handler(c, STEPS, on_steps, NULL);
	if (sqlite3_exec(c, "PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL", NULL, NULL, NULL) != SQLITE_OK) {
		st = failed(db);
		sqlite_end(db);
	}
	return st;
}

static enum db_status
execute(struct db *db, const char *sql)
{
	return sqlite3_exec(db->conn, sql, NULL, NULL, NULL) == SQLITE_OK ? DB_OK : failed(db);
}

static sqlite3_stmt *
prepare(struct db *db, const struct buf *sql)
{
	sqlite3_stmt *s = NULL;

	(void)sqlite3_prepare_v3(db->conn, sql->p, (int)sql->len, SQLITE_PREPARE_PERSISTENT, &s, NULL);
	return s;
}

/* ---- tables ---- */

static bool
contains(const char *type, const char *word)
{
	return strcasestr(type, word) != NULL;
}

static bool
begins(const char *type, const char *word)
{
	return strncasecmp(type, word, strlen(word)) == 0;
}

/* The rules of https://sqlite.org/datatype3.html 3.1, but for types that say more about what is in the text. */
static enum db_kind
kind_of(const char *type)
{
	if (contains(type, "INT") && !begins(type, "INTERVAL"))
		return DB_INTEGER;
	if (begins(type, "JSON"))
		return DB_JSON;
	if (begins(type, "TIMESTAMP") || begins(type, "DATETIME"))
		return DB_TIME;
	if (begins(type, "DATE"))
		return DB_DATE;
	if (begins(type, "NUMERIC TEXT"))
		return DB_NUMERIC;
	if (contains(type, "CHAR") || contains(type, "CLOB") || contains(type, "TEXT"))
		return DB_TEXT;
	if (contains(type, "BLOB"))
		return DB_BYTES;
	if (type[0] == '\0')
		return DB_ANY;
	if (begins(type, "BOOL"))
		return DB_BOOLEAN;
	if (contains(type, "REAL") || contains(type, "FLOA") || contains(type, "DOUB"))
		return DB_REAL;
	return DB_ANY;
}

static enum db_status
sqlite_describe(struct db *db, struct db_table *t)
{
	static const char sql[] = "SELECT name, type, dflt_value IS NOT NULL FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid";
	sqlite3_stmt *s;
	enum db_status st = DB_OK;
	int r;

	if (sqlite3_prepare_v2(db->conn, sql, -1, &s, NULL) != SQLITE_OK)
		return failed(db);
	sqlite3_bind_text(s, 1, t->name, -1, SQLITE_STATIC);
	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(s, 0), *type = (const char *)sqlite3_column_text(s, 1);

		db_add_column(t, name, (size_t)sqlite3_column_bytes(s, 0), kind_of(type == NULL ? "" : type),
		    sqlite3_column_int(s, 2) != 0);
	}
	if (r != SQLITE_DONE)
		st = failed(db);
	sqlite3_finalize(s);
	return st;
}

static enum db_status
sqlite_create(struct db *db, const struct db_table *t, const size_t *key, size_t n_key)
{
	/* The words behind the first give the affinity: text is kept as it is. */
	static const char *const type[] = {
		[DB_INTEGER] = "INTEGER", [DB_REAL] = "REAL", [DB_NUMERIC] = "NUMERIC TEXT", [DB_TEXT] = "TEXT",
		[DB_BOOLEAN] = "BOOLEAN", [DB_JSON] = "JSON TEXT", [DB_TIME] = "TIMESTAMPTZ TEXT", [DB_DATE] = "DATE TEXT",
		[DB_BYTES] = "BLOB", [DB_ARRAY] = "JSON TEXT", [DB_ANY] = "",
	};
	struct buf sql = { 0 };
	enum db_status st;

	buf_adds(&sql, "CREATE TABLE IF NOT EXISTS ");
	db_put_name(t->name, strlen(t->name), &sql);
	for (size_t i = 0; i < t->n; i++) {
		buf_adds(&sql, i == 0 ? " (" : ", ");
		db_put_name(t->column[i].name, t->column[i].len, &sql);
		buf_addf(&sql, " %s", type[t->column[i].kind]);
		for (size_t k = 0; k < n_key; k++)
			if (key[k] == i)
				buf_adds(&sql, " NOT NULL");
	}
	if (n_key > 0) {
		buf_adds(&sql, ", PRIMARY KEY (");
		db_put_names(t, key, n_key, &sql);
		buf_addc(&sql, ')');
	}
	buf_addc(&sql, ')');
	st = execute(db, buf_str(&sql));
	buf_free(&sql);
	return st;
}

/* ---- loading ---- */

/* An integer of 64 bits. */
static sqlite3_int64
integer(const char *p, size_t len)
{
	uint64_t n = 0;

	for (size_t i = *p == '-'; i < len; i++)
		n = n * 10 + (uint64_t)(p[i] - '0');
	return (sqlite3_int64)(*p == '-' ? 0 - n : n);
}

static void
bind_cell(sqlite3_stmt *s, int at, const struct db_cell *c, const char *text)
{
	char number[512];
	const char *p = text + c->at;

	switch (c->form) {
	case DB_NULL:
		sqlite3_bind_null(s, at);
		return;
	case DB_STRING:
		sqlite3_bind_text64(s, at, p, c->len, SQLITE_STATIC, SQLITE_UTF8);
		return;
	case DB_BLOB:
		sqlite3_bind_blob64(s, at, p, c->len, SQLITE_STATIC);
		return;
	case DB_INT:
		sqlite3_bind_int64(s, at, integer(p, c->len));
		return;
	case DB_FLOAT:
		break;
	}
	/* The conversion has seen to the range and, beyond a double's digits, to a short text. */
	if (c->len >= sizeof number) {
		sqlite3_bind_text64(s, at, p, c->len, SQLITE_STATIC, SQLITE_UTF8);
		return;
	}
	memcpy(number, p, c->len);
	number[c->len] = '\0';
	sqlite3_bind_double(s, at, strtod(number, NULL));	/* also "Infinity" */
}

static sqlite3_stmt *
prepare_insert(struct db *db, const struct db_load *l)
{
	struct buf sql = { 0 };
	sqlite3_stmt *s;

	buf_adds(&sql, "INSERT INTO ");
	db_put_name(l->table->name, strlen(l->table->name), &sql);
	buf_adds(&sql, " (");
	db_put_names(l->table, l->use, l->n_use, &sql);
	buf_adds(&sql, ") VALUES (");
	for (size_t i = 0; i < l->n_use; i++)
		buf_adds(&sql, i == 0 ? "?" : ",?");
	buf_addc(&sql, ')');
	db_put_conflict(l, &sql);
	s = prepare(db, &sql);
	buf_free(&sql);
	return s;
}

/* Insert one row.  A refusal undoes this statement alone, and is the row's. */
static enum db_status
insert_row(struct db *db, struct db_load *l, sqlite3_stmt *s, size_t row)
{
	sqlite3 *c = db->conn;
	int r;

	for (size_t i = 0; i < l->n_use; i++)
		bind_cell(s, (int)i + 1, &l->cell[row * l->n_use + i], l->text);
	r = sqlite3_step(s);
	if (r == SQLITE_DONE || r == SQLITE_ROW) {
		l->changed += (uint64_t)sqlite3_changes(c);
		sqlite3_reset(s);
		return DB_OK;
	}
	r = sqlite3_errcode(c);
	if (r == SQLITE_CONSTRAINT || r == SQLITE_TOOBIG || r == SQLITE_MISMATCH) {
		const char *why = sqlite3_errmsg(c);

		l->why[row] = mem_dup(why, strlen(why));
		sqlite3_reset(s);
		return DB_OK;
	}
	(void)failed(db);
	sqlite3_reset(s);
	return sig_caught() != 0 ? DB_STOPPED : r == SQLITE_BUSY || r == SQLITE_LOCKED ? DB_AGAIN : DB_FAILED;
}

/* A trigger's RAISE(ROLLBACK) undoes the rows before, too: then once more without the row that raised it. */
static enum db_status
insert_rows(struct db *db, struct db_load *l, sqlite3_stmt *s)
{
	enum db_status st;
	size_t end = l->n;

	for (size_t row = 0; row < end; row++) {
		if (l->why[row] != NULL)
			continue;
		if ((st = insert_row(db, l, s, row)) != DB_OK)
			return st;
		l->done = row + 1;
		if (sqlite3_get_autocommit(db->conn)) {
			if (l->why[row] == NULL)
				return db_error(db, DB_FAILED, "a trigger ended the transaction");
			if ((st = execute(db, "BEGIN IMMEDIATE")) != DB_OK)
				return st;
			l->changed = 0;
			end = l->strict ? l->done : end;
			row = (size_t)-1;
		} else if (l->why[row] != NULL && l->strict) {
			return DB_OK;
		}
	}
	l->done = end;
	return DB_OK;
}

static enum db_status
begin(struct db *db)
{
	enum db_status st;

	if (!db->begun && (st = execute(db, "PRAGMA journal_mode=WAL")) != DB_OK)
		return st;
	db->begun = true;
	return execute(db, "BEGIN IMMEDIATE");
}

/* Commit, or undo it all. */
static enum db_status
end(struct db *db, enum db_status st)
{
	if (st == DB_OK && (st = execute(db, "COMMIT")) == DB_USAGE)
		st = DB_FAILED;
	if (!sqlite3_get_autocommit(db->conn))
		(void)sqlite3_exec(db->conn, "ROLLBACK", NULL, NULL, NULL);
	return st;
}

/* Run a statement on the marks.  DB_REFUSED: it met no row. */
static enum db_status
mark(struct db *db, const char *sql, const char *const text[], int n_text, const uint64_t number[], int n_number)
{
	enum db_status st = DB_REFUSED;
	sqlite3_stmt *s;
	int r;

	if (sqlite3_prepare_v2(db->conn, sql, -1, &s, NULL) != SQLITE_OK)
		return failed(db);
	for (int i = 0; i < n_text; i++)
		sqlite3_bind_text(s, i + 1, text[i], -1, SQLITE_STATIC);
	for (int i = 0; i < n_number; i++)
		sqlite3_bind_int64(s, n_text + i + 1, (sqlite3_int64)number[i]);
	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		db->next = (struct db_mark){ (uint64_t)sqlite3_column_int64(s, 0), (uint64_t)sqlite3_column_int64(s, 1) };
		st = DB_OK;
	}
	if (r != SQLITE_DONE)
		st = failed(db);
	sqlite3_finalize(s);
	return st;
}

static enum db_status
take_claim(struct db *db, const char *table)
{
	static const char create[] = "CREATE TABLE IF NOT EXISTS llmutils_marks (load_id TEXT NOT NULL, table_name TEXT NOT NULL COLLATE NOCASE, "
	    "run TEXT NOT NULL, records INTEGER NOT NULL, rows_loaded INTEGER NOT NULL, "
	    "at TIMESTAMPTZ TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), PRIMARY KEY (load_id, table_name))";
	static const char first[] = "INSERT INTO llmutils_marks (load_id, table_name, run, records, rows_loaded) VALUES (?1, ?2, ?3, 0, 0) "
	    "ON CONFLICT (load_id, table_name) DO UPDATE SET run = excluded.run RETURNING records, rows_loaded";
	static const char again[] = "SELECT records, rows_loaded FROM llmutils_marks WHERE load_id = ?1 AND table_name = ?2 AND run = ?3";
	enum db_status st = execute(db, create);

	if (st != DB_OK)
		return st;
	st = mark(db, db->claimed ? again : first, (const char *const[]){ db->load_id, table, db->run }, 3, NULL, 0);
	return st == DB_REFUSED ? db_lost_claim(db) : st;
}

static enum db_status
sqlite_claim(struct db *db, const char *table)
{
	enum db_status st = begin(db);

	if (st == DB_OK)
		st = end(db, take_claim(db, table));
	if (st != DB_OK)
		return st;
	db->mark = db->next;
	db->claimed = true;
	return DB_OK;
}

static enum db_status
move_mark(struct db *db, const struct db_load *l)
{
	static const char sql[] = "UPDATE llmutils_marks SET records = ?4, rows_loaded = ?5, at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') "
	    "WHERE load_id = ?1 AND table_name = ?2 AND run = ?3 AND records = ?6 RETURNING records, rows_loaded";
	enum db_status st;

	if (db->load_id == NULL)
		return DB_OK;
	db_settle(db, l);
	st = mark(db, sql, (const char *const[]){ db->load_id, l->table->name, db->run }, 3,
	    (const uint64_t[]){ db->next.records, db->next.rows, db->mark.records }, 3);
	return st == DB_REFUSED ? db_lost_claim(db) : st;
}

static enum db_status
put_rows(struct db *db, struct db_load *l)
{
	sqlite3_stmt *s;
	enum db_status st;

	s = prepare_insert(db, l);
	st = s == NULL ? failed(db) : insert_rows(db, l, s);
	sqlite3_finalize(s);
	return st == DB_USAGE && s != NULL ? DB_FAILED : st;
}

static enum db_status
sqlite_load(struct db *db, struct db_load *l)
{
	enum db_status st = begin(db);

	if (st == DB_OK)
		st = put_rows(db, l);
	if (st == DB_OK)
		st = move_mark(db, l);
	st = end(db, st);
	if (st == DB_OK)
		db->mark = db->next;
	return st;
}

static enum db_status
sqlite_end_loads(struct db *db)
{
	(void)db;
	return DB_OK;
}

/* ---- queries ---- */

static enum db_status
bind_params(struct db *db, sqlite3_stmt *s, const struct db_param *param, size_t n)
{
	for (int i = 1; i <= sqlite3_bind_parameter_count(s); i++) {
		const char *name = sqlite3_bind_parameter_name(s, i);
		size_t k = 0;

		if (name == NULL || name[0] != ':')
			return db_error(db, DB_USAGE, "parameter %s: write it as :name", name == NULL ? "?" : name);
		while (k < n && strcmp(param[k].name, name + 1) != 0)
			k++;
		if (k == n)
			return db_error(db, DB_USAGE, "no value for %s: give --param %s=VALUE", name, name + 1);
		sqlite3_bind_text(s, i, param[k].value, -1, SQLITE_STATIC);
	}
	return DB_OK;
}

static bool
is_number(const char *p, size_t len)
{
	return len > 0 && (p[0] == '-' || (p[0] >= '0' && p[0] <= '9')) && json_is_value(p, len);
}

static void
put_text(sqlite3_stmt *s, int i, struct buf *out)
{
	const char *type = sqlite3_column_decltype(s, i), *p = (const char *)sqlite3_column_text(s, i);
	size_t len = (size_t)sqlite3_column_bytes(s, i);

	if (type != NULL && ((begins(type, "JSON") && json_is_value(p, len)) || (begins(type, "NUMERIC TEXT") && is_number(p, len))))
		buf_add(out, p, len);
	else
		json_encode(p == NULL ? "" : p, len, out);
}

static void
put_value(sqlite3_stmt *s, int i, struct buf *out)
{
	const char *type;
	sqlite3_int64 n;

	switch (sqlite3_column_type(s, i)) {
	case SQLITE_INTEGER:
		n = sqlite3_column_int64(s, i);
		type = sqlite3_column_decltype(s, i);
		if (type != NULL && begins(type, "BOOL") && (n == 0 || n == 1))
			buf_adds(out, n == 1 ? "true" : "false");
		else
			buf_addf(out, "%lld", n);
		break;
	case SQLITE_FLOAT:
		db_put_double(sqlite3_column_double(s, i), out);
		break;
	case SQLITE_TEXT:
		put_text(s, i, out);
		break;
	case SQLITE_BLOB:
		buf_addc(out, '"');
		base64_put(sqlite3_column_blob(s, i), (size_t)sqlite3_column_bytes(s, i), out);
		buf_addc(out, '"');
		break;
	default:
		buf_adds(out, "null");
		break;
	}
}

static enum db_status
run_statement(struct db *db, sqlite3_stmt *s, db_sink *sink, void *arg)
{
	struct db_names names = { 0 };
	struct buf line = { 0 };
	int r;

	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		int n = sqlite3_column_count(s);

		while (names.n < (size_t)n)
			db_names_add(&names, sqlite3_column_name(s, (int)names.n));
		buf_clear(&line);
		for (int i = 0; i < n; i++) {
			buf_add(&line, names.name[i].p, names.name[i].len);
			put_value(s, i, &line);
		}
		buf_adds(&line, "}\n");
		sink(arg, line.p, line.len);
		if (sig_caught() != 0)
			break;
	}
	db_names_free(&names);
	buf_free(&line);
	if (r == SQLITE_ROW)
		return db_error(db, DB_STOPPED, "interrupted");
	if (r == SQLITE_DONE)
		return DB_OK;
	return sqlite3_errcode(db->conn) == SQLITE_ERROR ? db_error(db, DB_FAILED, "%s", sqlite3_errmsg(db->conn)) : failed(db);
}

static enum db_status
sqlite_query(struct db *db, const char *sql, const struct db_param *param, size_t n, db_sink *sink, void (*idle)(void *), void *arg)
{
	enum db_status st = DB_OK;

	(void)idle;
	while (st == DB_OK && *sql != '\0') {
		sqlite3_stmt *s;

		if (sqlite3_prepare_v2(db->conn, sql, -1, &s, &sql) != SQLITE_OK)
			return failed(db);
		if (s == NULL)		/* a comment */
			continue;
		if ((st = bind_params(db, s, param, n)) == DB_OK)
			st = run_statement(db, s, sink, arg);
		sqlite3_finalize(s);
		db->begun |= st == DB_OK && sqlite3_get_autocommit(db->conn);
	}
	return st;
}

const struct db_engine db_sqlite = {
	.open = sqlite_begin, .close = sqlite_end, .describe = sqlite_describe, .create = sqlite_create, .claim = sqlite_claim,
	.load = sqlite_load, .end_loads = sqlite_end_loads, .query = sqlite_query,
	.name_max = 1 << 20, .holds_nul = true,
};
