/*
 * page.c - ask for runs, one page after the other, from the query API that is there.
 *
 * What a page brings goes to emit_run while it arrives.  After a time-out or a server error the
 * same page is asked for again, and the second time for half of it; its runs are not written twice.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/msg.h"
#include "json/splice.h"
#include "json/str.h"
#include "ls-fetch/fetch.h"

struct page page;

static struct buf body;			/* of the request */
static struct split split;
static struct scan scan;
static int64_t bearable = INT64_MAX;	/* page size, after failures */

void
page_free(void)
{
	buf_free(&body);
	split_free(&split);
	scan_free(&scan);
	ids_free(&page.done);
}

void
page_relax(void)
{
	if (bearable < LS_PAGE_V2)
		bearable *= 2;
}

static int64_t
page_size(void)
{
	int64_t n = page.api == 1 && opts.page_size > LS_PAGE_V1 ? LS_PAGE_V1 : opts.page_size;

	n = opts.limit != 0 && opts.limit < n ? opts.limit : n;
	return bearable < n ? bearable : n;
}

void
page_query(int64_t from, int64_t to)
{
	page.q = fetch.base;
	page.q.from = from;
	page.q.to = to;
	page.q.page = page_size();
	page.n_window = 0;
}

/* ---- one request ---- */

/* Before each try. */
static void
begin(struct http_request *rq, const struct http_response *last)
{
	/* The store runs out of memory on heavy pages, or someone out of time: ask for less. */
	if (last != NULL && last->tries >= 2 && last->status != 429 && page.q.page > 1)
		bearable = page.q.page /= 2;
	buf_clear(&body);
	ls_query_body(&page.q, page.api, &body);
	rq->body = body.p;
	rq->body_len = body.len;
	split_reset(&split);
	for (size_t i = 0; i < page.done.n; i++)
		page.done.v[i].mark = false;
	page.n = 0;
	page.first = page.last = RUN_NO_TIME;
}

/* A server that has only v1.  The query starts over there, from its first page. */
static bool
fall_back(const struct http_response *r)
{
	if (page.api_sure || (r->status != 404 && r->status != 405 && r->status != 501))
		return false;
	verbose("no v2 query API here: using v1");
	page.api = 1;
	page.api_sure = true;
	page.q.cursor = NULL;
	if (page.q.page > LS_PAGE_V1)
		page.q.page = LS_PAGE_V1;
	return true;
}

/* It may be the cursor that the service refuses. */
static bool
stale(const struct http_response *r)
{
	return page.q.cursor != NULL && r->status >= 400 && r->status < 500 && r->status != 401 && r->status != 403;
}

/* Ask for the page that page.q names.  False: its cursor is refused.  Anything else that goes wrong ends us. */
static bool
ask(struct http_request *rq, struct http_response *r)
{
	enum http_result result;
	char *url;

	for (;;) {
		if (!ls_pace(&fetch.ls, page.api, page.q.n_ids > 0 ? 0 : page.q.from))
			interrupted();
		rq->url = url = ls_query_url(&fetch.ls, page.api);
		result = ls_perform(&fetch.ls, rq, r);
		free(url);
		if (result == HTTP_OK) {
			page.api_sure = true;
			return true;
		}
		if (result != HTTP_REFUSED || !fall_back(r))
			break;
		http_response_free(r);
	}
	if (result == HTTP_REFUSED && stale(r))
		return false;
	failed(page.api == 1 ? "query (v1)" : "query (v2)", result, r, &page.q);
}

bool
page_probe(int64_t from, int64_t to)
{
	static const char *const only_id[] = { "id" };
	struct http_request rq = { .what = "runs/query", .begin = begin };
	struct http_response r;
	struct json_iter it;
	struct span v;
	bool some = true;

	page_query(from, to);
	page.q.select = only_id;
	page.q.n_select = 1;
	page.q.page = 1;
	(void)ask(&rq, &r);			/* there is no cursor */
	if (json_scan_answer(&r.body, &scan)) {
		const struct member *m = page.api == 1 ? scan_find(&scan, "runs", 4) : scan_find(&scan, "items", 5);

		if (m == NULL || m->val.p[0] != '[')
			give_up(ST_FAILED, "query: not the answer of this API (is there a proxy in between?)");
		it = json_open(m->val);
		some = json_next_element(&it, &v);
	}
	http_response_free(&r);
	return some;
}

/* ---- page after page ---- */

static enum http_sink
take(struct http_request *rq, const char *p, size_t len)
{
	enum split_st e;

	(void)rq;
	if (p == NULL) {
		if (!split_end(&split) || !split.listed || scan_record(&scan, split.rest.p) == NULL)
			return HTTP_BROKEN;
		return HTTP_MORE;
	}
	while ((e = split_feed(&split, &p, &len)) == SPLIT_RUN)
		if (!emit_run(&split)) {
			page.cut = true;
			return HTTP_ENOUGH;
		}
	return e == SPLIT_BAD ? HTTP_BROKEN : HTTP_MORE;
}

/* Get the page that page.q names, to emit_run.  False: its cursor is refused. */
static bool
get_page(void)
{
	struct http_request rq = { .what = "runs/query", .begin = begin, .sink = take };
	struct http_response r;
	bool fresh;

	page.cut = false;
	split.max_line = (size_t)opts.max_line;
	fresh = ask(&rq, &r);
	http_response_free(&r);
	return fresh;
}

/* The cursor to the next page, from what is left of this one.  Returns new, or NULL. */
static char *
next_cursor(void)
{
	struct span rest = splice_text(split.rest.p, split.rest.p + split.rest.len), v, cursor;
	struct buf b = { 0 };
	bool there, more = false;

	if (page.api == 1)
		there = JSON_MEMBER(rest, "cursors", &v) && JSON_MEMBER(v, "next", &cursor);
	else
		there = JSON_MEMBER(rest, "next_cursor", &cursor) && !(JSON_MEMBER(rest, "has_more", &v) && v.p[0] == 'f');
	if (page.api == 2 && JSON_MEMBER(rest, "has_more", &v))
		more = v.p[0] == 't';		/* says so itself: an empty page is not the end */
	if ((page.n == 0 && !more) || !there || !json_is_string(cursor) || cursor.len == 2)
		return NULL;
	json_decode(json_inside(cursor), &b);
	(void)buf_str(&b);
	return b.p;
}

/* Put next (taken) in the place of *cursor. */
static void
move_on(char **cursor, char *next)
{
	free(*cursor);
	*cursor = next;
}

enum drained
page_drain(char **cursor)
{
	for (;;) {
		bool fresh;
		char *next;

		page.q.cursor = *cursor;
		fresh = get_page();
		if (page.q.cursor == NULL)	/* it was of an API that is gone */
			move_on(cursor, NULL);
		if (!fresh)
			return CURSOR_REFUSED;
		if (page.cut)
			return CUT_BY_LIMIT;
		plan_progress();
		next = next_cursor();
		if (next == NULL)
			return (int64_t)page.n >= page.q.page ? DRAINED_FULL : DRAINED;
		/* A smaller page after a failure may leave some runs of the larger one to the next: those stay. */
		ids_keep(&page.done, false);
		if (*cursor != NULL && strcmp(*cursor, next) == 0)
			give_up(ST_FAILED, "the service gives the same cursor again and again: the query cannot be finished");
		move_on(cursor, next);
	}
}
