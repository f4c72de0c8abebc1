/* status.c - who is logged in, what for, and how long */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/msg.h"
#include "base/std.h"
#include "base/when.h"
#include "feishu/store.h"
#include "feishu/user.h"
#include "fs-auth/auth.h"
#include "json/str.h"

/* Why the login is over; NULL: it is not. */
static const char *
ended(const struct login *l, int64_t now)
{
	if (l->access != NULL && now < l->access_expires)
		return NULL;
	if (l->refresh == NULL)
		return l->lost != NULL ? l->lost : "the token has expired; log in again: fs-auth login";
	if (l->refresh_expires != 0 && now >= l->refresh_expires)
		return "the refresh token has expired; log in again: fs-auth login";
	return NULL;
}

/* ---- for programs ---- */

static void
put_text(const char *name, const char *text, struct buf *out)
{
	if (text == NULL)
		return;
	buf_addc(out, ',');
	json_put_name(name, out);
	json_encode(text, strlen(text), out);
}

static void
put_time(const char *name, int64_t ms, struct buf *out)
{
	char text[WHEN_SIZE];

	if (ms != 0)
		put_text(name, when_format(ms, text), out);
}

static void
put_scopes(const char *scope, struct buf *out)
{
	bool first = true;

	buf_adds(out, ",\"scopes\":[");
	for (const char *p = scope; p != NULL && *(p += strspn(p, " ")) != '\0'; p += strcspn(p, " "), first = false) {
		if (!first)
			buf_addc(out, ',');
		json_encode(p, strcspn(p, " "), out);
	}
	buf_addc(out, ']');
}

static void
put_record(const struct login *l, const char *path, const char *why, struct buf *out)
{
	buf_addf(out, "{\"logged_in\":%s", why == NULL ? "true" : "false");
	put_text("reason", why, out);
	if (l->host != NULL) {
		put_text("name", l->name, out);
		put_text("open_id", l->open_id, out);
		put_text("app_id", l->app_id, out);
		put_text("host", l->host, out);
		put_scopes(l->scope, out);
		put_time("access_expires", l->access == NULL ? 0 : l->access_expires, out);
		put_time("refresh_expires", l->refresh == NULL ? 0 : l->refresh_expires, out);
	}
	put_text("store", path, out);
	buf_adds(out, "}\n");
}

/* ---- for people ---- */

static void
put_left(int64_t ms, struct buf *out)
{
	int64_t min = ms / 60000;

	if (ms <= 0)
		buf_adds(out, "expired");
	else if (min < 120)
		buf_addf(out, "%" PRId64 " min left", min);
	else if (min < 48 * 60)
		buf_addf(out, "%" PRId64 " h left", min / 60);
	else
		buf_addf(out, "%" PRId64 " days left", min / 60 / 24);
}

static void
put_until(const char *what, int64_t ms, const char *behind, struct buf *out)
{
	char text[WHEN_SIZE];

	buf_addf(out, "%-9s", what);
	if (ms != 0) {
		buf_addf(out, "%s, ", when_format(ms, text));
		put_left(ms - when_now(), out);
	}
	buf_addf(out, "%s\n", behind);
}

/* Names come from outside, and could steer the terminal. */
static void
put_line(struct buf *out, const char *what, const char *a, const char *between, const char *b, const char *behind)
{
	size_t from = out->len;

	buf_addf(out, "%s%s%s%s%s", what, a != NULL ? a : "?", between, b != NULL ? b : "?", behind);
	for (size_t i = from; i < out->len; i++)
		if ((unsigned char)out->p[i] < ' ' || out->p[i] == 0x7f)
			out->p[i] = '?';
	buf_addc(out, '\n');
}

static void
put_lines(const struct login *l, const char *path, struct buf *out)
{
	put_line(out, "user     ", l->name, " (", l->open_id, ")");
	put_line(out, "app      ", l->app_id, " at ", l->host, "");
	put_until("token", l->access_expires, l->refresh != NULL ? ", renewed when it is needed" : "", out);
	put_until("refresh", l->refresh == NULL ? 0 : l->refresh_expires, l->refresh == NULL ? "no refresh token" : "", out);
	put_line(out, "scopes   ", l->scope, "", "", "");
	put_line(out, "store    ", path, "", "", "");
}

/* ---- the command ---- */

static void
tell_what_wins(const struct auth *a, const struct login *l)
{
	static const char *const names[] = { "FEISHU_USER_ACCESS_TOKEN", "FEISHU_USER_ACCESS_TOKEN_FILE", NULL };
	char *given = env_get(names);

	if (given != NULL)
		note("FEISHU_USER_ACCESS_TOKEN is set: the tools use that, and not this login");
	if (l->host != NULL && strcmp(l->host, a->app.endpoint) != 0)
		note("this login is for another host than FEISHU_ENDPOINT, %s: the tools do not use it", a->app.endpoint);
	if (l->host != NULL && a->app.id != NULL && strcmp(l->app_id, a->app.id) != 0)
		note("this login is of another app than FEISHU_APP_ID, %s: the tools do not use it", a->app.id);
	free(given);
}

int
show_status(struct auth *a)
{
	struct buf error = { 0 }, out = { 0 };
	struct login l;
	const char *why = NULL;
	bool json = opts.json || !isatty(1);

	switch (store_read(a->path, &l, &error)) {
	case STORE_BAD:
		die(ST_USAGE, "%s", buf_str(&error));
	case STORE_NONE:
		why = "nobody has logged in: fs-auth login";
		break;
	case STORE_OK:
		why = ended(&l, when_now());
		break;
	}
	if (json)
		put_record(&l, a->path, why, &out);
	else if (l.host != NULL)
		put_lines(&l, a->path, &out);
	std_out(out.p, out.len);
	if (why != NULL)
		warn("%s: %s", a->path, why);
	tell_what_wins(a, &l);
	buf_free(&out);
	buf_free(&error);
	login_free(&l);
	return why == NULL ? ST_OK : ST_USAGE;
}
