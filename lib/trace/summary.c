#include "trace/summary.h"

#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "json/str.h"
#include "trace/conn.h"

#define MOST_PREVIEW 160	/* bytes */
#define MOST_COUNT INT64_C(1000000000000)	/* more is no count; the sum of many must not overflow */

/* ---- a text as a scanned object ---- */

struct object {
	struct buf copy;
	struct scan scan;
	struct span text;	/* empty: none */
};

/* Texts may stand on several lines, and have no padding: what is read is a copy. */
static void
object_open(struct object *o, struct span text)
{
	const char *end;

	*o = (struct object){ 0 };
	if (text.len == 0)
		return;
	buf_add(&o->copy, text.p, text.len);
	buf_pad(&o->copy);
	if (memchr(o->copy.p, '\n', o->copy.len) != NULL)
		json_one_line(o->copy.p, o->copy.len);
	end = scan_record(&o->scan, o->copy.p);
	if (end == o->copy.p + o->copy.len)
		o->text = (struct span){ o->copy.p, o->copy.len };
}

static void
object_close(struct object *o)
{
	scan_free(&o->scan);
	buf_free(&o->copy);
}

static struct span
member(const struct object *o, const char *name)
{
	const struct member *m = o->text.len == 0 ? NULL : scan_find(&o->scan, name, strlen(name));

	return m == NULL ? (struct span){ NULL, 0 } : m->val;
}

static bool
is_kind(struct span v, char open)
{
	return v.len > 0 && v.p[0] == open;
}

static int64_t
count_of(struct span v)
{
	char text[24], *end;
	long long n;

	if (v.len == 0 || v.len >= sizeof text)
		return -1;
	memcpy(text, v.p, v.len);
	text[v.len] = '\0';
	n = strtoll(text, &end, 10);
	return end == text || (*end != '\0' && *end != '.') || n < 0 || n > MOST_COUNT ? -1 : n;
}

/* ---- what is in them ---- */

static void
get_model(const struct object *request, struct buf *out)
{
	struct span v = member(request, "model");

	if (json_is_string(v))
		json_decode(json_inside(v), out);
}

/* Text, or the first text of a list of parts. */
static struct span
text_of(struct span content)
{
	struct json_iter it;
	struct span part, text;

	if (json_is_string(content))
		return content;
	if (!is_kind(content, '['))
		return (struct span){ NULL, 0 };
	it = json_open(content);
	while (json_next_element(&it, &part))
		if (is_kind(part, '{') && JSON_MEMBER(part, "text", &text) && json_is_string(text))
			return text;
	return (struct span){ NULL, 0 };
}

/* The text of the user's last message. */
static struct span
last_of_user(struct span messages)
{
	struct span found = { NULL, 0 }, one, role, content, text;
	struct json_iter it;

	if (!is_kind(messages, '['))
		return text_of(messages);
	it = json_open(messages);
	while (json_next_element(&it, &one)) {
		if (!is_kind(one, '{') || !JSON_MEMBER(one, "role", &role) || !json_is_string(role) ||
		    !JSON_SPELLS(json_inside(role), "user") || !JSON_MEMBER(one, "content", &content))
			continue;
		text = text_of(content);
		if (text.len != 0)
			found = text;
	}
	return found;
}

/* How a string begins, on one line; characters stay whole. */
static void
put_beginning(struct span raw, struct buf *out)
{
	const char *p = raw.p, *end = raw.p + raw.len;
	char one[4];

	while (p < end && (out->len < MOST_PREVIEW || ((unsigned char)*p & 0xc0) == 0x80)) {
		if (*p == '\\')
			buf_add(out, one, json_unescape(&p, end, one));
		else
			buf_addc(out, *p++);
	}
	for (size_t i = 0; i < out->len; i++)
		if ((unsigned char)out->p[i] < ' ')
			out->p[i] = ' ';
}

static void
get_preview(const struct object *request, struct buf *out)
{
	static const char *const names[] = { "messages", "input", "prompt" };
	struct span text = { NULL, 0 };

	for (size_t i = 0; text.len == 0 && i < sizeof names / sizeof *names; i++)
		text = last_of_user(member(request, names[i]));
	if (text.len != 0)
		put_beginning(json_inside(text), out);
}

