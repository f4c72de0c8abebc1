/*
 * canned.h - for unit tests: a server on 127.0.0.1 that gives the answers of a list, a connection each, and keeps what was asked.
 */
#ifndef TESTS_CANNED_H
#define TESTS_CANNED_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "unit.h"

#define FINE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct step {
	const char *answer;	/* NULL: none, the connection stays open */
	size_t	 len;		/* 0: as a string */
	char	 asked[8192];
} steps[10];
static size_t n_asked;
static int listener, port;

/* The whole request: its head, and as much body as that says. */
static void
canned_read(int fd, char *in, size_t size)
{
	size_t n = 0, want = 1;

	while (n < want && n < size - 1) {
		ssize_t got = recv(fd, in + n, size - 1 - n, 0);
		const char *end, *length;

		if (got <= 0)
			return;
		n += (size_t)got;
		end = strstr(in, "\r\n\r\n");
		length = strcasestr(in, "content-length:");
		want = end == NULL ? n + 1 : (size_t)(end + 4 - in) + (length == NULL ? 0 : strtoul(length + 15, NULL, 10));
	}
}

static void *
canned_serve(void *arg)
{
	int silent = -1;

	(void)arg;
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		struct step *s = &steps[n_asked];

		if (fd == -1 || n_asked == N_OF(steps))
			return NULL;
		canned_read(fd, s->asked, sizeof s->asked);
		n_asked++;
		if (s->answer == NULL) {
			close(silent);
			silent = fd;
			continue;
		}
		(void)!send(fd, s->answer, s->len != 0 ? s->len : strlen(s->answer), MSG_NOSIGNAL);
		close(fd);
	}
}

__attribute__((unused)) static int
canned_start(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	pthread_t t;

	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&a, len) == -1 || listen(listener, 8) == -1 ||
	    getsockname(listener, (struct sockaddr *)&a, &len) == -1)
		return -1;
	port = ntohs(a.sin_port);
	return pthread_create(&t, NULL, canned_serve, NULL) != 0 || pthread_detach(t) != 0 ? -1 : enter_dir(state);
}

__attribute__((unused)) static int
canned_forget(void **state)
{
	(void)state;
	memset(steps, 0, sizeof steps);
	n_asked = 0;
	return 0;
}

/* http://HOST:PORT/PATH; valid until the fourth call after it. */
__attribute__((unused)) static const char *
at(const char *host, const char *path)
{
	static char url[4][128];
	static size_t i;

	i = (i + 1) % N_OF(url);
	snprintf(url[i], sizeof url[i], "http://%s:%d%s", host, port, path);
	return url[i];
}

#endif
