#include "crypt/base64.h"

/* 0 to 63; 64 is added for the two characters of the other alphabet; 255: none.  Bytes above 127 are none either. */
static const unsigned char values[128] = {
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 62, 255, 126, 255, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 255, 255, 255, 255, 255, 255,
	255, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 255, 255, 255, 255, 127,
	255, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 255, 255, 255, 255, 255,
};
#define OTHER 64u
#define NONE 128u

void
base64_put(const void *p, size_t len, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *from = p, *end;
	char *to = buf_reserve(out, (len + 2) / 3 * 4);

	if (to == NULL || len == 0)
		return;
	end = from + len / 3 * 3;
	for (; from < end; from += 3, to += 4) {
		unsigned v = (unsigned)from[0] << 16 | (unsigned)from[1] << 8 | from[2];

		to[0] = digits[v >> 18];
		to[1] = digits[v >> 12 & 63];
		to[2] = digits[v >> 6 & 63];
		to[3] = digits[v & 63];
	}
	if (len % 3 != 0) {
		unsigned v = (unsigned)from[0] << 16 | (len % 3 == 2 ? (unsigned)from[1] << 8 : 0);

		to[0] = digits[v >> 18];
		to[1] = digits[v >> 12 & 63];
		to[2] = len % 3 == 2 ? digits[v >> 6 & 63] : '=';
		to[3] = '=';
	}
	out->len += (len + 2) / 3 * 4;
}

void
base64_put_url(const void *p, size_t len, struct buf *out)
{
	size_t from = out->len;

	base64_put(p, len, out);
	for (size_t i = from; i < out->len; i++) {
		if (out->p[i] == '+')
			out->p[i] = '-';
		else if (out->p[i] == '/')
			out->p[i] = '_';
	}
	while (out->len > from && out->p[out->len - 1] == '=')
		out->len--;
}

/* The value of a character, with the bits of all that was not as it should be gathered in *odd. */
static unsigned
value(char c, unsigned *odd)
{
	unsigned char u = (unsigned char)c;
	unsigned v = values[u & 127];

	*odd |= v | (u & NONE);
	return v & 63;
}

/* len characters without padding.  Returns the bits that were odd, those of a last character that are not used as OTHER. */
static unsigned
decode(const char *p, size_t len, unsigned char *to)
{
	const char *end = p + len / 4 * 4;
	unsigned odd = 0, v;

	for (; p < end; p += 4, to += 3) {
		v = value(p[0], &odd) << 18;
		v |= value(p[1], &odd) << 12;
		v |= value(p[2], &odd) << 6;
		v |= value(p[3], &odd);
		to[0] = (unsigned char)(v >> 16);
		to[1] = (unsigned char)(v >> 8);
		to[2] = (unsigned char)v;
	}
	if (len % 4 >= 2) {
		v = value(p[0], &odd) << 18;
		v |= value(p[1], &odd) << 12;
		if (len % 4 == 3)
			v |= value(p[2], &odd) << 6;
		to[0] = (unsigned char)(v >> 16);
		if (len % 4 == 3)
			to[1] = (unsigned char)(v >> 8);
		if ((v & (len % 4 == 3 ? 0xffu : 0xffffu)) != 0)
			odd |= OTHER;
	}
	return odd;
}

static bool
get(const char *p, size_t len, unsigned allowed, struct buf *out)
{
	char *to;

	if (len % 4 == 1 || (to = buf_reserve(out, len / 4 * 3 + 2)) == NULL)
		return false;
	if ((decode(p, len, (unsigned char *)to) & (OTHER | NONE) & ~allowed) != 0)
		return false;
	out->len += len / 4 * 3 + (len % 4 == 0 ? 0 : len % 4 - 1);
	return true;
}

static size_t
padding(const char *p, size_t len)
{
	if (len == 0 || len % 4 != 0 || p[len - 1] != '=')
		return 0;
	return p[len - 2] == '=' ? 2 : 1;
}

bool
base64_get(const char *p, size_t len, struct buf *out)
{
	return len % 4 == 0 && get(p, len - padding(p, len), 0, out);
}

bool
base64_get_any(const char *p, size_t len, struct buf *out)
{
	return get(p, len - padding(p, len), OTHER, out);
}
