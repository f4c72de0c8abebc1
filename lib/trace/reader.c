/* Reads: each on a connection of its own, in one transaction. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/when.h"
#include "json/str.h"
#include "trace/inside.h"
#include "trace/search.h"

#define READERS		8
#define SEARCHES	2			/* in texts, at a time */
#define COUNT_MS	2000			/* a search whose page is full goes on counting for so long */
#define SEARCH_MS	20000			/* any search */
#define LOOK_MS		100			/* between looks whether somebody waits for it */

/* ---- connections ---- */

static struct conn *
reader_new(struct trace_store *s, struct buf *error)
{
	struct conn *c = mem_zero(1, sizeof *c);

	if (conn_open(c, s->path, error))
		return c;
	free(c);
	pthread_mutex_lock(&s->readers);
	s->n_readers--;
	pthread_cond_broadcast(&s->spare);
	pthread_mutex_unlock(&s->readers);
	return NULL;
}

struct conn *
reader_take(struct trace_store *s, struct buf *error)
{
	struct conn *c;

	pthread_mutex_lock(&s->readers);
	while (s->idle == NULL && s->n_readers == READERS)
		pthread_cond_wait(&s->spare, &s->readers);
	c = s->idle;
	if (c != NULL)
		s->idle = c->next;
	else
		s->n_readers++;
	pthread_mutex_unlock(&s->readers);
	if (c == NULL && (c = reader_new(s, error)) == NULL)
		return NULL;
	if (conn_run(conn_prepare(c, "BEGIN")))
		return c;
	conn_error(c, error);
	reader_give(s, c);
	return NULL;
}

void
reader_give(struct trace_store *s, struct conn *c)
{
	for (size_t i = 0; i < c->n; i++)
		sqlite3_reset(c->prepared[i].stmt);
	(void)conn_run(conn_prepare(c, "ROLLBACK"));
	c->search = NULL;
	pthread_mutex_lock(&s->readers);
	c->next = s->idle;
	s->idle = c;
	pthread_cond_broadcast(&s->spare);	/* searches wait for it, too, for something else */
	pthread_mutex_unlock(&s->readers);
}

enum store_result
reader_end(struct trace_store *s, struct conn *c, enum store_result r, struct buf *error)
{
	if (r == STORE_FAILED)
		conn_error(c, error);
	reader_give(s, c);
	return r;
}

void
readers_close(struct trace_store *s)
{
	for (struct conn *c = s->idle, *next; c != NULL; c = next) {
		next = c->next;
		conn_close(c);
		free(c);
	}
	s->idle = NULL;
}

/* A search takes long, and keeps the processor busy: not all connections may do that. */
static void
search_begin(struct trace_store *s)
{
	pthread_mutex_lock(&s->readers);
	while (s->n_searches == SEARCHES)
		pthread_cond_wait(&s->spare, &s->readers);
	s->n_searches++;
	pthread_mutex_unlock(&s->readers);
}

static void
search_end(struct trace_store *s)
{
	pthread_mutex_lock(&s->readers);
	s->n_searches--;
	pthread_cond_broadcast(&s->spare);
	pthread_mutex_unlock(&s->readers);
}

/* ---- JSON ---- */

void
put_text(const char *name, struct span text, struct buf *out)
{
	buf_addf(out, ",\"%s\":", name);
	json_encode(text.p, text.len, out);
}

static void
put_count(const char *name, sqlite3_stmt *s, int at, struct buf *out)
{
	if (sqlite3_column_type(s, at) == SQLITE_NULL)
		buf_addf(out, ",\"%s\":null", name);
	else
		buf_addf(out, ",\"%s\":%lld", name, (long long)sqlite3_column_int64(s, at));
}

static void
put_moment(const char *name, sqlite3_stmt *s, int at, struct buf *out)
{
	buf_addf(out, ",\"%s\":", name);
	put_time(column_span(s, at), out);
}

void
put_page(const struct buf *rows, int64_t total, struct page p, const char *more, struct buf *out)
{
	buf_adds(out, "{\"data\":[");
	buf_add(out, rows->p, rows->len);
	buf_addf(out, "],\"total\":%lld,\"page\":%lld,\"size\":%lld,\"total_pages\":%lld%s}", (long long)total, (long long)p.page,
	    (long long)p.size, (long long)((total + p.size - 1) / p.size), more);
}

