/*
 * sql-load - load rows into a table of SQLite or PostgreSQL; see sql-load(1)
 *
 * Rows are gathered into a batch, as the lines that they came as and converted; a full batch is loaded in one transaction, and may
 * be repeated.  A server is given the rows while more are read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "json/splice.h"
#include "json/str.h"
#include "ndjson/filter.h"
#include "ndjson/line.h"
#include "sql-load/load.h"

#define BATCH_BYTES	((size_t)16 << 20)	/* of lines, at most, in a batch of more than one row */
#define BATCH_CELLS	((size_t)1 << 20)	/* of its rows */
#define FEED_BYTES	((size_t)256 << 10)	/* of lines, that are given to the server at once */
#define FEED_MS		1000	/* from then on it does not wait for more */
#define ID_MAX		256	/* bytes of --load-id */
#define BACKOFF_MS	250
#define BACKOFF_MAX_MS	30000

static struct {
	const char *db, *table, *key, *types, *load_id;
	int	 conflict;
	int64_t	 batch, linger, retries;
	bool	 create, ignore_unknown, tee;
	struct filter_opts in;
} opts = { .batch = 50000, .linger = 30000, .retries = 8, .in = FILTER_DEFAULTS };

static const struct opt table[] = {
	OPT_NUMBER('b', "batch", &opts.batch, 1, 1000000, "rows in a transaction (default 50000)"),
	OPT_FLAG('c', "create", &opts.create, "create the table if it is missing, by the first batch and --types"),
	OPT_NAME('d', "db", "DSN", &opts.db, "sqlite:PATH or postgres://... (default $LLMUTILS_DB, sqlite:llmutils.db)"),
	OPT_FILTER(opts.in),
	OPT_FLAG(0, "ignore-unknown", &opts.ignore_unknown, "leave out members that the table has no column for"),
	OPT_NAME('k', "key", "COLS", &opts.key, "the columns that make a row unique"),
	OPT_DURATION(0, "linger", &opts.linger, "load an incomplete batch after waiting so long (default 30s)"),
	OPT_NAME(0, "load-id", "ID", &opts.load_id, "name the load: run again, it goes on behind what is committed"),
	OPT_NUMBER(0, "max-retries", &opts.retries, 0, 1000, "try a batch again at most N times (default 8)"),
	OPT_CHOICE(0, "on-conflict", "fail|ignore|update", &opts.conflict, "what to do with a row whose key is there (default fail)"),
	OPT_NAME('t', "table", "NAME", &opts.table, "the table"),
	OPT_FLAG(0, "tee", &opts.tee, "write the rows on to standard output once they are committed"),
	OPT_STRING(0, "types", "COL=TYPE,...", &opts.types, "with --create: " DB_TYPES),
};

