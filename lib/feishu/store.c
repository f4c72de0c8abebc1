#include "feishu/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/when.h"
#include "crypt/key.h"
#include "json/scan.h"
#include "json/str.h"

#define STORE_MAX	(1u << 20)	/* tokens are a few KB */
#define STORE_RESERVE	(16u << 10)	/* room made on the disk beforehand */
#define STORE_VERSION	"1"

void
login_free(struct login *l)
{
	free(l->host);
	free(l->app_id);
	free(l->open_id);
	free(l->name);
	free(l->scope);
	wipe_text(l->access);
	wipe_text(l->refresh);
	free(l->lost);
	*l = (struct login){ 0 };
}

bool
login_is_token(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

/* ---- as text ---- */

/* A string member into *text (NULL where it is missing or null).  False: it is something else, or has a NUL in it. */
static bool
get_text(struct span object, const char *name, char **text)
{
	struct buf b = { 0 };
	struct span v;
	bool ok;

	if (!json_member(object, name, strlen(name), &v) || json_is_null(v))
		return true;
	if (!json_is_string(v))
		return false;
	json_decode(json_inside(v), &b);
	ok = b.len == 0 || memchr(b.p, '\0', b.len) == NULL;
	if (ok)
		*text = mem_dup(b.p == NULL ? "" : b.p, b.len);
	wipe_buf(&b);
	return ok;
}

static bool
get_token(struct span object, const char *name, char **token)
{
	return get_text(object, name, token) && (*token == NULL || login_is_token(*token));
}

static bool
get_time(struct span object, const char *name, int64_t *ms)
{
	struct span v;

	if (!json_member(object, name, strlen(name), &v) || json_is_null(v))
		return true;
	return json_is_string(v) && when_parse(v.p + 1, v.len - 2, ms, NULL);
}

static const char *
parse(struct span object, struct login *l)
{
	struct span version;

	if (!JSON_MEMBER(object, "version", &version))
		return "it is no token store";
	if (version.len != 1 || version.p[0] != STORE_VERSION[0])
		return "it is of another version";
	if (!get_text(object, "host", &l->host) || !get_text(object, "app_id", &l->app_id) || !get_text(object, "open_id", &l->open_id) ||
	    !get_text(object, "name", &l->name) || !get_text(object, "scope", &l->scope) || !get_text(object, "lost", &l->lost) ||
	    !get_token(object, "access_token", &l->access) || !get_token(object, "refresh_token", &l->refresh) ||
	    !get_time(object, "obtained", &l->obtained) || !get_time(object, "access_expires", &l->access_expires) ||
	    !get_time(object, "refresh_expires", &l->refresh_expires) || !get_time(object, "refresh_sent", &l->refresh_sent))
		return "a member is not what it should be";
	if (l->host == NULL || l->app_id == NULL)
		return "it does not say for which host and app";
	return NULL;
}

const char *
login_parse(struct buf *b, struct login *l)
{
	struct scan s = { 0 };
	const char *why = "it is no JSON object";

	*l = (struct login){ 0 };
	if (json_scan_answer(b, &s))
		why = parse((struct span){ b->p, b->len }, l);
	scan_free(&s);
	if (why != NULL)
		login_free(l);
	return why;
}

static void
put_text(const char *name, const char *text, struct buf *out)
{
	if (text == NULL)
		return;
	buf_adds(out, ",\n  ");
	json_put_name(name, out);
	json_encode(text, strlen(text), out);
}

static void
put_time(const char *name, int64_t ms, struct buf *out)
{
	char text[WHEN_SIZE];

	if (ms != 0)
		put_text(name, when_format(ms, text), out);
}

void
login_put(const struct login *l, struct buf *out)
{
	buf_adds(out, "{\"version\":" STORE_VERSION);
	put_text("host", l->host, out);
	put_text("app_id", l->app_id, out);
	put_text("open_id", l->open_id, out);
	put_text("name", l->name, out);
	put_text("scope", l->scope, out);
	put_time("obtained", l->obtained, out);
	put_text("access_token", l->access, out);
	put_time("access_expires", l->access_expires, out);
	put_text("refresh_token", l->refresh, out);
	put_time("refresh_expires", l->refresh_expires, out);
	put_time("refresh_sent", l->refresh_sent, out);
	put_text("lost", l->lost, out);
	buf_adds(out, "}\n");
}

/* ---- the file ---- */

char *
store_path(const char *path)
{
	static const char *const store[] = { "FEISHU_TOKEN_STORE", NULL };
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	struct buf b = { 0 };
	char *named;

	if (path != NULL)
		return mem_dup(path, strlen(path));
	if ((named = env_get(store)) != NULL)
		return named;
	if (state != NULL && *state == '/')	/* a relative one is to be ignored, says the XDG specification */
		buf_addf(&b, "%s/llmutils/feishu.json", state);
	else if (home != NULL && *home != '\0')
		buf_addf(&b, "%s/.local/state/llmutils/feishu.json", home);
	else
		return NULL;
	(void)buf_str(&b);
	return b.p;
}

/* Why this file is not to be trusted; NULL: it is. */
static const char *
distrust(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_uid != geteuid())
		return "it belongs to another user";
	if ((st->st_mode & 077) != 0)
		return "others can read it (chmod 600), and may have: better log in again";
	if (st->st_size > STORE_MAX)
		return "it is too large for a token store";
	return NULL;
}

