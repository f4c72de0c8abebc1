#include "google/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "base/sig.h"
#include "json/str.h"

#define UNIT		(INT64_C(256) << 10)	/* the service takes multiples of it, but for the end */
#define FIRST		(INT64_C(2) << 20)
#define PIECE		(INT64_C(8) << 20)
#define POLL_MS		200
#define POLL_MAX_MS	30000
#define MOST_DETAILS	3
#define BACKOFF_MS	1000
#define BACKOFF_MAX_MS	32000

struct run {
	struct bigquery *b;
	const struct load_job *job;
	struct bigquery_reply *r;
	struct buf location;		/* as the service says it */
	struct buf session;		/* a secret */
	char	*piece;
	int64_t	 size;			/* of what is loaded; -1: not known yet */
	int64_t	 end;			/* of what was sent in this session */
	bool	 may_run;		/* all of it was sent, or it was found */
};

bool
load_back_off(int64_t n)
{
	int64_t ms = n > 8 ? BACKOFF_MAX_MS : (int64_t)BACKOFF_MS << n;

	ms = ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
	return io_wait(sig_fd(), (int)rnd_below((uint64_t)ms) + 1) == 0;
}

static enum google_result
fail(struct run *run, const char *what, const char *why)
{
	buf_clear(&run->r->error);
	buf_addf(&run->r->error, "%s: %s", what, why);
	return GOOGLE_GAVE_UP;
}

/* ---- what a Job says ---- */

static struct span
member(struct span object, const char *name)
{
	struct span v;

	return json_member(object, name, strlen(name), &v) ? v : (struct span){ "", 0 };
}

static void
put_text(struct span object, const char *name, struct buf *out)
{
	struct span v = member(object, name);

	if (json_is_string(v))
		json_decode(json_inside(v), out);
}

static bool
says(struct span object, const char *name, const char *text)
{
	struct span v = member(object, name);

	return json_is_string(v) && json_spells(json_inside(v), text, strlen(text));
}

static bool
is_object(struct span v)
{
	return v.len != 0 && *v.p == '{';
}

bool
load_errors(struct span job, struct span *list)
{
	*list = member(member(job, "status"), "errors");
	return list->len != 0 && *list->p == '[';
}

static bool
read_digits(const char *p, uint64_t *n)
{
	const char *start = p;

	for (*n = 0; *p >= '0' && *p <= '9' && p - start < 19; p++)
		*n = *n * 10 + (uint64_t)(*p - '0');
	return p != start && (*p < '0' || *p > '9');
}

bool
load_rows(struct span job, uint64_t *rows)
{
	struct span v = member(member(member(job, "statistics"), "load"), "outputRows");

	return json_is_string(v) && read_digits(v.p + 1, rows);
}

bool
load_ended(struct span job, uint64_t *ms)
{
	struct span v = member(member(job, "statistics"), "endTime");

	return json_is_string(v) && read_digits(v.p + 1, ms);
}

bool
load_is_into(struct span job, const char *dataset, const char *table)
{
	struct span to = member(member(member(job, "configuration"), "load"), "destinationTable");

	return says(to, "datasetId", dataset) && says(to, "tableId", table);
}

/* "... JSON parsing error in row starting at position 123: No such field: x" */
bool
load_bad_row(struct span error, uint64_t *at, struct buf *why)
{
	static const char mark[] = "row starting at position ";
	struct buf message = { 0 };
	const char *p;
	bool found;

	if (is_object(error))
		put_text(error, "message", &message);
	p = strstr(buf_str(&message), mark);
	found = p != NULL && read_digits(p + strlen(mark), at);
	if (found) {
		p += strlen(mark);
		p += strspn(p, "0123456789");
		found = strchr(":. ", *p) != NULL;
	}
	if (found) {
		p += strspn(p, ":. ");
		buf_adds(why, *p != '\0' ? p : buf_str(&message));
	}
	buf_free(&message);
	return found;
}

static bool
names_rows(struct span job)
{
	struct buf why = { 0 };
	struct span list, error;
	struct json_iter it;
	uint64_t at;
	bool found = false;

	if (!load_errors(job, &list))
		return false;
	for (it = json_open(list); !found && json_next_element(&it, &error);)
		found = load_bad_row(error, &at, &why);
	buf_free(&why);
	return found;
}

