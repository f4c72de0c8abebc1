#include "recorder/walk.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/sig.h"
#include "base/when.h"
#include "recorder/fold.h"

#define DAY_MS		INT64_C(86400000)

struct day {
	char	 name[TREE_DAY_SIZE];
	struct part *part;		/* owned */
	size_t	 n;
	bool	 folded;
	struct day_lines lines;		/* owned array */
	struct spill spill;		/* of its parts */
};

/* Parts to read, in order; threads take the next.  done is theirs to set, under the mutex. */
struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t	changed;
	struct part **v;		/* owned array */
	size_t	 n, cap, taken;
	bool	 closed;
	pthread_t *thread;		/* owned */
	int	 n_threads;
};

/* The lines of the record at hand. */
struct gathered {
	struct entry **entry;
	const struct walk_line **line;
	struct span *text;
	struct buf *scratch;		/* of texts that come from a file */
	size_t	 n, entry_cap, line_cap, text_cap, scratch_cap;
};

struct walking {
	struct walk *w;
	char	*session;		/* owned */
	struct part_shared shared;
	struct tree_parts archived;
	struct tree_watch watch;	/* of the archive */
	struct day *day;		/* owned */
	size_t	 n_days, days_cap, queued;
	struct queue queue;
	struct fold fold;
	struct gathered record;
	char	*failed;		/* owned; what an error is about; NULL: the temporary file */
};

/* Days */

/* The day that is so many days later, or the day itself at the end of time. */
static void
shift_day(const char *day, int by, char out[TREE_DAY_SIZE])
{
	char text[WHEN_SIZE];
	int64_t ms = 0;

	(void)when_parse(day, TREE_DAY_SIZE - 1, &ms, NULL);
	when_format(ms + by * DAY_MS, text);
	memcpy(out, text, TREE_DAY_SIZE - 1);
	out[TREE_DAY_SIZE - 1] = '\0';
	if ((strcmp(out, day) > 0) != (by > 0))
		memcpy(out, day, TREE_DAY_SIZE);
}

static bool
in_range(const char *day, const char *from, const char *to)
{
	return (from == NULL || strcmp(day, from) >= 0) && (to == NULL || strcmp(day, to) <= 0);
}

/* Add the days of a sorted list that are in the range. */
static void
add_days(struct walking *g, const struct tree_parts *l, const char *from, const char *to)
{
	for (size_t i = 0; i < l->n; i++) {
		const char *day = l->v[i].day;

		if (!in_range(day, from, to) || (g->n_days != 0 && strcmp(g->day[g->n_days - 1].name, day) == 0))
			continue;
		g->day = mem_grow(g->day, &g->days_cap, g->n_days + 1, sizeof *g->day);
		g->day[g->n_days] = (struct day){ 0 };
		atomic_init(&g->day[g->n_days].spill.fd, -1);
		memcpy(g->day[g->n_days++].name, day, TREE_DAY_SIZE);
	}
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct day *)a)->name, ((const struct day *)b)->name);
}

static void
sort_days(struct walking *g)
{
	size_t n = 0;

	if (g->n_days != 0)
		qsort(g->day, g->n_days, sizeof *g->day, by_name);
	for (size_t i = 0; i < g->n_days; i++)
		if (n == 0 || strcmp(g->day[n - 1].name, g->day[i].name) != 0)
			g->day[n++] = g->day[i];
	g->n_days = n;
}

/* List the archive where it may have changed. */
static int
refresh_archive(struct walking *g)
{
	if (!tree_archive_changed(g->w->tree, &g->watch))
		return 0;
	tree_parts_clear(&g->archived);
	if (tree_list_archive(g->w->tree, g->w->kind, g->w->session, &g->archived) == -1) {
		g->failed = mem_dup(TREE_ARCHIVE, strlen(TREE_ARCHIVE));
		return -1;
	}
	return 0;
}

/* With fold, lines of a record may stand a day before and after; and whether that of the day before goes on is told by the one before it. */
static int
list_days(struct walking *g)
{
	const struct walk *w = g->w;
	char before[TREE_DAY_SIZE], after[TREE_DAY_SIZE];
	const char *from = w->from, *to = w->to;
	struct tree_parts live = { 0 };

	if (w->fold && from != NULL)
		shift_day(from, -2, before), from = before;
	if (w->fold && to != NULL)
		shift_day(to, 1, after), to = after;
	if (tree_list_live(w->tree, w->kind, w->session, &live) == -1) {
		g->failed = mem_dup(live.failed, strlen(live.failed));
		tree_parts_free(&live);
		return -1;
	}
	add_days(g, &live, from, to);
	tree_parts_free(&live);
	if (refresh_archive(g) == -1)	/* after the live files: what was rotated in between is in it */
		return -1;
	add_days(g, &g->archived, from, to);
	sort_days(g);
	return 0;
}

