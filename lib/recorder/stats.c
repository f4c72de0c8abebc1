#include "recorder/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

const char *const stats_folder[STATS_FOLDERS] = {
	[STATS_BY_SESSION] = "by_session", [STATS_BY_DATE] = "by_date", [STATS_ERRORS] = "errors",
	[STATS_REAL_TIME] = "real_time", [STATS_ARCHIVE] = TREE_ARCHIVE,
};

const int stats_percents[STATS_PERCENTS] = { 50, 90, 99 };

struct counting {
	struct stats *s;
	struct walk *w;
	void	(*step)(void *ctx, uint64_t records);
};

static void
add_session(struct stats *s, uint64_t session)
{
	if (session == 0 || session == s->session)
		return;
	s->session = session;
	keyset_add(&s->sessions, (struct fingerprint){ session, 1 });
}

static void
add_day(struct stats *s, const char *day)
{
	if (*day == '\0')
		return;
	if (s->first[0] == '\0' || strcmp(day, s->first) < 0)
		memcpy(s->first, day, TREE_DAY_SIZE);
	if (strcmp(day, s->last) > 0)
		memcpy(s->last, day, TREE_DAY_SIZE);
}

static void
add_time(struct stats *s, float ms)
{
	if (!isfinite(ms))
		return;
	s->ms = mem_grow(s->ms, &s->ms_cap, s->n_ms + 1, sizeof *s->ms);
	s->ms[s->n_ms++] = ms;
}

/* A later stage wins, of one stage the later line; what a line does not say erases nothing. */
static bool
count_record(void *ctx, const struct walk_record *r)
{
	struct counting *c = ctx;
	struct stats *s = c->s;
	const struct walk_line *outcome = NULL, *timed = NULL;
	bool ended = false, error = false;

	for (size_t i = 0; i < r->n; i++) {
		const struct walk_line *l = r->line[i];

		ended |= l->stage != STAGE_STARTED;
		error |= l->error;
		if ((l->success || l->failed) && (outcome == NULL || l->stage >= outcome->stage))
			outcome = l;
		if (l->response_ms >= 0 && (timed == NULL || l->stage >= timed->stage))
			timed = l;
		add_session(s, l->session);
	}
	if (error)
		s->failed++;
	else if (!ended)
		s->interrupted++;
	else if (outcome != NULL && outcome->success)
		s->successful++;
	else
		s->failed++;
	if (timed != NULL)
		add_time(s, timed->response_ms);
	add_day(s, r->day);
	s->total++;
	if (c->step != NULL)
		c->step(c->w->ctx, s->total);
	return true;
}

/* walk.h passes one context to all its calls; the caller's bad gets its own. */
static void
tell_bad(void *ctx, const char *path, uint64_t line, size_t column, const char *reason)
{
	struct counting *c = ctx;

	c->w->bad(c->w->ctx, path, line, column, reason);
}

/* Storage */

static void
add_file(void *ctx, int dir, const char *name)
{
	struct stats_storage *s = ctx;
	struct stat st;

	/* Locks and what is being written have names that begin with a dot; what is gone by now was rotated. */
	if (*name == '.' || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode))
		return;
	s->count++;
	s->size += (uint64_t)st.st_size;
}

struct nest {
	const struct tree *tree;
	struct stats_storage *storage;
	struct buf path;	/* of the folder at hand, which is the last one when it fails */
	int	 error;		/* errno */
};

static void
add_folder(void *ctx, int dir, const char *name)
{
	struct nest *n = ctx;

	(void)dir;
	if (n->error != 0)
		return;
	buf_clear(&n->path);
	buf_addf(&n->path, "%s/%s", stats_folder[STATS_BY_SESSION], name);
	/* A file or a link is no session. */
	if (tree_each(n->tree, buf_str(&n->path), add_file, n->storage) == -1 && errno != ENOTDIR && errno != ELOOP)
		n->error = errno;
}

