#include "feishu/value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "json/str.h"

#define EXACT_MAX	9007199254740992.0	/* 2^53: from here on a double skips whole numbers */
#define MS_MIN		1e11			/* smaller numbers (before March 1973) are taken for seconds */
#define MS_MAX		253402300799999.0	/* the end of the year 9999 */
#define SECONDS_MIN	1e8
#define MOST_VALUES	1000			/* of a list in a cell; of links, files and groups the service takes fewer */

bool
field_read_only(int type)
{
	return type == FIELD_LOOKUP || type == FIELD_FORMULA || type == FIELD_BUTTON ||
	    (type >= FIELD_CREATED_TIME && type <= FIELD_AUTO_NUMBER);
}

static char
first(struct span v)
{
	return v.p[0];
}

static bool
is_number(struct span v)
{
	return first(v) == '-' || (first(v) >= '0' && first(v) <= '9');
}

static bool
is_bool(struct span v)
{
	return first(v) == 't' || first(v) == 'f';
}

bool
value_number(struct span v, struct span *text)
{
	struct buf line = { 0 };
	struct scan s = { 0 };
	bool ok;

	*text = v;
	if (is_number(v))
		return true;
	if (!json_is_string(v) || v.len == 2 || v.len > 64)
		return false;
	*text = json_inside(v);
	buf_add(&line, text->p, text->len);
	buf_pad(&line);
	ok = is_number((struct span){ line.p, line.len }) && scan_value(&s, line.p) == line.p + line.len;
	buf_free(&line);
	return ok;
}

static double
to_double(struct span number)
{
	char s[512];
	size_t n = number.len < sizeof s - 1 ? number.len : sizeof s - 1;

	memcpy(s, number.p, n);
	s[n] = '\0';
	return strtod(s, NULL);
}

static void
put(struct span v, struct buf *out)
{
	buf_add(out, v.p, v.len);
}

/* ---- text ---- */

/* Where the first n code points of a raw string end; NULL: it has no more. */
static const char *
after_code_points(struct span raw, int64_t n)
{
	const char *p = raw.p, *end = raw.p + raw.len;
	char utf8[4];

	while (p < end && n > 0) {
		if (*p == '\\') {
			(void)json_unescape(&p, end, utf8);
		} else {
			p++;
			while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
				p++;
		}
		n--;
	}
	return p < end ? p : NULL;
}

static const char *
put_text(struct span v, int64_t max, uint64_t *cut, struct buf *out)
{
	struct buf text = { 0 };
	struct span raw;

	if (json_is_string(v)) {
		raw = json_inside(v);
	} else {
		/* Other values are shown as their JSON. */
		json_encode_inside(v.p, v.len, &text);
		raw = (struct span){ text.p, text.len };
	}
	buf_addc(out, '"');
	/* A code point takes a byte at least, so most texts need no counting. */
	if (max != 0 && raw.len > (size_t)max && after_code_points(raw, max) != NULL) {
		raw.len = (size_t)(after_code_points(raw, max - 1) - raw.p);
		put(raw, out);
		buf_adds(out, "\xe2\x80\xa6");
		++*cut;
	} else {
		put(raw, out);
	}
	buf_addc(out, '"');
	buf_free(&text);
	return NULL;
}

/* ---- numbers, times, truth ---- */

/* Is it the double's shortest spelling, with zeros for the digits behind it?  So the service itself spells large numbers. */
static bool
is_shortest(struct span text, double d)
{
	char s[40];
	size_t n, e;

	for (int digits = 14; digits <= 16; digits++) {
		snprintf(s, sizeof s, "%.*e", digits, fabs(d));		/* "1.2345e+19" */
		if (to_double((struct span){ s, strlen(s) }) == fabs(d))
			break;
	}
	e = strcspn(s, "e");
	n = (size_t)strtol(s + e + 1, NULL, 10) + 1;
	if (first(text) == '-')
		text.p++, text.len--;
	if (text.len != n || text.p[0] != s[0])
		return false;
	for (size_t i = 1; i < n; i++)
		if (text.p[i] != (i + 1 < e ? s[i + 1] : '0'))
			return false;
	return true;
}

/* Does a double hold all digits of this whole number?  Others are approximate by nature. */
static bool
is_exact(struct span text, double d)
{
	char digits[512];

	for (size_t i = 0; i < text.len; i++)
		if (strchr(".eE", text.p[i]) != NULL)
			return true;
	if (snprintf(digits, sizeof digits, "%.0f", d) == (int)text.len && memcmp(digits, text.p, text.len) == 0)
		return true;
	return is_shortest(text, d);
}

static const char *
put_number(struct span v, struct buf *out)
{
	struct span text;
	double d;

	if (!value_number(v, &text))
		return "not a number";
	d = to_double(text);
	if (!isfinite(d))
		return "too large for a number field";
	if (fabs(d) >= EXACT_MAX && !is_exact(text, d))
		return "a number field would lose digits of it (above 2^53); make the field a text field";
	put(text, out);
	return NULL;
}

