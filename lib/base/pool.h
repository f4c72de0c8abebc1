/*
 * pool.h - a few threads that take jobs in turn.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct pool;

/* Up to most threads, started as they are needed; up to waiting jobs wait for one. */
struct pool *pool_new(unsigned most, size_t waiting);
/* Have fn(arg) called by one of them.  False: too many are waiting. */
bool	pool_run(struct pool *p, void (*fn)(void *arg), void *arg) __attribute__((warn_unused_result));
/* Waits until all jobs are done; frees. */
void	pool_free(struct pool *p);

#endif
