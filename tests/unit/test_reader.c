/* test_reader - whole lines by the block, however they arrive */

#include "unit.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "base/io.h"
#include "ndjson/reader.h"

struct seen {
	struct buf lines, longs;	/* what came as whole lines, as pieces */
	int	 n_long, n_idle;
	enum read_status last;
};

static void
drain(struct reader *r, struct seen *s)
{
	struct buf b = { 0 };
	bool open = false;

	do {
		s->last = reader_next(r, &b);
		switch (s->last) {
		case READ_LINES:
			assert_false(open);
			assert_true(b.len > 0);
			assert_int_equal(b.p[b.len - 1], '\n');
			for (size_t i = 1; i < BUF_PAD; i++)
				assert_int_equal(b.p[b.len + i], 0);
			buf_add(&s->lines, b.p, b.len);
			break;
		case READ_LONG:
			assert_true(b.len > 0);
			s->n_long += !open;
			open = b.p[b.len - 1] != '\n';
			buf_add(&s->longs, b.p, b.len);
			break;
		case READ_IDLE:
			s->n_idle++;
			break;
		case READ_END:
		case READ_ERROR:
			break;
		}
	} while (s->last != READ_END && s->last != READ_ERROR);
	assert_false(open);
	buf_free(&b);
}

/* Feed text through a pipe in pieces of this size (0: at once). */
static void
feed(const char *text, size_t len, size_t piece, size_t max_line, struct seen *s)
{
	struct reader r;
	int fd[2], st;
	pid_t child;

	*s = (struct seen){ 0 };
	assert_int_equal(pipe(fd), 0);
	if ((child = fork()) == 0) {
		close(fd[0]);
		for (size_t at = 0, n; at < len; at += n) {
			n = piece == 0 || piece > len - at ? len - at : piece;
			if (io_write(fd[1], text + at, n) == -1)
				_exit(1);
			if (piece != 0)
				usleep(300);
		}
		_exit(0);
	}
	close(fd[1]);
	reader_init(&r, fd[0], max_line);
	drain(&r, s);
	assert_int_equal(s->last, READ_END);
	assert_int_equal(r.bytes, len);
	reader_free(&r);
	close(fd[0]);
	assert_int_equal(waitpid(child, &st, 0), child);
	assert_int_equal(st, 0);
}

static void
forget(struct seen *s)
{
	buf_free(&s->lines);
	buf_free(&s->longs);
}

static void
arrivals(void **state)
{
	static const struct { const char *text, *lines; } table[] = {
		{ "", "" }, { "\n", "\n" }, { "a\n", "a\n" }, { "a", "a\n" }, { "a\nb", "a\nb\n" }, { "\n\na\n\n", "\n\na\n\n" },
		{ "a\r\nb\r\n", "a\r\nb\r\n" }, { "\xef\xbb\xbf" "a\n", "a\n" }, { "\xef\xbb\xbf", "" }, { "\xef\xbb\xbf\n", "\n" },
		{ "\xef\xbb\xbf\xef\xbb\xbf" "a\n", "\xef\xbb\xbf" "a\n" }, { "a\n\xef\xbb\xbf" "b\n", "a\n\xef\xbb\xbf" "b\n" },
		{ "\n\xef\xbb\xbf" "b\n", "\n\xef\xbb\xbf" "b\n" }, { "\xef\xbb" "a\n", "\xef\xbb" "a\n" }, { "\xef", "\xef\n" },
		{ "\xef\n\xbb\xbf\n", "\xef\n\xbb\xbf\n" }, { "123456789\n", "123456789\n" },
	};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++)
		for (size_t piece = 0; piece < 4; piece++) {
			feed(table[i].text, strlen(table[i].text), piece, 100, &s);
			if (s.lines.len != strlen(table[i].lines) || (s.lines.len != 0 && memcmp(s.lines.p, table[i].lines, s.lines.len) != 0))
				fail_msg("case %zu in pieces of %zu: '%.*s'", i, piece, (int)s.lines.len, s.lines.p);
			assert_int_equal(s.n_long, 0);
			forget(&s);
		}
	feed("a\0b\n\0\n", 6, 1, 100, &s);
	assert_int_equal(s.lines.len, 6);
	assert_memory_equal(s.lines.p, "a\0b\n\0\n", 6);
	forget(&s);
}

