/*
 * bt-prune - delete the records that are older than the retention; see bt-prune(1)
 *
 * What to delete comes from the ledger's own receipts, so nothing that others put
 * into the table is touched, and times are compared to the millisecond.  A
 * deletion has no idempotency key: where its outcome is unknown, or a record is
 * gone already, the service is asked which are absent.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "feishu/bitable.h"
#include "feishu/value.h"
#include "json/path.h"
#include "store/keymap.h"
#include "store/ledger.h"

static struct {
	struct bitable_opts table;
	const char *ledger, *key;
	const char *older_than;
	bool	 dry_run;
	int	 progress;
	struct http_policy http;
} opts = { .key = "run_id", .http = HTTP_POLICY };

static const struct opt table[] = {
	OPT_FEISHU_AS,
	OPT_BITABLE(opts.table),
	OPT_FLAG('n', "dry-run", &opts.dry_run, "write what would be removed; change nothing"),
	OPT_HTTP(&opts.http),
	OPT_STRING('k', "key", "PATH", &opts.key, "the member that names a row in the ledger (default run_id)"),
	OPT_STRING('l', "ledger", "FILE", &opts.ledger, "what bt-push has pushed; pruned too"),
	OPT_STRING('o', "older-than", "D", &opts.older_than, "remove rows whose timestamp is older than this, such as 14d"),
	OPT_PROGRESS(&opts.progress),
};

static const struct tool tool = {
	.name = "bt-prune",
	.synopsis = "--ledger FILE --older-than D [--app TOKEN|URL] [--table ID|NAME] [options]",
	.summary = "Delete pushed records that are older than D from a Feishu Bitable table and from the ledger.",
	.example = "  bt-prune --ledger local_records.ndjson --older-than 14d >removed.ndjson",
	.environment = BITABLE_ENVIRONMENT,
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = 0,
};

struct prune {
	struct bitable table;
	struct ledger ledger;
	int64_t	 cutoff;
	struct buf *ids;	/* of the old rows: a JSON array for each call */
	size_t	 *n_ids;
	size_t	 n, cap, cap2;
	struct keymap gone;	/* record ids that are deleted */
	struct buf removed;	/* their lines */
	uint64_t read, old, undated;
	int	 status;
	bool	 failed, unsettled;
};

/* ---- what is old ---- */

/* A receipt's time is read as bt-push reads a date: RFC 3339, seconds or milliseconds. */
static bool
is_old(struct prune *p, const struct scan *s)
{
	const struct member *time = scan_find(s, "timestamp", 9);
	struct buf ms = { 0 };
	bool old = false;

	if (time == NULL || json_is_null(time->val) || value_put(FIELD_DATE, time->val, 0, NULL, &ms) != NULL)
		p->undated++;
	else
		old = strtoll(buf_str(&ms), NULL, 10) < p->cutoff;
	buf_free(&ms);
	return old;
}

static void
note_id(struct prune *p, struct span id)
{
	struct buf *b;

	if (p->n == 0 || p->n_ids[p->n - 1] == BITABLE_MOST_DELETE) {
		p->ids = mem_grow(p->ids, &p->cap, p->n + 1, sizeof *p->ids);
		p->n_ids = mem_grow(p->n_ids, &p->cap2, p->n + 1, sizeof *p->n_ids);
		p->ids[p->n] = (struct buf){ 0 };
		p->n_ids[p->n++] = 0;
	}
	b = &p->ids[p->n - 1];
	buf_addc(b, p->n_ids[p->n - 1]++ == 0 ? '[' : ',');
	buf_add(b, id.p, id.len);
}

/* A dry run shows what is old. */
static bool
look_at(void *arg, const struct scan *s, struct span text)
{
	struct prune *p = arg;
	const struct member *id = scan_find(s, "record_id", 9);

	if (scan_find(s, opts.key, strlen(opts.key)) == NULL)
		return true;
	p->read++;
	if (id == NULL || !json_is_string(id->val) || !is_old(p, s))
		return true;
	p->old++;
	if (opts.dry_run) {
		std_put(&p->removed, text.p, text.len);
		std_put(&p->removed, "\n", 1);
	} else {
		note_id(p, id->val);
	}
	return true;
}

/* ---- deleting ---- */

static void
mark_gone(struct prune *p, struct span ids)
{
	struct json_iter it;
	struct span id;

	for (it = json_open(ids); json_next_element(&it, &id); )
		keymap_put(&p->gone, id, (struct span){ "", 0 });
}

