/*
 * --set and -e.  What a jq program gives has passed libjq, which may have lost digits; so the program "." is run beside it, and all
 * values in which the two agree keep the bytes that they had.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "json/str.h"
#include "openai/client.h"
#include "trace-replay/replay.h"

struct edit {
	char	*name;
	struct buf val;		/* JSON */
};

/* Is it a name that needs no escapes in JSON? */
static bool
is_plain(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == '"' || p[i] == '\\')
			return false;
	return len > 0 && scan_utf8(p, len) == NULL;
}

/* NAME=VALUE; what is no JSON is a string. */
static void
read_set(const char *text, struct edit *e)
{
	const char *equals = strchr(text, '='), *end;
	struct scan s = { 0 };

	if (equals == NULL || !is_plain(text, (size_t)(equals - text)))
		opt_misuse("--set: '%s' is not NAME=VALUE", text);
	e->name = mem_dup(text, (size_t)(equals - text));
	buf_adds(&e->val, equals + 1);
	buf_pad(&e->val);
	json_one_line(e->val.p, e->val.len);
	end = scan_utf8(e->val.p, e->val.len) == NULL ? scan_value(&s, e->val.p) : NULL;
	if (e->val.len == 0 || end != e->val.p + e->val.len) {
		buf_clear(&e->val);
		json_encode(equals + 1, strlen(equals + 1), &e->val);
	}
	scan_free(&s);
}

void
edits_init(struct edits *e, const struct opt_list *set, const char *expr)
{
	struct buf error = { 0 };

	*e = (struct edits){ .n_set = set->n };
	e->set = mem_zero(set->n, sizeof *e->set);
	for (size_t i = 0; i < set->n; i++)
		read_set(set->v[i], &e->set[i]);
	if (expr == NULL)
		return;
	if ((e->expr = expr_new(expr, &error)) == NULL || (e->same = expr_new(".", &error)) == NULL)
		die(ST_USAGE, "--expr: %s", buf_str(&error));
}

void
edits_free(struct edits *e)
{
	for (size_t i = 0; i < e->n_set; i++) {
		free(e->set[i].name);
		buf_free(&e->set[i].val);
	}
	free(e->set);
	expr_free(e->expr);
	expr_free(e->same);
	buf_free(&e->reason);
}

/* ---- the program's result, with the bytes that it did not touch ---- */

static bool
is_same(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* What the request had, what "." and the program made of it. */
struct triple {
	struct span had, same, now;
};

static void	put_kept(struct triple t, struct buf *out);

static void
put_raw_key(struct span key, bool *first, struct buf *out)
{
	if (!*first)
		buf_addc(out, ',');
	*first = false;
	buf_addc(out, '"');
	buf_add(out, key.p, key.len);
	buf_adds(out, "\":");
}

static bool
find(struct span object, struct span key, struct buf *name, struct span *val)
{
	buf_clear(name);
	json_decode(key, name);
	return json_member(object, name->p == NULL ? "" : name->p, name->len, val);
}

static void
put_object(struct triple t, struct buf *out)
{
	struct json_iter it;
	struct member m;
	struct span last, same, now;
	struct buf name = { 0 };
	bool first = true;

	buf_addc(out, '{');
	for (it = json_open(t.had); json_next_member(&it, &m);) {
		if (!find(t.now, m.key, &name, &now) || !find(t.same, m.key, &name, &same) ||
		    !find(t.had, m.key, &name, &last) || last.p != m.val.p)
			continue;	/* it is gone, or another one of this name counts */
		put_raw_key(m.key, &first, out);
		put_kept((struct triple){ m.val, same, now }, out);
	}
	for (it = json_open(t.now); json_next_member(&it, &m);)
		if (!find(t.had, m.key, &name, &last)) {
			put_raw_key(m.key, &first, out);
			buf_add(out, m.val.p, m.val.len);
		}
	buf_addc(out, '}');
	buf_free(&name);
}

static size_t
count(struct span array)
{
	struct json_iter it = json_open(array);
	struct span val;
	size_t n = 0;

	while (json_next_element(&it, &val))
		n++;
	return n;
}

static void
put_array(struct triple t, struct buf *out)
{
	struct json_iter had = json_open(t.had), same = json_open(t.same), now = json_open(t.now);
	struct triple e;
	const char *before = "";

	buf_addc(out, '[');
	while (json_next_element(&had, &e.had) && json_next_element(&same, &e.same) && json_next_element(&now, &e.now)) {
		buf_adds(out, before);
		put_kept(e, out);
		before = ",";
	}
	buf_addc(out, ']');
}

static void
put_kept(struct triple t, struct buf *out)
{
	if (is_same(t.same, t.now))
		buf_add(out, t.had.p, t.had.len);
	else if (*t.had.p == '{' && *t.same.p == '{' && *t.now.p == '{')
		put_object(t, out);
	else if (*t.had.p == '[' && *t.same.p == '[' && *t.now.p == '[' && count(t.had) == count(t.now))
		put_array(t, out);
	else
		buf_add(out, t.now.p, t.now.len);
}

static enum edited
run_program(struct edits *e, struct buf *request)
{
	struct span had = { request->p, request->len };
	struct buf same = { 0 }, now = { 0 }, out = { 0 };
	enum edited r = EDIT_FAILED;

	buf_clear(&e->reason);
	switch (expr_first(e->expr, had, &now)) {
	case EXPR_NOTHING:
		r = EDIT_SKIPS;
		break;
	case EXPR_TEXT:
		buf_addf(&e->reason, "the expression gave a string, not an object");
		break;
	case EXPR_ERROR:
		buf_addf(&e->reason, "jq: %.200s", buf_str(&now));
		break;
	case EXPR_OTHER:
		if (now.p[0] != '{') {
			buf_addf(&e->reason, "the expression gave %.60s, not an object", buf_str(&now));
			break;
		}
		if (expr_first(e->same, had, &same) != EXPR_OTHER)
			break;
		buf_pad(&now);
		buf_pad(&same);
		put_kept((struct triple){ had, { same.p, same.len }, { now.p, now.len } }, &out);
		buf_free(request);
		*request = out;
		buf_pad(request);
		r = EDITED;
		break;
	}
	buf_free(&same);
	buf_free(&now);
	return r;
}

enum edited
edits_apply(struct edits *e, struct buf *request)
{
	for (size_t i = 0; i < e->n_set; i++)
		chat_set(request, e->set[i].name, strlen(e->set[i].name), (struct span){ e->set[i].val.p, e->set[i].val.len });
	return e->expr == NULL ? EDITED : run_program(e, request);
}
