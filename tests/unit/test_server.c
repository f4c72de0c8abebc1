/* The HTTP server against clients that are slow, greedy, broken or gone. */
#include "net/server.h"

#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/when.h"

#define PATIENCE_MS 20000	/* for what must happen; the machine may be busy */
#define MAX_BODY 4096
#define BIG ((size_t)8 << 20)

static struct server *server;
static int port;
static atomic_int handled, lost, ended;
static char *big;

/* Handlers that wait here go on when it opens. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static int at_gate;

static void
gate_set(bool open)
{
	pthread_mutex_lock(&gate_lock);
	gate_open = open;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate_lock);
}

static void
gate_pass(void)
{
	pthread_mutex_lock(&gate_lock);
	at_gate++;
	pthread_cond_broadcast(&gate_moved);
	while (!gate_open)
		pthread_cond_wait(&gate_moved, &gate_lock);
	at_gate--;
	pthread_mutex_unlock(&gate_lock);
}

static void
gate_wait_for(int n)
{
	pthread_mutex_lock(&gate_lock);
	while (at_gate < n)
		pthread_cond_wait(&gate_moved, &gate_lock);
	pthread_mutex_unlock(&gate_lock);
}

/* ---- handlers ---- */

static void
answer_echo(struct request *rq)
{
	struct buf b = { 0 };

	buf_addf(&b, "%s:", request_method(rq));
	buf_add(&b, request_body(rq)->p, request_body(rq)->len);
	request_answer(rq, 200, "text/plain", &b);
}

static void
answer_heap(struct request *rq)
{
	struct buf b = { 0 };

	memset(buf_reserve(&b, BIG), 'h', BIG);
	b.len = BIG;
	request_answer(rq, 200, "text/plain", &b);
}

/* With memory all the same, which is the server's then. */
static void
answer_empty(struct request *rq)
{
	struct buf b = { 0 };

	(void)buf_reserve(&b, 100);
	request_answer(rq, 200, "text/plain", &b);
}

static void *
be_late(void *arg)
{
	gate_pass();
	answer_echo(arg);
	return NULL;
}

/* Writes until the client has gone. */
static void *
stream_on(void *arg)
{
	char block[10000];
	struct request *rq = arg;

	memset(block, 'x', sizeof block);
	request_stream(rq, 200, -1);
	while (request_write(rq, block, sizeof block) && !request_gone(rq))
		;
	lost++;
	request_end(rq, true);
	ended++;
	return NULL;
}

static void *
stream_three(void *arg)
{
	request_stream(arg, 200, -1);
	for (int i = 0; i < 3; i++)
		(void)request_write(arg, "piece ", 6);
	request_end(arg, false);
	return NULL;
}

static void
in_thread(void *(*fn)(void *), void *arg)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &a, fn, arg) != 0)
		abort();
	pthread_attr_destroy(&a);
}

static enum served
handle(void *arg, struct request *rq)
{
	const char *path = request_path(rq);

	(void)arg;
	handled++;
	if (strcmp(path, "/late") == 0)
		in_thread(be_late, rq);
	else if (strcmp(path, "/forever") == 0)
		in_thread(stream_on, rq);
	else if (strcmp(path, "/three") == 0)
		in_thread(stream_three, rq);
	else if (strcmp(path, "/heap") == 0)
		answer_heap(rq);
	else if (strcmp(path, "/empty") == 0)
		answer_empty(rq);
	else if (strcmp(path, "/big") == 0)
		request_answer_static(rq, 200, "text/plain", big, BIG);
	else
		answer_echo(rq);
	return SERVED_LATER;
}

static void
start(int64_t client_ms, size_t max_bodies)
{
	struct server_opts o = {
		.listen = "127.0.0.1:0", .max_body = MAX_BODY, .max_bodies = max_bodies, .client_ms = client_ms, .threads = 2, .handle = handle,
	};
	struct buf error = { 0 };

	server = server_start(&o, &error);
	if (server == NULL)
		fail_msg("%s", buf_str(&error));
	port = atoi(strrchr(server_url(server), ':') + 1);
	handled = lost = ended = 0;
	gate_set(false);
}

static void
stop(void)
{
	gate_set(true);
	server_stop(server, 200);
}

/* ---- clients ---- */

