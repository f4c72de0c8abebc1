#include "store/keyfile.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"

#define MAGIC UINT64_C(0x317379656b6d6c6c)	/* "llmkeys1" read on a little-endian machine */
#define LOAD_KEYS 8192

struct header {
	uint64_t magic;
	struct keyseed seed;
	uint64_t zero;
};
_Static_assert(sizeof(struct header) == 32 && sizeof(struct fingerprint) == 16, "the file's layout");

static int
begin(struct keyfile *k)
{
	struct header h = { .magic = MAGIC, .seed = keyseed_random() };

	k->seed = h.seed;
	/* A crash may have left a part of the header: no key was stored then. */
	if (ftruncate(k->fd, 0) == -1 || io_write(k->fd, &h, sizeof h) == -1 || fsync(k->fd) == -1)
		return -1;
	return file_sync_dir(k->path);
}

static enum keyfile_status
check(struct keyfile *k)
{
	struct header h;
	struct stat st;

	if (fstat(k->fd, &st) == -1)
		return KEYFILE_ERRNO;
	if (!S_ISREG(st.st_mode))
		return KEYFILE_FOREIGN;
	if (st.st_size < (off_t)sizeof h) {
		uint64_t magic = MAGIC;
		ssize_t n = pread(k->fd, &h, sizeof h, 0);

		if (n > 0 && memcmp(&h, &magic, (size_t)n < sizeof magic ? (size_t)n : sizeof magic) != 0)
			return KEYFILE_FOREIGN;
		return n == -1 || begin(k) == -1 ? KEYFILE_ERRNO : KEYFILE_OK;
	}
	if (pread(k->fd, &h, sizeof h, 0) != (ssize_t)sizeof h)
		return KEYFILE_ERRNO;
	if (h.magic != MAGIC)
		return KEYFILE_FOREIGN;
	k->seed = h.seed;
	return KEYFILE_OK;
}

enum keyfile_status
keyfile_open(struct keyfile *k, const char *path)
{
	enum keyfile_status st;
	int saved;

	k->path = path;
	k->fd = file_lock(path, 0600, false);
	if (k->fd == -1)
		return errno == EWOULDBLOCK ? KEYFILE_BUSY : KEYFILE_ERRNO;
	if ((st = check(k)) != KEYFILE_OK) {
		saved = errno;
		close(k->fd);
		errno = saved;
	}
	return st;
}

int
keyfile_load(struct keyfile *k, struct keyset *s)
{
	static struct fingerprint f[LOAD_KEYS];
	off_t at = sizeof(struct header);
	struct stat st;

	if (fstat(k->fd, &st) == -1)
		return -1;
	st.st_size -= (st.st_size - at) % (off_t)sizeof *f;
	if (ftruncate(k->fd, st.st_size) == -1)
		return -1;
	/* Only the newest can stay in a bounded set. */
	if (s->bound != 0 && (uint64_t)(st.st_size - at) / sizeof *f > s->bound)
		at = st.st_size - (off_t)(s->bound * sizeof *f);
	keyset_reserve(s, (size_t)(st.st_size - at) / sizeof *f);	/* at once: growing needs half as much again */
	while (at < st.st_size) {
		ssize_t n = pread(k->fd, f, sizeof f, at);
		size_t keys;

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		keys = (size_t)n / sizeof *f;
		at += (off_t)(keys * sizeof *f);
		keyset_add_all(s, f, keys);
	}
	return 0;
}

int
keyfile_append(struct keyfile *k, const struct fingerprint *f, size_t n)
{
	return n == 0 ? 0 : io_write(k->fd, f, n * sizeof *f);
}

int
keyfile_close(struct keyfile *k)
{
	if (fsync(k->fd) == -1)
		return -1;
	return close(k->fd);
}
