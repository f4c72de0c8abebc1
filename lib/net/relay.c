#include "net/relay.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/env.h"
#include "base/mem.h"
#include "base/when.h"

#define CONNECT_MS	10000L
#define SILENT_S	3600L		/* the client decides how long it waits; this is for one that is lost without a word */
#define IDLE_S		30L		/* a connection that rested longer may be closed at the other end: take a new one */
#define LOOK_MS		100		/* how often left is asked */
#define MAX_HEADERS	((size_t)64 << 10)

/* A connection and what drives it, for one call at a time. */
struct line {
	struct line *next;
	CURLM	*multi;
	CURL	*easy;
};

struct relays {
	pthread_mutex_t lock;
	struct line *idle;	/* the last used first: its connection is the freshest */
	char	*ca_file;
};

struct relays *
relays_new(void)
{
	struct relays *s = mem_zero(1, sizeof *s);

	curl_global_init(CURL_GLOBAL_DEFAULT);
	pthread_mutex_init(&s->lock, NULL);
	s->ca_file = env_get((const char *const[]){ "LLMUTILS_CA_FILE", NULL });
	return s;
}

static void
close_line(struct line *l)
{
	curl_easy_cleanup(l->easy);
	curl_multi_cleanup(l->multi);
	free(l);
}

void
relays_free(struct relays *s)
{
	struct line *next;

	if (s == NULL)
		return;
	for (struct line *l = s->idle; l != NULL; l = next) {
		next = l->next;
		close_line(l);
	}
	pthread_mutex_destroy(&s->lock);
	free(s->ca_file);
	free(s);
}

static struct line *
take_line(struct relays *s)
{
	struct line *l;

	pthread_mutex_lock(&s->lock);
	l = s->idle;
	if (l != NULL)
		s->idle = l->next;
	pthread_mutex_unlock(&s->lock);
	if (l != NULL)
		return l;
	l = mem_zero(1, sizeof *l);
	l->multi = curl_multi_init();
	l->easy = curl_easy_init();
	if (l->multi == NULL || l->easy == NULL)
		mem_none();
	return l;
}

static void
give_line(struct relays *s, struct line *l)
{
	pthread_mutex_lock(&s->lock);
	l->next = s->idle;
	s->idle = l;
	pthread_mutex_unlock(&s->lock);
}

/* ---- headers ---- */

/* Is the name one of a list with commas? */
static bool
is_listed(const char *list, const char *name)
{
	size_t len = strlen(name), n;

	for (const char *p = list; *p != '\0'; p += n) {
		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		if (n == len && strncasecmp(p, name, n) == 0)
			return true;
	}
	return false;
}

bool
relay_passes(const char *name, const char *connection)
{
	static const char *const hop[] = { "Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Content-Length",
	    "Expect" };

	for (size_t i = 0; i < sizeof hop / sizeof *hop; i++)
		if (strcasecmp(name, hop[i]) == 0)
			return false;
	return strncasecmp(name, "Proxy-", 6) != 0 && !is_listed(connection, name);
}

const char *
relay_header(const struct relay *r, const char *name)
{
	size_t n = strlen(name);
	const char *p = r->answer.p, *end = p == NULL ? NULL : p + r->answer.len;

	for (; p < end; p += strlen(p) + 1)
		if (strncasecmp(p, name, n) == 0 && p[n] == ':')
			return p + n + 2;
	return NULL;
}

/* ---- one call ---- */

struct run {
	struct relay *r;
	struct line *l;
	struct buf head;	/* "Name: value\0" of the block that is being read */
	struct buf connection;
	int64_t	 begun;
	unsigned sent;		/* times */
	bool	 began, enough;	/* the head was given; somebody did not want more */
};

/* The final head is complete: what of it concerns the client. */
static void
sort_head(struct run *u)
{
	struct relay *r = u->r;
	const char *end = u->head.p + u->head.len;

	for (const char *p = u->head.p; p < end; p += strlen(p) + 1)
		if (strncasecmp(p, "Connection: ", 12) == 0)
			buf_addf(&u->connection, "%s,", p + 12);
	for (const char *p = u->head.p; p < end; p += strlen(p) + 1) {
		size_t n = strcspn(p, ":");
		char name[128];

		if (n == 0 || n >= sizeof name)
			continue;
		memcpy(name, p, n);
		name[n] = '\0';
		if (relay_passes(name, u->connection.len == 0 ? "" : buf_str(&u->connection)))
			buf_add(&r->answer, p, strlen(p) + 1);
	}
}

static bool
begin(struct run *u)
{
	struct relay *r = u->r;
	long status = 0;
	curl_off_t length = -1;

	curl_easy_getinfo(u->l->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200) {	/* an interim one */
		buf_clear(&u->head);
		return true;
	}
	curl_easy_getinfo(u->l->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	r->status = (unsigned)status;
	r->length = length;
	sort_head(u);
	u->began = true;
	u->enough = !r->head(r);
	return !u->enough;
}

/* A line of a head; libcurl has joined folded ones. */
static void
keep_header(struct run *u, const char *p, size_t len)
{
	const char *colon = memchr(p, ':', len);
	size_t n = colon == NULL ? 0 : (size_t)(colon - p);

	if (n == 0 || memchr(p, '\0', len) != NULL || u->head.len + len > MAX_HEADERS)
		return;
	for (len -= n + 1, colon++; len > 0 && (*colon == ' ' || *colon == '\t'); len--)
		colon++;
	while (len > 0 && (colon[len - 1] == ' ' || colon[len - 1] == '\t'))
		len--;
	buf_add(&u->head, p, n);
	buf_adds(&u->head, ": ");
	buf_add(&u->head, colon, len);
	buf_addc(&u->head, '\0');
}

static size_t
on_header(char *p, size_t one, size_t len, void *arg)
{
	struct run *u = arg;
	size_t n = len * one;

	while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == '\n'))
		n--;
	if (u->began)
		return len * one;	/* trailers do not pass */
	if (n == 0)
		return begin(u) ? len * one : 0;
	if (strncmp(p, "HTTP/", 5) == 0 && memchr(p, ':', n) == NULL)
		buf_clear(&u->head);
	else
		keep_header(u, p, n);
	return len * one;
}

