/* recorder/tree.h: names that cannot lead elsewhere, lists, locks. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "recorder/tree.h"

#define S1 "20251207T122408.275173Z"
#define S2 "20251207T122408.275174Z"

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
check_name(const char *id, size_t len, const char *want)
{
	struct buf b = { 0 };

	tree_session_name((struct span){ id, len }, &b);
	check_text(b.p, b.len, want);
	buf_free(&b);
}

static void
session_names(void **state)
{
	(void)state;
	check_name("1", 1, "session_1");
	check_name("", 0, "session_");
	check_name("../../etc", 9, "session_..%2F..%2Fetc");
	check_name("a\0b", 3, "session_a%00b");
	check_name("a%00b", 5, "session_a%2500b");
	check_name("产品 专员", 13, "session_产品%20专员");
	check_name("A-b_c.d", 7, "session_A-b_c.d");
}

/* Long ids: short enough as file names, different where the ids are, and valid text. */
static void
long_session_names(void **state)
{
	struct buf name[3] = { { 0 } };
	char id[1000];

	(void)state;
	for (int i = 0; i < 3; i++) {
		for (size_t k = 0; k + 3 <= sizeof id; k += 3)
			memcpy(id + k, "品", 3);
		id[999] = (char)('a' + (i != 1));
		memset(id, 'x', i == 2 ? 3 : 0);
		tree_session_name((struct span){ id, sizeof id }, &name[i]);
		assert_in_range(name[i].len, 70, 200);
		assert_null(scan_utf8(name[i].p, name[i].len));
		assert_null(memchr(name[i].p, '/', name[i].len));
	}
	assert_memory_not_equal(name[0].p, name[1].p, name[0].len);
	assert_true(name[0].len != name[2].len || memcmp(name[0].p, name[2].p, name[0].len) != 0);
	for (int i = 0; i < 3; i++)
		buf_free(&name[i]);
	/* No id of this kind can be spelled by a short one: "~" is never written as it is. */
	check_name("%~", 2, "session_%25%7E");
	memset(id, '%', sizeof id);
	tree_session_name((struct span){ id, 151 }, &name[0]);
	assert_true(strstr(buf_str(&name[0]), "%~") == name[0].p + 8 + 78);	/* 26 whole %25 */
	buf_free(&name[0]);
	/* They stay what they are: a tree outlives the tool. */
	memset(id, 'x', sizeof id);
	check_name(id, 151, "session_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "%~8eb827e6964db1e28caafb07b408d441efc804c8da30e3bad83a70dd3566a88b");
}

static void
archived_names(void **state)
{
	static const struct { const char *name; enum tree_kind kind; const char *session; bool gz; } good[] = {
		{ "2025-12-07_all_interactions_" S1 ".json", TREE_BY_DATE, NULL, false },
		{ "2025-12-07_all_interactions_" S1 ".json.gz", TREE_BY_DATE, NULL, true },
		{ "2025-12-07_errors_" S1 ".json.gz", TREE_ERRORS, NULL, true },
		{ "session_7_2025-12-07_" S1 ".json.gz", TREE_BY_SESSION, "session_7", true },
		{ "session__2025-12-07_" S1 ".json", TREE_BY_SESSION, "session_", false },
		{ "session_a_2024-01-01_2025-12-07_" S1 ".json", TREE_BY_SESSION, "session_a_2024-01-01", false },
		{ "session_2025-12-07_errors_2025-12-07_" S1 ".json", TREE_BY_SESSION, "session_2025-12-07_errors", false },
	};
	static const char *const bad[] = {
		"", ".lock", ".json", "_" S1 ".json", "2025-12-07_" S1 ".json", "2025-13-07_errors_" S1 ".json",
		"2025-12-07_errors_" S1 ".json.tmp", "2025-12-07_errors_20251207T122408Z.json", "2025-12-07_errors.json",
		"x2025-12-07_errors_" S1 ".json", "sessio_7_2025-12-07_" S1 ".json", "session_2025-12-07_" S1 ".json.gz.gz",
		("2025-12-07_all_interactions_" S1),
	};

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		struct buf path = { 0 };
		struct tree_part p;

		assert_true(tree_parse_archived(good[i].name, &p));
		assert_int_equal(p.kind, good[i].kind);
		assert_int_equal(p.gz, good[i].gz);
		assert_string_equal(p.day, "2025-12-07");
		assert_string_equal(p.stamp, S1);
		if (good[i].session != NULL)
			assert_string_equal(p.session, good[i].session);
		else
			assert_null(p.session);
		tree_part_path(&p, &path);
		assert_string_equal(buf_str(&path) + strlen("archive/"), good[i].name);
		buf_free(&path);
		free(p.session);
	}
	for (size_t i = 0; i < N_OF(bad); i++) {
		struct tree_part p;

		if (tree_parse_archived(bad[i], &p))
			fail_msg("taken: %s", bad[i]);
	}
}

