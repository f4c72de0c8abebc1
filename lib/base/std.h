/*
 * std.h - the standard streams of a tool.
 */
#ifndef BASE_STD_H
#define BASE_STD_H

#include <stddef.h>

/* Open fds 0-2 on /dev/null where they are closed, so that no file of ours becomes one of them. */
void	std_open(void);

/*
 * Write all of it to stdout.  A closed pipe ends the process by SIGPIPE, as if the signal had
 * not been ignored; any other error ends it with status 3 and a message.
 */
void	std_out(const void *p, size_t len);

/* Close stdout and return status, or complain and return 3 when that fails. */
int	std_close(int status) __attribute__((warn_unused_result));

#endif
