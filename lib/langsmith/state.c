#include "langsmith/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "json/scan.h"
#include "json/str.h"

#define VERSION_HERE 1

/* The decoded text of a string member; NULL when it is missing or no string.  Returns new. */
static char *
string_of(struct span object, const char *name)
{
	struct span v;

	return json_member(object, name, strlen(name), &v) ? json_text(v) : NULL;
}

static bool
time_of(struct span object, const char *name, int64_t *ms)
{
	struct span v;

	*ms = STATE_NEVER;
	if (!json_member(object, name, strlen(name), &v) || json_is_null(v))
		return true;
	if (!json_is_string(v))
		return false;
	v = json_inside(v);
	return when_parse(v.p, v.len, ms, NULL);
}

static bool
number_of(struct span object, const char *name, int64_t *n)
{
	struct span v;

	*n = 0;
	if (!json_member(object, name, strlen(name), &v) || v.len == 0 || v.len > 18)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		*n = *n * 10 + (v.p[i] - '0');
	}
	return true;
}

static bool
is_true(struct span object, const char *name)
{
	struct span v;

	return json_member(object, name, strlen(name), &v) && v.p[0] == 't';
}

static bool
parse_done(struct span list, struct ids *done)
{
	struct json_iter it;
	struct span v;
	struct buf id = { 0 };
	bool ok = list.p[0] == '[';

	if (ok)
		it = json_open(list);
	while (ok && json_next_element(&it, &v)) {
		buf_clear(&id);
		if (json_is_string(v))
			json_decode(json_inside(v), &id);
		ok = ids_add(done, buf_str(&id), strlen(buf_str(&id))) != NULL;	/* none: it is empty */
	}
	buf_free(&id);
	return ok;
}

static bool
parse_window(struct span v, struct state_window *w)
{
	struct span done;
	char *api = string_of(v, "api");

	if (api != NULL)
		w->api = strcmp(api, "v2") == 0 ? 2 : 1;
	free(api);
	w->cursor = string_of(v, "cursor");
	return time_of(v, "from", &w->from) && time_of(v, "to", &w->to) && time_of(v, "saved", &w->saved) &&
	    w->from != STATE_NEVER && w->to > w->from && w->saved != STATE_NEVER && w->api != 0 && number_of(v, "page", &w->page) &&
	    w->page >= 1 && w->page <= 1000 && JSON_MEMBER(v, "done", &done) && parse_done(done, &w->done);
}

static bool
parse_plan(struct span v, struct state_plan *p)
{
	struct span w;

	if (v.p[0] != '{' || !time_of(v, "from", &p->from) || !time_of(v, "until", &p->until) || !time_of(v, "started", &p->started) ||
	    !time_of(v, "pos", &p->pos) || !number_of(v, "span", &p->span))
		return false;
	if (p->from == STATE_NEVER || p->until == STATE_NEVER || p->started == STATE_NEVER || p->pos < p->from || p->span < 1)
		return false;
	p->sweep = is_true(v, "sweep");
	if (!JSON_MEMBER(v, "window", &w) || json_is_null(w))
		return true;
	p->in_window = true;
	return w.p[0] == '{' && parse_window(w, &p->window) && p->window.from >= p->pos;
}

static bool
parse_pending(struct span list, struct ids *pending)
{
	struct json_iter it;
	struct span v;

	if (list.p[0] != '[')
		return false;
	it = json_open(list);
	while (json_next_element(&it, &v)) {
		char *text = string_of(v, "id");
		struct id *id = text == NULL ? NULL : ids_add(pending, text, strlen(text));

		free(text);
		if (id == NULL || !time_of(v, "start_time", &id->start) || !time_of(v, "since", &id->since) || id->start == STATE_NEVER)
			return false;
		if (id->since == STATE_NEVER)
			id->since = 0;
	}
	return true;
}

