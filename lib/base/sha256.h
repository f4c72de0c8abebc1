/*
 * sha256.h - SHA-256 (FIPS 180-4) of what names a file, where loading libcrypto for it would take longer than all else.
 *
 * Of what is no secret: what is sealed, signed or proven goes through libcrypto.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

#define SHA256_LEN 32

void	sha256(const void *p, size_t len, unsigned char out[SHA256_LEN]);

#endif
