#include "crypt/sealed.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>

#include "base/rnd.h"
#include "crypt/base64.h"

#define VERSION_ "v1"
#define BLOCK	16		/* of CBC, and its IV */

static struct span
text_span(const char *s)
{
	return (struct span){ s, strlen(s) };
}

void
sealed_bind(struct span part, struct buf *out)
{
	uint64_t len = part.len;
	unsigned char be[8];

	for (int i = 7; i >= 0; i--, len >>= 8)
		be[i] = (unsigned char)len;
	buf_add(out, be, sizeof be);
	buf_add(out, part.p, part.len);
}

/* Gather the additional data of one value. */
static struct span
gather(struct sealer *s, const struct aes_key *key, struct span field, struct span bound)
{
	buf_clear(&s->data);
	sealed_bind(text_span(VERSION_), &s->data);
	sealed_bind(text_span(key->id), &s->data);
	sealed_bind(field, &s->data);
	buf_add(&s->data, bound.p, bound.len);
	return (struct span){ s->data.p, s->data.len };
}

bool
sealed_put(struct sealer *s, const struct aes_key *key, struct span field, struct span bound, struct span plain, struct buf *out)
{
	size_t len = GCM_NONCE + plain.len + GCM_TAG;
	unsigned char *p;

	buf_clear(&s->bytes);
	if ((p = (unsigned char *)buf_reserve(&s->bytes, len)) == NULL)
		return false;
	rnd_bytes(p, GCM_NONCE);
	if (!gcm_encrypt(&s->gcm, key, p, gather(s, key, field, bound), plain, p + GCM_NONCE))
		return false;
	buf_adds(out, VERSION_ ":");
	buf_adds(out, key->id);
	buf_addc(out, ':');
	base64_put(p, len, out);
	return true;
}

bool
sealed_begins(struct span text)
{
	return text.len >= sizeof VERSION_ && memcmp(text.p, VERSION_ ":", sizeof VERSION_) == 0;
}

bool
sealed_parse(struct span text, struct sealed *v)
{
	const size_t before = sizeof VERSION_ + KEY_ID_SIZE;	/* the two colons instead of the two NULs */
	const char *id = text.p + sizeof VERSION_;

	if (!sealed_begins(text) || text.len < before + (GCM_NONCE + GCM_TAG + 2) / 3 * 4 || !aes_key_is_id(id, KEY_ID_SIZE - 1) ||
	    id[KEY_ID_SIZE - 1] != ':')
		return false;
	memcpy(v->id, id, KEY_ID_SIZE - 1);
	v->id[KEY_ID_SIZE - 1] = '\0';
	v->body = (struct span){ text.p + before, text.len - before };
	return true;
}

bool
sealed_open(struct sealer *s, const struct aes_key *key, struct span field, struct span bound, const struct sealed *v,
    struct buf *out)
{
	unsigned char *p;
	size_t len;

	buf_clear(&s->bytes);
	if (!base64_get(v->body.p, v->body.len, &s->bytes) || s->bytes.len < GCM_NONCE + GCM_TAG)
		return false;
	p = (unsigned char *)s->bytes.p;
	len = s->bytes.len - GCM_NONCE - GCM_TAG;
	if (!gcm_decrypt(&s->gcm, key, p, gather(s, key, field, bound), p + GCM_NONCE, len))
		return false;
	buf_add(out, p + GCM_NONCE, len);
	return true;
}

bool
sealed_old_form(struct span text)
{
	size_t pad = 0, len = text.len / 4 * 3;

	if (text.len == 0 || text.len % 4 != 0)
		return false;
	for (; pad < 2 && text.p[text.len - 1 - pad] == '='; pad++)
		len--;
	if (len < 2 * BLOCK || len % BLOCK != 0)
		return false;
	for (size_t i = 0; i < text.len - pad; i++) {
		char c = text.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
			return false;
	}
	return true;
}

static const EVP_CIPHER *
cbc(size_t key_len)
{
	return key_len == 16 ? EVP_aes_128_cbc() : key_len == 24 ? EVP_aes_192_cbc() : EVP_aes_256_cbc();
}

bool
sealed_old_open(struct sealer *s, const struct aes_key *key, struct span text, struct buf *out)
{
	EVP_CIPHER_CTX *ctx;
	unsigned char *p, *to;
	size_t len;
	int n = 0, last = 0;
	bool ok = false;

	buf_clear(&s->bytes);
	if (!base64_get(text.p, text.len, &s->bytes) || s->bytes.len < 2 * BLOCK || s->bytes.len - BLOCK > INT32_MAX - BLOCK ||
	    (ctx = EVP_CIPHER_CTX_new()) == NULL)
		return false;
	p = (unsigned char *)s->bytes.p;
	len = s->bytes.len - BLOCK;
	if ((to = (unsigned char *)buf_reserve(out, len + BLOCK)) != NULL) {
		ok = EVP_DecryptInit_ex(ctx, cbc(key->len), NULL, key->bytes, p) == 1 &&
		    EVP_DecryptUpdate(ctx, to, &n, p + BLOCK, (int)len) == 1 && EVP_DecryptFinal_ex(ctx, to + n, &last) == 1 &&
		    scan_utf8((const char *)to, (size_t)(n + last)) == NULL;
		if (ok)
			out->len += (size_t)(n + last);
		else
			OPENSSL_cleanse(to, len + BLOCK);
	}
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

void
sealer_free(struct sealer *s)
{
	EVP_CIPHER_CTX_free(s->gcm.ctx);
	wipe_buf(&s->data);
	wipe_buf(&s->bytes);
	*s = (struct sealer){ 0 };
}
