/*
 * PostgreSQL behind db.h: COPY, one transaction a batch.
 *
 * Whether a batch whose answer to COMMIT was lost is in the table must be known before it is repeated.  So each
 * batch of a load that could be repeated to double its rows leaves a ticket, a row with a UUID of its own, in the
 * table llmutils_loads, in the same transaction.  After a lost answer the same ticket is inserted once more, void (dated
 * a year ahead), unless it is there: then the batch is in the table (an insert waits for one that is still under way).
 * Where it was not there, the batch is not in the table, and never will be, since its own ticket is refused from now on.
 * A void ticket that is there says the same: the answer to this was lost, too.
 *
 * A named load needs no tickets: its mark moves with each COMMIT, and only from where it was, so it tells what is in the table.  The
 * statement that moves it divides by zero where it meets no row, which keeps the server from the COMMIT behind it.
 */
#include "store/db.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/when.h"
#include "store/pg_conn.h"
#include "store/pg_value.h"
#include "store/sql_text.h"

#define COPY_PIECE	((size_t)256 << 10)
#define STAGING_NAME	"llmutils_staging"
#define STAGING		"pg_temp." STAGING_NAME

/* ---- tables ---- */

static void
put_table(const struct db_table *t, struct buf *out)
{
	db_put_name(t->name, strlen(t->name), out);
}

static enum db_status
pg_describe(struct db *db, struct db_table *t)
{
	static const char sql[] = "SELECT a.attname, coalesce(nullif(y.typbasetype, 0), y.oid), y.typcategory, "
	    "a.atthasdef OR a.attidentity <> '' OR y.typdefault IS NOT NULL FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid "
	    "WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum";
	struct buf name = { 0 };
	const char *values[1];
	PGresult *r;
	enum db_status st;

	if (strlen(t->name) > db->engine->name_max)
		return db_error(db, DB_USAGE, "the table's name is longer than %zu bytes", db->engine->name_max);
	if (strcmp(t->name, STAGING_NAME) == 0)		/* it would hide the table: pg_temp is searched first */
		return db_error(db, DB_USAGE, "a table cannot be named %s: rows wait in one of this name", STAGING_NAME);
	put_table(t, &name);
	values[0] = buf_str(&name);
	st = pg_run(db, sql, values, 1, &r);
	buf_free(&name);
	if (st != DB_OK)
		return st;
	for (int i = 0; i < PQntuples(r); i++)
		db_add_column(t, PQgetvalue(r, i, 0), (size_t)PQgetlength(r, i, 0),
		    pg_kind((unsigned)strtoul(PQgetvalue(r, i, 1), NULL, 10), PQgetvalue(r, i, 2)[0]), PQgetvalue(r, i, 3)[0] == 't');
	PQclear(r);
	return DB_OK;
}

/* Another load may be creating the table at this very moment: IF NOT EXISTS does not see that. */
static enum db_status
creating(struct db *db, enum db_status st)
{
	if (st != DB_REFUSED && st != DB_USAGE)
		return st;
	return ((struct pg *)db->conn)->exists ? DB_AGAIN : DB_USAGE;
}

static enum db_status
pg_create(struct db *db, const struct db_table *t, const size_t *key, size_t n_key)
{
	static const char *const type[] = {
		[DB_INTEGER] = "bigint", [DB_REAL] = "double precision", [DB_NUMERIC] = "numeric", [DB_TEXT] = "text",
		[DB_BOOLEAN] = "boolean", [DB_JSON] = "json", [DB_TIME] = "timestamptz", [DB_DATE] = "date", [DB_BYTES] = "bytea",
		[DB_ARRAY] = "text[]", [DB_ANY] = "text",
	};
	struct buf sql = { 0 };
	enum db_status st;

	buf_adds(&sql, "CREATE TABLE IF NOT EXISTS ");
	put_table(t, &sql);
	buf_adds(&sql, " (");
	for (size_t i = 0; i < t->n; i++) {
		buf_adds(&sql, i == 0 ? "" : ", ");
		db_put_name(t->column[i].name, t->column[i].len, &sql);
		buf_addf(&sql, " %s", type[t->column[i].kind]);
	}
	if (n_key > 0) {
		buf_adds(&sql, ", PRIMARY KEY (");
		db_put_names(t, key, n_key, &sql);
		buf_addc(&sql, ')');
	}
	buf_addc(&sql, ')');
	st = pg_command(db, buf_str(&sql));
	buf_free(&sql);
	return creating(db, st);
}

/* ---- one batch ---- */

