/* test_seal - base64, checksums, keys, AES-GCM and the sealed forms */

#include "unit.h"

#include "crypt/base64.h"
#include "crypt/crc32c.h"
#include "crypt/gcm.h"
#include "crypt/key.h"
#include "crypt/sealed.h"
#include "google/kms.h"

static struct span
text_span(const char *s)
{
	return (struct span){ s, strlen(s) };
}

static size_t
unhex(const char *hex, unsigned char *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		out[i] = (unsigned char)v;
	}
	return n;
}

/* The key whose bytes are 0, 1, 2, ... */
static struct aes_key
counting_key(size_t len)
{
	unsigned char bytes[KEY_BYTES];
	struct aes_key key;

	for (size_t i = 0; i < KEY_BYTES; i++)
		bytes[i] = (unsigned char)i;
	assert_true(aes_key_set(&key, bytes, len));
	return key;
}

static void
base64(void **state)
{
	/* RFC 4648, section 10 */
	static const struct { const char *text, *base64; } t[] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" }, { "\xfb\xff\xfe", "+//+" },
	};
	static const char *const bad[] = { "Zg", "Zg=", "Zh==", "Zm9=", "Zm8", "=", "==", "====", "Z===", "Zm 8", "Zm8\n", "Zm9v=", "Zg==Zg==",
	    "Zm9*", "-__-", "Zm9\xc3", "Zm9\xff", "Zm9\x80" };
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		buf_clear(&b);
		base64_put(t[i].text, strlen(t[i].text), &b);
		check_text(b.p, b.len, t[i].base64);
		buf_clear(&b);
		assert_true(base64_get(t[i].base64, strlen(t[i].base64), &b));
		check_text(b.p, b.len, t[i].text);
	}
	buf_clear(&b);
	for (size_t i = 0; i < N_OF(bad); i++)
		if (base64_get(bad[i], strlen(bad[i]), &b) || b.len != 0)
			fail_msg("'%s' was taken", bad[i]);
	assert_true(base64_get_any("-__-", 4, &b) && base64_get_any("Zm8", 3, &b) && base64_get_any("Zm8=", 4, &b));
	check_text(b.p, b.len, "\xfb\xff\xfe" "fofo");
	assert_false(base64_get_any("Zm8*", 4, &b) || base64_get_any("Z", 1, &b));
	buf_free(&b);
}

static void
base64_all_lengths(void **state)
{
	struct buf bytes = { 0 }, text = { 0 }, back = { 0 };

	(void)state;
	for (size_t len = 0; len < 300; len++) {
		buf_clear(&text);
		buf_clear(&back);
		base64_put(bytes.p, bytes.len, &text);
		assert_int_equal(text.len, (len + 2) / 3 * 4);
		assert_true(base64_get(text.p, text.len, &back));
		assert_int_equal(back.len, len);
		if (len != 0)
			assert_memory_equal(back.p, bytes.p, len);
		buf_addc(&bytes, (char)chance(256));
	}
	buf_free(&bytes);
	buf_free(&text);
	buf_free(&back);
}

static void
checksums(void **state)
{
	char zeros[32] = { 0 };

	(void)state;
	assert_int_equal(crc32c("", 0), 0);
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(zeros, 32), 0x8a9136aa);	/* RFC 3720, B.4 */
	memset(zeros, 0xff, 32);
	assert_int_equal(crc32c(zeros, 32), 0x62a8ab43);
}

/* The 256-bit cases of the GCM specification given to NIST (McGrew and Viega, appendix B: 13 to 16). */
static void
gcm_vectors(void **state)
{
#define ZERO16 "00000000000000000000000000000000"
#define KEY32 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define IV "cafebabefacedbaddecaf888"
#define PLAIN "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define CIPHER "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	static const struct { const char *key, *nonce, *data, *plain, *cipher, *tag; } t[] = {
		{ ZERO16 ZERO16, "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b" },
		{ ZERO16 ZERO16, "000000000000000000000000", "", ZERO16, "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919" },
		{ KEY32, IV, "", PLAIN "1aafd255", CIPHER "898015ad", "b094dac5d93471bdec1a502270e3cc6c" },
		{ KEY32, IV, "feedfacedeadbeeffeedfacedeadbeefabaddad2", PLAIN, CIPHER, "76fc6ece0f4e1768cddf8853bb2d551b" },
	};
	struct gcm g = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		unsigned char bytes[32], nonce[12], data[32], plain[64], want[80], got[80];
		struct aes_key key;
		size_t n = unhex(t[i].plain, plain), n_data = unhex(t[i].data, data);

		assert_true(aes_key_set(&key, bytes, unhex(t[i].key, bytes)));
		unhex(t[i].nonce, nonce);
		unhex(t[i].cipher, want);
		unhex(t[i].tag, want + n);
		for (int twice = 0; twice < 2; twice++) {	/* the second time with the kept schedule */
			assert_true(gcm_encrypt(&g, &key, nonce, (struct span){ (char *)data, n_data }, (struct span){ (char *)plain, n }, got));
			assert_memory_equal(got, want, n + GCM_TAG);
		}
		assert_true(gcm_decrypt(&g, &key, nonce, (struct span){ (char *)data, n_data }, got, n));
		assert_memory_equal(got, plain, n);
		got[0] = want[0];
		got[n] ^= 1;
		assert_false(gcm_decrypt(&g, &key, nonce, (struct span){ (char *)data, n_data }, got, n));
		for (size_t k = 0; k < n; k++)
			assert_int_equal(got[k], 0);		/* nothing is left to see */
		g.key = NULL;		/* the next key may stand in the same place */
	}
	EVP_CIPHER_CTX_free(g.ctx);
}

