/* pack.c - a file into a gzip file of many members, block by block, by several threads; and whether that can be read back */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/sig.h"
#include "rotate.h"
#include "store/gzip.h"

#define LEVEL 6

struct pack {
	int	 from, to;
	uint64_t size;
	size_t	 n, block;	/* blocks, and how large each is but for the last */
	uint64_t *end;		/* where the member of each block ends in to; owned */
	void	(*step)(void *ctx, uint64_t bytes);
	void	*ctx;

	pthread_mutex_t lock;	/* for what follows */
	pthread_cond_t turn;
	size_t	 next;		/* block to take */
	size_t	 written;	/* blocks in to */
	int	 error;		/* errno, and what went wrong */
	const char *why;
};

struct worker {
	struct pack *p;
	bool	(*work)(struct worker *w, size_t i);	/* on block i; false: it failed */
	pthread_t thread;
	struct gzip *z;
	unsigned char *block, *member;
};

static bool
fail(struct pack *p, int error, const char *why)
{
	pthread_mutex_lock(&p->lock);
	if (p->error == 0) {
		p->error = error;
		p->why = why;
	}
	pthread_cond_broadcast(&p->turn);
	pthread_mutex_unlock(&p->lock);
	return false;
}

/* Read exactly len bytes.  Returns 0, or -1 with errno; EINVAL: there are less. */
static int
read_at(int fd, unsigned char *p, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pread(fd, p, len, (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EINVAL : errno;
			return -1;
		}
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static size_t
block_len(const struct pack *p, size_t i)
{
	uint64_t left = p->size - (uint64_t)i * p->block;

	return left < p->block ? (size_t)left : p->block;
}

static bool
read_block(struct worker *w, size_t i)
{
	struct pack *p = w->p;

	if (read_at(p->from, w->block, block_len(p, i), (uint64_t)i * p->block) == 0)
		return true;
	return fail(p, errno, errno == EINVAL ? "it became shorter" : strerror(errno));
}

/* Members are written in order: each waits for its turn. */
static bool
write_member(struct pack *p, size_t i, const unsigned char *member, size_t size)
{
	bool go;

	pthread_mutex_lock(&p->lock);
	while (p->written != i && p->error == 0)
		pthread_cond_wait(&p->turn, &p->lock);
	go = p->error == 0;
	pthread_mutex_unlock(&p->lock);
	if (!go)
		return false;
	if (io_write(p->to, member, size) == -1)
		return fail(p, errno, strerror(errno));
	pthread_mutex_lock(&p->lock);
	p->end[i] = (i == 0 ? 0 : p->end[i - 1]) + size;
	p->written++;
	p->step(p->ctx, block_len(p, i));
	pthread_cond_broadcast(&p->turn);
	pthread_mutex_unlock(&p->lock);
	return true;
}

static bool
compress_block(struct worker *w, size_t i)
{
	return read_block(w, i) &&
	    write_member(w->p, i, w->member, gzip_block(w->z, w->block, block_len(w->p, i), w->member));
}

static bool
verify_block(struct worker *w, size_t i)
{
	struct pack *p = w->p;
	uint64_t at = i == 0 ? 0 : p->end[i - 1];
	size_t size = (size_t)(p->end[i] - at);

	if (!read_block(w, i))
		return false;
	if (read_at(p->to, w->member, size, at) == -1)
		return fail(p, errno, errno == EINVAL ? "the compressed file became shorter" : strerror(errno));
	if (!gzip_holds(w->z, w->member, size, w->block, block_len(p, i)))
		return fail(p, EBADMSG, "what was written does not read back");
	pthread_mutex_lock(&p->lock);
	p->step(p->ctx, block_len(p, i));
	pthread_mutex_unlock(&p->lock);
	return true;
}

/* The next block, or n.  All that were taken are finished, so no turn is waited for in vain. */
static size_t
take(struct pack *p)
{
	size_t i;

	pthread_mutex_lock(&p->lock);
	i = p->error != 0 || sig_caught() != 0 ? p->n : p->next;
	if (i < p->n)
		p->next++;
	pthread_mutex_unlock(&p->lock);
	return i;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	size_t i;

	while ((i = take(w->p)) < w->p->n)
		if (!w->work(w, i))
			break;
	return NULL;
}

/* All blocks by all workers, the first of which is the thread that calls.  Returns 0, or -1 with errno. */
static int
run_workers(struct pack *p, struct worker *w, int n, bool (*each)(struct worker *w, size_t i))
{
	int started = 1;

	p->next = 0;
	for (int i = 0; i < n; i++)
		w[i].work = each;
	while (started < n && pthread_create(&w[started].thread, NULL, work, &w[started]) == 0)
		started++;
	work(&w[0]);
	for (int i = 1; i < started; i++)
		pthread_join(w[i].thread, NULL);
	if (p->error == 0 && p->next < p->n)
		fail(p, EINTR, strerror(EINTR));
	errno = p->error;
	return p->error == 0 ? 0 : -1;
}

/*
 * Blocks of equal size and, but for small files, an even number, so that two threads end together.  What --jobs says
 * does not count: the result must not depend on it.
 */
static void
divide(struct pack *p)
{
	p->n = p->size == 0 ? 1 : (size_t)((p->size - 1) / GZIP_BLOCK + 1);
	if (p->n > 1)
		p->n += p->n % 2;
	p->block = (size_t)((p->size + p->n - 1) / p->n);
}

static struct worker *
new_workers(struct pack *p, int n)
{
	struct worker *w = mem_zero((size_t)n, sizeof *w);

	for (int i = 0; i < n; i++) {
		w[i].p = p;
		w[i].z = gzip_new(LEVEL);
		w[i].block = mem_alloc(p->block);
		w[i].member = mem_alloc(gzip_bound(w[i].z, p->block));
	}
	return w;
}

static void
free_workers(struct worker *w, int n)
{
	for (int i = 0; i < n; i++) {
		gzip_free(w[i].z);
		free(w[i].block);
		free(w[i].member);
	}
	free(w);
}

int
pack(int from, uint64_t size, int to, int jobs, void (*step)(void *ctx, uint64_t bytes), void *ctx, const char **why)
{
	struct pack p = {
		.from = from, .to = to, .size = size, .step = step, .ctx = ctx,
		.lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER,
	};
	struct worker *w;
	int n, r;

	divide(&p);
	n = (size_t)jobs < p.n ? jobs : (int)p.n;
	w = new_workers(&p, n);
	p.end = mem_zero(p.n, sizeof *p.end);
	r = run_workers(&p, w, n, compress_block);
	if (r == 0 && fsync(to) == -1) {
		fail(&p, errno, strerror(errno));
		r = -1;
	}
	if (r == 0)
		r = run_workers(&p, w, n, verify_block);
	*why = p.why;
	free_workers(w, n);
	free(p.end);
	errno = p.error;
	return r;
}
