#include "feishu/oauth.h"

#include <openssl/evp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rnd.h"
#include "base/sig.h"
#include "base/when.h"
#include "crypt/base64.h"
#include "crypt/key.h"
#include "feishu/store.h"
#include "json/scan.h"
#include "json/str.h"

#define TOKEN_PATH	"/oauth/v3/token"
#define OLD_TOKEN_PATH	"/open-apis/authen/v2/oauth/token"	/* of the API's host; older, takes PKCE for sure */
#define DEVICE_PATH	"/oauth/v1/device_authorization"
#define AUTHORIZE_PATH	"/open-apis/authen/v1/authorize"
#define USER_PATH	"/open-apis/authen/v1/user_info"
#define MOST_TRIES	5		/* of a call that a signal must not end */
#define TRY_MS		30000
#define PAUSE_MS	500
#define MOST_LIFE_S	(400 * 86400)
#define ANSWER_MAX	(1u << 20)
#define TEXT_MAX	(32u << 10)	/* of a member: what is stored must be readable again (store.c) */
#define LIFE_S		7200		/* where the answer does not say */
#define PKCE_FAILED	20049
#define DEVICE_LIFE_S	240
#define DEVICE_INTERVAL_S 5

void
oauth_init(struct oauth *o, const struct feishu_app *app, const struct http_policy *policy)
{
	struct http_policy once = *policy;

	once.max_retries = 0;
	if (once.timeout_ms <= 0 || once.timeout_ms > TRY_MS)
		once.timeout_ms = TRY_MS;
	o->app = app;
	o->http = http_new(&once);
	o->tries = policy->max_retries < MOST_TRIES ? policy->max_retries + 1 : MOST_TRIES;
	o->retry_ms = policy->retry_time_ms;
}

void
oauth_free(struct oauth *o)
{
	http_free(o->http);
	o->http = NULL;
}

void
oauth_tokens_free(struct oauth_tokens *t)
{
	wipe_text(t->access);
	wipe_text(t->refresh);
	free(t->scope);
	*t = (struct oauth_tokens){ 0 };
}

/* ---- codes ---- */

#define AGAIN "log in again: fs-auth login"

static const struct code {
	long code;
	enum oauth_result result;
	const char *hint;
} codes[] = {
	{ 20050, OAUTH_GAVE_UP, NULL },		/* the service's own fault: sent again */
	{ 20072, OAUTH_GAVE_UP, NULL },
	{ 99991400, OAUTH_GAVE_UP, NULL },
	{ 20037, OAUTH_LOST, "the login has expired; " AGAIN },
	{ 20064, OAUTH_LOST, "the login was revoked; " AGAIN },
	{ 20073, OAUTH_LOST, "the refresh token was used already; " AGAIN },
	{ 20024, OAUTH_LOST, "the login is of another app (check FEISHU_APP_ID); " AGAIN },
	{ 20026, OAUTH_LOST, "the refresh token is not valid; " AGAIN },
	{ 20003, OAUTH_LOST, AGAIN },
	{ 20004, OAUTH_LOST, "the code has expired; " AGAIN },
	{ 20065, OAUTH_LOST, "the code was used already; " AGAIN },
	{ PKCE_FAILED, OAUTH_LOST, AGAIN },
	{ 20071, OAUTH_LOST, AGAIN },
	{ 20002, OAUTH_REFUSED, "check FEISHU_APP_ID and FEISHU_APP_SECRET" },
	{ 20048, OAUTH_REFUSED, "check FEISHU_APP_ID" },
	{ 20008, OAUTH_REFUSED, "the user is gone" },
	{ 20009, OAUTH_REFUSED, "the app is not installed in this tenant" },
	{ 20010, OAUTH_REFUSED, "the user may not use this app" },
	{ 20066, OAUTH_REFUSED, "the user is disabled" },
	{ 20069, OAUTH_REFUSED, "the app is disabled" },
	{ 20074, OAUTH_REFUSED, "turn on \"refresh user_access_token\" in the developer console, under security settings, and publish a version" },
	{ 20067, OAUTH_REFUSED, "the scopes are not valid" },
	{ 20068, OAUTH_REFUSED, "a scope was not granted" },
	{ 20027, OAUTH_REFUSED, "give the app these scopes in the developer console and publish a version" },
};

static const struct code *
look_up(long code)
{
	static const struct code unknown = { 0, OAUTH_REFUSED, NULL };

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code)
			return &codes[i];
	return &unknown;
}

/* ---- answers ---- */

/* A string member, new; NULL where there is none, or it is empty, very long, or has a NUL in it. */
static char *
text_of(struct span object, const char *name)
{
	struct buf b = { 0 };
	struct span v;
	char *text = NULL;

	if (!json_member(object, name, strlen(name), &v) || !json_is_string(v))
		return NULL;
	json_decode(json_inside(v), &b);
	if (b.len != 0 && b.len <= TEXT_MAX && memchr(b.p, '\0', b.len) == NULL)
		text = mem_dup(b.p, b.len);
	wipe_buf(&b);
	return text;
}

