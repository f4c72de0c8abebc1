/* langsmith/state.h: what is written can be read, and what is not of ls-fetch is refused with a reason. */
#include "unit.h"

#include "langsmith/state.h"

#define HEAD "{\"version\":1,\"project_id\":\"p\",\"project\":\"n\",\"scope\":\"s\","
#define T "\"2026-01-02T03:04:05.678Z\""
#define LATER "\"2026-01-02T04:00:00.000Z\""
#define PLAN(rest) "\"plan\":{\"from\":" T ",\"until\":" LATER ",\"started\":" LATER ",\"sweep\":true,\"pos\":" T ",\"span\":60000" rest "}"
#define WINDOW(page, done) ",\"window\":{\"from\":" T ",\"to\":" LATER ",\"api\":\"v2\",\"page\":" page ",\"cursor\":\"c\\\"1\"," \
	"\"saved\":" LATER ",\"done\":" done "}"

static int
parse(const char *text, struct state *s, const char **error)
{
	struct buf b = { 0 };
	int r;

	put_line(&b, text, strlen(text));
	*error = NULL;
	r = state_parse(s, &b, error);
	buf_free(&b);
	return r;
}

static void
round_trip(void **state)
{
	static const char *const t[] = {
		HEAD "\"watermark\":" T ",\"swept\":null,\"complete\":true,\"plan\":null,\"pending\":[]}\n",
		HEAD "\"watermark\":" T ",\"swept\":" LATER ",\"complete\":true,\"plan\":null,\"pending\":[{\"id\":\"a-1\",\"start_time\":" T "},"
		    "{\"id\":\"a-2\",\"since\":" LATER ",\"start_time\":" T "}]}\n",
		HEAD "\"watermark\":null,\"swept\":null,\"complete\":false," PLAN(",\"window\":null") ",\"pending\":[]}\n",
		HEAD "\"watermark\":null,\"swept\":null,\"complete\":false," PLAN(WINDOW("100", "[\"a-1\",\"b-2\"]")) ",\"pending\":[]}\n",
		HEAD "\"watermark\":null,\"swept\":null,\"complete\":false," PLAN(WINDOW("1000", "[]")) ",\"pending\":[]}\n",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct state s;
		struct buf out = { 0 };
		const char *error;

		if (parse(t[i], &s, &error) == -1)
			fail_msg("%s: %s", t[i], error);
		state_print(&s, &out);
		check_text(out.p, out.len, t[i]);
		state_free(&s);
		buf_free(&out);
	}
}

/* Members that a later version adds do no harm, nor does a pretty form. */
static void
by_hand(void **state)
{
	struct state s;
	const char *error;

	(void)state;
	assert_int_equal(parse("\n {\n\t\"version\": 1, \"project_id\": \"p\", \"project\": \"\\u00fc\", \"scope\": \"\", \"new\": {\"a\": [1]},\n"
	    "\"watermark\": " T ", \"pending\": [ { \"id\": \"A-1\", \"start_time\": " T ", \"more\": 1 } ] }\n", &s, &error), 0);
	assert_string_equal(s.project, "\xc3\xbc");
	assert_int_equal(s.swept, STATE_NEVER);
	assert_false(s.planned);
	assert_int_equal(s.pending.n, 1);
	assert_non_null(ids_find(&s.pending, "a-1", 3));
	state_free(&s);
}

