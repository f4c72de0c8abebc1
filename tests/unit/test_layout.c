/* test_layout - members in the order of the record before */

#include "unit.h"

#include "json/layout.h"

static struct buf line;
static struct scan scan;

static bool
same(struct layout *l, const char *text)
{
	put_line(&line, text, strlen(text));
	assert_non_null(scan_record(&scan, line.p));
	return layout_same(l, &scan);
}

static void
pairs(void **state)
{
	/* Two records each, and whether the second is like the first. */
	static const struct { const char *a, *b; bool same; } table[] = {
		{ "{\"a\":1}", "{\"a\":[2,{\"b\":3}]}", true }, { "{\"a\":1}", " { \"a\" : 2 } ", true },
		{ "{\"a\":1}", "{\"b\":1}", false }, { "{\"a\":1}", "{\"a\":1,\"a\":1}", false }, { "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", false },
		{ "{\"a\":1,\"b\":2}", "{\"a\":1}", false }, { "{\"a\":1}", "{}", false }, { "{}", "{\"a\":1}", false }, { "{}", "{}", false },
		{ "{\"\":1}", "{\"\":2}", true }, { "{\"\":1}", "{\"a\":1}", false }, { "{\"a\":1}", "{\"\\u0061\":1}", false },
		{ "{\"0123456789abcdef\":1}", "{\"0123456789abcdef\":2}", true }, { "{\"0123456789abcdef\":1}", "{\"0123456789abcdeg\":2}", false },
		{ "{\"0123456789abcdef\":1}", "{\"0123456789abcdefg\":2}", false }, { "{\"0123456789abcdefg\":1}", "{\"0123456789abcdefh\":2}", false },
		{ "{\"0123456789abcdefg\":1,\"x\":1,\"0123456789abcdefhi\":2}", "{\"0123456789abcdefg\":1,\"x\":1,\"0123456789abcdefhi\":2}", true },
		{ "{\"0123456789abcdefg\":1,\"x\":1,\"0123456789abcdefhi\":2}", "{\"0123456789abcdefg\":1,\"x\":1,\"0123456789abcdefhj\":2}", false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		struct layout l = { 0 };

		assert_false(same(&l, table[i].a));
		if (same(&l, table[i].b) != table[i].same)
			fail_msg("%s %s", table[i].a, table[i].b);
		assert_int_equal(same(&l, table[i].b), strcmp(table[i].b, "{}") != 0);	/* it is the one to compare with now */
		layout_free(&l);
	}
}

/* Names of any length, of which one differs in one place, or none. */
static void
one_byte(void **state)
{
	struct layout l = { 0 };
	char a[1024], b[1024];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t n = 1 + chance(12), len = 1, at[12], lens[12], which;

		a[0] = '{';
		for (size_t k = 0; k < n; k++) {
			lens[k] = chance(40);
			a[len++] = '"';
			at[k] = len;
			for (size_t c = 0; c < lens[k]; c++)
				a[len++] = (char)('a' + chance(3));
			len += (size_t)snprintf(a + len, 8, "\":1%c", k + 1 < n ? ',' : '}');
		}
		memcpy(b, a, len + 1);
		which = chance(n);
		if (lens[which] != 0 && i % 2 == 0)
			b[at[which] + chance(lens[which])] = 'x';
		(void)same(&l, a);
		assert_int_equal(same(&l, b), memcmp(a, b, len) == 0);
	}
	layout_free(&l);
}

/* A line of megabytes may have millions: they are not kept. */
static void
many(void **state)
{
	struct layout l = { 0 };
	static char text[5 * 100000 + 8];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 100000; i++)
		len += (size_t)sprintf(text + len, "%c\"\":1", i == 0 ? '{' : ',');
	text[len] = '}';
	assert_false(same(&l, text));
	assert_false(same(&l, text));
	assert_true(l.cap <= 4096);
	assert_false(same(&l, "{\"a\":1}"));
	assert_true(same(&l, "{\"a\":1}"));
	assert_false(same(&l, text));
	layout_free(&l);
}

static void
free_all(void **state)
{
	(void)state;
	buf_free(&line);
	scan_free(&scan);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(pairs), cmocka_unit_test(one_byte), cmocka_unit_test(many), cmocka_unit_test(free_all) };

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
