/*
 * fs-auth - log a user in to Feishu, and keep the tokens; see fs-auth(1)
 *
 * The store (lib/feishu/store.h) and its renewal (lib/feishu/user.h) are shared with all Feishu tools; this one
 * begins and ends a login, and shows it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/msg.h"
#include "base/opt.h"
#include "base/sig.h"
#include "base/std.h"
#include "crypt/key.h"
#include "feishu/store.h"
#include "feishu/user.h"
#include "fs-auth/auth.h"

struct auth_opts opts = { .port = 3000, .http = HTTP_POLICY };

static const struct opt table[] = {
	OPT_FLAG(0, "device", &opts.device, "login: by a code that is approved on another device"),
	OPT_FLAG('j', "json", &opts.json, "status: a JSON record, also on a terminal"),
	OPT_HTTP(&opts.http),
	OPT_FLAG('n', "no-browser", &opts.no_browser, "login: the browser is elsewhere; paste its address here"),
	OPT_NUMBER('p', "port", &opts.port, 0, 65535, "login: listen here for the browser (default 3000)"),
	OPT_NAME('s', "scope", "SCOPES", &opts.scope, "login: ask for these (default: bases, spreadsheets, wiki)"),
	OPT_NAME(0, "store", "FILE", &opts.store, "where the tokens are kept (FEISHU_TOKEN_STORE)"),
};

static const struct tool tool = {
	.name = "fs-auth",
	.synopsis = "[options] login|status|token|refresh|logout",
	.summary = "Log in to Feishu as a user, show or end the login, or print a valid token.",
	.example = "  fs-auth login && fs-auth status",
	.environment =
	    "  FEISHU_APP_ID, FEISHU_APP_SECRET  the app's credentials (or NAME_FILE: read from a file)\n"
	    "  FEISHU_TOKEN_STORE                where the tokens are kept\n"
	    "                                    (default $XDG_STATE_HOME/llmutils/feishu.json)\n"
	    "  FEISHU_ENDPOINT                   API address (default https://open.feishu.cn)\n"
	    "  FEISHU_ACCOUNTS_ENDPOINT          login address (default https://accounts.feishu.cn)\n"
	    "  FEISHU_TOKEN_URL                  token endpoint, where it is not the usual one\n"
	    "  FEISHU_USER_ACCESS_TOKEN          a ready token: the tools use it instead of the login",
	.opts = table, .n_opts = sizeof table / sizeof *table, .min_args = 1, .max_args = 1,
};

void
give_up(enum oauth_result r, struct oauth_error *e)
{
	if (r == OAUTH_INTERRUPTED)
		exit(sig_exit(ST_FAILED));
	die(r == OAUTH_GAVE_UP ? ST_FAILED : ST_USAGE, "%s", buf_str(&e->text));
}

/* The login of the store, which must be ours. */
static void
open_user(struct auth *a, struct user *u)
{
	struct buf error = { 0 };
	const char *other;

	switch (user_open(u, a->path, &a->app, &opts.http, &error)) {
	case STORE_BAD:
		die(ST_USAGE, "%s", buf_str(&error));
	case STORE_NONE:
		die(ST_USAGE, "%s: nobody has logged in: fs-auth login", a->path);
	case STORE_OK:
		break;
	}
	a->path = NULL;
	if ((other = user_is_other(u)) != NULL)
		die(ST_USAGE, "%s: %s", u->path, other);
}

static void
print_token(const char *token)
{
	struct buf b = { 0 };

	buf_addf(&b, "%s\n", token);
	std_out(b.p, b.len);
	wipe_buf(&b);
}

/* The one of the environment wins here, too: $(fs-auth token) is what the tools would use. */
static bool
print_given_token(void)
{
	static const char *const names[] = { "FEISHU_USER_ACCESS_TOKEN", NULL };
	struct buf error = { 0 };
	char *token = NULL;

	if (!feishu_secret(names, &token, &error))
		die(ST_USAGE, "%s", buf_str(&error));
	if (token == NULL)
		return false;
	print_token(token);
	wipe_text(token);
	return true;
}

static int
token(struct auth *a)
{
	struct oauth_error e = { 0 };
	enum oauth_result r;
	const char *text;
	struct user u;

	if (print_given_token())
		return ST_OK;
	open_user(a, &u);
	if ((r = user_token(&u, NULL, &text, &e)) != OAUTH_OK)
		give_up(r, &e);
	print_token(text);
	buf_free(&e.text);
	user_free(&u);
	return ST_OK;
}

static int
refresh(struct auth *a)
{
	struct oauth_error e = { 0 };
	enum oauth_result r;
	const char *text;
	struct user u;

	open_user(a, &u);
	/* As if the service had not taken the token that is there now. */
	if ((r = user_token(&u, u.login.access == NULL ? "" : u.login.access, &text, &e)) != OAUTH_OK)
		give_up(r, &e);
	note("%s: refreshed", u.path);
	buf_free(&e.text);
	user_free(&u);
	return ST_OK;
}

/* The service has no call that revokes; without the store the tokens are nowhere, and expire. */
static int
logout(struct auth *a)
{
	int lock;

	if (access(a->path, F_OK) == -1 && errno == ENOENT) {
		note("%s: nobody has logged in", a->path);
		return ST_OK;
	}
	lock = lock_store(a);
	if (store_remove(a->path) == -1)
		die(ST_FAILED, "%s: cannot be removed: %s", a->path, strerror(errno));
	close(lock);
	note("%s: removed", a->path);
	return ST_OK;
}

static const struct command {
	const char *name;
	int	(*run)(struct auth *a);
} commands[] = {
	{ "login", login }, { "status", show_status }, { "token", token }, { "refresh", refresh }, { "logout", logout },
};

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	opt_misuse("'%s' is not one of login|status|token|refresh|logout", name);
}

int
main(int argc, char *argv[])
{
	struct auth a = { 0 };
	struct buf error = { 0 };
	const struct command *command;
	int status;

	(void)opt_parse(&tool, argc, argv);
	command = find_command(argv[0]);
	if (opts.device && opts.no_browser)
		opt_misuse("--device and --no-browser exclude each other");
	sig_catch();
	sig_ignore_pipe();
	if (!feishu_app_read(&a.app, &error))
		die(ST_USAGE, "%s", buf_str(&error));
	if ((a.path = store_path(opts.store)) == NULL)
		die(ST_USAGE, "neither FEISHU_TOKEN_STORE nor HOME is set: name a file with --store");

	status = command->run(&a);

	feishu_app_free(&a.app);
	free(a.path);
	return sig_exit(std_close(status));
}
