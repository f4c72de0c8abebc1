/* test_count - characters counted, by both rules and on all paths */

#include "unit.h"

#include "json/utf8.h"
#include "text/botrun.h"
#include "text/count.h"

#define SCRIPTS "/usr/share/unicode/Scripts.txt"

static const enum count_rule rules[] = { COUNT_HAN, COUNT_BOTRUN };

static void
check_counts(const char *what, struct counts c, uint64_t ch, uint64_t en, uint64_t total)
{
	if (c.ch != ch || c.en != en || c.total != total)
		fail_msg("%.60s: got %d %d %d, not %d %d %d", what, (int)c.ch, (int)c.en, (int)c.total, (int)ch, (int)en, (int)total);
}

/* What one character adds. */
static struct counts
expected(enum count_rule rule, uint32_t u)
{
	bool en = rule == COUNT_BOTRUN ? u >= 0x20 && u <= 0x7e : (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z');

	return (struct counts){ rule == COUNT_BOTRUN ? !en : count_is_han(u), en, 1 };
}

static void
add(struct counts *to, struct counts c)
{
	to->ch += c.ch;
	to->en += c.en;
	to->total += c.total;
}

/* On all paths.  The text in memory that ends SCAN_PAD bytes behind it, so that a sanitizer sees who reads farther. */
static struct counts
count(enum count_rule rule, const char *p, size_t len, bool string)
{
	char *text = malloc(len + SCAN_PAD);
	struct counts first = { 0 };

	memcpy(text, p, len);
	memset(text + len, 'x', SCAN_PAD);
	for (size_t path = 0; count_force(path); path++) {
		struct counts c = { 0 };

		(string ? count_string : count_text)(rule, (struct span){ text, len }, &c);
		if (path == 0)
			first = c;
		check_counts("another path", c, first.ch, first.en, first.total);
	}
	count_force(0);
	free(text);
	return first;
}

static void
texts(void **state)
{
	static const struct { const char *raw; uint64_t ch, en, total, botrun_ch; } table[] = {
		{ "", 0, 0, 0, 0 },
		{ "~!@#$%^&*()_+\xe5\x8f\xb0\xe7\x81\xa3No.1", 2, 2, 19, 2 },
		{ "@AZ[`az{", 0, 4, 8, 0 },
		{ "\xe3\x80\x85\xe3\x80\x87\xe3\x80\x81\xe3\x80\x82\xef\xbc\x8c", 2, 0, 5, 5 },		/* iteration mark, zero; punctuation */
		{ "\xe3\x81\x82\xe3\x82\xa2\xe3\x84\x85\xed\x95\x9c", 0, 0, 4, 4 },			/* kana, Bopomofo, Hangul */
		{ "\xef\xbc\xa1\xef\xbd\x81\xef\xbc\x91", 0, 0, 3, 3 },					/* full-width A a 1 */
		{ "\xe4\xb7\xbf\xe4\xb6\xbf\xe4\xb8\x80", 2, 0, 3, 3 },					/* a hexagram, then two ideographs */
		{ "\xf0\xa0\xae\xb7\xf0\xaf\xa0\x80\xf0\x9f\x98\x80\xf0\x9d\x90\x80", 2, 0, 4, 4 },	/* Ext. B, compatibility; emoji, bold A */
		{ "\\u4e2d\\u0041\\n\\t\\\"\\\\\\/", 1, 1, 7, 3 },
		{ "\\ud83d\\ude00\\ud840\\udc0b", 1, 0, 2, 2 },
		{ "\\ud83d\\ud83dx\\ude00", 0, 1, 4, 3 },						/* three U+FFFD */
		{ "\\ud83d\\\\ude00", 0, 3, 7, 1 },
		{ "e\xcc\x81", 0, 1, 2, 1 },								/* not composed */
		{ "\xe8\x91\x9b\xf3\xa0\x84\x80", 1, 0, 2, 2 },						/* a variation selector */
		{ "\x7f\\u007f\\u0000", 0, 0, 3, 3 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		const char *raw = table[i].raw;
		uint64_t total = table[i].total, ch = table[i].botrun_ch;

		check_counts(raw, count(COUNT_HAN, raw, strlen(raw), true), table[i].ch, table[i].en, total);
		check_counts(raw, count(COUNT_BOTRUN, raw, strlen(raw), true), ch, total - ch, total);
	}
	/* A text that is no JSON string has no escapes. */
	check_counts("\\u4e2d", count(COUNT_HAN, "\\u4e2d", 6, false), 0, 3, 6);
}

/* Each code point, as it is and escaped, at changing places of a vector. */
static void
every_code_point(void **state)
{
	(void)state;
	for (uint32_t u = 0; u <= 0x10ffff; u++) {
		size_t at = u % 71, n;
		char text[80 + SCAN_PAD], escaped[8], utf8[4];

		if (u >= 0xd800 && u < 0xe000)
			continue;
		memset(text, '.', sizeof text);
		n = utf8_encode(u, utf8);
		memcpy(text + at, utf8, n);
		for (size_t r = 0; r < N_OF(rules); r++) {
			struct counts one = expected(rules[r], u), dot = expected(rules[r], '.');

			for (size_t path = 0; count_force(path); path++) {
				struct counts c = { 0 };

				count_text(rules[r], (struct span){ text, at + n }, &c);
				check_counts("a code point", c, one.ch + at * dot.ch, one.en + at * dot.en, at + 1);
			}
			count_force(0);
			if (u >= 0x10000)
				continue;
			snprintf(escaped, sizeof escaped, "\\u%04x", u);
			check_counts(escaped, count(rules[r], escaped, 6, true), one.ch, one.en, 1);
		}
	}
}

/* Random texts of any length. */
static void
random_texts(void **state)
{
	static const uint32_t pool[] = { 'a', 'Z', ' ', '1', '[', 0xe9, 0x3002, 0x3005, 0x3007, 0x3021, 0x2e80, 0x2e9a, 0x2f00, 0x2fff, 0x3400,
	    0x4dbf, 0x4dc0, 0x4e00, 0x9fff, 0xa000, 0xf8ff, 0xf900, 0xfa6e, 0xfb00, 0xfe0f, 0xff0c, 0xfffd, 0x16fe2, 0x1f600, 0x20000, 0x10ffff };
	char text[1024];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct counts want[N_OF(rules)] = { { 0 } };
		size_t len = 0, most = chance(20) == 0 ? 1000 : chance(100);

		while (len < most) {
			uint32_t u = chance(3) == 0 ? (uint32_t)chance(0xd800) : pool[chance(N_OF(pool))];
			size_t n = 0;

			if (chance(10) == 0) {
				u = u < 0x10000 ? u : 0x4e00;
				n = (size_t)snprintf(text + len, 7, "\\u%04X", u);
			} else if (u >= 0x20 && u != '"' && u != '\\') {
				n = utf8_encode(u, text + len);
			}
			len += n;
			for (size_t r = 0; r < N_OF(rules) && n != 0; r++)
				add(&want[r], expected(rules[r], u));
		}
		for (size_t r = 0; r < N_OF(rules); r++) {
			struct counts w = want[r], c = count(rules[r], text, len, true);

			check_counts("random", c, w.ch, w.en, w.total);
		}
	}
}

/* Han that Unicode got after some version of its data. */
static const struct { uint32_t from, to; int version; } newer[] = {
	{ 0x9ffd, 0x9fff, 1400 }, { 0x16ff0, 0x16ff1, 1300 }, { 0x16ff2, 0x16ff6, 1700 }, { 0x2a6de, 0x2a6df, 1400 }, { 0x2b735, 0x2b738, 1400 },
	{ 0x2b739, 0x2b739, 1500 }, { 0x2b73a, 0x2b73f, 1700 }, { 0x2cea2, 0x2cead, 1700 }, { 0x2ebf0, 0x2ee5d, 1510 },
	{ 0x31350, 0x323af, 1500 }, { 0x323b0, 0x33479, 1700 },
};

static bool
is_newer(uint32_t u, int version)
{
	for (size_t i = 0; i < N_OF(newer); i++)
		if (u >= newer[i].from && u <= newer[i].to)
			return newer[i].version > version;
	return false;
}

static void
unicode_data(void **state)
{
	static bool han[0x110000];
	FILE *f = fopen(SCRIPTS, "re");
	int major, minor, n = 0;
	char line[1024];

	(void)state;
	if (f == NULL)
		skip();		/* the package unicode-data */
	assert_int_equal(fscanf(f, "# Scripts-%d.%d", &major, &minor), 2);
	while (fgets(line, sizeof line, f) != NULL) {
		unsigned from, to;
		char script[32];

		if (sscanf(line, "%x..%x ; %31s", &from, &to, script) != 3) {
			if (sscanf(line, "%x ; %31s", &from, script) != 2)
				continue;
			to = from;
		}
		for (; strcmp(script, "Han") == 0 && from <= to && from < N_OF(han); from++, n++)
			han[from] = true;
	}
	fclose(f);
	assert_true(n > 90000);
	for (uint32_t u = 0; u < N_OF(han); u++)
		/* Data that is newer than our table may have more, but not less. */
		if (han[u] != count_is_han(u) && !(han[u] ? major > 17 : is_newer(u, major * 100 + minor * 10)))
			fail_msg("U+%04X is %s in Unicode %d.%d", u, han[u] ? "Han" : "not Han", major, minor);
}

static void
botrun(void **state)
{
	static const struct { const char *text; uint64_t ch, en; } table[] = {
		{ "", 0, 0 }, { "{", 0, 1 }, { "plain", 0, 5 }, { "\t[1,\r\n2 ] ", 0, 6 }, { "[1,2", 0, 4 }, { "[1,]", 0, 4 }, { "[]", 0, 2 },
		{ "[ ]", 0, 2 }, { "{ }", 0, 2 }, { " {\"a\":1,\"b\" :[{}]}", 0, 19 }, { "\"a\"b", 0, 4 }, { "  12  ", 0, 2 }, { "01", 0, 2 },
		{ "-0", 0, 1 }, { "-0.0", 0, 4 }, { "-", 0, 1 }, { "1.", 0, 2 }, { "[1.]", 0, 4 }, { "1e", 0, 2 }, { ".5", 0, 2 }, { "+1", 0, 2 },
		{ "1e5", 0, 8 }, { "1E400", 0, 8 }, { "-1e400", 0, 9 }, { "1e16", 0, 5 }, { "1e15", 0, 18 }, { "0.0001", 0, 6 }, { "0.00001", 0, 5 },
		{ "1.50", 0, 3 }, { "123e-400", 0, 3 }, { "5e-324", 0, 6 }, { "1e100", 0, 6 }, { "0.1e1", 0, 3 }, { "12345678901234567890123", 0, 23 },
		{ "NaN", 0, 3 }, { "-Infinity", 0, 9 }, { "[Infinity,NaN]", 0, 15 }, { "-NaN", 0, 4 }, { "true", 0, 4 }, { "True", 0, 4 }, { "nul", 0, 3 },
		{ "\"\\u4e2d\\/\\n\\u000a\\u0001\"", 1, 13 }, { "\"a\nb\"", 1, 4 }, { "\"\x7f\"", 1, 2 }, { "\"\\x\"", 0, 4 }, { "\"\\u12g4\"", 0, 8 },
		{ "\"\\ud83d\\ude00\\ud83d\"", 2, 2 }, { "\"\\ud83d\\u12\"", 0, 12 }, { "{\"a\":1,\"\\u0061\":\"xyz\"}", 0, 12 },
		{ "{\"a\":\"\xe4\xb8\xad\",\"b\":2,\"a\":3}", 0, 16 }, { "{\"\\ud800\":1,\"\\ud801\":2}", 2, 14 }, { "{\"\":1,\"\":{\"\":2}}", 0, 13 },
		{ "\xef\xbb\xbf{}", 1, 2 }, { "[1,\xc2\xa0" "2]", 1, 5 },
	};
	struct botrun b = { 0 };
	struct buf line = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		struct counts c = { 0 };

		put_line(&line, table[i].text, strlen(table[i].text));
		botrun_text(&b, (struct span){ line.p, line.len }, &c);
		check_counts(table[i].text, c, table[i].ch, table[i].en, table[i].ch + table[i].en);
	}
	buf_free(&line);
	botrun_free(&b);
}

