/* recorder/walk.h: order, the lines of a record, files that come and go, what cannot be read. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "recorder/newest.h"
#include "recorder/walk.h"

#define S1 "20251207T122408.275173Z"
#define S2 "20251208T122408.275173Z"

static struct buf seen, told;

static bool
show(void *ctx, const struct walk_record *r)
{
	(void)ctx;
	for (size_t i = 0; i < r->n; i++) {
		const char *v = strstr(r->text[i].p, "\"n\":");

		assert_int_equal(r->text[i].p[r->text[i].len - 1], '}');
		buf_addf(&seen, "%s%d", i == 0 ? "" : "+", v == NULL ? -1 : atoi(v + 4));
	}
	buf_addc(&seen, ' ');
	return true;
}

static void
tell(void *ctx, const char *path, uint64_t line, size_t column, const char *reason)
{
	(void)ctx;
	assert_memory_equal(path, "tree/", 5);
	buf_addf(&told, "%s:%llu:%zu: %s\n", path + 5, (unsigned long long)line, column, reason);
}

static void
put(const char *path, const char *text)
{
	char command[512];
	FILE *f;

	snprintf(command, sizeof command, "mkdir -p $(dirname tree/%s)", path);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof command, "tree/%s", path);
	f = fopen(command, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
fresh(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	buf_clear(&seen);
	buf_clear(&told);
	return system("rm -rf tree && mkdir tree");
}

static int
drop(void **state)
{
	(void)state;
	buf_free(&seen);
	buf_free(&told);
	seen = told = (struct buf){ 0 };
	return 0;
}

static struct walk
walk_of(const struct tree *t)
{
	return (struct walk){ .tree = t, .kind = TREE_BY_DATE, .fold = true, .texts = true, .jobs = 1, .record = show, .bad = tell };
}

static void
check(struct walk w, const char *want)
{
	struct tree t;
	char *path;

	assert_int_equal(tree_open(&t, "tree", false), 0);
	w.tree = &t;
	buf_clear(&seen);
	buf_clear(&told);
	assert_int_equal(walk_run(&w, &path), 0);
	assert_string_equal(buf_str(&seen), want);
	tree_close(&t);
}

#define LINE(n, id, time) "{\"n\":" #n ",\"id\":\"" id "\",\"timestamp\":\"2025-12-" time "\"}\n"
#define STAGE(n, id, time, stage, prompt) "{\"n\":" #n ",\"id\":\"" id "\",\"timestamp\":\"2025-12-" time "\",\"session_id\":1," \
	"\"prompt\":\"" prompt "\",\"metadata\":{\"stage\":\"" stage "\"}}\n"
#define DAY7 "by_date/2025-12-07_all_interactions.json"
#define DAY8 "by_date/2025-12-08_all_interactions.json"
#define DAY9 "by_date/2025-12-09_all_interactions.json"

static void
order(void **state)
{
	struct walk w = walk_of(NULL);

	(void)state;
	put(DAY8, LINE(4, "d", "08T00:00:00Z") LINE(5, "e", "08T00:00:00.000002Z"));
	put(DAY7, LINE(3, "c", "07T12:00:00.5Z") "{\"n\":30,\"id\":\"x\"}\n");
	put("archive/2025-12-07_all_interactions_" S1 ".json", LINE(2, "b", "07T13:00:00+02:00") LINE(1, "a", "07T09:00:00.000001"));
	put("archive/2025-12-07_errors_" S1 ".json", LINE(9, "z", "07T09:00:00"));
	check(w, "1 2 3 30 4 5 ");
	w.fold = false;
	check(w, "1 2 3 30 4 5 ");
	w.from = w.to = "2025-12-07";
	check(w, "1 2 3 30 ");
	w.from = "2025-12-08", w.to = NULL;
	check(w, "4 5 ");
	w.from = NULL;
	w.jobs = 4;
	check(w, "1 2 3 30 4 5 ");
	w.kind = TREE_ERRORS;
	check(w, "9 ");
	w.kind = TREE_BY_SESSION;
	w.session = "session_1";
	check(w, "");
}

static void
same_id(void **state)
{
	struct walk w = walk_of(NULL);

	(void)state;
	put(DAY7, LINE(1, "a", "07T10:00:00Z") LINE(2, "b", "07T11:00:00Z") LINE(3, "a", "07T12:00:00Z") LINE(4, "\\u0062", "07T10:30:00Z"));
	put(DAY8, LINE(5, "a", "08T10:00:00Z") LINE(6, "c", "08T10:00:00Z"));
	put(DAY9, LINE(7, "a", "09T10:00:00Z") LINE(8, "c", "09T10:00:00Z"));
	check(w, "1+3+5 4+2 6+8 7 ");
	/* A record belongs to the day of its first line, whatever part of the tree is asked for. */
	w.to = "2025-12-07";
	check(w, "1+3+5 4+2 ");
	w.from = w.to = "2025-12-08";
	check(w, "6+8 ");
	w.fold = false;
	check(w, "5 6 ");
}

