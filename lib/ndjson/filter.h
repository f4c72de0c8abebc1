/*
 * filter.h - the loop that every NDJSON filter shares.
 *
 * Reads blocks of lines, validates each line, hands it to the tool's function,
 * commits the block's output in the order of the input, and deals with rejects,
 * --strict, signals, progress and threads.  With jobs > 1 identical workers take
 * the next block in turn; record functions then run side by side, commit functions one at a
 * time and in order, so the output does not depend on the number of jobs.  Up to twice as many blocks
 * as workers are on their way.
 */
#ifndef NDJSON_FILTER_H
#define NDJSON_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/opt.h"
#include "base/progress.h"
#include "ndjson/line.h"

struct filter_opts {
	int64_t	 max_line;	/* bytes */
	int64_t	 jobs;		/* 0: choose */
	const char *rejects;
	bool	 strict;
	int	 progress;
};
#define FILTER_DEFAULTS { .max_line = INT64_C(64) << 20 }
#define OPT_FILTER(o) \
	OPT_SIZE(0, "max-line", &(o).max_line, 1, INT64_C(4) << 30, "reject longer lines (default 64M)"), \
	OPT_PROGRESS(&(o).progress), \
	OPT_STRING(0, "rejects", "FILE", &(o).rejects, "append the lines that are rejected to FILE"), \
	OPT_FLAG(0, "strict", &(o).strict, "stop at the first line that is rejected")
#define OPT_JOBS(o) \
	OPT_NUMBER('j', "jobs", &(o).jobs, 1, 64, "threads (default: CPUs, at most 4, for a file; 1 for a pipe)")

struct filter {
	const struct filter_opts *opts;
	void	*ctx;			/* the tool's, shared by all workers */
	size_t	 state_size;		/* bytes of zeroed state: some of it for each block on its way, used again for later ones */
	unsigned map_depth;		/* levels that the scan maps (json/scan.h) */
	void	(*state_free)(void *state);	/* may be NULL */
	/*
	 * Take a record: output goes to out.  Returns NULL, or why the record is
	 * rejected (copied); out must then be as it was.  The record is valid until
	 * the block's commit has returned.
	 */
	const char *(*record)(void *ctx, void *state, const struct record *r, struct buf *out);
	/* The block's turn has come; writes out (and clears it) or something else.  NULL: std_out. */
	void	(*commit)(void *ctx, void *state, struct buf *out);
	bool	 gathers;		/* nothing goes to stdout before all is read: it may be the file that is read */
};

struct filter_totals {
	uint64_t read, rejected, bytes;
};

/*
 * Run over the files (n of them; stdin where n is 0, "-" is stdin).  Returns the
 * status; signals are reported by sig_caught().  t is added to.
 */
int	filter_run(const struct filter *f, char *const files[], int n, struct filter_totals *t);

#endif
