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
#include <zlib.h>

#include "base/mem.h"
#include "base/when.h"

#define HEAD_MEMORY	((size_t)32 << 10)	/* of a connection: the head of a request has to fit */
#define MOST_CLIENTS	20000
#define SPARE_FILES	128			/* for everything but connections */
#define BACKLOG		1024
#define STREAM_AHEAD	((size_t)1 << 20)	/* bytes of a stream that wait for the client */
#define STREAM_BLOCK	((size_t)32 << 10)
#define STREAM_IDLE_MS	60000			/* in which a client has to take something of it */
#define DRAIN		((size_t)8 << 20)	/* bytes of a body that nobody wants, to be read before the answer */
#define REAP_MS		250

/* ---- connections ---- */

/* A connection waits in the queue of its server while no request of it is being handled, the longest waiting first. */
struct client {
	struct client *next, *prev;
	int	 fd;
	int64_t	 since;
	bool	 queued;
};

struct server {
	struct server_opts opts;
	struct MHD_Daemon *daemon;
	int	 fd;
	char	*url;			/* owned */
	atomic_size_t bodies;		/* bytes */
	pthread_mutex_t lock;		/* of the queue and the counters */
	pthread_cond_t idle;		/* no request is open */
	struct client queue;		/* a ring */
	size_t	 clients, most_clients;
	size_t	 open, busy;		/* requests that have begun; of these, that a handler has */
	atomic_bool stopping;
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
	pthread_mutex_t lock;
	pthread_cond_t moved;		/* the stream was read, or is over */
	enum phase phase;
	unsigned status;
	struct MHD_Response *response;
	struct request_header_line { char *name, *value; } *set;	/* owned, of the answer */
	size_t	 n_set, set_cap;
	/* A stream. */
	bool	 streams, ended, cut, gone, waits;	/* waits: suspended until there is more */
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

static void
enqueue(struct server *s, struct client *c)
{
	if (c->queued)
		return;
	c->since = when_mono();
	c->next = &s->queue;
	c->prev = s->queue.prev;
	c->prev->next = c;
	s->queue.prev = c;
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
		enqueue(s, c);
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

/*
 * Ends connections that take too long to send a request, and the longest idle ones where there are too many.  Shutting a socket
 * down wakes its thread, which closes it; it is not closed while it is in the queue.
 */
static void *
reap(void *arg)
{
	struct server *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping) {
		struct timespec until;
		int64_t now = when_mono();
		size_t over = s->clients > s->most_clients * 9 / 10 ? s->clients - s->most_clients * 9 / 10 : 0;

		for (struct client *c = s->queue.next, *next; c != &s->queue; c = next) {
			next = c->next;
			if (over == 0 && now - c->since < s->opts.client_ms)
				break;
			(void)shutdown(c->fd, SHUT_RDWR);
			unqueue(c);
			over -= over > 0;
		}
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += REAP_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
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
	pthread_cond_init(&rq->moved, NULL);
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

/* Inflate the body in place.  Returns 0, or the status of what is wrong with it. */
static unsigned
inflate_body(struct request *rq)
{
	struct buf out = { .max = rq->server->opts.max_body };
	z_stream z = { .next_in = (unsigned char *)rq->body.p, .avail_in = (unsigned)rq->body.len };
	int st = inflateInit2(&z, 16 + MAX_WBITS);

	while (st == Z_OK) {
		char *to = buf_reserve(&out, (size_t)64 << 10);
		size_t room = (size_t)64 << 10;

		if (to == NULL) {
			(void)inflateEnd(&z);
			buf_free(&out);
			return MHD_HTTP_CONTENT_TOO_LARGE;
		}
		z.next_out = (unsigned char *)to;
		z.avail_out = (unsigned)room;
		st = inflate(&z, Z_NO_FLUSH);
		out.len += room - z.avail_out;
		if (st == Z_OK && z.avail_in == 0 && z.avail_out != 0)
			st = Z_BUF_ERROR;
	}
	(void)inflateEnd(&z);
	buf_free(&rq->body);
	rq->body = out;
	rq->body.max = 0;
	count_body(rq, rq->body.len);
	return st == Z_STREAM_END ? 0 : MHD_HTTP_BAD_REQUEST;
}

static bool
too_much(struct request *rq, size_t more)
{
	const struct server_opts *o = &rq->server->opts;

	if (rq->body.len + more > o->max_body) {
		rq->refused = MHD_HTTP_CONTENT_TOO_LARGE;
	} else if (atomic_load(&rq->server->bodies) - rq->counted + rq->body.len + more > o->max_bodies) {
		rq->refused = MHD_HTTP_SERVICE_UNAVAILABLE;
	} else {
		return false;
	}
	buf_free(&rq->body);
	count_body(rq, 0);
	return true;
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
		rq->begun = when_mono();
	if (rq->refused != 0)
		return rq->taken < rq->server->opts.max_body + DRAIN;
	if (too_much(rq, len))
		return true;
	buf_add(&rq->body, p, len);
	count_body(rq, rq->body.len);
	return true;
}

/* What the head says of the body is more than we take. */
static bool
announces_too_much(struct request *rq)
{
	const char *v = request_header(rq, "Content-Length");
	unsigned long long n = v == NULL ? 0 : strtoull(v, NULL, 10);

	return n > 0 && too_much(rq, (size_t)(n < SIZE_MAX / 2 ? n : SIZE_MAX / 2));
}

/* ---- answers ---- */

static enum MHD_Result
queue_answer(struct request *rq)
{
	enum MHD_Result ok;

	rq->phase = SENT;
	ok = MHD_queue_response(rq->conn, rq->status, rq->response);
	MHD_destroy_response(rq->response);
	rq->response = NULL;
	return ok;
}

/* The handler is done with it. */
static void
settle(struct request *rq)
{
	struct server *s = rq->server;

	if (!rq->busy)
		return;
	rq->busy = false;
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

	if (type != NULL)
		(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	settle(rq);
	hand_over(rq, status, r);
}

void
request_answer(struct request *rq, unsigned status, const char *type, struct buf *body)
{
	if (body == NULL || body->len == 0) {
		answer(rq, status, type, NULL, 0, MHD_RESPMEM_PERSISTENT);
		return;
	}
	answer(rq, status, type, body->p, body->len, MHD_RESPMEM_MUST_FREE);
	*body = (struct buf){ 0 };
}

void
request_answer_static(struct request *rq, unsigned status, const char *type, const void *p, size_t len)
{
	void *q;

	memcpy(&q, &p, sizeof q);	/* MHD only reads it */
	answer(rq, status, type, q, len, MHD_RESPMEM_PERSISTENT);
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
	struct timespec until;
	bool ok;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STREAM_IDLE_MS / 1000;
	pthread_mutex_lock(&rq->lock);
	while (!rq->gone && rq->ahead.len - rq->ahead_at > STREAM_AHEAD)
		if (pthread_cond_timedwait(&rq->moved, &rq->lock, &until) == ETIMEDOUT)
			rq->gone = true;
	ok = !rq->gone && !rq->server->stopping;
	if (ok && len > 0) {
		buf_add(&rq->ahead, p, len);
		wake_stream(rq);
	}
	pthread_mutex_unlock(&rq->lock);
	return ok;
}

void
request_end(struct request *rq, bool cut)
{
	pthread_mutex_lock(&rq->lock);
	rq->ended = true;
	rq->cut = cut;
	wake_stream(rq);
	pthread_mutex_unlock(&rq->lock);
	settle(rq);
	request_release(rq);
}

/* ---- from the head to the answer ---- */

static void
refuse(struct request *rq, unsigned status)
{
	static const char big[] = "{\"success\":false,\"message\":\"The body is too large\"}";
	static const char busy[] = "{\"success\":false,\"message\":\"Too many requests at a time\"}";
	static const char broken[] = "{\"success\":false,\"message\":\"The body cannot be decoded\"}";
	const char *text = status == MHD_HTTP_CONTENT_TOO_LARGE ? big : status == MHD_HTTP_SERVICE_UNAVAILABLE ? busy : broken;

	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		(void)request_set(rq, "Retry-After", "1");
	(void)request_set(rq, "Connection", "close");
	request_answer_static(rq, status, "application/json", text, strlen(text));
}

/* The head is there. */
static void
begin(struct request *rq, const char *method)
{
	struct server *s = rq->server;

	rq->method = mem_dup(method, strlen(method));
	rq->begun = when_mono();
	rq->phase = READING;
	if (rq->client != NULL) {
		pthread_mutex_lock(&s->lock);
		unqueue(rq->client);
		pthread_mutex_unlock(&s->lock);
	}
	if (s->opts.admit != NULL && !s->opts.admit(s->opts.arg, rq))
		return;
	if (announces_too_much(rq))
		refuse(rq, rq->refused);
}

/* The body is there.  It was READING: the handler's answer decides what it is now. */
static void
complete(struct request *rq)
{
	const char *coding = request_header(rq, "Content-Encoding");
	enum served served = SERVED;

	if (rq->refused == 0 && coding != NULL && strcasecmp(coding, "identity") != 0 && rq->body.len > 0)
		rq->refused = strcasecmp(coding, "gzip") == 0 ? inflate_body(rq) : MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
	if (rq->refused != 0) {
		refuse(rq, rq->refused);
		return;
	}
	buf_pad(&rq->body);
	rq->phase = WORKING;
	rq->busy = true;
	pthread_mutex_lock(&rq->server->lock);
	rq->server->busy++;
	pthread_mutex_unlock(&rq->server->lock);
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
	if (rq->phase == ANSWERED)
		ok = queue_answer(rq);
	pthread_mutex_unlock(&rq->lock);
	return ok;
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
	if (rq->client != NULL) {
		pthread_mutex_lock(&s->lock);
		enqueue(s, rq->client);
		pthread_mutex_unlock(&s->lock);
	}
	pthread_mutex_lock(&rq->lock);
	rq->gone = true;
	pthread_cond_signal(&rq->moved);
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

struct buf *
request_body(struct request *rq)
{
	return &rq->body;
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* application/x-www-form-urlencoded */
static void
decode(const char *p, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '%' && i + 2 < len && hex(p[i + 1]) >= 0 && hex(p[i + 2]) >= 0) {
			buf_addc(out, (char)(hex(p[i + 1]) << 4 | hex(p[i + 2])));
			i += 2;
		} else {
			buf_addc(out, p[i] == '+' ? ' ' : p[i]);
		}
	}
}

bool
request_param(const struct request *rq, const char *name, struct buf *value)
{
	struct buf key = { 0 };
	bool found = false;
	size_t len;

	for (const char *p = rq->query; !found && p != NULL && *p != '\0'; p += len + (p[len] == '&')) {
		const char *eq;

		len = strcspn(p, "&");
		eq = memchr(p, '=', len);
		buf_clear(&key);
		decode(p, eq != NULL ? (size_t)(eq - p) : len, &key);
		found = key.len == strlen(name) && memcmp(key.p, name, key.len) == 0;
		if (found) {
			buf_clear(value);
			if (eq != NULL)
				decode(eq + 1, len - (size_t)(eq + 1 - p), value);
		}
	}
	buf_free(&key);
	return found;
}

bool
request_gone(const struct request *rq)
{
	struct pollfd p = { .fd = rq->client != NULL ? rq->client->fd : -1, .events = POLLRDHUP };

	return rq->gone || rq->server->stopping || (poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0);
}

/* ---- the server ---- */

/* "HOST:PORT", "[HOST]:PORT"; returns a listening socket, or -1. */
static int
listen_on(const char *where, struct buf *error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list = NULL;
	const char *colon = strrchr(where, ':'), *host = where;
	size_t host_len = colon == NULL ? 0 : (size_t)(colon - where);
	char *name;
	int fd = -1, st, one = 1;

	if (colon == NULL) {
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
		return SPARE_FILES;
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
	s->most_clients = most_clients();
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->idle, NULL);
	pthread_cond_init(&s->wake, NULL);
	s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL,
	    on_request, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, o->threads,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->most_clients, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MEMORY,
	    MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
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
	int fd = MHD_quiesce_daemon(s->daemon);

	s->stopping = true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	pthread_mutex_lock(&s->lock);
	while (s->busy > 0)
		pthread_cond_wait(&s->idle, &s->lock);
	while (s->open > 0 && pthread_cond_timedwait(&s->idle, &s->lock, &until) != ETIMEDOUT)
		;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->reaper, NULL);
	MHD_stop_daemon(s->daemon);
	if (fd != -1)
		(void)close(fd);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->idle);
	pthread_cond_destroy(&s->wake);
	free(s->url);
	free(s);
}
