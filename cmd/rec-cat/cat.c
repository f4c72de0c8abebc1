/* cat.c - which records are wanted, and their way out */

#include "rec-cat/cat.h"

#include <string.h>

#include "base/std.h"

#define RUN	(256u << 10)	/* bytes that are written at once */

bool
cat_has_day(const struct cat *c, const char *day)
{
	return strcmp(day, c->from) >= 0 && (c->to[0] == '\0' || strcmp(day, c->to) <= 0);
}

static void
where_failed(struct cat *c, struct span text, const char *why)
{
	struct buf reason = { 0 };
	const struct member *id = scan_record(&c->scan, text.p) == NULL ? NULL : scan_find(&c->scan, "id", 2);

	if (id != NULL)
		buf_addf(&reason, "record %.*s: ", (int)(id->val.len < 80 ? id->val.len : 80), id->val.p);
	buf_addf(&reason, "jq: %.200s", why);
	rejects_add(&c->rejects, "--where", 0, 0, buf_str(&reason), "", 0);
	buf_free(&reason);
}

bool
cat_selects(struct cat *c, struct span text, bool failed)
{
	if (c->failed_only && !failed)
		return false;
	if (c->where == NULL)
		return true;
	buf_clear(&c->scratch);
	switch (expr_first(c->where, text, &c->scratch)) {
	case EXPR_TEXT:
		return true;
	case EXPR_OTHER:
		return strcmp(buf_str(&c->scratch), "false") != 0;
	case EXPR_NOTHING:
		return false;
	case EXPR_ERROR:
		where_failed(c, text, buf_str(&c->scratch));
		return false;
	}
	return false;
}

void
cat_release(struct cat *c)
{
	if (c->run.len != 0)
		std_put(&c->out, c->run.p, c->run.len);
	c->run = (struct span){ 0 };
}

void
cat_put(struct cat *c, struct span text, bool stays)
{
	bool newline;

	c->written++;
	if (!stays || c->run.len == 0 || text.p != c->run.p + c->run.len || c->run.len > RUN)
		cat_release(c);
	if (stays) {	/* nothing of it is touched: it has left the cache */
		c->run = (struct span){ text.p - c->run.len, c->run.len + text.len + 1 };
		return;
	}
	newline = text.p[text.len] == '\n';
	std_put(&c->out, text.p, text.len + newline);
	if (!newline)
		std_put(&c->out, "\n", 1);
}
