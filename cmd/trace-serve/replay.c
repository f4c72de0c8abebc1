/* Replays: a stored request, edited or not, is sent to a provider; what comes is stored, whether it worked or not. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/str.h"
#include "openai/client.h"
#include "trace-serve/serve.h"

#define USUAL_SIZE 20
#define MOST_CONFIG 100		/* members: each is a pass over the request */

static void
answer_store(struct call *c, enum store_result r, struct buf *data, struct buf *error, const char *missing)
{
	if (r == STORE_OK)
		answer_data(c, data);
	else if (r == STORE_NONE)
		answer_fail(c, 404, "%s", missing);
	else
		answer_fail(c, 500, "Database error: %s", buf_str(error));
	if (r != STORE_OK)
		buf_free(data);
	buf_free(error);
}

void
providers_get(struct call *c)
{
	struct buf data = { 0 };

	providers_put(c->app->providers, &data);
	answer_data(c, &data);
}

/* ---- what both kinds of replays do ---- */

struct attempt {
	struct call *c;
	struct body body;
	struct buf request;		/* what is sent */
	struct buf config;		/* JSON; empty: none */
	struct buf provider_name, model, session;
	const struct provider *provider;	/* NULL: there is none of this name */
	struct chat_result result;
};

static void
attempt_free(struct attempt *a)
{
	body_free(&a->body);
	buf_free(&a->request);
	buf_free(&a->config);
	buf_free(&a->provider_name);
	buf_free(&a->model);
	buf_free(&a->session);
	chat_result_free(&a->result);
}

/* A member that is an object, or the text of one, as JSON.  False: it is neither. */
static bool
read_object(struct attempt *a, const char *name, struct buf *out)
{
	struct span v = body_member(&a->body, name);
	struct buf copy = { 0 };
	struct scan s = { 0 };
	bool good = true;

	if (v.len == 0 || (json_is_string(v) && v.len == 2))
		return true;
	if (v.p[0] == '{') {
		v = body_bytes(&a->body, v);
		buf_add(out, v.p, v.len);
	} else if ((good = json_is_string(v))) {
		json_decode(json_inside(v), out);
		buf_add(&copy, out->p, out->len);
		good = json_scan_answer(&copy, &s);
	}
	buf_pad(out);
	scan_free(&s);
	buf_free(&copy);
	return good;
}

static size_t
count_members(const struct buf *json)
{
	struct buf copy = { 0 };
	struct scan s = { 0 };
	size_t n = 0;

	buf_add(&copy, json->p, json->len);
	if (copy.len > 0 && json_scan_answer(&copy, &s))
		n = s.n;
	scan_free(&s);
	buf_free(&copy);
	return n;
}

/* The members that both have.  What is wrong with them, or NULL. */
static const char *
read_attempt(struct attempt *a)
{
	if (!read_object(a, "request", &a->request))
		return "request is no JSON object, nor the text of one";
	if (!read_object(a, "config", &a->config))
		return "config is no JSON object, nor the text of one";
	if (count_members(&a->config) > MOST_CONFIG)
		return "config has more than 100 members";
	if (!body_text(&a->body, "provider", &a->provider_name))
		return "provider is no string";
	if (!body_text(&a->body, "model", &a->model))
		return "model is no string";
	return NULL;
}

/* The values of config that are not null take the place of the request's. */
static void
apply_config(struct attempt *a)
{
	struct buf copy = { 0 }, name = { 0 };
	struct scan s = { 0 };

	buf_add(&copy, a->config.p, a->config.len);
	if (a->config.len > 0 && json_scan_answer(&copy, &s))
		for (size_t i = 0; i < s.n; i++) {
			buf_clear(&name);
			json_decode(s.m[i].key, &name);
			if (!json_is_null(s.m[i].val) && !JSON_SPELLS(s.m[i].key, "provider"))
				chat_set(&a->request, name.p, name.len, s.m[i].val);
		}
	scan_free(&s);
	buf_free(&copy);
	buf_free(&name);
}

static void
apply_model(struct attempt *a)
{
	struct buf json = { 0 };

	if (a->model.len > 0) {
		json_encode(a->model.p, a->model.len, &json);
		chat_set(&a->request, "model", 5, span_of(&json));
	} else {
		chat_model(span_of(&a->request), &a->model);
	}
	buf_free(&json);
}

