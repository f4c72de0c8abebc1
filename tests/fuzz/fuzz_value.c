/*
 * fuzz_value - any JSON value for every type of field: what is sent must be JSON,
 * and a refused value must leave nothing behind.  The same bytes also go
 * through the parser of addresses and the reader of cells.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "feishu/address.h"
#include "feishu/value.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scan scan;
static struct buf line, out;

static void
check(struct span value, int type, int64_t max_text)
{
	uint64_t cut = 0;
	const char *why;

	buf_clear(&out);
	why = value_put(type, value, max_text, &cut, &out);
	if (why != NULL) {
		if (out.len != 0)
			abort();
		return;
	}
	buf_pad(&out);
	if (scan_value(&scan, out.p) != out.p + out.len || scan_utf8(out.p, out.len) != NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int types[] = { 1, 2, 3, 4, 5, 7, 11, 13, 15, 17, 18, 21, 22, 23, 99 };
	struct address a;

	buf_clear(&line);
	buf_add(&line, data, size);
	if (address_parse(&a, buf_str(&line))) {
		if (a.token == NULL || a.token[0] == '\0')
			abort();
		address_free(&a);
	}
	buf_pad(&line);
	if (scan_utf8(line.p, line.len) != NULL || scan_value(&scan, line.p) != line.p + line.len)
		return 0;
	/* The value begins behind the blanks. */
	struct span value = { line.p, line.len };

	while (value.len > 0 && (value.p[0] == ' ' || value.p[0] == '\t' || value.p[0] == '\r'))
		value.p++, value.len--;
	value.len = (size_t)(json_skip(value.p) - value.p);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		check(value, types[i], 0);
		check(value, types[i], 3);
	}
	buf_clear(&out);
	value_cell_text(value, &out);
	(void)value_guess_type(value);
	return 0;
}
