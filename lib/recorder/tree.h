/*
 * tree.h - the recorder's tree: which file holds what, and how it is opened.
 *
 *   by_session/session_<id>/<day>.json      the records of a session and day
 *   by_date/<day>_all_interactions.json     all records of a day
 *   errors/<day>_errors.json                those that failed
 *   real_time/latest.json                   the newest ones (latest.h)
 *   archive/<name>_<stamp>.json             rotated, not compressed yet
 *   archive/<name>_<stamp>.json.gz          rotated and compressed
 *
 * A day is "2025-12-07", the date as it is written in the record's timestamp.  A stamp is the moment of rotation
 * in UTC, "20251207T122408.275173Z"; it orders the parts of a file.  An archived name is the file's own
 * without its ".json", for session files with the folder's before it: session_7_2025-12-07_<stamp>.json.gz.
 * While a part is compressed both forms stand for a moment: they are one part.
 *
 * All paths here are relative to the tree.  Symbolic links below it are not followed, and nothing but
 * regular files is opened, so a tree that others may write to cannot lead elsewhere.
 */
#ifndef RECORDER_TREE_H
#define RECORDER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "json/scan.h"

#define TREE_ARCHIVE	"archive"
#define TREE_DAY_SIZE	11	/* "2025-12-07" */
#define TREE_STAMP_SIZE	24	/* "20251207T122408.275173Z" */
#define TREE_FILE_MODE	0600
#define TREE_DIR_MODE	0700

#define OPT_TREE(to)	OPT_NAME('d', "dir", "DIR", to, "the tree (default: $LLM_RECORDS_BASE_DIR, else logs/llm_interactions)")

enum tree_kind { TREE_BY_DATE, TREE_BY_SESSION, TREE_ERRORS };

struct tree {
	const char *path;	/* borrowed; for messages */
	int	 fd;
};

/*
 * The directory of the tree: dir where not NULL, else LLM_RECORDS_BASE_DIR, else
 * logs/llm_interactions.  Returns text that lives as long as the process.
 */
const char *tree_path(const char *dir);
/* Open the tree, with create make it first (parents too); what is made is on disk then.  Returns 0, or -1 with errno. */
int	tree_open(struct tree *t, const char *path, bool create) __attribute__((warn_unused_result));
void	tree_close(struct tree *t);

/* "2025-12-07", and a day that there is? */
bool	tree_is_day(const char *s, size_t len);

/*
 * Append the name of a session's folder.  Letters, digits, '-', '_', '.' and all bytes above 0x7f stand for themselves, the
 * others are %XX; an id that would become too long is cut, and "%~" and its SHA-256 follow.  So different
 * ids have different names, and none leaves the tree.
 */
void	tree_session_name(struct span id, struct buf *out);

/* A file of the tree, by name. */
struct tree_part {
	enum tree_kind kind;
	bool	 archived, gz;	/* gz: compressed; with archived only */
	char	 day[TREE_DAY_SIZE];
	char	 stamp[TREE_STAMP_SIZE];	/* "" where live */
	char	*session;	/* owned; the session's folder; NULL but for TREE_BY_SESSION */
};
/* Append the path of this part. */
void	tree_part_path(const struct tree_part *p, struct buf *out);
/* Append the path of a live file.  session: the folder's name, or NULL. */
void	tree_live_path(enum tree_kind kind, const char *session, const char *day, struct buf *out);
/* Read a file's name in archive/.  False: not one of ours (leftovers, strangers).  On success p->session is new. */
bool	tree_parse_archived(const char *name, struct tree_part *p);

struct tree_parts {
	struct tree_part *v;	/* owned */
	size_t	 n, cap;
	char	*failed;	/* owned; the folder that tree_list_live could not list, when it failed */
};
void	tree_parts_clear(struct tree_parts *l);
void	tree_parts_free(struct tree_parts *l);

/*
 * List files, sorted by day, then session, then stamp, the live one last; a part of which both forms stand
 * there is listed as compressed.  session (a folder's name): that session alone; NULL: all.  A missing folder is an empty
 * one.  Each appends.  Returns 0, or -1 with errno; tree_list_live then has listed the folders that can be.
 *
 * tree_list_archive sees every part that stood there when it began: entries that are renamed under it are not missed.
 */
int	tree_list_live(const struct tree *t, enum tree_kind kind, const char *session, struct tree_parts *out)
	    __attribute__((warn_unused_result));
int	tree_list_archive(const struct tree *t, enum tree_kind kind, const char *session, struct tree_parts *out)
	    __attribute__((warn_unused_result));
/* For who holds the archive's lock (expire.h), so that nothing is renamed meanwhile: all files in it, of a part both forms. */
int	tree_list_forms(const struct tree *t, struct tree_parts *out) __attribute__((warn_unused_result));
/* Order as above, for qsort. */
int	tree_part_order(const void *a, const void *b);

/* Has the archive changed since the last call, or may it have?  A zeroed struct stands for a missing one. */
struct tree_watch {
	int64_t	 us;
	bool	 unsure;	/* it changed at the very moment of the last call */
};
bool	tree_archive_changed(const struct tree *t, struct tree_watch *w);

/* Call each for the names in a folder of the tree (dir, open), a missing one is empty.  Returns 0, or -1 with errno. */
int	tree_each(const struct tree *t, const char *path, void (*each)(void *ctx, int dir, const char *name), void *ctx)
	    __attribute__((warn_unused_result));
/* Open a directory of the tree ("archive"); with create make it.  Returns the fd, or -1 with errno. */
int	tree_open_dir(const struct tree *t, const char *path, bool create) __attribute__((warn_unused_result));
/* Open the folder that holds path, with create make it; *name is then the name in it.  Returns the fd, or -1 with errno. */
int	tree_open_parent(const struct tree *t, const char *path, bool create, const char **name) __attribute__((warn_unused_result));
/* What a path means is no file for us: it has gone meanwhile, is a symbolic link or a device. */
bool	tree_is_none(int error);
/* Open a regular file of the tree to read.  Returns the fd, or -1 with errno (ELOOP: a symbolic link; EINVAL: no regular file). */
int	tree_open_file(const struct tree *t, const char *path) __attribute__((warn_unused_result));
/*
 * Open a live file to read what stands in it now: *size is where the last write ended, and no
 * writer is in the middle of one.  Returns the fd, or -1 with errno.
 */
int	tree_open_live(const struct tree *t, const char *path, uint64_t *size) __attribute__((warn_unused_result));
/* The bytes up to the last newline in the first size ones. */
uint64_t tree_whole_lines(int fd, uint64_t size);
/* What tree_open_live tells, for a live file that is open: returns 0, or -1 with errno. */
int	tree_live_size(int fd, uint64_t *size) __attribute__((warn_unused_result));
/* Does the name still mean the file that fd (or -1: none) is? */
bool	tree_is_current(const struct tree *t, const char *path, int fd);
/*
 * Open a live file to append, made with its folders where missing, and lock it (flock) until it is closed; waits for the holder.  It is the
 * file that the name means, also when it was rotated or removed meanwhile.  *created: its entry is not on disk yet (tree_sync_dirs).
 * Returns the fd, or -1 with errno; EINTR when a signal asks to stop.
 */
int	tree_lock_live(const struct tree *t, const char *path, bool create, bool *created) __attribute__((warn_unused_result));
/* fsync the folders from the one that holds path up to the tree itself.  Returns 0, or -1 with errno. */
int	tree_sync_dirs(const struct tree *t, const char *path) __attribute__((warn_unused_result));

#endif
