/* feishu/cell.h: each type of field, odd values, and that value_put takes back what cell_put wrote. */
#include "unit.h"

#include "feishu/cell.h"
#include "feishu/value.h"

static struct buf in, out, back;

static struct span
line(struct buf *b, const char *text)
{
	put_line(b, text, strlen(text));
	return (struct span){ b->p, b->len };
}

static void
check(int type, const char *cell, const char *want)
{
	struct scan s = { 0 };

	buf_clear(&out);
	cell_put(type, cell == NULL ? (struct span){ NULL, 0 } : line(&in, cell), &out);
	check_text(out.p, out.len, want);
	buf_pad(&out);
	assert_true(scan_value(&s, out.p) == out.p + out.len);
	scan_free(&s);
}

/* ... and what goes back to the service for it. */
static void
check_back(int type, const char *cell, const char *want, const char *written)
{
	uint64_t cut = 0;
	const char *why;

	check(type, cell, want);
	buf_clear(&back);
	if ((why = value_put(type, (struct span){ out.p, out.len }, 0, &cut, &back)) != NULL)
		fail_msg("type %d: %s is not taken back: %s", type, want, why);
	check_text(back.p, back.len, written);
}

static void
empty(void **state)
{
	static const int types[] = { 1, 2, 3, 4, 5, 11, 13, 15, 17, 18, 19, 20, 21, 22, 23, 1001, 1002, 1003, 1004, 1005, 3001, 99 };

	(void)state;
	for (size_t i = 0; i < N_OF(types); i++) {
		check(types[i], NULL, "null");
		check(types[i], "null", "null");
	}
	check(FIELD_CHECKBOX, NULL, "false");
	check(FIELD_CHECKBOX, "null", "false");
	check(FIELD_TEXT, "[]", "null");
	check(FIELD_TEXT, "[{\"type\":\"text\",\"text\":\"\"}]", "null");
	check(FIELD_SELECT, "\"\"", "null");
	check(FIELD_MULTI_SELECT, "[]", "null");
	check(FIELD_USER, "[]", "null");
	check(FIELD_URL, "{\"text\":\"\",\"link\":\"\"}", "null");
	check(FIELD_LINK, "{\"link_record_ids\":[]}", "null");
	check(FIELD_LINK, "{\"link_record_ids\":null}", "null");
	check(FIELD_FORMULA, "{\"type\":1,\"ui_type\":\"Text\",\"value\":[]}", "null");
	check(FIELD_FORMULA, "{\"type\":2,\"value\":[]}", "null");
	check(FIELD_FORMULA, "{\"type\":2,\"value\":null}", "null");
	check(FIELD_LOOKUP, "{\"type\":11,\"value\":[]}", "null");
}

