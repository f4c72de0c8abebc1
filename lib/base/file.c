#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/sig.h"

#define READ_BYTES (256u << 10)

int
file_read_fd(int fd, struct buf *b)
{
	ssize_t n;

	do {
		size_t want = READ_BYTES;

		if (b->max != 0 && want > b->max - b->len + 1)
			want = b->max - b->len + 1;
		b->p = mem_grow(b->p, &b->cap, b->len + want + BUF_PAD, 1);
		n = io_read(fd, b->p + b->len, want);
		if (n > 0)
			b->len += (size_t)n;
		if (b->max != 0 && b->len > b->max) {
			errno = EFBIG;
			return -1;
		}
	} while (n > 0);
	return (int)n;
}

int
file_read(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r, saved;

	if (fd == -1)
		return -1;
	r = file_read_fd(fd, b);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static bool
same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int
file_lock(const char *path, mode_t mode, bool wait)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, mode);
		int saved;

		if (fd == -1)
			return -1;
		while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) == -1) {
			if (errno == EINTR && sig_caught() == 0)
				continue;
			saved = errno;
			close(fd);
			errno = saved;
			return -1;
		}
		if (same_file(fd, path))
			return fd;
		close(fd);	/* replaced while we waited */
	}
}

int
file_sync_dir(const char *path)
{
	char *copy = mem_dup(path, strlen(path));
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = -1;

	free(copy);
	if (fd == -1)
		return -1;
	/* Some file systems refuse to sync a directory; there is nothing better to do on them. */
	if (fsync(fd) == 0 || errno == EINVAL || errno == EROFS)
		r = 0;
	close(fd);
	return r;
}

int
newfile_begin(struct newfile *n, const char *path, mode_t mode)
{
	char *real = realpath(path, NULL);	/* what a symbolic link names is replaced, not the link */
	const char *slash;
	size_t dir, size;
	struct stat st;

	n->fd = -1;
	n->path = real != NULL ? real : mem_dup(path, strlen(path));
	path = n->path;
	slash = strrchr(path, '/');
	dir = slash ? (size_t)(slash + 1 - path) : 0;
	size = strlen(path) + sizeof ".." ".XXXXXX";
	n->temp = mem_alloc(size);
	snprintf(n->temp, size, "%.*s.%s.XXXXXX", (int)dir, path, path + dir);
	n->fd = mkostemp(n->temp, O_CLOEXEC);
	if (n->fd == -1) {
		int saved = errno;

		free(n->temp);
		free(n->path);
		errno = saved;
		return -1;
	}
	if (stat(path, &st) == 0)
		mode = st.st_mode & 07777;
	if (fchmod(n->fd, mode) == -1) {
		newfile_abort(n);
		return -1;
	}
	return 0;
}

static void
release(struct newfile *n, bool keep_fd)
{
	int saved = errno;

	if (n->fd != -1 && !keep_fd) {
		close(n->fd);
		n->fd = -1;
	}
	free(n->temp);
	free(n->path);
	n->temp = n->path = NULL;
	errno = saved;
}

int
newfile_commit(struct newfile *n, bool keep_fd)
{
	if (fsync(n->fd) == -1 || rename(n->temp, n->path) == -1) {
		newfile_abort(n);
		return -1;
	}
	if (file_sync_dir(n->path) == -1) {
		release(n, false);
		return -1;
	}
	release(n, keep_fd);
	return 0;
}

void
newfile_abort(struct newfile *n)
{
	int saved = errno;

	if (n->temp != NULL)
		unlink(n->temp);
	errno = saved;
	release(n, false);
}

int
file_replace(const char *path, mode_t mode, const void *p, size_t len)
{
	struct newfile n;

	if (newfile_begin(&n, path, mode) == -1)
		return -1;
	if (io_write(n.fd, p, len) == -1) {
		newfile_abort(&n);
		return -1;
	}
	return newfile_commit(&n, false);
}

const char *
file_temp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir != NULL && *dir != '\0' ? dir : "/tmp";
}

int
file_unnamed(void)
{
	const char *dir = file_temp_dir();
	char path[4096];
	int fd;

	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd != -1 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if ((size_t)snprintf(path, sizeof path, "%s/llmutils.XXXXXX", dir) >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((fd = mkostemp(path, O_CLOEXEC)) != -1)
		unlink(path);
	return fd;
}
