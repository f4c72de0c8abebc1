/*
 * unit.h - what the unit tests share: cmocka with the headers that it wants, chance
 * that repeats, padded lines, a directory to work in.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "json/scan.h"

#define N_OF(a) (sizeof (a) / sizeof *(a))

/* xorshift64: the same numbers in every run. */
__attribute__((unused)) static uint64_t
chance(uint64_t below)
{
	static uint64_t s = UINT64_C(0x9e3779b97f4a7c15);

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (s >> 11) % below;
}

/* b holds these bytes alone, with a newline and padding behind them. */
__attribute__((unused)) static const char *
put_line(struct buf *b, const char *p, size_t len)
{
	buf_clear(b);
	buf_add(b, p, len);
	buf_pad(b);
	return b->p;
}

/* A span must hold this text; the message shows both. */
__attribute__((unused)) static void
check_text(const char *p, size_t len, const char *want)
{
	if (len != strlen(want) || memcmp(p, want, len) != 0)
		fail_msg("got '%.*s', not '%s'", (int)len, p, want);
}

/* Stand in a new directory; leave_dir removes it. */
static char unit_dir[] = "/tmp/llmutils-unit.XXXXXX";

__attribute__((unused)) static int
enter_dir(void **state)
{
	(void)state;
	return mkdtemp(unit_dir) != NULL && chdir(unit_dir) == 0 ? 0 : -1;
}

__attribute__((unused)) static int
leave_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", unit_dir);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

#endif
