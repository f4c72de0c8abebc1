/*
 * cat.h - what the files of rec-cat share: which records are wanted, and their way out.
 */
#ifndef REC_CAT_H
#define REC_CAT_H

#include "base/buf.h"
#include "json/expr.h"
#include "ndjson/reject.h"
#include "recorder/tree.h"
#include "recorder/walk.h"

struct cat {
	struct tree tree;
	enum tree_kind kind;
	char	*session;	/* the folder's name, or NULL */
	char	 from[TREE_DAY_SIZE], to[TREE_DAY_SIZE];	/* "": no bound */
	bool	 failed_only;	/* of a session */
	struct expr *where;	/* NULL: all */
	struct rejects rejects;
	struct buf out, scratch;
	struct span run;	/* lines to write behind out, which stay */
	struct scan scan;
	uint64_t read, written;
};

/* Is this record (or line) wanted?  failed: as in walk_line. */
bool	cat_selects(struct cat *c, struct span text, bool failed);
/*
 * Write a record; the byte behind its text can be read (its newline, mostly).  stays: it is a newline, and both are valid until
 * cat_release, so that what lies together is written together.
 */
void	cat_put(struct cat *c, struct span text, bool stays);
void	cat_release(struct cat *c);
/* In range? */
bool	cat_has_day(const struct cat *c, const char *day);

/*
 * --follow: the lines that are written from a moment on.  For the days that a walk read (its opened callback) that moment
 * is the one at which the walk looked; for days before since, which no walk read, it is that of follow_run.
 */
struct follow;
struct follow *follow_new(struct cat *c);
/* The newest rotated part's stamp ("": none) and the live file (fd is borrowed; -1: none) of a day, of which size bytes have been read. */
void	follow_day(struct follow *f, const char *day, const char *stamp, int fd, uint64_t size);
/* Write what comes, until a signal.  Returns 0 then, or -1 with errno and *path (new) what it is about. */
int	follow_run(struct follow *f, const char *since, char **path) __attribute__((warn_unused_result));
void	follow_free(struct follow *f);

#endif
