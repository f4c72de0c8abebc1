/*
 * bt-push - create or update records in a Feishu Bitable table; see bt-push(1)
 *
 * Exactly once: each batch of new rows is announced in the ledger, with its
 * idempotency key and all that is needed to send it again, before it is sent;
 * receipts follow the service's answer.  What a crash left in between is settled first.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/when.h"
#include "feishu/bitable.h"
#include "feishu/value.h"
#include "json/splice.h"
#include "json/str.h"
#include "ndjson/filter.h"
#include "ndjson/line.h"
#include "store/keymap.h"
#include "store/ledger.h"

/*
 * How long after a batch was announced its idempotency key is trusted.  Feishu does not
 * say how long it remembers keys; after this the table itself is asked, and
 * by then no request of the dead process can still be under way.
 */
#define KEY_TRUSTED_MS	(10 * 60 * 1000)
#define QUOTA_CODE	99991403	/* the month's calls are used up: no fault of the set-up */

static struct {
	struct bitable_opts table;
	const char *ledger, *key;
	int64_t	 batch, batch_bytes, linger, truncate;
	bool	 create_fields, ignore_unknown, update, upsert, dry_run;
	struct filter_opts in;
	struct http_policy http;
} opts = {
	.key = "run_id", .batch = 500, .batch_bytes = 1 << 20, .linger = 30000, .in = FILTER_DEFAULTS, .http = HTTP_POLICY,
};

static const struct opt table[] = {
	OPT_BITABLE(opts.table),
	OPT_NUMBER(0, "batch", &opts.batch, 1, BITABLE_MOST_CREATE, "rows in a request (default 500)"),
	OPT_SIZE(0, "batch-bytes", &opts.batch_bytes, 1024, 64 << 20, "bytes in a request, about (default 1M)"),
	OPT_FLAG(0, "create-fields", &opts.create_fields, "create the fields that the table lacks"),
	OPT_FLAG('n', "dry-run", &opts.dry_run, "write what would be sent; change nothing"),
	OPT_FILTER(opts.in),
	OPT_HTTP(&opts.http),
	OPT_FLAG(0, "ignore-unknown", &opts.ignore_unknown, "leave out members that the table has no field for"),
	OPT_STRING('k', "key", "NAME", &opts.key, "the member that names a row (default run_id)"),
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

/* A row that waits in a batch. */
struct row {
	uint64_t line;
	size_t	 text, text_len;	/* its bytes, in the batch's texts */
	size_t	 entry, entry_len;	/* its keys and time stamp for the ledger, in entries */
	size_t	 record, record_len;	/* what is sent for it, in records */
};

struct batch {
	struct row *row;
	size_t	 n, cap;
	struct buf texts, entries, records;
};

struct push {
	struct feishu *feishu;
	struct bitable table;
	struct ledger ledger;
	bool	 has_ledger;
	struct lines *in;		/* for names in messages */
	struct rejects rejects;
	struct batch create, update;
	struct keymap known;		/* --upsert: key -> record id */
	struct keymap in_batch;		/* --upsert: keys that wait */
	struct buf key, scratch, out;
	struct span *ids;		/* record ids of the rows that were written last; not owned */
	size_t	 n_ids, ids_cap;
	struct keymap settled_ids;	/* key -> record id of the batch that was settled last */
	uint64_t read, pushed, updated, duplicates, truncated;
	int	 status;
};

static void push_rows(struct push *p, struct row *row, size_t n);
static void need_table(struct push *p);

/* ---- ending ---- */

/* The service cannot go on: what was acknowledged is recorded. */
static void __attribute__((noreturn))
give_up(struct push *p, enum feishu_result r)
{
	bool interrupted = r == FEISHU_INTERRUPTED;

	io_stdout(p->out.p, p->out.len);
	if (p->rejects.n != 0 && rejects_close(&p->rejects) == -1)
		warn("%s: %s", opts.in.rejects, strerror(errno));
	if (interrupted)
		exit(sig_exit(ST_FAILED));
	if (r == FEISHU_REFUSED && !p->table.reply.unknown && p->pushed + p->updated == 0)
		die(p->table.reply.code == QUOTA_CODE ? ST_FAILED : ST_USAGE, "%s", buf_str(&p->table.reply.error));
	warn("%s", buf_str(&p->table.reply.error));
	if (p->table.reply.unknown && p->has_ledger)
		die(ST_FAILED, "it is unknown whether the last batch was written; the next run finds out from %s", opts.ledger);
	if (p->table.reply.unknown)
		die(ST_FAILED, "it is unknown whether the last batch was written; with --ledger the next run would find out");
	die(ST_FAILED, "stopped after %llu rows; run again to go on", (unsigned long long)(p->pushed + p->updated));
}

static void
ledger_failed(int result)
{
	if (result == -1)
		die(ST_FAILED, "%s: %s; the next run settles the batch", opts.ledger, strerror(errno));
}

/* ---- batches ---- */

static struct span
at(const struct buf *b, size_t from, size_t len)
{
	return (struct span){ b->p + from, len };
}

static void
reject_row(struct push *p, const struct row *row, const struct batch *b, const char *why)
{
	struct span key, entry = at(&b->entries, row->entry, row->entry_len);

	/* Another row of this key may still come and be good. */
	if (p->has_ledger && b == &p->create && ledger_row_key(&p->ledger, entry, &key))
		ledger_unclaim(&p->ledger, key);
	rejects_add(&p->rejects, p->in->name, row->line, 0, why, b->texts.p + row->text, row->text_len);
	p->status = worse(p->status, ST_REJECTED);
}

/* Join what rows have in one of the batch's buffers as a JSON array. */
static void
put_array(const struct buf *b, const struct row *row, size_t n, bool records, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		buf_addc(out, i == 0 ? '[' : ',');
		if (records)
			buf_add(out, b->p + row[i].record, row[i].record_len);
		else
			buf_add(out, b->p + row[i].entry, row[i].entry_len);
	}
	buf_addc(out, ']');
}

