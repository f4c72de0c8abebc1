/* test_str - text into JSON strings and out of them */

#include "unit.h"

#include "base/when.h"
#include "json/str.h"
#include "json/utf8.h"

static void
decode(void **state)
{
	static const struct { const char *raw, *text; } table[] = {
		{ "", "" }, { "abc", "abc" }, { "\\u0041", "A" }, { "x\\\"y\\\\z\\/", "x\"y\\z/" }, { "\\b\\f\\n\\r\\t", "\b\f\n\r\t" },
		{ "\\u00e9", "\xc3\xa9" }, { "\\u4E2d\\u6587", "\xe4\xb8\xad\xe6\x96\x87" }, { "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
		{ "\\uD83D\\uDE00!", "\xf0\x9f\x98\x80!" }, { "\\uffff", "\xef\xbf\xbf" }, { "\\udbff\\udfff", "\xf4\x8f\xbf\xbf" },
		{ "\\ud800", "\xef\xbf\xbd" }, { "\\udc00", "\xef\xbf\xbd" }, { "\\udc00\\ud800", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\\ud83dx", "\xef\xbf\xbdx" }, { "\\ud83d\\n", "\xef\xbf\xbd\n" }, { "\\ud83d\\u0041", "\xef\xbf\xbd" "A" },
		{ "\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80" }, { "\\ud83d\\\\ude00", "\xef\xbf\xbd\\ude00" },
		{ "\\\\u0041", "\\u0041" }, { "\xe4\xb8\xad\\u4e2d", "\xe4\xb8\xad\xe4\xb8\xad" },
	};
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		buf_clear(&out);
		json_decode((struct span){ table[i].raw, strlen(table[i].raw) }, &out);
		check_text(out.p, out.len, table[i].text);
	}
	buf_clear(&out);
	json_decode((struct span){ "a\\u0000b", 8 }, &out);
	assert_int_equal(out.len, 3);
	assert_memory_equal(out.p, "a\0b", 3);
	buf_free(&out);
}

/* An escape at the very end of the string: nothing behind it is read as its partner. */
static void
at_the_end(void **state)
{
	const char *raw = "\\ud83d\\ude00", *p = raw;
	char out[4];

	(void)state;
	assert_int_equal(json_unescape(&p, raw + 6, out), 3);
	assert_ptr_equal(p, raw + 6);
	assert_memory_equal(out, "\xef\xbf\xbd", 3);
	p = raw;
	assert_int_equal(json_unescape(&p, raw + 12, out), 4);
	assert_ptr_equal(p, raw + 12);
}

static void
encode(void **state)
{
	static const struct { const char *text; size_t len; const char *json; } table[] = {
		{ "", 0, "\"\"" }, { "a\"b\\c/", 6, "\"a\\\"b\\\\c/\"" }, { "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
		{ "\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"" }, { "\xe4\xb8\xad", 3, "\"\xe4\xb8\xad\"" },
		{ "x\xffy", 3, "\"x\xef\xbf\xbdy\"" }, { "\xe4\xb8", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, { "\xff\"", 2, "\"\xef\xbf\xbd\\\"\"" },
	};
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		buf_clear(&out);
		json_encode(table[i].text, table[i].len, &out);
		check_text(out.p, out.len, table[i].json);
	}
	buf_clear(&out);
	json_put_name("run_id", &out);
	check_text(out.p, out.len, "\"run_id\":");
	buf_free(&out);
}

static void
every_code_point(void **state)
{
	struct buf json = { 0 }, text = { 0 };
	struct scan s = { 0 };

	(void)state;
	for (unsigned c = 0; c <= 0x10ffff; c += c < 0x3000 ? 1 : 7) {
		char raw[16], utf8[4];
		size_t n;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		n = utf8_encode(c, utf8);
		assert_null(scan_utf8(utf8, n));
		/* encode, then decode */
		buf_clear(&json);
		json_encode(utf8, n, &json);
		buf_pad(&json);
		assert_non_null(scan_value(&s, json.p));
		buf_clear(&text);
		json_decode((struct span){ json.p + 1, json.len - 2 }, &text);
		assert_int_equal(text.len, n);
		assert_memory_equal(text.p, utf8, n);
		/* decode the escape */
		if (c < 0x10000)
			snprintf(raw, sizeof raw, "\\u%04x", c);
		else
			snprintf(raw, sizeof raw, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
		buf_clear(&text);
		json_decode((struct span){ raw, strlen(raw) }, &text);
		assert_int_equal(text.len, n);
		assert_memory_equal(text.p, utf8, n);
	}
	buf_free(&json);
	buf_free(&text);
	scan_free(&s);
}

/* Bytes that are no text at all must not cost more than their number. */
static void
all_bad(void **state)
{
	enum { N = 1 << 20 };
	char *text = malloc(N);
	struct buf out = { 0 };
	int64_t start = when_mono();

	(void)state;
	memset(text, 0xff, N);
	json_encode(text, N, &out);
	assert_int_equal(out.len, 3 * N + 2);
	assert_true(when_mono() - start < 10000);
	free(text);
	buf_free(&out);
}

static void
spells(void **state)
{
	static const struct { const char *raw, *text; bool same; } table[] = {
		{ "id", "id", true }, { "id", "i", false }, { "i", "id", false }, { "", "", true }, { "\\u0069d", "id", true },
		{ "\\u0069\\u0064", "id", true }, { "\\u0069e", "id", false }, { "\\u0069", "id", false }, { "i\\u0064x", "id", false },
		{ "a\\/b", "a/b", true }, { "\\ud83d\\ude00", "\xf0\x9f\x98\x80", true }, { "\xc3\xa9", "\\u00e9", false },
		{ "\\u00e9", "\xc3\xa9", true }, { "\\n", "n", false }, { "\\\\", "\\", true },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++)
		if (json_spells((struct span){ table[i].raw, strlen(table[i].raw) }, table[i].text, strlen(table[i].text)) != table[i].same)
			fail_msg("%s, %s", table[i].raw, table[i].text);
}

static void
one_line(void **state)
{
	char text[] = "{\n \"a\\\"\": [\n1,\n\"x\ny\\\\\"\n]\n}";

	(void)state;
	json_one_line(text, sizeof text - 1);
	assert_string_equal(text, "{  \"a\\\"\": [ 1, \"x\ny\\\\\" ] }");
}

static void
is_value(void **state)
{
	static const struct { const char *text; size_t len; bool is; } table[] = {
		{ "1", 1, true }, { "-0.5e3", 6, true }, { " {\"a\": [1]} ", 12, true }, { "\"\xe4\xb8\xad\"", 5, true }, { "12", 1, true },
		{ "", 0, false }, { " ", 1, false }, { "01", 2, false }, { "1 2", 3, false }, { "1\n", 2, false }, { "1\n2", 3, false },
		{ "[1", 2, false }, { "\"\xff\"", 3, false }, { "1\0", 2, false }, { "nul", 3, false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++)
		if (json_is_value(table[i].text, table[i].len) != table[i].is)
			fail_msg("'%s'", table[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode),
		cmocka_unit_test(at_the_end),
		cmocka_unit_test(encode),
		cmocka_unit_test(every_code_point),
		cmocka_unit_test(all_bad),
		cmocka_unit_test(spells),
		cmocka_unit_test(one_line),
		cmocka_unit_test(is_value),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
