#include "cc-sum/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/when.h"
#include "base/word.h"
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

/* The part of a moment.  Returns its length, or 0: the year has not four digits. */
static size_t
put_part(char part[WHEN_SIZE], int64_t ms, int64_t offset, enum cut cut)
{
	int64_t day = when_day(ms + offset);
	struct date date = when_date(day);
	char *end;

	if (date.y < 1 || date.y > 9999)
		return 0;
	end = when_put_date(part, date) - (cut == CUT_MONTH ? sizeof "-19" - 1 : 0);
	if (cut == CUT_HOUR)
		end = put_hour(end, (int)((ms + offset - day * DAY) / HOUR), offset);
	return (size_t)(end - part);
}

/* ---- the hours that were seen ---- */

#define HOUR_TEXT	(sizeof "2026-06-19T13:" - 1)
#define SECONDS_TEXT	(sizeof "2026-06-19T13:22:24" - 1)

static inline bool
digit(char c, char most)
{
	return c >= '0' && c <= most;
}

/*
 * Take a time apart that is written as nearly all are, "2026-06-19T13:22:24.560Z".  What stands before the minutes is not
 * looked at, nor what stands behind the seconds and their fraction: where both are those of a time that was read before, so is this one.
 * False: it is written otherwise, or a leap second, which belongs to the next hour.
 */
static bool
name_hour(struct span t, struct cut_hour *h)
{
	static const char ones[16] = "\377\377\377\377\377\377\377\377";
	const char *p = t.p + HOUR_TEXT, *end = t.p + t.len;

	if (t.len < SECONDS_TEXT || !digit(p[0], '5') || !digit(p[1], '9') || p[2] != ':' || !digit(p[3], '5') || !digit(p[4], '9'))
		return false;
	p += SECONDS_TEXT - HOUR_TEXT;
	if (p < end && (*p == '.' || *p == ',')) {
		if (!digit(*++p, '9'))
			return false;
		while (digit(*p, '9'))	/* the quote ends them */
			p++;
	}
	if (end - p > 8)
		return false;
	h->date = word_load(t.p);
	h->hour = word_load(t.p + HOUR_TEXT - 8);
	h->zone = word_load(p) & word_load(ones + 8 - (end - p));
	return true;
}

/* Remember the part of this hour, unless it is cut in two or the clocks change in it.  As in when_offset, that happens once at most. */
static void
learn_hour(struct cut_hour *h, struct span text, int64_t ms, enum cut cut)
{
	const char *p = text.p + HOUR_TEXT;
	int64_t minute = (p[0] - '0') * 10 + p[1] - '0', second = (p[3] - '0') * 10 + p[4] - '0';
	int64_t first = ms - (ms % 1000 + 1000) % 1000 - (minute * 60 + second) * 1000, last = first + HOUR - 1;
	char a[WHEN_SIZE], b[WHEN_SIZE];
	int64_t offset = when_offset(first);
	size_t len = put_part(a, first, offset, cut);
	struct buf part = { 0 };

	h->len = 0;
	if (when_offset(last) != offset || len == 0 || put_part(b, last, offset, cut) != len || memcmp(a, b, len) != 0)
		return;
	order_put_text(a, len, &part);
	if (part.len <= sizeof h->part) {
		memcpy(h->part, part.p, part.len);
		h->len = part.len;
	}
	buf_free(&part);
}

const char *
cut_time(struct span value, enum cut cut, struct cut_cache *cache, struct buf *scratch, struct buf *out)
{
	struct span text;
	struct cut_hour hour, *known = NULL;
	char part[WHEN_SIZE];
	int64_t ms, offset = 0;
	size_t len;

	if (!json_is_string(value))
		return "not a time";
	text = json_inside(value);
	if (name_hour(text, &hour)) {
		known = &cache->hour[((hour.date ^ hour.hour * 31 ^ hour.zone) * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - CUT_BITS)];
		if (known->date == hour.date && known->hour == hour.hour && known->zone == hour.zone && known->len != 0) {
			if (out->cap - out->len < sizeof known->part + BUF_PAD)
				(void)buf_reserve(out, sizeof known->part);
			memcpy(out->p + out->len, known->part, sizeof known->part);
			out->len += known->len;
			return NULL;
		}
	}
	if (memchr(text.p, '\\', text.len) != NULL) {
		buf_clear(scratch);
		json_decode(text, scratch);
		text = (struct span){ scratch->p, scratch->len };
		known = NULL;
	}
	if (!when_parse(text.p, text.len, &ms, NULL))
		return "not a time";
	if (text.len > sizeof "2026-06-19" - 1)
		offset = when_offset(ms);
	else if (cut == CUT_HOUR)
		return "a date without an hour";
	if ((len = put_part(part, ms, offset, cut)) == 0)
		return "not a time within the years 1 to 9999";
	order_put_text(part, len, out);
	if (known != NULL) {
		*known = hour;
		learn_hour(known, text, ms, cut);
	}
	return NULL;
}
