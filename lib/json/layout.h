/*
 * layout.h - where the members of a record stand.
 *
 * The records of one log have the same members in the same order, so what was found in one record stands at the same
 * place in the next: the names are compared once, all of them, instead of being searched for one by one.
 */
#ifndef JSON_LAYOUT_H
#define JSON_LAYOUT_H

#include <stdint.h>

#include "base/buf.h"
#include "json/scan.h"

struct layout {
	struct layout_key *key;	/* owned; the names of the record that was seen last */
	size_t	 n, cap;
	struct buf rest;	/* of the names that are long */
};

/*
 * Has the record the same names, spelled the same, in the same order as the one before?  Where not, it is the one to compare
 * with now.  A record of more than 4096 members is like no other.
 */
bool	layout_same(struct layout *l, const struct scan *record);
void	layout_free(struct layout *l);

#endif
