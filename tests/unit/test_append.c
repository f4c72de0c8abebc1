/* append.h and latest.h: lines into files of a tree. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>

#include "base/file.h"
#include "recorder/append.h"
#include "recorder/latest.h"

static struct tree tree;

static int
setup(void **state)
{
	static int n;
	static char name[16];

	(void)state;
	snprintf(name, sizeof name, "t%d", n++);
	return tree_open(&tree, name, true);
}

static int
teardown(void **state)
{
	(void)state;
	tree_close(&tree);
	return 0;
}

/* Add a line to the batch and send it to paths, up to NULL. */
static void
add(struct append *a, const char *line, const char *const path[])
{
	buf_adds(&a->text, line);
	for (; *path != NULL; path++)
		assert_true(append_to(a, *path, strlen(line)));
}
#define ADD(a, line, ...) add(a, line, (const char *const[]){ __VA_ARGS__, NULL })

static void
check_file(const char *path, const char *want)
{
	struct buf b = { 0 };
	char full[128];

	snprintf(full, sizeof full, "%s/%s", tree.path, path);
	if (file_read(full, &b) == -1)
		assert_null(want);
	else
		check_text(b.p, b.len, want);
	buf_free(&b);
}

static void
put_file(const char *path, const char *text)
{
	char full[128];

	snprintf(full, sizeof full, "%s/%s", tree.path, path);
	assert_int_equal(file_replace(full, 0600, text, strlen(text)), 0);
}

static void
test_lines_and_files(void **state)
{
	struct append a;

	(void)state;
	append_init(&a, &tree);
	ADD(&a, "one\n", "b/x", "c/d/y");
	ADD(&a, "two\n", "b/x");
	ADD(&a, "three\n", "c/d/y", "b/x");
	assert_int_equal(a.n, 2);
	assert_int_equal(a.file[0].n, 1);	/* neighbours are one run */
	assert_int_equal(append_write(&a, APPEND_SYNC_NOW), 0);
	check_file("b/x", "one\ntwo\nthree\n");
	check_file("c/d/y", "one\nthree\n");
	append_clear(&a);
	ADD(&a, "four\n", "c/d/y");
	assert_int_equal(append_write(&a, APPEND_SYNC_NEVER), 0);
	check_file("c/d/y", "one\nthree\nfour\n");
	check_file("b/x", "one\ntwo\nthree\n");
	append_free(&a);
}

static void
test_torn_line(void **state)
{
	struct append a;

	(void)state;
	append_init(&a, &tree);
	ADD(&a, "one\n", "x", "y");
	assert_int_equal(append_write(&a, APPEND_SYNC_NEVER), 0);
	assert_false(a.file[0].torn);
	put_file("x", "one\n{\"ha");
	assert_int_equal(append_write(&a, APPEND_SYNC_NEVER), 0);
	assert_true(a.file[0].torn);
	assert_false(a.file[1].torn);
	check_file("x", "one\n{\"ha\none\n");
	check_file("y", "one\none\n");
	append_free(&a);
}

static void
test_bound(void **state)
{
	struct append a;
	char path[16];

	(void)state;
	append_init(&a, &tree);
	buf_adds(&a.text, "one\n");
	for (int i = 0; i < APPEND_FILES; i++) {
		snprintf(path, sizeof path, "f%d", i);
		assert_true(append_to(&a, path, 4));
	}
	assert_false(append_to(&a, "more", 4));
	assert_true(append_to(&a, "f7", 4));
	assert_int_equal(append_write(&a, APPEND_SYNC_LATER), 0);
	assert_int_equal(a.n_dirty, APPEND_FILES);
	check_file("f63", "one\n");
	check_file("more", NULL);
	assert_int_equal(append_sync(&a), 0);
	assert_int_equal(a.n_dirty, 0);
	append_free(&a);
}

