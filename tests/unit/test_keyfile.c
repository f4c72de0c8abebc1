/* test_keyfile - keys that are kept between runs, whatever happened to the file */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/io.h"
#include "store/keyfile.h"

#define HEADER 32

static struct fingerprint
key(int i)
{
	return (struct fingerprint){ (uint64_t)i * 1000003, (uint64_t)i + 1 };
}

static long
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static void
append(const char *path, int from, int to)
{
	struct keyfile k;

	assert_int_equal(keyfile_open(&k, path), KEYFILE_OK);
	for (int i = from; i < to; i++) {
		struct fingerprint f = key(i);

		assert_int_equal(keyfile_append(&k, &f, 1), 0);
	}
	assert_int_equal(keyfile_close(&k), 0);
}

/* The file must hold the keys from .. to - 1. */
static void
holds(const char *path, size_t bound, int from, int to)
{
	struct keyfile k;
	struct keyset s;

	keyset_init(&s, bound);
	assert_int_equal(keyfile_open(&k, path), KEYFILE_OK);
	assert_int_equal(keyfile_load(&k, &s), 0);
	assert_int_equal(s.n, to - from);
	for (int i = from; i < to; i++)
		assert_true(keyset_has(&s, key(i)));
	assert_int_equal(keyfile_close(&k), 0);
	keyset_free(&s);
}

static void
kept(void **state)
{
	struct keyfile k;
	struct keyseed seed;
	struct stat st;

	(void)state;
	assert_int_equal(keyfile_open(&k, "f"), KEYFILE_OK);
	seed = k.seed;
	assert_int_equal(keyfile_close(&k), 0);
	assert_int_equal(size_of("f"), HEADER);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	holds("f", 0, 0, 0);
	append("f", 0, 10);
	append("f", 10, 20000);	/* more than is loaded at once */
	assert_int_equal(size_of("f"), HEADER + 16 * 20000);
	holds("f", 0, 0, 20000);
	holds("f", 100, 19900, 20000);
	holds("f", 9000, 11000, 20000);
	holds("f", 20000, 0, 20000);
	assert_int_equal(keyfile_open(&k, "f"), KEYFILE_OK);
	assert_memory_equal(&k.seed, &seed, sizeof seed);
	assert_int_equal(keyfile_append(&k, NULL, 0), 0);
	assert_int_equal(keyfile_close(&k), 0);
	unlink("f");
	assert_int_equal(keyfile_open(&k, "f"), KEYFILE_OK);
	assert_memory_not_equal(&k.seed, &seed, sizeof seed);	/* each file has its own */
	assert_int_equal(keyfile_close(&k), 0);
	unlink("f");
}

static void
torn(void **state)
{
	(void)state;
	for (int cut = 1; cut < 16; cut++) {
		append("f", 0, 5);
		assert_int_equal(truncate("f", HEADER + 16 * 4 + cut), 0);
		holds("f", 0, 0, 4);
		assert_int_equal(size_of("f"), HEADER + 16 * 4);
		append("f", 4, 6);
		holds("f", 0, 0, 6);
		unlink("f");
	}
}

static void
torn_header(void **state)
{
	(void)state;
	for (int len = 0; len < HEADER; len++) {
		append("f", 0, 1);
		assert_int_equal(truncate("f", len), 0);
		holds("f", 0, 0, 0);
		assert_int_equal(size_of("f"), HEADER);
		append("f", 0, 3);
		holds("f", 0, 0, 3);
		unlink("f");
	}
}

/* A file of somebody else is left as it is. */
static void
foreign(void **state)
{
	static const char *const texts[] = {
		"x", "llmkeys", "llmkeys2", "{\"run_id\":\"1\"}\n", "0123456789012345678901234567890123456789\n", "llmkeyS1000000000000000000000000",
		"1syekmll000000000000000000000000",	/* ours, from a machine of the other byte order */
	};
	struct keyfile k;

	(void)state;
	for (size_t i = 0; i < N_OF(texts); i++) {
		struct buf b = { 0 };
		enum keyfile_status st;

		assert_int_equal(file_replace("f", 0600, texts[i], strlen(texts[i])), 0);
		st = keyfile_open(&k, "f");
		if (strcmp(texts[i], "llmkeys") == 0) {	/* the beginning of ours */
			assert_int_equal(st, KEYFILE_OK);
			assert_int_equal(keyfile_close(&k), 0);
			continue;
		}
		assert_int_equal(st, KEYFILE_FOREIGN);
		assert_int_equal(file_read("f", &b), 0);
		check_text(b.p, b.len, texts[i]);
		buf_free(&b);
	}
	unlink("f");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(keyfile_open(&k, "d"), KEYFILE_ERRNO);
	assert_int_equal(errno, EISDIR);
	rmdir("d");
	assert_int_equal(keyfile_open(&k, "/dev/null"), KEYFILE_FOREIGN);	/* it would keep nothing */
	assert_int_equal(keyfile_open(&k, "no/such"), KEYFILE_ERRNO);
	assert_int_equal(errno, ENOENT);
}

static void
busy(void **state)
{
	struct keyfile a, b;

	(void)state;
	assert_int_equal(keyfile_open(&a, "f"), KEYFILE_OK);
	assert_int_equal(keyfile_open(&b, "f"), KEYFILE_BUSY);
	assert_int_equal(keyfile_close(&a), 0);
	assert_int_equal(keyfile_open(&b, "f"), KEYFILE_OK);
	assert_int_equal(keyfile_close(&b), 0);
	unlink("f");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept),
		cmocka_unit_test(torn),
		cmocka_unit_test(torn_header),
		cmocka_unit_test(foreign),
		cmocka_unit_test(busy),
	};

	return cmocka_run_group_tests_name("keyfile", tests, enter_dir, leave_dir);
}
