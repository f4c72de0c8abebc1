/*
 * fuzz_proxy - any bytes as what the two sides of a proxied call said: one record comes of it, of valid JSON without the keys, and it says
 * what is wrong where something is.
 *
 * The first byte says how the bodies are coded and of which type the request is, the second the type of the answer, whether the call
 * took long and how it ended, the third its status; then the session, the turn, the request and the answer, cut at 0x1e.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "trace-serve/proxy_record.c"

#define SECRET "sk-0123456789"
#define LIKE_ESCAPE "bee9aaaaa"		/* as the end of "\b", and of "\u00be" */

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int records;

static void
check_json(struct span text, bool object)
{
	struct buf line = { 0 };
	struct scan scan = { 0 };

	if (text.len == 0 && !object)
		return;
	must(memmem(text.p, text.len, SECRET, strlen(SECRET)) == NULL);
	buf_add(&line, text.p, text.len);
	buf_pad(&line);
	json_one_line(line.p, line.len);
	must(scan_utf8(line.p, line.len) == NULL);
	must((object ? scan_record : scan_value)(&scan, line.p) == line.p + line.len);
	scan_free(&scan);
	buf_free(&line);
}

/* In place of the store. */
void
trace_store_put(struct trace_store *s, struct trace *t)
{
	bool pending = t->status.len == 7 && t->status.p[0] == 'p', error = t->status.len == 5;

	(void)s;
	must(t->session.len > 0 && t->session.len <= MOST_ID && scan_utf8(t->session.p, t->session.len) == NULL);
	must(t->turn >= 0);
	check_json(t->request, false);
	must(t->request.len != 0 && (t->response.len == 0 || !pending));
	check_json(t->response, false);
	check_json(t->metadata, true);
	must(error == (t->error_message.len != 0));
	must(!error || memmem(t->error_message.p, t->error_message.len, SECRET, strlen(SECRET)) == NULL);
	records += !pending;
	t->result = STORE_OK;
	t->done(t);
}

static void
next_piece(const char **p, const char *end, struct buf *out)
{
	const char *cut = memchr(*p, 0x1e, (size_t)(end - *p));

	buf_add(out, *p, (size_t)((cut != NULL ? cut : end) - *p));
	*p = cut != NULL ? cut + 1 : end;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const codings[] = { "", "gzip", "deflate", "br" };
	static const char *const types[] = {
		"application/json", "text/event-stream", "text/plain; charset=utf-8", "application/octet-stream", "", "application/problem+json",
		"multipart/form-data; boundary=x", "application/x-ndjson",
	};
	struct app app = { 0 };
	struct proxy proxy = { .app = &app, .base = (char[]){ "http://host/v1" }, .host = (char[]){ "host" } };
	const char *p = (const char *)data + 3, *end = (const char *)data + size;
	struct kept *k;

	if (size < 3)
		return 0;
	pthread_mutex_init(&proxy.large, NULL);
	pthread_mutex_init(&proxy.lock, NULL);
	proxy.last = &proxy.first;
	k = mem_zero(1, sizeof *k);
	k->proxy = &proxy;
	buf_add(&k->secrets, SECRET, sizeof SECRET);
	buf_add(&k->secrets, LIKE_ESCAPE, sizeof LIKE_ESCAPE);
	buf_adds(&k->path, "/chat/completions");
	buf_adds(&k->peer, "127.0.0.1");
	buf_adds(&k->request_coding, codings[data[0] & 3]);
	buf_adds(&k->response_coding, codings[data[0] >> 2 & 3]);
	buf_adds(&k->request_type, types[data[0] >> 4 & 7]);
	buf_adds(&k->response_type, types[data[1] & 7]);
	k->status = 200 + (data[2] & 3u) * 100;
	k->first_ms = k->ms = data[2];
	next_piece(&p, end, &k->wanted_session);
	next_piece(&p, end, &k->wanted_turn);
	next_piece(&p, end, &k->request);
	next_piece(&p, end, &k->response);
	k->came = k->response.len;
	k->partial = (data[1] & 16) != 0;
	if ((data[1] & 32) != 0)
		buf_adds(&k->trouble, "the connection was lost");
	k->left = (data[1] & 96) == 96;
	records = 0;
	must(kept_count(k, k->response.len));
	kept_enqueue(k);
	if ((data[1] & 8) != 0)
		kept_store_early(k);
	kept_store(k);
	must(records == 1 && atomic_load(&proxy.kept) == 0 && atomic_load(&proxy.lost) == 0 && proxy.first == NULL);
	pthread_mutex_destroy(&proxy.large);
	pthread_mutex_destroy(&proxy.lock);
	return 0;
}
