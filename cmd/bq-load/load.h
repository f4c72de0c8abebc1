/* The parts of bq-load; see main.c. */
#ifndef BQ_LOAD_H
#define BQ_LOAD_H

#include "google/bigquery.h"
#include "google/table.h"
#include "ndjson/reject.h"

enum method { METHOD_LOAD, METHOD_STREAM };
enum write { WRITE_APPEND, WRITE_TRUNCATE };

/* What both methods work on; the options are checked, the table is there or will be created by the job. */
struct session {
	struct bigquery *bq;
	struct bigquery_reply reply;
	struct table_name table;
	struct table_info info;		/* as it was at the start, or after --create */
	bool	 missing;		/* it was not there at the start */
	struct table_layout layout;
	struct http_policy policy;	/* --max-retries, --retry-time: also of what is tried again here */
	const char *job_id;		/* --job-id; NULL: of the content */
	const char *location;		/* of the dataset, of --location; NULL: US or EU */
	bool	 autodetect;		/* --schema=auto */
	bool	 create;
	enum write write;
	bool	 strict;
	int64_t	 job_size;		/* bytes of rows in a job, at most */
	struct rejects rejects;		/* any: status 1 at the end */
	uint64_t read, loaded;		/* rows */
	uint64_t jobs;			/* that ended well */
	const char *open_job;		/* which may still load its rows; NULL: none */
	int	 status;
};

/* An error of the service or a signal ends the tool. */
void	check(struct session *s, enum google_result st);
/* End with status 3, with this message and what became of the rows. */
void	give_up(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));

/*
 * spool.c, job.c: rows are kept in a file without a name and loaded by jobs of their own at the end.  row is the line as it
 * came; file lives as long as the process.
 */
struct job;
struct job *job_begin(struct session *s);
void	job_add(struct job *j, const char *file, uint64_t line, struct span row);
void	job_end(struct job *j);		/* loads; frees */
void	job_drop(struct job *j);	/* frees */

/* stream.c: rows are sent by the request (insertAll), each at the latest when no more come.  row is the line as it came. */
struct stream;
struct stream *stream_begin(struct session *s);
void	stream_add(struct stream *st, const char *file, uint64_t line, struct span row);
void	stream_flush(struct stream *st);	/* no row is under way any more */
void	stream_end(struct stream *st);		/* flushes; frees */

#endif
