/*
 * str.h - text into JSON strings and out of them.
 */
#ifndef JSON_STR_H
#define JSON_STR_H

#include "base/buf.h"
#include "json/scan.h"

/*
 * Append the UTF-8 text that a valid string spells; raw is what stands between
 * its quotes.  A surrogate without its partner becomes U+FFFD.
 */
void	json_decode(struct span raw, struct buf *out);

/*
 * Append text as a JSON string, quotes included, escaping only what must be:
 * the quote, the backslash and control characters.  Bytes that are not UTF-8
 * become U+FFFD.
 */
void	json_encode(const char *text, size_t len, struct buf *out);

/* The same without the quotes, for a string that is built from pieces. */
void	json_encode_inside(const char *text, size_t len, struct buf *out);

static inline struct span
span_of(const struct buf *b)
{
	return (struct span){ b->p, b->len };
}

/* The text of a string value as new memory, with a NUL behind it (free); NULL where it is no string. */
char	*json_text(struct span v);

/* Append `"name":` for a member name that needs no escapes. */
void	json_put_name(const char *name, struct buf *out);

/*
 * Replace the newlines of a pretty-printed text by blanks, so that it can be
 * scanned as one record; a newline inside a string would be invalid JSON anyway and is left.
 */
void	json_one_line(char *p, size_t len);

/* Are these bytes one JSON value in UTF-8, on one line?  They need not be padded; blanks around it are fine. */
bool	json_is_value(const char *p, size_t len);

/* Pad text that may be pretty-printed (an answer, a state), put it on one line and scan it.  False: it is no JSON object in UTF-8. */
bool	json_scan_answer(struct buf *b, struct scan *s);

#endif