static int
read_all(int fd, struct buf *b)
{
	ssize_t n = 1;

	while (n > 0) {
		char *to = buf_reserve(b, 4096);

		if (to == NULL) {
			errno = EFBIG;
			return -1;
		}
		if ((n = io_read_file(fd, to, 4096)) > 0)
			b->len += (size_t)n;
	}
	return (int)n;
}

enum store_result
store_read(const char *path, struct login *l, struct buf *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);	/* a fifo must not hold us up */
	struct buf b = { .max = 2 * STORE_MAX };
	const char *why = NULL;
	struct stat st;

	*l = (struct login){ 0 };
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return STORE_NONE;
	/* A home that we may not enter, as after a change of user, is not ours, and nor is a login there. */
	if (fd == -1 && errno == EACCES && access(path, F_OK) == -1)
		return STORE_NONE;
	if (fd == -1 || fstat(fd, &st) == -1)
		why = strerror(errno);
	else if ((why = distrust(&st)) == NULL && read_all(fd, &b) == -1)
		why = strerror(errno);
	else if (why == NULL)
		why = login_parse(&b, l);
	if (why != NULL)
		buf_addf(error, "%s: %s", path, why);
	if (fd != -1)
		close(fd);
	wipe_buf(&b);
	return why == NULL ? STORE_OK : STORE_BAD;
}

/* The directories on the way to path, for their owner only. */
static int
make_dirs(const char *path)
{
	char *copy = mem_dup(path, strlen(path));
	int r = 0;

	for (char *p = copy + 1; r == 0 && *copy != '\0' && (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(copy, 0700) == -1 && errno != EEXIST && errno != EISDIR && access(copy, F_OK) == -1)
			r = -1;
		*p = '/';
	}
	free(copy);
	return r;
}

int
store_lock(const char *path)
{
	struct buf name = { 0 };
	char *real;
	int fd, saved;

	if (make_dirs(path) == -1)
		return -1;
	real = realpath(path, NULL);		/* one lock for one store, by whatever links it is named */
	buf_addf(&name, "%s.lock", real != NULL ? real : path);
	free(real);
	fd = file_lock(buf_str(&name), 0600, true);
	saved = errno;
	buf_free(&name);
	errno = saved;
	return fd;
}

/* The files that killed processes have left beside path while they replaced it; they hold tokens. */
static void
remove_remains(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash == NULL ? path : slash + 1;
	char *dir = slash == NULL ? mem_dup(".", 1) : mem_dup(path, (size_t)(slash + 1 - path));
	size_t len = strlen(base);
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] == '.' && strncmp(e->d_name + 1, base, len) == 0 && e->d_name[1 + len] == '.' &&
		    strlen(e->d_name) == len + sizeof ".." "XXXXXX" - 1)
			unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	free(dir);
}

int
store_begin(struct newfile *n, const char *path)
{
	char *real = realpath(path, NULL);

	remove_remains(real != NULL ? real : path);
	free(real);
	if (newfile_begin(n, path, 0600) == -1)
		return -1;
	/* The mode is not that of the old file, which may have been wrong.  Not every file system can reserve room. */
	if (fchmod(n->fd, 0600) == -1 || ((errno = posix_fallocate(n->fd, 0, STORE_RESERVE)) != 0 && errno == ENOSPC)) {
		newfile_abort(n);
		return -1;
	}
	return 0;
}

int
store_commit(struct newfile *n, const struct login *l)
{
	struct buf b = { 0 };
	int r = -1;

	login_put(l, &b);
	if (io_write(n->fd, b.p, b.len) == -1 || ftruncate(n->fd, (off_t)b.len) == -1)
		newfile_abort(n);
	else
		r = newfile_commit(n, false);
	wipe_buf(&b);
	return r;
}

int
store_save(const char *path, const struct login *l)
{
	struct newfile n;

	return store_begin(&n, path) == -1 ? -1 : store_commit(&n, l);
}

int
store_remove(const char *path)
{
	char *real = realpath(path, NULL);
	int r = 0;

	remove_remains(real != NULL ? real : path);
	if (real != NULL && unlink(real) == -1 && errno != ENOENT)
		r = -1;
	if (r == 0 && unlink(path) == -1 && errno != ENOENT)	/* a symbolic link, by now */
		r = -1;
	free(real);
	return r;
}
