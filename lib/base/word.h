/*
 * word.h - words of eight bytes, as hashes and fast comparisons take them.
 */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <stdint.h>
#include <string.h>

/* Eight bytes from anywhere, in the machine's order. */
static inline uint64_t
word_load(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* Both halves of the 128-bit product, folded. */
static inline uint64_t
word_fold(uint64_t x, uint64_t y)
{
	__extension__ typedef unsigned __int128 wide;
	wide p = (wide)x * y;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

#endif
