#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sig.h"

#define PIPE_BYTES (1 << 20)

int
io_wait(int fd, int timeout_ms)
{
	struct pollfd p[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = sig_fd(), .events = POLLIN },
	};

	for (;;) {
		int n = poll(p, 2, timeout_ms);

		if (sig_caught() != 0) {
			errno = EINTR;
			return -1;
		}
		if (n > 0 && p[0].revents != 0)
			return 1;
		if (n == 0)
			return 0;
		if (n == -1 && errno != EINTR)
			return -1;
	}
}

ssize_t
io_read_file(int fd, void *p, size_t len)
{
	ssize_t n;

	do
		n = read(fd, p, len);
	while (n == -1 && errno == EINTR);
	return n;
}

ssize_t
io_read(int fd, void *p, size_t len)
{
	bool wait = sig_fd() != -1;

	for (;;) {
		ssize_t n;

		if (wait && io_wait(fd, -1) == -1)
			return -1;
		n = read(fd, p, len);
		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n;
		wait = wait || errno == EAGAIN;		/* whoever we share it with may have made it so */
	}
}

int
io_write(int fd, const void *p, size_t len)
{
	const char *s = p;

	while (len > 0) {
		ssize_t n = write(fd, s, len);

		if (n > 0) {
			s += n;
			len -= (size_t)n;
		} else if (n == -1 && errno == EAGAIN) {
			struct pollfd w = { .fd = fd, .events = POLLOUT };

			(void)poll(&w, 1, -1);
		} else if (n == -1 && errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

int
io_open_input(const char **name)
{
	if (strcmp(*name, "-") != 0)
		return open(*name, O_RDONLY | O_CLOEXEC);
	*name = "stdin";
	return 0;
}

void
io_close_input(int fd)
{
	if (fd != 0)
		close(fd);
}

/* Has the file its last newline?  What is not a regular file, or may not be read, is taken as if. */
static bool
ends_whole(const char *path, int fd)
{
	struct stat st;
	char last = '\n';
	int in;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size == 0 || (in = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return true;
	if (pread(in, &last, 1, st.st_size - 1) != 1)
		last = '\n';
	close(in);
	return last == '\n';
}

int
io_open_lines(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), saved;

	if (fd == -1 || ends_whole(path, fd) || io_write(fd, "\n", 1) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

bool
io_is(int fd, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && S_ISREG(a.st_mode) && (strcmp(name, "-") == 0 ? fstat(0, &b) : stat(name, &b)) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void
io_tune(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return;
#ifdef F_SETPIPE_SZ
	if (S_ISFIFO(st.st_mode))
		(void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
#endif
	if (S_ISREG(st.st_mode))
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}
