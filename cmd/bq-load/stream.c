#include "bq-load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/progress.h"
#include "base/rnd.h"
#include "base/sig.h"
#include "base/when.h"
#include "google/rows.h"
#include "json/splice.h"
#include "json/str.h"

#define MOST_ROWS 500
#define MOST_BATCH ((size_t)9 << 20)	/* bytes of a request of more than one row; the service takes 10 MB */
#define MOST_REQUEST ((size_t)10 << 20)
#define MOST_REFUSED 20
#define ID_LEN 32
#define LINGER_MS 1000		/* a row does not wait longer for more, also where they never pause */
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 30000

enum fate { STORED, AGAIN, BAD };

struct item {
	const char *file;	/* borrowed */
	uint64_t line;
	size_t	 at, len;	/* the row as it came, in lines */
	char	 id[ID_LEN];
	enum fate fate;
	struct span error;	/* of the answer: what is wrong with a row that is not stored */
};

struct stream {
	struct session *s;
	struct columns json;	/* those that are JSON, and records that hold such */
	char	*path;
	EVP_MD_CTX *md;
	uint64_t rows;		/* that came */
	struct item *item;	/* of the request */
	size_t	 n, cap;
	int64_t	 since;		/* when the first of them came */
	struct buf lines, body, name, why;
	int	 refused;	/* requests of one row */
	bool	 ended;		/* --strict: a row was rejected */
};

/* Before the same rows are sent again. */
struct pause {
	int64_t	 since;
	int	 tries;
};

/* ---- columns of JSON ---- */

/* Leave only what has to be converted, by names as text.  True: something is left. */
static bool
keep_json(struct columns *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct column col = c->v[i];
		struct buf name = { 0 };

		if (col.type == COLUMN_JSON || (col.type == COLUMN_RECORD && keep_json(col.of))) {
			json_decode(json_inside((struct span){ col.name, strlen(col.name) }), &name);
			free(col.name);
			col.name = mem_dup(buf_str(&name), name.len);
			c->v[n++] = col;
			buf_free(&name);
			continue;
		}
		if (col.of != NULL)
			columns_free(col.of);
		free(col.of);
		free(col.name);
	}
	c->n = n;
	return n != 0;
}

/* The service compares names without regard to case. */
static const struct column *
find_column(struct stream *st, const struct columns *c, struct span key)
{
	if (memchr(key.p, '\\', key.len) != NULL) {
		buf_clear(&st->name);
		json_decode(key, &st->name);
		key = (struct span){ st->name.p, st->name.len };
	}
	for (size_t i = 0; i < c->n; i++)
		if (strlen(c->v[i].name) == key.len && strncasecmp(c->v[i].name, key.p, key.len) == 0)
			return &c->v[i];
	return NULL;
}

static void	put_object(struct stream *st, const struct columns *c, struct span object, const char **from);

/* Put what stands before a JSON value that has to be a string, and the string. */
static void
put_value(struct stream *st, const struct column *c, struct span v, bool repeated, const char **from)
{
	struct json_iter it;
	struct span element;

	if (repeated && *v.p == '[') {
		for (it = json_open(v); json_next_element(&it, &element); )
			put_value(st, c, element, false, from);
	} else if (c->type == COLUMN_RECORD) {
		if (*v.p == '{')
			put_object(st, c->of, v, from);
	} else if (!json_is_null(v)) {
		buf_add(&st->body, *from, (size_t)(v.p - *from));
		json_encode(v.p, v.len, &st->body);
		*from = v.p + v.len;
	}
}

static void
put_object(struct stream *st, const struct columns *c, struct span object, const char **from)
{
	const struct column *col;
	struct json_iter it;
	struct member m;

	for (it = json_open(object); json_next_member(&it, &m); )
		if ((col = find_column(st, c, m.key)) != NULL)
			put_value(st, col, m.val, col->repeated, from);
}

/* ---- a request ---- */

/* The row from its '{' to its '}'. */
static struct span
text_of(const struct stream *st, const struct item *i)
{
	const char *p = st->lines.p + i->at, *end = p + i->len;

	if (end > p && end[-1] == '\n')
		end--;
	return splice_text(p, end);
}

