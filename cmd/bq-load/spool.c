#include "bq-load/spool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/sig.h"
#include "ndjson/reader.h"

#define LEVEL		4		/* a tenth larger than by the default, in two thirds of the time */
#define IN_BYTES	(256u << 10)	/* rows that are written, and compressed, at a time */
#define OUT_BYTES	(64u << 10)
#define MOST_JUMPS	4096		/* held in memory */

/* Where a row does not come from the line behind that of the row before. */
struct jump {
	uint64_t at, line;
	size_t	 file;
};

struct spool {
	int	 fd;			/* the rows as they came */
	struct buf held;		/* rows that are not written yet */
	uint64_t rows, plain;
	/* The lines. */
	const char **name;		/* of the files, borrowed */
	size_t	 n_names, name_cap;
	uint64_t line;			/* of the row added last */
	struct jump *jump;
	size_t	 n_jumps;		/* in memory; those before are in jump_fd */
	int	 jump_fd;
	uint64_t kept_jumps;
	/* Of the thread that compresses. */
	struct pool *pool;
	bool	 alone;			/* there is no thread; it is done at the end */
	z_stream z;
	unsigned char *in, *out;
	int	 gz_fd;
	/* Between the two. */
	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t changed;
	int64_t	 written, size;		/* bytes of the two files */
	bool	 ended, quit;		/* no row comes any more; none is wanted */
	bool	 done;			/* all of them are compressed */
	int	 error;			/* errno of what ended the thread before */
};

/* ---- the file's bytes ---- */

static int
read_at(int fd, void *p, size_t len, int64_t from)
{
	for (size_t n = 0; n < len;) {
		ssize_t got = pread(fd, (char *)p + n, len - n, from + (int64_t)n);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO;
		if (got <= 0)
			return -1;
		n += (size_t)got;
	}
	return 0;
}

/* ---- compressing ---- */

static void
empty_out(struct spool *sp)
{
	sp->z.next_out = sp->out;
	sp->z.avail_out = OUT_BYTES;
}

/* Write only what fills the buffer, and the end: so the writes are the same however the rows come. */
static int
deflate_all(struct spool *sp, int flush, int64_t *size)
{
	bool full;

	do {
		(void)deflate(&sp->z, flush);
		full = sp->z.avail_out == 0;
		if (full || flush == Z_FINISH) {
			size_t n = OUT_BYTES - sp->z.avail_out;

			if (io_write(sp->gz_fd, sp->out, n) == -1)
				return -1;
			*size += (int64_t)n;
			empty_out(sp);
		}
	} while (full);
	return 0;
}

/* What is written of the rows, as it comes. */
static void
compress_rows(void *arg)
{
	struct spool *sp = arg;
	int64_t from = 0, size = 0;
	bool last = false;
	int e = 0;

	pthread_mutex_lock(&sp->lock);
	while (!last && e == 0) {
		size_t n;

		while (sp->written == from && !sp->ended && !sp->quit)
			pthread_cond_wait(&sp->changed, &sp->lock);
		if (sp->quit)
			break;
		n = sp->written - from < IN_BYTES ? (size_t)(sp->written - from) : IN_BYTES;
		last = sp->ended && from + (int64_t)n == sp->written;
		pthread_mutex_unlock(&sp->lock);
		sp->z.next_in = sp->in;
		sp->z.avail_in = (unsigned)n;
		if (read_at(sp->fd, sp->in, n, from) == -1 || deflate_all(sp, last ? Z_FINISH : Z_NO_FLUSH, &size) == -1)
			e = errno;
		from += (int64_t)n;
		pthread_mutex_lock(&sp->lock);
		sp->size = size;
		sp->error = e;
		sp->done = last && e == 0;
		pthread_cond_broadcast(&sp->changed);
	}
	pthread_mutex_unlock(&sp->lock);
}

