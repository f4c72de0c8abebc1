/*
 * spool.h - rows in a file without a name, and the lines that they came from.
 *
 * A thread compresses them into a second one, one gzip member, while they come and after that; what is there of it
 * can be read meanwhile.
 */
#ifndef BQ_LOAD_SPOOL_H
#define BQ_LOAD_SPOOL_H

#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>

#include "json/scan.h"

struct spool;

/* Returns new (spool_free), or NULL with errno. */
struct spool *spool_new(void);
void	spool_free(struct spool *sp);

/* Add a line, with its newline.  These return 0, or -1 with errno. */
int	spool_add(struct spool *sp, const char *file, uint64_t line, struct span row) __attribute__((warn_unused_result));
/* No line will be added. */
int	spool_end(struct spool *sp) __attribute__((warn_unused_result));

uint64_t spool_rows(const struct spool *sp);
uint64_t spool_plain(const struct spool *sp);	/* bytes of the rows */

/*
 * Read len bytes of what is compressed, from there on, which is not behind what was read before; waits for them, so spool_end comes
 * first.  Returns the count, less than len only at the end, or -1 with errno (EINTR: a signal asks to stop).
 */
ssize_t	spool_read(struct spool *sp, int64_t from, void *p, size_t len) __attribute__((warn_unused_result));

/* Read it all again: at is the place of the row in the plain data. */
typedef int spool_fn(void *arg, const char *file, uint64_t line, uint64_t at, struct span row);
/* Until fn returns another value than 0, which is returned then. */
int	spool_walk(struct spool *sp, spool_fn *fn, void *arg) __attribute__((warn_unused_result));

#endif
