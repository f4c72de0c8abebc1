/* test_merge - the latest state of a record from its lines */

#include "unit.h"

#include "base/mem.h"
#include "recorder/merge.h"

#define MOST 8

/* Lines that the merge may read: each ends with a newline and has padding behind it. */
struct lines {
	struct buf text[MOST];
	struct span line[MOST];
	size_t	 n;
};

static void
add_line(struct lines *l, const char *p, size_t len)
{
	struct buf *b = &l->text[l->n];

	put_line(b, p, len);
	l->line[l->n++] = (struct span){ b->p, len };
}

static void
free_lines(struct lines *l)
{
	for (size_t i = 0; i < MOST; i++)
		buf_free(&l->text[i]);
	l->n = 0;
}

static void
merged(const char *const *line, size_t n, struct buf *out)
{
	struct lines l = { 0 };

	for (size_t i = 0; i < n; i++)
		add_line(&l, line[i], strlen(line[i]));
	rec_merge(l.line, l.n, out);
	free_lines(&l);
}

static void
check(const char *const *line, size_t n, const char *want)
{
	struct buf out = { 0 };

	merged(line, n, &out);
	check_text(out.p, out.len, want);
	buf_free(&out);
}

#define CHECK(want, ...) do { \
	static const char *const lines_[] = { __VA_ARGS__ }; \
	check(lines_, N_OF(lines_), want); \
} while (0)

#define S1 "{\"id\":\"a\",\"timestamp\":\"2025-12-07T12:00:00.000001\",\"session_id\":1,\"prompt\":\"p\",\"response\":\"\"," \
	"\"success\":false,\"metadata\":{\"stage\":\"started\",\"task\":\"t\"}}"
#define S2 "{\"id\":\"a\",\"timestamp\":\"2025-12-07T12:00:09.5\",\"response\":\"r\",\"success\":true,\"error_message\":null," \
	"\"performance_metrics\":{\"response_time_ms\":28909},\"metadata\":{\"stage\":\"completed\",\"task\":\"\",\"model\":\"m\"}}"
#define S3 "{\"id\":\"a\",\"timestamp\":\"2025-12-07T12:00:10\",\"message_id\":12,\"metadata\":{\"stage\":\"finalized\",\"finalized\":true}}"
#define ALL "{\"id\":\"a\",\"timestamp\":\"2025-12-07T12:00:00.000001\",\"session_id\":1,\"prompt\":\"p\",\"response\":\"r\"," \
	"\"success\":true,\"metadata\":{\"stage\":\"finalized\",\"task\":\"t\",\"model\":\"m\",\"finalized\":true},\"error_message\":null," \
	"\"performance_metrics\":{\"response_time_ms\":28909},\"message_id\":12}"

static void
one_line(void **state)
{
	(void)state;
	CHECK(" { \"id\" : 1.0, \"id\":1e400 ,\"x\":null,\"y\":{ } }\r", " { \"id\" : 1.0, \"id\":1e400 ,\"x\":null,\"y\":{ } }\r");
	CHECK(S1, S1, S1, S1);
}

static void
stages(void **state)
{
	(void)state;
	CHECK(ALL, S1, S2, S3);
	CHECK(ALL, S3, S2, S1);
	CHECK(ALL, S2, S3, S1);
	CHECK(ALL, S2, S1, S3, S2, S1, S3);
	/* A stage that is missing. */
	CHECK("{\"id\":\"a\",\"prompt\":\"p\",\"metadata\":{\"stage\":\"finalized\"},\"message_id\":3}",
	    "{\"id\":\"a\",\"message_id\":3,\"metadata\":{\"stage\":\"finalized\"}}",
	    "{\"id\":\"a\",\"prompt\":\"p\",\"metadata\":{\"stage\":\"started\"}}");
	/* finalized beside metadata; a line without a stage is a completed one. */
	CHECK("{\"x\":3,\"finalized\":true}", "{\"x\":3,\"finalized\":true}", "{\"x\":2}");
	CHECK("{\"x\":2,\"metadata\":{\"stage\":\"started\"}}", "{\"x\":2}", "{\"x\":1,\"metadata\":{\"stage\":\"started\"}}");
	/* Of one stage the later line. */
	CHECK("{\"x\":2,\"y\":1}", "{\"x\":1,\"y\":1}", "{\"x\":2}");
}

