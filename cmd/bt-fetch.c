/*
 * bt-fetch - read the records of a Feishu Bitable; see bt-fetch(1)
 *
 * A page is asked for, written while the next one is waited for, and forgotten.  The rows are counted against the
 * total that the service tells, so that a short export does not look complete.
 */

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "feishu/address.h"
#include "feishu/bitable.h"
#include "feishu/cell.h"
#include "json/str.h"

static struct {
	const char *table, *view, *filter;
	struct opt_list fields;
	bool	 all_tables, raw;
	int64_t	 page_size;
	int	 progress;
	struct http_policy http;
} opts = { .page_size = BITABLE_MOST_READ, .http = HTTP_POLICY };

static const struct opt table[] = {
	OPT_FLAG('a', "all-tables", &opts.all_tables, "all tables of the base; each row names its own in _table"),
	OPT_FEISHU_AS,
	OPT_LIST('f', "fields", "NAMES", &opts.fields, "only these fields, separated by commas, in this order"),
	OPT_NAME(0, "filter", "JSON", &opts.filter, "only the records that pass the service's filter"),
	OPT_HTTP(&opts.http),
	OPT_NUMBER(0, "page-size", &opts.page_size, 1, BITABLE_MOST_READ, "records to ask for at a time, at most (default 500)"),
	OPT_PROGRESS(&opts.progress),
	OPT_FLAG(0, "raw", &opts.raw, "the service's JSON of the fields, as it came"),
	OPT_NAME('t', "table", "ID|NAME", &opts.table, "the table, where the address does not name it (FEISHU_TABLE_ID)"),
	OPT_NAME(0, "view", "ID|NAME", &opts.view, "only the records of this view, in its order"),
};

static const struct tool tool = {
	.name = "bt-fetch",
	.synopsis = "[URL|APP] [--table ID|NAME | --all-tables] [options]",
	.summary = "Read the records of a Feishu Bitable, one row each.",
	.example = "  bt-fetch 'https://example.feishu.cn/base/bascnTest?table=tblTest' >rows.ndjson",
	.environment = BITABLE_ENVIRONMENT,
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = 1,
};

#define OUT_BYTES	(1u << 20)	/* a page of usual records: the next one is asked for before this one is written */

struct column {
	int	 type;
	struct span field;	/* its name, decoded; borrowed from the table */
	struct buf name;	/* as a member: "name": */
	struct span cell;	/* of the record at hand; len 0: absent */
};

struct fetch {
	struct bitable table;
	struct column *columns;
	size_t	 n, cap;
	struct buf filter;	/* the option, on one line */
	char	*view;		/* its id */
	struct buf prefix;	/* behind the record's id: "_table":"...", with all tables */
	struct buf row, out;
	bool	 told;		/* that a field which is not listed has got another name */
	uint64_t rows, pages, tables;
	int64_t	 begun;		/* when_mono() */
};

static void
summarize(const struct fetch *f)
{
	progress_clear();
	verbose("written=%llu tables=%llu pages=%llu requests=%llu seconds=%.1f", (unsigned long long)f->rows,
	    (unsigned long long)f->tables, (unsigned long long)f->pages, (unsigned long long)feishu_requests(f->table.feishu),
	    (double)(when_mono() - f->begun) / 1e3);
}

/* Nothing more can be done; what was written so far is told, because it may look like all there is. */
static void __attribute__((noreturn))
give_up(struct fetch *f, enum feishu_result r)
{
	progress_clear();
	std_flush(&f->out);
	if (r != FEISHU_INTERRUPTED)
		warn("%s", buf_str(&f->table.reply.error));
	if (r != FEISHU_INTERRUPTED && f->rows != 0)
		warn("stopped after %llu rows; the output is not complete", (unsigned long long)f->rows);
	summarize(f);
	exit(r == FEISHU_REFUSED && f->rows == 0 && f->pages == 0 ? ST_USAGE : sig_exit(ST_FAILED));
}

static void
must(struct fetch *f, enum feishu_result r)
{
	if (r != FEISHU_OK)
		give_up(f, r);
}

/* The next page has been asked for, and is waited for: what there is goes out. */
static void
flush(void *arg)
{
	struct fetch *f = arg;

	std_flush(&f->out);
}

/* ---- columns ---- */

/* The members that are ours; a field of such a name gets another. */
static bool
is_reserved(struct span name)
{
	return (name.len == 9 && memcmp(name.p, "record_id", 9) == 0) ||
	    (opts.all_tables && name.len == 6 && memcmp(name.p, "_table", 6) == 0);
}

