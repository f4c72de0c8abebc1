/* dedup - drop records whose key was seen before; see dedup(1) */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "json/path.h"
#include "ndjson/filter.h"
#include "store/keyfile.h"
#include "store/keyset.h"

static struct {
	struct opt_list keys, seen;
	const char *store, *dups;
	int64_t	 last;
	struct filter_opts in;
} opts = { .in = FILTER_DEFAULTS };

static const struct opt table[] = {
	OPT_STRING(0, "dups", "FILE", &opts.dups, "append the records that are dropped to FILE"),
	OPT_FILTER(opts.in),
	OPT_JOBS(opts.in),
	OPT_LIST('k', "key", "PATH", &opts.keys, "the field that must be unique; several make one key"),
	OPT_NUMBER(0, "last", &opts.last, 1, INT64_C(1) << 32, "remember only the newest N keys"),
	OPT_LIST('s', "seen", "FILE", &opts.seen, "drop what is in this NDJSON file too (may be missing)"),
	OPT_STRING(0, "store", "FILE", &opts.store, "remember the keys in FILE between runs"),
};

static const struct tool tool = {
	.name = "dedup",
	.synopsis = "-k PATH [options] [FILE ...]",
	.summary = "Drop records whose key was seen before: the first one wins, the order stays.",
	.example = "  ls-fetch | msg-extract | dedup -k run_id --seen local_records.ndjson",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

struct line_key {
	struct fingerprint key;
	struct span line;
};

/* What a worker found in its block. */
struct found {
	struct line_key *v;
	size_t	 n, cap;
	struct fingerprint *fresh;	/* keys to store */
	size_t	 fresh_cap;
	struct buf scratch, dups;
};

struct dedup {
	struct path *paths;
	size_t	 n_paths;
	char	*missing;		/* the reason to reject a record without the key */
	struct keyset set;
	struct keyseed seed;
	struct keyfile *store;
	int	 dups_fd;
	uint64_t written, dropped;
};

static bool
hash_key(const struct dedup *d, const struct scan *scan, struct buf *scratch, struct fingerprint *key)
{
	struct keyhash h;

	keyhash_init(&h, d->seed);
	for (size_t i = 0; i < d->n_paths; i++) {
		struct span v;

		if (!path_find(&d->paths[i], scan, &v))
			return false;
		keyhash_add(&h, v, scratch);
	}
	*key = keyhash_end(&h);
	return true;
}

static const char *
take_record(void *ctx, void *state, const struct record *r, struct buf *out)
{
	struct dedup *d = ctx;
	struct found *f = state;

	(void)out;
	f->v = mem_grow(f->v, &f->cap, f->n + 1, sizeof *f->v);
	if (!hash_key(d, r->scan, &f->scratch, &f->v[f->n].key))
		return d->missing;
	f->v[f->n++].line = r->line;
	return NULL;
}

/* The set may be larger than any cache: have the places of the block's keys on their way before the first is looked at. */
static void
prefetch_keys(struct dedup *d, const struct found *f)
{
	keyset_reserve(&d->set, f->n);
	for (size_t i = 0; i < f->n; i++)
		keyset_prefetch(&d->set, f->v[i].key);
}

/* Keep the block's new records.  Neighbours make one run: they stand next to each other in the block. */
static void
commit_block(void *ctx, void *state, struct buf *out)
{
	struct dedup *d = ctx;
	struct found *f = state;
	struct span run = { "", 0 };
	size_t n_fresh = 0;

	f->fresh = mem_grow(f->fresh, &f->fresh_cap, f->n, sizeof *f->fresh);
	prefetch_keys(d, f);
	for (size_t i = 0; i < f->n; i++) {
		struct span line = f->v[i].line;

		if (!keyset_add(&d->set, f->v[i].key)) {
			if (d->dups_fd != -1)
				buf_add(&f->dups, line.p, line.len);
			continue;
		}
		f->fresh[n_fresh++] = f->v[i].key;
		if (run.p + run.len == line.p) {
			run.len += line.len;
			continue;
		}
		std_put(out, run.p, run.len);
		run = line;
	}
	std_put(out, run.p, run.len);
	std_flush(out);
	if (d->store != NULL && keyfile_append(d->store, f->fresh, n_fresh) == -1)
		die(ST_FAILED, "%s: %s", opts.store, strerror(errno));
	if (f->dups.len != 0 && io_write(d->dups_fd, f->dups.p, f->dups.len) == -1)
		die(ST_FAILED, "%s: %s", opts.dups, strerror(errno));
	buf_clear(&f->dups);
	d->written += n_fresh;
	d->dropped += f->n - n_fresh;
	f->n = 0;
}

static void
free_found(void *state)
{
	struct found *f = state;

	free(f->v);
	free(f->fresh);
	buf_free(&f->scratch);
	buf_free(&f->dups);
}

/* A ledger also holds lines that are not about one record: no key there is no error. */
static const char *
take_seen(void *ctx, void *state, const struct record *r, struct buf *out)
{
	(void)take_record(ctx, state, r, out);
	return NULL;
}

static void
commit_seen(void *ctx, void *state, struct buf *out)
{
	struct dedup *d = ctx;
	struct found *f = state;

	(void)out;
	prefetch_keys(d, f);
	for (size_t i = 0; i < f->n; i++)
		keyset_add(&d->set, f->v[i].key);
	f->n = 0;
}

static int
load_seen(struct dedup *d)
{
	struct filter_opts o = { .max_line = INT64_MAX / 2, .jobs = opts.in.jobs, .progress = PROGRESS_NEVER };
	struct filter f = {
		.opts = &o, .ctx = d, .state_size = sizeof(struct found), .state_free = free_found,
		.record = take_seen, .commit = commit_seen, .gathers = true,
	};
	struct filter_totals t = { 0 };
	int st = ST_OK;

	for (size_t i = 0; i < opts.seen.n; i++) {
		char *file[] = { mem_dup(opts.seen.v[i], strlen(opts.seen.v[i])) };

		if (strcmp(file[0], "-") == 0)
			opt_misuse("--seen: stdin is the input; name a file");
		if (access(file[0], F_OK) == 0 || errno != ENOENT)
			st = worse(st, filter_run(&f, file, 1, &t));
		free(file[0]);
	}
	/* What cannot be read cannot have been pushed as a whole line: a torn one is its writer's to repeat. */
	return st == ST_REJECTED ? ST_OK : st;
}

static void
open_dups(struct dedup *d, char *const files[], int n)
{
	if (opts.dups == NULL)
		return;
	if ((d->dups_fd = io_open_lines(opts.dups)) == -1)
		die(ST_USAGE, "--dups: %s: %s", opts.dups, strerror(errno));
	for (int i = 0; i < (n == 0 ? 1 : n); i++)
		if (io_is(d->dups_fd, n == 0 ? "-" : files[i]))
			die(ST_USAGE, "--dups: %s is read as well; name another file", opts.dups);
}

static void
open_store(struct dedup *d, struct keyfile *store)
{
	if (opts.store == NULL) {
		d->seed = keyseed_random();
		return;
	}
	switch (keyfile_open(store, opts.store)) {
	case KEYFILE_OK:
		break;
	case KEYFILE_ERRNO:
		die(ST_FAILED, "--store: %s: %s", opts.store, strerror(errno));
	case KEYFILE_BUSY:
		die(ST_FAILED, "--store: %s: another process uses it; run again when it has ended", opts.store);
	case KEYFILE_FOREIGN:
		die(ST_USAGE, "--store: %s: not a key store of dedup; name another file", opts.store);
	}
	if ((opts.dups != NULL && io_is(store->fd, opts.dups)) || (opts.in.rejects != NULL && io_is(store->fd, opts.in.rejects)))
		die(ST_USAGE, "--store: %s is for the keys alone; append the records to another file", opts.store);
	d->store = store;
	d->seed = store->seed;
	if (keyfile_load(store, &d->set) == -1)
		die(ST_FAILED, "--store: %s: %s", opts.store, strerror(errno));
}

static void
parse_keys(struct dedup *d)
{
	struct buf reason = { 0 };

	if (opts.keys.n == 0)
		opt_misuse("no key: name one with -k, such as -k run_id");
	d->n_paths = opts.keys.n;
	d->paths = mem_zero(d->n_paths, sizeof *d->paths);
	buf_adds(&reason, "no value at ");
	for (size_t i = 0; i < d->n_paths; i++) {
		const char *error;

		if (path_parse(&d->paths[i], opts.keys.v[i], &error) == -1)
			opt_misuse("-k: '%s' is not a path: %s", opts.keys.v[i], error);
		buf_addf(&reason, "%s%s", i == 0 ? "" : " or ", opts.keys.v[i]);
	}
	d->missing = mem_dup(buf_str(&reason), reason.len);
	buf_free(&reason);
}

int
main(int argc, char *argv[])
{
	struct dedup d = { .dups_fd = -1 };
	struct filter f = {
		.opts = &opts.in, .ctx = &d, .state_size = sizeof(struct found), .state_free = free_found,
		.record = take_record, .commit = commit_block,
	};
	struct filter_totals t = { 0 };
	struct keyfile store;
	int64_t start = when_mono();
	int st, n = opt_parse(&tool, argc, argv);

	parse_keys(&d);
	keyset_init(&d.set, (size_t)opts.last);
	open_dups(&d, argv, n);
	if (opts.store != NULL)
		sig_catch();	/* a key is stored only with its record written, and the other way round */
	open_store(&d, &store);
	st = load_seen(&d);
	if (st == ST_FAILED)
		die(st, "--seen could not be read: nothing was written");

	st = filter_run(&f, argv, n, &t);

	if (d.store != NULL && keyfile_close(d.store) == -1)
		die(ST_FAILED, "--store: %s: %s", opts.store, strerror(errno));
	if (d.dups_fd != -1 && close(d.dups_fd) == -1)
		die(ST_FAILED, "--dups: %s: %s", opts.dups, strerror(errno));
	verbose("read=%llu written=%llu duplicates=%llu rejected=%llu seconds=%.1f", (unsigned long long)t.read,
	    (unsigned long long)d.written, (unsigned long long)d.dropped, (unsigned long long)t.rejected,
	    (double)(when_mono() - start) / 1e3);
	for (size_t i = 0; i < d.n_paths; i++)
		path_free(&d.paths[i]);
	free(d.paths);
	free(d.missing);
	keyset_free(&d.set);
	return sig_exit(std_close(st));
}
