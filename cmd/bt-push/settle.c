#include "bt-push/push.h"

#include <string.h>

#include "base/msg.h"
#include "base/when.h"

/*
 * How long after a batch was announced its idempotency key is trusted.  Feishu does not
 * say how long it remembers keys; after this the table itself is asked, and
 * by then no request of the dead process can still be under way.
 */
#define KEY_TRUSTED_MS	(10 * 60 * 1000)

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
		keymap_put(&p->settled_ids, key_text(p, key), id);
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
			keymap_put(&s.wanted, key_text(p, key), (struct span){ "", 0 });
	r = bitable_read_column(&p->table, opts.key, look_for, &s);
	if (r != FEISHU_OK)
		give_up(p, r);
	ir = json_open(in->rows);
	ic = json_open(in->records);
	while (json_next_element(&ir, &row) && json_next_element(&ic, &record)) {
		if (!ledger_row_key(&p->ledger, row, &key) || has_receipt(p, row))
			continue;
		if (keymap_get(&s.found, key_text(p, key), &id)) {
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

/* Is it about what is in the batch?  Else (no right, no room, too busy) the batch stays open for the next run. */
static bool
refusal_is_of_batch(enum feishu_kind kind)
{
	return kind == FEISHU_VERIFY || kind == FEISHU_ROW || kind == FEISHU_FIELD;
}

/*
 * Bring an announced batch to its end.  False: the service refuses it for what is in it; then it
 * is void, and its rows come again with the input.
 */
bool
settle(struct push *p, struct intent *in)
{
	struct buf rows = { 0 }, records = { 0 }, receipts = { 0 };
	bool trusted = when_now() - in->at_ms < KEY_TRUSTED_MS && in->at_ms <= when_now();
	enum feishu_result r = FEISHU_REFUSED;

	keymap_clear(&p->settled_ids);
	if (trusted) {
		r = resend(p, in, &receipts);
		if (r == FEISHU_REFUSED && !refusal_is_of_batch(feishu_kind(p->table.reply.code)))
			give_up(p, FEISHU_GAVE_UP);
		/* A refusal now says nothing of the first try, which may have been written: the table can. */
		if (r == FEISHU_REFUSED)
			trusted = false;
	}
	if (!trusted) {
		verify(p, in, &rows, &records, &receipts);
		r = FEISHU_OK;
	}
	if (r == FEISHU_OK && receipts.len != 0)
		ledger_failed(p, ledger_settle(&p->ledger, &receipts));
	if (r == FEISHU_OK && rows.len != 0) {
		struct intent again = { .at_ms = when_now() };

		buf_addc(&rows, ']');
		buf_addc(&records, ']');
		rnd_uuid(again.id);
		again.rows = (struct span){ rows.p, rows.len };
		again.records = (struct span){ records.p, records.len };
		/* It takes the place of the old one. */
		ledger_failed(p, ledger_intend(&p->ledger, &again));
		buf_clear(&receipts);
		r = resend(p, &again, &receipts);
		if (r == FEISHU_OK)
			ledger_failed(p, ledger_settle(&p->ledger, &receipts));
		memcpy(in->id, again.id, sizeof in->id);
	}
	if (r == FEISHU_OK)
		claim_rows(p, in);
	else if (r == FEISHU_REFUSED && !p->table.reply.unknown)
		ledger_failed(p, ledger_void(&p->ledger, in->id));
	else
		give_up(p, r);
	buf_free(&rows);
	buf_free(&records);
	buf_free(&receipts);
	return r == FEISHU_OK;
}

void
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

