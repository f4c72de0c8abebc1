/* rec-rotate - rotate, compress and expire the files of the recorder's tree; see rec-rotate(1) */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "rec-rotate/rotate.h"
#include "recorder/expire.h"

static struct {
	const char *dir;
	int64_t	 max_size, session_days, error_days, archive_days, jobs;
	bool	 dry_run, force;
	int	 progress;
} opts = { .error_days = EXPIRE_ERROR_DAYS };

static const struct opt table[] = {
	OPT_NUMBER(0, "archive-days", &opts.archive_days, 1, EXPIRE_MOST_DAYS, "remove archived files that are older (default: never)"),
	OPT_TREE(&opts.dir),
	OPT_FLAG('n', "dry-run", &opts.dry_run, "change nothing, print what would be done"),
	OPT_NUMBER(0, "error-days", &opts.error_days, 1, EXPIRE_MOST_DAYS, "remove files of errors that are older (default 30)"),
	OPT_FLAG('f', "force", &opts.force, "expire also what was written to within the last 24 hours"),
	OPT_NUMBER('j', "jobs", &opts.jobs, 1, 64, "threads (default: CPUs, at most 4)"),
	OPT_SIZE(0, "max-size", &opts.max_size, 1, EXPIRE_MOST_SIZE, "rotate larger files (default 100M)"),
	OPT_PROGRESS(&opts.progress),
	OPT_NUMBER(0, "session-days", &opts.session_days, 1, EXPIRE_MOST_DAYS, "remove files of sessions and days that are older (default 90)"),
};

static const struct tool tool = {
	.name = "rec-rotate",
	.synopsis = "[options]",
	.summary = "Rotate, compress and expire the files of the recorder's tree; print what was done.",
	.example = "  rec-rotate --dir logs/llm_interactions --dry-run",
	.environment =
	    "  LLM_RECORDS_BASE_DIR        the tree\n"
	    "  LLM_RECORDS_MAX_FILE_SIZE   default of --max-size\n"
	    "  LLM_RECORDS_RETENTION_DAYS  default of --session-days",
	.opts = table, .n_opts = sizeof table / sizeof *table,
};

static void
set_defaults(void)
{
	struct buf error = { 0 };

	if (!expire_defaults(&opts.max_size, &opts.session_days, &error))
		opt_misuse("%s", buf_str(&error));
	buf_free(&error);
}

/* False: there is none, which is no error; nobody has written yet. */
static bool
open_tree(struct run *r)
{
	const char *path = tree_path(opts.dir);

	if (tree_open(&r->tree, path, false) == 0)
		return true;
	if (errno != ENOENT)
		die(ST_FAILED, "%s: %s", path, strerror(errno));
	note("%s: there is no such tree: nothing to do", path);
	return false;
}

static void
open_archive(struct run *r)
{
	r->archive = tree_open_dir(&r->tree, TREE_ARCHIVE, !r->dry_run);
	if (r->archive != -1 || (r->dry_run && errno == ENOENT))
		return;
	die(ST_FAILED, "%s/" TREE_ARCHIVE ": %s", r->tree.path,
	    errno == ELOOP || errno == ENOTDIR ? "not a folder (symbolic links are not followed)" : strerror(errno));
}

/* One rec-rotate at a time, until the process ends.  False: a signal came while another one was at it. */
static bool
lock_archive(const struct run *r)
{
	int fd = expire_lock(r->archive, false);

	if (fd == -1 && errno == EWOULDBLOCK) {
		note("%s: another rec-rotate is at work: waiting", r->tree.path);
		fd = expire_lock(r->archive, true);
	}
	if (fd == -1 && errno != EINTR)
		die(ST_FAILED, "%s/" TREE_ARCHIVE "/.lock: %s", r->tree.path, strerror(errno));
	return fd != -1;
}

/* ---- what is too old ---- */

static void
tell_expired(void *ctx, const char *path, int64_t bytes, const char *day, int64_t age)
{
	struct run *r = ctx;

	r->expired++;
	TELL(r, .what = "expire", .path = path, .bytes = bytes, .day = day, .age_days = age);
}

static void
tell_failed(void *ctx, const char *path, const char *why)
{
	run_failed(ctx, path, why);
}

static void
tell_kept(void *ctx, const char *path)
{
	(void)ctx;
	verbose("%s: kept: written to within the last 24 hours (--force)", path);
}

static void
expire_all(struct run *r)
{
	struct expire e = {
		.tree = &r->tree, .max_size = r->max_size, .session_days = r->session_days, .error_days = r->error_days,
		.archive_days = r->archive_days, .dry_run = r->dry_run, .force = r->force,
		.ctx = r, .expired = tell_expired, .failed = tell_failed, .kept = tell_kept,
	};

	expire_run(&e);
}

int
main(int argc, char *argv[])
{
	struct run r = { .archive = -1 };
	int64_t start = when_mono();

	mem_keep();
	opt_parse(&tool, argc, argv);
	set_defaults();
	r = (struct run){
		.max_size = opts.max_size, .session_days = opts.session_days, .error_days = opts.error_days, .archive_days = opts.archive_days,
		.jobs = opt_jobs(opts.jobs), .dry_run = opts.dry_run, .force = opts.force, .progress = opts.progress,
	};
	sig_catch();
	if (!open_tree(&r))
		return std_close(ST_OK);
	open_archive(&r);

	if (r.dry_run || lock_archive(&r)) {
		discard_leftovers(&r);
		rotate_all(&r);
		compress_all(&r);
		expire_all(&r);
	}

	verbose("rotated=%llu compressed=%llu expired=%llu bytes=%llu compressed_bytes=%llu seconds=%.1f", (unsigned long long)r.rotated,
	    (unsigned long long)r.compressed, (unsigned long long)r.expired, (unsigned long long)r.bytes,
	    (unsigned long long)r.compressed_bytes, (double)(when_mono() - start) / 1e3);
	if (r.archive != -1)
		close(r.archive);
	tree_close(&r.tree);
	return sig_exit(std_close(r.status));
}
