/*
 * fuzz_grid - any text as a range, any JSON value as a cell of a spreadsheet: what is written must be JSON in
 * UTF-8, and what is a range must be one again when it is written.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "feishu/grid.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scan scan;
static struct buf line, out;

static void
check_range(const char *text)
{
	struct range r, again;

	if (!range_parse(text, &r))
		return;
	r.top += r.top == 0;
	r.left += r.left == 0;
	r.bottom = r.bottom == 0 ? GRID_MOST_ROWS : r.bottom;
	r.right = r.right == 0 ? GRID_MOST_COLUMNS : r.right;
	buf_clear(&out);
	range_put(&r, &out);
	if (!range_parse(buf_str(&out), &again) || memcmp(&r, &again, sizeof r) != 0)
		abort();
}

static void
check_cell(struct span cell, bool links)
{
	int64_t ms;

	buf_clear(&out);
	(void)grid_put(cell, links, &out);
	buf_pad(&out);
	if (scan_value(&scan, out.p) != out.p + out.len || scan_utf8(out.p, out.len) != NULL)
		abort();
	buf_clear(&out);
	grid_text(cell, &out);
	buf_pad(&out);
	if (scan_utf8(out.p, out.len) != NULL)
		abort();
	if (grid_date(cell, &ms) && (ms < INT64_C(-62135596800000) || ms > INT64_C(253402300799999)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span cell;

	buf_clear(&line);
	buf_add(&line, data, size);
	check_range(buf_str(&line));
	buf_pad(&line);
	if (scan_utf8(line.p, line.len) != NULL || scan_value(&scan, line.p) != line.p + line.len)
		return 0;
	/* The value begins behind the blanks. */
	cell = (struct span){ line.p, line.len };
	while (cell.len > 0 && (cell.p[0] == ' ' || cell.p[0] == '\t' || cell.p[0] == '\r'))
		cell.p++, cell.len--;
	cell.len = (size_t)(json_skip(cell.p) - cell.p);
	check_cell(cell, false);
	check_cell(cell, true);
	return 0;
}