static const char *
put_date(struct span v, struct buf *out)
{
	struct span text;
	int64_t ms;
	double d;

	if (value_number(v, &text)) {
		d = to_double(text);
		if (d >= SECONDS_MIN && d < MS_MIN)
			d *= 1000;
		if (!(d >= MS_MIN && d <= MS_MAX))
			return "not a time: neither seconds nor milliseconds since 1970";
		buf_addf(out, "%lld", (long long)d);
		return NULL;
	}
	if (!json_is_string(v) || !when_parse(v.p + 1, v.len - 2, &ms, NULL))
		return "not a time (RFC 3339, or milliseconds since 1970)";
	buf_addf(out, "%lld", (long long)ms);
	return NULL;
}

static const char *
put_checkbox(struct span v, struct buf *out)
{
	bool yes = v.len == 4 && memcmp(v.p, "true", 4) == 0, no = v.len == 5 && memcmp(v.p, "false", 5) == 0;

	if (json_is_string(v)) {
		yes = JSON_SPELLS(json_inside(v), "true");
		no = JSON_SPELLS(json_inside(v), "false");
	} else if (is_number(v)) {
		yes = v.len == 1 && v.p[0] == '1';
		no = v.len == 1 && v.p[0] == '0';
	}
	if (!yes && !no)
		return "not true or false";
	buf_adds(out, yes ? "true" : "false");
	return NULL;
}

/* ---- lists ---- */

/* Is the value at the end of out one of the n before it?  Value i begins at at[i], behind it is a comma. */
static bool
repeated(const struct buf *out, const size_t *at, size_t n)
{
	size_t len = out->len - at[n];

	for (size_t i = 0; i < n; i++)
		if (at[i + 1] - 1 - at[i] == len && memcmp(out->p + at[i], out->p + at[n], len) == 0)
			return true;
	return false;
}

static const char *
put_option(struct span v, struct buf *out)
{
	uint64_t cut;

	if (!json_is_string(v) && !is_number(v) && !is_bool(v))
		return "not an option's name";
	if (json_is_string(v) && v.len == 2)
		return "an option's name is empty";
	return put_text(v, 0, &cut, out);
}

/* An array of what put gives for each element, without repetitions; a value alone is an array of one. */
static const char *
put_list(struct span v, const char *(*put_one)(struct span v, struct buf *out), struct buf *out)
{
	size_t at[MOST_VALUES + 1], n = 0;	/* where each begins */
	struct json_iter it;
	struct span e;
	const char *why = NULL;

	buf_addc(out, '[');
	if (first(v) != '[') {
		why = json_is_string(v) && v.len == 2 ? NULL : put_one(v, out);
	} else {
		at[0] = out->len;
		for (it = json_open(v); why == NULL && json_next_element(&it, &e); ) {
			why = put_one(e, out);
			if (why != NULL || repeated(out, at, n)) {
				out->len = at[n];
			} else if (n == MOST_VALUES) {
				why = "more values than the 1000 that a cell takes";
			} else {
				buf_addc(out, ',');
				at[++n] = out->len;
			}
		}
		out->len -= n != 0;	/* the last comma */
	}
	buf_addc(out, ']');
	return why;
}

static const char *
put_select(struct span v, struct buf *out)
{
	struct json_iter it;
	struct span e, more;

	if (json_is_string(v) && v.len == 2) {
		buf_adds(out, "null");
		return NULL;
	}
	if (first(v) == '[') {
		it = json_open(v);
		if (!json_next_element(&it, &e) || json_next_element(&it, &more))
			return "not one option's name";
		v = e;
	}
	return put_option(v, out);
}

/* {"id":...} or {"file_token":...} from a bare string; of an object what is needed, since names and the like are not written. */
static const char *
put_ref(struct span v, const char *member, struct buf *out)
{
	if (first(v) == '{' && !json_member(v, member, strlen(member), &v)) {
		put(v, out);
		return NULL;
	}
	if (!json_is_string(v) || v.len == 2)
		return "not an id";
	buf_addc(out, '{');
	json_put_name(member, out);
	put(v, out);
	buf_addc(out, '}');
	return NULL;
}

static const char *
put_id(struct span v, struct buf *out)
{
	return put_ref(v, "id", out);
}

static const char *
put_file(struct span v, struct buf *out)
{
	return put_ref(v, "file_token", out);
}

static const char *
put_record_id(struct span v, struct buf *out)
{
	if (!json_is_string(v) || v.len == 2)
		return "not a record id";
	put(v, out);
	return NULL;
}

static const char *
put_links(struct span v, struct buf *out)
{
	struct span ids;

	return put_list(JSON_MEMBER(v, "link_record_ids", &ids) ? ids : v, put_record_id, out);
}

