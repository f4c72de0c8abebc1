/*
 * rnd.h - random bytes from the kernel, and UUIDs of version 4 (RFC 9562).
 */
#ifndef BASE_RND_H
#define BASE_RND_H

#include <stddef.h>
#include <stdint.h>

#define UUID_SIZE 37

void	 rnd_bytes(void *p, size_t len);
uint64_t rnd_below(uint64_t n);		/* 0 .. n-1; for jitter, so a slight bias does not matter */
char	*rnd_uuid(char out[UUID_SIZE]);	/* returns out */

#endif
