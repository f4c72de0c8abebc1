/*
 * key.h - AES keys, and those that the environment gives.
 *
 * A key is named by its id: the first 16 hex digits of the key's SHA-256.  So a reader finds
 * the key of a value without trying, and 64 bits are enough for a key a run, for ever.
 */
#ifndef CRYPT_KEY_H
#define CRYPT_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define KEY_BYTES	32	/* of a key that writes; older ones of 16 and 24 only read */
#define KEY_ID_SIZE	17	/* with its NUL */

struct aes_key {
	unsigned char bytes[KEY_BYTES];
	size_t	 len;
	char	 id[KEY_ID_SIZE];
};

struct aes_keys {
	struct aes_key *v;	/* owned */
	size_t	 n;
	bool	 writes;	/* v[0] is the key to write with */
};

/* False: not 16, 24 or 32 bytes. */
bool	aes_key_set(struct aes_key *key, const void *p, size_t len);

/*
 * Load BOTRUN_LOG_AES_KEY (which writes, if it has 32 bytes) and the list BOTRUN_LOG_AES_KEYS_OLD, or the files that
 * they name with _FILE: base64 or base64url.  None at all is no error.  Returns 0, or -1 with a message appended to error.
 */
int	aes_keys_load(struct aes_keys *keys, struct buf *error) __attribute__((warn_unused_result));
const struct aes_key *aes_keys_find(const struct aes_keys *keys, const char *id);	/* NULL: none */
/* Wipes them. */
void	aes_keys_free(struct aes_keys *keys);

/* Is this text (not NUL terminated) an id? */
bool	aes_key_is_id(const char *p, size_t len);

/* Wipe what held a secret, then free it. */
void	wipe_buf(struct buf *b);
void	wipe_text(char *s);		/* NULL is fine */

#endif
