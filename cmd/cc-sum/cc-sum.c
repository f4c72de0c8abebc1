/* cc-sum - sum fields by day, department and user, or any keys; see cc-sum(1) */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/std.h"
#include "base/when.h"
#include "cc-sum/fields.h"
#include "json/layout.h"
#include "json/order.h"
#include "ndjson/filter.h"
#include "store/groups.h"

#define DEFAULT_BY	"date=timestamp:day,department=user_department,user_name"
#define DEFAULT_SUM	"ch_characters,en_characters,total_characters"
#define DEFAULT_TZ	"Asia/Taipei"
#define OUT_BYTES	((size_t)64 << 10)

static struct {
	const char *by, *sum, *tz;
	int64_t	 memory;
	bool	 count;
	struct filter_opts in;
} opts = { .by = DEFAULT_BY, .memory = INT64_C(256) << 20, .in = FILTER_DEFAULTS };

static const struct opt table[] = {
	OPT_STRING('b', "by", "KEYS", &opts.by, "what makes a group (default: the day, department and user)"),
	OPT_FLAG('c', "count", &opts.count, "add the number of the group's records, as \"records\""),
	OPT_FILTER(opts.in),
	OPT_JOBS(opts.in),
	OPT_SIZE(0, "memory", &opts.memory, GROUPS_LEAST, INT64_C(1) << 40, "for the groups; more go through a file (default 256M)"),
	OPT_STRING('s', "sum", "FIELDS", &opts.sum, "what to add up (default: the count fields that are there)"),
	OPT_NAME(0, "tz", "ZONE", &opts.tz, "whose days, hours and months (default " DEFAULT_TZ ")"),
};

static const struct tool tool = {
	.name = "cc-sum",
	.synopsis = "[options] [FILE ...]",
	.summary = "Sum the character counts by day, department and user, or any fields by any keys.",
	.example = "  log-check entries.ndjson | cc-count | cc-sum >daily.ndjson",
	.environment = "  TMPDIR  where groups go that do not fit into --memory (default /tmp)",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

#define OWN_BYTES	((size_t)1 << 20)	/* what a worker keeps for itself: it stays in the cache, and no other waits for it */

struct summary {
	struct fields by, sum;
	struct groups groups;
	uint64_t seen;
	uint64_t written;
	struct buf out, scratch;
};

/* What a worker adds up, and what it needs for that. */
struct worker {
	struct summary *s;	/* set with the first record */
	struct groups groups;
	struct sum *sums;	/* of the record at hand */
	uint64_t seen;		/* the fields of the default that occurred */
	struct layout layout;
	size_t	*by_at, *sum_at;	/* where the fields stand in such records; NOWHERE */
	struct cut_cache *cuts;	/* of the keys */
	struct buf key, scratch, reason;
};

#define NOWHERE	SIZE_MAX

static const char *
because(struct worker *w, const char *path, const char *why)
{
	buf_clear(&w->reason);
	buf_addf(&w->reason, "%s: %s", path, why);
	return buf_str(&w->reason);
}

static void
find_fields(const struct fields *f, const struct scan *scan, size_t *at)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct path_step *step = f->v[i].path.step;
		const struct member *m = step->name == NULL ? NULL : scan_find(scan, step->name, step->len);

		at[i] = m == NULL ? NOWHERE : (size_t)(m - scan->m);
	}
}

static inline bool
find_field(const struct field *f, const struct scan *scan, size_t at, struct span *v)
{
	if (at == NOWHERE)
		return false;
	if (f->path.n > 1)
		return path_find(&f->path, scan, v);
	*v = scan->m[at].val;
	return true;
}