static bool
is_staged(const struct db_load *l)
{
	return l->conflict != DB_CONFLICT_FAIL;
}

static enum db_status
put_copy_data(struct db *db, struct buf *b)
{
	struct pg *pg = db->conn;
	enum db_status st = DB_OK;
	size_t n;

	for (size_t at = 0; at < b->len && st == DB_OK; at += n) {
		n = b->len - at < COPY_PIECE ? b->len - at : COPY_PIECE;
		st = PQputCopyData(pg->c, b->p + at, (int)n) == 1 ? pg_flush(db) : pg_lost(db);
	}
	buf_clear(b);
	return st;
}

/* Send rows; their COPY goes on. */
static enum db_status
put_rows(struct db *db, const struct db_load *l, size_t from, size_t to)
{
	struct pg *pg = db->conn;
	struct buf *b = &pg->copy;
	enum db_status st = DB_OK;

	for (size_t row = from; row < to && st == DB_OK; row++) {
		for (size_t i = 0; i < l->n_use; i++)
			pg_put_copy(&l->cell[row * l->n_use + i], l->text, i + 1 < l->n_use ? '\t' : '\n', b);
		if (b->len >= COPY_PIECE)
			st = put_copy_data(db, b);
	}
	return st == DB_OK ? put_copy_data(db, b) : st;
}

/* Begin a COPY, behind the statements that come before it. */
static enum db_status
start_copy(struct db *db, const struct db_load *l, struct buf *sql)
{
	struct pg *pg = db->conn;
	PGresult *r = NULL;
	enum db_status st;

	buf_adds(sql, "COPY ");
	if (is_staged(l))
		buf_adds(sql, STAGING);
	else
		put_table(l->table, sql);
	buf_adds(sql, " (");
	db_put_names(l->table, l->use, l->n_use, sql);
	buf_adds(sql, ") FROM STDIN");
	st = PQsendQuery(pg->c, buf_str(sql)) ? pg_flush(db) : pg_lost(db);
	while (st == DB_OK && (st = pg_next_result(db, &r)) == DB_OK && r != NULL && PQresultStatus(r) == PGRES_COMMAND_OK)
		PQclear(r);
	if (st == DB_OK && (r == NULL || PQresultStatus(r) != PGRES_COPY_IN))
		st = r == NULL ? pg_lost(db) : pg_judge(db, r);
	PQclear(r);
	/* Not a row's fault: none has been sent. */
	return st == DB_REFUSED ? DB_FAILED : st;
}

/* From the staging table on.  Of rows with one key the last counts for update, the first for ignore: as if they came one by one. */
static enum db_status
merge_rows(struct db *db, struct db_load *l, uint64_t *changed)
{
	bool update = l->conflict == DB_CONFLICT_UPDATE;
	struct buf sql = { 0 };
	PGresult *r;
	enum db_status st;

	buf_adds(&sql, "INSERT INTO ");
	put_table(l->table, &sql);
	buf_adds(&sql, " (");
	db_put_names(l->table, l->use, l->n_use, &sql);
	buf_adds(&sql, ") SELECT ");
	if (update) {
		buf_adds(&sql, "DISTINCT ON (");
		db_put_names(l->table, l->key, l->n_key, &sql);
		buf_adds(&sql, ") ");
	}
	db_put_names(l->table, l->use, l->n_use, &sql);
	buf_adds(&sql, " FROM " STAGING " ORDER BY ");
	if (update) {
		db_put_names(l->table, l->key, l->n_key, &sql);
		buf_adds(&sql, ", ctid DESC");
	} else {
		buf_adds(&sql, "ctid");
	}
	db_put_conflict(l, &sql);
	st = pg_run(db, buf_str(&sql), NULL, 0, &r);
	((struct pg *)db->conn)->bad = SIZE_MAX;
	buf_free(&sql);
	if (st != DB_OK)
		return st;
	*changed = strtoull(PQcmdTuples(r), NULL, 10);
	PQclear(r);
	return DB_OK;
}

/* In the COPY that has begun; some of the rows may have been sent before. */
static enum db_status
try_rows(struct db *db, struct db_load *l, size_t from, size_t to)
{
	struct pg *pg = db->conn;
	uint64_t changed = 0;
	PGresult *r = NULL;
	enum db_status st = put_rows(db, l, from + pg->fed, to);

	pg->fed = 0;
	if (st == DB_OK)
		st = PQputCopyEnd(pg->c, NULL) == 1 ? pg_flush(db) : pg_lost(db);
	if (st == DB_OK || st == DB_AGAIN)
		st = pg_finish(db, &r);
	if (st == DB_OK)
		changed = strtoull(PQcmdTuples(r), NULL, 10);
	PQclear(r);
	if (st == DB_OK && is_staged(l))
		st = merge_rows(db, l, &changed);
	if (st == DB_OK)
		l->changed += changed;
	return st;
}

