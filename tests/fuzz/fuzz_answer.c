/*
 * fuzz_answer - any bytes as what a service sends on the connection: LangSmith, Feishu, BigQuery or an OpenAI-compatible API (the first
 * byte says which).  A call that does not succeed says why, in one line
 * (of the last, as it was said).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/msg.h"
#include "base/sig.h"
#include "feishu/client.h"
#include "google/bigquery.h"
#include "langsmith/client.h"
#include "listen.h"
#include "openai/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_policy once = { .max_retries = 0, .retry_time_ms = 1000, .timeout_ms = 5000 };
static int listener;
static char url[64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* for the answer: a connection may outlive its call */
static uint8_t answer[1 << 16];
static size_t answer_len;

/* Takes one request after the other; each gets the bytes, and the end of the connection. */
static void *
serve(void *arg)
{
	char rq[4096];

	(void)arg;
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd == -1)
			continue;
		(void)recv(fd, rq, sizeof rq, 0);
		pthread_mutex_lock(&lock);
		(void)send(fd, answer, answer_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		pthread_mutex_unlock(&lock);
		shutdown(fd, SHUT_WR);
		while (recv(fd, rq, sizeof rq, 0) > 0)
			;
		close(fd);
	}
	return NULL;
}

static void
start(void)
{
	pthread_t thread;

	listener = listen_here(url);
	must(pthread_create(&thread, NULL, serve, NULL) == 0);
	setenv("FEISHU_ENDPOINT", url, 1);
	setenv("FEISHU_USER_ACCESS_TOKEN", "u-0123456789", 1);
	setenv("BIGQUERY_ENDPOINT", url, 1);
	setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "ready", 1);
	msg_level = MSG_QUIET;
	sig_ignore_pipe();
}

static void
check(bool succeeded, const struct buf *error)
{
	if (!succeeded && (error->len == 0 || memchr(error->p, '\n', error->len) != NULL))
		abort();
}

static void
ask_langsmith(void)
{
	struct http *h = http_new(&once);
	struct http_response r;
	struct buf id = { 0 }, name = { 0 }, why = { 0 };
	const char *error;
	enum http_result result;
	struct ls ls;

	if (ls_open(&ls, h, url, "key", NULL, &error) == -1)
		abort();
	result = ls_project(&ls, "project", &id, &name, &r);
	if (result != HTTP_OK)
		ls_explain(&r, result, NULL, &why);
	check(result == HTTP_OK, &why);
	http_response_free(&r);
	buf_free(&id);
	buf_free(&name);
	buf_free(&why);
	ls_close(&ls);
	http_free(h);
}

static void
ask_feishu(void)
{
	struct feishu_reply r = { 0 };
	struct buf error = { 0 };
	struct feishu *f = feishu_new(&once, &error);

	if (f == NULL)
		abort();
	check(feishu_call(f, "GET", "/open-apis/bitable/v1/apps/a/tables", NULL, FEISHU_READS, &r) == FEISHU_OK, &r.error);
	feishu_reply_free(&r);
	feishu_free(f);
	buf_free(&error);
}

static void
ask_bigquery(void)
{
	struct bigquery_reply r = { 0 };
	struct buf error = { 0 };
	struct bigquery *b = bigquery_new(&once, "project", &error);

	if (b == NULL)
		abort();
	check(bigquery_call(b, "GET", "/jobs/j", NULL, true, &r) == GOOGLE_OK, &r.error);
	bigquery_reply_free(&r);
	bigquery_free(b);
	buf_free(&error);
}

static void
ask_openai(void)
{
	static const char request[128] = "{\"model\":\"m\",\"messages\":[],\"stream\":true}";
	struct provider p = { .key = (char[]){ "p" }, .name = (char[]){ "p" }, .base_url = url, .secret = (char[]){ "sk-0123456789" } };
	struct http *h = http_new(&once);
	struct chat_result r;

	chat_send(h, &p, (struct span){ request, strlen(request) }, 5000, &r);
	if (r.outcome != CHAT_OK && r.error.len == 0)	/* these are the service's words, on as many lines as it likes */
		abort();
	if (r.response.len != 0 && memmem(r.response.p, r.response.len, p.secret, strlen(p.secret)) != NULL)
		abort();
	chat_result_free(&r);
	http_free(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ask[])(void) = { ask_langsmith, ask_feishu, ask_bigquery, ask_openai };

	if (url[0] == '\0')
		start();
	if (size == 0 || size > sizeof answer)
		return 0;
	pthread_mutex_lock(&lock);
	memcpy(answer, data + 1, size - 1);
	answer_len = size - 1;
	pthread_mutex_unlock(&lock);
	ask[data[0] % 4]();
	return 0;
}
