#include "feishu/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "feishu/address.h"
#include "feishu/wiki.h"
#include "json/str.h"

#define TOO_MUCH 90221

/* Say what is wrong, in place of what the reply says. */
static enum feishu_result
wrong(struct spreadsheet *s, enum feishu_result result, const char *what)
{
	buf_clear(&s->reply.error);
	buf_adds(&s->reply.error, what);
	return result;
}

/* ---- the list of sheets ---- */

static char *
text_member(struct span object, const char *name)
{
	struct span v;

	return json_member(object, name, strlen(name), &v) ? json_text(v) : NULL;
}

/* A count or an index, at most max. */
static bool
number_member(struct span object, const char *name, uint32_t max, uint32_t *n)
{
	struct span v;
	double d;

	if (!json_member(object, name, strlen(name), &v) || v.p[0] < '0' || v.p[0] > '9')
		return false;
	d = strtod(v.p, NULL);
	*n = d < max ? (uint32_t)d : max;
	return true;
}

/* The service counts from 0, and the ends belong to the merge. */
static void
add_merge(struct sheet *sheet, struct span item)
{
	struct range m;

	if (!number_member(item, "start_row_index", GRID_MOST_ROWS, &m.top) ||
	    !number_member(item, "end_row_index", GRID_MOST_ROWS, &m.bottom) ||
	    !number_member(item, "start_column_index", GRID_MOST_COLUMNS, &m.left) ||
	    !number_member(item, "end_column_index", GRID_MOST_COLUMNS, &m.right) || m.bottom < m.top || m.right < m.left)
		return;
	sheet->merges = mem_grow(sheet->merges, &sheet->merges_cap, sheet->n_merges + 1, sizeof *sheet->merges);
	sheet->merges[sheet->n_merges++] = (struct range){ m.top + 1, m.left + 1, m.bottom + 1, m.right + 1 };
}

static void
free_sheet(struct sheet *sheet)
{
	free(sheet->id);
	free(sheet->title);
	free(sheet->kind);
	free(sheet->merges);
}

static int
by_top(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->top != y->top ? (x->top < y->top ? -1 : 1) : x->left < y->left ? -1 : x->left > y->left;
}

static bool
read_sheet(struct span item, struct sheet *sheet)
{
	struct span grid, v, merge;
	struct json_iter it;

	*sheet = (struct sheet){ .id = text_member(item, "sheet_id"), .title = text_member(item, "title"),
	    .kind = text_member(item, "resource_type") };
	if (sheet->id == NULL || sheet->title == NULL)
		return false;
	sheet->hidden = JSON_MEMBER(item, "hidden", &v) && v.p[0] == 't';
	if (!sheet_has_cells(sheet))
		return true;
	if (!JSON_MEMBER(item, "grid_properties", &grid) || !number_member(grid, "row_count", GRID_MOST_ROWS, &sheet->rows) ||
	    !number_member(grid, "column_count", GRID_MOST_COLUMNS, &sheet->columns))
		return false;
	if (JSON_MEMBER(item, "merges", &v) && v.p[0] == '[')
		for (it = json_open(v); json_next_element(&it, &merge); )
			add_merge(sheet, merge);
	if (sheet->n_merges != 0)
		qsort(sheet->merges, sheet->n_merges, sizeof *sheet->merges, by_top);
	return true;
}

enum feishu_result
spreadsheet_list(struct spreadsheet *s, struct sheets *list)
{
	struct buf path = { 0 };
	struct span items, item;
	struct json_iter it;
	enum feishu_result r;

	buf_adds(&path, "/open-apis/sheets/v3/spreadsheets/");
	http_escape(&path, s->token);
	buf_adds(&path, "/sheets/query");
	r = feishu_call(s->feishu, "GET", buf_str(&path), NULL, FEISHU_READS, &s->reply);
	buf_free(&path);
	if (r != FEISHU_OK)
		return r;
	if (!JSON_MEMBER(s->reply.data, "sheets", &items) || items.p[0] != '[')
		return wrong(s, FEISHU_GAVE_UP, "Feishu's answer holds no sheets");
	for (it = json_open(items); json_next_element(&it, &item); list->n++) {
		list->v = mem_grow(list->v, &list->cap, list->n + 1, sizeof *list->v);
		if (!read_sheet(item, &list->v[list->n])) {
			free_sheet(&list->v[list->n]);
			return wrong(s, FEISHU_GAVE_UP, "Feishu's answer holds a sheet without its id, title or size");
		}
	}
	return FEISHU_OK;
}

void
sheets_free(struct sheets *list)
{
	for (size_t i = 0; i < list->n; i++)
		free_sheet(&list->v[i]);
	free(list->v);
	*list = (struct sheets){ 0 };
}

const struct sheet *
sheets_find(const struct sheets *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].id, name) == 0)
			return &list->v[i];
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].title, name) == 0)
			return &list->v[i];
	return NULL;
}

bool
sheet_has_cells(const struct sheet *sheet)
{
	return sheet->kind == NULL || strcmp(sheet->kind, "sheet") == 0;
}

