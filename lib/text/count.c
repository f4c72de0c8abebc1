#include "text/count.h"

#include <stdatomic.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define NO_STOP ((char)0xff)	/* stands in no UTF-8 text */

/* Scripts.txt of Unicode 17.0, neighbours joined. */
static const struct { uint32_t from, to; } han[] = {
	{ 0x2e80, 0x2e99 }, { 0x2e9b, 0x2ef3 }, { 0x2f00, 0x2fd5 }, { 0x3005, 0x3005 }, { 0x3007, 0x3007 }, { 0x3021, 0x3029 },
	{ 0x3038, 0x303b }, { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff }, { 0xf900, 0xfa6d }, { 0xfa70, 0xfad9 }, { 0x16fe2, 0x16fe3 },
	{ 0x16ff0, 0x16ff6 }, { 0x20000, 0x2a6df }, { 0x2a700, 0x2b81d }, { 0x2b820, 0x2cead }, { 0x2ceb0, 0x2ebe0 },
	{ 0x2ebf0, 0x2ee5d }, { 0x2f800, 0x2fa1d }, { 0x30000, 0x3134a }, { 0x31350, 0x33479 },
};

bool
count_is_han(uint32_t c)
{
	size_t low = 0, n = sizeof han / sizeof *han;

	/* The first range that does not end before c. */
	while (n > 0) {
		size_t half = n / 2;

		if (han[low + half].to < c) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return low < sizeof han / sizeof *han && han[low].from <= c;
}

/* The code point at p, and its length in bytes. */
static inline uint32_t
decode(const char *s, size_t *len)
{
	const unsigned char *p = (const unsigned char *)s;

	if (p[0] < 0x80) {
		*len = 1;
		return p[0];
	}
	if (p[0] < 0xe0) {
		*len = 2;
		return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
	}
	if (p[0] < 0xf0) {
		*len = 3;
		return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
	}
	*len = 4;
	return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 | (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
}

/* Count the character at p.  Returns its length in bytes. */
static inline size_t
count_one(enum count_rule rule, const char *p, struct counts *c)
{
	size_t len;
	uint32_t u = decode(p, &len);

	c->total++;
	switch (rule) {
	case COUNT_HAN:
		if (u < 0x80)
			c->en += (u | 0x20) - 'a' < 26;
		else if (u >= 0x4e00 && u <= 0x9fff)	/* nearly all */
			c->ch++;
		else
			c->ch += count_is_han(u);
		break;
	case COUNT_BOTRUN:
		if (u >= 0x20 && u < 0x7f)
			c->en++;
		else
			c->ch++;
		break;
	}
	return len;
}

static inline const char *
portable_run(enum count_rule rule, const char *p, const char *end, char stop, struct counts *c)
{
	while (p < end && *p != stop)
		p += count_one(rule, p, c);
	return p;
}

static const char *
portable_han(const char *p, const char *end, char stop, struct counts *c)
{
	return portable_run(COUNT_HAN, p, end, stop, c);
}

static const char *
portable_botrun(const char *p, const char *end, char stop, struct counts *c)
{
	return portable_run(COUNT_BOTRUN, p, end, stop, c);
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

AVX2 static inline __m256i
load(const char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

AVX2 static inline __m256i
equal(__m256i v, unsigned c)
{
	return _mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)c));
}

/* The bytes from..to. */
AVX2 static inline __m256i
within(__m256i v, unsigned from, unsigned to)
{
	__m256i x = _mm256_sub_epi8(v, _mm256_set1_epi8((char)from));

	return _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8((char)(to - from))), x);
}

AVX2 static inline uint32_t
bits(__m256i v)
{
	return (uint32_t)_mm256_movemask_epi8(v);
}

/* All but the bytes 10xxxxxx: one for each character. */
AVX2 static inline uint32_t
starts(__m256i v)
{
	return bits(_mm256_cmpgt_epi8(v, _mm256_set1_epi8((char)0xbf)));
}

/* Of the 32 bytes at p those that come before end and stop; *stopped: there is a stop. */
AVX2 static inline uint32_t
before(const char *p, const char *end, __m256i v, char stop, bool *stopped)
{
	uint32_t keep = end - p < 32 ? (UINT32_C(1) << (end - p)) - 1 : UINT32_MAX;
	uint32_t hit = bits(equal(v, (unsigned char)stop)) & keep;

	*stopped = hit != 0;
	return hit != 0 ? (hit & -hit) - 1 : keep;
}

/* Of bytes 10xxxxxx those from this one on. */
AVX2 static inline __m256i
from(__m256i v, unsigned c)
{
	return _mm256_cmpgt_epi8(v, _mm256_set1_epi8((char)(c - 1)));
}

