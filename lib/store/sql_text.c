#include "store/sql_text.h"

#include <string.h>

#include "base/mem.h"

static bool
begins_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool
in_name(char c)
{
	return begins_name(c) || (c >= '0' && c <= '9');
}

/*
 * Behind the closing quote of what is quoted at p; doubled quotes are inside, escaped ones where there are escapes.  A string
 * goes on in the next line, with its escapes.
 */
static const char *
skip_quoted(const char *p, bool escapes)
{
	char quote = *p++;
	size_t blank;

	for (; *p != '\0'; p++) {
		if ((escapes && *p == '\\' && p[1] != '\0') || (*p == quote && p[1] == quote)) {
			p++;
		} else if (*p == quote) {
			blank = strspn(p + 1, " \t\r\n\f");
			if (!escapes || p[1 + blank] != quote || memchr(p + 1, '\n', blank) == NULL)
				return p + 1;
			p += 1 + blank;
		}
	}
	return p;
}

static const char *
skip_comment(const char *p)
{
	int depth = 0;

	if (*p == '-')
		return p + strcspn(p, "\n");
	do {
		if (p[0] == '/' && p[1] == '*')
			depth++, p += 2;
		else if (p[0] == '*' && p[1] == '/')
			depth--, p += 2;
		else
			p++;
	} while (depth > 0 && *p != '\0');
	return p;
}

/* $tag$ ... $tag$, or just the dollar sign. */
static const char *
skip_dollar(const char *p)
{
	const char *tag = p + 1, *end;
	size_t len;

	if (begins_name(*tag))
		while (in_name(*tag))
			tag++;
	if (*tag != '$')
		return p + 1;
	len = (size_t)(tag + 1 - p);
	for (end = strchr(tag + 1, '$'); end != NULL; end = strchr(end + 1, '$'))
		if (strncmp(end, p, len) == 0)
			return end + len;
	return p + strlen(p);
}

static const char *
skip_word(const char *p)
{
	while (in_name(*p) || *p == '$')
		p++;
	return p;
}

static void
put_param(const char *p, size_t len, struct sql_names *names, struct buf *out)
{
	size_t i = 0;

	while (i < names->n && (names->name[i].len != len || memcmp(names->name[i].p, p, len) != 0))
		i++;
	if (i == names->n) {
		names->name = mem_grow(names->name, &names->cap, names->n + 1, sizeof *names->name);
		names->name[names->n++] = (struct span){ p, len };
	}
	/* Behind a word it would be a part of it: a name may hold a dollar sign. */
	buf_addf(out, "%s$%zu", out->len > 0 && (in_name(out->p[out->len - 1]) || out->p[out->len - 1] == '$') ? " " : "", i + 1);
}

/* The end of the token at p, which is no parameter, semicolon or parenthesis. */
static const char *
skip_token(const char *p)
{
	if ((*p == 'E' || *p == 'e') && p[1] == '\'')
		return skip_quoted(p + 1, true);
	if (in_name(*p))
		return skip_word(p);
	if (*p == '\'' || *p == '"')
		return skip_quoted(p, false);
	if ((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'))
		return skip_comment(p);
	if (*p == '$')
		return skip_dollar(p);
	if (*p == ':' && (p[1] == ':' || p[1] == '='))
		return p + 2;
	return p + 1;
}

bool
sql_next(const char **pp, struct buf *out, struct sql_names *names)
{
	const char *p = *pp, *end;
	int depth = 0;

	buf_clear(out);
	names->n = 0;
	p += strspn(p, " \t\r\n;");
	if (*p == '\0')
		return false;
	while (*p != '\0' && (*p != ';' || depth > 0)) {
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		if (*p == ':' && begins_name(p[1])) {
			end = p + 1;
			while (in_name(*end))
				end++;
			put_param(p + 1, (size_t)(end - p - 1), names, out);
		} else {
			end = skip_token(p);
			buf_add(out, p, (size_t)(end - p));
		}
		p = end;
	}
	*pp = *p == ';' ? p + 1 : p;
	return true;
}
