#include "ndjson/filter.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/sig.h"
#include "base/std.h"
#include "json/splice.h"
#include "ndjson/reader.h"
#include "ndjson/reject.h"

#define YIELDS	200
#define SMALL	(512 << 10)	/* a file that is done before another thread has started */
#define N_SLOTS	2	/* a worker has */

struct bad_line {
	size_t	 at, len;	/* in the block */
	uint64_t line;		/* counted from the block's first, 0-based */
	size_t	 column;
	size_t	 reason;	/* where it begins in the worker's reasons */
};

/* A block on its way through: read and taken by its worker, then committed, perhaps by another. */
struct slot {
	void	*state;			/* the tool's */
	struct buf block, out;
	struct buf reasons;		/* of this block, each with its NUL */
	struct bad_line *bad;
	size_t	 n_bad, bad_cap;
	uint64_t lines, records;	/* in this block */
	enum read_status st;
	uint64_t bytes;			/* of the input, up to this block's end */
	bool	 busy;
};

/* Its blocks stay its own: memory that another CPU wrote to last is slow. */
struct worker {
	struct engine *e;
	pthread_t thread;
	struct scan scan;
	struct slot slot[N_SLOTS];		/* the first, wherever it is free */
};

struct engine {
	const struct filter *f;
	const char *name;	/* of the input, for messages */
	struct rejects *rejects;
	struct filter_totals *totals;

	pthread_mutex_t reading;	/* guards what follows */
	struct reader in;
	uint64_t next_block;
	int	 error;			/* errno of a failed read */
	bool	 ended;

	pthread_mutex_t turning;	/* guards what follows */
	pthread_cond_t	freed;		/* a slot is no longer busy, or stop is set */
	struct slot **taken;		/* those that wait for their turn, by the block's number; NULL: not yet taken */
	size_t	 n_slots;
	uint64_t turn;			/* the block that is committed next */
	bool	 committing, stop;

	/* Only who commits, one at a time, uses these. */
	uint64_t lines;			/* committed so far */
	bool	 in_long;
	int	 status;
};

static void
reject(struct slot *b, struct span line, const char *at, const char *reason)
{
	struct bad_line bad = {
		.at = (size_t)(line.p - b->block.p), .len = line.len, .line = b->lines,
		.column = at == NULL ? 0 : (size_t)(at - line.p) + 1, .reason = b->reasons.len,
	};

	buf_add(&b->reasons, reason, strlen(reason) + 1);

	b->bad = mem_grow(b->bad, &b->bad_cap, b->n_bad + 1, sizeof *b->bad);
	b->bad[b->n_bad++] = bad;
}

/* Take the line at p; returns where the next one begins. */
static const char *
take_line(const struct filter *f, struct slot *b, struct scan *scan, const char *p, bool utf8_ok)
{
	struct record r = { .scan = scan };
	const char *at, *reason;

	reason = line_check(scan, p, b->block.p + b->block.len, utf8_ok, (size_t)f->opts->max_line, &r.line, &at);
	if (reason == NULL) {
		b->records++;
		r.text = splice_text(p, p + r.line.len - 1);
		reason = f->record(f->ctx, b->state, &r, &b->out);
	}
	if (reason != NULL)
		reject(b, r.line, at, reason);
	return p + r.line.len;
}

static void
take_block(const struct filter *f, struct slot *b, struct scan *scan)
{
	const char *p = b->block.p, *end = p + b->block.len;
	bool utf8_ok = scan_block(scan, p, b->block.len);

	b->lines = b->records = b->n_bad = 0;
	buf_clear(&b->reasons);
	while (p < end && !(f->opts->strict && b->n_bad != 0)) {
		p = line_is_empty(p) ? (const char *)memchr(p, '\n', (size_t)(end - p)) + 1 : take_line(f, b, scan, p, utf8_ok);
		b->lines++;
	}
}

