#include "feishu/bitable.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/sig.h"
#include "base/when.h"
#include "feishu/address.h"
#include "feishu/value.h"
#include "feishu/wiki.h"
#include "json/str.h"

#define PAGE "100"		/* most of tables, fields and views */
#define SEARCH_PAGE "500"
#define PAGE_BYTES (2 << 20)	/* an answer that is larger asks for smaller ones */
#define SEARCH_GAP_MS 51	/* the service takes 20 searches a second */
#define BUSY_TRIES 4		/* 1254002 means much; a smaller page is one cure */
#define BAD_TABLE 1254004
#define NO_TABLE 1254041
#define ID_CHARS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* The path of a call on the table; returns new. */
static char *
table_path(const struct bitable *t, const char *rest)
{
	struct buf b = { 0 };
	char *path;

	buf_addf(&b, "/open-apis/bitable/v1/apps/%s/tables", t->app);
	if (rest != NULL)
		buf_addf(&b, "/%s%s", t->table, rest);
	path = mem_dup(b.p, b.len);
	buf_free(&b);
	return path;
}

static enum feishu_result
post(struct bitable *t, const char *rest, const char *client_token, const struct buf *body,
    enum feishu_effect effect)
{
	struct buf query = { 0 };
	enum feishu_result r;
	char *path;

	buf_adds(&query, rest);
	if (client_token != NULL)
		buf_addf(&query, "?client_token=%s", client_token);
	path = table_path(t, buf_str(&query));
	r = feishu_call(t->feishu, "POST", path, body, effect, &t->reply);
	buf_free(&query);
	free(path);
	return r;
}

static enum feishu_result
odd_answer(struct bitable *t, const char *what)
{
	buf_clear(&t->reply.error);
	buf_addf(&t->reply.error, "Feishu's answer holds no %s", what);
	return FEISHU_GAVE_UP;
}

/*
 * What leads to the next page, if there is one: token becomes "&page_token=...".  A token that comes again would lead around in
 * circles.
 */
static enum feishu_result
follow(struct bitable *t, struct buf *token, bool *more)
{
	struct span has_more, next;
	struct buf text = { 0 }, was = *token;
	enum feishu_result r = FEISHU_OK;

	*more = JSON_MEMBER(t->reply.data, "has_more", &has_more) && has_more.p[0] == 't';
	if (!*more)
		return r;
	if (!JSON_MEMBER(t->reply.data, "page_token", &next) || !json_is_string(next) || next.len == 2)
		return odd_answer(t, "page_token for the next page");
	json_decode(json_inside(next), &text);
	*token = (struct buf){ 0 };
	buf_adds(token, "&page_token=");
	http_escape(token, buf_str(&text));
	if (was.len != 0 && was.len == token->len && memcmp(token->p, was.p, was.len) == 0)
		r = odd_answer(t, "new page_token for the next page");
	buf_free(&text);
	buf_free(&was);
	return r;
}

/* The items of an answer; an empty list may be null or absent. */
static struct span
items_of(const struct bitable *t)
{
	struct span items;

	if (JSON_MEMBER(t->reply.data, "items", &items) && items.p[0] == '[')
		return items;
	return (struct span){ "[]", 2 };
}

/* Wait until the next page may be asked for.  False: a signal. */
static bool
pace(struct bitable *t)
{
	int64_t wait = t->asked_ms == 0 ? 0 : t->asked_ms + SEARCH_GAP_MS - when_mono();

	/* Too short to flush what was read before: that is done while the answer is waited for. */
	if (wait > 0 && io_wait(sig_fd(), (int)wait) != 0)
		return false;
	t->asked_ms = when_mono();
	return true;
}

/*
 * Go through the pages of a list: one is called for each item.  body NULL: GET path?page_size=...,
 * else POST.  path ends in "page_size=N".
 */
static enum feishu_result
each_item(struct bitable *t, const char *path, const struct buf *body, bool (*one)(void *arg, struct span item), void *arg)
{
	struct buf page = { 0 }, token = { 0 };
	enum feishu_result r = FEISHU_OK;
	bool more = true;

	while (r == FEISHU_OK && more) {
		struct json_iter it;
		struct span item;

		buf_clear(&page);
		buf_adds(&page, path);
		buf_add(&page, token.p, token.len);
		r = !pace(t) ? FEISHU_INTERRUPTED :
		    feishu_call(t->feishu, body == NULL ? "GET" : "POST", buf_str(&page), body, FEISHU_READS, &t->reply);
		if (r != FEISHU_OK)
			break;
		for (it = json_open(items_of(t)); json_next_element(&it, &item); )
			if (!one(arg, item))
				goto out;
		r = follow(t, &token, &more);
	}
out:
	buf_free(&page);
	buf_free(&token);
	return r;
}

