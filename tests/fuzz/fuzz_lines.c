/*
 * fuzz_lines - NDJSON that comes in pieces of any size: no byte is lost or added but for a BOM and the last newline, blocks are of whole
 * lines, what comes in pieces is longer than may be, and each line is judged as the slow reference does.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ndjson/line.h"
#include "reference.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pieces {
	const char *p, *end;
	size_t	 step;
};

static struct reference ref;
static struct scan scan;
static struct buf block, all, want;

static ssize_t
give(void *ctx, void *to, size_t len)
{
	struct pieces *s = ctx;
	size_t left = (size_t)(s->end - s->p), n = len < s->step ? len : s->step;

	n = n < left ? n : left;
	memcpy(to, s->p, n);
	s->p += n;
	return (ssize_t)n;
}

/* The block's lines, one after the other. */
static void
check_block(size_t max_line)
{
	const char *end = block.p + block.len, *at;
	bool utf8_ok = scan_block(&scan, block.p, block.len);
	struct span line;

	must(utf8_ok == (reference_utf8(block.p, block.len) == NULL));
	for (const char *p = block.p; p < end; p += line.len) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *reason;
		size_t len = (size_t)(nl - p);
		bool good = reference_json(&ref, p, len, true) && reference_utf8(p, len) == NULL && len <= max_line;

		line.len = len + 1;
		if (line_is_empty(p))
			continue;
		reason = line_check(&scan, p, end, utf8_ok, max_line, &line, &at);
		must((reason == NULL) == good && line.p == p && line.len == len + 1);
		must(at == NULL || (at >= p && at <= nl));
	}
}

static void
read_all(const char *p, size_t len, size_t step, size_t most, size_t max_line)
{
	struct pieces s = { p, p + len, step };
	struct reader r;
	size_t line = 0;	/* bytes of one that is too long */
	bool in_long = false;

	reader_init_source(&r, give, &s, max_line);
	r.block = most;
	buf_clear(&all);
	for (enum read_status st; (st = reader_next(&r, &block)) != READ_END; ) {
		must((st == READ_LINES || st == READ_LONG) && block.len != 0);
		buf_add(&all, block.p, block.len);
		if (st == READ_LINES) {
			must(!in_long && block.p[block.len - 1] == '\n');
			check_block(max_line);
			continue;
		}
		line += block.len;
		in_long = block.p[block.len - 1] != '\n';
		must(memchr(block.p, '\n', block.len - 1) == NULL);
		if (!in_long) {
			must(line - 1 > max_line);
			line = 0;
		}
	}
	must(!in_long && all.len == want.len && (all.len == 0 || memcmp(all.p, want.p, all.len) == 0));
	reader_free(&r);
}

/* The first three bytes: how much comes at once, how much is asked for, how long a line may be. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 3, *from;
	size_t len = size < 3 ? 0 : size - 3;

	if (size < 3)
		return 0;
	from = len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? p + 3 : p;
	buf_clear(&want);
	buf_add(&want, from, len - (size_t)(from - p));
	if (want.len != 0 && want.p[want.len - 1] != '\n')
		buf_addc(&want, '\n');
	read_all(p, len, 1u + data[0], 1u + data[1] * 4u, 16u + data[2]);
	read_all(p, len, len + 1, 1u << 16, 16u + data[2]);
	return 0;
}
