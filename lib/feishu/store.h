/*
 * store.h - the file that keeps a user's login: one JSON object, for its owner only.
 *
 * Whoever changes it holds the lock (a file beside it) from reading to replacing; it is replaced
 * atomically, so reading needs none.  A store that others can read, or that belongs to
 * somebody else, is not used.
 *
 * refresh_sent is the intent: the refresh token works once, and was sent at that time by somebody who
 * has not written down an answer since.  Whoever finds it there sends the token once more, and knows then.
 */
#ifndef FEISHU_STORE_H
#define FEISHU_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/file.h"

/* Strings are owned, NULL where there is none; times are ms since 1970, 0: none. */
struct login {
	char	*host, *app_id;			/* never NULL in a login that was read */
	char	*open_id, *name, *scope;
	char	*access, *refresh;
	int64_t	 obtained, access_expires, refresh_expires;
	int64_t	 refresh_sent;
	char	*lost;				/* why there is no refresh token any more, in words */
};

void	login_free(struct login *l);		/* wipes the tokens; *l is empty then */

/*
 * Where the store is: path, else FEISHU_TOKEN_STORE, else llmutils/feishu.json in XDG_STATE_HOME or
 * ~/.local/state.  Returns new (free); NULL: the environment names no place.
 */
char	*store_path(const char *path);

enum store_result { STORE_OK, STORE_NONE, STORE_BAD };

/* Read the store.  STORE_NONE: there is no such file.  STORE_BAD: the path and the reason were appended to error. */
enum store_result store_read(const char *path, struct login *l, struct buf *error) __attribute__((warn_unused_result));

/* Make the directory, and lock the store.  Returns the fd (closing it unlocks), or -1 with errno (EINTR: a signal asks to stop). */
int	store_lock(const char *path) __attribute__((warn_unused_result));

/*
 * Replace the store.  begin makes sure that there is room on the disk, commit (which releases n in any case) writes and
 * renames: what comes in between cannot be asked for a second time.  save is both.  0, or -1 with errno.
 */
int	store_begin(struct newfile *n, const char *path) __attribute__((warn_unused_result));
int	store_commit(struct newfile *n, const struct login *l) __attribute__((warn_unused_result));
int	store_save(const char *path, const struct login *l) __attribute__((warn_unused_result));

/* Remove it, whatever it holds.  Returns 0, also where there is none, or -1 with errno. */
int	store_remove(const char *path) __attribute__((warn_unused_result));

/* The text of a store; b is padded and changed.  Returns NULL, or why it is none (static text); then *l is empty. */
const char *login_parse(struct buf *b, struct login *l);
void	login_put(const struct login *l, struct buf *out);

/* Nothing that could end a header and begin another. */
bool	login_is_token(const char *s);

#endif
