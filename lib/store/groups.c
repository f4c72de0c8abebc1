#include "store/groups.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/word.h"

#define FIRST_SIZE	1024
#define CHUNK		((size_t)64 << 10)
#define RUN_BUFFER	((size_t)32 << 10)	/* read or written at once */
#define MOST_RUNS	256			/* merged at once */
#define LEAST_RUNS	8
#define MERGE_BATCH	64
#define AHEAD		16			/* groups */
#define KEY_USUAL	64			/* bytes */
#define FEW		8			/* sorted at once */
#define MOST_LEVELS	32

struct group_chunk {
	struct group_chunk *next;
	size_t	 cap, used;
	_Alignas(16) char data[];
};

void
groups_init(struct groups *s, size_t n_sums, struct keyseed seed, size_t bound)
{
	*s = (struct groups){ .n_sums = n_sums, .seed = seed, .bound = bound, .fd = -1, .size = FIRST_SIZE };
	s->slot = mem_zero(s->size, sizeof *s->slot);
}

static void
free_chunks(struct group_chunk *c)
{
	while (c != NULL) {
		struct group_chunk *next = c->next;

		free(c);
		c = next;
	}
}

/* The memory is kept: getting it anew costs as much as filling it. */
void
groups_clear(struct groups *s)
{
	while (s->chunks != NULL) {
		struct group_chunk *c = s->chunks;

		s->chunks = c->next;
		if (c->cap == CHUNK) {
			c->next = s->spare;
			s->spare = c;
		} else {
			free(c);
		}
	}
	s->bytes = 0;
	memset(s->slot, 0, s->size * sizeof *s->slot);
	s->n = 0;
}

void
groups_free(struct groups *s)
{
	free_chunks(s->chunks);
	free_chunks(s->spare);
	free(s->slot);
	free(s->run);
	if (s->fd != -1)
		close(s->fd);
	*s = (struct groups){ .fd = -1 };
}

/* ---- runs: groups in order, in a file as they are in memory ---- */

struct run_writer {
	struct groups *s;
	struct buf out;
	int	 error;		/* errno */
};

static void
flush_run(struct run_writer *w)
{
	if (w->error == 0 && io_write(w->s->fd, w->out.p, w->out.len) == -1)
		w->error = errno;
	w->s->end += (off_t)w->out.len;
	buf_clear(&w->out);
}

static void
write_group(void *arg, const struct group *g, struct span key)
{
	struct run_writer *w = arg;

	(void)key;
	buf_add(&w->out, g, g->size);
	if (w->out.len >= RUN_BUFFER)
		flush_run(w);
}

static bool
begin_run(struct run_writer *w, struct groups *s)
{
	*w = (struct run_writer){ .s = s };
	if (s->fd == -1 && (s->fd = file_unnamed()) == -1)
		return false;
	s->run = mem_grow(s->run, &s->runs_cap, s->n_runs + 1, sizeof *s->run);
	s->run[s->n_runs].at = s->end;
	return true;
}

static enum groups_status
end_run(struct run_writer *w)
{
	flush_run(w);
	buf_free(&w->out);
	w->s->run[w->s->n_runs++].end = w->s->end;
	errno = w->error;
	return w->error == 0 ? GROUPS_OK : GROUPS_ERRNO;
}

static int
compare(const struct groups *s, const struct group *a, const struct group *b)
{
	int c = memcmp(group_key(s, a), group_key(s, b), a->len < b->len ? a->len : b->len);

	return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

static int
compare_slots(const void *a, const void *b, void *s)
{
	return compare(s, ((const struct group_slot *)a)->g, ((const struct group_slot *)b)->g);
}

static int
compare_words(const void *a, const void *b)
{
	uint64_t x = ((const struct group_slot *)a)->hash, y = ((const struct group_slot *)b)->hash;

	return (x > y) - (x < y);
}

/* Eight bytes of a key as a number that sorts as they do; behind its end are zeros. */
static uint64_t
word_at(const struct groups *s, const struct group *g, size_t at)
{
	char few[sizeof(uint64_t)] = { 0 };

	if (g->len >= at + sizeof few)
		return be64toh(word_load(group_key(s, g) + at));
	if (g->len > at)
		memcpy(few, group_key(s, g) + at, g->len - at);
	return be64toh(word_load(few));
}

/*
 * Sort slots whose keys agree in what is before the byte at: by the next eight, which take the place of the hash, so that most comparisons
 * need not go to the keys, which stand anywhere in memory; then those that agree in these too.
 */
static void
sort_slots(struct groups *s, struct group_slot *slot, size_t n, size_t at, unsigned level)
{
	uint64_t differ = 0;

	for (bool ended = false; differ == 0 && !ended && n >= FEW && level < MOST_LEVELS; at += sizeof(uint64_t)) {
		for (size_t i = 0; i < n; i++) {
			slot[i].hash = word_at(s, slot[i].g, at);
			differ |= slot[i].hash ^ slot[0].hash;
			ended = ended || slot[i].g->len <= at;
		}
	}
	if (differ == 0) {
		qsort_r(slot, n, sizeof *slot, compare_slots, s);
		return;
	}
	qsort(slot, n, sizeof *slot, compare_words);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && slot[end].hash == slot[i].hash; )
			end++;
		if (end - i > 1)
			sort_slots(s, slot + i, end - i, at, level + 1);
	}
}

