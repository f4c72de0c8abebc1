/* sql-query - run SQL on SQLite or PostgreSQL, rows as NDJSON; see sql-query(1) */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "store/db.h"

#define MAX_SQL ((size_t)64 << 20)

static struct {
	const char *db, *file;
	struct opt_list params;
} opts;

static const struct opt table[] = {
	OPT_NAME('d', "db", "DSN", &opts.db, "sqlite:PATH or postgres://... (default $LLMUTILS_DB, sqlite:llmutils.db)"),
	OPT_NAME('f', "file", "FILE", &opts.file, "read the SQL from FILE (- is stdin)"),
	OPT_LIST('p', "param", "NAME=VALUE", &opts.params, "the value of :NAME in the SQL; bound, never spliced"),
};

static const struct tool tool = {
	.name = "sql-query",
	.synopsis = "[--db DSN] [--param NAME=VALUE ...] SQL | -f FILE",
	.summary = "Run SQL on SQLite or PostgreSQL and write the rows as NDJSON.",
	.example = "  sql-query -p day=2026-06-19 'SELECT * FROM daily_character_usage WHERE date = :day'",
	.environment = "  LLMUTILS_DB  the database, where --db is not given\n"
	    "  PG*          what libpq reads: PGHOST, PGUSER, PGPASSWORD, PGPASSFILE, PGSERVICE ...",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = 1,
};

struct output {
	struct buf out;
	uint64_t rows;
};

static void
put_row(void *arg, const char *line, size_t len)
{
	struct output *o = arg;

	std_put(&o->out, line, len);
	o->rows++;
}

static void
flush(void *arg)
{
	std_flush(&((struct output *)arg)->out);
}

static struct db_param *
parse_params(void)
{
	struct db_param *v = mem_zero(opts.params.n + 1, sizeof *v);

	for (size_t i = 0; i < opts.params.n; i++) {
		const char *arg = opts.params.v[i], *equal = strchr(arg, '=');

		if (equal == NULL || equal == arg)
			opt_misuse("--param: '%s' is not NAME=VALUE", arg);
		v[i] = (struct db_param){ mem_dup(arg, (size_t)(equal - arg)), equal + 1 };
	}
	return v;
}

static void
read_sql(char *argv[], int n, struct buf *sql)
{
	const char *name = opts.file;
	int fd;

	if ((opts.file != NULL) == (n == 1))
		opt_misuse("give the SQL as an operand, or with -f FILE");
	if (n == 1) {
		buf_adds(sql, argv[0]);
		return;
	}
	if ((fd = io_open_input(&name)) == -1)
		die(ST_USAGE, "%s: %s", name, strerror(errno));
	sql->max = MAX_SQL;
	if (file_read_fd(fd, sql) == -1) {
		if (sig_caught() != 0)
			exit(sig_exit(ST_FAILED));
		if (errno == EFBIG)
			die(ST_USAGE, "%s: longer than 64 MiB", name);
		die(ST_FAILED, "%s: %s", name, strerror(errno));
	}
	io_close_input(fd);
	if (sql->p != NULL && memchr(sql->p, '\0', sql->len) != NULL)
		die(ST_USAGE, "%s: a NUL byte in the SQL", name);
}

static void
tell(const char *text)
{
	verbose("%s", text);
}

static enum db_status
open_db(struct db *db)
{
	enum db_status st = db_init(db, opts.db, tell);

	if (st == DB_OK)
		st = db_open(db);
	if (db->password && opts.db != NULL)
		note("a password on the command line can be read by every user; use LLMUTILS_DB, PGPASSWORD or a password file");
	return st;
}

int
main(int argc, char *argv[])
{
	struct output o = { 0 };
	struct buf sql = { 0 };
	struct db db;
	int64_t start = when_mono();
	int n = opt_parse(&tool, argc, argv), status = ST_OK;
	struct db_param *param = parse_params();
	enum db_status st;

	sig_catch();
	sig_ignore_pipe();
	read_sql(argv, n, &sql);

	st = open_db(&db);
	if (st == DB_OK)
		st = db_query(&db, buf_str(&sql), param, opts.params.n, put_row, flush, &o);
	std_flush(&o.out);

	if (st != DB_OK && st != DB_STOPPED) {
		status = st == DB_USAGE && o.rows == 0 && !db.begun ? ST_USAGE : ST_FAILED;
		warn("%s", buf_str(&db.error));
	}
	verbose("rows=%llu seconds=%.1f", (unsigned long long)o.rows, (double)(when_mono() - start) / 1e3);
	db_free(&db);
	for (size_t i = 0; i < opts.params.n; i++)
		free((void *)(uintptr_t)param[i].name);
	free(param);
	buf_free(&sql);
	buf_free(&o.out);
	return sig_exit(std_close(status));
}
