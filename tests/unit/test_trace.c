/* The store of traces: words that are found, what a list shows, commits that are shared, what the API tests cannot reach. */
#include "unit.h"

#include <pthread.h>
#include <sqlite3.h>

#include "trace/inside.h"
#include "trace/search.h"
#include "trace/store.h"
#include "trace/summary.h"

static struct span
text(const char *s)
{
	return (struct span){ s, strlen(s) };
}

static void
check_buf(struct buf *b, const char *want)
{
	check_text(buf_str(b), b->len, want);
}

/* ---- search ---- */

static void
test_search(void **state)
{
	static const struct { const char *words, *text; bool json, plain; } cases[] = {
		{ "fox", "the Fox", true, true }, { "FOX", "the fox", true, true }, { "x", "x", true, true }, { "x", "", false, false },
		{ "abc", "ab", false, false }, { "aab", "aaaab", true, true }, { "abab", "abacabab", true, true },
		{ "\xe4\xbd\xa0", "\"\xe4\xbd\xa0\"", true, true }, { "\xe4\xbd\xa0", "\"\\u4F60\"", true, false },
		{ "\xf0\x9d\x84\x9e", "\"\\ud834\\udd1e\"", true, false }, { "\xc3\xa9", "\\u00e9", true, false },
		{ "a\"b", "a\\\"b", true, false }, { "a\"b", "a\"b", false, true }, { "a\nb", "a\\nb", true, false },
		{ "\xc3\x84", "\xc3\xa4", false, false },	/* case is that of ASCII */
		{ "[z", "{z", false, false }, { "@", "`", false, false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct search *s = search_new(text(cases[i].words));

		if (search_json(s, text(cases[i].text)) != cases[i].json || search_text(s, text(cases[i].text)) != cases[i].plain)
			fail_msg("'%s' in '%s'", cases[i].words, cases[i].text);
		search_free(s);
	}
}

/* Against the plain way, with chance. */
static void
test_search_chance(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		char hay[65] = "", needle[6] = "";
		size_t n = (size_t)chance(64), m = 1 + (size_t)chance(4);
		struct search *s;

		for (size_t i = 0; i < n; i++)
			hay[i] = "abAB"[chance(4)];
		for (size_t i = 0; i < m; i++)
			needle[i] = "abAB"[chance(4)];
		s = search_new(text(needle));
		assert_int_equal(search_text(s, (struct span){ hay, n }), strcasestr(hay, needle) != NULL);
		search_free(s);
	}
}

/* ---- summaries ---- */

static void
test_summary(void **state)
{
	static const struct { const char *request, *response, *metadata, *model, *preview; int64_t in, out, ms; } cases[] = {
		{ "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}",
		    "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}", "{\"latency_ms\":12.7}", "m", "a", 1, 2, 12 },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"},{\"type\":\"text\",\"text\":\"x\\ny\"}]}]}",
		    "{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}", "{\"duration_ms\":5}", "", "x y", 3, 4, 5 },
		{ "{\n \"model\" : \"\\u4f60\",\n \"input\": \"hello\"\n}", "{\"usage\":null}", "[]", "\xe4\xbd\xa0", "hello", -1, -1, -1 },
		{ "{\"prompt\":\"p\",\"model\":7}", "{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":\"2\"}}", "", "", "p", -1, -1, -1 },
		{ "not JSON", "", "{\"latency_ms\":1e3}", "", "", -1, -1, -1 },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":null},7,[],{\"role\":\"system\",\"content\":\"s\"}]}", "[1]", "1", "", "", -1, -1, -1 },
		{ "1", "{\"usage\":{\"prompt_tokens\":1000000000001,\"completion_tokens\":1000000000000}}", "{\"latency_ms\":99999999999999999999}",
		    "", "", -1, 1000000000000, -1 },
		{ "{}{}", "{\"usage\":{}}", "{\"latency_ms\":null}", "", "", -1, -1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct summary m;

		summarize(&m, text(cases[i].request), text(cases[i].response), text(cases[i].metadata));
		check_buf(&m.model, cases[i].model);
		check_buf(&m.preview, cases[i].preview);
		if (m.input_tokens != cases[i].in || m.output_tokens != cases[i].out || m.latency_ms != cases[i].ms)
			fail_msg("case %zu: %lld %lld %lld", i, (long long)m.input_tokens, (long long)m.output_tokens, (long long)m.latency_ms);
		summary_free(&m);
	}
}

