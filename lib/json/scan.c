#include "json/scan.h"

#include <endian.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/word.h"
#include "json/utf8.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define LONG_STRING	64	/* bytes from which looking into the map costs less than looking for the end */

#define X 0x80
/* The value of a hex digit, or X. */
static const unsigned char hex[256] = {
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, 0,1,2,3,4,5,6,7,8,9,X,X,X,X,X,X,
	X,10,11,12,13,14,15,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
	X,10,11,12,13,14,15,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
	X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
};
#undef X

static const unsigned char escape[256] = {
	['"'] = 1, ['\\'] = 1, ['/'] = 1, ['b'] = 1, ['f'] = 1, ['n'] = 1, ['r'] = 1, ['t'] = 1,
};

/* The length of the escape whose backslash is at p; 0: it is bad. */
static inline size_t
escape_len(const char *p)
{
	const unsigned char *d = (const unsigned char *)p + 2;

	if (p[1] == 'u')
		return ((hex[d[0]] | hex[d[1]] | hex[d[2]] | hex[d[3]]) & 0x80) == 0 ? 6 : 0;
	return escape[(unsigned char)p[1]] ? 2 : 0;
}

static const char *
fail(struct scan *s, const char *error, const char *at)
{
	s->error = error;
	s->at = at;
	return NULL;
}

static inline const char *
blanks(const char *p)
{
	/* Mostly there are none, which one comparison tells. */
	while ((unsigned char)*p <= ' ' && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

static inline size_t
note(struct scan *s, const char *p)
{
	if (s->n_map == s->map_cap)
		s->map = mem_grow(s->map, &s->map_cap, s->n_map + 1, sizeof *s->map);
	s->map[s->n_map].p = p;
	return s->n_map++;
}

static inline bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
number_starts(char c)
{
	return digit(c) || c == '-';
}

static inline bool
ends_scalar(char c)
{
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static inline const char *
number(const char *p)
{
	if (*p == '-')
		p++;
	if (*p == '0')
		p++;
	else if (digit(*p))
		while (digit(*p))
			p++;
	else
		return NULL;
	if (*p == '.') {
		if (!digit(*++p))
			return NULL;
		while (digit(*p))
			p++;
	}
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		if (!digit(*p))
			return NULL;
		while (digit(*p))
			p++;
	}
	return p;
}

/* Eight bytes at a time; the high bit of a byte is set where the byte is wanted. */
static inline const char *
portable_str_stop(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;

	for (;; p += 8) {
		uint64_t v = word_load(p), quote, slash, control;

		quote = v ^ ones * '"';
		slash = v ^ ones * '\\';
		/* Borrows can mark a byte too many, but only behind one that is truly wanted. */
		control = (v - ones * 0x20) & ~v;
		quote = (quote - ones) & ~quote;
		slash = (slash - ones) & ~slash;
		if (((quote | slash | control) & high) == 0)
			continue;
		while (*p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
			p++;
		return p;
	}
}

#define TARGET
#define NAME(x) portable_##x
#include "json/scan_walk.inc"

#if defined(__x86_64__)
__attribute__((target("avx2,bmi"))) static inline const char *
avx2_str_stop(const char *p)
{
	const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\'), control = _mm256_set1_epi8(0x1f);

	for (;; p += 32) {
		__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
		__m256i hit = _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(v, quote), _mm256_cmpeq_epi8(v, slash)),
		    _mm256_cmpeq_epi8(_mm256_min_epu8(v, control), v));
		unsigned mask = (unsigned)_mm256_movemask_epi8(hit);

		if (mask != 0)
			return p + __builtin_ctz(mask);
	}
}
#define TARGET __attribute__((target("avx2,bmi")))
#define NAME(x) avx2_##x
#include "json/scan_walk.inc"

#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

/* A bit for each of 64 bytes: those equal to c. */
AVX2 static inline uint64_t
equal(__m256i low, __m256i high, char c)
{
	const __m256i want = _mm256_set1_epi8(c);

	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, want)) |
	    (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, want)) << 32;
}

/* The bytes that a backslash escapes; *carry is 1 where the next 64 begin with one. */
static inline uint64_t
escaped(uint64_t slash, uint64_t *carry)
{
	uint64_t out = *carry;

	slash &= ~out;
	*carry = 0;
	while (slash != 0) {
		uint64_t first = slash & -slash;

		out |= first << 1;
		*carry = first >> 63;
		slash &= ~(first | first << 1);
	}
	return out;
}

/* Each bit becomes the parity of itself and those below. */
static inline uint64_t
parity(uint64_t v)
{
	v ^= v << 1;
	v ^= v << 2;
	v ^= v << 4;
	v ^= v << 8;
	v ^= v << 16;
	return v ^ v << 32;
}

