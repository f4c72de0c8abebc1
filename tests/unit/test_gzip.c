/* test_gzip - gzip files, whole, large, padded, damaged and hostile, compared with zlib */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <zlib.h>

#include "base/file.h"
#include "store/gzip.h"

#define MIB (1u << 20)
#define NAME "f.gz"

/* Append pieces of a MiB that was made once; matches do not reach that far back. */
static void
put_from(struct buf *b, const struct buf *pool, size_t len)
{
	while (len > 0) {
		size_t at = chance(pool->len), n = pool->len - at < len ? pool->len - at : len;

		buf_add(b, pool->p + at, n);
		len -= n;
	}
}

/* Text as logs have it: it becomes smaller by a half or so. */
static void
put_text(struct buf *b, size_t len)
{
	static const char *const words[] = { "\"id\":", "session", "prompt", "模型", "的", "response", "{\"stage\":\"completed\"}", "\n" };
	static struct buf pool;

	while (pool.len < MIB) {
		buf_addf(&pool, "%llx", (unsigned long long)chance(1u << 20));
		buf_adds(&pool, words[chance(N_OF(words))]);
	}
	put_from(b, &pool, len);
}

static void
put_noise(struct buf *b, size_t len)
{
	static struct buf pool;

	while (pool.len < MIB)
		buf_addc(&pool, (char)chance(256));
	put_from(b, &pool, len);
}

/* Append a member made by zlib, with the optional fields of a header where full is set. */
static void
put_member(struct buf *b, const char *p, size_t len, int level, bool full)
{
	Bytef extra[] = "ab\4\0data", name[] = "name.json", comment[] = "a comment";
	gz_header h = { .extra = extra, .extra_len = 8, .name = name, .comment = comment, .hcrc = 1 };
	z_stream z = { .next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)len };
	size_t bound = compressBound((uLong)len) + 1000;

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	if (full)
		assert_int_equal(deflateSetHeader(&z, &h), Z_OK);
	z.next_out = (Bytef *)buf_reserve(b, bound);
	z.avail_out = (uInt)bound;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	b->len += z.total_out;
	deflateEnd(&z);
}

/* The same by our writer, in blocks. */
static void
put_blocks(struct buf *b, const struct buf *data, size_t block)
{
	struct gzip *z = gzip_new(6);

	for (size_t at = 0; at < data->len; at += block) {
		size_t n = data->len - at < block ? data->len - at : block;
		char *to = buf_reserve(b, gzip_bound(z, n));
		size_t size = gzip_block(z, data->p + at, n, to);

		assert_true(size > 0);
		assert_true(gzip_holds(z, to, size, data->p + at, n));
		b->len += size;
	}
	gzip_free(z);
}

/* Read it all, step bytes at a time; each damage appends its message to errors. */
static void
read_all(const struct buf *file, size_t step, struct buf *out, struct buf *errors)
{
	struct gunzip *g;
	ssize_t n;
	int fd;

	assert_int_equal(file_replace(NAME, 0600, file->p, file->len), 0);
	fd = open(NAME, O_RDONLY);
	assert_true(fd != -1);
	g = gunzip_new(fd);
	buf_clear(out);
	buf_clear(errors);
	while ((n = gunzip_read(g, buf_reserve(out, step), step)) != 0) {
		if (n > 0) {
			out->len += (size_t)n;
			continue;
		}
		assert_int_equal(errno, EBADMSG);
		buf_addf(errors, "%s\n", gunzip_error(g));
	}
	assert_int_equal(gunzip_read(g, buf_reserve(out, step), step), 0);	/* the end stays the end */
	gunzip_free(g);
	close(fd);
}

static void
same(const struct buf *got, const char *p, size_t len)
{
	if (got->len != len || (len > 0 && memcmp(got->p, p, len) != 0))
		fail_msg("%zu bytes, not the %zu that were expected", got->len, len);
}

static void
check(const struct buf *file, const struct buf *data, const char *want_errors)
{
	static const size_t steps[] = { 5000, 3 * MIB, GZIP_BLOCK, 6 * MIB, 20 * MIB };	/* from GZIP_BLOCK on members go straight there */
	struct buf out = { 0 }, errors = { 0 };

	for (size_t i = 0; i < N_OF(steps); i++) {
		read_all(file, steps[i], &out, &errors);
		check_text(buf_str(&errors), errors.len, want_errors);
		same(&out, data->p, data->len);
	}
	buf_free(&out);
	buf_free(&errors);
}