static void
keys(void **state)
{
	struct aes_keys k;
	struct buf error = { 0 };

	(void)state;
	unsetenv("BOTRUN_LOG_AES_KEY_FILE");
	unsetenv("BOTRUN_LOG_AES_KEYS_OLD_FILE");
	assert_string_equal(counting_key(32).id, "630dcd2966c43366");
	setenv("BOTRUN_LOG_AES_KEY", " \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\" ", 1);
	setenv("BOTRUN_LOG_AES_KEYS_OLD", "AAECAwQFBgcICQoLDA0ODw==,,__________________________________________8=\n"
	    "-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_ ", 1);
	assert_int_equal(aes_keys_load(&k, &error), 0);
	assert_int_equal(k.n, 4);
	assert_true(k.writes && k.v[0].len == 32 && k.v[1].len == 16 && k.v[2].len == 32 && k.v[3].len == 24);
	assert_ptr_equal(aes_keys_find(&k, "630dcd2966c43366"), &k.v[0]);
	assert_null(aes_keys_find(&k, "630dcd2966c43367"));
	aes_keys_free(&k);
	setenv("BOTRUN_LOG_AES_KEYS_OLD", "AAECAwQFBgcICQoLDA0ODw==,c2VjcmV0", 1);
	assert_int_equal(aes_keys_load(&k, &error), -1);
	assert_string_equal(buf_str(&error), "BOTRUN_LOG_AES_KEYS_OLD: key 2 is not 16, 24 or 32 bytes in base64");
	unsetenv("BOTRUN_LOG_AES_KEYS_OLD");
	setenv("BOTRUN_LOG_AES_KEY", "AAECAwQFBgcICQoLDA0ODw==", 1);
	assert_int_equal(aes_keys_load(&k, &error), 0);
	assert_false(k.writes);
	aes_keys_free(&k);
	unsetenv("BOTRUN_LOG_AES_KEY");
	assert_int_equal(aes_keys_load(&k, &error), 0);
	assert_int_equal(k.n, 0);
	aes_keys_free(&k);
	buf_free(&error);
}

/* Made by another program (Python's cryptography). */
static void
known_value(void **state)
{
	static const char text[] = "v1:630dcd2966c43366:ZGVmZ2hpamtsbW5vav5R1p5o9dBRTG60r1VazXLgqUGTLihqvl0aweiUW0VKuA==";
	struct aes_key key = counting_key(32);
	struct sealer s = { 0 };
	struct sealed v;
	struct buf bound = { 0 }, out = { 0 };
	struct span data;

	(void)state;
	sealed_bind(text_span("session_1"), &bound);
	data = (struct span){ bound.p, bound.len };
	assert_true(sealed_parse(text_span(text), &v));
	assert_string_equal(v.id, key.id);
	assert_true(sealed_open(&s, &key, text_span("action_details"), data, &v, &out));
	check_text(out.p, out.len, "\"\xe5\x8f\xb0\xe7\x81\xa3No.1\\u0000\"");
	buf_clear(&out);
	assert_false(sealed_open(&s, &key, text_span("action_detail"), data, &v, &out));
	assert_false(sealed_open(&s, &key, text_span("action_details"), text_span(""), &v, &out));
	assert_int_equal(out.len, 0);
	sealer_free(&s);
	buf_free(&bound);
	buf_free(&out);
}

/* Every bit of the text counts, and every byte is missed. */
static void
every_bit(void **state)
{
	struct aes_key key = counting_key(32);
	struct sealer s = { 0 };
	struct sealed v;
	struct buf text = { 0 }, out = { 0 };

	(void)state;
	assert_true(sealed_put(&s, &key, text_span("f"), text_span(""), text_span("\"some text\""), &text));
	for (size_t i = 0; i < 8 * text.len; i++) {
		text.p[i / 8] = (char)(text.p[i / 8] ^ 1 << i % 8);
		if (sealed_parse((struct span){ text.p, text.len }, &v) && strcmp(v.id, key.id) == 0 &&
		    sealed_open(&s, &key, text_span("f"), text_span(""), &v, &out))
			fail_msg("bit %zu does not count", i);
		text.p[i / 8] = (char)(text.p[i / 8] ^ 1 << i % 8);
	}
	for (size_t n = 0; n < text.len; n++)
		if (sealed_parse((struct span){ text.p, n }, &v) && sealed_open(&s, &key, text_span("f"), text_span(""), &v, &out))
			fail_msg("%zu bytes are enough", n);
	assert_int_equal(out.len, 0);
	assert_true(sealed_parse((struct span){ text.p, text.len }, &v));
	assert_true(sealed_open(&s, &key, text_span("f"), text_span(""), &v, &out));
	check_text(out.p, out.len, "\"some text\"");
	sealer_free(&s);
	buf_free(&text);
	buf_free(&out);
}

