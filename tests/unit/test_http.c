/* test_http - the parts of the HTTP client that need no service; the others are tested through the tools */

#include "unit.h"

#include <fcntl.h>
#include <time.h>

#include "base/file.h"
#include "base/msg.h"
#include "net/http.h"
#include "canned.h"

static void
urls(void **state)
{
	static const struct { const char *base, *path, *want; } t[] = {
		{ "http://h", "a/b", "http://h/a/b" },
		{ "http://h/", "a", "http://h/a" },
		{ "http://h//", "/a", "http://h/a" },
		{ "http://h/x", "", "http://h/x/" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		char *u = http_url(t[i].base, t[i].path);

		assert_string_equal(u, t[i].want);
		free(u);
	}
}

static void
escapes(void **state)
{
	struct buf b = { 0 };

	(void)state;
	http_escape(&b, "aZ09-._~ /?&=%+#\"\xc3\xbc\n");
	assert_string_equal(buf_str(&b), "aZ09-._~%20%2F%3F%26%3D%25%2B%23%22%C3%BC%0A");
	buf_free(&b);
}

static void
headers(void **state)
{
	static const char raw[] = "HTTP/1.1 200 OK\0Content-Type: text/plain\0X-Empty:\0X-Two:\t b ";
	struct http_response r = { .status = 200 };

	(void)state;
	assert_null(http_header(&r, "content-type"));
	buf_add(&r.headers, raw, sizeof raw);
	assert_string_equal(http_header(&r, "content-type"), "text/plain");
	assert_string_equal(http_header(&r, "X-EMPTY"), "");
	assert_string_equal(http_header(&r, "x-two"), "b ");
	assert_null(http_header(&r, "x-tw"));
	http_response_free(&r);
}

static void
verdicts(void **state)
{
	static const struct { long status; enum http_verdict v; } t[] = {
		{ 200, HTTP_DONE }, { 204, HTTP_DONE }, { 302, HTTP_FINAL }, { 400, HTTP_FINAL }, { 401, HTTP_FINAL },
		{ 403, HTTP_FINAL }, { 404, HTTP_FINAL }, { 408, HTTP_UNSURE }, { 409, HTTP_FINAL }, { 425, HTTP_UNSURE },
		{ 429, HTTP_LATER }, { 500, HTTP_UNSURE }, { 503, HTTP_UNSURE }, { 599, HTTP_UNSURE },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct http_response r = { .status = t[i].status };
		int64_t wait = -1;

		assert_int_equal(http_judge(NULL, &r, &wait), t[i].v);
	}
}

/* Nobody listens on port 1: the request was certainly not carried out, so even this one is sent again. */
static void
refused(void **state)
{
	const struct http_policy policy = { .max_retries = 1, .retry_time_ms = 10000, .timeout_ms = 1000 };
	struct http *h = http_new(&policy);
	struct http_request rq = { .url = "http://127.0.0.1:1/", .body = "x", .body_len = 1 };
	struct http_response r;

	(void)state;
	assert_int_equal(http_perform(h, &rq, &r), HTTP_GAVE_UP);
	assert_int_equal(r.tries, 2);
	assert_int_equal(r.status, 0);
	assert_false(r.unknown);
	assert_true(r.error[0] != '\0');
	http_response_free(&r);
	rq.url = "file:///etc/passwd";
	assert_int_equal(http_perform(h, &rq, &r), HTTP_GAVE_UP);
	assert_int_equal(r.tries, 1);
	http_response_free(&r);
	http_free(h);
}

/* ---- against a server ---- */

/* "301 X" and a Location. */
static char *
moved(const char *to)
{
	static char answer[N_OF(steps)][256];
	static size_t i;

	i = (i + 1) % N_OF(answer);
	snprintf(answer[i], sizeof answer[i], "HTTP/1.1 301 X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", to);
	return answer[i];
}

static const struct http_policy patient = { .max_retries = 3, .retry_time_ms = 20000, .timeout_ms = 10000 };
static const char *const secret[] = { "X-Key: geheim", NULL };

/* The answer to one request, and how often the server was asked. */
static struct http_response
perform(struct http_request rq, enum http_result want, size_t asked)
{
	struct http *h = http_new(&patient);
	struct http_response r;
	enum http_result got = http_perform(h, &rq, &r);

	if (got != want)
		fail_msg("result %d, not %d: %ld %s", got, want, r.status, r.error);
	assert_int_equal(n_asked, asked);
	http_free(h);
	return r;
}

/* The headers hold credentials: they go on to another path of the same host, never to another host, nor back from there. */
static void
redirects(void **state)
{
	struct http_response r;

	(void)state;
	steps[0].answer = moved("/b");
	steps[1].answer = moved(at("localhost", "/c"));
	steps[2].answer = moved(at("127.0.0.1", "/d"));
	steps[3].answer = FINE;
	r = perform((struct http_request){ .url = at("127.0.0.1", "/a?q=1"), .headers = secret }, HTTP_OK, 4);
	check_text(r.body.p, r.body.len, "ok");
	assert_int_equal(r.tries, 1);
	for (size_t i = 0; i < 4; i++) {
		static const char *const line[] = { "GET /a?q=1 ", "GET /b ", "GET /c ", "GET /d " };

		assert_memory_equal(steps[i].asked, line[i], strlen(line[i]));
		assert_int_equal(strstr(steps[i].asked, "geheim") != NULL, i < 2);
	}
	http_response_free(&r);
}

static void
redirects_refused(void **state)
{
	struct http_response r;

	(void)state;
	for (size_t i = 0; i < N_OF(steps); i++)
		steps[i].answer = moved("/again");
	r = perform((struct http_request){ .url = at("127.0.0.1", "/") }, HTTP_REFUSED, 6);
	assert_int_equal(r.status, 301);
	http_response_free(&r);

	/* A request that changes something is not sent to where nobody asked for it. */
	canned_forget(state);
	steps[0].answer = moved("/b");
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .body = "x", .body_len = 1, .repeatable = true }, HTTP_REFUSED, 1);
	http_response_free(&r);

	canned_forget(state);
	steps[0].answer = "HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n";
	r = perform((struct http_request){ .url = at("127.0.0.1", "/") }, HTTP_REFUSED, 1);
	http_response_free(&r);

	canned_forget(state);
	steps[0].answer = moved("http://[");
	r = perform((struct http_request){ .url = at("127.0.0.1", "/") }, HTTP_REFUSED, 1);
	http_response_free(&r);

	canned_forget(state);
	steps[0].answer = moved("file:///etc/passwd");
	r = perform((struct http_request){ .url = at("127.0.0.1", "/") }, HTTP_GAVE_UP, 1);
	assert_int_equal(r.body.len, 0);
	assert_int_equal(r.tries, 1);
	http_response_free(&r);
}

