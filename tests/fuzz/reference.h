/*
 * reference.h - JSON and UTF-8 validity, slowly and plainly: what the scanner is compared with.
 *
 * The same language as json/scan.h: RFC 8259, no raw newline, nesting up to
 * SCAN_DEPTH, lone surrogate escapes allowed, UTF-8 apart.
 */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "json/scan.h"

struct reference {
	struct member *m;	/* of the outermost object; owned, freed by reference_free */
	size_t	 n, cap;

	const char *p, *end;	/* while it works */
	unsigned depth;
};

/* Are the len bytes one value (an object where record is set) and blanks? */
bool	reference_json(struct reference *r, const char *p, size_t len, bool record);
void	reference_free(struct reference *r);

/* As scan_utf8. */
const char *reference_utf8(const char *p, size_t len);

#endif
