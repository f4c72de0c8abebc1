/* Calls to another server's API: passed on as they come, answered as it answers, and recorded when they are over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/sig.h"
#include "base/when.h"
#include "crypt/key.h"
#include "json/str.h"
#include "net/coding.h"
#include "trace-serve/proxy.h"

#define MOST_ANSWER	((size_t)64 << 20)	/* bytes of an answer that are kept for the record */
#define SHORTEST_SECRET	8
#define LONG_MS		1000			/* a call that takes longer is seen while it is under way */

/* A call on its way. */
struct passing {
	struct relay relay;
	struct proxy *proxy;
	struct request *rq;
	struct buf url, connection, lines;	/* lines: "Name: value\0" */
	const char **header;	/* owned, into lines */
	size_t	 n_headers, headers_cap;
	struct kept *kept;
	bool	 recorded;	/* it will be */
	bool	 began;		/* so has the answer */
	bool	 placed;	/* in the order of the records */
	int64_t	 long_at;	/* when the call takes long; 0: it was seen to */
};

/* ---- where to ---- */

/* "http://127.0.0.1:8080/v1": the length of what is before the host, of the host, and of the port. */
static bool
take_apart(const char *url, const char **host, size_t *host_len, const char **port)
{
	size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
	size_t len = strcspn(url + scheme, "/?#");
	const char *h = url + scheme, *bracket = memchr(h, ']', len);
	const char *colon = memchr(bracket != NULL ? bracket : h, ':', len - (size_t)((bracket != NULL ? bracket : h) - h));

	*host = h;
	*host_len = colon != NULL ? (size_t)(colon - h) : len;
	*port = colon != NULL ? colon + 1 : scheme == 8 ? "443" : "80";
	return scheme != 0 && *host_len != 0 && memchr(h, '@', len) == NULL && strpbrk(url, "?# \t") == NULL;
}

bool
proxy_start(struct app *app, struct buf *error)
{
	struct proxy *p;
	const char *host, *port;
	size_t len = strlen(app->upstream), host_len;

	if (!take_apart(app->upstream, &host, &host_len, &port)) {
		buf_adds(error, "a base URL is http://HOST[:PORT]/PATH or https://..., without a key or a query");
		return false;
	}
	p = mem_zero(1, sizeof *p);
	while (app->upstream[len - 1] == '/')
		len--;
	p->app = app;
	p->base = mem_dup(app->upstream, len);
	p->host = mem_dup(host, host_len);
	p->relays = relays_new();
	pthread_mutex_init(&p->lock, NULL);
	p->last = &p->first;
	pthread_mutex_init(&p->large, NULL);
	app->proxy = p;
	return true;
}

void
proxy_stop(struct app *app)
{
	if (app->proxy == NULL)
		return;
	kept_tell_lost(app->proxy);
	relays_free(app->proxy->relays);
	pthread_mutex_destroy(&app->proxy->lock);
	pthread_mutex_destroy(&app->proxy->large);
	free(app->proxy->base);
	free(app->proxy->host);
	free(app->proxy);
	app->proxy = NULL;
}

bool
proxy_is_self(const struct app *app)
{
	const char *host, *port, *own, *own_port;
	size_t len, own_len;

	if (app->proxy == NULL || !take_apart(app->proxy->base, &host, &len, &port) ||
	    !take_apart(server_url(app->server), &own, &own_len, &own_port) || atoi(port) != atoi(own_port))
		return false;
	return (len == own_len && strncasecmp(host, own, len) == 0) || is_loopback(app->proxy->host);
}

/* ---- the request ---- */

static bool
gather_connection(void *arg, const char *name, const char *value)
{
	struct passing *p = arg;

	if (strcasecmp(name, "Connection") == 0)
		buf_addf(&p->connection, "%s,", value);
	return true;
}

static bool
is_any(const char *name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcasecmp(name, *list) == 0)
			return true;
	return false;
}

static void
keep_secret(struct kept *k, const char *value)
{
	const char *blank = strchr(value, ' ');

	if (blank != NULL)	/* behind "Bearer" */
		value = blank + strspn(blank, " ");
	if (strlen(value) >= SHORTEST_SECRET)
		buf_add(&k->secrets, value, strlen(value) + 1);
}