/* An answer with a Retry-After that is a date so far from now. */
static const char *
later(long seconds)
{
	static char answer[256];
	time_t t = time(NULL) + seconds;
	char date[64];
	struct tm tm;

	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
	snprintf(answer, sizeof answer, "HTTP/1.1 503 X\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", date);
	return answer;
}

/* A wait that is longer than all retries may take is not begun. */
static void
waits(void **state)
{
	struct http_response r;

	(void)state;
	steps[0].answer = later(3600);
	r = perform((struct http_request){ .url = at("127.0.0.1", "/") }, HTTP_GAVE_UP, 1);
	assert_int_equal(r.status, 503);
	assert_true(r.unknown);
	http_response_free(&r);

	canned_forget(state);
	steps[0].answer = later(-3600);
	steps[1].answer = FINE;
	r = perform((struct http_request){ .url = at("127.0.0.1", "/") }, HTTP_OK, 2);
	assert_false(r.unknown);
	http_response_free(&r);

	/* Centuries are a wait, too. */
	canned_forget(state);
	steps[0].answer = "HTTP/1.1 429 X\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n";
	r = perform((struct http_request){ .url = at("127.0.0.1", "/") }, HTTP_GAVE_UP, 1);
	http_response_free(&r);

	/* In milliseconds, which goes first; and what is neither a number nor a date says nothing. */
	canned_forget(state);
	steps[0].answer = "HTTP/1.1 429 X\r\nRetry-After: 3600\r\nretry-after-ms: 1\r\nContent-Length: 0\r\n\r\n";
	steps[1].answer = "HTTP/1.1 429 X\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n";
	steps[2].answer = "HTTP/1.1 429 X\r\nRetry-After: 21\r\nContent-Length: 0\r\n\r\n";
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .body = "x", .body_len = 1 }, HTTP_GAVE_UP, 3);
	assert_int_equal(r.tries, 3);
	assert_false(r.unknown);
	http_response_free(&r);
}

