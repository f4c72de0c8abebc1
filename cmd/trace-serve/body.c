#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json/str.h"
#include "trace-serve/serve.h"

#define MOST_ID 1020		/* bytes: 255 characters */

/* "application/json", also with parameters, and its relatives. */
static bool
is_json_type(const char *type)
{
	size_t len = strcspn(type, "; \t");

	return (len == 16 && strncasecmp(type, "application/json", len) == 0) || (len == 9 && strncasecmp(type, "text/json", len) == 0) ||
	    (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

/* Blanks and line ends behind the value are no part of it. */
static void
trim(struct buf *b)
{
	while (b->len > 0 && strchr(" \t\r\n", b->p[b->len - 1]) != NULL)
		b->len--;
	buf_pad(b);
}

bool
call_body(struct call *c, struct body *b)
{
	const char *type = request_header(c->rq, "Content-Type"), *p, *bad;

	*b = (struct body){ .came = request_body(c->rq) };
	if (type != NULL && !is_json_type(type)) {
		answer_fail(c, 415, "Unsupported content type: send application/json");
		return false;
	}
	trim(b->came);
	p = b->came->p;
	if (b->came->len > 0 && memchr(p, '\n', b->came->len) != NULL) {
		buf_add(&b->line, p, b->came->len);
		json_one_line(b->line.p, b->line.len);
		buf_pad(&b->line);
		p = b->line.p;
	}
	if ((bad = scan_utf8(p, b->came->len)) != NULL) {
		b->scan.error = "not UTF-8";
		b->scan.at = bad;
	} else if (scan_record(&b->scan, p) == p + b->came->len && b->came->len > 0) {
		return true;
	}
	if (b->came->len == 0)
		answer_fail(c, 400, "Invalid request format: the body is empty");
	else if (b->scan.error == NULL)
		answer_fail(c, 400, "Invalid request format: more than one value");
	else
		answer_fail(c, 400, "Invalid request format: byte %zu: %s", (size_t)(b->scan.at - p) + 1, b->scan.error);
	body_free(b);
	return false;
}

void
body_free(struct body *b)
{
	scan_free(&b->scan);
	buf_free(&b->line);
}

struct span
body_bytes(const struct body *b, struct span v)
{
	return b->line.len == 0 || v.len == 0 ? v : (struct span){ b->came->p + (v.p - b->line.p), v.len };
}

struct span
body_member(const struct body *b, const char *name)
{
	const struct member *m = scan_find(&b->scan, name, strlen(name));

	return m == NULL || json_is_null(m->val) ? (struct span){ NULL, 0 } : m->val;
}

bool
body_text(const struct body *b, const char *name, struct buf *text)
{
	struct span v = body_member(b, name);

	if (v.len == 0)
		return true;
	if (!json_is_string(v))
		return false;
	json_decode(json_inside(v), text);
	return true;
}

const char *
body_session(const struct body *b, struct buf *id)
{
	if (!body_text(b, "session_id", id))
		return "session_id is no string";
	if (id->len > MOST_ID || memchr(buf_str(id), '\0', id->len) != NULL)
		return "session_id is too long, or has a NUL";
	return NULL;
}

bool
body_number(const struct body *b, const char *name, int64_t *n)
{
	struct span v = body_member(b, name);
	char text[24] = "", *end;

	if (v.len == 0)
		return true;
	if (v.len > 18)
		return false;
	memcpy(text, v.p, v.len);
	*n = strtoll(text, &end, 10);
	return *end == '\0';
}