/* Returns whether --strict ends the run here. */
static bool
commit_lines(struct engine *e, struct slot *b)
{
	if (e->f->commit != NULL) {
		e->f->commit(e->f->ctx, b->state, &b->out);
	} else {
		std_out(b->out.p, b->out.len);
		buf_clear(&b->out);
	}
	for (size_t i = 0; i < b->n_bad; i++) {
		struct bad_line *bad = &b->bad[i];

		rejects_add(e->rejects, e->name, e->lines + bad->line + 1, bad->column, b->reasons.p + bad->reason,
		    b->block.p + bad->at, bad->len);
	}
	e->lines += b->lines;
	e->totals->read += b->records;
	if (b->n_bad != 0) {
		rejects_flush(e->rejects);	/* the next block may be long in coming, and a signal come before it */
		e->status = worse(e->status, ST_REJECTED);
	}
	return b->n_bad != 0 && e->f->opts->strict;
}

static bool
commit_long(struct engine *e, struct slot *b)
{
	if (!e->in_long)
		rejects_add(e->rejects, e->name, e->lines + 1, 0, LINE_TOO_LONG, "", 0);
	rejects_more(e->rejects, b->block.p, b->block.len);	/* the newline comes with the last piece */
	rejects_flush(e->rejects);
	e->in_long = b->block.p[b->block.len - 1] != '\n';
	e->lines += !e->in_long;
	e->status = worse(e->status, ST_REJECTED);
	return e->f->opts->strict && !e->in_long;
}

/*
 * The block is taken; commit what is due.  Nobody waits for a turn: who finds that the next block is not there yet goes on reading, and
 * who brings it commits also those behind it that are ready.
 */
static void
finish(struct engine *e, struct slot *b, uint64_t number)
{
	pthread_mutex_lock(&e->turning);
	e->taken[number % e->n_slots] = b;
	while (!e->committing && !e->stop && (b = e->taken[e->turn % e->n_slots]) != NULL) {
		bool stop;

		e->committing = true;
		pthread_mutex_unlock(&e->turning);
		stop = b->st == READ_LINES ? commit_lines(e, b) : commit_long(e, b);
		progress_show(e->totals->read, b->bytes, e->in.total);
		pthread_mutex_lock(&e->turning);
		e->committing = false;
		e->taken[e->turn++ % e->n_slots] = NULL;
		e->stop = stop;
		b->busy = false;
		pthread_cond_broadcast(&e->freed);
	}
	pthread_mutex_unlock(&e->turning);
}

/* NULL: the run ends. */
static struct slot *
take_slot(struct worker *w)
{
	struct engine *e = w->e;
	struct slot *b = NULL;

	pthread_mutex_lock(&e->turning);
	while (!e->stop && (b = &w->slot[w->slot[0].busy])->busy)
		pthread_cond_wait(&e->freed, &e->turning);
	if (e->stop)
		b = NULL;
	else
		b->busy = true;
	pthread_mutex_unlock(&e->turning);
	return b;
}

/* Who reads does so for some 40 µs, and to sleep and be woken takes longer: before that, let others run for as long. */
static void
lock_soon(pthread_mutex_t *m)
{
	for (int i = 0; i < YIELDS; i++) {
		if (pthread_mutex_trylock(m) == 0)
			return;
		sched_yield();
	}
	pthread_mutex_lock(m);
}

/* False: there is no more. */
static bool
read_block(struct engine *e, struct slot *b, uint64_t *number)
{
	lock_soon(&e->reading);
	b->st = READ_END;
	if (!e->ended)
		b->st = reader_next(&e->in, &b->block);
	if (b->st == READ_ERROR && errno != EINTR)
		e->error = errno;
	e->ended = b->st != READ_LINES && b->st != READ_LONG;
	*number = e->next_block;
	e->next_block += !e->ended;
	b->bytes = e->in.bytes;
	pthread_mutex_unlock(&e->reading);
	return b->st == READ_LINES || b->st == READ_LONG;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct slot *b;
	uint64_t number;

	while ((b = take_slot(w)) != NULL && read_block(w->e, b, &number)) {
		if (b->st == READ_LINES)
			take_block(w->e->f, b, &w->scan);
		finish(w->e, b, number);
	}
	return NULL;
}

