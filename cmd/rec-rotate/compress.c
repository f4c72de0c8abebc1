/*
 * compress.c - the archive's files as they were rotated, each replaced by its gzip file: written beside it, read back and
 * compared, synced, renamed, and only then is the original removed.  A kill at any instant leaves the original, or both, or
 * the gzip file; the next run goes on from there.
 *
 * Threads take block after block, those of the next file when this one has no more: who finishes a file's last block ends the file,
 * and waits for the disk.  So that --jobs of them compress meanwhile there are up to twice as many; what a thread needs to compress is
 * passed on.  What was done is told in the order of files.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/sig.h"
#include "rec-rotate/rotate.h"
#include "store/gzip.h"

#define PIECE		(256u << 10)
#define TEMPS		128	/* twice what --jobs can be: each file in work has one, and a thread at least */
#define TEMP_SIZE	(sizeof TREE_ARCHIVE + sizeof ".compress.000.tmp")

struct file {
	char	*path, *gz_path;	/* in the tree; owned */
	const char *name, *gz_name;	/* the same in the archive */
	int	 fd;
	struct stat st;

	int	 temp, to;		/* which temporary file, and its fd; -1: none */
	char	 temp_path[TEMP_SIZE];
	struct pack pack;
	size_t	 taken, busy;		/* blocks, and those in work */

	bool	 ended;
	const char *failed, *why;	/* NULL: nothing failed */
	bool	 compressed;
	int64_t	 size;			/* of the gzip file */
};

/* A file that is in work is its threads' but for taken and busy. */
struct queue {
	struct run *r;
	struct tree_parts parts;
	pthread_mutex_t lock;		/* for what follows */
	struct file **file;		/* of each part that was begun and not told; owned */
	size_t	 begun, told;		/* parts */
	struct file *current;		/* has blocks to take */
	bool	 temp[TEMPS];		/* in use */
	struct packer **packer;		/* those that no thread has, NULL: to be made; owned */
	size_t	 n_packers;
	pthread_cond_t more;		/* of them, or there is nothing more to do */
	uint64_t files, done, total;	/* for the bar; bytes */
};

/* The path of a temporary file; returns its name in the archive. */
static const char *
temp_name(int i, char path[TEMP_SIZE])
{
	snprintf(path, TEMP_SIZE, i == 0 ? TREE_ARCHIVE "/.compress.tmp" : TREE_ARCHIVE "/.compress.%d.tmp", i);
	return path + sizeof TREE_ARCHIVE;
}

