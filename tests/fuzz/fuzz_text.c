/* fuzz_text - what people write: field paths, times, durations. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/when.h"
#include "json/path.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
find(const char *text)
{
	static const char record[] = "{\"a\":{\"b\":[1,[2,{\"c\":null}],\"x\"],\"\":{}},\"odd key\":[[[]]],\"\\u0061b\":\"\"}";
	struct buf line = { 0 };
	struct scan scan = { 0 };
	struct path path;
	const char *error = NULL;
	struct span v;

	if (path_parse(&path, text, &error) == -1) {
		if (error == NULL)
			abort();
		return;
	}
	buf_adds(&line, record);
	buf_pad(&line);
	if (scan_record(&scan, line.p) == NULL)
		abort();
	if (path_find(&path, &scan, &v) && (v.p < line.p || v.p + v.len > line.p + line.len || v.len == 0))
		abort();
	path_free(&path);
	scan_free(&scan);
	buf_free(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_dup((const char *)data, size), out[WHEN_SIZE];
	int64_t ms, back;

	if (when_parse((const char *)data, size, &ms, NULL)) {
		when_format(ms, out);
		/* An offset may move a time beyond the years that can be written. */
		if (ms >= INT64_C(-62135596800000) && ms <= INT64_C(253402300799999) &&
		    (!when_parse(out, strlen(out), &back, NULL) || back != ms))
			abort();
	}
	if (when_parse_duration(text, &ms) && ms < 0)
		abort();
	find(text);
	free(text);
	return 0;
}
