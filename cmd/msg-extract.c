/* msg-extract - the last user message of each LangSmith run; see msg-extract(1) */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msg.h"
#include "base/opt.h"
#include "base/std.h"
#include "base/when.h"
#include "json/expr.h"
#include "json/layout.h"
#include "json/splice.h"
#include "json/str.h"
#include "langsmith/message.h"
#include "ndjson/filter.h"

enum { FROM_INPUTS, FROM_OUTPUTS };

static struct {
	bool	 all, keep, keep_empty;
	int	 role, from;
	const char *expr;
	struct filter_opts in;
} opts = { .in = FILTER_DEFAULTS };

static const struct opt table[] = {
	OPT_FLAG('a', "all", &opts.all, "every message of the role, a row each with its \"index\""),
	OPT_STRING('e', "expr", "EXPR", &opts.expr, "take the text that this jq program gives for the run"),
	OPT_FILTER(opts.in),
	OPT_CHOICE(0, "from", "inputs|outputs", &opts.from, "which side of the run to read (default inputs)"),
	OPT_JOBS(opts.in),
	OPT_FLAG('k', "keep", &opts.keep, "keep the whole run and set \"input\" in it"),
	OPT_FLAG(0, "keep-empty", &opts.keep_empty, "also write runs without a message, with \"input\":null"),
	OPT_CHOICE('r', "role", MESSAGE_ROLES, &opts.role, "whose messages (default user)"),
};

