/*
 * msg-join - join messages with the interactions that made them; see msg-join(1)
 *
 * All messages are read first; then the tree is walked once, and of a record that belongs to one of
 * them only the five values are kept; then the messages are written.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/std.h"
#include "base/when.h"
#include "json/path.h"
#include "json/splice.h"
#include "json/str.h"
#include "ndjson/filter.h"
#include "ndjson/line.h"
#include "recorder/merge.h"
#include "recorder/tree.h"
#include "recorder/walk.h"
#include "store/keymap.h"

#define WRITE_BYTES (256u << 10)

static struct {
	const char *dir, *by;
	struct filter_opts in;
} opts = { .by = "id", .in = FILTER_DEFAULTS };

static const struct opt table[] = {
	OPT_STRING(0, "by", "PATH", &opts.by, "the message's id (default id)"),
	OPT_TREE(&opts.dir),
	OPT_NUMBER('j', "jobs", &opts.in.jobs, 1, 64, "threads that read the tree (default: CPUs, at most 4)"),
	OPT_FILTER(opts.in),
};

static const struct tool tool = {
	.name = "msg-join",
	.synopsis = "[--dir DIR] [--by PATH] [options] [FILE ...]",
	.summary = "Add to each message the recorded interaction that has its id as message_id.",
	.example = "  jq -c '.data.messages[]' export.json | msg-join >messages.ndjson",
	.environment = "  LLM_RECORDS_BASE_DIR  the tree (default logs/llm_interactions)",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

/* An id that a message has, and what the last record with it says. */
struct wanted {
	int64_t	 id;
	char	*text;		/* owned; the value of llm_interaction; NULL: no record */
	size_t	 len;
};

struct join {
	struct path by;
	struct buf messages;	/* whole lines, all of them valid */
	struct wanted *want;	/* owned; by id, each once */
	size_t	 n, cap;
	struct rejects rejects;	/* of the messages */
	struct rejects bad;	/* of the tree */
	const char *base;	/* the tree, for messages */
	struct scan scan;
	struct buf scratch, merged;
	uint64_t read, joined, no_id, records;
	int	 status;
};

/* The integer that a value spells: 12, "12", 12.0.  False: none, or none of 64 bits. */
static bool
read_id(struct span v, struct buf *scratch, int64_t *id)
{
	struct span s = keymap_text(v, scratch);
	const char *p = s.p, *end;
	bool negative;
	int64_t n = 0;

	if (s.len == 0)
		return false;
	end = p + s.len;
	negative = *p == '-';
	if (negative)
		p++;
	if (p == end || *p < '0' || *p > '9')
		return false;
	for (; p != end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, *p - '0', &n))
			return false;
	if (p != end && *p == '.' && p + 1 != end)
		for (p++; p != end && *p == '0'; )
			p++;
	*id = n;
	return p == end && (negative || !__builtin_sub_overflow(0, n, id));
}

/* ---- the messages ---- */

static bool
message_id(struct join *j, const struct scan *scan, int64_t *id)
{
	struct span v;

	return path_find(&j->by, scan, &v) && read_id(v, &j->scratch, id);
}

static void
keep_message(struct join *j, const struct record *r)
{
	int64_t id;

	j->read++;
	buf_add(&j->messages, r->line.p, r->line.len);
	if (!message_id(j, r->scan, &id)) {
		j->no_id++;
		return;
	}
	if (j->n != 0 && j->want[j->n - 1].id == id)
		return;
	j->want = mem_grow(j->want, &j->cap, j->n + 1, sizeof *j->want);
	j->want[j->n++] = (struct wanted){ .id = id };
}

static void
read_lines(struct join *j, struct lines *in)
{
	enum line_status st = LINE_RECORD;
	struct record r;

	while (st == LINE_RECORD || (st == LINE_REJECTED && !opts.in.strict)) {
		st = lines_next(in, &r);
		if (st == LINE_RECORD)
			keep_message(j, &r);
		progress_show(j->read, in->in.bytes, in->in.total);
	}
	if (st == LINE_ERROR) {
		warn("%s: %s", in->name, strerror(errno));
		j->status = worse(j->status, ST_FAILED);
	}
}

