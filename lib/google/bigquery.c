#include "google/bigquery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/mem.h"
#include "base/opt.h"
#include "crypt/key.h"
#include "json/str.h"

#define DEFAULT_ENDPOINT "https://bigquery.googleapis.com"
#define API_PATH "/bigquery/v2"
#define SCOPE "https://www.googleapis.com/auth/bigquery"

struct bigquery {
	struct http *http;
	struct google_auth *auth;	/* NULL: an emulator without credentials */
	char	*base;			/* the root of the API and the project */
	size_t	 root_len;		/* of base, without the project */
	char	*project;
	struct http_policy policy;
	uint64_t requests;
};

/* ---- configuration ---- */

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

/* The root, with the API's path. */
static void
put_root(bool *emulated, struct buf *out)
{
	char *emulator = env_get((const char *const[]){ "BIGQUERY_EMULATOR_HOST", NULL });
	char *endpoint = emulator != NULL ? emulator : env_get((const char *const[]){ "BIGQUERY_ENDPOINT", NULL });

	*emulated = emulator != NULL;
	buf_adds(out, endpoint != NULL ? endpoint : DEFAULT_ENDPOINT);
	free(endpoint);
	while (out->len > 0 && out->p[out->len - 1] == '/')
		out->len--;
	if (!ends_with(buf_str(out), API_PATH))
		buf_adds(out, API_PATH);
}

static bool
names_credentials(void)
{
	char *v = env_get((const char *const[]){ "GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN_FILE",
	    "GOOGLE_APPLICATION_CREDENTIALS", "BOTRUN_LOG_CREDENTIALS_PATH", NULL });
	bool named = v != NULL;

	wipe_text(v);
	return named;
}

static char *
copy(const char *s)
{
	return s == NULL ? NULL : mem_dup(s, strlen(s));
}

