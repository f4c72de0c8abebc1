/*
 * when.h - times and durations, in milliseconds.
 *
 * A time is milliseconds since 1970-01-01T00:00:00Z.  In: RFC 3339, also with a
 * blank for the T, without a zone (then it is UTC, as LangSmith writes it), without
 * seconds' fraction, or a date alone; years 0001 to 9999; a fraction is cut to milliseconds, a leap
 * second counts as the next second.  Out: RFC 3339, UTC, "2026-06-19T13:22:24.560Z".
 */
#ifndef BASE_WHEN_H
#define BASE_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEN_SIZE 40		/* enough for any time as text, with its NUL */

int64_t	when_now(void);
int64_t	when_mono(void);	/* for intervals; not a date */

/* Parse all len bytes.  zoned (may be NULL) tells whether a zone was given.  False: not a time. */
bool	when_parse(const char *s, size_t len, int64_t *ms, bool *zoned);
/* As written on a command line: a time, or a duration before now ("2h"). */
bool	when_parse_arg(const char *s, int64_t *ms);
/* A time that has no four digits for its year is the last, or the first, that has. */
const char *when_format(int64_t ms, char out[WHEN_SIZE]);

/*
 * Make name the zone of this process (TZ): "Asia/Taipei" and the like, as the system's zone data has them, "UTC", "Z", or an
 * offset such as "+08:00".  To be called before there are threads.  False: no such zone (or there is no zone data), and TZ is as it
 * was; the C library would take UTC without a word.
 */
bool	when_zone(const char *name) __attribute__((warn_unused_result));

/* What the zone's clocks are ahead of UTC at a moment: milliseconds, of whole seconds.  Thread safe. */
int64_t	when_offset(int64_t ms);

/* The day since 1970-01-01 of a time, and a day's date in the proleptic Gregorian calendar. */
struct date {
	int64_t	y;
	int	m, d;		/* from 1 */
};
int64_t	when_day(int64_t ms);
struct date when_date(int64_t day);
/* As text, without a NUL; each returns what is behind: "2026-06-19", and n with leading zeros. */
char	*when_put_date(char *p, struct date date);
char	*when_digits(char *p, int n, int width);

/*
 * The fraction of the second in a time that when_parse has taken: its digits, within text, as many as there are (0: none).
 */
const char *when_fraction(const char *s, size_t len, size_t *digits);

/*
 * Local time (TZ).  From what when_parse gave for a time without a zone to the moment that it means here; and a moment
 * in microseconds as text with its zone, "2025-12-07T12:24:08.275173+08:00" ("Z" where that is UTC).
 */
int64_t	when_local(int64_t ms);
int64_t	when_now_us(void);
const char *when_format_local(int64_t us, char out[WHEN_SIZE]);

/* "90s", "10m", "2h", "14d", "1w", "250ms"; a bare number is seconds.  False: not a duration. */
bool	when_parse_duration(const char *s, int64_t *ms);

#endif
