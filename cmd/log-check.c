/* log-check - check operation-log entries, and bring their times to UTC; see log-check(1) */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/msg.h"
#include "base/opt.h"
#include "base/std.h"
#include "base/when.h"
#include "json/str.h"
#include "ndjson/filter.h"

#define YEAR_1		INT64_C(-62135596800000)	/* 0001-01-01T00:00:00Z */
#define YEAR_10000	INT64_C(253402300800000)

static struct {
	const char *tz, *stamp;
	struct filter_opts in;
} opts = { .in = FILTER_DEFAULTS };

static const struct opt table[] = {
	OPT_FILTER(opts.in),
	OPT_JOBS(opts.in),
	OPT_NAME(0, "stamp", "FIELD", &opts.stamp, "add this member, with the time at which the run began, where it is missing or null"),
	OPT_NAME(0, "tz", "ZONE", &opts.tz, "what a time without a zone means (default UTC)"),
};

static const struct tool tool = {
	.name = "log-check",
	.synopsis = "[options] [FILE ...]",
	.summary = "Check operation-log entries: required fields, types, times (which become UTC), addresses.",
	.example = "  log-check --rejects bad.ndjson entries.ndjson | cc-count | sql-load --table org_logs --create",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

struct worker {
	struct buf text, reason, stamp;
	uint64_t written, changed;	/* in this block */
};

struct totals {
	uint64_t written, changed;
};

/* --stamp: the time as JSON, and a member with it behind others; not changed while there are threads. */
static struct buf began, began_member;

/* A piece of an entry, and what stands there instead. */
struct edit {
	struct span old, new;
};

struct field {
	const char *name;
	size_t	 len;
	bool	 required;
	const char *(*check)(struct worker *w);	/* of the text: what is wrong with it, or NULL */
};

/* The text in w->text as UTC into w->stamp; a fraction keeps its digits, up to six. */
static const char *
check_time(struct worker *w)
{
	const char *text = w->text.p, *fraction;
	size_t n;
	int64_t ms;
	bool zoned;
	char utc[WHEN_SIZE];

	if (!when_parse(text, w->text.len, &ms, &zoned))
		return "not a time";
	if (!zoned)
		ms = when_local(ms);
	if (ms < YEAR_1 || ms >= YEAR_10000)
		return "not a time";
	when_format(ms, utc);
	fraction = when_fraction(text, w->text.len, &n);
	buf_clear(&w->stamp);
	buf_addc(&w->stamp, '"');
	buf_add(&w->stamp, utc, sizeof "2026-06-19T13:22:24" - 1);
	if (n != 0) {
		buf_addc(&w->stamp, '.');
		buf_add(&w->stamp, fraction, n < 6 ? n : 6);
	}
	buf_adds(&w->stamp, "Z\"");
	return NULL;
}

static const char *
check_address(struct worker *w)
{
	const char *text = buf_str(&w->text);
	char address[sizeof(struct in6_addr)];

	if (strlen(text) == w->text.len && (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1))
		return NULL;
	return "not an IP address";
}

#define FIELD(name, required, check) { name, sizeof name - 1, required, check }

static const struct field fields[] = {
	FIELD("timestamp", true, check_time),
	FIELD("domain_name", true, NULL),
	FIELD("user_department", true, NULL),
	FIELD("user_name", true, NULL),
	FIELD("source_ip", true, check_address),
	FIELD("session_id", true, NULL),
	FIELD("action_type", true, NULL),
	FIELD("developer", true, NULL),
	FIELD("action_details", false, NULL),
	FIELD("model", false, NULL),
	FIELD("botrun", false, NULL),
	FIELD("user_agent", false, NULL),
	FIELD("resource_id", false, NULL),
};

/* The length of the white space (Unicode White_Space) that s begins with; 0: none. */
static size_t
white(const char *s, const char *end)
{
	static const char *const wide[] = {
		"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
		"\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a",
		"\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
	};

	if (*s == ' ' || (*s >= '\t' && *s <= '\r'))
		return 1;
	if ((unsigned char)*s < 0xc2 || (unsigned char)*s > 0xe3)	/* most Han characters begin higher */
		return 0;
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
		size_t n = strlen(wide[i]);

		if ((size_t)(end - s) >= n && memcmp(s, wide[i], n) == 0)
			return n;
	}
	return 0;
}

static bool
is_blank(const struct buf *text)
{
	const char *p = text->p, *end = p + text->len;
	size_t n;

	while (p < end && (n = white(p, end)) != 0)
		p += n;
	return p == end;
}

static const char *
type_name(struct span v)
{
	switch (*v.p) {
	case '"': return "a string";
	case '{': return "an object";
	case '[': return "an array";
	case 'n': return "null";
	case 't': case 'f': return "a boolean";
	default: return "a number";
	}
}

static void
fault(struct worker *w, const char *name, const char *what, const char *more)
{
	buf_addf(&w->reason, "%s%s: %s%s", w->reason.len != 0 ? "; " : "", name, what, more);
}