/* "... Please look into the errors[] collection for more details." */
static void
put_details(struct bigquery_reply *r)
{
	struct buf message = { 0 };
	struct span list, error;
	struct json_iter it;
	int n = 0;

	if (!load_errors(r->object, &list))
		return;
	for (it = json_open(list); n < MOST_DETAILS && json_next_element(&it, &error);) {
		buf_clear(&message);
		if (is_object(error))
			put_text(error, "message", &message);
		buf_one_line(&message, 0);
		if (message.len == 0 || strstr(buf_str(&r->error), buf_str(&message)) != NULL)
			continue;
		buf_addf(&r->error, "; %s", buf_str(&message));
		n++;
	}
	buf_free(&message);
}

static enum load_outcome
judge_end(struct bigquery_reply *r)
{
	static const char *const again[] = { "backendError", "internalError", "rateLimitExceeded", "jobRateLimitExceeded", "jobBackendError",
	    "jobInternalError", "tableUnavailable" };
	struct span error = member(member(r->object, "status"), "errorResult");

	if (error.len == 0 || json_is_null(error))
		return LOAD_DONE;
	buf_clear(&r->reason);
	buf_clear(&r->error);
	if (is_object(error)) {
		put_text(error, "reason", &r->reason);
		buf_addf(&r->error, "%s: ", buf_str(&r->reason));
		put_text(error, "message", &r->error);
		buf_one_line(&r->error, 0);
	}
	for (size_t i = 0; i < sizeof again / sizeof *again; i++)
		if (strcmp(buf_str(&r->reason), again[i]) == 0)
			return LOAD_AGAIN;
	if (names_rows(r->object))
		return LOAD_ROWS;
	put_details(r);
	return LOAD_FAILED;
}

/* ---- waiting ---- */

static enum google_result
get_job(struct run *run)
{
	struct buf path = { 0 };
	enum google_result st;

	buf_addf(&path, "/jobs/%s", run->job->id);
	if (run->location.len != 0) {
		buf_adds(&path, "?location=");
		http_escape(&path, buf_str(&run->location));
	}
	st = bigquery_call(run->b, NULL, buf_str(&path), NULL, true, run->r);
	buf_free(&path);
	return st;
}

static void
take_location(struct run *run)
{
	struct buf location = { 0 };

	put_text(member(run->r->object, "jobReference"), "location", &location);
	if (location.len != 0) {
		buf_clear(&run->location);
		buf_add(&run->location, location.p, location.len);
	}
	buf_free(&location);
}

/* Until the job in the reply has ended. */
static enum google_result
wait_end(struct run *run, enum load_outcome *outcome)
{
	int64_t ms = POLL_MS;

	while (!says(member(run->r->object, "status"), "state", "DONE")) {
		enum google_result st;

		if (!json_is_string(member(member(run->r->object, "status"), "state")))
			return fail(run, "job", "the service's answer does not say its state");
		if (io_wait(sig_fd(), (int)ms) != 0)
			return GOOGLE_INTERRUPTED;
		ms = ms * 3 / 2 < POLL_MAX_MS ? ms * 3 / 2 : POLL_MAX_MS;
		st = get_job(run);
		if (st != GOOGLE_OK)
			return st == GOOGLE_REFUSED ? GOOGLE_GAVE_UP : st;
	}
	*outcome = judge_end(run->r);
	return GOOGLE_OK;
}

/* ---- uploading ---- */

/*
 * Read the next piece, and one byte more, which tells whether it is the last one.  Returns its length, or -1 with errno.  The first
 * pieces are small, since what is read may still be in the making: 2, 2, 4, 8, 8 ... MiB.
 */
static ssize_t
read_piece(struct run *run, int64_t from)
{
	int64_t len = from < FIRST ? FIRST : from < PIECE ? from - from % UNIT : PIECE;
	ssize_t n = run->job->read(run->job->arg, from, run->piece, (size_t)len + 1);

	if (n > len)
		return len;
	if (n != -1)
		run->size = from + n;
	return n;
}

static enum google_result
begin(struct run *run)
{
	const struct load_job *job = run->job;
	struct buf body = { 0 };
	enum google_result st;

	buf_addf(&body, "{\"jobReference\":{\"jobId\":\"%s\",\"projectId\":", job->id);
	json_encode(bigquery_project(run->b), strlen(bigquery_project(run->b)), &body);
	if (run->location.len != 0) {
		buf_adds(&body, ",\"location\":");
		json_encode(run->location.p, run->location.len, &body);
	}
	buf_adds(&body, "},\"configuration\":");
	buf_add(&body, job->configuration.p, job->configuration.len);
	buf_addc(&body, '}');
	buf_clear(&run->session);
	run->end = 0;
	st = bigquery_upload_begin(run->b, &body, &run->session, run->r);
	buf_free(&body);
	return st;
}

