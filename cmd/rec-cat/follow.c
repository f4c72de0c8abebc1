/* follow.c - what is written to the tree, as it is written */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/std.h"
#include "rec-cat/cat.h"
#include "recorder/part.h"

#define POLL_MS 200

/*
 * A day's live file.  As long as it is open nothing else can have its inode, so when the name means another
 * one, or none, it was rotated: it is the first part with a newer stamp.
 */
struct tail {
	char	 day[TREE_DAY_SIZE];
	char	 stamp[TREE_STAMP_SIZE];	/* of the newest part that has been read */
	int	 fd;				/* owned; -1: there is no live file */
	uint64_t at;				/* bytes read */
	bool	 refused;			/* it cannot be opened, which has been told */
};

struct follow {
	struct cat *cat;
	struct tail *tail;	/* owned; in the order of days */
	size_t	 n, cap;
	struct walk walk;	/* how parts are read */
	struct part_shared shared;
	struct spill spill;	/* of the part at hand */
	struct tree_parts archived;	/* as listed last */
	struct tree_watch watch;
	struct buf path;	/* of the file at hand */
	int	 error;		/* errno, of follow_day */
	bool	 temporary;	/* an error is about the temporary file */
};

struct follow *
follow_new(struct cat *c)
{
	struct follow *f = mem_zero(1, sizeof *f);
	struct rlimit files;

	/* Each day's live file stays open. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	f->cat = c;
	f->walk = (struct walk){ .tree = &c->tree, .kind = c->kind, .session = c->session, .texts = true, .jobs = 1 };
	f->shared.walk = &f->walk;
	atomic_init(&f->spill.fd, -1);
	f->shared.seed = keyseed_random();
	return f;
}

void
follow_free(struct follow *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n; i++)
		if (f->tail[i].fd != -1)
			close(f->tail[i].fd);
	free(f->tail);
	tree_parts_free(&f->archived);
	buf_free(&f->path);
	free(f);
}

/* ---- the days ---- */

/* The place of a day among the tails, or where it would stand. */
static size_t
place(const struct follow *f, const char *day)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(f->tail[mid].day, day) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The day's tail; a new one has read nothing.  Valid until the next is made. */
static struct tail *
tail_of(struct follow *f, const char *day)
{
	size_t i = place(f, day);
	struct tail *t;

	if (i < f->n && strcmp(f->tail[i].day, day) == 0)
		return &f->tail[i];
	f->tail = mem_grow(f->tail, &f->cap, f->n + 1, sizeof *f->tail);
	t = &f->tail[i];
	memmove(t + 1, t, (f->n++ - i) * sizeof *t);
	*t = (struct tail){ .fd = -1 };
	memcpy(t->day, day, TREE_DAY_SIZE);
	return t;
}

void
follow_day(struct follow *f, const char *day, const char *stamp, int fd, uint64_t size)
{
	struct tail *t = tail_of(f, day);

	memcpy(t->stamp, stamp, strlen(stamp) + 1);
	t->at = size;
	if (fd != -1 && (t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		f->error = errno;
}

static const char *
live_path(struct follow *f, const char *day)
{
	buf_clear(&f->path);
	tree_live_path(f->cat->kind, f->cat->session, day, &f->path);
	return buf_str(&f->path);
}

/* ---- reading ---- */

/* Newlines in the first size bytes. */
static uint64_t
count_lines(int fd, uint64_t size)
{
	char block[32 << 10];
	uint64_t n = 0, at = 0;
	ssize_t got;

	while (at < size && (got = pread(fd, block, sizeof block, (off_t)at)) > 0)
		for (ssize_t i = 0; i < got && at < size; i++, at++)
			n += block[i] == '\n';
	return n;
}

/* Tell the lines of a part that could not be read. */
static void
tell_bad(struct follow *f, const struct part *p, uint64_t from)
{
	struct cat *c = f->cat;
	uint64_t before = p->n_bad == 0 ? 0 : count_lines(p->fd, from);
	struct buf path = { 0 };

	buf_addf(&path, "%s/%s", c->tree.path, p->path);
	for (size_t i = 0; i < p->n_bad; i++)
		rejects_add(&c->rejects, buf_str(&path), p->bad[i].line == 0 ? 0 : before + p->bad[i].line, p->bad[i].column,
		    p->bad[i].reason, "", 0);
	c->rejects.n += p->unreadable - p->n_bad;
	buf_free(&path);
}

/* Write what is wanted of a part that is read from its byte `from` on.  Frees it.  Returns 0, or -1 with errno. */
static int
put_part(struct follow *f, struct part *p, uint64_t from)
{
	struct cat *c = f->cat;
	struct buf scratch = { 0 };
	int error;

	p->spill = &f->spill;
	part_read(p, &f->shared);
	for (size_t i = 0; p->error == 0 && i < p->n; i++) {
		struct span text = { part_text(&p->v[i], &scratch), p->v[i].len };

		if (text.p == NULL)
			p->error = errno;
		else if (cat_selects(c, text, p->v[i].line.failed))
			cat_put(c, text, false);
	}
	tell_bad(f, p, from);
	c->read += p->lines;
	error = p->error;
	part_free(p, &f->shared);
	spill_close(&f->spill);
	buf_free(&scratch);
	if (error == 0)
		return 0;
	f->temporary = true;
	errno = error;
	return -1;
}

/* The same of the day's live file, up to its byte end. */
static int
put_live(struct follow *f, struct tail *t, uint64_t end)
{
	const char *path = live_path(f, t->day);
	uint64_t from = t->at;
	struct part p = {
		.name = { .kind = f->cat->kind }, .path = mem_dup(path, strlen(path)), .size = end - from,
		.fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 0),
	};

	if (p.fd == -1 || lseek(p.fd, (off_t)from, SEEK_SET) == -1) {
		part_free(&p, &f->shared);
		return -1;
	}
	t->at = end;
	return put_part(f, &p, from);
}

static int
put_rotated(struct follow *f, const struct tree_part *name)
{
	struct part p = { .name = *name, .fd = -1 };

	buf_clear(&f->path);
	tree_part_path(name, &f->path);
	p.path = mem_dup(f->path.p, f->path.len);
	return put_part(f, &p, 0);
}

/*
 * Write the whole lines that came to the live file; all: it grows no more, so what is at its end is all of a line.
 * A writer that cannot write all of a batch takes it back before it lets go of the lock, so tree_live_size does not count it.
 */
static int
put_growth(struct follow *f, struct tail *t, bool all)
{
	struct stat st;
	uint64_t end;

	if (fstat(t->fd, &st) == -1)
		return -1;
	if ((uint64_t)st.st_size <= t->at)
		return 0;
	if (tree_live_size(t->fd, &end) == -1)
		return -1;
	if (!all)
		end = tree_whole_lines(t->fd, end);
	return end <= t->at ? 0 : put_live(f, t, end);
}

/* ---- files that come and go ---- */

static int
list_archive(struct follow *f)
{
	tree_parts_clear(&f->archived);
	return tree_list_archive(&f->cat->tree, f->cat->kind, f->cat->session, &f->archived);
}

/* Returns 0, or -1 with errno.  What is no file of ours (a link, a FIFO) is told once, and as good as missing. */
static int
open_tail(struct follow *f, struct tail *t)
{
	struct buf path = { 0 };

	if (t->fd != -1)
		return 0;
	t->fd = tree_open_file(&f->cat->tree, live_path(f, t->day));
	if (t->fd != -1 || errno == ENOENT) {
		t->refused = false;
		return 0;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return -1;
	if (!t->refused) {
		buf_addf(&path, "%s/%s", f->cat->tree.path, buf_str(&f->path));
		rejects_add(&f->cat->rejects, buf_str(&path), 0, 0, strerror(errno), "", 0);
		buf_free(&path);
	}
	t->refused = true;
	return 0;
}

/* Open the live files of n tails, and list the archive as it was while they were live. */
static int
open_tails(struct follow *f, struct tail *t, size_t n)
{
	const struct tree *tree = &f->cat->tree;
	bool current = false;

	while (!current) {
		for (size_t i = 0; i < n; i++)
			if (open_tail(f, &t[i]) == -1)
				return -1;
		if (list_archive(f) == -1)
			return -1;
		current = true;
		for (size_t i = 0; i < n; i++) {
			if (t[i].refused || tree_is_current(tree, live_path(f, t[i].day), t[i].fd))
				continue;
			if (t[i].fd != -1)
				close(t[i].fd);
			t[i].fd = -1;
			current = false;
		}
	}
	return 0;
}

/* The day's file is another one (or is seen first): write what was rotated since, and go on with the new one. */
static int
turn(struct follow *f, struct tail *t)
{
	bool ours = t->fd != -1;	/* the first part is the file that was followed */

	if (ours)
		close(t->fd);
	t->fd = -1;
	t->at = 0;
	if (open_tails(f, t, 1) == -1)
		return -1;
	for (size_t i = 0; i < f->archived.n; i++) {
		const struct tree_part *p = &f->archived.v[i];

		if (strcmp(p->day, t->day) != 0 || strcmp(p->stamp, t->stamp) <= 0)
			continue;
		memcpy(t->stamp, p->stamp, sizeof t->stamp);
		if (!ours && put_rotated(f, p) == -1)
			return -1;
		ours = false;
	}
	return t->fd == -1 ? 0 : put_growth(f, t, false);
}

static int
look_at_tails(struct follow *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct tail *t = &f->tail[i];
		bool current;

		if (t->fd == -1)
			continue;
		current = tree_is_current(&f->cat->tree, live_path(f, t->day), t->fd);
		if (put_growth(f, t, !current) == -1 || (!current && turn(f, t) == -1))
			return -1;
	}
	return 0;
}

/* New days, and days whose live file was gone. */
static int
look_at_parts(struct follow *f, const struct tree_parts *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct tree_part *p = &l->v[i];
		struct tail *t;

		if (!cat_has_day(f->cat, p->day))
			continue;
		t = tail_of(f, p->day);
		if (t->fd != -1 || (p->archived && strcmp(p->stamp, t->stamp) <= 0))
			continue;
		if (turn(f, t) == -1)
			return -1;
	}
	return 0;
}

static int
look(struct follow *f)
{
	const struct cat *c = f->cat;
	struct tree_parts now = { 0 };
	int r = look_at_tails(f);

	if (r == 0 && (r = tree_list_live(&c->tree, c->kind, c->session, &now)) == 0)
		r = look_at_parts(f, &now);
	tree_parts_clear(&now);
	if (r == 0 && tree_archive_changed(&c->tree, &f->watch) &&
	    (r = tree_list_archive(&c->tree, c->kind, c->session, &now)) == 0)
		r = look_at_parts(f, &now);
	tree_parts_free(&now);
	return r;
}

/* ---- the beginning ---- */

/* Of the days before since, what stands there now is not new. */
static int
skip_days(struct follow *f, const char *since)
{
	const struct cat *c = f->cat;
	struct tree_parts l = { 0 };
	size_t n;
	int r = tree_list_live(&c->tree, c->kind, c->session, &l);

	if (r == 0)
		r = tree_list_archive(&c->tree, c->kind, c->session, &l);
	for (size_t i = 0; r == 0 && i < l.n; i++)
		if (cat_has_day(c, l.v[i].day) && strcmp(l.v[i].day, since) < 0)
			(void)tail_of(f, l.v[i].day);
	tree_parts_free(&l);
	n = place(f, since);
	if (r == -1 || (n != 0 && open_tails(f, f->tail, n) == -1))
		return -1;
	for (size_t i = 0; n != 0 && i < f->archived.n; i++) {
		const struct tree_part *p = &f->archived.v[i];
		size_t at = place(f, p->day);

		if (at < n && strcmp(f->tail[at].day, p->day) == 0)
			memcpy(f->tail[at].stamp, p->stamp, sizeof p->stamp);
	}
	for (size_t i = 0; i < n; i++)
		if (f->tail[i].fd != -1 && tree_live_size(f->tail[i].fd, &f->tail[i].at) == -1)
			return -1;
	return 0;
}

int
follow_run(struct follow *f, const char *since, char **path)
{
	int r = f->error == 0 ? skip_days(f, since) : -1;

	if (f->error != 0)
		errno = f->error;
	while (r == 0) {
		r = look(f);
		std_flush(&f->cat->out);
		if (r == 0 && std_wait(POLL_MS) == -1)
			break;
	}
	*path = NULL;
	if (r == -1) {
		struct buf b = { 0 };
		int saved = errno;

		if (f->temporary)
			buf_adds(&b, file_temp_dir());
		else
			buf_addf(&b, "%s/%s", f->cat->tree.path, buf_str(&f->path));
		*path = mem_dup(b.p, b.len);
		buf_free(&b);
		errno = saved;
	}
	return r;
}
