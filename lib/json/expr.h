/*
 * expr.h - jq programs (libjq), for where a path is not enough.
 *
 * libjq is loaded when the first program is compiled and not before, so a tool
 * that has an -e option starts as fast as one that has none.
 *
 * jq before 1.7 turns numbers into doubles: an id above 2^53 that comes out of an
 * expression has lost digits.  So results are used as text or as a truth value, never to write
 * a record anew.
 */
#ifndef JSON_EXPR_H
#define JSON_EXPR_H

#include "base/buf.h"
#include "json/scan.h"

struct expr;			/* one program; for one thread at a time */

/* Compile.  Returns new (expr_free), or NULL with a message appended to error. */
struct expr *expr_new(const char *program, struct buf *error);
void	expr_free(struct expr *e);

enum expr_result {
	EXPR_TEXT,		/* a string: its UTF-8 was appended to out */
	EXPR_NOTHING,		/* no result, or null */
	EXPR_OTHER,		/* anything else: its JSON was appended to out */
	EXPR_ERROR,		/* the program failed: its message was appended to out */
};

/* The program's first result for a valid JSON value. */
enum expr_result expr_first(struct expr *e, struct span json, struct buf *out);

#endif
