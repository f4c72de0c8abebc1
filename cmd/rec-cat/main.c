/* rec-cat - read the recorder's tree; see rec-cat(1) */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "recorder/merge.h"
#include "recorder/newest.h"
#include "rec-cat/cat.h"

#define FOLLOW_SHOWS 10		/* records before the new ones */

static struct {
	const char *date, *dir, *from, *session, *to, *where;
	int64_t	 days, jobs, latest;
	bool	 errors, follow, merge, stages;
	int	 progress;
} opts;

static const struct opt table[] = {
	OPT_STRING(0, "date", "DAY", &opts.date, "one day: 2025-12-07, today or yesterday"),
	OPT_NUMBER(0, "days", &opts.days, 1, 100000, "the last N days, today included"),
	OPT_TREE(&opts.dir),
	OPT_FLAG(0, "errors", &opts.errors, "failed interactions only"),
	OPT_FLAG('f', "follow", &opts.follow, "go on with what is written, until interrupted"),
	OPT_STRING(0, "from", "DAY", &opts.from, "this day and later ones"),
	OPT_NUMBER('j', "jobs", &opts.jobs, 1, 64, "threads (default: CPUs, at most 4)"),
	OPT_NUMBER('n', "latest", &opts.latest, 1, INT64_C(1) << 32, "the newest N records"),
	OPT_FLAG(0, "merge", &opts.merge, "fold the lines of a record into its latest state (default)"),
	OPT_PROGRESS(&opts.progress),
	OPT_STRING('s', "session", "ID", &opts.session, "the records of one session"),
	OPT_FLAG(0, "stages", &opts.stages, "every line as it was written"),
	OPT_STRING(0, "to", "DAY", &opts.to, "this day and earlier ones"),
	OPT_STRING('w', "where", "EXPR", &opts.where, "records for which this jq program gives neither false nor null"),
};

static const struct tool tool = {
	.name = "rec-cat",
	.synopsis = "[--dir DIR] [--session ID] [--date DAY] [--errors] [--latest N] [options]",
	.summary = "Write the interactions of the recorder's tree, live and archived, in the order of time.",
	.example = "  rec-cat --days 7 --where '.performance_metrics.response_time_ms > 10000'",
	.environment = "  LLM_RECORDS_BASE_DIR  the tree (default logs/llm_interactions)",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = 0,
};

struct reading {
	struct cat *cat;
	struct newest *newest;	/* NULL: write them at once */
	struct follow *follow;	/* or NULL */
	struct walk *walk;
	struct buf merged;
	uint64_t told;		/* bad lines */
};

/* ---- walking ---- */

static bool
has_failed(struct cat *c, struct span text)
{
	struct rec r = { 0 };

	if (scan_record(&c->scan, text.p) != NULL)
		(void)rec_read(&r, &c->scan, &c->scratch);
	return r.failed;
}

static bool
take_record(void *ctx, const struct walk_record *r)
{
	struct reading *g = ctx;
	struct cat *c = g->cat;
	struct span text = rec_state(r->text, r->n, &g->merged);
	bool failed = r->n == 1 ? r->line[0]->failed : c->failed_only && has_failed(c, text);

	if (cat_selects(c, text, failed)) {
		if (g->newest != NULL)
			newest_hold(g->newest, text);
		else
			cat_put(c, text, r->n == 1 && r->stays);
	}
	progress_show(c->written, g->walk->bytes, 0);
	return true;
}

static void
take_released(void *ctx)
{
	const struct reading *g = ctx;

	cat_release(g->cat);
}

static void
take_bad(void *ctx, const char *path, uint64_t line, size_t column, const char *reason)
{
	struct reading *g = ctx;

	g->told++;
	rejects_add(&g->cat->rejects, path, line, column, reason, "", 0);
}

static void
take_opened(void *ctx, const char *day, const char *stamp, int fd, uint64_t size)
{
	struct reading *g = ctx;

	if (g->follow != NULL)
		follow_day(g->follow, day, stamp, fd, size);
}

static void
give_up(const char *path)
{
	if (errno == EINTR && sig_caught() != 0)
		exit(sig_exit(ST_FAILED));
	die(ST_FAILED, "%s: %s", path, strerror(errno));
}

/* Write the records in range, or (newest not NULL) the newest of them. */
static void
read_days(struct cat *c, struct newest *newest, struct follow *follow)
{
	struct reading g = { .cat = c, .newest = newest, .follow = follow };
	struct walk w = {
		.tree = &c->tree, .kind = c->kind, .session = c->session,
		.from = c->from[0] == '\0' ? NULL : c->from, .to = c->to[0] == '\0' ? NULL : c->to,
		.fold = !opts.stages, .texts = true, .jobs = opt_jobs(opts.jobs),
		.ctx = &g, .record = take_record, .released = take_released, .bad = take_bad, .opened = take_opened,
	};
	char *path = NULL;

	g.walk = &w;
	if ((newest != NULL ? newest_walk(newest, &w, &path) : walk_run(&w, &path)) == -1)
		give_up(path);
	for (uint64_t i = newest != NULL ? newest->n : 0; i-- > 0;)
		cat_put(c, newest_get(newest, i), false);
	c->read += w.lines;
	c->rejects.n += w.unreadable - g.told;	/* of a file only the first are told */
	buf_free(&g.merged);
}