/* ---- finding the table ---- */

static enum feishu_result
resolve_node(struct bitable *t, const char *node)
{
	struct wiki_node n = { 0 };
	enum feishu_result r = wiki_resolve(t->feishu, node, &n, &t->reply);

	if (r != FEISHU_OK)
		return r;
	if (strcmp(n.type, "bitable") != 0) {
		buf_clear(&t->reply.error);
		buf_addf(&t->reply.error, "the wiki page is a %s, not a Bitable%s", n.type,
		    strcmp(n.type, "sheet") == 0 ? ": sheet-fetch reads it" : "");
		wiki_node_free(&n);
		return FEISHU_REFUSED;
	}
	free(t->app);
	t->app = mem_dup(n.token, strlen(n.token));
	wiki_node_free(&n);
	return FEISHU_OK;
}

static void
free_tables(struct bitable *t)
{
	for (size_t i = 0; i < t->n_tables; i++) {
		free(t->tables[i].id);
		free(t->tables[i].name);
	}
	t->n_tables = 0;
}

static bool
add_table(void *arg, struct span item)
{
	struct bitable *t = arg;
	struct span id, name;
	struct buf text = { 0 };

	if (!JSON_MEMBER(item, "table_id", &id) || !json_is_string(id) || !JSON_MEMBER(item, "name", &name) ||
	    !json_is_string(name))
		return true;
	json_decode(json_inside(name), &text);
	t->tables = mem_grow(t->tables, &t->tables_cap, t->n_tables + 1, sizeof *t->tables);
	t->tables[t->n_tables++] = (struct table){ mem_dup(id.p + 1, id.len - 2), mem_dup(text.p, text.len), text.len };
	buf_free(&text);
	return true;
}

static enum feishu_result
read_tables(struct bitable *t)
{
	char *path = table_path(t, NULL);
	struct buf query = { 0 };
	enum feishu_result r;

	free_tables(t);
	buf_addf(&query, "%s?page_size=" PAGE, path);
	r = each_item(t, buf_str(&query), NULL, add_table, t);
	free(path);
	buf_free(&query);
	return r;
}

void
bitable_name_tables(const struct bitable *t, struct buf *out)
{
	for (size_t i = 0; i < t->n_tables; i++) {
		buf_adds(out, i == 0 ? "" : ", ");
		buf_add(out, t->tables[i].name, t->tables[i].len);
	}
}

/* A name into an id. */
static enum feishu_result
find_table(struct bitable *t, const char *name)
{
	enum feishu_result r = read_tables(t);

	if (r != FEISHU_OK)
		return r;
	for (size_t i = 0; i < t->n_tables; i++)
		if (strcmp(name, t->tables[i].id) == 0 || strcmp(name, t->tables[i].name) == 0) {
			t->table = mem_dup(t->tables[i].id, strlen(t->tables[i].id));
			return FEISHU_OK;
		}
	buf_clear(&t->reply.error);
	buf_addf(&t->reply.error, "the base has no table '%s'; it has: ", name);
	bitable_name_tables(t, &t->reply.error);
	return FEISHU_REFUSED;
}

enum feishu_result
bitable_use(struct bitable *t, const char *id)
{
	free(t->table);
	t->table = mem_dup(id, strlen(id));
	return bitable_read_fields(t);
}

/* Is it the id of a table, by its looks? */
static bool
is_table_id(const char *table)
{
	return strncmp(table, "tbl", 3) == 0 && table[strspn(table, ID_CHARS)] == '\0';
}

/* table NULL: only the base. */
static enum feishu_result
open_table(struct bitable *t, const char *table)
{
	enum feishu_result r;

	if (table == NULL)
		return read_tables(t);
	if (is_table_id(table)) {
		r = bitable_use(t, table);
		/* With no such id: say which tables there are. */
		if (r != FEISHU_REFUSED || (t->reply.code != NO_TABLE && t->reply.code != BAD_TABLE))
			return r;
	}
	free(t->table);
	t->table = NULL;
	r = find_table(t, table);
	return r == FEISHU_OK ? bitable_read_fields(t) : r;
}

