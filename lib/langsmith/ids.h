/*
 * ids.h - a small set of run ids, in the order in which they came.
 *
 * For the runs of a page and the runs that have not ended: thousands, not
 * millions.  An id is kept as text, lower case, so that both APIs agree.
 */
#ifndef LANGSMITH_IDS_H
#define LANGSMITH_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_SIZE 40		/* a UUID is 36 bytes */

struct id {
	char	 id[ID_SIZE];
	int64_t	 start;		/* start_time, ms */
	int64_t	 since;		/* when its inputs could not be fetched for the first time; 0: never */
	bool	 mark;		/* the caller's */
};

struct ids {
	struct id *v;		/* owned */
	size_t	 n, cap;
	size_t	*slot;		/* owned; index + 1 in v, 0 is empty */
	size_t	 n_slots;	/* a power of two */
};

/* The id (len bytes), or NULL.  The pointers hold until the set changes. */
struct id *ids_find(const struct ids *s, const char *id, size_t len);
/* The same, added with zeros where it is missing.  NULL: no id fits, it is empty or too long. */
struct id *ids_add(struct ids *s, const char *id, size_t len);
/* Keep only those whose mark is this. */
void	 ids_keep(struct ids *s, bool mark);
void	 ids_clear(struct ids *s);
void	 ids_free(struct ids *s);

#endif
