#include "trace/conn.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/when.h"
#include "json/str.h"
#include "trace/search.h"
#include "trace/summary.h"

#define BUSY_MS 10000		/* wait so long for another process that writes */

/* The page size is that of new databases. */
static const char settings[] = "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8192;"
    " PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864";

/* ---- the connection ---- */

bool
conn_open(struct conn *c, const char *path, struct buf *error)
{
	*c = (struct conn){ 0 };
	if (sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		conn_error(c, error);
		conn_close(c);
		return false;
	}
	sqlite3_busy_timeout(c->db, BUSY_MS);
	if (!search_register(c) || !summary_register(c) ||
	    !conn_exec(c, settings)) {
		conn_error(c, error);
		conn_close(c);
		return false;
	}
	return true;
}

void
conn_close(struct conn *c)
{
	for (size_t i = 0; i < c->n; i++)
		sqlite3_finalize(c->prepared[i].stmt);
	free(c->prepared);
	sqlite3_close(c->db);
	*c = (struct conn){ 0 };
}

sqlite3_stmt *
conn_prepare(struct conn *c, const char *sql)
{
	sqlite3_stmt *s = NULL;

	for (size_t i = 0; i < c->n; i++)
		if (c->prepared[i].sql == sql) {
			sqlite3_reset(c->prepared[i].stmt);
			return c->prepared[i].stmt;
		}
	if (sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK)
		return NULL;
	c->prepared = mem_grow(c->prepared, &c->cap, c->n + 1, sizeof *c->prepared);
	c->prepared[c->n++] = (struct prepared){ sql, s };
	return s;
}

bool
conn_exec(struct conn *c, const char *sql)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

bool
conn_run(sqlite3_stmt *s)
{
	int r;

	if (s == NULL)
		return false;
	while ((r = sqlite3_step(s)) == SQLITE_ROW)
		;
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return r == SQLITE_DONE;
}

void
conn_error(struct conn *c, struct buf *error)
{
	buf_adds(error, c->db == NULL ? "no memory" : sqlite3_errmsg(c->db));
}

/* ---- values ---- */

void
bind_span(sqlite3_stmt *s, int at, struct span v)
{
	sqlite3_bind_text64(s, at, v.len == 0 ? "" : v.p, v.len, SQLITE_STATIC, SQLITE_UTF8);
}

void
bind_known(sqlite3_stmt *s, int at, struct span v)
{
	if (v.len == 0)
		sqlite3_bind_null(s, at);
	else
		bind_span(s, at, v);
}

void
bind_count(sqlite3_stmt *s, int at, int64_t n)
{
	if (n < 0)
		sqlite3_bind_null(s, at);
	else
		sqlite3_bind_int64(s, at, n);
}

struct span
column_span(sqlite3_stmt *s, int at)
{
	const char *p = (const char *)sqlite3_column_text(s, at);

	return (struct span){ p == NULL ? "" : p, p == NULL ? 0 : (size_t)sqlite3_column_bytes(s, at) };
}

void
put_stored_time(int64_t us, struct buf *out)
{
	char text[WHEN_SIZE];
	size_t len = strlen(when_format_local(us, text));

	text[10] = ' ';
	buf_add(out, text, text[len - 1] == 'Z' ? len - 1 : len);
	if (text[len - 1] == 'Z')
		buf_adds(out, "+00:00");
}

void
put_time(struct span stored, struct buf *out)
{
	size_t at = out->len;
	int64_t ms;

	json_encode(stored.p, stored.len, out);
	if (stored.len > 10 && stored.p[10] == ' ' && when_parse(stored.p, stored.len, &ms, NULL))
		out->p[at + 11] = 'T';
}

/* ---- the schema ---- */

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS sessions(id varchar(255) PRIMARY KEY, name varchar(255) NOT NULL, created_at datetime);"
    "CREATE TABLE IF NOT EXISTS records(id varchar(255) PRIMARY KEY, session_id varchar(255) NOT NULL, turn_number integer NOT NULL,"
    " request text NOT NULL, response text, status varchar(50) NOT NULL, error_msg text, metadata text, created_at datetime);"
    "CREATE TABLE IF NOT EXISTS replay_sessions(id varchar(255) PRIMARY KEY, name varchar(255) NOT NULL,"
    " original_session_id varchar(255) NOT NULL, start_turn_number integer NOT NULL, status varchar(50) NOT NULL DEFAULT 'active',"
    " created_at datetime, updated_at datetime);"
    "CREATE TABLE IF NOT EXISTS replay_records(id varchar(255) PRIMARY KEY, replay_session_id varchar(255) NOT NULL,"
    " turn_number integer NOT NULL, request text NOT NULL, response text, status varchar(50) NOT NULL, error_msg text, provider text,"
    " model text, config text, created_at datetime);";