static void
same_call(void **state)
{
	struct walk w = walk_of(NULL);

	(void)state;
	put(DAY7,
	    STAGE(1, "a", "07T10:00:00Z", "started", "p") STAGE(2, "b", "07T10:01:00Z", "started", "p")
	    STAGE(3, "c", "07T10:02:00Z", "completed", "p")		/* of 2, the newest that waits */
	    STAGE(4, "d", "07T10:03:00Z", "completed", "p")		/* of 1 */
	    STAGE(5, "e", "07T10:04:00Z", "finalized", "p")		/* of 1: it was written to last */
	    STAGE(6, "f", "07T10:05:00Z", "completed", "p")		/* nothing waits for it */
	    STAGE(7, "g", "07T10:06:00Z", "started", "q") STAGE(8, "g", "07T10:07:00Z", "completed", "q")
	    STAGE(9, "h", "07T10:08:00Z", "completed", "q")		/* 7 has been completed under its own id */
	    STAGE(10, "i", "07T10:09:00Z", "completed", "r")		/* another prompt */
	    STAGE(11, "j", "07T23:59:00Z", "started", "s") LINE(12, "k", "07T23:59:30Z"));
	put(DAY8, STAGE(13, "l", "08T00:01:00Z", "completed", "s"));
	check(w, "1+4+5 2+3 6 7+8 9 10 11+13 12 ");
	w.fold = false;
	w.to = "2025-12-07";
	check(w, "1 2 3 4 5 6 7 8 9 10 11 12 ");
}

/* Without ids at all, as another program may have written them. */
static void
no_ids(void **state)
{
	(void)state;
	put(DAY7,
	    "{\"n\":1,\"timestamp\":\"2025-12-07T10:00:00\",\"session_id\":\"s\",\"prompt\":\"p\",\"metadata\":{\"stage\":\"started\"}}\n"
	    "{\"n\":2,\"timestamp\":\"2025-12-07T10:00:01\",\"session_id\":\"s\",\"prompt\":\"p\",\"metadata\":{\"stage\":\"completed\"}}\n"
	    "{\"n\":3,\"timestamp\":\"2025-12-07T10:00:02\",\"session_id\":\"s\",\"prompt\":\"p\"}\n"
	    "{\"n\":4,\"timestamp\":\"2025-12-07T10:00:03\",\"session_id\":\"s\",\"prompt\":\"p\"}\n");
	check(walk_of(NULL), "1+2 3 4 ");
}

static void
compressed(void **state)
{
	(void)state;
	put("archive/2025-12-07_all_interactions_" S1 ".json", LINE(1, "a", "07T10:00:00Z"));
	put("archive/2025-12-07_all_interactions_" S2 ".json", LINE(2, "b", "07T11:00:00Z"));
	put(DAY7, LINE(3, "c", "07T12:00:00Z"));
	assert_int_equal(system("cd tree/archive && gzip *" S1 ".json && gzip -k *" S2 ".json"), 0);
	check(walk_of(NULL), "1 2 3 ");
}

static void
unreadable(void **state)
{
	struct walk w = walk_of(NULL);

	(void)state;
	put("archive/2025-12-07_all_interactions_" S1 ".json", LINE(1, "a", "07T10:00:00Z") "{\"n\":2,\"to\n\n[3]\n" LINE(4, "b", "07T11:00:00Z") "\xff\n");
	put(DAY7, LINE(5, "c", "07T12:00:00Z") "{\"n\":6,\"id\":\"d\"}");
	put(DAY8, "{\"n\":7,\"timestamp\":\"2025-12-");
	assert_int_equal(symlink("/dev/zero", "tree/" DAY9), 0);
	check(w, "1 4 5 6 ");
	assert_string_equal(buf_str(&told),
	    "archive/2025-12-07_all_interactions_" S1 ".json:2:11: a string is not closed\n"
	    "archive/2025-12-07_all_interactions_" S1 ".json:4:1: not an object\n"
	    "archive/2025-12-07_all_interactions_" S1 ".json:6:1: not JSON\n"
	    DAY8 ":1:29: a string is not closed\n"
	    DAY9 ":0:0: Too many levels of symbolic links\n");
	w.max_line = 40;
	check(w, "6 ");
}

