#include "bq-load/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"
#include "ndjson/reader.h"
#include "store/gzip.h"

#define LEVEL		4		/* a tenth larger than by the default, in two thirds of the time */
#define OUT_BYTES	(64u << 10)
#define MOST_JUMPS	4096		/* held in memory */

/* Where a row does not come from the line behind that of the row before. */
struct jump {
	uint64_t at, line;
	size_t	 file;
};

struct spool {
	int	 fd;
	z_stream z;
	bool	 deflating;
	unsigned char *out;
	uint64_t rows, plain;
	int64_t	 size;
	/* The lines. */
	const char **name;		/* of the files, borrowed */
	size_t	 n_names, name_cap;
	uint64_t line;			/* of the row added last */
	struct jump *jump;
	size_t	 n_jumps;		/* in memory; those before are in jump_fd */
	int	 jump_fd;
	uint64_t kept_jumps;
};

struct spool *
spool_new(void)
{
	struct spool *sp = mem_zero(1, sizeof *sp);

	sp->jump_fd = -1;
	if ((sp->fd = file_unnamed()) == -1) {
		free(sp);
		return NULL;
	}
	if (deflateInit2(&sp->z, LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		mem_none();
	sp->deflating = true;
	sp->out = mem_alloc(OUT_BYTES);
	sp->jump = mem_alloc(MOST_JUMPS * sizeof *sp->jump);
	return sp;
}

void
spool_free(struct spool *sp)
{
	if (sp == NULL)
		return;
	if (sp->deflating)
		deflateEnd(&sp->z);
	close(sp->fd);
	if (sp->jump_fd != -1)
		close(sp->jump_fd);
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

int
spool_fd(const struct spool *sp)
{
	return sp->fd;
}

int64_t
spool_size(const struct spool *sp)
{
	return sp->size;
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

static int
deflate_all(struct spool *sp, int flush)
{
	do {
		size_t n;

		sp->z.next_out = sp->out;
		sp->z.avail_out = OUT_BYTES;
		(void)deflate(&sp->z, flush);
		n = OUT_BYTES - sp->z.avail_out;
		if (io_write(sp->fd, sp->out, n) == -1)
			return -1;
		sp->size += (int64_t)n;
	} while (sp->z.avail_out == 0);
	return 0;
}

int
spool_add(struct spool *sp, const char *file, uint64_t line, struct span row)
{
	if (note_line(sp, file, line) == -1)
		return -1;
	for (size_t at = 0, n; at < row.len; at += n) {
		n = row.len - at < 1u << 30 ? row.len - at : 1u << 30;
		sp->z.next_in = (z_const Bytef *)(uintptr_t)(row.p + at);
		sp->z.avail_in = (unsigned)n;
		if (deflate_all(sp, Z_NO_FLUSH) == -1)
			return -1;
	}
	sp->plain += row.len;
	sp->rows++;
	return 0;
}

int
spool_end(struct spool *sp)
{
	sp->z.avail_in = 0;
	if (deflate_all(sp, Z_FINISH) == -1)
		return -1;
	deflateEnd(&sp->z);
	sp->deflating = false;
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
	char *p = (char *)sp->jump;

	for (size_t done = 0, len = (size_t)n * sizeof *sp->jump; done < len;) {
		ssize_t got = pread(sp->jump_fd, p + done, len - done, (off_t)(w->next * sizeof *sp->jump + done));

		if (got == -1 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO;
		if (got <= 0)
			return -1;
		done += (size_t)got;
	}
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

static ssize_t
inflate_some(void *g, void *p, size_t len)
{
	return gunzip_read(g, p, len);
}

int
spool_walk(struct spool *sp, spool_fn *fn, void *arg)
{
	struct walk w = { .sp = sp, .fn = fn, .arg = arg };
	struct gunzip *g;
	struct reader reader;
	struct buf block = { 0 };
	enum read_status st = READ_LINES;
	int end = 0;

	if (lseek(sp->fd, 0, SEEK_SET) == -1)
		return -1;
	if (sp->jump_fd != -1)
		sp->n_jumps = 0;
	g = gunzip_new(sp->fd);
	reader_init_source(&reader, inflate_some, g, SIZE_MAX >> 2);
	while (end == 0 && (st = reader_next(&reader, &block)) == READ_LINES)
		end = walk_block(&w, &block);
	if (end == 0 && st != READ_END)
		end = -1;
	reader_free(&reader);
	gunzip_free(g);
	buf_free(&block);
	return end;
}
