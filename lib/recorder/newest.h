/*
 * newest.h - the newest records of a tree: its last day is read, and where that has too few, twice as many days before it, and so on.
 */
#ifndef RECORDER_NEWEST_H
#define RECORDER_NEWEST_H

#include "recorder/walk.h"

struct newest {
	uint64_t most;		/* records; set by the caller */
	uint64_t n;		/* there are so many */
	size_t	 bytes;		/* of their text */
	char	 first[TREE_DAY_SIZE];	/* the first day that was read; "": all were */
	struct newest_days {	/* of one walk, a ring */
		struct span *v;		/* owned, and each text too */
		size_t	 n, cap, next;	/* next: the oldest, when full */
		uint64_t most;
	} days[64];
	size_t	 walks;
};

/*
 * Walk backwards.  w is as for walk_run (and counts over all walks); its record callback gives those that are wanted to newest_hold,
 * or ends the walk by returning false.  Returns 0, or -1 as walk_run.
 */
int	newest_walk(struct newest *l, struct walk *w, char **path) __attribute__((warn_unused_result));
/* Keep a copy, which has a newline behind it. */
void	newest_hold(struct newest *l, struct span text);
/* From 0, the newest, to n - 1. */
struct span newest_get(const struct newest *l, uint64_t i);
void	newest_free(struct newest *l);

#endif
