/* fuzz_split - the splitter must not care where the bytes are cut, and keep its bounds */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "langsmith/split.h"

#define MAX_LINE 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
feed(struct split *s, const char *p, size_t len, size_t step, struct buf *out)
{
	split_reset(s);
	buf_clear(out);
	while (len > 0) {
		size_t n = step < len ? step : len;
		enum split_st e;

		len -= n;
		while ((e = split_feed(s, &p, &n)) == SPLIT_RUN) {
			if (s->line.len > MAX_LINE || s->line.p[0] != '{')
				abort();
			buf_add(out, s->line.p, s->line.len);
			buf_addc(out, s->too_long ? '!' : '|');
		}
		if (e == SPLIT_BAD)
			return false;
		if (n != 0)
			abort();
	}
	return split_end(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct split s = { .max_line = MAX_LINE };
	static struct buf whole, bytes;
	bool good = feed(&s, (const char *)data, size, size, &whole);

	if (feed(&s, (const char *)data, size, 1, &bytes) != good)
		abort();
	if (whole.len != bytes.len || (whole.len > 0 && memcmp(whole.p, bytes.p, whole.len) != 0))
		abort();
	return 0;
}
