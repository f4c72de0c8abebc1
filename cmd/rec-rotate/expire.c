/* expire.c - what is too old goes; a file's age is the day in its name */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/msg.h"
#include "base/sig.h"
#include "rotate.h"

#define GUARD_S		86400		/* what was written to that recently is kept */

static int64_t
limit(const struct run *r, const struct tree_part *p)
{
	if (p->archived)
		return r->archive_days == 0 ? INT64_MAX : r->archive_days;
	return p->kind == TREE_ERRORS ? r->error_days : r->session_days;
}

/* A live file to look at; with a lock, unless nothing will be changed, so that no writer is in the middle. */
static int
open_part(const struct run *r, const struct tree_part *p, const char *path)
{
	bool created;

	if (p->archived || r->dry_run)
		return tree_open_file(&r->tree, path);
	return tree_lock_live(&r->tree, path, false, &created);
}

/* What is larger than --max-size belongs into the archive, not away: it is here only where that failed. */
static bool
is_kept(const struct run *r, const struct tree_part *p, const char *path, const struct stat *st)
{
	if (p->archived)
		return false;
	if (st->st_size > r->max_size)
		return true;
	if (r->force || time(NULL) - st->st_mtime >= GUARD_S)
		return false;
	verbose("%s: kept: written to within the last 24 hours (--force)", path);
	return true;
}

/* Returns 0, or -1 with errno. */
static int
remove_file(const struct run *r, const char *path)
{
	const char *name;
	int dir = run_open_folder(r, path, &name), n, saved;

	if (dir == -1)
		return -1;
	n = unlinkat(dir, name, 0);
	saved = errno;
	close(dir);
	errno = saved;
	return n;
}

static void
expire(struct run *r, const struct tree_part *p, int64_t age)
{
	struct buf path = { 0 };
	struct stat st;
	bool done = false;
	int fd;

	tree_part_path(p, &path);
	fd = open_part(r, p, buf_str(&path));
	if (fd == -1 || fstat(fd, &st) == -1) {
		if (errno != EINTR && !run_is_none(errno))
			run_failed(r, path.p, strerror(errno));
	} else if (!is_kept(r, p, path.p, &st)) {
		done = r->dry_run || remove_file(r, path.p) == 0;
		if (!done)
			run_failed(r, path.p, strerror(errno));
	}
	if (fd != -1)
		close(fd);	/* before we may have to wait for who reads stdout */
	if (done) {
		r->expired++;
		TELL(r, .what = "expire", .path = path.p, .bytes = st.st_size, .day = p->day, .age_days = age);
	}
	buf_free(&path);
}

static void
expire_parts(struct run *r, const struct tree_parts *l)
{
	for (size_t i = 0; i < l->n && sig_caught() == 0; i++) {
		int64_t age = run_age(l->v[i].day);

		if (age > limit(r, &l->v[i]))
			expire(r, &l->v[i], age);
	}
}

/* rmdir(2) removes what is empty and nothing else.  A writer whose new folder goes makes it again. */
static void
remove_if_empty(void *ctx, int dir, const char *name)
{
	struct run *r = ctx;
	struct buf path = { 0 };

	if (strncmp(name, "session_", 8) != 0 || unlinkat(dir, name, AT_REMOVEDIR) == 0 || run_is_none(errno) ||
	    errno == ENOTEMPTY || errno == EEXIST)
		return;
	buf_addf(&path, "by_session/%s", name);
	run_failed(r, buf_str(&path), strerror(errno));
	buf_free(&path);
}

void
expire_all(struct run *r)
{
	static const enum tree_kind kinds[] = { TREE_BY_DATE, TREE_BY_SESSION, TREE_ERRORS };
	struct tree_parts l = { 0 };

	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		if (tree_list_live(&r->tree, kinds[k], NULL, &l) == -1)
			run_failed(r, l.failed, strerror(errno));
		expire_parts(r, &l);
		tree_parts_clear(&l);
	}
	run_list_archive(r, &l);
	expire_parts(r, &l);
	tree_parts_free(&l);
	if (!r->dry_run && sig_caught() == 0 && tree_each(&r->tree, "by_session", remove_if_empty, r) == -1 && !run_is_none(errno))
		run_failed(r, "by_session", strerror(errno));
}
