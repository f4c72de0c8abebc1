#include "langsmith/ids.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool
fold(const char *id, size_t len, char out[ID_SIZE])
{
	if (len == 0 || len >= ID_SIZE)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = id[i] >= 'A' && id[i] <= 'Z' ? (char)(id[i] + ('a' - 'A')) : id[i];
	memset(out + len, 0, ID_SIZE - len);
	return true;
}

/* FNV-1a; nobody gains by making run ids collide, the set is small. */
static size_t
hash(const char *id)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *id != '\0'; id++)
		h = (h ^ (unsigned char)*id) * UINT64_C(1099511628211);
	return (size_t)(h ^ (h >> 32));
}

/* The slot of the id, or the free one where it belongs. */
static size_t *
slot_of(const struct ids *s, const char *id)
{
	size_t i = hash(id) & (s->n_slots - 1);

	while (s->slot[i] != 0 && strcmp(s->v[s->slot[i] - 1].id, id) != 0)
		i = (i + 1) & (s->n_slots - 1);
	return &s->slot[i];
}

static void
index_all(struct ids *s, size_t n_slots)
{
	free(s->slot);
	s->slot = mem_zero(n_slots, sizeof *s->slot);
	s->n_slots = n_slots;
	for (size_t i = 0; i < s->n; i++)
		*slot_of(s, s->v[i].id) = i + 1;
}

struct id *
ids_find(const struct ids *s, const char *id, size_t len)
{
	char key[ID_SIZE];
	size_t i;

	if (s->n == 0 || !fold(id, len, key))
		return NULL;
	i = *slot_of(s, key);
	return i == 0 ? NULL : &s->v[i - 1];
}

struct id *
ids_add(struct ids *s, const char *id, size_t len)
{
	char key[ID_SIZE];
	size_t *slot;

	if (!fold(id, len, key))
		return NULL;
	if (2 * (s->n + 1) > s->n_slots)
		index_all(s, s->n_slots == 0 ? 64 : 2 * s->n_slots);
	slot = slot_of(s, key);
	if (*slot == 0) {
		s->v = mem_grow(s->v, &s->cap, s->n + 1, sizeof *s->v);
		s->v[s->n] = (struct id){ .mark = false };
		memcpy(s->v[s->n].id, key, ID_SIZE);
		*slot = ++s->n;
	}
	return &s->v[*slot - 1];
}

void
ids_keep(struct ids *s, bool mark)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].mark == mark)
			s->v[n++] = s->v[i];
	s->n = n;
	if (s->n_slots != 0)
		index_all(s, s->n_slots);
}

void
ids_clear(struct ids *s)
{
	s->n = 0;
	if (s->n_slots != 0)
		memset(s->slot, 0, s->n_slots * sizeof *s->slot);
}

void
ids_free(struct ids *s)
{
	free(s->v);
	free(s->slot);
	memset(s, 0, sizeof *s);
}
