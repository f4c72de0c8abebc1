/* test_expr - jq programs */

#include "unit.h"

#include "json/expr.h"

static void
results(void **state)
{
	static const char json[] = "{\"id\":9007199254740993,\"sid\":\"9007199254740993\",\"f\":1.0,\"s\":\"a\\u4e2d\\n\","
	    "\"l\":[1,\"x\"],\"o\":{\"k\":\"v\"},\"n\":null,\"t\":true,\"e\":\"\"}";
	static const struct { const char *program; enum expr_result result; const char *out; } table[] = {
		{ ".s", EXPR_TEXT, "a\xe4\xb8\xad\n" },
		{ ".sid", EXPR_TEXT, "9007199254740993" },	/* as a string an id keeps its digits */
		{ ".o.k", EXPR_TEXT, "v" },
		{ ".l[1]", EXPR_TEXT, "x" },
		{ ".e", EXPR_TEXT, "" },
		{ ".n", EXPR_NOTHING, "" },
		{ ".missing", EXPR_NOTHING, "" },
		{ "empty", EXPR_NOTHING, "" },
		{ ".l", EXPR_OTHER, "[1,\"x\"]" },
		{ ".o", EXPR_OTHER, "{\"k\":\"v\"}" },
		{ ".t", EXPR_OTHER, "true" },
		{ "false", EXPR_OTHER, "false" },
		{ ".l[0]", EXPR_OTHER, "1" },
		{ ".s, .sid", EXPR_TEXT, "a\xe4\xb8\xad\n" },	/* the first */
		{ "error(\"no\")", EXPR_ERROR, "no" },
		{ ".f == 1", EXPR_OTHER, "true" },
	};
	struct buf b = { 0 }, out = { 0 }, error = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		struct expr *e = expr_new(table[i].program, &error);

		if (e == NULL)
			fail_msg("%s: %s", table[i].program, buf_str(&error));
		for (int again = 0; again < 2; again++) {
			put_line(&b, json, sizeof json - 1);
			buf_clear(&out);
			assert_int_equal(expr_first(e, (struct span){ b.p, b.len }, &out), table[i].result);
			check_text(out.p, out.len, table[i].out);
		}
		expr_free(e);
	}
	buf_free(&b);
	buf_free(&out);
	buf_free(&error);
}

/* A program that failed on one record works on the next. */
static void
errors(void **state)
{
	struct buf error = { 0 }, out = { 0 };
	struct expr *e = expr_new(".a.b", &error);

	(void)state;
	assert_non_null(e);
	assert_int_equal(expr_first(e, (struct span){ "{\"a\":\"x\"}", 9 }, &out), EXPR_ERROR);
	assert_non_null(strstr(buf_str(&out), "Cannot index"));
	buf_clear(&out);
	assert_int_equal(expr_first(e, (struct span){ "{\"a\":{\"b\":\"y\"}}", 15 }, &out), EXPR_TEXT);
	check_text(out.p, out.len, "y");
	expr_free(e);
	expr_free(NULL);
	assert_null(expr_new(".a |", &error));
	assert_true(error.len != 0);
	buf_clear(&error);
	assert_null(expr_new("nope(1)", &error));
	assert_non_null(strstr(buf_str(&error), "nope"));
	buf_free(&error);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results),
		cmocka_unit_test(errors),
	};
	struct buf error = { 0 };
	struct expr *e = expr_new(".", &error);

	if (e == NULL) {
		printf("1..0 # skip %s\n", buf_str(&error));
		return 0;
	}
	expr_free(e);
	buf_free(&error);
	return cmocka_run_group_tests_name("expr", tests, NULL, NULL);
}
