/* Sessions and records: lists, search, one of them, delete. */
#include <stdio.h>
#include <string.h>

#include "base/when.h"
#include "json/str.h"
#include "trace-serve/serve.h"

#define SESSIONS 20		/* of a page */
#define RECORDS 50

/* data and error are taken. */
static void
answer_found(struct call *c, enum store_result r, const char *what, struct buf *data, struct buf *error)
{
	switch (r) {
	case STORE_OK:
		answer_data(c, data);
		break;
	case STORE_NONE:
		answer_fail(c, 404, "%s not found", what);
		break;
	case STORE_FAILED:
		answer_fail(c, 500, "Failed to read: %s", buf_str(error));
		break;
	}
	buf_free(data);
	buf_free(error);
}

static void
answer_deleted(struct call *c, enum store_result r, const char *what, struct buf *error)
{
	char message[64];

	switch (r) {
	case STORE_OK:
		(void)snprintf(message, sizeof message, "%s deleted successfully", what);
		answer_ok(c, message);
		break;
	case STORE_NONE:
		answer_fail(c, 404, "%s not found", what);
		break;
	case STORE_FAILED:
		answer_fail(c, 500, "Failed to delete: %s", buf_str(error));
		break;
	}
	buf_free(error);
}

void
health_get(struct call *c)
{
	static const char ok[] = "{\"status\":\"ok\"}";

	request_answer_static(c->rq, 200, "application/json; charset=utf-8", ok, sizeof ok - 1);
	call_free(c);
}

/* ---- sessions ---- */

void
sessions_get(struct call *c)
{
	struct buf data = { 0 }, error = { 0 };
	struct page p;
	enum store_result r;

	call_page(c, SESSIONS, &p.page, &p.size);
	r = trace_store_sessions(c->app->store, p, &data, &error);
	answer_found(c, r, "Session", &data, &error);
}

void
session_get(struct call *c)
{
	struct buf data = { 0 }, error = { 0 };
	enum store_result r = trace_store_session(c->app->store, span_of(&c->id), &data, &error);

	answer_found(c, r, "Session", &data, &error);
}

void
session_delete(struct call *c)
{
	struct buf error = { 0 };
	enum store_result r = trace_store_delete_session(c->app->store, span_of(&c->id), &error);

	answer_deleted(c, r, "Session", &error);
}

/* ---- records ---- */

void
record_get(struct call *c)
{
	struct buf data = { 0 }, error = { 0 };
	enum store_result r = trace_store_record(c->app->store, span_of(&c->id), &data, &error);

	answer_found(c, r, "Record", &data, &error);
}

void
record_delete(struct call *c)
{
	struct buf error = { 0 };
	enum store_result r = trace_store_delete_record(c->app->store, span_of(&c->id), &error);

	answer_deleted(c, r, "Record", &error);
}

/* The parameters of a search. */
struct search_params {
	struct buf text, status, model, session, after, brief;
	struct record_filter f;
};

static void
params_free(struct search_params *s)
{
	buf_free(&s->text);
	buf_free(&s->status);
	buf_free(&s->model);
	buf_free(&s->session);
	buf_free(&s->after);
	buf_free(&s->brief);
}

/* A time as on a command line; one without a zone is local, and to a day means to its end.  False: it is none. */
static bool
time_param(struct call *c, const char *name, bool to_end, int64_t *ms)
{
	struct buf v = { 0 };
	bool zoned, ok = true;

	if (request_param(c->rq, name, &v) && v.len != 0) {
		if (when_parse(v.p, v.len, ms, &zoned)) {
			*ms += to_end && v.len == 10 ? INT64_C(86400000) : 0;
			*ms = zoned ? *ms : when_local(*ms);
		} else {
			ok = when_parse_arg(buf_str(&v), ms);
		}
	}
	buf_free(&v);
	return ok;
}

/* What is wrong with them, or NULL. */
static const char *
read_params(struct call *c, struct search_params *s)
{
	struct record_filter *f = &s->f;

	*s = (struct search_params){ .f = { .from = INT64_MIN, .to = INT64_MAX } };
	if (!time_param(c, "from", false, &f->from))
		return "from is no time";
	if (!time_param(c, "to", true, &f->to))
		return "to is no time";
	(void)request_param(c->rq, "q", &s->text);
	(void)request_param(c->rq, "status", &s->status);
	(void)request_param(c->rq, "model", &s->model);
	(void)request_param(c->rq, "session_id", &s->session);
	(void)request_param(c->rq, "after", &s->after);
	if (s->after.len > 19 || strspn(buf_str(&s->after), "0123456789") != s->after.len)
		return "after is no cursor";
	f->brief = request_param(c->rq, "brief", &s->brief) && strcmp(buf_str(&s->brief), "0") != 0 && strcmp(buf_str(&s->brief), "false") != 0;
	f->text = span_of(&s->text);
	f->status = span_of(&s->status);
	f->model = span_of(&s->model);
	f->session = span_of(&s->session);
	f->after = span_of(&s->after);
	return NULL;
}

/* The client of a search has gone. */
static bool
has_gone(void *arg)
{
	return request_gone(arg);
}

static void
answer_records(struct call *c, struct search_params *s)
{
	struct buf data = { 0 }, error = { 0 };
	enum store_result r;
	struct page p;

	call_page(c, RECORDS, &p.page, &p.size);
	s->f.stop = has_gone;
	s->f.stop_arg = c->rq;
	r = trace_store_records(c->app->store, &s->f, p, &data, &error);
	answer_found(c, r, "Session", &data, &error);
}

void
records_get(struct call *c)
{
	struct search_params s;
	const char *wrong = read_params(c, &s);

	if (wrong != NULL)
		answer_fail(c, 400, "%s", wrong);
	else
		answer_records(c, &s);
	params_free(&s);
}

void
session_records_get(struct call *c)
{
	struct search_params s;
	const char *wrong = read_params(c, &s);

	s.f.session = span_of(&c->id);
	if (wrong != NULL)
		answer_fail(c, 400, "%s", wrong);
	else
		answer_records(c, &s);
	params_free(&s);
}
