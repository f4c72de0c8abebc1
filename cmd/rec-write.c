/*
 * rec-write - append interactions to the recorder's tree; see rec-write(1)
 *
 * Records are gathered into a batch, the batch is written to the tree, and only then passed on: what stands on
 * stdout is in the tree.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/env.h"
#include "base/io.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/rnd.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "json/splice.h"
#include "ndjson/filter.h"
#include "ndjson/line.h"
#include "recorder/append.h"
#include "recorder/latest.h"
#include "recorder/record.h"

#define BATCH_BYTES	(1u << 20)	/* a batch of long records is written earlier */
#define RECORD_FILES	3		/* that one record goes to, at most */
#define LATEST_MS	1000		/* between two updates of latest.json */
#define SETTLE_MS	1000		/* without a failure, before it is said to work again: nearly full disks waver */
#define COPY_BYTES	(64u << 10)

static struct {
	const char *dir;
	int64_t	 flush_every, buffer, latest;
	int	 fsync;			/* enum append_sync */
	bool	 best_effort;
	struct filter_opts in;
} opts = {
	.flush_every = 30000, .buffer = 100, .latest = 100, .fsync = APPEND_SYNC_LATER, .in = FILTER_DEFAULTS,
};

static const struct opt table[] = {
	OPT_FLAG(0, "best-effort", &opts.best_effort, "pass records on also when they cannot be recorded"),
	OPT_NUMBER('b', "buffer", &opts.buffer, 1, 100000, "most records to gather before they are written (default 100)"),
	OPT_TREE(&opts.dir),
	OPT_FILTER(opts.in),
	OPT_DURATION(0, "flush-every", &opts.flush_every, "longest time to gather (default 30s)"),
	OPT_CHOICE(0, "fsync", "always|flush|never", &opts.fsync, "what is on disk before it is passed on (default flush)"),
	OPT_NUMBER(0, "latest", &opts.latest, 0, 100000, "records in real_time/latest.json (default 100); 0: leave it alone"),
};

static const struct tool tool = {
	.name = "rec-write",
	.synopsis = "[options] [FILE ...]",
	.summary = "Append LLM interactions to the recorder's tree of files and pass them on.",
	.example = "  my-app | rec-write --dir logs/llm_interactions | jq -r .model",
	.environment = "  LLM_RECORDS_BASE_DIR  the tree, where --dir is not given\n"
	    "  LLM_RECORDS_ENABLED   false: pass the input on as it is, record nothing",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

/* What can fail apart from the rest, and then work again. */
enum part { WRITING, SYNCING, LATEST, N_PARTS };

struct writer {
	struct tree tree;		/* fd -1: to be opened */
	bool	 down[N_PARTS];
	int64_t	 failed_ms[N_PARTS];	/* the last time */
	bool	 stop;			/* read no more */
	int	 status;

	struct append batch;
	uint64_t gathered;		/* records in it */
	int64_t	 gathered_ms;		/* since when */
	uint64_t unsynced;		/* records written, to be synced */
	int64_t	 unsynced_ms;		/* since when */
	struct buf latest;		/* lines for latest.json */
	int64_t	 n_latest, latest_ms;	/* how many; the last update */

	struct lines in;
	struct rejects rejects;
	struct scan scan;		/* of what was filled in */
	struct buf filled[2], scratch, session, path;
	uint64_t read, written, n_filled, errors, repaired;
	uint64_t lost;			/* not written */
	uint64_t unsure;		/* written, but the disk refused to sync them */
};

/* ---- when the tree fails ---- */

static const char *
advice(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return ": free some space and run again";
	case EACCES:
	case EPERM:
	case EROFS:
		return ": make it writable for this user and run again";
	case ELOOP:
	case ENOTDIR:
	case EINVAL:
		return ": the tree holds plain folders and files only; remove what stands there and run again";
	default:
		return "";
	}
}

/* errno says how; path is below the tree, NULL: the tree itself. */
static void
fails(struct writer *w, enum part part, const char *path)
{
	int error = errno;

	if (!w->down[part])
		warn("%s%s%s: %s%s", w->tree.path, path == NULL ? "" : "/", path == NULL ? "" : path, strerror(error),
		    opts.best_effort ? ": going on without" : advice(error));
	w->down[part] = true;
	w->failed_ms[part] = when_mono();
	w->stop |= !opts.best_effort;
	w->status = worse(w->status, opts.best_effort ? ST_REJECTED : ST_FAILED);
}

static void
works(struct writer *w, enum part part)
{
	static const char *const name[] = { "writing", "fsync", LATEST_PATH };

	if (!w->down[part] || when_mono() - w->failed_ms[part] < SETTLE_MS)
		return;
	warn("%s: %s works again", w->tree.path, name[part]);
	w->down[part] = false;
}