/*
 * Load all rows but those that the server refuses.  After a refusal the rows before the one that the server names are
 * tried, or half of them; a row that is refused alone is out.  Then the window grows again.
 */
static enum db_status
load_rows(struct db *db, struct db_load *l)
{
	struct pg *pg = db->conn;
	size_t window = l->n, from = 0;
	struct buf sql = { 0 };
	enum db_status st = DB_OK;

	while (from < l->n && st == DB_OK) {
		size_t n = window < l->n - from ? window : l->n - from;

		st = try_rows(db, l, from, from + n);
		buf_clear(&sql);
		if (st == DB_OK) {
			from += n;
			window = window < l->n ? window * 4 : window;
			buf_adds(&sql, is_staged(l) ? "RELEASE SAVEPOINT r; TRUNCATE " STAGING "; SAVEPOINT r; " :
			    "RELEASE SAVEPOINT r; SAVEPOINT r; ");
			if (from < l->n)
				st = start_copy(db, l, &sql);
		} else if (st == DB_REFUSED) {
			if (n == 1)
				l->why[from++] = mem_dup(db->error.p, db->error.len);
			else
				window = pg->bad == 0 || pg->bad >= n ? (pg->bad == 0 ? 1 : n / 2) : pg->bad;
			if (from == l->n || (n == 1 && l->strict)) {
				st = pg_command(db, "ROLLBACK TO SAVEPOINT r");
				break;
			}
			buf_adds(&sql, "ROLLBACK TO SAVEPOINT r; ");
			st = start_copy(db, l, &sql);
		}
	}
	buf_free(&sql);
	if (st == DB_OK)
		l->done = from;
	return st;
}

/* ---- transactions ---- */

/* Create a table of ours if it is not there; also IF NOT EXISTS needs the right to.  One that is there may be another user's. */
static enum db_status
pg_has_table(struct db *db, const char *name, const char *rights, const char *create)
{
	static const char sql[] = "SELECT t IS NOT NULL, (SELECT bool_and(has_table_privilege(t, p)) FROM unnest(string_to_array($2, ',')) AS p) "
	    "FROM to_regclass($1) AS t";
	bool there, ours;
	PGresult *r;
	enum db_status st = pg_run(db, sql, (const char *const[]){ name, rights }, 2, &r);

	if (st != DB_OK)
		return st;
	there = PQgetvalue(r, 0, 0)[0] == 't';
	ours = PQgetvalue(r, 0, 1)[0] == 't';
	PQclear(r);
	if (there)
		return ours ? DB_OK : db_error(db, DB_USAGE, "permission denied for table %s", name);
	return creating(db, pg_command(db, create));
}

/* The table of tickets.  Without the right to it one has to do without. */
static enum db_status
open_tickets(struct db *db)
{
	struct pg *pg = db->conn;
	enum db_status st = pg_has_table(db, "llmutils_loads", "SELECT,INSERT,DELETE",
	    "CREATE TABLE IF NOT EXISTS llmutils_loads (ticket uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())");

	if (st == DB_USAGE && db->tell != NULL)
		db->tell("llmutils_loads cannot be created or written: a connection that is lost during a commit will end the load");
	pg->tickets = st == DB_OK;
	return st == DB_USAGE ? DB_OK : st;
}

