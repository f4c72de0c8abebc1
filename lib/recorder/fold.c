#include "recorder/fold.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_SIZE 1024

/* Records with the same call that wait for a later stage: two stacks, the newest on top, linked by below. */
struct fold_call {
	struct fingerprint key;		/* zero: free */
	struct entry *started, *completed;
};

static bool
is_zero(struct fingerprint f)
{
	return f.a == 0 && f.b == 0;
}

static bool
same(struct fingerprint x, struct fingerprint y)
{
	return x.a == y.a && x.b == y.b;
}

/* An empty table that is at most half full with n. */
static void *
cleared(void *table, size_t *size, size_t n, size_t width)
{
	size_t want = *size != 0 ? *size : FIRST_SIZE;

	while (want / 2 < n)
		want *= 2;
	if (want != *size)
		table = mem_resize(table, want, width);
	*size = want;
	memset(table, 0, want * width);
	return table;
}

static size_t
calls(const struct day_lines *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += !is_zero(d->v[i]->call);
	return n;
}

/* Where this id stands or would. */
static struct entry **
find(const struct fold *f, struct fingerprint id)
{
	size_t i = id.a & (f->size - 1);

	while (f->slot[i] != NULL && !same(f->slot[i]->id, id))
		i = (i + 1) & (f->size - 1);
	return &f->slot[i];
}

static struct fold_call *
find_call(const struct fold *f, struct fingerprint key)
{
	size_t i = key.a & (f->call_size - 1);

	while (!is_zero(f->call[i].key) && !same(f->call[i].key, key))
		i = (i + 1) & (f->call_size - 1);
	f->call[i].key = key;
	return &f->call[i];
}

static void
join(struct entry *record, struct entry *e)
{
	struct entry *last = record->last != NULL ? record->last : record;

	last->next = e;
	record->last = e;
	e->joined = true;
	if (e->line.stage > record->reached)
		record->reached = e->line.stage;
}

static void
push(struct fold_call *c, struct entry *record)
{
	struct entry **top = record->reached == STAGE_STARTED ? &c->started : &c->completed;

	if (record->reached == STAGE_FINALIZED)
		return;
	record->below = *top;
	*top = record;
}

/* When the record was written to last. */
static int64_t
touched(const struct entry *record)
{
	return (record->last != NULL ? record->last : record)->line.us;
}

/* The record that waits for this stage, of several the one that was written to last, taken off; NULL: none. */
static struct entry *
pop(struct fold_call *c, enum rec_stage stage)
{
	struct entry **top = &c->started, *record;

	if (stage == STAGE_FINALIZED && c->completed != NULL && (*top == NULL || touched(c->completed) >= touched(*top)))
		top = &c->completed;
	if ((record = *top) != NULL)
		*top = record->below;
	return record;
}

/* A line that shares its id with none and continues a call; then it belongs to the newest record that waits for it. */
static void
settle(struct fold *f, struct entry *e)
{
	struct fold_call *c;
	struct entry *record;

	if (e->joined || is_zero(e->call))
		return;
	c = find_call(f, e->call);
	if (e->next == NULL && e->line.stage != STAGE_STARTED && (record = pop(c, e->line.stage)) != NULL) {
		join(record, e);
		push(c, record);
	} else {
		push(c, e);
	}
}

/*
 * A line of the following day, and the first line with its id.  An id that goes on for more than two days begins a record each day
 * from the third on, so what a day shows does not depend on how far back one reads.
 */
static void
match(struct entry **slot, struct entry *e)
{
	struct entry *first = *slot;

	e->late = first != NULL && (first->joined || first->late) && strcmp(first->part->name.day, e->part->name.day) != 0;
	if (first == NULL || e->late)
		*slot = e;
	else
		join(first, e);
}

void
fold_next(struct fold *f, const struct day_lines *day, const struct day_lines *next)
{
	f->slot = cleared(f->slot, &f->size, day->n + next->n, sizeof *f->slot);
	f->call = cleared(f->call, &f->call_size, calls(day) + calls(next), sizeof *f->call);
	for (size_t i = 0; i < day->n; i++) {
		struct entry *e = day->v[i], **slot = is_zero(e->id) ? NULL : find(f, e->id);

		if (slot != NULL && *slot == NULL)
			*slot = e;
		if (!e->joined && !is_zero(e->call))
			push(find_call(f, e->call), e);
	}
	for (size_t i = 0; i < next->n; i++) {
		struct entry *e = next->v[i];

		if (!is_zero(e->id))
			match(find(f, e->id), e);
	}
	for (size_t i = 0; i < next->n; i++)
		settle(f, next->v[i]);
}

void
fold_free(struct fold *f)
{
	free(f->slot);
	free(f->call);
}
