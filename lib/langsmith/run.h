/*
 * run.h - what ls-fetch must know of a run, in either dialect.
 */
#ifndef LANGSMITH_RUN_H
#define LANGSMITH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "json/scan.h"

#define RUN_NO_TIME INT64_MIN

struct run {
	struct span id;		/* between the quotes */
	int64_t	 start;		/* start_time floored to ms, or RUN_NO_TIME */
	bool	 ended;		/* it will not change any more */
	/* Where a value is stored apart: the address as a JSON string's inside, len 0 when it is not. */
	struct span inputs_at, outputs_at;
};

/* Read a scanned run; everything is borrowed from it.  False: it has no id. */
bool	run_read(struct run *run, const struct scan *s);

/* The address in the value of inputs_s3_urls; len 0 when there is none. */
struct span run_address(struct span s3_urls);

#endif
