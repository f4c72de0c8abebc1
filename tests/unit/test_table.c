/* google/table.h: names, schemas, layouts. */
#include "unit.h"

#include "base/file.h"
#include "google/table.h"

static void
names(void **state)
{
	static const struct { const char *text, *project, *dataset, *want; } cases[] = {
		{ "p.d.t", "x", "y", "{\"projectId\":\"p\",\"datasetId\":\"d\",\"tableId\":\"t\"}" },
		{ "d.t", "x", "y", "{\"projectId\":\"x\",\"datasetId\":\"d\",\"tableId\":\"t\"}" },
		{ "t", "x", "y", "{\"projectId\":\"x\",\"datasetId\":\"y\",\"tableId\":\"t\"}" },
		{ "t", "x", NULL, NULL },
		{ "p:d.t", "x", NULL, "{\"projectId\":\"p\",\"datasetId\":\"d\",\"tableId\":\"t\"}" },
		{ "example.com:p.d.t", "x", NULL, "{\"projectId\":\"example.com:p\",\"datasetId\":\"d\",\"tableId\":\"t\"}" },
		{ "example.com:p:d.t", "x", NULL, "{\"projectId\":\"example.com:p\",\"datasetId\":\"d\",\"tableId\":\"t\"}" },
		{ "my-p.d_1.a-b c\xe8\xa1\xa8", "x", NULL, "{\"projectId\":\"my-p\",\"datasetId\":\"d_1\",\"tableId\":\"a-b c\xe8\xa1\xa8\"}" },
		{ "d.t$20240131", "x", NULL, "{\"projectId\":\"x\",\"datasetId\":\"d\",\"tableId\":\"t$20240131\"}" },
		{ "d.t", "not a project", NULL, NULL }, { "t", "x", "not-a-dataset", NULL },
		{ "", "x", "y", NULL }, { ".", "x", "y", NULL }, { "d.", "x", "y", NULL }, { ".t", "x", "y", NULL },
		{ ".d.t", "x", "y", NULL },
		{ ":d.t", "x", "y", NULL }, { "p..t", "x", "y", NULL }, { "p.d:t", "x", "y", NULL }, { "a/b.d.t", "x", "y", NULL },
		{ "d-1.t", "x", "y", NULL },
		{ "d.t$", "x", "y", NULL }, { "d.$1", "x", "y", NULL }, { "d.t$1$2", "x", "y", NULL }, { "d.t*", "x", "y", NULL },
		{ "d.`t`", "x", "y", NULL },
		{ "d.t\n", "x", "y", NULL }, { "d.t\"", "x", "y", NULL }, { "d.\xff", "x", "y", NULL },
		{ "d.t?", "x", "y", NULL }, { "d.t\x7f", "x", "y", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct buf error = { 0 }, out = { 0 };
		struct table_name n;
		bool good = table_name_parse(&n, cases[i].text, cases[i].project, cases[i].dataset, &error);

		if (good != (cases[i].want != NULL))
			fail_msg("'%s': %s", cases[i].text, good ? "taken" : buf_str(&error));
		assert_true(good == (error.len == 0));
		if (good) {
			table_put_reference(&n, &out);
			assert_string_equal(buf_str(&out), cases[i].want);
			table_name_free(&n);
		}
		buf_free(&error);
		buf_free(&out);
	}
}

static void
long_names(void **state)
{
	char text[1100] = "d.";
	struct table_name n;
	struct buf error = { 0 };

	(void)state;
	memset(text + 2, 'x', 1024);
	assert_true(table_name_parse(&n, text, "p", NULL, &error));
	table_name_free(&n);
	memset(text + 2, 'x', 1025);
	assert_false(table_name_parse(&n, text, "p", NULL, &error));
	buf_free(&error);
}

static void
paths(void **state)
{
	struct table_name n;
	struct buf out = { 0 }, error = { 0 };

	(void)state;
	assert_true(table_name_parse(&n, "example.com:p.d.a b\xe8\xa1\xa8$20240131", NULL, NULL, &error));
	table_put_path(&n, &out);
	assert_string_equal(buf_str(&out), "/projects/example.com%3Ap/datasets/d/tables/a%20b%E8%A1%A8%2420240131");
	table_name_free(&n);
	buf_free(&out);
}

static void
schemas(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "[{\"name\":\"a\",\"type\":\"STRING\"}]", "{\"fields\":[{\"name\":\"a\",\"type\":\"STRING\"}]}" },
		{ "\xef\xbb\xbf {\"fields\": [ {\"type\":\"X\",\r\n\"name\":\"\\u0061\"} ], \"other\": 1}\n",
		  "{\"fields\":[ {\"type\":\"X\",\r \"name\":\"\\u0061\"} ]}" },
		{ "[{\"name\":\"r\",\"type\":\"RECORD\",\"fields\":[{\"name\":\"b\",\"type\":\"T\"}]}]",
		  "{\"fields\":[{\"name\":\"r\",\"type\":\"RECORD\",\"fields\":[{\"name\":\"b\",\"type\":\"T\"}]}]}" },
		{ "[{\"name\":\"r\",\"type\":\"RECORD\",\"fields\":[{\"name\":\"b\"}]}]", NULL },
		{ "[{\"name\":\"r\",\"type\":\"RECORD\",\"fields\":[]}]", NULL }, { "[{\"name\":\"r\",\"type\":\"RECORD\",\"fields\":1}]", NULL },
		{ "[{\"name\":1,\"type\":\"X\"}]", NULL }, { "[{\"name\":\"a\",\"type\":\"\"}]", NULL },
		{ "[null]", NULL }, { "[[]]", NULL }, { "[]", NULL },
		{ "{}", NULL }, { "", NULL }, { "null", NULL }, { "\"a\"", NULL }, { "1", NULL }, { "[", NULL },
		{ "[{\"name\":\"a\",\"type\":\"X\"}]]", NULL },
		{ "[{\"name\":\"a\",\"type\":\"X\"}],\"x\":1", NULL }, { "[{\"name\":\"\xff\",\"type\":\"X\"}]", NULL },
		{ "[{\"name\":\"a\nb\",\"type\":\"X\"}]", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct buf out = { 0 }, error = { 0 };
		bool good;

		assert_int_equal(file_replace("s.json", 0600, cases[i].text, strlen(cases[i].text)), 0);
		good = table_read_schema("s.json", &out, &error);
		if (good != (cases[i].want != NULL))
			fail_msg("'%s': %s", cases[i].text, good ? "taken" : buf_str(&error));
		if (good)
			assert_string_equal(buf_str(&out), cases[i].want);
		else
			assert_true(out.len == 0 && strncmp(buf_str(&error), "s.json: ", 8) == 0);
		buf_free(&out);
		buf_free(&error);
	}
}

