#include "recorder/append.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"

void
append_init(struct append *a, const struct tree *tree)
{
	*a = (struct append){ .tree = tree };
	for (size_t i = 0; i < APPEND_FILES; i++)
		a->file[i].fd = -1;
}

static struct append_file *
file_of(struct append *a, const char *path)
{
	struct append_file *f;

	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->file[i].path, path) == 0)
			return &a->file[i];
	if (a->n == APPEND_FILES)
		return NULL;
	f = &a->file[a->n++];
	f->path = mem_dup(path, strlen(path));
	f->n = 0;
	return f;
}

bool
append_to(struct append *a, const char *path, size_t len)
{
	struct append_file *f = file_of(a, path);
	size_t at = a->text.len - len;

	if (f == NULL)
		return false;
	/* Neighbours make one run. */
	if (f->n != 0 && f->run[f->n - 1].at + f->run[f->n - 1].len == at) {
		f->run[f->n - 1].len += len;
		return true;
	}
	f->run = mem_grow(f->run, &f->cap, f->n + 1, sizeof *f->run);
	f->run[f->n++] = (struct append_run){ at, len };
	return true;
}

static int
sync_fd(int fd)
{
	while (fsync(fd) == -1)
		if (errno != EINTR)
			return -1;
	return 0;
}

/* Write all of it: signals and short counts as in base/io.h. */
static int
write_all(int fd, struct iovec *v, size_t n)
{
	while (n > 0) {
		ssize_t done = writev(fd, v, n < IOV_MAX ? (int)n : IOV_MAX);

		if (done == -1 && errno != EINTR)
			return -1;
		if (done == -1)
			continue;
		for (; n > 0 && (size_t)done >= v->iov_len; v++, n--)
			done -= (ssize_t)v->iov_len;
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
	return 0;
}

static int
lock_file(const struct append *a, struct append_file *f)
{
	struct stat st;
	char last = '\n';
	int saved;

	f->fd = tree_lock_live(a->tree, f->path, true, &f->created);
	if (f->fd == -1)
		return -1;
	if (fstat(f->fd, &st) == -1 || (st.st_size != 0 && pread(f->fd, &last, 1, st.st_size - 1) == -1)) {
		saved = errno;
		close(f->fd);
		f->fd = -1;
		errno = saved;
		return -1;
	}
	f->was = (uint64_t)st.st_size;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->torn = last != '\n';
	return 0;
}

static int
write_file(const struct append *a, struct append_file *f)
{
	struct iovec *v = mem_zero(f->n + 1, sizeof *v);
	size_t n = 0;
	int r, saved;
	char newline = '\n';

	if (f->torn)
		v[n++] = (struct iovec){ &newline, 1 };
	for (size_t i = 0; i < f->n; i++)
		v[n++] = (struct iovec){ a->text.p + f->run[i].at, f->run[i].len };
	r = write_all(f->fd, v, n);
	saved = errno;
	free(v);
	errno = saved;
	return r;
}

/*
 * A file that is not new may be another writer's whose folders are not on disk yet, so the folders
 * are synced once for each file that we meet.
 */
static int
sync_file(struct append *a, const struct append_file *f)
{
	struct append_known *known = &a->known[f->ino % APPEND_KNOWN];
	struct statx st;

	if (sync_fd(f->fd) == -1 || statx(f->fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) == -1)
		return -1;
	if ((st.stx_mask & STATX_BTIME) == 0)
		st.stx_btime = (struct statx_timestamp){ 0 };
	if (!f->created && known->ino == f->ino && known->born_s == st.stx_btime.tv_sec && known->born_ns == st.stx_btime.tv_nsec)
		return 0;
	/* A folder that is gone meanwhile held nothing any more. */
	if (tree_sync_dirs(a->tree, f->path) == -1 && errno != ENOENT)
		return -1;
	*known = (struct append_known){ f->ino, st.stx_btime.tv_sec, st.stx_btime.tv_nsec };
	return 0;
}

/* A new file that stayed empty; we hold its lock. */
static void
remove_file(const struct tree *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? NULL : mem_dup(path, (size_t)(slash - path));
	int dir = slash == NULL ? t->fd : tree_open_dir(t, folder, false);

	if (dir != -1)
		unlinkat(dir, slash == NULL ? path : slash + 1, 0);
	if (dir != -1 && slash != NULL)
		close(dir);
	free(folder);
}

static void
cut_back(struct append *a)
{
	int saved = errno;

	for (size_t i = 0; i < a->n; i++) {
		struct append_file *f = &a->file[i];
		struct stat st;

		if (f->fd == -1)
			continue;
		if (f->created)
			remove_file(a->tree, f->path);
		if (fstat(f->fd, &st) == 0 && (uint64_t)st.st_size != f->was)
			while (ftruncate(f->fd, (off_t)f->was) == -1 && errno == EINTR)
				;
		close(f->fd);
		f->fd = -1;
	}
	errno = saved;
}

/* Unlock f and keep it open until append_sync; once for each file, however often it is written to. */
static void
keep_dirty(struct append *a, struct append_file *f)
{
	flock(f->fd, LOCK_UN);
	for (size_t i = 0; i < a->n_dirty; i++) {
		struct append_file *d = &a->dirty[i];

		if (d->ino == f->ino && d->dev == f->dev) {
			d->created |= f->created;
			close(f->fd);
			return;
		}
	}
	a->dirty = mem_grow(a->dirty, &a->dirty_cap, a->n_dirty + 1, sizeof *a->dirty);
	a->dirty[a->n_dirty++] = (struct append_file){
		.path = mem_dup(f->path, strlen(f->path)), .fd = f->fd, .dev = f->dev, .ino = f->ino, .created = f->created,
	};
}

static void
release(struct append *a, enum append_sync sync)
{
	for (size_t i = 0; i < a->n; i++) {
		struct append_file *f = &a->file[i];

		if (sync == APPEND_SYNC_LATER)
			keep_dirty(a, f);
		else
			close(f->fd);
		f->fd = -1;
	}
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct append_file *)a)->path, ((const struct append_file *)b)->path);
}

