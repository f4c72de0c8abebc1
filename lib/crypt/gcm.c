#include "crypt/gcm.h"

#include <openssl/crypto.h>

#define STEP (1 << 30)	/* lengths are int in libcrypto */

static bool
update(EVP_CIPHER_CTX *ctx, unsigned char *to, const unsigned char *from, size_t len)
{
	while (len > 0) {
		int part = len < STEP ? (int)len : STEP, n;

		if (EVP_CipherUpdate(ctx, to, &n, from, part) != 1)
			return false;
		if (to != NULL)
			to += n;
		from += part;
		len -= (size_t)part;
	}
	return true;
}

/* Make ctx ready for one message.  The key's schedule is kept from one to the next. */
static bool
begin(struct gcm *g, const struct aes_key *key, bool encrypts, const unsigned char *nonce, struct span data)
{
	bool same = g->key == key && g->encrypts == encrypts;

	if (key->len != KEY_BYTES || (g->ctx == NULL && (g->ctx = EVP_CIPHER_CTX_new()) == NULL))
		return false;
	g->key = NULL;
	if (EVP_CipherInit_ex(g->ctx, same ? NULL : EVP_aes_256_gcm(), NULL, same ? NULL : key->bytes, nonce, encrypts) != 1)
		return false;
	g->key = key;
	g->encrypts = encrypts;
	return update(g->ctx, NULL, (const unsigned char *)data.p, data.len);
}

bool
gcm_encrypt(struct gcm *g, const struct aes_key *key, const unsigned char nonce[GCM_NONCE], struct span data, struct span plain,
    unsigned char *out)
{
	unsigned char *tag = out + plain.len;
	int n;

	return begin(g, key, true, nonce, data) && update(g->ctx, out, (const unsigned char *)plain.p, plain.len) &&
	    EVP_CipherFinal_ex(g->ctx, tag, &n) == 1 && EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_GCM_GET_TAG, GCM_TAG, tag) == 1;
}

bool
gcm_decrypt(struct gcm *g, const struct aes_key *key, const unsigned char nonce[GCM_NONCE], struct span data, unsigned char *p,
    size_t len)
{
	int n;

	if (begin(g, key, false, nonce, data) && update(g->ctx, p, p, len) &&
	    EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_GCM_SET_TAG, GCM_TAG, p + len) == 1 && EVP_CipherFinal_ex(g->ctx, p + len, &n) == 1)
		return true;
	OPENSSL_cleanse(p, len);
	return false;
}
