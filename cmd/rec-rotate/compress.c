/*
 * compress.c - the archive's files as they were rotated, each replaced by its gzip file: written beside it, synced, read
 * back and compared, renamed, and only then is the original removed.  A kill at any instant leaves the original, or both, or
 * the gzip file; the next run goes on from there.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/sig.h"
#include "rotate.h"
#include "store/gzip.h"

#define TEMP		".compress.tmp"	/* one for all: there is one rec-rotate at a time */
#define TEMP_PATH	TREE_ARCHIVE "/" TEMP
#define PIECE		(256u << 10)

struct progress {
	uint64_t files, done, total;
};

struct one {
	char	*path, *gz_path;	/* in the tree; owned */
	const char *name, *gz_name;	/* the same in the archive */
	int	 fd;
	struct stat st;
};

static bool
is_there(const struct run *r, const char *name)
{
	struct stat st;

	return r->archive != -1 && fstatat(r->archive, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void
discard_leftover(struct run *r)
{
	struct stat st;

	if (r->archive == -1 || fstatat(r->archive, TEMP, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode))
		return;
	if (!r->dry_run && unlinkat(r->archive, TEMP, 0) == -1)
		run_failed(r, TEMP_PATH, strerror(errno));
	else
		TELL(r, .what = "discard", .path = TEMP_PATH, .bytes = st.st_size);
}

/* A NULL why: errno. */
static bool
failed(struct run *r, const char *path, const char *why)
{
	run_failed(r, path, why != NULL ? why : strerror(errno));
	return false;
}

/* Open a part; false: it is none, or that failed. */
static bool
open_one(struct run *r, const struct tree_part *part, struct one *o)
{
	struct buf b = { 0 };

	tree_part_path(part, &b);
	o->path = mem_dup(b.p, b.len);
	buf_adds(&b, ".gz");
	o->gz_path = mem_dup(b.p, b.len);
	buf_free(&b);
	o->name = o->path + sizeof TREE_ARCHIVE;
	o->gz_name = o->gz_path + sizeof TREE_ARCHIVE;
	o->fd = tree_open_file(&r->tree, o->path);
	if (o->fd == -1)
		return !tree_is_none(errno) && failed(r, o->path, NULL);
	return fstat(o->fd, &o->st) == 0 || failed(r, o->path, NULL);
}

static void
close_one(struct one *o)
{
	if (o->fd != -1)
		close(o->fd);
	free(o->path);
	free(o->gz_path);
}

static void
tell_compressed(struct run *r, const struct one *o, int64_t size)
{
	TELL(r, .what = "compress", .path = o->path, .to = o->gz_path, .bytes = o->st.st_size, .compressed_bytes = size);
	r->compressed++;
	r->bytes += (uint64_t)o->st.st_size;
	r->compressed_bytes += (uint64_t)size;
}

/* The gzip file is in place under its name: let go of the original. */
static bool
remove_original(struct run *r, const struct one *o)
{
	if (tree_sync_dirs(&r->tree, o->gz_path) == -1)
		return failed(r, TREE_ARCHIVE, NULL);
	if (unlinkat(r->archive, o->name, 0) == -1)
		return failed(r, o->path, NULL);
	return tree_sync_dirs(&r->tree, o->path) == 0 || failed(r, TREE_ARCHIVE, NULL);
}

/* ---- both forms stand there ---- */

static bool
read_both(int fd, struct gunzip *g, char *a, char *b)
{
	for (;;) {
		ssize_t n = io_read_file(fd, a, PIECE);
		size_t have = 0;

		while (n > 0 && have < (size_t)n) {
			ssize_t m = gunzip_read(g, b + have, (size_t)n - have);

			if (m <= 0)
				return false;
			have += (size_t)m;
		}
		if (n > 0 && memcmp(a, b, have) != 0)
			return false;
		if (n <= 0)
			return n == 0 && gunzip_read(g, b, 1) == 0;
	}
}

static bool
holds_same(int fd, int gz)
{
	struct gunzip *g = gunzip_new(gz);
	char *a = mem_alloc(PIECE), *b = mem_alloc(PIECE);
	bool same = read_both(fd, g, a, b);

	free(a);
	free(b);
	gunzip_free(g);
	return same;
}

/* Killed between the two last steps; or somebody else's gzip was interrupted, whose file need not be complete. */
static void
finish(struct run *r, const struct one *o)
{
	int gz = tree_open_file(&r->tree, o->gz_path);
	struct stat st;

	if (gz == -1 || fstat(gz, &st) == -1)
		failed(r, o->gz_path, NULL);
	else if (!holds_same(o->fd, gz))
		failed(r, o->gz_path, "it does not hold what the file without .gz does; remove the one that is wrong");
	else if (r->dry_run || remove_original(r, o))
		tell_compressed(r, o, st.st_size);
	if (gz != -1)
		close(gz);
}

/* ---- one form ---- */

static void
show(void *ctx, uint64_t bytes)
{
	struct progress *p = ctx;

	p->done += bytes;
	progress_show(p->files, p->done, p->total);
}

/* Nobody writes to a rotated file; if somebody did, what was compressed is not all of it. */
static bool
is_unchanged(const struct one *o)
{
	struct stat st;

	return fstat(o->fd, &st) == 0 && st.st_size == o->st.st_size && st.st_mtim.tv_sec == o->st.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == o->st.st_mtim.tv_nsec;
}

/* Fill the new file and give it its name. */
static bool
make_gz(struct run *r, const struct one *o, int fd, struct progress *p)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, o->st.st_mtim };
	const char *why = NULL;

	if (pack(o->fd, (uint64_t)o->st.st_size, fd, r->jobs, show, p, &why) == -1)
		return errno != EINTR && failed(r, o->path, why);
	if (!is_unchanged(o))
		return failed(r, o->path, "it was written to meanwhile");
	if (futimens(fd, times) == -1 || fsync(fd) == -1)
		return failed(r, TEMP_PATH, NULL);
	return renameat(r->archive, TEMP, r->archive, o->gz_name) == 0 || failed(r, o->gz_path, NULL);
}

