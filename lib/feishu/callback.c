#include "feishu/callback.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sig.h"
#include "base/when.h"
#include "json/scan.h"
#include "net/query.h"

#define MOST_CONNECTIONS 16	/* browsers open some ahead, and send nothing on them */
#define REQUEST_MS	10000
#define MOST_CODE	4096

/* ---- text ---- */

/* Percent-decoded; false: that is no such text, or holds what no code does. */
static bool
decode(struct span in, struct buf *out)
{
	size_t from = out->len;

	for (size_t i = 0; i < in.len; i++)
		if (in.p[i] == '%' && (in.len - i < 3 || !isxdigit((unsigned char)in.p[i + 1]) || !isxdigit((unsigned char)in.p[i + 2])))
			return false;
	query_decode(in.p, in.len, false, out);
	for (size_t i = from; i < out->len; i++)
		if (out->p[i] < ' ' || out->p[i] > '~')
			return false;
	return in.len <= MOST_CODE;
}

/* The value of a parameter that must stand in the query just once. */
static bool
param(struct span query, const char *name, struct buf *value)
{
	const char *end = query.p + query.len;
	size_t len = strlen(name);
	int n = 0;

	buf_clear(value);
	for (const char *p = query.p; p < end; ) {
		const char *amp = memchr(p, '&', (size_t)(end - p));
		size_t size = (size_t)((amp == NULL ? end : amp) - p);

		if (size > len && memcmp(p, name, len) == 0 && p[len] == '=') {
			if (++n > 1 || !decode((struct span){ p + len + 1, size - len - 1 }, value))
				return false;
		}
		p += size + 1;
	}
	return n == 1 && value->len != 0;
}

static bool
is_text(const struct buf *b, const char *text)
{
	return b->len == strlen(text) && memcmp(b->p, text, b->len) == 0;
}

static enum callback_result
read_query(struct span query, const char *state, struct buf *text)
{
	enum callback_result result = CALLBACK_OTHER;

	if (param(query, "state", text) && is_text(text, state))
		result = param(query, "code", text) ? CALLBACK_CODE : param(query, "error", text) ? CALLBACK_DENIED : CALLBACK_OTHER;
	if (result == CALLBACK_OTHER)
		buf_clear(text);
	return result;
}

/* What stands behind the first '?', up to a blank or '#'. */
static struct span
query_of(struct span address)
{
	const char *mark = memchr(address.p, '?', address.len), *end = address.p + address.len, *p;

	if (mark == NULL)
		return (struct span){ end, 0 };
	for (p = mark + 1; p < end && *p != ' ' && *p != '#'; p++)
		;
	return (struct span){ mark + 1, (size_t)(p - mark - 1) };
}

enum callback_result
callback_read(const char *p, size_t len, const char *state, struct buf *text)
{
	static const char get[] = "GET " CALLBACK_PATH "?";
	const char *line = len == 0 ? NULL : memchr(p, '\r', len);

	buf_clear(text);
	/* To the end of the head: a connection that is closed before is an error to the browser. */
	if (len == 0 || memmem(p, len, "\r\n\r\n", 4) == NULL)
		return CALLBACK_MORE;
	if ((size_t)(line - p) < sizeof get - 1 || memcmp(p, get, sizeof get - 1) != 0)
		return CALLBACK_OTHER;
	return read_query(query_of((struct span){ p, (size_t)(line - p) }), state, text);
}

enum callback_result
callback_pasted(const char *p, size_t len, const char *state, struct buf *text)
{
	while (len > 0 && strchr(" \t\r\n", p[0]) != NULL)
		p++, len--;
	while (len > 0 && strchr(" \t\r\n", p[len - 1]) != NULL)
		len--;
	buf_clear(text);
	if (len != 0 && memchr(p, '?', len) != NULL)
		return read_query(query_of((struct span){ p, len }), state, text);
	if (len == 0 || memchr(p, ' ', len) != NULL || memchr(p, '/', len) != NULL || !decode((struct span){ p, len }, text)) {
		buf_clear(text);
		return CALLBACK_OTHER;
	}
	return CALLBACK_CODE;
}

/* ---- connections ---- */

struct connection {
	int	 fd;
	int64_t	 until;			/* when_mono() */
	size_t	 len;
	char	 head[CALLBACK_HEAD];
};

