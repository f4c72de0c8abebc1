/*
 * utf8.h - UTF-8 validation (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF).
 *
 * Each returns NULL when all len bytes are valid, else the first byte of the
 * first bad sequence.  scan_utf8 picks one; use that.
 */
#ifndef JSON_UTF8_H
#define JSON_UTF8_H

#include <stddef.h>

const char *utf8_check_portable(const char *p, size_t len);
#if defined(__x86_64__)
const char *utf8_check_avx2(const char *p, size_t len);

/* The kinds of errors by a byte's high nibble, its low nibble, the next one's high nibble; see utf8.c. */
extern const unsigned char utf8_errors[3][16];
#endif

/* The UTF-8 of a code point up to U+10FFFF; returns 1 to 4 bytes. */
size_t	utf8_encode(unsigned c, char out[4]);

#endif
