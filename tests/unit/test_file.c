/* test_file - buffers with a bound; files that are replaced, read and locked */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/io.h"

static void
bound(void **state)
{
	struct buf b = { .max = 10 };

	(void)state;
	buf_adds(&b, "12345");
	buf_addc(&b, '6');
	assert_false(b.full);
	buf_adds(&b, "78901");
	assert_true(b.full);
	check_text(b.p, b.len, "123456");
	buf_addf(&b, "%d", 7890);
	check_text(b.p, b.len, "1234567890");	/* exactly full */
	assert_true(b.full);
	buf_addc(&b, 'x');
	assert_int_equal(b.len, 10);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_null(buf_reserve(&b, SIZE_MAX - 10));
	buf_clear(&b);
	assert_false(b.full);
	assert_string_equal(buf_str(&b), "");
	buf_free(&b);
	assert_null(b.p);
}

static void
padding(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (size_t n = 0; n < 300; n++) {
		buf_pad(&b);
		assert_int_equal(b.len, n);
		assert_int_equal(b.p[n], '\n');
		for (size_t i = 1; i < BUF_PAD; i++)
			assert_int_equal(b.p[n + i], 0);
		buf_addc(&b, 'x');
		assert_int_equal(strlen(buf_str(&b)), n + 1);
	}
	buf_free(&b);
}

static void
formatted(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%04d", i);
	assert_int_equal(b.len, 4000);
	assert_memory_equal(b.p + 3996, "0999", 4);
	buf_free(&b);
}

static void
put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_not_equal(fd, -1);
	assert_int_equal(io_write(fd, text, strlen(text)), 0);
	close(fd);
}

static void
holds(const char *path, const char *want)
{
	struct buf b = { 0 };

	assert_int_equal(file_read(path, &b), 0);
	check_text(b.p, b.len, want);
	buf_free(&b);
}

static void
alone(const char *name)
{
	char command[64];

	snprintf(command, sizeof command, "test \"$(ls -A | tr -d '\\n')\" = %s", name);
	assert_int_equal(system(command), 0);
}

