/*
 * keyring.h - data keys that Google KMS has wrapped, kept in a file beside the data.
 *
 * The file has a line for each run that sealed, {"kid":ID,"kek_name":NAME,"wrapped_dek":BASE64}, appended under a lock and synced
 * before the first value is written.  KMS binds the wrapped key to "llmutils seal v1 ID".  A line that a crash has torn belongs
 * to no value, and is passed over.
 */
#ifndef SEAL_KEYRING_H
#define SEAL_KEYRING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "crypt/key.h"
#include "google/kms.h"

struct wrapped_key {
	char	 id[KEY_ID_SIZE];
	char	*kek_name;	/* owned */
	struct buf wrapped;
	struct aes_key key;
	bool	 open;		/* key is there */
};

struct keyring {
	const char *path;	/* borrowed */
	struct kms *kms;
	struct wrapped_key **v;	/* each stays where it is */
	size_t	 n, cap;	
	pthread_mutex_t lock;	/* guards the keys, kms and failure */
	struct buf failure;	/* of KMS; it is not asked again */
};

/* Read the file, but only the keys that kek_name wraps, unless it is NULL.  Returns 0, or -1 with errno. */
int	keyring_load(struct keyring *k, const char *kek_name) __attribute__((warn_unused_result));

/* A new random key, wrapped and written down.  NULL: a message was appended to error. */
const struct aes_key *keyring_new_key(struct keyring *k, const char *kek_name, struct buf *error);

/* The key of this id, unwrapped at its first use.  NULL: not in the file; or, with a message in error, KMS did not unwrap it. */
const struct aes_key *keyring_find(struct keyring *k, const char *id, struct buf *error);

void	keyring_free(struct keyring *k);	/* wipes the keys; frees kms */

#endif
