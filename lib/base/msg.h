/*
 * msg.h - messages on stderr and the exit statuses of every tool.
 *
 * A message is one line, "tool: text\n", written by one write(2).  Control
 * characters in it (names and server text come from outside) are shown as "?".
 * Only cmd/ prints and exits, with these exceptions, which are the same for all tools: memory that
 * is gone (mem.h), stdout that fails (std.h), rejected lines (ndjson/reject.h), and
 * what the network makes one wait for (net/http.h).
 */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include <stdbool.h>

enum {
	ST_OK = 0,		/* everything was processed */
	ST_REJECTED = 1,	/* finished, some records were rejected */
	ST_USAGE = 2,		/* wrong usage or configuration; nothing was done */
	ST_FAILED = 3,		/* gave up; run again to resume */
};

enum msg_level { MSG_QUIET, MSG_NORMAL, MSG_VERBOSE };

extern enum msg_level msg_level;	/* set by -q and -v */

void	msg_init(const char *argv0);	/* borrows argv0; keeps its last component */
const char *msg_name(void);

/* Something is wrong: always printed. */
void	warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Worth knowing, but not with -q. */
void	note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Only with -v. */
void	verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	die(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));

/* The larger of two statuses: the worst is sticky. */
int	worse(int a, int b);

#endif
