/* test_path - field paths; splicing members into a record */

#include "unit.h"

#include "json/path.h"
#include "json/splice.h"

static void
parse(void **state)
{
	static const char *const good[] = {
		"id", ".id", "a.b", ".a.b[0].c", "[\"odd key\"]", ".[\"odd key\"]", "a[\"x\"]", "a.[\"x\"]", "a[-1]", "a[0][1]",
		"run-id", "_x", "\xe5\x90\x8d", ".[\"\"]", ".[\"\\u0041\\n\\\"\"]", ".[\"]\"].x", "9a",
	};
	static const char *const bad[] = {
		"", ".", "a.", "..a", "a..b", "a b", "a[", "a[]", "a[x]", "a[1", "a[\"x]", "a[\"x\"", "a[0]b", "a[+1]", "a[ 1]", "a[1 ]",
		"a[1.5]", "a[99999999999999999999]", "a|b", "a[\"\\x\"]", "a[\"\xff\"]", "a\"b\"", "a,b", "$a",
	};
	struct path p;
	const char *error;

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		if (path_parse(&p, good[i], &error) == -1)
			fail_msg("%s: %s", good[i], error);
		path_free(&p);
	}
	for (size_t i = 0; i < N_OF(bad); i++) {
		error = NULL;
		if (path_parse(&p, bad[i], &error) == 0)
			fail_msg("'%s' was taken for a path", bad[i]);
		assert_non_null(error);
	}
}

static void
find(void **state)
{
	static const char record[] = "{\"id\":1.0,\"a\":{\"b\":[{\"c\":\"x\"},[1,2,3],null],\"b2\":{}},\"odd key\":true,"
	    "\"\\u0065sc\":[ ],\"d\":1,\"d\":2,\"nested\":{\"d\":1,\"\\u0064\":3},\"\":0,\"n\":null}";
	static const struct { const char *path, *want; } table[] = {
		{ "id", "1.0" }, { ".a.b[0].c", "\"x\"" }, { "a.b[1][2]", "3" }, { "a.b[-1]", "null" }, { "a.b[-3].c", "\"x\"" },
		{ "a.b[1][-3]", "1" }, { "[\"odd key\"]", "true" }, { "esc", "[ ]" }, { "d", "2" }, { "nested.d", "3" }, { "n", "null" },
		{ ".[\"\"]", "0" }, { "a.b[-4]", NULL }, { "a.b[3]", NULL }, { "a.c", NULL }, { "id.x", NULL }, { "id[0]", NULL },
		{ "a[0]", NULL }, { "a.b.c", NULL }, { "esc[0]", NULL }, { "esc[-1]", NULL }, { "n.x", NULL }, { "[0]", NULL },
		{ "a.b2.x", NULL }, { "nope", NULL }, { "a.b[9223372036854775807]", NULL }, { "a.b[-9223372036854775808]", NULL },
	};
	struct scan s = { 0 };
	struct buf b = { 0 };

	(void)state;
	assert_non_null(scan_record(&s, put_line(&b, record, sizeof record - 1)));
	for (size_t i = 0; i < N_OF(table); i++) {
		struct path p;
		const char *error;
		struct span v = { NULL, 0 };
		bool found;

		assert_int_equal(path_parse(&p, table[i].path, &error), 0);
		found = path_find(&p, &s, &v);
		if (found != (table[i].want != NULL))
			fail_msg("%s: %s", table[i].path, found ? "found" : "not found");
		if (found)
			check_text(v.p, v.len, table[i].want);
		path_free(&p);
	}
	scan_free(&s);
	buf_free(&b);
}

static void
splice(void **state)
{
	static const struct { const char *record, *name, *val, *want; } table[] = {
		{ "{}", "a", "1", "{\"a\":1}" },
		{ " { } \r", "a", "1", "{ \"a\":1}" },
		{ "{\"b\":1.0}", "a", "\"x\"", "{\"b\":1.0,\"a\":\"x\"}" },
		{ "{\"b\":1.0 }", "a", "[]", "{\"b\":1.0 ,\"a\":[]}" },
		{ "{\"a\":1e400,\"b\":2}", "a", "null", "{\"a\":null,\"b\":2}" },
		{ "{ \"a\" : {\"a\":1} , \"b\":2 }", "a", "3", "{ \"a\" : 3 , \"b\":2 }" },
		{ "{\"a\":1,\"a\":2}", "a", "3", "{\"a\":1,\"a\":3}" },
		{ "{\"a\":1,\"\\u0061\":2,\"b\":0}", "a", "3", "{\"a\":1,\"\\u0061\":3,\"b\":0}" },
		{ "{\"x\":{\"a\":1}}", "a", "2", "{\"x\":{\"a\":1},\"a\":2}" },
		{ "{\"ab\":1}", "a", "2", "{\"ab\":1,\"a\":2}" },
		{ "{\"id\":12345678901234567890}", "a", "2", "{\"id\":12345678901234567890,\"a\":2}" },
	};
	struct scan s = { 0 };
	struct buf b = { 0 }, out = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		const char *p = put_line(&b, table[i].record, strlen(table[i].record)), *end = scan_record(&s, p);

		assert_non_null(end);
		buf_clear(&out);
		splice_set(&s, splice_text(p, end), table[i].name, (struct span){ table[i].val, strlen(table[i].val) }, &out);
		check_text(out.p, out.len, table[i].want);
	}
	scan_free(&s);
	buf_free(&b);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse),
		cmocka_unit_test(find),
		cmocka_unit_test(splice),
	};

	return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
