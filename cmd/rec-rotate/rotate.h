/*
 * rotate.h - what the steps of rec-rotate share.  The order of a run is in main.c: what a kill left is discarded, large
 * live files are moved to the archive, all of it that is not compressed is, and what is too old goes.
 *
 * A step goes on with the next file when one fails; it ends early when a signal has come (sig_caught).
 */
#ifndef ROTATE_H
#define ROTATE_H

#include <pthread.h>
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
/* compress.c: remove files that a kill left half made; compress what stands in the archive as it is. */
void	discard_leftovers(struct run *r);
void	compress_all(struct run *r);

/*
 * pack.c: a file as a gzip file of many members, one for each block.  Threads compress blocks, write them in order, read each back
 * and compare it with the file.
 */
struct pack {
	int	 from, to;	/* borrowed; to is empty at first */
	uint64_t size;		/* of from */
	size_t	 n, block;	/* blocks, and how large each is but for the last */
	pthread_mutex_t lock;	/* for what follows */
	pthread_cond_t turn;
	size_t	 written;	/* blocks in to */
	uint64_t end;		/* of to */
	int	 error;		/* errno, and what went wrong */
	const char *why;
};
void	pack_init(struct pack *p, int from, uint64_t size, int to);
void	pack_free(struct pack *p);
size_t	pack_blocks(uint64_t size);	/* into which a file of this size is divided */
size_t	pack_len(const struct pack *p, size_t i);
/* What a thread needs. */
struct packer *packer_new(void);
void	packer_free(struct packer *w);
/* Do the i-th block; the ones before it must have been begun.  False: it failed, which p->error tells, now or for an earlier block. */
bool	pack_block(struct pack *p, size_t i, struct packer *w);

#endif
