/*
 * groups.h - sums by key, in bounded memory.
 *
 * A hash table of groups, each a key (any bytes) with sums.  Where it would
 * grow beyond its bound, it is written to a file without a name in TMPDIR, sorted, as one of
 * several runs, and begins anew; in the end the runs are merged.  The groups come out in the order of
 * their keys' bytes, a key that is the beginning of another first, spilled or not.
 *
 * Memory for a group: 32 bytes, 32 for each sum, the key; and 32 to 64 in the table, half as much again while that grows or is
 * sorted.  All that is within the bound, as long as one group is; the merge holds a group of each run that it reads, 256 at most.
 */
#ifndef STORE_GROUPS_H
#define STORE_GROUPS_H

#include <stdint.h>
#include <sys/types.h>

#include "store/keyset.h"
#include "store/sum.h"

#define GROUPS_LEAST	(INT64_C(1) << 20)	/* the smallest bound */

struct group {
	uint64_t hash;
	uint64_t records;
	size_t	 size;		/* of all this: bytes, a multiple of 16 */
	size_t	 len;		/* of the key, which stands behind the sums */
	struct sum sum[];
};

struct group_slot {
	uint64_t hash;
	struct group *g;	/* NULL: free */
};

struct group_run {
	off_t	 at, end;
};

struct groups {
	size_t	 n_sums;
	struct keyseed seed;
	size_t	 bound;			/* bytes; 0: none, and it never spills */
	struct group_slot *slot;	/* owned */
	size_t	 size, n;		/* size is a power of two */
	struct group_chunk *chunks;	/* owned; the groups stand in them */
	struct group_chunk *spare;	/* owned; emptied */
	size_t	 bytes;			/* in chunks */
	int	 fd;			/* of the runs; -1: none */
	off_t	 end;			/* of the file */
	struct group_run *run;		/* owned */
	size_t	 n_runs, runs_cap;
};

enum groups_status {
	GROUPS_OK,
	GROUPS_ERRNO,		/* the file for what does not fit into memory */
	GROUPS_OVERFLOW,	/* a sum is too large */
};

void	groups_init(struct groups *s, size_t n_sums, struct keyseed seed, size_t bound);
void	groups_free(struct groups *s);
void	groups_clear(struct groups *s);		/* of one that has not spilled; keeps memory */

static inline const char *
group_key(const struct groups *s, const struct group *g)
{
	return (const char *)(g->sum + s->n_sums);
}

/* Add to a key's group: records, and its sums (n_sums of them).  The key is copied. */
enum groups_status groups_add(struct groups *s, struct span key, uint64_t records, const struct sum *sum)
	    __attribute__((warn_unused_result));
/* Add all groups of a table with the same seed and number of sums, which has not spilled. */
enum groups_status groups_merge(struct groups *s, const struct groups *from) __attribute__((warn_unused_result));

/* Called for each group, in order. */
typedef void groups_see(void *arg, const struct group *g, struct span key);
/* To be called once, in the end: the table is empty then. */
enum groups_status groups_each(struct groups *s, groups_see *see, void *arg) __attribute__((warn_unused_result));

#endif