static const char *
make_key(const struct summary *s, struct worker *w, const struct scan *scan)
{
	buf_clear(&w->key);
	buf_addc(&w->key, '\0');	/* a key is never empty */
	for (size_t i = 0; i < s->by.n; i++) {
		const struct field *f = &s->by.v[i];
		const char *why;
		struct span v;

		if (!find_field(f, scan, w->by_at[i], &v))
			return because(w, f->text, "no such value");
		if (f->cut == CUT_NONE)
			order_put(v, &w->scratch, &w->key);
		else if ((why = cut_time(v, f->cut, &w->cuts[i], &w->scratch, &w->key)) != NULL)
			return because(w, f->text, why);
	}
	return NULL;
}

/* What is not there, or null, adds nothing. */
static const char *
read_numbers(const struct summary *s, struct worker *w, const struct scan *scan, uint64_t *seen)
{
	*seen = 0;
	for (size_t i = 0; i < s->sum.n; i++) {
		const struct field *f = &s->sum.v[i];
		struct span v;

		if (!find_field(f, scan, w->sum_at[i], &v) || json_is_null(v)) {
			w->sums[i] = (struct sum){ 0 };
			continue;
		}
		if (*v.p != '-' && (*v.p < '0' || *v.p > '9'))
			return because(w, f->text, "not a number");
		if (!sum_parse(v, &w->sums[i]))
			return because(w, f->text, "a number of too many digits to be added exactly");
		*seen |= UINT64_C(1) << i % 64;
	}
	return NULL;
}

static void
check_groups(enum groups_status st)
{
	switch (st) {
	case GROUPS_OK:
		return;
	case GROUPS_ERRNO:
		die(ST_FAILED, "%s: %s", file_temp_dir(), strerror(errno));
	case GROUPS_OVERFLOW:
		die(ST_FAILED, "a sum has more than 38 digits");
	}
}

static void
begin(struct worker *w, struct summary *s)
{
	w->s = s;
	groups_init(&w->groups, s->sum.n, s->groups.seed, 0);
	w->sums = mem_zero(s->sum.n + 1, sizeof *w->sums);
	w->by_at = mem_zero(s->by.n + 1, sizeof *w->by_at);
	w->sum_at = mem_zero(s->sum.n + 1, sizeof *w->sum_at);
	w->cuts = mem_zero(s->by.n + 1, sizeof *w->cuts);
}

static const char *
take_record(void *ctx, void *state, const struct record *r, struct buf *out)
{
	struct summary *s = ctx;
	struct worker *w = state;
	const char *reason;
	uint64_t seen;

	(void)out;
	if (w->s == NULL)
		begin(w, s);
	if (!layout_same(&w->layout, r->scan)) {
		find_fields(&s->by, r->scan, w->by_at);
		find_fields(&s->sum, r->scan, w->sum_at);
	}
	if ((reason = make_key(s, w, r->scan)) != NULL || (reason = read_numbers(s, w, r->scan, &seen)) != NULL)
		return reason;
	w->seen |= seen;
	check_groups(groups_add(&w->groups, (struct span){ w->key.p, w->key.len }, 1, w->sums));
	return NULL;
}

static void
hand_over(struct worker *w)
{
	w->s->seen |= w->seen;
	check_groups(groups_merge(&w->s->groups, &w->groups));
	groups_clear(&w->groups);
}

static void
commit_block(void *ctx, void *state, struct buf *out)
{
	struct worker *w = state;

	(void)ctx;
	(void)out;
	if (w->groups.bytes > OWN_BYTES)
		hand_over(w);
}

static void
free_worker(void *state)
{
	struct worker *w = state;

	if (w->s == NULL)
		return;		/* no record came to it */
	hand_over(w);
	groups_free(&w->groups);
	layout_free(&w->layout);
	free(w->sums);
	free(w->by_at);
	free(w->sum_at);
	free(w->cuts);
	buf_free(&w->key);
	buf_free(&w->scratch);
	buf_free(&w->reason);
}

