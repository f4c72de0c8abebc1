/* feishu/oauth.h, feishu/client.h, feishu/wiki.h: answers that the stand-in does not give, in words. */
#include "unit.h"

#include "canned.h"
#include "feishu/client.h"
#include "feishu/oauth.h"
#include "feishu/wiki.h"

#define JSON(status) "HTTP/1.1 " status " X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"

static const struct http_policy policy = { .max_retries = 0, .retry_time_ms = 20000, .timeout_ms = 10000 };

static int
start(void **state)
{
	static const char *const names[] = {
		"FEISHU_ENDPOINT", "FEISHU_ACCOUNTS_ENDPOINT", "FEISHU_TOKEN_URL", "FEISHU_APP_ID", "FEISHU_APP_SECRET", "FEISHU_AS",
		"FEISHU_USER_ACCESS_TOKEN", "FEISHU_TOKEN_STORE",
	};

	for (size_t i = 0; i < N_OF(names); i++)
		unsetenv(names[i]);
	return canned_start(state);
}

/* ---- tokens ---- */

static void
tokens(void **state)
{
	static const struct {
		const char *answer;
		enum oauth_result want;
		const char *access, *refresh, *error;
		int64_t access_ms, refresh_ms;
	} t[] = {
		{ JSON("200") "{\"code\":0,\"access_token\":\"a.b\",\"expires_in\":60,\"refresh_token\":\"r\",\"refresh_token_expires_in\":\"90\"}",
		    OAUTH_OK, "a.b", "r", NULL, 60000, 90000 },
		{ JSON("200") "{\"access_token\":\"a\"}", OAUTH_OK, "a", NULL, NULL, 7200000, 0 },
		/* A life of no length would have it renewed before each call; one of any length is counted with. */
		{ JSON("200") "{\"access_token\":\"a\",\"expires_in\":0}", OAUTH_OK, "a", NULL, NULL, 7200000, 0 },
		{ JSON("200") "{\"access_token\":\"a\",\"expires_in\":-5}", OAUTH_OK, "a", NULL, NULL, 7200000, 0 },
		/* What is no token is not kept. */
		{ JSON("200") "{\"access_token\":\"a\",\"refresh_token\":\"r\\r\\nX-Evil: 1\"}", OAUTH_OK, "a", NULL, NULL, 7200000, 0 },
		{ JSON("200") "{\"access_token\":\"a\\r\\nX-Evil: 1\",\"refresh_token\":\"r\"}", OAUTH_GAVE_UP, NULL, NULL,
		    "Feishu's answer holds no access_token", 0, 0 },
		{ JSON("200") "{\"access_token\":7}", OAUTH_GAVE_UP, NULL, NULL, "Feishu's answer holds no access_token", 0, 0 },
		{ JSON("400") "{\"code\":99999,\"error\":\"odd\",\"error_description\":\"an\\nodd one\",\"challenge_url\":\"https://c\"}", OAUTH_REFUSED,
		    NULL, NULL, "Feishu code 99999 an odd one: open https://c", 0, 0 },
		{ JSON("400") "{\"error\":\"odd\"}", OAUTH_REFUSED, NULL, NULL, "Feishu odd", 0, 0 },
		{ JSON("502") "<html>", OAUTH_GAVE_UP, NULL, NULL, "HTTP 502 from Feishu, and not in its form", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		char endpoint[] = "http://h", url[64], id[] = "cli_1", secret[] = "geheim";
		struct feishu_app app = { .endpoint = endpoint, .accounts = endpoint, .token_url = url, .id = id, .secret = secret };
		struct oauth o;
		struct oauth_tokens got;
		struct oauth_error e = { 0 };
		enum oauth_result r;

		canned_forget(NULL);
		steps[0].answer = t[i].answer;
		snprintf(url, sizeof url, "%s", at("127.0.0.1", "/token"));
		oauth_init(&o, &app, &policy);
		r = oauth_refresh(&o, "old", &got, &e);
		if (r != t[i].want)
			fail_msg("%zu: %d, not %d: %s", i, r, t[i].want, buf_str(&e.text));
		assert_int_equal(n_asked, 1);
		if (t[i].error != NULL)
			check_text(e.text.p, e.text.len, t[i].error);
		else
			assert_int_equal(e.text.len, 0);
		for (int k = 0; k < 2; k++) {
			const char *have = k == 0 ? got.access : got.refresh, *want = k == 0 ? t[i].access : t[i].refresh;

			assert_int_equal(have == NULL, want == NULL);
			if (want != NULL)
				assert_string_equal(have, want);
		}
		assert_int_equal(got.access_ms, t[i].access_ms);
		assert_int_equal(got.refresh_ms, t[i].refresh_ms);
		oauth_tokens_free(&got);
		assert_null(got.access);
		oauth_free(&o);
		buf_free(&e.text);
	}
}

static void
device(void **state)
{
	static const struct { const char *answer; enum oauth_result want; const char *error; } t[] = {
		{ JSON("400") "{\"error\":\"authorization_pending\"}", OAUTH_PENDING, NULL },
		{ JSON("400") "{\"error\":\"slow_down\"}", OAUTH_SLOWER, NULL },
		{ JSON("200") "{\"access_token\":\"a\"}", OAUTH_OK, NULL },
		{ JSON("200") "{}", OAUTH_GAVE_UP, "Feishu's answer holds no access_token" },
	};
	char accounts[64], url[64], id[] = "cli_1", secret[] = "geheim";
	struct feishu_app app = { .endpoint = accounts, .accounts = accounts, .token_url = url, .id = id, .secret = secret };
	struct oauth o;
	struct oauth_device d;
	struct oauth_error e = { 0 };

	(void)state;
	snprintf(accounts, sizeof accounts, "%s", at("127.0.0.1", ""));
	snprintf(url, sizeof url, "%s", at("127.0.0.1", "/token"));
	oauth_init(&o, &app, &policy);
	steps[0].answer = JSON("200") "{\"user_code\":\"U\",\"verification_uri\":\"https://v\"}";
	assert_int_equal(oauth_device_begin(&o, "s", &d, &e), OAUTH_GAVE_UP);
	assert_string_equal(buf_str(&e.text), "Feishu's answer holds no device_code");
	assert_null(d.url);

	canned_forget(NULL);
	steps[0].answer = JSON("200") "{\"device_code\":\"D\",\"user_code\":\"U\",\"verification_uri\":\"https://v\",\"interval\":\"7\"}";
	assert_int_equal(oauth_device_begin(&o, "s", &d, &e), OAUTH_OK);
	assert_string_equal(d.url, "https://v");
	assert_int_equal(d.interval_ms, 7000);
	for (size_t i = 0; i < N_OF(t); i++) {
		struct oauth_tokens got;

		canned_forget(NULL);
		steps[0].answer = t[i].answer;
		assert_int_equal(oauth_device_poll(&o, &d, &got, &e), t[i].want);
		assert_non_null(strstr(steps[0].asked, "device_code=D"));
		if (t[i].error != NULL)
			assert_string_equal(buf_str(&e.text), t[i].error);
		oauth_tokens_free(&got);
	}
	oauth_device_free(&d);
	oauth_free(&o);
	buf_free(&e.text);
}

/* ---- calls ---- */

static struct feishu *
as_user(void)
{
	struct buf error = { 0 };
	struct feishu *f;

	setenv("FEISHU_ENDPOINT", at("127.0.0.1", ""), 1);
	setenv("FEISHU_USER_ACCESS_TOKEN", "u-geheim", 1);
	setenv("HOME", ".", 1);
	if ((f = feishu_new(&policy, &error)) == NULL)
		fail_msg("%s", buf_str(&error));
	return f;
}

static void
errors(void **state)
{
	static const struct { const char *answer; enum feishu_result want; const char *error; } t[] = {
		{ JSON("200") "{\"code\":0,\"data\":{}}", FEISHU_OK, "" },
		{ JSON("400") "{\"code\":4242,\"msg\":\"invalid\\tparam\",\"error\":{\"log_id\":\"L1\",\"field_violations\":[{\"field\":\"a\","
		    "\"description\":\"too long\"},{\"odd\":1},{\"field\":\"b\",\"description\":\"\"}]}}", FEISHU_REFUSED,
		    "Feishu code 4242 invalid param: a (too long), b, log id L1" },
		{ JSON("200") "{\"code\":4242,\"msg\":\"m\",\"data\":{\"error\":{\"log_id\":\"L2\"}}}", FEISHU_REFUSED, "Feishu code 4242 m, log id L2" },
		{ JSON("200") "{\"code\":4242,\"msg\":\"m\",\"error\":{\"field_violations\":{\"field\":\"a\"}}}", FEISHU_REFUSED, "Feishu code 4242 m" },
		{ "HTTP/1.1 502 X\r\nX-Tt-Logid: L3\r\nContent-Length: 7\r\n\r\n<h>no\n<", FEISHU_GAVE_UP,
		    "HTTP 502 from Feishu, and not in its form, log id L3: <h>no <" },
		{ "HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno", FEISHU_GAVE_UP,
		    "HTTP 200 from Feishu, and not in its form (the compressed answer is damaged or cut short)" },
	};
	struct feishu *f = as_user();
	struct feishu_reply r = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		enum feishu_result got;

		canned_forget(NULL);
		steps[0].answer = t[i].answer;
		got = feishu_call(f, "GET", "/open-apis/x?a=1", NULL, FEISHU_READS, &r);
		if (got != t[i].want || strcmp(buf_str(&r.error), t[i].error) != 0)
			fail_msg("%zu: %d, '%s'", i, got, buf_str(&r.error));
		assert_memory_equal(steps[0].asked, "GET /open-apis/x?a=1 ", 21);
		assert_non_null(strstr(steps[0].asked, "Authorization: Bearer u-geheim\r\n"));
	}
	feishu_reply_free(&r);
	feishu_free(f);
}

