/*
 * fuzz_tree - files of a recorder's tree as a crash or an enemy may leave them: each line that the slow reference takes
 * must be given exactly once, also folded, the others counted, and what is folded must be a record.
 *
 * The input, cut at bytes 0x1e: a part that is compressed here, a live file, the following day's, and the bytes
 * of a .gz file (whose lines nobody can foretell).
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "recorder/merge.h"
#include "recorder/walk.h"
#include "reference.h"
#include "store/gzip.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STAMP "20251207T122408.275173Z"

static const char *const file[] = {
	"archive/2025-12-07_all_interactions_" STAMP ".json.gz", "by_date/2025-12-07_all_interactions.json",
	"by_date/2025-12-08_all_interactions.json", "archive/2025-12-08_all_interactions_" STAMP ".json.gz",
};

struct count {
	uint64_t records, lines;
};

static struct reference ref;
static struct scan scan;
static struct buf merged;
static struct tree tree;
static struct gzip *packer;
static char dir[64];

static void
clean(void)
{
	char command[80];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	if (system(command) != 0)
		abort();
}

static void
begin(void)
{
	/* In memory, where that is to be had. */
	snprintf(dir, sizeof dir, "%s/llmutils-fuzz.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(dir) == NULL || chdir(dir) == -1 || mkdir("archive", 0700) == -1 || mkdir("by_date", 0700) == -1 ||
	    tree_open(&tree, dir, false) == -1)
		abort();
	packer = gzip_new(1);
	atexit(clean);
}

static void
put(const char *path, const void *p, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || io_write(fd, p, len) == -1)
		abort();
	close(fd);
}

static void
put_packed(const char *path, const void *p, size_t len)
{
	size_t half = len / 2, room = gzip_bound(packer, len);
	char *out = malloc(2 * room);
	size_t n = gzip_block(packer, p, half, out);

	n += gzip_block(packer, (const char *)p + half, len - half, out + n);
	put(path, out, n);
	free(out);
}

/* Lines that are records, and all others but empty ones. */
static void
count_lines(const char *p, size_t len, uint64_t *good, uint64_t *bad)
{
	const char *end = p + len, *next;

	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (; p < end; p = next + 1) {
		const char *q = p;

		next = memchr(p, '\n', (size_t)(end - p));
		if (next == NULL)
			next = end;
		while (q < next && (*q == ' ' || *q == '\t' || *q == '\r'))
			q++;
		if (q == next)
			continue;
		if (reference_json(&ref, p, (size_t)(next - p), true) && reference_utf8(p, (size_t)(next - p)) == NULL)
			++*good;
		else
			++*bad;
	}
}

static bool
take(void *ctx, const struct walk_record *r)
{
	struct count *c = ctx;

	c->records++;
	c->lines += r->n;
	for (size_t i = 0; i < r->n; i++)
		if (!reference_json(&ref, r->text[i].p, r->text[i].len, true))
			abort();
	buf_clear(&merged);
	rec_merge(r->text, r->n, &merged);
	if (r->n == 1 && (merged.len != r->text->len || memcmp(merged.p, r->text->p, merged.len) != 0))
		abort();
	buf_pad(&merged);
	if (scan_record(&scan, merged.p) != merged.p + merged.len)
		abort();
	return true;
}

static void
tell(void *ctx, const char *path, uint64_t line, size_t column, const char *reason)
{
	(void)ctx, (void)line, (void)column;
	if (*path == '\0' || *reason == '\0')
		abort();
}

static struct count
walk(bool fold, uint64_t *unreadable)
{
	struct count c = { 0 };
	struct walk w = {
		.tree = &tree, .kind = TREE_BY_DATE, .fold = fold, .texts = true, .jobs = 1, .max_text = fold ? 1 : 0, .ctx = &c,
		.record = take, .bad = tell,
	};
	char *path;

	if (walk_run(&w, &path) == -1)
		abort();
	*unreadable = w.unreadable;
	return c;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	uint64_t good = 0, bad = 0, unreadable, again;
	struct count plain, folded;

	if (packer == NULL)
		begin();
	for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
		const char *cut = i == 3 ? NULL : memchr(p, 0x1e, (size_t)(end - p));
		size_t len = (size_t)((cut != NULL ? cut : end) - p);

		if (i == 0)
			put_packed(file[i], p, len);
		else
			put(file[i], p, len);
		if (i < 3)
			count_lines(p, len, &good, &bad);
		p = cut != NULL ? cut + 1 : end;
		if (i == 3 && len == 0)
			unlink(file[i]);
	}
	plain = walk(false, &unreadable);
	if (plain.records < good || unreadable < bad)
		abort();
	if (access(file[3], F_OK) == -1 && (plain.records != good || unreadable != bad))
		abort();
	folded = walk(true, &again);
	if (folded.lines != plain.records || folded.records > plain.records || again != unreadable)
		abort();
	return 0;
}
