/* The recorder's tree over HTTP: the figures of rec-stat, the records of rec-cat, and what rec-rotate would remove. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "json/str.h"
#include "recorder/expire.h"
#include "recorder/health.h"
#include "recorder/merge.h"
#include "recorder/newest.h"
#include "recorder/stats.h"
#include "recorder/tree.h"
#include "recorder/walk.h"
#include "trace-serve/serve.h"

#define READING		2			/* requests that read a tree at a time: each may need much memory */
#define WAITING		16
#define MOST_ANSWER	((size_t)256 << 20)	/* bytes of records */
#define LATEST		50
#define MOST_LATEST	1000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static int reading, waiting;

/* ---- one after another ---- */

/* False: too many are waiting, which was answered. */
static bool
enter(struct call *c)
{
	bool ok;

	pthread_mutex_lock(&lock);
	ok = reading < READING || waiting < WAITING;
	if (ok) {
		waiting++;
		while (reading >= READING)
			pthread_cond_wait(&left, &lock);
		waiting--;
		reading++;
	}
	pthread_mutex_unlock(&lock);
	if (ok)
		return true;
	answer_busy(c);
	return false;
}

static void
leave(void)
{
	pthread_mutex_lock(&lock);
	reading--;
	pthread_cond_signal(&left);
	pthread_mutex_unlock(&lock);
}

/* ---- the tree ---- */

enum found { FOUND, EMPTY, ANSWERED };

static bool
is_served(struct call *c)
{
	if (c->app->records != NULL)
		return true;
	answer_fail(c, 404, "No recorder's tree is served: start trace-serve with --records DIR");
	return false;
}

/* A tree that is missing is an empty one: nobody has written yet.  FOUND: to be closed by close_tree. */
static enum found
open_tree(struct call *c, struct tree *t)
{
	enum found f = ANSWERED;

	if (!is_served(c) || !enter(c))
		return ANSWERED;
	if (tree_open(t, c->app->records, false) == 0)
		return FOUND;
	if (errno == ENOENT)
		f = EMPTY;
	else
		answer_fail(c, 500, "%s: %s", c->app->records, strerror(errno));
	leave();
	return f;
}

static void
close_tree(struct tree *t)
{
	tree_close(t);
	leave();
}

/* errno and path (taken) are those of a walk. */
static void
answer_error(struct call *c, char *path)
{
	if (errno == EINTR)
		answer_fail(c, 503, "The server is about to end");
	else
		answer_fail(c, 500, "%s: %s", path, strerror(errno));
	free(path);
}

static void
ignore_bad(void *ctx, const char *path, uint64_t line, size_t column, const char *reason)
{
	(void)ctx, (void)path, (void)line, (void)column, (void)reason;	/* they are counted */
}

/* ---- health and statistics ---- */

void
recorder_health_get(struct call *c)
{
	struct buf out = { 0 };
	struct health h;

	if (!is_served(c))
		return;
	health_check(&h, c->app->records, -1);
	health_json(&h, c->app->records, &out);
	out.len--;		/* its brace; what we are told is on disk when rec-write says so, and nothing waits here */
	buf_adds(&out, ",\"buffered\":0}");
	health_free(&h);
	answer_data(c, &out);
}

void
recorder_statistics_get(struct call *c)
{
	struct buf out = { 0 };
	struct tree tree;
	struct stats s = { 0 };
	struct walk w = { .tree = &tree, .jobs = 1, .bad = ignore_bad };
	enum found f = open_tree(c, &tree);
	char *path = NULL;
	int r = 0;

	if (f == ANSWERED)
		return;
	if (f == FOUND) {
		r = stats_read(&s, &w, NULL, &path);
		close_tree(&tree);
	}
	if (r == -1) {
		answer_error(c, path);
	} else {
		stats_json(&s, w.unreadable, &out);
		answer_data(c, &out);
	}
	stats_free(&s);
}

/* ---- records ---- */

struct listing {
	struct buf out, merged;
	struct newest newest;
	uint64_t n;
	bool	 too_much;
};

static void
put_text(struct listing *l, struct span text)
{
	if (l->n++ > 0)
		buf_addc(&l->out, ',');
	buf_add(&l->out, text.p, text.len);
}