static void
many_bad_lines(void **state)
{
	struct walk w = walk_of(NULL);
	struct buf b = { 0 };
	struct tree t;
	char *path;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_adds(&b, "x\n");
	put(DAY7, buf_str(&b));
	buf_free(&b);
	assert_int_equal(tree_open(&t, "tree", false), 0);
	w.tree = &t;
	assert_int_equal(walk_run(&w, &path), 0);
	assert_int_equal(w.unreadable, 1000);
	assert_int_equal(w.lines, 1000);
	tree_close(&t);
	w.bad = NULL;
}

/* An id that goes on for days, and each day alone: what a day shows is the same however far back one reads. */
static void
days_alone(void **state)
{
	static const char *const day[] = { "2025-12-06", "2025-12-07", "2025-12-08", "2025-12-09", "2025-12-10" };
	static const char *const alone[] = { "", "1+2 ", "", "3 ", "4 " };
	struct walk w = walk_of(NULL);

	(void)state;
	put(DAY7, LINE(1, "a", "07T10:00:00"));
	put(DAY8, LINE(2, "a", "08T10:00:00"));
	put(DAY9, LINE(3, "a", "09T10:00:00"));
	put("by_date/2025-12-10_all_interactions.json", LINE(4, "a", "10T10:00:00"));
	check(w, "1+2 3 4 ");
	for (size_t i = 0; i < 5; i++) {
		w.from = w.to = day[i];
		check(w, alone[i]);
	}
	w.from = day[3];
	w.to = NULL;
	check(w, "3 4 ");
	put("by_date/9999-12-31_all_interactions.json", "{\"n\":5,\"timestamp\":\"9999-12-31T10:00:00\"}\n");
	put("by_date/0001-01-01_all_interactions.json", "{\"n\":6,\"timestamp\":\"0001-01-01T10:00:00\"}\n");
	w.from = w.to = "9999-12-31";
	check(w, "5 ");
	w.from = w.to = "0001-01-01";
	check(w, "6 ");
}

/* A day of more parts than files can be open, in memory and not. */
static void
many_parts(void **state)
{
	struct walk w = walk_of(NULL);
	struct rlimit had, few;
	struct buf want = { 0 };
	char path[100], line[100];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof path, "archive/2025-12-07_all_interactions_20251207T0000%02d.%06dZ.json", i / 2, i);
		snprintf(line, sizeof line, "{\"n\":%d,\"timestamp\":\"2025-12-07T00:00:%02d\"}\n", i, i / 2);
		put(path, line);
		buf_addf(&want, "%d ", i);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	few = had;
	few.rlim_cur = 40;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int jobs = 1; jobs <= 3; jobs++)
		for (size_t max = 1; max <= 64u << 20; max *= 64u << 20) {
			w.jobs = jobs;
			w.max_text = max;
			check(w, buf_str(&want));
			assert_string_equal(buf_str(&told), "");
		}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	buf_free(&want);
}

/* Text beyond the bound comes back from a file; many blocks, out of order, folded over days. */
static void
spilled(void **state)
{
	struct walk w = walk_of(NULL);
	struct buf day[2] = { { 0 } }, want = { 0 };
	static char pad[5000];

	(void)state;
	memset(pad, 'x', sizeof pad - 1);
	for (int i = 0; i < 400; i++)
		for (int d = 0; d < 2; d++)
			buf_addf(&day[d], "{\"n\":%d,\"id\":\"%d\",\"timestamp\":\"2025-12-0%dT%02d:%02d:00\",\"pad\":\"%.*s\"}\n", i + d * 1000,
			    i % 2 == 1 && d == 1 ? i : i + d * 1000, 7 + d, 10 + (399 - i) / 60, (399 - i) % 60, (int)chance(5000), pad);
	put(DAY7, buf_str(&day[0]));
	put(DAY8, buf_str(&day[1]));
	for (int i = 399; i >= 0; i--)
		buf_addf(&want, i % 2 == 1 ? "%d+%d " : "%d ", i, i + 1000);
	for (int i = 398; i >= 0; i -= 2)
		buf_addf(&want, "%d ", i + 1000);
	for (int jobs = 1; jobs <= 3; jobs++)
		for (size_t max = 1; max <= 8u << 20; max *= 200) {
			w.jobs = jobs;
			w.max_text = max;
			check(w, buf_str(&want));
		}
	buf_free(&day[0]);
	buf_free(&day[1]);
	buf_free(&want);
}

