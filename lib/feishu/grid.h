/*
 * grid.h - ranges of a spreadsheet, and what its cells hold, as plain JSON.
 *
 * Rows and columns count from 1; column 1 is "A".
 *
 * https://open.feishu.cn/document/server-docs/docs/sheets-v3/overview
 */
#ifndef FEISHU_GRID_H
#define FEISHU_GRID_H

#include <stdint.h>

#include "base/buf.h"
#include "json/scan.h"

#define GRID_MOST_COLUMNS 18278		/* "ZZZ" */
#define GRID_MOST_ROWS 99999999

struct range {
	uint32_t top, left, bottom, right;	/* 0: open; all inclusive */
};

/* "A1:D9", "A:D" (whole columns), "A2:D" (to the end), "2:9" (whole rows), "B2".  False: none, or its end is before its start. */
bool	range_parse(const char *text, struct range *r);
/* Append a range without open ends, as the service wants it. */
void	range_put(const struct range *r, struct buf *out);
/* Append the letters of a column. */
void	column_put(uint32_t column, struct buf *out);
/* The column with these letters, of either case; 0: they are none. */
uint32_t column_parse(const char *text, size_t len);

/*
 * Append a cell, as the values call gives it, as a plain JSON value: rich text is joined, a choice of several values is a list,
 * and a form that nobody knows passes as it is.  links: of a link its address, not its text.  Returns
 * false where the cell is empty (null or "" is appended).
 */
bool	grid_put(struct span cell, bool links, struct buf *out);

/* Append the cell's text, decoded. */
void	grid_text(struct span cell, struct buf *out);

/* The moment that a cell's number means as a date: days since 1899-12-30, of the sheet's own clock.  False: it is no such number. */
bool	grid_date(struct span cell, int64_t *ms);

#endif
