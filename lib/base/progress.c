#include "base/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/msg.h"
#include "base/when.h"

#define REDRAW_MS 200
#define BAR_WIDTH 24
#define WIPE "\r\033[K"

static struct {
	bool	 on, shared, shown;
	int64_t	 start, drawn;
	const char *what;
} line;

static void
put(const char *s, size_t len)
{
	if (io_write(2, s, len) == -1)
		line.on = false;
}

/* Returns whether the terminal of that descriptor is this process's own to draw on, from now to its end; also where it has no locks. */
static bool
own_terminal(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &whole) == 0 || (errno != EAGAIN && errno != EACCES);
}

void
progress_start(enum progress_when when, const char *what, bool writes)
{
	line.shared = when == PROGRESS_AUTO && isatty(2);
	line.on = when == PROGRESS_ALWAYS || (line.shared && msg_level > MSG_QUIET);
	if (when == PROGRESS_AUTO && writes && isatty(1)) {
		own_terminal(1);
		line.on = line.shared = false;
	}
	line.start = when_mono();
	line.drawn = when == PROGRESS_AUTO ? line.start : 0;	/* work of a moment needs no line */
	line.what = what;
}

void
progress_show(uint64_t records, uint64_t done, uint64_t total)
{
	int64_t now;
	double seconds;
	char s[256];
	int n;

	if (!line.on || (now = when_mono()) - line.drawn < REDRAW_MS)
		return;
	line.drawn = now;
	if (line.shared && !own_terminal(2))
		return;
	seconds = (double)(now - line.start + 1) / 1e3;
	n = snprintf(s, sizeof s, WIPE "%s: %llu %s, %.0f/s", msg_name(), (unsigned long long)records, line.what,
	    (double)records / seconds);
	if (total != 0 && done <= total && n > 0) {
		double part = (double)done / (double)total;
		int full = (int)(part * BAR_WIDTH);

		n += snprintf(s + n, sizeof s - (size_t)n, " [%.*s%*s] %.0f%%", full, "########################", BAR_WIDTH - full, "", part * 100);
		if (done != 0)
			n += snprintf(s + n, sizeof s - (size_t)n, ", %.0f s left", seconds * (1 - part) / part);
	}
	put(s, (size_t)n);
	line.shown = true;
}

void
progress_clear(void)
{
	if (!line.shown)
		return;		/* also of messages of several threads */
	put(WIPE, strlen(WIPE));
	line.shown = false;
}

void
progress_make_room(void)
{
	if (line.shared && !line.shown)
		put(WIPE, strlen(WIPE));
	progress_clear();
}
