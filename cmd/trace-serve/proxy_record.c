/* What was kept of a proxied call becomes a record; nothing that goes wrong here reaches the client, which has its answer. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/when.h"
#include "crypt/key.h"
#include "json/str.h"
#include "net/coding.h"
#include "openai/client.h"
#include "openai/stream.h"
#include "trace-serve/proxy.h"

#define MOST_KEPT	((size_t)512 << 20)	/* bytes of all calls that are under way or wait for the store */
#define MOST_TEXT	((size_t)64 << 20)	/* of a decoded body */
#define LARGE		((size_t)256 << 10)	/* bodies of which one at a time becomes a text, as one that is coded does */
#define MOST_ID		1020			/* bytes: 255 characters */
#define TELL_MS		10000			/* between two complaints */

static const char too_many[] = "too many wait for the database";

/* ---- how much there is ---- */

bool
kept_count(struct kept *k, size_t len)
{
	if (atomic_fetch_add(&k->proxy->kept, len) + len > MOST_KEPT) {
		atomic_fetch_sub(&k->proxy->kept, len);
		return false;
	}
	k->counted += len;
	return true;
}

/* A body that a few bytes were sent for, or that is large, takes a multiple of its memory until it is a text. */
static bool
lock_large(struct kept *k, const struct buf *body, const struct buf *coding)
{
	bool large = body->len > LARGE || coding->len > 0;

	if (large)
		pthread_mutex_lock(&k->proxy->large);
	return large;
}

/* The text of a body, whose bytes are counted, is there.  False: there is no room for what it has more. */
static bool
count_text(struct kept *k, const struct buf *text, size_t counted)
{
	return text->len <= counted || kept_count(k, text->len - counted);
}

void
kept_free(struct kept *k)
{
	struct buf *all[] = { &k->path, &k->wanted_session, &k->wanted_turn, &k->peer, &k->agent_retries, &k->request,
	    &k->request_type, &k->request_coding, &k->response, &k->response_type, &k->response_coding, &k->request_id, &k->trouble,
	    &k->session, &k->request_json, &k->response_json, &k->metadata, &k->early_metadata, &k->error, &k->t.error, &k->t.session_id,
	    &k->early.error, &k->early.session_id };

	atomic_fetch_sub(&k->proxy->kept, k->counted);
	wipe_buf(&k->secrets);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		buf_free(all[i]);
	free(k);
}

/* A call was not recorded; one that cannot be often comes with many others, which are counted. */
static void
complain(struct kept *k, const char *why)
{
	long long now = when_mono() + 1, told = atomic_load(&k->proxy->told);

	atomic_fetch_add(&k->proxy->lost, 1);
	if ((told == 0 || now - told >= TELL_MS) && atomic_compare_exchange_strong(&k->proxy->told, &told, now))
		warn("proxy: a call was not recorded: %s", why);
}

void
kept_tell_lost(struct proxy *p)
{
	size_t n = atomic_load(&p->lost);

	if (n > 0)
		warn("proxy: %zu call%s not recorded in all", n, n == 1 ? " was" : "s were");
}

/* ---- one behind the other ---- */

void
kept_enqueue(struct kept *k)
{
	struct proxy *p = k->proxy;

	pthread_mutex_lock(&p->lock);
	*p->last = k;
	p->last = &k->next;
	pthread_mutex_unlock(&p->lock);
}

/* ---- texts ---- */

/* A scanned copy of a body that is JSON, maybe on several lines. */
struct json {
	struct buf copy;
	struct scan scan;
	bool	 valid;
};

static void
json_read(struct json *j, const struct buf *b)
{
	*j = (struct json){ 0 };
	if (b->len == 0)
		return;
	buf_add(&j->copy, b->p, b->len);
	buf_pad(&j->copy);
	json_one_line(j->copy.p, j->copy.len);
	j->valid = scan_utf8(j->copy.p, j->copy.len) == NULL && scan_value(&j->scan, j->copy.p) == j->copy.p + j->copy.len;
}

static void
json_free(struct json *j)
{
	scan_free(&j->scan);
	buf_free(&j->copy);
}

static struct span
member(const struct json *j, const char *name)
{
	const struct member *m = j->valid ? scan_find(&j->scan, name, strlen(name)) : NULL;

	return m == NULL ? (struct span){ NULL, 0 } : m->val;
}

static struct span
inner(struct span object, const char *name)
{
	struct span v;

	return object.len > 0 && object.p[0] == '{' && json_member(object, name, strlen(name), &v) ? v : (struct span){ NULL, 0 };
}

