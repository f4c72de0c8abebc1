#include "json/stops.h"

#include <string.h>

#include "base/mem.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "json/utf8.h"

#define STOPS_MOST	(64u << 10)	/* a block of 256 KiB has some 14,000 */
#define BYTES_MOST	(1u << 30)	/* a place must fit into 32 bits */
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt,lzcnt")))

#define C4(n) ((n) * 0x01010101)
#define SHORT 1		/* what follows a backslash and is all of an escape, other than u */
#define HEX 2
/* The classes of the ASCII bytes. */
static const unsigned char class[128] = {
	['"'] = SHORT, ['/'] = SHORT, ['\\'] = SHORT, ['n'] = SHORT, ['r'] = SHORT, ['t'] = SHORT, ['b'] = SHORT | HEX, ['f'] = SHORT | HEX,
	['0'] = HEX, ['1'] = HEX, ['2'] = HEX, ['3'] = HEX, ['4'] = HEX, ['5'] = HEX, ['6'] = HEX, ['7'] = HEX, ['8'] = HEX, ['9'] = HEX,
	['a'] = HEX, ['c'] = HEX, ['d'] = HEX, ['e'] = HEX, ['A'] = HEX, ['B'] = HEX, ['C'] = HEX, ['D'] = HEX, ['E'] = HEX, ['F'] = HEX,
};

/* The bytes that a backslash escapes; *carry is 1 where the next 64 begin with one. */
static inline uint64_t
find_escaped(uint64_t slash, uint64_t *carry)
{
	const uint64_t even = UINT64_C(0x5555555555555555);
	uint64_t follows, odd_starts, sums;

	slash &= ~*carry;
	follows = slash << 1 | *carry;
	/* Adding to the start of a row of backslashes gives its end; by the starts' evenness the escaped ones are known. */
	odd_starts = slash & ~even & ~follows;
	*carry = __builtin_add_overflow(odd_starts, slash, &sums);
	return (even ^ sums << 1) & follows;
}

/* Those of the backslashes whose escape is good and ends within these 64 bytes. */
AVX512 static inline uint64_t
good_escapes(__m512i v, uint64_t escaped)
{
	const __m512i low = _mm512_loadu_si512(class), high = _mm512_loadu_si512(class + 64);
	__mmask64 ascii = ~_mm512_movepi8_mask(v);
	__m512i c = _mm512_maskz_permutex2var_epi8(ascii, low, v, high);
	uint64_t hex = _mm512_test_epi8_mask(c, _mm512_set1_epi8(HEX));
	uint64_t all = _mm512_test_epi8_mask(c, _mm512_set1_epi8(SHORT));
	uint64_t u = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('u'));

	all |= u & hex >> 1 & hex >> 2 & hex >> 3 & hex >> 4;
	return (escaped & all) >> 1;
}

struct constants {
	__m512i zero, quote, slash, space, top, places, after3, after4;
	__m512i first_high, first_low, second_high;
};
/* Keep it in a register: compilers make each of these anew at every step. */
#define KEEP(v) __asm__("" : "+v"(v))

AVX512 static inline __m512i
load_table(int i)
{
	return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)utf8_errors[i]));
}

AVX512 static inline struct constants
constants(void)
{
	/* vpermb looks at six bits: a high nibble comes with two bits from below it. */
	const __m512i quarter = _mm512_setr_epi32(C4(0), C4(1), C4(2), C4(3), C4(4), C4(5), C4(6), C4(7), C4(8), C4(9), C4(10), C4(11), C4(12),
	    C4(13), C4(14), C4(15));
	struct constants c = {
		.zero = _mm512_setzero_si512(), .quote = _mm512_set1_epi8('"'), .slash = _mm512_set1_epi8('\\'), .space = _mm512_set1_epi8(' '),
		.top = _mm512_set1_epi8((char)0x80), .after3 = _mm512_set1_epi8((char)(0xe0 - 0x80)), .after4 = _mm512_set1_epi8((char)(0xf0 - 0x80)),
		.first_high = _mm512_permutexvar_epi8(quarter, load_table(0)), .first_low = load_table(1),
		.second_high = _mm512_permutexvar_epi8(quarter, load_table(2)),
		.places = _mm512_set_epi8(63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41,
		    40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9,
		    8, 7, 6, 5, 4, 3, 2, 1, 0),
	};

	KEEP(c.quote);
	KEEP(c.slash);
	KEEP(c.space);
	KEEP(c.top);
	KEEP(c.after3);
	KEEP(c.after4);
	KEEP(c.first_high);
	KEEP(c.first_low);
	KEEP(c.second_high);
	KEEP(c.places);
	return c;
}

