/*
 * std.h - the standard streams of a tool.
 */
#ifndef BASE_STD_H
#define BASE_STD_H

#include <stddef.h>

#include "base/buf.h"

/* Open fds 0-2 on /dev/null where they are closed, so that no file of ours becomes one of them. */
void	std_open(void);

/*
 * Write all of it to stdout.  A closed pipe ends the process by SIGPIPE, as if the signal had
 * not been ignored; any other error ends it with status 3 and a message.
 */
void	std_out(const void *p, size_t len);

/*
 * The same, gathering what is short in out (and writing that when it is much); a long piece, such as lines that are neighbours in
 * memory, costs less without a copy.  The end of out is the caller's to write, by std_flush.
 */
void	std_put(struct buf *out, const void *p, size_t len);
void	std_flush(struct buf *out);

/*
 * Wait, with nothing to write.  Returns 0 after timeout_ms, or -1 when a signal asks to stop (sig.h).  A pipe that nobody reads
 * any more ends the process, as in std_out.
 */
int	std_wait(int timeout_ms) __attribute__((warn_unused_result));

/* Close stdout and return status, or complain and return 3 when that fails. */
int	std_close(int status) __attribute__((warn_unused_result));

#endif
