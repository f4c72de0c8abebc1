#include "feishu/cell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "feishu/value.h"
#include "json/str.h"

#define MS_MIN	(-62135596800000.0)	/* what RFC 3339 can say: the years 0001 to 9999 */
#define MS_MAX	253402300799999.0

typedef void put_one(struct span v, struct buf *out);

static void
put(struct span v, struct buf *out)
{
	buf_add(out, v.p, v.len);
}

static bool
text_of(struct span v, struct span *text)
{
	return v.p[0] == '{' && JSON_MEMBER(v, "text", text) && json_is_string(*text);
}

/* ---- text ---- */

/* The raw text of segments, one behind the other: a long text comes in pieces, and addresses in it as pieces of their own. */
static void
join(struct span v, struct buf *out)
{
	struct json_iter it;
	struct span e, text;

	if (v.p[0] == '[') {
		for (it = json_open(v); json_next_element(&it, &e); )
			join(e, out);
	} else if (json_is_string(v)) {
		put(json_inside(v), out);
	} else if (text_of(v, &text)) {
		put(json_inside(text), out);
	} else if (!json_is_null(v)) {
		json_encode_inside(v.p, v.len, out);
	}
}

static void
put_text(struct span v, struct buf *out)
{
	buf_addc(out, '"');
	join(v, out);
	buf_addc(out, '"');
}

static bool
all_segments(struct span array)
{
	struct json_iter it;
	struct span e, text;
	bool any = false;

	for (it = json_open(array); json_next_element(&it, &e); any = true)
		if (!text_of(e, &text))
			return false;
	return any;
}

/* A value that does not have the form of its type, such as the error of a formula that should give a number. */
static void
put_other(struct span v, struct buf *out)
{
	struct span text;

	if (v.p[0] == '[' ? all_segments(v) : text_of(v, &text))
		put_text(v, out);
	else
		put(v, out);
}

/* ---- one value ---- */

static void
put_number(struct span v, struct buf *out)
{
	struct span text;

	if (value_number(v, &text))
		put(text, out);
	else
		put_other(v, out);
}

static void
put_date(struct span v, struct buf *out)
{
	char time[WHEN_SIZE];
	struct span text;
	double ms;

	if (!value_number(v, &text)) {
		put_other(v, out);
		return;
	}
	ms = floor(strtod(text.p, NULL));
	if (ms >= MS_MIN && ms <= MS_MAX)
		buf_addf(out, "\"%s\"", when_format((int64_t)ms, time));
	else
		put(text, out);
}

static void
put_link(struct span v, struct buf *out)
{
	struct span link = { "\"\"", 2 }, text;
	bool linked = v.p[0] == '{' && JSON_MEMBER(v, "link", &link) && json_is_string(link);

	if (!linked) {
		put_other(v, out);
	} else if (!text_of(v, &text) || text.len == 2 || (text.len == link.len && memcmp(text.p, link.p, link.len) == 0)) {
		put(link, out);
	} else {
		buf_adds(out, "{\"text\":");
		put(text, out);
		buf_adds(out, ",\"link\":");
		put(link, out);
		buf_addc(out, '}');
	}
}

/* An object with these of its members, those that say something; the first is what a write needs. */
static void
put_members(struct span v, const char *const names[], struct buf *out)
{
	struct span m;
	size_t n = 0;

	if (v.p[0] != '{' || !json_member(v, names[0], strlen(names[0]), &m) || !json_is_string(m)) {
		put(v, out);
		return;
	}
	for (size_t i = 0; names[i] != NULL; i++) {
		if (!json_member(v, names[i], strlen(names[i]), &m) || json_is_null(m) || (json_is_string(m) && m.len == 2 && i != 0))
			continue;
		buf_addc(out, n++ == 0 ? '{' : ',');
		json_put_name(names[i], out);
		put(m, out);
	}
	buf_addc(out, '}');
}

static void
put_person(struct span v, struct buf *out)
{
	static const char *const names[] = { "id", "name", "email", NULL };

	put_members(v, names, out);
}

static void
put_group(struct span v, struct buf *out)
{
	static const char *const names[] = { "id", "name", NULL };

	put_members(v, names, out);
}

static void
put_file(struct span v, struct buf *out)
{
	static const char *const names[] = { "file_token", "name", "size", "type", NULL };

	put_members(v, names, out);
}

static void
put_location(struct span v, struct buf *out)
{
	static const char *const names[] = { "location", "name", "full_address", NULL };

	put_members(v, names, out);
}

/* ---- lists ---- */

