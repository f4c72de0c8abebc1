#include "net/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/when.h"
#include "net/coding.h"
#include "net/query.h"

#define HEAD_MEMORY	((size_t)32 << 10)	/* of a connection: the head of a request has to fit */
#define MOST_CLIENTS	20000
#define SPARE_FILES	512			/* for everything but connections: handlers have sockets and files of their own */
#define BACKLOG		1024
#define STREAM_AHEAD	((size_t)1 << 20)	/* bytes of a stream that wait for the client */
#define STREAM_BLOCK	((size_t)32 << 10)
#define STREAM_IDLE_MS	60000			/* in which a client has to take something of it */
#define DRAIN		((size_t)8 << 20)	/* bytes of a body that nobody wants, to be read before the answer */
#define REAP_MS		250
#define SEND_RATE	65536			/* bytes a second that a client has to take of an answer */

/* ---- connections ---- */

/*
 * A connection is in one of two rings of its server while all waits for the client: among those that owe us (more of) a request, the
 * longest waiting first, or among those that owe us to take an answer.  While a handler has its request it is in none.
 */
struct client {
	struct client *next, *prev;
	int	 fd;
	int64_t	 until;		/* when our patience ends */
	bool	 queued;
};

struct server {
	struct server_opts opts;
	struct MHD_Daemon *daemon;
	int	 fd;
	char	*url;			/* owned */
	atomic_size_t bodies, answers;	/* bytes */
	pthread_mutex_t lock;		/* of the queue and the counters */
	pthread_cond_t idle;		/* no request is open */
	struct client queue, sending;	/* rings */
	size_t	 clients, most_clients;
	size_t	 open, busy;		/* requests that have begun; of these, that a handler has */
	atomic_bool stopping;
	bool	 reaped;
	pthread_t reaper;
	pthread_cond_t wake;		/* of the reaper */
};

enum phase {
	BEGUN,		/* the head is not there yet */
	READING,	/* the body */
	WORKING,	/* handed over */
	SLEEPING,	/* its connection is suspended */
	ANSWERED,	/* there is a response */
	SENT,		/* MHD has it */
};

struct request {
	struct server *server;
	struct MHD_Connection *conn;
	struct client *client;
	char	*method, *path, *query;	/* owned */
	struct buf body;
	size_t	 counted;		/* of server->bodies */
	int64_t	 begun;			/* when the head was there, or a MiB of the body */
	size_t	 taken;			/* bytes of the body that have come */
	unsigned refused;		/* status, once the body has been read */
	bool	 busy;			/* a handler has it */
	bool	 raw;			/* the body stays as it came */
	pthread_mutex_t lock;
	pthread_cond_t moved;		/* the stream was read, or is over */
	enum phase phase;
	unsigned status;
	size_t	 size;			/* of the answer, unless it streams */
	size_t	 held;			/* of server->answers */
	struct MHD_Response *response;
	struct request_header_line { char *name, *value; } *set;	/* owned, of the answer */
	size_t	 n_set, set_cap;
	/* A stream. */
	bool	 streams, ended, cut, waits;	/* waits: suspended until there is more */
	atomic_bool gone;
	struct buf ahead;
	size_t	 ahead_at;
	int	 users;			/* MHD, and who writes the stream */
};

static void
unqueue(struct client *c)
{
	if (!c->queued)
		return;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	c->queued = false;
}

/* Move it to the end of a ring. */
static void
enqueue(struct client *ring, struct client *c, int64_t ms)
{
	unqueue(c);
	c->until = when_mono() + ms;
	c->next = ring;
	c->prev = ring->prev;
	c->prev->next = c;
	ring->prev = c;
	c->queued = true;
}

static void
on_connection(void *arg, struct MHD_Connection *conn, void **context, enum MHD_ConnectionNotificationCode code)
{
	struct server *s = arg;
	struct client *c = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		c = mem_zero(1, sizeof *c);
		c->fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		pthread_mutex_lock(&s->lock);
		s->clients++;
		enqueue(&s->queue, c, s->opts.client_ms);
		if (s->stopping)
			(void)shutdown(c->fd, SHUT_RDWR);
		pthread_mutex_unlock(&s->lock);
		*context = c;
	} else if (c != NULL) {
		pthread_mutex_lock(&s->lock);
		s->clients--;
		unqueue(c);
		pthread_mutex_unlock(&s->lock);
		*context = NULL;
		free(c);
	}
}

