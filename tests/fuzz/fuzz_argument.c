/*
 * fuzz_argument - any text as a time, a duration, a size or a path on the command line: a time that is taken is written and read to
 * the same moment, and nothing is out of the range that the headers promise.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "base/when.h"
#include "json/path.h"

#define FIRST INT64_C(-62135596800000)	/* 0001-01-01T00:00:00.000Z */
#define LAST INT64_C(253402300799999)	/* 9999-12-31T23:59:59.999Z */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_time(const char *s, size_t len)
{
	char text[WHEN_SIZE];
	int64_t ms, again;
	size_t digits;
	bool zoned;

	if (!when_parse(s, len, &ms, &zoned))
		return;
	(void)when_fraction(s, len, &digits);
	when_format(ms, text);
	/* A zone may carry the last day of the last year into the next, which cannot be written. */
	ms = ms > LAST ? LAST : ms < FIRST ? FIRST : ms;
	if (!when_parse(text, strlen(text), &again, &zoned) || again != ms || !zoned)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = mem_dup((const char *)data, size);
	const char *error = NULL;
	struct path path;
	int64_t n;

	check_time(s, size);
	(void)when_parse_arg(s, &n);
	if (when_parse_duration(s, &n) && n < 0)
		abort();
	(void)opt_parse_number(s, false, &n);
	(void)opt_parse_number(s, true, &n);
	if (path_parse(&path, s, &error) == 0)
		path_free(&path);
	else if (error == NULL)
		abort();
	free(path_member(s));
	free(s);
	return 0;
}