/* The service has kept from bytes, says it; send the next piece.  An answer that is none is asked for once more. */
static enum google_result
send_piece(struct run *run, int64_t from, bool *ask, int64_t *kept)
{
	ssize_t len = *ask ? 0 : read_piece(run, from);
	enum google_result st;

	if (len == -1 && errno == EINTR)
		return GOOGLE_INTERRUPTED;
	if (len == -1)
		return fail(run, run->job->name, strerror(errno));
	run->may_run |= from + len == run->size;
	run->end = from + len > run->end ? from + len : run->end;
	st = bigquery_upload_send(run->b, buf_str(&run->session), run->piece, (size_t)len, from, run->size, kept, run->r);
	*ask = st == GOOGLE_GAVE_UP && run->r->status >= 200 && run->r->status < 300;
	if (*ask) {
		*kept = from;
		return GOOGLE_OK;
	}
	if (st == GOOGLE_OK && *kept > run->end)
		return fail(run, "upload", "the service has more than it was sent");
	return st;
}

/* Until the job is made.  *tries counts what did not bring it on. */
static enum google_result
send_all(struct run *run, int64_t *tries)
{
	int64_t from = 0, most = 0, kept;
	bool ask = false;

	for (;;) {
		enum google_result st = send_piece(run, from, &ask, &kept);

		if (st != GOOGLE_OK || kept == -1)
			return st;
		if (run->job->sent != NULL)
			run->job->sent(run->job->arg, kept, run->size != -1 ? run->size : 0);
		if (kept > most) {
			most = kept;
			*tries = 0;
		} else {
			if (++*tries > bigquery_policy(run->b)->max_retries)
				return fail(run, "upload", "the service keeps nothing of what it is sent");
			if (!load_back_off(*tries - 1))
				return GOOGLE_INTERRUPTED;
		}
		from = kept;
	}
}

/* Is the session gone, but not by its own refusal? */
static bool
is_gone(enum google_result st, const struct bigquery_reply *r)
{
	return st == GOOGLE_REFUSED && (r->status == 410 || (r->status == 404 && r->reason.len == 0));
}

static enum google_result
upload(struct run *run)
{
	int64_t gone = 0, tries = 0;

	for (;;) {
		enum google_result st = begin(run);

		if (st == GOOGLE_OK)
			st = send_all(run, &tries);
		else
			return st;
		if (!is_gone(st, run->r))
			return st;
		if (++gone > bigquery_policy(run->b)->max_retries)
			return GOOGLE_GAVE_UP;
		if (!load_back_off(gone - 1))
			return GOOGLE_INTERRUPTED;
	}
}

/* ---- all of it ---- */

static enum google_result
run_job(struct run *run, enum load_outcome *outcome, bool *existed)
{
	/* An upload would end by saying that the job exists, but only when all has been sent. */
	enum google_result st = get_job(run);

	*existed = st == GOOGLE_OK;
	if (st == GOOGLE_REFUSED && run->r->status == 404) {
		st = upload(run);
		*existed = st == GOOGLE_REFUSED && run->r->status == 409;
		if (*existed && (st = get_job(run)) == GOOGLE_REFUSED)
			st = GOOGLE_GAVE_UP;
	}
	if (st != GOOGLE_OK)
		return st;
	run->may_run = true;
	take_location(run);
	return wait_end(run, outcome);
}

enum google_result
load_run(struct bigquery *b, const struct load_job *job, enum load_outcome *outcome, bool *existed, struct bigquery_reply *r)
{
	struct run run = { .b = b, .job = job, .r = r, .piece = mem_alloc(PIECE + 1), .size = -1 };
	enum google_result st;

	if (job->location != NULL)
		buf_adds(&run.location, job->location);
	st = run_job(&run, outcome, existed);
	if (st != GOOGLE_OK)
		*outcome = run.may_run && st != GOOGLE_REFUSED ? LOAD_UNKNOWN : LOAD_FAILED;
	buf_free(&run.location);
	buf_free(&run.session);
	free(run.piece);
	return st;
}