int64_t
page_offset(struct page p)
{
	return p.page - 1 > INT64_MAX / p.size ? INT64_MAX : (p.page - 1) * p.size;
}

/* One number; false: the database failed. */
static bool
number(sqlite3_stmt *s, int64_t *n)
{
	bool ok = s != NULL && sqlite3_step(s) == SQLITE_ROW;

	*n = ok ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	return ok;
}

/* ---- sessions ---- */

#define SESSION_COLUMNS "id, name, created_at"

/* What is known of all its records together. */
static bool
put_sums(struct conn *c, struct span id, struct buf *out)
{
	sqlite3_stmt *s = conn_prepare(c, "SELECT count(*), coalesce(sum(status = 'pending'), 0), coalesce(sum(status = 'error'), 0),"
	    " sum(input_tokens), sum(output_tokens), sum(latency_ms), max(turn_number), max(changed) FROM records WHERE session_id = ?");
	static const char *const names[] = {
		"record_count", "pending_count", "error_count", "input_tokens", "output_tokens", "latency_ms", "last_turn",
	};
	char time[WHEN_SIZE] = "";

	if (s == NULL)
		return false;
	bind_span(s, 1, id);
	if (sqlite3_step(s) != SQLITE_ROW)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		put_count(names[i], s, (int)i, out);
	if (sqlite3_column_int64(s, 7) > INT64_C(1000000000000))	/* else it is a number of a row that the original wrote */
		(void)when_format_local(sqlite3_column_int64(s, 7), time);
	put_text("changed_at", (struct span){ time, strlen(time) }, out);
	sqlite3_reset(s);
	return true;
}

static bool
put_session(struct conn *c, sqlite3_stmt *s, struct buf *out)
{
	bool ok;

	buf_adds(out, "{\"id\":");
	json_encode(column_span(s, 0).p, column_span(s, 0).len, out);
	put_text("name", column_span(s, 1), out);
	put_moment("created_at", s, 2, out);
	ok = put_sums(c, column_span(s, 0), out);
	buf_addc(out, '}');
	return ok;
}

enum store_result
trace_store_sessions(struct trace_store *store, struct page p, struct buf *out, struct buf *error)
{
	struct conn *c = reader_take(store, error);
	struct buf rows = { 0 };
	sqlite3_stmt *s;
	int64_t total = 0;
	bool ok;
	int r = SQLITE_DONE;

	if (c == NULL)
		return STORE_FAILED;
	ok = number(conn_prepare(c, "SELECT count(*) FROM sessions"), &total);
	s = conn_prepare(c, "SELECT " SESSION_COLUMNS " FROM sessions ORDER BY rowid DESC LIMIT ? OFFSET ?");
	if (ok && s != NULL) {
		sqlite3_bind_int64(s, 1, p.size);
		sqlite3_bind_int64(s, 2, page_offset(p));
		while (ok && (r = sqlite3_step(s)) == SQLITE_ROW) {
			if (rows.len != 0)
				buf_addc(&rows, ',');
			ok = put_session(c, s, &rows);
		}
	}
	ok = ok && s != NULL && r == SQLITE_DONE;
	if (ok)
		put_page(&rows, total, p, "", out);
	buf_free(&rows);
	return reader_end(store, c, ok ? STORE_OK : STORE_FAILED, error);
}

enum store_result
trace_store_session(struct trace_store *store, struct span id, struct buf *out, struct buf *error)
{
	struct conn *c = reader_take(store, error);
	sqlite3_stmt *s;
	int r;

	if (c == NULL)
		return STORE_FAILED;
	s = conn_prepare(c, "SELECT " SESSION_COLUMNS " FROM sessions WHERE id = ?");
	if (s == NULL)
		return reader_end(store, c, STORE_FAILED, error);
	bind_span(s, 1, id);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW && !put_session(c, s, out))
		r = SQLITE_ERROR;
	return reader_end(store, c, r == SQLITE_ROW ? STORE_OK : r == SQLITE_DONE ? STORE_NONE : STORE_FAILED, error);
}

/* ---- records ---- */