static void
send_attempt(struct attempt *a)
{
	static const struct http_policy once = { .timeout_ms = 0 };
	const struct app *app = a->c->app;
	struct http *h;

	apply_config(a);
	apply_model(a);
	a->result = (struct chat_result){ .outcome = CHAT_REFUSED, .latency_ms = -1, .first_byte_ms = -1 };
	a->provider = providers_find(app->providers, span_of(&a->provider_name));
	if (a->provider == NULL) {
		buf_addf(&a->result.error, "API key not configured for provider: %s",
		    a->provider_name.len > 0 ? buf_str(&a->provider_name) : "none (OPENAI_API_KEY or --providers)");
		return;
	}
	buf_clear(&a->provider_name);
	buf_adds(&a->provider_name, a->provider->key);
	h = http_new(&once);
	chat_send(h, a->provider, span_of(&a->request), app->replay_ms, &a->result);
	http_free(h);
}

static struct span
status_of(const struct attempt *a)
{
	return a->result.outcome == CHAT_OK ? (struct span){ "success", 7 } : (struct span){ "error", 5 };
}

/* The new record, beside what went wrong. */
static void
answer_attempt(struct attempt *a, struct buf *data)
{
	static const unsigned status[] = {
		[CHAT_REFUSED] = 502, [CHAT_FAILED] = 502, [CHAT_TIMEOUT] = 504, [CHAT_INTERRUPTED] = 503,
	};
	struct buf message = { 0 };

	if (a->result.outcome == CHAT_OK) {
		answer_data(a->c, data);
		return;
	}
	buf_adds(&message, "Replay failed: ");
	buf_add(&message, a->result.error.p, a->result.error.len);
	answer_fail_data(a->c, a->provider == NULL ? 400 : status[a->result.outcome], buf_str(&message), data);
	buf_free(&message);
}

/* ---- a record again ---- */

static enum store_result
keep_record(struct attempt *a, struct span parent, struct span session, int64_t turn, struct buf *data, struct buf *error)
{
	struct trace t = {
		.session = session, .turn = turn, .request = span_of(&a->request), .response = span_of(&a->result.response), .status = status_of(a),
		.error_message = span_of(&a->result.error), .parent = parent, .provider = span_of(&a->provider_name), .model = span_of(&a->model),
		.http_status = a->result.status > 0 ? a->result.status : -1, .latency_ms = a->result.latency_ms, .first_byte_ms = a->result.first_byte_ms,
	};
	enum store_result r = trace_store_put_wait(a->c->app->store, &t);

	if (r == STORE_OK)
		r = trace_store_record(a->c->app->store, (struct span){ t.id, strlen(t.id) }, data, error);
	else
		buf_add(error, t.error.p, t.error.len);
	buf_free(&t.error);
	buf_free(&t.session_id);
	return r;
}

static void
replay(struct attempt *a, struct buf *session, int64_t turn)
{
	struct buf data = { 0 }, error = { 0 };
	enum store_result r;

	send_attempt(a);
	r = keep_record(a, span_of(&a->c->id), span_of(session), turn, &data, &error);
	if (r == STORE_OK)
		answer_attempt(a, &data);
	else
		answer_store(a->c, r, &data, &error, "Record not found");
	buf_free(&error);
}

/* An empty body replays the record as it is. */
static bool
read_body(struct attempt *a)
{
	return request_body(a->c->rq)->len == 0 || call_body(a->c, &a->body);
}

/* The edited request, or else the stored one.  False: what is stored cannot be sent. */
static bool
take_request(struct attempt *a, const struct buf *stored)
{
	struct buf copy = { 0 };
	struct scan s = { 0 };
	bool good = true;

	if (a->request.len == 0) {
		buf_add(&copy, stored->p, stored->len);
		good = json_scan_answer(&copy, &s);
		buf_add(&a->request, stored->p, stored->len);
	}
	buf_pad(&a->request);
	scan_free(&s);
	buf_free(&copy);
	return good;
}

void
record_replay(struct call *c)
{
	struct attempt a = { .c = c };
	struct buf request = { 0 }, original = { 0 }, error = { 0 };
	int64_t turn = 0;
	const char *wrong;
	enum store_result r;

	if (!read_body(&a))
		return;
	r = trace_store_request(c->app->store, span_of(&c->id), &request, &original, &turn, &error);
	if (r != STORE_OK) {
		answer_store(c, r, &request, &error, "Record not found");
		request = (struct buf){ 0 };
	} else if ((wrong = read_attempt(&a)) != NULL) {
		answer_fail(c, 400, "Invalid request format: %s", wrong);
	} else if ((wrong = body_session(&a.body, &a.session)) != NULL) {
		answer_fail(c, 400, "Invalid request format: %s", wrong);
	} else if (!body_number(&a.body, "turn_number", &turn)) {
		answer_fail(c, 400, "Invalid request format: turn_number is no integer");
	} else if (!take_request(&a, &request)) {
		answer_fail(c, 400, "Invalid request format: the record's request is no JSON object; give one");
	} else {
		buf_clear(&a.config);		/* the copies of the original's page are in the request already */
		replay(&a, a.session.len > 0 ? &a.session : &original, turn);
	}
	buf_free(&request);
	buf_free(&original);
	buf_free(&error);
	attempt_free(&a);
}

