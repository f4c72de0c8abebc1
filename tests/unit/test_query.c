/* Percent-encoded text and the parameters of queries. */
#include "net/query.h"

#include "unit.h"

static void
test_decode(void **state)
{
	static const struct { const char *text, *path, *form; } t[] = {
		{ "", "", "" }, { "a", "a", "a" }, { "%41%4a%4A", "AJJ", "AJJ" }, { "a+b", "a+b", "a b" }, { "%2B+", "++", "+ " },
		{ "%", "%", "%" }, { "%4", "%4", "%4" }, { "%4g%g4", "%4g%g4", "%4g%g4" }, { "%%41", "%A", "%A" }, { "%E6%97%A9", "早", "早" },
		{ "%2541", "%41", "%41" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct buf b = { 0 };

		query_decode(t[i].text, strlen(t[i].text), false, &b);
		check_text(buf_str(&b), b.len, t[i].path);
		buf_clear(&b);
		query_decode(t[i].text, strlen(t[i].text), true, &b);
		check_text(buf_str(&b), b.len, t[i].form);
		buf_free(&b);
	}
}

static void
test_param(void **state)
{
	static const struct { const char *query, *name, *value; } t[] = {	/* value NULL: not there */
		{ NULL, "a", NULL }, { "", "a", NULL }, { "a", "a", "" }, { "a=", "a", "" }, { "a=1", "a", "1" }, { "a=1&a=2", "a", "1" },
		{ "aa=1&a=2", "a", "2" }, { "b=a=1&a=2", "a", "2" }, { "a=1=2", "a", "1=2" }, { "%61=%26%3D", "a", "&=" }, { "&&=x&a=1", "a", "1" },
		{ "&&=x&a=1", "", "" }, { "A=1", "a", NULL }, { "a%00=1", "a", NULL }, { "a=1&", "a", "1" }, { "b=1&a=+", "a", " " },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct buf b = { 0 };
		bool found;

		buf_adds(&b, "old");
		found = query_param(t[i].query, t[i].name, &b);
		if (found != (t[i].value != NULL))
			fail_msg("%s in %s: %d", t[i].name, t[i].query, found);
		check_text(buf_str(&b), b.len, found ? t[i].value : "old");
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_decode), cmocka_unit_test(test_param) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