/* ---- what is written ---- */

static void
sync_tree(struct writer *w)
{
	if (append_sync(&w->batch) == -1) {
		fails(w, SYNCING, w->batch.failed);
		w->unsure += w->unsynced;
	} else if (w->unsynced != 0) {
		works(w, SYNCING);
	}
	w->unsynced = 0;
}

/* Is the input one of the files that the batch goes to?  It would grow for ever, as with cat(1). */
static bool
reads_itself(const struct writer *w)
{
	struct stat in;

	if (fstat(w->in.in.fd, &in) == -1 || !S_ISREG(in.st_mode))
		return false;
	for (size_t i = 0; i < w->batch.n; i++) {
		int fd = tree_open_file(&w->tree, w->batch.file[i].path);
		struct stat st;
		bool same = fd != -1 && fstat(fd, &st) == 0 && st.st_dev == in.st_dev && st.st_ino == in.st_ino;

		if (fd != -1)
			close(fd);
		if (same)
			return true;
	}
	return false;
}

static bool
write_tree(struct writer *w)
{
	enum append_sync sync = (enum append_sync)opts.fsync;
	int r;

	if (w->tree.fd == -1 && tree_open(&w->tree, w->tree.path, true) == -1) {
		fails(w, WRITING, NULL);
		return false;
	}
	if (reads_itself(w)) {
		warn("%s: the input is a file of the tree that it goes to", w->in.name);
		w->stop = true;
		w->status = worse(w->status, ST_FAILED);
		return false;
	}
	r = append_write(&w->batch, sync);
	/* A signal came while another writer held a file: what was read is still written.  A second one gives up. */
	if (r == -1 && errno == EINTR)
		r = append_write(&w->batch, sync);
	if (r == 0) {
		works(w, WRITING);
		return true;
	}
	fails(w, WRITING, w->batch.failed);
	/* The next try begins with a tree that may have been made anew. */
	sync_tree(w);
	tree_close(&w->tree);
	return false;
}

static void
tell_repairs(struct writer *w)
{
	for (size_t i = 0; i < w->batch.n; i++) {
		if (!w->batch.file[i].torn)
			continue;
		w->repaired++;
		warn("%s/%s: completed a torn last line that a crash left", w->tree.path, w->batch.file[i].path);
	}
}

/* Only the newest lines wait for their turn. */
static void
keep_latest(struct writer *w)
{
	struct buf *b = &w->latest;
	size_t from;

	if (opts.latest == 0)
		return;
	buf_add(b, w->batch.text.p, w->batch.text.len);
	w->n_latest += (int64_t)w->gathered;
	if (w->n_latest <= 2 * opts.latest && b->len <= 2 * LATEST_BYTES)
		return;
	from = latest_cut(b->p, b->len, (size_t)opts.latest);
	b->len -= from;
	memmove(b->p, b->p + from, b->len);
	w->n_latest = w->n_latest < opts.latest ? w->n_latest : opts.latest;
}

/* Is something to be added to latest.json, and a tree to have it? */
static bool
has_latest(const struct writer *w)
{
	return w->latest.len != 0 && w->tree.fd != -1;
}

static void
update_latest(struct writer *w)
{
	int r = latest_add(&w->tree, w->latest.p, w->latest.len, (size_t)opts.latest, opts.fsync != APPEND_SYNC_NEVER);

	if (r == -1 && errno == EINTR)
		return;		/* they wait for the end */
	if (r == -1)
		fails(w, LATEST, LATEST_PATH);
	else
		works(w, LATEST);
	buf_clear(&w->latest);
	w->n_latest = 0;
	w->latest_ms = when_mono();
}

static void
note_written(struct writer *w)
{
	tell_repairs(w);
	keep_latest(w);
	w->written += w->gathered;
	if (opts.fsync != APPEND_SYNC_LATER)
		return;
	if (w->unsynced == 0)
		w->unsynced_ms = when_mono();
	w->unsynced += w->gathered;
}

/* Write what was gathered, then pass it on. */
static void
flush_batch(struct writer *w)
{
	bool written;

	if (w->gathered == 0)
		return;
	written = write_tree(w);
	if (written)
		note_written(w);
	else
		w->lost += w->gathered;
	if (written || opts.best_effort)
		std_out(w->batch.text.p, w->batch.text.len);
	append_clear(&w->batch);
	w->gathered = 0;
}