static void
read_messages(struct join *j, char *const files[], int n)
{
	progress_start((enum progress_when)opts.in.progress, "messages", true);
	for (int i = 0; i < (n == 0 ? 1 : n) && !(opts.in.strict && j->rejects.n != 0); i++) {
		struct lines in;

		if (lines_open(&in, n == 0 ? "-" : files[i], (size_t)opts.in.max_line, &j->rejects) == -1) {
			warn("%s: %s", in.name, strerror(errno));
			j->status = worse(j->status, ST_FAILED);
			continue;
		}
		read_lines(j, &in);
		lines_close(&in);
	}
	progress_clear();
	if (j->rejects.n != 0)
		j->status = worse(j->status, ST_REJECTED);
}

/* ---- the records ---- */

static int
by_id(const void *a, const void *b)
{
	int64_t x = ((const struct wanted *)a)->id, y = ((const struct wanted *)b)->id;

	return (x > y) - (x < y);
}

static void
sort_wanted(struct join *j)
{
	size_t n = 0;

	if (j->n == 0)
		return;
	qsort(j->want, j->n, sizeof *j->want, by_id);
	for (size_t i = 0; i < j->n; i++)
		if (n == 0 || j->want[i].id != j->want[n - 1].id)
			j->want[n++] = j->want[i];
	j->n = n;
}

static struct wanted *
find_wanted(struct join *j, int64_t id)
{
	struct wanted key = { .id = id };

	return j->n == 0 ? NULL : bsearch(&key, j->want, j->n, sizeof key, by_id);
}

/* The entry that a record's line asks for, or NULL. */
static struct wanted *
wanted_by(struct join *j, struct span line)
{
	struct span v;
	int64_t id;

	if (!JSON_MEMBER(line, "message_id", &v) || !read_id(v, &j->scratch, &id))
		return NULL;
	return find_wanted(j, id);
}

static bool
some_wanted(struct join *j, const struct walk_record *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (wanted_by(j, r->text[i]) != NULL)
			return true;
	return false;
}

static void
put_value(const struct scan *scan, const char *from, const char *name, struct buf *out)
{
	const struct member *m = scan_find(scan, from, strlen(from));

	buf_addc(out, out->len == 0 ? '{' : ',');
	json_put_name(name, out);
	if (m != NULL)
		buf_add(out, m->val.p, m->val.len);
	else
		buf_adds(out, "null");
}

static void
keep_values(struct join *j, struct span record, struct wanted *w)
{
	struct buf *out = &j->scratch;

	if (scan_record(&j->scan, record.p) == NULL)
		return;
	buf_clear(out);
	put_value(&j->scan, "prompt", "original_prompt", out);
	put_value(&j->scan, "provider", "provider", out);
	put_value(&j->scan, "model", "model", out);
	put_value(&j->scan, "performance_metrics", "performance_metrics", out);
	put_value(&j->scan, "timestamp", "timestamp", out);
	buf_addc(out, '}');
	free(w->text);
	w->text = mem_dup(out->p, out->len);
	w->len = out->len;
}

static bool
take_record(void *ctx, const struct walk_record *r)
{
	struct join *j = ctx;
	struct span record = r->text[0];
	struct wanted *w;

	progress_show(++j->records, 0, 0);
	if (!some_wanted(j, r))
		return true;
	if (r->n > 1) {
		buf_clear(&j->merged);
		rec_merge(r->text, r->n, &j->merged);
		buf_pad(&j->merged);
		record = (struct span){ j->merged.p, j->merged.len };
	}
	if ((w = wanted_by(j, record)) != NULL)
		keep_values(j, record, w);
	return true;
}

static void
tell_bad(void *ctx, const char *path, uint64_t line, size_t column, const char *reason)
{
	struct join *j = ctx;

	rejects_add(&j->bad, path, line, column, reason, "", 0);
}

static void
forget_values(struct join *j)
{
	for (size_t i = 0; i < j->n; i++) {
		free(j->want[i].text);
		j->want[i].text = NULL;
	}
}

