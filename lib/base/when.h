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
const char *when_format(int64_t ms, char out[WHEN_SIZE]);

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