static const struct field *
find_field(const struct bitable *t, const char *name, size_t len)
{
	for (size_t i = 0; i < t->n_fields; i++)
		if (t->fields[i].len == len && memcmp(t->fields[i].name, name, len) == 0)
			return &t->fields[i];
	return NULL;
}

/* "record_id" becomes "record_id_2", or the next number that no field has; say so, unless that was said. */
static void
put_free_name(const struct bitable *t, struct span name, bool say, struct buf *out)
{
	struct buf other = { 0 };

	for (int n = 2; ; n++) {
		buf_clear(&other);
		buf_addf(&other, "%.*s_%d", (int)name.len, name.p, n);
		if (find_field(t, other.p, other.len) == NULL)
			break;
	}
	if (say)
		note("the field '%.*s' is written as '%s', for the name is taken", (int)name.len, name.p, buf_str(&other));
	json_encode(other.p, other.len, out);
	buf_free(&other);
}

static void
add_column(struct fetch *f, const struct field *field)
{
	struct column *c;

	f->columns = mem_grow(f->columns, &f->cap, f->n + 1, sizeof *f->columns);
	c = &f->columns[f->n++];
	*c = (struct column){ .type = field->type, .field = { field->name, field->len } };
	if (is_reserved(c->field) && !opts.raw)
		put_free_name(&f->table, c->field, true, &c->name);
	else
		json_encode(field->name, field->len, &c->name);
	buf_addc(&c->name, ':');
}

static void
drop_columns(struct fetch *f)
{
	for (size_t i = 0; i < f->n; i++)
		buf_free(&f->columns[i].name);
	f->n = 0;
}

static bool
add_named(struct fetch *f, const char *name, size_t len)
{
	const struct field *field = find_field(&f->table, name, len);

	if (field == NULL)
		return false;
	for (size_t i = 0; i < f->n; i++)
		if (f->columns[i].field.p == field->name)
			return true;
	add_column(f, field);
	return true;
}

static void __attribute__((noreturn))
no_field(const struct bitable *t, const char *name, size_t len)
{
	struct buf names = { 0 };

	for (size_t i = 0; i < t->n_fields; i++) {
		buf_adds(&names, i == 0 ? "" : ", ");
		buf_add(&names, t->fields[i].name, t->fields[i].len);
	}
	die(ST_USAGE, "the table has no field '%.*s'; it has: %s", (int)len, name, buf_str(&names));
}

/* A field's name may have commas in it: what is a name as a whole is not taken apart. */
static void
add_list(struct fetch *f, const char *list)
{
	if (add_named(f, list, strlen(list)))
		return;
	for (const char *p = list; ; p++) {
		size_t n = strcspn(p, ",");

		if (!add_named(f, p, n))
			no_field(&f->table, p, n);
		p += n;
		if (*p == '\0')
			break;
	}
}

static void
make_columns(struct fetch *f)
{
	drop_columns(f);
	for (size_t i = 0; i < opts.fields.n; i++)
		add_list(f, opts.fields.v[i]);
	for (size_t i = 0; opts.fields.n == 0 && i < f->table.n_fields; i++)
		add_column(f, &f->table.fields[i]);
	if (opts.raw && opts.fields.n != 0 && f->n > BITABLE_MOST_NAMES)
		die(ST_USAGE, "--fields: the service takes %d fields at most", BITABLE_MOST_NAMES);
}

/* ---- the request ---- */

/* A view's answer may leave out the fields that it hides, which would then look empty: so they are named. */
static bool
names_fields(const struct fetch *f)
{
	return (opts.fields.n != 0 || f->view != NULL) && f->n != 0 && f->n <= BITABLE_MOST_NAMES;
}

static void
put_request(const struct fetch *f, struct buf *out)
{
	const char *comma = "";

	buf_addc(out, '{');
	if (f->view != NULL) {
		buf_adds(out, "\"view_id\":");
		json_encode(f->view, strlen(f->view), out);
		comma = ",";
	}
	if (names_fields(f)) {
		buf_addf(out, "%s\"field_names\":", comma);
		for (size_t i = 0; i < f->n; i++) {
			buf_addc(out, i == 0 ? '[' : ',');
			json_encode(f->columns[i].field.p, f->columns[i].field.len, out);
		}
		buf_addc(out, ']');
		comma = ",";
	}
	if (f->filter.len != 0) {
		buf_addf(out, "%s\"filter\":", comma);
		buf_add(out, f->filter.p, f->filter.len);
	}
	buf_addc(out, '}');
}