static void
put_row(struct stream *st, const struct item *i)
{
	struct span text = text_of(st, i);
	const char *from = text.p;

	buf_adds(&st->body, "{\"insertId\":\"");
	buf_add(&st->body, i->id, ID_LEN);
	buf_adds(&st->body, "\",\"json\":");
	if (st->json.n != 0)
		put_object(st, &st->json, text, &from);
	buf_add(&st->body, from, (size_t)(text.p + text.len - from));
	buf_addc(&st->body, '}');
}

/* False: it would be larger than the service takes. */
static bool
put_request(struct stream *st, const struct item *item, size_t n)
{
	buf_clear(&st->body);
	st->body.max = n == 1 ? MOST_REQUEST : MOST_BATCH;
	buf_addf(&st->body, "{\"skipInvalidRows\":%s,\"rows\":[", st->s->strict ? "false" : "true");
	for (size_t i = 0; i < n && !st->body.full; i++) {
		if (i != 0)
			buf_addc(&st->body, ',');
		put_row(st, &item[i]);
	}
	buf_adds(&st->body, "]}");
	return !st->body.full;
}

/* ---- ending ---- */

/* The rows of this request may be in the table or not, which "nothing was loaded" would not say. */
__attribute__((noreturn)) static void
stop_at(struct stream *st, const struct item *i, const char *why)
{
	progress_clear();
	if (rejects_close(&st->s->rejects) == -1)
		warn("%s: %s", st->s->rejects.path, strerror(errno));
	die(ST_FAILED, "%s; stopped at %s:%llu: of the rows from there on some may be in the table", why, i->file, (unsigned long long)i->line);
}

static void
check_request(struct stream *st, const struct item *i, enum google_result r)
{
	switch (r) {
	case GOOGLE_OK:
		return;
	case GOOGLE_INTERRUPTED:
		note("stopped at %s:%llu: of the rows from there on some may be in the table", i->file, (unsigned long long)i->line);
		break;
	case GOOGLE_REFUSED:
		if (st->s->loaded != 0)
			stop_at(st, i, buf_str(&st->s->reply.error));
		break;
	case GOOGLE_GAVE_UP:
		stop_at(st, i, buf_str(&st->s->reply.error));
	}
	check(st->s, r);
}

/* ---- the answer ---- */

static void
reject(struct stream *st, const struct item *i, const char *why)
{
	rejects_add(&st->s->rejects, i->file, i->line, 0, why, st->lines.p + i->at, i->len);
	st->s->status = worse(st->s->status, ST_REJECTED);
	st->ended = st->s->strict;
}

static void
get_text(struct span object, const char *name, struct buf *text)
{
	struct span v;

	buf_clear(text);
	if (json_member(object, name, strlen(name), &v) && json_is_string(v))
		json_decode(json_inside(v), text);
}

/* {"reason","location","message"} in words; the message often names the column itself. */
static const char *
explain(struct stream *st, struct span error)
{
	struct buf part = { 0 };

	buf_clear(&st->why);
	get_text(error, "message", &st->why);
	get_text(error, "location", &part);
	if (part.len != 0 && strstr(buf_str(&st->why), buf_str(&part)) == NULL)
		buf_addf(&st->why, "%scolumn %s", st->why.len != 0 ? ", " : "", buf_str(&part));
	get_text(error, "reason", &part);
	if (st->why.len == 0)
		buf_adds(&st->why, part.len != 0 ? buf_str(&part) : "refused without a reason");
	buf_free(&part);
	return buf_str(&st->why);
}

/* Of one row: nothing was wrong with it. */
static bool
may_pass(struct stream *st, struct span error)
{
	static const char *const passing[] = { "stopped", "timeout", "backendError", "internalError", "rateLimitExceeded", "tableUnavailable" };

	get_text(error, "reason", &st->why);
	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
		if (strcmp(buf_str(&st->why), passing[i]) == 0)
			return true;
	return false;
}

/* {"index","errors":[...]}; false: not of these rows. */
static bool
take_error(struct stream *st, struct span of, struct item *item, size_t n)
{
	struct span index, list, error;
	struct json_iter it;
	size_t at = 0;

	if (!JSON_MEMBER(of, "index", &index) || index.len > 6)
		return false;
	for (size_t i = 0; i < index.len; i++) {
		if (index.p[i] < '0' || index.p[i] > '9')
			return false;
		at = at * 10 + (size_t)(index.p[i] - '0');
	}
	if (at >= n || !JSON_MEMBER(of, "errors", &list) || *list.p != '[')
		return false;
	if (item[at].fate == STORED)
		item[at].fate = AGAIN;
	for (it = json_open(list); json_next_element(&it, &error); ) {
		if (item[at].fate == BAD)
			break;
		item[at].error = error;
		if (!may_pass(st, error))
			item[at].fate = BAD;
	}
	return true;
}

