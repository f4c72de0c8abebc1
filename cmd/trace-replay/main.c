/*
 * trace-replay - send recorded requests again, edited or not; see trace-replay(1)
 *
 * One thread reads and edits; others send, as many as --jobs.  Tasks stand in a ring in the order of the input: whoever completes the
 * first one writes it, and all behind it that are complete.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/pool.h"
#include "base/rnd.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "ndjson/filter.h"
#include "openai/client.h"
#include "store/keyfile.h"
#include "trace-replay/replay.h"
#include "trace/line.h"

#define JOBS 4
#define LOOK_MS 200		/* so often, while no record comes, it is asked whether to go on */
#define AHEAD 4			/* tasks in the ring, for each job */

static struct {
	const char *provider, *providers, *base_url, *expr, *done, *rps;
	struct opt_list set;
	bool	 dry_run;
	int64_t	 jobs;
	struct filter_opts in;
	struct http_policy http;
} opts = { .jobs = JOBS, .in = FILTER_DEFAULTS, .http = HTTP_POLICY };

static const struct opt table[] = {
	OPT_NAME(0, "base-url", "URL", &opts.base_url, "send to this API, with the key of the environment"),
	OPT_NAME(0, "done", "FILE", &opts.done, "leave out records that FILE remembers, and add those that are answered"),
	OPT_FLAG('n', "dry-run", &opts.dry_run, "write the requests that would be sent; send nothing"),
	OPT_NAME('e', "expr", "EXPR", &opts.expr, "send what this jq program makes of each request"),
	OPT_NUMBER('j', "jobs", &opts.jobs, 1, 256, "requests at a time (default 4)"),
	OPT_SIZE(0, "max-line", &opts.in.max_line, 1, INT64_C(4) << 30, "reject longer lines (default 64M)"),
	OPT_HTTP(&opts.http),
	OPT_NAME('p', "provider", "NAME", &opts.provider, "send to this one of the providers (default: the first)"),
	OPT_NAME(0, "providers", "FILE", &opts.providers, "the providers (default: $OPENAI_BASE_URL with $OPENAI_API_KEY)"),
	OPT_STRING(0, "rejects", "FILE", &opts.in.rejects, "append the lines that are rejected to FILE"),
	OPT_NAME(0, "rps", "N", &opts.rps, "send at most N requests a second; 0.2 is one in 5 s"),
	OPT_LIST('s', "set", "NAME=VALUE", &opts.set, "set a member of each request; VALUE is JSON, or else a string"),
	OPT_FLAG(0, "strict", &opts.in.strict, "stop at the first line that is rejected"),
};

