/* bq-query - run SQL in BigQuery, rows as NDJSON; see bq-query(1) */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/rnd.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "google/bigquery.h"
#include "google/rows.h"
#include "json/str.h"

#define WAIT_MS 10000		/* that the service holds an answer back for, while a query runs */
#define NAP_MS 200
#define MOST_SQL (16u << 20)

static struct http_policy policy = HTTP_POLICY;

static struct {
	const char *file, *location, *project;
	struct opt_list params;
	int64_t	 page, most_bytes;
} opts;

static const struct opt table[] = {
	OPT_STRING('f', "file", "FILE", &opts.file, "read the SQL from FILE (- is stdin)"),
	OPT_STRING('l', "location", "L", &opts.location, "where the data is, outside of US and EU: asia-east1"),
	OPT_SIZE(0, "max-bytes", &opts.most_bytes, 1, INT64_MAX, "refuse a query that would read more"),
	OPT_NUMBER(0, "page-size", &opts.page, 1, 100000, "rows in one answer (default: as many as fit)"),
	OPT_LIST(0, "param", "NAME[:TYPE]=VALUE", &opts.params, "the value of @NAME, of this type (default STRING)"),
	OPT_STRING('p', "project", "P", &opts.project, "the project that pays (default $GOOGLE_CLOUD_PROJECT, or the credentials')"),
	OPT_HTTP(&policy),
};

static const struct tool tool = {
	.name = "bq-query",
	.synopsis = "[--project P] [--location L] [--param NAME=VALUE] SQL | -f FILE",
	.summary = "Run SQL in BigQuery and write its rows, a JSON object a line.",
	.example = "  bq-query --param day:DATE=2026-11-21 'SELECT user_name FROM botrun.test_logs WHERE DATE(timestamp) = @day'",
	.environment = "  GOOGLE_APPLICATION_CREDENTIALS  a credential file (BOTRUN_LOG_CREDENTIALS_PATH)\n"
	    "  GOOGLE_OAUTH_ACCESS_TOKEN       a ready token, in its place (or ..._FILE)\n"
	    "  GOOGLE_CLOUD_PROJECT            the project (BOTRUN_LOG_PROJECT_ID)\n"
	    "  BIGQUERY_ENDPOINT               the root of the API, for tests; BIGQUERY_EMULATOR_HOST: without credentials",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = 1,
};

struct query {
	struct bigquery *bq;
	struct bigquery_reply reply;
	struct columns columns;
	bool	 has_columns, single;
	char	*job, *location, *page;		/* owned; job and location percent-encoded */
	struct buf out;
	uint64_t rows;
};

/* ---- the request ---- */

static void
put_string(const char *name, const char *value, struct buf *b)
{
	buf_addc(b, ',');
	json_put_name(name, b);
	json_encode(value, strlen(value), b);
}

/* NAME=VALUE or NAME:TYPE=VALUE. */
static void
put_param(const char *param, struct buf *b)
{
	const char *value = strchr(param, '='), *colon = value == NULL ? NULL : memchr(param, ':', (size_t)(value - param));
	const char *name_end = colon != NULL ? colon : value, *type = colon != NULL ? colon + 1 : "STRING";
	size_t type_len = colon != NULL ? (size_t)(value - type) : strlen(type);

	if (value == NULL || name_end == param || type_len == 0)
		opt_misuse("--param: '%s' is not NAME=VALUE or NAME:TYPE=VALUE", param);
	buf_adds(b, "{\"name\":");
	json_encode(param, (size_t)(name_end - param), b);
	buf_adds(b, ",\"parameterType\":{\"type\":");
	json_encode(type, type_len, b);
	buf_adds(b, "},\"parameterValue\":{\"value\":");
	json_encode(value + 1, strlen(value + 1), b);
	buf_adds(b, "}}");
}

/* The service knows a request by its id again, so that one that changes data may be repeated. */
static void
put_request(struct span sql, struct buf *b)
{
	char id[UUID_SIZE];

	buf_adds(b, "{\"query\":");
	json_encode(sql.p, sql.len, b);
	buf_addf(b, ",\"useLegacySql\":false,\"timeoutMs\":%d,\"formatOptions\":{\"useInt64Timestamp\":true}", WAIT_MS);
	put_string("requestId", rnd_uuid(id), b);
	if (opts.location != NULL)
		put_string("location", opts.location, b);
	if (opts.page != 0)
		buf_addf(b, ",\"maxResults\":%lld", (long long)opts.page);
	if (opts.most_bytes != 0)
		buf_addf(b, ",\"maximumBytesBilled\":\"%lld\"", (long long)opts.most_bytes);
	if (opts.params.n != 0) {
		buf_adds(b, ",\"parameterMode\":\"NAMED\",\"queryParameters\":[");
		for (size_t i = 0; i < opts.params.n; i++) {
			if (i != 0)
				buf_addc(b, ',');
			put_param(opts.params.v[i], b);
		}
		buf_addc(b, ']');
	}
	buf_addc(b, '}');
}

static void
read_sql(char *argv[], int n, struct buf *sql)
{
	const char *name = opts.file;
	int fd;

	if ((n == 1) == (opts.file != NULL))
		opt_misuse("%s", n == 1 ? "the SQL and -f exclude each other" : "no SQL: give it as an operand, or a file with -f");
	sql->max = MOST_SQL;
	if (n == 1) {
		buf_adds(sql, argv[0]);
		return;
	}
	if ((fd = io_open_input(&name)) == -1 || file_read_fd(fd, sql) == -1)
		die(ST_USAGE, "%s: %s", name, strerror(errno));
	io_close_input(fd);
}

/* ---- answers ---- */

