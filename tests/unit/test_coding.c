/* test_coding - content codings, and which headers go on to the other side */

#include "unit.h"

#include <zlib.h>

#include "net/coding.h"
#include "net/relay.h"

/* Compress text with these window bits. */
static size_t
deflate_as(int window, const char *text, size_t len, unsigned char *out, size_t room)
{
	z_stream z = { .next_out = out, .avail_out = (unsigned)room };
	size_t n;

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
	memcpy(&z.next_in, &text, sizeof text);
	z.avail_in = (unsigned)len;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	n = room - z.avail_out;
	deflateEnd(&z);
	return n;
}

static const struct { const char *coding; int window; } kinds[] = {
	{ "gzip", 31 }, { "GZIP", 31 }, { "x-gzip", 31 }, { "deflate", 15 }, { "Deflate", -15 },
};

static void
decodes(void **state)
{
	static char text[300000];
	static unsigned char coded[310000];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + chance(20));
	for (size_t i = 0; i < N_OF(kinds); i++)
		for (size_t len = 1; len <= sizeof text; len = len * 7 + (len == 1)) {
			size_t n = deflate_as(kinds[i].window, text, len, coded, sizeof coded);
			struct buf out = { 0 };

			assert_null(coding_decode(kinds[i].coding, coded, n, sizeof text, &out));
			assert_int_equal(out.len, len);
			assert_memory_equal(out.p, text, len);
			buf_free(&out);
		}
}

static void
members(void **state)
{
	static const char text[] = "one two three";
	unsigned char coded[300];
	size_t n = deflate_as(31, text, 4, coded, sizeof coded);
	struct buf out = { 0 };

	(void)state;
	n += deflate_as(31, text + 4, 0, coded + n, sizeof coded - n);
	n += deflate_as(31, text + 4, 9, coded + n, sizeof coded - n);
	assert_null(coding_decode("gzip", coded, n, 13, &out));
	check_text(out.p, out.len, text);
	buf_clear(&out);
	assert_string_equal(coding_decode("gzip", coded, n, 12, &out), "the decoded body is too large");
	buf_clear(&out);
	assert_string_equal(coding_decode("gzip", coded, n - 1, 13, &out), "the coded body is cut");
	buf_clear(&out);
	memset(coded + n, 0, 8);		/* padding is no member */
	assert_null(coding_decode("gzip", coded, n + 8, 13, &out));
	check_text(out.p, out.len, text);
	buf_free(&out);
}

static void
plain(void **state)
{
	static const char *const none[] = { NULL, "", "identity", "Identity" };

	(void)state;
	for (size_t i = 0; i < N_OF(none); i++) {
		struct buf out = { 0 };

		assert_null(coding_decode(none[i], "a\0b", 3, 3, &out));
		assert_int_equal(out.len, 3);
		assert_string_equal(coding_decode(none[i], "a\0b", 3, 2, &out), "the body is too large");
		assert_int_equal(out.len, 5);
		buf_free(&out);
	}
}

/* What is cut gives what came; what is damaged, too large or unknown is said to be so. */
static void
faults(void **state)
{
	static char text[200000];
	static unsigned char coded[4096];
	size_t n = deflate_as(31, text, sizeof text, coded, sizeof coded);
	struct buf out = { 0 };

	(void)state;
	assert_string_equal(coding_decode("gzip", coded, n / 2, sizeof text, &out), "the coded body is cut");
	assert_in_range(out.len, 1, sizeof text);
	buf_clear(&out);
	assert_string_equal(coding_decode("gzip", coded, n, sizeof text - 1, &out), "the decoded body is too large");
	assert_int_equal(out.len, sizeof text - 1);
	buf_clear(&out);
	assert_null(coding_decode("gzip", coded, n, sizeof text, &out));
	buf_clear(&out);
	coded[n - 6] ^= 0x55;		/* of the checksum */
	assert_string_equal(coding_decode("gzip", coded, n, sizeof text, &out), "the coded body is damaged");
	buf_clear(&out);
	assert_string_equal(coding_decode("br", coded, n, sizeof text, &out), "the body has a coding that is not known here");
	assert_string_equal(coding_decode("gzip, gzip", coded, n, sizeof text, &out), "the body has a coding that is not known here");
	assert_string_equal(coding_decode("gzip", "{}", 2, sizeof text, &out), "the coded body is damaged");
	assert_null(coding_decode("gzip", "", 0, sizeof text, &out));
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void
offers(void **state)
{
	static const struct { const char *accept, *want; } t[] = {
		{ "gzip, deflate, br, zstd", "gzip, deflate" }, { "gzip,deflate", "gzip, deflate" }, { "br", "identity" }, { "", "identity" },
		{ "br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip;q=0.8" }, { "identity;q=0.5, zstd", "identity;q=0.5" }, { " , ,GZip ,", "GZip " },
		{ "gzipx, xgzip", "identity" }, { "*", "identity" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct buf out = { 0 };

		coding_offer(t[i].accept, &out);
		assert_string_equal(buf_str(&out), t[i].want);
		buf_free(&out);
	}
}

static void
passes(void **state)
{
	static const struct { const char *name, *connection; bool want; } t[] = {
		{ "Authorization", "", true }, { "X-A", "close", true }, { "x-a", "close, X-A", false }, { "X-A", "X-AB,", true },
		{ "connection", "", false }, { "TE", "", false }, { "Trailer", "", false }, { "Transfer-Encoding", "", false },
		{ "Upgrade", "", false }, { "Keep-Alive", "", false }, { "Proxy-Authorization", "", false }, { "proxy-status", "", false },
		{ "Host", "", false }, { "Content-Length", "", false }, { "Content-Type", "", true }, { "Expect", "", false },
		{ "X-A", "\tX-A\t,", false }, { "", "", true }, { "Prox", "", true },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++)
		assert_int_equal(relay_passes(t[i].name, t[i].connection), t[i].want);
}

static void
headers(void **state)
{
	static const char lines[] = "Content-Type: text/plain\0X-Empty: \0X-Two: b";
	struct relay r = { .status = 200 };

	(void)state;
	assert_null(relay_header(&r, "content-type"));
	buf_add(&r.answer, lines, sizeof lines);
	assert_string_equal(relay_header(&r, "content-type"), "text/plain");
	assert_string_equal(relay_header(&r, "X-EMPTY"), "");
	assert_string_equal(relay_header(&r, "x-two"), "b");
	assert_null(relay_header(&r, "x-tw"));
	buf_free(&r.answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes),
		cmocka_unit_test(members),
		cmocka_unit_test(plain),
		cmocka_unit_test(faults),
		cmocka_unit_test(offers),
		cmocka_unit_test(passes),
		cmocka_unit_test(headers),
	};

	return cmocka_run_group_tests_name("coding", tests, NULL, NULL);
}
