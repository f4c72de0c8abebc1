#include "recorder/newest.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- days of which there are files ---- */

struct days {
	char	(*v)[TREE_DAY_SIZE];	/* owned; in order, each once */
	size_t	 n;
};

static int
by_day(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool
in_range(const struct walk *w, const char *day)
{
	return (w->from == NULL || strcmp(day, w->from) >= 0) && (w->to == NULL || strcmp(day, w->to) <= 0);
}

static void
take_days(const struct walk *w, const struct tree_parts *parts, struct days *d)
{
	size_t all = 0;

	d->v = mem_zero(parts->n, sizeof *d->v);
	for (size_t i = 0; i < parts->n; i++)
		if (in_range(w, parts->v[i].day))
			memcpy(d->v[all++], parts->v[i].day, TREE_DAY_SIZE);
	if (all != 0)
		qsort(d->v, all, sizeof *d->v, by_day);
	for (size_t i = 0; i < all; i++)
		if (d->n == 0 || strcmp(d->v[d->n - 1], d->v[i]) != 0)
			memmove(d->v[d->n++], d->v[i], TREE_DAY_SIZE);
}

/* Returns 0, or -1 with errno and *path (new). */
static int
list_days(const struct walk *w, struct days *d, char **path)
{
	struct tree_parts parts = { 0 };
	const char *failed = TREE_ARCHIVE;
	int r = tree_list_live(w->tree, w->kind, w->session, &parts);

	if (r == -1)
		failed = parts.failed;
	else if ((r = tree_list_archive(w->tree, w->kind, w->session, &parts)) == 0)
		take_days(w, &parts, d);
	if (r == -1) {
		struct buf b = { 0 };

		buf_addf(&b, "%s/%s", w->tree->path, failed);
		*path = mem_dup(b.p, b.len);
		buf_free(&b);
	}
	tree_parts_free(&parts);
	return r;
}

/* ---- records ---- */

static void
free_text(struct span text)
{
	void *p;

	memcpy(&p, &text.p, sizeof p);
	free(p);
}

void
newest_hold(struct newest *l, struct span text)
{
	struct newest_days *d = &l->days[l->walks - 1];
	char *copy = mem_alloc(text.len + 1);

	memcpy(copy, text.p, text.len);
	copy[text.len] = '\n';
	l->bytes += text.len;
	if (d->n < d->most) {
		d->v = mem_grow(d->v, &d->cap, d->n + 1, sizeof *d->v);
		d->v[d->n++] = (struct span){ copy, text.len };
		l->n++;
		return;
	}
	l->bytes -= d->v[d->next].len;
	free_text(d->v[d->next]);
	d->v[d->next] = (struct span){ copy, text.len };
	d->next = (d->next + 1) % d->n;
}

int
newest_walk(struct newest *l, struct walk *w, char **path)
{
	const char *from = w->from, *to = w->to;
	struct days d = { 0 };
	size_t end, width = 1;
	int r = list_days(w, &d, path);

	for (end = d.n; r == 0 && !w->ended && (end > 0 || l->walks == 0) && l->n < l->most; width *= 2) {
		size_t begin = end > width ? end - width : 0;

		w->from = begin == 0 ? from : d.v[begin];
		w->to = end == d.n ? to : d.v[end - 1];
		memcpy(l->first, w->from == NULL ? "" : w->from, w->from == NULL ? 1 : TREE_DAY_SIZE);
		l->days[l->walks++].most = l->most - l->n;
		r = walk_run(w, path);
		end = begin;
	}
	w->from = from;
	w->to = to;
	free(d.v);
	return r;
}

struct span
newest_get(const struct newest *l, uint64_t i)
{
	const struct newest_days *d = l->days;

	for (; i >= d->n; d++)
		i -= d->n;
	return d->v[(d->next + d->n - 1 - i) % d->n];
}

void
newest_free(struct newest *l)
{
	for (size_t k = 0; k < l->walks; k++) {
		for (size_t i = 0; i < l->days[k].n; i++)
			free_text(l->days[k].v[i]);
		free(l->days[k].v);
	}
}
