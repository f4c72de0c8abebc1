/* fuzz_stream - a streamed answer must not depend on where the bytes are cut, and what comes out is JSON, within its bounds */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "openai/stream.h"

#define MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feed it in pieces of step bytes; the object and the error go to out. */
static void
feed(const char *p, size_t len, size_t step, struct buf *out)
{
	struct chat_stream *s = chat_stream_new(MAX);
	const char *error;

	buf_clear(out);
	while (len > 0) {
		size_t n = step < len ? step : len;

		chat_stream_add(s, p, n);
		p += n;
		len -= n;
	}
	error = chat_stream_end(s, out);
	if (out->len > 0) {
		struct scan scan = { 0 };
		struct buf line = { 0 };

		buf_add(&line, out->p, out->len);
		for (size_t i = 0; i < line.len; i++)	/* what is given back as it came may have lines */
			if (line.p[i] == '\n')
				line.p[i] = ' ';
		buf_pad(&line);
		if (scan_utf8(line.p, line.len) != NULL || scan_value(&scan, line.p) == NULL)
			abort();
		scan_free(&scan);
		buf_free(&line);
	}
	if (out->len > 8 * MAX)
		abort();
	buf_addc(out, '|');
	buf_adds(out, error != NULL ? error : "-");
	chat_stream_free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf whole, bytes;

	feed((const char *)data, size, size, &whole);
	feed((const char *)data, size, 1, &bytes);
	if (whole.len != bytes.len || memcmp(whole.p, bytes.p, whole.len) != 0)
		abort();
	return 0;
}
