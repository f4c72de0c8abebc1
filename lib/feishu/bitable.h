/*
 * bitable.h - a Bitable table: its fields, and its records in batches.
 *
 * Every call leaves its outcome in t->reply (client.h).  Batches are all or nothing.
 *
 * https://open.feishu.cn/document/server-docs/docs/bitable-v1/bitable-overview
 */
#ifndef FEISHU_BITABLE_H
#define FEISHU_BITABLE_H

#include "feishu/client.h"

#define BITABLE_MOST_CREATE 1000	/* records of a create or update call */
#define BITABLE_MOST_DELETE 500
#define BITABLE_MOST_GET 100
#define BITABLE_MOST_READ 500		/* records of a page */
#define BITABLE_MOST_NAMES 200		/* fields that a reading may name */

struct field {
	char	*name;			/* owned, decoded */
	size_t	 len;
	int	 type;
};

struct table {
	char	*id, *name;		/* owned; the name decoded */
	size_t	 len;			/* of the name */
};

struct bitable {
	struct feishu *feishu;		/* owned */
	char	*app, *table;		/* owned: as named; after bitable_open token and id */
	bool	 is_open;
	int64_t	 asked_ms;		/* when the last page of a list was asked for, monotonic */
	struct field *fields;		/* owned */
	size_t	 n_fields, fields_cap;
	struct table *tables;		/* owned: of the base, once they have been asked for */
	size_t	 n_tables, tables_cap;
	struct feishu_reply reply;
};

/* How the tools name a table on the command line. */
struct bitable_opts {
	const char *app, *table;
};
#define OPT_BITABLE(o) \
	OPT_STRING(0, "app", "TOKEN|URL", &(o).app, "the base: its token or address (FEISHU_BASE_ID)"), \
	OPT_STRING('t', "table", "ID|NAME", &(o).table, "the table (FEISHU_TABLE_ID)")
#define BITABLE_ENVIRONMENT \
	"  FEISHU_APP_ID, FEISHU_APP_SECRET  the app's credentials (or NAME_FILE: read from a file)\n" \
	"  FEISHU_BASE_ID, FEISHU_TABLE_ID   the table, where the command line does not name it\n" \
	"  FEISHU_ENDPOINT                   API address (default https://open.feishu.cn)\n" \
	"  FEISHU_USER_ACCESS_TOKEN          act as this user instead of as the app"

/*
 * Take the names of the table from o (also from the address that app is there), else from the environment, and the
 * credentials as feishu_new does.  Asks the service nothing yet.  False: what is missing stands in t->reply.error.
 * bitable_free in any case.
 */
bool	bitable_init(struct bitable *t, const struct bitable_opts *o, const struct http_policy *policy);

/*
 * Find the table: app is a token or an address (base or wiki), table an id or a name, or NULL
 * where the address names it; then read the fields.
 */
enum feishu_result bitable_open(struct bitable *t);
/* The same without a table: find the base and read the list of its tables; then take one by its id, as often as one likes. */
enum feishu_result bitable_open_base(struct bitable *t);
enum feishu_result bitable_use(struct bitable *t, const char *table_id);
/* Append the tables' names, for a message. */
void	bitable_name_tables(const struct bitable *t, struct buf *out);
void	bitable_free(struct bitable *t);

enum feishu_result bitable_read_fields(struct bitable *t);
const struct field *bitable_field(const struct bitable *t, struct span raw_name);
/* Create a field; raw_name is JSON text without the quotes.  One of this name that exists already is fine. */
enum feishu_result bitable_create_field(struct bitable *t, struct span raw_name, int type);

/*
 * records: a JSON array of {"fields":...} (create) or {"record_id":...,"fields":...} (update).
 * The reply's data holds "records" in the same order.
 */
enum feishu_result bitable_create(struct bitable *t, const char *client_token, struct span records);
enum feishu_result bitable_update(struct bitable *t, const char *client_token, struct span records);

/* ids: a JSON array of record ids.  Repeatable only by asking bitable_absent in between. */
enum feishu_result bitable_delete(struct bitable *t, struct span ids);
/* Of up to BITABLE_MOST_GET ids, those that are not there: *absent is an array in the reply. */
enum feishu_result bitable_absent(struct bitable *t, struct span ids, struct span *absent);

/* The id (new, free) of the table's view that has this name or id; refused with the names that there are. */
enum feishu_result bitable_find_view(struct bitable *t, const char *view, char **id);

/*
 * Read records, page by page.  A page that is too much for the service, or for the memory of a small tool, makes the following
 * ones smaller.
 */
struct pages {
	struct buf body;		/* the request's, JSON: view_id, field_names, filter; owned by pages_free */
	int64_t	 size;			/* records to ask for, at most BITABLE_MOST_READ */
	bool	 done;			/* there are no more */
	uint64_t n, total, first_total;	/* pages so far; the records that there are, as the last one and the first one said */
	bool	 has_total;
	struct buf token;
	int	 busy;			/* refusals of this page that a smaller one may cure */
};
/* The next page of a table's records: *items is an array in the reply. */
enum feishu_result bitable_next_page(struct bitable *t, struct pages *p, struct span *items);
void	pages_free(struct pages *p);

/* Read one column: called for each record that has text there.  False ends the reading. */
typedef bool bitable_cell(void *arg, struct span record_id, const struct buf *text);
enum feishu_result bitable_read_column(struct bitable *t, const char *field, bitable_cell *fn, void *arg);

#endif
