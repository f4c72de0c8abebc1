/* POST /api/trace: what a client tells of a call. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/str.h"
#include "trace-serve/serve.h"

/* A trace on its way to the disk. */
struct post {
	struct trace t;
	struct call *c;
	struct body body;
	struct buf session, status, error;
};

static void
post_free(struct post *p)
{
	body_free(&p->body);
	buf_free(&p->session);
	buf_free(&p->status);
	buf_free(&p->error);
	buf_free(&p->t.error);
	buf_free(&p->t.session_id);
	free(p);
}

static bool
is_text(const struct buf *b, const char *text)
{
	return b->len == strlen(text) && memcmp(b->p, text, b->len) == 0;
}

/* What is wrong with the members, or NULL. */
static const char *
read_texts(struct post *p)
{
	const struct body *b = &p->body;
	const char *wrong;

	if ((wrong = body_session(b, &p->session)) != NULL)
		return wrong;
	if (!body_number(b, "turn_number", &p->t.turn))
		return "turn_number is no integer";
	if (!body_text(b, "error_message", &p->error))
		return "error_message is no string";
	if (!body_text(b, "status", &p->status))
		return "status is no string";
	if (p->status.len == 0)
		buf_adds(&p->status, p->error.len != 0 ? "error" : "success");
	if (!is_text(&p->status, "success") && !is_text(&p->status, "error") && !is_text(&p->status, "pending"))
		return "status is none of success, error and pending";
	return NULL;
}

static const char *
read_trace(struct post *p)
{
	const char *wrong = read_texts(p);
	struct trace *t = &p->t;

	if (wrong != NULL)
		return wrong;
	t->request = body_bytes(&p->body, body_member(&p->body, "request"));
	if (t->request.len == 0)
		return "request is missing";
	t->response = body_bytes(&p->body, body_member(&p->body, "response"));
	t->metadata = body_bytes(&p->body, body_member(&p->body, "metadata"));
	t->session = span_of(&p->session);
	t->status = span_of(&p->status);
	t->error_message = span_of(&p->error);
	t->http_status = t->latency_ms = t->first_byte_ms = -1;
	t->completes = !is_text(&p->status, "pending");
	return NULL;
}

/* It is on the disk, or cannot be. */
static void
post_done(struct trace *t)
{
	struct post *p = t->arg;
	struct buf data = { 0 };

	if (t->result != STORE_OK) {
		answer_fail(p->c, 500, "Failed to save trace data: %s", buf_str(&t->error));
	} else {
		buf_adds(&data, "{\"id\":");
		json_encode(t->id, strlen(t->id), &data);
		buf_adds(&data, ",\"session_id\":");
		json_encode(t->session_id.p, t->session_id.len, &data);
		buf_addf(&data, ",\"turn_number\":%lld}", (long long)t->turn);
		answer_both(p->c, "Trace data saved successfully", &data);
	}
	post_free(p);
}

void
trace_post(struct call *c)
{
	struct post *p = mem_zero(1, sizeof *p);
	const char *wrong;

	p->c = c;
	if (!call_body(c, &p->body)) {
		free(p);
	} else if ((wrong = read_trace(p)) != NULL) {
		answer_fail(c, 400, "Invalid request format: %s", wrong);
		post_free(p);
	} else {
		p->t.done = post_done;
		p->t.arg = p;
		trace_store_put(c->app->store, &p->t);
	}
}