static bool
put_record(void *ctx, const struct walk_record *r)
{
	struct listing *l = ctx;

	put_text(l, rec_state(r->text, r->n, &l->merged));
	l->too_much = l->out.len > MOST_ANSWER;
	return !l->too_much;
}

static bool
hold_record(void *ctx, const struct walk_record *r)
{
	struct listing *l = ctx;

	newest_hold(&l->newest, rec_state(r->text, r->n, &l->merged));
	l->too_much = l->newest.bytes > MOST_ANSWER;
	return !l->too_much;
}

/* The records are there, or (r -1) are not; path is taken, what the list owns is freed. */
static void
answer_listing(struct call *c, struct listing *l, int r, const struct walk *w, char *path)
{
	if (r == -1) {
		answer_error(c, path);
	} else if (l->too_much) {
		answer_fail(c, 413, "More than %zu MiB of records: ask for less of them, or read them with rec-cat", MOST_ANSWER >> 20);
	} else {
		buf_addf(&l->out, "],\"total\":%llu,\"unreadable_lines\":%llu}", (unsigned long long)l->n, (unsigned long long)w->unreadable);
		answer_data(c, &l->out);
	}
	buf_free(&l->out);
	buf_free(&l->merged);
	newest_free(&l->newest);
}

/* False: date is no day, which was answered. */
static bool
read_date(struct call *c, struct buf *date)
{
	if (!request_param(c->rq, "date", date) || date->len == 0 || tree_is_day(date->p, date->len))
		return true;
	answer_fail(c, 400, "date is not a day, such as 2025-12-07");
	return false;
}

static void
answer_session(struct call *c, const char *date)
{
	struct listing l = { 0 };
	struct buf folder = { 0 };
	struct tree tree;
	struct walk w = {
		.tree = &tree, .kind = TREE_BY_SESSION, .from = date, .to = date, .fold = true, .texts = true, .jobs = 1,
		.ctx = &l, .record = put_record, .bad = ignore_bad,
	};
	enum found f = open_tree(c, &tree);
	char *path = NULL;
	int r = 0;

	if (f == ANSWERED)
		return;
	tree_session_name((struct span){ c->id.p, c->id.len }, &folder);
	w.session = buf_str(&folder);
	buf_adds(&l.out, "{\"session_id\":");
	json_encode(c->id.p, c->id.len, &l.out);
	buf_adds(&l.out, ",\"interactions\":[");
	if (f == FOUND) {
		r = walk_run(&w, &path);
		close_tree(&tree);
	}
	answer_listing(c, &l, r, &w, path);
	buf_free(&folder);
}

void
recorder_session_get(struct call *c)
{
	struct buf date = { 0 };

	if (read_date(c, &date))
		answer_session(c, date.len == 0 ? NULL : buf_str(&date));
	buf_free(&date);
}

void
recorder_latest_get(struct call *c)
{
	struct listing l = { .newest = { .most = (uint64_t)call_number(c, "limit", LATEST, MOST_LATEST) } };
	struct tree tree;
	struct walk w = {
		.tree = &tree, .kind = TREE_BY_DATE, .fold = true, .texts = true, .jobs = 1,
		.ctx = &l, .record = hold_record, .bad = ignore_bad,
	};
	enum found f = open_tree(c, &tree);
	char *path = NULL;
	int r = 0;

	if (f == ANSWERED)
		return;
	buf_adds(&l.out, "{\"interactions\":[");
	if (f == FOUND) {
		r = newest_walk(&l.newest, &w, &path);
		close_tree(&tree);
	}
	for (uint64_t i = 0; r == 0 && !l.too_much && i < l.newest.n; i++)
		put_text(&l, newest_get(&l.newest, i));
	answer_listing(c, &l, r, &w, path);
}

/* ---- cleanup ---- */

struct cleanup {
	struct buf deleted, failed;	/* JSON values with commas */
	uint64_t n, bytes;
};

static void
add_deleted(void *ctx, const char *path, int64_t bytes, const char *day, int64_t age)
{
	struct cleanup *k = ctx;

	(void)day;
	buf_adds(&k->deleted, k->n++ == 0 ? "{\"path\":" : ",{\"path\":");
	json_encode(path, strlen(path), &k->deleted);
	buf_addf(&k->deleted, ",\"size\":%lld,\"age_days\":%lld}", (long long)bytes, (long long)age);
	k->bytes += (uint64_t)bytes;
}

