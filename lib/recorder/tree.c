#include "recorder/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/sig.h"
#include "base/when.h"

#define DEFAULT_DIR	"logs/llm_interactions"
#define LONGEST_ID	150	/* bytes of a name; an archived one has 50 more, and 255 is the limit */
#define CUT_ID		80
#define STAMP_LEN	(TREE_STAMP_SIZE - 1)
#define DAY_LEN		(TREE_DAY_SIZE - 1)
#define SAME_TICK_US	50000	/* two changes of a directory that are this near may show the same time */
#define LOCK_PATIENCE	1000	/* ms that a reader waits for a writer to end its write */

static const char *const folder[] = {
	[TREE_BY_DATE] = "by_date", [TREE_BY_SESSION] = "by_session", [TREE_ERRORS] = "errors",
};
/* What follows the day in a file's name. */
static const char *const suffix[] = {
	[TREE_BY_DATE] = "_all_interactions", [TREE_BY_SESSION] = "", [TREE_ERRORS] = "_errors",
};

const char *
tree_path(const char *dir)
{
	static const char *env;		/* is kept for good */

	if (dir != NULL)
		return dir;
	if (env == NULL)
		env = env_get((const char *const[]){ "LLM_RECORDS_BASE_DIR", NULL });
	return env != NULL ? env : DEFAULT_DIR;
}

/* Some file systems refuse to sync a directory; there is nothing better to do on them. */
static int
sync_fd(int fd)
{
	int r;

	do
		r = fsync(fd);
	while (r == -1 && errno == EINTR);
	return r == -1 && (errno == EINVAL || errno == EROFS) ? 0 : r;
}

/* Sync the folder in which path, a new one, stands. */
static int
sync_parent(const char *path)
{
	size_t len = strlen(path);
	char *dir;
	int fd, r = 0;

	while (len > 0 && path[len - 1] != '/')
		len--;
	dir = mem_dup(len == 0 ? "." : path, len == 0 ? 1 : len);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);	/* it may be one that we may not read */
	free(dir);
	if (fd != -1) {
		r = sync_fd(fd);
		close(fd);
	}
	return r;
}

/* mkdir -p; those that are there already are none of our business. */
static int
make_dirs(const char *path)
{
	size_t len = strlen(path);
	char *copy = mem_dup(path, len);
	int r = 0;

	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	for (char *p = copy + 1; r == 0 && *copy != '\0'; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, c == '\0' ? TREE_DIR_MODE : 0777) == 0)
			r = sync_parent(copy);
		else if (errno != EEXIST)
			r = -1;
		*p = c;
		if (c == '\0')
			break;
	}
	free(copy);
	return r;
}

int
tree_open(struct tree *t, const char *path, bool create)
{
	*t = (struct tree){ .path = path, .fd = -1 };
	if (create && make_dirs(path) == -1)
		return -1;
	t->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->fd == -1 ? -1 : 0;
}

void
tree_close(struct tree *t)
{
	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
}

bool
tree_is_day(const char *s, size_t len)
{
	return len == DAY_LEN && when_parse(s, len, &(int64_t){ 0 }, NULL);
}

/* Names */

static void
add_hash(struct span id, struct buf *out)
{
	unsigned char hash[SHA256_LEN];

	sha256(id.p, id.len, hash);
	buf_adds(out, "%~");
	for (size_t i = 0; i < sizeof hash; i++)
		buf_addf(out, "%02x", hash[i]);
}

/* The end of the text that a cut to at most len bytes leaves, without half a %XX or half a character. */
static size_t
cut_name(const char *p, size_t len)
{
	for (size_t back = 1; back <= 2; back++)
		if (p[len - back] == '%')
			return len - back;
	while (len > 0 && ((unsigned char)p[len] & 0xc0) == 0x80)
		len--;
	return len;
}