/* The messages are worth more than what is said about them: whatever happens to the tree, they pass. */
static void
read_tree(struct join *j)
{
	struct tree tree;
	struct walk w = {
		.tree = &tree, .kind = TREE_BY_DATE, .fold = true, .texts = true, .jobs = opt_jobs(opts.in.jobs),
		.ctx = j, .record = take_record, .bad = tell_bad,
	};
	char *path = NULL;

	if (tree_open(&tree, j->base, false) == -1) {
		warn("%s: %s: the messages pass as they are", j->base, strerror(errno));
		j->status = worse(j->status, errno == ENOENT ? ST_OK : ST_FAILED);
		return;
	}
	progress_start((enum progress_when)opts.in.progress, "records", true);
	if (walk_run(&w, &path) == -1) {
		warn("%s: %s: the messages pass as they are", path, strerror(errno));
		forget_values(j);
		j->status = worse(j->status, ST_FAILED);
	}
	progress_clear();
	j->bad.n = w.unreadable;	/* of a file not all are told */
	if (j->bad.n != 0)
		j->status = worse(j->status, ST_REJECTED);
	free(path);
	tree_close(&tree);
}

/* ---- writing ---- */

/* Returns where the next message begins. */
static const char *
put_message(struct join *j, const char *p, struct buf *out)
{
	const char *newline = scan_record(&j->scan, p);
	struct span text = splice_text(p, newline);
	const struct wanted *w = NULL;
	int64_t id;

	if (message_id(j, &j->scan, &id))
		w = find_wanted(j, id);
	if (w == NULL || w->text == NULL) {
		std_put(out, p, (size_t)(newline + 1 - p));
		return newline + 1;
	}
	buf_add(out, p, (size_t)(text.p - p));
	splice_set(&j->scan, text, "llm_interaction", (struct span){ w->text, w->len }, out);
	buf_add(out, text.p + text.len, (size_t)(newline + 1 - (text.p + text.len)));
	j->joined++;
	return newline + 1;
}

static void
write_messages(struct join *j)
{
	struct buf out = { 0 };
	const char *end;

	buf_pad(&j->messages);
	end = j->messages.p + j->messages.len;
	for (const char *p = j->messages.p; p != end; ) {
		p = put_message(j, p, &out);
		if (out.len >= WRITE_BYTES)
			std_flush(&out);
	}
	std_flush(&out);
	buf_free(&out);
}

static void
open_join(struct join *j)
{
	const char *error;

	if (path_parse(&j->by, opts.by, &error) == -1)
		opt_misuse("--by: '%s' is not a path: %s", opts.by, error);
	if (rejects_open(&j->rejects, opts.in.rejects) == -1)
		die(ST_USAGE, "--rejects: %s: %s", opts.in.rejects, strerror(errno));
	if (rejects_open(&j->bad, NULL) == -1)
		die(ST_FAILED, "%s", strerror(errno));
	j->base = tree_path(opts.dir);
}

static void
free_join(struct join *j)
{
	forget_values(j);
	free(j->want);
	path_free(&j->by);
	buf_free(&j->messages);
	buf_free(&j->scratch);
	buf_free(&j->merged);
	scan_free(&j->scan);
}

int
main(int argc, char *argv[])
{
	struct join j = { .status = ST_OK };
	int64_t start = when_mono();
	int n;

	mem_keep();
	n = opt_parse(&tool, argc, argv);
	open_join(&j);
	read_messages(&j, argv, n);
	sort_wanted(&j);
	if (j.n != 0)
		read_tree(&j);
	write_messages(&j);

	if (rejects_close(&j.bad) == -1 || rejects_close(&j.rejects) == -1)
		die(ST_FAILED, "--rejects: %s: %s", opts.in.rejects, strerror(errno));
	verbose("read=%llu joined=%llu without_id=%llu rejected=%llu seconds=%.1f", (unsigned long long)j.read,
	    (unsigned long long)j.joined, (unsigned long long)j.no_id, (unsigned long long)j.rejects.n,
	    (double)(when_mono() - start) / 1e3);
	free_join(&j);
	return std_close(j.status);
}
