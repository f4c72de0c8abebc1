/*
 * trace-serve - receive, store, show and replay traces of LLM calls; see trace-serve(1)
 *
 * http.c decides who may ask and where a request goes; its handlers run on pools of threads of their own, since some wait
 * for the database and others, much longer, for other servers.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "crypt/key.h"
#include "trace-serve/serve.h"

#define READERS 4
#define CALLERS 256
#define WAITING 4096		/* requests, for each */
#define MOST_BODIES ((size_t)512 << 20)
#define CLIENT_MS 30000
#define END_MS 5000

static struct {
	const char *listen, *db, *records, *providers, *proxy, *token_file;
	int64_t	 max_body, replay_timeout;
	bool	 tee;
} opts = { .db = "traces.db", .max_body = INT64_C(64) << 20, .replay_timeout = 120000 };

static const struct opt table[] = {
	OPT_NAME('d', "db", "FILE", &opts.db, "the database (default traces.db)"),
	OPT_NAME('l', "listen", "ADDR:PORT", &opts.listen, "where to listen (default 127.0.0.1:$SERVER_PORT, or :8080); port 0: any"),
	OPT_SIZE(0, "max-body", &opts.max_body, 1, INT64_C(1) << 30, "refuse larger requests (default 64M)"),
	OPT_NAME(0, "providers", "FILE", &opts.providers, "servers for replays (default: $OPENAI_BASE_URL with $OPENAI_API_KEY)"),
	OPT_NAME(0, "proxy", "URL", &opts.proxy, "record the calls to /v1/ and pass them on to this OpenAI-compatible API"),
	OPT_NAME(0, "records", "DIR", &opts.records, "serve a recorder's tree, too, below /api/llm-file-records"),
	OPT_DURATION(0, "replay-timeout", &opts.replay_timeout, "a replay takes at most so long (default 2m)"),
	OPT_FLAG(0, "tee", &opts.tee, "write every record on to standard output"),
	OPT_NAME(0, "token-file", "FILE", &opts.token_file, "ask clients for the token in FILE; needed beyond this machine"),
};

static const struct tool tool = {
	.name = "trace-serve",
	.synopsis = "[--listen ADDR:PORT] [--db FILE] [options]",
	.summary = "Receive traces of LLM calls over HTTP, store, show and replay them.",
	.example = "  trace-serve --db traces.db --proxy https://api.openai.com/v1",
	.environment = "  SERVER_PORT      the port, without --listen\n"
	    "  OPENAI_API_KEY   the key for replays (or OPENAI_API_KEY_FILE)\n"
	    "  OPENAI_BASE_URL  the API for replays (default https://api.openai.com/v1)",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = 0,
};

/* Where to listen, as new text. */
static char *
listen_address(void)
{
	char *port;
	struct buf b = { 0 };

	if (opts.listen != NULL)
		return mem_dup(opts.listen, strlen(opts.listen));
	port = env_get((const char *const[]){ "SERVER_PORT", NULL });
	buf_addf(&b, "127.0.0.1:%s", port != NULL ? port : "8080");
	free(port);
	buf_addc(&b, '\0');
	return b.p;
}

static char *
read_token(void)
{
	struct buf b = { .max = 4096 };

	if (opts.token_file == NULL)
		return NULL;
	if (file_read(opts.token_file, &b) == -1)
		die(ST_USAGE, "--token-file: %s: %s", opts.token_file, strerror(errno));
	while (b.len > 0 && (unsigned char)b.p[b.len - 1] <= ' ')
		b.len--;
	if (b.len < 16 || memchr(b.p, '\n', b.len) != NULL)
		die(ST_USAGE, "--token-file: %s: a token has at least 16 characters, in one line", opts.token_file);
	buf_addc(&b, '\0');
	return b.p;
}

static void
configure(struct app *app, const char *listen, const char *token)
{
	struct buf error = { 0 };

	app->records = opts.records;
	app->upstream = opts.proxy;
	app->replay_ms = opts.replay_timeout;
	app->token = token;
	app->loopback = is_loopback(listen);
	if (!app->loopback && app->token == NULL)
		die(ST_USAGE, "%s can be reached by others: ask them for a token with --token-file", listen);
	if ((app->providers = providers_read(opts.providers, &error)) == NULL)
		die(ST_USAGE, "%s", buf_str(&error));
	if (app->upstream != NULL && !proxy_start(app, &error))
		die(ST_USAGE, "--proxy: %s", buf_str(&error));
	if ((app->store = trace_store_open(opts.db, &error)) == NULL)
		die(ST_FAILED, "%s: %s", opts.db, buf_str(&error));
	if (opts.tee)
		tee_start(app);
	app->readers = pool_new(READERS, WAITING);
	app->callers = pool_new(CALLERS, WAITING);
	if (app->upstream != NULL)
		app->passers = pool_new(CALLERS, WAITING);
}

int
main(int argc, char *argv[])
{
	struct app app = { 0 };
	struct buf error = { 0 };
	struct server_opts server = {
		.max_bodies = MOST_BODIES, .client_ms = CLIENT_MS, .threads = 2, .admit = app_admit, .handle = app_handle, .arg = &app,
	};
	struct store_counts counts;
	int64_t begun = when_mono();
	char *listen, *token;
	int st;

	mem_return();
	(void)opt_parse(&tool, argc, argv);
	sig_catch();
	sig_ignore_pipe();
	signal(SIGXFSZ, SIG_IGN);	/* a file that may not grow is an error like a full disk */
	listen = listen_address();
	if (!server_is_address(listen))
		die(ST_USAGE, "'%s' is not ADDRESS:PORT", listen);
	token = read_token();
	configure(&app, listen, token);
	server.listen = listen;
	server.max_body = (size_t)opts.max_body;
	if ((app.server = server_start(&server, &error)) == NULL)
		die(ST_FAILED, "%s", buf_str(&error));
	if (proxy_is_self(&app))
		die(ST_USAGE, "--proxy: %s: this is where trace-serve itself listens", app.upstream);
	note("listening on %s", server_url(app.server));

	while (io_wait(sig_fd(), -1) > 0 && sig_caught() == 0)
		;
	tee_drain(&app);
	server_stop(app.server, END_MS);
	if (app.passers != NULL)
		pool_free(app.passers);
	pool_free(app.callers);
	pool_free(app.readers);
	counts = trace_store_close(app.store);
	st = tee_stop(&app);
	proxy_stop(&app);
	providers_free(app.providers);
	wipe_text(token);
	free(listen);
	verbose("stored=%lld failed=%lld seconds=%.1f", (long long)counts.stored, (long long)counts.failed,
	    (double)(when_mono() - begun) / 1000);
	return sig_exit(std_close(st));
}