/* An address on the command line goes before the environment, which may mean another table. */
static bool
names_table(const char *app)
{
	struct address a;
	bool yes;

	if (app == NULL || !address_parse(&a, app))
		return false;
	yes = a.table != NULL;
	address_free(&a);
	return yes;
}

bool
bitable_init(struct bitable *t, const struct bitable_opts *o, const struct http_policy *policy)
{
	static const char *const app_names[] = { "FEISHU_BASE_ID", "BASE_ID", NULL };
	static const char *const table_names[] = { "FEISHU_TABLE_ID", "TABLE_ID", NULL };

	*t = (struct bitable){ 0 };
	if ((t->feishu = feishu_new(policy, &t->reply.error)) == NULL)
		return false;
	t->app = o->app != NULL ? mem_dup(o->app, strlen(o->app)) : env_get(app_names);
	if (o->table != NULL)
		t->table = mem_dup(o->table, strlen(o->table));
	else if (!names_table(o->app))
		t->table = env_get(table_names);
	if (t->app == NULL)
		buf_adds(&t->reply.error, "no base: set FEISHU_BASE_ID or --app to its token or its address in the browser");
	return t->app != NULL;
}

static enum feishu_result
open_address(struct bitable *t, const struct address *a, const char *table)
{
	struct feishu_reply first;
	enum feishu_result r;

	if (a->kind == ADDRESS_WIKI && (r = resolve_node(t, a->token)) != FEISHU_OK)
		return r;
	r = open_table(t, table);
	if (r != FEISHU_REFUSED || a->kind != ADDRESS_TOKEN || feishu_kind(t->reply.code) != FEISHU_NO_BASE)
		return r;
	/* A bare token may be a wiki page's; if it is not, the first answer is the better one. */
	first = t->reply;
	t->reply = (struct feishu_reply){ 0 };
	r = resolve_node(t, a->token);
	if (r == FEISHU_OK || t->reply.code == 0) {
		feishu_reply_free(&first);
		return r == FEISHU_OK ? open_table(t, table) : r;
	}
	feishu_reply_free(&t->reply);
	t->reply = first;
	return FEISHU_REFUSED;
}

static enum feishu_result
open_named(struct bitable *t, bool base_only)
{
	enum feishu_result r = FEISHU_REFUSED;
	char *app = t->app, *table = t->table;
	struct address a;

	buf_clear(&t->reply.error);
	if (!address_parse(&a, app) || a.kind == ADDRESS_SHEETS) {
		buf_addf(&t->reply.error, "'%s' is neither the address of a base or wiki page nor a token", app);
		return FEISHU_REFUSED;
	}
	t->app = mem_dup(a.token, strlen(a.token));
	t->table = NULL;
	if (base_only)
		r = open_address(t, &a, NULL);
	else if (table == NULL && a.table == NULL)
		buf_adds(&t->reply.error, "no table: set FEISHU_TABLE_ID or --table to its id (tbl...) or name");
	else
		r = open_address(t, &a, table != NULL ? table : a.table);
	t->is_open = r == FEISHU_OK;
	address_free(&a);
	free(app);
	free(table);
	return r;
}

enum feishu_result
bitable_open(struct bitable *t)
{
	return open_named(t, false);
}

enum feishu_result
bitable_open_base(struct bitable *t)
{
	return open_named(t, true);
}

static void
free_fields(struct bitable *t)
{
	for (size_t i = 0; i < t->n_fields; i++)
		free(t->fields[i].name);
	t->n_fields = 0;
}

void
bitable_free(struct bitable *t)
{
	free_fields(t);
	free(t->fields);
	free_tables(t);
	free(t->tables);
	free(t->app);
	free(t->table);
	feishu_reply_free(&t->reply);
	feishu_free(t->feishu);
}

/* ---- fields ---- */

