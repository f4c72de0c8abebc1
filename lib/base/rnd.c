#include "base/rnd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/msg.h"

void
rnd_bytes(void *p, size_t len)
{
	char *to = p;

	while (len > 0) {
		ssize_t n = getrandom(to, len, 0);

		if (n > 0) {
			to += n;
			len -= (size_t)n;
		} else if (errno != EINTR) {
			die(ST_FAILED, "getrandom: %s", strerror(errno));
		}
	}
}

uint64_t
rnd_below(uint64_t n)
{
	uint64_t r;

	rnd_bytes(&r, sizeof r);
	return n == 0 ? 0 : r % n;
}

char *
rnd_uuid(char out[UUID_SIZE])
{
	unsigned char b[16];
	char *to = out;

	rnd_bytes(b, sizeof b);
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof b; i++)
		to += sprintf(to, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
	return out;
}
