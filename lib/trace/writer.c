/* Writes: one thread takes what has gathered and commits it together, since each commit waits for the disk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/when.h"
#include "trace/inside.h"

#define GROUP		512			/* of one commit, at most */
#define GROUP_BYTES	((size_t)32 << 20)

/* ---- the thread ---- */

static void
fail(struct conn *c, struct op *op)
{
	op->result = STORE_FAILED;
	buf_clear(&op->error);
	conn_error(c, &op->error);
}

static void
roll_back(struct conn *c)
{
	if (!sqlite3_get_autocommit(c->db))	/* some errors have done it */
		(void)conn_run(conn_prepare(c, "ROLLBACK"));
}

/* The list, or the first of it alone, in one transaction.  False: nothing was written. */
static bool
commit(struct trace_store *s, struct op *list, bool alone)
{
	struct conn *c = &s->writer;
	struct op *op = list;

	if (!conn_run(conn_prepare(c, "BEGIN IMMEDIATE"))) {
		fail(c, list);
		return false;
	}
	do {
		op->result = op->run(s, c, op);
		if (op->result == STORE_FAILED) {
			fail(c, op);
			roll_back(c);
			return false;
		}
		op = op->next;
	} while (op != NULL && !alone);
	if (conn_run(conn_prepare(c, "COMMIT")))
		return true;
	fail(c, list);
	roll_back(c);
	return false;
}

static void
write_group(struct trace_store *s, struct op *list)
{
	struct op *next;

	if (!commit(s, list, false))
		for (struct op *op = list; op != NULL; op = op->next) {
			buf_clear(&op->error);
			(void)commit(s, op, true);
		}
	for (struct op *op = list; op != NULL; op = next) {
		next = op->next;
		op->done(s, op);
	}
}

/* Cut off what one commit takes. */
static struct op *
take_group(struct trace_store *s)
{
	struct op *list = s->first, *op = list;
	size_t n = 1, bytes = op->weight;

	while (op->next != NULL && n < GROUP && bytes + op->next->weight <= GROUP_BYTES) {
		op = op->next;
		bytes += op->weight;
		n++;
	}
	s->first = op->next;
	if (s->first == NULL)
		s->last = &s->first;
	op->next = NULL;
	return list;
}

static void *
writer_main(void *arg)
{
	struct trace_store *s = arg;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct op *list;

		while (s->first == NULL && !s->ending)
			pthread_cond_wait(&s->more, &s->lock);
		if (s->first == NULL)
			break;
		list = take_group(s);
		pthread_mutex_unlock(&s->lock);
		write_group(s, list);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

bool
writer_start(struct trace_store *s, struct buf *error)
{
	sqlite3_stmt *last;

	if (!conn_open(&s->writer, s->path, error))
		return false;
	if (!conn_migrate(&s->writer, error)) {
		conn_close(&s->writer);
		return false;
	}
	(void)conn_exec(&s->writer, "PRAGMA cache_size=-32768");
	last = conn_prepare(&s->writer, "SELECT max(changed) FROM records");
	if (last != NULL && sqlite3_step(last) == SQLITE_ROW)
		s->clock = sqlite3_column_int64(last, 0);
	sqlite3_reset(last);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->more, NULL);
	s->last = &s->first;
	if ((errno = pthread_create(&s->thread, NULL, writer_main, s)) != 0) {
		buf_adds(error, strerror(errno));
		conn_close(&s->writer);
		return false;
	}
	return true;
}

void
writer_stop(struct trace_store *s)
{
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->more);
	conn_close(&s->writer);
}

void
writer_put(struct trace_store *s, struct op *op)
{
	op->next = NULL;
	pthread_mutex_lock(&s->lock);
	*s->last = op;
	s->last = &op->next;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

int64_t
writer_clock(struct trace_store *s)
{
	int64_t now = when_now_us();

	s->clock = now > s->clock ? now : s->clock + 1;
	return s->clock;
}

void
new_id(int64_t us, char out[UUID_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	uint64_t ms = (uint64_t)us / 1000;

	(void)rnd_uuid(out);
	for (int i = 12; i >= 0; i--) {		/* version 7 */
		if (i == 8)
			continue;
		out[i] = hex[ms & 15];
		ms >>= 4;
	}
	out[14] = '7';
}

/* ---- waiting for it ---- */

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool	 is_done;
};

struct waiting *
waiting_new(void)
{
	struct waiting *w = mem_zero(1, sizeof *w);

	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->moved, NULL);
	return w;
}

void
waiting_wake(struct waiting *w)
{
	pthread_mutex_lock(&w->lock);
	w->is_done = true;
	pthread_cond_signal(&w->moved);
	pthread_mutex_unlock(&w->lock);
}

void
waiting_end(struct waiting *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->is_done)
		pthread_cond_wait(&w->moved, &w->lock);
	pthread_mutex_unlock(&w->lock);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->moved);
	free(w);
}

static void
wake(struct trace_store *s, struct op *op)
{
	(void)s;
	waiting_wake(op->arg);
}

enum store_result
writer_wait(struct trace_store *s, struct op *op, struct buf *error)
{
	struct waiting *w = waiting_new();

	op->arg = w;
	op->done = wake;
	writer_put(s, op);
	waiting_end(w);
	if (op->result == STORE_FAILED)
		buf_add(error, op->error.p, op->error.len);
	buf_free(&op->error);
	return op->result;
}
