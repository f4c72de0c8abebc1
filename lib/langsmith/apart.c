#include "langsmith/apart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sig.h"
#include "base/when.h"
#include "json/splice.h"
#include "json/str.h"
#include "langsmith/ids.h"
#include "langsmith/run.h"

#define DAY INT64_C(86400000)

/* The address in the first run of a v1 answer.  Returns new, or NULL. */
static char *
address_in(struct buf *body, const char *urls)
{
	struct scan s = { 0 };
	const struct member *runs;
	struct span run, value, at = { NULL, 0 };
	struct json_iter it;
	struct buf address = { 0 };

	if (json_scan_answer(body, &s) && (runs = scan_find(&s, "runs", 4)) != NULL && runs->val.p[0] == '[') {
		it = json_open(runs->val);
		if (json_next_element(&it, &run) && json_member(run, urls, strlen(urls), &value))
			at = run_address(value);
	}
	if (at.len > 0) {
		json_decode(at, &address);
		(void)buf_str(&address);
	}
	scan_free(&s);
	return address.p;
}

/* Ask for the run again, for an address that has not expired.  Returns new, or NULL. */
static char *
fresh_address(struct ls *ls, const char *project_id, struct span id, const char *urls)
{
	const char *const select[] = { "id", urls };
	const int64_t now = when_now();
	struct ids one = { 0 };
	struct ls_query q = { .project_id = project_id, .select = select, .n_select = 2, .n_ids = 1, .from = now - DAY,
		.to = now, .page = 1 };
	struct http_request rq = { .what = "runs/query" };
	struct http_response r = { .status = 0 };
	struct buf body = { 0 };
	char *url, *address = NULL;

	if ((q.ids = ids_add(&one, id.p, id.len)) == NULL)
		return NULL;
	ls_query_body(&q, 1, &body);
	rq.url = url = ls_query_url(ls, 1);
	rq.body = body.p;
	rq.body_len = body.len;
	if (ls_pace(ls, 1, 0) && ls_perform(ls, &rq, &r) == HTTP_OK)
		address = address_in(&r.body, urls);
	http_response_free(&r);
	ids_free(&one);
	buf_free(&body);
	free(url);
	return address;
}

/* GET the value.  *status is the answer's. */
static enum apart_st
get(struct ls *ls, const char *url, size_t max, struct buf *value, char why[APART_WHY], long *status)
{
	struct http_request rq = { .what = "inputs stored apart", .url = url, .hide_url = true, .max_body = max };
	struct http_response r;
	enum http_result result = http_perform(ls->http, &rq, &r);
	enum apart_st st = APART_FAILED;
	struct scan s = { 0 };
	const char *end;

	ls->requests += (unsigned long)r.tries;
	*status = r.status;
	if (result == HTTP_INTERRUPTED) {
		st = APART_INTERRUPTED;
	} else if (result != HTTP_OK) {
		snprintf(why, APART_WHY, "%s%sstatus %ld", r.error, r.error[0] != '\0' ? ", " : "", r.status);
	} else {
		if (r.body.len > 0)
			json_one_line(r.body.p, r.body.len);
		buf_pad(&r.body);
		end = scan_value(&s, r.body.p);
		if (end == r.body.p + r.body.len && scan_utf8(r.body.p, r.body.len) == NULL) {
			struct span text = splice_text(r.body.p, end);

			buf_add(value, text.p, text.len);
			st = APART_DONE;
		} else {
			snprintf(why, APART_WHY, "it is not JSON");
		}
	}
	scan_free(&s);
	http_response_free(&r);
	return st;
}

static bool
put(struct buf *line, const char *field, const struct buf *value)
{
	struct scan s = { 0 };
	struct buf filled = { 0 };
	const char *end;

	buf_pad(line);
	end = scan_record(&s, line->p);
	if (end != NULL) {
		splice_set(&s, splice_text(line->p, end), field, (struct span){ value->p, value->len }, &filled);
		buf_free(line);
		*line = filled;
	}
	scan_free(&s);
	return end != NULL;
}

enum apart_st
apart_fill(struct ls *ls, const char *project_id, size_t max, struct buf *line, struct span id, const char *field,
    const char *urls, struct span at, char why[APART_WHY])
{
	struct buf url = { 0 }, value = { 0 };
	char *fresh = NULL;
	enum apart_st st;
	long status;

	json_decode(at, &url);
	st = get(ls, buf_str(&url), max, &value, why, &status);
	if (st == APART_FAILED && (status == 403 || status == 404) &&
	    (fresh = fresh_address(ls, project_id, id, urls)) != NULL)
		st = get(ls, fresh, max, &value, why, &status);
	if (sig_caught() != 0)
		st = APART_INTERRUPTED;
	if (st == APART_DONE && !put(line, field, &value)) {
		snprintf(why, APART_WHY, "the run is not JSON");
		st = APART_FAILED;
	}
	buf_free(&url);
	buf_free(&value);
	free(fresh);
	return st;
}