/* Take the record ids of the reply, which come in the order of the rows.  False: not one for each. */
static bool
take_ids(struct push *p, size_t n)
{
	struct span list, record, id;
	struct json_iter it;

	p->n_ids = 0;
	if (!JSON_MEMBER(p->table.reply.data, "records", &list) || list.p[0] != '[')
		return false;
	for (it = json_open(list); json_next_element(&it, &record); p->n_ids++) {
		if (!JSON_MEMBER(record, "record_id", &id) || !json_is_string(id))
			return false;
		p->ids = mem_grow(p->ids, &p->ids_cap, p->n_ids + 1, sizeof *p->ids);
		p->ids[p->n_ids] = json_inside(id);
	}
	return p->n_ids == n;
}

/* Write the rows on, each with its record id. */
static void
write_on(struct push *p, struct batch *b, struct row *row, size_t n)
{
	struct scan s = { 0 };
	struct buf id = { 0 };

	for (size_t i = 0; i < n; i++) {
		const char *text = b->texts.p + row[i].text, *end = scan_record(&s, text);

		if (end == NULL)
			continue;
		buf_clear(&id);
		json_encode(p->ids[i].p, p->ids[i].len, &id);
		splice_set(&s, splice_text(text, end), "record_id", (struct span){ id.p, id.len }, &p->out);
		buf_addc(&p->out, '\n');
	}
	scan_free(&s);
	buf_free(&id);
	io_stdout(p->out.p, p->out.len);
	buf_clear(&p->out);
}

static void
odd_reply(struct push *p)
{
	buf_clear(&p->table.reply.error);
	buf_adds(&p->table.reply.error, "Feishu's answer does not list the records of the batch");
	p->table.reply.unknown = true;
	give_up(p, FEISHU_GAVE_UP);
}

