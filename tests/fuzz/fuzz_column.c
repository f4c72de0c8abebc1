/*
 * fuzz_column - records for sql-load: the columns that are inferred from one take all of its values, and what any other kind of column
 * takes is what its database can store; as COPY's text it stays one field.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "sql-load/convert.c"
#include "sql-load/infer.c"
#include "store/pg_value.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scan record;
static struct buf line, copy;

static void
check_cell(struct converter *cv, enum db_kind kind, struct db_cell cell)
{
	const char *p = cv->text.p + cell.at;

	must(cell.form == DB_NULL || cell.at + cell.len <= cv->text.len);
	if (cell.form == DB_NULL)
		return;
	if (cell.form != DB_BLOB && !cv->holds_nul)
		must(memchr(p, '\0', cell.len) == NULL);
	if (cell.form != DB_BLOB)
		must(scan_utf8(p, cell.len) == NULL);
	if (cell.form == DB_INT && kind == DB_INTEGER) {
		must(number_is_integer((struct span){ p, cell.len }) && number_fits_64((struct span){ p, cell.len }));
		must(strspn(p, "-0123456789") >= cell.len);
	}
	buf_clear(&copy);
	pg_put_copy(&cell, cv->text.p, '\t', &copy);
	for (size_t i = 0; i < copy.len; i++)
		must((copy.p[i] == '\t' && i + 1 == copy.len) || (copy.p[i] != '\t' && copy.p[i] != '\n' && copy.p[i] != '\r'));
}

/* As a column of the kind.  False: it does not take the value. */
static bool
take(enum db_kind kind, bool holds_nul, struct span v)
{
	struct db_column c = { .name = (char[]){ "c" }, .len = 1, .kind = kind };
	struct converter cv = { .holds_nul = holds_nul };
	struct db_cell cell;
	const char *why;

	buf_adds(&cv.text, "before");
	why = convert(&cv, &c, v, &cell);
	if (why == NULL)
		check_cell(&cv, kind, cell);
	must(why == NULL || *why != '\0');
	converter_free(&cv);
	return why == NULL;
}

static void
check_record(void)
{
	struct db_table t = { .name = "t" };
	struct infer in = { 0 };
	struct buf name = { 0 };

	must(infer_record(&in, &t, &record));
	infer_kinds(&in, &t, NULL);
	for (size_t i = 0; i < record.n; i++) {
		long at;

		buf_clear(&name);
		json_decode(record.m[i].key, &name);
		(void)buf_str(&name);
		must((at = db_find_column(&t, name.p, name.len)) != -1);
		must(take(t.column[at].kind, true, record.m[i].val));
		for (int kind = DB_INTEGER; kind <= DB_ANY; kind++) {
			(void)take((enum db_kind)kind, true, record.m[i].val);
			(void)take((enum db_kind)kind, false, record.m[i].val);
		}
	}
	db_table_free(&t);
	buf_free(&name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	buf_clear(&line);
	buf_add(&line, data, size);
	free(types_check(buf_str(&line)));
	buf_pad(&line);
	if (scan_utf8(line.p, line.len) == NULL && scan_record(&record, line.p) == line.p + line.len)
		check_record();
	return 0;
}
