/* Who may ask what, where a request goes, and the envelope of the answers (the API of LLM Trace). */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "crypt/key.h"
#include "json/str.h"
#include "net/query.h"
#include "trace-serve/serve.h"

#define JSON_TYPE "application/json; charset=utf-8"
#define MOST_SIZE 1000

/* ---- answers ---- */

void
call_free(struct call *c)
{
	buf_free(&c->id);
	free(c);
}

/* message and data (taken) may be NULL. */
static void
put_envelope(struct buf *b, bool success, const char *message, struct buf *data)
{
	buf_addf(b, "{\"success\":%s", success ? "true" : "false");
	if (message != NULL) {
		buf_adds(b, ",\"message\":");
		json_encode(message, strlen(message), b);
	}
	if (data != NULL) {
		buf_adds(b, ",\"data\":");
		buf_add(b, data->p, data->len);
		buf_free(data);
	}
	buf_addc(b, '}');
}

static void
answer(struct call *c, unsigned status, const char *message, struct buf *data)
{
	struct buf b = { 0 };

	put_envelope(&b, status < 400, message, data);
	request_answer(c->rq, status, JSON_TYPE, &b);
	call_free(c);
}

void
answer_ok(struct call *c, const char *message)
{
	answer(c, 200, message, NULL);
}

void
answer_data(struct call *c, struct buf *data)
{
	answer(c, 200, NULL, data);
}

void
answer_both(struct call *c, const char *message, struct buf *data)
{
	answer(c, 200, message, data);
}

void
answer_fail(struct call *c, unsigned status, const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	answer(c, status, message, NULL);
}

void
answer_fail_data(struct call *c, unsigned status, const char *message, struct buf *data)
{
	answer(c, status, message, data);
}

void
answer_busy(struct call *c)
{
	(void)request_set(c->rq, "Retry-After", "1");
	answer(c, 503, "Too many requests at a time", NULL);
}

int64_t
call_number(struct call *c, const char *name, int64_t usual, int64_t most)
{
	struct buf v = { 0 };
	char *end;
	long long n = usual;

	if (request_param(c->rq, name, &v)) {
		n = strtoll(buf_str(&v), &end, 10);
		if (v.len == 0 || *end != '\0' || n < 1 || n > most)
			n = usual;
	}
	buf_free(&v);
	return n;
}

void
call_page(struct call *c, int64_t usual, int64_t *page, int64_t *size)
{
	*page = call_number(c, "page", 1, INT32_MAX);
	*size = call_number(c, "size", usual, MOST_SIZE);
}

/* ---- who may ask ---- */

/* 127.x.y.z only as an address, never as the beginning of a name. */
bool
is_loopback(const char *host)
{
	const char *end = *host == '[' ? strchr(host, ']') : NULL, *port = strchr(end != NULL ? end : host, ':');
	size_t len = port != NULL ? (size_t)(port - host) : strlen(host);
	char name[16];
	struct in_addr a;

	if (port != NULL && strspn(port + 1, "0123456789") != strlen(port + 1))
		return false;
	if (len >= sizeof name)
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	return strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0 || (inet_pton(AF_INET, name, &a) == 1 && *(unsigned char *)&a == 127);
}

static bool
is_loopback_origin(const char *origin)
{
	const char *host = strstr(origin, "://");

	return host != NULL && is_loopback(host + 3);
}

/* Pages of this machine may read the answers; the original said "*", which let any page of the web read the traces. */
static void
allow_origin(struct request *rq)
{
	const char *origin = request_header(rq, "Origin");

	(void)request_set(rq, "Vary", "Origin");
	if (origin == NULL || !is_loopback_origin(origin) || !request_set(rq, "Access-Control-Allow-Origin", origin))
		return;
	(void)request_set(rq, "Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS");
	(void)request_set(rq, "Access-Control-Allow-Headers", "Origin, Content-Type, Accept, Authorization, X-Session-Id");
}

static bool
same(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned char differ = n != m;

	for (size_t i = 0; i < n; i++)	/* in a time that does not tell where they differ */
		differ |= (unsigned char)(a[i] ^ b[m == 0 ? 0 : i % m]);
	return differ == 0;
}

/* Is it one for another server?  The answer is that server's, without a header of ours. */
static bool
is_proxied(const struct app *app, const struct request *rq)
{
	return app->upstream != NULL && strncmp(request_path(rq), "/v1/", 4) == 0;
}

/* Must a client know the token for this? */
static bool
needs_token(const struct app *app, const struct request *rq)
{
	if (app->token == NULL)
		return false;
	if (is_proxied(app, rq))
		return !app->loopback;
	return strcmp(request_method(rq), "OPTIONS") != 0 && strncmp(request_path(rq), "/api/", 5) == 0;
}

/* In calls for another server, Authorization is for that one. */
static bool
has_token(const struct app *app, const struct request *rq)
{
	const char *given = request_header(rq, is_proxied(app, rq) ? "X-Trace-Token" : "Authorization");

	if (given != NULL && !is_proxied(app, rq))
		given = strncasecmp(given, "Bearer ", 7) == 0 ? given + 7 : NULL;
	return given != NULL && same(given, app->token);
}

