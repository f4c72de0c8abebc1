/*
 * oauth.h - a user's tokens: the calls that give them.
 *
 * An authorization code, a device code or a refresh token is exchanged for a pair of tokens.  Each
 * of them works once, so a call that was begun is brought to its end: signals that ask to stop wait meanwhile (at
 * most half a minute a try).  No secret stands in a message.
 *
 * RFC 6749, RFC 7636 (PKCE), RFC 8628 (device code);
 * https://open.feishu.cn/document/authentication-management/access-token/get-user-access-token
 */
#ifndef FEISHU_OAUTH_H
#define FEISHU_OAUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "feishu/app.h"
#include "net/http.h"

enum oauth_result {
	OAUTH_OK,
	OAUTH_REFUSED,		/* by code; asking again cannot help before something is changed */
	OAUTH_LOST,		/* what was to be exchanged is worth nothing any more: log in (again) */
	OAUTH_GAVE_UP,		/* no usable answer */
	OAUTH_INTERRUPTED,	/* a signal asks to stop */
	OAUTH_PENDING,		/* device code: the user has not decided yet */
	OAUTH_SLOWER,		/* the same, and ask less often */
};

struct oauth {
	const struct feishu_app *app;	/* borrowed */
	struct http *http;		/* owned */
	int64_t	 tries;
	int64_t	 retry_ms;
};

void	oauth_init(struct oauth *o, const struct feishu_app *app, const struct http_policy *policy);
void	oauth_free(struct oauth *o);

/* What an exchange gives; owned. */
struct oauth_tokens {
	char	*access, *refresh, *scope;	/* refresh: NULL without the scope offline_access */
	int64_t	 access_ms, refresh_ms;		/* lifetimes; 0: not said */
};
void	oauth_tokens_free(struct oauth_tokens *t);

/*
 * What went wrong, one line.  unknown: a try may have been carried out, but its answer did not arrive.  To be freed with buf_free.
 */
struct oauth_error {
	long	 code;		/* 0: none */
	bool	 unknown;
	struct buf text;
};

/* Append the address of the page where the user agrees; challenge is that of the verifier (oauth_challenge). */
void	oauth_authorize_url(const struct oauth *o, const char *redirect, const char *scope, const char *state,
	    const char *challenge, struct buf *out);
/* What the service is told of a verifier beforehand: S256. */
void	oauth_challenge(const char *verifier, struct buf *out);

enum oauth_result oauth_exchange(struct oauth *o, const char *code, const char *redirect, const char *verifier,
	    struct oauth_tokens *t, struct oauth_error *e);
enum oauth_result oauth_refresh(struct oauth *o, const char *refresh, struct oauth_tokens *t, struct oauth_error *e);

struct oauth_device {
	char	*code, *user_code, *url;	/* owned; url: what the user opens */
	int64_t	 life_ms, interval_ms;
};
enum oauth_result oauth_device_begin(struct oauth *o, const char *scope, struct oauth_device *d, struct oauth_error *e);
enum oauth_result oauth_device_poll(struct oauth *o, const struct oauth_device *d, struct oauth_tokens *t, struct oauth_error *e);
void	oauth_device_free(struct oauth_device *d);

/* Whose token it is: new strings, NULL where the service does not say. */
enum oauth_result oauth_user_info(struct oauth *o, const char *access, char **open_id, char **name, struct oauth_error *e);

#endif
