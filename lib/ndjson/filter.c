#include "ndjson/filter.h"

#include <errno.h>
#include <pthread.h>
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

struct bad_line {
	size_t	 at, len;	/* in the block */
	uint64_t line;		/* counted from the block's first, 0-based */
	size_t	 column;
	size_t	 reason;	/* where it begins in the worker's reasons */
};

struct engine {
	const struct filter *f;
	const char *name;	/* of the input, for messages */
	struct rejects *rejects;
	struct filter_totals *totals;
	int	 status;

	pthread_mutex_t reading;	/* guards what follows */
	struct reader in;
	uint64_t next_block;
	int	 error;			/* errno of a failed read */
	bool	 ended;

	pthread_mutex_t turning;	/* guards what follows */
	pthread_cond_t	turned;
	uint64_t turn;			/* the block that may commit now */
	uint64_t lines;			/* committed so far */
	bool	 in_long, stop;
};

struct worker {
	struct engine *e;
	pthread_t thread;
	void	*state;
	struct buf block, out;
	struct buf reasons;	/* of this block, each with its NUL */
	struct scan scan;
	struct bad_line *bad;
	size_t	 n_bad, bad_cap;
	uint64_t lines, records;	/* in this block */
};

static void
reject(struct worker *w, struct span line, const char *at, const char *reason)
{
	struct bad_line b = {
		.at = (size_t)(line.p - w->block.p), .len = line.len, .line = w->lines,
		.column = at == NULL ? 0 : (size_t)(at - line.p) + 1, .reason = w->reasons.len,
	};

	buf_add(&w->reasons, reason, strlen(reason) + 1);

	w->bad = mem_grow(w->bad, &w->bad_cap, w->n_bad + 1, sizeof *w->bad);
	w->bad[w->n_bad++] = b;
}

/* Take the line at p; returns where the next one begins. */
static const char *
take_line(struct worker *w, const char *p, bool utf8_ok)
{
	const struct filter *f = w->e->f;
	struct record r = { .scan = &w->scan };
	const char *at, *reason;

	reason = line_check(&w->scan, p, w->block.p + w->block.len, utf8_ok, (size_t)f->opts->max_line, &r.line, &at);
	if (reason == NULL) {
		w->records++;
		r.text = splice_text(p, p + r.line.len - 1);
		reason = f->record(w->e->f->ctx, w->state, &r, &w->out);
	}
	if (reason != NULL)
		reject(w, r.line, at, reason);
	return p + r.line.len;
}

static void
take_block(struct worker *w)
{
	const char *p = w->block.p, *end = p + w->block.len;
	bool utf8_ok = scan_block(&w->scan, p, w->block.len);

	w->lines = w->records = w->n_bad = 0;
	buf_clear(&w->reasons);
	while (p < end && !(w->e->f->opts->strict && w->n_bad != 0)) {
		p = line_is_empty(p) ? (const char *)memchr(p, '\n', (size_t)(end - p)) + 1 : take_line(w, p, utf8_ok);
		w->lines++;
	}
}

static void
commit_lines(struct worker *w)
{
	struct engine *e = w->e;

	if (e->f->commit != NULL) {
		e->f->commit(e->f->ctx, w->state, &w->out);
	} else {
		std_out(w->out.p, w->out.len);
		buf_clear(&w->out);
	}
	for (size_t i = 0; i < w->n_bad; i++) {
		struct bad_line *b = &w->bad[i];

		rejects_add(e->rejects, e->name, e->lines + b->line + 1, b->column, w->reasons.p + b->reason,
		    w->block.p + b->at, b->len);
	}
	e->lines += w->lines;
	e->totals->read += w->records;
	if (w->n_bad != 0)
		e->status = worse(e->status, ST_REJECTED);
	if (w->n_bad != 0 && e->f->opts->strict)
		e->stop = true;
}

static void
commit_long(struct worker *w)
{
	struct engine *e = w->e;

	if (!e->in_long)
		rejects_add(e->rejects, e->name, e->lines + 1, 0, LINE_TOO_LONG, "", 0);
	rejects_more(e->rejects, w->block.p, w->block.len);	/* the newline comes with the last piece */
	e->in_long = w->block.p[w->block.len - 1] != '\n';
	e->lines += !e->in_long;
	e->status = worse(e->status, ST_REJECTED);
	if (e->f->opts->strict && !e->in_long)
		e->stop = true;
}

static void
take_turn(struct worker *w, uint64_t block, enum read_status st, uint64_t bytes)
{
	struct engine *e = w->e;

	pthread_mutex_lock(&e->turning);
	while (e->turn != block)
		pthread_cond_wait(&e->turned, &e->turning);
	if (!e->stop) {
		if (st == READ_LINES)
			commit_lines(w);
		else
			commit_long(w);
		progress_show(e->totals->read, bytes, e->in.total);
	}
	e->turn++;
	pthread_cond_broadcast(&e->turned);
	pthread_mutex_unlock(&e->turning);
}

static bool
stopped(struct engine *e)
{
	bool stop;

	pthread_mutex_lock(&e->turning);
	stop = e->stop;
	pthread_mutex_unlock(&e->turning);
	return stop;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct engine *e = w->e;

	while (!stopped(e)) {
		enum read_status st = READ_END;
		uint64_t block, bytes;

		pthread_mutex_lock(&e->reading);
		if (!e->ended)
			st = reader_next(&e->in, &w->block);
		if (st == READ_ERROR && errno != EINTR)
			e->error = errno;
		block = e->next_block;
		bytes = e->in.bytes;
		if (st == READ_LINES || st == READ_LONG)
			e->next_block++;
		else
			e->ended = true;
		pthread_mutex_unlock(&e->reading);
		if (st != READ_LINES && st != READ_LONG)
			break;
		if (st == READ_LINES)
			take_block(w);
		take_turn(w, block, st, bytes);
	}
	return NULL;
}

static int
choose_jobs(const struct filter_opts *o, int fd)
{
	struct stat st;

	if (o->jobs == 0 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)))
		return 1;
	return opt_jobs(o->jobs);
}

static int
run_fd(const struct filter *f, int fd, const char *name, struct rejects *rejects, struct filter_totals *t)
{
	struct engine e = {
		.f = f, .name = name, .rejects = rejects, .totals = t,
		.reading = PTHREAD_MUTEX_INITIALIZER, .turning = PTHREAD_MUTEX_INITIALIZER, .turned = PTHREAD_COND_INITIALIZER,
	};
	int jobs = choose_jobs(f->opts, fd), started = 1;
	struct worker *w = mem_zero((size_t)jobs, sizeof *w);

	reader_init(&e.in, fd, (size_t)f->opts->max_line);
	for (int i = 0; i < jobs; i++) {
		w[i].e = &e;
		w[i].scan.map_depth = f->map_depth;
		w[i].state = mem_zero(1, f->state_size);
	}
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
	for (int i = 0; i < jobs; i++) {
		if (f->state_free != NULL)
			f->state_free(w[i].state);
		free(w[i].state);
		buf_free(&w[i].block);
		buf_free(&w[i].out);
		buf_free(&w[i].reasons);
		scan_free(&w[i].scan);
		free(w[i].bad);
	}
	free(w);
	reader_free(&e.in);
	return e.status;
}

int
filter_run(const struct filter *f, char *const files[], int n, struct filter_totals *t)
{
	struct rejects rejects;
	int st = ST_OK;

	if (rejects_open(&rejects, f->opts->rejects) == -1)
		die(ST_USAGE, "--rejects: %s: %s", f->opts->rejects, strerror(errno));
	progress_start((enum progress_when)f->opts->progress, "records");
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
