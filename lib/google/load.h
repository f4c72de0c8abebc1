/*
 * load.h - load jobs of BigQuery: a resumable upload that survives lost chunks and lost answers, and waiting for the job's end.
 *
 * https://cloud.google.com/bigquery/docs/reference/api-uploads, https://cloud.google.com/bigquery/docs/reference/rest/v2/Job
 */
#ifndef GOOGLE_LOAD_H
#define GOOGLE_LOAD_H

#include "google/bigquery.h"

struct load_job {
	const char *id;			/* A-Z a-z 0-9 _ -; the service runs a job of an id once */
	const char *location;		/* of the dataset; NULL: US or EU */
	struct span configuration;	/* {"load":{...}} */
	int	 fd;			/* what is loaded, from its first byte; read by pread */
	int64_t	 size;
	/* How much the service has, from time to time; may be NULL. */
	void	(*sent)(void *arg, int64_t bytes);
	void	*arg;
};

enum load_outcome {
	LOAD_DONE,		/* all rows are in the table */
	LOAD_ROWS,		/* rows are bad: nothing was loaded, the reply's errors name some */
	LOAD_AGAIN,		/* the service failed: nothing was loaded, and a job of another id may succeed */
	LOAD_FAILED,		/* nothing was loaded, and nothing would help */
};

/*
 * Run the job, or find it where it has run before (*existed), and wait for its end.  Without GOOGLE_OK it is not known to have
 * ended: run the same id again.  With it, r->object is the Job; of a LOAD_ other than DONE r->error holds the message.
 */
enum google_result load_run(struct bigquery *b, const struct load_job *job, enum load_outcome *outcome, bool *existed, struct bigquery_reply *r);

#endif
