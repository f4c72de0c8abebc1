#include "bt-push/push.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/progress.h"
#include "base/std.h"
#include "base/when.h"
#include "json/splice.h"
#include "json/str.h"

#define TOO_MANY 1254104	/* records in one call: 500 or 1000, by the service's version */
#define TEXTS_BYTES (64u << 20)	/* of rows that wait: there may be much more in them than goes into the table */
#define OUT_BYTES (1u << 20)

static void push_rows(struct push *p, struct row *row, size_t n);

bool
batch_is_full(const struct batch *b)
{
	return b->n >= (size_t)opts.batch || b->records.len >= (size_t)opts.batch_bytes || b->texts.len >= TEXTS_BYTES;
}

void
batch_clear(struct batch *b)
{
	b->n = 0;
	buf_clear(&b->texts);
	buf_clear(&b->entries);
	buf_clear(&b->records);
}

void
batch_free(struct batch *b)
{
	free(b->row);
	buf_free(&b->texts);
	buf_free(&b->entries);
	buf_free(&b->records);
}

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
	rejects_flush(&p->rejects);	/* the rows that are written next may end the run, on a full stdout */
	p->status = worse(p->status, ST_REJECTED);
	p->stopped = opts.in.strict;
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
		if (p->out.len >= OUT_BYTES)
			std_flush(&p->out);
	}
	scan_free(&s);
	buf_free(&id);
	std_flush(&p->out);
}

void
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
	/* One row cannot be too much: the service is ill, and the row may be good. */
	if (kind == FEISHU_BUSY && n == 1)
		give_up(p, FEISHU_GAVE_UP);
	if (kind != FEISHU_ROW && kind != FEISHU_LESS && kind != FEISHU_BUSY && !(kind == FEISHU_GONE && b == &p->update))
		give_up(p, FEISHU_REFUSED);
	if (n == 1) {
		reject_row(p, row, b, buf_str(&p->table.reply.error));
		return;
	}
	/* The batches to come are of a size that passes. */
	if (p->table.reply.code == TOO_MANY && opts.batch > (int64_t)(n - n / 2))
		opts.batch = (int64_t)(n - n / 2);
	verbose("%s; trying %zu rows by halves", buf_str(&p->table.reply.error), n);
	push_rows(p, row, n / 2);
	push_rows(p, row + n / 2, n - n / 2);
}

/* Of those that have none: a row that --upsert changes may be in the ledger or not. */
static void
put_receipts(struct push *p, struct batch *b, struct row *row, size_t n)
{
	struct buf receipts = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct span entry = at(&b->entries, row[i].entry, row[i].entry_len), key;

		if (b == &p->update && (!ledger_row_key(&p->ledger, entry, &key) || !ledger_claim(&p->ledger, key)))
			continue;
		ledger_put_receipt(&p->ledger, entry, p->ids[i].p, p->ids[i].len, &receipts);
	}
	if (receipts.len != 0)
		ledger_failed(p, ledger_settle(&p->ledger, &receipts));
	buf_free(&receipts);
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
	if (p->has_ledger)
		put_receipts(p, &p->update, row, n);
	p->updated += n;
	write_on(p, &p->update, row, n);
}

/* ---- creating, exactly once ---- */

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
			keymap_put(&p->known, key_text(p, key), p->ids[i]);
}

/*
 * A retry met its own first try, and the service cannot tell what came of it.  It knows the key, so that try
 * is no longer under way: the table can tell.
 */
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
			(void)keymap_get(&p->settled_ids, key_text(p, key), &id);
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
		ledger_failed(p, ledger_intend(&p->ledger, &in));
	r = bitable_create(&p->table, in.id, in.records);
	if (r == FEISHU_OK) {
		if (!take_ids(p, n))
			odd_reply(p);
		if (p->has_ledger)
			put_receipts(p, &p->create, row, n);
	} else if (r == FEISHU_REFUSED && p->has_ledger && feishu_kind(p->table.reply.code) == FEISHU_VERIFY) {
		ask_table(p, &in, row, n);
		r = FEISHU_OK;
	} else if (r == FEISHU_REFUSED && !p->table.reply.unknown) {
		if (p->has_ledger)
			ledger_failed(p, ledger_void(&p->ledger, in.id));
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
	if (n == 0 || p->stopped)
		return;
	if (n > (size_t)opts.batch) {	/* the service has refused as many */
		push_rows(p, row, n / 2);
		push_rows(p, row + n / 2, n - n / 2);
		return;
	}
	if (p->update.n > 0 && row >= p->update.row && row < p->update.row + p->update.n)
		update_rows(p, row, n);
	else
		create_rows(p, row, n);
}

static void
push_batch(struct push *p, struct batch *b)
{
	push_rows(p, b->row, b->n);
	batch_clear(b);
}

void
push_all(struct push *p)
{
	rejects_flush(&p->rejects);
	push_batch(p, &p->create);
	push_batch(p, &p->update);
	keymap_clear(&p->in_batch);
	progress_show(p->pushed + p->updated, p->in->in.bytes, p->in->in.total);
}

