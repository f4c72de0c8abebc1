/* Traces into the database, and out of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/when.h"
#include "trace/inside.h"
#include "trace/summary.h"

/* A trace on its way; what the transaction finds out stands here until it is known to stay. */
struct put {
	struct op op;
	struct trace *t;
	struct summary m;
	struct buf session, time;
	char	 id[UUID_SIZE];
	int64_t	 turn, now;
	/* The pending record that it completes. */
	struct buf pending_id;
	int64_t	 pending_us, rowid;
};

/* ---- within the transaction ---- */

static bool
see_session(struct conn *c, struct put *p)
{
	sqlite3_stmt *s = conn_prepare(c, "SELECT 1 FROM sessions WHERE id = ?");
	struct buf name = { 0 };
	bool found, ok;

	if (s == NULL)
		return false;
	bind_span(s, 1, span_of(&p->session));
	found = sqlite3_step(s) == SQLITE_ROW;
	sqlite3_reset(s);
	if (found)
		return true;
	if ((s = conn_prepare(c, "INSERT OR IGNORE INTO sessions(id, name, created_at) VALUES(?, ?, ?)")) == NULL)
		return false;
	buf_adds(&name, "\xe5\xaf\xb9\xe8\xaf\x9d-");	/* a conversation, as the original says it */
	buf_add(&name, p->time.p, 19);
	bind_span(s, 1, span_of(&p->session));
	bind_span(s, 2, span_of(&name));
	bind_span(s, 3, span_of(&p->time));
	ok = conn_run(s);
	buf_free(&name);
	return ok;
}

static bool
count_turn(struct conn *c, struct put *p)
{
	sqlite3_stmt *s = conn_prepare(c, "SELECT max(turn_number) FROM records WHERE session_id = ?");
	int64_t last = 0;
	bool ok;

	if (s == NULL)
		return false;
	bind_span(s, 1, span_of(&p->session));
	ok = sqlite3_step(s) == SQLITE_ROW;
	if (ok)
		last = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	p->turn = last < 0 ? 1 : last + 1;
	return ok;
}

/* Is the latest record of the turn (or the one that is named) pending?  A replay of it does not count. */
static bool
find_pending(struct conn *c, struct put *p)
{
	sqlite3_stmt *s = conn_prepare(c, "SELECT rowid, id, status, created_us FROM records WHERE session_id = ? AND turn_number = ?"
	    " AND parent_id IS NULL AND id = coalesce(?, id) ORDER BY created_us DESC LIMIT 1");
	struct span status, id;
	int r;

	p->rowid = 0;
	if (s == NULL)
		return false;
	bind_span(s, 1, span_of(&p->session));
	sqlite3_bind_int64(s, 2, p->turn);
	bind_known(s, 3, p->t->pending);
	r = sqlite3_step(s);
	status = column_span(s, 2);
	if (r == SQLITE_ROW && status.len == 7 && memcmp(status.p, "pending", 7) == 0) {
		p->rowid = sqlite3_column_int64(s, 0);
		p->pending_us = sqlite3_column_int64(s, 3);
		id = column_span(s, 1);
		buf_clear(&p->pending_id);
		buf_add(&p->pending_id, id.p, id.len);
	}
	sqlite3_reset(s);
	return r == SQLITE_ROW || r == SQLITE_DONE;
}

enum {
	P_SESSION = 1, P_TURN, P_REQUEST, P_RESPONSE, P_STATUS, P_ERROR, P_METADATA, P_TIME, P_PARENT, P_PROVIDER, P_MODEL, P_HTTP, P_LATENCY,
	P_FIRST, P_IN, P_OUT, P_REQUEST_SIZE, P_RESPONSE_SIZE, P_METADATA_SIZE, P_PREVIEW, P_CREATED, P_CHANGED, P_ID, P_ROWID,
};

