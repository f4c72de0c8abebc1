/*
 * rows.h - rows of a BigQuery result, {"f":[{"v":...},...]}, as JSON objects.
 *
 * Integers, floats and decimals become numbers with the digits that came, what is not finite a string; booleans true and
 * false; timestamps RFC 3339 in UTC with up to six digits of a second; JSON columns the value itself; records objects, repeated columns
 * arrays; everything else is the string that came.
 *
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/getQueryResults
 */
#ifndef GOOGLE_ROWS_H
#define GOOGLE_ROWS_H

#include "base/buf.h"
#include "json/scan.h"

enum column_type { COLUMN_TEXT, COLUMN_NUMBER, COLUMN_BOOL, COLUMN_TIMESTAMP, COLUMN_JSON, COLUMN_RECORD };

struct columns {
	struct column {
		char	*name;		/* owned; a JSON string, quotes included */
		enum column_type type;
		bool	 repeated;
		struct columns *of;	/* owned; of a record */
	} *v;			/* owned */
	size_t	 n;
};

/*
 * Read a schema, {"fields":[{"name","type","mode","fields"},...]}.  Returns false where it is none, is nested too deeply, or names
 * a column twice, with a message appended to error.
 */
bool	columns_read(struct columns *c, struct span schema, struct buf *error);
void	columns_free(struct columns *c);

/* Append a row as an object.  False: the row does not have the form of the schema; out is then as it was. */
bool	columns_put_row(const struct columns *c, struct span row, struct buf *out);

#endif
