#include "json/splice.h"

#include <string.h>

#include "json/str.h"

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct span
splice_text(const char *p, const char *end)
{
	while (p < end && blank(*p))
		p++;
	while (end > p && blank(end[-1]))
		end--;
	return (struct span){ p, (size_t)(end - p) };
}

void
splice_set(const struct scan *record, struct span text, const char *name, struct span val, struct buf *out)
{
	const struct member *m = scan_find(record, name, strlen(name));
	const char *end = text.p + text.len;

	if (m != NULL) {
		buf_add(out, text.p, (size_t)(m->val.p - text.p));
		buf_add(out, val.p, val.len);
		buf_add(out, m->val.p + m->val.len, (size_t)(end - (m->val.p + m->val.len)));
		return;
	}
	buf_add(out, text.p, text.len - 1);
	if (record->n != 0)
		buf_addc(out, ',');
	json_put_name(name, out);
	buf_add(out, val.p, val.len);
	buf_addc(out, '}');
}
