#include "net/coding.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define BLOCK ((size_t)64 << 10)

static bool
is_name(const char *p, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(p, name, len) == 0;
}

static bool
is_gzip(const char *p, size_t len)
{
	return is_name(p, len, "gzip") || is_name(p, len, "x-gzip");
}

/* The window bits of inflateInit2; "deflate" is a zlib stream, though some servers send a bare one. */
static int
window_of(const char *coding, const unsigned char *p, size_t len)
{
	if (is_gzip(coding, strlen(coding)))
		return 16 + MAX_WBITS;
	if (!is_name(coding, strlen(coding), "deflate"))
		return 0;
	return len >= 2 && (p[0] & 15) == Z_DEFLATED && ((unsigned)p[0] << 8 | p[1]) % 31 == 0 ? MAX_WBITS : -MAX_WBITS;
}

/* The next piece of input; zlib counts in unsigned. */
static void
feed(z_stream *z, size_t *left)
{
	size_t n = *left < UINT32_MAX / 2 ? *left : UINT32_MAX / 2;

	if (z->avail_in != 0)
		return;
	z->avail_in = (unsigned)n;
	*left -= n;
}

/* gzip may be several members one after the other (RFC 1952, 2.2). */
static const char *
inflate_all(z_stream *z, bool gzip, size_t left, size_t max, struct buf *out)
{
	int st = Z_OK;

	while (st == Z_OK) {
		size_t room = max < BLOCK ? max + 1 : BLOCK, n;		/* one more than may be, to see the end */

		feed(z, &left);
		z->next_out = (unsigned char *)buf_reserve(out, room);
		if (z->next_out == NULL)
			return "the decoded body is too large";
		z->avail_out = (unsigned)room;
		st = inflate(z, Z_SYNC_FLUSH);
		n = room - z->avail_out;
		out->len += n < max ? n : max;
		if (n > max)
			return "the decoded body is too large";
		max -= n;
		if (st == Z_BUF_ERROR || (st == Z_OK && z->avail_in == 0 && left == 0 && z->avail_out != 0))
			return "the coded body is cut";
		if (st == Z_STREAM_END && gzip) {
			feed(z, &left);
			if (z->avail_in > 0 && *z->next_in == 0x1f)
				st = inflateReset(z);
		}
	}
	return st == Z_STREAM_END ? NULL : "the coded body is damaged";
}

const char *
coding_decode(const char *coding, const void *p, size_t len, size_t max, struct buf *out)
{
	z_stream z = { 0 };
	const char *wrong;
	int window;

	if (coding == NULL || *coding == '\0' || len == 0 || strcasecmp(coding, "identity") == 0) {
		buf_add(out, p, len < max ? len : max);
		return len <= max ? NULL : "the body is too large";
	}
	memcpy(&z.next_in, &p, sizeof p);	/* zlib only reads it */
	window = window_of(coding, z.next_in, len);
	if (window == 0 || inflateInit2(&z, window) != Z_OK)
		return "the body has a coding that is not known here";
	wrong = inflate_all(&z, window > MAX_WBITS, len, max, out);
	(void)inflateEnd(&z);
	return wrong;
}

void
coding_offer(const char *accept, struct buf *out)
{
	size_t from = out->len, n;

	for (const char *p = accept; *p != '\0'; p += n) {
		size_t name;

		p += strspn(p, ", \t");
		n = strcspn(p, ",");
		name = strcspn(p, ",; \t");
		if (!is_gzip(p, name) && !is_name(p, name, "deflate") && !is_name(p, name, "identity"))
			continue;
		buf_adds(out, out->len == from ? "" : ", ");
		buf_add(out, p, n);
	}
	if (out->len == from)
		buf_adds(out, "identity");
}