/* The text of records, and where it must still be. */
struct texts {
	struct buf all;
	struct span line[20000];
	size_t	 n;
	int	 stay, go;
};

static bool
keep_text(void *ctx, const struct walk_record *r)
{
	struct texts *t = ctx;

	assert_int_equal(r->n, 1);
	buf_add(&t->all, r->text[0].p, r->text[0].len);
	buf_addc(&t->all, '\n');
	t->stay += r->stays;
	t->go += !r->stays;
	t->line[t->n++] = r->stays ? r->text[0] : (struct span){ NULL, r->text[0].len };
	return true;
}

static void
compare_texts(void *ctx)
{
	struct texts *t = ctx;
	size_t at = t->all.len;

	for (; t->n > 0; t->n--) {
		struct span s = t->line[t->n - 1];

		at -= s.len + 1;
		if (s.p != NULL)
			assert_memory_equal(s.p, t->all.p + at, s.len + 1);
	}
}

/* Members that end within lines, one that is too large for one call, and one that is plain; text that stays does so. */
static void
texts_stay(void **state)
{
	static char pad[3000];
	struct walk w = walk_of(NULL);
	struct texts *t = calloc(1, sizeof *t);
	struct buf want = { 0 }, day = { 0 };
	struct tree tree;
	char *path;

	(void)state;
	memset(pad, 'x', sizeof pad - 1);
	for (int d = 1; d <= 3; d++) {
		buf_clear(&day);
		for (int i = 0; i < 6000; i++)
			buf_addf(&day, "{\"n\":%d,\"timestamp\":\"2025-12-0%dT10:00:00\",\"pad\":\"%.*s\"}\n", i, d, (int)chance(sizeof pad), pad);
		buf_addf(&want, "%s", buf_str(&day));
		put(d == 1 ? "by_date/2025-12-01_all_interactions.json" : d == 2 ? "two" : "three", buf_str(&day));
	}
	assert_int_equal(system("mkdir tree/archive && split -b 2500000 tree/two piece. && gzip piece.* && "
	    "cat piece.*.gz >tree/archive/2025-12-02_all_interactions_" S1 ".json.gz && "
	    "gzip <tree/three >tree/archive/2025-12-03_all_interactions_" S1 ".json.gz && rm piece.*"), 0);
	assert_int_equal(tree_open(&tree, "tree", false), 0);
	w.tree = &tree;
	w.record = keep_text;
	w.released = compare_texts;
	w.ctx = t;
	for (w.jobs = 1; w.jobs <= 3; w.jobs++)
		for (w.max_text = 1; w.max_text <= 64u << 20; w.max_text *= 8u << 10) {
			buf_clear(&t->all);
			t->stay = t->go = 0;
			assert_int_equal(walk_run(&w, &path), 0);
			assert_int_equal(t->n, 0);
			assert_true(t->all.len == want.len && memcmp(t->all.p, want.p, want.len) == 0);
			assert_true(w.max_text == 1 ? t->stay == 0 : w.max_text == 64u << 20 ? t->go == 0 : true);
		}
	tree_close(&tree);
	buf_free(&want);
	buf_free(&day);
	buf_free(&t->all);
	free(t);
}

struct days_read { int opened, given, jobs; };

static void
count_opened(void *ctx, const char *day, const char *stamp, int fd, uint64_t size)
{
	(void)day, (void)stamp, (void)fd, (void)size;
	((struct days_read *)ctx)->opened++;
}

static bool
give_slowly(void *ctx, const struct walk_record *r)
{
	struct days_read *d = ctx;

	(void)r;
	usleep(10000);
	assert_true(d->opened - ++d->given <= d->jobs);
	return true;
}

