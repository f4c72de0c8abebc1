/*
 * fuzz_rows - BigQuery's schema and rows, one a line: a row that has the form of the schema becomes a record of valid JSON with all columns,
 * any other leaves nothing behind.  The first line is also a schema file, and the name of a table.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "google/rows.h"
#include "google/table.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scan scan;
static struct buf line, out, error;

/* The line at *pp as a value in line; an empty one where it is none. */
static struct span
next_value(const char **pp, const char *end)
{
	const char *nl = memchr(*pp, '\n', (size_t)(end - *pp)), *p;
	size_t len = (size_t)((nl != NULL ? nl : end) - *pp);

	buf_clear(&line);
	buf_add(&line, *pp, len);
	buf_pad(&line);
	*pp = nl != NULL ? nl + 1 : end;
	if (scan_utf8(line.p, len) != NULL || scan_value(&scan, line.p) != line.p + len)
		return (struct span){ line.p, 0 };
	p = line.p + strspn(line.p, " \t\r");
	return (struct span){ p, (size_t)(json_skip(p) - p) };
}

static void
check_row(const struct columns *c, struct span row)
{
	buf_clear(&out);
	buf_adds(&out, "before");
	if (!columns_put_row(c, row, &out)) {
		must(out.len == 6);
		return;
	}
	buf_pad(&out);
	must(scan_utf8(out.p, out.len) == NULL && scan_record(&scan, out.p + 6) == out.p + out.len && scan.n == c->n);
}

static void
check_name(const char *text)
{
	struct table_name n;
	struct buf path = { 0 };

	buf_clear(&error);
	if (!table_name_parse(&n, text, "project", "dataset", &error)) {
		must(error.len != 0);
		return;
	}
	must(*n.project != '\0' && *n.dataset != '\0' && *n.table != '\0');
	table_put_path(&n, &path);
	must(strpbrk(buf_str(&path), " ?#\r\n") == NULL);
	buf_clear(&path);
	table_put_reference(&n, &path);
	buf_pad(&path);
	must(scan_record(&scan, path.p) == path.p + path.len);
	table_name_free(&n);
	buf_free(&path);
}

static void
check_file(const uint8_t *data, size_t size)
{
	static char path[] = "/tmp/llmutils-fuzz-rows.XXXXXX";
	struct columns c = { 0 };
	int fd;

	if (path[sizeof path - 2] == 'X')
		close(mkstemp(path));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(fd != -1 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	buf_clear(&error);
	buf_clear(&out);
	if (table_read_schema(path, &out, &error)) {
		buf_pad(&out);
		must(scan_record(&scan, out.p) == out.p + out.len && scan_utf8(out.p, out.len) == NULL);
		(void)columns_read(&c, (struct span){ out.p, out.len }, &error);
		columns_free(&c);
	} else {
		must(error.len != 0 && out.len == 0);
	}
	unlink(path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	struct columns c = { 0 };
	struct span schema;
	bool ok;

	check_file(data, size);
	schema = next_value(&p, end);
	buf_clear(&error);
	ok = schema.len != 0 && columns_read(&c, schema, &error);
	must(ok || schema.len == 0 || error.len != 0);
	check_name(buf_str(&line));
	while (ok && p < end) {
		struct span row = next_value(&p, end);

		if (row.len != 0)
			check_row(&c, row);
	}
	columns_free(&c);
	return 0;
}