static char *
token_of(struct span object, const char *name)
{
	char *token = text_of(object, name);

	if (token != NULL && !login_is_token(token)) {
		wipe_text(token);
		token = NULL;
	}
	return token;
}

/* A number of seconds, as milliseconds; bounded, whatever the answer says. */
static int64_t
seconds_of(struct span object, const char *name, int64_t otherwise)
{
	struct span v;
	long long s;

	if (!json_member(object, name, strlen(name), &v))
		return otherwise * 1000;
	s = strtoll(json_is_string(v) ? v.p + 1 : v.p, NULL, 10);
	return (s < 0 ? 0 : s < MOST_LIFE_S ? s : MOST_LIFE_S) * 1000;
}

static long
code_of(struct span object)
{
	struct span v;

	return JSON_MEMBER(object, "code", &v) ? strtol(v.p, NULL, 10) : 0;
}

struct answer {
	struct http_response r;
	struct scan s;
	struct span object;	/* "{}" where the service's words are no JSON object */
};

static void
answer_free(struct answer *a)
{
	wipe_buf(&a->r.body);
	http_response_free(&a->r);
	scan_free(&a->s);
	*a = (struct answer){ .object = { "{}", 2 } };
}

/* What to do about an answer that says no. */
static enum http_verdict
judge(const struct http_request *rq, const struct http_response *r, int64_t *wait_ms)
{
	struct buf copy = { 0 };
	struct scan s = { 0 };
	enum http_verdict v;
	struct span object, error;

	buf_add(&copy, r->body.p, r->body.len);
	if (!json_scan_answer(&copy, &s)) {
		v = r->status < 300 ? HTTP_UNSURE : http_judge(rq, r, wait_ms);
	} else {
		object = (struct span){ copy.p, copy.len };
		/* Also a code that nobody has seen yet, with a status that speaks for itself. */
		if ((code_of(object) == 0 && (!JSON_MEMBER(object, "error", &error) || !json_is_string(error))) ||
		    (look_up(code_of(object))->code == 0 && (r->status >= 500 || r->status == 429)))
			v = http_judge(rq, r, wait_ms);
		else
			v = look_up(code_of(object))->result == OAUTH_GAVE_UP ? HTTP_LATER : HTTP_FINAL;
	}
	scan_free(&s);
	wipe_buf(&copy);
	return v;
}

static void
put_log_id(const struct http_response *r, struct buf *out)
{
	const char *id = http_header(r, "x-tt-logid");

	if (id != NULL)
		buf_addf(out, ", log id %s", id);
}

/* The answer that says no, in words. */
static void
explain(const struct answer *a, struct oauth_error *e)
{
	static const char *const words[] = { "error_description", "msg", "error" };
	const char *hint = look_up(e->code)->hint;
	char *text = NULL, *url = text_of(a->object, "challenge_url");

	buf_adds(&e->text, "Feishu");
	if (e->code != 0)
		buf_addf(&e->text, " code %ld", e->code);
	for (size_t i = 0; i < sizeof words / sizeof *words && text == NULL; i++)
		text = text_of(a->object, words[i]);
	buf_addf(&e->text, " %s", text != NULL ? text : "refuses");
	put_log_id(&a->r, &e->text);
	if (hint != NULL)
		buf_addf(&e->text, ": %s", hint);
	if (url != NULL)
		buf_addf(&e->text, ": open %s", url);
	buf_one_line(&e->text, 0);
	free(text);
	free(url);
}

static void
explain_http(const struct http_response *r, struct oauth_error *e)
{
	if (r->status == 0) {
		buf_addf(&e->text, "no answer from Feishu: %s", r->error);
		return;
	}
	buf_addf(&e->text, "HTTP %ld from Feishu, and not in its form", r->status);
	put_log_id(r, &e->text);
}

/* ---- asking ---- */

/* One try, which no signal ends. */
static enum http_result
try_once(struct oauth *o, struct http_request *rq, struct http_response *r)
{
	enum http_result result;
	sigset_t stop, old;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &stop, &old);
	result = http_perform(o->http, rq, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return result;
}

/* Wait before the next try.  False: a signal, or it is time to give up. */
static bool
pause_between(struct oauth *o, int64_t begin, int64_t n)
{
	int64_t ms = PAUSE_MS + (int64_t)rnd_below((uint64_t)PAUSE_MS << n);

	return n < o->tries && when_mono() - begin + ms <= o->retry_ms && http_pause(o->http, ms);
}

