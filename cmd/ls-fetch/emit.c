/*
 * emit.c - each run of a page: written, kept as pending, rejected, or passed by.
 *
 * A page may be asked for again, in the middle of it and with another size; so what was dealt
 * with is in page.done until the cursor has moved on.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/msg.h"
#include "base/std.h"
#include "json/splice.h"
#include "langsmith/apart.h"
#include "ls-fetch/fetch.h"

#define OUT_BYTES	(1u << 20)	/* a page of usual runs: the next one is asked for before this one is written */
#define TOLD		10		/* rejected runs that are named one by one */

static struct buf out;			/* whole lines for stdout */
static struct ids early;		/* written or rejected by a look-up; the windows meet them again */
static struct scan scan;

void
emit_flush(void *unused)
{
	(void)unused;
	if (out.len > 0)
		std_out(out.p, out.len);
	buf_clear(&out);
}

void
emit_free(void)
{
	buf_free(&out);
	ids_free(&early);
	scan_free(&scan);
}

void
emit_end(void)
{
	if (fetch.n_rejected > TOLD)
		warn("%llu runs in all could not be written as they should", fetch.n_rejected);
}

static void __attribute__((format(printf, 2, 3)))
reject(struct span id, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	if (++fetch.n_rejected > TOLD)
		return;
	if (id.len == 0)
		warn("run (no id): %s", why);
	else
		warn("run %.*s: %s", (int)(id.len < 100 ? id.len : 100), id.p, why);
}

/* Should it come again at this place, it has been dealt with. */
static void
met(struct span id)
{
	struct id *i = ids_add(&page.done, id.p, id.len);

	if (i != NULL)
		i->mark = true;
}

/* ---- writing ---- */

static void
write_run(struct span id, struct span text)
{
	met(id);
	pending_settled(id);
	fetch.n_written++;
	buf_add(&out, text.p, text.len);
	buf_addc(&out, '\n');
	if (out.len >= OUT_BYTES)
		emit_flush(NULL);
}

/* Put what is stored apart in its place in line.  Where it cannot be had now, missing says so. */
static void
fill_in(struct buf *line, struct span id, const char *field, const char *urls, struct span at, struct buf *missing)
{
	char why[APART_WHY];

	if (at.len == 0 || !asks_for(field))
		return;
	switch (apart_fill(&fetch.side, fetch.base.project_id, (size_t)opts.max_line, line, id, field, urls, at, why)) {
	case APART_DONE:
		return;
	case APART_FAILED:
		buf_addf(missing, "%sits %s, stored apart, cannot be fetched: %s", missing->len > 0 ? "; " : "", field, why);
		return;
	case APART_INTERRUPTED:
		interrupted();
	}
}

/* Its values cannot be had: it stays pending and is asked for again.  False: it has been, for too long. */
static bool
put_off(const struct run *run)
{
	struct id *p = opts.state != NULL ? pending_keep(run) : NULL;

	if (p != NULL && p->since == 0)
		p->since = fetch.now;
	if (p != NULL && fetch.now - p->since > opts.give_up)
		return false;
	met(run->id);
	return true;
}

static void
emit(const struct run *run, struct span text)
{
	struct buf line = { 0 }, missing = { 0 };
	bool off = false;

	if (run->inputs_at.len == 0 && run->outputs_at.len == 0) {
		write_run(run->id, text);
		return;
	}
	buf_add(&line, text.p, text.len);
	fill_in(&line, run->id, "inputs", "inputs_s3_urls", run->inputs_at, &missing);
	if (missing.len == 0 || !(off = put_off(run)))
		fill_in(&line, run->id, "outputs", "outputs_s3_urls", run->outputs_at, &missing);
	if (missing.len > 0) {
		reject(run->id, "%s", buf_str(&missing));
		if (!off && !(off = put_off(run)))
			warn("run %.*s: written without, after asking for it in vain for long", (int)run->id.len, run->id.p);
	}
	if (!off)
		write_run(run->id, (struct span){ line.p, line.len });
	buf_free(&line);
	buf_free(&missing);
}