static void
values(void **state)
{
	static const struct { const char *first, *second, *want; } table[] = {
		{ "1", "2", "2" }, { "\"a\"", "null", "\"a\"" }, { "\"a\"", "\"\"", "\"a\"" }, { "[1]", "[ ]", "[1]" },
		{ "{\"p\":1}", "{ }", "{\"p\":1}" }, { "null", "false", "false" }, { "true", "false", "false" }, { "1", "0", "0" },
		{ "null", "\"\"", "null" }, { "[]", "null", "[]" }, { "{}", "\"x\"", "\"x\"" },
		/* spelling */
		{ "1", "1.0", "1.0" }, { "1e400", "null", "1e400" }, { "123456789012345678901", "null", "123456789012345678901" },
		{ "{ \"p\" : 1 }", "{ \"p\" : 1 }", "{ \"p\" : 1 }" }, { "{ \"p\" : 1 }", "null", "{ \"p\" : 1 }" },
		/* one level deep, and no deeper */
		{ "{\"p\":1,\"q\":2}", "{\"q\":3,\"r\":4}", "{\"p\":1,\"q\":3,\"r\":4}" }, { "{\"p\":1}", "{\"p\":\"\"}", "{\"p\":1}" },
		{ "{\"p\":{\"a\":1}}", "{\"p\":{\"b\":2}}", "{\"p\":{\"b\":2}}" }, { "{\"p\":{\"a\":1}}", "{\"p\":{}}", "{\"p\":{\"a\":1}}" },
		{ "{\"p\":null}", "{\"q\":1}", "{\"p\":null,\"q\":1}" },
		/* types change */
		{ "{\"p\":1}", "\"text\"", "\"text\"" }, { "7", "{\"p\":1}", "{\"p\":1}" }, { "[1]", "{\"p\":1}", "{\"p\":1}" },
		{ "[1,2]", "[3]", "[3]" },
		/* the last of equal names */
		{ "1,\"x\":2", "null", "2" }, { "1", "2,\"x\":null", "1" }, { "1", "null,\"x\":2,\"\\u0078\":3", "3" },
		{ "{\"p\":1,\"p\":2}", "{\"q\":1}", "{\"p\":2,\"q\":1}" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		struct buf a = { 0 }, b = { 0 }, want = { 0 };
		const char *line[2];

		buf_addf(&a, "{\"x\":%s}", table[i].first);
		buf_addf(&b, "{\"x\":%s}", table[i].second);
		buf_addf(&want, "{\"x\":%s}", table[i].want);
		line[0] = buf_str(&a);
		line[1] = buf_str(&b);
		check(line, 2, buf_str(&want));
		buf_free(&a);
		buf_free(&b);
		buf_free(&want);
	}
	/* Something else between two objects ends the first. */
	CHECK("{\"x\":{\"q\":2}}", "{\"x\":{\"p\":1}}", "{\"x\":7}", "{\"x\":{\"q\":2}}");
	CHECK("{\"x\":{\"p\":1,\"q\":2}}", "{\"x\":{\"p\":1}}", "{\"x\":null}", "{\"x\":{\"q\":2}}");
}

static void
names_and_times(void **state)
{
	(void)state;
	CHECK("{\"id\":\"a\",\"n\":2}", "{\"id\":\"a\"}", "{\"id\":\"b\",\"n\":2}");
	CHECK("{\"id\":\"b\",\"n\":2}", "{\"id\":\"\"}", "{\"id\":\"b\",\"n\":2}");
	CHECK("{\"id\":\"b\",\"n\":2}", "{\"id\":null,\"n\":1}", "{\"id\":\"b\",\"n\":2}");
	CHECK("{\"timestamp\":\"2025-12-07T12:00:00.000001\",\"n\":3}", "{\"timestamp\":\"2025-12-07T12:00:00.000002\"}",
	    "{\"timestamp\":\"2025-12-07T12:00:00.000001\",\"n\":2}", "{\"timestamp\":\"2025-12-07T12:00:01\",\"n\":3}");
	/* Other zones, one moment after the other. */
	CHECK("{\"timestamp\":\"2025-12-07T13:00:00+02:00\",\"n\":2}", "{\"timestamp\":\"2025-12-07T12:00:00Z\"}",
	    "{\"timestamp\":\"2025-12-07T13:00:00+02:00\",\"n\":2}");
	CHECK("{\"timestamp\":\"2025-12-07T12:00:00\",\"n\":2}", "{\"timestamp\":null}", "{\"timestamp\":\"2025-12-07T12:00:00\",\"n\":2}");
	/* A name spelled with escapes is the same one, written as it was first. */
	CHECK("{\"pr\\u006fmpt\":\"b\"}", "{\"pr\\u006fmpt\":\"a\"}", "{\"prompt\":\"b\"}");
	CHECK("{\"prompt\":\"b\"}", "{\"prompt\":\"a\"}", "{\"pr\\u006fmpt\":\"b\"}");
	CHECK("{\"\":1,\"\\\"\":3}", "{\"\":1,\"\\\"\":2}", "{\"\\u0022\":3}");
}

/* More members than are looked for one by one. */
static void
many_names(void **state)
{
	struct buf a = { 0 }, b = { 0 }, want = { 0 };
	const char *line[2];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		buf_addf(&a, "%s\"%s%d\":1", i == 0 ? "{" : ",", i % 3 == 0 ? "\\u006b" : "k", i);
		buf_addf(&b, "%s\"%s%d\":2", i == 0 ? "{" : ",", i % 2 == 0 ? "\\u006b" : "k", 7500 - i);
		buf_addf(&want, "%s\"%s%d\":%d", i == 0 ? "{" : ",", i % 3 == 0 ? "\\u006b" : "k", i, i > 2500 ? 2 : 1);
	}
	for (int i = 0; i <= 2500; i++)
		buf_addf(&want, ",\"%s%d\":2", i % 2 == 0 ? "\\u006b" : "k", 7500 - i);
	buf_addc(&a, '}');
	buf_addc(&b, '}');
	buf_addc(&want, '}');
	line[0] = buf_str(&a);
	line[1] = buf_str(&b);
	check(line, 2, buf_str(&want));
	buf_free(&a);
	buf_free(&b);
	buf_free(&want);
}

