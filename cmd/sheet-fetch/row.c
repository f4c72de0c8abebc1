/*
 * row.c - a row of cells into a line.
 *
 * A merge has its value in its first cell only, and the service gives nothing for the others: they get the
 * value here.  Whether a row is empty is judged before, so that a merge over two rows does not make two
 * records of what the reader sees as one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/std.h"
#include "base/when.h"
#include "json/str.h"
#include "sheet-fetch/fetch.h"

static struct {
	const struct sheet *sheet;
	struct range area;
	uint32_t header;		/* its row; 0: none */
	size_t	 n;			/* columns */
	struct key *keys;		/* NULL: the header has not come yet */
	struct buf title;		/* as JSON */
	struct span *cells;		/* of the row; len 0: it has none there */
	uint32_t last;			/* row that was written, with --raw */
	size_t	 next;			/* merge that has not begun yet */
	struct active {
		const struct range *merge;
		char	*value;		/* owned; padded for the iterators */
		size_t	 len;
	} *active;			/* merges that reach this row */
	size_t	 n_active, active_cap;
} rows;

void
rows_begin(const struct sheet *sheet, const struct range *area)
{
	rows.sheet = sheet;
	rows.area = *area;
	rows.header = opts.header == 0 ? 0 : area->top + (uint32_t)opts.header - 1;
	rows.n = area->right - area->left + 1;
	rows.cells = mem_zero(rows.n, sizeof *rows.cells);
	rows.next = 0;
	rows.last = area->top - 1;
	buf_clear(&rows.title);
	json_encode(sheet->title, strlen(sheet->title), &rows.title);
}

void
rows_end(void)
{
	keys_free(rows.keys, rows.n);
	rows.keys = NULL;
	for (size_t i = 0; i < rows.n_active; i++)
		free(rows.active[i].value);
	free(rows.active);
	rows.active = NULL;
	rows.n_active = rows.active_cap = 0;
	free(rows.cells);
	rows.cells = NULL;
	buf_free(&rows.title);
}

static bool
is_empty(struct span cell)
{
	return cell.len == 0 || json_is_null(cell) || (json_is_string(cell) && cell.len == 2);
}

/* ---- merged cells ---- */

static struct span *
cell_at(uint32_t column)
{
	return &rows.cells[column - rows.area.left];
}

static void
drop_ended(uint32_t row)
{
	size_t n = 0;

	for (size_t i = 0; i < rows.n_active; i++)
		if (rows.active[i].merge->bottom < row)
			free(rows.active[i].value);
		else
			rows.active[n++] = rows.active[i];
	rows.n_active = n;
}

/* Those that begin here, and have a value.  The reply that holds it will be gone in the rows to come. */
static void
add_begun(uint32_t row)
{
	for (; rows.next < rows.sheet->n_merges && rows.sheet->merges[rows.next].top <= row; rows.next++) {
		const struct range *m = &rows.sheet->merges[rows.next];
		struct buf value = { 0 };
		struct span cell;

		if (m->top != row || m->left < rows.area.left || m->left > rows.area.right)
			continue;
		cell = *cell_at(m->left);
		if (is_empty(cell))
			continue;
		buf_add(&value, cell.p, cell.len);
		buf_pad(&value);
		rows.active = mem_grow(rows.active, &rows.active_cap, rows.n_active + 1, sizeof *rows.active);
		rows.active[rows.n_active++] = (struct active){ m, value.p, value.len };
	}
}

static void
fill_merged(uint32_t row)
{
	drop_ended(row);
	add_begun(row);
	for (size_t i = 0; i < rows.n_active; i++) {
		const struct active *a = &rows.active[i];

		for (uint32_t c = a->merge->left; c <= a->merge->right && c <= rows.area.right; c++)
			if (is_empty(*cell_at(c)))
				*cell_at(c) = (struct span){ a->value, a->len };
	}
}

/* ---- a row ---- */

/* The row's cells into rows.cells.  True: one of them has something in it. */
static bool
read_cells(uint32_t row, struct span cells)
{
	struct json_iter it = json_open(cells);
	struct span cell;
	bool some = false;
	size_t i;

	for (i = 0; json_next_element(&it, &cell); i++) {
		if (i >= rows.n)
			give_up(ST_FAILED, "%s: row %u: the service gives more cells than it was asked for", rows.sheet->title, row);
		rows.cells[i] = cell;
		some = some || !is_empty(cell);
	}
	for (; i < rows.n; i++)
		rows.cells[i] = (struct span){ "", 0 };
	return some;
}

static void
put_date(int64_t ms)
{
	char text[WHEN_SIZE];

	buf_addf(&fetch.out, "\"%s\"", when_format(opts.tz == NULL ? ms : when_local(ms), text));
}

static void
put_member(const struct key *k, struct span cell)
{
	size_t len = fetch.out.len;
	int64_t ms;
	bool some = false;

	buf_add(&fetch.out, k->text, k->text_len);
	if (cell.len == 0) {
		buf_adds(&fetch.out, "null");
	} else if (k->date && grid_date(cell, &ms)) {
		put_date(ms);
		some = true;
	} else {
		some = grid_put(cell, opts.links, &fetch.out);
	}
	/* A column that nobody has named is not missed where it is empty: grids are wider than tables. */
	if (!some && !k->named)
		fetch.out.len = len;
}

static void
put_row(uint32_t row)
{
	size_t start = fetch.out.len;

	if (opts.all_sheets) {
		buf_adds(&fetch.out, ",\"_sheet\":");
		buf_add(&fetch.out, rows.title.p, rows.title.len);
	}
	if (opts.row_numbers)
		buf_addf(&fetch.out, ",\"_row\":%u", row);
	for (size_t i = 0; i < rows.n; i++)
		put_member(&rows.keys[i], rows.cells[i]);
	fetch.out.p[start] = '{';		/* the first comma */
	buf_adds(&fetch.out, "}\n");
	fetch.written++;
}

static void
use_header(void)
{
	rows.keys = keys_make(rows.cells, rows.n, rows.area.left);
	keys_mark_dates(rows.keys, rows.n, rows.area.left);
	if (!opts.all_sheets) {
		char *name = keys_unknown_date();

		if (name != NULL)
			give_up(ST_USAGE, "--dates: the sheet '%s' has no column '%s'", rows.sheet->title, name);
	}
}

/* Empty rows at the end of a block are left out; here they count, so that the n-th line is the n-th row. */
static void
put_raw(uint32_t row, struct span cells)
{
	while (++rows.last < row) {
		buf_adds(&fetch.out, "[]\n");
		fetch.written++;
	}
	buf_add(&fetch.out, cells.p, cells.len);
	buf_addc(&fetch.out, '\n');
	fetch.written++;
}

void
rows_take(uint32_t row, struct span cells)
{
	bool some;

	fetch.read++;
	if (opts.raw) {
		put_raw(row, cells);
		return;
	}
	if (rows.keys == NULL && row > rows.header) {	/* a header that is left out is an empty one */
		(void)read_cells(rows.header, (struct span){ "[]", 2 });
		fill_merged(rows.header);
		use_header();
	}
	some = read_cells(row, cells);
	fill_merged(row);
	if (row == rows.header)
		use_header();
	else if (row > rows.header && some)
		put_row(row);
}