static int
dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, (struct sockaddr *)&a, sizeof a) == -1)
		fail_msg("connect: %s", strerror(errno));
	return fd;
}

static bool
say_bytes(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
say(int fd, const char *text)
{
	return say_bytes(fd, text, strlen(text));
}

/* Read until the text ends with want, or (NULL) the connection does.  False: too long, or another end. */
static bool
hear(int fd, struct buf *b, const char *want)
{
	int64_t until = when_mono() + PATIENCE_MS;
	char block[4096];

	while (want == NULL || strstr(buf_str(b), want) == NULL) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, (int)(until - when_mono() > 0 ? until - when_mono() : 0)) != 1)
			return false;
		n = recv(fd, block, sizeof block, 0);
		if (n <= 0)
			return want == NULL;
		buf_add(b, block, (size_t)n);
	}
	return true;
}

/* What comes for this on a connection of its own, until it ends. */
static struct buf
ask_bytes(const char *p, size_t len)
{
	struct buf b = { 0 };
	int fd = dial();

	(void)say_bytes(fd, p, len);
	assert_true(hear(fd, &b, NULL));
	close(fd);
	(void)buf_str(&b);
	return b;
}

static void
check_answer(const char *request, const char *want)
{
	struct buf b = ask_bytes(request, strlen(request));

	if (strstr(b.p, want) == NULL)
		fail_msg("to '%.60s...': no '%s' in '%.300s'", request, want, b.p);
	buf_free(&b);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
#define CLOSE "Connection: close\r\n\r\n"

/* It answers others now. */
static void
check_alive(void)
{
	check_answer(GET("/") CLOSE, "\r\n\r\nGET:");
}

/* ---- ordinary requests ---- */

static int
count(const char *s, const char *what)
{
	int n = 0;

	for (; (s = strstr(s, what)) != NULL; s++)
		n++;
	return n;
}

static void
test_one_connection(void **state)
{
	struct buf b = { 0 };
	int fd;

	(void)state;
	start(5000, MAX_BODY * 4);
	/* Pipelined; then one after another. */
	b = ask_bytes(GET("/") "\r\n" GET("/three") "\r\n" GET("/") CLOSE, strlen(GET("/") "\r\n" GET("/three") "\r\n" GET("/") CLOSE));
	assert_int_equal(count(b.p, "HTTP/1.1 200"), 3);
	assert_int_equal(count(b.p, "piece "), 3);
	buf_clear(&b);
	fd = dial();
	for (int i = 0; i < 3; i++) {
		assert_true(say(fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"));
		assert_true(hear(fd, &b, "POST:abcdefg"));
		buf_clear(&b);
	}
	assert_true(say(fd, "HEAD /big HTTP/1.1\r\nHost: x\r\n\r\n" GET("/") CLOSE));
	assert_true(hear(fd, &b, NULL));
	assert_non_null(strstr(buf_str(&b), "Content-Length: 8388608\r\n"));
	assert_non_null(strstr(b.p, "\r\n\r\nHTTP/1.1 200"));	/* no body in between */
	close(fd);
	buf_free(&b);
	stop();
}

static void
test_broken_requests(void **state)
{
	static const char *const broken[] = {
		"\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		GET("/") "no colon\r\n\r\n", POST("/") "Content-Length: -1\r\n\r\nx", POST("/") "Content-Length: 1x\r\n\r\nx",
		POST("/") "Content-Length: 99999999999999999999999\r\n\r\nx", POST("/") "Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
		POST("/") "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nab\r\n0\r\n\r\n",
	};

	(void)state;
	start(1000, MAX_BODY * 4);
	for (size_t i = 0; i < N_OF(broken); i++) {
		struct buf b = ask_bytes(broken[i], strlen(broken[i]));

		if (strstr(b.p, "HTTP/1.1 2") != NULL)
			fail_msg("case %zu was taken: %.200s", i, b.p);
		buf_free(&b);
		check_alive();
	}
	stop();
}

static void
test_large_heads(void **state)
{
	struct buf b = { 0 };

	(void)state;
	start(1000, MAX_BODY * 4);
	buf_adds(&b, GET("/") "X: ");
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, "\r\n\r\n");
	check_answer(buf_str(&b), " 431 ");
	buf_clear(&b);
	buf_adds(&b, "GET /");
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, " HTTP/1.1\r\nHost: x\r\n\r\n");
	check_answer(buf_str(&b), " 414 ");
	check_alive();
	buf_free(&b);
	stop();
}

/* ---- bodies ---- */

static void
gzip_into(struct buf *to, size_t zeros)
{
	z_stream z = { 0 };
	char *in = mem_zero(zeros, 1);

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)in;
	z.avail_in = (unsigned)zeros;
	z.next_out = (unsigned char *)buf_reserve(to, zeros + 100);
	z.avail_out = (unsigned)zeros + 100;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	to->len += zeros + 100 - z.avail_out;
	(void)deflateEnd(&z);
	free(in);
}

