/* test_http - the parts of the HTTP client that need no service; the others are tested through the tools */

#include "unit.h"

#include "net/http.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),
		cmocka_unit_test(escapes),
		cmocka_unit_test(headers),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
