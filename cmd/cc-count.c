/* cc-count - count the Chinese, English and all characters of a field; see cc-count(1) */

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/std.h"
#include "base/when.h"
#include "json/expr.h"
#include "json/layout.h"
#include "json/path.h"
#include "json/str.h"
#include "ndjson/filter.h"
#include "text/botrun.h"
#include "text/count.h"

static struct {
	struct opt_list fields;
	const char *expr, *prefix;
	int	 rule;
	struct filter_opts in;
} opts = { .prefix = "", .in = FILTER_DEFAULTS };

static const struct opt table[] = {
	OPT_STRING('e', "expr", "EXPR", &opts.expr, "count the text that this jq program gives for the record"),
	OPT_LIST('f', "field", "PATH", &opts.fields, "count this field (default action_details); several are summed"),
	OPT_FILTER(opts.in),
	OPT_JOBS(opts.in),
	OPT_STRING(0, "prefix", "S", &opts.prefix, "put S before the names of the three counts"),
	OPT_CHOICE('r', "rule", "han|botrun", &opts.rule, "what is Chinese and what is English (default han)"),
};

static const struct tool tool = {
	.name = "cc-count",
	.synopsis = "[-f PATH ...] [-e EXPR] [options] [FILE ...]",
	.summary = "Add ch_characters, en_characters and total_characters of a field to each record.",
	.example = "  cc-count entries.ndjson | cc-sum",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

enum { N_COUNTS = 3, NUMBER_MAX = 20 };

#define NOWHERE	SIZE_MAX

/* The name of a count, as bytes and as ,"name": */
struct name {
	struct buf text, json;
};

struct cc_count {
	struct path *paths;
	size_t	 n_paths;
	struct name name[N_COUNTS];
	size_t	 room;			/* what a line may grow by */
	uint64_t written;
};

struct worker {
	struct layout layout;
	size_t	*at;			/* where the fields stand in such records; NOWHERE */
	struct { size_t at; int which; } have[N_COUNTS];	/* the counts that these have already, in order */
	int	 n_have;
	struct expr *expr;
	struct botrun botrun;
	struct buf text, reason;
	uint64_t written;
};

/* ---- counting ---- */

/* A text, UTF-8 and padded. */
static void
add_text(struct worker *w, struct span text, struct counts *c)
{
	if (opts.rule == COUNT_BOTRUN)
		botrun_text(&w->botrun, text, c);
	else
		count_text(COUNT_HAN, text, c);
}

/* A value of the record: what a string spells, nothing for null, and the JSON text of all others. */
static void
add_value(struct worker *w, struct span v, struct counts *c)
{
	if (json_is_null(v))
		return;
	if (!json_is_string(v))
		add_text(w, v, c);
	else if (opts.rule == COUNT_BOTRUN)
		botrun_string(&w->botrun, json_inside(v), c);
	else
		count_string(COUNT_HAN, json_inside(v), c);
}

/* What the jq program gives.  Returns why not, or NULL. */
static const char *
add_expr(struct worker *w, const struct record *r, struct counts *c)
{
	buf_clear(&w->reason);
	if (w->expr == NULL)
		w->expr = expr_new(opts.expr, &w->reason);	/* it compiled once already, in main */
	buf_clear(&w->text);
	switch (expr_first(w->expr, r->text, &w->text)) {
	case EXPR_TEXT:
	case EXPR_OTHER:
		buf_pad(&w->text);
		add_text(w, (struct span){ w->text.p, w->text.len }, c);
		break;
	case EXPR_NOTHING:
		break;
	case EXPR_ERROR:
		buf_addf(&w->reason, "jq: %.200s", buf_str(&w->text));
		return buf_str(&w->reason);
	}
	return NULL;
}

/* ---- writing ---- */

static char *
put_number(char *to, uint64_t n)
{
	char digits[NUMBER_MAX], *p = digits + sizeof digits;

	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	return mempcpy(to, p, (size_t)(digits + sizeof digits - p));
}

/* The fields, and the counts that the record has already; of equal names the last. */
static void
find_members(const struct cc_count *cc, struct worker *w, const struct scan *s)
{
	if (w->at == NULL)
		w->at = mem_zero(cc->n_paths + 1, sizeof *w->at);
	for (size_t i = 0; i < cc->n_paths; i++) {
		const struct path_step *step = cc->paths[i].step;
		const struct member *m = step->name == NULL ? NULL : scan_find(s, step->name, step->len);

		w->at[i] = m == NULL ? NOWHERE : (size_t)(m - s->m);
	}
	w->n_have = 0;
	for (int i = 0; i < N_COUNTS; i++) {
		const struct member *m = scan_find(s, cc->name[i].text.p, cc->name[i].text.len);
		int k;

		if (m == NULL)
			continue;
		for (k = w->n_have++; k > 0 && w->have[k - 1].at > (size_t)(m - s->m); k--)
			w->have[k] = w->have[k - 1];
		w->have[k].at = (size_t)(m - s->m);
		w->have[k].which = i;
	}
}

/* The line with the counts put into it: in place where it has them, else behind its last member. */
static void
put_record(const struct cc_count *cc, const struct worker *w, const struct record *r, const struct counts *c, struct buf *out)
{
	const uint64_t number[N_COUNTS] = { c->ch, c->en, c->total };
	bool has[N_COUNTS] = { false };
	const char *p = r->line.p, *brace = r->text.p + r->text.len - 1, *end = p + r->line.len;
	char *to = buf_reserve(out, r->line.len + cc->room);	/* one check for all that follows */
	bool comma = r->scan->n != 0;

	for (int i = 0; i < w->n_have; i++) {
		struct span old = r->scan->m[w->have[i].at].val;

		to = mempcpy(to, p, (size_t)(old.p - p));
		to = put_number(to, number[w->have[i].which]);
		p = old.p + old.len;
		has[w->have[i].which] = true;
	}
	to = mempcpy(to, p, (size_t)(brace - p));
	for (int i = 0; i < N_COUNTS; i++) {
		if (has[i])
			continue;
		to = mempcpy(to, cc->name[i].json.p + !comma, cc->name[i].json.len - !comma);
		to = put_number(to, number[i]);
		comma = true;
	}
	to = mempcpy(to, brace, (size_t)(end - brace));
	out->len = (size_t)(to - out->p);
}

static const char *
take_record(void *ctx, void *state, const struct record *r, struct buf *out)
{
	const struct cc_count *cc = ctx;
	struct worker *w = state;
	struct counts c = { 0 };
	const char *reason;
	struct span v;

	if (opts.expr != NULL && (reason = add_expr(w, r, &c)) != NULL)
		return reason;
	if (!layout_same(&w->layout, r->scan))
		find_members(cc, w, r->scan);
	for (size_t i = 0; i < cc->n_paths; i++) {
		if (w->at[i] == NOWHERE)
			continue;
		if (cc->paths[i].n == 1)
			add_value(w, r->scan->m[w->at[i]].val, &c);
		else if (path_find(&cc->paths[i], r->scan, &v))
			add_value(w, v, &c);
	}
	put_record(cc, w, r, &c, out);
	w->written++;
	return NULL;
}

static void
commit(void *ctx, void *state, struct buf *out)
{
	struct cc_count *cc = ctx;
	struct worker *w = state;

	std_out(out->p, out->len);
	buf_clear(out);
	cc->written += w->written;
	w->written = 0;
}

static void
free_worker(void *state)
{
	struct worker *w = state;

	layout_free(&w->layout);
	free(w->at);
	expr_free(w->expr);
	botrun_free(&w->botrun);
	buf_free(&w->text);
	buf_free(&w->reason);
}

/* ---- options ---- */

static void
parse_fields(struct cc_count *cc)
{
	static const char *usual[] = { "action_details" };
	const char *const *field = opts.fields.n != 0 ? opts.fields.v : usual, *error;

	if (opts.expr != NULL)
		return;
	cc->n_paths = opts.fields.n != 0 ? opts.fields.n : 1;
	cc->paths = mem_zero(cc->n_paths, sizeof *cc->paths);
	for (size_t i = 0; i < cc->n_paths; i++)
		if (path_parse(&cc->paths[i], field[i], &error) == -1)
			opt_misuse("-f: '%s' is not a path: %s", field[i], error);
}

static void
check_expr(void)
{
	struct buf error = { 0 };
	struct expr *e;

	if (opts.expr == NULL)
		return;
	if (opts.fields.n != 0)
		opt_misuse("--field and --expr exclude each other");
	if ((e = expr_new(opts.expr, &error)) == NULL)
		die(ST_USAGE, "--expr: %s", buf_str(&error));
	expr_free(e);
}

static void
make_names(struct cc_count *cc)
{
	static const char *const names[N_COUNTS] = { "ch_characters", "en_characters", "total_characters" };

	if (scan_utf8(opts.prefix, strlen(opts.prefix)) != NULL)
		opt_misuse("--prefix: not UTF-8");
	for (int i = 0; i < N_COUNTS; i++) {
		struct name *name = &cc->name[i];

		buf_addf(&name->text, "%s%s", opts.prefix, names[i]);
		buf_addc(&name->json, ',');
		json_encode(name->text.p, name->text.len, &name->json);
		buf_addc(&name->json, ':');
		cc->room += name->json.len + NUMBER_MAX;
	}
}

static void
free_all(struct cc_count *cc)
{
	for (size_t i = 0; i < cc->n_paths; i++)
		path_free(&cc->paths[i]);
	free(cc->paths);
	for (int i = 0; i < N_COUNTS; i++) {
		buf_free(&cc->name[i].text);
		buf_free(&cc->name[i].json);
	}
}

int
main(int argc, char *argv[])
{
	struct cc_count cc = { 0 };
	struct filter f = {
		.opts = &opts.in, .ctx = &cc, .state_size = sizeof(struct worker), .state_free = free_worker,
		.record = take_record, .commit = commit,
	};
	struct filter_totals t = { 0 };
	int64_t start = when_mono();
	int st, n = opt_parse(&tool, argc, argv);

	check_expr();
	parse_fields(&cc);
	make_names(&cc);
	st = filter_run(&f, argv, n, &t);
	verbose("read=%llu written=%llu rejected=%llu seconds=%.1f", (unsigned long long)t.read, (unsigned long long)cc.written,
	    (unsigned long long)t.rejected, (double)(when_mono() - start) / 1e3);
	free_all(&cc);
	return std_close(st);
}
