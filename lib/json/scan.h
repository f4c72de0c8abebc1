/*
 * scan.h - the JSON scanner: validates one record in one pass, allocates nothing.
 *
 * JSON as in RFC 8259, with these limits: nesting up to SCAN_DEPTH, and no raw
 * newline, since a record is one line.  UTF-8 is checked apart and by the block (scan_utf8),
 * because that is several times faster than by the string; the grammar itself
 * lets no byte above 0x7f stand outside a string.  A lone surrogate escape
 * passes.
 *
 * Every scan reads up to SCAN_PAD bytes past the newline that ends the record:
 * the buffer must have them (base/buf.h buf_pad, ndjson/reader.h).  A vector
 * path (AVX-512 or AVX2, chosen at run time; SSE2; NEON) and a portable one give equal
 * results.
 *
 * After a record is valid, json_skip and the iterators walk its spans trusting
 * the grammar, at the speed of the string search.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "json/stops.h"

#define SCAN_PAD	64
#define SCAN_DEPTH	1024
#define SCAN_MAP	8

/* A piece of a record; never NUL terminated, borrowed from the record. */
struct span {
	const char *p;
	size_t len;
};

struct member {
	struct span key;	/* between the quotes, as written: escapes stand */
	struct span val;	/* the value's text, quotes included */
};

struct scan {
	struct member *m;	/* members of the outermost object, in order; owned, reused */
	size_t n, cap;
	/*
	 * For tools that look deep into a record: with map_depth set, the objects, arrays and long strings
	 * of the outer levels are noted, so that an iterator from scan_open jumps over them.
	 */
	unsigned map_depth;	/* levels, at most SCAN_MAP */
	struct span *map;	/* by place; owned, reused */
	size_t n_map, map_cap;
	const char *error;	/* static text, when scanning failed */
	const char *at;		/* the byte that it is about */
	struct stops stops;	/* of scan_block's block */
};

/*
 * Is this block of whole lines, padded, valid UTF-8?  The records in it may then be scanned, in order, with the same s: at
 * less cost than without, for what was found out on the way.  The block must stay as it is until then.
 */
bool	scan_block(struct scan *s, const char *p, size_t len);

/*
 * Validate the record at p, which ends with '\n' (blanks, tabs and a CR before it are
 * fine).  scan_record wants an object and lists its members; scan_value takes
 * any value and lists the members if it is an object.  Returns the place of the
 * newline, or NULL with s->error and s->at.
 */
const char *scan_record(struct scan *s, const char *p);
const char *scan_value(struct scan *s, const char *p);
void	scan_free(struct scan *s);

/* NULL when the len bytes are valid UTF-8, else the first byte of the first bad sequence. */
const char *scan_utf8(const char *p, size_t len);

/* The last member with this name (escapes in the key are read); NULL when there is none. */
const struct member *scan_find(const struct scan *s, const char *name, size_t len);

/* Make all scans use the portable path; for tests and comparisons. */
void	scan_force_portable(bool on);
/* The same with the machine's i-th path: 0 is the best one, the last is portable.  False: there are less. */
bool	scan_force(size_t i);

/* The end of the valid value that starts at p. */
const char *json_skip(const char *p);

/*
 * Walk a valid object or array.  json_open takes the container's text; then each
 * json_next_member or json_next_element gives one more, false after the last; it->p is at
 * the closing bracket then.  json_next_name and json_next_place are the halves of json_next_member and
 * json_next_element: it->p is at the value, and the caller moves it behind.
 */
struct json_iter {
	const char *p;
	const struct scan *map;		/* NULL: none */
	size_t at;			/* in the map: nothing before it is ahead of p */
};
struct json_iter json_open(struct span container);
/* The same for a container that lies in a scanned record with a map. */
struct json_iter scan_open(const struct scan *record, const char *container);
bool	json_next_member(struct json_iter *it, struct member *m);
bool	json_next_name(struct json_iter *it, struct span *key);
const char *json_behind(struct json_iter *it);	/* the end of the value at it->p */
bool	json_next_place(struct json_iter *it);
bool	json_next_element(struct json_iter *it, struct span *val);

/* The last member of this name in a valid object; false when there is none or it is no object. */
bool	json_member(struct span object, const char *name, size_t len, struct span *val);
#define JSON_MEMBER(object, name, val) json_member(object, "" name, sizeof name - 1, val)

/* Does the raw text of a string (between the quotes) spell these bytes?  Escapes only make it longer. */
bool	json_spells_escaped(struct span raw, const char *s, size_t len);
static inline bool
json_spells(struct span raw, const char *s, size_t len)
{
	if (raw.len == len)
		return memcmp(raw.p, s, len) == 0 && memchr(s, '\\', len) == NULL;
	if (raw.len < len || (len != 0 && raw.p[0] != s[0] && raw.p[0] != '\\'))
		return false;
	return json_spells_escaped(raw, s, len);
}
#define JSON_SPELLS(raw, s) json_spells(raw, "" s, sizeof s - 1)

/*
 * Read the escape at *pp (a backslash, in a valid string that ends at end) and
 * move past it; its UTF-8 goes to out.  Returns 1 to 4 bytes.  A surrogate that has no
 * partner becomes U+FFFD.
 */
size_t	json_unescape(const char **pp, const char *end, char out[4]);

static inline bool
json_is_string(struct span v)
{
	return v.len >= 2 && v.p[0] == '"';
}

static inline bool
json_is_null(struct span v)
{
	return v.len == 4 && v.p[0] == 'n';
}

/* The raw text between the quotes of a string value. */
static inline struct span
json_inside(struct span v)
{
	return (struct span){ v.p + 1, v.len - 2 };
}

#endif
