#include "text/botrun.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/str.h"
#include "json/utf8.h"

/* A member of an open object. */
struct botrun_pair {
	size_t	 key, len;		/* in keys; the later member has the larger key */
	uint64_t ch, en;		/* of its value */
};

/* A text that may be JSON.  What stands at end is no digit, and not part of the text. */
struct reader {
	const char *p, *end;
	unsigned depth;
	struct botrun *b;
};

static bool	value(struct reader *r, struct counts *c);

static inline bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip_blanks(struct reader *r)
{
	while (r->p < r->end && blank(*r->p))
		r->p++;
}

/* Take this byte, if it comes next. */
static bool
take(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool
literal(struct reader *r, const char *word, struct counts *c)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
		return false;
	r->p += len;
	c->en += len;
	return true;
}

/* ---- numbers ---- */

/* One more in the last place of "d.ddde+x".  False: only nines. */
static bool
next_up(char *s)
{
	for (char *p = strchr(s, 'e'); p-- > s; ) {
		if (*p == '.')
			continue;
		if (*p != '9') {
			++*p;
			return true;
		}
		*p = '0';
	}
	return false;
}

/*
 * The fewest digits that read back as x (positive and finite), as "d.ddde+x".  When 15 do, then fewer do only as these with
 * zeros at their end; that does not hold for subnormals.  The numbers that round to a power of two reach up twice as far as
 * down, so for that the next one above may do where the nearest does not.
 */
static void
shortest(double x, char s[32])
{
	int exponent;
	bool power = frexp(x, &exponent) == 0.5;

	for (int digits = isnormal(x) ? 15 : 1; digits <= 17; digits++) {
		snprintf(s, 32, "%.*e", digits - 1, x);
		if (strtod(s, NULL) == x || (power && next_up(s) && strtod(s, NULL) == x))
			return;
	}
}

/* The length of repr(x). */
static size_t
repr_length(double x)
{
	size_t sign = signbit(x) != 0, n = 0;
	char s[32], *e;
	int point;		/* digits before it */

	x = fabs(x);
	if (isinf(x))
		return sign + sizeof "Infinity" - 1;
	if (x == 0)
		return sign + sizeof "0.0" - 1;
	shortest(x, s);
	e = strchr(s, 'e');
	point = (int)strtol(e + 1, NULL, 10) + 1;
	while (e[-1] == '0')
		e--;
	for (char *p = s; p < e; p++)
		n += digit(*p);
	if (point <= -4 || point > 16)
		return sign + n + (n > 1) + (point - 1 >= 100 || point - 1 <= -100 ? sizeof "e+100" : sizeof "e+10") - 1;
	if (point <= 0)
		return sign + sizeof "0." - 1 + (size_t)-point + n;
	return sign + ((size_t)point < n ? n + 1 : (size_t)point + sizeof ".0" - 1);
}

static const char *
skip_digits(const char *p)
{
	while (digit(*p))
		p++;
	return p;
}

static bool
number(struct reader *r, struct counts *c)
{
	const char *from = r->p, *first = from + (*from == '-'), *p;
	bool is_float = false;
	size_t len;

	if (!digit(*first))
		return false;
	p = *first == '0' ? first + 1 : skip_digits(first);
	len = (size_t)(p - first);
	if (*p == '.' && digit(p[1])) {
		p = skip_digits(p + 1);
		is_float = true;
	}
	if (*p == 'e' || *p == 'E') {
		const char *e = p + 1;

		e += *e == '+' || *e == '-';
		if (digit(*e)) {
			p = skip_digits(e);
			is_float = true;
		}
	}
	r->p = p;
	if (is_float) {
		c->en += repr_length(strtod(from, NULL));
		return true;
	}
	if (len > BOTRUN_DIGITS)
		return false;
	c->en += *first == '0' ? 1 : (size_t)(p - from);	/* -0 is 0 */
	return true;
}

/* ---- strings ---- */

