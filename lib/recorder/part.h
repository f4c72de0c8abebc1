/*
 * part.h - one file of the tree (live, rotated or compressed), read into lines.
 *
 * The lines' text stays in the blocks that it was read in, in memory as far as the shared budget goes; other blocks go
 * to a file without a name, which parts share: a day may have more of them than files can be open.
 */
#ifndef RECORDER_PART_H
#define RECORDER_PART_H

#include <stdatomic.h>

#include "recorder/walk.h"

struct part;

/* A line.  Those of one record are chained (fold.h). */
struct entry {
	struct walk_line line;
	struct fingerprint id, call;	/* zero: none; only with fold */
	const struct part *part;
	uint64_t at;			/* of its text in the part */
	uint32_t len;			/* without the newline */
	bool	 whole;			/* its newline follows at once */
	bool	 joined;		/* it is a later line of another entry's record */
	bool	 late;			/* its id stands in the two days before, too */
	enum rec_stage reached;		/* of a record's first line: by all its lines */
	struct entry *next, *last;	/* of the record; last: of its first line */
	struct entry *below;		/* fold.c */
};

struct bad_line {
	uint64_t line;
	size_t	 column;
	char	*reason;	/* owned */
};

/* Blocks that memory has no room for.  Zeroed but for fd, -1. */
struct spill {
	atomic_int fd;			/* owned; -1: none yet */
	atomic_ullong size;
};

struct part {
	struct tree_part name;	/* its session is borrowed */
	char	*path;		/* owned */
	int	 fd;		/* owned; of a live file, which is open from the start; else -1 */
	uint64_t size;		/* of a live file: where its last whole write ended */
	size_t	 order;		/* among the day's parts */
	bool	 done;		/* walk.c */

	/* Filled by part_read. */
	struct entry *v;	/* owned */
	size_t	 n, cap;
	struct bad_line *bad;	/* owned; the first WALK_TELL */
	size_t	 n_bad;
	uint64_t unreadable, lines, bytes;
	int	 error;		/* errno: its text could not be kept */
	struct text {
		struct block {
			struct buf text;	/* p NULL: it is in the spill */
			uint64_t start, place;	/* in the part, and there */
		} *block;		/* owned */
		size_t	 n, cap;
		uint64_t end;
	} text;
	struct spill *spill;	/* borrowed */
};

/* What the parts of a walk share. */
struct part_shared {
	const struct walk *walk;
	struct keyseed seed;
	atomic_size_t used;	/* bytes of text in memory */
	atomic_bool stop;
};

void	part_read(struct part *p, struct part_shared *s);
/*
 * The text of a line, followed by its newline and padded for the scanner; in memory or read into scratch.  Returns NULL with errno.
 */
const char *part_text(const struct entry *e, struct buf *scratch);
void	part_free(struct part *p, struct part_shared *s);
void	spill_close(struct spill *s);

#endif
