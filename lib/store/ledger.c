#include "store/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/when.h"
#include "json/str.h"
#include "ndjson/line.h"
#include "store/keymap.h"

#define WRITE_BYTES (256u << 10)
#define LOAD_KEYS 256

/* FNV-1a: tells tables apart without writing their tokens into a file that may be published. */
static uint64_t
hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

static struct fingerprint
fingerprint(struct ledger *l, struct span key)
{
	/* 17 and "17" are one: a ledger rebuilt from the table has the table's spelling. */
	return fingerprint_text(l->seed, keymap_text(key, &l->scratch));
}

static bool
is_key(struct span v)
{
	return v.p != NULL && !json_is_null(v) && !(json_is_string(v) && v.len == 2);
}

bool
ledger_may_be_key(const char *name)
{
	static const char *const own[] = { "ledger", "intent", "void", "record_id", "timestamp" };

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strcmp(name, own[i]) == 0)
			return false;
	return true;
}

bool
ledger_row_key(const struct ledger *l, struct span row, struct span *key)
{
	return json_member(row, l->key, strlen(l->key), key) && is_key(*key);
}

bool
ledger_has(struct ledger *l, struct span key)
{
	return keyset_has(&l->keys, fingerprint(l, key));
}

bool
ledger_claim(struct ledger *l, struct span key)
{
	return keyset_add(&l->keys, fingerprint(l, key));
}

void
ledger_unclaim(struct ledger *l, struct span key)
{
	keyset_remove(&l->keys, fingerprint(l, key));
}

/* ---- reading ---- */

enum kind { LINE_HEADER, LINE_RECEIPT, LINE_INTENT, LINE_VOID, LINE_UNKNOWN };

static enum kind
kind_of(const struct scan *s, const char *key)
{
	const struct member *id = scan_find(s, "record_id", 9);

	/* A receipt may have columns of any name. */
	if (s->n != 0 && id == NULL) {
		if (JSON_SPELLS(s->m[0].key, "intent"))
			return LINE_INTENT;
		if (JSON_SPELLS(s->m[0].key, "void"))
			return LINE_VOID;
		if (JSON_SPELLS(s->m[0].key, "ledger"))
			return LINE_HEADER;
	}
	if (id == NULL || !json_is_string(id->val) || id->val.len == 2)
		return LINE_UNKNOWN;	/* a row, not the receipt of one */
	return scan_find(s, key, strlen(key)) != NULL ? LINE_RECEIPT : LINE_UNKNOWN;
}

/* Where the last line begins, or -1 with errno. */
static off_t
last_line(int fd, off_t end)
{
	char block[4096];

	while (end > 0) {
		size_t n = end > (off_t)sizeof block ? sizeof block : (size_t)end;
		const char *nl;

		if (pread(fd, block, n, end - (off_t)n) != (ssize_t)n)
			return -1;
		if ((nl = memrchr(block, '\n', n)) != NULL)
			return end - (off_t)n + (nl + 1 - block);
		end -= (off_t)n;
	}
	return 0;
}

/* Returns 0, or -1 with errno. */
static int
read_from(int fd, off_t at, struct buf *b)
{
	ssize_t n;

	if (lseek(fd, at, SEEK_SET) == -1)
		return -1;
	while ((n = io_read_file(fd, buf_reserve(b, WRITE_BYTES), WRITE_BYTES)) > 0)
		b->len += (size_t)n;
	buf_pad(b);
	return (int)n;
}

/* Can these bytes be the start of a line that a ledger writes?  What others wrote is not to be cut. */
static bool
is_own_start(const struct ledger *l, const char *p, size_t len)
{
	static const char *const own[] = { "{\"ledger\":1,", "{\"intent\":\"", "{\"void\":\"" };
	struct buf receipt = { 0 };
	bool yes;

	buf_addc(&receipt, '{');
	json_put_name(l->key, &receipt);
	yes = memcmp(p, receipt.p, len < receipt.len ? len : receipt.len) == 0;
	buf_free(&receipt);
	for (size_t i = 0; !yes && i < sizeof own / sizeof *own; i++)
		yes = strncmp(p, own[i], len < strlen(own[i]) ? len : strlen(own[i])) == 0;
	return yes;
}

