#include "crypt/key.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/mem.h"
#include "base/mem.h"
#include "crypt/base64.h"

#define ID_BYTES ((KEY_ID_SIZE - 1) / 2)
#define BETWEEN ", \t\r\n"	/* the keys of a list */

bool
aes_key_set(struct aes_key *key, const void *p, size_t len)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	if (len != 16 && len != 24 && len != KEY_BYTES)
		return false;
	memcpy(key->bytes, p, len);
	key->len = len;
	/* Where memory is gone before OpenSSL has made its context, it fails to notice and crashes. */
	if (OSSL_LIB_CTX_get0_global_default() == NULL || SHA256(key->bytes, len, hash) == NULL)
		mem_none();
	for (size_t i = 0; i < ID_BYTES; i++)
		snprintf(key->id + 2 * i, 3, "%02x", hash[i]);
	return true;
}

bool
aes_key_is_id(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
			return false;
	return len == KEY_ID_SIZE - 1;
}

void
wipe_buf(struct buf *b)
{
	if (b->p != NULL)
		OPENSSL_cleanse(b->p, b->cap);
	buf_free(b);
}

void
wipe_text(char *s)
{
	if (s != NULL)
		OPENSSL_cleanse(s, strlen(s));
	free(s);
}

static bool
parse_key(struct aes_key *key, const char *text, size_t len)
{
	struct buf bytes = { 0 };
	bool ok = base64_get_any(text, len, &bytes) && aes_key_set(key, bytes.p, bytes.len);

	wipe_buf(&bytes);
	return ok;
}

/* How many keys can stand in this text at most. */
static size_t
count_keys(const char *text)
{
	size_t n = 0;

	for (; text != NULL && *text != '\0'; n++) {
		text += strspn(text, BETWEEN);
		text += strcspn(text, BETWEEN);
	}
	return n;
}

static bool
read_secret(const char *name, char **text, struct buf *error)
{
	const char *const names[] = { name, NULL };
	char *path = NULL;

	if (env_secret(names, text, &path) == 0)
		return true;
	buf_addf(error, "%s_FILE: %s: %s", name, path, strerror(errno));
	free(path);
	return false;
}

static bool
parse_old(struct aes_keys *keys, const char *text, struct buf *error)
{
	for (const char *p = text + strspn(text, BETWEEN); *p != '\0'; p += strspn(p, BETWEEN)) {
		size_t len = strcspn(p, BETWEEN);

		if (!parse_key(&keys->v[keys->n], p, len)) {
			buf_addf(error, "BOTRUN_LOG_AES_KEYS_OLD: key %zu is not 16, 24 or 32 bytes in base64",
			    keys->n - keys->writes + 1);
			return false;
		}
		keys->n++;
		p += len;
	}
	return true;
}

int
aes_keys_load(struct aes_keys *keys, struct buf *error)
{
	char *key = NULL, *old = NULL;
	int r = -1;

	*keys = (struct aes_keys){ 0 };
	if (!read_secret("BOTRUN_LOG_AES_KEY", &key, error) || !read_secret("BOTRUN_LOG_AES_KEYS_OLD", &old, error))
		goto out;
	keys->v = mem_zero(1 + count_keys(old), sizeof *keys->v);	/* never moved: nothing would wipe the old place */
	if (key != NULL) {
		if (!parse_key(&keys->v[0], key, strlen(key))) {
			buf_adds(error, "BOTRUN_LOG_AES_KEY: not 32 bytes in base64; make one with: head -c 32 /dev/urandom | base64");
			goto out;
		}
		keys->n = 1;
		keys->writes = keys->v[0].len == KEY_BYTES;
	}
	if (old == NULL || parse_old(keys, old, error))
		r = 0;
out:
	wipe_text(key);
	wipe_text(old);
	if (r == -1)
		aes_keys_free(keys);
	return r;
}

const struct aes_key *
aes_keys_find(const struct aes_keys *keys, const char *id)
{
	for (size_t i = 0; i < keys->n; i++)
		if (strcmp(keys->v[i].id, id) == 0)
			return &keys->v[i];
	return NULL;
}

void
aes_keys_free(struct aes_keys *keys)
{
	if (keys->v != NULL)
		OPENSSL_cleanse(keys->v, keys->n * sizeof *keys->v);
	free(keys->v);
	*keys = (struct aes_keys){ 0 };
}
