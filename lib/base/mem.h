/*
 * mem.h - allocation that does not return on failure.
 *
 * Running out of memory ends the process with status 3 and one line on stderr;
 * every file of ours is readable after a death at any instant, so nothing more
 * can usefully be done.  Sizes are checked for overflow before they multiply.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Return new memory; the caller frees it with free().  mem_zero is zero filled. */
void	*mem_alloc(size_t size);
void	*mem_zero(size_t n, size_t size);
void	*mem_resize(void *p, size_t n, size_t size);
char	*mem_dup(const char *s, size_t len);	/* adds a terminating NUL */

/* For what else could not be had for want of memory (a library's object): ends the process just so. */
void	mem_none(void) __attribute__((noreturn));

/*
 * Make room for want elements of size bytes in an array that holds *cap:
 * returns p or its new place, doubling *cap at least.
 */
void	*mem_grow_more(void *p, size_t *cap, size_t want, size_t size);
static inline void *
mem_grow(void *p, size_t *cap, size_t want, size_t size)
{
	return want <= *cap ? p : mem_grow_more(p, cap, want, size);
}

/*
 * For tools that take and free large buffers again and again: keep them for the next use, instead of giving their pages back to
 * the kernel, which must clear them each time.  To be called first of all.
 */
void	mem_keep(void);
/*
 * With mem_keep, in a thread that will take many MiB, before it does: the first 31 of them stand in large pages where the kernel has any, so
 * that it is asked for a few instead of thousands.
 */
void	mem_large(void);
/*
 * For servers, which run for months with many threads: what is large goes back to the kernel when it is freed, and threads share a few
 * arenas, so that what was needed once does not stay with each of them.  To be called first of all.
 */
void	mem_return(void);

#endif
