/* fuzz_header - any values as the header of a sheet: every column gets a name in UTF-8 that no other has, and its own if it is the first of it */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "sheet-fetch/keys.c"

#define MOST 64		/* columns */

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct options opts;

/* The array's elements. */
static size_t
split(struct span array, struct span *cell)
{
	struct json_iter it = json_open(array);
	size_t n = 0;

	while (n < MOST && json_next_element(&it, &cell[n]))
		n++;
	return n;
}

static void
check(const struct key *keys, size_t n)
{
	static struct scan scan;
	struct buf object = { 0 };

	for (size_t i = 0; i < n; i++) {
		must(keys[i].len != 0 && scan_utf8(keys[i].name, keys[i].len) == NULL);
		for (size_t j = 0; j < i; j++)
			must(keys[i].len != keys[j].len || memcmp(keys[i].name, keys[j].name, keys[i].len) != 0);
		buf_add(&object, keys[i].text, keys[i].text_len);
		buf_adds(&object, "1");
	}
	if (n != 0) {
		object.p[0] = '{';
		buf_addc(&object, '}');
		buf_pad(&object);
		must(scan_record(&scan, object.p) == object.p + object.len && scan.n == n);
	}
	buf_free(&object);
}

/* A line of JSON, and the names of --dates. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scan scan;
	const char *p = (const char *)data, *nl = memchr(p, '\n', size);
	struct buf line = { 0 }, dates = { 0 };
	struct span cell[MOST];

	buf_add(&line, p, nl != NULL ? (size_t)(nl - p) : size);
	buf_pad(&line);
	if (nl != NULL)
		buf_add(&dates, nl + 1, (size_t)(p + size - nl - 1));
	if (scan_utf8(line.p, line.len) == NULL && scan_value(&scan, line.p) == line.p + line.len && line.p[0] == '[') {
		size_t n = split((struct span){ line.p, line.len }, cell);
		struct key *keys;

		opts.all_sheets = opts.row_numbers = (size & 1) != 0;
		opts.dates = nl != NULL ? buf_str(&dates) : NULL;
		keys = keys_make(cell, n, 1);
		check(keys, n);
		keys_mark_dates(keys, n, 1);
		free(keys_unknown_date());
		keys_free(keys, n);
	}
	buf_free(&line);
	buf_free(&dates);
	return 0;
}