static int
choose_jobs(const struct filter_opts *o, int fd)
{
	struct stat st;
	bool file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	/* A thread that waits for a pipe's next line does not see that another one has found a bad line. */
	if (o->jobs == 0 ? !file || st.st_size < SMALL : o->strict && !file)
		return 1;
	return opt_jobs(o->jobs);
}

static void
worker_init(struct worker *w, struct engine *e)
{
	w->e = e;
	w->scan.map_depth = e->f->map_depth;
	for (size_t i = 0; i < N_SLOTS; i++)
		w->slot[i].state = mem_zero(1, e->f->state_size);
}

static void
worker_free(struct worker *w)
{
	for (size_t i = 0; i < N_SLOTS; i++) {
		struct slot *b = &w->slot[i];

		if (w->e->f->state_free != NULL)
			w->e->f->state_free(b->state);
		free(b->state);
		buf_free(&b->block);
		buf_free(&b->out);
		buf_free(&b->reasons);
		free(b->bad);
	}
	scan_free(&w->scan);
}

static int
run_fd(const struct filter *f, int fd, const char *name, struct rejects *rejects, struct filter_totals *t)
{
	struct engine e = {
		.f = f, .name = name, .rejects = rejects, .totals = t,
		.reading = PTHREAD_MUTEX_INITIALIZER, .turning = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER,
	};
	int jobs = choose_jobs(f->opts, fd), started = 1;
	struct worker *w = mem_zero((size_t)jobs, sizeof *w);

	e.n_slots = (size_t)jobs * N_SLOTS;
	e.taken = mem_zero(e.n_slots, sizeof *e.taken);
	reader_init(&e.in, fd, (size_t)f->opts->max_line);
	for (int i = 0; i < jobs; i++)
		worker_init(&w[i], &e);
	/* This thread is the first worker; where no other can be had, it does all the work. */
	while (started < jobs && pthread_create(&w[started].thread, NULL, work, &w[started]) == 0)
		started++;
	work(&w[0]);
	for (int i = 1; i < started; i++)
		pthread_join(w[i].thread, NULL);
	if (e.error != 0) {
		warn("%s: %s", name, strerror(e.error));
		e.status = worse(e.status, ST_FAILED);
	}
	t->bytes += e.in.bytes;
	for (int i = 0; i < jobs; i++)
		worker_free(&w[i]);
	free(w);
	free(e.taken);
	reader_free(&e.in);
	return e.status;
}

static void
check_apart(const struct filter *f, const struct rejects *rejects, char *const files[], int n)
{
	for (int i = 0; i < (n == 0 ? 1 : n); i++) {
		const char *name = n == 0 ? "-" : files[i];

		rejects_check(rejects, name);
		if (!f->gathers && io_is(1, name))
			die(ST_USAGE, "%s is also what is written to; write to another file", strcmp(name, "-") == 0 ? "stdin" : name);
	}
}

int
filter_run(const struct filter *f, char *const files[], int n, struct filter_totals *t)
{
	struct rejects rejects;
	int st = ST_OK;

	if (rejects_open(&rejects, f->opts->rejects) == -1)
		die(ST_USAGE, "--rejects: %s: %s", f->opts->rejects, strerror(errno));
	check_apart(f, &rejects, files, n);
	progress_start((enum progress_when)f->opts->progress, "records", true);
	io_tune(1);
	for (int i = 0; i < (n == 0 ? 1 : n) && sig_caught() == 0; i++) {
		const char *name = n == 0 ? "-" : files[i];
		int fd = io_open_input(&name);

		if (fd == -1) {
			warn("%s: %s", name, strerror(errno));
			st = worse(st, ST_FAILED);
			continue;
		}
		st = worse(st, run_fd(f, fd, name, &rejects, t));
		io_close_input(fd);
		if (rejects.n != 0 && f->opts->strict)
			break;
	}
	progress_clear();
	t->rejected += rejects.n;
	if (rejects_close(&rejects) == -1)
		die(ST_FAILED, "%s: %s", f->opts->rejects, strerror(errno));
	return st;
}