/* ---- rows ---- */

static void __attribute__((noreturn))
odd_record(struct fetch *f, const char *what)
{
	struct buf *error = &f->table.reply.error;

	buf_clear(error);
	buf_addf(error, "Feishu's answer holds a record without its %s", what);
	give_up(f, FEISHU_GAVE_UP);
}

/* The column of a member; the members of all records come in about one order, so the search begins where the last one ended. */
static struct column *
find_column(struct fetch *f, struct span raw_name, size_t *at)
{
	for (size_t i = 0; i < f->n; i++) {
		struct column *c = &f->columns[(*at + i) % f->n];

		if (json_spells(raw_name, c->field.p, c->field.len)) {
			*at = (*at + i + 1) % f->n;
			return c;
		}
	}
	return NULL;
}

/* A field that is younger than the list of fields, or that the list hides. */
static void
put_unlisted(struct fetch *f, const struct member *m)
{
	struct buf text = { 0 };
	struct span name;

	json_decode(m->key, &text);
	name = (struct span){ text.p, text.len };
	buf_addc(&f->row, ',');
	if (is_reserved(name)) {
		put_free_name(&f->table, name, !f->told, &f->row);
		f->told = true;
	} else {
		json_encode(name.p, name.len, &f->row);
	}
	buf_addc(&f->row, ':');
	cell_put(0, m->val, &f->row);
	buf_free(&text);
}

static void
put_cells(struct fetch *f, struct span fields)
{
	struct json_iter it;
	struct member m;
	size_t at = 0, unlisted = 0;

	for (size_t i = 0; i < f->n; i++)
		f->columns[i].cell.len = 0;
	for (it = json_open(fields); json_next_member(&it, &m); ) {
		struct column *c = find_column(f, m.key, &at);

		if (c != NULL)
			c->cell = m.val;
		else
			unlisted++;
	}
	for (size_t i = 0; i < f->n; i++) {
		buf_addc(&f->row, ',');
		buf_add(&f->row, f->columns[i].name.p, f->columns[i].name.len);
		cell_put(f->columns[i].type, f->columns[i].cell, &f->row);
	}
	if (unlisted == 0 || opts.fields.n != 0)
		return;
	for (it = json_open(fields); json_next_member(&it, &m); )
		if (find_column(f, m.key, &at) == NULL)
			put_unlisted(f, &m);
}

static void
put_row(struct fetch *f, struct span record)
{
	struct span id, fields;

	if (!JSON_MEMBER(record, "record_id", &id) || !json_is_string(id))
		odd_record(f, "id");
	if (!JSON_MEMBER(record, "fields", &fields) || fields.p[0] != '{')
		odd_record(f, "fields");
	buf_clear(&f->row);
	buf_adds(&f->row, "{\"record_id\":");
	buf_add(&f->row, id.p, id.len);
	buf_add(&f->row, f->prefix.p, f->prefix.len);
	if (opts.raw) {
		buf_adds(&f->row, ",\"fields\":");
		buf_add(&f->row, fields.p, fields.len);
	} else {
		put_cells(f, fields);
	}
	buf_adds(&f->row, "}\n");
	buf_add(&f->out, f->row.p, f->row.len);
	if (f->out.len >= OUT_BYTES)
		std_flush(&f->out);
	f->rows++;
}

/* ---- a table ---- */

/* Also before the last page: pages that lead around in circles have none. */
static void
check_total(struct fetch *f, const struct pages *p, uint64_t rows)
{
	uint64_t least = p->total < p->first_total ? p->total : p->first_total;
	uint64_t most = p->total < p->first_total ? p->first_total : p->total;

	if (!p->has_total)
		return;
	if ((p->done && rows < least) || rows > most) {
		struct buf *error = &f->table.reply.error;

		buf_clear(error);
		buf_addf(error, "Feishu gave %llu records of the %llu that it says there are", (unsigned long long)rows,
		    (unsigned long long)p->total);
		give_up(f, FEISHU_GAVE_UP);
	}
	if (p->done && least != most)
		warn("the table changed while it was read, from %llu records to %llu: some may be missing or stand twice",
		    (unsigned long long)p->first_total, (unsigned long long)p->total);
}

