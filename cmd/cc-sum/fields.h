/*
 * fields.h - the lists of --by and --sum:  [NAME=]PATH[:day|:hour|:month],...
 */
#ifndef CC_SUM_FIELDS_H
#define CC_SUM_FIELDS_H

#include "base/buf.h"
#include "json/path.h"

enum cut { CUT_NONE, CUT_DAY, CUT_HOUR, CUT_MONTH };

struct field {
	char	*text;		/* owned; the path as it was given, for messages */
	char	*name;		/* owned; of the member that is written */
	char	*member;	/* owned; the same as JSON with its colon */
	struct path path;
	enum cut cut;
};

struct fields {
	struct field *v;	/* owned */
	size_t	 n, cap;
};

/* Parse list (may be empty).  may_cut: times can be cut in it.  Returns 0, or -1 with what is wrong appended to error. */
int	fields_parse(struct fields *f, const char *list, bool may_cut, struct buf *error);
void	fields_free(struct fields *f);

/*
 * Append to out the part of a time (a valid JSON string) in the zone of the process: 2026-06-19, 2026-06-19T13:00:00+08:00,
 * 2026-06.  A time without a zone is UTC; a date alone is that day in every zone.  Returns NULL, or why not.
 */
const char *cut_time(struct span value, enum cut cut, struct buf *scratch, struct buf *out);

#endif
