/*
 * fault.c - LD_PRELOAD: make the n-th system call of a tool go wrong.
 *
 * FAULT_AT=n FAULT_ACT=act [FAULT_CALLS=write,fsync,...] [FAULT_LOG=FILE]
 *
 *   kill      SIGKILL right before the call; a write to a file writes half first, and
 *             a recv waits 30 ms, so that the service has done its work by then
 *   ENOSPC, EIO, EINTR, ENOMEM, ECONNREFUSED   the call fails with this (EINTR: once, the next succeeds)
 *   corrupt   write(2) changes a byte
 *   short     write(2) and writev(2) take one byte only, from the n-th call on
 *
 * FAULT_FOR=m     so many calls in a row fail (default 1)
 *
 * Counted are pwrite and fdatasync (those of SQLite), connect and malloc (with calloc and realloc), these only where FAULT_CALLS names them; write and writev (to regular files and pipes, but not stderr), fsync, rename (and renameat), unlinkat, ftruncate,
 * send and recv (of sockets).
 * FAULT_LOG gets the number of counted calls at exit: with FAULT_AT=0 nothing fails.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

ssize_t write(int fd, const void *p, size_t len);
ssize_t send(int fd, const void *p, size_t len, int flags);
ssize_t recv(int fd, void *p, size_t len, int flags);

static int at = -1, row = 1;
static _Atomic int count;	/* tools have threads */
static const char *act, *calls;

static void *
real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

#define REAL(fn) \
	static __typeof__(&fn) real_; \
	if (real_ == NULL) \
		*(void **)&real_ = real(#fn)

/* Is the name in the list?  "write" is not in "writev,fsync". */
static int
is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; (p = strstr(p, name)) != NULL; p += len)
		if ((p == list || p[-1] == ',') && (p[len] == ',' || p[len] == '\0'))
			return 1;
	return 0;
}

static int
is_due(const char *name)
{
	int n;

	if (at == -1) {
		const char *s = getenv("FAULT_AT");

		at = s == NULL ? 0 : atoi(s);
		act = getenv("FAULT_ACT");
		row = getenv("FAULT_FOR") == NULL ? 1 : atoi(getenv("FAULT_FOR"));
		calls = getenv("FAULT_CALLS");
	}
	if (calls != NULL && !is_listed(calls, name))
		return 0;
	n = ++count;
	return act != NULL && at != 0 && ((n >= at && n < at + row) || (n > at && strcmp(act, "short") == 0));
}

static void
die_now(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static int
fails(void)
{
	if (strcmp(act, "ENOSPC") == 0)
		errno = ENOSPC;
	else if (strcmp(act, "EIO") == 0)
		errno = EIO;
	else if (strcmp(act, "EINTR") == 0)
		errno = EINTR;
	else if (strcmp(act, "ENOMEM") == 0)
		errno = ENOMEM;
	else if (strcmp(act, "ECONNREFUSED") == 0)
		errno = ECONNREFUSED;
	else
		return 0;
	return 1;
}

static int
is_counted_file(int fd)
{
	struct stat st;

	return fd != 2 && fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode));
}

ssize_t
write(int fd, const void *p, size_t len)
{
	REAL(write);

	/* libcurl wakes itself by small writes to an eventfd or a pipe; those are not ours. */
	if (!is_counted_file(fd) || len < 2 || !is_due("write"))
		return real_(fd, p, len);
	if (strcmp(act, "kill") == 0) {
		if (real_(fd, p, len / 2) == -1)
			_exit(99);
		die_now();
	}
	if (strcmp(act, "short") == 0)
		return real_(fd, p, 1);
	if (strcmp(act, "corrupt") == 0) {
		char *bad = malloc(len);
		ssize_t n;

		memcpy(bad, p, len);
		bad[len / 2] ^= 1;
		n = real_(fd, bad, len);
		free(bad);
		return n;
	}
	return fails() ? -1 : real_(fd, p, len);
}