static void
put_items(struct span v, put_one *one, struct buf *out)
{
	struct json_iter it;
	struct span e;

	if (v.p[0] == '[') {
		for (it = json_open(v); json_next_element(&it, &e); )
			put_items(e, one, out);
	} else if (!json_is_null(v)) {
		if (out->p[out->len - 1] != '[')
			buf_addc(out, ',');
		one(v, out);
	}
}

/* Lists in lists, as lookups give them, become one. */
static void
put_list(struct span v, put_one *one, struct buf *out)
{
	buf_addc(out, '[');
	put_items(v, one, out);
	buf_addc(out, ']');
}

/* {"link_record_ids":[...]}, or in lookups and older answers a list of {"record_ids":[...]}. */
static void
put_record_ids(struct span v, struct buf *out)
{
	struct json_iter it;
	struct span ids, e;

	if (v.p[0] == '{' && (JSON_MEMBER(v, "link_record_ids", &ids) || JSON_MEMBER(v, "record_ids", &ids))) {
		put_items(ids, put, out);
	} else if (v.p[0] == '[') {
		for (it = json_open(v); json_next_element(&it, &e); )
			put_record_ids(e, out);
	} else {
		put_items(v, put, out);
	}
}

static void
put_links(struct span v, struct buf *out)
{
	buf_addc(out, '[');
	put_record_ids(v, out);
	buf_addc(out, ']');
}

/* Does an array have exactly one element? */
static bool
only(struct span array, struct span *e)
{
	struct json_iter it = json_open(array);
	struct span more;

	return json_next_element(&it, e) && !json_next_element(&it, &more);
}

static void
put_select(struct span v, struct buf *out)
{
	struct span e;

	put_other(v.p[0] == '[' && only(v, &e) ? e : v, out);
}

/* ---- by type ---- */

/* How one value of this type is written; whole: its cell is a list.  NULL: not known, it stays as it came. */
static put_one *
writer(int type, bool *whole)
{
	*whole = false;
	switch (type) {
	case FIELD_TEXT:
		return put_text;
	case FIELD_NUMBER:
		return put_number;
	case FIELD_SELECT:
		return put_select;
	case FIELD_DATE:
	case FIELD_CREATED_TIME:
	case FIELD_MODIFIED_TIME:
		return put_date;
	case FIELD_CHECKBOX:
	case FIELD_PHONE:
	case FIELD_AUTO_NUMBER:
		return put_other;
	case FIELD_URL:
		return put_link;
	case FIELD_LOCATION:
		return put_location;
	}
	*whole = true;
	switch (type) {
	case FIELD_MULTI_SELECT:
		return put_other;
	case FIELD_USER:
	case FIELD_CREATED_USER:
	case FIELD_MODIFIED_USER:
		return put_person;
	case FIELD_GROUP:
		return put_group;
	case FIELD_ATTACHMENT:
		return put_file;
	case FIELD_LINK:
	case FIELD_DUPLEX_LINK:
		return put_links;
	}
	return NULL;
}

/* {"type":N,"value":[...]}: what a formula or a lookup gives, in the form of cells of type N. */
static void
put_computed(bool lookup, struct span cell, struct buf *out)
{
	struct span type, value, one;
	put_one *fn = NULL;
	bool whole;

	if (cell.p[0] == '{' && JSON_MEMBER(cell, "type", &type) && JSON_MEMBER(cell, "value", &value))
		fn = writer((int)strtol(type.p, NULL, 10), &whole);
	else
		value = cell;
	if (fn == NULL)
		put_other(value, out);
	else if (fn == put_links)
		put_links(value, out);
	else if (whole || (lookup && value.p[0] == '['))
		put_list(value, fn, out);
	else if (fn == put_text || value.p[0] != '[')
		fn(value, out);
	else if (only(value, &one) && !json_is_null(one))
		fn(one, out);
	else
		put_list(value, fn, out);
}

void
cell_put(int type, struct span cell, struct buf *out)
{
	size_t from = out->len;
	put_one *fn;
	bool whole;

	if (cell.len == 0 || json_is_null(cell)) {
		buf_adds(out, type == FIELD_CHECKBOX ? "false" : "null");
		return;
	}
	fn = writer(type, &whole);
	if (type == FIELD_FORMULA || type == FIELD_LOOKUP)
		put_computed(type == FIELD_LOOKUP, cell, out);
	else if (fn == NULL)
		put(cell, out);
	else if (whole && fn != put_links)
		put_list(cell, fn, out);
	else
		fn(cell, out);
	if (fn != NULL || field_read_only(type)) {
		/* Nothing in it: what the service spells in several ways is one. */
		if (out->len - from == 2 && (memcmp(out->p + from, "\"\"", 2) == 0 || memcmp(out->p + from, "[]", 2) == 0)) {
			out->len = from;
			buf_adds(out, "null");
		}
	}
}
