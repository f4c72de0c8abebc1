#include "base/msg.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/progress.h"

enum msg_level msg_level = MSG_NORMAL;

static const char *name = "llmutils";

void
msg_init(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;

	if (argv0 != NULL)
		name = slash ? slash + 1 : argv0;
}

const char *
msg_name(void)
{
	return name;
}

__attribute__((format(printf, 1, 0))) static void
print(const char *fmt, va_list ap)
{
	char line[4096];
	int n = snprintf(line, sizeof line, "%s: ", name);
	size_t len = n > 0 ? (size_t)n : 0;
	size_t room = sizeof line - 1 - len;

	n = vsnprintf(line + len, room, fmt, ap);
	if (n > 0)
		len += (size_t)n < room ? (size_t)n : room - 1;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] == 0xc2 && i + 1 < len && ((unsigned char)line[i + 1] & 0xe0) == 0x80)
			line[i] = line[i + 1] = '?';	/* U+0080 to U+009F: U+009B begins a terminal's commands as ESC [ does */
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[len++] = '\n';
	progress_make_room();
	if (io_write(2, line, len) == -1)
		return;		/* nowhere left to say it */
}

#define PRINT(fmt) do { va_list ap; va_start(ap, fmt); print(fmt, ap); va_end(ap); } while (0)

void
warn(const char *fmt, ...)
{
	PRINT(fmt);
}

void
note(const char *fmt, ...)
{
	if (msg_level > MSG_QUIET)
		PRINT(fmt);
}

void
verbose(const char *fmt, ...)
{
	if (msg_level >= MSG_VERBOSE)
		PRINT(fmt);
}

void
die(int status, const char *fmt, ...)
{
	PRINT(fmt);
	exit(status);
}

int
worse(int a, int b)
{
	return a > b ? a : b;
}
