#include "google/auth.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/when.h"
#include "crypt/base64.h"
#include "crypt/key.h"
#include "json/scan.h"
#include "json/str.h"

#define TOKEN_URI	"https://oauth2.googleapis.com/token"
#define STS_URI		"https://sts.googleapis.com/v1/token"
#define METADATA_HOST	"metadata.google.internal"
#define RENEW_EARLY_MS	240000
#define LIFETIME_S	3600		/* the most that is allowed */
#define SKEW_S		10		/* a token from the future is refused */
#define FILE_MAX	(1u << 20)

enum source { READY, SERVICE_ACCOUNT, USER, EXTERNAL, METADATA };

struct google_auth {
	enum source source;
	struct http *http;
	char	*scope;
	struct buf file;		/* the credential file, padded; one line */
	struct scan scan;		/* its members */
	char	*path;			/* of the file; owned */
	char	*project, *quota_project;
	char	*header;		/* NULL: none yet */
	int64_t	 renew_at;		/* when_mono(); INT64_MAX: never */
};

/* ---- JSON ---- */

/* A member's text, decoded; new (wipe_text), or NULL where it is no string. */
static char *
text_in(struct span object, const char *name)
{
	struct span v;

	return json_member(object, name, strlen(name), &v) ? json_text(v) : NULL;
}

static struct span
file_object(const struct google_auth *a)
{
	return (struct span){ a->file.p, a->file.len };
}

static char *
text_of(const struct google_auth *a, const char *name)
{
	return text_in(file_object(a), name);
}

/* The same, or this. */
static char *
text_or(const struct google_auth *a, const char *name, const char *otherwise)
{
	char *text = text_of(a, name);

	return text != NULL && *text != '\0' ? text : (wipe_text(text), mem_dup(otherwise, strlen(otherwise)));
}

/* ---- asking ---- */

/* What the service says of an error: {"error":"invalid_grant","error_description":"..."} or {"error":{"message":...}}. */
static void
put_refusal(const char *what, struct http_response *r, struct buf *error)
{
	struct scan s = { 0 };
	struct span body;
	char *code = NULL, *words = NULL;
	size_t from = error->len;

	if (r->status == 0 || !json_scan_answer(&r->body, &s)) {
		buf_addf(error, "%s: %s", what, r->error[0] != '\0' ? r->error : "no usable answer");
	} else {
		struct span inner;

		body = (struct span){ r->body.p, r->body.len };
		if (json_member(body, "error", 5, &inner) && *inner.p == '{') {
			code = text_in(inner, "status");
			words = text_in(inner, "message");
		} else {
			code = text_in(body, "error");
			words = text_in(body, "error_description");
		}
		buf_addf(error, "%s: %s%s%s", what, code != NULL ? code : "refused", words != NULL ? ": " : "", words != NULL ? words : "");
		if (code != NULL && strcmp(code, "invalid_grant") == 0)
			buf_adds(error, "; check the clock and the credentials, or log in again");
	}
	if (r->status != 0)
		buf_addf(error, " (HTTP %ld)", r->status);
	buf_one_line(error, from);
	wipe_text(code);
	wipe_text(words);
	scan_free(&s);
}

/* Send it; an answer of 2xx is left in r, to be freed by the caller in any case. */
static enum google_result
ask(struct google_auth *a, const char *what, struct http_request rq, struct http_response *r, struct buf *error)
{
	rq.what = what;
	rq.repeatable = true;
	switch (http_perform(a->http, &rq, r)) {
	case HTTP_OK:
		return GOOGLE_OK;
	case HTTP_INTERRUPTED:
		return GOOGLE_INTERRUPTED;
	case HTTP_REFUSED:
		put_refusal(what, r, error);
		return GOOGLE_REFUSED;
	case HTTP_GAVE_UP:
	case HTTP_BAD:
		break;
	}
	put_refusal(what, r, error);
	return GOOGLE_GAVE_UP;
}

