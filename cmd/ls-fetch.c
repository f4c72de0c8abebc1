/*
 * ls-fetch - pull new runs from LangSmith; see ls-fetch(1)
 *
 * What has to be asked is a plan: start times from .. until, frozen when it is
 * made.  It is walked oldest first in windows of a week, each drained page by page
 * before the next.  --limit may spread one plan over several invocations.
 *
 * Nothing is missed, because three nets overlap.  The windows of two plans
 * overlap by --overlap, for runs that arrive late.  Once a day a plan is a sweep: it goes back
 * to --sweep before the *start* of the last sweep.  The service takes no run
 * whose start_time is more than 24 h from now, so what the last sweep did not see
 * has arrived after it began and has started later than 24 h before that; with 25 h there is no hole.
 * And a run that has not ended is kept in the state and asked for by id until it has.
 * Runs may come twice in this, never not at all; dedup(1) follows in the pipe.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/when.h"
#include "json/scan.h"
#include "json/splice.h"
#include "json/str.h"
#include "langsmith/apart.h"
#include "langsmith/client.h"
#include "langsmith/ids.h"
#include "langsmith/run.h"
#include "langsmith/split.h"
#include "langsmith/state.h"
#include "net/http.h"

#define MINUTE		INT64_C(60000)
#define HOUR		(60 * MINUTE)
#define DAY		(24 * HOUR)
#define WINDOW_MS	(7 * DAY)	/* within the easier rate tier, and never a heavy query */
#define PROBE_MAX_MS	(360 * DAY)	/* v2 refuses more than 401 days */
#define HISTORY_MS	INT64_C(1672531200000)	/* 2023-01-01: LangSmith has nothing older */
#define CURSOR_MS	HOUR		/* a saved cursor older than this is not used any more */
#define RETENTION_MS	(14 * DAY)	/* of base traces */
#define OUT_BYTES	(128u << 10)
#define MAX_STATE	(64u << 20)
#define TOLD		10		/* rejected runs that are named one by one */

enum api_choice { API_AUTO, API_V1, API_V2 };

static struct {
	const char *project, *state, *filter, *run_type, *select, *endpoint;
	struct opt_time since, until;
	int64_t	 overlap, sweep, settle, give_up;
	int64_t	 limit, page_size, max_line;
	int	 api, progress;
	bool	 all_runs;
	struct http_policy http;
} o = {
	.overlap = HOUR, .sweep = 25 * HOUR, .settle = MINUTE, .give_up = DAY, .page_size = LS_PAGE,
	.max_line = INT64_C(64) << 20, .http = HTTP_POLICY,
};

static const struct opt options[] = {
	OPT_FLAG(0, "all-runs", &o.all_runs, "child runs too, not only roots"),
	OPT_CHOICE(0, "api", "auto|v1|v2", &o.api, "query API; auto: v2, or v1 where v2 is missing"),
	OPT_STRING(0, "endpoint", "URL", &o.endpoint, "base URL (default LANGSMITH_ENDPOINT or LangChain's)"),
	OPT_STRING('f', "filter", "EXPR", &o.filter, "only runs that this LangSmith filter matches"),
	OPT_DURATION(0, "give-up", &o.give_up, "emit a run that has not ended after this (default 24h)"),
	OPT_NUMBER('n', "limit", &o.limit, 1, INT64_MAX, "emit at most N runs in total"),
	OPT_SIZE(0, "max-line", &o.max_line, 1024, INT64_C(1) << 32, "reject runs that are longer (default 64M)"),
	OPT_HTTP(&o.http),
	OPT_DURATION(0, "overlap", &o.overlap, "ask again for runs this long before the last sync (default 1h)"),
	OPT_NUMBER(0, "page-size", &o.page_size, 1, LS_PAGE_V2, "runs to ask for at once (default 100; v1 allows no more)"),
	OPT_PROGRESS(&o.progress),
	OPT_STRING('p', "project", "NAME|ID", &o.project, "project (default LANGSMITH_PROJECT, or 'default')"),
	OPT_STRING(0, "run-type", "T", &o.run_type, "only runs of this type (llm, chain, tool, ...)"),
	OPT_STRING(0, "select", "F,F...", &o.select, "fields to ask for"),
	OPT_DURATION(0, "settle", &o.settle, "leave out runs younger than this (default 1m)"),
	OPT_TIME(0, "since", &o.since, "only runs that started at this time or later"),
	OPT_STRING('s', "state", "FILE", &o.state, "go on where FILE says; the new state is FILE.next"),
	OPT_DURATION(0, "sweep", &o.sweep, "how late a run may arrive; looked back once a day (default 25h)"),
	OPT_TIME(0, "until", &o.until, "only runs that started before this time"),
};