/* A long one is cut behind a whole character. */
static void
test_preview(void **state)
{
	struct buf b = { 0 };
	struct summary m;

	(void)state;
	for (int shift = 0; shift < 4; shift++) {
		buf_clear(&b);
		buf_adds(&b, "{\"prompt\":\"");
		for (int i = 0; i < shift; i++)
			buf_addc(&b, 'x');
		for (int i = 0; i < 1000; i++)
			buf_adds(&b, i % 2 ? "\xe4\xbd\xa0" : "\\u4f60");
		buf_adds(&b, "\"}");
		summarize(&m, (struct span){ b.p, b.len }, text(""), text(""));
		assert_in_range(m.preview.len, 158, 166);
		assert_null(scan_utf8(m.preview.p, m.preview.len));
		assert_int_equal((m.preview.len - (size_t)shift) % 3, 0);
		summary_free(&m);
	}
	buf_free(&b);
}

/* ---- the store ---- */

static struct trace_store *
open_store(const char *path)
{
	struct buf error = { 0 };
	struct trace_store *s = trace_store_open(path, &error);

	if (s == NULL)
		fail_msg("%s: %s", path, buf_str(&error));
	return s;
}

static void
execute(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static int64_t
count(const char *path, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	int64_t n;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

static struct trace
trace_of(const char *session, const char *status)
{
	return (struct trace){ .session = text(session), .request = text("{\"a\":1}"), .status = text(status), .http_status = -1,
		.latency_ms = -1, .first_byte_ms = -1, .completes = strcmp(status, "pending") != 0 };
}

static void
trace_free(struct trace *t)
{
	buf_free(&t->session_id);
	buf_free(&t->error);
}

#define MANY 200
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static int n_done;

static void
on_done(struct trace *t)
{
	(void)t;
	pthread_mutex_lock(&lock);
	n_done++;
	pthread_cond_signal(&moved);
	pthread_mutex_unlock(&lock);
}

static void
wait_done(int n)
{
	pthread_mutex_lock(&lock);
	while (n_done < n)
		pthread_cond_wait(&moved, &lock);
	pthread_mutex_unlock(&lock);
}

/* One that fails takes none of those with it that came at the same time. */
static void
test_group(void **state)
{
	static struct trace t[MANY];
	struct trace_store *s = open_store("group.db");
	int bad = 0;

	(void)state;
	trace_store_close(s);
	execute("group.db", "CREATE TRIGGER no BEFORE INSERT ON records WHEN new.session_id = 'bad' BEGIN SELECT RAISE(ABORT, 'not that'); END");
	s = open_store("group.db");
	n_done = 0;
	for (int i = 0; i < MANY; i++) {
		t[i] = trace_of(i % 40 == 7 ? "bad" : "good", "success");
		t[i].done = on_done;
		trace_store_put(s, &t[i]);
	}
	wait_done(MANY);
	for (int i = 0; i < MANY; i++) {
		bool is_bad = i % 40 == 7;

		assert_int_equal(t[i].result, is_bad ? STORE_FAILED : STORE_OK);
		check_buf(&t[i].error, is_bad ? "not that" : "");
		if (!is_bad)
			assert_int_equal(t[i].turn, i + 1 - bad);
		bad += is_bad;
		trace_free(&t[i]);
	}
	trace_store_close(s);
	assert_int_equal(count("group.db", "SELECT count(*) FROM records"), MANY - bad);
	assert_int_equal(count("group.db", "SELECT count(*) FROM sessions WHERE id = 'bad'"), 0);
}

struct watched {
	int n;
	char model[32];
};

static void
on_watch(void *arg, const struct trace *t)
{
	struct watched *w = arg;

	w->n++;
	snprintf(w->model, sizeof w->model, "%.*s", (int)t->model.len, t->model.p);
}

static void
test_watch(void **state)
{
	struct trace_store *s = open_store("watch.db");
	struct trace t = trace_of("w", "pending");
	struct watched w = { 0 };
	char first[sizeof t.id];
	int64_t created;

	(void)state;
	trace_store_watch(s, on_watch, &w);
	t.turn = 4;
	t.request = text("{\"model\":\"gpt\"}");
	assert_int_equal(trace_store_put_wait(s, &t), STORE_OK);
	assert_int_equal(t.turn, 4);
	check_text(w.model, strlen(w.model), "gpt");
	assert_int_equal(t.model.len, 0);
	memcpy(first, t.id, sizeof first);
	created = t.created_us;
	trace_free(&t);
	t = trace_of("w", "error");
	t.turn = 4;
	t.latency_ms = 77;
	assert_int_equal(trace_store_put_wait(s, &t), STORE_OK);
	assert_string_equal(t.id, first);
	assert_int_equal(t.created_us, created);
	trace_free(&t);
	assert_int_equal(w.n, 2);
	trace_store_close(s);
	assert_int_equal(count("watch.db", "SELECT latency_ms FROM records"), 77);
}

/* The clock stands behind what is stored, also when the machine's goes back. */
static void
test_clock(void **state)
{
	struct trace_store *s = open_store("clock.db");
	struct trace t = trace_of("c", "success");

	(void)state;
	assert_int_equal(trace_store_put_wait(s, &t), STORE_OK);
	trace_free(&t);
	trace_store_close(s);
	execute("clock.db", "UPDATE records SET changed = 9000000000000000");
	s = open_store("clock.db");
	for (int i = 0; i < 3; i++) {
		t = trace_of("c", "success");
		assert_int_equal(trace_store_put_wait(s, &t), STORE_OK);
		trace_free(&t);
	}
	trace_store_close(s);
	assert_int_equal(count("clock.db", "SELECT count(DISTINCT changed) FROM records WHERE changed >= 9000000000000000"), 4);
}

static void
check_json(struct buf *out, const char *want)
{
	if (strstr(buf_str(out), want) == NULL)
		fail_msg("no %s in %s", want, buf_str(out));
	buf_clear(out);
}

static void
test_replays(void **state)
{
	struct trace_store *s = open_store("replays.db");
	struct trace t = trace_of("o", "success");
	struct buf out = { 0 }, error = { 0 };
	struct page p = { 1, 20 };
	char id[UUID_SIZE] = "";
	struct replay r = { .turn = 3, .request = text("{\"q\":\"\\\"\"}"), .response = text("{}"), .config = text("{\"temperature\":1}"),
		.status = text("success"), .provider = text("openai"), .model = text("m") };

	(void)state;
	assert_int_equal(trace_store_put_wait(s, &t), STORE_OK);
	trace_free(&t);
	assert_int_equal(replay_session_create(s, text("nobody"), 1, text(""), &out, &error), STORE_NONE);
	assert_int_equal(out.len, 0);
	assert_int_equal(replay_session_create(s, text("o"), 2, text(""), &out, &error), STORE_OK);
	memcpy(id, out.p + strlen("{\"id\":\""), UUID_SIZE - 1);
	assert_non_null(strstr(buf_str(&out), "\"name\":\"\xe8\xb0\x83\xe8\xaf\x95-\xe5\xaf\xb9\xe8\xaf\x9d-"));
	check_json(&out, "-\xe8\xbd\xae\xe6\xac\xa1" "2\",\"original_session_id\":\"o\",\"start_turn_number\":2,\"status\":\"active\"");
	assert_int_equal(replay_session_create(s, text("o"), 1, text("mine"), &out, &error), STORE_OK);
	check_json(&out, "\"name\":\"mine\"");
	assert_int_equal(replay_sessions(s, p, &out, &error), STORE_OK);
	check_json(&out, "\"total\":2,\"page\":1,\"size\":20,\"total_pages\":1}");

	r.session = text("nobody");
	assert_int_equal(replay_record_put(s, &r, &out, &error), STORE_NONE);
	r.session = text(id);
	assert_int_equal(replay_record_put(s, &r, &out, &error), STORE_OK);
	check_json(&out, "\"turn_number\":3,\"request\":\"{\\\"q\\\":\\\"\\\\\\\"\\\"}\",\"response\":\"{}\",\"status\":\"success\",\"error_msg\":\"\","
	    "\"provider\":\"openai\",\"model\":\"m\",\"config\":\"{\\\"temperature\\\":1}\",\"created_at\":\"");
	assert_int_equal(replay_records(s, text(id), p, &out, &error), STORE_OK);
	check_json(&out, "\"total\":1,");
	assert_int_equal(replay_session(s, text(id), &out, &error), STORE_OK);
	check_json(&out, "\"created_at\":");
	assert_int_equal(replay_session_remove(s, text(id), &error), STORE_OK);
	assert_int_equal(replay_session_remove(s, text(id), &error), STORE_OK);
	assert_int_equal(replay_session(s, text(id), &out, &error), STORE_NONE);
	assert_int_equal(replay_records(s, text(id), p, &out, &error), STORE_OK);
	check_json(&out, "{\"data\":[],\"total\":0,");
	assert_int_equal(error.len, 0);
	buf_free(&out);
	trace_store_close(s);
	assert_int_equal(count("replays.db", "SELECT count(*) FROM replay_records"), 0);
}

/* Readers see whole commits while others write. */
static void *
read_on(void *arg)
{
	struct trace_store *s = arg;
	struct record_filter f = { .session = text("rw"), .from = INT64_MIN, .to = INT64_MAX, .brief = true };

	for (int i = 0; i < 50; i++) {
		struct buf out = { 0 }, error = { 0 };

		if (trace_store_records(s, &f, (struct page){ 1, 1000 }, &out, &error) != STORE_OK || error.len != 0)
			abort();
		f.text = i % 2 ? text("a") : text("");
		buf_free(&out);
	}
	return NULL;
}

static void
test_side_by_side(void **state)
{
	struct trace_store *s = open_store("side.db");
	pthread_t reader[12];

	(void)state;
	for (size_t i = 0; i < N_OF(reader); i++)
		assert_int_equal(pthread_create(&reader[i], NULL, read_on, s), 0);
	for (int i = 0; i < 100; i++) {
		struct trace t = trace_of("rw", "success");

		assert_int_equal(trace_store_put_wait(s, &t), STORE_OK);
		trace_free(&t);
	}
	for (size_t i = 0; i < N_OF(reader); i++)
		pthread_join(reader[i], NULL);
	trace_store_close(s);
}

static bool
count_looks(void *arg)
{
	return ++*(int *)arg > 0;
}

/* A search that nobody waits for ends at once, and says that it is not all. */
static void
test_stop(void **state)
{
	struct trace_store *s = open_store("side.db");
	int looks = 0;
	struct record_filter f = { .text = text("a"), .from = INT64_MIN, .to = INT64_MAX, .brief = true, .stop = count_looks, .stop_arg = &looks };
	struct buf out = { 0 }, error = { 0 };

	(void)state;
	assert_int_equal(trace_store_records(s, &f, (struct page){ 1, 10 }, &out, &error), STORE_OK);
	assert_int_equal(looks, 1);
	check_json(&out, "\"total\":1,\"page\":1,\"size\":10,\"total_pages\":1,");
	f.stop = NULL;
	assert_int_equal(trace_store_records(s, &f, (struct page){ 1, 10 }, &out, &error), STORE_OK);
	check_json(&out, "\"total\":100,");
	buf_free(&out);
	trace_store_close(s);
}

/* A search that stands still, until the gate opens. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static int at_gate;
static bool gate_open;

static bool
stand_still(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&gate);
	at_gate++;
	pthread_cond_broadcast(&gate_moved);
	while (!gate_open)
		pthread_cond_wait(&gate_moved, &gate);
	pthread_mutex_unlock(&gate);
	return true;
}

static void *
search_on(void *store)
{
	struct record_filter f = { .text = text("a"), .from = INT64_MIN, .to = INT64_MAX, .brief = true, .stop = stand_still };
	struct buf out = { 0 }, error = { 0 };

	assert_int_equal(trace_store_records(store, &f, (struct page){ 1, 10 }, &out, &error), STORE_OK);
	buf_free(&out);
	return NULL;
}

static void *
ask(void *store)
{
	struct buf out = { 0 }, error = { 0 };

	assert_int_equal(trace_store_session(store, text("no such one"), &out, &error), STORE_NONE);
	return NULL;
}

/* A connection that is given back goes to who waits for one, also when a search waits for another to end. */
static void
test_waiting(void **state)
{
	struct trace_store *s = open_store("side.db");
	struct timespec patience;
	struct conn *held[6];
	struct buf error = { 0 };
	pthread_t search[3], asking;
	int late;

	(void)state;
	for (size_t i = 0; i < N_OF(held); i++)
		assert_non_null(held[i] = reader_take(s, &error));
	for (size_t i = 0; i < N_OF(search); i++) {
		assert_int_equal(pthread_create(&search[i], NULL, search_on, s), 0);
		pthread_mutex_lock(&gate);
		while (i < 2 && at_gate <= (int)i)
			pthread_cond_wait(&gate_moved, &gate);
		pthread_mutex_unlock(&gate);
	}
	usleep(100000);		/* the third one waits, then who asks; what is true is so without that, too */
	assert_int_equal(pthread_create(&asking, NULL, ask, s), 0);
	usleep(100000);
	reader_give(s, held[0]);
	clock_gettime(CLOCK_REALTIME, &patience);
	patience.tv_sec += 10;
	late = pthread_timedjoin_np(asking, NULL, &patience);
	pthread_mutex_lock(&gate);
	gate_open = true;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate);
	for (size_t i = 1; i < N_OF(held); i++)
		reader_give(s, held[i]);
	for (size_t i = 0; i < N_OF(search); i++)
		pthread_join(search[i], NULL);
	assert_int_equal(late, 0);
	trace_store_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search), cmocka_unit_test(test_search_chance), cmocka_unit_test(test_summary), cmocka_unit_test(test_preview),
		cmocka_unit_test(test_group), cmocka_unit_test(test_watch), cmocka_unit_test(test_clock), cmocka_unit_test(test_replays),
		cmocka_unit_test(test_side_by_side), cmocka_unit_test(test_stop), cmocka_unit_test(test_waiting),
	};

	return cmocka_run_group_tests_name("trace", tests, enter_dir, leave_dir);
}
