#include "google/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "json/str.h"

#define MOST_NAME 1024		/* bytes of a dataset's or a table's name */
#define MOST_SCHEMA (16u << 20)	/* bytes; 10,000 columns with their descriptions take less */
#define MOST_DEPTH 15		/* of records in records */
#define MOST_CLUSTERED 4

/* ---- names ---- */

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Words, the characters of more, and with wide what lies beyond ASCII, which the service knows better. */
static bool
is_name(struct span s, const char *more, bool wide)
{
	if (s.len == 0 || s.len > MOST_NAME)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_word(s.p[i]) && !(wide && (unsigned char)s.p[i] >= 0x80) && (s.p[i] == '\0' || strchr(more, s.p[i]) == NULL))
			return false;
	return true;
}

/* Where the name's last part begins: behind the last of these characters. */
static const char *
last_part(const char *text, const char *end, const char *marks)
{
	while (end > text && strchr(marks, end[-1]) == NULL)
		end--;
	return end;
}

static struct span
between(const char *p, const char *end)
{
	return (struct span){ p, (size_t)(end - p) };
}

static struct span
text_span(const char *text)
{
	return (struct span){ text, text == NULL ? 0 : strlen(text) };
}

/* Without the $YYYYMMDD of a partition. */
static struct span
whole_table(const char *table)
{
	return (struct span){ table, strcspn(table, "$") };
}

static bool
refuse(const char *text, const char *what, struct buf *error)
{
	buf_addf(error, "'%s' is not [PROJECT.]DATASET.TABLE: %s", text, what);
	return false;
}

/* The project may hold dots and a colon (example.com:logs), so the parts are taken from the end. */
bool
table_name_parse(struct table_name *n, const char *text, const char *project, const char *dataset, struct buf *error)
{
	const char *end = text + strlen(text), *table = last_part(text, end, "."), *set = table;
	struct span of_dataset = text_span(dataset), of_project = text_span(project), whole = whole_table(table);

	if (table > text) {
		set = last_part(text, table - 1, ".:");
		of_dataset = between(set, table - 1);
	} else if (dataset == NULL) {
		return refuse(text, "no dataset", error);
	}
	if (set > text && table > text)
		of_project = between(text, set - 1);
	if (!is_name(whole, "- ", true) || scan_utf8(whole.p, whole.len) != NULL)
		return refuse(text, "a table's name is of letters, digits, '_', '-' and blanks", error);
	if (table[whole.len] == '$' && !is_name(between(table + whole.len + 1, end), "", false))
		return refuse(text, "a partition is $YYYYMMDD, or as many digits as it has", error);
	if (!is_name(of_dataset, "", false))
		return refuse(text, "a dataset's name is of letters, digits and '_'", error);
	if (!is_name(of_project, "-.:", false))
		return refuse(text, "a project's id is of letters, digits and '-'", error);
	n->project = mem_dup(of_project.p, of_project.len);
	n->dataset = mem_dup(of_dataset.p, of_dataset.len);
	n->table = mem_dup(table, strlen(table));
	return true;
}

void
table_name_free(struct table_name *n)
{
	free(n->project);
	free(n->dataset);
	free(n->table);
	*n = (struct table_name){ 0 };
}

static void
put_dataset_members(const struct table_name *n, struct buf *out)
{
	buf_adds(out, "{\"projectId\":");
	json_encode(n->project, strlen(n->project), out);
	buf_adds(out, ",\"datasetId\":");
	json_encode(n->dataset, strlen(n->dataset), out);
}

static void
put_reference(const struct table_name *n, struct span table, struct buf *out)
{
	put_dataset_members(n, out);
	buf_adds(out, ",\"tableId\":");
	json_encode(table.p, table.len, out);
	buf_addc(out, '}');
}

void
table_put_reference(const struct table_name *n, struct buf *out)
{
	put_reference(n, text_span(n->table), out);
}

/* ---- schemas ---- */

static bool	check_fields(struct span fields, int depth, const char *path, struct buf *error);

static bool
has_text(struct span object, const char *name, struct span *v)
{
	return json_member(object, name, strlen(name), v) && json_is_string(*v) && v->len > 2;
}

/* What the service would not understand at all; what the types and modes mean is its own affair. */
static bool
check_field(struct span field, size_t at, int depth, const char *path, struct buf *error)
{
	struct span name, type, fields;

	if (*field.p != '{' || !has_text(field, "name", &name)) {
		buf_addf(error, "%s: column %zu has no name", path, at);
		return false;
	}
	if (!has_text(field, "type", &type)) {
		buf_addf(error, "%s: column %.*s has no type", path, (int)name.len, name.p);
		return false;
	}
	if (!JSON_MEMBER(field, "fields", &fields))
		return true;
	return check_fields(fields, depth + 1, path, error);
}

