#include "recorder/latest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sig.h"

#define FOLDER	"real_time"
#define NAME	"latest.json"
#define TEMP	".latest.json.new"	/* one at a time: its writer holds the lock */
#define LOCK	".lock"

size_t
latest_cut(const char *lines, size_t len, size_t keep)
{
	size_t from = len;

	while (from > 0 && keep-- > 0) {
		const char *newline = memrchr(lines, '\n', from - 1);
		size_t begin = newline == NULL ? 0 : (size_t)(newline + 1 - lines);

		if (len - begin > LATEST_BYTES && from != len)
			break;
		from = begin;
	}
	return from;
}

/* Valid records, each with its newline?  A power cut can leave anything. */
static bool
are_records(struct buf *b)
{
	struct scan s = { 0 };
	const char *p = b->p, *end;

	if (b->len != 0 && b->p[b->len - 1] != '\n')
		return false;
	buf_pad(b);
	for (end = b->p + b->len; p < end && (p = scan_record(&s, p)) != NULL && p < end; p++)
		;
	scan_free(&s);
	return p == end;
}

/* Read the file's last bytes, from the beginning of a line on. */
static int
read_tail(int fd, struct buf *b)
{
	const char *newline = "";
	struct stat st;
	off_t from;
	size_t want;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return -1;
	from = st.st_size > LATEST_BYTES ? st.st_size - LATEST_BYTES - 1 : 0;
	want = (size_t)(st.st_size - from);
	if (lseek(fd, from, SEEK_SET) == -1)
		return -1;
	buf_reserve(b, want);
	while (b->len < want && (n = io_read_file(fd, b->p + b->len, want - b->len)) != 0) {
		if (n == -1)
			return -1;
		b->len += (size_t)n;
	}
	if (from != 0 && (newline = memchr(b->p, '\n', b->len)) != NULL) {
		b->len -= (size_t)(newline + 1 - b->p);
		memmove(b->p, newline + 1, b->len);
	}
	if (newline == NULL || !are_records(b))
		buf_clear(b);
	return 0;
}

static int
read_old(const struct tree *t, struct buf *b)
{
	int fd = tree_open_file(t, LATEST_PATH), r, saved;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	r = read_tail(fd, b);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static int
write_new(const struct tree *t, int dir, const struct buf *b, size_t from, bool sync)
{
	int fd, r, saved;

	unlinkat(dir, TEMP, 0);		/* of a crash */
	fd = openat(dir, TEMP, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, TREE_FILE_MODE);
	if (fd == -1)
		return -1;
	r = io_write(fd, b->p + from, b->len - from);
	if (r == 0 && sync)
		r = fsync(fd);
	saved = errno;
	close(fd);
	errno = saved;
	if (r == -1 || renameat(dir, TEMP, dir, NAME) == -1) {
		saved = errno;
		unlinkat(dir, TEMP, 0);
		errno = saved;
		return -1;
	}
	return sync ? tree_sync_dirs(t, LATEST_PATH) : 0;
}

static int
take_lock(int dir)
{
	int fd = openat(dir, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, TREE_FILE_MODE), saved;

	while (fd != -1 && flock(fd, LOCK_EX) == -1) {
		if (errno == EINTR && sig_caught() == 0)
			continue;
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int
latest_add(const struct tree *t, const char *lines, size_t len, size_t keep, bool sync)
{
	int dir = tree_open_dir(t, FOLDER, true), lock = -1, r = -1, saved;
	struct buf b = { 0 };

	if (dir != -1 && (lock = take_lock(dir)) != -1 && read_old(t, &b) == 0) {
		buf_add(&b, lines, len);
		r = write_new(t, dir, &b, latest_cut(b.p, b.len, keep), sync);
	}
	saved = errno;
	buf_free(&b);
	if (lock != -1)
		close(lock);
	if (dir != -1)
		close(dir);
	errno = saved;
	return r;
}