/* Note what became of each row.  False: an answer that cannot be understood. */
static bool
take_errors(struct stream *st, struct item *item, size_t n)
{
	struct span list, error;
	struct json_iter it;

	for (size_t i = 0; i < n; i++) {
		item[i].fate = STORED;
		item[i].error = (struct span){ "{}", 2 };
	}
	if (!JSON_MEMBER(st->s->reply.object, "insertErrors", &list) || json_is_null(list))
		return true;
	if (*list.p != '[')
		return false;
	for (it = json_open(list); json_next_element(&it, &error); )
		if (!take_error(st, error, item, n))
			return false;
	return true;
}

/* With --strict a bad row keeps all others of its request out: those before it go again, what follows is left. */
static size_t
cut_at_bad(struct item *item, size_t n)
{
	bool any = false;
	size_t end;

	for (size_t i = 0; i < n; i++)
		any = any || item[i].fate != STORED;
	for (end = 0; any && end < n && item[end].fate != BAD; end++)
		item[end].fate = AGAIN;
	return any && end < n ? end + 1 : n;
}

/* Count, reject, and move what has to be sent again to the front.  Returns how many that are. */
static size_t
settle(struct stream *st, struct item *item, size_t n)
{
	struct session *s = st->s;
	size_t again = 0;

	if (!take_errors(st, item, n))
		stop_at(st, item, "an answer of BigQuery that names rows which were not sent");
	if (s->strict)
		n = cut_at_bad(item, n);
	for (size_t i = 0; i < n; i++) {
		switch (item[i].fate) {
		case STORED:
			s->loaded++;
			break;
		case AGAIN:
			item[again++] = item[i];
			break;
		case BAD:
			reject(st, &item[i], explain(st, item[i].error));
			break;
		}
	}
	return again;
}

/* ---- sending ---- */

static void
wait_before(struct stream *st, struct pause *p, const struct item *i, bool counted, const char *why)
{
	struct session *s = st->s;
	int64_t wait = (int64_t)BACKOFF_MS << (p->tries < 6 ? p->tries : 6), now = when_mono();

	wait = wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS;
	wait = wait / 2 + (int64_t)rnd_below((uint64_t)wait / 2);
	if (p->tries == 0)
		p->since = now;
	if ((counted && p->tries >= s->policy.max_retries) || now - p->since + wait > s->policy.retry_time_ms)
		stop_at(st, i, why);
	p->tries++;
	verbose("%s; again in %.1f s", why, (double)wait / 1e3);
	if (io_wait(sig_fd(), (int)wait) != 0)
		check_request(st, i, GOOGLE_INTERRUPTED);
}

/* Some rows were not stored, for no fault of theirs. */
static void
wait_for_rows(struct stream *st, struct pause *p, const struct item *item, size_t n)
{
	struct buf why = { 0 };

	buf_addf(&why, "BigQuery did not take %zu rows: ", n);
	buf_adds(&why, explain(st, item->error));
	wait_before(st, p, item, true, buf_str(&why));
	buf_free(&why);
}

static void	send_rows(struct stream *st, struct item *item, size_t n);

/* The request as a whole cannot be taken: find the row at fault by halves. */
static void
send_less(struct stream *st, struct item *item, size_t n, const char *why)
{
	if (n == 1) {
		reject(st, item, why);
		return;
	}
	verbose("%s; sending %zu rows by halves", why, n);
	send_rows(st, item, n / 2);
	send_rows(st, item + n / 2, n - n / 2);
}

/* A request may be refused for the size or the form of a row, but then not every one is. */
static void
refused(struct stream *st, struct item *item, size_t n)
{
	struct session *s = st->s;
	struct buf why = { 0 };
	const char *reason = buf_str(&s->reply.reason);

	if (s->reply.status != 413 && !(s->reply.status == 400 && (strcmp(reason, "badRequest") == 0 || strcmp(reason, "parseError") == 0)))
		check_request(st, item, GOOGLE_REFUSED);
	if (n == 1 && s->loaded == 0 && ++st->refused > MOST_REFUSED)
		give_up(s, "%s", buf_str(&s->reply.error));
	buf_adds(&why, buf_str(&s->reply.error));
	send_less(st, item, n, buf_str(&why));
	buf_free(&why);
}

