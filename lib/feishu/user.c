#include "feishu/user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/when.h"
#include "crypt/key.h"

#define EARLY_MS	300000		/* renewed so long before the end, or in the last quarter of a short life */
#define SKEW_MS		300000		/* a token from the future: the clock was set back, and expiry cannot be told */
#define QUIET_MS	30000		/* after a renewal that got no answer, with a token that is still good */
#define LAST_MS		1000		/* with less left than this a token is as good as expired */

#define AGAIN "log in again: fs-auth login"

enum store_result
user_open(struct user *u, char *path, const struct feishu_app *app, const struct http_policy *policy, struct buf *error)
{
	enum store_result result;

	*u = (struct user){ .path = path, .app = *app };
	oauth_init(&u->oauth, &u->app, policy);
	result = store_read(path, &u->login, error);
	if (result == STORE_OK && u->app.id == NULL)
		u->app.id = u->own_id = mem_dup(u->login.app_id, strlen(u->login.app_id));
	return result;
}

void
user_free(struct user *u)
{
	oauth_free(&u->oauth);
	login_free(&u->login);
	free(u->path);
	free(u->own_id);
	*u = (struct user){ 0 };
}

const char *
user_is_other(const struct user *u)
{
	if (strcmp(u->login.host, u->app.endpoint) != 0)
		return "the login is for another host (FEISHU_ENDPOINT)";
	if (u->app.id != NULL && strcmp(u->login.app_id, u->app.id) != 0)
		return "the login is of another app (FEISHU_APP_ID)";
	return NULL;
}

bool
user_is_fresh(const struct login *l, int64_t now)
{
	int64_t early = (l->access_expires - l->obtained) / 4;

	if (early > EARLY_MS)
		early = EARLY_MS;
	return l->access != NULL && now < l->access_expires - early && now >= l->obtained - SKEW_MS;
}

/* It can still be used, though not for long. */
static bool
is_alive(const struct login *l)
{
	return l->access != NULL && when_now() < l->access_expires - LAST_MS;
}

static bool
differ(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) != 0;
}

/* Does the store have a token that will do? */
static bool
will_do(const struct login *l, const char *refused)
{
	return user_is_fresh(l, when_now()) && (refused == NULL || strcmp(l->access, refused) != 0);
}

void
user_take(struct login *l, struct oauth_tokens *t)
{
	int64_t now = when_now();

	wipe_text(l->access);
	wipe_text(l->refresh);
	l->access = t->access;
	l->refresh = t->refresh;
	if (t->scope != NULL) {
		free(l->scope);
		l->scope = t->scope;
	}
	l->obtained = now;
	l->access_expires = now + t->access_ms;
	l->refresh_expires = t->refresh_ms == 0 ? 0 : now + t->refresh_ms;
	l->refresh_sent = 0;
	free(l->lost);
	l->lost = NULL;
	*t = (struct oauth_tokens){ 0 };
}

/* ---- results ---- */

static enum oauth_result
disk_failed(const struct user *u, const char *what, struct oauth_error *e)
{
	if (errno == EINTR)
		return OAUTH_INTERRUPTED;
	buf_addf(&e->text, "%s: %s: %s", u->path, what, strerror(errno));
	return OAUTH_GAVE_UP;
}

static enum oauth_result
lost(const struct user *u, struct oauth_error *e)
{
	const struct login *l = &u->login;

	if (l->lost != NULL)
		buf_addf(&e->text, "%s: the login has ended: %s", u->path, l->lost);
	else if (l->refresh == NULL)
		buf_addf(&e->text, "%s: the token has expired, and there is no refresh token (scope offline_access); " AGAIN, u->path);
	else
		buf_addf(&e->text, "%s: the login has expired; " AGAIN, u->path);
	return OAUTH_LOST;
}

/* Read the store again.  OAUTH_OK: u->login is what it holds. */
static enum oauth_result
reread(struct user *u, struct oauth_error *e)
{
	struct login now = { 0 };
	enum store_result r = store_read(u->path, &now, &e->text);

	if (r == STORE_BAD)
		return OAUTH_REFUSED;
	if (r == STORE_NONE)
		buf_addf(&e->text, "%s: nobody is logged in any more: fs-auth login", u->path);
	else if (differ(now.open_id, u->login.open_id) || differ(now.app_id, u->login.app_id) || differ(now.host, u->login.host))
		buf_addf(&e->text, "%s: somebody else has logged in meanwhile; run again", u->path);
	if (e->text.len != 0) {
		login_free(&now);
		return OAUTH_REFUSED;
	}
	login_free(&u->login);
	u->login = now;
	return OAUTH_OK;
}

