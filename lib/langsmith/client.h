/*
 * client.h - LangSmith's API, as far as reading runs goes.
 *
 * Two query APIs with the same data: v1 (POST /api/v1/runs/query; everywhere, but
 * deprecated) and v2 (POST /api/v2/runs/query; newer servers).  This module knows
 * their dialects, addresses, headers, errors and rate tiers; what to ask and in which
 * order is the caller's.  Facts: api/langsmith.md.
 */
#ifndef LANGSMITH_CLIENT_H
#define LANGSMITH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "langsmith/ids.h"
#include "net/http.h"

#define LS_ENDPOINT	"https://api.smith.langchain.com"
#define LS_PAGE		100	/* runs asked for at once */
#define LS_PAGE_V1	100	/* the most that v1 and ... */
#define LS_PAGE_V2	1000	/* ... v2 allow */
#define LS_IDS		100	/* ids in one look-up */

struct ls {
	struct http *http;	/* borrowed */
	char	*base;		/* owned; scheme, host, prefix, without /api/v1 */
	char	*key, *workspace;	/* owned headers; workspace may be NULL */
	const char *headers[5];
	bool	 saas;		/* LangChain's own hosts, whose rate tiers are known */
	int64_t	 last_ms;	/* when the last query began, monotonic */
	unsigned long requests;	/* tries included */
};

/*
 * endpoint as users give it (trailing slashes, /api/v1); key and workspace (may be NULL) are copied.
 * Returns 0, or -1 with *error (static text); then there is nothing to free.
 */
int	ls_open(struct ls *ls, struct http *http, const char *endpoint, const char *key, const char *workspace,
	    const char **error) __attribute__((warn_unused_result));
void	ls_close(struct ls *ls);

/* As http_perform, with the client's headers, counting and LangSmith's own reading of statuses. */
enum http_result ls_perform(struct ls *ls, struct http_request *rq, struct http_response *r);

/*
 * Find a project by name or id.  HTTP_OK: id and name are filled (NUL terminated); id->len is 0 when there
 * is none of that name, and name then holds some that there are.  Else *r says why; the caller frees it.
 */
enum http_result ls_project(struct ls *ls, const char *project, struct buf *id, struct buf *name,
	    struct http_response *r);

struct ls_query {
	const char *project_id;
	bool	 all_runs;	/* not only roots */
	const char *run_type, *filter;	/* any case; NULL: none */
	const char *const *select;	/* v1 or v2 names in any case */
	size_t	 n_select;
	int64_t	 from, to;	/* start_time in [from, to), ms; of a look-up by ids only a hint */
	const struct id *ids;	/* look up these instead */
	size_t	 n_ids;
	const char *cursor;	/* NULL: the first page */
	int64_t	 page;
};

/*
 * Append the query's body for api 1 or 2.  It asks for a millisecond more at either end, because it is
 * not documented which bounds are inclusive: the caller drops what is outside of [from, to).
 */
void	ls_query_body(const struct ls_query *q, int api, struct buf *out);

/* The address of that query.  Returns new (free). */
char	*ls_query_url(const struct ls *ls, int api);

/* Wait as long as the rate tiers of LangChain's own hosts ask before a query.  False: a signal. */
bool	 ls_pace(struct ls *ls, int api, int64_t from);

/*
 * What went wrong, for a message: status, the service's words, its request id, and what to do.
 * select (may be NULL) are the names that q asked for, to name the one that was refused.
 */
void	 ls_explain(const struct http_response *r, enum http_result result, const struct ls_query *q, struct buf *out);

/* The service itself refused (its answer is JSON): not a proxy in front of it, which may change its mind. */
bool	 ls_own_answer(const struct http_response *r);

#endif