/* What the original's records lack.  Times are microseconds; changed grows with every insert and completion, and is the cursor. */
static const struct { const char *name, *type; } columns[] = {
	{ "parent_id", "varchar(255)" }, { "provider", "text" }, { "model", "text" }, { "http_status", "integer" },
	{ "latency_ms", "integer" }, { "first_byte_ms", "integer" }, { "input_tokens", "integer" }, { "output_tokens", "integer" },
	{ "request_size", "integer" }, { "response_size", "integer" }, { "metadata_size", "integer" }, { "preview", "text" },
	{ "created_us", "integer" }, { "changed", "integer" },
};

/*
 * The first one has all of a record but its long texts: a list of a session's turns never reads those.  The others serve the order of
 * time, alone and with a status or a model, and count without looking at the records.
 */
static const char indexes[] =
    "CREATE INDEX IF NOT EXISTS idx_trace_turns ON records(session_id, turn_number, created_us, id, status, error_msg, created_at,"
    " parent_id, provider, model, http_status, latency_ms, first_byte_ms, input_tokens, output_tokens, request_size, response_size,"
    " metadata_size, preview, changed);"
    "CREATE INDEX IF NOT EXISTS idx_trace_time ON records(created_us);"
    "CREATE INDEX IF NOT EXISTS idx_trace_status ON records(status, created_us);"
    "CREATE INDEX IF NOT EXISTS idx_trace_model ON records(model, created_us, status);"
    "CREATE INDEX IF NOT EXISTS idx_trace_changed ON records(changed);"
    "CREATE INDEX IF NOT EXISTS idx_trace_replays ON replay_records(replay_session_id, turn_number, created_at);";

/* Rows that the original wrote. */
static const char backfill[] =
    "UPDATE records SET changed = rowid, created_us = trace_us(created_at), model = coalesce(model, trace_model(request)),"
    " preview = trace_preview(request), input_tokens = trace_tokens(response, 0), output_tokens = trace_tokens(response, 1),"
    " request_size = length(CAST(request AS BLOB)), response_size = length(CAST(coalesce(response, '') AS BLOB)),"
    " metadata_size = length(CAST(coalesce(metadata, '') AS BLOB))"
    " WHERE changed IS NULL";

static bool
has_column(struct conn *c, const char *name)
{
	sqlite3_stmt *s = conn_prepare(c, "SELECT 1 FROM pragma_table_info('records') WHERE name = ?");
	bool found;

	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	found = sqlite3_step(s) == SQLITE_ROW;
	sqlite3_reset(s);
	return found;
}

static bool
add_columns(struct conn *c)
{
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof columns / sizeof *columns; i++) {
		struct buf sql = { 0 };

		if (has_column(c, columns[i].name))
			continue;
		buf_addf(&sql, "ALTER TABLE records ADD COLUMN %s %s", columns[i].name, columns[i].type);
		ok = conn_exec(c, buf_str(&sql));
		buf_free(&sql);
	}
	return ok;
}

static bool
is_complete(struct conn *c)
{
	sqlite3_stmt *s = conn_prepare(c, "SELECT 1 FROM records WHERE changed IS NULL LIMIT 1");
	bool complete = s != NULL && sqlite3_step(s) == SQLITE_DONE;

	sqlite3_reset(s);
	return complete;
}

bool
conn_migrate(struct conn *c, struct buf *error)
{
	if (conn_exec(c, "BEGIN IMMEDIATE") && conn_exec(c, tables) && add_columns(c) && conn_exec(c, indexes) &&
	    (is_complete(c) || conn_exec(c, backfill)) && conn_exec(c, "COMMIT"))
		return true;
	conn_error(c, error);
	if (!sqlite3_get_autocommit(c->db))
		(void)conn_exec(c, "ROLLBACK");
	return false;
}
