/*
 * bq-load - load rows into a table of BigQuery; see bq-load(1)
 *
 * By load jobs (spool.c, job.c): the rows are kept in a file first, and loaded all or none, each exactly once.
 * By streaming (stream.c): the rows are sent as they come.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/progress.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "bq-load/load.h"
#include "ndjson/filter.h"
#include "ndjson/line.h"

#define PAUSE_MS 250		/* without a row: those that came are sent */
#define MOST_ROWS (INT64_C(3840) << 20)	/* a gzip file may have 4 GB; what cannot be compressed becomes a little larger */

static struct http_policy policy = HTTP_POLICY;

static struct {
	const char *table, *schema, *partition, *cluster, *job_id, *location, *project;
	int	 method, write;
	bool	 create;
	int64_t	 job_size;
	struct filter_opts in;
} opts = { .job_size = MOST_ROWS, .in = FILTER_DEFAULTS };

static const struct opt table[] = {
	OPT_NAME(0, "cluster", "COLS", &opts.cluster, "with --create: keep rows sorted by these columns, at most four"),
	OPT_FLAG('c', "create", &opts.create, "create the table, and its dataset, where they are missing"),
	OPT_FILTER(opts.in),
	OPT_NAME(0, "job-id", "ID", &opts.job_id, "the id of the job (default: of the rows, so that they are loaded once)"),
	OPT_SIZE(0, "job-size", &opts.job_size, 1, MOST_ROWS, "load more than this by several jobs (default 3840M)"),
	OPT_NAME('l', "location", "L", &opts.location, "where the dataset is, or is created: asia-east1"),
	OPT_CHOICE('m', "method", "load|stream", &opts.method, "load: all or none, once; stream: at once, charged (default load)"),
	OPT_NAME(0, "partition", "COL", &opts.partition, "with --create: keep the rows of each day of this column apart"),
	OPT_NAME('p', "project", "P", &opts.project, "the project that pays (default $GOOGLE_CLOUD_PROJECT, or the credentials')"),
	OPT_NAME('s', "schema", "FILE|auto", &opts.schema, "the columns of a table that is created (default auto: of the rows)"),
	OPT_NAME('t', "table", "NAME", &opts.table, "the table, [PROJECT.]DATASET.TABLE"),
	OPT_CHOICE('w', "write", "append|truncate", &opts.write, "keep the rows of the table, or replace them (default append)"),
	OPT_HTTP(&policy),
};

