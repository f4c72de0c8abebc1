#include "base/sig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

static atomic_int caught;	/* asked from any thread */
static int wake[2] = { -1, -1 };	/* a pipe: a signal may meet another thread than the one that waits */

static void
on_signal(int sig)
{
	int saved = errno;

	caught = sig;
	if (write(wake[1], "", 1) == -1)
		errno = saved;		/* full: it is readable already */
	errno = saved;
}

void
sig_catch(void)
{
	static const int stop[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal }, old;

	if (wake[0] != -1 || pipe2(wake, O_CLOEXEC | O_NONBLOCK) == -1)
		return;
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof stop / sizeof *stop; i++)
		if (sigaction(stop[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(stop[i], &sa, NULL);
}

int
sig_caught(void)
{
	return caught;
}

int
sig_fd(void)
{
	return wake[0];
}

int
sig_exit(int status)
{
	if (caught != 0) {
		signal(caught, SIG_DFL);
		raise(caught);
	}
	return status;
}

void
sig_ignore_pipe(void)
{
	signal(SIGPIPE, SIG_IGN);
}