static void
forget(struct http_response *r)
{
	wipe_buf(&r->body);
	http_response_free(r);
}

static void
set_token(struct google_auth *a, const char *token, int64_t lifetime_ms)
{
	struct buf b = { 0 };
	int64_t early = lifetime_ms > 2 * RENEW_EARLY_MS ? RENEW_EARLY_MS : lifetime_ms / 2;

	buf_addf(&b, "Authorization: Bearer %s", token);
	wipe_text(a->header);
	a->header = mem_dup(b.p, b.len);
	wipe_buf(&b);
	a->renew_at = when_mono() + lifetime_ms - early;
}

/* Nothing that could end the header and begin another. */
static bool
is_token(const char *s)
{
	return *s != '\0' && strpbrk(s, " \r\n") == NULL;
}

/* A lifetime in seconds, as milliseconds; no longer than a year, whatever the answer says. */
static int64_t
lifetime_of(struct span v)
{
	long long s = strtoll(json_is_string(v) ? v.p + 1 : v.p, NULL, 10);	/* some servers quote it */

	return (s < 0 ? 0 : s < 366 * 86400 ? s : 366 * 86400) * 1000;
}

/* The token in an answer: new text, and how long it lives; NULL: there is none. */
static char *
read_token(struct http_response *r, int64_t *lifetime_ms)
{
	struct scan s = { 0 };
	struct span body, v;
	char *token = NULL, *expiry;
	int64_t at;

	*lifetime_ms = LIFETIME_S * 1000;
	if (json_scan_answer(&r->body, &s)) {
		body = (struct span){ r->body.p, r->body.len };
		token = text_in(body, "access_token");
		if (token == NULL)
			token = text_in(body, "accessToken");
		if (JSON_MEMBER(body, "expires_in", &v))
			*lifetime_ms = lifetime_of(v);
		if ((expiry = text_in(body, "expireTime")) != NULL && when_parse(expiry, strlen(expiry), &at, NULL))
			*lifetime_ms = at - when_now();
		free(expiry);
	}
	scan_free(&s);
	if (token != NULL && !is_token(token)) {
		wipe_text(token);
		token = NULL;
	}
	return token;
}

/* Take the token of an answer. */
static enum google_result
take_token(struct google_auth *a, const char *what, struct http_response *r, struct buf *error)
{
	int64_t lifetime_ms;
	char *token = read_token(r, &lifetime_ms);

	if (token == NULL) {
		buf_addf(error, "%s: an answer without a token", what);
		return GOOGLE_GAVE_UP;
	}
	set_token(a, token, lifetime_ms);
	wipe_text(token);
	return GOOGLE_OK;
}

/* POST a form that is answered with a token. */
static enum google_result
post_form(struct google_auth *a, const char *what, const char *url, struct buf *form, struct buf *error)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded", NULL };
	struct http_response r;
	enum google_result st;

	st = ask(a, what, (struct http_request){ .url = url, .headers = headers, .body = form->p, .body_len = form->len }, &r, error);
	if (st == GOOGLE_OK)
		st = take_token(a, what, &r, error);
	forget(&r);
	wipe_buf(form);
	return st;
}

/* ---- a service account ---- */

static void
put_string(struct buf *b, const char *name, const char *value)
{
	buf_addc(b, b->len == 0 ? '{' : ',');
	json_put_name(name, b);
	json_encode(value, strlen(value), b);
}

static EVP_PKEY *
private_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	char none[] = "";	/* without a pass phrase OpenSSL would ask for one at the terminal */
	EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, none);

	BIO_free(bio);
	return key;
}

/* RSASSA-PKCS1-v1_5 with SHA-256 (RS256) of b, appended to it.  False: the key cannot do that. */
static bool
sign(const char *pem, struct buf *b)
{
	EVP_PKEY *key = private_key(pem);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char signature[1024];
	size_t len = sizeof signature;
	bool ok = key != NULL && md != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
	    EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestSign(md, signature, &len, (const unsigned char *)b->p, b->len) == 1;

	if (ok) {
		buf_addc(b, '.');
		base64_put_url(signature, len, b);
	}
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	return ok;
}

