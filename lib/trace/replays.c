/* Replay sessions and their records: the original's multi-turn debugging. */
#include <string.h>

#include "base/when.h"
#include "json/str.h"
#include "trace/inside.h"

static void
put_number(const char *name, sqlite3_stmt *s, int at, struct buf *out)
{
	buf_addf(out, ",\"%s\":%lld", name, (long long)sqlite3_column_int64(s, at));
}

static void
put_id(sqlite3_stmt *s, struct buf *out)
{
	buf_adds(out, "{\"id\":");
	json_encode(column_span(s, 0).p, column_span(s, 0).len, out);
}

#define SESSION_COLUMNS "id, name, original_session_id, start_turn_number, status, created_at, updated_at"
#define RECORD_COLUMNS "id, replay_session_id, turn_number, request, response, status, error_msg, provider, model, config, created_at"

static void
put_session(sqlite3_stmt *s, bool omit, struct buf *out)
{
	(void)omit;
	put_id(s, out);
	put_text("name", column_span(s, 1), out);
	put_text("original_session_id", column_span(s, 2), out);
	put_number("start_turn_number", s, 3, out);
	put_text("status", column_span(s, 4), out);
	buf_adds(out, ",\"created_at\":");
	put_time(column_span(s, 5), out);
	buf_adds(out, ",\"updated_at\":");
	put_time(column_span(s, 6), out);
	buf_addc(out, '}');
}

static void
put_record(sqlite3_stmt *s, bool omit, struct buf *out)
{
	const struct span none = { "", 0 };
	static const char *const names[] = { "request", "response", "status", "error_msg", "provider", "model", "config" };
	enum { STATUS = 2 };

	put_id(s, out);
	put_text("replay_session_id", column_span(s, 1), out);
	put_number("turn_number", s, 2, out);
	for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
		put_text(names[i], omit && i != STATUS ? none : column_span(s, 3 + i), out);
	if (omit)
		buf_adds(out, ",\"omitted\":true");
	buf_adds(out, ",\"created_at\":");
	put_time(column_span(s, 10), out);
	buf_addc(out, '}');
}

/* ---- reading ---- */

/* One by its id, from the writer's connection or a reader's. */
static enum store_result
get_one(struct conn *c, const char *sql, struct span id, void (*put)(sqlite3_stmt *, bool omit, struct buf *), struct buf *out)
{
	sqlite3_stmt *s = conn_prepare(c, sql);
	int r;

	if (s == NULL)
		return STORE_FAILED;
	bind_span(s, 1, id);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		put(s, false, out);
	sqlite3_reset(s);
	return r == SQLITE_ROW ? STORE_OK : r == SQLITE_DONE ? STORE_NONE : STORE_FAILED;
}

/* A page; count takes the id, list the id, the size and the offset. */
static enum store_result
get_page(struct trace_store *store, const char *count, const char *list, struct span id, struct page p,
    void (*put)(sqlite3_stmt *, bool omit, struct buf *), struct buf *out, struct buf *error)
{
	struct conn *c = reader_take(store, error);
	struct buf rows = { 0 };
	sqlite3_stmt *s;
	int64_t total = 0;
	int r = SQLITE_ERROR;

	if (c == NULL)
		return STORE_FAILED;
	if ((s = conn_prepare(c, count)) != NULL) {
		bind_span(s, 1, id);
		r = sqlite3_step(s);
		total = r == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
		sqlite3_reset(s);
	}
	s = r == SQLITE_ROW ? conn_prepare(c, list) : NULL;
	if (s != NULL) {
		bind_span(s, 1, id);
		sqlite3_bind_int64(s, 2, p.size);
		sqlite3_bind_int64(s, 3, page_offset(p));
		while ((r = sqlite3_step(s)) == SQLITE_ROW) {
			if (rows.len != 0)
				buf_addc(&rows, ',');
			put(s, rows.len > PAGE_BYTES, &rows);
		}
		sqlite3_reset(s);
	}
	if (s != NULL && r == SQLITE_DONE)
		put_page(&rows, total, p, "", out);
	buf_free(&rows);
	return reader_end(store, c, s != NULL && r == SQLITE_DONE ? STORE_OK : STORE_FAILED, error);
}

enum store_result
replay_session(struct trace_store *s, struct span id, struct buf *out, struct buf *error)
{
	struct conn *c = reader_take(s, error);

	if (c == NULL)
		return STORE_FAILED;
	return reader_end(s, c, get_one(c, "SELECT " SESSION_COLUMNS " FROM replay_sessions WHERE id = ?", id, put_session, out), error);
}

enum store_result
replay_sessions(struct trace_store *s, struct page p, struct buf *out, struct buf *error)
{
	return get_page(s, "SELECT count(*) FROM replay_sessions WHERE ?1 = ''",
	    "SELECT " SESSION_COLUMNS " FROM replay_sessions WHERE ?1 = '' ORDER BY rowid DESC LIMIT ?2 OFFSET ?3", (struct span){ "", 0 }, p,
	    put_session, out, error);
}

enum store_result
replay_records(struct trace_store *s, struct span id, struct page p, struct buf *out, struct buf *error)
{
	return get_page(s, "SELECT count(*) FROM replay_records WHERE replay_session_id = ?1",
	    "SELECT " RECORD_COLUMNS " FROM replay_records WHERE replay_session_id = ?1 ORDER BY turn_number, created_at LIMIT ?2 OFFSET ?3",
	    id, p, put_record, out, error);
}

/* ---- writing ---- */

struct change {
	struct op op;
	struct span id, name;		/* given */
	const struct replay *replay;
	int64_t	 turn;
	char	 new_id[UUID_SIZE];
	struct buf answer;
};