static void
wiki(void **state)
{
	static const char *const odd[] = {
		"{\"code\":0,\"data\":{}}", "{\"code\":0,\"data\":{\"node\":{\"obj_type\":\"bitable\"}}}",
		"{\"code\":0,\"data\":{\"node\":{\"obj_type\":1,\"obj_token\":\"t\"}}}", "{\"code\":0,\"data\":{\"node\":[]}}",
	};
	struct feishu *f = as_user();
	struct feishu_reply r = { 0 };
	struct wiki_node n = { 0 };
	char answer[512];

	(void)state;
	steps[0].answer = JSON("200") "{\"code\":0,\"data\":{\"node\":{\"obj_type\":\"bitable\",\"obj_token\":\"bas1\"}}}";
	assert_int_equal(wiki_resolve(f, "wik/1&x", &n, &r), FEISHU_OK);
	assert_string_equal(n.type, "bitable");
	assert_string_equal(n.token, "bas1");
	assert_non_null(strstr(steps[0].asked, "get_node?token=wik%2F1%26x "));
	wiki_node_free(&n);
	for (size_t i = 0; i < N_OF(odd); i++) {
		canned_forget(NULL);
		snprintf(answer, sizeof answer, JSON("200") "%s", odd[i]);
		steps[0].answer = answer;
		assert_int_equal(wiki_resolve(f, "w", &n, &r), FEISHU_GAVE_UP);
		assert_string_equal(buf_str(&r.error), "Feishu's answer holds no node");
	}
	feishu_reply_free(&r);
	feishu_free(f);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, canned_forget)
	const struct CMUnitTest tests[] = { TEST(tokens), TEST(device), TEST(errors), TEST(wiki) };

	return cmocka_run_group_tests_name("oauth", tests, start, leave_dir);
}