/* A day's files */

static struct part
new_part(struct walking *g, struct tree_part name, size_t order)
{
	struct part p = { .name = name, .fd = -1, .order = order };
	struct buf path = { 0 };

	p.name.session = g->session;
	tree_part_path(&p.name, &path);
	p.path = mem_dup(path.p, path.len);
	buf_free(&path);
	return p;
}

/* Where the day's parts begin in a sorted list, which may have many more. */
static size_t
first_part(const struct tree_parts *l, const char *day)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(l->v[mid].day, day) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Those in the archive; there is room for the live one behind them. */
static void
add_archived(struct walking *g, struct day *d)
{
	const struct tree_parts *l = &g->archived;
	size_t from = first_part(l, d->name), end = from;

	while (end < l->n && strcmp(l->v[end].day, d->name) == 0)
		end++;
	d->part = mem_zero(end - from + 1, sizeof *d->part);
	for (; from < end; from++, d->n++)
		d->part[d->n] = new_part(g, l->v[from], d->n);
}

/*
 * The day's files as they are at one moment.  The live file is opened, then the archive is listed: if the name still
 * means the opened file then, its lines are not in the list, and all that was rotated before is.
 */
static int
open_day(struct walking *g, struct day *d)
{
	const struct tree *t = g->w->tree;
	struct tree_part name = { .kind = g->w->kind };
	struct part live;
	bool missing = false;

	memcpy(name.day, d->name, sizeof name.day);
	live = new_part(g, name, SIZE_MAX);
	for (bool current = false; !current;) {
		live.fd = tree_open_live(t, live.path, &live.size);
		missing = live.fd == -1 && errno == ENOENT;
		if (refresh_archive(g) == -1) {
			part_free(&live, &g->shared);
			return -1;
		}
		/* One that cannot be opened is told when it is read. */
		current = (live.fd == -1 && !missing) || tree_is_current(t, live.path, live.fd);
		if (!current && live.fd != -1)
			close(live.fd);
	}
	add_archived(g, d);
	if (g->w->opened != NULL && in_range(d->name, g->w->from, g->w->to))
		g->w->opened(g->w->ctx, d->name, d->n == 0 ? "" : d->part[d->n - 1].name.stamp, live.fd, live.size);
	if (missing)
		part_free(&live, &g->shared);
	else
		d->part[d->n++] = live;
	for (size_t i = 0; i < d->n; i++)
		d->part[i].spill = &d->spill;
	return 0;
}

static void
close_day(struct walking *g, struct day *d)
{
	for (size_t i = 0; i < d->n; i++)
		part_free(&d->part[i], &g->shared);
	spill_close(&d->spill);
	free(d->part);
	free(d->lines.v);
	d->part = NULL;
	d->lines = (struct day_lines){ 0 };
	d->n = 0;
}

/* Reading side by side */

static void *
read_parts(void *arg)
{
	struct walking *g = arg;
	struct queue *q = &g->queue;

	pthread_mutex_lock(&q->mutex);
	for (;;) {
		struct part *p;

		while (q->taken == q->n && !q->closed)
			pthread_cond_wait(&q->changed, &q->mutex);
		if (q->taken == q->n)
			break;
		p = q->v[q->taken++];
		pthread_mutex_unlock(&q->mutex);
		part_read(p, &g->shared);
		pthread_mutex_lock(&q->mutex);
		p->done = true;
		pthread_cond_broadcast(&q->changed);
	}
	pthread_mutex_unlock(&q->mutex);
	return NULL;
}

/* With one job or one part, or where threads cannot be had, the caller reads (wait_for). */
static void
start_threads(struct walking *g)
{
	struct queue *q = &g->queue;

	while (g->w->jobs > 1 && q->n_threads < g->w->jobs &&
	    pthread_create(&q->thread[q->n_threads], NULL, read_parts, g) == 0)
		q->n_threads++;
}

static void
stop_threads(struct walking *g)
{
	struct queue *q = &g->queue;

	atomic_store(&g->shared.stop, true);
	pthread_mutex_lock(&q->mutex);
	q->closed = true;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->mutex);
	for (int i = 0; i < q->n_threads; i++)
		pthread_join(q->thread[i], NULL);
	pthread_mutex_destroy(&q->mutex);
	pthread_cond_destroy(&q->changed);
	free(q->thread);
	free(q->v);
}