static void
compress(struct run *r, const struct one *o, struct progress *p)
{
	int fd = openat(r->archive, TEMP, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, TREE_FILE_MODE);
	struct stat st = { 0 };

	if (fd == -1) {
		failed(r, TEMP_PATH, NULL);
		return;
	}
	if (!make_gz(r, o, fd, p))
		unlinkat(r->archive, TEMP, 0);
	else if (remove_original(r, o) && fstat(fd, &st) == 0)
		tell_compressed(r, o, st.st_size);
	close(fd);
}

static void
compress_part(struct run *r, const struct tree_part *part, struct progress *p)
{
	struct one o = { .fd = -1 };

	if (open_one(r, part, &o)) {
		if (is_there(r, o.gz_name))
			finish(r, &o);
		else if (r->dry_run)
			TELL(r, .what = "compress", .path = o.path, .to = o.gz_path, .bytes = o.st.st_size);
		else
			compress(r, &o, p);
	}
	p->files++;
	close_one(&o);
}

/* What all of it comes to, for the bar: each byte is compressed and compared. */
static uint64_t
total_bytes(const struct run *r, const struct tree_parts *l)
{
	struct buf path = { 0 };
	uint64_t total = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct stat st;

		if (l->v[i].gz)
			continue;
		buf_clear(&path);
		tree_part_path(&l->v[i], &path);
		if (fstatat(r->archive, buf_str(&path) + sizeof TREE_ARCHIVE, &st, AT_SYMLINK_NOFOLLOW) == 0)
			total += 2 * (uint64_t)st.st_size;
	}
	buf_free(&path);
	return total;
}

void
compress_all(struct run *r)
{
	struct tree_parts l = { 0 };
	struct progress p = { 0 };

	run_list_archive(r, &l);
	p.total = total_bytes(r, &l);
	progress_start((enum progress_when)r->progress, "files");
	for (size_t i = 0; i < l.n && sig_caught() == 0; i++)
		if (!l.v[i].gz)
			compress_part(r, &l.v[i], &p);
	progress_clear();
	tree_parts_free(&l);
}
