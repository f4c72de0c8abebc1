/*
 * sheet-fetch - read a Feishu spreadsheet; see sheet-fetch(1)
 *
 * fetch.h says where to find what.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "sheet-fetch/fetch.h"

struct options opts = { .header = 1, .http = HTTP_POLICY };
struct fetch fetch;

static int64_t begun;

static const struct opt table[] = {
	OPT_FLAG('a', "all-sheets", &opts.all_sheets, "all sheets, each row with its sheet's title as _sheet"),
	OPT_FEISHU_AS,
	OPT_NAME(0, "dates", "COL,COL...", &opts.dates, "columns (by key or letters) that hold dates: write them as times"),
	OPT_NUMBER('H', "header", &opts.header, 0, GRID_MOST_ROWS, "row with the keys (default 1, the first); 0: keys are letters"),
	OPT_HTTP(&opts.http),
	OPT_FLAG(0, "links", &opts.links, "write the address of a link instead of its text"),
	OPT_PROGRESS(&opts.progress),
	OPT_NAME('r', "range", "A1:D9", &opts.range, "only this part of the sheet (A:D: columns, A2:D: from row 2 on)"),
	OPT_FLAG(0, "raw", &opts.raw, "write each row's array of cells as the service gives it"),
	OPT_FLAG('n', "row-number", &opts.row_numbers, "add the number of the row in the sheet as _row"),
	OPT_NAME('s', "sheet", "ID|TITLE", &opts.sheet, "the sheet (default: the one that the address names, or the first)"),
	OPT_NAME(0, "tz", "ZONE", &opts.tz, "time zone of the --dates columns, such as +08:00 (default UTC)"),
};

static const struct tool tool = {
	.name = "sheet-fetch",
	.synopsis = "[-s ID|TITLE | -a] [-r RANGE] [-H N] [options] URL|TOKEN",
	.summary = "Read a Feishu spreadsheet: its rows as NDJSON, with the header's names as keys.",
	.example = "  sheet-fetch -s Staff 'https://acme.feishu.cn/sheets/shtcnAbc123' >staff.ndjson",
	.environment =
	    "  FEISHU_APP_ID, FEISHU_APP_SECRET  the app's credentials (or NAME_FILE: read from a file)\n"
	    "  FEISHU_ENDPOINT                   API address (default https://open.feishu.cn)\n"
	    "  FEISHU_USER_ACCESS_TOKEN          act as this user instead of as the app",
	.opts = table, .n_opts = sizeof table / sizeof *table, .min_args = 1, .max_args = 1,
};

/* ---- endings ---- */

/* The next block has been asked for, and is waited for: what there is goes out. */
static void
flush(void *unused)
{
	(void)unused;
	std_flush(&fetch.out);
}

static void
summary(void)
{
	verbose("read=%llu written=%llu requests=%llu seconds=%.1f", (unsigned long long)fetch.read,
	    (unsigned long long)fetch.written,
	    (unsigned long long)(fetch.book.feishu == NULL ? 0 : feishu_requests(fetch.book.feishu)),
	    (double)(when_mono() - begun) / 1e3);
}

void
give_up(int status, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	std_flush(&fetch.out);
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (fetch.written == 0)
		warn("%s", text);
	else
		warn("%s; %llu rows were written, which may not be all", text, (unsigned long long)fetch.written);
	summary();
	exit(status);
}

void
failed(enum feishu_result result, const char *what)
{
	const char *why = buf_str(&fetch.book.reply.error);

	if (result == FEISHU_INTERRUPTED) {
		progress_clear();
		std_flush(&fetch.out);
		summary();
		exit(sig_exit(ST_FAILED));
	}
	give_up(result == FEISHU_REFUSED && fetch.written == 0 ? ST_USAGE : ST_FAILED, what == NULL ? "%s%s" : "%s: %s",
	    what == NULL ? "" : what, why);
}

/* ---- options ---- */

static const char *
parse_options(int argc, char *argv[])
{
	struct range unused;

	(void)opt_parse(&tool, argc, argv);
	if (opts.range != NULL && !range_parse(opts.range, &unused))
		opt_misuse("--range: '%s' is none; such are A1:D9, A:D, A2:D and 2:9", opts.range);
	if (opts.all_sheets && opts.sheet != NULL)
		opt_misuse("--sheet and --all-sheets exclude each other");
	if (opts.raw && (opts.all_sheets || opts.row_numbers || opts.dates != NULL || opts.links))
		opt_misuse("--raw writes arrays as they are: it goes without --all-sheets, --dates, --links and --row-number");
	if (opts.tz != NULL && opts.dates == NULL)
		opt_misuse("--tz is of the columns that --dates names");
	if (opts.tz != NULL && !when_zone(opts.tz))
		die(ST_USAGE, "--tz: %s: no such time zone here", opts.tz);
	return argv[0];
}

/* ---- which sheets ---- */

static void
put_titles(const struct sheet *but, struct buf *out)
{
	const struct sheets *list = &fetch.book.sheets;
	bool first = true;

	for (size_t i = 0; i < list->n; i++) {
		if (&list->v[i] == but || !sheet_has_cells(&list->v[i]))
			continue;
		buf_addf(out, "%s%s", first ? "" : ", ", list->v[i].title);
		first = false;
	}
	if (first)
		buf_adds(out, "none");
}

