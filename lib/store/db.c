#include "store/db.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/mem.h"
#include "json/str.h"

#define DEFAULT_DSN "sqlite:llmutils.db"

void
db_add_column(struct db_table *t, const char *name, size_t len, enum db_kind kind, bool has_default)
{
	t->column = mem_grow(t->column, &t->cap, t->n + 1, sizeof *t->column);
	t->column[t->n++] = (struct db_column){ .name = mem_dup(name, len), .len = len, .kind = kind, .has_default = has_default };
}

long
db_find_column(const struct db_table *t, const char *name, size_t len)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->column[i].len == len && memcmp(t->column[i].name, name, len) == 0)
			return (long)i;
	return -1;
}

void
db_table_free(struct db_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->column[i].name);
	free(t->column);
	*t = (struct db_table){ .name = t->name };
}

enum db_status
db_error(struct db *db, enum db_status st, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_clear(&db->error);
	buf_add(&db->error, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
	while (db->error.len > 0 && (db->error.p[db->error.len - 1] == '\n' || db->error.p[db->error.len - 1] == ' '))
		db->error.len--;
	for (size_t i = 0; i < db->error.len; i++)
		if (db->error.p[i] == '\n' || db->error.p[i] == '\t')
			db->error.p[i] = ' ';
	(void)buf_str(&db->error);
	return st;
}

enum db_status
db_init(struct db *db, const char *given, void (*tell)(const char *text))
{
	char *dsn = given != NULL ? mem_dup(given, strlen(given)) : env_get((const char *const[]){ "LLMUTILS_DB", NULL });

	if (dsn == NULL)
		dsn = mem_dup(DEFAULT_DSN, sizeof DEFAULT_DSN - 1);
	*db = (struct db){ .dsn = dsn, .tell = tell };
	if (strncmp(dsn, "sqlite:", 7) == 0 && dsn[7] != '\0')
		db->engine = &db_sqlite;
	else if (strncmp(dsn, "postgres://", 11) == 0 || strncmp(dsn, "postgresql://", 13) == 0)
		db->engine = &db_postgres;
	else
		return db_error(db, DB_USAGE, "the database is named as sqlite:PATH or postgres://..., see sql-load(1)");
	return DB_OK;
}

enum db_status
db_open(struct db *db)
{
	if (db->conn != NULL)
		db->engine->close(db);
	db->conn = NULL;
	return db->engine->open(db);
}

void
db_free(struct db *db)
{
	if (db->conn != NULL)
		db->engine->close(db);
	free(db->dsn);
	buf_free(&db->error);
	*db = (struct db){ 0 };
}

enum db_status
db_describe(struct db *db, struct db_table *t)
{
	db_table_free(t);
	return db->engine->describe(db, t);
}

enum db_status
db_create(struct db *db, const struct db_table *t, const size_t *key, size_t n_key)
{
	if (strlen(t->name) > db->engine->name_max)
		return db_error(db, DB_USAGE, "the table's name is longer than %zu bytes", db->engine->name_max);
	for (size_t i = 0; i < t->n; i++) {
		if (t->column[i].len > db->engine->name_max)
			return db_error(db, DB_USAGE, "column '%.80s...': a name longer than %zu bytes", t->column[i].name,
			    db->engine->name_max);
		if (memchr(t->column[i].name, '\0', t->column[i].len) != NULL)
			return db_error(db, DB_USAGE, "column '%s\\u0000...': a name cannot hold this", t->column[i].name);
	}
	return db->engine->create(db, t, key, n_key);
}

void
db_load_reset(struct db_load *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->why[i]);
		l->why[i] = NULL;
	}
	l->done = 0;
	l->changed = 0;
}

enum db_status
db_claim(struct db *db, const char *table, const char *id)
{
	if (db->load_id == NULL)
		rnd_uuid(db->run);
	db->load_id = id;
	if (db->conn == NULL)
		return db_error(db, DB_AGAIN, "not connected");
	return db->engine->claim(db, table);
}

void
db_settle(struct db *db, const struct db_load *l)
{
	bool cut = l->strict && l->done > 0 && l->why[l->done - 1] != NULL;

	l->settled(l->arg, l);
	db->next = db->mark;
	/* --strict comes back to the row that stopped it. */
	db->next.records = cut ? l->number[l->done - 1] - 1 : l->records;
	for (size_t i = 0; i < l->done; i++)
		db->next.rows += l->why[i] == NULL;
}

