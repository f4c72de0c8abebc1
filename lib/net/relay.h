/*
 * relay.h - an HTTP request that is passed on as it is, and its answer, given piece by piece as it comes (libcurl).
 *
 * Nothing is added, decoded, redirected, or (but for GET and HEAD) sent again: bytes and headers go through, but for those of one connection
 * (RFC 9110, 7.6.1).  Many threads may relay; each call waits in its own.  Connections are kept for later calls.  TLS is always
 * verified (LLMUTILS_CA_FILE names a private CA), the proxy variables are obeyed.
 */
#ifndef NET_RELAY_H
#define NET_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum relay_end {
	RELAY_WHOLE,	/* the answer has come */
	RELAY_LEFT,	/* head, piece or left did not want more; the other side was told by the end of the connection */
	RELAY_LATE,	/* nobody was there in time, or nothing came for an hour */
	RELAY_BROKEN,	/* no answer, or a part of it */
};

struct relay {
	/* Borrowed until the end. */
	const char *method, *url;
	const char *const *headers;	/* "Name: value", NULL at the end; relay_passes() has been asked */
	const void *body;
	size_t	 body_len;
	/* The head of the answer is there: status, length and headers.  False: enough. */
	bool	(*head)(struct relay *r);
	bool	(*piece)(struct relay *r, const char *p, size_t len);
	/* Does nobody wait for it any more?  Asked several times a second. */
	bool	(*left)(struct relay *r);
	void	*arg;
	/* Set. */
	unsigned status;		/* 0: no answer */
	int64_t	 length;		/* of the body; -1: not told */
	struct buf answer;		/* owned by the caller: "Name: value\0" one after the other, without those that do not pass */
	int64_t	 first_ms, ms;		/* until the first byte of the body (-1: none came), and the end */
	char	 error[256];		/* of LATE and BROKEN */
};

struct relays;			/* the connections */

/* The first one is to be made before there are threads.  Returns new (relays_free). */
struct relays *relays_new(void);
void	relays_free(struct relays *s);
enum relay_end relay_run(struct relays *s, struct relay *r);

/* Does a header go on to the other side?  connection: the values of all Connection headers, with commas between. */
bool	relay_passes(const char *name, const char *connection);
/* The value of a header of the answer; NULL: not there. */
const char *relay_header(const struct relay *r, const char *name);

#endif