static const struct tool tool = {
	.name = "ls-fetch",
	.synopsis = "[-p NAME|ID] [-s FILE] [--since T] [--until T] [-f EXPR] [-n N] [OPTION]...",
	.summary = "Pull runs from LangSmith and write them as NDJSON.",
	.example =
	    "  ls-fetch --state state.json | msg-extract | dedup -k run_id --seen pushed.ndjson &&\n"
	    "      mv state.json.next state.json",
	.environment =
	    "  LANGSMITH_API_KEY (LS_API_KEY, LANGCHAIN_API_KEY)  the key; with _FILE appended: a file that holds it\n"
	    "  LANGSMITH_PROJECT (LS_PROJECT, LANGCHAIN_PROJECT)  the project\n"
	    "  LANGSMITH_ENDPOINT (LANGCHAIN_ENDPOINT)            base URL, for EU and self-hosted\n"
	    "  LANGSMITH_WORKSPACE_ID                             for organisation-wide keys\n"
	    "  LLMUTILS_CA_FILE                                   a private CA",
	.opts = options,
	.n_opts = sizeof options / sizeof *options,
	.max_args = 0,
};

static struct http *http, *side_http;	/* side: what is fetched in the middle of a page */
static struct ls ls, side;
static struct state st;			/* without --state too, then it is never written */
static struct ls_query base;		/* what all queries have in common */
static int api;				/* 1 or 2 */
static bool api_sure;			/* it has answered */
static int64_t bearable = INT64_MAX;	/* page size, after failures */
static int64_t now_ms;			/* when this invocation began */

static struct buf out;			/* whole lines for stdout */
static struct buf next_name;		/* FILE.next */
static struct ids early;		/* settled by the look-up of pending runs, not to be met again */
static struct scan scan;
static unsigned long long n_read, n_written, n_rejected, n_pending;

/* ---- endings ---- */

static void
flush(void *unused)
{
	(void)unused;
	if (out.len > 0)
		io_stdout(out.p, out.len);
	buf_clear(&out);
}

static void
summary(void)
{
	verbose("read=%llu written=%llu pending=%llu rejected=%llu requests=%lu seconds=%.1f", n_read, n_written,
	    o.state != NULL ? (unsigned long long)st.pending.n : n_pending, n_rejected, ls.requests + side.requests,
	    (double)(when_now() - now_ms) / 1e3);
}

/* What has come is written; the state stays as it was, so the next invocation asks again. */
static void __attribute__((noreturn, format(printf, 2, 3)))
give_up(int status, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	flush(NULL);
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	warn("%s", text);
	summary();
	exit(status);
}

static void __attribute__((noreturn))
interrupted(void)
{
	flush(NULL);
	summary();
	exit(sig_exit(ST_FAILED));
}

/* A request that ended in no answer to work with. */
static void __attribute__((noreturn))
failed(const char *what, enum http_result result, const struct http_response *r, const struct ls_query *q)
{
	struct buf why = { 0 };
	bool ours;

	if (result == HTTP_INTERRUPTED)
		interrupted();
	/* A service that refuses us before anything was done: key, project, filter or fields are not right. */
	ours = result == HTTP_REFUSED && r->status < 500 && ls_own_answer(r) && n_written == 0;
	ls_explain(r, result, q, &why);
	if (q != NULL && o.api == API_V2 && (r->status == 404 || r->status == 405))
		buf_adds(&why, ", or this server has no v2 query API: try --api v1");
	give_up(ours ? ST_USAGE : ST_FAILED, "%s: %s", what, buf_str(&why));
}

/* ---- set-up ---- */

static const char *const default_select[] = {
	"id", "trace_id", "name", "run_type", "status", "start_time", "end_time", "error", "inputs", "inputs_s3_urls",
};

/* Always asked for, whatever the user selects: the work here needs them. */
static const char *const needed[] = { "id", "status", "start_time", "end_time" };

static bool
asks_for(const struct ls_query *q, const char *name)
{
	for (size_t i = 0; i < q->n_select; i++)
		if (strcasecmp(q->select[i], name) == 0)
			return true;
	return false;
}

static void
add_select(const char **v, size_t *n, const char *name)
{
	for (size_t i = 0; i < *n; i++)
		if (strcasecmp(v[i], name) == 0)
			return;
	v[(*n)++] = name;
}

static void
parse_select(struct ls_query *q)
{
	char *copy, *p, *name;
	const char **v;
	size_t n = 0;

	if (o.select == NULL) {
		q->select = default_select;
		q->n_select = sizeof default_select / sizeof *default_select;
		return;
	}
	copy = mem_dup(o.select, strlen(o.select));	/* both live as long as the process */
	v = mem_zero(strlen(copy) + 8, sizeof *v);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		v[n++] = needed[i];
	for (p = copy; (name = strsep(&p, ", ")) != NULL; )
		if (*name != '\0')
			add_select(v, &n, name);
	q->select = v;
	q->n_select = n;
	/* Without its address, a value that is stored apart would come out as null. */
	if (asks_for(q, "inputs"))
		add_select(v, &n, "inputs_s3_urls");
	if (asks_for(q, "outputs"))
		add_select(v, &n, "outputs_s3_urls");
	q->n_select = n;
}

