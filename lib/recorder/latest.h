/*
 * latest.h - real_time/latest.json: the newest lines, oldest first, always whole.
 *
 * Writers share it: each reads it, adds its own lines and replaces it, under a lock (real_time/.lock).
 * So that this stays cheap, it holds at most LATEST_BYTES, or one line.
 */
#ifndef RECORDER_LATEST_H
#define RECORDER_LATEST_H

#include "recorder/tree.h"

#define LATEST_PATH	"real_time/latest.json"
#define LATEST_BYTES	(16u << 20)

/* Where those begin that stay, of lines that all end with a newline. */
size_t	latest_cut(const char *lines, size_t len, size_t keep);

/*
 * Add lines (each with its newline) and keep the newest keep of all.  A file that cannot be read as lines is begun anew.
 * sync: it is on disk on return.  Returns 0, or -1 with errno (EINTR: a signal asks to stop).
 */
int	latest_add(const struct tree *t, const char *lines, size_t len, size_t keep, bool sync) __attribute__((warn_unused_result));

#endif