/* Fields may have been renamed or removed since they were read: say which. */
static void
field_gone(struct push *p)
{
	struct buf why = { 0 };

	buf_add(&why, p->table.reply.error.p, p->table.reply.error.len);
	if (bitable_read_fields(&p->table) == FEISHU_OK) {
		buf_adds(&why, "; the table's fields are now: ");
		for (size_t i = 0; i < p->table.n_fields; i++)
			buf_addf(&why, "%s%s", i == 0 ? "" : ", ", p->table.fields[i].name);
	}
	buf_clear(&p->table.reply.error);
	buf_add(&p->table.reply.error, why.p, why.len);
	p->table.reply.unknown = false;
	buf_free(&why);
	give_up(p, FEISHU_REFUSED);
}

/* The service refused the batch, so nothing of it was written: find the row at fault by halves. */
static void
refused(struct push *p, struct batch *b, struct row *row, size_t n)
{
	enum feishu_kind kind = feishu_kind(p->table.reply.code);

	if (kind == FEISHU_FIELD)
		field_gone(p);
	if (kind != FEISHU_ROW && kind != FEISHU_LESS && !(kind == FEISHU_GONE && b == &p->update))
		give_up(p, FEISHU_REFUSED);
	if (n == 1) {
		reject_row(p, row, b, buf_str(&p->table.reply.error));
		return;
	}
	verbose("%s; trying %zu rows by halves", buf_str(&p->table.reply.error), n);
	push_rows(p, row, n / 2);
	push_rows(p, row + n / 2, n - n / 2);
}

static void
update_rows(struct push *p, struct row *row, size_t n)
{
	struct buf records = { 0 };
	char token[UUID_SIZE];
	enum feishu_result r;

	put_array(&p->update.records, row, n, true, &records);
	r = bitable_update(&p->table, rnd_uuid(token), (struct span){ records.p, records.len });
	buf_free(&records);
	if (r == FEISHU_REFUSED) {
		refused(p, &p->update, row, n);
		return;
	}
	if (r != FEISHU_OK)
		give_up(p, r);
	if (!take_ids(p, n))
		odd_reply(p);
	p->updated += n;
	write_on(p, &p->update, row, n);
}

/* ---- creating, exactly once ---- */

static bool settle(struct push *p, struct intent *in);

static struct span
entry_of(struct push *p, const struct row *row)
{
	return at(&p->create.entries, row->entry, row->entry_len);
}

/* Rows may be changed later in the same run: remember which records they became. */
static void
learn(struct push *p, struct row *row, size_t n)
{
	struct span key;

	for (size_t i = 0; opts.upsert && i < n; i++)
		if (json_member(entry_of(p, &row[i]), opts.key, strlen(opts.key), &key))
			keymap_put(&p->known, keymap_text(key, &p->key), p->ids[i]);
}

static void
put_receipts(struct push *p, struct row *row, size_t n)
{
	struct buf receipts = { 0 };

	for (size_t i = 0; i < n; i++)
		ledger_put_receipt(&p->ledger, entry_of(p, &row[i]), p->ids[i].p, p->ids[i].len, &receipts);
	ledger_failed(ledger_settle(&p->ledger, &receipts));
	buf_free(&receipts);
}

/* A retry met its own first try, and the service cannot tell.  The table can. */
static void
ask_table(struct push *p, struct intent *in, struct row *row, size_t n)
{
	struct span key;

	for (size_t i = 0; i < n; i++)
		if (ledger_row_key(&p->ledger, entry_of(p, &row[i]), &key))
			ledger_unclaim(&p->ledger, key);
	in->at_ms = 0;
	if (!settle(p, in))
		give_up(p, FEISHU_REFUSED);
	p->n_ids = 0;
	for (size_t i = 0; i < n; i++) {
		struct span id = { "", 0 };

		if (ledger_row_key(&p->ledger, entry_of(p, &row[i]), &key))
			(void)keymap_get(&p->settled_ids, keymap_text(key, &p->key), &id);
		p->ids = mem_grow(p->ids, &p->ids_cap, i + 1, sizeof *p->ids);
		p->ids[p->n_ids++] = id;
	}
}

