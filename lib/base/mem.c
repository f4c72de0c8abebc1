#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/msg.h"

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
mem_grow(void *p, size_t *cap, size_t want, size_t size)
{
	size_t n = *cap ? *cap : 16;

	if (want <= *cap)
		return p;
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
	mallopt(M_MMAP_THRESHOLD, 32 << 20);	/* the most that it takes */
	mallopt(M_TRIM_THRESHOLD, 512 << 20);
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
