#include "base/std.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/msg.h"
#include "base/sig.h"

#define LONG_PIECE	(16u << 10)	/* bytes from which a call of write costs less than a copy */
#define MUCH		(256u << 10)

void
std_open(void)
{
	/* In the wrong direction, so that using a closed stdin or stdout still fails. */
	static const int mode[] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", mode[fd]) == -1)
			_exit(ST_FAILED);
}

static void
stdout_failed(void)
{
	if (errno == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	die(ST_FAILED, "stdout: %s", strerror(errno));
}

void
std_out(const void *p, size_t len)
{
	if (io_write(1, p, len) == -1)
		stdout_failed();
}

void
std_flush(struct buf *out)
{
	std_out(out->p, out->len);
	buf_clear(out);
}

void
std_put(struct buf *out, const void *p, size_t len)
{
	if (len >= LONG_PIECE || out->len + len > MUCH)
		std_flush(out);
	if (len >= LONG_PIECE)
		std_out(p, len);
	else
		buf_add(out, p, len);
}

int
std_wait(int timeout_ms)
{
	/* Nothing is asked of stdout: what comes is POLLERR or POLLHUP. */
	struct pollfd p[2] = { { .fd = 1 }, { .fd = sig_fd(), .events = POLLIN } };
	int n = poll(p, 2, timeout_ms);

	if (sig_caught() != 0)
		return -1;
	if (n > 0 && p[0].revents != 0) {
		errno = EPIPE;
		stdout_failed();
	}
	return 0;
}

int
std_close(int status)
{
	if (close(1) == -1 && errno != EBADF) {
		warn("stdout: %s", strerror(errno));
		return worse(status, ST_FAILED);
	}
	return status;
}