static const struct tool tool = {
	.name = "trace-replay",
	.synopsis = "[-p NAME | --base-url URL] [-s NAME=VALUE] [-e EXPR] [-j N] [options] [FILE ...]",
	.summary = "Send recorded requests to an OpenAI-compatible API again; write the new records.",
	.example = "  trace-replay --set model=gpt-4o-mini --done done.keys traces.ndjson >>replays.ndjson",
	.environment = "  OPENAI_API_KEY   the key (or OPENAI_API_KEY_FILE)\n"
	    "  OPENAI_BASE_URL  the API (default https://api.openai.com/v1)",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

struct task {
	struct run *of;
	struct source source;
	struct fingerprint key;
	struct chat_result result;
	bool	 complete;
};

struct run {
	/* Of the reader alone. */
	struct edits edits;
	struct rejects rejects;
	struct lines in;
	struct buf scratch;
	int64_t	 gap_us, next_us;	/* --rps: between two requests; when the next one may leave */
	uint64_t read, skipped;
	struct keyset done;		/* --done: of runs before, and what this one has begun */
	bool	 has_done;

	struct providers *providers;
	const struct provider *provider;
	struct pool *pool;

	pthread_mutex_t lock;		/* of all that follows */
	pthread_cond_t less;
	struct task **ring;		/* in the order of the input */
	size_t	 first, n, room;
	struct http **idle;		/* connections that nobody uses */
	size_t	 n_idle;
	struct keyfile file;
	struct buf out;
	uint64_t written, failed;
	bool	 refused;		/* by a provider that does not know us */
	struct buf stop;		/* why no more are sent; empty: go on */
	int	 status;
};

/* ---- tasks that are complete ---- */

static void
task_free(struct task *t)
{
	source_free(&t->source);
	chat_result_free(&t->result);
	free(t);
}

static void
put_record(const struct task *t, struct buf *out)
{
	bool ok = t->result.outcome == CHAT_OK;
	struct buf model = { 0 };
	struct trace r = {
		.request = { t->source.request.p, t->source.request.len }, .response = { t->result.response.p, t->result.response.len },
		.status = { ok ? "success" : "error", ok ? 7 : 5 }, .error_message = { t->result.error.p, t->result.error.len },
		.parent = { t->source.id.p, t->source.id.len }, .provider = { t->of->provider->key, strlen(t->of->provider->key) },
		.turn = t->source.turn, .http_status = t->result.status > 0 ? t->result.status : -1, .latency_ms = t->result.latency_ms,
		.first_byte_ms = t->result.first_byte_ms, .session_id = t->source.session, .created_us = when_now_us(),
	};

	chat_model(r.request, &model);
	r.model = (struct span){ model.p, model.len };
	(void)rnd_uuid(r.id);
	trace_line_put(&r, out);
	buf_free(&model);
}

/* An answer, good or bad, that another run would get, too. */
static bool
is_final(const struct task *t)
{
	return t->result.outcome == CHAT_OK || t->result.outcome == CHAT_REFUSED;
}

/* Does the service not know us? */
static bool
is_locked_out(const struct chat_result *r)
{
	return r->outcome == CHAT_REFUSED && (r->status == 401 || r->status == 403);
}

/* Nothing was answered, or what comes next would not be either. */
static bool
ends_the_run(const struct chat_result *r)
{
	return r->outcome == CHAT_INTERRUPTED || r->outcome == CHAT_TIMEOUT || is_locked_out(r) ||
	    r->status == 429 || (r->outcome == CHAT_FAILED && (r->status < 200 || r->status > 299));
}

static void
stop(struct run *p, int status, const char *why, size_t len)
{
	p->status = worse(p->status, status);
	if (p->stop.len > 0)
		return;
	buf_add(&p->stop, why, len);
	if (p->stop.len == 0)
		buf_adds(&p->stop, "?");
}

/* The first in the ring; the lock is held. */
static void
settle(struct run *p, struct task *t)
{
	if (ends_the_run(&t->result)) {
		p->refused |= is_locked_out(&t->result);
		stop(p, ST_FAILED, t->result.error.p, t->result.error.len);
		return;
	}
	put_record(t, &p->out);
	std_out(p->out.p, p->out.len);
	buf_clear(&p->out);
	p->written++;
	if (t->result.outcome != CHAT_OK) {
		p->failed++;
		p->status = worse(p->status, ST_REJECTED);
	}
	if (p->has_done && is_final(t) && keyfile_append(&p->file, &t->key, 1) == -1) {
		const char *why = strerror(errno);

		warn("%s: %s", opts.done, why);
		stop(p, ST_FAILED, why, strlen(why));
	}
}

static void
write_complete(struct run *p)
{
	while (p->n > 0 && p->ring[p->first]->complete) {
		struct task *t = p->ring[p->first];

		settle(p, t);
		p->first = (p->first + 1) % p->room;
		p->n--;
		task_free(t);
		pthread_cond_signal(&p->less);
	}
}

/* ---- those that send ---- */

static void
send_task(void *arg)
{
	struct task *t = arg;
	struct run *p = t->of;
	struct http *h = NULL;
	bool ending;

	pthread_mutex_lock(&p->lock);
	ending = p->stop.len > 0;
	if (p->n_idle > 0)
		h = p->idle[--p->n_idle];
	pthread_mutex_unlock(&p->lock);

	if (h == NULL)
		h = http_new(&opts.http);
	if (ending)
		t->result.outcome = CHAT_INTERRUPTED;
	else
		chat_send(h, p->provider, (struct span){ t->source.request.p, t->source.request.len }, 0, &t->result);

	pthread_mutex_lock(&p->lock);
	p->idle[p->n_idle++] = h;
	t->complete = true;
	write_complete(p);
	pthread_mutex_unlock(&p->lock);
}

/* Hand it over, once there is room.  False: no more are sent. */
static bool
dispatch(struct run *p, struct task *t)
{
	bool going;

	pthread_mutex_lock(&p->lock);
	while (p->n == p->room && p->stop.len == 0)
		pthread_cond_wait(&p->less, &p->lock);
	if ((going = p->stop.len == 0))
		p->ring[(p->first + p->n++) % p->room] = t;
	pthread_mutex_unlock(&p->lock);
	if (!going) {
		task_free(t);
		return false;
	}
	if (!pool_run(p->pool, send_task, t))
		die(ST_FAILED, "cannot start a thread");
	return true;
}

/* ---- the one that reads ---- */

/* Wait until the next request may leave.  False: a signal asks to stop. */
static bool
keep_rate(struct run *p)
{
	int64_t now = when_mono() * 1000;

	if (p->gap_us == 0)
		return true;
	if (p->next_us > now && std_wait((int)((p->next_us - now + 999) / 1000)) == -1)
		return false;
	p->next_us = (p->next_us > now ? p->next_us : now) + p->gap_us;
	return true;
}

static void
reject(struct run *p, const char *why, const struct record *r)
{
	rejects_add(&p->rejects, p->in.name, p->in.line, 0, why, r->line.p, r->line.len);
	p->status = worse(p->status, ST_REJECTED);
}

static bool
is_done(struct run *p, const struct source *s, struct fingerprint *key)
{
	struct keyhash h;

	if (!p->has_done)
		return false;
	keyhash_init(&h, p->file.seed);
	keyhash_add(&h, s->key, &p->scratch);
	*key = keyhash_end(&h);
	return keyset_has(&p->done, *key);
}

/* False: no more. */
static bool
take(struct run *p, const struct record *r)
{
	struct task *t = mem_zero(1, sizeof *t);
	const char *wrong = source_read(r, &t->source);

	p->read++;
	t->of = p;
	if (wrong == NULL && is_done(p, &t->source, &t->key)) {
		p->skipped++;
	} else if (wrong == NULL) {
		switch (edits_apply(&p->edits, &t->source.request)) {
		case EDITED:
			if (opts.dry_run) {
				buf_addc(&t->source.request, '\n');
				std_out(t->source.request.p, t->source.request.len);
				break;
			}
			if (p->has_done)
				(void)keyset_add(&p->done, t->key);
			return keep_rate(p) ? dispatch(p, t) : (task_free(t), false);
		case EDIT_SKIPS:
			p->skipped++;
			break;
		case EDIT_FAILED:
			wrong = buf_str(&p->edits.reason);
			break;
		}
	}
	if (wrong != NULL)
		reject(p, wrong, r);
	task_free(t);
	return wrong == NULL || !opts.in.strict;
}

static bool
has_stopped(struct run *p)
{
	bool stopped;

	pthread_mutex_lock(&p->lock);
	stopped = p->stop.len > 0;
	pthread_mutex_unlock(&p->lock);
	return stopped;
}

/* Returns whether to go on with the next file. */
static bool
read_input(struct run *p)
{
	struct record r;
	enum line_status st;
	bool going = true;

	p->in.in.timeout_ms = LOOK_MS;
	while (going && (st = lines_next(&p->in, &r)) != LINE_END) {
		if (st == LINE_IDLE) {
			going = !has_stopped(p);
		} else if (st == LINE_RECORD) {
			going = take(p, &r);
		} else if (st == LINE_REJECTED) {
			p->status = worse(p->status, ST_REJECTED);
			going = !opts.in.strict;
		} else if (st == LINE_ERROR) {
			if (errno != EINTR)
				warn("%s: %s", p->in.name, strerror(errno));
			p->status = worse(p->status, errno == EINTR ? p->status : ST_FAILED);
			going = false;
		}
	}
	return going;
}

static void
read_all(struct run *p, char *files[], int n)
{
	for (int i = 0; i < (n == 0 ? 1 : n); i++) {
		bool going;

		if (lines_open(&p->in, n == 0 ? "-" : files[i], (size_t)opts.in.max_line, &p->rejects) == -1) {
			warn("%s: %s", p->in.name, strerror(errno));
			p->status = worse(p->status, ST_FAILED);
			continue;
		}
		going = read_input(p);
		lines_close(&p->in);
		if (!going)
			break;
	}
}

/* ---- from start to end ---- */

static void
find_provider(struct run *p)
{
	struct buf error = { 0 };

	if (opts.base_url != NULL && (opts.providers != NULL || opts.provider != NULL))
		opt_misuse("--base-url excludes --provider and --providers");
	if (opts.base_url != NULL) {
		p->providers = mem_zero(1, sizeof *p->providers);
		if (!provider_from_environment(p->providers, opts.base_url, &error))
			die(ST_USAGE, "%s", buf_str(&error));
	} else if ((p->providers = providers_read(opts.providers, &error)) == NULL) {
		die(ST_USAGE, "%s", buf_str(&error));
	}
	p->provider = providers_find(p->providers, (struct span){ opts.provider, opts.provider != NULL ? strlen(opts.provider) : 0 });
	if (p->provider != NULL || opts.dry_run)
		return;
	if (opts.provider != NULL && p->providers->n > 0)
		die(ST_USAGE, "--provider: there is no %s", opts.provider);
	die(ST_USAGE, "no provider: set OPENAI_API_KEY, or use --base-url or --providers");
}

static void
open_done(struct run *p)
{
	p->file.seed = keyseed_random();
	keyset_init(&p->done, 0);
	if (opts.done == NULL)
		return;
	switch (keyfile_open(&p->file, opts.done)) {
	case KEYFILE_OK:
		break;
	case KEYFILE_ERRNO:
		die(ST_USAGE, "%s: %s", opts.done, strerror(errno));
	case KEYFILE_BUSY:
		die(ST_USAGE, "%s: another process uses it", opts.done);
	case KEYFILE_FOREIGN:
		die(ST_USAGE, "%s: not written by this tool, or on another kind of machine", opts.done);
	}
	if (keyfile_load(&p->file, &p->done) == -1)
		die(ST_FAILED, "%s: %s", opts.done, strerror(errno));
	p->has_done = true;
}

static void
read_rate(struct run *p)
{
	char *end;
	double n;

	if (opts.rps == NULL)
		return;
	n = strtod(opts.rps, &end);
	if (*end != '\0' || strspn(opts.rps, "0123456789.") != strlen(opts.rps) || n < 0.0001 || n > 1e6)
		opt_misuse("--rps: '%s' is no number from 0.0001 to 1000000", opts.rps);
	p->gap_us = (int64_t)(1e6 / n);
}

static void
begin(struct run *p)
{
	read_rate(p);
	edits_init(&p->edits, &opts.set, opts.expr);
	find_provider(p);
	open_done(p);
	if (rejects_open(&p->rejects, opts.in.rejects) == -1)
		die(ST_USAGE, "%s: %s", opts.in.rejects, strerror(errno));
	p->room = (size_t)opts.jobs * AHEAD;
	p->ring = mem_zero(p->room, sizeof *p->ring);
	p->idle = mem_zero((size_t)opts.jobs, sizeof *p->idle);
	p->pool = pool_new((unsigned)opts.jobs, p->room);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->less, NULL);
}