static void
writable(void **state)
{
	static const struct { int type; const char *cell, *want, *written; } t[] = {
		{ FIELD_TEXT, "[{\"type\":\"text\",\"text\":\"a\"}]", "\"a\"", "\"a\"" },
		{ FIELD_TEXT, "[{\"text\":\"a\\n\\\"b\\\"\",\"type\":\"text\"},{\"type\":\"url\",\"text\":\"http://x\",\"link\":\"http://x\"},"
		    "{\"type\":\"text\",\"text\":\" c\"}]", "\"a\\n\\\"b\\\"http://x c\"", "\"a\\n\\\"b\\\"http://x c\"" },
		{ FIELD_TEXT, "[{\"type\":\"mention\",\"text\":\"@Li\",\"token\":\"ou_1\",\"mentionType\":\"User\",\"name\":\"Li\"},"
		    "{\"type\":\"text\",\"text\":\" ok\"}]", "\"@Li ok\"", "\"@Li ok\"" },
		{ FIELD_TEXT, "[{\"type\":\"url\",\"text\":\"a@b.c\",\"link\":\"mailto:a@b.c\"}]", "\"a@b.c\"", "\"a@b.c\"" },
		{ FIELD_TEXT, "{\"type\":\"url\",\"text\":\"a@b.c\",\"link\":\"mailto:a@b.c\"}", "\"a@b.c\"", "\"a@b.c\"" },
		{ FIELD_TEXT, "\"bare\\u8cc7\"", "\"bare\\u8cc7\"", "\"bare\\u8cc7\"" },
		{ FIELD_TEXT, "[{\"text\":\"\\ud83d\"},{\"text\":\"\\ude00\"}]", "\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"" },
		{ FIELD_TEXT, "[1,true,null,{\"a\":\"b\"}]", "\"1true{\\\"a\\\":\\\"b\\\"}\"", "\"1true{\\\"a\\\":\\\"b\\\"}\"" },
		{ FIELD_NUMBER, "1e15", "1e15", "1e15" },
		{ FIELD_NUMBER, "1.0", "1.0", "1.0" },
		{ FIELD_NUMBER, "-0.000123", "-0.000123", "-0.000123" },
		{ FIELD_NUMBER, "0", "0", "0" },
		{ FIELD_NUMBER, "9007199254740993000", "9007199254740993000", "9007199254740993000" },
		{ FIELD_NUMBER, "-12345678901234567000", "-12345678901234567000", "-12345678901234567000" },
		{ FIELD_NUMBER, "1e+21", "1e+21", "1e+21" },
		{ FIELD_NUMBER, "\"12.5\"", "12.5", "12.5" },
		{ FIELD_SELECT, "\"open\"", "\"open\"", "\"open\"" },
		{ FIELD_SELECT, "[\"open\"]", "\"open\"", "\"open\"" },
		{ FIELD_SELECT, "\"optDeleted1\"", "\"optDeleted1\"", "\"optDeleted1\"" },
		{ FIELD_MULTI_SELECT, "[\"a\",\"b, c\"]", "[\"a\",\"b, c\"]", "[\"a\",\"b, c\"]" },
		{ FIELD_MULTI_SELECT, "[\"a\",null]", "[\"a\"]", "[\"a\"]" },
		{ FIELD_DATE, "1795168800123", "\"2026-11-20T10:00:00.123Z\"", "1795168800123" },
		{ FIELD_DATE, "0", "\"1970-01-01T00:00:00.000Z\"", "0" },
		{ FIELD_DATE, "1", "\"1970-01-01T00:00:00.001Z\"", "1" },
		{ FIELD_DATE, "-1", "\"1969-12-31T23:59:59.999Z\"", "-1" },
		{ FIELD_DATE, "-2208988800000", "\"1900-01-01T00:00:00.000Z\"", "-2208988800000" },
		{ FIELD_DATE, "-62135596800000", "\"0001-01-01T00:00:00.000Z\"", "-62135596800000" },
		{ FIELD_DATE, "253402300799999", "\"9999-12-31T23:59:59.999Z\"", "253402300799999" },
		{ FIELD_DATE, "1.7e12", "\"2023-11-14T22:13:20.000Z\"", "1700000000000" },
		{ FIELD_DATE, "\"1795168800123\"", "\"2026-11-20T10:00:00.123Z\"", "1795168800123" },
		{ FIELD_CHECKBOX, "true", "true", "true" },
		{ FIELD_CHECKBOX, "false", "false", "false" },
		{ FIELD_USER, "[{\"id\":\"ou_1\",\"name\":\"Li\",\"en_name\":\"Li\",\"email\":\"li@x\",\"avatar_url\":\"https://a\"},"
		    "{\"id\":\"ou_2\",\"name\":\"\",\"email\":null}]",
		    "[{\"id\":\"ou_1\",\"name\":\"Li\",\"email\":\"li@x\"},{\"id\":\"ou_2\"}]", "[{\"id\":\"ou_1\"},{\"id\":\"ou_2\"}]" },
		{ FIELD_USER, "{\"id\":\"ou_1\"}", "[{\"id\":\"ou_1\"}]", "[{\"id\":\"ou_1\"}]" },
		{ FIELD_USER, "[\"ou_1\"]", "[\"ou_1\"]", "[{\"id\":\"ou_1\"}]" },
		{ FIELD_PHONE, "\"+8613800000000\"", "\"+8613800000000\"", "\"+8613800000000\"" },
		{ FIELD_URL, "{\"text\":\"https://x\",\"link\":\"https://x\"}", "\"https://x\"", "{\"text\":\"https://x\",\"link\":\"https://x\"}" },
		{ FIELD_URL, "{\"link\":\"https://x\",\"text\":\"the x\",\"type\":\"url\"}", "{\"text\":\"the x\",\"link\":\"https://x\"}",
		    "{\"text\":\"the x\",\"link\":\"https://x\"}" },
		{ FIELD_URL, "{\"link\":\"https://x\"}", "\"https://x\"", "{\"text\":\"https://x\",\"link\":\"https://x\"}" },
		{ FIELD_URL, "{\"link\":\"\",\"text\":\"only text\"}", "{\"text\":\"only text\",\"link\":\"\"}",
		    "{\"text\":\"only text\",\"link\":\"\"}" },
		{ FIELD_ATTACHMENT, "[{\"file_token\":\"box1\",\"name\":\"a.png\",\"size\":12345678901,\"type\":\"image/png\",\"url\":\"u\","
		    "\"tmp_url\":\"t\"}]", "[{\"file_token\":\"box1\",\"name\":\"a.png\",\"size\":12345678901,\"type\":\"image/png\"}]",
		    "[{\"file_token\":\"box1\"}]" },
		{ FIELD_LINK, "{\"link_record_ids\":[\"rec1\",\"rec2\"]}", "[\"rec1\",\"rec2\"]", "[\"rec1\",\"rec2\"]" },
		{ FIELD_LINK, "{\"record_ids\":[\"rec1\"]}", "[\"rec1\"]", "[\"rec1\"]" },
		{ FIELD_DUPLEX_LINK, "[{\"record_ids\":[\"rec1\"],\"table_id\":\"tbl1\",\"text\":\"a\",\"text_arr\":[\"a\"],\"type\":\"text\"},"
		    "{\"record_ids\":[\"rec2\"]}]", "[\"rec1\",\"rec2\"]", "[\"rec1\",\"rec2\"]" },
		{ FIELD_DUPLEX_LINK, "[\"rec1\"]", "[\"rec1\"]", "[\"rec1\"]" },
		{ FIELD_LOCATION, "{\"location\":\"116.3,40.0\",\"name\":\"Park\",\"address\":\"\",\"full_address\":\"Park, Beijing\",\"pname\":\"\"}",
		    "{\"location\":\"116.3,40.0\",\"name\":\"Park\",\"full_address\":\"Park, Beijing\"}", "\"116.3,40.0\"" },
		{ FIELD_GROUP, "[{\"id\":\"oc_1\",\"name\":\"Team\",\"avatar_url\":\"\"}]", "[{\"id\":\"oc_1\",\"name\":\"Team\"}]",
		    "[{\"id\":\"oc_1\"}]" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++)
		check_back(t[i].type, t[i].cell, t[i].want, t[i].written);
}

#define OF(type, value) "{\"type\":" type ",\"ui_type\":\"x\",\"value\":" value "}"

static void
computed(void **state)
{
	static const struct { int type; const char *cell, *want; } t[] = {
		{ FIELD_FORMULA, OF("1", "[{\"text\":\"a\",\"type\":\"text\"},{\"text\":\"b\",\"type\":\"text\"}]"), "\"ab\"" },
		{ FIELD_FORMULA, OF("2", "[42]"), "42" },
		{ FIELD_FORMULA, OF("2", "[1,2.50]"), "[1,2.50]" },
		{ FIELD_FORMULA, OF("2", "42"), "42" },
		{ FIELD_FORMULA, OF("5", "[-1]"), "\"1969-12-31T23:59:59.999Z\"" },
		{ FIELD_FORMULA, OF("7", "[true]"), "true" },
		{ FIELD_FORMULA, OF("3", "[\"open\"]"), "\"open\"" },
		{ FIELD_FORMULA, OF("4", "[\"a\",\"b\"]"), "[\"a\",\"b\"]" },
		{ FIELD_FORMULA, OF("11", "[{\"id\":\"ou_1\",\"name\":\"Li\",\"avatar_url\":\"\"}]"), "[{\"id\":\"ou_1\",\"name\":\"Li\"}]" },
		{ FIELD_FORMULA, OF("15", "[{\"text\":\"t\",\"link\":\"l\"}]"), "{\"text\":\"t\",\"link\":\"l\"}" },
		/* errors come as text, whatever the type */
		{ FIELD_FORMULA, OF("2", "[{\"text\":\"#DIV/0!\",\"type\":\"text\"}]"), "\"#DIV/0!\"" },
		{ FIELD_FORMULA, OF("2", "[\"#N/A\"]"), "\"#N/A\"" },
		{ FIELD_FORMULA, OF("5", "[\"#VALUE!\"]"), "\"#VALUE!\"" },
		{ FIELD_FORMULA, OF("2", "[null]"), "null" },
		/* older answers are bare */
		{ FIELD_FORMULA, "3.5", "3.5" },
		{ FIELD_FORMULA, "\"x\"", "\"x\"" },
		{ FIELD_FORMULA, "[{\"text\":\"a\",\"type\":\"text\"}]", "\"a\"" },
		{ FIELD_FORMULA, OF("77", "[{\"q\":1}]"), "[{\"q\":1}]" },
		{ FIELD_FORMULA, "{\"type\":\"text\",\"text\":\"t\"}", "\"t\"" },
		{ FIELD_LOOKUP, OF("1", "[{\"text\":\"a\",\"type\":\"text\"},{\"text\":\"b\",\"type\":\"text\"}]"), "[\"a\",\"b\"]" },
		{ FIELD_LOOKUP, OF("2", "[1e15]"), "[1e15]" },
		{ FIELD_LOOKUP, OF("5", "[0,null,1]"), "[\"1970-01-01T00:00:00.000Z\",\"1970-01-01T00:00:00.001Z\"]" },
		{ FIELD_LOOKUP, OF("4", "[[\"a\",\"b\"],[\"c\"]]"), "[\"a\",\"b\",\"c\"]" },
		{ FIELD_LOOKUP, OF("18", "[{\"link_record_ids\":[\"rec1\"]},{\"link_record_ids\":[\"rec2\"]}]"), "[\"rec1\",\"rec2\"]" },
		{ FIELD_LOOKUP, OF("18", "{\"link_record_ids\":[\"rec1\"]}"), "[\"rec1\"]" },
		{ FIELD_CREATED_TIME, "1700000000001", "\"2023-11-14T22:13:20.001Z\"" },
		{ FIELD_MODIFIED_TIME, "1700000000001", "\"2023-11-14T22:13:20.001Z\"" },
		{ FIELD_CREATED_USER, "{\"id\":\"ou_1\",\"name\":\"Li\"}", "[{\"id\":\"ou_1\",\"name\":\"Li\"}]" },
		{ FIELD_MODIFIED_USER, "[{\"name\":\"nobody\"}]", "[{\"name\":\"nobody\"}]" },
		{ FIELD_AUTO_NUMBER, "\"0007\"", "\"0007\"" },
		/* neither type nor value is known */
		{ 3001, "{\"any\": [1.0, \"x\"]}", "{\"any\": [1.0, \"x\"]}" },
		{ 99, "[ ]", "[ ]" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++)
		check(t[i].type, t[i].cell, t[i].want);
}

/* A value of another form than its type's is not lost. */
static void
misfits(void **state)
{
	(void)state;
	check(FIELD_NUMBER, "\"n/a\"", "\"n/a\"");
	check(FIELD_NUMBER, "[{\"text\":\"5 kg\"}]", "\"5 kg\"");
	check(FIELD_DATE, "\"soon\"", "\"soon\"");
	check(FIELD_DATE, "253402300800000", "253402300800000");
	check(FIELD_DATE, "-62135596800001", "-62135596800001");
	check(FIELD_DATE, "1e400", "1e400");
	check(FIELD_SELECT, "[\"a\",\"b\"]", "[\"a\",\"b\"]");
	check(FIELD_URL, "\"https://x\"", "\"https://x\"");
	check(FIELD_URL, "[{\"text\":\"t\",\"link\":\"l\"}]", "\"t\"");
	check(FIELD_URL, "{\"a\":1}", "{\"a\":1}");
	check(FIELD_LOCATION, "\"1,2\"", "\"1,2\"");
	check(FIELD_PHONE, "13800000000", "13800000000");
	check(FIELD_ATTACHMENT, "[{\"name\":\"x\"}]", "[{\"name\":\"x\"}]");
	check(FIELD_LINK, "{\"other\":1}", "[{\"other\":1}]");
	check(FIELD_FORMULA, OF("\"no\"", "[1]"), "[1]");
}

/* Numbers that the service spells with zeros for digits that a double has not, and those that would lose some. */
static void
large_numbers(void **state)
{
	static const struct { const char *number; bool fits; } t[] = {
		{ "9007199254740992", true }, { "9007199254740993", false }, { "9007199254740994", true },
		{ "12345678901234567000", true }, { "12345678901234567168", true }, { "12345678901234567890", false },
		{ "12345678901234560000", true }, { "-12345678901234567000", true }, { "-12345678901234567001", false },
		{ "100000000000000000000", true }, { "100000000000000000001", false }, { "1e30", true },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct span v = line(&in, t[i].number);
		uint64_t cut = 0;
		const char *why;

		buf_clear(&back);
		why = value_put(FIELD_NUMBER, v, 0, &cut, &back);
		if ((why == NULL) != t[i].fits)
			fail_msg("%s: %s", t[i].number, why == NULL ? "taken" : why);
	}
}

/* What a field does not take, by reason; what was appended before stays alone. */
static void
refused(void **state)
{
	static const struct { int type; const char *value, *why; } t[] = {
		{ FIELD_SELECT, "{\"a\":1}", "not an option's name" },
		{ FIELD_SELECT, "[]", "not one option's name" },
		{ FIELD_SELECT, "[\"a\",\"b\"]", "not one option's name" },
		{ FIELD_SELECT, "[\"\"]", "an option's name is empty" },
		{ FIELD_MULTI_SELECT, "[\"a\",\"\"]", "an option's name is empty" },
		{ FIELD_MULTI_SELECT, "[\"a\",[\"b\"]]", "not an option's name" },
		{ FIELD_MULTI_SELECT, "[\"a\",null]", "not an option's name" },
		{ FIELD_USER, "[\"ou_1\",\"\"]", "not an id" },
		{ FIELD_USER, "{\"id\":7}", "not an id" },
		{ FIELD_GROUP, "7", "not an id" },
		{ FIELD_ATTACHMENT, "[{\"file_token\":\"\"}]", "not an id" },
		{ FIELD_LINK, "{\"link_record_ids\":[\"rec1\",7]}", "not a record id" },
		{ FIELD_DUPLEX_LINK, "[\"\"]", "not a record id" },
		{ FIELD_URL, "7", "not a link" },
		{ FIELD_URL, "[\"https://x\"]", "not a link" },
		{ FIELD_URL, "{\"text\":\"x\"}", "not a link: it has no \"link\"" },
		{ FIELD_PHONE, "{\"a\":1}", "not a phone number" },
		{ FIELD_PHONE, "true", "not a phone number" },
		{ FIELD_PHONE, "\"1-2\"", "not a phone number: only digits, with a '+' before them" },
		{ FIELD_PHONE, "\"1+2\"", "not a phone number: only digits, with a '+' before them" },
		{ FIELD_PHONE, "-12", "not a phone number: only digits, with a '+' before them" },
		{ FIELD_PHONE, "\"12345678901234567890123456789012345678901234567890123456789012345\"", "not a phone number: longer than 64" },
		{ FIELD_LOCATION, "\"here\"", "not a location (\"longitude,latitude\")" },
		{ FIELD_LOCATION, "[1,2]", "not a location (\"longitude,latitude\")" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		uint64_t cut = 0;
		const char *why;

		buf_clear(&back);
		buf_adds(&back, "kept");
		why = value_put(t[i].type, line(&in, t[i].value), 0, &cut, &back);
		if (why == NULL || strcmp(why, t[i].why) != 0)
			fail_msg("type %d: %s: %s", t[i].type, t[i].value, why == NULL ? "taken" : why);
		check_text(back.p, back.len, "kept");
	}
}

static void
taken(void **state)
{
	static const struct { int type; const char *value, *want; } t[] = {
		{ FIELD_SELECT, "\"\"", "null" }, { FIELD_SELECT, "7", "\"7\"" }, { FIELD_SELECT, "true", "\"true\"" },
		{ FIELD_SELECT, "[\"a\"]", "\"a\"" },
		{ FIELD_MULTI_SELECT, "\"\"", "[]" }, { FIELD_MULTI_SELECT, "\"a\"", "[\"a\"]" },
		{ FIELD_MULTI_SELECT, "[\"a\",\"b\",\"a\"]", "[\"a\",\"b\"]" },
		{ FIELD_USER, "[{\"name\":\"no id\"}]", "[{\"name\":\"no id\"}]" },	/* the service says what is wrong with it */
		{ FIELD_LINK, "\"rec1\"", "[\"rec1\"]" }, { FIELD_URL, "\"\"", "null" },
		{ FIELD_PHONE, "12", "\"12\"" }, { FIELD_PHONE, "\"+1234567890123456789012345678901234567890123456789012345678901234\"", NULL },
		{ FIELD_PHONE, "\"1234567890123456789012345678901234567890123456789012345678901234\"",
		    "\"1234567890123456789012345678901234567890123456789012345678901234\"" },
		{ FIELD_LOCATION, "{\"location\":\"1,2\",\"name\":\"x\"}", "\"1,2\"" },
		{ 9999, "{\"new\":[1]}", "{\"new\":[1]}" }, { FIELD_PHONE, "null", "null" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		uint64_t cut = 0;
		const char *why;

		buf_clear(&back);
		why = value_put(t[i].type, line(&in, t[i].value), 0, &cut, &back);
		if ((why == NULL) != (t[i].want != NULL))
			fail_msg("type %d: %s: %s", t[i].type, t[i].value, why == NULL ? "taken" : why);
		if (why == NULL)
			check_text(back.p, back.len, t[i].want);
	}
}

/* The text by which a cell of a search is compared. */
static void
cell_texts(void **state)
{
	static const char *const t[][2] = {
		{ "\"a\\n\"", "a\n" }, { "[{\"text\":\"a\"},{\"text\":\"b\"}]", "ab" }, { "[\"a\",1]", "a1" }, { "{\"text\":\"a\",\"link\":\"b\"}", "a" },
		{ "{\"link\":\"b\"}", "" }, { "1.0", "1" }, { "1", "1" }, { "1e3", "1000" }, { "true", "true" }, { "null", "" }, { "[]", "" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		buf_clear(&back);
		value_cell_text(line(&in, t[i][0]), &back);
		assert_string_equal(buf_str(&back), t[i][1]);
	}
}

static void
read_only(void **state)
{
	static const int no[] = { FIELD_LOOKUP, FIELD_FORMULA, FIELD_BUTTON, 1001, 1002, 1003, 1004, 1005 };
	static const int yes[] = { 1, 2, 3, 4, 5, 7, 11, 13, 15, 17, 18, 21, 22, 23, 1000, 1006 };

	(void)state;
	for (size_t i = 0; i < N_OF(no); i++)
		assert_true(field_read_only(no[i]));
	for (size_t i = 0; i < N_OF(yes); i++)
		assert_false(field_read_only(yes[i]));
}

static int
done(void **state)
{
	(void)state;
	buf_free(&in);
	buf_free(&out);
	buf_free(&back);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty), cmocka_unit_test(writable), cmocka_unit_test(computed), cmocka_unit_test(misfits),
		cmocka_unit_test(large_numbers), cmocka_unit_test(refused), cmocka_unit_test(taken), cmocka_unit_test(cell_texts),
		cmocka_unit_test(read_only),
	};

	return cmocka_run_group_tests_name("cell", tests, NULL, done);
}
