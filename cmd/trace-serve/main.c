/*
 * trace-serve - receive, store, show and replay traces of LLM calls; see trace-serve(1)
 *
 * http.c decides who may ask and where a request goes; its handlers run on two pools of threads, since some wait for the
 * database and others, much longer, for other servers.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/env.h"
#include "base/io.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/sig.h"
#include "base/std.h"
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
	int64_t	 max_body;
	bool	 tee;
} opts = { .db = "traces.db", .max_body = INT64_C(64) << 20 };

static const struct opt table[] = {
	OPT_NAME('d', "db", "FILE", &opts.db, "the database (default traces.db)"),
	OPT_NAME('l', "listen", "ADDR:PORT", &opts.listen, "where to listen (default 127.0.0.1:$SERVER_PORT, or :8080); port 0: any"),
	OPT_SIZE(0, "max-body", &opts.max_body, 1, INT64_C(1) << 30, "refuse larger requests (default 64M)"),
	OPT_NAME(0, "providers", "FILE", &opts.providers, "servers for replays (default: $OPENAI_BASE_URL with $OPENAI_API_KEY)"),
	OPT_NAME(0, "proxy", "URL", &opts.proxy, "record the calls to /v1/ and pass them on to this OpenAI-compatible API"),
	OPT_NAME(0, "records", "DIR", &opts.records, "serve a recorder's tree, too, below /api/llm-file-records"),
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
