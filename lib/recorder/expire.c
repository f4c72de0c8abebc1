#include "recorder/expire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/opt.h"
#include "base/sig.h"
#include "base/when.h"

#define LOCK		".lock"
#define GUARD_S		86400		/* what was written to that recently is kept */

/* ---- days ---- */

int64_t
expire_age(const char *day)
{
	int64_t then = 0, now = when_now();

	(void)when_parse(day, strlen(day), &then, NULL);
	return when_day(now + when_offset(now)) - when_day(then);
}

static int64_t
limit(const struct expire *e, const struct tree_part *p)
{
	if (p->archived)
		return e->archive_days == 0 ? INT64_MAX : e->archive_days;
	return p->kind == TREE_ERRORS ? e->error_days : e->session_days;
}

/* ---- files ---- */

/* A live file to look at; with a lock, unless nothing will be changed, so that no writer is in the middle. */
static int
open_part(const struct expire *e, const struct tree_part *p, const char *path)
{
	bool created;

	if (p->archived || e->dry_run)
		return tree_open_file(e->tree, path);
	return tree_lock_live(e->tree, path, false, &created);
}

static bool
is_kept(const struct expire *e, const struct tree_part *p, const char *path, const struct stat *st)
{
	if (p->archived)
		return false;
	if (st->st_size > e->max_size)
		return true;
	if (e->force || time(NULL) - st->st_mtime >= GUARD_S)
		return false;
	if (e->kept != NULL)
		e->kept(e->ctx, path);
	return true;
}

/* Returns 0, or -1 with errno. */
static int
remove_file(const struct expire *e, const char *path)
{
	const char *name;
	int dir = tree_open_parent(e->tree, path, false, &name), n, saved;

	if (dir == -1)
		return -1;
	n = unlinkat(dir, name, 0);
	saved = errno;
	close(dir);
	errno = saved;
	return n;
}

static void
expire_part(const struct expire *e, const struct tree_part *p, int64_t age)
{
	struct buf path = { 0 };
	struct stat st;
	bool done = false;
	int fd;

	tree_part_path(p, &path);
	fd = open_part(e, p, buf_str(&path));
	if (fd == -1 || fstat(fd, &st) == -1) {
		if (errno != EINTR && !tree_is_none(errno))
			e->failed(e->ctx, path.p, strerror(errno));
	} else if (!is_kept(e, p, path.p, &st)) {
		done = e->dry_run || remove_file(e, path.p) == 0;
		if (!done)
			e->failed(e->ctx, path.p, strerror(errno));
	}
	if (fd != -1)
		close(fd);	/* before we may have to wait for who reads what we tell */
	if (done)
		e->expired(e->ctx, path.p, st.st_size, p->day, age);
	buf_free(&path);
}

static void
expire_parts(const struct expire *e, const struct tree_parts *l)
{
	for (size_t i = 0; i < l->n && sig_caught() == 0; i++) {
		int64_t age = expire_age(l->v[i].day);

		if (age > limit(e, &l->v[i]))
			expire_part(e, &l->v[i], age);
	}
}

/* rmdir(2) removes what is empty and nothing else.  A writer whose new folder goes makes it again. */
static void
remove_if_empty(void *ctx, int dir, const char *name)
{
	const struct expire *e = *(const struct expire *const *)ctx;
	struct buf path = { 0 };

	if (strncmp(name, "session_", 8) != 0 || unlinkat(dir, name, AT_REMOVEDIR) == 0 || tree_is_none(errno) ||
	    errno == ENOTEMPTY || errno == EEXIST)
		return;
	buf_addf(&path, "by_session/%s", name);
	e->failed(e->ctx, buf_str(&path), strerror(errno));
	buf_free(&path);
}

void
expire_run(const struct expire *e)
{
	static const enum tree_kind kinds[] = { TREE_BY_DATE, TREE_BY_SESSION, TREE_ERRORS };
	struct tree_parts l = { 0 };

	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		if (tree_list_live(e->tree, kinds[k], NULL, &l) == -1)
			e->failed(e->ctx, l.failed, strerror(errno));
		expire_parts(e, &l);
		tree_parts_clear(&l);
	}
	if (tree_list_forms(e->tree, &l) == -1)
		e->failed(e->ctx, TREE_ARCHIVE, strerror(errno));
	expire_parts(e, &l);
	tree_parts_free(&l);
	if (!e->dry_run && sig_caught() == 0 && tree_each(e->tree, "by_session", remove_if_empty, &e) == -1 && !tree_is_none(errno))
		e->failed(e->ctx, "by_session", strerror(errno));
}

int
expire_lock(int archive, bool wait)
{
	int fd = openat(archive, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, TREE_FILE_MODE), saved;

	while (fd != -1 && flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) == -1) {
		if (errno == EINTR && sig_caught() == 0)
			continue;
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* ---- settings ---- */

/* A number from the environment, with a unit where it is a size. */
static bool
env_number(const char *name, bool size, int64_t max, int64_t otherwise, int64_t *value, struct buf *error)
{
	char *text;
	bool ok;

	if (*value != 0)
		return true;
	*value = otherwise;
	if ((text = env_get((const char *const[]){ name, NULL })) == NULL)
		return true;
	ok = opt_parse_number(text, size, value) && *value >= 1 && *value <= max;
	if (!ok)
		buf_addf(error, "%s: '%s' is not a %s", name, text, size ? "size (such as 104857600, 100M)" : "number of days, 1 or more");
	free(text);
	return ok;
}

bool
expire_defaults(int64_t *max_size, int64_t *session_days, struct buf *error)
{
	return env_number("LLM_RECORDS_MAX_FILE_SIZE", true, EXPIRE_MOST_SIZE, 100 << 20, max_size, error) &&
	    env_number("LLM_RECORDS_RETENTION_DAYS", false, EXPIRE_MOST_DAYS, 90, session_days, error);
}
