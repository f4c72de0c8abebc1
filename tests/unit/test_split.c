/* test_split - cutting the answer of a run query, wherever the network cuts it */

#include "unit.h"

#include "langsmith/split.h"

static const struct {
	const char *text;
	const char *out;	/* lines and rest, "|" between; NULL: not such an answer */
} cases[] = {
	{ "{\"runs\":[],\"cursors\":{\"next\":null}}", "{\"runs\":[],\"cursors\":{\"next\":null}}" },
	{ "{\"runs\":[{\"a\":1},{\"b\":[2,{}]}],\"x\":0}", "{\"a\":1}|{\"b\":[2,{}]}|{\"runs\":[],\"x\":0}" },
	{ "{\"items\":[{\"a\":\"]}\\\"\\\\\"}],\"next_cursor\":\"c\"}", "{\"a\":\"]}\\\"\\\\\"}|{\"items\":[],\"next_cursor\":\"c\"}" },
	{ "\r\n { \"runs\" :\n [\n {\n \"a\": 1\r\n}\n ,\n {} ] } \n", "{  \"a\": 1  }|{}|{ \"runs\" :  [] }" },
	{ "{\"cursors\":{\"runs\":[{\"no\":1}]},\"runs\":[{}]}", "{}|{\"cursors\":{\"runs\":[{\"no\":1}]},\"runs\":[]}" },
	{ "{\"x\":\"runs\",\"y\":[1],\"runs\":[{}]}", "{}|{\"x\":\"runs\",\"y\":[1],\"runs\":[]}" },
	{ "{\"runs\":null}", "{\"runs\":null}" },
	{ "{\"runs\":[null]}", NULL },
	{ "{\"runs\":[{},]}", NULL },
	{ "{\"runs\":[,{}]}", NULL },
	{ "{\"runs\":[{}{}]}", NULL },
	{ "{\"runs\":[{}}", NULL },
	{ "{\"runs\":[{}]} x", NULL },
	{ "{\"runs\":[{}]}{", NULL },
	{ "[]", NULL },
	{ "<html>", NULL },
	{ "", NULL },
	{ "{\"runs\":[{\"a\":1", NULL },
	{ "{\"runs\":[{\"a\":1}]", NULL },
};

/* Feed text in pieces that end at each of the cuts (below len, ascending). */
static bool
feed(struct split *s, const char *text, size_t len, const size_t *cut, size_t n_cuts, struct buf *out)
{
	size_t from = 0;

	split_reset(s);
	buf_clear(out);
	for (size_t i = 0; i <= n_cuts; i++) {
		size_t to = i < n_cuts ? cut[i] : len, n = to - from;
		char *copy = malloc(n + 1);	/* so that a sanitizer sees a read beyond */
		const char *p = copy;
		enum split_st e;

		assert_non_null(copy);
		memcpy(copy, text + from, n);
		while ((e = split_feed(s, &p, &n)) == SPLIT_RUN) {
			buf_add(out, s->line.p, s->line.len);
			buf_addc(out, '|');
			assert_int_equal(s->line.p[s->line.len], '\n');
		}
		free(copy);
		if (e == SPLIT_BAD)
			return false;
		assert_int_equal(n, 0);
		from = to;
	}
	if (!split_end(s))
		return false;
	buf_add(out, s->rest.p, s->rest.len);
	return true;
}

static void
all_cuts(void **state)
{
	struct split s = { .max_line = 1000 };
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		size_t len = strlen(cases[i].text);

		for (size_t a = 0; a <= len; a++)
			for (size_t b = a; b <= len; b++) {
				const size_t cut[] = { a, b };
				bool good = feed(&s, cases[i].text, len, cut, 2, &out);

				if (good != (cases[i].out != NULL))
					fail_msg("%s: %s", cases[i].text, good ? "taken" : "refused");
				if (good)
					check_text(out.p, out.len, cases[i].out);
			}
	}
	split_free(&s);
	buf_free(&out);
}

static void
long_lines(void **state)
{
	struct split s = { .max_line = 10 };
	struct buf text = { 0 };
	const char *p;
	size_t n;

	(void)state;
	buf_adds(&text, "{\"runs\":[{\"a\":1234},{\"a\":12345},{\"b\":1}]}");
	p = text.p;
	n = text.len;
	assert_int_equal(split_feed(&s, &p, &n), SPLIT_RUN);
	assert_false(s.too_long);
	check_text(s.line.p, s.line.len, "{\"a\":1234}");
	assert_int_equal(split_feed(&s, &p, &n), SPLIT_RUN);
	assert_true(s.too_long);
	assert_int_equal(split_feed(&s, &p, &n), SPLIT_RUN);
	assert_false(s.too_long);
	check_text(s.line.p, s.line.len, "{\"b\":1}");

	/* A giant keeps only its beginning. */
	s.max_line = 100000;
	split_reset(&s);
	buf_clear(&text);
	buf_adds(&text, "{\"runs\":[{\"id\":\"");
	for (int i = 0; i < 300000; i++)
		buf_addc(&text, 'x');
	buf_adds(&text, "\"}]}");
	p = text.p;
	n = text.len;
	assert_int_equal(split_feed(&s, &p, &n), SPLIT_RUN);
	assert_true(s.too_long);
	assert_true(s.line.len < 5000 && s.line.cap < 300000);
	assert_int_equal(memcmp(s.line.p, "{\"id\":\"xxx", 10), 0);
	assert_int_equal(split_feed(&s, &p, &n), SPLIT_MORE);
	assert_true(split_end(&s));

	/* What stands beside the runs is bounded, too. */
	split_reset(&s);
	buf_clear(&text);
	buf_adds(&text, "{\"x\":\"");
	p = text.p;
	n = text.len;
	assert_int_equal(split_feed(&s, &p, &n), SPLIT_MORE);
	for (size_t i = 0; i < SPLIT_REST; i++) {
		p = "x";
		n = 1;
		if (split_feed(&s, &p, &n) == SPLIT_BAD)
			break;
	}
	assert_int_equal(s.state, SPLIT_STUCK);
	assert_true(s.rest.len <= SPLIT_REST);
	split_free(&s);
	buf_free(&text);
}

static void
any_bytes(void **state)
{
	static const char alphabet[] = "{}[]\",:\\ \nrunsitems1\0";
	struct split s = { .max_line = 20 };
	struct buf a = { 0 }, b = { 0 };
	char text[80];

	(void)state;
	for (int round = 0; round < 50000; round++) {
		size_t n = 0, len = chance(sizeof text - 10), cut;
		bool good;

		if (chance(2) == 0)
			n = (size_t)snprintf(text, sizeof text, "{\"runs\":[{");
		while (n < len)
			text[n++] = alphabet[chance(sizeof alphabet)];
		cut = chance(n + 1);
		good = feed(&s, text, n, &cut, 1, &a);
		assert_int_equal(feed(&s, text, n, NULL, 0, &b), good);
		assert_true(a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0));
	}
	split_free(&s);
	buf_free(&a);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_cuts),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