static bool
check_fields(struct span fields, int depth, const char *path, struct buf *error)
{
	struct json_iter it;
	struct span field;
	size_t n = 0;

	if (*fields.p != '[') {
		buf_addf(error, "%s: \"fields\" is no list of columns", path);
		return false;
	}
	if (depth > MOST_DEPTH) {
		buf_addf(error, "%s: records more than %d levels deep", path, MOST_DEPTH);
		return false;
	}
	for (it = json_open(fields); json_next_element(&it, &field); )
		if (!check_field(field, ++n, depth, path, error))
			return false;
	if (n == 0)
		buf_addf(error, "%s: no columns", path);
	return n != 0;
}

/* Put on one line and check that it is JSON; a BOM is dropped. */
static bool
scan_text(struct buf *text, struct span *value, const char *path, struct buf *error)
{
	struct scan s = { 0 };
	const char *p, *bad;
	bool valid;

	buf_pad(text);
	json_one_line(text->p, text->len);
	p = text->len >= 3 && memcmp(text->p, "\xef\xbb\xbf", 3) == 0 ? text->p + 3 : text->p;
	bad = scan_utf8(text->p, text->len);
	valid = bad == NULL && scan_value(&s, p) == text->p + text->len;
	if (!valid)
		buf_addf(error, "%s: %s", path, bad != NULL ? "not UTF-8" : s.error != NULL ? s.error : "more than one value");
	p += strspn(p, " \t\r");
	*value = (struct span){ p, valid ? (size_t)(json_skip(p) - p) : 0 };
	scan_free(&s);
	return valid;
}

bool
table_read_schema(const char *path, struct buf *out, struct buf *error)
{
	struct buf text = { .max = MOST_SCHEMA };
	struct span value = { 0 }, fields = { 0 };
	bool good = false;

	if (file_read(path, &text) == -1) {
		buf_addf(error, "%s: %s", path, strerror(errno));
	} else if (scan_text(&text, &value, path, error)) {
		fields = value;
		if (*value.p != '[' && !JSON_MEMBER(value, "fields", &fields))
			buf_addf(error, "%s: neither a list of columns nor {\"fields\":[...]}", path);
		else
			good = check_fields(fields, 1, path, error);
	}
	if (good) {
		buf_adds(out, "{\"fields\":");
		buf_add(out, fields.p, fields.len);
		buf_addc(out, '}');
	}
	buf_free(&text);
	return good;
}

/* ---- layout ---- */

/* The next column of a list in commas, without the blanks around it. */
static struct span
next_column(const char **list)
{
	size_t len = strcspn(*list, ",");
	const char *p = *list, *end = p + len;

	*list = *end == ',' ? end + 1 : end;
	while (p < end && *p == ' ')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	return between(p, end);
}

bool
table_check_layout(const struct table_layout *l, struct buf *error)
{
	const char *list = l->cluster;
	size_t n = 0;

	if (l->partition != NULL && *l->partition == '\0') {
		buf_adds(error, "--partition: no column");
		return false;
	}
	if (list == NULL)
		return true;
	do {
		if (next_column(&list).len == 0) {
			buf_adds(error, "--cluster: a column without a name");
			return false;
		}
		n++;
	} while (*list != '\0');
	if (n > MOST_CLUSTERED || list[-1] == ',') {
		buf_addf(error, "--cluster: %s", n > MOST_CLUSTERED ? "more than four columns" : "a column without a name");
		return false;
	}
	return true;
}

void
table_put_layout(const struct table_layout *l, struct buf *out)
{
	if (l->partition != NULL) {
		buf_adds(out, ",\"timePartitioning\":{\"type\":\"DAY\",\"field\":");
		json_encode(l->partition, strlen(l->partition), out);
		buf_addc(out, '}');
	}
	if (l->cluster == NULL)
		return;
	buf_adds(out, ",\"clustering\":{\"fields\":[");
	for (const char *list = l->cluster; *list != '\0'; ) {
		struct span column = next_column(&list);

		json_encode(column.p, column.len, out);
		if (*list != '\0')
			buf_addc(out, ',');
	}
	buf_adds(out, "]}");
}

/* ---- calls ---- */

static void
put_datasets(const struct table_name *n, struct buf *path)
{
	buf_adds(path, "/projects/");
	http_escape(path, n->project);
	buf_adds(path, "/datasets");
}

static void
put_dataset(const struct table_name *n, struct buf *path)
{
	put_datasets(n, path);
	buf_addc(path, '/');
	http_escape(path, n->dataset);
}

