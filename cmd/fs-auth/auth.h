/*
 * auth.h - what the parts of fs-auth share.
 */
#ifndef FS_AUTH_AUTH_H
#define FS_AUTH_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "feishu/app.h"
#include "feishu/oauth.h"

struct auth_opts {
	const char *store, *scope;
	int64_t	 port;
	bool	 no_browser, device, json;
	struct http_policy http;
};

extern struct auth_opts opts;

struct auth {
	struct feishu_app app;
	char	*path;			/* of the store; owned */
};

/* login.c: each command returns the tool's status. */
int	login(struct auth *a);
/* The fd (closing it unlocks); where there is none to be had, the end. */
int	lock_store(const struct auth *a);
/* status.c */
int	show_status(struct auth *a);

/* End with the right status and e's words, or by the signal; r is not OAUTH_OK. */
void	give_up(enum oauth_result r, struct oauth_error *e) __attribute__((noreturn));

#endif