static void
parse_options(int argc, char *argv[])
{
	opt_parse(&tool, argc, argv);
	now_ms = when_now();
	if (o.since.set && o.until.set && o.since.ms >= o.until.ms)
		opt_misuse("--since is not before --until");
	if (o.state != NULL && *o.state == '\0')
		opt_misuse("--state: the name is empty");
	if (o.filter != NULL && o.filter[strspn(o.filter, " \t\n")] == '\0')
		o.filter = NULL;
	base.all_runs = o.all_runs;
	base.run_type = o.run_type;
	base.filter = o.filter;
	parse_select(&base);
	api = o.api == API_V1 ? 1 : 2;
	api_sure = o.api != API_AUTO;
}

/* An option, or else the environment. */
static void
setting(const char **option, const char *const names[], const char *fallback)
{
	if (*option == NULL)
		*option = env_get(names);	/* lives as long as the process */
	if (*option == NULL)
		*option = fallback;
}

static void
connect_service(void)
{
	static const char *const key_names[] = { "LANGSMITH_API_KEY", "LS_API_KEY", "LANGCHAIN_API_KEY", NULL };
	static const char *const endpoint_names[] = { "LANGSMITH_ENDPOINT", "LS_ENDPOINT", "LANGCHAIN_ENDPOINT", NULL };
	static const char *const workspace_names[] = { "LANGSMITH_WORKSPACE_ID", "LANGSMITH_TENANT_ID",
		"LANGCHAIN_WORKSPACE_ID", NULL };
	const char *error;
	char *key, *path, *workspace = env_get(workspace_names);

	if (env_secret(key_names, &key, &path) == -1)
		die(ST_USAGE, "%s: %s", path, strerror(errno));
	if (key == NULL)
		die(ST_USAGE, "no API key: set LANGSMITH_API_KEY (or LS_API_KEY), or LANGSMITH_API_KEY_FILE");
	setting(&o.endpoint, endpoint_names, LS_ENDPOINT);
	sig_catch();
	sig_ignore_pipe();
	http = http_new(&o.http);
	side_http = http_new(&o.http);
	http_on_idle(http, flush, NULL);
	http_on_idle(side_http, flush, NULL);
	if (ls_open(&ls, http, o.endpoint, key, workspace, &error) == -1 ||
	    ls_open(&side, side_http, o.endpoint, key, workspace, &error) == -1)
		die(ST_USAGE, "%s", error);
	free(key);
	free(workspace);
}

/*
 * All that decides which runs of the project are asked for, as text.  Not the endpoint: project ids are
 * unique, and a service may get another address.
 */
static char *
scope_text(void)
{
	struct buf b = { 0 };

	buf_adds(&b, o.all_runs ? "all runs" : "root runs");
	if (o.run_type != NULL)
		buf_addf(&b, " of type %s", o.run_type);
	if (o.filter != NULL)
		buf_addf(&b, " where %s", o.filter);
	(void)buf_str(&b);
	return b.p;
}

/* Before hours of work, see whether its result can be kept. */
static void
check_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? mem_dup(".", 1) : mem_dup(path, slash == path ? 1 : (size_t)(slash - path));

	int e = access(dir, W_OK | X_OK) == -1 ? errno : 0;

	free(dir);
	if (e != 0)
		die(ST_USAGE, "%s: %s", path, strerror(e));
}

/* Read the state; a first run has none.  A leftover FILE.next is of a sync that failed. */
static void
load_state(void)
{
	struct buf text = { .max = MAX_STATE };
	const char *error;

	st.watermark = st.swept = STATE_NEVER;
	if (o.state == NULL)
		return;
	buf_addf(&next_name, "%s.next", o.state);
	(void)buf_str(&next_name);
	check_directory(o.state);
	if (unlink(next_name.p) == -1 && errno != ENOENT)
		die(ST_USAGE, "%s: %s", next_name.p, strerror(errno));
	if (file_read(o.state, &text) == 0) {
		if (state_parse(&st, &text, &error) == -1)
			die(ST_USAGE, "%s: %s: put it right, or remove it to start over from all history", o.state, error);
	} else if (errno != ENOENT) {
		die(ST_USAGE, "%s: %s", o.state, strerror(errno));
	}
	buf_free(&text);
}

static void
find_project(void)
{
	static const char *const names[] = { "LANGSMITH_PROJECT", "LS_PROJECT", "LANGCHAIN_PROJECT", "LANGSMITH_SESSION",
		"LANGCHAIN_SESSION", NULL };
	struct buf id = { 0 }, name = { 0 };
	struct http_response r;
	enum http_result result;

	setting(&o.project, names, "default");
	result = ls_project(&ls, o.project, &id, &name, &r);
	if (result != HTTP_OK)
		failed("looking up the project", result, &r, NULL);
	http_response_free(&r);
	if (id.len == 0 && name.len > 0)
		die(ST_USAGE, "there is no project '%s' (there are: %s); see --project", o.project, name.p);
	if (id.len == 0)
		die(ST_USAGE, "there is no project '%s', and no other that this key may see; see --project", o.project);
	if (st.project_id != NULL && strcasecmp(st.project_id, id.p) != 0)
		die(ST_USAGE, "%s: it belongs to the project '%s' (%s), not to '%s' (%s): use another file", o.state, st.project,
		    st.project_id, name.p, id.p);
	free(st.project_id);
	free(st.project);
	st.project_id = id.p;
	st.project = name.p;
	base.project_id = st.project_id;
}

