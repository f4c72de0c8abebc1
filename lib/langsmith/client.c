#include "langsmith/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/when.h"
#include "json/scan.h"
#include "json/str.h"

#define DAY INT64_C(86400000)
#define HOLD_MS 10000		/* after a 429 that names no time: the tiers' window */
#define NEAR_NAMES 5
#define WORDS_MAX 600		/* bytes of the service's words in a message */

/* ---- address and headers ---- */

static bool
ends_with(const char *s, size_t len, const char *tail)
{
	size_t n = strlen(tail);

	return len >= n && strncasecmp(s + len - n, tail, n) == 0;
}

static char *
header(const char *name, const char *value)
{
	struct buf b = { 0 };

	buf_addf(&b, "%s: %s", name, value);
	(void)buf_str(&b);
	return b.p;
}

static bool
printable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

/* Does the host of base end in smith.langchain.com? */
static bool
is_saas(const char *base)
{
	const char *host = strstr(base, "://") + 3;
	size_t n = strcspn(host, ":/");

	return ends_with(host, n, "smith.langchain.com");
}

int
ls_open(struct ls *ls, struct http *http, const char *endpoint, const char *key, const char *workspace, const char **error)
{
	static const char *const tails[] = { "/api/v1", "/api/v2", "/api" };
	size_t n, i = 0;

	memset(ls, 0, sizeof *ls);
	*error = NULL;
	endpoint += strspn(endpoint, " \t\"'");
	n = strcspn(endpoint, " \t\"'");
	while (n > 0 && endpoint[n - 1] == '/')
		n--;
	for (size_t t = 0; t < sizeof tails / sizeof *tails; t++)
		if (ends_with(endpoint, n, tails[t])) {
			n -= strlen(tails[t]);
			break;
		}
	while (n > 0 && endpoint[n - 1] == '/')
		n--;
	if (strncasecmp(endpoint, "https://", 8) != 0 && strncasecmp(endpoint, "http://", 7) != 0)
		*error = "the endpoint must begin with https:// or http://";
	else if (n <= (size_t)(strstr(endpoint, "://") + 3 - endpoint))
		*error = "the endpoint has no host";
	else if (!printable(key))
		*error = "the API key holds blanks or control characters";
	else if (workspace != NULL && !printable(workspace))
		*error = "the workspace id holds blanks or control characters";
	if (*error != NULL)
		return -1;
	ls->http = http;
	ls->base = mem_dup(endpoint, n);
	ls->key = header("x-api-key", key);
	ls->workspace = workspace == NULL ? NULL : header("X-Tenant-Id", workspace);
	ls->headers[i++] = ls->key;
	ls->headers[i++] = "Content-Type: application/json";
	ls->headers[i++] = "Accept: application/json";
	ls->headers[i] = ls->workspace;
	ls->saas = is_saas(ls->base);
	return 0;
}

void
ls_close(struct ls *ls)
{
	free(ls->base);
	free(ls->key);
	free(ls->workspace);
	memset(ls, 0, sizeof *ls);
}

static enum http_verdict
judge(const struct http_request *rq, const struct http_response *r, int64_t *wait_ms)
{
	/* No dependable Retry-After comes with 429, and the tiers count over 10 s. */
	if (r->status == 429 && *wait_ms < 0)
		*wait_ms = HOLD_MS;
	if (r->status == 501)
		return HTTP_FINAL;	/* a server with the other query API only */
	return http_judge(rq, r, wait_ms);
}

enum http_result
ls_perform(struct ls *ls, struct http_request *rq, struct http_response *r)
{
	enum http_result result;

	rq->headers = ls->headers;
	rq->repeatable = true;		/* this client only reads */
	rq->judge = judge;
	result = http_perform(ls->http, rq, r);
	ls->requests += (unsigned long)r->tries;
	return result;
}

/* ---- projects ---- */

