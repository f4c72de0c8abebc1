/*
 * state.h - what ls-fetch knows between two invocations, as one JSON object.
 *
 *   {"version":1,"project_id":"...","project":"...","scope":"...",
 *    "watermark":T|null,"swept":T|null,"complete":true|false,
 *    "plan":{"from":T,"until":T,"started":T,"sweep":B,"pos":T,"span":MS,
 *            "window":{"from":T,"to":T,"api":"v1"|"v2","page":N,"cursor":S|null,
 *                      "saved":T,"done":[ID...]}|null}|null,
 *    "pending":[{"id":ID,"start_time":T,"since":T?}...]}
 *
 * T is RFC 3339 with milliseconds.  A plan is what one sync has to do, frozen when it began;
 * it is only there while --limit has cut it short.  Unknown members are ignored.
 */
#ifndef LANGSMITH_STATE_H
#define LANGSMITH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "langsmith/ids.h"

#define STATE_NEVER INT64_MIN

struct state_window {
	int64_t	 from, to;	/* [from, to), ms */
	int	 api;		/* 1 or 2: whose cursor it is */
	int64_t	 page;		/* page size */
	char	*cursor;	/* owned; asks for the page to go on with; NULL: the first */
	int64_t	 saved;		/* when that was */
	struct ids done;	/* runs of that page that were emitted already */
};

struct state_plan {
	int64_t	 from, until;
	int64_t	 started;
	bool	 sweep;		/* it goes back far enough to count as a sweep */
	int64_t	 pos;		/* everything before is done */
	int64_t	 span;		/* length of the next probe or window, ms */
	bool	 in_window;
	struct state_window window;
};

struct state {
	char	*project_id, *project, *scope;	/* owned */
	int64_t	 watermark, swept;	/* STATE_NEVER: not yet */
	bool	 planned;		/* plan is there: not complete */
	struct state_plan plan;
	struct ids pending;
};

/* Parse the text (padded by the caller, buf_pad).  Returns 0 with *s new, or -1 with *error (static). */
int	state_parse(struct state *s, struct buf *text, const char **error) __attribute__((warn_unused_result));
/* Append the state as one line. */
void	state_print(const struct state *s, struct buf *out);
void	state_free(struct state *s);

#endif
