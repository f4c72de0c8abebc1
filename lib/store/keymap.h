/*
 * keymap.h - from keys to short texts (record ids), in memory.
 *
 * Keys are held as fingerprints (keyset.h), values in one arena: 48 bytes and the
 * value for a key.  A zeroed struct is an empty map.
 */
#ifndef STORE_KEYMAP_H
#define STORE_KEYMAP_H

#include "base/buf.h"
#include "json/scan.h"
#include "store/keyset.h"

struct keymap_slot {
	struct fingerprint key;	/* {0,0}: free */
	size_t	 at, len;	/* of the value in the arena */
};

struct keymap {
	struct keymap_slot *slot;	/* owned */
	size_t	 size, n;
	struct buf values;
	struct keyseed seed;
	bool	 seeded;
};

/* The last value put for a key counts.  Both spans are copied. */
void	keymap_put(struct keymap *m, struct span key, struct span value);
/* value may be NULL; it stays good until the next put. */
bool	keymap_get(const struct keymap *m, struct span key, struct span *value);
void	keymap_clear(struct keymap *m);
void	keymap_free(struct keymap *m);

/* A JSON value as a key: a string's decoded text, else the value's own; points into scratch or the value. */
struct span keymap_text(struct span value, struct buf *scratch);

#endif