/* Send the request until it is settled; a is to be freed in any case. */
static enum oauth_result
ask(struct oauth *o, struct http_request rq, struct answer *a, struct oauth_error *e)
{
	int64_t begin = when_mono();
	enum http_result hr;
	bool unknown = false;

	rq.judge = judge;
	rq.max_body = ANSWER_MAX;
	rq.count_tries = true;
	for (int64_t n = 1; ; n++) {
		*a = (struct answer){ .object = { "{}", 2 } };
		hr = try_once(o, &rq, &a->r);
		unknown = unknown || a->r.unknown;
		if (hr != HTTP_GAVE_UP || !pause_between(o, begin, n))
			break;
		answer_free(a);
	}
	buf_clear(&e->text);
	e->code = 0;
	e->unknown = hr != HTTP_OK && unknown;
	if (hr == HTTP_INTERRUPTED)
		return OAUTH_INTERRUPTED;
	if (a->r.status == 0 || !json_scan_answer(&a->r.body, &a->s)) {
		explain_http(&a->r, e);
		return hr == HTTP_REFUSED ? OAUTH_REFUSED : OAUTH_GAVE_UP;
	}
	a->object = (struct span){ a->r.body.p, a->r.body.len };
	if (hr == HTTP_OK)
		return OAUTH_OK;
	e->code = code_of(a->object);
	explain(a, e);
	return hr == HTTP_REFUSED ? look_up(e->code)->result : OAUTH_GAVE_UP;
}

static void
put_app(const struct oauth *o, struct buf *form)
{
	http_put_param(form, "client_id", o->app->id);
	http_put_param(form, "client_secret", o->app->secret);
}

static enum oauth_result
post_form(struct oauth *o, const char *what, const char *base, const char *path, const struct buf *form, struct answer *a,
    struct oauth_error *e)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded", NULL };
	char *url = path == NULL ? mem_dup(base, strlen(base)) : http_url(base, path);
	enum oauth_result result;

	result = ask(o, (struct http_request){ .what = what, .url = url, .headers = headers, .body = form->p, .body_len = form->len },
	    a, e);
	free(url);
	return result;
}

static enum oauth_result
post_token(struct oauth *o, const struct buf *form, struct answer *a, struct oauth_error *e)
{
	const char *named = o->app->token_url;

	return post_form(o, "oauth token", named != NULL ? named : o->app->accounts, named != NULL ? NULL : TOKEN_PATH, form, a, e);
}

/* The older endpoint has the answer where the new one is not there yet, or does not know PKCE. */
static bool
has_older(const struct oauth *o, enum oauth_result result, const struct answer *a, const struct oauth_error *e)
{
	return o->app->token_url == NULL && result != OAUTH_OK && result != OAUTH_INTERRUPTED && !e->unknown &&
	    ((a->r.status == 404 && e->code == 0) || e->code == PKCE_FAILED);
}

static enum oauth_result
take_tokens(const struct answer *a, struct oauth_tokens *t, struct oauth_error *e)
{
	t->access = token_of(a->object, "access_token");
	t->refresh = token_of(a->object, "refresh_token");
	t->scope = text_of(a->object, "scope");
	t->access_ms = seconds_of(a->object, "expires_in", LIFE_S);
	if (t->access_ms == 0)
		t->access_ms = LIFE_S * 1000;	/* it would be renewed before each call */
	t->refresh_ms = seconds_of(a->object, "refresh_token_expires_in", 0);
	if (t->access != NULL)
		return OAUTH_OK;
	buf_adds(&e->text, "Feishu's answer holds no access_token");
	e->unknown = true;
	oauth_tokens_free(t);
	return OAUTH_GAVE_UP;
}

/* The form holds what is to be exchanged; it is wiped. */
static enum oauth_result
get_tokens(struct oauth *o, struct buf *form, struct oauth_tokens *t, struct oauth_error *e)
{
	struct answer a;
	enum oauth_result result;

	*t = (struct oauth_tokens){ 0 };
	put_app(o, form);
	result = post_token(o, form, &a, e);
	if (has_older(o, result, &a, e)) {
		answer_free(&a);
		result = post_form(o, "oauth token (v2)", o->app->endpoint, OLD_TOKEN_PATH, form, &a, e);
		/* It does not know the tokens of the new one: perhaps that was away for a moment only. */
		if (result == OAUTH_LOST)
			result = OAUTH_REFUSED;
	}
	if (result == OAUTH_OK)
		result = take_tokens(&a, t, e);
	answer_free(&a);
	wipe_buf(form);
	return result;
}

enum oauth_result
oauth_refresh(struct oauth *o, const char *refresh, struct oauth_tokens *t, struct oauth_error *e)
{
	struct buf form = { 0 };

	http_put_param(&form, "grant_type", "refresh_token");
	http_put_param(&form, "refresh_token", refresh);
	return get_tokens(o, &form, t, e);
}

