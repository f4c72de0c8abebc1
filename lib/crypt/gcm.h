/*
 * gcm.h - AES-256-GCM (NIST SP 800-38D) with a nonce of 12 and a tag of 16 bytes, by libcrypto.
 */
#ifndef CRYPT_GCM_H
#define CRYPT_GCM_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

#include "crypt/key.h"
#include "json/scan.h"

#define GCM_NONCE	12
#define GCM_TAG		16

/* For one thread at a time; zeroed is an empty one. */
struct gcm {
	EVP_CIPHER_CTX *ctx;		/* owned (EVP_CIPHER_CTX_free) */
	const struct aes_key *key;	/* whose schedule ctx holds; borrowed */
	bool	 encrypts;
};

/* The ciphertext and the tag go to out, plain.len + GCM_TAG bytes.  False: not a key of 32 bytes, or libcrypto failed. */
bool	gcm_encrypt(struct gcm *g, const struct aes_key *key, const unsigned char nonce[GCM_NONCE], struct span data,
	    struct span plain, unsigned char *out) __attribute__((warn_unused_result));

/*
 * Decrypt len bytes in their place; the tag stands behind them.  False: the tag does not fit the key, the nonce, data
 * and the bytes; these are wiped then.
 */
bool	gcm_decrypt(struct gcm *g, const struct aes_key *key, const unsigned char nonce[GCM_NONCE], struct span data,
	    unsigned char *p, size_t len) __attribute__((warn_unused_result));

#endif