static void
check_list(const struct tree_parts *l, const char *want)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < l->n; i++) {
		tree_part_path(&l->v[i], &b);
		buf_addc(&b, '\n');
	}
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

/* A session's folder that may not be read is named, and the others are listed. */
static void
check_unreadable(const struct tree *t, const char *folder, const char *want)
{
	struct tree_parts l = { 0 };
	uid_t me = geteuid();
	int r, error;

	assert_int_equal(chmod(".", 0755) | chmod("by_session", 0755) | chmod("by_session/session_a", 0755) |
	    chmod("by_session/session_b", 0755) | chmod(folder, 0), 0);
	assert_int_equal(me == 0 ? seteuid(65534) : 0, 0);
	r = tree_list_live(t, TREE_BY_SESSION, NULL, &l);
	error = errno;
	assert_int_equal(seteuid(me), 0);
	assert_int_equal(r, -1);
	assert_int_equal(error, EACCES);
	assert_string_equal(l.failed, folder);
	check_list(&l, want);
	tree_parts_free(&l);
	assert_int_equal(chmod(folder, 0755), 0);
}

static void
lists(void **state)
{
	struct tree_parts l = { 0 };
	struct tree t;

	(void)state;
	assert_int_equal(tree_open(&t, "tree/of/records", true), 0);
	assert_int_equal(tree_list_live(&t, TREE_BY_DATE, NULL, &l), 0);	/* a missing folder is an empty one */
	assert_int_equal(l.n, 0);
	assert_int_equal(system("cd tree/of/records && mkdir -p by_date by_session/session_a by_session/session_b by_session/other archive"), 0);
	assert_int_equal(chdir("tree/of/records"), 0);
	write_file("by_date/2025-12-08_all_interactions.json", "");
	write_file("by_date/2025-12-07_all_interactions.json", "");
	write_file("by_date/2025-12-07_errors.json", "");
	write_file("by_date/notes.json", "");
	write_file("by_session/session_b/2025-12-07.json", "");
	write_file("by_session/session_a/2025-12-09.json", "");
	write_file("by_session/other/2025-12-09.json", "");
	write_file("by_session/session_file", "");
	write_file("archive/2025-12-07_all_interactions_" S2 ".json", "");
	write_file("archive/2025-12-07_all_interactions_" S1 ".json.gz", "");
	write_file("archive/2025-12-07_all_interactions_" S1 ".json", "");
	write_file("archive/session_a_2025-12-07_" S1 ".json.gz", "");
	write_file("archive/2025-12-07_errors_" S1 ".json.gz", "");

	assert_int_equal(tree_list_live(&t, TREE_BY_DATE, NULL, &l), 0);
	check_list(&l, "by_date/2025-12-07_all_interactions.json\nby_date/2025-12-08_all_interactions.json\n");
	tree_parts_clear(&l);
	assert_int_equal(tree_list_live(&t, TREE_BY_SESSION, NULL, &l), 0);
	check_list(&l, "by_session/session_b/2025-12-07.json\nby_session/session_a/2025-12-09.json\n");
	tree_parts_clear(&l);
	assert_int_equal(tree_list_live(&t, TREE_BY_SESSION, "session_a", &l), 0);
	check_list(&l, "by_session/session_a/2025-12-09.json\n");
	tree_parts_clear(&l);
	assert_int_equal(tree_list_archive(&t, TREE_BY_DATE, NULL, &l), 0);
	check_list(&l, "archive/2025-12-07_all_interactions_" S1 ".json.gz\narchive/2025-12-07_all_interactions_" S2 ".json\n");
	tree_parts_clear(&l);
	assert_int_equal(tree_list_archive(&t, TREE_BY_SESSION, "session_b", &l), 0);
	assert_int_equal(l.n, 0);
	check_unreadable(&t, "by_session/session_a", "by_session/session_b/2025-12-07.json\n");
	check_unreadable(&t, "by_session/session_b", "by_session/session_a/2025-12-09.json\n");
	tree_parts_free(&l);
	tree_close(&t);
	assert_int_equal(chdir("../../.."), 0);
}