static void
deep_schema(void **state)
{
	struct buf text = { 0 }, out = { 0 }, error = { 0 };

	(void)state;
	for (int levels = 15; levels <= 16; levels++) {
		buf_clear(&text);
		for (int i = 1; i < levels; i++)
			buf_adds(&text, i == 1 ? "[{\"name\":\"r\",\"type\":\"RECORD\"" : ",\"fields\":[{\"name\":\"r\",\"type\":\"RECORD\"");
		buf_adds(&text, ",\"fields\":[{\"name\":\"a\",\"type\":\"X\"}]");
		for (int i = 1; i < levels; i++)
			buf_adds(&text, "}]");
		assert_int_equal(file_replace("s.json", 0600, text.p, text.len), 0);
		assert_true(table_read_schema("s.json", &out, &error) == (levels == 15));
	}
	assert_string_equal(buf_str(&error), "s.json: records more than 15 levels deep");
	buf_free(&text);
	buf_free(&out);
	buf_free(&error);
}

static void
layouts(void **state)
{
	static const struct { const char *partition, *cluster, *want; } cases[] = {
		{ NULL, NULL, "" },
		{ "at", NULL, ",\"timePartitioning\":{\"type\":\"DAY\",\"field\":\"at\"}" },
		{ NULL, "a", ",\"clustering\":{\"fields\":[\"a\"]}" },
		{ "a\"b", " a , b,c\xe8\xa1\xa8,\"",
		  ",\"timePartitioning\":{\"type\":\"DAY\",\"field\":\"a\\\"b\"},\"clustering\":{\"fields\":[\"a\",\"b\",\"c\xe8\xa1\xa8\",\"\\\"\"]}" },
		{ "", NULL, NULL }, { NULL, "", NULL }, { NULL, "a,", NULL }, { NULL, ",a", NULL }, { NULL, "a,,b", NULL }, { NULL, " ", NULL },
		{ NULL, "a,b,c,d,e", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct table_layout l = { .partition = cases[i].partition, .cluster = cases[i].cluster };
		struct buf out = { 0 }, error = { 0 };

		assert_true(table_check_layout(&l, &error) == (cases[i].want != NULL));
		assert_true((error.len == 0) == (cases[i].want != NULL));
		if (cases[i].want != NULL) {
			table_put_layout(&l, &out);
			assert_string_equal(buf_str(&out), cases[i].want);
		}
		buf_free(&out);
		buf_free(&error);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names), cmocka_unit_test(long_names), cmocka_unit_test(paths), cmocka_unit_test(schemas),
		cmocka_unit_test(deep_schema), cmocka_unit_test(layouts),
	};

	return cmocka_run_group_tests(tests, enter_dir, leave_dir);
}
