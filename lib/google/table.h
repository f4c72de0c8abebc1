/*
 * table.h - tables of BigQuery: names, schemas, creation.
 *
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/tables
 */
#ifndef GOOGLE_TABLE_H
#define GOOGLE_TABLE_H

#include "google/bigquery.h"

struct table_name {
	char	*project, *dataset, *table;	/* owned */
};

/*
 * Take [PROJECT.]DATASET.TABLE apart; without PROJECT it is project, a name without a dataset is in dataset (NULL: refused).  A
 * table may end with $YYYYMMDD..., a partition.  False: text is none, with a message appended to error; nothing is then to be freed.
 */
bool	table_name_parse(struct table_name *n, const char *text, const char *project, const char *dataset, struct buf *error);
void	table_name_free(struct table_name *n);
/* {"projectId":...,"datasetId":...,"tableId":...} */
void	table_put_reference(const struct table_name *n, struct buf *out);
/* /projects/.../datasets/.../tables/..., percent-encoded, for bigquery_call */
void	table_put_path(const struct table_name *n, struct buf *out);

/*
 * Read a file of a schema, as the service gives and takes it: [{"name","type","mode","fields"},...] or {"fields":[...]}; appends
 * {"fields":[...]} to out.  False: a message, which names the file, was appended to error.
 */
bool	table_read_schema(const char *path, struct buf *out, struct buf *error);

struct table_layout {
	struct span schema;		/* {"fields":[...]} */
	const char *partition;		/* the column by whose day rows are kept apart; NULL: none */
	const char *cluster;		/* columns in commas, at most four; NULL: none */
	const char *location;		/* of a dataset that is created; NULL: the service's choice */
};
/* False: there are too many columns, or one has no name; a message that names the option was appended to error. */
bool	table_check_layout(const struct table_layout *l, struct buf *error);
/* Append the members "timePartitioning" and "clustering", each behind a comma. */
void	table_put_layout(const struct table_layout *l, struct buf *out);

/* What the service knows of the table; owned, table_info_free. */
struct table_info {
	bool	 exists;
	struct buf schema;		/* {"fields":[...]}, padded */
	struct buf location;		/* of its dataset; "" where that is missing too */
	uint64_t created;		/* ms since 1970; 0: not said */
};
/* GOOGLE_OK also where there is none.  Errors stand in r. */
enum google_result table_get(struct bigquery *b, const struct table_name *n, struct table_info *info, struct bigquery_reply *r);
/*
 * Create the dataset and the table where they are missing; one that another creates meanwhile is fine.  Without a schema only the
 * dataset: the table is then for a load job to create.
 */
enum google_result table_create(struct bigquery *b, const struct table_name *n, const struct table_layout *l, struct bigquery_reply *r);
void	table_info_free(struct table_info *info);

#endif
