/*
 * walk.h - the records of a tree as one stream: live, rotated and compressed files, day by day, in a day by
 * time, each line once, also while others write and rotate.
 *
 * With fold, the lines of one record are brought together: those that share an id; and a line that shares its id with none
 * (or has none) and whose stage is completed or finalized joins the newest record before it
 * with the same session, role, step, round and prompt that has not reached that stage.
 * They may stand in the same day's files or the following day's.  The record belongs to the day of its first line.
 *
 * A line without a timestamp keeps its place behind the line before it.  Lines that cannot be read, and damaged gzip data, are told
 * with file and line, and the rest is read.
 *
 * Memory: 96 bytes a line and the text of two days, of which what exceeds WALK_TEXT bytes
 * goes to a file without a name in TMPDIR (/tmp).
 */
#ifndef RECORDER_WALK_H
#define RECORDER_WALK_H

#include "recorder/record.h"
#include "recorder/tree.h"

#define WALK_TEXT (64u << 20)

/* What is kept of a line beside its text. */
struct walk_line {
	int64_t	 us;		/* the time; see record.h */
	uint64_t session;	/* a hash of session_id; 0: none */
	float	 response_ms;	/* performance_metrics.response_time_ms; negative: none */
	enum rec_stage stage;
	bool	 staged, success, failed;
};

struct walk_record {
	const char *day;	/* of the first line */
	const struct walk_line *const *line;	/* in the order of time */
	const struct span *text;	/* of each line, without its newline, which follows it in memory; NULL without texts */
	size_t	 n;		/* 1 unless folded */
};

struct walk {
	const struct tree *tree;
	enum tree_kind kind;
	const char *session;	/* a folder's name, for TREE_BY_SESSION */
	const char *from, *to;	/* days, both included; NULL: no bound */
	bool	 fold;
	bool	 texts;		/* keep the lines' text */
	int	 jobs;		/* threads, at least 1 */
	void	*ctx;
	/* Called for each record, in order, valid until it returns; false ends the walk. */
	bool	(*record)(void *ctx, const struct walk_record *r);
	/* A line (column 0: all of it; line 0: the file) could not be read; path is below the tree. */
	void	(*bad)(void *ctx, const char *path, uint64_t line, size_t column, const char *reason);

	uint64_t lines, bytes;	/* read; bytes after decompression */
};

/* Returns 0, or -1 with errno and *path (new, or NULL: the tree's temporary file) what it is about; EINTR: a signal. */
int	walk_run(struct walk *w, char **path) __attribute__((warn_unused_result));

#endif
