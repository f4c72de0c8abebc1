#include "openai/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/str.h"

#define MOST_PARTS 1024		/* members of an object, elements with an index: they are looked up one by one */

enum kind {
	RAW,		/* JSON */
	TEXT,		/* what stands between the quotes of a string */
	OBJECT,		/* members */
	ARRAY,		/* elements with an index, ascending; raw ones behind them, with commas between, in text */
};

struct part {
	struct buf key, text;
	enum kind kind;
	struct part **v;	/* owned */
	size_t	 n, cap;
	long	 index;		/* of an element; else -1 */
};

void
merge_init(struct merge *m, size_t max)
{
	*m = (struct merge){ .root = mem_zero(1, sizeof *m->root), .max = max };
	m->root->kind = OBJECT;
	m->root->index = -1;
}

static void	part_clear(struct part *p);

static void
part_free(struct part *p)
{
	part_clear(p);
	buf_free(&p->key);
	free(p);
}

static void
part_clear(struct part *p)
{
	for (size_t i = 0; i < p->n; i++)
		part_free(p->v[i]);
	free(p->v);
	buf_free(&p->text);
	p->v = NULL;
	p->n = p->cap = 0;
	p->kind = RAW;
}

void
merge_free(struct merge *m)
{
	if (m->root != NULL)
		part_free(m->root);
	m->root = NULL;
}

/* ---- parts ---- */

/* May len more bytes be kept? */
static bool
room(struct merge *m, size_t len)
{
	if (m->error == NULL && len > m->max - m->kept)
		m->error = "it is too large";
	if (m->error != NULL)
		return false;
	m->kept += len;
	return true;
}

static struct part *
insert(struct merge *m, struct part *parent, size_t at)
{
	struct part *p;

	if (parent->n >= MOST_PARTS && m->error == NULL)
		m->error = "it has too many parts";
	if (!room(m, sizeof *p + sizeof p))
		return NULL;
	parent->v = mem_grow(parent->v, &parent->cap, parent->n + 1, sizeof(struct part *));
	memmove(parent->v + at + 1, parent->v + at, (parent->n - at) * sizeof(struct part *));
	parent->n++;
	p = parent->v[at] = mem_zero(1, sizeof *p);
	p->index = -1;
	return p;
}

static struct part *
find(const struct part *parent, struct span key)
{
	for (size_t i = 0; i < parent->n; i++)
		if (parent->v[i]->key.len == key.len && (key.len == 0 || memcmp(parent->v[i]->key.p, key.p, key.len) == 0))
			return parent->v[i];
	return NULL;
}

static const struct part *
find_name(const struct part *parent, const char *name)
{
	return find(parent, (struct span){ name, strlen(name) });
}

/* The member of this name, a new one where there is none; *fresh tells.  NULL: no room. */
static struct part *
member(struct merge *m, struct part *parent, struct span key, bool *fresh)
{
	struct part *p = find(parent, key);

	*fresh = p == NULL;
	if (p != NULL)
		return p;
	if (!room(m, key.len) || (p = insert(m, parent, parent->n)) == NULL)
		return NULL;
	buf_add(&p->key, key.p, key.len);
	return p;
}

static struct part *
element(struct merge *m, struct part *array, long index)
{
	size_t at = array->n;
	struct part *p;

	while (at > 0 && array->v[at - 1]->index > index)
		at--;
	if (at > 0 && array->v[at - 1]->index == index)
		return array->v[at - 1];
	if ((p = insert(m, array, at)) == NULL)
		return NULL;
	p->index = index;
	p->kind = OBJECT;
	return p;
}

static void
set_kind(struct part *p, enum kind kind)
{
	if (p->kind == kind)
		return;
	part_clear(p);
	p->kind = kind;
}

static void
set_raw(struct merge *m, struct part *p, struct span val)
{
	if (p->kind == RAW && val.len <= p->text.len)	/* the same usage in each chunk takes no more room */
		m->kept -= val.len;
	if (!room(m, val.len))
		return;
	set_kind(p, RAW);
	buf_clear(&p->text);
	buf_add(&p->text, val.p, val.len);
}

/* ---- joining ---- */

static bool
is_one_of(struct span key, const char *const *names)
{
	for (; *names != NULL; names++)
		if (json_spells(key, *names, strlen(*names)))
			return true;
	return false;
}

/* Strings that are not cut into pieces. */
static bool
comes_once(struct span key)
{
	static const char *const names[] = { "role", "id", "type", "name", "call_id", NULL };

	return is_one_of(key, names);
}

static bool
is_empty(const struct part *p)
{
	if (p->kind == RAW)
		return p->text.len == 0 || p->text.p[0] == 'n' || (p->text.len == 2 && p->text.p[0] == '"');
	return p->kind == TEXT && p->text.len == 0;
}

static void
append_text(struct merge *m, struct part *p, struct span string)
{
	struct span inside = json_inside(string);

	set_kind(p, TEXT);
	if (room(m, inside.len))
		buf_add(&p->text, inside.p, inside.len);
}

