/* openai/client.h: where a request goes, what comes of odd answers, and the key that stands in none of it. */
#include "unit.h"

#include "canned.h"
#include "openai/client.h"

#define KEY "sk-geheim-0123456789"
#define OK_JSON "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define ERROR(status) "HTTP/1.1 " status " X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define HALF "{\"choices\":[{\"message\":{\"content\":\"half"

static const struct http_policy policy = { .max_retries = 1, .retry_time_ms = 20000, .timeout_ms = 10000 };

/* The answer to a request; response or error NULL: any. */
static void
check(const char *request, int64_t total_ms, enum chat_outcome want, const char *response, const char *error)
{
	char base[64], key[] = KEY;
	struct provider p = { .base_url = base, .secret = key };
	struct http *h = http_new(&policy);
	struct chat_result r;
	struct buf b = { 0 };

	snprintf(base, sizeof base, "%s", at("127.0.0.1", "/v1"));
	put_line(&b, request, strlen(request));
	chat_send(h, &p, (struct span){ b.p, b.len }, total_ms, &r);
	if (r.outcome != want)
		fail_msg("outcome %d, not %d: %s", r.outcome, want, buf_str(&r.error));
	if (response != NULL)
		assert_string_equal(buf_str(&r.response), response);
	if (error != NULL)
		assert_string_equal(buf_str(&r.error), error);
	assert_null(strstr(buf_str(&r.error), KEY));
	assert_null(strstr(buf_str(&r.response), KEY));
	assert_non_null(strstr(steps[0].asked, "Authorization: Bearer " KEY));
	chat_result_free(&r);
	http_free(h);
	buf_free(&b);
}

static void
places(void **state)
{
	static const struct { const char *request, *line; } t[] = {
		{ "{\"messages\":[]}", "POST /v1/chat/completions " },
		{ "{\"messages\":[],\"input\":\"x\"}", "POST /v1/chat/completions " },
		{ "{\"input\":\"x\"}", "POST /v1/responses " },
		{ "{\"prompt\":\"x\"}", "POST /v1/completions " },
		{ "{\"model\":\"m\"}", "POST /v1/chat/completions " },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		canned_forget(NULL);
		steps[0].answer = OK_JSON "{\"choices\":[]}";
		check(t[i].request, 0, CHAT_OK, "{\"choices\":[]}", "");
		assert_memory_equal(steps[0].asked, t[i].line, strlen(t[i].line));
		assert_string_equal(strstr(steps[0].asked, "\r\n\r\n") + 4, t[i].request);
	}
}

