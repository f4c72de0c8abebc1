#include "base/mem.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/msg.h"

#define KEPT	(32u << 20)	/* what is smaller is kept by mem_keep: the most that malloc takes for it */
#define PAGE	(2u << 20)	/* a large one */

void
mem_none(void)
{
	die(ST_FAILED, "out of memory");
}

static void *
checked(void *p)
{
	if (p == NULL)
		mem_none();
	return p;
}

void *
mem_alloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *
mem_zero(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *
mem_resize(void *p, size_t n, size_t size)
{
	return checked(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *
mem_dup(const char *s, size_t len)
{
	char *p = mem_alloc(len + 1);

	if (len != 0)
		memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

void *
mem_grow_more(void *p, size_t *cap, size_t want, size_t size)
{
	size_t n = *cap ? *cap : 16;

	while (n < want)
		n = n > SIZE_MAX / 2 ? want : n * 2;
	p = mem_resize(p, n, size);
	*cap = n;
	return p;
}

void
mem_keep(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, KEPT);
	mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

void
mem_large(void)
{
#ifdef __GLIBC__
	static _Thread_local bool done;
	const size_t size = KEPT - PAGE / 2;
	char *p = done ? NULL : malloc(size);

	done = true;
	if (p == NULL)
		return;
	(void)madvise(p + (PAGE - (uintptr_t)p % PAGE), size - PAGE, MADV_HUGEPAGE);
	free(p);	/* and it stays, to be taken again in pieces */
#endif
}

void
mem_return(void)
{
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}
