/*
 * push.h - what the parts of bt-push share.
 *
 * main.c takes rows in and puts them where they belong, row.c turns a row into a
 * record of the table, send.c sends batches and deals with what the service says, settle.c
 * finds out what became of a batch whose answer never came.
 */
#ifndef BT_PUSH_PUSH_H
#define BT_PUSH_PUSH_H

#include "feishu/bitable.h"
#include "ndjson/filter.h"
#include "ndjson/line.h"
#include "store/keymap.h"
#include "store/ledger.h"

struct push_opts {
	struct bitable_opts table;
	const char *ledger, *key;
	int64_t	 batch, batch_bytes, linger, truncate;
	bool	 create_fields, ignore_unknown, update, upsert, dry_run;
	struct filter_opts in;
	struct http_policy http;
};
extern struct push_opts opts;

/* A row that waits in a batch. */
struct row {
	uint64_t line;
	size_t	 text, text_len;	/* its bytes, in the batch's texts */
	size_t	 entry, entry_len;	/* its keys and time stamp for the ledger, in entries */
	size_t	 record, record_len;	/* what is sent for it, in records */
};

struct batch {
	struct row *row;
	size_t	 n, cap;
	struct buf texts, entries, records;
};

struct push {
	struct bitable table;
	struct ledger ledger;
	bool	 has_ledger;
	struct lines *in;		/* for names in messages */
	struct rejects rejects;
	struct batch create, update;
	struct keymap known;		/* --upsert: key -> record id */
	struct keymap in_batch;		/* --upsert: keys that wait */
	struct buf key, scratch, out;
	struct span *ids;		/* record ids of the rows that were written last; not owned */
	size_t	 n_ids, ids_cap;
	struct keymap settled_ids;	/* key -> record id of the batch that was settled last */
	uint64_t read, pushed, updated, duplicates, truncated;
	int64_t	 begun;			/* when_mono() */
	int	 status;
	bool	 stopped;		/* by a row that was refused, with --strict: what is behind it stays */
};

/* main.c */

/* Find the table and read its fields, when it is first needed. */
void	need_table(struct push *p);
/* The service cannot go on: what was acknowledged is recorded. */
void	give_up(struct push *p, enum feishu_result r) __attribute__((noreturn));
/* The same if an operation on the ledger failed. */
void	ledger_failed(struct push *p, int result);
/* End the run early: say why, keep what was rejected, sum up. */
void	stop(struct push *p, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4), noreturn));

/* row.c */

/* End the run (after pushing what waits) when the row has members that no field takes. */
void	check_fields(struct push *p, const struct scan *row);
/*
 * Add a row to a batch, with the id of the record that it is to change, if any.
 * Returns NULL, or why the row cannot be taken.
 */
const char *add_row(struct push *p, struct batch *b, const struct record *r, struct span key, struct span record_id);
struct span key_text(struct push *p, struct span key);
/* The member's value; none where it is missing, null or "". */
struct span row_member(const struct scan *s, const char *name);

/* send.c */

void	push_all(struct push *p);
bool	batch_is_full(const struct batch *b);
void	batch_clear(struct batch *b);
void	batch_free(struct batch *b);
void	odd_reply(struct push *p) __attribute__((noreturn));

/* settle.c */

/*
 * Bring an announced batch to its end; p->settled_ids holds what its rows became. False: the
 * service refuses it for what is in it; then it is void, and its rows come again with the input.
 */
bool	settle(struct push *p, struct intent *in);
/* The batch that an interrupted run left. */
void	settle_crash(struct push *p, struct intent *in);

#endif