static void
bind_trace(sqlite3_stmt *s, struct put *p)
{
	const struct trace *t = p->t;

	bind_span(s, P_SESSION, span_of(&p->session));
	sqlite3_bind_int64(s, P_TURN, p->turn);
	bind_span(s, P_REQUEST, t->request);
	bind_span(s, P_RESPONSE, t->response);
	bind_span(s, P_STATUS, t->status);
	bind_span(s, P_ERROR, t->error_message);
	bind_span(s, P_METADATA, t->metadata);
	bind_span(s, P_TIME, span_of(&p->time));
	bind_known(s, P_PARENT, t->parent);
	bind_known(s, P_PROVIDER, t->provider);
	bind_known(s, P_MODEL, t->model.len != 0 ? t->model : span_of(&p->m.model));
	bind_count(s, P_HTTP, t->http_status > 0 ? t->http_status : -1);
	bind_count(s, P_LATENCY, t->latency_ms >= 0 ? t->latency_ms : p->m.latency_ms);
	bind_count(s, P_FIRST, t->first_byte_ms);
	bind_count(s, P_IN, p->m.input_tokens);
	bind_count(s, P_OUT, p->m.output_tokens);
	sqlite3_bind_int64(s, P_REQUEST_SIZE, (int64_t)t->request.len);
	sqlite3_bind_int64(s, P_RESPONSE_SIZE, (int64_t)t->response.len);
	sqlite3_bind_int64(s, P_METADATA_SIZE, (int64_t)t->metadata.len);
	bind_known(s, P_PREVIEW, span_of(&p->m.preview));
	sqlite3_bind_int64(s, P_CREATED, p->now);
	sqlite3_bind_int64(s, P_CHANGED, p->now);
	sqlite3_bind_text(s, P_ID, p->id, -1, SQLITE_STATIC);
}

static bool
insert(struct conn *c, struct put *p)
{
	sqlite3_stmt *s = conn_prepare(c, "INSERT INTO records(session_id, turn_number, request, response, status, error_msg, metadata,"
	    " created_at, parent_id, provider, model, http_status, latency_ms, first_byte_ms, input_tokens, output_tokens, request_size,"
	    " response_size, metadata_size, preview, created_us, changed, id)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)");

	if (s == NULL)
		return false;
	bind_trace(s, p);
	return conn_run(s);
}

/* What the final trace does not tell stays; the time between the two is the latency, where nothing else is known. */
static bool
complete(struct conn *c, struct put *p)
{
	sqlite3_stmt *s = conn_prepare(c, "UPDATE records SET request = ?3, response = ?4, status = ?5, error_msg = ?6,"
	    " metadata = CASE WHEN ?7 = '' THEN metadata ELSE ?7 END, parent_id = coalesce(?9, parent_id),"
	    " provider = coalesce(?10, provider), model = coalesce(?11, model), http_status = coalesce(?12, http_status),"
	    " latency_ms = coalesce(?13, max(0, (?22 - created_us) / 1000)), first_byte_ms = coalesce(?14, first_byte_ms),"
	    " input_tokens = ?15, output_tokens = ?16, request_size = ?17, response_size = ?18,"
	    " metadata_size = CASE WHEN ?7 = '' THEN metadata_size ELSE ?19 END, preview = coalesce(?20, preview), changed = ?22"
	    " WHERE rowid = ?24");

	if (s == NULL)
		return false;
	bind_trace(s, p);
	sqlite3_bind_int64(s, P_ROWID, p->rowid);
	return conn_run(s);
}

static enum store_result
run_put(struct trace_store *s, struct conn *c, struct op *op)
{
	struct put *p = (struct put *)op;
	bool ok;

	p->now = writer_clock(s);
	p->turn = p->t->turn;
	p->rowid = 0;
	buf_clear(&p->time);
	put_stored_time(p->now, &p->time);
	ok = see_session(c, p);
	if (p->turn == 0)
		ok = ok && count_turn(c, p);
	else if (p->t->completes)
		ok = ok && find_pending(c, p);
	ok = ok && (p->rowid != 0 ? complete(c, p) : insert(c, p));
	return ok ? STORE_OK : STORE_FAILED;
}

/* ---- before and behind ---- */