static void
add_failed(void *ctx, const char *path, const char *why)
{
	struct cleanup *k = ctx;

	buf_adds(&k->failed, k->failed.len == 0 ? "{\"path\":" : ",{\"path\":");
	json_encode(path, strlen(path), &k->failed);
	buf_adds(&k->failed, ",\"reason\":");
	json_encode(why, strlen(why), &k->failed);
	buf_addc(&k->failed, '}');
}

/* "true", "1"; "false", "0", nothing.  False: something else, which was answered. */
static bool
read_flag(struct call *c, const char *name, bool *flag)
{
	struct buf v = { 0 };
	bool ok = true;

	*flag = false;
	if (request_param(c->rq, name, &v)) {
		const char *s = buf_str(&v);

		*flag = strcmp(s, "true") == 0 || strcmp(s, "1") == 0;
		ok = *flag || v.len == 0 || strcmp(s, "false") == 0 || strcmp(s, "0") == 0;
	}
	buf_free(&v);
	if (!ok)
		answer_fail(c, 400, "%s is neither true nor false", name);
	return ok;
}

/* The lock that rec-rotate has while it works; a dry run needs none.  Returns 0 with *fd (-1: none needed), or -1 with errno. */
static int
lock_archive(const struct tree *t, bool dry_run, int *fd)
{
	int archive, saved;

	*fd = -1;
	if (dry_run)
		return 0;
	archive = tree_open_dir(t, TREE_ARCHIVE, true);
	if (archive == -1)
		return -1;
	*fd = expire_lock(archive, false);
	saved = errno;
	close(archive);
	errno = saved;
	return *fd == -1 ? -1 : 0;
}

/* Returns 0, or -1 with errno. */
static int
clean(const struct tree *t, struct expire *e)
{
	int held;

	e->tree = t;
	if (lock_archive(t, e->dry_run, &held) == -1)
		return -1;
	expire_run(e);
	if (held != -1)
		close(held);
	return 0;
}

static void
answer_cleanup(struct call *c, const struct cleanup *k, bool dry_run)
{
	struct buf out = { 0 };

	buf_addf(&out, "{\"dry_run\":%s,\"deleted\":[", dry_run ? "true" : "false");
	buf_add(&out, k->deleted.p, k->deleted.len);
	buf_addf(&out, "],\"count\":%llu,\"bytes\":%llu,\"failed\":[", (unsigned long long)k->n, (unsigned long long)k->bytes);
	buf_add(&out, k->failed.p, k->failed.len);
	buf_adds(&out, "]}");
	answer_data(c, &out);
}

/* Removes only with force=true; what was written to recently stays even then (rec-rotate --force removes it). */
static void
run_cleanup(struct call *c, bool dry_run)
{
	struct cleanup k = { 0 };
	struct buf error = { 0 };
	struct expire e = {
		.error_days = EXPIRE_ERROR_DAYS, .dry_run = dry_run, .ctx = &k, .expired = add_deleted, .failed = add_failed,
	};
	struct tree tree;
	enum found f = ANSWERED;
	int r = 0;

	if (!expire_defaults(&e.max_size, &e.session_days, &error))
		answer_fail(c, 500, "%s", buf_str(&error));
	else
		f = open_tree(c, &tree);
	if (f == FOUND) {
		int saved;

		r = clean(&tree, &e);
		saved = errno;
		close_tree(&tree);
		errno = saved;
	}
	if (f != ANSWERED && r == -1 && errno == EWOULDBLOCK)
		answer_fail(c, 409, "rec-rotate is at work in this tree: try again later");
	else if (f != ANSWERED && r == -1)
		answer_fail(c, 500, "%s/" TREE_ARCHIVE ": %s", c->app->records, strerror(errno));
	else if (f != ANSWERED)
		answer_cleanup(c, &k, dry_run);
	buf_free(&k.deleted);
	buf_free(&k.failed);
	buf_free(&error);
}

void
recorder_cleanup(struct call *c)
{
	bool dry_run, force;

	if (read_flag(c, "dry_run", &dry_run) && read_flag(c, "force", &force))
		run_cleanup(c, dry_run || !force);
}
