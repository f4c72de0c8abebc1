/* fuzz_server - whatever comes on a connection, the next client is answered */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/server.h"

#define PATIENCE_MS 60000
#define LEAVE_MS 5		/* who sent nonsense does not wait for the end */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int port;

static bool
take_header(void *arg, const char *name, const char *value)
{
	buf_adds(arg, name);
	buf_adds(arg, value);
	return true;
}

/* Looks at all that there is of a request. */
static enum served
handle(void *arg, struct request *rq)
{
	struct buf b = { 0 };

	(void)arg;
	buf_adds(&b, request_method(rq));
	buf_adds(&b, request_path(rq));
	request_headers(rq, take_header, &b);
	(void)request_param(rq, "a", &b);
	buf_add(&b, request_body(rq)->p, request_body(rq)->len);
	request_answer(rq, 200, "text/plain", &b);
	return SERVED;
}

static struct server *
start(void)
{
	struct server_opts o = {
		.listen = "127.0.0.1:0", .max_body = 4096, .max_bodies = 8192, .client_ms = 1000, .threads = 1, .handle = handle,
	};
	struct buf error = { 0 };
	struct server *s = server_start(&o, &error);

	if (s == NULL)
		abort();
	port = atoi(strrchr(server_url(s), ':') + 1);
	return s;
}

/* Returns how many bytes came for these before the connection ended, or the time. */
static size_t
ask(const void *p, size_t len, int ms)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct pollfd fd = { .fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN };
	struct linger reset = { 1, 0 };		/* or the ports run out */
	char block[4096];
	size_t all = 0;
	ssize_t n;

	if (connect(fd.fd, (struct sockaddr *)&a, sizeof a) == -1)
		abort();
	(void)send(fd.fd, p, len, MSG_NOSIGNAL);
	while (poll(&fd, 1, ms) == 1 && (n = recv(fd.fd, block, sizeof block, 0)) > 0)
		all += (size_t)n;
	(void)setsockopt(fd.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(fd.fd);
	return all;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char good[] = "GET /?a=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	static struct server *server;

	if (server == NULL)
		server = start();
	(void)ask(data, size, LEAVE_MS);
	if (ask(good, sizeof good - 1, PATIENCE_MS) == 0)
		abort();
	return 0;
}