/* ---- reading ---- */

/* The run's own id in the beginning of a run that could not be read; an "id" further inside is of something else. */
static struct span
guess_id(const struct buf *b)
{
	const char *end = b->p + b->len;
	int depth = 0;
	bool next = false;		/* what follows is the id */

	for (const char *p = b->p; p < end; p++) {
		const char *from = p + 1;

		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		if (*p != '"') {
			next = next && strchr(" \t:", *p) != NULL && *p != '\0';
			continue;
		}
		for (p++; p < end && *p != '"'; p++)
			p += *p == '\\';
		if (p >= end)
			break;
		if (next)
			return (struct span){ from, (size_t)(p - from) };
		next = depth == 1 && p - from == 2 && memcmp(from, "id", 2) == 0 && p[1 + strspn(p + 1, " \t")] == ':';
	}
	return (struct span){ NULL, 0 };
}

static void
reject_unread(const struct split *s)
{
	struct span id = guess_id(&s->line);
	bool look_up = page.found != NULL;

	/* Not told already, in an earlier try of the page or by a look-up. */
	if (ids_find(&page.done, id.p, id.len) == NULL && (look_up || ids_find(&early, id.p, id.len) == NULL)) {
		fetch.n_read++;
		if (s->too_long)
			reject(id, "it is longer than --max-line");
		else
			reject(id, "it is not valid JSON: %s", scan.error != NULL ? scan.error : "it is not UTF-8");
	}
	if (look_up) {
		ids_add(page.found, id.p, id.len);
		ids_add(&early, id.p, id.len);
		pending_settled(id);
	}
	met(id);
}

/* Read the run, and its text without the blanks around it.  False: it is rejected. */
static bool
read_run(const struct split *s, struct run *run, struct span *text)
{
	const char *end;

	scan.error = NULL;
	if (s->too_long || (end = scan_record(&scan, s->line.p)) == NULL || scan_utf8(s->line.p, s->line.len) != NULL) {
		reject_unread(s);
		return false;
	}
	if (!run_read(run, &scan)) {
		fetch.n_read++;
		reject((struct span){ NULL, 0 }, "it has no id");
		return false;
	}
	*text = splice_text(s->line.p, end);
	return true;
}

/* ---- which of these it is ---- */

/* It has been dealt with, or another window will. */
static bool
passed_by(const struct run *run)
{
	if (ids_find(&page.done, run->id.p, run->id.len) != NULL) {
		met(run->id);
		return true;
	}
	if (page.found != NULL)		/* a look-up: no window but the ids */
		return false;
	if (ids_find(&early, run->id.p, run->id.len) != NULL)
		return true;
	return run->start != RUN_NO_TIME && (run->start < page.q.from || run->start >= page.q.to ||
	    (opts.since.set && run->start < opts.since.ms) || (opts.until.set && run->start >= opts.until.ms));
}

static bool
may_still_end(const struct run *run)
{
	return !run->ended && (run->start == RUN_NO_TIME || fetch.now - run->start <= opts.give_up);
}

static bool
at_limit(void)
{
	return opts.limit != 0 && fetch.n_written >= (unsigned long long)opts.limit;
}

bool
emit_run(const struct split *s)
{
	struct run run;
	struct span text;

	page.n++;
	page.n_window++;
	if (!read_run(s, &run, &text))
		return true;
	if (page.first == RUN_NO_TIME)
		page.first = run.start;
	page.last = run.start;
	if (page.found != NULL)
		ids_add(page.found, run.id.p, run.id.len);
	if (passed_by(&run))
		return true;
	/* One whose id is not like one cannot be asked for again: it comes as it is. */
	if (may_still_end(&run) && pending_keep(&run) != NULL) {
		fetch.n_read++;
		met(run.id);
		return true;
	}
	/* With a state, one more run is waited for, to know whether the plan is through. */
	if (at_limit())
		return false;
	fetch.n_read++;
	if (page.found != NULL)
		ids_add(&early, run.id.p, run.id.len);
	emit(&run, text);
	return opts.state != NULL || !at_limit();
}
