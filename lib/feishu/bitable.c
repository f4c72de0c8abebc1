#include "feishu/bitable.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/mem.h"
#include "feishu/address.h"
#include "feishu/value.h"
#include "json/str.h"

#define PAGE "100"		/* most of tables, fields and views */
#define SEARCH_PAGE "500"
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
	t->reply.unknown = true;
	return FEISHU_GAVE_UP;
}

/*
 * Go through the pages of a list: one is called for each item.  body NULL: GET path?page_size=...,
 * else POST.  path ends in "page_size=N".
 */
static enum feishu_result
each_item(struct bitable *t, const char *path, const struct buf *body, bool (*one)(void *arg, struct span item), void *arg)
{
	struct buf page = { 0 };
	enum feishu_result r;
	bool more = true;

	buf_adds(&page, path);
	while (more) {
		struct span items, item, has_more, token;
		struct json_iter it;

		r = feishu_call(t->feishu, body == NULL ? "GET" : "POST", buf_str(&page), body, FEISHU_READS, &t->reply);
		if (r != FEISHU_OK)
			break;
		more = JSON_MEMBER(t->reply.data, "has_more", &has_more) && has_more.p[0] == 't';
		/* An empty list may be null or absent. */
		if (JSON_MEMBER(t->reply.data, "items", &items) && items.p[0] == '[')
			for (it = json_open(items); json_next_element(&it, &item); )
				if (!one(arg, item))
					goto out;
		if (!more)
			break;
		if (!JSON_MEMBER(t->reply.data, "page_token", &token) || !json_is_string(token)) {
			r = odd_answer(t, "page_token for the next page");
			break;
		}
		page.len = strlen(path);
		buf_adds(&page, "&page_token=");
		{
			struct buf text = { 0 };

			json_decode(json_inside(token), &text);
			http_escape(&page, buf_str(&text));
			buf_free(&text);
		}
	}
out:
	buf_free(&page);
	return r;
}

/* ---- finding the table ---- */

static enum feishu_result
resolve_node(struct bitable *t, const char *node)
{
	struct buf path = { 0 }, token = { 0 };
	struct span data, type, obj;
	enum feishu_result r;

	buf_adds(&path, "/open-apis/wiki/v2/spaces/get_node?token=");
	http_escape(&path, node);
	r = feishu_call(t->feishu, "GET", buf_str(&path), NULL, FEISHU_READS, &t->reply);
	buf_free(&path);
	if (r != FEISHU_OK)
		return r;
	if (!JSON_MEMBER(t->reply.data, "node", &data) || !JSON_MEMBER(data, "obj_type", &type) || !json_is_string(type) ||
	    !JSON_MEMBER(data, "obj_token", &obj) || !json_is_string(obj))
		return odd_answer(t, "node");
	if (!JSON_SPELLS(json_inside(type), "bitable")) {
		buf_clear(&t->reply.error);
		buf_addf(&t->reply.error, "the wiki page is a %.*s, not a Bitable", (int)(type.len - 2), type.p + 1);
		return FEISHU_REFUSED;
	}
	json_decode(json_inside(obj), &token);
	free(t->app);
	t->app = mem_dup(token.p, token.len);
	buf_free(&token);
	return FEISHU_OK;
}

struct table_search {
	const char *name;
	char	*id;
	struct buf seen;	/* the names, for the message */
};

static bool
look_at_table(void *arg, struct span item)
{
	struct table_search *s = arg;
	struct span id, name;

	if (!JSON_MEMBER(item, "table_id", &id) || !json_is_string(id) || !JSON_MEMBER(item, "name", &name) ||
	    !json_is_string(name))
		return true;
	if (json_spells(json_inside(id), s->name, strlen(s->name)) || json_spells(json_inside(name), s->name, strlen(s->name))) {
		s->id = mem_dup(id.p + 1, id.len - 2);
		return false;
	}
	buf_adds(&s->seen, s->seen.len == 0 ? "" : ", ");
	json_decode(json_inside(name), &s->seen);
	return true;
}

/* A name into an id. */
static enum feishu_result
find_table(struct bitable *t, const char *name)
{
	struct table_search s = { .name = name };
	char *path = table_path(t, NULL);
	struct buf query = { 0 };
	enum feishu_result r;

	buf_addf(&query, "%s?page_size=" PAGE, path);
	r = each_item(t, buf_str(&query), NULL, look_at_table, &s);
	if (r == FEISHU_OK && s.id == NULL) {
		buf_clear(&t->reply.error);
		buf_addf(&t->reply.error, "the base has no table '%s'; it has: %s", name, buf_str(&s.seen));
		r = FEISHU_REFUSED;
	}
	t->table = s.id;
	free(path);
	buf_free(&query);
	buf_free(&s.seen);
	return r;
}

static enum feishu_result
open_table(struct bitable *t, const char *table)
{
	enum feishu_result r = FEISHU_OK;

	free(t->table);
	t->table = NULL;
	if (strncmp(table, "tbl", 3) != 0 || table[strspn(table, ID_CHARS)] != '\0')
		r = find_table(t, table);
	else
		t->table = mem_dup(table, strlen(table));
	return r == FEISHU_OK ? bitable_read_fields(t) : r;
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
	t->table = o->table != NULL ? mem_dup(o->table, strlen(o->table)) : env_get(table_names);
	if (t->app == NULL)
		buf_adds(&t->reply.error, "no base: set FEISHU_BASE_ID or --app to its token or its address in the browser");
	return t->app != NULL;
}

static enum feishu_result
open_address(struct bitable *t, const struct address *a, const char *table)
{
	enum feishu_result r;
	struct feishu_reply first;

	if (a->kind == ADDRESS_WIKI && (r = resolve_node(t, a->token)) != FEISHU_OK)
		return r;
	r = open_table(t, table);
	if (r != FEISHU_REFUSED || a->kind != ADDRESS_TOKEN || feishu_kind(t->reply.code) != FEISHU_NO_BASE)
		return r;
	/* A bare token may be a wiki page's; if it is not, the first answer is the better one. */
	first = t->reply;
	t->reply = (struct feishu_reply){ 0 };
	if (resolve_node(t, a->token) == FEISHU_OK) {
		feishu_reply_free(&first);
		return open_table(t, table);
	}
	feishu_reply_free(&t->reply);
	t->reply = first;
	return FEISHU_REFUSED;
}

enum feishu_result
bitable_open(struct bitable *t)
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
	if (table == NULL && a.table == NULL)
		buf_adds(&t->reply.error, "no table: set FEISHU_TABLE_ID or --table to its id (tbl...) or name");
	else
		r = open_address(t, &a, table != NULL ? table : a.table);
	t->is_open = r == FEISHU_OK;
	address_free(&a);
	free(app);
	free(table);
	return r;
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
	if (r == FEISHU_OK && (!JSON_MEMBER(t->reply.data, "records", &list) || list.p[0] != '['))
		r = odd_answer(t, "records");
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
