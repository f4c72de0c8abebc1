/*
 * load.h - load jobs of BigQuery: a resumable upload that survives lost chunks and lost answers, and waiting for the job's end.
 *
 * https://cloud.google.com/bigquery/docs/reference/api-uploads, https://cloud.google.com/bigquery/docs/reference/rest/v2/Job
 */
#ifndef GOOGLE_LOAD_H
#define GOOGLE_LOAD_H

#include <sys/types.h>

#include "google/bigquery.h"

struct load_job {
	const char *id;			/* A-Z a-z 0-9 _ -; the service runs a job of an id once */
	const char *location;		/* of the dataset; NULL: US or EU */
	struct span configuration;	/* {"load":{...}} */
	/*
	 * What is loaded: read the len bytes from there on, which is not behind what was read before.  May wait for them, while others are
	 * sent.  Returns the count, less than len only at the end, or -1 with errno (EINTR: a signal asks to stop).
	 */
	ssize_t	(*read)(void *arg, int64_t from, void *p, size_t len);
	const char *name;		/* of what is read, for messages */
	/* How much the service has, from time to time, of size bytes (0: not known yet); may be NULL. */
	void	(*sent)(void *arg, int64_t bytes, int64_t size);
	void	*arg;
};

enum load_outcome {
	LOAD_DONE,		/* all rows are in the table */
	LOAD_ROWS,		/* rows are bad: nothing was loaded, the reply's errors name some */
	LOAD_AGAIN,		/* the service failed: nothing was loaded, and a job of another id may succeed */
	LOAD_FAILED,		/* nothing was loaded, and nothing would help */
	LOAD_UNKNOWN,		/* it may run, or have run */
};

/*
 * Run the job, or find it where it has run before (*existed), and wait for its end.  Then r->object is the Job, and of another outcome
 * than LOAD_DONE r->error holds the message.  Without GOOGLE_OK it is LOAD_UNKNOWN, and the same id is to be run again, or LOAD_FAILED
 * where the service has not got all of it.
 */
enum google_result load_run(struct bigquery *b, const struct load_job *job, enum load_outcome *outcome, bool *existed, struct bigquery_reply *r);

/* What the Job says. */
bool	load_is_into(struct span job, const char *dataset, const char *table);
bool	load_errors(struct span job, struct span *list);	/* status.errors */
bool	load_rows(struct span job, uint64_t *rows);		/* that it loaded */
bool	load_ended(struct span job, uint64_t *ms);		/* since 1970 */
/*
 * Does this one of the errors name a row?  Then *at is the byte of the plain data where the row begins, and what is wrong with it
 * was appended to why.
 */
bool	load_bad_row(struct span error, uint64_t *at, struct buf *why);

/* Wait before the n-th time (from 0) that something is tried again.  False: a signal asks to stop. */
bool	load_back_off(int64_t n);

#endif