static bool
is_there(const struct run *r, const char *name)
{
	struct stat st;

	return r->archive != -1 && fstatat(r->archive, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
discard(struct run *r, int i)
{
	char path[TEMP_SIZE];
	const char *name = temp_name(i, path);
	struct stat st;

	if (fstatat(r->archive, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode))
		return;
	if (!r->dry_run && unlinkat(r->archive, name, 0) == -1)
		run_failed(r, path, strerror(errno));
	else
		TELL(r, .what = "discard", .path = path, .bytes = st.st_size);
}

void
discard_leftovers(struct run *r)
{
	for (int i = 0; r->archive != -1 && i < TEMPS; i++)
		discard(r, i);
}

/* A NULL why: errno. */
static bool
failed(struct file *f, const char *path, const char *why)
{
	f->failed = path;
	f->why = why != NULL ? why : strerror(errno);
	return false;
}

/* Returns new (free_file). */
static struct file *
new_file(const struct tree_part *part)
{
	struct file *f = mem_zero(1, sizeof *f);
	struct buf b = { 0 };

	tree_part_path(part, &b);
	f->path = mem_dup(b.p, b.len);
	buf_adds(&b, ".gz");
	f->gz_path = mem_dup(b.p, b.len);
	buf_free(&b);
	f->name = f->path + sizeof TREE_ARCHIVE;
	f->gz_name = f->gz_path + sizeof TREE_ARCHIVE;
	f->fd = f->to = f->temp = -1;
	return f;
}

/* False: it is no file of ours, or that failed. */
static bool
open_file(const struct run *r, struct file *f)
{
	f->fd = tree_open_file(&r->tree, f->path);
	if (f->fd == -1)
		return !tree_is_none(errno) && failed(f, f->path, NULL);
	return fstat(f->fd, &f->st) == 0 || failed(f, f->path, NULL);
}

static void
free_file(struct file *f)
{
	free(f->path);
	free(f->gz_path);
	free(f);
}

/* The gzip file is in place under its name: let go of the original. */
static bool
remove_original(const struct run *r, struct file *f)
{
	if (tree_sync_dirs(&r->tree, f->gz_path) == -1)
		return failed(f, TREE_ARCHIVE, NULL);
	if (unlinkat(r->archive, f->name, 0) == -1)
		return failed(f, f->path, NULL);
	return tree_sync_dirs(&r->tree, f->path) == 0 || failed(f, TREE_ARCHIVE, NULL);
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
finish(const struct run *r, struct file *f)
{
	int gz = tree_open_file(&r->tree, f->gz_path);
	struct stat st = { 0 };

	if (gz == -1 || fstat(gz, &st) == -1)
		failed(f, f->gz_path, NULL);
	else if (!holds_same(f->fd, gz))
		failed(f, f->gz_path, "it does not hold what the file without .gz does; remove the one that is wrong");
	else if (r->dry_run || remove_original(r, f))
		f->compressed = true;
	f->size = st.st_size;
	if (gz != -1)
		close(gz);
}

/* ---- one form ---- */

static bool
make_temp(struct queue *q, struct file *f)
{
	const char *name;

	for (f->temp = 0; q->temp[f->temp];)
		f->temp++;
	name = temp_name(f->temp, f->temp_path);
	f->to = openat(q->r->archive, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, TREE_FILE_MODE);
	if (f->to == -1)
		return failed(f, f->temp_path, NULL);
	q->temp[f->temp] = true;
	pack_init(&f->pack, f->fd, (uint64_t)f->st.st_size, f->to);
	return true;
}

/* Nobody writes to a rotated file; if somebody did, what was compressed is not all of it. */
static bool
is_unchanged(const struct file *f)
{
	struct stat st;

	return fstat(f->fd, &st) == 0 && st.st_size == f->st.st_size && st.st_mtim.tv_sec == f->st.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == f->st.st_mtim.tv_nsec;
}

/* Sync the new file and give it its name. */
static bool
name_gz(const struct run *r, struct file *f)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, f->st.st_mtim };

	if (f->pack.error != 0)
		return failed(f, f->path, f->pack.why);
	if (f->taken != f->pack.n)
		return false;		/* a signal came */
	if (!is_unchanged(f))
		return failed(f, f->path, "it was written to meanwhile");
	if (futimens(f->to, times) == -1 || fsync(f->to) == -1)
		return failed(f, f->temp_path, NULL);
	return renameat(r->archive, f->temp_path + sizeof TREE_ARCHIVE, r->archive, f->gz_name) == 0 || failed(f, f->gz_path, NULL);
}

/* All blocks that were taken are done. */
static void
end_temp(const struct run *r, struct file *f)
{
	if (!name_gz(r, f))
		unlinkat(r->archive, f->temp_path + sizeof TREE_ARCHIVE, 0);
	else
		f->compressed = remove_original(r, f);
	f->size = (int64_t)f->pack.end;
	pack_free(&f->pack);
	close(f->to);
}

/* ---- the order of work ---- */

static void
tell(struct run *r, const struct file *f)
{
	if (f->failed != NULL)
		run_failed(r, f->failed, f->why);
	if (!f->compressed)
		return;
	TELL(r, .what = "compress", .path = f->path, .to = f->gz_path, .bytes = f->st.st_size, .compressed_bytes = f->size);
	if (f->size == 0)	/* a dry run */
		return;
	r->compressed++;
	r->bytes += (uint64_t)f->st.st_size;
	r->compressed_bytes += (uint64_t)f->size;
}

/* Tell what was done, but not before all that stands before it. */
static void
tell_ended(struct queue *q)
{
	for (; q->told < q->begun; q->told++) {
		struct file *f = q->file[q->told];

		if (f == NULL)
			continue;
		if (!f->ended)
			break;
		tell(q->r, f);
		free_file(f);
	}
}

static void
end_file(struct queue *q, struct file *f)
{
	if (f->fd != -1)
		close(f->fd);
	if (f->to != -1)
		q->temp[f->temp] = false;
	f->ended = true;
	q->files++;
	tell_ended(q);
}

/* Open the next file; it has blocks to take unless it is dealt with at once. */
static void
begin_file(struct queue *q)
{
	const struct tree_part *part = &q->parts.v[q->begun];
	struct file *f;

	if (part->gz) {
		q->begun++;
		return;
	}
	f = q->file[q->begun++] = new_file(part);
	if (open_file(q->r, f)) {
		if (is_there(q->r, f->gz_name))
			finish(q->r, f);
		else if (q->r->dry_run)
			f->compressed = true;
		else if (make_temp(q, f)) {
			q->current = f;
			return;
		}
	}
	end_file(q, f);
}

/* The next block of a file; NULL: there are no more.  A signal leaves the current file as it is. */
static struct file *
take(struct queue *q, size_t *i)
{
	struct file *f;

	while (q->current == NULL && q->begun < q->parts.n && sig_caught() == 0)
		begin_file(q);
	f = q->current;
	if (f == NULL || sig_caught() != 0)
		return NULL;
	*i = f->taken++;
	f->busy++;
	if (f->taken == f->pack.n)
		q->current = NULL;
	return f;
}

/* The same, with a packer for it. */
static struct file *
wait_and_take(struct queue *q, size_t *i)
{
	while (q->n_packers == 0)
		pthread_cond_wait(&q->more, &q->lock);
	return take(q, i);
}

static void *
work(void *arg)
{
	struct queue *q = arg;
	struct file *f;
	size_t i;

	pthread_mutex_lock(&q->lock);
	while ((f = wait_and_take(q, &i)) != NULL) {
		struct packer *w = q->packer[--q->n_packers];
		bool good;

		pthread_mutex_unlock(&q->lock);
		if (w == NULL)
			w = packer_new();
		good = pack_block(&f->pack, i, w);
		pthread_mutex_lock(&q->lock);
		q->packer[q->n_packers++] = w;
		q->done += pack_len(&f->pack, i);
		progress_show(q->files, q->done, q->total);
		if (!good && q->current == f)
			q->current = NULL;
		if (--f->busy != 0 || q->current == f)
			continue;
		pthread_cond_signal(&q->more);
		pthread_mutex_unlock(&q->lock);
		end_temp(q->r, f);
		pthread_mutex_lock(&q->lock);
		end_file(q, f);
	}
	pthread_cond_signal(&q->more);	/* who wakes finds nothing either, and wakes the next */
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* Sum up what there is to do.  Returns the number of blocks. */
static size_t
count(struct queue *q)
{
	const struct run *r = q->r;
	struct buf path = { 0 };
	size_t blocks = 0;

	for (size_t i = 0; i < q->parts.n; i++) {
		struct stat st;

		if (q->parts.v[i].gz)
			continue;
		buf_clear(&path);
		tree_part_path(&q->parts.v[i], &path);
		if (fstatat(r->archive, buf_str(&path) + sizeof TREE_ARCHIVE, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			q->total += (uint64_t)st.st_size;
			blocks += pack_blocks((uint64_t)st.st_size);
		}
	}
	buf_free(&path);
	return blocks;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* By several threads, the first of which is the one that calls; --jobs 1 is that one alone. */
static void
run_threads(struct queue *q, size_t blocks, size_t jobs)
{
	size_t n = jobs == 1 ? 1 : smaller(2 * jobs, blocks), started = 1;
	pthread_t *thread = mem_zero(n + 1, sizeof *thread);

	q->packer = mem_zero(jobs, sizeof *q->packer);
	q->n_packers = jobs;
	while (started < n && pthread_create(&thread[started], NULL, work, q) == 0)
		started++;
	work(q);
	for (size_t i = 1; i < started; i++)
		pthread_join(thread[i], NULL);
	while (jobs > 0)
		packer_free(q->packer[--jobs]);
	free(q->packer);
	free(thread);
}

void
compress_all(struct run *r)
{
	struct queue q = { .r = r, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

	run_list_archive(r, &q.parts);
	q.file = mem_zero(q.parts.n + 1, sizeof *q.file);
	progress_start((enum progress_when)r->progress, "files", true);
	run_threads(&q, count(&q), (size_t)r->jobs);
	if (q.current != NULL) {
		end_temp(r, q.current);
		end_file(&q, q.current);
	}
	progress_clear();
	pthread_cond_destroy(&q.more);
	pthread_mutex_destroy(&q.lock);
	free(q.file);
	tree_parts_free(&q.parts);
}
