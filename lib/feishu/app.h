/*
 * app.h - which Feishu (or Lark) to talk to, and as which app: settings of the environment.
 *
 *   FEISHU_ENDPOINT	the API, default https://open.feishu.cn
 *   FEISHU_ACCOUNTS_ENDPOINT	where users log in; default: the API's address with "accounts." for "open."
 *   FEISHU_TOKEN_URL	the token endpoint, where it is another than the login host's /oauth/v3/token
 *   FEISHU_APP_ID, FEISHU_APP_SECRET	(APP_ID, APP_SECRET), also from files named by _FILE
 */
#ifndef FEISHU_APP_H
#define FEISHU_APP_H

#include <stdbool.h>

#include "base/buf.h"

struct feishu_app {
	char	*endpoint, *accounts;	/* owned, as all; without a slash at the end */
	char	*token_url;		/* NULL: the usual one */
	char	*id, *secret;		/* NULL: not set */
};

/* False: a file that is to hold a secret cannot be read; the reason is appended to error.  feishu_app_free in any case. */
bool	feishu_app_read(struct feishu_app *a, struct buf *error);
void	feishu_app_free(struct feishu_app *a);

/* A secret of the environment, or of the file that NAME_FILE names; *value stays NULL where none is set. */
bool	feishu_secret(const char *const names[], char **value, struct buf *error);

/* Append the address of the page where the app gets its scopes. */
void	feishu_app_scopes_page(const char *endpoint, const char *id, struct buf *out);

#endif
