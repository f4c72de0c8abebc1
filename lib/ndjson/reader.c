#include "ndjson/reader.h"

#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/mem.h"
#include "json/scan.h"

#define BLOCK_BYTES (256u << 10)

_Static_assert(BUF_PAD >= SCAN_PAD, "a padded buffer must satisfy the scanner");

void
reader_init(struct reader *r, int fd, size_t max_line)
{
	struct stat st;

	*r = (struct reader){ .fd = fd, .max_line = max_line, .block = BLOCK_BYTES, .timeout_ms = -1 };
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		r->total = (uint64_t)st.st_size;
	io_tune(fd);
}

void
reader_init_source(struct reader *r, ssize_t (*source)(void *, void *, size_t), void *ctx, size_t max_line)
{
	*r = (struct reader){ .fd = -1, .source = source, .ctx = ctx, .max_line = max_line, .block = BLOCK_BYTES, .timeout_ms = -1 };
}

void
reader_free(struct reader *r)
{
	buf_free(&r->carry);
}

/* Give b up to its byte len, and keep the rest for the next block. */
static enum read_status
cut(struct reader *r, struct buf *b, size_t len, enum read_status st)
{
	buf_add(&r->carry, b->p + len, b->len - len);
	b->len = len;
	buf_pad(b);
	return st;
}

/* Only the file's first bytes can be one; they may come one by one. */
static bool
drop_bom(struct reader *r, struct buf *b)
{
	size_t n = b->len < 3 ? b->len : 3;

	if (r->begun || n == 0)
		return false;
	r->begun = n == 3 || memcmp(b->p, "\xef\xbb\xbf", n) != 0;
	if (n < 3 || memcmp(b->p, "\xef\xbb\xbf", 3) != 0)
		return false;
	memmove(b->p, b->p + 3, b->len -= 3);
	return true;
}

static ssize_t
get(struct reader *r, void *p, size_t len)
{
	if (r->source != NULL)
		return r->source(r->ctx, p, len);
	return (r->steady ? io_read_file : io_read)(r->fd, p, len);
}

/* What b holds from the byte seen on is new: can something be given out? */
static bool
ready(struct reader *r, struct buf *b, size_t seen, enum read_status *st)
{
	const char *nl = r->in_long ? memchr(b->p + seen, '\n', b->len - seen) : memrchr(b->p + seen, '\n', b->len - seen);

	if (nl != NULL) {
		*st = cut(r, b, (size_t)(nl + 1 - b->p), r->in_long ? READ_LONG : READ_LINES);
		r->in_long = false;
		return true;
	}
	if (b->len > r->max_line || (r->in_long && b->len > 0)) {
		r->in_long = true;
		*st = cut(r, b, b->len, READ_LONG);
		return true;
	}
	return false;
}

enum read_status
reader_next(struct reader *r, struct buf *b)
{
	enum read_status st;
	size_t seen = 0;

	buf_clear(b);
	buf_add(b, r->carry.p, r->carry.len);
	buf_clear(&r->carry);
	if (b->len != 0 && ready(r, b, 0, &st))
		return st;
	while (!r->ended) {
		size_t room = b->len > r->block ? b->len : r->block - b->len % r->block;
		ssize_t n;

		seen = b->len;
		b->p = mem_grow(b->p, &b->cap, b->len + room + BUF_PAD + 1, 1);
		if (r->timeout_ms >= 0) {
			int w = io_wait(r->fd, r->timeout_ms);

			if (w <= 0) {
				buf_add(&r->carry, b->p, b->len);
				return w == 0 ? READ_IDLE : READ_ERROR;
			}
		}
		n = get(r, b->p + b->len, room);
		if (n == -1)
			return READ_ERROR;
		r->bytes += (uint64_t)n;
		b->len += (size_t)n;
		r->ended = n == 0;
		if (drop_bom(r, b))
			seen = 0;
		if (ready(r, b, seen, &st))
			return st;
	}
	if (b->len == 0 && !r->in_long)
		return READ_END;
	buf_addc(b, '\n');
	return ready(r, b, b->len - 1, &st) ? st : READ_END;
}