static void
check_scope(void)
{
	char *scope = scope_text();

	if (st.scope != NULL && strcmp(st.scope, scope) != 0)
		die(ST_USAGE, "%s: it was made for '%s', not for '%s': use another file, or the same options", o.state, st.scope,
		    scope);
	free(st.scope);
	st.scope = scope;
}

/* What this sync has to ask for, unless an earlier one was cut short. */
static void
make_plan(void)
{
	struct state_plan *p = &st.plan;
	int64_t until = now_ms - o.settle, sweep_from;

	if (st.planned)
		return;
	if (o.until.set && o.until.ms < until)
		until = o.until.ms;
	*p = (struct state_plan){ .until = until, .started = now_ms, .span = WINDOW_MS };
	if (st.watermark == STATE_NEVER) {
		p->from = HISTORY_MS;
		p->sweep = true;
	} else {
		p->from = st.watermark - o.overlap;
		if (st.swept == STATE_NEVER || now_ms - st.swept >= DAY) {
			sweep_from = (st.swept == STATE_NEVER ? st.watermark : st.swept) - o.sweep;
			p->from = sweep_from < p->from ? sweep_from : p->from;
			p->sweep = true;
		}
		if (now_ms - st.watermark > RETENTION_MS) {
			char t[WHEN_SIZE];

			warn("the last sync was of %s: runs that the service keeps for 14 days only may be gone",
			    when_format(st.watermark, t));
		}
	}
	if (o.since.set && p->from < o.since.ms)
		p->from = o.since.ms;
	p->pos = p->from;
	st.planned = true;
}

/* ---- runs ---- */

static struct {
	struct ls_query q;
	struct buf body;
	struct split split;
	struct ids done;	/* emitted or kept as pending from the pages asked for at this place; mark: met in this try */
	struct ids *found;	/* of a look-up: the ids that came */
	unsigned long n;	/* runs in this try */
	unsigned long n_window;	/* since the window began */
	int64_t	 first, last;	/* start times of the page, RUN_NO_TIME when not known */
	bool	 limit;		/* --limit stopped it */
} page;

static void __attribute__((format(printf, 2, 3)))
reject(struct span id, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	if (++n_rejected <= TOLD)
		warn("run %.*s: %s", id.len > 0 ? (int)(id.len < 100 ? id.len : 100) : 9, id.len > 0 ? id.p : "(no id)", why);
}

static void
emit(struct span text, struct span id)
{
	struct id *i = ids_add(&page.done, id.p, id.len);

	if (i != NULL)
		i->mark = true;
	n_written++;
	buf_add(&out, text.p, text.len);
	buf_addc(&out, '\n');
	if (out.len >= OUT_BYTES)
		flush(NULL);
}

/* Put what is stored apart in its place in line.  False: it cannot be had now. */
static bool
fill_in(struct buf *line, struct span id, const char *field, const char *urls, struct span at)
{
	char why[APART_WHY];

	if (at.len == 0 || !asks_for(&base, field))
		return true;
	switch (apart_fill(&side, base.project_id, (size_t)o.max_line, line, id, field, urls, at, why)) {
	case APART_DONE:
		return true;
	case APART_FAILED:
		reject(id, "its %s, stored apart, cannot be fetched: %s", field, why);
		return false;
	case APART_INTERRUPTED:
		interrupted();
	}
	return false;
}

/*
 * Emit a run whose inputs or outputs are stored apart.  Where they cannot be had, it stays pending and is
 * asked for again, but not for ever.
 */
static void
emit_apart(const struct run *run, struct span text)
{
	struct buf line = { 0 };
	struct id *p;
	bool ok;

	buf_add(&line, text.p, text.len);
	ok = fill_in(&line, run->id, "inputs", "inputs_s3_urls", run->inputs_at) &&
	    fill_in(&line, run->id, "outputs", "outputs_s3_urls", run->outputs_at);
	p = ids_find(&st.pending, run->id.p, run->id.len);
	if (!ok && p != NULL && p->since != 0 && now_ms - p->since > o.give_up) {
		warn("run %s: written without, after asking for it in vain for long", p->id);
		ok = true;
	}
	if (ok) {
		emit((struct span){ line.p, line.len }, run->id);
		if (p != NULL)
			p->mark = true;
	} else if (o.state != NULL && (p = ids_add(&st.pending, run->id.p, run->id.len)) != NULL) {
		p->mark = false;
		p->start = run->start != RUN_NO_TIME ? run->start : now_ms;
		p->since = p->since != 0 ? p->since : now_ms;
		ids_add(&page.done, run->id.p, run->id.len)->mark = true;
	}
	buf_free(&line);
}

