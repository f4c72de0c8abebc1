/* fuzz_split - the splitter must not care where the bytes are cut, and keep its bounds; what is read of a run is a part of it */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "langsmith/ids.h"
#include "langsmith/run.h"
#include "langsmith/split.h"

#define MAX_LINE 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
feed(struct split *s, const char *p, size_t len, size_t step, struct buf *out)
{
	split_reset(s);
	buf_clear(out);
	while (len > 0) {
		size_t n = step < len ? step : len;
		enum split_st e;

		len -= n;
		while ((e = split_feed(s, &p, &n)) == SPLIT_RUN) {
			if (s->line.len > MAX_LINE || s->line.p[0] != '{')
				abort();
			buf_add(out, s->line.p, s->line.len);
			buf_addc(out, s->too_long ? '!' : '|');
		}
		if (e == SPLIT_BAD)
			return false;
		if (n != 0)
			abort();
	}
	return split_end(s);
}

static bool
is_within(struct span part, const struct buf *line)
{
	return part.len == 0 || (part.p > line->p && part.p + part.len < line->p + line->len);
}

static void
check_run(const struct buf *line, struct ids *ids)
{
	static struct scan scan;
	struct run run;
	struct id *id;

	if (scan_utf8(line->p, line->len) != NULL || scan_record(&scan, line->p) == NULL || !run_read(&run, &scan))
		return;
	if (run.id.len == 0 || !is_within(run.id, line) || !is_within(run.inputs_at, line) || !is_within(run.outputs_at, line))
		abort();
	id = ids_add(ids, run.id.p, run.id.len);
	if (id == NULL ? run.id.len < ID_SIZE : ids_find(ids, run.id.p, run.id.len) != id)
		abort();
}

static void
read_runs(const char *p, size_t len)
{
	static struct split s = { .max_line = 1 << 20 };
	struct ids ids = { 0 };

	split_reset(&s);
	while (split_feed(&s, &p, &len) == SPLIT_RUN)
		check_run(&s.line, &ids);
	ids_keep(&ids, true);
	if (ids.n != 0)
		abort();
	ids_free(&ids);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct split s = { .max_line = MAX_LINE };
	static struct buf whole, bytes;
	bool good = feed(&s, (const char *)data, size, size, &whole);

	if (feed(&s, (const char *)data, size, 1, &bytes) != good)
		abort();
	if (whole.len != bytes.len || (whole.len > 0 && memcmp(whole.p, bytes.p, whole.len) != 0))
		abort();
	read_runs((const char *)data, size);
	return 0;
}
