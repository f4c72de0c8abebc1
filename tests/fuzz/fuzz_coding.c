/* fuzz_coding - a coded body gives what zlib gives; any other gives the same beginning whatever it may have; the first byte says how it is coded */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "net/coding.h"

#define MOST ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Is it a whole stream, for zlib? */
static bool
reference(int window, const uint8_t *data, size_t size, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size };
	int st;

	buf_clear(out);
	if (inflateInit2(&z, window) != Z_OK)
		abort();
	do {
		z.next_out = (Bytef *)buf_reserve(out, 4096);
		z.avail_out = 4096;
		st = inflate(&z, Z_NO_FLUSH);
		out->len += 4096 - z.avail_out;
	} while (st == Z_OK && out->len <= MOST);
	inflateEnd(&z);
	return st == Z_STREAM_END && out->len <= MOST;
}

static bool
begins(const struct buf *b, const struct buf *with)
{
	return with->len <= b->len && (with->len == 0 || memcmp(b->p, with->p, with->len) == 0);
}

static void
offer(const uint8_t *data, size_t size)
{
	static struct buf text, once, twice;

	buf_clear(&text);
	buf_clear(&once);
	buf_clear(&twice);
	buf_add(&text, data, size);
	coding_offer(buf_str(&text), &once);
	coding_offer(buf_str(&once), &twice);
	if (once.len == 0 || once.len > size * 2 + 8 || !begins(&once, &twice) || twice.len != once.len)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "gzip", "deflate", "identity", "br" };
	static struct buf whole, part, want;
	const char *coding, *wrong;
	size_t most;

	if (size < 2)
		return 0;
	coding = names[data[0] & 3];
	most = data[1];
	buf_clear(&whole);
	buf_clear(&part);
	wrong = coding_decode(coding, data + 2, size - 2, MOST, &whole);
	(void)coding_decode(coding, data + 2, size - 2, most, &part);
	if (whole.len > MOST || part.len > most || !begins(&whole, &part))
		abort();
	if (size > 2 && (data[0] & 3) == 0 && reference(31, data + 2, size - 2, &want) && (wrong != NULL || want.len != whole.len || !begins(&whole, &want)))
		abort();
	if ((data[0] & 3) == 3 && size > 2 && (wrong == NULL || whole.len != 0))
		abort();
	offer(data, size);
	return 0;
}
