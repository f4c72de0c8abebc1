#include "store/keyset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "base/rnd.h"
#include "base/word.h"
#include "json/str.h"

#define FIRST_SIZE	1024
#define HUGE_FROM	(2u << 20)	/* bytes from which large pages pay */

/* Odd constants with balanced bits; the secret is in the seed. */
#define M0 UINT64_C(0x9e3779b97f4a7c15)
#define M1 UINT64_C(0xc2b2ae3d27d4eb4f)
#define M2 UINT64_C(0xd6e8feb86659fd93)
#define M3 UINT64_C(0xa0761d6478bd642f)

struct keyseed
keyseed_random(void)
{
	struct keyseed s;

	rnd_bytes(&s, sizeof s);
	return s;
}

static void
add_bytes(struct keyhash *h, const char *p, size_t len, uint64_t type)
{
	uint64_t a = h->a ^ type * M2, b = h->b ^ len * M3;
	size_t n = len;
	char last[16] = { 0 };

	for (; n >= 16; p += 16, n -= 16) {
		uint64_t x = word_load(p), y = word_load(p + 8);

		a = word_fold(x ^ h->seed.k[0], y ^ a ^ M0);
		b = word_fold(y ^ h->seed.k[1], x ^ b ^ M1);
	}
	memcpy(last, p, n);
	h->a = word_fold(word_load(last) ^ h->seed.k[1], word_load(last + 8) ^ a ^ M2);
	h->b = word_fold(word_load(last + 8) ^ h->seed.k[0], word_load(last) ^ b ^ M3);
}

void
keyhash_init(struct keyhash *h, struct keyseed seed)
{
	h->seed = seed;
	h->a = seed.k[0] ^ M1;
	h->b = seed.k[1] ^ M0;
}

void
keyhash_add(struct keyhash *h, struct span v, struct buf *scratch)
{
	struct span s;

	if (!json_is_string(v)) {
		add_bytes(h, v.p, v.len, 1);
		return;
	}
	s = json_inside(v);
	if (memchr(s.p, '\\', s.len) != NULL) {
		buf_clear(scratch);
		json_decode(s, scratch);
		s = (struct span){ scratch->p, scratch->len };
	}
	add_bytes(h, s.p, s.len, 2);
}

struct fingerprint
keyhash_end(const struct keyhash *h)
{
	struct fingerprint f = {
		word_fold(h->a ^ M3, h->b ^ h->seed.k[0]),
		word_fold(h->b ^ M2, h->a ^ h->seed.k[1]),
	};

	if (f.a == 0 && f.b == 0)
		f.b = 1;
	return f;
}

struct fingerprint
fingerprint_text(struct keyseed seed, struct span text)
{
	struct keyhash h;

	keyhash_init(&h, seed);
	add_bytes(&h, text.p, text.len, 2);
	return keyhash_end(&h);
}

static bool
is_free(struct fingerprint f)
{
	return f.a == 0 && f.b == 0;
}

static bool
same(struct fingerprint x, struct fingerprint y)
{
	return x.a == y.a && x.b == y.b;
}

static struct fingerprint *
new_table(size_t size)
{
	size_t bytes = size * sizeof(struct fingerprint);
	void *p;

	if (size > SIZE_MAX / sizeof(struct fingerprint))
		mem_none();
	if (bytes < HUGE_FROM)
		return mem_zero(size, sizeof(struct fingerprint));
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		mem_none();
	(void)madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

static void
free_table(struct fingerprint *p, size_t size)
{
	if (size * sizeof *p < HUGE_FROM)
		free(p);
	else
		munmap(p, size * sizeof *p);
}

void
keyset_init(struct keyset *s, size_t bound)
{
	*s = (struct keyset){ .size = FIRST_SIZE, .bound = bound };
	s->slot = new_table(s->size);
	if (bound != 0)
		s->ring = mem_zero(bound, sizeof *s->ring);
}

void
keyset_free(struct keyset *s)
{
	free_table(s->slot, s->size);
	free(s->ring);
	*s = (struct keyset){ 0 };
}

/* The slot that holds f, or the free one where it would go. */
static size_t
probe(const struct keyset *s, struct fingerprint f)
{
	size_t i = f.a & (s->size - 1);

	while (!is_free(s->slot[i]) && !same(s->slot[i], f))
		i = (i + 1) & (s->size - 1);
	return i;
}

void
keyset_reserve(struct keyset *s, size_t n)
{
	struct keyset old = *s;
	size_t want = s->n + n;

	if (s->bound != 0 && want > s->bound + 1)
		want = s->bound + 1;
	if (want <= s->size / 2)
		return;
	while (want > s->size / 2)
		s->size *= 2;
	s->slot = new_table(s->size);
	for (size_t i = 0; i < old.size; i++)
		if (!is_free(old.slot[i]))
			s->slot[probe(s, old.slot[i])] = old.slot[i];
	free_table(old.slot, old.size);
}

/* Closes the gap that the key leaves in its run of slots. */
void
keyset_remove(struct keyset *s, struct fingerprint f)
{
	size_t mask = s->size - 1, gap = probe(s, f), i = gap;

	if (is_free(s->slot[gap]))
		return;
	s->n--;
	for (;;) {
		i = (i + 1) & mask;
		if (is_free(s->slot[i]))
			break;
		/* May it move? Only if its home is not between the gap and its place. */
		if (((i - (s->slot[i].a & mask)) & mask) >= ((i - gap) & mask)) {
			s->slot[gap] = s->slot[i];
			gap = i;
		}
	}
	s->slot[gap] = (struct fingerprint){ 0, 0 };
}

bool
keyset_has(const struct keyset *s, struct fingerprint f)
{
	return !is_free(s->slot[probe(s, f)]);
}

bool
keyset_add(struct keyset *s, struct fingerprint f)
{
	size_t i = probe(s, f);

	if (!is_free(s->slot[i]))
		return false;
	if (s->n + 1 > s->size / 2) {
		keyset_reserve(s, 1);
		i = probe(s, f);
	}
	s->slot[i] = f;
	s->n++;
	if (s->bound != 0) {
		struct fingerprint oldest = s->ring[s->next];

		s->ring[s->next] = f;
		s->next = (s->next + 1) % s->bound;
		if (!is_free(oldest))
			keyset_remove(s, oldest);
	}
	return true;
}

void
keyset_add_all(struct keyset *s, const struct fingerprint *f, size_t n)
{
	keyset_reserve(s, n);
	for (size_t i = 0; i < n; i++)
		keyset_prefetch(s, f[i]);
	for (size_t i = 0; i < n; i++)
		keyset_add(s, f[i]);
}