/* RFC 7523: who we are and what we want, signed.  False: the key is not usable. */
static bool
put_assertion(const struct google_auth *a, struct buf *jwt)
{
	char *email = text_of(a, "client_email"), *pem = text_of(a, "private_key"), *kid = text_of(a, "private_key_id");
	struct buf part = { 0 };
	long long now = when_now() / 1000 - SKEW_S;
	bool ok;

	put_string(&part, "alg", "RS256");
	put_string(&part, "typ", "JWT");
	if (kid != NULL)
		put_string(&part, "kid", kid);
	buf_addc(&part, '}');
	base64_put_url(part.p, part.len, jwt);
	buf_clear(&part);
	put_string(&part, "iss", email == NULL ? "" : email);
	put_string(&part, "scope", a->scope);
	put_string(&part, "aud", TOKEN_URI);	/* whatever token_uri says, as the official clients do */
	buf_addf(&part, ",\"iat\":%lld,\"exp\":%lld}", now, now + LIFETIME_S);
	buf_addc(jwt, '.');
	base64_put_url(part.p, part.len, jwt);
	buf_free(&part);
	ok = pem != NULL && sign(pem, jwt);
	wipe_text(pem);
	free(email);
	free(kid);
	return ok;
}

static enum google_result
ask_as_service(struct google_auth *a, struct buf *error)
{
	char *url = text_or(a, "token_uri", TOKEN_URI);
	struct buf jwt = { 0 }, form = { 0 };
	enum google_result st = GOOGLE_REFUSED;

	if (put_assertion(a, &jwt)) {
		http_put_param(&form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
		http_put_param(&form, "assertion", buf_str(&jwt));
		st = post_form(a, "token", url, &form, error);
	} else {
		buf_addf(error, "%s: its private_key is no RSA key, or has a pass phrase", a->path);
	}
	wipe_buf(&jwt);
	free(url);
	return st;
}

/* ---- a user, as gcloud stores one ---- */

static enum google_result
ask_as_user(struct google_auth *a, struct buf *error)
{
	static const char *const names[] = { "client_id", "client_secret", "refresh_token" };
	char *url = text_or(a, "token_uri", TOKEN_URI);
	struct buf form = { 0 };
	enum google_result st;

	http_put_param(&form, "grant_type", "refresh_token");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *value = text_of(a, names[i]);

		http_put_param(&form, names[i], value == NULL ? "" : value);
		wipe_text(value);
	}
	st = post_form(a, "token", url, &form, error);
	free(url);
	return st;
}

/* ---- workload identity federation ---- */

/* The headers of credential_source, each "Name: value"; new, NULL at the end. */
static char **
source_headers(struct span source)
{
	char **h = mem_zero(1, sizeof *h);
	size_t n = 0, cap = 1;
	struct json_iter it;
	struct member m;
	struct span object;

	if (!JSON_MEMBER(source, "headers", &object) || *object.p != '{')
		return h;
	for (it = json_open(object); json_next_member(&it, &m); ) {
		struct buf line = { 0 };

		if (!json_is_string(m.val))
			continue;
		json_decode(m.key, &line);
		buf_adds(&line, ": ");
		json_decode(json_inside(m.val), &line);
		h = mem_grow(h, &cap, n + 2, sizeof *h);
		h[n++] = mem_dup(line.p, line.len);
		h[n] = NULL;
		wipe_buf(&line);
	}
	return h;
}

static void
free_headers(char **h)
{
	for (size_t i = 0; h[i] != NULL; i++)
		wipe_text(h[i]);
	free(h);
}