static void
create_rows(struct push *p, struct row *row, size_t n)
{
	struct buf rows = { 0 }, records = { 0 };
	struct intent in = { .at_ms = when_now() };
	enum feishu_result r;

	put_array(&p->create.entries, row, n, false, &rows);
	put_array(&p->create.records, row, n, true, &records);
	rnd_uuid(in.id);
	in.rows = (struct span){ rows.p, rows.len };
	in.records = (struct span){ records.p, records.len };
	if (p->has_ledger)
		ledger_failed(ledger_intend(&p->ledger, &in));
	r = bitable_create(&p->table, in.id, in.records);
	if (r == FEISHU_OK) {
		if (!take_ids(p, n))
			odd_reply(p);
		if (p->has_ledger)
			put_receipts(p, row, n);
	} else if (r == FEISHU_REFUSED && p->has_ledger && feishu_kind(p->table.reply.code) == FEISHU_VERIFY) {
		ask_table(p, &in, row, n);
		r = FEISHU_OK;
	} else if (r == FEISHU_REFUSED && !p->table.reply.unknown) {
		if (p->has_ledger)
			ledger_failed(ledger_void(&p->ledger, in.id));
		refused(p, &p->create, row, n);
	} else {
		/* An earlier try may still be under way: only the same key is safe now, or time. */
		give_up(p, r);
	}
	if (r == FEISHU_OK) {
		learn(p, row, n);
		p->pushed += n;
		write_on(p, &p->create, row, n);
	}
	buf_free(&rows);
	buf_free(&records);
}

static void
push_rows(struct push *p, struct row *row, size_t n)
{
	if (n == 0)
		return;
	if (row >= p->update.row && row < p->update.row + p->update.n)
		update_rows(p, row, n);
	else
		create_rows(p, row, n);
}

static void
push_batch(struct push *p, struct batch *b)
{
	push_rows(p, b->row, b->n);
	b->n = 0;
	buf_clear(&b->texts);
	buf_clear(&b->entries);
	buf_clear(&b->records);
}

static void
push_all(struct push *p)
{
	push_batch(p, &p->create);
	push_batch(p, &p->update);
	keymap_clear(&p->in_batch);
	progress_show(p->pushed + p->updated, p->in->in.bytes, p->in->in.total);
}

/* ---- settling what a crash left ---- */

/* Which keys of the intent are in the table, and as what? */
struct search {
	struct keymap found, wanted;
};

static bool
look_for(void *arg, struct span record_id, const struct buf *text)
{
	struct search *s = arg;
	struct span key = { text->p, text->len };

	if (keymap_get(&s->wanted, key, NULL))
		keymap_put(&s->found, key, record_id);
	return true;
}

/* Was the row's receipt written before the crash? */
static bool
has_receipt(struct push *p, struct span row)
{
	struct span key;

	return ledger_row_key(&p->ledger, row, &key) && ledger_has(&p->ledger, key);
}

static void
settle_row(struct push *p, struct span row, struct span id, struct buf *receipts)
{
	struct span key;

	ledger_put_receipt(&p->ledger, row, id.p, id.len, receipts);
	if (ledger_row_key(&p->ledger, row, &key))
		keymap_put(&p->settled_ids, keymap_text(key, &p->key), id);
}

/*
 * Read the table for the intent's keys: write receipts for those that are there,
 * and put the others' records into rows and records for a new batch.
 */