static bool
is_type(const struct buf *type, const char *name)
{
	return type->len >= strlen(name) && strncasecmp(type->p, name, strlen(name)) == 0;
}

static bool
is_text_type(const struct buf *type)
{
	size_t len = 0;

	while (len < type->len && strchr("; \t", type->p[len]) == NULL)
		len++;
	return len == 0 || is_type(type, "text/") || is_type(type, "application/json") || is_type(type, "application/x-www-form-urlencoded") ||
	    is_type(type, "application/x-ndjson") || (len > 5 && strncasecmp(type->p + len - 5, "+json", 5) == 0);
}

static void
trim(struct buf *b)
{
	while (b->len > 0 && strchr(" \t\r\n", b->p[b->len - 1]) != NULL)
		b->len--;
}

/* What can be said of a body that is not kept. */
static void
put_description(size_t bytes, const struct buf *type, struct buf *out)
{
	size_t len = 0;

	while (len < type->len && type->p[len] != ';')
		len++;
	buf_adds(out, "{\"content_type\":");
	json_encode(type->p, len, out);
	buf_addf(out, ",\"bytes\":%zu}", bytes);
}

/* A body as JSON: as it came; else a text, or what can be said of it. */
static void
put_body(const struct buf *body, const struct buf *type, bool valid, struct buf *out)
{
	if (valid)
		buf_add(out, body->p, body->len);
	else if (is_text_type(type))
		json_encode(body->p, body->len, out);
	if (valid || (out->len > 0 && out->len <= MOST_TEXT))
		return;
	buf_free(out);
	put_description(body->len, type, out);
}

/* Keys that the other server, or the client itself, has put into a text. */
static void
take_out_secrets(const struct kept *k, struct buf *text, bool json)
{
	for (const char *s = k->secrets.p; k->secrets.len > 0 && s < k->secrets.p + k->secrets.len; s += strlen(s) + 1)
		chat_hide(text, json, s);
}

/* ---- whose it is ---- */

static bool
take_session(struct kept *k, const char *p, size_t len)
{
	if (len == 0 || len > MOST_ID || memchr(p, '\0', len) != NULL || scan_utf8(p, len) != NULL)
		return false;
	buf_add(&k->session, p, len);
	return true;
}

static bool
take_session_text(struct kept *k, struct span v)
{
	struct buf text = { 0 };
	bool ok = false;

	if (json_is_string(v)) {
		json_decode(json_inside(v), &text);
		ok = take_session(k, text.p, text.len);
		buf_free(&text);
	}
	return ok;
}

/* The header, the metadata, the user; else one for each client and day. */
static void
find_session(struct kept *k, const struct json *request)
{
	char day[WHEN_SIZE];

	if (take_session(k, k->wanted_session.p, k->wanted_session.len) ||
	    take_session_text(k, inner(member(request, "metadata"), "session_id")) || take_session_text(k, member(request, "user")))
		return;
	buf_addf(&k->session, "proxy-%.*s-%.10s", (int)k->peer.len, k->peer.len > 0 ? k->peer.p : "",
	    when_format_local(k->begun_us, day));
}

/* From 1; 0: none. */
static int64_t
turn_of(const char *p, size_t len)
{
	int64_t n = 0;

	if (len > 9)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return 0;
		n = n * 10 + (p[i] - '0');
	}
	return n;
}

static void
find_turn(struct kept *k, const struct json *request)
{
	struct span v = inner(member(request, "metadata"), "turn_number");

	k->turn = turn_of(k->wanted_turn.p, k->wanted_turn.len);
	if (k->turn == 0 && json_is_string(v))
		v = json_inside(v);
	if (k->turn == 0)
		k->turn = turn_of(v.p, v.len);
}

/* ---- the request ---- */

