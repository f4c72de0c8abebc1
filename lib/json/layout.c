#include "json/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SHORT 16
#define MOST 4096	/* members of a record that is worth the memory */

typedef uint64_t first __attribute__((vector_size(SHORT)));

struct layout_key {
	first	 bytes, mask;		/* the first 16, and which of them belong to it */
	size_t	 len, rest;		/* rest: where what is behind them stands */
};

static inline first
load(const char *p)
{
	first v;

	memcpy(&v, p, sizeof v);
	return v;
}

static void
learn(struct layout *l, const struct scan *s)
{
	buf_clear(&l->rest);
	l->n = 0;
	if (s->n > MOST)
		return;
	l->key = mem_grow(l->key, &l->cap, s->n, sizeof *l->key);
	for (; l->n < s->n; l->n++) {
		struct span name = s->m[l->n].key;
		struct layout_key k = { .len = name.len, .rest = l->rest.len };
		char mask[SHORT] = { 0 };

		memset(mask, 0xff, name.len < SHORT ? name.len : SHORT);
		k.mask = load(mask);
		k.bytes = load(name.p) & k.mask;
		if (name.len > SHORT)
			buf_add(&l->rest, name.p + SHORT, name.len - SHORT);
		l->key[l->n] = k;
	}
}

bool
layout_same(struct layout *l, const struct scan *s)
{
	uint64_t differ = l->n ^ s->n;

	if (differ == 0) {
		first bytes = { 0 };

		for (size_t i = 0; i < l->n; i++) {
			const struct layout_key *k = &l->key[i];
			struct span name = s->m[i].key;

			bytes |= (load(name.p) ^ k->bytes) & k->mask;	/* what is behind the name is the rest of the line, or padding */
			differ |= name.len ^ k->len;
		}
		differ |= bytes[0] | bytes[1];
		for (size_t i = 0; i < l->n && differ == 0 && l->rest.len != 0; i++)
			if (l->key[i].len > SHORT)
				differ = (uint64_t)memcmp(s->m[i].key.p + SHORT, l->rest.p + l->key[i].rest, l->key[i].len - SHORT);
	}
	if (differ != 0)
		learn(l, s);
	return differ == 0 && l->n != 0;
}

void
layout_free(struct layout *l)
{
	free(l->key);
	buf_free(&l->rest);
	*l = (struct layout){ 0 };
}