/* NULL, or what is wrong. */
static const char *
parse(struct state *s, struct span text)
{
	struct span v;
	int64_t version;

	if (!number_of(text, "version", &version))
		return "it is no state of ls-fetch";
	if (version != VERSION_HERE)
		return "it was written by another version of ls-fetch";
	s->project_id = string_of(text, "project_id");
	s->project = string_of(text, "project");
	s->scope = string_of(text, "scope");
	if (s->project_id == NULL || s->project == NULL || s->scope == NULL)
		return "project_id, project or scope is missing";
	if (!time_of(text, "watermark", &s->watermark) || !time_of(text, "swept", &s->swept))
		return "watermark or swept is not a time";
	if (JSON_MEMBER(text, "plan", &v) && !json_is_null(v)) {
		if (!parse_plan(v, &s->plan))
			return "its plan is not valid";
		s->planned = true;
	} else if (s->watermark == STATE_NEVER) {
		return "it has neither a watermark nor a plan";
	}
	if (!JSON_MEMBER(text, "pending", &v) || !parse_pending(v, &s->pending))
		return "its list of pending runs is not valid";
	return NULL;
}

int
state_parse(struct state *s, struct buf *text, const char **error)
{
	struct scan scan = { 0 };

	memset(s, 0, sizeof *s);
	s->watermark = s->swept = STATE_NEVER;
	/* By hand someone may have made it pretty. */
	if (!json_scan_answer(text, &scan))
		*error = "it is not JSON";
	else
		*error = parse(s, (struct span){ text->p + strspn(text->p, " \t\r"), text->len });
	scan_free(&scan);
	if (*error != NULL)
		state_free(s);
	return *error == NULL ? 0 : -1;
}

static void
put_string(struct buf *out, const char *name, const char *text)
{
	json_put_name(name, out);
	if (text != NULL)
		json_encode(text, strlen(text), out);
	else
		buf_adds(out, "null");
	buf_addc(out, ',');
}

static void
put_time(struct buf *out, const char *name, int64_t ms)
{
	char t[WHEN_SIZE];

	put_string(out, name, ms == STATE_NEVER ? NULL : when_format(ms, t));
}

static void
put_plan(struct buf *out, const struct state_plan *p)
{
	const struct state_window *w = &p->window;

	buf_addc(out, '{');
	put_time(out, "from", p->from);
	put_time(out, "until", p->until);
	put_time(out, "started", p->started);
	buf_addf(out, "\"sweep\":%s,", p->sweep ? "true" : "false");
	put_time(out, "pos", p->pos);
	buf_addf(out, "\"span\":%lld,\"window\":", (long long)p->span);
	if (!p->in_window) {
		buf_adds(out, "null}");
		return;
	}
	buf_addc(out, '{');
	put_time(out, "from", w->from);
	put_time(out, "to", w->to);
	put_string(out, "api", w->api == 2 ? "v2" : "v1");
	buf_addf(out, "\"page\":%lld,", (long long)w->page);
	put_string(out, "cursor", w->cursor);
	put_time(out, "saved", w->saved);
	buf_adds(out, "\"done\":[");
	for (size_t i = 0; i < w->done.n; i++) {
		if (i > 0)
			buf_addc(out, ',');
		json_encode(w->done.v[i].id, strlen(w->done.v[i].id), out);
	}
	buf_adds(out, "]}}");
}

static void
put_pending(struct buf *out, const struct ids *pending)
{
	for (size_t i = 0; i < pending->n; i++) {
		const struct id *id = &pending->v[i];

		buf_adds(out, i > 0 ? ",{" : "{");
		put_string(out, "id", id->id);
		if (id->since != 0)
			put_time(out, "since", id->since);
		put_time(out, "start_time", id->start);
		out->p[out->len - 1] = '}';	/* for the last comma */
	}
}

void
state_print(const struct state *s, struct buf *out)
{
	buf_addf(out, "{\"version\":%d,", VERSION_HERE);
	put_string(out, "project_id", s->project_id);
	put_string(out, "project", s->project);
	put_string(out, "scope", s->scope);
	put_time(out, "watermark", s->watermark);
	put_time(out, "swept", s->swept);
	buf_addf(out, "\"complete\":%s,\"plan\":", s->planned ? "false" : "true");
	if (s->planned)
		put_plan(out, &s->plan);
	else
		buf_adds(out, "null");
	buf_adds(out, ",\"pending\":[");
	put_pending(out, &s->pending);
	buf_adds(out, "]}\n");
}

void
state_free(struct state *s)
{
	free(s->project_id);
	free(s->project);
	free(s->scope);
	free(s->plan.window.cursor);
	ids_free(&s->plan.window.done);
	ids_free(&s->pending);
	memset(s, 0, sizeof *s);
}