static void
whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, MIB - 1, MIB, MIB + 1, 3 * MIB, 5 * MIB, 7 * MIB, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB };
	struct buf data = { 0 }, file = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(sizes); i++) {
		for (int kind = 0; kind < 3; kind++) {	/* text; what does not get smaller; what gets a thousand times so */
			buf_clear(&data);
			buf_clear(&file);
			if (kind == 0)
				put_text(&data, sizes[i]);
			else if (kind == 1)
				put_noise(&data, sizes[i]);
			else
				memset(buf_reserve(&data, sizes[i]), 'a', data.len = sizes[i]);
			put_member(&file, data.p, data.len, 6, false);
			check(&file, &data, "");
			put_member(&file, "tail", 4, 9, true);
			buf_adds(&data, "tail");
			check(&file, &data, "");
		}
	}
	buf_free(&data);
	buf_free(&file);
}

static void
members(void **state)
{
	struct buf data = { 0 }, file = { 0 };

	(void)state;
	for (int i = 0; i < 3000; i++) {	/* sizes of all kinds, one after the other */
		size_t from = data.len, len = chance(10) == 0 ? 0 : (size_t)1 << chance(15);

		put_text(&data, len);
		put_member(&file, data.p + from, len, (int)chance(10), chance(2) == 0);
		if (i % 500 == 499) {
			from = data.len;
			put_noise(&data, i == 999 ? 9 * MIB : 5 * MIB);
			put_member(&file, data.p + from, data.len - from, 1, false);
		}
	}
	check(&file, &data, "");
	for (size_t zeros = 1; zeros < 10 * MIB; zeros *= 60) {
		memset(buf_reserve(&file, zeros), 0, zeros);
		file.len += zeros;
		check(&file, &data, "");
	}
	buf_free(&data);
	buf_free(&file);
}

static void
blocks(void **state)
{
	struct buf data = { 0 }, file = { 0 }, one = { 0 }, unzipped = { 0 };
	gzFile z;

	(void)state;
	put_text(&data, 7 * MIB + 12345);
	put_noise(&data, 2 * MIB);
	put_blocks(&file, &data, MIB / 10);
	check(&file, &data, "");
	buf_clear(&file);
	put_blocks(&file, &data, GZIP_BLOCK);
	check(&file, &data, "");
	z = gzopen(NAME, "rb");		/* zlib reads it, too */
	assert_int_equal(gzread(z, buf_reserve(&unzipped, data.len + 1), (unsigned)data.len + 1), data.len);
	unzipped.len = data.len;
	same(&unzipped, data.p, data.len);
	assert_int_equal(gzclose(z), Z_OK);
	buf_clear(&data);
	buf_clear(&file);
	put_text(&data, 12 * MIB);
	put_blocks(&file, &data, GZIP_BLOCK);
	put_member(&one, data.p, data.len, 6, false);
	assert_true(file.len * 100 <= one.len * 101);
	buf_free(&data);
	buf_free(&file);
	buf_free(&one);
	buf_free(&unzipped);
}

static void
holds(void **state)
{
	struct buf data = { 0 }, member = { 0 };
	struct gzip *z = gzip_new(6);
	size_t size;

	(void)state;
	put_text(&data, 5000);
	size = gzip_block(z, data.p, data.len, buf_reserve(&member, gzip_bound(z, data.len)));
	assert_true(gzip_holds(z, member.p, size, data.p, data.len));
	assert_false(gzip_holds(z, member.p, size, data.p, data.len - 1));
	assert_false(gzip_holds(z, member.p, size, data.p, data.len + 1));
	assert_false(gzip_holds(z, member.p, size - 1, data.p, data.len));
	assert_false(gzip_holds(z, member.p, size + 1, data.p, data.len));
	data.p[77] ^= 1;
	assert_false(gzip_holds(z, member.p, size, data.p, data.len));
	data.p[77] ^= 1;
	for (size_t i = 10; i < size; i++) {
		member.p[i] ^= 0x10;
		assert_false(gzip_holds(z, member.p, size, data.p, data.len));
		member.p[i] ^= 0x10;
	}
	size = gzip_block(z, "", 0, member.p);
	assert_true(gzip_holds(z, member.p, size, "", 0));
	gzip_free(z);
	buf_free(&data);
	buf_free(&member);
}

/* ---- damage ---- */

#define N_BLOCKS 6
#define BLOCK 50000

/* Six members of 50000 bytes; at[i] is where each begins, at[6] the end. */
static void
make_six(struct buf *data, struct buf *file, size_t at[N_BLOCKS + 1])
{
	buf_clear(data);
	buf_clear(file);
	put_text(data, N_BLOCKS * BLOCK);
	for (size_t i = 0; i < N_BLOCKS; i++) {
		at[i] = file->len;
		put_member(file, data->p + i * BLOCK, BLOCK, 6, i % 2 == 0);
	}
	at[N_BLOCKS] = file->len;
}

static size_t
lines(const struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->p[i] == '\n';
	return n;
}