/* Past the container at p: brackets outside strings are counted, 64 bytes a step. */
AVX2 static const char *
avx2_skip_container(const char *p)
{
	uint64_t carry = 0, in_string = 0;	/* in_string: all bits, when the last 64 ended inside one */
	int depth = 0;

	for (;; p += 64) {
		__m256i low = _mm256_loadu_si256((const __m256i *)(const void *)p);
		__m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
		const __m256i curly = _mm256_set1_epi8(0x20);	/* makes braces of brackets, and of nothing else */
		uint64_t quote = equal(low, high, '"') & ~escaped(equal(low, high, '\\'), &carry);
		uint64_t string = parity(quote) ^ in_string;
		uint64_t open, close;

		low = _mm256_or_si256(low, curly);
		high = _mm256_or_si256(high, curly);
		open = equal(low, high, '{') & ~string;
		close = equal(low, high, '}') & ~string;
		in_string = -(string >> 63);
		if (__builtin_popcountll(close) >= depth) {
			/* It may end here. */
			for (uint64_t c = close; c != 0; c &= c - 1) {
				uint64_t before = (c & -c) - 1;

				if (depth + __builtin_popcountll(open & before) == __builtin_popcountll(close & before) + 1)
					return p + __builtin_ctzll(c) + 1;
			}
		}
		depth += __builtin_popcountll(open) - __builtin_popcountll(close);
	}
}

#define FROM_STOPS
#define TARGET __attribute__((target("bmi,bmi2")))
#define NAME(x) stops_##x
#include "json/scan_walk.inc"
#undef FROM_STOPS

static const char *
avx512_walk(struct scan *s, const char *p, bool record)
{
	const struct stops *t = &s->stops;
	/* A line that was read before has its stops behind it. */
	bool ahead = p >= t->from && p < t->end && (t->next == t->at || t->from + t->next[-1] < p);

	return ahead ? stops_walk(s, p, record) : avx2_walk(s, p, record);
}

static const char *
avx2_skip_any(const char *p)
{
	if (*p != '{' && *p != '[')
		return avx2_skip(p);
	return p[1] == '}' || p[1] == ']' ? p + 2 : avx2_skip_container(p);
}

static inline const char *
base_str_stop(const char *p)
{
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);

	for (;; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)),
		    _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);

		if (mask != 0)
			return p + __builtin_ctz(mask);
	}
}
#elif defined(__aarch64__)
static inline const char *
base_str_stop(const char *p)
{
	const uint8x16_t quote = vdupq_n_u8('"'), slash = vdupq_n_u8('\\'), control = vdupq_n_u8(0x20);

	for (;; p += 16) {
		uint8x16_t v = vld1q_u8((const uint8_t *)p);
		uint8x16_t hit = vorrq_u8(vorrq_u8(vceqq_u8(v, quote), vceqq_u8(v, slash)), vcltq_u8(v, control));
		/* Four bits for each byte. */
		uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(hit), 4)), 0);

		if (mask != 0)
			return p + __builtin_ctzll(mask) / 4;
	}
}
#endif
#if defined(__x86_64__) || defined(__aarch64__)
#define TARGET
#define NAME(x) base_##x
#include "json/scan_walk.inc"
#endif

struct path_set {
	const char *(*walk)(struct scan *s, const char *p, bool record);
	const char *(*skip)(const char *p);
	const char *(*utf8)(const char *p, size_t len);
	bool (*block)(struct stops *t, const char *p, size_t len);	/* NULL: none */
};

static const struct path_set portable = { portable_walk, portable_skip, utf8_check_portable, NULL };
#if defined(__x86_64__)
static const struct path_set avx512 = { avx512_walk, avx2_skip_any, utf8_check_avx2, stops_find_avx512 };
static const struct path_set avx2 = { avx2_walk, avx2_skip_any, utf8_check_avx2, NULL };
#endif
#if defined(__x86_64__) || defined(__aarch64__)
static const struct path_set base = { base_walk, base_skip, utf8_check_portable, NULL };
#endif

static const struct path_set *_Atomic chosen;

/* The machine's paths, the best one first. */
static size_t
list(const struct path_set *set[4])
{
	size_t n = 0;

#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt")) {
		if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
		    __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi2"))
			set[n++] = &avx512;
		set[n++] = &avx2;
	}
#endif
#if defined(__x86_64__) || defined(__aarch64__)
	set[n++] = &base;
#endif
	set[n++] = &portable;
	return n;
}

bool
scan_force(size_t i)
{
	const struct path_set *set[4];

	if (i >= list(set))
		return false;
	atomic_store_explicit(&chosen, set[i], memory_order_relaxed);
	return true;
}

void
scan_force_portable(bool on)
{
	const struct path_set *set[4];
	size_t n = list(set);

	atomic_store_explicit(&chosen, set[on ? n - 1 : 0], memory_order_relaxed);
}

static inline const struct path_set *
paths(void)
{
	const struct path_set *c = atomic_load_explicit(&chosen, memory_order_relaxed);

	if (c == NULL) {
		scan_force_portable(false);
		c = atomic_load_explicit(&chosen, memory_order_relaxed);
	}
	return c;
}

const char *
scan_record(struct scan *s, const char *p)
{
	return paths()->walk(s, p, true);
}

const char *
scan_value(struct scan *s, const char *p)
{
	return paths()->walk(s, p, false);
}

const char *
scan_utf8(const char *p, size_t len)
{
	return paths()->utf8(p, len);
}