static bool
add_field(void *arg, struct span item)
{
	struct bitable *t = arg;
	struct span name, type;
	struct buf text = { 0 };

	if (!JSON_MEMBER(item, "field_name", &name) || !json_is_string(name) || !JSON_MEMBER(item, "type", &type))
		return true;
	json_decode(json_inside(name), &text);
	t->fields = mem_grow(t->fields, &t->fields_cap, t->n_fields + 1, sizeof *t->fields);
	t->fields[t->n_fields++] = (struct field){ mem_dup(text.p, text.len), text.len, (int)strtol(type.p, NULL, 10) };
	buf_free(&text);
	return true;
}

enum feishu_result
bitable_read_fields(struct bitable *t)
{
	char *path = table_path(t, "/fields?page_size=" PAGE);
	enum feishu_result r;

	free_fields(t);
	r = each_item(t, path, NULL, add_field, t);
	free(path);
	return r;
}

const struct field *
bitable_field(const struct bitable *t, struct span raw_name)
{
	for (size_t i = 0; i < t->n_fields; i++)
		if (json_spells(raw_name, t->fields[i].name, t->fields[i].len))
			return &t->fields[i];
	return NULL;
}

enum feishu_result
bitable_create_field(struct bitable *t, struct span raw_name, int type)
{
	struct buf body = { 0 };
	enum feishu_result r;

	buf_adds(&body, "{\"field_name\":\"");
	buf_add(&body, raw_name.p, raw_name.len);
	buf_addf(&body, "\",\"type\":%d", type);
	if (type == FIELD_DATE)		/* the default shows no time of day */
		buf_adds(&body, ",\"property\":{\"date_formatter\":\"yyyy-MM-dd HH:mm\"}");
	buf_addc(&body, '}');
	/* A second try of one that succeeded finds the name taken. */
	r = post(t, "/fields", NULL, &body, FEISHU_READS);
	if (r == FEISHU_REFUSED && t->reply.code == 1254014)
		r = FEISHU_OK;
	buf_free(&body);
	return r;
}

/* ---- records ---- */

static enum feishu_result
write_batch(struct bitable *t, const char *rest, const char *client_token, struct span records)
{
	struct buf body = { 0 };
	enum feishu_result r;
	struct span list;

	buf_reserve(&body, records.len + 16);
	buf_adds(&body, "{\"records\":");
	buf_add(&body, records.p, records.len);
	buf_addc(&body, '}');
	r = post(t, rest, client_token, &body, FEISHU_KEYED);
	if (r == FEISHU_OK && (!JSON_MEMBER(t->reply.data, "records", &list) || list.p[0] != '[')) {
		r = odd_answer(t, "records");
		t->reply.unknown = true;
	}
	buf_free(&body);
	return r;
}

enum feishu_result
bitable_create(struct bitable *t, const char *client_token, struct span records)
{
	return write_batch(t, "/records/batch_create", client_token, records);
}

enum feishu_result
bitable_update(struct bitable *t, const char *client_token, struct span records)
{
	return write_batch(t, "/records/batch_update", client_token, records);
}

static enum feishu_result
with_ids(struct bitable *t, const char *rest, const char *member, struct span ids, enum feishu_effect effect)
{
	struct buf body = { 0 };
	enum feishu_result r;

	buf_addc(&body, '{');
	json_put_name(member, &body);
	buf_add(&body, ids.p, ids.len);
	buf_addc(&body, '}');
	r = post(t, rest, NULL, &body, effect);
	buf_free(&body);
	return r;
}

enum feishu_result
bitable_delete(struct bitable *t, struct span ids)
{
	return with_ids(t, "/records/batch_delete", "records", ids, FEISHU_CHANGES);
}

enum feishu_result
bitable_absent(struct bitable *t, struct span ids, struct span *absent)
{
	enum feishu_result r = with_ids(t, "/records/batch_get", "record_ids", ids, FEISHU_READS);

	if (r == FEISHU_OK && (!JSON_MEMBER(t->reply.data, "absent_record_ids", absent) || absent->p[0] != '['))
		*absent = (struct span){ "[]", 2 };
	return r;
}

struct view_search {
	const char *name;
	char	*id;
	struct buf seen;	/* the names, for the message */
};

