/*
 * fuzz_sum - what cc-sum makes of a value: the order of two values is the order of their bytes, they come back as they were,
 * numbers are added exactly, and times that are read are read back the same.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "json/order.h"
#include "store/sum.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool good)
{
	if (!good)
		abort();
}

/* A value read from what was written is written as the same. */
static void
check_order(struct span v)
{
	struct buf a = { 0 }, b = { 0 }, back = { 0 }, scratch = { 0 };

	order_put(v, &scratch, &a);
	check(order_get(a.p, a.p + a.len, &scratch, &back) == a.p + a.len);
	buf_pad(&back);
	order_put((struct span){ back.p, back.len }, &scratch, &b);
	check(a.len == b.len && memcmp(a.p, b.p, a.len) == 0);
	buf_free(&a);
	buf_free(&b);
	buf_free(&back);
	buf_free(&scratch);
}

static void
check_sum(struct span v)
{
	struct buf text = { 0 }, number = { 0 };
	struct sum s, again, zero = { 0 };
	double want, got;

	if (!sum_parse(v, &s))
		return;
	check(s.fraction >= 0);
	sum_put(&s, &text);
	check(sum_parse((struct span){ text.p, text.len }, &again) && again.whole == s.whole && again.fraction == s.fraction);
	buf_add(&number, v.p, v.len);
	want = strtod(buf_str(&number), NULL);
	got = strtod(buf_str(&text), NULL);
	check(want == got || fabs(want - got) <= fabs(want) * 1e-15);
	/* s + s - s - s is nothing; the negative is the text with or without its sign */
	check(sum_add(&again, &s));
	buf_clear(&number);
	if (text.p[0] != '-')
		buf_addc(&number, '-');
	buf_add(&number, text.p + (text.p[0] == '-'), text.len - (text.p[0] == '-'));
	check(sum_parse((struct span){ number.p, number.len }, &s));
	check(sum_add(&again, &s) && sum_add(&again, &s) && again.whole == zero.whole && again.fraction == zero.fraction);
	buf_free(&text);
	buf_free(&number);
}

static void
check_time(const char *p, size_t len)
{
	char text[WHEN_SIZE];
	int64_t ms, back;
	const char *fraction;
	size_t n;
	bool zoned;

	if (!when_parse(p, len, &ms, &zoned))
		return;
	fraction = when_fraction(p, len, &n);
	check(fraction >= p && n <= len && fraction + n <= p + len);
	for (size_t i = 0; i < n && i < 3; i++) {
		static const int scale[] = { 100, 10, 1 };

		check((int)(((ms % 1000) + 1000) % 1000) / scale[i] % 10 == fraction[i] - '0');
	}
	check(when_date(when_day(ms)).m >= 1 && when_date(when_day(ms)).m <= 12);
	if (ms < INT64_C(-62135596800000) || ms >= INT64_C(253402300800000))
		return;
	when_format(ms, text);
	check(strlen(text) == sizeof "2026-06-19T13:22:24.560Z" - 1 && when_parse(text, strlen(text), &back, &zoned) && zoned && back == ms);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf line = { 0 };
	struct scan s = { 0 };

	check_time((const char *)data, size);
	buf_add(&line, data, size);
	buf_pad(&line);
	if (size != 0 && memchr(" \t\r", data[0], 3) == NULL && memchr(" \t\r", data[size - 1], 3) == NULL &&
	    scan_value(&s, line.p) == line.p + size && scan_utf8(line.p, size) == NULL) {
		struct span v = { line.p, size };

		check_order(v);
		if (*v.p == '-' || (*v.p >= '0' && *v.p <= '9'))
			check_sum(v);
	}
	scan_free(&s);
	buf_free(&line);
	return 0;
}