/* Takes a line; -1 ends the reading, with errno. */
typedef int each_line(struct ledger *l, void *arg, const struct record *r);

/*
 * Go through all lines; steady: even when a signal asks to stop.  -1: errno, or EILSEQ with error when a
 * line is not what it should be.
 */
static int
for_each(struct ledger *l, bool steady, each_line *fn, void *arg)
{
	struct rejects none = { .fd = -1, .silent = true };
	struct lines in;
	struct record r;
	int result = 0, saved;

	if (lseek(l->fd, 0, SEEK_SET) == -1)
		return -1;
	lines_init(&in, l->fd, l->path, SIZE_MAX / 2, &none);
	in.in.steady = steady;
	for (;;) {
		enum line_status st = lines_next(&in, &r);

		if (st == LINE_RECORD && (result = fn(l, arg, &r)) == 0)
			continue;
		if (st == LINE_REJECTED) {
			errno = EILSEQ;
			result = -1;
		}
		if (st == LINE_ERROR)
			result = -1;
		break;
	}
	saved = errno;
	if (result == -1 && errno == EILSEQ)
		buf_addf(&l->error, "%s:%llu: neither a receipt with \"%s\" nor a line of the ledger's own; mend the file, "
		    "or rebuild it from the table", l->path, (unsigned long long)in.line, l->key);
	lines_free(&in);
	errno = saved;
	return result;
}

/* A file of others begins with a line of theirs.  The first is enough. */
static int
know_line(struct ledger *l, void *arg, const struct record *r)
{
	(void)arg;
	if (kind_of(r->scan, l->key) != LINE_UNKNOWN)
		return 1;
	errno = EILSEQ;
	return -1;
}

/*
 * The last line without a newline may be whole: written by hand, or by another program.  One of ours that a kill or a full disk cut
 * short was never acted upon, so it goes.
 */