/* Name the load, or look at its mark again after the connection was lost. */
static enum db_status
pg_claim(struct db *db, const char *table)
{
	static const char create[] = "CREATE TABLE IF NOT EXISTS llmutils_marks (load_id text, table_name text, run uuid NOT NULL UNIQUE, "
	    "records bigint NOT NULL, rows_loaded bigint NOT NULL, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (load_id, table_name))";
	/* A table of the same name in another schema is another table. */
	static const char first[] = "INSERT INTO llmutils_marks AS m (load_id, table_name, run, records, rows_loaded) VALUES ($1, "
	    "format('%I.%I', coalesce((SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
	    "WHERE c.oid = to_regclass(quote_ident($2))), current_schema(), ''), $2::text), $3::uuid, 0, 0) "
	    "ON CONFLICT (load_id, table_name) DO UPDATE SET run = excluded.run RETURNING records, rows_loaded";
	/* A COMMIT that is under way has the row locked: its end is waited for. */
	static const char again[] = "UPDATE llmutils_marks SET run = run WHERE run = $1::uuid RETURNING records, rows_loaded";
	struct pg *pg = db->conn;
	PGresult *r;
	enum db_status st = pg_has_table(db, "llmutils_marks", "SELECT,INSERT,UPDATE", create);

	if (st == DB_USAGE)
		return db_error(db, st, "llmutils_marks cannot be created or written: %s", buf_str(&db->error));
	if (st == DB_OK && db->claimed)
		st = pg_run(db, again, (const char *const[]){ db->run }, 1, &r);
	else if (st == DB_OK)
		st = pg_run(db, first, (const char *const[]){ db->load_id, table, db->run }, 3, &r);
	if (st != DB_OK)
		return st == DB_REFUSED ? DB_USAGE : st;
	st = PQntuples(r) == 1 ? DB_OK : db_lost_claim(db);
	if (st == DB_OK) {
		db->mark.records = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
		db->mark.rows = strtoull(PQgetvalue(r, 0, 1), NULL, 10);
		pg->claimed = db->claimed = true;
	}
	PQclear(r);
	return st;
}

static void
put_mark(const struct db *db, struct buf *sql)
{
	buf_addf(sql, "WITH u AS (UPDATE llmutils_marks SET records = %llu, rows_loaded = %llu, at = now() "
	    "WHERE run = '%s' AND records = %llu RETURNING 1) SELECT 1 / count(*) FROM u; ",
	    (unsigned long long)db->next.records, (unsigned long long)db->next.rows, db->run, (unsigned long long)db->mark.records);
}

static void
put_ticket(struct db *db, struct buf *sql)
{
	char ticket[UUID_SIZE];

	if (db->ticket[0] != '\0')
		buf_addf(sql, "DELETE FROM llmutils_loads WHERE ticket = '%s'; ", db->ticket);
	rnd_uuid(ticket);
	buf_addf(sql, "INSERT INTO llmutils_loads (ticket) VALUES ('%s'); ", ticket);
	memcpy(db->ticket, ticket, sizeof ticket);
}

static enum db_status
commit(struct db *db, const struct db_load *l)
{
	struct pg *pg = db->conn;
	struct buf sql = { 0 };
	PGresult *r = NULL;
	enum db_status st;

	if (db->load_id != NULL) {
		db_settle(db, l);
		put_mark(db, &sql);
	} else if (pg->tickets) {
		put_ticket(db, &sql);
	} else {
		db->ticket[0] = '\0';
	}
	buf_adds(&sql, "COMMIT");
	db->unsure = true;
	pg->unstoppable = true;
	st = pg_run(db, buf_str(&sql), NULL, 0, &r);
	pg->unstoppable = false;
	buf_free(&sql);
	if (st != DB_AGAIN)
		db->unsure = false;
	if (st != DB_OK)
		return st == DB_AGAIN || (st == DB_REFUSED && db->load_id != NULL) ? st : DB_FAILED;
	if (strcmp(PQcmdStatus(r), "COMMIT") != 0)
		st = db_error(db, DB_FAILED, "the server rolled the batch back");
	PQclear(r);
	return st;
}

/* Look where the mark is.  Sets *in: behind the batch that was to be committed, which is in the table then. */
static enum db_status
settle_mark(struct db *db, const struct db_load *l, bool *in)
{
	enum db_status st = pg_claim(db, l->table->name);

	*in = st == DB_OK && db->unsure && db->mark.records == db->next.records;
	if (st == DB_OK)
		db->unsure = false;
	return st;
}

/*
 * The server refused a COMMIT.  The mark is not where it was, if another run has claimed the name, or an earlier COMMIT of this
 * batch was late: after the connection was lost, and we looked, and began again.
 */
static enum db_status
refused_mark(struct db *db, const struct db_load *l)
{
	struct buf why = { 0 };
	enum db_status st;
	bool in = false;

	buf_add(&why, db->error.p, db->error.len);
	db->unsure = true;
	if ((st = pg_command(db, "ROLLBACK")) == DB_OK)
		st = settle_mark(db, l, &in);
	if (st == DB_OK && !in)
		st = db_error(db, DB_FAILED, "%s", buf_str(&why));
	buf_free(&why);
	return st;
}

