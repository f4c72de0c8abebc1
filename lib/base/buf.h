/*
 * buf.h - a byte buffer that grows, with an optional bound.
 *
 * A zeroed struct buf is an empty one.  Growth beyond max (bytes; 0 is none)
 * is refused: the buffer keeps what it has and full stays set, so a caller may
 * check once at the end.  buf_pad puts the sentinel that the JSON scanner
 * wants behind the bytes, without counting it.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#define BUF_PAD 64		/* readable bytes behind a padded buffer: '\n', then zeros */

struct buf {
	char	*p;		/* owned; not NUL terminated unless buf_str was called */
	size_t	 len, cap;
	size_t	 max;
	bool	 full;		/* something did not fit into max */
};

void	 buf_add(struct buf *b, const void *p, size_t len);
void	 buf_addc(struct buf *b, char c);
void	 buf_adds(struct buf *b, const char *s);
void	 buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char	*buf_reserve(struct buf *b, size_t len);	/* room for len more; NULL beyond max */
void	 buf_pad(struct buf *b);
const char *buf_str(struct buf *b);	/* NUL terminated; valid until the next change */
void	 buf_clear(struct buf *b);	/* keeps the memory */
void	 buf_free(struct buf *b);
/* Make blanks of the control characters from there on: text of others becomes a part of a message of one line. */
void	 buf_one_line(struct buf *b, size_t from);

#endif
