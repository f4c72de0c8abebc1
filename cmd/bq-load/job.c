/*
 * Rows into load jobs.  A job's id is made of its rows, and the service runs an id once: that is what makes a run repeatable.
 * What fails is tried by the next id, with _1, _2 ... behind, in the same order in each run; so a run finds the one that ended well.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/progress.h"
#include "base/rnd.h"
#include "base/sig.h"
#include "base/when.h"
#include "bq-load/load.h"
#include "bq-load/spool.h"
#include "google/load.h"
#include "json/str.h"

#define MOST_ROUNDS	20	/* jobs without the rows that the job before named */
#define MOST_ATTEMPTS	1000	/* ids of earlier runs */
#define SKEW_MS		10000	/* between what the service says of a job and of a table */

/* A row that the service refused. */
struct bad {
	uint64_t at;
	char	*why;		/* owned */
};

struct job {
	struct session *s;
	struct spool *sp;
	EVP_MD_CTX *md;		/* over the table, the options and the rows */
	uint64_t batch;
	/* While it is loaded. */
	struct buf key, id;
	uint64_t attempt;
	struct spool *rest;	/* the rows that are not bad */
	struct bad *bad;
	size_t	 n_bad, bad_cap, next_bad;
	int64_t	 failures;	/* of the service */
	int64_t	 failing;	/* since then */
};

/* ---- the id ---- */

static void
hash(struct job *j, const void *p, size_t len)
{
	if (EVP_DigestUpdate(j->md, p, len) != 1)
		give_up(j->s, "SHA-256 failed");
}

/* With its length, so that neighbours cannot run together. */
static void
hash_part(struct job *j, const char *p, size_t len)
{
	uint64_t n = len;

	hash(j, &n, sizeof n);
	hash(j, p, len);
}