void
table_put_path(const struct table_name *n, struct buf *out)
{
	put_dataset(n, out);
	buf_adds(out, "/tables/");
	http_escape(out, n->table);
}

/* What the service knows of the dataset, or of the table; of a partition it would be that of the table. */
static enum google_result
get(struct bigquery *b, const struct table_name *n, bool table, struct bigquery_reply *r)
{
	struct span whole = whole_table(n->table);
	struct table_name of = *n;
	struct buf path = { 0 };
	enum google_result st;

	of.table = mem_dup(whole.p, whole.len);
	if (table)
		table_put_path(&of, &path);
	else
		put_dataset(&of, &path);
	buf_adds(&path, "?prettyPrint=false");
	st = bigquery_call(b, NULL, buf_str(&path), NULL, true, r);
	free(of.table);
	buf_free(&path);
	return st;
}

/* The service says that there is no such thing (and not something else on the way there). */
static bool
is_missing(enum google_result st, struct bigquery_reply *r)
{
	return st == GOOGLE_REFUSED && r->status == 404 && strcmp(buf_str(&r->reason), "notFound") == 0;
}

static void
take_location(struct bigquery_reply *r, struct buf *location)
{
	struct span v;

	if (JSON_MEMBER(r->object, "location", &v) && json_is_string(v))
		json_decode(json_inside(v), location);
}

enum google_result
table_get(struct bigquery *b, const struct table_name *n, struct table_info *info, struct bigquery_reply *r)
{
	struct span v;
	enum google_result st = get(b, n, true, r);

	info->exists = st == GOOGLE_OK;
	info->created = 0;
	buf_clear(&info->schema);
	buf_clear(&info->location);
	if (info->exists && JSON_MEMBER(r->object, "schema", &v))
		buf_add(&info->schema, v.p, v.len);
	if (info->exists && JSON_MEMBER(r->object, "creationTime", &v) && json_is_string(v))
		info->created = strtoull(json_inside(v).p, NULL, 10);
	buf_pad(&info->schema);
	if (is_missing(st, r))
		st = get(b, n, false, r);
	if (st == GOOGLE_OK)
		take_location(r, &info->location);
	if (is_missing(st, r)) {
		buf_clear(&r->error);
		st = GOOGLE_OK;
	}
	return st;
}

/* Another may have been faster, or the answer to a first try was lost: what is there is as good. */
static enum google_result
create(struct bigquery *b, struct buf *path, const struct buf *body, struct bigquery_reply *r)
{
	enum google_result st;

	buf_adds(path, "?prettyPrint=false");
	st = bigquery_call(b, "POST", buf_str(path), body, true, r);
	if (st != GOOGLE_REFUSED || r->status != 409)
		return st;
	buf_clear(&r->error);
	return GOOGLE_OK;
}

static enum google_result
create_dataset(struct bigquery *b, const struct table_name *n, const char *location, struct bigquery_reply *r)
{
	struct buf path = { 0 }, body = { 0 };
	enum google_result st;

	buf_adds(&body, "{\"datasetReference\":");
	put_dataset_members(n, &body);
	buf_addc(&body, '}');
	if (location != NULL) {
		buf_adds(&body, ",\"location\":");
		json_encode(location, strlen(location), &body);
	}
	buf_addc(&body, '}');
	put_datasets(n, &path);
	st = create(b, &path, &body, r);
	buf_free(&path);
	buf_free(&body);
	return st;
}

static enum google_result
create_table(struct bigquery *b, const struct table_name *n, const struct table_layout *l, struct bigquery_reply *r)
{
	struct buf path = { 0 }, body = { 0 };
	enum google_result st;

	buf_adds(&body, "{\"tableReference\":");
	put_reference(n, whole_table(n->table), &body);
	buf_adds(&body, ",\"schema\":");
	buf_add(&body, l->schema.p, l->schema.len);
	table_put_layout(l, &body);
	buf_addc(&body, '}');
	put_dataset(n, &path);
	buf_adds(&path, "/tables");
	st = create(b, &path, &body, r);
	buf_free(&path);
	buf_free(&body);
	return st;
}

/* Datasets are asked for first: who may write to one often must not create others. */
enum google_result
table_create(struct bigquery *b, const struct table_name *n, const struct table_layout *l, struct bigquery_reply *r)
{
	enum google_result st = get(b, n, false, r);

	if (is_missing(st, r))
		st = create_dataset(b, n, l->location, r);
	if (st == GOOGLE_OK && l->schema.len != 0)
		st = create_table(b, n, l, r);
	return st;
}

void
table_info_free(struct table_info *info)
{
	buf_free(&info->schema);
	buf_free(&info->location);
}
