#include "store/keymap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/str.h"

#define FIRST_SIZE 64

struct span
keymap_text(struct span v, struct buf *scratch)
{
	if (!json_is_string(v))
		return v;
	buf_clear(scratch);
	json_decode(json_inside(v), scratch);
	return (struct span){ scratch->p, scratch->len };
}

static struct keymap_slot *
probe(const struct keymap *m, struct fingerprint f)
{
	size_t i = f.a & (m->size - 1);

	while ((m->slot[i].key.a != 0 || m->slot[i].key.b != 0) && (m->slot[i].key.a != f.a || m->slot[i].key.b != f.b))
		i = (i + 1) & (m->size - 1);
	return &m->slot[i];
}

static void
grow(struct keymap *m)
{
	struct keymap old = *m;

	m->size = old.size == 0 ? FIRST_SIZE : old.size * 2;
	m->slot = mem_zero(m->size, sizeof *m->slot);
	for (size_t i = 0; i < old.size; i++)
		if (old.slot[i].key.a != 0 || old.slot[i].key.b != 0)
			*probe(m, old.slot[i].key) = old.slot[i];
	free(old.slot);
}

void
keymap_put(struct keymap *m, struct span key, struct span value)
{
	struct keymap_slot *s;
	struct fingerprint f;

	if (!m->seeded) {
		m->seed = keyseed_random();
		m->seeded = true;
	}
	if (m->n + 1 > m->size / 2)
		grow(m);
	f = fingerprint_text(m->seed, key);
	s = probe(m, f);
	m->n += s->key.a == 0 && s->key.b == 0;
	*s = (struct keymap_slot){ f, m->values.len, value.len };
	buf_add(&m->values, value.p, value.len);
}

bool
keymap_get(const struct keymap *m, struct span key, struct span *value)
{
	struct keymap_slot *s;

	if (m->n == 0)
		return false;
	s = probe(m, fingerprint_text(m->seed, key));
	if (s->key.a == 0 && s->key.b == 0)
		return false;
	if (value != NULL)
		*value = (struct span){ m->values.p + s->at, s->len };
	return true;
}

void
keymap_clear(struct keymap *m)
{
	if (m->n != 0)
		memset(m->slot, 0, m->size * sizeof *m->slot);
	m->n = 0;
	buf_clear(&m->values);
}

void
keymap_free(struct keymap *m)
{
	free(m->slot);
	buf_free(&m->values);
	*m = (struct keymap){ 0 };
}
