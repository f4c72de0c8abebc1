/* test_when - times and durations */

#include "unit.h"

#include <time.h>

#include "base/when.h"

static void
times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		bool zoned;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0, true },
		{ "1970-01-01", 0, false },
		{ "1970-01-01T00:00", 0, false },
		{ "1970-01-01 00:00:01", 1000, false },
		{ "1970-01-01t00:00:01z", 1000, true },
		{ "1970-01-01T00:00:00.5", 500, false },
		{ "1970-01-01T00:00:00,25Z", 250, true },
		{ "1970-01-01T00:00:00.123456789Z", 123, true },
		{ "1970-01-01T00:00:00.9999Z", 999, true },
		{ "1969-12-31T23:59:59.999Z", -1, true },
		{ "1970-01-01T01:00:00+01:00", 0, true },
		{ "1970-01-01T01:00:00+0100", 0, true },
		{ "1970-01-01T01:00:00+01", 0, true },
		{ "1969-12-31T16:00:00-08:00", 0, true },
		{ "1970-01-01T05:30+05:30", 0, true },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000), true },
		{ "2000-02-29T00:00:00Z", INT64_C(951782400000), true },
		{ "2026-06-19T13:22:24.560Z", INT64_C(1781875344560), true },
		{ "0001-01-01T00:00:00Z", INT64_C(-62135596800000), true },
		{ "9999-12-31T23:59:59.999Z", INT64_C(253402300799999), true },
	};
	static const char *const bad[] = {
		"", "1970", "1970-01", "1970-1-1", "1970-01-01T", "1970-01-01T00", "1970-01-01T00:0", "1970-01-01T00:00:",
		"1970-01-01T00:00:0", "1970-01-01T00:00:00.", "1970-01-01T00:00:00.Z", "1970-01-01T00:00.5",
		"1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z", "1970-01-01T00:00:00+",
		"1970-01-01T00:00:00+1", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+01:60", "1970-01-01T00:00:00+01:",
		"1970-01-01T00:00:00ZZ", "1970-01-01T00:00:00 Z", " 1970-01-01", "1970-01-01 ", "1970-01-01Z", "1970-00-01",
		"1970-13-01", "1970-01-00", "1970-01-32", "1970-04-31", "1900-02-29", "2023-02-29", "2024-02-30",
		"0000-01-01", "-001-01-01", "+1970-01-01", "1970/01/01", "19700101", "1970-01-01X00:00:00",
		"12345-01-01", "now", "10m",
	};
	int64_t ms;
	bool zoned;

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		if (!when_parse(good[i].text, strlen(good[i].text), &ms, &zoned) || ms != good[i].ms || zoned != good[i].zoned)
			fail_msg("%s", good[i].text);
	}
	for (size_t i = 0; i < N_OF(bad); i++)
		if (when_parse(bad[i], strlen(bad[i]), &ms, NULL))
			fail_msg("'%s' was taken for a time", bad[i]);
	/* A length, not a NUL, ends the text. */
	assert_true(when_parse("1970-01-02T00:00:00Zjunk", 10, &ms, NULL));
	assert_int_equal(ms, 86400000);
	assert_false(when_parse("1970-01-02\0", 11, &ms, NULL));
	assert_false(when_parse("1970-01-02T00:00:00\0", 20, &ms, NULL));
}

/* The usual forms against the same with a 't', which is read one character after the other; and with anything in any place. */
static void
usual_forms(void **state)
{
	static const char *const forms[] = { "2026-06-19T13:22:24Z", "2026-06-19T13:22:24.5Z", "2024-02-29T23:59:60.123456789+08:00",
	    "0001-01-01T00:00:00-23:59", "9999-12-31T23:59:59.999-00:00", "2026-06-19T13:22:24", "2026-06-19T13:22:24+0800" };
	static const char bytes[] = "0123456789:-+.,TtZz \x7f\x80\xb0\xff/;";
	int taken = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		const char *form = forms[chance(N_OF(forms))];
		size_t len = strlen(form);
		char *usual = malloc(len), *slow = malloc(len);	/* so that a byte too many is seen */
		int64_t a = 0, b = 0;
		bool a_zoned = false, b_zoned = false, ok;

		assert_true(usual != NULL && slow != NULL);
		memcpy(usual, form, len);
		for (size_t n = chance(4); n > 0; n--)
			usual[chance(len)] = bytes[chance(sizeof bytes)];
		len -= chance(10) == 0 ? chance(len) : 0;
		memcpy(slow, usual, len);
		if (len > 10 && slow[10] == 'T')
			slow[10] = 't';
		ok = when_parse(usual, len, &a, &a_zoned);
		if (ok != when_parse(slow, len, &b, &b_zoned) || (ok && (a != b || a_zoned != b_zoned)))
			fail_msg("%.*s", (int)len, usual);
		taken += ok;
		free(usual);
		free(slow);
	}
	assert_in_range(taken, 50000, 200000);
}

