/*
 * ls-fetch - pull new runs from LangSmith; see ls-fetch(1)
 *
 * fetch.h says where to find what; plan.c, why nothing is missed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "ls-fetch/fetch.h"

struct fetch fetch;
struct options opts = {
	.overlap = HOUR, .sweep = 25 * HOUR, .settle = MINUTE, .give_up = DAY, .page_size = LS_PAGE,
	.max_line = INT64_C(64) << 20, .http = HTTP_POLICY,
};

static const struct opt options[] = {
	OPT_FLAG(0, "all-runs", &opts.all_runs, "child runs too, not only roots"),
	OPT_CHOICE(0, "api", "auto|v1|v2", &opts.api, "query API; auto: v2, or v1 where v2 is missing"),
	OPT_STRING(0, "endpoint", "URL", &opts.endpoint, "base URL (default LANGSMITH_ENDPOINT or LangChain's)"),
	OPT_STRING('f', "filter", "EXPR", &opts.filter, "only runs that this LangSmith filter matches"),
	OPT_DURATION(0, "give-up", &opts.give_up, "emit a run that has not ended after this (default 24h)"),
	OPT_NUMBER('n', "limit", &opts.limit, 1, INT64_MAX, "emit at most N runs in total"),
	OPT_SIZE(0, "max-line", &opts.max_line, 1024, INT64_C(1) << 32, "reject runs that are longer (default 64M)"),
	OPT_HTTP(&opts.http),
	OPT_DURATION(0, "overlap", &opts.overlap, "ask again for runs this long before the last sync (default 1h)"),
	OPT_NUMBER(0, "page-size", &opts.page_size, 1, LS_PAGE_V2, "runs to ask for at once (default 100; v1 allows no more)"),
	OPT_PROGRESS(&opts.progress),
	OPT_STRING('p', "project", "NAME|ID", &opts.project, "project (default LANGSMITH_PROJECT, or 'default')"),
	OPT_STRING(0, "run-type", "T", &opts.run_type, "only runs of this type (llm, chain, tool, ...)"),
	OPT_STRING(0, "select", "F,F...", &opts.select, "fields to ask for"),
	OPT_DURATION(0, "settle", &opts.settle, "leave out runs younger than this (default 1m)"),
	OPT_TIME(0, "since", &opts.since, "only runs that started at this time or later"),
	OPT_STRING('s', "state", "FILE", &opts.state, "go on where FILE says; the new state is FILE.next"),
	OPT_DURATION(0, "sweep", &opts.sweep, "how late a run may arrive; looked back once a day (default 25h)"),
	OPT_TIME(0, "until", &opts.until, "only runs that started before this time"),
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

/* ---- options ---- */

static const char *const default_select[] = {
	"id", "trace_id", "name", "run_type", "status", "start_time", "end_time", "error", "inputs", "inputs_s3_urls",
};

/* Always asked for, whatever the user selects: the work here needs them. */
static const char *const needed[] = { "id", "status", "start_time", "end_time" };

bool
asks_for(const char *field)
{
	for (size_t i = 0; i < fetch.base.n_select; i++)
		if (strcasecmp(fetch.base.select[i], field) == 0)
			return true;
	return false;
}

static void
add_select(const char **v, const char *field)
{
	if (!asks_for(field))
		v[fetch.base.n_select++] = field;
}

static void
parse_select(const char *list)
{
	char *p = mem_dup(list, strlen(list)), *field;	/* lives, as v does, as long as the process */
	const char **v = mem_zero(strlen(list) + 8, sizeof *v);

	fetch.base.select = v;
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		add_select(v, needed[i]);
	while ((field = strsep(&p, ", ")) != NULL)
		if (*field != '\0')
			add_select(v, field);
	/* Without its address, a value that is stored apart would come out as null. */
	if (asks_for("inputs"))
		add_select(v, "inputs_s3_urls");
	if (asks_for("outputs"))
		add_select(v, "outputs_s3_urls");
}

static void
parse_options(int argc, char *argv[])
{
	struct ls_query *q = &fetch.base;

	opt_parse(&tool, argc, argv);
	fetch.now = when_now();
	fetch.started = when_mono();
	if (opts.since.set && opts.until.set && opts.since.ms >= opts.until.ms)
		opt_misuse("--since is not before --until");
	if (opts.state != NULL && *opts.state == '\0')
		opt_misuse("--state: the name is empty");
	if (opts.project != NULL && *opts.project == '\0')
		opt_misuse("--project: the name is empty");
	if (opts.filter != NULL && opts.filter[strspn(opts.filter, " \t\n")] == '\0')
		opts.filter = NULL;
	q->all_runs = opts.all_runs;
	q->run_type = opts.run_type;
	q->filter = opts.filter;
	if (opts.select != NULL) {
		parse_select(opts.select);
	} else {
		q->select = default_select;
		q->n_select = sizeof default_select / sizeof *default_select;
	}
	page.api = opts.api == API_V1 ? 1 : 2;
	page.api_sure = opts.api != API_AUTO;
}

/* ---- endings ---- */

static void
summary(void)
{
	emit_end();
	verbose("read=%llu written=%llu pending=%zu rejected=%llu requests=%lu seconds=%.1f", fetch.n_read, fetch.n_written,
	    fetch.st.pending.n, fetch.n_rejected, fetch.ls.requests + fetch.side.requests,
	    (double)(when_mono() - fetch.started) / 1e3);
}

void
give_up(int status, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	emit_flush(NULL);
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	warn("%s", text);
	summary();
	exit(status);
}

void
interrupted(void)
{
	emit_flush(NULL);
	progress_clear();
	summary();
	exit(sig_exit(ST_FAILED));
}

void
failed(const char *what, enum http_result result, const struct http_response *r, const struct ls_query *q)
{
	struct buf why = { 0 };
	bool ours;

	if (result == HTTP_INTERRUPTED)
		interrupted();
	/* A service that refuses us before anything was done: key, project, filter or fields are not right. */
	ours = result == HTTP_REFUSED && r->status < 500 && ls_own_answer(r) && fetch.n_written == 0;
	ls_explain(r, result, q, &why);
	if (q != NULL && opts.api == API_V2 && (r->status == 404 || r->status == 405))
		buf_adds(&why, ", or this server has no v2 query API: try --api v1");
	give_up(ours ? ST_USAGE : ST_FAILED, "%s: %s", what, buf_str(&why));
}

int
main(int argc, char *argv[])
{
	bool through;
	int status;

	parse_options(argc, argv);		/* does not return on misuse */
	io_tune(1);
	connect_service();
	load_state();
	find_project();
	plan_make();

	progress_start((enum progress_when)opts.progress, "runs", true);
	through = pending_ask() && plan_walk();
	emit_flush(NULL);
	progress_clear();

	plan_settle(through);
	if (opts.state == NULL && fetch.st.pending.n > 0)
		note("%zu runs have not ended yet and were left out", fetch.st.pending.n);
	status = std_close(fetch.n_rejected > 0 ? ST_REJECTED : ST_OK);	/* a full disk shows up here */
	if (sig_caught() != 0)
		interrupted();
	if (status != ST_FAILED && opts.state != NULL)
		write_state();
	summary();

	page_free();
	emit_free();
	disconnect();
	return sig_exit(status);
}