/* The first len bytes only. */
static ssize_t
write_some(__typeof__(&writev) real_, int fd, const struct iovec *v, int n, size_t len)
{
	struct iovec some[64];
	int k = 0;

	for (; k < n && k < 64 && len > 0; k++) {
		some[k] = v[k];
		if (some[k].iov_len > len)
			some[k].iov_len = len;
		len -= some[k].iov_len;
	}
	return real_(fd, some, k);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	size_t len = 0;
	REAL(writev);

	for (int i = 0; i < n; i++)
		len += v[i].iov_len;
	if (!is_counted_file(fd) || len < 2 || !is_due("writev"))
		return real_(fd, v, n);
	if (strcmp(act, "kill") == 0) {
		if (write_some(real_, fd, v, n, len / 2) == -1)
			_exit(99);
		die_now();
	}
	if (strcmp(act, "short") == 0)
		return write_some(real_, fd, v, n, 1);
	return fails() ? -1 : real_(fd, v, n);
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at_byte)
{
	REAL(pwrite64);

	if (calls == NULL)
		calls = getenv("FAULT_CALLS");
	if (calls == NULL || !is_listed(calls, "pwrite") || !is_due("pwrite"))
		return real_(fd, p, len, at_byte);
	if (strcmp(act, "kill") == 0) {
		if (real_(fd, p, len / 2, at_byte) == -1)
			_exit(99);
		die_now();
	}
	return fails() ? -1 : real_(fd, p, len, at_byte);
}

int
fsync(int fd)
{
	REAL(fsync);

	if (!is_due("fsync"))
		return real_(fd);
	if (strcmp(act, "kill") == 0)
		die_now();
	return strcmp(act, "EINTR") != 0 && fails() ? -1 : real_(fd);
}

int
fdatasync(int fd)
{
	REAL(fdatasync);

	if (calls == NULL && getenv("FAULT_CALLS") == NULL)
		return real_(fd);
	if (calls == NULL)
		calls = getenv("FAULT_CALLS");
	if (!is_listed(calls, "fdatasync") || !is_due("fdatasync"))
		return real_(fd);
	if (strcmp(act, "kill") == 0)
		die_now();
	return fails() ? -1 : real_(fd);
}

int
rename(const char *from, const char *to)
{
	REAL(rename);

	if (!is_due("rename"))
		return real_(from, to);
	if (strcmp(act, "kill") == 0)
		die_now();
	return strcmp(act, "EINTR") != 0 && fails() ? -1 : real_(from, to);
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	REAL(renameat);

	if (!is_due("rename"))
		return real_(from_dir, from, to_dir, to);
	if (strcmp(act, "kill") == 0)
		die_now();
	return strcmp(act, "EINTR") != 0 && fails() ? -1 : real_(from_dir, from, to_dir, to);
}

int
unlinkat(int dir, const char *name, int flags)
{
	REAL(unlinkat);

	if (!is_due("unlinkat"))
		return real_(dir, name, flags);
	if (strcmp(act, "kill") == 0)
		die_now();
	return strcmp(act, "EINTR") != 0 && fails() ? -1 : real_(dir, name, flags);
}

int
ftruncate(int fd, off_t len)
{
	REAL(ftruncate);

	if (!is_due("ftruncate"))
		return real_(fd, len);
	if (strcmp(act, "kill") == 0)
		die_now();
	return real_(fd, len);
}

ssize_t
send(int fd, const void *p, size_t len, int flags)
{
	REAL(send);

	if (is_due("send") && strcmp(act, "kill") == 0)
		die_now();
	return real_(fd, p, len, flags);
}

ssize_t
recv(int fd, void *p, size_t len, int flags)
{
	static const struct timespec wait = { 0, 30 * 1000 * 1000 };
	REAL(recv);

	if (is_due("recv") && strcmp(act, "kill") == 0) {
		nanosleep(&wait, NULL);
		die_now();
	}
	return real_(fd, p, len, flags);
}

int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
	REAL(connect);

	if (calls == NULL)
		calls = getenv("FAULT_CALLS");
	return calls != NULL && is_listed(calls, "connect") && is_due("connect") && fails() ? -1 : real_(fd, to, len);
}

/* glibc's own: dlsym would allocate. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static int
has_memory(void)
{
	static int wanted = -1;

	if (wanted == -1)
		wanted = getenv("FAULT_CALLS") != NULL && is_listed(getenv("FAULT_CALLS"), "malloc");
	return !wanted || !is_due("malloc") || !fails();
}

void *
malloc(size_t size)
{
	return has_memory() ? __libc_malloc(size) : NULL;
}

void *
calloc(size_t n, size_t size)
{
	return has_memory() ? __libc_calloc(n, size) : NULL;
}

void *
realloc(void *p, size_t size)
{
	return has_memory() ? __libc_realloc(p, size) : NULL;
}

__attribute__((destructor)) static void
report(void)
{
	const char *path = getenv("FAULT_LOG");
	FILE *f = path == NULL ? NULL : fopen(path, "w");

	if (f == NULL)
		return;
	fprintf(f, "%d\n", count);
	fclose(f);
}
