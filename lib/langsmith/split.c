#include "langsmith/split.h"

#include <string.h>

#define TOO_LONG_KEPT 4096u	/* bytes kept of an element that is too long, to name it */

void
split_reset(struct split *s)
{
	struct buf line = s->line, rest = s->rest;
	size_t max_line = s->max_line;

	buf_clear(&line);
	buf_clear(&rest);
	rest.max = SPLIT_REST;
	*s = (struct split){ .line = line, .rest = rest, .max_line = max_line };
}

void
split_free(struct split *s)
{
	buf_free(&s->line);
	buf_free(&s->rest);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static enum split_st
stuck(struct split *s)
{
	s->state = SPLIT_STUCK;
	return SPLIT_BAD;
}

/* The bytes of a string up to its closing quote or the end of the input. */
static size_t
string_run(struct split *s, const char *p, size_t len)
{
	size_t i = 0;

	for (; i < len; i++) {
		if (s->escaped)
			s->escaped = false;
		else if (p[i] == '\\')
			s->escaped = true;
		else if (p[i] == '"') {
			s->in_string = false;
			return i + 1;
		}
	}
	return i;
}

/* The bytes outside of strings that neither quote nor open nor close nor break the line. */
static size_t
plain_run(const char *p, size_t len)
{
	size_t i = 0;

	while (i < len && p[i] != '"' && p[i] != '{' && p[i] != '[' && p[i] != '}' && p[i] != ']' && p[i] != '\n' && p[i] != '\r')
		i++;
	return i;
}

static void
keep(struct split *s, const char *p, size_t len)
{
	size_t kept = TOO_LONG_KEPT < s->max_line ? TOO_LONG_KEPT : s->max_line;

	if (!s->too_long && len > s->max_line - s->line.len) {
		s->too_long = true;
		if (s->line.len > kept)
			s->line.len = kept;
	}
	if (s->too_long && len > kept - s->line.len)
		len = kept - s->line.len;
	buf_add(&s->line, p, len);
}

/* In an element, which is an object (others make the scan of the rest fail).  True: it is complete. */
static bool
element(struct split *s, const char **p, size_t *len)
{
	while (*len > 0) {
		bool string = s->in_string;
		size_t n = string ? string_run(s, *p, *len) : plain_run(*p, *len);
		char c;

		keep(s, *p, n);
		*p += n;
		*len -= n;
		if (string || *len == 0)
			continue;
		c = **p;
		if (c == '\n' || c == '\r')
			keep(s, " ", 1);
		else
			keep(s, &c, 1);
		++*p, --*len;
		if (c == '"')
			s->in_string = true;
		else if (c == '{' || c == '[')
			s->depth++;
		else if ((c == '}' || c == ']') && --s->depth == 0)
			return true;
	}
	return false;
}

/* Is the value that begins behind the rest that of runs or items? */
static bool
is_list(const struct split *s)
{
	const char *key = s->rest.p + s->key_from, *end = s->rest.p + s->rest.len;
	const char *p = s->rest.p + s->key_to;
	size_t n = s->key_to > s->key_from ? s->key_to - s->key_from : 0;

	if (!(n == 6 && memcmp(key, "\"runs\"", 6) == 0) && !(n == 7 && memcmp(key, "\"items\"", 7) == 0))
		return false;
	while (p < end && blank(*p))
		p++;
	if (p == end || *p++ != ':')
		return false;
	while (p < end && blank(*p))
		p++;
	return p == end;
}

/* One byte of the rest. */
static bool
outer(struct split *s, char c)
{
	bool string = s->in_string, list = !string && c == '[' && s->depth == 1 && is_list(s);

	buf_addc(&s->rest, !string && (c == '\n' || c == '\r') ? ' ' : c);
	if (s->rest.full)
		return false;
	if (string) {
		if (string_run(s, &c, 1) == 1 && !s->in_string && s->depth == 1)
			s->key_to = s->rest.len;
		return true;
	}
	switch (c) {
	case '"':
		s->in_string = true;
		if (s->depth == 1)
			s->key_from = s->rest.len - 1;
		break;
	case '[':
		if (list) {
			s->state = SPLIT_LIST;
			s->listed = true;
			s->comma = false;
		} else {
			s->depth++;
		}
		break;
	case '{':
		s->depth++;
		break;
	case ']':
	case '}':
		if (--s->depth == 0)
			s->state = SPLIT_AFTER;
		break;
	}
	return true;
}

enum split_st
split_feed(struct split *s, const char **p, size_t *len)
{
	if (s->state == SPLIT_STUCK)
		return SPLIT_BAD;
	if (s->rest.max == 0)
		s->rest.max = SPLIT_REST;
	while (*len > 0) {
		char c = **p;

		if (s->state == SPLIT_ELEMENT) {
			if (!element(s, p, len))
				break;
			s->state = SPLIT_NEXT;
			buf_pad(&s->line);
			return SPLIT_RUN;
		}
		if (s->state == SPLIT_OUTER) {
			if (!outer(s, c))
				return stuck(s);
		} else if (blank(c)) {
			;
		} else if (s->state == SPLIT_BEFORE && c == '{') {
			s->state = SPLIT_OUTER;
			s->depth = 1;
			buf_addc(&s->rest, c);
		} else if (c == ']' && (s->state == SPLIT_NEXT || (s->state == SPLIT_LIST && !s->comma))) {
			s->state = SPLIT_OUTER;
			s->depth = 1;
			buf_addc(&s->rest, c);
		} else if (s->state == SPLIT_NEXT && c == ',') {
			s->state = SPLIT_LIST;
			s->comma = true;
		} else if (s->state == SPLIT_LIST && c == '{') {
			s->state = SPLIT_ELEMENT;
			s->depth = 0;
			s->too_long = false;
			buf_clear(&s->line);
			continue;	/* the brace belongs to the element */
		} else {
			return stuck(s);
		}
		++*p, --*len;
	}
	return SPLIT_MORE;
}

bool
split_end(struct split *s)
{
	buf_pad(&s->rest);
	return s->state == SPLIT_AFTER;
}
