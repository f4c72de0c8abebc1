/*
 * fuzz_seen - any bytes as the file of keys that were seen: it is of others and stays as it is, or it is taken with all of its whole keys,
 * and so again with one more; also by a set that forgets the oldest.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "store/keyfile.h"

#define HEADER 32
#define BOUND 4

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void
write_file(const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(fd != -1 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static size_t
size_now(void)
{
	struct stat st;

	must(stat(path, &st) == 0);
	return (size_t)st.st_size;
}

/* Load the file's keys, and add one. */
static void
use(size_t bound, const uint8_t *data, size_t whole)
{
	const struct fingerprint one = { 1, 2 };
	struct fingerprint f;
	struct keyfile k;
	struct keyset s;

	must(keyfile_open(&k, path) == KEYFILE_OK);
	keyset_init(&s, bound);
	must(keyfile_load(&k, &s) == 0 && size_now() == HEADER + whole);
	for (size_t at = bound != 0 && whole > bound * sizeof f ? whole - bound * sizeof f : 0; at < whole; at += sizeof f) {
		memcpy(&f, data + HEADER + at, sizeof f);
		must((f.a == 0 && f.b == 0) || keyset_has(&s, f));
	}
	must(bound == 0 || s.n <= bound);
	(void)keyset_add(&s, one);
	must(keyset_has(&s, one) && keyfile_append(&k, &one, 1) == 0 && keyfile_close(&k) == 0);
	must(size_now() == HEADER + whole + sizeof f);
	keyset_free(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keyfile k;
	size_t whole;

	if (path[0] == '\0') {	/* in memory, where that is to be had: it is synced all the time */
		snprintf(path, sizeof path, "%s/llmutils-fuzz-seen.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		close(mkstemp(path));
	}
	write_file(data, size);
	if (keyfile_open(&k, path) != KEYFILE_OK) {
		must(size_now() == size && size != 0);
		unlink(path);
		return 0;
	}
	must(keyfile_close(&k) == 0);
	whole = size < HEADER ? 0 : (size - HEADER) / sizeof(struct fingerprint) * sizeof(struct fingerprint);
	use(0, data, whole);
	write_file(data, size);
	use(BOUND, data, whole);
	unlink(path);
	return 0;
}