ssize_t
spool_read(struct spool *sp, int64_t from, void *p, size_t len)
{
	int64_t there;
	bool done;
	int e;

	pthread_mutex_lock(&sp->lock);
	/* Each step of the thread wakes us, so that a signal is not left waiting either. */
	while (sp->size - from < (int64_t)len && !sp->done && sp->error == 0 && sig_caught() == 0)
		pthread_cond_wait(&sp->changed, &sp->lock);
	there = sp->size - from;
	done = sp->done;
	e = sp->error != 0 ? sp->error : EINTR;
	pthread_mutex_unlock(&sp->lock);
	if (there < (int64_t)len && !done) {
		errno = e;
		return -1;
	}
	len = there < (int64_t)len ? (size_t)there : len;
	return read_at(sp->gz_fd, p, len, from) == -1 ? -1 : (ssize_t)len;
}

/* ---- a spool ---- */

struct spool *
spool_new(void)
{
	struct spool *sp = mem_zero(1, sizeof *sp);
	int e;

	sp->jump_fd = -1;
	if (deflateInit2(&sp->z, LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		mem_none();
	sp->in = mem_alloc(IN_BYTES);
	sp->out = mem_alloc(OUT_BYTES);
	empty_out(sp);
	sp->jump = mem_alloc(MOST_JUMPS * sizeof *sp->jump);
	pthread_mutex_init(&sp->lock, NULL);
	pthread_cond_init(&sp->changed, NULL);
	sp->pool = pool_new(1, 1);
	sp->fd = file_unnamed();
	sp->gz_fd = sp->fd != -1 ? file_unnamed() : -1;
	if (sp->gz_fd == -1) {
		e = errno;
		spool_free(sp);
		errno = e;
		return NULL;
	}
	sp->alone = !pool_run(sp->pool, compress_rows, sp);
	return sp;
}

void
spool_free(struct spool *sp)
{
	if (sp == NULL)
		return;
	pthread_mutex_lock(&sp->lock);
	sp->quit = true;
	pthread_cond_broadcast(&sp->changed);
	pthread_mutex_unlock(&sp->lock);
	pool_free(sp->pool);
	pthread_mutex_destroy(&sp->lock);
	pthread_cond_destroy(&sp->changed);
	deflateEnd(&sp->z);
	if (sp->fd != -1)
		close(sp->fd);
	if (sp->gz_fd != -1)
		close(sp->gz_fd);
	if (sp->jump_fd != -1)
		close(sp->jump_fd);
	buf_free(&sp->held);
	free(sp->in);
	free(sp->out);
	free(sp->name);
	free(sp->jump);
	free(sp);
}

uint64_t
spool_rows(const struct spool *sp)
{
	return sp->rows;
}

uint64_t
spool_plain(const struct spool *sp)
{
	return sp->plain;
}

/* ---- writing ---- */

static int
keep_jumps(struct spool *sp)
{
	if (sp->jump_fd == -1 && (sp->jump_fd = file_unnamed()) == -1)
		return -1;
	if (io_write(sp->jump_fd, sp->jump, sp->n_jumps * sizeof *sp->jump) == -1)
		return -1;
	sp->kept_jumps += sp->n_jumps;
	sp->n_jumps = 0;
	return 0;
}

static int
note_line(struct spool *sp, const char *file, uint64_t line)
{
	bool new_file = sp->n_names == 0 || sp->name[sp->n_names - 1] != file;

	if (!new_file && line == sp->line + 1) {
		sp->line = line;
		return 0;
	}
	if (new_file) {
		sp->name = mem_grow(sp->name, &sp->name_cap, sp->n_names + 1, sizeof *sp->name);
		sp->name[sp->n_names++] = file;
	}
	if (sp->n_jumps == MOST_JUMPS && keep_jumps(sp) == -1)
		return -1;
	sp->jump[sp->n_jumps++] = (struct jump){ .at = sp->plain, .line = line, .file = sp->n_names - 1 };
	sp->line = line;
	return 0;
}

/* Rows into the file, for the thread.  What went wrong there is noticed here. */
static int
write_rows(struct spool *sp, const char *p, size_t len, bool last)
{
	int e;

	if (io_write(sp->fd, p, len) == -1)
		return -1;
	pthread_mutex_lock(&sp->lock);
	sp->written += (int64_t)len;
	sp->ended = last;
	e = sp->error;
	pthread_cond_broadcast(&sp->changed);
	pthread_mutex_unlock(&sp->lock);
	errno = e;
	return e != 0 ? -1 : 0;
}

static int
write_held(struct spool *sp, bool last)
{
	int r = write_rows(sp, sp->held.p, sp->held.len, last);

	buf_clear(&sp->held);
	return r;
}

int
spool_add(struct spool *sp, const char *file, uint64_t line, struct span row)
{
	if (note_line(sp, file, line) == -1)
		return -1;
	sp->plain += row.len;
	sp->rows++;
	if (sp->held.len + row.len > IN_BYTES && write_held(sp, false) == -1)
		return -1;
	if (row.len > IN_BYTES)
		return write_rows(sp, row.p, row.len, false);
	buf_add(&sp->held, row.p, row.len);
	return 0;
}

int
spool_end(struct spool *sp)
{
	if (write_held(sp, true) == -1)
		return -1;
	if (sp->alone)
		compress_rows(sp);
	return sp->jump_fd != -1 ? keep_jumps(sp) : 0;
}

/* ---- reading ---- */

struct walk {
	struct spool *sp;
	spool_fn *fn;
	void	*arg;
	uint64_t at, line, next;	/* next: number of the next jump */
	uint64_t first;			/* number of the first one in sp->jump */
	struct jump here;
};

/* The jumps that are in the file come back into memory in turn. */
static int
load_jumps(struct walk *w)
{
	struct spool *sp = w->sp;
	uint64_t n = sp->kept_jumps - w->next < MOST_JUMPS ? sp->kept_jumps - w->next : MOST_JUMPS;

	if (read_at(sp->jump_fd, sp->jump, (size_t)n * sizeof *sp->jump, (int64_t)(w->next * sizeof *sp->jump)) == -1)
		return -1;
	w->first = w->next;
	sp->n_jumps = (size_t)n;
	return 0;
}

static int
find_line(struct walk *w)
{
	struct spool *sp = w->sp;
	uint64_t all = sp->jump_fd != -1 ? sp->kept_jumps : sp->n_jumps;

	w->line++;
	if (w->next == all)
		return 0;
	if (w->next == w->first + sp->n_jumps && load_jumps(w) == -1)
		return -1;
	if (sp->jump[w->next - w->first].at != w->at)
		return 0;
	w->here = sp->jump[w->next++ - w->first];
	w->line = w->here.line;
	return 0;
}

static int
walk_block(struct walk *w, const struct buf *block)
{
	const char *end = block->p + block->len;
	int st = 0;

	for (const char *p = block->p, *next; p < end && st == 0; p = next) {
		next = memchr(p, '\n', (size_t)(end - p));
		next = next == NULL ? end : next + 1;
		if (find_line(w) == -1)
			return -1;
		st = w->fn(w->arg, w->sp->name[w->here.file], w->line, w->at, (struct span){ p, (size_t)(next - p) });
		w->at += (uint64_t)(next - p);
	}
	return st;
}

int
spool_walk(struct spool *sp, spool_fn *fn, void *arg)
{
	struct walk w = { .sp = sp, .fn = fn, .arg = arg };
	struct reader reader;
	struct buf block = { 0 };
	enum read_status st = READ_LINES;
	int end = 0;

	if (lseek(sp->fd, 0, SEEK_SET) == -1)
		return -1;
	if (sp->jump_fd != -1)
		sp->n_jumps = 0;
	reader_init(&reader, sp->fd, SIZE_MAX >> 2);
	while (end == 0 && (st = reader_next(&reader, &block)) == READ_LINES)
		end = walk_block(&w, &block);
	if (end == 0 && st != READ_END)
		end = -1;
	reader_free(&reader);
	buf_free(&block);
	return end;
}
