#include "cc-sum/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/when.h"
#include "json/order.h"
#include "json/str.h"

#define HOUR	INT64_C(3600000)
#define DAY	(24 * HOUR)

/* The first of these characters that stands outside of quotes, or the end. */
static const char *
find(const char *p, const char *end, char c)
{
	bool quoted = false;

	for (; p < end && (quoted || *p != c); p++) {
		if (quoted && *p == '\\' && p + 1 < end)
			p++;
		else if (*p == '"')
			quoted = !quoted;
	}
	return p;
}

/* "id", ".id" and ["id"] are called id; a path of several steps is called as it is written. */
static char *
default_name(const char *text)
{
	char *name = path_member(text);

	return name != NULL ? name : mem_dup(text + (*text == '.'), strlen(text) - (*text == '.'));
}

static int
parse_cut(const char *p, const char *end, enum cut *cut)
{
	static const struct { const char *name; enum cut cut; } cuts[] = {
		{ ":day", CUT_DAY }, { ":hour", CUT_HOUR }, { ":month", CUT_MONTH },
	};

	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		if ((size_t)(end - p) == strlen(cuts[i].name) && memcmp(p, cuts[i].name, (size_t)(end - p)) == 0) {
			*cut = cuts[i].cut;
			return 0;
		}
	}
	return -1;
}

static int
parse_field(struct field *f, const char *p, const char *end, bool may_cut, struct buf *error)
{
	const char *equals = find(p, end, '='), *from = equals < end ? equals + 1 : p, *colon = find(from, end, ':');
	const char *why;
	struct buf member = { 0 };

	*f = (struct field){ .text = mem_dup(from, (size_t)(colon - from)), .name = mem_dup(p, (size_t)(equals - p)) };
	if (colon < end && (!may_cut || parse_cut(colon, end, &f->cut) == -1)) {
		buf_addf(error, "'%.*s' ends with '%.*s'; %s", (int)(end - p), p, (int)(end - colon), colon,
		    may_cut ? "there are :day, :hour and :month" : "only keys have that");
		return -1;
	}
	if (path_parse(&f->path, f->text, &why) == -1) {
		buf_addf(error, "'%s' is not a path: %s", f->text, why);
		return -1;
	}
	if (equals == end) {
		free(f->name);
		f->name = default_name(f->text);
	}
	if (*f->name == '\0' || scan_utf8(f->name, strlen(f->name)) != NULL) {
		buf_addf(error, "'%.*s': %s", (int)(end - p), p, *f->name == '\0' ? "a name is missing" : "the name is not UTF-8");
		return -1;
	}
	json_encode(f->name, strlen(f->name), &member);
	buf_addc(&member, ':');
	f->member = mem_dup(member.p, member.len);
	buf_free(&member);
	return 0;
}

int
fields_parse(struct fields *f, const char *list, bool may_cut, struct buf *error)
{
	const char *end = list + strlen(list);

	*f = (struct fields){ 0 };
	for (const char *p = list; list < end; p++) {
		const char *comma = find(p, end, ',');

		f->v = mem_grow(f->v, &f->cap, f->n + 1, sizeof *f->v);
		if (parse_field(&f->v[f->n++], p, comma, may_cut, error) == -1)
			return -1;
		p = comma;
		if (p == end)
			break;
	}
	return 0;
}

void
fields_free(struct fields *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].text);
		free(f->v[i].name);
		free(f->v[i].member);
		path_free(&f->v[i].path);
	}
	free(f->v);
	*f = (struct fields){ 0 };
}

/* The hour with its zone: where clocks are put back, two hours have the same name. */
static char *
put_hour(char *p, int hour, int64_t offset)
{
	int minutes = abs((int)(offset / 60000));

	*p++ = 'T';
	p = when_digits(p, hour, 2);
	p = stpcpy(p, ":00:00");
	if (minutes == 0)
		return stpcpy(p, "Z");
	*p++ = offset < 0 ? '-' : '+';
	p = when_digits(p, minutes / 60, 2);
	*p++ = ':';
	return when_digits(p, minutes % 60, 2);
}

const char *
cut_time(struct span value, enum cut cut, struct buf *scratch, struct buf *out)
{
	struct span text;
	struct date date;
	char part[WHEN_SIZE], *end;
	int64_t ms, offset = 0;

	if (!json_is_string(value))
		return "not a time";
	text = json_inside(value);
	if (memchr(text.p, '\\', text.len) != NULL) {
		buf_clear(scratch);
		json_decode(text, scratch);
		text = (struct span){ scratch->p, scratch->len };
	}
	if (!when_parse(text.p, text.len, &ms, NULL))
		return "not a time";
	if (text.len > sizeof "2026-06-19" - 1)
		offset = when_offset(ms);
	else if (cut == CUT_HOUR)
		return "a date without an hour";
	date = when_date(when_day(ms + offset));
	if (date.y < 1 || date.y > 9999)
		return "not a time within the years 1 to 9999";
	end = when_put_date(part, date) - (cut == CUT_MONTH ? sizeof "-19" - 1 : 0);
	if (cut == CUT_HOUR)
		end = put_hour(end, (int)((ms + offset - when_day(ms + offset) * DAY) / HOUR), offset);
	order_put_text(part, (size_t)(end - part), out);
	return NULL;
}