static const struct tool tool = {
	.name = "bq-load",
	.synopsis = "--table [PROJECT.]DATASET.TABLE [--create] [--method load|stream] [options] [FILE ...]",
	.summary = "Load rows into a table of BigQuery.",
	.example = "  cc-count log.ndjson | bq-load --create --partition timestamp --table botrun.demo_logs",
	.environment = "  GOOGLE_APPLICATION_CREDENTIALS  a credential file (BOTRUN_LOG_CREDENTIALS_PATH)\n"
	    "  GOOGLE_OAUTH_ACCESS_TOKEN       a ready token, in its place (or ..._FILE)\n"
	    "  GOOGLE_CLOUD_PROJECT            the project (BOTRUN_LOG_PROJECT_ID)\n"
	    "  BOTRUN_LOG_DATASET_NAME         the dataset of a table that is named without one\n"
	    "  BIGQUERY_ENDPOINT               the root of the API, for tests; BIGQUERY_EMULATOR_HOST: without credentials\n"
	    "  TMPDIR                          where rows are kept until they are loaded (default /tmp)",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

struct input {
	struct session *s;
	struct job *job;		/* one of the two */
	struct stream *stream;
};

/* ---- ending ---- */

static void
close_rejects(struct session *s)
{
	progress_clear();
	if (rejects_close(&s->rejects) == -1)
		warn("%s: %s", opts.in.rejects, strerror(errno));
}

void
give_up(struct session *s, const char *fmt, ...)
{
	char why[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	close_rejects(s);
	if (s->open_job != NULL)
		die(ST_FAILED, "%s; job %s may still load its rows; run again to find out", why, s->open_job);
	if (s->loaded == 0)
		die(ST_FAILED, "%s; nothing was loaded", why);
	die(ST_FAILED, "%s; stopped after %llu rows; run again to go on", why, (unsigned long long)s->loaded);
}

void
check(struct session *s, enum google_result st)
{
	const char *why = buf_str(&s->reply.error);

	switch (st) {
	case GOOGLE_OK:
		return;
	case GOOGLE_INTERRUPTED:
		close_rejects(s);
		if (s->open_job != NULL)
			warn("job %s may still load its rows; run again to find out", s->open_job);
		exit(sig_exit(ST_FAILED));
	case GOOGLE_REFUSED:
		/* A quota is nothing that was set wrong; later it will do. */
		if (s->loaded == 0 && strcmp(buf_str(&s->reply.reason), "quotaExceeded") != 0) {
			close_rejects(s);
			die(ST_USAGE, "%s", why);
		}
		break;
	case GOOGLE_GAVE_UP:
		break;
	}
	give_up(s, "%s", why);
}

/* ---- the rows ---- */

static void
add(struct input *in, const struct lines *l, const struct record *r)
{
	in->s->read++;
	if (in->job != NULL)
		job_add(in->job, l->name, l->line, r->line);
	else
		stream_add(in->stream, l->name, l->line, r->line);
	progress_show(in->s->read, l->in.bytes, l->in.total);
}

/* An input that cannot be read ends the run: for a job, the rows of the others alone would be another load. */
static void
give_up_input(struct input *in, const char *name)
{
	int e = errno;

	if (in->stream != NULL)
		stream_flush(in->stream);
	give_up(in->s, "%s: %s", name, strerror(e));
}

/* False: a signal or --strict ends the run. */
static bool
read_input(struct input *in, struct lines *l)
{
	struct session *s = in->s;
	struct record r;

	for (;;) {
		switch (lines_next(l, &r)) {
		case LINE_RECORD:
			add(in, l, &r);
			l->in.timeout_ms = in->stream != NULL ? PAUSE_MS : -1;
			break;
		case LINE_REJECTED:
			break;
		case LINE_IDLE:
			stream_flush(in->stream);
			l->in.timeout_ms = -1;
			break;
		case LINE_END:
			return true;
		case LINE_ERROR:
			if (errno == EINTR)
				return false;
			give_up_input(in, l->name);
		}
		if (s->strict && s->rejects.n != 0)
			return false;
	}
}

static bool
read_inputs(struct input *in, char *files[], int n)
{
	bool go_on = true;

	for (int i = 0; i < (n == 0 ? 1 : n) && go_on; i++) {
		struct lines l;

		if (lines_open(&l, n == 0 ? "-" : files[i], (size_t)opts.in.max_line, &in->s->rejects) == -1)
			give_up_input(in, l.name);
		go_on = read_input(in, &l);
		lines_close(&l);
	}
	return go_on;
}

static void
load(struct session *s, char *files[], int n)
{
	struct input in = { .s = s };
	bool whole;

	if (opts.method == METHOD_LOAD)
		in.job = job_begin(s);
	else
		in.stream = stream_begin(s);
	whole = read_inputs(&in, files, n);
	if (in.stream != NULL)
		stream_end(in.stream);
	if (sig_caught() != 0)
		check(s, GOOGLE_INTERRUPTED);
	if (in.job != NULL && whole)
		job_end(in.job);
	else if (in.job != NULL)
		job_drop(in.job);	/* --strict: all or nothing */
	if (s->rejects.n != 0)
		s->status = worse(s->status, ST_REJECTED);
}

/* ---- set-up ---- */

static bool
is_job_id(const char *id)
{
	return strlen(id) <= 1000 && id[strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static bool
is_auto(const char *schema)
{
	return schema != NULL && strcmp(schema, "auto") == 0;
}

static void
check_options(void)
{
	bool streams = opts.method == METHOD_STREAM;

	if (opts.table == NULL)
		opt_misuse("no table: name it with --table");
	if (opts.job_id != NULL && !is_job_id(opts.job_id))
		opt_misuse("--job-id: letters, digits, _ and - only, at most 1000");
	if (streams && opts.job_id != NULL)
		opt_misuse("--job-id is for --method load");
	if (streams && opts.write == WRITE_TRUNCATE)
		opt_misuse("--write truncate is for --method load: rows that are streamed are added");
	if (streams && (is_auto(opts.schema) || (opts.create && opts.schema == NULL)))
		opt_misuse("--method stream: a table is created by a schema: name its file with --schema");
	if (opts.schema != NULL && !opts.create && opts.write == WRITE_APPEND)
		opt_misuse("--schema is for --create or --write truncate");
	if ((opts.partition != NULL || opts.cluster != NULL) && !opts.create && opts.schema == NULL)
		opt_misuse("%s is for --create, or for --write truncate with --schema", opts.partition != NULL ? "--partition" : "--cluster");
}

static void
name_table(struct session *s, struct buf *error)
{
	char *dataset = env_get((const char *const[]){ "BOTRUN_LOG_DATASET_NAME", NULL });

	if (!table_name_parse(&s->table, opts.table, bigquery_project(s->bq), dataset, error))
		die(ST_USAGE, "--table: %s", buf_str(error));
	free(dataset);
}

static void
open_session(struct session *s, struct buf *schema)
{
	struct buf error = { 0 };

	s->policy = policy;
	s->job_id = opts.job_id;
	s->create = opts.create;
	s->write = (enum write)opts.write;
	s->strict = opts.in.strict;
	s->job_size = opts.job_size;
	s->layout = (struct table_layout){ .partition = opts.partition, .cluster = opts.cluster, .location = opts.location };
	if (opts.schema != NULL && !is_auto(opts.schema)) {
		if (!table_read_schema(opts.schema, schema, &error))
			die(ST_USAGE, "--schema: %s", buf_str(&error));
		s->layout.schema = (struct span){ schema->p, schema->len };
	}
	if (!table_check_layout(&s->layout, &error))
		die(ST_USAGE, "%s", buf_str(&error));
	if (rejects_open(&s->rejects, opts.in.rejects) == -1)
		die(ST_USAGE, "--rejects: %s: %s", opts.in.rejects, strerror(errno));
	if ((s->bq = bigquery_new(&policy, opts.project, &error)) == NULL)
		die(ST_USAGE, "%s", buf_str(&error));
	name_table(s, &error);
	buf_free(&error);
}

static void
find_table(struct session *s)
{
	check(s, table_get(s->bq, &s->table, &s->info, &s->reply));
	if (!s->info.exists && !opts.create)
		die(ST_USAGE, "there is no table %s.%s.%s; --create makes it", s->table.project, s->table.dataset, s->table.table);
	s->missing = !s->info.exists;
	if (s->missing) {
		check(s, table_create(s->bq, &s->table, &s->layout, &s->reply));
		check(s, table_get(s->bq, &s->table, &s->info, &s->reply));
	}
	/* The columns of a table that is there are as they are, unless they were asked to be others. */
	s->autodetect = is_auto(opts.schema) || (!s->info.exists && opts.schema == NULL);
	if (s->info.location.len != 0)
		s->location = buf_str(&s->info.location);
	else
		s->location = opts.location;
	if (opts.location != NULL && strcasecmp(opts.location, s->location) != 0)
		die(ST_USAGE, "--location: the dataset %s is in %s", s->table.dataset, s->location);
}

static void
summarize(const struct session *s, int64_t start)
{
	bool loads = opts.method == METHOD_LOAD;

	verbose("read=%llu loaded=%llu rejected=%llu %s=%llu seconds=%.1f", (unsigned long long)s->read, (unsigned long long)s->loaded,
	    (unsigned long long)s->rejects.n, loads ? "jobs" : "requests",
	    (unsigned long long)(loads ? s->jobs : bigquery_requests(s->bq)), (double)(when_mono() - start) / 1e3);
}

static void
finish(struct session *s)
{
	if (rejects_close(&s->rejects) == -1)
		die(ST_FAILED, "%s: %s", opts.in.rejects, strerror(errno));
	table_info_free(&s->info);
	table_name_free(&s->table);
	bigquery_reply_free(&s->reply);
	bigquery_free(s->bq);
}

int
main(int argc, char *argv[])
{
	struct session s = { 0 };
	struct buf schema = { 0 };
	int64_t start = when_mono();
	int n = opt_parse(&tool, argc, argv);

	check_options();
	sig_catch();
	sig_ignore_pipe();
	open_session(&s, &schema);
	progress_start((enum progress_when)opts.in.progress, "rows", false);

	find_table(&s);
	load(&s, argv, n);

	progress_clear();
	summarize(&s, start);
	finish(&s);
	buf_free(&schema);
	return sig_exit(std_close(s.status));
}
