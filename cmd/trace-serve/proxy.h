/* The parts of the proxy: proxy.c passes calls on, proxy_record.c makes records of them. */
#ifndef TRACE_PROXY_H
#define TRACE_PROXY_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/relay.h"
#include "trace-serve/serve.h"

struct proxy {
	struct app *app;
	char	*base;			/* of the other server, without a slash at the end; owned */
	char	*host;			/* its name, owned */
	struct relays *relays;
	atomic_size_t kept;		/* bytes of calls that are under way or wait for the store */
	atomic_llong told;		/* when a record was last said to be lost */
	atomic_size_t lost;		/* records */
	pthread_mutex_t large;		/* who has it makes texts of a body that may need much memory */
	pthread_mutex_t lock;		/* for what follows */
	/* Records are stored in the order in which the calls ended, so that a session's turns are. */
	struct kept *first, **last;
	bool	 storing;		/* some thread hands over those at the front that are ready */
};

/* What is kept of a call; all of it is owned. */
struct kept {
	struct trace t;			/* made of the rest */
	struct trace early;		/* the same while the call is under way */
	enum { NOT_EARLY, EARLY, EARLY_DONE } state;	/* of early; under the proxy's lock, as the next */
	bool	 complete;		/* t waits for early */
	struct proxy *proxy;
	struct buf path;		/* without the query, which can have a key */
	struct buf wanted_session, wanted_turn;	/* of our headers */
	struct buf peer, agent_retries;	/* the client's address; how often it says that it has tried */
	struct buf secrets;		/* "...\0" */
	struct buf request, request_type, request_coding;
	struct buf response, response_type, response_coding, request_id;
	struct buf trouble;		/* what went wrong on the way; empty: nothing */
	int64_t	 begun_us;
	unsigned status;
	int64_t	 first_ms, ms;
	size_t	 counted;		/* of proxy->kept */
	size_t	 came;			/* bytes of the response */
	bool	 partial;		/* they were too much to keep */
	bool	 left;			/* the client did not wait for the end; trouble says so */
	struct kept *next;		/* in the order of the records; under the proxy's lock, as the next */
	bool	 ready;			/* to be stored, or dropped where there is no room */
	bool	 no_room;
	/* The texts of the record. */
	struct buf session, request_json, response_json, metadata, early_metadata, error;
	const char *request_wrong;	/* why there is no request; static */
	int64_t	 turn;			/* 0: the next one */
};

/* Before there is a trace. */
void	kept_free(struct kept *k);
/* Count len more bytes as kept; false: they are too many. */
bool	kept_count(struct kept *k, size_t len);
/* Have a call that takes long stored as pending, once; it will become its record. */
void	kept_store_early(struct kept *k);
/* Take a place in the order of the records; to be called before the client knows that the call is over. */
void	kept_enqueue(struct kept *k);
/* Make a record and have it stored; takes k, which has a place. */
void	kept_store(struct kept *k);
/* Say how many records were lost; at the end. */
void	kept_tell_lost(struct proxy *p);

#endif