/* ---- the renewal ---- */

/* The service says that the refresh token is worth nothing: nobody needs to ask it again. */
static enum oauth_result
end_login(struct user *u, int64_t sent_before, struct oauth_error *e)
{
	struct login *l = &u->login;
	struct buf why = { 0 };
	char text[WHEN_SIZE];

	if (sent_before != 0)
		buf_addf(&why, "the answer to a refresh (%s) got lost, and ", when_format(sent_before, text));
	buf_add(&why, e->text.p, e->text.len);
	if (e->unknown)
		buf_adds(&why, " (a first answer got lost)");
	wipe_text(l->refresh);
	l->refresh = NULL;
	l->refresh_expires = l->refresh_sent = 0;
	free(l->lost);
	l->lost = mem_dup(why.p, why.len);
	buf_free(&why);
	buf_clear(&e->text);
	if (store_save(u->path, l) == -1)
		return disk_failed(u, "cannot be replaced", e);
	return lost(u, e);
}

/* Nothing came of it: note down whether the token may have been spent. */
static void
note_outcome(struct user *u, int64_t sent_before, const struct oauth_error *e)
{
	if (e->unknown || sent_before != 0)
		return;		/* the intent stands */
	u->login.refresh_sent = 0;
	if (store_save(u->path, &u->login) == -1)
		return;		/* it stands then, too, and is but a word in a message */
}

static enum oauth_result
send_refresh(struct user *u, int64_t sent_before, struct oauth_error *e)
{
	struct oauth_tokens t = { 0 };
	enum oauth_result result;
	struct newfile n;

	if (store_begin(&n, u->path) == -1)
		return disk_failed(u, "cannot be replaced", e);
	result = oauth_refresh(&u->oauth, u->login.refresh, &t, e);
	if (result != OAUTH_OK) {
		newfile_abort(&n);
		if (result == OAUTH_LOST)
			return end_login(u, sent_before, e);
		note_outcome(u, sent_before, e);
		return result;
	}
	user_take(&u->login, &t);
	if (store_commit(&n, &u->login) == -1 && store_save(u->path, &u->login) == -1) {
		(void)disk_failed(u, "the new tokens cannot be stored", e);
		buf_adds(&e->text, "; free some space and " AGAIN);
		/* What is only in memory is not used: the next run could not go on with it. */
		login_free(&u->login);
		return OAUTH_GAVE_UP;
	}
	return OAUTH_OK;
}

/* Under the lock. */
static enum oauth_result
renew_locked(struct user *u, const char *refused, struct oauth_error *e)
{
	int64_t sent_before;
	enum oauth_result result = reread(u, e);

	if (result != OAUTH_OK || will_do(&u->login, refused))
		return result;
	sent_before = u->login.refresh_sent;
	if (u->login.refresh == NULL)
		return lost(u, e);
	if (u->app.secret == NULL) {
		buf_adds(&e->text, "FEISHU_APP_SECRET is not set; the user's token cannot be refreshed without it");
		return OAUTH_REFUSED;
	}
	u->login.refresh_sent = when_now();
	if (store_save(u->path, &u->login) == -1)
		return disk_failed(u, "cannot be replaced", e);
	return send_refresh(u, sent_before, e);
}

static enum oauth_result
renew(struct user *u, const char *refused, struct oauth_error *e)
{
	enum oauth_result result;
	int lock = store_lock(u->path);

	if (lock == -1)
		return disk_failed(u, "cannot be locked", e);
	result = renew_locked(u, refused, e);
	close(lock);
	return result;
}

enum oauth_result
user_token(struct user *u, const char *refused, const char **token, struct oauth_error *e)
{
	char *bad = refused == NULL ? NULL : mem_dup(refused, strlen(refused));	/* it may be our own, and go away */
	enum oauth_result result = OAUTH_OK;

	buf_clear(&e->text);
	e->code = 0;
	e->unknown = false;
	if (!will_do(&u->login, bad)) {
		if (bad == NULL && is_alive(&u->login) && when_mono() < u->quiet_until)
			goto out;
		if ((result = reread(u, e)) == OAUTH_OK && !will_do(&u->login, bad))
			result = renew(u, bad, e);
		/* Better the last minutes of the old one than none. */
		if (bad == NULL && (result == OAUTH_GAVE_UP || result == OAUTH_LOST || result == OAUTH_REFUSED) && is_alive(&u->login)) {
			u->quiet_until = when_mono() + QUIET_MS;
			result = OAUTH_OK;
		}
	}
out:
	wipe_text(bad);
	*token = result == OAUTH_OK ? u->login.access : NULL;
	return result;
}