static const struct tool tool = {
	.name = "msg-extract",
	.synopsis = "[options] [FILE ...]",
	.summary = "Write the last user message of each LangSmith run as {\"run_id\",\"timestamp\",\"input\"}.",
	.example = "  ls-fetch --since 1d | msg-extract | dedup -k run_id",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

struct counts {
	uint64_t written, skipped;
};

/* The members of a run that rows are made of. */
enum { RUN_ID, RUN_OTHER_ID, RUN_TIME, RUN_TYPE, RUN_BODY, N_MEMBERS };
#define NOWHERE	SIZE_MAX

struct worker {
	struct layout layout;
	size_t	 at[N_MEMBERS];		/* where they stand in such runs; NOWHERE */
	struct message_finder finder;
	struct expr *expr;
	size_t	 row;			/* where the row that is being written begins in out */
	struct buf text;		/* of such a row with --keep */
	struct buf reason;
	struct counts block;
};

struct run {
	const struct record *r;
	struct span id, time, type, body;
};

/* Of a name that occurs twice the last counts. */
static void
find_members(struct worker *w, const struct scan *s)
{
	static const char *const name[N_MEMBERS] = { "id", "run_id", "start_time", "run_type", "inputs" };

	for (size_t i = 0; i < N_MEMBERS; i++) {
		const char *wanted = i == RUN_BODY && opts.from == FROM_OUTPUTS ? "outputs" : name[i];
		const struct member *m = scan_find(s, wanted, strlen(wanted));

		w->at[i] = m == NULL ? NOWHERE : (size_t)(m - s->m);
	}
}

static struct span
member(const struct worker *w, const struct record *r, int which)
{
	return w->at[which] == NOWHERE ? (struct span){ NULL, 0 } : r->scan->m[w->at[which]].val;
}

static struct run
read_run(struct worker *w, const struct record *r)
{
	if (!layout_same(&w->layout, r->scan))
		find_members(w, r->scan);
	return (struct run){
		.r = r, .id = member(w, r, w->at[RUN_ID] != NOWHERE ? RUN_ID : RUN_OTHER_ID), .time = member(w, r, RUN_TIME),
		.type = member(w, r, RUN_TYPE), .body = member(w, r, RUN_BODY),
	};
}

static void
put_time(struct span time, struct buf *out)
{
	int64_t ms;
	bool zoned = true;

	if (!json_is_string(time)) {
		buf_adds(out, "null");
		return;
	}
	buf_add(out, time.p, time.len - 1);
	/* LangSmith's times have no zone and are UTC; whoever reads the row must not guess. */
	if (when_parse(time.p + 1, time.len - 2, &ms, &zoned) && !zoned && time.len > sizeof "\"2026-01-01\"" - 1)
		buf_addc(out, 'Z');
	buf_addc(out, '"');
}

/* The whole run with "input" and "index" set in it.  The second needs another look: the run may have an index of its own. */
static void
put_kept(const struct run *run, struct span input, long index, struct buf *out)
{
	struct buf first = { 0 };
	struct scan scan = { 0 };
	char number[24];
	int n = snprintf(number, sizeof number, "%ld", index);

	if (index < 0) {
		splice_set(run->r->scan, run->r->text, "input", input, out);
		return;
	}
	splice_set(run->r->scan, run->r->text, "input", input, &first);
	buf_pad(&first);
	(void)scan_record(&scan, first.p);
	splice_set(&scan, (struct span){ first.p, first.len }, "index", (struct span){ number, (size_t)n }, out);
	scan_free(&scan);
	buf_free(&first);
}

/* Begin a row.  Its text, JSON without the quotes, is then to be added to what is returned. */
static struct buf *
begin_row(struct worker *w, const struct run *run, struct buf *out)
{
	w->row = out->len;
	if (opts.keep) {
		buf_clear(&w->text);
		buf_addc(&w->text, '"');
		return &w->text;
	}
	buf_adds(out, "{\"run_id\":");
	buf_add(out, run->id.p, run->id.len);
	buf_adds(out, ",\"timestamp\":");
	put_time(run->time, out);
	buf_adds(out, ",\"input\":\"");
	return out;
}

static void
drop_row(const struct worker *w, struct buf *out)
{
	out->len = w->row;
}

/* index: of the message, -1 for none. */
static void
end_row(struct worker *w, const struct run *run, long index, struct buf *out)
{
	w->block.written++;
	if (opts.keep) {
		buf_addc(&w->text, '"');
		put_kept(run, (struct span){ w->text.p, w->text.len }, index, out);
		buf_addc(out, '\n');
		return;
	}
	buf_addc(out, '"');
	if (index >= 0)
		buf_addf(out, ",\"index\":%ld", index);
	buf_adds(out, "}\n");
}

/* The row of a run without a message. */
static void
put_empty(struct worker *w, const struct run *run, struct buf *out)
{
	w->block.written++;
	if (opts.keep) {
		put_kept(run, (struct span){ "null", 4 }, -1, out);
		buf_addc(out, '\n');
		return;
	}
	begin_row(w, run, out);
	out->len--;	/* the quote */
	buf_adds(out, "null}\n");
}

/* Find the run's messages and write their rows.  Returns how many. */
static size_t
put_messages(struct worker *w, const struct run *run, struct buf *out)
{
	struct message_finder *f = &w->finder;
	struct buf *text;
	size_t n = 0;

	if (run->body.p == NULL || run->body.p[0] != '{')
		return 0;
	text = begin_row(w, run, out);
	if (!message_list(f, run->r->scan, run->body)) {
		if (message_field(f, run->type, text)) {
			end_row(w, run, opts.all ? 0 : -1, out);
			return 1;
		}
	}
	for (size_t i = 0; i < f->n; i++) {
		size_t which = opts.all ? i : f->n - 1 - i;

		if (!message_text(f, which, text))
			continue;
		end_row(w, run, opts.all ? (long)which : -1, out);
		n++;
		if (!opts.all)
			return n;
		text = begin_row(w, run, out);
	}
	drop_row(w, out);
	return n;
}

/* The same by a jq program.  Returns why not, or NULL. */
static const char *
put_expr(struct worker *w, const struct run *run, struct buf *out, size_t *n)
{
	struct buf result = { 0 };

	if (w->expr == NULL)
		w->expr = expr_new(opts.expr, &w->reason);	/* it compiled once already, in main */
	buf_clear(&w->reason);
	switch (expr_first(w->expr, run->r->text, &result)) {
	case EXPR_TEXT:
		json_encode_inside(result.p, result.len, begin_row(w, run, out));
		end_row(w, run, -1, out);
		*n = 1;
		break;
	case EXPR_NOTHING:
		break;
	case EXPR_OTHER:
		buf_addf(&w->reason, "the expression gave %.60s, not a string", buf_str(&result));
		break;
	case EXPR_ERROR:
		buf_addf(&w->reason, "jq: %.200s", buf_str(&result));
		break;
	}
	buf_free(&result);
	return w->reason.len != 0 ? buf_str(&w->reason) : NULL;
}

static const char *
take_run(void *ctx, void *state, const struct record *r, struct buf *out)
{
	struct worker *w = state;
	struct run run = read_run(w, r);
	const char *reason = NULL;
	size_t n = 0;

	(void)ctx;
	w->finder.role = (enum message_role)opts.role;
	w->finder.from_outputs = opts.from == FROM_OUTPUTS;
	if (run.id.p == NULL || json_is_null(run.id))
		return "no id: not a run";
	if (opts.expr != NULL)
		reason = put_expr(w, &run, out, &n);
	else
		n = put_messages(w, &run, out);
	if (n == 0 && reason == NULL) {
		w->block.skipped++;
		if (opts.keep_empty)
			put_empty(w, &run, out);
	}
	return reason;
}

static void
commit(void *ctx, void *state, struct buf *out)
{
	struct counts *total = ctx;
	struct worker *w = state;

	std_out(out->p, out->len);
	buf_clear(out);
	total->written += w->block.written;
	total->skipped += w->block.skipped;
	w->block = (struct counts){ 0 };
}

static void
free_worker(void *state)
{
	struct worker *w = state;

	layout_free(&w->layout);
	message_free(&w->finder);
	expr_free(w->expr);
	buf_free(&w->text);
	buf_free(&w->reason);
}

static void
check_expr(void)
{
	struct buf error = { 0 };
	struct expr *e;

	if (opts.expr == NULL)
		return;
	if (opts.all)
		opt_misuse("--all and --expr exclude each other");
	if ((e = expr_new(opts.expr, &error)) == NULL)
		die(ST_USAGE, "--expr: %s", buf_str(&error));
	expr_free(e);
}

int
main(int argc, char *argv[])
{
	struct counts total = { 0 };
	struct filter f = {
		.opts = &opts.in, .ctx = &total, .state_size = sizeof(struct worker), .map_depth = MESSAGE_DEPTH, .state_free = free_worker,
		.record = take_run, .commit = commit,
	};
	struct filter_totals t = { 0 };
	int64_t start = when_mono();
	int st, n = opt_parse(&tool, argc, argv);

	check_expr();
	st = filter_run(&f, argv, n, &t);
	verbose("read=%llu written=%llu skipped=%llu rejected=%llu seconds=%.1f", (unsigned long long)t.read,
	    (unsigned long long)total.written, (unsigned long long)total.skipped, (unsigned long long)t.rejected,
	    (double)(when_mono() - start) / 1e3);
	return std_close(st);
}