/* ---- debugging sessions ---- */

void
replay_sessions_post(struct call *c)
{
	struct body b;
	struct buf original = { 0 }, name = { 0 }, data = { 0 }, error = { 0 };
	int64_t turn = 0;

	if (!call_body(c, &b))
		return;
	if (!body_text(&b, "original_session_id", &original) || original.len == 0)
		answer_fail(c, 400, "Invalid request format: original_session_id is missing");
	else if (!body_number(&b, "start_turn_number", &turn) || turn < 1)
		answer_fail(c, 400, "Invalid request format: start_turn_number is missing, or not from 1");
	else if (!body_text(&b, "name", &name))
		answer_fail(c, 400, "Invalid request format: name is no string");
	else
		answer_store(c, replay_session_create(c->app->store, span_of(&original), turn, span_of(&name), &data, &error), &data, &error,
		    "Original session not found");
	body_free(&b);
	buf_free(&original);
	buf_free(&name);
}

static struct page
page_of(struct call *c)
{
	struct page p;

	call_page(c, USUAL_SIZE, &p.page, &p.size);
	return p;
}

void
replay_sessions_get(struct call *c)
{
	struct buf data = { 0 }, error = { 0 };

	answer_store(c, replay_sessions(c->app->store, page_of(c), &data, &error), &data, &error, "Not found");
}

void
replay_session_get(struct call *c)
{
	struct buf data = { 0 }, error = { 0 };

	answer_store(c, replay_session(c->app->store, span_of(&c->id), &data, &error), &data, &error, "Replay session not found");
}

void
replay_session_delete(struct call *c)
{
	struct buf error = { 0 };

	if (replay_session_remove(c->app->store, span_of(&c->id), &error) == STORE_FAILED)
		answer_fail(c, 500, "Failed to delete replay session: %s", buf_str(&error));
	else
		answer_ok(c, "Replay session deleted successfully");
	buf_free(&error);
}

void
replay_session_records_get(struct call *c)
{
	struct buf data = { 0 }, error = { 0 };

	answer_store(c, replay_records(c->app->store, span_of(&c->id), page_of(c), &data, &error), &data, &error, "Replay session not found");
}

/* ---- one step of them ---- */

static void
debug(struct attempt *a, struct buf *session, int64_t turn)
{
	struct buf data = { 0 }, error = { 0 };
	struct replay kept = { .session = span_of(session), .turn = turn };
	enum store_result r;

	send_attempt(a);
	kept.request = span_of(&a->request);
	kept.response = span_of(&a->result.response);
	kept.config = span_of(&a->config);
	kept.status = status_of(a);
	kept.error_message = span_of(&a->result.error);
	kept.provider = span_of(&a->provider_name);
	kept.model = span_of(&a->model);
	r = replay_record_put(a->c->app->store, &kept, &data, &error);
	if (r == STORE_OK)
		answer_attempt(a, &data);
	else
		answer_store(a->c, r, &data, &error, "Replay session not found");
	buf_free(&error);
}

void
replay_debug_post(struct call *c)
{
	struct attempt a = { .c = c };
	struct buf session = { 0 }, found = { 0 }, error = { 0 };
	int64_t turn = 0;
	const char *wrong;
	enum store_result r;

	if (!call_body(c, &a.body))
		return;
	if ((wrong = read_attempt(&a)) != NULL)
		answer_fail(c, 400, "Invalid request format: %s", wrong);
	else if (!body_text(&a.body, "replay_session_id", &session) || session.len == 0)
		answer_fail(c, 400, "Invalid request format: replay_session_id is missing");
	else if (!body_number(&a.body, "turn_number", &turn) || turn < 1)
		answer_fail(c, 400, "Invalid request format: turn_number is missing, or not from 1");
	else if (a.request.len == 0)
		answer_fail(c, 400, "Invalid request format: request is missing");
	else if ((r = replay_session(c->app->store, span_of(&session), &found, &error)) != STORE_OK)
		answer_store(c, r, &found, &error, "Replay session not found");
	else
		debug(&a, &session, turn), buf_free(&found);
	buf_free(&session);
	buf_free(&error);
	attempt_free(&a);
}
