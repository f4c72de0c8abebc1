/*
 * keyfile.h - a set of keys that is kept between runs.
 *
 * The file: 32 bytes of header (magic "llmkeys1", the seed, 8 bytes of zero), then
 * 16-byte fingerprints, appended; all in the byte order of the machine, which the magic's last
 * bytes show.  A torn last fingerprint, left by a crash, is cut off.  One process at a time holds
 * the file (flock).
 */
#ifndef STORE_KEYFILE_H
#define STORE_KEYFILE_H

#include "store/keyset.h"

struct keyfile {
	const char *path;	/* borrowed */
	int	 fd;
	struct keyseed seed;
};

enum keyfile_status { KEYFILE_OK, KEYFILE_ERRNO, KEYFILE_BUSY, KEYFILE_FOREIGN };

/* Open or create path and lock it.  Then load its keys into a set. */
enum keyfile_status keyfile_open(struct keyfile *k, const char *path) __attribute__((warn_unused_result));
/* Returns 0, or -1 with errno. */
int	keyfile_load(struct keyfile *k, struct keyset *s) __attribute__((warn_unused_result));
int	keyfile_append(struct keyfile *k, const struct fingerprint *f, size_t n) __attribute__((warn_unused_result));
/* fsync and close. */
int	keyfile_close(struct keyfile *k) __attribute__((warn_unused_result));

#endif