/* The subject token in what the source gave: the text itself, or a member of an object. */
static char *
subject_in(struct span source, struct buf *got)
{
	struct scan s = { 0 };
	struct span format;
	char *type = NULL, *field = NULL, *token = NULL;

	if (JSON_MEMBER(source, "format", &format)) {
		type = text_in(format, "type");
		field = text_in(format, "subject_token_field_name");
	}
	if (type == NULL || strcmp(type, "text") == 0) {
		while (got->len > 0 && strchr(" \t\r\n", got->p[got->len - 1]) != NULL)
			got->len--;
		token = mem_dup(got->p == NULL ? "" : got->p, got->len);
	} else if (strcmp(type, "json") == 0 && field != NULL && json_scan_answer(got, &s)) {
		token = text_in((struct span){ got->p, got->len }, field);
	}
	scan_free(&s);
	free(type);
	free(field);
	return token;
}

static enum google_result
subject_token(struct google_auth *a, struct span source, char **token, struct buf *error)
{
	char *file = text_in(source, "file"), *url = text_in(source, "url"), **headers = source_headers(source);
	struct http_response r = { 0 };
	enum google_result st = GOOGLE_OK;
	struct buf got = { .max = FILE_MAX };

	if (file != NULL && file_read(file, &got) == -1) {
		buf_addf(error, "%s: %s", file, strerror(errno));
		st = GOOGLE_REFUSED;
	} else if (file == NULL && url == NULL) {
		buf_addf(error, "%s: its credential_source has neither a file nor a url; other sources are not supported", a->path);
		st = GOOGLE_REFUSED;
	} else if (file == NULL) {
		const char *const *lines = (const char *const *)headers;

		st = ask(a, "subject token", (struct http_request){ .url = url, .headers = lines, .hide_url = true }, &r, error);
		buf_add(&got, r.body.p, r.body.len);
	}
	if (st == GOOGLE_OK && (*token = subject_in(source, &got)) == NULL) {
		buf_addf(error, "%s: its credential_source gave no token in that format", a->path);
		st = GOOGLE_REFUSED;
	}
	forget(&r);
	wipe_buf(&got);
	free_headers(headers);
	wipe_text(url);
	free(file);
	return st;
}

