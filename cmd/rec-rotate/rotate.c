/* rotate.c - large live files become parts in the archive, under the lock that their writers take */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sig.h"
#include "base/when.h"
#include "rec-rotate/rotate.h"
#include "recorder/expire.h"

#define SECOND INT64_C(1000000)		/* in microseconds */

static bool
format_stamp(int64_t us, char out[TREE_STAMP_SIZE])
{
	time_t t = (time_t)(us / SECOND);
	struct tm tm;
	char day[16];
	int n;

	if (gmtime_r(&t, &tm) == NULL || strftime(day, sizeof day, "%Y%m%d", &tm) != 8)
		return false;
	n = snprintf(out, TREE_STAMP_SIZE, "%sT%02d%02d%02d.%06dZ", day, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us % SECOND));
	return n == TREE_STAMP_SIZE - 1;
}

static int64_t
parse_stamp(const char *s)
{
	struct tm tm = { 0 };
	int us = 0;

	if (sscanf(s, "%4d%2d%2dT%2d%2d%2d.%6dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &us) != 7)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return (int64_t)timegm(&tm) * SECOND + us;
}

/*
 * The stamp of a part that is rotated now: later than those of all other parts of the file, also when the clock was set back.
 * False: one of them is at the end of time.
 */
static bool
next_stamp(const struct tree_part *live, const struct tree_parts *archived, char out[TREE_STAMP_SIZE])
{
	int64_t us = when_now_us();

	if (!format_stamp(us, out))
		return false;
	for (size_t i = 0; i < archived->n; i++) {
		const struct tree_part *p = &archived->v[i];

		if (strcmp(p->day, live->day) != 0 || (live->session != NULL && strcmp(p->session, live->session) != 0))
			continue;
		if (strcmp(p->stamp, out) >= 0 && (!format_stamp(parse_stamp(p->stamp) + 1, out) || strcmp(p->stamp, out) >= 0))
			return false;
	}
	return true;
}

/* A line that a crash has torn gets its newline, as writers do it (append.h).  Returns 0, or -1 with errno. */
static int
complete_last_line(int fd, int64_t *size)
{
	char last = '\n';

	if (pread(fd, &last, 1, *size - 1) == -1)
		return -1;
	if (last == '\n')
		return 0;
	(*size)++;
	return io_write(fd, "\n", 1);
}

/* Returns 0, or -1 with errno; EEXIST: something has that name, which cannot be, as we hold the archive's lock. */
static int
move(const struct run *r, const char *path, const char *to)
{
	const char *name, *new = to + sizeof TREE_ARCHIVE;
	struct stat st;
	int dir = tree_open_parent(&r->tree, path, false, &name), n, saved;

	if (dir == -1)
		return -1;
	errno = EEXIST;
	n = fstatat(r->archive, new, &st, AT_SYMLINK_NOFOLLOW) == 0 ? -1 : renameat(dir, name, r->archive, new);
	saved = errno;
	close(dir);
	errno = saved;
	return n;
}

/* Rotate the locked file.  Returns 0, or -1 with errno. */
static int
rotate_locked(const struct run *r, int fd, const char *path, const char *to, int64_t *size)
{
	/* What is renamed is on disk: who wrote it without asking for that may hold it open to sync it later. */
	if (complete_last_line(fd, size) == -1 || fsync(fd) == -1 || move(r, path, to) == -1)
		return -1;
	return tree_sync_dirs(&r->tree, to) == -1 || tree_sync_dirs(&r->tree, path) == -1 ? -1 : 0;
}

/* Is it large?  Asked before the lock, so that small files cost their writers nothing. */
static bool
is_large(struct run *r, const char *path, int64_t *size)
{
	int fd = tree_open_file(&r->tree, path);
	struct stat st;

	if (fd == -1) {
		if (!tree_is_none(errno))
			run_failed(r, path, strerror(errno));
		return false;
	}
	if (fstat(fd, &st) == -1)
		st.st_size = 0;
	close(fd);
	*size = st.st_size;
	return *size > r->max_size;
}

static int
lock_large(struct run *r, const char *path, int64_t *size)
{
	bool created;
	int fd = tree_lock_live(&r->tree, path, false, &created);
	struct stat st;

	if (fd == -1) {
		if (errno != EINTR && !tree_is_none(errno))
			run_failed(r, path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) == -1 || st.st_size <= r->max_size) {	/* rotated, and begun anew */
		close(fd);
		return -1;
	}
	*size = st.st_size;
	return fd;
}

static void
rotate(struct run *r, const char *path, const char *to)
{
	int64_t size;
	int fd = lock_large(r, path, &size), error;

	if (fd == -1)
		return;
	error = rotate_locked(r, fd, path, to, &size) == -1 ? errno : 0;
	close(fd);	/* unlocks: writers that waited find that the name means another file; not to wait for who reads stdout */
	if (error != 0) {
		run_failed(r, path, error == EXDEV ? "the archive is on another file system, where it cannot be moved" : strerror(error));
		return;
	}
	r->rotated++;
	TELL(r, .what = "rotate", .path = path, .to = to, .bytes = size);
}

static void
would_rotate(const struct run *r, const char *path, const char *day, struct buf *to, int64_t size)
{
	char *part = strdup(buf_str(to));
	int64_t age = expire_age(day);

	TELL(r, .what = "rotate", .path = path, .to = part, .bytes = size);
	buf_adds(to, ".gz");
	TELL(r, .what = "compress", .path = part, .to = buf_str(to), .bytes = size);
	if (r->archive_days != 0 && age > r->archive_days)
		TELL(r, .what = "expire", .path = to->p, .bytes = size, .day = day, .age_days = age);
	free(part);
}

static void
rotate_part(struct run *r, const struct tree_part *live, const struct tree_parts *archived)
{
	struct tree_part part = *live;
	struct buf path = { 0 }, to = { 0 };
	int64_t size;

	tree_part_path(live, &path);
	if (!is_large(r, buf_str(&path), &size))
		goto out;
	if (!next_stamp(live, archived, part.stamp)) {
		run_failed(r, buf_str(&path), "a part of it in the archive is from the end of time");
		goto out;
	}
	part.archived = true;
	tree_part_path(&part, &to);
	if (r->dry_run)
		would_rotate(r, buf_str(&path), part.day, &to, size);
	else
		rotate(r, buf_str(&path), buf_str(&to));
out:
	buf_free(&path);
	buf_free(&to);
}

void
rotate_all(struct run *r)
{
	static const enum tree_kind kinds[] = { TREE_BY_DATE, TREE_BY_SESSION, TREE_ERRORS };

	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct tree_parts live = { 0 }, archived = { 0 };

		if (tree_list_live(&r->tree, kinds[k], NULL, &live) == -1)
			run_failed(r, live.failed, strerror(errno));
		if (tree_list_archive(&r->tree, kinds[k], NULL, &archived) == -1)
			run_failed(r, TREE_ARCHIVE, strerror(errno));
		for (size_t i = 0; i < live.n && sig_caught() == 0; i++)
			rotate_part(r, &live.v[i], &archived);
		tree_parts_free(&live);
		tree_parts_free(&archived);
	}
}