/* Do what is due. */
static void
tick(struct writer *w)
{
	int64_t now = when_mono();

	if (w->gathered != 0 && now - w->gathered_ms >= opts.flush_every)
		flush_batch(w);
	if (w->unsynced != 0 && (w->unsynced >= (uint64_t)opts.buffer || w->batch.n_dirty >= APPEND_FILES ||
	    now - w->unsynced_ms >= opts.flush_every))
		sync_tree(w);
	if (has_latest(w) && now - w->latest_ms >= LATEST_MS)
		update_latest(w);
}

/* How long the input may pause before there is something to do; -1: for ever. */
static int
patience(const struct writer *w)
{
	int64_t now, left = INT32_MAX;

	if (w->gathered != 0)
		return 0;
	if (w->unsynced == 0 && !has_latest(w))
		return -1;
	now = when_mono();
	if (w->unsynced != 0 && w->unsynced_ms + opts.flush_every - now < left)
		left = w->unsynced_ms + opts.flush_every - now;
	if (has_latest(w) && w->latest_ms + LATEST_MS - now < left)
		left = w->latest_ms + LATEST_MS - now;
	return left < 0 ? 0 : (int)left;
}

/* ---- what is read ---- */

/* Give the record a member; it is then the one in to. */
static void
set_member(struct writer *w, struct record *r, const char *name, const char *text, struct buf *to)
{
	struct buf val = { 0 };

	buf_addf(&val, "\"%s\"", text);
	buf_clear(to);
	splice_set(r->scan, r->text, name, (struct span){ val.p, val.len }, to);
	buf_free(&val);
	buf_pad(to);
	scan_record(&w->scan, to->p);
	r->text = (struct span){ to->p, to->len };
	r->scan = &w->scan;
}

/* Returns why the record is rejected, or NULL. */
static const char *
read_record(struct writer *w, struct record *r, struct rec *rec)
{
	const char *reason = rec_read(rec, r->scan, &w->scratch);
	bool no_id = rec->id.p == NULL, no_time = rec->timestamp.p == NULL;
	char uuid[UUID_SIZE], when[WHEN_SIZE];

	if (reason != NULL || (!no_id && !no_time))
		return reason;
	if (no_id)
		set_member(w, r, "id", rnd_uuid(uuid), &w->filled[0]);
	if (no_time)
		set_member(w, r, "timestamp", when_format_local(when_now_us(), when), &w->filled[1]);
	w->n_filled++;
	return rec_read(rec, r->scan, &w->scratch);
}

static void
send_to(struct writer *w, enum tree_kind kind, const char *session, const struct rec *rec, size_t len)
{
	buf_clear(&w->path);
	tree_live_path(kind, session, rec->day, &w->path);
	append_to(&w->batch, buf_str(&w->path), len);
}

static void
gather(struct writer *w, struct span text, const struct rec *rec)
{
	size_t len = text.len + 1;

	if (w->gathered++ == 0)
		w->gathered_ms = when_mono();
	buf_add(&w->batch.text, text.p, text.len);
	buf_addc(&w->batch.text, '\n');
	send_to(w, TREE_BY_DATE, NULL, rec, len);
	if (rec->session.p != NULL) {
		buf_clear(&w->session);
		tree_session_name(rec_session_text(rec, &w->scratch), &w->session);
		send_to(w, TREE_BY_SESSION, buf_str(&w->session), rec, len);
	}
	if (rec->failed) {
		send_to(w, TREE_ERRORS, NULL, rec, len);
		w->errors++;
	}
	if (w->gathered >= (uint64_t)opts.buffer || w->batch.n > APPEND_FILES - RECORD_FILES || w->batch.text.len >= BATCH_BYTES)
		flush_batch(w);
}

static void
rejected(struct writer *w)
{
	w->status = worse(w->status, ST_REJECTED);
	w->stop |= opts.in.strict;
}

static void
take_record(struct writer *w, struct record *r)
{
	struct rec rec;
	const char *reason = read_record(w, r, &rec);

	w->read++;
	if (reason == NULL) {
		gather(w, r->text, &rec);
		return;
	}
	rejects_add(&w->rejects, w->in.name, w->in.line, 0, reason, r->line.p, r->line.len);
	rejected(w);
}

/* False: there is no more. */
static bool
read_line(struct writer *w)
{
	struct record r;

	w->in.in.timeout_ms = patience(w);
	switch (lines_next(&w->in, &r)) {
	case LINE_RECORD:
		take_record(w, &r);
		return true;
	case LINE_REJECTED:
		rejected(w);
		return true;
	case LINE_IDLE:
		flush_batch(w);
		return true;
	case LINE_END:
		return false;
	case LINE_ERROR:
		break;
	}
	if (errno != EINTR) {
		warn("%s: %s", w->in.name, strerror(errno));
		w->status = worse(w->status, ST_FAILED);
	}
	return false;
}

