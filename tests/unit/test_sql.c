/* SQL cut into statements and parameters; PostgreSQL's values as JSON. */
#include "unit.h"

#include "base/mem.h"
#include "json/str.h"
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
		/* Never sent by a server that is well. */
		{ 1009, "{", "\"{\"" },
		{ 1009, "{\"", "\"{\\\"\"" },
		{ 1009, "", "\"\"" },
		{ 1007, "{1,,2}", "\"{1,,2}\"" },
		{ 20, "", "\"\"" },
		{ 23, "007", "\"007\"" },
		{ 23, "1\"", "\"1\\\"\"" },
		{ 1700, "1,2", "\"1,2\"" },
		{ 701, "1e", "\"1e\"" },
		{ 701, "0x10", "\"0x10\"" },
		{ 114, "", "\"\"" },
		{ 114, "{\"a\":1", "\"{\\\"a\\\":1\"" },
		{ 114, "1}\n{\"b\":2", "\"1}\\n{\\\"b\\\":2\"" },
		{ 114, "\"a\nb\"", "\"\\\"a\\nb\\\"\"" },
		{ 114, "\"\xe9\"", "\"\\\"\xef\xbf\xbd\\\"\"" },
		{ 1114, "2021-01-01 00:00:0\"", "\"2021-01-01 00:00:0\\\"\"" },
		{ 17, "\\000\\377", "\"\\\\000\\\\377\"" },	/* as SET bytea_output TO escape has it */
		{ 17, "", "\"\"" },
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

/* Text is copied until something needs an escape; all of it is as json_encode writes it. */
static void
test_text(void **state)
{
	static const unsigned oids[] = { 25, 1043 };
	struct buf want = { 0 }, got = { 0 };
	char text[40];

	(void)state;
	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < sizeof text; at += 13) {
			memset(text, 'a', sizeof text);
			text[at] = (char)c;
			buf_clear(&want);
			buf_clear(&got);
			buf_addc(&want, '[');
			buf_addc(&got, '[');
			json_encode(text, sizeof text, &want);
			pg_put_json(oids[c % 2], text, sizeof text, &got);
			check_text(got.p, got.len, buf_str(&want));
		}
	buf_clear(&got);
	pg_put_json(25, "", 0, &got);
	check_text(got.p, got.len, "\"\"");
	buf_free(&want);
	buf_free(&got);
}

static void
test_copy(void **state)
{
	static const char text[] = "-12\\a\tb\r\nc\\.\xe5\x8f\xb0";
	static const struct { struct db_cell cell; char behind; const char *want; } cases[] = {
		{ { DB_NULL, 0, 0 }, '\t', "\\N\t" },
		{ { DB_INT, 0, 3 }, '\n', "-12\n" },
		{ { DB_STRING, 3, 0 }, '\t', "\t" },
		{ { DB_STRING, 0, sizeof text - 1 }, '\t', "-12\\\\a\\tb\\r\\nc\\\\.\xe5\x8f\xb0\t" },
		{ { DB_BLOB, 0, 4 }, '\n', "\\\\x2d31325c\n" },
		{ { DB_BLOB, 0, 0 }, '\t', "\\\\x\t" },
	};
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		buf_clear(&out);
		pg_put_copy(&cases[i].cell, text, cases[i].behind, &out);
		check_text(out.p, out.len, cases[i].want);
	}
	/* Each byte may become two. */
	for (size_t n = 1; n < 300; n++) {
		char *tabs = mem_alloc(n);
		struct buf b = { 0 };

		memset(tabs, '\t', n);
		pg_put_copy(&(struct db_cell){ DB_STRING, 0, n }, tabs, '\n', &b);
		assert_int_equal(b.len, 2 * n + 1);
		buf_free(&b);
		free(tabs);
	}
	buf_free(&out);
}

static void
test_names(void **state)
{
	static const char *const names[] = { "a", "a", "a_2", "a", "x\"", "" };
	static const char *const want[] = { "{\"a\":", ",\"a_2\":", ",\"a_2_2\":", ",\"a_3\":", ",\"x\\\"\":", ",\"\":" };
	struct db_names n = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(names); i++) {
		db_names_add(&n, names[i]);
		check_text(n.name[i].p, n.name[i].len, want[i]);
	}
	db_names_free(&n);
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
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_doubles),
	};

	return cmocka_run_group_tests_name("sql", tests, NULL, NULL);
}