static void
verify(struct push *p, const struct intent *in, struct buf *rows, struct buf *records, struct buf *receipts)
{
	struct span row, record, key, id;
	struct json_iter ir, ic;
	struct search s = { 0 };
	enum feishu_result r;

	for (ir = json_open(in->rows); json_next_element(&ir, &row); )
		if (ledger_row_key(&p->ledger, row, &key))
			keymap_put(&s.wanted, keymap_text(key, &p->key), (struct span){ "", 0 });
	r = bitable_read_column(&p->table, opts.key, look_for, &s);
	if (r != FEISHU_OK)
		give_up(p, r);
	ir = json_open(in->rows);
	ic = json_open(in->records);
	while (json_next_element(&ir, &row) && json_next_element(&ic, &record)) {
		if (!ledger_row_key(&p->ledger, row, &key) || has_receipt(p, row))
			continue;
		if (keymap_get(&s.found, keymap_text(key, &p->key), &id)) {
			settle_row(p, row, id, receipts);
			continue;
		}
		buf_addc(rows, rows->len == 0 ? '[' : ',');
		buf_add(rows, row.p, row.len);
		buf_addc(records, records->len == 0 ? '[' : ',');
		buf_add(records, record.p, record.len);
	}
	keymap_free(&s.found);
	keymap_free(&s.wanted);
}

static void
claim_rows(struct push *p, const struct intent *in)
{
	struct json_iter it;
	struct span row, key;

	for (it = json_open(in->rows); json_next_element(&it, &row); )
		if (ledger_row_key(&p->ledger, row, &key))
			(void)ledger_claim(&p->ledger, key);
}

/* Send the announced batch again, as it was: the same key gives the first result. */
static enum feishu_result
resend(struct push *p, const struct intent *in, struct buf *receipts)
{
	enum feishu_result r = bitable_create(&p->table, in->id, in->records);
	struct span list, record, row, id;
	struct json_iter it, ir;

	if (r != FEISHU_OK)
		return r;
	if (!JSON_MEMBER(p->table.reply.data, "records", &list))
		odd_reply(p);
	it = json_open(list);
	for (ir = json_open(in->rows); json_next_element(&ir, &row); ) {
		if (!json_next_element(&it, &record) || !JSON_MEMBER(record, "record_id", &id) || !json_is_string(id))
			odd_reply(p);
		if (!has_receipt(p, row))
			settle_row(p, row, json_inside(id), receipts);
	}
	return FEISHU_OK;
}

/*
 * Bring an announced batch to its end.  False: the service refuses it for what is in it; then it
 * is void, and its rows come again with the input.
 */
static bool
settle(struct push *p, struct intent *in)
{
	struct buf rows = { 0 }, records = { 0 }, receipts = { 0 };
	bool trusted = when_now() - in->at_ms < KEY_TRUSTED_MS && in->at_ms <= when_now();
	enum feishu_result r = FEISHU_REFUSED;

	keymap_clear(&p->settled_ids);
	if (trusted) {
		r = resend(p, in, &receipts);
		if (r == FEISHU_REFUSED && feishu_kind(p->table.reply.code) == FEISHU_VERIFY)
			trusted = false;
	}
	if (!trusted) {
		verify(p, in, &rows, &records, &receipts);
		r = FEISHU_OK;
	}
	if (r == FEISHU_OK && receipts.len != 0)
		ledger_failed(ledger_settle(&p->ledger, &receipts));
	if (r == FEISHU_OK && rows.len != 0) {
		struct intent again = { .at_ms = when_now() };

		buf_addc(&rows, ']');
		buf_addc(&records, ']');
		rnd_uuid(again.id);
		again.rows = (struct span){ rows.p, rows.len };
		again.records = (struct span){ records.p, records.len };
		ledger_failed(ledger_void(&p->ledger, in->id));
		ledger_failed(ledger_intend(&p->ledger, &again));
		buf_clear(&receipts);
		r = resend(p, &again, &receipts);
		if (r == FEISHU_OK)
			ledger_failed(ledger_settle(&p->ledger, &receipts));
		memcpy(in->id, again.id, sizeof in->id);
	}
	if (r == FEISHU_OK)
		claim_rows(p, in);
	else if (r == FEISHU_REFUSED)
		ledger_failed(ledger_void(&p->ledger, in->id));
	else
		give_up(p, r);
	buf_free(&rows);
	buf_free(&records);
	buf_free(&receipts);
	return r == FEISHU_OK;
}

