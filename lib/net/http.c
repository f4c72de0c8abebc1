#include "net/http.h"

#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "base/env.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/rnd.h"
#include "base/sig.h"
#include "base/when.h"

#define CONNECT_MS	10000
#define BACKOFF_MS	500		/* doubled by each try ... */
#define BACKOFF_MAX_MS	60000		/* ... up to here */
#define TELL_MS		5000		/* a wait from here on is told also without -v */
#define NO_TIMEOUT_MS	(INT64_C(1000) * 3600 * 24 * 365)
#define BROKEN_RETRIES	3
#define REDIRECTS	5
#define BEGINNING	((size_t)120)	/* of a body that is not what was expected */
#define MAX_BODY	((size_t)64 << 20)
#define MAX_ERROR_BODY	((size_t)64 << 10)
#define MAX_HEADERS	((size_t)256 << 10)
#define INFLATE_BYTES	(64u << 10)
#define RECEIVE_BYTES	(256L << 10)

struct http {
	struct http_policy policy;
	CURLM	*multi;
	CURL	*easy;
	char	*ca_file;
	void	(*idle)(void *arg);
	void	*idle_arg;
};

/* What the callbacks of one try share. */
struct try {
	struct http *h;
	struct http_request *rq;
	struct http_response *r;
	z_stream z;
	unsigned char *plain;	/* INFLATE_BYTES, when gzip is on */
	bool	 began;		/* the first byte of a body was seen */
	bool	 to_sink, gzip, gzip_ended;
	enum http_sink said;	/* what ended the transfer, if not HTTP_MORE */
	bool	 too_large, bad_encoding, stalled, too_long;
};

static void
initialise(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http *
http_new(const struct http_policy *policy)
{
	static const char *const ca_names[] = { "LLMUTILS_CA_FILE", NULL };
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http *h = mem_zero(1, sizeof *h);

	pthread_once(&once, initialise);
	h->policy = *policy;
	if (h->policy.timeout_ms <= 0)
		h->policy.timeout_ms = NO_TIMEOUT_MS;
	h->multi = curl_multi_init();
	h->easy = curl_easy_init();
	h->ca_file = env_get(ca_names);
	if (h->multi == NULL || h->easy == NULL)
		mem_none();
	return h;
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	free(h->ca_file);
	free(h);
}

void
http_on_idle(struct http *h, void (*idle)(void *arg), void *arg)
{
	h->idle = idle;
	h->idle_arg = arg;
}

void
http_response_free(struct http_response *r)
{
	buf_free(&r->body);
	buf_free(&r->headers);
}

/* Headers are kept as "Name: value\0" one after the other. */
const char *
http_header(const struct http_response *r, const char *name)
{
	size_t n = strlen(name);
	const char *p = r->headers.p, *end = p == NULL ? NULL : p + r->headers.len;

	for (; p < end; p += strlen(p) + 1)
		if (strncasecmp(p, name, n) == 0 && p[n] == ':')
			return p + n + 1 + strspn(p + n + 1, " \t");
	return NULL;
}

char *
http_url(const char *base, const char *path)
{
	size_t n = strlen(base);
	struct buf b = { 0 };

	while (n > 0 && base[n - 1] == '/')
		n--;
	buf_add(&b, base, n);
	buf_addc(&b, '/');
	buf_adds(&b, path + strspn(path, "/"));
	(void)buf_str(&b);
	return b.p;
}

void
http_escape(struct buf *b, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c) != NULL) {
			buf_addc(b, (char)c);
		} else {
			char e[3] = { '%', hex[c >> 4], hex[c & 15] };

			buf_add(b, e, sizeof e);
		}
	}
}

void
http_put_param(struct buf *b, const char *name, const char *value)
{
	if (b->len != 0)
		buf_addc(b, '&');
	buf_adds(b, name);
	buf_addc(b, '=');
	http_escape(b, value);
}

enum http_verdict
http_judge(const struct http_request *rq, const struct http_response *r, int64_t *wait_ms)
{
	(void)rq;
	(void)wait_ms;
	if (r->status >= 200 && r->status < 300)
		return HTTP_DONE;
	if (r->status == 429)
		return HTTP_LATER;
	return r->status == 408 || r->status == 425 || r->status >= 500 ? HTTP_UNSURE : HTTP_FINAL;
}

