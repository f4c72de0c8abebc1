#include "recorder/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "json/str.h"

static bool
is_empty(struct span v)
{
	return json_is_null(v) || (json_is_string(v) && v.len == 2);
}

static bool
is_true(struct span v)
{
	return v.len == 4 && v.p[0] == 't';
}

static bool
is_false(struct span v)
{
	return v.len == 5 && v.p[0] == 'f';
}

/* The members that we look at; the last of a name counts. */
enum { ID, TIMESTAMP, SESSION, MESSAGE, SUCCESS, ERROR, PROMPT, ROLE, STEP, ROUND, METADATA, METRICS, FINALIZED, N_NAMES };

#define NAME(s) { s, sizeof s - 1 }
static const struct span names[N_NAMES] = {
	[ID] = NAME("id"), [TIMESTAMP] = NAME("timestamp"), [SESSION] = NAME("session_id"), [MESSAGE] = NAME("message_id"),
	[SUCCESS] = NAME("success"), [ERROR] = NAME("error_message"), [PROMPT] = NAME("prompt"), [ROLE] = NAME("role_name"),
	[STEP] = NAME("step_id"), [ROUND] = NAME("round_index"), [METADATA] = NAME("metadata"),
	[METRICS] = NAME("performance_metrics"), [FINALIZED] = NAME("finalized"),
};

/* Which of them could have this many letters: a bit for each. */
#define ONE(name) (1u << (name))
static const unsigned of_length[] = {
	[2] = ONE(ID), [6] = ONE(PROMPT), [7] = ONE(SUCCESS) | ONE(STEP), [8] = ONE(METADATA),
	[9] = ONE(TIMESTAMP) | ONE(ROLE) | ONE(FINALIZED), [10] = ONE(SESSION) | ONE(MESSAGE), [11] = ONE(ROUND), [13] = ONE(ERROR),
	[19] = ONE(METRICS),
};

/* The name that a key spells, or N_NAMES; most have no escapes. */
static size_t
name_of(struct span key)
{
	unsigned maybe = key.len < sizeof of_length / sizeof *of_length ? of_length[key.len] : 0;

	for (; maybe != 0; maybe &= maybe - 1) {
		size_t k = (size_t)__builtin_ctz(maybe);

		if (memcmp(key.p, names[k].p, names[k].len) == 0)
			return k;
	}
	if (memchr(key.p, '\\', key.len) != NULL)
		for (size_t k = 0; k < N_NAMES; k++)
			if (json_spells(key, names[k].p, names[k].len))
				return k;
	return N_NAMES;
}

static void
pick(const struct scan *scan, struct span v[N_NAMES])
{
	memset(v, 0, N_NAMES * sizeof *v);
	for (size_t i = 0; i < scan->n; i++) {
		size_t k = name_of(scan->m[i].key);

		if (k != N_NAMES)
			v[k] = scan->m[i].val;
	}
	for (size_t k = 0; k < N_NAMES; k++)
		if (v[k].p != NULL && (json_is_null(v[k]) || (k != SESSION && is_empty(v[k]))))
			v[k] = (struct span){ NULL, 0 };
}

static void
read_stage(struct rec *r, const struct span v[N_NAMES])
{
	struct span stage = { "", 0 }, done = { "", 0 };
	struct member m;

	r->stage = STAGE_COMPLETED;
	if (v[METADATA].p != NULL && v[METADATA].p[0] == '{')
		for (struct json_iter it = json_open(v[METADATA]); json_next_member(&it, &m); ) {
			if (JSON_SPELLS(m.key, "stage"))
				stage = m.val;
			else if (JSON_SPELLS(m.key, "finalized"))
				done = m.val;
		}
	if (json_is_string(stage)) {
		struct span s = json_inside(stage);

		r->staged = true;
		if (JSON_SPELLS(s, "started"))
			r->stage = STAGE_STARTED;
		else if (JSON_SPELLS(s, "finalized"))
			r->stage = STAGE_FINALIZED;
		else
			r->staged = JSON_SPELLS(s, "completed");
	}
	if (is_true(done) || (v[FINALIZED].p != NULL && is_true(v[FINALIZED]))) {
		r->stage = STAGE_FINALIZED;
		r->staged = true;
	}
}

