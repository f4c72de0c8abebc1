/* test_keyset - sets of keys, against a plain model; the hash of JSON values */

#include "unit.h"

#include "store/keyset.h"

static const struct keyseed seed = { { 1, 2 } };

static struct fingerprint
hash_of(size_t n, const char *const values[])
{
	struct buf scratch = { 0 }, b = { 0 };
	struct keyhash h;
	struct fingerprint f;

	keyhash_init(&h, seed);
	for (size_t i = 0; i < n; i++) {
		put_line(&b, values[i], strlen(values[i]));
		keyhash_add(&h, (struct span){ b.p, b.len }, &scratch);
	}
	f = keyhash_end(&h);
	buf_free(&scratch);
	buf_free(&b);
	return f;
}

static struct fingerprint
hash(const char *value)
{
	return hash_of(1, &value);
}

static bool
equal(struct fingerprint x, struct fingerprint y)
{
	return x.a == y.a && x.b == y.b;
}

static void
types(void **state)
{
	static const char *const different[] = {
		"1", "1.0", "\"1\"", "1e0", "-1", "null", "\"null\"", "true", "\"\"", "[]", "{}", "[1]", "\"a\"", "\"A\"", "\"a \"",
		"\"\\u0000\"", "\"\\u0000\\u0000\"", "\"aaaaaaaaaaaaaaa\"", "\"aaaaaaaaaaaaaaaa\"", "\"aaaaaaaaaaaaaaaaa\"", "\"1.0\"",
		"9007199254740992", "9007199254740993", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "\"aaaaaaaaaaaaaaa\\u0000\"",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(different); i++)
		for (size_t j = 0; j < N_OF(different); j++)
			if (equal(hash(different[i]), hash(different[j])) != (i == j))
				fail_msg("%s and %s", different[i], different[j]);
	assert_true(equal(hash("\"A\""), hash("\"\\u0041\"")));
	assert_true(equal(hash("\"\xe4\xb8\xad/\""), hash("\"\\u4e2d\\/\"")));
	assert_true(equal(hash("\"\xf0\x9f\x98\x80\""), hash("\"\\ud83d\\ude00\"")));
}

static void
several(void **state)
{
	static const char *const table[][2] = {
		{ "\"a\"", "\"b\"" }, { "\"b\"", "\"a\"" }, { "\"ab\"", "\"\"" }, { "\"\"", "\"ab\"" }, { "\"a\"", "\"a\"" }, { "\"b\"", "\"b\"" },
		{ "1", "\"b\"" }, { "\"1\"", "\"b\"" },
	};
	struct fingerprint f[N_OF(table)];

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		f[i] = hash_of(2, table[i]);
		for (size_t j = 0; j < i; j++)
			assert_false(equal(f[i], f[j]));
	}
	assert_false(equal(hash("\"a\""), hash_of(2, (const char *const[]){ "\"a\"", "\"\"" })));
}

/* Short keys that differ in one place: no two fingerprints share even their low halves too often. */
static void
spread(void **state)
{
	enum { N = 200000 };
	struct keyset s;
	size_t far = 0;

	(void)state;
	keyset_init(&s, 0);
	for (int i = 0; i < N; i++) {
		char text[32];

		snprintf(text, sizeof text, "\"%06d\"", i);
		if (!keyset_add(&s, hash(text)))
			fail_msg("%s collides", text);
	}
	assert_int_equal(s.n, N);
	for (size_t i = 0; i < s.size; i++) {
		size_t home = s.slot[i].a & (s.size - 1);

		if (s.slot[i].a | s.slot[i].b)
			far += ((i - home) & (s.size - 1)) > 32;
	}
	assert_true(far < N / 1000);
	keyset_free(&s);
}

/* Keys in order of arrival. */
struct model {
	int	 key[2000];
	size_t	 n, bound;
};

static bool
model_add(struct model *m, int key)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->key[i] == key)
			return false;
	if (m->bound != 0 && m->n == m->bound)
		memmove(m->key, m->key + 1, --m->n * sizeof *m->key);
	m->key[m->n++] = key;
	return true;
}

/* Keys whose homes are near each other, so that runs of slots grow, wrap and are cut. */
static struct fingerprint
crowded(int key)
{
	return (struct fingerprint){ (uint64_t)(key % 7) * 2 - 5, (uint64_t)key + 1 };
}

static struct fingerprint
scattered(int key)
{
	return (struct fingerprint){ (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15), (uint64_t)key + 1 };
}

static void
against_model(size_t bound, int universe, struct fingerprint (*make)(int))
{
	struct model m = { .bound = bound };
	struct keyset s;

	keyset_init(&s, bound);
	for (int round = 0; round < 20000; round++) {
		int key = (int)chance((uint64_t)universe);
		bool had = keyset_has(&s, make(key));

		if (round % 64 == 0)
			keyset_reserve(&s, chance(100));
		if (keyset_add(&s, make(key)) != model_add(&m, key))
			fail_msg("bound %zu, round %d, key %d", bound, round, key);
		assert_true(keyset_has(&s, make(key)));
		(void)had;
		assert_int_equal(s.n, m.n);
		assert_true(s.n <= s.size / 2);
	}
	for (int key = 0; key < universe; key++) {
		bool in = false;

		for (size_t i = 0; i < m.n; i++)
			in = in || m.key[i] == key;
		assert_int_equal(keyset_has(&s, make(key)), in);
	}
	keyset_free(&s);
}

static void
model(void **state)
{
	static const size_t bounds[] = { 0, 1, 2, 3, 10, 100, 511, 512, 513, 1000 };

	(void)state;
	for (size_t i = 0; i < N_OF(bounds); i++) {
		against_model(bounds[i], 1500, scattered);
		against_model(bounds[i], 200, crowded);
	}
}

static void
removal(void **state)
{
	bool in[300] = { false };
	struct keyset s;
	size_t n = 0;

	(void)state;
	keyset_init(&s, 0);
	for (int round = 0; round < 50000; round++) {
		size_t key = (size_t)chance(N_OF(in));

		if (chance(2) == 0) {
			assert_int_equal(keyset_add(&s, crowded((int)key)), !in[key]);
			n += !in[key];
			in[key] = true;
		} else {
			keyset_remove(&s, crowded((int)key));
			n -= in[key];
			in[key] = false;
		}
		assert_int_equal(s.n, n);
	}
	for (size_t key = 0; key < N_OF(in); key++)
		assert_int_equal(keyset_has(&s, crowded((int)key)), in[key]);
	keyset_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types),
		cmocka_unit_test(several),
		cmocka_unit_test(spread),
		cmocka_unit_test(model),
		cmocka_unit_test(removal),
	};

	return cmocka_run_group_tests_name("keyset", tests, NULL, NULL);
}