/* How long the answer asks us to wait, in ms, or -1. */
static int64_t
asked_wait(const struct http_response *r)
{
	const char *ms = http_header(r, "retry-after-ms"), *after = http_header(r, "retry-after");
	char *end;
	double n;

	for (int i = 0; i < 2; i++) {
		const char *v = i == 0 ? ms : after;

		if (v == NULL || *v < '0' || *v > '9')
			continue;
		n = strtod(v, &end);
		if (*end == '\0')
			return (int64_t)((n < 1e12 ? n : 1e12) * (i == 0 ? 1 : 1000));
	}
	if (after != NULL) {
		time_t t = curl_getdate(after, NULL);
		int64_t left = (int64_t)t * 1000 - when_now();

		if (t != -1)
			return left > 0 ? left : 0;
	}
	return -1;
}

/* The URL for messages: without user, query and fragment. */
static void
show_url(struct buf *b, const char *url)
{
	const char *host = strstr(url, "://"), *at;
	size_t n = strcspn(url, "?#"), authority;

	if (host != NULL && (size_t)(host - url) < n) {
		host += 3;
		authority = strcspn(host, "/?#");
		at = memrchr(host, '@', authority);
		buf_add(b, url, (size_t)(host - url));
		if (at != NULL) {
			n -= (size_t)(at + 1 - url);
			url = at + 1;
		} else {
			n -= (size_t)(host - url);
			url = host;
		}
	}
	buf_add(b, url, n);
	if (url[n] == '?')
		buf_adds(b, "?...");
	(void)buf_str(b);
}

static const char *
method_of(const struct http_request *rq)
{
	return rq->method != NULL ? rq->method : rq->body != NULL ? "POST" : "GET";
}

static bool
is_get(const struct http_request *rq)
{
	return strcmp(method_of(rq), "GET") == 0;
}

/* ---- what arrives ---- */

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct try *t = arg;
	size_t len = n * size;

	if (len >= 5 && memcmp(p, "HTTP/", 5) == 0)
		buf_clear(&t->r->headers);	/* a new block: after 100 Continue, say */
	while (len > 0 && strchr("\r\n \t", p[len - 1]) != NULL)
		len--;
	if (len > 0 && memchr(p, '\0', len) == NULL && len < MAX_HEADERS - t->r->headers.len) {
		buf_add(&t->r->headers, p, len);
		buf_addc(&t->r->headers, '\0');
	}
	return n * size;
}

static bool
gzip_start(struct try *t)
{
	const char *e = http_header(t->r, "content-encoding");

	if (e == NULL || strcasecmp(e, "identity") == 0 || *e == '\0')
		return true;
	if (strcasecmp(e, "gzip") != 0 && strcasecmp(e, "x-gzip") != 0)
		return false;
	if (inflateInit2(&t->z, 15 + 16) != Z_OK)
		return false;
	t->plain = mem_alloc(INFLATE_BYTES);
	t->gzip = true;
	return true;
}

static void
body_start(struct try *t)
{
	if (t->began)
		return;
	t->began = true;
	curl_easy_getinfo(t->h->easy, CURLINFO_RESPONSE_CODE, &t->r->status);
	t->to_sink = t->rq->sink != NULL && t->r->status >= 200 && t->r->status < 300;
	t->r->body.max = t->rq->max_body != 0 ? t->rq->max_body : MAX_BODY;
	if (t->rq->sink != NULL)
		t->r->body.max = MAX_ERROR_BODY;
	t->bad_encoding = !gzip_start(t);
}

/* Decoded bytes of the body.  False: end the transfer. */
static bool
take(struct try *t, const char *p, size_t len)
{
	if (len == 0)
		return true;
	if (t->to_sink) {
		t->said = t->rq->sink(t->rq, p, len);
		return t->said == HTTP_MORE;
	}
	if (t->rq->sink != NULL && len > t->r->body.max - t->r->body.len)
		len = t->r->body.max - t->r->body.len;
	buf_add(&t->r->body, p, len);
	t->too_large = t->r->body.full;
	return !t->too_large;
}

