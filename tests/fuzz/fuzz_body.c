/* fuzz_body - bodies of traces: what is taken is JSON, what is kept of it are its own bytes, and each gets one answer */

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trace-serve/body.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of the server. */
struct request {
	struct buf body;
	int	 answers;
};

const char *
request_header(const struct request *rq, const char *name)
{
	(void)rq, (void)name;
	return NULL;
}

struct buf *
request_body(struct request *rq)
{
	return &rq->body;
}

void
answer_fail(struct call *c, unsigned status, const char *fmt, ...)
{
	(void)status, (void)fmt;
	c->rq->answers++;
}

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* A value's bytes as they came: within the body, and the same value where the body stood on one line. */
static void
check_member(const struct body *b, const char *name)
{
	struct span v = body_member(b, name), bytes = body_bytes(b, v);
	struct buf text = { 0 };
	int64_t n;

	if (v.len != 0) {
		check(bytes.len == v.len && bytes.p >= b->came->p && bytes.p + bytes.len <= b->came->p + b->came->len);
		for (size_t i = 0; i < v.len; i++)
			check(bytes.p[i] == v.p[i] || (bytes.p[i] == '\n' && v.p[i] == ' '));
	}
	(void)body_text(b, name, &text);
	(void)body_number(b, name, &n);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "session_id", "turn_number", "request", "response", "status", "error_message", "metadata", "a", "" };
	struct request rq = { 0 };
	struct call c = { .rq = &rq };
	struct body b;

	buf_add(&rq.body, data, size);
	buf_pad(&rq.body);
	if (call_body(&c, &b)) {
		check(rq.answers == 0);
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			check_member(&b, names[i]);
		body_free(&b);
	} else {
		check(rq.answers == 1);
	}
	buf_free(&rq.body);
	return 0;
}