static void
cut_short(void **state)
{
	struct buf data = { 0 }, file = { 0 }, out = { 0 }, errors = { 0 };
	size_t at[N_BLOCKS + 1];

	(void)state;
	make_six(&data, &file, at);
	for (size_t len = at[4] + 1; len < at[6]; len += len < at[4] + 30 || at[6] - len < 30 ? 1 : 997) {
		size_t full = len >= at[5] ? 5 : 4;
		char want[100];

		file.len = len;
		read_all(&file, chance(2) == 0 ? BLOCK : GZIP_BLOCK, &out, &errors);
		assert_true(out.len >= full * BLOCK);
		assert_memory_equal(out.p, data.p, out.len);
		snprintf(want, sizeof want, "damaged at byte %zu: the file is cut short\n", len);
		check_text(errors.p, errors.len, len == at[5] ? "" : want);
		if (len + 100 < at[6] && len > at[5] + 5000)
			assert_true(out.len > 5 * BLOCK);	/* the piece is given, too */
	}
	buf_free(&data);
	buf_free(&file);
	buf_free(&out);
	buf_free(&errors);
}

/* A byte changed anywhere in the third member: the others are read whole, one message, a place in that member. */
static void
changed(void **state)
{
	struct buf data = { 0 }, file = { 0 }, out = { 0 }, errors = { 0 };
	size_t at[N_BLOCKS + 1], silent = 0;

	(void)state;
	make_six(&data, &file, at);
	for (size_t i = at[2]; i < at[3]; i += i < at[2] + 60 || at[3] - i < 60 ? 1 : 211) {
		unsigned char was = (unsigned char)file.p[i];
		unsigned long long place;

		file.p[i] = (char)(was ^ (1u << chance(8)));
		read_all(&file, chance(2) == 0 ? BLOCK / 3 : GZIP_BLOCK, &out, &errors);
		file.p[i] = (char)was;
		assert_memory_equal(out.p, data.p, 2 * BLOCK);
		assert_true(out.len >= 5 * BLOCK);
		assert_memory_equal(out.p + out.len - 3 * BLOCK, data.p + 3 * BLOCK, 3 * BLOCK);
		if (errors.len == 0) {		/* the time or the name in the header */
			same(&out, data.p, data.len);
			silent++;
			continue;
		}
		assert_int_equal(lines(&errors), 1);
		assert_int_equal(sscanf(errors.p, "damaged at byte %llu: ", &place), 1);
		assert_in_range(place, at[2], at[4]);
	}
	assert_in_range(silent, 1, 50);
	buf_free(&data);
	buf_free(&file);
	buf_free(&out);
	buf_free(&errors);
}

static void
told(void **state)
{
	struct buf data = { 0 }, file = { 0 }, bad = { 0 };
	size_t at[N_BLOCKS + 1];
	char want[300];

	(void)state;
	make_six(&data, &file, at);
	/* the checksum, and the length */
	file.p[at[1] - 8] ^= 1;
	snprintf(want, sizeof want, "damaged at byte %zu: incorrect data check\n", at[1] - 4);
	check(&file, &data, want);
	file.p[at[1] - 8] ^= 1;
	file.p[at[2] - 1] ^= 1;
	snprintf(want, sizeof want, "damaged at byte %zu: incorrect length check\n", at[2]);
	check(&file, &data, want);
	file.p[at[2] - 1] ^= 1;
	/* garbage behind */
	buf_add(&bad, file.p, file.len);
	buf_adds(&bad, "garbage");
	snprintf(want, sizeof want, "damaged at byte %zu: garbage behind the data\n", file.len);
	check(&bad, &data, want);
	buf_add(&bad, "\x1f\x8b\x08\0\0\0\0\0\0\3 and more, which looks like a member", 46);
	check(&bad, &data, want);
	buf_add(&bad, file.p, at[1]);
	buf_add(&data, data.p, BLOCK);
	check(&bad, &data, want);
	data.len -= BLOCK;
	/* garbage before, between two */
	buf_clear(&bad);
	put_noise(&bad, 3 * MIB);
	bad.p[0] = 'x';
	buf_add(&bad, file.p, file.len);
	check(&bad, &data, "damaged at byte 0: not gzip data\n");
	buf_clear(&bad);
	buf_add(&bad, file.p, at[3]);
	buf_adds(&bad, "\nlog line\n");
	buf_add(&bad, file.p + at[3], file.len - at[3]);
	snprintf(want, sizeof want, "damaged at byte %zu: garbage behind the data\n", at[3]);
	check(&bad, &data, want);
	/* a hole: zeros in place of the third member's end and the fourth one's head */
	buf_clear(&bad);
	buf_add(&bad, file.p, at[3]);
	memset(buf_reserve(&bad, 5 * MIB), 0, 5 * MIB);
	bad.len += 5 * MIB;
	buf_add(&bad, file.p + at[3], file.len - at[3]);
	snprintf(want, sizeof want, "damaged at byte %zu: zeros, and more behind them\n", at[3]);
	check(&bad, &data, want);
	/* what is no gzip file at all */
	data.len = 0;
	file.len = 0;
	check(&file, &data, "damaged at byte 0: the file is empty\n");
	buf_addc(&file, '\0');
	check(&file, &data, "damaged at byte 0: not gzip data\n");
	buf_adds(&file, "text");
	check(&file, &data, "damaged at byte 0: not gzip data\n");
	buf_free(&data);
	buf_free(&file);
	buf_free(&bad);
}

