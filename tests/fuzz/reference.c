#include "reference.h"

#include <stdlib.h>
#include <string.h>

static bool value(struct reference *r);

static bool
at(const struct reference *r, char c)
{
	return r->p < r->end && *r->p == c;
}

static bool
eat(struct reference *r, char c)
{
	if (!at(r, c))
		return false;
	r->p++;
	return true;
}

static void
blanks(struct reference *r)
{
	while (at(r, ' ') || at(r, '\t') || at(r, '\r'))
		r->p++;
}

static bool
word(struct reference *r, const char *w)
{
	for (; *w != '\0'; w++)
		if (!eat(r, *w))
			return false;
	return true;
}

static bool
digits(struct reference *r)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > from;
}

static bool
number(struct reference *r)
{
	eat(r, '-');
	if (!eat(r, '0') && !digits(r))
		return false;
	if (eat(r, '.') && !digits(r))
		return false;
	if (eat(r, 'e') || eat(r, 'E')) {
		if (!eat(r, '+'))
			eat(r, '-');
		return digits(r);
	}
	return true;
}

static bool
hex_digit(struct reference *r)
{
	return r->p < r->end && *r->p != '\0' && strchr("0123456789abcdefABCDEF", *r->p++) != NULL;
}

static bool
string(struct reference *r)
{
	if (!eat(r, '"'))
		return false;
	while (r->p < r->end) {
		char c = *r->p++;

		if (c == '"')
			return true;
		if ((unsigned char)c < 0x20)
			return false;
		if (c != '\\')
			continue;
		if (r->p == r->end || *r->p == '\0')
			return false;
		c = *r->p++;
		if (c == 'u') {
			if (!hex_digit(r) || !hex_digit(r) || !hex_digit(r) || !hex_digit(r))
				return false;
		} else if (strchr("\"\\/bfnrt", c) == NULL) {
			return false;
		}
	}
	return false;
}

static void
note(struct reference *r, struct member m)
{
	if (r->n == r->cap) {
		r->cap = r->cap * 2 + 8;
		if ((r->m = realloc(r->m, r->cap * sizeof *r->m)) == NULL)
			abort();
	}
	r->m[r->n++] = m;
}

static bool
member(struct reference *r)
{
	struct member m = { .key.p = r->p + 1 };

	if (!string(r))
		return false;
	m.key.len = (size_t)(r->p - 1 - m.key.p);
	blanks(r);
	if (!eat(r, ':'))
		return false;
	blanks(r);
	m.val.p = r->p;
	if (!value(r))
		return false;
	m.val.len = (size_t)(r->p - m.val.p);
	if (r->depth == 1)
		note(r, m);
	return true;
}

static bool
container(struct reference *r, char close)
{
	r->p++;
	if (++r->depth > SCAN_DEPTH)
		return false;
	blanks(r);
	if (!at(r, close))
		for (;;) {
			if (!(close == '}' ? member(r) : value(r)))
				return false;
			blanks(r);
			if (!eat(r, ','))
				break;
			blanks(r);
		}
	r->depth--;
	return eat(r, close);
}

static bool
value(struct reference *r)
{
	if (r->p == r->end)
		return false;
	switch (*r->p) {
	case '{':
		return container(r, '}');
	case '[':
		return container(r, ']');
	case '"':
		return string(r);
	case 't':
		return word(r, "true");
	case 'f':
		return word(r, "false");
	case 'n':
		return word(r, "null");
	default:
		return number(r);
	}
}

bool
reference_json(struct reference *r, const char *p, size_t len, bool record)
{
	r->p = p;
	r->end = p + len;
	r->n = 0;
	r->depth = 0;
	blanks(r);
	if ((record && !at(r, '{')) || !value(r))
		return false;
	blanks(r);
	return r->p == r->end;
}

void
reference_free(struct reference *r)
{
	free(r->m);
	memset(r, 0, sizeof *r);
}

/* Decode each code point and see whether it had to be written so. */
const char *
reference_utf8(const char *s, size_t len)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s, *end = p + len;

	while (p < end) {
		int n = *p < 0x80 ? 1 : (*p & 0xe0) == 0xc0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : (*p & 0xf8) == 0xf0 ? 4 : 0;
		unsigned long c = n == 1 ? *p : *p & (0xffu >> (n + 1));

		if (n == 0 || end - p < n)
			return (const char *)p;
		for (int i = 1; i < n; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return (const char *)p;
			c = c << 6 | (p[i] & 0x3f);
		}
		if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return (const char *)p;
		p += n;
	}
	return NULL;
}