/* The heads of records are in the index of turns; their texts behind them, where they are asked for. */
#define HEAD_COLUMNS "id, session_id, turn_number, status, error_msg, created_at, parent_id, provider, model, http_status, latency_ms," \
    " first_byte_ms, input_tokens, output_tokens, request_size, response_size, metadata_size, preview, changed"
#define TEXT_COLUMNS ", request, response, metadata"
enum {
	C_ID, C_SESSION, C_TURN, C_STATUS, C_ERROR, C_CREATED, C_PARENT, C_PROVIDER, C_MODEL, C_HTTP, C_LATENCY, C_FIRST, C_IN, C_OUT,
	C_REQUEST_SIZE, C_RESPONSE_SIZE, C_METADATA_SIZE, C_PREVIEW, C_CHANGED, C_REQUEST, C_RESPONSE, C_METADATA,
};

static void
put_head(sqlite3_stmt *s, bool omit, struct buf *out)
{
	const struct span none = { "", 0 };

	buf_adds(out, "{\"id\":");
	json_encode(column_span(s, C_ID).p, column_span(s, C_ID).len, out);
	put_text("session_id", column_span(s, C_SESSION), out);
	put_count("turn_number", s, C_TURN, out);
	put_text("status", column_span(s, C_STATUS), out);
	put_text("error_msg", omit ? none : column_span(s, C_ERROR), out);
	put_moment("created_at", s, C_CREATED, out);
	put_text("parent_id", column_span(s, C_PARENT), out);
	put_text("provider", column_span(s, C_PROVIDER), out);
	put_text("model", omit ? none : column_span(s, C_MODEL), out);
	put_count("http_status", s, C_HTTP, out);
	put_count("latency_ms", s, C_LATENCY, out);
	put_count("first_byte_ms", s, C_FIRST, out);
	put_count("input_tokens", s, C_IN, out);
	put_count("output_tokens", s, C_OUT, out);
	put_count("request_size", s, C_REQUEST_SIZE, out);
	put_count("response_size", s, C_RESPONSE_SIZE, out);
	put_count("metadata_size", s, C_METADATA_SIZE, out);
	put_text("preview", column_span(s, C_PREVIEW), out);
}

/* A record; brief: without its texts. */
static void
put_record(sqlite3_stmt *s, bool brief, bool omit, struct buf *out)
{
	put_head(s, omit, out);
	if (omit)
		buf_adds(out, brief ? ",\"omitted\":true" : ",\"request\":\"\",\"response\":\"\",\"metadata\":\"\",\"omitted\":true");
	else if (!brief) {
		put_text("request", column_span(s, C_REQUEST), out);
		put_text("response", column_span(s, C_RESPONSE), out);
		put_text("metadata", column_span(s, C_METADATA), out);
	}
	buf_addc(out, '}');
}

enum store_result
trace_store_record(struct trace_store *store, struct span id, struct buf *out, struct buf *error)
{
	struct conn *c = reader_take(store, error);
	sqlite3_stmt *s;
	int r;

	if (c == NULL)
		return STORE_FAILED;
	s = conn_prepare(c, "SELECT " HEAD_COLUMNS TEXT_COLUMNS " FROM records WHERE id = ?");
	if (s == NULL)
		return reader_end(store, c, STORE_FAILED, error);
	bind_span(s, 1, id);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		put_record(s, false, false, out);
	return reader_end(store, c, r == SQLITE_ROW ? STORE_OK : r == SQLITE_DONE ? STORE_NONE : STORE_FAILED, error);
}

enum store_result
trace_store_request(struct trace_store *store, struct span id, struct buf *request, struct buf *session, int64_t *turn,
    struct buf *error)
{
	struct conn *c = reader_take(store, error);
	sqlite3_stmt *s;
	struct span v;
	int r;

	if (c == NULL)
		return STORE_FAILED;
	s = conn_prepare(c, "SELECT request, session_id, turn_number FROM records WHERE id = ?");
	if (s == NULL)
		return reader_end(store, c, STORE_FAILED, error);
	bind_span(s, 1, id);
	r = sqlite3_step(s);
	if (r == SQLITE_ROW) {
		v = column_span(s, 0);
		buf_add(request, v.p, v.len);
		v = column_span(s, 1);
		if (session != NULL)
			buf_add(session, v.p, v.len);
		if (turn != NULL)
			*turn = sqlite3_column_int64(s, 2);
	}
	return reader_end(store, c, r == SQLITE_ROW ? STORE_OK : r == SQLITE_DONE ? STORE_NONE : STORE_FAILED, error);
}