/* The file that cannot grow is the last by name: those before it were written to. */
static void
test_cut_back(void **state)
{
	struct rlimit old, small;
	struct append a;
	char big[5000];

	(void)state;
	memset(big, 'x', sizeof big);
	memcpy(big + sizeof big - 2, "\n", 2);
	put_file("c", "torn");
	put_file("d", big);
	append_init(&a, &tree);
	ADD(&a, "one\n", "d", "b", "a/new", "c");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = sizeof big + 1;	/* two of the four bytes fit */
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(append_write(&a, APPEND_SYNC_NOW), -1);
	assert_int_equal(errno, EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_string_equal(a.failed, "d");
	check_file("a/new", NULL);
	check_file("b", NULL);
	check_file("c", "torn");
	check_file("d", big);
	/* The batch is still there. */
	assert_int_equal(append_write(&a, APPEND_SYNC_NOW), 0);
	check_file("a/new", "one\n");
	check_file("c", "torn\none\n");
	append_free(&a);
}

/* Unlocked as soon as they are written, kept once each however often they are. */
static void
test_sync_later(void **state)
{
	struct append a;
	bool created;
	int fd;

	(void)state;
	append_init(&a, &tree);
	for (int i = 0; i < 3; i++) {
		ADD(&a, "one\n", "x", "y");
		assert_int_equal(append_write(&a, APPEND_SYNC_LATER), 0);
		append_clear(&a);
	}
	assert_int_equal(a.n_dirty, 2);
	fd = openat(tree.fd, "x", O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
	/* A rotated one is kept beside its successor. */
	assert_int_equal(renameat(tree.fd, "x", tree.fd, "z"), 0);
	ADD(&a, "two\n", "x");
	assert_int_equal(append_write(&a, APPEND_SYNC_LATER), 0);
	assert_int_equal(a.n_dirty, 3);
	assert_int_equal(append_sync(&a), 0);
	check_file("x", "two\n");
	check_file("z", "one\none\none\n");
	fd = tree_lock_live(&tree, "x", true, &created);
	assert_false(created);
	close(fd);
	append_free(&a);
}

static void
test_latest_cut(void **state)
{
	static const struct { const char *lines; size_t keep, from; } cases[] = {
		{ "", 3, 0 }, { "a\n", 3, 0 }, { "a\n", 1, 0 }, { "a\n", 0, 2 }, { "a\nb\nc\n", 2, 2 }, { "a\nb\nc\n", 3, 0 },
		{ "\n\n\n", 1, 2 },
	};
	size_t long_line = LATEST_BYTES;
	char *p = malloc(2 * long_line);

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++)
		assert_int_equal(latest_cut(cases[i].lines, strlen(cases[i].lines), cases[i].keep), cases[i].from);
	/* By bytes, but never less than a line. */
	memset(p, 'x', 2 * long_line);
	p[9] = p[long_line + 9] = '\n';
	assert_int_equal(latest_cut(p, long_line + 10, 5), 10);
	p[9] = 'x';
	assert_int_equal(latest_cut(p, long_line + 10, 5), 0);
	p[9] = p[8] = '\n';
	assert_int_equal(latest_cut(p, long_line + 10, 5), 10);
	free(p);
}

static void
test_latest(void **state)
{
	size_t large = LATEST_BYTES + 1000;
	char *p;

	(void)state;
	assert_int_equal(latest_add(&tree, "{\"a\":1}\n{\"a\":2}\n", 16, 3, true), 0);
	assert_int_equal(latest_add(&tree, "{\"a\":3}\n{\"a\":4}\n", 16, 3, false), 0);
	check_file(LATEST_PATH, "{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n");
	put_file(LATEST_PATH, "{\"a\":2}\n{\"a\":3}");
	assert_int_equal(latest_add(&tree, "{\"a\":5}\n", 8, 3, false), 0);
	check_file(LATEST_PATH, "{\"a\":5}\n");
	/* Of one that has become too large only the end is read, from the beginning of a line on. */
	p = malloc(large + 1);
	memset(p, ' ', large);
	memcpy(p, "{\"a\":6}\n", 8);
	memcpy(p + large - 16, "{\"a\":7}\n{\"a\":8}\n", 16);
	p[large - 17] = '\n';
	p[large] = '\0';
	put_file(LATEST_PATH, p);
	assert_int_equal(latest_add(&tree, "{\"a\":9}\n", 8, 9, false), 0);
	check_file(LATEST_PATH, "{\"a\":7}\n{\"a\":8}\n{\"a\":9}\n");
	/* ... and nothing where there is none in it. */
	memset(p, ' ', large);
	put_file(LATEST_PATH, p);
	free(p);
	assert_int_equal(latest_add(&tree, "{\"a\":9}\n", 8, 9, false), 0);
	check_file(LATEST_PATH, "{\"a\":9}\n");
	assert_int_equal(unlinkat(tree.fd, LATEST_PATH, 0), 0);
	assert_int_equal(symlinkat("../elsewhere", tree.fd, LATEST_PATH), 0);
	assert_int_equal(latest_add(&tree, "{\"a\":5}\n", 8, 3, false), -1);
	assert_int_equal(errno, ELOOP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines_and_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sync_later, setup, teardown),
		cmocka_unit_test(test_latest_cut),
		cmocka_unit_test_setup_teardown(test_latest, setup, teardown),
	};

	return cmocka_run_group_tests(tests, enter_dir, leave_dir);
}