static void
put_group(void *arg, const struct group *g, struct span key)
{
	struct summary *s = arg;
	const char *p = key.p + 1, *comma = "{";

	for (size_t i = 0; i < s->by.n; i++, comma = ",") {
		buf_adds(&s->out, comma);
		buf_adds(&s->out, s->by.v[i].member);
		p = order_get(p, key.p + key.len, &s->scratch, &s->out);
	}
	for (size_t i = 0; i < s->sum.n; i++) {
		if (opts.sum == NULL && (s->seen & UINT64_C(1) << i) == 0)
			continue;
		buf_adds(&s->out, comma);
		buf_adds(&s->out, s->sum.v[i].member);
		sum_put(&g->sum[i], &s->out);
		comma = ",";
	}
	if (opts.count)
		buf_addf(&s->out, "%s\"records\":%llu", comma, (unsigned long long)g->records);
	buf_adds(&s->out, opts.count || *comma == ',' ? "}\n" : "{}\n");
	s->written++;
	if (s->out.len >= OUT_BYTES)
		std_flush(&s->out);
}

static void
parse_fields(struct fields *f, const char *option, const char *list, bool may_cut)
{
	struct buf error = { 0 };

	if (fields_parse(f, list, may_cut, &error) == -1)
		opt_misuse("%s: %s", option, buf_str(&error));
}

/* Where no time is cut, zone data need not be there. */
static void
set_zone(const struct fields *by)
{
	const char *tz = opts.tz != NULL ? opts.tz : DEFAULT_TZ;
	bool wanted = opts.tz != NULL;

	for (size_t i = 0; i < by->n; i++)
		wanted = wanted || by->v[i].cut != CUT_NONE;
	if (wanted && !when_zone(tz))
		die(ST_USAGE, "--tz: %s: no such time zone here", tz);
}

static const char *
output_name(const struct summary *s, size_t i)
{
	if (i < s->by.n)
		return s->by.v[i].name;
	return i < s->by.n + s->sum.n ? s->sum.v[i - s->by.n].name : "records";
}

static void
check_names(const struct summary *s)
{
	size_t n = s->by.n + s->sum.n + opts.count;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(output_name(s, i), output_name(s, j)) == 0)
				opt_misuse("two fields are called '%s': rename one, as in NAME=%s", output_name(s, i), output_name(s, i));
}

/* What was summed before something failed would look like the sum of all. */
static int
write_groups(struct summary *s, int st)
{
	if (st == ST_FAILED || (st == ST_REJECTED && opts.in.strict)) {
		warn("no sums are written: not everything was read");
		return st;
	}
	if (opts.sum == NULL && s->seen == 0 && (s->groups.n != 0 || s->groups.n_runs != 0))
		note("none of " DEFAULT_SUM " is there: count first (cc-count), or name fields with --sum");
	check_groups(groups_each(&s->groups, put_group, s));
	std_flush(&s->out);
	return st;
}

int
main(int argc, char *argv[])
{
	struct summary s = { 0 };
	struct filter f = {
		.opts = &opts.in, .ctx = &s, .state_size = sizeof(struct worker), .state_free = free_worker,
		.record = take_record, .commit = commit_block, .gathers = true,
	};
	struct filter_totals t = { 0 };
	int64_t start = when_mono();
	int st, n = opt_parse(&tool, argc, argv);

	parse_fields(&s.by, "--by", opts.by, true);
	parse_fields(&s.sum, "--sum", opts.sum != NULL ? opts.sum : DEFAULT_SUM, false);
	check_names(&s);
	set_zone(&s.by);
	groups_init(&s.groups, s.sum.n, keyseed_random(), (size_t)opts.memory);

	st = filter_run(&f, argv, n, &t);
	st = write_groups(&s, st);

	verbose("read=%llu groups=%llu rejected=%llu spilled=%llu seconds=%.1f", (unsigned long long)t.read,
	    (unsigned long long)s.written, (unsigned long long)t.rejected, (unsigned long long)s.groups.end,
	    (double)(when_mono() - start) / 1e3);
	groups_free(&s.groups);
	fields_free(&s.by);
	fields_free(&s.sum);
	buf_free(&s.out);
	buf_free(&s.scratch);
	return std_close(st);
}