static bool
is_uuid(const char *s)
{
	for (int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : s[i] == '\0' || strchr("0123456789abcdefABCDEF", s[i]) == NULL)
			return false;
	}
	return s[36] == '\0';
}

/* Make an answer one valid value; false: it is not JSON. */
static bool
read_json(struct buf *body, struct span *value)
{
	struct scan scan = { 0 };
	const char *p;
	bool ok;

	if (body->len == 0)
		return false;
	json_one_line(body->p, body->len);
	buf_pad(body);
	ok = scan_value(&scan, body->p) != NULL && scan_utf8(body->p, body->len) == NULL;
	scan_free(&scan);
	p = body->p + strspn(body->p, " \t\r");
	*value = ok ? (struct span){ p, (size_t)(json_skip(p) - p) } : (struct span){ NULL, 0 };
	return ok;
}

static bool
add_string(struct span object, const char *name, struct buf *out)
{
	struct span v;

	if (!json_member(object, name, strlen(name), &v) || !json_is_string(v))
		return false;
	json_decode(json_inside(v), out);
	(void)buf_str(out);
	return true;
}

/* Some projects that there are, those that look like the name first.  Only a help: no result but of a signal matters. */
static enum http_result
near_names(struct ls *ls, const char *project, struct buf *out)
{
	char *url = http_url(ls->base, "api/v1/sessions?limit=100&include_stats=false");
	struct http_request rq = { .what = "project names", .url = url };
	struct http_response r;
	struct span list, v;
	enum http_result result = ls_perform(ls, &rq, &r);
	int n = 0;

	if (result == HTTP_OK && read_json(&r.body, &list) && list.p[0] == '[')
		for (int like = 1; like >= 0; like--) {
			struct json_iter it = json_open(list);

			while (n < NEAR_NAMES && json_next_element(&it, &v)) {
				struct buf name = { 0 };

				if (add_string(v, "name", &name) && name.len > 0 && name.len < 100 &&
				    (strncasecmp(name.p, project, 3) == 0) == like) {
					buf_addf(out, "%s%s", n > 0 ? ", " : "", name.p);
					n++;
				}
				buf_free(&name);
			}
		}
	(void)buf_str(out);
	http_response_free(&r);
	free(url);
	return result;
}

enum http_result
ls_project(struct ls *ls, const char *project, struct buf *id, struct buf *name, struct http_response *r)
{
	bool by_id = is_uuid(project);
	struct buf path = { 0 };
	struct http_request rq = { .what = "project look-up" };
	struct span v;
	struct json_iter it;
	enum http_result result;
	char *url;

	buf_adds(&path, "api/v1/sessions");
	buf_adds(&path, by_id ? "/" : "?name=");
	http_escape(&path, project);
	buf_adds(&path, by_id ? "?include_stats=false" : "&limit=1&include_stats=false");
	rq.url = url = http_url(ls->base, buf_str(&path));
	result = ls_perform(ls, &rq, r);
	if (result == HTTP_OK) {
		if (!read_json(&r->body, &v) || v.p[0] != (by_id ? '{' : '['))
			result = HTTP_BAD;
		else if (!by_id) {
			it = json_open(v);
			if (!json_next_element(&it, &v))
				v.len = 0;
		}
		if (result == HTTP_OK && v.len > 0 && !add_string(v, "id", id))
			result = HTTP_BAD;
		if (result == HTTP_OK && v.len > 0 && !add_string(v, "name", name))
			buf_adds(name, project);
		if (result == HTTP_BAD)
			snprintf(r->error, sizeof r->error, "not the answer of this API (is the endpoint right?)");
	} else if (result == HTTP_REFUSED && by_id && r->status == 404 && ls_own_answer(r)) {
		result = HTTP_OK;
	}
	if (result == HTTP_OK && id->len == 0 && near_names(ls, project, name) == HTTP_INTERRUPTED)
		result = HTTP_INTERRUPTED;
	(void)buf_str(id);
	(void)buf_str(name);
	buf_free(&path);
	free(url);
	return result;
}

