/*
 * rotate.h - what the steps of rec-rotate share.  The order of a run is in main.c: what a kill left is discarded, large
 * live files are moved to the archive, all of it that is not compressed is, and what is too old goes.
 *
 * A step goes on with the next file when one fails; it ends early when a signal has come (sig_caught).
 */
#ifndef ROTATE_H
#define ROTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder/tree.h"

struct run {
	struct tree tree;
	int	 archive;	/* its folder; -1: there is none (a dry run makes none) */
	int64_t	 max_size;
	int64_t	 session_days, error_days, archive_days;	/* archive_days 0: for good */
	int	 jobs;
	bool	 dry_run, force;
	int	 progress;
	int	 status;	/* the worst so far */
	uint64_t rotated, compressed, expired, bytes, compressed_bytes;
};

/* What was done (or would be): a line on stdout.  But for bytes, what is 0 or NULL is left out. */
struct action {
	const char *what, *path, *to;
	int64_t	 bytes, compressed_bytes;
	const char *day;
	int64_t	 age_days;
};
#define TELL(r, ...) run_tell((r), (struct action){ __VA_ARGS__ })
void	run_tell(const struct run *r, struct action a);
/* Say why a file of the tree could not be dealt with; the run goes on. */
void	run_failed(struct run *r, const char *path, const char *why);
/* Append all parts in the archive, both forms of those that have them, sorted; a missing archive is empty. */
void	run_list_archive(struct run *r, struct tree_parts *out);

/* rotate.c: move live files that are larger than max_size to the archive. */
void	rotate_all(struct run *r);
/* compress.c: remove a file that a kill left half made; compress what stands in the archive as it is. */
void	discard_leftover(struct run *r);
void	compress_all(struct run *r);
/*
 * pack.c: compress from (size bytes) into to, an empty file, then sync it, read it back and compare, with jobs threads.
 * step is called with bytes that were done, by one thread at a time; each byte comes twice.  Returns 0, or -1 with errno
 * (EINTR: a signal asks to stop) and *why, what went wrong.
 */
int	pack(int from, uint64_t size, int to, int jobs, void (*step)(void *ctx, uint64_t bytes), void *ctx, const char **why)
	    __attribute__((warn_unused_result));

#endif
