/*
 * fuzz_scan - the JSON scanner against the reference, on each of its paths; then
 * the iterators over what is valid, and strings there and back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "json/str.h"
#include "reference.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scan scan, portable;
static struct reference ref;
static struct buf line, text, again;

static bool
same(struct span a, struct span b)
{
	return a.p == b.p && a.len == b.len;
}

/* Every string must survive decode, encode, decode. */
static void
there_and_back(struct span raw)
{
	buf_clear(&text);
	json_decode(raw, &text);
	must(scan_utf8(text.p, text.len) == NULL);
	must(json_spells(raw, text.p, text.len));
	buf_clear(&again);
	json_encode(text.p, text.len, &again);
	buf_pad(&again);
	must(scan_value(&portable, again.p) == again.p + again.len);
	size_t from = text.len;
	json_decode((struct span){ again.p + 1, again.len - 2 }, &text);
	must(text.len == 2 * from && memcmp(text.p, text.p + from, from) == 0);
}

/* The iterators must visit spans that are values themselves, and end where the container does. */
static void
visit(struct span v, int depth)
{
	struct json_iter it = json_open(v);
	struct member m;
	struct span e;

	must(v.len != 0 && json_skip(v.p) == v.p + v.len);
	if (json_is_string(v))
		there_and_back(json_inside(v));
	if (depth == 4)
		return;
	if (v.p[0] == '[')
		while (json_next_element(&it, &e))
			visit(e, depth + 1);
	if (v.p[0] == '{')
		while (json_next_member(&it, &m)) {
			there_and_back(m.key);
			visit(m.val, depth + 1);
		}
}

/* path: the machine's i-th.  block: the record's block is looked at first. */
static void
compare(size_t path, const char *p, size_t len, bool record, bool block)
{
	bool valid = reference_json(&ref, p, len, record);
	const char *end, *end_portable;

	scan_force(path);
	if (block)
		must(scan_block(&scan, p, len + 1) == (reference_utf8(p, len) == NULL));
	else
		scan.stops.end = scan.stops.from;	/* other bytes may have stood there */
	end = record ? scan_record(&scan, p) : scan_value(&scan, p);
	scan_force_portable(true);
	end_portable = record ? scan_record(&portable, p) : scan_value(&portable, p);
	scan_force_portable(false);
	must(end == end_portable && end == (valid ? p + len : NULL));
	if (!valid) {
		must(scan.error != NULL && scan.error == portable.error && scan.at == portable.at);
		must(scan.at >= p && scan.at <= p + len);
		return;
	}
	must(scan.n == portable.n && scan.n == ref.n);
	for (size_t i = 0; i < scan.n; i++) {
		must(same(scan.m[i].key, portable.m[i].key) && same(scan.m[i].val, portable.m[i].val));
		must(same(scan.m[i].key, ref.m[i].key) && same(scan.m[i].val, ref.m[i].val));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *nl = memchr(data, '\n', size), *bad = reference_utf8(p, size);
	size_t len = nl != NULL ? (size_t)(nl - p) : size;

	must(scan_utf8(p, size) == bad);
	scan_force_portable(true);
	must(scan_utf8(p, size) == bad);
	scan_force_portable(false);
	buf_clear(&line);
	buf_add(&line, p, len);
	buf_pad(&line);
	for (size_t i = 0; scan_force(i); i++) {
		compare(i, line.p, len, true, true);
		compare(i, line.p, len, true, false);
		compare(i, line.p, len, false, false);
	}
	if (scan.error == NULL && scan_utf8(line.p, len) == NULL) {
		const char *from = line.p, *end = line.p + len;

		while (*from == ' ' || *from == '\t' || *from == '\r')
			from++;
		while (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')
			end--;
		for (int slow = 0; slow < 2; slow++) {
			scan_force_portable(slow);
			visit((struct span){ from, (size_t)(end - from) }, 0);
		}
		scan_force_portable(false);
	}
	/* Any bytes become a string. */
	buf_clear(&again);
	json_encode(p, size, &again);
	buf_pad(&again);
	must(scan_value(&scan, again.p) == again.p + again.len && scan_utf8(again.p, again.len) == NULL);
	return 0;
}
