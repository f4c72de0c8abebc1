#include "seal/keyring.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/rnd.h"
#include "crypt/base64.h"
#include "json/str.h"

#define FILE_MAX (256u << 20)	/* bytes: about a million runs */

/* ---- the file ---- */

static struct wrapped_key *
add(struct keyring *k)
{
	k->v = mem_grow(k->v, &k->cap, k->n + 1, sizeof *k->v);
	return k->v[k->n++] = mem_zero(1, sizeof **k->v);
}

static bool
get_text(const struct scan *s, const char *name, struct buf *out)
{
	const struct member *m = scan_find(s, name, strlen(name));

	if (m == NULL || !json_is_string(m->val))
		return false;
	json_decode(json_inside(m->val), out);
	return true;
}

/* One line; a key that another than kek_name wraps is left out.  False: it is no key at all. */
static bool
take_line(struct keyring *k, const struct scan *s, const char *kek_name)
{
	struct buf id = { 0 }, name = { 0 }, wrapped = { 0 }, bytes = { 0 };
	bool ok = true;

	if (!get_text(s, "kid", &id) || !get_text(s, "kek_name", &name) || !get_text(s, "wrapped_dek", &wrapped) ||
	    !aes_key_is_id(id.p, id.len) || !kms_is_name(buf_str(&name)) || !base64_get(wrapped.p, wrapped.len, &bytes)) {
		ok = false;
	} else if (kek_name == NULL || strcmp(kek_name, buf_str(&name)) == 0) {
		struct wrapped_key *w = add(k);

		memcpy(w->id, id.p, KEY_ID_SIZE - 1);
		w->kek_name = mem_dup(name.p, name.len);
		w->wrapped = bytes;
		bytes = (struct buf){ 0 };
	}
	buf_free(&id);
	buf_free(&name);
	buf_free(&wrapped);
	buf_free(&bytes);
	return ok;
}

int
keyring_load(struct keyring *k, const char *kek_name)
{
	struct buf file = { .max = FILE_MAX };
	struct scan s = { 0 };
	unsigned long line = 1;

	if (file_read(k->path, &file) == -1) {
		int saved = errno;

		buf_free(&file);
		errno = saved;
		return -1;
	}
	buf_pad(&file);
	for (const char *p = file.p, *end; p < file.p + file.len; p = end + 1, line++) {
		end = memchr(p, '\n', (size_t)(file.p + file.len + 1 - p));
		if (end == p)
			continue;
		if (scan_utf8(p, (size_t)(end - p)) != NULL || scan_record(&s, p) != end || !take_line(k, &s, kek_name))
			warn("%s:%lu: passed over: not {\"kid\",\"kek_name\",\"wrapped_dek\"}", k->path, line);
	}
	scan_free(&s);
	buf_free(&file);
	return 0;
}

/* Append a line and sync it, behind what a crash may have left of another. */
static int
append(const char *path, struct buf *line)
{
	int fd = file_lock(path, 0600, true), saved, r = -1;
	struct stat st;
	char last = '\n';

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_size == 0 || pread(fd, &last, 1, st.st_size - 1) == 1) &&
	    (last == '\n' || io_write(fd, "\n", 1) == 0) && io_write(fd, line->p, line->len) == 0 && fsync(fd) == 0)
		r = file_sync_dir(path);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

/* ---- keys ---- */

static void
bind(const char *id, struct buf *out)
{
	buf_adds(out, "llmutils seal v1 ");
	buf_adds(out, id);
}

const struct aes_key *
keyring_new_key(struct keyring *k, const char *kek_name, struct buf *error)
{
	struct wrapped_key *w = add(k);
	struct buf data = { 0 }, line = { 0 };
	unsigned char bytes[KEY_BYTES];

	rnd_bytes(bytes, sizeof bytes);
	aes_key_set(&w->key, bytes, sizeof bytes);
	OPENSSL_cleanse(bytes, sizeof bytes);
	memcpy(w->id, w->key.id, sizeof w->id);
	w->kek_name = mem_dup(kek_name, strlen(kek_name));
	bind(w->id, &data);
	if (kms_encrypt(k->kms, kek_name, (struct span){ (const char *)w->key.bytes, KEY_BYTES }, span_of(&data), &w->wrapped, error)) {
		buf_addf(&line, "{\"kid\":\"%s\",\"kek_name\":\"%s\",\"wrapped_dek\":\"", w->id, kek_name);
		base64_put(w->wrapped.p, w->wrapped.len, &line);
		buf_adds(&line, "\"}\n");
		w->open = append(k->path, &line) == 0;
		if (!w->open)
			buf_addf(error, "--keyring: %s: %s", k->path, strerror(errno));
	}
	buf_free(&data);
	buf_free(&line);
	return w->open ? &w->key : NULL;
}

static void
unwrap(struct keyring *k, struct wrapped_key *w, struct buf *error)
{
	struct buf data = { 0 }, bytes = { 0 };

	bind(w->id, &data);
	if (kms_decrypt(k->kms, w->kek_name, span_of(&w->wrapped), span_of(&data), &bytes, error)) {
		w->open = bytes.len == KEY_BYTES && aes_key_set(&w->key, bytes.p, bytes.len) && strcmp(w->key.id, w->id) == 0;
		if (!w->open)
			buf_addf(error, "KMS: %s: what it unwrapped is not the key %s", w->kek_name, w->id);
	}
	buf_free(&data);
	wipe_buf(&bytes);
}

const struct aes_key *
keyring_find(struct keyring *k, const char *id, struct buf *error)
{
	const struct aes_key *key = NULL;

	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < k->n && key == NULL; i++) {
		struct wrapped_key *w = k->v[i];

		if (strcmp(w->id, id) != 0)
			continue;
		if (!w->open && k->failure.len == 0)
			unwrap(k, w, &k->failure);
		if (!w->open) {
			buf_add(error, k->failure.p, k->failure.len);
			break;
		}
		key = &w->key;
	}
	pthread_mutex_unlock(&k->lock);
	return key;
}

void
keyring_free(struct keyring *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->v[i]->kek_name);
		buf_free(&k->v[i]->wrapped);
		OPENSSL_cleanse(&k->v[i]->key, sizeof k->v[i]->key);
		free(k->v[i]);
	}
	free(k->v);
	kms_free(k->kms);
	buf_free(&k->failure);
	k->v = NULL;
	k->n = 0;
}
