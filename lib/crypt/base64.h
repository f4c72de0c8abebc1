/*
 * base64.h - bytes as text (RFC 4648).
 */
#ifndef CRYPT_BASE64_H
#define CRYPT_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Append the standard form, padded. */
void	base64_put(const void *p, size_t len, struct buf *out);
/* base64url: with '-' and '_' for '+' and '/', and without padding. */
void	base64_put_url(const void *p, size_t len, struct buf *out);

/*
 * Append the bytes that len characters spell.  Strict: the standard alphabet, padded, the unused bits of the last
 * character zero, so that no two texts spell the same bytes.  False: it is something else; out is as it was.
 */
bool	base64_get(const char *p, size_t len, struct buf *out);

/* The same for what people paste: also the alphabet with '-' and '_', also without padding. */
bool	base64_get_any(const char *p, size_t len, struct buf *out);

#endif
