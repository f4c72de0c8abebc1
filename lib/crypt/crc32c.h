/*
 * crc32c.h - the checksum that Google's services ask for (Castagnoli's polynomial, RFC 3720 appendix B.4).
 *
 * By the bit: meant for keys and the like, not for files.
 */
#ifndef CRYPT_CRC32C_H
#define CRYPT_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *p, size_t len);

#endif