static void
reading(void **state)
{
	struct buf b = { .max = 5 };

	(void)state;
	put("f", "12345");
	assert_int_equal(file_read("f", &b), 0);
	check_text(b.p, b.len, "12345");
	buf_clear(&b);
	put("f", "123456");
	assert_int_equal(file_read("f", &b), -1);
	assert_int_equal(errno, EFBIG);
	buf_clear(&b);
	assert_int_equal(file_read("missing", &b), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(file_read(".", &b), -1);
	assert_int_equal(errno, EISDIR);
	buf_free(&b);
	unlink("f");
}

static void
replacing(void **state)
{
	struct newfile n;
	struct stat st;

	(void)state;
	assert_int_equal(newfile_begin(&n, "f", 0600), 0);
	assert_int_equal(io_write(n.fd, "one", 3), 0);
	assert_int_equal(access("f", F_OK), -1);	/* nothing to see before the commit */
	assert_int_equal(newfile_commit(&n, false), 0);
	holds("f", "one");
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	alone("f");

	assert_int_equal(chmod("f", 0640), 0);
	assert_int_equal(newfile_begin(&n, "f", 0600), 0);
	assert_int_equal(io_write(n.fd, "half", 4), 0);
	newfile_abort(&n);
	holds("f", "one");
	alone("f");

	assert_int_equal(newfile_begin(&n, "./f", 0600), 0);
	assert_int_equal(io_write(n.fd, "two", 3), 0);
	assert_int_equal(newfile_commit(&n, true), 0);
	assert_int_equal(io_write(n.fd, "+", 1), 0);	/* the descriptor stayed */
	close(n.fd);
	holds("f", "two+");
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);	/* the old file's */
	assert_int_equal(file_replace("f", 0600, "three", 5), 0);
	holds("f", "three");
	alone("f");

	assert_int_equal(newfile_begin(&n, "no/such/f", 0600), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(newfile_begin(&n, "d", 0600), 0);
	assert_int_equal(newfile_commit(&n, false), -1);	/* a directory stands there */
	rmdir("d");
	alone("f");
	unlink("f");
}

static void
locking(void **state)
{
	int a = file_lock("lock", 0600, false);

	(void)state;
	assert_int_not_equal(a, -1);
	assert_int_equal(file_lock("lock", 0600, false), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	close(a);
	a = file_lock("lock", 0600, false);
	assert_int_not_equal(a, -1);
	close(a);
	assert_int_equal(file_lock("no/such", 0600, true), -1);
	assert_int_equal(errno, ENOENT);
	unlink("lock");
}

/* Who waits for a file that is replaced meanwhile must get the new one. */
static void
replaced_while_waiting(void **state)
{
	int a = file_lock("lock", 0600, true), st;
	pid_t child;

	(void)state;
	assert_int_not_equal(a, -1);
	if ((child = fork()) == 0) {
		struct stat mine, named;
		int fd;

		close(a);	/* a lock lives as long as any copy of its descriptor */
		fd = file_lock("lock", 0600, true);

		_exit(fd != -1 && fstat(fd, &mine) == 0 && stat("lock", &named) == 0 && mine.st_ino == named.st_ino &&
		    mine.st_size == 3 ? 0 : 1);
	}
	usleep(200000);
	assert_int_equal(waitpid(child, &st, WNOHANG), 0);	/* it waits */
	assert_int_equal(file_replace("lock", 0600, "new", 3), 0);
	usleep(50000);
	assert_int_equal(waitpid(child, &st, WNOHANG), 0);
	close(a);
	assert_int_equal(waitpid(child, &st, 0), child);
	assert_int_equal(st, 0);
	unlink("lock");
}

static int slow_fd;

/* A standard output that another process has made non-blocking, and a reader that is slow: nothing is lost. */
static void *
slow_reader(void *arg)
{
	struct buf *got = arg;
	char part[4096];
	ssize_t n;

	usleep(20000);		/* the pipe is full by now */
	while ((n = io_read_file(slow_fd, part, sizeof part)) > 0)
		buf_add(got, part, (size_t)n);
	return NULL;
}

static void
non_blocking(void **state)
{
	size_t len = 300000;
	char *text = malloc(len);
	struct buf got = { 0 };
	pthread_t t;
	int fd[2];

	(void)state;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)chance(256);
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	slow_fd = fd[0];
	assert_int_equal(pthread_create(&t, NULL, slow_reader, &got), 0);
	assert_int_equal(io_write(fd[1], text, len), 0);
	close(fd[1]);
	pthread_join(t, NULL);
	assert_int_equal(got.len, len);
	assert_memory_equal(got.p, text, len);
	close(fd[0]);
	assert_int_equal(io_write(fd[1], text, len), -1);
	assert_int_equal(errno, EBADF);
	buf_free(&got);
	free(text);
}

static void *
slow_writer(void *arg)
{
	(void)arg;
	usleep(500000);
	if (io_write(slow_fd, "x", 1) == 0)
		close(slow_fd);
	return NULL;
}

static long
cpu_ms(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* A standard input of that kind: it is waited for, not asked again and again. */
static void
non_blocking_input(void **state)
{
	struct buf got = { 0 };
	long before = cpu_ms();
	pthread_t t;
	int fd[2];

	(void)state;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	slow_fd = fd[1];
	assert_int_equal(pthread_create(&t, NULL, slow_writer, NULL), 0);
	assert_int_equal(file_read_fd(fd[0], &got), 0);
	pthread_join(t, NULL);
	check_text(got.p, got.len, "x");
	assert_in_range(cpu_ms() - before, 0, 100);
	close(fd[0]);
	buf_free(&got);
}

/* A file without a name takes bytes, gives them back, and leaves nothing. */
static void
unnamed(void **state)
{
	char got[3] = "";
	int fd;

	(void)state;
	setenv("TMPDIR", ".", 1);
	fd = file_unnamed();
	assert_int_not_equal(fd, -1);
	assert_int_equal(system("test -z \"$(ls -A)\""), 0);
	assert_int_equal(io_write(fd, "ab", 2), 0);
	assert_int_equal(pread(fd, got, sizeof got, 0), 2);
	assert_string_equal(got, "ab");
	close(fd);
	setenv("TMPDIR", "no/such", 1);
	assert_int_equal(file_unnamed(), -1);
	assert_int_equal(errno, ENOENT);
	unsetenv("TMPDIR");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bound),
		cmocka_unit_test(padding),
		cmocka_unit_test(formatted),
		cmocka_unit_test(reading),
		cmocka_unit_test(replacing),
		cmocka_unit_test(locking),
		cmocka_unit_test(replaced_while_waiting),
		cmocka_unit_test(non_blocking),
		cmocka_unit_test(non_blocking_input),
		cmocka_unit_test(unnamed),
	};

	return cmocka_run_group_tests_name("file", tests, enter_dir, leave_dir);
}
