#include "json/order.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/word.h"
#include "json/str.h"

/* What a value begins with.  A text ends with a zero byte; one within it is followed by NUL_MARK, which no kind is. */
enum kind { KIND_NULL = 1, KIND_FALSE, KIND_TRUE, KIND_NUMBER, KIND_STRING, KIND_ARRAY, KIND_OBJECT };

#define NUL_MARK	'\xff'
#define NUMBER_BYTES	8

static enum kind
kind_of(struct span v)
{
	switch (*v.p) {
	case 'n': return KIND_NULL;
	case 'f': return KIND_FALSE;
	case 't': return KIND_TRUE;
	case '"': return KIND_STRING;
	case '[': return KIND_ARRAY;
	case '{': return KIND_OBJECT;
	default: return KIND_NUMBER;
	}
}

static void
put_text(const char *p, size_t len, struct buf *out)
{
	const char *end = p + len, *nul;

	while (p < end && (nul = memchr(p, '\0', (size_t)(end - p))) != NULL) {
		buf_add(out, p, (size_t)(nul - p) + 1);
		buf_addc(out, NUL_MARK);
		p = nul + 1;
	}
	buf_add(out, p, (size_t)(end - p));
	buf_addc(out, '\0');
}

/* The bits of a double, most significant byte first, turned so that they sort. */
static void
put_double(double x, struct buf *out)
{
	uint64_t bits;
	char bytes[NUMBER_BYTES];

	memcpy(&bits, &x, sizeof bits);
	bits ^= bits >> 63 != 0 ? UINT64_MAX : UINT64_C(1) << 63;
	for (int i = 0; i < NUMBER_BYTES; i++)
		bytes[i] = (char)(bits >> (56 - 8 * i));
	buf_add(out, bytes, sizeof bytes);
}

/* A string as it stands.  False where it has escapes, or something behind it looks so: then nothing is appended. */
static bool
put_plain(struct span raw, struct buf *out)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	size_t want = raw.len + 2 + BUF_PAD;	/* up to seven bytes more are in the padding */
	char *to = out->cap - out->len >= want ? out->p + out->len : buf_reserve(out, raw.len + 2);
	uint64_t slash = 0;

	if (to == NULL)
		return false;
	*to = (char)KIND_STRING;
	for (size_t i = 0; i < raw.len; i += 8) {
		uint64_t v = word_load(raw.p + i), x = v ^ ones * '\\';

		memcpy(to + 1 + i, &v, sizeof v);
		slash |= (x - ones) & ~x;
	}
	if ((slash & ones << 7) != 0)
		return false;
	to[1 + raw.len] = '\0';
	out->len += raw.len + 2;
	return true;
}

void
order_put(struct span v, struct buf *scratch, struct buf *out)
{
	enum kind kind = kind_of(v);

	if (kind == KIND_STRING) {
		v = json_inside(v);
		if (put_plain(v, out))
			return;
		if (memchr(v.p, '\\', v.len) == NULL) {
			order_put_text(v.p, v.len, out);
			return;
		}
		buf_clear(scratch);
		json_decode(v, scratch);
		order_put_text(scratch->p, scratch->len, out);
		return;
	}
	buf_addc(out, (char)kind);
	if (kind < KIND_NUMBER)
		return;
	if (kind == KIND_NUMBER) {
		buf_clear(scratch);
		buf_add(scratch, v.p, v.len);
		put_double(strtod(buf_str(scratch), NULL), out);
	}
	put_text(v.p, v.len, out);
}

void
order_put_text(const char *text, size_t len, struct buf *out)
{
	buf_addc(out, (char)KIND_STRING);
	put_text(text, len, out);
}

/* The text at p goes to out.  Returns what follows. */
static const char *
get_text(const char *p, const char *end, struct buf *out)
{
	for (;;) {
		size_t n = strlen(p);

		buf_add(out, p, n);
		p += n + 1;
		if (p == end || *p != NUL_MARK)
			return p;
		buf_addc(out, '\0');
		p++;
	}
}

const char *
order_get(const char *p, const char *end, struct buf *scratch, struct buf *out)
{
	enum kind kind = (enum kind)*p++;

	switch (kind) {
	case KIND_NULL:
		buf_adds(out, "null");
		return p;
	case KIND_FALSE:
		buf_adds(out, "false");
		return p;
	case KIND_TRUE:
		buf_adds(out, "true");
		return p;
	case KIND_NUMBER:
		return get_text(p + NUMBER_BYTES, end, out);
	case KIND_ARRAY:
	case KIND_OBJECT:
		return get_text(p, end, out);
	case KIND_STRING:
		break;
	}
	buf_clear(scratch);
	p = get_text(p, end, scratch);
	json_encode(scratch->p, scratch->len, out);
	return p;
}
