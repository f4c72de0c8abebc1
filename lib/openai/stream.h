/*
 * stream.h - a streamed answer of an OpenAI-compatible API, put together into the object that would have come without "stream".
 *
 * Chat completions: the choices' deltas are joined, by index; usage is the last one.  Responses: the object of the last event.
 * Anthropic's messages: their content blocks are joined.  Bytes may be cut anywhere.  A JSON answer (no stream) is given back as it
 * is, and what is no JSON as a JSON string.
 *
 * https://html.spec.whatwg.org/multipage/server-sent-events.html, https://platform.openai.com/docs/api-reference/chat-streaming
 */
#ifndef OPENAI_STREAM_H
#define OPENAI_STREAM_H

#include "base/buf.h"
#include "json/scan.h"

struct chat_stream;

struct chat_stream *chat_stream_new(size_t max);	/* bytes that are kept at most */
void	chat_stream_add(struct chat_stream *s, const char *p, size_t len);
/*
 * At the end, once: append the object, always valid JSON (nothing where nothing came).  Returns NULL, or what is wrong (static or s's
 * text): the stream was cut, the service sent an error, or it is no stream; out then has what came.
 */
const char *chat_stream_end(struct chat_stream *s, struct buf *out);
void	chat_stream_free(struct chat_stream *s);	/* NULL is fine */

/*
 * The words in the error of a service, a valid value: {"error":{"message":...}}, {"error":"..."}, {"message":...}, {"detail":...}, or
 * what stands there as "error" or "detail".  Appended; false: there are none.
 */
bool	chat_error_text(struct span error, struct buf *out);

#endif