/* What is read ahead is kept, so a slow reader of the output must not make it grow. */
static void
not_far_ahead(void **state)
{
	struct walk w = walk_of(NULL);
	struct days_read d;
	char path[100], line[100];

	(void)state;
	for (int i = 1; i <= 30; i++) {
		snprintf(path, sizeof path, "by_date/2025-12-%02d_all_interactions.json", i);
		snprintf(line, sizeof line, "{\"timestamp\":\"2025-12-%02dT10:00:00\"}\n", i);
		put(path, line);
	}
	w.record = give_slowly;
	w.opened = count_opened;
	w.ctx = &d;
	for (int jobs = 1; jobs <= 4; jobs++) {
		w.jobs = jobs;
		d = (struct days_read){ .jobs = jobs };
		check(w, "");
		assert_int_equal(d.given, 30);
	}
}

static bool
stop_at_two(void *ctx, const struct walk_record *r)
{
	(void)r;
	return ++*(int *)ctx < 2;
}

static void
stops(void **state)
{
	struct walk w = walk_of(NULL);
	struct tree t;
	char *path;
	int n = 0;

	(void)state;
	put(DAY7, LINE(1, "a", "07T10:00:00Z") LINE(2, "b", "07T11:00:00Z") LINE(3, "c", "07T12:00:00Z"));
	put(DAY8, LINE(4, "d", "08T10:00:00Z"));
	assert_int_equal(tree_open(&t, "tree", false), 0);
	w.tree = &t;
	w.jobs = 2;
	w.record = stop_at_two;
	w.ctx = &n;
	assert_int_equal(walk_run(&w, &path), 0);
	assert_int_equal(n, 2);
	tree_close(&t);
}

/* Days before the newest are not looked at when what was read is enough. */
static void
newest_stops(void **state)
{
	struct newest l = { .most = 10 };
	struct walk w = walk_of(NULL);
	struct tree t;
	char *path;
	int n = 1;

	(void)state;
	put(DAY7, LINE(1, "a", "07T10:00:00Z"));
	put(DAY8, LINE(2, "b", "08T10:00:00Z"));
	assert_int_equal(tree_open(&t, "tree", false), 0);
	w.tree = &t;
	w.record = stop_at_two;
	w.ctx = &n;
	assert_int_equal(newest_walk(&l, &w, &path), 0);
	assert_int_equal(n, 2);
	assert_string_equal(l.first, "2025-12-08");
	newest_free(&l);
	tree_close(&t);
}

static pthread_attr_t usual;

static bool
show_and_mend(void *ctx, const struct walk_record *r)
{
	assert_int_equal(pthread_setattr_default_np(&usual), 0);
	return show(ctx, r);
}

/* When threads can be had only later, they do not read again what has been read without them. */
static void
late_threads(void **state)
{
	struct walk w = walk_of(NULL);
	pthread_attr_t large;

	(void)state;
	put(DAY7, LINE(1, "a", "07T10:00:00Z"));
	put(DAY8, LINE(2, "b", "08T10:00:00Z"));
	put(DAY9, LINE(3, "c", "09T10:00:00Z") LINE(4, "d", "09T11:00:00Z"));
	assert_int_equal(pthread_getattr_default_np(&usual), 0);
	assert_int_equal(pthread_attr_init(&large), 0);
	assert_int_equal(pthread_attr_setstacksize(&large, (size_t)1 << 50), 0);	/* more than there is */
	w.record = show_and_mend;
	for (int fold = 0; fold < 2; fold++)
		for (w.jobs = 2; w.jobs <= 4; w.jobs++) {
			w.fold = fold == 1;
			assert_int_equal(pthread_setattr_default_np(&large), 0);
			check(w, "1 2 3 4 ");
			assert_string_equal(buf_str(&told), "");
		}
	pthread_attr_destroy(&large);
	pthread_attr_destroy(&usual);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, drop)
	const struct CMUnitTest tests[] = {
		TEST(order), TEST(same_id), TEST(same_call), TEST(no_ids), TEST(compressed), TEST(unreadable), TEST(many_bad_lines),
		TEST(days_alone), TEST(many_parts), TEST(not_far_ahead), TEST(spilled), TEST(texts_stay), TEST(stops), TEST(newest_stops),
		TEST(late_threads),
	};

	return cmocka_run_group_tests_name("walk", tests, enter_dir, leave_dir);
}
