/*
 * clock.c - LD_PRELOAD: let a tool live at another time.
 *
 * CLOCK_MS=T is what CLOCK_REALTIME says, in ms since 1970; it stands still.  Without it,
 * and for all other clocks, nothing changes: timeouts and waits are real.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	const char *s = getenv("CLOCK_MS");
	long long ms;

	if (id != CLOCK_REALTIME || s == NULL)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ms = atoll(s);
	ts->tv_sec = (time_t)(ms / 1000);
	ts->tv_nsec = (long)(ms % 1000) * 1000000;
	return 0;
}