static int
end(struct run *p)
{
	pool_free(p->pool);		/* once all tasks are complete */
	if (p->stop.len > 0 && sig_caught() == 0) {
		warn("%s: %s", p->provider->name, buf_str(&p->stop));
		if (p->refused && p->written == 0)
			p->status = ST_USAGE;
		else
			warn("stopped after %llu records; run again%s to go on", (unsigned long long)p->written, p->has_done ? "" : " (see --done)");
	}
	if (p->has_done && keyfile_close(&p->file) == -1) {
		warn("%s: %s", opts.done, strerror(errno));
		p->status = worse(p->status, ST_FAILED);
	}
	if (rejects_close(&p->rejects) == -1) {
		warn("%s: %s", opts.in.rejects, strerror(errno));
		p->status = worse(p->status, ST_FAILED);
	}
	verbose("read=%llu written=%llu failed=%llu skipped=%llu rejected=%llu", (unsigned long long)p->read, (unsigned long long)p->written,
	    (unsigned long long)p->failed, (unsigned long long)p->skipped, (unsigned long long)p->rejects.n);
	while (p->n_idle > 0)
		http_free(p->idle[--p->n_idle]);
	free(p->idle);
	free(p->ring);
	keyset_free(&p->done);
	edits_free(&p->edits);
	providers_free(p->providers);
	buf_free(&p->scratch);
	buf_free(&p->out);
	buf_free(&p->stop);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->less);
	return sig_exit(p->status);
}

int
main(int argc, char *argv[])
{
	struct run p = { 0 };
	int n = opt_parse(&tool, argc, argv);

	sig_catch();
	sig_ignore_pipe();
	begin(&p);
	read_all(&p, argv, n);
	return std_close(end(&p));
}