/* ---- a code from the browser ---- */

void
oauth_challenge(const char *verifier, struct buf *out)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(verifier, strlen(verifier), hash, &len, EVP_sha256(), NULL) != 1)
		mem_none();
	base64_put_url(hash, len, out);
}

void
oauth_authorize_url(const struct oauth *o, const char *redirect, const char *scope, const char *state, const char *challenge,
    struct buf *out)
{
	struct buf query = { 0 };

	http_put_param(&query, "client_id", o->app->id);
	http_put_param(&query, "response_type", "code");
	http_put_param(&query, "redirect_uri", redirect);
	http_put_param(&query, "scope", scope);
	http_put_param(&query, "state", state);
	http_put_param(&query, "code_challenge", challenge);
	http_put_param(&query, "code_challenge_method", "S256");
	buf_addf(out, "%s" AUTHORIZE_PATH "?%s", o->app->accounts, buf_str(&query));
	buf_free(&query);
}

enum oauth_result
oauth_exchange(struct oauth *o, const char *code, const char *redirect, const char *verifier, struct oauth_tokens *t, struct oauth_error *e)
{
	struct buf form = { 0 };

	http_put_param(&form, "grant_type", "authorization_code");
	http_put_param(&form, "code", code);
	http_put_param(&form, "redirect_uri", redirect);
	http_put_param(&form, "code_verifier", verifier);
	return get_tokens(o, &form, t, e);
}

/* ---- a device code ---- */

void
oauth_device_free(struct oauth_device *d)
{
	wipe_text(d->code);
	free(d->user_code);
	free(d->url);
	*d = (struct oauth_device){ 0 };
}

enum oauth_result
oauth_device_begin(struct oauth *o, const char *scope, struct oauth_device *d, struct oauth_error *e)
{
	struct answer a;
	struct buf form = { 0 };
	enum oauth_result result;

	*d = (struct oauth_device){ 0 };
	put_app(o, &form);
	http_put_param(&form, "scope", scope);
	result = post_form(o, "device_authorization", o->app->accounts, DEVICE_PATH, &form, &a, e);
	if (result == OAUTH_OK) {
		d->code = token_of(a.object, "device_code");
		d->user_code = text_of(a.object, "user_code");
		if ((d->url = text_of(a.object, "verification_uri_complete")) == NULL)
			d->url = text_of(a.object, "verification_uri");
		d->life_ms = seconds_of(a.object, "expires_in", DEVICE_LIFE_S);
		d->interval_ms = seconds_of(a.object, "interval", DEVICE_INTERVAL_S);
		if (d->code == NULL || d->url == NULL) {
			buf_adds(&e->text, "Feishu's answer holds no device_code");
			oauth_device_free(d);
			result = OAUTH_GAVE_UP;
		}
	}
	answer_free(&a);
	wipe_buf(&form);
	return result;
}

enum oauth_result
oauth_device_poll(struct oauth *o, const struct oauth_device *d, struct oauth_tokens *t, struct oauth_error *e)
{
	struct answer a;
	struct buf form = { 0 };
	enum oauth_result result;
	char *error;

	*t = (struct oauth_tokens){ 0 };
	http_put_param(&form, "grant_type", "urn:ietf:params:oauth:grant-type:device_code");
	http_put_param(&form, "device_code", d->code);
	put_app(o, &form);
	result = post_token(o, &form, &a, e);
	if (result == OAUTH_OK) {
		result = take_tokens(&a, t, e);
	} else if ((error = text_of(a.object, "error")) != NULL) {
		if (strcmp(error, "authorization_pending") == 0)
			result = OAUTH_PENDING;
		else if (strcmp(error, "slow_down") == 0)
			result = OAUTH_SLOWER;
		free(error);
	}
	answer_free(&a);
	wipe_buf(&form);
	return result;
}

/* ---- who ---- */

enum oauth_result
oauth_user_info(struct oauth *o, const char *access, char **open_id, char **name, struct oauth_error *e)
{
	char *url = http_url(o->app->endpoint, USER_PATH);
	struct buf header = { 0 };
	const char *headers[2] = { NULL, NULL };
	struct answer a;
	enum oauth_result result;
	struct span data;

	*open_id = *name = NULL;
	buf_addf(&header, "Authorization: Bearer %s", access);
	headers[0] = buf_str(&header);
	result = ask(o, (struct http_request){ .what = "user_info", .url = url, .headers = headers }, &a, e);
	if (result == OAUTH_OK && JSON_MEMBER(a.object, "data", &data)) {
		*open_id = text_of(data, "open_id");
		*name = text_of(data, "name");
	}
	answer_free(&a);
	wipe_buf(&header);
	free(url);
	return result;
}