/* ---- properties, over lines made by chance ---- */

static void
random_line(struct buf *b, int stage)
{
	static const char *const value[] = {
		"null", "\"\"", "[]", "{}", "0", "1.0", "false", "\"s\"", "[1]", "{\"p\":1}", "{\"p\":null,\"q\":{\"r\":1}}",
		"{\"q\":{\"r\":2}}", "{\"p\":\"\",\"q\":3}",
	};
	static const char *const name[] = { "a", "b", "c", "d", "performance_metrics" };
	static const char *const stages_[] = { "started", "completed", "finalized" };

	buf_clear(b);
	buf_addf(b, "{\"id\":\"i\",\"timestamp\":\"2025-12-07T12:00:%02d\"", (int)chance(60));
	for (size_t i = chance(6); i > 0; i--)
		buf_addf(b, ",\"%s\":%s", name[chance(N_OF(name))], value[chance(N_OF(value))]);
	buf_addf(b, ",\"metadata\":{\"stage\":\"%s\",\"m\":%s}}", stages_[stage], value[chance(N_OF(value))]);
}

static void
properties(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct lines l = { 0 }, twice = { 0 }, steps = { 0 }, turned = { 0 };
		struct buf whole = { 0 }, other = { 0 };

		for (int stage = 0; stage < 3; stage++) {
			random_line(&b, stage);
			add_line(&l, b.p, b.len);
			add_line(&twice, b.p, b.len);
			add_line(&twice, b.p, b.len);
		}
		rec_merge(l.line, 3, &whole);
		/* A line that was written again changes nothing. */
		rec_merge(twice.line, 6, &other);
		check_text(other.p, other.len, buf_str(&whole));
		/* Nor does the order of arrival. */
		for (int i = 2; i >= 0; i--)
			add_line(&turned, l.line[i].p, l.line[i].len);
		buf_clear(&other);
		rec_merge(turned.line, 3, &other);
		check_text(other.p, other.len, buf_str(&whole));
		/* Nor merging what has been merged. */
		buf_clear(&other);
		rec_merge(l.line, 2, &other);
		add_line(&steps, other.p, other.len);
		add_line(&steps, l.line[2].p, l.line[2].len);
		buf_clear(&other);
		rec_merge(steps.line, 2, &other);
		check_text(other.p, other.len, buf_str(&whole));
		buf_free(&whole);
		buf_free(&other);
		free_lines(&l);
		free_lines(&twice);
		free_lines(&steps);
		free_lines(&turned);
	}
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line), cmocka_unit_test(stages), cmocka_unit_test(values), cmocka_unit_test(names_and_times),
		cmocka_unit_test(many_names), cmocka_unit_test(properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