static void
cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);	/* whatever happens to the date */
	pthread_cond_init(c, &a);
	pthread_condattr_destroy(&a);
}

static struct timespec
in_ms(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/*
 * Shutting a socket down wakes its thread, which closes it; it is not closed while it is in a ring.  most are ended whatever the time,
 * of an ordered ring the first ones that are over it besides.
 */
static void
end_some(struct client *ring, size_t most, bool ordered)
{
	int64_t now = when_mono();

	for (struct client *c = ring->next, *next; c != ring; c = next) {
		next = c->next;
		if (most == 0 && now < c->until) {
			if (ordered)
				break;
			continue;
		}
		(void)shutdown(c->fd, SHUT_RDWR);
		unqueue(c);
		most -= most > 0;
	}
}

/* Ends connections whose clients take too long, and the longest idle ones where there are too many. */
static void *
reap(void *arg)
{
	struct server *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->reaped) {
		struct timespec until = in_ms(REAP_MS);
		size_t room = s->most_clients * 9 / 10;

		end_some(&s->queue, s->clients > room ? s->clients - room : 0, true);
		end_some(&s->sending, 0, false);
		pthread_cond_timedwait(&s->wake, &s->lock, &until);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- requests ---- */

/* The request line is there: MHD would decode the path, and take the query apart. */
static void *
on_uri(void *arg, const char *uri, struct MHD_Connection *conn)
{
	struct server *s = arg;
	struct request *rq = mem_zero(1, sizeof *rq);
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	const char *q = strchr(uri, '?');

	rq->server = s;
	rq->conn = conn;
	rq->client = info != NULL ? info->socket_context : NULL;
	rq->path = mem_dup(uri, q != NULL ? (size_t)(q - uri) : strlen(uri));
	if (q != NULL)
		rq->query = mem_dup(q + 1, strlen(q + 1));
	rq->users = 1;
	pthread_mutex_init(&rq->lock, NULL);
	cond_init(&rq->moved);
	pthread_mutex_lock(&s->lock);
	s->open++;
	pthread_mutex_unlock(&s->lock);
	return rq;
}

static void
count_body(struct request *rq, size_t len)
{
	if (len > rq->counted)
		atomic_fetch_add(&rq->server->bodies, len - rq->counted);
	else
		atomic_fetch_sub(&rq->server->bodies, rq->counted - len);
	rq->counted = len;
}

/* One of its users leaves. */
static void
request_release(struct request *rq)
{
	struct server *s = rq->server;
	bool last;

	pthread_mutex_lock(&rq->lock);
	last = --rq->users == 0;
	pthread_mutex_unlock(&rq->lock);
	if (!last)
		return;
	count_body(rq, 0);
	atomic_fetch_sub(&s->answers, rq->held);
	if (rq->response != NULL)
		MHD_destroy_response(rq->response);
	for (size_t i = 0; i < rq->n_set; i++) {
		free(rq->set[i].name);
		free(rq->set[i].value);
	}
	free(rq->set);
	free(rq->method);
	free(rq->path);
	free(rq->query);
	buf_free(&rq->body);
	buf_free(&rq->ahead);
	pthread_mutex_destroy(&rq->lock);
	pthread_cond_destroy(&rq->moved);
	free(rq);
	pthread_mutex_lock(&s->lock);
	if (--s->open == 0)
		pthread_cond_broadcast(&s->idle);
	pthread_mutex_unlock(&s->lock);
}

/* ---- bodies ---- */

/* The bytes that the body may have. */
static size_t
room_for(const struct request *rq)
{
	const struct server_opts *o = &rq->server->opts;
	size_t others = atomic_load(&rq->server->bodies) - rq->counted, room = others < o->max_bodies ? o->max_bodies - others : 0;

	return room < o->max_body ? room : o->max_body;
}

/* Decode the body.  Returns 0, or the status of what is wrong with it. */
static unsigned
decode_body(struct request *rq, const char *coding)
{
	struct buf out = { 0 };
	size_t room = room_for(rq);
	const char *wrong;

	if (strcasecmp(coding, "gzip") != 0 && strcasecmp(coding, "x-gzip") != 0 && strcasecmp(coding, "deflate") != 0)
		return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
	wrong = coding_decode(coding, rq->body.p, rq->body.len, room, &out);
	buf_free(&rq->body);
	rq->body = out;
	count_body(rq, rq->body.len);
	if (wrong == NULL)
		return 0;
	if (rq->body.len < room)
		return MHD_HTTP_BAD_REQUEST;
	return room < rq->server->opts.max_body ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_CONTENT_TOO_LARGE;
}

static bool
too_much(struct request *rq, size_t more)
{
	size_t len = rq->body.len, most = rq->server->opts.max_body;

	if (len <= room_for(rq) && more <= room_for(rq) - len)
		return false;
	rq->refused = len > most || more > most - len ? MHD_HTTP_CONTENT_TOO_LARGE : MHD_HTTP_SERVICE_UNAVAILABLE;
	buf_free(&rq->body);
	count_body(rq, 0);
	return true;
}

/* The client has so long to send the next MiB. */
static void
expect_more(struct request *rq)
{
	struct server *s = rq->server;

	rq->begun = when_mono();
	if (rq->client == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	enqueue(&s->queue, rq->client, s->opts.client_ms);
	pthread_mutex_unlock(&s->lock);
}

/* False: end the connection. */
static bool
take_body(struct request *rq, const char *p, size_t len)
{
	size_t before = rq->taken >> 20;

	rq->taken += len;
	if (when_mono() - rq->begun > rq->server->opts.client_ms)
		return false;
	if (rq->taken >> 20 != before)
		expect_more(rq);
	if (rq->refused != 0)
		return rq->taken < rq->server->opts.max_body + DRAIN;
	if (too_much(rq, len))
		return true;
	buf_add(&rq->body, p, len);
	count_body(rq, rq->body.len);
	return true;
}

/*
 * What the head says of the body is more than we take, and that must not come at all.  A client that sends it without asking would not see
 * the answer if the connection ended meanwhile, so what is not much more is read.
 */
static bool
announces_too_much(struct request *rq)
{
	const char *v = request_header(rq, "Content-Length");
	unsigned long long n = v == NULL ? 0 : strtoull(v, NULL, 10);

	return n > 0 && too_much(rq, n < SIZE_MAX ? (size_t)n : SIZE_MAX) &&
	    (n >= rq->server->opts.max_body + DRAIN || request_header(rq, "Expect") != NULL);
}

/* ---- answers ---- */

/* The client has so long to take what is left of its answer. */
static void
expect_taken(struct request *rq, size_t len)
{
	struct server *s = rq->server;

	if (rq->client == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	enqueue(&s->sending, rq->client, s->opts.client_ms + (int64_t)(len / SEND_RATE) * 1000);
	pthread_mutex_unlock(&s->lock);
}

static enum MHD_Result
queue_answer(struct request *rq)
{
	enum MHD_Result ok;

	rq->phase = SENT;
	if (!rq->streams)
		expect_taken(rq, rq->size);
	ok = MHD_queue_response(rq->conn, rq->status, rq->response);
	MHD_destroy_response(rq->response);
	rq->response = NULL;
	return ok;
}

/* A handler is done.  The server may end as soon as all are, so its connection does not sleep any more; and its request may be gone. */
static void
settle(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	if (--s->busy == 0)
		pthread_cond_broadcast(&s->idle);
	pthread_mutex_unlock(&s->lock);
}

/* The response is complete: let MHD send it. */
static void
hand_over(struct request *rq, unsigned status, struct MHD_Response *response)
{
	bool sleeps;

	for (size_t i = 0; i < rq->n_set; i++)
		(void)MHD_add_response_header(response, rq->set[i].name, rq->set[i].value);
	pthread_mutex_lock(&rq->lock);
	rq->status = status;
	rq->response = response;
	sleeps = rq->phase == SLEEPING;
	rq->phase = ANSWERED;
	if (sleeps)	/* under the lock: it may be gone as soon as it is awake */
		MHD_resume_connection(rq->conn);
	pthread_mutex_unlock(&rq->lock);
}

bool
request_set(struct request *rq, const char *name, const char *value)
{
	if (strpbrk(value, "\r\n") != NULL || strpbrk(name, "\r\n:") != NULL)
		return false;
	rq->set = mem_grow(rq->set, &rq->set_cap, rq->n_set + 1, sizeof *rq->set);
	rq->set[rq->n_set++] = (struct request_header_line){ mem_dup(name, strlen(name)), mem_dup(value, strlen(value)) };
	return true;
}

static void
answer(struct request *rq, unsigned status, const char *type, void *p, size_t len, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, p, mode);
	struct server *s = rq->server;
	bool busy = rq->busy;

	if (type != NULL)
		(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	rq->busy = false;
	rq->size = len;
	hand_over(rq, status, r);
	if (busy)
		settle(s);
}

void
request_answer_static(struct request *rq, unsigned status, const char *type, const void *p, size_t len)
{
	void *q;

	memcpy(&q, &p, sizeof q);	/* MHD only reads it */
	answer(rq, status, type, q, len, MHD_RESPMEM_PERSISTENT);
}

static void
answer_busy(struct request *rq)
{
	static const char text[] = "{\"success\":false,\"message\":\"Too many requests at a time\"}";

	(void)request_set(rq, "Retry-After", "1");
	request_answer_static(rq, MHD_HTTP_SERVICE_UNAVAILABLE, "application/json", text, sizeof text - 1);
}

/* Is there room for an answer of that size, as all are kept until their clients have taken them?  One always may be there. */
static bool
hold(struct request *rq, size_t len)
{
	struct server *s = rq->server;

	if (atomic_fetch_add(&s->answers, len) != 0 && atomic_load(&s->answers) > s->opts.max_bodies) {
		atomic_fetch_sub(&s->answers, len);
		return false;
	}
	rq->held = len;
	return true;
}

void
request_answer(struct request *rq, unsigned status, const char *type, struct buf *body)
{
	size_t len = body != NULL ? body->len : 0;

	if (len != 0 && hold(rq, len)) {
		answer(rq, status, type, body->p, len, MHD_RESPMEM_MUST_FREE);
		*body = (struct buf){ 0 };
		return;
	}
	if (body != NULL)
		buf_free(body);
	if (len != 0)
		answer_busy(rq);
	else
		answer(rq, status, type, NULL, 0, MHD_RESPMEM_PERSISTENT);
}

/* ---- streams ---- */

/* MHD asks for more to send. */
static ssize_t
read_stream(void *arg, uint64_t pos, char *to, size_t max)
{
	struct request *rq = arg;
	size_t n;

	(void)pos;
	pthread_mutex_lock(&rq->lock);
	n = rq->ahead.len - rq->ahead_at;
	if (n == 0) {
		ssize_t end = rq->cut ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;

		if (!rq->ended) {
			rq->waits = true;
			MHD_suspend_connection(rq->conn);
			end = 0;
		}
		pthread_mutex_unlock(&rq->lock);
		return end;
	}
	n = n < max ? n : max;
	memcpy(to, rq->ahead.p + rq->ahead_at, n);
	rq->ahead_at += n;
	if (rq->ahead_at == rq->ahead.len) {
		rq->ahead_at = 0;
		buf_clear(&rq->ahead);
	}
	pthread_cond_signal(&rq->moved);
	pthread_mutex_unlock(&rq->lock);
	return (ssize_t)n;
}

void
request_stream(struct request *rq, unsigned status, int64_t size)
{
	pthread_mutex_lock(&rq->lock);
	rq->streams = true;
	rq->users++;
	pthread_mutex_unlock(&rq->lock);
	hand_over(rq, status, MHD_create_response_from_callback(size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)size, STREAM_BLOCK, read_stream, rq, NULL));
}

/* Under the lock. */
static void
wake_stream(struct request *rq)
{
	if (!rq->waits)
		return;
	rq->waits = false;
	MHD_resume_connection(rq->conn);
}

bool
request_write(struct request *rq, const void *p, size_t len)
{
	struct timespec until = in_ms(STREAM_IDLE_MS);
	bool ok;

	pthread_mutex_lock(&rq->lock);
	while (!rq->gone && rq->ahead.len - rq->ahead_at > STREAM_AHEAD)
		if (pthread_cond_timedwait(&rq->moved, &rq->lock, &until) == ETIMEDOUT)
			rq->gone = true;
	ok = !rq->gone && !rq->server->stopping;
	if (ok && len > 0) {
		if (rq->ahead_at > STREAM_AHEAD) {	/* a client that always lags never has taken all */
			rq->ahead.len -= rq->ahead_at;
			memmove(rq->ahead.p, rq->ahead.p + rq->ahead_at, rq->ahead.len);
			rq->ahead_at = 0;
		}
		buf_add(&rq->ahead, p, len);
		wake_stream(rq);
	}
	pthread_mutex_unlock(&rq->lock);
	return ok;
}

void
request_end(struct request *rq, bool cut)
{
	struct server *s = rq->server;

	pthread_mutex_lock(&rq->lock);
	rq->ended = true;
	rq->cut = cut;
	expect_taken(rq, rq->ahead.len - rq->ahead_at);
	wake_stream(rq);
	pthread_mutex_unlock(&rq->lock);
	request_release(rq);
	settle(s);
}

/* ---- from the head to the answer ---- */

static void
refuse(struct request *rq, unsigned status)
{
	static const char big[] = "{\"success\":false,\"message\":\"The body is too large\"}";
	static const char broken[] = "{\"success\":false,\"message\":\"The body cannot be decoded\"}";
	static const char coding[] = "{\"success\":false,\"message\":\"The body has a Content-Encoding that is not known here\"}";
	const char *text = status == MHD_HTTP_CONTENT_TOO_LARGE ? big : status == MHD_HTTP_UNSUPPORTED_MEDIA_TYPE ? coding : broken;

	(void)request_set(rq, "Connection", "close");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		answer_busy(rq);
	else
		request_answer_static(rq, status, "application/json", text, strlen(text));
}

/* What MHD lets pass: names that are none, line ends in values, and twice what must be there once. */
struct heed {
	unsigned hosts, lengths, codings, origins;
	bool	 good;
};

static bool
heed_header(void *arg, const char *name, const char *value)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	struct heed *h = arg;

	h->hosts += strcasecmp(name, "Host") == 0;
	h->lengths += strcasecmp(name, "Content-Length") == 0;
	h->codings += strcasecmp(name, "Transfer-Encoding") == 0;
	h->origins += strcasecmp(name, "Origin") == 0;
	h->good = *name != '\0' && name[strspn(name, token)] == '\0' && strpbrk(value, "\r\n") == NULL;
	return h->good;
}

/* Do all on its way read the head alike, and so, where the body ends?  (RFC 9112, 5.1 and 6.3; MHD has looked at the length.) */
static bool
is_clear(const struct request *rq)
{
	const char *coding = request_header(rq, "Transfer-Encoding");
	struct heed h = { .good = true };

	request_headers(rq, heed_header, &h);
	return h.good && h.hosts <= 1 && h.origins <= 1 && h.lengths + h.codings <= 1 && (coding == NULL || strcasecmp(coding, "chunked") == 0);
}

/* The head is there. */
static void
begin(struct request *rq, const char *method)
{
	struct server *s = rq->server;

	rq->method = mem_dup(method, strlen(method));
	rq->phase = READING;
	expect_more(rq);
	if (!is_clear(rq)) {
		refuse(rq, MHD_HTTP_BAD_REQUEST);
		return;
	}
	if (s->opts.admit != NULL && !s->opts.admit(s->opts.arg, rq))
		return;
	if (announces_too_much(rq))
		refuse(rq, rq->refused);
}

/* False: the server is about to end. */
static bool
give_to_handler(struct request *rq)
{
	struct server *s = rq->server;

	pthread_mutex_lock(&s->lock);
	rq->busy = !s->stopping;
	s->busy += rq->busy;
	if (rq->client != NULL && rq->busy)
		unqueue(rq->client);
	pthread_mutex_unlock(&s->lock);
	rq->phase = WORKING;
	return rq->busy;
}

/* The body is there.  It was READING: the handler's answer decides what it is now. */
static void
complete(struct request *rq)
{
	const char *coding = request_header(rq, "Content-Encoding");
	enum served served = SERVED;

	if (rq->refused == 0 && !rq->raw && coding != NULL && strcasecmp(coding, "identity") != 0 && rq->body.len > 0)
		rq->refused = decode_body(rq, coding);
	if (rq->refused != 0) {
		refuse(rq, rq->refused);
		return;
	}
	buf_pad(&rq->body);
	if (!give_to_handler(rq)) {
		refuse(rq, MHD_HTTP_SERVICE_UNAVAILABLE);
		return;
	}
	served = rq->server->opts.handle(rq->server->opts.arg, rq);
	pthread_mutex_lock(&rq->lock);
	if (rq->phase == WORKING && served == SERVED_LATER) {
		rq->phase = SLEEPING;
		MHD_suspend_connection(rq->conn);
	}
	pthread_mutex_unlock(&rq->lock);
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *conn, const char *url, const char *method, const char *version, const char *data,
    size_t *data_len, void **context)
{
	struct request *rq = *context;
	enum MHD_Result ok = MHD_YES;
	bool answered;

	(void)arg, (void)conn, (void)url, (void)version;
	if (rq->phase == BEGUN) {
		begin(rq, method);
	} else if (*data_len != 0) {
		ok = take_body(rq, data, *data_len) ? MHD_YES : MHD_NO;
		*data_len = 0;
	} else if (rq->phase == READING) {
		complete(rq);
	}
	pthread_mutex_lock(&rq->lock);
	answered = rq->phase == ANSWERED;
	pthread_mutex_unlock(&rq->lock);
	return answered ? queue_answer(rq) : ok;
}

/* The answer has been sent, or will never be. */
static void
on_completed(void *arg, struct MHD_Connection *conn, void **context, enum MHD_RequestTerminationCode code)
{
	struct server *s = arg;
	struct request *rq = *context;

	(void)conn, (void)code;
	if (rq == NULL)
		return;
	*context = NULL;
	pthread_mutex_lock(&rq->lock);	/* request_end may be at it */
	rq->gone = true;
	pthread_cond_signal(&rq->moved);
	if (rq->client != NULL) {
		pthread_mutex_lock(&s->lock);
		enqueue(&s->queue, rq->client, s->opts.client_ms);
		pthread_mutex_unlock(&s->lock);
	}
	rq->client = NULL;
	pthread_mutex_unlock(&rq->lock);
	request_release(rq);
}

/* ---- what handlers ask ---- */

const char *
request_method(const struct request *rq)
{
	return rq->method;
}

const char *
request_path(const struct request *rq)
{
	return rq->path;
}

const char *
request_query(const struct request *rq)
{
	return rq->query;
}

const char *
request_header(const struct request *rq, const char *name)
{
	return MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, name);
}

struct each {
	bool	(*fn)(void *arg, const char *name, const char *value);
	void	*arg;
};

static enum MHD_Result
on_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	const struct each *e = arg;

	(void)kind;
	return e->fn(e->arg, name, value == NULL ? "" : value) ? MHD_YES : MHD_NO;
}