/* ---- others ---- */

static const char *
put_url(struct span v, struct buf *out)
{
	struct span link;

	if (first(v) == '{') {
		if (!JSON_MEMBER(v, "link", &link))
			return "not a link: it has no \"link\"";
		put(v, out);
		return NULL;
	}
	if (!json_is_string(v))
		return "not a link";
	if (v.len == 2) {
		buf_adds(out, "null");
		return NULL;
	}
	buf_adds(out, "{\"text\":");
	put(v, out);
	buf_adds(out, ",\"link\":");
	put(v, out);
	buf_addc(out, '}');
	return NULL;
}

static const char *
put_phone(struct span v, struct buf *out)
{
	struct span raw = json_is_string(v) ? json_inside(v) : v;

	if (!json_is_string(v) && !is_number(v))
		return "not a phone number";
	for (size_t i = 0; i < raw.len; i++)
		if (!(raw.p[i] >= '0' && raw.p[i] <= '9') && !(i == 0 && raw.p[i] == '+'))
			return "not a phone number: only digits, with a '+' before them";
	if (raw.len > 64)
		return "not a phone number: longer than 64";
	buf_addc(out, '"');
	put(raw, out);
	buf_addc(out, '"');
	return NULL;
}

static const char *
put_location(struct span v, struct buf *out)
{
	struct span at;

	if (JSON_MEMBER(v, "location", &at))
		v = at;
	if (!json_is_string(v) || memchr(v.p, ',', v.len) == NULL)
		return "not a location (\"longitude,latitude\")";
	put(v, out);
	return NULL;
}

const char *
value_put(int type, struct span v, int64_t max_text, uint64_t *cut, struct buf *out)
{
	size_t from = out->len;
	const char *why = NULL;

	if (json_is_null(v)) {
		put(v, out);
		return NULL;
	}
	switch (type) {
	case FIELD_TEXT:
		why = put_text(v, max_text, cut, out);
		break;
	case FIELD_NUMBER:
		why = put_number(v, out);
		break;
	case FIELD_SELECT:
		why = put_select(v, out);
		break;
	case FIELD_MULTI_SELECT:
		why = put_list(v, put_option, out);
		break;
	case FIELD_DATE:
		why = put_date(v, out);
		break;
	case FIELD_CHECKBOX:
		why = put_checkbox(v, out);
		break;
	case FIELD_USER:
	case FIELD_GROUP:
		why = put_list(v, put_id, out);
		break;
	case FIELD_PHONE:
		why = put_phone(v, out);
		break;
	case FIELD_URL:
		why = put_url(v, out);
		break;
	case FIELD_ATTACHMENT:
		why = put_list(v, put_file, out);
		break;
	case FIELD_LINK:
	case FIELD_DUPLEX_LINK:
		why = put_links(v, out);
		break;
	case FIELD_LOCATION:
		why = put_location(v, out);
		break;
	default:
		/* A type newer than this: the service knows what it takes. */
		put(v, out);
	}
	if (why != NULL)
		out->len = from;
	return why;
}

static bool
all_strings(struct span array)
{
	struct json_iter it;
	struct span e;
	bool any = false;

	for (it = json_open(array); json_next_element(&it, &e); any = true)
		if (!json_is_string(e))
			return false;
	return any;
}

int
value_guess_type(struct span v)
{
	struct span link;
	int64_t ms;

	if (json_is_null(v))
		return 0;
	if (is_number(v))
		return FIELD_NUMBER;
	if (is_bool(v))
		return FIELD_CHECKBOX;
	if (first(v) == '[')
		return all_strings(v) ? FIELD_MULTI_SELECT : FIELD_TEXT;
	if (first(v) == '{')
		return JSON_MEMBER(v, "link", &link) ? FIELD_URL : FIELD_TEXT;
	/* A time needs its T and its zone to be one: a bare date may well be meant as text. */
	if (v.len > 20 && (v.p[11] == 'T' || v.p[11] == ' ') && when_parse(v.p + 1, v.len - 2, &ms, NULL))
		return FIELD_DATE;
	return FIELD_TEXT;
}

void
value_cell_text(struct span cell, struct buf *out)
{
	struct json_iter it;
	struct span e, text;

	if (json_is_string(cell)) {
		json_decode(json_inside(cell), out);
	} else if (first(cell) == '[') {
		for (it = json_open(cell); json_next_element(&it, &e); )
			value_cell_text(JSON_MEMBER(e, "text", &text) ? text : e, out);
	} else if (first(cell) == '{') {
		if (JSON_MEMBER(cell, "text", &text))
			value_cell_text(text, out);
	} else if (is_number(cell)) {
		buf_addf(out, "%.17g", to_double(cell));	/* 1 and 1.0 are one */
	} else if (!json_is_null(cell)) {
		put(cell, out);
	}
}