bool
scan_block(struct scan *s, const char *p, size_t len)
{
	const struct path_set *c = paths();

	if (c->block != NULL)
		return c->block(&s->stops, p, len);
	s->stops.end = s->stops.from;
	return c->utf8(p, len) == NULL;
}

void
scan_free(struct scan *s)
{
	free(s->stops.at);
	free(s->m);
	free(s->map);
	memset(s, 0, sizeof *s);
}

/* Names and most other strings are short: their end is looked for here, in sixteen bytes. */
const char *
json_skip(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;

	for (const char *q = p + 1; *p == '"' && q <= p + 9; q += 8) {
		uint64_t v = le64toh(word_load(q)), quote = v ^ ones * '"', slash = v ^ ones * '\\';
		uint64_t hit = (((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & high;	/* the lowest bit is right */

		if (hit == 0)
			continue;
		q += __builtin_ctzll(hit) / 8;
		if (*q == '"')
			return q + 1;
		break;
	}
	return paths()->skip(p);
}

/* The code unit of the four digits of a \\u escape. */
static int
hex4(const char *p)
{
	return hex[(unsigned char)p[0]] << 12 | hex[(unsigned char)p[1]] << 8 | hex[(unsigned char)p[2]] << 4 |
	    hex[(unsigned char)p[3]];
}

size_t
json_unescape(const char **pp, const char *end, char out[4])
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *p = *pp + 1, *which;
	int c;

	if (*p != 'u') {
		which = strchr(from, *p);
		out[0] = which != NULL ? to[which - from] : *p;
		*pp = p + 1;
		return 1;
	}
	c = hex4(p + 1);
	p += 5;
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		int low = hex4(p + 2);

		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		}
	}
	if (c >= 0xd800 && c < 0xe000)
		c = 0xfffd;
	*pp = p;
	return utf8_encode((unsigned)c, out);
}

bool
json_spells_escaped(struct span raw, const char *s, size_t len)
{
	const char *p = raw.p, *end = raw.p + raw.len, *s_end = s + len;

	if (memchr(raw.p, '\\', raw.len) == NULL)
		return false;
	while (p < end) {
		char one[4];
		size_t n = 1;

		if (*p == '\\')
			n = json_unescape(&p, end, one);
		else
			one[0] = *p++;
		if ((size_t)(s_end - s) < n || memcmp(s, one, n) != 0)
			return false;
		s += n;
	}
	return s == s_end;
}

const struct member *
scan_find(const struct scan *s, const char *name, size_t len)
{
	for (size_t i = s->n; i-- > 0; )
		if (json_spells(s->m[i].key, name, len))
			return &s->m[i];
	return NULL;
}

struct json_iter
json_open(struct span container)
{
	return (struct json_iter){ container.p + 1, NULL, 0 };
}

struct json_iter
scan_open(const struct scan *record, const char *container)
{
	struct json_iter it = { container + 1, record, 0 };
	size_t n = record->n_map;

	/* The first that is not before the container's inside. */
	while (n > 0) {
		size_t half = n / 2;

		if (record->map[it.at + half].p <= container) {
			it.at += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return it;
}

const char *
json_behind(struct json_iter *it)
{
	if (it->map != NULL && (*it->p == '{' || *it->p == '[' || *it->p == '"')) {
		const struct scan *s = it->map;

		while (it->at < s->n_map && s->map[it->at].p < it->p)
			it->at++;
		if (it->at < s->n_map && s->map[it->at].p == it->p)
			return it->p + s->map[it->at].len;
	}
	return json_skip(it->p);
}

bool
json_next_place(struct json_iter *it)
{
	it->p = blanks(it->p);
	if (*it->p == ',')
		it->p = blanks(it->p + 1);
	return *it->p != ']';
}

bool
json_next_element(struct json_iter *it, struct span *val)
{
	if (!json_next_place(it))
		return false;
	val->p = it->p;
	it->p = json_behind(it);
	val->len = (size_t)(it->p - val->p);
	return true;
}

bool
json_next_name(struct json_iter *it, struct span *key)
{
	const char *p = blanks(it->p);

	if (*p == ',')
		p = blanks(p + 1);
	if (*p == '}') {
		it->p = p;
		return false;
	}
	key->p = p + 1;
	p = json_skip(p);
	key->len = (size_t)(p - 1 - key->p);
	it->p = blanks(blanks(p) + 1);
	return true;
}

bool
json_next_member(struct json_iter *it, struct member *m)
{
	if (!json_next_name(it, &m->key))
		return false;
	m->val.p = it->p;
	it->p = json_behind(it);
	m->val.len = (size_t)(it->p - m->val.p);
	return true;
}

bool
json_member(struct span object, const char *name, size_t len, struct span *val)
{
	struct json_iter it;
	struct member m;
	bool found = false;

	if (object.len == 0 || object.p[0] != '{')
		return false;
	for (it = json_open(object); json_next_member(&it, &m); )
		if (json_spells(m.key, name, len)) {
			*val = m.val;
			found = true;
		}
	return found;
}