/* What a fraction has behind the milliseconds. */
static int64_t
micros(struct span text)
{
	size_t n;
	const char *p = when_fraction(text.p, text.len, &n);
	int64_t us = 0;

	for (size_t i = 3; i < 6; i++)
		us = us * 10 + (i < n ? p[i] - '0' : 0);
	return us;
}

static bool
read_time(struct rec *r, struct buf *scratch)
{
	struct span text;
	int64_t ms;
	bool zoned;

	if (!json_is_string(r->timestamp))
		return false;
	text = json_inside(r->timestamp);
	if (memchr(text.p, '\\', text.len) != NULL) {
		buf_clear(scratch);
		json_decode(text, scratch);
		text = (struct span){ scratch->p, scratch->len };
	}
	if (!when_parse(text.p, text.len, &ms, &zoned))
		return false;
	r->us = (zoned ? ms : when_local(ms)) * 1000 + micros(text);
	memcpy(r->day, text.p, sizeof r->day - 1);
	return true;
}

static bool
is_number(struct span v)
{
	return *v.p == '-' || (*v.p >= '0' && *v.p <= '9');
}

static bool
is_scalar(struct span v)
{
	return json_is_string(v) || is_number(v);
}

/* A member that is not as it should be counts as absent.  False: it was dropped. */
static bool
drop_unless(struct span *v, bool good)
{
	if (v->p == NULL || good)
		return true;
	*v = (struct span){ NULL, 0 };
	return false;
}

const char *
rec_read(struct rec *r, const struct scan *scan, struct buf *scratch)
{
	const char *wrong = NULL;
	struct span v[N_NAMES];

	pick(scan, v);
	*r = (struct rec){
		.id = v[ID], .timestamp = v[TIMESTAMP], .session = v[SESSION], .message_id = v[MESSAGE], .error = v[ERROR],
		.prompt = v[PROMPT], .metrics = v[METRICS], .role = v[ROLE], .step = v[STEP], .round = v[ROUND],
	};
	if (!drop_unless(&r->id, r->id.p != NULL && is_scalar(r->id)))
		wrong = "id is neither a string nor a number";
	if (!drop_unless(&r->session, r->session.p != NULL && is_scalar(r->session)))
		wrong = "session_id is neither a string nor a number";
	if (!drop_unless(&r->timestamp, r->timestamp.p != NULL && read_time(r, scratch)))
		wrong = "timestamp is not a time, such as \"2025-12-07T12:24:08.275173\"";
	read_stage(r, v);
	r->success = v[SUCCESS].p != NULL && is_true(v[SUCCESS]);
	r->failed = r->error.p != NULL || (r->stage != STAGE_STARTED && v[SUCCESS].p != NULL && is_false(v[SUCCESS]));
	return wrong;
}

struct span
rec_session_text(const struct rec *r, struct buf *scratch)
{
	struct span s;

	if (!json_is_string(r->session))
		return r->session;
	s = json_inside(r->session);
	if (memchr(s.p, '\\', s.len) == NULL)
		return s;
	buf_clear(scratch);
	json_decode(s, scratch);
	return (struct span){ scratch->p, scratch->len };
}

float
rec_response_ms(const struct rec *r)
{
	struct span ms;

	if (r->metrics.p == NULL || !JSON_MEMBER(r->metrics, "response_time_ms", &ms) || !is_number(ms))
		return -1;
	return strtof(ms.p, NULL);
}

struct fingerprint
rec_key(const struct rec *r, struct keyseed seed, struct buf *scratch)
{
	struct keyhash h;

	if (r->id.p == NULL)
		return (struct fingerprint){ 0, 0 };
	keyhash_init(&h, seed);
	keyhash_add(&h, r->id, scratch);
	return keyhash_end(&h);
}

struct fingerprint
rec_call(const struct rec *r, struct keyseed seed, struct buf *scratch)
{
	const struct span part[] = { r->session, r->role, r->step, r->round, r->prompt };
	static const struct span nothing = { "null", 4 };
	struct keyhash h;

	if (r->prompt.p == NULL)
		return (struct fingerprint){ 0, 0 };
	keyhash_init(&h, seed);
	for (size_t i = 0; i < sizeof part / sizeof *part; i++)
		keyhash_add(&h, part[i].p == NULL ? nothing : part[i], scratch);
	return keyhash_end(&h);
}