/* One statement, which changes nothing when it is refused?  Of several, those before the bad one may have run; a ';' in a text counts, too. */
static bool
is_single(const char *sql)
{
	const char *end = strchr(sql, ';');

	return end == NULL || end[1 + strspn(end + 1, " \t\r\n")] == '\0';
}

static void
check(struct query *q, enum google_result st)
{
	switch (st) {
	case GOOGLE_OK:
		return;
	case GOOGLE_INTERRUPTED:
		exit(sig_exit(ST_FAILED));
	case GOOGLE_REFUSED:
		/* A quota is nothing that was set wrong; later it will do. */
		if (q->rows == 0 && q->single && (q->job == NULL || q->reply.status == 400) && strcmp(buf_str(&q->reply.reason), "quotaExceeded") != 0)
			die(ST_USAGE, "%s", buf_str(&q->reply.error));
		break;
	case GOOGLE_GAVE_UP:
		break;
	}
	die(ST_FAILED, "%s", buf_str(&q->reply.error));
}

/* A member's text for a URL, in place of the one before. */
static void
take_part(char **to, struct span object, const char *name)
{
	struct buf text = { 0 }, escaped = { 0 };
	struct span v;

	if (!json_member(object, name, strlen(name), &v) || !json_is_string(v))
		return;
	json_decode(json_inside(v), &text);
	http_escape(&escaped, buf_str(&text));
	free(*to);
	*to = mem_dup(buf_str(&escaped), escaped.len);
	buf_free(&text);
	buf_free(&escaped);
}

static void
put_rows(struct query *q, struct span rows)
{
	struct json_iter it;
	struct span row;

	for (it = json_open(rows); json_next_element(&it, &row); q->rows++) {
		if (!columns_put_row(&q->columns, row, &q->out))
			die(ST_FAILED, "row %llu does not have the form of its schema", (unsigned long long)q->rows + 1);
		buf_addc(&q->out, '\n');
		if (q->out.len > 256u << 10)
			std_flush(&q->out);
	}
	std_flush(&q->out);
}

/* No answer was lost, and none came twice: the service says how many rows there are. */
static void
check_total(const struct query *q)
{
	struct span v;
	unsigned long long total;

	if (!q->has_columns || !JSON_MEMBER(q->reply.object, "totalRows", &v) || !json_is_string(v))
		return;
	total = strtoull(json_inside(v).p, NULL, 10);
	if (q->rows > total || (q->page == NULL && q->rows < total))
		die(ST_FAILED, "BigQuery's answers hold %llu rows, of %llu", (unsigned long long)q->rows, total);
}

/* Take an answer apart; false: it was the last one. */
static bool
take_answer(struct query *q)
{
	struct span body = q->reply.object, v;
	struct buf why = { 0 };
	bool complete = JSON_MEMBER(body, "jobComplete", &v) && *v.p == 't';

	if (JSON_MEMBER(body, "jobReference", &v)) {
		take_part(&q->job, v, "jobId");
		take_part(&q->location, v, "location");
	}
	free(q->page);
	q->page = NULL;
	take_part(&q->page, body, "pageToken");
	if (!complete) {	/* mostly after WAIT_MS, but an answer may come at once */
		if (std_wait(NAP_MS) == -1)
			exit(sig_exit(ST_FAILED));
		return true;
	}
	if (!q->has_columns && JSON_MEMBER(body, "schema", &v)) {
		if (!columns_read(&q->columns, v, &why))
			die(ST_USAGE, "%s", buf_str(&why));
		q->has_columns = true;
	}
	if (JSON_MEMBER(body, "rows", &v) && *v.p == '[')
		put_rows(q, v);
	if (JSON_MEMBER(body, "numDmlAffectedRows", &v) && json_is_string(v))
		note("%.*s rows changed", (int)json_inside(v).len, json_inside(v).p);
	else
		check_total(q);
	return q->page != NULL;
}

static void
ask_on(struct query *q)
{
	struct buf path = { 0 };

	if (q->job == NULL)
		die(ST_FAILED, "an answer of BigQuery that names no job");
	buf_addf(&path, "/queries/%s?timeoutMs=%d&formatOptions.useInt64Timestamp=true", q->job, WAIT_MS);
	if (q->location != NULL)
		buf_addf(&path, "&location=%s", q->location);
	if (q->page != NULL)
		buf_addf(&path, "&pageToken=%s", q->page);
	if (opts.page != 0)
		buf_addf(&path, "&maxResults=%lld", (long long)opts.page);
	check(q, bigquery_call(q->bq, NULL, buf_str(&path), NULL, true, &q->reply));
	buf_free(&path);
}

int
main(int argc, char *argv[])
{
	struct query q = { 0 };
	struct buf sql = { 0 }, request = { 0 }, error = { 0 };
	int64_t start = when_mono();
	int n = opt_parse(&tool, argc, argv);

	read_sql(argv, n, &sql);
	put_request(span_of(&sql), &request);
	sig_catch();
	sig_ignore_pipe();
	q.single = is_single(buf_str(&sql));
	if ((q.bq = bigquery_new(&policy, opts.project, &error)) == NULL)
		die(ST_USAGE, "%s", buf_str(&error));

	check(&q, bigquery_call(q.bq, "POST", "/queries?prettyPrint=false", &request, true, &q.reply));
	while (take_answer(&q))
		ask_on(&q);

	verbose("rows=%llu requests=%llu seconds=%.1f", (unsigned long long)q.rows, (unsigned long long)bigquery_requests(q.bq),
	    (double)(when_mono() - start) / 1e3);
	columns_free(&q.columns);
	bigquery_reply_free(&q.reply);
	bigquery_free(q.bq);
	buf_free(&q.out);
	buf_free(&sql);
	buf_free(&request);
	free(q.job);
	free(q.location);
	free(q.page);
	return sig_exit(std_close(ST_OK));
}