static void
put_done(struct trace_store *s, struct op *op)
{
	struct put *p = (struct put *)op;
	struct trace *t = p->t;
	struct span model = t->model;

	t->result = op->result;
	t->error = op->error;
	t->session_id = p->session;
	t->turn = p->turn;
	t->created_us = p->rowid != 0 ? p->pending_us : p->now;
	if (p->rowid != 0)
		snprintf(t->id, sizeof t->id, "%.*s", (int)p->pending_id.len, p->pending_id.p);
	else
		memcpy(t->id, p->id, sizeof p->id);
	s->counts.stored += t->result == STORE_OK;
	s->counts.failed += t->result != STORE_OK;
	if (t->latency_ms < 0)
		t->latency_ms = p->m.latency_ms >= 0 ? p->m.latency_ms : p->rowid != 0 && p->now > p->pending_us ?
		    (p->now - p->pending_us) / 1000 : -1;
	if (t->result == STORE_OK && s->watch != NULL) {
		if (model.len == 0)
			t->model = span_of(&p->m.model);
		s->watch(s->watch_arg, t);
		t->model = model;
	}
	summary_free(&p->m);
	buf_free(&p->time);
	buf_free(&p->pending_id);
	free(p);
	t->done(t);
}

void
trace_store_put(struct trace_store *s, struct trace *t)
{
	struct put *p = mem_zero(1, sizeof *p);
	char id[UUID_SIZE];

	p->t = t;
	p->op.run = run_put;
	p->op.done = put_done;
	p->op.weight = t->request.len + t->response.len + t->metadata.len;
	summarize(&p->m, t->request, t->response, t->metadata);
	new_id(when_now_us(), p->id);
	if (t->session.len != 0)
		buf_add(&p->session, t->session.p, t->session.len);
	else
		buf_adds(&p->session, rnd_uuid(id));
	writer_put(s, &p->op);
}

static void
put_wake(struct trace *t)
{
	waiting_wake(t->arg);
}

enum store_result
trace_store_put_wait(struct trace_store *s, struct trace *t)
{
	struct waiting *w = waiting_new();

	t->done = put_wake;
	t->arg = w;
	trace_store_put(s, t);
	waiting_end(w);
	return t->result;
}

/* ---- deleting ---- */

#define DROP 2000	/* records of one transaction: others want to write, too */

struct drop {
	struct op op;
	struct span id;
	int	 dropped;	/* records */
};

/* Runs a statement with the id; was there something? */
static enum store_result
drop_one(struct conn *c, const char *sql, struct span id)
{
	sqlite3_stmt *s = conn_prepare(c, sql);

	if (s == NULL)
		return STORE_FAILED;
	bind_span(s, 1, id);
	return !conn_run(s) ? STORE_FAILED : sqlite3_changes(c->db) > 0 ? STORE_OK : STORE_NONE;
}

static enum store_result
drop_record(struct trace_store *s, struct conn *c, struct op *op)
{
	(void)s;
	return drop_one(c, "DELETE FROM records WHERE id = ?", ((struct drop *)op)->id);
}

/* Some of its records; with the last of them the session. */
static enum store_result
drop_session(struct trace_store *s, struct conn *c, struct op *op)
{
	struct drop *d = (struct drop *)op;
	sqlite3_stmt *some = conn_prepare(c, "DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE session_id = ?1 LIMIT ?2)");
	enum store_result there;

	(void)s;
	if (some == NULL)
		return STORE_FAILED;
	bind_span(some, 1, d->id);
	sqlite3_bind_int(some, 2, DROP);
	if (!conn_run(some))
		return STORE_FAILED;
	d->dropped = sqlite3_changes(c->db);
	if (d->dropped == DROP)
		return STORE_OK;
	there = drop_one(c, "DELETE FROM sessions WHERE id = ?", d->id);
	return there == STORE_NONE && d->dropped > 0 ? STORE_OK : there;
}

enum store_result
trace_store_delete_record(struct trace_store *s, struct span id, struct buf *error)
{
	struct drop d = { .op = { .run = drop_record }, .id = id };

	return writer_wait(s, &d.op, error);
}

enum store_result
trace_store_delete_session(struct trace_store *s, struct span id, struct buf *error)
{
	enum store_result r;
	struct drop d;

	do {
		d = (struct drop){ .op = { .run = drop_session }, .id = id };
		r = writer_wait(s, &d.op, error);
	} while (r == STORE_OK && d.dropped == DROP);
	return r;
}
