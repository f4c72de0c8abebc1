/* setup.c - before the first query: the service and its key, the state, the project; and the new state at the end */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/sig.h"
#include "ls-fetch/fetch.h"

#define MAX_STATE	(64u << 20)

static char *next_name;			/* FILE.next */

/* An option, or else the environment. */
static void
setting(const char **option, const char *const names[], const char *fallback)
{
	if (*option == NULL)
		*option = env_get(names);	/* lives as long as the process */
	if (*option == NULL)
		*option = fallback;
}

/* ---- the service ---- */

static struct http *
open_service(struct ls *ls, const char *key, const char *workspace)
{
	struct http *h = http_new(&opts.http);
	const char *error;

	http_on_idle(h, emit_flush, NULL);
	if (ls_open(ls, h, opts.endpoint, key, workspace, &error) == -1)
		die(ST_USAGE, "%s", error);
	return h;
}

void
connect_service(void)
{
	static const char *const key_names[] = { "LANGSMITH_API_KEY", "LS_API_KEY", "LANGCHAIN_API_KEY", NULL };
	static const char *const endpoint_names[] = { "LANGSMITH_ENDPOINT", "LS_ENDPOINT", "LANGCHAIN_ENDPOINT", NULL };
	static const char *const workspace_names[] = { "LANGSMITH_WORKSPACE_ID", "LANGSMITH_TENANT_ID",
		"LANGCHAIN_WORKSPACE_ID", NULL };
	char *key, *path, *workspace = env_get(workspace_names);

	if (env_secret(key_names, &key, &path) == -1)
		die(ST_USAGE, "%s: %s", path, strerror(errno));
	if (key == NULL)
		die(ST_USAGE, "no API key: set LANGSMITH_API_KEY (or LS_API_KEY), or LANGSMITH_API_KEY_FILE");
	setting(&opts.endpoint, endpoint_names, LS_ENDPOINT);
	sig_catch();
	sig_ignore_pipe();
	fetch.http = open_service(&fetch.ls, key, workspace);
	fetch.side_http = open_service(&fetch.side, key, workspace);
	free(key);
	free(workspace);
}

void
disconnect(void)
{
	ls_close(&fetch.ls);
	ls_close(&fetch.side);
	http_free(fetch.http);
	http_free(fetch.side_http);
	state_free(&fetch.st);
	free(next_name);
}

/* ---- the state ---- */

/* Before hours of work, see whether its result can be kept. */
static void
check_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? mem_dup(".", 1) : mem_dup(path, slash == path ? 1 : (size_t)(slash - path));
	int e = access(dir, W_OK | X_OK) == -1 ? errno : 0;

	free(dir);
	if (e != 0)
		die(ST_USAGE, "%s: %s", path, strerror(e));
}

static void
read_state(struct state *st)
{
	struct buf text = { .max = MAX_STATE };
	const char *error;

	if (file_read(opts.state, &text) == 0) {
		if (state_parse(st, &text, &error) == -1)
			die(ST_USAGE, "%s: %s: put it right, or remove it to start over from all history", opts.state, error);
	} else if (errno == EINTR) {
		interrupted();
	} else if (errno != ENOENT) {
		die(ST_USAGE, "%s: %s", opts.state, strerror(errno));
	}
	buf_free(&text);
}

/*
 * All that decides which runs of the project are asked for, as text.  Not the endpoint: project ids are
 * unique, and a service may get another address.
 */
static char *
scope_text(void)
{
	struct buf b = { 0 };

	buf_adds(&b, opts.all_runs ? "all runs" : "root runs");
	if (opts.run_type != NULL)
		buf_addf(&b, " of type %s", opts.run_type);
	if (opts.filter != NULL)
		buf_addf(&b, " where %s", opts.filter);
	(void)buf_str(&b);
	return b.p;
}

static void
check_scope(struct state *st)
{
	char *scope = scope_text();

	if (st->scope != NULL && strcmp(st->scope, scope) != 0)
		die(ST_USAGE, "%s: it was made for '%s', not for '%s': use another file, or the same options", opts.state,
		    st->scope, scope);
	free(st->scope);
	st->scope = scope;
}

/* A first run has no state.  A leftover FILE.next is of a sync that failed. */
void
load_state(void)
{
	fetch.st.watermark = fetch.st.swept = STATE_NEVER;
	if (opts.state != NULL) {
		struct buf b = { 0 };

		buf_addf(&b, "%s.next", opts.state);
		(void)buf_str(&b);
		next_name = b.p;
		check_directory(opts.state);
		if (unlink(next_name) == -1 && errno != ENOENT)
			die(ST_USAGE, "%s: %s", next_name, strerror(errno));
		read_state(&fetch.st);
	}
	check_scope(&fetch.st);
}

void
write_state(void)
{
	struct buf text = { 0 };
	struct stat sb;
	mode_t mask = umask(0), mode = stat(opts.state, &sb) == 0 ? sb.st_mode & 0777 : 0644 & ~mask;

	umask(mask);
	state_print(&fetch.st, &text);
	if (file_replace(next_name, mode, text.p, text.len) == -1) {
		int e = errno;

		(void)unlink(next_name);	/* it may be there, only not sure to stay */
		die(ST_FAILED, "%s: %s", next_name, strerror(e));
	}
	buf_free(&text);
}

/* ---- the project ---- */

/* Which must be the state's. */
void
find_project(void)
{
	static const char *const names[] = { "LANGSMITH_PROJECT", "LS_PROJECT", "LANGCHAIN_PROJECT", "LANGSMITH_SESSION",
		"LANGCHAIN_SESSION", NULL };
	struct state *st = &fetch.st;
	struct buf id = { 0 }, name = { 0 };
	struct http_response r;
	enum http_result result;

	setting(&opts.project, names, "default");
	result = ls_project(&fetch.ls, opts.project, &id, &name, &r);
	if (result != HTTP_OK)
		failed("looking up the project", result, &r, NULL);
	http_response_free(&r);
	if (id.len == 0 && name.len > 0)
		die(ST_USAGE, "there is no project '%s' (there are: %s); see --project", opts.project, name.p);
	if (id.len == 0)
		die(ST_USAGE, "there is no project '%s' that this key may see; see --project", opts.project);
	if (st->project_id != NULL && strcasecmp(st->project_id, id.p) != 0)
		die(ST_USAGE, "%s: it belongs to the project '%s' (%s), not to '%s' (%s): use another file", opts.state,
		    st->project, st->project_id, name.p, id.p);
	free(st->project_id);
	free(st->project);
	st->project_id = id.p;
	st->project = name.p;
	fetch.base.project_id = st->project_id;
}