/* The answer to a COMMIT was lost.  Sets *in: the batch is in the table. */
static enum db_status
settle(struct db *db, const struct db_load *l, bool *in)
{
	struct buf sql = { 0 };
	PGresult *r;
	enum db_status st;

	*in = false;
	if (is_staged(l)) {		/* repeating it changes nothing */
		db->unsure = false;
		return DB_OK;
	}
	if (db->ticket[0] == '\0')
		return db_error(db, DB_FAILED, "the connection was lost during a commit, and without the table llmutils_loads nobody "
		    "knows whether the last batch was written");
	buf_addf(&sql, "INSERT INTO llmutils_loads (ticket, at) VALUES ('%s', now() + interval '1 year') ON CONFLICT (ticket) DO NOTHING; "
	    "SELECT at < now() + interval '30 days' FROM llmutils_loads WHERE ticket = '%s'", db->ticket, db->ticket);
	st = pg_run(db, buf_str(&sql), NULL, 0, &r);
	buf_free(&sql);
	if (st != DB_OK)
		return st;
	*in = PQntuples(r) == 1 && PQgetvalue(r, 0, 0)[0] == 't';
	PQclear(r);
	db->unsure = false;
	if (!*in)
		db->ticket[0] = '\0';	/* it stays, in the way of a COMMIT that is late */
	return DB_OK;
}

/* Begin the transaction of a batch, and its first COPY. */
static enum db_status
begin(struct db *db, const struct db_load *l)
{
	struct pg *pg = db->conn;
	struct buf sql = { 0 };
	enum db_status st;

	if (db->load_id == NULL && !is_staged(l) && !pg->tickets && (st = open_tickets(db)) != DB_OK)
		return st;
	/* A deferred constraint would show up only at the end, where no row can be told apart any more. */
	buf_adds(&sql, "BEGIN; SET CONSTRAINTS ALL IMMEDIATE; ");
	if (is_staged(l)) {
		buf_adds(&sql, "CREATE TEMP TABLE " STAGING_NAME " ON COMMIT DROP AS SELECT * FROM ");
		put_table(l->table, &sql);
		buf_adds(&sql, " WITH NO DATA; ");
	}
	buf_adds(&sql, "SAVEPOINT r; ");
	st = start_copy(db, l, &sql);
	buf_free(&sql);
	return st;
}

/* What goes wrong here is the business of pg_load. */
static void
pg_feed(struct db *db, const struct db_load *l)
{
	struct pg *pg = db->conn;

	if (!pg->begun) {
		/* The last batch must be settled before. */
		if (db->unsure || (db->load_id != NULL && !pg->claimed))
			return;
		db->fed_since = when_mono();
		pg->begun = true;
		pg->fed_status = begin(db, l);
	}
	if (pg->fed_status == DB_OK && (pg->fed_status = put_rows(db, l, pg->fed, l->n)) == DB_AGAIN)
		pg->fed_status = DB_OK;		/* to hear the server's last words */
	pg->fed = l->n;
}

static enum db_status
load(struct db *db, struct db_load *l)
{
	struct pg *pg = db->conn;
	enum db_status st;

	if (!pg->begun && (db->unsure || (db->load_id != NULL && !pg->claimed))) {
		bool in;

		st = db->load_id != NULL ? settle_mark(db, l, &in) : settle(db, l, &in);
		if (st != DB_OK || in)
			return st;
		db_load_reset(l);
	}
	st = pg->begun ? pg->fed_status : begin(db, l);
	pg->begun = false;
	if (st == DB_OK)
		st = load_rows(db, l);
	if (st != DB_OK)
		return st == DB_REFUSED ? DB_FAILED : st;
	st = commit(db, l);
	if (st == DB_REFUSED)
		st = refused_mark(db, l);
	if (st == DB_OK)
		db->mark = db->next;
	return st;
}

/* Whatever state an error leaves the connection in, closing it ends the transaction. */
static enum db_status
pg_load(struct db *db, struct db_load *l)
{
	enum db_status st = load(db, l);

	db->fed_since = 0;
	if (st != DB_OK)
		pg_close(db);
	else
		db->begun = true;
	return st;
}

static enum db_status
pg_end_loads(struct db *db)
{
	struct pg *pg = db->conn;
	struct buf sql = { 0 };
	enum db_status st;

	if (db->ticket[0] == '\0' || (pg->begun && pg->fed_status != DB_OK))
		return DB_OK;
	pg->unstoppable = true;
	if (pg->begun) {
		PQputCopyEnd(pg->c, "the input has not come to its end");
		(void)pg_finish(db, NULL);
		buf_adds(&sql, "ROLLBACK; ");
	}
	/* Others' that were killed, or lost an answer. */
	buf_addf(&sql, "DELETE FROM llmutils_loads WHERE ticket = '%s' OR at < now() - interval '30 days'", db->ticket);
	st = pg_command(db, buf_str(&sql));
	pg->unstoppable = false;
	buf_free(&sql);
	return st;
}

