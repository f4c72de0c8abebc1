/*
 * bt-push - create or update records in a Feishu Bitable table; see bt-push(1)
 *
 * Exactly once: each batch of new rows is announced in the ledger, with its
 * idempotency key and all that is needed to send it again, before it is sent;
 * receipts follow the service's answer.  What a crash left in between is settled first.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "bt-push/push.h"
#include "feishu/value.h"
#include "json/path.h"

#define QUOTA_CODE	99991403	/* the month's calls are used up: no fault of the set-up */

struct push_opts opts = {
	.key = "run_id", .batch = BITABLE_MOST_CREATE, .batch_bytes = 1 << 20, .linger = 30000, .in = FILTER_DEFAULTS, .http = HTTP_POLICY,
};

static const struct opt table[] = {
	OPT_FEISHU_AS,
	OPT_BITABLE(opts.table),
	OPT_NUMBER(0, "batch", &opts.batch, 1, BITABLE_MOST_CREATE, "rows in a request, at most (default 1000)"),
	OPT_SIZE(0, "batch-bytes", &opts.batch_bytes, 1024, 64 << 20, "bytes in a request, about (default 1M)"),
	OPT_FLAG(0, "create-fields", &opts.create_fields, "create the fields that the table lacks"),
	OPT_FLAG('n', "dry-run", &opts.dry_run, "write what would be sent; change nothing"),
	OPT_FILTER(opts.in),
	OPT_HTTP(&opts.http),
	OPT_FLAG(0, "ignore-unknown", &opts.ignore_unknown, "leave out members that the table has no field for"),
	OPT_STRING('k', "key", "PATH", &opts.key, "the member that names a row (default run_id)"),
	OPT_STRING('l', "ledger", "FILE", &opts.ledger, "push each row exactly once, by this record of what was pushed"),
	OPT_DURATION(0, "linger", &opts.linger, "push an incomplete batch after waiting so long (default 30s)"),
	OPT_NUMBER(0, "truncate", &opts.truncate, 0, 10000000, "cut longer texts to N characters (default 0: do not)"),
	OPT_FLAG('u', "update", &opts.update, "change the records that the rows' record_id names"),
	OPT_FLAG(0, "upsert", &opts.upsert, "change the record that has the row's key, create the others"),
};