static void
too_large(void **state)
{
	struct http_response r;

	(void)state;
	steps[0].answer = FINE;
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .max_body = 2 }, HTTP_OK, 1);
	check_text(r.body.p, r.body.len, "ok");
	http_response_free(&r);

	canned_forget(state);
	steps[0].answer = FINE;
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .max_body = 1 }, HTTP_BAD, 1);
	assert_string_equal(r.error, "the answer is larger than 1 bytes");
	http_response_free(&r);
}

/* "ok" in gzip, a member for each letter. */
#define MEMBERS "\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcb\x07\0\x44\x93\x0f\x0f\x01\0\0\0" \
	"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcb\x06\0\x5d\x57\x62\x08\x01\0\0\0"
#define PACKED(coding) "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: " coding "\r\n\r\n"

static void
gzip(void **state)
{
	static const char whole[] = PACKED("x-gzip") MEMBERS, other[] = PACKED("br") MEMBERS, plain[] = PACKED("identity") "ok";
	struct http_response r;

	(void)state;
	/* Cut short, damaged, of another coding: asked for again. */
	steps[0] = (struct step){ .answer = whole, .len = sizeof whole - 2 };
	steps[1] = (struct step){ .answer = other, .len = sizeof other - 1 };
	steps[2].answer = PACKED("gzip") "ok";
	steps[3] = (struct step){ .answer = whole, .len = sizeof whole - 1 };
	r = perform((struct http_request){ .url = at("127.0.0.1", "/") }, HTTP_OK, 4);
	check_text(r.body.p, r.body.len, "ok");
	http_response_free(&r);

	canned_forget(state);
	steps[0] = (struct step){ .answer = whole, .len = sizeof whole - 2 };
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .body = "x", .body_len = 1 }, HTTP_GAVE_UP, 1);
	assert_string_equal(r.error, "the compressed answer is damaged or cut short");
	assert_true(r.unknown);
	http_response_free(&r);

	canned_forget(state);
	steps[0] = (struct step){ .answer = other, .len = sizeof other - 1 };
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .body = "x", .body_len = 1 }, HTTP_GAVE_UP, 1);
	assert_string_equal(r.error, "the answer is in a coding that was not asked for");
	http_response_free(&r);

	canned_forget(state);
	steps[0].answer = plain;
	r = perform((struct http_request){ .url = at("127.0.0.1", "/") }, HTTP_OK, 1);
	check_text(r.body.p, r.body.len, "ok");
	http_response_free(&r);
}

static struct { char text[64]; size_t ends; } sunk;
static enum http_sink sink_says;

static enum http_sink
sink(struct http_request *rq, const char *p, size_t len)
{
	(void)rq;
	if (p == NULL) {
		sunk.ends++;
		return HTTP_MORE;
	}
	assert_true(strlen(sunk.text) + len < sizeof sunk.text);
	strncat(sunk.text, p, len);
	return sink_says;
}

