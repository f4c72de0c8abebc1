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
	struct table_layout layout;
	const char *job_id;		/* --job-id; NULL: of the content */
	const char *location;		/* of the dataset, of --location; NULL: US or EU */
	bool	 autodetect;		/* --schema=auto */
	bool	 create;
	enum write write;
	bool	 strict;
	struct rejects rejects;
	uint64_t read, loaded;		/* rows */
	int	 status;
};

/* An error of the service or a signal ends the tool. */
void	check(struct session *s, enum google_result st);

/* spool.c, job.c: rows are kept in a file without a name and loaded by jobs of their own at the end. */
struct job;
struct job *job_begin(struct session *s);
void	job_add(struct job *j, const char *file, uint64_t line, struct span row);
void	job_end(struct job *j);		/* loads; frees */

/* stream.c: rows are sent by the request (insertAll), each at the latest when no more come. */
struct stream;
struct stream *stream_begin(struct session *s);
void	stream_add(struct stream *st, const char *file, uint64_t line, struct span row);
void	stream_flush(struct stream *st);	/* no row is under way any more */
void	stream_end(struct stream *st);		/* flushes; frees */

#endif