/* Lines at the bound, beyond it, with and without what surrounds them. */
static void
long_lines(void **state)
{
	(void)state;
	for (size_t over = 0; over <= 1; over++)
		for (size_t piece = 0; piece < 10; piece += 3)
			for (int final = 0; final <= 1; final++) {
				struct buf text = { 0 };
				struct seen s;

				buf_adds(&text, "x\n");
				for (size_t i = 0; i < 20 + over; i++)
					buf_addc(&text, 'y');
				if (final)
					buf_addc(&text, '\n');
				/* At once, the reader need not notice: whole lines are for the caller to measure. */
				feed(text.p, text.len, piece, 20, &s);
				assert_int_equal(s.lines.len + s.longs.len, text.len + !final);
				assert_true((size_t)s.n_long <= over);
				if (!final)
					assert_int_equal(s.n_long, over);
				forget(&s);
				buf_free(&text);
			}
}

static void
very_long_lines(void **state)
{
	enum { LEN = 3 << 20 };
	static char text[LEN + 16];

	(void)state;
	memset(text, 'z', sizeof text);
	memcpy(text, "a\n", 2);
	memcpy(text + LEN, "\nb\n", 3);
	for (int final = 0; final <= 1; final++) {
		struct seen s;

		feed(text, final ? LEN + 3 : LEN, 0, 1 << 20, &s);
		check_text(s.lines.p, s.lines.len, final ? "a\nb\n" : "a\n");
		assert_int_equal(s.n_long, 1);
		assert_int_equal(s.longs.len, LEN - 2 + 1);
		forget(&s);
		feed(text, final ? LEN + 3 : LEN, 0, 4 << 20, &s);
		assert_int_equal(s.n_long, 0);
		assert_int_equal(s.lines.len, LEN + (final ? 3 : 1));
		forget(&s);
	}
}

static void
files(void **state)
{
	struct buf text = { 0 };
	struct reader r;
	struct seen s = { 0 };
	int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_addf(&text, "%d%.*s\n", i, (int)chance(40), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	assert_int_equal(io_write(fd, text.p, text.len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	reader_init(&r, fd, 1000);
	assert_int_equal(r.total, text.len);
	drain(&r, &s);
	assert_int_equal(s.last, READ_END);
	assert_int_equal(s.lines.len, text.len);
	assert_memory_equal(s.lines.p, text.p, text.len);
	reader_free(&r);
	forget(&s);
	close(fd);
	fd = open(".", O_RDONLY);
	reader_init(&r, fd, 1000);
	s = (struct seen){ 0 };
	drain(&r, &s);
	assert_int_equal(s.last, READ_ERROR);
	reader_free(&r);
	close(fd);
	buf_free(&text);
}

/* From a pipe nothing waits for more; with a time limit the reader says so and forgets nothing. */
static void
idle(void **state)
{
	struct reader r;
	struct buf b = { 0 };
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	reader_init(&r, fd[0], 100);
	assert_int_equal(io_write(fd[1], "one\ntwo\nhal", 11), 0);
	assert_int_equal(reader_next(&r, &b), READ_LINES);
	check_text(b.p, b.len, "one\ntwo\n");
	r.timeout_ms = 10;
	assert_int_equal(reader_next(&r, &b), READ_IDLE);
	assert_int_equal(reader_next(&r, &b), READ_IDLE);
	assert_int_equal(io_write(fd[1], "f\nx", 3), 0);
	assert_int_equal(reader_next(&r, &b), READ_LINES);
	check_text(b.p, b.len, "half\n");
	assert_int_equal(reader_next(&r, &b), READ_IDLE);
	close(fd[1]);
	assert_int_equal(reader_next(&r, &b), READ_LINES);
	check_text(b.p, b.len, "x\n");
	assert_int_equal(reader_next(&r, &b), READ_END);
	assert_int_equal(reader_next(&r, &b), READ_END);
	reader_free(&r);
	buf_free(&b);
	close(fd[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrivals),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(very_long_lines),
		cmocka_unit_test(files),
		cmocka_unit_test(idle),
	};

	return cmocka_run_group_tests_name("reader", tests, enter_dir, leave_dir);
}
