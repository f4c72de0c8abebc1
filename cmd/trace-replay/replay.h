/* The parts of trace-replay; see main.c. */
#ifndef TRACE_REPLAY_H
#define TRACE_REPLAY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/opt.h"
#include "json/expr.h"
#include "json/scan.h"
#include "ndjson/line.h"

/* source.c: the request in a record, whichever form it has */
struct source {
	struct buf request;		/* JSON, on one line */
	struct buf id, session;		/* text; empty: none */
	struct span key;		/* JSON that names the record: its id, or the record itself; borrowed from it */
	int64_t	 turn;			/* 0: none */
};
/* Returns why there is none (static), or NULL. */
const char *source_read(const struct record *r, struct source *s);
void	source_free(struct source *s);

/* edit.c: what is changed in each request */
struct edits {
	struct edit *set;		/* owned */
	size_t	 n_set;
	struct expr *expr, *same;	/* owned; NULL: none */
	struct buf reason;
};
enum edited { EDITED, EDIT_SKIPS, EDIT_FAILED };	/* failed: reason says why */
/* Does not return on misuse. */
void	edits_init(struct edits *e, const struct opt_list *set, const char *expr);
void	edits_free(struct edits *e);
enum edited edits_apply(struct edits *e, struct buf *request);

#endif