static void
check_field(struct worker *w, const struct field *f, const struct scan *scan)
{
	const struct member *m = scan_find(scan, f->name, f->len);
	const char *wrong;

	if (m == NULL || (!f->required && json_is_null(m->val))) {
		if (f->required)
			fault(w, f->name, "missing", "");
		return;
	}
	if (!json_is_string(m->val)) {
		fault(w, f->name, "wrong type: not a string but ", type_name(m->val));
		return;
	}
	if (!f->required)
		return;
	buf_clear(&w->text);
	json_decode(json_inside(m->val), &w->text);
	if (w->text.len == 0 || is_blank(&w->text))
		fault(w, f->name, "empty", "");
	else if (f->check != NULL && (wrong = f->check(w)) != NULL)
		fault(w, f->name, wrong, "");
}

/* The time in UTC; false: it is already. */
static bool
edit_time(struct worker *w, const struct record *r, struct edit *e)
{
	const struct member *m = scan_find(r->scan, "timestamp", sizeof "timestamp" - 1);

	*e = (struct edit){ m->val, { w->stamp.p, w->stamp.len } };
	if (e->old.len == e->new.len && memcmp(e->old.p, e->new.p, e->old.len) == 0)
		return false;
	w->changed++;
	return true;
}

/* The member of --stamp; false: it is there. */
static bool
edit_stamp(const struct record *r, struct edit *e)
{
	const struct member *m = scan_find(r->scan, opts.stamp, strlen(opts.stamp));

	if (m == NULL)		/* there are other members: the entry is a good one */
		*e = (struct edit){ { r->text.p + r->text.len - 1, 0 }, { began_member.p, began_member.len } };
	else
		*e = (struct edit){ m->val, { began.p, began.len } };
	return m == NULL || json_is_null(m->val);
}

/* The line with what is to change in it; every other byte as it came. */
static void
put_entry(struct worker *w, const struct record *r, struct buf *out)
{
	const char *p = r->line.p, *end = p + r->line.len;
	struct edit e[2], first;
	size_t n = 0;

	n += edit_time(w, r, &e[n]);
	n += opts.stamp != NULL && edit_stamp(r, &e[n]);
	if (n == 2 && e[0].old.p > e[1].old.p) {
		first = e[1];
		e[1] = e[0];
		e[0] = first;
	}
	for (size_t i = 0; i < n; i++) {
		buf_add(out, p, (size_t)(e[i].old.p - p));
		buf_add(out, e[i].new.p, e[i].new.len);
		p = e[i].old.p + e[i].old.len;
	}
	buf_add(out, p, (size_t)(end - p));
	w->written++;
}

static const char *
take_entry(void *ctx, void *state, const struct record *r, struct buf *out)
{
	struct worker *w = state;

	(void)ctx;
	buf_clear(&w->reason);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		check_field(w, &fields[i], r->scan);
	if (w->reason.len != 0)
		return buf_str(&w->reason);
	put_entry(w, r, out);
	return NULL;
}

static void
commit(void *ctx, void *state, struct buf *out)
{
	struct totals *t = ctx;
	struct worker *w = state;

	std_out(out->p, out->len);
	buf_clear(out);
	t->written += w->written;
	t->changed += w->changed;
	w->written = w->changed = 0;
}

static void
free_worker(void *state)
{
	struct worker *w = state;

	buf_free(&w->text);
	buf_free(&w->reason);
	buf_free(&w->stamp);
}

static void
make_stamp(int64_t now)
{
	char utc[WHEN_SIZE];

	if (scan_utf8(opts.stamp, strlen(opts.stamp)) != NULL)
		opt_misuse("--stamp: not UTF-8");
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (strcmp(opts.stamp, fields[i].name) == 0)
			opt_misuse("--stamp: '%s' is the entry's own", opts.stamp);
	buf_addf(&began, "\"%s\"", when_format(now, utc));
	buf_addc(&began_member, ',');
	json_encode(opts.stamp, strlen(opts.stamp), &began_member);
	buf_addc(&began_member, ':');
	buf_add(&began_member, began.p, began.len);
}

int
main(int argc, char *argv[])
{
	struct totals totals = { 0 };
	struct filter f = {
		.opts = &opts.in, .ctx = &totals, .state_size = sizeof(struct worker), .state_free = free_worker,
		.record = take_entry, .commit = commit,
	};
	struct filter_totals t = { 0 };
	int64_t start = when_mono(), now = when_now();
	int st, n = opt_parse(&tool, argc, argv);

	if (!when_zone(opts.tz != NULL ? opts.tz : "UTC"))
		die(ST_USAGE, "--tz: %s: no such time zone here", opts.tz);
	if (opts.stamp != NULL)
		make_stamp(now);
	st = filter_run(&f, argv, n, &t);
	buf_free(&began);
	buf_free(&began_member);
	verbose("read=%llu written=%llu normalised=%llu rejected=%llu seconds=%.1f", (unsigned long long)t.read,
	    (unsigned long long)totals.written, (unsigned long long)totals.changed, (unsigned long long)t.rejected,
	    (double)(when_mono() - start) / 1e3);
	return std_close(st);
}