static bool
take_gzip(struct try *t, char *p, size_t len)
{
	t->z.next_in = (unsigned char *)p;
	t->z.avail_in = (unsigned)len;		/* libcurl's blocks are small */
	do {
		int e;

		if (t->gzip_ended && t->z.avail_in > 0) {	/* a further member, RFC 1952 2.2 */
			if (inflateReset(&t->z) != Z_OK)
				return false;
			t->gzip_ended = false;
		}
		t->z.next_out = t->plain;
		t->z.avail_out = INFLATE_BYTES;
		e = inflate(&t->z, Z_NO_FLUSH);
		t->gzip_ended = e == Z_STREAM_END;
		if (e != Z_OK && e != Z_STREAM_END && e != Z_BUF_ERROR) {
			t->bad_encoding = true;
			return false;
		}
		if (!take(t, (const char *)t->plain, INFLATE_BYTES - t->z.avail_out))
			return false;
	} while (t->z.avail_in > 0 || t->z.avail_out == 0);
	return true;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct try *t = arg;

	body_start(t);
	if (t->bad_encoding || !(t->gzip ? take_gzip(t, p, n * size) : take(t, p, n * size)))
		return 0;
	return n * size;
}

/* ---- one try ---- */

/* A new request on the old connections. */
static void
prepare(struct try *t, const char *url, struct curl_slist *headers)
{
	CURL *c = t->h->easy;
	struct http_request *rq = t->rq;

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->r->error);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, rq->direct ? "" : NULL);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "llmutils/" VERSION);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(t->h->policy.timeout_ms < CONNECT_MS ? t->h->policy.timeout_ms : CONNECT_MS));
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	if (t->h->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, t->h->ca_file);
	/* libcurl resends by itself what failed on a connection used before; not where that matters. */
	if (rq->count_tries || (!rq->repeatable && !is_get(rq)))
		curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	if (rq->body != NULL || !is_get(rq)) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body_len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, rq->body != NULL ? rq->body : "");
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method_of(rq));
}

static struct curl_slist *
header_list(const struct http_request *rq, bool own_host)
{
	struct curl_slist *list = NULL;

	/* Decoded here, not by libcurl, which takes a gzip stream that just stops for a whole one. */
	list = curl_slist_append(list, "Accept-Encoding: gzip");
	list = curl_slist_append(list, "Expect:");
	if (rq->headers != NULL && own_host)
		for (const char *const *p = rq->headers; *p != NULL; p++)
			list = curl_slist_append(list, *p);
	return list;
}

/* Bytes so far, up, down and headers: any change is a sign of life. */
static curl_off_t
traffic(CURL *c)
{
	curl_off_t up = 0, down = 0;
	long headers = 0, request = 0;

	curl_easy_getinfo(c, CURLINFO_SIZE_UPLOAD_T, &up);
	curl_easy_getinfo(c, CURLINFO_SIZE_DOWNLOAD_T, &down);
	curl_easy_getinfo(c, CURLINFO_HEADER_SIZE, &headers);
	curl_easy_getinfo(c, CURLINFO_REQUEST_SIZE, &request);
	return up + down + headers + request;
}

static void
wait_traffic(struct http *h, int64_t ms)
{
	struct curl_waitfd extra = { .fd = sig_fd(), .events = CURL_WAIT_POLLIN };
	unsigned n_extra = extra.fd != -1;
	int ready = 0;

	if (h->idle != NULL) {
		if (curl_multi_poll(h->multi, &extra, n_extra, 0, &ready) != CURLM_OK || ready > 0)
			return;
		h->idle(h->idle_arg);
	}
	curl_multi_poll(h->multi, &extra, n_extra, (int)(ms < 1000 ? ms : 1000), &ready);
}

