/* test_grid - ranges of a spreadsheet, and its cells as plain JSON */

#include "unit.h"

#include "base/when.h"
#include "feishu/grid.h"

static void
columns(void **state)
{
	static const struct { uint32_t n; const char *text; } table[] = {
		{ 1, "A" }, { 2, "B" }, { 26, "Z" }, { 27, "AA" }, { 52, "AZ" }, { 53, "BA" }, { 702, "ZZ" }, { 703, "AAA" },
		{ GRID_MOST_COLUMNS, "ZZZ" },
	};
	static const char *const bad[] = { "", "1", "A1", "AAAA", "a-", "@", "[", "`", "{", " A", "\xc3\x84" };
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		buf_clear(&out);
		column_put(table[i].n, &out);
		check_text(out.p, out.len, table[i].text);
		assert_int_equal(column_parse(table[i].text, strlen(table[i].text)), table[i].n);
	}
	for (uint32_t n = 1; n <= GRID_MOST_COLUMNS; n++) {
		buf_clear(&out);
		column_put(n, &out);
		assert_int_equal(column_parse(out.p, out.len), n);
	}
	assert_int_equal(column_parse("az", 2), 52);
	for (size_t i = 0; i < N_OF(bad); i++)
		assert_int_equal(column_parse(bad[i], strlen(bad[i])), 0);
	buf_free(&out);
}

static void
ranges(void **state)
{
	static const struct { const char *text; struct range r; } table[] = {	/* top, left, bottom, right */
		{ "A1:D9", { 1, 1, 9, 4 } }, { "a1:d9", { 1, 1, 9, 4 } }, { "B2", { 2, 2, 2, 2 } }, { "A:D", { 0, 1, 0, 4 } },
		{ "A2:D", { 2, 1, 0, 4 } }, { "A:D9", { 0, 1, 9, 4 } }, { "2:9", { 2, 0, 9, 0 } }, { "B", { 0, 2, 0, 2 } }, { "7", { 7, 0, 7, 0 } },
		{ "B2:9", { 2, 2, 9, 0 } }, { "ZZZ99999999:ZZZ99999999", { 99999999, 18278, 99999999, 18278 } }, { "A01", { 1, 1, 1, 1 } },
	};
	static const char *const bad[] = {
		"", ":", "A1:", ":B2", "A0", "0", "0:1", "A1:B0", "B1:A2", "A2:B1", "9:2", "A1:B2:C3", "A1 :B2", " A1", "A1 ", "AAAA1", "A100000000",
		"A1:B99999999999999999999", "A-1", "A+1", "1A", "A1B", "S!A1", "A1;B2", "\xe4\xb8\xad:1",
	};
	struct range r;

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		if (!range_parse(table[i].text, &r))
			fail_msg("'%s' is refused", table[i].text);
		assert_int_equal(r.top, table[i].r.top);
		assert_int_equal(r.left, table[i].r.left);
		assert_int_equal(r.bottom, table[i].r.bottom);
		assert_int_equal(r.right, table[i].r.right);
	}
	for (size_t i = 0; i < N_OF(bad); i++)
		if (range_parse(bad[i], &r))
			fail_msg("'%s' is taken", bad[i]);
}

#define TEXT(s)		"{\"type\":\"text\",\"text\":" s "}"
#define URL(t, l)	"{\"type\":\"url\",\"text\":" t ",\"link\":" l ",\"cellPosition\":null}"

