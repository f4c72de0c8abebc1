#include "recorder/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/splice.h"
#include "recorder/record.h"
#include "store/keymap.h"

#define FEW	32		/* names that are looked for one by one */
#define NONE	SIZE_MAX

/* What one object has for a name. */
struct value {
	struct span text;
	size_t	 object;	/* which of them */
	size_t	 before;	/* the value of an earlier object, or NONE */
};

struct field {
	struct span name;	/* between its quotes */
	bool	 escaped;
	size_t	 last;		/* the newest value */
};

/* The members of several objects, by name. */
struct merging {
	struct field *field;
	size_t	 n, cap;
	struct value *value;
	size_t	 n_values, values_cap;
	struct keymap names;	/* where each field is, once there are more than FEW */
	size_t	 named;		/* of the fields */
	struct buf scratch;
};

static bool
is_empty(struct span v)
{
	const char *p = v.p + 1;

	switch (*v.p) {
	case 'n':
		return true;
	case '"':
		return v.len == 2;
	case '[':
	case '{':
		while (*p == ' ' || *p == '\t' || *p == '\r')
			p++;
		return *p == ']' || *p == '}';
	}
	return false;
}

static bool
is_escaped(struct span name)
{
	return memchr(name.p, '\\', name.len) != NULL;
}

/* The text that a name spells; points into f->scratch or the name. */
static struct span
spelled(struct merging *f, struct span name, bool escaped)
{
	return escaped ? keymap_text((struct span){ name.p - 1, name.len + 2 }, &f->scratch) : name;
}

static struct field *
find_mapped(struct merging *f, struct span name, bool escaped)
{
	struct span at;
	size_t i;

	for (; f->named < f->n; f->named++) {
		struct field *known = &f->field[f->named];

		keymap_put(&f->names, spelled(f, known->name, known->escaped),
		    (struct span){ (const char *)&f->named, sizeof f->named });
	}
	if (!keymap_get(&f->names, spelled(f, name, escaped), &at))
		return NULL;
	memcpy(&i, at.p, sizeof i);
	return &f->field[i];
}

static struct field *
find_field(struct merging *f, struct span name, bool escaped)
{
	struct span text;

	if (f->n > FEW)
		return find_mapped(f, name, escaped);
	text = spelled(f, name, escaped);
	for (size_t i = 0; i < f->n; i++)
		if (json_spells(f->field[i].name, text.p, text.len))
			return &f->field[i];
	return NULL;
}

/* Of a name that stands twice in an object the last one counts. */
static void
add_member(struct merging *f, size_t object, const struct member *m)
{
	bool escaped = is_escaped(m->key);
	struct field *field = find_field(f, m->key, escaped);

	if (field == NULL) {
		f->field = mem_grow(f->field, &f->cap, f->n + 1, sizeof *f->field);
		field = &f->field[f->n++];
		*field = (struct field){ m->key, escaped, NONE };
	} else if (f->value[field->last].object == object) {
		f->value[field->last].text = m->val;
		return;
	}
	f->value = mem_grow(f->value, &f->values_cap, f->n_values + 1, sizeof *f->value);
	f->value[f->n_values] = (struct value){ m->val, object, field->last };
	field->last = f->n_values++;
}

static void
gather(struct merging *f, const struct span *object, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct json_iter it = json_open(object[i]);
		struct member m;

		while (json_next_member(&it, &m))
			add_member(f, i, &m);
	}
}

static void
merging_free(struct merging *f)
{
	free(f->field);
	free(f->value);
	keymap_free(&f->names);
	buf_free(&f->scratch);
}

/* The value that counts: the newest that is not empty, else the oldest. */
static const struct value *
newest(const struct merging *f, const struct field *field)
{
	const struct value *v = &f->value[field->last];

	while (is_empty(v->text) && v->before != NONE)
		v = &f->value[v->before];
	return v;
}

static struct span
oldest(const struct merging *f, const struct field *field)
{
	struct span found = newest(f, field)->text;

	for (size_t i = field->last; i != NONE; i = f->value[i].before)
		if (!is_empty(f->value[i].text))
			found = f->value[i].text;
	return found;
}

static void
put_name(const struct field *field, bool first, struct buf *out)
{
	if (!first)
		buf_addc(out, ',');
	buf_add(out, field->name.p - 1, field->name.len + 2);
	buf_addc(out, ':');
}

