/* test_login - a user's login: its store, when it is renewed, and how the code of the browser comes back */

#include "unit.h"

#include <sys/stat.h>

#include "feishu/app.h"
#include "feishu/callback.h"
#include "feishu/oauth.h"
#include "feishu/store.h"
#include "feishu/user.h"

#define STATE "0123abcd"

static void
put_and_parse(const struct login *l, struct login *again)
{
	struct buf b = { 0 };

	login_put(l, &b);
	assert_null(login_parse(&b, again));
	buf_free(&b);
}

static void
round_trip(void **state)
{
	char host[] = "https://open.feishu.cn", app[] = "cli_1", name[] = "\xe5\xbc\xa0 \"x\"\n", access[] = "eyJ.a-b_c", lost[] = "gone";
	struct login l = { .host = host, .app_id = app, .name = name, .access = access, .lost = lost, .obtained = 1, .access_expires = 7200001,
	    .refresh_sent = INT64_C(1795286090123) };
	struct login again;

	(void)state;
	put_and_parse(&l, &again);
	assert_string_equal(again.host, host);
	assert_string_equal(again.app_id, app);
	assert_string_equal(again.name, name);
	assert_string_equal(again.access, access);
	assert_string_equal(again.lost, lost);
	assert_null(again.refresh);
	assert_null(again.open_id);
	assert_null(again.scope);
	assert_int_equal(again.obtained, 1);
	assert_int_equal(again.access_expires, 7200001);
	assert_int_equal(again.refresh_expires, 0);
	assert_int_equal(again.refresh_sent, INT64_C(1795286090123));
	login_free(&again);
}

/* An open file keeps nothing of an old one that is longer, and the reserved room is gone. */
static void
file(void **state)
{
	char host[] = "h", app[] = "a", scope[] = "one two three four five six";
	struct login l = { .host = host, .app_id = app, .scope = scope }, read;
	struct buf error = { 0 };
	struct stat st;
	int lock;

	(void)state;
	assert_int_equal(store_read("d/e/s.json", &read, &error), STORE_NONE);
	assert_true((lock = store_lock("d/e/s.json")) != -1);
	assert_int_equal(store_save("d/e/s.json", &l), 0);
	l.scope = NULL;
	assert_int_equal(store_save("d/e/s.json", &l), 0);
	assert_int_equal(store_read("d/e/s.json", &read, &error), STORE_OK);
	assert_null(read.scope);
	login_free(&read);
	assert_int_equal(stat("d/e/s.json", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_size < 100);
	assert_int_equal(stat("d", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(store_remove("d/e/s.json"), 0);
	assert_int_equal(store_remove("d/e/s.json"), 0);
	assert_int_equal(store_read("d/e/s.json", &read, &error), STORE_NONE);
	assert_int_equal(error.len, 0);
	close(lock);
	assert_int_equal(unlink("d/e/s.json.lock"), 0);
	assert_int_equal(rmdir("d/e"), 0);	/* nothing else was left there */
	assert_int_equal(rmdir("d"), 0);
}

static void
freshness(void **state)
{
	static const struct { int64_t life_s, left_s; bool fresh; } cases[] = {
		{ 7200, 7200, true }, { 7200, 301, true }, { 7200, 299, false }, { 7200, -1, false },
		{ 60, 16, true }, { 60, 14, false }, { 4, 2, true }, { 0, 0, false },
		{ 7200, 7200 + 200, true },	/* a clock set back a little */
		{ 7200, 7200 + 400, false },	/* ... and far */
	};
	int64_t now = INT64_C(1795286090123);
	char token[] = "t";

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct login l = { .access = token, .access_expires = now + cases[i].left_s * 1000 };

		l.obtained = l.access_expires - cases[i].life_s * 1000;
		if (user_is_fresh(&l, now) != cases[i].fresh)
			fail_msg("case %zu", i);
		l.access = NULL;
		assert_false(user_is_fresh(&l, now));
	}
}

struct callback_case { const char *in; enum callback_result want; const char *text; };

static void
check_callbacks(enum callback_result (*read)(const char *, size_t, const char *, struct buf *), const struct callback_case *c, size_t n)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < n; i++) {
		enum callback_result got = read(c[i].in, strlen(c[i].in), STATE, &text);

		if (got != c[i].want || text.len != strlen(c[i].text) || (text.len != 0 && memcmp(text.p, c[i].text, text.len) != 0))
			fail_msg("case %zu: %d, not %d; '%.*s'", i, (int)got, (int)c[i].want, (int)text.len, text.p);
	}
	buf_free(&text);
}