/* ---- queries ---- */

/* Names that differ by more than their case; to NULL: the API has nothing of the kind. */
struct name_pair {
	const char *from, *to;
};

static const struct name_pair to_v1[] = {
	{ "attachments", "s3_urls" },
	{ "error_preview", NULL },
	{ "is_in_dataset", "in_dataset" },
	{ "is_root", NULL },
	{ "latency_seconds", NULL },
	{ "metadata", "extra" },
	{ "project_id", "session_id" },
	{ "share_url", "share_token" },
	{ NULL, NULL },
};

static const struct name_pair to_v2[] = {
	{ "in_dataset", "is_in_dataset" },
	{ "inputs_or_signed_url", "inputs" },
	{ "inputs_s3_urls", NULL },
	{ "manifest_id", "manifest" },
	{ "outputs_or_signed_url", "outputs" },
	{ "outputs_s3_urls", NULL },
	{ "parent_run_id", "parent_run_ids" },
	{ "s3_urls", "attachments" },
	{ "serialized", "manifest" },
	{ "session_id", "project_id" },
	{ "share_token", "share_url" },
	{ NULL, NULL },
};

/* The name in this API, in any case; NULL: it has none. */
static const char *
translate(const char *name, int api)
{
	const struct name_pair *p = api == 1 ? to_v1 : to_v2;

	while (p->from != NULL && strcasecmp(p->from, name) != 0)
		p++;
	return p->from == NULL ? name : p->to;
}

/* The names to send, each once: "name\0name\0". */
static void
select_names(const struct ls_query *q, int api, struct buf *out)
{
	for (size_t i = 0; i < q->n_select; i++) {
		const char *name = translate(q->select[i], api);
		size_t at = out->len;
		bool seen = name == NULL;

		for (size_t j = 0; !seen && j < at; j += strlen(out->p + j) + 1)
			seen = strcasecmp(out->p + j, name) == 0;
		if (seen)
			continue;
		buf_add(out, name, strlen(name) + 1);
		for (char *p = out->p + at; *p != '\0'; p++)
			if (api == 2 && *p >= 'a' && *p <= 'z')
				*p = (char)(*p - ('a' - 'A'));
			else if (api == 1 && *p >= 'A' && *p <= 'Z')
				*p = (char)(*p + ('a' - 'A'));
	}
}

static void
put_text(struct buf *out, const char *name, const char *text)
{
	buf_addc(out, ',');
	json_put_name(name, out);
	json_encode(text, strlen(text), out);
}

static void
put_run_type(struct buf *out, const char *type, int api)
{
	char t[64];
	size_t i = 0;

	for (; type[i] != '\0' && i < sizeof t - 1; i++)
		if (api == 2)
			t[i] = type[i] >= 'a' && type[i] <= 'z' ? (char)(type[i] - ('a' - 'A')) : type[i];
		else
			t[i] = type[i] >= 'A' && type[i] <= 'Z' ? (char)(type[i] + ('a' - 'A')) : type[i];
	t[i] = '\0';
	put_text(out, "run_type", t);
}

static void
put_ids(struct buf *out, const struct ls_query *q, int api)
{
	buf_adds(out, api == 1 ? ",\"id\":[" : ",\"ids\":[");
	for (size_t i = 0; i < q->n_ids; i++) {
		if (i > 0)
			buf_addc(out, ',');
		json_encode(q->ids[i].id, strlen(q->ids[i].id), out);
	}
	buf_addc(out, ']');
}

static void
put_v1_window(struct buf *out, const struct ls_query *q, const char *from, const char *to)
{
	struct buf f = { 0 };

	/* As a field, because the rate tiers look at it; the upper bound as a filter, because the field's column is in dispute. */
	put_text(out, "start_time", from);
	if (q->filter != NULL)
		buf_addf(&f, "and(lt(start_time, \"%s\"), %s)", to, q->filter);
	else
		buf_addf(&f, "lt(start_time, \"%s\")", to);
	put_text(out, "filter", buf_str(&f));
	buf_free(&f);
}

