/*
 * client.h - one call of an OpenAI-compatible API: a request as it was recorded, sent again.
 *
 * It goes to chat/completions, or to responses or completions where it has an "input" or a "prompt" and no "messages".  A stream is put
 * together (stream.h).  The provider's key stands in no answer and no message, also where the service repeats it.
 *
 * https://platform.openai.com/docs/api-reference
 */
#ifndef OPENAI_CLIENT_H
#define OPENAI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "json/scan.h"
#include "net/http.h"
#include "openai/providers.h"

enum chat_outcome {
	CHAT_OK,
	CHAT_REFUSED,		/* answered, with an error that another try does not change */
	CHAT_FAILED,		/* no answer, an incomplete one, or one that may pass */
	CHAT_TIMEOUT,
	CHAT_INTERRUPTED,	/* a signal asks to stop */
};

struct chat_result {
	enum chat_outcome outcome;
	struct buf response;	/* owned; JSON, also of an error; empty: none */
	struct buf error;	/* owned; why not CHAT_OK */
	long	 status;	/* 0: no answer */
	int64_t	 latency_ms, first_byte_ms;	/* of the last try; -1: no byte came */
};

/*
 * Send a valid request, an object.  total_ms: in which a try must end; 0: none.  Retries are h's.
 * *r is filled from scratch (chat_result_free).
 */
void	chat_send(struct http *h, const struct provider *p, struct span request, int64_t total_ms, struct chat_result *r);
void	chat_result_free(struct chat_result *r);

/* Set a member of a valid request, whose other bytes stay; val is JSON. */
void	chat_set(struct buf *request, const char *name, size_t len, struct span val);
/* Append its "model", as text; nothing where there is none. */
void	chat_model(struct span request, struct buf *out);

/* Put stars where a secret (not "") stands: in a text, or in the strings of JSON; which it is still then, of UTF-8. */
void	chat_hide(struct buf *text, bool json, const char *secret);

#endif
