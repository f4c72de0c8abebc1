/*
 * query.h - percent-encoded text: paths (RFC 3986) and queries as forms send them (WHATWG URL, application/x-www-form-urlencoded).
 *
 * A '%' that no two hexadecimal digits follow stands for itself.
 */
#ifndef NET_QUERY_H
#define NET_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Append what the text means.  form: a '+' is a blank. */
void	query_decode(const char *p, size_t len, bool form, struct buf *out);
/* The first value of a parameter, in place of what value holds.  False: not there.  query NULL: there is none. */
bool	query_param(const char *query, const char *name, struct buf *value);

#endif
