/*
 * reject.h - lines that a tool cannot take: named, kept, counted.
 *
 * The first ten are named on stderr, "tool: FILE:LINE:COLUMN: reason"; the rest
 * is one summary line at the end.  With a file, each is appended to it as it came, in whole lines.
 * For one thread at a time.
 */
#ifndef NDJSON_REJECT_H
#define NDJSON_REJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct rejects {
	const char *path;	/* borrowed; NULL: not kept */
	int	 fd;
	bool	 silent;	/* count only */
	uint64_t n;
	struct buf out;
};

/* Opens path where it is not NULL.  Returns 0, or -1 with errno. */
int	rejects_open(struct rejects *r, const char *path) __attribute__((warn_unused_result));
/* Misuse, which ends the tool: this operand, which is to be read, is the file itself. */
void	rejects_check(const struct rejects *r, const char *operand);

/*
 * line is 1-based (0: the file), column too (0: the whole line); reason is printed as it is.  text is the line,
 * with or without its newline.
 */
void	rejects_add(struct rejects *r, const char *file, uint64_t line, size_t column, const char *reason,
	    const char *text, size_t len);

/* Keep more bytes of the line that was added last (a line that is longer than what is read at once). */
void	rejects_more(struct rejects *r, const char *text, size_t len);

/* Write what is pending, as before one waits for more input; a failure ends the tool. */
void	rejects_flush(struct rejects *r);

/* Writes what is pending, prints the summary, closes.  Returns 0, or -1 with errno. */
int	rejects_close(struct rejects *r) __attribute__((warn_unused_result));

#endif