/* Links, FIFOs and folders in the place of files are refused, and nothing waits for them. */
static void
strangers(void **state)
{
	struct tree t;
	uint64_t size;
	bool created;

	(void)state;
	assert_int_equal(tree_open(&t, "strange", true), 0);
	assert_int_equal(system("mkdir -p strange/by_date outside && mkfifo strange/by_date/fifo.json && ln -s ../../outside/x strange/by_date/link.json"
	    " && ln -s ../outside strange/errors && mkdir strange/by_date/folder.json"), 0);
	assert_int_equal(tree_open_file(&t, "by_date/fifo.json"), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(tree_lock_live(&t, "by_date/link.json", true, &created), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(tree_lock_live(&t, "by_date/folder.json", true, &created), -1);
	assert_int_equal(tree_lock_live(&t, "errors/x.json", true, &created), -1);
	assert_int_equal(tree_open_live(&t, "errors/x.json", &size), -1);
	assert_int_equal(system("test -z \"$(ls outside)\""), 0);
	tree_close(&t);
}

static void
locks(void **state)
{
	struct tree t;
	struct stat st;
	uint64_t size;
	bool created;
	int fd, reader;

	(void)state;
	assert_int_equal(tree_open(&t, "locks", true), 0);
	fd = tree_lock_live(&t, "by_session/session_1/2025-12-07.json", true, &created);
	assert_true(fd != -1 && created);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat("locks/by_session/session_1", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(write(fd, "{}\n{\"half", 9), 9);
	/* While a writer is in the middle of a write, a reader takes the whole lines. */
	reader = tree_open_live(&t, "by_session/session_1/2025-12-07.json", &size);
	assert_int_equal(size, 3);
	close(reader);
	close(fd);
	reader = tree_open_live(&t, "by_session/session_1/2025-12-07.json", &size);
	assert_int_equal(size, 9);
	assert_true(tree_is_current(&t, "by_session/session_1/2025-12-07.json", reader));
	assert_int_equal(rename("locks/by_session/session_1/2025-12-07.json", "locks/elsewhere"), 0);
	assert_false(tree_is_current(&t, "by_session/session_1/2025-12-07.json", reader));
	assert_true(tree_is_current(&t, "by_session/session_1/2025-12-07.json", -1));
	close(reader);
	assert_int_equal(tree_lock_live(&t, "by_session/session_1/2025-12-07.json", false, &created), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(tree_sync_dirs(&t, "by_session/session_1/2025-12-07.json"), 0);
	tree_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_names), cmocka_unit_test(long_session_names), cmocka_unit_test(archived_names),
		cmocka_unit_test(lists), cmocka_unit_test(strangers), cmocka_unit_test(locks),
	};

	return cmocka_run_group_tests_name("tree", tests, enter_dir, leave_dir);
}