/* Ask which of the ids are absent, and leave the others in rest (an array, empty when none). */
static enum feishu_result
find_absent(struct prune *p, struct span ids, struct buf *rest)
{
	struct json_iter it = json_open(ids);
	struct span id, absent;
	bool more = true;

	while (more) {
		struct buf some = { 0 };
		enum feishu_result r;
		size_t n = 0;

		while (n < BITABLE_MOST_GET && (more = json_next_element(&it, &id))) {
			buf_addc(&some, n++ == 0 ? '[' : ',');
			buf_add(&some, id.p, id.len);
		}
		if (n == 0) {
			buf_free(&some);
			break;
		}
		buf_addc(&some, ']');
		buf_pad(&some);
		r = bitable_absent(&p->table, (struct span){ some.p, some.len }, &absent);
		buf_free(&some);
		if (r != FEISHU_OK)
			return r;
		mark_gone(p, absent);
	}
	for (it = json_open(ids); json_next_element(&it, &id); )
		if (!keymap_get(&p->gone, id, NULL)) {
			buf_addc(rest, rest->len == 0 ? '[' : ',');
			buf_add(rest, id.p, id.len);
		}
	if (rest->len != 0) {
		buf_addc(rest, ']');
		buf_pad(rest);
	}
	return FEISHU_OK;
}

/*
 * Delete one array of ids.  Where some are gone already, or the outcome is unknown,
 * ask and go on with the rest.
 */
static enum feishu_result
delete_ids(struct prune *p, struct span ids)
{
	struct buf rest = { 0 }, left = { 0 };
	enum feishu_result r = FEISHU_OK;
	bool unknown, first = p->gone.n == 0;

	buf_add(&left, ids.p, ids.len);
	buf_pad(&left);
	for (int try = 0; left.len != 0 && try < 3; try++) {
		struct span now = { left.p, left.len };

		r = bitable_delete(&p->table, now);
		if (r == FEISHU_OK) {
			mark_gone(p, now);
			buf_clear(&left);
			break;
		}
		if (r == FEISHU_INTERRUPTED || !(feishu_kind(p->table.reply.code) == FEISHU_GONE || p->table.reply.unknown))
			break;
		unknown = p->table.reply.unknown;
		buf_clear(&rest);
		if ((r = find_absent(p, now, &rest)) != FEISHU_OK)
			break;
		if (!p->ledger.bound && !unknown && rest.len == 0 && first)
			die(ST_USAGE, "%s: the table has none of these records; is it the right one?", opts.ledger);
		buf_clear(&left);
		buf_add(&left, rest.p, rest.len);
		buf_pad(&left);
	}
	if (r == FEISHU_OK && left.len != 0) {
		buf_clear(&p->table.reply.error);
		buf_adds(&p->table.reply.error, "the service does not delete the records, nor say that they are gone");
		r = FEISHU_GAVE_UP;
	}
	buf_free(&rest);
	buf_free(&left);
	return r;
}

static void
delete_old(struct prune *p)
{
	for (size_t i = 0; i < p->n; i++) {
		enum feishu_result r;

		buf_addc(&p->ids[i], ']');
		r = delete_ids(p, (struct span){ p->ids[i].p, p->ids[i].len });

		progress_show(p->gone.n, i + 1, p->n);
		if (r == FEISHU_OK)
			continue;
		/* What was deleted is taken out of the ledger before the tool ends. */
		p->failed = true;
		if (r != FEISHU_INTERRUPTED)
			warn("%s", buf_str(&p->table.reply.error));
		break;
	}
}

/* ---- the ledger ---- */

/*
 * A batch that a killed bt-push has settled goes from the ledger as bt-push would have taken it out: without its receipts it would look
 * unsettled, and be pushed again.
 */
static bool
keep_line(void *arg, const struct scan *s, struct span text)
{
	struct prune *p = arg;
	const struct member *id = scan_find(s, "record_id", 9);

	if (id == NULL)
		return p->unsettled;
	if (!keymap_get(&p->gone, id->val, NULL))
		return true;
	buf_add(&p->removed, text.p, text.len);
	buf_addc(&p->removed, '\n');
	return false;
}

/* ---- set-up ---- */

static void
ledger_refused(struct prune *p, enum ledger_status st)
{
	if (st == LEDGER_INTERRUPTED)
		exit(sig_exit(ST_FAILED));
	if (st != LEDGER_OK)
		die(st == LEDGER_REFUSED ? ST_USAGE : ST_FAILED, "%s", buf_str(&p->ledger.error));
}

