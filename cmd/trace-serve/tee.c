/* --tee: every trace that was stored, as one line of JSON for rec-write and its like. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/when.h"
#include "trace-serve/serve.h"
#include "trace/line.h"

#define END_MS 10000		/* in which a reader has to take something, at the end */
#define AHEAD ((size_t)64 << 20)	/* bytes that wait for who reads; beyond, the store waits too */

struct tee {
	pthread_mutex_t lock;
	pthread_cond_t more, less;
	pthread_t thread;
	struct buf waiting;
	atomic_bool draining;
	bool	 ending, failed, is_pipe;
};

/* ---- the thread ---- */

static void
on_trace(void *arg, const struct trace *t)
{
	struct tee *e = arg;

	pthread_mutex_lock(&e->lock);
	while (e->waiting.len > AHEAD && !e->draining && !e->failed)
		pthread_cond_wait(&e->less, &e->lock);
	if (!e->failed) {
		trace_line_put(t, &e->waiting);
		pthread_cond_signal(&e->more);
	}
	pthread_mutex_unlock(&e->lock);
}

/*
 * A pipe that has room takes PIPE_BUF bytes without waiting.  When the server is to end, who reads nothing is not waited for for ever.
 * Returns 0, or -1 with errno.
 */
static int
put_out(struct tee *e, const char *p, size_t len)
{
	int64_t since = when_mono();

	while (len > 0) {
		struct pollfd w = { .fd = 1, .events = POLLOUT };
		size_t n = e->is_pipe && len > PIPE_BUF ? PIPE_BUF : len;

		if (poll(&w, 1, 1000) <= 0) {
			if (!e->draining)
				since = when_mono();
			errno = ETIMEDOUT;
			if (when_mono() - since > END_MS)
				return -1;
			continue;
		}
		if (io_write(1, p, n) == -1)
			return -1;
		p += n;
		len -= n;
		since = when_mono();
	}
	return 0;
}

/* Nobody reads any more, or it cannot be written: the server goes on, since its clients have nothing to do with it. */
static void
give_up(struct tee *e)
{
	warn("stdout: %s: going on without --tee", strerror(errno));
	pthread_mutex_lock(&e->lock);
	e->failed = true;
	buf_free(&e->waiting);
	pthread_cond_signal(&e->less);
	pthread_mutex_unlock(&e->lock);
}

/* Waits for lines and takes them.  False: there will be none. */
static bool
take_lines(struct tee *e, struct buf *taken)
{
	bool some;

	pthread_mutex_lock(&e->lock);
	while (e->waiting.len == 0 && !e->ending)
		pthread_cond_wait(&e->more, &e->lock);
	some = e->waiting.len > 0;
	*taken = e->waiting;
	e->waiting = (struct buf){ 0 };
	pthread_cond_signal(&e->less);
	pthread_mutex_unlock(&e->lock);
	return some;
}

static void *
write_out(void *arg)
{
	struct tee *e = arg;
	struct buf taken;

	while (take_lines(e, &taken)) {
		int r = put_out(e, taken.p, taken.len);

		if (r == -1)
			give_up(e);
		buf_free(&taken);
		if (r == -1)
			break;
	}
	return NULL;
}

void
tee_start(struct app *app)
{
	struct tee *e = mem_zero(1, sizeof *e);
	struct stat st;

	e->is_pipe = fstat(1, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->more, NULL);
	pthread_cond_init(&e->less, NULL);
	if ((errno = pthread_create(&e->thread, NULL, write_out, e)) != 0)
		die(ST_FAILED, "%s", strerror(errno));
	app->copy = e;
	trace_store_watch(app->store, on_trace, e);
}

void
tee_drain(struct app *app)
{
	struct tee *e = app->copy;

	if (e == NULL)
		return;
	pthread_mutex_lock(&e->lock);
	e->draining = true;
	pthread_cond_signal(&e->less);
	pthread_mutex_unlock(&e->lock);
}

int
tee_stop(struct app *app)
{
	struct tee *e = app->copy;
	bool failed;

	if (e == NULL)
		return ST_OK;
	pthread_mutex_lock(&e->lock);
	e->ending = true;
	pthread_cond_signal(&e->more);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	failed = e->failed;
	buf_free(&e->waiting);
	pthread_mutex_destroy(&e->lock);
	pthread_cond_destroy(&e->more);
	pthread_cond_destroy(&e->less);
	free(e);
	return failed ? ST_FAILED : ST_OK;
}
