#include "crypt/crc32c.h"

uint32_t
crc32c(const void *p, size_t len)
{
	const unsigned char *from = p;
	uint32_t c = UINT32_MAX;

	for (; len > 0; len--) {
		c ^= *from++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~c;
}
