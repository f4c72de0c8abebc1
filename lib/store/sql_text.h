/*
 * sql_text.h - cut a text of SQL into statements, and :name into $1, as PostgreSQL wants them.
 *
 * Knows quotes ('', E'', "", dollar quotes), comments (nested ones too), casts (::) and parentheses, as in
 * https://www.postgresql.org/docs/15/sql-syntax-lexical.html with standard_conforming_strings on.  A function's
 * body in BEGIN ATOMIC ... END is not known: write it in dollar quotes.
 */
#ifndef STORE_SQL_TEXT_H
#define STORE_SQL_TEXT_H

#include <stdbool.h>

#include "base/buf.h"
#include "json/scan.h"

struct sql_names {
	struct span *name;	/* owned array of pieces of the text: $1 is name[0] */
	size_t	 n, cap;
};

/*
 * Put the statement at *p into out (cleared first, without its semicolon) and the names of its parameters into
 * names, and move *p behind it.  False: there is none any more.
 */
bool	sql_next(const char **p, struct buf *out, struct sql_names *names);

#endif
