/*
 * fuzz_sql - text of SQL cut into statements, which cannot be cut again; and values in the text form of PostgreSQL, which
 * become JSON whatever the server says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "store/pg_value.h"
#include "store/sql_text.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A statement without parameters is one. */
static void
check_statement(const struct buf *statement)
{
	struct buf text = { 0 }, again = { 0 };
	struct sql_names names = { 0 };
	const char *p;

	buf_add(&text, statement->p, statement->len);
	p = buf_str(&text);
	must(sql_next(&p, &again, &names) && names.n == 0 && *p == '\0');
	must(again.len == text.len && memcmp(again.p, text.p, text.len) == 0);
	buf_free(&text);
	buf_free(&again);
	free(names.name);
}

static void
check_sql(const char *text)
{
	struct buf statement = { 0 };
	struct sql_names names = { 0 };
	const char *p = text, *from = text;

	while (sql_next(&p, &statement, &names)) {
		must(p > from && statement.len != 0 && strchr(" \t\r\n;", statement.p[0]) == NULL);
		for (size_t i = 0; i < names.n; i++)
			must(names.name[i].p > from && names.name[i].p[-1] == ':' && names.name[i].p + names.name[i].len <= p);
		if (names.n == 0)
			check_statement(&statement);
		from = p;
	}
	must(p[strspn(p, " \t\r\n;")] == '\0');
	buf_free(&statement);
	free(names.name);
}

/* The first byte chooses the type. */
static void
check_value(unsigned choice, const char *p, size_t len)
{
	static const unsigned types[] = {
		16, 17, 19, 25, 1042, 1043, 1082, 1114, 1184, 2950, 12345, 20, 114, 701, 1700, 1009, 1007, 1001, 1185, 3807, 199, 1000, 1022, 1231,
	};
	struct buf text = { 0 }, out = { 0 };
	struct scan scan = { 0 };

	choice %= sizeof types / sizeof *types;
	buf_add(&text, p, len);
	buf_adds(&out, "before");
	pg_put_json(types[choice], buf_str(&text), len, &out);
	buf_pad(&out);
	must(memcmp(out.p, "before", 6) == 0);
	must(scan_utf8(out.p, out.len) == NULL && scan_value(&scan, out.p + 6) == out.p + out.len);
	buf_free(&text);
	buf_free(&out);
	scan_free(&scan);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = { 0 };

	buf_add(&text, data, size);
	check_sql(buf_str(&text));
	if (size > 0)
		check_value(data[0], (const char *)data + 1, size - 1);
	buf_free(&text);
	return 0;
}
