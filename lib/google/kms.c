#include "google/kms.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/mem.h"
#include "crypt/base64.h"
#include "crypt/crc32c.h"
#include "crypt/key.h"
#include "google/auth.h"
#include "json/str.h"

#define DEFAULT_ENDPOINT "https://cloudkms.googleapis.com"
#define CHECKSUM_TRIES 3

struct kms {
	struct http *http;
	char	*endpoint;
	struct google_auth *auth;
};

/* One request; the judge takes the answer apart, because a wrong checksum is worth another try. */
struct call {
	const char *name;	/* of the key */
	bool	 encrypts;
	struct buf out;
	const char *wrong;	/* static text: why the last answer of status 200 was none */
};

/* ---- names, configuration ---- */

static const char *
name_part(const char *p, const char *what)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:";
	size_t len = strlen(what), n;

	if (strncmp(p, what, len) != 0 || p[len] == '.' || (n = strspn(p + len, chars)) == 0)
		return NULL;
	return p + len + n;
}

bool
kms_is_name(const char *name)
{
	const char *p = name_part(name, "projects/");

	if (p != NULL)
		p = name_part(p, "/locations/");
	if (p != NULL)
		p = name_part(p, "/keyRings/");
	if (p != NULL)
		p = name_part(p, "/cryptoKeys/");
	return p != NULL && *p == '\0' && strchr(strrchr(name, '/'), ':') == NULL;
}

struct kms *
kms_new(const struct http_policy *policy, struct buf *error)
{
	static const char *const endpoint[] = { "KMS_ENDPOINT", NULL };
	struct google_auth *auth = google_auth_new(policy, GOOGLE_SCOPE_ALL, error);
	struct kms *k;

	if (auth == NULL)
		return NULL;
	k = mem_zero(1, sizeof *k);
	k->auth = auth;
	if ((k->endpoint = env_get(endpoint)) == NULL)
		k->endpoint = mem_dup(DEFAULT_ENDPOINT, sizeof DEFAULT_ENDPOINT - 1);
	k->http = http_new(policy);
	return k;
}

void
kms_free(struct kms *k)
{
	if (k == NULL)
		return;
	http_free(k->http);
	free(k->endpoint);
	google_auth_free(k->auth);
	free(k);
}

/* ---- answers ---- */

/* Scan a copy of a body; false when it is no JSON object. */
static bool
scan_body(const struct buf *body, struct buf *copy, struct scan *s)
{
	buf_add(copy, body->p, body->len);
	return json_scan_answer(copy, s);
}

static struct span
member(const struct scan *s, const char *name)
{
	const struct member *m = scan_find(s, name, strlen(name));

	if (m == NULL)
		return (struct span){ "", 0 };
	return json_is_string(m->val) ? json_inside(m->val) : m->val;
}

static bool
is(struct span v, const char *want)
{
	return v.len == strlen(want) && memcmp(v.p, want, v.len) == 0;
}

static bool
get_bytes(struct span base64, struct buf *out)
{
	struct buf text = { 0 };
	bool ok;

	json_decode(base64, &text);	/* a slash may stand as "\/" */
	ok = text.len != 0 && base64_get(text.p, text.len, out);
	wipe_buf(&text);
	return ok;
}

static bool
checksum_fits(struct span crc, const struct buf *bytes)
{
	char want[16];

	snprintf(want, sizeof want, "%" PRIu32, crc32c(bytes->p, bytes->len));
	return is(crc, want);
}

/* What is wrong with an answer of status 200; NULL: nothing, and its bytes are in c->out. */
static const char *
take_answer(struct call *c, const struct scan *s)
{
	size_t n = strlen(c->name);
	struct span name = member(s, "name");

	if (!get_bytes(member(s, c->encrypts ? "ciphertext" : "plaintext"), &c->out))
		return "its answer is not complete";
	if (!checksum_fits(member(s, c->encrypts ? "ciphertextCrc32c" : "plaintextCrc32c"), &c->out))
		return "the checksum of its answer is wrong";
	if (!c->encrypts)
		return NULL;
	if (!is(member(s, "verifiedPlaintextCrc32c"), "true") || !is(member(s, "verifiedAdditionalAuthenticatedDataCrc32c"), "true"))
		return "it has not verified the checksums of the request";
	if (name.len <= n || memcmp(name.p, c->name, n) != 0 || name.p[n] != '/')
		return "it used another key";
	return NULL;
}

