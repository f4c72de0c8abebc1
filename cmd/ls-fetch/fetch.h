/*
 * fetch.h - what the parts of ls-fetch share.
 *
 *   main.c	options, endings, and main, which reads top-down
 *   setup.c	key, endpoint, state and project, before the first query
 *   plan.c	what to ask for: bounds, sweep, windows, where to go on
 *   page.c	asking: one page after the other, from the API that is there
 *   emit.c	each run of a page: written, kept, rejected, or passed by
 *   pending.c	the runs that had not ended
 */
#ifndef LS_FETCH_FETCH_H
#define LS_FETCH_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"
#include "json/scan.h"
#include "langsmith/client.h"
#include "langsmith/ids.h"
#include "langsmith/run.h"
#include "langsmith/split.h"
#include "langsmith/state.h"
#include "net/http.h"

#define MINUTE		INT64_C(60000)
#define HOUR		(60 * MINUTE)
#define DAY		(24 * HOUR)
#define PROBE_MAX_MS	(360 * DAY)	/* v2 refuses more than 401 days */

enum api_choice { API_AUTO, API_V1, API_V2 };

struct options {
	const char *project, *state, *filter, *run_type, *select, *endpoint;
	struct opt_time since, until;
	int64_t	 overlap, sweep, settle, give_up;
	int64_t	 limit, page_size, max_line;
	int	 api, progress;
	bool	 all_runs;
	struct http_policy http;
};

/* One invocation. */
struct fetch {
	int64_t	 now;			/* when it began, ms */
	int64_t	 started;		/* the same by when_mono */
	struct http *http, *side_http;	/* side: what is fetched in the middle of a page */
	struct ls ls, side;
	struct ls_query base;		/* what all queries have in common */
	struct state st;		/* without --state too, then it is never written */
	unsigned long long n_read, n_written, n_rejected;	/* runs */
};

/* The query that is being asked, and how far its answer has been read. */
struct page {
	struct ls_query q;
	int	 api;			/* 1 or 2 */
	bool	 api_sure;		/* it has answered, or was asked for */
	bool	 cut;			/* --limit stopped it */
	struct ids done;		/* dealt with in the pages asked for at this place; mark: met in this try */
	struct ids *found;		/* of a look-up by id: those that came; else NULL */
	unsigned long n;		/* runs in this try */
	unsigned long n_window;		/* runs since page_query */
	int64_t	 first, last;		/* start times in this try, RUN_NO_TIME when not known */
};

extern struct options opts;		/* main.c */
extern struct fetch fetch;		/* main.c */
extern struct page page;		/* page.c */

/* main.c: what has come is written, the state stays as it was; so the next invocation asks again. */
void	give_up(int status, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));
void	interrupted(void) __attribute__((noreturn));
/* ... after a request that ended in no answer to work with; q may be NULL. */
void	failed(const char *what, enum http_result result, const struct http_response *r, const struct ls_query *q)
	    __attribute__((noreturn));

bool	asks_for(const char *field);	/* does --select? */

/* setup.c, in this order; what is wrong here ends with status 2. */
void	connect_service(void);
void	load_state(void);
void	find_project(void);
void	write_state(void);		/* to FILE.next, at the end */
void	disconnect(void);

/* plan.c */
void	plan_make(void);
bool	plan_walk(void);		/* false: --limit is reached */
void	plan_progress(void);
void	plan_settle(bool through);

enum drained {
	DRAINED,
	DRAINED_FULL,			/* the last page was full, so perhaps it was not the last */
	CUT_BY_LIMIT,
	CURSOR_REFUSED,
};

/* page.c */
/* Begin a query for start times in [from, to); page.q may be refined after it. */
void	page_query(int64_t from, int64_t to);
/* Get all its pages.  *cursor (the caller's, may be NULL) is where to begin, and then where it stopped. */
enum drained page_drain(char **cursor);
/* Is there any run in [from, to)? */
bool	page_probe(int64_t from, int64_t to);
/* After trouble smaller pages are asked for; a window that got through lets them grow again. */
void	page_relax(void);
void	page_free(void);

/* emit.c */
/* Deal with the element in s->line.  False: --limit is reached. */
bool	emit_run(const struct split *s);
void	emit_flush(void *unused);	/* to stdout; also http_on_idle's */
void	emit_end(void);			/* tell how many were rejected, where not all were named */
void	emit_free(void);

/* pending.c */
/* Remember the run.  Returns its entry, NULL when its id is not like one. */
struct id *pending_keep(const struct run *run);
void	pending_settled(struct span id);
bool	pending_ask(void);		/* look them up; false: --limit is reached */

#endif
