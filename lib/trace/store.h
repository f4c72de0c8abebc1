/*
 * store.h - traces of LLM calls in SQLite.
 *
 * The schema is that of LLM Trace, whose databases can be opened; columns that it lacks are added.  Writes go through one thread,
 * which commits what has gathered together, in WAL mode with synchronous=FULL: done is called when the trace is on the disk.  Reads
 * have connections of their own and may run side by side.
 *
 * Texts of requests, responses and metadata are kept and given back byte for byte; in answers they stand as JSON inside strings, as
 * LLM Trace gave them.
 */
#ifndef TRACE_STORE_H
#define TRACE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rnd.h"
#include "json/scan.h"

struct trace_store;

enum store_result {
	STORE_OK,
	STORE_NONE,		/* no such session or record */
	STORE_FAILED,		/* the database's words were appended to error */
};

/* Opens or creates the file, mode 0600.  Returns new (trace_store_close), or NULL with a message appended to error. */
struct trace_store *trace_store_open(const char *path, struct buf *error);
/* Commits what has been put, then closes.  Returns how many traces were stored since it was opened, and how many could not be. */
struct store_counts {
	int64_t	 stored, failed;
};
struct store_counts trace_store_close(struct trace_store *s);

/* ---- writing ---- */

/* A trace; its texts are borrowed until done is called, from the store's thread. */
struct trace {
	struct span session;		/* text; empty: a session of its own, with a new id */
	int64_t	 turn;			/* 0: the next one of the session */
	struct span request, response, metadata;	/* JSON; empty: none */
	struct span status;		/* "pending", "success" or "error" */
	struct span error_message;	/* text */
	struct span parent;		/* id of the record that it repeats; empty: none */
	struct span provider, model;	/* text; empty: not known */
	int64_t	 http_status, latency_ms, first_byte_ms;	/* -1: not known */
	bool	 completes;		/* a pending record of the same session and turn becomes this one */
	struct span pending;		/* id of that record; empty: the latest of the turn, if it is pending */
	void	(*done)(struct trace *t);
	void	*arg;
	/* Set when done is called; turn and latency_ms are, too. */
	enum store_result result;
	struct buf error;		/* of STORE_FAILED; the caller frees */
	char	 id[256];
	struct buf session_id;		/* the caller frees */
	int64_t	 created_us;		/* when the record began; of a pending one that became this, its time */
};
void	trace_store_put(struct trace_store *s, struct trace *t);
/* Have fn called for each trace that is on the disk, from the store's thread, before its done.  To be called before there are any. */
void	trace_store_watch(struct trace_store *s, void (*fn)(void *arg, const struct trace *t), void *arg);
/* The same, waiting for it; done and arg are not used. */
enum store_result trace_store_put_wait(struct trace_store *s, struct trace *t);

/* Wait until it has been done. */
enum store_result trace_store_delete_record(struct trace_store *s, struct span id, struct buf *error);
enum store_result trace_store_delete_session(struct trace_store *s, struct span id, struct buf *error);

/* ---- reading: JSON is appended to out ---- */

/* Pages: {"data":[...],"total":n,"page":p,"size":s,"total_pages":t}; page and size from 1. */
struct page {
	int64_t	 page, size;
};
enum store_result trace_store_sessions(struct trace_store *s, struct page p, struct buf *out, struct buf *error);
enum store_result trace_store_session(struct trace_store *s, struct span id, struct buf *out, struct buf *error);

struct record_filter {
	struct span session;		/* empty members: any */
	struct span text;		/* in request, response, metadata or error, any case of ASCII */
	struct span status, model;
	int64_t	 from, to;		/* milliseconds; INT64_MIN, INT64_MAX: any */
	struct span after;		/* records that came (or were completed) behind this cursor */
	bool	 brief;			/* without request, response and metadata; with their sizes */
	bool	(*stop)(void *arg);	/* asked now and then: nobody waits for the answer any more; NULL: somebody does */
	void	*stop_arg;
};
/*
 * Of a session (by turn and time, ascending), or of all (newest first); with after, the oldest change first.  The page has "cursor"
 * too, for after: behind it is all that this page does not have, or will come.  A search in texts that takes too long ends early: then
 * the page has "partial":true, and total is what was found by then.  Where the texts of a page would be too much together, those of
 * its last records are left out ("omitted":true).
 */
enum store_result trace_store_records(struct trace_store *s, const struct record_filter *f, struct page p, struct buf *out,
	    struct buf *error);
enum store_result trace_store_record(struct trace_store *s, struct span id, struct buf *out, struct buf *error);
/* The bytes of a record's request; session and turn where not NULL. */
enum store_result trace_store_request(struct trace_store *s, struct span id, struct buf *request, struct buf *session, int64_t *turn,
	    struct buf *error);

/* ---- replay sessions ---- */

/* Answers: the replay session as JSON.  STORE_NONE: no such original session.  name empty: "调试-<original name>-轮次<n>". */
enum store_result replay_session_create(struct trace_store *s, struct span original, int64_t turn, struct span name, struct buf *out,
	    struct buf *error);
enum store_result replay_sessions(struct trace_store *s, struct page p, struct buf *out, struct buf *error);
enum store_result replay_session(struct trace_store *s, struct span id, struct buf *out, struct buf *error);
/* With its records; one that is not there is fine. */
enum store_result replay_session_remove(struct trace_store *s, struct span id, struct buf *error);
enum store_result replay_records(struct trace_store *s, struct span id, struct page p, struct buf *out, struct buf *error);
struct replay {
	struct span session;		/* id of the replay session */
	int64_t	 turn;
	struct span request, response, config, status, error_message, provider, model;
};
/* Answers: the replay record as JSON.  STORE_NONE: no such replay session. */
enum store_result replay_record_put(struct trace_store *s, const struct replay *r, struct buf *out, struct buf *error);

#endif