static size_t
on_body(char *p, size_t one, size_t len, void *arg)
{
	struct run *u = arg;

	if (u->r->first_ms < 0)
		u->r->first_ms = when_mono() - u->begun;
	u->enough = !u->r->piece(u->r, p, len * one);
	return u->enough ? 0 : len * one;
}

#if LIBCURL_VERSION_NUM >= 0x075000
/*
 * libcurl would send once more what failed on a connection that it has used before; a completion that costs money, or has an effect,
 * is for the client to repeat.
 */
static int
on_send(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct run *u = arg;
	const char *m = u->r->method;

	(void)ip, (void)local_ip, (void)port, (void)local_port;
	return ++u->sent > 1 && strcmp(m, "GET") != 0 && strcmp(m, "HEAD") != 0 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}
#endif

/* "Name;" is libcurl's way to say a header without a value, "Name:" its way to leave one out that it would add. */
static struct curl_slist *
header_list(const struct relay *r)
{
	static const char *const own[] = { "Accept:", "Content-Type:", "User-Agent:" };
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	struct buf bare = { 0 };

	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		bool there = false;

		for (const char *const *h = r->headers; *h != NULL && !there; h++)
			there = strncasecmp(*h, own[i], strlen(own[i])) == 0;
		if (!there)
			list = curl_slist_append(list, own[i]);
	}
	for (const char *const *h = r->headers; *h != NULL; h++) {
		size_t n = strcspn(*h, ":");

		if ((*h)[n] == ':' && (*h)[n + 1 + strspn(*h + n + 1, " ")] == '\0') {
			buf_clear(&bare);
			buf_add(&bare, *h, n);
			buf_addc(&bare, ';');
			list = curl_slist_append(list, buf_str(&bare));
		} else {
			list = curl_slist_append(list, *h);
		}
	}
	buf_free(&bare);
	return list;
}

static void
set_method(CURL *c, const struct relay *r)
{
	if (strcmp(r->method, "HEAD") == 0) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
		return;
	}
	if (r->body_len > 0 || strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "PATCH") == 0) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body_len > 0 ? r->body : "");
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
}

static void
prepare(struct relays *s, struct run *u, struct curl_slist *headers)
{
	CURL *c = u->l->easy;

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, u->r->url);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075000
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_send);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, u);
#else
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
#endif
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, u->r->error);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SILENT_S);
	curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, IDLE_S);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, u);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, u);
	if (s->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, s->ca_file);
	set_method(c, u->r);
}

/* Until the transfer is over, or nobody waits for it. */
static CURLcode
drive(struct run *u)
{
	CURLM *m = u->l->multi;

	for (;;) {
		int running = 0, left = 0, ready;
		CURLMsg *done;

		if (u->r->left(u->r)) {	/* maybe before anything was sent */
			u->enough = true;
#if LIBCURL_VERSION_NUM >= 0x075700
			curl_easy_setopt(u->l->easy, CURLOPT_QUICK_EXIT, 1L);	/* do not wait for the resolver */
#endif
			return CURLE_ABORTED_BY_CALLBACK;
		}
		if (curl_multi_perform(m, &running) != CURLM_OK)
			return CURLE_FAILED_INIT;
		while ((done = curl_multi_info_read(m, &left)) != NULL)
			if (done->msg == CURLMSG_DONE)
				return done->data.result;
		if (running == 0)
			return CURLE_FAILED_INIT;
		curl_multi_poll(m, NULL, 0, LOOK_MS, &ready);
	}
}

static enum relay_end
ending(const struct run *u, CURLcode code)
{
	struct relay *r = u->r;

	if (u->enough)
		return RELAY_LEFT;
	if (code == CURLE_OK && u->began)
		return RELAY_WHOLE;
	if (code == CURLE_ABORTED_BY_CALLBACK)
		snprintf(r->error, sizeof r->error, "the connection was lost before an answer came");
	else if (r->error[0] == '\0')
		snprintf(r->error, sizeof r->error, "%s", code == CURLE_OK ? "no answer" : curl_easy_strerror(code));
	return code == CURLE_OPERATION_TIMEDOUT ? RELAY_LATE : RELAY_BROKEN;
}

enum relay_end
relay_run(struct relays *s, struct relay *r)
{
	struct run u = { .r = r, .l = take_line(s), .begun = when_mono() };
	struct curl_slist *headers = header_list(r);
	CURLcode code;

	r->status = 0;
	r->length = r->first_ms = -1;
	r->error[0] = '\0';
	prepare(s, &u, headers);
	code = curl_multi_add_handle(u.l->multi, u.l->easy) == CURLM_OK ? drive(&u) : CURLE_FAILED_INIT;
	curl_multi_remove_handle(u.l->multi, u.l->easy);	/* ends what is not over */
	r->ms = when_mono() - u.begun;
	curl_easy_setopt(u.l->easy, CURLOPT_ERRORBUFFER, NULL);
	curl_slist_free_all(headers);
	buf_free(&u.head);
	buf_free(&u.connection);
	/*
	 * Over HTTP/2, what was given up would leave its connection open, and the other side might go on: it must see the end of it.
	 */
	if (code == CURLE_OK)
		give_line(s, u.l);
	else
		close_line(u.l);
	return ending(&u, code);
}
