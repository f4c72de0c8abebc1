/*
 * merge.h - the deltas of a streamed answer, joined into one object.
 *
 * Strings of a delta are appended to what came before, but for names and ids, which come once; elements of arrays are joined by
 * their "index", or appended; numbers and truth values are the last ones; null never takes anything away, nor does "" from a choice.
 * Texts stay as they were written, escapes and digits too.
 */
#ifndef OPENAI_MERGE_H
#define OPENAI_MERGE_H

#include "base/buf.h"
#include "json/scan.h"

struct part;

struct merge {
	struct part *root;	/* owned */
	size_t	 kept, max;	/* bytes, with what holds them */
	const char *error;	/* static; what came cannot be joined any more: larger than max, or cut into too many parts */
};

enum merge_rule {
	MERGE_CHUNK,		/* chat.completion.chunk */
	MERGE_CHOICE,		/* one of its choices */
	MERGE_DELTA,
	MERGE_LAST,		/* each member's last value that is not null */
};

void	merge_init(struct merge *m, size_t max);
void	merge_free(struct merge *m);

/* Join a valid object with the root. */
void	merge_add(struct merge *m, struct span object, enum merge_rule rule);
/* ... with the element of this index of the root's array of this name. */
void	merge_add_element(struct merge *m, const char *array, long index, struct span object, enum merge_rule rule);

/* Do all choices that came have a finish_reason, and is there one?  (MERGE_CHUNK) */
bool	merge_is_finished(const struct merge *m);
/* Append a chat completion made of chunks. */
void	merge_put_completion(const struct merge *m, struct buf *out);
/* Append an Anthropic message: its "content" has blocks, whose "partial_json" is their "input". */
void	merge_put_message(const struct merge *m, struct buf *out);

/* The number that these bytes spell, if it is one that can be an index; else -1. */
long	merge_index(struct span number);

#endif