/* Not ended yet: remember it. */
static void
keep_pending(const struct run *run)
{
	struct id *p = ids_add(&st.pending, run->id.p, run->id.len);

	if (p != NULL) {
		p->mark = false;
		if (p->start == 0)
			p->start = run->start != RUN_NO_TIME ? run->start : now_ms;
	}
	p = ids_add(&page.done, run->id.p, run->id.len);
	if (p != NULL)
		p->mark = true;
	n_pending++;
}

static void
track_times(int64_t start)
{
	if (page.n == 1)
		page.first = start;
	page.last = start;
}

/* The id in the beginning of a run that was too long to be read. */
static struct span
guess_id(const struct buf *b)
{
	static const char key[] = "\"id\"";
	const char *p = b->len == 0 ? NULL : memmem(b->p, b->len, key, sizeof key - 1), *end = b->p + b->len, *q;

	if (p == NULL)
		return (struct span){ NULL, 0 };
	for (p += sizeof key - 1; p < end && strchr(" \t:", *p) != NULL && *p != '\0'; p++)
		;
	q = p < end && *p == '"' ? memchr(p + 1, '"', (size_t)(end - p - 1)) : NULL;
	return q == NULL ? (struct span){ NULL, 0 } : (struct span){ p + 1, (size_t)(q - p - 1) };
}

static struct span
cannot_read(struct split *s)
{
	struct span id = guess_id(&s->line);
	struct id *i = ids_find(&page.done, id.p, id.len);

	if (i == NULL) {	/* not told already, in an earlier try of the page */
		n_read++;
		if (s->too_long)
			reject(id, "it is longer than --max-line");
		else
			reject(id, "it is not valid JSON: %s", scan.error != NULL ? scan.error : "it is not UTF-8");
		i = ids_add(&page.done, id.p, id.len);
	}
	if (i != NULL)
		i->mark = true;
	return id;
}

/* One run of the page.  False: --limit is reached. */
static bool
take_run(struct split *s)
{
	const char *end = NULL;
	struct run run;
	struct id *known;
	bool lookup = page.found != NULL;

	page.n++;
	page.n_window++;
	scan.error = NULL;
	if (s->too_long || (end = scan_record(&scan, s->line.p)) == NULL || scan_utf8(s->line.p, s->line.len) != NULL) {
		cannot_read(s);
		return true;
	}
	if (!run_read(&run, &scan)) {
		n_read++;
		reject((struct span){ NULL, 0 }, "it has no id");
		return true;
	}
	track_times(run.start);
	if ((known = ids_find(&page.done, run.id.p, run.id.len)) != NULL) {
		known->mark = true;
		return true;
	}
	if (lookup)
		ids_add(page.found, run.id.p, run.id.len);
	else if (ids_find(&early, run.id.p, run.id.len) != NULL)
		return true;
	else if (run.start != RUN_NO_TIME && (run.start < page.q.from || run.start >= page.q.to ||
	    (o.since.set && run.start < o.since.ms)))
		return true;	/* its window is another one */
	if (!run.ended && (run.start == RUN_NO_TIME || now_ms - run.start <= o.give_up)) {
		n_read++;
		keep_pending(&run);
		return true;
	}
	/* With a state, one more run is waited for, to know whether the plan is through. */
	if (o.limit != 0 && n_written >= (unsigned long long)o.limit) {
		page.limit = true;
		return false;
	}
	n_read++;
	if (lookup)
		ids_add(&early, run.id.p, run.id.len);
	if (run.inputs_at.len > 0 || run.outputs_at.len > 0) {
		emit_apart(&run, splice_text(s->line.p, end));
	} else {
		emit(splice_text(s->line.p, end), run.id);
		if ((known = ids_find(&st.pending, run.id.p, run.id.len)) != NULL)
			known->mark = true;
	}
	if (o.limit != 0 && o.state == NULL && n_written >= (unsigned long long)o.limit) {
		page.limit = true;
		return false;
	}
	return true;
}

/* ---- pages ---- */

static void
page_begin(struct http_request *rq, const struct http_response *last)
{
	/* The store runs out of memory on heavy pages, or someone out of time: ask for less. */
	if (last != NULL && last->tries >= 2 && last->status != 429 && page.q.page > 1)
		bearable = page.q.page /= 2;
	buf_clear(&page.body);
	ls_query_body(&page.q, api, &page.body);
	rq->body = page.body.p;
	rq->body_len = page.body.len;
	split_reset(&page.split);
	for (size_t i = 0; i < page.done.n; i++)
		page.done.v[i].mark = false;
	page.n = 0;
	page.first = page.last = RUN_NO_TIME;
}

static enum http_sink
page_bytes(struct http_request *rq, const char *p, size_t len)
{
	enum split_st e;

	(void)rq;
	if (p == NULL) {
		if (!split_end(&page.split) || !page.split.listed || scan_record(&scan, page.split.rest.p) == NULL)
			return HTTP_BROKEN;
		return HTTP_MORE;
	}
	while ((e = split_feed(&page.split, &p, &len)) == SPLIT_RUN)
		if (!take_run(&page.split))
			return HTTP_ENOUGH;
	return e == SPLIT_BAD ? HTTP_BROKEN : HTTP_MORE;
}

