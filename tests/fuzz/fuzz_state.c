/* fuzz_state - any text as what ls-fetch knows between two runs: what is taken is written, and read again to the same text */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "langsmith/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf in, once, twice;
	const char *error = NULL;
	struct state s;

	buf_clear(&in);
	buf_add(&in, data, size);
	buf_pad(&in);
	if (state_parse(&s, &in, &error) == -1) {
		if (error == NULL)
			abort();
		return 0;
	}
	buf_clear(&once);
	state_print(&s, &once);
	state_free(&s);

	buf_clear(&in);
	buf_add(&in, once.p, once.len);
	buf_pad(&in);
	if (state_parse(&s, &in, &error) == -1)
		abort();
	buf_clear(&twice);
	state_print(&s, &twice);
	state_free(&s);
	if (once.len != twice.len || memcmp(once.p, twice.p, once.len) != 0)
		abort();
	return 0;
}
