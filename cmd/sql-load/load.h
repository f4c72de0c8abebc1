/* The parts of sql-load; see main.c. */
#ifndef SQL_LOAD_H
#define SQL_LOAD_H

#include "store/db.h"

/* convert.c */

struct converter {
	bool	 holds_nul;	/* text of this database may hold U+0000 */
	struct buf text;	/* what cells point into */
	struct buf scratch, why;
};

/* Convert a JSON value for a column.  Returns NULL, or why it does not fit, valid until the next call. */
const char *convert(struct converter *cv, const struct db_column *c, struct span v, struct db_cell *cell);
void	converter_free(struct converter *cv);

/* What a number's text says. */
bool	number_is_integer(struct span v);
bool	number_fits_64(struct span v);	/* an integer */
/* Does a double hold it?  An integer must keep its digits, anything else must be in range. */
bool	number_fits_double(struct span v);

/* A time that a column holds: of the years 1 to 9999 in UTC.  zoned may be NULL. */
bool	time_parse(struct span text, int64_t *ms, bool *zoned);

/* infer.c */

struct infer {
	unsigned *seen;		/* by column of the table; owned */
	size_t	 cap;
};
/* Note what the members of a record are, adding columns to t.  False: there are more than any table can have. */
bool	infer_record(struct infer *in, struct db_table *t, const struct scan *record);
/* Set the kinds; --types ("a=integer,b=text") overrules, and adds columns. */
void	infer_kinds(struct infer *in, struct db_table *t, const char *types);
/* Is it a list of COLUMN=TYPE? Returns why not, as new text, or NULL. */
char	*types_check(const char *types);

#endif