static enum http_verdict
judge(const struct http_request *rq, const struct http_response *r, int64_t *wait_ms)
{
	struct call *c = rq->arg;
	struct buf copy = { 0 };
	struct scan s = { 0 };
	enum http_verdict v = http_judge(rq, r, wait_ms);

	wipe_buf(&c->out);
	c->wrong = NULL;
	if (v == HTTP_DONE) {
		c->wrong = scan_body(&r->body, &copy, &s) ? take_answer(c, &s) : "its answer is not JSON";
		if (c->wrong != NULL)
			v = r->tries < CHECKSUM_TRIES ? HTTP_UNSURE : HTTP_FINAL;
	}
	scan_free(&s);
	wipe_buf(&copy);
	return v;
}

/* Google's form of an error: {"error":{"code":403,"message":"...","status":"PERMISSION_DENIED"}}. */
static void
explain(const struct call *c, const struct http_response *r, struct buf *error)
{
	struct buf copy = { 0 };
	struct scan s = { 0 };
	const struct member *e;
	struct span message, status = { "", 0 };
	size_t from = error->len;

	buf_addf(error, "KMS: %s: ", c->name);
	if (c->wrong != NULL) {
		buf_adds(error, c->wrong);
	} else if (r->status == 0) {
		buf_addf(error, "no answer: %s", r->error);
	} else if (scan_body(&r->body, &copy, &s) && (e = scan_find(&s, "error", 5)) != NULL &&
	    JSON_MEMBER(e->val, "message", &message) && json_is_string(message)) {
		if (JSON_MEMBER(e->val, "status", &status) && json_is_string(status))
			status = json_inside(status);
		buf_addf(error, "HTTP %ld %.*s: ", r->status, (int)(status.len < 60 ? status.len : 60), status.p);
		json_decode(json_inside(message), error);
	} else {
		buf_addf(error, "HTTP %ld, and not in its form %s", r->status, r->error);
	}
	buf_one_line(error, from);
	scan_free(&s);
	buf_free(&copy);
}

/* ---- calls ---- */

static void
put_bytes(const char *name, struct span v, struct buf *body)
{
	buf_addf(body, "\"%s\":\"", name);
	base64_put(v.p, v.len, body);
	buf_addf(body, "\",\"%sCrc32c\":\"%" PRIu32 "\"", name, crc32c(v.p, v.len));
}

/* With the token of the moment.  error was appended to where there is none. */
static enum http_result
perform(struct kms *k, struct http_request *rq, struct http_response *r, struct buf *error)
{
	const char *headers[] = { "Content-Type: application/json; charset=utf-8", NULL, NULL };
	enum http_result result;

	*r = (struct http_response){ 0 };
	if (google_auth_header(k->auth, &headers[1], error) != GOOGLE_OK)
		return HTTP_GAVE_UP;
	rq->headers = headers;
	result = http_perform(k->http, rq, r);
	rq->headers = NULL;
	return result;
}

static bool
call(struct kms *k, struct call *c, struct span in, struct span data, struct buf *out, struct buf *error)
{
	struct buf body = { 0 }, url = { 0 };
	struct http_request rq = {
		.what = c->encrypts ? "KMS encrypt" : "KMS decrypt", .repeatable = true, .max_body = 1u << 20,
		.judge = judge, .arg = c,
	};
	struct http_response r;
	enum http_result result;
	char *root = http_url(k->endpoint, "v1/");
	size_t said = error->len;

	buf_addf(&url, "%s%s:%s", root, c->name, c->encrypts ? "encrypt" : "decrypt");
	buf_addc(&body, '{');
	put_bytes(c->encrypts ? "plaintext" : "ciphertext", in, &body);
	buf_addc(&body, ',');
	put_bytes("additionalAuthenticatedData", data, &body);
	buf_addc(&body, '}');
	rq.url = buf_str(&url);
	rq.body = body.p;
	rq.body_len = body.len;
	result = perform(k, &rq, &r, error);
	if (r.status == 401 && google_auth_renew(k->auth)) {
		http_response_free(&r);
		result = perform(k, &rq, &r, error);
	}
	if (result == HTTP_OK)
		buf_add(out, c->out.p, c->out.len);
	else if (error->len == said)
		explain(c, &r, error);
	wipe_buf(&r.body);
	http_response_free(&r);
	wipe_buf(&c->out);
	wipe_buf(&body);
	buf_free(&url);
	free(root);
	return result == HTTP_OK;
}

bool
kms_encrypt(struct kms *k, const char *name, struct span plain, struct span data, struct buf *out, struct buf *error)
{
	struct call c = { .name = name, .encrypts = true };

	return call(k, &c, plain, data, out, error);
}

bool
kms_decrypt(struct kms *k, const char *name, struct span cipher, struct span data, struct buf *out, struct buf *error)
{
	struct call c = { .name = name };

	return call(k, &c, cipher, data, out, error);
}
