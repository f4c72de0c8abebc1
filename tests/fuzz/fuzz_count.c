/*
 * fuzz_count - the counter on all paths against a slow one, for texts and for what strings spell; and the JSON step of
 * botrun-log against itself: what it writes anew must not depend on blanks, nor on the text being escaped in a string.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "json/str.h"
#include "reference.h"
#include "text/botrun.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum count_rule rules[] = { COUNT_HAN, COUNT_BOTRUN };
static struct buf text, quoted, spaced;
static struct scan scan;

static bool
same(struct counts a, struct counts b)
{
	return a.ch == b.ch && a.en == b.en && a.total == b.total;
}

/* The code point at *pp, which moves behind it. */
static uint32_t
next(const char **pp)
{
	uint32_t u = (unsigned char)*(*pp)++;
	int more = u < 0xc0 ? 0 : u < 0xe0 ? 1 : u < 0xf0 ? 2 : 3;

	if (more != 0)
		u &= 0x3fu >> more;
	for (; more > 0; more--)
		u = u << 6 | ((unsigned char)*(*pp)++ & 0x3f);
	return u;
}

/* One character after the other. */
static struct counts
slowly(enum count_rule rule, const char *p, size_t len)
{
	struct counts c = { 0 };

	for (const char *end = p + len; p < end; c.total++) {
		uint32_t u = next(&p);
		bool letter = (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z'), printable = u >= 0x20 && u <= 0x7e;

		c.en += rule == COUNT_HAN ? letter : printable;
		c.ch += rule == COUNT_HAN ? count_is_han(u) : !printable;
	}
	return c;
}

/* The text, and the string that spells it, on all paths. */
static void
check(struct span t, struct span raw)
{
	for (size_t i = 0; count_force(i / 2); i++) {
		struct counts of_text = { 0 }, of_string = { 0 }, want = slowly(rules[i % 2], t.p, t.len);

		count_text(rules[i % 2], t, &of_text);
		count_string(rules[i % 2], raw, &of_string);
		must(same(of_text, want) && same(of_string, want));
	}
	count_force(0);
}

/* With a blank before each character that stands outside of strings, where a blank changes nothing. */
static void
space_out(struct span t)
{
	bool in_string = false, before = true;

	buf_clear(&spaced);
	for (size_t i = 0; i < t.len; i++) {
		bool mark = strchr("{}[]:,", t.p[i]) != NULL && t.p[i] != '\0';

		if (!in_string && (mark || before))
			buf_adds(&spaced, " \n");
		buf_addc(&spaced, t.p[i]);
		before = mark;
		if (in_string && t.p[i] == '\\' && i + 1 < t.len)
			buf_addc(&spaced, t.p[++i]);
		else if (t.p[i] == '"')
			in_string = !in_string;
	}
	buf_pad(&spaced);
}

static void
check_botrun(struct span t, struct span raw)
{
	struct botrun b = { 0 };
	struct counts of_text = { 0 }, of_string = { 0 }, of_spaced = { 0 };

	botrun_text(&b, t, &of_text);
	botrun_string(&b, raw, &of_string);
	must(same(of_text, of_string) && of_text.ch + of_text.en == of_text.total);
	/* Strict JSON is always taken, but for the limits, which these sizes do not reach. */
	if (t.len < BOTRUN_DEPTH && scan_value(&scan, t.p) == t.p + t.len) {
		space_out(t);
		botrun_text(&b, (struct span){ spaced.p, spaced.len }, &of_spaced);
		must(same(of_text, of_spaced));
	}
	botrun_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct span raw;

	if (scan_utf8(p, size) != NULL)
		return 0;
	buf_clear(&text);
	buf_add(&text, data, size);
	buf_pad(&text);
	buf_clear(&quoted);
	json_encode(p, size, &quoted);
	buf_pad(&quoted);
	raw = json_inside((struct span){ quoted.p, quoted.len });
	check((struct span){ text.p, size }, raw);
	check_botrun((struct span){ text.p, size }, raw);

	/* The input as the inside of a string: escapes of every kind. */
	buf_clear(&quoted);
	buf_addc(&quoted, '"');
	buf_add(&quoted, data, size);
	buf_addc(&quoted, '"');
	buf_pad(&quoted);
	if (scan_value(&scan, quoted.p) != quoted.p + quoted.len)
		return 0;
	raw = json_inside((struct span){ quoted.p, quoted.len });
	buf_clear(&text);
	json_decode(raw, &text);
	buf_pad(&text);
	check((struct span){ text.p, text.len }, raw);
	check_botrun((struct span){ text.p, text.len }, raw);
	return 0;
}