/* "调试-<name>-轮次<turn>" */
static void
put_default_name(struct span original, int64_t turn, struct buf *out)
{
	buf_adds(out, "\xe8\xb0\x83\xe8\xaf\x95-");
	buf_add(out, original.p, original.len);
	buf_addf(out, "-\xe8\xbd\xae\xe6\xac\xa1%lld", (long long)turn);
}

static enum store_result
name_of_original(struct conn *c, struct change *x, struct buf *name)
{
	sqlite3_stmt *s = conn_prepare(c, "SELECT name FROM sessions WHERE id = ?");
	int r;

	if (s == NULL)
		return STORE_FAILED;
	bind_span(s, 1, x->id);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW && x->name.len != 0)
		buf_add(name, x->name.p, x->name.len);
	else if (r == SQLITE_ROW)
		put_default_name(column_span(s, 0), x->turn, name);
	sqlite3_reset(s);
	return r == SQLITE_ROW ? STORE_OK : r == SQLITE_DONE ? STORE_NONE : STORE_FAILED;
}

static enum store_result
create_session(struct trace_store *store, struct conn *c, struct op *op)
{
	struct change *x = (struct change *)op;
	struct buf name = { 0 }, time = { 0 };
	enum store_result r = name_of_original(c, x, &name);
	sqlite3_stmt *s;

	(void)store;
	buf_clear(&x->answer);
	put_stored_time(when_now_us(), &time);
	if (r == STORE_OK) {
		s = conn_prepare(c, "INSERT INTO replay_sessions(" SESSION_COLUMNS ") VALUES(?1, ?2, ?3, ?4, 'active', ?5, ?5)");
		if (s != NULL) {
			bind_span(s, 1, (struct span){ x->new_id, strlen(x->new_id) });
			bind_span(s, 2, span_of(&name));
			bind_span(s, 3, x->id);
			sqlite3_bind_int64(s, 4, x->turn);
			bind_span(s, 5, span_of(&time));
		}
		r = !conn_run(s) ? STORE_FAILED : get_one(c, "SELECT " SESSION_COLUMNS " FROM replay_sessions WHERE id = ?",
		    (struct span){ x->new_id, strlen(x->new_id) }, put_session, &x->answer);
	}
	buf_free(&name);
	buf_free(&time);
	return r;
}

static enum store_result
remove_session(struct trace_store *store, struct conn *c, struct op *op)
{
	static const char *const sql[] = {
		"DELETE FROM replay_records WHERE replay_session_id = ?", "DELETE FROM replay_sessions WHERE id = ?",
	};

	(void)store;
	for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
		sqlite3_stmt *s = conn_prepare(c, sql[i]);

		if (s == NULL)
			return STORE_FAILED;
		bind_span(s, 1, ((struct change *)op)->id);
		if (!conn_run(s))
			return STORE_FAILED;
	}
	return STORE_OK;
}

static bool
touch_session(struct conn *c, struct span id, struct span time)
{
	sqlite3_stmt *s = conn_prepare(c, "UPDATE replay_sessions SET updated_at = ?2 WHERE id = ?1");

	if (s == NULL)
		return false;
	bind_span(s, 1, id);
	bind_span(s, 2, time);
	return conn_run(s);
}

static enum store_result
put_replay(struct trace_store *store, struct conn *c, struct op *op)
{
	struct change *x = (struct change *)op;
	const struct replay *r = x->replay;
	struct buf time = { 0 };
	enum store_result result = STORE_FAILED;
	sqlite3_stmt *s;

	(void)store;
	buf_clear(&x->answer);
	put_stored_time(when_now_us(), &time);
	if (!touch_session(c, r->session, span_of(&time)))
		goto out;
	if (sqlite3_changes(c->db) == 0) {
		result = STORE_NONE;
		goto out;
	}
	s = conn_prepare(c, "INSERT INTO replay_records(" RECORD_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
	if (s == NULL)
		goto out;
	bind_span(s, 1, (struct span){ x->new_id, strlen(x->new_id) });
	bind_span(s, 2, r->session);
	sqlite3_bind_int64(s, 3, r->turn);
	bind_span(s, 4, r->request);
	bind_span(s, 5, r->response);
	bind_span(s, 6, r->status);
	bind_span(s, 7, r->error_message);
	bind_span(s, 8, r->provider);
	bind_span(s, 9, r->model);
	bind_span(s, 10, r->config);
	bind_span(s, 11, span_of(&time));
	if (conn_run(s))
		result = get_one(c, "SELECT " RECORD_COLUMNS " FROM replay_records WHERE id = ?",
		    (struct span){ x->new_id, strlen(x->new_id) }, put_record, &x->answer);
out:
	buf_free(&time);
	return result;
}

static enum store_result
change(struct trace_store *s, struct change *x, struct buf *out, struct buf *error)
{
	enum store_result r;

	new_id(when_now_us(), x->new_id);
	r = writer_wait(s, &x->op, error);
	if (r == STORE_OK && out != NULL)
		buf_add(out, x->answer.p, x->answer.len);
	buf_free(&x->answer);
	return r;
}

enum store_result
replay_session_create(struct trace_store *s, struct span original, int64_t turn, struct span name, struct buf *out, struct buf *error)
{
	struct change x = { .op = { .run = create_session }, .id = original, .name = name, .turn = turn };

	return change(s, &x, out, error);
}

enum store_result
replay_session_remove(struct trace_store *s, struct span id, struct buf *error)
{
	struct change x = { .op = { .run = remove_session }, .id = id };

	return change(s, &x, NULL, error);
}

enum store_result
replay_record_put(struct trace_store *s, const struct replay *r, struct buf *out, struct buf *error)
{
	struct change x = { .op = { .run = put_replay }, .replay = r };

	return change(s, &x, out, error);
}