static void	join_object(struct merge *m, struct part *to, struct span object, enum merge_rule rule);

long
merge_index(struct span number)
{
	long n = 0;

	if (number.len == 0 || number.len > 8)
		return -1;
	for (size_t i = 0; i < number.len; i++) {
		if (number.p[i] < '0' || number.p[i] > '9')
			return -1;
		n = n * 10 + (number.p[i] - '0');
	}
	return n;
}

static void
join_array(struct merge *m, struct part *to, struct span array, enum merge_rule rule)
{
	struct json_iter it = json_open(array);
	struct span val, index;

	set_kind(to, ARRAY);
	while (m->error == NULL && json_next_element(&it, &val)) {
		long i = JSON_MEMBER(val, "index", &index) ? merge_index(index) : -1;
		struct part *p;

		if (i == -1 && rule == MERGE_CHOICE && val.p[0] == '{')
			i = 0;		/* of some servers, which have only one */
		if (i >= 0) {
			if ((p = element(m, to, i)) != NULL)
				join_object(m, p, val, rule);
		} else if (room(m, val.len + 1)) {
			if (to->text.len > 0)
				buf_addc(&to->text, ',');
			buf_add(&to->text, val.p, val.len);
		}
	}
}

static void
join_delta(struct merge *m, struct part *p, struct span key, struct span val, bool fresh)
{
	switch (val.p[0]) {
	case '"':
		if (!comes_once(key) || is_empty(p))
			append_text(m, p, val);
		break;
	case '{':
		set_kind(p, OBJECT);
		join_object(m, p, val, MERGE_DELTA);
		break;
	case '[':
		join_array(m, p, val, MERGE_DELTA);
		break;
	case 'n':
		if (fresh)
			set_raw(m, p, val);
		break;
	default:
		set_raw(m, p, val);
	}
}

/* Does it tell more than what is there?  Of a chunk the first text that is not empty counts, of a choice the last. */
static bool
tells(const struct part *p, struct span val, enum merge_rule rule)
{
	if (json_is_null(val))
		return false;
	if (!json_is_string(val))
		return true;
	return rule == MERGE_CHUNK ? is_empty(p) || p->text.len <= 2 : rule != MERGE_CHOICE || val.len > 2;
}

static void
join_member(struct merge *m, struct part *to, struct span key, struct span val, enum merge_rule rule)
{
	bool fresh;
	struct part *p = member(m, to, key, &fresh);

	if (p == NULL)
		return;
	if (rule == MERGE_DELTA)
		join_delta(m, p, key, val, fresh);
	else if (rule == MERGE_CHUNK && JSON_SPELLS(key, "choices") && val.p[0] == '[')
		join_array(m, p, val, MERGE_CHOICE);
	else if (rule == MERGE_CHOICE && (JSON_SPELLS(key, "delta") || JSON_SPELLS(key, "logprobs")) && val.p[0] == '{')
		join_delta(m, p, key, val, fresh);
	else if (rule == MERGE_CHOICE && JSON_SPELLS(key, "text") && json_is_string(val))
		append_text(m, p, val);		/* of the older completions */
	else if (rule == MERGE_LAST && val.p[0] == '{' && p->kind != ARRAY) {
		set_kind(p, OBJECT);
		join_object(m, p, val, MERGE_LAST);
	} else if (fresh || tells(p, val, rule))
		set_raw(m, p, val);
}

static void
join_object(struct merge *m, struct part *to, struct span object, enum merge_rule rule)
{
	struct json_iter it = json_open(object);
	struct member v;

	if (object.p[0] != '{')
		return;
	while (m->error == NULL && json_next_member(&it, &v)) {
		if (to->index != -1 && JSON_SPELLS(v.key, "index"))
			continue;	/* of an element */
		if (rule == MERGE_CHUNK && (JSON_SPELLS(v.key, "obfuscation") || (JSON_SPELLS(v.key, "usage") && json_is_null(v.val))))
			continue;
		join_member(m, to, v.key, v.val, rule);
	}
}

void
merge_add(struct merge *m, struct span object, enum merge_rule rule)
{
	join_object(m, m->root, object, rule);
}

void
merge_add_element(struct merge *m, const char *array, long index, struct span object, enum merge_rule rule)
{
	bool fresh;
	struct part *a = member(m, m->root, (struct span){ array, strlen(array) }, &fresh), *p;

	if (a == NULL)
		return;
	set_kind(a, ARRAY);
	if ((p = element(m, a, index)) != NULL)
		join_object(m, p, object, rule);
}

/* ---- what it has become ---- */

bool
merge_is_finished(const struct merge *m)
{
	const struct part *choices = find_name(m->root, "choices");

	if (choices == NULL || choices->n == 0)
		return false;
	for (size_t i = 0; i < choices->n; i++) {
		const struct part *reason = find_name(choices->v[i], "finish_reason");

		if (reason == NULL || is_empty(reason))
			return false;
	}
	return true;
}

static void	put_members(const struct part *p, bool first, struct buf *out);