static int
complete_tail(struct ledger *l)
{
	struct scan s = { 0 };
	struct buf b = { 0 };
	off_t size = lseek(l->fd, 0, SEEK_END), at;
	int r = 0;

	if (size <= 0)
		return (int)size;
	if ((at = last_line(l->fd, size)) == size)
		return 0;
	if (at > 0 && for_each(l, false, know_line, NULL) == -1)
		return -1;
	if (at != -1 && read_from(l->fd, at, &b) == 0) {
		size_t mark = at == 0 && b.len >= 3 && memcmp(b.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
		bool whole = scan_record(&s, b.p + mark) == b.p + b.len, own = is_own_start(l, b.p + mark, b.len - mark);
		enum kind kind = whole ? kind_of(&s, l->key) : LINE_UNKNOWN;

		if (kind == LINE_RECEIPT || (kind != LINE_UNKNOWN && !own))
			r = io_write(l->fd, "\n", 1);
		else if (own && (!whole || kind != LINE_UNKNOWN))
			r = ftruncate(l->fd, at);
	} else {
		r = -1;
	}
	scan_free(&s);
	buf_free(&b);
	return r;
}

static bool
read_intent(struct span line, struct intent *in)
{
	struct span id, at;

	if (!JSON_MEMBER(line, "intent", &id) || id.len != UUID_SIZE + 1 || !JSON_MEMBER(line, "at", &at) ||
	    !json_is_string(at) || !JSON_MEMBER(line, "rows", &in->rows) || in->rows.p[0] != '[' ||
	    !JSON_MEMBER(line, "records", &in->records) || in->records.p[0] != '[')
		return false;
	memcpy(in->id, id.p + 1, UUID_SIZE - 1);
	in->id[UUID_SIZE - 1] = '\0';
	return when_parse(at.p + 1, at.len - 2, &in->at_ms, NULL);
}

/* Of rows that our key does not name nobody could tell what became of them. */
static bool
names_rows(const struct ledger *l, const struct intent *in)
{
	struct json_iter it;
	struct span row, key;

	for (it = json_open(in->rows); json_next_element(&it, &row); )
		if (!ledger_row_key(l, row, &key))
			return false;
	return true;
}

/* Keys on their way into the set. */
struct loading {
	struct fingerprint key[LOAD_KEYS];
	size_t	 n;
};

static int
load_line(struct ledger *l, void *arg, const struct record *r)
{
	struct loading *k = arg;
	const struct member *m;
	struct intent in;

	switch (kind_of(r->scan, l->key)) {
	case LINE_HEADER:
		m = scan_find(r->scan, "table", 5);
		l->bound = m != NULL && json_is_string(m->val);
		l->table = l->bound ? strtoull(m->val.p + 1, NULL, 16) : 0;
		return 0;
	case LINE_RECEIPT:
		m = scan_find(r->scan, l->key, strlen(l->key));
		if (is_key(m->val))
			k->key[k->n++] = fingerprint(l, m->val);
		if (k->n == LOAD_KEYS) {
			keyset_add_all(&l->keys, k->key, k->n);
			k->n = 0;
		}
		return 0;
	case LINE_INTENT:
		if (!read_intent(r->text, &in) || !names_rows(l, &in))
			break;		/* what became of it cannot be found out */
		/* Only the last can be unsettled: each is settled before the next is written. */
		l->dirty = true;
		buf_clear(&l->line);
		buf_add(&l->line, r->text.p, r->text.len);
		return 0;
	case LINE_VOID:
		buf_clear(&l->line);
		return 0;
	case LINE_UNKNOWN:
		break;
	}
	errno = EILSEQ;
	return -1;
}

static int
append(struct ledger *l, const void *p, size_t len)
{
	off_t size = lseek(l->fd, 0, SEEK_END);
	int saved;

	if (size != -1 && io_write(l->fd, p, len) == 0 && fsync(l->fd) == 0)
		return 0;
	/* A full disk must not leave half a line to be glued to the next one. */
	saved = errno;
	if (size != -1 && ftruncate(l->fd, size) == -1)
		saved = errno;
	errno = saved;
	return -1;
}

static enum ledger_status
failed(struct ledger *l)
{
	if (errno == EINTR)
		return LEDGER_INTERRUPTED;
	if (l->error.len != 0)
		return LEDGER_REFUSED;
	buf_addf(&l->error, "%s: %s", l->path, strerror(errno));
	return LEDGER_FAILED;
}

enum ledger_status
ledger_open(struct ledger *l, const char *path, const char *key)
{
	struct loading keys = { .n = 0 };
	enum ledger_status st;
	struct buf why;
	struct stat sb;

	*l = (struct ledger){ .path = path, .key = key, .seed = keyseed_random() };
	if ((l->fd = file_lock(path, 0600, true)) == -1)
		return failed(l);
	keyset_init(&l->keys, 0);
	errno = 0;
	if (fstat(l->fd, &sb) == 0 && !S_ISREG(sb.st_mode)) {
		buf_addf(&l->error, "%s: not a regular file", l->path);
	} else if (complete_tail(l) == 0 && for_each(l, false, load_line, &keys) == 0) {
		keyset_add_all(&l->keys, keys.key, keys.n);
		return LEDGER_OK;
	}
	st = failed(l);
	why = l->error;
	l->error = (struct buf){ 0 };
	ledger_abandon(l);
	l->error = why;
	return st;
}

enum ledger_status
ledger_bind(struct ledger *l, const char *table)
{
	char line[64];

	if (l->bound && l->table == hash(table))
		return LEDGER_OK;
	if (l->bound) {
		buf_addf(&l->error, "%s: belongs to another table; name another ledger for this one", l->path);
		return LEDGER_REFUSED;
	}
	/* One rebuilt by hand gets it at its end. */
	snprintf(line, sizeof line, "{\"ledger\":1,\"table\":\"%016llx\"}\n", (unsigned long long)hash(table));
	if (append(l, line, strlen(line)) == -1 || file_sync_dir(l->path) == -1)
		return failed(l);
	return LEDGER_OK;
}

bool
ledger_unsettled(struct ledger *l, struct intent *in)
{
	struct json_iter it;
	struct span row, key;

	if (l->line.len == 0)
		return false;
	buf_pad(&l->line);
	if (!read_intent((struct span){ l->line.p, l->line.len }, in))
		return false;
	for (it = json_open(in->rows); json_next_element(&it, &row); )
		if (ledger_row_key(l, row, &key) && !ledger_has(l, key))
			return true;
	return false;
}

/* ---- writing ---- */

int
ledger_intend(struct ledger *l, const struct intent *in)
{
	struct buf b = { 0 };
	char at[WHEN_SIZE];
	int r;

	buf_addf(&b, "{\"intent\":\"%s\",\"at\":\"%s\",\"rows\":", in->id, when_format(in->at_ms, at));
	buf_add(&b, in->rows.p, in->rows.len);
	buf_adds(&b, ",\"records\":");
	buf_add(&b, in->records.p, in->records.len);
	buf_adds(&b, "}\n");
	l->dirty = true;
	r = append(l, b.p, b.len);
	buf_free(&b);
	return r;
}

int
ledger_void(struct ledger *l, const char *id)
{
	char line[64];
	int n = snprintf(line, sizeof line, "{\"void\":\"%s\"}\n", id);

	return append(l, line, (size_t)n);
}

int
ledger_settle(struct ledger *l, const struct buf *receipts)
{
	return append(l, receipts->p, receipts->len);
}

void
ledger_put_receipt(const struct ledger *l, struct span row, const char *record_id, size_t len, struct buf *out)
{
	struct span key = { "null", 4 }, time;

	(void)ledger_row_key(l, row, &key);
	buf_addc(out, '{');
	json_encode(l->key, strlen(l->key), out);
	buf_addc(out, ':');
	buf_add(out, key.p, key.len);
	buf_adds(out, ",\"record_id\":");
	json_encode(record_id, len, out);
	if (JSON_MEMBER(row, "timestamp", &time)) {
		buf_adds(out, ",\"timestamp\":");
		buf_add(out, time.p, time.len);
	}
	buf_adds(out, "}\n");
}

struct rewriting {
	struct newfile new;
	struct buf out;
	ledger_keep *keep;
	void *arg;
};

static int
rewrite_line(struct ledger *l, void *arg, const struct record *r)
{
	struct rewriting *w = arg;

	if (kind_of(r->scan, l->key) != LINE_HEADER && !w->keep(w->arg, r->scan, r->text))
		return 0;
	buf_add(&w->out, r->text.p, r->text.len);
	buf_addc(&w->out, '\n');
	if (w->out.len < WRITE_BYTES)
		return 0;
	if (io_write(w->new.fd, w->out.p, w->out.len) == -1)
		return -1;
	buf_clear(&w->out);
	return 0;
}

int
ledger_rewrite(struct ledger *l, ledger_keep *keep, void *arg)
{
	struct rewriting w = { .keep = keep, .arg = arg };
	int r;

	if (newfile_begin(&w.new, l->path, 0600) == -1)
		return -1;
	r = for_each(l, true, rewrite_line, &w);
	if (r == 0)
		r = io_write(w.new.fd, w.out.p, w.out.len);
	buf_free(&w.out);
	if (r == -1) {
		newfile_abort(&w.new);
		return -1;
	}
	/* Whoever waits for the lock of the old file finds that it was replaced, and opens the new one. */
	return newfile_commit(&w.new, false);
}

struct looking {
	ledger_keep *look;
	void *arg;
};

static int
look_at_line(struct ledger *l, void *arg, const struct record *r)
{
	struct looking *k = arg;

	(void)l;
	(void)k->look(k->arg, r->scan, r->text);
	return 0;
}

int
ledger_each(struct ledger *l, ledger_keep *look, void *arg)
{
	struct looking k = { look, arg };

	return for_each(l, false, look_at_line, &k);
}

static bool
keep_receipts(void *arg, const struct scan *s, struct span text)
{
	const struct ledger *l = arg;

	(void)text;
	return kind_of(s, l->key) == LINE_RECEIPT;
}

int
ledger_close(struct ledger *l)
{
	int r = l->dirty ? ledger_rewrite(l, keep_receipts, l) : 0;
	int saved = errno;

	ledger_abandon(l);
	errno = saved;
	return r;
}

void
ledger_abandon(struct ledger *l)
{
	close(l->fd);
	keyset_free(&l->keys);
	buf_free(&l->line);
	buf_free(&l->scratch);
	buf_free(&l->error);
}
