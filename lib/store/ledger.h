/*
 * ledger.h - what has been pushed, so that nothing is pushed twice or lost.
 *
 * An NDJSON file of these lines:
 *   {"ledger":1,"table":HASH}                          first; the table that it belongs to
 *   {"KEY":...,"record_id":"rec...","timestamp":...}   a receipt: the row is in the table
 *   {"intent":UUID,"at":T,"rows":[{"KEY":...,"timestamp":...},...],"records":[...]}
 *                                                      a batch is about to be sent, with this idempotency key
 *   {"void":UUID}                                      the service refused that batch: nothing was written
 *
 * An intent is on disk before its request leaves, receipts are appended in one
 * write after the answer.  So after a crash the last intent tells what may or may
 * not have happened: it is unsettled unless it is void or all its rows have receipts.
 * Only receipts and the first line stay when the ledger is closed, so that it grows by one short line
 * a row and holds no contents.
 *
 * A ledger is locked while open (a second process waits); readers need no lock. One that
 * was rebuilt from the table is a file of receipts; it is bound to the table when it is first used.
 */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include "base/rnd.h"
#include "json/scan.h"
#include "store/keyset.h"

struct ledger {
	const char *path;	/* borrowed */
	const char *key;	/* the member that names a row; borrowed */
	int	 fd;
	bool	 dirty;		/* has lines that a clean close removes */
	bool	 bound;		/* has its first line */
	uint64_t table;		/* the hash in it */
	struct keyset keys;
	struct keyseed seed;
	struct buf line;	/* of the unsettled intent, or scratch */
	struct buf scratch;
	struct buf error;	/* without LEDGER_OK: one line, with the path */
};

enum ledger_status {
	LEDGER_OK,
	LEDGER_FAILED,		/* the system said no */
	LEDGER_REFUSED,		/* the file is not what it should be */
	LEDGER_INTERRUPTED,	/* a signal asks to stop */
};

struct intent {
	char	 id[UUID_SIZE];	/* the batch's idempotency key */
	int64_t	 at_ms;
	struct span rows;	/* the array of keys and time stamps */
	struct span records;	/* the array as sent */
};

/*
 * Open (create) and lock the ledger, repair a torn last line, load the keys.  A failed open
 * leaves nothing to close but error, to be freed.
 */
enum ledger_status ledger_open(struct ledger *l, const char *path, const char *key) __attribute__((warn_unused_result));

/* Make sure that it belongs to this table (any text that names it); a new one does from now on. */
enum ledger_status ledger_bind(struct ledger *l, const char *table) __attribute__((warn_unused_result));

/* The intent that a crash left; points into l->line.  False: there is none. */
bool	ledger_unsettled(struct ledger *l, struct intent *in);

/* May rows be named by this member?  Some names mean something in the ledger's own lines. */
bool	ledger_may_be_key(const char *name);

/* The key's value in a row; false when it is missing, null or "". */
bool	ledger_row_key(const struct ledger *l, struct span row, struct span *key);

bool	ledger_has(struct ledger *l, struct span key);
/* Count a key as there (a row of the batch being gathered), and take that back. */
bool	ledger_claim(struct ledger *l, struct span key);
void	ledger_unclaim(struct ledger *l, struct span key);

/* Each returns 0 once the lines are on disk, or -1 with errno. */
int	ledger_intend(struct ledger *l, const struct intent *in) __attribute__((warn_unused_result));
int	ledger_void(struct ledger *l, const char *id) __attribute__((warn_unused_result));
/* receipts: whole lines made by ledger_put_receipt. */
int	ledger_settle(struct ledger *l, const struct buf *receipts) __attribute__((warn_unused_result));

/* Append to out the line for a row of an intent that became this record. */
void	ledger_put_receipt(const struct ledger *l, struct span row, const char *record_id, size_t len, struct buf *out);

/* Called for each line; says whether it stays. */
typedef bool ledger_keep(void *arg, const struct scan *line, struct span text);
/* Only look.  Returns 0, or -1 with errno. */
int	ledger_each(struct ledger *l, ledger_keep *look, void *arg) __attribute__((warn_unused_result));
/* Replace the file by the lines that keep wants (and the first).  Returns 0, or -1 with errno. */
int	ledger_rewrite(struct ledger *l, ledger_keep *keep, void *arg) __attribute__((warn_unused_result));

/* Remove intents, unlock, free.  Returns 0, or -1 with errno. */
int	ledger_close(struct ledger *l) __attribute__((warn_unused_result));
/* Unlock and free, leaving the file as it is. */
void	ledger_abandon(struct ledger *l);

#endif
