/* google/rows.h: each type of column, and answers that are none. */
#include "unit.h"

#include "google/rows.h"

static void
check(const char *schema, const char *row, const char *want)
{
	struct buf s = { 0 }, r = { 0 }, error = { 0 }, out = { 0 };
	struct columns c;

	put_line(&s, schema, strlen(schema));
	put_line(&r, row, strlen(row));
	if (!columns_read(&c, (struct span){ s.p, s.len }, &error)) {
		assert_string_equal(buf_str(&error), want);
	} else if (!columns_put_row(&c, (struct span){ r.p, r.len }, &out)) {
		assert_string_equal("no row", want);
		assert_int_equal(out.len, 0);
	} else {
		struct scan scan = { 0 };

		assert_string_equal(buf_str(&out), want);
		buf_pad(&out);
		assert_true(scan_record(&scan, out.p) == out.p + out.len);
		scan_free(&scan);
	}
	columns_free(&c);
	buf_free(&s);
	buf_free(&r);
	buf_free(&error);
	buf_free(&out);
}

#define ONE(type) "{\"fields\":[{\"name\":\"c\",\"type\":\"" type "\"}]}"
#define LIST(type) "{\"fields\":[{\"name\":\"c\",\"type\":\"" type "\",\"mode\":\"REPEATED\"}]}"
#define ROW(v) "{\"f\":[{\"v\":" v "}]}"

static void
values(void **state)
{
	static const struct { const char *schema, *row, *want; } t[] = {
		{ ONE("INTEGER"), ROW("\"9223372036854775807\""), "{\"c\":9223372036854775807}" },
		{ ONE("INT64"), ROW("\"-1\""), "{\"c\":-1}" },
		{ ONE("INTEGER"), ROW("\"01\""), "{\"c\":\"01\"}" },
		{ ONE("FLOAT"), ROW("\"1.0E-7\""), "{\"c\":1.0E-7}" },
		{ ONE("FLOAT64"), ROW("\"-Infinity\""), "{\"c\":\"-Infinity\"}" },
		{ ONE("NUMERIC"), ROW("\"123456789012345678901234567.123456789\""), "{\"c\":123456789012345678901234567.123456789}" },
		{ ONE("BOOLEAN"), ROW("\"false\""), "{\"c\":false}" },
		{ ONE("STRING"), ROW("\"\\u8cc7\\n\\\"\""), "{\"c\":\"\\u8cc7\\n\\\"\"}" },
		{ ONE("STRING"), ROW("null"), "{\"c\":null}" },
		{ ONE("DATE"), ROW("\"2024-01-02\""), "{\"c\":\"2024-01-02\"}" },
		{ ONE("TIMESTAMP"), ROW("\"1704126600000000\""), "{\"c\":\"2024-01-01T16:30:00Z\"}" },
		{ ONE("TIMESTAMP"), ROW("\"1704126600000001\""), "{\"c\":\"2024-01-01T16:30:00.000001Z\"}" },
		{ ONE("TIMESTAMP"), ROW("\"1704126600120000\""), "{\"c\":\"2024-01-01T16:30:00.12Z\"}" },
		{ ONE("TIMESTAMP"), ROW("\"-1\""), "{\"c\":\"1969-12-31T23:59:59.999999Z\"}" },
		{ ONE("TIMESTAMP"), ROW("\"-62135596800000000\""), "{\"c\":\"0001-01-01T00:00:00Z\"}" },
		{ ONE("TIMESTAMP"), ROW("\"253402300799999999\""), "{\"c\":\"9999-12-31T23:59:59.999999Z\"}" },
		{ ONE("TIMESTAMP"), ROW("\"253402300800000000\""), "{\"c\":\"253402300800000000\"}" },
		{ ONE("TIMESTAMP"), ROW("\"-9223372036854775808\""), "{\"c\":\"-9223372036854775808\"}" },
		{ ONE("TIMESTAMP"), ROW("\"1.7041266E9\""), "{\"c\":\"1.7041266E9\"}" },
		{ ONE("JSON"), ROW("\"{\\\"a\\\":[1,\\\"\\\\u4e2d\\\"]}\""), "{\"c\":{\"a\":[1,\"\\u4e2d\"]}}" },
		{ ONE("JSON"), ROW("\"no {\""), "{\"c\":\"no {\"}" },
		{ LIST("INTEGER"), ROW("[{\"v\":\"1\"},{\"v\":\"2\"}]"), "{\"c\":[1,2]}" },
		{ LIST("INTEGER"), ROW("[]"), "{\"c\":[]}" },
		{ LIST("STRING"), ROW("null"), "{\"c\":[]}" },
		{ "{\"fields\":[{\"name\":\"a\",\"type\":\"STRING\"},{\"name\":\"r\",\"type\":\"RECORD\",\"mode\":\"REPEATED\",\"fields\":"
		  "[{\"name\":\"x\",\"type\":\"INTEGER\"},{\"name\":\"y\",\"type\":\"BOOL\"}]}]}",
		  "{\"f\":[{\"v\":\"t\"},{\"v\":[{\"v\":{\"f\":[{\"v\":\"1\"},{\"v\":null}]}},{\"v\":{\"f\":[{\"v\":null},{\"v\":\"true\"}]}}]}]}",
		  "{\"a\":\"t\",\"r\":[{\"x\":1,\"y\":null},{\"x\":null,\"y\":true}]}" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++)
		check(t[i].schema, t[i].row, t[i].want);
}

static void
refused(void **state)
{
	struct buf deep = { 0 };

	(void)state;
	check("{\"fields\":[{\"name\":\"c\",\"type\":\"STRING\"},{\"name\":\"c\",\"type\":\"DATE\"}]}", "{}",
	    "two columns are named \"c\": rename one with AS");
	check("{}", "{}", "a schema without fields");
	check("{\"fields\":[{}]}", "{}", "a column without a name");
	check(ONE("STRING"), "{\"f\":[]}", "no row");
	check(ONE("STRING"), "{\"f\":[{\"v\":\"1\"},{\"v\":\"2\"}]}", "no row");
	check(ONE("STRING"), "[]", "no row");
	check(ONE("STRING"), "{\"f\":[1]}", "no row");
	check(ONE("INTEGER"), ROW("1"), "no row");
	check(LIST("INTEGER"), ROW("\"1\""), "no row");
	check("{\"fields\":[{\"name\":\"r\",\"type\":\"RECORD\",\"fields\":[]}]}", ROW("\"x\""), "no row");
	for (int i = 0; i < 20; i++)
		buf_adds(&deep, "{\"name\":\"r\",\"type\":\"RECORD\",\"fields\":[");
	for (int i = 0; i < 20; i++)
		buf_adds(&deep, "]}");
	check(buf_str(&deep), "{}", "a schema without fields");
	buf_free(&deep);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(values), cmocka_unit_test(refused) };

	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
