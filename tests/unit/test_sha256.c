/* base/sha256.h: the standard's examples, and the same as libcrypto for every length of the padding. */
#include "unit.h"

#include <openssl/sha.h>

#include "base/sha256.h"

static void
check_hash(const char *text, size_t len, const char *want)
{
	unsigned char hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	sha256(text, len, hash);
	for (size_t i = 0; i < SHA256_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	assert_string_equal(hex, want);
}

static void
examples(void **state)
{
	static char many[1000000];

	(void)state;
	check_hash(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_hash("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(many, 'a', sizeof many);
	check_hash(many, sizeof many, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void
lengths(void **state)
{
	unsigned char data[300], want[SHA256_LEN], hash[SHA256_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 89 + 7);
	for (size_t len = 0; len <= sizeof data; len++) {
		SHA256(data, len, want);
		sha256(data, len, hash);
		assert_memory_equal(hash, want, SHA256_LEN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