static void
settle_crash(struct push *p, struct intent *in)
{
	if (!settle(p, in)) {
		/* What the service says of all batches is no reason to go on. */
		if (feishu_kind(p->table.reply.code) == FEISHU_OTHER)
			give_up(p, FEISHU_REFUSED);
		verbose("the batch of an interrupted run was refused: %s", buf_str(&p->table.reply.error));
		return;
	}
	note("settled %zu rows of an interrupted run", p->settled_ids.n);
	p->pushed += p->settled_ids.n;
}

/* ---- rows into batches ---- */

static bool
is_update_id(struct span name)
{
	return JSON_SPELLS(name, "record_id");
}

/* The members of a row that no field takes; adds their names to unknown. */
static void
find_unknown(struct push *p, const struct scan *s, struct buf *unknown)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct member *m = &s->m[i];
		const struct field *f = bitable_field(&p->table, m->key);

		if ((f != NULL && !field_read_only(f->type)) || (f == NULL && is_update_id(m->key)))
			continue;
		buf_adds(unknown, unknown->len == 0 ? "'" : ", '");
		json_decode(m->key, unknown);
		buf_adds(unknown, f != NULL ? "' (computed by the table)" : "'");
	}
}

static void
create_fields(struct push *p, const struct scan *s)
{
	bool created = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct member *m = &s->m[i];
		int type = value_guess_type(m->val);
		enum feishu_result r;

		if (type == 0 || is_update_id(m->key) || bitable_field(&p->table, m->key) != NULL)
			continue;
		r = bitable_create_field(&p->table, m->key, type);
		if (r != FEISHU_OK)
			give_up(p, r);
		created = true;
	}
	if (created) {
		enum feishu_result r = bitable_read_fields(&p->table);

		if (r != FEISHU_OK)
			give_up(p, r);
	}
}

/* A table that lacks a field is a mistake of the set-up, so it ends the run before rows are lost one by one. */
static void
check_fields(struct push *p, const struct scan *s)
{
	struct buf unknown = { 0 };

	if (opts.ignore_unknown)
		return;
	if (opts.create_fields && !opts.dry_run)
		create_fields(p, s);
	find_unknown(p, s, &unknown);
	if (unknown.len == 0)
		return;
	if (opts.create_fields) {	/* only nulls and computed fields are left: nothing to write */
		buf_free(&unknown);
		return;
	}
	push_all(p);
	warn("%s:%llu: the table has no field for %s", p->in->name, (unsigned long long)p->in->line, buf_str(&unknown));
	die(p->pushed + p->updated == 0 ? ST_USAGE : ST_FAILED,
	    "add the fields, or use --create-fields, or --ignore-unknown to leave them out");
}

/* Append {"fields":{...}}, for an update with the record id. Returns why not, or NULL. */
static const char *
put_record(struct push *p, const struct scan *s, struct span record_id, struct buf *out)
{
	size_t from = out->len;
	bool comma = false;

	buf_adds(out, "{");
	if (record_id.p != NULL) {
		buf_adds(out, "\"record_id\":\"");
		buf_add(out, record_id.p, record_id.len);
		buf_adds(out, "\",");
	}
	buf_adds(out, "\"fields\":{");
	for (size_t i = 0; i < s->n; i++) {
		const struct member *m = &s->m[i];
		const struct field *f = bitable_field(&p->table, m->key);
		const char *why;

		if (f == NULL || field_read_only(f->type))
			continue;
		if (json_is_null(m->val) && record_id.p == NULL)
			continue;	/* a new record's cells are empty anyway */
		if (scan_find(s, f->name, f->len) != m)
			continue;	/* of two of one name the last counts */
		if (comma)
			buf_addc(out, ',');
		comma = true;
		buf_addc(out, '"');
		buf_add(out, m->key.p, m->key.len);
		buf_adds(out, "\":");
		if ((why = value_put(f->type, m->val, opts.truncate, &p->truncated, out)) != NULL) {
			out->len = from;
			buf_clear(&p->scratch);
			buf_addf(&p->scratch, "field '%s': %s", f->name, why);
			return buf_str(&p->scratch);
		}
	}
	buf_adds(out, "}}");
	return comma ? NULL : (out->len = from, "nothing in it for any field of the table");
}