static void
cells(void **state)
{
	static const struct { const char *cell; bool links; const char *value, *text; bool empty; } table[] = {
		{ "null", false, "null", "", true },
		{ "\"\"", false, "\"\"", "", true },
		{ "\"a\\u4e2d\\n\"", false, "\"a\\u4e2d\\n\"", "a\xe4\xb8\xad\n", false },	/* as it is spelled */
		{ "1.0", false, "1.0", "1.0", false },
		{ "1e400", false, "1e400", "1e400", false },
		{ "12345678901234567890", false, "12345678901234567890", "12345678901234567890", false },
		{ "-0.10", false, "-0.10", "-0.10", false },
		{ "true", false, "true", "true", false },
		{ "\"#DIV/0!\"", false, "\"#DIV/0!\"", "#DIV/0!", false },
		{ "[]", false, "null", "", true },
		{ "[" TEXT("\"a\"") "," TEXT("\"\\ud83d\\ude00\\\"\"") "]", false, "\"a\xf0\x9f\x98\x80\\\"\"", "a\xf0\x9f\x98\x80\"", false },
		{ "[" TEXT("\"12\"") "]", false, "\"12\"", "12", false },	/* text stays text */
		{ TEXT("\"x\""), false, "\"x\"", "x", false },
		{ "[" TEXT("\"\"") "," TEXT("\"\"") "]", false, "null", "", true },
		{ URL("\"T\"", "\"https://l\""), false, "\"T\"", "T", false },
		{ URL("\"T\"", "\"https://l\""), true, "\"https://l\"", "T", false },
		{ URL("\"T\"", "\"\""), true, "\"T\"", "T", false },
		{ URL("\"T\"", "null"), true, "\"T\"", "T", false },
		{ URL("\"\"", "\"https://l\""), false, "\"https://l\"", "https://l", false },
		{ "[" TEXT("\"see \"") "," URL("\"T\"", "\"https://l\"") "]", true, "\"see https://l\"", "see T", false },
		{ "[\"a\",1,true,null,\"b\"]", false, "\"a1trueb\"", "a1trueb", false },
		{ "{\"type\":\"mention\",\"text\":\"@\xe5\xbc\xa0\",\"token\":\"ou_1\"}", false, "\"@\xe5\xbc\xa0\"", "@\xe5\xbc\xa0", false },
		{ "{\"type\":\"mention\",\"text\":\"\",\"token\":\"ou_1\"}", false, "\"ou_1\"", "ou_1", false },
		{ "{\"type\":\"embed-image\",\"fileToken\":\"box\",\"width\":1}", false, "\"box\"", "box", false },
		{ "{\"type\":\"embed-image\",\"fileToken\":\"box\",\"link\":\"https://i\"}", false, "\"https://i\"", "https://i", false },
		{ "{\"type\":\"multipleValue\",\"values\":[\"a\",1.50,\"b\"]}", false, "[\"a\",1.50,\"b\"]", "a, 1.50, b", false },
		{ "[{\"type\":\"multipleValue\",\"values\":[\"a\"]}]", false, "[\"a\"]", "a", false },
		{ "[" TEXT("\"x \"") ",{\"type\":\"multipleValue\",\"values\":[\"a\",\"b\"]}]", false, "\"x a, b\"", "x a, b", false },
		/* what nobody knows passes whole */
		{ "{\"type\":\"chart\"}", false, "{\"type\":\"chart\"}", "{\"type\":\"chart\"}", false },
		{ "[" TEXT("\"a\"") ",{}]", false, "[" TEXT("\"a\"") ",{}]", "[" TEXT("\"a\"") ",{}]", false },
		{ "[[\"a\"]]", false, "[[\"a\"]]", "[[\"a\"]]", false },
		{ "{\"values\":[[1]],\"x\":1}", false, "[[1]]", "{\"values\":[[1]],\"x\":1}", false },
		{ "{\"values\":3}", false, "{\"values\":3}", "{\"values\":3}", false },
		{ "{\"text\":7}", false, "{\"text\":7}", "{\"text\":7}", false },
		{ "{\"text\":null}", false, "null", "", true },
	};
	struct scan s = { 0 };
	struct buf line = { 0 }, out = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		struct span cell = { put_line(&line, table[i].cell, strlen(table[i].cell)), strlen(table[i].cell) };

		assert_non_null(scan_value(&s, line.p));
		buf_clear(&out);
		if (grid_put(cell, table[i].links, &out) == table[i].empty)
			fail_msg("%s: empty or not?", table[i].cell);
		check_text(out.p, out.len, table[i].value);
		buf_clear(&out);
		grid_text(cell, &out);
		check_text(out.len == 0 ? "" : out.p, out.len, table[i].text);
	}
	buf_free(&line);
	buf_free(&out);
	scan_free(&s);
}

static void
dates(void **state)
{
	static const struct { const char *cell, *time; } table[] = {
		{ "0", "1899-12-30T00:00:00.000Z" }, { "0.5", "1899-12-30T12:00:00.000Z" }, { "1", "1899-12-31T00:00:00.000Z" },
		{ "-1.25", "1899-12-28T18:00:00.000Z" }, { "25569", "1970-01-01T00:00:00.000Z" }, { "25568.99999", "1969-12-31T23:59:59.136Z" },
		{ "44562", "2022-01-01T00:00:00.000Z" }, { "45000.5", "2023-03-15T12:00:00.000Z" }, { "4.50005e4", "2023-03-15T12:00:00.000Z" },
		{ "45000.999988425926", "2023-03-15T23:59:59.000Z" }, { "2958465", "9999-12-31T00:00:00.000Z" },
		{ "-693593", "0001-01-01T00:00:00.000Z" },
	};
	static const char *const bad[] = { "2958466", "-693594", "1e308", "1e400", "-1e400", "null", "true", "\"45000\"", "[45000]", "{}" };
	struct buf line = { 0 };
	char text[WHEN_SIZE];
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		struct span cell = { put_line(&line, table[i].cell, strlen(table[i].cell)), strlen(table[i].cell) };

		if (!grid_date(cell, &ms))
			fail_msg("%s is refused", table[i].cell);
		assert_string_equal(when_format(ms, text), table[i].time);
	}
	for (size_t i = 0; i < N_OF(bad); i++) {
		struct span cell = { put_line(&line, bad[i], strlen(bad[i])), strlen(bad[i]) };

		if (grid_date(cell, &ms))
			fail_msg("%s is taken", bad[i]);
	}
	buf_free(&line);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns), cmocka_unit_test(ranges), cmocka_unit_test(cells), cmocka_unit_test(dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