enum db_status
db_lost_claim(struct db *db)
{
	return db_error(db, DB_FAILED, "another run of the load '%.200s' has begun; it goes on, this one ends", db->load_id);
}

void
db_feed(struct db *db, const struct db_load *l)
{
	if (db->conn != NULL && db->engine->feed != NULL)
		db->engine->feed(db, l);
}

enum db_status
db_load(struct db *db, struct db_load *l)
{
	if (!db->unsure)
		db_load_reset(l);
	if (db->conn == NULL)
		return db_error(db, DB_AGAIN, "not connected");
	return db->engine->load(db, l);
}

enum db_status
db_end_loads(struct db *db)
{
	return db->conn == NULL ? DB_OK : db->engine->end_loads(db);
}

enum db_status
db_query(struct db *db, const char *sql, const struct db_param *param, size_t n, db_sink *sink, void (*idle)(void *), void *arg)
{
	return db->engine->query(db, sql, param, n, sink, idle, arg);
}

/* ---- SQL ---- */

void
db_put_name(const char *name, size_t len, struct buf *out)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, name[i]);
	}
	buf_addc(out, '"');
}

void
db_put_names(const struct db_table *t, const size_t *which, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(out, ',');
		db_put_name(t->column[which[i]].name, t->column[which[i]].len, out);
	}
}

static bool
is_key(const struct db_load *l, size_t column)
{
	for (size_t i = 0; i < l->n_key; i++)
		if (l->key[i] == column)
			return true;
	return false;
}

void
db_put_conflict(const struct db_load *l, struct buf *out)
{
	bool any = false;

	if (l->conflict == DB_CONFLICT_FAIL)
		return;
	buf_adds(out, " ON CONFLICT (");
	db_put_names(l->table, l->key, l->n_key, out);
	buf_adds(out, ") DO ");
	for (size_t i = 0; i < l->n_use && l->conflict == DB_CONFLICT_UPDATE; i++) {
		const struct db_column *c = &l->table->column[l->use[i]];

		if (is_key(l, l->use[i]))
			continue;
		buf_adds(out, any ? "," : "UPDATE SET ");
		db_put_name(c->name, c->len, out);
		buf_adds(out, "=excluded.");
		db_put_name(c->name, c->len, out);
		any = true;
	}
	if (!any)
		buf_adds(out, "NOTHING");
}

/* ---- results ---- */

void
db_put_double_text(const char *s, size_t len, struct buf *out)
{
	if (len == 0 || strchr("NI", s[s[0] == '-' && len > 1]) != NULL) {
		json_encode(s, len, out);
		return;
	}
	buf_add(out, s, len);
	if (memchr(s, '.', len) == NULL && memchr(s, 'e', len) == NULL)
		buf_adds(out, ".0");
}

void
db_put_double(double d, struct buf *out)
{
	char s[40];

	if (isnan(d))
		snprintf(s, sizeof s, "NaN");
	else if (isinf(d))
		snprintf(s, sizeof s, "%sInfinity", d < 0 ? "-" : "");
	else
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(s, sizeof s, "%.*g", digits, d);
			if (strtod(s, NULL) == d)
				break;
		}
	db_put_double_text(s, strlen(s), out);
}

static bool
has_name(const struct db_names *names, const struct buf *b)
{
	for (size_t i = 0; i < names->n; i++)
		if (names->name[i].len == b->len && memcmp(names->name[i].p + 1, b->p + 1, b->len - 1) == 0)
			return true;
	return false;
}

void
db_names_add(struct db_names *names, const char *name)
{
	struct buf b = { 0 }, plain = { 0 };

	for (unsigned n = 1; n == 1 || has_name(names, &b); n++) {
		buf_clear(&plain);
		buf_adds(&plain, name);
		if (n > 1)
			buf_addf(&plain, "_%u", n);
		buf_clear(&b);
		buf_addc(&b, names->n == 0 ? '{' : ',');
		json_encode(buf_str(&plain), plain.len, &b);
		buf_addc(&b, ':');
	}
	buf_free(&plain);
	names->name = mem_grow(names->name, &names->cap, names->n + 1, sizeof *names->name);
	names->name[names->n++] = (struct span){ b.p, b.len };
}

void
db_names_free(struct db_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free((void *)(uintptr_t)names->name[i].p);
	free(names->name);
	*names = (struct db_names){ 0 };
}
