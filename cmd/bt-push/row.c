#include "bt-push/push.h"

#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "feishu/value.h"
#include "json/str.h"

static bool
is_update_id(struct span name)
{
	return JSON_SPELLS(name, "record_id");
}

static bool
is_key(struct span name)
{
	return json_spells(name, opts.key, strlen(opts.key));
}

/*
 * A key as the table shows it, to find its record: what is written for it, as text.  Valid until the next call.
 */
struct span
key_text(struct push *p, struct span key)
{
	const struct field *f = bitable_field(&p->table, (struct span){ opts.key, strlen(opts.key) });
	struct buf cell = { 0 };

	if (f == NULL || value_put(f->type, key, 0, NULL, &cell) != NULL) {
		buf_free(&cell);
		return keymap_text(key, &p->key);
	}
	buf_pad(&cell);
	buf_clear(&p->key);
	value_cell_text((struct span){ cell.p, cell.len }, &p->key);
	buf_free(&cell);
	return (struct span){ p->key.p, p->key.len };
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

/* Of two members of one name the last counts. */
static bool
counts(struct push *p, const struct scan *s, const struct member *m)
{
	buf_clear(&p->scratch);
	json_decode(m->key, &p->scratch);
	return scan_find(s, p->scratch.p, p->scratch.len) == m;
}

static void
create_fields(struct push *p, const struct scan *s)
{
	bool created = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct member *m = &s->m[i];
		int type = value_guess_type(m->val);
		enum feishu_result r;

		if (type == 0 || is_update_id(m->key) || bitable_field(&p->table, m->key) != NULL || !counts(p, s, m))
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
	/* The service cuts blanks off names, say: it has the field, but not by the row's name for it. */
	for (size_t i = 0; created && i < s->n; i++) {
		const struct member *m = &s->m[i];

		if (value_guess_type(m->val) == 0 || is_update_id(m->key) || bitable_field(&p->table, m->key) != NULL)
			continue;
		push_all(p);
		buf_clear(&p->scratch);
		json_decode(m->key, &p->scratch);
		stop(p, ST_FAILED, "%s:%llu: the table has no field '%s' even after creating it; rename that member",
		    p->in->name, (unsigned long long)p->in->line, buf_str(&p->scratch));
	}
}

/* A table that lacks a field is a mistake of the set-up, so it ends the run before rows are lost one by one. */
void
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
	stop(p, p->pushed + p->updated == 0 ? ST_USAGE : ST_FAILED,
	    "add the fields, or use --create-fields, or --ignore-unknown to leave them out");
}

/* Append {"fields":{...}}, for an update with the record id. Returns why not, or NULL. */
static const char *
put_record(struct push *p, const struct scan *s, struct span record_id, struct buf *out)
{
	size_t from = out->len;
	uint64_t truncated = p->truncated;
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
		int type = f != NULL ? f->type : opts.create_fields && !is_update_id(m->key) ? value_guess_type(m->val) : 0;

		if (type == 0 || field_read_only(type))	/* with --create-fields only a dry run meets a field to come */
			continue;
		if (json_is_null(m->val) && record_id.p == NULL)
			continue;	/* a new record's cells are empty anyway */
		if (!counts(p, s, m))
			continue;	/* of two of one name the last counts */
		if (comma)
			buf_addc(out, ',');
		comma = true;
		buf_addc(out, '"');
		buf_add(out, m->key.p, m->key.len);
		buf_adds(out, "\":");
		if ((why = value_put(type, m->val, is_key(m->key) ? 0 : opts.truncate, &p->truncated, out)) != NULL) {
			out->len = from;
			p->truncated = truncated;
			buf_clear(&p->scratch);
			buf_adds(&p->scratch, "field '");
			json_decode(m->key, &p->scratch);
			buf_addf(&p->scratch, "': %s", why);
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

const char *
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

struct span
row_member(const struct scan *s, const char *name)
{
	const struct member *m = scan_find(s, name, strlen(name));

	if (m == NULL || json_is_null(m->val) || (json_is_string(m->val) && m->val.len == 2))
		return (struct span){ NULL, 0 };
	return m->val;
}

