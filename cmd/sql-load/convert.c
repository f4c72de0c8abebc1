/* JSON values into the cells of a batch, by the type of their column: exactly, or not at all. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "crypt/base64.h"
#include "json/str.h"
#include "sql-load/load.h"

#define LAST_MS		INT64_C(253402300799999)	/* 9999-12-31T23:59:59.999Z */
#define FIRST_MS	INT64_C(-62135596800000)	/* 0001-01-01T00:00:00Z */

/* ---- numbers ---- */

static bool
is_number(struct span v)
{
	return v.len > 0 && (v.p[0] == '-' || (v.p[0] >= '0' && v.p[0] <= '9'));
}

bool
number_is_integer(struct span v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] == '.' || v.p[i] == 'e' || v.p[i] == 'E')
			return false;
	return true;
}

bool
number_fits_64(struct span v)
{
	char s[24];

	if (v.len < 19)
		return true;
	if (v.len >= sizeof s)
		return false;
	memcpy(s, v.p, v.len);
	s[v.len] = '\0';
	errno = 0;
	(void)strtoll(s, NULL, 10);
	return errno == 0;
}

bool
number_fits_double(struct span v)
{
	char s[512], again[512];
	double d;

	if (v.len < 16 && number_is_integer(v))
		return true;
	if (v.len >= sizeof s)
		return false;
	memcpy(s, v.p, v.len);
	s[v.len] = '\0';
	d = strtod(s, NULL);
	if (isinf(d))
		return false;
	if (d == 0)		/* too small, if there is any other digit in front of the exponent */
		return strcspn(s, "123456789") >= strcspn(s, "eE");
	if (!number_is_integer(v))
		return true;
	snprintf(again, sizeof again, "%.0f", d);
	return strcmp(s, again) == 0;
}

/* Is a string's text a number of JSON? */
static bool
is_number_text(struct span v)
{
	return is_number(v) && v.len <= 1000 && v.p[v.len - 1] >= '0' && v.p[v.len - 1] <= '9' && json_is_value(v.p, v.len);
}

/* ---- times ---- */

bool
time_parse(struct span text, int64_t *ms, bool *zoned)
{
	return when_parse(text.p, text.len, ms, zoned) && *ms >= FIRST_MS && *ms <= LAST_MS;
}

/* ---- cells ---- */

static const char *
refuse(struct converter *cv, const struct db_column *c, struct span v, const char *what)
{
	size_t n = v.len > 60 ? 60 : v.len;

	while (n < v.len && n > 0 && ((unsigned char)v.p[n] & 0xc0) == 0x80)
		n--;
	buf_clear(&cv->why);
	buf_addf(&cv->why, "column '%s': %.*s%s %s", c->name, (int)n, v.p, n < v.len ? "..." : "", what);
	return buf_str(&cv->why);
}

static const char *
put(struct converter *cv, enum db_form form, const char *p, size_t len, struct db_cell *cell)
{
	*cell = (struct db_cell){ form, cv->text.len, len };
	buf_add(&cv->text, p, len);
	return NULL;
}

/* The text that a value stands for: a string's own, or the value's JSON.  In scratch, or the value itself. */
static struct span
text_of(struct converter *cv, struct span v)
{
	struct span raw;

	if (!json_is_string(v))
		return v;
	raw = json_inside(v);
	if (memchr(raw.p, '\\', raw.len) == NULL)
		return raw;
	buf_clear(&cv->scratch);
	json_decode(raw, &cv->scratch);
	return (struct span){ cv->scratch.p, cv->scratch.len };
}

static const char *
put_string(struct converter *cv, const struct db_column *c, struct span v, struct span text, struct db_cell *cell)
{
	if (!cv->holds_nul && memchr(text.p, '\0', text.len) != NULL)
		return refuse(cv, c, v, "has a \\u0000, which PostgreSQL cannot store");
	return put(cv, DB_STRING, text.p, text.len, cell);
}