/*
 * Open the days up to the i-th, and more while threads have nothing to do, but not many: what is read ahead of a slow reader
 * of the output is kept.  Returns 0, or -1 with errno.
 */
static int
queue_days(struct walking *g, size_t i)
{
	struct queue *q = &g->queue;
	size_t idle = (size_t)q->n_threads, last = i + (idle == 0 ? 0 : idle - 1);
	int r = 0;

	pthread_mutex_lock(&q->mutex);
	while (r == 0 && g->queued < g->n_days && g->queued <= last && (g->queued <= i || q->n - q->taken < idle)) {
		struct day *d = &g->day[g->queued++];

		r = open_day(g, d);
		q->v = mem_grow(q->v, &q->cap, q->n + d->n, sizeof *q->v);
		for (size_t k = 0; k < d->n; k++)
			q->v[q->n++] = &d->part[k];
	}
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->mutex);
	if (q->n_threads == 0 && q->n > 1)
		start_threads(g);
	return r;
}

static void
wait_for(struct walking *g, struct part *p)
{
	struct queue *q = &g->queue;

	if (q->n_threads == 0) {
		q->taken++;	/* it is the next; threads that can be had later are not to read it again */
		part_read(p, &g->shared);
		return;
	}
	pthread_mutex_lock(&q->mutex);
	while (!p->done)
		pthread_cond_wait(&q->changed, &q->mutex);
	pthread_mutex_unlock(&q->mutex);
}

/* The order of time; lines of the same moment in the order in which they were written. */
static int
by_time(const void *va, const void *vb)
{
	const struct entry *a = *(const struct entry *const *)va, *b = *(const struct entry *const *)vb;
	int day;

	if (a->line.us != b->line.us)
		return a->line.us < b->line.us ? -1 : 1;
	if ((day = strcmp(a->part->name.day, b->part->name.day)) != 0)
		return day;
	if (a->part->order != b->part->order)
		return a->part->order < b->part->order ? -1 : 1;
	return (a > b) - (a < b);
}

static void
sort_lines(struct day *d)
{
	struct day_lines *l = &d->lines;
	size_t n = 0;
	bool sorted = true;

	for (size_t i = 0; i < d->n; i++)
		n += d->part[i].n;
	l->v = mem_zero(n + 1, sizeof *l->v);
	for (size_t i = 0; i < d->n; i++)
		for (size_t k = 0; k < d->part[i].n; k++) {
			struct entry *e = &d->part[i].v[k];

			sorted &= l->n == 0 || l->v[l->n - 1]->line.us <= e->line.us;
			l->v[l->n++] = e;
		}
	if (!sorted)
		qsort(l->v, l->n, sizeof *l->v, by_time);
}

/* Returns new (free). */
static char *
full_path(const struct walking *g, const char *path)
{
	struct buf b = { 0 };
	char *full;

	buf_addf(&b, "%s/%s", g->w->tree->path, path);
	full = mem_dup(b.p, b.len);
	buf_free(&b);
	return full;
}

static void
tell_bad(struct walking *g, const struct part *p)
{
	struct walk *w = g->w;
	char *path = full_path(g, p->path);

	for (size_t i = 0; i < p->n_bad; i++)
		w->bad(w->ctx, path, p->bad[i].line, p->bad[i].column, p->bad[i].reason);
	free(path);
	w->unreadable += p->unreadable;
	w->lines += p->lines;
	w->bytes += p->bytes;
}

/* Have the i-th day read and sorted.  Returns 0, or -1 with errno. */
static int
ready_day(struct walking *g, size_t i)
{
	struct day *d = &g->day[i];

	if (d->lines.v != NULL)
		return 0;
	if (queue_days(g, i) == -1)
		return -1;
	for (size_t k = 0; k < d->n; k++) {
		wait_for(g, &d->part[k]);
		/* Of a day beside the range, the walk of that day tells. */
		if (in_range(d->name, g->w->from, g->w->to))
			tell_bad(g, &d->part[k]);
		if (d->part[k].error != 0) {
			errno = d->part[k].error;	/* it is about the temporary file */
			return -1;
		}
	}
	sort_lines(d);
	return 0;
}

/* Records */

static void
gather(struct gathered *r, struct entry *e)
{
	r->n = 0;
	for (; e != NULL; e = e->next) {
		r->entry = mem_grow(r->entry, &r->entry_cap, r->n + 1, sizeof *r->entry);
		r->entry[r->n++] = e;
	}
	if (r->n > 1)
		qsort(r->entry, r->n, sizeof *r->entry, by_time);
	r->line = mem_grow(r->line, &r->line_cap, r->n, sizeof *r->line);
	for (size_t i = 0; i < r->n; i++)
		r->line[i] = &r->entry[i]->line;
}