/* Run the transfer that was added to h->multi.  CURLE_ABORTED_BY_CALLBACK: a signal. */
static CURLcode
run(struct try *t)
{
	struct http *h = t->h;
	int64_t start = when_mono(), alive = start, now, left_ms;
	curl_off_t seen = 0;

	for (;;) {
		int running = 0, left;
		CURLMsg *m;
		curl_off_t n;

		if (curl_multi_perform(h->multi, &running) != CURLM_OK)
			return CURLE_FAILED_INIT;
		if (running == 0) {
			while ((m = curl_multi_info_read(h->multi, &left)) != NULL)
				if (m->msg == CURLMSG_DONE)
					return m->data.result;
			return CURLE_FAILED_INIT;
		}
		if (sig_caught() != 0)
			return CURLE_ABORTED_BY_CALLBACK;
		if ((n = traffic(h->easy)) != seen) {
			seen = n;
			alive = when_mono();
		}
		now = when_mono();
		if (t->rq->total_ms > 0 && now - start >= t->rq->total_ms)
			t->too_long = true;
		else if (now - alive >= h->policy.timeout_ms)
			t->stalled = true;
		if (t->too_long || t->stalled)
			return CURLE_OPERATION_TIMEDOUT;
		left_ms = h->policy.timeout_ms - (now - alive) + 1;
		if (t->rq->total_ms > 0 && start + t->rq->total_ms - now < left_ms)
			left_ms = start + t->rq->total_ms - now + 1;
		wait_traffic(h, left_ms);
	}
}

static CURLcode
transfer(struct try *t, const char *url, bool own_host)
{
	struct curl_slist *headers = header_list(t->rq, own_host);
	int64_t start = when_mono();
	CURLcode code;

	prepare(t, url, headers);
	code = curl_multi_add_handle(t->h->multi, t->h->easy) == CURLM_OK ? run(t) : CURLE_FAILED_INIT;
	curl_easy_getinfo(t->h->easy, CURLINFO_RESPONSE_CODE, &t->r->status);
	t->r->bytes = (int64_t)traffic(t->h->easy);
	t->r->ms = when_mono() - start;
	curl_multi_remove_handle(t->h->multi, t->h->easy);
	curl_slist_free_all(headers);
	if (code == CURLE_OK)
		body_start(t);		/* an empty body counts too */
	return code;
}

/*
 * Where a redirect of url leads: new memory (curl_free), or NULL when it is not to be followed.
 * *own_host stays true while scheme, host and port are the same.
 */
static char *
redirect(const struct http_response *r, const char *url, bool *own_host)
{
	static const CURLUPart part[] = { CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT };
	const char *to = http_header(r, "location");
	CURLU *a = curl_url(), *b = curl_url();
	char *next = NULL;

	if (to == NULL || a == NULL || b == NULL)
		goto out;
	if (curl_url_set(a, CURLUPART_URL, url, 0) != CURLUE_OK || curl_url_set(b, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_set(b, CURLUPART_URL, to, 0) != CURLUE_OK)
		goto out;
	for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
		char *x = NULL, *y = NULL;

		curl_url_get(a, part[i], &x, CURLU_DEFAULT_PORT);
		curl_url_get(b, part[i], &y, CURLU_DEFAULT_PORT);
		if (x == NULL || y == NULL || strcasecmp(x, y) != 0)
			*own_host = false;
		curl_free(x);
		curl_free(y);
	}
	if (curl_url_get(b, CURLUPART_URL, &next, 0) != CURLUE_OK)
		next = NULL;
	/* Never from https down to http. */
	if (next != NULL && strncasecmp(url, "https:", 6) == 0 && strncasecmp(next, "https:", 6) != 0) {
		curl_free(next);
		next = NULL;
	}
out:
	curl_url_cleanup(a);
	curl_url_cleanup(b);
	return next;
}

static void
try_reset(struct try *t)
{
	if (t->gzip)
		inflateEnd(&t->z);
	free(t->plain);
	*t = (struct try){ .h = t->h, .rq = t->rq, .r = t->r };
	t->r->status = 0;
	t->r->timed_out = false;
	t->r->error[0] = '\0';
	buf_clear(&t->r->body);
	buf_clear(&t->r->headers);
}

static bool
is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static CURLcode
transfer_redirected(struct try *t)
{
	bool own_host = true;
	char *url = NULL;
	CURLcode code = transfer(t, t->rq->url, true);

	for (int i = 0; i < REDIRECTS && code == CURLE_OK && is_get(t->rq) && is_redirect(t->r->status); i++) {
		char *next = redirect(t->r, url != NULL ? url : t->rq->url, &own_host);

		if (next == NULL)
			break;
		curl_free(url);
		url = next;
		try_reset(t);
		code = transfer(t, url, own_host);
	}
	curl_free(url);
	return code;
}