void
request_headers(const struct request *rq, bool (*fn)(void *arg, const char *name, const char *value), void *arg)
{
	struct each e = { fn, arg };

	(void)MHD_get_connection_values(rq->conn, MHD_HEADER_KIND, on_header, &e);
}

void
request_raw(struct request *rq)
{
	rq->raw = true;
}

struct buf *
request_body(struct request *rq)
{
	return &rq->body;
}

bool
request_param(const struct request *rq, const char *name, struct buf *value)
{
	return query_param(rq->query, name, value);
}

bool
request_gone(struct request *rq)
{
	struct pollfd p = { .fd = -1, .events = POLLRDHUP };
	bool gone;

	pthread_mutex_lock(&rq->lock);
	if (rq->client != NULL)
		p.fd = rq->client->fd;	/* not closed as long as we have the lock */
	gone = rq->gone || rq->server->stopping || (poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0);
	pthread_mutex_unlock(&rq->lock);
	return gone;
}

const char *
request_peer(struct request *rq, char out[PEER_SIZE])
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;

	pthread_mutex_lock(&rq->lock);
	if (rq->client == NULL || getpeername(rq->client->fd, (struct sockaddr *)&a, &len) == -1 ||
	    getnameinfo((struct sockaddr *)&a, len, out, PEER_SIZE, NULL, 0, NI_NUMERICHOST) != 0)
		out[0] = '\0';
	pthread_mutex_unlock(&rq->lock);
	return out;
}

