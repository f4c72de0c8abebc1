/*
 * fuzz.h - what many fuzz targets need.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stdlib.h>

static inline void
must(bool ok)
{
	if (!ok)
		abort();
}

#endif
