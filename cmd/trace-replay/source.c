/* Records of trace-serve and of its --tee, of the recorder, of this tool, and plain requests. */
#include <stdlib.h>
#include <string.h>

#include "json/splice.h"
#include "json/str.h"
#include "trace-replay/replay.h"

static struct span
value(const struct scan *s, const char *name)
{
	const struct member *m = scan_find(s, name, strlen(name));

	return m == NULL || json_is_null(m->val) ? (struct span){ "", 0 } : m->val;
}

/* A string's text, or a number as it is written. */
static void
put_text(struct span v, struct buf *out)
{
	if (json_is_string(v))
		json_decode(json_inside(v), out);
	else if (v.len > 0 && (*v.p == '-' || (*v.p >= '0' && *v.p <= '9')))
		buf_add(out, v.p, v.len);
}

static int64_t
whole_number(struct span v)
{
	char text[24] = "", *end;
	long long n;

	if (v.len == 0 || v.len > 18)
		return 0;
	memcpy(text, v.p, v.len);
	n = strtoll(text, &end, 10);
	return *end == '\0' && n > 0 ? n : 0;
}

/* Text that is itself JSON: on one line, scanned. */
static bool
scan_text(struct span string, struct buf *text, struct scan *s)
{
	const char *end;

	json_decode(json_inside(string), text);
	buf_pad(text);
	json_one_line(text->p, text->len);
	if (scan_utf8(text->p, text->len) != NULL || (end = scan_value(s, text->p)) != text->p + text->len || end == text->p)
		return false;
	return true;
}

/* A request as trace-serve gives it: text. */
static const char *
from_text(struct span request, struct buf *out)
{
	struct scan s = { 0 };
	bool good = scan_text(request, out, &s);
	struct span text = splice_text(out->p, out->p + out->len);

	scan_free(&s);
	if (!good || *text.p != '{')
		return "the text in request is no JSON object";
	if (text.len != out->len) {
		memmove(out->p, text.p, text.len);
		out->len = text.len;
	}
	return NULL;
}

/* What the recorder kept: the text of a message, or that of a list of messages, or of a whole request. */
static void
from_prompt(struct span prompt, struct span model, struct buf *out)
{
	struct buf text = { 0 };
	struct scan s = { 0 };
	bool json = scan_text(prompt, &text, &s);
	struct span v = splice_text(text.p, text.p + text.len), first;
	struct json_iter it;

	if (json && *v.p == '{' && scan_find(&s, "messages", 8) != NULL) {
		buf_add(out, v.p, v.len);
	} else {
		bool list = json && *v.p == '[' && (it = json_open(v), json_next_element(&it, &first)) && *first.p == '{';

		buf_addc(out, '{');
		if (json_is_string(model)) {
			buf_adds(out, "\"model\":");
			buf_add(out, model.p, model.len);
			buf_addc(out, ',');
		}
		buf_adds(out, list ? "\"messages\":" : "\"messages\":[{\"role\":\"user\",\"content\":");
		buf_add(out, list ? v.p : prompt.p, list ? v.len : prompt.len);
		buf_adds(out, list ? "}" : "}]}");
	}
	scan_free(&s);
	buf_free(&text);
}

static const char *
read_request(const struct record *r, struct buf *out)
{
	struct span request = value(r->scan, "request"), prompt = value(r->scan, "prompt"), messages = value(r->scan, "messages");

	if (json_is_string(request))
		return from_text(request, out);
	if (request.len > 0 && *request.p != '{')
		return "request is no JSON object";
	if (request.len > 0)
		buf_add(out, request.p, request.len);
	else if (messages.len > 0 || value(r->scan, "input").len > 0)
		buf_add(out, r->text.p, r->text.len);
	else if (json_is_string(prompt))
		from_prompt(prompt, value(r->scan, "model"), out);
	else
		return "no request: there is neither request, messages, input nor prompt";
	return NULL;
}

const char *
source_read(const struct record *r, struct source *s)
{
	struct span id = value(r->scan, "id");
	const char *wrong;

	*s = (struct source){ .key = r->text };
	put_text(id, &s->id);
	put_text(value(r->scan, "session_id"), &s->session);
	s->turn = whole_number(value(r->scan, "turn_number"));
	if (s->id.len > 0)
		s->key = id;
	if ((wrong = read_request(r, &s->request)) != NULL)
		source_free(s);
	else
		buf_pad(&s->request);
	return wrong;
}

void
source_free(struct source *s)
{
	buf_free(&s->request);
	buf_free(&s->id);
	buf_free(&s->session);
}
