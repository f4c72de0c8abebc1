/* rec-rotate - rotate, compress and expire the files of the recorder's tree; see rec-rotate(1) */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/env.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "rotate.h"

#define LOCK		".lock"
#define MOST_SIZE	(INT64_C(1) << 50)
#define MOST_DAYS	INT64_C(1000000)

static struct {
	const char *dir;
	int64_t	 max_size, session_days, error_days, archive_days, jobs;
	bool	 dry_run, force;
	int	 progress;
} opts = { .error_days = 30 };

static const struct opt table[] = {
	OPT_NUMBER(0, "archive-days", &opts.archive_days, 1, MOST_DAYS, "remove archived files that are older (default: never)"),
	OPT_TREE(&opts.dir),
	OPT_FLAG('n', "dry-run", &opts.dry_run, "change nothing, print what would be done"),
	OPT_NUMBER(0, "error-days", &opts.error_days, 1, MOST_DAYS, "remove files of errors that are older (default 30)"),
	OPT_FLAG('f', "force", &opts.force, "expire also what was written to within the last 24 hours"),
	OPT_NUMBER('j', "jobs", &opts.jobs, 1, 64, "threads (default: CPUs, at most 4)"),
	OPT_SIZE(0, "max-size", &opts.max_size, 1, MOST_SIZE, "rotate larger files (default 100M)"),
	OPT_PROGRESS(&opts.progress),
	OPT_NUMBER(0, "session-days", &opts.session_days, 1, MOST_DAYS, "remove files of sessions and days that are older (default 90)"),
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

/* A number from the environment, with a unit where it is a size. */
static int64_t
env_number(const char *name, bool size, int64_t max, int64_t otherwise)
{
	char *text = env_get((const char *const[]){ name, NULL });
	int64_t value;

	if (text == NULL)
		return otherwise;
	if (!opt_parse_number(text, size, &value) || value < 1 || value > max)
		opt_misuse("%s: '%s' is not a %s", name, text, size ? "size (such as 104857600, 100M)" : "number of days, 1 or more");
	free(text);
	return value;
}

static void
set_defaults(void)
{
	if (opts.max_size == 0)
		opts.max_size = env_number("LLM_RECORDS_MAX_FILE_SIZE", true, MOST_SIZE, 100 << 20);
	if (opts.session_days == 0)
		opts.session_days = env_number("LLM_RECORDS_RETENTION_DAYS", false, MOST_DAYS, 90);
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
	int fd = openat(r->archive, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, TREE_FILE_MODE);

	if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (fd != -1 && errno == EWOULDBLOCK) {
		note("%s: another rec-rotate is at work: waiting", r->tree.path);
		do
			if (flock(fd, LOCK_EX) == 0)
				return true;
		while (errno == EINTR && sig_caught() == 0);
		if (errno == EINTR)
			return false;
	}
	die(ST_FAILED, "%s/" TREE_ARCHIVE "/" LOCK ": %s", r->tree.path, strerror(errno));
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
		discard_leftover(&r);
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
