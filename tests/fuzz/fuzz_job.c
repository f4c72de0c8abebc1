/*
 * fuzz_job - any object as a load job of BigQuery that has ended: it is done, or there is a word in one line on why not; and what it says
 * of its rows is read from it alone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "google/load.c"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_errors(struct span job)
{
	struct buf why = { 0 };
	struct span list, error;
	struct json_iter it;
	uint64_t at;

	if (!load_errors(job, &list))
		return;
	for (it = json_open(list); json_next_element(&it, &error); ) {
		must(error.p > job.p && error.p + error.len < job.p + job.len);
		buf_clear(&why);
		must(load_bad_row(error, &at, &why) ? why.len != 0 : why.len == 0);
	}
	buf_free(&why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bigquery_reply r = { 0 };
	enum load_outcome outcome;
	uint64_t rows;

	buf_add(&r.body, data, size);
	if (json_scan_answer(&r.body, &r.scan)) {
		r.object = (struct span){ r.body.p, r.body.len };
		(void)load_is_into(r.object, "d", "t");
		(void)load_rows(r.object, &rows);
		(void)load_ended(r.object, &rows);
		check_errors(r.object);
		outcome = judge_end(&r);
		must(outcome == LOAD_DONE || (memchr(buf_str(&r.error), '\n', r.error.len) == NULL && scan_utf8(r.error.p, r.error.len) == NULL));
	}
	bigquery_reply_free(&r);
	return 0;
}
