/*
 * fuzz_find - the query of a list of traces, against a store that has some: each gets one answer, of JSON, or is refused with a word; and
 * words are found where a slow search finds them.
 *
 * The words of the search, and behind 0x1e a text.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "net/query.h"
#include "trace/search.h"
#include "trace-serve/query.c"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of the server. */
struct request {
	const char *query;
	int	 answers;
};

static char path[64];
static struct trace_store *store;
static struct scan scan;

bool
request_param(const struct request *rq, const char *name, struct buf *value)
{
	return query_param(rq->query, name, value);
}

bool
request_gone(struct request *rq)
{
	(void)rq;
	return false;
}

void
request_answer_static(struct request *rq, unsigned status, const char *type, const void *p, size_t len)
{
	(void)status, (void)type, (void)p, (void)len;
	rq->answers++;
}

void
call_free(struct call *c)
{
	(void)c;
}

void
call_page(struct call *c, int64_t usual, int64_t *page, int64_t *size)
{
	(void)c;
	*page = 1;
	*size = usual;
}

void
answer_ok(struct call *c, const char *message)
{
	(void)message;
	c->rq->answers++;
}

void
answer_data(struct call *c, struct buf *data)
{
	buf_pad(data);
	must(scan_record(&scan, data->p) == data->p + data->len && scan_utf8(data->p, data->len) == NULL);
	c->rq->answers++;
}

void
answer_fail(struct call *c, unsigned status, const char *fmt, ...)
{
	(void)fmt;
	must(status == 400);
	c->rq->answers++;
}

static void
remove_store(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };

	(void)trace_store_close(store);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		char file[80];

		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
}

static struct span
text(const char *s)
{
	return (struct span){ s, strlen(s) };
}

static void
start(void)
{
	static const char *const requests[] = { "{\"model\":\"m\",\"messages\":[]}", "{\"q\":\"\\u4f60 Abc\"}", "\"\xe4\xbd\xa0\"" };
	struct buf error = { 0 };

	snprintf(path, sizeof path, "%s/llmutils-fuzz-find.%ld.db", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
	must((store = trace_store_open(path, &error)) != NULL);
	atexit(remove_store);
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		struct trace t = {
			.session = text("s1"), .request = text(requests[i]), .response = text("{}"), .status = text(i == 0 ? "error" : "success"),
			.error_message = text(i == 0 ? "it failed" : ""), .model = text("m"), .http_status = 200, .latency_ms = 1, .first_byte_ms = -1,
		};

		must(trace_store_put_wait(store, &t) == STORE_OK);
		buf_free(&t.session_id);
	}
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool
slowly(struct span words, struct span in)
{
	for (size_t i = 0; words.len > 0 && i + words.len <= in.len; i++) {
		size_t n = 0;

		while (n < words.len && lower(in.p[i + n]) == lower(words.p[n]))
			n++;
		if (n == words.len)
			return true;
	}
	return false;
}

static void
check_search(const char *p, size_t size)
{
	const char *cut = memchr(p, 0x1e, size);
	struct span words = { p, cut != NULL ? (size_t)(cut - p) : size }, in = { p + size, 0 };
	struct search *s = search_new(words);

	if (cut != NULL)
		in = (struct span){ cut + 1, (size_t)(p + size - cut - 1) };
	must(search_text(s, in) == slowly(words, in));
	must(!slowly((struct span){ s->plain.text.p, s->plain.text.len }, in) || search_json(s, in));
	search_free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct app app = { 0 };
	struct request rq = { 0 };
	struct call c = { .app = &app, .rq = &rq };
	struct buf query = { 0 };

	if (store == NULL)
		start();
	app.store = store;
	check_search(size == 0 ? "" : (const char *)data, size);
	buf_add(&query, data, size);
	rq.query = buf_str(&query);
	records_get(&c);
	must(rq.answers == 1);
	buf_adds(&c.id, "s1");
	session_records_get(&c);
	must(rq.answers == 2);
	buf_free(&c.id);
	buf_free(&query);
	return 0;
}