/* ---- the order of work ---- */

/* The local date, so many days from now. */
static void
local_day(int64_t days, char to[TREE_DAY_SIZE])
{
	time_t now = (time_t)(when_now() / 1000);
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_mday += (int)days;
	tm.tm_hour = 12;	/* there is a noon every day, whatever the clocks do */
	tm.tm_isdst = -1;
	mktime(&tm);
	strftime(to, TREE_DAY_SIZE, "%Y-%m-%d", &tm);
}

static void
set_day(const char *option, const char *arg, char to[TREE_DAY_SIZE])
{
	if (arg == NULL)
		return;
	if (strcmp(arg, "today") == 0)
		local_day(0, to);
	else if (strcmp(arg, "yesterday") == 0)
		local_day(-1, to);
	else if (tree_is_day(arg, strlen(arg)))
		memcpy(to, arg, TREE_DAY_SIZE);
	else
		opt_misuse("%s: '%s' is not a day (such as 2025-12-07, today or yesterday)", option, arg);
}

static void
set_range(struct cat *c)
{
	if ((opts.date != NULL) + (opts.days != 0) + (opts.from != NULL || opts.to != NULL) > 1)
		opt_misuse("--date, --days, and --from or --to exclude each other");
	set_day("--date", opts.date, c->from);
	set_day("--date", opts.date, c->to);
	set_day("--from", opts.from, c->from);
	set_day("--to", opts.to, c->to);
	if (opts.days != 0)
		local_day(1 - opts.days, c->from);
	if (c->to[0] != '\0' && strcmp(c->from, c->to) > 0)
		opt_misuse("--from %s is later than --to %s", c->from, c->to);
}

static void
set_selection(struct cat *c)
{
	struct buf b = { 0 };

	if (opts.merge && opts.stages)
		opt_misuse("--merge and --stages exclude each other");
	if (opts.merge && opts.follow)
		opt_misuse("--follow shows lines as they are written: it cannot --merge");
	opts.stages |= opts.follow;
	set_range(c);
	c->kind = opts.session != NULL ? TREE_BY_SESSION : opts.errors ? TREE_ERRORS : TREE_BY_DATE;
	c->failed_only = opts.errors && opts.session != NULL;
	if (opts.session != NULL) {
		tree_session_name((struct span){ opts.session, strlen(opts.session) }, &b);
		c->session = mem_dup(b.p, b.len);
	}
	buf_clear(&b);
	if (opts.where != NULL && (c->where = expr_new(opts.where, &b)) == NULL)
		opt_misuse("--where: %s", buf_str(&b));
	buf_free(&b);
}

static void
open_tree(struct cat *c)
{
	const char *path = tree_path(opts.dir);

	if (tree_open(&c->tree, path, false) == 0)
		return;
	if (errno == ENOENT || errno == ENOTDIR)
		die(ST_USAGE, "%s: %s; name the tree with --dir or LLM_RECORDS_BASE_DIR", path, strerror(errno));
	die(ST_FAILED, "%s: %s", path, strerror(errno));
}

/* The newest records, or all; then what comes. */
static void
run(struct cat *c)
{
	bool all = opts.latest == 0 && (!opts.follow || opts.date != NULL || opts.from != NULL || opts.days != 0);
	struct follow *follow = opts.follow ? follow_new(c) : NULL;
	struct newest newest = { .most = (uint64_t)(opts.latest != 0 ? opts.latest : FOLLOW_SHOWS) };
	char *path = NULL;

	read_days(c, all ? NULL : &newest, follow);
	std_flush(&c->out);
	progress_clear();
	if (follow != NULL && follow_run(follow, all ? c->from : newest.first, &path) == -1)
		give_up(path);
	follow_free(follow);
	newest_free(&newest);
}

int
main(int argc, char *argv[])
{
	struct cat c = { 0 };
	int64_t start = when_mono();
	int st;

	mem_keep();
	(void)opt_parse(&tool, argc, argv);
	set_selection(&c);
	if (opts.follow)
		sig_catch();	/* what was read is written before it ends */
	open_tree(&c);
	if (rejects_open(&c.rejects, NULL) == -1)
		return ST_FAILED;
	progress_start((enum progress_when)opts.progress, "records", true);

	run(&c);

	st = c.rejects.n != 0 ? ST_REJECTED : ST_OK;
	if (rejects_close(&c.rejects) == -1)
		st = ST_FAILED;
	verbose("read=%llu written=%llu rejected=%llu seconds=%.1f", (unsigned long long)c.read, (unsigned long long)c.written,
	    (unsigned long long)c.rejects.n, (double)(when_mono() - start) / 1e3);
	tree_close(&c.tree);
	free(c.session);
	expr_free(c.where);
	scan_free(&c.scan);
	buf_free(&c.out);
	buf_free(&c.scratch);
	return sig_exit(std_close(st));
}