/* 12.0 is an integer, too. */
static struct span
without_zeros(struct span v)
{
	const char *dot = memchr(v.p, '.', v.len);
	size_t end = v.len;

	if (dot == NULL)
		return v;
	while (v.p[end - 1] == '0')
		end--;
	if (v.p + end - 1 == dot)
		v.len = end - 1;
	return v;
}

static const char *
put_integer(struct converter *cv, const struct db_column *c, struct span v, struct span text, struct db_cell *cell)
{
	struct span n;

	if (!is_number(v) && !is_number_text(text))
		return refuse(cv, c, v, "is not an integer");
	n = without_zeros(text);
	if (!number_is_integer(n))
		return refuse(cv, c, v, "is not an integer");
	if (!number_fits_64(n))
		return refuse(cv, c, v, "does not fit into 64 bits");
	return put(cv, DB_INT, n.p, n.len, cell);
}

static const char *
put_real(struct converter *cv, const struct db_column *c, struct span v, struct span text, struct db_cell *cell)
{
	static const char *const odd[] = { "Infinity", "-Infinity", "NaN" };

	if (is_number(v) || is_number_text(text)) {
		if (!number_fits_double(text))
			return refuse(cv, c, v, "does not fit into a double");
		return put(cv, DB_FLOAT, text.p, text.len, cell);
	}
	/* As sql-query writes them.  SQLite knows no NaN. */
	for (size_t i = 0; i < (cv->holds_nul ? 2 : 3); i++)
		if (json_is_string(v) && text.len == strlen(odd[i]) && memcmp(text.p, odd[i], text.len) == 0)
			return put(cv, DB_FLOAT, text.p, text.len, cell);
	return refuse(cv, c, v, "is not a number");
}

static const char *
put_numeric(struct converter *cv, const struct db_column *c, struct span v, struct span text, struct db_cell *cell)
{
	if (!is_number(v) && !is_number_text(text) && !(text.len == 3 && memcmp(text.p, "NaN", 3) == 0))
		return refuse(cv, c, v, "is not a number");
	return put(cv, DB_STRING, text.p, text.len, cell);
}

static const char *
put_boolean(struct converter *cv, const struct db_column *c, struct span v, struct span text, struct db_cell *cell)
{
	static const struct { const char *text, *is; } known[] = { { "true", "1" }, { "false", "0" }, { "1", "1" }, { "0", "0" } };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (text.len == strlen(known[i].text) && memcmp(text.p, known[i].text, text.len) == 0)
			return put(cv, DB_INT, known[i].is, 1, cell);
	return refuse(cv, c, v, "is not a boolean");
}

/*
 * In UTC, so that texts sort as times do, with the fraction's digits but for zeros at its end.  PostgreSQL has six of them, and
 * would round: into the next day, at worst.  It reads its own form faster.
 */
static const char *
put_time(struct converter *cv, const struct db_column *c, struct span v, struct span text, struct db_cell *cell)
{
	char when[WHEN_SIZE];
	const char *fraction;
	int64_t ms;
	size_t n;

	if (!json_is_string(v) || !time_parse(text, &ms, NULL))
		return refuse(cv, c, v, "is not a time of RFC 3339");
	*cell = (struct db_cell){ DB_STRING, cv->text.len, 0 };
	when_format(ms, when);
	if (!cv->holds_nul)
		when[sizeof "2026-01-01" - 1] = ' ';
	buf_add(&cv->text, when, sizeof "2026-01-01T00:00:00" - 1);
	fraction = when_fraction(text.p, text.len, &n);
	n = !cv->holds_nul && n > 6 ? 6 : n;
	while (n > 0 && fraction[n - 1] == '0')
		n--;
	if (n > 0) {
		buf_addc(&cv->text, '.');
		buf_add(&cv->text, fraction, n);
	}
	buf_adds(&cv->text, cv->holds_nul ? "Z" : "+00");
	cell->len = cv->text.len - cell->at;
	return NULL;
}

static const char *
put_date(struct converter *cv, const struct db_column *c, struct span v, struct span text, struct db_cell *cell)
{
	int64_t ms;

	if (!json_is_string(v) || text.len != sizeof "2026-01-01" - 1 || !when_parse(text.p, text.len, &ms, NULL))
		return refuse(cv, c, v, "is not a date such as 2026-06-19");
	return put(cv, DB_STRING, text.p, text.len, cell);
}