/* A character as json.dumps writes it. */
static void
write_char(unsigned u, struct counts *c)
{
	if (u == '"' || u == '\\' || u == '\n' || u == '\t' || u == '\r' || u == '\b' || u == '\f')
		c->en += 2;
	else if (u < 0x20)
		c->en += sizeof "\\u0000" - 1;
	else if (u < 0x7f)
		c->en++;
	else
		c->ch++;
}

static bool
hex4(struct reader *r, unsigned *u)
{
	*u = 0;
	if (r->end - r->p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		unsigned char d = (unsigned char)*r->p++;

		if (d >= '0' && d <= '9')
			d = (unsigned char)(d - '0');
		else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
			d = (unsigned char)((d | 0x20) - 'a' + 10);
		else
			return false;
		*u = *u << 4 | d;
	}
	return true;
}

/* Behind the backslash.  Unlike json_unescape it must check, and keeps lone surrogates apart: as keys they differ. */
static bool
escape(struct reader *r, unsigned *u)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *which;
	unsigned low;

	if (r->p == r->end)
		return false;
	if (*r->p != 'u') {
		which = *r->p != '\0' ? strchr(from, *r->p++) : NULL;
		if (which != NULL)
			*u = (unsigned char)to[which - from];
		return which != NULL;
	}
	r->p++;
	if (!hex4(r, u))
		return false;
	if (*u >= 0xd800 && *u < 0xdc00 && r->end - r->p >= 2 && r->p[0] == '\\' && r->p[1] == 'u') {
		struct reader ahead = *r;

		ahead.p += 2;
		if (!hex4(&ahead, &low))
			return false;
		if (low >= 0xdc00 && low < 0xe000) {
			*u = 0x10000 + ((*u - 0xd800) << 10) + (low - 0xdc00);
			r->p = ahead.p;
		}
	}
	return true;
}

/* Behind the opening quote.  Where key is set the text is appended to it, and only there. */
static bool
string(struct reader *r, struct counts *c, struct buf *key)
{
	c->en += 2;
	while (r->p < r->end && (unsigned char)*r->p >= 0x20) {
		unsigned char byte = (unsigned char)*r->p++;
		unsigned u = byte;
		char utf8[4];

		if (byte == '"')
			return true;
		if (byte == '\\') {
			if (!escape(r, &u))
				return false;
			if (key != NULL)
				buf_add(key, utf8, utf8_encode(u, utf8));
		} else if (key != NULL) {
			buf_addc(key, (char)byte);
		}
		if ((byte & 0xc0) != 0x80)
			write_char(u, c);
	}
	return false;
}

/* ---- objects and arrays ---- */

static int
by_key(const void *a, const void *b, void *keys)
{
	const struct botrun_pair *x = a, *y = b;
	const char *base = keys;
	int d;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	d = memcmp(base + x->key, base + y->key, x->len);
	return d != 0 ? d : x->key < y->key ? -1 : 1;
}

static bool
same_key(const struct botrun *b, const struct botrun_pair *x, const struct botrun_pair *y)
{
	return x->len == y->len && memcmp(b->keys.p + x->key, b->keys.p + y->key, x->len) == 0;
}

/* The members from first on as they are written: each key once, with its last value. */
static void
add_members(struct botrun *b, size_t first, struct counts *c)
{
	size_t n = b->n - first;
	struct botrun_pair *pair = b->pair + first;

	qsort_r(pair, n, sizeof *pair, by_key, b->keys.p);
	c->en += sizeof "{}" - 1;
	for (size_t i = 0, written = 0; i < n; i++) {
		if (i + 1 < n && same_key(b, &pair[i], &pair[i + 1]))
			continue;
		c->en += sizeof "\"\": " - 1 + (written++ != 0 ? sizeof ", " - 1 : 0) + pair[i].en;
		c->ch += pair[i].ch;
		for (const char *p = b->keys.p + pair[i].key, *end = p + pair[i].len; p < end; p++)
			if ((*p & 0xc0) != 0x80)
				write_char((unsigned char)*p, c);
	}
}

