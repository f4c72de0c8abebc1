/*
 * fuzz_cell - any JSON value as the cell of every type of field: what comes out must be JSON in UTF-8, and a second time the
 * same; a text must be taken back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "feishu/cell.h"
#include "feishu/value.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scan scan;
static struct buf line, out, again;

static void
check(int type, struct span cell)
{
	uint64_t cut = 0;

	buf_clear(&out);
	cell_put(type, cell, &out);
	buf_clear(&again);
	cell_put(type, cell, &again);
	if (again.len != out.len || memcmp(again.p, out.p, out.len) != 0)
		abort();
	buf_pad(&out);
	if (scan_value(&scan, out.p) != out.p + out.len || scan_utf8(out.p, out.len) != NULL)
		abort();
	buf_clear(&again);
	if (type == FIELD_TEXT && value_put(type, (struct span){ out.p, out.len }, 0, &cut, &again) != NULL)
		abort();
	/* Empty is null. */
	if (type != 0 && type != FIELD_BUTTON && out.len == 2 && (out.p[0] == '[' || out.p[0] == '"'))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int types[] = { 0, 1, 2, 3, 4, 5, 7, 11, 13, 15, 17, 18, 19, 20, 21, 22, 23, 1001, 1002, 1003, 1004, 1005, 3001 };

	buf_clear(&line);
	buf_add(&line, data, size);
	buf_pad(&line);
	if (scan_utf8(line.p, line.len) != NULL || scan_value(&scan, line.p) != line.p + line.len)
		return 0;
	/* The value begins behind the blanks. */
	struct span cell = { line.p, line.len };

	while (cell.len > 0 && (cell.p[0] == ' ' || cell.p[0] == '\t' || cell.p[0] == '\r'))
		cell.p++, cell.len--;
	cell.len = (size_t)(json_skip(cell.p) - cell.p);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		check(types[i], cell);
	return 0;
}
