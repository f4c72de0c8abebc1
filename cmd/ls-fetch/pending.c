/* pending.c - runs that had not ended, or whose inputs could not be had, are asked for by id until they have */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "ls-fetch/fetch.h"

/* An entry whose mark is set is settled; plan_settle drops it. */

struct id *
pending_keep(const struct run *run)
{
	struct id *p = ids_add(&fetch.st.pending, run->id.p, run->id.len);

	if (p == NULL)
		return NULL;
	p->mark = false;
	if (p->start == 0)
		p->start = run->start != RUN_NO_TIME ? run->start : fetch.now;
	return p;
}

void
pending_settled(struct span id)
{
	struct id *p = ids_find(&fetch.st.pending, id.p, id.len);

	if (p != NULL)
		p->mark = true;
}

static int
by_start(const void *a, const void *b)
{
	const struct id *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void
forget_missing(const struct id *ids, size_t n, const struct ids *found)
{
	for (size_t i = 0; i < n; i++) {
		struct span id = { ids[i].id, strlen(ids[i].id) };

		if (ids_find(found, id.p, id.len) != NULL)
			continue;
		note("run %s: it had not ended, and the service does not know it any more", id.p);
		pending_settled(id);
	}
}

/* Look up these; false: --limit is reached. */
static bool
look_up(const struct id *ids, size_t n)
{
	struct ids found = { 0 };
	char *cursor = NULL;
	enum drained end;

	page_query(ids[0].start - DAY, ids[n - 1].start + DAY);
	page.q.ids = ids;
	page.q.n_ids = n;
	page.q.page = LS_IDS;
	page.found = &found;
	end = page_drain(&cursor);
	if (end == CURSOR_REFUSED)
		give_up(ST_FAILED, "the service refuses its own cursor in a look-up by id");
	if (end == DRAINED)		/* of a list that was cut, what is missing stays */
		forget_missing(ids, n, &found);
	page.found = NULL;
	ids_free(&found);
	ids_clear(&page.done);
	free(cursor);
	return end != CUT_BY_LIMIT;
}

/* In chunks whose times are not too far apart. */
bool
pending_ask(void)
{
	size_t n = fetch.st.pending.n, from = 0;
	struct id *all;
	bool more = true;

	if (n == 0)
		return true;
	all = mem_zero(n, sizeof *all);		/* a copy: the set changes under way */
	memcpy(all, fetch.st.pending.v, n * sizeof *all);
	qsort(all, n, sizeof *all, by_start);
	for (size_t i = 1; i <= n && more; i++)
		if (i == n || i - from == LS_IDS || all[i].start - all[from].start > PROBE_MAX_MS) {
			more = look_up(all + from, i - from);
			from = i;
		}
	free(all);
	return more;
}
