/* SQL cut into statements and parameters; PostgreSQL's values as JSON. */
#include "unit.h"

#include "store/pg_value.h"
#include "store/sql_text.h"

/* All statements of a text, each followed by its parameters: "stmt|a,b|" and a newline. */
static void
check_cut(const char *text, const char *want)
{
	struct buf sql = { 0 }, got = { 0 };
	struct sql_names names = { 0 };
	const char *p = text;

	while (sql_next(&p, &sql, &names)) {
		buf_add(&got, sql.p, sql.len);
		buf_addc(&got, '|');
		for (size_t i = 0; i < names.n; i++) {
			buf_add(&got, names.name[i].p, names.name[i].len);
			buf_addc(&got, ' ');
		}
		buf_addc(&got, '\n');
	}
	check_text(buf_str(&got), got.len, want);
	free(names.name);
	buf_free(&sql);
	buf_free(&got);
}

static void
test_cut(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "", "" },
		{ " ; ;\n", "" },
		{ "a", "a|\n" },
		{ "a;b ; ", "a|\nb |\n" },
		{ "x = :a and y = :b or :a", "x = $1 and y = $2 or $1|a b \n" },
		{ "':a;' \":a;\" :a", "':a;' \":a;\" $1|a \n" },
		{ "'it''s :a' E'\\':a' e'\\\\' :b", "'it''s :a' E'\\':a' e'\\\\' $1|b \n" },
		{ "E'a' \n '\\':b;' :c; E'a' '\\';:d", "E'a' \n '\\':b;' $1|c \nE'a' '\\'|\n$1|d \n" },
		{ "name'\\';:a", "name'\\'|\n$1|a \n" },
		{ "-- :a;\n:b", "-- :a;\n$1|b \n" },
		{ "/* :a; /* ; */ :a */ :b", "/* :a; /* ; */ :a */ $1|b \n" },
		{ "$$:a;$$ $t$ $$ :a; $x$ $t$ :b", "$$:a;$$ $t$ $$ :a; $x$ $t$ $1|b \n" },
		{ "a$b$ :c $b$", "a$b$ $1 $b$|c \n" },
		{ ":a::int, b::text, c := 1", "$1::int, b::text, c := 1|a \n" },
		{ "LIMIT:a OFFSET:b", "LIMIT $1 OFFSET $2|a b \n" },
		{ ":a:b", "$1 $2|a b \n" },
		{ "x[1 : 2], x[:a]", "x[1 : 2], x[$1]|a \n" },
		{ "rule (a; b); c", "rule (a; b)|\nc|\n" },
		{ "'open :a; ", "'open :a; |\n" },
		{ "/* open ;", "/* open ;|\n" },
		{ "$q$ open ;", "$q$ open ;|\n" },
		{ ":\xe5\x8f\xb0 :1 :", "$1 :1 :|\xe5\x8f\xb0 \n" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++)
		check_cut(cases[i].text, cases[i].want);
}

static void
test_values(void **state)
{
	static const struct { unsigned oid; const char *text, *want; } cases[] = {
		{ 20, "-9223372036854775808", "-9223372036854775808" },
		{ 1700, "0.500", "0.500" },
		{ 1700, "NaN", "\"NaN\"" },
		{ 1700, "-Infinity", "\"-Infinity\"" },
		{ 701, "1", "1.0" },
		{ 701, "1e+300", "1e+300" },
		{ 701, "-Infinity", "\"-Infinity\"" },
		{ 16, "f", "false" },
		{ 17, "\\x", "\"\"" },
		{ 17, "\\x00ff", "\"AP8=\"" },
		{ 1184, "2021-01-01 00:00:00.25+00", "\"2021-01-01T00:00:00.25Z\"" },
		{ 1184, "infinity", "\"infinity\"" },
		{ 1184, "0044-03-15 00:00:00+00 BC", "\"0044-03-15 00:00:00+00 BC\"" },
		{ 1114, "2021-01-01 00:00:00", "\"2021-01-01T00:00:00\"" },
		{ 1114, "0044-03-15 00:00:00 BC", "\"0044-03-15 00:00:00 BC\"" },
		{ 1114, "10000-01-01 00:00:00", "\"10000-01-01 00:00:00\"" },
		{ 1007, "{}", "[]" },
		{ 1007, "{{1,2},{3,NULL}}", "[[1,2],[3,null]]" },
		{ 1007, "[0:1]={1,2}", "[1,2]" },
		{ 1009, "{\"a,\\\"}\",\"NULL\",\"\",x}", "[\"a,\\\"}\",\"NULL\",\"\",\"x\"]" },
		{ 1009, "{", "[" },			/* never sent; must only end */
		{ 1009, "{\"", "[\"\"" },
		{ 1700, "", "\"\"" },
		{ 1231, "{\"\"}", "[\"\"]" },
		{ 3807, "{\"{\\\"a\\\": 1}\"}", "[{\"a\": 1}]" },
		{ 25, "\x01\"", "\"\\u0001\\\"\"" },
		{ 99999, "(1,2)", "\"(1,2)\"" },
	};
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		buf_clear(&out);
		pg_put_json(cases[i].oid, cases[i].text, strlen(cases[i].text), &out);
		check_text(out.p, out.len, cases[i].want);
	}
	buf_free(&out);
}

static void
test_doubles(void **state)
{
	static const struct { double d; const char *want; } cases[] = {
		{ 0.1, "0.1" }, { 1, "1.0" }, { 1e300, "1e+300" }, { 5e-324, "4.94065645841247e-324" }, { 0.30000000000000004, "0.30000000000000004" },
		{ -0.0, "-0.0" }, { 9007199254740992, "9007199254740992.0" },
	};
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		buf_clear(&out);
		db_put_double(cases[i].d, &out);
		check_text(out.p, out.len, cases[i].want);
		assert_true(strtod(buf_str(&out), NULL) == cases[i].d);
	}
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_doubles),
	};

	return cmocka_run_group_tests_name("sql", tests, NULL, NULL);
}