/* The C library's calendar, over the years that a time may have. */
static void
calendar(void **state)
{
	const int64_t first = -62135596800, last = 253402300799;

	(void)state;
	for (int64_t t = first; t <= last; t += 86400 * 13 + 4567) {
		int64_t ms = t * 1000 + (int64_t)chance(1000), back;
		time_t seconds = (time_t)t;
		char want[64], got[WHEN_SIZE];
		struct tm tm;
		bool zoned;

		gmtime_r(&seconds, &tm);
		snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
		    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms - t * 1000));
		assert_string_equal(when_format(ms, got), want);
		assert_true(when_parse(got, strlen(got), &back, &zoned));
		assert_true(zoned);
		assert_true(back == ms);
	}
}

static void
days_of_months(void **state)
{
	(void)state;
	for (int y = 1; y <= 9999; y += y < 1890 || y > 2110 ? 7 : 1)
		for (int m = 1; m <= 12; m++)
			for (int d = 28; d <= 32; d++) {
				struct tm tm = { .tm_year = y - 1900, .tm_mon = m - 1, .tm_mday = d };
				char text[40];
				int64_t ms;

				snprintf(text, sizeof text, "%04d-%02d-%02d", y, m, d);
				timegm(&tm);
				assert_int_equal(when_parse(text, 10, &ms, NULL), tm.tm_mday == d);
			}
}

static void
durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "0", 0 }, { "1", 1000 }, { "90s", 90000 }, { "10m", 600000 }, { "2h", 7200000 }, { "14d", 1209600000 },
		{ "1w", 604800000 }, { "250ms", 250 }, { "007s", 7000 }, { "99999d", INT64_C(99999) * 86400000 },
	};
	static const char *const bad[] = {
		"", "s", "-1s", "+1s", " 1s", "1 s", "1s ", "1.5h", "1h30m", "1y", "1S", "1M", "0x10", "1e3",
		"9223372036854775807", "9223372036854775808s", "99999999999999999999", "9223372036854775807w", "100000d",
	};
	int64_t ms, now = when_now();

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++)
		if (!when_parse_duration(good[i].text, &ms) || ms != good[i].ms)
			fail_msg("%s", good[i].text);
	for (size_t i = 0; i < N_OF(bad); i++)
		if (when_parse_duration(bad[i], &ms))
			fail_msg("'%s' was taken for a duration", bad[i]);
	assert_true(when_parse_arg("2h", &ms));
	assert_true(ms >= now - 7200000 && ms <= when_now() - 7200000);
	assert_true(when_parse_arg("2026-06-19", &ms));
	assert_true(ms == INT64_C(1781827200000));
	assert_false(when_parse_arg("yesterday", &ms));
	assert_true(when_mono() > 0);
}

/* Nothing that comes from outside may overrun the text, or become a time of another year. */
static void
far_away(void **state)
{
	static const int64_t far[] = { INT64_MIN / 2, INT64_MAX / 2, -62135596800001, 253402300800000 };
	char out[WHEN_SIZE];

	(void)state;
	for (size_t i = 0; i < N_OF(far); i++)
		assert_string_equal(when_format(far[i], out), far[i] < 0 ? "0001-01-01T00:00:00.000Z" : "9999-12-31T23:59:59.999Z");
}

