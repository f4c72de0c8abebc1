/*
 * server.h - an HTTP/1.1 server of bounded requests (libmicrohttpd).
 *
 * A few threads serve all connections and never wait: a request whose body has come is handed to the handler, and its connection
 * sleeps until it is answered, from whichever thread.  An answer is a whole body, or a stream that is written as it comes.
 *
 * Bounded are connections (the longest idle makes room for a new one), header sizes, the body of a request (also inflated) and all
 * bodies together, and how long a client may take to send its request and to take its answer.
 *
 * RFC 9110, RFC 9112
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct server;
struct request;

enum served {
	SERVED,		/* answered, or a stream was begun */
	SERVED_LATER,	/* somebody else will, from another thread */
};

struct server_opts {
	const char *listen;		/* "127.0.0.1:8080", "[::1]:0", ":8080" (all addresses); port 0: the system's choice */
	size_t	 max_body, max_bodies;	/* bytes; of a request, and of all that are there at a time (of answers as much again) */
	/*
	 * In which a client has to send the head of a request, and each MiB of its body; and to take an answer, for which it has a second
	 * more for each 64 KiB.
	 */
	int64_t	 client_ms;
	unsigned threads;
	/*
	 * The head of a request is there, its body not yet.  False: it was answered, nobody wants the body.  NULL: all are wanted.
	 */
	bool	(*admit)(void *arg, struct request *rq);
	enum served (*handle)(void *arg, struct request *rq);
	void	*arg;
};

/* Has it the form that listen must have? */
bool	server_is_address(const char *listen);
/* Starts to serve.  Returns new (server_stop), or NULL with a message appended to error. */
struct server *server_start(const struct server_opts *o, struct buf *error);
/* "http://127.0.0.1:8080", borrowed */
const char *server_url(const struct server *s);
/*
 * New connections are closed; streams end (request_write is false).  Waits for the handlers' answers, however long, and up to ms until these
 * have been sent; frees.
 */
void	server_stop(struct server *s, int64_t ms);

/* ---- a request: borrowed by the handler until it has been answered ---- */

const char *request_method(const struct request *rq);
const char *request_path(const struct request *rq);		/* as it came, without the query */
const char *request_query(const struct request *rq);		/* behind the '?', as it came; NULL: none */
const char *request_header(const struct request *rq, const char *name);	/* NULL: not there */
/* Each header in turn, until fn returns false. */
void	request_headers(const struct request *rq, bool (*fn)(void *arg, const char *name, const char *value), void *arg);
/* For admit: the body is wanted as it comes, also where it has a Content-Encoding. */
void	request_raw(struct request *rq);
struct buf *request_body(struct request *rq);			/* padded for the scanner; may be taken away */
/* The decoded value of a parameter of the query.  False: not there. */
bool	request_param(const struct request *rq, const char *name, struct buf *value);
/* Has the client gone away?  (One that only ended its side has, too.) */
bool	request_gone(struct request *rq);
/* Its address, "127.0.0.1"; "" where that is not known. */
#define PEER_SIZE 64
const char *request_peer(struct request *rq, char out[PEER_SIZE]);

/* ---- its answer: one of answer, stream ---- */

/* A header of the answer; to be set before it.  Line breaks in value are refused (false). */
bool	request_set(struct request *rq, const char *name, const char *value);
/* body is taken over, NULL is none; type NULL: none.  Where too many answers wait for slow clients, it becomes a 503. */
void	request_answer(struct request *rq, unsigned status, const char *type, struct buf *body);
/* The same, with bytes that stay where they are for ever. */
void	request_answer_static(struct request *rq, unsigned status, const char *type, const void *p, size_t len);

/*
 * A stream: begin, write as often as there is something, end (which gives up rq).  size -1: unknown.  Written is copied; write
 * waits while much has not been sent.  False: the client has gone, or takes nothing for too long; end is still to be called.
 * For a handler's own thread only.  cut: the stream breaks off where it is, visibly for the client.
 */
void	request_stream(struct request *rq, unsigned status, int64_t size);
bool	request_write(struct request *rq, const void *p, size_t len);
void	request_end(struct request *rq, bool cut);

#endif
