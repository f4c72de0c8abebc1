#include "google/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/when.h"
#include "json/str.h"

#define MOST_DEPTH 16		/* the service allows 15 */
#define SECOND INT64_C(1000000)	/* microseconds */
#define FIRST_SECOND INT64_C(-62135596800)	/* 0001-01-01T00:00:00Z */
#define LAST_SECOND INT64_C(253402300799)	/* 9999-12-31T23:59:59Z */

/* ---- the schema ---- */

static enum column_type
type_of(struct span type)
{
	static const struct { const char *name; enum column_type type; } types[] = {
		{ "INTEGER", COLUMN_NUMBER }, { "INT64", COLUMN_NUMBER }, { "FLOAT", COLUMN_NUMBER }, { "FLOAT64", COLUMN_NUMBER },
		{ "NUMERIC", COLUMN_NUMBER }, { "BIGNUMERIC", COLUMN_NUMBER }, { "BOOLEAN", COLUMN_BOOL }, { "BOOL", COLUMN_BOOL },
		{ "TIMESTAMP", COLUMN_TIMESTAMP }, { "JSON", COLUMN_JSON }, { "RECORD", COLUMN_RECORD }, { "STRUCT", COLUMN_RECORD },
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (json_is_string(type) && json_spells(json_inside(type), types[i].name, strlen(types[i].name)) &&
		    type.len - 2 == strlen(types[i].name))
			return types[i].type;
	return COLUMN_TEXT;
}

static bool	read_columns(struct columns *c, struct span schema, int depth, struct buf *error);

static bool
read_column(struct columns *c, struct span field, int depth, struct buf *error)
{
	struct span name, type = { "\"\"", 2 }, mode;
	struct column *to = &c->v[c->n];

	if (*field.p != '{' || !JSON_MEMBER(field, "name", &name) || !json_is_string(name)) {
		buf_adds(error, "a column without a name");
		return false;
	}
	(void)JSON_MEMBER(field, "type", &type);
	*to = (struct column){ .name = mem_dup(name.p, name.len), .type = type_of(type) };
	to->repeated = JSON_MEMBER(field, "mode", &mode) && json_is_string(mode) && JSON_SPELLS(json_inside(mode), "REPEATED");
	c->n++;
	for (size_t i = 0; i + 1 < c->n; i++)
		if (strcmp(c->v[i].name, to->name) == 0) {
			buf_addf(error, "two columns are named %s: rename one with AS", to->name);
			return false;
		}
	if (to->type != COLUMN_RECORD)
		return true;
	to->of = mem_zero(1, sizeof *to->of);
	return read_columns(to->of, field, depth + 1, error);
}

static bool
read_columns(struct columns *c, struct span schema, int depth, struct buf *error)
{
	struct span fields, field;
	struct json_iter it;
	size_t n = 0;

	if (depth > MOST_DEPTH || !JSON_MEMBER(schema, "fields", &fields) || *fields.p != '[') {
		buf_adds(error, "a schema without fields");
		return false;
	}
	for (it = json_open(fields); json_next_element(&it, &field); )
		n++;
	c->v = mem_zero(n + 1, sizeof *c->v);
	for (it = json_open(fields); json_next_element(&it, &field); )
		if (!read_column(c, field, depth, error))
			return false;
	return true;
}

bool
columns_read(struct columns *c, struct span schema, struct buf *error)
{
	*c = (struct columns){ 0 };
	return read_columns(c, schema, 0, error);
}

void
columns_free(struct columns *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].name);
		if (c->v[i].of != NULL)
			columns_free(c->v[i].of);
		free(c->v[i].of);
	}
	free(c->v);
	*c = (struct columns){ 0 };
}

/* ---- values ---- */