/* A body of so many zeros, cut by so many bytes, must be answered so. */
static void
check_gzip(size_t zeros, size_t cut, const char *want)
{
	struct buf rq = { 0 }, body = { 0 }, b;

	gzip_into(&body, zeros);
	body.len -= cut;
	buf_addf(&rq, POST("/") "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", body.len);
	buf_add(&rq, body.p, body.len);
	b = ask_bytes(rq.p, rq.len);
	if (strstr(b.p, want) == NULL)
		fail_msg("%zu zeros: no '%s' in %.200s", zeros, want, b.p);
	buf_free(&b);
	buf_free(&rq);
	buf_free(&body);
}

static void
test_bodies(void **state)
{
	struct buf rq = { 0 };

	(void)state;
	start(2000, MAX_BODY * 4);
	check_answer(POST("/") "Expect: 100-continue\r\nContent-Length: 4097\r\n\r\n", " 413 ");
	buf_addf(&rq, POST("/") "Content-Length: 4000000\r\n\r\n%04000000d", 0);	/* who sends it all sees the answer */
	check_answer(buf_str(&rq), " 413 ");
	buf_clear(&rq);
	check_answer(POST("/") "Content-Length: 18446744073709551615\r\n\r\n", " 413 ");
	buf_adds(&rq, POST("/") "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 5; i++)
		buf_addf(&rq, "400\r\n%01024d\r\n", 0);
	buf_adds(&rq, "0\r\n\r\n");
	check_answer(buf_str(&rq), " 413 ");
	check_gzip(MAX_BODY, 0, " 200 ");
	check_gzip(MAX_BODY + 1, 0, " 413 ");
	check_gzip(4 << 20, 0, " 413 ");
	check_gzip(1000, 5, " 400 ");
	check_answer(POST("/") "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", " 400 ");
	check_answer(GET("/empty") CLOSE, "Content-Length: 0\r\n");
	check_answer(POST("/") "Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", " 415 ");
	assert_int_equal(handled, 2);
	buf_free(&rq);
	stop();
}

/* All bodies together are bounded, also those that were packed. */
static void
test_all_bodies(void **state)
{
	struct buf rq = { 0 }, answer = { 0 };
	int fd[2];

	(void)state;
	start(2000, MAX_BODY * 2);
	buf_addf(&rq, POST("/late") "Content-Length: %d\r\n\r\n%04096d", MAX_BODY, 0);
	for (int i = 0; i < 2; i++) {
		fd[i] = dial();
		assert_true(say(fd[i], buf_str(&rq)));
	}
	gate_wait_for(2);
	check_answer(POST("/") "Content-Length: 1\r\n\r\nx", " 503 ");
	check_gzip(MAX_BODY, 0, " 503 ");
	check_alive();
	gate_set(true);
	for (int i = 0; i < 2; i++) {
		assert_true(hear(fd[i], &answer, NULL));
		close(fd[i]);
	}
	check_answer(POST("/") "Content-Length: 1\r\n\r\nx", "POST:x");
	buf_free(&rq);
	buf_free(&answer);
	stop();
}

/* ---- slow clients ---- */

/* Says this, then one byte now and then, until the server ends the connection. */
static void
check_slow(const char *head, const char *each)
{
	int64_t until = when_mono() + PATIENCE_MS;
	struct pollfd p = { .fd = dial(), .events = POLLIN };
	char block[512];

	assert_true(say(p.fd, head));
	for (;;) {
		if (poll(&p, 1, 20) == 1 && recv(p.fd, block, sizeof block, 0) <= 0)
			break;
		if (when_mono() > until)
			fail_msg("still connected after '%.30s'", head);
		(void)say(p.fd, each);
	}
	close(p.fd);
	check_alive();
}

static void
test_slow_requests(void **state)
{
	(void)state;
	start(300, MAX_BODY * 4);
	check_slow("", "");
	check_slow("GET / HT", "");
	check_slow("GET /?", "x");
	check_slow(GET("/"), "X: y\r\n");
	check_slow(POST("/") "Content-Length: 4000\r\n\r\n", "");
	check_slow(POST("/") "Content-Length: 4000\r\n\r\n", "x");
	check_slow(POST("/") "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n");
	check_slow(GET("/") "\r\n", "");	/* idle after an answer */
	assert_true(handled >= 9);
	stop();
}

static int
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Who takes nothing of an answer is not waited for. */
static void
test_slow_answers(void **state)
{
	int64_t until = when_mono() + PATIENCE_MS;
	int before, small = 4096, fd;

	(void)state;
	start(1000, MAX_BODY * 4);
	before = open_files();
	if (before == -1)
		skip();
	fd = dial();
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	assert_true(say(fd, GET("/big") "\r\n"));
	check_alive();
	while (handled < 2 || open_files() > before + 1) {	/* the server has let go of its end */
		if (when_mono() > until)
			fail_msg("still connected");
		usleep(20000);
	}
	close(fd);
	stop();
}

/* Answers that are not taken do not fill the memory. */
static void
test_many_answers(void **state)
{
	int64_t until = when_mono() + PATIENCE_MS;
	struct buf head = { 0 };
	int small = 4096, fd;

	(void)state;
	start(60000, BIG + BIG / 2);
	fd = dial();
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	assert_true(say(fd, GET("/heap") "\r\n"));
	assert_true(hear(fd, &head, "\r\n\r\n"));
	check_answer(GET("/heap") CLOSE, " 503 ");
	check_alive();
	close(fd);
	for (;;) {
		struct buf b = ask_bytes(GET("/heap") CLOSE, strlen(GET("/heap") CLOSE));
		bool served = b.len > BIG;

		buf_free(&b);
		if (served)
			break;
		if (when_mono() > until)
			fail_msg("still full");
		usleep(20000);
	}
	buf_free(&head);
	stop();
}

static void
test_clients_that_leave(void **state)
{
	static const char *const begun[] = {
		"", "GE", "GET / HTTP/1.1\r\nHo", POST("/") "Content-Length: 100\r\n\r\nabc", GET("/late") "\r\n", GET("/big") "\r\n",
		GET("/forever") "\r\n",
	};
	int64_t until = when_mono() + PATIENCE_MS;

	(void)state;
	start(5000, MAX_BODY * 4);
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < N_OF(begun); i++) {
			struct linger reset = { 1, 0 };
			int fd = dial();

			assert_true(say(fd, begun[i]));
			if (round % 2)
				(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
			if (round % 3)
				usleep(1000);
			close(fd);
		}
	gate_set(true);
	check_alive();
	while (ended < lost || lost < 1)	/* most streams have begun */
		if (when_mono() > until)
			fail_msg("streams go on: %d of %d", ended, lost);
	stop();
}

/* ---- the end ---- */

static void *
stop_it(void *arg)
{
	(void)arg;
	server_stop(server, 2000);
	return NULL;
}

static size_t
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long all, here;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &all, &here), 2);
	fclose(f);
	return (size_t)here * 4096;
}