/* What the ledger keeps of a row: its key and its time stamp. */
static void
put_entry(const struct scan *s, struct span key, struct buf *out)
{
	const struct member *time = scan_find(s, "timestamp", 9);

	buf_addc(out, '{');
	json_encode(opts.key, strlen(opts.key), out);
	buf_addc(out, ':');
	if (key.p != NULL)
		buf_add(out, key.p, key.len);
	else
		buf_adds(out, "null");
	if (time != NULL && (json_is_string(time->val) || time->val.p[0] == '-' ||
	    (time->val.p[0] >= '0' && time->val.p[0] <= '9'))) {
		buf_adds(out, ",\"timestamp\":");
		buf_add(out, time->val.p, time->val.len);
	}
	buf_addc(out, '}');
}

static const char *
add_row(struct push *p, struct batch *b, const struct record *r, struct span key, struct span record_id)
{
	struct row row = { .line = p->in->line, .text = b->texts.len, .entry = b->entries.len, .record = b->records.len };
	const char *why = put_record(p, r->scan, record_id, &b->records);

	if (why != NULL)
		return why;
	put_entry(r->scan, key, &b->entries);
	buf_add(&b->texts, r->line.p, r->line.len);
	row.text_len = b->texts.len - row.text;
	row.entry_len = b->entries.len - row.entry;
	row.record_len = b->records.len - row.record;
	b->row = mem_grow(b->row, &b->cap, b->n + 1, sizeof *b->row);
	b->row[b->n++] = row;
	/* write_on scans the texts again. */
	buf_pad(&b->texts);
	return NULL;
}

static bool
is_full(const struct batch *b)
{
	return b->n >= (size_t)opts.batch || b->records.len >= (size_t)opts.batch_bytes;
}

static struct span
member(const struct scan *s, const char *name)
{
	const struct member *m = scan_find(s, name, strlen(name));

	if (m == NULL || json_is_null(m->val) || (json_is_string(m->val) && m->val.len == 2))
		return (struct span){ NULL, 0 };
	return m->val;
}

/* Put the row where it belongs.  Returns why not, or NULL. */
static const char *
sort_row(struct push *p, const struct record *r)
{
	const struct span none = { NULL, 0 };
	struct span key = member(r->scan, opts.key), id = none;
	const char *why;

	if (opts.update) {
		id = member(r->scan, "record_id");
		if (id.p == NULL || !json_is_string(id))
			return "no record_id";
		return add_row(p, &p->update, r, key, json_inside(id));
	}
	if (key.p == NULL && (p->has_ledger || opts.upsert))
		return "no key: the member that --key names is missing or empty";
	if (opts.upsert) {
		struct span text = keymap_text(key, &p->key);

		/* Two rows of one key may not meet in a batch: the later one must win. */
		if (keymap_get(&p->in_batch, text, NULL))
			push_all(p), text = keymap_text(key, &p->key);
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
	struct span key = member(s, opts.key);

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
		io_stdout(p->out.p, p->out.len);
		buf_clear(&p->out);
		p->create.n = p->update.n = 0;
		buf_clear(&p->create.records);
		buf_clear(&p->update.records);
		buf_clear(&p->create.texts);
		buf_clear(&p->update.texts);
		return;
	}
	if (is_full(&p->create) || is_full(&p->update))
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

		if (opts.in.strict && p->status == ST_REJECTED)
			return false;
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
		const char *name = n == 0 ? "-" : files[i];
		struct lines in;
		bool go_on;
		int fd = io_open_input(&name);

		if (fd == -1) {
			warn("%s: %s", name, strerror(errno));
			p->status = worse(p->status, ST_FAILED);
			continue;
		}
		lines_init(&in, fd, name, (size_t)opts.in.max_line, &p->rejects);
		go_on = push_input(p, &in);
		lines_free(&in);
		io_close_input(fd);
		if (!go_on)
			break;
	}
}