/* ---- finding the spreadsheet ---- */

static enum feishu_result
open_node(struct spreadsheet *s, const char *node)
{
	struct wiki_node n;
	enum feishu_result r = wiki_resolve(s->feishu, node, &n, &s->reply);

	if (r != FEISHU_OK)
		return r;
	if (strcmp(n.type, "sheet") == 0) {
		free(s->token);
		s->token = mem_dup(n.token, strlen(n.token));
		r = spreadsheet_list(s, &s->sheets);
	} else {
		buf_clear(&s->reply.error);
		buf_addf(&s->reply.error, "the wiki page is a %s, not a spreadsheet%s", n.type,
		    strcmp(n.type, "bitable") == 0 ? ": use bt-fetch" : "");
		r = FEISHU_REFUSED;
	}
	wiki_node_free(&n);
	return r;
}

/* No spreadsheet by this token? */
static bool
is_unknown(long code)
{
	return code == 1310214 || code == 91402 || (code >= 90210 && code <= 90215);
}

/* It may be a wiki page's token; if it is not, the first answer is the better one. */
static enum feishu_result
open_token(struct spreadsheet *s, const char *token)
{
	enum feishu_result r = spreadsheet_list(s, &s->sheets);
	struct feishu_reply first;

	if (r != FEISHU_REFUSED || !is_unknown(s->reply.code))
		return r;
	first = s->reply;
	s->reply = (struct feishu_reply){ 0 };
	r = open_node(s, token);
	if (r == FEISHU_REFUSED && s->reply.code != 0) {
		feishu_reply_free(&s->reply);
		s->reply = first;
	} else {
		feishu_reply_free(&first);
	}
	return r;
}

bool
spreadsheet_init(struct spreadsheet *s, const struct http_policy *policy)
{
	*s = (struct spreadsheet){ 0 };
	s->feishu = feishu_new(policy, &s->reply.error);
	return s->feishu != NULL;
}

enum feishu_result
spreadsheet_open(struct spreadsheet *s, const char *address, char **named)
{
	enum feishu_result r = FEISHU_REFUSED;
	struct address a;

	*named = NULL;
	if (!address_parse(&a, address)) {
		buf_addf(&s->reply.error, "'%s' is neither the address of a spreadsheet or wiki page nor a token", address);
		return FEISHU_REFUSED;
	}
	s->token = mem_dup(a.token, strlen(a.token));
	switch (a.kind) {
	case ADDRESS_BASE:
		(void)wrong(s, r, "this is the address of a base, not of a spreadsheet: use bt-fetch");
		break;
	case ADDRESS_WIKI:
		r = open_node(s, a.token);
		break;
	case ADDRESS_SHEETS:
		r = spreadsheet_list(s, &s->sheets);
		break;
	case ADDRESS_TOKEN:
		r = open_token(s, a.token);
		break;
	}
	if (a.sheet != NULL)
		*named = mem_dup(a.sheet, strlen(a.sheet));
	address_free(&a);
	return r;
}

void
spreadsheet_free(struct spreadsheet *s)
{
	sheets_free(&s->sheets);
	free(s->token);
	feishu_reply_free(&s->reply);
	feishu_free(s->feishu);
}

/* ---- cells ---- */

enum feishu_result
spreadsheet_read(struct spreadsheet *s, const struct sheet *sheet, const struct range *range, enum sheet_dates dates,
    struct span *rows)
{
	struct buf path = { 0 };
	struct span values, revision;
	enum feishu_result r;

	buf_adds(&path, "/open-apis/sheets/v2/spreadsheets/");
	http_escape(&path, s->token);
	buf_adds(&path, "/values/");
	http_escape(&path, sheet->id);
	buf_addc(&path, '!');
	range_put(range, &path);
	/* Values that formulas have given, and numbers as they are, not as they are shown. */
	buf_adds(&path, "?valueRenderOption=UnformattedValue&user_id_type=open_id");
	if (dates == SHEET_DATES_TEXT)
		buf_adds(&path, "&dateTimeRenderOption=FormattedString");
	r = feishu_call(s->feishu, "GET", buf_str(&path), NULL, FEISHU_READS, &s->reply);
	buf_free(&path);
	if (r != FEISHU_OK)
		return r;
	if (!JSON_MEMBER(s->reply.data, "valueRange", &values) || values.p[0] != '{')
		return wrong(s, FEISHU_GAVE_UP, "Feishu's answer holds no valueRange");
	if (JSON_MEMBER(values, "revision", &revision))
		s->revision = strtoll(revision.p, NULL, 10);
	if (!JSON_MEMBER(values, "values", rows) || rows->p[0] != '[')
		*rows = (struct span){ "[]", 2 };	/* nothing there */
	return FEISHU_OK;
}

bool
spreadsheet_too_much(const struct spreadsheet *s)
{
	return s->reply.code == TOO_MUCH || feishu_kind(s->reply.code) == FEISHU_LESS;
}