static void
sinks(void **state)
{
	static const char whole[] = PACKED("gzip") MEMBERS;
	struct http_response r;

	(void)state;
	memset(&sunk, 0, sizeof sunk);
	sink_says = HTTP_MORE;
	steps[0] = (struct step){ .answer = whole, .len = sizeof whole - 1 };
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .sink = sink }, HTTP_OK, 1);
	assert_string_equal(sunk.text, "ok");
	assert_int_equal(sunk.ends, 1);
	assert_int_equal(r.body.len, 0);
	http_response_free(&r);

	/* An error's body is not for the sink. */
	canned_forget(state);
	memset(&sunk, 0, sizeof sunk);
	steps[0].answer = "HTTP/1.1 400 X\r\nContent-Length: 3\r\n\r\nwhy";
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .sink = sink }, HTTP_REFUSED, 1);
	assert_string_equal(sunk.text, "");
	check_text(r.body.p, r.body.len, "why");
	http_response_free(&r);

	/* Enough: the rest of the answer, here one that does not come, is not waited for. */
	canned_forget(state);
	sink_says = HTTP_ENOUGH;
	steps[0].answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok";
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .sink = sink }, HTTP_OK, 1);
	assert_string_equal(sunk.text, "ok");
	assert_int_equal(sunk.ends, 0);
	http_response_free(&r);

	canned_forget(state);
	sink_says = HTTP_USELESS;
	steps[0].answer = FINE;
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .sink = sink }, HTTP_BAD, 1);
	assert_string_equal(r.error, "");
	http_response_free(&r);
}

/* A server that is silent; what may have been carried out is not sent again, unless that changes nothing. */
static void
silence(void **state)
{
	struct http_response r;

	(void)state;
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .body = "x", .body_len = 1, .total_ms = 50 }, HTTP_GAVE_UP, 1);
	assert_string_equal(r.error, "it took longer than 0.05 s");
	assert_true(r.timed_out);
	assert_true(r.unknown);
	http_response_free(&r);

	canned_forget(state);
	steps[1].answer = FINE;
	r = perform((struct http_request){ .url = at("127.0.0.1", "/"), .body = "x", .body_len = 1, .total_ms = 2000, .repeatable = true },
	    HTTP_OK, 2);
	assert_false(r.timed_out);
	http_response_free(&r);
}

/* With -v; an address may hold a password and a key. */
static void
messages(void **state)
{
	static const struct { const char *user, *path; bool hide; const char *want; } t[] = {
		{ "", "/a?key=geheim", false, "/a?...: 200, " },
		{ "me:geheim@", "/a", false, "/a: 200, " },
		{ "me:geheim@", "/a?x=@geheim", false, "/a?...: 200, " },
		{ "", "/geheim", true, "GET (hidden): 200, " },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		int err = dup(2), to = open("messages", O_RDWR | O_CREAT | O_TRUNC, 0600);
		struct buf b = { 0 };
		struct http_response r;
		char host[64];

		canned_forget(state);
		steps[0].answer = "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n";
		steps[1].answer = FINE;
		snprintf(host, sizeof host, "%s127.0.0.1", t[i].user);
		msg_level = MSG_VERBOSE;
		assert_int_equal(dup2(to, 2), 2);
		r = perform((struct http_request){ .url = at(host, t[i].path), .hide_url = t[i].hide }, HTTP_OK, 2);
		assert_int_equal(dup2(err, 2), 2);
		msg_level = MSG_NORMAL;
		assert_int_equal(file_read("messages", &b), 0);
		assert_non_null(strstr(buf_str(&b), t[i].want));
		assert_non_null(strstr(b.p, ": 500: waiting "));
		if (strstr(b.p, "geheim") != NULL || strstr(b.p, "me:") != NULL)
			fail_msg("%s", b.p);
		http_response_free(&r);
		buf_free(&b);
		close(err);
		close(to);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),
		cmocka_unit_test(escapes),
		cmocka_unit_test(headers),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(refused),
		cmocka_unit_test_setup(redirects, canned_forget),
		cmocka_unit_test_setup(redirects_refused, canned_forget),
		cmocka_unit_test_setup(waits, canned_forget),
		cmocka_unit_test_setup(too_large, canned_forget),
		cmocka_unit_test_setup(gzip, canned_forget),
		cmocka_unit_test_setup(sinks, canned_forget),
		cmocka_unit_test_setup(silence, canned_forget),
		cmocka_unit_test_setup(messages, canned_forget),
	};

	return cmocka_run_group_tests_name("http", tests, canned_start, leave_dir);
}
