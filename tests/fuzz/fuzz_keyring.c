/*
 * fuzz_keyring - any bytes as a file of wrapped keys, of which each line is a key or passed over; and as the list of keys that the
 * environment gives.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/msg.h"

/* In place of the message. */
static size_t passed_over;

static void __attribute__((format(printf, 1, 2)))
count_line(const char *fmt, ...)
{
	(void)fmt;
	passed_over++;
}
#define warn count_line
#include "fuzz.h"
#include "seal/keyring.c"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
count_lines(const uint8_t *p, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		n += p[i] != '\n' && (i == 0 || p[i - 1] == '\n');
	return n;
}

static void
as_file(const uint8_t *data, size_t size)
{
	static char path[] = "/tmp/llmutils-fuzz-keyring.XXXXXX";
	struct keyring k = { .path = path, .lock = PTHREAD_MUTEX_INITIALIZER };
	int fd;

	if (path[sizeof path - 2] == 'X')
		close(mkstemp(path));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(fd != -1 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	passed_over = 0;
	must(keyring_load(&k, NULL) == 0 && k.n + passed_over == count_lines(data, size));
	for (size_t i = 0; i < k.n; i++)
		must(aes_key_is_id(k.v[i]->id, strlen(k.v[i]->id)) && kms_is_name(k.v[i]->kek_name) && !k.v[i]->open);
	keyring_free(&k);
	unlink(path);
}

static void
as_list(const uint8_t *data, size_t size)
{
	struct buf text = { 0 }, error = { 0 };
	struct aes_keys keys;

	buf_add(&text, data, size);
	setenv("BOTRUN_LOG_AES_KEYS_OLD", buf_str(&text), 1);
	if (aes_keys_load(&keys, &error) == 0) {
		must(error.len == 0);
		for (size_t i = 0; i < keys.n; i++)
			must(aes_keys_find(&keys, keys.v[i].id) != NULL);
		aes_keys_free(&keys);
	} else {
		must(error.len != 0);
	}
	buf_free(&text);
	buf_free(&error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_file(data, size);
	as_list(data, size);
	return 0;
}
