/*
 * keyset.h - a set of keys, held as 128-bit fingerprints.
 *
 * A fingerprint is a keyed hash: with a random seed nobody can prepare keys that
 * collide, and two of 10^10 different keys do so with a chance below 10^-18.
 * Memory: 32 to 64 bytes a key (open addressing, at most half full), the old and
 * the new table together while it grows.  With a bound, the set forgets its oldest keys: 16 bytes more a key.
 */
#ifndef STORE_KEYSET_H
#define STORE_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/scan.h"
#include "base/buf.h"

struct fingerprint {
	uint64_t a, b;		/* both 0 never occurs */
};

struct keyseed {
	uint64_t k[2];
};

struct keyset {
	struct fingerprint *slot;	/* owned; {0,0}: free */
	size_t	 size, n;		/* size is a power of two */
	struct fingerprint *ring;	/* owned; the keys in order of arrival, where bounded */
	size_t	 bound, next;
};

struct keyseed keyseed_random(void);

/*
 * Hash JSON values, in order, into one fingerprint.  A string counts by what it
 * spells ("\u0041" is "A"), everything else by its text, so 1, 1.0 and "1" are three keys.
 * scratch is used for strings with escapes.
 */
struct keyhash {
	uint64_t a, b;
	struct keyseed seed;
};
void	keyhash_init(struct keyhash *h, struct keyseed seed);
void	keyhash_add(struct keyhash *h, struct span value, struct buf *scratch);
struct fingerprint keyhash_end(const struct keyhash *h);

/* The fingerprint of a plain text. */
struct fingerprint fingerprint_text(struct keyseed seed, struct span text);

void	keyset_init(struct keyset *s, size_t bound);	/* bound 0: none */
void	keyset_free(struct keyset *s);
/* True when it was not in the set.  */
bool	keyset_add(struct keyset *s, struct fingerprint f);
/* Many at once need not wait for memory one after the other. */
void	keyset_add_all(struct keyset *s, const struct fingerprint *f, size_t n);
void	keyset_remove(struct keyset *s, struct fingerprint f);	/* of a set without a bound */
bool	keyset_has(const struct keyset *s, struct fingerprint f);
/* Make room for n more, so that prefetches stay good. */
void	keyset_reserve(struct keyset *s, size_t n);

static inline void
keyset_prefetch(const struct keyset *s, struct fingerprint f)
{
	__builtin_prefetch(&s->slot[f.a & (s->size - 1)]);
}

#endif