/* Once.  The request itself may still be on its way. */
static void
make_request(struct kept *k)
{
	struct buf body = { 0 };
	struct json j;
	const char *wrong;
	bool large;

	if (k->request_json.len > 0)
		return;
	large = lock_large(k, &k->request, &k->request_coding);
	wrong = coding_decode(k->request_coding.len > 0 ? buf_str(&k->request_coding) : NULL, k->request.p, k->request.len,
	    MOST_TEXT, &body);

	trim(&body);
	json_read(&j, &body);
	find_session(k, &j);
	find_turn(k, &j);
	if (wrong == NULL && body.len > 0)
		put_body(&body, &k->request_type, j.valid, &k->request_json);
	json_free(&j);
	buf_free(&body);
	if (large)
		pthread_mutex_unlock(&k->proxy->large);
	if (!count_text(k, &k->request_json, k->request.len)) {
		wrong = too_many;
		buf_free(&k->request_json);
	}
	if (k->request_json.len == 0)
		buf_adds(&k->request_json, "{}");
	k->request_wrong = wrong;
	take_out_secrets(k, &k->request_json, true);
	take_out_secrets(k, &k->session, false);
	take_out_secrets(k, &k->path, false);
}

/* ---- the response ---- */

static void
set_error(struct kept *k, const char *why)
{
	if (k->error.len == 0)
		buf_adds(&k->error, why);
}

/* Deltas become the object that would have come without "stream". */
static void
make_stream(struct kept *k, const struct buf *body)
{
	struct chat_stream *s = chat_stream_new(MOST_TEXT);
	const char *wrong;

	chat_stream_add(s, body->p, body->len);
	wrong = chat_stream_end(s, &k->response_json);
	if (wrong != NULL && !k->partial)
		set_error(k, wrong);
	else if (k->left && !k->partial)
		buf_clear(&k->error);	/* it had all events, and did not wait for the end behind them */
	chat_stream_free(s);
}

static void
make_answer(struct kept *k, const struct buf *body)
{
	struct json j;

	if (k->partial) {
		put_description(k->came, &k->response_type, &k->response_json);
		return;
	}
	json_read(&j, body);
	put_body(body, &k->response_type, j.valid, &k->response_json);
	if (k->status >= 400 && k->error.len == 0 && j.valid)
		(void)chat_error_text((struct span){ j.copy.p, j.copy.len }, &k->error);
	if (k->status < 400 && !j.valid && body->len > 0 && is_type(&k->response_type, "application/json"))
		set_error(k, "the answer is not valid JSON");
	json_free(&j);
}

static const char *
make_response(struct kept *k)
{
	struct buf body = { 0 };
	size_t counted = k->response.len;
	bool large = lock_large(k, &k->response, &k->response_coding);
	const char *wrong = coding_decode(k->response_coding.len > 0 ? buf_str(&k->response_coding) : NULL, k->response.p, counted, MOST_TEXT,
	    &body);

	buf_free(&k->response);
	buf_add(&k->error, k->trouble.p, k->trouble.len);
	trim(&body);
	if (body.len > 0 && is_type(&k->response_type, "text/event-stream"))
		make_stream(k, &body);
	else if (body.len > 0)
		make_answer(k, &body);
	else if (k->status < 300 && is_type(&k->response_type, "text/event-stream"))
		set_error(k, "the stream is empty");
	if (k->status >= 300 && k->error.len == 0)
		buf_addf(&k->error, "HTTP %u", k->status);
	buf_free(&body);
	if (large)
		pthread_mutex_unlock(&k->proxy->large);
	if (!count_text(k, &k->response_json, counted)) {
		wrong = too_many;
		buf_free(&k->response_json);
	}
	take_out_secrets(k, &k->response_json, true);
	take_out_secrets(k, &k->error, false);
	return k->trouble.len > 0 ? NULL : wrong;
}

/* ---- the record ---- */

static void
put_text(const char *name, const struct buf *text, struct buf *out)
{
	if (text->len == 0)
		return;
	buf_addf(out, ",\"%s\":", name);
	json_encode(text->p, text->len, out);
}

static void
put_number(const char *name, int64_t n, struct buf *out)
{
	if (n >= 0)
		buf_addf(out, ",\"%s\":%lld", name, (long long)n);
}

static void
make_metadata(struct kept *k, const char *response_wrong, struct buf *out)
{
	buf_adds(out, "{\"source\":\"proxy\",\"upstream\":");
	json_encode(k->proxy->base, strlen(k->proxy->base), out);
	put_text("path", &k->path, out);
	put_text("client", &k->peer, out);
	put_text("request_id", &k->request_id, out);
	if (k->agent_retries.len > 0 && turn_of(k->agent_retries.p, k->agent_retries.len) > 0)
		put_number("retry_count", turn_of(k->agent_retries.p, k->agent_retries.len), out);
	put_number("http_status", k->status > 0 ? (int64_t)k->status : -1, out);
	put_number("latency_ms", k->ms, out);
	put_number("first_byte_ms", k->first_ms, out);
	if (is_type(&k->response_type, "text/event-stream"))
		buf_adds(out, ",\"streamed\":true");
	if (k->request_wrong != NULL)
		buf_addf(out, ",\"request_not_kept\":\"%s\"", k->request_wrong);
	if (k->partial || response_wrong != NULL)
		buf_addf(out, ",\"response_not_kept\":\"%s\"", k->partial ? "the body is too large" : response_wrong);
	buf_addc(out, '}');
	take_out_secrets(k, out, true);
}

