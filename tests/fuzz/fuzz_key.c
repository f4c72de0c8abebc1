/*
 * fuzz_key - any bytes as a credential file, of Google and of OpenAI-compatible providers: taken, or refused with a word; and as a
 * private key, which signs a request that reaches nobody.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "google/auth.h"
#include "openai/providers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[] = "/tmp/llmutils-fuzz-key.XXXXXX";

static void
check(bool taken, struct buf *error)
{
	if (taken == (error->len != 0))
		abort();
	buf_clear(error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_policy once = { .timeout_ms = 1000 };
	static struct buf error;
	struct google_auth *a;
	struct providers *p;
	const char *header;
	int fd;

	if (path[sizeof path - 2] == 'X') {
		close(mkstemp(path));
		setenv("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
		/* Whatever address is in the file. */
		setenv("http_proxy", "http://127.0.0.1:1", 1);
		setenv("https_proxy", "http://127.0.0.1:1", 1);
		setenv("no_proxy", "", 1);
		setenv("NO_PROXY", "", 1);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd == -1 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	a = google_auth_new(&once, GOOGLE_SCOPE_ALL, &error);
	check(a != NULL, &error);
	if (a != NULL) {
		(void)google_auth_project(a);
		(void)google_auth_quota_project(a);
		/* The other kind reads a file that the file names. */
		if (memmem(data, size, "external_account", 16) == NULL)
			check(google_auth_header(a, &header, &error) == GOOGLE_OK, &error);
	}
	google_auth_free(a);
	p = providers_read(path, &error);
	check(p != NULL, &error);
	providers_free(p);
	unlink(path);
	return 0;
}
