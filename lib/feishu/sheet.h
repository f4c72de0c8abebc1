/*
 * sheet.h - a Feishu spreadsheet: its sheets, and their cells by the range.
 *
 * Every call leaves its outcome in s->reply (client.h).
 *
 * https://open.feishu.cn/document/server-docs/docs/sheets-v3/overview
 */
#ifndef FEISHU_SHEET_H
#define FEISHU_SHEET_H

#include "feishu/client.h"
#include "feishu/grid.h"

#define SHEET_MOST_ROWS 5000	/* to ask for at once */

struct sheet {
	char	*id, *title;	/* owned, as all here; title decoded */
	char	*kind;		/* "sheet": has cells; others are bases and the like in the place of a sheet */
	uint32_t rows, columns;	/* of the grid, with the empty ones at its end */
	bool	 hidden;
	struct range *merges;
	size_t	 n_merges, merges_cap;
};

struct sheets {
	struct sheet *v;	/* in the order of the tabs */
	size_t	 n, cap;
};

struct spreadsheet {
	struct feishu *feishu;	/* owned, as all */
	char	*token;
	struct sheets sheets;
	int64_t	 revision;	/* of the last range that was read */
	struct feishu_reply reply;
};

/* Credentials as feishu_new takes them.  False: what is missing stands in s->reply.error.  spreadsheet_free in any case. */
bool	spreadsheet_init(struct spreadsheet *s, const struct http_policy *policy);
/*
 * Find the spreadsheet: an address (of a spreadsheet or wiki page) or a token; then list its sheets.
 * *named is new, the id of the sheet that the address names, or NULL.
 */
enum feishu_result spreadsheet_open(struct spreadsheet *s, const char *address, char **named);
void	spreadsheet_free(struct spreadsheet *s);

/* List the sheets, as they are now; sheets_free. */
enum feishu_result spreadsheet_list(struct spreadsheet *s, struct sheets *list);
void	sheets_free(struct sheets *list);
/* By id, else by title; NULL: none. */
const struct sheet *sheets_find(const struct sheets *list, const char *name);
bool	sheet_has_cells(const struct sheet *sheet);

enum sheet_dates { SHEET_DATES_TEXT, SHEET_DATES_NUMBER };
/*
 * Read a range without open ends, within the grid.  *rows is an array of rows, which are arrays of cells, in
 * the reply; empty rows at the end, and empty cells at the end of a row, may be left out.
 */
enum feishu_result spreadsheet_read(struct spreadsheet *s, const struct sheet *sheet, const struct range *range,
	    enum sheet_dates dates, struct span *rows);
/* Was the range refused because the answer would be too large (10 MB)?  Then fewer rows may be had. */
bool	spreadsheet_too_much(const struct spreadsheet *s);

#endif