static size_t
digits(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

/* A number as JSON spells it (RFC 8259). */
static bool
is_number(struct span s)
{
	const char *p = s.p, *end = s.p + s.len;
	size_t n;

	if (p < end && *p == '-')
		p++;
	n = digits(p, (size_t)(end - p));
	if (n == 0 || (n > 1 && *p == '0'))
		return false;
	p += n;
	if (p < end && *p == '.') {
		n = digits(p + 1, (size_t)(end - p - 1));
		p += n + 1;
		if (n == 0)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		n = digits(p, (size_t)(end - p));
		p += n;
		if (n == 0)
			return false;
	}
	return p == end;
}

/* Microseconds since 1970.  False: it is something else. */
static bool
put_time(struct span text, struct buf *out)
{
	char number[32], when[WHEN_SIZE], *end, *dot;
	int64_t us, second;
	int rest, width = 6;

	if (text.len == 0 || text.len >= sizeof number)
		return false;
	memcpy(number, text.p, text.len);
	number[text.len] = '\0';
	us = strtoimax(number, &end, 10);
	if (*end != '\0')
		return false;
	second = us / SECOND - (us % SECOND < 0);
	if (second < FIRST_SECOND || second > LAST_SECOND)
		return false;
	rest = (int)(us - second * SECOND);
	when_format(second * 1000, when);
	dot = strchr(when, '.');
	*dot = '\0';
	buf_addf(out, "\"%s", when);
	for (; width > 0 && rest % 10 == 0; width--)
		rest /= 10;
	if (width > 0)
		buf_addf(out, ".%0*d", width, rest);
	buf_adds(out, "Z\"");
	return true;
}

/* The value that a string holds as text. */
static bool
put_json(struct span raw, struct buf *out)
{
	struct buf text = { 0 };
	struct scan s = { 0 };
	bool ok;

	json_decode(raw, &text);
	buf_pad(&text);
	json_one_line(text.p, text.len);
	ok = scan_utf8(text.p, text.len) == NULL && scan_value(&s, text.p) == text.p + text.len;
	if (ok)
		buf_add(out, text.p, text.len);
	scan_free(&s);
	buf_free(&text);
	return ok;
}

static bool	put_value(const struct column *c, struct span v, struct buf *out);

static bool
put_list(const struct column *c, struct span list, struct buf *out)
{
	struct column one = *c;
	struct json_iter it;
	struct span e, v;
	bool first = true;

	one.repeated = false;
	buf_addc(out, '[');
	for (it = json_open(list); json_next_element(&it, &e); first = false) {
		if (!first)
			buf_addc(out, ',');
		if (*e.p != '{' || !JSON_MEMBER(e, "v", &v) || !put_value(&one, v, out))
			return false;
	}
	buf_addc(out, ']');
	return true;
}

static bool
put_value(const struct column *c, struct span v, struct buf *out)
{
	struct span inside;
	size_t len;

	if (c->repeated && !json_is_null(v))
		return *v.p == '[' && put_list(c, v, out);
	if (json_is_null(v)) {
		buf_adds(out, c->repeated ? "[]" : "null");
		return true;
	}
	if (c->type == COLUMN_RECORD)
		return *v.p == '{' && columns_put_row(c->of, v, out);
	if (!json_is_string(v))
		return false;
	inside = json_inside(v);
	len = out->len;
	switch (c->type) {
	case COLUMN_NUMBER:
		if (is_number(inside))
			buf_add(out, inside.p, inside.len);
		break;
	case COLUMN_BOOL:
		if (JSON_SPELLS(inside, "true") || JSON_SPELLS(inside, "false"))
			buf_add(out, inside.p, inside.len);
		break;
	case COLUMN_TIMESTAMP:
		(void)put_time(inside, out);
		break;
	case COLUMN_JSON:
		(void)put_json(inside, out);
		break;
	case COLUMN_TEXT:
	case COLUMN_RECORD:
		break;
	}
	if (out->len == len)	/* as it came: NaN, Infinity, text */
		buf_add(out, v.p, v.len);
	return true;
}

bool
columns_put_row(const struct columns *c, struct span row, struct buf *out)
{
	size_t before = out->len, i = 0;
	struct span cells, cell, v;
	struct json_iter it;
	bool ok = *row.p == '{' && JSON_MEMBER(row, "f", &cells) && *cells.p == '[';

	buf_addc(out, '{');
	if (ok)
		for (it = json_open(cells); ok && json_next_element(&it, &cell); i++) {
			ok = i < c->n && *cell.p == '{' && JSON_MEMBER(cell, "v", &v);
			if (!ok)
				break;
			if (i != 0)
				buf_addc(out, ',');
			buf_adds(out, c->v[i].name);
			buf_addc(out, ':');
			ok = put_value(&c->v[i], v, out);
		}
	ok = ok && i == c->n;
	buf_addc(out, '}');
	if (!ok)
		out->len = before;
	return ok;
}
