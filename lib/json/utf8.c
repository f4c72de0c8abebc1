#include "json/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/word.h"

/* The length of the valid sequence at p, or 0. */
static size_t
sequence(const unsigned char *p, size_t len)
{
	unsigned char c = p[0];
	unsigned char low = 0x80, high = 0xbf;
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (n < 2)
		return n;
	if (n > len)
		return 0;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

const char *
utf8_check_portable(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	while (len > 0) {
		size_t n;

		while (len >= 8 && (word_load((const char *)p) & UINT64_C(0x8080808080808080)) == 0) {
			p += 8;
			len -= 8;
		}
		if (len == 0)
			break;
		if ((n = sequence(p, len)) == 0)
			return (const char *)p;
		p += n;
		len -= n;
	}
	return NULL;
}

size_t
utf8_encode(unsigned c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

#if defined(__x86_64__)
#include <immintrin.h>

/*
 * The lookup method of J. Keiser and D. Lemire, "Validating UTF-8 In Less Than
 * One Instruction Per Byte" (2021).  Every error of a pair of bytes shows in the
 * high nibble of the first, its low nibble and the high nibble of the second:
 * three tables give a set of error kinds each, and a kind in all three is an error.
 */
#define TOO_SHORT	(1 << 0)	/* a lead byte or ASCII where a continuation is due */
#define TOO_LONG	(1 << 1)	/* ASCII, then a continuation */
#define OVERLONG_3	(1 << 2)	/* e0, then 80..9f */
#define TOO_LARGE	(1 << 3)	/* f4, then 90..bf, and above */
#define SURROGATE	(1 << 4)	/* ed, then a0..bf */
#define OVERLONG_2	(1 << 5)	/* c0, c1 */
#define TOO_LARGE_1000	(1 << 6)	/* f5.., then 80..8f */
#define OVERLONG_4	(1 << 6)	/* f0, then 80..8f */
#define TWO_CONTS	(1 << 7)	/* two continuations: right only inside a longer sequence */
#define CARRY		(TOO_SHORT | TOO_LONG | TWO_CONTS)
const unsigned char utf8_errors[3][16] = {
	{
		TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
		TWO_CONTS, TWO_CONTS, TWO_CONTS, TWO_CONTS, TOO_SHORT | OVERLONG_2, TOO_SHORT,
		TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4,
	}, {
		CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, CARRY | OVERLONG_2, CARRY, CARRY,
		CARRY | TOO_LARGE, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
		CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
		CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
		CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
	}, {
		TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
		TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,
		TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE,
		TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE,
		TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
	},
};

#define AVX2 __attribute__((target("avx2")))

/* v moved up by n bytes, the last n bytes of prev coming in below. */
#define SHIFT_IN(v, prev, n) _mm256_alignr_epi8(v, _mm256_permute2x128_si256(prev, v, 0x21), 16 - (n))

AVX2 static inline __m256i
table(int i)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)utf8_errors[i]));
}

AVX2 static inline __m256i
errors(__m256i v, __m256i prev)
{
	const __m256i first_high = table(0), first_low = table(1), second_high = table(2);
	const __m256i nibble = _mm256_set1_epi8(0x0f), top = _mm256_set1_epi8((char)0x80);
	__m256i before1 = SHIFT_IN(v, prev, 1), before2 = SHIFT_IN(v, prev, 2), before3 = SHIFT_IN(v, prev, 3);
	__m256i special = _mm256_and_si256(
	    _mm256_and_si256(
	        _mm256_shuffle_epi8(first_high, _mm256_and_si256(_mm256_srli_epi16(before1, 4), nibble)),
	        _mm256_shuffle_epi8(first_low, _mm256_and_si256(before1, nibble))),
	    _mm256_shuffle_epi8(second_high, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble)));
	/* Third or fourth byte of a sequence: there two continuations in a row are due. */
	__m256i third = _mm256_subs_epu8(before2, _mm256_set1_epi8((char)(0xe0 - 0x80)));
	__m256i fourth = _mm256_subs_epu8(before3, _mm256_set1_epi8((char)(0xf0 - 0x80)));
	__m256i due = _mm256_and_si256(_mm256_or_si256(third, fourth), top);

	return _mm256_xor_si256(due, special);
}

AVX2 const char *
utf8_check_avx2(const char *p, size_t len)
{
	/* A block must not end inside a sequence when only ASCII follows: the last three bytes' largest values. */
	const __m256i complete = _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, (char)(0xf0 - 1), (char)(0xe0 - 1), (char)(0xc0 - 1));
	__m256i bad = _mm256_setzero_si256(), prev = bad, open = bad;
	size_t i = 0;

	for (; i + 64 <= len; i += 64) {
		__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(p + i));
		__m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + i + 32));

		if (_mm256_movemask_epi8(_mm256_or_si256(a, b)) == 0) {
			bad = _mm256_or_si256(bad, open);
			open = _mm256_setzero_si256();
		} else {
			bad = _mm256_or_si256(bad, _mm256_or_si256(errors(a, prev), errors(b, a)));
			open = _mm256_subs_epu8(b, complete);
		}
		prev = b;
		/* Not at every step, for speed; but whoever goes on behind each bad byte must not pay for all the rest. */
		if (i % 4096 == 0 && !_mm256_testz_si256(bad, bad))
			break;
	}
	if (!_mm256_testz_si256(bad, bad))
		return utf8_check_portable(p, len);	/* it names the place */
	/* The rest, from the start of the sequence that the last step may have cut. */
	for (int back = 0; back < 4 && i > 0 && ((unsigned char)p[i - 1] & 0x80) != 0; back++)
		if (((unsigned char)p[--i] & 0x40) != 0)
			break;
	return utf8_check_portable(p + i, len - i);
}
#endif
