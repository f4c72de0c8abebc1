#include "openai/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "crypt/key.h"
#include "json/str.h"
#include "openai/stream.h"

#define MOST_ANSWER ((size_t)64 << 20)
#define SHORTEST_SECRET 12	/* what is as short as "ollama" is no key */
#define MOST_WORDS 1000	/* bytes of a service's message */

void
chat_result_free(struct chat_result *r)
{
	buf_free(&r->response);
	buf_free(&r->error);
}

/* ---- the request ---- */

/* Scan a copy that stands on one line. */
static bool
look(struct span request, struct buf *copy, struct scan *s)
{
	buf_add(copy, request.p, request.len);
	return json_scan_answer(copy, s);
}

void
chat_set(struct buf *request, const char *name, size_t len, struct span val)
{
	struct buf copy = { 0 }, out = { 0 };
	struct scan s = { 0 };
	const struct member *m;
	size_t from, to;

	if (look((struct span){ request->p, request->len }, &copy, &s)) {
		m = scan_find(&s, name, len);
		from = m != NULL ? (size_t)(m->val.p - copy.p) : (size_t)((char *)memrchr(copy.p, '}', copy.len) - copy.p);
		to = m != NULL ? from + m->val.len : from;
		buf_add(&out, request->p, from);
		if (m == NULL && s.n > 0)
			buf_addc(&out, ',');
		if (m == NULL) {
			json_encode(name, len, &out);
			buf_addc(&out, ':');
		}
		buf_add(&out, val.p, val.len);
		buf_add(&out, request->p + to, request->len - to);
		buf_free(request);
		*request = out;
	}
	buf_pad(request);
	scan_free(&s);
	buf_free(&copy);
}

void
chat_model(struct span request, struct buf *out)
{
	struct buf copy = { 0 };
	struct scan s = { 0 };
	const struct member *model = NULL;

	if (look(request, &copy, &s))
		model = scan_find(&s, "model", 5);
	if (model != NULL && json_is_string(model->val))
		json_decode(json_inside(model->val), out);
	scan_free(&s);
	buf_free(&copy);
}

static const char *
path_of(struct span request)
{
	struct buf copy = { 0 };
	struct scan s = { 0 };
	const char *path = "chat/completions";

	if (look(request, &copy, &s) && scan_find(&s, "messages", 8) == NULL)
		path = scan_find(&s, "input", 5) != NULL ? "responses" : scan_find(&s, "prompt", 6) != NULL ? "completions" : path;
	scan_free(&s);
	buf_free(&copy);
	return path;
}

/* ---- the answer ---- */

struct call {
	struct chat_stream *stream;
	int64_t	 start, first;
};

static void
begin(struct http_request *rq, const struct http_response *last)
{
	struct call *c = rq->arg;

	(void)last;
	chat_stream_free(c->stream);
	c->stream = chat_stream_new(MOST_ANSWER);
	c->start = when_mono();
	c->first = -1;
}

static enum http_sink
take(struct http_request *rq, const char *p, size_t len)
{
	struct call *c = rq->arg;

	if (c->first == -1 && len > 0)
		c->first = when_mono() - c->start;
	if (p != NULL)
		chat_stream_add(c->stream, p, len);
	return HTTP_MORE;
}

/* What has been paid is used up: not a 429 that passes. */
static enum http_verdict
judge(const struct http_request *rq, const struct http_response *r, int64_t *wait_ms)
{
	if (r->status == 429 && r->body.len > 0 && memmem(r->body.p, r->body.len, "\"insufficient_quota\"", 20) != NULL)
		return HTTP_FINAL;
	return http_judge(rq, r, wait_ms);
}

/* Not in the middle of a character. */
static void
cut(struct buf *text, size_t len)
{
	if (text->len <= len)
		return;
	while (len > 0 && ((unsigned char)text->p[len] & 0xc0) == 0x80)
		len--;
	text->len = len;
	buf_adds(text, "...");
}

/* The service's words in an error's body. */
static void
put_words(const struct buf *json, struct buf *out)
{
	struct buf copy = { 0 };
	struct scan s = { 0 };
	size_t from = out->len;

	buf_add(&copy, json->p, json->len);
	buf_pad(&copy);
	json_one_line(copy.p, copy.len);
	if (scan_value(&s, copy.p) != NULL && memcmp(copy.p, "\"<", 2) != 0) {	/* a page of HTML says little */
		buf_adds(out, ": ");
		if (!chat_error_text((struct span){ copy.p, copy.len }, out))
			out->len = from;
		cut(out, from + MOST_WORDS);
	}
	scan_free(&s);
	buf_free(&copy);
}

static void
take_error_body(const struct http_response *h, struct chat_result *r)
{
	struct chat_stream *s = chat_stream_new(MOST_ANSWER);

	chat_stream_add(s, h->body.p, h->body.len);
	(void)chat_stream_end(s, &r->response);
	chat_stream_free(s);
	buf_addf(&r->error, "HTTP %ld", h->status);
	if (r->response.len > 0)
		put_words(&r->response, &r->error);
	if (h->error[0] != '\0')
		buf_addf(&r->error, ": %s", h->error);
}

