/*
 * http.h - one HTTP request at a time, with retries (libcurl).
 *
 * A struct http keeps its connections open between requests.  It offers HTTP/2
 * and gzip, verifies TLS always (LLMUTILS_CA_FILE names a private CA), obeys the
 * proxy variables, speaks nothing but http and https, and ends at once when a signal asks
 * to stop (sig.h).  A tool that uses it calls sig_ignore_pipe first.
 *
 * Retried: network errors, bodies cut short, 408, 425, 429, 5xx, and what a
 * service's judge calls worth it; with exponential backoff and full jitter, never
 * earlier than the service asks (Retry-After, retry-after-ms).  A request that is not
 * repeatable is sent again only where it was certainly not carried out.
 *
 * Told on stderr: with -v one line per answer, without headers, query string
 * and body, which hold the secrets; and each wait, from 5 s on also without -v.
 *
 * HTTP semantics: RFC 9110; the backoff: "Exponential Backoff And Jitter", AWS.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct http_policy {
	int64_t	 max_retries;	/* after the first try */
	int64_t	 retry_time_ms;	/* from the first failure */
	int64_t	 timeout_ms;	/* without a byte in either direction; to connect at most 10 s of it; 0: none */
};

#define HTTP_POLICY { .max_retries = 8, .retry_time_ms = 300000, .timeout_ms = 120000 }

/* The entries of a tool's option table (opt.h); p is the address of a static policy. */
#define OPT_HTTP(p) \
	OPT_NUMBER(0, "max-retries", &(p)->max_retries, 0, 1000, "send a failed request again so often (default 8)"), \
	OPT_DURATION(0, "retry-time", &(p)->retry_time_ms, "give up after failing for so long (default 5m)"), \
	OPT_DURATION(0, "timeout", &(p)->timeout_ms, "a connection silent for so long is broken (default 2m)")

enum http_result {
	HTTP_OK,		/* 2xx, or what the judge called HTTP_DONE */
	HTTP_REFUSED,		/* answered, and asking again cannot help */
	HTTP_GAVE_UP,		/* out of retries, or not safe to send again */
	HTTP_BAD,		/* the body is not what it should be: the sink said so, or beyond max_body */
	HTTP_INTERRUPTED,	/* a signal asks to stop */
};

enum http_verdict {
	HTTP_DONE,
	HTTP_LATER,		/* certainly not carried out, any request may be sent again (429) */
	HTTP_UNSURE,		/* perhaps carried out, only a repeatable request may be sent again (5xx) */
	HTTP_FINAL,
};

enum http_sink {
	HTTP_MORE,
	HTTP_ENOUGH,		/* end the transfer here; it succeeded */
	HTTP_BROKEN,		/* not the answer that the service gives (a proxy's page): try again, at most 3 times */
	HTTP_USELESS,		/* end here, with HTTP_BAD */
};

struct http_response {
	long	 status;	/* of the last answer; 0: none */
	struct buf body;	/* owned; with a sink only that of an error, cut at 64 KiB */
	struct buf headers;	/* owned; see http_header */
	char	 error[256];	/* what was wrong beside the status, "" if nothing; holds no secret */
	bool	 timed_out;	/* the last try took too long, or nothing came any more */
	bool	 unknown;	/* without HTTP_OK: one of the tries may have been carried out */
	int	 tries;
	int64_t	 ms, bytes;	/* of the last try; bytes on the wire */
};

/* All pointers are borrowed until http_perform returns.  Zeroed members are defaults. */
struct http_request {
	const char *what;	/* subject of messages: "runs/query"; NULL: the URL without its query */
	const char *method;	/* NULL: GET, or POST with a body */
	const char *url;
	const char *const *headers;	/* "Name: value", NULL at the end; never printed */
	const void *body;
	size_t	 body_len;
	bool	 repeatable;	/* safe to send again when the outcome is unknown; a GET always is */
	bool	 hide_url;	/* the address is a credential itself: messages show only what */
	bool	 direct;	/* never through a proxy */
	bool	 count_tries;	/* unknown must be right even for a repeatable one: costs a new connection */
	int64_t	 total_ms;	/* a try takes at most so long; 0: as long as something comes */
	size_t	 max_body;	/* bytes of a buffered answer; 0: 64 MiB */

	/* Called before each try; last is NULL before the first.  May change the request for this try. */
	void	(*begin)(struct http_request *rq, const struct http_response *last);
	/* Gets a 2xx body, decoded, as it arrives, and at its end once p == NULL. */
	enum http_sink (*sink)(struct http_request *rq, const char *p, size_t len);
	/*
	 * Classifies a complete answer (but not a 2xx that went to a sink).  *wait_ms comes in as the headers'
	 * wish or -1, and may be raised.  NULL: http_judge.
	 */
	enum http_verdict (*judge)(const struct http_request *rq, const struct http_response *r, int64_t *wait_ms);
	void	*arg;		/* for the three */
};

struct http;

/* Returns new (http_free); policy is copied. */
struct http *http_new(const struct http_policy *policy);
void	 http_free(struct http *h);

/* Called whenever a transfer or a wait is about to block: the place to flush stdout. */
void	 http_on_idle(struct http *h, void (*idle)(void *arg), void *arg);

/* Send the request until it is settled.  *r is filled from scratch; the caller frees it. */
enum http_result http_perform(struct http *h, struct http_request *rq, struct http_response *r);
void	 http_response_free(struct http_response *r);

/* By status: 2xx done, 429 later, 408 425 5xx unsure, everything else final. */
enum http_verdict http_judge(const struct http_request *rq, const struct http_response *r, int64_t *wait_ms);

/* The value of a header of the last answer, any case; NULL: not there.  Borrowed from r. */
const char *http_header(const struct http_response *r, const char *name);

/* Append ": " and how the body begins, as text on one line, for a message; nothing where there is none. */
void	 http_put_beginning(const struct http_response *r, struct buf *out);

/* Wait ms, or until a signal asks to stop (false).  Calls the idle function. */
bool	 http_pause(struct http *h, int64_t ms);

/* base + "/" + path with one slash between.  Returns new (free). */
char	*http_url(const char *base, const char *path);
/* Append value to a query string, percent-encoded (RFC 3986 unreserved characters stay). */
void	 http_escape(struct buf *b, const char *value);
/* Append name=value to a query string or form that holds nothing else, behind '&' if it is not the first. */
void	 http_put_param(struct buf *b, const char *name, const char *value);

#endif
