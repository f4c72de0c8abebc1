#include "feishu/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json/str.h"

/* ---- ranges ---- */

uint32_t
column_parse(const char *text, size_t len)
{
	uint32_t n = 0;

	if (len == 0 || len > 3)
		return 0;
	for (size_t i = 0; i < len; i++) {
		char c = (char)(text[i] & ~0x20);

		if (c < 'A' || c > 'Z')
			return 0;
		n = n * 26 + (uint32_t)(c - 'A' + 1);
	}
	return n;
}

/* Read "A1", "A" or "1" and move behind it.  What is not there is 0. */
static bool
corner_parse(const char **p, uint32_t *row, uint32_t *column)
{
	size_t n = strspn(*p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"), digits = strspn(*p + n, "0123456789");

	*row = *column = 0;
	if (n + digits == 0 || digits > 8 || (n != 0 && (*column = column_parse(*p, n)) == 0))
		return false;
	if (digits != 0 && (*row = (uint32_t)strtoul(*p + n, NULL, 10)) == 0)
		return false;
	*p += n + digits;
	return true;
}

bool
range_parse(const char *text, struct range *r)
{
	const char *p = text;

	if (!corner_parse(&p, &r->top, &r->left))
		return false;
	r->bottom = r->top;
	r->right = r->left;
	if (*p == ':') {
		p++;
		if (!corner_parse(&p, &r->bottom, &r->right))
			return false;
	}
	return *p == '\0' && (r->bottom == 0 || r->bottom >= r->top) && (r->right == 0 || r->right >= r->left);
}

void
column_put(uint32_t column, struct buf *out)
{
	char text[8], *p = text + sizeof text;

	for (; column > 0; column = (column - 1) / 26)
		*--p = (char)('A' + (column - 1) % 26);
	buf_add(out, p, (size_t)(text + sizeof text - p));
}

void
range_put(const struct range *r, struct buf *out)
{
	column_put(r->left, out);
	buf_addf(out, "%u:", r->top);
	column_put(r->right, out);
	buf_addf(out, "%u", r->bottom);
}

/* ---- cells ---- */

/* The text of this member, if it has some. */
static bool
put_member(struct span object, const char *name, struct buf *out)
{
	struct span v;

	if (!json_member(object, name, strlen(name), &v) || !json_is_string(v) || v.len == 2)
		return false;
	json_decode(json_inside(v), out);
	return true;
}

/* What the object calls its values: the choices of a drop-down list. */
static bool
values_of(struct span object, struct span *values)
{
	return object.p[0] == '{' && JSON_MEMBER(object, "values", values) && values->p[0] == '[';
}

static bool
put_scalar(struct span v, struct buf *out)
{
	if (json_is_string(v))
		json_decode(json_inside(v), out);
	else if (!json_is_null(v))
		buf_add(out, v.p, v.len);
	return v.p[0] != '{' && v.p[0] != '[';
}

/* A segment of rich text.  False: it is of a kind that nobody knows. */
static bool
put_segment(struct span segment, bool links, struct buf *out)
{
	struct span values, v;
	struct json_iter it;
	bool first = true;

	if (segment.p[0] != '{')
		return put_scalar(segment, out);
	if (links && put_member(segment, "link", out))
		return true;
	/* An image has no text: its address or token is what there is. */
	if (put_member(segment, "text", out) || put_member(segment, "link", out) || put_member(segment, "fileToken", out) ||
	    put_member(segment, "token", out))
		return true;
	if (!values_of(segment, &values))
		return JSON_MEMBER(segment, "text", &v) && (json_is_string(v) || json_is_null(v));
	for (it = json_open(values); json_next_element(&it, &v); first = false) {
		if (!first)
			buf_adds(out, ", ");
		if (!put_scalar(v, out))
			return false;
	}
	return true;
}

static bool
put_text(struct span cell, bool links, struct buf *out)
{
	struct json_iter it;
	struct span segment;

	if (cell.p[0] != '[')
		return put_segment(cell, links, out);
	for (it = json_open(cell); json_next_element(&it, &segment); )
		if (!put_segment(segment, links, out))
			return false;
	return true;
}

/* Is the cell nothing but a choice of values? */
static bool
is_choice(struct span cell, struct span *values)
{
	struct json_iter it;
	struct span other;

	if (cell.p[0] == '{')
		return values_of(cell, values);
	it = json_open(cell);
	return json_next_element(&it, &cell) && !json_next_element(&it, &other) && values_of(cell, values);
}

bool
grid_put(struct span cell, bool links, struct buf *out)
{
	struct buf text = { 0 };
	struct span values;
	bool some = true;

	if (cell.p[0] != '{' && cell.p[0] != '[') {
		buf_add(out, cell.p, cell.len);
		return !json_is_null(cell) && !(json_is_string(cell) && cell.len == 2);
	}
	if (is_choice(cell, &values)) {
		buf_add(out, values.p, values.len);
		return true;
	}
	if (!put_text(cell, links, &text)) {
		buf_add(out, cell.p, cell.len);
	} else if (text.len == 0) {
		buf_adds(out, "null");
		some = false;
	} else {
		json_encode(text.p, text.len, out);
	}
	buf_free(&text);
	return some;
}

void
grid_text(struct span cell, struct buf *out)
{
	size_t len = out->len;

	if (put_text(cell, false, out))
		return;
	out->len = len;
	buf_add(out, cell.p, cell.len);
}

#define DAY_MS	86400000.0
#define UNIX_DAY 25569.0		/* 1970-01-01 */
#define FIRST_MS (-62135596800000.0)	/* year 1 */
#define LAST_MS	253402300799999.0	/* year 9999 */

bool
grid_date(struct span cell, int64_t *ms)
{
	double t;

	if (cell.p[0] != '-' && (cell.p[0] < '0' || cell.p[0] > '9'))
		return false;
	t = round((strtod(cell.p, NULL) - UNIX_DAY) * DAY_MS);
	if (!(t >= FIRST_MS && t <= LAST_MS))
		return false;
	*ms = (int64_t)t;
	return true;
}
