/* test_groups - sums by key, against a plain model, in memory and in runs */

#include "unit.h"

#include "store/groups.h"

#define KEYS 2000

static const struct keyseed seed = { { 1, 2 } };

/* The n-th key in order; some are the beginnings of others, hold NUL, or are long. */
static struct span
key_of(size_t n, char text[4096])
{
	int len = snprintf(text, 4096, "%05zu", n);

	memset(text + len, n % 3 == 0 ? 0 : 'x', 4096 - (size_t)len);
	return (struct span){ text, n % 7 == 0 ? 4096 : (size_t)len + n % 40 };
}

struct model {
	const struct groups *s;
	uint64_t records[KEYS];
	sum_int	 sums[KEYS][2];
	size_t	 next;
};

static void
see(void *arg, const struct group *g, struct span key)
{
	struct model *m = arg;
	char text[4096];
	struct span want;

	while (m->next < KEYS && m->records[m->next] == 0)
		m->next++;
	assert_true(m->next < KEYS);
	want = key_of(m->next, text);
	assert_int_equal(key.len, want.len);
	assert_memory_equal(key.p, want.p, want.len);
	assert_int_equal(g->records, m->records[m->next]);
	assert_true(g->sum[0].whole == m->sums[m->next][0] && g->sum[1].whole == m->sums[m->next][1]);
	m->next++;
}

static void
add_one(struct groups *s, struct model *m)
{
	size_t n = chance(KEYS);
	struct sum sums[2] = { { .whole = (sum_int)chance(1000) }, { .whole = -(sum_int)chance(UINT64_C(1) << 53) } };
	char text[4096];

	assert_int_equal(groups_add(s, key_of(n, text), 1, sums), GROUPS_OK);
	m->records[n]++;
	m->sums[n][0] += sums[0].whole;
	m->sums[n][1] += sums[1].whole;
}

/* bound 1: every group is a run of its own, and runs are joined many times before the end. */
static void
against_model(size_t bound, size_t records, bool by_block)
{
	struct groups s, block;
	struct model *m = calloc(1, sizeof *m);

	assert_non_null(m);
	groups_init(&s, 2, seed, bound);
	groups_init(&block, 2, seed, 0);
	for (size_t i = 0; i < records; i++) {
		add_one(by_block ? &block : &s, m);
		if (by_block && (i % 100 == 99 || i == records - 1)) {
			assert_int_equal(groups_merge(&s, &block), GROUPS_OK);
			groups_clear(&block);
		}
	}
	assert_int_equal(s.n_runs != 0, bound != 0 && bound < 1u << 30 && records > 1);
	assert_int_equal(groups_each(&s, see, m), GROUPS_OK);
	while (m->next < KEYS && m->records[m->next] == 0)
		m->next++;
	assert_int_equal(m->next, KEYS);
	groups_free(&s);
	groups_free(&block);
	free(m);
}

static void
models(void **state)
{
	static const size_t bounds[] = { 0, 1, 100000, 1 << 20, 1 << 30 };

	(void)state;
	for (size_t i = 0; i < N_OF(bounds); i++) {
		against_model(bounds[i], 10000, false);
		against_model(bounds[i], 10000, true);
	}
	against_model(1, 0, false);
	against_model(1, 1, false);
}

static void
see_order(void *arg, const struct group *g, struct span key)
{
	struct buf *last = arg;
	int c = memcmp(last->p, key.p, last->len < key.len ? last->len : key.len);

	(void)g;
	assert_true(c < 0 || (c == 0 && last->len < key.len));
	buf_clear(last);
	buf_add(last, key.p, key.len);
}

/* Keys of few different bytes, NUL among them, so that many are beginnings of others and agree in more than eight. */
static void
order_of_keys(void **state)
{
	(void)state;
	for (size_t round = 0; round < 200; round++) {
		struct groups s;
		struct buf last = { 0 };
		size_t common = chance(40), n = chance(2000);
		char key[512] = { 0 };

		groups_init(&s, 0, seed, 0);
		memset(key, (int)chance(2), common);
		for (size_t i = 0; i < n; i++) {
			size_t len = 1 + chance(chance(4) == 0 ? 400 : 30);

			for (size_t at = 0; at < len; at++)
				key[common + at] = (char)(chance(50) == 0 ? 0xff : round % 3 == 0 ? 0 : chance(2));
			assert_int_equal(groups_add(&s, (struct span){ key, common + len }, 1, &(struct sum){ 0 }), GROUPS_OK);
		}
		buf_add(&last, "", 0);
		assert_int_equal(groups_each(&s, see_order, &last), GROUPS_OK);
		buf_free(&last);
		groups_free(&s);
	}
}

static void
too_large(void **state)
{
	sum_int huge = (sum_int)1 << 126;
	struct sum s = { .whole = huge };
	struct groups g;

	(void)state;
	groups_init(&g, 1, seed, 0);
	assert_int_equal(groups_add(&g, (struct span){ "k", 1 }, 1, &s), GROUPS_OK);
	assert_int_equal(groups_add(&g, (struct span){ "k", 1 }, 1, &s), GROUPS_OVERFLOW);
	groups_free(&g);
	groups_init(&g, 1, seed, 1);	/* the same across runs */
	for (int i = 0; i < 4; i++)
		assert_int_equal(groups_add(&g, (struct span){ i % 2 ? "k" : "l", 1 }, 1, &s), GROUPS_OK);
	assert_int_equal(groups_each(&g, see, NULL), GROUPS_OVERFLOW);
	groups_free(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(models), cmocka_unit_test(order_of_keys), cmocka_unit_test(too_large) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