/* ---- set-up ---- */

static void
check_options(void)
{
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
	if (bitable_field(&p->table, (struct span){ opts.key, strlen(opts.key) }) == NULL)
		die(ST_USAGE, "the table has no field '%s', by which %s; add it, or name another with --key", opts.key, why);
}

static void
ledger_refused(struct push *p, enum ledger_status st)
{
	if (st == LEDGER_INTERRUPTED)
		exit(sig_exit(ST_FAILED));
	if (st != LEDGER_OK)
		die(st == LEDGER_REFUSED ? ST_USAGE : ST_FAILED, "%s", buf_str(&p->ledger.error));
}

/*
 * Find the table and read its fields, when it is first needed: a sync that has
 * nothing new then costs none of the month's calls.
 */
static void
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
connect(struct push *p)
{
	struct buf error = { 0 };

	if ((p->feishu = feishu_new(&opts.http, &error)) == NULL)
		die(ST_USAGE, "%s", buf_str(&error));
	if (!bitable_init(&p->table, p->feishu, &opts.table))
		opt_misuse("%s", buf_str(&p->table.reply.error));
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
free_batch(struct batch *b)
{
	free(b->row);
	buf_free(&b->texts);
	buf_free(&b->entries);
	buf_free(&b->records);
}

static void
finish(struct push *p)
{
	if (p->has_ledger && ledger_close(&p->ledger) == -1)
		die(ST_FAILED, "%s: %s", opts.ledger, strerror(errno));
	if (p->truncated != 0)
		note("%llu texts were cut to %lld characters", (unsigned long long)p->truncated, (long long)opts.truncate);
	if (rejects_close(&p->rejects) == -1)
		die(ST_FAILED, "%s: %s", opts.in.rejects, strerror(errno));
	free_batch(&p->create);
	free_batch(&p->update);
	keymap_free(&p->known);
	keymap_free(&p->settled_ids);
	free(p->ids);
	keymap_free(&p->in_batch);
	buf_free(&p->key);
	buf_free(&p->scratch);
	buf_free(&p->out);
	bitable_free(&p->table);
	feishu_free(p->feishu);
}

int
main(int argc, char *argv[])
{
	struct push p = { 0 };
	int64_t start = when_mono();
	int n = opt_parse(&tool, argc, argv);

	check_options();
	sig_catch();
	sig_ignore_pipe();
	if (rejects_open(&p.rejects, opts.in.rejects) == -1)
		die(ST_USAGE, "--rejects: %s: %s", opts.in.rejects, strerror(errno));
	progress_start((enum progress_when)opts.in.progress, "rows");

	connect(&p);
	open_ledger(&p);
	load_keys(&p);
	push_inputs(&p, argv, n);

	progress_clear();
	verbose("read=%llu pushed=%llu updated=%llu duplicates=%llu rejected=%llu truncated=%llu requests=%llu seconds=%.1f",
	    (unsigned long long)p.read, (unsigned long long)p.pushed, (unsigned long long)p.updated,
	    (unsigned long long)p.duplicates, (unsigned long long)p.rejects.n, (unsigned long long)p.truncated,
	    (unsigned long long)feishu_requests(p.feishu), (double)(when_mono() - start) / 1e3);
	finish(&p);
	return sig_exit(io_close_stdout(p.status));
}
