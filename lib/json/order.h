/*
 * order.h - JSON values as bytes that sort (memcmp) as the values do, one behind the other.
 *
 * The order is jq's: null, false, true, numbers, strings, arrays, objects.  Strings are what
 * they spell, by code point, so "\u8cc7" and its character are one; a surrogate without its partner is U+FFFD.  Numbers go by
 * their value as a double, those of equal value by their text: 1 and 1.0 are two.  Arrays and objects go by their text.
 */
#ifndef JSON_ORDER_H
#define JSON_ORDER_H

#include "base/buf.h"
#include "json/scan.h"

/* Append a valid value, padded as json/scan.h wants it; scratch is used for strings with escapes. */
void	order_put(struct span value, struct buf *scratch, struct buf *out);
/* Append a string that spells this text. */
void	order_put_text(const char *text, size_t len, struct buf *out);

/* Append to out, as JSON, the value that begins at p; the last one ends at end.  Returns where the next one begins. */
const char *order_get(const char *p, const char *end, struct buf *scratch, struct buf *out);

#endif
