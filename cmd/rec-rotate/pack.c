/* pack.c - a file into a gzip file of many members, block by block, each of which is read back as soon as it is written */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "rec-rotate/rotate.h"
#include "store/gzip.h"

#define LEVEL 6

struct packer {
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

size_t
pack_len(const struct pack *p, size_t i)
{
	uint64_t left = p->size - (uint64_t)i * p->block;

	return left < p->block ? (size_t)left : p->block;
}

static bool
read_block(struct pack *p, size_t i, struct packer *w)
{
	if (read_at(p->from, w->block, pack_len(p, i), (uint64_t)i * p->block) == 0)
		return true;
	return fail(p, errno, errno == EINVAL ? "it became shorter" : strerror(errno));
}

/* Members are written in order: each waits for its turn.  *at: where it is in to. */
static bool
write_member(struct pack *p, size_t i, const unsigned char *member, size_t size, uint64_t *at)
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
	*at = p->end;
	p->end += size;
	p->written++;
	pthread_cond_broadcast(&p->turn);
	pthread_mutex_unlock(&p->lock);
	return true;
}

/* Both are read anew, so that nothing that went wrong in our memory agrees with itself. */
static bool
verify_member(struct pack *p, size_t i, struct packer *w, size_t size, uint64_t at)
{
	if (read_at(p->to, w->member, size, at) == -1)
		return fail(p, errno, errno == EINVAL ? "the compressed file became shorter" : strerror(errno));
	return read_block(p, i, w) &&
	    (gzip_holds(w->z, w->member, size, w->block, pack_len(p, i)) || fail(p, EBADMSG, "what was written does not read back"));
}

bool
pack_block(struct pack *p, size_t i, struct packer *w)
{
	uint64_t at = 0;
	size_t size;

	if (!read_block(p, i, w))
		return false;
	size = gzip_block(w->z, w->block, pack_len(p, i), w->member);
	return write_member(p, i, w->member, size, &at) && verify_member(p, i, w, size, at);
}

void
pack_init(struct pack *p, int from, uint64_t size, int to)
{
	*p = (struct pack){ .from = from, .to = to, .size = size, .lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER };
	p->n = pack_blocks(size);
	p->block = (size_t)((size + p->n - 1) / p->n);
}

void
pack_free(struct pack *p)
{
	pthread_cond_destroy(&p->turn);
	pthread_mutex_destroy(&p->lock);
}

/*
 * Of equal size and, but for small files, an even number, so that two threads end together.  What --jobs says
 * does not count: the result must not depend on it.
 */
size_t
pack_blocks(uint64_t size)
{
	size_t n = size == 0 ? 1 : (size_t)((size - 1) / GZIP_BLOCK + 1);

	return n > 1 ? n + n % 2 : n;
}

struct packer *
packer_new(void)
{
	struct packer *w = mem_zero(1, sizeof *w);

	w->z = gzip_new(LEVEL);
	w->block = mem_alloc(GZIP_BLOCK);
	w->member = mem_alloc(gzip_bound(w->z, GZIP_BLOCK));
	return w;
}

void
packer_free(struct packer *w)
{
	if (w == NULL)
		return;
	gzip_free(w->z);
	free(w->block);
	free(w->member);
	free(w);
}