/* ---- lists of records ---- */

/* What a list takes, as SQL and the values for its places. */
struct query {
	const struct record_filter *f;
	struct buf where;
	struct search *search;
};

static void
and_(struct buf *where, const char *term)
{
	buf_adds(where, where->len == 0 ? " WHERE " : " AND ");
	buf_adds(where, term);
}

static bool
query_open(struct query *q, const struct record_filter *f)
{
	*q = (struct query){ .f = f };
	if (f->session.len != 0)
		and_(&q->where, "session_id = ?1");
	if (f->status.len != 0)
		and_(&q->where, "status = ?2");
	if (f->model.len != 0)
		and_(&q->where, "model = ?3");
	if (f->from != INT64_MIN)
		and_(&q->where, "created_us >= ?4");
	if (f->to != INT64_MAX)
		and_(&q->where, "created_us < ?5");
	if (f->after.len != 0)
		and_(&q->where, "changed > ?6");
	if (f->text.len != 0)
		q->search = search_new(f->text);
	return q->search != NULL;
}

static void
query_close(struct query *q)
{
	buf_free(&q->where);
	search_free(q->search);
}

static int64_t
microseconds(int64_t ms)
{
	return ms > INT64_MAX / 1000 ? INT64_MAX : ms < INT64_MIN / 1000 ? INT64_MIN : ms * 1000;
}

static int64_t
cursor_of(struct span after)
{
	char text[24] = "";

	if (after.len == 0 || after.len >= sizeof text)
		return 0;
	memcpy(text, after.p, after.len);
	return strtoll(text, NULL, 10);
}

static sqlite3_stmt *
query_prepare(struct conn *c, const struct query *q, const char *select, const char *tail)
{
	const struct record_filter *f = q->f;
	struct buf sql = { 0 };
	sqlite3_stmt *s = NULL;

	buf_addf(&sql, "SELECT %s FROM records%.*s%s", select, (int)q->where.len, q->where.len == 0 ? "" : q->where.p, tail);
	(void)sqlite3_prepare_v2(c->db, sql.p, (int)sql.len, &s, NULL);
	buf_free(&sql);
	if (s == NULL)
		return NULL;
	/* A place that the statement does not have is refused, which is fine. */
	bind_span(s, 1, f->session);
	bind_span(s, 2, f->status);
	bind_span(s, 3, f->model);
	sqlite3_bind_int64(s, 4, microseconds(f->from));
	sqlite3_bind_int64(s, 5, microseconds(f->to));
	sqlite3_bind_int64(s, 6, cursor_of(f->after));
	return s;
}

static const char *
order_of(const struct record_filter *f)
{
	return f->after.len != 0 ? " ORDER BY changed" : f->session.len != 0 ? " ORDER BY turn_number, created_us" : " ORDER BY created_us DESC";
}

/* A page in the making. */
struct list {
	struct buf rows;
	size_t	 n;		/* of them */
	int64_t	 total, last;	/* last: of the last row, changed */
	bool	 partial;
};

static void
add_row(struct list *l, const struct record_filter *f, sqlite3_stmt *s)
{
	if (l->n++ > 0)
		buf_addc(&l->rows, ',');
	put_record(s, f->brief, l->rows.len > PAGE_BYTES, &l->rows);
	l->last = sqlite3_column_int64(s, C_CHANGED);
}

static bool
list_page(struct conn *c, const struct query *q, struct page p, struct list *l)
{
	sqlite3_stmt *s = query_prepare(c, q, "count(*)", "");
	struct buf tail = { 0 };
	bool ok = number(s, &l->total);
	int r = SQLITE_DONE;

	sqlite3_finalize(s);
	if (!ok || page_offset(p) >= l->total)
		return ok;
	buf_addf(&tail, "%s LIMIT %lld OFFSET %lld", order_of(q->f), (long long)p.size, (long long)page_offset(p));
	s = query_prepare(c, q, q->f->brief ? HEAD_COLUMNS : HEAD_COLUMNS TEXT_COLUMNS, buf_str(&tail));
	while (s != NULL && (r = sqlite3_step(s)) == SQLITE_ROW)
		add_row(l, q->f, s);
	ok = s != NULL && r == SQLITE_DONE;
	sqlite3_finalize(s);
	buf_free(&tail);
	return ok;
}