static void
refused(void **state)
{
	static const struct { const char *text, *why; } t[] = {
		{ "", "it is not JSON" },
		{ "{\"version\":1", "it is not JSON" },
		{ "[]", "it is not JSON" },
		{ "{}", "it is no state of ls-fetch" },
		{ "{\"version\":\"1\"}", "it is no state of ls-fetch" },
		{ "{\"version\":-1}", "it is no state of ls-fetch" },
		{ "{\"version\":1234567890123456789}", "it is no state of ls-fetch" },
		{ "{\"version\":2}", "it was written by another version of ls-fetch" },
		{ "{\"version\":1,\"project_id\":\"p\",\"project\":\"n\"}", "project_id, project or scope is missing" },
		{ "{\"version\":1,\"project_id\":\"p\",\"project\":7,\"scope\":\"s\"}", "project_id, project or scope is missing" },
		{ HEAD "\"watermark\":\"yesterday\"}", "watermark or swept is not a time" },
		{ HEAD "\"watermark\":" T ",\"swept\":1}", "watermark or swept is not a time" },
		{ HEAD "\"pending\":[]}", "it has neither a watermark nor a plan" },
		{ HEAD "\"watermark\":null,\"plan\":null,\"pending\":[]}", "it has neither a watermark nor a plan" },
		{ HEAD "\"watermark\":" T "}", "its list of pending runs is not valid" },
		{ HEAD "\"watermark\":" T ",\"pending\":{}}", "its list of pending runs is not valid" },
		{ HEAD "\"watermark\":" T ",\"pending\":[7]}", "its list of pending runs is not valid" },
		{ HEAD "\"watermark\":" T ",\"pending\":[{\"id\":\"\",\"start_time\":" T "}]}", "its list of pending runs is not valid" },
		{ HEAD "\"watermark\":" T ",\"pending\":[{\"id\":\"a\"}]}", "its list of pending runs is not valid" },
		{ HEAD "\"watermark\":" T ",\"pending\":[{\"id\":\"a\",\"start_time\":" T ",\"since\":1}]}", "its list of pending runs is not valid" },
		{ HEAD "\"plan\":7,\"pending\":[]}", "its plan is not valid" },
		{ HEAD "\"plan\":{\"from\":" T ",\"until\":" T ",\"started\":" T ",\"pos\":" T "},\"pending\":[]}", "its plan is not valid" },
		{ HEAD "\"plan\":{\"from\":" T ",\"until\":" T ",\"started\":" T ",\"pos\":" T ",\"span\":0},\"pending\":[]}", "its plan is not valid" },
		{ HEAD "\"plan\":{\"from\":" T ",\"until\":" T ",\"pos\":" T ",\"span\":1},\"pending\":[]}", "its plan is not valid" },
		/* Going on from before its beginning would fetch again what was fetched. */
		{ HEAD "\"plan\":{\"from\":" LATER ",\"until\":" LATER ",\"started\":" T ",\"pos\":" T ",\"span\":1},\"pending\":[]}",
		    "its plan is not valid" },
		{ HEAD PLAN(",\"window\":7") ",\"pending\":[]}", "its plan is not valid" },
		{ HEAD PLAN(WINDOW("0", "[]")) ",\"pending\":[]}", "its plan is not valid" },
		{ HEAD PLAN(WINDOW("1001", "[]")) ",\"pending\":[]}", "its plan is not valid" },
		{ HEAD PLAN(WINDOW("1e2", "[]")) ",\"pending\":[]}", "its plan is not valid" },
		{ HEAD PLAN(WINDOW("100", "{}")) ",\"pending\":[]}", "its plan is not valid" },
		{ HEAD PLAN(WINDOW("100", "[\"a\",7]")) ",\"pending\":[]}", "its plan is not valid" },
		{ HEAD PLAN(",\"window\":{\"from\":" T ",\"to\":" T ",\"api\":\"v1\",\"page\":1,\"saved\":" T ",\"done\":[]}") ",\"pending\":[]}",
		    "its plan is not valid" },
		{ HEAD PLAN(",\"window\":{\"from\":" T ",\"to\":" LATER ",\"page\":1,\"saved\":" T ",\"done\":[]}") ",\"pending\":[]}",
		    "its plan is not valid" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct state s;
		const char *error;

		if (parse(t[i].text, &s, &error) != -1 || strcmp(error, t[i].why) != 0)
			fail_msg("%s: %s, not: %s", t[i].text, error, t[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(round_trip), cmocka_unit_test(by_hand), cmocka_unit_test(refused) };

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