/* The cursor to the next page, from what is left of this one.  Returns new, or NULL. */
static char *
next_cursor(void)
{
	struct span rest = splice_text(page.split.rest.p, page.split.rest.p + page.split.rest.len), v, cursor;
	struct buf b = { 0 };
	bool there;

	if (api == 1)
		there = JSON_MEMBER(rest, "cursors", &v) && JSON_MEMBER(v, "next", &cursor);
	else
		there = JSON_MEMBER(rest, "next_cursor", &cursor) && !(JSON_MEMBER(rest, "has_more", &v) && v.p[0] == 'f');
	if (page.n == 0 || !there || !json_is_string(cursor) || cursor.len == 2)
		return NULL;
	json_decode(json_inside(cursor), &b);
	(void)buf_str(&b);
	return b.p;
}

enum page_end { PAGE_DONE, PAGE_LIMIT, PAGE_STALE, PAGE_OTHER_API };

/* Ask for the page that page.q names. */
static enum page_end
get_page(void)
{
	char *url = ls_query_url(&ls, api);
	struct http_request rq = { .what = "runs/query", .url = url, .begin = page_begin, .sink = page_bytes };
	struct http_response r;
	enum http_result result;
	enum page_end end = PAGE_DONE;

	if (!ls_pace(&ls, api, page.q.n_ids > 0 ? 0 : page.q.from))
		interrupted();
	result = ls_perform(&ls, &rq, &r);
	free(url);
	if (result == HTTP_OK) {
		api_sure = true;
		end = page.limit ? PAGE_LIMIT : PAGE_DONE;
	} else if (result == HTTP_REFUSED && !api_sure && (r.status == 404 || r.status == 405 || r.status == 501)) {
		verbose("no v2 query API here: using v1");
		api = 1;
		api_sure = true;
		end = PAGE_OTHER_API;
	} else if (result == HTTP_REFUSED && page.q.cursor != NULL && r.status >= 400 && r.status < 500 && r.status != 401 &&
	    r.status != 403) {
		end = PAGE_STALE;
	} else {
		failed(api == 1 ? "query (v1)" : "query (v2)", result, &r, &page.q);
	}
	http_response_free(&r);
	return end;
}

static int64_t
page_size(void)
{
	int64_t n = api == 1 && o.page_size > LS_PAGE_V1 ? LS_PAGE_V1 : o.page_size;

	n = o.limit != 0 && o.limit < n ? o.limit : n;
	return bearable < n ? bearable : n;
}

/* By the time that the runs cover: so much of the plan, and so much of the window, from its newer end mostly. */
static void
show_progress(void)
{
	const struct state_plan *p = &st.plan;
	int64_t done = p->pos - p->from, total = p->until - p->from;

	if (p->in_window && page.last != RUN_NO_TIME)
		done += page.first >= page.last ? p->window.to - page.last : page.last - p->window.from;
	if (total > 0)
		progress_show(n_written, (uint64_t)(done < 0 ? 0 : done < total ? done : total), (uint64_t)total);
}

enum drained { DRAINED, DRAINED_FULL, CUT_BY_LIMIT, CURSOR_REFUSED };

/*
 * Get all pages of page.q.  *cursor (owned by the caller, may be NULL) is where to begin, and then where it
 * stopped.  DRAINED_FULL: the last page was full, so perhaps it was not the last.
 */
static enum drained
drain(char **cursor)
{
	for (;;) {
		char *next;

		page.q.cursor = *cursor;
		page.limit = false;
		switch (get_page()) {
		case PAGE_LIMIT:
			return CUT_BY_LIMIT;
		case PAGE_STALE:
			return CURSOR_REFUSED;
		case PAGE_OTHER_API:
			free(*cursor);
			*cursor = NULL;
			if (page.q.page > LS_PAGE_V1)
				page.q.page = LS_PAGE_V1;
			continue;
		case PAGE_DONE:
			break;
		}
		show_progress();
		next = next_cursor();
		if (next == NULL)
			return (int64_t)page.n >= page.q.page ? DRAINED_FULL : DRAINED;
		/* A smaller page after a failure may leave some runs of the larger one to the next: those stay. */
		ids_keep(&page.done, false);
		if (*cursor != NULL && strcmp(*cursor, next) == 0)
			give_up(ST_FAILED, "the service gives the same cursor again and again: the query cannot be finished");
		free(*cursor);
		*cursor = next;
	}
}

static void
begin_query(int64_t from, int64_t to)
{
	page.q = base;
	page.q.from = from;
	page.q.to = to;
	page.q.page = page_size();
	page.found = NULL;
	page.n_window = 0;
	page.split.max_line = (size_t)o.max_line;
}

/* ---- runs that had not ended ---- */

