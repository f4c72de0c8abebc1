#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
	for (;;) {
		ssize_t n;

		if (sig_fd() != -1 && io_wait(fd, -1) == -1)
			return -1;
		n = read(fd, p, len);
		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n;
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