void
ls_query_body(const struct ls_query *q, int api, struct buf *out)
{
	char from[WHEN_SIZE], to[WHEN_SIZE];
	struct buf names = { 0 };

	when_format(q->from - 1, from);
	when_format(q->to, to);
	json_put_name(api == 1 ? "session" : "project_ids", (buf_addc(out, '{'), out));
	buf_addc(out, '[');
	json_encode(q->project_id, strlen(q->project_id), out);
	buf_addc(out, ']');
	if (q->n_ids > 0) {
		put_ids(out, q, api);
	} else {
		if (!q->all_runs)
			buf_adds(out, ",\"is_root\":true");
		if (q->run_type != NULL)
			put_run_type(out, q->run_type, api);
		if (api == 1)
			put_v1_window(out, q, from, to);
		else if (q->filter != NULL)
			put_text(out, "filter", q->filter);
	}
	if (api == 2) {
		put_text(out, "min_start_time", from);
		put_text(out, "max_start_time", to);
	}
	buf_adds(out, api == 1 ? ",\"select\":[" : ",\"selects\":[");
	select_names(q, api, &names);
	for (const char *p = names.p; names.len > 0 && p < names.p + names.len; p += strlen(p) + 1) {
		if (p != names.p)
			buf_addc(out, ',');
		json_encode(p, strlen(p), out);
	}
	buf_free(&names);
	buf_addf(out, "],\"%s\":%lld", api == 1 ? "limit" : "page_size", (long long)q->page);
	if (q->cursor != NULL)
		put_text(out, "cursor", q->cursor);
	buf_addc(out, '}');
}

char *
ls_query_url(const struct ls *ls, int api)
{
	return http_url(ls->base, api == 1 ? "api/v1/runs/query" : "api/v2/runs/query");
}

bool
ls_pace(struct ls *ls, int api, int64_t from)
{
	/* v1: 10 in 10 s, but 3 when the window reaches back more than 7 days; v2: about 3 a second. */
	int64_t gap = api == 2 ? 334 : when_now() - from > 7 * DAY - 60000 ? 3400 : 1000;
	int64_t wait = ls->last_ms == 0 ? 0 : ls->last_ms + gap - when_mono();

	if (ls->saas && wait > 0 && !http_pause(ls->http, wait))
		return false;
	ls->last_ms = when_mono();
	return true;
}

/* ---- errors ---- */

bool
ls_own_answer(const struct http_response *r)
{
	const char *p = r->body.len > 0 ? r->body.p : "";

	for (size_t i = 0; i < r->body.len; i++)
		if (strchr(" \t\r\n", p[i]) == NULL)
			return p[i] == '{' || p[i] == '[';
	return false;
}

static void
add_loc(struct span loc, struct buf *out)
{
	struct json_iter it;
	struct span v;
	bool first = true;

	if (loc.p[0] != '[')
		return;
	for (it = json_open(loc); json_next_element(&it, &v); first = false) {
		if (!first)
			buf_addc(out, '.');
		if (json_is_string(v))
			json_decode(json_inside(v), out);
		else
			buf_add(out, v.p, v.len);
	}
	buf_adds(out, ": ");
}

/* [{"loc":["body","select",3],"msg":"..."}] as "body.select.3: ..." */
static void
add_details(struct span list, struct buf *out)
{
	struct json_iter it = json_open(list);
	struct span v, loc;

	while (json_next_element(&it, &v)) {
		if (out->len > 0)
			buf_adds(out, "; ");
		if (JSON_MEMBER(v, "loc", &loc))
			add_loc(loc, out);
		if (!add_string(v, "msg", out))
			buf_add(out, v.p, v.len);
	}
}