static int
by_start(const void *a, const void *b)
{
	const struct id *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void
forget(struct id gone)
{
	struct id *p = ids_find(&st.pending, gone.id, strlen(gone.id));

	note("run %s: it had not ended, and the service does not know it any more", gone.id);
	if (p != NULL)
		p->mark = true;
}

/* Look up these; false: --limit is reached. */
static bool
look_up(const struct id *ids, size_t n)
{
	struct ids found = { 0 };
	char *cursor = NULL;
	enum drained end;

	begin_query(ids[0].start - DAY, ids[n - 1].start + DAY);
	page.q.ids = ids;
	page.q.n_ids = n;
	page.q.page = LS_IDS;
	page.found = &found;
	end = drain(&cursor);
	if (end == CURSOR_REFUSED)
		give_up(ST_FAILED, "the service refuses its own cursor in a look-up by id");
	if (end != CUT_BY_LIMIT)
		for (size_t i = 0; i < n; i++)
			if (ids_find(&found, ids[i].id, strlen(ids[i].id)) == NULL)
				forget(ids[i]);
	page.found = NULL;
	ids_free(&found);
	ids_clear(&page.done);
	free(cursor);
	return end != CUT_BY_LIMIT;
}

/* Ask again for the pending runs, in chunks whose times are not too far apart.  False: --limit is reached. */
static bool
ask_pending(void)
{
	size_t n = st.pending.n, i, from = 0;
	struct id *all;
	bool more = true;

	if (n == 0)
		return true;
	all = mem_zero(n, sizeof *all);
	memcpy(all, st.pending.v, n * sizeof *all);
	qsort(all, n, sizeof *all, by_start);
	for (i = 1; i <= n && more; i++)
		if (i == n || i - from == LS_IDS || all[i].start - all[from].start > PROBE_MAX_MS) {
			more = look_up(all + from, i - from);
			from = i;
		}
	free(all);
	return more;
}

/* ---- windows ---- */

/* Is there any run in [from, to)? */
static bool
probe(int64_t from, int64_t to)
{
	static const char *const only_id[] = { "id" };
	struct http_request rq = { .what = "runs/query", .begin = page_begin };
	struct http_response r;
	enum http_result result;
	struct json_iter it;
	struct span list, v;
	bool some = true;
	char *url;

	begin_query(from, to);
	page.q.select = only_id;
	page.q.n_select = 1;
	page.q.page = 1;
	for (;;) {
		if (!ls_pace(&ls, api, from))
			interrupted();
		rq.url = url = ls_query_url(&ls, api);
		result = ls_perform(&ls, &rq, &r);
		free(url);
		if (result != HTTP_REFUSED || api_sure || (r.status != 404 && r.status != 405))
			break;
		api = 1;
		api_sure = true;
		http_response_free(&r);
	}
	if (result != HTTP_OK)
		failed(api == 1 ? "query (v1)" : "query (v2)", result, &r, &page.q);
	api_sure = true;
	if (r.body.len > 0)
		json_one_line(r.body.p, r.body.len);
	buf_pad(&r.body);
	if (scan_record(&scan, r.body.p) != NULL) {
		const struct member *m = api == 1 ? scan_find(&scan, "runs", 4) : scan_find(&scan, "items", 5);

		if (m == NULL || (list = m->val).p[0] != '[')
			give_up(ST_FAILED, "query: not the answer of this API (is there a proxy in between?)");
		it = json_open(list);
		some = json_next_element(&it, &v);
	}
	http_response_free(&r);
	return some;
}

/*
 * Move plan.pos over a stretch without runs: doubled steps up to a year until one has runs, then
 * halved ones to where they begin.  A week or less is not probed, but asked for.
 */
static void
skip_empty(struct state_plan *p)
{
	bool hit = false;

	while (p->pos < p->until && p->span > WINDOW_MS) {
		int64_t span = p->span < p->until - p->pos ? p->span : p->until - p->pos;

		if (span <= WINDOW_MS)
			break;
		show_progress();
		if (probe(p->pos, p->pos + span)) {
			hit = true;
			p->span = span / 2;
		} else {
			p->pos += span;
			p->span = hit ? span / 2 : span < PROBE_MAX_MS / 2 ? 2 * span : PROBE_MAX_MS;
		}
	}
	if (p->span > WINDOW_MS || hit)
		p->span = WINDOW_MS;
}

static void
open_window(struct state_plan *p)
{
	struct state_window *w = &p->window;
	int64_t span = p->span < p->until - p->pos ? p->span : p->until - p->pos;

	free(w->cursor);
	w->cursor = NULL;
	w->from = p->pos;
	w->to = p->pos + span;
	p->in_window = true;
}

/* Start the window over, shorter, so that it gets done before the next cursor is lost. */
static void
restart_window(struct state_window *w, bool shorter)
{
	free(w->cursor);
	w->cursor = NULL;
	if (shorter)
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
		t = page.last + 1 < t ? page.last + 1 : t;
	else
		f = page.last > f ? page.last : f;
	if (f == *from && t == *to) {
		warn("a full page of %lu runs of the same time came without a cursor: there may be more of them", page.n);
		return false;
	}
	*from = f;
	*to = t;
	return true;
}

/* Drain the window of the plan. */
static enum drained
drain_window(struct state_window *w)
{
	int64_t from = w->from, to = w->to;
	bool beyond = false, told = false;
	enum drained end;

	for (;;) {
		unsigned long long before = n_written;

		end = drain(&w->cursor);
		if (beyond && n_written > before && !told) {
			warn("the service ended a list of runs early, at a full page; the rest was asked for and came");
			told = true;
		}
		if (end != DRAINED_FULL || !narrow(&from, &to))
			return end;
		beyond = true;
		page.q.from = from;
		page.q.to = to;
		free(w->cursor);
		w->cursor = NULL;
	}
}

/* Make the place in the window part of the state, for the next invocation. */
static void
save_place(struct state_window *w)
{
	w->api = api;
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
	if (o.api == API_AUTO) {
		api = w->api;
		api_sure = false;
		if (api == 1)
			api_sure = true;
	}
	if (api != w->api)
		restart_window(w, false);
	else if (now_ms - w->saved > CURSOR_MS)
		restart_window(w, true);
	ids_free(&page.done);
	page.done = w->done;
	memset(&w->done, 0, sizeof w->done);
}

/* Do the plan.  False: --limit is reached. */
static bool
walk(struct state_plan *p)
{
	struct state_window *w = &p->window;
	int64_t resumed_page = 0;

	if (p->in_window) {
		resume_window(w);
		resumed_page = w->cursor != NULL ? w->page : 0;
	} else if (o.since.set && p->pos < o.since.ms) {
		p->pos = o.since.ms < p->until ? o.since.ms : p->until;
	}
	while (p->pos < p->until) {
		if (!p->in_window) {
			skip_empty(p);
			if (p->pos >= p->until)
				break;
			open_window(p);
		}
		begin_query(w->from, w->to);
		if (resumed_page != 0)
			page.q.page = resumed_page;
		resumed_page = 0;
		switch (drain_window(w)) {
		case CUT_BY_LIMIT:
			save_place(w);
			return false;
		case CURSOR_REFUSED:
			if (w->to - w->from <= 1)
				give_up(ST_FAILED, "the service refuses its own cursor, even in a window of 1 ms");
			verbose("the service refuses its own cursor: asking for less");
			restart_window(w, true);
			continue;
		case DRAINED:
		case DRAINED_FULL:
			break;
		}
		ids_clear(&page.done);
		p->pos = w->to;
		p->in_window = false;
		bearable = bearable < LS_PAGE_V2 ? 2 * bearable : bearable;
		p->span = page.n_window == 0 ? 2 * WINDOW_MS : WINDOW_MS;
	}
	return true;
}

/* ---- the end ---- */

static void
write_state(void)
{
	struct buf text = { 0 };
	struct stat sb;
	mode_t mask = umask(0), mode = stat(o.state, &sb) == 0 ? sb.st_mode & 0777 : 0644 & ~mask;

	umask(mask);

	state_print(&st, &text);
	if (file_replace(next_name.p, mode, text.p, text.len) == -1)
		die(ST_FAILED, "%s: %s", next_name.p, strerror(errno));
	buf_free(&text);
}

static void
settle_plan(bool through)
{
	struct state_plan *p = &st.plan;

	ids_keep(&st.pending, false);
	if (!through) {
		if (o.state != NULL)
			note("stopped at --limit %lld: the next sync goes on from there", (long long)o.limit);
		else
			note("stopped at --limit %lld", (long long)o.limit);
		return;
	}
	if (st.watermark == STATE_NEVER || st.watermark < p->until)
		st.watermark = p->until;
	if (p->sweep)
		st.swept = p->started;
	st.planned = false;
}

int
main(int argc, char *argv[])
{
	bool through;
	int status;

	parse_options(argc, argv);		/* does not return on misuse */
	connect_service();
	load_state();
	check_scope();
	find_project();
	make_plan();

	progress_start((enum progress_when)o.progress, "runs");
	through = ask_pending() && walk(&st.plan);
	flush(NULL);
	progress_clear();

	settle_plan(through);
	if (n_rejected > TOLD)
		warn("%llu runs in all could not be written as they should", n_rejected);
	if (o.state == NULL && n_pending > 0)
		note("%llu runs have not ended yet and were left out", n_pending);
	status = io_close_stdout(n_rejected > 0 ? ST_REJECTED : ST_OK);	/* a full disk shows up here */
	if (sig_caught() != 0)
		interrupted();
	if (status != ST_FAILED && o.state != NULL)
		write_state();
	summary();

	http_free(http);
	http_free(side_http);
	ls_close(&ls);
	ls_close(&side);
	state_free(&st);
	split_free(&page.split);
	ids_free(&page.done);
	ids_free(&early);
	buf_free(&page.body);
	buf_free(&out);
	buf_free(&next_name);
	scan_free(&scan);
	return sig_exit(status);
}