static uint64_t
botrun_total(struct buf *line)
{
	struct botrun b = { 0 };
	struct counts c = { 0 };

	buf_pad(line);
	botrun_text(&b, (struct span){ line->p, line->len }, &c);
	botrun_free(&b);
	return c.total;
}

/* At a limit the text is written anew, so the blank goes; beyond it counts as it stands. */
static void
limits(void **state)
{
	struct buf line = { 0 };

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		buf_clear(&line);
		buf_adds(&line, " -");
		for (size_t i = 0; i < BOTRUN_DIGITS + over; i++)
			buf_addc(&line, '7');
		assert_int_equal(botrun_total(&line), line.len - 1 + over);
		buf_clear(&line);
		buf_addc(&line, ' ');
		for (size_t i = 0; i < BOTRUN_DEPTH + over; i++)
			buf_addc(&line, '[');
		for (size_t i = 0; i < BOTRUN_DEPTH + over; i++)
			buf_addc(&line, ']');
		assert_int_equal(botrun_total(&line), line.len - 1 + over);
	}
	/* Keys in their thousands, each twice. */
	buf_clear(&line);
	buf_adds(&line, "{\"k0000\":0");
	for (int i = 1; i < 10000; i++)
		buf_addf(&line, ",\"k%04d\":1", i % 5000);
	buf_addc(&line, '}');
	assert_int_equal(botrun_total(&line), 5000 * (7 + 3 + 2));
	buf_free(&line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(every_code_point),
		cmocka_unit_test(random_texts),
		cmocka_unit_test(unicode_data),
		cmocka_unit_test(botrun),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests_name("count", tests, NULL, NULL);
}