static int64_t
get_tokens(const struct object *response, bool output)
{
	struct span usage = member(response, "usage"), v;
	const char *now = output ? "output_tokens" : "input_tokens", *old = output ? "completion_tokens" : "prompt_tokens";

	if (!is_kind(usage, '{'))
		return -1;
	if (!json_member(usage, old, strlen(old), &v) && !json_member(usage, now, strlen(now), &v))
		return -1;
	return count_of(v);
}

/* How clients tell the time that a call took. */
static int64_t
get_latency(const struct object *metadata)
{
	static const char *const names[] = { "latency_ms", "duration_ms", "response_time_ms", "elapsed_ms" };
	int64_t ms = -1;

	for (size_t i = 0; ms < 0 && i < sizeof names / sizeof *names; i++)
		ms = count_of(member(metadata, names[i]));
	return ms;
}

void
summarize(struct summary *m, struct span request, struct span response, struct span metadata)
{
	struct object o;

	*m = (struct summary){ 0 };
	object_open(&o, request);
	get_model(&o, &m->model);
	get_preview(&o, &m->preview);
	object_close(&o);
	object_open(&o, response);
	m->input_tokens = get_tokens(&o, false);
	m->output_tokens = get_tokens(&o, true);
	object_close(&o);
	object_open(&o, metadata);
	m->latency_ms = get_latency(&o);
	object_close(&o);
}

void
summary_free(struct summary *m)
{
	buf_free(&m->model);
	buf_free(&m->preview);
}

/* ---- as functions of SQL ---- */

static struct span
argument(sqlite3_value *v)
{
	const char *p = (const char *)sqlite3_value_text(v);

	return (struct span){ p, p == NULL ? 0 : (size_t)sqlite3_value_bytes(v) };
}

static void
result_text(sqlite3_context *ctx, struct buf *b)
{
	if (b->len == 0)
		sqlite3_result_null(ctx);
	else
		sqlite3_result_text64(ctx, b->p, b->len, SQLITE_TRANSIENT, SQLITE_UTF8);
	buf_free(b);
}

static void
sql_model(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct object o;
	struct buf b = { 0 };

	(void)n;
	object_open(&o, argument(v[0]));
	get_model(&o, &b);
	object_close(&o);
	result_text(ctx, &b);
}

static void
sql_preview(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct object o;
	struct buf b = { 0 };

	(void)n;
	object_open(&o, argument(v[0]));
	get_preview(&o, &b);
	object_close(&o);
	result_text(ctx, &b);
}

static void
sql_tokens(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct object o;
	int64_t tokens;

	(void)n;
	object_open(&o, argument(v[0]));
	tokens = get_tokens(&o, sqlite3_value_int(v[1]) != 0);
	object_close(&o);
	if (tokens < 0)
		sqlite3_result_null(ctx);
	else
		sqlite3_result_int64(ctx, tokens);
}

/* A time as the original stored it; one without a zone is local. */
static void
sql_us(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct span t = argument(v[0]);
	int64_t ms, us = 0;
	size_t digits;
	const char *p;
	bool zoned;

	(void)n;
	if (t.len == 0 || !when_parse(t.p, t.len, &ms, &zoned)) {
		sqlite3_result_int64(ctx, 0);
		return;
	}
	p = when_fraction(t.p, t.len, &digits);
	for (size_t i = 3; i < 6; i++)
		us = us * 10 + (i < digits ? p[i] - '0' : 0);
	sqlite3_result_int64(ctx, (zoned ? ms : when_local(ms)) * 1000 + us);
}

bool
summary_register(struct conn *c)
{
	static const struct { const char *name; int n; void (*fn)(sqlite3_context *, int, sqlite3_value **); } functions[] = {
		{ "trace_model", 1, sql_model }, { "trace_preview", 1, sql_preview }, { "trace_tokens", 2, sql_tokens },
		{ "trace_us", 1, sql_us },
	};

	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (sqlite3_create_function(c->db, functions[i].name, functions[i].n, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
		    functions[i].fn, NULL, NULL) != SQLITE_OK)
			return false;
	return true;
}
