/*
 * apart.h - values of a run that v1 stores apart from it.
 *
 * A run with large inputs has null there, and in inputs_s3_urls an address from which
 * a plain GET fetches the JSON.  The address expires, and is a credential: it gets no
 * key of ours, and is never shown.
 */
#ifndef LANGSMITH_APART_H
#define LANGSMITH_APART_H

#include "json/scan.h"
#include "langsmith/client.h"

#define APART_WHY 400

enum apart_st {
	APART_DONE,
	APART_FAILED,		/* it cannot be had now: why says it, without the address */
	APART_INTERRUPTED,
};

/*
 * Fetch field ("inputs"; urls is "inputs_s3_urls") of the run in line from the address at (the inside of a JSON
 * string, not within line) and put it in its place.  An expired address is asked for anew, once.  A value
 * beyond max bytes fails.  ls must not be in the middle of another request.
 */
enum apart_st apart_fill(struct ls *ls, const char *project_id, size_t max, struct buf *line, struct span id,
	    const char *field, const char *urls, struct span at, char why[APART_WHY]);

#endif
