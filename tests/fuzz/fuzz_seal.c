/*
 * fuzz_seal - any text as a sealed value: only one that was sealed opens; any value, sealed, opens to itself; base64
 * has one text for the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypt/base64.h"
#include "crypt/sealed.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sealer sealer;
static struct aes_key key;
static struct buf text, out;

static void
read_form(struct span in)
{
	struct sealed v;

	buf_clear(&out);
	if (sealed_parse(in, &v)) {
		if (v.body.p < in.p || v.body.p + v.body.len != in.p + in.len)
			abort();
		if (sealed_open(&sealer, &key, in, in, &v, &out) || out.len != 0)
			abort();
	}
	if (sealed_old_open(&sealer, &key, in, &out) ? !sealed_old_form(in) || scan_utf8(out.p, out.len) != NULL : out.len != 0)
		abort();
}

static void
one_base64(struct span in)
{
	buf_clear(&out);
	buf_clear(&text);
	if (!base64_get(in.p, in.len, &out))
		return;
	base64_put(out.p, out.len, &text);
	if (text.len != in.len || (in.len != 0 && memcmp(text.p, in.p, in.len) != 0))
		abort();
	if (!base64_get_any(in.p, in.len, &text))
		abort();
}

/* Sealed, it opens; with one bit turned, which the first bytes choose, it does not. */
static void
both_ways(struct span in, size_t bit)
{
	struct sealed v;

	buf_clear(&out);
	buf_clear(&text);
	if (!sealed_put(&sealer, &key, in, in, in, &text) || !sealed_parse((struct span){ text.p, text.len }, &v) ||
	    !sealed_open(&sealer, &key, in, in, &v, &out) || out.len != in.len || (in.len != 0 && memcmp(out.p, in.p, in.len) != 0))
		abort();
	buf_clear(&out);
	bit %= 8 * text.len;
	text.p[bit / 8] = (char)(text.p[bit / 8] ^ 1 << bit % 8);
	if (sealed_parse((struct span){ text.p, text.len }, &v) && strcmp(v.id, key.id) == 0 &&
	    sealed_open(&sealer, &key, in, in, &v, &out))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };

	if (key.len == 0)
		aes_key_set(&key, "0123456789abcdef0123456789abcdef", KEY_BYTES);
	read_form(in);
	one_base64(in);
	both_ways(in, size < 2 ? size : (size_t)data[0] << 8 | data[1]);
	return 0;
}