/* A slip here deletes: so no zero, and no number without its unit. */
static int64_t
retention(void)
{
	int64_t ms;

	if (!when_parse_duration(opts.older_than, &ms) || ms == 0)
		opt_misuse("--older-than: '%s' is not a duration above 0 (such as 14d)", opts.older_than);
	if (opts.older_than[strspn(opts.older_than, "0123456789")] == '\0')
		opt_misuse("--older-than: '%s' has no unit; days are %sd", opts.older_than, opts.older_than);
	return ms;
}

/* Needed only when something is old: an hourly run that finds nothing costs none of the month's calls. */
static void
open_table(struct prune *p)
{
	struct buf name = { 0 };
	enum feishu_result r = bitable_open(&p->table);

	if (r == FEISHU_INTERRUPTED)
		exit(sig_exit(ST_FAILED));
	if (r != FEISHU_OK)
		die(r == FEISHU_REFUSED ? ST_USAGE : ST_FAILED, "%s", buf_str(&p->table.reply.error));
	buf_addf(&name, "%s/%s", p->table.app, p->table.table);
	if (p->ledger.bound)
		ledger_refused(p, ledger_bind(&p->ledger, buf_str(&name)));
	buf_free(&name);
}

static void
prune(struct prune *p)
{
	open_table(p);
	delete_old(p);
	if (p->gone.n != 0 && ledger_rewrite(&p->ledger, keep_line, p) == -1)
		die(ST_FAILED, "%s: %s; run again", opts.ledger, strerror(errno));
	std_out(p->removed.p, p->removed.len);
}

static void
finish(struct prune *p)
{
	ledger_abandon(&p->ledger);
	for (size_t i = 0; i < p->n; i++)
		buf_free(&p->ids[i]);
	free(p->ids);
	free(p->n_ids);
	keymap_free(&p->gone);
	buf_free(&p->removed);
	bitable_free(&p->table);
}

int
main(int argc, char *argv[])
{
	struct prune p = { 0 };
	struct intent intent;
	int64_t start = when_mono();

	(void)opt_parse(&tool, argc, argv);
	if (opts.ledger == NULL || opts.older_than == NULL)
		opt_misuse("--ledger and --older-than are needed");
	if ((opts.key = path_member(opts.key)) == NULL)
		opt_misuse("--key: must name one member of the row, such as run_id");
	if (!ledger_may_be_key(opts.key))
		opt_misuse("--key: '%s' is a word of the ledger's own; name another member", opts.key);
	sig_catch();
	sig_ignore_pipe();
	progress_start((enum progress_when)opts.progress, "records", true);
	p.cutoff = when_now() - retention();

	if (access(opts.ledger, F_OK) == -1 && errno == ENOENT) {
		note("%s: there is no such ledger: nothing to prune", opts.ledger);
		return ST_OK;
	}
	if (!bitable_init(&p.table, &opts.table, &opts.http))
		die(ST_USAGE, "%s", buf_str(&p.table.reply.error));
	ledger_refused(&p, ledger_open(&p.ledger, opts.ledger, opts.key));
	p.unsettled = ledger_unsettled(&p.ledger, &intent);
	if (ledger_each(&p.ledger, look_at, &p) == -1) {
		if (errno == EINTR)
			exit(sig_exit(ST_FAILED));
		die(ST_FAILED, "%s: %s", opts.ledger, strerror(errno));
	}
	std_flush(&p.removed);
	if (p.undated != 0)
		note("%s: %llu rows have no timestamp and are kept", opts.ledger, (unsigned long long)p.undated);
	if (p.old != 0 && !opts.dry_run)
		prune(&p);

	progress_clear();
	verbose("read=%llu pruned=%zu kept=%llu requests=%llu seconds=%.1f", (unsigned long long)p.read, p.gone.n,
	    (unsigned long long)(p.read - p.gone.n), (unsigned long long)feishu_requests(p.table.feishu),
	    (double)(when_mono() - start) / 1e3);
	if (p.failed && sig_caught() == 0)
		warn("stopped after %zu of %llu records; run again to go on", p.gone.n, (unsigned long long)p.old);
	p.status = p.failed ? ST_FAILED : ST_OK;
	finish(&p);
	return sig_exit(std_close(p.status));
}