/*
 * The first bytes of Han characters, where two bytes decide: E5..E9; E4 but for the hexagrams, E4 B7;
 * E3 90..BF.
 */
AVX2 static inline __m256i
surely_han(__m256i v, __m256i second)
{
	__m256i hexagrams = _mm256_and_si256(equal(v, 0xe4), equal(second, 0xb7));

	return _mm256_or_si256(_mm256_andnot_si256(hexagrams, within(v, 0xe4, 0xe9)),
	    _mm256_and_si256(equal(v, 0xe3), from(second, 0x90)));
}

/*
 * Those that must be looked at one by one: U+2E80-2FFF, U+F000-FE7F, all beyond U+FFFF but for the emoji (F0 9F), and of U+3000-303F
 * what is beyond U+301F, with U+3005 and U+3007, which leaves out the punctuation of every sentence.
 */
AVX2 static inline __m256i
perhaps_han(__m256i v, __m256i second, __m256i third)
{
	__m256i few = _mm256_or_si256(from(third, 0xa0), equal(_mm256_or_si256(third, _mm256_set1_epi8(0x02)), 0x87));
	__m256i e3 = _mm256_and_si256(_mm256_and_si256(equal(v, 0xe3), equal(second, 0x80)), few);
	__m256i e2 = _mm256_and_si256(equal(v, 0xe2), from(second, 0xba));
	__m256i ef = _mm256_andnot_si256(from(second, 0xba), equal(v, 0xef));
	__m256i f0 = _mm256_andnot_si256(equal(second, 0x9f), equal(v, 0xf0));

	return _mm256_or_si256(_mm256_or_si256(e3, e2), _mm256_or_si256(ef, f0));
}

AVX2 static const char *
avx2_han(const char *p, const char *end, char stop, struct counts *c)
{
	for (; p < end; p += 32) {
		__m256i v = load(p), second = load(p + 1);
		bool stopped;
		uint32_t keep = before(p, end, v, stop, &stopped);
		uint32_t rare = bits(perhaps_han(v, second, load(p + 2))) & keep;

		c->total += (unsigned)__builtin_popcount(starts(v) & keep);
		c->en += (unsigned)__builtin_popcount(bits(within(_mm256_or_si256(v, _mm256_set1_epi8(0x20)), 'a', 'z')) & keep);
		c->ch += (unsigned)__builtin_popcount(bits(surely_han(v, second)) & keep);
		for (; rare != 0; rare &= rare - 1) {
			size_t len;

			c->ch += count_is_han(decode(p + __builtin_ctz(rare), &len));
		}
		if (stopped)
			return p + __builtin_popcount(keep);
	}
	return end;
}

AVX2 static const char *
avx2_botrun(const char *p, const char *end, char stop, struct counts *c)
{
	for (; p < end; p += 32) {
		__m256i v = load(p);
		bool stopped;
		uint32_t keep = before(p, end, v, stop, &stopped);
		unsigned all = (unsigned)__builtin_popcount(starts(v) & keep);
		unsigned en = (unsigned)__builtin_popcount(bits(within(v, 0x20, 0x7e)) & keep);

		c->total += all;
		c->en += en;
		c->ch += all - en;
		if (stopped)
			return p + __builtin_popcount(keep);
	}
	return end;
}

#define AVX512 __attribute__((target("avx512f,avx512bw,bmi,popcnt")))

AVX512 static inline __m512i
all512(unsigned c)
{
	return _mm512_set1_epi8((char)c);
}

AVX512 static inline uint64_t
equal512(__m512i v, unsigned c)
{
	return _mm512_cmpeq_epi8_mask(v, all512(c));
}

AVX512 static inline uint64_t
within512(__m512i v, unsigned from, unsigned to)
{
	return _mm512_cmple_epu8_mask(_mm512_sub_epi8(v, all512(from)), all512(to - from));
}

/* As before() and starts(), of 64 bytes. */
AVX512 static inline uint64_t
before512(const char *p, const char *end, __m512i *v, char stop, bool *stopped)
{
	uint64_t keep = end - p < 64 ? (UINT64_C(1) << (end - p)) - 1 : UINT64_MAX, hit;

	*v = _mm512_maskz_loadu_epi8(keep, p);
	hit = equal512(*v, (unsigned char)stop) & keep;
	*stopped = hit != 0;
	return hit != 0 ? (hit & -hit) - 1 : keep;
}

AVX512 static inline uint64_t
starts512(__m512i v)
{
	return _mm512_cmpgt_epi8_mask(v, all512(0xbf));
}