/* From a member's key to the end of its value. */
static bool
member(struct reader *r)
{
	struct botrun *b = r->b;
	struct botrun_pair pair = { .key = b->keys.len };
	struct counts ignored = { 0 }, c = { 0 };

	if (!take(r, '"') || !string(r, &ignored, &b->keys))
		return false;
	pair.len = b->keys.len - pair.key;
	buf_addc(&b->keys, '\0');	/* so that no two keys begin at one place */
	skip_blanks(r);
	if (!take(r, ':'))
		return false;
	skip_blanks(r);
	if (!value(r, &c))
		return false;
	pair.ch = c.ch;
	pair.en = c.en;
	b->pair = mem_grow(b->pair, &b->cap, b->n + 1, sizeof *b->pair);
	b->pair[b->n++] = pair;
	return true;
}

static bool
object(struct reader *r, struct counts *c)
{
	struct botrun *b = r->b;
	size_t first = b->n, keys = b->keys.len;

	skip_blanks(r);
	if (take(r, '}')) {
		c->en += 2;
		return true;
	}
	do {
		skip_blanks(r);
		if (!member(r))
			return false;
		skip_blanks(r);
	} while (take(r, ','));
	add_members(b, first, c);
	b->n = first;
	b->keys.len = keys;
	return take(r, '}');
}

static bool
array(struct reader *r, struct counts *c)
{
	c->en += 2;
	skip_blanks(r);
	if (take(r, ']'))
		return true;
	for (;;) {
		skip_blanks(r);
		if (!value(r, c))
			return false;
		skip_blanks(r);
		if (!take(r, ','))
			return take(r, ']');
		c->en += 2;
	}
}

static bool
value(struct reader *r, struct counts *c)
{
	bool ok;

	if (r->p == r->end)
		return false;
	switch (*r->p) {
	case '"':
		r->p++;
		return string(r, c, NULL);
	case '{':
	case '[':
		if (r->depth == BOTRUN_DEPTH)
			return false;
		r->depth++;
		ok = *r->p++ == '{' ? object(r, c) : array(r, c);
		r->depth--;
		return ok;
	case 't':
		return literal(r, "true", c);
	case 'f':
		return literal(r, "false", c);
	case 'n':
		return literal(r, "null", c);
	case 'N':
		return literal(r, "NaN", c);
	case 'I':
		return literal(r, "Infinity", c);
	case '-':
		return literal(r, "-Infinity", c) || number(r, c);
	default:
		return number(r, c);
	}
}

/* The JSON step.  False: the text is none. */
static bool
written_anew(struct botrun *b, struct span text, struct counts *c)
{
	struct reader r = { .p = text.p, .end = text.p + text.len, .b = b };

	b->n = b->keys.len = 0;
	skip_blanks(&r);
	if (!value(&r, c))
		return false;
	skip_blanks(&r);
	return r.p == r.end;
}

void
botrun_text(struct botrun *b, struct span text, struct counts *c)
{
	struct counts json = { 0 };

	if (!written_anew(b, text, &json)) {
		count_text(COUNT_BOTRUN, text, c);
		return;
	}
	c->ch += json.ch;
	c->en += json.en;
	c->total += json.ch + json.en;
}

/* Could the text be JSON?  Most are not, and need no decoding. */
static bool
may_be_json(struct span raw)
{
	const char *p = raw.p, *end = raw.p + raw.len;

	while (p < end && (*p == ' ' || (*p == '\\' && (p[1] == 'n' || p[1] == 't' || p[1] == 'r'))))
		p += *p == ' ' ? 1 : 2;
	if (p == end)
		return false;
	return *p == '\\' ? p[1] == '"' || p[1] == 'u' : *p != '\0' && strchr("{[-0123456789tfnNI", *p) != NULL;
}

void
botrun_string(struct botrun *b, struct span raw, struct counts *c)
{
	if (!may_be_json(raw)) {
		count_string(COUNT_BOTRUN, raw, c);
		return;
	}
	buf_clear(&b->text);
	json_decode(raw, &b->text);
	buf_pad(&b->text);
	botrun_text(b, (struct span){ b->text.p, b->text.len }, c);
}

void
botrun_free(struct botrun *b)
{
	buf_free(&b->text);
	buf_free(&b->keys);
	free(b->pair);
	*b = (struct botrun){ 0 };
}
