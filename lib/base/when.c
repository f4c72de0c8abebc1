#include "base/when.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/word.h"

#define SECOND	INT64_C(1000)
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)
#define FIRST	INT64_C(-62135596800000)	/* 0001-01-01T00:00:00.000Z */
#define LAST	INT64_C(253402300799999)	/* 9999-12-31T23:59:59.999Z */

static int64_t
clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
when_now(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t
when_mono(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar; a year begins in March here. */
static int64_t
days_of(int64_t y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct cursor {
	const char *p, *end;
};

static bool
digits(struct cursor *c, int n, int *value)
{
	*value = 0;
	for (int i = 0; i < n; i++, c->p++) {
		if (c->p == c->end || *c->p < '0' || *c->p > '9')
			return false;
		*value = *value * 10 + (*c->p - '0');
	}
	return true;
}

static bool
eat(struct cursor *c, const char *set)
{
	for (; c->p < c->end && *set != '\0'; set++) {
		if (*c->p == *set) {
			c->p++;
			return true;
		}
	}
	return false;
}

static int
days_in(int y, int m)
{
	static const int n[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0) ? 29 : n[m - 1];
}

/* ".123456", cut to milliseconds; nothing is no fraction. */
static bool
fraction(struct cursor *c, int *ms)
{
	int digit, scale = 100;

	*ms = 0;
	if (!eat(c, ".,"))
		return true;
	if (!digits(c, 1, &digit))
		return false;
	do {
		*ms += digit * scale;
		scale /= 10;
	} while (digits(c, 1, &digit));
	return true;
}

static bool
zone(struct cursor *c, int *minutes, bool *given)
{
	int h, m = 0, sign;

	*minutes = 0;
	*given = c->p < c->end;
	if (!*given || eat(c, "Zz"))
		return true;
	sign = *c->p == '-' ? -1 : 1;
	if (!eat(c, "+-") || !digits(c, 2, &h))
		return false;
	if (c->p < c->end && (eat(c, ":"), !digits(c, 2, &m)))
		return false;
	*minutes = sign * (h * 60 + m);
	return h < 24 && m < 60;
}

/* Eight characters of a form: where it has 0 a digit, else what it has.  slack is what may be added to each until it is none of these. */
static inline bool
has_form(const char *s, const char *form, const char *slack)
{
	uint64_t v = word_load(s) ^ word_load(form);

	return ((v | (v + word_load(slack))) & UINT64_C(0x8080808080808080)) == 0;
}

static inline int
two(const char *s)
{
	return s[0] * 10 + s[1] - '0' * 11;
}

/* "2026-06-19T13:22:24.560Z", with "+08:00", or with no zone, as nearly all are written.  False: another form, or no time. */
static bool
parse_usual(const char *s, size_t len, int64_t *ms, bool *zoned)
{
	const char *p = s + 19, *end = s + len;
	int y, mon, d, off = 0, frac = 0;

	if (len < sizeof "2026-06-19T13:22:24" - 1 || !has_form(s, "0000-00-", "\x76\x76\x76\x76\x7f\x76\x76\x7f") ||
	    !has_form(s + 8, "00T00:00", "\x76\x76\x7f\x76\x76\x7f\x76\x76") || !has_form(s + 11, "00:00:00", "\x76\x76\x7f\x76\x76\x7f\x76\x76"))
		return false;
	y = two(s) * 100 + two(s + 2);
	mon = two(s + 5);
	d = two(s + 8);
	if (y < 1 || mon < 1 || mon > 12 || d < 1 || d > days_in(y, mon) || two(s + 11) > 23 || two(s + 14) > 59 || two(s + 17) > 60)
		return false;
	if (p < end && *p == '.') {
		const char *from = ++p;
		int scale = 100;

		for (; p < end && *p >= '0' && *p <= '9'; p++, scale /= 10)
			frac += (*p - '0') * scale;
		if (p == from)
			return false;
	}
	if (end - p == 6 && (*p == '+' || *p == '-') && p[3] == ':') {
		for (int i = 1; i < 6; i++)
			if (i != 3 && (p[i] < '0' || p[i] > '9'))
				return false;
		if (two(p + 1) > 23 || two(p + 4) > 59)
			return false;
		off = (two(p + 1) * 60 + two(p + 4)) * (*p == '-' ? -1 : 1);
	} else if (end - p > 1 || (end - p == 1 && *p != 'Z')) {
		return false;
	}
	*zoned = p < end;
	*ms = days_of(y, mon, d) * DAY + two(s + 11) * HOUR + (two(s + 14) - off) * MINUTE + two(s + 17) * SECOND + frac;
	return true;
}

bool
when_parse(const char *s, size_t len, int64_t *ms, bool *zoned)
{
	struct cursor c = { s, s + len };
	int y, mon, d, h = 0, min = 0, sec = 0, frac = 0, off = 0;
	bool given = false;

	if (zoned == NULL)
		zoned = &given;
	if (parse_usual(s, len, ms, zoned))
		return true;
	if (!digits(&c, 4, &y) || !eat(&c, "-") || !digits(&c, 2, &mon) || !eat(&c, "-") || !digits(&c, 2, &d))
		return false;
	if (y < 1 || mon < 1 || mon > 12 || d < 1 || d > days_in(y, mon))
		return false;
	if (c.p < c.end) {
		if (!eat(&c, "Tt ") || !digits(&c, 2, &h) || !eat(&c, ":") || !digits(&c, 2, &min))
			return false;
		if (eat(&c, ":") && (!digits(&c, 2, &sec) || !fraction(&c, &frac)))
			return false;
		if (h > 23 || min > 59 || sec > 60 || !zone(&c, &off, &given) || c.p != c.end)
			return false;
	}
	*ms = days_of(y, mon, d) * DAY + h * HOUR + (min - off) * MINUTE + sec * SECOND + frac;
	*zoned = given;
	return true;
}

bool
when_parse_arg(const char *s, int64_t *ms)
{
	int64_t ago;

	if (when_parse_duration(s, &ago)) {
		*ms = when_now() - ago;
		return true;
	}
	return when_parse(s, strlen(s), ms, NULL);
}

int64_t
when_day(int64_t ms)
{
	return ms >= 0 ? ms / DAY : -((DAY - 1 - ms) / DAY);
}

/* The inverse of days_of. */
struct date
when_date(int64_t day)
{
	int64_t z = day + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int m = (int)(mp < 10 ? mp + 3 : mp - 9);

	return (struct date){ .y = yoe + era * 400 + (m <= 2), .m = m, .d = (int)(doy - (153 * mp + 2) / 5 + 1) };
}

char *
when_digits(char *p, int n, int width)
{
	for (int i = width; i-- > 0; n /= 10)
		p[i] = (char)('0' + n % 10);
	return p + width;
}

char *
when_put_date(char *p, struct date date)
{
	p = when_digits(p, date.y < 0 ? 0 : date.y > 9999 ? 9999 : (int)date.y, 4);
	*p++ = '-';
	p = when_digits(p, date.m, 2);
	*p++ = '-';
	return when_digits(p, date.d, 2);
}

const char *
when_format(int64_t ms, char out[WHEN_SIZE])
{
	int64_t day;
	int rest;
	char *p;

	ms = ms > LAST ? LAST : ms < FIRST ? FIRST : ms;
	day = when_day(ms);
	rest = (int)(ms - day * DAY);
	p = when_put_date(out, when_date(day));
	*p++ = 'T';
	p = when_digits(p, rest / 3600000, 2);
	*p++ = ':';
	p = when_digits(p, rest / 60000 % 60, 2);
	*p++ = ':';
	p = when_digits(p, rest / 1000 % 60, 2);
	*p++ = '.';
	p = when_digits(p, rest % 1000, 3);
	*p++ = 'Z';
	*p = '\0';
	return out;
}

const char *
when_fraction(const char *s, size_t len, size_t *n)
{
	static const size_t behind_seconds = sizeof "2026-06-19T13:22:24" - 1;
	const char *end = s + len, *p = s + behind_seconds;

	*n = 0;
	if (len <= behind_seconds || (*p != '.' && *p != ','))
		return end;
	for (p++; p + *n < end && p[*n] >= '0' && p[*n] <= '9'; )
		++*n;
	return p;
}

/* A file of the zone data, not a directory or something beside it. */
static bool
has_zone(const char *name)
{
	const char *dir = getenv("TZDIR");
	char path[512], magic[4];
	FILE *f;
	bool yes;

	if (*name == '/' || *name == '\0' || strstr(name, "..") != NULL ||
	    (size_t)snprintf(path, sizeof path, "%s/%s", dir != NULL ? dir : "/usr/share/zoneinfo", name) >= sizeof path)
		return false;
	if ((f = fopen(path, "re")) == NULL)
		return false;
	yes = fread(magic, 1, sizeof magic, f) == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
	fclose(f);
	return yes;
}

static unsigned zone_changes;

bool
when_zone(const char *name)
{
	struct cursor c = { name, name + strlen(name) };
	char posix[32];
	int minutes;
	bool given;

	if (zone(&c, &minutes, &given) && c.p == c.end && given) {
		/* POSIX counts what is to be added for UTC, so signs are the other way round. */
		snprintf(posix, sizeof posix, "<local>%s%02d:%02d", minutes > 0 ? "-" : "", abs(minutes) / 60 % 24, abs(minutes) % 60);
		name = posix;
	} else if (strcmp(name, "UTC") != 0 && !has_zone(name)) {
		return false;
	}
	if (setenv("TZ", name, 1) == -1)
		return false;
	tzset();
	zone_changes++;
	return true;
}

static int64_t
offset_at(int64_t moment)
{
	time_t t = (time_t)moment;
	struct tm tm = { 0 };

	localtime_r(&t, &tm);
	return tm.tm_gmtoff;
}

/*
 * No zone changes its clocks twice within an hour, so one with the same offset at both ends has it throughout.  Of each day of five years
 * the hours are kept of which that is known, with the offset that they have, or on a day of change one of the two.
 */
int64_t
when_offset(int64_t ms)
{
	static _Thread_local struct {
		int64_t day;
		unsigned zone;		/* 0: free */
		uint32_t hours[2];	/* a bit for each */
		int32_t	 offset[2];	/* seconds */
	} known[2048], *k;
	int64_t day = when_day(ms), hour = (ms - day * DAY) / HOUR, first, last;
	size_t i;

	k = &known[(uint64_t)day % 2048];
	if (k->day != day || k->zone != zone_changes + 1) {
		memset(k, 0, sizeof *k);
		k->day = day;
		k->zone = zone_changes + 1;
	}
	for (i = 0; i < 2; i++)
		if ((k->hours[i] >> hour & 1) != 0)
			return k->offset[i] * SECOND;
	first = offset_at((day * DAY + hour * HOUR) / SECOND);
	last = offset_at((day * DAY + (hour + 1) * HOUR) / SECOND - 1);
	if (first != last)
		return offset_at(ms / SECOND - (ms % SECOND < 0)) * SECOND;
	for (i = 0; i < 2 && k->hours[i] != 0 && k->offset[i] != first; )
		i++;
	if (i < 2) {
		k->hours[i] |= UINT32_C(1) << hour;
		k->offset[i] = (int32_t)first;
	}
	return first * SECOND;
}

/* Where clocks are put back a time comes twice, and is the first; mktime would guess by what it was asked before. */
static int64_t
local_offset(int64_t second)
{
	int64_t before = offset_at(second - DAY / SECOND), after = offset_at(second + DAY / SECOND);

	return -(offset_at(second - before) == before || offset_at(second - after) != after ? before : after);
}

/* Most clocks change at full quarters of an hour, so the last offset is kept; but St. John's did it at 00:01. */
int64_t
when_local(int64_t ms)
{
	static _Thread_local int64_t known = INT64_MIN, offset;
	int64_t quarter = (ms - (ms < 0 ? 15 * MINUTE - 1 : 0)) / (15 * MINUTE), first, last;

	if (quarter == known)
		return ms + offset;
	first = local_offset(quarter * 15 * MINUTE / SECOND) * SECOND;
	last = local_offset((quarter + 1) * 15 * MINUTE / SECOND - 1) * SECOND;
	if (first != last)
		return ms + local_offset(ms / SECOND - (ms % SECOND < 0)) * SECOND;
	known = quarter;
	offset = first;
	return ms + offset;
}

int64_t
when_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

const char *
when_format_local(int64_t us, char out[WHEN_SIZE])
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;
	size_t n;
	long off;

	localtime_r(&t, &tm);
	off = tm.tm_gmtoff / 60;
	n = strftime(out, WHEN_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(out + n, WHEN_SIZE - n, ".%06d", (int)(us % 1000000));
	if (off == 0)
		snprintf(out + n, WHEN_SIZE - n, "Z");
	else
		snprintf(out + n, WHEN_SIZE - n, "%c%02ld:%02ld", off < 0 ? '-' : '+', labs(off) / 60, labs(off) % 60);
	return out;
}

bool
when_parse_duration(const char *s, int64_t *ms)
{
	static const struct { const char *unit; int64_t ms; } units[] = {
		{ "", SECOND }, { "ms", 1 }, { "s", SECOND }, { "m", MINUTE }, { "h", HOUR }, { "d", DAY }, { "w", 7 * DAY },
	};
	char *end;
	long long n;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno != 0)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(end, units[i].unit) == 0)
			return !__builtin_mul_overflow((int64_t)n, units[i].ms, ms) && *ms < 100000 * DAY;
	return false;
}
