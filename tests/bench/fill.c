/*
 * fill - put many traces into a database of trace-serve: fill FILE RECORDS [BYTES [SESSIONS]]
 *
 * Each has a request of about so many bytes (default 1000), and a short answer; every hundredth is an error; models take turns.  The
 * last session is as large as all others together.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "trace/store.h"

#define WINDOW 2048	/* on their way at a time */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static long on_their_way;

struct one {
	struct trace t;
	struct buf request, response;
	char	 session[32];
};

static void
on_done(struct trace *t)
{
	struct one *o = t->arg;

	if (t->result != STORE_OK)
		die(ST_FAILED, "%s", buf_str(&t->error));
	buf_free(&t->session_id);
	buf_free(&o->request);
	buf_free(&o->response);
	free(o);
	pthread_mutex_lock(&lock);
	on_their_way--;
	pthread_cond_signal(&moved);
	pthread_mutex_unlock(&lock);
}

static struct span
text(const char *s)
{
	return (struct span){ s, strlen(s) };
}

static void
put(struct trace_store *s, long i, size_t bytes, long sessions)
{
	static const char *const models[] = { "gpt-4o", "gpt-4o-mini", "claude-sonnet", "gemini-pro" };
	static const char words[] = "the quick brown fox jumps over the lazy dog and then some more of it ";
	struct one *o = mem_zero(1, sizeof *o);

	buf_addf(&o->request, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"question %ld ", models[i % 4], i);
	while (o->request.len + 8 < bytes)
		buf_add(&o->request, words, sizeof words - 1 < bytes - o->request.len ? sizeof words - 1 : bytes - o->request.len);
	buf_adds(&o->request, "\"}]}");
	buf_addf(&o->response, "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"answer %ld\"}}],\"usage\":{\"prompt_tokens\":%ld,"
	    "\"completion_tokens\":%ld}}", i, i % 1000, i % 300);
	(void)snprintf(o->session, sizeof o->session, "session-%ld", i % 2 ? sessions : i / 2 % sessions);
	o->t = (struct trace){ .session = text(o->session), .request = { o->request.p, o->request.len },
		.response = { o->response.p, o->response.len }, .status = text(i % 100 == 99 ? "error" : "success"),
		.error_message = text(i % 100 == 99 ? "rate limit" : ""), .http_status = i % 100 == 99 ? 429 : 200, .latency_ms = i % 5000,
		.first_byte_ms = -1, .done = on_done, .arg = o };
	pthread_mutex_lock(&lock);
	while (on_their_way >= WINDOW)
		pthread_cond_wait(&moved, &lock);
	on_their_way++;
	pthread_mutex_unlock(&lock);
	trace_store_put(s, &o->t);
}

int
main(int argc, char *argv[])
{
	struct buf error = { 0 };
	struct trace_store *s;
	long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0, sessions = argc > 4 ? strtol(argv[4], NULL, 10) : 1000;
	size_t bytes = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000;

	msg_init(argv[0]);
	if (n <= 0 || sessions <= 0)
		die(ST_USAGE, "usage: fill FILE RECORDS [BYTES [SESSIONS]]");
	if ((s = trace_store_open(argv[1], &error)) == NULL)
		die(ST_FAILED, "%s: %s", argv[1], buf_str(&error));
	for (long i = 0; i < n; i++)
		put(s, i, bytes, sessions);
	trace_store_close(s);
	return ST_OK;
}
