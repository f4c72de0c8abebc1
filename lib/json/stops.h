/*
 * stops.h - where the strings of a block end, found for all of them at once.
 *
 * A stop is a byte that ends the search for a string's end: a quote, a control character, or the backslash of an
 * escape that still has to be looked at.  Escapes that lie within one step of the search are checked here, and
 * neither they nor what they escape are stops.  What stands outside strings is not told apart; the one who walks knows
 * where he is.  The places are in order, so nobody waits for the end of one string to look for the next one's.
 */
#ifndef JSON_STOPS_H
#define JSON_STOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stops {
	const char *from;	/* the block; borrowed */
	const char *end;	/* behind the last line of which all stops are known */
	uint32_t *at;		/* from `from` on; owned, reused */
	size_t cap;
	const uint32_t *next;	/* the walker's */
};

#if defined(__x86_64__)
/*
 * Find the stops of a block of whole lines, and tell whether it is UTF-8.  Only the first stops of a very large block
 * are found: the memory has a bound.
 */
bool	stops_find_avx512(struct stops *t, const char *p, size_t len);
#endif

#endif
