/* The parts of trace-serve; see main.c. */
#ifndef TRACE_SERVE_H
#define TRACE_SERVE_H

#include "base/buf.h"
#include "base/pool.h"
#include "json/scan.h"
#include "net/server.h"
#include "openai/providers.h"
#include "trace/store.h"

struct app {
	const char *records;		/* --records; NULL: none */
	const char *upstream;		/* --proxy; NULL: none */
	const char *token;		/* --token-file; NULL: none.  Secret */
	bool	 loopback;		/* only this machine can reach us */
	struct server *server;
	struct trace_store *store;
	struct pool *readers;		/* what asks the database or reads files */
	struct pool *callers;		/* what waits for other servers, or long */
	struct pool *passers;		/* the same of the proxy: however many calls it has, the page goes on; NULL: none */
	struct providers *providers;
	struct proxy *proxy;		/* of --proxy; NULL: none */
	int64_t	 replay_ms;		/* a replay takes at most so long */
	struct tee *copy;		/* of --tee; NULL: none */
};

/* http.c: who may ask what, and where it goes.  is_loopback: is "HOST" or "HOST:PORT" this machine alone? */
bool	app_admit(void *app, struct request *rq);
enum served app_handle(void *app, struct request *rq);
bool	is_loopback(const char *host);

/*
 * A request and the segment of its path that the route left open (":id"), decoded; what a handler gets.  Freed by the answer.
 */
struct call {
	struct app *app;
	struct request *rq;
	struct buf id;
};
/* Answers: {"success":true,"message":...}, {"success":true,"data":...} (data is taken), {"success":false,"message":...} */
void	answer_ok(struct call *c, const char *message);
void	answer_data(struct call *c, struct buf *data);
void	answer_fail(struct call *c, unsigned status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A failure that left something behind (a replay that failed is a record, too). */
void	answer_fail_data(struct call *c, unsigned status, const char *message, struct buf *data);
/* 503, with a word on when to ask again */
void	answer_busy(struct call *c);
/* Both: {"success":true,"message":...,"data":...} */
void	answer_both(struct call *c, const char *message, struct buf *data);
/* For an answer of another kind, which is given through c->rq before. */
void	call_free(struct call *c);
/* A number of the query from 1 to most; usual where it is none. */
int64_t	call_number(struct call *c, const char *name, int64_t usual, int64_t most);
/* "page" and "size" of the query: from 1; size up to 1000, usual where it is none of these. */
void	call_page(struct call *c, int64_t usual, int64_t *page, int64_t *size);

/*
 * body.c: the body as one JSON object; scan has its members.  It may stand on several lines, so that what was scanned may be a copy with
 * blanks for them; body_bytes gives a value of it as it came.  False: it is none, which was answered.
 */
struct body {
	struct scan scan;
	struct buf line;	/* the copy; empty: there is none */
	struct buf *came;	/* borrowed */
};
bool	call_body(struct call *c, struct body *b);
struct span body_bytes(const struct body *b, struct span v);
/* A member; none where it is missing or null.  The text of a string: false, it is something else. */
struct span body_member(const struct body *b, const char *name);
bool	body_text(const struct body *b, const char *name, struct buf *text);
bool	body_number(const struct body *b, const char *name, int64_t *n);
/* The session_id, which may be missing.  Returns what is wrong with it (static), or NULL. */
const char *body_session(const struct body *b, struct buf *id);
void	body_free(struct body *b);

/*
 * tee.c: writes every trace that was stored to standard output, in its own thread.  tee_drain: keep nobody waiting any more, the end is
 * near; tee_stop writes what is left.  Returns the exit status.
 */
void	tee_start(struct app *app);
void	tee_drain(struct app *app);
int	tee_stop(struct app *app);

/* The handlers run on a thread of the pool that their route names, and may wait. */
/* trace.c: receives */
void	trace_post(struct call *c);
/* query.c: sessions and records */
void	health_get(struct call *c);
void	sessions_get(struct call *c);
void	session_get(struct call *c);
void	session_delete(struct call *c);
void	session_records_get(struct call *c);
void	records_get(struct call *c);	/* searches */
void	record_get(struct call *c);
void	record_delete(struct call *c);
/* replay.c */
void	providers_get(struct call *c);
void	record_replay(struct call *c);
void	replay_sessions_post(struct call *c);
void	replay_sessions_get(struct call *c);
void	replay_session_get(struct call *c);
void	replay_session_delete(struct call *c);
void	replay_session_records_get(struct call *c);
void	replay_debug_post(struct call *c);
/* recorder.c: the recorder's tree */
void	recorder_health_get(struct call *c);
void	recorder_session_get(struct call *c);
void	recorder_latest_get(struct call *c);
void	recorder_statistics_get(struct call *c);
void	recorder_cleanup(struct call *c);
/* page.c: what the browser shows; false: there is no such file */
bool	page_answer(struct request *rq);
/*
 * proxy.c: passes calls on to upstream.  proxy_start: false, with a message appended to error, where that is no base URL; before there
 * are threads.  proxy_is_self: would it call this server, which listens already?
 */
bool	proxy_start(struct app *app, struct buf *error);
bool	proxy_is_self(const struct app *app);
void	proxy_stop(struct app *app);
void	proxy_call(struct call *c);

#endif
