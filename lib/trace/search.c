#include "trace/search.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/str.h"
#include "trace/conn.h"

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* ---- one text (Horspool's way) ---- */

static void
needle_ready(struct needle *n)
{
	for (size_t i = 0; i < n->text.len; i++)
		n->text.p[i] = (char)lower(n->text.p[i]);
	for (size_t c = 0; c < 256; c++)
		n->skip[c] = n->text.len;
	for (size_t i = 0; i + 1 < n->text.len; i++) {
		unsigned char c = (unsigned char)n->text.p[i];

		n->skip[c] = n->text.len - 1 - i;
		if (c >= 'a' && c <= 'z')
			n->skip[c - ('a' - 'A')] = n->text.len - 1 - i;
	}
}

static bool
needle_in(const struct needle *n, struct span text)
{
	size_t len = n->text.len;
	const char *p = text.p, *end = text.p + text.len;
	const unsigned char last = len == 0 ? 0 : (unsigned char)n->text.p[len - 1];

	if (len == 0)
		return false;
	while ((size_t)(end - p) >= len) {
		char c = p[len - 1];

		if (lower(c) == last) {
			size_t i = 0;

			while (i + 1 < len && lower(p[i]) == (unsigned char)n->text.p[i])
				i++;
			if (i + 1 >= len)
				return true;
		}
		p += n->skip[(unsigned char)c];
	}
	return false;
}

/* ---- words ---- */

/* Text as the inside of a JSON string of ASCII: "\uXXXX", with pairs of surrogates. */
static void
put_escaped(struct span json, struct buf *out)
{
	for (size_t i = 0; i < json.len;) {
		unsigned char c = (unsigned char)json.p[i];
		size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		unsigned code = n == 1 ? c : c & (0x7fu >> n);

		if (n == 1) {
			buf_addc(out, json.p[i++]);
			continue;
		}
		for (size_t k = 1; k < n && i + k < json.len; k++)
			code = code << 6 | ((unsigned char)json.p[i + k] & 0x3fu);
		if (code > 0xffff)
			buf_addf(out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 | (code & 0x3ff));
		else
			buf_addf(out, "\\u%04x", code);
		i += n;
	}
}

struct search *
search_new(struct span words)
{
	struct search *s = mem_zero(1, sizeof *s);

	buf_add(&s->bare.text, words.p, words.len);
	json_encode_inside(words.p, words.len, &s->plain.text);
	put_escaped((struct span){ s->plain.text.p, s->plain.text.len }, &s->escaped.text);
	if (s->escaped.text.len == s->plain.text.len)
		buf_clear(&s->escaped.text);
	needle_ready(&s->bare);
	needle_ready(&s->plain);
	needle_ready(&s->escaped);
	return s;
}

void
search_free(struct search *s)
{
	if (s == NULL)
		return;
	buf_free(&s->bare.text);
	buf_free(&s->plain.text);
	buf_free(&s->escaped.text);
	free(s);
}

bool
search_json(const struct search *s, struct span text)
{
	return needle_in(&s->plain, text) || needle_in(&s->escaped, text);
}

bool
search_text(const struct search *s, struct span text)
{
	return needle_in(&s->bare, text);
}

/* ---- as a function of SQL ---- */

static void
sql_has(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	const struct conn *c = sqlite3_user_data(ctx);
	bool found = c->search == NULL;

	for (int i = 0; !found && i < n; i++) {
		const char *p = (const char *)sqlite3_value_text(v[i]);
		struct span text = { p, p == NULL ? 0 : (size_t)sqlite3_value_bytes(v[i]) };

		found = i + 1 < n ? search_json(c->search, text) : search_text(c->search, text);
	}
	sqlite3_result_int(ctx, found);
}

bool
search_register(struct conn *c)
{
	return sqlite3_create_function(c->db, "trace_has", 4, SQLITE_UTF8, c, sql_has, NULL, NULL) == SQLITE_OK;
}
