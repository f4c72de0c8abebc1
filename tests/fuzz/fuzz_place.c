/*
 * fuzz_place - where the recorder puts a record: any session has a folder of its own in the tree, and any name of a file that is one of
 * ours is the name that we would give it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "recorder/record.h"

#define MOST_NAME 255	/* bytes of a name in a folder */

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scan scan;

static int
digit(char c)
{
	const char *digits = "0123456789ABCDEF", *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* The name says which session it was, unless it had to be cut. */
static void
check_session(struct span id)
{
	struct buf name = { 0 }, back = { 0 };
	const char *p, *end;

	tree_session_name(id, &name);
	must(strlen(buf_str(&name)) == name.len && name.len < MOST_NAME && strchr(name.p, '/') == NULL);
	must(strcmp(name.p, ".") != 0 && strcmp(name.p, "..") != 0);
	must(strncmp(name.p, "session_", 8) == 0);
	p = name.p + 8;
	if (strstr(p, "%~") == NULL) {
		for (end = name.p + name.len; p < end; p++) {
			if (*p == '%') {
				must(end - p > 2 && digit(p[1]) >= 0 && digit(p[2]) >= 0);
				buf_addc(&back, (char)(digit(p[1]) << 4 | digit(p[2])));
				p += 2;
			} else {
				buf_addc(&back, *p);
			}
		}
		must(back.len == id.len && (id.len == 0 || memcmp(back.p, id.p, id.len) == 0));
	}
	buf_free(&name);
	buf_free(&back);
}

static void
check_name(const char *name)
{
	struct tree_part p;
	struct buf path = { 0 };

	if (!tree_parse_archived(name, &p))
		return;
	must(tree_is_day(p.day, strlen(p.day)) && p.stamp[0] != '\0' && p.archived);
	tree_part_path(&p, &path);
	must(strncmp(buf_str(&path), TREE_ARCHIVE "/", sizeof TREE_ARCHIVE) == 0 && strcmp(path.p + sizeof TREE_ARCHIVE, name) == 0);
	free(p.session);
	buf_free(&path);
}

static void
check_record(struct buf *line)
{
	struct buf scratch = { 0 };
	struct rec r;

	buf_pad(line);
	if (scan_utf8(line->p, line->len) != NULL || scan_record(&scan, line->p) != line->p + line->len)
		return;
	(void)rec_read(&r, &scan, &scratch);
	must(r.day[0] == '\0' || tree_is_day(r.day, strlen(r.day)));
	if (r.session.p != NULL)
		check_session(rec_session_text(&r, &scratch));
	buf_free(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf line = { 0 };

	buf_add(&line, data, size);
	check_name(buf_str(&line));
	check_session((struct span){ size == 0 ? "" : (const char *)data, size });
	check_record(&line);
	buf_free(&line);
	return 0;
}
