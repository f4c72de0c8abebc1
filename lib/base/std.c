#include "base/std.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/msg.h"

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

int
std_close(int status)
{
	if (close(1) == -1 && errno != EBADF) {
		warn("stdout: %s", strerror(errno));
		return worse(status, ST_FAILED);
	}
	return status;
}
