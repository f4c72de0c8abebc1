/*
 * callback.h - how the code of a login comes back: by the browser's request to this machine, or pasted by hand.
 *
 * Whatever runs here, and any page that the browser shows, can send requests to the port: only
 * one with the state that we made up counts.  RFC 8252 7.3, RFC 6749 4.1.2.
 */
#ifndef FEISHU_CALLBACK_H
#define FEISHU_CALLBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define CALLBACK_PATH	"/callback"
#define CALLBACK_HEAD	(16u << 10)	/* most bytes of a request; also of what is pasted */

enum callback_result {
	CALLBACK_CODE,		/* text is the code */
	CALLBACK_DENIED,	/* text is the service's word for it: access_denied */
	CALLBACK_OTHER,		/* none of ours: another path, or not our state */
	CALLBACK_MORE,		/* the request is not complete yet */
	CALLBACK_FAILED,	/* errno: ETIMEDOUT, EINTR (a signal asks to stop) or what the system says */
};

/* Listen on 127.0.0.1; *port 0 becomes the one that was free.  Returns the fd, or -1 with errno. */
int	callback_listen(int64_t *port) __attribute__((warn_unused_result));

/* Answer requests until one is ours, for at most timeout_ms. */
enum callback_result callback_wait(int fd, const char *state, int64_t timeout_ms, struct buf *text);

/* What has come of a request so far.  *text is replaced. */
enum callback_result callback_read(const char *p, size_t len, const char *state, struct buf *text);

/* What a person has pasted: the address that the browser was sent to, or the code alone, which tells no state. */
enum callback_result callback_pasted(const char *p, size_t len, const char *state, struct buf *text);

#endif