static void
prefetch(const struct groups *s, const struct group *g)
{
	size_t len = sizeof *g + s->n_sums * sizeof *g->sum + KEY_USUAL;

	for (size_t at = 0; at < len; at += 64)
		__builtin_prefetch((const char *)g + at);
}

/* See the groups in memory, in order, and forget them. */
static void
see_table(struct groups *s, groups_see *see, void *arg)
{
	size_t n = 0;

	for (size_t i = 0; i < s->size; i++)
		if (s->slot[i].g != NULL)
			s->slot[n++] = s->slot[i];
	sort_slots(s, s->slot, n, 0, 0);
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			prefetch(s, s->slot[i + AHEAD].g);
		see(arg, s->slot[i].g, (struct span){ group_key(s, s->slot[i].g), s->slot[i].g->len });
	}
	groups_clear(s);
}

static enum groups_status
spill(struct groups *s)
{
	struct run_writer w;

	if (!begin_run(&w, s))
		return GROUPS_ERRNO;
	see_table(s, write_group, &w);
	return end_run(&w);
}

/* ---- the table ---- */

/* One lane of what fingerprints are made of (keyset.c), since keys are compared: nobody can prepare those that collide. */
static uint64_t
hash_of(struct keyseed seed, struct span key)
{
	uint64_t h = seed.k[0] ^ key.len * UINT64_C(0xd6e8feb86659fd93);
	const char *p = key.p, *last = p + key.len - 16;
	char few[16] = { 0 };

	if (key.len < 16)
		last = memcpy(few, p, key.len);
	else
		for (; p < last; p += 16)
			h = word_fold(word_load(p) ^ seed.k[0], word_load(p + 8) ^ h ^ seed.k[1]);
	h = word_fold(word_load(last) ^ seed.k[1], word_load(last + 8) ^ h ^ seed.k[0]);
	return word_fold(h ^ UINT64_C(0xa0761d6478bd642f), seed.k[1] ^ UINT64_C(0x9e3779b97f4a7c15));
}

static size_t
probe(const struct groups *s, uint64_t hash, struct span key)
{
	size_t i = hash & (s->size - 1);

	for (;; i = (i + 1) & (s->size - 1)) {
		const struct group *g = s->slot[i].g;

		if (g == NULL || (s->slot[i].hash == hash && g->len == key.len && memcmp(group_key(s, g), key.p, key.len) == 0))
			return i;
	}
}

static void
grow(struct groups *s)
{
	struct group_slot *old = s->slot;
	size_t old_size = s->size;

	s->size *= 2;
	s->slot = mem_zero(s->size, sizeof *s->slot);
	for (size_t i = 0; i < old_size; i++) {
		size_t at = old[i].hash & (s->size - 1);

		if (old[i].g == NULL)
			continue;
		while (s->slot[at].g != NULL)
			at = (at + 1) & (s->size - 1);
		s->slot[at] = old[i];
	}
	free(old);
}

static bool
has_space(const struct groups *s, size_t size)
{
	return s->chunks != NULL && s->chunks->cap - s->chunks->used >= size;
}

static size_t
chunk_for(size_t size)
{
	return size > CHUNK ? size : CHUNK;
}

/* Does one more group of this size fit into the bound?  The first one always does. */
static bool
fits(const struct groups *s, size_t size)
{
	size_t slots = s->n + 1 > s->size / 2 ? s->size * 2 : s->size;
	size_t more = has_space(s, size) ? 0 : sizeof(struct group_chunk) + chunk_for(size);

	return s->bound == 0 || s->n == 0 || s->bytes + more + slots * sizeof *s->slot / 2 * 3 <= s->bound;
}

