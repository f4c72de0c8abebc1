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

struct field {
	char	*name;			/* owned, decoded */
	size_t	 len;
	int	 type;
};

struct bitable {
	struct feishu *feishu;		/* owned */
	char	*app, *table;		/* owned: as named; after bitable_open token and id */
	bool	 is_open;
	struct field *fields;		/* owned */
	size_t	 n_fields, fields_cap;
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
	"  FEISHU_BASE_ID, FEISHU_TABLE_ID   the table, where --app and --table are not given\n" \
	"  FEISHU_ENDPOINT                   API address (default https://open.feishu.cn)\n" \
	"  FEISHU_USER_ACCESS_TOKEN          act as this user instead of as the app"

/*
 * Take the names of the table from o, else from the environment, and the credentials as feishu_new
 * does.  Asks the service nothing yet.  False: what is missing stands in t->reply.error.  bitable_free in
 * any case.
 */
bool	bitable_init(struct bitable *t, const struct bitable_opts *o, const struct http_policy *policy);

/*
 * Find the table: app is a token or an address (base or wiki), table an id or a name, or NULL
 * where the address names it; then read the fields.
 */
enum feishu_result bitable_open(struct bitable *t);
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

/* Read one column: called for each record that has text there.  False ends the reading. */
typedef bool bitable_cell(void *arg, struct span record_id, const struct buf *text);
enum feishu_result bitable_read_column(struct bitable *t, const char *field, bitable_cell *fn, void *arg);

#endif