static void
put_key(struct span key, bool *first, struct buf *out)
{
	if (!*first)
		buf_addc(out, ',');
	*first = false;
	buf_addc(out, '"');
	buf_add(out, key.p, key.len);
	buf_adds(out, "\":");
}

static void
put_name(const char *name, bool *first, struct buf *out)
{
	put_key((struct span){ name, strlen(name) }, first, out);
}

static void
put_part(const struct part *p, struct buf *out)
{
	switch (p->kind) {
	case RAW:
		if (p->text.len == 0)
			buf_adds(out, "null");
		buf_add(out, p->text.p, p->text.len);
		break;
	case TEXT:
		buf_addc(out, '"');
		buf_add(out, p->text.p, p->text.len);
		buf_addc(out, '"');
		break;
	case OBJECT:
		buf_addc(out, '{');
		put_members(p, true, out);
		buf_addc(out, '}');
		break;
	case ARRAY:
		buf_addc(out, '[');
		for (size_t i = 0; i < p->n; i++) {
			if (i > 0)
				buf_addc(out, ',');
			put_part(p->v[i], out);
		}
		if (p->n > 0 && p->text.len > 0)
			buf_addc(out, ',');
		buf_add(out, p->text.p, p->text.len);
		buf_addc(out, ']');
		break;
	}
}

static void
put_members(const struct part *p, bool first, struct buf *out)
{
	for (size_t i = 0; i < p->n; i++) {
		put_key((struct span){ p->v[i]->key.p, p->v[i]->key.len }, &first, out);
		put_part(p->v[i], out);
	}
}

static void
put_choices(const struct part *choices, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; choices != NULL && i < choices->n; i++) {
		const struct part *c = choices->v[i];

		buf_addf(out, "%s{\"index\":%ld", i > 0 ? "," : "", c->index);
		for (size_t k = 0; k < c->n; k++) {
			const struct part *p = c->v[k];
			bool first = false;

			if (p->key.len == 5 && memcmp(p->key.p, "delta", 5) == 0)
				put_name("message", &first, out);
			else
				put_key((struct span){ p->key.p, p->key.len }, &first, out);
			put_part(p, out);
		}
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}

void
merge_put_completion(const struct merge *m, struct buf *out)
{
	static const char *const names[] = { "id", "object", "created", "model", "choices", "usage", NULL };
	bool first = true;

	buf_addc(out, '{');
	for (const char *const *name = names; *name != NULL; name++) {
		const struct part *p = find_name(m->root, *name);

		if (p == NULL && strcmp(*name, "choices") != 0)
			continue;
		put_name(*name, &first, out);
		if (strcmp(*name, "choices") == 0)
			put_choices(p, out);
		else if (p->kind == RAW && p->text.len == 23 && memcmp(p->text.p, "\"chat.completion.chunk\"", 23) == 0)
			buf_adds(out, "\"chat.completion\"");
		else
			put_part(p, out);
	}
	for (size_t i = 0; i < m->root->n; i++) {
		const struct part *p = m->root->v[i];
		struct span key = { p->key.p, p->key.len };

		if (is_one_of(key, names))
			continue;
		put_key(key, &first, out);
		put_part(p, out);
	}
	buf_addc(out, '}');
}

/* A tool's input came as text. */
static bool
put_input(const struct part *block, bool *first, struct buf *out)
{
	const struct part *json = find_name(block, "partial_json");
	struct buf text = { 0 };
	struct scan s = { 0 };
	bool good = false;

	if (json == NULL || json->kind != TEXT || json->text.len == 0)
		return false;
	json_decode((struct span){ json->text.p, json->text.len }, &text);
	if (json_scan_answer(&text, &s)) {
		put_name("input", first, out);
		buf_add(out, text.p, text.len);
		good = true;
	}
	scan_free(&s);
	buf_free(&text);
	return good;
}

static void
put_block(const struct part *block, struct buf *out)
{
	bool first = true, replaced;

	buf_addc(out, '{');
	replaced = put_input(block, &first, out);
	for (size_t i = 0; i < block->n; i++) {
		struct span key = { block->v[i]->key.p, block->v[i]->key.len };

		if (replaced && (JSON_SPELLS(key, "input") || JSON_SPELLS(key, "partial_json")))
			continue;
		put_key(key, &first, out);
		put_part(block->v[i], out);
	}
	buf_addc(out, '}');
}

void
merge_put_message(const struct merge *m, struct buf *out)
{
	bool first = true;

	buf_addc(out, '{');
	for (size_t i = 0; i < m->root->n; i++) {
		const struct part *p = m->root->v[i];

		put_key((struct span){ p->key.p, p->key.len }, &first, out);
		if (p->kind != ARRAY || p->key.len != 7 || memcmp(p->key.p, "content", 7) != 0) {
			put_part(p, out);
			continue;
		}
		buf_addc(out, '[');
		for (size_t k = 0; k < p->n; k++) {
			if (k > 0)
				buf_addc(out, ',');
			put_block(p->v[k], out);
		}
		buf_addc(out, ']');
	}
	buf_addc(out, '}');
}