static const struct sheet *
first_sheet(void)
{
	const struct sheets *list = &fetch.book.sheets;
	const struct sheet *first = NULL;
	struct buf others = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (!sheet_has_cells(&list->v[i]))
			continue;
		n++;
		if (first == NULL || (first->hidden && !list->v[i].hidden))
			first = &list->v[i];
	}
	if (first == NULL)
		die(ST_USAGE, "the spreadsheet has no sheet with cells");
	if (n > 1) {
		put_titles(first, &others);
		note("reading the sheet '%s'; --sheet or --all-sheets for the others: %s", first->title, buf_str(&others));
	}
	buf_free(&others);
	return first;
}

static const struct sheet *
named_sheet(const char *name)
{
	const struct sheet *sheet = sheets_find(&fetch.book.sheets, name);
	struct buf titles = { 0 };

	put_titles(NULL, &titles);
	if (sheet == NULL)
		die(ST_USAGE, "the spreadsheet has no sheet '%s'; it has: %s", name, buf_str(&titles));
	if (!sheet_has_cells(sheet))
		die(ST_USAGE, "the sheet '%s' is a %s, which has no cells; sheets with cells: %s", sheet->title, sheet->kind,
		    buf_str(&titles));
	buf_free(&titles);
	return sheet;
}

static uint64_t
rows_of(const struct sheet *sheet)
{
	struct range area;

	return area_of(sheet, &area) ? area.bottom - area.top + 1 : 0;
}

/* ---- the order of work ---- */

static void
fetch_one(const struct sheet *sheet)
{
	fetch.total = rows_of(sheet);
	if (fetch.total == 0 && opts.range != NULL)
		die(ST_USAGE, "--range: the sheet '%s' has only %u rows and %u columns", sheet->title, sheet->rows, sheet->columns);
	if (opts.header > 1 && (uint64_t)opts.header > fetch.total && !opts.raw)
		die(ST_USAGE, "--header: there are only %llu rows to read in the sheet '%s'", (unsigned long long)fetch.total, sheet->title);
	fetch_sheet(sheet);
}

static void
fetch_all(void)
{
	const struct sheets *list = &fetch.book.sheets;
	char *name;

	for (size_t i = 0; i < list->n; i++)
		if (sheet_has_cells(&list->v[i]))
			fetch.total += rows_of(&list->v[i]);
		else
			note("the sheet '%s' is a %s, which has no cells: left out", list->v[i].title, list->v[i].kind);
	for (size_t i = 0; i < list->n; i++)
		if (sheet_has_cells(&list->v[i]))
			fetch_sheet(&list->v[i]);
	if ((name = keys_unknown_date()) != NULL)
		warn("--dates: no sheet has a column '%s'", name);
	free(name);
}

/*
 * Blocks are asked for by their numbers: where rows were put in or taken out meanwhile, some are missing now, or
 * came twice.  only: the sheet that was read, NULL for all.
 */
static void
check_unmoved(const struct sheet *only)
{
	const struct sheets *was = &fetch.book.sheets;
	struct sheets now = { 0 };
	enum feishu_result r = spreadsheet_list(&fetch.book, &now);

	if (r != FEISHU_OK)
		failed(r, NULL);
	for (size_t i = 0; i < was->n; i++) {
		const struct sheet *then = &was->v[i], *sheet = sheets_find(&now, then->id);

		if (only != NULL && then != only)
			continue;
		if (sheet == NULL || sheet->rows != then->rows || sheet->columns != then->columns)
			give_up(ST_FAILED, "the sheet '%s' was changed in size while it was read: run again", then->title);
	}
	sheets_free(&now);
	if (fetch.edited)
		warn("the spreadsheet was edited while it was read: rows that were moved may be missing or stand twice");
}

int
main(int argc, char *argv[])
{
	const struct sheet *sheet = NULL;
	const char *address;
	char *named;
	enum feishu_result r;
	int status;

	begun = when_mono();
	address = parse_options(argc, argv);	/* does not return on misuse */
	sig_catch();
	sig_ignore_pipe();
	if (!spreadsheet_init(&fetch.book, &opts.http))
		die(ST_USAGE, "%s", buf_str(&fetch.book.reply.error));
	io_tune(1);
	feishu_on_idle(fetch.book.feishu, flush, NULL);
	if ((r = spreadsheet_open(&fetch.book, address, &named)) != FEISHU_OK)
		failed(r, NULL);
	if (!opts.all_sheets && (opts.sheet != NULL || named != NULL))
		sheet = named_sheet(opts.sheet != NULL ? opts.sheet : named);
	else if (!opts.all_sheets)
		sheet = first_sheet();

	progress_start((enum progress_when)opts.progress, "rows", true);
	if (sheet != NULL)
		fetch_one(sheet);
	else
		fetch_all();
	check_unmoved(sheet);
	std_flush(&fetch.out);
	progress_clear();

	status = std_close(ST_OK);		/* a full disk shows up here */
	summary();
	free(named);
	buf_free(&fetch.out);
	spreadsheet_free(&fetch.book);
	return sig_exit(status);
}