static void
stored(struct trace *t)
{
	struct kept *k = t->arg;

	if (t->result != STORE_OK)
		complain(k, buf_str(&t->error));
	kept_free(k);
}

/* What is known from the beginning. */
static void
start_trace(struct kept *k, struct trace *t, const struct buf *metadata, void (*done)(struct trace *t))
{
	t->session = span_of(&k->session);
	t->turn = k->turn;
	t->request = span_of(&k->request_json);
	t->metadata = span_of(metadata);
	t->provider = (struct span){ k->proxy->host, strlen(k->proxy->host) };
	t->http_status = t->latency_ms = t->first_byte_ms = -1;
	t->done = done;
	t->arg = k;
}

/* The texts are made, and nothing of k is with the store. */
static void
put_trace(struct kept *k)
{
	struct trace *t = &k->t;

	start_trace(k, t, &k->metadata, stored);
	if (k->state == EARLY_DONE && k->early.result == STORE_OK) {
		t->turn = k->early.turn;
		t->completes = true;
		t->pending = (struct span){ k->early.id, strlen(k->early.id) };
	}
	t->response = span_of(&k->response_json);
	t->error_message = span_of(&k->error);
	t->status = k->error.len == 0 ? (struct span){ "success", 7 } : (struct span){ "error", 5 };
	t->http_status = k->status > 0 ? (int64_t)k->status : -1;
	t->latency_ms = k->ms;
	t->first_byte_ms = k->first_ms;
	trace_store_put(k->proxy->app->store, t);
}

/* From the store's thread. */
static void
early_stored(struct trace *t)
{
	struct kept *k = t->arg;
	bool complete;

	pthread_mutex_lock(&k->proxy->lock);
	k->state = EARLY_DONE;
	complete = k->complete;
	pthread_mutex_unlock(&k->proxy->lock);
	if (complete)
		put_trace(k);
}

/*
 * Only where the turn is counted: of several calls of one given turn, which may run side by side, the store could not tell which one
 * is complete.
 */
void
kept_store_early(struct kept *k)
{
	make_request(k);
	if (k->turn != 0 || !kept_count(k, k->request.len))
		return;
	k->ms = k->first_ms = -1;
	make_metadata(k, NULL, &k->early_metadata);
	start_trace(k, &k->early, &k->early_metadata, early_stored);
	k->early.status = (struct span){ "pending", 7 };
	k->state = EARLY;
	trace_store_put(k->proxy->app->store, &k->early);
}

/* The first of the order, if it is ready; under the lock. */
static struct kept *
take_ready(struct proxy *p)
{
	struct kept *k = p->first;

	if (k == NULL || !k->ready)
		return NULL;
	p->first = k->next;
	if (p->first == NULL)
		p->last = &p->first;
	k->complete = k->state == EARLY;	/* leave t to early */
	return k;
}

/* One thread at a time hands over what is ready, others' records too, so that none waits for its turn. */
static void
store_ready(struct proxy *p)
{
	struct kept *k;

	pthread_mutex_lock(&p->lock);
	if (!p->storing) {
		p->storing = true;
		while ((k = take_ready(p)) != NULL) {
			if (k->complete)
				continue;	/* it is early's now */
			pthread_mutex_unlock(&p->lock);
			if (k->no_room) {
				complain(k, too_many);
				kept_free(k);
			} else {
				put_trace(k);
			}
			pthread_mutex_lock(&p->lock);
		}
		p->storing = false;
	}
	pthread_mutex_unlock(&p->lock);
}

void
kept_store(struct kept *k)
{
	struct proxy *p = k->proxy;

	k->no_room = k->state == NOT_EARLY && !kept_count(k, k->request.len);
	if (!k->no_room) {
		make_request(k);
		make_metadata(k, make_response(k), &k->metadata);
		buf_free(&k->request);
	}
	pthread_mutex_lock(&p->lock);
	k->ready = true;
	pthread_mutex_unlock(&p->lock);
	store_ready(p);
}
