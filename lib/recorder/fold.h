/*
 * fold.h - bring the lines of one record together (walk.h has the rules), two neighbouring days at a time.
 */
#ifndef RECORDER_FOLD_H
#define RECORDER_FOLD_H

#include "recorder/part.h"

/* The lines of a day in the order of time. */
struct day_lines {
	struct entry **v;
	size_t	 n;
};

struct fold_call;
struct fold {
	struct entry **slot;	/* records by id; owned */
	struct fold_call *call;	/* unfinished records by call; owned */
	size_t	 size, call_size;	/* of the tables, powers of two */
};

/* day was folded already (or is empty); join the lines of next to its records, and to those of next. */
void	fold_next(struct fold *f, const struct day_lines *day, const struct day_lines *next);
void	fold_free(struct fold *f);

#endif