static void
requests(void **state)
{
	static const struct callback_case cases[] = {
		{ "GET /callback?code=abc&state=" STATE " HTTP/1.1\r\nHost: x\r\n\r\n", CALLBACK_CODE, "abc" },
		{ "GET /callback?state=" STATE "&x=1&code=a%2Fb%2b HTTP/1.0\r\n\r\n", CALLBACK_CODE, "a/b+" },
		{ "GET /callback?&&code=abc&state=" STATE "& HTTP/1.1\r\n\r\n", CALLBACK_CODE, "abc" },
		{ "GET /callback?code=abc&state=" STATE "#code=x HTTP/1.1\r\n\r\n", CALLBACK_CODE, "abc" },
		{ "GET /callback?error=access_denied&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_DENIED, "access_denied" },
		{ "GET /callback?code=abc&state=" STATE " HTTP/1.1\r\nHost: x\r\n", CALLBACK_MORE, "" },
		{ "GET /callback?code=abc&state=" STATE, CALLBACK_MORE, "" },
		{ "", CALLBACK_MORE, "" },
		{ "\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=abc&state=" STATE "x HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=abc&state=0123abc HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=abc&state= HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=abc&xstate=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=abc&state=" STATE "&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=abc&code=abd&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=a%0d%0ab&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=a%4&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=a%00b&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callback?code=a\xc3\xa9&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET /callbacks?code=abc&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET http://x/callback?code=abc&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "POST /callback?code=abc&state=" STATE " HTTP/1.1\r\n\r\n", CALLBACK_OTHER, "" },
		{ "GET / HTTP/1.1\r\nX: GET /callback?code=abc&state=" STATE " \r\n\r\n", CALLBACK_OTHER, "" },
	};

	(void)state;
	check_callbacks(callback_read, cases, N_OF(cases));
}

static void
pasted(void **state)
{
	static const struct callback_case cases[] = {
		{ "http://localhost:3000/callback?code=abc&state=" STATE "\n", CALLBACK_CODE, "abc" },
		{ "  https://x.example/y?state=" STATE "&code=abc#top \r\n", CALLBACK_CODE, "abc" },
		{ "?code=abc&state=" STATE, CALLBACK_CODE, "abc" },
		{ "http://localhost:3000/callback?error=access_denied&state=" STATE, CALLBACK_DENIED, "access_denied" },
		{ "abc\n", CALLBACK_CODE, "abc" },
		{ "a%2Bc", CALLBACK_CODE, "a+c" },
		{ "http://localhost:3000/callback?code=abc&state=x", CALLBACK_OTHER, "" },
		{ "http://localhost:3000/callback?code=abc", CALLBACK_OTHER, "" },
		{ "http://localhost:3000/callback", CALLBACK_OTHER, "" },
		{ "a b", CALLBACK_OTHER, "" },
		{ "a\tb", CALLBACK_OTHER, "" },
		{ "a%", CALLBACK_OTHER, "" },
		{ " \n", CALLBACK_OTHER, "" },
		{ "", CALLBACK_OTHER, "" },
	};

	(void)state;
	check_callbacks(callback_pasted, cases, N_OF(cases));
}

/* The example of RFC 7636, appendix B. */
static void
challenge(void **state)
{
	struct buf b = { 0 };

	(void)state;
	oauth_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", &b);
	assert_string_equal(buf_str(&b), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
	buf_free(&b);
}

static void
hosts(void **state)
{
	static const struct { const char *endpoint, *accounts, *want; } cases[] = {
		{ "", "", "https://accounts.feishu.cn" },
		{ "https://open.larksuite.com/", "", "https://accounts.larksuite.com" },
		{ "http://127.0.0.1:80//", "", "http://127.0.0.1:80" },
		{ "https://feishu.example.com/open", "", "https://feishu.example.com/open" },
		{ "https://open.feishu.cn", "https://login.example.com/", "https://login.example.com" },
	};
	struct buf error = { 0 };
	struct feishu_app a;

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		setenv("FEISHU_ENDPOINT", cases[i].endpoint, 1);
		setenv("FEISHU_ACCOUNTS_ENDPOINT", cases[i].accounts, 1);
		assert_true(feishu_app_read(&a, &error));
		assert_string_equal(a.accounts, cases[i].want);
		feishu_app_free(&a);
	}
	buf_free(&error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(file),
		cmocka_unit_test(freshness),
		cmocka_unit_test(requests),
		cmocka_unit_test(pasted),
		cmocka_unit_test(challenge),
		cmocka_unit_test(hosts),
	};

	return cmocka_run_group_tests_name("login", tests, enter_dir, leave_dir);
}
