/*
 * search.h - find words in traces, in any case of ASCII.
 *
 * The texts are JSON, so the words are sought as JSON strings have them: as they are, and with other characters than ASCII escaped
 * ("\u4f60"), which some clients do.
 */
#ifndef TRACE_SEARCH_H
#define TRACE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "json/scan.h"

struct conn;

struct search {
	struct needle {
		struct buf text;	/* lower case */
		size_t	 skip[256];
	} plain, escaped, bare;		/* escaped: empty where it is the same as plain; bare: not as JSON, for messages */
};

struct search *search_new(struct span words);
void	search_free(struct search *s);
bool	search_json(const struct search *s, struct span text);
bool	search_text(const struct search *s, struct span text);

/* As a function of SQL: trace_has(request, response, metadata, error_msg), of the connection's search. */
bool	search_register(struct conn *c);

#endif
