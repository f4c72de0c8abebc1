/* fuzz_gzip - every valid file gives what zlib gives; any other is read to its end, told, and the same in pieces of any size */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "store/gzip.h"

#define MOST (64u << 20)	/* data that 8 KiB can be, and more */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Put the input into a file without a name. */
static int
put_file(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd == -1)
		fd = memfd_create("gzip", MFD_CLOEXEC);
	if (fd == -1 || ftruncate(fd, 0) == -1 || pwrite(fd, data, size, 0) != (ssize_t)size || lseek(fd, 0, SEEK_SET) == -1)
		_exit(3);
	return fd;
}

/* Returns the number of damages. */
static unsigned
read_all(const uint8_t *data, size_t size, size_t step, struct buf *out)
{
	struct gunzip *g = gunzip_new(put_file(data, size));
	unsigned damages = 0;
	ssize_t n;

	buf_clear(out);
	while ((n = gunzip_read(g, buf_reserve(out, step), step)) != 0) {
		unsigned long long at;

		if (n > 0) {
			out->len += (size_t)n;
			if ((size_t)n > step || out->len > MOST)
				abort();
			continue;
		}
		if (errno != EBADMSG || sscanf(gunzip_error(g), "damaged at byte %llu: ", &at) != 1 || at > size)
			abort();
		if (++damages > size / 2 + 1)
			abort();
	}
	gunzip_free(g);
	return damages;
}

static bool
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

static bool
is_zeros(const uint8_t *p, size_t len)
{
	while (len > 0 && *p == 0)
		p++, len--;
	return len == 0;
}

/* One member after the other, and zeros; false: not a valid file. */
static bool
reference(const uint8_t *data, size_t size, struct buf *out)
{
	const uint8_t *p = data, *end = data + size;

	buf_clear(out);
	while (p == data || !is_zeros(p, (size_t)(end - p))) {
		z_stream z = { .next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)(end - p) };
		int r;

		if (inflateInit2(&z, 15 + 16) != Z_OK)
			_exit(3);
		do {
			z.next_out = (Bytef *)buf_reserve(out, 4096);
			z.avail_out = 4096;
			r = inflate(&z, Z_NO_FLUSH);
			out->len += 4096 - z.avail_out;
		} while (r == Z_OK && out->len <= MOST);
		inflateEnd(&z);
		if (r != Z_STREAM_END)
			return false;
		p = z.next_in;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf whole, pieces, want;
	unsigned damages = read_all(data, size, 1u << 20, &whole);

	/* Of megabytes not in quite as many pieces. */
	if (read_all(data, size, 61 + whole.len / 4096, &pieces) != damages || !same(&pieces, &whole))
		abort();
	if (reference(data, size, &want) && (damages != 0 || !same(&want, &whole)))
		abort();
	return 0;
}
