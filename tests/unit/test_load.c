/* google/load.h: what a Job says of its rows, and what it might say. */
#include "unit.h"

#include "google/load.h"

static struct span
put(struct buf *b, const char *text)
{
	put_line(b, text, strlen(text));
	return (struct span){ b->p, b->len };
}

static void
bad_rows(void **state)
{
	static const struct { const char *error; int64_t at; const char *why; } t[] = {
		{ "{\"message\":\"Error while reading data, error message: JSON parsing error in row starting at position 12: No such field: x.\"}", 12,
		    "No such field: x." },
		{ "{\"message\":\"row starting at position 0\"}", 0, "row starting at position 0" },
		{ "{\"message\":\"row starting at position 7:  : \"}", 7, "row starting at position 7:  : " },
		{ "{\"message\":\"row starting at position 9 \\u8cc7\"}", 9, "\xe8\xb3\x87" },
		{ "{\"message\":\"row starting at position 999999999999999999: x\"}", 999999999999999999, "x" },
		{ "{\"message\":\"row starting at position 99999999999999999999: x\"}", -1, "" },
		{ "{\"message\":\"row starting at position -1: x\"}", -1, "" },
		{ "{\"message\":\"row starting at position : x\"}", -1, "" },
		{ "{\"message\":\"row starting at position 1e3: x\"}", -1, "" },
		{ "{\"message\":\"row starting at position \"}", -1, "" },
		{ "{\"message\":\"too many errors\",\"location\":\"12\"}", -1, "" },
		{ "{\"message\":12}", -1, "" },
		{ "{\"message\":[\"row starting at position 1: x\"]}", -1, "" },
		{ "{}", -1, "" },
		{ "[]", -1, "" },
		{ "\"row starting at position 1: x\"", -1, "" },
		{ "null", -1, "" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct buf b = { 0 }, why = { 0 };
		uint64_t at = 77;
		bool found = load_bad_row(put(&b, t[i].error), &at, &why);

		if (found != (t[i].at != -1) || (found && at != (uint64_t)t[i].at))
			fail_msg("%s: %d, %llu", t[i].error, found, (unsigned long long)at);
		assert_string_equal(buf_str(&why), t[i].why);
		buf_free(&b);
		buf_free(&why);
	}
}

static void
jobs(void **state)
{
	static const struct { const char *job, *errors; int64_t rows; } t[] = {
		{ "{\"status\":{\"errors\":[1]},\"statistics\":{\"load\":{\"outputRows\":\"12\"}}}", "[1]", 12 },
		{ "{\"status\":{\"errors\":{}},\"statistics\":{\"load\":{\"outputRows\":12}}}", NULL, -1 },
		{ "{\"status\":[],\"statistics\":{\"load\":{\"outputRows\":\"\"}}}", NULL, -1 },
		{ "{\"status\":{\"errors\":[]},\"statistics\":{\"load\":{\"outputRows\":\"x1\"}}}", "[]", -1 },
		{ "{\"status\":null,\"statistics\":{\"load\":7}}", NULL, -1 },
		{ "{\"statistics\":{}}", NULL, -1 },
		{ "{}", NULL, -1 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct buf b = { 0 };
		struct span job = put(&b, t[i].job), list;
		uint64_t rows;

		assert_int_equal(load_errors(job, &list), t[i].errors != NULL);
		if (t[i].errors != NULL)
			check_text(list.p, list.len, t[i].errors);
		assert_int_equal(load_rows(job, &rows), t[i].rows != -1);
		if (t[i].rows != -1)
			assert_int_equal(rows, t[i].rows);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bad_rows), cmocka_unit_test(jobs) };

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