static const struct tool tool = {
	.name = "bt-push",
	.synopsis = "[--app TOKEN|URL] [--table ID|NAME] [options] [FILE ...]",
	.summary = "Write rows as records of a Feishu Bitable table; each goes on with its record_id.",
	.example = "  msg-extract runs.ndjson | bt-push --ledger local_records.ndjson >pushed.ndjson",
	.environment = BITABLE_ENVIRONMENT,
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

/* ---- ending ---- */

static void
summarize(const struct push *p)
{
	progress_clear();
	verbose("read=%llu pushed=%llu updated=%llu duplicates=%llu rejected=%llu truncated=%llu requests=%llu seconds=%.1f",
	    (unsigned long long)p->read, (unsigned long long)p->pushed, (unsigned long long)p->updated,
	    (unsigned long long)p->duplicates, (unsigned long long)p->rejects.n, (unsigned long long)p->truncated,
	    (unsigned long long)feishu_requests(p->table.feishu), (double)(when_mono() - p->begun) / 1e3);
}

static void
close_rejects(struct push *p)
{
	if (rejects_close(&p->rejects) == -1) {
		warn("%s: %s", opts.in.rejects, strerror(errno));
		p->status = worse(p->status, ST_FAILED);
	}
}

void
stop(struct push *p, int status, const char *fmt, ...)
{
	char why[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	warn("%s", why);
	close_rejects(p);
	summarize(p);
	exit(status);
}

static void __attribute__((noreturn))
interrupted(struct push *p)
{
	close_rejects(p);
	summarize(p);
	exit(sig_exit(ST_FAILED));
}

/* The service cannot go on: what was acknowledged is recorded. */
void
give_up(struct push *p, enum feishu_result r)
{
	const struct feishu_reply *reply = &p->table.reply;

	if (r == FEISHU_INTERRUPTED)
		interrupted(p);
	if (r == FEISHU_REFUSED && !reply->unknown && p->pushed + p->updated == 0)
		stop(p, reply->code == QUOTA_CODE ? ST_FAILED : ST_USAGE, "%s", buf_str(&p->table.reply.error));
	warn("%s", buf_str(&p->table.reply.error));
	if (reply->unknown && opts.update)
		stop(p, ST_FAILED, "it is unknown whether the last batch was written; run again: to write it twice does no harm");
	if (reply->unknown && p->has_ledger)
		stop(p, ST_FAILED, "it is unknown whether the last batch was written; the next run finds out from %s", opts.ledger);
	if (reply->unknown)
		stop(p, ST_FAILED, "it is unknown whether the last batch was written; with --ledger the next run would find out");
	stop(p, ST_FAILED, "stopped after %llu rows; run again to go on", (unsigned long long)(p->pushed + p->updated));
}

void
ledger_failed(struct push *p, int result)
{
	if (result == -1)
		stop(p, ST_FAILED, "%s: %s; run again to go on", opts.ledger, strerror(errno));
}

/* ---- rows ---- */

/* Put the row where it belongs.  Returns why not, or NULL. */
static const char *
sort_row(struct push *p, const struct record *r)
{
	const struct span none = { NULL, 0 };
	struct span key = row_member(r->scan, opts.key), id = none;
	const char *why;

	if (opts.update) {
		id = row_member(r->scan, "record_id");
		if (id.p == NULL || !json_is_string(id))
			return "no record_id";
		return add_row(p, &p->update, r, key, json_inside(id));
	}
	if (key.p == NULL && (opts.ledger != NULL || opts.upsert))
		return "no key: the member that --key names is missing or empty";
	if (opts.upsert) {
		struct span text = key_text(p, key);

		/* Two rows of one key may not meet in a batch: the later one must win. */
		if (keymap_get(&p->in_batch, text, NULL))
			push_all(p), text = key_text(p, key);
		keymap_put(&p->in_batch, text, none);
		if (keymap_get(&p->known, text, &id))
			return add_row(p, &p->update, r, key, id);
	}
	why = add_row(p, &p->create, r, key, none);
	if (why == NULL && p->has_ledger)
		(void)ledger_claim(&p->ledger, key);
	return why;
}

/* Was the row pushed before, or does it wait in the batch? */
static bool
is_duplicate(struct push *p, const struct scan *s)
{
	struct span key = row_member(s, opts.key);

	return p->has_ledger && !opts.upsert && key.p != NULL && ledger_has(&p->ledger, key);
}

static void
take_row(struct push *p, const struct record *r)
{
	const char *why;

	p->read++;
	if (is_duplicate(p, r->scan)) {
		p->duplicates++;
		return;
	}
	need_table(p);
	check_fields(p, r->scan);
	why = sort_row(p, r);
	if (why != NULL) {
		rejects_add(&p->rejects, p->in->name, p->in->line, 0, why, r->line.p, r->line.len);
		p->status = worse(p->status, ST_REJECTED);
		return;
	}
	if (opts.dry_run) {
		buf_add(&p->out, p->create.records.p, p->create.records.len);
		buf_add(&p->out, p->update.records.p, p->update.records.len);
		if (p->out.len != 0)
			buf_addc(&p->out, '\n');
		rejects_flush(&p->rejects);
		std_flush(&p->out);
		batch_clear(&p->create);
		batch_clear(&p->update);
		return;
	}
	if (batch_is_full(&p->create) || batch_is_full(&p->update))
		push_all(p);
}

/* Push the rows of one input.  False: a signal or --strict ends the run. */
static bool
push_input(struct push *p, struct lines *in)
{
	struct record r;

	p->in = in;
	for (;;) {
		bool waiting = p->create.n + p->update.n != 0;

		if (opts.in.strict && p->rejects.n != 0) {
			push_all(p);	/* what stood before the bad row */
			return false;
		}
		in->in.timeout_ms = waiting && opts.linger < INT32_MAX ? (int)opts.linger : -1;
		switch (lines_next(in, &r)) {
		case LINE_RECORD:
			take_row(p, &r);
			break;
		case LINE_REJECTED:
			p->status = worse(p->status, ST_REJECTED);
			break;
		case LINE_IDLE:
			push_all(p);
			break;
		case LINE_END:
			push_all(p);
			return true;
		case LINE_ERROR:
			if (errno == EINTR)
				return false;
			warn("%s: %s", in->name, strerror(errno));
			push_all(p);
			p->status = worse(p->status, ST_FAILED);
			return true;
		}
	}
}

static void
push_inputs(struct push *p, char *files[], int n)
{
	for (int i = 0; i < (n == 0 ? 1 : n); i++) {
		struct lines in;
		bool go_on;

		if (lines_open(&in, n == 0 ? "-" : files[i], (size_t)opts.in.max_line, &p->rejects) == -1) {
			warn("%s: %s", in.name, strerror(errno));
			p->status = worse(p->status, ST_FAILED);
			continue;
		}
		go_on = push_input(p, &in);
		p->in = NULL;
		lines_close(&in);
		if (!go_on || p->stopped)
			break;
	}
}

/* ---- set-up ---- */

static void
check_options(void)
{
	if ((opts.key = path_member(opts.key)) == NULL)
		opt_misuse("--key: must name one member of the row, such as run_id");
	if (!ledger_may_be_key(opts.key))
		opt_misuse("--key: '%s' is a word of the ledger's own; name another member", opts.key);
	if (opts.update && opts.upsert)
		opt_misuse("--update and --upsert exclude each other");
	if (opts.update && opts.ledger != NULL)
		opt_misuse("--update needs no --ledger: it can be repeated without harm");
	if (opts.create_fields && opts.ignore_unknown)
		opt_misuse("--create-fields and --ignore-unknown exclude each other");
}

static bool
remember(void *arg, struct span record_id, const struct buf *text)
{
	keymap_put(arg, (struct span){ text->p, text->len }, record_id);
	return true;
}

static void
need_key_field(struct push *p, const char *why)
{
	const struct field *f = bitable_field(&p->table, (struct span){ opts.key, strlen(opts.key) });

	if (f != NULL && field_read_only(f->type))
		stop(p, ST_USAGE, "the table computes its field '%s', by which %s; name another with --key", opts.key, why);
	if (f == NULL)
		stop(p, ST_USAGE, "the table has no field '%s', by which %s; add it, or name another with --key", opts.key, why);
}

static void
ledger_refused(struct push *p, enum ledger_status st)
{
	if (st == LEDGER_INTERRUPTED)
		interrupted(p);
	if (st != LEDGER_OK)
		stop(p, st == LEDGER_REFUSED ? ST_USAGE : ST_FAILED, "%s", buf_str(&p->ledger.error));
}

/*
 * Find the table and read its fields, when it is first needed: a sync that has
 * nothing new then costs none of the month's calls.
 */
void
need_table(struct push *p)
{
	struct buf name = { 0 };
	enum feishu_result r;

	if (p->table.is_open)
		return;
	if ((r = bitable_open(&p->table)) != FEISHU_OK)
		give_up(p, r);
	if (!p->has_ledger)
		return;
	if (!opts.create_fields)
		need_key_field(p, "rows are found again after a crash");
	buf_addf(&name, "%s/%s", p->table.app, p->table.table);
	ledger_refused(p, ledger_bind(&p->ledger, buf_str(&name)));
	buf_free(&name);
}

static void
open_ledger(struct push *p)
{
	struct intent in;

	if (opts.ledger == NULL || opts.dry_run)
		return;
	ledger_refused(p, ledger_open(&p->ledger, opts.ledger, opts.key));
	p->has_ledger = true;
	if (ledger_unsettled(&p->ledger, &in)) {
		need_table(p);
		settle_crash(p, &in);
	}
}

static void
load_keys(struct push *p)
{
	enum feishu_result r;

	if (!opts.upsert)
		return;
	need_table(p);
	need_key_field(p, "the records to change are found");
	r = bitable_read_column(&p->table, opts.key, remember, &p->known);
	if (r != FEISHU_OK)
		give_up(p, r);
}

static void
finish(struct push *p)
{
	if (p->has_ledger && ledger_close(&p->ledger) == -1)
		stop(p, ST_FAILED, "%s: %s", opts.ledger, strerror(errno));
	if (p->truncated != 0)
		note("%llu texts were cut to %lld characters", (unsigned long long)p->truncated, (long long)opts.truncate);
	close_rejects(p);
	summarize(p);
	batch_free(&p->create);
	batch_free(&p->update);
	keymap_free(&p->known);
	keymap_free(&p->settled_ids);
	free(p->ids);
	keymap_free(&p->in_batch);
	buf_free(&p->key);
	buf_free(&p->scratch);
	buf_free(&p->out);
	bitable_free(&p->table);
}

int
main(int argc, char *argv[])
{
	struct push p = { .begun = when_mono() };
	int n = opt_parse(&tool, argc, argv);

	check_options();
	sig_catch();
	sig_ignore_pipe();
	if (rejects_open(&p.rejects, opts.in.rejects) == -1)
		die(ST_USAGE, "--rejects: %s: %s", opts.in.rejects, strerror(errno));
	progress_start((enum progress_when)opts.in.progress, "rows", true);

	if (!bitable_init(&p.table, &opts.table, &opts.http))
		die(ST_USAGE, "%s", buf_str(&p.table.reply.error));
	open_ledger(&p);
	load_keys(&p);
	push_inputs(&p, argv, n);

	finish(&p);
	return sig_exit(std_close(p.status));
}