static enum google_result
exchange(struct google_auth *a, const char *subject, bool impersonates, struct buf *error)
{
	char *url = text_or(a, "token_url", STS_URI), *audience = text_or(a, "audience", ""), *type = text_or(a, "subject_token_type", "");
	struct buf form = { 0 };
	enum google_result st;

	http_put_param(&form, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
	http_put_param(&form, "audience", audience);
	http_put_param(&form, "scope", impersonates ? GOOGLE_SCOPE_ALL : a->scope);
	http_put_param(&form, "requested_token_type", "urn:ietf:params:oauth:token-type:access_token");
	http_put_param(&form, "subject_token", subject);
	http_put_param(&form, "subject_token_type", type);
	st = post_form(a, "token exchange", url, &form, error);
	free(url);
	free(audience);
	free(type);
	return st;
}

static long
impersonation_lifetime(const struct google_auth *a)
{
	struct span o, v;
	long s = 0;

	if (json_member(file_object(a), "service_account_impersonation", 29, &o) && JSON_MEMBER(o, "token_lifetime_seconds", &v))
		s = strtol(v.p, NULL, 10);
	return s > 0 ? s : LIFETIME_S;
}

/* With the token of the exchange, get one of the service account. */
static enum google_result
impersonate(struct google_auth *a, const char *url, struct buf *error)
{
	const char *headers[] = { "Content-Type: application/json", a->header, NULL };
	struct buf body = { 0 };
	struct http_response r;
	enum google_result st;

	buf_adds(&body, "{\"scope\":[");
	json_encode(a->scope, strlen(a->scope), &body);
	buf_addf(&body, "],\"lifetime\":\"%lds\"}", impersonation_lifetime(a));
	st = ask(a, "impersonation", (struct http_request){ .url = url, .headers = headers, .body = body.p, .body_len = body.len }, &r, error);
	if (st == GOOGLE_OK)
		st = take_token(a, "impersonation", &r, error);
	forget(&r);
	buf_free(&body);
	return st;
}

static enum google_result
ask_as_workload(struct google_auth *a, struct buf *error)
{
	char *url = text_of(a, "service_account_impersonation_url"), *subject = NULL;
	struct span source;
	enum google_result st;

	if (!json_member(file_object(a), "credential_source", 17, &source)) {
		buf_addf(error, "%s: it has no credential_source", a->path);
		st = GOOGLE_REFUSED;
	} else {
		st = subject_token(a, source, &subject, error);
	}
	if (st == GOOGLE_OK)
		st = exchange(a, subject, url != NULL, error);
	if (st == GOOGLE_OK && url != NULL)
		st = impersonate(a, url, error);
	if (st != GOOGLE_OK) {		/* the token of the first step is not the one that was asked for */
		wipe_text(a->header);
		a->header = NULL;
	}
	wipe_text(subject);
	free(url);
	return st;
}

/* ---- the metadata server ---- */

static enum google_result
ask_metadata(struct google_auth *a, struct buf *error)
{
	static const char *const headers[] = { "Metadata-Flavor: Google", NULL };
	char *host = env_get((const char *const[]){ "GCE_METADATA_HOST", NULL });
	struct buf url = { 0 };
	struct http_response r;
	enum google_result st;
	const char *flavor;

	buf_addf(&url, "http://%s/computeMetadata/v1/instance/service-accounts/default/token?scopes=", host == NULL ? METADATA_HOST : host);
	http_escape(&url, a->scope);
	st = ask(a, "metadata server", (struct http_request){ .url = buf_str(&url), .headers = headers, .direct = true }, &r, error);
	flavor = http_header(&r, "Metadata-Flavor");
	if (st == GOOGLE_OK && (flavor == NULL || strcmp(flavor, "Google") != 0)) {
		buf_adds(error, "metadata server: something else answers there");
		st = GOOGLE_REFUSED;
	}
	if (st == GOOGLE_OK)
		st = take_token(a, "metadata server", &r, error);
	else if (st != GOOGLE_INTERRUPTED)
		buf_adds(error, "; no credentials: set GOOGLE_APPLICATION_CREDENTIALS to a key file");
	forget(&r);
	buf_free(&url);
	free(host);
	return st;
}

/* ---- beginning ---- */

static bool
is_set(const char *name, const char *value)
{
	char *v = env_get((const char *const[]){ name, NULL });
	bool set = v != NULL && strcasecmp(v, value) == 0;

	free(v);
	return set;
}

/* Where gcloud keeps a user's credentials; new, or NULL. */
static char *
gcloud_path(void)
{
	static const char file[] = "application_default_credentials.json";
	char *dir = env_get((const char *const[]){ "CLOUDSDK_CONFIG", NULL }), *home = env_get((const char *const[]){ "HOME", NULL });
	struct buf b = { 0 };
	char *path = NULL;

	if (dir != NULL)
		buf_addf(&b, "%s/%s", dir, file);
	else if (home != NULL)
		buf_addf(&b, "%s/.config/gcloud/%s", home, file);
	if (b.len != 0 && access(buf_str(&b), F_OK) == 0)
		path = mem_dup(b.p, b.len);
	buf_free(&b);
	free(dir);
	free(home);
	return path;
}

static bool
read_file(struct google_auth *a, struct buf *error)
{
	static const struct { const char *type; enum source source; } types[] = {
		{ "service_account", SERVICE_ACCOUNT }, { "authorized_user", USER }, { "external_account", EXTERNAL },
	};
	char *type;
	size_t i = 0, n = sizeof types / sizeof *types;

	a->file.max = FILE_MAX;
	if (file_read(a->path, &a->file) == -1) {
		buf_addf(error, "%s: %s", a->path, strerror(errno));
		return false;
	}
	if (!json_scan_answer(&a->file, &a->scan)) {
		buf_addf(error, "%s: not a credential file: no JSON object", a->path);
		return false;
	}
	type = text_of(a, "type");
	while (i < n && (type == NULL || strcmp(type, types[i].type) != 0))
		i++;
	if (i == n)
		buf_addf(error, "%s: credentials of type '%s' are not supported", a->path, type == NULL ? "" : type);
	else
		a->source = types[i].source;
	free(type);
	return i < n;
}

/* Which credentials there are.  False: a message was appended to error. */
static bool
find(struct google_auth *a, struct buf *error)
{
	static const char *const ready[] = { "GOOGLE_OAUTH_ACCESS_TOKEN", NULL };
	static const char *const files[] = { "GOOGLE_APPLICATION_CREDENTIALS", "BOTRUN_LOG_CREDENTIALS_PATH", NULL };
	char *token = NULL, *path = NULL;

	if (env_secret(ready, &token, &path) == -1) {
		buf_addf(error, "%s_FILE: %s: %s", ready[0], path, strerror(errno));
		free(path);
		return false;
	}
	if (token != NULL && !is_token(token)) {
		buf_addf(error, "%s: a token is one word", ready[0]);
		wipe_text(token);
		return false;
	}
	if (token != NULL) {
		a->source = READY;
		set_token(a, token, INT64_C(1) << 50);
		wipe_text(token);
		return true;
	}
	a->path = env_get(files);
	if (a->path == NULL)
		a->path = gcloud_path();
	if (a->path != NULL)
		return read_file(a, error);
	a->source = METADATA;
	if (!is_set("NO_GCE_CHECK", "true") && !is_set("METADATA_SERVER_DETECTION", "none"))
		return true;
	buf_adds(error, "no credentials: set GOOGLE_APPLICATION_CREDENTIALS to a key file, or log in: gcloud auth application-default login");
	return false;
}

struct google_auth *
google_auth_new(const struct http_policy *policy, const char *scope, struct buf *error)
{
	static const struct http_policy near = { .max_retries = 2, .retry_time_ms = 10000, .timeout_ms = 1000 };
	struct google_auth *a = mem_zero(1, sizeof *a);

	if (!find(a, error)) {
		google_auth_free(a);
		return NULL;
	}
	a->scope = mem_dup(scope, strlen(scope));
	a->http = http_new(a->source == METADATA ? &near : policy);
	a->project = env_get((const char *const[]){ "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", NULL });
	if (a->file.len != 0) {
		if (a->project == NULL)
			a->project = text_of(a, "project_id");
		a->quota_project = text_of(a, "quota_project_id");
	}
	return a;
}

void
google_auth_free(struct google_auth *a)
{
	if (a == NULL)
		return;
	if (a->http != NULL)
		http_free(a->http);
	scan_free(&a->scan);
	wipe_buf(&a->file);
	wipe_text(a->header);
	free(a->scope);
	free(a->path);
	free(a->project);
	free(a->quota_project);
	free(a);
}

/* ---- use ---- */

enum google_result
google_auth_header(struct google_auth *a, const char **header, struct buf *error)
{
	enum google_result st = GOOGLE_OK;

	if (a->header == NULL || when_mono() >= a->renew_at) {
		switch (a->source) {
		case READY:
			break;
		case SERVICE_ACCOUNT:
			st = ask_as_service(a, error);
			break;
		case USER:
			st = ask_as_user(a, error);
			break;
		case EXTERNAL:
			st = ask_as_workload(a, error);
			break;
		case METADATA:
			st = ask_metadata(a, error);
			break;
		}
	}
	*header = a->header;
	return st;
}

bool
google_auth_renew(struct google_auth *a)
{
	a->renew_at = a->source == READY ? a->renew_at : 0;
	return a->source != READY;
}

const char *
google_auth_project(const struct google_auth *a)
{
	return a->project;
}

const char *
google_auth_quota_project(const struct google_auth *a)
{
	return a->quota_project;
}