void
tree_session_name(struct span id, struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t from;

	buf_adds(out, "session_");
	from = out->len;
	for (size_t i = 0; i < id.len; i++) {
		unsigned char c = (unsigned char)id.p[i];

		if (c >= 0x80 || memchr(plain, c, sizeof plain - 1) != NULL)
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
	if (out->len - from > LONGEST_ID) {
		out->len = from + cut_name(out->p + from, CUT_ID);
		add_hash(id, out);
	}
}

/* The name without ".json". */
static void
add_stem(enum tree_kind kind, const char *session, const char *day, bool flat, struct buf *out)
{
	if (kind == TREE_BY_SESSION)
		buf_addf(out, "%s%c", session, flat ? '_' : '/');
	buf_addf(out, "%s%s", day, suffix[kind]);
}

void
tree_live_path(enum tree_kind kind, const char *session, const char *day, struct buf *out)
{
	buf_addf(out, "%s/", folder[kind]);
	add_stem(kind, session, day, false, out);
	buf_adds(out, ".json");
}

void
tree_part_path(const struct tree_part *p, struct buf *out)
{
	if (!p->archived) {
		tree_live_path(p->kind, p->session, p->day, out);
		return;
	}
	buf_adds(out, TREE_ARCHIVE "/");
	add_stem(p->kind, p->session, p->day, true, out);
	buf_addf(out, "_%s.json%s", p->stamp, p->gz ? ".gz" : "");
}

static bool
ends_with(struct span s, const char *end)
{
	size_t n = strlen(end);

	return s.len >= n && memcmp(s.p + s.len - n, end, n) == 0;
}

static bool
is_stamp(const char *s)
{
	static const char form[] = "dddddddd" "T" "dddddd" "." "dddddd" "Z";

	for (size_t i = 0; i < STAMP_LEN; i++)
		if (form[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
	return true;
}

/* Take the day from the end of s. */
static bool
take_day(struct span *s, char day[TREE_DAY_SIZE])
{
	if (s->len < DAY_LEN || !tree_is_day(s->p + s->len - DAY_LEN, DAY_LEN))
		return false;
	s->len -= DAY_LEN;
	memcpy(day, s->p + s->len, DAY_LEN);
	day[DAY_LEN] = '\0';
	return true;
}

static bool
is_session(struct span s)
{
	static const char prefix[] = "session_";

	return s.len >= sizeof prefix - 1 && memcmp(s.p, prefix, sizeof prefix - 1) == 0;
}

/* A stem as add_stem makes it; the kinds are told apart by how they begin and end. */
static bool
parse_stem(struct span s, struct tree_part *p)
{
	for (int kind = TREE_BY_DATE; kind <= TREE_ERRORS; kind++) {
		struct span rest = s;

		if (!ends_with(rest, suffix[kind]))
			continue;
		rest.len -= strlen(suffix[kind]);
		if (!take_day(&rest, p->day) || (kind == TREE_BY_SESSION) != (rest.len != 0))
			continue;
		if (kind == TREE_BY_SESSION) {
			if (rest.p[rest.len - 1] != '_' || !is_session((struct span){ rest.p, --rest.len }))
				continue;
			p->session = mem_dup(rest.p, rest.len);
		}
		p->kind = (enum tree_kind)kind;
		return true;
	}
	return false;
}

bool
tree_parse_archived(const char *name, struct tree_part *p)
{
	struct span s = { name, strlen(name) };

	*p = (struct tree_part){ .archived = true, .gz = ends_with(s, ".gz") };
	if (p->gz)
		s.len -= strlen(".gz");
	if (!ends_with(s, ".json"))
		return false;
	s.len -= strlen(".json");
	if (s.len <= STAMP_LEN + 1 || s.p[s.len - STAMP_LEN - 1] != '_' || !is_stamp(s.p + s.len - STAMP_LEN))
		return false;
	memcpy(p->stamp, s.p + s.len - STAMP_LEN, STAMP_LEN);
	s.len -= STAMP_LEN + 1;
	return parse_stem(s, p);
}

/* Lists */

void
tree_parts_clear(struct tree_parts *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].session);
	l->n = 0;
	free(l->failed);
	l->failed = NULL;
}

void
tree_parts_free(struct tree_parts *l)
{
	tree_parts_clear(l);
	free(l->v);
	*l = (struct tree_parts){ 0 };
}

static void
add_part(struct tree_parts *l, struct tree_part p)
{
	l->v = mem_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
	l->v[l->n++] = p;
}

int
tree_part_order(const void *va, const void *vb)
{
	const struct tree_part *a = va, *b = vb;
	int c = strcmp(a->day, b->day);

	if (c == 0 && a->kind != b->kind)
		c = a->kind < b->kind ? -1 : 1;
	if (c == 0 && a->session != NULL && b->session != NULL)
		c = strcmp(a->session, b->session);
	if (c == 0)
		c = a->archived != b->archived ? (a->archived ? -1 : 1) : strcmp(a->stamp, b->stamp);
	return c != 0 ? c : b->gz - a->gz;	/* so that the compressed form comes first */
}

/* Walk down from the tree to the folder that holds path; *last is then the name in it.  Returns its fd, or -1 with errno. */
int
tree_open_parent(const struct tree *t, const char *path, bool create, const char **last)
{
	int dir = fcntl(t->fd, F_DUPFD_CLOEXEC, 0);
	const char *slash;

	for (; dir != -1 && (slash = strchr(path, '/')) != NULL; path = slash + 1) {
		char *name = mem_dup(path, (size_t)(slash - path));
		int next, saved;

		if (create && mkdirat(dir, name, TREE_DIR_MODE) == -1 && errno != EEXIST)
			next = -1;
		else
			next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		saved = errno;
		free(name);
		close(dir);
		errno = saved;
		dir = next;
	}
	*last = path;
	return dir;
}

int
tree_open_dir(const struct tree *t, const char *path, bool create)
{
	char *inside = mem_dup(path, strlen(path) + 1);
	const char *last;
	int fd, saved;

	/* As the folder that holds something: path/ */
	inside[strlen(path)] = '/';
	fd = tree_open_parent(t, inside, create, &last);
	saved = errno;
	free(inside);
	errno = saved;
	return fd;
}

int
tree_each(const struct tree *t, const char *dir, void (*each)(void *ctx, int dir, const char *name), void *ctx)
{
	int fd = tree_open_dir(t, dir, false), saved;
	DIR *d;
	struct dirent *e;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	if ((d = fdopendir(fd)) == NULL) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	while (errno = 0, (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			each(ctx, fd, e->d_name);
	saved = errno;
	closedir(d);
	errno = saved;
	return saved == 0 ? 0 : -1;
}

struct listing {
	enum tree_kind kind;
	const char *session;
	struct tree_parts *out;
	struct tree_parts folders;	/* of sessions, to be listed */
	int	 error;			/* errno of the first folder that could not be listed */
};

static void
add_live(void *ctx, int dir, const char *name)
{
	struct listing *l = ctx;
	struct span s = { name, strlen(name) };
	struct tree_part p = { .kind = l->kind };

	(void)dir;
	if (!ends_with(s, ".json"))
		return;
	s.len -= strlen(".json");
	if (!ends_with(s, suffix[l->kind]))
		return;
	s.len -= strlen(suffix[l->kind]);
	if (s.len != DAY_LEN || !take_day(&s, p.day))
		return;
	if (l->session != NULL)
		p.session = mem_dup(l->session, strlen(l->session));
	add_part(l->out, p);
}

static void
add_folder(void *ctx, int dir, const char *name)
{
	struct listing *l = ctx;

	(void)dir;
	if (is_session((struct span){ name, strlen(name) }))
		add_part(&l->folders, (struct tree_part){ .session = mem_dup(name, strlen(name)) });
}

static void
list_folder(const struct tree *t, const char *dir, void (*each)(void *ctx, int dir, const char *name), struct listing *l)
{
	if (tree_each(t, dir, each, l) == 0 || l->error != 0)
		return;
	/* A file or a link in the place of a session's folder is no session. */
	if (l->folders.n != 0 && (errno == ENOTDIR || errno == ELOOP))
		return;
	l->error = errno;
	l->out->failed = mem_dup(dir, strlen(dir));
}

static void
list_session(const struct tree *t, const char *session, struct listing *l)
{
	struct buf dir = { 0 };

	l->session = session;
	buf_addf(&dir, "%s/%s", folder[TREE_BY_SESSION], session);
	list_folder(t, buf_str(&dir), add_live, l);
	buf_free(&dir);
}

int
tree_list_live(const struct tree *t, enum tree_kind kind, const char *session, struct tree_parts *out)
{
	struct listing l = { .kind = kind, .out = out };

	if (kind != TREE_BY_SESSION) {
		list_folder(t, folder[kind], add_live, &l);
	} else if (session != NULL) {
		list_session(t, session, &l);
	} else {
		list_folder(t, folder[kind], add_folder, &l);
		for (size_t i = 0; i < l.folders.n; i++)
			list_session(t, l.folders.v[i].session, &l);
	}
	if (out->n != 0)
		qsort(out->v, out->n, sizeof *out->v, tree_part_order);
	tree_parts_free(&l.folders);
	errno = l.error;
	return l.error == 0 ? 0 : -1;
}

static void
add_archived(void *ctx, int dir, const char *name)
{
	struct listing *l = ctx;
	struct tree_part p;

	(void)dir;
	if (!tree_parse_archived(name, &p))
		return;
	if (p.kind != l->kind || (l->session != NULL && strcmp(l->session, p.session) != 0))
		free(p.session);
	else
		add_part(l->out, p);
}

static bool
same_part(const struct tree_part *a, const struct tree_part *b)
{
	struct tree_part x = *a;

	x.gz = b->gz;
	return tree_part_order(&x, b) == 0;
}

/* Sorted, and each part once. */
static int
list_once(const struct tree *t, struct listing *l)
{
	struct tree_parts *out = l->out;
	size_t n = 0;

	if (tree_each(t, TREE_ARCHIVE, add_archived, l) == -1)
		return -1;
	if (out->n != 0)
		qsort(out->v, out->n, sizeof *out->v, tree_part_order);
	for (size_t i = 0; i < out->n; i++) {
		if (n != 0 && same_part(&out->v[n - 1], &out->v[i]))
			free(out->v[i].session);
		else
			out->v[n++] = out->v[i];
	}
	out->n = n;
	return 0;
}

static bool
same_parts(const struct tree_parts *a, const struct tree_parts *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_part(&a->v[i], &b->v[i]))
			return false;
	return true;
}

/*
 * An entry that is renamed while readdir(3) runs may show up under neither name, but what was there before
 * a second look began shows up in that one: when two looks agree, neither missed a part.
 */
int
tree_list_archive(const struct tree *t, enum tree_kind kind, const char *session, struct tree_parts *out)
{
	struct tree_parts last = { 0 }, next = { 0 };
	struct listing l = { .kind = kind, .session = session, .out = &last };
	int r = list_once(t, &l);
	bool same = false;

	while (r == 0 && !same) {
		l.out = &next;
		r = list_once(t, &l);
		same = same_parts(&last, &next);
		tree_parts_free(&last);
		last = next;
		next = (struct tree_parts){ 0 };
	}
	for (size_t i = 0; r == 0 && i < last.n; i++)
		add_part(out, last.v[i]);
	if (r == 0)
		last.n = 0;	/* out has them now */
	tree_parts_free(&last);
	return r;
}

bool
tree_archive_changed(const struct tree *t, struct tree_watch *w)
{
	struct stat st = { 0 };
	int64_t us;
	bool changed;

	(void)fstatat(t->fd, TREE_ARCHIVE, &st, AT_SYMLINK_NOFOLLOW);
	us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
	changed = w->unsure || us != w->us;
	w->us = us;
	w->unsure = us + SAME_TICK_US > when_now_us();
	return changed;
}

/* Opening */

/* Returns the fd if it is a regular file. */
static int
regular(int fd)
{
	struct stat st;

	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

static int
open_at(const struct tree *t, const char *path, int flags, bool create)
{
	const char *last;
	int dir = tree_open_parent(t, path, create, &last), fd, saved;

	if (dir == -1)
		return -1;
	/* Without O_NONBLOCK somebody's FIFO would hold us. */
	fd = regular(openat(dir, last, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, TREE_FILE_MODE));
	saved = errno;
	close(dir);
	errno = saved;
	return fd;
}

int
tree_open_file(const struct tree *t, const char *path)
{
	return open_at(t, path, O_RDONLY, false);
}

bool
tree_is_current(const struct tree *t, const char *path, int fd)
{
	const char *last;
	struct stat a, b;
	int dir = tree_open_parent(t, path, false, &last);
	bool there = dir != -1 && fstatat(dir, last, &a, AT_SYMLINK_NOFOLLOW) == 0;

	if (dir != -1)
		close(dir);
	if (fd == -1)
		return !there;
	return there && fstat(fd, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int
lock(int fd, int how)
{
	while (flock(fd, how) == -1)
		if (errno != EINTR || sig_caught() != 0)
			return -1;
	return 0;
}

uint64_t
tree_whole_lines(int fd, uint64_t size)
{
	char block[4096];

	while (size > 0) {
		size_t want = size < sizeof block ? (size_t)size : sizeof block;
		ssize_t n = pread(fd, block, want, (off_t)(size - want));
		const char *nl = n <= 0 ? NULL : memrchr(block, '\n', (size_t)n);

		if (nl != NULL)
			return size - want + (uint64_t)(nl + 1 - block);
		size -= want;
	}
	return 0;
}

/*
 * Holding the lock for a moment shows that no write is under way.  A writer that has been stopped in the middle of
 * one must not stop readers: after a while the whole lines will do.
 */
int
tree_live_size(int fd, uint64_t *size)
{
	int64_t give_up = when_mono() + LOCK_PATIENCE;
	bool locked;
	struct stat st;

	while (!(locked = flock(fd, LOCK_SH | LOCK_NB) == 0) && errno == EWOULDBLOCK && when_mono() < give_up)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	if (fstat(fd, &st) == -1)
		return -1;
	*size = (uint64_t)st.st_size;
	if (locked)
		flock(fd, LOCK_UN);
	else
		*size = tree_whole_lines(fd, *size);
	return 0;
}

int
tree_open_live(const struct tree *t, const char *path, uint64_t *size)
{
	int fd = tree_open_file(t, path);

	if (fd != -1 && tree_live_size(fd, size) == -1) {
		int saved = errno;

		close(fd);
		return errno = saved, -1;
	}
	return fd;
}

static bool
is_removed(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 && st.st_nlink == 0;
}

int
tree_lock_live(const struct tree *t, const char *path, bool create, bool *created)
{
	for (;;) {
		int fd = open_at(t, path, O_RDWR | O_APPEND | (create ? O_CREAT : 0), create), saved;
		struct stat st;

		/* A folder can be removed (it was empty) before the file is in it; but not the tree itself. */
		if (fd == -1 && create && errno == ENOENT && !is_removed(t->fd) && sig_caught() == 0)
			continue;
		if (fd == -1)
			return -1;
		if (lock(fd, LOCK_EX) == -1 || fstat(fd, &st) == -1) {
			saved = errno;
			close(fd);
			errno = saved;
			return -1;
		}
		if (tree_is_current(t, path, fd)) {
			*created = st.st_size == 0;
			return fd;
		}
		close(fd);	/* rotated or removed while we waited */
	}
}

static int
sync_dir(const struct tree *t, const char *path)
{
	int fd = *path == '\0' ? fcntl(t->fd, F_DUPFD_CLOEXEC, 0) : tree_open_dir(t, path, false), r;

	if (fd == -1)
		return -1;
	r = sync_fd(fd);
	close(fd);
	return r;
}

int
tree_sync_dirs(const struct tree *t, const char *path)
{
	char *dir = mem_dup(path, strlen(path)), *slash;
	int r = 0;

	while (r == 0 && (slash = strrchr(dir, '/')) != NULL) {
		*slash = '\0';
		r = sync_dir(t, dir);
	}
	if (r == 0)
		r = sync_dir(t, "");
	free(dir);
	return r;
}

bool
tree_is_none(int error)
{
	return error == ENOENT || error == ELOOP || error == EINVAL || error == ENOTDIR || error == EISDIR || error == ENXIO;
}

static void
add_form(void *ctx, int dir, const char *name)
{
	struct tree_parts *out = ctx;
	struct tree_part p;

	(void)dir;
	if (!tree_parse_archived(name, &p))
		return;
	out->v = mem_grow(out->v, &out->cap, out->n + 1, sizeof *out->v);
	out->v[out->n++] = p;
}

int
tree_list_forms(const struct tree *t, struct tree_parts *out)
{
	int r = tree_each(t, TREE_ARCHIVE, add_form, out);

	if (out->n != 0)
		qsort(out->v, out->n, sizeof *out->v, tree_part_order);
	return r;
}