static void
put_line(struct passing *p, const char *name, const char *value)
{
	buf_adds(&p->lines, name);
	buf_adds(&p->lines, ": ");
	buf_add(&p->lines, value, strlen(value) + 1);
	p->n_headers++;
}

static bool
pass_header(void *arg, const char *name, const char *value)
{
	static const char *const own[] = { "X-Session-Id", "X-Turn-Number", "X-Trace-Token", NULL };
	static const char *const secret[] = { "Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key", NULL };
	struct passing *p = arg;
	struct buf offer = { 0 };

	if (is_any(name, secret))
		keep_secret(p->kept, value);
	if (!relay_passes(name, p->connection.len == 0 ? "" : buf_str(&p->connection)) || is_any(name, own))
		return true;
	if (strcasecmp(name, "Accept-Encoding") == 0) {
		/* What we could not read, we could not record. */
		coding_offer(value, &offer);
		put_line(p, name, buf_str(&offer));
		buf_free(&offer);
	} else {
		put_line(p, name, value);
	}
	return true;
}

/* The lines stay where they are from now on. */
static void
index_lines(struct passing *p)
{
	const char *line = p->lines.p;
	size_t n = 0;

	p->header = mem_grow(NULL, &p->headers_cap, p->n_headers + 1, sizeof *p->header);
	for (; n < p->n_headers; n++) {
		p->header[n] = line;
		line += strlen(line) + 1;
	}
	p->header[n] = NULL;
}

static void
keep_header(const struct passing *p, const char *name, struct buf *to)
{
	const char *v = request_header(p->rq, name);

	if (v != NULL)
		buf_adds(to, v);
	(void)buf_str(to);
}

static void
keep_request(struct passing *p)
{
	static const char *const keys[] = { "key", "api_key", "api-key", "access_token" };
	struct kept *k = p->kept;
	struct buf v = { 0 };
	char peer[PEER_SIZE];

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (request_param(p->rq, keys[i], &v))
			keep_secret(k, buf_str(&v));
	buf_free(&v);
	buf_adds(&k->path, request_path(p->rq));
	buf_adds(&k->peer, request_peer(p->rq, peer));
	keep_header(p, "X-Session-Id", &k->wanted_session);
	keep_header(p, "X-Turn-Number", &k->wanted_turn);
	keep_header(p, "X-Stainless-Retry-Count", &k->agent_retries);
	keep_header(p, "Content-Type", &k->request_type);
	keep_header(p, "Content-Encoding", &k->request_coding);
	k->request = *request_body(p->rq);
	*request_body(p->rq) = (struct buf){ 0 };
	k->begun_us = when_now_us();
	p->recorded = strcmp(request_method(p->rq), "POST") == 0 && k->request.len > 0;
}

static void
prepare(struct passing *p)
{
	const char *query = request_query(p->rq);

	/* "/v1" stands for the base. */
	buf_adds(&p->url, p->proxy->base);
	buf_adds(&p->url, request_path(p->rq) + 3);
	if (query != NULL)
		buf_addf(&p->url, "?%s", query);
	request_headers(p->rq, gather_connection, p);
	request_headers(p->rq, pass_header, p);
	index_lines(p);
	keep_request(p);
	p->relay.method = request_method(p->rq);
	p->relay.url = buf_str(&p->url);
	p->relay.headers = p->header;
	p->relay.body = p->kept->request.p;
	p->relay.body_len = p->kept->request.len;
}

/* ---- the answer ---- */

static void
set_answer_header(struct request *rq, const char *line)
{
	size_t n = strcspn(line, ":");
	char *name = mem_dup(line, n), *value = mem_dup(line + n + 2, strlen(line + n + 2));

	for (char *c = value; (c = strchr(c, '\t')) != NULL; )	/* the server library takes no tabs */
		*c = ' ';
	(void)request_set(rq, name, value);
	free(name);
	free(value);
}

/* Once the client has these bytes of the body (or all), it may go on to its next call. */
static void
take_place(struct passing *p, size_t bytes, bool all)
{
	if (!p->recorded || p->placed || (!all && (p->relay.length < 0 || bytes < (uint64_t)p->relay.length)))
		return;
	kept_enqueue(p->kept);
	p->placed = true;
}

