/*
 * append.h - append lines to files of a tree: whole ones, all or none, by any number of processes at once.
 *
 * The files of a batch are locked in the order of their paths (so two writers cannot wait for each other), then each is
 * written by one writev(2).  When one fails (a full disk), all are cut back to what they were.  Before that,
 * a torn last line that a crash left gets its newline: complete JSON becomes the record that it is, the rest
 * stands alone, never glued to what follows, and readers tell it.
 *
 * A kill in mid-batch can leave a part of it; none of it was acknowledged then.
 */
#ifndef RECORDER_APPEND_H
#define RECORDER_APPEND_H

#include "recorder/tree.h"

#define APPEND_FILES 64		/* most files in a batch: they are open together */
#define APPEND_KNOWN 256

enum append_sync {
	APPEND_SYNC_NOW,	/* files and new folders are on disk on return */
	APPEND_SYNC_LATER,	/* ... after append_sync */
	APPEND_SYNC_NEVER,
};

struct append_run {
	size_t	 at, len;	/* in text */
};

struct append_file {
	char	*path;		/* owned */
	struct append_run *run;	/* owned */
	size_t	 n, cap;
	int	 fd;
	uint64_t was;		/* bytes in it before */
	dev_t	 dev;
	ino_t	 ino;
	bool	 created;
	bool	 torn;		/* its last line had no newline; after append_write: it was repaired */
};

struct append {
	const struct tree *tree;	/* borrowed */
	struct buf text;	/* the batch's lines, each with its newline, in order */
	struct append_file file[APPEND_FILES];
	size_t	 n;
	const char *failed;	/* after an error: the path that it is about; valid until the next call */

	/* Written and unlocked, not yet on disk. */
	struct append_file *dirty;	/* owned */
	size_t	 n_dirty, dirty_cap;
	char	*unsynced;	/* owned; the path that failed is about, after append_sync */
	struct append_known {
		uint64_t ino;
		int64_t	 born_s;	/* a number is soon used again */
		uint32_t born_ns;
	}	 known[APPEND_KNOWN];	/* files whose folders are on disk; a place for each number modulo APPEND_KNOWN */
};

void	append_init(struct append *a, const struct tree *tree);
/* The last len bytes of text, one line, go to this path too.  False, and nothing was done: the batch has APPEND_FILES already. */
bool	append_to(struct append *a, const char *path, size_t len);
/*
 * Write the batch, which is kept until append_clear.  With APPEND_SYNC_LATER up to n_dirty files stay
 * open: call append_sync before they become too many.  Returns 0, or -1 with errno (EINTR: a signal asks to stop).
 */
int	append_write(struct append *a, enum append_sync sync) __attribute__((warn_unused_result));
/* Sync what was left for later.  Returns 0, or -1 with errno: of what was left, some may not be on disk. */
int	append_sync(struct append *a) __attribute__((warn_unused_result));
void	append_clear(struct append *a);
void	append_free(struct append *a);

#endif