/* ---- the server ---- */

bool
server_is_address(const char *listen)
{
	const char *colon = strrchr(listen, ':');

	return colon != NULL && colon[1] != '\0' && strspn(colon + 1, "0123456789") == strlen(colon + 1) && strtoul(colon + 1, NULL, 10) <= 65535;
}

/* "HOST:PORT", "[HOST]:PORT"; returns a listening socket, or -1. */
static int
listen_on(const char *where, struct buf *error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list = NULL;
	const char *colon = strrchr(where, ':'), *host = where;
	size_t host_len = colon == NULL ? 0 : (size_t)(colon - where);
	char *name;
	int fd = -1, st, one = 1;

	if (!server_is_address(where)) {
		buf_addf(error, "'%s' is not ADDRESS:PORT", where);
		return -1;
	}
	if (host_len >= 2 && *host == '[' && host[host_len - 1] == ']') {
		host++;
		host_len -= 2;
	}
	name = mem_dup(host, host_len);
	st = getaddrinfo(host_len == 0 ? NULL : name, colon + 1, &hints, &list);
	free(name);
	if (st != 0) {
		buf_addf(error, "'%s': %s", where, gai_strerror(st));
		return -1;
	}
	for (const struct addrinfo *a = list; a != NULL && fd == -1; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd == -1)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
			break;
		st = errno;
		(void)close(fd);
		fd = -1;
		errno = st;
	}
	if (fd == -1)
		buf_addf(error, "%s: %s", where, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

static char *
url_of(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	char host[NI_MAXHOST], port[NI_MAXSERV];
	struct buf url = { 0 };
	char *s;

	if (getsockname(fd, (struct sockaddr *)&a, &len) == -1 ||
	    getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return mem_dup("", 0);
	buf_addf(&url, strchr(host, ':') != NULL ? "http://[%s]:%s" : "http://%s:%s", host, port);
	s = mem_dup(url.p, url.len);
	buf_free(&url);
	return s;
}

/* As many as the system lets us have. */
static size_t
most_clients(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return 512;
	if (r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
		(void)getrlimit(RLIMIT_NOFILE, &r);
	}
	if (r.rlim_cur <= SPARE_FILES * 2)
		return (size_t)r.rlim_cur / 2;
	return r.rlim_cur - SPARE_FILES < MOST_CLIENTS ? (size_t)(r.rlim_cur - SPARE_FILES) : MOST_CLIENTS;
}

struct server *
server_start(const struct server_opts *o, struct buf *error)
{
	int fd = listen_on(o->listen, error);
	struct server *s;

	if (fd == -1)
		return NULL;
	s = mem_zero(1, sizeof *s);
	s->opts = *o;
	s->fd = fd;
	s->url = url_of(fd);
	s->queue.next = s->queue.prev = &s->queue;
	s->sending.next = s->sending.prev = &s->sending;
	s->most_clients = most_clients();
	pthread_mutex_init(&s->lock, NULL);
	cond_init(&s->idle);
	cond_init(&s->wake);
	s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL,
	    on_request, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, o->threads,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->most_clients, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MEMORY,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(o->client_ms / 1000) + 1, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_URI_LOG_CALLBACK, on_uri, s, MHD_OPTION_END);
	if (s->daemon == NULL || pthread_create(&s->reaper, NULL, reap, s) != 0) {
		buf_adds(error, "the server cannot be started");
		if (s->daemon != NULL)
			MHD_stop_daemon(s->daemon);
		else
			(void)close(fd);
		free(s->url);
		free(s);
		return NULL;
	}
	return s;
}

const char *
server_url(const struct server *s)
{
	return s->url;
}

void
server_stop(struct server *s, int64_t ms)
{
	struct timespec until;

	/* New connections are closed in on_connection.  MHD_quiesce_daemon would have them refused, but aborts the process at times. */
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	while (s->busy > 0)
		pthread_cond_wait(&s->idle, &s->lock);
	until = in_ms(ms);
	while (s->open > 0 && pthread_cond_timedwait(&s->idle, &s->lock, &until) != ETIMEDOUT)
		;
	s->reaped = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->reaper, NULL);
	MHD_stop_daemon(s->daemon);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->idle);
	pthread_cond_destroy(&s->wake);
	free(s->url);
	free(s);
}