/* What it has taken of a stream is given up, though it has never taken all. */
static void
test_client_that_lags(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
	size_t before, got = 0;
	char block[65536];

	(void)state;
	start(5000, MAX_BODY * 4);
	a.sin_port = htons((uint16_t)port);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_true(say(fd, GET("/forever") "\r\n"));
	before = resident();
	while (got < 48 << 20) {
		ssize_t n = recv(fd, block, sizeof block, 0);

		assert_true(n > 0);
		got += (size_t)n;
	}
	if (resident() > before + (24 << 20))
		fail_msg("%zu bytes more", resident() - before);
	close(fd);
	stop();
}

/* Who is being served gets its answer, streams end, idle connections are closed. */
static void
test_stop_while_busy(void **state)
{
	struct buf late = { 0 }, rest = { 0 };
	int busy, idle, stream;
	pthread_t t;

	(void)state;
	start(60000, MAX_BODY * 4);
	busy = dial();
	idle = dial();
	stream = dial();
	assert_true(say(stream, GET("/forever") "\r\n"));
	assert_true(hear(stream, &rest, "xxx"));
	assert_true(say(busy, POST("/late") "Content-Length: 2\r\n\r\nhi"));
	gate_wait_for(1);
	assert_int_equal(pthread_create(&t, NULL, stop_it, NULL), 0);
	assert_true(hear(stream, &rest, NULL));
	usleep(100000);
	gate_set(true);
	assert_true(hear(busy, &late, "POST:hi"));
	assert_true(hear(idle, &rest, NULL));
	pthread_join(t, NULL);
	close(busy);
	close(idle);
	close(stream);
	buf_free(&late);
	buf_free(&rest);
}