static struct group *
new_group(struct groups *s, size_t size)
{
	struct group *g;

	if (!has_space(s, size)) {
		size_t cap = chunk_for(size);
		struct group_chunk *c = s->spare;

		if (c != NULL && cap == CHUNK) {
			s->spare = c->next;
		} else {
			free_chunks(c);		/* a large one may need all that the bound leaves */
			s->spare = NULL;
			c = mem_alloc(sizeof *c + cap);
		}
		*c = (struct group_chunk){ .next = s->chunks, .cap = cap };
		s->chunks = c;
		s->bytes += sizeof *c + cap;
	}
	g = (void *)(s->chunks->data + s->chunks->used);
	s->chunks->used += size;
	return g;
}

static enum groups_status
insert(struct groups *s, uint64_t hash, struct span key, uint64_t records, const struct sum *sum)
{
	size_t head = sizeof(struct group) + s->n_sums * sizeof *sum, size = (head + key.len + 15) & ~(size_t)15, i;
	enum groups_status st;
	struct group *g;

	if (!fits(s, size) && (st = spill(s)) != GROUPS_OK)
		return st;
	if (s->n + 1 > s->size / 2)
		grow(s);
	i = probe(s, hash, key);
	g = new_group(s, size);
	memset((char *)g + size - 16, 0, 16);	/* what is left of the last 16 goes into the file too */
	*g = (struct group){ .hash = hash, .records = records, .size = size, .len = key.len };
	memcpy(g->sum, sum, s->n_sums * sizeof *sum);
	memcpy(g->sum + s->n_sums, key.p, key.len);
	s->slot[i] = (struct group_slot){ hash, g };
	s->n++;
	return GROUPS_OK;
}

static bool
add_sums(const struct groups *s, struct group *g, uint64_t records, const struct sum *sum)
{
	g->records += records;
	for (size_t i = 0; i < s->n_sums; i++)
		if (!sum_add(&g->sum[i], &sum[i]))
			return false;
	return true;
}

static enum groups_status
add_hashed(struct groups *s, uint64_t hash, struct span key, uint64_t records, const struct sum *sum)
{
	struct group *g = s->slot[probe(s, hash, key)].g;

	if (g == NULL)
		return insert(s, hash, key, records, sum);
	return add_sums(s, g, records, sum) ? GROUPS_OK : GROUPS_OVERFLOW;
}

enum groups_status
groups_add(struct groups *s, struct span key, uint64_t records, const struct sum *sum)
{
	return add_hashed(s, hash_of(s->seed, key), key, records, sum);
}

enum groups_status
groups_merge(struct groups *s, const struct groups *from)
{
	enum groups_status st = GROUPS_OK;

	/* Some at a time: first all their slots are fetched, then what these point to. */
	for (size_t i = 0; i < from->size && st == GROUPS_OK; ) {
		const struct group *batch[MERGE_BATCH];
		size_t n = 0;

		for (; i < from->size && n < MERGE_BATCH; i++) {
			const struct group *g = from->slot[i].g;

			if (g != NULL) {
				__builtin_prefetch(&s->slot[from->slot[i].hash & (s->size - 1)]);
				batch[n++] = g;
			}
		}
		for (size_t j = 0; j < n; j++) {
			const struct group *g = s->slot[batch[j]->hash & (s->size - 1)].g;

			if (g != NULL)
				prefetch(s, g);
		}
		for (size_t j = 0; j < n && st == GROUPS_OK; j++)
			st = add_hashed(s, batch[j]->hash, (struct span){ group_key(from, batch[j]), batch[j]->len }, batch[j]->records, batch[j]->sum);
	}
	return st;
}

/* ---- merging ---- */

struct run_reader {
	int	 fd;
	off_t	 at, end;
	struct buf b;		/* begins with the current group */
	size_t	 pos;		/* of the current group; a multiple of 16 */
	struct group *g;	/* NULL: no more */
};

/* Have len bytes from pos on.  Returns 0, or -1 with errno. */
static int
fill(struct run_reader *r, size_t len)
{
	if (r->b.len - r->pos >= len)
		return 0;
	if (r->pos != 0)
		memmove(r->b.p, r->b.p + r->pos, r->b.len - r->pos);
	r->b.len -= r->pos;
	r->pos = 0;
	while (r->b.len < len) {
		size_t want = len > RUN_BUFFER ? len : RUN_BUFFER;
		ssize_t n;

		want -= r->b.len;
		if ((off_t)want > r->end - r->at)
			want = (size_t)(r->end - r->at);
		n = want == 0 ? 0 : pread(r->fd, buf_reserve(&r->b, want), want, r->at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;	/* shorter than it was written */
			return -1;
		}
		r->b.len += (size_t)n;
		r->at += n;
	}
	return 0;
}

static int
next_group(struct run_reader *r)
{
	if (r->g != NULL)
		r->pos += r->g->size;
	r->g = NULL;
	if (r->pos == r->b.len && r->at == r->end)
		return 0;
	if (fill(r, sizeof *r->g) == -1 || fill(r, ((struct group *)(void *)(r->b.p + r->pos))->size) == -1)
		return -1;
	r->g = (void *)(r->b.p + r->pos);
	return 0;
}

