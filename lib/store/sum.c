#include "store/sum.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/word.h"

/* n is 0 to 36. */
static sum_int
power_of_ten(int n)
{
	static const int64_t power[] = {
		1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
		10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
	};

	return n <= 18 ? power[n] : (sum_int)power[18] * power[n - 18];
}

static sum_int
one(void)
{
	return power_of_ten(SUM_DECIMALS);
}

/* What a long number is made of: its digits, of which the point stands behind the first point. */
struct decimal {
	const char *p, *end;	/* digits and perhaps a point among them */
	int64_t	 point;
	bool	 negative;
};

static int64_t
exponent(const char *p, const char *end)
{
	bool negative = *p == '-';
	int64_t e = 0;

	for (p += *p == '-' || *p == '+'; p < end; p++)
		e = e < INT64_C(1000000000000000) ? e * 10 + (*p - '0') : e;	/* more than a line has digits to make up for it */
	return negative ? -e : e;
}

static struct decimal
take_apart(struct span number)
{
	struct decimal d = { .p = number.p, .end = number.p + number.len, .point = -1 };
	int64_t e = 0;

	d.negative = *d.p == '-';
	d.p += d.negative;
	for (const char *p = d.p; p < d.end; p++) {
		if (*p == '.') {
			d.point = p - d.p;
		} else if (*p == 'e' || *p == 'E') {
			e = exponent(p + 1, d.end);
			d.end = p;
		}
	}
	if (d.point == -1)
		d.point = d.end - d.p;
	d.point += e;
	return d;
}

/* The digit at place (0 is before the point, -1 behind it) goes where it belongs.  False: there is no such place. */
static bool
add_digit(struct sum *s, int digit, int64_t place)
{
	if (digit == 0)
		return true;
	if (place >= SUM_DIGITS || place < -SUM_DECIMALS)
		return false;
	if (place >= 0)
		s->whole += power_of_ten((int)place) * digit;
	else
		s->fraction += power_of_ten((int)place + SUM_DECIMALS) * digit;
	return true;
}

static bool
parse_long(struct span number, struct sum *s)
{
	struct decimal d = take_apart(number);
	int64_t place = d.point - 1;

	*s = (struct sum){ 0, 0 };
	for (const char *p = d.p; p < d.end; p++)
		if (*p != '.' && !add_digit(s, *p - '0', place--))
			return false;
	if (d.negative) {
		s->whole = -s->whole - (s->fraction != 0);
		s->fraction = s->fraction != 0 ? one() - s->fraction : 0;
	}
	return true;
}

bool
sum_parse(struct span number, struct sum *s)
{
	const char *p = number.p, *end = p + number.len;
	bool negative = *p == '-';
	int64_t n = 0;

	if (number.len <= 8) {
		/* Eight digits at once, with zeros in front of those that there are; then pairs of them, fours, eights. */
		uint64_t v = le64toh(word_load(p)) << (64 - 8 * number.len), zeros = UINT64_C(0x3030303030303030) << (64 - 8 * number.len);

		v ^= zeros;
		if (((v | (v + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080)) == 0) {
			v = (v * 10 + (v >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
			v = (v * 100 + (v >> 16)) & UINT64_C(0x0000ffff0000ffff);
			v = (v * 10000 + (v >> 32)) & UINT64_C(0xffffffff);
			*s = (struct sum){ .whole = (sum_int)v };
			return true;
		}
	}
	p += negative;
	if (end - p > 18)
		return parse_long(number, s);
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return parse_long(number, s);
		n = n * 10 + (*p - '0');
	}
	*s = (struct sum){ .whole = negative ? -n : n };
	return true;
}

bool
sum_add(struct sum *to, const struct sum *s)
{
	struct sum r = { .fraction = to->fraction + s->fraction };

	if (r.fraction == 0) {	/* nearly all */
		if (__builtin_add_overflow(to->whole, s->whole, &r.whole))
			return false;
		to->whole = r.whole;
		return true;
	}
	if (r.fraction >= one()) {
		r.fraction -= one();
		r.whole = 1;
	}
	if (__builtin_add_overflow(r.whole, s->whole, &r.whole) || __builtin_add_overflow(r.whole, to->whole, &r.whole))
		return false;
	*to = r;
	return true;
}

/* digits with leading zeros up to width. */
static void
put_digits(sum_int n, size_t width, struct buf *out)
{
	char text[48];
	size_t at = sizeof text;

	for (; n > INT64_MAX; n /= 10)
		text[--at] = (char)('0' + (int)(n % 10));
	for (uint64_t few = (uint64_t)n; few != 0 || sizeof text - at < width; few /= 10)
		text[--at] = (char)('0' + (int)(few % 10));
	buf_add(out, text + at, sizeof text - at);
}

void
sum_put(const struct sum *s, struct buf *out)
{
	sum_int whole = s->whole, fraction = s->fraction;

	if (whole < 0) {
		buf_addc(out, '-');
		whole = -whole - (fraction != 0);
		fraction = fraction != 0 ? one() - fraction : 0;
	}
	put_digits(whole, 1, out);
	if (fraction == 0)
		return;
	buf_addc(out, '.');
	put_digits(fraction, SUM_DECIMALS, out);
	while (out->p[out->len - 1] == '0')
		out->len--;
}
