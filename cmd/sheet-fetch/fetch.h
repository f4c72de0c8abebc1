/*
 * fetch.h - what the parts of sheet-fetch share.
 *
 *   main.c    options, the order of work, endings
 *   block.c   a sheet, block by block of its rows
 *   row.c     a row of cells into a line: keys, merged cells, dates
 *   keys.c    the header into keys
 */
#ifndef SHEET_FETCH_H
#define SHEET_FETCH_H

#include "base/opt.h"
#include "feishu/sheet.h"

extern struct options {
	const char *sheet, *range, *dates, *tz;
	bool	 all_sheets, raw, row_numbers, links;
	int64_t	 header;		/* row of the area; 0: none */
	int	 progress;
	struct http_policy http;
} opts;

extern struct fetch {
	struct spreadsheet book;
	uint64_t written, read;		/* rows */
	uint64_t done, total;		/* of the grids, for the progress */
	bool	 edited;		/* while it was read */
	struct buf out;			/* whole lines for stdout */
} fetch;

/* ---- main.c ---- */

/* Flush, say what happened and how far it came, and end; not for misuse. */
void	give_up(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
/* After a call that failed: the status follows from what was done before. */
void	failed(enum feishu_result result, const char *what) __attribute__((noreturn));

/* ---- block.c ---- */

/* The part of the sheet that is asked for, without open ends.  False: the sheet has no such part. */
bool	area_of(const struct sheet *sheet, struct range *area);
void	fetch_sheet(const struct sheet *sheet);

/* ---- row.c ---- */

void	rows_begin(const struct sheet *sheet, const struct range *area);
/* Rows come in order; empty ones may be left out.  cells is an array. */
void	rows_take(uint32_t row, struct span cells);
void	rows_end(void);

/* ---- keys.c ---- */

struct key {
	char	*name;		/* owned; decoded */
	size_t	 len;
	char	*text;		/* owned; "name": as JSON, with what separates it from the member before */
	size_t	 text_len;
	bool	 named;		/* by the header; else by its letters */
	bool	 date;
};

/* The keys of columns first .. first + n - 1, from the header's cells (len 0: none there).  Returns new; keys_free. */
struct key *keys_make(const struct span *header, size_t n, uint32_t first);
void	keys_free(struct key *keys, size_t n);
/* Mark the columns that --dates names. */
void	keys_mark_dates(struct key *keys, size_t n, uint32_t first);
/* Was each of --dates found in some sheet?  Otherwise the first that was not, new; NULL: all were. */
char	*keys_unknown_date(void);

#endif
