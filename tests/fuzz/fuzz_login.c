/*
 * fuzz_login - any text as a token store, and as what comes back from the browser.
 *
 * A store that is read is written and read again to the same text, and its tokens fit a header; no code holds what could
 * end a line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "feishu/callback.h"
#include "feishu/store.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf in, once, twice, text;

static void
as_store(const uint8_t *data, size_t size)
{
	struct login l, again;

	buf_clear(&in);
	buf_add(&in, data, size);
	if (login_parse(&in, &l) != NULL) {
		if (l.host != NULL || l.access != NULL || l.refresh != NULL)
			abort();
		return;
	}
	if ((l.access != NULL && !login_is_token(l.access)) || (l.refresh != NULL && !login_is_token(l.refresh)))
		abort();
	buf_clear(&once);
	login_put(&l, &once);
	buf_clear(&in);
	buf_add(&in, once.p, once.len);
	if (login_parse(&in, &again) != NULL)
		abort();
	buf_clear(&twice);
	login_put(&again, &twice);
	if (once.len != twice.len || memcmp(once.p, twice.p, once.len) != 0)
		abort();
	login_free(&l);
	login_free(&again);
}

static void
check_code(enum callback_result r)
{
	if ((r == CALLBACK_CODE || r == CALLBACK_DENIED) != (text.len != 0))
		abort();
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] < ' ' || text.p[i] > '~')
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = size == 0 ? "" : (const char *)data;

	as_store(data, size);
	check_code(callback_read(p, size, "s", &text));
	check_code(callback_pasted(p, size, "s", &text));
	return 0;
}
