/*
 * walk.h - the records of a tree as one stream: live, rotated and compressed files, day by day, in a day by
 * time, each line once, also while others write and rotate.
 *
 * With fold, the lines of one record are brought together: those that share an id; and a line that shares its id with none
 * (or has none) and whose stage is completed or finalized joins a record before it with the same session, role, step, round
 * and prompt that has not reached that stage, of several the one that was written to last.
 * They may stand in the same day's files or the following day's.  The record belongs to the day of its first line.
 * An id that goes on for more than two days begins a record each day from the third on.
 *
 * A line without a timestamp keeps its place behind the line before it.  Lines that cannot be read, and damaged gzip data, are told
 * with file and line, and the rest is read.
 *
 * Memory: up to 350 bytes for each line of jobs + 1 days, and their text, of which what exceeds WALK_TEXT bytes
 * goes to files without a name in TMPDIR (/tmp).
 */
#ifndef RECORDER_WALK_H
#define RECORDER_WALK_H

#include "recorder/record.h"
#include "recorder/tree.h"

#define WALK_TEXT	(64u << 20)
#define WALK_LINE	((64u << 20) + 4096)	/* default of max_line: rec-write's, and what it fills in */
#define WALK_TELL	20		/* bad lines of one file that are told */

/* What is kept of a line beside its text. */
struct walk_line {
	int64_t	 us;		/* the time; see record.h */
	uint64_t session;	/* a hash of session_id; 0: none, as where measures is not set */
	float	 response_ms;	/* rec_response_ms; negative: none */
	enum rec_stage stage;
	bool	 staged, success, failed;	/* as in record.h */
	bool	 error;		/* it has an error message */
};

struct walk_record {
	const char *day;	/* of the first line */
	const struct walk_line *const *line;	/* in the order of time */
	const struct span *text;	/* of each line, from { to }, readable and padded behind it as json/scan.h wants; NULL without texts */
	size_t	 n;		/* 1 unless folded */
	bool	 stays;		/* the first text, and its newline right behind it, is valid until released is called */
};

struct walk {
	const struct tree *tree;
	enum tree_kind kind;
	const char *session;	/* a folder's name, for TREE_BY_SESSION */
	const char *from, *to;	/* days, both included; NULL: no bound */
	bool	 fold;
	bool	 texts;		/* keep the lines' text */
	bool	 measures;	/* find out a line's session and response_ms */
	int	 jobs;		/* threads, at least 1 */
	size_t	 max_line;	/* bytes; 0: WALK_LINE */
	size_t	 max_text;	/* bytes of text in memory; 0: WALK_TEXT */
	void	*ctx;
	/* Called for each record, in order, valid until it returns; false ends the walk. */
	bool	(*record)(void *ctx, const struct walk_record *r);
	/* Called before texts that stay go, also when the walk fails.  NULL: not wanted. */
	void	(*released)(void *ctx);
	/* A line (column 0: all of it; line 0: the file) could not be read.  Only the first WALK_TELL of a file come here. */
	void	(*bad)(void *ctx, const char *path, uint64_t line, size_t column, const char *reason);
	/*
	 * Told of each day in the range before its lines are given: they are those of the rotated parts up to stamp ("": there is none) and of the live
	 * file (fd is borrowed; -1: there is none) up to size.  NULL: not wanted.
	 */
	void	(*opened)(void *ctx, const char *day, const char *stamp, int fd, uint64_t size);

	uint64_t lines, bytes;	/* read; bytes after decompression */
	uint64_t unreadable;	/* lines that could not be read */
	bool	 ended;		/* by record */
};

/* Returns 0, or -1 with errno and *path (new) what it is about, a file or the directory of the temporary one; EINTR: a signal asks to stop. */
int	walk_run(struct walk *w, char **path) __attribute__((warn_unused_result));

#endif