/* Every quarter of an hour around the changes of clocks, against mktime, in any order; and back as text. */
static void
local_times(void **state)
{
	static const char *const zones[] = { "UTC", "Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "XXX3:30" };
	char out[WHEN_SIZE];

	(void)state;
	for (size_t z = 0; z < N_OF(zones); z++) {
		setenv("TZ", zones[z], 1);
		tzset();
		for (int i = 0; i < 20000; i++) {
			int64_t ms = INT64_C(1700000000000) + (int64_t)chance(366 * 96) * 900000 + (int64_t)chance(900000), back;
			time_t t = (time_t)(ms / 1000);
			struct tm want, tm;
			bool zoned;

			gmtime_r(&t, &want);
			t = (time_t)(when_local(ms) / 1000);
			assert_int_equal(when_local(ms) % 1000, ms % 1000);
			localtime_r(&t, &tm);
			if (tm.tm_hour != want.tm_hour || tm.tm_min != want.tm_min) {	/* there is no such time */
				want.tm_isdst = 0;
				assert_int_equal(mktime(&want), t);
			}
			assert_int_equal(tm.tm_hour * 60 + tm.tm_min, want.tm_hour * 60 + want.tm_min);
			assert_int_equal(tm.tm_sec, want.tm_sec);
			assert_int_equal(tm.tm_mday, want.tm_mday);
			when_format_local((int64_t)t * 1000000 + 275173, out);
			assert_true(when_parse(out, strlen(out), &back, &zoned) && zoned);
			assert_int_equal(back, (int64_t)t * 1000 + 275);
		}
		assert_int_equal(when_local(0) - when_local(900000), -900000);	/* another zone is another cache */
	}
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	for (int64_t ms = INT64_C(1729994400000); ms < INT64_C(1729998000000); ms += 60000) {	/* 2024-10-27T02:00 to 03:00, which comes twice */
		(void)when_local(ms + (ms / 60000 % 2 == 0 ? -1 : 1) * INT64_C(86400000));	/* what was asked before is all the same */
		assert_int_equal(when_local(ms), ms - 7200000);
	}
	setenv("TZ", "UTC", 1);
	tzset();
	assert_int_equal(when_local(-1), -1);
	assert_string_equal(when_format_local(INT64_C(1765110248275173), out), "2025-12-07T12:24:08.275173Z");
}

/* Offsets at moments in any order, against localtime; names of zones. */
static void
zones(void **state)
{
	static const char *const good[] = { "UTC", "Z", "Asia/Taipei", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo",
		"Africa/Monrovia", "+08:00", "-0330" };
	static const char *const bad[] = { "", "Asia", "Asia/Nowhere", "../zoneinfo/UTC", "/usr/share/zoneinfo/UTC", "+8", "CST-8", "+24:00",
		"+08:00x" };

	(void)state;
	for (size_t z = 0; z < N_OF(good); z++) {
		assert_true(when_zone(good[z]));
		for (int i = 0; i < 20000; i++) {
			int64_t ms = INT64_C(-62000000000000) + (int64_t)chance(UINT64_C(315000000000000));
			time_t t;
			struct tm tm;

			if (i % 3 == 0)
				ms = INT64_C(-3000000000000) + (int64_t)chance(UINT64_C(6000000000000));
			else if (i % 3 == 1)	/* a year, each hour again and again */
				ms = INT64_C(1700000000000) + (int64_t)chance(UINT64_C(31622400000));
			t = (time_t)(ms / 1000 - (ms % 1000 < 0));
			localtime_r(&t, &tm);
			assert_int_equal(when_offset(ms), tm.tm_gmtoff * 1000);
		}
	}
	assert_true(when_zone("+08:00"));
	assert_int_equal(when_offset(0), 28800000);
	assert_true(when_zone("-0330"));
	assert_int_equal(when_offset(0), -12600000);
	for (size_t i = 0; i < N_OF(bad); i++)
		assert_false(when_zone(bad[i]));
	assert_int_equal(when_offset(0), -12600000);
	assert_true(when_zone("UTC"));
}

static void
fractions(void **state)
{
	static const struct { const char *text, *digits; } cases[] = {
		{ "2026-06-19", "" }, { "2026-06-19T13:22", "" }, { "2026-06-19T13:22+08:00", "" }, { "2026-06-19T13:22:24Z", "" },
		{ "2026-06-19T13:22:24.5Z", "5" }, { "2026-06-19 13:22:24,123456789+08:00", "123456789" }, { "2026-06-19T13:22:24.07", "07" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		size_t n;
		const char *p = when_fraction(cases[i].text, strlen(cases[i].text), &n);

		check_text(p, n, cases[i].digits);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(usual_forms),
		cmocka_unit_test(calendar),
		cmocka_unit_test(days_of_months),
		cmocka_unit_test(durations),
		cmocka_unit_test(far_away),
		cmocka_unit_test(local_times),
		cmocka_unit_test(zones),
		cmocka_unit_test(fractions),
	};

	return cmocka_run_group_tests_name("when", tests, NULL, NULL);
}