struct listener {
	int	 fd;
	size_t	 n;
	struct connection *c;		/* oldest first */
	const char *state;
	struct buf *text;
};

int
callback_listen(int64_t *port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, saved;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;

	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(fd, (struct sockaddr *)&a, len) == 0 &&
	    listen(fd, MOST_CONNECTIONS) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0) {
		*port = ntohs(a.sin_port);
		return fd;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void
drop(struct listener *l, size_t i)
{
	close(l->c[i].fd);
	memmove(&l->c[i], &l->c[i + 1], (--l->n - i) * sizeof *l->c);
}

static void
take_connection(struct listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd == -1)
		return;		/* it went away again */
	if (l->n == MOST_CONNECTIONS)
		drop(l, 0);
	l->c[l->n].fd = fd;
	l->c[l->n].len = 0;
	l->c[l->n++].until = when_mono() + REQUEST_MS;
}

/* The browser's page; small enough for the socket to take it at once. */
static void
answer(int fd, enum callback_result r)
{
	const char *status = r == CALLBACK_OTHER ? "404 Not Found" : "200 OK";
	const char *page = r == CALLBACK_CODE ? "The login goes on in the terminal. You can close this page.\n" :
	    r == CALLBACK_DENIED ? "The login was refused. You can close this page.\n" : "This is not the page of a login that is going on.\n";
	struct buf b = { 0 };

	buf_addf(&b, "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n"
	    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\r\n%s", status, strlen(page), page);
	if (send(fd, b.p, b.len, MSG_NOSIGNAL) != -1)
		shutdown(fd, SHUT_WR);
	buf_free(&b);
}

/* Something came on connection i, or it was closed. */
static enum callback_result
serve(struct listener *l, size_t i)
{
	struct connection *c = &l->c[i];
	ssize_t n = recv(c->fd, c->head + c->len, sizeof c->head - c->len, 0);
	enum callback_result r = CALLBACK_MORE;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return CALLBACK_MORE;
	if (n > 0) {
		c->len += (size_t)n;
		r = callback_read(c->head, c->len, l->state, l->text);
		if (r == CALLBACK_MORE && c->len < sizeof c->head)
			return r;
		answer(c->fd, r == CALLBACK_MORE ? CALLBACK_OTHER : r);
	}
	drop(l, i);
	return r;
}

/* One round of waiting. */
static enum callback_result
serve_some(struct listener *l, int64_t until)
{
	struct pollfd p[MOST_CONNECTIONS + 2];
	enum callback_result r = CALLBACK_MORE;
	int64_t left = until - when_mono();
	size_t n = l->n;

	for (size_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = l->c[i].fd, .events = POLLIN };
	p[n] = (struct pollfd){ .fd = sig_fd(), .events = POLLIN };
	p[n + 1] = (struct pollfd){ .fd = l->fd, .events = POLLIN };
	if (poll(p, (nfds_t)n + 2, left < 0 ? 0 : left < 1000 ? (int)left : 1000) == -1 && errno != EINTR)
		return CALLBACK_FAILED;
	/* From the last, so that dropping one moves none that is still to come. */
	for (size_t i = n; i-- > 0 && r != CALLBACK_CODE && r != CALLBACK_DENIED; ) {
		if (p[i].revents != 0)
			r = serve(l, i);
		else if (when_mono() >= l->c[i].until)
			drop(l, i);
	}
	if (p[n + 1].revents != 0 && r != CALLBACK_CODE && r != CALLBACK_DENIED)
		take_connection(l);
	return r;
}

enum callback_result
callback_wait(int fd, const char *state, int64_t timeout_ms, struct buf *text)
{
	struct listener l = { .fd = fd, .c = mem_zero(MOST_CONNECTIONS, sizeof *l.c), .state = state, .text = text };
	int64_t until = when_mono() + timeout_ms;
	enum callback_result r = CALLBACK_MORE;

	while (r == CALLBACK_MORE || r == CALLBACK_OTHER) {
		if (sig_caught() != 0 || when_mono() >= until) {
			errno = sig_caught() != 0 ? EINTR : ETIMEDOUT;
			r = CALLBACK_FAILED;
			break;
		}
		r = serve_some(&l, until);
	}
	while (l.n > 0)
		drop(&l, l.n - 1);
	free(l.c);
	return r;
}
