/* run.c - what the steps share; see rotate.h */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/progress.h"
#include "base/std.h"
#include "base/when.h"
#include "json/str.h"
#include "rotate.h"

#define DAY_MS INT64_C(86400000)

static void
put_text(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	if (out->len > 1)
		buf_addc(out, ',');
	json_put_name(name, out);
	json_encode(text, strlen(text), out);
}

static void
put_number(struct buf *out, const char *name, int64_t n)
{
	buf_addc(out, ',');
	json_put_name(name, out);
	buf_addf(out, "%lld", (long long)n);
}

void
run_tell(const struct run *r, struct action a)
{
	struct buf out = { 0 };

	buf_addc(&out, '{');
	put_text(&out, "action", a.what);
	put_text(&out, "path", a.path);
	put_text(&out, "to", a.to);
	put_number(&out, "bytes", a.bytes);
	if (a.compressed_bytes != 0)
		put_number(&out, "compressed_bytes", a.compressed_bytes);
	put_text(&out, "day", a.day);
	if (a.age_days != 0)
		put_number(&out, "age_days", a.age_days);
	if (r->dry_run)
		buf_adds(&out, ",\"dry_run\":true");
	buf_adds(&out, "}\n");
	progress_clear();
	std_out(out.p, out.len);
	buf_free(&out);
}

void
run_failed(struct run *r, const char *path, const char *why)
{
	warn("%s/%s: %s", r->tree.path, path, why);
	r->status = worse(r->status, ST_FAILED);
}

bool
run_is_none(int error)
{
	return error == ENOENT || error == ELOOP || error == EINVAL || error == ENOTDIR || error == EISDIR || error == ENXIO;
}

int
run_open_folder(const struct run *r, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *dir = mem_dup(path, (size_t)(slash - path));
	int fd = tree_open_dir(&r->tree, dir, false), saved = errno;

	*name = slash + 1;
	free(dir);
	errno = saved;
	return fd;
}

static void
add_part(void *ctx, int dir, const char *name)
{
	struct tree_parts *out = ctx;
	struct tree_part p;

	(void)dir;
	if (!tree_parse_archived(name, &p))
		return;
	out->v = mem_grow(out->v, &out->cap, out->n + 1, sizeof *out->v);
	out->v[out->n++] = p;
}

/* Unlike tree_list_archive this sees both forms of a part; nothing is renamed meanwhile, as we hold the lock. */
void
run_list_archive(struct run *r, struct tree_parts *out)
{
	if (r->archive != -1 && tree_each(&r->tree, TREE_ARCHIVE, add_part, out) == -1)
		run_failed(r, TREE_ARCHIVE, strerror(errno));
	if (out->n != 0)
		qsort(out->v, out->n, sizeof *out->v, tree_part_order);
}

/* Days since the epoch. */
static int64_t
day_number(const char *day)
{
	int64_t ms = 0;

	when_parse(day, strlen(day), &ms, NULL);
	return ms / DAY_MS;
}

static int64_t
today(void)
{
	time_t now = time(NULL);
	struct tm tm;
	char day[TREE_DAY_SIZE + 8];

	if (localtime_r(&now, &tm) == NULL || strftime(day, sizeof day, "%Y-%m-%d", &tm) == 0)
		return 0;
	return day_number(day);
}

int64_t
run_age(const char *day)
{
	return today() - day_number(day);
}