/* A gateway's error that came with status 200. */
static bool
is_error(const struct buf *json, struct buf *words)
{
	struct buf copy = { 0 };
	struct scan s = { 0 };
	const struct member *error = NULL;

	buf_add(&copy, json->p, json->len);
	if (json_scan_answer(&copy, &s) && scan_find(&s, "choices", 7) == NULL && scan_find(&s, "output", 6) == NULL)
		error = scan_find(&s, "error", 5);
	if (error != NULL && (json_is_null(error->val) || error->val.p[0] == 'f'))
		error = NULL;
	if (error != NULL) {
		buf_adds(words, "the service sent an error: ");
		if (!chat_error_text(error->val, words))
			buf_add(words, error->val.p, error->val.len);
	}
	scan_free(&s);
	buf_free(&copy);
	return error != NULL;
}

static enum chat_outcome
take_answer(struct call *c, struct chat_result *r)
{
	const char *wrong = chat_stream_end(c->stream, &r->response);

	if (wrong != NULL) {
		buf_adds(&r->error, wrong);
		return CHAT_FAILED;
	}
	return is_error(&r->response, &r->error) ? CHAT_FAILED : CHAT_OK;
}

static enum chat_outcome
settle(struct call *c, enum http_result how, const struct http_response *h, struct chat_result *r)
{
	bool answered = h->status != 0 && (h->status < 200 || h->status > 299);

	if (how == HTTP_OK)
		return take_answer(c, r);
	if (how == HTTP_INTERRUPTED) {
		buf_adds(&r->error, "interrupted");
		return CHAT_INTERRUPTED;
	}
	if (answered) {
		take_error_body(h, r);
		return how == HTTP_REFUSED ? CHAT_REFUSED : CHAT_FAILED;
	}
	if (c->stream != NULL && c->first != -1)
		(void)chat_stream_end(c->stream, &r->response);		/* what came */
	buf_adds(&r->error, h->error[0] != '\0' ? h->error : "no answer");
	return h->timed_out ? CHAT_TIMEOUT : CHAT_FAILED;
}

/* Can it stand in a JSON text as a part of one string alone?  What does not for certain cannot be taken out. */
static bool
is_of_string(const char *secret, size_t len)
{
	static const char bare[] = "0123456789.eE+-truefalsn,:[]{} \t";	/* what JSON has outside of strings */

	return strpbrk(secret, "\"\\") == NULL && strspn(secret, bare) != len;
}

/* Is it a part of "\n" or "\u00e9"?  What begins there is not what it looks like. */
static bool
is_escaped(const char *json, const char *p)
{
	const char *at = p, *from;

	while (at > json && p - at < 4 && at[-1] != '\\')
		at--;
	for (from = at; from > json && from[-1] == '\\'; )
		from--;
	return (at - from) % 2 != 0 && (at == p || *at == 'u');
}

void
chat_hide(struct buf *text, bool json, const char *secret)
{
	size_t len = strlen(secret);
	char *p = text->p, *end;

	if (text->len == 0 || scan_utf8(secret, len) != NULL || (json && !is_of_string(secret, len)))
		return;
	end = p + text->len;
	while ((p = memmem(p, (size_t)(end - p), secret, len)) != NULL) {
		if (json && is_escaped(text->p, p)) {
			p++;
			continue;
		}
		memset(p, '*', len);
		p += len;
	}
}

void
chat_send(struct http *h, const struct provider *p, struct span request, int64_t total_ms, struct chat_result *r)
{
	struct call c = { .first = -1 };
	struct buf authorization = { 0 };
	char *url = http_url(p->base_url, path_of(request));
	const char *headers[4] = { "Content-Type: application/json", "Accept: application/json, text/event-stream" };
	struct http_request rq = {
		.url = url, .headers = headers, .body = request.p, .body_len = request.len, .repeatable = true, .total_ms = total_ms,
		.begin = begin, .sink = take, .judge = judge, .arg = &c,
	};
	struct http_response answer;

	*r = (struct chat_result){ 0 };
	if (p->secret != NULL) {
		buf_addf(&authorization, "Authorization: Bearer %s", p->secret);
		headers[2] = buf_str(&authorization);
	}
	r->outcome = settle(&c, http_perform(h, &rq, &answer), &answer, r);
	if (p->secret != NULL && strlen(p->secret) >= SHORTEST_SECRET) {
		chat_hide(&r->response, true, p->secret);
		chat_hide(&r->error, false, p->secret);
	}
	r->status = answer.status;
	r->latency_ms = answer.ms >= c.first ? answer.ms : c.first;	/* two clocks */
	r->first_byte_ms = c.first;
	http_response_free(&answer);
	chat_stream_free(c.stream);
	wipe_buf(&authorization);
	free(url);
}