/* ---- queries ---- */

static void
put_row(const PGresult *r, struct db_names *names, struct buf *line)
{
	int n = PQnfields(r);

	while (names->n < (size_t)n)
		db_names_add(names, PQfname(r, (int)names->n));
	buf_clear(line);
	for (int i = 0; i < n; i++) {
		int len = PQgetlength(r, 0, i);

		buf_add(line, names->name[i].p, names->name[i].len);
		if (len == 0 && PQgetisnull(r, 0, i))
			buf_add(line, "null", 4);
		else
			pg_put_json(PQftype(r, i), PQgetvalue(r, 0, i), (size_t)len, line);
	}
	buf_adds(line, n == 0 ? "{}\n" : "}\n");
}

static enum db_status
take_rows(struct db *db, db_sink *sink, void (*idle)(void *), void *arg)
{
	struct pg *pg = db->conn;
	struct db_names names = { 0 };
	struct buf line = { 0 };
	enum db_status st = DB_OK, bad = DB_OK;
	PGresult *r = NULL;

	for (;;) {
		if (PQisBusy(pg->c))
			idle(arg);
		if ((st = pg_next_result(db, &r)) != DB_OK || r == NULL)
			break;
		if (PQresultStatus(r) == PGRES_SINGLE_TUPLE) {
			put_row(r, &names, &line);
			sink(arg, line.p, line.len);
		} else if (pg_is_error(r)) {
			bad = pg_judge(db, r);
		} else if (PQresultStatus(r) == PGRES_COPY_OUT || PQresultStatus(r) == PGRES_COPY_IN) {
			bad = db_error(db, DB_USAGE, "COPY to or from the client is for psql");
			PQclear(r);
			break;
		}
		PQclear(r);
	}
	db_names_free(&names);
	buf_free(&line);
	return bad != DB_OK ? bad : st;
}

static enum db_status
run_statement(struct db *db, const struct buf *sql, const char *const *values, size_t n, db_sink *sink, void (*idle)(void *), void *arg)
{
	struct pg *pg = db->conn;
	enum db_status st;

	if (!PQsendQueryParams(pg->c, sql->p, (int)n, NULL, values, NULL, NULL, 0) || !PQsetSingleRowMode(pg->c))
		return pg_lost(db);
	st = pg_flush(db);
	return st == DB_OK || st == DB_AGAIN ? take_rows(db, sink, idle, arg) : st;
}

static enum db_status
find_values(struct db *db, const struct sql_names *names, const struct db_param *param, size_t n, const char **values)
{
	for (size_t i = 0; i < names->n; i++) {
		struct span name = names->name[i];
		size_t k = 0;

		while (k < n && (strlen(param[k].name) != name.len || memcmp(param[k].name, name.p, name.len) != 0))
			k++;
		if (k == n)
			return db_error(db, DB_USAGE, "no value for :%.*s: give --param %.*s=VALUE", (int)name.len, name.p, (int)name.len, name.p);
		values[i] = param[k].value;
	}
	return DB_OK;
}

static enum db_status
pg_query(struct db *db, const char *text, const struct db_param *param, size_t n, db_sink *sink, void (*idle)(void *), void *arg)
{
	struct pg *pg = db->conn;
	struct sql_names names = { 0 };
	struct buf sql = { 0 };
	enum db_status st = DB_OK;

	while (st == DB_OK && sql_next(&text, &sql, &names)) {
		const char **values = mem_zero(names.n + 1, sizeof *values);

		(void)buf_str(&sql);
		if ((st = find_values(db, &names, param, n, values)) == DB_OK)
			st = run_statement(db, &sql, values, names.n, sink, idle, arg);
		free(values);
		db->begun |= st == DB_OK && PQtransactionStatus(pg->c) == PQTRANS_IDLE;
	}
	free(names.name);
	buf_free(&sql);
	return st;
}

const struct db_engine db_postgres = {
	.open = pg_open, .close = pg_close, .describe = pg_describe, .create = pg_create, .claim = pg_claim, .feed = pg_feed, .load = pg_load,
	.end_loads = pg_end_loads, .query = pg_query,
	.name_max = 63, .holds_nul = false,
};