static const char *
put_bytes(struct converter *cv, const struct db_column *c, struct span v, struct span text, struct db_cell *cell)
{
	*cell = (struct db_cell){ DB_BLOB, cv->text.len, 0 };
	if (!json_is_string(v) || !base64_get_any(text.p, text.len, &cv->text))
		return refuse(cv, c, v, "is not bytes in base64");
	cell->len = cv->text.len - cell->at;
	return NULL;
}

/* [1,null,["a"]] as {1,NULL,{"a"}}. */
static void
put_array_text(struct converter *cv, struct span v, struct buf *out)
{
	struct json_iter it = json_open(v);
	struct span e, text;
	bool first = true;

	buf_addc(out, '{');
	while (json_next_element(&it, &e)) {
		if (!first)
			buf_addc(out, ',');
		first = false;
		if (e.p[0] == '[') {
			put_array_text(cv, e, out);
			continue;
		}
		if (json_is_null(e)) {
			buf_adds(out, "NULL");
			continue;
		}
		text = text_of(cv, e);
		buf_addc(out, '"');
		for (size_t i = 0; i < text.len; i++) {
			if (text.p[i] == '"' || text.p[i] == '\\')
				buf_addc(out, '\\');
			buf_addc(out, text.p[i]);
		}
		buf_addc(out, '"');
	}
	buf_addc(out, '}');
}

static const char *
put_array(struct converter *cv, const struct db_column *c, struct span v, struct db_cell *cell)
{
	struct buf b = { 0 };
	const char *why;

	if (v.p[0] != '[')
		return refuse(cv, c, v, "is not an array");
	put_array_text(cv, v, &b);
	why = put_string(cv, c, v, (struct span){ b.p, b.len }, cell);
	buf_free(&b);
	return why;
}

/* A column without a type that we know.  SQLite keeps the value's own; PostgreSQL judges its text. */
static const char *
put_any(struct converter *cv, const struct db_column *c, struct span v, struct span text, struct db_cell *cell)
{
	if (!cv->holds_nul)
		return put_string(cv, c, v, text, cell);
	if (is_number(v))
		return number_is_integer(v) ? put_integer(cv, c, v, v, cell) : put_real(cv, c, v, v, cell);
	if (v.p[0] == 't' || v.p[0] == 'f')
		return put_boolean(cv, c, v, v, cell);
	return put_string(cv, c, v, text, cell);
}

const char *
convert(struct converter *cv, const struct db_column *c, struct span v, struct db_cell *cell)
{
	struct span text;

	*cell = (struct db_cell){ .form = DB_NULL };
	if (v.p == NULL || json_is_null(v))
		return NULL;
	if (c->kind == DB_JSON)
		return put(cv, DB_STRING, v.p, v.len, cell);
	if (c->kind == DB_ARRAY)
		return put_array(cv, c, v, cell);
	text = text_of(cv, v);
	switch (c->kind) {
	case DB_INTEGER:
		return put_integer(cv, c, v, text, cell);
	case DB_REAL:
		return put_real(cv, c, v, text, cell);
	case DB_NUMERIC:
		return put_numeric(cv, c, v, text, cell);
	case DB_TEXT:
		return put_string(cv, c, v, text, cell);
	case DB_BOOLEAN:
		return put_boolean(cv, c, v, text, cell);
	case DB_TIME:
		return put_time(cv, c, v, text, cell);
	case DB_DATE:
		return put_date(cv, c, v, text, cell);
	case DB_BYTES:
		return put_bytes(cv, c, v, text, cell);
	case DB_ANY:
	case DB_JSON:
	case DB_ARRAY:
		break;
	}
	return put_any(cv, c, v, text, cell);
}

void
converter_free(struct converter *cv)
{
	buf_free(&cv->text);
	buf_free(&cv->scratch);
	buf_free(&cv->why);
}
