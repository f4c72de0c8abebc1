/*
 * stream.h - a streamed answer of an OpenAI-compatible API, put together into the object that would have come without "stream".
 *
 * Chat completions: the choices' deltas are joined, by index; usage is the last one.  Responses: the object of the last event.
 * Bytes may be cut anywhere.  A JSON answer (no stream) is given back as it is.
 *
 * https://html.spec.whatwg.org/multipage/server-sent-events.html, https://platform.openai.com/docs/api-reference/chat-streaming
 */
#ifndef OPENAI_STREAM_H
#define OPENAI_STREAM_H

#include "base/buf.h"

struct chat_stream;

struct chat_stream *chat_stream_new(size_t max);	/* bytes that are kept at most */
void	chat_stream_add(struct chat_stream *s, const char *p, size_t len);
/*
 * At the end: append the object.  Returns NULL, or what is wrong (static or s's text): the stream was cut, the service sent an error,
 * or it is no stream; out then has what came.
 */
const char *chat_stream_end(struct chat_stream *s, struct buf *out);
void	chat_stream_free(struct chat_stream *s);

#endif
