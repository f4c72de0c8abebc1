/*
 * plan.c - what has to be asked for.
 *
 * A plan is start times from .. until, frozen when it is made.  It is walked oldest first in
 * windows of a week, each drained page by page before the next.  --limit may spread one plan
 * over several invocations.
 *
 * Nothing is missed, because three nets overlap.  The windows of two plans overlap by --overlap,
 * for runs that arrive late.  Once a day a plan is a sweep: it goes back to --sweep before the
 * *start* of the last sweep.  The service takes no run whose start_time is more than 24 h from
 * now, so what the last sweep did not see has arrived after it began and has started later than
 * 24 h before that; with 25 h there is no hole.  And a run that has not ended is kept in the
 * state and asked for by id until it has (pending.c).  Runs may come twice in this, never not at
 * all; dedup(1) follows in the pipe.
 */
#include <stdlib.h>
#include <string.h>

#include "base/msg.h"
#include "base/progress.h"
#include "base/when.h"
#include "ls-fetch/fetch.h"

#define WINDOW_MS	(7 * DAY)	/* within the easier rate tier, and never a heavy query */
#define HISTORY_MS	INT64_C(1672531200000)	/* 2023-01-01: LangSmith has nothing older */
#define CURSOR_MS	HOUR		/* a saved cursor older than this is not used any more */
#define RETENTION_MS	(14 * DAY)	/* of base traces */

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---- the plan ---- */

static void
warn_of_gap(int64_t watermark)
{
	char t[WHEN_SIZE];

	if (fetch.now - watermark > RETENTION_MS)
		warn("the last sync was of %s: runs that the service keeps for 14 days only may be gone",
		    when_format(watermark, t));
}

/*
 * The state is of a time that has not come: the clock was ahead then, nobody knows since when.  Everything
 * that the service is sure to have is asked for again; else nothing would come until the clock is there.
 */
static bool
from_the_future(struct state *st)
{
	char t[WHEN_SIZE];

	if (st->watermark == STATE_NEVER || st->watermark <= fetch.now)
		return false;
	warn("the last sync was of %s, which is in the future: asking for the last 14 days again", when_format(st->watermark, t));
	st->watermark = fetch.now - RETENTION_MS;
	st->swept = STATE_NEVER;
	return true;
}

/* What this sync has to ask for, unless an earlier one was cut short. */
void
plan_make(void)
{
	struct state *st = &fetch.st;
	struct state_plan *p = &st->plan;
	bool first, future, never_swept;

	if (st->planned) {
		if (opts.until.set)	/* what that leaves is for the next plan */
			p->until = earlier(p->until, opts.until.ms);
		return;
	}
	future = from_the_future(st);
	first = st->watermark == STATE_NEVER;
	never_swept = st->swept == STATE_NEVER || st->swept > fetch.now;	/* by a clock that was ahead */
	*p = (struct state_plan){ .from = HISTORY_MS, .until = fetch.now - opts.settle, .started = fetch.now, .span = WINDOW_MS };
	if (opts.until.set)
		p->until = earlier(p->until, opts.until.ms);
	p->sweep = first || never_swept || fetch.now - st->swept >= DAY;
	if (!first) {
		if (!future)
			warn_of_gap(st->watermark);
		p->from = st->watermark - opts.overlap;
		if (p->sweep)
			p->from = earlier(p->from, (never_swept ? st->watermark : st->swept) - opts.sweep);
	}
	if (opts.since.set)
		p->from = later(p->from, opts.since.ms);
	p->pos = p->from;
	st->planned = true;
}

/* By the time that the runs cover: so much of the plan, and so much of the window, from its newer end mostly. */
void
plan_progress(void)
{
	const struct state_plan *p = &fetch.st.plan;
	int64_t done = p->pos - p->from, total = p->until - p->from;

	if (p->in_window && page.last != RUN_NO_TIME)
		done += page.first >= page.last ? p->window.to - page.last : page.last - p->window.from;
	if (total > 0)
		progress_show(fetch.n_written, (uint64_t)later(0, earlier(done, total)), (uint64_t)total);
}

void
plan_settle(bool through)
{
	struct state *st = &fetch.st;

	ids_keep(&st->pending, false);
	if (!through) {
		note("stopped at --limit %lld%s", (long long)opts.limit,
		    opts.state != NULL ? ": the next sync goes on from there" : "");
		return;
	}
	/* Where --until ended it, there may be a hole before the next sweep begins. */
	if (st->plan.sweep && st->plan.until >= earlier(st->watermark, st->plan.started - opts.sweep))
		st->swept = st->plan.started;
	st->watermark = later(st->watermark, st->plan.until);
	st->planned = false;
}

