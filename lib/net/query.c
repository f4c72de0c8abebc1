#include "net/query.h"

#include <string.h>

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void
query_decode(const char *p, size_t len, bool form, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '%' && len - i > 2 && hex(p[i + 1]) >= 0 && hex(p[i + 2]) >= 0) {
			buf_addc(out, (char)(hex(p[i + 1]) << 4 | hex(p[i + 2])));
			i += 2;
		} else {
			buf_addc(out, form && p[i] == '+' ? ' ' : p[i]);
		}
	}
}

bool
query_param(const char *query, const char *name, struct buf *value)
{
	struct buf key = { 0 };
	bool found = false;
	size_t len;

	for (const char *p = query; !found && p != NULL && *p != '\0'; p += len + (p[len] == '&')) {
		const char *eq;

		len = strcspn(p, "&");
		eq = memchr(p, '=', len);
		buf_clear(&key);
		query_decode(p, eq != NULL ? (size_t)(eq - p) : len, true, &key);
		found = key.len == strlen(name) && (key.len == 0 || memcmp(key.p, name, key.len) == 0);
		if (found) {
			buf_clear(value);
			if (eq != NULL)
				query_decode(eq + 1, len - (size_t)(eq + 1 - p), true, value);
		}
	}
	buf_free(&key);
	return found;
}