/* Why a request is refused, or NULL. */
static const char *
objection(const struct app *app, struct request *rq, unsigned *status)
{
	const char *host = request_header(rq, "Host"), *origin = request_header(rq, "Origin");

	*status = 403;
	/* A name of the web that was bound to this machine's address (DNS rebinding). */
	if (app->loopback && (host == NULL || !is_loopback(host)))
		return "Host: only this machine is served; ask for localhost or 127.0.0.1";
	/* A page of the web that sends requests here. */
	if (origin != NULL && !is_loopback_origin(origin) &&
	    (host == NULL || strstr(origin, "://") == NULL || strcasecmp(strstr(origin, "://") + 3, host) != 0))
		return "Origin: pages of other servers may not ask";
	*status = 401;
	if (needs_token(app, rq) && !has_token(app, rq))
		return is_proxied(app, rq) ? "X-Trace-Token: the token is missing or wrong" : "Authorization: the token is missing or wrong";
	return NULL;
}

bool
app_admit(void *arg, struct request *rq)
{
	struct app *app = arg;
	struct buf b = { 0 };
	unsigned status;
	const char *why = objection(app, rq, &status);

	if (why == NULL && is_proxied(app, rq)) {
		request_raw(rq);
		return true;
	}
	(void)request_set(rq, "X-Content-Type-Options", "nosniff");
	if (strncmp(request_path(rq), "/api/", 5) == 0)	/* the page sets its own */
		(void)request_set(rq, "Cache-Control", "no-store");
	allow_origin(rq);	/* they may read why not, too */
	if (why == NULL)
		return true;
	put_envelope(&b, false, why, NULL);
	request_answer(rq, status, JSON_TYPE, &b);
	return false;
}

/* ---- where it goes ---- */

enum where { READERS, CALLERS };

static const struct route {
	const char *method, *path;	/* ":id" is a segment */
	void	(*fn)(struct call *c);
	enum where where;
} routes[] = {
	{ "POST", "/api/trace", trace_post, READERS },
	{ "GET", "/health", health_get, READERS },
	{ "GET", "/api/health", health_get, READERS },
	{ "GET", "/api/sessions", sessions_get, READERS },
	{ "GET", "/api/sessions/:id", session_get, READERS },
	{ "DELETE", "/api/sessions/:id", session_delete, CALLERS },	/* nor is a large one deleted at once */
	{ "GET", "/api/sessions/:id/records", session_records_get, READERS },
	{ "GET", "/api/records", records_get, CALLERS },	/* a search may take long */
	{ "GET", "/api/records/:id", record_get, READERS },
	{ "DELETE", "/api/records/:id", record_delete, READERS },
	{ "POST", "/api/records/:id/replay", record_replay, CALLERS },
	{ "GET", "/api/providers", providers_get, READERS },
	{ "POST", "/api/replay-sessions", replay_sessions_post, READERS },
	{ "GET", "/api/replay-sessions", replay_sessions_get, READERS },
	{ "GET", "/api/replay-sessions/:id", replay_session_get, READERS },
	{ "DELETE", "/api/replay-sessions/:id", replay_session_delete, READERS },
	{ "GET", "/api/replay-sessions/:id/records", replay_session_records_get, READERS },
	{ "POST", "/api/replay-debug", replay_debug_post, CALLERS },
	{ "GET", "/api/llm-file-records/health", recorder_health_get, READERS },
	{ "GET", "/api/llm-file-records/session/:id", recorder_session_get, CALLERS },
	{ "GET", "/api/llm-file-records/latest", recorder_latest_get, CALLERS },
	{ "GET", "/api/llm-file-records/statistics", recorder_statistics_get, CALLERS },
	{ "DELETE", "/api/llm-file-records/cleanup", recorder_cleanup, CALLERS },
};

/* Is the path one of the pattern's? */
static bool
matches(const char *pattern, const char *path, struct buf *id)
{
	while (*pattern != '\0') {
		if (*pattern == ':') {
			size_t len = strcspn(path, "/");

			if (len == 0)
				return false;
			buf_clear(id);
			query_decode(path, len, false, id);
			path += len;
			pattern += strcspn(pattern, "/");
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

static enum served
dispatch(struct call *c, struct pool *pool, void (*fn)(struct call *c))
{
	union { void (*call)(struct call *); void (*any)(void *); } job = { .call = fn };

	if (!pool_run(pool, job.any, c))
		answer_busy(c);
	return SERVED_LATER;
}

/* No route is left: what the path takes, if it is one. */
static enum served
no_route(struct call *c, struct buf *allow)
{
	if (allow->len != 0 && strcmp(request_method(c->rq), "OPTIONS") == 0) {
		request_answer(c->rq, 204, NULL, NULL);
		call_free(c);
	} else if (allow->len != 0) {
		(void)request_set(c->rq, "Allow", buf_str(allow));
		answer_fail(c, 405, "Method not allowed");
	} else if (page_answer(c->rq)) {
		call_free(c);
	} else {
		answer_fail(c, 404, "Not found");
	}
	buf_free(allow);
	return SERVED_LATER;
}

enum served
app_handle(void *arg, struct request *rq)
{
	struct call *c = mem_zero(1, sizeof *c);
	struct app *app = arg;
	struct buf allow = { 0 };
	const char *method = request_method(rq);

	c->app = app;
	c->rq = rq;
	if (is_proxied(app, rq))
		return dispatch(c, app->passers, proxy_call);
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		const struct route *r = &routes[i];

		if (!matches(r->path, request_path(rq), &c->id))
			continue;
		if (strcmp(r->method, method) == 0) {
			buf_free(&allow);
			return dispatch(c, r->where == CALLERS ? app->callers : app->readers, r->fn);
		}
		buf_addf(&allow, "%s%s", allow.len == 0 ? "" : ", ", r->method);
	}
	return no_route(c, &allow);
}
