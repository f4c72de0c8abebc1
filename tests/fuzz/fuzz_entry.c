/*
 * fuzz_entry - any record as an entry of the operation log: it is refused with a word, or what log-check writes is taken again, and stays
 * as it is.
 */
#define main log_check_main
int	log_check_main(int argc, char *argv[]);
#include "fuzz.h"
#include "log-check.c"
#undef main

#include <stdint.h>
#include <stdlib.h>

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Scan the line, which has its newline.  False: it is no record. */
static bool
read_line(struct buf *line, struct scan *scan, struct record *r)
{
	const char *from, *to;

	buf_pad(line);
	if (line->len == 0 || scan_utf8(line->p, line->len) != NULL || scan_record(scan, line->p) != line->p + line->len - 1)
		return false;
	from = line->p + strspn(line->p, " \t\r");
	to = line->p + line->len - 1;
	while (to[-1] != '}')
		to--;
	*r = (struct record){ { line->p, line->len }, { from, (size_t)(to - from) }, scan };
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct worker w;
	static struct buf line, once, twice;
	static struct scan scan;
	const char *nl = memchr(data, '\n', size);
	struct record r;
	const char *why;

	if (opts.stamp == NULL) {
		opts.stamp = "began";
		make_stamp(INT64_C(1700000000000));
	}
	buf_clear(&line);
	buf_clear(&once);
	buf_clear(&twice);
	buf_add(&line, data, nl != NULL ? (size_t)(nl - (const char *)data) : size);
	buf_addc(&line, '\n');
	if (!read_line(&line, &scan, &r))
		return 0;
	if ((why = take_entry(NULL, &w, &r, &once)) != NULL) {
		must(*why != '\0' && once.len == 0);
		return 0;
	}
	w.changed = 0;
	must(read_line(&once, &scan, &r) && take_entry(NULL, &w, &r, &twice) == NULL && w.changed == 0);
	must(twice.len == once.len && memcmp(twice.p, once.p, once.len) == 0);
	return 0;
}
