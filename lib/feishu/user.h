/*
 * user.h - the token of the user who has logged in, kept fresh in the store (store.h).
 *
 * Any number of processes share one store.  A token is renewed minutes before it expires, or when the service
 * does not take it; under the store's lock and after reading it again, so one process asks and the others use what it got.
 * The refresh token works once: the intent to send it is on the disk before it is sent, and the new pair before
 * it is used.
 */
#ifndef FEISHU_USER_H
#define FEISHU_USER_H

#include "feishu/oauth.h"
#include "feishu/store.h"

struct user {
	struct oauth oauth;
	struct feishu_app app;		/* the caller's; the id is the store's where the environment has none */
	char	*own_id, *path;		/* owned */
	struct login login;		/* as last read or written */
	int64_t	 quiet_until;		/* when_mono(): asking was in vain a moment ago */
};

/*
 * Read the store at path (taken).  app is borrowed, and must live as long.  STORE_NONE: nobody has logged in.
 * STORE_BAD: the store is not usable; the reason was appended to error.  user_free in any case.
 */
enum store_result user_open(struct user *u, char *path, const struct feishu_app *app, const struct http_policy *policy,
	    struct buf *error) __attribute__((warn_unused_result));
void	user_free(struct user *u);

/* Why the login is of no use here: it is for another host or app.  NULL: it is ours.  Static text. */
const char *user_is_other(const struct user *u);

/*
 * A token for the next minutes, borrowed until the next call.  refused: the one that the service did not take
 * (99991668, 99991677), or NULL.  Without OAUTH_OK e says why.
 */
enum oauth_result user_token(struct user *u, const char *refused, const char **token, struct oauth_error *e);

/* Take tokens that were just given: they replace those of l. */
void	user_take(struct login *l, struct oauth_tokens *t);

/* Is the access token good for longer than the time that is kept free for its renewal? */
bool	user_is_fresh(const struct login *l, int64_t now);

#endif