struct bigquery *
bigquery_new(const struct http_policy *policy, const char *project, struct buf *error)
{
	struct bigquery *b = mem_zero(1, sizeof *b);
	struct buf base = { 0 };
	bool emulated;

	put_root(&emulated, &base);
	if (!emulated || names_credentials()) {
		b->auth = google_auth_new(policy, SCOPE, error);
		if (b->auth == NULL)
			goto fail;
	}
	b->project = copy(project);
	if (b->project == NULL)
		b->project = env_get((const char *const[]){ "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "BOTRUN_LOG_PROJECT_ID", NULL });
	if (b->project == NULL && b->auth != NULL)
		b->project = copy(google_auth_project(b->auth));
	if (b->project == NULL) {
		buf_adds(error, "no project: name one with --project or GOOGLE_CLOUD_PROJECT");
		goto fail;
	}
	b->root_len = base.len;
	buf_adds(&base, "/projects/");
	http_escape(&base, b->project);
	b->base = mem_dup(base.p, base.len);
	b->policy = *policy;
	b->http = http_new(policy);
	buf_free(&base);
	return b;
fail:
	buf_free(&base);
	bigquery_free(b);
	return NULL;
}

void
bigquery_free(struct bigquery *b)
{
	if (b == NULL)
		return;
	if (b->http != NULL)
		http_free(b->http);
	google_auth_free(b->auth);
	free(b->base);
	free(b->project);
	free(b);
}

const char *
bigquery_project(const struct bigquery *b)
{
	return b->project;
}

uint64_t
bigquery_requests(const struct bigquery *b)
{
	return b->requests;
}

const struct http_policy *
bigquery_policy(const struct bigquery *b)
{
	return &b->policy;
}

/* ---- answers ---- */

static void
put_text(struct span object, const char *name, struct buf *out)
{
	struct span v;

	if (json_member(object, name, strlen(name), &v) && json_is_string(v))
		json_decode(json_inside(v), out);
}

/* {"error":{"code","message","status","errors":[{"reason","location","message"}]}}: the first reason. */
static bool
read_error(struct span body, struct buf *reason, struct buf *message)
{
	struct span error, list, first;
	struct json_iter it;

	if (!JSON_MEMBER(body, "error", &error) || *error.p != '{')
		return false;
	put_text(error, "message", message);
	if (JSON_MEMBER(error, "errors", &list) && *list.p == '[') {
		it = json_open(list);
		if (json_next_element(&it, &first) && *first.p == '{')
			put_text(first, "reason", reason);
	}
	return true;
}

/* Which errors may pass, whatever their status; the rest goes by the status. */
static enum http_verdict
judge(const struct http_request *rq, const struct http_response *r, int64_t *wait_ms)
{
	static const char *const later[] = { "rateLimitExceeded", "userRateLimitExceeded", "jobRateLimitExceeded" };
	static const char *const unsure[] = { "backendError", "internalError", "tableUnavailable", "jobBackendError", "jobInternalError" };
	struct buf copied = { 0 }, reason = { 0 }, message = { 0 };
	struct scan s = { 0 };
	enum http_verdict v = http_judge(rq, r, wait_ms);

	buf_add(&copied, r->body.p, r->body.len);
	if (r->status >= 400 && json_scan_answer(&copied, &s) && read_error((struct span){ copied.p, copied.len }, &reason, &message)) {
		for (size_t i = 0; i < sizeof later / sizeof *later; i++)
			if (strcmp(buf_str(&reason), later[i]) == 0)
				v = HTTP_LATER;
		for (size_t i = 0; i < sizeof unsure / sizeof *unsure; i++)
			if (strcmp(buf_str(&reason), unsure[i]) == 0)
				v = HTTP_UNSURE;
	}
	scan_free(&s);
	buf_free(&copied);
	buf_free(&reason);
	buf_free(&message);
	return v;
}

static void
explain(struct bigquery_reply *r, const struct http_response *http, bool ours)
{
	struct buf message = { 0 };

	buf_clear(&r->reason);
	if (ours && read_error(r->object, &r->reason, &message)) {
		buf_addf(&r->error, "%s%s%s", buf_str(&r->reason), r->reason.len != 0 ? ": " : "", buf_str(&message));
	} else if (http->status == 0) {
		buf_addf(&r->error, "no answer from BigQuery: %s", http->error);
	} else {
		buf_adds(&r->error, "not BigQuery's form of an answer");
		http_put_beginning(http, &r->error);
	}
	if (http->status != 0)
		buf_addf(&r->error, " (HTTP %ld)", http->status);
	buf_one_line(&r->error, 0);
	buf_free(&message);
}

/* ---- calls ---- */

/* The caller frees *http. */
static enum google_result
perform(struct bigquery *b, struct http_request *rq, struct http_response *http, struct bigquery_reply *r)
{
	enum http_result hr = http_perform(b->http, rq, http);
	bool ours;

	b->requests++;
	buf_clear(&r->body);
	buf_add(&r->body, http->body.p, http->body.len);
	ours = hr != HTTP_INTERRUPTED && json_scan_answer(&r->body, &r->scan);
	r->object = ours ? (struct span){ r->body.p, r->body.len } : (struct span){ "{}", 2 };
	r->status = http->status;
	if (hr == HTTP_OK && !ours && http->body.len != 0)
		hr = HTTP_BAD;
	if (hr != HTTP_OK && hr != HTTP_INTERRUPTED)
		explain(r, http, ours);
	switch (hr) {
	case HTTP_OK:
		return GOOGLE_OK;
	case HTTP_REFUSED:
		return GOOGLE_REFUSED;
	case HTTP_INTERRUPTED:
		return GOOGLE_INTERRUPTED;
	case HTTP_GAVE_UP:
	case HTTP_BAD:
		break;
	}
	return GOOGLE_GAVE_UP;
}

#define MOST_HEADERS 3		/* of a call's own */

/* With the token of the moment. */
static enum google_result
call_once(struct bigquery *b, struct http_request *rq, const char *const own[], struct http_response *http, struct bigquery_reply *r)
{
	const char *headers[MOST_HEADERS + 3] = { NULL }, *authorization, *quota;
	struct buf billed = { 0 };
	size_t n = 0;
	enum google_result st = GOOGLE_OK;

	buf_clear(&r->error);
	r->status = 0;
	if (b->auth != NULL) {
		st = google_auth_header(b->auth, &authorization, &r->error);
		headers[n++] = authorization;
		if ((quota = google_auth_quota_project(b->auth)) != NULL) {
			buf_addf(&billed, "x-goog-user-project: %s", quota);
			headers[n++] = buf_str(&billed);
		}
	}
	for (size_t i = 0; i < MOST_HEADERS && own[i] != NULL; i++)
		headers[n++] = own[i];
	rq->headers = headers;
	if (st == GOOGLE_OK)
		st = perform(b, rq, http, r);
	rq->headers = NULL;
	buf_free(&billed);
	return st;
}

static enum google_result
call(struct bigquery *b, struct http_request *rq, const char *const own[], struct http_response *http, struct bigquery_reply *r)
{
	enum google_result st;

	*http = (struct http_response){ 0 };
	st = call_once(b, rq, own, http, r);
	if (st != GOOGLE_REFUSED || r->status != 401 || b->auth == NULL || !google_auth_renew(b->auth))
		return st;
	http_response_free(http);
	return call_once(b, rq, own, http, r);
}

enum google_result
bigquery_call(struct bigquery *b, const char *method, const char *path, const struct buf *body, bool repeatable,
    struct bigquery_reply *r)
{
	struct buf url = { 0 };
	struct http_request rq = { .what = "BigQuery", .method = method, .repeatable = repeatable, .judge = judge };
	struct http_response http;
	const char *own[] = { body != NULL ? "Content-Type: application/json" : NULL, NULL };
	enum google_result st;

	buf_addf(&url, "%.*s%s", (int)(strncmp(path, "/projects/", 10) == 0 ? b->root_len : strlen(b->base)), b->base, path);
	rq.url = buf_str(&url);
	if (body != NULL) {
		rq.body = body->p;
		rq.body_len = body->len;
	}
	st = call(b, &rq, own, &http, r);
	http_response_free(&http);
	buf_free(&url);
	return st;
}

/* ---- uploads ---- */

/* The address of a session is as good as a token: it is not sent over plain HTTP where the API is not. */
static bool
take_session(const struct bigquery *b, const char *location, struct buf *session)
{
	if (location == NULL || (strncmp(location, "https://", 8) != 0 &&
	    (strncmp(location, "http://", 7) != 0 || strncmp(b->base, "http://", 7) != 0)))
		return false;
	buf_adds(session, location);
	return true;
}

enum google_result
bigquery_upload_begin(struct bigquery *b, const struct buf *job, struct buf *session, struct bigquery_reply *r)
{
	struct buf url = { 0 };
	struct http_request rq = { .what = "BigQuery", .repeatable = true, .judge = judge, .body = job->p, .body_len = job->len };
	struct http_response http;
	const char *own[] = { "Content-Type: application/json; charset=UTF-8", "X-Upload-Content-Type: application/octet-stream", NULL };
	enum google_result st;

	buf_addf(&url, "%.*s/upload%s/jobs?uploadType=resumable", (int)(b->root_len - strlen(API_PATH)), b->base,
	    b->base + b->root_len - strlen(API_PATH));
	rq.url = buf_str(&url);
	st = call(b, &rq, own, &http, r);
	if (st == GOOGLE_OK && !take_session(b, http_header(&http, "location"), session)) {
		buf_adds(&r->error, "BigQuery's answer to an upload says not where to send it");
		st = GOOGLE_GAVE_UP;
	}
	http_response_free(&http);
	buf_free(&url);
	return st;
}

struct piece {
	const void *p;
	size_t	 len;
	int64_t	 from, size;
	char	 range[96];	/* the header */
};

/* Whether a try came through is not known: the next one asks, instead of sending it again. */
static void
send_or_ask(struct http_request *rq, const struct http_response *last)
{
	struct piece *piece = rq->arg;
	long long from = piece->from;
	bool ask = last != NULL || piece->len == 0;
	char size[24] = "*";

	if (piece->size != -1)
		(void)snprintf(size, sizeof size, "%lld", (long long)piece->size);
	rq->body = ask ? "" : piece->p;
	rq->body_len = ask ? 0 : piece->len;
	if (ask)
		(void)snprintf(piece->range, sizeof piece->range, "Content-Range: bytes */%s", size);
	else
		(void)snprintf(piece->range, sizeof piece->range, "Content-Range: bytes %lld-%lld/%s", from, from + (long long)piece->len - 1, size);
}

/* 308 is no redirect here, but "go on". */
static enum http_verdict
judge_piece(const struct http_request *rq, const struct http_response *r, int64_t *wait_ms)
{
	return r->status == 308 ? HTTP_DONE : judge(rq, r, wait_ms);
}

/* "bytes=0-N": N + 1; without the header nothing has been kept.  -2: neither. */
static int64_t
read_range(const char *range, int64_t size)
{
	static const char start[] = "bytes=0-";
	int64_t n;

	if (range == NULL)
		return 0;
	if (strncmp(range, start, strlen(start)) != 0 || !opt_parse_number(range + strlen(start), false, &n))
		return -2;
	return n >= 0 && (size == -1 || n < size) ? n + 1 : -2;
}

enum google_result
bigquery_upload_send(struct bigquery *b, const char *session, const void *p, size_t len, int64_t from, int64_t size, int64_t *kept,
    struct bigquery_reply *r)
{
	struct piece piece = { .p = p, .len = len, .from = from, .size = size };
	struct http_request rq = {
		.what = "upload", .method = "PUT", .url = session, .hide_url = true, .repeatable = true, .begin = send_or_ask, .judge = judge_piece,
		.arg = &piece,
	};
	struct http_response http;
	const char *own[] = { "Content-Type: application/octet-stream", piece.range, NULL };
	enum google_result st;

	st = call(b, &rq, own, &http, r);
	*kept = -1;
	if (st == GOOGLE_OK && r->status == 308 && (*kept = read_range(http_header(&http, "range"), size)) == -2) {
		buf_adds(&r->error, "BigQuery's answer to an upload says not what it has");
		st = GOOGLE_GAVE_UP;
	}
	http_response_free(&http);
	return st;
}

void
bigquery_reply_free(struct bigquery_reply *r)
{
	buf_free(&r->reason);
	buf_free(&r->error);
	buf_free(&r->body);
	scan_free(&r->scan);
}
