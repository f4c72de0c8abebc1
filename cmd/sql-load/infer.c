/* The columns of a new table, from the rows of the first batch: the narrowest type that holds all of a member's values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/str.h"
#include "sql-load/load.h"

#define MOST_COLUMNS 32767	/* SQLite's utmost; a name is looked for among all of them */

enum {
	INT = 1, REAL = 2, WIDE = 4,	/* WIDE: a double does not hold all its digits */
	HUGE_ = 8,			/* an integer beyond 64 bits */
	BOOL = 16, STRING = 32, TIME = 64, DEEP = 128,
};

static unsigned
sort_of(struct span v)
{
	int64_t ms;
	bool zoned = false;

	switch (v.p[0]) {
	case 'n':
		return 0;
	case 't': case 'f':
		return BOOL;
	case '{': case '[':
		return DEEP;
	case '"':
		return v.len > 12 && time_parse(json_inside(v), &ms, &zoned) && zoned ? TIME : STRING;
	default:
		break;
	}
	if (number_is_integer(v))
		return INT | (number_fits_64(v) ? 0u : HUGE_) | (number_fits_double(v) ? 0u : WIDE);
	return REAL | (number_fits_double(v) && v.len <= 18 ? 0u : WIDE);
}

static enum db_kind
kind_of(unsigned seen)
{
	if (seen & DEEP)
		return DB_JSON;
	if (seen == BOOL)
		return DB_BOOLEAN;
	if (seen == TIME)
		return DB_TIME;
	if (seen == 0 || (seen & (BOOL | STRING | TIME)) != 0)
		return DB_TEXT;
	if (seen & REAL)
		return seen & (WIDE | HUGE_) ? DB_NUMERIC : DB_REAL;
	return seen & HUGE_ ? DB_NUMERIC : DB_INTEGER;
}

bool
infer_record(struct infer *in, struct db_table *t, const struct scan *record)
{
	struct buf name = { 0 };

	for (size_t i = 0; i < record->n && t->n <= MOST_COLUMNS; i++) {
		long at;

		buf_clear(&name);
		json_decode(record->m[i].key, &name);
		(void)buf_str(&name);
		if ((at = db_find_column(t, name.p, name.len)) == -1) {
			at = (long)t->n;
			db_add_column(t, name.p, name.len, DB_TEXT, false);
			in->seen = mem_grow(in->seen, &in->cap, t->n, sizeof *in->seen);
			in->seen[at] = 0;
		}
		in->seen[at] |= sort_of(record->m[i].val);
	}
	buf_free(&name);
	return t->n <= MOST_COLUMNS;
}

/* The next COLUMN=TYPE at *p.  Returns 1, 0 at the end, or -1: it is something else.  A name may hold '='. */
static int
next_type(const char **p, struct span *name, int *kind)
{
	size_t len = strcspn(*p, ",");
	const char *equal = memrchr(*p, '=', len), *known = DB_TYPES;

	if (**p == '\0')
		return 0;
	if (equal == NULL || equal == *p)
		return -1;
	*name = (struct span){ *p, (size_t)(equal - *p) };
	len -= name->len + 1;
	for (*kind = 0; ; (*kind)++) {
		size_t n = strcspn(known, "|");

		if (n == len && memcmp(known, equal + 1, n) == 0)
			break;
		if (known[n] == '\0')
			return -1;
		known += n + 1;
	}
	*p = equal + 1 + len + (equal[1 + len] == ',');
	return 1;
}

char *
types_check(const char *types)
{
	struct span name;
	char *why;
	int kind, r;

	while ((r = next_type(&types, &name, &kind)) > 0)
		;
	if (r == 0 || asprintf(&why, "'%.60s' is not COLUMN=TYPE with one of the types %s", types, DB_TYPES) == -1)
		return NULL;
	return why;
}

void
infer_kinds(struct infer *in, struct db_table *t, const char *types)
{
	struct span name;
	int kind;

	for (size_t i = 0; i < t->n; i++)
		t->column[i].kind = kind_of(in->seen[i]);
	free(in->seen);
	*in = (struct infer){ 0 };
	while (types != NULL && next_type(&types, &name, &kind) > 0) {
		long at = db_find_column(t, name.p, name.len);

		if (at == -1)
			db_add_column(t, name.p, name.len, (enum db_kind)kind, false);
		else
			t->column[at].kind = (enum db_kind)kind;
	}
}
