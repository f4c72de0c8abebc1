#include "recorder/part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"
#include "json/splice.h"
#include "ndjson/line.h"
#include "store/gzip.h"

#define GZ_BLOCK	(GZIP_BLOCK + PIECE)	/* of gzip data: a whole member and what was left of the one before, inflated in place */
#define PIECE		(256u << 10)		/* that is looked at at once; it stays in the L2 cache */
#define LARGE		(1 << 20)		/* a file for which mem_large is worth its time */

/* Where a part's bytes come from. */
struct source {
	int	 fd;
	uint64_t left;		/* of a live file */
	struct gunzip *gz;	/* NULL: plain */
};

static ssize_t
source_read(void *ctx, void *p, size_t len)
{
	struct source *s = ctx;
	ssize_t n;

	if (s->gz != NULL)
		return gunzip_read(s->gz, p, len);
	if (len > s->left)
		len = (size_t)s->left;
	n = io_read_file(s->fd, p, len);
	if (n > 0)
		s->left -= (uint64_t)n;
	return n;
}

/*
 * A rotated part may be compressed between the list and now, and is gone when it expired meanwhile: then there is nothing to read.
 * Returns 0, or -1 with errno.
 */
static int
source_open(struct source *s, struct part *p, const struct tree *tree)
{
	*s = (struct source){ .fd = p->fd, .left = UINT64_MAX };
	if (p->fd != -1) {
		s->left = p->size;
		return 0;
	}
	s->fd = tree_open_file(tree, p->path);
	if (s->fd == -1 && errno == ENOENT && !p->name.gz) {
		struct buf path = { 0 };

		p->name.gz = true;
		tree_part_path(&p->name, &path);
		free(p->path);
		p->path = mem_dup(path.p, path.len);
		buf_free(&path);
		s->fd = tree_open_file(tree, p->path);
	}
	if (s->fd == -1)
		return errno == ENOENT ? (s->left = 0, 0) : -1;
	io_tune(s->fd);
	if (p->name.gz)
		s->gz = gunzip_new(s->fd);
	return 0;
}

static void
add_bad(struct part *p, size_t column, const char *reason)
{
	p->unreadable++;
	if (p->n_bad == WALK_TELL)
		return;
	if (strcmp(reason, LINE_TOO_LONG) == 0)		/* readers of a tree have no --max-line */
		reason = "longer than 64 MiB";
	if (p->bad == NULL)
		p->bad = mem_zero(WALK_TELL, sizeof *p->bad);
	p->bad[p->n_bad++] = (struct bad_line){ p->lines, column, mem_dup(reason, strlen(reason)) };
}

static int
put_at(int fd, const char *p, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)at);

		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			p += n, len -= (size_t)n, at += (uint64_t)n;
	}
	return 0;
}

/* Append to the file, which several threads may do at once.  Returns 0, or -1 with errno. */
static int
spill(struct spill *s, const struct buf *block, uint64_t *place)
{
	int fd = atomic_load(&s->fd), none = -1;

	if (fd == -1) {
		if ((fd = file_unnamed()) == -1)
			return -1;
		if (!atomic_compare_exchange_strong(&s->fd, &none, fd)) {
			close(fd);
			fd = none;	/* another thread's */
		}
	}
	*place = atomic_fetch_add(&s->size, block->len);
	return put_at(fd, block->p, block->len, *place);
}

void
spill_close(struct spill *s)
{
	int fd = atomic_exchange(&s->fd, -1);

	if (fd != -1)
		close(fd);
	atomic_store(&s->size, 0);
}

/* Keep the block as the next one; it is taken where it stays in memory, and can be used anew where not.  Returns 0, or -1 with errno. */
static int
keep_block(struct part *p, struct buf *block, struct part_shared *s)
{
	struct text *t = &p->text;
	struct block *b;
	size_t size = block->len + BUF_PAD;

	t->block = mem_grow(t->block, &t->cap, t->n + 1, sizeof *t->block);
	b = &t->block[t->n++];
	*b = (struct block){ .start = t->end };
	t->end += block->len;
	if (atomic_load(&s->used) + size <= (s->walk->max_text != 0 ? s->walk->max_text : WALK_TEXT)) {
		block->p = mem_resize(block->p, block->cap = size, 1);
		atomic_fetch_add(&s->used, block->cap);
		b->text = *block;
		*block = (struct buf){ 0 };
		return 0;
	}
	return spill(p->spill, block, &b->place);
}

/* What a record's line tells, for the walk. */
static void
take(struct part *p, struct part_shared *s, const struct scan *scan, struct span text, uint64_t at, struct buf *scratch)
{
	struct entry *e;
	struct rec r;

	(void)rec_read(&r, scan, scratch);	/* what is odd here is the reader's to judge */
	p->v = mem_grow(p->v, &p->cap, p->n + 1, sizeof *p->v);
	e = &p->v[p->n++];
	*e = (struct entry){
		.line = { .us = r.us, .response_ms = -1, .stage = r.stage, .staged = r.staged, .success = r.success, .failed = r.failed,
		    .error = r.error.p != NULL },
		.part = p, .at = at, .len = (uint32_t)text.len, .whole = text.p[text.len] == '\n', .reached = r.stage,
	};
	if (r.timestamp.p == NULL)
		e->line.us = p->n == 1 ? INT64_MIN : e[-1].line.us;
	if (s->walk->measures)
		e->line.response_ms = rec_response_ms(&r);
	if (s->walk->measures && r.session.p != NULL)
		e->line.session = fingerprint_text(s->seed, rec_session_text(&r, scratch)).a | 1;
	if (s->walk->fold) {
		e->id = rec_key(&r, s->seed, scratch);
		if (r.staged)
			e->call = rec_call(&r, s->seed, scratch);
	}
}

