/*
 * block.c - a sheet, block by block of its rows.
 *
 * The service gives at most 10 MB at once, and gives no pages: the rows of a block are chosen so that an
 * answer is of about a megabyte, which is what memory follows.
 */
#include "base/msg.h"
#include "base/progress.h"
#include "base/std.h"
#include "sheet-fetch/fetch.h"

#define ANSWER_BYTES	(1u << 20)
#define FIRST_CELLS	4000u		/* of a sheet that nothing is known of yet */
#define MOST_GROWTH	8u
#define TOO_MUCH_BY	8u		/* what is too much has 10 MB, and a tenth of that is wanted */
#define OUT_BYTES	(1u << 20)	/* about a block: the next one is asked for before this one is written */

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

bool
area_of(const struct sheet *sheet, struct range *area)
{
	*area = (struct range){ 0 };
	if (opts.range != NULL)
		(void)range_parse(opts.range, area);
	area->top += area->top == 0;
	area->left += area->left == 0;
	area->bottom = area->bottom == 0 ? sheet->rows : least(area->bottom, sheet->rows);
	area->right = area->right == 0 ? sheet->columns : least(area->right, sheet->columns);
	return area->top <= area->bottom && area->left <= area->right;
}

static uint32_t
first_size(const struct range *area)
{
	uint32_t n = FIRST_CELLS / (area->right - area->left + 1);

	return n == 0 ? 1 : least(n, SHEET_MOST_ROWS);
}

/* How many rows make an answer of the right size, if these n are like others. */
static uint32_t
next_size(uint32_t n, size_t bytes)
{
	uint64_t want = (uint64_t)n * ANSWER_BYTES / (bytes == 0 ? 1 : bytes);

	if (want > (uint64_t)n * MOST_GROWTH)
		want = (uint64_t)n * MOST_GROWTH;
	return want == 0 ? 1 : want > SHEET_MOST_ROWS ? SHEET_MOST_ROWS : (uint32_t)want;
}

/* Ask for block->top and the rows behind it, for fewer where they are too much for an answer: block->bottom tells. */
static struct span
read_block(const struct sheet *sheet, struct range *block)
{
	enum sheet_dates dates = opts.dates == NULL ? SHEET_DATES_TEXT : SHEET_DATES_NUMBER;
	struct span list;

	for (;;) {
		enum feishu_result r = spreadsheet_read(&fetch.book, sheet, block, dates, &list);

		if (r == FEISHU_OK)
			return list;
		if (r != FEISHU_REFUSED || !spreadsheet_too_much(&fetch.book))
			failed(r, sheet->title);
		if (block->bottom == block->top)
			give_up(ST_FAILED, "%s: row %u alone is more than the service gives; read fewer columns (--range)", sheet->title,
			    block->top);
		block->bottom = block->top + (block->bottom - block->top) / TOO_MUCH_BY;
	}
}

static void
note_revision(int64_t *first)
{
	if (*first == 0)
		*first = fetch.book.revision;
	fetch.edited = fetch.edited || fetch.book.revision != *first;
}

static void
take_block(const struct sheet *sheet, const struct range *block, struct span list)
{
	struct json_iter it = json_open(list);
	struct span row;

	for (uint32_t n = block->top; json_next_element(&it, &row); n++) {
		if (n > block->bottom || row.p[0] != '[')
			give_up(ST_FAILED, "%s: row %u: the service gives something else than the rows that it was asked for",
			    sheet->title, n);
		rows_take(n, row);
		if (fetch.out.len >= OUT_BYTES)
			std_flush(&fetch.out);
	}
}

void
fetch_sheet(const struct sheet *sheet)
{
	static int64_t revision;
	struct range area, block;
	uint32_t n;

	if (!area_of(sheet, &area))
		return;
	rows_begin(sheet, &area);
	block = area;
	for (n = first_size(&area); block.top <= area.bottom; block.top = block.bottom + 1) {
		struct span list;

		block.bottom = least(area.bottom, block.top + n - 1);
		list = read_block(sheet, &block);
		note_revision(&revision);
		n = next_size(block.bottom - block.top + 1, fetch.book.reply.body.len);
		take_block(sheet, &block, list);
		fetch.done += block.bottom - block.top + 1;
		progress_show(fetch.written, fetch.done, fetch.total);
	}
	rows_end();
}