static bool
look_at_view(void *arg, struct span item)
{
	struct view_search *s = arg;
	struct span id, name;
	size_t len = strlen(s->name);

	if (!JSON_MEMBER(item, "view_id", &id) || !json_is_string(id) || !JSON_MEMBER(item, "view_name", &name) ||
	    !json_is_string(name))
		return true;
	if (json_spells(json_inside(id), s->name, len) || json_spells(json_inside(name), s->name, len)) {
		s->id = mem_dup(id.p + 1, id.len - 2);
		return false;
	}
	buf_adds(&s->seen, s->seen.len == 0 ? "" : ", ");
	json_decode(json_inside(name), &s->seen);
	return true;
}

enum feishu_result
bitable_find_view(struct bitable *t, const char *view, char **id)
{
	struct view_search s = { .name = view };
	char *path = table_path(t, "/views?page_size=" PAGE);
	enum feishu_result r = each_item(t, path, NULL, look_at_view, &s);

	if (r == FEISHU_OK && s.id == NULL) {
		buf_clear(&t->reply.error);
		buf_addf(&t->reply.error, "the table has no view '%s'; it has: %s", view, buf_str(&s.seen));
		r = FEISHU_REFUSED;
	}
	*id = s.id;
	free(path);
	buf_free(&s.seen);
	return r;
}

/* Was a page refused for what may pass with a smaller one?  Then that is asked for. */
static bool
shrink(const struct bitable *t, struct pages *p)
{
	enum feishu_kind kind = feishu_kind(t->reply.code);

	if (p->size == 1 || (kind != FEISHU_LESS && kind != FEISHU_BUSY))
		return false;
	if (kind == FEISHU_BUSY && ++p->busy > BUSY_TRIES)
		return false;
	p->size /= 2;
	return true;
}

static enum feishu_result
ask_page(struct bitable *t, const struct pages *p)
{
	struct buf query = { 0 };
	enum feishu_result r;

	buf_addf(&query, "/records/search?page_size=%lld", (long long)p->size);
	buf_add(&query, p->token.p, p->token.len);
	r = !pace(t) ? FEISHU_INTERRUPTED : post(t, buf_str(&query), NULL, &p->body, FEISHU_READS);
	buf_free(&query);
	return r;
}

enum feishu_result
bitable_next_page(struct bitable *t, struct pages *p, struct span *items)
{
	enum feishu_result r;
	struct span total;
	bool more;

	do
		r = ask_page(t, p);
	while (r == FEISHU_REFUSED && shrink(t, p));
	if (r != FEISHU_OK || (r = follow(t, &p->token, &more)) != FEISHU_OK)
		return r;
	*items = items_of(t);
	p->busy = 0;
	p->done = !more;
	p->has_total = JSON_MEMBER(t->reply.data, "total", &total) && total.p[0] >= '0' && total.p[0] <= '9';
	if (p->has_total)
		p->total = strtoull(total.p, NULL, 10);
	if (p->n++ == 0)
		p->first_total = p->total;
	if (t->reply.body.len > PAGE_BYTES)
		p->size = p->size * PAGE_BYTES / (int64_t)t->reply.body.len;
	if (p->size == 0)
		p->size = 1;
	return FEISHU_OK;
}

void
pages_free(struct pages *p)
{
	buf_free(&p->body);
	buf_free(&p->token);
}

struct column {
	const char *field;
	bitable_cell *fn;
	void *arg;
	struct buf text;
};

static bool
look_at_record(void *arg, struct span item)
{
	struct column *c = arg;
	struct span id, fields, cell;

	if (!JSON_MEMBER(item, "record_id", &id) || !json_is_string(id) || !JSON_MEMBER(item, "fields", &fields) ||
	    !json_member(fields, c->field, strlen(c->field), &cell))
		return true;
	buf_clear(&c->text);
	value_cell_text(cell, &c->text);
	return c->text.len == 0 || c->fn(c->arg, json_inside(id), &c->text);
}

enum feishu_result
bitable_read_column(struct bitable *t, const char *field, bitable_cell *fn, void *arg)
{
	struct column c = { .field = field, .fn = fn, .arg = arg };
	char *path = table_path(t, "/records/search?page_size=" SEARCH_PAGE);
	struct buf body = { 0 };
	enum feishu_result r;

	buf_adds(&body, "{\"field_names\":[");
	json_encode(field, strlen(field), &body);
	buf_adds(&body, "]}");
	r = each_item(t, path, &body, look_at_record, &c);
	free(path);
	buf_free(&body);
	buf_free(&c.text);
	return r;
}