static void
tell(const struct http_request *rq, const struct http_response *r)
{
	struct buf url = { 0 };

	if (msg_level < MSG_VERBOSE)
		return;
	if (rq->hide_url)
		buf_adds(&url, rq->what != NULL ? rq->what : "(hidden)");
	else
		show_url(&url, rq->url);
	(void)buf_str(&url);
	if (r->status != 0)
		verbose("%s %s: %ld, %lld ms, %lld bytes%s%s", method_of(rq), url.p, r->status, (long long)r->ms,
		    (long long)r->bytes, r->error[0] != '\0' ? ": " : "", r->error);
	else
		verbose("%s %s: no answer, %lld ms: %s", method_of(rq), url.p, (long long)r->ms, r->error);
	buf_free(&url);
}

static void
set_error(struct http_response *r, const char *text)
{
	snprintf(r->error, sizeof r->error, "%s", text);
}

/* What no second try can change. */
static bool
hopeless(CURLcode code)
{
	return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_PEER_FAILED_VERIFICATION ||
	    code == CURLE_SSL_CACERT_BADFILE || code == CURLE_FAILED_INIT || code == CURLE_TOO_MANY_REDIRECTS;
}

/* After a transfer that failed: what it means. */
static enum http_verdict
network_failure(struct try *t, CURLcode code)
{
	long sent = 0;

	t->r->timed_out = t->stalled || t->too_long;
	if (t->too_long)
		snprintf(t->r->error, sizeof t->r->error, "it took longer than %.3g s", (double)t->rq->total_ms / 1e3);
	else if (t->stalled)
		snprintf(t->r->error, sizeof t->r->error, "nothing came for %.3g s", (double)t->h->policy.timeout_ms / 1e3);
	else if (t->r->error[0] == '\0')
		set_error(t->r, curl_easy_strerror(code));
	if (hopeless(code))
		return HTTP_FINAL;
	curl_easy_getinfo(t->h->easy, CURLINFO_REQUEST_SIZE, &sent);
	return sent == 0 ? HTTP_LATER : HTTP_UNSURE;
}

enum outcome { ANSWERED, NETWORK, SINK_BROKEN, SINK_USELESS, INTERRUPTED };

/* One try; *v and *wait_ms are what to do about it. */
static enum outcome
try_once(struct try *t, enum http_verdict *v, int64_t *wait_ms)
{
	CURLcode code = transfer_redirected(t);

	*wait_ms = -1;
	*v = HTTP_FINAL;
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return INTERRUPTED;
	if (t->said == HTTP_ENOUGH)
		code = CURLE_OK;
	else if (t->said == HTTP_MORE && code == CURLE_OK && t->to_sink) {
		if (t->gzip && !t->gzip_ended)
			t->bad_encoding = true;
		else
			t->said = t->rq->sink(t->rq, NULL, 0);
	} else if (code == CURLE_OK && t->gzip && !t->gzip_ended)
		t->bad_encoding = true;
	if (t->said == HTTP_USELESS || t->too_large) {
		t->r->error[0] = '\0';
		if (t->too_large)
			snprintf(t->r->error, sizeof t->r->error, "the answer is larger than %zu bytes", t->r->body.max);
		return SINK_USELESS;
	}
	if (t->said == HTTP_BROKEN) {
		set_error(t->r, "not the answer of this API (is there a proxy in between?)");
		*v = HTTP_UNSURE;
		return SINK_BROKEN;
	}
	if (t->bad_encoding) {
		set_error(t->r, t->gzip ? "the compressed answer is damaged or cut short" : "the answer is in a coding that was not asked for");
		*v = HTTP_UNSURE;
		return NETWORK;
	}
	if (code != CURLE_OK) {
		*v = network_failure(t, code);
		return NETWORK;
	}
	t->r->error[0] = '\0';
	*wait_ms = asked_wait(t->r);
	if (t->to_sink)
		*v = HTTP_DONE;
	else
		*v = (t->rq->judge != NULL ? t->rq->judge : http_judge)(t->rq, t->r, wait_ms);
	return ANSWERED;
}

/* ---- retries ---- */