/* The state of the check of UTF-8: as in utf8.c, 64 bytes a step. */
struct utf8 {
	__m512i bad, prev;
};

AVX512 static inline void
check_utf8(struct utf8 *u, const struct constants *c, __m512i v)
{
	/* Each lane's predecessor, then each byte's. */
	__m512i lanes = _mm512_alignr_epi64(v, u->prev, 6);
	__m512i before1 = _mm512_alignr_epi8(v, lanes, 15);
	__m512i before2 = _mm512_alignr_epi8(v, lanes, 14);
	__m512i before3 = _mm512_alignr_epi8(v, lanes, 13);
	__m512i special = _mm512_ternarylogic_epi64(
	    _mm512_permutexvar_epi8(_mm512_srli_epi16(before1, 2), c->first_high),
	    _mm512_permutexvar_epi8(before1, c->first_low),
	    _mm512_permutexvar_epi8(_mm512_srli_epi16(v, 2), c->second_high), 0x80);	/* a & b & c */
	__m512i third = _mm512_subs_epu8(before2, c->after3), fourth = _mm512_subs_epu8(before3, c->after4);
	__m512i due = _mm512_ternarylogic_epi64(third, fourth, c->top, 0xa8);	/* (a | b) & c */

	u->bad = _mm512_ternarylogic_epi64(u->bad, due, special, 0xf6);	/* a | (b ^ c) */
	u->prev = v;
}

#define LOAD(p) _mm512_loadu_si512(p)

/* The stops of 64 bytes. */
AVX512 static inline uint64_t
find_stops(__m512i v, const struct constants *c, uint64_t *carry)
{
	uint64_t quotes = _mm512_cmpeq_epi8_mask(v, c->quote), slashes = _mm512_cmpeq_epi8_mask(v, c->slash);
	uint64_t controls = _mm512_cmplt_epu8_mask(v, c->space), escaped;

	if ((slashes | *carry) == 0)
		return quotes | controls;
	escaped = find_escaped(slashes, carry);
	return (quotes & ~escaped) | controls | (slashes & ~escaped & ~good_escapes(v, escaped));
}

/* Write the places of the set bits, the first of which stands for place; room for 64 is there. */
AVX512 static inline uint32_t *
put_places(uint32_t *to, uint64_t stops, size_t place, const struct constants *c)
{
	__m512i at = _mm512_maskz_compress_epi8(stops, c->places), first = _mm512_set1_epi32((int)place);
	int n = __builtin_popcountll(stops);

	_mm512_storeu_si512(to, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(at)), first));
	for (int done = 16; done < n; done += 16) {
		at = _mm512_alignr_epi64(at, at, 2);
		_mm512_storeu_si512(to + done, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(at)), first));
	}
	return to + n;
}

/* The block is padded: what lies behind it is ASCII, and no harm as a stop. */
AVX512 bool
stops_find_avx512(struct stops *t, const char *p, size_t len)
{
	const struct constants c = constants();
	struct utf8 utf8 = { c.zero, c.zero };
	uint64_t carry = 0;
	uint32_t *to, *full;
	size_t i = 0;

	/* No more of it is touched than is needed. */
	t->at = mem_grow(t->at, &t->cap, (len < STOPS_MOST ? len : STOPS_MOST) + 3 * 64, sizeof *t->at);
	to = t->at;
	full = to + STOPS_MOST;
	for (; i < len && i < BYTES_MOST && to < full; i += 64) {
		__m512i v = LOAD(p + i);

		/* Also where all is ASCII: which steps are could not be foretold, and a wrong guess costs more than the check. */
		check_utf8(&utf8, &c, v);
		to = put_places(to, find_stops(v, &c, &carry), i, &c);
	}
	t->from = t->end = p;
	t->next = t->at;
	if (i >= len) {
		t->end = p + len;
	} else {
		const char *nl = memrchr(p, '\n', i);

		if (nl != NULL)
			t->end = nl + 1;
		for (; i < len; i += 64)
			check_utf8(&utf8, &c, LOAD(p + i));
	}
	check_utf8(&utf8, &c, c.zero);	/* ends what was cut */
	return _mm512_test_epi64_mask(utf8.bad, utf8.bad) == 0;
}
#endif
