/*
 * split.h - cut the answer of a run query into its runs while it arrives.
 *
 * The answer is {"runs":[{...},...],"cursors":{...},...} (v1) or {"items":[...],
 * "next_cursor":"...","has_more":true} (v2).  Each element of runs or items comes out as one
 * line, its bytes as they came except that newlines and CRs between tokens become blanks.
 * What is left is the rest: the answer with that list empty, small enough to be kept.
 *
 * The splitter follows strings and brackets, no more: each element and the rest
 * are to be validated by scan.h.  It takes any bytes, cut anywhere, and holds
 * one element of at most max_line bytes and a rest of at most SPLIT_REST.
 * JSON: RFC 8259.
 */
#ifndef LANGSMITH_SPLIT_H
#define LANGSMITH_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define SPLIT_REST	((size_t)1 << 20)

enum split_st {
	SPLIT_MORE,		/* all bytes are used */
	SPLIT_RUN,		/* one element is in s->line; call again with what is left */
	SPLIT_BAD,		/* not such an answer; the splitter is stuck until split_reset */
};

enum split_state {
	SPLIT_BEFORE,		/* blanks before the outer object */
	SPLIT_OUTER,		/* in the outer object, outside of the list of runs */
	SPLIT_LIST,		/* in the list: before an element or ']' */
	SPLIT_NEXT,		/* in the list: after an element, wants ',' or ']' */
	SPLIT_ELEMENT,
	SPLIT_AFTER,		/* blanks after the outer object */
	SPLIT_STUCK,
};

struct split {
	struct buf line;	/* owned; the element, padded for the scanner, without a newline */
	struct buf rest;	/* owned; padded once split_end has said true */
	size_t	 max_line;	/* bytes of an element, set by the caller */
	bool	 too_long;	/* the element in line was longer: these are its first bytes */
	bool	 listed;	/* a list of runs was seen */

	enum split_state state;
	unsigned long depth;	/* of brackets, in the element or in the rest */
	bool	 in_string, escaped, comma;
	size_t	 key_from, key_to;	/* the last string at depth 1 of the rest */
};

/* Begin a new answer; max_line and the memory are kept.  A zeroed struct is ready, too. */
void	split_reset(struct split *s);

/* Use bytes from *p (*len of them); both are moved past what was used. */
enum split_st split_feed(struct split *s, const char **p, size_t *len);

/* At the end of the answer: was it whole? */
bool	split_end(struct split *s);

void	split_free(struct split *s);

#endif