void
http_put_beginning(const struct http_response *r, struct buf *out)
{
	size_t from = out->len;

	if (r->body.len == 0)
		return;
	buf_adds(out, ": ");
	buf_add(out, r->body.p, r->body.len < BEGINNING ? r->body.len : BEGINNING);
	buf_one_line(out, from);
}

bool
http_pause(struct http *h, int64_t ms)
{
	int64_t end = when_mono() + ms;

	if (h->idle != NULL)
		h->idle(h->idle_arg);
	while (sig_caught() == 0) {
		int64_t left = end - when_mono();
		struct pollfd p = { .fd = sig_fd(), .events = POLLIN };

		if (left <= 0)
			return true;
		(void)poll(&p, 1, (int)(left < 60000 ? left : 60000));
	}
	return false;
}

/* Full jitter: anywhere between 0 and the doubled step. */
static int64_t
backoff(int tries)
{
	int64_t step = tries > 20 ? BACKOFF_MAX_MS : (int64_t)BACKOFF_MS << (tries - 1);

	return (int64_t)rnd_below((uint64_t)(step < BACKOFF_MAX_MS ? step : BACKOFF_MAX_MS) + 1);
}

static void
tell_wait(const struct http *h, const struct http_request *rq, const struct http_response *r, int64_t wait_ms)
{
	struct buf b = { 0 };

	if (rq->what != NULL || rq->hide_url)
		buf_adds(&b, rq->what != NULL ? rq->what : "(hidden)");
	else
		show_url(&b, rq->url);
	if (r->status != 0)
		buf_addf(&b, ": %ld", r->status);
	if (r->error[0] != '\0')
		buf_addf(&b, ": %s", r->error);
	buf_addf(&b, ": waiting %.1f s (try %d of %lld)", (double)wait_ms / 1e3, r->tries + 1,
	    (long long)h->policy.max_retries + 1);
	(wait_ms >= TELL_MS ? note : verbose)("%s", buf_str(&b));
	buf_free(&b);
}

static bool
may_repeat(const struct http_request *rq, enum http_verdict v)
{
	return v == HTTP_LATER || (v == HTTP_UNSURE && (rq->repeatable || is_get(rq)));
}

static enum http_result
settled(enum outcome how, enum http_verdict v)
{
	switch (how) {
	case ANSWERED:
		return v == HTTP_DONE ? HTTP_OK : v == HTTP_FINAL ? HTTP_REFUSED : HTTP_GAVE_UP;
	case NETWORK:
		return HTTP_GAVE_UP;
	case SINK_BROKEN:
	case SINK_USELESS:
		return HTTP_BAD;
	case INTERRUPTED:
		return HTTP_INTERRUPTED;
	}
	return HTTP_GAVE_UP;
}

enum http_result
http_perform(struct http *h, struct http_request *rq, struct http_response *r)
{
	struct try t = { .h = h, .rq = rq, .r = r };
	int64_t failing = -1, wait_ms, jitter;
	int broken = 0;
	enum outcome how;
	enum http_verdict v = HTTP_FINAL;

	memset(r, 0, sizeof *r);
	for (;;) {
		if (sig_caught() != 0) {
			how = INTERRUPTED;
			break;
		}
		if (rq->begin != NULL)
			rq->begin(rq, r->tries == 0 ? NULL : r);
		try_reset(&t);
		how = try_once(&t, &v, &wait_ms);
		r->tries++;
		tell(rq, r);
		if (v == HTTP_UNSURE || how == INTERRUPTED || how == SINK_USELESS)
			r->unknown = true;
		if (how == INTERRUPTED || !may_repeat(rq, v) || r->tries > h->policy.max_retries)
			break;
		if (how == SINK_BROKEN && ++broken > BROKEN_RETRIES)
			break;
		if (failing == -1)
			failing = when_mono();
		jitter = backoff(r->tries);
		if (wait_ms < jitter)
			wait_ms = jitter;
		if (when_mono() - failing + wait_ms > h->policy.retry_time_ms)
			break;
		tell_wait(h, rq, r, wait_ms);
		if (!http_pause(h, wait_ms)) {
			how = INTERRUPTED;
			break;
		}
	}
	if (t.gzip)
		inflateEnd(&t.z);
	free(t.plain);
	if (how == ANSWERED && v == HTTP_DONE)
		r->unknown = false;
	return settled(how, v);
}