/* Do it to each file; -1 at the first that fails. */
#define EACH(a, call) \
	for (size_t i = 0; i < (a)->n; i++) { \
		struct append_file *f = &(a)->file[i]; \
		if ((call) == -1) { \
			(a)->failed = f->path; \
			return -1; \
		} \
	}

static int
write_files(struct append *a, bool sync)
{
	EACH(a, lock_file(a, f))
	EACH(a, write_file(a, f))
	if (sync)
		EACH(a, sync_file(a, f))
	return 0;
}

int
append_write(struct append *a, enum append_sync sync)
{
	qsort(a->file, a->n, sizeof *a->file, by_path);
	if (write_files(a, sync == APPEND_SYNC_NOW) == -1) {
		cut_back(a);
		return -1;
	}
	release(a, sync);
	return 0;
}

static void
close_dirty(struct append *a)
{
	for (size_t i = 0; i < a->n_dirty; i++) {
		close(a->dirty[i].fd);
		free(a->dirty[i].path);
	}
	a->n_dirty = 0;
}

int
append_sync(struct append *a)
{
	int r = 0, saved = 0;

	for (size_t i = 0; i < a->n_dirty; i++) {
		struct append_file *d = &a->dirty[i];

		if (sync_file(a, d) == -1 && r == 0) {
			saved = errno;
			r = -1;
			free(a->unsynced);
			a->failed = a->unsynced = mem_dup(d->path, strlen(d->path));
		}
	}
	close_dirty(a);
	errno = saved;
	return r;
}

void
append_clear(struct append *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->file[i].path);
	a->n = 0;
	buf_clear(&a->text);
}

void
append_free(struct append *a)
{
	append_clear(a);
	for (size_t i = 0; i < APPEND_FILES; i++)
		free(a->file[i].run);
	close_dirty(a);
	free(a->dirty);
	free(a->unsynced);
	buf_free(&a->text);
}
