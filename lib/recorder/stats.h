/*
 * stats.h - what a tree holds, in figures, counted anew each time: there is no index that could go stale.
 *
 * An interaction is what walk.h makes of its lines.  It failed when one of them has an error message or the last that says
 * whether it succeeded (in the order of stages) says no; it was interrupted when it never ended; else it succeeded.
 */
#ifndef RECORDER_STATS_H
#define RECORDER_STATS_H

#include "recorder/walk.h"

enum { STATS_BY_SESSION, STATS_BY_DATE, STATS_ERRORS, STATS_REAL_TIME, STATS_ARCHIVE, STATS_FOLDERS };
extern const char *const stats_folder[STATS_FOLDERS];	/* the names of the tree's folders */

enum { STATS_PERCENTS = 3 };
extern const int stats_percents[STATS_PERCENTS];	/* that are told of response times */

struct stats {
	uint64_t total, successful, failed, interrupted;
	char	 first[TREE_DAY_SIZE], last[TREE_DAY_SIZE];	/* days; "": none */
	struct keyset sessions;
	uint64_t session;		/* the one that was added last */
	float	*ms;			/* response times, sorted; owned */
	size_t	 n_ms, ms_cap;
	struct stats_storage {
		uint64_t count, size;	/* files, bytes; without locks and what is being written */
	} storage[STATS_FOLDERS];
};

/*
 * Count what w (its tree, jobs, ctx and bad are set) finds by date, and measure the folders.  step (may be NULL) is
 * called with the records so far and w's ctx.  Returns 0, or -1 with errno and *path (new) what it is about.
 */
int	stats_read(struct stats *s, struct walk *w, void (*step)(void *ctx, uint64_t records), char **path)
	    __attribute__((warn_unused_result));
/* The nearest rank: the smallest response time that p percent of all do not exceed.  n_ms must not be 0. */
float	stats_percentile(const struct stats *s, int p);
/* Append the figures as a JSON object. */
void	stats_json(const struct stats *s, uint64_t unreadable, struct buf *out);
void	stats_free(struct stats *s);

#endif
