/*
 * fuzz_message - every role's messages on both sides of any object: what comes out
 * must be the inside of a JSON string.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "json/splice.h"
#include "langsmith/message.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scan record, scan;
static struct buf line, text;
static struct message_finder finder;

static void
check_text(void)
{
	buf_addc(&text, '"');
	buf_pad(&text);
	if (text.len == 2 || scan_value(&scan, text.p) != text.p + text.len || scan_utf8(text.p, text.len) != NULL)
		abort();
}

static void
begin(void)
{
	buf_clear(&text);
	buf_addc(&text, '"');
}

static void
extract(struct span object, struct span run_type)
{
	if (!message_list(&finder, &record, object)) {
		begin();
		if (message_field(&finder, run_type, &text))
			check_text();
		return;
	}
	for (size_t i = 0; i < finder.n; i++) {
		begin();
		if (message_text(&finder, i, &text))
			check_text();
		else if (text.len != 1)
			abort();	/* nothing found, nothing written */
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *end;
	struct span object;

	record.map_depth = size % 3 == 0 ? 0 : MESSAGE_DEPTH;
	buf_clear(&line);
	buf_add(&line, data, size);
	buf_pad(&line);
	if (scan_utf8(line.p, line.len) != NULL || (end = scan_record(&record, line.p)) == NULL)
		return 0;
	object = splice_text(line.p, end);
	for (int role = ROLE_USER; role <= ROLE_TOOL; role++)
		for (int outputs = 0; outputs < 2; outputs++) {
			finder.role = (enum message_role)role;
			finder.from_outputs = outputs;
			extract(object, (struct span){ NULL, 0 });
			extract(object, (struct span){ "\"TOOL\"", 6 });
		}
	return 0;
}
