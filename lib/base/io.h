/*
 * io.h - read(2) and write(2) with EINTR, short counts and signals handled once.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Read what is there, up to len bytes, waiting for the first.  Returns the
 * count, 0 at the end, or -1 with errno; EINTR means that a caught signal
 * (sig.h) asks the tool to stop.
 */
ssize_t	io_read(int fd, void *p, size_t len) __attribute__((warn_unused_result));
/* The same from a file, even when a signal asks to stop. */
ssize_t	io_read_file(int fd, void *p, size_t len) __attribute__((warn_unused_result));

/*
 * Wait until fd can be read.  Returns 1, 0 after timeout_ms (-1: no limit), or
 * -1 with errno, EINTR as above.
 */
int	io_wait(int fd, int timeout_ms) __attribute__((warn_unused_result));

/* Write all of it.  Returns 0, or -1 with errno. */
int	io_write(int fd, const void *p, size_t len) __attribute__((warn_unused_result));

/*
 * Open an operand for reading: "-" is stdin, and *name then becomes "stdin", for messages.
 * Returns the fd (io_close_input), or -1 with errno.
 */
int	io_open_input(const char **name);
void	io_close_input(int fd);

/*
 * Open a file for the owner only, to append whole lines to it; where it ends in the middle of one (a full disk), that gets its
 * newline.  Returns the fd, or -1 with errno.
 */
int	io_open_lines(const char *path) __attribute__((warn_unused_result));

/* Is this operand the regular file that is open as fd?  Who appends to what he reads comes to no end. */
bool	io_is(int fd, const char *name);

/* Read ahead, larger pipes: hints whose failure does not matter. */
void	io_tune(int fd);

#endif
