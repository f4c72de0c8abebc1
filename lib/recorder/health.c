#include "recorder/health.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/when.h"
#include "json/str.h"
#include "recorder/stats.h"

#define LOW_SPACE	(UINT64_C(100) << 20)	/* free bytes below which the tree is unhealthy */
#define SOME_SPACE	(UINT64_C(10) << 30)	/* ... and degraded, when it is also less than a tenth */
#define DAY_MS		INT64_C(86400000)

const char *const health_names[] = { [HEALTHY] = "healthy", [DEGRADED] = "degraded", [UNHEALTHY] = "unhealthy" };

struct look {
	struct health *h;
	struct tree tree;
	int64_t	 newest;	/* when the last record was written, in ms since 1970; negative: never */
	uint64_t leftovers;
};

static void add_problem(struct look *l, enum health_state state, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
add_problem(struct look *l, enum health_state state, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_add(&l->h->problems, text, strlen(text) + 1);
	if (state > l->h->state)
		l->h->state = state;
}

/* As a writer would, but a file without a name leaves nothing behind.  Returns 0, or -1 with errno. */
static int
try_write(int dir)
{
	int fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, TREE_FILE_MODE);

	if (fd != -1)
		return close(fd);
	/* Not all file systems can do that. */
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return -1;
	return faccessat(dir, ".", W_OK | X_OK, AT_EACCESS);
}

/* Takes fd; -1: it could not be opened (errno). */
static void
check_folder(struct look *l, const char *name, int fd)
{
	if (fd == -1 || try_write(fd) == -1) {
		add_problem(l, UNHEALTHY, "%s cannot be written: %s", name, strerror(errno));
		l->h->writable = false;
	}
	if (fd != -1)
		close(fd);
}

static void
check_folders(struct look *l)
{
	l->h->writable = true;
	check_folder(l, "the tree", fcntl(l->tree.fd, F_DUPFD_CLOEXEC, 0));
	for (int i = 0; i < STATS_FOLDERS; i++) {
		int fd = tree_open_dir(&l->tree, stats_folder[i], false);

		if (fd != -1 || errno != ENOENT)
			check_folder(l, stats_folder[i], fd);
	}
}

static void
check_space(struct look *l)
{
	struct statvfs v;

	if (fstatvfs(l->tree.fd, &v) == -1) {
		add_problem(l, UNHEALTHY, "the free disk space is not known: %s", strerror(errno));
		return;
	}
	l->h->space_known = true;
	l->h->available = (uint64_t)v.f_bavail * v.f_frsize;
	l->h->space = (uint64_t)v.f_blocks * v.f_frsize;
	if (l->h->available < LOW_SPACE)
		add_problem(l, UNHEALTHY, "less than 100 MiB of disk space are free");
	else if (l->h->available < l->h->space / 10 && l->h->available < SOME_SPACE)
		add_problem(l, DEGRADED, "less than a tenth of the disk space is free");
}

static int64_t
modified_ms(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

static void
take_newest(void *ctx, int dir, const char *name)
{
	struct look *l = ctx;
	struct stat st;

	if (*name != '.' && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && modified_ms(&st) > l->newest)
		l->newest = modified_ms(&st);
}

/* Right after a rotation the files of the day are gone; then real_time/latest.json tells when the last record came. */
static void
check_age(struct look *l, int64_t max_age)
{
	int64_t age;

	if (tree_each(&l->tree, stats_folder[STATS_BY_DATE], take_newest, l) == -1 ||
	    tree_each(&l->tree, stats_folder[STATS_REAL_TIME], take_newest, l) == -1)
		return;		/* told by check_folders */
	if (l->newest >= 0) {
		age = when_now() - l->newest;
		l->h->age = age < 0 ? 0 : age;
	}
	if (max_age < 0)
		return;
	if (l->newest < 0)
		add_problem(l, DEGRADED, "there are no records");
	else if (l->h->age > max_age)
		add_problem(l, DEGRADED, "the last record is older than it may be");
}

/* The stamp in its name tells when a file was rotated; its own time is that of its last record. */
static bool
rotated_before(const char *stamp, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	char text[TREE_STAMP_SIZE];
	struct tm tm;

	return gmtime_r(&t, &tm) != NULL && strftime(text, sizeof text, "%Y%m%dT%H%M%S", &tm) != 0 && strcmp(stamp, text) < 0;
}

/* A part that waits for its compression, or what a killed compression has left. */
static void
count_leftover(void *ctx, int dir, const char *name)
{
	struct look *l = ctx;
	int64_t yesterday = when_now() - DAY_MS;
	size_t len = strlen(name);
	struct tree_part part;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode))
		return;
	if (tree_parse_archived(name, &part)) {
		l->leftovers += !part.gz && rotated_before(part.stamp, yesterday);
		free(part.session);
	} else if (len > 4 && strcmp(name + len - 4, ".tmp") == 0) {
		l->leftovers += modified_ms(&st) < yesterday;
	}
}

static void
check_archive(struct look *l)
{
	if (tree_each(&l->tree, TREE_ARCHIVE, count_leftover, l) == 0 && l->leftovers != 0)
		add_problem(l, DEGRADED, "archive: files that have been waiting for rec-rotate for more than a day: %llu",
		    (unsigned long long)l->leftovers);
}

void
health_check(struct health *h, const char *path, int64_t max_age)
{
	struct look l = { .h = h, .newest = -1 };

	*h = (struct health){ .age = -1 };
	if (tree_open(&l.tree, path, false) == -1) {
		add_problem(&l, UNHEALTHY, "the tree cannot be opened: %s", strerror(errno));
		return;
	}
	check_folders(&l);
	check_space(&l);
	check_age(&l, max_age);
	check_archive(&l);
	tree_close(&l.tree);
}

void
health_free(struct health *h)
{
	buf_free(&h->problems);
}

void
health_json(const struct health *h, const char *base, struct buf *out)
{
	buf_addf(out, "{\"status\":\"%s\",\"base_dir\":", health_names[h->state]);
	json_encode(base, strlen(base), out);
	if (h->space_known)
		buf_addf(out, ",\"disk_space_available\":%llu,\"disk_space_total\":%llu", (unsigned long long)h->available,
		    (unsigned long long)h->space);
	else
		buf_adds(out, ",\"disk_space_available\":null,\"disk_space_total\":null");
	buf_addf(out, ",\"write_permissions\":%s,\"last_record_age_seconds\":", h->writable ? "true" : "false");
	if (h->age < 0)
		buf_adds(out, "null");
	else
		buf_addf(out, "%lld", (long long)(h->age / 1000));
	buf_adds(out, ",\"problems\":[");
	for (size_t i = 0; i < h->problems.len; i += strlen(h->problems.p + i) + 1) {
		if (i != 0)
			buf_addc(out, ',');
		json_encode(h->problems.p + i, strlen(h->problems.p + i), out);
	}
	buf_adds(out, "]}");
}