static bool
on_head(struct relay *r)
{
	struct passing *p = r->arg;

	for (size_t at = 0; at < r->answer.len; at += strlen(r->answer.p + at) + 1)
		set_answer_header(p->rq, r->answer.p + at);
	take_place(p, 0, false);
	request_stream(p->rq, r->status, r->length);
	p->began = true;
	return true;
}

static bool
on_piece(struct relay *r, const char *piece, size_t len)
{
	struct passing *p = r->arg;
	struct kept *k = p->kept;
	bool more;

	k->came += len;
	if (!request_write(p->rq, NULL, 0))	/* who has a place must not wait for a slow client: others wait for the place */
		return false;
	take_place(p, k->came, false);
	more = request_write(p->rq, piece, len);	/* before it is copied */
	if (p->recorded && !k->partial) {
		k->partial = k->response.len + len > MOST_ANSWER || !kept_count(k, len);
		if (!k->partial)
			buf_add(&k->response, piece, len);
	}
	return more;
}

static bool
on_left(struct relay *r)
{
	struct passing *p = r->arg;

	if (p->recorded && p->long_at != 0 && when_mono() >= p->long_at) {
		p->long_at = 0;
		kept_store_early(p->kept);
	}
	return request_gone(p->rq);
}

/* There is no answer to give: one as the other server gives them. */
static void
answer_trouble(struct passing *p, enum relay_end end, const char *why)
{
	struct buf b = { 0 };

	buf_adds(&b, "{\"error\":{\"message\":");
	json_encode(why, strlen(why), &b);
	buf_addf(&b, ",\"type\":\"proxy_error\",\"param\":null,\"code\":\"%s\"}}", end == RELAY_LATE ? "upstream_timeout" : "upstream_failed");
	request_answer(p->rq, end == RELAY_LATE ? 504 : 502, "application/json", &b);
}

static void
put_trouble(const struct passing *p, enum relay_end end, struct buf *out)
{
	if (end == RELAY_LEFT)
		buf_adds(out, sig_caught() != 0 ? "trace-serve was stopped before the answer was complete"
		    : "the client left before the answer was complete");
	else if (end != RELAY_WHOLE)
		buf_addf(out, "%s: %s", p->proxy->host, p->relay.error);
	(void)buf_str(out);
}

static void
keep_answer(struct passing *p)
{
	static const char *const ids[] = { "x-request-id", "request-id", "apim-request-id" };
	struct kept *k = p->kept;
	const struct relay *r = &p->relay;
	const char *type = relay_header(r, "Content-Type"), *coding = relay_header(r, "Content-Encoding"), *id = NULL;

	k->status = r->status;
	k->first_ms = r->first_ms;
	k->ms = r->ms;
	buf_adds(&k->response_type, type != NULL ? type : "");
	buf_adds(&k->response_coding, coding != NULL ? coding : "");
	for (size_t i = 0; i < sizeof ids / sizeof *ids && id == NULL; i++)
		id = relay_header(r, ids[i]);
	buf_adds(&k->request_id, id != NULL ? id : "");
}

void
proxy_call(struct call *c)
{
	struct passing p = { .proxy = c->app->proxy, .rq = c->rq, .kept = mem_zero(1, sizeof *p.kept) };
	enum relay_end end;

	p.relay.head = on_head;
	p.relay.piece = on_piece;
	p.relay.left = on_left;
	p.relay.arg = &p;
	p.kept->proxy = p.proxy;
	p.long_at = when_mono() + LONG_MS;
	prepare(&p);

	end = relay_run(p.proxy->relays, &p.relay);

	keep_answer(&p);
	p.kept->left = end == RELAY_LEFT;
	put_trouble(&p, end, &p.kept->trouble);
	take_place(&p, 0, true);
	if (p.began)
		request_end(p.rq, end != RELAY_WHOLE);
	else
		answer_trouble(&p, end, buf_str(&p.kept->trouble));
	call_free(c);
	if (p.recorded)
		kept_store(p.kept);
	else
		kept_free(p.kept);
	wipe_buf(&p.url);	/* with their keys */
	buf_free(&p.connection);
	wipe_buf(&p.lines);
	buf_free(&p.relay.answer);
	free(p.header);
}
