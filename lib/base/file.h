/*
 * file.h - files that survive a kill at any instant.
 *
 * A file is replaced by writing its successor beside it, fsync, rename, fsync
 * of the directory: a reader sees the old one or the new one.  A lock is
 * flock(2) on the file itself; because the file may be replaced while one waits,
 * file_lock looks again whether the name still means the locked file.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

/* Read a whole file into b (appending).  Returns 0, or -1 with errno (EFBIG beyond b->max). */
int	file_read(const char *path, struct buf *b) __attribute__((warn_unused_result));
/* The same of one that is open: from where it stands. */
int	file_read_fd(int fd, struct buf *b) __attribute__((warn_unused_result));

/*
 * Open path for reading and appending, created with mode where it is missing, and
 * lock it, waiting for another holder when wait is set (else EWOULDBLOCK).
 * Returns the fd (closing it unlocks), or -1 with errno; EINTR when a signal
 * asks to stop while waiting.
 */
int	file_lock(const char *path, mode_t mode, bool wait) __attribute__((warn_unused_result));

struct newfile {
	char	*path, *temp;	/* owned */
	int	 fd;
};

/*
 * Start a successor of path in the same directory; the permissions are the
 * old file's, or mode where there is none.  The caller writes to n->fd, then
 * calls commit (which syncs, renames and syncs the directory) or abort; both
 * release everything.  keep_fd: commit leaves n->fd open for the caller.
 * Returns 0, or -1 with errno.
 */
int	newfile_begin(struct newfile *n, const char *path, mode_t mode) __attribute__((warn_unused_result));
int	newfile_commit(struct newfile *n, bool keep_fd) __attribute__((warn_unused_result));
void	newfile_abort(struct newfile *n);

/* Replace path by these bytes.  Returns 0, or -1 with errno. */
int	file_replace(const char *path, mode_t mode, const void *p, size_t len) __attribute__((warn_unused_result));

/* Where what does not fit into memory goes: TMPDIR, or /tmp. */
const char *file_temp_dir(void);
/* Open a file without a name there; it is gone when it is closed.  Returns the fd, or -1 with errno. */
int	file_unnamed(void) __attribute__((warn_unused_result));

/* fsync the directory that holds path.  Returns 0, or -1 with errno. */
int	file_sync_dir(const char *path) __attribute__((warn_unused_result));

#endif