/* Lengths stand before the parts, so text cannot move from one to the next. */
static void
borders(void **state)
{
	struct aes_key key = counting_key(32);
	struct sealer s = { 0 };
	struct sealed v;
	struct buf text = { 0 }, out = { 0 }, ab = { 0 }, a_b = { 0 };

	(void)state;
	sealed_bind(text_span("ab"), &ab);
	sealed_bind(text_span(""), &ab);
	sealed_bind(text_span("a"), &a_b);
	sealed_bind(text_span("b"), &a_b);
	assert_true(sealed_put(&s, &key, text_span("f"), (struct span){ ab.p, ab.len }, text_span("1"), &text));
	assert_true(sealed_parse((struct span){ text.p, text.len }, &v));
	assert_false(sealed_open(&s, &key, text_span("f"), (struct span){ a_b.p, a_b.len }, &v, &out));
	assert_true(sealed_open(&s, &key, text_span("f"), (struct span){ ab.p, ab.len }, &v, &out));
	sealer_free(&s);
	buf_free(&text);
	buf_free(&out);
	buf_free(&ab);
	buf_free(&a_b);
}

static void
older_form(void **state)
{
#define OLD "MjM0NTY3ODk6Ozw9Pj9AQ"
	static const struct { size_t key; const char *text, *plain; } t[] = {
		{ 16, OLD "VbUJCJoOpktXv2x2CfCOt4=", "\xe5\x8f\xb0\xe7\x81\xa3No.1" },
		{ 24, OLD "R9jxkXDiGJuWIOJ/I137W0=", "\xe5\x8f\xb0\xe7\x81\xa3No.1" },
		{ 32, OLD "d5CuZAoUF63L93gecvg00w=", "\xe5\x8f\xb0\xe7\x81\xa3No.1" },
		{ 32, OLD "WkqNXIbavN3PwCY31mIPu0=", "" },
		{ 32, OLD "RMmYQN2vqavOXXvPnv/HTg=", NULL },	/* padding 0 */
		{ 32, OLD "Qt4sNJZOQfUQ2AQnQpMQgs=", NULL },	/* padding 17 */
		{ 32, OLD "QPyWe3oku7wJb6nrWTYAV8=", NULL },	/* padding 1 2 */
		{ 32, OLD "dnwwYIiUYMZz74pvfSjDp4=", NULL },	/* not UTF-8 */
		{ 16, OLD "d5CuZAoUF63L93gecvg00w=", NULL },	/* another key */
	};
	struct sealer s = { 0 };
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct aes_key key = counting_key(t[i].key);

		buf_clear(&out);
		assert_true(sealed_old_form(text_span(t[i].text)));
		if (sealed_old_open(&s, &key, text_span(t[i].text), &out) != (t[i].plain != NULL))
			fail_msg("case %zu", i);
		check_text(out.p, out.len, t[i].plain == NULL ? "" : t[i].plain);
	}
	assert_false(sealed_old_form(text_span("")) || sealed_old_form(text_span("plain")) ||
	    sealed_old_form(text_span("MjM0NTY3ODk6Ozw9Pj9AQQ==")) ||		/* 16 bytes */
	    sealed_old_form(text_span("MjM0NTY3ODk6Ozw9Pj9AQdnwwYIiUYMZz74pvfSjDg==")) ||	/* 31 */
	    sealed_old_form(text_span("MjM0NTY3ODk6Ozw9Pj9AQ-nwwYIiUYMZz74pvfSjDp4=")));
	sealer_free(&s);
	buf_free(&out);
}

static void
key_names(void **state)
{
	static const struct { const char *name; bool ok; } t[] = {
		{ "projects/p/locations/asia-east1/keyRings/r/cryptoKeys/k_1", true },
		{ "projects/example.com:p/locations/global/keyRings/r/cryptoKeys/k", true },
		{ "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1", false },
		{ "projects/p/locations/l/keyRings/r/cryptoKeys/k:decrypt", false },
		{ "projects/p/locations/l/keyRings/r/cryptoKeys/", false },
		{ "projects/../locations/l/keyRings/r/cryptoKeys/k", false },
		{ "projects/p/locations/l/keyRings/r/cryptoKeys/k?x", false },
		{ "/projects/p/locations/l/keyRings/r/cryptoKeys/k", false },
		{ "k", false }, { "", false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++)
		if (kms_is_name(t[i].name) != t[i].ok)
			fail_msg("%s", t[i].name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64),
		cmocka_unit_test(base64_all_lengths),
		cmocka_unit_test(checksums),
		cmocka_unit_test(gcm_vectors),
		cmocka_unit_test(keys),
		cmocka_unit_test(known_value),
		cmocka_unit_test(every_bit),
		cmocka_unit_test(borders),
		cmocka_unit_test(older_form),
		cmocka_unit_test(key_names),
	};

	return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