static int
gather_texts(struct gathered *r)
{
	size_t had = r->scratch_cap;

	r->text = mem_grow(r->text, &r->text_cap, r->n, sizeof *r->text);
	r->scratch = mem_grow(r->scratch, &r->scratch_cap, r->n, sizeof *r->scratch);
	memset(r->scratch + had, 0, (r->scratch_cap - had) * sizeof *r->scratch);
	for (size_t i = 0; i < r->n; i++) {
		const char *p = part_text(r->entry[i], &r->scratch[i]);

		if (p == NULL)
			return -1;
		r->text[i] = (struct span){ p, r->entry[i]->len };
	}
	return 0;
}

static void
free_gathered(struct gathered *r)
{
	for (size_t i = 0; i < r->scratch_cap; i++)
		buf_free(&r->scratch[i]);
	free(r->scratch);
	free(r->text);
	free(r->line);
	free(r->entry);
}

/* Returns 0, 1 when that was enough, or -1 with errno. */
static int
give_records(struct walking *g, const struct day *d)
{
	struct gathered *r = &g->record;

	for (size_t i = 0; i < d->lines.n; i++) {
		struct entry *e = d->lines.v[i];
		struct walk_record rec = { .day = d->name };

		if (e->joined)
			continue;
		if (sig_caught() != 0) {
			errno = EINTR;
			return -1;
		}
		gather(r, e);
		if (g->w->texts && gather_texts(r) == -1)
			return -1;
		rec.line = r->line;
		rec.text = g->w->texts ? r->text : NULL;
		rec.n = r->n;
		rec.stays = g->w->texts && e->whole && r->text[0].p != r->scratch[0].p;
		if (!g->w->record(g->w->ctx, &rec))
			return 1;
	}
	return 0;
}

/* Give out the day's records.  Returns as above. */
static int
give_day(struct walking *g, const struct day *d)
{
	int r = give_records(g, d), saved = errno;

	if (g->w->released != NULL)
		g->w->released(g->w->ctx);
	errno = saved;
	return r;
}

/* Join the lines of the i-th day and the following one. */
static int
fold_day(struct walking *g, size_t i)
{
	static const struct day_lines none;
	struct day *d = &g->day[i];
	char tomorrow[TREE_DAY_SIZE];

	if (!d->folded)
		fold_next(&g->fold, &none, &d->lines);
	shift_day(d->name, 1, tomorrow);
	if (i + 1 == g->n_days || strcmp(d[1].name, tomorrow) != 0)
		return 0;
	if (ready_day(g, i + 1) == -1)
		return -1;
	fold_next(&g->fold, &d->lines, &d[1].lines);
	d[1].folded = true;
	return 0;
}

static int
walk_days(struct walking *g)
{
	int r = list_days(g);

	if (g->n_days > 1)
		start_threads(g);
	for (size_t i = 0; r == 0 && i < g->n_days; i++) {
		struct day *d = &g->day[i];

		r = ready_day(g, i);
		if (r == 0 && g->w->fold)
			r = fold_day(g, i);
		if (r == 0 && in_range(d->name, g->w->from, g->w->to))
			r = give_day(g, d);
		if (r == 0)
			close_day(g, d);
	}
	g->w->ended = r == 1;
	return r == -1 ? -1 : 0;
}

int
walk_run(struct walk *w, char **path)
{
	struct walking g = { .w = w };
	int r, saved;

	g.shared.walk = w;
	g.shared.seed = keyseed_random();
	if (w->session != NULL)
		g.session = mem_dup(w->session, strlen(w->session));
	pthread_mutex_init(&g.queue.mutex, NULL);
	pthread_cond_init(&g.queue.changed, NULL);
	g.queue.thread = mem_zero((size_t)w->jobs, sizeof *g.queue.thread);
	r = walk_days(&g);
	saved = errno;
	*path = NULL;
	if (r == -1)
		*path = g.failed != NULL ? full_path(&g, g.failed) : mem_dup(file_temp_dir(), strlen(file_temp_dir()));
	stop_threads(&g);
	for (size_t i = 0; i < g.n_days; i++)
		close_day(&g, &g.day[i]);
	free(g.day);
	tree_parts_free(&g.archived);
	fold_free(&g.fold);
	free_gathered(&g.record);
	free(g.session);
	free(g.failed);
	errno = saved;
	return r;
}