/* Returns when each of these rows is stored or rejected. */
static void
send_rows(struct stream *st, struct item *item, size_t n)
{
	struct session *s = st->s;
	struct pause p = { 0 };

	if (st->ended)
		return;
	while (n != 0) {
		uint64_t rejected = s->rejects.n;
		enum google_result r;

		if (!put_request(st, item, n)) {
			send_less(st, item, n, "larger than a request of 10 MB; --method load takes it");
			return;
		}
		r = bigquery_call(s->bq, "POST", st->path, &st->body, true, &s->reply);
		if (r == GOOGLE_REFUSED && s->reply.status == 404 && s->create) {
			/* Of a new table the service does not know everywhere for some minutes. */
			wait_before(st, &p, item, false, buf_str(&s->reply.error));
			continue;
		}
		if (r == GOOGLE_REFUSED) {
			refused(st, item, n);
			return;
		}
		check_request(st, item, r);
		n = settle(st, item, n);
		if (n != 0 && !(s->strict && s->rejects.n != rejected))
			wait_for_rows(st, &p, item, n);
	}
}

/* ---- rows ---- */

struct stream *
stream_begin(struct session *s)
{
	struct stream *st = mem_zero(1, sizeof *st);
	struct buf path = { 0 }, error = { 0 };
	struct span schema = { s->info.schema.p, s->info.schema.len };

	st->s = s;
	st->md = EVP_MD_CTX_new();
	if (st->md == NULL)
		give_up(s, "out of memory");
	/* A table without columns has none of JSON either. */
	if (schema.len != 0 && columns_read(&st->json, schema, &error))
		keep_json(&st->json);
	else
		columns_free(&st->json);
	table_put_path(&s->table, &path);
	buf_adds(&path, "/insertAll?prettyPrint=false");
	st->path = mem_dup(path.p, path.len);
	buf_free(&path);
	buf_free(&error);
	return st;
}

/*
 * By this id the service knows a row again, for about a minute: the same row at the same place of the same input.  The place is
 * counted through all files, since equal lines may stand at equal places of two.
 */
static void
put_id(struct stream *st, struct span row, char id[ID_LEN])
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (EVP_DigestInit_ex(st->md, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(st->md, &st->rows, sizeof st->rows) != 1 ||
	    EVP_DigestUpdate(st->md, row.p, row.len) != 1 || EVP_DigestFinal_ex(st->md, hash, NULL) != 1)
		give_up(st->s, "SHA-256 is not available");
	for (size_t i = 0; i < ID_LEN; i++)
		id[i] = "0123456789abcdef"[i % 2 == 0 ? hash[i / 2] >> 4 : hash[i / 2] & 15];
}

void
stream_add(struct stream *st, const char *file, uint64_t line, struct span row)
{
	struct item *i;

	if (st->n == MOST_ROWS || st->lines.len + row.len > MOST_BATCH)
		stream_flush(st);
	if (st->ended)
		return;
	if (st->n == 0)
		st->since = when_mono();
	st->item = mem_grow(st->item, &st->cap, st->n + 1, sizeof *st->item);
	i = &st->item[st->n++];
	*i = (struct item){ .file = file, .line = line, .at = st->lines.len, .len = row.len };
	buf_add(&st->lines, row.p, row.len);
	st->rows++;
	put_id(st, text_of(st, i), i->id);
	if (when_mono() - st->since >= LINGER_MS)
		stream_flush(st);
}

void
stream_flush(struct stream *st)
{
	buf_pad(&st->lines);
	send_rows(st, st->item, st->n);
	st->n = 0;
	buf_clear(&st->lines);
	rejects_flush(&st->s->rejects);
}

void
stream_end(struct stream *st)
{
	stream_flush(st);
	columns_free(&st->json);
	EVP_MD_CTX_free(st->md);
	free(st->path);
	free(st->item);
	buf_free(&st->lines);
	buf_free(&st->body);
	buf_free(&st->name);
	buf_free(&st->why);
	free(st);
}