static const struct tool tool = {
	.name = "sql-load",
	.synopsis = "[--db DSN] --table NAME [options] [FILE ...]",
	.summary = "Load rows into a table of SQLite or PostgreSQL.",
	.example = "  cc-count log.ndjson | sql-load --create --table demo_logs",
	.environment = "  LLMUTILS_DB  the database, where --db is not given\n"
	    "  PG*          what libpq reads: PGHOST, PGUSER, PGPASSWORD, PGPASSFILE, PGSERVICE ...",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

struct row {
	uint64_t line;
	uint64_t number;	/* of the record in all the input, from 1 */
	size_t	 at, len;	/* its bytes, in lines */
	char	*why;		/* it is rejected; owned */
	bool	 told;		/* so */
};

struct load {
	struct db db;
	struct db_table table;
	struct lines *in;
	struct rejects rejects;
	/* The batch. */
	struct row *row;
	size_t	 n, row_cap;
	struct buf lines;
	/* What is loaded of it at once: rows that fill the same columns. */
	struct db_cell *cell;
	size_t	 n_cells, cell_cap;
	size_t	*good, n_good, good_cap;	/* the rows that were converted */
	uint64_t *number;	/* theirs */
	size_t	 number_cap;
	size_t	 from, end;	/* the rows that were looked at for it */
	size_t	 fed;		/* bytes of lines that the server has got already */
	char	**why;
	size_t	 why_cap;
	size_t	*use, n_use, use_cap;
	size_t	*key, n_key, key_cap;
	struct span *value;	/* of the row, by column */
	size_t	*hint;		/* the column of a member, by its place: mostly as in the row before */
	size_t	 value_cap, hint_cap;
	struct scan scan;
	struct converter cv;
	struct buf name, reason;
	int64_t	 tries;
	uint64_t seen;		/* records of the input, also bad ones */
	struct db_mark before;	/* --load-id: what earlier runs did */
	struct rejects told;	/* takes what is bad before that */
	uint64_t read, loaded, accepted, batches;
	int	 status;
};

/* ---- ending ---- */

static void
give_up(struct load *l, enum db_status st)
{
	const char *why = buf_str(&l->db.error);
	bool nothing = l->loaded == 0 && l->batches == 0;

	progress_clear();
	if (rejects_close(&l->rejects) == -1)
		warn("%s: %s", opts.in.rejects, strerror(errno));
	if (st == DB_STOPPED || sig_caught() != 0)
		exit(sig_exit(ST_FAILED));
	if (st == DB_USAGE && nothing)
		die(ST_USAGE, "%s", why);
	if (nothing)
		die(ST_FAILED, "%s; nothing was loaded", why);
	die(ST_FAILED, "%s; stopped after %llu rows; %s", why, (unsigned long long)l->accepted,
	    opts.load_id != NULL || opts.key != NULL ? "run again to go on" : "without --load-id or --key, to run it again would load them twice");
}

/* Something failed: connect anew after a while, or end. */
static void
recover(struct load *l, enum db_status st)
{
	do {
		int64_t wait = BACKOFF_MS << (l->tries < 8 ? l->tries : 8);

		if (st != DB_AGAIN || l->tries >= opts.retries)
			give_up(l, st);
		wait = wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS;
		wait = wait / 2 + (int64_t)rnd_below((uint64_t)wait / 2);
		progress_clear();
		note("%s; trying again in %.1f s", buf_str(&l->db.error), (double)wait / 1e3);
		if (io_wait(sig_fd(), (int)wait) != 0)
			give_up(l, DB_STOPPED);
		l->tries++;
	} while ((st = db_open(&l->db)) != DB_OK);
}

/* ---- the table ---- */

static void
find_key(struct load *l)
{
	const char *p = opts.key;
	size_t len;

	l->n_key = 0;
	for (; p != NULL && *p != '\0'; p += len + (p[len] == ',')) {
		long at;

		len = strcspn(p, ",");
		at = db_find_column(&l->table, p, len);
		if (at == -1)
			die(ST_USAGE, "--key: the table has no column '%.*s'", (int)len, p);
		l->key = mem_grow(l->key, &l->key_cap, l->n_key + 1, sizeof *l->key);
		l->key[l->n_key++] = (size_t)at;
	}
}

static void
describe(struct load *l)
{
	enum db_status st;

	while ((st = db_describe(&l->db, &l->table)) != DB_OK)
		recover(l, st);
	if (l->table.n == 0)
		return;
	l->value = mem_grow(l->value, &l->value_cap, l->table.n, sizeof *l->value);
	find_key(l);
}

static void
scan_row(struct load *l, size_t i)
{
	(void)scan_record(&l->scan, l->lines.p + l->row[i].at);		/* it was valid when it came */
}

static void
create(struct load *l)
{
	struct infer in = { 0 };
	enum db_status st;

	for (size_t i = 0; i < l->n; i++) {
		scan_row(l, i);
		if (!infer_record(&in, &l->table, &l->scan))
			die(ST_USAGE, "--create: the rows have more members than a table can have columns");
	}
	infer_kinds(&in, &l->table, opts.types);
	if (l->table.n == 0)
		die(ST_USAGE, "--create: the rows have no members");
	find_key(l);
	while ((st = db_create(&l->db, &l->table, l->key, l->n_key)) != DB_OK)
		recover(l, st);
	describe(l);
}

/* ---- rows ---- */

static const char *
reason(struct load *l, const char *before, const char *name, size_t len, const char *after)
{
	buf_clear(&l->reason);
	buf_addf(&l->reason, "%s '%.*s'%s", before, (int)len, name, after);
	return buf_str(&l->reason);
}

/* The column of a member, or -1.  Members mostly come in one order. */
static long
column_of(struct load *l, const struct scan *s, size_t i)
{
	size_t hint = i < l->hint_cap ? l->hint[i] : 0;
	struct span key = s->m[i].key;
	long at;

	if (hint < l->table.n && json_spells(key, l->table.column[hint].name, l->table.column[hint].len))
		return (long)hint;
	buf_clear(&l->name);
	json_decode(key, &l->name);
	at = db_find_column(&l->table, l->name.p == NULL ? "" : l->name.p, l->name.len);
	if (at == -1)
		return -1;
	if (i >= l->hint_cap) {
		size_t old = l->hint_cap;

		l->hint = mem_grow(l->hint, &l->hint_cap, i + 1, sizeof *l->hint);
		memset(l->hint + old, 0, (l->hint_cap - old) * sizeof *l->hint);
	}
	l->hint[i] = (size_t)at;
	return at;
}

/* Sort the row's members into the columns.  Returns why not, or NULL. */
static const char *
find_values(struct load *l, const struct scan *s)
{
	memset(l->value, 0, l->table.n * sizeof *l->value);
	for (size_t i = 0; i < s->n; i++) {
		long at = column_of(l, s, i);

		if (at != -1)
			l->value[at] = s->m[i].val;
		else if (!opts.ignore_unknown)
			return reason(l, "the table has no column", l->name.p, l->name.len, "");
	}
	for (size_t i = 0; i < l->n_key; i++) {
		const struct db_column *c = &l->table.column[l->key[i]];

		if (l->value[l->key[i]].p == NULL || json_is_null(l->value[l->key[i]]))
			return reason(l, "no value for", c->name, c->len, ", which is of the key");
	}
	return NULL;
}

/*
 * Does the row fill the columns that this load does?  A column that has a default is filled only by rows that have the member;
 * all others are null where it is missing.
 */
static bool
fits_load(struct load *l)
{
	size_t n = 0;

	if (l->n_good == 0)
		l->n_use = 0;
	for (size_t i = 0; i < l->table.n; i++) {
		if (l->table.column[i].has_default && l->value[i].p == NULL)
			continue;
		if (l->n_good == 0) {
			l->use = mem_grow(l->use, &l->use_cap, n + 1, sizeof *l->use);
			l->use[n] = i;
			l->n_use = n + 1;
		} else if (n >= l->n_use || l->use[n] != i) {
			return false;
		}
		n++;
	}
	return l->n_good == 0 || n == l->n_use;
}

static const char *
convert_row(struct load *l)
{
	size_t cells = l->n_cells, text = l->cv.text.len;

	if (l->n_use == 0)
		return "no member is a column of the table";
	l->cell = mem_grow(l->cell, &l->cell_cap, cells + l->n_use, sizeof *l->cell);
	for (size_t i = 0; i < l->n_use; i++) {
		const struct db_column *c = &l->table.column[l->use[i]];
		const char *why = convert(&l->cv, c, l->value[l->use[i]], &l->cell[cells + i]);

		if (why != NULL) {
			l->cv.text.len = text;
			return why;
		}
	}
	l->n_cells = cells + l->n_use;
	return NULL;
}

static void
begin_rows(struct load *l, size_t i)
{
	l->n_good = l->n_cells = l->n_use = l->fed = 0;
	buf_clear(&l->cv.text);
	(void)buf_reserve(&l->cv.text, 1);	/* nulls point into it, too */
	l->from = l->end = i;
}

/* Convert the next row.  False: it fills other columns than those before it. */
static bool
add_row(struct load *l, const struct scan *s)
{
	const char *why = find_values(l, s);

	if (why == NULL && !fits_load(l))
		return false;
	if (why == NULL)
		why = convert_row(l);
	if (why != NULL) {
		l->row[l->end].why = mem_dup(why, strlen(why));
		if (opts.in.strict)
			l->n = l->end + 1;
	} else {
		l->good = mem_grow(l->good, &l->good_cap, l->n_good + 1, sizeof *l->good);
		l->number = mem_grow(l->number, &l->number_cap, l->n_good + 1, sizeof *l->number);
		l->number[l->n_good] = l->row[l->end].number;
		l->good[l->n_good++] = l->end;
	}
	l->end++;
	return true;
}

/* Convert rows from the i-th on, as many as fill the same columns and are not too many cells: the table may be wider than the rows. */
static void
convert_rows(struct load *l, size_t i)
{
	begin_rows(l, i);
	while (l->end < l->n && l->n_cells < BATCH_CELLS) {
		scan_row(l, l->end);
		if (!add_row(l, &l->scan))
			break;
	}
}

/* The batch ends with this row, which --strict does not pass. */
static void
cut_batch(struct load *l, size_t last)
{
	while (l->n > last + 1)
		free(l->row[--l->n].why);
}

static void
reject_row(struct load *l, struct row *r, const char *why)
{
	if (!r->told)
		rejects_add(&l->rejects, l->in->name, r->line, 0, why, l->lines.p + r->at, r->len);
	r->told = true;
}

/*
 * The mark is about to pass these rows: what is rejected of them is named and kept before, since a run that comes after a crash will not
 * see it any more.
 */
static void
tell_rejected(void *arg, const struct db_load *d)
{
	struct load *l = arg;

	for (size_t i = l->from, k = 0; i < l->end; i++) {
		bool good = k < l->n_good && l->good[k] == i;
		const char *why;

		if (good && k == d->done)
			break;		/* --strict */
		why = good ? d->why[k++] : l->row[i].why;
		if (why != NULL)
			reject_row(l, &l->row[i], why);
	}
	rejects_flush(&l->rejects);
}

/* What was converted. */
static struct db_load
converted(struct load *l)
{
	return (struct db_load){
		.table = &l->table, .use = l->use, .n_use = l->n_use, .key = l->key, .n_key = l->n_key,
		.conflict = (enum db_conflict)opts.conflict, .cell = l->cell, .text = l->cv.text.p, .n = l->n_good, .strict = opts.in.strict,
		.number = l->number, .settled = tell_rejected, .arg = l,
	};
}

/* Load what was converted; with it, the input has been dealt with up to this record. */
static void
load_rows(struct load *l, uint64_t records)
{
	struct db_load d = converted(l);
	enum db_status st;

	if (l->n_good == 0)
		return;
	d.records = records;
	l->why = mem_grow(l->why, &l->why_cap, l->n_good, sizeof *l->why);
	memset(l->why, 0, l->n_good * sizeof *l->why);
	d.why = l->why;
	while ((st = db_load(&l->db, &d)) != DB_OK)
		recover(l, st);
	l->tries = 0;
	l->batches++;
	l->loaded += d.changed;
	l->accepted += d.done;
	for (size_t i = 0; i < d.done; i++) {
		if ((l->row[l->good[i]].why = l->why[i]) == NULL)
			continue;
		l->accepted--;
		if (opts.in.strict)
			cut_batch(l, l->good[i]);
	}
}

/* Reject what was refused of these rows, and write the others on. */
static void
tell_rows(struct load *l, size_t i, size_t end)
{
	struct buf out = { 0 };

	for (; i < end && i < l->n; i++) {
		struct row *r = &l->row[i];
		const char *text = l->lines.p + r->at;

		if (r->why != NULL) {
			reject_row(l, r, r->why);
			l->status = worse(l->status, ST_REJECTED);
		} else if (opts.tee) {
			std_put(&out, text, r->len);
		}
		free(r->why);
	}
	std_flush(&out);
	buf_free(&out);
}

/* The records that have been dealt with when the rows before this one have: --strict comes back to the row that stopped it. */
static uint64_t
mark_before(const struct load *l, size_t end)
{
	const struct row *last = &l->row[end - 1];

	if (end < l->n)
		return l->row[end].number - 1;
	return opts.in.strict && last->why != NULL ? last->number - 1 : last->number;
}

/*
 * Load the rows that were gathered.  The mark goes behind the last of them, and not behind what was rejected after it: that may be
 * the piece of a line whose writer was killed, or has not come to its end.
 */
static void
load_batch(struct load *l)
{
	if (l->n == 0)
		return;
	buf_pad(&l->lines);
	if (l->table.n == 0)
		create(l);
	for (size_t i = 0; i < l->n; i = l->end) {
		if (l->end == i)
			convert_rows(l, i);
		load_rows(l, mark_before(l, l->end));
		tell_rows(l, i, l->end);
	}
	l->n = 0;
	buf_clear(&l->lines);
	begin_rows(l, 0);
}

static void
feed(struct load *l)
{
	struct db_load d = converted(l);

	l->fed = l->lines.len;
	if (l->n_good > 0)
		db_feed(&l->db, &d);
}

/* All input has been read. */
static void
check_end(const struct load *l)
{
	if (l->seen < l->before.records)
		die(ST_USAGE, "the load '%s' has got to record %llu before, but the input has only %llu: this is not the same input", opts.load_id,
		    (unsigned long long)l->before.records, (unsigned long long)l->seen);
}

static void
take_row(struct load *l, const struct record *r)
{
	l->row = mem_grow(l->row, &l->row_cap, l->n + 1, sizeof *l->row);
	l->row[l->n++] = (struct row){ .line = l->in->line, .number = l->seen, .at = l->lines.len, .len = r->line.len };
	buf_add(&l->lines, r->line.p, r->line.len);
	l->read++;
	if (l->table.n > 0 && l->end == l->n - 1)
		(void)add_row(l, r->scan);
	if (l->n >= (size_t)opts.batch || l->lines.len >= BATCH_BYTES || l->n_cells >= BATCH_CELLS ||
	    (opts.in.strict && l->row[l->n - 1].why != NULL))
		load_batch(l);
	else if (l->end == l->n && l->lines.len - l->fed >= FEED_BYTES)
		feed(l);
}

/* How long an incomplete batch may wait for the next line.  The rows that the server has got make others wait: for locks, for vacuum. */
static int
timeout(const struct load *l)
{
	int64_t ms = opts.linger;

	if (l->n == 0)
		return -1;
	if (l->db.fed_since != 0 && l->in->p == l->in->block.p + l->in->block.len) {
		int64_t left = l->db.fed_since + FEED_MS - when_mono();

		ms = left >= ms ? ms : left > 0 ? left : 0;
	}
	return ms < INT32_MAX ? (int)ms : -1;
}

/* The next line; of those that earlier runs dealt with nothing is said any more. */
static enum line_status
next_line(struct load *l, struct record *r)
{
	struct lines *in = l->in;
	enum line_status st;

	do {
		bool done = l->seen < l->before.records;

		in->rejects = done ? &l->told : &l->rejects;
		in->in.timeout_ms = timeout(l);
		st = lines_next(in, r);
		if (st != LINE_RECORD && st != LINE_REJECTED)
			break;
		progress_show(++l->seen, in->in.bytes, in->in.total);
	} while (l->seen <= l->before.records);
	return st;
}

/* False: a signal or --strict ends the run. */
static bool
load_input(struct load *l, struct lines *in)
{
	struct record r;

	l->in = in;
	for (;;) {
		switch (next_line(l, &r)) {
		case LINE_RECORD:
			take_row(l, &r);
			break;
		case LINE_REJECTED:
			l->status = worse(l->status, ST_REJECTED);
			break;
		case LINE_IDLE:
			load_batch(l);
			break;
		case LINE_END:
			load_batch(l);
			return !opts.in.strict || l->rejects.n == 0;
		case LINE_ERROR:
			if (errno == EINTR)
				return false;
			warn("%s: %s", in->name, strerror(errno));
			load_batch(l);
			l->status = worse(l->status, ST_FAILED);
			return opts.load_id == NULL;	/* the records of further files have other numbers now */
		}
		if (opts.in.strict && l->rejects.n != 0) {
			load_batch(l);	/* what stood before the bad row */
			return false;
		}
	}
}

/* False: not to its end. */
static bool
load_inputs(struct load *l, char *files[], int n)
{
	for (int i = 0; i < (n == 0 ? 1 : n); i++) {
		struct lines in;
		bool go_on;

		if (lines_open(&in, n == 0 ? "-" : files[i], (size_t)opts.in.max_line, &l->rejects) == -1) {
			warn("%s: %s", in.name, strerror(errno));
			l->status = worse(l->status, ST_FAILED);
			if (opts.load_id != NULL)
				return false;
			continue;
		}
		go_on = load_input(l, &in);
		lines_close(&in);
		if (!go_on)
			return false;
	}
	return true;
}

/* ---- set-up ---- */

static void
check_options(void)
{
	char *why;

	if (opts.table == NULL)
		opt_misuse("no table: name it with --table");
	if (opts.conflict != DB_CONFLICT_FAIL && opts.key == NULL)
		opt_misuse("--on-conflict: name the columns that make a row unique with --key");
	if (opts.load_id != NULL && (strlen(opts.load_id) > ID_MAX || scan_utf8(opts.load_id, strlen(opts.load_id)) != NULL))
		opt_misuse("--load-id: not UTF-8, or longer than %d bytes", ID_MAX);
	if (opts.types != NULL && (why = types_check(opts.types)) != NULL)
		opt_misuse("--types: %s", why);
}

/* A run of this load that has come some way goes on from there. */
static void
claim(struct load *l)
{
	enum db_status st;

	while ((st = db_claim(&l->db, opts.table, opts.load_id)) != DB_OK)
		recover(l, st);
	l->before = l->db.mark;
	if (l->before.records == 0)
		return;
	note("the load '%s': %llu rows were loaded before, %llu rejected", opts.load_id, (unsigned long long)l->before.rows,
	    (unsigned long long)(l->before.records - l->before.rows));
	if (l->before.records > l->before.rows)
		l->status = ST_REJECTED;
	if (l->table.n == 0)		/* another run may have made it just now */
		describe(l);
	if (l->table.n == 0 && l->before.rows > 0)
		die(ST_USAGE, "the table '%s' of the load '%s' is gone; to load it again give another --load-id", opts.table, opts.load_id);
}

static void
tell(const char *text)
{
	verbose("%s", text);
}

static void
open_table(struct load *l)
{
	enum db_status st = db_init(&l->db, opts.db, tell);

	if (st != DB_OK || (st = db_open(&l->db)) != DB_OK)
		recover(l, st);
	if (l->db.password && opts.db != NULL)
		note("a password on the command line can be read by every user; use LLMUTILS_DB, PGPASSWORD or a password file");
	l->cv.holds_nul = l->db.engine->holds_nul;
	l->table.name = opts.table;
	describe(l);
	begin_rows(l, 0);
	if (l->table.n == 0 && !opts.create)
		die(ST_USAGE, "there is no table '%s'; --create makes it", opts.table);
	if (opts.load_id != NULL)
		claim(l);
	l->tries = 0;
}

static void
finish(struct load *l)
{
	if (db_end_loads(&l->db) != DB_OK)
		verbose("%s", buf_str(&l->db.error));
	if (rejects_close(&l->rejects) == -1)
		die(ST_FAILED, "%s: %s", opts.in.rejects, strerror(errno));
	db_free(&l->db);
	db_table_free(&l->table);
	converter_free(&l->cv);
	scan_free(&l->scan);
	buf_free(&l->lines);
	buf_free(&l->name);
	buf_free(&l->reason);
	free(l->row);
	free(l->cell);
	free(l->good);
	free(l->number);
	free(l->why);
	free(l->use);
	free(l->key);
	free(l->value);
	free(l->hint);
}

int
main(int argc, char *argv[])
{
	struct load l = { 0 };
	int64_t start = when_mono();
	int n = opt_parse(&tool, argc, argv);

	check_options();
	sig_catch();
	sig_ignore_pipe();
	if (rejects_open(&l.rejects, opts.in.rejects) == -1)
		die(ST_USAGE, "--rejects: %s: %s", opts.in.rejects, strerror(errno));
	progress_start((enum progress_when)opts.in.progress, "rows", false);

	if (rejects_open(&l.told, NULL) == -1)
		die(ST_FAILED, "%s", strerror(errno));
	l.told.silent = true;
	open_table(&l);
	if (load_inputs(&l, argv, n))
		check_end(&l);

	progress_clear();
	verbose("read=%llu loaded=%llu duplicates=%llu rejected=%llu batches=%llu seconds=%.1f", (unsigned long long)l.read,
	    (unsigned long long)l.loaded, (unsigned long long)(l.accepted - l.loaded), (unsigned long long)l.rejects.n,
	    (unsigned long long)l.batches, (double)(when_mono() - start) / 1e3);
	finish(&l);
	return sig_exit(std_close(l.status));
}
