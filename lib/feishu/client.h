/*
 * client.h - calls to the Feishu (Lark) open platform.
 *
 * Gets and renews the app's token or that of a user who has logged in (fs-auth), judges answers by their "code"
 * (most errors come with HTTP 200), retries what may pass, and puts errors into words: code, message, log id, missing
 * scopes and where they are granted, and what to do.
 *
 * https://open.feishu.cn/document/server-docs/api-call-guide/calling-process/overview
 */
#ifndef FEISHU_CLIENT_H
#define FEISHU_CLIENT_H

#include "base/buf.h"
#include "json/scan.h"
#include "net/http.h"

struct feishu;

/*
 * As whom to act; --as sets it before feishu_new, like msg_level.  AUTO is FEISHU_AS, and without that the user
 * of FEISHU_USER_ACCESS_TOKEN, else the one who has logged in to this host and app (user.h), else the app.
 */
enum { FEISHU_AS_AUTO, FEISHU_AS_USER, FEISHU_AS_APP };
extern int feishu_as;
#define OPT_FEISHU_AS \
	OPT_CHOICE(0, "as", "auto|user|app", &feishu_as, "act as the user of fs-auth, or as the app (default: the user, if logged in)")

/*
 * Configure from the environment (app.h) and the store of fs-auth.  Returns new (feishu_free), or NULL with the reason
 * in error.
 */
struct feishu *feishu_new(const struct http_policy *policy, struct buf *error);
void	feishu_free(struct feishu *f);
uint64_t feishu_requests(const struct feishu *f);	/* answered or not, without retries */
/* Called whenever an answer or a wait is about to block: the place to flush stdout, once the request is on its way. */
void	feishu_on_idle(struct feishu *f, void (*idle)(void *arg), void *arg);

enum feishu_result {
	FEISHU_OK,
	FEISHU_REFUSED,		/* by code; nothing was changed, unless unknown is set */
	FEISHU_GAVE_UP,		/* no usable answer */
	FEISHU_INTERRUPTED,	/* a signal asks to stop */
};

/* An answer; reused from call to call, feishu_reply_free at the end. */
struct feishu_reply {
	long	 code;
	struct span data;	/* of the envelope, "{}" when absent; points into body */
	struct buf body;
	struct buf error;	/* without FEISHU_OK: what happened and what to do, one line */
	bool	 unknown;		/* without FEISHU_OK, of what changes something: a try may have been carried out */
	struct scan scan;
};

enum feishu_effect {
	FEISHU_READS,		/* may be sent again as often as one likes */
	FEISHU_KEYED,		/* changes something, and carries a client_token: may be sent again */
	FEISHU_CHANGES,		/* is sent again only when it was certainly not carried out */
};

/* path begins with '/', query included.  body NULL: GET. */
enum feishu_result feishu_call(struct feishu *f, const char *method, const char *path, const struct buf *body,
	    enum feishu_effect effect, struct feishu_reply *r);
void	feishu_reply_free(struct feishu_reply *r);

/* What a code is about, for callers that act on it. */
enum feishu_kind {
	FEISHU_ROW,		/* a value does not fit its field, or a cell is too large: one row's fault */
	FEISHU_LESS,		/* too much in one call */
	FEISHU_BUSY,		/* too much in one call, or the service has too much to do */
	FEISHU_FIELD,		/* no such field */
	FEISHU_GONE,		/* no such record */
	FEISHU_VERIFY,		/* the service cannot tell whether it did it before */
	FEISHU_NO_BASE,		/* no base by this token */
	FEISHU_OTHER,
};
enum feishu_kind feishu_kind(long code);

#endif
