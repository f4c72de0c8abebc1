/* test_order - JSON values as bytes that sort, and back */

#include "unit.h"

#include "json/order.h"

static void
put(const char *json, struct buf *out)
{
	struct buf line = { 0 }, scratch = { 0 };

	put_line(&line, json, strlen(json));
	order_put((struct span){ line.p, line.len }, &scratch, out);
	buf_free(&line);
	buf_free(&scratch);
}

static int
compare(const struct buf *a, const struct buf *b)
{
	int c = memcmp(a->p, b->p, a->len < b->len ? a->len : b->len);

	return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

static const char *const ordered[] = {
	"null", "false", "true", "-1e400", "-10", "-9.5", "-1", "-1.0", "0", "1", "1.0", "1.5", "2", "10", "9007199254740992", "9007199254740993",
	"1e17", "1e400", "\"\"", "\"\\u0000\"", "\"\\u0000\\u0000\"", "\"\\u0000a\"", "\"\\u0001\"", "\" \"", "\"\\\"\"", "\"1\"",
	"\"A\"", "\"\\\\\"", "\"a\"", "\"a\\u0000\"", "\"a\\u0000b\"", "\"a\\n\"", "\"ab\"", "\"\xc3\xa9\"", "\"\xe8\xb3\x87\"",
	"\"\xf0\x9f\x98\x80\"", "[1]", "[]", "{\"a\":\"x\\u0000\"}",
};

/* Every pair, alone and with something behind that would turn a wrong end the other way. */
static void
order(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(ordered); i++) {
		for (size_t j = 0; j < N_OF(ordered); j++) {
			struct buf a = { 0 }, b = { 0 };

			put(ordered[i], &a);
			put(ordered[j], &b);
			if ((compare(&a, &b) > 0) - (compare(&a, &b) < 0) != (i > j) - (i < j))
				fail_msg("%s, %s", ordered[i], ordered[j]);
			if (i < j) {
				put("{\"z\":1}", &a);
				put("null", &b);
				assert_true(compare(&a, &b) < 0);
			}
			buf_free(&a);
			buf_free(&b);
		}
	}
}

static void
and_back(void **state)
{
	struct buf all = { 0 }, out = { 0 }, scratch = { 0 };
	const char *p;
	size_t end;

	(void)state;
	for (size_t i = 0; i < N_OF(ordered); i++)
		put(ordered[i], &all);
	end = all.len;
	buf_addc(&all, '\xff');	/* is not of it */
	p = all.p;
	for (size_t i = 0; i < N_OF(ordered); i++) {
		buf_clear(&out);
		p = order_get(p, all.p + end, &scratch, &out);
		check_text(out.p, out.len, ordered[i]);
	}
	assert_ptr_equal(p, all.p + end);
	buf_free(&all);
	buf_free(&out);
	buf_free(&scratch);
}

static void
one_string(void **state)
{
	static const char *const same[][2] = {
		{ "\"\\u8cc7\"", "\"\xe8\xb3\x87\"" }, { "\"\\/\"", "\"/\"" }, { "\"\\u0041\\t\"", "\"A\\u0009\"" },
		{ "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"" }, { "\"\\ud800\"", "\"\\ufffd\"" }, { "\"\\u0000\"", "\"\\u0000\"" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(same); i++) {
		struct buf a = { 0 }, b = { 0 };

		put(same[i][0], &a);
		put(same[i][1], &b);
		assert_int_equal(compare(&a, &b), 0);
		buf_free(&a);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(order), cmocka_unit_test(and_back), cmocka_unit_test(one_string) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
