/*
 * load - one HTTP request again and again: load PORT CONNECTIONS SECONDS METHOD PATH [BYTES [RATE]]
 *
 * To 127.0.0.1, each connection in a thread of its own, the next request when the answer is there.  With BYTES, a trace of about that size
 * is posted, to one of a hundred sessions; with RATE, no more than that many a second.  Prints "REQUESTS/S P50 P99 MAX FAILED", times in milliseconds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER ((size_t)64 << 10)	/* what is kept of one: its head */

static int port, seconds;
static size_t bytes;
static double pause_s;		/* between two requests of a worker; 0: none */
static const char *method, *path;

struct worker {
	pthread_t thread;
	int	 number;
	float	*ms;		/* owned */
	size_t	 n, cap, failed;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
wait_until(double when)
{
	double left = when - now();
	struct timespec t = { .tv_sec = (time_t)left, .tv_nsec = (long)((left - (double)(time_t)left) * 1e9) };

	if (left > 0)
		nanosleep(&t, NULL);
}

static int
dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (fd == -1 || connect(fd, (struct sockaddr *)&a, sizeof a) == -1) {
		perror("load: connect");
		exit(1);
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

/* A request as bytes, new. */
static char *
make(int number, size_t *len)
{
	size_t cap = bytes + 1024, body_len = 0;
	char *body = calloc(1, cap), *all = calloc(1, cap + 1024);
	int n;

	if (body == NULL || all == NULL)
		exit(1);
	if (bytes != 0) {
		n = snprintf(body, cap, "{\"session_id\":\"s%d\",\"status\":\"success\",\"response\":{\"choices\":[{\"message\":{\"role\":\"assistant\","
		    "\"content\":\"fine\"}}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2}},\"request\":{\"model\":\"gpt-4o\","
		    "\"messages\":[{\"role\":\"user\",\"content\":\"", number % 100);
		body_len = (size_t)n;
		for (; body_len + 6 < bytes; body_len++)
			body[body_len] = "the quick brown fox "[body_len % 20];
		memcpy(body + body_len, "\"}]}}", 6);
		body_len += 5;
	}
	n = snprintf(all, cap + 1024, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	    method, path, body_len);
	memcpy(all + n, body, body_len);
	free(body);
	*len = (size_t)n + body_len;
	return all;
}

/* Returns the status, or 0. */
static int
take_answer(int fd, char *b)
{
	size_t len = 0, want = 0;
	ssize_t n;
	int status = 0;

	while (want == 0 || len < want) {
		size_t at = len < ANSWER ? len : ANSWER;	/* of a long body the rest is dropped */

		if ((n = recv(fd, b + at, 2 * ANSWER - at, 0)) <= 0)
			return 0;
		len += (size_t)n;
		if (want == 0 && at + (size_t)n <= 2 * ANSWER) {
			char *end, *length;

			b[len] = '\0';
			if ((end = strstr(b, "\r\n\r\n")) == NULL)
				continue;
			length = strcasestr(b, "\r\nContent-Length: ");
			if (length == NULL || length > end)
				return 0;
			want = (size_t)(end + 4 - b) + strtoul(length + 18, NULL, 10);
			status = atoi(b + 9);
		}
	}
	return status;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	char *b = malloc(2 * ANSWER + 1), *rq;
	double begun = now(), end = begun + seconds;
	size_t len;
	int fd = dial();

	rq = make(w->number, &len);
	while (b != NULL && now() < end) {
		double from;
		int status = 0;

		wait_until(begun + (double)w->n * pause_s);
		from = now();
		if (send(fd, rq, len, MSG_NOSIGNAL) == (ssize_t)len)
			status = take_answer(fd, b);
		if (status != 200)
			w->failed++;
		if (status == 0) {
			close(fd);
			fd = dial();
		}
		if (w->n == w->cap) {
			w->cap = w->cap * 2 + 1024;
			if ((w->ms = realloc(w->ms, w->cap * sizeof *w->ms)) == NULL)
				exit(1);
		}
		w->ms[w->n++] = (float)((now() - from) * 1e3);
	}
	close(fd);
	free(rq);
	free(b);
	return NULL;
}

static int
by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char *argv[])
{
	int n = argc > 2 ? atoi(argv[2]) : 0;
	struct worker *w = calloc((size_t)(n > 0 ? n : 1), sizeof *w);
	size_t all = 0, failed = 0, at = 0;
	double from = now(), took;
	float *ms;

	if (argc < 6 || n <= 0 || w == NULL) {
		fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS METHOD PATH [BYTES [RATE]]\n");
		return 2;
	}
	port = atoi(argv[1]);
	seconds = atoi(argv[3]);
	method = argv[4];
	path = argv[5];
	bytes = argc > 6 ? strtoul(argv[6], NULL, 10) : 0;
	pause_s = argc > 7 ? n / strtod(argv[7], NULL) : 0;
	for (int i = 0; i < n; i++) {
		w[i].number = i;
		if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
			return 1;
	}
	for (int i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		all += w[i].n;
		failed += w[i].failed;
	}
	took = now() - from;
	if (all == 0 || (ms = malloc(all * sizeof *ms)) == NULL)
		return 1;
	for (int i = 0; i < n; i++) {
		memcpy(ms + at, w[i].ms, w[i].n * sizeof *ms);
		at += w[i].n;
		free(w[i].ms);
	}
	qsort(ms, all, sizeof *ms, by_value);
	printf("%.0f %.2f %.2f %.2f %zu\n", (double)all / took, (double)ms[all / 2], (double)ms[all * 99 / 100], (double)ms[all - 1], failed);
	free(ms);
	free(w);
	return 0;
}