static size_t
max_line(const struct part_shared *s)
{
	return s->walk->max_line != 0 ? s->walk->max_line : WALK_LINE;
}

/*
 * The lines from q, which is that byte of the part's text, to end.  Behind them is no padding but the next lines; at worst that makes them
 * look as if they were no UTF-8, and each is checked by itself.
 */
static void
take_lines(struct part *p, struct part_shared *s, struct scan *scan, const char *q, const char *end, uint64_t at_q, struct buf *scratch)
{
	bool utf8_ok = scan_block(scan, q, (size_t)(end - q));
	const char *from = q;
	struct span line;

	for (; q < end; q = line.p + line.len) {
		const char *at, *reason;

		p->lines++;
		if (line_is_empty(q)) {
			line = (struct span){ q, (size_t)((const char *)memchr(q, '\n', (size_t)(end - q)) + 1 - q) };
			continue;
		}
		reason = line_check(scan, q, end, utf8_ok, max_line(s), &line, &at);
		if (reason != NULL) {
			add_bad(p, at == NULL ? 0 : (size_t)(at - q) + 1, reason);
		} else {
			struct span text = splice_text(q, line.p + line.len - 1);

			take(p, s, scan, text, at_q + (uint64_t)(text.p - from), scratch);
		}
	}
}

/* Whole lines, which begin at that byte of the part's text. */
static void
take_block(struct part *p, struct part_shared *s, struct scan *scan, const struct buf *b, uint64_t start, struct buf *scratch)
{
	const char *end = b->p + b->len, *next;

	for (const char *q = b->p; q < end; q = next) {
		next = (size_t)(end - q) <= PIECE ? end : (const char *)memchr(q + PIECE - 1, '\n', (size_t)(end - q) - PIECE + 1) + 1;
		take_lines(p, s, scan, q, next, start + (uint64_t)(q - b->p), scratch);
	}
}

static void
read_lines(struct part *p, struct part_shared *s, struct source *src)
{
	struct reader r;
	struct scan scan = { 0 };
	struct buf block = { 0 }, scratch = { 0 };
	bool in_long = false;

	reader_init_source(&r, source_read, src, max_line(s));
	if (src->gz != NULL)
		r.block = GZ_BLOCK;
	while (!atomic_load(&s->stop)) {
		enum read_status st = reader_next(&r, &block);

		if (st == READ_LINES) {
			take_block(p, s, &scan, &block, p->text.end, &scratch);
			if (s->walk->texts && keep_block(p, &block, s) == -1) {
				p->error = errno;
				break;
			}
		} else if (st == READ_LONG) {
			p->lines += !in_long;
			if (!in_long)
				add_bad(p, 0, LINE_TOO_LONG);
			in_long = block.p[block.len - 1] != '\n';
		} else if (st == READ_ERROR && errno == EBADMSG && src->gz != NULL) {
			p->lines++;	/* the one that is cut there */
			add_bad(p, 0, gunzip_error(src->gz));
		} else {
			if (st == READ_ERROR)
				add_bad(p, 0, strerror(errno));
			break;
		}
	}
	p->bytes = r.bytes;
	reader_free(&r);
	scan_free(&scan);
	buf_free(&block);
	buf_free(&scratch);
}

void
part_read(struct part *p, struct part_shared *s)
{
	struct source src;
	struct stat st;

	if (source_open(&src, p, s->walk->tree) == -1) {
		add_bad(p, 0, strerror(errno));
		return;
	}
	if (src.fd != -1 && fstat(src.fd, &st) == 0 && st.st_size >= LARGE)
		mem_large();
	if (src.left != 0)
		read_lines(p, s, &src);
	gunzip_free(src.gz);
	if (src.fd != -1 && src.fd != p->fd)
		close(src.fd);
}

const char *
part_text(const struct entry *e, struct buf *scratch)
{
	const struct text *t = &e->part->text;
	size_t low = 0, high = t->n;
	const struct block *b;
	uint64_t from;
	char *to;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (t->block[mid].start <= e->at)
			low = mid;
		else
			high = mid;
	}
	b = &t->block[low];
	from = e->at - b->start;
	if (b->text.p != NULL)
		return b->text.p + from;
	buf_clear(scratch);
	to = buf_reserve(scratch, e->len);
	while (scratch->len < e->len) {
		ssize_t n = pread(atomic_load(&e->part->spill->fd), to + scratch->len, e->len - scratch->len,
		    (off_t)(b->place + from + scratch->len));

		if (n == 0)
			errno = EIO;
		if (n == 0 || (n == -1 && errno != EINTR))
			return NULL;
		if (n > 0)
			scratch->len += (size_t)n;
	}
	buf_pad(scratch);
	return scratch->p;
}

void
part_free(struct part *p, struct part_shared *s)
{
	for (size_t i = 0; i < p->text.n; i++) {
		struct buf *text = &p->text.block[i].text;

		if (text->p != NULL)
			atomic_fetch_sub(&s->used, text->cap);
		buf_free(text);
	}
	for (size_t i = 0; i < p->n_bad; i++)
		free(p->bad[i].reason);
	if (p->fd != -1)
		close(p->fd);
	free(p->text.block);
	free(p->bad);
	free(p->v);
	free(p->path);
}
