/*
 * reader.h - whole lines by the block.
 *
 * A block is what one read(2) brought (files: up to 256 KiB, which stays in the
 * L2 cache), cut behind its last newline; the rest begins the next block.  From a
 * pipe nothing waits for more.  A line longer than max_line comes in pieces, marked as such.
 * A leading BOM is dropped, a last line without a newline gets one.
 */
#ifndef NDJSON_READER_H
#define NDJSON_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct reader {
	int	 fd;		/* borrowed */
	/* Where it is set it is read instead of fd: as read(2), -1 with errno. */
	ssize_t	(*source)(void *ctx, void *p, size_t len);
	void	*ctx;
	size_t	 max_line;	/* bytes, without the newline */
	size_t	 block;		/* bytes that are asked for at once */
	uint64_t bytes;		/* read so far */
	uint64_t total;		/* size of a regular file; 0: unknown */
	int	 timeout_ms;	/* of READ_IDLE; -1: none */
	bool	 steady;	/* a signal does not end it */
	struct buf carry;
	bool	 begun, ended, in_long;
};

enum read_status {
	READ_LINES,	/* whole lines, padded for the scanner */
	READ_LONG,	/* a piece of a line that is too long; the last one ends with its newline */
	READ_IDLE,	/* nothing came for timeout_ms */
	READ_END,
	READ_ERROR,	/* errno; EINTR: a signal asks to stop (base/sig.h); reading on loses the line it stood in */
};

void	reader_init(struct reader *r, int fd, size_t max_line);
void	reader_init_source(struct reader *r, ssize_t (*source)(void *, void *, size_t), void *ctx, size_t max_line);
/* Read the next block into b, whose memory is reused. */
enum read_status reader_next(struct reader *r, struct buf *b);
void	reader_free(struct reader *r);

#endif