/* Gateways say 200 and mean an error; null and false there are none. */
static void
errors_that_look_well(void **state)
{
	static const struct { const char *answer, *error; } t[] = {
		{ OK_JSON "{\"error\":{\"message\":\"no \\u00fc\"}}", "the service sent an error: no \xc3\xbc" },
		{ OK_JSON "{\"error\":{\"odd\":1}}", "the service sent an error: {\"odd\":1}" },
		{ OK_JSON "{\"error\":\"the key " KEY " is no good\"}", "the service sent an error: the key ******************** is no good" },
		{ OK_JSON "{\"error\":null}", NULL },
		{ OK_JSON "{\"error\":false}", NULL },
		{ OK_JSON "{\"error\":\"x\",\"choices\":[]}", NULL },
		{ OK_JSON "{\"error\":\"x\",\"output\":[]}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		canned_forget(NULL);
		steps[0].answer = t[i].answer;
		check("{\"messages\":[]}", 0, t[i].error != NULL ? CHAT_FAILED : CHAT_OK, NULL, t[i].error != NULL ? t[i].error : "");
		assert_int_equal(n_asked, 1);
	}
}

static void
refused(void **state)
{
	static const struct { const char *answer, *error; } t[] = {
		{ ERROR("400") "{\"error\":{\"message\":\"bad\",\"code\":null}}", "HTTP 400: bad" },
		{ ERROR("401") "{\"detail\":\"wrong key " KEY "\"}", "HTTP 401: wrong key ********************" },
		{ ERROR("404") "<html>no</html>", "HTTP 404" },
		{ ERROR("404") "", "HTTP 404" },
		{ ERROR("429") "{\"error\":{\"message\":\"paid up\",\"code\":\"insufficient_quota\"}}", "HTTP 429: paid up" },	/* does not pass */
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		canned_forget(NULL);
		steps[0].answer = t[i].answer;
		check("{\"messages\":[]}", 0, CHAT_REFUSED, NULL, t[i].error);
		assert_int_equal(n_asked, 1);
	}
}

/* A service's words are cut, but not in the middle of a character. */
static void
long_words(void **state)
{
	char answer[4096] = ERROR("400") "{\"error\":\"a", want[4096] = "HTTP 400: a";

	(void)state;
	for (int i = 0; i < 500; i++)
		strcat(answer, "\xe4\xb8\xad");
	strcat(answer, "\"}");
	for (int i = 0; i < 332; i++)	/* with "a", and ": " before it, 999 of 1000 bytes */
		strcat(want, "\xe4\xb8\xad");
	strcat(want, "...");
	steps[0].answer = answer;
	check("{\"messages\":[]}", 0, CHAT_REFUSED, NULL, want);
}

static void
no_whole_answer(void **state)
{
	(void)state;
	/* What passes is asked again, and the last word counts. */
	steps[0].answer = ERROR("429") "{\"error\":\"slow down\"}";
	steps[1].answer = ERROR("500") "{\"error\":\"broken\"}";
	check("{\"messages\":[]}", 0, CHAT_FAILED, NULL, "HTTP 500: broken");
	assert_int_equal(n_asked, 2);

	canned_forget(NULL);
	steps[0].answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: application/json\r\n\r\n" HALF;
	steps[1].answer = OK_JSON "{\"choices\":[1]}";
	check("{\"messages\":[]}", 0, CHAT_OK, "{\"choices\":[1]}", "");
	assert_int_equal(n_asked, 2);

	canned_forget(NULL);
	check("{\"messages\":[]}", 100, CHAT_TIMEOUT, "", "it took longer than 0.1 s");
	assert_int_equal(n_asked, 2);
}

/* Stars are put within strings only, and not into an escape: JSON stays JSON. */
static void
hidden(void **state)
{
	static const struct { const char *secret, *text, *json, *want; } t[] = {
		{ KEY, "[********************]", "[\"" KEY KEY "\"]", "[\"****************************************\"]" },
		{ "000000000000", "[************]", "[1000000000000,\"000000000000\"]", NULL },
		{ "1,\t2,\t3,\t4,5", "[************]", "[1,\t2,\t3,\t4,5]", NULL },
		{ "a\",\"b", "[*****]", "[\"a\",\"b\"]", NULL },
		{ "\xbcxxxxxxxxxxx", "[\xbcxxxxxxxxxxx]", "[\"\xc3\xbcxxxxxxxxxxx\"]", NULL },
		{ "nxxxxxxxxxxx", "[************]", "[\"\\nxxxxxxxxxxx\\\\nxxxxxxxxxxx\"]", "[\"\\nxxxxxxxxxxx\\\\************\"]" },
		{ "u00e9xxxxxxx", "[************]", "[\"\\u00e9xxxxxxx\"]", NULL },
		{ "9xxxxxxxxxxx", "[************]", "[\"\\u00e9xxxxxxxxxxx\"]", NULL },
		{ "9xxxxxxxxxxx", "[************]", "[\"\\\\u00e9xxxxxxxxxxx\"]", "[\"\\\\u00e************\"]" },
		{ "9xxxxxxxxxxx", "[************]", "[\"\\u00e99xxxxxxxxxxx\"]", "[\"\\u00e9************\"]" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct buf b = { 0 };

		chat_hide(&b, true, t[i].secret);
		assert_int_equal(b.len, 0);
		buf_addf(&b, "[%s]", t[i].secret);
		chat_hide(&b, false, t[i].secret);
		assert_string_equal(buf_str(&b), t[i].text);
		buf_clear(&b);
		buf_adds(&b, t[i].json);
		chat_hide(&b, true, t[i].secret);
		assert_string_equal(buf_str(&b), t[i].want != NULL ? t[i].want : t[i].json);
		buf_free(&b);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, canned_forget)
	const struct CMUnitTest tests[] = {
		TEST(places), TEST(errors_that_look_well), TEST(refused), TEST(long_words), TEST(no_whole_answer), TEST(hidden),
	};

	return cmocka_run_group_tests_name("chat", tests, canned_start, leave_dir);
}