/* Damage in a large stream, and a large one behind it. */
static void
large(void **state)
{
	struct buf data = { 0 }, file = { 0 }, out = { 0 }, errors = { 0 };
	size_t second;

	(void)state;
	put_text(&data, 12 * MIB);
	put_member(&file, data.p, data.len, 1, false);
	second = file.len;
	put_member(&file, data.p, data.len, 1, false);
	for (int i = 0; i < 2; i++) {
		size_t at = i == 0 ? second / 8 * 7 : 100000;

		file.p[at] ^= 0x55;
		read_all(&file, 100000, &out, &errors);
		file.p[at] ^= 0x55;
		assert_int_equal(lines(&errors), 1);
		assert_memory_equal(out.p, data.p, 100000);
		assert_true(out.len >= data.len);
		assert_memory_equal(out.p + out.len - data.len, data.p, data.len);
	}
	buf_free(&data);
	buf_free(&file);
	buf_free(&out);
	buf_free(&errors);
}

/* Append the head of a member and that of a stored block of len bytes, which is not the last one. */
static void
put_head(struct buf *b, size_t len)
{
	const unsigned char head[] = {
		0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0, len & 0xff, len >> 8 & 0xff, ~len & 0xff, ~len >> 8 & 0xff,
	};

	buf_add(b, head, sizeof head);
}

/* A wrong length leads into the next member, which is read nevertheless. */
static void
run_over(void **state)
{
	struct buf data = { 0 }, file = { 0 }, out = { 0 }, errors = { 0 };
	size_t second;

	(void)state;
	put_text(&data, 20000);
	put_member(&file, data.p, 1000, 0, false);
	second = file.len;
	put_member(&file, data.p, data.len, 6, false);
	file.p[11] = (char)0xe8, file.p[12] = 7;	/* 2024 bytes, not 1000 */
	file.p[13] = 0x17, file.p[14] = (char)0xf8;
	read_all(&file, 4096, &out, &errors);
	assert_int_equal(lines(&errors), 1);
	assert_true(strtoull(errors.p + strlen("damaged at byte "), NULL, 10) > second);
	assert_memory_equal(out.p, data.p, 1000);
	assert_true(out.len >= 2024 + data.len);
	assert_memory_equal(out.p + out.len - data.len, data.p, data.len);
	buf_free(&data);
	buf_free(&file);
	buf_free(&out);
	buf_free(&errors);
}

/*
 * Thousands of heads, from each of which a block leads to the same data, which inflates to 7 MiB and then breaks off: the
 * time must not be that of inflating it each time.
 */
static void
hostile(void **state)
{
	struct buf file = { 0 }, out = { 0 }, errors = { 0 };
	enum { HEADS = 4000, HEAD = 15 };
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < HEADS; i++)
		put_head(&file, (HEADS - 1 - i) * HEAD);
	memset(buf_reserve(&out, 15 * MIB), 'a', out.len = 7 * MIB);	/* with room for the member, made of what stands before it */
	put_member(&out, out.p, 7 * MIB, 9, false);
	buf_add(&file, out.p + 7 * MIB + 10, out.len - 7 * MIB - 10);	/* without its head */
	file.p[file.len - 8] ^= 1;
	read_all(&file, 4096, &out, &errors);
	assert_true(out.len >= 7 * MIB);
	assert_true(lines(&errors) >= 1);
	assert_in_range((clock() - start) / CLOCKS_PER_SEC, 0, 4);
	buf_free(&file);
	buf_free(&out);
	buf_free(&errors);
}

static void
failing(void **state)
{
	struct gunzip *g = gunzip_new(-1);
	char c;

	(void)state;
	assert_int_equal(gunzip_read(g, &c, 1), -1);
	assert_int_equal(errno, EBADF);
	gunzip_free(g);
	gunzip_free(NULL);
	gzip_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(members),
		cmocka_unit_test(blocks),
		cmocka_unit_test(holds),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(changed),
		cmocka_unit_test(told),
		cmocka_unit_test(large),
		cmocka_unit_test(run_over),
		cmocka_unit_test(hostile),
		cmocka_unit_test(failing),
	};

	return cmocka_run_group_tests_name("gzip", tests, enter_dir, leave_dir);
}