/* What is Han for two bytes, and what may be for three, as in surely_han and perhaps_han. */
AVX512 static const char *
avx512_han(const char *p, const char *end, char stop, struct counts *c)
{
	for (; p < end; p += 64) {
		__m512i v;
		bool stopped;
		uint64_t keep = before512(p, end, &v, stop, &stopped);

		c->en += (unsigned)__builtin_popcountll(within512(_mm512_or_si512(v, all512(0x20)), 'a', 'z') & keep);
		if ((_mm512_movepi8_mask(v) & keep) == 0) {
			c->total += (unsigned)__builtin_popcountll(keep);
		} else {
			__m512i second = _mm512_maskz_loadu_epi8(keep, p + 1), third = _mm512_maskz_loadu_epi8(keep, p + 2);
			uint64_t e3 = equal512(v, 0xe3);
			uint64_t surely = (within512(v, 0xe4, 0xe9) & ~(equal512(v, 0xe4) & equal512(second, 0xb7))) |
			    (e3 & _mm512_cmpge_epi8_mask(second, all512(0x90)));
			uint64_t rare = (e3 & equal512(second, 0x80) & (_mm512_cmpge_epi8_mask(third, all512(0xa0)) |
			    equal512(_mm512_or_si512(third, all512(0x02)), 0x87))) |
			    (equal512(v, 0xf0) & ~equal512(second, 0x9f));
			uint64_t from_ba = _mm512_cmpge_epi8_mask(second, all512(0xba));

			rare |= (equal512(v, 0xe2) & from_ba) | (equal512(v, 0xef) & ~from_ba);
			c->total += (unsigned)__builtin_popcountll(starts512(v) & keep);
			c->ch += (unsigned)__builtin_popcountll(surely & keep);
			for (rare &= keep; rare != 0; rare &= rare - 1) {
				size_t len;

				c->ch += count_is_han(decode(p + __builtin_ctzll(rare), &len));
			}
		}
		if (stopped)
			return p + __builtin_popcountll(keep);
	}
	return end;
}

AVX512 static const char *
avx512_botrun(const char *p, const char *end, char stop, struct counts *c)
{
	for (; p < end; p += 64) {
		__m512i v;
		bool stopped;
		uint64_t keep = before512(p, end, &v, stop, &stopped);
		unsigned all = (unsigned)__builtin_popcountll(starts512(v) & keep);
		unsigned en = (unsigned)__builtin_popcountll(within512(v, 0x20, 0x7e) & keep);

		c->total += all;
		c->en += en;
		c->ch += all - en;
		if (stopped)
			return p + __builtin_popcountll(keep);
	}
	return end;
}
#endif

/* Count from p to end, or to the byte stop, and return where that is; by rule. */
typedef const char *count_run(const char *p, const char *end, char stop, struct counts *c);

static count_run *const portable[] = { [COUNT_HAN] = portable_han, [COUNT_BOTRUN] = portable_botrun };
#if defined(__x86_64__)
static count_run *const avx2[] = { [COUNT_HAN] = avx2_han, [COUNT_BOTRUN] = avx2_botrun };
static count_run *const avx512[] = { [COUNT_HAN] = avx512_han, [COUNT_BOTRUN] = avx512_botrun };
#endif

static count_run *const *_Atomic chosen;

bool
count_force(size_t i)
{
	count_run *const *path[3];
	size_t n = 0;

#if defined(__x86_64__)
	if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt")) {
		if (__builtin_cpu_supports("avx512bw"))
			path[n++] = avx512;
		if (__builtin_cpu_supports("avx2"))
			path[n++] = avx2;
	}
#endif
	path[n++] = portable;
	if (i < n)
		atomic_store_explicit(&chosen, path[i], memory_order_relaxed);
	return i < n;
}

static inline count_run *
run_of(enum count_rule rule)
{
	if (atomic_load_explicit(&chosen, memory_order_relaxed) == NULL)
		count_force(0);
	return atomic_load_explicit(&chosen, memory_order_relaxed)[rule];
}

void
count_text(enum count_rule rule, struct span text, struct counts *c)
{
	(void)run_of(rule)(text.p, text.p + text.len, NO_STOP, c);
}

void
count_string(enum count_rule rule, struct span raw, struct counts *c)
{
	const char *p = raw.p, *end = raw.p + raw.len;
	count_run *run = run_of(rule);

	while ((p = run(p, end, '\\', c)) < end) {
		do {
			char utf8[4];

			(void)json_unescape(&p, end, utf8);
			(void)count_one(rule, utf8, c);
		} while (p < end && *p == '\\');
	}
}
