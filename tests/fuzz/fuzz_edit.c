/*
 * fuzz_edit - any request, and any other that a jq program makes of it: what trace-replay sends is for libjq the same as what the program
 * gave, and the request's own bytes where the program left it alone.
 *
 * The request, a newline, and the program's result.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "trace-replay/edit.c"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* Of its stack libjq has a pointer to the end only. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:jv_mem_realloc\n";
}

static struct scan scan;

/* Put the object into text, as one line.  False: it is none. */
static bool
take(const char *p, size_t len, struct buf *text)
{
	const char *from;

	buf_clear(text);
	buf_add(text, p, len);
	buf_pad(text);
	if (scan_utf8(text->p, len) != NULL || scan_record(&scan, text->p) != text->p + len)
		return false;
	from = text->p + strspn(text->p, " \t\r");
	len = (size_t)(json_skip(from) - from);
	memmove(text->p, from, len);
	text->len = len;
	buf_pad(text);
	return true;
}

static struct span
of(const struct buf *b)
{
	return (struct span){ b->p, b->len };
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct expr *same_as, *equal;
	const char *p = (const char *)data, *nl = memchr(data, '\n', size);
	struct buf had = { 0 }, result = { 0 }, same = { 0 }, now = { 0 }, out = { 0 }, both = { 0 }, yes = { 0 }, error = { 0 };

	if (same_as == NULL)
		must((same_as = expr_new(".", &error)) != NULL && (equal = expr_new(".[0] == .[1]", &error)) != NULL);
	if (nl == NULL || !take(p, (size_t)(nl - p), &had) || !take(nl + 1, (size_t)(p + size - nl - 1), &result))
		goto out;
	if (expr_first(same_as, of(&had), &same) != EXPR_OTHER || expr_first(same_as, of(&result), &now) != EXPR_OTHER)
		goto out;
	buf_pad(&same);
	buf_pad(&now);
	put_kept((struct triple){ of(&had), of(&same), of(&now) }, &out);
	must(json_is_value(out.p, out.len));
	if (is_same(of(&same), of(&now)))
		must(is_same(of(&out), of(&had)));
	buf_adds(&both, "[");
	buf_add(&both, out.p, out.len);
	buf_addc(&both, ',');
	buf_add(&both, now.p, now.len);
	buf_addc(&both, ']');
	if (expr_first(equal, of(&both), &yes) == EXPR_OTHER)
		must(yes.len == 4);
out:
	buf_free(&had);
	buf_free(&result);
	buf_free(&same);
	buf_free(&now);
	buf_free(&out);
	buf_free(&both);
	buf_free(&yes);
	return 0;
}
