/*
 * rec-stat - what the recorder's tree holds, and how it is; see rec-stat(1)
 *
 * The statistics are counted anew each time, in one pass over the files by date: there is no
 * index that could go stale.  --health reads no records.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/std.h"
#include "base/when.h"
#include "ndjson/reject.h"
#include "recorder/health.h"
#include "recorder/stats.h"

enum format { FORMAT_AUTO, FORMAT_JSON, FORMAT_TABLE };

static struct {
	const char *dir;
	int	 format;
	bool	 health;
	int64_t	 jobs, max_age;
	int	 progress;
} opts = { .max_age = -1 };

static const struct opt table[] = {
	OPT_TREE(&opts.dir),
	OPT_CHOICE('f', "format", "auto|json|table", &opts.format, "how to write it (auto: a table on a terminal)"),
	OPT_FLAG(0, "health", &opts.health, "tell how the tree is instead; status 0 when healthy"),
	OPT_NUMBER('j', "jobs", &opts.jobs, 1, 64, "threads (default: CPUs, at most 4)"),
	OPT_DURATION(0, "max-age", &opts.max_age, "with --health: a newest record that is older is a problem"),
	OPT_PROGRESS(&opts.progress),
};

static const struct tool tool = {
	.name = "rec-stat",
	.synopsis = "[--dir DIR] [--health] [options]",
	.summary = "Count the interactions of the recorder's tree, or tell its health, as one JSON object or a table.",
	.example = "  rec-stat --health --max-age 1h || echo 'the recorder needs help'",
	.environment = "  LLM_RECORDS_BASE_DIR  the tree (default logs/llm_interactions)",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = 0,
};

/* ---- writing ---- */

static bool
as_table(void)
{
	return opts.format == FORMAT_TABLE || (opts.format == FORMAT_AUTO && isatty(STDOUT_FILENO));
}

/* "12.3 MiB" */
static void
put_size(uint64_t bytes, struct buf *out)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		buf_addf(out, "%llu B", (unsigned long long)bytes);
		return;
	}
	for (; n >= 1024 && i < 3; i++)
		n /= 1024;
	buf_addf(out, "%.1f %s", n, units[i]);
}

static void
put_row(const char *name, uint64_t n, struct buf *out)
{
	buf_addf(out, "%-15s %10llu\n", name, (unsigned long long)n);
}

static void
put_table(const struct stats *s, uint64_t unreadable, struct buf *out)
{
	put_row("interactions", s->total, out);
	put_row("  successful", s->successful, out);
	put_row("  failed", s->failed, out);
	put_row("  interrupted", s->interrupted, out);
	put_row("sessions", s->sessions.n, out);
	buf_addf(out, "%-15s %10s\n", "first day", s->first[0] == '\0' ? "-" : s->first);
	buf_addf(out, "%-15s %10s\n", "last day", s->last[0] == '\0' ? "-" : s->last);
	put_row("response times", s->n_ms, out);
	for (size_t i = 0; s->n_ms != 0 && i < STATS_PERCENTS; i++)
		buf_addf(out, "  p%-12d %10.0f ms\n", stats_percents[i], (double)stats_percentile(s, stats_percents[i]));
	put_row("unreadable", unreadable, out);
	buf_addf(out, "%-15s %10s  size\n", "storage", "files");
	for (int i = 0; i < STATS_FOLDERS; i++) {
		buf_addf(out, "  %-13s %10llu  ", stats_folder[i], (unsigned long long)s->storage[i].count);
		put_size(s->storage[i].size, out);
		buf_addc(out, '\n');
	}
}

static void
put_health_table(const struct health *h, const char *base, struct buf *out)
{
	buf_addf(out, "%-12s %s\n%-12s %s\n%-12s ", "status", health_names[h->state], "base dir", base, "disk space");
	if (h->space_known) {
		put_size(h->available, out);
		buf_adds(out, " free of ");
		put_size(h->space, out);
	} else {
		buf_addc(out, '-');
	}
	buf_addf(out, "\n%-12s %s\n", "writable", h->writable ? "yes" : "no");
	if (h->age < 0)
		buf_addf(out, "%-12s -\n", "last record");
	else
		buf_addf(out, "%-12s %lld s ago\n", "last record", (long long)(h->age / 1000));
	for (size_t i = 0; i < h->problems.len; i += strlen(h->problems.p + i) + 1)
		buf_addf(out, "%-12s %s\n", "problem", h->problems.p + i);
}

static void
put_line(const struct stats *s, uint64_t unreadable, struct buf *out)
{
	stats_json(s, unreadable, out);
	buf_addc(out, '\n');
}

static void
put_health_line(const struct health *h, const char *base, struct buf *out)
{
	health_json(h, base, out);
	buf_addc(out, '\n');
}

/* ---- the two jobs ---- */

static int
tell_health(const char *base)
{
	struct health h;
	struct buf out = { 0 };
	int st;

	health_check(&h, base, opts.max_age);
	(as_table() ? put_health_table : put_health_line)(&h, base, &out);
	std_flush(&out);
	st = h.state == HEALTHY ? ST_OK : ST_REJECTED;
	health_free(&h);
	buf_free(&out);
	return st;
}

static void
tell_bad(void *ctx, const char *path, uint64_t line, size_t column, const char *reason)
{
	rejects_add(ctx, path, line, column, reason, "", 0);
}

static void
show_progress(void *ctx, uint64_t records)
{
	(void)ctx;
	progress_show(records, 0, 0);
}

static void
open_tree(struct tree *t, const char *base)
{
	if (tree_open(t, base, false) == 0)
		return;
	if (errno == ENOENT || errno == ENOTDIR)
		die(ST_USAGE, "%s: %s; name the tree with --dir or LLM_RECORDS_BASE_DIR", base, strerror(errno));
	die(ST_FAILED, "%s: %s", base, strerror(errno));
}

static int
tell_statistics(const char *base)
{
	struct tree tree;
	struct stats s;
	struct rejects bad = { .fd = -1 };
	struct walk w = { .tree = &tree, .jobs = opt_jobs(opts.jobs), .ctx = &bad, .bad = tell_bad };
	struct buf out = { 0 };
	int64_t start = when_mono();
	char *path;

	open_tree(&tree, base);
	progress_start((enum progress_when)opts.progress, "records", false);
	if (stats_read(&s, &w, show_progress, &path) == -1)
		die(ST_FAILED, "%s: %s", path, strerror(errno));
	progress_clear();
	bad.n = w.unreadable;	/* of a file not all are told */

	(as_table() ? put_table : put_line)(&s, bad.n, &out);
	std_flush(&out);
	if (rejects_close(&bad) == -1)
		die(ST_FAILED, "%s", strerror(errno));
	verbose("read=%llu records=%llu unreadable=%llu bytes=%llu seconds=%.1f", (unsigned long long)w.lines,
	    (unsigned long long)s.total, (unsigned long long)w.unreadable, (unsigned long long)w.bytes,
	    (double)(when_mono() - start) / 1e3);
	stats_free(&s);
	buf_free(&out);
	tree_close(&tree);
	return w.unreadable == 0 ? ST_OK : ST_REJECTED;
}

int
main(int argc, char *argv[])
{
	const char *base;

	mem_keep();
	(void)opt_parse(&tool, argc, argv);
	if (opts.max_age >= 0 && !opts.health)
		opt_misuse("--max-age is for --health");
	base = tree_path(opts.dir);
	return std_close(opts.health ? tell_health(base) : tell_statistics(base));
}
