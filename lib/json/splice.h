/*
 * splice.h - change members of a record without writing the rest anew.
 */
#ifndef JSON_SPLICE_H
#define JSON_SPLICE_H

#include "base/buf.h"
#include "json/scan.h"

/*
 * Append the scanned record (from its '{' to its '}') to out, with the member name (which needs no
 * escapes) set to the JSON text val: in place where the record has it (the last one, which
 * counts), else before the closing brace.
 */
void	splice_set(const struct scan *record, struct span text, const char *name, struct span val, struct buf *out);

/* The record's text without the blanks around it; end is what the scan returned. */
struct span splice_text(const char *p, const char *end);

#endif