static atomic_bool going;

/* Requests one after another on one connection after another, until none is taken. */
static void *
hammer(void *arg)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };

	(void)arg;
	while (going) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct buf b = { 0 };

		if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
			while (going && say(fd, GET("/late") "\r\n") && hear(fd, &b, "GET:"))
				buf_clear(&b);
		close(fd);
		buf_free(&b);
	}
	return NULL;
}

static void
test_stop_under_load(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		pthread_t t[4];

		start(60000, MAX_BODY * 4);
		gate_set(true);
		going = true;
		for (size_t i = 0; i < N_OF(t); i++)
			assert_int_equal(pthread_create(&t[i], NULL, hammer, NULL), 0);
		usleep(30000);
		server_stop(server, round % 2 ? 2000 : 0);
		going = false;
		for (size_t i = 0; i < N_OF(t); i++)
			pthread_join(t[i], NULL);
	}
}

/* Its address is told as one writes it in a browser.  A machine without IPv6 says so. */
static void
test_ipv6(void)
{
	struct server_opts o = { .listen = "[::1]:0", .max_body = 1, .max_bodies = 1, .client_ms = 1000, .threads = 1, .handle = handle };
	struct buf error = { 0 };
	struct server *s = server_start(&o, &error);

	if (s != NULL)
		assert_memory_equal(server_url(s), "http://[::1]:", 13);
	else
		assert_non_null(strstr(buf_str(&error), "[::1]:0"));
	if (s != NULL)
		server_stop(s, 0);
	buf_free(&error);
}

static void
test_addresses(void **state)
{
	static const char *const wrong[] = { "", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999",
		"no.such.host.invalid:80", "[::1:80" };
	struct server_opts o = { .max_body = 1, .max_bodies = 1, .client_ms = 1000, .threads = 1, .handle = handle };

	(void)state;
	for (size_t i = 0; i < N_OF(wrong); i++) {
		struct buf error = { 0 };

		o.listen = wrong[i];
		assert_null(server_start(&o, &error));
		assert_int_not_equal(error.len, 0);
		buf_free(&error);
	}

	/* An address that another server has is named. */
	start(1000, 1);
	{
		struct buf error = { 0 };
		char taken[32];

		snprintf(taken, sizeof taken, "127.0.0.1:%d", port);
		o.listen = taken;
		assert_null(server_start(&o, &error));
		assert_memory_equal(buf_str(&error), taken, strlen(taken));
		assert_non_null(strstr(error.p, ": Address already in use"));
		buf_free(&error);
	}
	stop();
	test_ipv6();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_connection), cmocka_unit_test(test_broken_requests), cmocka_unit_test(test_large_heads),
		cmocka_unit_test(test_bodies), cmocka_unit_test(test_all_bodies), cmocka_unit_test(test_slow_requests),
		cmocka_unit_test(test_slow_answers), cmocka_unit_test(test_many_answers),
		cmocka_unit_test(test_clients_that_leave), cmocka_unit_test(test_client_that_lags), cmocka_unit_test(test_stop_while_busy),
		cmocka_unit_test(test_stop_under_load), cmocka_unit_test(test_addresses),
	};
	int failed;

	(void)signal(SIGPIPE, SIG_IGN);
	big = mem_zero(BIG, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(big);
	return failed;
}