/* ---- a window ---- */

/* The first page of w is next. */
static void
drop_cursor(struct state_window *w)
{
	free(w->cursor);
	w->cursor = NULL;
}

static void
open_window(struct state_plan *p)
{
	drop_cursor(&p->window);
	p->window.from = p->pos;
	p->window.to = earlier(p->pos + p->span, p->until);
	p->in_window = true;
}

/* Start the window over, shorter, so that it gets done before the next cursor is lost. */
static void
shorten(struct state_window *w)
{
	drop_cursor(w);
	w->to = w->from + (w->to - w->from + 1) / 2;
}

/*
 * The last page was full, and no cursor came.  That may be the end by chance, or a service that cuts: ask
 * for what is beyond.  True: there may be more in *from, *to.
 */
static bool
narrow(int64_t *from, int64_t *to)
{
	int64_t f = *from, t = *to;

	if (page.first == RUN_NO_TIME || page.last == RUN_NO_TIME)
		return false;
	if (page.first >= page.last)	/* newest first */
		*to = earlier(t, page.last + 1);
	else
		*from = later(f, page.last);
	if (f != *from || t != *to)
		return true;
	warn("a full page of %lu runs of the same time came without a cursor: there may be more of them", page.n);
	return false;
}

static enum drained
drain_window(struct state_window *w)
{
	int64_t from = w->from, to = w->to;
	bool beyond = false, told = false;
	enum drained end;

	page_query(from, to);
	if (w->cursor != NULL)
		page.q.page = w->page;		/* of which it is */
	for (;;) {
		unsigned long long before = fetch.n_written;

		end = page_drain(&w->cursor);
		if (beyond && fetch.n_written > before && !told) {
			warn("the service ended a list of runs early, at a full page; the rest was asked for and came");
			told = true;
		}
		if (end != DRAINED_FULL || !narrow(&from, &to))
			return end;
		beyond = true;
		page.q.from = from;
		page.q.to = to;
		drop_cursor(w);
	}
}

/* Make the place in the window part of the state, for the next invocation. */
static void
save_place(struct state_window *w)
{
	w->api = page.api;
	w->page = page.q.page;
	w->saved = when_now();
	ids_free(&w->done);
	w->done = page.done;
	memset(&page.done, 0, sizeof page.done);
}

/* Take up a window that --limit has cut. */
static void
resume_window(struct state_window *w)
{
	if (opts.api == API_AUTO) {
		page.api = w->api;
		page.api_sure = w->api == 1;
	}
	if (page.api != w->api)
		drop_cursor(w);
	else if (fetch.now - w->saved > CURSOR_MS)
		shorten(w);
	ids_free(&page.done);
	page.done = w->done;
	memset(&w->done, 0, sizeof w->done);
}

/* ---- all of them ---- */

/*
 * Move pos over a stretch without runs: doubled steps up to a year until one has runs, then
 * halved ones to where they begin.  A week or less is not probed, but asked for.
 */
static void
skip_empty(struct state_plan *p)
{
	bool hit = false;
	int64_t span;

	while ((span = earlier(p->span, p->until - p->pos)) > WINDOW_MS) {
		plan_progress();
		if (page_probe(p->pos, p->pos + span)) {
			hit = true;
			p->span = span / 2;
		} else {
			p->pos += span;
			p->span = hit ? span / 2 : earlier(2 * span, PROBE_MAX_MS);
		}
	}
	p->span = WINDOW_MS;
}

bool
plan_walk(void)
{
	struct state_plan *p = &fetch.st.plan;
	struct state_window *w = &p->window;

	if (p->in_window)
		resume_window(w);
	else if (opts.since.set)
		p->pos = later(p->pos, earlier(opts.since.ms, p->until));
	while (p->pos < p->until) {
		if (!p->in_window) {
			skip_empty(p);
			if (p->pos >= p->until)
				break;
			open_window(p);
		}
		switch (drain_window(w)) {
		case CUT_BY_LIMIT:
			save_place(w);
			return false;
		case CURSOR_REFUSED:
			if (w->to - w->from <= 1)
				give_up(ST_FAILED, "the service refuses its own cursor, even in a window of 1 ms");
			verbose("the service refuses its own cursor: asking for less");
			shorten(w);
			continue;
		case DRAINED:
		case DRAINED_FULL:
			break;
		}
		ids_clear(&page.done);
		p->pos = w->to;
		p->in_window = false;
		page_relax();
		p->span = page.n_window == 0 ? 2 * WINDOW_MS : WINDOW_MS;
	}
	return true;
}
