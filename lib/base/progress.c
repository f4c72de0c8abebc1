#include "base/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/msg.h"
#include "base/when.h"

#define REDRAW_MS 200
#define BAR_WIDTH 24

static struct {
	bool	 on, shown;
	int64_t	 start, drawn;
	const char *what;
} line;

static void
put(const char *s, size_t len)
{
	if (io_write(2, s, len) == -1)
		line.on = false;
}

void
progress_start(enum progress_when when, const char *what)
{
	line.on = when == PROGRESS_ALWAYS || (when == PROGRESS_AUTO && isatty(2) && msg_level > MSG_QUIET);
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
	seconds = (double)(now - line.start + 1) / 1e3;
	n = snprintf(s, sizeof s, "\r\033[K%s: %llu %s, %.0f/s", msg_name(), (unsigned long long)records, line.what,
	    (double)records / seconds);
	if (total != 0 && done <= total && n > 0) {
		double part = (double)done / (double)total;
		int full = (int)(part * BAR_WIDTH);

		n += snprintf(s + n, sizeof s - (size_t)n, " [%.*s%*s] %.0f%%", full, "########################", BAR_WIDTH - full, "", part * 100);
		if (done != 0)
			n += snprintf(s + n, sizeof s - (size_t)n, ", %.0f s left", seconds * (1 - part) / part);
	}
	put(s, (size_t)n);
	line.drawn = now;
	line.shown = true;
}

void
progress_clear(void)
{
	if (!line.shown)
		return;		/* also of messages of several threads */
	put("\r\033[K", 4);
	line.shown = false;
}