static int
measure(struct stats *s, const struct tree *t, char **path)
{
	int r = 0;

	for (int i = 0; r == 0 && i < STATS_FOLDERS; i++) {
		struct nest n = { .tree = t, .storage = &s->storage[i] };
		bool nested = i == STATS_BY_SESSION;
		struct buf b = { 0 };

		r = tree_each(t, stats_folder[i], nested ? add_folder : add_file, nested ? (void *)&n : n.storage);
		if (r == 0 && n.error != 0) {
			r = -1;
			errno = n.error;
		}
		if (r == -1) {
			buf_addf(&b, "%s/%s", t->path, n.error != 0 ? buf_str(&n.path) : stats_folder[i]);
			*path = mem_dup(b.p, b.len);
		}
		buf_free(&b);
		buf_free(&n.path);
	}
	return r;
}

static int
by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

int
stats_read(struct stats *s, struct walk *w, void (*step)(void *ctx, uint64_t records), char **path)
{
	struct counting c = { s, w, step };
	struct walk mine = *w;
	int r;

	*s = (struct stats){ 0 };
	keyset_init(&s->sessions, 0);
	mine.kind = TREE_BY_DATE;
	mine.fold = true;
	mine.texts = false;
	mine.measures = true;
	mine.ctx = &c;
	mine.record = count_record;
	mine.bad = tell_bad;
	r = walk_run(&mine, path);
	w->lines = mine.lines;
	w->bytes = mine.bytes;
	w->unreadable = mine.unreadable;
	if (s->n_ms != 0)
		qsort(s->ms, s->n_ms, sizeof *s->ms, by_size);
	return r == -1 ? -1 : measure(s, w->tree, path);
}

float
stats_percentile(const struct stats *s, int p)
{
	uint64_t rank = ((uint64_t)s->n_ms * (uint64_t)p + 99) / 100;

	return s->ms[rank - 1];
}

void
stats_free(struct stats *s)
{
	keyset_free(&s->sessions);
	free(s->ms);
}

/* JSON */

/* The shortest text that means this value. */
static void
put_float(float f, struct buf *out)
{
	char text[32];

	for (int digits = 6; digits <= 9; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, (double)f);
		if (strtof(text, NULL) == f)
			break;
	}
	buf_adds(out, text);
}

static void
put_times(const struct stats *s, struct buf *out)
{
	if (s->n_ms == 0) {
		buf_adds(out, "\"response_time_ms\":null,");
		return;
	}
	buf_addf(out, "\"response_time_ms\":{\"count\":%zu", s->n_ms);
	for (size_t i = 0; i < STATS_PERCENTS; i++) {
		buf_addf(out, ",\"p%d\":", stats_percents[i]);
		put_float(stats_percentile(s, stats_percents[i]), out);
	}
	buf_adds(out, "},");
}

static void
put_count(const char *name, uint64_t n, struct buf *out)
{
	buf_addf(out, "\"%s\":%llu,", name, (unsigned long long)n);
}

static void
put_day(const char *name, const char *day, struct buf *out)
{
	const char *quote = *day == '\0' ? "" : "\"";

	buf_addf(out, "\"%s\":%s%s%s,", name, quote, *day == '\0' ? "null" : day, quote);
}

void
stats_json(const struct stats *s, uint64_t unreadable, struct buf *out)
{
	buf_addc(out, '{');
	put_count("total_interactions", s->total, out);
	put_count("successful_interactions", s->successful, out);
	put_count("failed_interactions", s->failed, out);
	put_count("interrupted_interactions", s->interrupted, out);
	put_count("total_sessions", s->sessions.n, out);
	put_day("first_day", s->first, out);
	put_day("last_day", s->last, out);
	put_times(s, out);
	buf_adds(out, "\"storage_info\":{");
	for (int i = 0; i < STATS_FOLDERS; i++)
		buf_addf(out, "%s\"%s\":{\"count\":%llu,\"size\":%llu}", i == 0 ? "" : ",", stats_folder[i],
		    (unsigned long long)s->storage[i].count, (unsigned long long)s->storage[i].size);
	buf_addf(out, "},\"unreadable_lines\":%llu}", (unsigned long long)unreadable);
}