static void
read_file(struct writer *w, const char *name)
{
	if (lines_open(&w->in, name, (size_t)opts.in.max_line, &w->rejects) == -1) {
		warn("%s: %s", w->in.name, strerror(errno));
		w->status = worse(w->status, ST_FAILED);
		return;
	}
	while (!w->stop && read_line(w)) {
		tick(w);
		progress_show(w->read, w->in.in.bytes, w->in.in.total);
	}
	flush_batch(w);		/* before the next file is waited for */
	lines_close(&w->in);
}

/* ---- beginning and end ---- */

/* Nothing is to be recorded: cat(1). */
static int
copy(char *const files[], int n)
{
	static char block[COPY_BYTES];
	int st = ST_OK;

	for (int i = 0; i < (n == 0 ? 1 : n); i++) {
		const char *name = n == 0 ? "-" : files[i];
		int fd = io_open_input(&name);
		ssize_t len = -1;

		while (fd != -1 && (len = io_read(fd, block, sizeof block)) > 0)
			std_out(block, (size_t)len);
		if (len == -1) {
			warn("%s: %s", name, strerror(errno));
			st = ST_FAILED;
		}
		if (fd != -1)
			io_close_input(fd);
	}
	return st;
}

static bool
is_enabled(void)
{
	static const char *const yes[] = { "true", "1", "yes", "on" }, *const no[] = { "false", "0", "no", "off" };
	char *v = env_get((const char *const[]){ "LLM_RECORDS_ENABLED", NULL });
	int on = v == NULL ? 1 : -1;

	for (size_t i = 0; on == -1 && i < sizeof yes / sizeof *yes; i++) {
		if (strcasecmp(v, yes[i]) == 0)
			on = 1;
		else if (strcasecmp(v, no[i]) == 0)
			on = 0;
	}
	if (on == -1)
		die(ST_USAGE, "LLM_RECORDS_ENABLED: '%s' is neither true nor false", v);
	free(v);
	return on;
}

static void
begin(struct writer *w)
{
	sig_catch();
	signal(SIGXFSZ, SIG_IGN);	/* a file that may not grow is an error like a full disk */
	append_init(&w->batch, &w->tree);
	if (rejects_open(&w->rejects, opts.in.rejects) == -1)
		die(ST_USAGE, "--rejects: %s: %s", opts.in.rejects, strerror(errno));
	if (tree_open(&w->tree, tree_path(opts.dir), true) == -1)
		fails(w, WRITING, NULL);
	progress_start((enum progress_when)opts.in.progress, "records", true);
	io_tune(1);
}

static void
end(struct writer *w)
{
	flush_batch(w);
	sync_tree(w);
	if (has_latest(w) && !w->down[LATEST])
		update_latest(w);
	progress_clear();
	if (rejects_close(&w->rejects) == -1)
		die(ST_FAILED, "%s: %s", opts.in.rejects, strerror(errno));
	if (w->lost != 0)
		warn("%llu records were not recorded%s", (unsigned long long)w->lost,
		    opts.best_effort ? ", only passed on" : "; those on stdout are");
	if (w->unsure != 0)
		warn("%llu records were passed on, but may not be on disk", (unsigned long long)w->unsure);
}

static void
free_writer(struct writer *w)
{
	append_free(&w->batch);
	tree_close(&w->tree);
	buf_free(&w->latest);
	scan_free(&w->scan);
	buf_free(&w->filled[0]);
	buf_free(&w->filled[1]);
	buf_free(&w->scratch);
	buf_free(&w->session);
	buf_free(&w->path);
}

int
main(int argc, char *argv[])
{
	static struct writer w = { .latest_ms = -LATEST_MS };
	int64_t start = when_mono();
	int n = opt_parse(&tool, argc, argv);

	if (!is_enabled())
		return std_close(copy(argv, n));
	begin(&w);
	for (int i = 0; i < (n == 0 ? 1 : n) && !w.stop && sig_caught() == 0; i++)
		read_file(&w, n == 0 ? "-" : argv[i]);
	end(&w);
	verbose("read=%llu written=%llu filled=%llu errors=%llu rejected=%llu lost=%llu repaired=%llu seconds=%.1f",
	    (unsigned long long)w.read, (unsigned long long)w.written, (unsigned long long)w.n_filled,
	    (unsigned long long)w.errors, (unsigned long long)w.rejects.n, (unsigned long long)(w.lost + w.unsure),
	    (unsigned long long)w.repaired, (double)(when_mono() - start) / 1e3);
	free_writer(&w);
	return sig_exit(std_close(w.status));
}