static bool
add_found(struct conn *c, struct list *l, const struct record_filter *f, int64_t rowid)
{
	sqlite3_stmt *s = conn_prepare(c, f->brief ? "SELECT " HEAD_COLUMNS " FROM records WHERE rowid = ?" :
	    "SELECT " HEAD_COLUMNS TEXT_COLUMNS " FROM records WHERE rowid = ?");
	bool ok;

	if (s == NULL)
		return false;
	sqlite3_bind_int64(s, 1, rowid);
	ok = sqlite3_step(s) == SQLITE_ROW;
	if (ok)
		add_row(l, f, s);
	sqlite3_reset(s);
	return ok;
}

/* Is it enough?  Asked for each candidate. */
static bool
search_ends(const struct query *q, const struct list *l, struct page p, int64_t begun, int64_t *looked)
{
	int64_t now = when_mono();

	if (now - begun > ((int64_t)l->n == p.size ? COUNT_MS : SEARCH_MS))
		return true;
	if (q->f->stop == NULL || now - *looked < LOOK_MS)
		return false;
	*looked = now;
	return q->f->stop(q->f->stop_arg);
}

/* The texts of all candidates are looked at, in order, as long as there is time. */
static bool
search_page(struct conn *c, const struct query *q, struct page p, struct list *l)
{
	sqlite3_stmt *s = query_prepare(c, q, "rowid, trace_has(request, response, metadata, error_msg)", order_of(q->f));
	int64_t begun = when_mono(), looked = 0, from = page_offset(p);
	bool ok = s != NULL;
	int r = SQLITE_DONE;

	c->search = q->search;
	while (ok && !l->partial && (r = sqlite3_step(s)) == SQLITE_ROW) {
		if (sqlite3_column_int(s, 1) != 0 && l->total++ >= from && (int64_t)l->n < p.size)
			ok = add_found(c, l, q->f, sqlite3_column_int64(s, 0));
		l->partial = search_ends(q, l, p, begun, &looked);
	}
	ok = ok && (r == SQLITE_DONE || l->partial);
	sqlite3_finalize(s);
	return ok;
}

/* Behind the cursor is what is not on this page. */
static int64_t
next_cursor(const struct list *l, const struct record_filter *f, struct page p, int64_t newest)
{
	if (f->after.len == 0 || (!l->partial && page_offset(p) + (int64_t)l->n >= l->total))
		return newest;
	return l->n > 0 ? l->last : cursor_of(f->after);
}

static enum store_result
read_records(struct trace_store *store, const struct query *q, struct page p, struct buf *out, struct buf *error)
{
	struct conn *c = reader_take(store, error);
	struct buf more = { 0 };
	struct list l = { 0 };
	int64_t newest = 0;
	bool ok;

	if (c == NULL)
		return STORE_FAILED;
	ok = number(conn_prepare(c, "SELECT max(changed) FROM records"), &newest) &&
	    (q->search != NULL ? search_page(c, q, p, &l) : list_page(c, q, p, &l));
	buf_addf(&more, ",\"cursor\":\"%lld\"%s", (long long)next_cursor(&l, q->f, p, newest), l.partial ? ",\"partial\":true" : "");
	if (ok)
		put_page(&l.rows, l.total, p, buf_str(&more), out);
	buf_free(&l.rows);
	buf_free(&more);
	return reader_end(store, c, ok ? STORE_OK : STORE_FAILED, error);
}

enum store_result
trace_store_records(struct trace_store *store, const struct record_filter *f, struct page p, struct buf *out, struct buf *error)
{
	struct query q;
	enum store_result r;
	bool searches = query_open(&q, f);

	if (searches)
		search_begin(store);
	r = read_records(store, &q, p, out, error);
	if (searches)
		search_end(store);
	query_close(&q);
	return r;
}
