/*
 * sum.h - exact sums of JSON numbers.
 *
 * A number is a whole part and a fraction of 36 decimals, both in 128 bits, so that 64-bit integers never
 * overflow and 0.1 + 0.2 is 0.3.  What has more digits is refused, never rounded.
 */
#ifndef STORE_SUM_H
#define STORE_SUM_H

#include <stdbool.h>

#include "base/buf.h"
#include "json/scan.h"

#define SUM_DECIMALS	36
#define SUM_DIGITS	28	/* before the point */

__extension__ typedef __int128 sum_int;

struct sum {
	sum_int	 whole;
	sum_int	 fraction;	/* 0 .. 10^36 - 1, to be added to whole, also when that is negative */
};

/* Read a valid JSON number, padded as json/scan.h wants it.  False: it has more digits than are kept. */
bool	sum_parse(struct span number, struct sum *s);
/* Beyond 10^10 of the largest numbers there is no room: false, and *to is as it was. */
bool	sum_add(struct sum *to, const struct sum *s) __attribute__((warn_unused_result));
/* Append as a JSON number: without an exponent, and without a point where it is whole. */
void	sum_put(const struct sum *s, struct buf *out);

#endif