static void
hash_text(struct job *j, const char *text)
{
	hash_part(j, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static void
hash_options(struct job *j)
{
	const struct session *s = j->s;
	unsigned char chance[32];

	if (EVP_DigestInit_ex(j->md, EVP_sha256(), NULL) != 1)
		give_up(j->s, "SHA-256 failed");
	hash_text(j, s->table.project);
	hash_text(j, s->table.dataset);
	hash_text(j, s->table.table);
	hash_text(j, s->write == WRITE_TRUNCATE ? "truncate" : "append");
	hash_part(j, s->layout.schema.p, s->layout.schema.len);
	hash_text(j, s->layout.partition);
	hash_text(j, s->layout.cluster);
	hash(j, &j->batch, sizeof j->batch);
	if (s->write == WRITE_TRUNCATE) {	/* A, then B, then A again must leave A */
		rnd_bytes(chance, sizeof chance);
		hash(j, chance, sizeof chance);
	}
}

static void
make_key(struct job *j)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	buf_clear(&j->key);
	if (j->s->job_id != NULL) {
		buf_adds(&j->key, j->s->job_id);
		if (j->batch != 0)
			buf_addf(&j->key, "_b%llu", (unsigned long long)j->batch);
		return;
	}
	if (EVP_DigestFinal_ex(j->md, sum, &n) != 1)
		give_up(j->s, "SHA-256 failed");
	buf_adds(&j->key, "bqload_");
	for (unsigned i = 0; i < n; i++)
		buf_addf(&j->key, "%02x", sum[i]);
}

static const char *
make_id(struct job *j)
{
	buf_clear(&j->id);
	buf_add(&j->id, j->key.p, j->key.len);
	if (j->attempt != 0 || j->s->job_id == NULL)
		buf_addf(&j->id, "_%llu", (unsigned long long)j->attempt);
	return buf_str(&j->id);
}

/* ---- the configuration ---- */

static void
put_configuration(const struct session *s, struct buf *b)
{
	bool makes = !s->info.exists, truncates = s->write == WRITE_TRUNCATE;
	bool has_schema = s->layout.schema.len != 0, describes = (makes || truncates) && (has_schema || s->autodetect);

	buf_adds(b, "{\"load\":{\"destinationTable\":");
	table_put_reference(&s->table, b);
	buf_adds(b, ",\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\",\"createDisposition\":");
	buf_adds(b, makes ? "\"CREATE_IF_NEEDED\"" : "\"CREATE_NEVER\"");
	buf_adds(b, ",\"writeDisposition\":");
	/* Without a schema the table keeps its own. */
	buf_adds(b, !truncates ? "\"WRITE_APPEND\"" : describes ? "\"WRITE_TRUNCATE\"" : "\"WRITE_TRUNCATE_DATA\"");
	if (describes && has_schema) {
		buf_adds(b, ",\"schema\":");
		buf_add(b, s->layout.schema.p, s->layout.schema.len);
	} else if (describes) {
		buf_adds(b, ",\"autodetect\":true");
	}
	if (describes)
		table_put_layout(&s->layout, b);
	buf_adds(b, "}}");
}

/* ---- rows that are refused ---- */

static int
by_place(const void *a, const void *b)
{
	uint64_t x = ((const struct bad *)a)->at, y = ((const struct bad *)b)->at;

	return x < y ? -1 : x > y;
}

static void
forget_bad(struct job *j)
{
	while (j->n_bad > 0)
		free(j->bad[--j->n_bad].why);
	j->next_bad = 0;
}

static void
list_bad(struct job *j)
{
	struct span list, error;
	struct json_iter it;
	struct bad bad;

	forget_bad(j);
	if (!load_errors(j->s->reply.object, &list))
		return;
	for (it = json_open(list); json_next_element(&it, &error);) {
		struct buf why = { 0 };

		if (load_bad_row(error, &bad.at, &why)) {
			bad.why = mem_dup(why.p, why.len);
			j->bad = mem_grow(j->bad, &j->bad_cap, j->n_bad + 1, sizeof *j->bad);
			j->bad[j->n_bad++] = bad;
		}
		buf_free(&why);
	}
	qsort(j->bad, j->n_bad, sizeof *j->bad, by_place);
}

/* A place counts as the row's from its line's first byte to its brace. */
static bool
is_bad(struct job *j, uint64_t at, struct span row, const char **why)
{
	uint64_t brace = at + strspn(row.p, " \t");
	bool found = false;

	for (; j->next_bad < j->n_bad && j->bad[j->next_bad].at <= brace; j->next_bad++) {
		const struct bad *b = &j->bad[j->next_bad];

		if (b->at < at)
			give_up(j->s, "BigQuery names a row at byte %llu, where none begins: %s", (unsigned long long)b->at, b->why);
		if (!found)
			*why = b->why;
		found = true;
	}
	return found;
}

/* With --strict the first ends it. */
static int
sort_row(void *arg, const char *file, uint64_t line, uint64_t at, struct span row)
{
	struct job *j = arg;
	const char *why;

	if (sig_caught() != 0)
		check(j->s, GOOGLE_INTERRUPTED);
	if (!is_bad(j, at, row, &why))
		return j->s->strict ? 0 : spool_add(j->rest, file, line, row);
	rejects_add(&j->s->rejects, file, line, 0, why, row.p, row.len);
	return j->s->strict;
}

static void
spool_failed(struct job *j)
{
	if (errno == EINTR && sig_caught() != 0)
		check(j->s, GOOGLE_INTERRUPTED);
	give_up(j->s, "%s: %s", file_temp_dir(), strerror(errno));
}

static struct spool *
new_spool(struct job *j)
{
	struct spool *sp = spool_new();

	if (sp == NULL)
		spool_failed(j);
	return sp;
}

/* Reject the rows that the reply names, and leave the others in j->sp.  False: --strict. */
static bool
reject_rows(struct job *j)
{
	int st;

	progress_clear();
	list_bad(j);
	j->rest = new_spool(j);
	st = spool_walk(j->sp, sort_row, j);
	if (st == -1 || (st == 0 && spool_end(j->rest) == -1))
		spool_failed(j);
	if (st == 0 && j->next_bad < j->n_bad)
		give_up(j->s, "BigQuery names a row at byte %llu, of %llu: %s", (unsigned long long)j->bad[j->next_bad].at,
		    (unsigned long long)spool_plain(j->sp), j->bad[j->next_bad].why);
	spool_free(j->sp);
	j->sp = j->rest;
	j->rest = NULL;
	/* What is loaded without them must not be all that is left of them. */
	rejects_flush(&j->s->rejects);
	return st == 0;
}

/* ---- a job ---- */

static ssize_t
read_spool(void *arg, int64_t from, void *p, size_t len)
{
	struct job *j = arg;

	return spool_read(j->sp, from, p, len);
}

/* size 0: not known yet. */
static void
show_sent(void *arg, int64_t bytes, int64_t size)
{
	struct job *j = arg;

	progress_show(j->s->read, (uint64_t)bytes, (uint64_t)size);
}

/* An id that was given may be that of any job. */
static void
check_table(struct job *j)
{
	struct session *s = j->s;

	if (s->job_id == NULL || load_is_into(s->reply.object, s->table.dataset, s->table.table))
		return;
	if (s->loaded == 0)
		die(ST_USAGE, "--job-id: job %s has not loaded into the table %s.%s", buf_str(&j->id), s->table.dataset, s->table.table);
	give_up(s, "job %s has not loaded into the table %s.%s", buf_str(&j->id), s->table.dataset, s->table.table);
}

/* The service says how many rows it has loaded. */
static void
count_rows(struct job *j, bool existed)
{
	struct session *s = j->s;
	uint64_t rows = spool_rows(j->sp), loaded = rows;
	bool says = load_rows(s->reply.object, &loaded);

	s->loaded += loaded;
	s->jobs++;
	if (existed)
		note("these rows were loaded by job %s before", buf_str(&j->id));
	if (!says || loaded == rows)
		return;
	warn("job %s has loaded %llu rows, of %llu%s", buf_str(&j->id), (unsigned long long)loaded, (unsigned long long)rows,
	    existed ? "; the others were rejected then, or were not the same" : "");
	s->status = worse(s->status, existed ? ST_REJECTED : ST_FAILED);
}

/*
 * An earlier run has loaded the rows, but the table was missing: it has been dropped since, unless another run was faster by a
 * moment, and made it.
 */
static void
check_dropped(struct job *j, uint64_t ended)
{
	struct session *s = j->s;
	struct table_info now = { 0 };

	check(s, table_get(s->bq, &s->table, &now, &s->reply));
	if (!now.exists || now.created >= ended + SKEW_MS)
		die(ST_USAGE, "job %s has loaded these rows before, but the table %s.%s is gone; to load them again give another --job-id",
		    buf_str(&j->id), s->table.dataset, s->table.table);
	table_info_free(&now);
}

/* The service failed: another id, after a while. */
static void
back_off(struct job *j)
{
	struct session *s = j->s;

	if (j->failures == 0)
		j->failing = when_mono();
	if (j->failures++ >= s->policy.max_retries || when_mono() - j->failing > s->policy.retry_time_ms)
		give_up(s, "job %s: %s", buf_str(&j->id), buf_str(&s->reply.error));
	note("job %s: %s; trying again", buf_str(&j->id), buf_str(&s->reply.error));
	if (!load_back_off(j->failures - 1))
		check(s, GOOGLE_INTERRUPTED);
}

static void
job_failed(struct job *j)
{
	struct session *s = j->s;
	const char *reason = buf_str(&s->reply.reason);

	if (s->loaded == 0 && (strcmp(reason, "notFound") == 0 || strcmp(reason, "accessDenied") == 0))
		check(s, GOOGLE_REFUSED);
	give_up(s, "job %s: %s", buf_str(&j->id), buf_str(&s->reply.error));
}

/* One id.  Without GOOGLE_OK the tool ends. */
static enum load_outcome
run_once(struct job *j, bool *existed)
{
	struct session *s = j->s;
	struct buf configuration = { 0 };
	struct load_job job = { .id = make_id(j), .location = s->location, .name = file_temp_dir(), .read = read_spool, .sent = show_sent, .arg = j };
	enum load_outcome outcome = LOAD_FAILED;
	enum google_result st;

	put_configuration(s, &configuration);
	job.configuration = (struct span){ configuration.p, configuration.len };
	verbose("job %s: %llu rows, %llu bytes", job.id, (unsigned long long)spool_rows(j->sp), (unsigned long long)spool_plain(j->sp));
	st = load_run(s->bq, &job, &outcome, existed, &s->reply);
	progress_clear();
	buf_free(&configuration);
	s->open_job = outcome == LOAD_UNKNOWN ? job.id : NULL;
	check(s, st);
	return outcome;
}

static void
none_is_good(const struct job *j)
{
	if (j->s->write == WRITE_TRUNCATE)
		warn("no row is good; the table keeps its rows");
}

/* False: --strict. */
static bool
run(struct job *j)
{
	int rounds = 0;

	for (j->attempt = 0; j->attempt < MOST_ATTEMPTS; j->attempt++) {
		bool existed;
		uint64_t ended;
		enum load_outcome outcome = run_once(j, &existed);

		if (outcome == LOAD_DONE) {
			check_table(j);
			count_rows(j, existed);
			if (existed && j->s->missing && load_ended(j->s->reply.object, &ended))
				check_dropped(j, ended);
			return true;
		}
		if (existed)	/* and failed, in an earlier run; its rows may have been fewer */
			continue;
		switch (outcome) {
		case LOAD_DONE:
			break;
		case LOAD_ROWS:
			if (!reject_rows(j))
				return false;
			if (spool_rows(j->sp) == 0) {
				none_is_good(j);
				return true;
			}
			if (++rounds == MOST_ROUNDS)
				give_up(j->s, "BigQuery refused rows of %d jobs, one after the other, and names only a few of them each time", rounds);
			break;
		case LOAD_AGAIN:
			back_off(j);
			break;
		case LOAD_FAILED:
		case LOAD_UNKNOWN:
			job_failed(j);
		}
	}
	give_up(j->s, "%d jobs of earlier runs have failed on these rows", MOST_ATTEMPTS);
}

/* ---- a batch ---- */

/* Load what has been added.  False: --strict. */
static bool
load_batch(struct job *j)
{
	bool done = true;

	if (spool_end(j->sp) == -1)
		spool_failed(j);
	make_key(j);
	j->failures = 0;
	if (spool_rows(j->sp) != 0 || j->s->write == WRITE_TRUNCATE)
		done = run(j);
	spool_free(j->sp);
	j->sp = NULL;
	j->s->info.exists = true;
	j->batch++;
	return done;
}

static void
begin_batch(struct job *j)
{
	j->sp = new_spool(j);
	hash_options(j);
}

struct job *
job_begin(struct session *s)
{
	struct job *j = mem_zero(1, sizeof *j);

	j->s = s;
	if ((j->md = EVP_MD_CTX_new()) == NULL)
		give_up(s, "SHA-256 failed");
	begin_batch(j);
	return j;
}

static bool
is_full(const struct job *j, size_t more)
{
	return spool_rows(j->sp) != 0 && spool_plain(j->sp) + more > (uint64_t)j->s->job_size;
}

void
job_add(struct job *j, const char *file, uint64_t line, struct span row)
{
	if (is_full(j, row.len)) {
		if (j->s->write == WRITE_TRUNCATE)
			die(ST_USAGE, "--write truncate takes one job, of %lld bytes, and there are more; nothing was loaded",
			    (long long)j->s->job_size);
		(void)load_batch(j);
		begin_batch(j);
	}
	hash(j, row.p, row.len);
	if (spool_add(j->sp, file, line, row) == -1)
		spool_failed(j);
}

void
job_end(struct job *j)
{
	if (j->s->write == WRITE_TRUNCATE && spool_rows(j->sp) == 0 && j->s->rejects.n != 0)
		none_is_good(j);
	else
		(void)load_batch(j);
	job_drop(j);
}

void
job_drop(struct job *j)
{
	spool_free(j->sp);
	EVP_MD_CTX_free(j->md);
	forget_bad(j);
	free(j->bad);
	buf_free(&j->key);
	buf_free(&j->id);
	free(j);
}