static void
fetch_table(struct fetch *f)
{
	struct pages p = { .size = opts.page_size };
	uint64_t rows = 0;

	make_columns(f);
	put_request(f, &p.body);
	while (!p.done) {
		struct json_iter it;
		struct span items, record;

		must(f, bitable_next_page(&f->table, &p, &items));
		f->pages++;
		for (it = json_open(items); json_next_element(&it, &record); rows++)
			put_row(f, record);
		progress_show(f->rows, rows, p.has_total ? p.total : 0);
		check_total(f, &p, rows);
	}
	f->tables++;
	pages_free(&p);
}

static void
fetch_all(struct fetch *f)
{
	for (size_t i = 0; i < f->table.n_tables; i++) {
		const struct table *t = &f->table.tables[i];

		buf_clear(&f->prefix);
		buf_adds(&f->prefix, ",\"_table\":");
		json_encode(t->name, t->len, &f->prefix);
		must(f, bitable_use(&f->table, t->id));
		fetch_table(f);
	}
}

/* ---- set-up ---- */

static void
read_filter(struct fetch *f)
{
	struct scan s = { 0 };

	if (opts.filter == NULL)
		return;
	buf_adds(&f->filter, opts.filter);
	if (!json_scan_answer(&f->filter, &s))
		opt_misuse("--filter: not a JSON object%s%s", s.error == NULL ? "" : ": ", s.error == NULL ? "" : s.error);
	scan_free(&s);
}

/* The address says what it is; a table in it goes before the one of the environment, which may belong to another base. */
static void
check_address(const char *text, bool *has_table)
{
	struct address a;

	if (!address_parse(&a, text))
		opt_misuse("'%s' is neither the address of a base or wiki page nor a token", text);
	if (a.kind == ADDRESS_SHEETS)
		opt_misuse("this is the address of a spreadsheet: use sheet-fetch");
	*has_table = a.table != NULL;
	address_free(&a);
}

/* No table was named: fine, if there is but one. */
static void
take_only_table(struct fetch *f)
{
	struct bitable *t = &f->table;
	struct buf names = { 0 };

	must(f, bitable_open_base(t));
	if (t->n_tables != 1) {
		bitable_name_tables(t, &names);
		die(ST_USAGE, "the base has %zu tables, choose by --table or take --all-tables: %s", t->n_tables, buf_str(&names));
	}
	must(f, bitable_use(t, t->tables[0].id));
}

static void
open_source(struct fetch *f, const char *source)
{
	struct bitable_opts o = { .app = source, .table = opts.table };
	struct bitable *t = &f->table;
	bool has_table = false;

	if (source != NULL)
		check_address(source, &has_table);
	if (!bitable_init(t, &o, &opts.http))
		die(ST_USAGE, "%s", buf_str(&t->reply.error));
	if (source != NULL && opts.table == NULL) {
		free(t->table);
		t->table = NULL;
	}
	if (source == NULL)
		check_address(t->app, &has_table);
	if (opts.all_tables)
		must(f, bitable_open_base(t));
	else if (t->table == NULL && !has_table)
		take_only_table(f);
	else
		must(f, bitable_open(t));
	if (opts.view != NULL)
		must(f, bitable_find_view(t, opts.view, &f->view));
}

static void
check_options(void)
{
	if (opts.all_tables && (opts.table != NULL || opts.view != NULL || opts.fields.n != 0 || opts.filter != NULL))
		opt_misuse("--all-tables goes with none of --table, --view, --fields and --filter");
	if (opts.view != NULL && opts.filter != NULL)
		opt_misuse("--view and --filter: the service heeds only one of them");
}

static void
finish(struct fetch *f)
{
	drop_columns(f);
	free(f->columns);
	free(f->view);
	buf_free(&f->filter);
	buf_free(&f->prefix);
	buf_free(&f->row);
	buf_free(&f->out);
	bitable_free(&f->table);
}

int
main(int argc, char *argv[])
{
	struct fetch f = { .begun = when_mono() };
	int n = opt_parse(&tool, argc, argv);

	check_options();
	read_filter(&f);
	sig_catch();
	sig_ignore_pipe();
	progress_start((enum progress_when)opts.progress, "records", true);

	io_tune(1);
	open_source(&f, n == 0 ? NULL : argv[0]);
	feishu_on_idle(f.table.feishu, flush, &f);
	if (opts.all_tables)
		fetch_all(&f);
	else
		fetch_table(&f);

	std_flush(&f.out);
	summarize(&f);
	finish(&f);
	return sig_exit(std_close(ST_OK));
}
