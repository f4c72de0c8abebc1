/* login.c - from the user's consent to the tokens in the store */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/rnd.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "crypt/key.h"
#include "feishu/callback.h"
#include "feishu/store.h"
#include "feishu/user.h"
#include "fs-auth/auth.h"

#define DEFAULT_SCOPE	"bitable:app sheets:spreadsheet:readonly wiki:wiki:readonly"
#define OFFLINE		"offline_access"	/* gives the refresh token */
#define BROWSER_MS	600000			/* for the user to find the password */
#define FASTEST_MS	1000
#define SLOWER_MS	5000
#define SLOWEST_MS	60000
#define SECRET_BYTES	32

/* ---- scopes ---- */

static bool
has_scope(const char *list, const char *scope, size_t len)
{
	for (const char *p = list; p != NULL && *(p += strspn(p, " ")) != '\0'; p += strcspn(p, " "))
		if (strcspn(p, " ") == len && memcmp(p, scope, len) == 0)
			return true;
	return false;
}

/* What to ask for; returns new. */
static char *
wanted_scope(void)
{
	const char *asked = opts.scope != NULL ? opts.scope : DEFAULT_SCOPE;
	struct buf b = { 0 };

	buf_adds(&b, asked);
	if (!has_scope(asked, OFFLINE, sizeof OFFLINE - 1))
		buf_adds(&b, " " OFFLINE);
	(void)buf_str(&b);
	return b.p;
}

/* The user may have agreed to less. */
static void
tell_missing(const char *wanted, const char *granted)
{
	struct buf b = { 0 };

	for (const char *p = wanted; granted != NULL && *(p += strspn(p, " ")) != '\0'; p += strcspn(p, " "))
		if (!has_scope(granted, p, strcspn(p, " ")))
			buf_addf(&b, " %.*s", (int)strcspn(p, " "), p);
	if (b.len != 0)
		warn("not granted:%s", buf_str(&b));
	buf_free(&b);
}

/* ---- the store ---- */

int
lock_store(const struct auth *a)
{
	int lock = store_lock(a->path);

	if (lock == -1 && errno == EINTR)
		exit(sig_exit(ST_FAILED));
	if (lock == -1)
		die(ST_FAILED, "%s: cannot be locked: %s", a->path, strerror(errno));
	return lock;
}

/* Before the user is troubled. */
static void
check_store(const struct auth *a)
{
	int lock = lock_store(a);
	struct newfile n;

	if (store_begin(&n, a->path) == -1)
		die(ST_FAILED, "%s: cannot be written: %s", a->path, strerror(errno));
	newfile_abort(&n);
	close(lock);
}

static void
save(const struct auth *a, const struct login *l)
{
	if (store_save(a->path, l) == -1)
		die(ST_FAILED, "%s: cannot be written: %s", a->path, strerror(errno));
}

/* Tokens first: the name is only for people, and asking for it may fail. */
static void
keep(struct auth *a, struct oauth *o, struct oauth_tokens *t, const char *scope)
{
	struct login l = { 0 };
	struct oauth_error e = { 0 };
	int lock = lock_store(a);

	l.host = mem_dup(a->app.endpoint, strlen(a->app.endpoint));
	l.app_id = mem_dup(a->app.id, strlen(a->app.id));
	user_take(&l, t);
	save(a, &l);
	if (oauth_user_info(o, l.access, &l.open_id, &l.name, &e) == OAUTH_OK)
		save(a, &l);
	else if (sig_caught() == 0)
		note("logged in, but who it is could not be asked: %s", buf_str(&e.text));
	close(lock);
	tell_missing(scope, l.scope);
	if (l.refresh == NULL)
		warn("no refresh token was given (scope " OFFLINE "): the login ends with the token");
	note("logged in as %s (%s)", l.name != NULL ? l.name : "?", l.open_id != NULL ? l.open_id : "?");
	buf_free(&e.text);
	login_free(&l);
}

/* ---- by the browser ---- */

/* What nobody can guess: 64 characters. */
static void
put_random(struct buf *out)
{
	unsigned char bytes[SECRET_BYTES];

	rnd_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		buf_addf(out, "%02x", bytes[i]);
}

struct visit {
	struct buf redirect, state, verifier;
	int	 listener;		/* -1: --no-browser */
};

static void
say_where(struct oauth *o, struct visit *v, const char *scope)
{
	struct buf challenge = { 0 }, line = { 0 };

	oauth_challenge(buf_str(&v->verifier), &challenge);
	buf_addf(&line, "%s: open this address in a browser: ", msg_name());
	oauth_authorize_url(o, buf_str(&v->redirect), scope, buf_str(&v->state), buf_str(&challenge), &line);
	buf_addc(&line, '\n');
	/* Not as a message, which would be cut: two hundred scopes may be asked for.  With -q, too: nothing could go on. */
	if (io_write(2, line.p, line.len) == -1)
		die(ST_FAILED, "cannot show the address: %s", strerror(errno));
	buf_free(&line);
	buf_free(&challenge);
}

