/*
 * expire.h - what is too old in a tree goes.  A file's age is the day in its name.
 *
 * Live files are removed under the lock that their writers take.  What was written to within the last 24 hours stays unless that is
 * forced, and so does what is larger than a file may be: it belongs into the archive, and is live only where that has failed.
 */
#ifndef RECORDER_EXPIRE_H
#define RECORDER_EXPIRE_H

#include "recorder/tree.h"

#define EXPIRE_MOST_SIZE	(INT64_C(1) << 50)
#define EXPIRE_MOST_DAYS	INT64_C(1000000)
#define EXPIRE_ERROR_DAYS	30

struct expire {
	const struct tree *tree;	/* borrowed */
	int64_t	 max_size;
	int64_t	 session_days, error_days, archive_days;	/* archive_days 0: for good */
	bool	 dry_run, force;
	void	*ctx;
	/* It was removed (or would be), or could not be. */
	void	(*expired)(void *ctx, const char *path, int64_t bytes, const char *day, int64_t age_days);
	void	(*failed)(void *ctx, const char *path, const char *why);
	void	(*kept)(void *ctx, const char *path);	/* written to recently; NULL: not wanted */
};

/* Remove what is too old, and empty session folders; ends early when a signal has come (sig_caught).  To be called with the lock. */
void	expire_run(const struct expire *e);
/*
 * Who removes, rotates or compresses is alone at it: lock archive/ (open).  Returns the fd that holds the lock, or -1 with errno:
 * EWOULDBLOCK, not with wait: another one is at work; EINTR: a signal asks to stop.
 */
int	expire_lock(int archive, bool wait) __attribute__((warn_unused_result));
/* How many days ago that day is. */
int64_t	expire_age(const char *day);
/*
 * Fill in what is 0: LLM_RECORDS_MAX_FILE_SIZE, else 100 MiB; LLM_RECORDS_RETENTION_DAYS, else 90.  False: what is wrong with them was
 * appended to error.
 */
bool	expire_defaults(int64_t *max_size, int64_t *session_days, struct buf *error);

#endif
