#include "json/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/str.h"

static bool
name_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c >= 0x80;
}

static struct path_step *
add(struct path *path, size_t *cap)
{
	path->step = mem_grow(path->step, cap, path->n + 1, sizeof *path->step);
	memset(&path->step[path->n], 0, sizeof *path->step);
	return &path->step[path->n++];
}

/* ["odd key"] from the quote on.  Returns what follows the quote, or NULL. */
static const char *
quoted(struct path_step *step, const char *p)
{
	struct buf line = { 0 }, name = { 0 };
	struct scan s = { 0 };
	const char *end = p + 1;

	while (*end != '\0' && *end != '"')
		end += *end == '\\' && end[1] != '\0' ? 2 : 1;
	if (*end != '"')
		return NULL;
	end++;
	buf_add(&line, p, (size_t)(end - p));
	buf_pad(&line);
	if (scan_value(&s, line.p) == NULL || scan_utf8(line.p, line.len) != NULL) {
		buf_free(&line);
		return NULL;
	}
	json_decode((struct span){ line.p + 1, line.len - 2 }, &name);
	step->name = mem_dup(name.p, name.len);
	step->len = name.len;
	buf_free(&name);
	buf_free(&line);
	scan_free(&s);
	return end;
}

static const char *
bracket(struct path_step *step, const char *p, const char **error)
{
	char *end;

	if (*p == '"') {
		if ((p = quoted(step, p)) == NULL) {
			*error = "a quoted name is not a JSON string";
			return NULL;
		}
	} else {
		errno = 0;
		step->index = strtol(p, &end, 10);
		if (end == p || errno != 0 || *p == ' ' || *p == '+') {
			*error = "in brackets a number or a quoted name must stand";
			return NULL;
		}
		p = end;
	}
	if (*p != ']') {
		*error = "']' is missing";
		return NULL;
	}
	return p + 1;
}

int
path_parse(struct path *path, const char *text, const char **error)
{
	const char *p = text;
	size_t cap = 0;

	*path = (struct path){ 0 };
	while (*p != '\0') {
		struct path_step *step;
		const char *from;
		bool dot = *p == '.';

		if (!dot && *p != '[' && p != text) {
			*error = "'.' or '[' is missing";
			goto bad;
		}
		p += dot;
		step = add(path, &cap);
		if (*p == '[') {
			if ((p = bracket(step, p + 1, error)) == NULL)
				goto bad;
			continue;
		}
		for (from = p; name_char((unsigned char)*p); )
			p++;
		if (p == from) {
			*error = "a name is missing";
			goto bad;
		}
		step->name = mem_dup(from, (size_t)(p - from));
		step->len = (size_t)(p - from);
	}
	if (path->n == 0) {
		*error = "it is empty";
		return -1;
	}
	return 0;
bad:
	path_free(path);
	return -1;
}

void
path_free(struct path *path)
{
	for (size_t i = 0; i < path->n; i++)
		free(path->step[i].name);
	free(path->step);
	*path = (struct path){ 0 };
}

char *
path_member(const char *text)
{
	struct path path;
	const char *error;
	char *name = NULL;

	if (path_parse(&path, text, &error) == -1)
		return NULL;
	if (path.n == 1 && path.step[0].name != NULL && strlen(path.step[0].name) == path.step[0].len) {
		name = path.step[0].name;
		path.step[0].name = NULL;
	}
	path_free(&path);
	return name;
}

static bool
element(struct span array, long index, struct span *val)
{
	struct json_iter it;
	long n = 0;

	if (array.p[0] != '[')
		return false;
	if (index < 0) {
		for (it = json_open(array); json_next_element(&it, val); )
			n++;
		if ((index += n) < 0)
			return false;
	}
	for (it = json_open(array); json_next_element(&it, val); )
		if (index-- == 0)
			return true;
	return false;
}

bool
path_find(const struct path *path, const struct scan *record, struct span *val)
{
	const struct path_step *step = path->step;
	const struct member *m;

	if (step->name == NULL || (m = scan_find(record, step->name, step->len)) == NULL)
		return false;
	*val = m->val;
	for (size_t i = 1; i < path->n; i++) {
		step = &path->step[i];
		if (step->name != NULL ? !json_member(*val, step->name, step->len, val) : !element(*val, step->index, val))
			return false;
	}
	return true;
}
