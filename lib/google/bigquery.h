/*
 * bigquery.h - calls to the BigQuery API (REST, v2).
 *
 * Adds the token (auth.h) and renews it once when it is not accepted, retries what may pass, and puts errors into
 * words: the service's reason and message.
 *
 * BIGQUERY_ENDPOINT is the root of the API (default https://bigquery.googleapis.com); with BIGQUERY_EMULATOR_HOST, which takes its
 * place, no token is sent unless credentials are named.
 *
 * https://cloud.google.com/bigquery/docs/reference/rest, https://cloud.google.com/bigquery/docs/error-messages
 */
#ifndef GOOGLE_BIGQUERY_H
#define GOOGLE_BIGQUERY_H

#include "google/auth.h"
#include "json/scan.h"

struct bigquery;

/*
 * project: NULL is that of the environment (GOOGLE_CLOUD_PROJECT, BOTRUN_LOG_PROJECT_ID) or the credentials.  Returns new
 * (bigquery_free), or NULL with a message appended to error.
 */
struct bigquery *bigquery_new(const struct http_policy *policy, const char *project, struct buf *error);
void	bigquery_free(struct bigquery *b);
const char *bigquery_project(const struct bigquery *b);
uint64_t bigquery_requests(const struct bigquery *b);	/* without retries */
const struct http_policy *bigquery_policy(const struct bigquery *b);

/* An answer; reused from call to call, bigquery_reply_free at the end. */
struct bigquery_reply {
	long	 status;
	struct span object;	/* the body; "{}" when there is none */
	struct buf reason;	/* of an error: "notFound"; NUL terminated by buf_str */
	struct buf error;	/* without GOOGLE_OK: what happened, one line */
	struct buf body;
	struct scan scan;
};

/*
 * path: below /bigquery/v2/projects/PROJECT, "/queries?...", or "/projects/ANOTHER/..."; body NULL: GET.  repeatable: it changes
 * nothing, or carries a key by which the service knows it again.
 */
enum google_result bigquery_call(struct bigquery *b, const char *method, const char *path, const struct buf *body, bool repeatable,
	    struct bigquery_reply *r);
void	bigquery_reply_free(struct bigquery_reply *r);

/*
 * A resumable upload: of a job (JSON) and then of what it loads, piece by piece.  Begin appends to session the address that takes them,
 * which is a secret.
 */
enum google_result bigquery_upload_begin(struct bigquery *b, const struct buf *job, struct buf *session, struct bigquery_reply *r);
/*
 * Send the len bytes from there on (a multiple of 256 KiB, but for the last piece), or ask with len 0.  size is that of all of it, or
 * -1 where it is not known yet, which the last piece needs.  *kept is how many the service
 * has from the first byte on, perhaps less than were sent, or -1 once it has made the job of them, which is then r->object.
 * 404 and 410: the session is gone, and another is to be begun.
 */
enum google_result bigquery_upload_send(struct bigquery *b, const char *session, const void *p, size_t len, int64_t from, int64_t size,
	    int64_t *kept, struct bigquery_reply *r);

#endif