/* Fold objects into one, without looking into their members. */
static void
put_objects(const struct span *object, size_t n, struct buf *out)
{
	struct merging f = { 0 };

	gather(&f, object, n);
	buf_addc(out, '{');
	for (size_t i = 0; i < f.n; i++) {
		struct span v = newest(&f, &f.field[i])->text;

		put_name(&f.field[i], i == 0, out);
		buf_add(out, v.p, v.len);
	}
	buf_addc(out, '}');
	merging_free(&f);
}

static bool
all_same(const struct span *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (v[i].len != v[0].len || memcmp(v[i].p, v[0].p, v[0].len) != 0)
			return false;
	return true;
}

/* Objects that follow each other are folded; anything else between them ends what was before. */
static void
put_value(const struct merging *f, const struct value *v, struct buf *out)
{
	const struct value *first = v;
	struct span *object;
	size_t n = 1, i;

	for (const struct value *w = v; *v->text.p == '{' && w->before != NONE; ) {
		w = &f->value[w->before];
		if (is_empty(w->text))
			continue;
		if (*w->text.p != '{')
			break;
		first = w;
		n++;
	}
	object = mem_alloc(n * sizeof *object);
	object[i = n - 1] = v->text;
	while (v != first) {
		v = &f->value[v->before];
		if (!is_empty(v->text))
			object[--i] = v->text;
	}
	if (all_same(object, n))
		buf_add(out, object[0].p, object[0].len);
	else
		put_objects(object, n, out);
	free(object);
}

/* timestamp: the earliest, or p is NULL. */
static void
put_record(const struct span *line, size_t n, struct span timestamp, struct buf *out)
{
	struct merging f = { 0 };

	gather(&f, line, n);
	buf_addc(out, '{');
	for (size_t i = 0; i < f.n; i++) {
		const struct field *field = &f.field[i];
		struct span v;

		put_name(field, i == 0, out);
		if (JSON_SPELLS(field->name, "id")) {
			v = oldest(&f, field);
			buf_add(out, v.p, v.len);
		} else if (JSON_SPELLS(field->name, "timestamp") && timestamp.p != NULL) {
			buf_add(out, timestamp.p, timestamp.len);
		} else {
			put_value(&f, newest(&f, field), out);
		}
	}
	buf_addc(out, '}');
	merging_free(&f);
}

struct staged {
	struct span text;
	enum rec_stage stage;
};

/* Find each line's stage and the earliest timestamp. */
static struct span
read_lines(const struct span *line, size_t n, struct staged *to)
{
	struct scan scan = { 0 };
	struct buf scratch = { 0 };
	struct span earliest = { 0 };
	int64_t us = 0;

	for (size_t i = 0; i < n; i++) {
		struct rec r = { .stage = STAGE_COMPLETED };

		to[i].text = splice_text(line[i].p, scan_record(&scan, line[i].p));
		(void)rec_read(&r, &scan, &scratch);
		to[i].stage = r.stage;
		if (r.timestamp.p != NULL && (earliest.p == NULL || r.us < us)) {
			earliest = r.timestamp;
			us = r.us;
		}
	}
	scan_free(&scan);
	buf_free(&scratch);
	return earliest;
}

void
rec_merge(const struct span *line, size_t n, struct buf *out)
{
	struct staged *staged;
	struct span *sorted, timestamp;
	size_t at = 0;

	if (all_same(line, n)) {
		buf_add(out, line[0].p, line[0].len);
		return;
	}
	staged = mem_zero(n, sizeof *staged);
	sorted = mem_zero(n, sizeof *sorted);
	timestamp = read_lines(line, n, staged);
	for (int stage = STAGE_STARTED; stage <= STAGE_FINALIZED; stage++)
		for (size_t i = 0; i < n; i++)
			if ((int)staged[i].stage == stage)
				sorted[at++] = staged[i].text;
	put_record(sorted, n, timestamp, out);
	free(sorted);
	free(staged);
}

struct span
rec_state(const struct span *line, size_t n, struct buf *b)
{
	if (n == 1)
		return line[0];
	buf_clear(b);
	rec_merge(line, n, b);
	buf_pad(b);
	return (struct span){ b->p, b->len };
}
