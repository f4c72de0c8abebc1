/*
 * fields.h - the lists of --by and --sum:  [NAME=]PATH[:day|:hour|:month],...
 */
#ifndef CC_SUM_FIELDS_H
#define CC_SUM_FIELDS_H

#include <stdint.h>

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
 * The hours that were seen last, as they are written, with their part: the next time in one needs no more than its minutes and
 * seconds checked.  One for each field and thread; zeroed it is empty.
 */
#define CUT_BITS	10
struct cut_hour {
	uint64_t date, hour;	/* "2026-06-" and "19T13:", with an overlap */
	uint64_t zone;		/* "Z", "+08:00" */
	char	 part[32];	/* as it stands in a key */
	size_t	 len;		/* 0: none */
};
struct cut_cache {
	struct cut_hour hour[1 << CUT_BITS];
};

/*
 * Append to out the part of a time (a valid JSON string) in the zone of the process: 2026-06-19, 2026-06-19T13:00:00+08:00,
 * 2026-06.  A time without a zone is UTC; a date alone is that day in every zone.  Returns NULL, or why not.
 */
const char *cut_time(struct span value, enum cut cut, struct cut_cache *cache, struct buf *scratch, struct buf *out);

#endif