static void
begin_visit(struct visit *v)
{
	int64_t port = opts.port;

	*v = (struct visit){ .listener = -1 };
	if (!opts.no_browser && (v->listener = callback_listen(&port)) == -1)
		die(ST_USAGE, "127.0.0.1:%" PRId64 ": %s; take another --port, or --no-browser", port, strerror(errno));
	buf_addf(&v->redirect, "http://localhost:%" PRId64 CALLBACK_PATH, port);
	put_random(&v->state);
	put_random(&v->verifier);
}

/* One line of stdin. */
static enum callback_result
read_pasted(struct visit *v, struct buf *code)
{
	struct buf line = { .max = CALLBACK_HEAD };
	enum callback_result r;
	ssize_t n = 1;
	char c = 0;

	warn("then paste the address that the browser ends at (it may not load), or the code in it, and press enter");
	while (c != '\n' && (n = io_read(0, &c, 1)) == 1)
		buf_addc(&line, c);
	if (n == -1) {
		buf_free(&line);
		return CALLBACK_FAILED;
	}
	r = line.full ? CALLBACK_OTHER : callback_pasted(line.p == NULL ? "" : line.p, line.len, buf_str(&v->state), code);
	wipe_buf(&line);
	return r;
}

/* The code that the browser, or the user, brings. */
static void
get_code(struct visit *v, struct buf *code)
{
	enum callback_result r;

	r = v->listener == -1 ? read_pasted(v, code) : callback_wait(v->listener, buf_str(&v->state), BROWSER_MS, code);
	if (v->listener != -1)
		close(v->listener);
	switch (r) {
	case CALLBACK_CODE:
		return;
	case CALLBACK_DENIED:
		die(ST_USAGE, "the login was refused in the browser: %s", buf_str(code));
	case CALLBACK_OTHER:
	case CALLBACK_MORE:
		die(ST_USAGE, "that is neither a code nor the address of this login; begin again");
	case CALLBACK_FAILED:
		break;
	}
	if (errno == EINTR)
		exit(sig_exit(ST_FAILED));
	die(ST_FAILED, errno == ETIMEDOUT ? "nobody has logged in within ten minutes" : "waiting for the browser: %s", strerror(errno));
}

static enum oauth_result
by_browser(struct oauth *o, const char *scope, struct oauth_tokens *t, struct oauth_error *e)
{
	struct buf code = { 0 };
	enum oauth_result r;
	struct visit v;

	begin_visit(&v);
	say_where(o, &v, scope);
	get_code(&v, &code);
	r = oauth_exchange(o, buf_str(&code), buf_str(&v.redirect), buf_str(&v.verifier), t, e);
	wipe_buf(&code);
	wipe_buf(&v.verifier);
	wipe_buf(&v.state);
	buf_free(&v.redirect);
	return r;
}

/* ---- by another device ---- */

/* How long to wait before the next question: as the service says, within reason, and not beyond the end. */
static int
pause_ms(int64_t *interval_ms, int64_t end)
{
	int64_t left = end - when_mono();

	if (*interval_ms < FASTEST_MS)
		*interval_ms = FASTEST_MS;
	if (*interval_ms > SLOWEST_MS)
		*interval_ms = SLOWEST_MS;
	return (int)(left < 0 ? 0 : left < *interval_ms ? left : *interval_ms);
}

static enum oauth_result
by_device(struct oauth *o, const char *scope, struct oauth_tokens *t, struct oauth_error *e)
{
	struct oauth_device d;
	enum oauth_result r = oauth_device_begin(o, scope, &d, e);
	int64_t end = when_mono() + d.life_ms;

	if (r != OAUTH_OK)
		return r;
	warn("open this address on any device: %s%s%s%s", d.url, d.user_code != NULL ? " (code " : "",
	    d.user_code != NULL ? d.user_code : "", d.user_code != NULL ? ")" : "");
	do {
		if (std_wait(pause_ms(&d.interval_ms, end)) == -1) {
			r = OAUTH_INTERRUPTED;
			break;
		}
		r = oauth_device_poll(o, &d, t, e);
		if (r == OAUTH_SLOWER)
			d.interval_ms += SLOWER_MS;
		if (r == OAUTH_GAVE_UP)
			d.interval_ms += 1000;
	} while ((r == OAUTH_PENDING || r == OAUTH_SLOWER || r == OAUTH_GAVE_UP) && when_mono() < end);
	if (r == OAUTH_PENDING || r == OAUTH_SLOWER) {
		buf_clear(&e->text);
		buf_adds(&e->text, "the code has expired before it was approved; begin again");
	}
	oauth_device_free(&d);
	return r;
}

int
login(struct auth *a)
{
	struct oauth_tokens t = { 0 };
	struct oauth_error e = { 0 };
	char *scope = wanted_scope();
	enum oauth_result r;
	struct oauth o;

	if (a->app.id == NULL || a->app.secret == NULL)
		die(ST_USAGE, "%s is not set; it stands in the developer console under the app's credentials",
		    a->app.id == NULL ? "FEISHU_APP_ID" : "FEISHU_APP_SECRET");
	check_store(a);
	oauth_init(&o, &a->app, &opts.http);
	r = (opts.device ? by_device : by_browser)(&o, scope, &t, &e);
	if (r != OAUTH_OK)
		give_up(r, &e);
	keep(a, &o, &t, scope);
	oauth_free(&o);
	buf_free(&e.text);
	free(scope);
	return ST_OK;
}
