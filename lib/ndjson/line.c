#include "ndjson/line.h"

#include <string.h>

#include "base/io.h"
#include "json/splice.h"

bool
line_is_empty(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\r')
		p++;
	return *p == '\n';
}

const char *
line_check(struct scan *s, const char *p, const char *end, bool utf8_ok, size_t max_line, struct span *line, const char **at)
{
	const char *newline = scan_record(s, p), *bad;

	*at = NULL;
	if (newline == NULL)
		newline = memchr(s->at, '\n', (size_t)(end - s->at));
	*line = (struct span){ p, (size_t)(newline + 1 - p) };
	if (line->len - 1 > max_line)
		return LINE_TOO_LONG;
	bad = utf8_ok ? NULL : scan_utf8(p, line->len);
	if (bad != NULL && (s->error == NULL || bad < s->at)) {
		*at = bad;
		return "not UTF-8";
	}
	*at = s->error == NULL ? NULL : s->at;
	return s->error;
}

void
lines_init(struct lines *l, int fd, const char *name, size_t max_line, struct rejects *rejects)
{
	*l = (struct lines){ .name = name, .rejects = rejects };
	reader_init(&l->in, fd, max_line);
}

static void
keep_long(struct lines *l)
{
	if (!l->in_long)
		rejects_add(l->rejects, l->name, ++l->line, 0, LINE_TOO_LONG, "", 0);
	rejects_more(l->rejects, l->block.p, l->block.len);
	l->in_long = l->block.p[l->block.len - 1] != '\n';
}

/* Make l->p point to a line.  LINE_RECORD: there is one. */
static enum line_status
fill(struct lines *l)
{
	while (l->p == NULL || l->p == l->block.p + l->block.len) {
		bool first;

		l->p = NULL;
		rejects_flush(l->rejects);
		switch (reader_next(&l->in, &l->block)) {
		case READ_LINES:
			l->p = l->block.p;
			l->utf8_ok = scan_block(&l->scan, l->block.p, l->block.len);
			break;
		case READ_LONG:
			first = !l->in_long;
			keep_long(l);
			if (first)
				return LINE_REJECTED;
			break;
		case READ_IDLE:
			return LINE_IDLE;
		case READ_END:
			return LINE_END;
		case READ_ERROR:
			return LINE_ERROR;
		}
	}
	return LINE_RECORD;
}

enum line_status
lines_next(struct lines *l, struct record *r)
{
	for (;;) {
		enum line_status st = fill(l);
		const char *end = l->block.p + l->block.len, *at, *reason;

		if (st != LINE_RECORD)
			return st;
		l->line++;
		if (line_is_empty(l->p)) {
			l->p = (const char *)memchr(l->p, '\n', (size_t)(end - l->p)) + 1;
			continue;
		}
		reason = line_check(&l->scan, l->p, end, l->utf8_ok, l->in.max_line, &r->line, &at);
		l->p = r->line.p + r->line.len;
		if (reason != NULL) {
			rejects_add(l->rejects, l->name, l->line, at == NULL ? 0 : (size_t)(at - r->line.p) + 1, reason,
			    r->line.p, r->line.len);
			return LINE_REJECTED;
		}
		r->text = splice_text(r->line.p, r->line.p + r->line.len - 1);
		r->scan = &l->scan;
		l->records++;
		return LINE_RECORD;
	}
}

void
lines_free(struct lines *l)
{
	reader_free(&l->in);
	buf_free(&l->block);
	scan_free(&l->scan);
}

int
lines_open(struct lines *l, const char *operand, size_t max_line, struct rejects *rejects)
{
	int fd;

	rejects_check(rejects, operand);
	if ((fd = io_open_input(&operand)) == -1) {
		*l = (struct lines){ .name = operand };
		return -1;
	}
	lines_init(l, fd, operand, max_line, rejects);
	return 0;
}

void
lines_close(struct lines *l)
{
	io_close_input(l->in.fd);
	lines_free(l);
}
