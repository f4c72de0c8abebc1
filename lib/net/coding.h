/*
 * coding.h - bodies in a content coding: gzip and deflate (RFC 9110, 8.4.1).
 */
#ifndef NET_CODING_H
#define NET_CODING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * Append the body that these bytes are, by the value of Content-Encoding (NULL: none).  At most max bytes; of a damaged or cut one,
 * what can be read.  Returns NULL, or what is wrong (static).
 */
const char *coding_decode(const char *coding, const void *p, size_t len, size_t max, struct buf *out);

/* Append what is left of the value of an Accept-Encoding when only codings are offered that coding_decode knows. */
void	coding_offer(const char *accept, struct buf *out);

#endif