struct merge {
	struct groups *s;
	struct run_reader *r;	/* a heap: the least group is first */
	size_t	 n;
};

/* A reader at its end goes last. */
static bool
goes_before(const struct merge *m, size_t i, size_t j)
{
	const struct group *a = m->r[i].g, *b = m->r[j].g;

	return a != NULL && (b == NULL || compare(m->s, a, b) < 0);
}

static void
sift_down(struct merge *m, size_t i)
{
	for (;;) {
		size_t first = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < m->n; child++)
			if (goes_before(m, child, first))
				first = child;
		if (first == i)
			return;
		struct run_reader swap = m->r[i];
		m->r[i] = m->r[first];
		m->r[first] = swap;
		i = first;
	}
}

static struct group *
least(const struct merge *m)
{
	return m->n != 0 ? m->r[0].g : NULL;
}

/* Past the least group: its reader goes where it belongs now, or is dropped. */
static enum groups_status
advance(struct merge *m)
{
	if (next_group(&m->r[0]) == -1)
		return GROUPS_ERRNO;
	if (m->r[0].g == NULL) {
		buf_free(&m->r[0].b);
		m->r[0] = m->r[--m->n];
	}
	sift_down(m, 0);
	return GROUPS_OK;
}

static enum groups_status
merge_all(struct merge *m, groups_see *see, void *arg)
{
	struct buf copy = { 0 };	/* of the group that is being added up */
	enum groups_status st = GROUPS_OK;
	const struct group *g;

	while (st == GROUPS_OK && (g = least(m)) != NULL) {
		struct group *sum;

		buf_clear(&copy);
		buf_add(&copy, g, g->size);
		sum = (void *)copy.p;
		st = advance(m);
		while (st == GROUPS_OK && (g = least(m)) != NULL && compare(m->s, g, sum) == 0)
			st = add_sums(m->s, sum, g->records, g->sum) ? advance(m) : GROUPS_OVERFLOW;
		if (st == GROUPS_OK)
			see(arg, sum, (struct span){ group_key(m->s, sum), sum->len });
	}
	buf_free(&copy);
	return st;
}

static enum groups_status
merge_runs(struct groups *s, size_t n, groups_see *see, void *arg)
{
	struct merge m = { .s = s, .r = mem_zero(n, sizeof *m.r), .n = n };
	enum groups_status st = GROUPS_OK;
	int error = 0;

	for (size_t i = 0; i < n; i++) {
		m.r[i] = (struct run_reader){ .fd = s->fd, .at = s->run[i].at, .end = s->run[i].end };
		if (next_group(&m.r[i]) == -1)
			st = GROUPS_ERRNO;
	}
	for (size_t i = n; i-- > 0 && st == GROUPS_OK; )
		sift_down(&m, i);
	if (st == GROUPS_OK)
		st = merge_all(&m, see, arg);
	error = errno;
	for (size_t i = 0; i < m.n; i++)
		buf_free(&m.r[i].b);
	free(m.r);
	errno = error;
	return st;
}

/* The first n runs become one, the last. */
static enum groups_status
join_runs(struct groups *s, size_t n)
{
	struct run_writer w;
	enum groups_status st, written;
	int error;

	if (!begin_run(&w, s))
		return GROUPS_ERRNO;
	st = merge_runs(s, n, write_group, &w);
	error = errno;
	written = end_run(&w);
	if (st != GROUPS_OK) {
		errno = error;
		return st;
	}
	for (size_t i = 0; i < n; i++)	/* where the file system can't, the space comes back in the end */
		(void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, s->run[i].at, s->run[i].end - s->run[i].at);
	s->n_runs -= n;
	memmove(s->run, s->run + n, s->n_runs * sizeof *s->run);
	return written;
}

enum groups_status
groups_each(struct groups *s, groups_see *see, void *arg)
{
	size_t most = s->bound / (2 * RUN_BUFFER);
	enum groups_status st = GROUPS_OK;

	if (s->n_runs == 0) {
		see_table(s, see, arg);
		return GROUPS_OK;
	}
	most = most < LEAST_RUNS ? LEAST_RUNS : most > MOST_RUNS ? MOST_RUNS : most;
	if (s->n != 0)
		st = spill(s);
	free_chunks(s->spare);	/* the merge needs memory of its own */
	s->spare = NULL;
	while (st == GROUPS_OK && s->n_runs > most)
		st = join_runs(s, most);
	return st != GROUPS_OK ? st : merge_runs(s, s->n_runs, see, arg);
}