/* The service's words, from any of the shapes in which it says them. */
static void
add_words(struct http_response *r, struct buf *out)
{
	static const char *const names[] = { "title", "detail", "error", "message", "remedy" };
	struct buf body = { 0 };
	struct span o, v;

	buf_add(&body, r->body.p, r->body.len);
	if (body.len > 0 && read_json(&body, &o)) {
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			struct buf one = { 0 };

			if (add_string(o, names[i], &one) && one.len > 0)
				buf_addf(out, "%s%s", out->len > 0 ? ": " : "", one.p);
			else if (json_member(o, names[i], strlen(names[i]), &v) && v.p[0] == '[')
				add_details(v, out);
			buf_free(&one);
		}
	}
	if (out->len > WORDS_MAX) {
		size_t n = WORDS_MAX;

		while (n > 0 && ((unsigned char)out->p[n] & 0xc0) == 0x80)
			n--;
		out->len = n;
		buf_adds(out, "...");
	}
	(void)buf_str(out);
	buf_free(&body);
}

/* "select.3" or "selects[3]" in the words: the name of that field. */
static void
add_field(const char *words, const struct ls_query *q, struct buf *out)
{
	const char *p = strstr(words, "select");
	struct buf names = { 0 };
	unsigned long n;
	int api = 1;

	if (p == NULL || q == NULL)
		return;
	p += strlen("select");
	if (*p == 's') {
		api = 2;
		p++;
	}
	if ((*p != '.' && *p != '[') || p[1] < '0' || p[1] > '9')
		return;
	n = strtoul(p + 1, NULL, 10);
	select_names(q, api, &names);
	p = names.p;
	while (names.len > 0 && p < names.p + names.len && n-- > 0)
		p += strlen(p) + 1;
	if (names.len > 0 && p < names.p + names.len)
		buf_addf(out, ": the service does not know the field '%s' (see --select)", p);
	buf_free(&names);
}

static const char *
advice(const struct http_response *r, const char *words)
{
	if (r->status == 401)
		return "check LANGSMITH_API_KEY, and LANGSMITH_ENDPOINT: a key is good in its own region only";
	if (r->status == 403 && strstr(words, "org_scoped_key") != NULL)
		return "the key is organisation-wide: set LANGSMITH_WORKSPACE_ID";
	if (r->status == 403)
		return "the key may not read this: check LANGSMITH_API_KEY and LANGSMITH_WORKSPACE_ID";
	if (r->status >= 300 && r->status < 400)
		return "the address leads elsewhere: check LANGSMITH_ENDPOINT";
	if (r->status == 404 || r->status == 405)
		return "check LANGSMITH_ENDPOINT";
	if (r->status == 429)
		return "the service's rate or plan limit: run again later";
	return NULL;
}

void
ls_explain(const struct http_response *cr, enum http_result result, const struct ls_query *q, struct buf *out)
{
	struct http_response r = *cr;
	struct buf words = { 0 };
	const char *id = http_header(cr, "x-request-id"), *todo;

	if (r.status != 0)
		buf_addf(out, "%ld", r.status);
	if (r.error[0] != '\0')
		buf_addf(out, "%s%s", out->len > 0 ? ": " : "", r.error);
	if (r.status >= 300) {
		add_words(&r, &words);
		if (words.len > 0)
			buf_addf(out, ": %s", words.p);
		else if (result == HTTP_REFUSED && !ls_own_answer(&r))
			buf_adds(out, ": not JSON: a proxy or firewall in front of the service says so");
	}
	add_field(buf_str(&words), q, out);
	if (id != NULL)
		buf_addf(out, " (request %.100s)", id);
	if (result == HTTP_GAVE_UP && r.tries > 1)
		buf_addf(out, ": gave up after %d tries", r.tries);
	todo = advice(&r, words.p);
	if (todo != NULL)
		buf_addf(out, ": %s", todo);
	buf_free(&words);
	buf_one_line(out, 0);
	(void)buf_str(out);
}
