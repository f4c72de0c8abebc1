/* test_sum - exact sums of JSON numbers */

#include "unit.h"

#include "store/sum.h"

static bool
read_number(const char *text, struct sum *s)
{
	static struct buf line;

	put_line(&line, text, strlen(text));
	return sum_parse((struct span){ line.p, line.len }, s);
}

static void
check_sum(const struct sum *s, const char *want)
{
	struct buf out = { 0 };

	sum_put(s, &out);
	check_text(out.p, out.len, want);
	buf_free(&out);
}

static void
spelling(void **state)
{
	static const char *const cases[][2] = {
		{ "0", "0" }, { "-0", "0" }, { "-0.0", "0" }, { "0e999999999999999999999", "0" }, { "1.0", "1" }, { "-7", "-7" },
		{ "1e5", "100000" }, { "1E+2", "100" }, { "12.50e1", "125" }, { "-1.5", "-1.5" }, { "-0.5", "-0.5" }, { "100e-2", "1" },
		{ "999999999999999999", "999999999999999999" }, { "-999999999999999999", "-999999999999999999" },
		{ "18446744073709551615", "18446744073709551615" }, { "-9223372036854775808", "-9223372036854775808" },
		{ "9999999999999999999999999999", "9999999999999999999999999999" },
		{ "-9999999999999999999999999999.999999999999999999999999999999999999",
		    "-9999999999999999999999999999.999999999999999999999999999999999999" },
		{ "1e27", "1000000000000000000000000000" }, { "1e-36", "0.000000000000000000000000000000000001" },
		{ "1.7999999999999998e-05", "0.000017999999999999998" }, { "0.10000000000000000000000000000000000000000000", "0.1" },
	};
	static const char *const refused[] = { "1e28", "10000000000000000000000000000", "1e-37", "1e400", "-1e999999999999999999999",
		"0.1234567890123456789012345678901234567" };
	struct sum s;

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		assert_true(read_number(cases[i][0], &s));
		check_sum(&s, cases[i][1]);
	}
	for (size_t i = 0; i < N_OF(refused); i++)
		assert_false(read_number(refused[i], &s));
}

/* Integers of every length, with all that a number may have in any place of them. */
static void
integers(void **state)
{
	struct sum s;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		int64_t n = (int64_t)chance(UINT64_C(1) << chance(63)) * (chance(2) == 0 ? 1 : -1);
		char text[64], want[64];
		int len = snprintf(text, sizeof text, "%lld", (long long)n);

		assert_true(read_number(text, &s));
		assert_true(s.whole == n && s.fraction == 0);
		snprintf(want, sizeof want, "%.*s%c%s", len, text, "0.eE"[i % 4], i % 4 == 0 ? "" : i % 4 == 1 ? "0" : "1");
		assert_true(read_number(want, &s));
		assert_true(s.whole == (i % 4 == 1 ? (sum_int)n : (sum_int)n * 10) && s.fraction == 0);
	}
}

/* As many zeros as the exponent takes back, but for one digit of it. */
static void
long_number(void **state)
{
	size_t zeros = 99999999;
	char *text = malloc(zeros + 32);
	struct sum s;

	(void)state;
	assert_non_null(text);
	memset(text, '0', zeros + 2);
	text[1] = '.';
	strcpy(text + 2 + zeros, "1e1000000000");
	assert_false(read_number(text, &s));
	strcpy(text + 2 + zeros, "1e100000000");
	assert_true(read_number(text, &s));
	check_sum(&s, "1");
	free(text);
}

static void
adding(void **state)
{
	static const char *const cases[][3] = {
		{ "0.1", "0.2", "0.3" }, { "0.9", "0.1", "1" }, { "-0.1", "-0.2", "-0.3" }, { "0.1", "-0.2", "-0.1" }, { "-1.5", "2", "0.5" },
		{ "18446744073709551615", "1", "18446744073709551616" }, { "-1", "1", "0" }, { "-0.25", "0.25", "0" },
		{ "9007199254740993", "-9007199254740992", "1" },
	};
	struct sum a, b, before;
	int n = 0;

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		assert_true(read_number(cases[i][0], &a) && read_number(cases[i][1], &b));
		assert_true(sum_add(&a, &b));
		check_sum(&a, cases[i][2]);
	}
	assert_true(read_number("9999999999999999999999999999.5", &a));
	for (before = a; sum_add(&a, &a); n++)	/* doubled until there is no room */
		before = a;
	assert_int_equal(n, 33);
	assert_memory_equal(&a, &before, sizeof a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(spelling), cmocka_unit_test(integers), cmocka_unit_test(long_number), cmocka_unit_test(adding) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
